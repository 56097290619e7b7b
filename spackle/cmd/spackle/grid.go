package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spackle"
)

func gridCmd() *cobra.Command {
	var (
		t         training
		rates     []float64
		rate      float64
		ablations bool
		masks     int
		rule, out string
		asJSON    bool
	)
	cmd := &cobra.Command{
		Use:   "grid DATA.h5ad -o DIR [--rates 1e-4,1e-3] [--ablations]",
		Short: "Train SpaCKLE at several learning rates, or its ablations",
		Long: `grid trains SpaCKLE once for each learning rate, by default the ten of the paper,
and names the model with the lowest error on hidden values of the validation
spots. Each is in a folder of its own within DIR, like a model of train.

With --ablations it trains the networks of the paper's Tables 2 and 3 instead, and
compares them on hidden values as eval does: 0, 6 and 36 neighbours, raw values
without pre-completion, with --genes also that many genes within a context of up
to 1,024, and with --features an embedding of the picture beside the genes.

Ctrl-C stops after the current step; the same command goes on from there. What is
finished is opened, not repeated.`,
		Example: `  spackle grid data.h5ad -o grid
  spackle grid data.h5ad -o grid --rates 1e-4,1e-3 --steps 10000 --patience 100
  spackle grid data.h5ad -o ablations --ablations --genes 128`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := notEmpty(cmd, "output"); err != nil {
				return err
			}
			o, err := gridOptions(cmd, &t, rates, rate, ablations)
			if err != nil {
				return err
			}
			ds, err := openData(args[0])
			if err != nil {
				return err
			}
			if err := notAFile(out); err != nil {
				return err
			}
			if ablations {
				features := o.Train.Features
				o.Train.Features = ""
				o.Trials = spackle.Ablations(ds, o.Train, features)
				o.Evaluate = &spackle.EvaluateOptions{Name: args[0], Masks: masks, Pairs: -1}
				if o.Evaluate.Rule, err = spackle.ParseRule(rule); err != nil {
					return err
				}
			}
			if o.Train.Engine, err = openEngine(cmd.ErrOrStderr()); err != nil {
				return err
			}
			defer o.Train.Engine.Close()
			show, done := cli.Progress(cmd.ErrOrStderr())
			o.Progress = show
			if o.Evaluate != nil {
				o.Evaluate.Progress = show
			}
			result, err := spackle.Grid(cmd.Context(), ds, out, o)
			done()
			if err != nil {
				tellKept(cmd.ErrOrStderr(), nil, out, err)
				return err
			}
			if asJSON {
				return cli.JSON(cmd.OutOrStdout(), result)
			}
			return printGrid(cmd.OutOrStdout(), result)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "the folder to keep the models in, one folder each (required)")
	f.Float64SliceVar(&rates, "rates", nil, "learning `rates` to try, with commas (default the paper's ten, 1e-5 to 1e-2)")
	f.Lookup("rates").DefValue = "" // said above
	f.BoolVar(&ablations, "ablations", false, "train the paper's ablations instead")
	f.Float64Var(&rate, "lr", 0, "learning rate of the ablations (default 0.001)")
	f.IntVar(&masks, "masks", 3, "how many times values are hidden to compare the ablations")
	f.StringVar(&rule, "rule", "p30", "how they are hidden: p30 or pmed")
	t.flags(f)
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	_ = cmd.MarkFlagRequired("output") // the flag exists
	return cmd
}

// gridOptions returns what was said, or an error where that cannot be.
func gridOptions(cmd *cobra.Command, t *training, rates []float64, rate float64, ablations bool) (spackle.GridOptions, error) {
	var o spackle.GridOptions
	if err := cli.Positive(cmd, "masks"); err != nil {
		return o, err
	}
	changed := cmd.Flags().Changed
	switch {
	case ablations && changed("rates"):
		return o, errors.New("--rates and --ablations: leave one of them out; --lr is the rate of the ablations")
	case !ablations && changed("lr"):
		return o, errors.New("--lr is the rate of the ablations: give --rates")
	case !ablations && (changed("masks") || changed("rule")):
		return o, errors.New("--masks and --rule are for --ablations; spackle eval compares the model that was chosen")
	case changed("rates") && len(rates) == 0:
		return o, errors.New("no learning rate: leave --rates out, or name at least one")
	}
	for k, r := range rates {
		switch {
		case !(r > 0) || math.IsInf(r, 0):
			return o, fmt.Errorf("--rates %g: want more than 0, and finite", r)
		case slices.Contains(rates[:k], r):
			return o, fmt.Errorf("--rates names %g twice", r)
		}
	}
	var err error
	if o.Train, err = t.options(cmd); err != nil {
		return o, err
	}
	o.Train.Rate = rate
	if !ablations {
		o.Trials = spackle.RateTrials(o.Train, rates...)
	}
	return o, nil
}

// printGrid prints one line a trial.
func printGrid(w io.Writer, r *spackle.GridResult) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := "trial\tlr\tval MSE\tat step\tsteps\t"
	if r.Evaluation != nil {
		head += "MSE\t± sd\tPCC-gene\t"
	}
	fmt.Fprintln(t, head)
	k := 0 // of the evaluated ones
	for _, one := range r.Trials {
		note := ""
		if one.Diverged {
			note = "diverged"
		}
		if one.Model == nil {
			fmt.Fprintf(t, "%s\t%g\t%s\t\t\t\n", one.Name, one.Rate, note)
			continue
		}
		fmt.Fprintf(t, "%s\t%g\t%.4f\t%d\t%d\t", one.Name, one.Rate, one.BestValMSE, one.BestStep, one.Step)
		if r.Evaluation != nil {
			m := r.Evaluation.Methods[k]
			fmt.Fprintf(t, "%.3f\t%.3f\t%.3f\t", m.MSE, m.MSESD, m.PCCGene)
			k++
		}
		fmt.Fprintln(t, note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Evaluation != nil {
		e := r.Evaluation
		fmt.Fprintf(w, "\nvalidation errors of raw values and of other genes do not compare; MSE and PCC-gene do: %d spots x %d genes of split %s, rule %s, %d masks, unit %s\n",
			e.Data.Spots, e.Data.Genes, e.Split, e.Rule, e.Masks, e.Unit)
		return nil
	}
	for _, one := range r.Trials {
		if one.Name == r.Best {
			fmt.Fprintf(w, "\nlowest validation error: %s, in %s\n", one.Name, cli.Clean(one.Dir))
		}
	}
	return nil
}
