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
// care: it knows how unsure it is of the factors while it fits them, finds how
// many the slide supports and how smooth each is, and makes use of that a hidden
// value was detected. It takes about 2.5 times as long.
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
// One round is, with z and 1/τ from the slope and the curvature of the log of
// the likelihood of the entry at η:
//
//	c is seen       λ = e^(η + v/2), 1/τ = λ,                      z = η + (c - λ)/λ
//	c >= 1 is known s = λ/(e^λ - 1), 1/τ = s(λ/(1 - e^-λ) - 1),     z = η + s·τ
//
//	ω    = 1/(τ + ψ), z less α + βt
//	S_i  = (Σ_g ω (w w' + T_g) + 1 + g)⁻¹,  u_i = S_i (Σ_g ω z w + g ū_i)
//	T_g  = (Σ_i ω (u u' + S_i) + c)⁻¹,      w_g = T_g Σ_i ω z u
//	g_d  = 1/mean((u - ū)² + S_dd)          1 to 100
//	c_d  = 1/mean(w² + T_dd)                1 to 1000: a factor that is not needed dies
//	ψ_g  = max(0.02, ψ (Σ_i ω ((z - η)² + v) + 4)/(n_g + 4))   over counts that are seen
//
// the columns of u brought to mean(u² + S_dd) = 1 in between.
//
// What is hidden was detected, or nobody could have hidden it, and that is the
// second line above. To leave hidden entries out, as PoissonFactor does, is not the
// same as not knowing them: zeros are never hidden, so among what is left there
// are too many, and all rates come out too low. Where nothing is hidden, as in
// completing a data set, the line has no part.
//
// Answers are those of PoissonFactor, with v in place of w'A⁻¹w and the smoothing
// 1.5 pitches wide. So is their calibration, of SD and Factors only.
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
	if err := v.needCounts(); err != nil {
		return nil, err
	}
	p, err := newPoissonFit(v, PoissonFactor{Rank: m.Rank})
	if err != nil {
		return nil, err
	}
	f := newVariationalFit(p)
	c := newCalibration(v, m.Seed)
	p.show(c.aside, false)
	if err := f.start(ctx, m.Seed); err != nil {
		return nil, err
	}
	if err := f.rounds(ctx, m, 0, variationalRounds); err != nil {
		return nil, err
	}
	trial, err := f.answer(ctx, c.shown())
	if err != nil {
		return nil, err
	}
	c.learn(trial)
	clear(c.shift) // there is nothing to shift: with hidden values as detected, rates are right
	p.show(c.aside, true)
	if err := f.rounds(ctx, m, variationalRounds, variationalRounds+variationalFull); err != nil {
		return nil, err
	}
	done, err := f.answer(ctx, v)
	if err != nil {
		return nil, err
	}
	c.apply(done)
	return done.keep(v), nil
}

// variationalFit is the fit of one view. Of the poissonFit it takes counts,
// lines, η, and of its factors z, τ, u, w and ψ. Covariances are kept as their
// pairs a <= b.
type variationalFit struct {
	*poissonFit
	rank, pairs     int
	variance        []float32 // v [n][genes]
	weight, wz      []float32 // ω and ω·z [n][genes]
	s               []float32 // S, off the diagonal twice [n][pairs]
	t               []float32 // T [genes][pairs]
	us, wt          []float32 // u u' + S [n][pairs], w w' + T [genes][pairs]
	coupling, relev []float64 // g, c [rank]
}

func newVariationalFit(p *poissonFit) *variationalFit {
	f := &variationalFit{poissonFit: p, rank: p.f.rank, pairs: p.f.pairs()}
	cells := p.n * p.genes
	f.variance, f.weight, f.wz = make([]float32, cells), make([]float32, cells), make([]float32, cells)
	f.s, f.us = make([]float32, p.n*f.pairs), make([]float32, p.n*f.pairs)
	f.t, f.wt = make([]float32, p.genes*f.pairs), make([]float32, p.genes*f.pairs)
	for range f.rank {
		f.coupling, f.relev = append(f.coupling, startCoupling), append(f.relev, pullLoad)
	}
	return f
}

func (f *variationalFit) empty() bool { return f.n == 0 || f.genes == 0 }

// start makes the first factors, and their products.
func (f *variationalFit) start(ctx context.Context, seed uint64) error {
	f.f.allocate()
	if err := f.begin(ctx); err != nil || f.empty() {
		return err
	}
	if err := f.f.start(ctx, seed); err != nil {
		return err
	}
	copyPairs(f.f.w, f.rank, f.wt)
	return parallel(ctx, f.n, chunk, f.f.spread)
}

