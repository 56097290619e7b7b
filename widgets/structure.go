package widgets

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// GeneValues is a number of each gene under a name: Moran's I of its values as
// a method completed them, for instance. NaN = not known.
type GeneValues struct {
	Name   string
	Values []float64
}

// MoranChangeOptions says what MoranChange shows.
type MoranChangeOptions struct {
	Data   string // which slides, which layer
	Before string // what before is; "" = "as measured"
	Most   int    // genes named in the second panel, those that changed most; 0 = 16
}

// MoranChange compares the Moran's I of each gene before and after completion:
// a disc a gene and method, before across, after upwards, with the line of no
// change; and beside it the genes that changed most, from where to where. Genes
// without a finite value before and in some method are left out.
func MoranChange(title string, genes []string, before []float64, after []GeneValues, o MoranChangeOptions) (*PlotFigure, error) {
	if o.Before == "" {
		o.Before = "as measured"
	}
	if o.Most == 0 {
		o.Most = 16
	}
	if len(before) != len(genes) {
		return nil, fmt.Errorf("widgets: Moran’s I of %d genes before, for %d names", len(before), len(genes))
	}
	q := panel{weight: 0.5, square: true}
	lo, hi := math.Inf(1), math.Inf(-1)
	change, known := make([]float64, len(genes)), make([]float64, len(genes))
	p := &plot{title: []string{title}, height: 430}
	var text strings.Builder
	for k, a := range after {
		if len(a.Values) != len(genes) {
			return nil, fmt.Errorf("widgets: Moran’s I of %d genes after %s, for %d names", len(a.Values), a.Name, len(genes))
		}
		m := mark{kind: pointKind, name: a.Name, color: seriesColor(k), size: 7, opacity: 0.6}
		var x, y []float64
		for j := range genes {
			if !finite(before[j]) || !finite(a.Values[j]) {
				continue
			}
			x, y = append(x, before[j]), append(y, a.Values[j])
			m.items = append(m.items, []float64{before[j], a.Values[j]})
			m.tips = append(m.tips, []string{genes[j], o.Before + "\t" + format(before[j], 3), isolate(a.Name) + "\t" + format(a.Values[j], 3)})
			change[j], known[j] = change[j]+a.Values[j]-before[j], known[j]+1
			lo, hi = min(lo, before[j], a.Values[j]), max(hi, before[j], a.Values[j])
		}
		q.marks = append(q.marks, m)
		p.legend = append(p.legend, legendItem{Name: a.Name, Color: m.color})
		b, c := describe(x), describe(y)
		fmt.Fprintf(&text, "  %s: %s, median %s before, %s after\n", a.Name, plural(len(x), "gene"), format(b.median, 3), format(c.median, 3))
	}
	if lo > hi {
		return nil, fmt.Errorf("widgets: Moran’s I %q: no gene has one before and after", title)
	}
	lo = math.Min(lo, 0)
	q.x, q.y = numeric("Moran’s I "+o.Before, lo, hi), numeric("Moran’s I completed", lo, hi)
	q.marks = append(q.marks, equal(&q))
	p.panels = []panel{q, changedMost(genes, before, after, change, known, o)}
	if o.Data != "" {
		p.subtitle = append(p.subtitle, o.Data)
	}
	p.subtitle = append(p.subtitle, plural(len(genes), "gene"))
	p.text = title + "\n" + text.String()
	p.caption = "Moran’s I tells how much a gene’s level at a spot is like that of the spots around it: 0 is no pattern, 1 a smooth one. " +
		"Above the dashed line completion made the gene’s map smoother. Holes filled in well raise it; so does a method that only blurs, which is why a shuffled slide belongs beside this figure. " +
		"Right: the genes that changed most; grey, " + o.Before + "."
	return p.figure(), nil
}

