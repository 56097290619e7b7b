package widgets

import (
	"context"
	"fmt"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/embed"
)

// Batches draws the spots before and after batch correction (layers d_log1p
// and c_d_log1p) in one plane, coloured by batch: the first two principal
// components of the spots of both layers together, so that both halves have
// the same axes and what moved between them was moved by ComBat. The subtitle
// gives, for each layer, the share of all variance that lies between batches
// (sum of squares of the batches' means over that of all values, the genes
// added up). It is an error where there is no correction.
func Batches(ctx context.Context, ds *spared.Dataset) (*PlotFigure, error) {
	if len(ds.Correction) == 0 {
		return nil, fmt.Errorf("widgets: the data set has one batch: nothing was corrected")
	}
	x, err := matrix(ds, spared.LayerDLog)
	if err != nil {
		return nil, err
	}
	y, err := matrix(ds, spared.LayerCDLog)
	if err != nil {
		return nil, err
	}
	both := dense.New[float32](2*x.Rows, x.Cols)
	for i := range x.Rows {
		copy(both.Row(i), x.Data[i*x.Stride:i*x.Stride+x.Cols])
		copy(both.Row(x.Rows+i), y.Data[i*y.Stride:i*y.Stride+y.Cols])
	}
	pca, err := embed.PCA(ctx, both, embed.PCAOptions{Components: 2})
	if err != nil {
		return nil, fmt.Errorf("widgets: %w", err)
	}
	return batchPlot(ds, pca.Scores, [2]blas32.General{x, y})
}

// batchesOf returns the batch of each spot.
func batchesOf(ds *spared.Dataset) []string {
	out := make([]string, len(ds.Spots))
	for i := range ds.Spots {
		sec := &ds.Sections[ds.Spots[i].Slide]
		if out[i] = sec.Batch; out[i] == "" {
			out[i] = sec.Name
		}
	}
	return out
}

func batchPlot(ds *spared.Dataset, scores dense.Matrix[float64], layers [2]blas32.General) (*PlotFigure, error) {
	number, names := joinGroups(batchesOf(ds))
	p := &plot{title: []string{"Spots by batch, before and after ComBat"}, height: planeHeight}
	for k, name := range names {
		p.legend = append(p.legend, legendItem{Name: name, Color: groupColor(name, k)})
	}
	every := (len(ds.Spots) + planePoints - 1) / planePoints
	n := len(ds.Spots)
	words := [2]string{"before", "after"}
	view := &spared.Dataset{Spots: ds.Spots, Obsm: map[string]blas32.General{}}
	for h, word := range words {
		xy := blas32.General{Rows: n, Cols: 2, Stride: 2, Data: make([]float32, 2*n)}
		for i := range n {
			at := scores.Row(h*n + i)
			xy.Data[2*i], xy.Data[2*i+1] = float32(at[0]), float32(at[1])
		}
		view.Obsm[word] = xy
		q, err := planePanel(view, word, number, p.legend, every)
		if err != nil {
			return nil, err
		}
		q.x.label, q.y.label = word+": component 1", "component 2"
		p.panels = append(p.panels, q)
		p.subtitle = append(p.subtitle, word+": "+percent(betweenShare(layers[h], number, len(names)))+" of the variance lies between batches")
	}
	sameAxes(&p.panels[0], &p.panels[1])
	p.text = p.title[0] + ": " + strings.Join(p.subtitle, "; ")
	p.caption = "Principal components of both layers together: both halves have the same axes. Names above switch batches off."
	if every > 1 {
		p.caption += fmt.Sprintf(" One spot in %d is drawn.", every)
	}
	return p.figure(), nil
}

// sameAxes gives two panels the axes that hold both.
func sameAxes(a, b *panel) {
	lo, hi := [2]float64{}, [2]float64{}
	for k, s := range [2][2]*scale{{&a.x, &b.x}, {&a.y, &b.y}} {
		lo[k], hi[k] = min(s[0].min, s[1].min), max(s[0].max, s[1].max)
	}
	half := max(hi[0]-lo[0], hi[1]-lo[1]) / 2
	for k, s := range [2][2]*scale{{&a.x, &b.x}, {&a.y, &b.y}} {
		mid := (lo[k] + hi[k]) / 2
		for _, axis := range s {
			axis.min, axis.max = mid-half, mid+half
		}
	}
}

// betweenShare returns the share of a layer's variance that lies between
// groups, 0 to 1, the sums of squares of the genes added up.
func betweenShare(m blas32.General, group []int, groups int) float64 {
	size := make([]float64, groups)
	for _, g := range group {
		size[g]++
	}
	between, total := 0.0, 0.0
	for j := range m.Cols {
		sum, all := make([]float64, groups), 0.0
		for i, g := range group {
			v := float64(m.Data[i*m.Stride+j])
			sum[g] += v
			all += v
		}
		mean := all / float64(len(group))
		for i := range group {
			v := float64(m.Data[i*m.Stride+j]) - mean
			total += v * v
		}
		for g := range sum {
			if size[g] > 0 {
				between += size[g] * (sum[g]/size[g] - mean) * (sum[g]/size[g] - mean)
			}
		}
	}
	if !(total > 0) {
		return 0
	}
	return between / total
}
