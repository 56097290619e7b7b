package moran_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/moran"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// esdaCase holds what esda 2.9.0 (libpysal 4.14.1, weights row-standardised)
// gives for one gene.
type esdaCase struct {
	reason string
	y      []float64
	graph  func(t *testing.T) *neighbor.Graph

	c, varNorm, varRand, pNorm, pRand float64 // Geary; p one-sided
	is, eic, vic                      []float64
	quadrant                          []moran.Quadrant
}

var esdaCases = []esdaCase{
	{
		reason: "a whole hexagonal array of 5 x 4",
		y:      []float64{5.1, 4.2, 0, 0, 3.3, 6.7, 1.2, 0, 0, 2.5, 2.2, 0.4, 1.1, 0, 0, 3.8, 0, 0, 4.4, 9.6},
		graph:  smallHex,
		c:      0.6956694468701917, varNorm: 0.020067526455026484, varRand: 0.020443962110161407, pNorm: 0.01584423800035554, pRand: 0.016649983119133505,
		is:       []float64{0.5938452353370997, 0.41463349432375113, -0.24109354671989447, 0.5499946534547593, 0.21476626686389477, 0.0050510001009902526, 0.09371157170608263, 0.5098123956681102, -0.02260252000499006, -0.0003103966542508052, 0.0014391117606173433, 0.19404305751100503, 0.2628495303951097, 0.15821764003493075, -0.354106146744845, 0.2364375969061324, 0.5047896134447791, 0.2561618933898879, 0.051554062483292085, 0.5077807084766504},
		eic:      []float64{-0.062024614743895784, -0.029269990216760203, -0.03714910951882031, -0.03714910951882031, -0.008671721184231629, -0.15027075092696898, -0.00788380925402562, -0.03714910951882031, -0.03714910951882031, -0.0005674841878269478, -4.689951965511937e-06, -0.024992754024213294, -0.00949715273016174, -0.037149109518820306, -0.037149109518820306, -0.018614419351117, -0.03714910951882031, -0.03714910951882031, -0.03549824642696011, -0.40814306979867915},
		vic:      []float64{0.5494547513700226, 0.11838857453946233, 0.14903772158657924, 0.21196475958980154, 0.026744736467352023, 0.3074005334178853, 0.01882990971735795, 0.21196475958980154, 0.21196475958980154, 0.0013653903599640167, 1.1290572149668979e-05, 0.07581191728599525, 0.02926608788500981, 0.08611068358335691, 0.08611068358335691, 0.1082543569975571, 0.33781883559624626, 0.14903772158657924, 0.1426588371982122, 1.431480322216235},
		quadrant: []moran.Quadrant{1, 1, 2, 3, 1, 1, 3, 3, 2, 4, 3, 3, 3, 3, 2, 1, 3, 3, 1, 1},
	},
	{
		reason: "three nearest: one-way arrows",
		y:      []float64{3.2, 1.1, 0, 4.8, 0.7, 2.6, 5.5, 0, 1.9, 7.3, 0.2, 2.8},
		graph: func(t *testing.T) *neighbor.Graph {
			g, err := neighbor.FromRows([][]int{{1, 2, 6}, {0, 2, 3}, {1, 7, 8}, {2, 4, 10}, {3, 5, 10}, {3, 4, 10}, {0, 2, 7}, {2, 6, 8}, {2, 9, 10}, {8, 10, 11}, {4, 8, 11}, {8, 9, 10}})
			if err != nil {
				t.Fatal(err)
			}
			return g
		},
		c: 1.0293626937602292, varNorm: 0.03810541310541305, varRand: 0.03754694281462483, pNorm: 0.4402170449233388, pRand: 0.4397774501665797,
		is:       []float64{-0.038288472088099414, -0.04003395762777182, 0.6792556977635117, -0.9085875621687545, -0.008116507759476628, -0.01001160634540667, -0.7743347886602377, 0.018763969551478223, 0.0009101460314006234, -0.7527406389837195, 0.2935532645113321, 0.032727853868857334},
		eic:      []float64{-0.008518051865031729, -0.03531486127408492, -0.11202555044618073, -0.09350815391102105, -0.05822420442335301, -0.00014961304625763408, -0.15935767780768664, -0.11202555044618073, -0.006589156392619258, -0.40880837536305886, -0.09487321839918987, -0.001514677534426455},
		vic:      []float64{0.027025582903860347, 0.10901670991128656, 0.31832264477891503, 0.2712460130021563, 0.17546926861638593, 0.00047869011902087544, 0.4286809866605702, 0.31832264477891503, 0.020946366114089156, 0.7733890803074407, 0.27479133065526234, 0.004839626516458109},
		quadrant: []moran.Quadrant{4, 2, 3, 4, 2, 4, 4, 3, 3, 4, 3, 1},
	},
}

