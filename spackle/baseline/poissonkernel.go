package baseline

import (
	"context"
	"fmt"
	"math"
)

// PoissonKernel completes by a kernel average of the raw counts: the gene's line
// on depth of [PoissonFactor], e^(α + βt), times how much more, or less, there
// is around than that line expects,
//
//	η_ig = α_g + β_g·t_i + ln((Σ_j w c_jg + 1)/(Σ_j w e^(α_g + β_g·t_j) + 1))
//
// where j runs over the 36 nearest spots, with Gaussian weights. Zeros count, and
// no other gene takes part. A hidden count is what is expected of a count that was
// detected, E[c | c >= 1] at η, in five rounds. Answers follow from η as those of
// PoissonFactor do, with ψ = 0.1.
type PoissonKernel struct {
	Width float64 // of the weights, in pitches; 0 = 1.5

	NoFit
}

const kernelRounds = 5

// Name returns "poisson kernel", with the width where it is not 1.5.
func (m PoissonKernel) Name() string {
	if m.Width != 0 && m.Width != 1.5 {
		return fmt.Sprintf("poisson kernel, h=%g", m.Width)
	}
	return "poisson kernel"
}

// Complete implements [Completer]. It needs a view with counts.
func (m PoissonKernel) Complete(ctx context.Context, v *View) (*Completion, error) {
	done, err := m.complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("poisson kernel: %w", err)
	}
	return done, nil
}

func (m PoissonKernel) complete(ctx context.Context, v *View) (*Completion, error) {
	if m.Width == 0 {
		m.Width = 1.5
	}
	if !(m.Width > 0) {
		return nil, fmt.Errorf("a width of %g pitches is not positive", m.Width)
	}
	if err := v.needCounts(); err != nil { // further genes too, which the model is not shown
		return nil, err
	}
	c, err := newCountModel(v.alone(), 0)
	if err != nil {
		return nil, err
	}
	if err := c.lines(ctx); err != nil {
		return nil, err
	}
	c.f.psi = make([]float64, c.genes)
	for g := range c.f.psi {
		const psi = 0.1
		c.f.psi[g] = psi
	}
	if err := c.ratios(ctx, m.Width); err != nil {
		return nil, err
	}
	done, err := c.answerBy(ctx, v, c.f.uncertainty(), smoothWidth)
	if err != nil {
		return nil, err
	}
	return done.keep(v), nil
}

// alone returns the view without further genes.
func (v *View) alone() *View {
	a := *v
	a.Rest.Cols, a.Rest.Data, a.RestGenes, a.RestSizes = 0, nil, nil, nil
	return &a
}

// ratios sets η, the rate of hidden entries taken for what it was the time
// before.
func (m *countModel) ratios(ctx context.Context, width float64) error {
	near, w, k, err := smoother{neighbours: smoothNear, weight: gaussian(width)}.weights(m.v)
	if err != nil {
		return fmt.Errorf("slide %s: %w", m.v.Slide, err)
	}
	counts, expected := make([]float32, len(m.base)), make([]float32, len(m.base))
	for at, b := range m.base {
		m.eta[at] = min(max(b, etaMin), etaMax)
		expected[at] = exp32(m.eta[at])
	}
	times := 1
	if m.v.Hidden != nil {
		times = kernelRounds
	}
	for range times {
		err := parallel(ctx, m.n, chunk, func(lo, hi int) {
			for at := lo * m.genes; at < hi*m.genes; at++ {
				if counts[at] = m.counts[at]; counts[at] < 0 {
					counts[at] = float32(meanIfDetected(math.Exp(float64(m.eta[at]))))
				}
			}
		})
		if err != nil {
			return err
		}
		err = parallel(ctx, m.n, chunk, func(lo, hi int) {
			seen, want := make([]float32, m.genes), make([]float32, m.genes)
			for i := lo; i < hi; i++ {
				clear(seen)
				clear(want)
				for q, j := range near[i*k:][:k] {
					from := int(j) * m.genes
					addScaled(float32(w[i*k+q]), counts[from:][:m.genes], seen)
					addScaled(float32(w[i*k+q]), expected[from:][:m.genes], want)
				}
				for g := range seen {
					eta := float64(m.base[i*m.genes+g]) + math.Log(float64((seen[g]+1)/(want[g]+1)))
					m.eta[i*m.genes+g] = float32(min(max(eta, etaMin), etaMax))
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
