package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

func evalCmd() *cobra.Command {
	var (
		o           spackle.EvaluateOptions
		methods     []string
		model, rule string
		split       string
		asJSON      bool
	)
	cmd := &cobra.Command{
		Use:   "eval DATA.h5ad [--model MODEL]",
		Short: "Measure completers on hidden real values",
		Long: `eval hides measured values before anything else sees them, lets each method
complete what is left, and compares with what was hidden: on the test slides,
or on the validation slides where there is no test slide.

Rules: p30 hides 30 % of all values (each measured value of a gene with
probability 0.3/f, f = the share of train spots in which it was detected);
pmed hides as many of a gene's values as it misses.`,
		Example: `  spackle eval data.h5ad --model model
  spackle eval data.h5ad --method all
  spackle eval data.h5ad --method median,kernel --masks 10 --rule pmed --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := cli.Positive(cmd, "masks", "seed")
			if err != nil {
				return err
			}
			if o.Rule, err = spackle.ParseRule(rule); err != nil {
				return err
			}
			if o.Split, err = parseSplit(split); err != nil {
				return err
			}
			ds, err := openData(args[0])
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("method") && model == "" {
				methods = slices.DeleteFunc(methods, func(m string) bool { return m == "spackle" })
			}
			o.Name = args[0]
			o.Methods, err = completers(cmd, ds, methods, model)
			if err != nil {
				return err
			}
			show, done := cli.Progress(cmd.ErrOrStderr())
			o.Progress = show
			e, err := spackle.Evaluate(cmd.Context(), ds, o)
			done()
			if err != nil {
				return err
			}
			if asJSON {
				return cli.JSON(cmd.OutOrStdout(), e)
			}
			return printEvaluation(cmd.OutOrStdout(), e)
		},
	}
	f := cmd.Flags()
	f.StringVar(&model, "model", "", "a trained model, for the method spackle: the folder that train made, or the file in it")
	f.StringSliceVar(&methods, "method", []string{"median", "kernel", "poisson-factor", "spackle"}, "methods: "+strings.Join(methodNames(), ", ")+", or all")
	f.IntVar(&o.Masks, "masks", 3, "how many times values are hidden")
	f.IntVar(&o.Targets, "targets", 0, "hide values of so many genes only, the most spatial ones (default all)")
	f.StringVar(&rule, "rule", "p30", "how values are hidden: p30 or pmed")
	f.StringVar(&split, "split", "", "whose spots are evaluated: train, val or test (default test, else val)")
	f.Uint64Var(&o.Seed, "seed", 42, "seed of what is hidden")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// parseSplit reads the split whose spots are evaluated, "" = by default.
func parseSplit(s string) (spared.Split, error) {
	if s == "" {
		return spared.None, nil
	}
	split, err := spared.ParseSplit(s)
	if err != nil || split == spared.None {
		return spared.None, fmt.Errorf("--split %s: want train, val or test", s)
	}
	return split, nil
}

// completers returns the methods by name; all stands for all that can be had:
// SpaCKLE only with a model.
func completers(cmd *cobra.Command, ds *spared.Dataset, names []string, model string) ([]baseline.Completer, error) {
	if len(names) == 0 {
		return nil, errors.New("no method to evaluate: leave --method out, or name at least one")
	}
	if slices.Contains(names, "all") {
		names = methodNames()
		if model == "" {
			names = names[1:]
		}
	}
	var out []baseline.Completer
	for _, name := range names {
		c, err := completer(cmd, ds, name, model)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// completer returns the method of that name.
func completer(cmd *cobra.Command, ds *spared.Dataset, name, model string) (baseline.Completer, error) {
	if name == "spackle" {
		return spackleCompleter(cmd, ds, model)
	}
	for _, b := range spackle.Methods() {
		if methodName(b) == name {
			return b, nil
		}
	}
	return nil, fmt.Errorf("unknown method %q: want some of %s", name, strings.Join(methodNames(), ", "))
}

// methodNames lists what can be named, SpaCKLE first.
func methodNames() []string {
	names := []string{"spackle"}
	for _, b := range spackle.Methods() {
		names = append(names, methodName(b))
	}
	return names
}

// methodName is what a method is called on the command line: one word.
func methodName(c baseline.Completer) string {
	return strings.NewReplacer(", ", "-", " ", "-").Replace(strings.TrimPrefix(c.Name(), "gene "))
}

var errNoModel = errors.New("method spackle needs --model: train one with spackle train")

func spackleCompleter(cmd *cobra.Command, ds *spared.Dataset, model string) (baseline.Completer, error) {
	if model == "" {
		return nil, errNoModel
	}
	m, err := spackle.Load(model)
	if err != nil {
		return nil, err
	}
	eng, err := openEngine(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	return spackle.NewCompleter(m, ds, eng)
}

func printEvaluation(w io.Writer, e *spackle.Evaluation) error {
	fmt.Fprintf(w, "%s: %d spots x %d genes of split %s (%s), rule %s, %d masks, order %s, unit %s\n\n",
		cli.Clean(e.Data.Name), e.Data.Spots, e.Data.Genes, e.Split, cli.Clean(strings.Join(e.Data.Slides, ", ")), e.Rule, e.Masks, cli.Clean(string(e.Order)), e.Unit)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "method\tMSE\t± sd\tPCC-gene\tMAE\thidden\tseconds\t")
	for _, m := range e.Methods {
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.3f\t%.3f\t%d\t%.2f\t\n", m.Name, m.MSE, m.MSESD, m.PCCGene, m.MAE, m.N, m.Seconds)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, n := range e.Notes {
		fmt.Fprintf(w, "note: %s\n", cli.Clean(n))
	}
	return nil
}
