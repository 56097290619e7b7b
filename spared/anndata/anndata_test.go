package anndata

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// The counts of the made-up file: 4 spots, 3 genes.
var countsOf = [][]float32{{0, 2, 0}, {1, 0, 5}, {0, 0, 0}, {7, 1, 0}}

func csr(rows [][]float32) *h5ad.Sparse {
	s := &h5ad.Sparse{Rows: len(rows), Cols: len(rows[0]), IndPtr: []int64{0}}
	data := []float32{}
	for _, r := range rows {
		for j, v := range r {
			if v != 0 {
				s.Indices, data = append(s.Indices, int32(j)), append(data, v)
			}
		}
		s.IndPtr = append(s.IndPtr, int64(len(data)))
	}
	s.Data = data
	return s
}

func csc(rows [][]float32) *h5ad.Sparse {
	t := make([][]float32, len(rows[0]))
	for j := range t {
		for _, r := range rows {
			t[j] = append(t[j], r[j])
		}
	}
	s := csr(t)
	s.Rows, s.Cols, s.Columns = len(rows), len(rows[0]), true
	return s
}

func dense(rows [][]float32) *h5ad.Array {
	a := &h5ad.Array{Shape: []int{len(rows), len(rows[0])}, Data: []float64{}}
	for _, r := range rows {
		for _, v := range r {
			a.Data = append(a.Data.([]float64), float64(v))
		}
	}
	return a
}

func scaled(rows [][]float32, by float32) [][]float32 {
	out := make([][]float32, len(rows))
	for i, r := range rows {
		for _, v := range r {
			out[i] = append(out[i], v*by)
		}
	}
	return out
}

// pair is a file of two joined slides: counts in a layer, X normalised.
func pair() *h5ad.AnnData {
	picture := func(v uint8) map[string]any {
		return map[string]any{
			"images":       map[string]any{"lowres": &h5ad.Array{Shape: []int{1, 2, 3}, Data: []uint8{v, v, v, 0, 128, 255}}},
			"scalefactors": map[string]any{"tissue_lowres_scalef": 0.05, "spot_diameter_fullres": 89.5},
		}
	}
	return &h5ad.AnnData{
		X: dense(scaled(countsOf, 0.3)),
		Obs: &h5ad.Frame{Index: []string{"AAA-1", "CCC-1", "GGG-1", "TTT-1"}, Columns: []h5ad.Column{
			h5ad.NewCategorical("slide_id", []string{"S2", "S2", "S10", "S10"}),
			h5ad.NewCategorical("patient", []string{"P1", "P1", "P2", "P2"}),
			{Name: "split", Data: []string{"train", "train", "val", "test"}},
			{Name: "array_row", Data: []int64{0, 1, 2, 3}}, {Name: "array_col", Data: []int32{4, 5, 6, 7}},
			{Name: "in_tissue", Data: []int64{1, 1, 1, 0}},
		}},
		Var: &h5ad.Frame{Index: []string{"Gfap", "Mbp", "Ttr"}, Columns: []h5ad.Column{
			{Name: "gene_ids", Data: []string{"ENSMUSG00000020932", "ENSMUSG00000041607", "ENSMUSG00000061808"}},
		}},
		Layers: map[string]any{"counts": csr(countsOf)},
		Obsm:   map[string]any{"spatial": &h5ad.Array{Shape: []int{4, 2}, Data: []float64{10, 20, 30, 40, 50, 60, 70, 80}}},
		Uns:    map[string]any{"spatial": map[string]any{"S2": picture(9), "S10": picture(200)}},
	}
}

func write(t testing.TB, name string, a *h5ad.AnnData) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := h5ad.Write(p, a, h5ad.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return p
}

func rowsOf(s *slide.Slide) [][]float32 {
	out := make([][]float32, s.Counts.Rows)
	for i := range out {
		out[i] = make([]float32, s.Counts.Cols)
		cols, vals := s.Counts.Row(i)
		for k, c := range cols {
			out[i][c] = vals[k]
		}
	}
	return out
}

