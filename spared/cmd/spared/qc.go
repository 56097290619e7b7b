package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/explore"
	"github.com/spatialgo/spatialgo/widgets"
)

func qcCmd() *cobra.Command {
	var (
		o                 widgets.QCOptions
		out               string
		noSlides, noEmbed bool
	)
	cmd := &cobra.Command{
		Use:   "qc DATA.h5ad -o QC.html",
		Short: "Show the quality of a data set on one page",
		Long: `qc writes one page with interactive charts: slides and splits, counts before and
after curation, the most and the least spatial genes on the tissue, levels and
spreads of the layers, clusters on the tissue and in a UMAP. The page needs no
other file and no network.

What the slides held before curation stands in the file. Clusters that are not in
the file yet are computed for the page; "spared embed" stores them.`,
		Example: "  spared qc muscle.h5ad -o qc.html\n  spared qc muscle.h5ad -o qc.html --gene Acta1 --gene Ckm --no-slides",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := spared.CheckOutput(out); err != nil {
				return err
			}
			d, err := spared.Open(args[0])
			if err != nil {
				return err
			}
			show, done := cli.Progress(cmd.ErrOrStderr())
			figs, err := qcFigures(cmd.Context(), d, o, !noSlides, !noEmbed, show)
			done()
			if err != nil {
				return err
			}
			if err := widgets.WritePage(out, "Quality of "+filepath.Base(args[0]), figs...); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "wrote %d figures to %s: open it in a browser\n", len(figs), cli.Clean(out))
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "the .html file to write (required)")
	f.StringVar(&o.Layer, "layer", "", "layer of the gene maps (default: the most complete one)")
	f.StringArrayVar(&o.Genes, "gene", nil, "a gene to map too, by symbol or id; may be given again")
	f.StringArrayVar(&o.Slides, "slide", nil, "a slide to map (default: four in turn from the splits); may be given again")
	f.BoolVar(&noSlides, "no-slides", false, "leave out what the slides held before curation")
	f.BoolVar(&noEmbed, "no-embed", false, "do not compute clusters that the file lacks")
	_ = cmd.MarkFlagRequired("output") // the flag exists
	return cmd
}

// qcFigures gathers what the data set lacks, if asked to, and draws it.
func qcFigures(ctx context.Context, d *spared.Dataset, o widgets.QCOptions, slides, embed bool, show progress.Func) ([]widgets.Figure, error) {
	o.NoRaw = "as asked"
	if slides {
		raw, err := explore.ReadRaw(ctx, d, show)
		if err != nil && !errors.Is(err, explore.ErrNoSlides) {
			return nil, err
		}
		if o.Raw = raw; err != nil {
			o.NoRaw = err.Error()
		}
	}
	if embed && explore.Clusters(d, "") == nil {
		if err := explore.Embed(ctx, d, explore.Options{Progress: show}); err != nil {
			return nil, err
		}
	}
	return widgets.QC(d, o)
}
