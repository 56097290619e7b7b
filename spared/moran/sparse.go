package moran

import (
	"slices"

	"github.com/spatialgo/spatialgo/spared/sparse"
)

// sparseLoader finds the columns of a block in each row by bisection.
func sparseLoader(x *sparse.CSR) loader[float32] {
	return func(block [][blockWidth]float32, from, to int) {
		for i := range block {
			clear(block[i][:])
			cols, vals := x.Row(i)
			at, _ := slices.BinarySearch(cols, int32(from))
			for ; at < len(cols) && int(cols[at]) < to; at++ {
				block[i][int(cols[at])-from] = vals[at]
			}
		}
	}
}
