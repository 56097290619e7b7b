package spackle

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/combat"
	"github.com/spatialgo/spatialgo/spared/dense"
)

// NewCompleter returns the trained model as a completer of slides of the data
// set, which must have the model's genes in the model's order. It works on the
// given engine, which must outlive it. For a view it
//
//  1. completes the visible values by the adaptive median,
//  2. moves them to the scale of the model's layer: where that is batch
//     corrected, by a line per gene, y = slope·x + intercept,
//  3. sets to 0 what is to be predicted: the hidden entries, while those never
//     measured keep their median, as in the published test; or, where the view
//     hides nothing, all that is not visible, as in the published completion,
//  4. lets the network predict each spot from its neighbourhood on the slide,
//  5. moves the prediction back, x = (y - intercept)/slope, to log2(TPM+1).
//
// The line of step 2 must not know hidden values, so in the clean order it is
// not the data set's own: a batch that trains keeps the line that its train
// spots give, any other batch is fitted to what ComBat learnt from the train
// spots by the view's values of step 1. Where nothing is hidden and a batch is
// one slide, that is the data set's own line again. In the released order the
// line comes from the data set, which saw everything; Evaluation.Notes says so.
//
// eng nil opens the best engine of this machine, for as long as the program
// runs.
func NewCompleter(m *Model, ds *spared.Dataset, eng *engine.Engine) (baseline.Completer, error) {
	if eng == nil {
		var err error
		if eng, err = engine.Open(engine.Options{}); err != nil {
			return nil, fmt.Errorf("spackle: %w", err)
		}
	}
	if err := m.checkGenes(ds); err != nil {
		return nil, err
	}
	c, err := newSlideCompleter(ds, m.Layer, func(ctx context.Context, input blas32.General, near []int32) (blas32.General, error) {
		return m.Predict(ctx, eng, input, near)
	})
	if err != nil {
		return nil, err
	}
	c.engine, c.digest = eng.Describe(), m.Digest()
	t := m.Training
	c.training = fmt.Sprintf("spackle: the weights of step %d of %d, the best by validation error", t.BestStep, t.Step)
	if m.Config.Attention == Batch {
		c.training += "; attention over the batch, as released, not over the neighbourhood, as published"
	}
	return c, nil
}

// slideCompleter is a network behind the interface of the baselines.
type slideCompleter struct {
	baseline.NoFit   // a network is trained before, see [Train]
	ds               *spared.Dataset
	layer            string // the network's
	predict          predictFunc
	scale            scaleFunc
	engine, training string // for people
	digest           string // of the model
}

// predictFunc is the network: expression [spots][genes] of one slide on the
// scale of the layer, with 0 for what is to be predicted, and neighbourhoods
// [spots][Tokens], to predicted expression of the same shape.
type predictFunc func(ctx context.Context, input blas32.General, near []int32) (blas32.General, error)

// scaleFunc returns the line from log2(TPM+1) to the network's layer for a
// view, given its values after the adaptive median.
type scaleFunc func(v *baseline.View, completed blas32.General) (batchLine, error)

func newSlideCompleter(ds *spared.Dataset, layer string, predict predictFunc) (*slideCompleter, error) {
	c := &slideCompleter{ds: ds, layer: layer, predict: predict, engine: "none"}
	var err error
	switch {
	case layer == spared.LayerDLog:
		c.scale = func(*baseline.View, blas32.General) (batchLine, error) { return batchLine{}, nil }
	case layer != spared.LayerCDLog:
		err = fmt.Errorf("it was trained on layer %s, want %s or %s", layer, spared.LayerDLog, spared.LayerCDLog)
	case ds.Manifest.Recipe.Order == spared.Released:
		c.scale, err = releasedScale(ds)
	default:
		c.scale, err = cleanScale(ds)
	}
	if err != nil {
		return nil, fmt.Errorf("spackle: the model as a completer: %w", err)
	}
	return c, nil
}

// Name returns "spackle".
func (c *slideCompleter) Name() string { return "spackle" }

// Digest identifies the model, so that a stored evaluation can be told from
// that of another.
func (c *slideCompleter) Digest() string { return c.digest }

// Engine describes what the network runs on.
func (c *slideCompleter) Engine() string { return c.engine }

// Notes says what a reader of the model's errors on a split should know.
func (c *slideCompleter) Notes(split spared.Split) []string {
	var notes []string
	if c.training != "" {
		notes = append(notes, c.training)
	}
	if split == spared.Val {
		notes = append(notes, "spackle: the validation spots also chose the checkpoint, so its errors on them are somewhat too low")
	}
	if c.layer == spared.LayerCDLog && c.ds.Manifest.Recipe.Order == spared.Released {
		notes = append(notes, "spackle: the batch correction of its input (order released) saw the hidden values")
	}
	return notes
}

