package median_test

import (
	"context"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/median"
)

// TestHippoEqualsSpaRED compares the completion of a real slide, 1,097 spots x
// 2,506 genes, with spared.denoising.median_cleaner (4 hops, hex geometry).
func TestHippoEqualsSpaRED(t *testing.T) {
	genes := goldentest.ReadTable(t, "golden", "hippo1_genes.tsv.gz")
	spots := goldentest.ReadTable(t, "golden", "hippo1_spots.tsv.gz")
	some := goldentest.ReadTable(t, "golden", "hippo1_d_log1p_24genes.tsv.gz")
	slide := goldentest.HippoLog(t, 1, genes)
	ids := slide.Genes
	got, stats, err := median.Complete(context.Background(), slide.Log, slide.Graph, 4)
	if err != nil {
		t.Fatal(err)
	}

	for h, col := range []string{"filled_ring1", "filled_ring2", "filled_ring3", "filled_ring4"} {
		equalCounts(t, col, stats.Ring[h], genes.Floats(t, col))
	}
	equalCounts(t, "filled_fallback", stats.Fallback, genes.Floats(t, "filled_fallback"))
	typical, sum := genes.Floats(t, "median_nonzero"), genes.Floats(t, "sum_d_log1p")
	for j, id := range ids {
		goldentest.Near(t, 1e-12, stats.NonZero[j], typical[j], "median of the non-zero values of %s", id)
		goldentest.NearRelative(t, 1e-12, goldentest.Sum(goldentest.Column(got, j)), sum[j], "d_log1p of %s", id)
		if stats.Empty[j] != 0 {
			t.Errorf("%s has counts, yet %d of its zeros count as those of an empty gene", id, stats.Empty[j])
		}
	}
	for i, want := range spots.Floats(t, "sum_d_log1p") {
		goldentest.NearRelative(t, 1e-12, goldentest.Sum(got.Row(i)), want, "d_log1p of spot %d", i)
	}
	for _, id := range some.Header[1:] {
		v := goldentest.Column(got, slices.Index(ids, id))
		for i, want := range some.Floats(t, id) {
			goldentest.Near(t, 1e-12, v[i], want, "d_log1p of %s at spot %d", id, i)
		}
	}
}

func equalCounts(t *testing.T, what string, got []int, want []float64) {
	t.Helper()
	for j, n := range got {
		if float64(n) != want[j] {
			t.Errorf("%s: %d zeros of gene %d, want %g", what, n, j, want[j])
		}
	}
}
