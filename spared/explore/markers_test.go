package explore_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/explore"
)

// numbers are pseudo-random ones below mod, by a rule that scipy's side repeats.
func numbers(n int, seed uint64, mod int) []float32 {
	v := make([]float32, n)
	for k := range v {
		seed = (1103515245*seed + 12345) % (1 << 31)
		v[k] = float32(seed >> 16 % uint64(mod))
	}
	return v
}

// one is a data set of one layer.
func one(genes int, values ...float32) *spared.Dataset {
	d := &spared.Dataset{Layers: map[string]blas32.General{}}
	n := len(values) / genes
	for i := range n {
		d.Spots = append(d.Spots, spared.Spot{ID: fmt.Sprint("s", i)})
	}
	for g := range genes {
		d.Genes = append(d.Genes, spared.Gene{ID: fmt.Sprint("g", g)})
	}
	d.Layers["x"] = blas32.General{Rows: n, Cols: genes, Stride: genes, Data: values}
	return d
}

func span(from, to int) (s []int) {
	for i := from; i < to; i++ {
		s = append(s, i)
	}
	return s
}

// TestMarkersScipy compares with scipy 1.17's mannwhitneyu, asymptotic, without
// continuity correction: few values, many ties, only two values, a small group,
// large groups.
func TestMarkersScipy(t *testing.T) {
	for _, tc := range []struct {
		seed      uint64
		mod, n, m int
		z, p      float64
	}{
		{1, 1000, 9, 12, 1.06600358178, 0.286422022778},
		{2, 4, 20, 15, 1.03478782503, 0.300768009984},
		{3, 2, 30, 40, -0.685398600692, 0.493092426818},
		{4, 7, 3, 50, 1.07217927924, 0.283639515398},
		{5, 1000, 150, 200, 4.0592677292, 4.92268466588e-05},
	} {
		v := numbers(tc.n+tc.m, tc.seed, tc.mod)
		for k := range tc.n {
			v[k] += float32(tc.mod / 10)
		}
		got, err := explore.Markers(one(1, v...), "x", span(0, tc.n), span(tc.n, tc.n+tc.m))
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got[0].Score-tc.z) > 1e-9*math.Abs(tc.z) || math.Abs(got[0].P-tc.p) > 1e-9*tc.p {
			t.Errorf("seed %d: z %.12g, p %.12g, want %.12g, %.12g", tc.seed, got[0].Score, got[0].P, tc.z, tc.p)
		}
	}
}

// TestMarkers compares a gene that is higher in the first group, one that is
// constant, and one that is much lower.
func TestMarkers(t *testing.T) {
	var v []float32
	for i := range 20 {
		x := float32(i % 5)
		if i < 10 {
			v = append(v, x+2, 7, x)
		} else {
			v = append(v, x, 7, x+50)
		}
	}
	got, err := explore.Markers(one(3, v...), "x", span(0, 10), span(10, 20))
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range []explore.Marker{{Gene: 2, Difference: -50}, {Gene: 0, Difference: 2}, {Gene: 1}} {
		if got[k].Gene != want.Gene || math.Abs(got[k].Difference-want.Difference) > 1e-6 {
			t.Errorf("place %d: %+v, want gene %d, difference %g", k, got[k], want.Gene, want.Difference)
		}
	}
	if c := got[2]; c.Score != 0 || c.P != 1 || c.Q != 1 {
		t.Errorf("a constant gene: %+v", c)
	}
	for _, m := range got {
		if m.Q < m.P {
			t.Errorf("adjusted to less: %+v", m)
		}
	}
}

func TestMarkersRefuses(t *testing.T) {
	d := one(1, 1, 2, 3)
	for _, tc := range []struct {
		reason string
		layer  string
		a, b   []int
		want   string
	}{
		{"an empty group", "x", nil, []int{1}, "0 and 1 spots"},
		{"a spot in both", "x", []int{0, 1}, []int{1}, "s1"},
		{"no such spot", "x", []int{0}, []int{3}, "spot 3 of 3"},
		{"no such layer", "y", []int{0}, []int{1}, "y"},
	} {
		if _, err := explore.Markers(d, tc.layer, tc.a, tc.b); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", tc.reason, err, tc.want)
		}
	}
}

func TestRegions(t *testing.T) {
	d := one(1, 1, 2, 3, 4, 5, 6)
	if got := explore.Regions(d, ""); got != nil {
		t.Errorf("regions without clusters: %v", got)
	}
	d.Obs = []spared.Column{{Name: "part", Data: []string{"b", "c", "a", "c", "b", "c"}}}
	got := explore.Regions(d, "part")
	want := []explore.Region{{Name: "c", Spots: []int{1, 3, 5}}, {Name: "b", Spots: []int{0, 4}}, {Name: "a", Spots: []int{2}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("regions:\n%s", diff)
	}
}
