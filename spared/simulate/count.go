package simulate

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/sparse"
)

// depths returns the number of transcripts that each spot is expected to
// yield. It grows with the RNA that lies there, less than in proportion as a
// spot's capture saturates, varies smoothly over the slide and from spot to
// spot, and falls towards the tissue's edge. Median is that of all spots,
// before the slide's own factor.
func (l *layout) depths(r *rand.Rand, spots []place, rna []float64, median float64) []float64 {
	d := make([]float64, len(spots))
	for i, p := range spots {
		rim := 0.55 + 0.45*ramp(l.edge.at(p.x, p.y), 0, 110)
		d[i] = math.Pow(rna[i], 0.55) * math.Exp(0.24*l.depth.at(p.x, p.y)+0.20*r.NormFloat64()) * rim
	}
	sorted := slices.Clone(d)
	slices.Sort(sorted)
	unit := median * math.Exp(0.12*r.NormFloat64()) / sorted[len(sorted)/2]
	for i := range d {
		d[i] *= unit
	}
	return d
}

// Dropout of counts: the chance that a gene's transcripts in a spot are lost
// altogether is dropoutMax exp(-m/dropoutMean) sqrt(median depth/depth), where
// m is their expected number, and never above dropoutCap.
const (
	dropoutMax  = 0.22
	dropoutMean = 1.5
	dropoutCap  = 0.8
)

// sample draws the counts: negative binomial around depth x rate, then
// dropout.
func sample(r *rand.Rand, rate blas32.General, depth, shape []float64) *sparse.CSR {
	sorted := slices.Clone(depth)
	slices.Sort(sorted)
	median := sorted[len(sorted)/2]
	m := &sparse.CSR{Rows: rate.Rows, Cols: rate.Cols, IndPtr: make([]int64, 1, rate.Rows+1)}
	for i := range rate.Rows {
		shallow := math.Sqrt(median / depth[i])
		for g, p := range rate.Data[i*rate.Stride : i*rate.Stride+rate.Cols] {
			mean := depth[i] * float64(p)
			u, v := r.Float64(), r.Float64()
			count := negativeBinomial(u, mean, shape[g])
			if count == 0 || v < min(dropoutMax*math.Exp(-mean/dropoutMean)*shallow, dropoutCap) {
				continue
			}
			m.Indices = append(m.Indices, int32(g))
			m.Data = append(m.Data, float32(count))
		}
		m.IndPtr = append(m.IndPtr, int64(len(m.Data)))
	}
	return m
}

// negativeBinomial returns the quantile u of the negative binomial of that
// mean and shape (variance mean + mean²/shape), by summing its terms
//
//	p(0) = (shape/(shape+mean))^shape,  p(k+1) = p(k) (k+shape)/(k+1) mean/(shape+mean)
func negativeBinomial(u, mean, shape float64) int {
	q := mean / (shape + mean)
	p := math.Exp(-shape * math.Log1p(mean/shape))
	k := 0
	// The tail beyond a hundred means weighs less than rounding does.
	for limit := int(100*mean) + 100; u >= p && k < limit; k++ {
		u -= p
		p *= (float64(k) + shape) / (float64(k) + 1) * q
	}
	return k
}
