package spared

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// cpuSeconds is the processor time that this process has used.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// The whole recipe on the eight slides of hippo, after reading. The published
// library takes 207.7 CPU seconds for it, and 12.6 without permutations that
// it throws away.
func BenchmarkCurateHippo(b *testing.B) {
	slides, r := hippoSet(b)
	before := cpuSeconds()
	for b.Loop() {
		if _, err := Curate(context.Background(), slides, r, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpuSeconds()-before)/float64(b.N), "cpu-s/op")
}

// hippoSet returns the eight slides and the recipe with their README's splits.
func hippoSet(tb testing.TB) ([]*slide.Slide, Recipe) {
	var slides []*slide.Slide
	r := Recipe{Order: Released, SpotMin: 500, SpotMax: 100_000, Genes: 128}
	for n := 1; n <= 8; n++ {
		s := hippo(tb, n)
		slides, r.Inputs = append(slides, s), append(r.Inputs, Input{Name: s.Name})
		switch {
		case n <= 4:
			r.Train = append(r.Train, s.Name)
		case n <= 6:
			r.Val = append(r.Val, s.Name)
		default:
			r.Test = append(r.Test, s.Name)
		}
	}
	return slides, r
}

// largeTissue makes a slide as sparse as Visium HD in bins of 8 µm: genes are
// detected in shares of the spots that fall off by rank.
func largeTissue(spots, genes int, seed uint64) *slide.Slide {
	rng := rand.New(rand.NewPCG(seed, 3))
	s := &slide.Slide{Name: "large", Counts: &sparse.CSR{IndPtr: make([]int64, 1, spots+1), Cols: genes}, Organism: "mouse"}
	share := make([]float64, genes)
	expect := 0.0
	for g := range genes {
		s.Genes = append(s.Genes, slide.Gene{ID: fmt.Sprintf("ENSMUSG%011d", g), Feature: "Gene Expression"})
		share[g] = 0.98 * math.Exp(-float64(g)/(0.06*float64(genes)))
		expect += share[g]
	}
	n := int(1.05 * expect * float64(spots))
	s.Counts.Indices, s.Counts.Data = make([]int32, 0, n), make([]float32, 0, n)
	side := int(math.Ceil(math.Sqrt(float64(spots))))
	for i := range spots {
		row, col := i/side, i%side
		s.Barcodes = append(s.Barcodes, "s_008um_"+strconv.Itoa(row)+"_"+strconv.Itoa(col)+"-1")
		s.ArrayRow, s.ArrayCol = append(s.ArrayRow, row), append(s.ArrayCol, col)
		s.X, s.Y = append(s.X, 29*float64(col)), append(s.Y, 29*float64(row))
		s.InTissue = append(s.InTissue, true)
		for g, p := range share {
			if rng.Float64() < p {
				s.Counts.Indices = append(s.Counts.Indices, int32(g))
				s.Counts.Data = append(s.Counts.Data, float32(1+rng.IntN(3)))
			}
		}
		s.Counts.IndPtr = append(s.Counts.IndPtr, int64(len(s.Counts.Data)))
	}
	s.Counts.Rows = spots
	return s
}

// SPATIALGO_LARGE=100000x18000 curates a slide of so many spots and genes and
// says how much memory the process took at most, which must be less than 8
// GB: the bound for Visium HD.
func TestLargeSlide(t *testing.T) {
	size := os.Getenv("SPATIALGO_LARGE")
	if size == "" {
		t.Skip("takes a minute and GBs of memory; SPATIALGO_LARGE=100000x18000 asks for it")
	}
	left, right, _ := strings.Cut(size, "x")
	spots, err1 := strconv.Atoi(left)
	genes, err2 := strconv.Atoi(right)
	if err1 != nil || err2 != nil {
		t.Fatalf("SPATIALGO_LARGE=%s: want SPOTSxGENES", size)
	}
	s := largeTissue(spots, genes, 1)
	nnz := s.Counts.NNZ()
	runtime.GC()
	made := peakRSS(t)
	before, start := cpuSeconds(), time.Now()
	d, err := pipeline(context.Background(), []*slide.Slide{s}, Recipe{Inputs: []Input{{Name: "large"}}, Normalization: CPM}, func(e Event) {
		t.Logf("%s %s [%.1f s, %.2f GB]", e.Step, e.Message, e.Seconds, peakRSS(t))
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	peak := peakRSS(t)
	t.Logf("%d spots x %d genes, %d counts: panel %d, %.1f CPU s, %.1f s; peak %.2f GB (%.2f GB when the slide was made)",
		spots, genes, nnz, len(d.Panel), cpuSeconds()-before, time.Since(start).Seconds(), peak, made)
	if peak > 8 {
		t.Errorf("the process took %.2f GB", peak)
	}
}

// peakRSS is the most memory that the process has held so far, in GB.
func peakRSS(tb testing.TB) float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		tb.Skipf("this system does not say how much memory a process took: %v", err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kb, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				tb.Fatal(err)
			}
			return kb / 1e6
		}
	}
	return 0
}
