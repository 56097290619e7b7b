// Command spackle completes the values that the instrument missed: by a model of
// the counts, by SpaCKLE, which it trains on a data set of spared, or by simpler
// methods; and measures how well on hidden real values.
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
		Long: `spackle completes the missing values of a data set that spared built: by a model
of the counts of each slide (the default), by SpaCKLE, a transformer over the
neighbourhood of a spot, which it trains, or by simpler methods; and it measures
how well each does on real values that it hides first.`,
		Example: `  spackle complete data.h5ad -o completed.h5ad
  spackle eval data.h5ad --method all
  spackle train data.h5ad -o model
  spackle complete data.h5ad --model model -o completed.h5ad
  spackle eval data.h5ad --model model`,
		Version: spared.Version,
	}
	cmd.AddCommand(trainCmd(), gridCmd(), completeCmd(), evalCmd(), methodsCmd())
	return cmd
}
