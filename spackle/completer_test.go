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

// probe is a network that keeps its input and answers with a multiple of it.
type probe struct {
	factor float32
	inputs []blas32.General
	near   [][]int32
}

func (p *probe) predict(_ context.Context, x blas32.General, near []int32) (blas32.General, error) {
	x.Data = slices.Clone(x.Data)
	p.inputs, p.near = append(p.inputs, x), append(p.near, near)
	out := x
	out.Data = slices.Clone(x.Data)
	for k := range out.Data {
		out.Data[k] *= p.factor
	}
	return out, nil
}

// corrected is a fixture of two train slides (or one and another val slide),
// one val and one test slide, with d_log1p and the correction to c_d_log1p in
// the given order.
func corrected(t testing.TB, seed uint64, order spared.Order, trains int) *spared.Dataset {
	t.Helper()
	ds := fixture(seed, false)
	ds.Sections = append(ds.Sections, spared.Section{Name: "zero", Batch: "zero"})
	own := fixture(seed+1000, false)
	counts := ds.Layers[spared.LayerCounts]
	genes := len(ds.Genes)
	for k, i := range own.SpotsOf(0) {
		p := own.Spots[i]
		p.Slide = 3
		if trains == 1 {
			p.Split = spared.Val
		}
		ds.Spots = append(ds.Spots, p)
		counts.Data = append(counts.Data, own.Layers[spared.LayerCounts].Data[k*genes:(k+1)*genes]...)
		counts.Rows++
	}
	ds.Manifest.Recipe.Order = order
	setCounts(ds, counts)
	done := blas32.General{Rows: counts.Rows, Cols: genes, Stride: genes, Data: make([]float32, 0, len(counts.Data))}
	for s := range ds.Sections {
		v, err := spackle.NewView(ds, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		d, err := baseline.Median{}.Complete(context.Background(), v)
		if err != nil {
			t.Fatal(err)
		}
		done.Data = append(done.Data, d.Values.Data...)
	}
	ds.Layers[spared.LayerDLog] = done
	line, err := spared.FitCorrection(ds, done, order)
	if err != nil {
		t.Fatal(err)
	}
	ds.Correction = map[string]*spared.Affine{spared.LayerCDLog: line}
	return ds
}

// TestCompleterInput: what reaches the network is the adaptive median of the
// view on the layer's scale, with 0 where the answer is wanted.
func TestCompleterInput(t *testing.T) {
	for _, c := range []struct {
		reason string
		layer  string
		order  spared.Order
		trains int
	}{
		{"no correction", spared.LayerDLog, spared.Clean, 2},
		{"without hiding, the clean line is the pipeline's own", spared.LayerCDLog, spared.Clean, 2},
		{"also where one batch trains, which stays as it is", spared.LayerCDLog, spared.Clean, 1},
		{"the released line is the pipeline's own", spared.LayerCDLog, spared.Released, 2},
	} {
		ds := corrected(t, 1, c.order, c.trains)
		genes := len(ds.Genes)
		p := &probe{factor: 1}
		m, err := spackle.CompleterOf(ds, c.layer, p.predict)
		if err != nil {
			t.Fatal(err)
		}
		for s := range ds.Sections {
			v, err := spackle.NewView(ds, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			out, err := m.Complete(context.Background(), v)
			if err != nil {
				t.Fatal(err)
			}
			for k, x := range p.inputs[s].Data {
				want, g := 0.0, k%genes
				if v.Visible[k] {
					want = float64(v.Values.Data[k])
					if c.layer == spared.LayerCDLog {
						a := ds.Correction[c.layer]
						want = a.Slope[s][g]*want + a.Intercept[s][g]
					}
				}
				if math.Abs(float64(x)-want) > 1e-5 {
					t.Fatalf("%s: section %d, entry %d: the network is given %g, want %g", c.reason, s, k, x, want)
				}
				if v.Visible[k] && math.Abs(float64(out.Values.Data[k]-v.Values.Data[k])) > 1e-5 {
					t.Fatalf("%s: section %d, entry %d: %g went there and back to %g", c.reason, s, k, v.Values.Data[k], out.Values.Data[k])
				}
			}
			if len(p.near[s]) != v.Values.Rows*spackle.Tokens {
				t.Errorf("%s: %d neighbours for %d spots", c.reason, len(p.near[s]), v.Values.Rows)
			}
		}
	}
}

// TestCompleterInputWithHidden: hidden entries are 0, never measured ones keep
// the median that the visible values give.
func TestCompleterInputWithHidden(t *testing.T) {
	ds := corrected(t, 2, spared.Clean, 2)
	p := &probe{factor: 2}
	m, err := spackle.CompleterOf(ds, spared.LayerDLog, p.predict)
	if err != nil {
		t.Fatal(err)
	}
	lo := ds.SpotsOf(2)[0] * len(ds.Genes)
	hidden := make([]bool, 72*len(ds.Genes))
	for k := range hidden {
		hidden[k] = ds.Mask[lo+k] && k%4 == 0
	}
	v, err := spackle.NewView(ds, 2, hidden)
	if err != nil {
		t.Fatal(err)
	}
	median, err := baseline.Median{}.Complete(context.Background(), v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Complete(context.Background(), v)
	if err != nil {
		t.Fatal(err)
	}
	for k, x := range p.inputs[0].Data {
		want := median.Values.Data[k]
		if hidden[k] {
			want = 0
		}
		if x != want || out.Values.Data[k] != 2*want {
			t.Fatalf("entry %d (hidden %v): the network is given %g and answers %g, want %g and its double", k, hidden[k], x, out.Values.Data[k], want)
		}
	}
}

func TestNothingHiddenReachesTheNetwork(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 6))
		ds := corrected(t, seed, spared.Clean, 2-int(seed%2))
		for _, s := range []int{1, 2} { // val, test
			spots := ds.SpotsOf(s)
			hidden := make([]bool, len(spots)*len(ds.Genes))
			for k := range hidden {
				hidden[k] = ds.Mask[spots[0]*len(ds.Genes)+k] && rng.Float64() < 0.4
			}
			other := tampered(rng, ds, spots, hidden)
			other.Layers[spared.LayerDLog] = ds.Layers[spared.LayerDLog]
			spoilt := slices.Clone(ds.Layers[spared.LayerDLog].Data) // as if its medians had moved
			for k := range hidden {
				spoilt[spots[0]*len(ds.Genes)+k] += 3
			}
			d := ds.Layers[spared.LayerDLog]
			d.Data = spoilt
			other.Layers[spared.LayerDLog] = d
			other.Correction = nil
			var inputs []blas32.General
			for _, from := range []*spared.Dataset{ds, other} {
				p := &probe{factor: 1}
				m, err := spackle.CompleterOf(from, spared.LayerCDLog, p.predict)
				if err != nil {
					t.Fatal(err)
				}
				v, err := spackle.NewView(from, s, hidden)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := m.Complete(context.Background(), v); err != nil {
					t.Fatal(err)
				}
				inputs = append(inputs, p.inputs[0])
			}
			if !slices.Equal(inputs[0].Data, inputs[1].Data) {
				t.Errorf("seed %d, section %d: the network's input depends on hidden counts", seed, s)
			}
		}
	}
}

