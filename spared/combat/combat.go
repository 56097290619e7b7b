package combat

import (
	"fmt"
	"math"

	"github.com/spatialgo/spatialgo/spared/dense"
)

// Options chooses among the forms of ComBat. The zero value is the standard one:
// location and scale, no covariates, no reference.
type Options struct {
	// Covariates [spots][covariates] are what differs between spots besides
	// their batch and is to be kept: a disease state as 0 or 1, an age. A
	// category of k values is k-1 columns of 0 and 1. No rows mean no covariates.
	Covariates dense.Matrix[float64]

	// With HasReference, Reference is the batch that stays as it is and that
	// the others are moved onto (ref.batch of sva).
	HasReference bool
	Reference    int

	// MeanOnly shifts batches without scaling them (mean.only of sva): for
	// batches whose spread differs for good reasons, or that are small.
	MeanOnly bool

	// FirstGene reproduces the package combat 0.3.3, which SpaRED calls: in the
	// update of every gene's δ it takes the γ of the first gene. For
	// comparison only; the result depends on the order of genes.
	FirstGene bool

	// SampleVariance divides by n-1 in δ̂ and in its variance over genes, as
	// scanpy.pp.combat does: the difference fades with the spots of a batch.
	SampleVariance bool
}

// Fit is what all batches are moved onto.
type Fit struct {
	Mean []float64 // α: mean of each gene over the spots, covariates taken off; of the reference if there is one
	SD   []float64 // σ: its standard deviation within batches, pooled, or within the reference; 0 for a gene constant there

	// Beta is the effect of each covariate on each gene [covariates][genes].
	Beta [][]float64

	options Options
	single  bool // it was learnt from one batch
}

// Constant returns the genes without variance within any batch (or within the
// reference). They are not corrected.
func (f *Fit) Constant() []int {
	var genes []int
	for j, sd := range f.SD {
		if sd == 0 {
			genes = append(genes, j)
		}
	}
	return genes
}

// Estimate returns the grand mean and the pooled standard deviation of each
// gene of x [spots][genes]; batch holds the batch of each spot, 0 to
// batches-1, or -1 for a spot that is not to be learnt from. A batch may be
// empty. It is an error if there are no spots, a batch number is out of range,
// or a value is not finite.
func Estimate[T dense.Float](x dense.Matrix[T], batch []int, batches int) (*Fit, error) {
	m, err := MomentsOf(x, batch, batches, Options{})
	if err != nil {
		return nil, err
	}
	return m.Fit()
}

// Shift returns the empirical-Bayes correction of one batch, x holding its
// spots [spots][genes], as the straight line corrected = slope·x + intercept
// of each gene. It is an error if x has no spots or other genes than the fit,
// the fit has covariates (see [Fit.Line]), a value is not finite, or the
// iteration does not converge.
func Shift[T dense.Float](f *Fit, x dense.Matrix[T]) (slope, intercept []float64, err error) {
	if len(f.Mean) != x.Cols || len(f.SD) != x.Cols {
		return nil, nil, fmt.Errorf("combat: a fit of %d genes for values of %d", len(f.Mean), x.Cols)
	}
	m, err := MomentsOf(x, make([]int, x.Rows), 1, Options{})
	if err != nil {
		return nil, nil, err
	}
	return f.line(&m.batch[0], len(f.Beta))
}

// Apply replaces x [spots][genes] by slope·x + intercept, in place. It is an
// error if there is not one line per gene.
func Apply[T dense.Float](x dense.Matrix[T], slope, intercept []float64) error {
	if len(slope) != x.Cols || len(intercept) != x.Cols {
		return fmt.Errorf("combat: %d slopes and %d intercepts for %d genes", len(slope), len(intercept), x.Cols)
	}
	for i := range x.Rows {
		applyRow(x.Row(i), slope, intercept)
	}
	return nil
}

func applyRow[T dense.Float](row []T, slope, intercept []float64) {
	slope, intercept = slope[:len(row)], intercept[:len(row)]
	for j, v := range row {
		row[j] = T(slope[j]*float64(v) + intercept[j])
	}
}

