package metric

import (
	"fmt"
	"math"

	"github.com/spatialgo/spatialgo/spared/dense"
)

// Metrics are the scores of a table of predictions.
type Metrics struct {
	MSE, MAE          float64 // mean squared and absolute error
	PCCGene, PCCPatch float64 // Pearson correlation per gene, per spot; mean
	R2Gene, R2Patch   float64 // coefficient of determination per gene, per spot; mean
	Global            float64 // PCCGene + PCCPatch + R2Gene + R2Patch - MSE - MAE
}

// Detail holds the scores of each gene and spot. A score that is not defined,
// because no entry was selected or, for R2, only one, is NaN.
type Detail struct {
	PCCGene, R2Gene   []float64 // [genes]
	PCCPatch, R2Patch []float64 // [spots]
	MSEGene, MAEGene  []float64 // [genes]: over the selected entries that are not NaN
	BiasGene          []float64 // [genes]: mean of prediction - truth, over the same
	Errors            []float64 // prediction - truth of each selected entry, row by row
}

// Compute scores pred against truth, both [spots][genes], on the entries where
// mask [spots][genes] row-major is true (nil selects all), as
// spared.metrics.get_metrics does; see the package's description. It panics if
// the shapes differ.
func Compute[T dense.Float](truth, pred dense.Matrix[T], mask []bool) Metrics {
	return tally(truth, pred, mask).metrics(false)
}

// ComputeSafe is [Compute] without its pitfalls: constant or NaN predictions
// count as correlation 0, genes and spots without variance in the truth are
// left out of R2.
func ComputeSafe[T dense.Float](truth, pred dense.Matrix[T], mask []bool) Metrics {
	return tally(truth, pred, mask).metrics(true)
}

// ComputeDetailed is [Compute] with the scores of each gene and spot.
func ComputeDetailed[T dense.Float](truth, pred dense.Matrix[T], mask []bool) (Metrics, Detail) {
	s := tally(truth, pred, mask)
	genes := truth.Cols
	d := Detail{
		PCCGene: s.genes.pearson(false), R2Gene: s.genes.r2(false),
		PCCPatch: s.spots.pearson(false), R2Patch: s.spots.r2(false),
		MSEGene: make([]float64, genes), MAEGene: make([]float64, genes), BiasGene: make([]float64, genes),
	}
	n := make([]float64, genes)
	for i := range truth.Rows {
		t, p, in := truth.Row(i), pred.Row(i), maskRow(mask, i, genes)
		for j := range t {
			if in != nil && !in[j] {
				continue
			}
			e := float64(p[j]) - float64(t[j])
			d.Errors = append(d.Errors, e)
			if !math.IsNaN(e) {
				n[j]++
				d.MSEGene[j] += e * e
				d.MAEGene[j] += math.Abs(e)
				d.BiasGene[j] += e
			}
		}
	}
	for j, n := range n {
		d.MSEGene[j] /= n
		d.MAEGene[j] /= n
		d.BiasGene[j] /= n
	}
	return s.metrics(false), d
}

// scores holds the sums over one table, by gene and by spot.
type scores struct{ genes, spots lines }

func tally[T dense.Float](truth, pred dense.Matrix[T], mask []bool) scores {
	checkShapes(truth, pred, mask)
	genes, spots := make([]line, truth.Cols), make([]line, truth.Rows)
	for i := range spots {
		t, p, in := truth.Row(i), pred.Row(i), maskRow(mask, i, truth.Cols)
		spot := &spots[i]
		for j := range genes {
			if in == nil || in[j] {
				t, p := float64(t[j]), float64(p[j])
				genes[j].first(t, p)
				spot.first(t, p)
			}
		}
		spot.average()
	}
	for j := range genes {
		genes[j].average()
	}
	for i := range spots {
		t, p, in := truth.Row(i), pred.Row(i), maskRow(mask, i, truth.Cols)
		spot := &spots[i]
		for j := range genes {
			if in == nil || in[j] {
				t, p := float64(t[j]), float64(p[j])
				genes[j].second(t, p)
				spot.second(t, p)
			}
		}
	}
	column, row := anyConstant(pred)
	return scores{genes: lines{genes, column}, spots: lines{spots, row}}
}

// maskRow returns row i of the mask, nil if there is none.
func maskRow(mask []bool, i, cols int) []bool {
	if mask == nil {
		return nil
	}
	return mask[i*cols : (i+1)*cols]
}

func checkShapes[T dense.Float](truth, pred dense.Matrix[T], mask []bool) {
	if truth.Rows != pred.Rows || truth.Cols != pred.Cols || mask != nil && len(mask) != truth.Rows*truth.Cols {
		panic(fmt.Sprintf("metric: truth is %d x %d, prediction %d x %d, mask has %d entries",
			truth.Rows, truth.Cols, pred.Rows, pred.Cols, len(mask)))
	}
}

// anyConstant says whether a column, and whether a row, of a matrix holds one
// value throughout.
func anyConstant[T dense.Float](m dense.Matrix[T]) (column, row bool) {
	varies := make([]bool, m.Cols)
	for i := range m.Rows {
		rowVaries := false
		first, this := m.Row(0), m.Row(i)
		for j, v := range this {
			varies[j] = varies[j] || v != first[j]
			rowVaries = rowVaries || v != this[0]
		}
		row = row || !rowVaries
	}
	for _, v := range varies {
		column = column || !v
	}
	return column, row
}

// metrics turns sums into scores.
func (s scores) metrics(safe bool) Metrics {
	var n, square, absolute float64
	for _, g := range s.genes.of {
		n += g.n
		square += g.square
		absolute += g.absolute
	}
	m := Metrics{
		MSE: square / n, MAE: absolute / n,
		PCCGene: nanMean(s.genes.pearson(safe)), PCCPatch: nanMean(s.spots.pearson(safe)),
		R2Gene: s.genes.meanR2(safe), R2Patch: s.spots.meanR2(safe),
	}
	m.Global = m.PCCGene + m.PCCPatch + m.R2Gene + m.R2Patch - m.MSE - m.MAE
	return m
}

// nanMean returns the mean of the values that are not NaN, NaN if there are
// none.
func nanMean(v []float64) float64 {
	var sum, n float64
	for _, x := range v {
		if !math.IsNaN(x) {
			sum += x
			n++
		}
	}
	return sum / n
}
