package spackle

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spared"
)

// TrainOptions directs Train. The zero value is the published setting, except
// for Steps, Batch and Start, which are chosen to come far in a minute or two
// of one processor.
type TrainOptions struct {
	Layer     string    // to learn; "" = c_d_log1p where the data set has a batch correction, else d_log1p
	Attention Attention // "" = Neighborhood
	Start     Start     // "" = StartMeans; published StartTorch
	Steps     int       // 0 = DefaultSteps; published 10,000
	Batch     int       // spots per step; 0 = DefaultBatch; published 256. Never more than there are train spots
	Rate      float64   // learning rate of Adam; 0 = 1e-3
	Warmup    int       // steps over which the rate rises to Rate; published 0
	Seed      uint64    // 0 = 42
	ValEvery  int       // steps between validations; 0 = 10

	Engine *engine.Engine // nil = the best of this machine
	Report func(Report)   // hears of each step, from one goroutine; nil = silence

	config func(*Config) // changes the network, in tests
}

// DefaultSteps and DefaultBatch are what a training takes where nothing else
// is asked for. On two slides of about 1,000 spots, 1,000 steps of 64 spots
// came further (validation MSE 1.13) and were done sooner (69 s) than 300
// steps of 256 spots (1.20, 90 s); see [Start] for what else that depends on.
const (
	DefaultSteps = 1000
	DefaultBatch = 64
)

// Start says which biases the two linear adapters start with. All other
// weights start as in PyTorch either way.
type Start string

const (
	// StartMeans sets the biases so that a spot of mean expression, gene by
	// gene over the train spots, enters the transformer as 0, and leaves as the
	// mean where the transformer gives 0. The default.
	StartMeans Start = "means"
	// StartTorch starts as PyTorch does, near 0 and thus some 10 units of
	// log2(TPM+1) from the data. The first steps then only move the output
	// there and align all features on the way: training takes several times the
	// steps, and without dropout the network can stay at a constant.
	StartTorch Start = "torch"
)

// Report is the state of a training after a step.
type Report struct {
	Step, Steps    int
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
// the median (Eq. 5).
//
// Every ValEvery steps, and after the last, the error is measured on all
// validation spots: the mean squared error over hidden values of the spots
// themselves. What is hidden there is drawn once, so the errors of one
// training are comparable with each other. (The released library hides other
// values each time, and drops the spots that do not fill a batch.)
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

	values   blas32.General // the layer
	measured []bool
	p        []float64 // probability of hiding, by gene

	trainRows  []int
	trainTable []int32 // [len(train)][Tokens]
	valInput   blas32.General
	valHidden  []bool // [len(val)][genes]
	valRows    []int
	valTable   []int32 // [len(val)][Tokens]
	losses     float64 // sum of the loss since the last validation
	lossCount  int
	lastSaved  time.Time
	epoch      int // of order
	order      []int
}

// newRun checks data and options and lays out all that training needs.
func newRun(ds *spared.Dataset, dir string, o TrainOptions) (*run, error) {
	if err := checkData(ds); err != nil {
		return nil, err
	}
	if o.Layer == "" {
		o.Layer = spared.LayerDLog
		if len(ds.Correction) > 0 {
			o.Layer = spared.LayerCDLog
		}
	}
	values, err := completeLayer(ds, o.Layer)
	if err != nil {
		return nil, err
	}
	r := &run{dir: dir, values: values, measured: ds.Mask,
		trainRows: ds.SpotsIn(spared.Train), valRows: ds.SpotsIn(spared.Val)}
	if len(r.trainRows) == 0 || len(r.valRows) == 0 {
		return nil, fmt.Errorf("spackle: training needs train and validation spots; the data set has %d and %d", len(r.trainRows), len(r.valRows))
	}
	if r.o, err = o.withDefaults(len(r.trainRows)); err != nil {
		return nil, err
	}
	c := Paper(len(ds.Genes))
	c.Attention = r.o.Attention
	if o.config != nil {
		o.config(&c)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("spackle: %w", err)
	}
	if r.trainTable, err = neighborhoods(ds, r.trainRows); err != nil {
		return nil, fmt.Errorf("spackle: train split: %w", err)
	}
	if r.valTable, err = neighborhoods(ds, r.valRows); err != nil {
		return nil, fmt.Errorf("spackle: validation split: %w", err)
	}
	r.p = P30.Probabilities(detected(ds))
	if err := r.hideValidation(); err != nil {
		return nil, err
	}
	r.model = &Model{Config: c, Layer: r.o.Layer, Training: Training{
		Start: r.o.Start, Steps: r.o.Steps, Batch: r.o.Batch, Rate: r.o.Rate, Warmup: r.o.Warmup, Seed: r.o.Seed,
		ValEvery: r.o.ValEvery, Rule: P30.String(), TrainSpots: len(r.trainRows), ValSpots: len(r.valRows)}}
	for g := range ds.Genes {
		r.model.Genes = append(r.model.Genes, ds.Genes[g].ID)
	}
	r.model.Training.Data = r.fingerprint()
	return r, nil
}

