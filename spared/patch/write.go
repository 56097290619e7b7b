package patch

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/picture"
)

// Slide is one slide whose patches Write cuts.
type Slide struct {
	Name     string
	Picture  string    // path of the full-resolution picture
	IDs      []string  // names of the spots, unique in all slides together
	X, Y     []float64 // their centres, full-resolution pixels
	Diameter float64   // spot_diameter_fullres

	// Width and Height are what the full-resolution picture should measure
	// in pixels, as far as other sources tell (the hires picture over its scale
	// factor); 0 = unknown. A picture that is more than 2 % off is refused.
	Width, Height float64
}

// WriteOptions says how patches are cut and stored.
type WriteOptions struct {
	Options
	Picture picture.Options
}

// syncEvery is how often what was written so far is forced to the disk and
// recorded. More often costs time, less often costs more work after a crash.
const syncEvery = 2 * time.Second

// Write cuts the patches of all spots and stores them, rows in the order of
// slides and of spots in a slide, in an .h5ad file of their own:
//
//	obs                      the spots' names, slide_id
//	obsm/patches_scale_1.0   uint8 [spots][size*size*3], rows, columns, R G B; one block, not compressed
//	obsm/spatial             centres, full-resolution pixels (x, y)
//	uns/patches/manifest     JSON of Manifest
//
// It reads one band of one picture at a time, and holds no more than some
// hundred rows of it and 64 patches.
//
// A file at path that was made of the same pictures and spots with the same
// options is left as it is. Otherwise the work goes to a hidden file beside
// path, which takes path's place at the end; after an error, or a kill, the
// next Write of the same goes on from there. Two at a time on the same path
// are refused.
//
// Errors: *format.Error where a picture or an old file is at fault; ErrNoFit
// where a picture does not fit its spots; that of ctx.
func Write(ctx context.Context, path string, slides []Slide, o WriteOptions, show progress.Func) error {
	w := &writer{path: path, slides: slides, show: show, began: time.Now()}
	defer w.close()
	if err := w.prepare(ctx, o); err != nil {
		return err
	}
	if w.upToDate() {
		return nil
	}
	// The partial file is hidden, as a file that atomicfile writes is.
	partial := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".partial")
	unlock, err := lock(partial + ".lock")
	if err != nil {
		return fmt.Errorf("patch: cannot write %s: %w", path, err)
	}
	defer unlock()
	if err := w.fill(ctx, partial); err != nil {
		return err
	}
	return atomicfile.Write(path, func(tmp string) error { return takePlace(partial, tmp) })
}

// takePlace renames a file over tmp, whose permissions it takes on.
func takePlace(partial, tmp string) error {
	st, err := os.Stat(tmp)
	if err != nil {
		return err
	}
	if err := os.Chmod(partial, st.Mode().Perm()); err != nil {
		return err
	}
	return os.Rename(partial, tmp)
}

// writer is one Write.
type writer struct {
	path     string
	slides   []Slide
	show     progress.Func
	began    time.Time
	pictures []*picture.Picture
	readers  []*Reader
	manifest Manifest
	total    int // spots
}

func (w *writer) close() {
	for _, p := range w.pictures {
		p.Close()
	}
}

// prepare opens all pictures, so that what is at fault shows before the work.
func (w *writer) prepare(ctx context.Context, o WriteOptions) error {
	opts, err := o.withDefaults()
	if err != nil {
		return err
	}
	m := Manifest{Size: opts.Size, Scale: opts.Scale, Border: "mirror", Alpha: "over white"}
	if opts.Border == picture.White {
		m.Border = "white"
	}
	if o.Picture.Alpha == picture.DropAlpha {
		m.Alpha = "dropped"
	}
	points := sha256.New()
	seen := map[string]bool{}
	for i, s := range w.slides {
		if len(s.IDs) != len(s.X) || len(s.IDs) != len(s.Y) {
			return fmt.Errorf("patch: slide %s: %d names, %d x and %d y coordinates", s.Name, len(s.IDs), len(s.X), len(s.Y))
		}
		for k, id := range s.IDs {
			if seen[id] {
				return fmt.Errorf("patch: slide %s: two spots are called %q", s.Name, id)
			}
			seen[id] = true
			_, _ = fmt.Fprintf(points, "%d %q %x %x\n", i, id, math.Float64bits(s.X[k]), math.Float64bits(s.Y[k])) // a hash takes all
		}
		sm, err := w.open(ctx, s, opts, o.Picture)
		if err != nil {
			return fmt.Errorf("patch: slide %s: %w", s.Name, err)
		}
		m.Slides = append(m.Slides, sm)
		w.total += len(s.IDs)
	}
	if w.total == 0 {
		return errors.New("patch: there are no spots")
	}
	m.Spots = hex.EncodeToString(points.Sum(nil))
	w.manifest = m
	return nil
}

