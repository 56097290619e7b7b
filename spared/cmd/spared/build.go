package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spared"
)

func buildCmd() *cobra.Command {
	var (
		recipe   spared.Recipe
		order    string
		patients map[string]string
		out      string
		asJSON   bool
	)
	cmd := &cobra.Command{
		Use:   "build SLIDE_DIR... -o OUT.h5ad",
		Short: "Curate slides into one data set",
		Long: `build reads Space Ranger folders (versions 1 to 4) and writes one data set.

A slide's name is its folder's; NAME=DIR gives another. A folder that holds
several slides stands for all of them. Without --train, --val and --test the
larger of two slides trains and the other validates; of more, the smallest
tests, the second smallest validates and the others train. A lone slide is
fine: blocks of its spots validate, and there is no batch correction.

If OUT.h5ad already holds exactly this data set, it is opened instead of
computed again. It is replaced only by a complete new file.`,
		Example: `  spared build A1 B1 --train A1 --val B1 -o muscle.h5ad
  spared build slides/ -o all.h5ad --genes 64
  spared build left=run1/outs right=run2/outs --train left --val right -o pair.h5ad
  spared build A1 A2 B1 --train A1 --val A2 --test B1 \
      --batch patient --patient A1=anna,A2=anna,B1=ben -o inter.h5ad`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cli.Positive(cmd, "spot-min", "spot-max", "gene-min", "gene-max", "real-share", "hops"); err != nil {
				return err
			}
			recipe.Order = spared.Order(order)
			for _, arg := range args {
				in := spared.ParseInput(arg)
				recipe.Inputs = append(recipe.Inputs, in)
			}
			recipe.Patients = patients
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
	f.StringSliceVar(&recipe.Train, "train", nil, "slides that train, by name")
	f.StringSliceVar(&recipe.Val, "val", nil, "slides that validate")
	f.StringSliceVar(&recipe.Test, "test", nil, "slides that test")
	f.StringVar(&recipe.Organism, "organism", "", "human or mouse (default: as the slides tell)")
	f.IntVar(&recipe.Genes, "genes", 0, "genes to keep, most spatial first (default 128, or 32 where at most 320 pass the filter)")
	f.StringVar(&order, "order", string(spared.Clean), "clean: learn from train slides only; released: from all slides, as published")
	f.StringVar(&recipe.BatchKey, "batch", "", "what makes a batch: slide_id, patient or none (default slide_id)")
	f.StringToStringVar(&patients, "patient", nil, "patients, as SLIDE=NAME,...")
	f.Float64Var(&recipe.SpotMin, "spot-min", 0, "a spot needs more counts than this, 0.5 = any (default 10)")
	f.Float64Var(&recipe.SpotMax, "spot-max", 0, "and less than this (default 1e6)")
	f.Float64Var(&recipe.GeneMin, "gene-min", 0, "a gene needs more counts than this, 0.5 = any (default 10)")
	f.Float64Var(&recipe.GeneMax, "gene-max", 0, "and less than this (default 1e6)")
	f.Float64Var(&recipe.RealShare, "real-share", 0, "share of measured values that the kept genes reach together (default 0.7)")
	f.IntVar(&recipe.Hops, "hops", 0, "reach of the adaptive median, in hops (default 4)")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	_ = cmd.MarkFlagRequired("output") // the flag exists
	return cmd
}

func infoCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "info DATA.h5ad",
		Short:   "Say what is in a data set and how it was made",
		Example: "  spared info muscle.h5ad\n  spared info muscle.h5ad --json | jq .slides",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := spared.Open(args[0])
			if err != nil {
				return err
			}
			return printInfo(cmd.OutOrStdout(), d, args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func printInfo(w io.Writer, d *spared.Dataset, path string, asJSON bool) error {
	s := d.Summary()
	s.Path = path
	if asJSON {
		return cli.JSON(w, s)
	}
	fmt.Fprintf(w, "%s: %d spots x %d genes, %s, order %s\n", cli.Clean(path), s.Spots, s.Genes, cli.Clean(s.Organism), cli.Clean(string(s.Order)))
	fmt.Fprintf(w, "missing: %.1f %% of all values before, %.1f %% after gene choice; splits: %s\n\n", 100*s.MissingBefore, 100*s.Missing, cli.Clean(s.Splits))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "slide\tsplit\tspots\tmissing %\tmedian counts\tpicture")
	for _, sl := range s.Slides {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.1f\t%.0f\t%s\n", cli.Clean(sl.Name), sl.Split, sl.Spots, 100*sl.Missing, sl.MedianCounts, sl.Picture)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nlayers: %s\n", cli.Clean(strings.Join(s.Layers, " ")))
	fmt.Fprintf(w, "most spatial genes (Moran's I): %s\n", cli.Clean(strings.Join(s.TopGenes, ", ")))
	for _, n := range s.Notes {
		fmt.Fprintf(w, "note: %s\n", cli.Clean(n))
	}
	return nil
}
