package widgets

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared"
)

// HistogramOptions says how Histogram looks.
type HistogramOptions struct {
	Bins   int        // 0 = by the Freedman-Diaconis rule, 10 to 80
	Log    bool       // logarithmic x axis; values that are not positive are left out
	Range  [2]float64 // ends of the bins; 0, 0 = least and greatest value
	Marks  []float64  // values to mark with a line, such as a filter's bounds
	YLabel string     // "" = "number"
}

// Histogram draws how often values of a size occur. Values that are not
// finite are left out and counted in the caption.
func Histogram(title, label string, values []float64, o HistogramOptions) (*PlotFigure, error) {
	var v []float64
	for _, x := range values {
		if finite(x) && (!o.Log || x > 0) {
			if o.Log {
				x = math.Log10(x)
			}
			v = append(v, x)
		}
	}
	if len(v) == 0 {
		return nil, fmt.Errorf("widgets: histogram %q: no values to show", title)
	}
	s := describe(v)
	bins := o.Bins
	if bins <= 0 {
		bins = freedmanDiaconis(&s)
	}
	if o.YLabel == "" {
		o.YLabel = "number"
	}
	lo, hi, bins := binning(&s, bins, o)
	bars, most := histogramBars(v, lo, hi, bins, label, o)
	q := panel{x: numeric(label, lo, hi), y: numeric(o.YLabel, 0, float64(most)), weight: 1, marks: []mark{bars}}
	if o.Log {
		q.x.pow10, q.x.min, q.x.max = true, lo, hi
	}
	q.marks = append(q.marks, markLines(&q, o)...)
	unlog := func(x float64) float64 {
		if o.Log {
			return math.Pow(10, x)
		}
		return x
	}
	d := decimalsFor(unlog(s.greatest) - unlog(s.least))
	p := &plot{title: []string{title}, panels: []panel{q}, height: 300}
	p.subtitle = []string{plural(len(v), "value"), "median " + format(unlog(s.median), d), "from " + format(unlog(s.least), d) + " to " + format(unlog(s.greatest), d)}
	p.text = title + "\n  " + strings.Join(p.subtitle, ", ") + " (" + label + ")"
	p.caption = plural(bins, "bin") + "."
	if left := len(values) - len(v); left > 0 {
		why := "not finite"
		if o.Log {
			why = "not positive"
		}
		p.caption += " " + plural(left, "value") + " left out: " + why + "."
	}
	return p.figure(), nil
}

// freedmanDiaconis returns the number of bins of width 2 IQR n^(-1/3)
// (Freedman and Diaconis 1981, doi 10.1007/BF01025868), 10 to 80.
func freedmanDiaconis(s *sample) int {
	width := 2 * (s.q3 - s.q1) * math.Pow(float64(s.n), -1.0/3)
	if !(width > 0) {
		return 30
	}
	return int(math.Max(10, math.Min(80, math.Ceil((s.greatest-s.least)/width))))
}

// binning returns the ends and the number of the bins. Whole numbers get bins
// that hold equally many of them.
func binning(s *sample, bins int, o HistogramOptions) (lo, hi float64, n int) {
	lo, hi = s.least, s.greatest
	if o.Range != [2]float64{} && o.Range[1] > o.Range[0] && !o.Log {
		return o.Range[0], o.Range[1], bins
	}
	whole := !o.Log
	for _, x := range s.sorted {
		whole = whole && x == math.Trunc(x)
	}
	if whole {
		width := math.Max(1, math.Round((hi-lo+1)/float64(bins)))
		bins = int(math.Ceil((hi - lo + 1) / width))
		return lo - 0.5, lo - 0.5 + float64(bins)*width, bins
	}
	if !(hi > lo) {
		lo, hi = lo-0.5, hi+0.5
	}
	return lo, hi, bins
}

