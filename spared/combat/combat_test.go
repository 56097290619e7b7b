package combat_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/combat"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
)

// naive follows the paper step by step over the standardised data, and returns
// the corrected data.
func naive(x dense.Matrix[float64], batch []int, batches int) dense.Matrix[float64] {
	n, genes := float64(x.Rows), x.Cols
	size := make([]float64, batches)
	for _, b := range batch {
		size[b]++
	}
	s := dense.New[float64](x.Rows, genes) // standardised
	alpha, sigma := make([]float64, genes), make([]float64, genes)
	for j := range genes {
		own := make([]float64, batches)
		for i, b := range batch {
			own[b] += x.At(i, j) / size[b]
		}
		for b, m := range own {
			alpha[j] += size[b] / n * m
		}
		var ss float64
		for i, b := range batch {
			ss += math.Pow(x.At(i, j)-own[b], 2)
		}
		sigma[j] = math.Sqrt(ss / n)
		for i := range x.Rows {
			s.Set(i, j, (x.At(i, j)-alpha[j])/sigma[j])
		}
	}
	out := dense.New[float64](x.Rows, genes)
	for b := range batches {
		gammaHat, deltaHat := make([]float64, genes), make([]float64, genes)
		for j := range genes {
			for i, of := range batch {
				if of == b {
					gammaHat[j] += s.At(i, j) / size[b]
				}
			}
			for i, of := range batch {
				if of == b {
					deltaHat[j] += math.Pow(s.At(i, j)-gammaHat[j], 2) / size[b]
				}
			}
		}
		gBar, t2 := meanVar(gammaHat)
		m, v := meanVar(deltaHat)
		a, bb := (2*v+m*m)/v, (m*v+m*m*m)/v
		g, d := slices.Clone(gammaHat), slices.Clone(deltaHat)
		for change := 1.0; change > 1e-4; {
			change = 0
			for j := range genes {
				gNew := (t2*size[b]*gammaHat[j] + d[j]*gBar) / (t2*size[b] + d[j])
				var sum2 float64
				for i, of := range batch {
					if of == b {
						sum2 += math.Pow(s.At(i, j)-gNew, 2)
					}
				}
				dNew := (0.5*sum2 + bb) / (0.5*size[b] + a - 1)
				change = max(change, math.Abs(gNew-g[j])/g[j], math.Abs(dNew-d[j])/d[j])
				g[j], d[j] = gNew, dNew
			}
		}
		for i, of := range batch {
			if of == b {
				for j := range genes {
					out.Set(i, j, sigma[j]*(s.At(i, j)-g[j])/math.Sqrt(d[j])+alpha[j])
				}
			}
		}
	}
	return out
}

func meanVar(v []float64) (mean, variance float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		variance += (x - mean) * (x - mean) / float64(len(v))
	}
	return mean, variance
}

// batched draws expression values with a shift and a scale per batch and gene.
func batched(rng *rand.Rand, sizes []int, genes int) (x dense.Matrix[float64], batch []int) {
	for b, n := range sizes {
		batch = append(batch, slices.Repeat([]int{b}, n)...)
	}
	rng.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	x = dense.New[float64](len(batch), genes)
	for j := range genes {
		mean, sd := 10*rng.Float64(), 0.5+rng.ExpFloat64()
		for b := range sizes {
			shift, scale := rng.NormFloat64(), math.Exp(0.3*rng.NormFloat64())
			for i, of := range batch {
				if of == b {
					x.Set(i, j, mean+sd*(shift+scale*rng.NormFloat64()))
				}
			}
		}
	}
	return x, batch
}

func TestCorrectEqualsPaper(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 21))
		for _, sizes := range [][]int{{30, 50}, {5, 6, 7}, {2, 100, 40, 3}} {
			x, batch := batched(rng, sizes, 25)
			want := naive(x, batch, len(sizes))
			got := x.Clone()
			_, slope, intercept, err := combat.Correct(got, batch, len(sizes))
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for i, b := range batch {
				for j, w := range want.Row(i) {
					goldentest.Near(t, 1e-11, got.At(i, j), w, "seed %d, sizes %v, entry %d,%d", seed, sizes, i, j)
					goldentest.Near(t, 1e-11, slope[b][j]*x.At(i, j)+intercept[b][j], w, "seed %d, sizes %v, line at %d,%d", seed, sizes, i, j)
				}
			}
		}
	}
}

