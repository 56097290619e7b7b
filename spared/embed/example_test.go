package embed_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/embed"
)

// Sixty spots of two tissues, told apart by ten genes.
func Example() {
	rng := rand.New(rand.NewPCG(1, 2))
	x := dense.New[float32](60, 10)
	for i := range x.Rows {
		for j := range x.Cols {
			x.Set(i, j, float32(rng.NormFloat64()+6*float64(i%2)))
		}
	}
	ctx := context.Background()
	pca, err := embed.PCA(ctx, x, embed.PCAOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d components, the first holds %.0f %% of the variance\n", len(pca.Variance), 100*pca.VarianceRatio[0])
	nn, err := embed.KNN(ctx, pca.Scores, 14, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	graph := nn.Connectivities()
	clusters, err := embed.Leiden(ctx, graph, embed.LeidenOptions{Resolution: 0.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("clusters:", clusters[:8])
	plane, err := embed.UMAP(ctx, graph, pca.Scores, embed.UMAPOptions{}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("layout:", plane.Rows, "x", plane.Cols)
	// Output:
	// 9 components, the first holds 91 % of the variance
	// clusters: [0 1 0 1 0 1 0 1]
	// layout: 60 x 2
}
