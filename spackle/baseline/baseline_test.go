package baseline_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// all is every completer of the package, with settings that differ from the
// defaults among them.
func all() []baseline.Completer {
	return []baseline.Completer{
		baseline.Median{}, baseline.Median{Hops: 2},
		&baseline.Kernel{}, &baseline.Kernel{Width: 0.8, Neighbours: 7, Kappa: 1.5},
		&baseline.KNNMean{}, &baseline.KNNMean{Neighbours: 5},
		baseline.SlideMean{}, baseline.Zero{},
		baseline.PoissonFactor{}, baseline.PoissonFactor{Rank: 3, Coupling: 20},
		baseline.PoissonKernel{}, baseline.PoissonKernel{Width: 3},
		&baseline.Depth{}, &baseline.Depth{NoOffset: true}, &baseline.Ridge{}, &baseline.Ridge{TrainOnly: true},
		baseline.Mean{baseline.SlideMean{}, &baseline.Kernel{}},
		&baseline.SoftImpute{}, &baseline.SoftImpute{Rank: 3, Threshold: .1, Rounds: 4}, &baseline.SME{}, &baseline.SME{VisibleOnly: true, Neighbours: 4, Radius: 2},
		&baseline.SpatialFactor{}, &baseline.ZTPFactor{Rank: 3, Coupling: 5}, baseline.VariationalFactor{}, baseline.VariationalFactor{Rank: 3},
	}
}

// hexView returns a view of rows x cols spots on a hexagonal grid, moved by up
// to 2 % of the pitch so that no distances tie; about half of the values are
// visible, some genes nowhere.
func hexView(t testing.TB, seed uint64, rows, cols, genes int) *baseline.View {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	n := rows * cols
	v := &baseline.View{
		Slide:   "hex",
		Values:  blas32.General{Rows: n, Cols: genes, Stride: genes, Data: make([]float32, n*genes)},
		Visible: make([]bool, n*genes),
	}
	for r := range rows {
		for c := range cols {
			v.X = append(v.X, 100*(float64(c)+0.5*float64(r%2))+2*rng.Float64())
			v.Y = append(v.Y, 100*math.Sqrt(3)/2*float64(r)+2*rng.Float64())
		}
	}
	share := make([]float64, genes)
	for g := range share {
		share[g] = max(0, 1.2*rng.Float64()-0.1)
	}
	for g := range genes {
		v.Sizes = append(v.Sizes, 500*float64(1+g%3))
	}
	v.Counts = v.Empty()
	for i := range v.Values.Data {
		if rng.Float64() < share[i%genes] {
			v.Visible[i] = true
			v.Counts.Data[i] = float32(1 + rng.IntN(6))
		}
	}
	setTotals(v, func(int) float64 { return float64(20 + rng.IntN(30)) })
	six, err := neighbor.KNN(v.X, v.Y, 6)
	if err != nil {
		t.Fatal(err)
	}
	v.Graph = six
	return v
}

// setTotals gives a view with counts and sizes a depth beyond its genes, the
// totals that come with it, and values.
func setTotals(v *baseline.View, depth func(i int) float64) {
	n, genes := v.Values.Rows, v.Values.Cols
	v.Depth, v.Totals = make([]float64, n), make([]float64, n)
	for i := range n {
		v.Depth[i] = depth(i)
		v.Totals[i] = v.Depth[i] / 1000
		for g, c := range v.Counts.Data[i*genes:][:genes] {
			v.Totals[i] += float64(c) / v.Sizes[g]
		}
		for g, c := range v.Counts.Data[i*genes:][:genes] {
			v.Values.Data[i*genes+g] = float32(v.Norm.Log(v.Norm.Value(float64(c), v.Sizes[g], v.Totals[i])))
		}
	}
}

// line returns a view of one gene on spots at the given places of a line;
// NaN stands for a value that is not visible.
func line(t testing.TB, x, values []float64) *baseline.View {
	t.Helper()
	v := &baseline.View{Slide: "line", X: x, Y: make([]float64, len(x))}
	v.Values = blas32.General{Rows: len(x), Cols: 1, Stride: 1, Data: make([]float32, len(x))}
	v.Visible = make([]bool, len(x))
	for i, z := range values {
		if !math.IsNaN(z) {
			v.Values.Data[i], v.Visible[i] = float32(z), true
		}
	}
	six, err := neighbor.KNN(v.X, v.Y, min(6, len(x)-1))
	if err != nil {
		t.Fatal(err)
	}
	v.Graph = six
	v.Counts, v.Sizes, v.Totals = v.Empty(), []float64{1000}, make([]float64, len(x))
	for i, seen := range v.Visible {
		if seen {
			v.Counts.Data[i] = 1
		}
		v.Totals[i] = 1
	}
	return v
}

