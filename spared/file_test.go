package spared

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// explored returns a data set with everything that exploration and users add.
func explored(t *testing.T) *Dataset {
	t.Helper()
	slides, r := pair(t)
	r.Patients = map[string]string{"A": "anna", "B": "ben"}
	r.Labels = map[string]map[string]string{"A": {"condition": "tumour", "sex": "f"}, "B": {"condition": "healthy"}}
	r.Noisy = true
	d := curate(t, slides, r)
	spots, genes := d.N()
	cluster := Column{Name: "cluster", Categories: []string{"0", "1"}}
	depth := make([]float64, spots)
	pca, graph := blas32.General{Rows: spots, Cols: 2, Stride: 2}, &sparse.CSR{Rows: spots, Cols: spots, IndPtr: []int64{0}}
	for i := range spots {
		cluster.Codes, depth[i] = append(cluster.Codes, int32(i%3-1)), math.Sqrt(float64(i)) // -1: not assigned
		pca.Data = append(pca.Data, float32(i), -float32(i)/2)
		graph.Indices, graph.Data = append(graph.Indices, int32((i+1)%spots)), append(graph.Data, 0.5)
		graph.IndPtr = append(graph.IndPtr, int64(len(graph.Data)))
	}
	d.Obs = []Column{cluster, {Name: "depth", Data: depth}}
	d.Var = []Column{{Name: "marker", Data: slices.Repeat([]bool{true}, genes)}}
	d.Obsm = map[string]blas32.General{"X_pca": pca}
	d.Varm = map[string]blas32.General{"PCs": {Rows: genes, Cols: 1, Stride: 1, Data: make([]float32, genes)}}
	d.Obsp = map[string]*sparse.CSR{"connectivities": graph}
	d.Uns = map[string]any{
		"neighbors":      map[string]any{"connectivities_key": "connectivities", "params": map[string]any{"n_neighbors": int64(15), "method": "umap"}},
		"cluster_colors": &h5ad.Array{Shape: []int{2}, Data: []string{"#ff0000", "#0000ff"}},
	}
	return d
}

var equalDatasets = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(ManifestStep{}, "Seconds")}

func TestSaveOpen(t *testing.T) {
	d := explored(t)
	path := filepath.Join(t.TempDir(), "data.h5ad")
	if err := Save(d, path); err != nil {
		t.Fatal(err)
	}
	got, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, got, equalDatasets); diff != "" {
		t.Errorf("what was opened differs from what was saved:\n%s", diff)
	}
	again := filepath.Join(t.TempDir(), "again.h5ad")
	if err := Save(got, again); err != nil {
		t.Fatal(err)
	}
	a, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(again)
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) {
		t.Error("saving what was opened gave other bytes")
	}
}

