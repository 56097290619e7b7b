package spared

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// TestPanelCounts looks every count of the panel up in the slides, and adds
// them up to what the spots' totals say.
func TestPanelCounts(t *testing.T) {
	for _, tc := range []struct {
		reason string
		change func(r *Recipe)
		slides int
	}{
		{"as published", func(*Recipe) {}, 2},
		{"from all slides", func(r *Recipe) { r.Order = Released }, 2},
		{"without gene lengths", func(r *Recipe) { r.Normalization = CPM }, 2},
		{"all genes are chosen", func(r *Recipe) { r.Genes = 60 }, 2},
		{"a lone slide", func(*Recipe) {}, 1},
	} {
		slides, r := pair(t)
		slides, r.Inputs = slides[:tc.slides], r.Inputs[:tc.slides]
		for i := range 20 { // a spot that is left out, so that rows move
			slides[0].InTissue[3*i] = false
		}
		tc.change(&r)
		d := curate(t, slides, r)
		m := d.PanelCounts
		if m == nil || len(d.Panel) < len(d.Genes) || !slices.IsSortedFunc(d.Panel, func(a, b PanelGene) int { return strings.Compare(a.ID, b.ID) }) {
			t.Fatalf("%s: %d genes of %d in the panel", tc.reason, len(d.Genes), len(d.Panel))
		}
		whole := m.Dense()
		for i, p := range d.Spots {
			from := slides[slices.IndexFunc(slides, func(s *slide.Slide) bool { return s.Name == d.Sections[p.Slide].Name })]
			genes, counts := from.Counts.Row(slices.Index(from.Barcodes, p.Barcode))
			rpk := 0.0
			for j, g := range d.Panel {
				at := slices.IndexFunc(from.Genes, func(s slide.Gene) bool { return s.ID == g.ID })
				want := float32(0)
				if k := slices.Index(genes, int32(at)); k >= 0 {
					want = counts[k]
				}
				if got := whole.Data[i*whole.Stride+j]; got != want {
					t.Fatalf("%s: spot %s, gene %s: a count of %g, want %g", tc.reason, p.ID, g.ID, got, want)
				}
				rpk += float64(want) / d.PanelSize(j)
			}
			if math.Abs(rpk/p.RPK-1) > 1e-12 {
				t.Fatalf("%s: spot %s: the panel adds up to %g, the total is %g", tc.reason, p.ID, rpk, p.RPK)
			}
		}
		for g, j := range d.panelColumns() {
			if gene, panel := d.Genes[g], d.Panel[j]; panel != panelGene(&gene) {
				t.Errorf("%s: the panel has %+v, the data set %+v", tc.reason, panel, gene)
			}
		}
	}
}

func TestNoPanel(t *testing.T) {
	slides, r := pair(t)
	with := curate(t, slides, r)
	r.NoPanel = true
	without := curate(t, slides, r)
	if without.PanelCounts != nil {
		t.Error("there are counts of the panel")
	}
	if diff := cmp.Diff(with.Panel, without.Panel, equalDatasets); diff != "" {
		t.Errorf("the panel differs:\n%s", diff)
	}
	if with.Manifest.Fingerprint() == without.Manifest.Fingerprint() {
		t.Error("the fingerprint is that of the data set with them")
	}
	if diff := cmp.Diff(with.Layers, without.Layers); diff != "" {
		t.Error("the layers differ")
	}
}

