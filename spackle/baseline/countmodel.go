package baseline

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// countModel is what models of the counts of one view share: log-rates, and
// answers that follow from them. Its first genes are the view's, the others the
// view's rest.
type countModel struct {
	v           *View
	n, genes    int
	counts      []float32 // [n][genes], -1 where hidden: 1 or more
	depth       []float64 // t [n]
	alpha, beta []float64 // [genes]
	base        []float32 // α + βt, [n][genes]
	eta         []float32 // [n][genes]
	variance    []float32 // of η, [n][genes]; nil where a model does not keep it
	f           factors   // of what base leaves
}

// newCountModel takes in the counts. It needs a view with counts.
func newCountModel(v *View, rank int) (*countModel, error) {
	if err := v.needCounts(); err != nil {
		return nil, err
	}
	own, rest := v.Values.Cols, v.Rest.Cols
	m := &countModel{v: v, n: v.Values.Rows, genes: own + rest}
	m.counts = make([]float32, m.n*m.genes)
	for i := range m.n {
		row := m.counts[i*m.genes:][:m.genes]
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
	m.base, m.eta = make([]float32, len(m.counts)), make([]float32, len(m.counts))
	m.alpha, m.beta = make([]float64, m.genes), make([]float64, m.genes)
	near, share, k, err := v.around(factorNear, factorWidth)
	m.f = factors{n: m.n, genes: m.genes, rank: rank, near: near, share: share, k: k}
	return m, err
}

func (m *countModel) empty() bool { return m.n == 0 || m.genes == 0 }

// lines sets t, α, β and the base.
func (m *countModel) lines(ctx context.Context) error {
	m.depth = m.depths()
	return parallel(ctx, m.genes, geneChunk, func(lo, hi int) {
		counts := make([]float64, m.n)
		for g := lo; g < hi; g++ {
			for i := range counts {
				counts[i] = float64(m.counts[i*m.genes+g])
			}
			m.alpha[g], m.beta[g] = poissonLine(counts, m.depth)
			for i, t := range m.depth {
				m.base[i*m.genes+g] = float32(m.alpha[g] + m.beta[g]*t)
			}
		}
	})
}

// depths returns t of [PoissonFactor].
func (m *countModel) depths() []float64 {
	n, v := m.n, m.v
	seen, other := make([]float64, n), make([]float64, n)
	var sumSeen, sumOther float64
	for i := range n {
		for _, c := range m.counts[i*m.genes:][:v.Values.Cols] {
			seen[i] += max(float64(c), 0)
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

// show hides entries of the view from the model, or shows them.
func (m *countModel) show(entries []int, yes bool) {
	own := m.v.Values.Cols
	for _, k := range entries {
		i, g := k/own, k%own
		m.counts[i*m.genes+g] = -1
		if yes {
			m.counts[i*m.genes+g] = m.v.Counts.Data[i*m.v.Counts.Stride+g]
		}
	}
}

// linearize sets η, and z and τ of the factors at it:
//
//	c is seen       λ = e^(η + v/2), τ = 1/λ,                      z = (c - λ)/λ + η
//	c >= 1 is known s = λ/(e^λ - 1), 1/τ = s(λ/(1 - e^-λ) - 1),     z = s·τ + η
//
// less the base, v the variance of η where there is one. These are slope and
// curvature of the log of what the entry's probability is at η.
func (m *countModel) linearize(ctx context.Context) error {
	const top, most = 6.99, 1.
	return parallel(ctx, m.n, chunk, func(lo, hi int) {
		m.f.product(lo, hi, m.eta[lo*m.genes:hi*m.genes])
		for at := lo * m.genes; at < hi*m.genes; at++ {
			eta := min(max(m.eta[at]+m.base[at], etaMin), top)
			m.eta[at] = eta
			log := eta
			if m.variance != nil {
				log = min(eta+min(m.variance[at], most)/2, etaMax)
			}
			c, tau := m.counts[at], exp32(-log)
			slope := c*tau - 1
			if c < 0 {
				s, bend := detectedSlope(float64(1 / tau))
				tau, slope = float32(1/bend), float32(s/bend)
			}
			m.f.tau[at], m.f.z[at] = tau, slope+eta-m.base[at]
		}
	})
}

// exp32 is e^x for |x| < 80, to 4e-7 of it: 2^k·e^r with |r| <= ln 2/2 and a
// polynomial for e^r. It takes a third of the time of math.Exp, which was a
// quarter of a fit.
func exp32(x float32) float32 {
	const ln2Hi, ln2Lo = 0.693359375, -2.12194440e-4 // together ln 2, k·ln2Hi without rounding
	k := float32(int32(x*math.Log2E+127.5)) - 127    // rounded: what is cut is positive
	r := x - k*ln2Hi - k*ln2Lo
	y := 1 + r*(1+r*(1./2+r*(1./6+r*(1./24+r*(1./120+r*(1./720))))))
	return y * math.Float32frombits(uint32(int32(k)+127)<<23)
}

// answers are a completion in the making, of all entries.
type answers struct {
	Completion
	v    *View
	unit []float64 // the normalised value of one count
}

// least returns entry k of Values, at least that of one count, and the log2 of
// the count that it stands for.
func (a *answers) least(k int) (x, h float64) {
	x = max(float64(a.Values.Data[k]), a.v.Norm.Log(a.unit[k]))
	y := math.Exp2(x) - 1
	if a.v.Norm == spared.LogNorm {
		y = math.Expm1(x)
	}
	return x, max(math.Log2(y/a.unit[k]), 0)
}

// keep returns the completion, what is visible put back.
func (a *answers) keep(v *View) *Completion {
	for k, seen := range v.Visible {
		if i, g := k/v.Values.Cols, k%v.Values.Cols; seen {
			x := v.Values.Data[i*v.Values.Stride+g]
			a.Values.Data[k], a.Rate.Data[k], a.SD.Data[k] = x, x, 0
		}
	}
	return &a.Completion
}

// answerBy answers by η and ψ. SD and Rate are of the entries that shown
// does not show; the others are not needed.
//
// open is the variance of η that comes with the factors, of spot i and gene g;
// width is that of the smoothing.
func (m *countModel) answerBy(ctx context.Context, shown *View, open func(i, g int) float64, width float64) (*answers, error) {
	v, own := m.v, m.v.Values.Cols
	done := &answers{Completion{Values: v.Empty(), SD: v.Empty(), Rate: v.Empty()}, v, nil}
	unit, wide, err := m.unit(ctx)
	if err != nil {
		return nil, err
	}
	done.unit = unit
	table, doubling := truncatedPoisson(), v.doubling()
	err = parallel(ctx, m.n, chunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			for g := range own {
				at, k := i*m.genes+g, i*own+g
				eta, psi := float64(m.eta[at]), m.f.psi[g]
				mean, variance := table.detected(eta, psi+open(i, g), true)
				y := math.Exp2(mean) * unit[k]
				done.Values.Data[k] = float32(v.Norm.Log(y))
				if !shown.Visible[k] {
					done.SD.Data[k] = float32(math.Sqrt(variance+wide[i]) * doubling * y / (1 + y))
					if m.variance != nil { // the rate is as unsure as η is
						psi += float64(m.variance[at])
					}
					done.Rate.Data[k] = float32(v.Norm.Log(posteriorRate(eta, psi, float64(m.counts[at])) * unit[k]))
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return done, shown.smooth(ctx, done.Values, unit, width)
}

// doubling is what a doubling adds to a large value: 1, or ln 2 where the
// view's logarithm is natural.
func (v *View) doubling() float64 { return v.Norm.Log(math.Exp2(41)) - v.Norm.Log(math.Exp2(40)) }

// posteriorRate returns λ* of [PoissonFactor], the rate given a count; c < 0 is
// a count that is not known.
func posteriorRate(eta, psi, c float64) float64 {
	mu := math.Exp(eta) // the fit makes it the mean of counts
	if c < 0 {
		return mu
	}
	a := 1 / max(psi, psiFloor)
	return (a + c) / (a/mu + 1)
}

// unit returns the normalised value of one count in each entry [n][genes of the
// view], hidden counts put back into the totals by what is expected of them; and
// the variance that not knowing them leaves in the log2 of the total [n].
func (m *countModel) unit(ctx context.Context) (unit, variance []float64, err error) {
	v, own := m.v, m.v.Values.Cols
	unit, variance = make([]float64, m.n*own), make([]float64, m.n)
	return unit, variance, parallel(ctx, m.n, chunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			total := v.Totals[i]
			if v.Hidden != nil {
				for g, hidden := range v.Hidden[i*own:][:own] {
					if hidden {
						mean, spread := countIfDetected(float64(m.eta[i*m.genes+g]), m.f.psi[g])
						total += mean / v.Sizes[g]
						variance[i] += spread / (v.Sizes[g] * v.Sizes[g])
					}
				}
			}
			variance[i] /= total * total * math.Ln2 * math.Ln2
			for g, size := range v.Sizes {
				unit[i*own+g] = v.Norm.Value(1, size, total)
			}
		}
	})
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
	left, flags := make([]float32, n*genes), make([]float32, n*genes) // r and V
	sum, count := make([]float64, genes), make([]float64, genes)
	for i := range n {
		for g, seen := range v.visible(i) {
			if at := i*genes + g; seen {
				truth := v.Norm.Log(float64(v.Counts.Data[i*v.Counts.Stride+g]) * unit[at])
				left[at], flags[at] = float32(truth)-x.Data[at], 1
				sum[g] += float64(left[at])
				count[g]++
			}
		}
	}
	for g := range sum {
		sum[g] /= count[g] + smoothKappa
	}
	for at, flag := range flags {
		left[at] -= flag * float32(sum[at%genes])
	}
	near, w, k, err := smoother{neighbours: smoothNear, weight: gaussian(width)}.weights(v)
	if err != nil {
		return err
	}
	return parallel(ctx, n, chunk, func(lo, hi int) {
		num, den := make([]float32, genes), make([]float32, genes)
		for i := lo; i < hi; i++ {
			clear(num)
			clear(den)
			for m, j := range near[i*k:][:k] {
				wij := float32(w[i*k+m])
				addScaled(wij, left[int(j)*genes:][:genes], num)
				addScaled(wij, flags[int(j)*genes:][:genes], den)
			}
			for g := range num {
				x.Data[i*genes+g] += float32(sum[g]) + num[g]/(den[g]+smoothKappa)
			}
		}
	})
}
