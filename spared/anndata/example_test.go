package anndata_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/spared/anndata"
	"github.com/spatialgo/spatialgo/spared/h5ad"
)

// A file of two joined slides, as scanpy writes them.
func Example() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "brain.h5ad")
	a := &h5ad.AnnData{
		X: &h5ad.Array{Shape: []int{2, 2}, Data: []float32{0, 3, 1, 0}},
		Obs: &h5ad.Frame{Index: []string{"AAA-1", "CCC-1"}, Columns: []h5ad.Column{
			h5ad.NewCategorical("library_id", []string{"left", "right"}),
		}},
		Var:  &h5ad.Frame{Index: []string{"ENSMUSG00000020932", "ENSMUSG00000041607"}},
		Obsm: map[string]any{"spatial": &h5ad.Array{Shape: []int{2, 2}, Data: []float64{1, 2, 3, 4}}},
	}
	if err := h5ad.Write(path, a, h5ad.WriteOptions{}); err != nil {
		fmt.Println(err)
		return
	}
	slides, err := anndata.Find(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, loc := range slides {
		s, err := anndata.Read(context.Background(), loc, anndata.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(s.Name, s.Barcodes, s.X, s.Y, s.Organism, s.SourceFormat)
	}
	// Output:
	// left [AAA-1] [1] [2] mouse AnnData (counts from X)
	// right [CCC-1] [3] [4] mouse AnnData (counts from X)
}
