package h5ad_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/spared/h5ad"
)

// Example writes two spots of three genes and reads one layer back.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "slide.h5ad")

	err = h5ad.Write(path, &h5ad.AnnData{
		X: &h5ad.Sparse{ // counts, compressed rows
			Rows: 2, Cols: 3,
			IndPtr: []int64{0, 2, 3}, Indices: []int32{0, 2, 1}, Data: []float32{4, 1, 7},
		},
		Obs: &h5ad.Frame{
			Index:   []string{"AAACAAGT-1", "AAACACCA-1"},
			Columns: []h5ad.Column{h5ad.NewCategorical("split", []string{"train", "val"})},
		},
		Var: &h5ad.Frame{Index: []string{"Gfap", "Mbp", "Ttr"}},
		Layers: map[string]any{
			"log1p": &h5ad.Array{Shape: []int{2, 3}, Data: []float32{2.3, 0, 1, 0, 3, 0}},
		},
		Obsm: map[string]any{ // full-resolution pixels, x right, y down
			"spatial": &h5ad.Array{Shape: []int{2, 2}, Data: []float64{2301, 877, 2364, 986}},
		},
	}, h5ad.WriteOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}

	a, err := h5ad.ReadKeys(path, "layers/log1p")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Obs.Index, a.Obs.Column("split").Strings())
	fmt.Println(a.Layers["log1p"].(*h5ad.Array).Data, a.X)
	// Output:
	// [AAACAAGT-1 AAACACCA-1] [train val]
	// [2.3 0 1 0 3 0] <nil>
}

func ExampleReadElem() {
	_, err := h5ad.ReadElem("missing.h5ad", "layers/log1p")
	fmt.Println(err)
	// Output: missing.h5ad: no such file
}
