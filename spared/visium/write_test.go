package visium

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// randomSlide is a slide with hostile names, odd numbers and, as off says,
// spots off tissue.
func randomSlide(seed uint64, off bool) *slide.Slide {
	rng := rand.New(rand.NewPCG(seed, 1))
	spots, genes := 1+rng.IntN(60), 1+rng.IntN(40)
	s := &slide.Slide{Name: "slide", Organism: "mouse", Chemistry: "Spatial 3' v1", SourceFormat: "Space Ranger",
		Scale:  slide.ScaleFactors{SpotDiameter: rng.Float64() * 100, Hires: rng.Float64(), Lowres: rng.Float64(), MicronsPerPixel: rng.Float64()},
		Hires:  drawn(1+rng.IntN(20), 1+rng.IntN(20)),
		Lowres: drawn(1+rng.IntN(20), 1+rng.IntN(20))}
	names := []string{"Xkr4", "", "</script>", `a"b'c`, "\u202eright to left", "\U0001f9ec", "two words", "Xkr4"}
	for j := range genes {
		s.Genes = append(s.Genes, slide.Gene{ID: fmt.Sprintf("ENSMUSG%011d", j), Symbol: names[j%len(names)], Feature: geneExpression, Genome: "mm10"})
	}
	m := &sparse.CSR{Rows: spots, Cols: genes, IndPtr: []int64{0}}
	for i := range spots {
		for j := range genes {
			if rng.IntN(3) == 0 {
				m.Indices, m.Data = append(m.Indices, int32(j)), append(m.Data, float32(1+rng.IntN(1<<rng.IntN(20))))
			}
		}
		m.IndPtr = append(m.IndPtr, int64(len(m.Data)))
		s.Barcodes = append(s.Barcodes, fmt.Sprintf("BC%dACGT-1", spots-i))
		s.InTissue = append(s.InTissue, !off || i%3 != 0)
		s.ArrayRow, s.ArrayCol = append(s.ArrayRow, rng.IntN(78)), append(s.ArrayCol, rng.IntN(128))
		s.X, s.Y = append(s.X, rng.Float64()*2e4), append(s.Y, math.Trunc(rng.Float64()*2e4))
	}
	s.Counts = m
	return s
}

func TestWriteReadsBack(t *testing.T) {
	const seed = 20240607
	ctx := context.Background()
	for k := range uint64(20) {
		s := randomSlide(seed+k, false)
		if k == 0 {
			s.Hires, s.Scale.Hires = nil, 0
		}
		dir := filepath.Join(t.TempDir(), s.Name, "outs")
		off := []Spot{{Barcode: "OFF1-1", ArrayRow: 77, ArrayCol: 127, X: -3.5, Y: 1e6}, {Barcode: "OFF2-1"}}
		if err := Write(ctx, dir, s, WriteOptions{OffTissue: off, Software: "spaceranger-2.1.0"}); err != nil {
			t.Fatalf("seed %d: %v", seed+k, err)
		}
		got, err := Read(ctx, dir, Options{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed+k, err)
		}
		compare(t, got, s)
		if t.Failed() {
			t.Fatalf("seed %d", seed+k)
		}
	}
}

