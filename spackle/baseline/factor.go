package baseline

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// factors is a spatial factor model of a matrix z [n][genes] with noise:
//
//	z_ig = u_i·w_g + e_ig, e ~ N(0, τ_ig + ψ_g), u_i ~ N(Σ_j s_ij u_j, ...)
//
// where j runs over the spots around i. A round solves for all u given w, then
// for all w given u, then for ψ:
//
//	ω_ig = 1/(τ_ig + ψ_g), 0 where z is not known
//	ū_i  = Σ_j s_ij u_j
//	u_i  = (Σ_g ω w w' + (a+g) I)⁻¹ (Σ_g ω z w + g ū_i)
//	w_g  = (Σ_i ω u u' + c I)⁻¹ Σ_i ω z u
//	ψ_g  = max(0.02, ψ_g (Σ_i ω e² + 4)/(n_g + 4))
//
// Between the two halves the columns of u are brought to a mean square of 1, and
// w with them, so that their product stays. (Not to a variance of 1: a column
// that is nearly constant would grow without bound.)
//
// Matrices are float32; sums over genes and over spots are matrix products.
// Memory and time are linear in the number of spots.
type factors struct {
	n, genes, rank int
	coupling       float64 // g

	near  []int32 // [n][k], spots around each
	share []float32
	k     int

	z, tau       []float32 // [n][genes]; tau < 0 where z is not known
	weight, wz   []float32 // ω and ω·z, [n][genes]
	u            []float32 // [n][rank]
	w            []float32 // [genes][rank]
	psi          []float64 // [genes]
	known        []float64 // n_g
	outer        []float32 // products of pairs, of w or of u, [genes or n][pairs]
	around, next []float32 // ū and the new u
}

// Constants of the model, found on real slides.
const (
	pullHome   = 1.  // a: pull of u towards 0
	pullLoad   = 10. // c: pull of w towards 0
	psiFloor   = 0.02
	psiPrior   = 4 // observations that hold ψ where it is
	psiStart   = 0.1
	initWeight = 0.3 // weight of 0 in the average that the start is made of
	chunk      = 64  // spots taken at a time
	geneChunk  = 32  // genes taken at a time
)

func (f *factors) pairs() int { return f.rank * (f.rank + 1) / 2 }

// allocate makes room, z and tau included.
func (f *factors) allocate() {
	cells := f.n * f.genes
	f.z, f.tau, f.weight, f.wz = make([]float32, cells), make([]float32, cells), make([]float32, cells), make([]float32, cells)
	f.u, f.around, f.next = make([]float32, f.n*f.rank), make([]float32, f.n*f.rank), make([]float32, f.n*f.rank)
	f.w = make([]float32, f.genes*f.rank)
	f.outer = make([]float32, max(f.n, f.genes)*f.pairs())
	f.psi, f.known = make([]float64, f.genes), make([]float64, f.genes)
}

// count counts the known entries of each gene, which stay the same.
func (f *factors) count() {
	for c, t := range f.tau {
		if t >= 0 {
			f.known[c%f.genes]++
		}
	}
}

// start makes the first u and w of z: the leading eigenvectors of z averaged
// over the spots around,
//
//	z̄_ig = Σ_j s ω z / (Σ_j s ω + 0.3), ω = 1/(τ + 0.3).
func (f *factors) start(ctx context.Context, seed uint64) error {
	for g := range f.psi {
		f.psi[g] = psiStart
	}
	mean := f.weight // free until the first round
	err := parallel(ctx, f.n, chunk, func(lo, hi int) {
		den := make([]float32, f.genes)
		for i := lo; i < hi; i++ {
			row := mean[i*f.genes:][:f.genes]
			clear(row)
			clear(den)
			for m, j := range f.near[i*f.k:][:f.k] {
				s := f.share[i*f.k+m]
				z, tau := f.z[int(j)*f.genes:][:f.genes], f.tau[int(j)*f.genes:][:f.genes]
				for g, t := range tau {
					if t >= 0 {
						o := s / (t + initWeight)
						row[g] += o * z[g]
						den[g] += o
					}
				}
			}
			for g := range row {
				row[g] /= den[g] + initWeight
			}
		}
	})
	if err != nil {
		return err
	}
	vectors, err := leading(ctx, blas32.General{Rows: f.n, Cols: f.genes, Stride: f.genes, Data: mean}, f.rank, seed)
	if err != nil {
		return err
	}
	f.w = vectors
	multiply(f.n, f.rank, f.genes, mean, f.genes, f.w, f.u)
	f.rescale()
	return nil
}