// Complete implements [baseline.Completer].
func (c *slideCompleter) Complete(ctx context.Context, v *baseline.View) (*baseline.Completion, error) {
	done, err := baseline.Median{Hops: c.ds.Manifest.Recipe.Hops}.Complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("spackle: %w", err)
	}
	input := done.Values
	line, err := c.scale(v, input)
	if err != nil {
		return nil, fmt.Errorf("spackle: slide %s: %w", v.Slide, err)
	}
	line.apply(input)
	for i := range input.Rows {
		for g := range input.Cols {
			if k := i*input.Cols + g; v.Hidden == nil && !v.Visible[k] || v.Hidden != nil && v.Hidden[k] {
				input.Data[i*input.Stride+g] = 0
			}
		}
	}
	near, err := Neighborhoods(v.X, v.Y)
	if err != nil {
		return nil, fmt.Errorf("spackle: slide %s: %w", v.Slide, err)
	}
	out, err := c.predict(ctx, input, near)
	if err != nil {
		return nil, err
	}
	line.invert(out)
	return &baseline.Completion{Values: out}, nil
}

// releasedScale takes each slide's line from the data set's own correction.
func releasedScale(ds *spared.Dataset) (scaleFunc, error) {
	a := ds.Correction[spared.LayerCDLog]
	if a == nil {
		return nil, fmt.Errorf("the data set has no batch correction of %s", spared.LayerCDLog)
	}
	return func(v *baseline.View, _ blas32.General) (batchLine, error) {
		s := ds.Section(v.Slide)
		if s < 0 {
			return batchLine{}, errors.New("it is no slide of the data set")
		}
		b := slices.Index(a.Batches, ds.Sections[s].Batch)
		if b < 0 {
			return batchLine{}, fmt.Errorf("its batch %q was not corrected", ds.Sections[s].Batch)
		}
		return newBatchLine(ds, a.Slope[b], a.Intercept[b])
	}, nil
}

// cleanScale fits ComBat on the train spots of d_log1p and lets any other
// batch be fitted by the view, the rule of spared.FitCorrection.
func cleanScale(ds *spared.Dataset) (scaleFunc, error) {
	layer, err := ds.Layer(spared.LayerDLog)
	if err != nil {
		return nil, err
	}
	x := dense.Matrix[float32](layer)
	var batches []string // those that train
	of := make([]int, x.Rows)
	for i := range of {
		of[i] = -1
	}
	for _, i := range ds.SpotsIn(spared.Train) {
		name := ds.Sections[ds.Spots[i].Slide].Batch
		if of[i] = slices.Index(batches, name); of[i] < 0 {
			of[i] = len(batches)
			batches = append(batches, name)
		}
	}
	m, err := combat.MomentsOf(x, of, len(batches), combat.Options{})
	if err != nil {
		return nil, err
	}
	fit, err := m.Fit()
	if err != nil {
		return nil, err
	}
	known := map[string]batchLine{}
	for b, name := range batches {
		if len(batches) == 1 { // the only batch that trains is the reference and stays
			known[name] = batchLine{}
			continue
		}
		slope, intercept, err := fit.Line(m, b)
		if err == nil {
			known[name], err = newBatchLine(ds, slope, intercept)
		}
		if err != nil {
			return nil, fmt.Errorf("batch %q: %w", name, err)
		}
	}
	return func(v *baseline.View, completed blas32.General) (batchLine, error) {
		if s := ds.Section(v.Slide); s >= 0 {
			if line, ok := known[ds.Sections[s].Batch]; ok {
				return line, nil
			}
		}
		line, err := shift(ds, fit, dense.Matrix[float32](completed))
		if err != nil {
			return batchLine{}, err
		}
		line.keepUnseen(v)
		return line, nil
	}, nil
}

// keepUnseen lets genes that the view shows nowhere keep the scale of the
// train spots: nothing is known of how this slide differs, and a line fitted
// to the zeros that the median leaves there would send predictions to 0.
func (l batchLine) keepUnseen(v *baseline.View) {
	seen := make([]bool, len(l.slope))
	for k, visible := range v.Visible {
		if visible {
			seen[k%len(seen)] = true
		}
	}
	for g := range seen {
		if !seen[g] {
			l.slope[g], l.intercept[g] = 1, 0
		}
	}
}

func shift(ds *spared.Dataset, fit *combat.Fit, x dense.Matrix[float32]) (batchLine, error) {
	slope, intercept, err := combat.Shift(fit, x)
	if err != nil {
		return batchLine{}, err
	}
	return newBatchLine(ds, slope, intercept)
}

// batchLine is y = slope·x + intercept, per gene; the zero value is y = x.
type batchLine struct{ slope, intercept []float64 }

// newBatchLine returns the line if there is a way back.
func newBatchLine(ds *spared.Dataset, slope, intercept []float64) (batchLine, error) {
	for g, s := range slope {
		if !(s > 0) || math.IsInf(s, 0) || math.IsNaN(intercept[g]) || math.IsInf(intercept[g], 0) {
			return batchLine{}, fmt.Errorf("the batch correction of gene %s, %g·x + %g, has no way back", ds.Genes[g].ID, s, intercept[g])
		}
	}
	return batchLine{slope, intercept}, nil
}

// apply moves every row of x along the line.
func (l batchLine) apply(x blas32.General) {
	for i := range x.Rows {
		row := x.Data[i*x.Stride:][:x.Cols]
		for g, s := range l.slope {
			row[g] = float32(s*float64(row[g]) + l.intercept[g])
		}
	}
}

// invert undoes apply.
func (l batchLine) invert(y blas32.General) {
	for i := range y.Rows {
		row := y.Data[i*y.Stride:][:y.Cols]
		for g, s := range l.slope {
			row[g] = float32((float64(row[g]) - l.intercept[g]) / s)
		}
	}
}
