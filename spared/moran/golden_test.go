package moran_test

import (
	"bytes"
	"context"
	"math"
	"strconv"
	"testing"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/median"
	"github.com/spatialgo/spatialgo/spared/moran"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/norm"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// TestHippoEqualsSquidpyAndEsda compares a real slide, 1,097 spots x 2,506
// genes, before and after completion.
func TestHippoEqualsSquidpyAndEsda(t *testing.T) {
	genes := goldentest.ReadTable(t, "golden", "hippo1_genes.tsv.gz")
	slide := goldentest.HippoLog(t, 1, genes)
	ids, g := slide.Genes, slide.Graph
	completed, _, err := median.Complete(context.Background(), slide.Log, g, 4)
	if err != nil {
		t.Fatal(err)
	}

	got, err := moran.I(slide.Log, g)
	if err != nil {
		t.Fatal(err)
	}
	for j, want := range genes.Floats(t, "moran_log1p_squidpy") {
		goldentest.Near(t, 1e-12, got[j], want, "I of log1p, %s", ids[j])
	}
	res, err := moran.Test(completed, g)
	if err != nil {
		t.Fatal(err)
	}
	for j, want := range genes.Floats(t, "moran_d_log1p_squidpy") {
		goldentest.Near(t, 1e-12, res[j].I, want, "I of d_log1p, %s", ids[j])
	}
	equalEsda(t, genes, ids, func(j int) moran.Result { return res[j] })
	// squidpy's variance is off by 4e-7, and its p one-sided by 1-Φ(z), which
	// loses digits below 1e-10.
	wantVar := genes.Floats(t, "var_norm_squidpy")
	for j, want := range genes.Floats(t, "pval_norm_squidpy") {
		goldentest.NearRelative(t, 1e-6, res[j].VarNorm, wantVar[j], "variance of squidpy, %s", ids[j])
		p := res[j].PNorm / 2
		if res[j].ZNorm < 0 {
			p = 1 - p
		}
		if math.Abs(p-want) > 1e-4*want+1e-14 {
			t.Errorf("one-sided p of %s: %g, want %g", ids[j], p, want)
		}
	}
}

// equalEsda compares with the columns of esda 2.9.0 in a table.
func equalEsda(t *testing.T, table *goldentest.Table, ids []string, result func(j int) moran.Result) {
	t.Helper()
	for _, c := range []struct {
		column string
		tol    float64
		of     func(moran.Result) float64
	}{
		{"EI", 1e-14, func(r moran.Result) float64 { return r.EI }},
		{"VI_norm", 1e-10, func(r moran.Result) float64 { return r.VarNorm }},
		{"z_norm", 1e-10, func(r moran.Result) float64 { return r.ZNorm }},
		{"p_norm_two_sided", 1e-8, func(r moran.Result) float64 { return r.PNorm }},
		{"VI_rand", 1e-10, func(r moran.Result) float64 { return r.VarRand }},
		{"z_rand", 1e-10, func(r moran.Result) float64 { return r.ZRand }},
		{"p_rand_two_sided", 1e-8, func(r moran.Result) float64 { return r.PRand }},
	} {
		for j, want := range table.Floats(t, c.column) {
			got, r := c.of(result(j)), result(j)
			switch {
			case c.column[0] == 'z' && math.Abs(want) < 1:
				// A small difference of I and EI.
				goldentest.Near(t, c.tol, got, want, "%s of %s", c.column, ids[j])
			case c.column == "VI_rand" && want < 1e-3*r.VarNorm:
				// A gene seen at one spot: a small difference of two terms of
				// the size of VI_norm.
				goldentest.NearRelative(t, c.tol, r.VarNorm+got, r.VarNorm+want, "%s of %s", c.column, ids[j])
			default:
				goldentest.NearRelative(t, c.tol, got, want, "%s of %s", c.column, ids[j])
			}
		}
	}
	for j, want := range table.Floats(t, "esda_I") {
		goldentest.Near(t, 1e-12, result(j).I, want, "I of esda, %s", ids[j])
	}
}

// TestHippocampusEqualsSquidpyAndEsda compares 4,965 spots x 12,971 genes:
// raw counts of all genes, and 20 genes after ln(1+10⁴·count/total).
func TestHippocampusEqualsSquidpyAndEsda(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 3 million counts")
	}
	graph := goldentest.ReadTable(t, "golden", "hippocampus_graph.tsv.gz")
	all := goldentest.ReadTable(t, "golden", "hippocampus_moran.tsv.gz")
	some := goldentest.ReadTable(t, "golden", "hippocampus_moran_esda.tsv.gz")
	g, err := neighbor.FromRows(graph.Neighbours(t))
	if err != nil {
		t.Fatal(err)
	}
	counts := hippocampus(t)
	got, err := moran.ISparse(counts, g)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for j, id := range all.Strings(t, "gene") {
		at[id] = j
	}
	totals, _ := counts.ColSums()
	wantTotal := all.Floats(t, "total")
	for j, want := range all.Floats(t, "moran_counts") {
		if totals[j] != wantTotal[j] {
			t.Fatalf("gene %d has %g counts, want %g", j, totals[j], wantTotal[j])
		}
		goldentest.Near(t, 1e-12, got[j], want, "I of counts, gene %d", j)
	}

	ids := some.Strings(t, "gene")
	log := dense.New[float64](counts.Rows, len(ids))
	place := map[int32]int{}
	for k, id := range ids {
		place[int32(at[id])] = k
	}
	for i, total := range counts.RowSums() {
		cols, vals := counts.Row(i)
		for k, c := range cols {
			if p, ok := place[c]; ok {
				log.Set(i, p, math.Log1p(1e4*float64(vals[k])/total))
			}
		}
	}
	res, err := moran.Test(log, g)
	if err != nil {
		t.Fatal(err)
	}
	equalEsda(t, some, ids, func(j int) moran.Result { return res[j] })
	want := all.Floats(t, "moran_lognorm")
	for k, id := range ids {
		goldentest.Near(t, 1e-12, res[k].I, want[at[id]], "I of lognorm, %s", id)
	}
	normalised, err := norm.LogNormalize(counts, 1e4)
	if err != nil {
		t.Fatal(err)
	}
	single, err := moran.ISparse(normalised, g)
	if err != nil {
		t.Fatal(err)
	}
	for j, w := range want {
		goldentest.Near(t, 1e-6, single[j], w, "I of float32 lognorm, gene %d", j)
	}
}

