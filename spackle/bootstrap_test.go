package spackle

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// TestWeightedByHand: a spot that counts twice is a spot that is there twice.
func TestWeightedByHand(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		tab := randomTable(rng, 4+rng.IntN(20), 1+rng.IntN(5), 0.5)
		one := tab.tally()
		weights := make([]uint16, tab.truth.Rows)
		twice := newTally(3*tab.truth.Rows, tab.truth.Cols)
		for i := range weights {
			weights[i] = uint16(rng.IntN(4))
		}
		for g := range one.genes {
			c := &one.genes[g]
			for k, i := range c.spot {
				for n := range int(weights[i]) {
					twice.add(g, n*tab.truth.Rows+int(i), c.truth[k], c.predicted[k], 0)
				}
			}
		}
		want := twice.score()
		if want.n == 0 {
			continue
		}
		mse, pcc := one.weighted(weights, one.centred())
		if !near(mse, want.mse, 1e-9) || !near(pcc, want.pcc, 1e-7) {
			t.Errorf("seed %d: got %g and %g, want %g and %g", seed, mse, pcc, want.mse, want.pcc)
		}
	}
	if mse, _ := newTally(1, 1).weighted([]uint16{1}, make([][2]float64, 1)); !math.IsNaN(mse) {
		t.Errorf("an empty resample has the error %g", mse)
	}
}

// TestResampling checks what a resample is made of.
func TestResampling(t *testing.T) {
	slides := [][]int{{0, 1, 2}, {4, 5, 6, 7, 8}} // spot 3 is of another split
	r := newResampling(50, 9, slides, 7)
	whole := 0
	for b, w := range r.weights {
		sum := [2]int{}
		for s, of := range slides {
			for _, i := range of {
				sum[s] += int(w[i])
			}
		}
		if w[3] != 0 {
			t.Errorf("resample %d draws a spot that is not scored", b)
		}
		if sum[0]%3 != 0 || sum[1]%5 != 0 || sum[0]/3+sum[1]/5 != 2 {
			t.Errorf("resample %d has %d and %d spots of slides of 3 and 5", b, sum[0], sum[1])
		}
		if sum[0] == 3 {
			whole++
		}
	}
	if whole < 15 || whole > 35 {
		t.Errorf("both slides are in %d of 50 resamples, want about half", whole)
	}
	if again := newResampling(60, 9, slides, 7); !slices.Equal(again.weights[49], r.weights[49]) {
		t.Error("a resample depends on how many there are")
	}
	if other := newResampling(1, 9, slides, 8); slices.Equal(other.weights[0], r.weights[0]) {
		t.Error("another seed draws the same resample")
	}
}

// TestIntervalCoverage: of experiments whose true error is known about 95 %
// have it in their interval, with spots that differ and with slides that do.
func TestIntervalCoverage(t *testing.T) {
	const experiments, resamples, genes = 300, 150, 4
	for _, c := range []struct {
		reason        string
		slides, spots int
		slideSD       float64
		least, most   float64
	}{
		{"one slide: only its spots vary", 1, 200, 0, .91, .98},
		{"twelve slides that differ as real ones do: a little too narrow, as slides are few", 12, 20, .3, .88, .99},
		{"twelve slides that do not differ: too wide rather than too narrow", 12, 15, 0, .93, 1},
	} {
		const seed = 11
		rng := rand.New(rand.NewPCG(seed, uint64(c.slides)))
		in := 0
		for e := range experiments {
			n := c.slides * c.spots
			all := newTally(n, genes)
			slides := make([][]int, c.slides)
			for s := range slides {
				scale := math.Exp(c.slideSD * rng.NormFloat64()) // of a slide's errors
				for k := range c.spots {
					i := s*c.spots + k
					slides[s] = append(slides[s], i)
					own := math.Exp(0.5 * rng.NormFloat64()) // of a spot's
					for g := range genes {
						all.add(g, i, 0, float32(math.Sqrt(scale*own)*rng.NormFloat64()), 0)
					}
				}
			}
			r := newResampling(resamples, n, slides, uint64(e))
			to := r.newReplicates()
			if err := r.add(context.Background(), to, all); err != nil {
				t.Fatal(err)
			}
			truth := math.Exp(c.slideSD*c.slideSD/2) * math.Exp(0.125)
			if ci := interval(to.mse); ci[0] <= truth && truth <= ci[1] {
				in++
			}
		}
		share := float64(in) / experiments
		t.Logf("%s: %.3f of the intervals hold the truth (seed %d)", c.reason, share, seed)
		if share < c.least || share > c.most {
			t.Errorf("%s: %.3f of the intervals hold the truth, want %.2f to %.2f (seed %d)", c.reason, share, c.least, c.most, seed)
		}
	}
}

func TestBootstrapOnAnyNumberOfCores(t *testing.T) {
	tab := randomTable(rand.New(rand.NewPCG(1, 1)), 50, 6, 0.4)
	all := make([]int, 50)
	for i := range all {
		all[i] = i
	}
	r := newResampling(40, 50, [][]int{all}, 1)
	run := func(cores int) *replicates {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		to := r.newReplicates()
		if err := r.add(context.Background(), to, tab.tally()); err != nil {
			t.Fatal(err)
		}
		return to
	}
	one, four := run(1), run(4)
	if !slices.Equal(one.mse, four.mse) || !slices.Equal(one.pcc, four.pcc) {
		t.Error("1 and 4 cores give different numbers")
	}
}

func TestQuantile(t *testing.T) {
	v := []float64{0, 10, 20, 30, 40}
	for p, want := range map[float64]float64{0: 0, 0.025: 1, 0.5: 20, 0.975: 39, 1: 40} {
		if got := quantile(v, p); !near(got, want, 1e-12) {
			t.Errorf("quantile %g is %g, want %g", p, got, want)
		}
	}
	if ci := interval([]float64{math.NaN(), 3}); ci != [2]float64{3, 3} {
		t.Errorf("got %v: a resample without values is left out", ci)
	}
	if ci := interval(nil); ci != [2]float64{} {
		t.Errorf("got %v of nothing", ci)
	}
}

func BenchmarkBootstrap(b *testing.B) {
	all := randomTable(rand.New(rand.NewPCG(1, 1)), 2400, 128, 0.3).tally()
	spots := make([]int, 2400)
	for i := range spots {
		spots[i] = i
	}
	r := newResampling(200, 2400, [][]int{spots}, 1)
	for b.Loop() {
		if err := r.add(context.Background(), r.newReplicates(), all); err != nil {
			b.Fatal(err)
		}
	}
}
