package widgets

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// ScatterOptions says how Scatter looks.
type ScatterOptions struct {
	Unit   string   // of both axes
	Names  []string // of the pairs, for the tooltip
	XLabel string   // "" = "truth"
	YLabel string   // "" = "predicted"
}

const (
	mostPoints  = 3000 // beyond, the plane is divided into cells
	scatterBins = 64
)

// Scatter compares predicted with true values, such as a completer's on
// hidden entries: one disc per pair, or where there are more than 3,000, cells
// coloured by the number of pairs in them (logarithmic), and the line where
// both are equal. The heading gives n, mean squared error, Pearson's
// correlation, and the mean error (predicted minus true: above 0 where
// predictions are too high). Pairs that are not finite are left out and counted in the
// caption.
func Scatter(title string, truth, predicted []float64, o ScatterOptions) (*PlotFigure, error) {
	if len(truth) != len(predicted) {
		return nil, fmt.Errorf("widgets: scatter: %d true and %d predicted values", len(truth), len(predicted))
	}
	if o.Names != nil && len(o.Names) != len(truth) {
		return nil, fmt.Errorf("widgets: scatter: %d names for %d pairs", len(o.Names), len(truth))
	}
	var x, y []float64
	var names []string
	for i := range truth {
		if finite(truth[i]) && finite(predicted[i]) {
			x, y = append(x, truth[i]), append(y, predicted[i])
			if o.Names != nil {
				names = append(names, o.Names[i])
			}
		}
	}
	if len(x) == 0 {
		return nil, fmt.Errorf("widgets: scatter: no pair of finite values")
	}
	o = o.worded()
	lo, _, hi := summary(append(append([]float64(nil), x...), y...))
	q := o.square(lo, hi, 8)
	q.weight = 0.58
	p := &plot{title: []string{title}, height: 430}
	if len(x) > mostPoints {
		c := newCells(&q, x, y)
		q.marks = append(q.marks, c.mark(&q, c.most))
		p.caption = "Colour: number of pairs in a cell, on a logarithmic scale; dark is few, yellow many. "
	} else {
		q.marks = append(q.marks, discs(&q, x, y, names))
	}
	q.marks = append(q.marks, equal(&q))
	p.panels = []panel{q, residuals(x, y, o)}
	p.caption += "Dashed: " + o.YLabel + " = " + o.XLabel + ". Right: how far apart the two are, with the few beyond the ends in the outermost bars."
	if left := len(truth) - len(x); left > 0 {
		p.caption += " " + plural(left, "pair") + " without a finite value left out."
	}
	p.subtitle = agreement(x, y)
	p.text = title + "\n  " + strings.Join(p.subtitle, ", ")
	return p.figure(), nil
}

// worded fills in what the axes are called.
func (o ScatterOptions) worded() ScatterOptions {
	if o.XLabel == "" {
		o.XLabel = "truth"
	}
	if o.YLabel == "" {
		o.YLabel = "predicted"
	}
	return o
}

// square is a panel with the same axis both ways, of about n ticks.
func (o ScatterOptions) square(lo, hi float64, n int) panel {
	label := func(what string) string {
		if o.Unit == "" {
			return what
		}
		return what + ", " + o.Unit
	}
	return panel{x: numericTicks(label(o.XLabel), lo, hi, n), y: numericTicks(label(o.YLabel), lo, hi, n), weight: 1, square: true}
}

// equal is the line where both axes say the same.
func equal(q *panel) mark {
	return mark{kind: lineKind, name: "equal", color: hexMuted, size: 1.3, dashed: true, silent: true,
		items: [][]float64{{q.x.min, q.x.min}, {q.x.max, q.x.max}}}
}

// residuals is the panel beside the scatter: the histogram of the errors.
func residuals(x, y []float64, o ScatterOptions) panel {
	d := make([]float64, len(x))
	for i := range x {
		d[i] = y[i] - x[i]
	}
	s := describe(d)
	// Nearly all errors, on both sides of zero alike.
	far := math.Max(math.Abs(stat.Quantile(0.005, stat.LinInterp, s.sorted, nil)), math.Abs(stat.Quantile(0.995, stat.LinInterp, s.sorted, nil)))
	if !(far > 0) {
		far = 0.5
	}
	name := o.YLabel + " − " + o.XLabel
	axis := numericTicks(name, -far, far, 5)
	bars, most := histogramBars(d, axis.min, axis.max, 40, name, HistogramOptions{YLabel: "pairs"})
	q := panel{x: axis, y: numeric("pairs", 0, float64(most)), weight: 0.42, marks: []mark{bars}}
	q.marks = append(q.marks, mark{kind: lineKind, name: "equal", color: hexMuted, size: 1.3, dashed: true, silent: true,
		items: [][]float64{{0, 0}, {0, q.y.max}}})
	return q
}

// agreement returns n, MSE, PCC and the mean of predicted minus true values
// in words.
func agreement(x, y []float64) []string {
	var se, sum float64
	for i := range x {
		d := y[i] - x[i]
		se, sum = se+d*d, sum+d
	}
	pcc := math.NaN()
	if len(x) > 1 {
		pcc = stat.Correlation(x, y, nil)
	}
	n := float64(len(x))
	return []string{plural(len(x), "pair"), "MSE " + format(se/n, 3), "PCC " + format(pcc, 3), "mean error " + format(sum/n, 2)}
}

func discs(q *panel, x, y []float64, names []string) mark {
	m := mark{kind: pointKind, name: "pairs", color: series[0], size: 6, opacity: 0.45}
	if len(x) > 800 {
		m.size, m.opacity = 4, 0.35
	}
	for i := range x {
		m.items = append(m.items, []float64{x[i], y[i]})
	}
	if names != nil {
		d := q.x.decimals() + 2
		for i := range x {
			m.tips = append(m.tips, []string{names[i], q.x.label + "\t" + format(x[i], d), q.y.label + "\t" + format(y[i], d)})
		}
	}
	return m
}

// cells are the squares that a panel is divided into, with the pairs in them.
type cells struct {
	n    []int
	most int
	side float64
}

func newCells(q *panel, x, y []float64) *cells {
	c := &cells{n: make([]int, scatterBins*scatterBins), most: 1, side: (q.x.max - q.x.min) / scatterBins}
	bin := func(v float64) int { return max(0, min(scatterBins-1, int((v-q.x.min)/c.side))) }
	for i := range x {
		k := bin(y[i])*scatterBins + bin(x[i])
		c.n[k]++
		c.most = max(c.most, c.n[k])
	}
	return c
}

// mark colours the cells with pairs; that of most pairs would be lightest.
func (cs *cells) mark(q *panel, most int) mark {
	table, err := colorTable(defaultScale)
	if err != nil {
		return mark{}
	}
	side := cs.side
	m := mark{kind: rectKind, name: "pairs", color: series[0]}
	for k, c := range cs.n {
		if c == 0 {
			continue
		}
		x0, y0 := q.x.min+side*float64(k%scatterBins), q.x.min+side*float64(k/scatterBins)
		m.items = append(m.items, []float64{x0, x0 + side, y0, y0 + side})
		t := math.Log(float64(c)) / math.Max(math.Log(float64(most)), 1e-9)
		col := table[int(math.Round(255*math.Min(1, t)))]
		m.colors = append(m.colors, fmt.Sprintf("#%02x%02x%02x", col.R, col.G, col.B))
		m.counts = append(m.counts, c)
	}
	return m
}
