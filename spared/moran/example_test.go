package moran_test

import (
	"context"
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

func ExamplePermute() {
	// A row of eight spots, and a gene that is on in one half.
	g, err := neighbor.KNN([]float64{0, 1, 2, 3, 4, 5, 6, 7}, make([]float64, 8), 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	gene := dense.Matrix[float64]{Rows: 8, Cols: 1, Stride: 1, Data: []float64{0, 0, 0, 0, 1, 1, 1, 1}}
	res, err := moran.Permute(context.Background(), gene, g, moran.Permutations{N: 9999})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Of the 70 ways to put four ones, 2 are as clustered as this one.
	fmt.Printf("I = %.2f, p = %.2f\n", res[0].I, res[0].Greater)
	// Output:
	// I = 0.75, p = 0.03
}

func ExampleLocalI() {
	// A row of spots: high on the left, low on the right, one island.
	y := []float64{9, 8, 9, 1, 0, 0, 7, 0, 1, 0}
	g, err := neighbor.KNN([]float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, make([]float64, 10), 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := moran.LocalI(y, g)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, q := range l.Quadrant {
		if l.P[i] < 0.1 {
			fmt.Printf("spot %d: %v, I = %.1f, p = %.3f\n", i, q, l.I[i], l.P[i])
		}
	}
	// Output:
	// spot 0: HH, I = 1.6, p = 0.021
	// spot 1: HH, I = 1.4, p = 0.018
}

func ExampleGeary() {
	g, err := neighbor.KNN([]float64{0, 1, 2, 3, 4, 5}, make([]float64, 6), 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := moran.Geary(dense.Matrix[float64]{Rows: 6, Cols: 2, Stride: 2, Data: []float64{
		0, 0,
		1, 5,
		2, 1,
		3, 4,
		4, 0,
		5, 6,
	}}, g)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("a slope: C = %.2f; up and down: C = %.2f\n", res[0].C, res[1].C)
	// Output:
	// a slope: C = 0.21; up and down: C = 1.23
}

func ExampleBenjaminiHochberg() {
	fmt.Println(moran.BenjaminiHochberg([]float64{0.01, 0.04, 0.03, 0.005}))
	// Output:
	// [0.02 0.04 0.04 0.02]
}
