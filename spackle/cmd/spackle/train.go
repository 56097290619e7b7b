package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle"
)

func trainCmd() *cobra.Command {
	var (
		o      spackle.TrainOptions
		out    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "train DATA.h5ad -o MODEL_DIR",
		Short: "Train SpaCKLE on a data set",
		Long: `train fits SpaCKLE to the train spots of a data set and keeps the weights with
the lowest error on hidden values of the validation spots. The model is one file,
model.safetensors in the folder, which can be copied and renamed.

Ctrl-C stops after the current step; the best model so far is kept, and the
same command goes on from there to the same result. A finished training of the
same data and options is opened, not repeated.`,
		Example: `  spackle train data.h5ad -o model
  spackle train data.h5ad -o model --steps 10000 --batch 256 --start torch    # as published
  SPATIALGO_ENGINE=go spackle train data.h5ad -o model         # pure Go, no XLA`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cli.Positive(cmd, "steps", "lr", "batch", "seed"); err != nil {
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
			o.Report = func(r spackle.Report) { show(r.Event()) }
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
	f.IntVar(&o.Steps, "steps", 0, fmt.Sprintf("training steps (default %d; published 10000)", spackle.DefaultSteps))
	f.Float64Var(&o.Rate, "lr", 0, "learning rate of Adam (default 0.001)")
	f.IntVar(&o.Batch, "batch", 0, fmt.Sprintf("spots a step (default %d; published 256)", spackle.DefaultBatch))
	f.IntVar(&o.Warmup, "warmup", 0, "steps over which the learning rate rises (default 0)")
	f.StringVar((*string)(&o.Start), "start", "", "what the biases start at: means of the genes, or as in torch, as published (default means)")
	f.Uint64Var(&o.Seed, "seed", 42, "seed of weights, order, masks and dropout")
	f.StringVar(&o.Layer, "layer", "", "the layer to learn (default c_d_log1p, or d_log1p where there is no batch correction)")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	_ = cmd.MarkFlagRequired("output") // the flag exists
	return cmd
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
			"model": dir, "layer": m.Layer, "steps": t.Steps, "best_step": t.BestStep, "best_val_mse": t.BestValMSE,
			"seed": t.Seed, "engine": t.Engine, "parameters": m.Config.Parameters(),
		})
	}
	_, err := fmt.Fprintf(w, "%s: %d steps on layer %s, best validation MSE %.4f at step %d (%d parameters)\n",
		cli.Clean(dir), t.Steps, cli.Clean(m.Layer), t.BestValMSE, t.BestStep, m.Config.Parameters())
	return err
}
