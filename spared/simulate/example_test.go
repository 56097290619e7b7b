package simulate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/spared/simulate"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// A small slide, written as Space Ranger would and read back.
func ExampleWrite() {
	dir, err := os.MkdirTemp("", "simulate")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	o := simulate.Options{Genes: 500, Slides: []simulate.SlideSpec{{Name: "S1", Rows: 10, Cols: 10}}}
	m, err := simulate.Write(ctx, dir, o, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := visium.Read(ctx, m.Slides[0].Dir, visium.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(s.Genes), "genes,", len(s.Barcodes) == m.Slides[0].Spots, filepath.Base(s.FullRes))
	again, err := simulate.Write(ctx, dir, o, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("second time from disk:", again.Slides[0].Reused)
	// Output:
	// 500 genes, true image.tif
	// second time from disk: true
}

// The true expression in the unit in which completed data are compared.
func ExampleTruth_Log2TPM() {
	o := simulate.Options{Genes: 300, Slides: []simulate.SlideSpec{{Name: "S1", Rows: 8, Cols: 8}}}
	x, err := simulate.Generate(context.Background(), o, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	genes := []string{"ERBB2", "COL1A1", "DCN"}
	bp := []float64{9500, 6700, 6600} // gene lengths, for instance of package genelength
	t, err := x.Truth[0].Log2TPM(genes, bp)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.Rows == len(x.Slides[0].Barcodes), t.Cols)
	// Output: true 3
}

func ExampleMarkers() {
	fmt.Println(simulate.Markers("adipocyte")[:4])
	// Output: [FABP4 ADIPOQ PLIN1 PLIN4]
}