// round is one round of the model.
func (f *factors) round(ctx context.Context) error {
	f.spread()
	pairProducts(f.w, f.rank, f.outer)
	if err := parallel(ctx, f.n, chunk, f.solveSpots); err != nil {
		return err
	}
	f.u, f.next = f.next, f.u
	f.rescale()
	pairProducts(f.u, f.rank, f.outer)
	if err := parallel(ctx, f.genes, geneChunk, f.solveGenes); err != nil {
		return err
	}
	return f.updatePsi(ctx)
}

// spread sets ū.
func (f *factors) spread() {
	r := f.rank
	clear(f.around)
	for i := range f.n {
		row := f.around[i*r:][:r]
		for m, j := range f.near[i*f.k:][:f.k] {
			s := f.share[i*f.k+m]
			for d, u := range f.u[int(j)*r:][:r] {
				row[d] += s * u
			}
		}
	}
}

// solveSpots sets ω, ωz and the new u of the spots lo to hi-1. f.outer holds
// the pairs of w.
func (f *factors) solveSpots(lo, hi int) {
	r, p, genes := f.rank, f.pairs(), f.genes
	for i := lo; i < hi; i++ {
		at := i * genes
		weight, wz := f.weight[at:][:genes], f.wz[at:][:genes]
		for g, t := range f.tau[at:][:genes] {
			weight[g], wz[g] = 0, 0
			if t >= 0 {
				o := 1 / (t + float32(f.psi[g]))
				weight[g], wz[g] = o, o*f.z[at+g]
			}
		}
	}
	m := hi - lo
	gram, right := make([]float32, m*p), make([]float32, m*r)
	multiply(m, p, genes, f.weight[lo*genes:], genes, f.outer, gram)
	multiply(m, r, genes, f.wz[lo*genes:], genes, f.w, right)
	s := newSolver(r)
	for k := range m {
		row := right[k*r:][:r]
		around := f.around[(lo+k)*r:][:r]
		for d := range row {
			s.right[d] = float64(row[d]) + f.coupling*float64(around[d])
		}
		s.solve(gram[k*p:][:p], pullHome+f.coupling)
		for d, x := range s.right {
			f.next[(lo+k)*r+d] = float32(x)
		}
	}
}

// solveGenes sets w of the genes lo to hi-1. f.outer holds the pairs of u.
func (f *factors) solveGenes(lo, hi int) {
	r, p, m := f.rank, f.pairs(), hi-lo
	gram, right := make([]float32, m*p), make([]float32, m*r)
	multiplyT(m, p, f.n, f.weight[lo:], f.genes, f.outer, gram)
	multiplyT(m, r, f.n, f.wz[lo:], f.genes, f.u, right)
	s := newSolver(r)
	for k := range m {
		for d, x := range right[k*r:][:r] {
			s.right[d] = float64(x)
		}
		s.solve(gram[k*p:][:p], pullLoad)
		for d, x := range s.right {
			f.w[(lo+k)*r+d] = float32(x)
		}
	}
}

