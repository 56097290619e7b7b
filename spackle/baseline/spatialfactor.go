package baseline

import (
	"context"
	"fmt"
	"math"
)

// SpatialFactor completes by factors that vary smoothly over the slide, fitted
// to what is left of the visible values after [Depth]. With p of Depth and b the
// log2 of the value of one count, a visible count c is taken for
//
//	log2 c = (p - b) + u_i·w_g + e,   e ~ N(0, τ_ig + ψ_g)
//
// where τ is the variance of log2 c of a zero-truncated Poisson law whose mean is
// p - b, and u, w and ψ are those of [PoissonFactor]: u_i is pulled
// towards its mean over the 18 nearest spots; 8 factors, 12 rounds. Genes that are not
// completed (Rest) take part where they have a count, their line on log2(1+R),
// fitted to the slide, in the place of p - b. What is not visible takes no part,
// be it hidden or a true zero; so no zero tells it anything, and it has no
// answer to what is there on average.
//
// Values are those of p + u·w, at least that of one count, and then what is left
// of the visible values is smoothed over the slide and added, as by
// PoissonFactor. SD is √(τ + ψ), τ at the mean that was found.
//
// Depth is fitted to train slides where there are any, else to the slide itself;
// the factors are the slide's own.
type SpatialFactor struct {
	Rank     int     // number of factors; 0 = 8
	Coupling float64 // pull of u towards the spots around; 0 = 10
	Seed     uint64  // of what Depth hides to learn from, and of the start

	depth Depth
}

// Name returns "spatial factor", with those settings that are not the default.
func (m *SpatialFactor) Name() string {
	return factorName("spatial factor", m.Rank, seenRank, m.Coupling)
}

// Fit fits Depth to the train slides.
func (m *SpatialFactor) Fit(ctx context.Context, train []*View) error {
	m.depth.Seed = m.Seed
	if err := m.depth.Fit(ctx, train); err != nil {
		return fmt.Errorf("spatial factor: %w", err)
	}
	return nil
}

// Complete implements [Completer]. It needs a view with counts.
func (m *SpatialFactor) Complete(ctx context.Context, v *View) (*Completion, error) {
	done, err := m.complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("spatial factor: %w", err)
	}
	return done, nil
}

func (m *SpatialFactor) complete(ctx context.Context, v *View) (*Completion, error) {
	s, err := newSeenFit(v, &m.depth, m.Rank, m.Coupling)
	if err != nil {
		return nil, err
	}
	if s.n > 0 && s.genes > 0 {
		s.f.allocate()
		for at, l := range s.logs {
			s.f.tau[at] = -1
			if l >= 0 {
				s.f.tau[at], s.f.z[at] = float32(s.noise(float64(s.base[at]))), l-s.base[at]
			}
		}
		s.f.count()
		if err := s.f.start(ctx, m.Seed); err != nil {
			return nil, err
		}
		const rounds = 12
		for range rounds {
			if err := s.f.round(ctx); err != nil {
				return nil, err
			}
		}
	}
	return s.answer(ctx, func(base, add, psi float64) (mean, variance float64) {
		mean = max(base+add, 0)
		return mean, s.noise(mean) + psi
	})
}

// seenFit is a factor model of what a view shows, as log2 of counts. Its first
// genes are the view's, the others the view's rest.
type seenFit struct {
	v        *View
	n, genes int
	table    *truncated
	logs     []float32 // log2 c, [n][genes]; -1 where nothing is visible
	base     []float32 // what the spot's depth lets expect of it, [n][genes]
	unit     []float64 // normalised value of one count, [n][genes of the view]
	f        factors
}

// seenRank is fewer than the factors that zeros and ones can tell of. On slides
// kept for validation 8 were better than 12 by 0 to 3 % (hippo 5-6, her2st D).
const seenRank = 8

// seenIntervals are a little wider than those of a normal distribution: log2 c is
// not normal, and u is not known for sure. They were read off the same slides.
var seenIntervals = [len(Levels)]float64{0.745, 1.31, 2.11}

// seenLeast is the least mean of log2 c that is thought possible: it is 0 only
// at a rate of 0.
const seenLeast = 0.02

