package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle"
)

func trainCmd() *cobra.Command {
	var (
		t      training
		out    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "train DATA.h5ad -o MODEL_DIR",
		Short: "Train SpaCKLE on a data set",
		Long: `train fits SpaCKLE to the train spots of a data set and keeps the weights with
the lowest error on hidden values of the validation spots. The model is one file,
model.safetensors in the folder, which can be copied and renamed.

There are two networks of that name. --form paper is the one that the paper
describes, --form released what its library computes: attention over the batch in
place of the neighbourhood, as wide as there are genes, 256 spots a step, from
torch's start. What sets them apart can be chosen one by one, too.

--genes, --targets, --neighbours, --features and --raw are the paper's ablations:
genes whose values are never hidden but seen, neighbourhoods of another size, an
embedding of the picture beside the genes, and zeros that nothing filled in.

Ctrl-C stops after the current step; the best model so far is kept, and the
same command goes on from there to the same result. A finished training of the
same data and options is opened, not repeated.`,
		Example: `  spackle train data.h5ad -o model
  spackle train data.h5ad -o model --steps 10000 --batch 256 --start torch    # as published
  spackle train data.h5ad -o model --form released --neighbours-across-slides # as released
  spackle train data.h5ad -o model --genes 1024 --targets 128                 # with context genes
  SPATIALGO_ENGINE=go spackle train data.h5ad -o model         # pure Go, no XLA`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := notEmpty(cmd, "output"); err != nil {
				return err
			}
			o, err := t.options(cmd)
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
			eng, err := openEngine(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer eng.Close()
			o.Engine = eng
			show, done := cli.Progress(cmd.ErrOrStderr())
			replaced := tellReplaced(cmd.ErrOrStderr(), out)
			o.Report = func(r spackle.Report) {
				replaced(r.Step)
				show(r.Event())
			}
			m, err := spackle.Train(cmd.Context(), ds, out, o)
			done()
			if err != nil {
				tellKept(cmd.ErrOrStderr(), m, out, err)
				return err
			}
			return printModel(cmd.OutOrStdout(), m, out, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "the folder to keep the model in (required)")
	t.flags(f)
	f.Float64Var(&t.o.Rate, "lr", 0, "learning rate of Adam (default 0.001)")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	_ = cmd.MarkFlagRequired("output") // the flag exists
	return cmd
}

// training is what is said on the command line of one.
type training struct {
	o          spackle.TrainOptions
	neighbours int
}

// flags are those that train and grid share.
func (t *training) flags(f *pflag.FlagSet) {
	o := &t.o
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName { // spared writes it so
		return pflag.NormalizedName(strings.Replace(name, "neighbors", "neighbours", 1))
	})
	f.StringVar((*string)(&o.Form), "form", "", "paper or released (default paper)")
	f.StringVar((*string)(&o.Attention), "attention", "", "over the neighborhood or the batch (default neighborhood; released batch)")
	f.IntVar(&o.Width, "width", 0, "width of the transformer (default 128; released the number of genes)")
	f.IntVar(&o.Heads, "heads", 0, "heads of its attention, a divisor of the width (default 1)")
	f.StringVar(&o.Layer, "layer", "", "the layer to learn (default c_d_log1p, or d_log1p where there is no batch correction)")
	f.BoolVar(&o.Raw, "raw", false, "learn c_log1p or log1p instead, zeros as they are")
	f.IntVar(&o.Genes, "genes", 0, "learn so many genes only, the most spatial ones (default all)")
	f.IntVar(&o.Targets, "targets", 0, "of these, hide and complete so many only; the others stay visible (default all)")
	f.IntVar(&t.neighbours, "neighbours", spackle.Neighbors, "neighbours of a spot, 0 for none; published also 6 and 36")
	f.BoolVar(&o.NeighborsAcrossSlides, "neighbours-across-slides", false, "seek them on all slides of a split at once, as released")
	f.StringVar(&o.Features, "features", "", "an embedding of the picture in obsm, to be read beside the genes")
	f.StringVar((*string)(&o.Start), "start", "", "what the biases start at: means of the genes, or as in torch, as published (default means; released torch)")
	f.IntVar(&o.Steps, "steps", 0, fmt.Sprintf("training steps (default %d; published 10000)", spackle.DefaultSteps))
	f.IntVar(&o.Batch, "batch", 0, fmt.Sprintf("spots a step (default %d; published and released 256)", spackle.DefaultBatch))
	f.IntVar(&o.Warmup, "warmup", 0, "steps over which the learning rate rises (default 0)")
	f.IntVar(&o.Patience, "patience", 0, "end after so many validations, one every 10 steps, that were not the best so far (default never)")
	f.Uint64Var(&o.Seed, "seed", 42, "seed of weights, order, masks and dropout")
}

// options returns what was said, or an error where that cannot be.
func (t *training) options(cmd *cobra.Command) (spackle.TrainOptions, error) {
	names := []string{"steps", "batch", "seed", "width", "heads", "genes", "targets", "patience"}
	if cmd.Flags().Lookup("lr") != nil {
		names = append(names, "lr")
	}
	if err := cli.Positive(cmd, names...); err != nil {
		return t.o, err
	}
	if t.o.Neighbors = t.neighbours; t.neighbours == 0 {
		t.o.Neighbors = -1 // none
	}
	if t.neighbours < 0 {
		return t.o, fmt.Errorf("--neighbours %d: want 0 or more", t.neighbours)
	}
	return t.o, nil
}

// tellKept says what a training that ended early leaves behind.
func tellKept(w io.Writer, m *spackle.Model, dir string, err error) {
	if m != nil {
		fmt.Fprintf(w, "kept the best model so far (step %d) in %s\n", m.Training.BestStep, cli.Clean(dir))
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "the same command goes on from here")
	}
}

