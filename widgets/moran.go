package widgets

import (
	"cmp"
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/spared"
)

// byMoran returns the columns of the genes, highest Moran's I first; genes
// without one come last, equal ones in the data set's order.
func byMoran(ds *spared.Dataset) []int {
	order := make([]int, len(ds.Genes))
	for j := range order {
		order[j] = j
	}
	key := func(j int) float64 {
		if v := ds.Genes[j].Moran; !math.IsNaN(v) {
			return v
		}
		return math.Inf(-1)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(key(b), key(a)) })
	return order
}
