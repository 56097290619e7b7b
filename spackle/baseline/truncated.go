package baseline

import (
	"math"
	"sort"
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
	chance   []float64 // 1 - e^-λ, of any count
}

const (
	etaMin, etaMax = -5, 7
	etaSteps       = 80 // entries of the tables to a unit of η
)

// truncatedPoisson makes the tables at the first call.
var truncatedPoisson = sync.OnceValue(func() *truncated {
	const n = (etaMax-etaMin)*etaSteps + 1
	t := &truncated{make([]float64, n), make([]float64, n), make([]float64, n)}
	for k := range n {
		eta := etaMin + float64(k)/etaSteps
		t.mean[k], t.variance[k] = logMoments(eta)
		t.chance[k] = -math.Expm1(-math.Exp(eta))
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
	k, f := place(eta)
	return table[k] + f*(table[k+1]-table[k])
}

// place returns the entry of the tables below η, and how far η is from it
// towards the next.
func place(eta float64) (k int, part float64) {
	const last = (etaMax - etaMin) * etaSteps
	x := min(max((eta-etaMin)*etaSteps, 0), last)
	k = min(int(x), last-1)
	return k, x - float64(k)
}

// rate is the inverse of h: the η at which E[log2 c | c >= 1] is the given mean.
func (t *truncated) rate(mean float64) float64 {
	k := sort.SearchFloat64s(t.mean, mean)
	switch {
	case k == 0:
		return etaMin
	case k == len(t.mean):
		return etaMax
	}
	lo, hi := t.mean[k-1], t.mean[k]
	return etaMin + (float64(k-1)+(mean-lo)/(hi-lo))/etaSteps
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
		p, f := place(e)
		if seen {
			w *= t.chance[p] + f*(t.chance[p+1]-t.chance[p])
		}
		h := t.mean[p] + f*(t.mean[p+1]-t.mean[p])
		q := t.variance[p] + f*(t.variance[p+1]-t.variance[p])
		sum, first, second = sum+w, first+w*h, second+w*(h*h+q)
	}
	mean = first / sum
	return mean, max(second/sum-mean*mean, 0)
}
