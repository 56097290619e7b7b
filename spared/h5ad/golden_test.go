package h5ad

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// golden returns a reference file, or skips the test where there is none.
func golden(t testing.TB, name string) string {
	p := filepath.Join("..", "..", "..", "shared", "golden", name)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("no reference data: %v", err)
	}
	return p
}

func goldenJSON(t *testing.T, name string) map[string]any {
	b, err := os.ReadFile(golden(t, name))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func read(t *testing.T, name string) *AnnData {
	a, err := Read(golden(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// approx compares sums of float32 or float64 values, which the order of
// addition changes in the last bits.
var approx = cmpopts.EquateApprox(1e-12, 0)

// jsonColumn is a column as JSON has it: null for what is missing or NaN.
func jsonColumn(c *Column) []any {
	out := make([]any, c.Len())
	for i := range out {
		v, ok := c.Value(i)
		f, isNumber := number(v)
		_, isBool := v.(bool)
		switch {
		case !ok || isNumber && math.IsNaN(f):
		case isNumber && !isBool:
			out[i] = f
		default:
			out[i] = v
		}
	}
	return out
}

// jsonArray is a two- or three-dimensional array as JSON has it.
func jsonArray(t *testing.T, v any) any {
	a, ok := v.(*Array)
	if !ok {
		t.Fatalf("got a %s, want an array", describe(v))
	}
	k := 0
	var nest func(shape []int) any
	nest = func(shape []int) any {
		if len(shape) == 0 {
			f, _ := number(at(a.Data, k))
			k++
			return f
		}
		out := make([]any, shape[0])
		for i := range out {
			out[i] = nest(shape[1:])
		}
		return out
	}
	return nest(a.Shape)
}

func jsonStrings(s []string) []any {
	out := make([]any, len(s))
	for i := range s {
		out[i] = s[i]
	}
	return out
}

func jsonFloats(s []float64) []any {
	out := make([]any, len(s))
	for i := range s {
		out[i] = s[i]
	}
	return out
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, approx); d != "" {
		t.Errorf("%s differs:\n%s", what, d)
	}
}

func denseSum(t *testing.T, v any) float64 {
	a, ok := v.(*Array)
	if !ok {
		t.Fatalf("got a %s, want an array", describe(v))
	}
	var s float64
	for i := range length(a.Data) {
		f, _ := number(at(a.Data, i))
		s += f
	}
	return s
}

func TestGoldenSmall(t *testing.T) {
	want := goldenJSON(t, "small_h5ad_expected.json")
	for _, name := range []string{"small_gzip.h5ad", "small_lzf.h5ad", "small_plain.h5ad"} {
		t.Run(name, func(t *testing.T) {
			a := read(t, name)
			checkSmallTables(t, a, want)
			checkSmallMatrices(t, a, want)
			checkSmallUns(t, a, want)
		})
	}
}

func checkSmallTables(t *testing.T, a *AnnData, want map[string]any) {
	same(t, "obs names", want["obs_names"], any(jsonStrings(a.Obs.Index)))
	same(t, "var names", want["var_names"], any(jsonStrings(a.Var.Index)))
	var order []string
	for i := range a.Obs.Columns {
		c := &a.Obs.Columns[i]
		order = append(order, c.Name)
		same(t, "obs/"+c.Name, want["obs"].(map[string]any)[c.Name], any(jsonColumn(c)))
		cats, categorical := want["categories"].(map[string]any)[c.Name]
		if categorical != c.Categorical() {
			t.Errorf("obs/%s: categorical is %v", c.Name, c.Categorical())
		}
		if categorical {
			same(t, "categories of "+c.Name, cats, any(jsonColumn(&Column{Data: c.Categories})))
			same(t, "order of "+c.Name, want["ordered"].(map[string]any)[c.Name], any(c.Ordered))
		}
	}
	same(t, "column order", want["obs_column_order"], any(jsonStrings(order)))
	same(t, "var/length", want["var_length"], any(jsonColumn(a.Var.Column("length"))))
	for name, want := range map[string]string{
		"i8": "[]int8", "u16": "[]uint16", "f32": "[]float32", "float_nan": "[]float64", "plain_bool": "[]bool",
		"nullable_int": "[]int32", "nullable_bool": "[]bool", "utf8": "[]string",
	} {
		if got := fmt.Sprintf("%T", a.Obs.Column(name).Data); got != want {
			t.Errorf("obs/%s is %s, want %s", name, got, want)
		}
	}
}

func checkSmallMatrices(t *testing.T, a *AnnData, want map[string]any) {
	x, err := a.X.(*Sparse).CSR()
	if err != nil {
		t.Fatal(err)
	}
	cols, _ := x.ColSums()
	same(t, "row sums", want["X_row_sums"], any(jsonFloats(x.RowSums())))
	same(t, "column sums", want["X_col_sums"], any(jsonFloats(cols)))
	same(t, "nnz", want["nnz"], any(float64(x.NNZ())))
	for _, name := range []string{"csc_f32", "csr_i64"} {
		s := a.Layers[name].(*Sparse)
		m, err := s.CSR()
		if err != nil {
			t.Fatal(err)
		}
		if name == "csc_f32" != s.Columns || !cmp.Equal(m.RowSums(), x.RowSums()) {
			t.Errorf("layer %s: by column %v, row sums %v", name, s.Columns, m.RowSums())
		}
	}
	if _, ok := a.Layers["csr_i64"].(*Sparse).Data.([]int64); !ok {
		t.Error("csr_i64 is not of int64")
	}
	same(t, "dense sum", want["dense_f64_sum"], any(denseSum(t, a.Layers["dense_f64"])))
	same(t, "mask", want["mask_true"], any(denseSum(t, a.Layers["mask_bool"])))
	same(t, "X_pca", want["X_pca"], jsonArray(t, a.Obsm["X_pca"]))
	same(t, "PCs", want["varm_PCs"], jsonArray(t, a.Varm["PCs"]))
	sparse := a.Obsm["sparse"].(*Sparse)
	dense := &Array{Shape: []int{sparse.Rows, sparse.Cols}, Data: make([]float64, sparse.Rows*sparse.Cols)}
	for i := range sparse.Rows {
		for k := sparse.IndPtr[i]; k < sparse.IndPtr[i+1]; k++ {
			dense.Data.([]float64)[i*sparse.Cols+int(sparse.Indices[k])] = sparse.Data.([]float64)[k]
		}
	}
	same(t, "obsm/sparse", want["obsm_sparse"], jsonArray(t, dense))
	conn := a.Obsp["conn"].(*Sparse)
	same(t, "conn nnz", want["obsp_conn_nnz"], any(float64(len(conn.Indices))))
	same(t, "conn sum", want["obsp_conn_sum"], any(denseSum(t, &Array{Data: conn.Data})))
	if f := a.Obsm["df"].(*Frame); len(f.Index) != 60 || len(f.Columns) != 2 {
		t.Errorf("obsm/df has %d rows and %d columns", len(f.Index), len(f.Columns))
	}
	if raw := a.Raw["X"].(*Sparse); raw.Rows != 60 || raw.Cols != 10 || len(a.Raw["var"].(*Frame).Index) != 10 {
		t.Errorf("raw is a %s", describe(raw))
	}
}

func checkSmallUns(t *testing.T, a *AnnData, want map[string]any) {
	var keys []string
	for k := range a.Uns {
		keys = append(keys, k)
	}
	if d := cmp.Diff(want["uns_keys"], any(jsonStrings(keys)), cmpopts.SortSlices(func(x, y any) bool { return x.(string) < y.(string) })); d != "" {
		t.Errorf("uns keys differ:\n%s", d)
	}
	slide := a.Uns["spatial"].(map[string]any)["S_1"].(map[string]any)
	lowres := slide["images"].(map[string]any)["lowres"]
	same(t, "lowres", want["lowres"], jsonArray(t, lowres))
	if _, ok := lowres.(*Array).Data.([]uint8); !ok {
		t.Errorf("the image is of %T", lowres.(*Array).Data)
	}
	if u := slide["metadata"].(map[string]any)["unicode"]; u == nil || u == "" {
		t.Errorf("unicode is %v", u)
	}
	rec, ok := a.Uns["rec"].(*Records)
	if !ok || len(rec.Fields) != 3 || rec.Fields[0].Name != "a" || rec.Fields[2].Len() != 2 {
		t.Errorf("rec is %+v", a.Uns["rec"])
	}
	if c, ok := a.Uns["cat"].(*Column); !ok || !c.Categorical() || c.Len() != 3 {
		t.Errorf("cat is %+v", a.Uns["cat"])
	}
	if v, ok := a.Uns["none"]; !ok || v != nil {
		t.Errorf("none is %v", v)
	}
	if v := a.Uns["empty_arr"].(*Array); len(v.Shape) != 1 || length(v.Data) != 0 {
		t.Errorf("empty_arr is %+v", v)
	}
	if v := a.Uns["nd3"].(*Array); !cmp.Equal(v.Shape, []int{2, 3, 4}) {
		t.Errorf("nd3 is %+v", v)
	}
}

func TestGoldenAnnData092(t *testing.T) {
	want := goldenJSON(t, "small_anndata092_expected.json")
	a := read(t, "small_anndata092.h5ad")
	x, err := a.X.(*Sparse).CSR()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "obs names", want["obs_names"], any(jsonStrings(a.Obs.Index)))
	same(t, "shape", want["shape"], any(jsonFloats([]float64{float64(x.Rows), float64(x.Cols)})))
	same(t, "row sums", want["X_row_sums"], any(jsonFloats(x.RowSums())))
	same(t, "dense sum", want["dense_sum"], any(denseSum(t, a.Layers["dense"])))
	for _, name := range []string{"region", "nullable_int"} {
		same(t, name, want[name], any(jsonColumn(a.Obs.Column(name))))
	}
	if s := a.Uns["nested"].(map[string]any)["k"].(map[string]any)["s"]; s == "" {
		t.Errorf("nested string is %v", s)
	}
}

func TestGoldenCorners(t *testing.T) {
	empty := read(t, "small_empty.h5ad")
	if x := empty.X.(*Sparse); x.Rows != 0 || x.Cols != 3 || len(empty.Var.Index) != 3 || len(empty.Obs.Columns) != 0 {
		t.Errorf("empty: X is a %s", describe(x))
	}
	noX := read(t, "small_noX.h5ad")
	if noX.X != nil || len(noX.Obs.Index) != 2 || len(noX.Var.Index) != 0 {
		t.Errorf("noX: X is a %s", describe(noX.X))
	}
	ns := read(t, "small_nullable_string.h5ad").Obs.Column("nullable_str")
	if _, ok := ns.Value(0); ns.Len() != 10 || len(ns.Strings()) != 10 {
		t.Errorf("nullable_str: %+v %v", ns, ok)
	}
}

// TestGoldenRewritten reads, writes and reads each of the reference files.
func TestGoldenRewritten(t *testing.T) {
	for _, name := range []string{
		"small_gzip.h5ad", "small_lzf.h5ad", "small_plain.h5ad", "small_anndata092.h5ad",
		"small_empty.h5ad", "small_noX.h5ad", "small_nullable_string.h5ad",
	} {
		a := read(t, name)
		p := filepath.Join(t.TempDir(), name)
		if err := Write(p, a, WriteOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, err := Read(p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		delete(a.Uns, "none") // never written
		if d := cmp.Diff(a, b, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s differs:\n%s", name, d)
		}
	}
}