func histogramBars(v []float64, lo, hi float64, bins int, label string, o HistogramOptions) (bars mark, most int) {
	n := make([]int, bins)
	for _, x := range v {
		k := max(0, min(bins-1, int(float64(bins)*(x-lo)/(hi-lo))))
		n[k]++
		most = max(most, n[k])
	}
	bars = mark{kind: rectKind, name: o.YLabel, color: series[0], opacity: 0.85, gap: 1}
	for k, c := range n {
		a, b := lo+(hi-lo)*float64(k)/float64(bins), lo+(hi-lo)*float64(k+1)/float64(bins)
		bars.items = append(bars.items, []float64{a, b, 0, float64(c)})
		if o.Log {
			a, b = math.Pow(10, a), math.Pow(10, b)
		}
		d := decimalsFor(b-a) - 1
		bars.tips = append(bars.tips, []string{label, "from\t" + format(a, max(0, d)), "to\t" + format(b, max(0, d)), o.YLabel + "\t" + count(c)})
	}
	return bars, most
}

// markLines draws the lines of HistogramOptions.Marks that lie within.
func markLines(q *panel, o HistogramOptions) []mark {
	var out []mark
	for _, at := range o.Marks {
		name := format(at, decimalsFor(at))
		if o.Log {
			at = math.Log10(at)
		}
		if !(at >= q.x.min && at <= q.x.max) {
			continue
		}
		out = append(out,
			mark{kind: lineKind, name: name, color: series[1], size: 1.5, dashed: true, silent: true, items: [][]float64{{at, q.y.min}, {at, q.y.max}}},
			mark{kind: textKind, silent: true, items: [][]float64{{at, q.y.max}}, texts: []label{{Text: name, DX: 6, DY: 8, Align: "left", Color: series[1]}}})
	}
	return out
}

// CountsPerSpot draws the histogram of the spots' total counts.
func CountsPerSpot(ds *spared.Dataset) (*PlotFigure, error) {
	v := make([]float64, len(ds.Spots))
	for i := range ds.Spots {
		v[i] = ds.Spots[i].TotalCounts
	}
	return Histogram("Counts per spot", "counts", v, HistogramOptions{Log: true, YLabel: "spots"})
}

// GenesPerSpot draws the histogram of the genes detected in each spot.
func GenesPerSpot(ds *spared.Dataset) (*PlotFigure, error) {
	v := make([]float64, len(ds.Spots))
	for i := range ds.Spots {
		v[i] = float64(ds.Spots[i].GenesDetected)
	}
	return Histogram("Genes detected per spot", "genes", v, HistogramOptions{YLabel: "spots"})
}

// DetectionFraction draws the histogram, over genes, of the share of spots in
// which the gene was measured.
func DetectionFraction(ds *spared.Dataset) (*PlotFigure, error) {
	spots, genes := ds.N()
	if len(ds.Mask) != spots*genes || spots == 0 {
		return nil, fmt.Errorf("widgets: the data set does not tell what was measured (its mask has %d entries for %d x %d)", len(ds.Mask), spots, genes)
	}
	v := make([]float64, genes)
	for i, m := range ds.Mask {
		if m {
			v[i%genes] += 1 / float64(spots)
		}
	}
	return Histogram("Detection of the genes", "share of spots with a count", v, HistogramOptions{Range: [2]float64{0, 1}, Bins: 25, YLabel: "genes"})
}

// RankingOptions says how Ranking looks.
type RankingOptions struct {
	Named int // names shown at each end; 0 = 5
	Kept  int // the first Kept are marked as chosen; 0 = no mark
}

