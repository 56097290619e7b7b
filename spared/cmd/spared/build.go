package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/catalog"
)

func buildCmd() *cobra.Command {
	var (
		file, listFile, dir string
		out                 string
		normalised, asJSON  bool
	)
	given := newOptions()
	cmd := &cobra.Command{
		Use:   "build SLIDES... -o OUT.h5ad",
		Short: "Curate slides into one data set",
		Long: `build reads slides and writes one data set. SLIDES is a slide, or a folder or
file that holds several: ` + strings.Join(spared.Formats(), ", ") + `;
or the name of a published data set (spared catalog).

A slide's name is its folder's or file's; NAME=SLIDE gives another. Without
--train, --val and --test slides are split as their files say, else the larger
of two slides trains and the other validates; of more, the smallest tests, the
second smallest validates and the others train. A lone slide is fine: blocks of
its spots validate, and there is no batch correction.

--normalization tpm (counts per gene length, per million) is the published
setting. It corrects for long genes giving more reads, which counts of one tag
a molecule (Visium, legacy ST: 3' ends, probes) do not: there it weighs short
genes up for no reason, and it drops genes without a known length, mitochondrial
ones among them. cpm (counts per million) or lognorm (scanpy's normalize_total
1e4 and log1p) suit such counts better where the result need not be compared to
published numbers.

All settings together are a recipe. --recipe reads one from a file, as
"spared info --recipe" prints it of any data set; other options override it.

If OUT.h5ad already holds exactly this data set, it is opened instead of
computed again. It is replaced only by a complete new file.`,
		Example: `  spared build A1 B1 --train A1 --val B1 -o muscle.h5ad
  spared build slides/ -o all.h5ad --genes 64
  spared build left=run1/outs right=run2/outs --train left --val right -o pair.h5ad
  spared build A1 A2 B1 --train A1 --val A2 --test B1 \
      --batch patient --patient A1=anna,A2=anna,B1=ben -o inter.h5ad
  spared build slides/ -o cpm.h5ad --normalization cpm
  spared info all.h5ad --recipe > recipe.json
  spared build --recipe recipe.json --genes 32 -o fewer.h5ad`,
		Args: func(cmd *cobra.Command, args []string) error {
			if file != "" {
				return nil // it may name the slides
			}
			return cobra.MinimumNArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cli.Positive(cmd, "spot-min", "spot-max", "gene-min", "gene-max", "real-share", "hops", "neighbors", "radius", "val-share", "seed"); err != nil {
				return err
			}
			recipe, err := given.recipe(cmd, file, listFile)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				recipe.Inputs = nil
				if recipe, err = catalog.Resolve(cmd.Context(), args, recipe, catalog.ResolveOptions{Dir: dir}); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("normalised") {
				for i := range recipe.Inputs {
					recipe.Inputs[i].Normalised = normalised
				}
			}
			show, done := cli.Progress(cmd.ErrOrStderr())
			d, err := spared.Build(cmd.Context(), recipe, out, show)
			done()
			if err != nil {
				return err
			}
			return printInfo(cmd.OutOrStdout(), d, out, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "the .h5ad file to write (required)")
	f.StringVar(&file, "recipe", "", "a recipe file (JSON) to start from")
	f.StringVar(&listFile, "gene-list", "", "a file of genes (ids or symbols, first word of each line) to keep in place of the gene filter")
	f.StringVar(&dir, "dir", "", "folder of downloaded data sets (default: $SPATIALGO_DATA, else ./data)")
	f.BoolVar(&normalised, "normalised", false, "the slides' values are not counts but were normalised before: take them as they are (they need not be whole)")
	given.define(f)
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	_ = cmd.MarkFlagRequired("output") // the flag exists
	return cmd
}

func infoCmd() *cobra.Command {
	var asJSON, recipe bool
	cmd := &cobra.Command{
		Use:   "info DATA.h5ad",
		Short: "Say what is in a data set and how it was made",
		Example: `  spared info muscle.h5ad
  spared info muscle.h5ad --json | jq .slides
  spared info muscle.h5ad --recipe > recipe.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if recipe {
				m, err := spared.ReadManifest(args[0])
				if err != nil {
					return err
				}
				return cli.JSON(cmd.OutOrStdout(), m.Recipe)
			}
			d, err := spared.Open(args[0])
			if err != nil {
				return err
			}
			return printInfo(cmd.OutOrStdout(), d, args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().BoolVar(&recipe, "recipe", false, "print the recipe, for spared build --recipe")
	cmd.MarkFlagsMutuallyExclusive("json", "recipe")
	return cmd
}

func printInfo(w io.Writer, d *spared.Dataset, path string, asJSON bool) error {
	s := d.Summary()
	s.Path = path
	if asJSON {
		return cli.JSON(w, s)
	}
	fmt.Fprintf(w, "%s: %d spots x %d genes, %s, %s, order %s\n", cli.Clean(path), s.Spots, s.Genes, cli.Clean(cmp.Or(s.Organism, "organism unknown")), cli.Clean(s.Unit), cli.Clean(string(s.Order)))
	fmt.Fprintf(w, "missing: %.1f %% of all values before, %.1f %% after gene choice; splits: %s\n\n", 100*s.MissingBefore, 100*s.Missing, cli.Clean(s.Splits))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "slide\tsplit\tspots\tmissing %\tmedian counts\tpicture")
	for _, sl := range s.Slides {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.1f\t%.0f\t%s\n", cli.Clean(sl.Name), sl.Split, sl.Spots, 100*sl.Missing, sl.MedianCounts, sl.Picture)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	where := "in raw"
	if !s.PanelCounts {
		where = "not in the file"
	}
	fmt.Fprintf(w, "\npanel: %d genes passed the filter; their counts are %s\n", s.Panel, where)
	fmt.Fprintf(w, "layers: %s\n", cli.Clean(strings.Join(s.Layers, " ")))
	fmt.Fprintf(w, "most spatial genes (Moran's I): %s\n", cli.Clean(strings.Join(s.TopGenes, ", ")))
	for _, n := range s.Notes {
		fmt.Fprintf(w, "note: %s\n", cli.Clean(n))
	}
	return nil
}
