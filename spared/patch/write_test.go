package patch

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/h5ad"
)

// slides are two with pictures of their own, in dir.
func slides(tb testing.TB, dir string) []Slide {
	tb.Helper()
	var out []Slide
	for i, name := range []string{"A", "B"} {
		w, h := 120+40*i, 90
		img := image.NewRGBA(image.Rect(0, 0, w, h))
		for k, pix := 0, pattern(w, h); k < w*h; k++ {
			img.Set(k%w, k/w, color.RGBA{pix[3*k], pix[3*k+1], pix[3*k+2], 255})
		}
		s := Slide{Name: name, Picture: filepath.Join(dir, name+".png"), Diameter: 20.5}
		f, err := os.Create(s.Picture)
		if err != nil {
			tb.Fatal(err)
		}
		if err := errors.Join(png.Encode(f, img), f.Close()); err != nil {
			tb.Fatal(err)
		}
		for k := range 100 + 50*i {
			s.IDs = append(s.IDs, fmt.Sprintf("%s_spot%d", name, k))
			s.X, s.Y = append(s.X, float64((k*37)%w)), append(s.Y, float64((k*53)%h))
		}
		out = append(out, s)
	}
	return out
}

var small = WriteOptions{Options: Options{Size: 12}}

func write(tb testing.TB, path string, ss []Slide, o WriteOptions) {
	tb.Helper()
	if err := Write(context.Background(), path, ss, o, nil); err != nil {
		tb.Fatal(err)
	}
}

func openFile(tb testing.TB, path string) *File {
	tb.Helper()
	f, err := Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := f.Close(); err != nil {
			tb.Error(err)
		}
	})
	return f
}

