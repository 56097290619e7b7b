package moran_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/moran"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// naive follows the definition for one gene.
func naive(x []float64, g *neighbor.Graph) float64 {
	var mean, s0, num, den float64
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for i, v := range x {
		den += (v - mean) * (v - mean)
		for _, j := range g.Of(i) {
			w := 1 / float64(len(g.Of(i)))
			s0 += w
			num += w * (v - mean) * (x[j] - mean)
		}
	}
	return float64(len(x)) / s0 * num / den
}

// ragged returns a graph of 0 to 9 one-way neighbours.
func ragged(t *testing.T, rng *rand.Rand, n int) *neighbor.Graph {
	rows := make([][]int, n)
	for i := range rows {
		for _, j := range rng.Perm(n)[:rng.IntN(10)] {
			if j != i {
				rows[i] = append(rows[i], j)
			}
		}
	}
	g, err := neighbor.FromRows(rows)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// expression returns a noisy gradient with dropouts at the points x, y.
func expression(rng *rand.Rand, x, y []float64, genes int) dense.Matrix[float64] {
	m := dense.New[float64](len(x), genes)
	for j := range genes {
		a, b, noise := rng.NormFloat64(), rng.NormFloat64(), rng.ExpFloat64()
		for i := range x {
			if rng.IntN(3) > 0 {
				m.Set(i, j, 10+a*x[i]+b*y[i]+noise*rng.NormFloat64())
			}
		}
	}
	return m
}

func scattered(rng *rand.Rand, n int) (x, y []float64) {
	for range n {
		x, y = append(x, 10*rng.Float64()), append(y, 10*rng.Float64())
	}
	return x, y
}

func TestEqualsDefinition(t *testing.T) {
	const seed = 11
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	x, y := scattered(rng, 200)
	six, err := neighbor.KNN(x, y, 6)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		g      *neighbor.Graph
	}{{"6 nearest", six}, {"ragged, some spots without neighbours", ragged(t, rng, 200)}} {
		for _, genes := range []int{0, 1, 31, 32, 128, 300} {
			m := expression(rng, x, y, genes)
			got, err := moran.I(m, c.g)
			if err != nil {
				t.Fatal(err)
			}
			tested, err := moran.Test(m, c.g)
			if err != nil {
				t.Fatal(err)
			}
			single := dense.New[float32](m.Rows, m.Cols)
			for i, v := range m.Data {
				single.Data[i] = float32(v)
			}
			got32, err := moran.I(single, c.g)
			if err != nil {
				t.Fatal(err)
			}
			fromSparse, err := moran.ISparse(toSparse(single), c.g)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != genes || len(tested) != genes {
				t.Fatalf("%d genes give %d and %d results", genes, len(got), len(tested))
			}
			for j := range genes {
				want := naive(goldentest.Column(m, j), c.g)
				goldentest.Near(t, 1e-13, got[j], want, "%s: gene %d of %d", c.reason, j, genes)
				goldentest.Near(t, 1e-6, got32[j], want, "%s: float32 gene %d of %d", c.reason, j, genes)
				if tested[j].I != got[j] {
					t.Errorf("%s: Test gives I %g, I gives %g", c.reason, tested[j].I, got[j])
				}
				goldentest.Near(t, 1e-13, fromSparse[j], got32[j], "%s: sparse gene %d of %d", c.reason, j, genes)
			}
		}
	}
}

// TestHardColumns takes genes whose mean is far from what a few spots show, or
// whose spread is small against it: where sums of squares lose digits.
func TestHardColumns(t *testing.T) {
	const seed, n = 14, 400
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	x, y := scattered(rng, n)
	g, err := neighbor.KNN(x, y, 6)
	if err != nil {
		t.Fatal(err)
	}
	m := dense.New[float64](n, n+4)
	for i := range n {
		m.Set(i, i, 1) // seen at one spot, in turn each
		m.Set(i, n, 1e6+x[i]*1e-3)
		m.Set(i, n+1, 1e12+math.Floor(100*y[i]))
		m.Set(i, n+2, float64(1-i%2)*1e8+x[i])
		m.Set(i, n+3, math.Exp(20*rng.NormFloat64())) // one spot holds it nearly all
	}
	got, err := moran.I(m, g)
	if err != nil {
		t.Fatal(err)
	}
	res, err := moran.Test(m, g)
	if err != nil {
		t.Fatal(err)
	}
	single := dense.New[float32](n, n+4)
	rounded := dense.New[float64](n, n+4)
	for k, v := range m.Data {
		single.Data[k] = float32(v)
		rounded.Data[k] = float64(float32(v))
	}
	fromSparse, err := moran.ISparse(toSparse(single), g)
	if err != nil {
		t.Fatal(err)
	}
	for j := range m.Cols {
		values := goldentest.Column(m, j)
		for i := range values { // exact, and spares the definition the loss of digits
			values[i] -= map[int]float64{n: 1e6, n + 1: 1e12}[j]
		}
		goldentest.Near(t, 1e-12, got[j], naive(values, g), "gene %d", j)
		if want := naive(goldentest.Column(rounded, j), g); j != n+1 { // which is constant in float32
			goldentest.Near(t, 1e-12, fromSparse[j], want, "sparse gene %d", j)
		}
		if res[j].I != got[j] {
			t.Errorf("gene %d: Test gives I %g, I gives %g", j, res[j].I, got[j])
		}
	}
}

