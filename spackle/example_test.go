package spackle_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/spatialgo/spatialgo/spackle"
)

// A gene with a count in half of the spots: 30 % of all its entries are 60 %
// of those that were measured.
func ExampleRule_Probabilities() {
	detected := []float64{0.2, 0.5, 1}
	fmt.Println(spackle.P30.Probabilities(detected))
	fmt.Println(spackle.PMed.Probabilities(detected))
	// Output:
	// [1 0.6 0.3]
	// [1 1 0]
}

func ExampleRule_Draw() {
	measured := []bool{true, true, false, true, true, true} // 2 spots x 3 genes
	p := []float64{1, 0, 1}
	fmt.Println(spackle.P30.Draw(rand.New(rand.NewPCG(1, 1)), measured, p, 3))
	// Output: [true false false true false true]
}

func ExampleNeighborhoods() {
	x, y := make([]float64, 30), make([]float64, 30)
	for i := range x {
		x[i] = float64(100 * i) // a row of spots, 100 px apart
	}
	table, err := spackle.Neighborhoods(x, y, spackle.Neighbors)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(table[15*(spackle.Neighbors+1):][:5])
	// Output: [15 14 16 13 17]
}

func ExamplePaper() {
	c := spackle.Paper(128)
	fmt.Println(c.Width, c.Layers, c.Hidden, c.Parameters())
	// Output: 128 2 2048 1219072
}

func ExampleReleased() {
	c := spackle.Released(32)
	fmt.Println(c.Width, c.Attention, c.Parameters())
	// Output: 32 batch 277120
}

// The learning rates that the paper tries, each with all else as asked for.
func ExampleRateTrials() {
	for _, t := range spackle.RateTrials(spackle.TrainOptions{Steps: 10_000, Patience: 100})[:3] {
		fmt.Println(t.Name, t.Options.Rate, t.Options.Steps)
	}
	// Output:
	// lr-1e-05 1e-05 10000
	// lr-2.154e-05 2.154e-05 10000
	// lr-4.642e-05 4.642e-05 10000
}