// tellReplaced returns what a training that begins anew calls at its first step:
// it says that the folder's finished model, which is of another training, will
// be replaced, while there is time to stop.
func tellReplaced(w io.Writer, dir string) func(step int) {
	m, err := spackle.Load(dir)
	if err != nil || !m.Training.Finished() {
		return func(int) {}
	}
	return func(step int) {
		if step == 1 {
			fmt.Fprintf(w, "note: %s holds the model of another training (%d steps, validation MSE %.4f), which this one replaces; to keep both, stop now and give another folder\n",
				cli.Clean(dir), m.Training.Step, m.Training.BestValMSE)
		}
	}
}

// notAFile finds out before the training that its folder could not be made.
func notAFile(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s cannot be a folder to keep the model in: %w", dir, errors.Unwrap(err)) // without the call and the name again
	case !info.IsDir():
		return fmt.Errorf("%s is a file: give the name of a folder to keep the model in", dir)
	}
	return nil
}

// openEngine starts the best engine and tells which one it is.
func openEngine(w io.Writer) (*engine.Engine, error) {
	e, err := engine.Open(engine.Options{})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "engine: %s\n", e.Describe())
	for _, n := range e.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	return e, nil
}

func printModel(w io.Writer, m *spackle.Model, dir string, asJSON bool) error {
	t := &m.Training
	if asJSON {
		return cli.JSON(w, map[string]any{
			"model": dir, "layer": m.Layer, "steps": t.Steps, "steps_taken": t.Step, "best_step": t.BestStep, "best_val_mse": t.BestValMSE,
			"seed": t.Seed, "engine": t.Engine, "parameters": m.Config.Parameters(), "network": m.Config, "genes": len(m.Genes), "targets": m.Completes(),
		})
	}
	early := ""
	if t.Step < t.Steps {
		early = fmt.Sprintf(" of %d", t.Steps)
	}
	of := ""
	if m.Targets != nil {
		of = fmt.Sprintf(", which completes %d of %d genes", len(m.Targets), len(m.Genes))
	}
	_, err := fmt.Fprintf(w, "%s: %d%s steps on layer %s, best validation MSE %.4f at step %d (%d parameters)%s\n",
		cli.Clean(dir), t.Step, early, cli.Clean(m.Layer), t.BestValMSE, t.BestStep, m.Config.Parameters(), of)
	return err
}