func toSparse(m dense.Matrix[float32]) *sparse.CSR {
	s := &sparse.CSR{Rows: m.Rows, Cols: m.Cols, IndPtr: []int64{0}}
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			if v != 0 {
				s.Indices, s.Data = append(s.Indices, int32(j)), append(s.Data, v)
			}
		}
		s.IndPtr = append(s.IndPtr, int64(len(s.Data)))
	}
	return s
}

// torus returns a grid without borders: each cell's neighbours are those above, below, left
// and right of it, round the edges.
func torus(t *testing.T, n int) *neighbor.Graph {
	rows := make([][]int, n*n)
	for r := range n {
		for c := range n {
			rows[r*n+c] = []int{(r+1)%n*n + c, (r+n-1)%n*n + c, r*n + (c+1)%n, r*n + (c+n-1)%n}
		}
	}
	g, err := neighbor.FromRows(rows)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestKnownValues(t *testing.T) {
	const n = 16
	g := torus(t, n)
	nan := math.NaN()
	for _, c := range []struct {
		reason string
		value  func(r, c int) float64
		want   float64
	}{
		{"checkerboard: every neighbour is the opposite", func(r, c int) float64 { return float64((r + c) % 2) }, -1},
		{"two halves: on the 4 of 16 columns at a border one neighbour of four is opposite", func(_, c int) float64 { return float64(c / (n / 2)) }, 1 - 2*0.25*4/n},
		{"stripes one column wide: two neighbours alike, two opposite", func(_, c int) float64 { return float64(c % 2) }, 0},
		{"a wave along the rows: (2cos(2π/16)+2)/4", func(_, c int) float64 { return math.Sin(2 * math.Pi * float64(c) / n) }, (2*math.Cos(2*math.Pi/n) + 2) / 4},
		{"constant, zero", func(int, int) float64 { return 0 }, nan},
		{"constant whose mean is off by rounding", func(int, int) float64 { return 0.1 }, nan},
		{"constant, large", func(int, int) float64 { return 1e17 + 12345 }, nan},
		{"one value is missing", func(r, c int) float64 {
			if r == 3 && c == 4 {
				return nan
			}
			return float64(c)
		}, nan},
	} {
		x := dense.New[float64](n*n, 1)
		for i := range x.Data {
			x.Data[i] = c.value(i/n, i%n)
		}
		got, err := moran.I(x, g)
		if err != nil {
			t.Fatal(err)
		}
		goldentest.Near(t, 1e-13, got[0], c.want, "%s", c.reason)
		res, err := moran.Test(x, g)
		if err != nil {
			t.Fatal(err)
		}
		if r := res[0]; math.IsNaN(c.want) && !(math.IsNaN(r.I) && math.IsNaN(r.PNorm) && math.IsNaN(r.VarRand) && math.IsNaN(r.PRand)) {
			t.Errorf("%s: %+v", c.reason, r)
		}
	}
}

// TestInvariance checks what must not change I: another order of spots, an
// affine change of a gene.
func TestInvariance(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 12))
		x, y := scattered(rng, 150)
		m := expression(rng, x, y, 40)
		g, err := neighbor.KNN(x, y, 6)
		if err != nil {
			t.Fatal(err)
		}
		want, err := moran.Test(m, g)
		if err != nil {
			t.Fatal(err)
		}
		order := rng.Perm(len(x))
		px, py := make([]float64, len(x)), make([]float64, len(x))
		for i, o := range order {
			px[i], py[i] = x[o], y[o]
		}
		pg, err := neighbor.KNN(px, py, 6)
		if err != nil {
			t.Fatal(err)
		}
		moved := m.Clone()
		for j := range m.Cols {
			a, b := rng.NormFloat64(), 10*rng.NormFloat64()
			for i := range m.Rows {
				moved.Set(i, j, a*m.At(i, j)+b)
			}
		}
		permuted, err := moran.Test(m.Select(order, nil), pg)
		if err != nil {
			t.Fatal(err)
		}
		affine, err := moran.Test(moved, g)
		if err != nil {
			t.Fatal(err)
		}
		for j := range want {
			near(t, 1e-9, permuted[j], want[j], "seed %d: gene %d, spots permuted", seed, j)
			near(t, 1e-9, affine[j], want[j], "seed %d: gene %d, affine", seed, j)
		}
	}
}

