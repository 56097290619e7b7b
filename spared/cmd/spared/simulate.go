package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spared/simulate"
)

func simulateCmd() *cobra.Command {
	var (
		o      simulate.Options
		out    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "simulate -o DIR",
		Short: "Make up three tissue slides to try things on",
		Long: `simulate writes three made-up but realistic tissue sections as Space Ranger
folders, with H&E-like pictures and the true expression beside them. The same
seed gives the same bytes.`,
		Example: "  spared simulate -o slides\n  spared simulate -o slides --seed 7",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cli.Positive(cmd, "seed"); err != nil {
				return err
			}
			show, done := cli.Progress(cmd.ErrOrStderr())
			m, err := simulate.Write(cmd.Context(), out, o, show)
			done()
			if err != nil {
				return err
			}
			if asJSON {
				return cli.JSON(cmd.OutOrStdout(), m)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote the slides to %s\nnext: spared build %s -o data.h5ad\n", cli.Clean(out), cli.Clean(out))
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "the folder to write the slides into (required)")
	f.Uint64Var(&o.Seed, "seed", 42, "seed of everything that is drawn")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	_ = cmd.MarkFlagRequired("output") // the flag exists
	return cmd
}
