package baseline

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// View is what a completer may see of one slide: values in log2(TPM+1), 0
// where the value was not measured or is hidden from it.
type View struct {
	Slide   string
	Values  blas32.General  // [spots][genes], log2(TPM+1), 0 = not visible
	Visible []bool          // [spots][genes] row-major: measured and not hidden
	Hidden  []bool          // measured but hidden, to be predicted; nil = all that is not visible
	X, Y    []float64       // full-resolution pixels
	Six     *neighbor.Graph // the 6 nearest spots of each, within the slide
}

// Completer predicts values that are not visible.
type Completer interface {
	// Name is a short lower-case name, e.g. "median".
	Name() string
	// Complete returns a prediction for each entry of the view, in
	// log2(TPM+1). Entries that are visible may hold anything.
	Complete(ctx context.Context, v *View) (blas32.General, error)
}

// Check returns an error unless the parts of the view fit together and the
// view holds 0 wherever it says that nothing is visible.
func (v *View) Check() error {
	n, genes := v.Values.Rows, v.Values.Cols
	switch {
	case n < 0 || genes < 0 || v.Values.Stride < genes:
		return fmt.Errorf("view of %s: bad shape %d x %d, stride %d", v.Slide, n, genes, v.Values.Stride)
	case n > 0 && len(v.Values.Data) < (n-1)*v.Values.Stride+genes:
		return fmt.Errorf("view of %s: %d values cannot fill %d spots x %d genes", v.Slide, len(v.Values.Data), n, genes)
	case len(v.Visible) != n*genes:
		return fmt.Errorf("view of %s: %d visibility flags for %d spots x %d genes", v.Slide, len(v.Visible), n, genes)
	case v.Hidden != nil && len(v.Hidden) != n*genes:
		return fmt.Errorf("view of %s: %d hidden flags for %d spots x %d genes", v.Slide, len(v.Hidden), n, genes)
	case len(v.X) != n || len(v.Y) != n:
		return fmt.Errorf("view of %s: %d x and %d y coordinates for %d spots", v.Slide, len(v.X), len(v.Y), n)
	}
	for i := range n {
		visible := v.visible(i)
		for g, x := range v.row(i) {
			if !visible[g] && x != 0 {
				return fmt.Errorf("view of %s: spot %d, gene %d holds %g but is not visible", v.Slide, i, g, x)
			}
		}
		if v.Hidden == nil {
			continue
		}
		for g, h := range v.Hidden[i*genes : (i+1)*genes] {
			if h && visible[g] {
				return fmt.Errorf("view of %s: spot %d, gene %d is both hidden and visible", v.Slide, i, g)
			}
		}
	}
	return nil
}

// row returns the values of spot i.
func (v *View) row(i int) []float32 {
	return v.Values.Data[i*v.Values.Stride:][:v.Values.Cols]
}

// visible returns the visibility flags of spot i.
func (v *View) visible(i int) []bool {
	return v.Visible[i*v.Values.Cols : (i+1)*v.Values.Cols]
}

// means returns the mean of each gene over the view's visible values; for a
// gene without any, that of train, or 0 where train is nil.
func (v *View) means(train []float64) ([]float64, error) {
	genes := v.Values.Cols
	if train != nil && len(train) != genes {
		return nil, fmt.Errorf("means of %d genes for the %d genes of %s", len(train), genes, v.Slide)
	}
	mean, count := make([]float64, genes), make([]float64, genes)
	for i := range v.Values.Rows {
		visible := v.visible(i)
		for g, x := range v.row(i) {
			if visible[g] {
				mean[g] += float64(x)
				count[g]++
			}
		}
	}
	for g := range mean {
		if count[g] > 0 {
			mean[g] /= count[g]
		} else if train != nil {
			mean[g] = train[g]
		}
	}
	return mean, nil
}

// fill returns a matrix of the view's shape: visible values as they are, the
// others by predict, which writes a prediction for all genes of spot i into
// row. The scratch it is given is its goroutine's own, of twice as many
// numbers as there are genes.
func (v *View) fill(ctx context.Context, predict func(i int, row []float32, scratch []float64)) (blas32.General, error) {
	n, genes := v.Values.Rows, v.Values.Cols
	out := blas32.General{Rows: n, Cols: genes, Stride: genes, Data: make([]float32, n*genes)}
	const chunk = 32 // spots taken at a time
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range max(1, min(runtime.GOMAXPROCS(0), (n+chunk-1)/chunk)) {
		group.Go(func() error {
			scratch := make([]float64, 2*genes)
			for {
				if err := ctx.Err(); err != nil {
					return err
				}
				lo := int(next.Add(chunk)) - chunk
				if lo >= n {
					return nil
				}
				for i := lo; i < min(lo+chunk, n); i++ {
					row := out.Data[i*genes : (i+1)*genes]
					predict(i, row, scratch)
					v.keep(i, row)
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return blas32.General{}, err
	}
	return out, nil
}

// keep puts the visible values of spot i back into row.
func (v *View) keep(i int, row []float32) {
	visible := v.visible(i)
	for g, x := range v.row(i) {
		if visible[g] {
			row[g] = x
		}
	}
}
