package picture

import (
	"context"
	"image"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// Shrink returns the whole picture at a width in pixels, its height in
// proportion (rounded, at least 1): what Space Ranger calls the hires and
// lowres pictures. Each pixel is the mean, weighted by area, of what it
// covers. A picture that is not wider is returned as it is. Coordinates in
// full-resolution pixels times Image.Width/Picture.Width are pixels of the
// result.
//
// It begins with the smallest of the file's own levels that is wide enough,
// and of a JPEG with the half, quarter or eighth that the decoder makes at a
// fraction of the cost; so two files that show the same may differ by a few
// grey levels.
func (p *Picture) Shrink(ctx context.Context, width int) (*slide.Image, error) {
	full := p.head.levels[0]
	width = min(width, full.width)
	if width < 1 {
		return nil, p.errorf("shrink to a width of %d pixels, want at least 1", width)
	}
	height := max(1, int(float64(full.height)*float64(width)/float64(full.width)+0.5))
	if times(width, height, 3) > p.opts.MaxMemory {
		return nil, p.errorf("shrink to %d x %d pixels: they take more than %d bytes (MaxMemory)", width, height, p.opts.MaxMemory)
	}
	from := full
	for _, l := range p.head.levels[1:] {
		if l.width >= width && l.height >= height && l.width < from.width && p.admit(l) == nil {
			from = l
		}
	}
	img := &slide.Image{Width: width, Height: height, Pix: make([]uint8, 0, width*height*3)}
	return img, p.shrink(ctx, from, img)
}

// shrink fills img from one level of the picture.
func (p *Picture) shrink(ctx context.Context, from level, img *slide.Image) error {
	d, err := p.open(from)
	if err != nil {
		return p.errorf("cannot be opened again: %w", err)
	}
	defer d.close()
	// The decoder knows the size better than the header does: of what it
	// halves, it decides how an odd side is rounded.
	w, h := d.width, d.height
	if w < img.Width || h < img.Height {
		return p.errorf("a level of %d x %d pixels decodes to %d x %d: the file is damaged or changed just now", from.width, from.height, w, h)
	}
	s := newShrinker(w, h, img)
	for b, err := range p.rows(ctx, d, from, image.Rect(0, 0, w, h)) {
		if err != nil {
			return err
		}
		for i := range b.Rows {
			s.add(b.Pix[i*w*3 : (i+1)*w*3])
		}
	}
	return nil
}

// shrinker averages rows, from the top, into a smaller picture.
type shrinker struct {
	img   *slide.Image
	x, y  share
	row   int       // rows added
	line  []float32 // one row, shrunk across, [width][3]
	upper []float64 // the row of the result in work, and the next
	lower []float64
}

// share says how the pixels of one axis are shared out. A pixel is at least as
// long as one of the result, so it falls to one of these or to two.
type share struct {
	first []int     // the first that a pixel falls to
	part  []float32 // the part of a pixel of the result that it covers there
	rest  []float32 // and in the next one; 0 = none
}

func shares(from, to int) share {
	s := share{make([]int, from), make([]float32, from), make([]float32, from)}
	for i := range from {
		// Pixel i covers i*to to (i+1)*to, one of the result from pixels.
		k := i * to / from
		s.first[i] = k
		over := max(0, (i+1)*to-(k+1)*from)
		s.part[i] = float32(float64(to-over) / float64(from))
		s.rest[i] = float32(float64(over) / float64(from))
	}
	return s
}

func newShrinker(width, height int, img *slide.Image) *shrinker {
	n := img.Width * 3
	return &shrinker{
		img: img, x: shares(width, img.Width), y: shares(height, img.Height),
		line: make([]float32, n), upper: make([]float64, n), lower: make([]float64, n),
	}
}

// add takes the next row.
func (s *shrinker) add(pix []uint8) {
	clear(s.line)
	for i, k := range s.x.first {
		px, to, part := pix[3*i:3*i+3], s.line[3*k:3*k+3], s.x.part[i]
		to[0] += part * float32(px[0])
		to[1] += part * float32(px[1])
		to[2] += part * float32(px[2])
		if rest := s.x.rest[i]; rest > 0 {
			next := s.line[3*k+3 : 3*k+6]
			next[0] += rest * float32(px[0])
			next[1] += rest * float32(px[1])
			next[2] += rest * float32(px[2])
		}
	}
	part, rest := float64(s.y.part[s.row]), float64(s.y.rest[s.row])
	for i, v := range s.line {
		s.upper[i] += part * float64(v)
		s.lower[i] += rest * float64(v)
	}
	s.row++
	if s.row == len(s.y.first) || s.y.first[s.row] > len(s.img.Pix)/len(s.line) {
		for _, v := range s.upper {
			s.img.Pix = append(s.img.Pix, uint8(min(v+0.5, 255)))
		}
		s.upper, s.lower = s.lower, s.upper
		clear(s.lower)
	}
}
