package baseline

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestSoftImputeBySVD repeats the rounds with whole singular value
// decompositions, as the algorithm is written in the paper.
func TestSoftImputeBySVD(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 3))
		const genes, rows = 7, 60
		cols := 2 * genes
		s := &softMatrix{genes: genes, rows: rows}
		truth := randomLowRank(rng, rows, cols, 3)
		for k, x := range truth {
			free := k%cols < genes && rng.Float64() < .4
			if k%cols < genes {
				s.free = append(s.free, free)
			}
			if free {
				x = 0
			}
			s.z = append(s.z, float32(x))
		}
		m := &SoftImpute{Rank: 4, Threshold: .2, Rounds: 25}
		want := mat.NewDense(rows, cols, nil)
		z := mat.NewDense(rows, cols, nil)
		for k, x := range s.z {
			z.Set(k/cols, k%cols, float64(x))
		}
		for range m.Rounds {
			want = softened(t, z, m.Rank, m.Threshold*math.Sqrt(rows))
			for i := range rows {
				for g := range genes {
					if s.free[i*genes+g] {
						z.Set(i, g, want.At(i, g))
					}
				}
			}
		}
		if err := s.solve(context.Background(), m); err != nil {
			t.Fatal(err)
		}
		for k, got := range s.fitted {
			if d := math.Abs(float64(got) - want.At(k/cols, k%cols)); d > 2e-3 {
				t.Fatalf("seed %d: entry %d is %g, by whole decompositions %g", seed, k, got, want.At(k/cols, k%cols))
			}
		}
	}
}

func randomLowRank(rng *rand.Rand, rows, cols, rank int) []float64 {
	a, b := make([]float64, rows*rank), make([]float64, cols*rank)
	for _, x := range [][]float64{a, b} {
		for k := range x {
			x[k] = rng.NormFloat64()
		}
	}
	out := make([]float64, rows*cols)
	for k := range out {
		for d := range rank {
			out[k] += a[k/cols*rank+d] * b[k%cols*rank+d]
		}
		out[k] += .1 * rng.NormFloat64()
	}
	return out
}

// softened lowers the singular values of z and keeps the first rank of them.
func softened(t *testing.T, z *mat.Dense, rank int, threshold float64) *mat.Dense {
	t.Helper()
	var svd mat.SVD
	if !svd.Factorize(z, mat.SVDThin) {
		t.Fatal("no decomposition")
	}
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	values := svd.Values(nil)
	for k := range values {
		if k >= rank {
			values[k] = 0
		}
		values[k] = max(values[k]-threshold, 0)
	}
	var us, out mat.Dense
	us.Mul(&u, mat.NewDiagDense(len(values), values))
	out.Mul(&us, v.T())
	return &out
}
