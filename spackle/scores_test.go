package spackle

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/metric"
)

func TestTallyByHand(t *testing.T) {
	for _, c := range []struct {
		reason             string
		truth, predicted   [][]float32
		n                  int
		mse, mae, pcc      float64
		genePCC            []float64
		geneMSE            []float64
		tolerance          float64
		countsOfGenesWithN []int
	}{{
		reason: "errors are pooled over values (1+1+4)/3, correlations averaged over genes: (1 + 0)/2, a single value counting 0",
		truth:  [][]float32{{5, 7}, {4}}, predicted: [][]float32{{6, 8}, {6}},
		n: 3, mse: 2, mae: 4.0 / 3, pcc: 0.5,
		genePCC: []float64{1, 0}, geneMSE: []float64{1, 4}, countsOfGenesWithN: []int{2, 1},
	}, {
		reason: "a gene without hidden values is in no mean",
		truth:  [][]float32{{}, {4, 5, 6}}, predicted: [][]float32{{}, {6, 5, 4}},
		n: 3, mse: 8.0 / 3, mae: 4.0 / 3, pcc: -1,
		genePCC: []float64{0, -1}, geneMSE: []float64{0, 8.0 / 3}, countsOfGenesWithN: []int{0, 3},
	}, {
		reason: "a constant prediction has correlation 0, not NaN",
		truth:  [][]float32{{4, 5, 6}}, predicted: [][]float32{{5.1, 5.1, 5.1}},
		n: 3, mse: (1.1*1.1 + 0.01 + 0.81) / 3, mae: (1.1 + 0.1 + 0.9) / 3, pcc: 0,
		genePCC: []float64{0}, geneMSE: []float64{(1.1*1.1 + 0.01 + 0.81) / 3}, countsOfGenesWithN: []int{3}, tolerance: 1e-6,
	}, {
		reason: "so has a constant truth",
		truth:  [][]float32{{3, 3}}, predicted: [][]float32{{2, 4}},
		n: 2, mse: 1, mae: 1, pcc: 0,
		genePCC: []float64{0}, geneMSE: []float64{1}, countsOfGenesWithN: []int{2},
	}, {
		reason: "a value worked out on paper: (1,2,4) against (1,3,2) has r = 1.5/sqrt(14/3·2) = 0.49099",
		truth:  [][]float32{{1, 2, 4}}, predicted: [][]float32{{1, 3, 2}},
		n: 3, mse: 5.0 / 3, mae: 1, pcc: 1 / math.Sqrt(14.0/3*2),
		genePCC: []float64{1 / math.Sqrt(14.0/3*2)}, geneMSE: []float64{5.0 / 3}, countsOfGenesWithN: []int{3},
	}, {
		reason: "nothing collected: zeros",
		truth:  [][]float32{{}}, predicted: [][]float32{{}},
		genePCC: []float64{0}, geneMSE: []float64{0}, countsOfGenesWithN: []int{0},
	}} {
		tol := max(c.tolerance, 1e-12)
		all := newTally(4, len(c.truth))
		for g := range c.truth {
			for k := range c.truth[g] {
				all.add(g, k, c.truth[g][k], c.predicted[g][k], 0)
			}
		}
		s := all.score()
		if s.n != c.n || !near(s.mse, c.mse, tol) || !near(s.mae, c.mae, tol) || !near(s.pcc, c.pcc, tol) {
			t.Errorf("%s: got n %d, mse %g, mae %g, pcc %g; want %d, %g, %g, %g", c.reason, s.n, s.mse, s.mae, s.pcc, c.n, c.mse, c.mae, c.pcc)
		}
		for g, one := range s.genes {
			if one.N != c.countsOfGenesWithN[g] || !near(one.PCC, c.genePCC[g], tol) || !near(one.MSE, c.geneMSE[g], tol) {
				t.Errorf("%s: gene %d: got %+v", c.reason, g, one)
			}
		}
	}
}

func near(a, b, tol float64) bool { return math.Abs(a-b) <= tol }

