package widgets

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/spatialgo/spatialgo/spared"
)

// DepthEffect draws, before and after normalisation, how much a gene's values
// say about the depth of a spot instead of its tissue: for each gene of the
// data set, Spearman's correlation of counts, and of log1p, with the spot's
// total counts, over all spots. Ranks make the logarithm itself of no account:
// what differs is the division by the depth.
func DepthEffect(ds *spared.Dataset) (*PlotFigure, error) {
	depth := make([]float64, len(ds.Spots))
	for i := range ds.Spots {
		depth[i] = ds.Spots[i].TotalCounts
	}
	ranks(depth)
	q := panel{x: scale{label: "rank correlation with the counts of the spot", min: -1, max: 1, step: 0.2}, weight: 1}
	p := &plot{title: []string{"What genes tell about the depth of a spot"}, height: 300}
	most := 1
	for k, side := range []struct{ layer, words, color string }{
		{spared.LayerCounts, "counts", series[6]},
		{spared.LayerLog, ds.Unit(spared.LayerLog), series[1]},
	} {
		rho, err := depthCorrelations(ds, side.layer, depth)
		if err != nil {
			return nil, err
		}
		if len(rho) == 0 {
			return nil, fmt.Errorf("widgets: no gene of layer %s varies", side.layer)
		}
		bars, n := histogramBars(rho, -1, 1, 50, "rank correlation", HistogramOptions{YLabel: "genes"})
		bars.name, bars.color, bars.opacity, bars.gap = []string{"before: ", "after: "}[k]+side.words, side.color, 0.6, 0.5
		q.marks = append(q.marks, bars)
		most = max(most, n)
		p.legend = append(p.legend, legendItem{Name: bars.name, Color: bars.color})
		slices.Sort(rho)
		p.subtitle = append(p.subtitle, bars.name+", median "+format(stat.Quantile(0.5, stat.LinInterp, rho, nil), 2))
	}
	q.y = numericTicks("genes", 0, float64(most), 5)
	p.panels = []panel{q}
	p.text = p.title[0] + ": " + strings.Join(p.subtitle, "; ")
	p.caption = "Spearman’s correlation over all spots, one value a gene chosen. Zero: the gene’s values do not depend on how much was captured. Values that were not measured count as zeros on both sides."
	return p.figure(), nil
}

// depthCorrelations returns Spearman's correlation of each gene that varies
// with the ranks of the depth.
func depthCorrelations(ds *spared.Dataset, layer string, depth []float64) ([]float64, error) {
	m, err := matrix(ds, layer)
	if err != nil {
		return nil, err
	}
	var out []float64
	v := make([]float64, m.Rows)
	for j := range m.Cols {
		for i := range v {
			v[i] = float64(m.Data[i*m.Stride+j])
		}
		ranks(v)
		if rho := stat.Correlation(v, depth, nil); !math.IsNaN(rho) {
			out = append(out, rho)
		}
	}
	return out, nil
}

// ranks replaces values by their ranks, equal ones by the mean of theirs.
func ranks(v []float64) {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case v[a] < v[b]:
			return -1
		case v[a] > v[b]:
			return 1
		}
		return a - b
	})
	out := make([]float64, len(v))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && v[order[to]] == v[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			out[i] = float64(from+to+1) / 2
		}
		from = to
	}
	copy(v, out)
}
