package spackle

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// EvaluateOptions says how completers are evaluated. The zero value hides
// values three times by the zero Rule on the test split, or on the validation
// split where there is no test split, and compares the baselines.
type EvaluateOptions struct {
	Name    string               // of the data set, for the record; "" = its slides' names
	Methods []baseline.Completer // nil = Baselines(); names must differ; they are fitted to the train spots
	Masks   int                  // how many times values are hidden; 0 = 3, or 10 under Published
	Rule    Rule                 // how many values of each gene are hidden
	Seed    uint64               // of the draws and the resamples; 0 = 42
	Split   spared.Split         // whose spots are evaluated; None = test, else val
	Targets int                  // hide values of so many genes only, those with the highest Moran's I; the others stay visible beside them; 0 = all
	Pairs   int                  // Score.Pairs kept per method; 0 = 20,000, negative = none
	// Protocol says what methods may know of what is hidden; "" = Strict.
	Protocol Protocol
	// Bootstrap is the number of resamples that confidence intervals are taken
	// from; 0 = 200, negative = no intervals. See Score.MSECI.
	Bootstrap int
	// Progress hears of each mask, method and slide; nil drops the news.
	Progress spared.Progress
}

// Evaluation is the result of comparing completers. It marshals to one JSON
// object.
type Evaluation struct {
	Engine string       `json:"engine"` // what networks ran on; "none" without a network
	Seed   uint64       `json:"seed"`
	Order  spared.Order `json:"order"` // of the pipeline that made the data set
	Split  string       `json:"split"` // whose spots were evaluated
	Rule   string       `json:"rule"`  // how values were hidden
	Masks  int          `json:"masks"` // how many times
	// Protocol says what methods could know of what was hidden; "" where
	// nothing was.
	Protocol  Protocol `json:"protocol,omitempty"`
	Bootstrap int      `json:"bootstrap,omitempty"` // resamples that the confidence intervals come from; 0 = there are none
	Unit      string   `json:"unit"`                // of mse (squared) and mae
	// Floor is the noise floor of MSE: the mean variance of the hidden values
	// that is left if the rate at which each gene is counted were known, since
	// counting is random. With b the log2 of the value of one count in the true
	// total of the spot, x the value by the default method, which sees only what
	// any method sees, and h and q the mean and variance of log2 c under a
	// zero-truncated Poisson law,
	//
	//	Floor = mean over hidden entries of q(h⁻¹(x - b))    (baseline.CountNoise)
	//
	// It is an estimate, on either side of the truth: x stands in for the rate,
	// and counts vary more than Poisson ones do. 0 where nothing was hidden.
	Floor   float64        `json:"floor,omitempty"`
	Data    EvaluationData `json:"data"`
	Notes   []string       `json:"notes"`   // what a reader of the numbers should know
	Methods []Score        `json:"methods"` // in the order given
}

// EvaluationData says what was evaluated on.
type EvaluationData struct {
	Name   string   `json:"name"`
	Slides []string `json:"slides"` // those evaluated
	Genes  int      `json:"genes"`
	Spots  int      `json:"spots"` // those evaluated
}

// Default returns the method that completes where none is named: the Poisson
// factor, which needs neither training nor other slides.
func Default() baseline.Completer { return baseline.PoissonFactor{} }

// Baselines returns the completers that a data set's completion is usually
// compared with, not yet fitted: the adaptive median, a Gaussian kernel, the
// mean of the 18 nearest spots, each gene's mean over train spots, and the
// Poisson factor.
func Baselines() []baseline.Completer {
	return []baseline.Completer{
		baseline.Median{}, &baseline.Kernel{}, &baseline.KNNMean{}, &baseline.GeneMean{}, baseline.PoissonFactor{},
	}
}

// Methods returns all completers that need no network, not yet fitted, simple
// ones first.
func Methods() []baseline.Completer {
	return []baseline.Completer{
		baseline.Zero{}, &baseline.GeneMean{}, baseline.SlideMean{}, baseline.Median{}, &baseline.KNNMean{}, &baseline.Kernel{},
		&baseline.SME{}, &baseline.SME{VisibleOnly: true}, &baseline.SoftImpute{}, &baseline.Depth{NoOffset: true}, &baseline.Depth{}, &baseline.Ridge{TrainOnly: true}, &baseline.Ridge{},
		&baseline.SpatialFactor{}, &baseline.ZTPFactor{},
		baseline.PoissonKernel{}, baseline.PoissonFactor{}, baseline.VariationalFactor{}, baseline.Mean{baseline.PoissonFactor{}, &baseline.Ridge{}},
	}
}

// Contestants returns what a data set's completion is usually judged by: the
// adaptive median, the kernel mean, the Poisson factor that is the default of
// Complete, and the model. eng nil opens the best engine of this machine, for as
// long as the program runs. The error is that of NewCompleter.
func Contestants(ds *spared.Dataset, m *Model, eng *engine.Engine) ([]baseline.Completer, error) {
	base := slices.DeleteFunc(Baselines(), func(c baseline.Completer) bool { return c.Name() != "median" && c.Name() != "kernel" })
	c, err := NewCompleter(m, ds, eng)
	if err != nil {
		return nil, err
	}
	return append(base, Default(), c), nil
}