func TestSlidesOfAFile(t *testing.T) {
	p := write(t, "pair.h5ad", pair())
	locs, err := Find(p)
	if want := []string{p + "#S2", p + "#S10"}; err != nil || !slices.Equal(locs, want) {
		t.Fatalf("Find: %q, %v, want %q: natural order", locs, err, want)
	}
	if !Is(p) || !Is(locs[0]) || Name(locs[1]) != "S10" || Name(p) != "pair" {
		t.Errorf("Is %v %v, names %q %q", Is(p), Is(locs[0]), Name(locs[1]), Name(p))
	}
	s, err := Read(context.Background(), locs[1], Options{OffTissue: true})
	if err != nil {
		t.Fatal(err)
	}
	sum := s.Sources[0].SHA256
	want := &slide.Slide{
		Name: "S10", Barcodes: []string{"GGG-1", "TTT-1"}, InTissue: []bool{true, false},
		ArrayRow: []int{2, 3}, ArrayCol: []int{6, 7}, X: []float64{50, 70}, Y: []float64{60, 80},
		Genes: []slide.Gene{
			{ID: "ENSMUSG00000020932", Symbol: "Gfap", Feature: geneExpression}, {ID: "ENSMUSG00000041607", Symbol: "Mbp", Feature: geneExpression},
			{ID: "ENSMUSG00000061808", Symbol: "Ttr", Feature: geneExpression},
		},
		Scale: slide.ScaleFactors{Lowres: 0.05, SpotDiameter: 89.5}, Patient: "P2", Organism: "mouse",
		Lowres:       &slide.Image{Width: 2, Height: 1, Pix: []uint8{200, 200, 200, 0, 128, 255}},
		SourceFormat: "AnnData (counts from layers/counts)", Sources: []slide.Source{{Path: p, SHA256: sum, Size: s.Sources[0].Size}},
	}
	got := rowsOf(s)
	s.Counts = nil
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(countsOf[2:], got); d != "" || len(sum) != 64 {
		t.Error(d, sum)
	}
	under, err := Read(context.Background(), locs[1], Options{})
	if err != nil || len(under.Barcodes) != 1 || under.Counts.Rows != 1 || under.Split != "" {
		t.Errorf("without the spot off tissue: %+v, %v", under, err)
	}
}

// TestWhereCountsAre holds the counts in each place and form.
func TestWhereCountsAre(t *testing.T) {
	interleaved := func(a *h5ad.AnnData) {
		a.Obs.Columns[0] = h5ad.NewCategorical("slide_id", []string{"S2", "S10", "S2", "S10"})
	}
	for _, c := range []struct {
		reason string
		change func(a *h5ad.AnnData)
		key    string
		rows   []int
	}{
		{"a layer compressed by rows", func(*h5ad.AnnData) {}, "layers/counts", []int{0, 1}},
		{"by columns", func(a *h5ad.AnnData) { a.Layers["counts"] = csc(countsOf) }, "layers/counts", []int{0, 1}},
		{"dense", func(a *h5ad.AnnData) { a.Layers["counts"] = dense(countsOf) }, "layers/counts", []int{0, 1}},
		{"rows of two slides in turn", interleaved, "layers/counts", []int{0, 2}},
		{"in turn, by columns", func(a *h5ad.AnnData) { interleaved(a); a.Layers["counts"] = csc(countsOf) }, "layers/counts", []int{0, 2}},
		{"in turn, dense", func(a *h5ad.AnnData) { interleaved(a); a.Layers["counts"] = dense(countsOf) }, "layers/counts", []int{0, 2}},
		{"X, where no layer is named so", func(a *h5ad.AnnData) { a.X, a.Layers = csr(countsOf), nil }, "X", []int{0, 1}},
		{"a layer of that name that holds something else", func(a *h5ad.AnnData) {
			a.Layers["counts"], a.X = csr(scaled(countsOf, 0.5)), csr(countsOf)
		}, "X", []int{0, 1}},
		{"integers", func(a *h5ad.AnnData) {
			a.Layers["counts"].(*h5ad.Sparse).Data = []int64{2, 1, 5, 7, 1}
		}, "layers/counts", []int{0, 1}},
		{"raw, with genes of its own", func(a *h5ad.AnnData) {
			a.Layers = nil
			a.Raw = map[string]any{"X": csr(countsOf), "var": &h5ad.Frame{Index: []string{"Gfap", "Mbp", "Ttr"}}}
		}, "raw/X", []int{0, 1}},
	} {
		a := pair()
		c.change(a)
		p := write(t, "x.h5ad", a)
		s, err := Read(context.Background(), p+"#S2", Options{})
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		want := [][]float32{countsOf[c.rows[0]], countsOf[c.rows[1]]}
		if d := cmp.Diff(want, rowsOf(s)); d != "" || s.SourceFormat != "AnnData (counts from "+c.key+")" || s.Genes[0].ID != "ENSMUSG00000020932" {
			t.Errorf("%s: %s %s %v", c.reason, d, s.SourceFormat, s.Genes)
		}
	}
}

