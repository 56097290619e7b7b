package spackle_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// stored is a data set that can be saved, with the layer that models learn
// from.
func stored(seed uint64) *spared.Dataset {
	ds := fixture(seed, false)
	log := ds.Layers[spared.LayerLog]
	d := blas32.General{Rows: log.Rows, Cols: log.Cols, Stride: log.Stride, Data: slices.Clone(log.Data)}
	for i, measured := range ds.Mask {
		if !measured {
			d.Data[i] = 10 // some median
		}
	}
	ds.Layers[spared.LayerDLog] = d
	return ds
}

// watch records whether a step computed something and whether it wrote.
type watch struct {
	t      *testing.T
	path   string
	news   int
	before os.FileInfo
}

func (w *watch) progress(spared.Event) { w.news++ }

func (w *watch) begin() {
	w.news = 0
	w.before, _ = os.Stat(w.path) // nil where there is none
}

// end fails the test unless the step was carried out, or its result opened,
// as expected.
func (w *watch) end(reason string, computed bool) {
	w.t.Helper()
	if (w.news > 0) != computed {
		w.t.Errorf("%s: computed = %v, want %v", reason, w.news > 0, computed)
	}
	after, err := os.Stat(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	same := w.before != nil && os.SameFile(w.before, after) && w.before.ModTime().Equal(after.ModTime())
	if same == computed {
		w.t.Errorf("%s: the file is as it was = %v, want %v", reason, same, !computed)
	}
}

var equal = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty()}

// TestCompleteFile checks when a completion is opened and when it is computed
// anew, and that the result is that of Complete either way.
func TestCompleteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "completed.h5ad")
	w := &watch{t: t, path: path}
	o := spackle.CompleteOptions{Engine: spackle.GoEngine(t), Progress: w.progress}
	type pair struct {
		m  *spackle.Model
		ds *spared.Dataset
	}
	completed := map[pair]*spared.Dataset{} // by Complete
	complete := func(reason string, m *spackle.Model, ds *spared.Dataset, computes bool) {
		t.Helper()
		want, ok := completed[pair{m, ds}]
		if !ok {
			want = ds.Clone()
			if err := m.Complete(context.Background(), want, spackle.CompleteOptions{Engine: o.Engine}); err != nil {
				t.Fatal(err)
			}
			want.Manifest.Completed = "spackle " + m.Digest()
			completed[pair{m, ds}] = want
		}
		before := ds.Clone()
		w.begin()
		got, err := m.CompleteFile(context.Background(), ds, path, o)
		if err != nil {
			t.Fatalf("%s: %v", reason, err)
		}
		w.end(reason, computes)
		if diff := cmp.Diff(want, got, equal); diff != "" {
			t.Errorf("%s: another result than Complete's:\n%s", reason, diff)
		}
		if diff := cmp.Diff(before, ds, equal); diff != "" {
			t.Errorf("%s: the data set given was changed:\n%s", reason, diff)
		}
	}
	ds := stored(1)
	m := spackle.Untrained(ds, spared.LayerDLog, 1)
	complete("the first time", m, ds, true)
	complete("again", m, ds, false)
	complete("the same data made again", m, stored(1), false)
	complete("what a file was completed from", m, opened(t, path), false)

	other := spackle.Untrained(ds, spared.LayerDLog, 2)
	complete("another model", other, ds, true)
	complete("back to the first: it was replaced", m, ds, true)
	complete("a model of another layer", spackle.Untrained(ds, spared.LayerLog, 1), ds, true)

	// The manifest is the same for all of these, as for slides from memory.
	for _, tc := range []struct {
		reason string
		change func(*spared.Dataset)
	}{
		{"other counts", func(d *spared.Dataset) { *d = *stored(2) }},
		{"another value in the layer", func(d *spared.Dataset) { d.Layers[spared.LayerDLog].Data[5] += 0.25 }},
		{"a value that is no longer measured", func(d *spared.Dataset) { d.Mask[slices.Index(d.Mask, true)] = false }},
		{"a spot that moved", func(d *spared.Dataset) { d.Spots[3].X += 30 }},
		{"a spot that trains no more", func(d *spared.Dataset) { d.Spots[3].Split = spared.None }},
		{"another gene length", func(d *spared.Dataset) { d.Genes[1].Length++ }},
		{"a layer more", func(d *spared.Dataset) { d.Layers["mine"] = d.Layers[spared.LayerLog] }},
		{"another recipe", func(d *spared.Dataset) { d.Manifest.Recipe.Hops = 3 }},
		{"another slide's name", func(d *spared.Dataset) { d.Sections[1].Name = "deux" }},
	} {
		changed := stored(1)
		tc.change(changed)
		complete(tc.reason, m, changed, true)
		complete(tc.reason+", again", m, changed, false)
	}
	complete("back to the first data set", m, ds, true)

	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		reason string
		b      []byte
	}{
		{"an empty file", nil},
		{"half a file", whole[:len(whole)/2]},
		{"another kind of file", []byte("spots,genes\n")},
		{"a damaged head", append(bytes.Repeat([]byte{0xa5}, 2000), whole[2000:]...)},
	} {
		if err := os.WriteFile(path, tc.b, 0o644); err != nil {
			t.Fatal(err)
		}
		complete(tc.reason, m, ds, true)
		complete(tc.reason+", mended", m, ds, false)
	}
	if err := spared.Save(ds, path); err != nil {
		t.Fatal(err)
	}
	complete("the data set, not yet completed, in the file", m, ds, true)
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, whole) {
		t.Errorf("the same completion gave other bytes (%v)", err)
	}
}

