package widgets

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// UncertaintyMap shows a completed gene beside how sure its completion is: the
// layer c_t_log1p, and its standard deviation c_t_log1p_sd, which has colours
// of its own and is grey where the value was measured. Gene and slide can be
// picked without a kernel; genes with much pattern and many gaps come first. It
// returns an error where the data set has no such layer: not every method says
// how sure it is. Layers and panels of o are not used.
func UncertaintyMap(ds *spared.Dataset, o CompareOptions) (*MapFigure, error) {
	sd, err := matrix(ds, spared.LayerCTLogSD)
	if err != nil {
		return nil, fmt.Errorf("%w: complete it with a method that says how sure it is, such as the Poisson factor", err)
	}
	if o = readable(o); o.Title == "" {
		o.Title = "completed level and how sure it is"
	}
	o.Panels = []Panel{
		{Layer: spared.LayerCTLog},
		{Title: "standard deviation", Values: notMeasuredOnly(ds, sd), Unit: ds.Unit(spared.LayerCTLogSD), Colors: "magma", Grey: "measured"},
	}
	m, err := compareMissing(ds, o)
	if err != nil {
		return nil, err
	}
	m.note = "Left: the gene’s level, measured or filled in. Right: how far a filled-in value may be off; dark is sure, light is a guess. " +
		"About two in three true values lie within one standard deviation, if the gene was detected there. " + oneUnit(ds) +
		"A pattern made of light spots on the right is not evidence."
	return m.figure(8)
}

// notMeasuredOnly returns a matrix of the data set's shape, NaN where a value was
// measured.
func notMeasuredOnly(ds *spared.Dataset, m blas32.General) blas32.General {
	spots, genes := ds.N()
	out := blas32.General{Rows: spots, Cols: genes, Stride: genes, Data: make([]float32, spots*genes)}
	for i := range spots {
		copy(out.Data[i*genes:(i+1)*genes], m.Data[i*m.Stride:])
	}
	for k, seen := range ds.Mask {
		if seen {
			out.Data[k] = float32(math.NaN())
		}
	}
	return out
}

// oneUnit says what 1 means on the data set's logarithmic scale.
func oneUnit(ds *spared.Dataset) string {
	switch unit := ds.Unit(spared.LayerLog); {
	case len(unit) > 3 && unit[:4] == "log2":
		return "1 in " + unit + " is a factor of 2. "
	case len(unit) > 1 && unit[:2] == "ln":
		return "1 in " + unit + " is a factor of 2.7. "
	}
	return ""
}

// TwoAnswers shows the two answers to what a missing value is, and what the
// instrument counted: c_t_log1p, the level if the gene was detected;
// t_log1p_rate, what there is on average, zeros included; and the counts, grey
// where there was none. The answers share a colour scale. Gene and slide can be
// picked without a kernel. It returns an error where the data set lacks a
// layer: not every method gives both. Layers and panels of o are not used.
func TwoAnswers(ds *spared.Dataset, o CompareOptions) (*MapFigure, error) {
	if _, err := matrix(ds, spared.LayerRate); err != nil {
		return nil, fmt.Errorf("%w: complete it with a method that gives both answers, such as the Poisson factor", err)
	}
	if o = readable(o); o.Title == "" {
		o.Title = "two answers to what a missing value is"
	}
	o.Panels = []Panel{
		{Title: "if detected", Layer: spared.LayerCTLog},
		{Title: "on average, zeros included", Layer: spared.LayerRate},
		{Title: "counted", Layer: spared.LayerCounts, Colors: "cividis"},
	}
	m, err := compareMissing(ds, o)
	if err != nil {
		return nil, err
	}
	m.note = "A spot without a count of the gene may have none of it, or too little to be caught. " +
		"“If detected” is the level it would show had the instrument caught at least one molecule: take it to compare levels between spots that do express the gene, " +
		"and with measured values. Where there is none of the gene it is far too high, since it is never below one count. " +
		"“On average” counts the chance that there is nothing: take it to ask where a gene is on or off, for sums and means over regions, for shares of cell types. "
	if len(ds.Correction) > 0 {
		m.note += "The first map is batch-corrected, the second is not."
	}
	return m.figure(8)
}

// compareMissing compares panels that tell of missing values: unless genes are
// asked for, those come first that have pattern, gaps and measured values on
// each slide: Moran's I times the least p(1-p) of all slides, p the share of
// spots where the gene was measured. A gene that a slide hardly shows would come
// first otherwise, and what ComBat makes of it there is nothing to look at.
func compareMissing(ds *spared.Dataset, o CompareOptions) (*mapSet, error) {
	order := ""
	if o.Genes == nil && len(ds.Mask) == len(ds.Spots)*len(ds.Genes) {
		order, o.Genes = "pattern and gaps first", patternAndGaps(ds)
	}
	return compare(ds, o, func(m *mapSet) error {
		m.order = order
		return m.addPanels(ds, o)
	})
}

func patternAndGaps(ds *spared.Dataset) []string {
	genes := len(ds.Genes)
	least := make([]float64, genes) // over slides, of measured share x share of gaps
	for s := range ds.Sections {
		rows := ds.SpotsOf(s)
		measured := make([]float64, genes)
		for _, i := range rows {
			for j, seen := range ds.Mask[i*genes : (i+1)*genes] {
				if seen {
					measured[j] += 1 / float64(len(rows))
				}
			}
		}
		for j, share := range measured {
			if both := share * (1 - share); s == 0 || both < least[j] {
				least[j] = both
			}
		}
	}
	columns := byMoran(ds)
	rank := func(j int) float64 {
		if moran := ds.Genes[j].Moran; finite(moran) {
			return moran * least[j]
		}
		return 0
	}
	slices.SortStableFunc(columns, func(a, b int) int { return cmp.Compare(rank(b), rank(a)) })
	names := make([]string, len(columns))
	for k, j := range columns {
		names[k] = ds.Genes[j].ID
	}
	return names
}
