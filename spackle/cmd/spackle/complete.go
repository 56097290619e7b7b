package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spared"
)

func completeCmd() *cobra.Command {
	var (
		method, model, out string
		asJSON             bool
	)
	cmd := &cobra.Command{
		Use:   "complete DATA.h5ad -o OUT.h5ad [--method METHOD] [--model MODEL]",
		Short: "Fill in the missing values of a data set",
		Long: `complete writes a copy of the data set with more layers: c_t_log1p, measured values
as they were and missing ones as the method predicts them, and, where there are
train spots, c_t_deltas, their differences to each gene's mean over these. Both
are log2(TPM+1), or what else the data set was normalised to.

Where no method is named it is the Poisson factor, a model of the raw counts
that is fitted to each slide by itself within seconds and needs no training.
--model names a trained SpaCKLE, the method of the paper.

A missing value has two answers. c_t_log1p holds the value to expect if the gene
had been detected in that spot; it is never below one count. It is what published
completions hold, and right for comparing detected levels. Most missing values
are missing because there was little to detect: what is there on average, zeros
included, is in t_log1p_rate. Use that one to ask how much of a gene there is.
c_t_log1p_sd is the standard deviation of c_t_log1p. The Poisson factor has all of
these.

If OUT.h5ad already holds this data set as this method completes it, it is opened
instead of computed again. It is replaced only by a complete new file.`,
		Example: `  spackle complete data.h5ad -o completed.h5ad
  spackle complete data.h5ad --model model -o completed.h5ad    # SpaCKLE
  spackle complete data.h5ad --method kernel -o completed.h5ad`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := notEmpty(cmd, "method", "model", "output"); err != nil {
				return err
			}
			ds, err := openData(args[0])
			if err != nil {
				return err
			}
			chosen, err := chooseMethod(method, model)
			if err != nil {
				return err
			}
			c := completion{cmd: cmd, ds: ds, out: out, engine: "none", layersAdded: []string{}}
			if chosen == "spackle" {
				err = c.bySpaCKLE(model)
			} else {
				err = c.by(chosen, method == "")
			}
			if err != nil {
				return err
			}
			return c.print(asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&method, "method", "", "how: "+strings.Join(methodNames(), ", ")+" (default poisson-factor, or spackle with --model)")
	f.StringVar(&model, "model", "", "a trained model, for the method spackle: the folder that train made, the file in it, or a checkpoint of SpaRED (.ckpt)")
	f.StringVarP(&out, "output", "o", "", "the .h5ad file to write (required)")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	_ = cmd.MarkFlagRequired("output") // the flag exists
	return cmd
}

// chooseMethod says which method it is.
func chooseMethod(method, model string) (string, error) {
	switch method = word(method); {
	case method == "" && model != "":
		return "spackle", nil
	case method == "":
		return methodName(spackle.Default()), nil
	case method == "spackle" && model == "":
		return "", errNoModel
	case method != "spackle" && model != "":
		return "", fmt.Errorf("--model is for the method spackle, not for %s: leave one of them out", method)
	}
	return method, nil
}

// completion is one run of the command.
type completion struct {
	cmd         *cobra.Command
	ds          *spared.Dataset
	done        *spared.Dataset
	out         string
	method      string
	engine      string
	layersAdded []string
	targets     []string // ids of the genes that a model completes; nil = all
}

func (c *completion) bySpaCKLE(model string) error {
	c.method = "spackle"
	m, err := spackle.Open(model, c.ds)
	if err != nil {
		return err
	}
	c.targets = m.Targets
	if err := checkOutput(c.out, model); err != nil { // before an engine starts
		return err
	}
	eng, err := openEngine(c.cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer eng.Close()
	c.engine = eng.Describe()
	show, done := cli.Progress(c.cmd.ErrOrStderr())
	defer done()
	c.done, err = m.CompleteFile(c.cmd.Context(), c.ds, c.out, spackle.CompleteOptions{Engine: eng, Progress: show})
	return err
}

func (c *completion) by(name string, byDefault bool) error {
	method, err := completer(c.cmd, c.ds, name, "")
	if err != nil {
		return err
	}
	if err := checkOutput(c.out); err != nil {
		return err
	}
	c.method = name
	if byDefault {
		fmt.Fprintf(c.cmd.ErrOrStderr(), "method: %s, fitted to each slide by itself; --model MODEL completes with a trained SpaCKLE\n", name)
	}
	show, done := cli.Progress(c.cmd.ErrOrStderr())
	defer done()
	c.done, err = spackle.CompleteFile(c.cmd.Context(), c.ds, method, c.out, show)
	return err
}

func (c *completion) print(asJSON bool) error {
	missing := 0
	for at, measured := range c.done.Mask {
		if !measured && (len(c.targets) == 0 || slices.Contains(c.targets, c.done.Genes[at%len(c.done.Genes)].ID)) {
			missing++
		}
	}
	for _, layer := range []string{spared.LayerCTLogSD, spared.LayerRate} {
		if slices.Contains(c.done.LayerNames(), layer) {
			c.layersAdded = append(c.layersAdded, layer)
		}
	}
	notes := neverMeasured(c.done)
	if asJSON {
		return cli.JSON(c.cmd.OutOrStdout(), map[string]any{"output": c.out, "method": c.method, "layer": spared.LayerCTLog, "more_layers": c.layersAdded,
			"completed": missing, "values": len(c.done.Mask), "engine": c.engine, "notes": notes})
	}
	w := c.cmd.OutOrStdout()
	fmt.Fprintf(w, "%s: completed %d of %d values (%.1f %%) in layer %s\n", cli.Clean(c.out), missing, len(c.done.Mask), 100*c.done.Missing(), spared.LayerCTLog)
	if len(c.layersAdded) > 0 {
		fmt.Fprintf(w, "further layers: %s\n", strings.Join(c.layersAdded, ", "))
	}
	for _, n := range notes {
		fmt.Fprintf(w, "note: %s\n", cli.Clean(n))
	}
	return nil
}

// neverMeasured says of each slide which genes it has no measured value of:
// their completed values rest on nothing that was seen there.
func neverMeasured(ds *spared.Dataset) []string {
	const named = 5
	notes := []string{}
	for s := range ds.Sections {
		var genes []string
		spots := ds.SpotsOf(s)
		for g := range ds.Genes {
			if !slices.ContainsFunc(spots, func(i int) bool { return ds.Mask[i*len(ds.Genes)+g] }) {
				genes = append(genes, cmp.Or(ds.Genes[g].Symbol, ds.Genes[g].ID))
			}
		}
		if n := len(genes); n > 0 {
			text := strings.Join(genes[:min(n, named)], ", ")
			if n > named {
				text += fmt.Sprintf(" and %d more", n-named)
			}
			notes = append(notes, fmt.Sprintf("slide %s has no measured value of %s: what was completed of that rests on nothing seen there", ds.Sections[s].Name, text))
		}
	}
	return notes
}
