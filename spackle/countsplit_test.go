package spackle

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

func TestHalfOf(t *testing.T) {
	const seed = 3
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, c := range []float32{0, 1, 2, 63, 64, 65, 1000} {
		const n = 4000
		var sum, square float64
		for range n {
			k, err := halfOf(c, rng)
			if err != nil || k < 0 || k > c {
				t.Fatalf("half of %g is %g (%v)", c, k, err)
			}
			sum, square = sum+float64(k), square+float64(k*k)
		}
		mean := sum / n
		variance := square/n - mean*mean
		if want := float64(c) / 2; math.Abs(mean-want) > 5*math.Sqrt(float64(c)/4/n) {
			t.Errorf("halves of %g have the mean %g (seed %d)", c, mean, seed)
		}
		if want := float64(c) / 4; math.Abs(variance-want) > 0.15*want {
			t.Errorf("halves of %g have the variance %g, want %g (seed %d)", c, variance, want, seed)
		}
	}
	for _, c := range []float32{0.5, -1, float32(math.NaN()), float32(math.Inf(1)), 1e30} {
		if k, err := halfOf(c, rng); err == nil {
			t.Errorf("half of %g is %g", c, k)
		}
	}
}

// poissonTissue is a slide of spots on a grid with Poisson counts of known rate,
// all test.
func poissonTissue(seed uint64, side, genes int) (ds *spared.Dataset, rate []float64) {
	rng := rand.New(rand.NewPCG(seed, 8))
	ds = &spared.Dataset{Sections: []spared.Section{{Name: "s"}}, Layers: map[string]blas32.General{}}
	ds.Manifest.Recipe.Normalization = spared.CPM
	counts, log := matrix(side*side, genes), matrix(side*side, genes)
	for g := range genes {
		ds.Genes = append(ds.Genes, spared.Gene{ID: fmt.Sprintf("G%02d", g)})
	}
	for i := range side * side {
		x, y := float64(i%side), float64(i/side)
		depth, total := math.Exp(0.4*rng.NormFloat64()), 0.
		for g := range genes {
			r := depth * math.Exp(float64(g%5)/1.5-1.2+math.Sin(x/4+float64(g))*math.Cos(y/5))
			rate = append(rate, r)
			c := drawPoisson(rng, r)
			counts.Data[i*genes+g] = float32(c)
			total += c
		}
		rest := drawPoisson(rng, 40*depth)
		ds.Spots = append(ds.Spots, spared.Spot{ID: fmt.Sprintf("s_%d", i), X: 100 * x, Y: 100 * y, Split: spared.Test, RPK: total + rest, TotalCounts: total + rest})
		for g := range genes {
			c := counts.Data[i*genes+g]
			ds.Mask = append(ds.Mask, c > 0)
			log.Data[i*genes+g] = float32(spared.CPM.Log(spared.CPM.Value(float64(c), 1, total+rest)))
		}
	}
	ds.Layers[spared.LayerCounts], ds.Layers[spared.LayerLog] = counts, log
	return ds, rate
}

// drawPoisson draws from the Poisson law by multiplication (Knuth), in pieces.
func drawPoisson(rng *rand.Rand, rate float64) float64 {
	n := 0.
	for ; rate > 0; rate -= 20 {
		limit, p := math.Exp(-min(rate, 20)), rng.Float64()
		for ; p > limit; n++ {
			p *= rng.Float64()
		}
	}
	return n
}

// knowing answers with the rate that counts were drawn from, of half of them.
type knowing struct {
	baseline.NoFit
	rate []float64
}

func (knowing) Name() string { return "knowing" }
func (k knowing) Complete(_ context.Context, v *baseline.View) (*baseline.Completion, error) {
	done := &baseline.Completion{Values: v.Empty(), Rate: v.Empty()}
	for at := range done.Rate.Data {
		i, g := at/v.Values.Cols, at%v.Values.Cols
		done.Rate.Data[at] = float32(v.Norm.Log(k.rate[at] / 2 * v.Norm.Value(1, v.Sizes[g], v.Totals[i])))
		done.Values.Data[at] = float32(v.Norm.Log(2 * v.Norm.Value(1, v.Sizes[g], v.Totals[i])))
	}
	return done, nil
}

