package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/catalog"
)

func catalogCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "List the 26 published data sets",
		Long: `catalog lists the data sets of the SpaRED benchmark, with the published numbers
of spots and of missing values before and after processing. spared fetch
downloads one, and then its name works wherever a folder of slides does.`,
		Example: "  spared catalog\n  spared catalog show VMB\n  spared catalog --json | jq -r '.datasets[].name'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := catalog.All()
			if asJSON {
				return cli.JSON(cmd.OutOrStdout(), struct {
					Datasets []catalog.Dataset `json:"datasets"`
				}{all})
			}
			return printCatalog(cmd.OutOrStdout(), all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.AddCommand(catalogShowCmd())
	return cmd
}

func catalogShowCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Say all about a published data set, by name or abbreviation",
		Example: "  spared catalog show vicari_mouse_brain\n  spared catalog show vmb --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := catalog.Find(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return cli.JSON(cmd.OutOrStdout(), d)
			}
			return printDataset(cmd.OutOrStdout(), d)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func printCatalog(w io.Writer, all []catalog.Dataset) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "abbr\tname\torganism\ttask\tsubjects\tslides\tspots\tgenes\tmissing %\tlicence")
	for _, d := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%.0f to %.0f\t%s\n", d.Abbr, d.Name, d.Organism, d.Task, d.Subjects,
			len(d.Slides), d.Spots.Total(), d.Genes, d.MissingBefore, d.MissingAfter, d.Source.Licence)
	}
	return t.Flush()
}

func printDataset(w io.Writer, d catalog.Dataset) error {
	s := d.Source
	fmt.Fprintf(w, "%s (%s): %s, %s-subject; %d slides, %d spots, %d genes; subjects: %d\n", d.Name, d.Abbr, d.Organism, d.Task,
		len(d.Slides), d.Spots.Total(), d.Genes, d.Subjects)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, part := range []struct {
		split spared.Split
		spots int
	}{{spared.Train, d.Spots.Train}, {spared.Val, d.Spots.Val}, {spared.Test, d.Spots.Test}} {
		if names := d.SlideNames(part.split); len(names) > 0 {
			fmt.Fprintf(t, "%s\t%d spots\t%s\n", part.split, part.spots, strings.Join(names, ", "))
		}
	}
	fmt.Fprintf(t, "missing\t%.0f %% before, %.0f %% after processing\n", d.MissingBefore, d.MissingAfter)
	fmt.Fprintf(t, "recipe\tbatch key %s, spots with more than %.0f counts\n", d.BatchKey, d.SpotMin)
	fmt.Fprintf(t, "data\t%s\n", s.Title)
	if s.Publication != "" {
		fmt.Fprintf(t, "paper\thttps://doi.org/%s\n", s.Publication)
	}
	fmt.Fprintf(t, "source\t%s %s\n\t%s\n", s.Host, s.Data, s.Page)
	fmt.Fprintf(t, "licence\t%s\n", licence(s))
	fmt.Fprintf(t, "downloads\t%d\n", len(s.Files))
	if err := t.Flush(); err != nil {
		return err
	}
	for _, n := range d.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	return nil
}

func licence(s catalog.Source) string {
	switch {
	case s.Licence == "unknown":
		return "unknown here; see the page before you share anything"
	case s.LicenceFrom != "":
		return s.Licence + " (" + s.LicenceFrom + ")"
	}
	return s.Licence
}
