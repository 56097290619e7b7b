package spackle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// contest lets the methods of one evaluation complete the same views, and scores
// them. An entry of a tissue is a row and a column m of its views.
type contest struct {
	ds      *spared.Dataset
	o       EvaluateOptions
	truth   blas32.General // [spots][genes] of the data set
	missing bool           // what was never measured is scored, not what was hidden
	start   time.Time

	sections []int     // with spots of the split
	tissues  []*tissue // of sections
	genes    []int     // columns of the data set that are completed
	spots    int       // of the split
	divided  []string  // sections that have spots of other splits too
	offsets  []int     // [tissues], number of the first spot in tallies

	masks    [][]maskScore // [methods][masks]
	rates    [][]maskScore // [methods], of the other answer
	resample *resampling   // for confidence intervals
	samples  []*replicates // [methods], scores in each resample
	pairs    [][]Pair      // [methods]
	seconds  []float64     // [methods]
	leaky    []leak        // [methods], what it was given under Published
	first    *round        // that of the first mask
	floor    noise         // of counting, see Evaluation.Floor
}

// newContest lays out the tissues with spots of o.Split, None for all.
func newContest(ds *spared.Dataset, o EvaluateOptions, truth blas32.General) (*contest, error) {
	k := len(o.Methods)
	c := &contest{ds: ds, o: o, truth: truth, start: time.Now(),
		masks: make([][]maskScore, k), rates: make([][]maskScore, k), pairs: make([][]Pair, k), seconds: make([]float64, k), leaky: make([]leak, k)}
	var err error
	if c.genes, err = targets(ds, o.Targets); err != nil {
		return nil, err
	}
	var scored [][]int // numbers of the spots of each slide that are scored
	total := 0
	for s := range ds.Sections {
		rows := ds.SpotsOf(s)
		var in []int
		for k, i := range rows {
			if o.Split == spared.None || ds.Spots[i].Split == o.Split {
				in = append(in, total+k)
			}
		}
		if len(in) == 0 {
			continue
		}
		t, err := newTissue(ds, s, rows, c.genes)
		if err != nil {
			return nil, err
		}
		c.sections, c.tissues, c.spots = append(c.sections, s), append(c.tissues, t), c.spots+len(in)
		c.offsets, scored, total = append(c.offsets, total), append(scored, in), total+len(rows)
		if len(in) < len(rows) {
			c.divided = append(c.divided, t.whole.Slide)
		}
	}
	if c.spots == 0 {
		return nil, fmt.Errorf("spackle: no spot is in the %s split", o.Split)
	}
	c.resample = newResampling(o.Bootstrap, total, scored, o.Seed)
	for range o.Methods {
		c.samples = append(c.samples, c.resample.newReplicates())
	}
	return c, nil
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

// round is one mask: what methods see and what is scored.
type round struct {
	mask   int
	views  []*baseline.View // [tissues]
	scored [][]bool         // [tissues], [spots][genes] row-major
	every  int              // of the values, one in so many becomes a Pair; 0 = none
	seen   int              // values so far, of one method
}

// run lets all methods complete one mask and scores them. draw says which entries
// of a section are hidden and which are scored, both [spots][genes] row-major.
func (c *contest) run(ctx context.Context, mask int, draw func(section int, t *tissue) (hidden, scored []bool)) error {
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
			if !(sd >= 0) || !finite(sd) {
				return fmt.Errorf("its standard deviation is %g for %s", sd, c.entry(k, row, m))
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
	if err := c.checkShape(k, done, "a result"); err != nil {
		return err
	}
	genes := len(c.genes)
	for row, i := range c.tissues[k].spots {
		for m, g := range c.genes {
			if !r.scored[k][row*genes+m] {
				continue
			}
			predicted := done.Data[row*done.Stride+m]
			if !finite(predicted) {
				return fmt.Errorf("it predicts %g for %s", predicted, c.entry(k, row, m))
			}
			if err := f(row, m, c.truth.Data[i*c.truth.Stride+g], predicted); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkShape returns an error unless what a method said of tissue k has the shape
// of its view.
func (c *contest) checkShape(k int, m blas32.General, what string) error {
	if n, genes := len(c.tissues[k].spots), len(c.genes); m.Rows != n || m.Cols != genes {
		return fmt.Errorf("%s of %d x %d for %d spots x %d genes", what, m.Rows, m.Cols, n, genes)
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

// result sums up all masks.
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
	masks, resamples := float64(len(c.masks[0])), len(c.resample.weights)
	for m := range scores {
		mse, pcc, behind := make([]float64, resamples), make([]float64, resamples), make([]float64, resamples)
		for b := range resamples {
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

// probabilities returns how likely a measured value of each completed gene is
// hidden.
func (c *contest) probabilities() []float64 {
	all := c.o.Rule.Probabilities(detectedBy(c.ds, c.o.Protocol))
	p := make([]float64, len(c.genes))
	for k, g := range c.genes {
		p[k] = all[g]
	}
	return p
}
