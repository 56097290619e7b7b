package widgets

import (
	"encoding/base64"
	"fmt"
	"html"
	"math"
	"strings"
	"sync"
	"time"
)

// Training draws a training as it goes: loss and validation error by step. In
// a notebook the figure changes in place, about twice a second; elsewhere
// lines of text go to standard error. Its methods may be called from several
// goroutines.
type Training struct {
	title, unit string
	screen      *screen
	throttle    *throttle

	mu        sync.Mutex
	total     int // steps that the training will take; 0 = not known
	pace      pace
	steps     []float64
	loss, val []float64
	lastVal   float64
	text      string
	closed    bool
	final     *PlotFigure
}

// NewTraining starts a live figure. unit is that of the values, such as
// "log2(TPM+1)"; loss and validation error are its square.
func NewTraining(title, unit string) *Training { return newTraining(title, unit, newScreen()) }

func newTraining(title, unit string, s *screen) *Training {
	t := &Training{title: title, unit: unit, screen: s, lastVal: math.NaN(), pace: pace{now: time.Now}}
	t.throttle = &throttle{interval: twiceASecond, draw: t.show}
	t.screen.html(`<div style="` + cardStyle + `"><b>` + html.EscapeString(clean(title)) + `</b><div style="` + captionStyle + `">Getting ready for the first step.</div></div>`)
	return t
}

// Goal says how many steps the training will take, so that the figure can tell
// the time left. It returns t.
func (t *Training) Goal(steps int) *Training {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total = steps
	return t
}

// Add notes one step: its loss, the last mean squared error on validation
// spots (NaN before the first), and words to show below the figure, such as
// the epoch or the time left. An error that repeats the one before is the same
// validation; it is drawn once, at the step that it came with.
func (t *Training) Add(step int, loss, valMSE float64, text string) {
	t.mu.Lock()
	if !t.closed {
		if valMSE == t.lastVal {
			valMSE = math.NaN()
		} else {
			t.lastVal = valMSE
		}
		t.steps = append(t.steps, float64(step))
		t.loss, t.val = append(t.loss, loss), append(t.val, valMSE)
		t.text = text
		t.pace.add(step)
	}
	t.mu.Unlock()
	t.throttle.touch()
}

// pace is how fast steps went lately.
type pace struct {
	now  func() time.Time
	at   []time.Time // when steps were noted, a second or more apart, the last 30
	step []int
}

func (p *pace) add(step int) {
	now := p.now()
	if k := len(p.at); k > 0 && now.Sub(p.at[k-1]) < time.Second {
		return
	}
	p.at, p.step = append(p.at, now), append(p.step, step)
	if len(p.at) > 30 {
		p.at, p.step = p.at[1:], p.step[1:]
	}
}

// rate returns steps a second over the last half minute or so; 0 = not known.
func (p *pace) rate() float64 {
	k := len(p.at) - 1
	if k < 1 {
		return 0
	}
	return float64(p.step[k]-p.step[0]) / p.at[k].Sub(p.at[0]).Seconds()
}

// progress says how far the training is, how fast, and how long it will take.
// The lock is held.
func (t *Training) progress() string {
	step := int(t.steps[len(t.steps)-1])
	words := "step " + count(step)
	if t.total > 0 {
		words += " of " + count(t.total)
	}
	rate := t.pace.rate()
	if rate > 0 {
		d := 1
		if rate < 1 {
			d = 2
		}
		words += ", " + format(rate, d) + " steps a second"
		if left := float64(t.total-step) / rate; left >= 1 {
			words += ", about " + duration(math.Round(left)) + " left"
		}
	}
	return words
}

// snapshot returns the figure of what has been added, with the words below it
// and the share that is done, 0 where that is not known.
func (t *Training) snapshot() (p *plot, text string, share float64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err = trainingPlot(t.title, t.unit, t.steps, t.loss, t.val)
	text = t.text
	if t.total > 0 && len(t.steps) > 0 {
		share = math.Min(1, t.steps[len(t.steps)-1]/float64(t.total))
		text = strings.TrimSuffix(t.progress()+". "+text, " ")
	}
	return p, text, share, err
}

// show draws what has been added.
func (t *Training) show() {
	p, text, share, err := t.snapshot()
	if err != nil {
		return // nothing to draw yet
	}
	if !t.screen.notebook {
		t.mu.Lock()
		n := len(t.steps) - 1
		t.screen.line("%s: step %.0f, loss %s, validation MSE %s  %s", t.title, t.steps[n], format(t.loss[n], 4), format(lastFinite(t.val), 4), text)
		t.mu.Unlock()
		return
	}
	p.tidy()
	png, err := p.paint()
	if err != nil {
		return
	}
	t.screen.html(`<div style="` + cardStyle + `"><img width="` + fmt.Sprint(stillWidth) + `" style="max-width:100%;height:auto;display:block" alt="` +
		html.EscapeString(firstLine(p.text)) + `" src="data:image/png;base64,` + base64.StdEncoding.EncodeToString(png) +
		`">` + progressLine(share) + `<div style="` + captionStyle + `">` + html.EscapeString(clean(text)) + `</div></div>`)
}