func (o TrainOptions) withDefaults(trainSpots int) (TrainOptions, error) {
	if o.Attention == "" {
		o.Attention = Neighborhood
	}
	if o.Start == "" {
		o.Start = StartMeans
	}
	if o.Start != StartMeans && o.Start != StartTorch {
		return o, fmt.Errorf("spackle: start %q, want %q or %q", o.Start, StartMeans, StartTorch)
	}
	if o.Steps == 0 {
		o.Steps = DefaultSteps
	}
	if o.Batch == 0 {
		o.Batch = DefaultBatch
	}
	if o.Rate == 0 {
		o.Rate = 1e-3
	}
	if o.Seed == 0 {
		o.Seed = 42
	}
	if o.ValEvery == 0 {
		o.ValEvery = 10
	}
	if o.Steps < 0 || o.Batch < 0 || o.ValEvery < 0 || o.Warmup < 0 || !(o.Rate > 0) || math.IsInf(o.Rate, 0) {
		return o, fmt.Errorf("spackle: %d steps of %d spots at learning rate %g, warm-up %d, validation every %d: want positive and finite numbers", o.Steps, o.Batch, o.Rate, o.Warmup, o.ValEvery)
	}
	o.Batch = min(o.Batch, trainSpots)
	return o, nil
}

// checkData returns an error unless the parts of a data set that this package
// uses fit together.
func checkData(ds *spared.Dataset) error {
	n, genes := ds.N()
	if n == 0 || genes == 0 {
		return fmt.Errorf("spackle: a data set of %d spots and %d genes", n, genes)
	}
	if len(ds.Mask) != n*genes {
		return fmt.Errorf("spackle: a mask of %d entries for %d spots x %d genes", len(ds.Mask), n, genes)
	}
	return nil
}

// completeLayer returns a layer, checked to have the right shape and only
// finite numbers.
func completeLayer(ds *spared.Dataset, name string) (blas32.General, error) {
	m, ok := ds.Layers[name]
	if !ok {
		return m, fmt.Errorf("spackle: the data set has no layer %q; it has %s", name, strings.Join(ds.LayerNames(), ", "))
	}
	n, genes := ds.N()
	if m.Rows != n || m.Cols != genes {
		return m, fmt.Errorf("spackle: layer %s is %d x %d, want %d spots x %d genes", name, m.Rows, m.Cols, n, genes)
	}
	for i := range n {
		for g, v := range m.Data[i*m.Stride:][:genes] {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return m, fmt.Errorf("spackle: layer %s holds %g at spot %s, gene %s", name, f, ds.Spots[i].ID, ds.Genes[g].ID)
			}
		}
	}
	return m, nil
}

// hideValidation draws what is hidden from the validation spots and makes
// their input.
func (r *run) hideValidation() error {
	genes := r.values.Cols
	measured := make([]bool, 0, len(r.valRows)*genes)
	for _, i := range r.valRows {
		measured = append(measured, r.measured[i*genes:(i+1)*genes]...)
	}
	r.valHidden = P30.Draw(source(r.o.Seed, streamValidation, 0), measured, r.p, genes)
	if !slices.Contains(r.valHidden, true) {
		return fmt.Errorf("spackle: no value of the %d validation spots could be hidden: there is nothing to validate on", len(r.valRows))
	}
	r.valInput = blas32.General{Rows: r.values.Rows, Cols: genes, Stride: genes, Data: make([]float32, r.values.Rows*genes)}
	for k, i := range r.valRows {
		for g := range genes {
			if !r.valHidden[k*genes+g] {
				r.valInput.Data[i*genes+g] = r.values.Data[i*r.values.Stride+g]
			}
		}
	}
	return nil
}

