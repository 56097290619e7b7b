package spackle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/moran"
)

// Structure is what a completion does to the spatial structure of one slide:
// Moran's I of each gene, in the order of the data set, before and after.
type Structure struct {
	Method, Slide string
	Genes         []string // ids
	Real          Morans   // of the slide as it is
	// Shuffled is of the slide after its spots changed places with each other: the
	// same counts, without any spatial structure. What a completion shows there
	// is the method's own invention.
	Shuffled Morans
}

// Morans holds Moran's I of each gene, NaN for a gene that is constant.
type Morans struct {
	Measured []float64 // of log1p, what is missing being 0
	Values   []float64 // of the completion, what it expects if the gene was detected (c_t_log1p on the scale of log1p)
	Rate     []float64 // of what it says is there on average; nil of methods that do not say
}

// StructureOf completes one section of a data set (an index into ds.Sections)
// twice by a method, as it is and with the places of its spots permuted, and
// measures Moran's I (package moran, on the graph of the data set's recipe). The
// method is fitted to the train spots as they are. Measured values are kept, as
// in a completion for use. seed 0 stands for 42.
func StructureOf(ctx context.Context, ds *spared.Dataset, section int, method baseline.Completer, seed uint64) (*Structure, error) {
	if section < 0 || section >= len(ds.Sections) {
		return nil, fmt.Errorf("spackle: section %d of %d", section, len(ds.Sections))
	}
	train, err := TrainViews(ds)
	if err != nil {
		return nil, err
	}
	if err := method.Fit(ctx, train); err != nil {
		return nil, fmt.Errorf("spackle: fitting %s: %w", method.Name(), err)
	}
	s := &Structure{Method: method.Name(), Slide: ds.Sections[section].Name, Genes: geneIDs(ds)}
	if s.Real, err = moransOf(ctx, ds, section, method); err != nil {
		return nil, err
	}
	s.Shuffled, err = moransOf(ctx, shuffled(ds, section, seed), section, method)
	return s, err
}

// shuffled returns the data set with the spots of a section at each other's
// places. All else is shared.
func shuffled(ds *spared.Dataset, section int, seed uint64) *spared.Dataset {
	if seed == 0 {
		seed = 42
	}
	d := *ds
	d.Spots = slices.Clone(ds.Spots)
	rows := ds.SpotsOf(section)
	for k, at := range rand.New(rand.NewPCG(seed, 0)).Perm(len(rows)) {
		to, from := &d.Spots[rows[k]], &ds.Spots[rows[at]]
		to.X, to.Y, to.ArrayRow, to.ArrayCol = from.X, from.Y, from.ArrayRow, from.ArrayCol
	}
	return &d
}

// moransOf completes a section and measures it.
func moransOf(ctx context.Context, ds *spared.Dataset, section int, method baseline.Completer) (Morans, error) {
	v, err := NewView(ds, section, nil)
	if err != nil {
		return Morans{}, err
	}
	done, err := completionOf(ctx, method, v)
	if err != nil {
		return Morans{}, fmt.Errorf("spackle: %s on slide %s: %w", method.Name(), v.Slide, err)
	}
	var m Morans
	for _, part := range []struct {
		to     *[]float64
		values blas32.General
	}{{&m.Measured, v.Values}, {&m.Values, done.Values}, {&m.Rate, done.Rate}} {
		if part.values.Rows == 0 {
			continue
		}
		if part.values.Rows != v.Values.Rows || part.values.Cols != v.Values.Cols {
			return m, errors.New("spackle: " + method.Name() + " returns another shape than the view's")
		}
		x := v.Empty()
		for i := range x.Rows {
			for g := range x.Cols {
				at := i*x.Cols + g
				if x.Data[at] = part.values.Data[i*part.values.Stride+g]; v.Visible[at] {
					x.Data[at] = v.Values.Data[i*v.Values.Stride+g]
				}
			}
		}
		if *part.to, err = moran.I(dense.Matrix[float32](x), v.Graph); err != nil {
			return m, fmt.Errorf("spackle: slide %s: %w", v.Slide, err)
		}
	}
	return m, nil
}
