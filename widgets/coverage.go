package widgets

import (
	"fmt"
	"math"
	"strings"
)

// CoverageMethod is how often the intervals of one method held the truth, at
// each nominal level. Shares are from 0 to 1. Low, High and Width may be nil.
type CoverageMethod struct {
	Name      string
	Measured  []float64
	Low, High []float64 // ends of the interval of Measured, such as the 95 % of a bootstrap
	Width     []float64 // mean width of the intervals
}

// CoverageOptions says what Coverage shows beside the numbers.
type CoverageOptions struct {
	Data      string  // what was hidden: data set, slides, masks
	Unit      string  // of the widths
	Tolerance float64 // shaded around the nominal level; 0 = 0.03, negative = none
}

// Coverage compares what intervals promise with what they hold: at each
// nominal level, such as 0.5, 0.8 and 0.95, the share of hidden values that
// were inside, a point a method; dashed, the nominal level, shaded where the
// two are within 3 points. Where widths are given, a second panel shows how
// wide the intervals had to be.
func Coverage(title string, nominal []float64, methods []CoverageMethod, o CoverageOptions) (*PlotFigure, error) {
	if err := checkCoverage(nominal, methods); err != nil {
		return nil, err
	}
	if o.Tolerance == 0 {
		o.Tolerance = 0.03
	}
	p := &plot{title: []string{title}, height: 360}
	names := make([]string, len(nominal))
	for i, v := range nominal {
		names[i] = format(100*v, 0) + " %"
	}
	q := panel{x: categories("promised", names), weight: 0.58}
	q.marks = promised(nominal, o.Tolerance)
	widths := panel{x: categories("promised", names), weight: 0.42}
	lo, widest := 1.0, 0.0
	var text strings.Builder
	for k, m := range methods {
		color := seriesColor(k)
		q.marks = append(q.marks, coverageMarks(nominal, m, k, len(methods), &lo)...)
		bars := mark{kind: rectKind, name: m.Name, color: color}
		for i, w := range m.Width {
			x, half := dodge(i, k, len(methods))
			bars.items = append(bars.items, []float64{x - half, x + half, 0, w})
			bars.tips = append(bars.tips, []string{m.Name, "mean width of the " + names[i] + " interval\t" + format(w, 3)})
			widest = math.Max(widest, w)
		}
		widths.marks = append(widths.marks, bars)
		p.legend = append(p.legend, legendItem{Name: m.Name, Color: color})
		var held []string
		for i := range nominal {
			held = append(held, names[i]+" held "+format(100*m.Measured[i], 1)+" %")
		}
		text.WriteString("  " + m.Name + ": " + strings.Join(held, ", ") + "\n")
	}
	for _, v := range nominal {
		lo = math.Min(lo, v-math.Max(0, o.Tolerance))
	}
	q.y = numericTicks("held, % of hidden values", math.Max(0, 100*lo-2), 100, 8)
	q.y.max = math.Max(q.y.max, 100)
	p.panels = []panel{q}
	p.caption = "An interval is a range that the true value should lie in: of 100 intervals of 80 %, 80 should hold it. Points on the dashed line: the method knows how sure it may be. Below it, the method is surer than it may be; above, it is too careful."
	if o.Tolerance > 0 {
		p.caption += " Shaded: within " + format(100*o.Tolerance, 0) + " points."
	}
	if widest > 0 {
		label := "mean width"
		if o.Unit != "" {
			label += ", " + o.Unit
		}
		widths.y = numeric(label, 0, widest)
		p.panels = append(p.panels, widths)
		p.caption += " Right: how wide the intervals are; of two methods that hold what they promise, the one with the narrower intervals knows more."
	}
	if o.Data != "" {
		p.subtitle = append(p.subtitle, o.Data)
	}
	p.subtitle = append(p.subtitle, "hidden values inside the intervals")
	p.text = title + "\n" + text.String()
	return p.figure(), nil
}

func checkCoverage(nominal []float64, methods []CoverageMethod) error {
	if len(nominal) == 0 || len(methods) == 0 {
		return fmt.Errorf("widgets: coverage: no values to show")
	}
	for _, m := range methods {
		if len(m.Measured) != len(nominal) || len(m.Low) != len(m.High) || m.Low != nil && len(m.Low) != len(nominal) || m.Width != nil && len(m.Width) != len(nominal) {
			return fmt.Errorf("widgets: coverage: %s has %d shares, intervals of %d and %d ends and %d widths for %d levels",
				m.Name, len(m.Measured), len(m.Low), len(m.High), len(m.Width), len(nominal))
		}
	}
	return nil
}

// dodge returns where the k-th of n methods stands at place i, and half its
// room.
func dodge(i, k, n int) (x, half float64) {
	slot := 0.8 / float64(n)
	return float64(i) - 0.4 + slot*(float64(k)+0.5), math.Min(0.42*slot, 0.12)
}

// promised draws the nominal levels and what is near them.
func promised(nominal []float64, tolerance float64) []mark {
	var out []mark
	if tolerance > 0 {
		near := mark{kind: rectKind, color: "#e9edf1", silent: true}
		for i, v := range nominal {
			near.items = append(near.items, []float64{float64(i) - 0.45, float64(i) + 0.45, 100 * (v - tolerance), 100 * (v + tolerance)})
		}
		out = append(out, near)
	}
	dashes := mark{kind: lineKind, color: hexMuted, size: 1.3, dashed: true, silent: true}
	for i, v := range nominal {
		dashes.items = append(dashes.items, []float64{float64(i) - 0.45, 100 * v}, []float64{float64(i) + 0.45, 100 * v}, []float64{float64(i) + 0.45, math.NaN()})
	}
	return append(out, dashes)
}

// coverageMarks draws the points of one method and the ends of their
// intervals, and lowers lo to the least.
func coverageMarks(nominal []float64, m CoverageMethod, k, n int, lo *float64) []mark {
	points := mark{kind: pointKind, name: m.Name, color: seriesColor(k), size: 9}
	ends := mark{kind: errorKind, name: m.Name, color: hexInk, silent: true}
	for i, v := range m.Measured {
		if !finite(v) {
			continue
		}
		x, _ := dodge(i, k, n)
		tip := []string{m.Name, "promised\t" + format(100*nominal[i], 0) + " %", "held\t" + format(100*v, 1) + " %"}
		points.items = append(points.items, []float64{x, 100 * v})
		*lo = math.Min(*lo, v)
		if m.Low != nil && finite(m.Low[i]) && finite(m.High[i]) {
			ends.items = append(ends.items, []float64{x, 100 * m.Low[i], 100 * m.High[i]})
			tip[2] += " (" + format(100*m.Low[i], 1) + " to " + format(100*m.High[i], 1) + ")"
			*lo = math.Min(*lo, m.Low[i])
		}
		points.tips = append(points.tips, tip)
	}
	return []mark{ends, points}
}
