package combat

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/spatialgo/spatialgo/spared/dense"
)

// Moments is all that ComBat needs to know of the data: means and variances
// [batches][genes], and with covariates their products with the genes. It does
// not grow with the spots.
type Moments struct {
	batch   []moments
	genes   int
	options Options
}

// moments are of the n spots of a batch; all are divided by n.
type moments struct {
	n              float64
	mean, variance []float64
	covMean        []float64   // of the covariates
	covSquare      [][]float64 // their covariances, [covariates][covariates]
	cross          [][]float64 // covariances with the genes, [covariates][genes]
}

// MomentsOf reads x [spots][genes] once. batch holds the batch of each spot, 0
// to batches-1, or -1 for a spot that is not read: so that train spots, or the
// spots of some slides, need no copy. It is an error if no spot is read, a batch
// number is out of range, a value is not finite, or the options' covariates or
// reference do not fit.
func MomentsOf[T dense.Float](x dense.Matrix[T], batch []int, batches int, o Options) (*Moments, error) {
	if err := checkInput(x, batch, batches, o); err != nil {
		return nil, err
	}
	m := &Moments{batch: make([]moments, batches), genes: x.Cols, options: o}
	centred := m.readCovariates(batch)
	// Sums are taken of differences to the batch's first spot, which keeps them
	// small and those of a constant gene zero.
	first := make([][]T, batches)
	for i, b := range batch {
		if b < 0 {
			continue
		}
		row, of := x.Row(i), &m.batch[b]
		if first[b] == nil {
			of.mean, of.variance, first[b] = make([]float64, x.Cols), make([]float64, x.Cols), row
		}
		sum, sum2, origin := of.mean[:len(row)], of.variance[:len(row)], first[b][:len(row)]
		for j, v := range row {
			d := float64(v) - float64(origin[j])
			sum[j] += d
			sum2[j] += d * d
		}
		for k, cross := range of.cross {
			c := centred[i*len(of.cross)+k]
			for j, v := range row {
				cross[j] += c * (float64(v) - float64(origin[j]))
			}
		}
	}
	for b := range m.batch {
		of := &m.batch[b]
		for j, sum := range of.mean {
			mean := sum / of.n
			of.mean[j] = float64(first[b][j]) + mean
			of.variance[j] = max(0, of.variance[j]/of.n-mean*mean)
			if !finite(of.mean[j] + of.variance[j]) {
				return nil, fmt.Errorf("combat: gene %d has a value that is not finite", j)
			}
			for k := range of.cross {
				of.cross[k][j] /= of.n
			}
		}
	}
	return m, nil
}

func checkInput[T dense.Float](x dense.Matrix[T], batch []int, batches int, o Options) error {
	if err := x.Check(); err != nil {
		return fmt.Errorf("combat: %w", err)
	}
	if len(batch) != x.Rows {
		return fmt.Errorf("combat: %d batch numbers for %d spots", len(batch), x.Rows)
	}
	read, reference := 0, 0
	for i, b := range batch {
		if b < -1 || b >= batches {
			return fmt.Errorf("combat: spot %d is of batch %d, of %d batches", i, b, batches)
		}
		if b >= 0 {
			read++
		}
		if b >= 0 && b == o.Reference {
			reference++
		}
	}
	switch c := o.Covariates; {
	case read == 0:
		return errors.New("combat: no spots")
	case o.HasReference && reference == 0:
		return fmt.Errorf("combat: the reference batch %d has no spots", o.Reference)
	case c.Rows != 0 && c.Rows != x.Rows:
		return fmt.Errorf("combat: covariates of %d spots for %d", c.Rows, x.Rows)
	case c.Rows != 0:
		if err := c.Check(); err != nil {
			return fmt.Errorf("combat: covariates: %w", err)
		}
		for i := range c.Rows {
			for k, v := range c.Row(i) {
				if !finite(v) {
					return fmt.Errorf("combat: covariate %d of spot %d is %g", k, i, v)
				}
			}
		}
	}
	return nil
}

// readCovariates counts the spots of each batch, sets the moments of the
// covariates, and returns them less their batch's means [spots][covariates].
func (m *Moments) readCovariates(batch []int) (centred []float64) {
	c := m.options.Covariates
	width := 0
	if c.Rows > 0 {
		width = c.Cols
	}
	for b := range m.batch {
		m.batch[b].covMean = make([]float64, width)
		m.batch[b].cross, m.batch[b].covSquare = table(width, m.genes), table(width, width)
	}
	for i, b := range batch {
		if b >= 0 {
			m.batch[b].n++
			for k := range width {
				m.batch[b].covMean[k] += c.At(i, k)
			}
		}
	}
	for b := range m.batch {
		for k := range width {
			m.batch[b].covMean[k] /= m.batch[b].n
		}
	}
	centred = make([]float64, width*len(batch))
	for i, b := range batch {
		if b < 0 {
			continue
		}
		row := centred[i*width : (i+1)*width]
		for k := range row {
			row[k] = c.At(i, k) - m.batch[b].covMean[k]
		}
		for k, square := range m.batch[b].covSquare {
			for l := range square {
				square[l] += row[k] * row[l] / m.batch[b].n
			}
		}
	}
	return centred
}

