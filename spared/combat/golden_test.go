package combat_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/combat"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/median"
	"github.com/spatialgo/spatialgo/spared/moran"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// matrix returns the gene columns of a table of spot, batch, genes.
func matrix(t *testing.T, table *goldentest.Table) (x dense.Matrix[float64], batch []int) {
	ids := table.Header[2:]
	x = dense.New[float64](len(table.Rows), len(ids))
	for j, id := range ids {
		for i, v := range table.Floats(t, id) {
			x.Set(i, j, v)
		}
	}
	var names []string
	for _, name := range table.Strings(t, "batch") {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		batch = append(batch, slices.Index(names, name))
	}
	return x, batch
}

// methods are the peers of the reference outputs that can be matched.
var methods = []struct {
	name    string
	options combat.Options
}{
	{"inmoose", combat.Options{}},
	{"pycombat_0_3_3", combat.Options{FirstGene: true}},
	{"scanpy", combat.Options{SampleVariance: true}},
}

// TestSmallEqualsPeers compares 20 genes x (25+40) spots.
func TestSmallEqualsPeers(t *testing.T) {
	for _, m := range methods {
		x, batch := matrix(t, goldentest.ReadTable(t, "golden", "hippo1_5_combatsmall_input.tsv.gz"))
		want, _ := matrix(t, goldentest.ReadTable(t, "golden", "hippo1_5_combatsmall_"+m.name+".tsv.gz"))
		if _, _, _, err := combat.CorrectWith(x, batch, 2, m.options); err != nil {
			t.Fatal(err)
		}
		for i, w := range want.Data {
			goldentest.Near(t, 1e-10, x.Data[i], w, "%s: entry %d", m.name, i)
		}
	}
}

// TestPairEqualsPeers runs two real slides through TPM, log2, completion,
// gene choice and ComBat, and compares I, the choice and the lines.
func TestPairEqualsPeers(t *testing.T) {
	genes := goldentest.ReadTable(t, "golden", "hippo1_5_genes.tsv.gz")
	ids := genes.Strings(t, "gene")
	var logs, completed, corrected []dense.Matrix[float64]
	var counts []*sparse.CSR
	var spots []string
	mean := make([]float64, len(ids))
	for _, c := range []struct {
		n      int
		column string
	}{{1, "moran_Hippo1"}, {5, "moran_Hippo5"}} {
		slide := goldentest.HippoLog(t, c.n, genes)
		d, _, err := median.Complete(context.Background(), slide.Log, slide.Graph, 4)
		if err != nil {
			t.Fatal(err)
		}
		got, err := moran.I(d, slide.Graph)
		if err != nil {
			t.Fatal(err)
		}
		for j, want := range genes.Floats(t, c.column) {
			goldentest.Near(t, 1e-12, got[j], want, "%s, %s", c.column, ids[j])
			mean[j] += got[j] / 2
		}
		logs, completed = append(logs, slide.Log), append(completed, d)
		counts, spots = append(counts, slide.Counts), append(spots, slide.Spots...)
	}

	for column, parts := range map[string][]dense.Matrix[float64]{"sum_log1p": logs, "sum_d_log1p": completed} {
		for j, want := range genes.Floats(t, column) {
			var sum float64
			for _, p := range parts {
				for i := range p.Rows {
					sum += p.At(i, j)
				}
			}
			goldentest.NearRelative(t, 1e-12, sum, want, "%s of %s", column, ids[j])
		}
	}

	panel := make([]int, 128)
	for j, want := range genes.Floats(t, "rank_top128") { // 1 = highest mean I, 0 = not among the first 128
		rank := 1
		for _, m := range mean {
			if m > mean[j] {
				rank++
			}
		}
		if rank > len(panel) {
			rank = 0
		} else {
			panel[rank-1] = j
		}
		if float64(rank) != want {
			t.Errorf("rank of %s by mean I is %d, want %g", ids[j], rank, want)
		}
	}
	for _, c := range []struct {
		file  string
		parts []dense.Matrix[float64]
	}{
		{"hippo1_5_log1p_combat_affine.tsv.gz", logs},
		{"hippo1_5_d_log1p_combat_affine.tsv.gz", completed},
	} {
		for _, m := range methods {
			x, batch := stack(c.parts, panel)
			_, slope, intercept, err := combat.CorrectWith(x, batch, len(c.parts), m.options)
			if err != nil {
				t.Fatal(err)
			}
			equalLines(t, c.file, m.name, ids, panel, slope, intercept)
			equalLevels(t, c.file, m.name, ids, panel, x, batch)
			if m.name != "pycombat_0_3_3" { // what SpaRED calls, and its layers hold
				continue
			}
			equalSpots(t, strings.Replace(c.file, "affine", "pycombat_spots", 1), spots, ids, panel, x)
			corrected = append(corrected, x)
		}
	}
	equalShares(t, genes, ids, counts)
	equalProcessed(t, ids, panel, counts, corrected[0], corrected[1])
}

