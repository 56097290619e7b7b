package neighbor_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// bruteForce ranks all other spots (of i's group) by distance, then index.
func bruteForce(x, y []float64, group []int, i, k int) (idx []int32, dist []float64) {
	type ranked struct {
		d2   float64
		spot int32
	}
	var all []ranked
	for j := range x {
		if j != i && (group == nil || group[i] == group[j]) {
			dx, dy := x[i]-x[j], y[i]-y[j]
			all = append(all, ranked{float64(dx*dx) + float64(dy*dy), int32(j)})
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.d2, b.d2), cmp.Compare(a.spot, b.spot))
	})
	for _, r := range all[:min(k, len(all))] {
		idx, dist = append(idx, r.spot), append(dist, math.Sqrt(r.d2))
	}
	return idx, dist
}

type layout struct {
	reason string
	x, y   []float64
}

func layouts(rng *rand.Rand) []layout {
	square, hex := layout{reason: "square grid: every distance ties"}, layout{reason: "hexagonal grid, shuffled like barcodes"}
	for r := range 13 {
		for c := range 11 {
			square.x, square.y = append(square.x, float64(c)), append(square.y, float64(r))
			hex.x, hex.y = append(hex.x, 100*(float64(c)+0.5*float64(r%2))), append(hex.y, 100*math.Sqrt(0.75)*float64(r))
		}
	}
	rng.Shuffle(len(hex.x), func(i, j int) {
		hex.x[i], hex.x[j] = hex.x[j], hex.x[i]
		hex.y[i], hex.y[j] = hex.y[j], hex.y[i]
	})
	random := layout{reason: "scattered"}
	clusters := layout{reason: "two far clusters and one stray spot: a bucket grid would hold each in one bucket"}
	doubled := layout{reason: "few distinct places: distance 0 ties"}
	line := layout{reason: "all on one vertical line"}
	for i := range 150 {
		random.x, random.y = append(random.x, rng.Float64()), append(random.y, rng.Float64())
		clusters.x = append(clusters.x, rng.Float64()+1e6*float64(i%2))
		clusters.y = append(clusters.y, rng.Float64())
		doubled.x, doubled.y = append(doubled.x, float64(rng.IntN(3))), append(doubled.y, float64(rng.IntN(3)))
		line.x, line.y = append(line.x, 5), append(line.y, float64(rng.IntN(60)))
	}
	clusters.x, clusters.y = append(clusters.x, -1e9), append(clusters.y, 1e9)
	return []layout{
		square, hex, random, clusters, doubled, line,
		{reason: "no spot"},
		{reason: "one spot", x: []float64{1}, y: []float64{2}},
		{reason: "two spots", x: []float64{1, 5}, y: []float64{2, 2}},
		{reason: "squared distances overflow to +Inf and tie", x: []float64{-1e300, 0, 1e300, 1e308}, y: []float64{0, 1, 2, -1e308}},
	}
}

func TestKNNEqualsBruteForce(t *testing.T) {
	const seed = 1
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, l := range layouts(rng) {
		group := make([]int, len(l.x))
		for i := range group {
			group[i] = 7 - 3*rng.IntN(3)
		}
		for _, k := range []int{0, 1, 6, 18, 1000} {
			g, err := neighbor.KNN(l.x, l.y, k)
			if err != nil {
				t.Fatalf("%s: %v", l.reason, err)
			}
			within, err := neighbor.KNNWithin(l.x, l.y, group, k)
			if err != nil {
				t.Fatalf("%s: %v", l.reason, err)
			}
			idx, dist, err := neighbor.KNNSorted(l.x, l.y, k)
			if err != nil {
				t.Fatalf("%s: %v", l.reason, err)
			}
			for _, g := range []*neighbor.Graph{g, within} {
				if err := g.Check(); err != nil || g.Len() != len(l.x) {
					t.Fatalf("%s, k=%d: %d spots, %v", l.reason, k, g.Len(), err)
				}
			}
			for i := range l.x {
				want, wantDist := bruteForce(l.x, l.y, nil, i, k)
				got := idx[i*k : i*k+len(want)]
				if !slices.Equal(got, want) || !slices.Equal(dist[i*k:i*k+len(want)], wantDist) {
					t.Fatalf("%s, k=%d: spot %d: sorted neighbours %v, want %v", l.reason, k, i, got, want)
				}
				for r := len(want); r < k; r++ {
					if idx[i*k+r] != -1 || !math.IsInf(dist[i*k+r], 1) {
						t.Fatalf("%s, k=%d: spot %d: padding %d at %g", l.reason, k, i, idx[i*k+r], dist[i*k+r])
					}
				}
				slices.Sort(want)
				if !slices.Equal(g.Of(i), want) {
					t.Fatalf("%s, k=%d: spot %d: neighbours %v, want %v", l.reason, k, i, g.Of(i), want)
				}
				want, _ = bruteForce(l.x, l.y, group, i, k)
				slices.Sort(want)
				if !slices.Equal(within.Of(i), want) {
					t.Fatalf("%s, k=%d: spot %d: neighbours of its group %v, want %v", l.reason, k, i, within.Of(i), want)
				}
			}
		}
	}
}

func TestErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		reason string
		x, y   []float64
		group  []int
		k      int
	}{
		{"lengths differ", []float64{1, 2}, []float64{1}, nil, 1},
		{"negative k", []float64{1, 2}, []float64{1, 2}, nil, -1},
		{"NaN x", []float64{1, nan}, []float64{1, 2}, nil, 1},
		{"NaN y", []float64{1, 2}, []float64{nan, 2}, nil, 1},
		{"infinite x", []float64{-inf, 1}, []float64{1, 2}, nil, 1},
		{"infinite y", []float64{1, 1}, []float64{1, inf}, nil, 1},
		{"a group number is missing", []float64{1, 2}, []float64{1, 2}, []int{0}, 1},
	} {
		if _, err := neighbor.KNNWithin(c.x, c.y, c.group, c.k); err == nil {
			t.Errorf("%s: KNNWithin gives no error", c.reason)
		}
		if c.group != nil {
			continue
		}
		if _, err := neighbor.KNN(c.x, c.y, c.k); err == nil {
			t.Errorf("%s: KNN gives no error", c.reason)
		}
		if _, _, err := neighbor.KNNSorted(c.x, c.y, c.k); err == nil {
			t.Errorf("%s: KNNSorted gives no error", c.reason)
		}
		if p := neighbor.Pitch(c.x, c.y); c.k > 0 && !math.IsNaN(p) {
			t.Errorf("%s: pitch %g, want NaN", c.reason, p)
		}
	}
	if _, _, err := neighbor.KNNSorted([]float64{1, 2}, []float64{1, 2}, math.MaxInt); err == nil {
		t.Error("a table that cannot be: no error")
	}
	if _, err := neighbor.KNN([]float64{1, 2}, []float64{1, 2}, math.MaxInt); err != nil {
		t.Errorf("all others: %v", err)
	}
}