// open opens the picture of a slide.
func (w *writer) open(ctx context.Context, s Slide, o Options, po picture.Options) (SlideManifest, error) {
	p, err := picture.Open(s.Picture, po)
	if err != nil {
		return SlideManifest{}, err
	}
	w.pictures = append(w.pictures, p)
	if far(p.Width(), s.Width) || far(p.Height(), s.Height) {
		return SlideManifest{}, fmt.Errorf("%s: %w: it measures %d x %d pixels, the full-resolution picture of this slide %.0f x %.0f by its hires picture and scale factor",
			s.Picture, ErrNoFit, p.Width(), p.Height(), s.Width, s.Height)
	}
	r, err := NewReader(p, s.X, s.Y, s.Diameter, o)
	if err != nil {
		return SlideManifest{}, fmt.Errorf("%s: %w", s.Picture, trim(err))
	}
	w.readers = append(w.readers, r)
	sum, err := w.hash(ctx, s.Picture)
	if err != nil {
		return SlideManifest{}, err
	}
	return SlideManifest{
		Name: s.Name, Picture: filepath.Base(s.Picture), SHA256: sum, Width: p.Width(), Height: p.Height(),
		Diameter: s.Diameter, Window: r.Window(), Spots: r.N(),
	}, nil
}

// far tells whether a length in pixels is more than 2 % off what is expected.
func far(is int, want float64) bool {
	return want > 0 && math.Abs(float64(is)-want) > 0.02*want+1
}

// trimmed is an error without this package's name before it, for it is part of
// another one of this package.
type trimmed struct{ error }

func trim(err error) error         { return trimmed{err} }
func (t trimmed) Error() string    { return strings.TrimPrefix(t.error.Error(), "patch: ") }
func (t trimmed) Unwrap() error    { return t.error }
func (w *writer) seconds() float64 { return time.Since(w.began).Seconds() }
func (w *writer) send(done int, s string) {
	w.show.Send(progress.Event{Step: "patches", Done: done, Total: w.total, Message: s, Seconds: w.seconds()})
}

func (w *writer) hash(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h, buf := sha256.New(), make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buf)
		_, _ = h.Write(buf[:n]) // a hash takes all
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// upToDate tells whether path already holds what is to be made.
func (w *writer) upToDate() bool {
	f, err := Open(w.path)
	if err != nil {
		return false
	}
	defer f.Close()
	return f.key == Key(w.manifest.Scale) && f.manifest != nil && reflect.DeepEqual(*f.manifest, w.manifest)
}

// fill makes the file, or goes on with one that was left behind.
func (w *writer) fill(ctx context.Context, partial string) error {
	out, err := w.resume(partial)
	if err != nil {
		if out, err = w.create(partial); err != nil {
			return err
		}
	}
	defer out.f.Close()
	first := 0
	for i, r := range w.readers {
		skip := min(max(0, out.written-first), r.N())
		for p, err := range r.from(ctx, skip) {
			if err != nil {
				return fmt.Errorf("patch: slide %s: %w", w.slides[i].Name, errors.Join(trim(err), out.sync()))
			}
			if err := out.put(first+p.Spot, p.Pix); err != nil {
				return fmt.Errorf("patch: cannot write %s: %w", w.path, err)
			}
			if out.written%groupSize == 0 || out.written == w.total {
				w.send(out.written, w.slides[i].Name)
			}
		}
		first += r.N()
	}
	if err := errors.Join(out.sync(), out.f.Close()); err != nil {
		return fmt.Errorf("patch: cannot write %s: %w", w.path, err)
	}
	return nil
}

