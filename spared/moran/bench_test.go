package moran_test

import (
	"context"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/moran"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// visium returns the graph of a full Visium array (78 x 64 = 4,992 spots) in
// the order of barcodes, that is at random.
func visium(b *testing.B) *neighbor.Graph {
	rng := rand.New(rand.NewPCG(1, 2))
	var x, y []float64
	for r := range 78 {
		for c := range 64 {
			x = append(x, 100*(float64(c)+0.5*float64(r%2)))
			y = append(y, 100*math.Sqrt(0.75)*float64(r))
		}
	}
	rng.Shuffle(len(x), func(i, j int) { x[i], x[j], y[i], y[j] = x[j], x[i], y[j], y[i] })
	g, err := neighbor.KNN(x, y, 6)
	if err != nil {
		b.Fatal(err)
	}
	return g
}

func BenchmarkI(b *testing.B) {
	g := visium(b)
	rng := rand.New(rand.NewPCG(1, 1))
	x := dense.New[float32](g.Len(), 18000)
	for i := range x.Data {
		x.Data[i] = rng.Float32()
	}
	b.SetBytes(int64(4 * len(x.Data)))
	defer cpu(b)()
	for b.Loop() {
		if _, err := moran.I(x, g); err != nil {
			b.Fatal(err)
		}
	}
}

// cpu reports the CPU seconds of the process per round, which a busy machine
// changes less than it does the time on the clock.
func cpu(b *testing.B) (report func()) {
	start := used()
	return func() { b.ReportMetric((used()-start)/float64(b.N), "cpu-s/op") }
}

func used() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + 1e-6*float64(u.Utime.Usec+u.Stime.Usec)
}

func BenchmarkISparse(b *testing.B) {
	g := visium(b)
	rng := rand.New(rand.NewPCG(1, 1))
	x := &sparse.CSR{Rows: g.Len(), Cols: 18000, IndPtr: []int64{0}}
	for range x.Rows {
		for j := range x.Cols {
			if rng.IntN(10) == 0 {
				x.Indices, x.Data = append(x.Indices, int32(j)), append(x.Data, rng.Float32())
			}
		}
		x.IndPtr = append(x.IndPtr, int64(len(x.Data)))
	}
	defer cpu(b)()
	for b.Loop() {
		if _, err := moran.ISparse(x, g); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPermute shuffles 999 times: 128 genes, as many as a data set keeps.
func BenchmarkPermute(b *testing.B) {
	g := visium(b)
	rng := rand.New(rand.NewPCG(1, 1))
	x := dense.New[float32](g.Len(), 128)
	for i := range x.Data {
		x.Data[i] = max(0, rng.Float32()-0.9)
	}
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"dense", func() error {
			_, err := moran.Permute(context.Background(), x, g, moran.Permutations{})
			return err
		}},
		{"sparse", func() error {
			_, err := moran.PermuteSparse(context.Background(), toSparse(x), g, moran.Permutations{})
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				if err := c.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLocalPermute(b *testing.B) {
	g := visium(b)
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float64, g.Len())
	for i := range x {
		x[i] = rng.Float64()
	}
	defer cpu(b)()
	for b.Loop() {
		if _, err := moran.LocalPermute(x, g, moran.Permutations{}); err != nil {
			b.Fatal(err)
		}
	}
}