func near(t *testing.T, tol float64, got, want moran.Result, format string, args ...any) {
	t.Helper()
	for k, v := range [][2]float64{
		{got.I, want.I}, {got.EI, want.EI}, {got.VarNorm, want.VarNorm}, {got.ZNorm, want.ZNorm}, {got.PNorm, want.PNorm},
		{got.VarRand, want.VarRand}, {got.ZRand, want.ZRand}, {got.PRand, want.PRand},
	} {
		goldentest.Near(t, tol, v[0], v[1], format+", field %d", append(args, k)...)
	}
}

// TestNullMoments compares mean and variance under randomisation with those
// over all 720 orders of six values on a ragged graph.
func TestNullMoments(t *testing.T) {
	g, err := neighbor.FromRows([][]int{{1, 2}, {0}, {}, {0, 1, 4}, {5}, {4, 0}})
	if err != nil {
		t.Fatal(err)
	}
	x := []float64{0, 0, 3, 1.5, 7, -2}
	var sum, sum2, count float64
	permute(x, 0, func(p []float64) {
		v := naive(p, g)
		sum, sum2, count = sum+v, sum2+v*v, count+1
	})
	res, err := moran.Test(dense.Matrix[float64]{Rows: 6, Cols: 1, Stride: 1, Data: x}, g)
	if err != nil {
		t.Fatal(err)
	}
	mean := sum / count
	goldentest.Near(t, 1e-12, res[0].EI, mean, "mean over %g orders", count)
	goldentest.Near(t, 1e-12, res[0].VarRand, sum2/count-mean*mean, "variance over %g orders", count)
}

func permute(x []float64, k int, visit func([]float64)) {
	if k == len(x) {
		visit(x)
		return
	}
	for i := k; i < len(x); i++ {
		x[k], x[i] = x[i], x[k]
		permute(x, k+1, visit)
		x[k], x[i] = x[i], x[k]
	}
}

func TestSameBytesOnAnyNumberOfCores(t *testing.T) {
	const seed = 13
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	x, y := scattered(rng, 300)
	m := expression(rng, x, y, 500)
	g := ragged(t, rng, 300)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, err := moran.I(m, g)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GOMAXPROCS(4)
	four, err := moran.I(m, g)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(one, four) {
		t.Error("the result depends on the number of cores")
	}
}

func TestErrors(t *testing.T) {
	g, err := neighbor.FromRows([][]int{{1}, {0}})
	if err != nil {
		t.Fatal(err)
	}
	bad := &neighbor.Graph{Start: []int32{0, 1, 2}, Index: []int32{5, 0}}
	for _, c := range []struct {
		reason string
		x      dense.Matrix[float64]
		g      *neighbor.Graph
	}{
		{"graph of other spots", dense.New[float64](3, 1), g},
		{"malformed graph", dense.New[float64](2, 1), bad},
		{"malformed matrix", dense.Matrix[float64]{Rows: 2, Cols: 2, Stride: 1, Data: make([]float64, 4)}, g},
	} {
		if _, err := moran.I(c.x, c.g); err == nil {
			t.Errorf("%s: I gives no error", c.reason)
		}
		if _, err := moran.Test(c.x, c.g); err == nil {
			t.Errorf("%s: Test gives no error", c.reason)
		}
	}
	empty := &sparse.CSR{Rows: 2, Cols: 1, IndPtr: []int64{0, 0, 0}}
	if _, err := moran.ISparse(empty, bad); err == nil {
		t.Error("malformed graph: ISparse gives no error")
	}
	if _, err := moran.ISparse(&sparse.CSR{Rows: 2, Cols: 1, IndPtr: []int64{0, 0}}, g); err == nil {
		t.Error("malformed sparse matrix: no error")
	}
	if v, err := moran.I(dense.New[float64](0, 2), &neighbor.Graph{Start: []int32{0}}); err != nil || len(v) != 2 || !math.IsNaN(v[0]) {
		t.Errorf("no spots: %v, %v, want two NaN", v, err)
	}
}
