package spackle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
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
	Form Form // what the blanks below stand for; "" = FormPaper

	// The network.
	Attention Attention // "" = Neighborhood; released Batch
	Width     int       // of the transformer; 0 = 128; released the number of genes
	Heads     int       // of its attention, a divisor of Width; 0 = 1

	// What it learns from.
	Layer                 string // "" = c_d_log1p where the data set has a batch correction, else d_log1p
	Raw                   bool   // instead of that layer c_log1p or log1p, zeros as they are: the ablation without pre-completion
	Genes                 int    // learn so many genes only, those with the highest Moran's I; 0 = all of the data set
	Targets               int    // of these, hide and complete so many only; the others are context, which is always visible; 0 = all
	Neighbors             int    // of a spot; 0 = 18, negative = none; published also 6 and 36
	NeighborsAcrossSlides bool   // seek them on all slides of the split at once, as released; see the package's differences
	Features              string // matrix of Dataset.Obsm, an embedding of the picture, that is read beside the genes; "" = none

	// How it learns.
	Start    Start   // "" = StartMeans; published and released StartTorch
	Steps    int     // 0 = DefaultSteps; published 10,000
	Batch    int     // spots per step; 0 = DefaultBatch; published and released 256. Never more than there are train spots
	Rate     float64 // learning rate of Adam; 0 = 1e-3; published the best of Rates
	Warmup   int     // steps over which the rate rises to Rate; published 0
	Patience int     // end after so many validations in a row that were not the best so far; 0 = never, as published
	Seed     uint64  // 0 = 42
	ValEvery int     // steps between validations; 0 = 10

	Engine *engine.Engine // nil = the best of this machine
	Report func(Report)   // hears of each step, from one goroutine; nil = silence

	config func(*Config) // changes the network, in tests
}

// Form names one of the two networks called SpaCKLE. What sets them apart can
// also be chosen one by one.
type Form string

