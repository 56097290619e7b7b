package spackle

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// HiddenValues is the first mask of an evaluation with all that each method says
// of it, for maps. Rows and columns are those of the data set.
type HiddenValues struct {
	Hidden  []bool           // [spots][genes] row-major, as Dataset.Mask
	Methods []string         // names
	Values  []blas32.General // [methods], [spots][genes] on the scale of log1p; measured values as they are, NaN where nothing was completed
}

// HideOnce hides what the first mask of [Evaluate] with the same options hides,
// and returns what each method makes of it. Masks, Pairs and Bootstrap play no
// part; errors are those of Evaluate.
func HideOnce(ctx context.Context, ds *spared.Dataset, o EvaluateOptions) (*HiddenValues, error) {
	o.Masks, o.Pairs, o.Bootstrap = 1, -1, -1
	c, err := hiding(ctx, ds, o)
	if err != nil {
		return nil, err
	}
	o = c.o
	n, genes := ds.N()
	h := &HiddenValues{Hidden: make([]bool, n*genes)}
	for _, m := range o.Methods {
		values := matrix(n, genes)
		for k := range values.Data {
			values.Data[k] = float32(math.NaN())
		}
		h.Methods, h.Values = append(h.Methods, m.Name()), append(h.Values, values)
	}
	p := c.probabilities()
	for k, t := range c.tissues {
		v, err := t.view(t.hide(c.sections[k], o.Split, o.Rule, p, o.Seed, 0))
		if err != nil {
			return nil, err
		}
		for m := range o.Methods {
			c.tell(m*len(c.tissues)+k, fmt.Sprintf("%s, slide %s", o.Methods[m].Name(), v.Slide))
			done, err := c.complete(ctx, m, k, v)
			if err != nil {
				return nil, fmt.Errorf("spackle: %s on slide %s: %w", h.Methods[m], v.Slide, err)
			}
			if err := c.checkShape(k, done.Values, "a result"); err != nil {
				return nil, fmt.Errorf("spackle: %s on slide %s: %w", h.Methods[m], v.Slide, err)
			}
			c.place(h, m, k, v.Hidden, done.Values)
		}
	}
	return h, nil
}

// place puts what method m says of tissue k into h.
func (c *contest) place(h *HiddenValues, m, k int, hidden []bool, done blas32.General) {
	t, to := c.tissues[k], h.Values[m]
	for row, i := range t.spots {
		for col, g := range c.genes {
			at, x := row*len(c.genes)+col, done.Data[row*done.Stride+col]
			if t.whole.Visible[at] && !hidden[at] {
				x = c.truth.Data[i*c.truth.Stride+g]
			}
			to.Data[i*to.Stride+g] = x
			h.Hidden[i*to.Cols+g] = hidden[at]
		}
	}
}
