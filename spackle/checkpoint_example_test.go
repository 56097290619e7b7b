package spackle_test

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spatialgo/spatialgo/spackle"
)

// A checkpoint of the published library is read without Python.
func ExampleLoadCheckpoint() {
	m, err := spackle.LoadCheckpoint(filepath.Join("testdata", "spared", "spared.ckpt"), spackle.CheckpointOptions{
		Genes: strings.Fields("Mbp Plp1 Mobp Snap25 Slc17a7 Gad1 Pvalb Sst"), // var_names of its data
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Config.Genes, "genes,", m.Config.Layers, "layers, attention over the", m.Config.Attention)
	fmt.Printf("step %d, validation MSE %.3f\n", m.Training.BestStep, m.Training.BestValMSE)
	// Output:
	// 8 genes, 2 layers, attention over the batch
	// step 24, validation MSE 1.454
}