// TestPanelInFile: raw is anndata's, with the panel's genes. What scanpy's users
// put there is not taken for it, what is damaged is an error.
func TestPanelInFile(t *testing.T) {
	d := explored(t)
	x := func(a *h5ad.AnnData) *h5ad.Sparse { return a.Raw["X"].(*h5ad.Sparse) }
	change := func(at int, v float32) func(*h5ad.AnnData) {
		return func(a *h5ad.AnnData) {
			s := x(a)
			data := slices.Clone(s.Data.([]float32))
			data[at] = v
			s.Data = data
		}
	}
	chosen, other := -1, -1 // entries of the first spot
	genes, _ := d.PanelCounts.Row(0)
	for k, j := range genes {
		if slices.Contains(d.panelColumns(), int(j)) {
			chosen = k
		} else {
			other = k
		}
	}
	for _, tc := range []struct {
		reason string
		change func(a *h5ad.AnnData)
		counts bool   // whether they are found
		fails  string // or what the error says
	}{
		{"as it was saved", func(*h5ad.AnnData) {}, true, ""},
		{"by columns, as some write it", func(a *h5ad.AnnData) {
			s := x(a)
			a.Raw["X"] = byColumns(s.Rows, s.Cols, d.PanelCounts)
		}, true, ""},
		{"a file without raw", func(a *h5ad.AnnData) { a.Raw = nil }, false, ""},
		{"adata.raw = adata", func(a *h5ad.AnnData) { a.Raw = map[string]any{"X": a.X, "var": a.Var} }, false, ""},
		{"a dense raw", func(a *h5ad.AnnData) { a.Raw["X"] = h5ad.FromDense(d.PanelCounts.Dense()) }, false, ""},
		{"values of another unit", change(chosen, 0.5), false, ""},
		{"a count that is none", change(other, float32(math.NaN())), false, "raw/X/data"},
		{"a negative one", change(other, -1), false, "raw/X/data"},
		{"a panel that does not say how long genes are", func(a *h5ad.AnnData) {
			f := a.Uns[keyUns].(map[string]any)[keyPanel].(*h5ad.Frame)
			f.Columns[slices.IndexFunc(f.Columns, func(c Column) bool { return c.Name == "gene_length" })].Data = make([]string, len(f.Index))
		}, false, "uns/spatialgo/panel/gene_length"},
	} {
		a, err := d.annData()
		if err != nil {
			t.Fatal(err)
		}
		tc.change(a)
		path := filepath.Join(t.TempDir(), "data.h5ad")
		if err := h5ad.Write(path, a, h5ad.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		got, err := Open(path)
		switch {
		case tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)):
			t.Errorf("%s: got %v, want an error with %q", tc.reason, err, tc.fails)
		case tc.fails != "":
		case err != nil:
			t.Errorf("%s: %v", tc.reason, err)
		case tc.counts:
			if diff := cmp.Diff(d.PanelCounts, got.PanelCounts); diff != "" {
				t.Errorf("%s: other counts:\n%s", tc.reason, diff)
			}
		case got.PanelCounts != nil:
			t.Errorf("%s: taken for the panel's counts", tc.reason)
		}
	}
}

// byColumns compresses a matrix by column.
func byColumns(rows, cols int, m *sparse.CSR) *h5ad.Sparse {
	s := &h5ad.Sparse{Rows: rows, Cols: cols, Columns: true, IndPtr: []int64{0}}
	var data []float32
	dense := m.Dense()
	for j := range cols {
		for i := range rows {
			if v := dense.Data[i*dense.Stride+j]; v != 0 {
				s.Indices, data = append(s.Indices, int32(i)), append(data, v)
			}
		}
		s.IndPtr = append(s.IndPtr, int64(len(data)))
	}
	s.Data = data
	return s
}

// TestLayout3 opens a file as the version before wrote it, without counts of the
// panel, its lengths and shares; Build makes it anew.
func TestLayout3(t *testing.T) {
	r := Recipe{Inputs: []Input{{Dir: folders(t)}}, Genes: 20}
	path := filepath.Join(t.TempDir(), "data.h5ad")
	d, err := Build(context.Background(), r, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Manifest.Version = 3
	a, err := d.annData()
	if err != nil {
		t.Fatal(err)
	}
	a.Raw = nil
	f := a.Uns[keyUns].(map[string]any)[keyPanel].(*h5ad.Frame)
	f.Columns = slices.DeleteFunc(f.Columns, func(c Column) bool { return c.Name == "gene_length" || c.Name == "glob_exp_frac" })
	if err := h5ad.Write(path, a, h5ad.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	old, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(old.Panel) != len(d.Panel) || old.Panel[3].ID != d.Panel[3].ID || old.Panel[3].Length != 0 || old.PanelCounts != nil {
		t.Errorf("the panel is %+v", old.Panel)
	}
	if diff := cmp.Diff(d.Layers, old.Layers); diff != "" {
		t.Error("the layers differ")
	}
	again, err := Build(context.Background(), r, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again.PanelCounts == nil || again.Manifest.Version != manifestVersion {
		t.Errorf("Build opened the file of layout %d", again.Manifest.Version)
	}
}

// BenchmarkPanelCounts tells the panel's counts from something else in raw:
// what Open does beyond reading.
func BenchmarkPanelCounts(b *testing.B) {
	slides, r := pair(b)
	d, err := Curate(context.Background(), slides, r, nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !d.countsOfChosen(d.PanelCounts) {
			b.Fatal("they are not")
		}
	}
}