func table(rows, cols int) [][]float64 {
	t := make([][]float64, rows)
	for k := range t {
		t[k] = make([]float64, cols)
	}
	return t
}

// Fit is [Moments.FitOn] all batches.
func (m *Moments) Fit() (*Fit, error) {
	all := make([]int, len(m.batch))
	for b := range all {
		all[b] = b
	}
	return m.FitOn(all)
}

// FitOn pools the moments of the batches learn: what the corrected batches will
// have in common. It is an error if there are no spots in them, the reference
// is not among them, or a covariate is told by the others and the batches (it is
// the same throughout each, say), so that its effect cannot be.
func (m *Moments) FitOn(learn []int) (*Fit, error) {
	spots, filled, hasReference := 0.0, 0, false
	for _, b := range learn {
		if b < 0 || b >= len(m.batch) {
			return nil, fmt.Errorf("combat: batch %d to learn from, of %d batches", b, len(m.batch))
		}
		if m.batch[b].n > 0 {
			spots += m.batch[b].n
			filled++
		}
		hasReference = hasReference || b == m.options.Reference
	}
	switch {
	case spots == 0:
		return nil, errors.New("combat: no spots to learn from")
	case m.options.HasReference && !hasReference:
		return nil, fmt.Errorf("combat: the reference batch %d is not learnt from", m.options.Reference)
	}
	f := &Fit{Mean: make([]float64, m.genes), SD: make([]float64, m.genes), options: m.options, single: filled == 1}
	f.options.Covariates = dense.Matrix[float64]{}
	if err := m.regress(f, learn); err != nil {
		return nil, err
	}
	for _, b := range learn {
		of := &m.batch[b]
		share := of.n / spots
		if m.options.HasReference {
			share = 0
			if b == m.options.Reference {
				share = 1
			}
		}
		if share == 0 {
			continue
		}
		for j := range f.Mean {
			mean, variance := f.residual(of, j)
			f.Mean[j] += share * mean
			f.SD[j] += share * variance
		}
	}
	for j, v := range f.SD {
		f.SD[j] = math.Sqrt(v)
	}
	return f, nil
}

// regress sets Beta: least squares of each gene on the covariates, both less
// their batch's means, which is the regression on covariates and batches
// together (Frisch & Waugh, Econometrica 1:387, 1933).
func (m *Moments) regress(f *Fit, learn []int) error {
	width := 0
	if c := m.options.Covariates; c.Rows > 0 {
		width = c.Cols
	}
	if width == 0 {
		return nil
	}
	square, cross := mat.NewSymDense(width, nil), mat.NewDense(width, m.genes, nil)
	for _, b := range learn {
		of := &m.batch[b]
		if of.n == 0 {
			continue
		}
		for k := range width {
			for l := k; l < width; l++ {
				square.SetSym(k, l, square.At(k, l)+of.n*of.covSquare[k][l])
			}
			for j, v := range of.cross[k] {
				cross.Set(k, j, cross.At(k, j)+of.n*v)
			}
		}
	}
	// To unit diagonal, so that units of covariates do not matter.
	scale := make([]float64, width)
	for k := range scale {
		if square.At(k, k) <= 0 {
			return fmt.Errorf("combat: covariate %d is the same throughout each batch", k)
		}
		scale[k] = 1 / math.Sqrt(square.At(k, k))
	}
	for k := range width {
		for l := k; l < width; l++ {
			square.SetSym(k, l, square.At(k, l)*scale[k]*scale[l])
		}
		for j := range m.genes {
			cross.Set(k, j, cross.At(k, j)*scale[k])
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(square) || chol.Cond() > 1e12 {
		return errors.New("combat: the covariates are not independent of each other and the batches")
	}
	var beta mat.Dense
	if err := chol.SolveTo(&beta, cross); err != nil {
		return fmt.Errorf("combat: covariates: %w", err)
	}
	f.Beta = table(width, m.genes)
	for k := range width {
		for j := range m.genes {
			f.Beta[k][j] = beta.At(k, j) * scale[k]
		}
	}
	return nil
}

// Line returns the empirical-Bayes correction of batch b of m as a straight line
// per gene, corrected = slope·x + intercept; with covariates plus
// (1-slope)·Σ covariate·beta, see [ApplyBatches]. The batch need not have been
// learnt from. An empty batch and the reference have slope 1 and intercept 0. It
// is an error if b or the genes or covariates do not fit, or the iteration does
// not converge.
func (f *Fit) Line(m *Moments, b int) (slope, intercept []float64, err error) {
	switch {
	case b < 0 || b >= len(m.batch):
		return nil, nil, fmt.Errorf("combat: batch %d of %d", b, len(m.batch))
	case len(f.Mean) != m.genes || len(f.SD) != m.genes:
		return nil, nil, fmt.Errorf("combat: a fit of %d genes for values of %d", len(f.Mean), m.genes)
	case m.batch[b].n == 0 || f.options.HasReference && b == f.options.Reference:
		slope, intercept = identity(m.genes)
		return slope, intercept, nil
	}
	if slope, intercept, err = f.line(&m.batch[b], len(f.Beta)); err != nil {
		return nil, nil, fmt.Errorf("batch %d: %w", b, err)
	}
	return slope, intercept, nil
}
