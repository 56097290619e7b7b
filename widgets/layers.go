package widgets

import (
	"errors"
	"fmt"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// noisyPrefix begins the names of the layers without completion that
// Recipe.Noisy stores.
const noisyPrefix = "noisy_"

// layerWords says what a layer of the data set holds, for readers.
func layerWords(ds *spared.Dataset, layer string) string {
	if of, ok := strings.CutPrefix(layer, noisyPrefix); ok && ds.Unit(layer) != "" {
		return noisyWords(ds, of)
	}
	switch layer {
	case spared.LayerCounts:
		return "counts"
	case spared.LayerTPM:
		return "transcripts per million"
	case spared.LayerCPM:
		return "counts per million"
	case spared.LayerNorm:
		return "counts per ten thousand"
	case spared.LayerLog:
		return "as measured"
	case spared.LayerDLog:
		return "completed by the adaptive median"
	case spared.LayerCLog:
		return "as measured" + corrected(ds)
	case spared.LayerCDLog:
		return "completed by the adaptive median" + corrected(ds)
	case spared.LayerCTLog:
		return "completed" + completer(ds) + corrected(ds)
	case spared.LayerCTLogSD:
		return "standard deviation of what was completed" + completer(ds)
	case spared.LayerRate:
		return "what there is on average, zeros included" + completer(ds)
	case spared.LayerDeltas:
		return "as measured, minus train mean"
	case spared.LayerCDeltas:
		return "as measured" + corrected(ds) + ", minus train mean"
	case spared.LayerDDeltas, spared.LayerCDDelta:
		return "completed by the adaptive median, minus train mean"
	case spared.LayerCTDelta:
		return "completed" + completer(ds) + ", minus train mean"
	}
	return clean(layer)
}

// noisyWords says what is left of a layer without its completion.
func noisyWords(ds *spared.Dataset, layer string) string {
	words := "as measured, nothing filled in"
	if strings.HasPrefix(layer, "c_") {
		words = "as measured" + corrected(ds) + ", nothing filled in"
	}
	if strings.HasSuffix(layer, "deltas") {
		words += ", minus train mean"
	}
	return words
}

// measuredWords and filledWords say which part of a completed layer is meant.
func measuredWords(ds *spared.Dataset, layer string) string {
	if words := layerWords(ds, layer); strings.HasSuffix(words, corrected(ds)) {
		return "as measured" + corrected(ds)
	}
	return "as measured"
}

func filledWords(ds *spared.Dataset, layer string) string {
	words := layerWords(ds, layer)
	if by, ok := strings.CutPrefix(words, "completed"); ok {
		return "filled in" + by
	}
	return words + ", filled in"
}

// completer says which method filled in the completed layers, where the data
// set knows.
func completer(ds *spared.Dataset) string {
	if by := ds.Manifest.Completer; by != "" {
		return " by " + clean(by)
	}
	return ""
}

func corrected(ds *spared.Dataset) string {
	if len(ds.Correction) > 0 {
		return ", batch-corrected"
	}
	return ""
}

// rawLayer reports whether a layer holds measured values only, so that its
// entries without a measurement (zeros) say nothing.
func rawLayer(layer string) bool {
	switch layer {
	case spared.LayerCounts, spared.LayerTPM, spared.LayerCPM, spared.LayerNorm,
		spared.LayerLog, spared.LayerCLog, spared.LayerDeltas, spared.LayerCDeltas:
		return true
	}
	return strings.HasPrefix(layer, noisyPrefix)
}

// completedLayer returns the most complete layer there is: the last of
// c_t_log1p, c_d_log1p, d_log1p and log1p that the data set has, else its
// first layer.
func completedLayer(ds *spared.Dataset) string {
	for _, l := range []string{spared.LayerCTLog, spared.LayerCDLog, spared.LayerDLog, spared.LayerLog} {
		if _, ok := ds.Layers[l]; ok {
			return l
		}
	}
	if names := ds.LayerNames(); len(names) > 0 {
		return names[0]
	}
	return ""
}

// matrix returns a layer after checking its shape.
func matrix(ds *spared.Dataset, layer string) (blas32.General, error) {
	if ds == nil {
		return blas32.General{}, errors.New("widgets: there is no data set")
	}
	m, err := ds.Layer(layer)
	if err != nil {
		return m, fmt.Errorf("widgets: %w", err)
	}
	return m, fits(ds, fmt.Sprintf("layer %q", layer), m)
}

// fits returns an error unless a matrix, and the mask, have the data set's
// shape.
func fits(ds *spared.Dataset, what string, m blas32.General) error {
	spots, genes := ds.N()
	if m.Rows != spots || m.Cols != genes || m.Stride < m.Cols || spots > 0 && len(m.Data) < (spots-1)*m.Stride+genes {
		return fmt.Errorf("widgets: %s: %d x %d, the data set has %d spots and %d genes", what, m.Rows, m.Cols, spots, genes)
	}
	if len(ds.Mask) != 0 && len(ds.Mask) != spots*genes {
		return fmt.Errorf("widgets: the mask has %d entries, the data set has %d spots and %d genes", len(ds.Mask), spots, genes)
	}
	return nil
}

// values returns one gene of a layer at some spots.
func values(m blas32.General, spots []int, gene int) []float64 {
	out := make([]float64, len(spots))
	for k, i := range spots {
		out[k] = float64(m.Data[i*m.Stride+gene])
	}
	return out
}

// measured returns whether one gene was measured at some spots; all true
// where the data set has no mask.
func measured(ds *spared.Dataset, spots []int, gene int) []bool {
	out := make([]bool, len(spots))
	for k, i := range spots {
		out[k] = len(ds.Mask) == 0 || ds.Mask[i*len(ds.Genes)+gene]
	}
	return out
}

// only returns the values where keep is true.
func only(v []float64, keep []bool) []float64 {
	var out []float64
	for i := range v {
		if keep[i] {
			out = append(out, v[i])
		}
	}
	return out
}

func trues(b []bool) int {
	n := 0
	for _, t := range b {
		if t {
			n++
		}
	}
	return n
}
