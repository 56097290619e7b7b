package patch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"iter"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/spatialgo/spatialgo/spared/picture"
)

// Source is where a Reader takes its pixels from; *picture.Picture is one.
type Source interface {
	Width() int
	Height() int
	Region(ctx context.Context, x, y, w, h int, b picture.Border) ([]uint8, error)
	Rows(ctx context.Context, r image.Rectangle) iter.Seq2[picture.Band, error]
}

// Options says how patches are cut. The zero value is SpaRED's.
type Options struct {
	Size   int            // pixels of a side of the result; default 224
	Scale  float64        // side of the window in spot diameters; default 1
	Border picture.Border // what lies outside the picture; default picture.Mirror
}

const (
	defaultSize = 224
	// maxSide bounds windows and patches: 8,192 pixels square are 200 MB.
	maxSide = 8192
)

// withDefaults fills in and checks.
func (o Options) withDefaults() (Options, error) {
	if o.Size == 0 {
		o.Size = defaultSize
	}
	if o.Scale == 0 {
		o.Scale = 1
	}
	switch {
	case o.Size < 1 || o.Size > maxSide:
		return o, fmt.Errorf("patch: a size of %d pixels, want 1 to %d", o.Size, maxSide)
	case !(o.Scale > 0) || math.IsInf(o.Scale, 0):
		return o, fmt.Errorf("patch: a scale of %g spot diameters, want more than 0", o.Scale)
	case o.Border != picture.Mirror && o.Border != picture.White:
		return o, fmt.Errorf("patch: unknown border %d", o.Border)
	}
	return o, nil
}

// Window returns the side in full-resolution pixels of the square that becomes
// a patch: int(int(diameter) * scale), and one more where that is odd. The
// error tells a diameter or scale that leaves nothing to cut, or too much.
func Window(diameter, scale float64) (int, error) {
	w := math.Trunc(math.Trunc(diameter) * scale)
	if !(w >= 1 && w <= maxSide) {
		return 0, fmt.Errorf("patch: a spot diameter of %g full-resolution pixels at scale %g makes a window of %g, want 1 to %d", diameter, scale, w, maxSide)
	}
	return int(w) + int(w)%2, nil
}

// ErrNoFit is the cause of the error for a picture that its spots do not lie
// on.
var ErrNoFit = errors.New("the picture does not fit the spots")

// Reader cuts the patches of one slide out of its picture. Its methods may be
// called from many goroutines.
type Reader struct {
	src    Source
	opts   Options
	window int
	left   []int // [spots], of the window
	top    []int
}

// NewReader prepares to cut patches around the spots at x, y, full-resolution
// pixels, rounded to whole ones. diameter is spot_diameter_fullres. It is an
// error (ErrNoFit) where the window of some spot shows nothing of the picture:
// then this is another slide's picture, or one at another resolution.
func NewReader(src Source, x, y []float64, diameter float64, o Options) (*Reader, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if len(x) != len(y) {
		return nil, fmt.Errorf("patch: %d x and %d y coordinates", len(x), len(y))
	}
	r := &Reader{src: src, opts: o, left: make([]int, len(x)), top: make([]int, len(x))}
	if r.window, err = Window(diameter, o.Scale); err != nil {
		return nil, err
	}
	if err := r.fits(x, y); err != nil {
		return nil, err
	}
	for i := range x {
		r.left[i], r.top[i] = int(math.Round(x[i]))-r.window/2, int(math.Round(y[i]))-r.window/2
	}
	return r, nil
}

// fits returns an error if windows lie wholly outside the picture.
func (r *Reader) fits(x, y []float64) error {
	half, w, h := float64(r.window/2), float64(r.src.Width()), float64(r.src.Height())
	on := func(x, y float64) bool {
		x, y = math.Round(x), math.Round(y)
		return x+half > 0 && x-half < w && y+half > 0 && y-half < h
	}
	out, swapped, first := 0, 0, -1
	for i := range x {
		if !on(x[i], y[i]) {
			if out++; first < 0 {
				first = i
			}
		}
		if !on(y[i], x[i]) {
			swapped++
		}
	}
	if out == 0 {
		return nil
	}
	hint := "is it another slide's, or not the full-resolution one?"
	if swapped == 0 {
		hint = "with x and y exchanged they do: is the picture turned?"
	}
	return fmt.Errorf("patch: %w: %d of %d spots lie outside its %d x %d pixels, the first at x %g, y %g; %s",
		ErrNoFit, out, len(x), r.src.Width(), r.src.Height(), x[first], y[first], hint)
}