// TestStepsEqualCorrect does by Estimate, Shift and Apply what Correct does.
func TestStepsEqualCorrect(t *testing.T) {
	const seed = 22
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	x, batch := batched(rng, []int{20, 30, 10}, 12)
	want := x.Clone()
	f, _, _, err := combat.Correct(want, batch, 3)
	if err != nil {
		t.Fatal(err)
	}
	again, err := combat.Estimate(x, batch, 3)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Mean, again.Mean) || !slices.Equal(f.SD, again.SD) {
		t.Error("Estimate and Correct fit differently")
	}
	for b := range 3 {
		var rows []int
		for i, of := range batch {
			if of == b {
				rows = append(rows, i)
			}
		}
		part := x.Select(rows, nil)
		slope, intercept, err := combat.Shift(f, part)
		if err != nil {
			t.Fatal(err)
		}
		if err := combat.Apply(part, slope, intercept); err != nil {
			t.Fatal(err)
		}
		for k, i := range rows {
			if !slices.Equal(part.Row(k), want.Row(i)) {
				t.Fatalf("spot %d of batch %d differs", i, b)
			}
		}
	}
}

func TestSpecialBatches(t *testing.T) {
	const seed = 23
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	x, batch := batched(rng, []int{40, 30}, 10)
	original := x.Clone()
	for i := range x.Rows { // gene 3 is constant, gene 7 within each batch
		x.Set(i, 3, 4.2)
		x.Set(i, 7, float64(batch[i]))
	}
	t.Run("constant genes stay, others are corrected as without them", func(t *testing.T) {
		got := x.Clone()
		f, slope, intercept, err := combat.Correct(got, batch, 2)
		if err != nil {
			t.Fatal(err)
		}
		if c := f.Constant(); !slices.Equal(c, []int{3, 7}) {
			t.Errorf("constant genes %v, want 3 and 7", c)
		}
		others := []int{0, 1, 2, 4, 5, 6, 8, 9}
		want := naive(original.Select(nil, others), batch, 2)
		for i := range x.Rows {
			if got.At(i, 3) != 4.2 || got.At(i, 7) != x.At(i, 7) {
				t.Fatalf("spot %d: constant genes became %g and %g", i, got.At(i, 3), got.At(i, 7))
			}
			for k, j := range others {
				goldentest.Near(t, 1e-11, got.At(i, j), want.At(i, k), "spot %d, gene %d", i, j)
			}
		}
		for b := range 2 {
			if slope[b][3] != 1 || intercept[b][7] != 0 {
				t.Errorf("batch %d: line of a constant gene is %g·x + %g", b, slope[b][3], intercept[b][7])
			}
		}
	})
	fit, err := combat.Estimate(original, batch, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("one spot is shifted only", func(t *testing.T) {
		slope, intercept, err := combat.Shift(fit, original.Select([]int{0}, nil))
		if err != nil {
			t.Fatal(err)
		}
		var gamma []float64
		for j, v := range original.Row(0) {
			gamma = append(gamma, (v-fit.Mean[j])/fit.SD[j])
		}
		bar, tau2 := meanVar(gamma)
		for j, g := range gamma {
			star := (tau2*g + bar) / (tau2 + 1)
			goldentest.Near(t, 1e-13, slope[j], 1, "slope of gene %d", j)
			goldentest.Near(t, 1e-12, intercept[j], -fit.SD[j]*star, "intercept of gene %d", j)
		}
	})
	t.Run("one gene: the batch gets the grand mean and the pooled sd", func(t *testing.T) {
		got := original.Select(nil, []int{0})
		f, _, _, err := combat.Correct(got, batch, 2)
		if err != nil {
			t.Fatal(err)
		}
		for b := range 2 {
			var v []float64
			for i, of := range batch {
				if of == b {
					v = append(v, got.At(i, 0))
				}
			}
			mean, variance := meanVar(v)
			goldentest.Near(t, 1e-12, mean, f.Mean[0], "mean of batch %d", b)
			goldentest.Near(t, 1e-12, math.Sqrt(variance), f.SD[0], "sd of batch %d", b)
		}
	})
	t.Run("one batch stays as it is", func(t *testing.T) {
		got := original.Clone()
		if _, _, _, err := combat.Correct(got, make([]int, got.Rows), 1); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Data, original.Data) {
			t.Error("one batch was changed")
		}
	})
	t.Run("an empty batch changes nothing", func(t *testing.T) {
		a, b := original.Clone(), original.Clone()
		if _, _, _, err := combat.Correct(a, batch, 2); err != nil {
			t.Fatal(err)
		}
		_, slope, intercept, err := combat.Correct(b, batch, 3)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.Data, b.Data) || slope[2][0] != 1 || intercept[2][0] != 0 {
			t.Error("the empty third batch matters")
		}
	})
	t.Run("no gene varies at all", func(t *testing.T) {
		flat := dense.New[float64](4, 2)
		f, _, _, err := combat.Correct(flat, []int{0, 0, 1, 1}, 2)
		if err != nil || len(f.Constant()) != 2 || slices.Max(flat.Data) != 0 {
			t.Errorf("%v, constant %v, %v", err, f.Constant(), flat.Data)
		}
	})
	t.Run("float32 follows float64", func(t *testing.T) {
		single := dense.New[float32](original.Rows, original.Cols)
		double := original.Clone()
		for i, v := range original.Data {
			single.Data[i], double.Data[i] = float32(v), float64(float32(v))
		}
		if _, _, _, err := combat.Correct(single, batch, 2); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := combat.Correct(double, batch, 2); err != nil {
			t.Fatal(err)
		}
		for i, v := range double.Data {
			if single.Data[i] != float32(v) {
				t.Fatalf("entry %d: %g, want %g", i, single.Data[i], v)
			}
		}
	})
}

