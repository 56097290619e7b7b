package baseline_test

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// Five spots in a row, one gene; the middle spot shows none.
func row() *baseline.View {
	x, y := []float64{0, 100, 200, 300, 400}, []float64{0, 0, 0, 0, 0}
	six, err := neighbor.KNN(x, y, 4)
	if err != nil {
		panic(err)
	}
	return &baseline.View{
		Slide:   "row",
		Values:  blas32.General{Rows: 5, Cols: 1, Stride: 1, Data: []float32{10, 9, 0, 7, 7}},
		Visible: []bool{true, true, false, true, true},
		X:       x, Y: y, Six: six,
	}
}

func ExampleKernel() {
	done, err := baseline.Kernel{Width: 1}.Complete(context.Background(), row())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f\n", done.Data)
	// Output: [10.00 9.00 8.09 7.00 7.00]
}

func ExampleMedian() {
	done, err := baseline.Median{}.Complete(context.Background(), row())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(done.Data) // the median of 0, 7, 7, 9, 10
	// Output: [10 9 7 7 7]
}

func ExampleFitGeneMean() {
	train := blas32.General{Rows: 3, Cols: 2, Stride: 2, Data: []float32{
		6, 0,
		8, 0,
		0, 5,
	}}
	measured := []bool{true, false, true, false, false, true}
	mean, err := baseline.FitGeneMean(train, measured, []int{0, 1, 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mean.Train)
	// Output: [7 5]
}
