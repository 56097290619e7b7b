package h5ad

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"testing"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
)

// comprehensive has an element of each kind in each place, with values that a
// wrong type would change.
func comprehensive() *AnnData {
	const n, m = 5, 4
	r := rand.New(rand.NewPCG(1, 1))
	missing := []bool{true, false, false, true, false}
	data := func(k, n int) *Array { return &Array{Shape: []int{n}, Data: randomData(r, k, n)} }
	obs := &Frame{Index: []string{"S1_AAA-1", "S1_CCC-1", "S1_GGG-1", "S2_AAA-1", "S2_µ"}, Columns: []Column{
		{Name: "slide_id", Codes: []int32{0, 0, 0, 1, 1}, Categories: []string{"S1", "S2"}},
		{Name: "split", Codes: []int32{2, -1, 0, 0, 2}, Categories: []string{"val", "unused", "train"}, Ordered: true},
		{Name: "cluster", Codes: []int32{2, 1, 0, 0, 2}, Categories: []int64{10, 20, -3}},
		{Name: "array_row", Data: []int64{math.MaxInt64, -1, 0, 1, 2}},
		{Name: "n_genes", Data: []int32{5, 4, 3, 2, 1}, Missing: missing},
		{Name: "passed", Data: []bool{true, false, true, false, true}, Missing: missing},
		{Name: "in_tissue", Data: []bool{true, false, true, false, true}},
		{Name: "x", Data: []float64{0.1, math.NaN(), 1e-300, -5, 1e300}},
		{Name: "note", Data: []string{"", "spøt µ", "漢字", "a,b\n\"c\"", " "}},
	}}
	a := &AnnData{
		X:   &Sparse{Rows: n, Cols: m, IndPtr: []int64{0, 2, 2, 3, 3, 4}, Indices: []int32{0, 3, 1, 2}, Data: []float32{1, 16777216, 3, 0.5}},
		Obs: obs,
		Var: &Frame{IndexName: "gene", Index: []string{"Gfap", "Mbp", "Ttr", "mt-Co1"}},
		Layers: map[string]any{
			"log1p":  &Array{Shape: []int{n, m}, Data: randomData(r, 9, n*m)},
			"mask":   &Array{Shape: []int{n, m}, Data: randomData(r, 0, n*m)},
			"counts": &Sparse{Rows: n, Cols: m, Columns: true, IndPtr: []int64{0, 1, 1, 2, 3}, Indices: []int32{4, 0, 2}, Data: []int64{1, math.MaxInt64, 3}},
		},
		Obsm: map[string]any{
			"spatial": &Array{Shape: []int{n, 2}, Data: randomData(r, 10, n*2)},
			"patches": &Array{Shape: []int{n, 12}, Data: randomData(r, 2, n*12)},
			"table":   &Frame{Index: obs.Index, Columns: []Column{{Name: "u", Data: []float64{1, 2, 3, 4, 5}}}},
		},
		Varm: map[string]any{"PCs": &Array{Shape: []int{m, 3}, Data: randomData(r, 10, m*3)}},
		Obsp: map[string]any{"connectivities": &Sparse{Rows: n, Cols: n, IndPtr: []int64{0, 1, 1, 1, 1, 1}, Indices: []int32{4}, Data: []float64{0.25}}},
		Varp: map[string]any{"cor": &Array{Shape: []int{m, m}, Data: randomData(r, 10, m*m)}},
		Raw: map[string]any{
			"X":   &Sparse{Rows: n, Cols: 2, IndPtr: []int64{0, 1, 1, 1, 1, 1}, Indices: []int32{1}, Data: []float32{7}},
			"var": &Frame{Index: []string{"A", "B"}}, "varm": map[string]any{},
		},
	}
	uns := map[string]any{
		"spatial": map[string]any{"S1": map[string]any{
			"images":       map[string]any{"hires": &Array{Shape: []int{3, 2, 3}, Data: randomData(r, 2, 18)}},
			"scalefactors": map[string]any{"tissue_hires_scalef": 0.17, "spot_diameter_fullres": 89.5},
			"metadata":     map[string]any{},
		}},
		"text": "µ", "empty text": "", "yes": true, "int": int64(-3), "none": nil,
		"tensor": &Array{Shape: []int{2, 1, 3}, Data: []int16{1, 2, 3, 4, 5, 6}},
		"names":  &Array{Shape: []int{2, 2}, Data: []string{"a", "", "µ", "d"}},
		"no":     &Array{Shape: []int{0}, Data: []float64{}},
		"ranks":  &Records{Fields: []Column{{Name: "0", Data: []string{"Gfap", "Mbp"}}, {Name: "1", Data: []float32{1.5, -2}}}},
		"groups": &obs.Columns[1],
		"table":  &Frame{Index: []string{"r"}, Columns: []Column{{Name: "q", Data: []string{"x"}}}},
	}
	for k := range 12 {
		uns[fmt.Sprintf("%T", randomData(r, k, 0))[2:]] = data(k, 70) // long enough to be compressed
	}
	a.Uns = uns
	return a
}

