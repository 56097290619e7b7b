package spared_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/simulate"
)

// Two small made-up slides become one data set: the larger trains, the other
// validates. The second time the file is opened at once.
func ExampleBuild() {
	ctx := context.Background()
	work, err := os.MkdirTemp("", "spared")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(work)

	slides := filepath.Join(work, "slides")
	small := simulate.Options{Slides: []simulate.SlideSpec{
		{Name: "left", Rows: 22, Cols: 20}, {Name: "right", Rows: 20, Cols: 20},
	}}
	if _, err := simulate.Write(ctx, slides, small, nil); err != nil {
		panic(err)
	}
	recipe := spared.Recipe{Inputs: []spared.Input{{Dir: slides}}}
	ds, err := spared.Build(ctx, recipe, filepath.Join(work, "data.h5ad"), nil)
	if err != nil {
		panic(err)
	}
	_, genes := ds.N()
	fmt.Println(len(ds.Sections), "slides,", genes, "genes, organism", ds.Manifest.Organism)
	// Output:
	// 2 slides, 128 genes, organism human
}

func ExampleParseInput() {
	fmt.Printf("%+v\n", spared.ParseInput("left=run1/outs").Name)
	fmt.Printf("%+v\n", spared.ParseInput("run1/outs").Dir)
	// Output:
	// left
	// run1/outs
}

func ExampleGeneID() {
	fmt.Println(spared.GeneID("ENSG00000141510.18"))
	// Output:
	// ENSG00000141510
}
