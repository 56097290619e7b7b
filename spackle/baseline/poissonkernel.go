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
// where j runs over the 36 nearest spots whose entries are not hidden, with
// Gaussian weights. Zeros count, and no other gene takes part. Answers follow
// from η as those of PoissonFactor do, with ψ = 0.1.
type PoissonKernel struct {
	Width float64 // of the weights, in pitches; 0 = 1.5

	NoFit
}

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
	if err := v.needCounts(); err != nil {
		return nil, err
	}
	p, err := newPoissonFit(v.alone(), PoissonFactor{})
	if err != nil {
		return nil, err
	}
	if err := p.lines(ctx, poissonLine); err != nil {
		return nil, err
	}
	p.f.psi = make([]float64, p.genes)
	for g := range p.f.psi {
		const psi = 0.1
		p.f.psi[g] = psi
	}
	if err := p.ratios(ctx, m.Width); err != nil {
		return nil, err
	}
	done, err := p.answer(ctx, v, p.f.uncertainty(), smoothWidth)
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

// ratios sets η.
func (p *poissonFit) ratios(ctx context.Context, width float64) error {
	near, w, k, err := smoother{neighbours: smoothNear, weight: gaussian(width)}.weights(p.v)
	if err != nil {
		return fmt.Errorf("slide %s: %w", p.v.Slide, err)
	}
	expected := make([]float64, len(p.base))
	err = parallel(ctx, p.n, chunk, func(lo, hi int) {
		for at := lo * p.genes; at < hi*p.genes; at++ {
			expected[at] = math.Exp(float64(min(max(p.base[at], etaMin), etaMax)))
		}
	})
	if err != nil {
		return err
	}
	return parallel(ctx, p.n, chunk, func(lo, hi int) {
		seen, want := make([]float64, p.genes), make([]float64, p.genes)
		for i := lo; i < hi; i++ {
			clear(seen)
			clear(want)
			for m, j := range near[i*k:][:k] {
				wij, from := w[i*k+m], int(j)*p.genes
				for g, c := range p.counts[from:][:p.genes] {
					if c >= 0 {
						seen[g] += wij * float64(c)
						want[g] += wij * expected[from+g]
					}
				}
			}
			for g := range seen {
				eta := float64(p.base[i*p.genes+g]) + math.Log((seen[g]+1)/(want[g]+1))
				p.eta[i*p.genes+g] = float32(min(max(eta, etaMin), etaMax))
			}
		}
	})
}
