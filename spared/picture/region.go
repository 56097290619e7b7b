package picture

import (
	"bufio"
	"context"
	"image"
	"os"
)

// Border says what lies outside a picture.
type Border int

const (
	// Mirror continues the picture by its mirror image, the pixels at the
	// edge twice: ... 1 0 | 0 1 2 ... n-1 | n-1 n-2 ... and so on without end,
	// as numpy.pad's mode "symmetric".
	Mirror Border = iota
	// White is blank glass.
	White
)

// At returns the place 0 to n-1 at which a picture n pixels wide or high shows
// what lies at place i of its mirrored continuation.
func (Border) At(i, n int) int {
	i %= 2 * n
	if i < 0 {
		i += 2 * n
	}
	if i >= n {
		return 2*n - 1 - i
	}
	return i
}

// Region returns the pixels x <= column < x+w, y <= row < y+h as 8-bit RGB,
// [h][w][3]. The rectangle may lie partly or wholly outside the picture; b
// says what is there.
//
// Of a picture in tiles the tiles that are touched are decoded, and the last
// two rows of tiles kept. Another one is unpacked to a temporary file (3 bytes
// a pixel) on the first call, because its pixels can only be decoded in order;
// Rows does without that.
func (p *Picture) Region(ctx context.Context, x, y, w, h int, b Border) ([]uint8, error) {
	if w < 1 || h < 1 || times(w, h, 3) > p.opts.MaxMemory {
		return nil, p.errorf("a region of %d x %d pixels: want at least 1 x 1, and at most %d bytes (MaxMemory)", w, h, p.opts.MaxMemory)
	}
	r, inside := image.Rect(x, y, x+w, y+h), image.Rect(0, 0, p.Width(), p.Height())
	if r.In(inside) {
		return p.inside(ctx, r)
	}
	need := r.Intersect(inside)
	if b == Mirror {
		need.Min.X, need.Max.X = b.span(x, w, p.Width())
		need.Min.Y, need.Max.Y = b.span(y, h, p.Height())
	}
	if times(need.Dx(), need.Dy(), 3) > p.opts.MaxMemory {
		return nil, p.errorf("a region of %d x %d pixels that shows more of the picture than %d bytes (MaxMemory) hold", w, h, p.opts.MaxMemory)
	}
	var src []uint8
	if !need.Empty() {
		var err error
		if src, err = p.inside(ctx, need); err != nil {
			return nil, err
		}
	}
	return b.fill(r, inside, need, src), nil
}

// span returns the smallest range of a picture's n columns or rows that n
// mirrored ones from i on show.
func (b Border) span(i, count, n int) (lo, hi int) {
	first, last := b.At(i, n), b.At(i+count-1, n)
	lo, hi = min(first, last), max(first, last)+1
	// Where the range runs over a mirror, the pixels at the edge are in it.
	for edge := floorDiv(i, n) + 1; edge*n < i+count; edge++ {
		if edge%2 == 0 {
			lo = 0
		} else {
			hi = n
		}
	}
	return lo, hi
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// fill makes the pixels of r from those of need, which lie inside the picture.
func (b Border) fill(r, inside, need image.Rectangle, src []uint8) []uint8 {
	dst := make([]uint8, r.Dx()*r.Dy()*3)
	for j, y := 0, r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x, j = x+1, j+3 {
			sx, sy := x, y
			if b == Mirror {
				sx, sy = b.At(x, inside.Dx()), b.At(y, inside.Dy())
			} else if !image.Pt(x, y).In(inside) {
				dst[j], dst[j+1], dst[j+2] = 255, 255, 255
				continue
			}
			i := ((sy-need.Min.Y)*need.Dx() + sx - need.Min.X) * 3
			copy(dst[j:j+3], src[i:i+3])
		}
	}
	return dst
}

// inside is Region of a rectangle inside the picture.
func (p *Picture) inside(ctx context.Context, r image.Rectangle) ([]uint8, error) {
	pix := make([]uint8, r.Dx()*r.Dy()*3)
	if p.Tiled() {
		return pix, p.use(ctx, func() error {
			if err := p.tiles.read(r.Min.X, r.Min.Y, r.Dx(), r.Dy(), pix); err != nil {
				return p.undecoded(r, err)
			}
			return nil
		})
	}
	f, err := p.unpacked(ctx)
	if err != nil {
		return nil, err
	}
	return pix, p.use(ctx, func() error {
		row := r.Dx() * 3
		for i := range r.Dy() {
			at := (int64(r.Min.Y+i)*int64(p.Width()) + int64(r.Min.X)) * 3
			if _, err := f.ReadAt(pix[i*row:(i+1)*row], at); err != nil {
				return p.errorf("its temporary file cannot be read: %w", err)
			}
		}
		return nil
	})
}

// unpacked returns the file of all rows, and makes it first if need be.
func (p *Picture) unpacked(ctx context.Context) (*os.File, error) {
	p.scratchMu.Lock()
	defer p.scratchMu.Unlock()
	if p.scratch != nil {
		return p.scratch, nil
	}
	if size := times(p.Width(), p.Height(), 3); size > p.opts.MaxScratch {
		return nil, p.errorf("parts of it cannot be read before it is unpacked to %d MiB of temporary file, more than the limit of %d (MaxScratch); convert it to a tiled TIFF",
			size>>20, p.opts.MaxScratch>>20)
	}
	f, err := os.CreateTemp(p.opts.TempDir, "picture-*.rgb")
	if err != nil {
		return nil, p.errorf("cannot be unpacked: %w", err)
	}
	// Without a name it is gone with the process, however that ends. Systems
	// that refuse keep the name until the folder is tidied.
	_ = os.Remove(f.Name())
	if err := p.unpack(ctx, f); err != nil {
		f.Close()
		return nil, err
	}
	// Close looks for it while nobody uses the picture.
	if err := p.use(ctx, func() error { p.scratch = f; return nil }); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (p *Picture) unpack(ctx context.Context, f *os.File) error {
	out := bufio.NewWriterSize(f, 1<<20)
	for b, err := range p.Rows(ctx, image.Rect(0, 0, p.Width(), p.Height())) {
		if err != nil {
			return err
		}
		if _, err := out.Write(b.Pix); err != nil {
			return p.errorf("cannot be unpacked: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return p.errorf("cannot be unpacked: %w", err)
	}
	return nil
}
