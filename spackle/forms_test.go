package spackle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// ranked is a tissue whose genes have a known order by Moran's I, last first,
// and an embedding of a picture.
func ranked(slides, genes int) *spared.Dataset {
	ds := syntheticTissue(slides, 6, 6, genes, 2)
	for g := range ds.Genes {
		ds.Genes[g].Moran = float64(g) / 10
	}
	rng := rand.New(rand.NewPCG(5, 0))
	f := matrix(len(ds.Spots), 3)
	for k := range f.Data {
		f.Data[k] = float32(rng.NormFloat64())
	}
	ds.Obsm = map[string]blas32.General{"embeddings_vit": f}
	return ds
}

// variants are trainings with each of the options, and all that fit together.
func variants() []struct {
	reason string
	change func(*TrainOptions)
} {
	return []struct {
		reason string
		change func(*TrainOptions)
	}{
		{"the released form", func(o *TrainOptions) { o.Form, o.Batch = FormReleased, 8 }},
		{"no neighbours", func(o *TrainOptions) { o.Neighbors = -1 }},
		{"six neighbours, sought across slides", func(o *TrainOptions) { o.Neighbors, o.NeighborsAcrossSlides = 6, true }},
		{"thirty-six neighbours", func(o *TrainOptions) { o.Neighbors = 36 }},
		{"context genes", func(o *TrainOptions) { o.Genes, o.Targets = 5, 3 }},
		{"some genes alone", func(o *TrainOptions) { o.Genes = 3 }},
		{"a picture", func(o *TrainOptions) { o.Features = "embeddings_vit" }},
		{"without pre-completion", func(o *TrainOptions) { o.Raw = true }},
		{"four heads", func(o *TrainOptions) { o.Heads = 4 }},
		{"patience that runs out", func(o *TrainOptions) { o.Patience, o.Rate, o.ValEvery = 2, 0.3, 2 }},
		{"all at once", func(o *TrainOptions) {
			o.Form, o.Batch, o.Width, o.Heads, o.Neighbors, o.NeighborsAcrossSlides = FormReleased, 8, 8, 2, 6, true
			o.Genes, o.Targets, o.Features, o.Raw, o.Patience = 5, 3, "embeddings_vit", true, 100
		}},
	}
}