func TestWriteOffTissueCounts(t *testing.T) {
	const seed = 7
	ctx := context.Background()
	s := randomSlide(seed, true)
	dir := filepath.Join(t.TempDir(), s.Name)
	if err := Write(ctx, dir, s, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := Read(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var in []string
	for i, b := range s.Barcodes {
		if s.InTissue[i] {
			in = append(in, b)
		}
	}
	if d := cmp.Diff(in, got.Barcodes); d != "" {
		t.Errorf("seed %d: filtered counts (-want +got):\n%s", seed, d)
	}
	if err := os.Remove(filepath.Join(dir, h5Path)); err != nil {
		t.Fatal(err)
	}
	got, err = Read(ctx, dir, Options{Raw: true, OffTissue: true})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, s)
}

func TestWriteIsDeterministic(t *testing.T) {
	ctx := context.Background()
	s := randomSlide(3, true)
	var first map[string]string
	for range 2 {
		dir := t.TempDir()
		if err := Write(ctx, dir, s, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		files := make(map[string]string)
		for _, name := range []string{h5Path, "raw_feature_bc_matrix.h5", positionsPath, scalePath, hiresPath, lowresPath} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(data)
		}
		for name := range first {
			if first[name] != files[name] {
				t.Errorf("%s differs between two writings of one slide", name)
			}
		}
		first = files
	}
}

// TestWriteLayout checks what other readers rely on.
func TestWriteLayout(t *testing.T) {
	dir := t.TempDir()
	s := expected()
	s.Chemistry = "Spatial 3' v1"
	if err := Write(context.Background(), dir, s, WriteOptions{Software: "spaceranger-2.1.0"}); err != nil {
		t.Fatal(err)
	}
	f, err := hdf5x.Open(filepath.Join(dir, h5Path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]any{
		"chemistry_description": "Spatial 3' v1", "filetype": "matrix", "library_ids": []string{"slide"},
		"original_gem_groups": []int64{1}, "software_version": "spaceranger-2.1.0", "version": int64(2),
	} {
		got, err := f.Attr("/", name)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("attribute %s: %v (-want +got):\n%s", name, err, d)
		}
	}
	for key, want := range map[string]any{
		"matrix/data": []int32{5, 2, 1, 7, 8, 9}, "matrix/indices": []int64{0, 2, 1, 0, 1, 2},
		"matrix/indptr": []int64{0, 2, 3, 3, 6}, "matrix/shape": []int32{3, 4},
		"matrix/barcodes": []string{"AAA-1", "CCC-1", "GGG-1", "TTT-1"}, "matrix/features/name": []string{"G1", "G2", "G3"},
		"matrix/features/_all_tag_keys": []string{"genome"},
	} {
		got, _, err := hdf5x.ReadAny(f, key)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", key, err, d)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, positionsPath))
	want := headerText + "AAA-1,1,0,0,10,11.25\nCCC-1,1,0,2,20,21\nGGG-1,1,1,1,30,31\nTTT-1,1,1,3,40.5,41\n"
	if d := cmp.Diff(want, string(text)); err != nil || d != "" {
		t.Errorf("positions: %v (-want +got):\n%s", err, d)
	}
}

func TestWriteRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		dir    string
		edit   func(s *slide.Slide, o *WriteOptions)
		want   string
	}{
		{"parts do not fit", t.TempDir(), func(s *slide.Slide, _ *WriteOptions) { s.X = s.X[1:] }, "x coordinates"},
		{"a barcode twice", t.TempDir(), func(s *slide.Slide, _ *WriteOptions) { s.Barcodes[1] = s.Barcodes[0] }, "second time"},
		{"a barcode on and off tissue", t.TempDir(), func(s *slide.Slide, o *WriteOptions) { o.OffTissue = []Spot{{Barcode: "AAA-1"}} }, "second time"},
		{"layers are not counts", t.TempDir(), func(s *slide.Slide, _ *WriteOptions) { s.Counts.Data[2] = 0.5 }, "whole numbers"},
		{"no place", t.TempDir(), func(s *slide.Slide, _ *WriteOptions) { s.Y[1] = math.NaN() }, "CCC-1"},
		{"a picture of another size", t.TempDir(), func(s *slide.Slide, _ *WriteOptions) { s.Hires.Width++ }, "tissue_hires_image.png"},
		{"a NUL in a name", t.TempDir(), func(s *slide.Slide, _ *WriteOptions) { s.Genes[0].Symbol = "a\x00b" }, "NUL"},
		{"the folder is a file", file, func(*slide.Slide, *WriteOptions) {}, "not a directory"},
	} {
		s, o := expected(), WriteOptions{}
		c.edit(s, &o)
		err := Write(context.Background(), c.dir, s, o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not say %q", c.reason, err, c.want)
		}
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Write(canceled, t.TempDir(), expected(), WriteOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context gives %v", err)
	}
}