func complete(t testing.TB, c baseline.Completer, v *baseline.View) []float32 {
	t.Helper()
	done, err := c.Complete(context.Background(), v)
	if err != nil {
		t.Fatalf("%s: %v", c.Name(), err)
	}
	p := done.Values
	if p.Rows != v.Values.Rows || p.Cols != v.Values.Cols || p.Stride != p.Cols {
		t.Fatalf("%s: result of %d x %d, stride %d", c.Name(), p.Rows, p.Cols, p.Stride)
	}
	return p.Data
}

var hole = math.NaN()

func TestByHand(t *testing.T) {
	w := func(d float64) float64 { return math.Exp(-d * d / 8) } // h = 2, pitch 1
	for _, c := range []struct {
		reason    string
		completer baseline.Completer
		x, values []float64
		want      []float64
	}{{
		reason:    "two neighbours at unlike distances; the third spot's nearest is 2 away, so the pitch is median(1,1,2) = 1",
		completer: &baseline.Kernel{},
		x:         []float64{0, 1, 3}, values: []float64{6, hole, 9},
		want: []float64{6, (6*w(1) + 9*w(2)) / (w(1) + w(2)), 9},
	}, {
		reason:    "kappa pulls towards the slide's mean of 7.5",
		completer: &baseline.Kernel{Kappa: 3},
		x:         []float64{0, 1, 3}, values: []float64{6, hole, 9},
		want: []float64{6, (6*w(1) + 9*w(2) + 3*7.5) / (w(1) + w(2) + 3), 9},
	}, {
		reason:    "one neighbour only: its value, whatever its weight",
		completer: &baseline.Kernel{Neighbours: 1},
		x:         []float64{0, 1, 3}, values: []float64{6, hole, 9},
		want: []float64{6, 6, 9},
	}, {
		reason:    "no neighbour shows a value: the slide's mean",
		completer: &baseline.Kernel{Neighbours: 1},
		x:         []float64{0, 1, 10, 11, 20, 21}, values: []float64{hole, hole, 4, 4, 7, hole},
		want: []float64{5, 5, 4, 4, 7, 7},
	}, {
		reason:    "no visible value at all: 0",
		completer: &baseline.Kernel{},
		x:         []float64{0, 1, 2}, values: []float64{hole, hole, hole},
		want: []float64{0, 0, 0},
	}, {
		reason:    "unless train tells more",
		completer: &baseline.Kernel{Train: []float64{3.5}},
		x:         []float64{0, 1, 2}, values: []float64{hole, hole, hole},
		want: []float64{3.5, 3.5, 3.5},
	}, {
		reason:    "which also holds for knn",
		completer: &baseline.KNNMean{Train: []float64{3.5}},
		x:         []float64{0, 1, 2}, values: []float64{hole, hole, hole},
		want: []float64{3.5, 3.5, 3.5},
	}, {
		reason:    "but what the slide shows comes first",
		completer: &baseline.Kernel{Neighbours: 1, Train: []float64{3.5}},
		x:         []float64{0, 1, 10, 11}, values: []float64{hole, hole, 4, 6},
		want: []float64{5, 5, 4, 6},
	}, {
		reason:    "a lone spot has no neighbours and no pitch",
		completer: &baseline.Kernel{},
		x:         []float64{5}, values: []float64{hole},
		want: []float64{0},
	}, {
		reason:    "knn: invisible entries are left out, not counted as 0",
		completer: &baseline.KNNMean{Neighbours: 2},
		x:         []float64{0, 1, 3}, values: []float64{6, hole, 9},
		want: []float64{6, 7.5, 9},
	}, {
		reason:    "median: zeros and the spot itself are in the window: {0,6,9} has median 6",
		completer: baseline.Median{},
		x:         []float64{0, 1, 3}, values: []float64{6, hole, 9},
		want: []float64{6, 6, 9},
	}, {
		reason:    "median: {0,0,6} is 0 at every hop, so the median of the slide's non-zero values",
		completer: baseline.Median{},
		x:         []float64{0, 1, 3}, values: []float64{6, hole, hole},
		want: []float64{6, 6, 6},
	}, {
		reason:    "slide mean",
		completer: baseline.SlideMean{},
		x:         []float64{0, 1, 3}, values: []float64{6, hole, 9},
		want: []float64{6, 7.5, 9},
	}, {
		reason:    "gene mean of the train spots",
		completer: &baseline.GeneMean{Train: []float64{3.25}},
		x:         []float64{0, 1, 3}, values: []float64{6, hole, 9},
		want: []float64{6, 3.25, 9},
	}, {
		reason:    "a gene unseen in train falls back to the slide's mean",
		completer: &baseline.GeneMean{Train: []float64{0}},
		x:         []float64{0, 1, 3}, values: []float64{6, hole, 9},
		want: []float64{6, 7.5, 9},
	}} {
		got := complete(t, c.completer, line(t, c.x, c.values))
		for i, want := range c.want {
			if math.Abs(float64(got[i])-want) > 1e-6 {
				t.Errorf("%s: spot %d: got %g, want %g", c.reason, i, got[i], want)
			}
		}
	}
}

