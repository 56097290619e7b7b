package baseline

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// VariationalFactor completes by the model of [PoissonFactor], fitted with more
// care: it knows how unsure it is of the factors while it fits them, and finds how
// many the slide supports and how smooth each is. It takes twice as long.
//
// Log-rates are η_ig = α_g + β_g·t_i + u_i·w_g, of 16 factors at most, with
//
//	u_id ~ N(g_d/(1+g_d)·ū_id, 1/(1+g_d)),  ū the mean of u around;  w_gd ~ N(0, 1/c_d)
//
// and counts scatter around the rate by Poisson and by ψ_g beyond it. Instead of
// the best u and w there are normal distributions of them (variational Bayes;
// for the linear model, Bishop, ICANN 1999: Variational principal components),
// u_i of covariance S_i and w_g of covariance T_g, so that η_ig has the variance
//
//	v_ig = tr(S_i (w w' + T_g)) + u'T_g u
//
// One round is, with z and τ those of PoissonFactor at λ = e^(η + v/2),
//
//	ω    = 1/(τ + ψ)
//	S_i  = (Σ_g ω (w w' + T_g) + 1 + g)⁻¹,  u_i = S_i (Σ_g ω z w + g ū_i)
//	T_g  = (Σ_i ω (u u' + S_i) + c)⁻¹,      w_g = T_g Σ_i ω z u
//	g_d  = 1/mean((u - ū)² + S_dd)          1 to 100
//	c_d  = 1/mean(w² + T_dd)                1 to 1000: a factor that is not needed dies
//	ψ_g  = max(0.02, ψ (Σ_i ω ((z - η)² + v) + 4)/(n_g + 4))   over counts that are seen
//
// the columns of u brought to mean(u² + S_dd) = 1 in between.
//
// Answers are those of PoissonFactor, with v in place of w'A⁻¹w, a = 1/(ψ + v) and
// the smoothing 1.5 pitches wide. So is their calibration. Splitting counts in two,
// the rates are 1 to 9 % too high on real slides.
type VariationalFactor struct {
	Rank     int             // number of factors at most; 0 = 16
	Seed     uint64          // of the start and of what is set aside
	Progress spared.Progress `json:"-"` // hears of each round; nil drops the news

	NoFit
}

// Constants of the fit, found on hippo's validation slides.
const (
	variationalRank        = 16
	variationalSmooth      = 1.5
	variationalFirst       = 3  // rounds after the first linearization
	variationalRounds      = 11 // and so many more, each after one of its own
	variationalFull        = 4  // and with what was set aside
	couplingMin, couplMax  = 1., 100.
	relevanceMin, relevMax = 1., 1000.
	startCoupling          = 10.
)

// Name returns "variational factor", with the rank where it is not the default.
func (m VariationalFactor) Name() string {
	if m.Rank != 0 && m.Rank != variationalRank {
		return fmt.Sprintf("variational factor, rank=%d", m.Rank)
	}
	return "variational factor"
}

// Info implements [Described].
func (VariationalFactor) Info() Info {
	return Info{
		Idea:   "the Poisson factor, fitted with how unsure its factors are",
		Source: "variational Bayes after Bishop, ICANN 1999; the model of the Poisson factor",
		Needs:  Needs{Counts: Required, Rest: Used},
	}
}

// Complete implements [Completer]. It needs a view with counts.
func (m VariationalFactor) Complete(ctx context.Context, v *View) (*Completion, error) {
	if m.Rank == 0 {
		m.Rank = variationalRank
	}
	done, err := m.complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("variational factor: %w", err)
	}
	return done, nil
}

func (m VariationalFactor) complete(ctx context.Context, v *View) (*Completion, error) {
	if m.Rank < 0 {
		return nil, fmt.Errorf("%d factors", m.Rank)
	}
	c, err := newCountModel(v, m.Rank)
	if err != nil {
		return nil, err
	}
	s := schedule{name: "variational factor", seed: m.Seed, progress: m.Progress, first: variationalFirst, aside: variationalRounds, full: variationalFull}
	return s.complete(ctx, c, newVariationalFit(c))
}

// variationalFit finds distributions of u and w. Of the countModel it takes
// counts, η, v, and of its factors z, τ, u, w and ψ. Covariances are kept as
// their pairs a <= b.
type variationalFit struct {
	*countModel
	rank, pairs     int
	weight, wz      []float32 // ω and ω·z [n][genes]
	s               []float32 // S, off the diagonal twice [n][pairs]
	t               []float32 // T [genes][pairs]
	us, wt          []float32 // u u' + S [n][pairs], w w' + T [genes][pairs]
	coupling, relev []float64 // g, c [rank]
}