// expectation is what check_anndata.py wants of an element.
type expectation struct {
	Kind       string   `json:"kind"`
	DType      string   `json:"dtype,omitempty"`
	Format     string   `json:"format,omitempty"`
	Values     any      `json:"values"`
	Categories any      `json:"categories,omitempty"`
	Ordered    bool     `json:"ordered"`
	Columns    []string `json:"columns"`
	Keys       []string `json:"keys"`
	Fields     []string `json:"fields"`
}

var numpyNames = map[string]string{
	"[]bool": "bool", "[]int8": "int8", "[]uint8": "uint8", "[]int16": "int16", "[]uint16": "uint16", "[]int32": "int32",
	"[]uint32": "uint32", "[]int64": "int64", "[]uint64": "uint64", "[]float32": "float32", "[]float64": "float64", "[]string": "text",
}

// finite turns NaN into nil, which JSON can hold.
func finite(v any) any {
	if f, ok := number(v); ok && math.IsNaN(f) {
		return nil
	}
	if f, ok := number(v); ok && math.IsInf(f, 0) {
		return json.RawMessage(map[bool]string{true: "1e999", false: "-1e999"}[f > 0])
	}
	if f, ok := v.(float32); ok {
		return float64(f)
	}
	return v
}

func nested(a *Array) any {
	k := 0
	var nest func(shape []int) any
	nest = func(shape []int) any {
		if len(shape) == 0 {
			k++
			return finite(at(a.Data, k-1))
		}
		out := make([]any, shape[0])
		for i := range out {
			out[i] = nest(shape[1:])
		}
		return out
	}
	return nest(a.Shape)
}

func dense(s *Sparse) *Array {
	out := make([]any, s.Rows*s.Cols)
	for i := range out {
		out[i] = 0
	}
	for i := range len(s.IndPtr) - 1 {
		for k := s.IndPtr[i]; k < s.IndPtr[i+1]; k++ {
			row, col := i, int(s.Indices[k])
			if s.Columns {
				row, col = col, row
			}
			out[row*s.Cols+col] = at(s.Data, int(k))
		}
	}
	return &Array{Shape: []int{s.Rows, s.Cols}, Data: out}
}

// expect lists what Python must find under a key, and below it.
func expect(all map[string]expectation, key string, v any) {
	switch v := v.(type) {
	case nil:
	case map[string]any:
		e := expectation{Kind: "dict", Keys: []string{}}
		for name, sub := range v {
			if sub != nil {
				e.Keys = append(e.Keys, name)
				expect(all, key+"/"+name, sub)
			}
		}
		sort.Strings(e.Keys)
		all[key] = e
	case *Array:
		all[key] = expectation{Kind: "array", DType: numpyNames[fmt.Sprintf("%T", v.Data)], Values: nested(v)}
	case *Sparse:
		e := expectation{Kind: "sparse", Format: "csr", DType: numpyNames[fmt.Sprintf("%T", v.Data)], Values: nested(dense(v))}
		if v.Columns {
			e.Format = "csc"
		}
		all[key] = e
	case *Frame:
		e := expectation{Kind: "frame", Columns: []string{}, Values: v.Index}
		for i := range v.Columns {
			e.Columns = append(e.Columns, v.Columns[i].Name)
			expect(all, key+"/"+v.Columns[i].Name, &v.Columns[i])
		}
		all[key] = e
	case *Column:
		all[key] = expectColumn(v)
	case *Records:
		e := expectation{Kind: "records"}
		rows := make([][]any, v.Fields[0].Len())
		for _, f := range v.Fields {
			e.Fields = append(e.Fields, f.Name)
			for i := range rows {
				rows[i] = append(rows[i], finite(at(f.Data, i)))
			}
		}
		e.Values = rows
		all[key] = e
	default:
		all[key] = expectation{Kind: "scalar", Values: v}
	}
}

func expectColumn(c *Column) expectation {
	values := make([]any, c.Len())
	for i := range values {
		if v, ok := c.Value(i); ok {
			values[i] = finite(v)
		}
	}
	e := expectation{Kind: "array", Values: values, Ordered: c.Ordered}
	switch name := numpyNames[fmt.Sprintf("%T", c.Data)]; {
	case c.Categorical():
		e.Kind, e.Categories = "categorical", c.Categories
	case c.Missing != nil && name == "bool":
		e.DType = "boolean"
	case c.Missing != nil: // pandas: Int32, UInt8
		e.DType = map[byte]string{'i': "I", 'u': "UI"}[name[0]] + map[byte]string{'i': name[1:], 'u': name[2:]}[name[0]]
	default:
		e.DType = name
	}
	return e
}