// Ranking draws named values from greatest to least as a line, with the names
// at both ends. Values that are not finite come last and are not drawn.
func Ranking(title, label string, names []string, values []float64, o RankingOptions) (*PlotFigure, error) {
	if len(names) != len(values) {
		return nil, fmt.Errorf("widgets: ranking: %d names for %d values", len(names), len(values))
	}
	var order []int
	for i, v := range values {
		if finite(v) {
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		return nil, fmt.Errorf("widgets: ranking %q: no values to show", title)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	if o.Named == 0 {
		o.Named = 5
	}
	n := len(order)
	q := panel{x: numeric("rank", 0, float64(max(n, 2))), y: numeric(label, values[order[n-1]], values[order[0]]), weight: 1}
	curve := mark{kind: lineKind, name: label, color: series[0], size: 2, silent: true}
	dots := mark{kind: pointKind, name: label, color: series[0], size: 5, opacity: 0.9}
	if n > 200 {
		dots.size = 3
	}
	d := decimalsFor(values[order[0]] - values[order[n-1]])
	for r, i := range order {
		at := []float64{float64(r + 1), values[i]}
		curve.items, dots.items = append(curve.items, at), append(dots.items, at)
		dots.tips = append(dots.tips, []string{names[i], "rank\t" + count(r+1), label + "\t" + format(values[i], d)})
	}
	q.marks = append([]mark{curve, dots}, keptLine(&q, o.Kept, n)...)
	q.marks = append(q.marks, rankLabels(&q, order, names, values, o.Named))
	p := &plot{title: []string{title}, subtitle: []string{count(n) + " ranked", "from " + format(values[order[0]], d) + " to " + format(values[order[n-1]], d)},
		panels: []panel{q}, height: 340, caption: "The first and the last are named, with their ranks; point at the curve for others."}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", title, strings.Join(p.subtitle, ", "))
	for r, i := range order {
		if r < o.Named || r >= n-o.Named {
			fmt.Fprintf(&b, "  %d. %s %s\n", r+1, names[i], format(values[i], d))
		}
	}
	p.text = b.String()
	return p.figure(), nil
}

func keptLine(q *panel, kept, n int) []mark {
	if kept <= 0 || kept >= n {
		return nil
	}
	at := float64(kept) + 0.5
	return []mark{
		{kind: lineKind, name: "kept", color: series[1], size: 1.5, dashed: true, silent: true, items: [][]float64{{at, q.y.min}, {at, q.y.max}}},
		{kind: textKind, silent: true, items: [][]float64{{at, q.y.max}}, texts: []label{{Text: count(kept) + " kept", DX: 6, DY: 8, Align: "left", Color: series[1]}}},
	}
}

// rankLabels names both ends, each name with its rank: the best to the right
// of the falling curve, the worst stacked above its end, no closer than a line
// of text.
func rankLabels(q *panel, order []int, names []string, values []float64, named int) mark {
	m := mark{kind: textKind, silent: true}
	n := len(order)
	named = min(named, (n+1)/2)
	const height, half = 250, 8 // of the drawing area and of half a line, CSS pixels
	up := func(pixels float64) float64 { return pixels / height * (q.y.max - q.y.min) }
	place := func(r int, x, y float64, dx float64, align string) {
		m.items = append(m.items, []float64{x, y})
		m.texts = append(m.texts, label{Text: count(r+1) + "  " + names[order[r]], DX: dx, Align: align})
	}
	y := math.Inf(1)
	for r := range named {
		y = math.Min(values[order[r]], y-up(2*half))
		x := r
		for x < n-1 && values[order[x]] > y-up(half) {
			x++
		}
		place(r, float64(x+1), y, 8, "left")
	}
	// Above the curve where the widest name begins.
	y = values[order[n-1-n/6]] + up(half)
	for r := n - 1; r >= n-named; r-- {
		y += up(2 * half)
		place(r, float64(n), y, 0, "right")
	}
	return m
}

// MoranRanking draws the genes' Moran's I from greatest to least: of all genes
// that passed the filter where the data set lists them, with a line where the
// choice ends, else of the chosen ones.
func MoranRanking(ds *spared.Dataset) (*PlotFigure, error) {
	genes := ds.Panel
	if len(genes) == 0 {
		for _, g := range ds.Genes {
			genes = append(genes, spared.PanelGene{ID: g.ID, Symbol: g.Symbol, Moran: g.Moran})
		}
	}
	names, v := make([]string, len(genes)), make([]float64, len(genes))
	for j, g := range genes {
		if names[j], v[j] = g.Symbol, g.Moran; names[j] == "" {
			names[j] = g.ID
		}
	}
	return Ranking("Genes by Moran’s I", "Moran’s I", names, v, RankingOptions{Kept: len(ds.Genes)})
}
