package baseline

import "math"

// What is hidden was detected, or nobody could have hidden it: zeros are never
// hidden. A model that takes zeros for data and leaves hidden entries out sees too
// many zeros among what is left, and finds all rates too low, the more the more is
// hidden. So a hidden count is not unknown to the models here: it is 1 or more,
// which has the probability 1 - e^-λ. Where nothing is hidden, as in completing a
// data set, this has no part but for the few values that a model sets aside.

// detectedSlope returns the first derivative of ln(1 - e^-λ) by ln λ, and the
// second with its sign changed, at least 1e-6.
func detectedSlope(rate float64) (slope, bend float64) {
	const most, least = 40, 1e-6
	rate = min(rate, most)
	e := math.Expm1(rate)
	slope = rate / e
	return slope, max(slope*(rate*(1+1/e)-1), least)
}

// poissonLine fits counts c ~ Poisson(e^(α + βt)) by Newton's method with the
// penalty 2.5(β-1)²; a negative count is known to be 1 or more.
func poissonLine(c, t []float64) (alpha, beta float64) {
	const slope, steps, seen = 5., 10, 1.3 // about what a count is that was detected
	var sum, expected float64
	for i, c := range c {
		if c < 0 {
			c = seen
		}
		sum, expected = sum+c, expected+math.Exp(t[i])
	}
	if expected == 0 {
		return etaMin, 1
	}
	alpha, beta = math.Log((sum+0.5)/expected), 1
	for range steps {
		ga, gb, aa, ab, bb := 0., -slope*(beta-1), 0., 0., slope
		for i, c := range c {
			rate := math.Exp(min(max(alpha+beta*t[i], -7), 8))
			d, w := c-rate, rate
			if c < 0 {
				d, w = detectedSlope(rate)
			}
			ga, gb = ga+d, gb+d*t[i]
			aa, ab, bb = aa+w, ab+w*t[i], bb+w*t[i]*t[i]
		}
		det := aa*bb - ab*ab
		if !(det > 1e-12*aa*bb) {
			break
		}
		const far = 2 // a step at most: where all counts are hidden, there is no best α
		da := min(max((bb*ga-ab*gb)/det, -far), far)
		db := min(max((aa*gb-ab*ga)/det, -far), far)
		alpha, beta = alpha+da, beta+db
		if math.Abs(da) < 1e-9 && math.Abs(db) < 1e-9 {
			break
		}
	}
	return min(max(alpha, etaMin), etaMax), beta
}

// meanIfDetected returns E[c | c >= 1] = λ/(1 - e^-λ).
func meanIfDetected(rate float64) float64 { return rate / -math.Expm1(-rate) }

// countIfDetected returns mean and variance of c given c >= 1, η normal with
// variance ψ.
func countIfDetected(eta, psi float64) (mean, variance float64) {
	points, weights := nodes(eta, psi)
	var first, second, chance float64
	for k, e := range points {
		rate := math.Exp(e)
		first += weights[k] * rate
		second += weights[k] * (rate + rate*rate)
		chance += weights[k] * -math.Expm1(-rate)
	}
	mean = first / chance
	return mean, max(second/chance-mean*mean, 0)
}
