package widgets

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Guesses are what one method said of hidden values, and what they were.
type Guesses struct {
	Name             string
	Truth, Predicted []float64
	Names            []string // of the pairs, for the tooltip; nil = they have none
}

// TruthScatterOptions says how TruthScatter looks.
type TruthScatterOptions struct {
	Data    string // what was hidden: data set, slides, gene, masks
	Unit    string // of both axes
	Overlay bool   // all methods on one panel, in colours (as in the paper's Figure 5), instead of a panel for each
}

// TruthScatter compares what several methods predicted with the truth, a panel
// a method, on the same axes: discs, or where a method has more than 3,000
// pairs, cells coloured by the number of pairs in them on one logarithmic
// scale; and the line where both are equal. Above each panel stand mean
// squared error and Pearson's correlation. Pairs that are not finite are left
// out and counted in the caption.
func TruthScatter(title string, methods []Guesses, o TruthScatterOptions) (*PlotFigure, error) {
	kept, left, err := finitePairs(methods)
	if err != nil {
		return nil, err
	}
	p := &plot{title: []string{title}}
	if o.Data != "" {
		p.subtitle = append(p.subtitle, o.Data)
	}
	p.text = title + "\n"
	for _, m := range kept {
		p.text += "  " + m.Name + ": " + strings.Join(agreement(m.Truth, m.Predicted), ", ") + "\n"
	}
	axes := ScatterOptions{Unit: o.Unit}.worded()
	if o.Overlay {
		overlay(p, kept, axes)
	} else {
		sideBySide(p, kept, axes)
	}
	p.caption += " On the dashed line a prediction equals the truth; above it, it is too high. MSE: mean squared error, lower is better; PCC: Pearson’s correlation, higher is better."
	if left > 0 {
		p.caption += " " + plural(left, "pair") + " without a finite value left out."
	}
	p.caption = strings.TrimSpace(p.caption)
	return p.figure(), nil
}

// finitePairs leaves out pairs without a finite value, and methods without a
// pair.
func finitePairs(methods []Guesses) (kept []Guesses, left int, err error) {
	for _, m := range methods {
		if len(m.Truth) != len(m.Predicted) || m.Names != nil && len(m.Names) != len(m.Truth) {
			return nil, 0, fmt.Errorf("widgets: truth scatter: %s has %d true and %d predicted values with %d names", m.Name, len(m.Truth), len(m.Predicted), len(m.Names))
		}
		k := Guesses{Name: m.Name}
		for i := range m.Truth {
			if !finite(m.Truth[i]) || !finite(m.Predicted[i]) {
				left++
				continue
			}
			k.Truth, k.Predicted = append(k.Truth, m.Truth[i]), append(k.Predicted, m.Predicted[i])
			if m.Names != nil {
				k.Names = append(k.Names, m.Names[i])
			}
		}
		if len(k.Truth) > 0 {
			kept = append(kept, k)
		}
	}
	if len(kept) == 0 {
		return nil, 0, fmt.Errorf("widgets: truth scatter: no pair of finite values")
	}
	return kept, left, nil
}

// span returns the least and the greatest value of all pairs.
func span(methods []Guesses) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, m := range methods {
		lo, hi = min(lo, slices.Min(m.Truth), slices.Min(m.Predicted)), max(hi, slices.Max(m.Truth), slices.Max(m.Predicted))
	}
	return lo, hi
}

