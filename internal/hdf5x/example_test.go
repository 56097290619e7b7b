package hdf5x_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "matrix.h5")

	f, err := hdf5x.Create(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = errors.Join(
		hdf5x.Write(f, "matrix/data", []int32{3, 1, 2}, nil, hdf5x.WriteOptions{Gzip: 4, Shuffle: true}),
		hdf5x.Write(f, "matrix/barcodes", []string{"AAACAAGT-1", "AAACACCA-1"}, nil, hdf5x.WriteOptions{FixedString: true}),
		f.SetAttr("matrix", "chemistry", "Visium V1"),
		f.Close()) // writes out the rest: its error counts
	if err != nil {
		fmt.Println(err)
		return
	}

	f, err = hdf5x.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	counts, shape, err := hdf5x.Read[float32](f, "matrix/data") // converted
	fmt.Println(counts, shape, err)
	barcodes, _, err := hdf5x.Read[string](f, "matrix/barcodes")
	fmt.Println(barcodes, err)
	chemistry, err := f.Attr("matrix", "chemistry")
	fmt.Println(chemistry, err)
	_, _, err = hdf5x.Read[int64](f, "matrix/indptr")
	fmt.Println(errors.Is(err, hdf5x.ErrNoKey))
	// Output:
	// [3 1 2] [3] <nil>
	// [AAACAAGT-1 AAACACCA-1] <nil>
	// Visium V1 <nil>
	// true
}
