package metric_test

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/metric"
)

func ExampleCompute() {
	// Three spots, two genes; the first gene of the last spot was not measured.
	truth := dense.Matrix[float32]{Rows: 3, Cols: 2, Stride: 2, Data: []float32{1, 5, 2, 6, 0, 9}}
	pred := dense.Matrix[float32]{Rows: 3, Cols: 2, Stride: 2, Data: []float32{1, 5, 3, 6, 8, 8}}
	measured := []bool{true, true, true, true, false, true}
	m := metric.Compute(truth, pred, measured)
	fmt.Printf("MSE %.2f, MAE %.2f, PCC-Gene %.3f, R2-Gene %.3f\n", m.MSE, m.MAE, m.PCCGene, m.R2Gene)

	// One gene predicted the same everywhere voids the published average.
	for i := range 3 {
		pred.Set(i, 0, 2)
	}
	fmt.Printf("PCC-Gene %.3f as published, %.3f with the constant gene as 0\n",
		metric.Compute(truth, pred, measured).PCCGene, metric.ComputeSafe(truth, pred, measured).PCCGene)
	// Output:
	// MSE 0.40, MAE 0.40, PCC-Gene 0.998, R2-Gene -0.058
	// PCC-Gene NaN as published, 0.498 with the constant gene as 0
}
