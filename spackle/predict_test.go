package spackle

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// scene is a slide with a model of its genes.
func scene(seed uint64) (m *Model, input blas32.General, x, y []float64) {
	ds := syntheticTissue(1, 10, 10, 4, seed)
	m = sampleModel(4)
	m.weights = randomWeights(m.Config, rand.New(rand.NewPCG(seed, 3)))
	for _, s := range ds.Spots {
		x, y = append(x, s.X), append(y, s.Y)
	}
	return m, ds.Layers[spared.LayerLog], x, y
}

func predict(t *testing.T, m *Model, input blas32.General, x, y []float64) blas32.General {
	t.Helper()
	table, err := Neighborhoods(x, y, Neighbors)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Predict(context.Background(), goEngine(t), input, table)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func rowDiff(a, b blas32.General, i, j int) float64 {
	d := 0.0
	for g := range a.Cols {
		d = math.Max(d, math.Abs(float64(a.Data[i*a.Stride+g])-float64(b.Data[j*b.Stride+g])))
	}
	return d
}

// TestPredictReference compares prediction, which fills up batches and skips
// what it does not need, with the network written out by hand.
func TestPredictReference(t *testing.T) {
	m, input, x, y := scene(1)
	table, err := Neighborhoods(x, y, Neighbors)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines(t) {
		got, err := m.Predict(context.Background(), e, input, table)
		if err != nil {
			t.Fatal(err)
		}
		hood := make([]float32, Tokens*4)
		for i := range got.Rows {
			gather(hood, input, table[i*Tokens:(i+1)*Tokens])
			want := reference{m.Config, m.weights}.run(hood, 1, Tokens)[:4]
			if d := farthest(got.Data[i*4:i*4+4], want); d > 1e-4 {
				t.Fatalf("%s: spot %d is off by %g", e.Kind, i, d)
			}
		}
	}
}

// TestPredictLocal: a prediction depends on the 19 spots of its neighbourhood
// and nothing else.
func TestPredictLocal(t *testing.T) {
	const seed = 6
	rng := rand.New(rand.NewPCG(seed, 0))
	m, input, x, y := scene(seed)
	base := predict(t, m, input, x, y)
	const spot, same = 44, 1e-5

	perm := rng.Perm(len(x))
	px, py := make([]float64, len(x)), make([]float64, len(x))
	pin := blas32.General{Rows: input.Rows, Cols: 4, Stride: 4, Data: make([]float32, len(input.Data))}
	for i, p := range perm {
		px[i], py[i] = x[p], y[p]
		copy(pin.Data[i*4:], input.Data[p*4:p*4+4])
	}
	permuted := predict(t, m, pin, px, py)
	// Ties of distance go by index, so the order of a neighbourhood, and at its
	// rim its members, may change with the order of spots: compare spots whose
	// 18 neighbours are nearer than all others.
	compared := 0
	for i, p := range perm {
		if clearRim(x, y, p) {
			compared++
			if d := rowDiff(permuted, base, i, p); d > same {
				t.Errorf("seed %d: other order of spots: spot %d changes by %g", seed, p, d)
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d spots could be compared", compared)
	}

	changed := func(j int) float64 {
		in := blas32.General{Rows: input.Rows, Cols: 4, Stride: 4, Data: slices.Clone(input.Data)}
		for g := range 4 {
			in.Data[j*4+g] += 3
		}
		return rowDiff(predict(t, m, in, x, y), base, spot, spot)
	}
	if d := changed(99); d != 0 {
		t.Errorf("a spot far away changes the prediction by %g", d)
	}
	for _, j := range []int{spot, spot + 1, spot + 2} {
		if d := changed(j); d < 1e-3 {
			t.Errorf("spot %d is in the neighbourhood but changes the prediction by %g only", j, d)
		}
	}
	mx := slices.Clone(x)
	mx[99] += 5000
	if d := rowDiff(predict(t, m, input, mx, y), base, spot, spot); d != 0 {
		t.Errorf("moving a spot far away changes the prediction by %g", d)
	}
	mx = slices.Clone(x)
	mx[spot+1] += 5000
	if d := rowDiff(predict(t, m, input, mx, y), base, spot, spot); d < 1e-3 {
		t.Errorf("moving a neighbour away changes the prediction by %g only", d)
	}
}

// clearRim reports whether the 18th and 19th nearest spots differ in distance.
func clearRim(x, y []float64, i int) bool {
	var d []float64
	for j := range x {
		if j != i {
			d = append(d, math.Hypot(x[j]-x[i], y[j]-y[i]))
		}
	}
	slices.Sort(d)
	return d[18]-d[17] > 1
}

// TestPredictBatchAttention: the released form depends on what shares a batch
// and not on the spot's own neighbours.
func TestPredictBatchAttention(t *testing.T) {
	m, input, x, y := scene(2)
	m.Config.Attention = Batch
	base := predict(t, m, input, x, y)
	in := blas32.General{Rows: input.Rows, Cols: 4, Stride: 4, Data: slices.Clone(input.Data)}
	for g := range 4 {
		in.Data[99*4+g] += 3
	}
	if d := rowDiff(predict(t, m, in, x, y), base, 44, 44); d == 0 {
		t.Error("a spot far away of the same batch makes no difference")
	}
	var order []float32
	for i := range 100 {
		order = append(order, input.Data[i*4:i*4+4]...)
	}
	slots := make([]float32, 100*Tokens*4)
	for i := range 100 {
		copy(slots[i*Tokens*4:], order[i*4:i*4+4]) // other slots do not matter
	}
	want := reference{m.Config, m.weights}.run(slots, 100, Tokens)
	for i := range 100 {
		if d := farthest(base.Data[i*4:i*4+4], want[i*Tokens*4:i*Tokens*4+4]); d > 1e-4 {
			t.Fatalf("spot %d is off by %g", i, d)
		}
	}
}

func TestPredictRefuses(t *testing.T) {
	m, input, _, _ := scene(1)
	for _, tc := range []struct {
		reason string
		input  blas32.General
		nbr    []int32
		errHas string
	}{
		{reason: "other genes", input: blas32.General{Rows: 1, Cols: 3, Stride: 3, Data: make([]float32, 3)}, nbr: make([]int32, Tokens), errHas: "genes"},
		{reason: "half a neighbourhood", input: input, nbr: make([]int32, Tokens-1), errHas: "multiple"},
		{reason: "a row that is not there", input: input, nbr: append(make([]int32, Tokens-1), 100), errHas: "row 100"},
		{reason: "padding of KNNSorted", input: input, nbr: append(make([]int32, Tokens-1), -1), errHas: "row -1"},
	} {
		if _, err := m.Predict(context.Background(), goEngine(t), tc.input, tc.nbr); err == nil || !strings.Contains(err.Error(), tc.errHas) {
			t.Errorf("%s: error %v, want one with %q", tc.reason, err, tc.errHas)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Predict(ctx, goEngine(t), input, make([]int32, Tokens)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestComplete(t *testing.T) {
	ds := syntheticTissue(2, 6, 6, 4, 3)
	m, _, _, _ := scene(1)
	var events []spared.Event
	err := m.Complete(context.Background(), ds, CompleteOptions{Engine: goEngine(t), Progress: func(e spared.Event) { events = append(events, e) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 2 || events[1].Done != 72 {
		t.Errorf("events %+v", events)
	}
	done, deltas, before := ds.Layers[spared.LayerCTLog], ds.Layers[spared.LayerCTDelta], ds.Layers[spared.LayerDLog]
	mean := ds.TrainMean[spared.LayerCTLog]
	sum := make([]float64, 4)
	missing := 0
	for i, measured := range ds.Mask {
		if measured && done.Data[i] != before.Data[i] {
			t.Fatalf("a measured value became %g, was %g", done.Data[i], before.Data[i])
		}
		if !measured {
			missing++
			if done.Data[i] == before.Data[i] {
				t.Errorf("entry %d is still the median's", i)
			}
		}
		if want := float32(float64(done.Data[i]) - mean[i%4]); deltas.Data[i] != want {
			t.Fatalf("delta %g, want %g", deltas.Data[i], want)
		}
		if ds.Spots[i/4].Split == spared.Train {
			sum[i%4] += float64(done.Data[i]) / 36
		}
	}
	if missing == 0 {
		t.Fatal("nothing was missing")
	}
	for g := range sum {
		if math.Abs(sum[g]-mean[g]) > 1e-6 {
			t.Errorf("gene %d: mean %g over train spots, want %g", g, mean[g], sum[g])
		}
	}
	// The input has 0 for what is missing, and neighbours of the same slide.
	i := slices.Index(ds.Mask, false)
	var x, y []float64
	slide := ds.Spots[i/4].Slide
	rows := ds.SpotsOf(slide)
	in := blas32.General{Rows: len(rows), Cols: 4, Stride: 4, Data: make([]float32, 4*len(rows))}
	for k, r := range rows {
		x, y = append(x, ds.Spots[r].X), append(y, ds.Spots[r].Y)
		for g := range 4 {
			if ds.Mask[r*4+g] {
				in.Data[k*4+g] = before.Data[r*4+g]
			}
		}
	}
	want := predict(t, m, in, x, y)
	if got, w := done.Data[i], want.Data[(i/4-rows[0])*4+i%4]; math.Abs(float64(got-w)) > 1e-5 {
		t.Errorf("a missing value became %g, the network says %g", got, w)
	}
	// Without train spots there is no mean to subtract.
	for i := range ds.Spots {
		ds.Spots[i].Split = spared.Test
	}
	if err := m.Complete(context.Background(), ds, CompleteOptions{Engine: goEngine(t)}); err != nil {
		t.Fatal(err)
	}
	if _, ok := ds.Layers[spared.LayerCTDelta]; ok {
		t.Error("deltas of an earlier completion stayed")
	}
}

func TestCompleteRefuses(t *testing.T) {
	m, _, _, _ := scene(1)
	for _, tc := range []struct {
		reason string
		change func(*spared.Dataset)
		errHas string
	}{
		{reason: "another gene", change: func(ds *spared.Dataset) { ds.Genes[2] = spared.Gene{ID: "ENSX", Symbol: "X"} }, errHas: "ENSG2 is missing"},
		{reason: "without its layer", change: func(ds *spared.Dataset) { delete(ds.Layers, spared.LayerDLog) }, errHas: `trained on layer "d_log1p", which the data set does not have`},
	} {
		ds := syntheticTissue(1, 5, 5, 4, 1)
		tc.change(ds)
		if err := m.Complete(context.Background(), ds, CompleteOptions{Engine: goEngine(t)}); err == nil || !strings.Contains(err.Error(), tc.errHas) {
			t.Errorf("%s: error %v, want one with %q", tc.reason, err, tc.errHas)
		}
	}
	for genes, want := range map[int]string{3: "ENSG3 is missing", 5: "ENSG4 (G4) is not among"} {
		if err := m.Complete(context.Background(), syntheticTissue(1, 1, 2, genes, 1), CompleteOptions{Engine: goEngine(t)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d genes: %v, want %q", genes, err, want)
		}
	}
}
