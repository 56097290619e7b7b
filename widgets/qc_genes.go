package widgets

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/explore"
)

// GridOptions says what GeneGrid shows.
type GridOptions struct {
	Genes  []string // symbols or ids; nil = the four with the highest Moran's I
	Layer  string   // "" = the most complete layer there is
	Slides []string // nil = all of up to four, else four in turn from the splits
}

// GeneGrid draws genes on several slides side by side, a figure a gene, all
// slides of a gene on one scale (SpaRED's visualize_gene_expression and
// visualize_moran_filtering).
func GeneGrid(ds *spared.Dataset, o GridOptions) ([]Figure, error) {
	if o.Layer == "" {
		o.Layer = completedLayer(ds)
	}
	slides, err := qcSections(ds, o.Slides)
	if err != nil {
		return nil, err
	}
	genes, err := geneColumns(ds, o.Genes)
	if err != nil {
		return nil, err
	}
	if o.Genes == nil {
		genes = genes[:min(len(genes), qcExtremes)]
	}
	c := &collect{}
	for _, j := range genes {
		c.add(geneRow(ds, j, o.Layer, slides))
	}
	return c.figs, c.err
}

const (
	gridColors = 10 // steps of the colour scale
)

// gridHeight is how high maps side by side are, in CSS pixels.
func gridHeight(columns int) float64 {
	switch columns {
	case 1:
		return 430
	case 2:
		return 360
	}
	return 270
}

// geneRow draws one gene on slides. Spots of one step of the colour scale are
// one series, so that a step can be switched off.
func geneRow(ds *spared.Dataset, j int, layer string, slides []string) (*PlotFigure, error) {
	data, err := matrix(ds, layer)
	if err != nil {
		return nil, err
	}
	var all []float64
	spots := make([][]int, len(slides))
	for k, name := range slides {
		s, err := sectionIndex(ds, name)
		if err != nil {
			return nil, err
		}
		if spots[k] = ds.SpotsOf(s); len(spots[k]) == 0 {
			return nil, fmt.Errorf("widgets: slide %q has no spots", name)
		}
		all = append(all, shown(ds, data, layer, spots[k], j)...)
	}
	lo, hi := limits(all, false)
	steps, legend, err := gridSteps(lo, hi)
	if err != nil {
		return nil, err
	}
	g := &ds.Genes[j]
	p := &plot{title: []string{geneName(g)}, height: gridHeight(len(slides)), legend: legend}
	if g.Symbol != "" && g.ID != g.Symbol {
		p.title = append(p.title, g.ID)
	}
	p.subtitle = []string{strings.TrimPrefix(ds.Unit(layer)+", ", ", ") + layerWords(ds, layer)}
	if finite(g.Moran) && g.Moran != 0 {
		p.subtitle = append(p.subtitle, "Moran’s I "+format(g.Moran, 3))
	}
	grey := false
	for k, name := range slides {
		v := shown(ds, data, layer, spots[k], j)
		q := tissuePanel(ds, spots[k], name, len(slides))
		q.marks = gridMarks(ds, spots[k], v, lo, hi, steps, q.marks[0].size)
		grey = grey || len(q.marks) > 0 && q.marks[0].name == notMeasured
		p.panels = append(p.panels, q)
	}
	if grey {
		p.legend = append([]legendItem{{Name: notMeasured, Color: gridGrey}}, p.legend...)
	}
	p.text = "Map of " + strings.Join(p.title, " ") + " on " + plural(len(slides), "slide") + ": " + strings.Join(p.subtitle, ", ")
	p.caption = "All slides on one scale, which ends at the 1 % and 99 % quantiles; its steps can be switched off. Below each map the slide."
	return p.figure(), nil
}

const (
	notMeasured = "not measured"
	gridGrey    = "#d5d9de"
)

// shown returns the values of a gene at spots; NaN where a raw layer has none.
func shown(ds *spared.Dataset, data blas32.General, layer string, spots []int, j int) []float64 {
	v := values(data, spots, j)
	if rawLayer(layer) {
		hide(v, measured(ds, spots, j))
	}
	return v
}

// gridSteps returns the colours of the scale's steps as legend items.
func gridSteps(lo, hi float64) ([]legendItem, []legendItem, error) {
	table, err := colorTable(defaultScale)
	if err != nil {
		return nil, nil, err
	}
	d := decimalsFor(hi - lo)
	var steps []legendItem
	for s := range gridColors {
		c := table[255*s/(gridColors-1)]
		a, b := lo+(hi-lo)*float64(s)/gridColors, lo+(hi-lo)*float64(s+1)/gridColors
		name := format(a, d) + "–" + format(b, d)
		switch s {
		case 0:
			name = "< " + format(b, d)
		case gridColors - 1:
			name = "≥ " + format(a, d)
		}
		steps = append(steps, legendItem{Name: name, Color: fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)})
	}
	return steps, steps, nil
}

