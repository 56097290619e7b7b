package spackle

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spared"
)

// Rates returns the ten learning rates that the paper tries on each data set,
// evenly spaced on a logarithmic scale from 1e-5 to 1e-2.
func Rates() []float64 {
	return []float64{1e-5, 2.154e-5, 4.642e-5, 1e-4, 2.154e-4, 4.642e-4, 1e-3, 2.154e-3, 4.642e-3, 1e-2}
}

// Trial is one training of a grid.
type Trial struct {
	Name    string // of its folder, too
	Options TrainOptions
}

// RateTrials are trainings that differ in the learning rate only. Without rates
// they are those of Rates.
func RateTrials(base TrainOptions, rates ...float64) []Trial {
	if len(rates) == 0 {
		rates = Rates()
	}
	var trials []Trial
	for _, rate := range rates {
		o := base
		o.Rate = rate
		trials = append(trials, Trial{"lr-" + strconv.FormatFloat(rate, 'g', 4, 64), o})
	}
	return trials
}

// Ablations are the trainings of the paper's Tables 2 and 3, as far as the data
// set allows: base itself ("spackle"), then with one thing changed
//
//	neighbors-0, -6, -36   in place of 18
//	raw                    without pre-completion
//	context                1,024 genes (or all, if there are fewer) of which those of
//	                       base are hidden; where base.Genes leaves some out
//	visual                 the embedding features of obsm beside the genes, unless ""
//
// All complete the same genes, so that one evaluation compares them.
func Ablations(ds *spared.Dataset, base TrainOptions, features string) []Trial {
	trials := []Trial{{"spackle", base}}
	add := func(name string, change func(*TrainOptions)) {
		o := base
		change(&o)
		trials = append(trials, Trial{name, o})
	}
	for _, n := range []int{0, 6, 36} {
		add("neighbors-"+strconv.Itoa(n), func(o *TrainOptions) {
			if o.Neighbors = n; n == 0 {
				o.Neighbors = -1
			}
		})
	}
	add("raw", func(o *TrainOptions) { o.Raw, o.Layer = true, "" })
	const context = 1024
	if wide := min(context, len(ds.Genes)); base.Genes > 0 && base.Genes < wide {
		add("context", func(o *TrainOptions) {
			if o.Genes = wide; o.Targets == 0 {
				o.Targets = base.Genes
			}
		})
	}
	if features != "" {
		add("visual", func(o *TrainOptions) { o.Features = features })
	}
	return trials
}

// GridOptions directs Grid. The zero value tries the ten published learning
// rates.
type GridOptions struct {
	Train  TrainOptions // of the trials where they are not given; its Engine is that of all, and its Report hears of none
	Trials []Trial      // nil = RateTrials(Train)

	// Evaluate has the finished models compared on hidden values too; nil = they
	// are not. Its Methods are not used, and its Targets, if 0, are those of the
	// first trial.
	Evaluate *EvaluateOptions
	Progress spared.Progress // hears of each step; nil = silence
}

// GridResult is what the trials of a grid came to. It marshals to one JSON
// object.
type GridResult struct {
	Trials     []TrialResult `json:"trials"`               // in the order given
	Best       string        `json:"best"`                 // name of the trial with the lowest validation error; "" = there is none
	Evaluation *Evaluation   `json:"evaluation,omitempty"` // of the trials that have a model, by their names
}

// TrialResult is what one training came to.
type TrialResult struct {
	Name       string  `json:"name"`
	Dir        string  `json:"dir"` // the folder with its model
	Rate       float64 `json:"lr"`
	Layer      string  `json:"layer"`
	Step       int     `json:"step"` // steps taken
	BestStep   int     `json:"best_step"`
	BestValMSE float64 `json:"best_val_mse"`       // 0 where it diverged before its first validation
	Diverged   bool    `json:"diverged,omitempty"` // the numbers are from before that

	Model *Model `json:"-"` // nil where BestStep is 0
}