func opened(t *testing.T, path string) *spared.Dataset {
	t.Helper()
	ds, err := spared.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	ds.Manifest.Completed = ""
	return ds
}

// TestCompleteFileFails checks that what was there stays.
func TestCompleteFileFails(t *testing.T) {
	ds := stored(1)
	m := spackle.Untrained(ds, spared.LayerDLog, 1)
	path := filepath.Join(t.TempDir(), "completed.h5ad")
	e := spackle.GoEngine(t)
	if _, err := m.CompleteFile(context.Background(), ds, path, spackle.CompleteOptions{Engine: e}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop := func(spared.Event) { cancel() }
	other := spackle.Untrained(ds, spared.LayerDLog, 2)
	if _, err := other.CompleteFile(ctx, ds, path, spackle.CompleteOptions{Engine: e, Progress: stop}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	fewer := stored(1)
	fewer.Genes[2].ID = "ENSGX"
	if _, err := m.CompleteFile(context.Background(), fewer, path, spackle.CompleteOptions{Engine: e}); err == nil || !strings.Contains(err.Error(), "ENSGX") {
		t.Errorf("another gene: %v", err)
	}
	for _, p := range []string{filepath.Dir(path), filepath.Join(path, "x.h5ad"), filepath.Join(filepath.Dir(path), "new", "x.h5ad")} {
		if _, err := m.CompleteFile(context.Background(), ds, p, spackle.CompleteOptions{Engine: e}); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("%s as a file to write: %v", p, err)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file that was there is not what it was (%v)", err)
	}
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
		t.Errorf("left behind: %v (%v)", names, err)
	}
}

// TestEvaluateFile checks when an evaluation is read and when it is computed
// anew, and that the result is that of Evaluate either way.
func TestEvaluateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "evaluation.json")
	w := &watch{t: t, path: path}
	e := spackle.GoEngine(t)
	options := func(ds *spared.Dataset, model uint64) spackle.EvaluateOptions {
		c, err := spackle.NewCompleter(spackle.Untrained(ds, spared.LayerDLog, model), ds, e)
		if err != nil {
			t.Fatal(err)
		}
		return spackle.EvaluateOptions{Methods: []baseline.Completer{baseline.Median{}, &baseline.Kernel{}, c}, Masks: 2, Bootstrap: 20, Progress: w.progress}
	}
	timeless := cmp.Options{equal, cmpopts.IgnoreFields(spackle.Score{}, "Seconds")}
	evaluate := func(reason string, ds *spared.Dataset, o spackle.EvaluateOptions, computes bool) {
		t.Helper()
		silent := o
		silent.Progress = nil
		want, err := spackle.Evaluate(context.Background(), ds, silent)
		if err != nil {
			t.Fatal(err)
		}
		w.begin()
		got, err := spackle.EvaluateFile(context.Background(), ds, path, o)
		if err != nil {
			t.Fatalf("%s: %v", reason, err)
		}
		w.end(reason, computes)
		if diff := cmp.Diff(want, got, timeless); diff != "" {
			t.Errorf("%s: another result than Evaluate's:\n%s", reason, diff)
		}
		if len(got.Methods[0].Genes) != len(ds.Genes) || (len(got.Methods[0].Pairs) == 0) != (o.Pairs < 0) {
			t.Errorf("%s: %d genes, %d pairs", reason, len(got.Methods[0].Genes), len(got.Methods[0].Pairs))
		}
	}
	ds := stored(1)
	o := options(ds, 1)
	evaluate("the first time", ds, o, true)
	evaluate("again", ds, o, false)
	evaluate("the same data and model made again", stored(1), options(stored(1), 1), false)
	o.Seed, o.Split, o.Pairs, o.Name = 42, spared.Test, 20_000, "one, two, three"
	evaluate("the defaults written out", ds, o, false)
	base := o
	for _, tc := range []struct {
		reason string
		change func(*spared.Dataset, *spackle.EvaluateOptions)
	}{
		{"another seed", func(_ *spared.Dataset, o *spackle.EvaluateOptions) { o.Seed = 7 }},
		{"another mask", func(_ *spared.Dataset, o *spackle.EvaluateOptions) { o.Masks = 3 }},
		{"the other rule", func(_ *spared.Dataset, o *spackle.EvaluateOptions) { o.Rule = spackle.PMed }},
		{"another split", func(_ *spared.Dataset, o *spackle.EvaluateOptions) { o.Split = spared.Val }},
		{"the other protocol", func(_ *spared.Dataset, o *spackle.EvaluateOptions) { o.Protocol = spackle.Published }},
		{"other resamples", func(_ *spared.Dataset, o *spackle.EvaluateOptions) { o.Bootstrap = 10 }},
		{"no pairs", func(_ *spared.Dataset, o *spackle.EvaluateOptions) { o.Pairs = -1 }},
		{"another name", func(_ *spared.Dataset, o *spackle.EvaluateOptions) { o.Name = "mine" }},
		{"a method less", func(_ *spared.Dataset, o *spackle.EvaluateOptions) { o.Methods = o.Methods[:2] }},
		{"another order of methods", func(_ *spared.Dataset, o *spackle.EvaluateOptions) { slices.Reverse(o.Methods) }},
		{"a method of other settings", func(_ *spared.Dataset, o *spackle.EvaluateOptions) { o.Methods[1] = &baseline.Kernel{Width: 3} }},
		{"another model", func(d *spared.Dataset, o *spackle.EvaluateOptions) { *o = options(d, 2) }},
		{"other counts", func(d *spared.Dataset, o *spackle.EvaluateOptions) { *d = *stored(2); *o = options(d, 1) }},
		{"a spot that moved", func(d *spared.Dataset, _ *spackle.EvaluateOptions) { d.Spots[len(d.Spots)-3].X += 30 }},
		{"another sum over all genes", func(d *spared.Dataset, _ *spackle.EvaluateOptions) { d.Spots[len(d.Spots)-3].RPK += 3 }},
		{"another gene of the panel", func(d *spared.Dataset, _ *spackle.EvaluateOptions) {
			d.Panel = append(d.Panel, spared.PanelGene{ID: "more"})
		}},
		{"another embedding of the picture", func(d *spared.Dataset, _ *spackle.EvaluateOptions) {
			d.Obsm = map[string]blas32.General{"embeddings_x": {Rows: len(d.Spots), Cols: 1, Stride: 1, Data: make([]float32, len(d.Spots))}}
		}},
		{"another note", func(d *spared.Dataset, _ *spackle.EvaluateOptions) { d.Manifest.Notes = []string{"be careful"} }},
		{"another recipe", func(d *spared.Dataset, _ *spackle.EvaluateOptions) { d.Manifest.Recipe.Hops = 3 }},
	} {
		changed, o := stored(1), base
		o.Methods = slices.Clone(base.Methods)
		tc.change(changed, &o)
		evaluate(tc.reason, changed, o, true)
		evaluate(tc.reason+", again", changed, o, false)
	}
	evaluate("back to the first: it was replaced", ds, base, true)

	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		reason string
		b      []byte
	}{
		{"an empty file", nil},
		{"half a file", whole[:len(whole)/2]},
		{"another kind of file", []byte("spots,genes\n")},
		{"no evaluation in it", without(t, whole, "evaluation")},
		{"no genes in it", without(t, whole, "genes")},
		{"no pairs in it", without(t, whole, "pairs")},
		{"no key in it", without(t, whole, "key")},
	} {
		if err := os.WriteFile(path, tc.b, 0o644); err != nil {
			t.Fatal(err)
		}
		evaluate(tc.reason, ds, base, true)
		evaluate(tc.reason+", mended", ds, base, false)
	}
}

