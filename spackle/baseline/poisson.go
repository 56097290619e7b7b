package baseline

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// PoissonFactor completes by a spatial factor model of the raw counts, fitted
// to the slide itself. It needs no other slides, takes a count of 0 for the
// count that it is, and knows how sure it is.
//
// A count is Poisson with log-rate
//
//	η_ig = α_g + β_g·t_i + u_i·w_g,   t_i = ln(1 + R_i) less its mean over the slide
//
// where R_i is the spot's depth: its counts of genes that are not completed, or
// where these are few its visible counts. α and β are a Poisson regression of
// each gene (8 steps of Newton's method, penalty 2.5(β-1)²). The factors u, w
// take up what is left, u pulled towards its mean over the spots around
// (18 nearest, Gaussian weights of width 0.9 pitches), 12 of them. They are
// fitted six times to
//
//	λ = e^η, z = (c - λ)/λ + η - α - βt, τ = 1/λ
//
// by 12 rounds the first time and 4 rounds the others; see factors. The
// residual variance ψ_g of a gene beyond Poisson comes with them. What is
// hidden takes no part; all else does, zeros included.
//
// The two answers, with b_i the log2 of the value of one count in spot i and
// gene g:
//
//	Values  log(1 + 2^(b + h)),  h = E[log2 c | c >= 1] over the law of η, N(α + βt + u·w, ψ)
//	Rate    log(1 + 2^b·λ*),     λ* = (a + c)/(a/μ + 1), a = 1/ψ, μ = e^(η + ψ/2);
//	                             c the count, and μ itself where the entry is hidden
//
// The law is represented by three points (Gauss-Hermite), each weighed by its
// probability of any count. SD is the standard deviation of log2 c under it.
// Then what is left of the visible values is smoothed over the slide and added
// to Values (36 nearest spots, width 2 pitches, shrunk as by 10 spots).
//
// Hidden counts are missing from a spot's total (see [View.Hide]), so that one
// visible count is worth too much. The model predicts the hidden ones, E[c | c
// >= 1], and puts them back into b. Where nothing is hidden this does nothing.
type PoissonFactor struct {
	Rank     int             // number of factors; 0 = 12
	Coupling float64         // g, the pull of u towards the spots around; 0 = 10
	Seed     uint64          // of the start; it hardly matters
	Progress spared.Progress `json:"-"` // hears of each round; nil drops the news

	NoFit
}

// Constants of the fit, found on real slides.
const (
	factorNear  = 18  // spots around
	factorWidth = 0.9 // pitches
	outerRounds = 6
	smoothNear  = 36
	smoothWidth = 2.
	smoothKappa = 10.
)

// innerRounds returns the rounds of the model after linearization k.
func innerRounds(k int) int {
	if k == 0 {
		return 12
	}
	return 4
}

// Name returns "poisson factor", with those settings that are not the default.
func (m PoissonFactor) Name() string {
	name := "poisson factor"
	if m.Rank != 0 && m.Rank != 12 {
		name += fmt.Sprintf(", rank=%d", m.Rank)
	}
	if m.Coupling != 0 && m.Coupling != 10 {
		name += fmt.Sprintf(", coupling=%g", m.Coupling)
	}
	return name
}

// Complete implements [Completer]. It needs a view with counts.
func (m PoissonFactor) Complete(ctx context.Context, v *View) (*Completion, error) {
	if m.Rank == 0 {
		m.Rank = 12
	}
	if m.Coupling == 0 {
		m.Coupling = 10
	}
	done, err := m.complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("poisson factor: %w", err)
	}
	return done, nil
}

func (m PoissonFactor) complete(ctx context.Context, v *View) (*Completion, error) {
	switch {
	case m.Rank < 0:
		return nil, fmt.Errorf("%d factors", m.Rank)
	case !(m.Coupling > 0) || math.IsInf(m.Coupling, 0):
		return nil, fmt.Errorf("a coupling of %g is not positive", m.Coupling)
	}
	if err := v.needCounts(); err != nil {
		return nil, err
	}
	p, err := newPoissonFit(ctx, v, m)
	if err != nil {
		return nil, err
	}
	if p.n > 0 && p.genes > 0 {
		if err := p.fit(ctx, m); err != nil {
			return nil, err
		}
	}
	return p.answer(ctx)
}