// fingerprint is the sha256 of all data that the result depends on.
func (r *run) fingerprint() string {
	h := sha256.New()
	m := r.model
	head, err := json.Marshal([]any{"spackle 1", m.Config, m.Layer, m.Genes, r.p, r.trainRows, r.valRows})
	if err != nil {
		panic(err) // strings and finite numbers
	}
	h.Write(head)
	hashInts(h, r.trainTable)
	hashInts(h, r.valTable)
	for i := range r.values.Rows {
		row := make([]byte, 0, 5*r.values.Cols)
		for g := range r.values.Cols {
			row = binary.LittleEndian.AppendUint32(row, math.Float32bits(r.values.Data[i*r.values.Stride+g]))
			if r.measured[i*r.values.Cols+g] {
				row = append(row, 1)
			} else {
				row = append(row, 0)
			}
		}
		h.Write(row)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashInts(h hash.Hash, v []int32) {
	b := make([]byte, 0, 4*len(v))
	for _, i := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(i))
	}
	h.Write(b)
}

// train runs the steps that are left.
func (r *run) train(ctx context.Context, e *engine.Engine) (*Model, error) {
	t := &r.model.Training
	t.Engine = e.Describe()
	n, err := newNetwork(e, r.model.Config, r.initial())
	if err != nil {
		return nil, err
	}
	defer n.store.Finalize()
	l, err := newLearner(n, r.o.Batch)
	if err != nil {
		return nil, err
	}
	defer l.step.Finalize()
	p, err := newPredictor(n)
	if err != nil {
		return nil, err
	}
	defer p.exec.Finalize()
	r.loadState(l)
	r.lastSaved = time.Now()
	clock := stopwatch{first: t.Step}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	for b := range r.batches(inner, t.Step) {
		loss, err := l.learn(b)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return r.stop(nil, fmt.Errorf("spackle: step %d: %w", t.Step+1, ErrDiverged))
		}
		t.Step++
		r.losses, r.lossCount = r.losses+loss, r.lossCount+1
		if t.Step%t.ValEvery == 0 || t.Finished() {
			if err := r.validate(p); err != nil {
				return r.stop(nil, err)
			}
		}
		r.report(loss, &clock)
		if ctx.Err() == nil && time.Since(r.lastSaved) > saveEvery && !t.Finished() {
			if err := r.saveState(l); err != nil {
				return nil, err
			}
			r.lastSaved = time.Now()
		}
	}
	if !t.Finished() {
		return r.stop(l, fmt.Errorf("spackle: training stopped at step %d of %d: %w", t.Step, t.Steps, ctx.Err()))
	}
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
		mean := make([]float64, r.values.Cols)
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

// batches prepares the data of the steps from the given one on, one step ahead
// of the engine. The channel closes after the last step, or when ctx ends.
func (r *run) batches(ctx context.Context, from int) <-chan batch {
	out := make(chan batch)
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
	genes := r.values.Cols
	perEpoch := len(r.trainRows) / r.o.Batch
	if e := step / perEpoch; r.order == nil || e != r.epoch {
		r.epoch, r.order = e, source(r.o.Seed, streamOrder, e).Perm(len(r.trainRows))
	}
	first := step % perEpoch * r.o.Batch
	rows := make([]int32, 0, r.o.Batch*Tokens)
	for _, k := range r.order[first : first+r.o.Batch] {
		rows = append(rows, r.trainTable[k*Tokens:(k+1)*Tokens]...)
	}
	b := batch{
		x:    make([]float32, len(rows)*genes),
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
	if math.IsNaN(mse) || math.IsInf(mse, 0) {
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

func (r *run) report(loss float64, c *stopwatch) {
	t := &r.model.Training
	rep := Report{Step: t.Step, Steps: t.Steps, Loss: loss, ValMSE: math.NaN(), BestStep: t.BestStep, BestValMSE: math.NaN(), Engine: t.Engine}
	if k := len(t.History); k > 0 {
		rep.ValMSE, rep.BestValMSE = t.History[k-1].ValMSE, t.BestValMSE
	}
	if c.start.IsZero() {
		c.start = time.Now()
	} else if s := time.Since(c.start).Seconds(); s > 0 {
		rep.StepsPerSecond = float64(t.Step-c.first-1) / s
		rep.Left = time.Duration(float64(t.Steps-t.Step) / rep.StepsPerSecond * float64(time.Second))
	}
	if r.o.Report != nil {
		r.o.Report(rep)
	}
}
