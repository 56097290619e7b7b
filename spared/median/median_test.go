package median_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/median"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// naive follows the definition word by word.
func naive(x dense.Matrix[float64], g *neighbor.Graph, hops int) (dense.Matrix[float64], median.Stats) {
	out := x.Clone()
	s := median.Stats{Ring: make([][]int, hops), Fallback: make([]int, x.Cols), Empty: make([]int, x.Cols), NonZero: make([]float64, x.Cols)}
	window := make([]*neighbor.Graph, hops)
	for h := range hops {
		s.Ring[h] = make([]int, x.Cols)
		window[h] = g.Window(h + 1)
	}
	for j := range x.Cols {
		var nonzero []float64
		for i := range x.Rows {
			if v := x.At(i, j); v != 0 {
				nonzero = append(nonzero, v)
			}
		}
		if len(nonzero) > 0 {
			s.NonZero[j] = sortedMedian(nonzero)
		}
	spots:
		for i := range x.Rows {
			if x.At(i, j) != 0 {
				continue
			}
			for h, w := range window {
				v := []float64{x.At(i, j)}
				for _, k := range w.Of(i) {
					v = append(v, x.At(int(k), j))
				}
				if m := sortedMedian(v); m != 0 {
					out.Set(i, j, m)
					s.Ring[h][j]++
					continue spots
				}
			}
			out.Set(i, j, s.NonZero[j])
			if len(nonzero) == 0 {
				s.Empty[j]++
			} else {
				s.Fallback[j]++
			}
		}
	}
	return out, s
}

func sortedMedian(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

type shape struct {
	reason string
	graph  func(rng *rand.Rand) *neighbor.Graph
}

var shapes = []shape{
	{"hexagonal grid, 6 nearest", func(*rand.Rand) *neighbor.Graph {
		var x, y []float64
		for r := range 12 {
			for c := range 10 {
				x, y = append(x, float64(c)+0.5*float64(r%2)), append(y, math.Sqrt(0.75)*float64(r))
			}
		}
		g, err := neighbor.KNN(x, y, 6)
		if err != nil {
			panic(err)
		}
		return g
	}},
	{"ragged: 0 to 9 neighbours, one-way, some spots out of reach", func(rng *rand.Rand) *neighbor.Graph {
		rows := make([][]int, 90)
		for i := range rows {
			for _, j := range rng.Perm(len(rows))[:rng.IntN(10)] {
				if j != i {
					rows[i] = append(rows[i], j)
				}
			}
		}
		g, err := neighbor.FromRows(rows)
		if err != nil {
			panic(err)
		}
		return g
	}},
	{"no edges", func(*rand.Rand) *neighbor.Graph { return &neighbor.Graph{Start: make([]int32, 21)} }},
	{"everyone knows everyone: windows of 200", func(*rand.Rand) *neighbor.Graph {
		rows := make([][]int, 200)
		for i := range rows {
			for j := range rows {
				if i != j {
					rows[i] = append(rows[i], j)
				}
			}
		}
		g, _ := neighbor.FromRows(rows)
		return g
	}},
}

// values draws genes from all zero to none zero, with ties; every fifth gene
// also has negative values if asked.
func values(rng *rand.Rand, spots, genes int, negative bool) dense.Matrix[float64] {
	x := dense.New[float64](spots, genes)
	for j := range genes {
		density := rng.Float64()
		switch rng.IntN(8) {
		case 0:
			density = 0
		case 1:
			density = 1
		}
		for i := range spots {
			if rng.Float64() < density {
				v := float64(1 + rng.IntN(7))
				if rng.IntN(2) == 0 {
					v = rng.ExpFloat64()
				}
				if negative && j%5 == 0 && rng.IntN(3) == 0 {
					v = -v
				}
				x.Set(i, j, v)
			}
		}
	}
	return x
}

func TestCompleteEqualsDefinition(t *testing.T) {
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 5))
		for _, s := range shapes {
			for hops := range 6 {
				g := s.graph(rng)
				x := values(rng, g.Len(), 150, seed%2 == 1)
				before := x.Clone()
				got, stats, err := median.Complete(context.Background(), x, g, hops)
				if err != nil {
					t.Fatalf("seed %d, %s: %v", seed, s.reason, err)
				}
				want, wantStats := naive(x, g, hops)
				if !slices.Equal(got.Data, want.Data) {
					t.Fatalf("seed %d, %s, %d hops: values differ from the definition", seed, s.reason, hops)
				}
				if !reflect.DeepEqual(stats, wantStats) {
					t.Fatalf("seed %d, %s, %d hops: counts differ from the definition", seed, s.reason, hops)
				}
				if !slices.Equal(x.Data, before.Data) {
					t.Fatalf("seed %d, %s: the input was changed", seed, s.reason)
				}
			}
		}
	}
}