// TestNormalised: values that are no counts are read where that is said, from
// the first place that holds values.
func TestNormalised(t *testing.T) {
	a := pair()
	half := scaled(countsOf, 0.5)
	a.Layers, a.X = nil, csr(half)
	p := write(t, "x.h5ad", a)
	s, err := Read(context.Background(), p+"#S2", Options{Normalised: true})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(half[:2], rowsOf(s)); d != "" {
		t.Error(d)
	}
	a.X = csr(scaled(countsOf, -0.5))
	_, err = Read(context.Background(), write(t, "y.h5ad", a)+"#S2", Options{Normalised: true})
	var fe *format.Error
	if !errors.As(err, &fe) || fe.Key != "X" || !strings.Contains(err.Error(), "finite numbers from 0 on") {
		t.Errorf("scaled values: %v", err)
	}
}

// TestDigestOnce: a file of many slides is digested once where the caller
// remembers digests.
func TestDigestOnce(t *testing.T) {
	p := write(t, "pair.h5ad", pair())
	var known slide.Digests
	made := slide.Source{Path: p, SHA256: "remembered", Size: 1}
	if _, err := known.Of(p, func(string) (slide.Source, error) { return made, nil }); err != nil {
		t.Fatal(err)
	}
	for _, loc := range []string{p + "#S2", p + "#S10"} {
		s, err := Read(context.Background(), loc, Options{Digests: &known})
		if err != nil || s.Sources[0] != made {
			t.Errorf("%s: Read: %+v, %v", loc, s, err)
		}
		src, err := Sources(context.Background(), loc, Options{Digests: &known})
		if err != nil || src[0] != made {
			t.Errorf("%s: Sources: %+v, %v", loc, src, err)
		}
	}
}

