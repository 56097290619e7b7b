package combat

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

const (
	tolerance = 1e-4 // relative change of γ and δ at which the iteration stops
	maxRounds = 10_000
)

// line returns the correction of a batch with moments m, of which as many
// covariates are known as the fit has.
func (f *Fit) line(m *moments, covariates int) (slope, intercept []float64, err error) {
	if len(m.covMean) != covariates {
		return nil, nil, fmt.Errorf("combat: a fit with %d covariates for values with %d", covariates, len(m.covMean))
	}
	slope, intercept = identity(len(f.Mean))
	var genes []int // those that vary
	var gamma, delta []float64
	for j, sd := range f.SD {
		if sd > 0 {
			mean, variance := f.residual(m, j)
			genes = append(genes, j)
			gamma = append(gamma, (mean-f.Mean[j])/sd)
			delta = append(delta, variance/(sd*sd))
		}
	}
	if f.options.MeanOnly {
		shrinkMeans(gamma, delta)
	} else if err := shrink(gamma, delta, m.n, f.options); err != nil {
		return nil, nil, err
	}
	for k, j := range genes {
		s := 1 / math.Sqrt(delta[k])
		slope[j] = s
		intercept[j] = f.Mean[j] - s*(f.Mean[j]+f.SD[j]*gamma[k])
	}
	return slope, intercept, nil
}

// shrinkMeans replaces γ̂ by γ* and δ̂ by 1, as mean.only of sva does: with the
// weight of one spot, however many there are.
func shrinkMeans(gamma, delta []float64) {
	if len(gamma) == 0 {
		return
	}
	bar, tau2 := meanVar(gamma)
	for k := range gamma {
		gamma[k] = posteriorMean(gamma[k], bar, tau2, 1, 1)
		delta[k] = 1
	}
}

// shrink replaces the estimates γ̂ and δ̂ of a batch of n spots by their
// posterior modes γ* and δ*.
func shrink(gamma, delta []float64, n float64, o Options) error {
	if len(gamma) == 0 {
		return nil
	}
	gammaHat, deltaHat := slices.Clone(gamma), slices.Clone(delta)
	if o.SampleVariance && n > 1 {
		for k := range delta {
			delta[k] *= n / (n - 1)
		}
	}
	bar, tau2 := meanVar(gamma)
	m, v := meanVar(delta)
	if genes := float64(len(delta)); o.SampleVariance && genes > 1 {
		v *= genes / (genes - 1)
	}
	switch {
	case m == 0: // no gene varies within the batch: location only
		for k := range gamma {
			gamma[k] = posteriorMean(gamma[k], bar, tau2, 1, n)
			delta[k] = 1
		}
		return nil
	case v == 0: // the prior of δ is a point
		for k := range gamma {
			gamma[k] = posteriorMean(gamma[k], bar, tau2, m, n)
			delta[k] = m
		}
		return nil
	}
	a, b := (2*v+m*m)/v, (m*v+m*m*m)/v
	for range maxRounds {
		var change float64
		for k := range gamma {
			g := posteriorMean(gammaHat[k], bar, tau2, delta[k], n)
			off := gammaHat[k] - g
			if o.FirstGene && k > 0 { // gamma[0] is this round's already
				off = gammaHat[k] - gamma[0]
			}
			d := (0.5*n*(deltaHat[k]+off*off) + b) / (0.5*n + a - 1) // n(δ̂+(γ̂-γ)²) = Σ(s-γ)²
			change = max(change, relative(g, gamma[k]), relative(d, delta[k]))
			gamma[k], delta[k] = g, d
		}
		if change <= tolerance {
			return nil
		}
	}
	return errors.New("combat: the empirical-Bayes iteration does not converge")
}

// posteriorMean returns the mode of γ given δ. With τ² = 0 and δ = 0 data and
// prior agree on γ̄.
func posteriorMean(gamma, bar, tau2, delta, n float64) float64 {
	if w := tau2 * n; w+delta > 0 {
		return (w*gamma + delta*bar) / (w + delta)
	}
	return bar
}

// relative returns the change from old to new relative to old. It is negative
// for a negative old, so a gene with a negative γ does not hold up the
// iteration: sva, inmoose and scanpy stop by the same rule, and to stop a round
// later would give other digits than theirs.
func relative(new, old float64) float64 {
	if new == old {
		return 0
	}
	return math.Abs(new-old) / old
}

// meanVar returns mean and population variance.
func meanVar(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(x))
}