func TestPoolByHand(t *testing.T) {
	s := pool([]maskScore{
		{n: 2, mse: 1, mae: 0.5, pcc: 0.2, r2: 0.3, genesWithR2: 1, geneR2: []bool{true, false, false},
			genes: []GeneScore{{N: 2, MSE: 1, PCC: 0.2, R2: 0.3, Bias: 1}, {}, {}}},
		{n: 4, mse: 3, mae: 1.5, pcc: 0.6, r2: 0.5, genesWithR2: 1, geneR2: []bool{false, true, false},
			genes: []GeneScore{{N: 1, MSE: 4, PCC: 0.4, Bias: -2}, {N: 3, MSE: 2, PCC: 0.8, R2: 0.5}, {}}},
	})
	if s.R2Gene != 0.4 || s.R2Patch != 0 {
		t.Errorf("R2 %g and %g: masks without one are left out", s.R2Gene, s.R2Patch)
	}
	if s.Genes[0].R2 != 0.3 || s.Genes[0].Bias != 0 || s.Genes[1].R2 != 0.5 {
		t.Errorf("got %+v: R2 is a mean over masks that have one, bias over values", s.Genes)
	}
	if s.N != 6 || s.MSE != 2 || s.MAE != 1 || !near(s.PCCGene, 0.4, 1e-15) {
		t.Errorf("masks weigh the same whatever they hide: got %+v", s)
	}
	if !near(s.MSESD, math.Sqrt2, 1e-15) {
		t.Errorf("sample standard deviation of 1 and 3 is sqrt 2: got %g", s.MSESD)
	}
	for g, want := range []GeneScore{{N: 3, MSE: 2, PCC: 0.3}, {N: 3, MSE: 2, PCC: 0.8}, {}} {
		got := s.Genes[g]
		if got.N != want.N || !near(got.MSE, want.MSE, 1e-15) || !near(got.PCC, want.PCC, 1e-12) {
			t.Errorf("gene %d: got %+v, want %+v", g, got, want)
		}
	}
	if one := pool([]maskScore{{n: 1, mse: 2}}); one.MSESD != 0 || one.MSE != 2 {
		t.Errorf("one mask has no spread: got %+v", one)
	}
}

// table is a random table of truth and predictions with the selected entries.
type table struct {
	truth, predicted dense.Matrix[float32]
	in               []bool
}

func randomTable(rng *rand.Rand, spots, genes int, share float64) table {
	t := table{dense.New[float32](spots, genes), dense.New[float32](spots, genes), make([]bool, spots*genes)}
	for k := range t.in {
		t.truth.Data[k] = float32(4 + 4*rng.Float64())
		t.predicted.Data[k] = t.truth.Data[k] + float32(rng.NormFloat64())
		t.in[k] = rng.Float64() < share
	}
	return t
}

func (t table) tally() *tally {
	all := newTally(t.truth.Rows, t.truth.Cols)
	for k, in := range t.in {
		if i, g := k/t.truth.Cols, k%t.truth.Cols; in {
			all.add(g, i, t.truth.At(i, g), t.predicted.At(i, g), 0)
		}
	}
	return all
}

// TestScoreIsThatOfTheMetrics compares with package metric, which is compared
// with the published library, on tables with empty, constant and lonely genes
// and spots.
func TestScoreIsThatOfTheMetrics(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 9))
		tab := randomTable(rng, 3+rng.IntN(30), 2+rng.IntN(9), []float64{.05, .3, 1}[seed%3])
		genes := tab.truth.Cols
		for i := range tab.truth.Rows {
			if seed%2 == 0 {
				tab.truth.Set(i, 0, 5.1) // no R2
			}
			if seed%4 < 2 {
				tab.predicted.Set(i, 1, 4.3) // no PCC
			}
			if seed%5 == 0 {
				tab.in[i*genes+genes-1] = i == 1
			}
		}
		if !slices.Contains(tab.in, true) {
			continue
		}
		want := metric.ComputeSafe(tab.truth, tab.predicted, tab.in)
		s := pool([]maskScore{tab.tally().score()})
		for _, v := range []struct {
			name      string
			got, want float64
		}{{"MSE", s.MSE, want.MSE}, {"MAE", s.MAE, want.MAE}, {"PCC-gene", s.PCCGene, want.PCCGene}, {"PCC-patch", s.PCCPatch, want.PCCPatch},
			{"R2-gene", s.R2Gene, want.R2Gene}, {"R2-patch", s.R2Patch, want.R2Patch}} {
			if math.IsNaN(v.want) {
				v.want = 0 // none has one
			}
			if !near(v.got, v.want, 1e-9*(1+math.Abs(v.want))) {
				t.Errorf("seed %d: %s is %.12g, want %.12g", seed, v.name, v.got, v.want)
			}
		}
	}
}

// TestScoreOfTheReference compares with the numbers of the published library
// where these are finite.
func TestScoreOfTheReference(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "shared", "golden", "metrics_cases.json"))
	if err != nil {
		t.Skipf("no reference numbers here: %v", err)
	}
	var cases map[string]json.RawMessage
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for name, raw := range cases {
		var c struct {
			Plain    map[string]any
			GT, Pred [][]any
			Mask     [][]int
		}
		if name == "versions" || name == "nan_in_pred" { // Evaluate refuses NaN
			continue
		}
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		all := newTally(len(c.GT), len(c.GT[0]))
		for i := range c.GT {
			for g := range c.GT[i] {
				if c.Mask[i][g] == 1 {
					all.add(g, i, float32(c.GT[i][g].(float64)), float32(c.Pred[i][g].(float64)), 0)
				}
			}
		}
		s := pool([]maskScore{all.score()})
		for key, got := range map[string]float64{"MSE": s.MSE, "MAE": s.MAE, "PCC-Gene": s.PCCGene, "PCC-Patch": s.PCCPatch, "R2-Gene": s.R2Gene, "R2-Patch": s.R2Patch} {
			want, finite := c.Plain[key].(float64)
			if !finite { // one constant gene or spot voids the published number
				continue
			}
			compared++
			if !near(got, want, 1e-5*(1+math.Abs(want))) { // values are float32 here
				t.Errorf("%s: %s is %g, want %g", name, key, got, want)
			}
		}
	}
	if compared < 60 {
		t.Errorf("only %d numbers were compared", compared)
	}
}

