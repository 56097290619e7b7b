package widgets

import (
	"fmt"
	"math"
	"strings"
)

// Band is a measure at each place of an axis with the ends of its interval,
// such as the 95 % of a bootstrap. Low and High may be nil: there is none.
type Band struct{ Value, Low, High []float64 }

// SweepMethod is one method of a MaskingSweep. A Band without values is a
// measure that was not taken.
type SweepMethod struct {
	Name string
	MSE  Band
	PCC  Band
}

// Sweep is what MaskingSweep draws: measures by the share of values hidden.
type Sweep struct {
	Title    string // "" = "Error by share of hidden values"
	Data     string // what it was measured on: data set, slides, masks
	Unit     string // of the values, such as "log2(TPM+1)"
	Interval string // what Low and High are; "" = "95 % of bootstrap samples"
	Shares   []float64
	Methods  []SweepMethod
	Floor    []float64 // noise floor of the MSE: one for all shares or one for each; nil = not known
}

// sweepMeasure is one choice of the figure.
type sweepMeasure struct {
	name, label, better string
	get                 func(*SweepMethod) Band
	error               bool // an error: logarithmic where it spans much, with a floor
}

// MaskingSweep draws how good methods are as more and more values are hidden
// (the line plot of the paper's Figure 4): the mean squared error, or the
// correlation where there is one, by a switch that works without a kernel. One
// line a method with a band of its interval; dashed, the noise floor. Shares
// are from 0 to 1, of a gene's spots. The axis of errors is logarithmic where they span more than
// a factor of 20.
func MaskingSweep(s Sweep) (*PlotFigure, error) {
	if s.Title == "" {
		s.Title = "Error by share of hidden values"
	}
	if s.Interval == "" {
		s.Interval = "95 % of bootstrap samples"
	}
	mse := "MSE"
	if s.Unit != "" {
		mse = "MSE, (" + s.Unit + ")²"
	}
	var plots []*plot
	var text strings.Builder
	for _, m := range []sweepMeasure{
		{"MSE", mse, "lower is better", func(l *SweepMethod) Band { return l.MSE }, true},
		{"PCC", "PCC", "higher is better", func(l *SweepMethod) Band { return l.PCC }, false},
	} {
		lines, err := s.lines(m)
		if err != nil {
			return nil, err
		}
		if len(lines) == 0 {
			continue
		}
		p, err := s.plot(m, lines)
		if err != nil {
			return nil, err
		}
		plots = append(plots, p)
		text.WriteString(strings.Replace(p.text, s.Title, s.Title+", "+m.name, 1))
	}
	if len(plots) == 0 {
		return nil, fmt.Errorf("widgets: masking sweep: no method has a value to show")
	}
	p := choose("Measure", plots)
	p.text = text.String()
	return p.figure(), nil
}

// lines are the curves of one measure, those of methods that have it.
func (s *Sweep) lines(m sweepMeasure) ([]Line, error) {
	x := make([]float64, len(s.Shares))
	for i, share := range s.Shares {
		x[i] = 100 * share
	}
	var lines []Line
	for k := range s.Methods {
		b := m.get(&s.Methods[k])
		if len(b.Value) == 0 {
			continue
		}
		// A method keeps its colour on both measures.
		lines = append(lines, Line{Name: s.Methods[k].Name, X: x, Y: b.Value, Low: b.Low, High: b.High, color: seriesColor(k)})
	}
	if !m.error || len(lines) == 0 || len(s.Floor) == 0 {
		return lines, nil
	}
	floor := Line{Name: "noise floor", X: x, Y: s.Floor, Dashed: true, color: hexMuted}
	if len(s.Floor) == 1 {
		floor.Y = make([]float64, len(x))
		for i := range x {
			floor.Y[i] = s.Floor[0]
		}
	}
	return append(lines, floor), nil
}

func (s *Sweep) plot(m sweepMeasure, lines []Line) (*plot, error) {
	lo, hi := math.Inf(1), 0.0
	for _, l := range lines {
		for _, v := range l.Y {
			if v > 0 && finite(v) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	o := LinesOptions{LogY: m.error && hi > 20*lo}
	o.Caption = "Of each gene, measured values were hidden at so many per cent of the spots and guessed by each method: the further right, the less it had to go by. "
	switch {
	case m.error:
		o.Caption += "The error is the mean square of guessed minus true value: 1 means that guesses are typically off by one unit."
	default:
		o.Caption += "PCC is Pearson’s correlation of guessed and true values: 1 means that the guesses follow the pattern of the gene exactly, 0 that they say nothing of it."
	}
	for _, l := range lines {
		if l.Low != nil {
			o.Caption += " Bands: " + s.Interval + "."
			break
		}
	}
	if m.error && len(s.Floor) > 0 {
		o.Caption += " Dashed: an estimate of the counting noise, which no method can get below."
	}
	p, err := linePlot(s.Title, "hidden values, % of the spots", m.label, lines, o)
	if err != nil {
		return nil, err
	}
	p.height, p.choiceName = 380, m.name
	if s.Data != "" {
		p.subtitle = append(p.subtitle, s.Data)
	}
	p.subtitle = append(p.subtitle, m.label, m.better)
	return p, nil
}
