package sparse_test

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared/sparse"
)

func ExampleCSR_Select() {
	// Two spots, three genes:
	//	4 0 1
	//	0 2 0
	m := &sparse.CSR{
		Rows: 2, Cols: 3,
		IndPtr:  []int64{0, 2, 3},
		Indices: []int32{0, 2, 1},
		Data:    []float32{4, 1, 2},
	}
	fmt.Println("counts per spot:", m.RowSums())
	s := m.Select([]int{0}, []int{2, 0}) // the first spot; third gene, then first
	fmt.Println(s.Dense().Data)
	// Output:
	// counts per spot: [5 2]
	// [1 4]
}
