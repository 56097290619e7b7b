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
		pairProducts(x, r, make([]float32, len(x)), products)
		sums := make([]float32, r*(r+1)/2)
		for k, p := range products {
			sums[k/20] += p
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
		// The inverse, by which x'A⁻¹x is an inner product of pairs.
		pairs := make([]float32, r*(r+1)/2)
		s.invert(pairs)
		of := make([]float32, len(pairs))
		x1 := x[:r]
		pairProducts(x1, r, make([]float32, r), of)
		v := mat.NewVecDense(r, nil)
		for d := range r {
			v.SetVec(d, float64(x1[d]))
		}
		if err := want.SolveVec(a, v); err != nil {
			t.Fatal(err)
		}
		if got, want := float64(dot(pairs, of)), mat.Dot(v, &want); math.Abs(got-want) > 1e-4*want {
			t.Errorf("seed %d: x'A⁻¹x is %g, want %g", seed, got, want)
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

// TestFactorsAgainstFormulas compares rounds with the formulas of factors in
// float64, term by term.
func TestFactorsAgainstFormulas(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 5))
		const n, genes, rank, k = 150, 13, 4, 5
		f := &factors{n: n, genes: genes, rank: rank, coupling: 3, byInformation: seed%2 == 0, k: k}
		for range n * k {
			f.near, f.share = append(f.near, int32(rng.IntN(n))), append(f.share, 1./k)
		}
		f.allocate()
		for c := range f.z {
			f.z[c], f.tau[c] = float32(rng.NormFloat64()), float32(.1+rng.ExpFloat64())
			if rng.Float64() < .2 {
				f.tau[c] = -1
			}
		}
		f.count()
		if err := f.start(context.Background(), seed); err != nil {
			t.Fatal(err)
		}
		f.inverse = make([]float32, n*f.pairs())
		want := plainFactors(f)
		for range 3 {
			if err := f.round(context.Background()); err != nil {
				t.Fatal(err)
			}
			want.round()
		}
		uncertain := f.uncertainty()
		fitted := make([]float32, n*genes)
		f.product(0, n, fitted)
		for i := range n {
			for g := range genes {
				if a, b := float64(fitted[i*genes+g]), want.product(i, g); math.Abs(a-b) > 2e-4*(1+math.Abs(b)) {
					t.Fatalf("seed %d: u·w of spot %d, gene %d is %g, want %g", seed, i, g, a, b)
				}
			}
		}
		for g := range genes {
			if a, b := f.psi[g], want.psi[g]; math.Abs(a-b) > 2e-4*(1+b) {
				t.Errorf("seed %d: ψ of gene %d is %g, want %g", seed, g, a, b)
			}
			if v := uncertain(0, g); !(v >= 0 && v < 10) {
				t.Errorf("seed %d: the variance of u·w of gene %d is %g", seed, g, v)
			}
		}
	}
}

// plain is factors in float64.
type plain struct {
	*factors
	u, w [][]float64
	psi  []float64
}

func plainFactors(f *factors) *plain {
	p := &plain{factors: f, psi: append([]float64(nil), f.psi...)}
	rows := func(x []float32) (out [][]float64) {
		for ; len(x) > 0; x = x[f.rank:] {
			row := make([]float64, f.rank)
			for d := range row {
				row[d] = float64(x[d])
			}
			out = append(out, row)
		}
		return out
	}
	p.u, p.w = rows(f.u), rows(f.w)
	return p
}

func (p *plain) product(i, g int) (sum float64) {
	for d, x := range p.u[i] {
		sum += x * p.w[g][d]
	}
	return sum
}

func (p *plain) omega(i, g int) float64 {
	if t := float64(p.tau[i*p.genes+g]); t >= 0 {
		return 1 / (t + p.psi[g])
	}
	return 0
}