func newVariationalFit(m *countModel) *variationalFit {
	f := &variationalFit{countModel: m, rank: m.f.rank, pairs: m.f.pairs()}
	cells := m.n * m.genes
	f.variance, f.weight, f.wz = make([]float32, cells), make([]float32, cells), make([]float32, cells)
	f.s, f.us = make([]float32, m.n*f.pairs), make([]float32, m.n*f.pairs)
	f.t, f.wt = make([]float32, m.genes*f.pairs), make([]float32, m.genes*f.pairs)
	for range f.rank {
		f.coupling, f.relev = append(f.coupling, startCoupling), append(f.relev, pullLoad)
	}
	return f
}

// start makes the first factors, and their products.
func (f *variationalFit) start(ctx context.Context, seed uint64) error {
	if err := f.f.start(ctx, seed); err != nil {
		return err
	}
	copyPairs(f.f.w, f.rank, f.wt)
	return parallel(ctx, f.n, chunk, f.f.spread)
}

// round is one round with the same z and τ, other than the two halves of
// [factors] not written gene by gene.
func (f *variationalFit) round(ctx context.Context, _ bool) error {
	if err := parallel(ctx, f.n, chunk, f.solveSpots); err != nil {
		return err
	}
	f.f.u, f.f.next = f.f.next, f.f.u
	f.rescale()
	if err := parallel(ctx, f.genes, geneChunk, f.solveGenes); err != nil {
		return err
	}
	if err := parallel(ctx, f.n, chunk, f.f.spread); err != nil {
		return err
	}
	f.findCouplings()
	if err := parallel(ctx, f.n, chunk, f.moments); err != nil {
		return err
	}
	return parallel(ctx, f.genes, geneChunk, f.findPsi)
}

// solveSpots sets ω, ωz, S and the new u of the spots lo to hi-1.
func (f *variationalFit) solveSpots(lo, hi int) {
	r, p, m := f.rank, f.pairs, hi-lo
	for i := lo; i < hi; i++ {
		row := i * f.genes
		for g, psi := range f.f.psi {
			at := row + g
			o := 1 / (f.f.tau[at] + float32(psi))
			f.weight[at], f.wz[at] = o, o*f.f.z[at]
		}
	}
	gram, right := make([]float32, m*p), make([]float32, m*r)
	multiply(m, p, f.genes, f.weight[lo*f.genes:], f.genes, f.wt, gram)
	multiply(m, r, f.genes, f.wz[lo*f.genes:], f.genes, f.f.w, right)
	s := newSolver(r)
	for k := range m {
		i := lo + k
		around := f.f.around[i*r:][:r]
		for d, x := range right[k*r:][:r] {
			s.right[d] = float64(x) + f.coupling[d]*float64(around[d])
		}
		for d, at := 0, 0; d < r; d++ {
			gram[k*p+at] += float32(pullHome + f.coupling[d])
			at += r - d
		}
		s.solve(gram[k*p:][:p], 0)
		for d, x := range s.right {
			f.f.next[i*r+d] = float32(x)
		}
		s.invert(f.s[i*p:][:p])
	}
}

// rescale brings the columns of u to mean(u² + S_dd) = 1 and sets u u' + S. (w
// is found anew from them.)
func (f *variationalFit) rescale() {
	r, p := f.rank, f.pairs
	size := make([]float64, r)
	for i := range f.n {
		for d, at := 0, 0; d < r; d++ {
			x := float64(f.f.u[i*r+d])
			size[d] += x*x + float64(f.s[i*p+at])
			at += r - d
		}
	}
	for d := range size {
		size[d] = max(math.Sqrt(size[d]/float64(f.n)), 1e-6)
	}
	for i := range f.n {
		u, s, us := f.f.u[i*r:][:r], f.s[i*p:][:p], f.us[i*p:][:p]
		for d := range u {
			u[d] = float32(float64(u[d]) / size[d])
		}
		at := 0
		for a := range r {
			for b := a; b < r; b++ {
				s[at] = float32(float64(s[at]) / (size[a] * size[b]))
				us[at] = u[a]*u[b] + s[at]
				if b > a {
					us[at] = u[a]*u[b] + s[at]/2
				}
				at++
			}
		}
	}
}