// changedMost draws the genes with the greatest mean change, from the value
// before to each value after.
func changedMost(genes []string, before []float64, after []GeneValues, change, known []float64, o MoranChangeOptions) panel {
	var order []int
	for j := range genes {
		if known[j] > 0 {
			order = append(order, j)
		}
	}
	size := func(j int) float64 { return math.Abs(change[j] / known[j]) }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size(b), size(a)) })
	order = order[:min(len(order), o.Most)]
	names := make([]string, len(order))
	lo, hi := 0.0, 0.0
	was := mark{kind: pointKind, name: o.Before, color: "#8b959f", size: 8}
	rods := mark{kind: lineKind, color: "#c9d0d7", size: 1.5, silent: true}
	marks := make([]mark, len(after))
	for k, a := range after {
		marks[k] = mark{kind: pointKind, name: a.Name, color: seriesColor(k), size: 8}
	}
	for t, j := range order {
		names[t] = genes[j]
		y := float64(t)
		from, to := before[j], before[j]
		was.items = append(was.items, []float64{before[j], y})
		was.tips = append(was.tips, []string{genes[j], o.Before + "\t" + format(before[j], 3)})
		for k, a := range after {
			if v := a.Values[j]; finite(v) {
				from, to = min(from, v), max(to, v)
				marks[k].items = append(marks[k].items, []float64{v, y})
				marks[k].tips = append(marks[k].tips, []string{genes[j], isolate(a.Name) + "\t" + format(v, 3)})
			}
		}
		rods.items = append(rods.items, []float64{from, y}, []float64{to, y}, []float64{to, math.NaN()})
		lo, hi = math.Min(lo, from), math.Max(hi, to)
	}
	q := panel{x: numericTicks("Moran’s I", lo, hi, 5), y: categories("", names), weight: 0.5}
	q.y.inverse = true
	q.marks = append(append(q.marks, rods, was), marks...)
	return q
}

// StructureMethod is one method's Moran's I of each gene, on a slide whose
// spots were shuffled before completion and on the real one.
type StructureMethod struct {
	Name           string
	Shuffled, Real []float64
}

// InventedStructureOptions says what InventedStructure shows beside them.
type InventedStructureOptions struct {
	Data     string    // which slide, which layer
	Shuffled []float64 // Moran's I on the shuffled slide before completion; nil = not shown
	Real     []float64 // the same on the real slide
}

// InventedStructure shows where methods make up patterns: the Moran's I of all
// genes after completion of a slide whose spots were put in random places,
// which should be 0, beside that after completion of the real slide. Two
// violins a method, as in Violin; above, the median of the shuffled one.
func InventedStructure(title string, methods []StructureMethod, o InventedStructureOptions) (*PlotFigure, error) {
	if o.Shuffled != nil || o.Real != nil {
		methods = append([]StructureMethod{{"as measured", o.Shuffled, o.Real}}, methods...)
	}
	shuffled, genuine := newViolins("shuffled spots", series[1]), newViolins("real slide", series[0])
	names := make([]string, len(methods))
	medians := make([]float64, len(methods))
	p := &plot{title: []string{title}, height: 380}
	var text strings.Builder
	for k, m := range methods {
		names[k] = m.Name
		s := shuffled.add(m.Name, float64(k)-0.21, 0.42, m.Shuffled)
		r := genuine.add(m.Name, float64(k)+0.21, 0.42, m.Real)
		medians[k] = math.NaN()
		if s.n > 0 {
			medians[k] = s.median
			fmt.Fprintf(&text, "  %s, shuffled spots: %s\n", m.Name, s.words())
		}
		if r.n > 0 {
			fmt.Fprintf(&text, "  %s, real slide: %s\n", m.Name, r.words())
		}
	}
	lo, hi := genuine.span(shuffled.span(math.Inf(1), math.Inf(-1)))
	if lo > hi {
		return nil, fmt.Errorf("widgets: invented structure %q: no values to show", title)
	}
	q := panel{x: violinAxis(names), y: numeric("Moran’s I of each gene", math.Min(0, lo), hi), weight: 1}
	zero := mark{kind: lineKind, name: "no pattern", color: hexMuted, size: 1.3, dashed: true, silent: true,
		items: [][]float64{{q.x.min, 0}, {q.x.max, 0}}}
	q.marks = []mark{zero, shuffled.violins, shuffled.boxes, genuine.violins, genuine.boxes, meansAbove(&q, medians, math.NaN())}
	p.panels = []panel{q}
	p.legend = []legendItem{{Name: shuffled.name, Color: series[1]}, {Name: genuine.name, Color: series[0]}}
	if o.Data != "" {
		p.subtitle = append(p.subtitle, o.Data)
	}
	p.subtitle = append(p.subtitle, "Moran’s I after completion")
	p.text = title + "\n" + text.String()
	p.caption = "On the shuffled slide each spot’s profile was put in the place of another: no gene has a pattern there, and Moran’s I should be 0 (dashed). " +
		"What rises above 0 is made by the method, not by the tissue: of a pattern on the real slide, so much may be its own. Above: median on the shuffled slide. " + violinCaption
	return p.figure(), nil
}