// N returns the number of spots.
func (r *Reader) N() int { return len(r.left) }

// Size returns the side of a patch in pixels.
func (r *Reader) Size() int { return r.opts.Size }

// Window returns the side in full-resolution pixels of what a patch shows.
func (r *Reader) Window() int { return r.window }

// Batch returns the patches of these spots, in the order given,
// [len(spots)][size][size][3], 8-bit RGB. The windows are decoded in the order
// in which they lie in the picture. For all spots All is faster.
func (r *Reader) Batch(ctx context.Context, spots []int) ([]uint8, error) {
	for _, s := range spots {
		if s < 0 || s >= r.N() {
			return nil, fmt.Errorf("patch: spot %d of %d", s, r.N())
		}
	}
	places := make([]int, len(spots))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(a, b int) int {
		return cmp.Or(cmp.Compare(r.top[spots[a]], r.top[spots[b]]), cmp.Compare(r.left[spots[a]], r.left[spots[b]]))
	})
	n := r.opts.Size * r.opts.Size * 3
	out := make([]uint8, len(spots)*n)
	fit := newResizer(r.window, r.window, r.opts.Size, r.opts.Size)
	for _, i := range places {
		s := spots[i]
		pix, err := r.src.Region(ctx, r.left[s], r.top[s], r.window, r.window, r.opts.Border)
		if err != nil {
			return nil, err
		}
		fit.resize(out[i*n:(i+1)*n], pix)
	}
	return out, nil
}

// Patch is one patch of a Reader.
type Patch struct {
	Spot int
	Pix  []uint8 // [size][size][3], 8-bit RGB; holds until the next patch
}

// All returns the patches of all spots from the top of the picture to its
// bottom, by where their windows end, then from left to right. The picture is
// decoded once, in bands, while patches of the bands before are resized on all
// cores; the memory is that of the rows that a window and a band span. The
// order and the pixels are the same on any number of cores. An error ends the
// sequence.
func (r *Reader) All(ctx context.Context) iter.Seq2[Patch, error] { return r.from(ctx, 0) }

// from is All without the first patches.
func (r *Reader) from(ctx context.Context, skip int) iter.Seq2[Patch, error] {
	return func(yield func(Patch, error) bool) {
		todo := r.windows()[skip:]
		if len(todo) == 0 {
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		strip := newStrip(r, todo)
		bands, done := strip.decode(ctx)
		defer func() { cancel(); <-done }()
		group := newGroup(r)
		for b := range bands {
			if b.err != nil {
				yield(Patch{}, b.err)
				return
			}
			n := strip.add(b.Band)
			b.taken()
			for ready := todo[:n]; len(ready) > 0; {
				part := ready[:min(len(ready), groupSize)]
				ready = ready[len(part):]
				group.cut(strip, part)
				for i, w := range part {
					if err := ctx.Err(); err != nil {
						yield(Patch{}, err)
						return
					}
					if !yield(Patch{w.spot, group.pix[i]}, nil) {
						return
					}
				}
			}
			todo = todo[n:]
		}
		if len(todo) > 0 {
			yield(Patch{}, cmp.Or(ctx.Err(), errors.New("patch: the picture ends before its last row")))
		}
	}
}

// window is a spot's, with the rows and columns of the picture that it shows.
type window struct {
	spot           int
	left, top      int
	lo, hi, xl, xh int // lo <= row < hi, xl <= column < xh
}

// windows returns all, in the order of All.
func (r *Reader) windows() []window {
	ws := make([]window, r.N())
	for i := range ws {
		w := window{spot: i, left: r.left[i], top: r.top[i]}
		w.xl, w.xh = r.span(w.left, r.src.Width())
		w.lo, w.hi = r.span(w.top, r.src.Height())
		ws[i] = w
	}
	slices.SortFunc(ws, func(a, b window) int {
		return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.left, b.left), cmp.Compare(a.spot, b.spot))
	})
	return ws
}

// span returns the rows or columns, of n, that the window from i on shows.
func (r *Reader) span(i, n int) (lo, hi int) {
	lo, hi = max(i, 0), min(i+r.window, n)
	if r.opts.Border == picture.Mirror && (i < 0 || i+r.window > n) {
		lo, hi = n, 0
		for k := i; k < i+r.window; k++ {
			at := picture.Mirror.At(k, n)
			lo, hi = min(lo, at), max(hi, at+1)
		}
	}
	return lo, hi
}

