package spackle_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// constant answers 5 ± 0.5 and a rate of 2 for everything, or what is spoilt.
type constant struct {
	baseline.NoFit
	spoil func(*baseline.Completion)
}

func (constant) Name() string { return "constant" }

func (c constant) Complete(_ context.Context, v *view) (*baseline.Completion, error) {
	done := &baseline.Completion{Values: v.Empty(), SD: v.Empty(), Rate: v.Empty()}
	for k := range done.Values.Data {
		done.Values.Data[k], done.SD.Data[k], done.Rate.Data[k] = 5, .5, 2
	}
	if c.spoil != nil {
		c.spoil(done)
	}
	return done, nil
}

// TestComplete: measured values are kept, missing ones come from the method, on
// the scale of c_d_log1p where there is one; the rate stays as it is.
func TestComplete(t *testing.T) {
	plain := fixture(1, false)
	batches := corrected(t, 1, spared.Clean, 2)
	for name, ds := range map[string]*spared.Dataset{"plain": plain, "batch-corrected": batches} {
		log := ds.Layers[spared.LayerLog]
		genes := len(ds.Genes)
		if err := spackle.Complete(context.Background(), ds, constant{}, nil); err != nil {
			t.Fatal(err)
		}
		c, sd, rate := ds.Layers[spared.LayerCTLog], ds.Layers[spared.LayerCTLogSD], ds.Layers[spared.LayerRate]
		for k, measured := range ds.Mask {
			x, r, slope, intercept := 5., 2., 1., 0.
			if measured {
				x = float64(log.Data[k])
				r = x
			}
			if a := ds.Correction[spared.LayerCDLog]; a != nil {
				s := ds.Spots[k/genes].Slide
				slope, intercept = a.Slope[s][k%genes], a.Intercept[s][k%genes]
			}
			if want := slope*x + intercept; math.Abs(float64(c.Data[k])-want) > 1e-5 {
				t.Fatalf("%s: entry %d (measured %v) is %g, want %g", name, k, measured, c.Data[k], want)
			}
			if want := .5 * slope; math.Abs(float64(sd.Data[k])-want) > 1e-6 {
				t.Fatalf("%s: the spread of entry %d is %g, want %g", name, k, sd.Data[k], want)
			}
			if float64(rate.Data[k]) != r {
				t.Fatalf("%s: the rate of entry %d is %g, want %g", name, k, rate.Data[k], r)
			}
		}
		if len(ds.TrainMean[spared.LayerCTLog]) != genes || ds.Layers[spared.LayerCTDelta].Rows == 0 {
			t.Errorf("%s: there are no deltas", name)
		}
		// A method without these answers leaves none of another's behind.
		if err := spackle.Complete(context.Background(), ds, &baseline.KNNMean{}, nil); err != nil {
			t.Fatal(err)
		}
		if names := ds.LayerNames(); slices.Contains(names, spared.LayerRate) || slices.Contains(names, spared.LayerCTLogSD) {
			t.Errorf("%s: after a completion without spread: %v", name, names)
		}
	}
}

func TestCompleteErrors(t *testing.T) {
	for _, c := range []struct {
		reason string
		spoil  func(*baseline.Completion)
		want   string
	}{
		{"no values", func(d *baseline.Completion) { d.Values = blas32.General{} }, "values are 0 x 0"},
		{"values of another shape", func(d *baseline.Completion) { d.Values.Cols-- }, "values are 72 x 6, want 72 spots x 7 genes"},
		{"spreads of another shape", func(d *baseline.Completion) { d.SD.Rows-- }, "standard deviations are 71 x 7"},
		{"a value that is none", func(d *baseline.Completion) { d.Values.Data[9] = float32(math.NaN()) }, "values hold NaN for spot one_ab, gene ENSGC"},
		{"an infinite rate", func(d *baseline.Completion) { d.Rate.Data[0] = float32(math.Inf(1)) }, "rates hold +Inf"},
	} {
		ds := fixture(2, false)
		before := len(ds.Layers)
		err := spackle.Complete(context.Background(), ds, constant{spoil: c.spoil}, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.reason, err, c.want)
		}
		if len(ds.Layers) != before {
			t.Errorf("%s: the data set was changed", c.reason)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := spackle.Complete(ctx, fixture(2, false), spackle.Default(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestCompleteFileOfMethod: a file is opened where it holds this method's
// completion with these settings, else computed anew.
func TestCompleteFileOfMethod(t *testing.T) {
	path := t.TempDir() + "/completed.h5ad"
	w := &watch{t: t, path: path}
	ds := stored(1)
	step := func(reason string, m baseline.Completer, ds *spared.Dataset, computes bool) {
		t.Helper()
		w.begin()
		if _, err := spackle.CompleteFile(context.Background(), ds, m, path, w.progress); err != nil {
			t.Fatalf("%s: %v", reason, err)
		}
		w.end(reason, computes)
	}
	step("the first time", baseline.PoissonFactor{}, ds, true)
	step("again", baseline.PoissonFactor{}, ds, false)
	step("what it was completed from, opened", baseline.PoissonFactor{}, opened(t, path), false)
	step("other settings", baseline.PoissonFactor{Rank: 4}, ds, true)
	step("another method", &baseline.Kernel{}, ds, true)
	step("again, though it was fitted in between", &baseline.Kernel{}, ds, false)
	step("other counts", &baseline.Kernel{}, stored(2), true)
}
