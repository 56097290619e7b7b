package spackle_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// The three most spatial of the fixture's genes A to G, by column and by name.
var (
	targetColumns = []int{2, 4, 6}
	targetGenes   = []string{"ENSGC", "ENSGE", "ENSGG"}
)

// spatial is the corrected fixture with genes of different Moran's I, and with
// the raw layer's correction too.
func spatial(t testing.TB, seed uint64, order spared.Order) *spared.Dataset {
	t.Helper()
	ds := corrected(t, seed, order, 2)
	ds.Genes = slices.Clone(ds.Genes)
	for g := range ds.Genes {
		ds.Genes[g].Moran = float64(g*3%7) / 10 // 0 3 6 2 5 1 4
	}
	line, err := spared.FitCorrection(ds, ds.Layers[spared.LayerLog], order)
	if err != nil {
		t.Fatal(err)
	}
	ds.Correction[spared.LayerCLog] = line
	return ds
}

// of returns a model of some genes that completes the targets.
func of(ds *spared.Dataset, layer string, genes ...string) *spackle.Model {
	m := spackle.Untrained(ds, layer, 1)
	m.Genes, m.Config.Genes = genes, len(genes)
	if len(genes) > len(targetGenes) {
		m.Targets = targetGenes
	}
	return m
}

// TestTargetsOnly: where an evaluation hides values of some genes only, a
// network of just these, and one that sees the others as context, are given the
// pipeline's own values of theirs, and answer for them.
func TestTargetsOnly(t *testing.T) {
	for _, tc := range []struct {
		reason string
		layer  string
		order  spared.Order
		genes  []string
	}{
		{"of just these", spared.LayerDLog, spared.Clean, targetGenes},
		{"with batch correction, which depends on all genes", spared.LayerCDLog, spared.Clean, targetGenes},
		{"in the released order", spared.LayerCDLog, spared.Released, targetGenes},
		{"raw", spared.LayerLog, spared.Clean, targetGenes},
		{"raw, with batch correction", spared.LayerCLog, spared.Clean, targetGenes},
		{"in another order", spared.LayerCDLog, spared.Clean, []string{"ENSGG", "ENSGC", "ENSGE"}},
		{"with context", spared.LayerDLog, spared.Clean, []string{"ENSGB", "ENSGC", "ENSGD", "ENSGE", "ENSGG"}},
		{"with all others as context", spared.LayerCDLog, spared.Clean, []string{"ENSGA", "ENSGB", "ENSGC", "ENSGD", "ENSGE", "ENSGF", "ENSGG"}},
		{"with context in another order", spared.LayerCLog, spared.Clean, []string{"ENSGG", "ENSGB", "ENSGE", "ENSGA", "ENSGC"}},
	} {
		ds := spatial(t, 1, tc.order)
		p := &probe{factor: 1}
		c, err := spackle.CompleterOfModel(ds, of(ds, tc.layer, tc.genes...), p.predict)
		if err != nil {
			t.Fatalf("%s: %v", tc.reason, err)
		}
		for s := range ds.Sections {
			v, err := spackle.TargetView(ds, s, 3, nil)
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.Complete(context.Background(), v)
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if out.Values.Rows != v.Values.Rows || out.Values.Cols != 3 {
				t.Fatalf("%s: answers %d x %d", tc.reason, out.Values.Rows, out.Values.Cols)
			}
			checkNetworkInput(t, tc.reason, ds, s, tc.layer, tc.genes, p.inputs[s])
			for k, x := range out.Values.Data {
				if v.Visible[k] && math.Abs(float64(x-v.Values.Data[k])) > 1e-5 {
					t.Fatalf("%s: section %d, entry %d: %g went there and back to %g", tc.reason, s, k, v.Values.Data[k], x)
				}
			}
		}
	}
}

// checkNetworkInput compares what a network was given, nothing hidden, with the
// pipeline's layers.
func checkNetworkInput(t *testing.T, reason string, ds *spared.Dataset, section int, layer string, genes []string, got blas32.General) {
	t.Helper()
	from := spared.LayerDLog
	if layer == spared.LayerLog || layer == spared.LayerCLog {
		from = spared.LayerLog
	}
	for k, id := range genes {
		g := ds.GeneIndex(id)
		for r, i := range ds.SpotsOf(section) {
			want := 0.0
			if ds.Mask[i*len(ds.Genes)+g] || !slices.Contains(targetGenes, id) {
				want = float64(ds.Layers[from].Data[i*len(ds.Genes)+g])
				if layer == spared.LayerCDLog || layer == spared.LayerCLog {
					a := ds.Correction[layer]
					want = a.Slope[section][g]*want + a.Intercept[section][g]
				}
			}
			if x := float64(got.Data[r*got.Stride+k]); math.Abs(x-want) > 1e-5 {
				t.Fatalf("%s: section %d, spot %d, gene %s: the network is given %g, want %g", reason, section, r, id, x, want)
			}
		}
	}
}

