package widgets

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared"
)

// ViolinOptions says what Violin shows. The zero value shows the gene with
// the highest Moran's I over all spots, measured beside filled in.
type ViolinOptions struct {
	Genes  []string // symbols or ids; nil = the gene with the highest Moran's I
	Layers []string // nil = the most complete layer there is
	Slide  string   // only this slide; "" = all
	By     string   // "", "slide" or "split": one place on the x axis for each
	Groups []string // own group of each spot of the data set (regions, clusters) instead of By; "" = left out
	Whole  bool     // completed layers as one violin instead of two, measured and filled in
	Title  string
}

// violinPart is one colour of violins: a layer, or the measured or the filled
// in entries of one.
type violinPart struct {
	layer string
	name  string
	which int // 0 = all entries, 1 = measured, 2 = not measured
}

// place on the x axis.
type violinPlace struct {
	name  string
	gene  int
	spots []int
}

// Violin draws how the values of genes are distributed: a kernel density
// (Gaussian, Silverman's bandwidth, cut at the least and greatest value,
// scaled to equal widths), with quartiles, median and range inside. Of a raw
// layer only measured entries count; a completed layer is drawn twice, where
// it was measured and where it was filled in.
func Violin(ds *spared.Dataset, o ViolinOptions) (*PlotFigure, error) {
	parts, err := violinParts(ds, o)
	if err != nil {
		return nil, err
	}
	places, err := violinPlaces(ds, o)
	if err != nil {
		return nil, err
	}
	p := &plot{title: violinTitle(ds, o, places), height: 360}
	names := make([]string, len(places))
	for i, pl := range places {
		names[i] = pl.name
	}
	q := panel{x: violinAxis(names), weight: 1}
	lo, hi := math.Inf(1), math.Inf(-1)
	var text strings.Builder
	for k := range parts {
		violins, boxes, err := violinMarks(ds, parts, k, places, &text)
		if err != nil {
			return nil, err
		}
		for _, b := range boxes.items {
			lo, hi = math.Min(lo, b[1]), math.Max(hi, b[5])
		}
		q.marks = append(q.marks, violins, boxes)
		p.legend = append(p.legend, legendItem{Name: violins.name, Color: violins.color})
	}
	if lo > hi {
		return nil, fmt.Errorf("widgets: violin: no values to show")
	}
	q.y = numeric(ds.Unit(parts[0].layer), lo, hi)
	p.panels = []panel{q}
	p.text = "Violins of " + strings.Join(p.title, " ") + "\n" + text.String()
	p.subtitle = violinSubtitle(o, parts, places)
	p.caption = violinCaption
	if len(ds.Mask) != 0 && slices.ContainsFunc(parts, func(part violinPart) bool { return rawLayer(part.layer) }) {
		p.caption += " Entries that were not measured are left out of raw layers."
	}
	return p.figure(), nil
}

func violinTitle(ds *spared.Dataset, o ViolinOptions, places []violinPlace) []string {
	switch {
	case o.Title != "":
		return []string{o.Title}
	case len(o.Genes) > 1:
		return []string{"Expression of " + plural(len(o.Genes), "gene")}
	}
	g := &ds.Genes[places[0].gene]
	if g.Symbol == "" || g.Symbol == g.ID {
		return []string{g.ID}
	}
	return []string{g.Symbol, g.ID}
}

// violinSubtitle names what the legend does not: the layer where there is but
// one, the slide, and how many spots there are.
func violinSubtitle(o ViolinOptions, parts []violinPart, places []violinPlace) []string {
	var words []string
	if len(parts) == 1 {
		words = append(words, parts[0].name)
	}
	if o.Slide != "" {
		words = append(words, "slide "+isolate(clean(o.Slide)))
	}
	spots := 0
	for _, pl := range places {
		if pl.gene == places[0].gene {
			spots += len(pl.spots)
		}
	}
	return append(words, plural(spots, "spot"))
}

