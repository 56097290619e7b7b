package widgets

import (
	"fmt"
	"math"
	"strings"
)

// Errors are the errors of one method: of each hidden value, of each gene, or
// of each data set. NaN and infinities are left out.
type Errors struct {
	Name   string
	Errors []float64
}

// ErrorViolinsOptions says what ErrorViolins shows. The zero value is for
// absolute errors of hidden values.
type ErrorViolinsOptions struct {
	Data    string // what they were measured on: data set, slides, masks
	Measure string // "" = "absolute error"
	Unit    string // of the errors, such as "log2(TPM+1)"
	Of      string // what each error is that of, in the singular; "" = "hidden value"
	Log     bool   // logarithmic axis; errors that are not positive are left out and counted in the caption
}

// ErrorViolins draws how the errors of methods are distributed, a violin a
// method (the violins of the paper's Figure 4, there of the MSE of each data
// set): a kernel density as in Violin, with the mean above. The lowest mean
// stands out.
func ErrorViolins(title string, methods []Errors, o ErrorViolinsOptions) (*PlotFigure, error) {
	if o.Measure == "" {
		o.Measure = "absolute error"
	}
	if o.Of == "" {
		o.Of = "hidden value"
	}
	label := o.Measure
	if o.Unit != "" {
		label += ", " + o.Unit
	}
	p := &plot{title: []string{title}, height: 380}
	lo, hi, least, left := math.Inf(1), math.Inf(-1), math.Inf(1), 0
	names, means := make([]string, len(methods)), make([]float64, len(methods))
	q := panel{weight: 1}
	var text strings.Builder
	for k, m := range methods {
		set := newViolins(m.Name, seriesColor(k))
		set.log = o.Log
		s := set.add(m.Name, float64(k), 0.84, m.Errors)
		q.marks = append(q.marks, set.violins, set.boxes)
		lo, _ = set.span(lo, hi)
		if s.n > 0 {
			hi = math.Max(hi, tail(&s, o.Log))
		}
		// The mean is that of all errors, drawn or not.
		all := describe(m.Errors)
		left += len(m.Errors) - s.n
		names[k], means[k] = m.Name, all.mean
		if all.n == 0 {
			means[k] = math.NaN()
			continue
		}
		least = math.Min(least, all.mean)
		fmt.Fprintf(&text, "  %s: %s, mean %s\n", m.Name, s.words(), format(all.mean, 3))
	}
	if lo > hi {
		return nil, fmt.Errorf("widgets: error violins %q: no errors to show", title)
	}
	q.x, q.y = violinAxis(names), numeric(label, math.Min(lo, 0), hi)
	if o.Log {
		q.y = decades(label, lo, hi)
	}
	q.marks = append(q.marks, meansAbove(&q, means, least))
	p.panels = []panel{q}
	if o.Data != "" {
		p.subtitle = append(p.subtitle, o.Data)
	}
	p.subtitle = append(p.subtitle, label+" of each "+o.Of, "lower is better")
	p.text = title + " (" + label + " of each " + o.Of + ")\n" + text.String()
	p.caption = "A violin is wide where many errors of that size are: a good method’s is low and flat at the bottom. " + violinCaption + " Above: the mean; bold, the least."
	if !o.Log {
		p.caption += " The axis ends where no method has more than 5 in 1,000 errors beyond it."
	}
	if left > 0 {
		why := "not finite"
		if o.Log {
			why = "not positive or not finite"
		}
		p.caption += " " + plural(left, "error") + " not drawn: " + why + "."
	}
	return p.figure(), nil
}

// tail is where the axis may end for a sample: at its greatest value on a
// logarithmic axis, else where 5 in 1,000 are left, lest a few large errors
// make all violins flat.
func tail(s *sample, log bool) float64 {
	if log {
		return math.Log10(s.greatest)
	}
	return s.sorted[min(s.n-1, int(math.Ceil(0.995*float64(s.n))))]
}

// meansAbove writes the mean of each place over the panel, the best one bold.
func meansAbove(q *panel, means []float64, best float64) mark {
	m := mark{kind: textKind, silent: true}
	for k, v := range means {
		if !finite(v) {
			continue
		}
		d := 3
		if len(means) > 10 || v >= 100 {
			d = 2
		}
		l := label{Text: format(v, d), DY: -2, Align: "center", Color: hexMuted}
		if v == best {
			l.Bold, l.Color = true, hexInk
		}
		m.items, m.texts = append(m.items, []float64{float64(k), q.y.max}), append(m.texts, l)
	}
	return m
}