func TestFromRows(t *testing.T) {
	g, err := neighbor.FromRows([][]int{{2, 1}, nil, {0}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(g.Of(0), []int32{1, 2}) || len(g.Of(1)) != 0 || !slices.Equal(g.Of(2), []int32{0}) {
		t.Errorf("got %+v", g)
	}
	for _, c := range []struct {
		reason string
		rows   [][]int
	}{
		{"a spot is its own neighbour", [][]int{{0}, {0}}},
		{"a neighbour is named twice", [][]int{{1, 1}, {0}}},
		{"no such spot", [][]int{{2}, {0}}},
		{"negative spot", [][]int{{-1}, {0}}},
	} {
		if _, err := neighbor.FromRows(c.rows); err == nil {
			t.Errorf("%s: no error", c.reason)
		}
	}
	for _, c := range []struct {
		reason string
		g      neighbor.Graph
	}{
		{"no offsets", neighbor.Graph{}},
		{"offsets fall", neighbor.Graph{Start: []int32{0, 2, 1}, Index: []int32{1}}},
		{"offsets end early", neighbor.Graph{Start: []int32{0, 1, 1}, Index: []int32{1, 0}}},
		{"offsets run over", neighbor.Graph{Start: []int32{0, 5, 1}, Index: []int32{1}}},
		{"offsets start late", neighbor.Graph{Start: []int32{1, 1, 1}, Index: []int32{1}}},
	} {
		if err := c.g.Check(); err == nil {
			t.Errorf("%s: no error", c.reason)
		}
	}
}

// reach counts steps from spot i by repeated relaxation, the slow way.
func reach(g *neighbor.Graph, i int) []int {
	steps := make([]int, g.Len())
	for j := range steps {
		steps[j] = math.MaxInt32
	}
	steps[i] = 0
	for changed := true; changed; {
		changed = false
		for j := range steps {
			for _, k := range g.Of(j) {
				if s := steps[j] + 1; s < steps[k] {
					steps[k], changed = s, true
				}
			}
		}
	}
	return steps
}

func TestRingsAndWindow(t *testing.T) {
	const seed = 2
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, l := range layouts(rng) {
		g, err := neighbor.KNN(l.x, l.y, 1+rng.IntN(6))
		if err != nil {
			t.Fatal(err)
		}
		const hops = 4
		rings, window := g.Rings(hops), g.Window(hops)
		if err := window.Check(); err != nil {
			t.Fatalf("%s: %v", l.reason, err)
		}
		for i := range g.Len() {
			steps := reach(g, i)
			var all []int32
			want := make([][]int32, hops)
			for j, s := range steps {
				if s >= 1 && s <= hops {
					all = append(all, int32(j))
					want[s-1] = append(want[s-1], int32(j))
				}
			}
			if !slices.Equal(window.Of(i), all) {
				t.Fatalf("%s: window of %d is %v, want %v", l.reason, i, window.Of(i), all)
			}
			for h, r := range rings {
				if !slices.Equal(r.Of(i), want[h]) {
					t.Fatalf("%s: ring %d of %d is %v, want %v", l.reason, h+1, i, r.Of(i), want[h])
				}
			}
		}
	}
}

func TestWindowSizesOfTheHexagonalGrid(t *testing.T) {
	x, y := hexagons(21, 21)
	g, err := neighbor.KNN(x, y, 6)
	if err != nil {
		t.Fatal(err)
	}
	centre := 10*21 + 10
	for hops, want := range []int{0, 6, 18, 36, 60} {
		if got := len(g.Window(hops).Of(centre)); got != want {
			t.Errorf("%d hops reach %d spots, want %d", hops, got, want)
		}
	}
	if n := len(g.Window(-1).Index); n != 0 {
		t.Errorf("-1 hops reach %d spots", n)
	}
}

func TestTranspose(t *testing.T) {
	x, y := hexagons(9, 7)
	g, err := neighbor.KNN(x, y, 6)
	if err != nil {
		t.Fatal(err)
	}
	tr := g.Transpose()
	if err := tr.Check(); err != nil {
		t.Fatal(err)
	}
	for i := range g.Len() {
		for j := range g.Len() {
			if slices.Contains(g.Of(i), int32(j)) != slices.Contains(tr.Of(j), int32(i)) {
				t.Fatalf("edge %d-%d is not turned round", i, j)
			}
		}
	}
	if back := tr.Transpose(); !slices.Equal(back.Index, g.Index) || !slices.Equal(back.Start, g.Start) {
		t.Error("transposed twice is not the graph")
	}
}

func TestPitch(t *testing.T) {
	x, y := hexagons(20, 20)
	for _, c := range []struct {
		reason string
		x, y   []float64
		want   float64
	}{
		{"hexagonal grid", x, y, 100},
		{"a stray and a doubled spot do not matter", append(slices.Clone(x), 1e7, x[0]), append(slices.Clone(y), 0, y[0]), 100},
		{"two spots", []float64{0, 3}, []float64{0, 4}, 5},
		{"one spot has no pitch", []float64{0}, []float64{0}, math.NaN()},
		{"nor has none", nil, nil, math.NaN()},
	} {
		got := neighbor.Pitch(c.x, c.y)
		if !(math.Abs(got-c.want) < 1e-9 || math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s: pitch %g, want %g", c.reason, got, c.want)
		}
	}
}

// hexagons returns the centres of a hexagonal grid with pitch 100.
func hexagons(rows, cols int) (x, y []float64) {
	for r := range rows {
		for c := range cols {
			x = append(x, 100*(float64(c)+0.5*float64(r%2)))
			y = append(y, 100*math.Sqrt(0.75)*float64(r))
		}
	}
	return x, y
}

func BenchmarkKNN(b *testing.B) {
	x, y := hexagons(78, 64) // 4,992 spots, a full Visium array
	for _, k := range []int{6, 18} {
		b.Run(map[int]string{6: "6of4992", 18: "18of4992"}[k], func(b *testing.B) {
			for b.Loop() {
				if _, err := neighbor.KNN(x, y, k); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWindow(b *testing.B) {
	x, y := hexagons(78, 64)
	g, err := neighbor.KNN(x, y, 6)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		g.Window(4)
	}
}