// hippocampus reads the counts, a Matrix Market file of genes x spots.
func hippocampus(t *testing.T) *sparse.CSR {
	t.Helper()
	text := goldentest.Read(t, "data", "hippocampus", "matrix.mtx.gz")
	for bytes.HasPrefix(text, []byte("%")) {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	head, text, _ := bytes.Cut(text, []byte("\n"))
	var size [3]int
	for k, f := range bytes.Fields(head) {
		n, err := strconv.Atoi(string(f))
		if err != nil {
			t.Fatal(err)
		}
		size[k] = n
	}
	m := &sparse.CSR{Rows: size[1], Cols: size[0], IndPtr: make([]int64, size[1]+1)}
	var v [3]int // gene, spot, count of the line, 1-based; sorted by spot, gene
	field := 0
	for _, b := range text {
		switch b {
		case ' ', '\n':
			if field++; b == '\n' {
				m.Indices, m.Data = append(m.Indices, int32(v[0]-1)), append(m.Data, float32(v[2]))
				m.IndPtr[v[1]] = int64(len(m.Data))
				v, field = [3]int{}, 0
			}
		default:
			v[field] = 10*v[field] + int(b-'0')
		}
	}
	if err := m.Check(); err != nil || m.NNZ() != size[2] {
		t.Fatalf("%d counts, want %d: %v", m.NNZ(), size[2], err)
	}
	return m
}
