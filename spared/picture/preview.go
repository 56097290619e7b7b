package picture

import (
	"context"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// The longest sides, in pixels, of the pictures that Preview makes: those of
// Space Ranger's hires and lowres pictures.
const (
	HiresSide  = 2000
	LowresSide = 600
)

// Preview gives a slide that comes with its full-resolution picture only
// (s.FullRes) a hires and a lowres picture, as Space Ranger does: at most
// HiresSide and LowresSide pixels on the longer side, never larger than the
// picture itself, shrunk as by [Picture.Shrink]. Scale.Hires and Scale.Lowres
// become the ratio of the widths. The same file gives the same bytes. Errors
// are those of Open and Shrink.
func Preview(ctx context.Context, s *slide.Slide) error {
	p, err := Open(s.FullRes, Options{})
	if err != nil {
		return err
	}
	defer p.Close()
	for _, to := range []struct {
		side  int
		img   **slide.Image
		scale *float64
	}{{HiresSide, &s.Hires, &s.Scale.Hires}, {LowresSide, &s.Lowres, &s.Scale.Lowres}} {
		width := min(to.side, p.Width())
		if h := p.Height(); h > p.Width() {
			width = max(1, min(to.side, h)*p.Width()/h) // rounded down, so that the height does not exceed side
		}
		if *to.img, err = p.Shrink(ctx, width); err != nil {
			return err
		}
		*to.scale = float64(width) / float64(p.Width())
	}
	return nil
}
