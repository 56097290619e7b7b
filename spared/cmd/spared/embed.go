package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/explore"
)

// embedded is what "spared embed --json" prints.
type embedded struct {
	Path     string         `json:"path"`
	Layer    string         `json:"layer"`
	Spots    int            `json:"spots"`
	Clusters map[string]int `json:"clusters"` // spots of each
}

func embedCmd() *cobra.Command {
	var (
		o      explore.Options
		out    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "embed DATA.h5ad",
		Short: "Find components, clusters and a layout of the spots",
		Long: `embed computes principal components, the graph of nearest neighbours, Leiden
clusters and a UMAP layout of a data set's spots, with scanpy's settings, and
stores them where scanpy stores them: obsm X_pca and X_umap, varm PCs, obsp
distances and connectivities, obs cluster. Without -o the file is replaced by
one that has them too.`,
		Example: "  spared embed muscle.h5ad\n  spared embed muscle.h5ad --resolution 0.5 --layer log1p -o clustered.h5ad",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cli.Positive(cmd, "components", "neighbors", "resolution", "seed"); err != nil {
				return err
			}
			if out == "" {
				out = args[0]
			}
			if err := spared.CheckSave(out); err != nil {
				return err
			}
			d, err := spared.Open(args[0])
			if err != nil {
				return err
			}
			show, done := cli.Progress(cmd.ErrOrStderr())
			o.Progress = show
			err = explore.Embed(cmd.Context(), d, o)
			done()
			if err != nil {
				return err
			}
			if err := spared.Save(d, out); err != nil {
				return err
			}
			return printEmbedded(cmd, d, out, o.Key, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "the .h5ad file to write (default: DATA.h5ad itself)")
	f.StringVar(&o.Layer, "layer", "", "the layer to look at (default: the most complete one)")
	f.IntVar(&o.Components, "components", 0, "principal components (default 50)")
	f.IntVar(&o.Neighbors, "neighbors", 0, "neighbours in the graph, the spot itself included (default 15)")
	f.Float64Var(&o.Resolution, "resolution", 0, "of the clusters: more gives more (default 1)")
	f.StringVar(&o.Key, "key", explore.KeyCluster, "the column of obs that gets the clusters")
	f.Uint64Var(&o.Seed, "seed", 42, "seed of everything that is drawn")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func printEmbedded(cmd *cobra.Command, d *spared.Dataset, path, key string, asJSON bool) error {
	e := embedded{Path: path, Spots: len(d.Spots), Clusters: map[string]int{}}
	for _, c := range explore.Clusters(d, key) {
		e.Clusters[c]++
	}
	if pca, ok := d.Uns["pca"].(map[string]any); ok {
		if params, ok := pca["params"].(map[string]any); ok {
			e.Layer, _ = params["layer"].(string) // Embed has just put it there
		}
	}
	if asJSON {
		return cli.JSON(cmd.OutOrStdout(), e)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %d spots in %d clusters by %s\nnext: spared qc %s -o qc.html\n",
		cli.Clean(path), e.Spots, len(e.Clusters), cli.Clean(e.Layer), cli.Clean(path))
	return err
}