// poissonFit is the model of one view. Its first genes are the view's, the
// others the view's rest.
type poissonFit struct {
	v        *View
	n, genes int
	counts   []float32 // [n][genes], -1 where hidden
	base     []float32 // α + βt, [n][genes]
	eta      []float32 // [n][genes]
	f        factors
}

func newPoissonFit(ctx context.Context, v *View, m PoissonFactor) (*poissonFit, error) {
	own, rest := v.Values.Cols, v.Rest.Cols
	p := &poissonFit{v: v, n: v.Values.Rows, genes: own + rest}
	p.counts = make([]float32, p.n*p.genes)
	for i := range p.n {
		row := p.counts[i*p.genes:][:p.genes]
		copy(row, v.Counts.Data[i*v.Counts.Stride:][:own])
		if rest > 0 {
			copy(row[own:], v.Rest.Data[i*v.Rest.Stride:][:rest])
		}
		if v.Hidden != nil {
			for g, h := range v.Hidden[i*own:][:own] {
				if h {
					row[g] = -1
				}
			}
		}
	}
	p.base, p.eta = make([]float32, len(p.counts)), make([]float32, len(p.counts))
	near, share, k, err := v.around(factorNear, factorWidth)
	if err != nil {
		return nil, err
	}
	p.f = factors{n: p.n, genes: p.genes, rank: m.Rank, coupling: m.Coupling, near: near, share: share, k: k}
	t := v.depth()
	err = parallel(ctx, p.genes, geneChunk, func(lo, hi int) {
		counts := make([]float64, p.n)
		for g := lo; g < hi; g++ {
			for i := range counts {
				counts[i] = float64(p.counts[i*p.genes+g])
			}
			alpha, beta := poissonLine(counts, t)
			for i, t := range t {
				p.base[i*p.genes+g] = float32(alpha + beta*t)
			}
		}
	})
	return p, err
}

// depth returns t of [PoissonFactor].
func (v *View) depth() []float64 {
	n := v.Values.Rows
	seen, other := make([]float64, n), make([]float64, n)
	var sumSeen, sumOther float64
	for i := range n {
		for _, c := range v.Counts.Data[i*v.Counts.Stride:][:v.Values.Cols] {
			seen[i] += float64(c)
		}
		if v.Depth != nil {
			other[i] = v.Depth[i]
		}
		sumSeen, sumOther = sumSeen+seen[i], sumOther+other[i]
	}
	if enough := 0.1; sumOther < enough*sumSeen {
		for i := range other {
			other[i] += seen[i]
		}
	}
	mean := 0.
	for i, r := range other {
		other[i] = math.Log1p(r)
		mean += other[i] / float64(n)
	}
	for i := range other {
		other[i] -= mean
	}
	return other
}

// around returns the k nearest spots of each and their weights, which add up to
// 1: Gaussian of the given width in pitches.
func (v *View) around(k int, width float64) (near []int32, share []float32, of int, err error) {
	near, w, k, err := smoother{neighbours: k, weight: gaussian(width)}.weights(v)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("slide %s: %w", v.Slide, err)
	}
	share = make([]float32, len(w))
	for i := range v.Values.Rows {
		sum := 0.
		for _, x := range w[i*k:][:k] {
			sum += x
		}
		for m, x := range w[i*k:][:k] {
			if sum > 0 {
				share[i*k+m] = float32(x / sum)
			} else { // far from all
				share[i*k+m] = 1 / float32(k)
			}
		}
	}
	return near, share, k, nil
}