// The columns and layers are upstream's (facts of the published library), and
// ours beside them.
func TestFileHoldsWhatSpaREDHas(t *testing.T) {
	d := explored(t)
	m := d.Layers[LayerCDLog]
	if err := d.SetLayer(LayerCTLog, LayerCTDelta, m); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "data.h5ad")
	if err := Save(d, path); err != nil {
		t.Fatal(err)
	}
	a, err := h5ad.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	has := func(what string, have []string, want string) {
		for name := range strings.FieldsSeq(want) {
			if !slices.Contains(have, name) {
				t.Errorf("%s lacks %s; it has %v", what, name, have)
			}
		}
	}
	names := func(f *h5ad.Frame) (out []string) {
		for _, c := range f.Columns {
			out = append(out, c.Name)
		}
		return out
	}
	has("layers", slices.Collect(maps.Keys(a.Layers)), `counts tpm log1p d_log1p c_log1p c_d_log1p deltas d_deltas c_deltas c_d_deltas mask
		c_t_log1p c_t_deltas noisy_c_d_log1p noisy_c_t_log1p noisy_c_d_deltas noisy_c_t_deltas`)
	has("obs", names(a.Obs), "in_tissue array_row array_col patient slide_id split unique_id n_genes_by_counts total_counts condition sex cluster depth")
	has("var", names(a.Var), `gene_ids feature_types genome gene_symbol exp_frac glob_exp_frac n_cells_by_counts mean_counts pct_dropout_by_counts
		total_counts gene_length d_log1p_moran log1p_avg_exp d_log1p_avg_exp c_log1p_avg_exp c_d_log1p_avg_exp c_t_log1p_avg_exp
		used_mean_c_d_deltas used_mean_c_t_deltas marker`)
	if got := a.Obs.Column("unique_id").Strings(); !slices.Equal(got, a.Obs.Index) {
		t.Error("unique_id is not the index")
	}
	used, err := a.Var.Column("used_mean_c_d_deltas").Float64s()
	if err != nil || !slices.Equal(used, d.TrainMean[LayerCDLog]) {
		t.Errorf("used_mean_c_d_deltas is not the train mean of c_d_log1p (%v)", err)
	}
	units := a.Uns[keyUns].(map[string]any)[keyUnits].(map[string]any)
	if units[LayerCDLog] != "log2(TPM+1)" || units[LayerTPM] != "TPM" || units[LayerCDDelta] != "Δ log2(TPM+1)" || units["noisy_c_d_log1p"] != "log2(TPM+1)" {
		t.Errorf("units %v", units)
	}
}

func TestSaveRefuses(t *testing.T) {
	for _, tc := range []struct {
		reason string
		change func(d *Dataset)
		want   string
	}{
		{"a column under a name that is taken", func(d *Dataset) { d.Obs[0].Name = "split" }, `"split"`},
		{"a column under a label's name", func(d *Dataset) { d.Obs[0].Name = "condition" }, `"condition"`},
		{"two columns of one name", func(d *Dataset) { d.Obs[1].Name = "cluster" }, `"cluster"`},
		{"a gene column that would be read as a mean", func(d *Dataset) { d.Var[0].Name = "my_avg_exp" }, `"my_avg_exp"`},
		{"coordinates twice", func(d *Dataset) { d.Obsm["spatial"] = d.Obsm["X_pca"] }, `"spatial"`},
		{"too few rows", func(d *Dataset) { m := d.Obsm["X_pca"]; m.Rows--; d.Obsm["X_pca"] = m }, `"X_pca"`},
		{"a graph of other spots", func(d *Dataset) { d.Obsp["distances"] = &sparse.CSR{IndPtr: []int64{0}} }, `"distances"`},
		{"a column that is too short", func(d *Dataset) { d.Obs[1].Data = []float64{1} }, "depth"},
		{"counts of the panel at other spots", func(d *Dataset) { m := *d.PanelCounts; m.Rows--; d.PanelCounts = &m }, "panel"},
		{"a row of them out of order", func(d *Dataset) {
			m := *d.PanelCounts
			m.Indices = slices.Clone(m.Indices)
			m.Indices[0], m.Indices[1] = m.Indices[1], m.Indices[0]
			d.PanelCounts = &m
		}, "panel's counts: sparse: row 0"},
		{"a gene that the panel lacks", func(d *Dataset) { d.Panel = slices.Clone(d.Panel); d.Panel[d.panelColumns()[2]].ID = "x" }, "lacks gene"},
		{"a key of its own", func(d *Dataset) { d.Uns["spatialgo"] = "x" }, `"spatialgo"`},
	} {
		d := explored(t)
		tc.change(d)
		path := filepath.Join(t.TempDir(), "data.h5ad")
		if err := Save(d, path); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want an error with %q", tc.reason, err, tc.want)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a file was left (%v)", tc.reason, err)
		}
	}
}

