package moran

import (
	"math"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// GearyResult is Geary's C of one gene with its distribution under the null
// hypothesis; Norm and Rand as in [Result].
type GearyResult struct {
	C  float64 // below 1 where neighbours are alike, above where they differ
	EC float64 // expectation of C, 1, under both assumptions

	VarNorm, ZNorm, PNorm float64 // variance, (C-EC)/sd, two-sided p
	VarRand, ZRand, PRand float64
}

// Geary returns Geary's C of each column of x [spots][genes],
//
//	C = (n-1)/(2·S0) · Σᵢⱼ wᵢⱼ (xᵢ-xⱼ)² / Σᵢ zᵢ²
//
// (The Incorporated Statistician 5:115, 1954), with its analytic tests (Cliff &
// Ord 1981). Where I weighs how far a spot and its neighbours are on the same
// side of the mean, C weighs how far they differ from each other. Fields are NaN
// as those of [Test]. It agrees with esda.Geary, but for p-values, which are
// one-sided there. Errors are those of [I].
func Geary[T dense.Float](x dense.Matrix[T], g *neighbor.Graph) ([]GearyResult, error) {
	s, err := sumsOf(x, g, true)
	if err != nil {
		return nil, err
	}
	return gearys(s, g), nil
}

// GearySparse is [Geary] of a sparse matrix, whose zeros count as values.
func GearySparse(x *sparse.CSR, g *neighbor.Graph) ([]GearyResult, error) {
	s, err := sumsOfSparse(x, g, true)
	if err != nil {
		return nil, err
	}
	return gearys(s, g), nil
}

func gearys(s []sum, g *neighbor.Graph) []GearyResult {
	w, n := weightsOf(g), float64(g.Len())
	varNorm := ((2*w.s1+w.s2)*(n-1) - 4*w.s0*w.s0) / (2 * (n + 1) * w.s0 * w.s0)
	res := make([]GearyResult, len(s))
	for j, v := range s {
		r := &res[j]
		r.C, r.EC, r.VarNorm = math.NaN(), 1, varNorm
		if v.z2 != 0 {
			// Σ wᵢⱼ(zᵢ-zⱼ)² = Σ (rᵢ+cᵢ)zᵢ² - 2Σ wᵢⱼzᵢzⱼ, a sum of squares.
			r.C = (n - 1) / (2 * w.s0) * max(0, 2*v.z2+v.border-2*v.lag) / v.z2
		}
		r.ZNorm, r.PNorm = score(r.C, 1, varNorm)
		r.VarRand = w.gearyRand(n, v.kurtosis(n))
		r.ZRand, r.PRand = score(r.C, 1, r.VarRand)
	}
	return res
}

// gearyRand returns the variance of C under randomisation.
func (w weights) gearyRand(n, kurtosis float64) float64 {
	if n < 4 {
		return math.NaN()
	}
	s00 := w.s0 * w.s0
	a := (n - 1) * w.s1 * (n*n - 3*n + 3 - (n-1)*kurtosis)
	b := (n - 1) * w.s2 * (n*n + 3*n - 6 - (n*n-n+2)*kurtosis) / 4
	c := s00 * (n*n - 3 - (n-1)*(n-1)*kurtosis)
	return (a - b + c) / (n * (n - 2) * (n - 3) * s00)
}
