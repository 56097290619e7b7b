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

	// Low and High are the ends of an interval at each X, drawn as a band; nil =
	// there is none.
	Low, High []float64

	color string // "" = the next one
	quiet bool   // thin, and not in the figure's text
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
	p := &plot{title: []string{title}, height: 320, caption: o.Caption}
	q := panel{weight: 1, together: true}
	x0, x1, y0, y1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	most := 1
	var text strings.Builder
	text.WriteString(title + "\n")
	for k, l := range lines {
		if len(l.X) != len(l.Y) {
			return nil, fmt.Errorf("widgets: line %q has %d x and %d y values", l.Name, len(l.X), len(l.Y))
		}
		if l.Low != nil && (len(l.Low) != len(l.X) || len(l.High) != len(l.X)) {
			return nil, fmt.Errorf("widgets: line %q has %d values and intervals of %d and %d ends", l.Name, len(l.X), len(l.Low), len(l.High))
		}
		if l.color == "" {
			l.color = seriesColor(k)
		}
		m := mark{kind: lineKind, name: l.Name, color: l.color, size: 2, dashed: l.Dashed, dots: len(l.X) <= 30 && !l.Dashed}
		if l.quiet {
			m.size = 1.4
		}
		if l.Low != nil {
			band := l.band(o.LogY)
			for _, it := range band.items {
				for i := 1; i < len(it); i += 2 {
					y0, y1 = math.Min(y0, it[i]), math.Max(y1, it[i])
				}
			}
			q.marks, m.says = append(q.marks, band), l.says()
		}
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
		if !l.quiet {
			text.WriteString("  " + lineWords(l) + "\n")
		}
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

// band draws the interval of a curve: a polygon for each run of places that
// have both ends.
func (l *Line) band(logY bool) mark {
	m := mark{kind: polyKind, name: l.Name, color: l.color, opacity: 0.16, silent: true, bare: true}
	low, _ := thin(Line{X: l.X, Y: l.Low}, logY)
	high, _ := thin(Line{X: l.X, Y: l.High}, logY)
	var there, back []float64 // along the low end, and in reverse along the high one
	flush := func() {
		if len(there) > 2 {
			for i := len(back) - 2; i >= 0; i -= 2 {
				there = append(there, back[i], back[i+1])
			}
			m.items = append(m.items, there)
		}
		there, back = nil, nil
	}
	for i := range low {
		if x := low[i][0]; finite(x) && finite(low[i][1]) && finite(high[i][1]) {
			there, back = append(there, x, low[i][1]), append(back, x, high[i][1])
		} else {
			flush()
		}
	}
	flush()
	return m
}

// says words the values of a curve with an interval.
func (l *Line) says() []string {
	if len(l.X) > mostVertices {
		return nil // its vertices are means
	}
	lo, _, hi := summary(l.Y)
	out, d := make([]string, len(l.Y)), decimalsFor(hi-lo)
	for i := range out {
		out[i] = format(l.Y[i], d)
		if finite(l.Low[i]) && finite(l.High[i]) {
			out[i] += " (" + format(l.Low[i], d) + " to " + format(l.High[i], d) + ")"
		}
	}
	return out
}

// decades makes a logarithmic axis; lo and hi are logarithms already. Its ends
// are the nearest of 1, 2 and 5 times a power of ten.
func decades(label string, lo, hi float64) scale {
	s := scale{label: label, min: math.Floor(lo), max: math.Ceil(hi), step: 1, pow10: true}
	for _, f := range []float64{2, 5} {
		if v := math.Floor(lo) + math.Log10(f); v <= lo+1e-9 {
			s.min = v
		}
	}
	for _, f := range []float64{5, 2} {
		if v := math.Floor(hi) + math.Log10(f); v >= hi-1e-9 && hi > math.Floor(hi) {
			s.max = v
		}
	}
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
