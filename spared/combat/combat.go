package combat

import (
	"errors"
	"fmt"
	"math"

	"github.com/spatialgo/spatialgo/spared/dense"
)

// Fit is what all batches are moved onto.
type Fit struct {
	Mean []float64 // α: mean of each gene over the spots
	SD   []float64 // σ: its standard deviation within batches, pooled; 0 for a gene constant in each
}

// Constant returns the genes without variance within any batch. They are not
// corrected.
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
// batches-1. A batch may be empty. It is an error if there are no spots, a
// batch number is out of range, or a value is not finite.
func Estimate[T dense.Float](x dense.Matrix[T], batch []int, batches int) (*Fit, error) {
	m, err := momentsOf(x, batch, batches)
	if err != nil {
		return nil, err
	}
	return fit(m, x.Rows), nil
}

// Shift returns the empirical-Bayes correction of one batch, x holding its
// spots [spots][genes], as the straight line corrected = slope·x + intercept
// of each gene. It is an error if x has no spots or other genes than the fit,
// a value is not finite, or the iteration does not converge.
func Shift[T dense.Float](f *Fit, x dense.Matrix[T]) (slope, intercept []float64, err error) {
	if len(f.Mean) != x.Cols || len(f.SD) != x.Cols {
		return nil, nil, fmt.Errorf("combat: a fit of %d genes for values of %d", len(f.Mean), x.Cols)
	}
	m, err := momentsOf(x, make([]int, x.Rows), 1)
	if err != nil {
		return nil, nil, err
	}
	return f.line(&m[0])
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

// Correct corrects all batches of x [spots][genes] onto each other, in place,
// and returns the fit and the line of each batch and gene [batches][genes]. An
// empty batch has slope 1 and intercept 0. Errors are those of [Estimate] and
// [Shift]; x is then as it was.
func Correct[T dense.Float](x dense.Matrix[T], batch []int, batches int) (f *Fit, slope, intercept [][]float64, err error) {
	m, err := momentsOf(x, batch, batches)
	if err != nil {
		return nil, nil, nil, err
	}
	f = fit(m, x.Rows)
	slope, intercept = make([][]float64, batches), make([][]float64, batches)
	for b := range m {
		if m[b].n == 0 {
			slope[b], intercept[b] = identity(x.Cols)
			continue
		}
		if slope[b], intercept[b], err = f.line(&m[b]); err != nil {
			return nil, nil, nil, fmt.Errorf("batch %d: %w", b, err)
		}
	}
	for i, b := range batch {
		applyRow(x.Row(i), slope[b], intercept[b])
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

// moments are the mean and population variance of each gene over the n spots
// of a batch.
type moments struct {
	n              float64
	mean, variance []float64
}

// momentsOf reads the data once. Sums are taken of differences to the batch's
// first spot, which keeps them small and those of a constant gene zero.
func momentsOf[T dense.Float](x dense.Matrix[T], batch []int, batches int) ([]moments, error) {
	if err := x.Check(); err != nil {
		return nil, fmt.Errorf("combat: %w", err)
	}
	if x.Rows == 0 {
		return nil, errors.New("combat: no spots")
	}
	if len(batch) != x.Rows {
		return nil, fmt.Errorf("combat: %d batch numbers for %d spots", len(batch), x.Rows)
	}
	m, first := make([]moments, batches), make([][]T, batches)
	for i, b := range batch {
		if b < 0 || b >= batches {
			return nil, fmt.Errorf("combat: spot %d is of batch %d, of %d batches", i, b, batches)
		}
		row := x.Row(i)
		if m[b].n == 0 {
			m[b] = moments{mean: make([]float64, x.Cols), variance: make([]float64, x.Cols)}
			first[b] = row
		}
		m[b].n++
		sum, sum2, origin := m[b].mean[:len(row)], m[b].variance[:len(row)], first[b][:len(row)]
		for j, v := range row {
			d := float64(v) - float64(origin[j])
			sum[j] += d
			sum2[j] += d * d
		}
	}
	for b := range m {
		for j, sum := range m[b].mean {
			mean := sum / m[b].n
			m[b].mean[j] = float64(first[b][j]) + mean
			m[b].variance[j] = max(0, m[b].variance[j]/m[b].n-mean*mean)
			if v := m[b].mean[j] + m[b].variance[j]; math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("combat: gene %d has a value that is not finite", j)
			}
		}
	}
	return m, nil
}

// fit pools the moments of the batches, spots in all.
func fit(m []moments, spots int) *Fit {
	var f *Fit
	for b := range m {
		if m[b].n == 0 {
			continue
		}
		if f == nil {
			f = &Fit{Mean: make([]float64, len(m[b].mean)), SD: make([]float64, len(m[b].mean))}
		}
		share := m[b].n / float64(spots)
		for j := range f.Mean {
			f.Mean[j] += share * m[b].mean[j]
			f.SD[j] += share * m[b].variance[j]
		}
	}
	for j, v := range f.SD {
		f.SD[j] = math.Sqrt(v)
	}
	return f
}
