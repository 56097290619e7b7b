package spared

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// hippo returns a slide of the reference data in the form that Curate takes.
func hippo(t testing.TB, n int) *slide.Slide {
	h := goldentest.Hippo(t, n)
	s := &slide.Slide{Name: fmt.Sprintf("Hippo%d", n), Barcodes: h.Spots, Counts: h.Counts, X: h.X, Y: h.Y}
	for _, id := range h.Genes {
		s.Genes = append(s.Genes, slide.Gene{ID: id})
	}
	n = len(h.Spots)
	s.InTissue, s.ArrayRow, s.ArrayCol = slices.Repeat([]bool{true}, n), make([]int, n), make([]int, n)
	return s
}

// The whole pipeline in the released order against the peers' own on the pair
// hippo 1+5 (golden/README). The steps themselves are compared to 1e-12 by
// their packages; here the data are float32 and the panel is our own, so what
// must hold is that it is the peers' panel up to the ties that their unstable
// sort breaks by chance, and what follows from it.
func TestCurateReleasedHippo(t *testing.T) {
	slides := []*slide.Slide{hippo(t, 1), hippo(t, 5)}
	table := goldentest.ReadTable(t, "golden", "hippo1_5_genes.tsv.gz")
	d, err := Curate(context.Background(), slides, Recipe{
		Inputs: []Input{{}, {}}, Train: []string{"Hippo1"}, Val: []string{"Hippo5"}, Order: Released,
		SpotMin: 500, SpotMax: 100_000, GeneMin: 1000, GeneMax: 1e6, Genes: 128,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ids, expFrac, morans, rank := table.Strings(t, "gene"), table.Floats(t, "exp_frac"), table.Floats(t, "moran_mean"), table.Floats(t, "rank_top128")
	least := slices.Min(expFrac) // ties are broken at the least detection fraction
	panel := map[string]PanelGene{}
	for _, g := range d.Panel {
		panel[g.ID] = g
	}
	missing, worst := 0, 0.0
	for j, id := range ids {
		g, ok := panel[id]
		switch {
		case !ok && expFrac[j] > least:
			t.Errorf("gene %s (detected in %.3f) is not in the panel", id, expFrac[j])
		case !ok:
			missing++
		default:
			worst = math.Max(worst, math.Abs(g.Moran-morans[j]))
		}
	}
	if extra := len(d.Panel) - (len(ids) - missing); missing > 3 || extra > 3 {
		t.Errorf("the panel lacks %d of the peers' %d genes and has %d others: more than ties explain", missing, len(ids), extra)
	}
	// Another gene in the panel moves every TPM a little, and with it I.
	if worst > 0.01 {
		t.Errorf("Moran's I is off by up to %g", worst)
	}
	same := 0
	for j, id := range ids {
		if rank[j] > 0 && slices.ContainsFunc(d.Genes, func(g Gene) bool { return g.ID == id }) {
			same++
		}
	}
	if same < 125 {
		t.Errorf("only %d of the peers' 128 genes were chosen", same)
	}
	t.Logf("panel %d genes, peers %d, %d of theirs missing; Moran's I within %.2g; %d of 128 chosen genes shared", len(d.Panel), len(ids), missing, worst, same)
	if got, want := 100*d.Missing(), 30.961089906700593; math.Abs(got-want) > 0.3 {
		t.Errorf("%.3f %% missing, the peers have %.3f", got, want)
	}
}