// tissuePanel makes the axes of a map: equal scales, y down, no numbers; its
// one mark has the size of the discs.
func tissuePanel(ds *spared.Dataset, spots []int, name string, columns int) panel {
	x, y, half := middle(ds, spots)
	var xs, ys []float64
	for _, i := range spots {
		xs, ys = append(xs, ds.Spots[i].X), append(ys, ds.Spots[i].Y)
	}
	half *= 1.06
	bare := func(label string, at float64) scale {
		return scale{label: label, min: at - half, max: at + half, categories: []string{}}
	}
	q := panel{x: bare("slide "+isolate(clean(name)), x), y: bare("", y), weight: 1, square: true, lefty: true}
	q.y.inverse = true
	side := math.Min(gridHeight(columns)-44, float64(1000)/float64(columns)-32)
	q.marks = []mark{{size: math.Max(1.5, math.Min(14, 0.95*side*medianPitch(xs, ys)/(2*half)))}}
	return q
}

// gridMarks makes a mark for each step that has spots, greys first.
func gridMarks(ds *spared.Dataset, spots []int, v []float64, lo, hi float64, steps []legendItem, size float64) []mark {
	marks := make([]mark, len(steps)+1)
	for k, i := range spots {
		s := 0
		if finite(v[k]) {
			s = 1 + max(0, min(len(steps)-1, int(float64(len(steps))*(v[k]-lo)/(hi-lo))))
		}
		marks[s].items = append(marks[s].items, []float64{math.Round(ds.Spots[i].X), math.Round(ds.Spots[i].Y)})
	}
	var out []mark
	for s := range marks {
		if len(marks[s].items) == 0 {
			continue
		}
		m := marks[s]
		m.kind, m.size, m.name, m.color = pointKind, size, notMeasured, gridGrey
		if s > 0 {
			m.name, m.color = steps[s-1].Name, steps[s-1].Color
		}
		out = append(out, m)
	}
	return out
}

// spread holds mean and standard deviation of each gene.
type spread struct {
	name     string
	color    string
	mean, sd []float64
	genes    []string // nil = too many to name
}

// spreadOf computes mean and standard deviation (divisor: spots) of each gene
// over spots; nil = all.
func spreadOf(ds *spared.Dataset, layer string, spots []int) (spread, error) {
	m, err := matrix(ds, layer)
	if err != nil {
		return spread{}, err
	}
	if spots == nil {
		spots = make([]int, m.Rows)
		for i := range spots {
			spots[i] = i
		}
	}
	s := spread{name: layer, mean: make([]float64, m.Cols), sd: make([]float64, m.Cols)}
	n := float64(len(spots))
	for _, i := range spots {
		for j, v := range m.Data[i*m.Stride : i*m.Stride+m.Cols] {
			s.mean[j] += float64(v) / n
		}
	}
	for _, i := range spots {
		for j, v := range m.Data[i*m.Stride : i*m.Stride+m.Cols] {
			s.sd[j] += (float64(v) - s.mean[j]) * (float64(v) - s.mean[j]) / n
		}
	}
	for j := range s.sd {
		s.sd[j] = math.Sqrt(s.sd[j])
		s.genes = append(s.genes, geneName(&ds.Genes[j]))
	}
	return s, nil
}