// updatePsi sets ψ. Each chunk of spots sums for itself, and the sums are added
// in order, so that the result does not depend on who computed them.
func (f *factors) updatePsi(ctx context.Context) error {
	genes := f.genes
	sums := make([][]float64, (f.n+chunk-1)/chunk)
	err := parallel(ctx, f.n, chunk, func(lo, hi int) {
		fitted, sum := make([]float32, (hi-lo)*genes), make([]float64, genes)
		f.product(lo, hi, fitted)
		for i := lo; i < hi; i++ {
			z, weight, fit := f.z[i*genes:][:genes], f.weight[i*genes:][:genes], fitted[(i-lo)*genes:][:genes]
			for g, o := range weight {
				e := z[g] - fit[g]
				sum[g] += float64(o * e * e)
			}
		}
		sums[lo/chunk] = sum
	})
	if err != nil {
		return err
	}
	for g := range f.psi {
		total := 0.
		for _, s := range sums {
			total += s[g]
		}
		f.psi[g] = max(psiFloor, f.psi[g]*(total+psiPrior)/(f.known[g]+psiPrior))
	}
	return nil
}

// product sets out [hi-lo][genes] to u·w of the spots lo to hi-1.
func (f *factors) product(lo, hi int, out []float32) {
	clear(out)
	r := f.rank
	blas32.Gemm(blas.NoTrans, blas.Trans, 1, general(hi-lo, r, r, f.u[lo*r:]), general(f.genes, r, r, f.w), 0, general(hi-lo, f.genes, f.genes, out))
}

// rescale brings the columns of u to a mean square of 1.
func (f *factors) rescale() {
	r := f.rank
	for d := range r {
		squares := 0.
		for i := range f.n {
			x := float64(f.u[i*r+d])
			squares += x * x
		}
		size := math.Sqrt(squares / float64(f.n))
		if !(size > 1e-12) {
			continue
		}
		for i := range f.n {
			f.u[i*r+d] = float32(float64(f.u[i*r+d]) / size)
		}
		for g := range f.genes {
			f.w[g*r+d] = float32(float64(f.w[g*r+d]) * size)
		}
	}
}

// pairProducts sets out to the products x_a·x_b, a <= b, of each row of x,
// those of different a and b once.
func pairProducts(x []float32, rank int, out []float32) {
	at := 0
	for i := 0; i < len(x); i += rank {
		row := x[i:][:rank]
		for a, xa := range row {
			for _, xb := range row[a:] {
				out[at] = xa * xb
				at++
			}
		}
	}
}

// solver solves small symmetric positive definite systems by Cholesky's
// decomposition.
type solver struct {
	rank  int
	right []float64
	l     []float64 // lower triangle, row by row
}

func newSolver(rank int) *solver {
	return &solver{rank, make([]float64, rank), make([]float64, rank*rank)}
}

// decompose takes a matrix given as its pairs a <= b, with pull added to the
// diagonal.
func (s *solver) decompose(pairs []float32, pull float64) {
	r, at := s.rank, 0
	for a := range r {
		for b := a; b < r; b++ {
			s.l[b*r+a] = float64(pairs[at])
			at++
		}
		s.l[a*r+a] += pull
	}
	for j := range r {
		lj := s.l[j*r : j*r+j]
		d := s.l[j*r+j]
		for _, x := range lj {
			d -= x * x
		}
		d = math.Sqrt(max(d, 1e-12))
		s.l[j*r+j] = d
		for i := j + 1; i < r; i++ {
			x := s.l[i*r+j]
			for k, y := range lj {
				x -= s.l[i*r+k] * y
			}
			s.l[i*r+j] = x / d
		}
	}
}

// solve replaces right by the solution.
func (s *solver) solve(pairs []float32, pull float64) {
	s.decompose(pairs, pull)
	s.substitute()
}

func (s *solver) substitute() {
	r := s.rank
	for i := range r {
		x := s.right[i]
		for k := range i {
			x -= s.l[i*r+k] * s.right[k]
		}
		s.right[i] = x / s.l[i*r+i]
	}
	for i := r - 1; i >= 0; i-- {
		x := s.right[i]
		for k := i + 1; k < r; k++ {
			x -= s.l[k*r+i] * s.right[k]
		}
		s.right[i] = x / s.l[i*r+i]
	}
}

