package norm_test

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared/norm"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

func ExampleTPM() {
	// One spot, three genes: 2, 0 and 6 counts.
	counts := &sparse.CSR{
		Rows: 1, Cols: 3,
		IndPtr: []int64{0, 2}, Indices: []int32{0, 2}, Data: []float32{2, 6},
	}
	tpm, rpk, err := norm.TPM(counts, []float64{1000, 500, 2000})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("TPM:", tpm.Row(0))
	fmt.Printf("log2(TPM+1): %.3f\n", norm.Log2P1(tpm).Row(0))
	fmt.Println("reads per base:", rpk)
	// Output:
	// TPM: [400000 0 600000]
	// log2(TPM+1): [18.610 0.000 19.195]
	// reads per base: [0.005]
}
