package baseline

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"
)

// A system of a random symmetric positive definite matrix against gonum.
func TestSolver(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 1))
		const r, pull = 7, 0.5
		x := make([]float32, 20*r)
		for k := range x {
			x[k] = float32(rng.NormFloat64())
		}
		products := make([]float32, 20*r*(r+1)/2)
		pairProducts(x, r, products)
		sums := make([]float32, r*(r+1)/2)
		for k, p := range products {
			sums[k%len(sums)] += p
		}
		a := mat.NewSymDense(r, nil)
		at := 0
		for i := range r {
			for j := i; j < r; j++ {
				a.SetSym(i, j, float64(sums[at]))
				at++
			}
			a.SetSym(i, i, a.At(i, i)+pull)
		}
		s := newSolver(r)
		b := mat.NewVecDense(r, nil)
		for d := range r {
			s.right[d] = rng.NormFloat64()
			b.SetVec(d, s.right[d])
		}
		s.solve(sums, pull)
		var want mat.VecDense
		if err := want.SolveVec(a, b); err != nil {
			t.Fatal(err)
		}
		for d, got := range s.right {
			if math.Abs(got-want.AtVec(d)) > 1e-9*(1+math.Abs(got)) {
				t.Errorf("seed %d: x[%d] is %g, want %g", seed, d, got, want.AtVec(d))
			}
		}
	}
}

// The leading eigenvectors of a matrix with known ones, and of one with fewer
// columns than are asked for.
func TestLeading(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 2))
		const n, cols, rank = 60, 25, 4
		x := blas32.General{Rows: n, Cols: cols, Stride: cols, Data: make([]float32, n*cols)}
		for d := range rank { // strong directions, one weaker than the other
			a, b := make([]float64, n), make([]float64, cols)
			for i := range a {
				a[i] = rng.NormFloat64()
			}
			for g := range b {
				b[g] = rng.NormFloat64()
			}
			for i := range a {
				for g := range b {
					x.Data[i*cols+g] += float32(a[i] * b[g] * math.Pow(2, -float64(d)))
				}
			}
		}
		for k := range x.Data {
			x.Data[k] += float32(0.01 * rng.NormFloat64())
		}
		got, err := leading(context.Background(), x, rank, seed)
		if err != nil {
			t.Fatal(err)
		}
		gram := mat.NewSymDense(cols, nil)
		for a := range cols {
			for b := a; b < cols; b++ {
				sum := 0.
				for i := range n {
					sum += float64(x.Data[i*cols+a]) * float64(x.Data[i*cols+b])
				}
				gram.SetSym(a, b, sum)
			}
		}
		var eigen mat.EigenSym
		eigen.Factorize(gram, true)
		var vectors mat.Dense
		eigen.VectorsTo(&vectors)
		for d := range rank {
			dot := 0.
			for g := range cols {
				dot += float64(got[g*rank+d]) * vectors.At(g, cols-1-d)
			}
			if math.Abs(math.Abs(dot)-1) > 1e-4 {
				t.Errorf("seed %d: vector %d has cosine %g with the eigenvector", seed, d, dot)
			}
		}
		narrow := blas32.General{Rows: n, Cols: 2, Stride: cols, Data: x.Data}
		if got, err = leading(context.Background(), narrow, rank, seed); err != nil {
			t.Fatal(err)
		}
		for g := range 2 {
			if got[g*rank+2] != 0 || got[g*rank+3] != 0 {
				t.Errorf("seed %d: two columns have more than two directions: %v", seed, got)
			}
		}
	}
}

// At the fitted line the slope of the penalized likelihood is 0.
func TestPoissonLine(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 3))
		n := 400
		c, x := make([]float64, n), make([]float64, n)
		for i := range c {
			x[i] = rng.NormFloat64() * .5
			c[i] = float64(drawPoisson(rng, math.Exp(-.5+1.3*x[i])))
			if rng.Float64() < .2 {
				c[i] = -1 // hidden
			}
		}
		alpha, beta := poissonLine(c, x)
		ga, gb := 0., -5*(beta-1)
		for i, c := range c {
			if c >= 0 {
				d := c - math.Exp(alpha+beta*x[i])
				ga, gb = ga+d, gb+d*x[i]
			}
		}
		if math.Abs(ga) > 1e-6 || math.Abs(gb) > 1e-6 {
			t.Errorf("seed %d: α %g, β %g are no optimum: slopes %g, %g", seed, alpha, beta, ga, gb)
		}
		if math.Abs(alpha+.5) > .3 || math.Abs(beta-1.3) > .3 {
			t.Errorf("seed %d: α %g, β %g, drawn with -0.5 and 1.3", seed, alpha, beta)
		}
	}
	if alpha, beta := poissonLine([]float64{-1, -1}, []float64{0, 1}); alpha != etaMin || beta != 1 {
		t.Errorf("nothing visible: α %g, β %g", alpha, beta)
	}
	if alpha, _ := poissonLine(make([]float64, 50), make([]float64, 50)); !(alpha < -4) || math.IsInf(alpha, 0) {
		t.Errorf("a gene that was never counted: α %g", alpha)
	}
}

func drawPoisson(rng *rand.Rand, rate float64) int {
	k, p := 0, math.Exp(-rate)
	for u := rng.Float64(); u > p && k < 1000; k++ {
		u -= p
		p *= rate / float64(k+1)
	}
	return k
}