// solveGenes sets w, T and w w' + T of the genes lo to hi-1.
func (f *variationalFit) solveGenes(lo, hi int) {
	r, p, m := f.rank, f.pairs, hi-lo
	gram, right := make([]float32, m*p), make([]float32, m*r)
	multiplyT(m, p, f.n, f.weight[lo:], f.genes, f.us, gram)
	multiplyT(m, r, f.n, f.wz[lo:], f.genes, f.f.u, right)
	s := newSolver(r)
	for k := range m {
		g := lo + k
		for d, x := range right[k*r:][:r] {
			s.right[d] = float64(x)
		}
		for d, at := 0, 0; d < r; d++ {
			gram[k*p+at] += float32(f.relev[d])
			at += r - d
		}
		s.solve(gram[k*p:][:p], 0)
		w, t, wt := f.f.w[g*r:][:r], f.t[g*p:][:p], f.wt[g*p:][:p]
		for d, x := range s.right {
			w[d] = float32(x)
		}
		s.invert(t)
		at := 0
		for a := range r {
			for b := a; b < r; b++ {
				if b > a {
					t[at] /= 2
				}
				wt[at] = w[a]*w[b] + t[at]
				at++
			}
		}
	}
}

// findCouplings sets g and c.
func (f *variationalFit) findCouplings() {
	r, p := f.rank, f.pairs
	for d, at := 0, 0; d < r; d++ {
		rough, size := 0., 0.
		for i := range f.n {
			x := float64(f.f.u[i*r+d] - f.f.around[i*r+d])
			rough += x*x + float64(f.s[i*p+at])
		}
		for g := range f.genes {
			x := float64(f.f.w[g*r+d])
			size += x*x + float64(f.t[g*p+at])
		}
		f.coupling[d] = min(max(float64(f.n)/rough, couplingMin), couplMax)
		f.relev[d] = min(max(float64(f.genes)/size, relevanceMin), relevMax)
		at += r - d
	}
}

// moments sets v of the spots lo to hi-1, and η without its base.
func (f *variationalFit) moments(lo, hi int) {
	r, p, m := f.rank, f.pairs, hi-lo
	uu := make([]float32, m*p) // u u', off the diagonal twice
	for k := range m {
		u, at := f.f.u[(lo+k)*r:][:r], k*p
		for a := range r {
			for b := a; b < r; b++ {
				uu[at] = u[a] * u[b]
				if b > a {
					uu[at] *= 2
				}
				at++
			}
		}
	}
	out := general(m, f.genes, f.genes, f.variance[lo*f.genes:])
	blas32.Gemm(blas.NoTrans, blas.Trans, 1, general(m, p, p, f.s[lo*p:]), general(f.genes, p, p, f.wt), 0, out)
	blas32.Gemm(blas.NoTrans, blas.Trans, 1, general(m, p, p, uu), general(f.genes, p, p, f.t), 1, out)
	f.f.product(lo, hi, f.eta[lo*f.genes:hi*f.genes])
}

// findPsi sets ψ of the genes lo to hi-1; η is without its base.
func (f *variationalFit) findPsi(lo, hi int) {
	squares, seen := make([]float64, hi-lo), make([]float64, hi-lo)
	for i := range f.n {
		for g := lo; g < hi; g++ {
			if at := i*f.genes + g; f.counts[at] >= 0 {
				seen[g-lo]++
				e := float64(f.f.z[at] - f.eta[at])
				squares[g-lo] += float64(f.weight[at]) * (e*e + float64(f.variance[at]))
			}
		}
	}
	for g := lo; g < hi; g++ {
		f.f.psi[g] = max(psiFloor, f.f.psi[g]*(squares[g-lo]+psiPrior)/(seen[g-lo]+psiPrior))
	}
}

// answer takes v for the uncertainty of η.
func (f *variationalFit) answer(ctx context.Context, shown *View) (*answers, error) {
	open := func(i, g int) float64 { return float64(f.variance[i*f.genes+g]) }
	return f.answerBy(ctx, shown, open, variationalSmooth)
}

// copyPairs sets out [rows][pairs] to the products a <= b within each row of x.
func copyPairs(x []float32, rank int, out []float32) {
	at := 0
	for i := 0; i+rank <= len(x); i += rank {
		row := x[i:][:rank]
		for a, xa := range row {
			for _, xb := range row[a:] {
				out[at] = xa * xb
				at++
			}
		}
	}
}
