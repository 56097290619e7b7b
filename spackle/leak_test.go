package spackle_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// answers keeps what a method says of the test slide.
type answers struct {
	baseline.Completer
	said [][]float32
}

func (a *answers) Complete(ctx context.Context, v *view) (*baseline.Completion, error) {
	done, err := a.Completer.Complete(ctx, v)
	if err == nil {
		a.said = append(a.said, slices.Clone(done.Values.Data), slices.Clone(done.SD.Data), slices.Clone(done.Rate.Data))
	}
	return done, err
}

// said returns what all methods say in an evaluation.
func said(t *testing.T, ds *spared.Dataset, o spackle.EvaluateOptions) (names []string, all [][][]float32) {
	t.Helper()
	for _, m := range spackle.Methods() {
		o.Methods = append(o.Methods, &answers{Completer: m})
	}
	evaluate(t, ds, o)
	for _, m := range o.Methods {
		names, all = append(names, m.Name()), append(all, m.(*answers).said)
	}
	return names, all
}

// TestCanary plants counts in what is hidden, and nowhere else: no answer of any
// method may move by a bit. Under the published protocol those that know only
// values must move, or this test could not see a leak.
func TestCanary(t *testing.T) {
	const seed = 4
	ds := fixture(seed, false)
	genes := len(ds.Genes)
	r := &recorder{}
	evaluate(t, ds, spackle.EvaluateOptions{Methods: []baseline.Completer{r}, Masks: 1})
	planted := tampered(rand.New(rand.NewPCG(seed, 1)), ds, ds.SpotsOf(2), r.hidden[0])
	changed := 0
	for k, h := range r.hidden[0] {
		if i := ds.SpotsOf(2)[k/genes]; h && planted.Layers[spared.LayerCounts].Data[i*genes+k%genes] != ds.Layers[spared.LayerCounts].Data[i*genes+k%genes] {
			changed++
		}
	}
	if changed < 50 {
		t.Fatalf("only %d hidden counts were changed (seed %d)", changed, seed)
	}
	one := spackle.EvaluateOptions{Masks: 1, Bootstrap: -1}
	names, before := said(t, ds, one)
	_, after := said(t, planted, one)
	for m, name := range names {
		for k, what := range []string{"Values", "SD", "Rate"} {
			if !slices.Equal(before[m][k], after[m][k]) {
				t.Errorf("%s: %s depend on what is hidden (seed %d)", name, what, seed)
			}
			if slices.ContainsFunc(before[m][k], func(x float32) bool { return math.IsNaN(float64(x)) }) {
				t.Errorf("%s: %s hold NaN, which equals nothing", name, what)
			}
		}
	}
	one.Protocol = spackle.Published
	names, before = said(t, ds, one)
	_, after = said(t, planted, one)
	for m, name := range names {
		moves := !slices.Equal(before[m][0], after[m][0])
		if want := name == "knn" || name == "kernel" || name == "slide mean"; want && !moves {
			t.Errorf("%s: the published protocol hides the totals from it (seed %d)", name, seed)
		}
	}
}