func TestFloat32AndStride(t *testing.T) {
	const seed = 6
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	g := shapes[0].graph(rng)
	x := values(rng, g.Len(), 70, false)
	for i, v := range x.Data {
		x.Data[i] = float64(float32(v))
	}
	want, _ := naive(x, g, 4)
	wide := dense.Matrix[float32]{Rows: x.Rows, Cols: x.Cols, Stride: 75, Data: make([]float32, 75*x.Rows)}
	for i := range wide.Data {
		wide.Data[i] = float32(math.NaN()) // outside the matrix: must not be read
	}
	for i := range x.Rows {
		for j, v := range x.Row(i) {
			wide.Set(i, j, float32(v))
		}
	}
	got, _, err := median.Complete(context.Background(), wide, g, 4)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got.Data {
		if v != float32(want.Data[i]) {
			t.Fatalf("entry %d: %g, want %g", i, v, want.Data[i])
		}
	}
}

func TestSameBytesOnAnyNumberOfCores(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	g := shapes[0].graph(rng)
	x := values(rng, g.Len(), 400, true)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, oneStats, err := median.Complete(context.Background(), x, g, 3)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GOMAXPROCS(4)
	four, fourStats, err := median.Complete(context.Background(), x, g, 3)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(one.Data, four.Data) || !reflect.DeepEqual(oneStats, fourStats) {
		t.Error("the result depends on the number of cores")
	}
}

func TestErrors(t *testing.T) {
	g, err := neighbor.FromRows([][]int{{1}, {0}})
	if err != nil {
		t.Fatal(err)
	}
	nan := dense.New[float64](2, 2)
	nan.Set(1, 1, math.NaN())
	for _, c := range []struct {
		reason string
		x      dense.Matrix[float64]
		g      *neighbor.Graph
		hops   int
	}{
		{"negative hops", dense.New[float64](2, 2), g, -1},
		{"graph of other spots", dense.New[float64](3, 2), g, 1},
		{"malformed graph", dense.New[float64](2, 2), &neighbor.Graph{Start: []int32{0, 1, 2}, Index: []int32{5, 0}}, 1},
		{"malformed matrix", dense.Matrix[float64]{Rows: 2, Cols: 2, Stride: 2, Data: make([]float64, 3)}, g, 1},
		{"NaN", nan, g, 1},
	} {
		if _, _, err := median.Complete(context.Background(), c.x, c.g, c.hops); err == nil {
			t.Errorf("%s: no error", c.reason)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := median.Complete(ctx, dense.New[float64](2, 2), g, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if out, _, err := median.Complete(context.Background(), dense.New[float64](0, 3), &neighbor.Graph{Start: []int32{0}}, 4); err != nil || out.Cols != 3 {
		t.Errorf("no spots: %v, %v", out, err)
	}
}

// hexagons returns the 6 nearest neighbours on a hexagonal grid, spots in the
// order of barcodes, that is at random.
func hexagons(b *testing.B, rows, cols int) *neighbor.Graph {
	rng := rand.New(rand.NewPCG(1, 2))
	var x, y []float64
	for r := range rows {
		for c := range cols {
			x, y = append(x, float64(c)+0.5*float64(r%2)), append(y, math.Sqrt(0.75)*float64(r))
		}
	}
	rng.Shuffle(len(x), func(i, j int) { x[i], x[j], y[i], y[j] = x[j], x[i], y[j], y[i] })
	g, err := neighbor.KNN(x, y, 6)
	if err != nil {
		b.Fatal(err)
	}
	return g
}

// BenchmarkComplete completes 4,992 spots x 2,000 genes, by the share of zeros:
// the same for all genes, or spread as on a real slide, where some genes are
// nearly everywhere and most are nearly nowhere; and a whole slide of 18,000.
func BenchmarkComplete(b *testing.B) {
	g := hexagons(b, 78, 64)
	spread := func(rng *rand.Rand) float64 { return math.Pow(rng.Float64(), 9) }
	for _, c := range []struct {
		name    string
		genes   int
		density func(rng *rand.Rand) float64
	}{
		{"zeros=90%", 2000, func(*rand.Rand) float64 { return 0.1 }},
		{"zeros=90%spread", 2000, spread},
		{"zeros=60%", 2000, func(*rand.Rand) float64 { return 0.4 }},
		{"slide", 18000, spread},
	} {
		b.Run(fmt.Sprint(c.name), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			x := dense.New[float32](g.Len(), c.genes)
			for j := range x.Cols {
				d := c.density(rng)
				for i := range x.Rows {
					if rng.Float64() < d {
						x.Set(i, j, 1+rng.Float32())
					}
				}
			}
			b.ResetTimer()
			for b.Loop() {
				if _, _, err := median.Complete(context.Background(), x, g, 4); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