// poissonLine fits counts c ~ Poisson(e^(α + βt)) by Newton's method with the
// penalty 2.5(β-1)²; negative counts are not looked at.
func poissonLine(c, t []float64) (alpha, beta float64) {
	const slope, steps = 5., 8
	var sum, expected float64
	for i, c := range c {
		if c >= 0 {
			sum, expected = sum+c, expected+math.Exp(t[i])
		}
	}
	if expected == 0 {
		return etaMin, 1
	}
	alpha, beta = math.Log((sum+0.5)/expected), 1
	for range steps {
		ga, gb, aa, ab, bb := 0., -slope*(beta-1), 0., 0., slope
		for i, c := range c {
			if c < 0 {
				continue
			}
			rate := math.Exp(min(max(alpha+beta*t[i], -7), 8))
			d := c - rate
			ga, gb = ga+d, gb+d*t[i]
			aa, ab, bb = aa+rate, ab+rate*t[i], bb+rate*t[i]*t[i]
		}
		det := aa*bb - ab*ab
		if !(det > 1e-12*aa*bb) {
			break
		}
		alpha += (bb*ga - ab*gb) / det
		beta += (aa*gb - ab*ga) / det
	}
	return alpha, beta
}

// fit fits the factors.
func (p *poissonFit) fit(ctx context.Context, m PoissonFactor) error {
	p.f.allocate()
	copy(p.eta, p.base)
	total, done := 0, 0
	for k := range outerRounds {
		total += innerRounds(k)
	}
	for k := range outerRounds {
		if err := p.linearize(ctx); err != nil {
			return err
		}
		if k == 0 {
			p.f.count()
			if err := p.f.start(ctx, m.Seed); err != nil {
				return err
			}
		}
		for range innerRounds(k) {
			if err := p.f.round(ctx); err != nil {
				return err
			}
			done++
			m.Progress.Send(spared.Event{Step: "poisson factor of " + p.v.Slide, Done: done, Total: total})
		}
		if err := p.predict(ctx); err != nil {
			return err
		}
	}
	return nil
}

// linearize sets z and τ.
func (p *poissonFit) linearize(ctx context.Context) error {
	return parallel(ctx, p.n, chunk, func(lo, hi int) {
		for at := lo * p.genes; at < hi*p.genes; at++ {
			c := p.counts[at]
			if c < 0 {
				p.f.tau[at] = -1
				continue
			}
			eta := min(max(p.eta[at], etaMin), etaMax)
			lambda := float32(math.Exp(float64(eta)))
			p.f.tau[at] = 1 / lambda
			p.f.z[at] = (c-lambda)/lambda + eta - p.base[at]
		}
	})
}

// predict sets η.
func (p *poissonFit) predict(ctx context.Context) error {
	const top = 6.99
	return parallel(ctx, p.n, chunk, func(lo, hi int) {
		p.f.product(lo, hi, p.eta[lo*p.genes:hi*p.genes])
		for at := lo * p.genes; at < hi*p.genes; at++ {
			p.eta[at] = min(max(p.eta[at]+p.base[at], etaMin), top)
		}
	})
}