func smallHex(t *testing.T) *neighbor.Graph {
	var row, col []int
	for r := range 5 {
		for c := range 4 {
			row, col = append(row, r), append(col, 2*c+r%2)
		}
	}
	g, err := neighbor.HexLattice(row, col)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func oneGene(y []float64) dense.Matrix[float64] {
	return dense.Matrix[float64]{Rows: len(y), Cols: 1, Stride: 1, Data: y}
}

func TestGearyEqualsEsda(t *testing.T) {
	for _, c := range esdaCases {
		res, err := moran.Geary(oneGene(c.y), c.graph(t))
		if err != nil {
			t.Fatal(err)
		}
		r := res[0]
		goldentest.NearRelative(t, 1e-12, r.C, c.c, "%s: C", c.reason)
		goldentest.NearRelative(t, 1e-10, r.VarNorm, c.varNorm, "%s: variance, normality", c.reason)
		goldentest.NearRelative(t, 1e-10, r.VarRand, c.varRand, "%s: variance, randomisation", c.reason)
		goldentest.NearRelative(t, 1e-8, r.PNorm/2, c.pNorm, "%s: p, normality", c.reason)
		goldentest.NearRelative(t, 1e-8, r.PRand/2, c.pRand, "%s: p, randomisation", c.reason)
		if r.EC != 1 {
			t.Errorf("%s: EC %g", c.reason, r.EC)
		}
	}
}

// TestGearyEqualsDefinition also holds the moments under randomisation against
// all orders of six values.
func TestGearyEqualsDefinition(t *testing.T) {
	const seed = 51
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	x, y := scattered(rng, 150)
	g := ragged(t, rng, 150)
	m := expression(rng, x, y, 140)
	res, err := moran.Geary(m, g)
	if err != nil {
		t.Fatal(err)
	}
	single := dense.New[float32](m.Rows, m.Cols)
	for i, v := range m.Data {
		single.Data[i] = float32(v)
	}
	a, err := moran.Geary(single, g)
	if err != nil {
		t.Fatal(err)
	}
	b, err := moran.GearySparse(toSparse(single), g)
	if err != nil {
		t.Fatal(err)
	}
	for j := range res {
		goldentest.Near(t, 1e-12, res[j].C, naiveGeary(goldentest.Column(m, j), g), "gene %d", j)
		goldentest.Near(t, 1e-12, b[j].C, a[j].C, "sparse gene %d", j)
		goldentest.NearRelative(t, 1e-11, b[j].VarRand, a[j].VarRand, "variance of sparse gene %d", j)
	}

	small, err := neighbor.FromRows([][]int{{1, 2}, {0}, {}, {0, 1, 4}, {5}, {4, 0}})
	if err != nil {
		t.Fatal(err)
	}
	v := []float64{0, 0, 3, 1.5, 7, -2}
	var sum, sum2, count float64
	permute(v, 0, func(p []float64) {
		c := naiveGeary(p, small)
		sum, sum2, count = sum+c, sum2+c*c, count+1
	})
	all, err := moran.Geary(oneGene(v), small)
	if err != nil {
		t.Fatal(err)
	}
	mean := sum / count
	goldentest.Near(t, 1e-12, all[0].EC, mean, "mean over %g orders", count)
	goldentest.Near(t, 1e-12, all[0].VarRand, sum2/count-mean*mean, "variance over %g orders", count)
}

func naiveGeary(x []float64, g *neighbor.Graph) float64 {
	var mean, s0, num, den float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for i, v := range x {
		den += (v - mean) * (v - mean)
		for _, j := range g.Of(i) {
			w := 1 / float64(len(g.Of(i)))
			s0 += w
			num += w * (v - x[j]) * (v - x[j])
		}
	}
	return float64(len(x)-1) / (2 * s0) * num / den
}

// TestSparseTests compares all fields of the sparse tests with the dense ones.
func TestSparseTests(t *testing.T) {
	const seed = 52
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	g := ragged(t, rng, 120)
	x := counts(rng, 120, 300)
	want, err := moran.Test(x, g)
	if err != nil {
		t.Fatal(err)
	}
	got, err := moran.TestSparse(toSparse(x), g)
	if err != nil {
		t.Fatal(err)
	}
	for j := range want {
		near(t, 1e-10, got[j], want[j], "gene %d", j)
	}
}

// counts draws genes of Poisson-like counts, from nowhere seen to everywhere.
func counts(rng *rand.Rand, spots, genes int) dense.Matrix[float32] {
	x := dense.New[float32](spots, genes)
	for j := range genes {
		mean := 5 * math.Pow(rng.Float64(), 4)
		for i := range spots {
			x.Set(i, j, float32(math.Floor(rng.ExpFloat64()*mean)))
		}
	}
	return x
}

// TestPermuteAgainstAllOrders takes six values, whose 720 orders can be listed.
func TestPermuteAgainstAllOrders(t *testing.T) {
	g, err := neighbor.FromRows([][]int{{1, 2}, {0}, {}, {0, 1, 4}, {5}, {4, 0}})
	if err != nil {
		t.Fatal(err)
	}
	const seed, n = 53, 40_000
	t.Logf("seed %d", seed)
	for _, v := range [][]float64{{0, 0, 3, 1.5, 7, -2}, {0, 0, 0, 0, 1, 1}, {5, 4, 3, 2, 1, 0}} {
		observed, greater, extremer, total := naive(v, g), 0.0, 0.0, 0.0
		permute(slices.Clone(v), 0, func(p []float64) {
			i := naive(p, g)
			total++
			if i >= observed-1e-12 {
				greater++
			}
			if math.Abs(i+0.2) >= math.Abs(observed+0.2)-1e-12 { // EI = -1/5
				extremer++
			}
		})
		single := dense.New[float32](6, 1)
		for i, x := range v {
			single.Data[i] = float32(x)
		}
		a, err := moran.Permute(context.Background(), oneGene(v), g, moran.Permutations{N: n, Rand: rand.New(rand.NewPCG(seed, 0))})
		if err != nil {
			t.Fatal(err)
		}
		b, err := moran.PermuteSparse(context.Background(), toSparse(single), g, moran.Permutations{N: n, Rand: rand.New(rand.NewPCG(seed, 0))})
		if err != nil {
			t.Fatal(err)
		}
		exact, err := moran.Test(oneGene(v), g)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []moran.Permuted{a[0], b[0]} {
			goldentest.Near(t, 1e-12, r.I, observed, "I of %v", v)
			goldentest.Near(t, 0.012, r.Greater, greater/total, "greater of %v", v) // 5 standard errors of 0.0025
			goldentest.Near(t, 0.012, r.TwoSided, extremer/total, "two-sided of %v", v)
			goldentest.Near(t, 0.01, r.Mean, exact[0].EI, "mean of %v", v)
			goldentest.Near(t, 0.01, r.SD, math.Sqrt(exact[0].VarRand), "sd of %v", v)
		}
		if a[0].Greater != b[0].Greater || a[0].TwoSided != b[0].TwoSided {
			t.Errorf("%v: dense %+v, sparse %+v", v, a[0], b[0])
		}
	}
}

// TestFalsePositives draws genes without spatial structure: p below 0.05 must
// come up in 5 % of them, by every test. 2,000 genes have a standard error of
// 0.5 %; the tests share their genes and shuffles, so they do not err apart.
func TestFalsePositives(t *testing.T) {
	const seed, genes, n = 54, 2000, 199
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var row, col []int
	for r := range 20 {
		for c := range 20 {
			row, col = append(row, r), append(col, 2*c+r%2)
		}
	}
	g, err := neighbor.HexLattice(row, col)
	if err != nil {
		t.Fatal(err)
	}
	x := dense.New[float64](g.Len(), genes)
	for i := range x.Data {
		x.Data[i] = math.Floor(2 * rng.ExpFloat64())
	}
	res, err := moran.Test(x, g)
	if err != nil {
		t.Fatal(err)
	}
	geary, err := moran.Geary(x, g)
	if err != nil {
		t.Fatal(err)
	}
	shuffled, err := moran.Permute(context.Background(), x, g, moran.Permutations{N: n, Rand: rng})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]func(j int) float64{
		"normality":              func(j int) float64 { return res[j].PNorm },
		"randomisation":          func(j int) float64 { return res[j].PRand },
		"Geary, randomisation":   func(j int) float64 { return geary[j].PRand },
		"permutation, greater":   func(j int) float64 { return shuffled[j].Greater },
		"permutation, two-sided": func(j int) float64 { return shuffled[j].TwoSided },
	} {
		for _, level := range []float64{0.05, 0.2} {
			hits := 0.0
			for j := range genes {
				if p(j) <= level {
					hits++
				}
			}
			if rate, se := hits/genes, math.Sqrt(level*(1-level)/genes); math.Abs(rate-level) > 4*se {
				t.Errorf("%s: %.4f of p at most %g, want within %.4f of it", name, rate, level, 4*se)
			}
		}
	}
}

