package spackle

import (
	"context"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// strip is a slide of five spots in a row, two genes of length 1000, with rest
// counts of other genes beside.
func strip() *spared.Dataset {
	ds := &spared.Dataset{Sections: []spared.Section{{Name: "s"}}, Layers: map[string]blas32.General{}, Mask: make([]bool, 10)}
	counts, log := matrix(5, 2), matrix(5, 2)
	copy(counts.Data, []float32{1, 2, 3, 0, 2, 2, 0, 1, 4, 1})
	for i := range 5 {
		total := counts.Data[2*i] + counts.Data[2*i+1] + 5
		ds.Spots = append(ds.Spots, spared.Spot{ID: "s_" + string(rune('a'+i)), X: float64(100 * i), Split: spared.Test, RPK: float64(total) / 1000, TotalCounts: float64(total)})
		for g := range 2 {
			ds.Mask[2*i+g] = counts.Data[2*i+g] > 0
			log.Data[2*i+g] = float32(math.Log2(1 + 1e6*float64(counts.Data[2*i+g])/float64(total)))
		}
	}
	ds.Genes = []spared.Gene{{ID: "A", Length: 1000}, {ID: "B", Length: 1000}}
	ds.Layers[spared.LayerCounts], ds.Layers[spared.LayerLog] = counts, log
	return ds
}

// seer keeps the last view.
type seer struct {
	baseline.NoFit
	v *baseline.View
}

func (*seer) Name() string { return "seer" }
func (s *seer) Complete(_ context.Context, v *baseline.View) (*baseline.Completion, error) {
	s.v = v
	return &baseline.Completion{Values: v.Values}, v.Check()
}

// counter refuses what has no counts.
type counter struct{ seer }

func (*counter) Name() string { return "counter" }
func (c *counter) Complete(ctx context.Context, v *baseline.View) (*baseline.Completion, error) {
	if v.Counts.Rows == 0 {
		return nil, context.DeadlineExceeded // any error
	}
	return c.seer.Complete(ctx, v)
}

func TestPublishedViews(t *testing.T) {
	ds := strip()
	log := ds.Layers[spared.LayerLog]
	s, c := &seer{}, &counter{}
	network := &seer{}
	spackle, err := newSlideCompleter(ds, spared.LayerDLog, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := EvaluateOptions{Methods: []baseline.Completer{s, c, baseline.Median{}, spackle}, Protocol: Published}.withDefaults(ds)
	if err != nil {
		t.Fatal(err)
	}
	if e.Masks != 10 {
		t.Errorf("%d masks, want 10 as published", e.Masks)
	}
	all, err := newContest(ds, e, log)
	if err != nil {
		t.Fatal(err)
	}
	hidden := make([]bool, 10)
	hidden[0], hidden[8] = true, true
	strict, err := all.tissues[0].view(hidden)
	if err != nil {
		t.Fatal(err)
	}
	for m := range 2 {
		if _, err := all.complete(context.Background(), m, 0, strict); err != nil {
			t.Fatal(err)
		}
	}
	for at := range hidden {
		want := log.Data[at]
		if hidden[at] {
			want = 0
		}
		if s.v.Values.Data[at] != want {
			t.Errorf("entry %d is %g, want %g: relative to the total with the hidden counts", at, s.v.Values.Data[at], want)
		}
	}
	if c.v != strict || all.leaky[1] != leakNothing {
		t.Error("a method that needs counts does not get the strict view")
	}
	// All medians of the whole slide are visible, but none in place of what is
	// hidden.
	if _, err := all.withMedians(context.Background(), 2, 0, network, hidden); err != nil {
		t.Fatal(err)
	}
	filled, err := baseline.Median{}.Complete(context.Background(), all.tissues[0].whole)
	if err != nil {
		t.Fatal(err)
	}
	for at := range hidden {
		want := filled.Values.Data[at]
		if hidden[at] {
			want = 0
		}
		if network.v.Values.Data[at] != want || network.v.Visible[at] == hidden[at] {
			t.Errorf("entry %d is %g (visible %t), want %g", at, network.v.Values.Data[at], network.v.Visible[at], want)
		}
	}
	if filled.Values.Data[3] == 0 {
		t.Error("the fixture has no median to leak")
	}
}

func TestEvaluateBoth(t *testing.T) {
	ds := strip()
	p, err := EvaluateBoth(context.Background(), ds, EvaluateOptions{Rule: PMed, Masks: 4})
	if err != nil {
		t.Fatal(err)
	}
	if p.Strict.Protocol != Strict || p.Published.Protocol != Published || p.Strict.Masks != 4 {
		t.Errorf("got %+v and %+v", p.Strict, p.Published)
	}
	if !slices.ContainsFunc(p.Published.Notes, func(n string) bool {
		return n == "given nothing more than under the strict protocol, since they work on counts: poisson factor"
	}) {
		t.Errorf("the notes do not say what the poisson factor was given: %q", p.Published.Notes)
	}
	for g, f := range shareDetected(ds, indices(len(ds.Spots))) {
		if want := []float64{.8, .8}[g]; f != want {
			t.Errorf("gene %d is in %g of the spots, want %g", g, f, want)
		}
	}
}
