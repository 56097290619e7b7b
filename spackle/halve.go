package spackle

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/spatialgo/spatialgo/spared"
)

// halve returns the data set with a random half of each count, and all that a
// view is made of from that: counts, mask, counts of the panel, and totals. Counts
// that only the totals hold are halved as one number.
func halve(ds *spared.Dataset, rng *rand.Rand) (*spared.Dataset, error) {
	counts, err := rawCounts(ds, "splitting counts needs them")
	if err != nil {
		return nil, err
	}
	half := ds.Clone()
	half.Spots, half.Mask = slices.Clone(ds.Spots), make([]bool, len(ds.Mask))
	own := matrix(counts.Rows, counts.Cols)
	half.Layers[spared.LayerCounts] = own
	if ds.PanelCounts != nil {
		panel := *ds.PanelCounts
		panel.Data = make([]float32, len(ds.PanelCounts.Data))
		half.PanelCounts = &panel
	}
	columns := panelColumns(ds)
	for i := range ds.Spots {
		if err := halveSpot(ds, half, i, columns, rng); err != nil {
			return nil, fmt.Errorf("spackle: spot %s: %w", ds.Spots[i].ID, err)
		}
	}
	for at := range half.Mask {
		half.Mask[at] = own.Data[at/own.Cols*own.Stride+at%own.Cols] > 0
	}
	return half, nil
}

// panelColumns returns for each gene of the panel its column of the layers, -1
// for those without; nil without counts of the panel.
func panelColumns(ds *spared.Dataset) []int {
	if ds.PanelCounts == nil {
		return nil
	}
	at := places(geneIDs(ds))
	columns := make([]int, len(ds.Panel))
	for j := range columns {
		var ok bool
		if columns[j], ok = at[ds.Panel[j].ID]; !ok {
			columns[j] = -1
		}
	}
	return columns
}

// halveSpot splits the counts of spot i and sets its totals. columns is what
// panelColumns returns.
func halveSpot(ds, half *spared.Dataset, i int, columns []int, rng *rand.Rand) error {
	counts, own := ds.Layers[spared.LayerCounts], half.Layers[spared.LayerCounts]
	row, kept := counts.Data[i*counts.Stride:][:counts.Cols], own.Data[i*own.Stride:][:own.Cols]
	totals := newHalfTotals(&half.Spots[i])
	for g, c := range row {
		var err error
		if kept[g], err = halfOf(c, rng); err != nil {
			return fmt.Errorf("gene %s: %w", ds.Genes[g].ID, err)
		}
		totals.take(c, kept[g], ds.GeneSize(g))
	}
	if ds.PanelCounts != nil {
		genes, panel := ds.PanelCounts.Row(i)
		to := half.PanelCounts.Data[ds.PanelCounts.IndPtr[i]:]
		for k, j := range genes {
			if g := columns[j]; g >= 0 { // the count is that of the layer, and so is its half
				to[k] = kept[g]
				continue
			}
			var err error
			if to[k], err = halfOf(panel[k], rng); err != nil {
				return fmt.Errorf("gene %s: %w", ds.Panel[j].ID, err)
			}
			totals.take(panel[k], to[k], ds.PanelSize(int(j)))
		}
	}
	return totals.takeRest(rng)
}

// halfTotals moves counts from a spot's totals to those of its half.
type halfTotals struct {
	rpk, counts float64 // what is left of the whole's RPK and TotalCounts
	half        *spared.Spot
}

// newHalfTotals begins with a half that has nothing of the spot.
func newHalfTotals(spot *spared.Spot) *halfTotals {
	t := &halfTotals{spot.RPK, spot.TotalCounts, spot}
	spot.RPK, spot.TotalCounts = 0, 0
	return t
}

// take moves the count c of a gene of a size, of which the half keeps some.
func (t *halfTotals) take(c, kept float32, size float64) {
	t.rpk, t.counts = t.rpk-float64(c)/size, t.counts-float64(c)
	t.half.RPK += float64(kept) / size
	t.half.TotalCounts += float64(kept)
}

// takeRest splits what the totals have beyond the counts that are there, as one
// number of whole counts. Their RPK loses the same share.
func (t *halfTotals) takeRest(rng *rand.Rand) error {
	const rounding = 1e-6 // of sums of float32 counts
	kept, of := 1., 2.    // the share that the half keeps
	if n := min(float32(math.Round(max(t.counts, 0))), mostCounts); n > 0 {
		counts, err := halfOf(n, rng)
		if err != nil {
			return err
		}
		t.half.TotalCounts += float64(counts)
		kept, of = float64(counts), float64(n)
	}
	if t.rpk > rounding*t.half.RPK {
		t.half.RPK += t.rpk * kept / of
	}
	t.half.RPK = max(t.half.RPK, 1e-9)
	return nil
}

// mostCounts is the greatest number up to which float32 holds all whole ones.
const mostCounts = 1 << 24

// halfOf draws from Binomial(c, 1/2).
func halfOf(c float32, rng *rand.Rand) (float32, error) {
	if !(c >= 0 && c <= mostCounts) || c != float32(int(c)) {
		return 0, fmt.Errorf("%g is not a count: only whole counts can be split", c)
	}
	kept := 0
	for n := int(c); n > 0; n -= 64 {
		coins := rng.Uint64()
		if n < 64 {
			coins &= 1<<n - 1
		}
		kept += bits.OnesCount64(coins)
	}
	return float32(kept), nil
}
