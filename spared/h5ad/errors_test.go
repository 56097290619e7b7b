package h5ad

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/format"
)

func names(s ...string) *Frame { return &Frame{Index: s} }

// small is a valid AnnData of 2 spots and 3 genes.
func small() *AnnData {
	return &AnnData{
		X:   &Sparse{Rows: 2, Cols: 3, IndPtr: []int64{0, 1, 2}, Indices: []int32{2, 0}, Data: []float32{1, 2}},
		Obs: names("AAA-1", "CCC-1"), Var: names("Gfap", "Mbp", "Ttr"),
		Obsm: map[string]any{"spatial": &Array{Shape: []int{2, 2}, Data: []float64{1, 2, 3, 4}}},
	}
}

func TestWriteAtFault(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "x.h5ad")
	if err := Write(p, small(), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		change func(a *AnnData)
		want   string
	}{
		{"no names", func(a *AnnData) { a.Obs = nil }, "obs and var must be set"},
		{"rows of X", func(a *AnnData) { a.Obs = names("a") }, "X: has 2 rows, want 1"},
		{"columns of a layer", func(a *AnnData) {
			a.Layers = map[string]any{"l": &Array{Shape: []int{2, 2}, Data: make([]int8, 4)}}
		}, "layers/l: has 2 columns, want 3"},
		{"a layer of one dimension", func(a *AnnData) {
			a.Layers = map[string]any{"l": &Array{Shape: []int{2}, Data: make([]int8, 2)}}
		}, "layers/l"},
		{"a number as obsm", func(a *AnnData) { a.Obsm["x"] = 3.5 }, "obsm/x: is a single float64"},
		{"shape and data", func(a *AnnData) { a.Uns = map[string]any{"a": &Array{Shape: []int{3}, Data: []int8{1}}} }, "uns/a: 1 values for the shape [3]"},
		{"index outside", func(a *AnnData) { a.X.(*Sparse).Indices[0] = 3 }, "X: index 0 is 3"},
		{"offsets", func(a *AnnData) { a.X.(*Sparse).IndPtr[1] = 5 }, "X: offset 1 is 5"},
		{"sparse text", func(a *AnnData) { a.X.(*Sparse).Data = []string{"a", "b"} }, "X: holds strings"},
		{"code without category", func(a *AnnData) {
			a.Obs.Columns = []Column{{Name: "split", Codes: []int32{0, 1}, Categories: []string{"train"}}}
		}, `obs: column "split": row 1 has the code 1`},
		{"category twice", func(a *AnnData) {
			a.Obs.Columns = []Column{{Name: "split", Codes: []int32{0, 1}, Categories: []string{"a", "a"}}}
		}, `category "a" stands twice`},
		{"column length", func(a *AnnData) { a.Obs.Columns = []Column{{Name: "n", Data: []int64{1}}} }, `obs: column "n" has 1 values for 2 rows`},
		{"column twice", func(a *AnnData) {
			a.Obs.Columns = []Column{{Name: "n", Data: []int64{1, 2}}, {Name: "n", Data: []int64{1, 2}}}
		}, `column "n": the name stands twice`},
		{"slash in a name", func(a *AnnData) { a.Obs.Columns = []Column{{Name: "a/b", Data: []int64{1, 2}}} }, "cannot be a key"},
		{"slash in a key", func(a *AnnData) { a.Uns = map[string]any{"a/b": 1.0} }, "cannot be a key"},
		{"unknown type", func(a *AnnData) { a.Uns = map[string]any{"t": struct{}{}} }, "uns/t: values of type struct {} cannot be written"},
		{"NUL in text", func(a *AnnData) { a.Uns = map[string]any{"s": "a\x00b"} }, "uns/s: cannot be written"},
		{"raw of other rows", func(a *AnnData) {
			a.Raw = map[string]any{"X": &Array{Shape: []int{1, 1}, Data: []int8{1}}, "var": names("g")}
		}, "raw/X: has 1 rows, want 2"},
	} {
		a := small()
		c.change(a)
		err := Write(p, a, WriteOptions{})
		var fe *format.Error
		if !errors.As(err, &fe) || fe.Path != p || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a format error with %q", c.reason, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%s: the error names the temporary file: %v", c.reason, err)
		}
	}
	now, err := os.ReadFile(p)
	if err != nil || string(now) != string(old) {
		t.Errorf("the old file was changed: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
	if err := Write(p, small(), WriteOptions{Gzip: 12}); err == nil {
		t.Error("level 12 is accepted")
	}
	if err := Write(dir, small(), WriteOptions{}); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder as target: %v", err)
	}
	if err := Write(filepath.Join(dir, "none", "x.h5ad"), small(), WriteOptions{}); err == nil || !strings.Contains(err.Error(), "make it first") {
		t.Errorf("a missing folder: %v", err)
	}
}

