package widgets

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/genelength"
	"github.com/spatialgo/spatialgo/spared/median"
)

// MoranOptions says what MoranExtremes shows.
type MoranOptions struct {
	Slide string // slide name; "" = the first
	Genes int    // genes at each end; 0 = 4
}

// MoranExtremes draws the most and the least spatial of all genes that passed
// the filter on a slide's tissue, chosen or not (SpaRED's
// visualize_moran_filtering): a row of maps each, of the values that Moran's I
// was computed from (log1p, completed by the adaptive median). Each gene has
// colours of its own, from the least of its values to the greatest. Genes that
// were not chosen are not in the data set: slides, those that it was made from,
// by name, have their counts.
func MoranExtremes(ctx context.Context, ds *spared.Dataset, slides []*spared.Slide, o MoranOptions) ([]Figure, error) {
	b, err := asRead(ds, slides)
	if err != nil {
		return nil, err
	}
	k, err := sectionIndex(ds, o.Slide)
	if err != nil {
		return nil, err
	}
	if o.Genes == 0 {
		o.Genes = 4
	}
	ranked := slices.DeleteFunc(slices.Clone(ds.Panel), func(g spared.PanelGene) bool { return math.IsNaN(g.Moran) })
	slices.SortStableFunc(ranked, func(a, b spared.PanelGene) int { return cmp.Compare(b.Moran, a.Moran) })
	n := min(o.Genes, len(ranked)/2)
	if n < 1 {
		return nil, fmt.Errorf("widgets: %s with a Moran’s I: too few to compare", plural(len(ranked), "gene"))
	}
	c := &collect{}
	c.add(b.geneMaps(ctx, "The most spatial genes", k, ranked[:n]))
	c.add(b.geneMaps(ctx, "The least spatial genes", k, ranked[len(ranked)-n:]))
	return c.figs, c.err
}

// panelValues returns log1p, completed by the adaptive median, of genes that
// passed the filter, at the spots of section k: [spots][genes].
func (b *before) panelValues(ctx context.Context, k int, genes []spared.PanelGene) (dense.Matrix[float32], error) {
	spots, at, column := b.ds.SpotsOf(k), b.rows(k), map[int32]int{}
	n, sizes := b.ds.Normalization(), make([]float64, len(genes))
	for t, g := range genes {
		j := slices.Index(b.ids, g.ID)
		if j < 0 {
			return dense.Matrix[float32]{}, fmt.Errorf("widgets: slide %q as read has no gene %s", b.slides[k].Name, g.ID)
		}
		column[int32(j)], sizes[t] = t, 1
		if n != spared.TPM {
			continue
		}
		table, err := genelength.Open(b.ds.Manifest.Organism)
		if err != nil {
			return dense.Matrix[float32]{}, fmt.Errorf("widgets: %w", err)
		}
		bp, ok := table.Length(g.ID)
		if !ok {
			return dense.Matrix[float32]{}, fmt.Errorf("widgets: gene %s has no known length", g.ID)
		}
		sizes[t] = float64(bp)
	}
	x := dense.New[float32](len(spots), len(genes))
	for s, i := range spots {
		row, ok := at[b.ds.Spots[i].Barcode]
		if !ok {
			return x, fmt.Errorf("widgets: slide %q as read has no spot %s", b.slides[k].Name, b.ds.Spots[i].Barcode)
		}
		columns, counts := b.slides[k].Counts.Row(row)
		for t, c := range columns {
			if j, ok := column[b.place[k][c]]; ok && counts[t] > 0 {
				x.Row(s)[j] = float32(n.Log(float64(float32(n.Value(float64(counts[t]), sizes[j], b.ds.Spots[i].RPK)))))
			}
		}
	}
	graph, err := b.ds.Graph(k)
	if err != nil {
		return x, fmt.Errorf("widgets: %w", err)
	}
	done, _, err := median.Complete(ctx, x, graph, b.ds.Manifest.Recipe.Hops)
	if err != nil {
		return x, fmt.Errorf("widgets: adaptive median: %w", err)
	}
	return done, nil
}

// geneMaps draws genes side by side on section k.
func (b *before) geneMaps(ctx context.Context, title string, k int, genes []spared.PanelGene) (*PlotFigure, error) {
	x, err := b.panelValues(ctx, k, genes)
	if err != nil {
		return nil, err
	}
	table, err := colorTable(defaultScale)
	if err != nil {
		return nil, err
	}
	var steps []legendItem
	for s := range gridColors {
		c := table[255*s/(gridColors-1)]
		name := fmt.Sprintf("%d–%d %%", 100*s/gridColors, 100*(s+1)/gridColors)
		steps = append(steps, legendItem{Name: name, Color: fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)})
	}
	spots := b.ds.SpotsOf(k)
	p := &plot{title: []string{title}, height: gridHeight(len(genes)), legend: steps}
	p.subtitle = []string{"slide " + isolate(clean(b.ds.Sections[k].Name)), plural(len(spots), "spot"), b.ds.Unit(spared.LayerDLog) + ", " + layerWords(b.ds, spared.LayerDLog)}
	p.text = title + ": " + strings.Join(p.subtitle, ", ")
	for t, g := range genes {
		name := g.Symbol
		if name == "" {
			name = g.ID
		}
		name = isolate(clean(name)) + ", I = " + format(g.Moran, 2)
		v := make([]float64, len(spots))
		for s := range v {
			v[s] = float64(x.Row(s)[t])
		}
		lo, hi := limits(v, false)
		q := tissuePanel(b.ds, spots, "", len(genes))
		q.x.label = name
		q.marks = gridMarks(b.ds, spots, v, lo, hi, steps, q.marks[0].size)
		p.panels = append(p.panels, q)
		p.text += "\n  " + name
	}
	p.caption = "Below each map the gene and its Moran’s I (mean over the slides that curation learnt from). Colours: per cent of the way from the gene’s 1 % to its 99 % quantile; steps can be switched off."
	return p.figure(), nil
}
