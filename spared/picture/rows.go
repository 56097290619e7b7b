package picture

import (
	"context"
	"errors"
	"fmt"
	"image"
	"iter"
)

// Band is some adjoining rows of a picture.
type Band struct {
	Y, Rows int     // the first row, and how many
	Pix     []uint8 // [Rows][columns asked for][3], 8-bit RGB; holds until the next band
}

const (
	// bandRows is about how many rows are decoded at once.
	bandRows = 128
	// bandBytes bounds the memory of a band of a very wide picture.
	bandBytes = 64 << 20
)

// Rows reads the part r of the picture from top to bottom, each pixel once,
// and so each tile or strip: the way to go over all of a picture, or over much
// of it. It takes the memory of one band, some hundred rows, and for pictures
// in tiles of two rows of tiles. The parts of r outside the picture are left
// out. An error ends the sequence; it is a *format.Error where the file is at
// fault, or that of ctx.
func (p *Picture) Rows(ctx context.Context, r image.Rectangle) iter.Seq2[Band, error] {
	return func(yield func(Band, error) bool) {
		full := p.head.levels[0]
		if p.tiles != nil {
			p.rows(ctx, p.tiles, full, r)(yield)
			return
		}
		d, err := p.open(full)
		if err == nil && (d.width != full.width || d.height != full.height) {
			d.close()
			err = errors.New("the file has changed since")
		}
		if err != nil {
			yield(Band{}, p.errorf("cannot be opened again: %w", err))
			return
		}
		defer d.close()
		p.rows(ctx, d, full, r)(yield)
	}
}

// rows is Rows of one level, whose decoder is open.
func (p *Picture) rows(ctx context.Context, d *decoder, l level, r image.Rectangle) iter.Seq2[Band, error] {
	return func(yield func(Band, error) bool) {
		r := r.Intersect(image.Rect(0, 0, d.width, d.height))
		var pix []uint8
		for y := r.Min.Y; y < r.Max.Y; {
			n := l.rowsFrom(y, r)
			if size := n * r.Dx() * 3; cap(pix) < size {
				pix = make([]uint8, size)
			}
			b := Band{Y: y, Rows: n, Pix: pix[:n*r.Dx()*3]}
			err := p.use(ctx, func() error {
				if err := d.read(r.Min.X, y, r.Dx(), n, b.Pix); err != nil {
					return p.undecoded(fmt.Sprintf("rows %d to %d", y, y+n-1), err)
				}
				return nil
			})
			if err != nil {
				yield(Band{}, err)
				return
			}
			if !yield(b, nil) {
				return
			}
			y += n
		}
	}
}

// rowsFrom returns how many rows from y on to decode at once. Bands of a
// picture in tiles end where tiles do.
func (l level) rowsFrom(y int, r image.Rectangle) int {
	n := bandRows
	if l.tileH > 0 {
		whole := max(1, bandRows/l.tileH) * l.tileH
		n = whole - y%whole
	}
	return max(1, min(n, r.Max.Y-y, bandBytes/(r.Dx()*3)))
}
