package neighbor_test

import (
	"fmt"
	"math"

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

func ExampleHexLattice() {
	// Two rows of a Visium array: columns in a row are two apart, and rows are
	// shifted by one. The spot at row 0, column 2 is missing.
	row := []int{0, 0, 1, 1, 1}
	col := []int{0, 4, 1, 3, 5}
	fmt.Println("array:", neighbor.Lattice(row, col))
	g, err := neighbor.HexLattice(row, col)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range g.Len() {
		fmt.Println(i, g.Of(i))
	}
	// Output:
	// array: hex
	// 0 [2]
	// 1 [3 4]
	// 2 [0 3]
	// 3 [1 2 4]
	// 4 [1 3]
}

func ExampleDelaunay() {
	// A square with a spot in its middle, and one far to the right.
	x := []float64{0, 100, 0, 100, 50, 900}
	y := []float64{0, 0, 100, 100, 50, 50}
	g, err := neighbor.Delaunay(x, y)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("middle:", g.Of(4), "far:", g.Of(5))
	short := g.Filter(func(i, j int) bool { return math.Hypot(x[i]-x[j], y[i]-y[j]) <= 150 })
	fmt.Println("within 150 px of far:", short.Of(5))
	// Output:
	// middle: [0 1 2 3] far: [1 3]
	// within 150 px of far: []
}

func ExamplePerSlide() {
	x, y := []float64{0, 100, 0, 100}, []float64{0, 0, 1, 1}
	slide := []int{0, 0, 1, 1} // their pixel coordinates overlap
	g, err := neighbor.PerSlide(slide, func(spots []int) (*neighbor.Graph, error) {
		var px, py []float64
		for _, i := range spots {
			px, py = append(px, x[i]), append(py, y[i])
		}
		return neighbor.Radius(px, py, 120)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(g.Of(0), g.Of(2))
	// Output:
	// [1] [3]
}