// Grid trains each trial in a folder of its name within dir, and finds the one
// with the lowest validation error: how the paper chooses the learning rate of
// each data set. Trials that are finished are opened and unfinished ones go on,
// as in Train, so a grid can be stopped at any time and started again. A trial
// whose loss diverges is noted, not an error; it is tried again the next time.
//
// The validation error compares trainings on the same layer and targets. Where
// these differ, as in Ablations, let Evaluate compare the models, which it does
// in log2(TPM+1) and on the same hidden values.
//
// When ctx is cancelled the result holds the trials up to there, together with
// an error that wraps ctx.Err().
func Grid(ctx context.Context, ds *spared.Dataset, dir string, o GridOptions) (*GridResult, error) {
	if o.Trials == nil {
		o.Trials = RateTrials(o.Train)
	}
	if err := checkNames(o.Trials); err != nil {
		return nil, err
	}
	for _, t := range o.Trials { // all of them before any is trained
		if _, err := newRun(ds, dir, t.Options); err != nil {
			return nil, fmt.Errorf("trial %s: %w", t.Name, err)
		}
	}
	e := o.Train.Engine
	if e == nil {
		var err error
		if e, err = engine.Open(engine.Options{}); err != nil {
			return nil, fmt.Errorf("spackle: %w", err)
		}
		defer e.Close()
	}
	result := &GridResult{}
	for k, t := range o.Trials {
		one, err := t.run(ctx, ds, filepath.Join(dir, t.Name), e, func(r Report) {
			news := r.Event()
			news.Step = fmt.Sprintf("training %s (%d of %d)", t.Name, k+1, len(o.Trials))
			o.Progress.Send(news)
		})
		if err != nil {
			return result, fmt.Errorf("trial %s: %w", t.Name, err)
		}
		result.Trials = append(result.Trials, one)
	}
	result.Best = best(result.Trials)
	if o.Evaluate == nil {
		return result, nil
	}
	var err error
	result.Evaluation, err = evaluateTrials(ctx, ds, e, result.Trials, *o.Evaluate)
	return result, err
}

// checkNames returns an error unless each trial can have a folder of its own.
func checkNames(trials []Trial) error {
	if len(trials) == 0 {
		return errors.New("spackle: a grid of no trial")
	}
	for k, t := range trials {
		if t.Name == "" || t.Name == "." || t.Name == ".." || filepath.Base(t.Name) != t.Name {
			return fmt.Errorf("spackle: a trial called %q, want the name of a folder", t.Name)
		}
		if slices.ContainsFunc(trials[:k], func(u Trial) bool { return u.Name == t.Name }) {
			return fmt.Errorf("spackle: two trials are called %q", t.Name)
		}
	}
	return nil
}

// run trains one trial.
func (t *Trial) run(ctx context.Context, ds *spared.Dataset, dir string, e *engine.Engine, report func(Report)) (TrialResult, error) {
	o := t.Options
	o.Engine, o.Report = e, report
	m, err := Train(ctx, ds, dir, o)
	r := TrialResult{Name: t.Name, Dir: dir, Rate: o.Rate, Model: m, Diverged: errors.Is(err, ErrDiverged)}
	if err != nil && !r.Diverged {
		return r, err
	}
	if m != nil {
		tr := m.Training
		r.Rate, r.Layer, r.Step, r.BestStep, r.BestValMSE = tr.Rate, m.Layer, tr.Step, tr.BestStep, tr.BestValMSE
	}
	return r, nil
}

// best is the name of the trial with the lowest validation error, of equal ones
// the first.
func best(trials []TrialResult) string {
	name, lowest := "", math.Inf(1)
	for _, t := range trials {
		if t.Model != nil && t.BestValMSE < lowest {
			name, lowest = t.Name, t.BestValMSE
		}
	}
	return name
}

// evaluateTrials compares the models of a grid.
func evaluateTrials(ctx context.Context, ds *spared.Dataset, e *engine.Engine, trials []TrialResult, o EvaluateOptions) (*Evaluation, error) {
	o.Methods = nil
	for _, t := range trials {
		if t.Model == nil {
			continue
		}
		c, err := NewCompleter(t.Model, ds, e)
		if err != nil {
			return nil, fmt.Errorf("trial %s: %w", t.Name, err)
		}
		c.(*slideCompleter).name = t.Name
		if o.Methods = append(o.Methods, c); len(o.Methods) == 1 && o.Targets == 0 {
			o.Targets = t.Model.Completes()
		}
	}
	if o.Methods == nil {
		return nil, errors.New("spackle: no trial has a model to evaluate")
	}
	return Evaluate(ctx, ds, o)
}