func violinParts(ds *spared.Dataset, o ViolinOptions) ([]violinPart, error) {
	layers := o.Layers
	if len(layers) == 0 {
		layers = []string{completedLayer(ds)}
		if len(ds.Mask) == 0 && layers[0] != spared.LayerLog {
			layers = []string{spared.LayerLog, layers[0]}
		}
	}
	var parts []violinPart
	for _, l := range layers {
		if u, v := ds.Unit(l), ds.Unit(layers[0]); u != v {
			return nil, fmt.Errorf("widgets: violin: layers %q and %q have different units, %q and %q", layers[0], l, v, u)
		}
		words := layerWords(ds, l)
		switch {
		case len(ds.Mask) == 0:
			parts = append(parts, violinPart{l, words, 0})
		case rawLayer(l):
			parts = append(parts, violinPart{l, words, 1})
		case o.Whole:
			parts = append(parts, violinPart{l, words, 0})
		default:
			parts = append(parts, violinPart{l, measuredWords(ds, l), 1}, violinPart{l, filledWords(ds, l), 2})
		}
	}
	return parts, nil
}

// violinPlaces lists the places on the x axis: genes, and groups within each.
func violinPlaces(ds *spared.Dataset, o ViolinOptions) ([]violinPlace, error) {
	genes, err := geneColumns(ds, o.Genes)
	if err != nil {
		return nil, err
	}
	if len(genes) == 0 || len(ds.Spots) == 0 {
		return nil, fmt.Errorf("widgets: violin: the data set has no genes or no spots")
	}
	if o.Genes == nil {
		genes = genes[:1]
	}
	names, spots, err := spotGroups(ds, o)
	if err != nil {
		return nil, err
	}
	var out []violinPlace
	for _, j := range genes {
		gene := ds.Genes[j].Symbol
		if gene == "" {
			gene = ds.Genes[j].ID
		}
		for k := range names {
			pl := violinPlace{name: names[k], gene: j, spots: spots[k]}
			if len(genes) > 1 {
				pl.name = strings.TrimSuffix(isolate(gene)+" · "+isolate(names[k]), " · ")
			}
			out = append(out, pl)
		}
	}
	return out, nil
}

// spotGroups divides the spots, in order of first appearance.
func spotGroups(ds *spared.Dataset, o ViolinOptions) (names []string, spots [][]int, err error) {
	slide := -1
	if o.Slide != "" {
		if slide, err = sectionIndex(ds, o.Slide); err != nil {
			return nil, nil, err
		}
	}
	if o.Groups != nil && len(o.Groups) != len(ds.Spots) {
		return nil, nil, fmt.Errorf("widgets: violin: %d groups for %d spots", len(o.Groups), len(ds.Spots))
	}
	at := map[string]int{}
	for i := range ds.Spots {
		s := &ds.Spots[i]
		if slide >= 0 && s.Slide != slide {
			continue
		}
		name := ""
		switch {
		case o.Groups != nil:
			if name = o.Groups[i]; name == "" {
				continue
			}
		case o.By == "slide":
			name = ds.Sections[s.Slide].Name
		case o.By == "split":
			name = s.Split.String()
		case o.By != "":
			return nil, nil, fmt.Errorf("widgets: violin: By is %q, want slide or split (or set Groups)", o.By)
		}
		k, ok := at[name]
		if !ok {
			k = len(names)
			at[name] = k
			names, spots = append(names, name), append(spots, nil)
		}
		spots[k] = append(spots[k], i)
	}
	if len(names) == 0 {
		return nil, nil, fmt.Errorf("widgets: violin: no spots in any group")
	}
	return names, spots, nil
}

// violinMarks draws part k at all places.
func violinMarks(ds *spared.Dataset, parts []violinPart, k int, places []violinPlace, text *strings.Builder) (violins, boxes mark, err error) {
	part := parts[k]
	data, err := matrix(ds, part.layer)
	if err != nil {
		return violins, boxes, err
	}
	slot := 0.84 / float64(len(parts))
	set := newViolins(part.name, seriesColor(k))
	for i, pl := range places {
		v := values(data, pl.spots, pl.gene)
		if part.which != 0 {
			keep := measured(ds, pl.spots, pl.gene)
			if part.which == 2 {
				for j := range keep {
					keep[j] = !keep[j]
				}
			}
			v = only(v, keep)
		}
		if s := set.add(pl.name, float64(i)-0.42+slot*(float64(k)+0.5), slot, v); s.n > 0 {
			fmt.Fprintf(text, "  %s %s: %s\n", pl.name, part.name, s.words())
		}
	}
	return set.violins, set.boxes, nil
}
