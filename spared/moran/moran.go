package moran

import (
	"fmt"
	"math"
	"runtime"
	"sync"

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
	return statistic(s, g), nil
}

// ISparse is [I] of a sparse matrix, whose zeros count as values. It never
// holds more than a few columns in dense form.
func ISparse(x *sparse.CSR, g *neighbor.Graph) ([]float64, error) {
	if err := x.Check(); err != nil {
		return nil, fmt.Errorf("moran: %w", err)
	}
	if err := checkGraph(x.Rows, g); err != nil {
		return nil, err
	}
	return statistic(sums[float32](x.Rows, x.Cols, g, sparseLoader(x), false), g), nil
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
// tests. All fields but EI and VarNorm are NaN for a constant gene, and the
// Rand fields for fewer than four spots. Errors are those of [I].
func Test[T dense.Float](x dense.Matrix[T], g *neighbor.Graph) ([]Result, error) {
	s, err := sumsOf(x, g, true)
	if err != nil {
		return nil, err
	}
	w, n := weightsOf(g), float64(x.Rows)
	ei := -1 / (n - 1)
	varNorm := (n*n*w.s1-n*w.s2+3*w.s0*w.s0)/((n*n-1)*w.s0*w.s0) - ei*ei
	res := make([]Result, x.Cols)
	for j, v := range statistic(s, g) {
		r := &res[j]
		r.I, r.EI = v, ei
		r.VarNorm = varNorm
		r.ZNorm, r.PNorm = score(v, ei, varNorm)
		kurtosis := math.NaN()
		if s[j].z2 != 0 {
			kurtosis = n * s[j].z4 / (s[j].z2 * s[j].z2)
		}
		r.VarRand = w.varRand(n, kurtosis) - ei*ei
		r.ZRand, r.PRand = score(v, ei, r.VarRand)
	}
	return res, nil
}

// weights holds the three sums over the weights that the null moments need.
type weights struct {
	s0 float64 // Σᵢⱼ wᵢⱼ
	s1 float64 // ½ Σᵢⱼ (wᵢⱼ + wⱼᵢ)² = Σᵢⱼ wᵢⱼ² + Σᵢⱼ wᵢⱼ wⱼᵢ
	s2 float64 // Σᵢ (Σⱼ wᵢⱼ + Σⱼ wⱼᵢ)²
}

func weightsOf(g *neighbor.Graph) weights {
	var w weights
	in := g.Transpose()
	for i := range g.Len() {
		row, col := g.Of(i), in.Of(i)
		var sum float64 // of row and column i
		if len(row) > 0 {
			sum = 1
			w.s0++
			w.s1 += 1 / float64(len(row)) // Σⱼ wᵢⱼ²
		}
		for _, j := range col {
			wji := 1 / float64(len(g.Of(int(j))))
			sum += wji
			if contains(row, j) {
				w.s1 += wji / float64(len(row))
			}
		}
		w.s2 += sum * sum
	}
	return w
}

// contains searches a short sorted row.
func contains(row []int32, j int32) bool {
	for _, k := range row {
		if k >= j {
			return k == j
		}
	}
	return false
}

// varRand returns E[I²] under randomisation; kurtosis is n·Σz⁴/(Σz²)².
func (w weights) varRand(n, kurtosis float64) float64 {
	if n < 4 {
		return math.NaN()
	}
	s00 := w.s0 * w.s0
	a := n * ((n*n-3*n+3)*w.s1 - n*w.s2 + 3*s00)
	b := kurtosis * ((n*n-n)*w.s1 - 2*n*w.s2 + 6*s00)
	return (a - b) / ((n - 1) * (n - 2) * (n - 3) * s00)
}

// score returns the z-score and the two-sided p-value; erfc keeps p exact far
// out, where 1-Φ(z) is 0.
func score(i, ei, variance float64) (z, p float64) {
	z = (i - ei) / math.Sqrt(variance)
	return z, math.Erfc(math.Abs(z) / math.Sqrt2)
}

// statistic turns the sums of each gene into I.
func statistic(s []sum, g *neighbor.Graph) []float64 {
	var s0 float64
	for i := range g.Len() {
		if len(g.Of(i)) > 0 {
			s0++
		}
	}
	n := float64(g.Len())
	out := make([]float64, len(s))
	for j, v := range s {
		out[j] = math.NaN()
		if v.z2 != 0 {
			out[j] = n / s0 * v.lag / v.z2
		}
	}
	return out
}

func sumsOf[T dense.Float](x dense.Matrix[T], g *neighbor.Graph, fourth bool) ([]sum, error) {
	if err := x.Check(); err != nil {
		return nil, fmt.Errorf("moran: %w", err)
	}
	if err := checkGraph(x.Rows, g); err != nil {
		return nil, err
	}
	return sums(x.Rows, x.Cols, g, denseLoader(x), fourth), nil
}

func checkGraph(spots int, g *neighbor.Graph) error {
	if g.Len() != spots {
		return fmt.Errorf("moran: a graph of %d spots for values of %d", g.Len(), spots)
	}
	if spots == 0 {
		return nil
	}
	if err := g.Check(); err != nil {
		return fmt.Errorf("moran: %w", err)
	}
	return nil
}

// sum holds the sums over the spots that I and its variance are made of.
type sum struct {
	lag    float64 // Σᵢ zᵢ Σⱼ wᵢⱼ zⱼ
	z2, z4 float64 // Σ z², Σ z⁴
}

// Genes are worked on in two widths. A block is read from the matrix at a time:
// wide enough that a row-major matrix is read by whole runs of cache lines. A
// tile is computed at a time: narrow enough that a slide's worth of it (5,000
// spots x 32 x 8 bytes) stays in the second-level cache, where the neighbours
// are looked up.
const (
	tileWidth  = 32
	blockWidth = 4 * tileWidth
)

// loader fills a block [spots][blockWidth] with the columns from to to-1 and
// zeros after them.
type loader[T dense.Float] func(block [][blockWidth]T, from, to int)

func denseLoader[T dense.Float](x dense.Matrix[T]) loader[T] {
	return func(block [][blockWidth]T, from, to int) {
		for i := range block {
			n := copy(block[i][:], x.Row(i)[from:to])
			clear(block[i][n:])
		}
	}
}

// sums computes the sums of all genes, that of fourth powers on demand. Each gene is summed in the order of the
// spots whatever the number of workers, so the result does not depend on it.
func sums[T dense.Float](spots, genes int, g *neighbor.Graph, load loader[T], fourth bool) []sum {
	out := make([]sum, (genes+blockWidth-1)/blockWidth*blockWidth)
	if spots == 0 {
		return out[:genes]
	}
	workers := min(runtime.GOMAXPROCS(0), len(out)/blockWidth)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			block, z := make([][blockWidth]T, spots), make(tile, spots)
			for from := w * blockWidth; from < genes; from += workers * blockWidth {
				load(block, from, min(from+blockWidth, genes))
				for k := 0; k < blockWidth; k += tileWidth {
					dst := (*[tileWidth]sum)(out[from+k:])
					centre(z, block, k, dst)
					z.lag(g, dst)
					if fourth {
						z.fourth(dst)
					}
				}
			}
		})
	}
	group.Wait()
	return out[:genes]
}

