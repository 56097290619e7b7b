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
		X:       x, Y: y, Graph: six,
	}
}

func ExampleKernel() {
	done, err := (&baseline.Kernel{Width: 1}).Complete(context.Background(), row())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f\n", done.Values.Data)
	// Output: [10.00 9.00 8.09 7.00 7.00]
}

func ExampleMedian() {
	done, err := baseline.Median{}.Complete(context.Background(), row())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(done.Values.Data) // the median of 0, 7, 7, 9, 10
	// Output: [10 9 7 7 7]
}

// A user's own completer takes part in an evaluation beside the others.
type half struct{ baseline.NoFit }

func (half) Name() string { return "half" }

func (half) Complete(_ context.Context, v *baseline.View) (*baseline.Completion, error) {
	values := v.Empty()
	for k := range values.Data {
		values.Data[k] = 0.5
	}
	return &baseline.Completion{Values: values}, nil
}

func ExampleCompleter() {
	done, err := half{}.Complete(context.Background(), row())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(done.Values.Data)
	// Output: [0.5 0.5 0.5 0.5 0.5]
}

func ExampleGeneMean() {
	train := row() // a slide of the same genes
	mean := &baseline.GeneMean{}
	if err := mean.Fit(context.Background(), []*baseline.View{train}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mean.Train)
	// Output: [8.25]
}