// answer completes by the fitted model.
func (p *poissonFit) answer(ctx context.Context) (*Completion, error) {
	v, own := p.v, p.v.Values.Cols
	done := &Completion{Values: v.Empty(), SD: v.Empty(), Rate: v.Empty()}
	table := truncatedPoisson()
	unit, err := p.unit(ctx)
	if err != nil {
		return nil, err
	}
	err = parallel(ctx, p.n, chunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			for g := range own {
				at, out := i*p.genes+g, i*own+g
				eta, psi := float64(p.eta[at]), p.f.psi[g]
				mean, variance := table.detected(eta, psi, true)
				b := unit[out]
				done.Values.Data[out] = float32(v.Norm.Log(math.Exp2(mean) * b))
				done.SD.Data[out] = float32(math.Sqrt(variance) * v.doubling())
				done.Rate.Data[out] = float32(v.Norm.Log(posteriorRate(eta, psi, float64(p.counts[at])) * b))
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if err := v.smooth(ctx, done.Values, unit, smoothWidth); err != nil {
		return nil, err
	}
	for i := range p.n {
		v.keep(i, done.Values.Data[i*own:][:own])
		v.keep(i, done.Rate.Data[i*own:][:own])
		for g, seen := range v.visible(i) {
			if seen {
				done.SD.Data[i*own+g] = 0
			}
		}
	}
	return done, nil
}

// doubling is what a doubling adds to a large value: 1, or ln 2 where the
// view's logarithm is natural.
func (v *View) doubling() float64 { return v.Norm.Log(math.Exp2(41)) - v.Norm.Log(math.Exp2(40)) }

// posteriorRate returns λ* of [PoissonFactor], the rate given a count; c < 0 is
// a count that is not known.
func posteriorRate(eta, psi, c float64) float64 {
	mu := math.Exp(eta + psi/2)
	if c < 0 {
		return mu
	}
	a := 1 / max(psi, psiFloor)
	return (a + c) / (a/mu + 1)
}

// unit returns the normalised value of one count in each entry [n][genes of the
// view], hidden counts put back into the totals by what is expected of them.
func (p *poissonFit) unit(ctx context.Context) ([]float64, error) {
	v, own := p.v, p.v.Values.Cols
	unit := make([]float64, p.n*own)
	return unit, parallel(ctx, p.n, chunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			total := v.Totals[i]
			if v.Hidden != nil {
				for g, hidden := range v.Hidden[i*own:][:own] {
					if hidden {
						total += countIfDetected(float64(p.eta[i*p.genes+g]), p.f.psi[g]) / v.Sizes[g]
					}
				}
			}
			for g, size := range v.Sizes {
				unit[i*own+g] = v.Norm.Value(1, size, total)
			}
		}
	})
}

// countIfDetected returns E[c | c >= 1], η normal with variance ψ.
func countIfDetected(eta, psi float64) float64 {
	points, weights := nodes(eta, psi)
	var sum, chance float64
	for k, e := range points {
		sum += weights[k] * math.Exp(e)
		chance += weights[k] * -math.Expm1(-math.Exp(e))
	}
	return sum / chance
}

// smooth adds to x what is left of the visible values, first the slide's mean
// of it per gene and then what is around the spot:
//
//	r   = V(x^v - x)                      x_g += Σ_s r/(n_g + 10)
//	x_i += Σ_j w V r / (Σ_j w V + 10)     over the 36 nearest, width in pitches
//
// unit is the value of one count (see poissonFit.unit): visible values are
// brought to it first.
func (v *View) smooth(ctx context.Context, x blas32.General, unit []float64, width float64) error {
	n, genes := v.Values.Rows, v.Values.Cols
	left := make([]float32, n*genes)
	sum, count := make([]float64, genes), make([]float64, genes)
	for i := range n {
		for g, seen := range v.visible(i) {
			if at := i*genes + g; seen {
				truth := v.Norm.Log(float64(v.Counts.Data[i*v.Counts.Stride+g]) * unit[at])
				left[at] = float32(truth) - x.Data[at]
				sum[g] += float64(left[at])
				count[g]++
			}
		}
	}
	for g := range sum {
		sum[g] /= count[g] + smoothKappa
	}
	near, w, k, err := smoother{neighbours: smoothNear, weight: gaussian(width)}.weights(v)
	if err != nil {
		return err
	}
	return parallel(ctx, n, chunk, func(lo, hi int) {
		num, den := make([]float64, genes), make([]float64, genes)
		for i := lo; i < hi; i++ {
			clear(num)
			clear(den)
			for m, j := range near[i*k:][:k] {
				wij, r := w[i*k+m], left[int(j)*genes:][:genes]
				for g, seen := range v.visible(int(j)) {
					if seen {
						num[g] += wij * (float64(r[g]) - sum[g])
						den[g] += wij
					}
				}
			}
			for g := range num {
				x.Data[i*genes+g] += float32(sum[g] + num[g]/(den[g]+smoothKappa))
			}
		}
	})
}