// TestWriteAndOpen: what is read is what a Reader cuts.
func TestWriteAndOpen(t *testing.T) {
	dir := t.TempDir()
	ss, path := slides(t, dir), filepath.Join(dir, "p.h5ad")
	var last progress.Event
	if err := Write(context.Background(), path, ss, small, func(e progress.Event) { last = e }); err != nil {
		t.Fatal(err)
	}
	if last.Done != 250 || last.Total != 250 || last.Step != "patches" {
		t.Errorf("the last event is %+v, want 250 of 250 patches", last)
	}
	f := openFile(t, path)
	if f.N() != 250 || f.Size() != 12 || f.Scale() != 1 || f.key != "obsm/patches_scale_1.0" || f.Index("B_spot3") != 103 || f.Index("C") != -1 {
		t.Fatalf("%d patches of size %d at scale %g in %s, B_spot3 at %d", f.N(), f.Size(), f.Scale(), f.key, f.Index("B_spot3"))
	}
	if m := f.Manifest(); m == nil || len(m.Slides) != 2 || m.Slides[1].Window != 20 || m.Slides[1].Width != 160 || len(m.Slides[0].SHA256) != 64 {
		t.Errorf("manifest %+v", m)
	}
	rows := []int{249, 0, 1, 2, 100, 99, 100}
	got, err := f.Batch(context.Background(), rows)
	if err != nil {
		t.Fatal(err)
	}
	n := 3 * 12 * 12
	for i, row := range rows {
		s, k, w := ss[0], row, 120
		if row >= 100 {
			s, k, w = ss[1], row-100, 160
		}
		r, err := NewReader(newMemory(w, 90, 8), s.X, s.Y, s.Diameter, small.Options)
		if err != nil {
			t.Fatal(err)
		}
		want, err := r.Batch(context.Background(), []int{k})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got[i*n:(i+1)*n], want) {
			t.Errorf("patch %d, %s, differs", row, s.IDs[k])
		}
	}
	if _, err := f.Batch(context.Background(), []int{248, 249, 250}); err == nil {
		t.Error("spot 250 of 250 is accepted")
	}
	f.Close()
	if _, err := f.Batch(context.Background(), []int{0}); err == nil {
		t.Error("a closed file is read")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestAgain: the same call leaves the file alone; any change makes a new one.
func TestAgain(t *testing.T) {
	dir := t.TempDir()
	ss, path := slides(t, dir), filepath.Join(dir, "p.h5ad")
	write(t, path, ss, small)
	old := time.Now().Add(-time.Hour)
	age := func() bool { // whether the file was replaced since the last call
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		fresh := st.ModTime().After(old.Add(time.Minute))
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		return fresh
	}
	age()
	moved := slides(t, dir)
	moved[1].X[7]++
	for _, c := range []struct {
		reason string
		slides []Slide
		o      WriteOptions
		fresh  bool
	}{
		{"the same", ss, small, false},
		{"another size", ss, WriteOptions{Options: Options{Size: 10}}, true},
		{"another scale", ss, WriteOptions{Options: Options{Size: 10, Scale: 2}}, true},
		{"another border", ss, WriteOptions{Options: Options{Size: 10, Scale: 2, Border: 1}}, true},
		{"a spot elsewhere", moved, WriteOptions{Options: Options{Size: 10, Scale: 2, Border: 1}}, true},
		{"one slide less", moved[:1], WriteOptions{Options: Options{Size: 10, Scale: 2, Border: 1}}, true},
		{"the same again", moved[:1], WriteOptions{Options: Options{Size: 10, Scale: 2, Border: 1}}, false},
	} {
		write(t, path, c.slides, c.o)
		if got := age(); got != c.fresh {
			t.Errorf("%s: a new file %v, want %v", c.reason, got, c.fresh)
		}
	}
}

// TestResume stops the work at every so many patches; the next call goes on
// and makes the same bytes as one without a stop.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	ss, whole := slides(t, dir), filepath.Join(dir, "whole.h5ad")
	write(t, whole, ss, small)
	want, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, stop := range []int{64, 128, 192} {
		path := filepath.Join(dir, fmt.Sprintf("p%d.h5ad", stop))
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		err := Write(ctx, path, ss, small, func(e progress.Event) {
			if e.Done >= stop {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped at %d: %v", stop, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Fatalf("stopped at %d, but there is a file", stop)
		}
		first := -1
		if err := Write(context.Background(), path, ss, small, func(e progress.Event) {
			if first < 0 {
				first = e.Done
			}
		}); err != nil {
			t.Fatal(err)
		}
		if first <= stop {
			t.Errorf("stopped at %d, the next call began anew: its first news is of %d", stop, first)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("stopped at %d, the file differs from one made in one go: %v", stop, err)
		}
	}
}

// TestLeftOver: a partial file of something else, or of no use, is made anew.
func TestLeftOver(t *testing.T) {
	dir := t.TempDir()
	ss, path := slides(t, dir), filepath.Join(dir, "p.h5ad")
	partial := filepath.Join(dir, ".p.h5ad.partial")
	write(t, path, ss, WriteOptions{Options: Options{Size: 9}})
	other, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		bytes  []byte
	}{{"another size", other}, {"cut off", other[:len(other)/2]}, {"no HDF5", []byte("x")}, {"empty", nil}} {
		if err := errors.Join(os.WriteFile(partial, c.bytes, 0o666), os.Remove(path)); err != nil {
			t.Fatal(err)
		}
		write(t, path, ss, small)
		if f := openFile(t, path); f.Size() != 12 || f.N() != 250 {
			t.Errorf("%s: %d patches of size %d", c.reason, f.N(), f.Size())
		}
	}
}

func TestTwoAtATime(t *testing.T) {
	dir := t.TempDir()
	ss, path := slides(t, dir), filepath.Join(dir, "p.h5ad")
	unlock, err := lock(filepath.Join(dir, ".p.h5ad.partial.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(context.Background(), path, ss, small, nil); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second writer: %v", err)
	}
	unlock()
	write(t, path, ss, small)
}

func TestWriteAtFault(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		reason string
		change func(s *Slide)
		want   string
		noFit  bool
	}{
		{"no picture", func(s *Slide) { s.Picture = filepath.Join(dir, "absent.tif") }, "slide B: " + filepath.Join(dir, "absent.tif") + ": no such file", false},
		{"a picture of another resolution", func(s *Slide) { s.Width, s.Height = 1600, 900 }, "160 x 90 pixels, the full-resolution picture of this slide 1600 x 900", true},
		{"spots outside", func(s *Slide) { s.X[5] = 5000 }, "1 of 150 spots lie outside", true},
		{"no diameter", func(s *Slide) { s.Diameter = 0 }, "spot diameter of 0", false},
		{"a name twice", func(s *Slide) { s.IDs[1] = "A_spot0" }, `two spots are called "A_spot0"`, false},
		{"too few places", func(s *Slide) { s.X = s.X[:3] }, "150 names, 3 x", false},
	} {
		ss := slides(t, dir)
		c.change(&ss[1])
		path := filepath.Join(dir, "p.h5ad")
		err := Write(context.Background(), path, ss, small, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrNoFit) != c.noFit {
			t.Errorf("%s: %v, want %q", c.reason, err, c.want)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*p.h5ad*")); len(left) > 0 {
			t.Errorf("%s: left behind: %v", c.reason, left)
		}
	}
	if err := Write(context.Background(), filepath.Join(dir, "p.h5ad"), nil, small, nil); err == nil {
		t.Error("no slides are accepted")
	}
	if err := Write(context.Background(), filepath.Join(dir, "no", "p.h5ad"), slides(t, dir), small, nil); err == nil {
		t.Error("a folder that is not there is accepted")
	}
}