// Evaluate hides measured values, lets each method complete what is left, and
// compares with what was hidden. Masks come first: a value is hidden before
// anything but the fit on train spots has seen it, and all methods meet the
// same masks.
//
// With f_g the share of train spots in which gene g has a count (of all spots,
// where none trains), each measured value of an evaluated spot is hidden with the
// rule's probability for f_g. NewView then makes the view, and the truth is the
// layer log1p, which the hidden counts are part of. On a slide that is divided
// between splits, values are hidden on spots of the evaluated split only; the
// others stay visible.
//
// Seed and inputs give the numbers, except Score.Seconds.
func Evaluate(ctx context.Context, ds *spared.Dataset, o EvaluateOptions) (*Evaluation, error) {
	c, err := hiding(ctx, ds, o)
	if err != nil {
		return nil, err
	}
	o = c.o
	p := c.probabilities()
	for m := range o.Masks {
		err := c.run(ctx, m, func(section int, t *tissue) (hidden, scored []bool) {
			h := t.hide(section, o.Split, o.Rule, p, o.Seed, m)
			return h, h
		})
		if err != nil {
			return nil, err
		}
	}
	if err := c.findFloor(ctx); err != nil {
		return nil, err
	}
	e := c.result()
	e.Rule, e.Masks, e.Protocol, e.Floor = o.Rule.String(), o.Masks, o.Protocol, c.floor.mean()
	return e, nil
}

// TrueError completes a simulated data set as its user would, hiding nothing,
// and compares what was never measured with the truth that a real data set
// does not have. truth is [spots][genes] in the order of the data set,
// log2(TPM+1) of the expression that the counts were drawn from, with TPM
// relative to the same genes as the data set's own; simulate.Expected makes it.
// o.Split chooses the spots that are scored, None all of them; Masks, Rule and
// Seed play no part, and Score.N counts the missing values.
//
// Values answers what a value would have been if detected (see package
// baseline), so expect it above the truth where that is low. Score.Rate is the
// score of the other answer, of methods that have it: that one is about what is
// there.
func TrueError(ctx context.Context, ds *spared.Dataset, truth blas32.General, o EvaluateOptions) (*Evaluation, error) {
	n, genes := ds.N()
	if truth.Rows != n || truth.Cols != genes {
		return nil, fmt.Errorf("spackle: a truth of %d x %d for %d spots x %d genes", truth.Rows, truth.Cols, n, genes)
	}
	split := o.Split
	o, err := o.withDefaults(ds)
	if err != nil {
		return nil, err
	}
	o.Split, o.Masks, o.Protocol = split, 1, Strict
	c, err := newContest(ds, o, truth)
	if err != nil {
		return nil, err
	}
	c.missing = true
	if err := c.fit(ctx); err != nil {
		return nil, err
	}
	err = c.run(ctx, 0, func(_ int, t *tissue) (hidden, scored []bool) {
		scored = make([]bool, len(t.spots)*len(c.genes))
		for k, i := range t.spots {
			if split != spared.None && ds.Spots[i].Split != split {
				continue
			}
			for m, g := range c.genes {
				scored[k*len(c.genes)+m] = !ds.Mask[i*genes+g]
			}
		}
		return nil, scored
	})
	if err != nil {
		return nil, err
	}
	e := c.result()
	e.Rule, e.Masks, e.Seed = "never measured, against the simulated truth", 1, 0
	return e, nil
}

// withDefaults fills in what is left blank, and returns an error where the
// options cannot be followed.
func (o EvaluateOptions) withDefaults(ds *spared.Dataset) (EvaluateOptions, error) {
	if o.Methods == nil {
		o.Methods = Baselines()
	}
	for i, m := range o.Methods {
		if slices.ContainsFunc(o.Methods[:i], func(b baseline.Completer) bool { return b.Name() == m.Name() }) {
			return o, fmt.Errorf("spackle: two methods are called %q", m.Name())
		}
	}
	o.Protocol = cmp.Or(o.Protocol, Strict)
	masks := 3
	switch o.Protocol {
	case Strict:
	case Published:
		masks = 10
	default:
		return o, fmt.Errorf("spackle: %q is not a protocol: want %s or %s", o.Protocol, Strict, Published)
	}
	if o.Masks < 0 {
		return o, fmt.Errorf("spackle: %d masks", o.Masks)
	}
	o.Masks, o.Seed = cmp.Or(o.Masks, masks), cmp.Or(o.Seed, 42)
	o.Pairs, o.Bootstrap = cmp.Or(o.Pairs, 20_000), cmp.Or(o.Bootstrap, 200)
	if o.Split == spared.None {
		o.Split = spared.Test
		if len(ds.SpotsIn(spared.Test)) == 0 {
			o.Split = spared.Val
		}
	}
	o.Name = cmp.Or(o.Name, strings.Join(sectionNames(ds), ", "))
	return o, nil
}
