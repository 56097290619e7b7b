package spackle_test

import (
	"context"
	"math"
	"testing"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// TestHideOnce holds it against Evaluate: the same values must be hidden, and
// their errors the same.
func TestHideOnce(t *testing.T) {
	ds := fixture(3, false)
	methods := func() []baseline.Completer { return []baseline.Completer{&baseline.Kernel{}, baseline.Median{}} }
	o := spackle.EvaluateOptions{Methods: methods(), Masks: 1, Rule: spackle.PMed, Seed: 9}
	e, err := spackle.Evaluate(context.Background(), ds, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Methods = methods()
	h, err := spackle.HideOnce(context.Background(), ds, o)
	if err != nil {
		t.Fatal(err)
	}
	log, err := ds.Layer(spared.LayerLog)
	if err != nil {
		t.Fatal(err)
	}
	genes := len(ds.Genes)
	for m, s := range e.Methods {
		if h.Methods[m] != s.Name {
			t.Errorf("method %d is %s, want %s", m, h.Methods[m], s.Name)
		}
		sum, n := 0., 0
		for at, hidden := range h.Hidden {
			i, g := at/genes, at%genes
			x, truth := float64(h.Values[m].Data[at]), float64(log.Data[i*log.Stride+g])
			switch tested := ds.Spots[i].Split == spared.Test; {
			case hidden && (!tested || !ds.Mask[at]):
				t.Fatalf("spot %d, gene %d is hidden", i, g)
			case hidden:
				sum, n = sum+(x-truth)*(x-truth), n+1
			case tested && ds.Mask[at] && x != truth:
				t.Fatalf("spot %d, gene %d was measured as %g and is %g", i, g, truth, x)
			case !tested && !math.IsNaN(x):
				t.Fatalf("spot %d, gene %d was not completed and is %g", i, g, x)
			}
		}
		if n != s.N || math.Abs(sum/float64(n)-s.MSE) > 1e-6*s.MSE {
			t.Errorf("%s: MSE %g of %d, want %g of %d", s.Name, sum/float64(n), n, s.MSE, s.N)
		}
	}
}