// TestForeign opens a file as SpaRED writes it, chunked and compressed, and
// refuses what holds no patches.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	save := func(name string, obsm map[string]any) string {
		path := filepath.Join(dir, name)
		a := &h5ad.AnnData{Obs: &h5ad.Frame{Index: []string{"a", "b"}}, Var: &h5ad.Frame{Index: []string{}}, Obsm: obsm}
		if err := h5ad.Write(path, a, h5ad.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pix := append(pattern(4, 4), pattern(4, 4)...)
	pix[0] = 77
	good := save("good.h5ad", map[string]any{"patches_scale_1.5": &h5ad.Array{Shape: []int{2, 48}, Data: pix}})
	f := openFile(t, good)
	if got, err := f.Batch(context.Background(), []int{1, 0}); err != nil || !bytes.Equal(got, append(bytes.Clone(pix[48:]), pix[:48]...)) || f.Scale() != 1.5 || f.Manifest() != nil {
		t.Errorf("batch %v, %v, scale %g", got, err, f.Scale())
	}
	patches := func(shape []int, data any) map[string]any {
		return map[string]any{"patches_scale_1.0": &h5ad.Array{Shape: shape, Data: data}}
	}
	for _, c := range []struct {
		reason, path, want string
	}{
		{"none", save("none.h5ad", map[string]any{"spatial": &h5ad.Array{Shape: []int{2, 2}, Data: make([]float64, 4)}}), "0 arrays"},
		{"of no square", save("row.h5ad", patches([]int{2, 47}, make([]uint8, 94))), "rows of 47 bytes"},
		{"of another type", save("float.h5ad", patches([]int{2, 48}, make([]float32, 96))), "want 8-bit unsigned"},
		{"no scale", save("scale.h5ad", map[string]any{"patches_scale_x": &h5ad.Array{Shape: []int{2, 48}, Data: pix}}), "no scale"},
		{"no file", filepath.Join(dir, "absent.h5ad"), "no such file"},
	} {
		var fe *format.Error
		if _, err := Open(c.path); !errors.As(err, &fe) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a *format.Error with %q", c.reason, err, c.want)
		}
	}
}

// TestIncomplete: a file whose record says that patches lack is refused.
func TestIncomplete(t *testing.T) {
	dir := t.TempDir()
	ss, path := slides(t, dir), filepath.Join(dir, "p.h5ad")
	write(t, path, ss, small)
	at, err := offset(path, keyWritten, 8)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := binary.LittleEndian.Uint64(b[at:]); got != 250 {
		t.Fatalf("the record says %d patches, want 250", got)
	}
	b[at] = 7
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "not complete") {
		t.Errorf("%v", err)
	}
}

// TestPython: anndata and h5py read the same patches.
func TestPython(t *testing.T) {
	python := os.Getenv("SPATIALGO_CHECK_PYTHON")
	if python == "" {
		t.Skip("SPATIALGO_CHECK_PYTHON names no Python with anndata")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "p.h5ad")
	write(t, path, slides(t, dir), small)
	got, err := openFile(t, path).Batch(context.Background(), []int{149})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", `
import sys, json, anndata, h5py
a = anndata.read_h5ad(sys.argv[1])
p = a.obsm["patches_scale_1.0"]
h = h5py.File(sys.argv[1])["obsm/patches_scale_1.0"]
assert p.shape == (250, 432) and p.dtype == "uint8" and (h[149] == p[149]).all() and h.chunks is None
assert a.obs_names[149] == "B_spot49" and a.obs["slide_id"].iloc[149] == "B" and a.n_vars == 0
assert a.obsm["spatial"].shape == (250, 2) and int(a.uns["patches"]["written"]) == 250
assert json.loads(a.uns["patches"]["manifest"])["slides"][0]["picture"] == "A.png"
print(p[149].tolist())`, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if want := strings.ReplaceAll(fmt.Sprint(got), " ", ", "); !strings.Contains(string(out), want) {
		t.Errorf("anndata reads %s, want %s", out, want)
	}
}

// FuzzOpen opens damaged files: patches or an error, no panic.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	ss := slides(f, dir)
	for i := range ss {
		ss[i].IDs, ss[i].X, ss[i].Y = ss[i].IDs[:2], ss[i].X[:2], ss[i].Y[:2]
	}
	path := filepath.Join(dir, "p.h5ad")
	write(f, path, ss, WriteOptions{Options: Options{Size: 2}})
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		p := filepath.Join(dir, "fuzz.h5ad")
		if err := os.WriteFile(p, b, 0o666); err != nil {
			t.Fatal(err)
		}
		file, err := Open(p)
		if err == nil {
			if file.N() > 0 {
				_, err = file.Batch(context.Background(), []int{file.N() - 1, 0})
			}
			file.Close()
		}
		var fe *format.Error
		if err != nil && !errors.As(err, &fe) {
			t.Fatalf("%v is not a *format.Error", err)
		}
	})
}

// BenchmarkBatch reads shuffled batches of 256 from a file of 1,000 patches.
func BenchmarkBatch(b *testing.B) {
	dir := b.TempDir()
	ss, path := slides(b, dir), filepath.Join(dir, "p.h5ad")
	write(b, path, ss, WriteOptions{})
	f := openFile(b, path)
	spots := make([]int, 256)
	for i := range spots {
		spots[i] = (i * 97) % 250
	}
	for b.Loop() {
		if _, err := f.Batch(context.Background(), spots); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(256*float64(b.N)/b.Elapsed().Seconds(), "patches/s")
}
