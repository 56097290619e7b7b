package widgets

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/explore"
)

const qcBins = 50

// CountHistograms draws, for each of five sizes, its histogram over the slides
// as they were read (raw; nil = unknown) and over the data set (SpaRED's
// plot_histograms): counts per spot, least share of spots with the gene, spots
// with the gene, counts of the gene, Moran's I. All but the first count
// logarithmically.
func CountHistograms(ds *spared.Dataset, raw *explore.Raw) ([]Figure, error) {
	totals, sums := make([]float64, len(ds.Spots)), make([]float64, len(ds.Genes))
	if counts, err := matrix(ds, spared.LayerCounts); err == nil {
		for i := range totals {
			for j, v := range counts.Data[i*counts.Stride : i*counts.Stride+counts.Cols] {
				totals[i] += float64(v)
				sums[j] += float64(v)
			}
		}
	} else {
		for i := range totals {
			totals[i] = ds.Spots[i].TotalCounts
		}
		for j := range sums {
			sums[j] = ds.Genes[j].Total
		}
	}
	kept := func(f func(*spared.Gene) float64) []float64 {
		v := make([]float64, len(ds.Genes))
		for j := range v {
			v[j] = f(&ds.Genes[j])
		}
		return v
	}
	before := func(f func(*explore.RawGene) float64) []float64 {
		if raw == nil {
			return nil
		}
		v := make([]float64, len(raw.Genes))
		for j := range v {
			v[j] = f(&raw.Genes[j])
		}
		return v
	}
	var rawTotals, panel []float64
	if raw != nil {
		rawTotals = raw.Total
	}
	for _, g := range ds.Panel {
		panel = append(panel, g.Moran)
	}
	c := &collect{}
	for _, h := range []histogramPair{
		{"Counts per spot", "counts", "spots", rawTotals, totals, false, series[6], ""},
		{"Least share of a slide’s spots with the gene", "share of spots (exp_frac)", "genes", before(func(g *explore.RawGene) float64 { return g.ExpFrac }),
			kept(func(g *spared.Gene) float64 { return g.ExpFrac }), true, series[2], ""},
		{"Spots with the gene", "spots", "genes", before(func(g *explore.RawGene) float64 { return float64(g.Spots) }),
			kept(func(g *spared.Gene) float64 { return float64(g.Detected) }), true, series[0], ""},
		{"Counts of the gene", "counts", "genes", before(func(g *explore.RawGene) float64 { return g.Total }), sums, true, series[1], ""},
		{"Moran’s I of the genes", "Moran’s I", "genes", panel, kept(func(g *spared.Gene) float64 { return g.Moran }), true, series[4], ""},
	} {
		c.add(h.figure(ds, raw))
	}
	return c.figs, c.err
}

// histogramPair is one size before and after curation.
type histogramPair struct {
	title, label, what string
	before, after      []float64 // before nil = unknown
	log                bool      // logarithmic numbers
	color              string
	words              string // of what is after; "" = the data set's spots and genes
}

func (h histogramPair) figure(ds *spared.Dataset, raw *explore.Raw) (*PlotFigure, error) {
	p := &plot{title: []string{h.title}, height: 250}
	text := h.title
	for _, side := range []struct {
		words string
		v     []float64
	}{{h.wordsBefore(ds, raw), h.before}, {h.wordsAfter(ds), h.after}} {
		var v []float64
		for _, x := range side.v {
			if finite(x) {
				v = append(v, x)
			}
		}
		if len(v) == 0 {
			continue
		}
		q, words := h.panel(side.words, v)
		q.y.label = h.what
		p.panels = append(p.panels, q)
		p.subtitle = append(p.subtitle, words)
		text += "\n  " + words
	}
	if len(p.panels) == 0 {
		return nil, fmt.Errorf("widgets: %s: no values to show", h.title)
	}
	p.text = text
	p.caption = plural(qcBins, "bin") + "."
	if h.log {
		p.caption += " The numbers of " + h.what + " are on a logarithmic scale."
	}
	return p.figure(), nil
}

func (h histogramPair) wordsBefore(ds *spared.Dataset, raw *explore.Raw) string {
	if strings.HasPrefix(h.title, "Moran") {
		return "genes that passed the filter"
	}
	if raw == nil {
		return ""
	}
	return "as read: " + plural(len(raw.Total), "spot") + ", " + plural(len(raw.Genes), "gene")
}

func (h histogramPair) wordsAfter(ds *spared.Dataset) string {
	if h.words != "" {
		return h.words
	}
	return "after curation: " + plural(len(ds.Spots), "spot") + ", " + plural(len(ds.Genes), "gene")
}

