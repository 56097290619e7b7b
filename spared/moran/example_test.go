package moran_test

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/moran"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

func ExampleTest() {
	// A row of eight spots. The first gene is on in one half, the second on
	// every other spot, the third everywhere.
	x := []float64{0, 1, 2, 3, 4, 5, 6, 7}
	g, err := neighbor.KNN(x, make([]float64, 8), 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	genes := dense.Matrix[float32]{Rows: 8, Cols: 3, Stride: 3, Data: []float32{
		0, 0, 1,
		0, 1, 1,
		0, 0, 1,
		0, 1, 1,
		1, 0, 1,
		1, 1, 1,
		1, 0, 1,
		1, 1, 1,
	}}
	res, err := moran.Test(genes, g)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range res {
		fmt.Printf("I = %.2f, p = %.3f\n", r.I, r.PNorm)
	}
	// Output:
	// I = 0.75, p = 0.002
	// I = -0.75, p = 0.033
	// I = NaN, p = NaN
}