func TestCompleterNotes(t *testing.T) {
	for _, c := range []struct {
		reason string
		order  spared.Order
		split  spared.Split
		want   []string
	}{
		{"nothing to say of a clean test", spared.Clean, spared.Test, nil},
		{"validation chose the checkpoint", spared.Clean, spared.Val, []string{"checkpoint"}},
		{"the released correction leaks", spared.Released, spared.Test, []string{"saw the hidden values"}},
		{"both", spared.Released, spared.Val, []string{"checkpoint", "saw the hidden values"}},
	} {
		ds := corrected(t, 3, c.order, 2)
		m, err := spackle.CompleterOf(ds, spared.LayerCDLog, (&probe{factor: 1}).predict)
		if err != nil {
			t.Fatal(err)
		}
		e := evaluate(t, ds, spackle.EvaluateOptions{Methods: []baseline.Completer{m, &baseline.KNNMean{}}, Split: c.split, Masks: 1})
		for _, w := range []string{"checkpoint", "saw the hidden values"} {
			said := slices.ContainsFunc(e.Notes, func(n string) bool { return strings.Contains(n, w) })
			if said != slices.Contains(c.want, w) {
				t.Errorf("%s: notes are %q", c.reason, e.Notes)
			}
		}
		if e.Engine != "none" || e.Methods[0].Name != "spackle" {
			t.Errorf("got engine %q, method %q", e.Engine, e.Methods[0].Name)
		}
	}
}

func TestCompleterErrors(t *testing.T) {
	for _, c := range []struct {
		reason string
		layer  string
		order  spared.Order
		spoil  func(ds *spared.Dataset)
		want   string
	}{
		{"a layer that is not completed", spared.LayerTPM, spared.Clean, nil, "trained on layer tpm"},
		{"no correction to go by", spared.LayerCDLog, spared.Released, func(ds *spared.Dataset) { ds.Correction = nil }, "no batch correction"},
		{"no layer to fit the correction on", spared.LayerCDLog, spared.Clean, func(ds *spared.Dataset) { delete(ds.Layers, spared.LayerDLog) }, "d_log1p"},
		{"no way back", spared.LayerCDLog, spared.Released, func(ds *spared.Dataset) { ds.Correction[spared.LayerCDLog].Slope[2][4] = 0 }, "no way back"},
	} {
		ds := corrected(t, 4, c.order, 2)
		if c.spoil != nil {
			c.spoil(ds)
		}
		m, err := spackle.CompleterOf(ds, c.layer, (&probe{factor: 1}).predict)
		if err == nil {
			_, err = spackle.Evaluate(context.Background(), ds, spackle.EvaluateOptions{Methods: []baseline.Completer{m}})
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.reason, err, c.want)
		}
	}
}

// TestModelAsCompleter evaluates an untrained network on an engine.
func TestModelAsCompleter(t *testing.T) {
	eng := spackle.GoEngine(t)
	ds := corrected(t, 5, spared.Clean, 2)
	m := spackle.Untrained(ds, spared.LayerCDLog, 3)
	c, err := spackle.NewCompleter(m, ds, eng)
	if err != nil {
		t.Fatal(err)
	}
	e := evaluate(t, ds, spackle.EvaluateOptions{Methods: []baseline.Completer{baseline.Median{}, c}, Masks: 2})
	if e.Engine != eng.Describe() {
		t.Errorf("engine is %q, want %q", e.Engine, eng.Describe())
	}
	if s := e.Methods[1]; !(s.MSE > 1) || s.PCCGene == 0 {
		t.Errorf("an untrained network scores %+v", s)
	}
	if !slices.ContainsFunc(e.Notes, func(n string) bool { return strings.Contains(n, "step 30 of 50") }) {
		t.Errorf("no note says which weights were used: %q", e.Notes)
	}
	if d, ok := c.(interface{ Digest() string }); !ok || d.Digest() != m.Digest() {
		t.Error("the completer does not say which model it is")
	}
	ds.Genes = slices.Clone(ds.Genes)
	ds.Genes[2].ID = "ENSGX"
	if _, err := spackle.NewCompleter(m, ds, eng); err == nil || !strings.Contains(err.Error(), "ENSGX") {
		t.Errorf("another gene: %v", err)
	}
}
