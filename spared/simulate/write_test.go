package simulate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/tiff"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// tree returns the files below dir with the hashes of their bytes.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func mustWrite(t *testing.T, dir string, o Options) *Manifest {
	t.Helper()
	m, err := Write(context.Background(), dir, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWriteReadsBack(t *testing.T) {
	dir, x := t.TempDir(), mustGenerate(t, small)
	m := mustWrite(t, dir, small)
	for i, w := range m.Slides {
		got, err := visium.Read(context.Background(), w.Dir, visium.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := x.Slides[i]
		if got.Name != want.Name || !slices.Equal(got.Barcodes, want.Barcodes) || !slices.Equal(got.Genes, want.Genes) ||
			!reflect.DeepEqual(got.Counts, want.Counts) || !slices.Equal(got.X, want.X) || !slices.Equal(got.Y, want.Y) {
			t.Errorf("%s: spots, genes or counts change on the way", w.Name)
		}
		if !reflect.DeepEqual(got.Hires, want.Hires) || !reflect.DeepEqual(got.Lowres, want.Lowres) || got.Scale != want.Scale {
			t.Errorf("%s: pictures or scale factors change on the way", w.Name)
		}
		if got.FullRes == "" || got.FullResSize != want.FullResSize || got.Organism != "human" {
			t.Errorf("%s: picture %q of %v, organism %q", w.Name, got.FullRes, got.FullResSize, got.Organism)
		}
		table, err := os.ReadFile(filepath.Join(w.Dir, "spatial", "tissue_positions.csv"))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(table, []byte("\n")); n != 1+w.Rows*w.Cols {
			t.Errorf("%s: %d lines of positions, want %d spots and a header", w.Name, n, w.Rows*w.Cols)
		}
		truth, err := OpenTruth(w.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(truth, x.Truth[i]) {
			t.Errorf("%s: the truth changes on the way", w.Name)
		}
	}
	for name := range tree(t, dir) {
		if strings.Contains(name, "tmp") {
			t.Errorf("%s is left behind", name)
		}
	}
}

func TestWriteSameBytes(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	one := small
	one.Slides = small.Slides[:1]
	mustWrite(t, a, one)
	mustWrite(t, b, one)
	if ta, tb := tree(t, a), tree(t, b); !reflect.DeepEqual(ta, tb) {
		t.Errorf("files differ:\n%v\n%v", ta, tb)
	}
}

func TestWriteKeepsAndReplaces(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other", "notes")
	if err := os.MkdirAll(filepath.Dir(other), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, dir, small)
	before := tree(t, dir)
	mark := filepath.Join(dir, "S1", "extra")
	if err := os.WriteFile(mark, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if m := mustWrite(t, dir, small); !m.Slides[0].Reused || !m.Slides[1].Reused || m.Slides[0].Spots == 0 {
		t.Errorf("the same options do not find the slides: %+v", m.Slides)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("a slide with the same options was written anew: %v", err)
	}
	changed := small
	changed.Slides = slices.Clone(small.Slides)
	changed.Slides[0].Subject = "C"
	if m := mustWrite(t, dir, changed); m.Slides[0].Reused || !m.Slides[1].Reused {
		t.Errorf("of two slides the first changed, reused are %v, %v", m.Slides[0].Reused, m.Slides[1].Reused)
	}
	after := tree(t, dir)
	if _, err := os.Stat(mark); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the replaced folder kept a file of the old one")
	}
	for _, c := range []struct {
		file, reason string
		same         bool
	}{
		{"S1/truth.h5ad", "another subject has another batch effect", false},
		{"S1/image.tif", "another subject was stained another day", false},
		{"S2/truth.h5ad", "this slide did not change", true},
		{"other/notes", "it is not a simulated slide", true},
	} {
		if (before[c.file] == after[c.file]) != c.same {
			t.Errorf("%s: same bytes as before: %v, want %v, for %s", c.file, !c.same, c.same, c.reason)
		}
	}
}

func TestWriteRefusesForeignFolders(t *testing.T) {
	for _, c := range []struct{ reason, name, content string }{
		{"a real slide of that name", "filtered_feature_bc_matrix.h5", "counts"},
		{"a record of something else", recordFile, `{"tool":"another"}`},
		{"a record that is no JSON", recordFile, `{`},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "S2", c.name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(c.content), 0o666); err != nil {
			t.Fatal(err)
		}
		before := tree(t, dir)
		if _, err := Write(context.Background(), dir, small, nil); err == nil || !strings.Contains(err.Error(), "in the way") {
			t.Errorf("%s: error %v, want a refusal", c.reason, err)
		}
		if after := tree(t, dir); !reflect.DeepEqual(before, after) {
			t.Errorf("%s: a refusal changed the folder from %v to %v", c.reason, before, after)
		}
	}
}

func TestWriteCancelledLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := Write(ctx, dir, small, func(e progress.Event) {
		if strings.HasSuffix(e.Message, "counts") {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	if left := tree(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestForeignReadmeStays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, readmeFile)
	if err := os.WriteFile(path, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := writeReadme(dir, &Manifest{}); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "mine" {
		t.Errorf("the folder's own README.txt now reads %q", data)
	}
}

func TestTIFF(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {5, 63}, {7, 64}, {3, 65}, {130, 200}} {
		p := &slide.Image{Width: size[0], Height: size[1], Pix: make([]uint8, 3*size[0]*size[1])}
		r := source(9, "tiff")
		for i := range p.Pix {
			p.Pix[i] = uint8(r.Uint32())
		}
		var file bytes.Buffer
		if err := writeTIFF(context.Background(), &file, p); err != nil {
			t.Fatal(err)
		}
		img, err := tiff.Decode(&file)
		if err != nil {
			t.Fatalf("%v: %v", size, err)
		}
		if b := img.Bounds(); b.Dx() != p.Width || b.Dy() != p.Height {
			t.Fatalf("%v: decoded as %v", size, b)
		}
		for i := range p.Width * p.Height {
			red, green, blue, _ := img.At(i%p.Width, i/p.Width).RGBA()
			if got := []uint8{uint8(red >> 8), uint8(green >> 8), uint8(blue >> 8)}; !slices.Equal(got, p.Pix[3*i:3*i+3]) {
				t.Fatalf("%v: pixel %d is %v, want %v", size, i, got, p.Pix[3*i:3*i+3])
			}
		}
	}
}

func TestReadTruthOfSomethingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.h5ad")
	frame := func(names ...string) *h5ad.Frame { return &h5ad.Frame{Index: names} }
	x := &h5ad.Array{Shape: []int{1, 1}, Data: []float32{1}}
	region := h5ad.Column{Name: "region", Codes: []int32{0}, Categories: []string{"moon"}}
	for _, c := range []struct {
		reason string
		a      *h5ad.AnnData
	}{
		{"no truth in it", &h5ad.AnnData{X: x, Obs: frame("s"), Var: frame("g")}},
		{"no X", &h5ad.AnnData{Obs: frame("s"), Var: frame("g")}},
		{"unknown region", &h5ad.AnnData{X: x, Obs: &h5ad.Frame{Index: []string{"s"}, Columns: []h5ad.Column{region}}, Var: frame("g")}},
	} {
		if err := h5ad.Write(path, c.a, h5ad.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		var fe *format.Error
		if _, err := ReadTruth(path); !errors.As(err, &fe) || fe.Path != path {
			t.Errorf("%s: error %v, want a *format.Error about the file", c.reason, err)
		}
	}
	if _, err := ReadTruth(path + ".gone"); err == nil {
		t.Error("a missing file is no error")
	}
}

func TestLog2TPM(t *testing.T) {
	truth := &Truth{Slide: "S", Genes: []slide.Gene{{ID: "E1", Symbol: "A"}, {ID: "E2", Symbol: "B"}, {ID: "E3", Symbol: "A"}},
		Rate: table(2, 3), NoBatch: table(2, 3)}
	copy(truth.Rate.Data, []float32{0.5, 0.25, 0.25, 0.125, 0.125, 0.75})
	copy(truth.NoBatch.Data, []float32{0.5, 0.5, 0, 0.25, 0.75, 0})
	got, err := truth.Log2TPM([]string{"E3", "B"}, []float64{1000, 500})
	if err != nil {
		t.Fatal(err)
	}
	log := func(v float64) float32 { return float32(math.Log2(1 + v)) }
	// Spot 1: 0.25/1000 and 0.25/500 are 1:2. Spot 2: 0.75/1000 and 0.125/500 are 3:1.
	if want := []float32{log(1e6 / 3), log(2e6 / 3), log(7.5e5), log(2.5e5)}; !slices.Equal(got.Data, want) {
		t.Errorf("log2 TPM %v, want %v", got.Data, want)
	}
	plain, err := truth.Log2TPMNoBatch([]string{"A", "E2"}, []float64{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{log(5e5), log(5e5), log(2.5e5), log(7.5e5)}; !slices.Equal(plain.Data, want) {
		t.Errorf("without batch effect %v, want %v", plain.Data, want)
	}
	for _, c := range []struct {
		reason  string
		genes   []string
		lengths []float64
	}{
		{"a length is missing", []string{"E1", "E2"}, []float64{1}},
		{"unknown gene", []string{"E9"}, []float64{1}},
		{"one gene under two names", []string{"E1", "A"}, []float64{1, 1}},
		{"no length", []string{"E1"}, []float64{0}},
		{"length is not a number", []string{"E1"}, []float64{math.NaN()}},
		{"endless gene", []string{"E1"}, []float64{math.Inf(1)}},
	} {
		if _, err := truth.Log2TPM(c.genes, c.lengths); err == nil {
			t.Errorf("%s: no error", c.reason)
		}
	}
}