// TestTargetsHidden: hidden entries are 0 in the input, no hidden count reaches
// it otherwise, and where the other genes come from makes no difference.
func TestTargetsHidden(t *testing.T) {
	for seed := range uint64(3) {
		for _, layer := range []string{spared.LayerDLog, spared.LayerCDLog, spared.LayerLog, spared.LayerCLog} {
			rng := rand.New(rand.NewPCG(seed, 9))
			ds := spatial(t, seed, spared.Clean)
			spots := ds.SpotsOf(2)
			hidden, whole := make([]bool, 3*len(spots)), make([]bool, 7*len(spots))
			for k, i := range spots {
				for m, g := range targetColumns {
					hidden[3*k+m] = ds.Mask[i*7+g] && rng.Float64() < 0.4
					whole[7*k+g] = hidden[3*k+m]
				}
			}
			other := tampered(rng, ds, spots, whole)
			other.Layers[spared.LayerDLog], other.Correction = ds.Layers[spared.LayerDLog], nil
			genes := []string{"ENSGB", "ENSGC", "ENSGD", "ENSGE", "ENSGG"}
			var inputs []blas32.General
			for k, from := range []*spared.Dataset{ds, other, ds} {
				v, err := spackle.TargetView(from, 2, 3, hidden)
				if err != nil {
					t.Fatal(err)
				}
				if k == 2 { // taken from the data set
					v.Rest, v.RestGenes, v.RestSizes = blas32.General{}, nil, nil
				}
				p := &probe{factor: 1}
				c, err := spackle.CompleterOfModel(from, of(from, layer, genes...), p.predict)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.Complete(context.Background(), v); err != nil {
					t.Fatal(err)
				}
				inputs = append(inputs, p.inputs[0])
			}
			if !slices.Equal(inputs[0].Data, inputs[1].Data) {
				t.Errorf("seed %d, layer %s: the network's input depends on hidden counts", seed, layer)
			}
			if !slices.Equal(inputs[0].Data, inputs[2].Data) {
				t.Errorf("seed %d, layer %s: the input depends on where the other genes come from", seed, layer)
			}
			for k := range spots {
				for m, column := range []int{1, 3, 4} { // of the targets among the network's genes
					if x := inputs[0].Data[k*inputs[0].Stride+column]; hidden[3*k+m] && x != 0 {
						t.Fatalf("seed %d, layer %s: a hidden entry is given as %g", seed, layer, x)
					}
				}
			}
		}
	}
}

// TestForeignView: a view of a slide that is not the data set's must show all
// that the network reads.
func TestForeignView(t *testing.T) {
	ds := spatial(t, 1, spared.Clean)
	v, err := spackle.TargetView(ds, 2, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	v.Slide = "elsewhere"
	p := &probe{factor: 1}
	m := of(ds, spared.LayerDLog, "ENSGB", "ENSGC", "ENSGE", "ENSGG")
	c, err := spackle.CompleterOfModel(ds, m, p.predict)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Complete(context.Background(), v); err != nil {
		t.Errorf("it shows all: %v", err)
	}
	v.Rest, v.RestGenes, v.RestSizes = blas32.General{}, nil, nil
	if _, err := c.Complete(context.Background(), v); err == nil || !strings.Contains(err.Error(), "slide elsewhere: the view does not show gene ENSGB") {
		t.Errorf("it lacks a gene: %v", err)
	}
	v.Genes = nil
	if _, err := c.Complete(context.Background(), v); err == nil || !strings.Contains(err.Error(), "does not say which 3 genes") {
		t.Errorf("it does not name its genes: %v", err)
	}
}

// TestTargetsEvaluated evaluates networks on hidden values of the targets, and
// refuses to on others before any mask is drawn.
func TestTargetsEvaluated(t *testing.T) {
	ds := spatial(t, 2, spared.Clean)
	eng := spackle.GoEngine(t)
	for _, genes := range [][]string{targetGenes, {"ENSGB", "ENSGC", "ENSGD", "ENSGE", "ENSGG"}} {
		m := spackle.Resized(of(ds, spared.LayerCDLog, genes...))
		c, err := spackle.NewCompleter(m, ds, eng)
		if err != nil {
			t.Fatal(err)
		}
		methods := []baseline.Completer{baseline.Median{}, c}
		e := evaluate(t, ds, spackle.EvaluateOptions{Methods: methods, Masks: 1, Targets: 3})
		if s := e.Methods[1]; s.N == 0 || !(s.MSE > 0) {
			t.Errorf("%d genes: %+v", len(genes), s)
		}
		_, err = spackle.Evaluate(context.Background(), ds, spackle.EvaluateOptions{Methods: methods, Masks: 1, Targets: 4})
		if err == nil || !strings.Contains(err.Error(), "fitting spackle") || !strings.Contains(err.Error(), "gene ENSGB is to be completed, but the model learnt to complete 3 other genes only") {
			t.Errorf("%d genes: another target: %v", len(genes), err)
		}
	}
}