// ApplyBatches replaces each spot of x [spots][genes] by the line of its batch,
//
//	slope·x + intercept + (1-slope)·Σ covariate·beta,
//
// in place; the last term is there if f has covariates, which are given by spot.
// A spot of batch -1 stays as it is. It is an error if the shapes do not fit.
func ApplyBatches[T dense.Float](f *Fit, x dense.Matrix[T], batch []int, slope, intercept [][]float64, covariates dense.Matrix[float64]) error {
	if err := f.checkApply(x.Rows, x.Cols, batch, slope, intercept, covariates); err != nil {
		return err
	}
	kept := make([]float64, x.Cols)
	for i, b := range batch {
		if b < 0 {
			continue
		}
		row := x.Row(i)
		if len(f.Beta) == 0 {
			applyRow(row, slope[b], intercept[b])
			continue
		}
		clear(kept)
		for k, beta := range f.Beta {
			c := covariates.At(i, k)
			for j, v := range beta {
				kept[j] += c * v
			}
		}
		for j, v := range row {
			row[j] = T(slope[b][j]*float64(v) + intercept[b][j] + (1-slope[b][j])*kept[j])
		}
	}
	return nil
}

func (f *Fit) checkApply(spots, genes int, batch []int, slope, intercept [][]float64, covariates dense.Matrix[float64]) error {
	switch {
	case len(f.Mean) != genes:
		return fmt.Errorf("combat: a fit of %d genes for values of %d", len(f.Mean), genes)
	case len(batch) != spots:
		return fmt.Errorf("combat: %d batch numbers for %d spots", len(batch), spots)
	case len(slope) != len(intercept):
		return fmt.Errorf("combat: slopes of %d batches, intercepts of %d", len(slope), len(intercept))
	case len(f.Beta) > 0 && (covariates.Rows != spots || covariates.Cols != len(f.Beta)):
		return fmt.Errorf("combat: covariates %d x %d for %d spots and a fit with %d", covariates.Rows, covariates.Cols, spots, len(f.Beta))
	}
	for b := range slope {
		if len(slope[b]) != genes || len(intercept[b]) != genes {
			return fmt.Errorf("combat: batch %d has %d slopes and %d intercepts for %d genes", b, len(slope[b]), len(intercept[b]), genes)
		}
	}
	for i, b := range batch {
		if b < -1 || b >= len(slope) {
			return fmt.Errorf("combat: spot %d is of batch %d, of %d batches", i, b, len(slope))
		}
	}
	return nil
}

// Correct corrects all batches of x [spots][genes] onto each other, in place,
// and returns the fit and the line of each batch and gene [batches][genes]. An
// empty batch has slope 1 and intercept 0, and so has the only batch. Errors are
// those of [Estimate] and [Shift]; x is then as it was.
func Correct[T dense.Float](x dense.Matrix[T], batch []int, batches int) (f *Fit, slope, intercept [][]float64, err error) {
	return CorrectWith(x, batch, batches, Options{})
}

// CorrectWith is [Correct] with options. Spots of batch -1 are not learnt from
// and stay as they are. The lines returned are those of [Fit.Line]: with
// covariates [ApplyBatches] applies them. Further errors are those of
// [Moments.FitOn].
func CorrectWith[T dense.Float](x dense.Matrix[T], batch []int, batches int, o Options) (f *Fit, slope, intercept [][]float64, err error) {
	m, err := MomentsOf(x, batch, batches, o)
	if err != nil {
		return nil, nil, nil, err
	}
	if f, err = m.Fit(); err != nil {
		return nil, nil, nil, err
	}
	slope, intercept = make([][]float64, batches), make([][]float64, batches)
	for b := range batches {
		if f.single { // one batch is its own target: exactly so, not but for rounding
			slope[b], intercept[b] = identity(x.Cols)
		} else if slope[b], intercept[b], err = f.Line(m, b); err != nil {
			return nil, nil, nil, err
		}
	}
	if err := ApplyBatches(f, x, batch, slope, intercept, o.Covariates); err != nil {
		return nil, nil, nil, err
	}
	return f, slope, intercept, nil
}

func identity(genes int) (slope, intercept []float64) {
	slope, intercept = make([]float64, genes), make([]float64, genes)
	for j := range slope {
		slope[j] = 1
	}
	return slope, intercept
}

// residual returns mean and variance of gene j in a batch, the covariates'
// effect taken off.
func (f *Fit) residual(m *moments, j int) (mean, variance float64) {
	mean, variance = m.mean[j], m.variance[j]
	if len(f.Beta) == 0 {
		return mean, variance
	}
	total := variance
	for k, beta := range f.Beta {
		mean -= beta[j] * m.covMean[k]
		variance -= 2 * beta[j] * m.cross[k][j]
		for l, other := range f.Beta {
			variance += beta[j] * other[j] * m.covSquare[k][l]
		}
	}
	if variance <= 1e-13*total { // the covariates explain it all
		variance = 0
	}
	return mean, variance
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