// naive is the formula of Kernel, written from its definition.
func naive(v *baseline.View, k int, kappa float64, weight func(d float64) float64) []float32 {
	n, genes := v.Values.Rows, v.Values.Cols
	out := make([]float32, n*genes)
	dist := func(i, j int) float64 { return math.Hypot(v.X[i]-v.X[j], v.Y[i]-v.Y[j]) }
	for i := range n {
		order := make([]int, n)
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch da, db := dist(i, a), dist(i, b); {
			case da < db:
				return -1
			case da > db:
				return 1
			}
			return 0
		})
		for g := range genes {
			at := i*genes + g
			if v.Visible[at] {
				out[at] = v.Values.Data[at]
				continue
			}
			var sum, count, num, den float64
			for j := range n {
				if v.Visible[j*genes+g] {
					sum += float64(v.Values.Data[j*genes+g])
					count++
				}
			}
			mean := sum / max(count, 1)
			for _, j := range order[1:min(k+1, n)] { // order[0] is i itself
				if v.Visible[j*genes+g] {
					num += weight(dist(i, j)) * float64(v.Values.Data[j*genes+g])
					den += weight(dist(i, j))
				}
			}
			if den+kappa == 0 {
				num, den = mean, 1
			}
			out[at] = float32((num + kappa*mean) / (den + kappa))
		}
	}
	return out
}

func TestNaive(t *testing.T) {
	for seed := range uint64(4) {
		v := hexView(t, seed, 9, 11, 6)
		pitch := neighbor.Pitch(v.X, v.Y)
		gauss := func(h float64) func(float64) float64 {
			return func(d float64) float64 { return math.Exp(-0.5 * math.Pow(d/(h*pitch), 2)) }
		}
		for _, c := range []struct {
			completer baseline.Completer
			want      []float32
		}{
			{&baseline.Kernel{}, naive(v, 36, 0, gauss(2))},
			{&baseline.Kernel{Width: 0.8, Neighbours: 7, Kappa: 1.5}, naive(v, 7, 1.5, gauss(0.8))},
			{&baseline.Kernel{Neighbours: 500}, naive(v, 98, 0, gauss(2))},
			{&baseline.KNNMean{}, naive(v, 18, 0, func(float64) float64 { return 1 })},
		} {
			for i, got := range complete(t, c.completer, v) {
				if math.Abs(float64(got-c.want[i])) > 2e-6 {
					t.Fatalf("seed %d, %s: entry %d: got %g, want %g", seed, c.completer.Name(), i, got, c.want[i])
				}
			}
		}
	}
}

func TestProperties(t *testing.T) {
	for seed := range uint64(5) {
		v := hexView(t, 100+seed, 8, 9, 5)
		genes := v.Values.Cols
		for _, c := range all() {
			before := slices.Clone(v.Values.Data)
			got := complete(t, c, v)
			if !slices.Equal(before, v.Values.Data) {
				t.Errorf("seed %d, %s: the view's values were changed", seed, c.Name())
			}
			for i, p := range got {
				if v.Visible[i] && p != v.Values.Data[i] {
					t.Errorf("seed %d, %s: visible entry %d became %g, was %g", seed, c.Name(), i, p, v.Values.Data[i])
				}
				if v.Visible[i] || !averages(c) {
					continue
				}
				if lo, hi := visibleRange(v, i%genes); p < lo-1e-5 || p > hi+1e-5 {
					t.Errorf("seed %d, %s: entry %d is %g, outside the gene's visible values %g..%g", seed, c.Name(), i, p, lo, hi)
				}
			}
			if i := slices.IndexFunc(got, func(p float32) bool { return p != p }); i >= 0 {
				t.Errorf("seed %d, %s: NaN at %d", seed, c.Name(), i)
			}

			away := *v // the same slide, scaled by a power of two, so that distances stay exact
			away.X, away.Y = scaled(v.X, 4), scaled(v.Y, 4)
			if !slices.Equal(got, complete(t, c, &away)) {
				t.Errorf("seed %d, %s: the result depends on the unit of the coordinates", seed, c.Name())
			}
		}
	}
}

