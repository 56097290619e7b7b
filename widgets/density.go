package widgets

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// summary of a sample, for boxes and tooltips.
type sample struct {
	n                               int
	least, q1, median, q3, greatest float64
	mean, sd                        float64
	sorted                          []float64
}

// describe sorts and summarises the finite values.
func describe(v []float64) sample {
	s := sample{sorted: make([]float64, 0, len(v))}
	for _, x := range v {
		if finite(x) {
			s.sorted = append(s.sorted, x)
		}
	}
	s.n = len(s.sorted)
	if s.n == 0 {
		return s
	}
	slices.Sort(s.sorted)
	s.least, s.greatest = s.sorted[0], s.sorted[s.n-1]
	q := func(p float64) float64 { return stat.Quantile(p, stat.LinInterp, s.sorted, nil) }
	s.q1, s.median, s.q3 = q(0.25), q(0.5), q(0.75)
	s.mean = stat.Mean(s.sorted, nil)
	if s.n > 1 {
		s.sd = stat.StdDev(s.sorted, nil)
	}
	return s
}

// bandwidth returns Silverman's rule of thumb for a Gaussian kernel,
//
//	h = 0.9 min(sd, IQR/1.34) n^(-1/5)
//
// (Silverman 1986, Density Estimation, eq. 3.31), and sd alone where the
// quartiles coincide.
func (s *sample) bandwidth() float64 {
	spread := s.sd
	if iqr := (s.q3 - s.q1) / 1.34; iqr > 0 {
		spread = math.Min(spread, iqr)
	}
	return 0.9 * spread * math.Pow(float64(s.n), -0.2)
}

const (
	densityBins   = 512 // bins that the sample is collected in
	densityPoints = 96  // points of the curve
)

// density returns a Gaussian kernel density estimate at points from least to
// greatest value, scaled to a maximum of 1. The values are first shared out
// to their two nearest bins, which changes the curve by less than a pixel.
// Samples without spread give nil.
func (s *sample) density() (at, height []float64) {
	h, span := s.bandwidth(), s.greatest-s.least
	if s.n < 2 || !(h > 0) || !(span > 0) {
		return nil, nil
	}
	weight := make([]float64, densityBins)
	for _, x := range s.sorted {
		p := (x - s.least) / span * (densityBins - 1)
		k := min(int(p), densityBins-2)
		weight[k] += 1 - (p - float64(k))
		weight[k+1] += p - float64(k)
	}
	kernel := distuv.Normal{Mu: 0, Sigma: h}
	top := 0.0
	for i := range densityPoints {
		x := s.least + span*float64(i)/(densityPoints-1)
		var d float64
		for k, w := range weight {
			if w > 0 {
				d += w * kernel.Prob(x-s.least-span*float64(k)/(densityBins-1))
			}
		}
		at, height = append(at, x), append(height, d)
		top = math.Max(top, d)
	}
	for i := range height {
		height[i] /= top
	}
	return at, height
}
