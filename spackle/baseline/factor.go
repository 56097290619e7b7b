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
//	u_i  = A_i⁻¹ (Σ_g ω z w + g ū_i),  A_i = Σ_g ω w w' + (a+g) I
//	w_g  = (Σ_i ω u u' + c I)⁻¹ Σ_i ω z u
//	ψ_g  = max(0.02, ψ_g (Σ_i ω e² + 4)/(n_g + 4))
//
// Between the two halves the columns of u are brought to a mean square of 1, and
// w with them, so that their product stays. (Not to a variance of 1: a column
// that is nearly constant would grow without bound.)
//
// With byInformation an entry counts for ψ as much as it tells of it, as in a
// step of the likelihood's scoring method:
//
//	ψ_g  = max(0.02, (Σ_i ω² (e² - τ) + 10·0.1)/(Σ_i ω² + 10))
//
// Sums over genes and over spots are inner products of float32, and what they
// run over lies side by side in memory: ω and ωz are kept gene by gene. Memory
// and time are linear in the number of spots.
type factors struct {
	n, genes, rank int
	coupling       float64 // g
	byInformation  bool    // how ψ is found

	near  []int32 // [n][k], spots around each
	share []float32
	k     int

	z, tau       []float32 // [n][genes]; tau < 0 where z is not known
	weight, wz   []float32 // ω and ω·z, [genes][n]
	u            []float32 // [n][rank]
	w            []float32 // [genes][rank]
	psi          []float64 // [genes]
	known        []float64 // n_g
	around, next []float32 // ū and the new u
	columns      []float32 // u or w by columns, [rank][n or genes]
	outer        []float32 // products of pairs of columns, [pairs][n or genes]
	inverse      []float32 // A_i⁻¹ of the last round, [n][pairs], where there is room for it
}

// Constants of the model, found on real slides.
const (
	pullHome   = 1.  // a: pull of u towards 0
	pullLoad   = 10. // c: pull of w towards 0
	psiFloor   = 0.02
	psiPrior   = 4 // observations that hold ψ where it is
	psiStart   = 0.1
	psiHold    = 10. // information that holds ψ at its start
	initWeight = 0.3 // weight of 0 in the average that the start is made of
	chunk      = 64  // spots taken at a time
	geneChunk  = 32  // genes taken at a time
	dotBlock   = 512 // spots over which genes are summed at a time, for the cache
)

func (f *factors) pairs() int { return f.rank * (f.rank + 1) / 2 }

// allocate makes room, z and tau included.
func (f *factors) allocate() {
	cells := f.n * f.genes
	f.z, f.tau, f.weight, f.wz = make([]float32, cells), make([]float32, cells), make([]float32, cells), make([]float32, cells)
	f.u, f.around, f.next = make([]float32, f.n*f.rank), make([]float32, f.n*f.rank), make([]float32, f.n*f.rank)
	f.w = make([]float32, f.genes*f.rank)
	f.columns, f.outer = make([]float32, max(f.n, f.genes)*f.rank), make([]float32, max(f.n, f.genes)*f.pairs())
	f.psi, f.known = make([]float64, f.genes), make([]float64, f.genes)
}

// count counts the known entries of each gene, which stay the same.
func (f *factors) count() {
	clear(f.known)
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
	if err := parallel(ctx, f.n, chunk, f.spread); err != nil {
		return err
	}
	pairProducts(f.w, f.rank, f.columns, f.outer)
	if err := parallel(ctx, f.n, chunk, f.solveSpots); err != nil {
		return err
	}
	f.u, f.next = f.next, f.u
	f.rescale()
	pairProducts(f.u, f.rank, f.columns, f.outer)
	return parallel(ctx, f.genes, geneChunk, f.solveGenes)
}

