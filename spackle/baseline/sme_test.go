package baseline_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// withFeatures gives a view image features of d numbers that follow the place.
func withFeatures(v *baseline.View, seed uint64, d int) *baseline.View {
	rng := rand.New(rand.NewPCG(seed, 5))
	w := *v
	w.Features = blas32.General{Rows: v.Values.Rows, Cols: d, Stride: d}
	for i := range v.Values.Rows {
		for k := range d {
			w.Features.Data = append(w.Features.Data, float32(math.Sin(v.X[i]/200+float64(k))+.3*rng.NormFloat64()))
		}
	}
	return &w
}

// published is stLearn's imputation as its functions weight_matrix,
// impute_neighbour and sme_impute0 compute it, by matrices of spots x spots, on
// the same inputs: whole principal components of few genes.
func published(t *testing.T, v *baseline.View) []float32 {
	t.Helper()
	n, genes := v.Values.Rows, v.Values.Cols
	expression := mat.NewDense(n, genes, nil)
	totals := make([]float64, n)
	for i := range n {
		for g := range genes {
			totals[i] += float64(v.Counts.Data[i*genes+g])
		}
	}
	sorted := slices.Sorted(slices.Values(totals))
	for i := range n {
		for g := range genes {
			expression.Set(i, g, math.Log1p(float64(v.Counts.Data[i*genes+g])*sorted[(n-1)/2]/max(totals[i], 1)))
		}
	}
	weights := mat.NewDense(n, n, nil)
	pca := components(t, expression)
	var morphology *mat.Dense
	if d := v.Features.Cols; d > 0 {
		morphology = mat.NewDense(n, d, nil)
		for k, x := range v.Features.Data {
			morphology.Set(k/d, k%d, float64(x))
		}
		morphology = components(t, morphology)
	}
	pitch := neighbor.Pitch(v.X, v.Y)
	for i := range n {
		for j := range n {
			if math.Hypot(v.X[i]-v.X[j], v.Y[i]-v.Y[j]) >= 3*pitch {
				continue
			}
			w := correlation(pca.RawRowView(i), pca.RawRowView(j))
			if morphology != nil {
				w *= max(cosine(morphology.RawRowView(i), morphology.RawRowView(j)), 0)
			}
			weights.Set(i, j, w)
		}
	}
	out := v.Empty().Data
	for i := range n {
		row := weights.RawRowView(i)
		order := make([]int, n)
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(row[b], row[a]) })
		for g := range genes {
			var num, den float64
			for _, j := range order[:3] {
				num, den = num+row[j]*float64(v.Values.Data[j*genes+g]), den+row[j]
			}
			out[i*genes+g] = float32(num / den)
			if v.Visible[i*genes+g] {
				out[i*genes+g] = v.Values.Data[i*genes+g]
			}
		}
	}
	return out
}

// components are the principal components' scores, the largest loading of each
// positive.
func components(t *testing.T, x *mat.Dense) *mat.Dense {
	t.Helper()
	n, cols := x.Dims()
	for g := range cols {
		mean := mat.Sum(x.ColView(g)) / float64(n)
		for i := range n {
			x.Set(i, g, x.At(i, g)-mean)
		}
	}
	var svd mat.SVD
	if !svd.Factorize(x, mat.SVDThin) {
		t.Fatal("no decomposition")
	}
	var v, scores mat.Dense
	svd.VTo(&v)
	for d := range cols {
		column := mat.Col(nil, d, &v)
		if largest := slices.MaxFunc(column, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) }); largest < 0 {
			for g, x := range column {
				v.Set(g, d, -x)
			}
		}
	}
	scores.Mul(x, &v)
	return &scores
}

func cosine(a, b []float64) float64 {
	var ab, aa, bb float64
	for k := range a {
		ab, aa, bb = ab+a[k]*b[k], aa+a[k]*a[k], bb+b[k]*b[k]
	}
	return ab / math.Sqrt(aa*bb)
}

func correlation(a, b []float64) float64 {
	centred := func(x []float64) []float64 {
		mean := 0.
		for _, y := range x {
			mean += y / float64(len(x))
		}
		c := slices.Clone(x)
		for k := range c {
			c[k] -= mean
		}
		return c
	}
	return cosine(centred(a), centred(b))
}

