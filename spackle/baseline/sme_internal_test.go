package baseline

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Principal components are those of the singular value decomposition, whichever
// side is the longer one, and those that do not exist are 0.
func TestPrincipal(t *testing.T) {
	for _, test := range []struct {
		rows, cols, directions int // directions in which rows differ
		reason                 string
	}{
		{40, 12, 12, "more spots than genes"},
		{12, 40, 11, "more genes than spots; centred, one direction is lost"},
		{30, 12, 3, "spots that differ in three ways only"},
		{12, 30, 3, "the same with more genes than spots"},
		{8, 5, 0, "equal spots"},
	} {
		rng := rand.New(rand.NewPCG(3, uint64(test.cols)))
		x := mat.NewDense(test.rows, test.cols, nil)
		for range test.directions {
			a, b := mat.NewVecDense(test.rows, nil), mat.NewVecDense(test.cols, nil)
			for i := range test.rows {
				a.SetVec(i, rng.NormFloat64())
			}
			for g := range test.cols {
				b.SetVec(g, rng.NormFloat64())
			}
			x.RankOne(x, 1, a, b)
		}
		x.Apply(func(_, g int, y float64) float64 { return y + float64(g) }, x)
		rank := min(test.cols, test.rows-1, 6)
		got, err := principal(context.Background(), x, rank)
		if err != nil {
			t.Fatal(err)
		}
		var svd mat.SVD
		if !svd.Factorize(x, mat.SVDThin) { // principal has centred x
			t.Fatal("no decomposition")
		}
		var loadings, want mat.Dense
		svd.VTo(&loadings)
		want.Mul(x, &loadings)
		for d := range rank {
			column := mat.Col(nil, d, &loadings)
			sign := 1.
			if slices.MaxFunc(column, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) }) < 0 {
				sign = -1
			}
			for i := range test.rows {
				y := sign * want.At(i, d)
				if d >= test.directions {
					y = 0
				}
				if z := got.At(i, d); math.Abs(z-y) > 1e-8 || d >= test.directions && z != 0 {
					t.Fatalf("%s: component %d of spot %d is %g, want %g", test.reason, d, i, z, y)
				}
			}
		}
	}
}