// TestReadAtFault changes a valid file in one place.
func TestReadAtFault(t *testing.T) {
	for _, c := range []struct {
		reason string
		write  func(f *hdf5x.File) error
		want   string
	}{
		{"no tables", func(f *hdf5x.File) error { return f.Group("X") }, "obs: is missing"},
		{"10x matrix", func(f *hdf5x.File) error {
			return hdf5x.Write(f, "matrix/barcodes", []string{"a"}, nil, hdf5x.WriteOptions{})
		}, "10x"},
		{"MuData", func(f *hdf5x.File) error { return f.SetAttr("", "encoding-type", "MuData") }, "MuData"},
		{"anndata 0.6", func(f *hdf5x.File) error {
			return hdf5x.WriteCompound(f, "obs", []hdf5x.Member{{Name: "index", Data: []string{"a"}}})
		}, "before 0.7"},
		{"no index", func(f *hdf5x.File) error {
			return errors.Join(f.Group("obs"), f.Group("var"), f.SetAttr("obs", "column-order", []string{}))
		}, `obs: attribute "_index"`},
		{"lost column", with("obs", []string{"gone"}, nil), "obs/gone: no such key"},
		{"column of other length", with("obs", []string{"n"}, func(f *hdf5x.File) error {
			return hdf5x.Write(f, "obs/n", []int8{1}, nil, hdf5x.WriteOptions{})
		}), "obs/n: has 1 values for 2 rows"},
		{"group as column", with("obs", []string{"n"}, func(f *hdf5x.File) error { return f.Group("obs/n") }), "obs/n: is a group, want a column"},
		{"unknown encoding", with("obs", nil, func(f *hdf5x.File) error {
			return errors.Join(f.Group("uns/a"), f.SetAttr("uns/a", "encoding-type", "awkward-array"))
		}), `uns/a: has the encoding "awkward-array"`},
		{"layer of other shape", with("obs", nil, func(f *hdf5x.File) error {
			return hdf5x.Write(f, "layers/l", []int8{1}, []int{1, 1}, hdf5x.WriteOptions{})
		}), "layers/l: has 1 rows, want 2"},
		{"sparse without shape", with("obs", nil, func(f *hdf5x.File) error {
			return errors.Join(f.Group("X"), f.SetAttr("X", "encoding-type", "csr_matrix"))
		}), `X: no such key: it has no attribute "shape"`},
		{"sparse of bad offsets", with("obs", nil, func(f *hdf5x.File) error {
			return errors.Join(f.Group("X"), f.SetAttr("X", "encoding-type", "csr_matrix"), f.SetAttr("X", "shape", []int64{2, 1}),
				hdf5x.Write(f, "X/data", []float32{1}, nil, hdf5x.WriteOptions{}),
				hdf5x.Write(f, "X/indices", []int32{0}, nil, hdf5x.WriteOptions{}),
				hdf5x.Write(f, "X/indptr", []int64{0, 9, 1}, nil, hdf5x.WriteOptions{}))
		}), "X: offset 1 is 9"},
		{"layers as a dataset", with("obs", nil, func(f *hdf5x.File) error {
			return hdf5x.Write(f, "layers", []int8{1}, nil, hdf5x.WriteOptions{})
		}), "layers: is a dense array"},
	} {
		p := filepath.Join(t.TempDir(), "x.h5ad")
		f, err := hdf5x.Create(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.write(f), f.Close()); err != nil {
			t.Fatal(err)
		}
		_, err = Read(p)
		var fe *format.Error
		if !errors.As(err, &fe) || fe.Path != p || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a format error with %q", c.reason, err, c.want)
		}
	}
}