// averages reports whether a method's answers lie within the visible values.
func averages(c baseline.Completer) bool {
	switch c.(type) {
	case *baseline.Kernel, *baseline.KNNMean, baseline.SlideMean:
		return true
	}
	return false
}

func visibleRange(v *baseline.View, g int) (lo, hi float32) {
	lo, hi = float32(math.Inf(1)), float32(math.Inf(-1))
	for i := g; i < len(v.Visible); i += v.Values.Cols {
		if v.Visible[i] {
			lo, hi = min(lo, v.Values.Data[i]), max(hi, v.Values.Data[i])
		}
	}
	if lo > hi {
		return 0, 0
	}
	return lo, hi
}

func scaled(x []float64, s float64) []float64 {
	y := slices.Clone(x)
	for i := range y {
		y[i] *= s
	}
	return y
}

func TestSameBytesOnAnyNumberOfCores(t *testing.T) {
	v := hexView(t, 7, 20, 20, 12)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, c := range all() {
		var runs [2]*baseline.Completion
		for k, cores := range []int{1, 5} {
			runtime.GOMAXPROCS(cores)
			done, err := c.Complete(context.Background(), v)
			if err != nil {
				t.Fatal(err)
			}
			runs[k] = done
		}
		if a, b := runs[0], runs[1]; !slices.Equal(a.Values.Data, b.Values.Data) || !slices.Equal(a.SD.Data, b.SD.Data) || !slices.Equal(a.Rate.Data, b.Rate.Data) {
			t.Errorf("%s: 5 cores give other bytes than 1", c.Name())
		}
	}
}

func TestStride(t *testing.T) {
	v := hexView(t, 3, 6, 7, 4)
	wide := *v
	wide.Values = blas32.General{Rows: 42, Cols: 4, Stride: 6, Data: make([]float32, 41*6+4)}
	for i := range wide.Values.Data {
		wide.Values.Data[i] = 99 // must not be read
	}
	for i := range 42 {
		copy(wide.Values.Data[i*6:], v.Values.Data[i*4:(i+1)*4])
	}
	for _, c := range all() {
		if !slices.Equal(complete(t, c, v), complete(t, c, &wide)) {
			t.Errorf("%s: a padded view gives another result", c.Name())
		}
	}
}

