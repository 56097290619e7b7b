package picture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spatialgo/spatialgo/spared/format"
)

// Options says how a picture is opened. The zero value is what most want.
type Options struct {
	Alpha Alpha // what becomes of transparency; default OverWhite

	// What a file may ask for, checked against its header before anything is
	// decoded. 0 stands for the default.
	MaxPixels  int64 // width x height; default 2^34, 131,072 pixels square
	MaxMemory  int64 // bytes that decoding or one answer may take; default 1 GiB
	MaxScratch int64 // bytes on disk that Region may unpack a picture to; default 32 GiB

	// TempDir is where Region unpacks pictures that are not in tiles; "" =
	// the system's folder for temporary files.
	TempDir string
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		value *int64
		is    int64
	}{{&o.MaxPixels, 1 << 34}, {&o.MaxMemory, 1 << 30}, {&o.MaxScratch, 32 << 30}} {
		if *d.value == 0 {
			*d.value = d.is
		}
	}
	return o
}

// Picture is an open picture. Its methods may be called from many goroutines.
type Picture struct {
	path string
	opts Options
	head header

	mu     sync.RWMutex // closed and tiles: held for reading while in use
	closed bool
	tiles  *decoder // of a picture in tiles; nil for others

	scratchMu sync.Mutex
	scratch   *os.File // all rows, unpacked, of a picture that is not in tiles; nil until needed
}

// Open reads a picture's header. Nothing is decoded before pixels are asked
// for. The error is a *format.Error: no such file, not a picture, damaged, of
// a kind that does not become RGB, or larger than the options allow.
func Open(path string, o Options) (*Picture, error) {
	p := &Picture{path: path, opts: o.withDefaults()}
	if err := p.readHeader(); err != nil {
		return nil, err
	}
	full := p.head.levels[0]
	if err := p.admit(full); err != nil {
		return nil, p.errorf("%w", err)
	}
	// Opening it also as it will be read finds out now what libvips does not
	// take, and that nobody put another file in this one's place.
	d, err := p.open(full)
	if err != nil {
		return nil, p.errorf("cannot be opened as a %s picture: %w", p.head.name, err)
	}
	if d.width != full.width || d.height != full.height {
		d.close()
		return nil, p.errorf("its header says %d x %d pixels, its decoder %d x %d: the file is damaged or changed just now", full.width, full.height, d.width, d.height)
	}
	if full.tileH > 0 {
		p.tiles = d
	} else {
		d.close()
	}
	return p, nil
}

// readHeader tells apart what is not a picture file.
func (p *Picture) readHeader() error {
	st, err := os.Stat(p.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return format.Missing(p.path, "no such file")
	case err != nil:
		return p.errorf("cannot be opened: %w", err)
	case st.IsDir():
		return p.errorf("is a folder, want a picture file")
	case !st.Mode().IsRegular():
		return p.errorf("is not a regular file, want a picture file")
	}
	f, err := os.Open(p.path)
	if err != nil {
		return p.errorf("cannot be opened: %w", err)
	}
	defer f.Close()
	if p.head, err = readHeader(f); err != nil {
		return p.errorf("%w", err)
	}
	return nil
}

// admit refuses what the options do not allow.
func (p *Picture) admit(l level) error {
	const mib = 1 << 20
	switch {
	case l.width < 1 || l.height < 1:
		return fmt.Errorf("its header says %d x %d pixels", l.width, l.height)
	case times(l.width, l.height) > p.opts.MaxPixels:
		return fmt.Errorf("its header says %d x %d pixels, more than the limit of %d (MaxPixels)", l.width, l.height, p.opts.MaxPixels)
	case max(l.memory, times(l.width, 3)) > p.opts.MaxMemory:
		return fmt.Errorf("decoding its %d x %d pixels takes %d MiB of memory at once, more than the limit of %d (MaxMemory); convert it to a tiled TIFF with tiles of 256 to 1024 pixels",
			l.width, l.height, l.memory/mib, p.opts.MaxMemory/mib)
	}
	return nil
}

// open opens one level: at random where it is in tiles, else from top to
// bottom.
func (p *Picture) open(l level) (*decoder, error) {
	abs, err := filepath.Abs(p.path)
	if err != nil {
		return nil, err
	}
	return openDecoder(abs, p.head.format, l.at, l.tileH == 0, l.alpha && p.opts.Alpha == OverWhite)
}

// undecoded is the error for pixels that libvips does not give.
func (p *Picture) undecoded(what any, err error) error {
	if msg := err.Error(); strings.Contains(msg, "not implemented") || strings.Contains(msg, "not supported") || strings.Contains(msg, "not configured") {
		return p.errorf("is of a kind that the installed libvips and libtiff do not read; convert it to a tiled TIFF with JPEG or Deflate compression: %w", err)
	}
	return p.errorf("cannot be decoded at %v; the file is damaged or cut off: %w", what, err)
}

func (p *Picture) errorf(msg string, args ...any) error {
	return format.Errorf(p.path, "", msg, args...)
}

// Path returns the name that the picture was opened by.
func (p *Picture) Path() string { return p.path }

// Width returns the number of pixels from left to right.
func (p *Picture) Width() int { return p.head.levels[0].width }

// Height returns the number of pixels from top to bottom.
func (p *Picture) Height() int { return p.head.levels[0].height }

// Bits returns the bits of a sample in the file, 8 or 16 in most. What is read
// is 8 bits.
func (p *Picture) Bits() int { return p.head.bits }

// Format returns "TIFF", "BigTIFF", "JPEG" or "PNG".
func (p *Picture) Format() string { return p.head.name }

// Tiled tells whether the file holds its pixels in tiles, so that any part of
// it can be decoded without the rest.
func (p *Picture) Tiled() bool { return p.head.levels[0].tileH > 0 }

// Levels returns the width and height, in pixels, of each resolution that the
// file offers or its decoder makes on the way, the full one first. Shrink
// begins with the smallest that is large enough.
func (p *Picture) Levels() [][2]int {
	var sizes [][2]int
	for _, l := range p.head.levels {
		sizes = append(sizes, [2]int{l.width, l.height})
	}
	return sizes
}

// Close releases the file and what was unpacked from it. Reads that go on are
// waited for. A second Close does nothing.
func (p *Picture) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	if p.tiles != nil {
		p.tiles.close()
	}
	if p.scratch != nil {
		return p.scratch.Close()
	}
	return nil
}

// ErrClosed is the cause of the error of every read after Close.
var ErrClosed = errors.New("the picture is closed")

// use runs read while the picture cannot be closed.
func (p *Picture) use(ctx context.Context, read func() error) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return p.errorf("%w", ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return read()
}