func TestErrors(t *testing.T) {
	ok := dense.Matrix[float64]{Rows: 2, Cols: 2, Stride: 2, Data: []float64{1, 2, 3, 5}}
	nan := ok.Clone()
	nan.Set(1, 1, math.NaN())
	inf := ok.Clone()
	inf.Set(0, 1, math.Inf(-1))
	for _, c := range []struct {
		reason  string
		x       dense.Matrix[float64]
		batch   []int
		batches int
	}{
		{"no spots", dense.New[float64](0, 2), nil, 0},
		{"a batch number is missing", ok, []int{0}, 1},
		{"batch number too high", ok, []int{0, 2}, 2},
		{"batch number below -1", ok, []int{0, -2}, 2},
		{"no spot to learn from", ok, []int{-1, -1}, 2},
		{"NaN", nan, []int{0, 0}, 1},
		{"infinite", inf, []int{0, 1}, 2},
		{"malformed matrix", dense.Matrix[float64]{Rows: 2, Cols: 2, Stride: 2}, []int{0, 0}, 1},
	} {
		if _, err := combat.Estimate(c.x, c.batch, c.batches); err == nil {
			t.Errorf("%s: Estimate gives no error", c.reason)
		}
		if _, _, _, err := combat.Correct(c.x, c.batch, c.batches); err == nil {
			t.Errorf("%s: Correct gives no error", c.reason)
		}
	}
	f, err := combat.Estimate(ok, []int{0, 0}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := combat.Shift(f, dense.New[float64](3, 5)); err == nil {
		t.Error("other genes: Shift gives no error")
	}
	if _, _, err := combat.Shift(f, dense.New[float64](0, 2)); err == nil {
		t.Error("no spots: Shift gives no error")
	}
	if err := combat.Apply(ok, []float64{1}, []float64{0, 0}); err == nil {
		t.Error("a slope is missing: Apply gives no error")
	}
}

// BenchmarkCorrect has the size of the largest published data set after gene
// choice: 43,804 spots x 128 genes in 14 batches.
func BenchmarkCorrect(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	const spots, genes, batches = 43804, 128, 14
	x, batch := dense.New[float32](spots, genes), make([]int, spots)
	for i := range batch {
		batch[i] = i * batches / spots
	}
	for i := range x.Data {
		x.Data[i] = float32(8 + 2*rng.NormFloat64())
	}
	work := x.Clone()
	b.SetBytes(4 * spots * genes)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		copy(work.Data, x.Data)
		b.StartTimer()
		if _, _, _, err := combat.Correct(work, batch, batches); err != nil {
			b.Fatal(err)
		}
	}
}