// TestCountSplitOfKnownRates: who knows the rates is right on average and in
// each bin; who says "two, if detected" says two.
func TestCountSplitOfKnownRates(t *testing.T) {
	const seed = 5
	ds, rate := poissonTissue(seed, 24, 40)
	c, err := CountSplit(context.Background(), ds, CountSplitOptions{Methods: []baseline.Completer{knowing{rate: rate}, baseline.PoissonFactor{}}, Splits: 2})
	if err != nil {
		t.Fatal(err)
	}
	if c.N < 4000 || c.Splits != 2 || c.Split != "test" || c.Data.Spots != 576 || c.Data.Genes != 40 {
		t.Fatalf("got %+v", c)
	}
	// c1 = 0 with probability e^(-λ/2), and says nothing of c2.
	var zeros, truth float64
	for _, r := range rate {
		zeros += math.Exp(-r / 2)
		truth += math.Exp(-r/2) * r / 2
	}
	if want := zeros / float64(len(rate)); math.Abs(c.Zeros/want-1) > 0.03 {
		t.Errorf("%.3f of the entries are 0, want %.3f (seed %d)", c.Zeros, want, seed)
	}
	if want := truth / zeros; math.Abs(c.Truth/want-1) > 0.05 {
		t.Errorf("the other half holds %.3f, want %.3f (seed %d)", c.Truth, want, seed)
	}
	known, fitted := c.Methods[0], c.Methods[1]
	if math.Abs(known.Detected.Mean-2) > 1e-3 || len(known.Detected.Bins) > 2 {
		t.Errorf("two counts are taken for %+v", known.Detected)
	}
	for _, a := range []struct {
		name string
		CountAnswer
		within float64
		from   float64 // rates that 576 spots cannot tell are below
	}{{"known", *known.Rate, 0.06, 0}, {"fitted", *fitted.Rate, 0.15, 0.1}} {
		if math.Abs(a.Mean/c.Truth-1) > a.within {
			t.Errorf("%s rates have the mean %.3f, the truth %.3f (seed %d)", a.name, a.Mean, c.Truth, seed)
		}
		n := 0
		for _, b := range a.Bins {
			n += b.N
			sd := math.Sqrt(b.Predicted / float64(b.N))
			if b.From >= a.from && math.Abs(b.Observed-b.Predicted) > 5*sd+a.within*2*b.Predicted || b.Predicted < b.From || b.To > 0 && b.Predicted >= b.To {
				t.Errorf("%s rates: bin %+v (seed %d)", a.name, b, seed)
			}
		}
		if n != c.N {
			t.Errorf("%d of %d entries are in bins", n, c.N)
		}
	}
	if !(known.Rate.Deviance < fitted.Rate.Deviance && fitted.Rate.Deviance < c.Share.Deviance && c.Share.Deviance < known.Detected.Deviance) {
		t.Errorf("deviances: known %.3f, fitted %.3f, share %.3f, two %.3f: want them rising (seed %d)",
			known.Rate.Deviance, fitted.Rate.Deviance, c.Share.Deviance, known.Detected.Deviance, seed)
	}
	again, err := CountSplit(context.Background(), ds, CountSplitOptions{Methods: []baseline.Completer{knowing{rate: rate}, baseline.PoissonFactor{}}, Splits: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*CountSplitting{c, again} {
		for m := range r.Methods {
			r.Methods[m].Seconds = 0
		}
	}
	a, _ := json.Marshal(c)
	b, _ := json.Marshal(again)
	if !bytes.Equal(a, b) {
		t.Error("the same seed gives another splitting")
	}
}

// TestHalve: nothing of the other half is left in what is shown.
func TestHalve(t *testing.T) {
	ds, _ := poissonTissue(1, 12, 4)
	// Two of the genes are the data set's, with a third, of no layer, its panel.
	panel := &sparse.CSR{Rows: len(ds.Spots), Cols: 3, IndPtr: []int64{0}}
	ds.Panel = []spared.PanelGene{{ID: "G00"}, {ID: "X"}, {ID: "G02"}}
	counts := ds.Layers[spared.LayerCounts]
	for i := range ds.Spots {
		panel.Indices = append(panel.Indices, 0, 1, 2)
		panel.Data = append(panel.Data, counts.Data[i*4], 6, counts.Data[i*4+2])
		panel.IndPtr = append(panel.IndPtr, int64(3*(i+1)))
		ds.Spots[i].RPK = 6
		for g := range 4 {
			ds.Spots[i].RPK += float64(counts.Data[i*4+g])
		}
		ds.Spots[i].TotalCounts = ds.Spots[i].RPK + 10 // of genes without a length
	}
	ds.PanelCounts = panel
	half, err := halve(ds, keyed("split", 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	shown := half.Layers[spared.LayerCounts]
	other := 0.
	for i := range ds.Spots {
		sum := 0.
		for g := range 4 {
			c, kept := counts.Data[i*4+g], shown.Data[i*4+g]
			if kept < 0 || kept > c || half.Mask[i*4+g] != (kept > 0) {
				t.Fatalf("half of %g is %g (mask %t)", c, kept, half.Mask[i*4+g])
			}
			sum += float64(kept)
			other += float64(c - kept)
		}
		_, row := half.PanelCounts.Row(i)
		if row[0] != shown.Data[i*4] || row[2] != shown.Data[i*4+2] || row[1] < 0 || row[1] > 6 {
			t.Fatalf("the panel shows %v of %v", row, shown.Data[i*4:][:4])
		}
		if sum += float64(row[1]); half.Spots[i].RPK != max(sum, 1e-9) {
			t.Fatalf("the total is %g, the shown counts %g", half.Spots[i].RPK, sum)
		}
		if rest := half.Spots[i].TotalCounts - sum; rest < 0 || rest > 10 {
			t.Fatalf("%g of 10 further counts are shown", rest)
		}
	}
	if other == 0 || ds.PanelCounts.Data[1] != 6 || &shown.Data[0] == &counts.Data[0] {
		t.Error("the data set itself was changed")
	}
}

func TestCountSplitErrors(t *testing.T) {
	for _, c := range []struct {
		reason string
		o      CountSplitOptions
		spoil  func(*spared.Dataset)
		want   string
	}{
		{reason: "values that are no counts", spoil: func(ds *spared.Dataset) { ds.Layers[spared.LayerCounts].Data[3] = 1.5 }, want: "gene G03: 1.5 is not a count"},
		{reason: "no counts", spoil: func(ds *spared.Dataset) { delete(ds.Layers, spared.LayerCounts) }, want: "splitting counts needs them"},
		{reason: "no spot of the split", o: CountSplitOptions{Split: spared.Val}, want: "no spot is in the val split"},
		{reason: "a negative number of splits", o: CountSplitOptions{Splits: -2}, want: "-2 masks"},
		{reason: "more genes than there are", o: CountSplitOptions{Targets: 9}, want: "9 of 4 genes"},
		{reason: "a mask that does not fit", spoil: func(ds *spared.Dataset) { ds.Mask = ds.Mask[1:] }, want: "do not fit"},
		{reason: "a method that gives another shape", o: CountSplitOptions{Methods: []baseline.Completer{tiny{}}}, want: "values are 1 x 1"},
	} {
		ds, _ := poissonTissue(1, 6, 4)
		if c.spoil != nil {
			c.spoil(ds)
		}
		if _, err := CountSplit(context.Background(), ds, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.reason, err, c.want)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	ds, _ := poissonTissue(1, 6, 4)
	if _, err := CountSplit(ctx, ds, CountSplitOptions{}); err == nil {
		t.Error("it does not stop")
	}
}

type tiny struct{ baseline.NoFit }

func (tiny) Name() string { return "tiny" }
func (tiny) Complete(context.Context, *baseline.View) (*baseline.Completion, error) {
	return &baseline.Completion{Values: matrix(1, 1)}, nil
}

// TestFloor: the noise floor of who knows the rates of Poisson counts is the
// error of who does, and the default method's estimate of it is near, whether it
// takes part or not.
func TestFloor(t *testing.T) {
	const seed = 6
	ds, rate := poissonTissue(seed, 24, 40)
	ideal := detectedMean{rate: rate, ds: ds}
	o, err := EvaluateOptions{Methods: []baseline.Completer{ideal}, Masks: 1, Bootstrap: -1}.withDefaults(ds)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := Evaluate(context.Background(), ds, o)
	if err != nil {
		t.Fatal(err)
	}
	known := alone.Methods[0].MSE
	c, err := newContest(ds, o, ds.Layers[spared.LayerLog])
	if err != nil {
		t.Fatal(err)
	}
	done, err := ideal.Complete(context.Background(), c.tissues[0].whole)
	if err != nil {
		t.Fatal(err)
	}
	c.addNoise(&round{scored: [][]bool{ds.Mask}}, 0, done.Values)
	square, n := 0., 0.
	for at, measured := range ds.Mask {
		if measured {
			e := float64(done.Values.Data[at] - ds.Layers[spared.LayerLog].Data[at])
			square, n = square+e*e, n+1
		}
	}
	if math.Abs(c.floor.mean()*n/square-1) > 0.03 {
		t.Errorf("from known rates the floor is %.3f, their error %.3f (seed %d)", c.floor.mean(), square/n, seed)
	}
	both, err := Evaluate(context.Background(), ds, EvaluateOptions{Methods: []baseline.Completer{Default(), ideal}, Masks: 1, Bootstrap: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("floor %.3f, error of known rates %.3f, of the default %.3f (seed %d)", both.Floor, known, both.Methods[0].MSE, seed)
	if !slices.ContainsFunc(both.Notes, func(n string) bool { return strings.HasPrefix(n, "no spot is in the train split") }) {
		t.Errorf("no note says that nothing trains: %q", both.Notes)
	}
	if both.Floor != alone.Floor {
		t.Errorf("floor %g with the default method among others, %g without", both.Floor, alone.Floor)
	}
	if math.Abs(both.Floor/known-1) > 0.15 || both.Floor > both.Methods[0].MSE {
		t.Errorf("floor %.3f, but known rates have the error %.3f and the default %.3f (seed %d)", both.Floor, known, both.Methods[0].MSE, seed)
	}
}

// detectedMean predicts E[log2 c | c >= 1] from known rates and true totals, by
// sums over the law.
type detectedMean struct {
	baseline.NoFit
	rate []float64
	ds   *spared.Dataset
}

func (detectedMean) Name() string { return "ideal" }
func (d detectedMean) Complete(_ context.Context, v *baseline.View) (*baseline.Completion, error) {
	done := &baseline.Completion{Values: v.Empty()}
	for at := range done.Values.Data {
		unit := v.Norm.Value(1, 1, d.ds.Spots[at/v.Values.Cols].RPK)
		p, sum, first := math.Exp(-d.rate[at]), 0., 0.
		for c := 1.; c < 200; c++ {
			p *= d.rate[at] / c
			sum, first = sum+p, first+p*v.Norm.Log(c*unit)
		}
		done.Values.Data[at] = float32(first / sum)
	}
	return done, nil
}