// leading returns the eigenvectors of x'x with the largest eigenvalues,
// [columns][rank], by subspace iteration from a seeded start (Halko,
// Martinsson & Tropp, SIAM Review 53:217, 2011) without forming x'x. Where x
// has fewer columns than rank, the last vectors are 0.
func leading(ctx context.Context, x blas32.General, rank int, seed uint64) ([]float32, error) {
	const spare, rounds = 8, 8
	cols := x.Cols
	width := min(rank+spare, cols)
	rng := rand.New(rand.NewPCG(seed, 0x6661_6374))
	q := make([]float32, cols*width)
	for k := range q {
		q[k] = float32(rng.NormFloat64())
	}
	xq := make([]float32, x.Rows*width)
	for range rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		orthonormal(q, cols, width)
		gramTimes(x, q, xq, width)
	}
	// The vectors within the space are those of q'x'xq = (xq)'(xq).
	orthonormal(q, cols, width)
	multiply(x.Rows, width, cols, x.Data, x.Stride, q, xq)
	small := mat.NewSymDense(width, nil)
	for a := range width {
		for b := a; b < width; b++ {
			sum := 0.
			for i := range x.Rows {
				sum += float64(xq[i*width+a]) * float64(xq[i*width+b])
			}
			small.SetSym(a, b, sum)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(small, true) {
		return nil, errors.New("the leading factors of the slide were not found: does it hold values that are not finite?")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	out := make([]float32, cols*rank)
	for d := range min(rank, width) {
		from := width - 1 - d // eigenvalues rise
		for g := range cols {
			sum := 0.
			for a := range width {
				sum += float64(q[g*width+a]) * vectors.At(a, from)
			}
			out[g*rank+d] = float32(sum)
		}
	}
	return out, nil
}

// orthonormal replaces q [rows][cols] by an orthonormal basis of its columns
// (Gram and Schmidt, twice); a column that depends on those before it becomes 0.
func orthonormal(q []float32, rows, cols int) {
	columns := make([][]float64, cols)
	for j := range columns {
		c := make([]float64, rows)
		for i := range c {
			c[i] = float64(q[i*cols+j])
		}
		before := floats.Norm(c, 2)
		for range 2 {
			for _, d := range columns[:j] {
				floats.AddScaled(c, -floats.Dot(c, d), d)
			}
		}
		if after := floats.Norm(c, 2); after > 1e-7*before {
			floats.Scale(1/after, c)
		} else {
			clear(c)
		}
		columns[j] = c
		for i, x := range c {
			q[i*cols+j] = float32(x)
		}
	}
}

// gramTimes replaces q [columns][width] by x'xq.
func gramTimes(x blas32.General, q, xq []float32, width int) {
	multiply(x.Rows, width, x.Cols, x.Data, x.Stride, q, xq)
	multiplyT(x.Cols, width, x.Rows, x.Data, x.Stride, xq, q)
}

// multiply sets c [m][n] = a·b with a [m][k] of the given stride, b [k][n].
func multiply(m, n, k int, a []float32, stride int, b, c []float32) {
	blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, general(m, k, stride, a), general(k, n, n, b), 0, general(m, n, n, c))
}

// multiplyT sets c [m][n] = a'·b with a [k][m] of the given stride, b [k][n].
func multiplyT(m, n, k int, a []float32, stride int, b, c []float32) {
	blas32.Gemm(blas.Trans, blas.NoTrans, 1, general(k, m, stride, a), general(k, n, n, b), 0, general(m, n, n, c))
}

func general(rows, cols, stride int, data []float32) blas32.General {
	return blas32.General{Rows: rows, Cols: cols, Stride: stride, Data: data}
}

// parallel calls do for 0..n-1 in pieces, on as many cores as there are. Each
// piece must write what is its own only.
func parallel(ctx context.Context, n, piece int, do func(lo, hi int)) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range max(1, min(runtime.GOMAXPROCS(0), (n+piece-1)/piece)) {
		group.Go(func() error {
			for {
				if err := ctx.Err(); err != nil {
					return err
				}
				lo := int(next.Add(int64(piece))) - piece
				if lo >= n {
					return nil
				}
				do(lo, min(lo+piece, n))
			}
		})
	}
	return group.Wait()
}