// equalSpots compares whole rows of some spots.
func equalSpots(t *testing.T, file string, spots, ids []string, panel []int, x dense.Matrix[float64]) {
	t.Helper()
	table := goldentest.ReadTable(t, "golden", file)
	for k, j := range panel {
		if table.Header[1+k] != ids[j] { // the order of the genes is that of ComBat's input
			t.Fatalf("%s: gene %d is %s, want %s", file, k, ids[j], table.Header[1+k])
		}
		want := table.Floats(t, ids[j])
		for r, spot := range table.Strings(t, "spot") {
			goldentest.Near(t, 1e-9, x.At(slices.Index(spots, spot), k), want[r], "%s: %s at %s", file, ids[j], spot)
		}
	}
}

// equalLevels compares each gene's mean and variance in each batch.
func equalLevels(t *testing.T, file, name string, ids []string, panel []int, x dense.Matrix[float64], batch []int) {
	t.Helper()
	table := goldentest.ReadTable(t, "golden", file)
	gene, of, method := table.Strings(t, "gene"), table.Strings(t, "batch"), table.Strings(t, "method")
	wantMean, wantVar := table.Floats(t, "mean_out"), table.Floats(t, "var0_out")
	for r := range table.Rows {
		if method[r] != name {
			continue
		}
		b := slices.Index([]string{"Hippo1", "Hippo5"}, of[r])
		k := slices.IndexFunc(panel, func(j int) bool { return ids[j] == gene[r] })
		var n, mean, square float64
		for i := range x.Rows {
			if batch[i] == b {
				n++
				mean += x.At(i, k)
			}
		}
		mean /= n
		for i := range x.Rows {
			if batch[i] == b {
				square += (x.At(i, k) - mean) * (x.At(i, k) - mean)
			}
		}
		goldentest.Near(t, 1e-9, mean, wantMean[r], "%s, %s: mean of %s, %s", file, name, gene[r], of[r])
		goldentest.Near(t, 1e-9, square/n, wantVar[r], "%s, %s: variance of %s, %s", file, name, gene[r], of[r])
	}
}

