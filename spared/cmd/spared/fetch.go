package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spared/catalog"
)

func fetchCmd() *cobra.Command {
	var (
		o       catalog.Options
		mirrors []string
		maxGiB  float64
		list    bool
		asJSON  bool
	)
	cmd := &cobra.Command{
		Use:   "fetch NAME...",
		Short: "Download published data sets",
		Long: `fetch downloads data sets of the catalogue from their authors' sources and
arranges each slide as a Space Ranger folder, DIR/NAME/SLIDE. What is there
already is not downloaded again. Source and licence are shown first.

DIR is --dir, else the environment variable SPATIALGO_DATA, else ./data.

After Ctrl-C, a broken line or a crash run it again: it goes on where it
stopped. Sizes and sha256 are checked where they are published, and recorded in
DIR/.downloads/downloads.json where they are not. Archives stay in
DIR/.downloads, for other data sets in them, unless --discard says otherwise.

Without a way to the hosts, --list tells what to download by other means and
where to put it.`,
		Example: `  spared fetch VMB
  spared fetch erickson_human_prostate_cancer_p1 EHPCP2 --dir /scratch/spatial
  spared fetch 10XGMBC --list
  spared fetch VMB --mirror figshare.scilifelab.se=https://mirror.example.org/scilifelab
  spared fetch PMI && spared build PMI -o pmi.h5ad`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := cli.Positive(cmd, "max-gib"); err != nil {
				return err
			}
			o.MaxBytes = int64(maxGiB * (1 << 30))
			if o.Mirror, err = catalog.ParseMirrors(mirrors); err != nil {
				return err
			}
			plans, err := fetchPlans(args, o) // a typo in the last name shows before the first download
			if err != nil {
				return err
			}
			if list {
				return printPlans(cmd.OutOrStdout(), plans, asJSON)
			}
			return fetchAll(cmd, plans, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Dir, "dir", "", "folder of downloaded data sets (default: $SPATIALGO_DATA, else ./data)")
	f.StringSliceVar(&mirrors, "mirror", nil, "download from elsewhere: HOST=URL for one host, URL for all (URL/HOST/...)")
	f.BoolVar(&o.Discard, "discard", false, "remove the archives once their slides are arranged")
	f.Float64Var(&maxGiB, "max-gib", 0, "most that one download may have, in GiB (default 64)")
	f.IntVar(&o.Retries, "retries", 0, "how often a download that stands still is tried again (default 5)")
	f.BoolVar(&list, "list", false, "only list what would be downloaded, and where it is kept")
	f.BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func fetchPlans(names []string, o catalog.Options) ([]catalog.Plan, error) {
	plans := make([]catalog.Plan, len(names))
	for i, name := range names {
		p, err := catalog.MakePlan(name, o)
		if err != nil {
			return nil, err
		}
		plans[i] = p
	}
	return plans, nil
}

func printPlans(w io.Writer, plans []catalog.Plan, asJSON bool) error {
	if asJSON {
		return cli.JSON(w, struct {
			Plans []catalog.Plan `json:"plans"`
		}{plans})
	}
	for _, p := range plans {
		fmt.Fprintf(w, "%s: %d of %d slides missing in %s\n", p.Dataset.Name, len(p.Missing), len(p.Dataset.Slides), cli.Clean(p.Dir))
		fmt.Fprintf(w, "licence: %s\n", licence(p.Dataset.Source))
		for _, f := range p.Files {
			size := "size not published"
			if f.Size > 0 {
				size = fmt.Sprintf("%d bytes", f.Size)
			}
			if f.SHA256 != "" {
				size += ", sha256 " + f.SHA256
			}
			fmt.Fprintf(w, "  %s\n    to %s (%s, %d bytes there)\n", cli.Clean(f.URL), cli.Clean(f.Path), size, f.Have)
		}
	}
	return nil
}

func fetchAll(cmd *cobra.Command, plans []catalog.Plan, o catalog.Options) error {
	w := cmd.OutOrStdout()
	kept := map[string]bool{}
	discard := o.Discard
	o.Discard = false // an archive may serve the next data set too
	for _, p := range plans {
		show, done := cli.Progress(cmd.ErrOrStderr())
		o.Progress = show
		r, err := catalog.Fetch(cmd.Context(), p.Dataset.Name, o)
		done()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: %d slides in %s", r.Dataset.Name, len(r.Slides), cli.Clean(r.Dir))
		if there := len(r.Slides) - len(r.Made); there > 0 {
			fmt.Fprintf(w, ", %d of them were there already", there)
		}
		fmt.Fprintf(w, "; licence: %s\n", licence(r.Dataset.Source))
		for _, n := range r.Dataset.Notes {
			fmt.Fprintf(w, "note: %s\n", n)
		}
		for _, path := range r.Kept {
			kept[path] = true
		}
	}
	if !discard {
		if len(kept) > 0 {
			fmt.Fprintf(w, "kept %d archives in %s for the next time; --discard removes them\n", len(kept), cli.Clean(filepath.Join(catalog.Dir(o.Dir), ".downloads")))
		}
		return nil
	}
	for path := range kept {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
