package explore_test

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/explore"
)

func ExampleEmbed() {
	// Forty spots by four genes: every other spot is muscle.
	ds := &spared.Dataset{Spots: make([]spared.Spot, 40), Genes: make([]spared.Gene, 4)}
	log := blas32.General{Rows: 40, Cols: 4, Stride: 4, Data: make([]float32, 160)}
	for i := range 40 {
		for j := range 4 {
			log.Data[4*i+j] = float32(5*(i%2)) + float32((i*i*7+j*13)%11)/10
		}
	}
	ds.Layers = map[string]blas32.General{spared.LayerLog: log}

	if err := explore.Embed(context.Background(), ds, explore.Options{Resolution: 0.3}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("clusters:", explore.Clusters(ds, "")[:6])
	fmt.Println("layout:", ds.Obsm[explore.KeyUMAP].Rows, "x", ds.Obsm[explore.KeyUMAP].Cols)
	// Output:
	// clusters: [0 1 0 1 0 1]
	// layout: 40 x 2
}
