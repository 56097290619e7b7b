package baseline

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestDetectedSlope compares with differences of ln(1 - exp(-e^η)).
func TestDetectedSlope(t *testing.T) {
	like := func(eta float64) float64 { return math.Log(-math.Expm1(-math.Exp(eta))) }
	for _, eta := range []float64{-5, -3, -1, 0, 1, 2} {
		const step = 1e-3
		slope, bend := detectedSlope(math.Exp(eta))
		if want := (like(eta+step) - like(eta-step)) / (2 * step); math.Abs(slope-want) > 1e-5 {
			t.Errorf("η = %g: slope %g, want %g", eta, slope, want)
		}
		want := -(like(eta+step) - 2*like(eta) + like(eta-step)) / (step * step)
		if math.Abs(bend-want) > 1e-4*math.Max(1, want) {
			t.Errorf("η = %g: curvature %g, want %g", eta, bend, want)
		}
	}
	if slope, bend := detectedSlope(1e3); !(slope >= 0 && slope < 1e-10) || bend != 1e-6 {
		t.Errorf("at a rate of 1000: slope %g, curvature %g; detection tells nothing there", slope, bend)
	}
}

// TestPoissonLineOfHidden: with half of what was detected hidden, the line is still that
// of all counts, and with 0 in their place it is too low.
func TestPoissonLineOfHidden(t *testing.T) {
	const seed = 5
	rng := rand.New(rand.NewPCG(seed, 1))
	const n, alpha, beta = 20_000, -.4, 1.2
	c, x := make([]float64, n), make([]float64, n)
	for i := range c {
		x[i] = .5 * rng.NormFloat64()
		rate, left := math.Exp(alpha+beta*x[i]), 1.
		for left *= rng.Float64(); left > math.Exp(-rate); left *= rng.Float64() {
			c[i]++
		}
		if c[i] > 0 && rng.IntN(2) == 0 {
			c[i] = -1
		}
	}
	a, b := poissonLine(c, x)
	if math.Abs(a-alpha) > .03 || math.Abs(b-beta) > .05 {
		t.Errorf("seed %d: the line is %.3f %+.3f·t, want %g %+g·t", seed, a, b, alpha, beta)
	}
	for i := range c {
		c[i] = max(c[i], 0)
	}
	if a, _ := poissonLine(c, x); a > alpha-.2 {
		t.Errorf("seed %d: with 0 for what is hidden the level is %.3f: this test cannot fail", seed, a)
	}
}
