package baseline

import (
	"math"
	"testing"
)

// rate undoes h, and slope is its derivative.
func TestRateUndoesTheMean(t *testing.T) {
	table := truncatedPoisson()
	// Reference: the series in Python (numpy, float64).
	if got := table.rate(1); math.Abs(got-.6927) > 1e-4 {
		t.Errorf("E log2 c = 1 at η = %.5f, want 0.6927", got)
	}
	for eta := -4.9; eta < 6.95; eta += .0317 {
		if got := table.rate(at(table.mean, eta)); math.Abs(got-eta) > 1e-6 {
			t.Fatalf("η = %g comes back as %g", eta, got)
		}
		lo, _ := logMoments(eta - 1e-3)
		hi, _ := logMoments(eta + 1e-3)
		if want := (hi - lo) / 2e-3; math.Abs(table.slope(eta)-want) > 2e-3 {
			t.Fatalf("η = %g: slope %g, want %g", eta, table.slope(eta), want)
		}
	}
	for _, c := range []struct {
		reason     string
		mean, want float64
	}{
		{"no rate has a mean of 0", 0, etaMin},
		{"nor a negative one", -3, etaMin},
		{"beyond the table", 99, etaMax},
	} {
		if got := table.rate(c.mean); got != c.want {
			t.Errorf("%s: rate of %g is %g, want %g", c.reason, c.mean, got, c.want)
		}
	}
}
