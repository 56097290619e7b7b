package spackle

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spared"
)

// quick is a training of a small network that takes a second.
func quick(e *engine.Engine, steps int) TrainOptions {
	return TrainOptions{Steps: steps, Batch: 8, ValEvery: 5, Rate: 3e-3, Engine: e,
		config: func(c *Config) { c.Width, c.Hidden = 8, 16 }}
}

// files returns the content of the files of a folder.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string][]byte{}
	for _, e := range entries {
		if m[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// TestResume stops a training twice, in the middle between validations, and
// compares all files with those of one that ran through, bit for bit. One layer
// has all kinds of state, and compiles in half the time.
func TestResume(t *testing.T) {
	ds := syntheticTissue(2, 6, 6, 5, 2)
	for _, e := range engines(t) {
		options := func() TrainOptions {
			o := quick(e, 23)
			o.config = func(c *Config) { c.Width, c.Hidden, c.Layers = 8, 16, 1 }
			return o
		}
		whole, parts := t.TempDir(), t.TempDir()
		if _, err := Train(context.Background(), ds, whole, options()); err != nil {
			t.Fatal(err)
		}
		stops := []int{3, 13}
		if e.Kind != engine.Go {
			stops = stops[1:] // compiling takes XLA seconds
		}
		for _, at := range stops {
			ctx, cancel := context.WithCancel(context.Background())
			o := options()
			last := 0
			o.Report = func(r Report) {
				if last = r.Step; r.Step == at {
					cancel()
				}
			}
			m, err := Train(ctx, ds, parts, o)
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: stopped at step %d: error %v", e.Kind, at, err)
			}
			if last > at+1 {
				t.Errorf("%s: asked to stop at step %d, went on to %d", e.Kind, at, last)
			}
			if (m == nil) != (at < 5) {
				t.Errorf("%s: stopped at step %d, validated every 5: model %v", e.Kind, at, m)
			}
			if m != nil {
				if saved, err := Load(parts); err != nil || saved.Training.BestStep != m.Training.BestStep || saved.Training.Finished() {
					t.Errorf("%s: the best model of an unfinished training: %v", e.Kind, err)
				}
			}
		}
		if _, err := Train(context.Background(), ds, parts, options()); err != nil {
			t.Fatal(err)
		}
		a, b := files(t, whole), files(t, parts)
		if len(a) != 1 || len(b) != 1 {
			t.Fatalf("%s: %d and %d files, want the model alone", e.Kind, len(a), len(b))
		}
		if !bytes.Equal(a[modelFile], b[modelFile]) {
			t.Errorf("%s: the model of an interrupted training differs", e.Kind)
		}
	}
}

// TestCrash resumes from a state that was saved in between, with the later
// steps lost.
func TestCrash(t *testing.T) {
	e := goEngine(t)
	ds := syntheticTissue(2, 5, 5, 4, 2)
	whole, dir := t.TempDir(), t.TempDir()
	if _, err := Train(context.Background(), ds, whole, quick(e, 12)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := quick(e, 12)
	o.Report = func(r Report) {
		if r.Step == 7 {
			cancel()
		}
	}
	if _, err := Train(ctx, ds, dir, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	state := files(t, dir)[stateFile]
	for _, tc := range []struct {
		reason string
		state  []byte
	}{
		{reason: "as it was", state: state},
		{reason: "a state cut short is no state: begin anew", state: state[:len(state)/2]},
		{reason: "no state", state: nil},
	} {
		os.Remove(filepath.Join(dir, modelFile))
		if err := os.WriteFile(filepath.Join(dir, stateFile), tc.state, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Train(context.Background(), ds, dir, quick(e, 12)); err != nil {
			t.Fatalf("%s: %v", tc.reason, err)
		}
		if !bytes.Equal(files(t, whole)[modelFile], files(t, dir)[modelFile]) {
			t.Errorf("%s: another model than that of an uninterrupted training", tc.reason)
		}
	}
}

// TestStepsAreFiles checks when a finished training is opened and when it is
// computed anew.
func TestStepsAreFiles(t *testing.T) {
	e := goEngine(t)
	dir := t.TempDir()
	steps := 0
	train := func(ds *spared.Dataset, change func(*TrainOptions)) *Model {
		t.Helper()
		o := quick(e, 6)
		o.Report = func(Report) { steps++ }
		change(&o)
		m, err := Train(context.Background(), ds, dir, o)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	ds := syntheticTissue(2, 5, 5, 4, 2)
	same := func(*TrainOptions) {}
	first := train(ds, same)
	for _, tc := range []struct {
		reason string
		ds     *spared.Dataset
		change func(*TrainOptions)
		trains bool
	}{
		{reason: "nothing changed", ds: ds, change: same},
		{reason: "the same data made again", ds: syntheticTissue(2, 5, 5, 4, 2), change: same},
		{reason: "defaults written out", ds: ds, change: func(o *TrainOptions) { o.Seed, o.Layer = 42, spared.LayerDLog }},
		{reason: "another seed", ds: ds, change: func(o *TrainOptions) { o.Seed = 43 }, trains: true},
		{reason: "back to the first: it was replaced", ds: ds, change: same, trains: true},
		{reason: "more steps", ds: ds, change: func(o *TrainOptions) { o.Steps = 7 }, trains: true},
		{reason: "another rate", ds: ds, change: func(o *TrainOptions) { o.Rate = 1e-4 }, trains: true},
		{reason: "another start", ds: ds, change: func(o *TrainOptions) { o.Start = StartTorch }, trains: true},
		{reason: "attention over the batch", ds: ds, change: func(o *TrainOptions) { o.Attention = Batch }, trains: true},
		{reason: "other values", ds: syntheticTissue(2, 5, 5, 4, 3), change: same, trains: true},
	} {
		steps = 0
		m := train(tc.ds, tc.change)
		if (steps > 0) != tc.trains {
			t.Errorf("%s: %d steps", tc.reason, steps)
		}
		if !tc.trains && m.Training.BestValMSE != first.Training.BestValMSE {
			t.Errorf("%s: another model", tc.reason)
		}
	}
	// One mask bit is part of the data too, and so is a coordinate.
	ds = syntheticTissue(2, 5, 5, 4, 2)
	train(ds, same)
	ds.Mask[3] = !ds.Mask[3]
	steps = 0
	if train(ds, same); steps == 0 {
		t.Error("a changed mask was not noticed")
	}
	ds.Spots[0].X += 1000
	steps = 0
	if train(ds, same); steps == 0 {
		t.Error("a moved spot was not noticed")
	}
}

// TestLearns trains for a short while and expects the error on hidden values
// of the other slide to fall, and the best weights to be those kept.
func TestLearns(t *testing.T) {
	ds := syntheticTissue(2, 5, 5, 6, 4)
	o := TrainOptions{Start: StartTorch, Steps: 150, Batch: 8, Rate: 1e-2, ValEvery: 15, Engine: goEngine(t),
		config: func(c *Config) { c.Width, c.Hidden = 8, 16 }}
	m, err := Train(context.Background(), ds, t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	first := m.Training.History[0]
	if m.Training.BestValMSE > first.ValMSE/4 {
		t.Errorf("validation error %.3f at step %d, %.3f at step %d", first.ValMSE, first.Step, m.Training.BestValMSE, m.Training.BestStep)
	}
	for _, p := range m.Training.History {
		if p.ValMSE < m.Training.BestValMSE {
			t.Errorf("step %d had %.4f, better than the best %.4f", p.Step, p.ValMSE, m.Training.BestValMSE)
		}
	}
}

// TestStart checks that the network starts at the genes' means where that is
// asked for, and at PyTorch's biases otherwise.
func TestStart(t *testing.T) {
	ds := syntheticTissue(2, 5, 5, 6, 4)
	values := ds.Layers[spared.LayerDLog]
	for _, tc := range []struct {
		reason string
		start  Start
		means  bool
	}{
		{reason: "the default", start: "", means: true},
		{reason: "as published", start: StartTorch},
	} {
		r, err := newRun(ds, t.TempDir(), TrainOptions{Start: tc.start})
		if err != nil {
			t.Fatal(err)
		}
		w := r.initial()
		mean := make([]float64, 6)
		for _, i := range ds.SpotsIn(spared.Train) {
			for g := range mean {
				mean[g] += float64(values.Data[i*6+g]) / 25
			}
		}
		for e, x := range (reference{r.model.Config, w}).linear("input", [][]float64{mean})[0] {
			if (math.Abs(x) < 1e-5) != tc.means {
				t.Errorf("%s: mean expression enters as %g in dimension %d", tc.reason, x, e)
				break
			}
		}
		for g := range mean {
			if (math.Abs(float64(w["output.bias"][g])-mean[g]) < 1e-5) != tc.means {
				t.Errorf("%s: output bias %g, mean %g", tc.reason, w["output.bias"][g], mean[g])
			}
		}
		torch := r.model.Config.initial(source(42, streamWeights, 0))
		for name, v := range torch {
			if !strings.HasSuffix(name, "put.bias") && !slices.Equal(v, w[name]) {
				t.Errorf("%s: %s differs from PyTorch's start", tc.reason, name)
			}
		}
	}
}

// TestBatches checks what a step learns from: train spots with neighbours of
// their own slide and split, measured values hidden only, each spot once an
// epoch.
func TestBatches(t *testing.T) {
	ds := syntheticTissue(2, 6, 6, 3, 1)
	values := ds.Layers[spared.LayerDLog]
	for i := range values.Rows { // a value tells its spot
		for g := range values.Cols {
			values.Data[i*values.Stride+g] = float32(i*values.Cols + g)
		}
	}
	r, err := newRun(ds, t.TempDir(), TrainOptions{Batch: 10, Steps: 12})
	if err != nil {
		t.Fatal(err)
	}
	orders := map[string]bool{}
	for epoch := range 4 {
		seen := map[int]bool{}
		order := ""
		for k := range 3 { // 36 train spots: three batches, six left over
			b := r.batch(3*epoch + k)
			for i, v := range b.x {
				spot := int(v) / 3
				if ds.Spots[spot].Split != spared.Train {
					t.Fatalf("epoch %d: spot %d of split %s", epoch, spot, ds.Spots[spot].Split)
				}
				if b.hidden[i] && !ds.Mask[int(v)] {
					t.Fatalf("epoch %d: a value that was not measured is hidden", epoch)
				}
				if i%(Tokens*3) == 0 {
					if seen[spot] {
						t.Errorf("epoch %d: spot %d twice", epoch, spot)
					}
					seen[spot] = true
					order += ds.Spots[spot].ID + " "
				}
			}
		}
		if orders[order] {
			t.Errorf("epoch %d has the order of another", epoch)
		}
		orders[order] = true
	}
	one, two, other := r.batch(5), r.batch(5), r.batch(6)
	if one.key != two.key || one.key == other.key {
		t.Error("dropout key is not a function of the step")
	}
	for i := range one.hidden {
		if one.hidden[i] != two.hidden[i] {
			t.Fatal("the mask is not a function of the step")
		}
	}
}

func TestWarmup(t *testing.T) {
	ds := syntheticTissue(2, 4, 4, 2, 1)
	r, err := newRun(ds, t.TempDir(), TrainOptions{Rate: 0.1, Warmup: 4})
	if err != nil {
		t.Fatal(err)
	}
	for step, want := range []float64{0.02, 0.04, 0.06, 0.08, 0.1, 0.1} {
		if got := r.batch(step).rate; math.Abs(got-want) > 1e-12 {
			t.Errorf("step %d: rate %g, want %g", step, got, want)
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	e := goEngine(t)
	for _, tc := range []struct {
		reason string
		change func(*spared.Dataset, *TrainOptions)
		errHas string
	}{
		{reason: "a layer that is not there", change: func(_ *spared.Dataset, o *TrainOptions) { o.Layer = "c_d_log1p" }, errHas: `no layer "c_d_log1p"; it has counts`},
		{reason: "no validation spots", change: func(ds *spared.Dataset, _ *TrainOptions) {
			for i := range ds.Spots {
				ds.Spots[i].Split = spared.Train
			}
		}, errHas: "validation"},
		{reason: "a lone spot in the validation split", change: func(ds *spared.Dataset, _ *TrainOptions) {
			for i := range ds.Spots {
				ds.Spots[i].Split = spared.Train
			}
			ds.Spots[0].Split = spared.Val
		}, errHas: "slide0"},
		{reason: "not a number in the layer", change: func(ds *spared.Dataset, _ *TrainOptions) {
			ds.Layers[spared.LayerDLog].Data[5] = float32(math.NaN())
		}, errHas: "NaN"},
		{reason: "mask of another shape", change: func(ds *spared.Dataset, _ *TrainOptions) { ds.Mask = ds.Mask[1:] }, errHas: "mask"},
		{reason: "negative steps", change: func(_ *spared.Dataset, o *TrainOptions) { o.Steps = -1 }, errHas: "-1 steps"},
		{reason: "a start that is not known", change: func(_ *spared.Dataset, o *TrainOptions) { o.Start = "zero" }, errHas: "zero"},
		{reason: "attention over nothing known", change: func(_ *spared.Dataset, o *TrainOptions) { o.Attention = "genes" }, errHas: "genes"},
		{reason: "nothing measured on the validation spots", change: func(ds *spared.Dataset, _ *TrainOptions) {
			for i := range ds.Mask {
				ds.Mask[i] = ds.Mask[i] && ds.Spots[i/4].Split == spared.Train
			}
		}, errHas: "nothing to validate"},
		{reason: "a rate at which the loss diverges", change: func(_ *spared.Dataset, o *TrainOptions) { o.Rate = 1e30 }, errHas: "diverged"},
	} {
		ds := syntheticTissue(2, 4, 4, 4, 1)
		o := quick(e, 6)
		tc.change(ds, &o)
		if _, err := Train(context.Background(), ds, t.TempDir(), o); err == nil || !strings.Contains(err.Error(), tc.errHas) {
			t.Errorf("%s: error %v, want one with %q", tc.reason, err, tc.errHas)
		}
	}
}

func TestReport(t *testing.T) {
	ds := syntheticTissue(2, 4, 4, 4, 1)
	o := quick(goEngine(t), 12)
	var all []Report
	o.Report = func(r Report) { all = append(all, r) }
	m, err := Train(context.Background(), ds, t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 12 {
		t.Fatalf("%d reports, want one per step", len(all))
	}
	if r := all[3]; !math.IsNaN(r.ValMSE) || !math.IsNaN(r.BestValMSE) || r.BestStep != 0 {
		t.Errorf("before the first validation: %+v", r)
	}
	for i, r := range all {
		if r.Step != i+1 || r.Steps != 12 || !(r.Loss > 0) || r.Engine == "" {
			t.Errorf("report %d: %+v", i, r)
		}
		if i > 1 && !(r.StepsPerSecond > 0 && r.Left >= 0) {
			t.Errorf("report %d: no speed: %+v", i, r)
		}
	}
	if r := all[11]; r.ValMSE != m.Training.History[2].ValMSE || r.Left != 0 {
		t.Errorf("after the last step, which is validated though 12 is no multiple of 5: %+v", r)
	}
}

// TestReleased checks the layers and frequencies of a data set made in the
// released order, with a batch correction.
func TestReleased(t *testing.T) {
	ds := syntheticTissue(2, 4, 4, 3, 1)
	ds.Layers[spared.LayerCDLog] = ds.Layers[spared.LayerDLog]
	ds.Correction = map[string]*spared.Affine{spared.LayerCDLog: {}}
	for g := range ds.Genes {
		ds.Genes[g].GlobalFrac = 0.6
	}
	r, err := newRun(ds, t.TempDir(), TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.model.Layer != spared.LayerCDLog {
		t.Errorf("layer %s, want the corrected one", r.model.Layer)
	}
	clean := shareDetected(ds, ds.SpotsIn(spared.Train))
	if want := P30.Probabilities(clean)[0]; r.p[0] != want {
		t.Errorf("clean order: hides with %g, want %g as learnt from train spots", r.p[0], want)
	}
	ds.Manifest.Recipe.Order = spared.Released
	if r, err = newRun(ds, t.TempDir(), TrainOptions{}); err != nil || math.Abs(r.p[0]-0.5) > 1e-15 {
		t.Errorf("released order: hides with %v, want 0.3/0.6 (%v)", r.p, err)
	}
}