// strip holds the rows of the picture that windows still need.
type strip struct {
	r     *Reader
	todo  []window
	area  image.Rectangle // all that the windows show
	needs []int           // [windows] the first row that this one or a later one needs
	from  int             // the first row held
	rows  int             // how many
	pix   []uint8         // [rows][area.Dx()][3]
}

func newStrip(r *Reader, todo []window) *strip {
	s := &strip{r: r, todo: todo, needs: make([]int, len(todo))}
	s.area = image.Rect(todo[0].xl, todo[0].lo, todo[0].xh, todo[0].hi)
	for _, w := range todo {
		s.area = s.area.Union(image.Rect(w.xl, w.lo, w.xh, w.hi))
	}
	first := math.MaxInt
	for i, w := range slices.Backward(todo) {
		first = min(first, w.lo)
		s.needs[i] = first
	}
	s.from = s.area.Min.Y
	return s
}

// band is what the decoding goroutine sends. Its pixels hold until taken.
type band struct {
	picture.Band
	err   error
	taken func()
}

// decode starts to decode the picture, one band ahead. done is closed when
// that has ended.
func (s *strip) decode(ctx context.Context) (bands <-chan band, done <-chan struct{}) {
	out, end, next := make(chan band), make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(end)
		defer close(out)
		for b, err := range s.r.src.Rows(ctx, s.area) {
			select {
			case out <- band{b, err, func() { next <- struct{}{} }}:
			case <-ctx.Done():
				return
			}
			select {
			case <-next:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, end
}

// add takes a band, lets go of rows that no window needs any more, and returns
// how many windows, from the first of todo on, are complete.
func (s *strip) add(b picture.Band) (complete int) {
	line := s.area.Dx() * 3
	if len(s.todo) > 0 {
		if drop := min(s.needs[0]-s.from, s.rows); drop > 0 {
			copy(s.pix, s.pix[drop*line:s.rows*line])
			s.from, s.rows = s.from+drop, s.rows-drop
		}
	}
	s.pix = append(s.pix[:s.rows*line], b.Pix...)
	s.rows += b.Rows
	for complete < len(s.todo) && s.todo[complete].hi <= s.from+s.rows {
		complete++
	}
	s.todo, s.needs = s.todo[complete:], s.needs[complete:]
	return complete
}

// cut copies a window out of the rows held, [window][window][3].
func (s *strip) cut(w window, dst []uint8) {
	n, width, height := s.r.window, s.r.src.Width(), s.r.src.Height()
	within := w.left >= 0 && w.left+n <= width
	for i := range n {
		out, y := dst[i*n*3:(i+1)*n*3], w.top+i
		if y < 0 || y >= height {
			if s.r.opts.Border == picture.White {
				white(out)
				continue
			}
			y = picture.Mirror.At(y, height)
		}
		row := s.pix[(y-s.from)*s.area.Dx()*3:][:s.area.Dx()*3]
		if within {
			copy(out, row[(w.left-s.area.Min.X)*3:])
			continue
		}
		for k := range n {
			x := w.left + k
			if x < 0 || x >= width {
				if s.r.opts.Border == picture.White {
					white(out[3*k : 3*k+3])
					continue
				}
				x = picture.Mirror.At(x, width)
			}
			copy(out[3*k:3*k+3], row[(x-s.area.Min.X)*3:])
		}
	}
}

func white(pix []uint8) {
	for i := range pix {
		pix[i] = 255
	}
}

// groupSize is how many patches are made at a time.
const groupSize = 64

// group makes patches on all cores.
type group struct {
	pix     [][]uint8
	workers []*worker
}

type worker struct {
	fit    *resizer
	window []uint8
}

func newGroup(r *Reader) *group {
	g := &group{pix: make([][]uint8, min(groupSize, r.N()))}
	for i := range g.pix {
		g.pix[i] = make([]uint8, r.opts.Size*r.opts.Size*3)
	}
	for range min(runtime.GOMAXPROCS(0), len(g.pix)) {
		g.workers = append(g.workers, &worker{newResizer(r.window, r.window, r.opts.Size, r.opts.Size), make([]uint8, r.window*r.window*3)})
	}
	return g
}

// cut makes the patches of these windows, at most groupSize.
func (g *group) cut(s *strip, ws []window) {
	var wg sync.WaitGroup
	for k, w := range g.workers {
		wg.Go(func() {
			for i := k; i < len(ws); i += len(g.workers) {
				s.cut(ws[i], w.window)
				w.fit.resize(g.pix[i], w.window)
			}
		})
	}
	wg.Wait()
}