// solve returns (Σ ω x x' + pull I)⁻¹ (Σ ω z x + right).
func (p *plain) solve(x [][]float64, omega, z func(int) float64, pull float64, right []float64) []float64 {
	a, b := mat.NewSymDense(p.rank, nil), mat.NewVecDense(p.rank, append([]float64(nil), right...))
	for d := range p.rank {
		a.SetSym(d, d, pull)
	}
	for m, row := range x {
		a.SymRankOne(a, omega(m), mat.NewVecDense(p.rank, row))
		b.AddScaledVec(b, omega(m)*z(m), mat.NewVecDense(p.rank, row))
	}
	var out mat.VecDense
	if err := out.SolveVec(a, b); err != nil {
		panic(err)
	}
	return out.RawVector().Data
}

func (p *plain) round() {
	next := make([][]float64, p.n)
	for i := range p.n {
		right := make([]float64, p.rank)
		for m, j := range p.near[i*p.k:][:p.k] {
			for d, u := range p.u[j] {
				right[d] += p.coupling * float64(p.share[i*p.k+m]) * u
			}
		}
		next[i] = p.solve(p.w, func(g int) float64 { return p.omega(i, g) },
			func(g int) float64 { return float64(p.z[i*p.genes+g]) }, pullHome+p.coupling, right)
	}
	p.u = next
	for d := range p.rank {
		squares := 0.
		for _, u := range p.u {
			squares += u[d] * u[d]
		}
		size := math.Sqrt(squares / float64(p.n))
		for _, u := range p.u {
			u[d] /= size
		}
	}
	for g := range p.genes {
		omega := func(i int) float64 { return p.omega(i, g) }
		p.w[g] = p.solve(p.u, omega, func(i int) float64 { return float64(p.z[i*p.genes+g]) }, pullLoad, make([]float64, p.rank))
		var squares, excess, information, known float64
		for i := range p.n {
			if o := omega(i); o > 0 {
				e := float64(p.z[i*p.genes+g]) - p.product(i, g)
				squares, known = squares+o*e*e, known+1
				excess += o * o * (e*e - float64(p.tau[i*p.genes+g]))
				information += o * o
			}
		}
		if p.byInformation {
			p.psi[g] = max(.02, (excess+10*.1)/(information+10))
		} else {
			p.psi[g] = max(.02, p.psi[g]*(squares+4)/(known+4))
		}
	}
}

func TestExp32(t *testing.T) {
	for x := -79.; x < 79; x += .00317 {
		if got, want := float64(exp32(float32(x))), math.Exp(float64(float32(x))); math.Abs(got-want) > 4e-7*want {
			t.Fatalf("e^%g is %g, want %g", x, got, want)
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
			if rng.Float64() < .3 && c[i] > 0 {
				c[i] = -1 // hidden
			}
		}
		alpha, beta := poissonLine(c, x)
		ga, gb := 0., -5*(beta-1)
		for i, c := range c {
			rate := math.Exp(alpha + beta*x[i])
			d := c - rate
			if c < 0 { // 1 or more
				d = rate / math.Expm1(rate)
			}
			ga, gb = ga+d, gb+d*x[i]
		}
		if math.Abs(ga) > 1e-6 || math.Abs(gb) > 1e-6 {
			t.Errorf("seed %d: α %g, β %g are no optimum: slopes %g, %g", seed, alpha, beta, ga, gb)
		}
		if math.Abs(alpha+.5) > .3 || math.Abs(beta-1.3) > .3 {
			t.Errorf("seed %d: α %g, β %g, drawn with -0.5 and 1.3", seed, alpha, beta)
		}
	}
	if alpha, beta := poissonLine([]float64{-1, -1}, []float64{0, 1}); !(alpha > 1 && alpha <= etaMax) || math.Abs(beta) > 5 {
		t.Errorf("all hidden: α %g, β %g, want a high rate", alpha, beta)
	}
	if alpha, beta := poissonLine(nil, nil); alpha != etaMin || beta != 1 {
		t.Errorf("no spots: α %g, β %g", alpha, beta)
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
