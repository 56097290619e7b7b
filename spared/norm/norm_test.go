package norm_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/genelength"
	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/norm"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

func csr(t testing.TB, rows ...[]float32) *sparse.CSR {
	m := &sparse.CSR{Rows: len(rows), IndPtr: []int64{0}}
	for _, r := range rows {
		m.Cols = len(r)
		for j, v := range r {
			if v != 0 {
				m.Indices, m.Data = append(m.Indices, int32(j)), append(m.Data, v)
			}
		}
		m.IndPtr = append(m.IndPtr, int64(len(m.Data)))
	}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTPM(t *testing.T) {
	// rpk of spot 0: 2/1000 + 6/2000 = 0.005, so 0.002/0.005 and 0.003/0.005
	// of a million.
	tpm, rpk, err := norm.TPMOf[float64](csr(t, []float32{2, 0, 6}, []float32{0, 0, 0}, []float32{0, 1, 0}), []float64{1000, 500, 2000})
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{4e5, 0, 6e5, 0, 0, 0, 0, 1e6, 0}
	for i, v := range tpm.Data {
		goldentest.Near(t, 1e-15, v, want[i], "tpm entry %d", i)
	}
	for i, w := range []float64{0.005, 0, 0.002} {
		goldentest.Near(t, 1e-15, rpk[i], w, "rpk of spot %d", i)
	}
}

func TestTPMErrors(t *testing.T) {
	one := csr(t, []float32{1, 2})
	nan := float32(math.NaN())
	for _, c := range []struct {
		reason  string
		counts  *sparse.CSR
		lengths []float64
	}{
		{"a length is missing", one, []float64{100}},
		{"length 0", one, []float64{100, 0}},
		{"negative length", one, []float64{-1, 100}},
		{"NaN length", one, []float64{math.NaN(), 100}},
		{"infinite length", one, []float64{math.Inf(1), 100}},
		{"negative count", csr(t, []float32{1, -2}), []float64{1, 1}},
		{"NaN count", csr(t, []float32{1, nan}), []float64{1, 1}},
		{"malformed counts", &sparse.CSR{Rows: 1, Cols: 2, IndPtr: []int64{0, 1}, Indices: []int32{7}, Data: []float32{1}}, []float64{1, 1}},
		{"infinite count", csr(t, []float32{1, float32(math.Inf(1))}), []float64{1, 1}},
	} {
		if _, _, err := norm.TPM(c.counts, c.lengths); err == nil {
			t.Errorf("%s: no error", c.reason)
		}
	}
}

func TestTPMProperties(t *testing.T) {
	const seed = 3
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	counts, lengths := random(t, rng, 40, 60), make([]float64, 60)
	doubled := &sparse.CSR{Rows: counts.Rows, Cols: counts.Cols, IndPtr: counts.IndPtr, Indices: counts.Indices, Data: slices.Clone(counts.Data)}
	for i := range doubled.Data {
		doubled.Data[i] *= 2
	}
	for j := range lengths {
		lengths[j] = float64(200 + rng.IntN(9000))
	}
	a, rpkA, err := norm.TPM(counts, lengths)
	if err != nil {
		t.Fatal(err)
	}
	b, rpkB, err := norm.TPM(doubled, lengths)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Data, b.Data) {
		t.Error("TPM depends on sequencing depth")
	}
	for i := range rpkA {
		goldentest.NearRelative(t, 1e-15, rpkB[i], 2*rpkA[i], "rpk of spot %d at double depth", i)
		var sum float64
		for _, v := range a.Row(i) {
			sum += float64(v)
		}
		if rpkA[i] > 0 {
			goldentest.NearRelative(t, 1e-6, sum, 1e6, "TPM of spot %d in all", i)
		}
	}
}

func TestLog2P1(t *testing.T) {
	in := dense.Matrix[float64]{Rows: 2, Cols: 2, Stride: 3, Data: []float64{0, 1, 99, 3, -2}}
	out := norm.Log2P1(in)
	if got := out.Data[:3]; !slices.Equal(got, []float64{0, 1, 2}) || !math.IsNaN(out.Data[3]) {
		t.Errorf("log2(x+1) of 0, 1, 3, -2 is %v", out.Data)
	}
}

func TestLibrarySize(t *testing.T) {
	counts := csr(t, []float32{1, 3}, []float32{0, 0}, []float32{8, 0})
	cpm, err := norm.CPM(counts)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{250000, 750000, 1e6}; !slices.Equal(cpm.Data, want) {
		t.Errorf("CPM %v, want %v", cpm.Data, want)
	}
	for _, c := range []struct {
		reason string
		target float64
		want   []float64
	}{
		{"target given", 4, []float64{math.Log(2), math.Log(4), math.Log(5)}},
		{"median of the totals 4 and 8, the empty spot left out", 0, []float64{math.Log(2.5), math.Log(5.5), math.Log(7)}},
	} {
		got, err := norm.LogNormalize(counts, c.target)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range c.want {
			goldentest.Near(t, 1e-7, float64(got.Data[i]), w, "%s: entry %d", c.reason, i)
		}
	}
	for _, target := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := norm.LogNormalize(counts, target); err == nil {
			t.Errorf("target %g: no error", target)
		}
	}
	if _, err := norm.CPM(csr(t, []float32{-1})); err == nil {
		t.Error("negative count: no error")
	}
	if m, err := norm.LogNormalize(csr(t, []float32{0}), 0); err != nil || m.NNZ() != 0 {
		t.Errorf("no counts at all: %v, %v", m, err)
	}
}