// begin prepares the first round with these counts: lines, z and τ.
func (f *variationalFit) begin(ctx context.Context) error {
	if err := f.lines(ctx, detectedLine); err != nil {
		return err
	}
	clear(f.f.known)
	for k, c := range f.counts {
		if c >= 0 {
			f.f.known[k%f.genes]++
		}
	}
	return f.linearize(ctx)
}

// rounds fits the factors.
func (f *variationalFit) rounds(ctx context.Context, m VariationalFactor, from, to int) error {
	if f.empty() {
		return nil
	}
	if from > 0 {
		if err := f.begin(ctx); err != nil {
			return err
		}
	}
	for k := from; k < to; k++ {
		times := 1
		if k == 0 {
			times = variationalFirst
		}
		for range times {
			if err := f.round(ctx); err != nil {
				return err
			}
		}
		if err := f.linearize(ctx); err != nil {
			return err
		}
		m.Progress.Send(spared.Event{Step: "variational factor of " + f.v.Slide, Done: k + 1, Total: variationalRounds + variationalFull})
	}
	return nil
}

// round is one round with the same z and τ, other than the two halves of
// [factors] not written gene by gene.
func (f *variationalFit) round(ctx context.Context) error {
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

// linearize sets z and τ at η and v.
func (f *variationalFit) linearize(ctx context.Context) error {
	const top, most = 6.99, 1.
	return parallel(ctx, f.n, chunk, func(lo, hi int) {
		f.f.product(lo, hi, f.eta[lo*f.genes:hi*f.genes])
		for at := lo * f.genes; at < hi*f.genes; at++ {
			eta := min(max(f.eta[at]+f.base[at], etaMin), top)
			f.eta[at] = eta
			rate := exp32(min(eta+min(f.variance[at], most)/2, etaMax))
			c := f.counts[at]
			if c < 0 {
				slope, bend := detectedSlope(float64(rate))
				f.f.tau[at], f.f.z[at] = float32(1/bend), float32(slope/bend)+eta-f.base[at]
				continue
			}
			f.f.tau[at] = 1 / rate
			f.f.z[at] = (c-rate)/rate + eta - f.base[at]
		}
	})
}

// detectedSlope returns the first derivative of ln(1 - e^-λ) by ln λ, and the
// second with its sign changed, at least 1e-6.
func detectedSlope(rate float64) (slope, bend float64) {
	const most, least = 40, 1e-6
	rate = min(rate, most)
	e := math.Expm1(rate)
	slope = rate / e
	return slope, max(slope*(rate*(1+1/e)-1), least)
}

// detectedLine is poissonLine for counts of which the negative ones are known to
// be 1 or more.
func detectedLine(c, t []float64) (alpha, beta float64) {
	const slope, steps, seen = 5., 10, 1.3 // about what a count is that was detected
	var sum, expected float64
	for i, c := range c {
		if c < 0 {
			c = seen
		}
		sum, expected = sum+c, expected+math.Exp(t[i])
	}
	alpha, beta = math.Log((sum+0.5)/expected), 1
	for range steps {
		ga, gb, aa, ab, bb := 0., -slope*(beta-1), 0., 0., slope
		for i, c := range c {
			rate := math.Exp(min(max(alpha+beta*t[i], -7), 8))
			d, w := c-rate, rate
			if c < 0 {
				d, w = detectedSlope(rate)
			}
			ga, gb = ga+d, gb+d*t[i]
			aa, ab, bb = aa+w, ab+w*t[i], bb+w*t[i]*t[i]
		}
		det := aa*bb - ab*ab
		if !(det > 1e-12*aa*bb) {
			break
		}
		const far = 2 // a step at most: where all counts are hidden, η has no best value
		alpha += min(max((bb*ga-ab*gb)/det, -far), far)
		beta += min(max((aa*gb-ab*ga)/det, -far), far)
	}
	return min(max(alpha, etaMin), etaMax), beta
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
	squares := make([]float64, hi-lo)
	for i := range f.n {
		for g := lo; g < hi; g++ {
			if at := i*f.genes + g; f.counts[at] >= 0 {
				e := float64(f.f.z[at] - f.eta[at])
				squares[g-lo] += float64(f.weight[at]) * (e*e + float64(f.variance[at]))
			}
		}
	}
	for g := lo; g < hi; g++ {
		f.f.psi[g] = max(psiFloor, f.f.psi[g]*(squares[g-lo]+psiPrior)/(f.f.known[g]+psiPrior))
	}
}

// answer is that of poissonFit with v for the uncertainty of η.
func (f *variationalFit) answer(ctx context.Context, shown *View) (*answers, error) {
	open := func(i, g int) float64 { return float64(f.variance[i*f.genes+g]) }
	return f.poissonFit.answer(ctx, shown, open, variationalSmooth)
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