// panel makes one half and says its median.
func (h histogramPair) panel(words string, v []float64) (panel, string) {
	s := describe(v)
	lo, hi, bins := binning(&s, qcBins, HistogramOptions{Bins: qcBins})
	bars, most := histogramBars(v, lo, hi, bins, h.label, HistogramOptions{YLabel: h.what})
	bars.color, bars.gap = h.color, 0.5
	q := panel{x: numericTicks(h.label+", "+words[:strings.IndexByte(words+":", ':')], lo, hi, 5), y: numericTicks("", 0, float64(most), 5), weight: 1}
	// Nothing is below zero, and the last number of the axis must have room.
	if q.x.max = hi; s.least >= 0 {
		q.x.min = math.Max(0, q.x.min)
	}
	if h.log {
		const floor = -0.3 // half a gene
		q.y = decades("", floor, math.Log10(float64(most))+0.02)
		q.y.min = floor
		for i := range bars.items {
			n := bars.items[i][3]
			bars.items[i][2], bars.items[i][3] = floor, math.Max(floor, math.Log10(math.Max(n, 0.5)))
		}
	}
	q.marks = []mark{bars}
	return q, words + ", median " + format(s.median, decimalsFor(s.greatest-s.least))
}

const fractionBins = 20

// ExpressionFractions divides the plane of the share of all spots with the
// gene and the least such share of a slide into 20 x 20 cells and counts the
// genes in each (SpaRED's plot_exp_frac): before curation where raw is known,
// with the genes kept as points, else those kept only.
func ExpressionFractions(ds *spared.Dataset, raw *explore.Raw) (*PlotFigure, error) {
	var x, y []float64
	if raw != nil {
		for j := range raw.Genes {
			x, y = append(x, raw.Genes[j].GlobalFrac), append(y, raw.Genes[j].ExpFrac)
		}
	} else {
		for j := range ds.Genes {
			x, y = append(x, ds.Genes[j].GlobalFrac), append(y, ds.Genes[j].ExpFrac)
		}
	}
	if len(x) == 0 {
		return nil, fmt.Errorf("widgets: no genes to show")
	}
	q := panel{x: scale{label: "share of all spots with the gene (glob_exp_frac)", min: 0, max: 1, step: 0.1},
		y: scale{label: "least share of a slide’s spots (exp_frac)", min: 0, max: 1, step: 0.1}, weight: 1}
	q.marks = fractionCells(x, y)
	p := &plot{title: []string{"In how many spots genes are found"}, height: 460, panels: nil}
	p.subtitle = []string{"after curation", plural(len(x), "gene")}
	p.caption = "Numbers: genes in a cell; colour on a logarithmic scale."
	if raw != nil {
		p.subtitle[0] = "before curation, spots with " + format(raw.SpotMin, 0) + " to " + format(raw.SpotMax, 0) + " counts"
		q.marks = append(q.marks, keptGenes(ds))
		p.legend = []legendItem{{Name: "genes in a cell", Color: mix(rgb(series[2]), 0.7)}, {Name: "genes kept", Color: series[1]}}
		p.caption += " Points: the genes kept, where the slides that they were chosen by put them."
	}
	p.panels = []panel{q}
	low := 0
	for _, v := range x {
		if v < 0.05 {
			low++
		}
	}
	p.text = fmt.Sprintf("%s: %s\n  %s in fewer than 5 %% of spots", p.title[0], strings.Join(p.subtitle, ", "), plural(low, "gene"))
	return p.figure(), nil
}

// fractionCells counts pairs within [0, 1] x [0, 1].
func fractionCells(x, y []float64) []mark {
	n := make([]int, fractionBins*fractionBins)
	bin := func(v float64) int { return max(0, min(fractionBins-1, int(v*fractionBins))) }
	for i := range x {
		n[bin(y[i])*fractionBins+bin(x[i])]++
	}
	most := math.Log(float64(slices.Max(n)) + 1)
	cells := mark{kind: rectKind, name: "genes in a cell", color: series[2]}
	texts := mark{kind: textKind, silent: true}
	const w = 1.0 / fractionBins
	for k, c := range n {
		if c == 0 {
			continue
		}
		x0, y0 := float64(k%fractionBins)*w, float64(k/fractionBins)*w
		cells.items = append(cells.items, []float64{x0, x0 + w, y0, y0 + w})
		cells.colors = append(cells.colors, mix(rgb(series[2]), 0.12+0.78*math.Log(float64(c)+1)/most))
		cells.tips = append(cells.tips, []string{plural(c, "gene"), "of all spots\t" + format(x0, 2) + " to " + format(x0+w, 2), "least of a slide\t" + format(y0, 2) + " to " + format(y0+w, 2)})
		texts.items = append(texts.items, []float64{x0 + w/2, y0 + w/2})
		texts.texts = append(texts.texts, label{Text: count(c), Align: "center", Color: hexInk})
	}
	return []mark{cells, texts}
}