// scanpy opens the file, finds what exploration stored, adds to it, and what
// it writes opens again.
func TestScanpyWritesItAgain(t *testing.T) {
	python := os.Getenv("SPATIALGO_CHECK_PYTHON")
	if python == "" {
		t.Skip("SPATIALGO_CHECK_PYTHON names no Python with scanpy")
	}
	d := explored(t)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.h5ad"), filepath.Join(dir, "out.h5ad")
	if err := Save(d, in); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", `
import sys, scanpy as sc, numpy as np, pandas as pd
a = sc.read_h5ad(sys.argv[1])
assert a.obsp["connectivities"].nnz == a.n_obs and a.obsm["X_pca"].shape == (a.n_obs, 2)
assert list(a.obs["cluster"].cat.categories) == ["0", "1"] and a.obs["cluster"].isna().sum() == (a.n_obs + 2) // 3
assert a.uns["neighbors"]["params"]["n_neighbors"] == 15 and a.var["marker"].all()
raw = a.raw.to_adata()
assert raw.shape == (a.n_obs, int(sys.argv[3])) and raw.n_vars > a.n_vars, raw.shape
assert (raw[:, a.var_names].X != a.layers["counts"]).sum() == 0
per_bp = raw.X.toarray() / raw.var["gene_length"].values
np.testing.assert_allclose(per_bp.sum(axis=1), a.obs["rpk_sum"], rtol=1e-6)
sc.tl.umap(a)
a.obs["annotation"] = pd.Categorical(np.where(a.obs["array_row"] > 5, "upper", "lower"))
a.write_h5ad(sys.argv[2])`, in, out, fmt.Sprint(len(d.Panel)))
	cmd.Dir = dir // Python looks for modules here first, and this package has a folder called sparse
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	got, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if m := got.Obsm["X_umap"]; m.Rows != len(d.Spots) || m.Cols != 2 {
		t.Errorf("X_umap is %d x %d", m.Rows, m.Cols)
	}
	if !slices.ContainsFunc(got.Obs, func(c Column) bool { return c.Name == "annotation" && c.Categorical() }) {
		t.Error("the annotation is missing")
	}
	if diff := cmp.Diff(d.Spots, got.Spots); diff != "" {
		t.Errorf("the spots differ:\n%s", diff)
	}
	if diff := cmp.Diff(d.Layers, got.Layers); diff != "" {
		t.Error("the layers differ")
	}
	if diff := cmp.Diff(d.Raw, got.Raw); diff != "" {
		t.Errorf("the sums of the slides differ:\n%s", diff)
	}
	if diff := cmp.Diff(d.PanelCounts, got.PanelCounts); diff != "" {
		t.Errorf("the panel's counts differ:\n%s", diff)
	}
}

func TestOpenSkipsPatches(t *testing.T) {
	d := explored(t)
	a, err := d.annData()
	if err != nil {
		t.Fatal(err)
	}
	a.Obsm["patches_scale_1.0"] = &h5ad.Array{Shape: []int{len(d.Spots), 12}, Data: make([]uint8, 12*len(d.Spots))}
	path := filepath.Join(t.TempDir(), "data.h5ad")
	if err := h5ad.Write(path, a, h5ad.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, got, equalDatasets); diff != "" {
		t.Errorf("patches made a difference:\n%s", diff)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Save(got, path); err == nil || !strings.Contains(err.Error(), "patches_scale_1.0") {
		t.Errorf("saving over patches: %v", err)
	}
	if _, err := Build(context.Background(), Recipe{Inputs: []Input{{Dir: folders(t)}}, Genes: 20}, path, nil); err == nil || !strings.Contains(err.Error(), "patches_scale_1.0") {
		t.Errorf("building over patches: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed (%v)", err)
	}
	if err := Save(got, path+".new"); err != nil {
		t.Errorf("saving elsewhere: %v", err)
	}
}

// TestRawInFile: a file without the sums of its slides opens; one whose sums
// are not whole does not.
func TestRawInFile(t *testing.T) {
	d := explored(t)
	if d.Raw == nil || d.Raw.Slides != len(d.Sections) || len(d.Raw.Genes) < len(d.Genes) {
		t.Fatalf("%+v", d.Raw)
	}
	for _, tc := range []struct {
		reason string
		change func(own, raw map[string]any)
		want   string // "" = opens, without them
	}{
		{"none", func(own, _ map[string]any) { delete(own, keyRaw) }, ""},
		{"not a group", func(own, _ map[string]any) { own[keyRaw] = "x" }, "uns/spatialgo/raw"},
		{"no table of genes", func(_, raw map[string]any) { delete(raw, rawGenes) }, "uns/spatialgo/raw"},
		{"a bound that is text", func(_, raw map[string]any) { raw[rawMin] = "10" }, "uns/spatialgo/raw"},
		{"a column missing", func(_, raw map[string]any) {
			f := raw[rawGenes].(*h5ad.Frame)
			f.Columns = f.Columns[:3]
		}, "uns/spatialgo/raw/genes/exp_frac"},
		{"counts that are text", func(_, raw map[string]any) {
			f := raw[rawSpots].(*h5ad.Frame)
			f.Columns[0].Data = make([]string, len(f.Index))
		}, "uns/spatialgo/raw/spots/total_counts"},
	} {
		a, err := d.annData()
		if err != nil {
			t.Fatal(err)
		}
		own := a.Uns[keyUns].(map[string]any)
		tc.change(own, own[keyRaw].(map[string]any))
		path := filepath.Join(t.TempDir(), "data.h5ad")
		if err := h5ad.Write(path, a, h5ad.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		got, err := Open(path)
		switch {
		case tc.want == "" && (err != nil || got.Raw != nil):
			t.Errorf("%s: %v", tc.reason, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want %s", tc.reason, err, tc.want)
		}
	}
}

// Files of another layout are refused by a word that helps, and built anew.
func TestOlderFile(t *testing.T) {
	dir := folders(t)
	out := filepath.Join(t.TempDir(), "data.h5ad")
	r := Recipe{Inputs: []Input{{Dir: dir}}, Genes: 20}
	d, err := Build(context.Background(), r, out, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Manifest.Version, d.Manifest.Tool = 1, "spatialgo 0.0.9"
	if err := Save(d, out); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(out); err == nil || !strings.Contains(err.Error(), "spatialgo 0.0.9") || !strings.Contains(err.Error(), "build it again") {
		t.Errorf("opening it gave %v", err)
	}
	if _, err := Build(context.Background(), r, out, nil); err != nil {
		t.Fatal(err)
	}
	if m, err := ReadManifest(out); err != nil || m.Version != manifestVersion {
		t.Errorf("building again gave layout %d (%v)", m.Version, err)
	}
}

// The recipe that a file carries makes the same file: from another folder, on
// one core.
func TestSameBytesFromItsRecipe(t *testing.T) {
	dir := folders(t)
	work := t.TempDir()
	t.Chdir(filepath.Dir(dir))
	first, second := filepath.Join(work, "1.h5ad"), filepath.Join(work, "2.h5ad")
	r := Recipe{Inputs: []Input{{Dir: filepath.Base(dir)}}, Genes: 20, Order: Released, Noisy: true, Train: []string{"B"}, Val: []string{"A"}}
	if _, err := Build(context.Background(), r, first, nil); err != nil {
		t.Fatal(err)
	}
	m, err := ReadManifest(first)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(work)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if _, err := Build(context.Background(), m.Recipe, second, nil); err != nil {
		t.Fatal(err)
	}
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) {
		t.Error("the files differ")
	}
}

func TestFullResolutionPathIsAbsolute(t *testing.T) {
	slides, r := pair(t)
	slides[0].FullRes = "pictures/a.tif"
	d := curate(t, slides, r)
	if p := d.Sections[0].FullRes; !filepath.IsAbs(p) || !strings.HasSuffix(p, filepath.FromSlash("pictures/a.tif")) {
		t.Errorf("the picture's path is %q", p)
	}
	if d.Sections[1].FullRes != "" {
		t.Error("a slide without a picture has one")
	}
}