// TestVariants trains each, kills and resumes it, loads it, and completes with
// it: the same bytes as unbroken, measured values and context as they were.
func TestVariants(t *testing.T) {
	e := goEngine(t)
	ds := ranked(3, 6)
	for _, tc := range variants() {
		options := func() TrainOptions {
			o := quick(e, 12)
			o.config = func(c *Config) {
				if c.Hidden = 16; c.Width == 128 {
					c.Width = 8
				}
			}
			tc.change(&o)
			return o
		}
		whole, parts := t.TempDir(), t.TempDir()
		m, err := Train(context.Background(), ds, whole, options())
		if err != nil {
			t.Fatalf("%s: %v", tc.reason, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		o := options()
		o.Report = func(r Report) {
			if r.Step == 3 {
				cancel()
			}
		}
		if _, err := Train(ctx, ds, parts, o); !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: %v", tc.reason, err)
		}
		if _, err := Train(context.Background(), ds, parts, options()); err != nil {
			t.Fatalf("%s: %v", tc.reason, err)
		}
		a, b := files(t, whole), files(t, parts)
		if len(b) != 1 || !bytes.Equal(a[modelFile], b[modelFile]) {
			t.Errorf("%s: a resumed training gives another model", tc.reason)
		}
		loaded, err := Load(whole)
		if err != nil || loaded.Digest() != m.Digest() || fmt.Sprint(loaded.Config, loaded.Targets, loaded.Features, loaded.NeighborsAcrossSlides) != fmt.Sprint(m.Config, m.Targets, m.Features, m.NeighborsAcrossSlides) {
			t.Errorf("%s: saved %+v, loaded %+v (%v)", tc.reason, m, loaded, err)
		}
		completeVariant(t, tc.reason, loaded, ds)
	}
}

// completeVariant checks what a model leaves as it was.
func completeVariant(t *testing.T, reason string, m *Model, ds *spared.Dataset) {
	t.Helper()
	done := ds.Clone()
	err := m.Complete(context.Background(), done, CompleteOptions{Engine: goEngine(t)})
	if len(m.Genes) < len(ds.Genes) {
		if err == nil || !strings.Contains(err.Error(), "ENSG0 (G0) is not among") {
			t.Errorf("%s: completing genes that it does not know: %v", reason, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", reason, err)
	}
	got, was := done.Layers[spared.LayerCTLog], ds.Layers[m.Layer]
	target, changed, missing := m.isTarget(), 0, 0
	for at, measured := range ds.Mask {
		i, g := at/len(ds.Genes), at%len(ds.Genes)
		x, y := got.Data[i*got.Stride+g], was.Data[i*was.Stride+g]
		switch {
		case (measured || !target[g]) && x != y:
			t.Fatalf("%s: spot %d, gene %d became %g, was %g", reason, i, g, x, y)
		case !measured && target[g]:
			missing++
			if x != y {
				changed++
			}
		}
	}
	if missing == 0 || changed < missing*9/10 {
		t.Errorf("%s: %d of %d missing values were completed", reason, changed, missing)
	}
}

// TestContext: context genes are seen and never hidden, neither in training nor
// in validation, and their missing values keep their median.
func TestContext(t *testing.T) {
	ds := ranked(2, 6)
	r, err := newRun(ds, t.TempDir(), TrainOptions{Genes: 5, Targets: 2, Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ENSG1", "ENSG2", "ENSG3", "ENSG4", "ENSG5"}; !slices.Equal(r.model.Genes, want) || !slices.Equal(r.model.Targets, want[3:]) {
		t.Errorf("genes %v, targets %v, want the five with the highest Moran's I, and of them two", r.model.Genes, r.model.Targets)
	}
	b := r.batch(0)
	hidden := [2]int{}
	for _, h := range [][]bool{b.hidden, r.valHidden} {
		for k, h := range h {
			switch {
			case h && k%5 < 3:
				t.Fatalf("entry %d of a context gene is hidden", k)
			case h:
				hidden[k%5-3]++
			}
		}
	}
	if hidden[0] == 0 || hidden[1] == 0 {
		t.Errorf("targets are hidden %v times", hidden)
	}
	for k, x := range b.x[:5] {
		if want := ds.Layers[spared.LayerDLog].Data[int(r.trainRows[r.order[0]])*6+1+k]; x != want {
			t.Errorf("column %d of the first spot is %g, want gene %d's %g", k, x, k+1, want)
		}
	}
}

// TestRaw: without pre-completion a missing value is 0 in the input and in the
// target of the loss.
func TestRaw(t *testing.T) {
	ds := ranked(2, 4)
	r, err := newRun(ds, t.TempDir(), TrainOptions{Raw: true, Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	if r.model.Layer != spared.LayerLog || !slices.Contains(r.batch(0).x, 0) {
		t.Errorf("it learns from layer %s", r.model.Layer)
	}
	ds.Correction = map[string]*spared.Affine{spared.LayerCLog: {}}
	ds.Layers[spared.LayerCLog] = ds.Layers[spared.LayerLog]
	if r, err = newRun(ds, t.TempDir(), TrainOptions{Raw: true}); err != nil || r.model.Layer != spared.LayerCLog {
		t.Errorf("with a batch correction: %v", err)
	}
}

// TestForms: a form is what its name stands for, and its parts can be chosen
// one by one.
func TestForms(t *testing.T) {
	ds := ranked(2, 4)
	for _, tc := range []struct {
		reason string
		o      TrainOptions
		want   Config
		start  Start
		batch  int // of 36 train spots at most
	}{
		{"nothing said", TrainOptions{Batch: 20}, Paper(4), StartMeans, 20},
		{"the paper's by name", TrainOptions{Form: FormPaper}, Paper(4), StartMeans, 36},
		{"the released one", TrainOptions{Form: FormReleased}, Released(4), StartTorch, 36},
		{"with attention over the neighbourhood", TrainOptions{Form: FormReleased, Attention: Neighborhood, Width: 128, Start: StartMeans, Batch: 9}, Paper(4), StartMeans, 9},
		{"the paper's, over the batch", TrainOptions{Attention: Batch, Width: 4, Start: StartTorch}, Released(4), StartTorch, 36},
	} {
		r, err := newRun(ds, t.TempDir(), tc.o)
		if err != nil {
			t.Errorf("%s: %v", tc.reason, err)
			continue
		}
		if r.model.Config != tc.want || r.o.Start != tc.start || r.o.Batch != tc.batch {
			t.Errorf("%s: %+v, start %s, batch %d", tc.reason, r.model.Config, r.o.Start, r.o.Batch)
		}
	}
}

// TestPatience trains at a rate that soon leads nowhere.
func TestPatience(t *testing.T) {
	ds := ranked(2, 4)
	o := quick(goEngine(t), 400)
	o.Patience, o.ValEvery, o.Rate = 3, 2, 0.3
	var last Report
	steps := 0
	o.Report = func(r Report) { last = r; steps++ }
	dir := t.TempDir()
	m, err := Train(context.Background(), ds, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	tr := &m.Training
	if tr.Step == 400 || tr.Step != tr.BestStep+3*2 || !tr.Finished() || !last.Early || last.Left != 0 || last.Step != tr.Step {
		t.Errorf("ended at step %d, best %d; last report %+v", tr.Step, tr.BestStep, last)
	}
	if n := len(files(t, dir)); n != 1 {
		t.Errorf("%d files left", n)
	}
	steps = 0
	if again, err := Train(context.Background(), ds, dir, o); err != nil || steps > 0 || again.Training.Step != tr.Step {
		t.Errorf("a training that ended early was not opened: %d steps, %v", steps, err)
	}
	o.Patience = 4
	if again, err := Train(context.Background(), ds, dir, o); err != nil || steps == 0 || again.Training.Step <= tr.Step {
		t.Errorf("with more patience: %d steps, %v", steps, err)
	}
}

// TestAcrossSlides compares with a search over all pairs: neighbours of any
// slide, by rising row.
func TestAcrossSlides(t *testing.T) {
	ds := ranked(3, 2) // slides share their coordinates
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range ds.Spots { // no ties
		ds.Spots[i].X += rng.Float64()
	}
	rows := ds.SpotsIn(spared.Val) // two slides
	table, err := surroundings{tokens: 7, across: true}.of(ds, rows)
	if err != nil {
		t.Fatal(err)
	}
	crossed := 0
	for k, i := range rows {
		near := slices.DeleteFunc(slices.Clone(rows), func(j int) bool { return j == i })
		distance := func(j int) float64 {
			return math.Hypot(ds.Spots[j].X-ds.Spots[i].X, ds.Spots[j].Y-ds.Spots[i].Y)
		}
		slices.SortFunc(near, func(a, b int) int {
			if distance(a) < distance(b) {
				return -1
			}
			return 1
		})
		near = near[:6]
		slices.Sort(near)
		want := []int32{int32(i)}
		for _, j := range near {
			want = append(want, int32(j))
			if ds.Spots[j].Slide != ds.Spots[i].Slide {
				crossed++
			}
		}
		if got := table[k*7 : k*7+7]; !slices.Equal(got, want) {
			t.Fatalf("spot %d: %v, want %v", i, got, want)
		}
	}
	if crossed == 0 {
		t.Error("no neighbour is of another slide")
	}
}

// TestPicture: what the picture shows changes predictions, and the start takes
// it into account.
func TestPicture(t *testing.T) {
	ds := ranked(2, 4)
	r, err := newRun(ds, t.TempDir(), TrainOptions{Features: "embeddings_vit", config: func(c *Config) { c.Width, c.Hidden = 8, 16 }})
	if err != nil {
		t.Fatal(err)
	}
	w, f := r.initial(), ds.Obsm["embeddings_vit"]
	mean := make([]float64, 7)
	for _, i := range r.trainRows {
		for g := range 4 {
			mean[g] += float64(r.values.Data[i*r.values.Stride+g]) / float64(len(r.trainRows))
		}
		for d := range 3 {
			mean[4+d] += float64(f.Data[i*3+d]) / float64(len(r.trainRows))
		}
	}
	ref := reference{r.model.Config, w}
	seen := ref.linear("visual", [][]float64{mean[4:]})[0]
	for e, x := range ref.linear("input", [][]float64{append(mean[:4:4], seen...)})[0] {
		if math.Abs(x) > 1e-5 {
			t.Errorf("the mean enters as %g in dimension %d", x, e)
			break
		}
	}
	if b := r.batch(0); len(b.x)/7 != len(b.hidden)/4 || b.x[4] != f.Data[r.trainRows[r.order[0]]*3] {
		t.Error("a batch does not hold the picture")
	}
	r.model.weights = w
	done := [2]*spared.Dataset{ds.Clone(), ds.Clone()}
	done[1].Obsm["embeddings_vit"] = matrix(len(ds.Spots), 3)
	for _, d := range done {
		if err := r.model.Complete(context.Background(), d, CompleteOptions{Engine: goEngine(t)}); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Equal(done[0].Layers[spared.LayerCTLog].Data, done[1].Layers[spared.LayerCTLog].Data) {
		t.Error("the picture makes no difference")
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, tc := range []struct {
		reason string
		o      TrainOptions
		change func(*spared.Dataset)
		errHas string
	}{
		{reason: "a form that is not known", o: TrainOptions{Form: "published"}, errHas: `form "published", want "paper" or "released"`},
		{reason: "more genes than there are", o: TrainOptions{Genes: 7}, errHas: "7 genes are to be learnt, of the data set's 6"},
		{reason: "fewer than none", o: TrainOptions{Genes: -1}, errHas: "-1 genes"},
		{reason: "more targets than genes", o: TrainOptions{Genes: 3, Targets: 4}, errHas: "4 genes are to be completed, of the 3"},
		{reason: "wider than memory has room for", o: TrainOptions{Width: 100_000}, errHas: "width 100000: want at most 8192"},
		{reason: "heads that do not divide the width", o: TrainOptions{Heads: 3}, errHas: "3 heads for a width of 128"},
		{reason: "negative patience", o: TrainOptions{Patience: -1}, errHas: "patience -1"},
		{reason: "raw values of a layer", o: TrainOptions{Raw: true, Layer: spared.LayerDLog}, errHas: "leave one of them out"},
		{reason: "no such embedding", o: TrainOptions{Features: "X_uni"}, errHas: `no embedding "X_uni" in obsm; it has embeddings_vit`},
		{reason: "an embedding of other spots", o: TrainOptions{Features: "embeddings_vit"}, change: func(ds *spared.Dataset) { ds.Obsm["embeddings_vit"] = matrix(3, 3) }, errHas: "3 rows"},
		{reason: "an embedding that is not a number", o: TrainOptions{Features: "embeddings_vit"}, change: func(ds *spared.Dataset) { ds.Obsm["embeddings_vit"].Data[4] = float32(math.NaN()) }, errHas: "NaN at spot s1"},
		{reason: "a gene that no train spot measured", change: func(ds *spared.Dataset) {
			for i := range ds.Spots {
				ds.Mask[i*6+2] = ds.Mask[i*6+2] && ds.Spots[i].Split != spared.Train
			}
		}, errHas: "gene ENSG2 (G2) was measured in none of the 36 train spots"},
		{reason: "no train spots", change: func(ds *spared.Dataset) {
			for i := range ds.Spots {
				ds.Spots[i].Split = spared.Val
			}
		}, errHas: "needs train and validation spots; the data set has 0 and 72"},
	} {
		ds := ranked(2, 6)
		if tc.change != nil {
			tc.change(ds)
		}
		if _, err := newRun(ds, t.TempDir(), tc.o); err == nil || !strings.Contains(err.Error(), tc.errHas) {
			t.Errorf("%s: error %v, want one with %q", tc.reason, err, tc.errHas)
		}
	}
}

// TestFewSpots: a slide of five spots can be learnt from and completed, a gene
// that no train spot measured may be context.
func TestFewSpots(t *testing.T) {
	ds := syntheticTissue(2, 1, 5, 4, 1)
	for g := range ds.Genes {
		ds.Genes[g].Moran = float64(g)
	}
	for i := range ds.Spots {
		ds.Mask[i*4] = false
		ds.Layers[spared.LayerDLog].Data[i*4] = 0
	}
	o := quick(goEngine(t), 5)
	o.Targets = 3
	m, err := Train(context.Background(), ds, t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Complete(context.Background(), ds, CompleteOptions{Engine: o.Engine}); err != nil {
		t.Error(err)
	}
	if want := "SpaCKLE (3 of 4 genes)"; ds.Manifest.Completer != want {
		t.Errorf("completed by %q, want %q", ds.Manifest.Completer, want)
	}
}

// TestOldRecord: models from before heads, neighbours and the rest could be
// chosen have none of these in their record, and are what they were.
func TestOldRecord(t *testing.T) {
	dir := t.TempDir()
	m := sampleModel(4)
	if err := m.Save(dir + "/" + modelFile); err != nil {
		t.Fatal(err)
	}
	editRecord(func(r map[string]any) {
		n := r["network"].(map[string]any)
		if n["tokens"] != 19. || n["heads"] != 1. {
			t.Errorf("a new record does not say how many neighbours and heads there are: %v", n)
		}
		delete(n, "tokens")
		delete(n, "heads")
	})(t, dir)
	old, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if old.Config != m.Config {
		t.Errorf("%+v, want %+v", old.Config, m.Config)
	}
	// The digest as it was made then.
	type config struct {
		Genes, Width, Hidden, Layers int
		Dropout                      float64
		Attention                    Attention
	}
	c := m.Config
	h := sha256.New()
	fmt.Fprintf(h, "%+v %q %q\n", config{c.Genes, c.Width, c.Hidden, c.Layers, c.Dropout, c.Attention}, m.Layer, m.Genes)
	for _, p := range c.parameters() {
		fmt.Fprintf(h, "%s %v\n", p.name, p.dims)
		binary.Write(h, binary.LittleEndian, m.weights[p.name])
	}
	if want := hex.EncodeToString(h.Sum(nil)); old.Digest() != want {
		t.Errorf("digest %s, want %s", old.Digest(), want)
	}
}
