package baseline

import (
	"context"
	"fmt"
	"strconv"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/median"
)

// Median completes by the adaptive median of SpaRED. For an entry that is not
// visible it is the median of the gene over the spot and its k-hop
// neighbourhood (zeros included) for the least k = 1..Hops at which that is
// not 0; failing that, the median of the gene's non-zero values on the slide.
// Visible values stay. See package [median] for the exact rule.
type Median struct {
	NoFit
	Hops int // reach in steps between nearest spots; 0 = 4, as published
}

// Name returns "median", with the number of hops where it is not 4.
func (m Median) Name() string {
	if h := m.hops(); h != 4 {
		return "median, " + strconv.Itoa(h) + " hops"
	}
	return "median"
}

func (m Median) hops() int {
	if m.Hops == 0 {
		return 4
	}
	return m.Hops
}

// Complete implements [Completer].
func (m Median) Complete(ctx context.Context, v *View) (*Completion, error) {
	if err := v.Check(); err != nil {
		return nil, fmt.Errorf("median: %w", err)
	}
	if v.Graph == nil || v.Graph.Len() != v.Values.Rows {
		return nil, fmt.Errorf("median: the view of %s has no neighbour graph of its %d spots", v.Slide, v.Values.Rows)
	}
	x := dense.Matrix[float32]{Rows: v.Values.Rows, Cols: v.Values.Cols, Stride: v.Values.Stride, Data: v.Values.Data}
	done, _, err := median.Complete(ctx, x, v.Graph, m.hops())
	if err != nil {
		return nil, fmt.Errorf("median: slide %s: %w", v.Slide, err)
	}
	return &Completion{Values: blas32.General(done)}, nil
}
