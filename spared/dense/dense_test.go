package dense_test

import (
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/dense"
)

func TestConvertsToGonumWithoutCopy(t *testing.T) {
	layer := blas32.General{Rows: 2, Cols: 2, Stride: 3, Data: make([]float32, 6)}
	m := dense.Matrix[float32](layer)
	m.Set(1, 1, 7)
	if layer.Data[4] != 7 || blas32.General(m).Data[4] != 7 {
		t.Errorf("the layer holds %v", layer.Data)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		reason string
		m      dense.Matrix[float32]
		ok     bool
	}{
		{"new", dense.New[float32](3, 2), true},
		{"zero value", dense.Matrix[float32]{}, true},
		{"no rows", dense.New[float32](0, 5), true},
		{"no columns", dense.New[float32](5, 0), true},
		{"last row needs no padding", dense.Matrix[float32]{Rows: 2, Cols: 2, Stride: 5, Data: make([]float32, 7)}, true},
		{"a value is missing", dense.Matrix[float32]{Rows: 2, Cols: 2, Stride: 5, Data: make([]float32, 6)}, false},
		{"stride below columns", dense.Matrix[float32]{Rows: 2, Cols: 2, Stride: 1, Data: make([]float32, 4)}, false},
		{"negative rows", dense.Matrix[float32]{Rows: -1, Cols: 2, Stride: 2}, false},
		{"negative columns", dense.Matrix[float32]{Rows: 1, Cols: -2, Stride: 2}, false},
	} {
		if err := c.m.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}

func TestCloneAndSelect(t *testing.T) {
	m := dense.Matrix[float64]{Rows: 2, Cols: 3, Stride: 4, Data: []float64{1, 2, 3, -1, 4, 5, 6}}
	for _, c := range []struct {
		reason string
		got    dense.Matrix[float64]
		rows   int
		want   []float64
	}{
		{"clone drops the padding", m.Clone(), 2, []float64{1, 2, 3, 4, 5, 6}},
		{"everything", m.Select(nil, nil), 2, []float64{1, 2, 3, 4, 5, 6}},
		{"rows jump and repeat", m.Select([]int{1, 0, 1}, nil), 3, []float64{4, 5, 6, 1, 2, 3, 4, 5, 6}},
		{"columns jump and repeat", m.Select(nil, []int{2, 2, 0}), 2, []float64{3, 3, 1, 6, 6, 4}},
		{"both", m.Select([]int{1}, []int{1}), 1, []float64{5}},
		{"no rows", m.Select([]int{}, nil), 0, nil},
	} {
		if c.got.Rows != c.rows || c.got.Check() != nil || !slices.Equal(c.got.Data, c.want) {
			t.Errorf("%s: %+v, want %v", c.reason, c.got, c.want)
		}
		for k := range c.got.Data {
			c.got.Data[k] = 99
		}
	}
	if m.At(0, 0) != 1 || m.At(1, 2) != 6 {
		t.Errorf("a copy shares memory: %v", m.Data)
	}
}

func BenchmarkSelect(b *testing.B) {
	m := dense.New[float32](5000, 2000)
	cols := make([]int, 128)
	for j := range cols {
		cols[j] = (j * 37) % m.Cols
	}
	for b.Loop() {
		m.Select(nil, cols)
	}
}