// TestHippoEqualsSpaRED compares TPM and log2(TPM+1) of a real slide with
// spared.layer_operations.
func TestHippoEqualsSpaRED(t *testing.T) {
	genes := goldentest.ReadTable(t, "golden", "hippo1_genes.tsv.gz")
	spots := goldentest.ReadTable(t, "golden", "hippo1_spots.tsv.gz")
	some := goldentest.ReadTable(t, "golden", "hippo1_log1p_24genes.tsv.gz")
	slide := goldentest.HippoLog(t, 1, genes)
	ids, tpm, rpk, log := slide.Genes, slide.TPM, slide.RPK, slide.Log
	if !slices.Equal(slide.Spots, spots.Strings(t, "spot")) {
		t.Fatalf("%d spots, not those of the reference", len(slide.Spots))
	}
	total, detected := slide.Counts.ColSums()
	wantTotal, wantDetected := genes.Floats(t, "total_counts"), genes.Floats(t, "n_cells_by_counts")
	n := float64(len(slide.Spots))
	share, zeros := genes.Floats(t, "exp_frac"), genes.Floats(t, "n_zero") // of one slide, glob_exp_frac is exp_frac
	for j, w := range genes.Floats(t, "glob_exp_frac") {
		if got := float64(detected[j]) / n; got != share[j] || got != w || n-float64(detected[j]) != zeros[j] {
			t.Fatalf("gene %s: share of spots %g, want %g", ids[j], got, share[j])
		}
	}
	for j := range ids {
		if total[j] != wantTotal[j] || float64(detected[j]) != wantDetected[j] {
			t.Fatalf("gene %s: %g counts at %d spots, want %g at %g", ids[j], total[j], detected[j], wantTotal[j], wantDetected[j])
		}
	}

	// Spots were summed up after the filter and before genes without a length
	// were dropped.
	spotTotal, spotDetected := spots.Floats(t, "total_counts"), spots.Floats(t, "n_genes_by_counts")
	filtered := slide.Of(t, withoutLength(t, slide, slices.Min(share)))
	for i, sum := range filtered.RowSums() {
		cols, _ := filtered.Row(i)
		if sum != spotTotal[i] || float64(len(cols)) != spotDetected[i] {
			t.Fatalf("spot %d: %g counts of %d genes, want %g of %g", i, sum, len(cols), spotTotal[i], spotDetected[i])
		}
	}
	want := spots.Floats(t, "rpk_sum")
	sumLog := spots.Floats(t, "sum_log1p")
	for i := range rpk {
		goldentest.NearRelative(t, 1e-12, rpk[i], want[i], "rpk of spot %d", i)
		goldentest.NearRelative(t, 1e-12, goldentest.Sum(log.Row(i)), sumLog[i], "log1p of spot %d", i)
	}
	wantTPM, wantLog := genes.Floats(t, "sum_tpm"), genes.Floats(t, "sum_log1p")
	for j, id := range ids {
		goldentest.NearRelative(t, 1e-12, goldentest.Sum(goldentest.Column(tpm, j)), wantTPM[j], "TPM of %s", id)
		goldentest.NearRelative(t, 1e-12, goldentest.Sum(goldentest.Column(log, j)), wantLog[j], "log1p of %s", id)
	}
	for _, id := range some.Header[1:] {
		got := goldentest.Column(log, slices.Index(ids, id))
		for i, w := range some.Floats(t, id) {
			goldentest.Near(t, 1e-12, got[i], w, "log1p of %s at spot %d", id, i)
		}
	}
}

// withoutLength returns the slide's genes and those that passed the same filter
// (100 to 1e6 counts, measured in more than a share of the spots) but have no
// length.
func withoutLength(t *testing.T, s *goldentest.LogSlide, least float64) []string {
	t.Helper()
	table, err := genelength.Open("mouse")
	if err != nil {
		t.Fatal(err)
	}
	genes := slices.Clone(s.Genes)
	total, detected := s.Slide.Counts.ColSums()
	for j, id := range s.Slide.Genes {
		if _, ok := table.Length(id); !ok && total[j] > 100 && total[j] < 1e6 && float64(detected[j]) > least*float64(len(s.Spots)) {
			genes = append(genes, id)
		}
	}
	return genes
}

// random returns Poisson-like counts, about 60 % zeros; the first spot has
// none.
func random(t testing.TB, rng *rand.Rand, rows, cols int) *sparse.CSR {
	r := make([][]float32, rows)
	for i := range r {
		r[i] = make([]float32, cols)
		for j := range r[i] {
			if i > 0 && rng.Float64() < 0.4 {
				r[i][j] = float32(math.Ceil(rng.ExpFloat64() * 3))
			}
		}
	}
	return csr(t, r...)
}

func BenchmarkTPMLog2(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	counts, lengths := random(b, rng, 1000, 2000), make([]float64, 2000)
	for j := range lengths {
		lengths[j] = 1000
	}
	b.SetBytes(4 * 1000 * 2000)
	for b.Loop() {
		tpm, _, err := norm.TPM(counts, lengths)
		if err != nil {
			b.Fatal(err)
		}
		norm.Log2P1(tpm)
	}
}
