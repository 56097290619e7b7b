package norm

import (
	"fmt"
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// million is the M of TPM and CPM.
const million = 1e6

// TPM returns the transcripts per million [spots][genes] of counts
// [spots][genes] and gene lengths in base pairs, and for each spot the sum of
// count/length that it was divided by (1e6 times as large as the divisor). It
// is an error if there is not one positive length per gene, a count is negative
// or not finite, or the matrix is malformed.
func TPM(counts *sparse.CSR, lengths []float64) (tpm dense.Matrix[float32], rpk []float64, err error) {
	return TPMOf[float32](counts, lengths)
}

// TPMOf is [TPM] in the precision of the caller's choice; sums are float64 in
// either.
func TPMOf[T dense.Float](counts *sparse.CSR, lengths []float64) (tpm dense.Matrix[T], rpk []float64, err error) {
	if len(lengths) != counts.Cols {
		return tpm, nil, fmt.Errorf("norm: %d gene lengths for %d genes", len(lengths), counts.Cols)
	}
	for j, l := range lengths {
		if !(l > 0) || math.IsInf(l, 1) {
			return tpm, nil, fmt.Errorf("norm: gene %d has length %g, want a positive number of base pairs", j, l)
		}
	}
	if err := checkCounts(counts); err != nil {
		return tpm, nil, err
	}
	tpm, rpk = dense.New[T](counts.Rows, counts.Cols), make([]float64, counts.Rows)
	for i := range counts.Rows {
		genes, vals := counts.Row(i)
		for k, j := range genes {
			rpk[i] += float64(vals[k]) / lengths[j]
		}
		if rpk[i] == 0 {
			continue
		}
		row, perMillion := tpm.Row(i), rpk[i]/million
		for k, j := range genes {
			row[j] = T(float64(vals[k]) / lengths[j] / perMillion)
		}
	}
	return tpm, rpk, nil
}

// Log2P1 returns log2(x+1) of each entry, in a new matrix. Entries below -1
// give NaN.
func Log2P1[T dense.Float](m dense.Matrix[T]) dense.Matrix[T] {
	out := dense.New[T](m.Rows, m.Cols)
	for i := range m.Rows {
		dst := out.Row(i)
		for j, v := range m.Row(i) {
			if v != 0 {
				dst[j] = T(math.Log2(float64(v) + 1))
			}
		}
	}
	return out
}

// CPM returns counts per million of each spot's total; a spot without counts
// stays so. It is an error if a count is negative or not finite.
func CPM(counts *sparse.CSR) (*sparse.CSR, error) {
	if err := checkCounts(counts); err != nil {
		return nil, err
	}
	return scale(counts, million, func(v float64) float64 { return v }), nil
}

// LogNormalize returns ln(1 + target·count/total) with the spot's total; a
// target of 0 stands for the median total of the spots that have counts, as in
// scanpy. It is an error if the target is negative or not finite, or a count
// is.
func LogNormalize(counts *sparse.CSR, target float64) (*sparse.CSR, error) {
	if !(target >= 0) || math.IsInf(target, 1) {
		return nil, fmt.Errorf("norm: target total %g, want a positive number, or 0 for the median", target)
	}
	if err := checkCounts(counts); err != nil {
		return nil, err
	}
	if target == 0 {
		target = medianTotal(counts.RowSums())
	}
	return scale(counts, target, math.Log1p), nil
}

// scale returns f(target·count/total), for f with f(0) = 0.
func scale(counts *sparse.CSR, target float64, f func(float64) float64) *sparse.CSR {
	out := &sparse.CSR{
		Rows: counts.Rows, Cols: counts.Cols,
		IndPtr: slices.Clone(counts.IndPtr), Indices: slices.Clone(counts.Indices),
		Data: make([]float32, len(counts.Data)),
	}
	for i, total := range counts.RowSums() {
		if total == 0 {
			continue
		}
		_, src := counts.Row(i)
		_, dst := out.Row(i)
		for k, v := range src {
			dst[k] = float32(f(target * float64(v) / total))
		}
	}
	return out
}

func medianTotal(totals []float64) float64 {
	t := slices.DeleteFunc(totals, func(v float64) bool { return v == 0 })
	if len(t) == 0 {
		return 0
	}
	slices.Sort(t)
	return (t[(len(t)-1)/2] + t[len(t)/2]) / 2
}

func checkCounts(counts *sparse.CSR) error {
	if err := counts.Check(); err != nil {
		return fmt.Errorf("norm: %w", err)
	}
	for i := range counts.Rows {
		genes, vals := counts.Row(i)
		for k, v := range vals {
			if !(v >= 0) || math.IsInf(float64(v), 1) {
				return fmt.Errorf("norm: spot %d, gene %d: %g is not a count", i, genes[k], v)
			}
		}
	}
	return nil
}