// without returns a JSON object without one of its members.
func without(t *testing.T, b []byte, member string) []byte {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil {
		t.Fatal(err)
	}
	if object[member] == nil {
		t.Fatalf("there is no %q", member)
	}
	delete(object, member)
	b, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEvaluateFileDamaged changes bytes of an evaluation at random: it is read
// as it was or made again, never an error or a crash.
func TestEvaluateFileDamaged(t *testing.T) {
	const seed = 5
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	ds := stored(1)
	path := filepath.Join(t.TempDir(), "evaluation.json")
	o := spackle.EvaluateOptions{Methods: []baseline.Completer{baseline.Median{}}, Masks: 1, Pairs: 50, Bootstrap: -1}
	if _, err := spackle.EvaluateFile(context.Background(), ds, path, o); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		b := bytes.Clone(whole)
		for range 1 + rng.IntN(3) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		e, err := spackle.EvaluateFile(context.Background(), ds, path, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Methods) != 1 || len(e.Methods[0].Genes) == 0 {
			t.Fatalf("got %+v", e)
		}
	}
}

// TestEvaluateFileFails checks that what was there stays.
func TestEvaluateFileFails(t *testing.T) {
	ds := stored(1)
	path := filepath.Join(t.TempDir(), "evaluation.json")
	if _, err := spackle.EvaluateFile(context.Background(), ds, path, spackle.EvaluateOptions{}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop := func(spared.Event) { cancel() }
	if _, err := spackle.EvaluateFile(ctx, ds, path, spackle.EvaluateOptions{Seed: 7, Progress: stop}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := spackle.EvaluateFile(context.Background(), ds, path, spackle.EvaluateOptions{Masks: -1}); err == nil {
		t.Error("a negative number of masks was accepted")
	}
	for _, p := range []string{filepath.Dir(path), filepath.Join(path, "x.json"), filepath.Join(filepath.Dir(path), "new", "x.json")} {
		if _, err := spackle.EvaluateFile(context.Background(), ds, p, spackle.EvaluateOptions{}); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("%s as a file to write: %v", p, err)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file that was there is not what it was (%v)", err)
	}
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
		t.Errorf("left behind: %v (%v)", names, err)
	}
}

// TestContestants checks whom a model is compared with.
func TestContestants(t *testing.T) {
	ds := stored(1)
	all, err := spackle.Contestants(ds, spackle.Untrained(ds, spared.LayerDLog, 1), spackle.GoEngine(t))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range all {
		names = append(names, c.Name())
	}
	if !slices.Equal(names, []string{"median", "kernel", "poisson factor", "spackle"}) {
		t.Errorf("got %v", names)
	}
	other := stored(1)
	other.Genes[0].ID = "ENSGX"
	if _, err := spackle.Contestants(other, spackle.Untrained(ds, spared.LayerDLog, 1), spackle.GoEngine(t)); err == nil || !strings.Contains(err.Error(), "ENSGX") {
		t.Errorf("a model of other genes: %v", err)
	}
}

// TestDigest checks that a model is known by all that its predictions depend
// on, and by nothing else.
func TestDigest(t *testing.T) {
	ds := stored(1)
	m := spackle.Untrained(ds, spared.LayerDLog, 1)
	path := filepath.Join(t.TempDir(), "model")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	same, err := spackle.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	same.Training.Engine = "another"
	if same.Digest() != m.Digest() {
		t.Error("a model read back is another model")
	}
	seen := map[string]string{m.Digest(): "itself"}
	for reason, change := range map[string]func(*spackle.Model){
		"weights":   func(m *spackle.Model) { *m = *spackle.Untrained(ds, spared.LayerDLog, 2) },
		"layer":     func(m *spackle.Model) { m.Layer = spared.LayerLog },
		"genes":     func(m *spackle.Model) { m.Genes = slices.Clone(m.Genes); slices.Reverse(m.Genes) },
		"attention": func(m *spackle.Model) { m.Config.Attention = spackle.Batch },
	} {
		other := *m
		change(&other)
		if as, ok := seen[other.Digest()]; ok {
			t.Errorf("a model of other %s is taken for %s", reason, as)
		}
		seen[other.Digest()] = reason
	}
}
