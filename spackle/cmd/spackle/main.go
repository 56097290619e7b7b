// Command spackle completes the values that the instrument missed: it trains
// SpaCKLE on a data set of spared, fills the missing values in, and measures
// how well on hidden real values.
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
		Use:   "spackle",
		Short: "Complete the expression values that the instrument missed",
		Long: `spackle trains SpaCKLE, a transformer over the neighbourhood of a spot, on a
data set that spared built; completes its missing values; and measures how well
it does on real values that it hides first.`,
		Example: `  spackle train data.h5ad -o model
  spackle complete data.h5ad --model model -o completed.h5ad
  spackle eval data.h5ad --model model`,
		Version: spared.Version,
	}
	cmd.AddCommand(trainCmd(), completeCmd(), evalCmd())
	return cmd
}
