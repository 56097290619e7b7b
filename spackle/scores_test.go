package spackle

import (
	"math"
	"math/rand/v2"
	"testing"
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
		all := newTally(len(c.truth))
		for g := range c.truth {
			for k := range c.truth[g] {
				all.add(g, c.truth[g][k], c.predicted[g][k])
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
		{n: 2, mse: 1, mae: 0.5, pcc: 0.2, genes: []GeneScore{{N: 2, MSE: 1, PCC: 0.2}, {}, {}}},
		{n: 4, mse: 3, mae: 1.5, pcc: 0.6, genes: []GeneScore{{N: 1, MSE: 4, PCC: 0.4}, {N: 3, MSE: 2, PCC: 0.8}, {}}},
	})
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

// TestPearsonProperties: r is in [-1, 1], symmetric, 1 with itself, and does
// not change with an increasing line.
func TestPearsonProperties(t *testing.T) {
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
	rng := rand.New(rand.NewPCG(1, 1))
	all := newTally(128)
	for k := range 300_000 {
		all.add(k%128, rng.Float32(), rng.Float32())
	}
	for b.Loop() {
		all.score()
	}
}
