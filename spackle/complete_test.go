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
	"github.com/spatialgo/spatialgo/spared/h5ad"
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
		if _, ok := ds.Uns[spackle.KeyIntervals]; ok {
			t.Errorf("%s: after a completion without spread the factors of intervals are still there", name)
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
		data   func(*spared.Dataset)
		want   string
	}{
		{"no values", func(d *baseline.Completion) { d.Values = blas32.General{} }, nil, "values are 0 x 0"},
		{"values of another shape", func(d *baseline.Completion) { d.Values.Cols-- }, nil, "values are 72 x 6, want 72 spots x 7 genes"},
		{"spreads of another shape", func(d *baseline.Completion) { d.SD.Rows-- }, nil, "standard deviations are 71 x 7"},
		{"a value that is none", func(d *baseline.Completion) { d.Values.Data[9] = float32(math.NaN()) }, nil, "values hold NaN for spot one_ab, gene ENSGC"},
		{"a spread below 0", func(d *baseline.Completion) { d.SD.Data[9] = -1 }, nil, "standard deviations hold -1 for spot one_ab, gene ENSGC"},
		{"an infinite rate", func(d *baseline.Completion) { d.Rate.Data[0] = float32(math.Inf(1)) }, nil, "rates hold +Inf"},
		{"a measured value that is none", nil, func(ds *spared.Dataset) { ds.Layers[spared.LayerLog].Data[9] = float32(math.NaN()) }, "layer log1p holds NaN at spot one_ab, gene ENSGC"},
		{"a count below 0", nil, func(ds *spared.Dataset) { ds.Layers[spared.LayerCounts].Data[9] = -3 }, "layer counts holds -3 at spot one_ab, gene ENSGC"},
		{"a count that is none", nil, func(ds *spared.Dataset) { ds.Layers[spared.LayerCounts].Data[9] = float32(math.NaN()) }, "layer counts holds NaN at spot one_ab, gene ENSGC"},
		{"a measured count of 0", nil, func(ds *spared.Dataset) {
			ds.Mask[9] = true
			ds.Layers[spared.LayerCounts].Data[9] = 0
		}, "spot one_ab, gene ENSGC: the mask says measured"},
	} {
		ds := fixture(2, false)
		if c.data != nil {
			c.data(ds)
		}
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

// unequal is constant with other factors on each slide.
type unequal struct{ constant }

func (unequal) Name() string { return "unequal" }

func (s unequal) Complete(ctx context.Context, v *view) (*baseline.Completion, error) {
	done, err := s.constant.Complete(ctx, v)
	done.Factors = factorsOf(v.Slide)
	return done, err
}

func factorsOf(slide string) [3]float64 {
	f := float64(len(slide)) + float64(slide[0])/256
	return [3]float64{f, 2 * f, 3 * f}
}

// TestIntervalsOfLayers: they are c_t_log1p ± factor·sd with the factor of the spot's
// slide, on the scale of c_d_log1p too, and the same after saving and opening.
func TestIntervalsOfLayers(t *testing.T) {
	batches := corrected(t, 1, spared.Clean, 2)
	for name, ds := range map[string]*spared.Dataset{"plain": stored(1), "batch-corrected": batches} {
		if err := spackle.Complete(context.Background(), ds, unequal{}, nil); err != nil {
			t.Fatal(err)
		}
		for k, level := range baseline.Levels {
			low, high, err := spackle.Intervals(ds, level)
			if err != nil {
				t.Fatal(err)
			}
			genes := len(ds.Genes)
			for at, measured := range ds.Mask {
				x, sd := float64(ds.Layers[spared.LayerCTLog].Data[at]), float64(ds.Layers[spared.LayerCTLogSD].Data[at])
				half := factorsOf(ds.Sections[ds.Spots[at/genes].Slide].Name)[k] * sd
				if measured {
					half = 0
				}
				if a, b := float64(low.Data[at]), float64(high.Data[at]); math.Abs(a-(x-half)) > 1e-4 || math.Abs(b-(x+half)) > 1e-4 {
					t.Fatalf("%s: %g, measured %v: %g to %g at %g, want ± %g", name, x, measured, a, b, level, half)
				}
			}
			if name != "plain" { // made in memory, without what a file needs
				continue
			}
			path := t.TempDir() + "/done.h5ad"
			if err := spared.Save(ds, path); err != nil {
				t.Fatal(err)
			}
			l, h, err := spackle.Intervals(opened(t, path), level)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(l.Data, low.Data) || !slices.Equal(h.Data, high.Data) {
				t.Errorf("the intervals of %g changed in the file", level)
			}
		}
	}
}

func TestIntervalsOfLayersErrors(t *testing.T) {
	factors := func(edit func(*h5ad.Frame)) func(*spared.Dataset) {
		return func(ds *spared.Dataset) { edit(ds.Uns[spackle.KeyIntervals].(*h5ad.Frame)) }
	}
	for _, c := range []struct {
		reason string
		level  float64
		spoil  func(*spared.Dataset)
		want   string
	}{
		{"a level that no method gives", .9, func(*spared.Dataset) {}, "there are those of [0.5 0.8 0.95]"},
		{"not completed", .8, func(ds *spared.Dataset) { delete(ds.Uns, spackle.KeyIntervals) }, "holds no table"},
		{"something else under the key", .8, func(ds *spared.Dataset) { ds.Uns[spackle.KeyIntervals] = "x" }, "holds no table"},
		{"another column", .8, factors(func(f *h5ad.Frame) { f.Columns[1].Name = "x" }), "no column 80%"},
		{"words for numbers", .8, factors(func(f *h5ad.Frame) { f.Columns[1].Data = []string{"a", "b"} }), "does not hold numbers"},
		{"another slide", .8, factors(func(f *h5ad.Frame) { f.Index[0] = "x" }), "no factor of slide"},
		{"a negative factor", .8, factors(func(f *h5ad.Frame) { f.Columns[1].Data.([]float64)[0] = -1 }), "no factor of slide"},
		{"a factor that is no number", .8, factors(func(f *h5ad.Frame) { f.Columns[1].Data.([]float64)[0] = math.NaN() }), "no factor of slide"},
		{"no spread", .8, func(ds *spared.Dataset) { delete(ds.Layers, spared.LayerCTLogSD) }, spared.LayerCTLogSD},
		{"no values", .8, func(ds *spared.Dataset) { delete(ds.Layers, spared.LayerCTLog) }, spared.LayerCTLog},
	} {
		ds := fixture(2, false)
		if err := spackle.Complete(context.Background(), ds, unequal{}, nil); err != nil {
			t.Fatal(err)
		}
		c.spoil(ds)
		if _, _, err := spackle.Intervals(ds, c.level); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.reason, err, c.want)
		}
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
