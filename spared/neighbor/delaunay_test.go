package neighbor_test

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// points are exact coordinates, in units of the least float64, 2⁻¹⁰⁷⁴.
type points [][2]*big.Int

func exactly(x, y []float64) points {
	whole := func(v float64) *big.Int {
		f := big.NewFloat(v)
		i, _ := f.SetMantExp(f, 1074).Int(nil)
		return i
	}
	p := make(points, len(x))
	for i := range x {
		p[i] = [2]*big.Int{whole(x[i]), whole(y[i])}
	}
	p.reduce()
	return p
}

// reduce takes out the powers of two that all coordinates have, which the
// predicates do not see.
func (p points) reduce() {
	shift := uint(5000)
	for _, q := range p {
		for _, c := range q {
			if c.Sign() != 0 {
				shift = min(shift, c.TrailingZeroBits())
			}
		}
	}
	for _, q := range p {
		for _, c := range q {
			c.Rsh(c, shift)
		}
	}
}

func sub(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }
func mul(a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) }
func add(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }

// turn is the sign of the area of triangle a, b, c.
func (p points) turn(a, b, c int) int {
	return mul(sub(p[b][0], p[a][0]), sub(p[c][1], p[a][1])).Cmp(mul(sub(p[b][1], p[a][1]), sub(p[c][0], p[a][0])))
}

// inside says whether d is strictly inside the circle through a, b, c, which
// turn left.
func (p points) inside(a, b, c, d int) bool {
	var row [3][3]*big.Int
	for k, i := range []int{a, b, c} {
		u, v := sub(p[i][0], p[d][0]), sub(p[i][1], p[d][1])
		row[k] = [3]*big.Int{u, v, add(mul(u, u), mul(v, v))}
	}
	det := new(big.Int)
	for k := range 3 {
		i, j := (k+1)%3, (k+2)%3
		det.Add(det, mul(row[k][2], sub(mul(row[i][0], row[j][1]), mul(row[j][0], row[i][1]))))
	}
	return det.Sign() > 0
}

// between says whether k, on the line through i and j, lies between them.
func (p points) between(i, j, k int) bool {
	for c := range 2 {
		lo, hi := p[i][c], p[j][c]
		if lo.Cmp(hi) > 0 {
			lo, hi = hi, lo
		}
		if lo.Cmp(hi) < 0 {
			return lo.Cmp(p[k][c]) < 0 && p[k][c].Cmp(hi) < 0
		}
	}
	return false
}

// faultOfDelaunay checks by the definition, in exact arithmetic, that g is the
// edges of a Delaunay triangulation, and says what is wrong.
func faultOfDelaunay(x, y []float64, g *neighbor.Graph) string {
	if err := g.Check(); err != nil {
		return err.Error()
	}
	p := exactly(x, y)
	first := map[[2]float64]int{} // lowest spot of a place; 0 and -0 are one
	var sites []int
	for i := range x {
		at := [2]float64{x[i] + 0, y[i] + 0}
		if j, ok := first[at]; ok {
			if !slices.Equal(g.Of(i), []int32{int32(j)}) {
				return "a doubled spot is not joined to its twin alone"
			}
			continue
		}
		first[at] = i
		sites = append(sites, i)
	}
	var edges [][2]int
	for _, i := range sites {
		for _, j := range g.Of(i) {
			j := int(j)
			if !slices.Contains(g.Of(j), int32(i)) {
				return "not symmetric"
			}
			if i < j && first[[2]float64{x[j] + 0, y[j] + 0}] == j {
				edges = append(edges, [2]int{i, j})
			}
		}
	}
	for _, e := range edges {
		if fault := p.faultOfEdge(sites, e[0], e[1]); fault != "" {
			return fault
		}
		for _, f := range edges {
			if p.cross(e, f) {
				return "edges cross"
			}
		}
	}
	if want := p.edgesOfTriangulation(sites); len(edges) != want {
		return "not all triangles are there"
	}
	return ""
}

// faultOfEdge checks that some circle through i and j has no site inside: none
// to the right is inside the circle of i, j and one to the left.
func (p points) faultOfEdge(sites []int, i, j int) string {
	var left, right []int
	for _, k := range sites {
		switch t := p.turn(i, j, k); {
		case t > 0:
			left = append(left, k)
		case t < 0:
			right = append(right, k)
		case k != i && k != j && p.between(i, j, k):
			return "an edge passes through a spot"
		}
	}
	for _, k := range left {
		for _, l := range right {
			if p.inside(i, j, k, l) {
				return "an edge has no empty circle"
			}
		}
	}
	return ""
}

func (p points) cross(e, f [2]int) bool {
	return p.turn(e[0], e[1], f[0])*p.turn(e[0], e[1], f[1]) < 0 && p.turn(f[0], f[1], e[0])*p.turn(f[0], f[1], e[1]) < 0
}