// sideBySide gives each method a panel.
func sideBySide(p *plot, methods []Guesses, axes ScatterOptions) {
	lo, hi := span(methods)
	p.across = min(3, len(methods))
	if len(methods) == 4 {
		p.across = 2
	}
	p.height = []float64{460, 450, 345}[p.across-1]
	many := false
	for _, m := range methods {
		many = many || len(m.Truth) > mostPoints
	}
	grids, most := make([]*cells, len(methods)), 1
	for k, m := range methods {
		q := axes.square(lo, hi, 10)
		words := agreement(m.Truth, m.Predicted)
		q.head, q.note = m.Name, strings.Join(words[1:3], ", ")
		if many {
			grids[k] = newCells(&q, m.Truth, m.Predicted)
			most = max(most, grids[k].most)
		}
		p.panels = append(p.panels, q)
	}
	for k, m := range methods {
		q := &p.panels[k]
		if many {
			q.marks = append(q.marks, grids[k].mark(q, most))
		} else {
			q.marks = append(q.marks, discs(q, m.Truth, m.Predicted, m.Names))
		}
		q.marks = append(q.marks, equal(q))
	}
	p.subtitle = append(p.subtitle, pairsWords(methods))
	if many {
		p.caption = "Colour: number of pairs in a cell, on one logarithmic scale for all panels; dark is few, yellow many."
	}
}

// pairsWords says how many pairs there are, of each method.
func pairsWords(methods []Guesses) string {
	n := len(methods[0].Truth)
	for _, m := range methods {
		if len(m.Truth) != n {
			return "different values for each method"
		}
	}
	return plural(n, "hidden value")
}

// overlay draws all methods on one panel and the densities of their errors
// beside it.
func overlay(p *plot, methods []Guesses, axes ScatterOptions) {
	lo, hi := span(methods)
	p.height = 430
	q := axes.square(lo, hi, 8)
	q.weight = 0.58
	e := panel{weight: 0.42, lefty: true, together: false}
	far, every := 0.0, 1
	for k, m := range methods {
		name := m.Name + ": " + strings.Join(agreement(m.Truth, m.Predicted)[1:3], ", ")
		step := (len(m.Truth) + mostPoints - 1) / mostPoints
		every = max(every, step)
		var shown Guesses
		for i := 0; i < len(m.Truth); i += step {
			shown.Truth, shown.Predicted = append(shown.Truth, m.Truth[i]), append(shown.Predicted, m.Predicted[i])
			if m.Names != nil {
				shown.Names = append(shown.Names, m.Names[i])
			}
		}
		d := discs(&q, shown.Truth, shown.Predicted, shown.Names)
		d.name, d.color = name, seriesColor(k)
		curve, reach := errorDensity(m)
		curve.name, curve.color = name, d.color
		far = math.Max(far, reach)
		q.marks, e.marks = append(q.marks, d), append(e.marks, curve)
		p.legend = append(p.legend, legendItem{Name: name, Color: d.color})
	}
	q.marks = append(q.marks, equal(&q))
	e.x, e.y = numericTicks(axes.YLabel+" − "+axes.XLabel, -far, far, 5), numeric("", 0, 1.05)
	e.marks = append(e.marks, mark{kind: lineKind, name: "equal", color: hexMuted, size: 1.3, dashed: true, silent: true,
		items: [][]float64{{0, 0}, {0, e.y.max}}})
	p.panels = []panel{q, e}
	p.subtitle = append(p.subtitle, pairsWords(methods))
	p.caption = "Right: how the errors are distributed, each curve scaled to the same height."
	if every > 1 {
		p.caption += fmt.Sprintf(" Up to one disc in %d is drawn.", every)
	}
}

// errorDensity is the curve of predicted minus true values, and how far it
// reaches on either side of 0, but for the last half per cent.
func errorDensity(m Guesses) (curve mark, reach float64) {
	d := make([]float64, len(m.Truth))
	for i := range d {
		d[i] = m.Predicted[i] - m.Truth[i]
	}
	s := describe(d)
	at, height := s.density()
	if at == nil { // no spread
		at, height = []float64{s.median, s.median}, []float64{0, 1}
	}
	curve = mark{kind: lineKind, size: 2, silent: true}
	for i := range at {
		curve.items = append(curve.items, []float64{at[i], height[i]})
	}
	k := int(0.005 * float64(s.n))
	return curve, math.Max(0.1, math.Max(math.Abs(s.sorted[k]), math.Abs(s.sorted[s.n-1-k])))
}
