package explore

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/simulate"
)

// built is a small data set of two made-up slides.
func built(t *testing.T) *spared.Dataset {
	t.Helper()
	dir := t.TempDir()
	o := simulate.Options{Genes: 300, Slides: []simulate.SlideSpec{{Name: "left", Rows: 12, Cols: 11}, {Name: "right", Rows: 11, Cols: 11}}}
	if _, err := simulate.Write(context.Background(), dir, o, nil); err != nil {
		t.Fatal(err)
	}
	d, err := spared.Build(context.Background(), spared.Recipe{Inputs: []spared.Input{{Dir: dir}}, Genes: 64}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBuiltDataSet(t *testing.T) {
	d := built(t)
	t.Run("embed", func(t *testing.T) { embedStoresWhatScanpyReads(t, d) })
	t.Run("raw", func(t *testing.T) { readRaw(t, d) })
}

func embedStoresWhatScanpyReads(t *testing.T, d *spared.Dataset) {
	if err := Embed(context.Background(), d, Options{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "data.h5ad")
	if err := spared.Save(d, path); err != nil {
		t.Fatal(err)
	}
	a, err := h5ad.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	spots, genes := d.N()
	for _, c := range []struct {
		reason string
		v      any
		shape  []int
	}{
		{"scores", a.Obsm["X_pca"], []int{spots, 50}},
		{"layout", a.Obsm["X_umap"], []int{spots, 2}},
		{"loadings", a.Varm["PCs"], []int{genes, 50}},
	} {
		if m, ok := c.v.(*h5ad.Array); !ok || !slices.Equal(m.Shape, c.shape) {
			t.Errorf("%s: %T, want an array %v", c.reason, c.v, c.shape)
		}
	}
	for _, key := range []string{"distances", "connectivities"} {
		m, ok := a.Obsp[key].(*h5ad.Sparse)
		if !ok || m.Rows != spots || m.Cols != spots || len(m.Indices) < 14*spots {
			t.Errorf("obsp %s: %T", key, a.Obsp[key])
		}
	}
	for _, key := range []string{"pca", "neighbors", "umap", "cluster"} {
		if u, ok := a.Uns[key].(map[string]any); !ok || u["params"] == nil {
			t.Errorf("uns %s: %v", key, a.Uns[key])
		}
	}
	again, err := spared.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	of := Clusters(again, "")
	if len(of) != spots || !slices.Equal(of, Clusters(d, "")) {
		t.Errorf("%d clusters for %d spots came back", len(of), spots)
	}
	if colors, ok := a.Uns["cluster_colors"].(*h5ad.Array); !ok || colors.Shape[0] != len(distinct(of)) {
		t.Errorf("colours: %v", a.Uns["cluster_colors"])
	}
}

func distinct(s []string) map[string]bool {
	m := map[string]bool{}
	for _, v := range s {
		m[v] = true
	}
	return m
}

// A second run replaces what the first stored.
func TestEmbedAgain(t *testing.T) {
	d := plain(120, 60, func(i, j int) float32 { return float32(math.Sin(float64(7*i*j + i + 3*j))) })
	for _, o := range []Options{{Resolution: 3}, {Layer: spared.LayerLog, Components: 5, Resolution: 0.2}, {Key: "tissue"}} {
		if err := Embed(context.Background(), d, o); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, c := range d.Obs {
		names = append(names, c.Name)
	}
	if !slices.Equal(names, []string{"cluster", "tissue"}) {
		t.Errorf("columns %v", names)
	}
	if d.Obsm[KeyPCA].Cols != 50 || Clusters(d, "nothing") != nil {
		t.Errorf("%d components; clusters under another name: %v", d.Obsm[KeyPCA].Cols, Clusters(d, "nothing"))
	}
}

func plain(spots, genes int, value func(i, j int) float32) *spared.Dataset {
	m := blas32.General{Rows: spots, Cols: genes, Stride: genes, Data: make([]float32, spots*genes)}
	for k := range m.Data {
		m.Data[k] = value(k/genes, k%genes)
	}
	return &spared.Dataset{Spots: make([]spared.Spot, spots), Genes: make([]spared.Gene, genes), Layers: map[string]blas32.General{spared.LayerLog: m}}
}

func TestEmbedOfFew(t *testing.T) {
	wave := func(i, j int) float32 { return float32(math.Sin(float64(7*i + 3*j))) }
	for _, c := range []struct {
		reason string
		d      *spared.Dataset
		o      Options
		want   string
	}{
		{"three spots", plain(3, 5, wave), Options{}, ""},
		{"two genes", plain(40, 2, wave), Options{}, ""},
		{"all values equal", plain(30, 4, func(int, int) float32 { return 2 }), Options{}, ""},
		{"two spots", plain(2, 5, wave), Options{}, "want at least 3 spots"},
		{"one gene", plain(9, 1, wave), Options{}, "want at least 3 spots and 2 genes"},
		{"no such layer", plain(9, 3, wave), Options{Layer: "x"}, `no layer "x"`},
		{"a graph without edges", plain(9, 3, wave), Options{Neighbors: 1}, "want at least 2"},
		{"not a number", plain(9, 3, func(i, j int) float32 { return float32(math.NaN()) }), Options{}, "row 0, column 0 is NaN"},
	} {
		err := Embed(context.Background(), c.d, c.o)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.reason, err)
		}
		if err != nil && (c.d.Obsm != nil || c.d.Uns != nil || c.d.Obs != nil) {
			t.Errorf("%s: something was stored", c.reason)
		}
		if err == nil && (c.d.Obsm[KeyUMAP].Rows != len(c.d.Spots) || len(Clusters(c.d, "")) != len(c.d.Spots)) {
			t.Errorf("%s: %d places, %d clusters", c.reason, c.d.Obsm[KeyUMAP].Rows, len(Clusters(c.d, "")))
		}
	}
}

func readRaw(t *testing.T, d *spared.Dataset) {
	r, err := ReadRaw(context.Background(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Slides != 2 || len(r.Genes) <= len(d.Genes) || len(r.Total) < len(d.Spots) {
		t.Errorf("%d slides, %d genes, %d spots", r.Slides, len(r.Genes), len(r.Total))
	}
	at := map[string]*RawGene{}
	for j := range r.Genes {
		at[r.Genes[j].ID] = &r.Genes[j]
	}
	for _, g := range d.Genes {
		if raw := at[g.ID]; raw == nil || raw.Total < g.Total || raw.Spots < g.Detected {
			t.Errorf("gene %s: before the filter %+v, after it %v counts in %d spots", g.ID, raw, g.Total, g.Detected)
		}
	}
	stored := d.Raw
	d.Raw = nil
	again, err := ReadRaw(context.Background(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stored, again); diff != "" {
		t.Errorf("the slides give other sums than the file:\n%s", diff)
	}
	for i := range d.Manifest.Recipe.Inputs {
		d.Manifest.Recipe.Inputs[i].Dir = filepath.Join(t.TempDir(), "gone")
	}
	if _, err := ReadRaw(context.Background(), d, nil); !errors.Is(err, ErrNoSlides) {
		t.Errorf("slides that are gone: %v", err)
	}
}
