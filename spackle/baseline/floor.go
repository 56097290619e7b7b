package baseline

import (
	"math"

	"github.com/spatialgo/spatialgo/spared"
)

// CountNoise returns the variance that the value of a detected count has around
// x, its expectation, because counting is random: what is left of the error of a
// completer that knows the rate at which the gene is counted. unit is the
// normalised value of one count (see spared.Normalization.Value). With h and q
// the mean and the variance of log2 c under a zero-truncated Poisson law of rate
// e^η, x = log(1 + unit·2^h(η)) is solved for η and
//
//	CountNoise = q(η)      in units of log2, times (ln 2)² where values are natural logarithms
//
// It is below the true noise where counts vary more than Poisson ones.
func CountNoise(norm spared.Normalization, x, unit float64) float64 {
	double := 1.
	if norm == spared.LogNorm {
		double = math.Ln2
	}
	t := truncatedPoisson()
	h := math.Log2(max(norm.Unlog(x), 0) / unit)
	eta := t.rate(h)
	return at(t.variance, eta) * double * double
}
