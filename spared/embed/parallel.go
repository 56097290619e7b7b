package embed

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/spatialgo/spatialgo/spared/dense"
)

// each calls work for 0..n-1 on all cores until ctx ends. What work does for
// one number must not depend on the others.
func each(ctx context.Context, n int, work func(i int)) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				work(i)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// check returns an error unless x is well formed, not empty and finite.
func check[T dense.Float](x dense.Matrix[T]) error {
	if err := x.Check(); err != nil {
		return fmt.Errorf("embed: %w", err)
	}
	if x.Rows == 0 || x.Cols == 0 {
		return fmt.Errorf("embed: a matrix of %d x %d has nothing to embed", x.Rows, x.Cols)
	}
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("embed: row %d, column %d is %g: every value must be finite", i, j, f)
			}
		}
	}
	return nil
}

// means returns the mean of each column.
func means[T dense.Float](x dense.Matrix[T]) []float64 {
	m := make([]float64, x.Cols)
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			m[j] += float64(v)
		}
	}
	for j := range m {
		m[j] /= float64(x.Rows)
	}
	return m
}
