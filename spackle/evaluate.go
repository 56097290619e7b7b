package spackle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

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

// Evaluate hides measured values, lets each method complete what is left, and
// compares with what was hidden. Masks come first: a value is hidden before
// anything but the fit on train spots has seen it, and all methods meet the
// same masks.
//
// With f_g the share of train spots in which gene g has a count (of all spots,
// where none trains), each measured value of an evaluated spot is hidden with the rule's probability for f_g.
// NewView then makes the view, and the truth is the layer log1p, which the
// hidden counts are part of. On a slide that is divided between splits, values
// are hidden on spots of the evaluated split only; the others stay visible.
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
		err := c.round(ctx, m, func(section int, t *tissue) (hidden, scored []bool) {
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

// hiding returns a contest on hidden values, its methods fitted.
func hiding(ctx context.Context, ds *spared.Dataset, o EvaluateOptions) (*contest, error) {
	o, err := o.withDefaults(ds)
	if err != nil {
		return nil, err
	}
	truth, err := ds.Layer(spared.LayerLog)
	if err != nil {
		return nil, fmt.Errorf("spackle: the truth: %w", err)
	}
	c, err := newContest(ds, o, truth)
	if err != nil {
		return nil, err
	}
	return c, c.fit(ctx)
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
	err = c.round(ctx, 0, func(_ int, t *tissue) (hidden, scored []bool) {
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

func (o EvaluateOptions) withDefaults(ds *spared.Dataset) (EvaluateOptions, error) {
	if o.Methods == nil {
		o.Methods = Baselines()
	}
	for i, m := range o.Methods {
		if slices.ContainsFunc(o.Methods[:i], func(b baseline.Completer) bool { return b.Name() == m.Name() }) {
			return o, fmt.Errorf("spackle: two methods are called %q", m.Name())
		}
	}
	switch o.Protocol {
	case "":
		o.Protocol = Strict
	case Strict, Published:
	default:
		return o, fmt.Errorf("spackle: %q is not a protocol: want %s or %s", o.Protocol, Strict, Published)
	}
	if o.Masks == 0 {
		o.Masks = 3
		if o.Protocol == Published {
			o.Masks = 10
		}
	}
	if o.Masks < 0 {
		return o, fmt.Errorf("spackle: %d masks", o.Masks)
	}
	if o.Seed == 0 {
		o.Seed = 42
	}
	if o.Pairs == 0 {
		o.Pairs = 20_000
	}
	if o.Bootstrap == 0 {
		o.Bootstrap = 200
	}
	if o.Split == spared.None {
		o.Split = spared.Test
		if len(ds.SpotsIn(spared.Test)) == 0 {
			o.Split = spared.Val
		}
	}
	if o.Name == "" {
		o.Name = strings.Join(sectionNames(ds), ", ")
	}
	return o, nil
}

func sectionNames(ds *spared.Dataset) []string {
	names := make([]string, len(ds.Sections))
	for i := range ds.Sections {
		names[i] = ds.Sections[i].Name
	}
	return names
}

// targets returns the n columns with the highest Moran's I, rising; all for
// n = 0. Equal ones, and those without, go by their order.
func targets(ds *spared.Dataset, n int) ([]int, error) {
	genes := indices(len(ds.Genes))
	switch {
	case n == 0:
		return genes, nil
	case n < 0 || n > len(genes):
		return nil, fmt.Errorf("spackle: %d of %d genes are to be hidden", n, len(genes))
	}
	slices.SortStableFunc(genes, func(a, b int) int { return cmp.Compare(ds.Genes[b].Moran, ds.Genes[a].Moran) })
	genes = genes[:n]
	slices.Sort(genes)
	return genes, nil
}

// fit lets the methods learn from the train spots.
func (c *contest) fit(ctx context.Context) error {
	train, err := trainViews(c.ds, c.genes)
	if err != nil {
		return err
	}
	for m, method := range c.o.Methods {
		start := time.Now()
		if err := method.Fit(ctx, train); err != nil {
			return fmt.Errorf("spackle: fitting %s: %w", method.Name(), err)
		}
		c.seconds[m] += time.Since(start).Seconds()
	}
	return nil
}

// contest runs the methods of one evaluation.
type contest struct {
	ds       *spared.Dataset
	o        EvaluateOptions
	truth    blas32.General
	sections []int // with spots of the split
	tissues  []*tissue
	genes    []int         // columns of the data set that are completed
	spots    int           // of the split
	divided  []string      // sections that have spots of other splits too
	offsets  []int         // [tissues], number of the first spot in tallies
	masks    [][]maskScore // [methods][masks]
	rates    [][]maskScore // [methods], of the other answer
	resample *resampling
	samples  []*replicates // [methods]
	pairs    [][]Pair      // [methods]
	seconds  []float64     // [methods]
	leaky    []leak        // [methods], under Published
	missing  bool          // what was never measured is scored, not what was hidden
	floor    noise
	first    *round
	start    time.Time
}

func newContest(ds *spared.Dataset, o EvaluateOptions, truth blas32.General) (*contest, error) {
	k := len(o.Methods)
	c := &contest{ds: ds, o: o, truth: truth, start: time.Now(),
		masks: make([][]maskScore, k), rates: make([][]maskScore, k), pairs: make([][]Pair, k), seconds: make([]float64, k), leaky: make([]leak, k)}
	var err error
	if c.genes, err = targets(ds, o.Targets); err != nil {
		return nil, err
	}
	var pool [][]int // numbers of the spots of each slide that are scored
	total := 0
	for s := range ds.Sections {
		rows := ds.SpotsOf(s)
		var scored []int
		for k, i := range rows {
			if o.Split == spared.None || ds.Spots[i].Split == o.Split {
				scored = append(scored, total+k)
			}
		}
		in := len(scored)
		if in == 0 {
			continue
		}
		t, err := newTissue(ds, s, rows, c.genes)
		if err != nil {
			return nil, err
		}
		c.sections, c.tissues, c.spots = append(c.sections, s), append(c.tissues, t), c.spots+in
		c.offsets, pool, total = append(c.offsets, total), append(pool, scored), total+len(rows)
		if in < len(rows) {
			c.divided = append(c.divided, t.whole.Slide)
		}
	}
	if c.spots == 0 {
		return nil, fmt.Errorf("spackle: no spot is in the %s split", o.Split)
	}
	c.resample = newResampling(o.Bootstrap, total, pool, o.Seed)
	for range o.Methods {
		c.samples = append(c.samples, c.resample.newReplicates())
	}
	return c, nil
}

// round runs and scores all methods once. draw says which entries of a
// section are hidden and which are scored, both [spots][genes] row-major.
func (c *contest) round(ctx context.Context, mask int, draw func(section int, t *tissue) (hidden, scored []bool)) error {
	r := &round{mask: mask, views: make([]*baseline.View, len(c.tissues)), scored: make([][]bool, len(c.tissues))}
	total := 0
	for k, t := range c.tissues {
		var hidden []bool
		hidden, r.scored[k] = draw(c.sections[k], t)
		var err error
		if r.views[k], err = t.view(hidden); err != nil {
			return err
		}
		for _, s := range r.scored[k] {
			if s {
				total++
			}
		}
	}
	if total == 0 {
		return errors.New("spackle: there is no value to score: nothing was hidden")
	}
	if c.o.Pairs > 0 && mask == 0 {
		r.every = (total + c.o.Pairs - 1) / c.o.Pairs
	}
	if mask == 0 {
		c.first = r
	}
	for m := range c.o.Methods {
		if err := c.score(ctx, r, m); err != nil {
			return err
		}
	}
	return nil
}

// round is one mask: what methods see and what is scored.
type round struct {
	mask   int
	views  []*baseline.View // [tissues]
	scored [][]bool         // [tissues], [spots][genes] row-major
	every  int              // of the values, one in so many becomes a Pair; 0 = none
	seen   int              // values so far, of one method
}

// score lets one method complete all views and scores it.
func (c *contest) score(ctx context.Context, r *round, m int) error {
	method := c.o.Methods[m]
	values, rates := newTally(c.numbered(), len(c.genes)), newTally(c.numbered(), len(c.genes))
	r.seen = 0
	for k, v := range r.views {
		c.tell((r.mask*len(c.o.Methods)+m)*len(r.views)+k, fmt.Sprintf("mask %d, %s, slide %s", r.mask+1, method.Name(), v.Slide))
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("spackle: evaluation stopped: %w", err)
		}
		start := time.Now()
		done, err := c.complete(ctx, m, k, v)
		c.seconds[m] += time.Since(start).Seconds()
		if err == nil {
			err = c.collect(values, r, m, k, done)
		}
		if err == nil && c.missing && done.Rate.Rows > 0 {
			err = c.collectRates(rates, r, k, done.Rate)
		}
		if err == nil && !c.missing && method.Name() == Default().Name() {
			c.addNoise(r, k, done.Values)
		}
		if err != nil {
			return fmt.Errorf("spackle: evaluating %s on slide %s: %w", method.Name(), v.Slide, err)
		}
	}
	c.masks[m] = append(c.masks[m], values.score())
	if s := rates.score(); s.n > 0 {
		c.rates[m] = append(c.rates[m], s)
	}
	if err := c.resample.add(ctx, c.samples[m], values); err != nil {
		return fmt.Errorf("spackle: evaluation stopped: %w", err)
	}
	return nil
}

// numbered returns how many spots the tissues have, of all splits.
func (c *contest) numbered() int {
	last := len(c.tissues) - 1
	return c.offsets[last] + len(c.tissues[last].spots)
}

// collect adds the scored values of tissue k to the tally.
func (c *contest) collect(all *tally, r *round, method, k int, done *baseline.Completion) error {
	hasIntervals := done.SD.Rows > 0 && !c.missing
	if hasIntervals {
		if err := c.checkShape(k, done.SD, "standard deviations"); err != nil {
			return err
		}
	}
	factors := done.IntervalFactors()
	return c.each(r, k, done.Values, func(row, m int, truth, predicted float32) error {
		inside := uint8(0)
		if hasIntervals {
			sd := done.SD.Data[row*done.SD.Stride+m]
			if f := float64(sd); !(f >= 0) || math.IsInf(f, 0) {
				return fmt.Errorf("its standard deviation is %g for %s", f, c.entry(k, row, m))
			}
			inside = intervals(truth, predicted, sd, factors)
		}
		all.add(m, c.offsets[k]+row, truth, predicted, inside)
		if r.every > 0 && r.seen%r.every == 0 {
			c.pairs[method] = append(c.pairs[method], Pair{Spot: c.tissues[k].spots[row], Gene: c.genes[m], Truth: truth, Predicted: predicted})
		}
		r.seen++
		return nil
	})
}

// collectRates is collect for the other answer.
func (c *contest) collectRates(all *tally, r *round, k int, rates blas32.General) error {
	return c.each(r, k, rates, func(row, m int, truth, predicted float32) error {
		all.add(m, c.offsets[k]+row, truth, predicted, 0)
		return nil
	})
}

// each calls f for each scored value of tissue k, by its row and column in the
// view.
func (c *contest) each(r *round, k int, done blas32.General, f func(row, m int, truth, predicted float32) error) error {
	if err := c.checkShape(k, done, "result"); err != nil {
		return err
	}
	genes := len(c.genes)
	for row, i := range c.tissues[k].spots {
		for m, g := range c.genes {
			if !r.scored[k][row*genes+m] {
				continue
			}
			predicted := done.Data[row*done.Stride+m]
			if x := float64(predicted); math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("it predicts %g for %s", x, c.entry(k, row, m))
			}
			if err := f(row, m, c.truth.Data[i*c.truth.Stride+g], predicted); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *contest) checkShape(k int, m blas32.General, what string) error {
	if n, genes := len(c.tissues[k].spots), len(c.genes); m.Rows != n || m.Cols != genes {
		return fmt.Errorf("a %s of %d x %d for %d spots x %d genes", what, m.Rows, m.Cols, n, genes)
	}
	return nil
}

// entry names an entry of tissue k for an error.
func (c *contest) entry(k, row, m int) string {
	return fmt.Sprintf("spot %s, gene %s", c.ds.Spots[c.tissues[k].spots[row]].ID, c.ds.Genes[c.genes[m]].ID)
}

// tell reports how many of the runs, one a mask, method and slide, are done.
func (c *contest) tell(done int, message string) {
	c.o.Progress.Send(spared.Event{Step: "evaluating", Done: done, Total: c.o.Masks * len(c.o.Methods) * len(c.tissues),
		Message: message, Seconds: time.Since(c.start).Seconds()})
}

func (c *contest) result() *Evaluation {
	c.tell(c.o.Masks*len(c.o.Methods)*len(c.tissues), "")
	e := &Evaluation{
		Engine: "none", Seed: c.o.Seed, Order: c.ds.Manifest.Recipe.Order, Split: c.o.Split.String(), Unit: c.ds.Unit(spared.LayerLog),
		Data:  EvaluationData{Name: c.o.Name, Genes: len(c.genes), Spots: c.spots},
		Notes: c.notes(),
	}
	if e.Order == "" {
		e.Order = spared.Clean
	}
	if c.o.Split == spared.None {
		e.Split = "all"
	}
	for _, t := range c.tissues {
		e.Data.Slides = append(e.Data.Slides, t.whole.Slide)
	}
	e.Bootstrap = len(c.resample.weights)
	for m, method := range c.o.Methods {
		if on, ok := method.(interface{ Engine() string }); ok {
			e.Engine = on.Engine()
		}
		s := c.pooled(c.masks[m])
		s.Name, s.Seconds, s.Pairs = method.Name(), c.seconds[m], c.pairs[m]
		if len(c.rates[m]) > 0 {
			rate := c.pooled(c.rates[m])
			rate.Name = method.Name() + ", rate"
			s.Rate = &rate
		}
		e.Methods = append(e.Methods, s)
	}
	c.addIntervals(e.Methods)
	return e
}

// pooled joins the masks' scores and names the genes.
func (c *contest) pooled(masks []maskScore) Score {
	s := pool(masks)
	for g := range s.Genes {
		of := &c.ds.Genes[c.genes[g]]
		s.Genes[g].ID, s.Genes[g].Symbol = of.ID, of.Symbol
	}
	return s
}

// addIntervals sets the confidence intervals.
func (c *contest) addIntervals(scores []Score) {
	if len(c.resample.weights) == 0 || len(scores) == 0 {
		return
	}
	best := 0
	for m := range scores {
		if scores[m].MSE < scores[best].MSE {
			best = m
		}
	}
	masks := float64(len(c.masks[0]))
	for m := range scores {
		mse, pcc, behind := make([]float64, len(c.resample.weights)), make([]float64, len(c.resample.weights)), make([]float64, len(c.resample.weights))
		for b := range mse {
			mse[b], pcc[b] = c.samples[m].mse[b]/masks, c.samples[m].pcc[b]/masks
			behind[b] = mse[b] - c.samples[best].mse[b]/masks
		}
		scores[m].MSECI, scores[m].PCCCI = interval(mse), interval(pcc)
		if m != best {
			scores[m].BehindCI = interval(behind)
		}
	}
}

// notes gathers what the reader of the numbers should know: from the data
// set, from the way its slides are divided, and from the methods.
func (c *contest) notes() []string {
	notes := []string{}
	if s := c.ds.Manifest.Splits; s != "" {
		notes = append(notes, "splits: "+s)
	}
	notes = append(notes, c.ds.Manifest.Notes...)
	if len(c.divided) > 0 && c.o.Split != spared.None {
		notes = append(notes, fmt.Sprintf("values are hidden on the %s spots of %s only; its other spots stay visible", c.o.Split, strings.Join(c.divided, ", ")))
	}
	if !c.missing && c.o.Protocol == Strict && len(c.ds.SpotsIn(spared.Train)) == 0 {
		notes = append(notes, "no spot is in the train split: how many values of a gene are hidden was learnt from all spots, and methods had nothing to be fitted to")
	}
	if c.ds.Manifest.Recipe.Order == spared.Released {
		notes = append(notes, "order released: gene filter, gene choice and batch correction were learnt from all splits together")
	}
	notes = append(notes, c.protocolNotes()...)
	if c.o.Split == spared.Train {
		notes = append(notes, "the train split is what methods are fitted on: these errors are too low")
	}
	for _, m := range c.o.Methods {
		if n, ok := m.(interface{ Notes(spared.Split) []string }); ok {
			notes = append(notes, n.Notes(c.o.Split)...)
		}
	}
	return notes
}