// with writes two tables of two rows, obs with the given columns, and more.
func with(table string, columns []string, more func(f *hdf5x.File) error) func(f *hdf5x.File) error {
	return func(f *hdf5x.File) error {
		var errs []error
		for _, key := range []string{"obs", "var"} {
			order := []string{}
			if key == table && columns != nil {
				order = columns
			}
			errs = append(errs,
				hdf5x.Write(f, key+"/_index", []string{"a", "b"}, nil, hdf5x.WriteOptions{}),
				f.SetAttr(key, "encoding-type", "dataframe"), f.SetAttr(key, "_index", "_index"), f.SetAttr(key, "column-order", order))
		}
		if more != nil {
			errs = append(errs, more(f))
		}
		return errors.Join(errs...)
	}
}

// TestLegacyCategorical reads a table as anndata 0.7 writes it.
func TestLegacyCategorical(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x.h5ad")
	f, err := hdf5x.Create(p)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(with("obs", []string{"region"}, func(f *hdf5x.File) error {
		return errors.Join(
			hdf5x.Write(f, "obs/region", []int8{1, -1}, nil, hdf5x.WriteOptions{}),
			hdf5x.Write(f, "obs/__categories/region", []string{"WM", "L1"}, nil, hdf5x.WriteOptions{}),
			f.SetAttr("obs/__categories/region", "ordered", true),
			f.Group("X"), f.SetAttr("X", "h5sparse_format", "csr"), f.SetAttr("X", "h5sparse_shape", []int64{2, 2}),
			hdf5x.Write(f, "X/data", []float32{5}, nil, hdf5x.WriteOptions{}),
			hdf5x.Write(f, "X/indices", []int32{1}, nil, hdf5x.WriteOptions{}),
			hdf5x.Write(f, "X/indptr", []int32{0, 0, 1}, nil, hdf5x.WriteOptions{}))
	})(f), f.Close())
	if err != nil {
		t.Fatal(err)
	}
	a, err := Read(p)
	if err != nil {
		t.Fatal(err)
	}
	want := Column{Name: "region", Codes: []int32{1, -1}, Categories: []string{"WM", "L1"}, Ordered: true}
	if d := cmp.Diff(want, a.Obs.Columns[0]); d != "" {
		t.Error(d)
	}
	if x := a.X.(*Sparse); x.Rows != 2 || x.Data.([]float32)[0] != 5 {
		t.Errorf("X is %+v", x)
	}
	one, err := ReadElem(p, "obs/region")
	if d := cmp.Diff(any(&want), one); d != "" || err != nil {
		t.Errorf("alone: %v %s", err, d)
	}
}

func TestReadInPart(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x.h5ad")
	a := small()
	dense := func(v float32) *Array { return &Array{Shape: []int{2, 3}, Data: []float32{v, 0, 0, 0, 0, v}} }
	a.Layers = map[string]any{"log1p": dense(1), "tpm": dense(2)}
	a.Uns = map[string]any{"spatial": map[string]any{"S1": map[string]any{"scale": 0.5, "metadata": "x"}}, "other": "y"}
	if err := Write(p, a, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := ReadKeys(p, "layers/log1p", "/uns/spatial/S1/scale/")
	if err != nil {
		t.Fatal(err)
	}
	want := &AnnData{
		Obs: a.Obs, Var: a.Var, Layers: map[string]any{"log1p": dense(1)},
		Uns: map[string]any{"spatial": map[string]any{"S1": map[string]any{"scale": 0.5}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := ReadKeys(p, "layers/none"); !errors.Is(err, hdf5x.ErrNoKey) || !strings.Contains(err.Error(), "log1p, tpm") {
		t.Errorf("missing key: %v", err)
	}
	if v, err := ReadElem(p, "uns/spatial/S1/scale"); err != nil || v != 0.5 {
		t.Errorf("one element: %v, %v", v, err)
	}
	if _, err := ReadElem(p, "/"); err == nil {
		t.Error("the root is read as an element")
	}
	keys, err := Keys(p)
	if err != nil || strings.Join(keys, " ") != "X layers layers/log1p layers/tpm obs obs/_index obsm obsm/spatial obsp uns uns/other uns/spatial var var/_index varm varp" {
		t.Errorf("keys: %v, %v", keys, err)
	}
}
