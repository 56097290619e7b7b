package spackle_test

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// Values of the test slide are hidden three times; completers that see nothing
// of them say what they were.
func ExampleEvaluate() {
	ds := fixture(1, false) // three made-up slides; spared.Open gives real ones
	e, err := spackle.Evaluate(context.Background(), ds, spackle.EvaluateOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d values of slide %s, hidden by %s\n", e.Methods[0].N, e.Data.Slides[0], e.Rule)
	for _, m := range e.Methods {
		fmt.Printf("%-14s MSE %.1f\n", m.Name, m.MSE)
	}
	// Output:
	// 473 values of slide three, hidden by p30
	// median         MSE 3.5
	// kernel         MSE 1.0
	// knn            MSE 1.0
	// gene mean      MSE 0.9
	// poisson factor MSE 0.4
}

// nearest is a completer of one's own: the value of the nearest spot that shows
// the gene, else 12.
type nearest struct{ baseline.NoFit }

func (nearest) Name() string { return "nearest" }

func (nearest) Complete(_ context.Context, v *baseline.View) (*baseline.Completion, error) {
	values, genes := v.Empty(), v.Values.Cols
	for at := range values.Data {
		i, best := at/genes, math.Inf(1)
		values.Data[at] = 12
		for j := range v.X {
			d := math.Hypot(v.X[i]-v.X[j], v.Y[i]-v.Y[j])
			if near := j*genes + at%genes; v.Visible[near] && d < best {
				best, values.Data[at] = d, v.Values.Data[near]
			}
		}
	}
	return &baseline.Completion{Values: values}, nil
}

// A method of one's own joins the comparison.
func ExampleEvaluate_ownCompleter() {
	methods := append(spackle.Baselines(), nearest{})
	e, err := spackle.Evaluate(context.Background(), fixture(1, false), spackle.EvaluateOptions{Methods: methods})
	if err != nil {
		fmt.Println(err)
		return
	}
	last := e.Methods[len(e.Methods)-1]
	fmt.Printf("%s: MSE %.1f, 95 %% interval %.1f to %.1f; noise floor %.1f\n", last.Name, last.MSE, last.MSECI[0], last.MSECI[1], e.Floor)
	// Output: nearest: MSE 1.3, 95 % interval 1.1 to 1.6; noise floor 0.5
}

// Splitting each count in two says what a value that was never measured is
// worth: where the shown half is 0, the other half holds less than one count.
func ExampleCountSplit() {
	c, err := spackle.CountSplit(context.Background(), fixture(1, false), spackle.CountSplitOptions{Methods: []baseline.Completer{baseline.PoissonFactor{}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	m := c.Methods[0]
	fmt.Printf("there %.1f, rate %.1f, if detected %.1f\n", c.Truth, m.Rate.Mean, m.Detected.Mean)
	// Output: there 0.5, rate 0.4, if detected 1.1
}

// Hiding a value takes its count out of the spot's total, so the values that
// stay visible rise: nothing of the hidden count is left in them.
func ExampleNewView() {
	const length = 1000 // bp, of both genes
	ds := &spared.Dataset{
		Spots:    []spared.Spot{{ID: "s_A", RPK: 4.0 / length}, {ID: "s_B", X: 100, RPK: 4.0 / length}},
		Genes:    []spared.Gene{{ID: "ENSG1", Length: length}, {ID: "ENSG2", Length: length}},
		Sections: []spared.Section{{Name: "s"}},
		Mask:     []bool{true, true, true, true},
		Layers: map[string]blas32.General{
			spared.LayerCounts: {Rows: 2, Cols: 2, Stride: 2, Data: []float32{
				1, 3,
				1, 3,
			}},
		},
	}
	v, err := spackle.NewView(ds, 0, []bool{false, true, false, false})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 2 {
		for g := range 2 {
			tpm := math.Exp2(float64(v.Values.Data[2*i+g])) - 1
			fmt.Printf("%07.0f,", tpm)
		}
		fmt.Println()
	}
	// Output:
	// 1000000,0000000,
	// 0250000,0750000,
}
