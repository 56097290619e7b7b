package spared

import (
	"slices"

	"gonum.org/v1/gonum/blas/blas32"
)

// layerOrder is the order in which the pipeline makes the layers.
var layerOrder = []string{
	LayerCounts, LayerTPM, LayerLog, LayerDLog, LayerCLog, LayerCDLog, LayerCTLog,
	LayerDeltas, LayerDDeltas, LayerCDeltas, LayerCDDelta, LayerCTDelta,
}

func orderedLayers(layers map[string]blas32.General) []string {
	names := make([]string, 0, len(layers))
	for n := range layers {
		names = append(names, n)
	}
	rank := func(n string) int {
		if i := slices.Index(layerOrder, n); i >= 0 {
			return i
		}
		return len(layerOrder)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		if a < b {
			return -1
		}
		return 1
	})
	return names
}
