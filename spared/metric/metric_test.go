package metric_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/metric"
)

func random(rng *rand.Rand, rows, cols int) (truth, pred dense.Matrix[float64], mask []bool) {
	truth, pred, mask = dense.New[float64](rows, cols), dense.New[float64](rows, cols), make([]bool, rows*cols)
	for k := range mask {
		truth.Data[k] = 5 + rng.NormFloat64()
		pred.Data[k] = truth.Data[k] + rng.NormFloat64()
		mask[k] = rng.IntN(4) > 0
	}
	return truth, pred, mask
}

func finite(m metric.Metrics) bool {
	return !math.IsNaN(m.Global) && !math.IsInf(m.Global, 0)
}

func TestSafe(t *testing.T) {
	const seed = 31
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	truth, pred, mask := random(rng, 30, 8)
	plain := metric.Compute(truth, pred, mask)
	if !finite(plain) || !same(plain, metric.ComputeSafe(truth, pred, mask)) {
		t.Errorf("an ordinary table: plain %+v, safe %+v", plain, metric.ComputeSafe(truth, pred, mask))
	}
	_, detail := metric.ComputeDetailed(truth, pred, mask)
	withoutGene := func(v []float64, j int) float64 { // mean with gene j counted 0
		var sum float64
		for k, x := range v {
			if k != j {
				sum += x
			}
		}
		return sum / float64(len(v))
	}

	t.Run("a gene predicted constant counts 0", func(t *testing.T) {
		p := pred.Clone()
		for i := range p.Rows {
			p.Set(i, 2, 4)
		}
		if m := metric.Compute(truth, p, mask); !math.IsNaN(m.PCCGene) || !math.IsNaN(m.Global) {
			t.Errorf("plain %+v, want PCC-Gene NaN", m)
		}
		m := metric.ComputeSafe(truth, p, mask)
		goldentest.Near(t, 1e-14, m.PCCGene, withoutGene(detail.PCCGene, 2), "PCC-Gene")
		if !finite(m) {
			t.Errorf("%+v", m)
		}
	})
	t.Run("a NaN does not improve a score", func(t *testing.T) {
		p := pred.Clone()
		p.Set(3, 2, math.NaN())
		every := make([]bool, len(mask))
		for k := range every {
			every[k] = true
		}
		_, all := metric.ComputeDetailed(truth, pred, nil)
		m := metric.ComputeSafe(truth, p, every)
		goldentest.Near(t, 1e-14, m.PCCGene, withoutGene(all.PCCGene, 2), "PCC-Gene")
		if !math.IsNaN(m.MSE) || !math.IsNaN(m.R2Gene) {
			t.Errorf("%+v, want MSE and R2 NaN", m)
		}
	})
	t.Run("a gene of constant truth has no R2", func(t *testing.T) {
		c := truth.Clone()
		for i := range c.Rows {
			c.Set(i, 2, 0.1)
		}
		if m := metric.Compute(c, pred, mask); !math.IsInf(m.R2Gene, -1) {
			t.Errorf("plain R2-Gene %g, want -Inf", m.R2Gene)
		}
		m := metric.ComputeSafe(c, pred, mask)
		n := float64(truth.Cols)
		goldentest.Near(t, 1e-13, m.R2Gene, withoutGene(detail.R2Gene, 2)*n/(n-1), "R2-Gene")
	})
}

// TestInvariance: correlation ignores an affine change of the prediction, MSE
// and R2 tell of it; the order of spots does not matter.
func TestInvariance(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 32))
		truth, pred, mask := random(rng, 25, 9)
		m := metric.Compute(truth, pred, mask)
		moved := pred.Clone()
		for k, v := range moved.Data {
			moved.Data[k] = 3*v - 7
		}
		a := metric.Compute(truth, moved, mask)
		goldentest.Near(t, 1e-12, a.PCCGene, m.PCCGene, "seed %d: PCC-Gene, affine", seed)
		goldentest.Near(t, 1e-12, a.PCCPatch, m.PCCPatch, "seed %d: PCC-Patch, affine", seed)
		if a.MSE <= m.MSE || a.R2Gene >= m.R2Gene {
			t.Errorf("seed %d: a wrong scale does not cost: %+v, %+v", seed, m, a)
		}
		order := rng.Perm(truth.Rows)
		var permuted []bool
		for _, i := range order {
			permuted = append(permuted, mask[i*truth.Cols:(i+1)*truth.Cols]...)
		}
		p := metric.Compute(truth.Select(order, nil), pred.Select(order, nil), permuted)
		goldentest.Near(t, 1e-12, p.Global, m.Global, "seed %d: Global, spots permuted", seed)
	}
}

func TestMaskedEntriesDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 33))
	truth, pred, mask := random(rng, 20, 6)
	want := metric.Compute(truth, pred, mask)
	for k, in := range mask {
		if !in {
			truth.Data[k], pred.Data[k] = 100*rng.Float64(), math.NaN()
		}
	}
	if got := metric.Compute(truth, pred, mask); !same(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestShapesThatDiffer(t *testing.T) {
	for _, c := range []struct {
		reason      string
		truth, pred dense.Matrix[float64]
		mask        []bool
	}{
		{"rows", dense.New[float64](2, 2), dense.New[float64](3, 2), nil},
		{"columns", dense.New[float64](2, 2), dense.New[float64](2, 3), nil},
		{"mask", dense.New[float64](2, 2), dense.New[float64](2, 2), make([]bool, 3)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", c.reason)
				}
			}()
			metric.Compute(c.truth, c.pred, c.mask)
		}()
	}
	if m := metric.Compute(dense.New[float64](0, 0), dense.New[float64](0, 0), nil); !math.IsNaN(m.MSE) {
		t.Errorf("empty table: %+v", m)
	}
}

func BenchmarkCompute(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	truth, pred := dense.New[float32](43804, 128), dense.New[float32](43804, 128)
	mask := make([]bool, len(truth.Data))
	for k := range mask {
		truth.Data[k], pred.Data[k], mask[k] = rng.Float32(), rng.Float32(), rng.IntN(3) > 0
	}
	for b.Loop() {
		metric.Compute(truth, pred, mask)
	}
}
