package combat_test

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared/combat"
	"github.com/spatialgo/spatialgo/spared/dense"
)

func ExampleCorrect() {
	// Two slides of four spots, two genes; the second slide is higher by 10.
	x := dense.Matrix[float32]{Rows: 8, Cols: 2, Stride: 2, Data: []float32{
		1, 5,
		2, 5,
		3, 7,
		4, 7,
		11, 15,
		12, 15,
		13, 17,
		14, 17,
	}}
	slide := []int{0, 0, 0, 0, 1, 1, 1, 1}
	_, slope, intercept, err := combat.Correct(x, slide, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for s := range 2 {
		fmt.Printf("slide %d: corrected = %.2f·x %+.2f\n", s, slope[s][0], intercept[s][0])
	}
	fmt.Printf("first spots: %.2f and %.2f\n", x.Row(0), x.Row(4))
	// The genes share a prior, so a slide's shift of one gene leans towards its
	// shift of the other: the means of the slides come close, not equal.

	// Output:
	// slide 0: corrected = 1.00·x +5.23
	// slide 1: corrected = 1.00·x -5.23
	// first spots: [6.23 9.79] and [5.77 10.21]
}

// Learn from two train slides and move a new one onto them, without copies.
func ExampleMomentsOf() {
	x := dense.Matrix[float32]{Rows: 9, Cols: 2, Stride: 2, Data: []float32{
		1, 5,
		2, 5,
		3, 7,
		4, 7,
		11, 15,
		12, 15,
		13, 17,
		21, 25,
		23, 29,
	}}
	slide := []int{0, 0, 0, -1, 1, 1, 1, 2, 2} // one spot is not to be seen
	m, err := combat.MomentsOf(x, slide, 3, combat.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fit, err := m.FitOn([]int{0, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	slope, intercept, err := fit.Line(m, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("what is common: %.2f, sd %.2f\n", fit.Mean, fit.SD)
	fmt.Printf("slide 2: corrected = %.2f·x %+.2f\n", slope[0], intercept[0])
	// Output:
	// what is common: [7.00 10.67], sd [0.82 0.94]
	// slide 2: corrected = 0.60·x -5.98
}