func TestRefused(t *testing.T) {
	column := func(a *h5ad.AnnData, name string) *h5ad.Column { return a.Obs.Column(name) }
	for _, c := range []struct {
		reason string
		change func(a *h5ad.AnnData)
		loc    string
		want   string
	}{
		{"several slides, none named", func(*h5ad.AnnData) {}, "", "holds 2 slides (S2, S10)"},
		{"a slide that is not there", func(*h5ad.AnnData) {}, "#S3", `no slide "S3"; it has S2, S10`},
		{"nothing but normalised values", func(a *h5ad.AnnData) { a.Layers = nil }, "#S2", "X: values are not counts (whole numbers from 0 on): found X (0.3 to 1.5, e.g. 0.6"},
		{"a count that is not a number", func(a *h5ad.AnnData) {
			a.X, a.Layers["counts"].(*h5ad.Sparse).Data.([]float32)[1] = nil, float32(math.NaN())
		}, "#S2", "layers/counts: values are not counts"},
		{"a count below 0", func(a *h5ad.AnnData) {
			a.X, a.Layers["counts"].(*h5ad.Sparse).Data.([]float32)[1] = nil, -1
		}, "#S2", "e.g. -1"},
		{"no matrix", func(a *h5ad.AnnData) { a.Layers, a.X = nil, nil }, "#S2", "X: is not there; want counts in layers/counts"},
		{"no places", func(a *h5ad.AnnData) { a.Obsm = nil }, "#S2", "obsm/spatial: is not there"},
		{"a place that is no number", func(a *h5ad.AnnData) {
			a.Obsm["spatial"] = &h5ad.Array{Shape: []int{4, 2}, Data: []float32{1, float32(math.NaN()), 1, 1, 1, 1, 1, 1}}
		}, "#S2", `spot "AAA-1" lies at (1, NaN)`},
		{"pictures of two slides, spots of nobody", func(a *h5ad.AnnData) { a.Obs.Columns = a.Obs.Columns[1:] }, "", "uns/spatial: has the pictures of 2 slides (S10, S2)"},
		{"a name twice", func(a *h5ad.AnnData) { a.Obs.Index[1] = "AAA-1" }, "#S2", `both named "AAA-1"`},
		{"a spot of no slide", func(a *h5ad.AnnData) { column(a, "slide_id").Codes[0] = -1 }, "", "obs/slide_id: row 0 names no slide"},
		{"in_tissue of 2", func(a *h5ad.AnnData) { column(a, "in_tissue").Data = []int64{2, 1, 1, 1} }, "#S2", `obs/in_tissue: row 0 is "2"`},
		{"half a row of the array", func(a *h5ad.AnnData) { column(a, "array_row").Data = []float64{0.5, 1, 2, 3} }, "#S2", "obs/array_row: row 0 is 0.5"},
		{"a picture of one dimension", func(a *h5ad.AnnData) {
			a.Uns["spatial"].(map[string]any)["S2"].(map[string]any)["images"] = map[string]any{"hires": &h5ad.Array{Shape: []int{2}, Data: []uint8{1, 2}}}
		}, "#S2", "images/hires: has the shape [2]"},
		{"a scale factor below 0", func(a *h5ad.AnnData) {
			a.Uns["spatial"].(map[string]any)["S2"].(map[string]any)["scalefactors"] = map[string]any{"tissue_hires_scalef": -1.0}
		}, "#S2", "tissue_hires_scalef: is [-1]"},
	} {
		a := pair()
		c.change(a)
		p := write(t, "x.h5ad", a)
		_, err := Read(context.Background(), p+c.loc, Options{})
		var fe *format.Error
		if !errors.As(err, &fe) || fe.Path != p || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.reason, err, c.want)
		}
	}
	whole := write(t, "x.h5ad", pair())
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(whole, data[:len(data)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(context.Background(), whole+"#S2", Options{}); err == nil || !strings.Contains(err.Error(), "ends too early") {
		t.Errorf("a download that was cut off: %v", err)
	}
	if _, err := Read(context.Background(), filepath.Join(t.TempDir(), "none.h5ad"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Read(ended, write(t, "x.h5ad", pair())+"#S2", Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

// TestDivision says which column makes the slides.
func TestDivision(t *testing.T) {
	for _, c := range []struct {
		reason string
		change func(a *h5ad.AnnData)
		want   []string
	}{
		{"the column that names the pictures goes before one called slide_id", func(a *h5ad.AnnData) {
			a.Obs.Columns = append(a.Obs.Columns, h5ad.NewCategorical("batch", []string{"S2", "S10", "S10", "S10"}))
			a.Obs.Columns[0] = h5ad.NewCategorical("slide_id", []string{"x", "y", "z", "z"})
		}, []string{"#S2", "#S10"}},
		{"without pictures a sample is a slide", func(a *h5ad.AnnData) {
			a.Uns = nil
			a.Obs.Columns[0] = h5ad.NewCategorical("sample", []string{"b", "a", "b", "a"})
		}, []string{"#a", "#b"}},
		{"one picture: batches are those of sequencing", func(a *h5ad.AnnData) {
			delete(a.Uns["spatial"].(map[string]any), "S10")
			a.Obs.Columns[0] = h5ad.NewCategorical("batch", []string{"0", "1", "0", "1"})
		}, []string{""}},
		{"numbers", func(a *h5ad.AnnData) {
			a.Uns, a.Obs.Columns[0] = nil, h5ad.Column{Name: "batch", Data: []int64{1, 10, 2, 1}}
		}, []string{"#1", "#2", "#10"}},
		{"one value", func(a *h5ad.AnnData) {
			a.Obs.Columns[0] = h5ad.NewCategorical("slide_id", []string{"S2", "S2", "S2", "S2"})
		}, []string{""}},
		{"nothing at all", func(a *h5ad.AnnData) { a.Uns, a.Obs.Columns = nil, nil }, []string{""}},
	} {
		a := pair()
		c.change(a)
		p := write(t, "x.h5ad", a)
		locs, err := Find(p)
		for i := range locs {
			locs[i] = strings.TrimPrefix(locs[i], p)
		}
		if err != nil || !slices.Equal(locs, c.want) {
			t.Errorf("%s: %q, %v, want %q", c.reason, locs, err, c.want)
		}
		if _, err := Read(context.Background(), p+c.want[0], Options{}); err != nil {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}

func TestGenes(t *testing.T) {
	for _, c := range []struct {
		reason string
		table  h5ad.Frame
		want   slide.Gene
	}{
		{"Ensembl ids as the index, symbols beside (CELLxGENE)", h5ad.Frame{Index: []string{"ENSG00000141510.18"},
			Columns: []h5ad.Column{h5ad.NewCategorical("feature_name", []string{"TP53"}), {Name: "gene_ids", Data: []string{"other"}}}},
			slide.Gene{ID: "ENSG00000141510.18", Symbol: "TP53", Feature: geneExpression}},
		{"symbols only", h5ad.Frame{Index: []string{"TP53"}}, slide.Gene{ID: "TP53", Symbol: "TP53", Feature: geneExpression}},
		{"a column of ids with a hole", h5ad.Frame{Index: []string{"TP53"}, Columns: []h5ad.Column{{Name: "ensembl_id", Data: []string{""}}}},
			slide.Gene{ID: "TP53", Symbol: "TP53", Feature: geneExpression}},
		{"a column called id that holds numbers", h5ad.Frame{Index: []string{"TP53"}, Columns: []h5ad.Column{{Name: "id", Data: []int64{7}}}},
			slide.Gene{ID: "TP53", Symbol: "TP53", Feature: geneExpression}},
		{"scanpy's read_10x_h5", h5ad.Frame{Index: []string{"TP53"}, Columns: []h5ad.Column{{Name: "gene_ids", Data: []string{"ENSG00000141510"}},
			h5ad.NewCategorical("feature_types", []string{"Antibody Capture"}), h5ad.NewCategorical("genome", []string{"GRCh38"})}},
			slide.Gene{ID: "ENSG00000141510", Symbol: "TP53", Feature: "Antibody Capture", Genome: "GRCh38"}},
	} {
		if got := genesOf(&c.table); got[0] != c.want {
			t.Errorf("%s: %+v, want %+v", c.reason, got[0], c.want)
		}
	}
}

func TestPictures(t *testing.T) {
	for _, c := range []struct {
		reason string
		a      *h5ad.Array
		want   []uint8
	}{
		{"bytes", &h5ad.Array{Shape: []int{1, 1, 3}, Data: []uint8{1, 0, 1}}, []uint8{1, 0, 1}},
		{"0 to 1, as matplotlib reads PNG", &h5ad.Array{Shape: []int{1, 1, 3}, Data: []float32{0, 0.5, 1}}, []uint8{0, 128, 255}},
		{"0 to 255 as floats", &h5ad.Array{Shape: []int{1, 1, 3}, Data: []float64{0, 128, 255}}, []uint8{0, 128, 255}},
		{"16 bits", &h5ad.Array{Shape: []int{1, 1, 3}, Data: []uint16{0, 32768, 65535}}, []uint8{0, 128, 255}},
		{"grey", &h5ad.Array{Shape: []int{1, 1}, Data: []uint8{77}}, []uint8{77, 77, 77}},
		{"transparent", &h5ad.Array{Shape: []int{1, 2, 4}, Data: []float32{1, 0, 0, 1, 0, 0, 0, 0}}, []uint8{255, 0, 0, 255, 255, 255}},
	} {
		a := pair()
		a.Uns["spatial"].(map[string]any)["S2"].(map[string]any)["images"] = map[string]any{"hires": c.a}
		s, err := Read(context.Background(), write(t, "x.h5ad", a)+"#S2", Options{})
		if err != nil || s.Hires == nil || !bytes.Equal(s.Hires.Pix, c.want) {
			t.Errorf("%s: %+v, %v, want %v", c.reason, s.Hires, err, c.want)
		}
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	if Is(dir) {
		t.Error("an empty folder is taken for one of .h5ad files")
	}
	one := pair()
	one.Obs.Columns, one.Uns = one.Obs.Columns[1:], nil
	for _, n := range []string{"s10.h5ad", "s2#a.h5ad"} {
		if err := h5ad.Write(filepath.Join(dir, n), one, h5ad.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("hello"), 0o666); err != nil {
		t.Fatal(err)
	}
	locs, err := Find(dir)
	if want := []string{filepath.Join(dir, "s2#a.h5ad"), filepath.Join(dir, "s10.h5ad")}; err != nil || !Is(dir) || !slices.Equal(locs, want) {
		t.Fatalf("%q, %v, want %q", locs, err, want)
	}
	if s, err := Read(context.Background(), locs[0], Options{}); err != nil || s.Name != "s2#a" {
		t.Errorf("a file with # in its name: %v", err)
	}
	if Is(filepath.Join(dir, "notes.txt")) || Is(filepath.Join(dir, "none")) {
		t.Error("what is no .h5ad file is taken for one")
	}
}

// TestGoldenFiles holds that files of anndata itself are read or refused with
// a reason: their X is made of normalised values and their places are invented.
func TestGoldenFiles(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"small_gzip.h5ad", ""}, {"small_lzf.h5ad", ""}, {"small_plain.h5ad", ""}, {"small_anndata092.h5ad", ""},
		{"small_empty.h5ad", "obsm/spatial: is not there"}, {"small_noX.h5ad", "obsm/spatial: is not there"},
	} {
		p := goldentest.Path(t, "golden", c.file)
		locs, err := Find(p)
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		s, err := Read(context.Background(), locs[0], Options{})
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.file, err, c.want)
		case err == nil:
			t.Logf("%s: %d spots, %d genes, %s", locs[0], len(s.Barcodes), len(s.Genes), s.SourceFormat)
		}
	}
}

// TestVersions reads one AnnData as five versions of anndata wrote it, from the
// first that has the tables of today; see testdata/make_versions.py.
func TestVersions(t *testing.T) {
	for _, version := range []string{"0.7.8", "0.8.0", "0.10.9", "0.11.4", "0.12.19"} {
		packed, err := os.Open(filepath.Join("testdata", "anndata_"+version+".h5ad.gz"))
		if err != nil {
			t.Fatal(err)
		}
		defer packed.Close()
		z, err := gzip.NewReader(packed)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		p := filepath.Join(t.TempDir(), "x.h5ad")
		if err := os.WriteFile(p, b, 0o666); err != nil {
			t.Fatal(err)
		}
		a, err := h5ad.Read(p)
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		lo := a.Obs.Column("ordered")
		if !lo.Ordered || !slices.Equal(lo.Codes[:5], []int32{0, 1, 0, -1, 0}) || a.Uns["text"] != "hello" || a.Uns["num"] != int64(3) || len(a.Raw) == 0 {
			t.Errorf("%s: %+v, uns %v", version, lo, a.Uns)
		}
		s, err := Read(context.Background(), p+"#S2", Options{})
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		sum := float32(0)
		for _, v := range s.Counts.Data {
			sum += v
		}
		got := fmt.Sprintln(s.Name, len(s.Barcodes), s.Genes[3], s.Patient, s.Split, s.Organism, s.X[1], s.Y[1], s.ArrayCol[0], s.Scale.Hires, s.Hires.Width, s.Hires.Pix[0], s.Chemistry, sum)
		if want := "S2 25 {ENSG00000000003 g3 Gene Expression GRCh38} p test human 160 320 24 0.1 5 128 Spatial 3' v1 1013"; strings.TrimSpace(got) != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
}

// TestScanpyWrites reads a real slide by way of scanpy and anndata, and by
// itself: both must be the same slide.
func TestScanpyWrites(t *testing.T) {
	python := os.Getenv("SPATIALGO_CHECK_PYTHON")
	if python == "" {
		t.Skip("SPATIALGO_CHECK_PYTHON is not set: no anndata to write the file")
	}
	dir := goldentest.Path(t, "data", "mouse_muscle_visium", "Vis5A_2dpi")
	h5 := filepath.Join(dir, "Vis5A_filtered_feature_bc_matrix.h5")
	p := filepath.Join(t.TempDir(), "v.h5ad")
	want, err := visium.Read(context.Background(), dir, visium.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-W", "ignore", filepath.Join("testdata", "write_visium.py"), h5, filepath.Join(dir, "spatial"), p).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := Read(context.Background(), p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for i, b := range got.Barcodes {
		place[b] = i
	}
	if len(got.Barcodes) != len(want.Barcodes) || len(got.Genes) != len(want.Genes) || got.Organism != want.Organism {
		t.Fatalf("%d spots x %d genes of %s, want %d x %d of %s", len(got.Barcodes), len(got.Genes), got.Organism, len(want.Barcodes), len(want.Genes), want.Organism)
	}
	for i, b := range want.Barcodes {
		j := place[b]
		gc, gv := got.Counts.Row(j)
		wc, wv := want.Counts.Row(i)
		if got.X[j] != want.X[i] || got.Y[j] != want.Y[i] || got.ArrayRow[j] != want.ArrayRow[i] || !slices.Equal(gc, wc) || !slices.Equal(gv, wv) {
			t.Fatalf("spot %s differs", b)
		}
	}
	for i, g := range want.Genes {
		if got.Genes[i].ID != g.ID || got.Genes[i].Symbol != g.Symbol || got.Genes[i].Genome != g.Genome {
			t.Fatalf("gene %d: %+v, want %+v", i, got.Genes[i], g)
		}
	}
	if got.Scale.Hires != want.Scale.Hires || got.Scale.SpotDiameter != want.Scale.SpotDiameter {
		t.Errorf("scale factors %+v, want %+v", got.Scale, want.Scale)
	}
}

// FuzzRead reads files of any bytes: each gives slides or format errors.
func FuzzRead(f *testing.F) {
	for _, a := range []*h5ad.AnnData{pair(), {
		X: csc(countsOf), Obs: &h5ad.Frame{Index: []string{"a", "b", "c", "d"}}, Var: &h5ad.Frame{Index: []string{"x", "y", "z"}},
		Obsm: map[string]any{"spatial": &h5ad.Array{Shape: []int{4, 2}, Data: make([]float32, 8)}},
	}} {
		b, err := os.ReadFile(write(f, "x.h5ad", a))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	p := filepath.Join(f.TempDir(), "x.h5ad")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(p, b, 0o666); err != nil {
			t.Fatal(err)
		}
		var fe *format.Error
		locs, err := Find(p)
		if err != nil && !errors.As(err, &fe) {
			t.Errorf("Find: not a format error: %v", err)
		}
		for _, loc := range locs[:min(2, len(locs))] {
			s, err := Read(context.Background(), loc, Options{})
			if err != nil && !errors.As(err, &fe) {
				t.Errorf("Read: not a format error: %v", err)
			}
			if err == nil && s.Check() != nil {
				t.Errorf("not a slide: %v", s.Check())
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	const spots, genes = 1000, 500
	rows := make([][]float32, spots)
	for i := range rows {
		rows[i] = make([]float32, genes)
		for j := range genes {
			if (i*7+j*13)%10 == 0 {
				rows[i][j] = float32(1 + (i+j)%5)
			}
		}
	}
	names := func(n int) (s []string) {
		for i := range n {
			s = append(s, fmt.Sprint("n", i))
		}
		return s
	}
	p := write(b, "x.h5ad", &h5ad.AnnData{X: csr(rows), Obs: &h5ad.Frame{Index: names(spots)}, Var: &h5ad.Frame{Index: names(genes)},
		Obsm: map[string]any{"spatial": &h5ad.Array{Shape: []int{spots, 2}, Data: make([]float64, 2*spots)}}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(context.Background(), p, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
