package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spared"
)

func completeCmd() *cobra.Command {
	var (
		model, out string
		asJSON     bool
	)
	cmd := &cobra.Command{
		Use:   "complete DATA.h5ad --model MODEL -o OUT.h5ad",
		Short: "Fill in the missing values of a data set",
		Long: `complete writes a copy of the data set with two more layers: c_t_log1p, measured
values as they were and missing ones as SpaCKLE predicts them, and c_t_deltas,
their differences to each gene's mean over train spots.

If OUT.h5ad already holds this data set as this model completes it, it is opened
instead of computed again. It is replaced only by a complete new file.`,
		Example: "  spackle complete data.h5ad --model model -o completed.h5ad",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ds, err := openData(args[0])
			if err != nil {
				return err
			}
			m, err := spackle.Load(model)
			if err != nil {
				return err
			}
			if err := checkOutput(out); err != nil { // before an engine starts
				return err
			}
			eng, err := openEngine(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer eng.Close()
			show, done := cli.Progress(cmd.ErrOrStderr())
			ds, err = m.CompleteFile(cmd.Context(), ds, out, spackle.CompleteOptions{Engine: eng, Progress: show})
			done()
			if err != nil {
				return err
			}
			missing := 0
			for _, measured := range ds.Mask {
				if !measured {
					missing++
				}
			}
			if asJSON {
				return cli.JSON(cmd.OutOrStdout(), map[string]any{"output": out, "layer": spared.LayerCTLog, "completed": missing, "values": len(ds.Mask), "engine": eng.Describe()})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: completed %d of %d values (%.1f %%) in layer %s\n",
				out, missing, len(ds.Mask), 100*ds.Missing(), spared.LayerCTLog)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&model, "model", "", "a trained model: the folder that train made, or the file in it (required)")
	f.StringVarP(&out, "output", "o", "", "the .h5ad file to write (required)")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	_ = cmd.MarkFlagRequired("model") // the flags exist
	_ = cmd.MarkFlagRequired("output")
	return cmd
}
