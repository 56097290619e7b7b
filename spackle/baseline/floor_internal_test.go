package baseline

import (
	"math"
	"testing"

	"github.com/spatialgo/spatialgo/spared"
)

// TestCountNoise compares with mean and variance of the value itself, by sums
// over the zero-truncated Poisson law.
func TestCountNoise(t *testing.T) {
	for _, norm := range []spared.Normalization{spared.TPM, spared.CPM, spared.LogNorm} {
		for _, rate := range []float64{0.05, 0.3, 1, 2.718281828, 7, 50, 400} {
			const unit = 90.
			lambda, sum, first, second := rate, 0., 0., 0.
			for c := 1.; c < 1000; c++ {
				lg, _ := math.Lgamma(c + 1)
				p := math.Exp(c*math.Log(lambda) - lambda - lg)
				x := norm.Log(c * unit)
				sum, first, second = sum+p, first+p*x, second+p*x*x
			}
			mean := first / sum
			want := second/sum - mean*mean
			if got := CountNoise(norm, mean, unit); math.Abs(got-want) > 0.03*want+2e-4 {
				t.Errorf("%s, rate %g: noise %.5f, want %.5f", norm, rate, got, want)
			}
		}
	}
	for _, c := range []struct {
		reason string
		x      float64
	}{{"no value", 0}, {"below one count", spared.CPM.Log(10)}, {"far above all tables", 60}} {
		if got := CountNoise(spared.CPM, c.x, 90); !(got >= 0 && got < 0.01) {
			t.Errorf("%s: noise %g, want next to none", c.reason, got)
		}
	}
}