func TestPermuteSameOnAnyNumberOfCores(t *testing.T) {
	const seed = 55
	t.Logf("seed %d", seed)
	g := ragged(t, rand.New(rand.NewPCG(seed, 0)), 90)
	x := counts(rand.New(rand.NewPCG(seed, 1)), 90, 300)
	type all struct {
		dense, sparse []moran.Permuted
		local         *moran.Local
	}
	run := func(cores int) (a all) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		o := func() moran.Permutations { return moran.Permutations{N: 100, Rand: rand.New(rand.NewPCG(seed, 2))} }
		var err error
		if a.dense, err = moran.Permute(context.Background(), x, g, o()); err != nil {
			t.Fatal(err)
		}
		if a.sparse, err = moran.PermuteSparse(context.Background(), toSparse(x), g, o()); err != nil {
			t.Fatal(err)
		}
		v := make([]float64, 90)
		for i := range v {
			v[i] = float64(i * i % 17)
		}
		if a.local, err = moran.LocalPermute(v, g, o()); err != nil {
			t.Fatal(err)
		}
		return a
	}
	one, four := run(1), run(4)
	for j := range one.dense { // NaN of a constant gene is not equal to itself
		a, b := one.dense[j], one.sparse[j]
		if math.IsNaN(a.I) != math.IsNaN(b.I) || !math.IsNaN(a.I) && (a.Greater != b.Greater || a.TwoSided != b.TwoSided) {
			t.Errorf("gene %d: dense %+v, sparse %+v", j, a, b)
		}
		if math.IsNaN(a.I) {
			one.dense[j], four.dense[j], one.sparse[j], four.sparse[j] = moran.Permuted{}, moran.Permuted{}, moran.Permuted{}, moran.Permuted{}
		}
	}
	same := func(a, b []float64) bool {
		return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) })
	}
	if !reflect.DeepEqual(one.dense, four.dense) || !reflect.DeepEqual(one.sparse, four.sparse) || !same(one.local.PSim, four.local.PSim) {
		t.Error("the result depends on the number of cores")
	}
}

