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

// slideFile writes a made-up slide of the size of a real one, 4,965 x 18,000
// with 5.6 million counts: the size at which anndata's own reader was timed.
func slideFile(b *testing.B) string {
	const spots, genes, perSpot = 4965, 18000, 1130
	r := rand.New(rand.NewPCG(1, 2))
	s := &Sparse{Rows: spots, Cols: genes, IndPtr: []int64{0}}
	data := make([]float32, 0, spots*perSpot)
	for range spots {
		step := 2 * genes / perSpot
		for j := r.IntN(step); j < genes; j += 1 + r.IntN(step-1) {
			s.Indices, data = append(s.Indices, int32(j)), append(data, float32(1+int(r.ExpFloat64())))
		}
		s.IndPtr = append(s.IndPtr, int64(len(data)))
	}
	s.Data = data
	a := &AnnData{X: s, Obs: &Frame{}, Var: &Frame{}}
	for i := range spots {
		a.Obs.Index = append(a.Obs.Index, fmt.Sprint("spot", i))
	}
	for i := range genes {
		a.Var.Index = append(a.Var.Index, fmt.Sprint("gene", i))
	}
	p := filepath.Join(b.TempDir(), "slide.h5ad")
	if err := Write(p, a, WriteOptions{}); err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkReadSlide reads a gzip file of a whole slide; the line "B/op" is
// what anndata.read_h5ad needs 74 MB for.
func BenchmarkReadSlide(b *testing.B) {
	p := slideFile(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(p); err != nil {
			b.Fatal(err)
		}
	}
}
