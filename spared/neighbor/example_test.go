package neighbor_test

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared/neighbor"
)

func ExampleKNN() {
	// Five spots in a row, 100 px apart.
	x := []float64{0, 100, 200, 300, 400}
	y := []float64{0, 0, 0, 0, 0}
	g, err := neighbor.KNN(x, y, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range g.Len() {
		fmt.Println(i, g.Of(i), "within two steps:", g.Window(2).Of(i))
	}
	fmt.Println("pitch:", neighbor.Pitch(x, y), "px")
	// Output:
	// 0 [1 2] within two steps: [1 2 3]
	// 1 [0 2] within two steps: [0 2 3]
	// 2 [1 3] within two steps: [0 1 3 4]
	// 3 [2 4] within two steps: [1 2 4]
	// 4 [2 3] within two steps: [1 2 3]
	// pitch: 100 px
}

func ExampleKNNWithin() {
	// Two slides whose pixel coordinates overlap.
	x := []float64{0, 100, 0, 100}
	y := []float64{0, 0, 1, 1}
	slide := []int{0, 0, 1, 1}
	across, _ := neighbor.KNN(x, y, 1)
	within, _ := neighbor.KNNWithin(x, y, slide, 1)
	fmt.Println("across slides:", across.Of(0), "within the slide:", within.Of(0))
	// Output:
	// across slides: [2] within the slide: [1]
}
