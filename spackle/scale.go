package spackle

import (
	"errors"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/combat"
	"github.com/spatialgo/spatialgo/spared/dense"
)

// A network that was trained on a batch-corrected layer reads and answers on its
// scale: a line per gene and batch away from log2(TPM+1).

// scaleFunc returns the lines from log2(TPM+1) to the network's layer for a
// view, of all genes of the data set, given its values after the adaptive median
// (of all genes, where the lines depend on them).
type scaleFunc func(v *baseline.View, completed blas32.General) (batchLine, error)

// releasedScaleOf takes each slide's line from the data set's own correction.
func releasedScaleOf(ds *spared.Dataset, layer string) (scaleFunc, error) {
	a := ds.Correction[layer]
	if a == nil {
		return nil, fmt.Errorf("the data set has no batch correction of %s", layer)
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

// cleanScaleOf fits ComBat on the train spots of d_log1p, or of log1p for
// c_log1p, and lets any other batch be fitted by the view, the rule of
// spared.FitCorrection.
func cleanScaleOf(ds *spared.Dataset, layer string) (scaleFunc, error) {
	from := spared.LayerDLog
	if layer == spared.LayerCLog {
		from = spared.LayerLog
	}
	values, err := ds.Layer(from)
	if err != nil {
		return nil, err
	}
	fit, known, err := fitTrain(ds, dense.Matrix[float32](values))
	if err != nil {
		return nil, err
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

// fitTrain fits ComBat on the train spots and returns the line of each batch
// that trains.
func fitTrain(ds *spared.Dataset, x dense.Matrix[float32]) (*combat.Fit, map[string]batchLine, error) {
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
		return nil, nil, err
	}
	fit, err := m.Fit()
	if err != nil {
		return nil, nil, err
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
			return nil, nil, fmt.Errorf("batch %q: %w", name, err)
		}
	}
	return fit, known, nil
}

// shift returns the line from values of a batch that did not train, x
// [spots][genes], to the scale of the train spots.
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
		if !(s > 0) || !finite(s) || !finite(intercept[g]) {
			return batchLine{}, fmt.Errorf("the batch correction of gene %s, %g·x + %g, has no way back", ds.Genes[g].ID, s, intercept[g])
		}
	}
	return batchLine{slope, intercept}, nil
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

// of returns the lines of some genes.
func (l batchLine) of(genes []int) batchLine {
	if l.slope == nil {
		return l
	}
	var some batchLine
	for _, g := range genes {
		some.slope, some.intercept = append(some.slope, l.slope[g]), append(some.intercept, l.intercept[g])
	}
	return some
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