// tile holds centred values of tileWidth genes, [spots][tileWidth].
type tile [][tileWidth]float64

// centre fills the tile with the block's columns from k on, less their means,
// and sets the sums of squares.
func centre[T dense.Float](z tile, block [][blockWidth]T, k int, out *[tileWidth]sum) {
	var mean, z2 [tileWidth]float64
	for i := range block {
		for c, x := range (*[tileWidth]T)(block[i][k:]) {
			mean[c] += float64(x)
		}
	}
	for c := range mean {
		mean[c] /= float64(len(block))
	}
	for i := range z {
		dst := &z[i]
		for c, x := range (*[tileWidth]T)(block[i][k:]) {
			v := float64(x) - mean[c]
			dst[c] = v
			z2[c] += v * v
		}
	}
	for c := range out {
		out[c] = sum{z2: z2[c]}
		// The mean of equal values may be off by a rounding error; such a
		// column has no variance all the same.
		if z2[c] <= float64(len(block))*mean[c]*mean[c]*1e-20 && constant(block, k+c) {
			out[c].z2 = 0
		}
	}
}

func constant[T dense.Float](block [][blockWidth]T, k int) bool {
	for i := range block {
		if block[i][k] != block[0][k] {
			return false
		}
	}
	return true
}

// fourth sets the sums of fourth powers.
func (z tile) fourth(out *[tileWidth]sum) {
	for i := range z {
		for c, v := range &z[i] {
			out[c].z4 += v * v * v * v
		}
	}
}

// lag sets Σᵢ zᵢ Σⱼ wᵢⱼ zⱼ.
func (z tile) lag(g *neighbor.Graph, out *[tileWidth]sum) {
	var lag [tileWidth]float64
	for i := range z {
		row := g.Of(i)
		if len(row) == 0 {
			continue
		}
		w := 1 / float64(len(row))
		if len(row) == 6 { // the usual graph: add the six up in registers
			n0, n1, n2, n3, n4, n5 := &z[row[0]], &z[row[1]], &z[row[2]], &z[row[3]], &z[row[4]], &z[row[5]]
			for c, v := range &z[i] {
				lag[c] += v * w * (n0[c] + n1[c] + n2[c] + n3[c] + n4[c] + n5[c])
			}
			continue
		}
		var near [tileWidth]float64
		for _, j := range row {
			for c, v := range &z[j] {
				near[c] += v
			}
		}
		for c, v := range &z[i] {
			lag[c] += v * w * near[c]
		}
	}
	for c := range out {
		out[c].lag = lag[c]
	}
}