// block is the open file of patches in the making. It is filled by plain
// writes at known places: HDF5's own structure is complete from the beginning,
// so that no kill can damage it.
type block struct {
	f       *os.File
	patches int64 // place of the first patch
	count   int64 // place of the number of patches that are on the disk
	written int   // patches, in the order of the work
	synced  time.Time
}

// create makes a file with room for all patches.
func (w *writer) create(partial string) (*block, error) {
	manifest, err := json.Marshal(w.manifest)
	if err != nil {
		return nil, err
	}
	a := &h5ad.AnnData{
		Obs: &h5ad.Frame{}, Var: &h5ad.Frame{Index: []string{}}, Obsm: map[string]any{},
		Uns: map[string]any{keyUns: map[string]any{"manifest": string(manifest)}},
	}
	var xy []float64
	var slides []string
	for _, s := range w.slides {
		a.Obs.Index = append(a.Obs.Index, s.IDs...)
		for i := range s.IDs {
			xy, slides = append(xy, s.X[i], s.Y[i]), append(slides, s.Name)
		}
	}
	a.Obs.Columns = []h5ad.Column{h5ad.NewCategorical("slide_id", slides)}
	a.Obsm["spatial"] = &h5ad.Array{Shape: []int{w.total, 2}, Data: xy}
	if err := h5ad.Write(partial, a, h5ad.WriteOptions{}); err != nil {
		return nil, err
	}
	b := &block{synced: time.Now()}
	if b.count, err = reserve(partial, keyWritten, 8, nil, "numeric-scalar"); err != nil {
		return nil, err
	}
	size := w.manifest.Size
	if b.patches, err = reserve(partial, Key(w.manifest.Scale), 1, []int{w.total, size * size * 3}, "array"); err != nil {
		return nil, err
	}
	if b.f, err = os.OpenFile(partial, os.O_RDWR, 0); err != nil {
		return nil, err
	}
	return b, b.sync()
}

// resume opens what an earlier Write of the same left behind.
func (w *writer) resume(partial string) (*block, error) {
	h, err := hdf5x.Open(partial)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	text, _, err := hdf5x.Read[string](h, keyManifest)
	if err != nil {
		return nil, err
	}
	var m Manifest
	if len(text) != 1 || json.Unmarshal([]byte(text[0]), &m) != nil || !reflect.DeepEqual(m, w.manifest) {
		return nil, errors.New("made of something else")
	}
	n, _, err := hdf5x.Read[int64](h, keyWritten)
	if err != nil || len(n) != 1 || n[0] < 0 || n[0] > int64(w.total) {
		return nil, errors.New("not this package's")
	}
	info, err := h.Info(Key(m.Scale))
	if err != nil || !reflect.DeepEqual(info.Shape, []int{w.total, m.Size * m.Size * 3}) {
		return nil, errors.New("not this package's")
	}
	b := &block{written: int(n[0]), synced: time.Now()}
	if b.patches, err = offset(partial, Key(m.Scale), 1); err != nil {
		return nil, err
	}
	if b.count, err = offset(partial, keyWritten, 8); err != nil {
		return nil, err
	}
	if b.f, err = os.OpenFile(partial, os.O_RDWR, 0); err != nil {
		return nil, err
	}
	return b, nil
}

// put writes the patch of a row, the next in the order of the work.
func (b *block) put(row int, pix []uint8) error {
	if _, err := b.f.WriteAt(pix, b.patches+int64(row)*int64(len(pix))); err != nil {
		return err
	}
	b.written++
	if time.Since(b.synced) < syncEvery {
		return nil
	}
	return b.sync()
}

// sync forces the patches to the disk and then records how many there are, so
// that the record never runs ahead of them.
func (b *block) sync() error {
	if err := b.f.Sync(); err != nil {
		return err
	}
	b.synced = time.Now()
	_, err := b.f.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(b.written)), b.count)
	return err
}
