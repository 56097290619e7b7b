package baseline_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
)

// learners are the methods that learn from other slides or by hiding values.
func learners() []baseline.Completer {
	return []baseline.Completer{
		&baseline.Depth{}, &baseline.Depth{NoOffset: true}, &baseline.Ridge{}, &baseline.Ridge{TrainOnly: true},
		baseline.Mean{baseline.PoissonFactor{}, &baseline.Ridge{}},
	}
}

func mseOfHidden(v, h *baseline.View, done *baseline.Completion) float64 {
	sum, n := 0., 0.
	for k, hidden := range h.Hidden {
		if hidden {
			e := float64(done.Values.Data[k] - v.Values.Data[k])
			sum, n = sum+e*e, n+1
		}
	}
	return sum / n
}

// TestLearners: on slides of one kind, with and without others to learn from,
// each learner is better than what it builds on.
func TestLearners(t *testing.T) {
	train, _ := tissue(t, 21, 24, 24, 30)
	v, _ := tissue(t, 21, 25, 24, 30) // the same genes, other spots
	h := hide(t, v, 1, .3)
	mse := map[string]float64{"kernel": mseOfHidden(v, h, answers(t, &baseline.Kernel{}, h)), "slide mean": mseOfHidden(v, h, answers(t, baseline.SlideMean{}, h))}
	for _, with := range []bool{true, false} {
		for _, c := range learners() {
			var slides []*baseline.View
			name := c.Name() + ", alone"
			if with {
				slides, name = []*baseline.View{train}, c.Name()
			}
			if err := c.Fit(context.Background(), slides); err != nil {
				t.Fatal(err)
			}
			mse[name] = mseOfHidden(v, h, answers(t, c, h))
		}
	}
	for _, c := range []struct{ better, than string }{
		{"depth", "slide mean"}, {"depth, alone", "slide mean"},
		{"ridge", "depth"}, {"ridge, alone", "depth, alone"}, {"ridge", "kernel"}, {"ridge, train only", "depth"},
		{"mean of poisson factor and ridge", "kernel"},
	} {
		if !(mse[c.better] < mse[c.than]) {
			t.Errorf("%s: %.3f, %s: %.3f", c.better, mse[c.better], c.than, mse[c.than])
		}
	}
}

// TestLearnersSeeNothingHidden changes all hidden counts, and totals with them.
func TestLearnersSeeNothingHidden(t *testing.T) {
	train, _ := tissue(t, 22, 9, 9, 8)
	v, _ := tissue(t, 22, 9, 10, 8)
	h := hide(t, v, 2, .4)
	other := *v
	other.Counts, other.Totals, other.Values = v.Empty(), slices.Clone(v.Totals), v.Empty()
	copy(other.Counts.Data, v.Counts.Data)
	for k, hidden := range h.Hidden {
		if hidden {
			other.Counts.Data[k] += 32
			other.Totals[k/8] += 32 / v.Sizes[k%8]
		}
	}
	copy(other.Values.Data, v.Values.Data)
	o, err := other.Hide(h.Hidden)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range learners() {
		if err := c.Fit(context.Background(), []*baseline.View{train}); err != nil {
			t.Fatal(err)
		}
		a, b := answers(t, c, h), answers(t, c, o)
		for k := range a.Values.Data {
			if d := math.Abs(float64(a.Values.Data[k] - b.Values.Data[k])); d > 1e-2 { // totals differ by rounding
				t.Fatalf("%s: entry %d is %g, with other hidden counts %g", c.Name(), k, a.Values.Data[k], b.Values.Data[k])
			}
		}
	}
}

func TestLearnersWithFurtherGenes(t *testing.T) {
	train, _ := tissue(t, 23, 16, 16, 30)
	v, _ := tissue(t, 23, 16, 17, 30)
	h := hide(t, v, 3, .3)
	few, fewTrain := columns(h, 6, 24), columns(train, 6, 24)
	m := &baseline.Ridge{}
	if err := m.Fit(context.Background(), []*baseline.View{fewTrain}); err != nil {
		t.Fatal(err)
	}
	with := answers(t, m, few)
	for k, x := range with.Values.Data {
		if math.IsNaN(float64(x)) || few.Visible[k] && x != few.Values.Data[k] {
			t.Fatalf("entry %d is %g", k, x)
		}
	}
	none := columns(h, 6, 0)
	if _, err := m.Complete(context.Background(), none); err == nil || !strings.Contains(err.Error(), "further genes") {
		t.Errorf("a slide without further genes after slides with: %v", err)
	}
	for _, c := range learners() {
		if err := c.Fit(context.Background(), []*baseline.View{train, columns(train, 6, 0)}); err == nil {
			t.Errorf("%s: train slides of 30 and 6 genes were accepted", c.Name())
		}
		if err := c.Fit(context.Background(), []*baseline.View{train}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Complete(context.Background(), columns(h, 6, 0)); err == nil {
			t.Errorf("%s: fitted to 30 genes, a slide of 6 was accepted", c.Name())
		}
	}
}

func TestMean(t *testing.T) {
	v, _ := tissue(t, 24, 6, 6, 5)
	a, b := answers(t, baseline.SlideMean{}, v), answers(t, baseline.PoissonFactor{}, v)
	done := answers(t, baseline.Mean{baseline.SlideMean{}, baseline.PoissonFactor{}}, v)
	for k := range v.Visible {
		if want := (a.Values.Data[k] + b.Values.Data[k]) / 2; math.Abs(float64(done.Values.Data[k]-want)) > 1e-5 {
			t.Errorf("entry %d: %g, want %g", k, done.Values.Data[k], want)
		}
		if done.SD.Data[k] != b.SD.Data[k] || done.Rate.Data[k] != b.Rate.Data[k] {
			t.Errorf("entry %d: ± %g, rate %g: want those of the one method that has them", k, done.SD.Data[k], done.Rate.Data[k])
		}
	}
	if _, err := (baseline.Mean{}).Complete(context.Background(), v); err == nil {
		t.Error("a mean of nothing: accepted")
	}
	if _, err := (baseline.Mean{baseline.SlideMean{}, wrong{}}).Complete(context.Background(), v); err == nil || !strings.Contains(err.Error(), "wrong") {
		t.Errorf("a result of another shape: %v", err)
	}
}

type wrong struct{ baseline.NoFit }

func (wrong) Name() string { return "wrong" }
func (wrong) Complete(context.Context, *baseline.View) (*baseline.Completion, error) {
	return &baseline.Completion{Values: blas32.General{Rows: 1, Cols: 1, Stride: 1, Data: []float32{1}}}, nil
}

func BenchmarkRidge(b *testing.B) {
	v, _ := tissue(b, 1, 40, 40, 60)
	for b.Loop() {
		answers(b, &baseline.Ridge{}, v)
	}
}
