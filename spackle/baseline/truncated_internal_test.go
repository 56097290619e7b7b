package baseline

import (
	"math"
	"testing"
)

// Reference values are sums of the series in Python (numpy, float64).
func TestTruncatedPoisson(t *testing.T) {
	table := truncatedPoisson()
	for _, c := range []struct {
		reason          string
		eta, mean, vari float64
	}{
		{"few: mostly counts of 1, log2 of which is 0", -1, .1855, .1722},
		{"one expected", 0, .5069, .4073},
		{"e expected", 1, 1.3283, .6598},
		{"many: near log2 of the rate", 2, 2.7754, .3601},
	} {
		if h, q := at(table.mean, c.eta), at(table.variance, c.eta); math.Abs(h-c.mean) > 6e-5 || math.Abs(q-c.vari) > 6e-5 {
			t.Errorf("%s: η = %g: mean %.4f, variance %.4f, want %.4f and %.4f", c.reason, c.eta, h, q, c.mean, c.vari)
		}
	}
	for _, eta := range []float64{-50, math.Inf(-1)} {
		if got := at(table.mean, eta); got != table.mean[0] {
			t.Errorf("below the table, at %g: %g", eta, got)
		}
	}
	if got := at(table.mean, 50); got != table.mean[len(table.mean)-1] {
		t.Errorf("above the table: %g", got)
	}
}

// With ψ the law is a mixture: its variance is that within the points and that
// between them, and knowing of zeros makes higher rates count for more.
func TestDetected(t *testing.T) {
	table := truncatedPoisson()
	m0, v0 := table.detected(1, 0, true)
	if math.Abs(m0-at(table.mean, 1)) > 1e-12 || math.Abs(v0-at(table.variance, 1)) > 1e-12 {
		t.Errorf("without ψ: mean %g, variance %g", m0, v0)
	}
	_, v1 := table.detected(3, 0.5, false)
	// At η = 3, log2 c is nearly η/ln 2 plus Poisson noise.
	if want := at(table.variance, 3) + 0.5/(math.Ln2*math.Ln2); math.Abs(v1-want) > .15*want {
		t.Errorf("ψ = 0.5 at η = 3: variance %g, want about %g", v1, want)
	}
	blind, _ := table.detected(-1, 1, false)
	seen, _ := table.detected(-1, 1, true)
	if !(seen > blind) {
		t.Errorf("at a low rate a detected count speaks for a higher one: %g, without that %g", seen, blind)
	}
}
