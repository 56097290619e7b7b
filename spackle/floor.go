package spackle

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
)

// noise is a mean of variances.
type noise struct{ sum, n float64 }

func (n noise) mean() float64 { return n.sum / max(n.n, 1) }

// addNoise adds the counting noise of the scored values of tissue k, where the
// default method expects the values done.
func (c *contest) addNoise(r *round, k int, done blas32.General) {
	norm := c.ds.Normalization()
	for row, i := range c.tissues[k].spots {
		for m, g := range c.genes {
			if r.scored[k][row*len(c.genes)+m] {
				unit := norm.Value(1, c.ds.GeneSize(g), c.ds.Spots[i].RPK)
				c.floor.sum += baseline.CountNoise(norm, float64(done.Data[row*done.Stride+m]), unit)
				c.floor.n++
			}
		}
	}
}

// findFloor lets the default method complete the first mask for the noise
// floor's sake, unless it took part and all masks have been used.
func (c *contest) findFloor(ctx context.Context) error {
	if c.floor.n > 0 {
		return nil
	}
	method := Default()
	if err := method.Fit(ctx, nil); err != nil {
		return fmt.Errorf("spackle: the noise floor: %w", err)
	}
	for k, v := range c.first.views {
		done, err := method.Complete(ctx, v)
		if err != nil {
			return fmt.Errorf("spackle: the noise floor of slide %s: %w", v.Slide, err)
		}
		c.addNoise(c.first, k, done.Values)
	}
	return nil
}