// MeanSpread draws mean against standard deviation of each gene, over all
// spots: as read, normalised to the median of the spots' counts and ln(1+x),
// where raw is known, and in the layers log1p, d_log1p, c_log1p, c_d_log1p and
// c_t_log1p that there are (SpaRED's plot_mean_std).
func MeanSpread(ds *spared.Dataset, raw *explore.Raw) (*PlotFigure, error) {
	p := &plot{title: []string{"Mean and spread of the genes by layer"}, height: 380}
	if raw != nil {
		s := spread{name: "as read", color: hexInk}
		for j := range raw.Genes {
			g := &raw.Genes[j]
			s.mean, s.sd = append(s.mean, g.Mean), append(s.sd, g.SD)
			if len(raw.Genes) <= mostPoints {
				s.genes = append(s.genes, g.Symbol)
			}
		}
		p.panels = append(p.panels, spreadPanel([]spread{s}, "ln(1 + counts at the median depth)"))
		p.subtitle = append(p.subtitle, plural(len(raw.Genes), "gene")+" as read")
	}
	var layers []spread
	for k, name := range []string{spared.LayerLog, spared.LayerDLog, spared.LayerCLog, spared.LayerCDLog, spared.LayerCTLog} {
		if _, ok := ds.Layers[name]; !ok {
			continue
		}
		s, err := spreadOf(ds, name, nil)
		if err != nil {
			return nil, err
		}
		s.color = seriesColor(k)
		s.name = name + ": " + layerWords(ds, name)
		layers = append(layers, s)
		p.legend = append(p.legend, legendItem{Name: s.name, Color: s.color})
	}
	if len(layers) == 0 {
		return nil, fmt.Errorf("widgets: no layer of logarithms to show")
	}
	p.panels = append(p.panels, spreadPanel(layers, ds.Unit(spared.LayerLog)))
	p.subtitle = append(p.subtitle, plural(len(ds.Genes), "gene")+" kept")
	p.caption = "Standard deviation over all spots, zeros of raw layers included. Layers can be switched off."
	p.text = p.title[0] + ": " + strings.Join(p.subtitle, ", ") + "\n" + spreadWords(layers)
	return p.figure(), nil
}

// MeanSpreadBySplit draws mean against standard deviation of each gene of a
// layer ("" = the most complete one), over the spots of each split (SpaRED's
// plot_mean_std_partitions): clouds that lie apart say that the splits differ.
func MeanSpreadBySplit(ds *spared.Dataset, layer string) (*PlotFigure, error) {
	if layer == "" {
		layer = completedLayer(ds)
	}
	p := &plot{title: []string{"Mean and spread of the genes by split"}, height: 380}
	p.subtitle = []string{strings.TrimPrefix(ds.Unit(layer)+", ", ", ") + layerWords(ds, layer), plural(len(ds.Genes), "gene")}
	var splits []spread
	for _, split := range splitOrder {
		spots := ds.SpotsIn(split)
		if len(spots) == 0 {
			continue
		}
		s, err := spreadOf(ds, layer, spots)
		if err != nil {
			return nil, err
		}
		s.name, s.color = split.String()+", "+plural(len(spots), "spot"), splitColors[split]
		splits = append(splits, s)
		p.legend = append(p.legend, legendItem{Name: s.name, Color: s.color})
	}
	if len(splits) == 0 {
		return nil, fmt.Errorf("widgets: no spots to show")
	}
	p.panels = []panel{spreadPanel(splits, ds.Unit(layer))}
	p.caption = "A point a gene and split."
	p.text = p.title[0] + ": " + strings.Join(p.subtitle, ", ") + "\n" + spreadWords(splits)
	return p.figure(), nil
}

func spreadPanel(all []spread, unit string) panel {
	with := func(what string) string { return strings.TrimSuffix(what+", "+unit, ", ") }
	x0, x1, y1 := math.Inf(1), math.Inf(-1), 0.0
	q := panel{weight: 1}
	for _, s := range all {
		m := mark{kind: pointKind, name: s.name, color: s.color, size: 5, opacity: 0.55}
		if len(s.mean) > mostPoints {
			m.size, m.opacity = 3, 0.3
		}
		for j := range s.mean {
			if !finite(s.mean[j]) || !finite(s.sd[j]) {
				continue
			}
			x0, x1, y1 = math.Min(x0, s.mean[j]), math.Max(x1, s.mean[j]), math.Max(y1, s.sd[j])
			m.items = append(m.items, []float64{s.mean[j], s.sd[j]})
			if s.genes != nil {
				m.tips = append(m.tips, []string{s.genes[j], s.name, "mean\t" + format(s.mean[j], 2), "standard deviation\t" + format(s.sd[j], 2)})
			}
		}
		q.marks = append(q.marks, m)
	}
	if x0 > x1 {
		x0, x1 = 0, 1
	}
	q.x, q.y = numericTicks(with("mean"), x0, x1, 6), numericTicks(with("standard deviation"), 0, y1, 6)
	return q
}

func spreadWords(all []spread) string {
	var b strings.Builder
	for _, s := range all {
		_, mean, _ := summary(s.mean)
		_, sd, _ := summary(s.sd)
		fmt.Fprintf(&b, "  %s: mean %s, standard deviation %s on average\n", s.name, format(mean, 2), format(sd, 2))
	}
	return b.String()
}