const (
	// FormPaper is the network that the paper describes. The default.
	FormPaper Form = "paper"
	// FormReleased is what the released library computes: attention over the
	// batch, as wide as there are genes, from PyTorch's start, 256 spots a step.
	// (That its neighbours may be of other slides is an option of its own,
	// NeighborsAcrossSlides.)
	FormReleased Form = "released"
)

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

	trainRows  []int
	trainTable []int32 // [len(train)][S]
	valInput   blas32.General
	valHidden  []bool // [len(val)][G]
	valRows    []int
	valTable   []int32 // [len(val)][S]
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
	if err := r.lay(ds); err != nil {
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

// lay finds the neighbourhoods.
func (r *run) lay(ds *spared.Dataset) (err error) {
	if r.trainTable, err = r.model.surroundings().of(ds, r.trainRows); err != nil {
		return fmt.Errorf("spackle: train split: %w", err)
	}
	if r.valTable, err = r.model.surroundings().of(ds, r.valRows); err != nil {
		return fmt.Errorf("spackle: validation split: %w", err)
	}
	return nil
}

// network returns the form of the network.
func (o *TrainOptions) network(genes, features int) (Config, error) {
	c := Paper(genes)
	if o.Form == FormReleased {
		c = Released(genes)
	}
	c.Attention, c.Visual = o.Attention, features
	c.Width, c.Heads, c.Tokens = cmp.Or(o.Width, c.Width), cmp.Or(o.Heads, c.Heads), max(o.Neighbors, 0)+1
	if o.config != nil {
		o.config(&c)
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("spackle: %w", err)
	}
	return c, nil
}

// withDefaults fills in what is left blank, and returns an error where the
// options contradict each other or the data set.
func (o TrainOptions) withDefaults(ds *spared.Dataset, trainSpots int) (TrainOptions, error) {
	o.Form = cmp.Or(o.Form, FormPaper)
	blank := TrainOptions{Attention: Neighborhood, Start: StartMeans, Batch: DefaultBatch}
	if o.Form == FormReleased {
		blank = TrainOptions{Attention: Batch, Start: StartTorch, Batch: 256}
	}
	o.Attention, o.Start, o.Batch = cmp.Or(o.Attention, blank.Attention), cmp.Or(o.Start, blank.Start), cmp.Or(o.Batch, blank.Batch)
	o.Steps, o.Rate = cmp.Or(o.Steps, DefaultSteps), cmp.Or(o.Rate, 1e-3)
	o.Seed, o.ValEvery, o.Neighbors = cmp.Or(o.Seed, 42), cmp.Or(o.ValEvery, 10), cmp.Or(o.Neighbors, Neighbors)
	genes := cmp.Or(o.Genes, len(ds.Genes))
	switch {
	case o.Form != FormPaper && o.Form != FormReleased:
		return o, fmt.Errorf("spackle: form %q, want %q or %q", o.Form, FormPaper, FormReleased)
	case o.Start != StartMeans && o.Start != StartTorch:
		return o, fmt.Errorf("spackle: start %q, want %q or %q", o.Start, StartMeans, StartTorch)
	case o.Steps < 0 || o.Batch < 0 || o.ValEvery < 0 || o.Warmup < 0 || o.Patience < 0 || !(o.Rate > 0) || math.IsInf(o.Rate, 0):
		return o, fmt.Errorf("spackle: %d steps of %d spots at learning rate %g, warm-up %d, validation every %d, patience %d: want positive and finite numbers", o.Steps, o.Batch, o.Rate, o.Warmup, o.ValEvery, o.Patience)
	case o.Width < 0 || o.Heads < 0:
		return o, fmt.Errorf("spackle: width %d, %d heads: want positive numbers", o.Width, o.Heads)
	case genes < 0 || genes > len(ds.Genes):
		return o, fmt.Errorf("spackle: %d genes are to be learnt, of the data set's %d", o.Genes, len(ds.Genes))
	case o.Targets < 0 || o.Targets > genes:
		return o, fmt.Errorf("spackle: %d genes are to be completed, of the %d that are learnt", o.Targets, genes)
	case o.Raw && o.Layer != "":
		return o, fmt.Errorf("spackle: layer %q and Raw, which chooses the layer: leave one of them out", o.Layer)
	}
	if o.Layer == "" {
		o.Layer = defaultLayer(ds, o.Raw)
	}
	o.Targets = cmp.Or(o.Targets, genes)
	o.Batch = min(o.Batch, trainSpots)
	return o, nil
}

// defaultLayer is what a network learns from.
func defaultLayer(ds *spared.Dataset, raw bool) string {
	switch corrected := len(ds.Correction) > 0; {
	case raw && corrected:
		return spared.LayerCLog
	case raw:
		return spared.LayerLog
	case corrected:
		return spared.LayerCDLog
	}
	return spared.LayerDLog
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

// featuresOf returns the matrix of Obsm of that name, checked like a layer; one
// without columns for "".
func featuresOf(ds *spared.Dataset, name string) (blas32.General, error) {
	if name == "" {
		return blas32.General{}, nil
	}
	m, ok := ds.Obsm[name]
	if !ok || m.Cols == 0 {
		return m, fmt.Errorf("spackle: the data set has no embedding %q in obsm; it has %s", name, cmp.Or(strings.Join(slices.Sorted(maps.Keys(ds.Obsm)), ", "), "none"))
	}
	if m.Rows != len(ds.Spots) {
		return m, fmt.Errorf("spackle: embedding %s has %d rows for %d spots", name, m.Rows, len(ds.Spots))
	}
	for i := range m.Rows {
		for _, v := range m.Data[i*m.Stride:][:m.Cols] {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return m, fmt.Errorf("spackle: embedding %s holds %g at spot %s", name, f, ds.Spots[i].ID)
			}
		}
	}
	return m, nil
}

// selected returns columns of m, or m itself where they are all of it.
func selected(m blas32.General, columns []int) blas32.General {
	if slices.Equal(columns, indices(m.Cols)) {
		return m
	}
	out := matrix(m.Rows, len(columns))
	for i := range m.Rows {
		for k, g := range columns {
			out.Data[i*out.Stride+k] = m.Data[i*m.Stride+g]
		}
	}
	return out
}

// selectedMask returns rising columns of the data set's mask, [spots][columns].
func selectedMask(ds *spared.Dataset, columns []int) []bool {
	n, genes := ds.N()
	if len(columns) == genes {
		return ds.Mask
	}
	out := make([]bool, 0, n*len(columns))
	for i := range n {
		for _, g := range columns {
			out = append(out, ds.Mask[i*genes+g])
		}
	}
	return out
}

// beside lays b to the right of a.
func beside(a, b blas32.General) blas32.General {
	if b.Cols == 0 {
		return a
	}
	out := matrix(a.Rows, a.Cols+b.Cols)
	for i := range a.Rows {
		row := out.Data[i*out.Stride:][:out.Cols]
		copy(row, a.Data[i*a.Stride:][:a.Cols])
		copy(row[a.Cols:], b.Data[i*b.Stride:][:b.Cols])
	}
	return out
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

// fingerprint is the sha256 of all data that the result depends on.
func (r *run) fingerprint() string {
	h := sha256.New()
	m := r.model
	head, err := json.Marshal([]any{"spackle 1", m.Config.brief(), m.Layer, m.Genes, r.p, r.trainRows, r.valRows})
	if err != nil {
		panic(err) // strings and finite numbers
	}
	h.Write(head)
	hashInts(h, r.trainTable)
	hashInts(h, r.valTable)
	genes := m.Config.Genes
	for i := range r.values.Rows {
		row := make([]byte, 0, 5*r.values.Cols)
		for g, v := range r.values.Data[i*r.values.Stride:][:r.values.Cols] {
			row = binary.LittleEndian.AppendUint32(row, math.Float32bits(v))
			switch {
			case g >= genes: // the picture
			case r.measured[i*genes+g]:
				row = append(row, 1)
			default:
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
	for b := range r.batches(inner, t) {
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
		if t.Finished() { // maybe early
			break
		}
		if ctx.Err() == nil && time.Since(r.lastSaved) > saveEvery {
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
