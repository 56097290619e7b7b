package baseline_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spackle/baseline"
)

func fit(t testing.TB, c baseline.Completer, train ...*baseline.View) baseline.Completer {
	t.Helper()
	if err := c.Fit(context.Background(), train); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSoftImpute(t *testing.T) {
	for seed := range uint64(2) {
		train, _ := tissue(t, 40+seed, 20, 20, 30)
		v, _ := tissue(t, 40+seed, 20, 21, 30) // the same genes, other spots
		h := hide(t, v, 1, .3)
		kernel := mseOfHidden(v, h, answers(t, &baseline.Kernel{}, h))
		small, few := &baseline.SoftImpute{}, &baseline.SoftImpute{}
		alone := mseOfHidden(v, h, answers(t, fit(t, small), h))
		with := mseOfHidden(v, h, answers(t, fit(t, few, train), h))
		if !(alone < .9*kernel) || !(with < alone) {
			t.Errorf("seed %d: MSE %.3f with another slide, %.3f alone, that of a kernel average %.3f", seed, with, alone, kernel)
		}
	}
}

// A threshold above all singular values leaves the means.
func TestSoftImputeOfNothing(t *testing.T) {
	v := hexView(t, 2, 7, 8, 5)
	got := answers(t, &baseline.SoftImpute{Threshold: 1e6}, v)
	want := answers(t, baseline.SlideMean{}, v)
	if !slices.Equal(got.Values.Data, want.Values.Data) {
		t.Error("without any singular value the answer is not the slide's mean")
	}
	if got.SD.Rows > 0 || got.Rate.Rows > 0 {
		t.Error("it has answers that it does not know")
	}
}

// Values without counts are all it needs; with them, what is hidden is put back
// into the totals.
func TestSoftImputePutsHiddenCountsBack(t *testing.T) {
	v, _ := tissue(t, 5, 20, 20, 40)
	for i := range v.Totals { // the view's genes are nearly all there is
		v.Totals[i] += 1e-3 - v.Depth[i]/1000
		for g := range 40 {
			v.Values.Data[i*40+g] = float32(v.Norm.Log(v.Norm.Value(float64(v.Counts.Data[i*40+g]), v.Sizes[g], v.Totals[i])))
		}
	}
	h := hide(t, v, 5, .4)
	bare := *h // as if nobody knew of counts
	bare.Counts.Rows, bare.Depth, bare.Sizes, bare.Totals = 0, nil, nil, nil
	bias := func(h *baseline.View) float64 {
		done, n, sum := answers(t, &baseline.SoftImpute{}, h), 0., 0.
		for k, hidden := range h.Hidden {
			if hidden {
				n, sum = n+1, sum+float64(done.Values.Data[k]-v.Values.Data[k])
			}
		}
		return sum / n
	}
	if without, with := bias(&bare), bias(h); !(without > .3) || math.Abs(with) > .15 {
		t.Errorf("predictions are %.3f too high without counts, %.3f with them", without, with)
	}
}

func TestSoftImputeErrors(t *testing.T) {
	v := hexView(t, 2, 4, 4, 5)
	for _, c := range []struct {
		reason string
		m      baseline.SoftImpute
		want   string
	}{
		{"a negative rank", baseline.SoftImpute{Rank: -1}, "rank -1"},
		{"negative rounds", baseline.SoftImpute{Rounds: -1}, "-1 rounds"},
		{"a threshold that is no number", baseline.SoftImpute{Threshold: math.NaN()}, "threshold"},
	} {
		if _, err := c.m.Complete(context.Background(), v); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}

func BenchmarkSoftImpute(b *testing.B) {
	v, _ := tissue(b, 1, 50, 50, 128)
	for b.Loop() {
		answers(b, &baseline.SoftImpute{}, v)
	}
}
