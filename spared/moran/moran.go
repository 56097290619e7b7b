package moran

import (
	"fmt"
	"math"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// I returns Moran's I of each column of x [spots][genes] on the graph g, NaN
// for a constant gene. It is an error if the graph is malformed or is not one
// of as many spots.
func I[T dense.Float](x dense.Matrix[T], g *neighbor.Graph) ([]float64, error) {
	s, err := sumsOf(x, g, false)
	if err != nil {
		return nil, err
	}
	return statistics(s, g), nil
}

// ISparse is [I] of a sparse matrix, whose zeros count as values. It takes time
// by the values that are not zero, and never holds more than one column in
// dense form.
func ISparse(x *sparse.CSR, g *neighbor.Graph) ([]float64, error) {
	s, err := sumsOfSparse(x, g, false)
	if err != nil {
		return nil, err
	}
	return statistics(s, g), nil
}

// Result is Moran's I of one gene with its distribution under the null
// hypothesis. Norm assumes values drawn from one normal distribution, Rand
// that all assignments of the observed values to spots are equally likely.
type Result struct {
	I  float64
	EI float64 // expectation of I, -1/(n-1), under both assumptions

	VarNorm, ZNorm, PNorm float64 // variance, (I-EI)/sd, two-sided p
	VarRand, ZRand, PRand float64
}

// Test returns Moran's I of each column of x [spots][genes] with its analytic
// tests (Cliff & Ord, Spatial Processes, 1981). All fields but EI and VarNorm
// are NaN for a constant gene, and the Rand fields for fewer than four spots.
// Errors are those of [I].
func Test[T dense.Float](x dense.Matrix[T], g *neighbor.Graph) ([]Result, error) {
	s, err := sumsOf(x, g, true)
	if err != nil {
		return nil, err
	}
	return results(s, g), nil
}

// TestSparse is [Test] of a sparse matrix, whose zeros count as values.
func TestSparse(x *sparse.CSR, g *neighbor.Graph) ([]Result, error) {
	s, err := sumsOfSparse(x, g, true)
	if err != nil {
		return nil, err
	}
	return results(s, g), nil
}

func sumsOf[T dense.Float](x dense.Matrix[T], g *neighbor.Graph, all bool) ([]sum, error) {
	if err := x.Check(); err != nil {
		return nil, fmt.Errorf("moran: %w", err)
	}
	if err := checkGraph(x.Rows, g); err != nil {
		return nil, err
	}
	return denseSums(x, planOf(g), all), nil
}

func sumsOfSparse(x *sparse.CSR, g *neighbor.Graph, all bool) ([]sum, error) {
	if err := x.Check(); err != nil {
		return nil, fmt.Errorf("moran: %w", err)
	}
	if err := checkGraph(x.Rows, g); err != nil {
		return nil, err
	}
	return sparseSums(x, planOf(g), all), nil
}

// statistics turns the sums of each gene into I.
func statistics(s []sum, g *neighbor.Graph) []float64 {
	n, s0 := float64(g.Len()), weightsOf(g).s0
	out := make([]float64, len(s))
	for j, v := range s {
		out[j] = math.NaN()
		if v.z2 != 0 {
			out[j] = n / s0 * v.lag / v.z2
		}
	}
	return out
}

func results(s []sum, g *neighbor.Graph) []Result {
	w, n := weightsOf(g), float64(g.Len())
	ei := -1 / (n - 1)
	varNorm := (n*n*w.s1-n*w.s2+3*w.s0*w.s0)/((n*n-1)*w.s0*w.s0) - ei*ei
	res := make([]Result, len(s))
	for j, v := range statistics(s, g) {
		r := &res[j]
		r.I, r.EI = v, ei
		r.VarNorm = varNorm
		r.ZNorm, r.PNorm = score(v, ei, varNorm)
		r.VarRand = w.varRand(n, s[j].kurtosis(n)) - ei*ei
		r.ZRand, r.PRand = score(v, ei, r.VarRand)
	}
	return res
}

// kurtosis returns n·Σz⁴/(Σz²)², NaN for a constant gene.
func (s sum) kurtosis(n float64) float64 {
	if s.z2 == 0 {
		return math.NaN()
	}
	return n * s.z4 / (s.z2 * s.z2)
}

// varRand returns E[I²] under randomisation.
func (w weights) varRand(n, kurtosis float64) float64 {
	if n < 4 {
		return math.NaN()
	}
	s00 := w.s0 * w.s0
	a := n * ((n*n-3*n+3)*w.s1 - n*w.s2 + 3*s00)
	b := kurtosis * ((n*n-n)*w.s1 - 2*n*w.s2 + 6*s00)
	return (a - b) / ((n - 1) * (n - 2) * (n - 3) * s00)
}

// score returns the z-score and the two-sided p-value 2Φ(-|z|). By erfc it is
// right to the last digits however small, until 5e-324 at |z| = 38.5.
func score(value, mean, variance float64) (z, p float64) {
	z = (value - mean) / math.Sqrt(variance)
	return z, math.Erfc(math.Abs(z) / math.Sqrt2)
}
