package widgets

import (
	"fmt"
	"math"
	"strings"
)

// Line is one curve. Y may hold NaN, which interrupts it.
type Line struct {
	Name   string
	X, Y   []float64
	Dashed bool
}

// LinesOptions says how Lines looks.
type LinesOptions struct {
	LogY    bool // logarithmic y axis; values that are not positive interrupt a curve
	Caption string
}

// mostVertices bounds a curve in a figure; longer ones are drawn by the means
// of neighbouring points.
const mostVertices = 1500

// Lines draws curves over a common x axis.
func Lines(title, xLabel, yLabel string, lines []Line, o LinesOptions) (*PlotFigure, error) {
	p, err := linePlot(title, xLabel, yLabel, lines, o)
	if err != nil {
		return nil, err
	}
	return p.figure(), nil
}

func linePlot(title, xLabel, yLabel string, lines []Line, o LinesOptions) (*plot, error) {
	p := &plot{title: []string{title}, height: 320, together: true, caption: o.Caption}
	q := panel{weight: 1}
	x0, x1, y0, y1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	most := 1
	var text strings.Builder
	text.WriteString(title + "\n")
	for k, l := range lines {
		if len(l.X) != len(l.Y) {
			return nil, fmt.Errorf("widgets: line %q has %d x and %d y values", l.Name, len(l.X), len(l.Y))
		}
		m := mark{kind: lineKind, name: l.Name, color: seriesColor(k), size: 2, dashed: l.Dashed, dots: len(l.X) <= 30}
		items, each := thin(l, o.LogY)
		most = max(most, each)
		for _, it := range items {
			if finite(it[0]) {
				x0, x1 = math.Min(x0, it[0]), math.Max(x1, it[0])
			}
			if finite(it[1]) {
				y0, y1 = math.Min(y0, it[1]), math.Max(y1, it[1])
			}
		}
		m.items = items
		q.marks = append(q.marks, m)
		p.legend = append(p.legend, legendItem{Name: l.Name, Color: m.color, Line: true, Dashed: l.Dashed})
		text.WriteString("  " + lineWords(l) + "\n")
	}
	if x0 > x1 || y0 > y1 {
		return nil, fmt.Errorf("widgets: lines %q: no values to show", title)
	}
	q.x, q.y = numeric(xLabel, x0, x1), numeric(yLabel, y0, y1)
	if o.LogY {
		q.y = decades(yLabel, y0, y1)
	}
	if most > 1 {
		p.caption = strings.TrimSpace(p.caption + fmt.Sprintf(" Long curves are drawn by the means of up to %d neighbouring points.", most))
	}
	p.panels, p.text = []panel{q}, text.String()
	return p, nil
}

// decades makes a logarithmic axis; lo and hi are logarithms already.
func decades(label string, lo, hi float64) scale {
	s := scale{label: label, min: math.Floor(lo), max: math.Ceil(hi), step: 1, pow10: true}
	if !(s.max > s.min) {
		s.max = s.min + 1
	}
	return s
}

// thin returns the vertices of a curve, at most mostVertices, each the mean of
// so many neighbours.
func thin(l Line, logY bool) (items [][]float64, each int) {
	each = (len(l.X) + mostVertices - 1) / mostVertices
	for i := 0; i < len(l.X); i += max(each, 1) {
		var x, y, n float64
		for k := i; k < min(len(l.X), i+each); k++ {
			if finite(l.X[k]) && finite(l.Y[k]) {
				x, y, n = x+l.X[k], y+l.Y[k], n+1
			}
		}
		x, y = x/n, y/n // NaN where there is none
		if n == 0 {
			x = l.X[i]
		}
		if logY {
			if y > 0 {
				y = math.Log10(y)
			} else {
				y = math.NaN()
			}
		}
		items = append(items, []float64{x, y})
	}
	return items, each
}

// lineWords says where a curve begins, ends and is least.
func lineWords(l Line) string {
	first, last, least := -1, -1, -1
	for i, y := range l.Y {
		if !finite(y) {
			continue
		}
		if first < 0 {
			first = i
		}
		if last = i; least < 0 || y < l.Y[least] {
			least = i
		}
	}
	if first < 0 {
		return l.Name + ": no values"
	}
	d := decimalsFor(math.Abs(l.Y[first]) + math.Abs(l.Y[last]))
	return fmt.Sprintf("%s: from %s to %s, least %s at %s", l.Name, format(l.Y[first], d+1), format(l.Y[last], d+1), format(l.Y[least], d+1), format(l.X[least], 0))
}
