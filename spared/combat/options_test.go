package combat_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/combat"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
)

func matrixOf(rows [][]float64) dense.Matrix[float64] {
	m := dense.New[float64](len(rows), len(rows[0]))
	for i, r := range rows {
		copy(m.Row(i), r)
	}
	return m
}

// TestOptionsEqualInmoose reads testdata/inmoose.json: 12 spots x 5 genes in 3
// batches, and what inmoose.pycombat.pycombat_norm 0.9.1 makes of them by its
// options (covar_mod is category, of two, and age, a number; ref_batch 1).
func TestOptionsEqualInmoose(t *testing.T) {
	text, err := os.ReadFile("testdata/inmoose.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	field := func(name string, v any) {
		if err := json.Unmarshal(all[name], v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var x [][]float64
	var batch []int
	var group, age []float64
	field("x", &x)
	field("batch", &batch)
	field("category", &group)
	field("age", &age)
	one, two := dense.New[float64](len(x), 1), dense.New[float64](len(x), 2)
	for i := range x {
		one.Set(i, 0, group[i])
		two.Set(i, 0, group[i])
		two.Set(i, 1, age[i])
	}
	for name, o := range map[string]combat.Options{
		"plain":               {},
		"mean_only":           {MeanOnly: true},
		"reference":           {HasReference: true, Reference: 1},
		"reference_mean_only": {HasReference: true, Reference: 1, MeanOnly: true},
		"group":               {Covariates: one},
		"group_age":           {Covariates: two},
		"group_reference":     {Covariates: one, HasReference: true, Reference: 1},
		"group_mean_only":     {Covariates: one, MeanOnly: true},
	} {
		var want [][]float64
		field(name, &want)
		got := matrixOf(x)
		if _, _, _, err := combat.CorrectWith(got, batch, 3, o); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, row := range want {
			for j, w := range row {
				goldentest.Near(t, 1e-10, got.At(i, j), w, "%s: spot %d, gene %d", name, i, j)
			}
		}
	}
}

// TestSampleVarianceEqualsScanpy reads what scanpy.pp.combat 1.11.5 makes of the
// same spots and batches without covariates.
func TestSampleVarianceEqualsScanpy(t *testing.T) {
	var in struct {
		X     [][]float64
		Batch []int
	}
	var want struct{ Plain [][]float64 }
	for file, v := range map[string]any{"inmoose.json": &in, "scanpy.json": &want} {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, v); err != nil {
			t.Fatal(err)
		}
	}
	got := matrixOf(in.X)
	if _, _, _, err := combat.CorrectWith(got, in.Batch, 3, combat.Options{SampleVariance: true}); err != nil {
		t.Fatal(err)
	}
	for i, row := range want.Plain {
		for j, w := range row {
			goldentest.Near(t, 1e-10, got.At(i, j), w, "spot %d, gene %d", i, j)
		}
	}
}

// TestFitWithoutCopies fits on some spots and applies to others by numbers of
// batches, and compares with copies of the rows.
func TestFitWithoutCopies(t *testing.T) {
	const seed = 24
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	x, batch := batched(rng, []int{30, 20, 25}, 9)
	// Batches 0 and 1 train, but for every fourth of their spots; batch 2 is new.
	read := slices.Clone(batch)
	var rows, of []int
	for i, b := range batch {
		if b < 2 && i%4 == 0 {
			read[i] = -1
		} else if b < 2 {
			rows, of = append(rows, i), append(of, b)
		}
	}
	m, err := combat.MomentsOf(x, read, 3, combat.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.FitOn([]int{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	want, err := combat.Estimate(x.Select(rows, nil), of, 2)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Mean, want.Mean) || !slices.Equal(f.SD, want.SD) {
		t.Error("the fit by batch numbers is not that of copied rows")
	}
	for b := range 3 {
		var own []int
		for i := range read {
			if read[i] == b {
				own = append(own, i)
			}
		}
		slope, intercept, err := f.Line(m, b)
		if err != nil {
			t.Fatal(err)
		}
		wantSlope, wantIntercept, err := combat.Shift(want, x.Select(own, nil))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(slope, wantSlope) || !slices.Equal(intercept, wantIntercept) {
			t.Errorf("batch %d: the line by batch numbers is not that of copied rows", b)
		}
	}
	before := x.Clone()
	if _, _, _, err := combat.Correct(x, read, 3); err != nil {
		t.Fatal(err)
	}
	for i, b := range read {
		if same := slices.Equal(x.Row(i), before.Row(i)); same != (b < 0) {
			t.Errorf("spot %d of batch %d: unchanged %t", i, b, same)
		}
	}
}

// TestCovariatesAreKept makes groups that are unevenly spread over batches:
// without covariates their difference is taken for a batch effect.
func TestCovariatesAreKept(t *testing.T) {
	const seed, effect = 25, 3.0
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	x, batch := batched(rng, []int{400, 400}, 30)
	group := dense.New[float64](x.Rows, 1)
	for i, b := range batch {
		if rng.Float64() < []float64{0.2, 0.8}[b] {
			group.Set(i, 0, 1)
			for j := range x.Cols {
				x.Set(i, j, x.At(i, j)+effect)
			}
		}
	}
	f, err := func() (*combat.Fit, error) {
		m, err := combat.MomentsOf(x, batch, 2, combat.Options{Covariates: group})
		if err != nil {
			return nil, err
		}
		return m.Fit()
	}()
	if err != nil {
		t.Fatal(err)
	}
	for j, b := range f.Beta[0] {
		if se := 2 * f.SD[j] / math.Sqrt(0.64*800); math.Abs(b-effect) > 5*se {
			t.Errorf("gene %d: effect of the group %.3f, want %g within %.3f", j, b, effect, 5*se)
		}
	}
	kept, lost := x.Clone(), x.Clone()
	if _, _, _, err := combat.CorrectWith(kept, batch, 2, combat.Options{Covariates: group}); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := combat.Correct(lost, batch, 2); err != nil {
		t.Fatal(err)
	}
	difference := func(m dense.Matrix[float64]) (d float64) {
		var sum, n [2]float64
		for i := range m.Rows {
			g := int(group.At(i, 0))
			for _, v := range m.Row(i) {
				sum[g] += v
				n[g]++
			}
		}
		return sum[1]/n[1] - sum[0]/n[0]
	}
	if with, without := difference(kept), difference(lost); math.Abs(with-effect) > 0.4 || without > with-0.5 {
		t.Errorf("difference of the groups %.2f with covariates, %.2f without, of %g", with, without, effect)
	}
}

func TestReferenceStays(t *testing.T) {
	const seed = 26
	t.Logf("seed %d", seed)
	x, batch := batched(rand.New(rand.NewPCG(seed, 0)), []int{30, 40}, 8)
	got := x.Clone()
	f, slope, _, err := combat.CorrectWith(got, batch, 2, combat.Options{HasReference: true, Reference: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range batch {
		if b == 1 && !slices.Equal(got.Row(i), x.Row(i)) {
			t.Fatalf("spot %d of the reference was changed", i)
		}
	}
	if slope[1][0] != 1 || slope[0][0] == 1 {
		t.Errorf("slopes %g and %g", slope[0][0], slope[1][0])
	}
	var mean float64
	for i, b := range batch {
		if b == 1 {
			mean += x.At(i, 0) / 40
		}
	}
	goldentest.Near(t, 1e-12, f.Mean[0], mean, "the fit's mean is the reference's")
}

func TestOptionErrors(t *testing.T) {
	x := dense.Matrix[float64]{Rows: 4, Cols: 2, Stride: 2, Data: []float64{1, 2, 3, 5, 2, 2, 7, 1}}
	batch := []int{0, 0, 1, 1}
	cov := func(v ...float64) dense.Matrix[float64] {
		return dense.Matrix[float64]{Rows: 4, Cols: len(v) / 4, Stride: len(v) / 4, Data: v}
	}
	for _, c := range []struct {
		reason string
		o      combat.Options
	}{
		{"covariates of other spots", combat.Options{Covariates: dense.New[float64](3, 1)}},
		{"NaN covariate", combat.Options{Covariates: cov(0, 1, 0, math.NaN())}},
		{"covariate is the batch", combat.Options{Covariates: cov(0, 0, 1, 1)}},
		{"covariate is constant", combat.Options{Covariates: cov(1, 1, 1, 1)}},
		{"covariates tell each other", combat.Options{Covariates: cov(0, 0, 1, 2, 0, 0, 1, 2)}},
		{"malformed covariates", combat.Options{Covariates: dense.Matrix[float64]{Rows: 4, Cols: 2, Stride: 1}}},
		{"no such reference", combat.Options{HasReference: true, Reference: 2}},
		{"negative reference", combat.Options{HasReference: true, Reference: -1}},
	} {
		before := slices.Clone(x.Data)
		if _, _, _, err := combat.CorrectWith(x, batch, 2, c.o); err == nil {
			t.Errorf("%s: no error", c.reason)
		}
		if !slices.Equal(before, x.Data) {
			t.Errorf("%s: x was changed", c.reason)
		}
	}
	m, err := combat.MomentsOf(x, batch, 2, combat.Options{HasReference: true, Reference: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.FitOn([]int{0}); err == nil {
		t.Error("the reference is not learnt from: no error")
	}
	if _, err := m.FitOn([]int{0, 5}); err == nil {
		t.Error("no such batch to learn from: no error")
	}
	if _, err := m.FitOn(nil); err == nil {
		t.Error("no batch to learn from: no error")
	}
	f, err := m.Fit()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Line(m, 2); err == nil {
		t.Error("no such batch: no error")
	}
	if err := combat.ApplyBatches(f, x, batch, nil, nil, dense.Matrix[float64]{}); err == nil {
		t.Error("no lines: no error")
	}
	withCov, err := combat.MomentsOf(x, batch, 2, combat.Options{Covariates: cov(0, 1, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Line(withCov, 0); err == nil {
		t.Error("covariates that the fit does not have: no error")
	}
}

// TestMemory checks that fitting and applying take memory by batches and genes,
// not by spots.
func TestMemory(t *testing.T) {
	measure := func(spots int) uint64 {
		x, batch := batched(rand.New(rand.NewPCG(27, 0)), []int{spots / 2, spots / 2}, 40)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, _, _, err := combat.Correct(x, batch, 2); err != nil {
			t.Error(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	few, many := measure(100), measure(20_000)
	t.Logf("%d bytes for 100 spots, %d for 20,000 (which hold %d)", few, many, 20_000*40*8)
	if many > few+20_000 { // a byte per spot would show
		t.Errorf("%d bytes for 100 spots, %d for 20,000", few, many)
	}
}
