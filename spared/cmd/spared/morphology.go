package main

import (
	"cmp"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/morphology"
)

// described is what "spared morphology --json" prints.
type described struct {
	Path    string   `json:"path"`
	Key     string   `json:"key"`
	Spots   int      `json:"spots"`
	Columns []string `json:"columns"`
}

func morphologyCmd() *cobra.Command {
	var (
		p      patchFlags
		out    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "morphology DATA.h5ad",
		Short: "Describe the tissue under each spot in numbers: colour, stain, texture",
		Long: `morphology looks at the square around each spot in its slide's full-resolution
picture and stores fifty numbers of it: mean, spread and quantiles, and texture, of
red, green, blue, haematoxylin and eosin. Methods that look at the tissue use them
(spackle complete --method sme-visible-only, spackle train --features
embeddings_morphology). They are in
obsm["embeddings_morphology"], their names in uns["spatialgo_morphology"].

Where the data set does not know a slide's picture, --picture SLIDE=FILE names it.
Without -o the file is replaced by one that has the numbers too.`,
		Example: `  spared morphology muscle.h5ad
  spared morphology muscle.h5ad --scale 2 -o described.h5ad --picture A1=scans/A1.tif`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cli.Positive(cmd, "size", "scale", "diameter"); err != nil {
				return err
			}
			out = cmp.Or(out, args[0])
			if err := spared.CheckSave(out); err != nil {
				return err
			}
			d, err := spared.Open(args[0])
			if err != nil {
				return err
			}
			slides, err := p.slides(d, filepath.Dir(args[0]))
			if err != nil {
				return err
			}
			show, done := cli.Progress(cmd.ErrOrStderr())
			err = morphology.Add(cmd.Context(), d, slides, morphology.Options{Options: p.o.Options, Progress: show})
			done()
			if err != nil {
				return plain(err)
			}
			if err := spared.Save(d, out); err != nil {
				return err
			}
			r := described{Path: out, Key: morphology.Key, Spots: len(d.Spots), Columns: morphology.Names()}
			if asJSON {
				return cli.JSON(cmd.OutOrStdout(), r)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d numbers of each of %d spots in obsm %s\n", cli.Clean(out), len(r.Columns), r.Spots, r.Key)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "the .h5ad file to write (default: DATA.h5ad itself)")
	f.IntVar(&p.o.Size, "size", 0, "pixels of a side to which each square is resized (default 224)")
	f.Float64Var(&p.o.Scale, "scale", 0, "side of the square around a spot, in spot diameters (default 1)")
	f.StringArrayVar(&p.pictures, "picture", nil, "full-resolution picture of a slide, as SLIDE=FILE; may be repeated")
	f.Float64Var(&p.diameter, "diameter", 0, "spot diameter in full-resolution pixels (default: as the slides say)")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}
