package explore

import (
	"context"
	"errors"
	"fmt"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared"
)

// Raw sums up slides before any filter.
type Raw = spared.Raw

// RawGene is one gene before any filter.
type RawGene = spared.RawGene

// ErrNoSlides says that the folders that a data set was built from are not
// where they were.
var ErrNoSlides = errors.New("explore: the slides are not there any more")

// ReadRaw returns what a data set knows of its slides before curation
// (spared.Dataset.Raw). Where it knows nothing, the slides are read once more,
// from the folders that the recipe names, and summed up; the error then wraps
// ErrNoSlides where one cannot be read.
func ReadRaw(ctx context.Context, d *spared.Dataset, news progress.Func) (*Raw, error) {
	if d.Raw != nil {
		return d.Raw, nil
	}
	r := &d.Manifest.Recipe
	if len(r.Inputs) == 0 {
		return nil, fmt.Errorf("%w: the data set names none", ErrNoSlides)
	}
	var slides []*spared.Slide
	for i, in := range r.Inputs {
		news.Send(progress.Event{Step: "reading slides", Done: i, Total: len(r.Inputs), Message: in.Name})
		s, err := spared.ReadInput(ctx, in)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoSlides, err)
		}
		slides = append(slides, s)
	}
	return spared.RawOf(slides, r.SpotMin, r.SpotMax)
}
