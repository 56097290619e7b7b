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
// the same inputs.
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
	middle := (sorted[(n-1)/2] + sorted[n/2]) / 2
	for i := range n {
		for g := range genes {
			expression.Set(i, g, math.Log1p(float64(v.Counts.Data[i*genes+g])*middle/max(totals[i], 1)))
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

// components are the scores of up to 50 principal components, the largest loading
// of each positive.
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
	for d := range min(n, cols) {
		column := mat.Col(nil, d, &v)
		if largest := slices.MaxFunc(column, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) }); largest < 0 {
			for g, x := range column {
				v.Set(g, d, -x)
			}
		}
	}
	scores.Mul(x, v.Slice(0, cols, 0, min(50, cols, n-1)))
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
	for _, test := range []struct {
		rows, cols, genes, features int
		reason                      string
	}{
		{10, 11, 8, 0, "fewer genes than components"},
		{10, 11, 8, 6, "and a picture"},
		{10, 11, 90, 0, "only the 50 leading components count: 50 that are nearly so give other values"},
		{7, 8, 90, 70, "more genes than spots"},
	} {
		for seed := range uint64(3) {
			v, _ := tissue(t, 70+seed, test.rows, test.cols, test.genes)
			if test.features > 0 {
				v = withFeatures(v, seed, test.features)
			}
			got, want := answers(t, &baseline.SME{}, v).Values.Data, published(t, v)
			for k := range got {
				if math.Abs(float64(got[k]-want[k])) > 1e-4 {
					t.Fatalf("%s, seed %d: entry %d is %g, by whole matrices %g", test.reason, seed, k, got[k], want[k])
				}
			}
		}
	}
}

// What stLearn makes of the made-up slide of stlearnSlide where nothing was
// counted: SME_impute0 of stLearn 1.2.2, and of 0.4.12, which has the wider radius
// that its Visium rule is meant to have, on Visium's grid. Its X_pca is made by
// st.pp.normalize_total, st.pp.log1p and st.em.run_pca(n_comps=6,
// svd_solver="full"), its X_morphology by scikit-learn's PCA as
// st.pp.extract_feature makes it (NumPy 1.26.4, scanpy 1.11.5, scikit-learn 1.9.1).
func TestSMEAgainstSTLearn(t *testing.T) {
	for _, test := range []struct {
		reason  string
		radius  float64 // full-resolution pixels, by stLearn's fit of the grid
		picture bool
		want    []float32 // not measured entries, spot by spot
	}{
		{"1.2.2, weights_matrix_all", 211.09566, true, []float32{
			0, 0, 5.11188, 0, 4.77761, 0, 1.3885, 3.3406, 1.77116, 6.50545, 0, 4.08444, 2.51936, 0, 0.433095, 0.313168,
			0, 3.9693, 6.51101, 0.884124, 0, 8.36165, 7.93342, 4.45518, 3.15151, 4.882, 2.95974, 0, 8.92898, 0, 4.20252, 3.81244}},
		{"1.2.2, weights_matrix_pd_gd", 211.09566, false, []float32{
			5.17179, 0, 4.48544, 3.85778, 4.45118, 0, 4.03711, 0, 9.5542, 4.82068, 4.84822, 4.3937, 0, 3.21013, 5.01823, 4.69308,
			0, 5.53887, 4.30972, 0, 4.32936, 9.24333, 8.77439, 4.67292, 3.7162, 10.3449, 9.33898, 0, 10.1233, 0, 0, 5.02652}},
		{"0.4.12, weights_matrix_pd_gd", 299.23755, false, []float32{
			5.17179, 0, 4.48544, 3.85778, 0, 4.48211, 0, 0, 9.5542, 4.82068, 4.84822, 8.55236, 0, 3.21013, 5.01823, 4.69308,
			0, 5.53887, 4.69111, 0, 4.32936, 9.24333, 8.77439, 4.67292, 3.7162, 10.369, 9.86531, 4.83721, 5.15318, 0, 0, 4.63102}},
	} {
		v := stlearnSlide()
		if !test.picture {
			v.Features = blas32.General{}
		}
		m := &baseline.SME{Radius: test.radius / neighbor.Pitch(v.X, v.Y)}
		got, at := answers(t, m, v).Values.Data, 0
		for k, x := range got {
			switch {
			case v.Visible[k] && x != v.Values.Data[k]:
				t.Errorf("%s: the measured entry %d became %g", test.reason, k, x)
			case !v.Visible[k]:
				if math.Abs(float64(x-test.want[at])) > 1e-4 {
					t.Errorf("%s: spot %d, gene %d is %g, stLearn has %g", test.reason, k/6, k%6, x, test.want[at])
				}
				at++
			}
		}
	}
}

// stlearnSlide is a made-up slide of 20 spots x 6 genes on a hexagonal grid, of
// which stLearn's answers are known. Its values are log2(1 + 1e6·count/total).
func stlearnSlide() *baseline.View {
	const n, genes, features = 20, 6, 3
	v := &baseline.View{
		Slide: "made up",
		X:     []float64{-3, 100, 201, 296, 47, 153, 247, 347, 4, 101, 199, 300, 51, 148, 247, 352, 1, 100, 203, 300},
		Y:     []float64{4, -2, 0, 0, 85, 87, 84, 89, 176, 170, 173, 171, 256, 263, 259, 257, 348, 344, 350, 344},
		Counts: blas32.General{Rows: n, Cols: genes, Stride: genes, Data: []float32{
			0, 2, 3, 2, 4, 6, 2, 1, 5, 0, 3, 0, 2, 1, 5, 0, 3, 2, 0, 4, 3, 0, 4, 1, 0, 2, 4, 1, 7, 2,
			0, 6, 9, 0, 1, 5, 1, 0, 4, 0, 1, 1, 0, 2, 3, 2, 4, 3, 0, 2, 1, 1, 0, 1, 2, 0, 9, 1, 4, 5,
			0, 2, 5, 0, 2, 0, 1, 0, 1, 1, 5, 1, 0, 2, 3, 1, 0, 2, 2, 0, 2, 0, 0, 0, 3, 1, 3, 1, 2, 1,
			4, 1, 0, 0, 1, 1, 3, 2, 1, 2, 0, 0, 4, 1, 1, 1, 0, 1, 9, 5, 7, 3, 0, 1, 6, 2, 4, 1, 1, 0}},
		Sizes: []float64{1, 1, 1, 1, 1, 1},
		Features: blas32.General{Rows: n, Cols: features, Stride: features, Data: []float32{
			-.04, .43, .03, .14, .49, .56, .94, .34, 1.3, 1.79, .41, 2.21, .03, .56, -.26, .27, 1.27, .53, .7, .65,
			.21, .6, 1.11, .6, -.15, .16, -.44, 1.16, -.03, -.64, 1.15, -.02, .01, 1.34, .82, .75, .26, -.3, -1.78, .83,
			-1.01, .38, 1.29, -.5, -.14, -.29, -.26, 1.13, -.28, -.7, -1.45, 0, -.59, -.68, 1.07, -1, -.42, .29, -.93, .2}},
	}
	v.Totals = make([]float64, n)
	v.Values = blas32.General{Rows: n, Cols: genes, Stride: genes, Data: make([]float32, n*genes)}
	for k, c := range v.Counts.Data {
		v.Totals[k/genes] += float64(c)
	}
	for k, c := range v.Counts.Data {
		v.Visible = append(v.Visible, c > 0)
		v.Values.Data[k] = float32(math.Log2(1 + 1e6*float64(c)/v.Totals[k/genes]))
	}
	return v
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
