package widgets

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared"
)

// MissingMap draws, for each spot, the share of the data set's genes that were
// not measured there (no count), in per cent: where little was captured. What
// o says about gene, layer and values is not used. It returns an error where
// the data set does not tell what was measured.
func MissingMap(ds *spared.Dataset, o MapOptions) (*MapFigure, error) {
	spots, genes := ds.N()
	if genes == 0 || len(ds.Mask) != spots*genes {
		return nil, fmt.Errorf("widgets: the data set does not tell which of its %d x %d values were measured", spots, genes)
	}
	o.Categories = nil
	o.Name, o.Unit = "Genes not measured", "% of "+plural(genes, "gene")
	o.Values = make([]float64, spots)
	for i := range o.Values {
		o.Values[i] = 100 * (1 - float64(trues(ds.Mask[i*genes:(i+1)*genes]))/float64(genes))
	}
	return Map(ds, o)
}
