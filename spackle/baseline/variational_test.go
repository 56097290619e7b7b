package baseline_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// TestVariationalFactorOnKnownRates: hidden values are predicted better than by
// the Poisson factor, and intervals hold what they say.
func TestVariationalFactorOnKnownRates(t *testing.T) {
	for seed := range uint64(2) {
		v, _ := tissue(t, seed, 24, 25, 60)
		h := hide(t, v, seed, .5)
		done, other := answers(t, baseline.VariationalFactor{}, h), answers(t, baseline.PoissonFactor{}, h)
		checkFactors(t, "variational", done)
		factors := done.IntervalFactors()
		var n, mse, theirs, bias float64
		var held [len(baseline.Levels)]float64
		for k, hidden := range h.Hidden {
			if !hidden {
				continue
			}
			e, o := float64(done.Values.Data[k]-v.Values.Data[k]), float64(other.Values.Data[k]-v.Values.Data[k])
			n, mse, theirs, bias = n+1, mse+e*e, theirs+o*o, bias+e
			for l, f := range factors {
				if math.Abs(e) <= f*float64(done.SD.Data[k]) {
					held[l]++
				}
			}
		}
		if !(mse < theirs) {
			t.Errorf("seed %d: MSE %.4f, that of the Poisson factor %.4f", seed, mse/n, theirs/n)
		}
		if bias /= n; math.Abs(bias) > .05 {
			t.Errorf("seed %d: values are %.3f off on average", seed, bias)
		}
		for l, p := range baseline.Levels {
			if math.Abs(held[l]/n-p) > .05 {
				t.Errorf("seed %d: intervals of %g hold %.3f", seed, p, held[l]/n)
			}
		}
	}
}

func TestVariationalFactorProperties(t *testing.T) {
	v, _ := tissue(t, 8, 14, 15, 20)
	h := hide(t, v, 8, .3)
	before := slices.Clone(h.Counts.Data)
	one := func(cores int) *baseline.Completion {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		return answers(t, baseline.VariationalFactor{Seed: 7}, h)
	}
	first := one(1)
	same(t, "on 2 cores", first, one(2))
	same(t, "on 5 cores", first, one(5))
	if !slices.Equal(before, h.Counts.Data) {
		t.Error("the view was changed")
	}
	for k, seen := range h.Visible {
		x, sd, least := first.Values.Data[k], first.SD.Data[k], v.Norm.Log(v.Norm.Value(1, v.Sizes[k%20], v.Totals[k/20]))
		switch {
		case seen && (x != h.Values.Data[k] || first.Rate.Data[k] != x || sd != 0):
			t.Fatalf("visible entry %d: value %g ± %g, rate %g; want %g", k, x, sd, first.Rate.Data[k], h.Values.Data[k])
		case !seen && !(sd > 0):
			t.Fatalf("entry %d: a standard deviation of %g", k, sd)
		case !seen && !h.Hidden[k] && float64(x) < least-.5: // less the hidden counts that are put back
			t.Fatalf("entry %d: %g is less than one count, %g", k, x, least)
		}
	}
}

// TestVariationalFactorCanary plants other counts where values are hidden.
func TestVariationalFactorCanary(t *testing.T) {
	v, _ := tissue(t, 50, 12, 12, 10)
	total := func(i int) (sum float64) {
		for _, c := range v.Counts.Data[i*10:][:10] {
			sum += float64(c) / 1024
		}
		return sum + v.Depth[i]/1024
	}
	for g := range v.Sizes { // a power of two: hidden counts leave totals without rounding
		v.Sizes[g] = 1024
	}
	depth := v.Depth
	setTotals(v, func(i int) float64 { return depth[i] })
	for i := range v.Totals {
		v.Totals[i] = total(i)
	}
	h := hide(t, v, 50, .4)
	planted := *v
	planted.Counts, planted.Totals = v.Empty(), slices.Clone(v.Totals)
	copy(planted.Counts.Data, v.Counts.Data)
	for k, hidden := range h.Hidden {
		if hidden {
			planted.Counts.Data[k] += 1000
			planted.Totals[k/10] += 1000. / 1024
		}
	}
	o, err := planted.Hide(h.Hidden)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "with other hidden counts", answers(t, baseline.VariationalFactor{}, h), answers(t, baseline.VariationalFactor{}, o))
}

func TestVariationalFactorOnLittle(t *testing.T) {
	for _, c := range []struct {
		reason            string
		rows, cols, genes int
		hidden            float64
	}{
		{"no spots", 0, 0, 5, 0},
		{"one spot has nothing around it", 1, 1, 5, .3},
		{"five spots, fewer than factors", 1, 5, 30, .3},
		{"one gene", 6, 6, 1, .3},
		{"no genes", 4, 4, 0, 0},
		{"nothing is visible", 6, 6, 8, 1},
		{"nothing is hidden", 6, 6, 8, 0},
	} {
		t.Run(c.reason, func(t *testing.T) {
			v, _ := tissue(t, 3, c.rows, c.cols, c.genes)
			if c.hidden > 0 {
				v = hide(t, v, 3, c.hidden)
			}
			done := answers(t, baseline.VariationalFactor{}, v)
			for _, m := range []blas32.General{done.Values, done.SD, done.Rate} {
				if m.Rows != v.Values.Rows || m.Cols != c.genes {
					t.Fatalf("an answer of %d x %d", m.Rows, m.Cols)
				}
				for k, x := range m.Data {
					if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
						t.Fatalf("entry %d is %g", k, x)
					}
				}
			}
		})
	}
}

func TestVariationalFactorErrors(t *testing.T) {
	v, _ := tissue(t, 4, 6, 6, 5)
	bare := *v
	bare.Counts, bare.Sizes, bare.Totals, bare.Depth = blas32.General{}, nil, nil, nil
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		reason string
		ctx    context.Context
		m      baseline.VariationalFactor
		v      *baseline.View
		want   string
	}{
		{"rank below 0", context.Background(), baseline.VariationalFactor{Rank: -1}, v, "-1 factors"},
		{"no counts", context.Background(), baseline.VariationalFactor{}, &bare, "raw counts"},
		{"stopped", stopped, baseline.VariationalFactor{}, v, context.Canceled.Error()},
	} {
		_, err := c.m.Complete(c.ctx, c.v)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "variational factor") {
			t.Errorf("%s: %v, want one of %q", c.reason, err, c.want)
		}
	}
}

func TestVariationalFactorReportsAndStops(t *testing.T) {
	v, _ := tissue(t, 4, 8, 8, 6)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last spared.Event
	m := baseline.VariationalFactor{Progress: func(e spared.Event) {
		if last = e; e.Done == 5 {
			cancel()
		}
	}}
	if _, err := m.Complete(ctx, v); !errors.Is(err, context.Canceled) || last.Done != 5 || last.Total < 6 {
		t.Errorf("stopped at round 5: %v after round %d of %d", err, last.Done, last.Total)
	}
}

func BenchmarkVariationalFactor(b *testing.B) {
	v, _ := tissue(b, 1, 32, 32, 400)
	for b.Loop() {
		answers(b, baseline.VariationalFactor{}, v)
	}
}
