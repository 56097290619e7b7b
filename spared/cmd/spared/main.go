// Command spared curates spatial transcriptomics slides: it turns slides
// into one clean .h5ad data set.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spared"
)

func main() { os.Exit(cli.Main(root())) }

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "spared",
		Short: "Turn tissue slides into a clean data set",
		Long: `spared turns tissue slides (gene counts at spots over an H&E picture) into one
data set: filtered, normalised to log2(TPM+1) by default, its zeros completed by
the adaptive median, its most spatial genes chosen, batches corrected, slides
split into train, val and test. The result is an .h5ad file that spackle,
scanpy and squidpy open.`,
		Example: `  spared simulate -o slides                 # three made-up slides to try it on
  spared build slides -o data.h5ad          # every slide in the folder
  spared info data.h5ad                     # what is in it`,
		Version: spared.Version,
	}
	cmd.AddCommand(simulateCmd(), catalogCmd(), fetchCmd(), buildCmd(), infoCmd(), embedCmd(), patchesCmd(), morphologyCmd(), qcCmd())
	return cmd
}