func keptGenes(ds *spared.Dataset) mark {
	m := mark{kind: pointKind, name: "genes kept", color: series[1], size: 5, opacity: 0.85}
	for j := range ds.Genes {
		g := &ds.Genes[j]
		m.items = append(m.items, []float64{g.GlobalFrac, g.ExpFrac})
		m.tips = append(m.tips, []string{geneName(g), "of all spots\t" + format(g.GlobalFrac, 3), "least of a slide\t" + format(g.ExpFrac, 3)})
	}
	return m
}

func geneName(g *spared.Gene) string {
	if g.Symbol == "" {
		return g.ID
	}
	return g.Symbol
}

// splitColors are those of train, val, test and none.
var splitColors = map[spared.Split]string{spared.Train: series[0], spared.Val: series[1], spared.Test: series[2], spared.None: series[7]}

var splitOrder = []spared.Split{spared.Train, spared.Val, spared.Test, spared.None}

// DataDistribution draws the spots of each split, and the spots and slides of
// each patient by split (SpaRED's plot_data_distribution_stats); where patients
// are unknown, slides stand for them.
func DataDistribution(ds *spared.Dataset) (*PlotFigure, error) {
	if len(ds.Spots) == 0 {
		return nil, fmt.Errorf("widgets: the data set has no spots")
	}
	spots := map[spared.Split]int{}
	var names []string
	spotsOf, slidesOf := map[string]map[spared.Split]int{}, map[string]map[spared.Split]int{}
	who := "patient"
	if !slices.ContainsFunc(ds.Sections, func(s spared.Section) bool { return s.Patient != "" }) {
		who = "slide"
	}
	for k := range ds.Sections {
		name := ds.Sections[k].Patient
		if who == "slide" {
			name = ds.Sections[k].Name
		} else if name == "" {
			name = "unknown"
		}
		if spotsOf[name] == nil {
			names = append(names, name)
			spotsOf[name], slidesOf[name] = map[spared.Split]int{}, map[spared.Split]int{}
		}
		here := map[spared.Split]bool{}
		for _, i := range ds.SpotsOf(k) {
			s := ds.Spots[i].Split
			spots[s]++
			spotsOf[name][s]++
			here[s] = true
		}
		for s := range here {
			slidesOf[name][s]++
		}
	}
	p := &plot{title: []string{"Spots and slides by split"}, height: 300}
	p.subtitle = []string{plural(len(ds.Spots), "spot"), plural(len(ds.Sections), "slide")}
	if who == "patient" {
		p.subtitle = append(p.subtitle, plural(len(names), "patient"))
	}
	shares := stacked("", []string{"all"}, func(string) map[spared.Split]int { return spots }, "spots")
	shares.weight = 0.5
	p.panels = []panel{shares, stacked(who, names, func(n string) map[spared.Split]int { return spotsOf[n] }, "spots")}
	if who == "patient" {
		p.panels = append(p.panels, stacked(who, names, func(n string) map[spared.Split]int { return slidesOf[n] }, "slides"))
	}
	p.text = p.title[0] + ": " + strings.Join(p.subtitle, ", ")
	for _, s := range splitOrder {
		if spots[s] > 0 {
			p.legend = append(p.legend, legendItem{Name: s.String(), Color: splitColors[s]})
			p.text += "\n  " + s.String() + ": " + plural(spots[s], "spot") + ", " + percent(float64(spots[s])/float64(len(ds.Spots)))
		}
	}
	p.caption = "Left: all spots. Beside: by " + who + "."
	if who == "slide" {
		p.caption += " Patients are not known."
	} else {
		p.caption += " A slide of which spots are in two splits counts in both."
	}
	return p.figure(), nil
}

// stacked makes a panel of bars, one a name, divided by split.
func stacked(xLabel string, names []string, of func(string) map[spared.Split]int, what string) panel {
	q := panel{x: categories(xLabel, names), weight: 1}
	q.x.turned = len(names) > 4
	top := make([]float64, len(names))
	for _, s := range splitOrder {
		m := mark{kind: rectKind, name: s.String(), color: splitColors[s], opacity: 0.9}
		for i, n := range names {
			v := of(n)[s]
			if v == 0 {
				continue
			}
			m.items = append(m.items, []float64{float64(i) - 0.36, float64(i) + 0.36, top[i], top[i] + float64(v)})
			m.tips = append(m.tips, []string{n, s.String() + "\t" + count(v) + " " + what})
			top[i] += float64(v)
		}
		if len(m.items) > 0 {
			q.marks = append(q.marks, m)
		}
	}
	q.y = numericTicks(what, 0, slices.Max(top), int(math.Min(5, slices.Max(top))))
	return q
}
