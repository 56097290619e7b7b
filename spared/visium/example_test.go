package visium_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// twoSpots is a slide of two spots and two genes.
func twoSpots() *slide.Slide {
	return &slide.Slide{
		Name:     "tumour",
		Barcodes: []string{"AAACAAGTATCTCCCA-1", "AAACACCAATAACTGC-1"},
		Genes: []slide.Gene{
			{ID: "ENSG00000141510", Symbol: "TP53", Feature: "Gene Expression", Genome: "GRCh38"},
			{ID: "ENSG00000141736", Symbol: "ERBB2", Feature: "Gene Expression", Genome: "GRCh38"},
		},
		Counts: &sparse.CSR{Rows: 2, Cols: 2, IndPtr: []int64{0, 1, 3},
			Indices: []int32{1, 0, 1}, Data: []float32{12, 1, 3}},
		InTissue: []bool{true, true},
		ArrayRow: []int{50, 59}, ArrayCol: []int{102, 19},
		X: []float64{8230, 2788}, Y: []float64{7237, 8515},
		Scale: slide.ScaleFactors{SpotDiameter: 89.4},
	}
}

func Example() {
	ctx := context.Background()
	parent, err := os.MkdirTemp("", "visium")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(parent)
	if err := visium.Write(ctx, filepath.Join(parent, "tumour", "outs"), twoSpots(), visium.WriteOptions{}); err != nil {
		log.Fatal(err)
	}

	folders, err := visium.Find(parent)
	if err != nil {
		log.Fatal(err)
	}
	for _, dir := range folders {
		s, err := visium.Read(ctx, dir, visium.Options{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, %s: %d spots, %d genes\n", s.Name, s.Organism, len(s.Barcodes), len(s.Genes))
		for i, total := range s.Counts.RowSums() {
			fmt.Printf("%s at (%.0f, %.0f): %.0f counts\n", s.Barcodes[i], s.X[i], s.Y[i], total)
		}
	}
	// Output:
	// tumour, human: 2 spots, 2 genes
	// AAACAAGTATCTCCCA-1 at (8230, 7237): 12 counts
	// AAACACCAATAACTGC-1 at (2788, 8515): 4 counts
}

// A fault names the file and the place in it.
func ExampleRead_fault() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "visium")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := visium.Write(ctx, dir, twoSpots(), visium.WriteOptions{}); err != nil {
		log.Fatal(err)
	}
	positions := filepath.Join(dir, "spatial", "tissue_positions.csv")
	if err := os.WriteFile(positions, []byte("AAACAAGTATCTCCCA-1,1,50,102,7237,NA\n"), 0o666); err != nil {
		log.Fatal(err)
	}

	_, err = visium.Read(ctx, dir, visium.Options{})
	var fault *format.Error
	if errors.As(err, &fault) {
		fmt.Printf("%s, line %d, %s: %s\n", filepath.Base(fault.Path), fault.Line, fault.Key, fault.Msg)
	}
	// Output:
	// tissue_positions.csv, line 1, pxl_col_in_fullres: "NA" is not a number
}

// A Visium HD slide, written and read at two sizes of bins.
func ExampleBins() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "visium")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	outs := filepath.Join(dir, "colon", "outs")
	for _, microns := range []int{8, 16} {
		if err := visium.Write(ctx, outs, twoSpots(), visium.WriteOptions{BinMicrons: microns}); err != nil {
			log.Fatal(err)
		}
	}
	bins, err := visium.Bins(outs)
	if err != nil {
		log.Fatal(err)
	}
	for _, b := range bins {
		s, err := visium.Read(ctx, outs, visium.Options{BinMicrons: b.Microns})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", s.Name, s.SourceFormat)
	}
	// Output:
	// colon: Space Ranger, Visium HD, bins of 8 µm
	// colon: Space Ranger, Visium HD, bins of 16 µm
}
