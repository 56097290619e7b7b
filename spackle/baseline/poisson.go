package baseline

import (
	"context"
	"fmt"
	"math"

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
// each gene (Newton's method, penalty 2.5(β-1)²). The factors u, w take up what
// is left, u pulled towards its mean over the spots around (18 nearest, Gaussian
// weights of width 0.9 pitches), 12 of them. They are fitted to
//
//	c is seen       λ = e^η, τ = 1/λ,                              z = (c - λ)/λ + η
//	c >= 1 is known s = λ/(e^λ - 1), 1/τ = s(λ/(1 - e^-λ) - 1),     z = s·τ + η
//
// less α + βt, which is set anew after each round but the first two; see factors.
// These are slope and curvature of the log of the entry's probability at η. The
// residual variance ψ_g of a gene beyond Poisson comes with them.
//
// What is hidden was detected, or nobody could have hidden it, and that is the
// second line. To leave hidden entries out is not the same as not knowing them:
// zeros are never hidden, so among what is left there are too many, and all rates
// come out too low. Where nothing is hidden, as in completing a data set, the
// line has no part.
//
// The two answers, with b_i the log2 of the value of one count in spot i and
// gene g:
//
//	Values  log(1 + 2^(b + h)),  h = E[log2 c | c >= 1] over the law of η, N(α + βt + u·w, ψ + w'A⁻¹w)
//	Rate    log(1 + 2^b·λ*),     λ* = (a + c)/(a/μ + 1), a = 1/ψ, μ = e^η;
//	                             c the count, and μ itself where the entry is hidden
//
// A⁻¹ is how uncertain u is given w and the spots around. The law is represented
// by three points (Gauss-Hermite), each weighed by its probability of any
// count. Then what is left of the visible values is smoothed over the slide and
// added to Values. SD is the standard deviation of log2 c under that law.
//
// Hidden counts are missing from a spot's total (see [View.Hide]), so that one
// visible count is worth too much. The model predicts the hidden ones, E[c | c
// >= 1], and puts them back into b; their variance joins that of the value.
// Where nothing is hidden this does nothing.
//
// For all but the last 4 of the rounds 5 % of the visible values are set aside.
// What the model says of them makes Values and SD agree with what was measured,
// and gives Factors (see calibration). So intervals hold what they say on
// average over the slide: on five sets of real slides, with 30 % of all entries
// hidden or as many as are missing, intervals of 50, 80 and 95 % held 49-52, 79-81
// and 94-95 %. By predicted rate they differ, since counts are whole numbers: at
// low rates nearly all detected counts are 1, and the interval holds that or not.
type PoissonFactor struct {
	Rank     int             // number of factors; 0 = 12
	Coupling float64         // g, the pull of u towards the spots around; 0 = 10
	Seed     uint64          // of the start, and of what is set aside; it hardly matters
	Progress spared.Progress `json:"-"` // hears of each round; nil drops the news

	NoFit
}

// Constants of the fit, found on real slides.
const (
	factorNear  = 18  // spots around
	factorWidth = 0.9 // pitches
	smoothNear  = 36
	smoothWidth = 2.
	smoothKappa = 10.
	firstRounds = 3  // of the factors, after the first linearization
	asideRounds = 15 // linearizations, a round after each, while values are set aside
	fullRounds  = 4  // and with all of them
)

// Name returns "poisson factor", with those settings that are not the default.
func (m PoissonFactor) Name() string { return factorName("poisson factor", m.Rank, 12, m.Coupling) }

// factorName adds those settings of a factor model that are not the default.
func factorName(name string, rank, usual int, coupling float64) string {
	if rank != 0 && rank != usual {
		name += fmt.Sprintf(", rank=%d", rank)
	}
	if coupling != 0 && coupling != 10 {
		name += fmt.Sprintf(", coupling=%g", coupling)
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
	c, err := newCountModel(v, m.Rank)
	if err != nil {
		return nil, err
	}
	c.f.coupling, c.f.byInformation = m.Coupling, true
	s := schedule{name: "poisson factor", seed: m.Seed, progress: m.Progress, first: firstRounds, aside: asideRounds, full: fullRounds}
	return s.complete(ctx, c, &poissonFit{c})
}

// poissonFit finds the best u and w.
type poissonFit struct{ *countModel }

// start makes the first factors.
func (p *poissonFit) start(ctx context.Context, seed uint64) error { return p.f.start(ctx, seed) }

// round keeps how uncertain u is, the last time.
func (p *poissonFit) round(ctx context.Context, last bool) error {
	if last && p.f.inverse == nil {
		p.f.inverse = make([]float32, p.n*p.f.pairs())
	}
	return p.f.round(ctx)
}

// answer takes A⁻¹ for the uncertainty of η.
func (p *poissonFit) answer(ctx context.Context, shown *View) (*answers, error) {
	return p.answerBy(ctx, shown, p.f.uncertainty(), smoothWidth)
}