func newSeenFit(v *View, depth *Depth, rank int, coupling float64) (*seenFit, error) {
	if rank == 0 {
		rank = seenRank
	}
	if coupling == 0 {
		coupling = 10
	}
	switch {
	case rank < 0:
		return nil, fmt.Errorf("%d factors", rank)
	case !(coupling > 0) || math.IsInf(coupling, 0):
		return nil, fmt.Errorf("a coupling of %g is not positive", coupling)
	}
	lines, err := depth.linesFor(v)
	if err != nil {
		return nil, err
	}
	near, share, k, err := v.around(factorNear, factorWidth)
	if err != nil {
		return nil, err
	}
	s := &seenFit{v: v, n: v.Values.Rows, genes: v.Values.Cols + v.Rest.Cols, table: truncatedPoisson()}
	s.f = factors{n: s.n, genes: s.genes, rank: rank, coupling: coupling, near: near, share: share, k: k}
	s.logs, s.base = make([]float32, s.n*s.genes), make([]float32, s.n*s.genes)
	s.takeOwn(lines)
	s.takeRest()
	return s, nil
}

// linesFor returns the lines that m was fitted to, or those of the view itself.
func (m *Depth) linesFor(v *View) (*depthLines, error) {
	if err := v.needCounts(); err != nil {
		return nil, err
	}
	if m.lines == nil {
		return m.learn([]*View{v})
	}
	if len(m.lines.beta) != v.Values.Cols {
		return nil, fmt.Errorf("fitted to %d genes, the slide %s has %d", len(m.lines.beta), v.Slide, v.Values.Cols)
	}
	return m.lines, nil
}

// takeOwn sets logs, base and unit of the view's genes.
func (s *seenFit) takeOwn(lines *depthLines) {
	v, own := s.v, s.v.Values.Cols
	var p []float64
	p, s.unit = lines.apply(v)
	for i := range s.n {
		for g := range own {
			at, from := i*s.genes+g, i*own+g
			s.logs[at] = logCount(v.Counts.Data[i*v.Counts.Stride+g])
			const least = 1. / 8
			s.base[at] = float32(math.Log2(max(v.unlog(p[from], 0)/s.unit[from], least)))
		}
	}
}

// takeRest sets logs and base of the further genes, base by a line each on
// log2(1+R), R the counts of such genes at the spot.
func (s *seenFit) takeRest() {
	v, own := s.v, s.v.Values.Cols
	depth := make([]float64, s.n)
	for i, r := range v.Depth {
		depth[i] = math.Log2(1 + r)
	}
	for g := own; g < s.genes; g++ {
		var n, sx, sy, sxx, sxy float64
		for i := range s.n {
			l := logCount(v.Rest.Data[i*v.Rest.Stride+g-own])
			s.logs[i*s.genes+g] = l
			if x, y := depth[i], float64(l); l >= 0 {
				n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
			}
		}
		if n == 0 {
			continue
		}
		const hold = 10 // pull of the slope towards 0
		slope := (sxy - sx*sy/n) / (sxx - sx*sx/n + hold)
		for i, x := range depth {
			s.base[i*s.genes+g] = float32(sy/n + slope*(x-sx/n))
		}
	}
}

// logCount returns log2 c, -1 for a count of 0.
func logCount(c float32) float32 {
	if c > 0 {
		return float32(max(math.Log2(float64(c)), 0))
	}
	return -1
}

// noise returns the variance of log2 c of a zero-truncated Poisson law of the
// given mean of log2 c.
func (s *seenFit) noise(mean float64) float64 {
	return at(s.table.variance, s.table.rate(max(mean, seenLeast)))
}

// answer completes by the law of log2 c of a detected count, which law makes of
// base, u·w and ψ.
func (s *seenFit) answer(ctx context.Context, law func(base, add, psi float64) (mean, variance float64)) (*Completion, error) {
	v, own := s.v, s.v.Values.Cols
	done := &Completion{Values: v.Empty(), SD: v.Empty(), Factors: seenIntervals}
	err := parallel(ctx, s.n, chunk, func(lo, hi int) {
		add := make([]float32, (hi-lo)*s.genes)
		if len(add) > 0 {
			s.f.product(lo, hi, add)
		}
		for i := lo; i < hi; i++ {
			for g := range own {
				out := i*own + g
				mean, variance := law(float64(s.base[i*s.genes+g]), float64(add[(i-lo)*s.genes+g]), s.f.psi[g])
				done.Values.Data[out] = float32(v.Norm.Log(math.Exp2(mean) * s.unit[out]))
				done.SD.Data[out] = float32(math.Sqrt(variance) * v.doubling())
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if err := v.smooth(ctx, done.Values, s.unit, smoothWidth); err != nil {
		return nil, err
	}
	for i := range s.n {
		v.keep(i, done.Values.Data[i*own:][:own])
		for g, seen := range v.visible(i) {
			if seen {
				done.SD.Data[i*own+g] = 0
			}
		}
	}
	return done, nil
}