func TestSMEAsPublished(t *testing.T) {
	for seed := range uint64(3) {
		v, _ := tissue(t, 70+seed, 10, 11, 8)
		for _, v := range []*baseline.View{v, withFeatures(v, seed, 6)} {
			got, want := answers(t, &baseline.SME{}, v).Values.Data, published(t, v)
			for k := range got {
				if math.Abs(float64(got[k]-want[k])) > 1e-3 {
					t.Fatalf("seed %d, %d features: entry %d is %g, by whole matrices %g", seed, v.Features.Cols, k, got[k], want[k])
				}
			}
		}
	}
}

// What is published draws all values towards 0; leaving out what is not visible
// does not.
func TestSMEAndZeros(t *testing.T) {
	for seed := range uint64(3) {
		v := withFeatures(hexView(t, 80+seed, 9, 9, 6), seed, 5)
		with, only := answers(t, &baseline.SME{}, v), answers(t, &baseline.SME{VisibleOnly: true}, v)
		for k, seen := range v.Visible {
			lo, hi := visibleRange(v, k%6)
			if x := with.Values.Data[k]; !seen && (x < 0 || x > hi*2/3+1e-4) {
				t.Fatalf("seed %d: entry %d is %g, above 2/3 of the largest value %g", seed, k, x, hi)
			}
			if x := only.Values.Data[k]; !seen && (x < lo-1e-4 || x > hi+1e-4) {
				t.Fatalf("seed %d: visible only: entry %d is %g, outside %g..%g", seed, k, x, lo, hi)
			}
		}
	}
}

func TestSMEUsesThePicture(t *testing.T) {
	v, _ := tissue(t, 90, 9, 9, 8)
	m := &baseline.SME{}
	without := answers(t, m, v)
	notes := m.Notes(spared.Test)
	if answers(t, m, v); len(notes) != 1 || len(m.Notes(spared.Test)) != 1 || !strings.Contains(notes[0], "no image features of hex") {
		t.Errorf("the notes are %q", m.Notes(spared.Test))
	}
	seeing := &baseline.SME{}
	if with := answers(t, seeing, withFeatures(v, 1, 6)); slices.Equal(with.Values.Data, without.Values.Data) {
		t.Error("image features change nothing")
	}
	if n := seeing.Notes(spared.Test); n != nil {
		t.Errorf("with features the notes are %q", n)
	}
	few := *v // values alone do
	few.Counts, few.Depth = blas32.General{}, nil
	if done := answers(t, seeing, &few); slices.ContainsFunc(done.Values.Data, func(x float32) bool { return x != x }) {
		t.Error("NaN without counts")
	}
}

// A gene that the slide does not show has the mean of the train slides.
func TestSMEFit(t *testing.T) {
	train := line(t, []float64{0, 1, 2}, []float64{1, hole, 3})
	empty := line(t, []float64{0, 1, 2}, []float64{hole, hole, hole})
	if got := complete(t, fit(t, &baseline.SME{VisibleOnly: true}, train), empty); !slices.Equal(got, []float32{2, 2, 2}) {
		t.Errorf("got %v, want the mean of 1 and 3", got)
	}
	if got := complete(t, fit(t, &baseline.SME{}, train), empty); !slices.Equal(got, []float32{0, 0, 0}) {
		t.Errorf("as published: got %v, want 0", got)
	}
}

// Published as it is, a zero between high values stays far below them.
func ExampleSME() {
	v := row()
	for _, m := range []*baseline.SME{{}, {VisibleOnly: true}} {
		done, err := m.Complete(context.Background(), v)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %.1f\n", m.Name(), done.Values.Data)
	}
	// Output:
	// sme: [10.0 9.0 5.3 7.0 7.0]
	// sme, visible only: [10.0 9.0 8.2 7.0 7.0]
}

func BenchmarkSME(b *testing.B) {
	v, _ := tissue(b, 1, 50, 100, 128)
	v = withFeatures(v, 1, 64)
	for b.Loop() {
		answers(b, &baseline.SME{}, v)
	}
}
