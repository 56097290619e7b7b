package baseline

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Normal equations gathered block by block, halved and put together, against
// gonum's on the same rows.
func TestNormalMatrix(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 8))
		const width, n = 150, 500 // more than two blocks, neither a multiple
		parts := []*normalMatrix{newNormalMatrix(width), newNormalMatrix(width)}
		f, y := mat.NewDense(n, width, nil), mat.NewVecDense(n, nil)
		for i := range n {
			row := parts[i%2].row()
			for k := range width {
				x := float32(rng.NormFloat64())
				if k == width-1 {
					x = 1
				}
				row[k] = x
				f.Set(i, k, float64(x))
			}
			row[width] = float32(f.At(i, 3) - 2*f.At(i, 7) + .5 + .1*rng.NormFloat64())
			y.SetVec(i, float64(row[width]))
		}
		for _, p := range parts {
			p.flush()
			p.share = .15 // half of the penalty
		}
		got := parts[0].plus(parts[1]).solve()

		var a mat.SymDense
		a.SymOuterK(1, f.T())
		for k := range width {
			penalty := 600.
			if k == width-1 {
				penalty = 1e-3
			}
			a.SetSym(k, k, a.At(k, k)+penalty)
		}
		var b, want mat.VecDense
		b.MulVec(f.T(), y)
		if err := want.SolveVec(&a, &b); err != nil {
			t.Fatal(err)
		}
		for k, w := range got {
			if math.Abs(w-want.AtVec(k)) > 1e-5 {
				t.Errorf("seed %d: weight %d is %g, want %g", seed, k, w, want.AtVec(k))
			}
		}
	}
	if w := newNormalMatrix(3).solve(); len(w) != 3 || w[0] != 0 || w[2] != 0 {
		t.Errorf("nothing learnt: %v", w)
	}
}

// Lines within slides: the slope is that within, whatever the slides' levels,
// and the intercept the mean of theirs.
func TestWithinSlides(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	sums := make([]lineSums, 3)
	for s, level := range []float64{10, -4, 0} {
		for range 2000 {
			d := [depthTerms]float64{1, rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
			d[1] += level // would turn the slope round if pooled
			sums[s].add(d, level*-3+2*d[1]-d[3])
		}
	}
	beta := withinSlides(sums, 3)
	for k, want := range []float64{-6, 2, 0, -1, 0} { // -6 is the mean of -3·10, 3·4 and 0
		if math.Abs(beta[k]-want) > .02 {
			t.Errorf("term %d: %.3f, want %g", k, beta[k], want)
		}
	}
	few := make([]lineSums, 2)
	few[1].add([depthTerms]float64{1}, 7)
	if beta := withinSlides(few, 3); beta[0] != 7 {
		t.Errorf("one value of one slide: %v", beta)
	}
	if beta := withinSlides(make([]lineSums, 2), 3); beta != [depthTerms]float64{} {
		t.Errorf("no values: %v", beta)
	}
}
