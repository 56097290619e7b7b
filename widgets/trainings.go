package widgets

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Run is one of several trainings: its validation error by step. NaN = none at
// that step.
type Run struct {
	Name   string // what is special about it: "rate 0.001", "no pre-completion"
	Steps  []int
	ValMSE []float64
	Note   string // such as "diverged"
}

// Trainings compares trainings, such as the learning rates of a grid or the
// ablations of a network: the validation error of each by step, and its least
// one, at which step, as bars. The axis of errors is logarithmic where they
// span more than a factor of 20. unit is that of the values. Runs without a
// finite error keep their place among the bars.
func Trainings(title, unit string, runs []Run) (*PlotFigure, error) {
	label := "validation MSE"
	if unit != "" {
		label += ", (" + unit + ")²"
	}
	lines := make([]Line, len(runs))
	lo, hi := math.Inf(1), 0.0
	for k, r := range runs {
		if len(r.Steps) != len(r.ValMSE) {
			return nil, fmt.Errorf("widgets: trainings: %s has %d steps and %d errors", r.Name, len(r.Steps), len(r.ValMSE))
		}
		lines[k] = Line{Name: r.Name}
		for i, v := range r.ValMSE {
			if finite(v) && v > 0 {
				lines[k].X, lines[k].Y = append(lines[k].X, float64(r.Steps[i])), append(lines[k].Y, v)
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	p, err := linePlot(title, "step", label, lines, LinesOptions{LogY: hi > 20*lo})
	if err != nil {
		return nil, err
	}
	bars, at := bestBars(runs, lines, label)
	p.panels[0].weight = 0.54
	p.panels = append(p.panels, bars)
	p.height = math.Max(320, 90+24*float64(len(runs)))
	best := lines[at]
	p.subtitle = []string{plural(len(runs), "training"), "least: " + isolate(clean(best.Name)) + ", " + bestWords(best)}
	var text strings.Builder
	text.WriteString(title + " (" + label + ")\n")
	for k, r := range runs {
		text.WriteString("  " + r.Name + ": " + strings.TrimSuffix(bestWords(lines[k])+", "+r.Note, ", ") + "\n")
	}
	p.text = text.String()
	p.caption = strings.TrimSpace("Left: the error on hidden values of spots that were not learnt from, lower is better; names above switch lines off. Right: the least error of each training and the step it came at, bold the least of all. " + p.caption)
	return p.figure(), nil
}

// least returns the place of a line's least value, -1 for none.
func (l *Line) least() int {
	at := -1
	for i, v := range l.Y {
		if at < 0 || v < l.Y[at] {
			at = i
		}
	}
	return at
}

// bestWords says what a training's least error was, and when.
func bestWords(l Line) string {
	i := l.least()
	if i < 0 {
		return "no error"
	}
	return format(l.Y[i], 3) + " at step " + count(int(l.X[i]))
}

// bestBars draws the least error of each run, and returns which run has the
// least of all.
func bestBars(runs []Run, lines []Line, measure string) (q panel, best int) {
	names := make([]string, len(runs))
	bars, texts := mark{kind: rectKind}, mark{kind: textKind, silent: true}
	hi, least := 0.0, math.Inf(1)
	for k, r := range runs {
		names[k] = r.Name
		if i := lines[k].least(); i >= 0 {
			if v := lines[k].Y[i]; v < least {
				best, least = k, v
			}
			hi = math.Max(hi, lines[k].Y[i])
		}
	}
	for k, r := range runs {
		v, words := 0.0, bestWords(lines[k])
		if i := lines[k].least(); i >= 0 {
			v = lines[k].Y[i]
		}
		if r.Note != "" {
			words += ", " + isolate(r.Note)
		}
		y := float64(k)
		bars.items = append(bars.items, []float64{0, v, y - 0.32, y + 0.32})
		bars.colors = append(bars.colors, seriesColor(k))
		bars.tips = append(bars.tips, []string{r.Name, "least " + measure + "\t" + words})
		texts.items = append(texts.items, []float64{v, y})
		texts.texts = append(texts.texts, label{Text: words, DX: 6, Align: "left", Bold: k == best, Color: hexInk})
	}
	if slices.ContainsFunc(runs, func(r Run) bool { return r.Note != "" }) {
		hi *= 1.2
	}
	q = panel{x: numericTicks("least "+measure, 0, 1.55*hi, 4), y: categories("", names), weight: 0.46, marks: []mark{bars, texts}}
	q.y.inverse = true
	return q, best
}
