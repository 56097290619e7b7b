package baseline

import (
	"math"
	"sync"
)

// A measured value is a count of 1 or more. If counts are Poisson with rate
// λ = e^η, measured ones follow the zero-truncated Poisson law
//
//	p_c ∝ exp(cη - e^η - lnΓ(c+1)), c = 1, 2, ...
//
// truncated tabulates what is needed of it at η = etaMin, etaMin + 1/80, ...,
// etaMax; between them the tables are interpolated by straight lines, and
// beyond them they keep their last values.
type truncated struct {
	mean     []float64 // h(η) = E log2 c
	variance []float64 // q(η) = Var log2 c
}

const (
	etaMin, etaMax = -5, 7
	etaSteps       = 80 // entries of the tables to a unit of η
)

// truncatedPoisson makes the tables at the first call.
var truncatedPoisson = sync.OnceValue(func() *truncated {
	const n = (etaMax-etaMin)*etaSteps + 1
	t := &truncated{make([]float64, n), make([]float64, n)}
	for k := range n {
		t.mean[k], t.variance[k] = logMoments(etaMin + float64(k)/etaSteps)
	}
	return t
})

// logMoments returns mean and variance of log2 c.
func logMoments(eta float64) (mean, variance float64) {
	rate := math.Exp(eta)
	top := int(rate + 12*math.Sqrt(rate) + 30) // beyond it less than 1e-20 of the mass
	var sum, first, second float64
	for c := 1; c <= top; c++ {
		lg, _ := math.Lgamma(float64(c) + 1)
		p, l := math.Exp(float64(c)*eta-rate-lg), math.Log2(float64(c))
		sum, first, second = sum+p, first+p*l, second+p*l*l
	}
	mean = first / sum
	return mean, max(second/sum-mean*mean, 0)
}

// at interpolates a table.
func at(table []float64, eta float64) float64 {
	x := (eta - etaMin) * etaSteps
	k := int(max(x, 0))
	switch {
	case !(x > 0):
		return table[0]
	case k >= len(table)-1:
		return table[len(table)-1]
	}
	f := x - float64(k)
	return table[k] + f*(table[k+1]-table[k])
}

// nodes are the three points and weights that stand for a normal distribution
// of mean η and variance ψ (Gauss-Hermite), ψ at most 1.5.
func nodes(eta, psi float64) (at, weight [3]float64) {
	s := math.Sqrt(3 * min(psi, 1.5))
	return [3]float64{eta - s, eta, eta + s}, [3]float64{1. / 6, 2. / 3, 1. / 6}
}

// detected returns mean and variance of log2 c of a count that was detected,
// where η is normal with variance ψ. seen says that the law of η already knows
// of zeros too: then a point counts by the probability 1 - exp(-e^η) that there
// is anything to detect.
func (t *truncated) detected(eta, psi float64, seen bool) (mean, variance float64) {
	points, weights := nodes(eta, psi)
	var sum, first, second float64
	for k, e := range points {
		w := weights[k]
		if seen {
			w *= -math.Expm1(-math.Exp(e))
		}
		h := at(t.mean, e)
		sum, first, second = sum+w, first+w*h, second+w*(h*h+at(t.variance, e))
	}
	mean = first / sum
	return mean, max(second/sum-mean*mean, 0)
}