// equalProcessed compares what SpaRED's processed data set says of each gene:
// the first of the two slides trains.
func equalProcessed(t *testing.T, ids []string, panel []int, counts []*sparse.CSR, log, completed dense.Matrix[float64]) {
	t.Helper()
	table := goldentest.ReadTable(t, "golden", "hippo1_5_processed.tsv.gz")
	train, spots := counts[0].Rows, counts[0].Rows+counts[1].Rows
	gene, mean, missing := table.Strings(t, "gene"), table.Floats(t, "c_d_log1p_avg_exp_train"), table.Floats(t, "n_missing")
	sumLog, sumCompleted := table.Floats(t, "sum_c_log1p"), table.Floats(t, "sum_c_d_log1p")
	if len(gene) != len(panel) {
		t.Fatalf("%d genes, want %d", len(panel), len(gene))
	}
	var detected [2][]int
	for s, c := range counts {
		_, detected[s] = c.ColSums()
	}
	all := 0.0
	for r, id := range gene {
		all += missing[r]
		k := slices.IndexFunc(panel, func(j int) bool { return ids[j] == id })
		if k < 0 {
			t.Fatalf("gene %s is not in the panel", id)
		}
		measured := detected[0][panel[k]] + detected[1][panel[k]]
		if float64(spots-measured) != missing[r] {
			t.Errorf("%s: %d values are missing, want %g", id, spots-measured, missing[r])
		}
		column := goldentest.Column(completed, k)
		goldentest.Near(t, 1e-9, goldentest.Sum(column[:train])/float64(train), mean[r], "train mean of %s", id)
		goldentest.Near(t, 1e-9, goldentest.Sum(column), sumCompleted[r], "sum of c_d_log1p of %s", id)
		goldentest.Near(t, 1e-9, goldentest.Sum(goldentest.Column(log, k)), sumLog[r], "sum of c_log1p of %s", id)
	}
	var info struct {
		Pair struct {
			Missing float64 `json:"imputed_percent_top128"`
		} `json:"hippo1_5_pair"`
	}
	if err := json.Unmarshal(goldentest.Read(t, "golden", "pipeline_info.json"), &info); err != nil {
		t.Fatal(err)
	}
	goldentest.Near(t, 1e-12, 100*all/float64(spots*len(panel)), info.Pair.Missing, "%% missing")
}

// equalShares compares how often each gene is measured.
func equalShares(t *testing.T, table *goldentest.Table, ids []string, counts []*sparse.CSR) {
	t.Helper()
	share, global, total := table.Floats(t, "exp_frac"), table.Floats(t, "glob_exp_frac"), table.Floats(t, "total_counts")
	sums, detected := make([][]float64, len(counts)), make([][]int, len(counts))
	for s, c := range counts {
		sums[s], detected[s] = c.ColSums()
	}
	for j, id := range ids {
		least, sum, measured, spots := 1.0, 0.0, 0, 0
		for s, c := range counts {
			n := detected[s][j]
			least = min(least, float64(n)/float64(c.Rows))
			sum, measured, spots = sum+sums[s][j], measured+n, spots+c.Rows
		}
		goldentest.Near(t, 1e-12, least, share[j], "exp_frac of %s", id)
		goldentest.Near(t, 1e-12, float64(measured)/float64(spots), global[j], "glob_exp_frac of %s", id)
		goldentest.Near(t, 0, sum, total[j], "counts of %s", id)
	}
}

func stack(parts []dense.Matrix[float64], cols []int) (x dense.Matrix[float64], batch []int) {
	x.Cols, x.Stride = len(cols), len(cols)
	for b, p := range parts {
		x.Data = append(x.Data, p.Select(nil, cols).Data...)
		x.Rows += p.Rows
		batch = append(batch, slices.Repeat([]int{b}, p.Rows)...)
	}
	return x, batch
}

func equalLines(t *testing.T, file, name string, ids []string, panel []int, slope, intercept [][]float64) {
	t.Helper()
	table := goldentest.ReadTable(t, "golden", file)
	gene, batch, method := table.Strings(t, "gene"), table.Strings(t, "batch"), table.Strings(t, "method")
	wantSlope, wantIntercept := table.Floats(t, "slope"), table.Floats(t, "intercept")
	compared := 0
	for r := range table.Rows {
		if method[r] != name {
			continue
		}
		b := slices.Index([]string{"Hippo1", "Hippo5"}, batch[r])
		k := slices.IndexFunc(panel, func(j int) bool { return ids[j] == gene[r] })
		if b < 0 || k < 0 {
			t.Fatalf("%s: gene %s of %s is not in the panel", file, gene[r], batch[r])
		}
		goldentest.Near(t, 1e-9, slope[b][k], wantSlope[r], "%s, %s: slope of %s, %s", file, name, gene[r], batch[r])
		goldentest.Near(t, 1e-9, intercept[b][k], wantIntercept[r], "%s, %s: intercept of %s, %s", file, name, gene[r], batch[r])
		compared++
	}
	if compared != 2*len(panel) {
		t.Errorf("%s, %s: %d lines compared, want %d", file, name, compared, 2*len(panel))
	}
}