func TestPermuteErrors(t *testing.T) {
	g, err := neighbor.FromRows([][]int{{1}, {0}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := moran.Permute(ctx, dense.New[float64](2, 1), g, moran.Permutations{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := moran.Permute(context.Background(), dense.New[float64](2, 1), g, moran.Permutations{N: -1}); err == nil {
		t.Error("-1 permutations: no error")
	}
	if _, err := moran.Permute(context.Background(), dense.New[float64](3, 1), g, moran.Permutations{}); err == nil {
		t.Error("a graph of other spots: no error")
	}
	empty := &sparse.CSR{Rows: 2, Cols: 1, IndPtr: []int64{0, 0}}
	if _, err := moran.PermuteSparse(context.Background(), empty, g, moran.Permutations{}); err == nil {
		t.Error("malformed sparse matrix: no error")
	}
	for _, x := range [][]float64{{1, math.NaN()}, {math.Inf(1), 0}, {1}} {
		if _, err := moran.LocalI(x, g); err == nil {
			t.Errorf("local I of %v: no error", x)
		}
	}
	if _, err := moran.LocalPermute([]float64{1, 2}, g, moran.Permutations{N: -1}); err == nil {
		t.Error("local, -1 permutations: no error")
	}
	var events []progress.Event
	res, err := moran.Permute(context.Background(), dense.New[float64](2, 1), g, moran.Permutations{N: 100, Progress: func(e progress.Event) { events = append(events, e) }})
	if len(events) != 2 || events[1].Done != 100 || events[1].Total != 100 {
		t.Errorf("progress %v, want two batches up to 100", events)
	}
	if err != nil || !math.IsNaN(res[0].I) || !math.IsNaN(res[0].Greater) {
		t.Errorf("constant gene: %+v, %v", res, err)
	}
}

func TestLocalEqualsEsda(t *testing.T) {
	for _, c := range esdaCases {
		g, n := c.graph(t), float64(len(c.y))
		l, err := moran.LocalI(c.y, g)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(l.Quadrant, c.quadrant) {
			t.Errorf("%s: quadrants %v, want %v", c.reason, l.Quadrant, c.quadrant)
		}
		var sum float64
		for i := range c.y {
			goldentest.Near(t, 1e-13, l.I[i], c.is[i], "%s: I of spot %d", c.reason, i)
			goldentest.Near(t, 1e-12, l.EI[i]*n/(n-1), c.eic[i], "%s: mean of spot %d", c.reason, i)
			goldentest.NearRelative(t, 1e-10, l.Var[i]*n*n/(n-1)/(n-1), c.vic[i], "%s: variance of spot %d", c.reason, i)
			sum += l.I[i]
		}
		all, err := moran.I(oneGene(c.y), g)
		if err != nil {
			t.Fatal(err)
		}
		goldentest.Near(t, 1e-12, sum, (n-1)*all[0], "%s: sum of local I, every spot having neighbours", c.reason)
	}
}

// TestLocalPSim compares with the p of all draws of a spot's neighbours from
// the other spots, of which there are up to 27,132. (p_sim of
// esda.Moran_Local, 99,999 permutations, is within 0.022 of it: it compares
// without slack for rounding, and these values tie.)
func TestLocalPSim(t *testing.T) {
	const seed, n = 56, 20_000
	t.Logf("seed %d", seed)
	c := esdaCases[0]
	g := c.graph(t)
	l, err := moran.LocalPermute(c.y, g, moran.Permutations{N: n, Rand: rand.New(rand.NewPCG(seed, 0))})
	if err != nil {
		t.Fatal(err)
	}
	var mean float64
	for _, v := range c.y {
		mean += v / float64(len(c.y))
	}
	for i := range c.y {
		observed, d := 0.0, len(g.Of(i))
		for _, j := range g.Of(i) {
			observed += c.y[j] - mean
		}
		sign := math.Copysign(1, c.y[i]-mean)
		reached, total := 0.0, 0.0
		var choose func(from, left int, sum float64)
		choose = func(from, left int, sum float64) {
			if left == 0 {
				total++
				if sign*sum >= sign*observed-1e-12 {
					reached++
				}
				return
			}
			for j := from; j < len(c.y); j++ {
				if j != i {
					choose(j+1, left-1, sum+c.y[j]-mean)
				}
			}
		}
		choose(0, d, 0)
		want := min(reached, total-reached) / total
		goldentest.Near(t, 0.018, l.PSim[i], want, "p of spot %d with %d neighbours", i, d) // 5 standard errors of 0.0035
	}
}

// TestLocalMoments holds mean and variance against all draws of two of the
// other four spots.
func TestLocalMoments(t *testing.T) {
	g, err := neighbor.FromRows([][]int{{1, 2}, {0, 3}, {3, 4}, {4, 0}, {}})
	if err != nil {
		t.Fatal(err)
	}
	x := []float64{1, 5, -2, 0.5, 9}
	l, err := moran.LocalI(x, g)
	if err != nil {
		t.Fatal(err)
	}
	var mean, z2 float64
	for _, v := range x {
		mean += v / 5
	}
	for _, v := range x {
		z2 += (v - mean) * (v - mean)
	}
	for i := range 4 {
		var sum, sum2, count float64
		for a := range x {
			for b := range a {
				if a != i && b != i {
					v := 4 / z2 * (x[i] - mean) * (x[a] + x[b] - 2*mean) / 2
					sum, sum2, count = sum+v, sum2+v*v, count+1
				}
			}
		}
		goldentest.Near(t, 1e-12, l.EI[i], sum/count, "mean of spot %d over %g draws", i, count)
		goldentest.Near(t, 1e-12, l.Var[i], sum2/count-sum/count*sum/count, "variance of spot %d", i)
	}
	if l.I[4] != 0 || !math.IsNaN(l.P[4]) {
		t.Errorf("a spot without neighbours: I %g, p %g", l.I[4], l.P[4])
	}
	flat, err := moran.LocalPermute(make([]float64, 5), g, moran.Permutations{N: 9})
	if err != nil || !math.IsNaN(flat.I[0]) || !math.IsNaN(flat.P[0]) || !math.IsNaN(flat.PSim[0]) || flat.Quadrant[0] != moran.LowLow {
		t.Errorf("a constant gene: %+v, %v", flat, err)
	}
}

func TestBenjaminiHochberg(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		reason  string
		p, want []float64
	}{
		// R 4: p.adjust(c(0.01, 0.04, 0.03, 0.005, 0.9), "BH")
		{"as R", []float64{0.01, 0.04, 0.03, 0.005, 0.9}, []float64{0.025, 0.05, 0.05, 0.025, 0.9}},
		{"a greater p with a smaller bound lowers those before it", []float64{0.02, 0.021}, []float64{0.021, 0.021}},
		{"never above 1", []float64{0.9, 1}, []float64{1, 1}},
		{"NaN is no test", []float64{nan, 0.02, nan, 0.5}, []float64{nan, 0.04, nan, 0.5}},
		{"ties", []float64{0.2, 0.2}, []float64{0.2, 0.2}},
		{"0 stays", []float64{0, 1e-300}, []float64{0, 1e-300}},
		{"none", nil, nil},
	} {
		before := slices.Clone(c.p)
		got := moran.BenjaminiHochberg(c.p)
		if len(got) != len(c.want) {
			t.Fatalf("%s: %v", c.reason, got)
		}
		for i, w := range c.want {
			goldentest.Near(t, 1e-15, got[i], w, "%s: %d", c.reason, i)
			if c.p[i] != before[i] && !math.IsNaN(before[i]) {
				t.Errorf("%s: p was changed", c.reason)
			}
		}
	}
}

// TestExtremeP checks p far out: 1-Φ(z) is 0 there, this is not.
func TestExtremeP(t *testing.T) {
	const n = 24
	g := torus(t, n)
	x := dense.New[float64](n*n, 1)
	for i := range x.Data {
		x.Data[i] = math.Sin(2 * math.Pi * float64(i%n) / n)
	}
	res, err := moran.Test(x, g)
	if err != nil {
		t.Fatal(err)
	}
	r := res[0]
	if !(r.ZNorm > 30) {
		t.Fatalf("z = %g: not far out", r.ZNorm)
	}
	// Mills: the tail is φ(z)/z·(1-1/z²+3/z⁴-…), so log p is known to 1e-5.
	z := r.ZNorm
	want := math.Log(2) - z*z/2 - math.Log(z) - math.Log(2*math.Pi)/2 + math.Log1p(-1/(z*z)+3/(z*z*z*z))
	if got := math.Log(r.PNorm); !(math.Abs(got-want) < 1e-5) {
		t.Errorf("z = %g: log p = %g, want %g", z, got, want)
	}
	anti := dense.New[float64](n*n, 1)
	for i := range anti.Data {
		anti.Data[i] = float64((i + i/n) % 2)
	}
	res, err = moran.Test(anti, g)
	if err != nil {
		t.Fatal(err)
	}
	if r := res[0]; !(r.ZNorm < -30 && r.PNorm < 1e-200 && r.PRand < 1e-200) {
		t.Errorf("a checkerboard is as far out on the other side: %+v", r)
	}
}
