package h5ad

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// The size of the benchmarks: a slide of 4,000 spots, 2,000 genes, of whose
// counts a tenth is not zero.
const benchSpots, benchGenes = 4000, 2000

// benchData is log2(TPM+1)-like: a third of the dense values is zero.
func benchData() (dense *Array, counts *Sparse) {
	r := rand.New(rand.NewPCG(1, 1))
	d := make([]float32, benchSpots*benchGenes)
	for i := range d {
		if r.IntN(3) > 0 {
			d[i] = float32(math.Log2(1 + 1000*r.ExpFloat64()))
		}
	}
	s := &Sparse{Rows: benchSpots, Cols: benchGenes, IndPtr: []int64{0}}
	var data []float32
	for range benchSpots {
		for j := range benchGenes {
			if r.IntN(10) == 0 {
				s.Indices = append(s.Indices, int32(j))
				data = append(data, float32(1+int(r.ExpFloat64()*2)))
			}
		}
		s.IndPtr = append(s.IndPtr, int64(len(data)))
	}
	s.Data = data
	return &Array{Shape: []int{benchSpots, benchGenes}, Data: d}, s
}

func benchFile(x any) *AnnData {
	names := func(prefix string, n int) []string {
		s := make([]string, n)
		for i := range s {
			s[i] = fmt.Sprint(prefix, i)
		}
		return s
	}
	return &AnnData{X: x, Obs: &Frame{Index: names("spot", benchSpots)}, Var: &Frame{Index: names("gene", benchGenes)}}
}

func benchEach(b *testing.B, run func(b *testing.B, a *AnnData, o WriteOptions, path string)) {
	dense, counts := benchData()
	for _, c := range []struct {
		name string
		a    *AnnData
		o    WriteOptions
	}{
		{"dense/gzip", benchFile(dense), WriteOptions{}},
		{"dense/plain", benchFile(dense), WriteOptions{Gzip: NoCompression}},
		{"sparse/gzip", benchFile(counts), WriteOptions{}},
		{"sparse/plain", benchFile(counts), WriteOptions{Gzip: NoCompression}},
	} {
		b.Run(c.name, func(b *testing.B) { run(b, c.a, c.o, filepath.Join(b.TempDir(), "x.h5ad")) })
	}
}

func BenchmarkRead(b *testing.B) {
	benchEach(b, func(b *testing.B, a *AnnData, o WriteOptions, path string) {
		if err := Write(path, a, o); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Read(path); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	benchEach(b, func(b *testing.B, a *AnnData, o WriteOptions, path string) {
		b.ReportAllocs()
		for b.Loop() {
			if err := Write(path, a, o); err != nil {
				b.Fatal(err)
			}
		}
		st, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(st.Size())/1e6, "MB")
	})
}