// edgesOfTriangulation is 3n-3-h, with h sites on the outline; n-1 on a line.
func (p points) edgesOfTriangulation(sites []int) int {
	h, line := 0, true
	for _, i := range sites {
		outer := false
		for _, j := range sites {
			left, right := 0, 0
			for _, k := range sites {
				switch t := p.turn(i, j, k); {
				case t > 0:
					left++
				case t < 0:
					right++
				}
			}
			line = line && left+right == 0
			outer = outer || j != i && (left == 0 || right == 0)
		}
		if outer {
			h++
		}
	}
	if n := len(sites); !line {
		return 3*n - 3 - h
	}
	return max(len(sites)-1, 0)
}

// clouds are small sets of points that trip triangulations.
func clouds(rng *rand.Rand) []layout {
	var ls []layout
	make1 := func(reason string, n int, at func(i int) (float64, float64)) {
		l := layout{reason: reason}
		for i := range n {
			x, y := at(i)
			l.x, l.y = append(l.x, x), append(l.y, y)
		}
		rng.Shuffle(n, func(i, j int) { l.x[i], l.x[j], l.y[i], l.y[j] = l.x[j], l.x[i], l.y[j], l.y[i] })
		ls = append(ls, l)
	}
	make1("scattered", 30, func(int) (float64, float64) { return rng.Float64(), rng.Float64() })
	make1("square grid: every cell is on a circle", 25, func(i int) (float64, float64) { return float64(i % 5), float64(i / 5) })
	make1("square grid of pitch 0.1: nearly on circles, off by rounding", 25, func(i int) (float64, float64) { return 0.1 * float64(i%5), 0.1 * float64(i/5) })
	make1("hexagonal grid, height in float64", 25, func(i int) (float64, float64) {
		return 100 * (float64(i%5) + 0.5*float64(i/5%2)), 100 * math.Sqrt(0.75) * float64(i/5)
	})
	make1("square grid turned by 0.1 rad", 25, func(i int) (float64, float64) {
		s, c := math.Sincos(0.1)
		return c*float64(i%5) - s*float64(i/5), s*float64(i%5) + c*float64(i/5)
	})
	make1("all on one circle, exactly (Pythagorean)", 12, func(i int) (float64, float64) {
		p := [][2]float64{{5, 0}, {4, 3}, {3, 4}}[i%3]
		for range i / 3 {
			p[0], p[1] = -p[1], p[0]
		}
		return p[0], p[1]
	})
	make1("all on one circle, nearly, and its centre", 13, func(i int) (float64, float64) {
		if i == 12 {
			return 0, 0
		}
		s, c := math.Sincos(2 * math.Pi * float64(i) / 12)
		return c, s
	})
	make1("doubled spots", 24, func(int) (float64, float64) { return float64(rng.IntN(4)), float64(rng.IntN(3)) })
	make1("on a horizontal line, some doubled", 12, func(int) (float64, float64) { return float64(rng.IntN(9)), 3 })
	make1("on a vertical line", 12, func(i int) (float64, float64) { return 3, float64(i * i) })
	make1("on a sloping line, exactly", 9, func(i int) (float64, float64) { return float64(3 * i), float64(7 * i) })
	make1("on a sloping line, off by rounding", 9, func(i int) (float64, float64) { return 0.1 * float64(i), 0.3 * float64(i) })
	make1("a line and one spot beside it", 10, func(i int) (float64, float64) { return float64(i), float64(i / 9) })
	make1("one place", 5, func(int) (float64, float64) { return 1, 1 })
	make1("huge and tiny: products overflow and underflow", 12, func(i int) (float64, float64) {
		return math.Ldexp(rng.Float64()-0.5, 300*(i%7)-1000), math.Ldexp(rng.Float64()-0.5, 1020-300*(i%5))
	})
	make1("the greatest numbers: differences overflow", 4, func(i int) (float64, float64) {
		return math.MaxFloat64 * float64(1-i%2*2), math.MaxFloat64 * float64(1-i/2*2)
	})
	make1("the least numbers", 9, func(i int) (float64, float64) { return 5e-324 * float64(i%3), 5e-324 * float64(i/3) })
	make1("far from the origin: differences of few digits", 20, func(int) (float64, float64) {
		return 1e15 + float64(rng.IntN(6)), 1e15 + float64(rng.IntN(6))
	})
	for n := range 5 {
		make1("few", n, func(int) (float64, float64) { return rng.Float64(), rng.Float64() })
	}
	return ls
}

func TestDelaunayIsOne(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 31))
		for _, l := range clouds(rng) {
			g, err := neighbor.Delaunay(l.x, l.y)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, l.reason, err)
			}
			if fault := faultOfDelaunay(l.x, l.y, g); fault != "" {
				t.Errorf("seed %d, %s, %d spots: %s", seed, l.reason, len(l.x), fault)
			}
		}
	}
}