// progressLine is a bar that is filled as far as the training is; "" for 0.
func progressLine(share float64) string {
	if share <= 0 {
		return ""
	}
	return fmt.Sprintf(`<div style="height:6px;border-radius:3px;background:#e6eaee;margin-top:5px;overflow:hidden"><div style="height:6px;width:%.1f%%;background:#2f6fb0"></div></div>`, 100*share)
}

func lastFinite(v []float64) float64 {
	for i := len(v) - 1; i >= 0; i-- {
		if finite(v[i]) {
			return v[i]
		}
	}
	return math.NaN()
}

// Close ends the live figure and leaves the finished one in its place, which
// it also returns; nil where no finite loss or error was ever added. Adding to
// a closed Training does nothing.
func (t *Training) Close() *PlotFigure {
	t.throttle.stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return t.final
	}
	if p, err := trainingPlot(t.title, t.unit, t.steps, t.loss, t.val); err == nil {
		if t.text != "" {
			p.caption = strings.TrimSpace(p.caption + " " + t.text)
		}
		t.final = p.figure()
	}
	t.leave()
	return t.final
}

// Finish ends the live figure and leaves that of the whole training in its
// place, which may have begun in an earlier run or be one that was opened:
// loss and validation error of each step, as in TrainingFigure.
func (t *Training) Finish(steps []int, loss, val []float64) (*PlotFigure, error) {
	t.throttle.stop()
	f, err := TrainingFigure(t.title, t.unit, steps, loss, val)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.final = f
	t.leave()
	return f, nil
}

// leave puts the finished figure, or nothing, where the live one was.
func (t *Training) leave() {
	t.closed = true
	switch {
	case t.screen.notebook && t.final == nil:
		t.screen.html("")
	case t.screen.notebook:
		t.screen.data(bundle(t.final))
	case t.final != nil:
		t.screen.line("%s", t.final.Text())
	}
	t.screen.sync()
}

// TrainingFigure draws a finished training: loss and validation error (NaN
// where there is none) of each step. All three have one entry per step; val
// may be nil.
func TrainingFigure(title, unit string, steps []int, loss, val []float64) (*PlotFigure, error) {
	if val == nil {
		val = make([]float64, len(steps))
		for i := range val {
			val[i] = math.NaN()
		}
	}
	if len(loss) != len(steps) || len(val) != len(steps) {
		return nil, fmt.Errorf("widgets: training: %d steps, %d losses, %d validation errors", len(steps), len(loss), len(val))
	}
	x := make([]float64, len(steps))
	for i := range steps {
		x[i] = float64(steps[i])
	}
	p, err := trainingPlot(title, unit, x, loss, val)
	if err != nil {
		return nil, err
	}
	return p.figure(), nil
}

// trainingPlot draws loss and validation error over one axis, logarithmic
// where they span more than a factor of 50.
func trainingPlot(title, unit string, steps, loss, val []float64) (*plot, error) {
	lines := []Line{{Name: "loss", X: steps, Y: loss}}
	var vx, vy []float64
	best := -1
	for i, v := range val {
		if !finite(v) {
			continue
		}
		vx, vy = append(vx, steps[i]), append(vy, v)
		if best < 0 || v < vy[best] {
			best = len(vy) - 1
		}
	}
	if len(vy) > 0 {
		lines = append(lines, Line{Name: "validation MSE", X: vx, Y: vy})
	}
	if len(vy) > 2 {
		lines = append(lines, bestSoFar(vx, vy, steps[len(steps)-1]))
	}
	lo, hi := math.Inf(1), 0.0
	for _, v := range append(append([]float64(nil), loss...), vy...) {
		if v > 0 && finite(v) {
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
	}
	label := "squared error"
	if unit != "" {
		label = "squared error, (" + unit + ")²"
	}
	p, err := linePlot(title, "step", label, lines, LinesOptions{LogY: hi > 50*lo})
	if err != nil {
		return nil, err
	}
	if best >= 0 {
		p.subtitle = []string{"step " + count(int(steps[len(steps)-1])), "least validation MSE " + format(vy[best], 4) + " at step " + count(int(vx[best]))}
		y := vy[best]
		if hi > 50*lo {
			y = math.Log10(y)
		}
		p.panels[0].marks = append(p.panels[0].marks, mark{kind: pointKind, name: "validation MSE", color: series[1], size: 8, silent: true,
			items: [][]float64{{vx[best], y}}})
	}
	return p, nil
}

// bestSoFar is the least validation error up to each step, a staircase that
// goes on to the last step.
func bestSoFar(x, y []float64, last float64) Line {
	l := Line{Name: "best so far", Dashed: true, color: hexMuted, quiet: true}
	best := math.Inf(1)
	for i := range y {
		if y[i] < best {
			if l.X != nil {
				l.X, l.Y = append(l.X, x[i]), append(l.Y, best)
			}
			best = y[i]
			l.X, l.Y = append(l.X, x[i]), append(l.Y, best)
		}
	}
	l.X, l.Y = append(l.X, last), append(l.Y, best)
	return l
}