// spread sets ū of the spots lo to hi-1.
func (f *factors) spread(lo, hi int) {
	r := f.rank
	for i := lo; i < hi; i++ {
		row := f.around[i*r:][:r]
		clear(row)
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
	m := hi - lo
	weight, wz := make([]float32, m*genes), make([]float32, m*genes)
	gram := make([]float32, p)
	s := newSolver(r)
	for i := lo; i < hi; i++ {
		weight, wz := weight[(i-lo)*genes:][:genes], wz[(i-lo)*genes:][:genes]
		z := f.z[i*genes:][:genes]
		for g, t := range f.tau[i*genes:][:genes] {
			if t >= 0 {
				o := 1 / (t + float32(f.psi[g]))
				weight[g], wz[g] = o, o*z[g]
			}
		}
		for q := range gram {
			gram[q] = dot(weight, f.outer[q*genes:])
		}
		around := f.around[i*r:][:r]
		for d := range s.right {
			s.right[d] = float64(dot(wz, f.columns[d*genes:])) + f.coupling*float64(around[d])
		}
		s.solve(gram, pullHome+f.coupling)
		for d, x := range s.right {
			f.next[i*r+d] = float32(x)
		}
		if f.inverse != nil {
			s.invert(f.inverse[i*p:][:p])
		}
	}
	for g := range genes {
		toWeight, toWZ := f.weight[g*f.n+lo:][:m], f.wz[g*f.n+lo:][:m]
		for k := range m {
			toWeight[k], toWZ[k] = weight[k*genes+g], wz[k*genes+g]
		}
	}
}

// solveGenes sets w and ψ of the genes lo to hi-1. f.outer holds the pairs of u.
func (f *factors) solveGenes(lo, hi int) {
	r, p, n := f.rank, f.pairs(), f.n
	gram, right := make([]float32, (hi-lo)*p), make([]float32, (hi-lo)*r)
	for from := 0; from < n; from += dotBlock {
		size := min(dotBlock, n-from)
		for g := lo; g < hi; g++ {
			weight, wz := f.weight[g*n+from:][:size], f.wz[g*n+from:][:size]
			for q := range p {
				gram[(g-lo)*p+q] += dot(weight, f.outer[q*n+from:])
			}
			for d := range r {
				right[(g-lo)*r+d] += dot(wz, f.columns[d*n+from:])
			}
		}
	}
	s, fitted := newSolver(r), make([]float32, n)
	for g := lo; g < hi; g++ {
		for d, x := range right[(g-lo)*r:][:r] {
			s.right[d] = float64(x)
		}
		s.solve(gram[(g-lo)*p:][:p], pullLoad)
		clear(fitted)
		for d, x := range s.right {
			f.w[g*r+d] = float32(x)
			addScaled(float32(x), f.columns[d*n:][:n], fitted)
		}
		f.updatePsi(g, fitted)
	}
}

// updatePsi sets ψ of a gene, given u·w at all spots.
func (f *factors) updatePsi(g int, fitted []float32) {
	psi := float32(f.psi[g])
	var squares, excess, information float64
	wz := f.wz[g*f.n:][:f.n]
	for i, o := range f.weight[g*f.n:][:f.n] {
		if o == 0 {
			continue
		}
		e := wz[i]/o - fitted[i]
		squares += float64(o * e * e)
		excess += float64(o * (o*(e*e+psi) - 1)) // ω²(e² - τ), as τ = 1/ω - ψ
		information += float64(o * o)
	}
	if !f.byInformation {
		f.psi[g] = max(psiFloor, f.psi[g]*(squares+psiPrior)/(f.known[g]+psiPrior))
		return
	}
	f.psi[g] = max(psiFloor, (excess+psiHold*psiStart)/(information+psiHold))
}

// uncertainty returns the variance of u_i·w_g by spot and gene, given the u
// around and w: w_g'A_i⁻¹w_g. Without a last round that kept A⁻¹ it is 0.
func (f *factors) uncertainty() func(i, g int) float64 {
	if f.inverse == nil {
		return func(int, int) float64 { return 0 }
	}
	pairs := f.pairs()
	of := make([]float32, 0, f.genes*pairs)
	for g := range f.genes {
		w := f.w[g*f.rank:][:f.rank]
		for a, x := range w {
			for _, y := range w[a:] {
				of = append(of, x*y)
			}
		}
	}
	return func(i, g int) float64 {
		return float64(max(dot(f.inverse[i*pairs:][:pairs], of[g*pairs:]), 0))
	}
}

// product sets out [hi-lo][genes] to u·w of the spots lo to hi-1.
func (f *factors) product(lo, hi int, out []float32) {
	clear(out)
	if f.genes == 0 {
		return
	}
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

// pairProducts sets columns [rank][rows] to the columns of x [rows][rank], and
// out [pairs][rows] to the products of columns a <= b, those of different a and
// b once.
func pairProducts(x []float32, rank int, columns, out []float32) {
	rows := len(x) / rank
	for i := range rows {
		for d, y := range x[i*rank:][:rank] {
			columns[d*rows+i] = y
		}
	}
	at := 0
	for a := range rank {
		for b := a; b < rank; b++ {
			to, xb := out[at:][:rows], columns[b*rows:][:rows]
			for i, y := range columns[a*rows:][:rows] {
				to[i] = y * xb[i]
			}
			at += rows
		}
	}
}

// dot is the inner product of a and as many numbers of b.
func dot(a, b []float32) float32 {
	return blas32.Dot(blas32.Vector{N: len(a), Inc: 1, Data: a}, blas32.Vector{N: len(a), Inc: 1, Data: b})
}

// addScaled adds s·x to y.
func addScaled(s float32, x, y []float32) {
	blas32.Axpy(s, blas32.Vector{N: len(x), Inc: 1, Data: x}, blas32.Vector{N: len(x), Inc: 1, Data: y})
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

// invert sets out to the pairs of the inverse of what was decomposed; those of
// different a and b are doubled, so that x'A⁻¹x is an inner product with the
// pairs of x.
func (s *solver) invert(out []float32) {
	r, at := s.rank, 0
	for a := range r {
		clear(s.right)
		s.right[a] = 1
		s.substitute()
		for b := a; b < r; b++ {
			out[at] = float32(s.right[b])
			if b > a {
				out[at] *= 2
			}
			at++
		}
	}
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

// innerRounds returns the rounds of the model after linearization k, where all
// that is learnt is learnt from few of them.
func innerRounds(k int) int {
	if k == 0 {
		return 12
	}
	return 4
}