// TestPythonReads lets anndata itself check a comprehensive file and random
// ones. It runs where SPATIALGO_CHECK_PYTHON names a Python with anndata.
func TestPythonReads(t *testing.T) {
	python := os.Getenv("SPATIALGO_CHECK_PYTHON")
	if python == "" {
		t.Skip("SPATIALGO_CHECK_PYTHON names no Python with anndata")
	}
	dir, args := t.TempDir(), []string{filepath.Join("testdata", "check_anndata.py")}
	add := func(reason string, a *AnnData, o WriteOptions) {
		p, want := filepath.Join(dir, reason+".h5ad"), filepath.Join(dir, reason+".json")
		args = append(args, p, want)
		if err := Write(p, a, o); err != nil {
			t.Fatal(err)
		}
		all := map[string]expectation{}
		expect(all, "obs", a.Obs)
		expect(all, "var", a.Var)
		expect(all, "X", a.X)
		for _, g := range a.groups() {
			for name, v := range *g.m {
				if g.key+"/"+name != "raw/varm" {
					expect(all, g.key+"/"+name, v)
				}
			}
		}
		if len(all) < 3 {
			t.Fatal("nothing to check")
		}
		b, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(want, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	add("comprehensive, gzip", comprehensive(), WriteOptions{})
	add("comprehensive, plain", comprehensive(), WriteOptions{Gzip: NoCompression})
	for seed := range uint64(6) {
		a := randomAnnData(rand.New(rand.NewPCG(seed, 3)))
		// pandas has no record arrays of booleans beside text; keep to what is checked.
		add(fmt.Sprint("random, seed ", seed), a, WriteOptions{})
	}
	out, err := exec.Command(python, args...).CombinedOutput() // one start for all files
	if err != nil {
		t.Errorf("the last file named: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestComprehensiveOnDisk looks at a comprehensive file with hdf5x alone: it
// holds what the specification of anndata says, not only what Read accepts.
func TestComprehensiveOnDisk(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x.h5ad")
	if err := Write(p, comprehensive(), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	f, err := hdf5x.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct{ reason, key, kind, version string }{
		{"the root", "", "anndata", "0.1.0"},
		{"compressed rows", "X", "csr_matrix", "0.1.0"},
		{"compressed columns", "layers/counts", "csc_matrix", "0.1.0"},
		{"dense", "layers/log1p", "array", "0.2.0"},
		{"mask", "layers/mask", "array", "0.2.0"},
		{"table", "obs", "dataframe", "0.2.0"},
		{"index", "obs/_index", "string-array", "0.2.0"},
		{"named index", "var/gene", "string-array", "0.2.0"},
		{"categorical", "obs/split", "categorical", "0.2.0"},
		{"codes", "obs/split/codes", "array", "0.2.0"},
		{"nullable integer", "obs/n_genes", "nullable-integer", "0.1.0"},
		{"nullable boolean", "obs/passed", "nullable-boolean", "0.1.0"},
		{"no varp is a group all the same", "varp", "dict", "0.1.0"},
		{"raw", "raw", "raw", "0.1.0"},
		{"text", "uns/text", "string", "0.2.0"},
		{"number", "uns/spatial/S1/scalefactors/tissue_hires_scalef", "numeric-scalar", "0.2.0"},
		{"record array", "uns/ranks", "rec-array", "0.2.0"},
	} {
		kind, err := f.Attr(c.key, "encoding-type")
		version, verr := f.Attr(c.key, "encoding-version")
		if err != nil || verr != nil || kind != c.kind || version != c.version {
			t.Errorf("%s: %q is %v %v, want %s %s (%v, %v)", c.reason, c.key, kind, version, c.kind, c.version, err, verr)
		}
	}
	if f.Exists("uns/none") {
		t.Error("None was written")
	}
	if order, err := f.Attr("var", "column-order"); err != nil || len(order.([]string)) != 0 {
		t.Errorf("column-order of no columns: %v, %v", order, err)
	}
	for key, want := range map[string]hdf5x.Info{
		"layers/mask":                 {Shape: []int{5, 4}, Kind: hdf5x.Bool, Bits: 8},
		"obs/split/codes":             {Shape: []int{5}, Kind: hdf5x.Int, Bits: 8},
		"X/indptr":                    {Shape: []int{6}, Kind: hdf5x.Int, Bits: 32},
		"uns/spatial/S1/images/hires": {Shape: []int{3, 2, 3}, Kind: hdf5x.Uint, Bits: 8},
		"uns/text":                    {Shape: []int{}, Kind: hdf5x.String, Bits: 128},
		"uns/float64":                 {Shape: []int{70}, Kind: hdf5x.Float, Bits: 64},
	} {
		got, err := f.Info(key)
		if err != nil || fmt.Sprint(got.Shape, got.Kind, got.Bits) != fmt.Sprint(want.Shape, want.Kind, want.Bits) {
			t.Errorf("%s: %+v, want %+v, %v", key, got, want, err)
		}
	}
	if info, err := f.Info("uns/float64"); err != nil || !info.Chunked || len(info.Filters) == 0 {
		t.Errorf("an array of 70 values is not compressed: %+v, %v", info, err)
	}
}