// TestPatchesByHand: two spots of two genes, worked out on paper.
func TestPatchesByHand(t *testing.T) {
	all := newTally(3, 2)
	for _, v := range []struct {
		gene, spot       int
		truth, predicted float32
	}{{0, 0, 1, 1}, {1, 0, 3, 2}, {0, 1, 2, 3}, {1, 1, 4, 1}} { // spot 2 hides nothing
		all.add(v.gene, v.spot, v.truth, v.predicted, 0)
	}
	s := pool([]maskScore{all.score()})
	// Spot 0: r = 1, SSres = 1, SStot = 2; spot 1: r = -1, SSres = 10, SStot = 2.
	if !near(s.PCCPatch, 0, 1e-12) || !near(s.R2Patch, (0.5-4)/2, 1e-12) {
		t.Errorf("got PCC-patch %g and R2-patch %g, want 0 and -1.75", s.PCCPatch, s.R2Patch)
	}
	// Gene 0: SSres = 1, SStot = 1/2; gene 1: SSres = 10, SStot = 1/2.
	if !near(s.R2Gene, (-1-19)/2., 1e-12) || !near(s.Genes[0].R2, -1, 1e-12) || !near(s.Genes[1].Bias, -2, 1e-12) {
		t.Errorf("got R2-gene %g, genes %+v", s.R2Gene, s.Genes)
	}
}

// TestCoverageByHand: six predictions in thirds, with intervals of known width.
func TestCoverageByHand(t *testing.T) {
	factors := [3]float64{0.5, 1, 2}
	all := newTally(6, 1)
	for k, off := range []float32{0, 0.6, 1.5, 2.5, -0.4, -1} { // in: 3, 2, 1, 0, 3 and 2 of the intervals
		p := float32(k)
		all.add(0, k, p+off, p, intervals(p+off, p, 1, factors))
	}
	all.add(0, 5, 9, 9, 0) // a method without SD on this slide: not counted
	s := pool([]maskScore{all.score()})
	for l, want := range [3]float64{2. / 6, 4. / 6, 5. / 6} {
		if !near(s.Coverage[l], want, 1e-12) {
			t.Errorf("coverage %v, want 2, 4 and 5 of 6", s.Coverage)
		}
	}
	if want := [3][3]float64{{0.5, 1, 1}, {0, 0, 0.5}, {0.5, 1, 1}}; s.CoverageByLevel != want {
		t.Errorf("coverage by thirds %v, want %v", s.CoverageByLevel, want)
	}
	if none := pool([]maskScore{newTally(1, 1).score()}); none.Coverage != [3]float64{} {
		t.Errorf("coverage of nothing: %v", none.Coverage)
	}
}

// TestPearsonProperties: r is in [-1, 1], symmetric, 1 with itself, and does
// not change with an increasing line.
func TestPearsonProperties(t *testing.T) {
	pearson := func(a, b []float32) float64 {
		var m moments
		for i := range a {
			m.first(a[i], b[i])
		}
		m.average()
		for i := range a {
			m.second(a[i], b[i])
		}
		return m.pcc()
	}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 9))
		n := 2 + rng.IntN(40)
		a, b, line := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range a {
			a[i], b[i] = float32(4+4*rng.Float64()), float32(4+4*rng.Float64())
			line[i] = 2*a[i] - 3
		}
		r := pearson(a, b)
		switch {
		case math.Abs(r) > 1+1e-12:
			t.Errorf("seed %d: r = %g", seed, r)
		case r != pearson(b, a):
			t.Errorf("seed %d: r(a,b) = %g, r(b,a) = %g", seed, r, pearson(b, a))
		case !near(pearson(a, a), 1, 1e-12):
			t.Errorf("seed %d: r(a,a) = %g", seed, pearson(a, a))
		case !near(pearson(line, b), r, 1e-5):
			t.Errorf("seed %d: r(2a-3,b) = %g, r(a,b) = %g", seed, pearson(line, b), r)
		}
	}
}

func BenchmarkScore(b *testing.B) {
	all := randomTable(rand.New(rand.NewPCG(1, 1)), 2400, 128, 1).tally()
	for b.Loop() {
		all.score()
	}
}
