package baseline

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/blas/blas32"
)

// GeneMean predicts one value per gene, everywhere. Visible values stay.
type GeneMean struct {
	// Train is the mean of each gene's measured values over the train spots
	// (see [FitGeneMean]). Nil, or 0 for a gene, stands for the mean of the
	// gene's visible values on the slide itself, which is 0 without any.
	Train []float64
}

// FitGeneMean returns the mean of each gene's measured values over the given
// spots: values is [spots][genes] in log2(TPM+1), measured the same shape
// row-major, spots the rows to learn from. A gene that none of them shows gets
// 0, which no measured value is.
func FitGeneMean(values blas32.General, measured []bool, spots []int) (GeneMean, error) {
	genes := values.Cols
	if len(measured) != values.Rows*genes {
		return GeneMean{}, fmt.Errorf("gene mean: %d measured flags for %d spots x %d genes", len(measured), values.Rows, genes)
	}
	mean, count := make([]float64, genes), make([]float64, genes)
	for _, i := range spots {
		if i < 0 || i >= values.Rows {
			return GeneMean{}, fmt.Errorf("gene mean: spot %d of %d", i, values.Rows)
		}
		for g, x := range values.Data[i*values.Stride:][:genes] {
			if measured[i*genes+g] {
				mean[g] += float64(x)
				count[g]++
			}
		}
	}
	for g := range mean {
		mean[g] /= max(count[g], 1)
	}
	return GeneMean{Train: mean}, nil
}

// Name returns "gene mean" for means over train spots and "slide mean" for
// those of the slide itself.
func (m GeneMean) Name() string {
	if m.Train == nil {
		return "slide mean"
	}
	return "gene mean"
}

// Complete implements [Completer].
func (m GeneMean) Complete(ctx context.Context, v *View) (blas32.General, error) {
	if err := v.Check(); err != nil {
		return blas32.General{}, fmt.Errorf("%s: %w", m.Name(), err)
	}
	means, err := v.means(m.Train)
	if err != nil {
		return blas32.General{}, fmt.Errorf("%s: %w", m.Name(), err)
	}
	for g, t := range m.Train {
		if t != 0 {
			means[g] = t
		}
	}
	return v.fill(ctx, func(_ int, row []float32, _ []float64) {
		for g := range row {
			row[g] = float32(means[g])
		}
	})
}
