package median_test

import (
	"context"
	"fmt"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/median"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

func ExampleComplete() {
	// Seven spots in a row, one gene.
	x := []float64{0, 1, 2, 3, 4, 5, 6}
	g, err := neighbor.KNN(x, make([]float64, 7), 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	gene := dense.Matrix[float32]{Rows: 7, Cols: 1, Stride: 1, Data: []float32{5, 0, 3, 0, 0, 0, 0}}
	done, stats, err := median.Complete(context.Background(), gene, g, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(done.Data)
	fmt.Println("from one step away:", stats.Ring[0], "two:", stats.Ring[1], "from the gene's median:", stats.Fallback)
	// Output:
	// [5 3 3 4 4 4 4]
	// from one step away: [1] two: [0] from the gene's median: [4]
}
