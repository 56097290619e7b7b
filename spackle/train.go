package spackle

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spared"
)

// Report is the state of a training after a step.
type Report struct {
	Step, Steps    int
	Early          bool          // it ends with this step, before all were taken: patience ran out
	Loss           float64       // of this step, Eq. 5
	ValMSE         float64       // of the last validation; NaN before the first
	BestStep       int           // 0 before the first validation
	BestValMSE     float64       // NaN before the first validation
	StepsPerSecond float64       // over this run; 0 in its first step
	Left           time.Duration // time to the end at this speed; 0 where not known
	Engine         string        // what it runs on, for people
}

// saveEvery is the time between two saved states, what a crash costs at most.
const saveEvery = 20 * time.Second

// Train trains SpaCKLE on the train spots of a data set and keeps the weights
// with the lowest validation error in model.safetensors in the folder dir,
// which is made if there is none. Until the training is finished,
// state.safetensors beside it holds what is needed to go on.
//
// Each step takes the next Batch spots of a random order (a new order each
// epoch; the spots left over at its end are dropped), each with its 18 nearest
// spots of the same slide and split. Of their values [B,19,G], measured ones
// are hidden at random by rule P30, a fresh draw each step, and the network
// learns to reconstruct all values, hidden or not, measured or completed by
// the median, of targets or of context (Eq. 5).
//
// Every ValEvery steps, and after the last, the error is measured on all
// validation spots: the mean squared error over hidden values of the spots
// themselves. What is hidden there is drawn once, so the errors of one
// training are comparable with each other. (The released library hides other
// values each time, and drops the spots that do not fill a batch.)
//
// What cannot be trained is refused before the first step: no train or no
// validation spots, a value that is not finite, a gene that no train spot
// measured (there is nothing to learn it from, unless it is context), a slide
// of one spot. A slide of a few is no hindrance; see Neighborhoods.
//
// If dir holds the finished training of the same data and options, it is
// loaded and nothing is computed. If it holds an unfinished one, training goes
// on where that stopped and, on the same kind of engine, gives the same bytes
// as one that was never interrupted. A training of other data or options is
// replaced once this one has something better than nothing.
//
// When ctx is cancelled, training stops after the current step, saves its
// state and the best model so far, and returns that model together with an
// error that wraps ctx.Err(); the model is nil if there was no validation yet.
// An error that wraps ErrDiverged comes with the best model before that.
func Train(ctx context.Context, ds *spared.Dataset, dir string, o TrainOptions) (*Model, error) {
	r, err := newRun(ds, dir, o)
	if err != nil {
		return nil, err
	}
	if m, err := Load(dir); err == nil && m.Training.Finished() && r.same(&m.Training) {
		os.Remove(filepath.Join(dir, stateFile)) // left by a crash between the last two writes
		return m, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("spackle: training stopped before its first step: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("spackle: %w", err)
	}
	e := o.Engine
	if e == nil {
		if e, err = engine.Open(engine.Options{}); err != nil {
			return nil, fmt.Errorf("spackle: %w", err)
		}
		defer e.Close()
	}
	return r.train(ctx, e)
}

// ErrDiverged says that the loss became infinite or not a number: the learning
// rate is too high for the data.
var ErrDiverged = errors.New("the loss diverged; try a lower learning rate")

// run is one training.
type run struct {
	o     TrainOptions // without blanks
	dir   string
	model *Model // its Training and best weights grow

	values   blas32.General // [spots][G+V], the layer and what the picture shows
	measured []bool         // [spots][G]
	p        []float64      // probability of hiding, by gene; 0 of context

	trainRows  []int          // spots, as rows of values
	trainTable []int32        // [len(trainRows)][S], their neighbourhoods
	valRows    []int          // spots, as rows of values
	valTable   []int32        // [len(valRows)][S], their neighbourhoods
	valInput   blas32.General // values with 0 for what is hidden of the validation spots
	valHidden  []bool         // [len(valRows)][G]

	losses    float64 // sum of the loss since the last validation
	lossCount int     // its terms
	order     []int   // of trainRows in the epoch, places
	epoch     int     // that order is of
}

// newRun checks data and options and lays out all that training needs.
func newRun(ds *spared.Dataset, dir string, o TrainOptions) (*run, error) {
	if err := checkData(ds); err != nil {
		return nil, err
	}
	r := &run{dir: dir, trainRows: ds.SpotsIn(spared.Train), valRows: ds.SpotsIn(spared.Val)}
	if len(r.trainRows) == 0 || len(r.valRows) == 0 {
		return nil, fmt.Errorf("spackle: training needs train and validation spots; the data set has %d and %d: divide it when it is built", len(r.trainRows), len(r.valRows))
	}
	var err error
	if r.o, err = o.withDefaults(ds, len(r.trainRows)); err != nil {
		return nil, err
	}
	r.model = &Model{Layer: r.o.Layer, Features: r.o.Features, NeighborsAcrossSlides: r.o.NeighborsAcrossSlides}
	if err := r.choose(ds); err != nil {
		return nil, err
	}
	if err := r.findNeighborhoods(ds); err != nil {
		return nil, err
	}
	if err := r.hideValidation(); err != nil {
		return nil, err
	}
	r.model.Training = Training{
		Start: r.o.Start, Steps: r.o.Steps, Batch: r.o.Batch, Rate: r.o.Rate, Warmup: r.o.Warmup, Patience: r.o.Patience, Seed: r.o.Seed,
		ValEvery: r.o.ValEvery, Rule: P30.String(), TrainSpots: len(r.trainRows), ValSpots: len(r.valRows)}
	r.model.Training.Data = r.fingerprint()
	return r, nil
}

// choose takes genes, targets and features from the data set: the values, how
// often each gene is hidden, and the network that they fit.
func (r *run) choose(ds *spared.Dataset) error {
	columns, err := targets(ds, r.o.Genes)
	if err != nil {
		return err
	}
	hidden, err := targets(ds, min(r.o.Targets, len(columns)))
	if err != nil {
		return err
	}
	layer, err := completeLayer(ds, r.o.Layer)
	if err != nil {
		return err
	}
	features, err := featuresOf(ds, r.o.Features)
	if err != nil {
		return err
	}
	r.values, r.measured = beside(selected(layer, columns), features), selectedMask(ds, columns)
	all := P30.Probabilities(detected(ds))
	for _, g := range columns {
		p := 0.0
		if id := ds.Genes[g].ID; slices.Contains(hidden, g) {
			p = all[g]
			r.model.Targets = append(r.model.Targets, id)
		}
		r.p = append(r.p, p)
		r.model.Genes = append(r.model.Genes, ds.Genes[g].ID)
	}
	if len(r.model.Targets) == len(columns) {
		r.model.Targets = nil
	}
	r.model.Config, err = r.o.network(len(columns), features.Cols)
	if err != nil {
		return err
	}
	return r.checkMeasured(ds, columns)
}

// checkMeasured returns an error that names the first gene to be completed that
// no train spot measured.
func (r *run) checkMeasured(ds *spared.Dataset, columns []int) error {
	for k, g := range columns {
		if r.p[k] > 0 && !slices.ContainsFunc(r.trainRows, func(i int) bool { return r.measured[i*len(columns)+k] }) {
			return fmt.Errorf("spackle: gene %s (%s) was measured in none of the %d train spots: there is nothing to learn it from; build the data set without it", ds.Genes[g].ID, ds.Genes[g].Symbol, len(r.trainRows))
		}
	}
	return nil
}

// findNeighborhoods finds those of the train spots and of the validation spots.
// The splits see nothing of each other.
func (r *run) findNeighborhoods(ds *spared.Dataset) (err error) {
	if r.trainTable, err = r.model.surroundings().of(ds, r.trainRows); err != nil {
		return fmt.Errorf("spackle: train split: %w", err)
	}
	if r.valTable, err = r.model.surroundings().of(ds, r.valRows); err != nil {
		return fmt.Errorf("spackle: validation split: %w", err)
	}
	return nil
}

// hideValidation draws what is hidden from the validation spots and makes
// their input.
func (r *run) hideValidation() error {
	genes := r.model.Config.Genes
	measured := make([]bool, 0, len(r.valRows)*genes)
	for _, i := range r.valRows {
		measured = append(measured, r.measured[i*genes:(i+1)*genes]...)
	}
	r.valHidden = P30.Draw(source(r.o.Seed, streamValidation, 0), measured, r.p, genes)
	if !slices.Contains(r.valHidden, true) {
		return fmt.Errorf("spackle: no value of the %d validation spots could be hidden: there is nothing to validate on", len(r.valRows))
	}
	r.valInput = matrix(r.values.Rows, r.values.Cols)
	for k, i := range r.valRows {
		row := r.valInput.Data[i*r.valInput.Stride:][:r.valInput.Cols]
		copy(row, r.values.Data[i*r.values.Stride:])
		for g, hidden := range r.valHidden[k*genes : (k+1)*genes] {
			if hidden {
				row[g] = 0
			}
		}
	}
	return nil
}

// train runs the steps that are left.
func (r *run) train(ctx context.Context, e *engine.Engine) (*Model, error) {
	t := &r.model.Training
	t.Engine = e.Describe()
	on, err := compile(e, r.model.Config, r.initial(), r.o.Batch)
	if err != nil {
		return nil, err
	}
	defer on.close()
	r.loadState(on.learner)
	saved := time.Now()
	clock := stopwatch{first: t.Step}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	for b := range r.batches(inner, t) {
		loss, err := on.learner.learn(b)
		if err != nil {
			return nil, err
		}
		if !finite(loss) {
			return r.stop(nil, fmt.Errorf("spackle: step %d: %w", t.Step+1, ErrDiverged))
		}
		t.Step++
		r.losses, r.lossCount = r.losses+loss, r.lossCount+1
		if t.Step%t.ValEvery == 0 || t.Finished() {
			if err := r.validate(on.predictor); err != nil {
				return r.stop(nil, err)
			}
		}
		r.report(loss, &clock)
		if t.Finished() { // maybe early
			break
		}
		if ctx.Err() == nil && time.Since(saved) > saveEvery {
			if err := r.saveState(on.learner); err != nil {
				return nil, err
			}
			saved = time.Now()
		}
	}
	if !t.Finished() {
		return r.stop(on.learner, fmt.Errorf("spackle: training stopped at step %d of %d: %w", t.Step, t.Steps, ctx.Err()))
	}
	return r.finish()
}

// programs is a network on an engine with the two programs that a training
// runs on it.
type programs struct {
	network   *network
	learner   *learner
	predictor *predictor
}

// compile loads a network onto an engine and compiles its programs. They must be
// closed.
func compile(e *engine.Engine, c Config, w weights, batch int) (_ *programs, err error) {
	p := &programs{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.network, err = newNetwork(e, c, w); err != nil {
		return nil, err
	}
	if p.learner, err = newLearner(p.network, batch); err != nil {
		return nil, err
	}
	p.predictor, err = newPredictor(p.network)
	return p, err
}

// close frees the engine's memory, which Go's collector does not see.
func (p *programs) close() {
	if p.predictor != nil {
		p.predictor.exec.Finalize()
	}
	if p.learner != nil {
		p.learner.step.Finalize()
	}
	if p.network != nil {
		p.network.store.Finalize()
	}
}

// finish saves the model and removes the state, in this order: a crash in
// between leaves a finished training.
func (r *run) finish() (*Model, error) {
	if err := r.model.Save(filepath.Join(r.dir, modelFile)); err != nil {
		return nil, err
	}
	if err := os.Remove(filepath.Join(r.dir, stateFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("spackle: %w", err)
	}
	return r.model, nil
}

// initial returns the weights before the first step.
func (r *run) initial() weights {
	c := r.model.Config
	w := c.initial(source(r.o.Seed, streamWeights, 0))
	if r.o.Start == StartMeans {
		mean := make([]float64, r.values.Cols) // [G+V]
		for _, i := range r.trainRows {
			for g, v := range r.values.Data[i*r.values.Stride:][:r.values.Cols] {
				mean[g] += float64(v) / float64(len(r.trainRows))
			}
		}
		c.center(w, mean)
	}
	return w
}

// stop saves what there is, the state only if l is given, and returns the
// best model so far with the reason.
func (r *run) stop(l *learner, reason error) (*Model, error) {
	if l != nil {
		if err := r.saveState(l); err != nil {
			return nil, errors.Join(reason, err)
		}
	}
	if r.model.weights == nil {
		return nil, reason
	}
	if err := r.model.Save(filepath.Join(r.dir, modelFile)); err != nil {
		return nil, errors.Join(reason, err)
	}
	return r.model, reason
}

// batches prepares the data of the steps that are left, one step ahead of the
// engine. The channel closes after the last step, or when ctx ends.
func (r *run) batches(ctx context.Context, t *Training) <-chan batch {
	out := make(chan batch)
	from := t.Step
	if t.Finished() { // saved between the last step and the model
		from = r.o.Steps
	}
	go func() {
		defer close(out)
		for step := from; step < r.o.Steps; step++ {
			b := r.batch(step)
			select {
			case out <- b:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// batch returns the data of a step (from 0), a function of the seed and the
// step alone.
func (r *run) batch(step int) batch {
	genes, columns, tokens := r.model.Config.Genes, r.values.Cols, r.model.Config.Tokens
	perEpoch := len(r.trainRows) / r.o.Batch
	if e := step / perEpoch; r.order == nil || e != r.epoch {
		r.epoch, r.order = e, source(r.o.Seed, streamOrder, e).Perm(len(r.trainRows))
	}
	first := step % perEpoch * r.o.Batch
	rows := make([]int32, 0, r.o.Batch*tokens)
	for _, k := range r.order[first : first+r.o.Batch] {
		rows = append(rows, r.trainTable[k*tokens:(k+1)*tokens]...)
	}
	b := batch{
		x:    make([]float32, len(rows)*columns),
		key:  source(r.o.Seed, streamDropout, step).Uint32(),
		rate: r.o.Rate * min(1, float64(step+1)/float64(r.o.Warmup+1)),
	}
	gather(b.x, r.values, rows)
	measured := make([]bool, len(rows)*genes)
	for k, i := range rows {
		copy(measured[k*genes:(k+1)*genes], r.measured[int(i)*genes:])
	}
	b.hidden = P30.Draw(source(r.o.Seed, streamMask, step), measured, r.p, genes)
	return b
}

// validate measures the error on the validation spots and keeps the weights if
// it is the lowest so far. It does not stop half-way: the state must be that
// after a whole step.
func (r *run) validate(p *predictor) error {
	out, err := p.run(context.Background(), r.valInput, r.valTable)
	if err != nil {
		return err
	}
	sum, n := 0.0, 0
	for k, i := range r.valRows {
		for g := range out.Cols {
			if r.valHidden[k*out.Cols+g] {
				d := float64(out.Data[k*out.Stride+g]) - float64(r.values.Data[i*r.values.Stride+g])
				sum += d * d
				n++
			}
		}
	}
	t := &r.model.Training
	mse := sum / float64(n)
	if !finite(mse) {
		return fmt.Errorf("spackle: validation at step %d: %w", t.Step, ErrDiverged)
	}
	t.History = append(t.History, Point{Step: t.Step, Loss: r.losses / float64(r.lossCount), ValMSE: mse})
	r.losses, r.lossCount = 0, 0
	if t.BestStep == 0 || mse < t.BestValMSE {
		t.BestStep, t.BestValMSE = t.Step, mse
		if r.model.weights, err = p.weights(); err != nil {
			return err
		}
	}
	return nil
}

// stopwatch measures the speed of a run, without its first step, which waits
// for buffers and pages.
type stopwatch struct {
	first int // step that the run began after
	start time.Time
}

// report tells of a step.
func (r *run) report(loss float64, c *stopwatch) {
	t := &r.model.Training
	rep := Report{Step: t.Step, Steps: t.Steps, Early: t.Step < t.Steps && t.Finished(), Loss: loss, ValMSE: math.NaN(), BestStep: t.BestStep, BestValMSE: math.NaN(), Engine: t.Engine}
	if k := len(t.History); k > 0 {
		rep.ValMSE, rep.BestValMSE = t.History[k-1].ValMSE, t.BestValMSE
	}
	if c.start.IsZero() {
		c.start = time.Now()
	} else if s := time.Since(c.start).Seconds(); s > 0 {
		rep.StepsPerSecond = float64(t.Step-c.first-1) / s
		if !rep.Early {
			rep.Left = time.Duration(float64(t.Steps-t.Step) / rep.StepsPerSecond * float64(time.Second))
		}
	}
	if r.o.Report != nil {
		r.o.Report(rep)
	}
}