// TestFit learns means of two train slides, and falls back on them.
func TestFit(t *testing.T) {
	one, two := line(t, []float64{0, 1, 2}, []float64{1, hole, 3}), line(t, []float64{0, 1}, []float64{8, hole})
	empty := line(t, []float64{0, 1, 2}, []float64{hole, hole, hole})
	for _, c := range []baseline.Completer{&baseline.GeneMean{}, &baseline.Kernel{}, &baseline.KNNMean{}} {
		if err := c.Fit(context.Background(), []*baseline.View{one, two}); err != nil {
			t.Fatal(err)
		}
		if got := complete(t, c, empty); !slices.Equal(got, []float32{4, 4, 4}) {
			t.Errorf("%s: got %v, want the mean 4 of the values 1, 3 and 8", c.Name(), got)
		}
		if err := c.Fit(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		if got := complete(t, c, empty); !slices.Equal(got, []float32{0, 0, 0}) {
			t.Errorf("%s: got %v after a fit to nothing, which forgets, want 0", c.Name(), got)
		}
		two := hexView(t, 1, 3, 3, 2)
		if err := c.Fit(context.Background(), []*baseline.View{one, two}); err == nil {
			t.Errorf("%s: train slides of 1 and 2 genes were accepted", c.Name())
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		reason string
		spoil  func(v *baseline.View)
		want   string
	}{
		{"values that should not be seen are a leak", func(v *baseline.View) {
			v.Visible[slices.Index(v.Visible, true)] = false
		}, "not visible"},
		{"hidden and visible exclude each other", func(v *baseline.View) {
			v.Hidden = slices.Clone(v.Visible)
		}, "both hidden and visible"},
		{"flags of another shape", func(v *baseline.View) { v.Visible = v.Visible[1:] }, "visibility flags"},
		{"hidden flags of another shape", func(v *baseline.View) { v.Hidden = []bool{} }, "hidden flags"},
		{"too few coordinates", func(v *baseline.View) { v.Y = v.Y[1:] }, "coordinates"},
		{"a count without a value", func(v *baseline.View) { v.Counts.Data[slices.Index(v.Visible, false)] = 2 }, "has a count of 2"},
		{"no count of a value", func(v *baseline.View) { v.Counts.Data[slices.Index(v.Visible, true)] = 0 }, "has a count of 0"},
		{"a count of NaN", func(v *baseline.View) { v.Counts.Data[slices.Index(v.Visible, true)] = float32(math.NaN()) }, "has a count of NaN"},
		{"counts of another shape", func(v *baseline.View) { v.Counts.Rows-- }, "counts of 19 x 3"},
		{"a gene without a size", func(v *baseline.View) { v.Sizes[1] = 0 }, "size 0"},
		{"a spot without a total", func(v *baseline.View) { v.Totals[4] = 0 }, "total of 0"},
		{"a negative depth", func(v *baseline.View) { v.Depth[4] = -1 }, "-1 counts"},
		{"depths of too few spots", func(v *baseline.View) { v.Depth = v.Depth[1:] }, "depths of 19"},
		{"further genes at too few spots", func(v *baseline.View) { v.Rest = blas32.General{Rows: 1, Cols: 1, Stride: 1, Data: []float32{1}} }, "further genes at 1 of 20"},
		{"a negative count of a further gene", func(v *baseline.View) {
			v.Rest = blas32.General{Rows: 20, Cols: 1, Stride: 1, Data: slices.Repeat([]float32{-1}, 20)}
		}, "-1 of further gene 0"},
		{"too few values", func(v *baseline.View) { v.Values.Data = v.Values.Data[1:] }, "cannot fill"},
		{"a stride below the width", func(v *baseline.View) { v.Values.Stride = 1 }, "bad shape"},
	} {
		for _, m := range all() {
			v := hexView(t, 11, 4, 5, 3)
			c.spoil(v)
			if _, err := m.Complete(context.Background(), v); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %s: got error %v, want one with %q", m.Name(), c.reason, err, c.want)
			}
		}
	}

	v := hexView(t, 11, 4, 5, 3)
	for _, c := range []struct {
		reason    string
		completer baseline.Completer
	}{
		{"a kernel cannot have a negative width", &baseline.Kernel{Width: -1}},
		{"nor NaN", &baseline.Kernel{Width: math.NaN()}},
		{"a negative weight of the mean", &baseline.Kernel{Kappa: -1}},
		{"a negative number of neighbours", &baseline.KNNMean{Neighbours: -1}},
		{"means of another number of genes", &baseline.GeneMean{Train: []float64{1}}},
		{"for a kernel too", &baseline.Kernel{Train: []float64{1}}},
		{"a kernel of counts has a positive width, too", baseline.PoissonKernel{Width: math.NaN()}},
		{"negative factors", baseline.PoissonFactor{Rank: -1}},
		{"a coupling that drives apart", baseline.PoissonFactor{Coupling: -1}},
		{"a coupling of NaN", baseline.PoissonFactor{Coupling: math.NaN()}},
		{"and for knn", &baseline.KNNMean{Train: []float64{1}}},
	} {
		if _, err := c.completer.Complete(context.Background(), v); err == nil {
			t.Errorf("%s: accepted", c.reason)
		}
	}

	v.Graph = nil
	if _, err := (baseline.Median{}).Complete(context.Background(), v); err == nil {
		t.Error("a median without a graph: accepted")
	}
	clear(v.X)
	clear(v.Y)
	for _, c := range []baseline.Completer{&baseline.Kernel{}, baseline.PoissonFactor{}} {
		if _, err := c.Complete(context.Background(), v); err == nil {
			t.Errorf("%s: all spots at one place: accepted", c.Name())
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range all() {
		if _, err := c.Complete(ctx, hexView(t, 1, 6, 6, 3)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", c.Name(), err)
		}
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range append(all(), &baseline.GeneMean{Train: []float64{1}}) {
		if seen[c.Name()] || c.Name() != strings.ToLower(c.Name()) {
			t.Errorf("name %q is not lower-case or not its own", c.Name())
		}
		seen[c.Name()] = true
	}
}

func BenchmarkComplete(b *testing.B) {
	v := hexView(b, 1, 40, 40, 128)
	for _, c := range []baseline.Completer{baseline.Median{}, &baseline.Kernel{}, &baseline.KNNMean{}, &baseline.GeneMean{}} {
		b.Run(c.Name(), func(b *testing.B) {
			for b.Loop() {
				complete(b, c, v)
			}
		})
	}
}