// TestDelaunayOrder checks that the triangulation does not hang on the order
// of spots, grids with their many triangulations included.
func TestDelaunayOrder(t *testing.T) {
	const seed = 32
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var x, y []float64
	for i := range 400 {
		x, y = append(x, float64(i%20)), append(y, float64(i/20))
	}
	want, err := neighbor.Delaunay(x, y)
	if err != nil {
		t.Fatal(err)
	}
	order := rng.Perm(len(x))
	px, py := make([]float64, len(x)), make([]float64, len(x))
	for k, i := range order {
		px[k], py[k] = x[i], y[i]
	}
	got, err := neighbor.Delaunay(px, py)
	if err != nil {
		t.Fatal(err)
	}
	for k, i := range order {
		var back []int32
		for _, j := range got.Of(k) {
			back = append(back, int32(order[j]))
		}
		slices.Sort(back)
		if !slices.Equal(back, want.Of(i)) {
			t.Fatalf("spot %d: neighbours %v in one order, %v in another", i, want.Of(i), back)
		}
	}
}

// TestDelaunayEqualsSciPy compares with literal neighbours from
// scipy.spatial.Delaunay 1.17.1 of twelve points, of which no four are on a
// circle.
func TestDelaunayEqualsSciPy(t *testing.T) {
	x := []float64{12, 87, 45, 33, 71, 5, 64, 92, 28, 50, 77, 18}
	y := []float64{8, 15, 22, 41, 48, 55, 69, 74, 83, 96, 31, 29}
	want := [][]int32{{1, 2, 5, 11}, {0, 2, 7, 10}, {0, 1, 3, 4, 10, 11}, {2, 4, 5, 6, 8, 11}, {2, 3, 6, 7, 10}, {0, 3, 8, 11}, {3, 4, 7, 8, 9}, {1, 4, 6, 9, 10}, {3, 5, 6, 9}, {6, 7, 8}, {1, 2, 4, 7}, {0, 2, 3, 5}}
	got, err := neighbor.Delaunay(x, y)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if !slices.Equal(got.Of(i), w) {
			t.Errorf("spot %d: neighbours %v, want %v", i, got.Of(i), w)
		}
	}
}

const scipyScript = `
import json, sys, numpy as np
from scipy.spatial import Delaunay
for line in sys.stdin:
    p = np.array(json.loads(line))
    ptr, idx = Delaunay(p).vertex_neighbor_vertices
    print(json.dumps([sorted(int(j) for j in idx[ptr[i]:ptr[i+1]]) for i in range(len(p))]))
`

// TestDelaunayEqualsInstalledSciPy compares scattered spots, and the real
// slides whose spots do not lie on an exact lattice, edge by edge.
func TestDelaunayEqualsInstalledSciPy(t *testing.T) {
	python := os.Getenv("SPATIALGO_CHECK_PYTHON")
	if python == "" {
		t.Skip("SPATIALGO_CHECK_PYTHON does not name a Python with scipy")
	}
	const seed = 33
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var x, y []float64
	for range 3000 {
		x, y = append(x, rng.NormFloat64()), append(y, 1e3*rng.ExpFloat64())
	}
	compareSciPy(t, python, "scattered", x, y)
	t.Run("hippo1", func(t *testing.T) {
		table := goldentest.ReadTable(t, "golden", "hippo1_graph.tsv.gz")
		compareSciPy(t, python, "hippo1", table.Floats(t, "x"), table.Floats(t, "y"))
	})
}

func compareSciPy(t *testing.T, python, what string, x, y []float64) {
	t.Helper()
	got, err := neighbor.Delaunay(x, y)
	if err != nil {
		t.Fatal(err)
	}
	p := make([][2]float64, len(x))
	for i := range x {
		p[i] = [2]float64{x[i], y[i]}
	}
	in, err := os.CreateTemp(t.TempDir(), "points")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := json.NewEncoder(in).Encode(p); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", scipyScript)
	cmd.Stdin, cmd.Stderr = in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want [][]int32
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	differ := 0
	for i, w := range want {
		if !slices.Equal(got.Of(i), w) {
			differ++
		}
	}
	if differ > 0 {
		t.Errorf("%s: %d of %d spots have other neighbours", what, differ, len(x))
	}
}

func TestFilter(t *testing.T) {
	x, y := []float64{0, 1, 2, 0, 10}, []float64{0, 0, 0, 1, 3}
	g, err := neighbor.Delaunay(x, y)
	if err != nil {
		t.Fatal(err)
	}
	short := g.Filter(func(i, j int) bool { return math.Hypot(x[i]-x[j], y[i]-y[j]) < 3 })
	if err := short.Check(); err != nil {
		t.Fatal(err)
	}
	if len(short.Of(4)) != 0 || len(g.Of(4)) == 0 || !slices.Equal(short.Of(0), []int32{1, 3}) {
		t.Errorf("%v, of %v", short, g)
	}
}

func BenchmarkDelaunay(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	x, y := hexagons(78, 64)
	var sx, sy, rx, ry []float64
	for i := range 4992 {
		sx, sy = append(sx, float64(i%64)*287.5), append(sy, float64(i/64)*287.5)
		rx, ry = append(rx, rng.Float64()), append(ry, rng.Float64())
	}
	for _, c := range []layout{{"hex4992", x, y}, {"square4992", sx, sy}, {"scattered4992", rx, ry}} {
		b.Run(c.reason, func(b *testing.B) {
			for b.Loop() {
				if _, err := neighbor.Delaunay(c.x, c.y); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
