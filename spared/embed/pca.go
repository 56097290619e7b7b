package embed

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/dense"
)

// PCAOptions says how PCA works. The zero value gives what scanpy.pp.pca does.
type PCAOptions struct {
	Components int    // 0 = 50, or one less than the lesser of spots and genes where that is fewer
	Seed       uint64 // of the Lanczos method's first vector, used for more than 512 genes; 0 = 42
	Progress   progress.Func
}

// PCAResult holds principal components, by falling variance.
type PCAResult struct {
	Scores        dense.Matrix[float64] // [spots][components], scanpy's X_pca
	Loadings      dense.Matrix[float64] // [genes][components], scanpy's PCs; columns of length 1
	Mean          []float64             // [genes], taken off before projecting
	Variance      []float64             // [components], of the scores, divisor spots-1
	VarianceRatio []float64             // [components], share of the summed variance of all genes, 0 to 1
}

const (
	defaultComponents = 50
	wholeGenes        = 512 // up to so many genes the covariance is decomposed whole
	rowBlock          = 512 // rows centred at a time
)

// PCA returns the principal components of x [spots][genes]: the eigenvectors v
// of the covariance C = (X-1·mean)ᵀ(X-1·mean)/(spots-1) as loadings, and
// (X-1·mean)·v as scores. The entry of a loading vector that is largest in
// absolute value is positive, as scikit-learn's PCA has it since 1.5 (svd_flip
// on the right vectors). Errors: fewer than two spots, a value that is not
// finite, more components than the lesser of spots and genes.
func PCA[T dense.Float](ctx context.Context, x dense.Matrix[T], o PCAOptions) (*PCAResult, error) {
	if err := check(x); err != nil {
		return nil, err
	}
	if x.Rows < 2 {
		return nil, fmt.Errorf("embed: PCA of %d spot: want at least 2", x.Rows)
	}
	most := min(x.Rows, x.Cols)
	k := o.Components
	if k == 0 {
		k = max(1, min(defaultComponents, most-1))
	}
	if k < 1 || k > most {
		return nil, fmt.Errorf("embed: %d components of %d spots x %d genes: want 1 to %d", k, x.Rows, x.Cols, most)
	}
	o.Progress.Send(progress.Event{Step: "principal components"})
	mean := means(x)
	leading := lanczos[T]
	if x.Cols <= wholeGenes {
		leading = whole[T]
	}
	values, vectors, total, err := leading(ctx, x, mean, k, o)
	if err != nil {
		return nil, err
	}
	fixSigns(vectors)
	r := &PCAResult{Mean: mean, Loadings: vectors, Variance: values, VarianceRatio: make([]float64, k)}
	for c, v := range values {
		if total > 0 {
			r.VarianceRatio[c] = v / total
		}
	}
	r.Scores, err = project(ctx, x, mean, vectors)
	return r, err
}

// whole returns the k greatest eigenvalues of the covariance with their
// vectors [genes][k], and the sum of all, by decomposing it.
func whole[T dense.Float](ctx context.Context, x dense.Matrix[T], mean []float64, k int, _ PCAOptions) ([]float64, dense.Matrix[float64], float64, error) {
	p := x.Cols
	c := blas64.General{Rows: p, Cols: p, Stride: p, Data: make([]float64, p*p)}
	block := dense.New[float64](rowBlock, p)
	for i := 0; i < x.Rows; i += rowBlock {
		if err := ctx.Err(); err != nil {
			return nil, block, 0, err
		}
		b := centred(block, x, mean, i)
		blas64.Gemm(blas.Trans, blas.NoTrans, 1/float64(x.Rows-1), b, b, 1, c)
	}
	total := 0.0
	for j := range p {
		total += c.Data[j*p+j]
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(mat.NewSymDense(p, c.Data), true) {
		return nil, block, 0, fmt.Errorf("embed: the covariance of %d genes could not be decomposed", p)
	}
	rising := eigen.Values(nil)
	var q mat.Dense
	eigen.VectorsTo(&q)
	values, vectors := make([]float64, k), dense.New[float64](p, k)
	for c := range k {
		from := p - 1 - c // gonum's values rise
		values[c] = math.Max(0, rising[from])
		for j := range p {
			vectors.Set(j, c, q.At(j, from))
		}
	}
	return values, vectors, total, nil
}

// centred copies rows from i on, less the mean, into block and returns those
// that there were.
func centred[T dense.Float](block dense.Matrix[float64], x dense.Matrix[T], mean []float64, i int) blas64.General {
	n := min(block.Rows, x.Rows-i)
	for r := range n {
		to := block.Row(r)
		for j, v := range x.Row(i + r) {
			to[j] = float64(v) - mean[j]
		}
	}
	return blas64.General{Rows: n, Cols: x.Cols, Stride: block.Stride, Data: block.Data}
}

// fixSigns turns each column so that its entry largest in absolute value is
// positive; of equals the first counts.
func fixSigns(v dense.Matrix[float64]) {
	for c := range v.Cols {
		at := 0
		for j := range v.Rows {
			if math.Abs(v.At(j, c)) > math.Abs(v.At(at, c)) {
				at = j
			}
		}
		if v.At(at, c) < 0 {
			for j := range v.Rows {
				v.Set(j, c, -v.At(j, c))
			}
		}
	}
}

// project returns (x - mean)·v.
func project[T dense.Float](ctx context.Context, x dense.Matrix[T], mean []float64, v dense.Matrix[float64]) (dense.Matrix[float64], error) {
	s := dense.New[float64](x.Rows, v.Cols)
	block := dense.New[float64](min(rowBlock, x.Rows), x.Cols)
	for i := 0; i < x.Rows; i += block.Rows {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		b := centred(block, x, mean, i)
		to := blas64.General{Rows: b.Rows, Cols: v.Cols, Stride: s.Stride, Data: s.Data[i*s.Stride:]}
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, b, blas64.General{Rows: v.Rows, Cols: v.Cols, Stride: v.Stride, Data: v.Data}, 0, to)
	}
	return s, nil
}
