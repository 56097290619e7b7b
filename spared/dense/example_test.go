package dense_test

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/spatialgo/spatialgo/spared/dense"
)

func ExampleMatrix() {
	m := dense.New[float64](2, 3)
	copy(m.Row(0), []float64{1, 2, 3})
	m.Set(1, 2, 6)
	genes := m.Select(nil, []int{2, 0})
	fmt.Println(genes.Row(0), genes.Row(1))

	// gonum works on the same memory.
	d := mat.NewDense(m.Rows, m.Cols, m.Data)
	fmt.Println(mat.Sum(d))
	// Output:
	// [3 1] [6 0]
	// 12
}
