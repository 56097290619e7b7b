package spared_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
	small := simulate.Options{Genes: 400, Slides: []simulate.SlideSpec{
		{Name: "left", Rows: 12, Cols: 11}, {Name: "right", Rows: 11, Cols: 11},
	}}
	if _, err := simulate.Write(ctx, slides, small, nil); err != nil {
		panic(err)
	}
	recipe := spared.Recipe{Inputs: []spared.Input{{Dir: slides}}, Genes: 64}
	ds, err := spared.Build(ctx, recipe, filepath.Join(work, "data.h5ad"), nil)
	if err != nil {
		panic(err)
	}
	_, genes := ds.N()
	fmt.Println(len(ds.Sections), "slides,", genes, "genes, organism", ds.Manifest.Organism)
	// Output:
	// 2 slides, 64 genes, organism human
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

// A recipe file says what is not as published.
func ExampleReadRecipe() {
	path := filepath.Join(os.TempDir(), "recipe.json")
	if err := os.WriteFile(path, []byte(`{"inputs": [{"path": "A1"}], "normalization": "cpm", "genes": 64}`), 0o644); err != nil {
		panic(err)
	}
	defer os.Remove(path)
	r, err := spared.ReadRecipe(path)
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Inputs[0].Dir, r.Normalization, r.Genes)

	if err := os.WriteFile(path, []byte(`{"top_genes": 64}`), 0o644); err != nil {
		panic(err)
	}
	_, err = spared.ReadRecipe(path)
	fmt.Println(strings.Contains(err.Error(), "top_genes: is no part of a recipe"))
	// Output:
	// A1 cpm 64
	// true
}

// The three normalizations of a count of 3 of a gene of 1,500 bp at a spot with
// 6,000 counts in all, whose counts per base pair add up to 4.
func ExampleNormalization_Value() {
	fmt.Printf("%.0f\n", spared.TPM.Value(3, 1500, 4))
	fmt.Println(spared.CPM.Value(3, 1, 6000))
	fmt.Println(spared.LogNorm.Value(3, 1, 6000))
	// Output:
	// 500
	// 500
	// 5
}
