package widgets

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared"
)

// stepGenes is the name of the gene filter's step in a manifest.
const stepGenes = "gene filter"

// detected is one gene as the gene filter sees it.
type detected struct {
	name   string
	id     string
	least  float64 // least share of a slide's spots with the gene (exp_frac)
	all    float64 // share of all spots (glob_exp_frac)
	so     float64 // mean of all, over the genes up to this one
	counts float64
}

const (
	curvePoints = 200
	curveBeyond = 3 // times the genes kept that are drawn
)

// GeneFilter draws how the gene filter chose (SpaRED's filter_dataset): genes
// by the share of spots that show them, the least of a slide, falling; the
// share of values measured if all up to a gene are kept; and the cut, the last
// gene at which that share is still the recipe's. It counts what the filter
// counted: the spots that the spot filter kept of the slides that curation
// learnt from. slides are those that the data set was made from, by name
// (spared.ReadSlide).
func GeneFilter(ds *spared.Dataset, slides []*spared.Slide) (*PlotFigure, error) {
	b, err := asRead(ds, slides)
	if err != nil {
		return nil, err
	}
	genes := b.detection()
	if len(genes) == 0 {
		return nil, fmt.Errorf("widgets: no gene has a number of counts within the recipe's limits")
	}
	kept := passed(ds)
	if len(ds.Manifest.Recipe.GeneList) > 0 {
		kept = 0 // not by this curve
	}
	return geneFilterPlot(ds, genes, min(kept, len(genes)), len(b.ids)), nil
}

// passed returns how many genes passed the gene filter.
func passed(ds *spared.Dataset) int {
	for _, s := range ds.Manifest.Steps {
		if s.Name == stepGenes {
			return s.Genes
		}
	}
	return max(len(ds.Panel), len(ds.Genes))
}

// learnt tells whether the filters learnt from a section: from train slides in
// Clean order, from all in Released order, and from a lone slide.
func learnt(ds *spared.Dataset, k int) bool {
	spots := ds.SpotsOf(k)
	return ds.Manifest.Recipe.Order == spared.Released || len(ds.Sections) == 1 || len(spots) > 0 && ds.Spots[spots[0]].Split == spared.Train
}

// detection returns the genes within the recipe's limits of counts, in the
// order of the gene filter: by falling least share, ties by id.
func (b *before) detection() []detected {
	r, spots := &b.ds.Manifest.Recipe, 0
	genes := make([]detected, len(b.ids))
	for j := range genes {
		genes[j] = detected{name: b.names[j], id: b.ids[j], least: 1}
	}
	for k, s := range b.slides {
		if !learnt(b.ds, k) {
			continue
		}
		n, here := 0, make([]int, len(genes))
		for i := range s.Barcodes {
			if t := b.total[k][i]; !s.InTissue[i] || !(t > r.SpotMin && t < r.SpotMax) {
				continue
			}
			n++
			columns, counts := s.Counts.Row(i)
			for t, c := range columns {
				if j := b.place[k][c]; j >= 0 && counts[t] > 0 {
					here[j]++
					genes[j].counts += float64(counts[t])
				}
			}
		}
		spots += n
		for j := range genes {
			genes[j].least = math.Min(genes[j].least, float64(here[j])/float64(max(n, 1)))
			genes[j].all += float64(here[j])
		}
	}
	genes = slices.DeleteFunc(genes, func(g detected) bool { return !(g.counts > r.GeneMin && g.counts < r.GeneMax) })
	slices.SortFunc(genes, func(a, b detected) int { return cmp.Or(cmp.Compare(b.least, a.least), cmp.Compare(a.id, b.id)) })
	sum := 0.0
	for k := range genes {
		genes[k].all /= float64(max(spots, 1))
		sum += genes[k].all
		genes[k].so = sum / float64(k+1)
	}
	return genes
}

func geneFilterPlot(ds *spared.Dataset, genes []detected, kept, common int) *PlotFigure {
	drawn := len(genes)
	if kept > 0 {
		drawn = min(drawn, max(curveBeyond*kept, 20))
	}
	q := panel{x: numeric("genes, most widely detected first", 0, float64(max(drawn, 2))), y: numeric("share", 0, 1), weight: 1}
	least := mark{kind: pointKind, name: "spots with the gene, least of a slide", color: series[0], size: 4, opacity: 0.9}
	so := mark{kind: lineKind, name: "measured, if all up to here are kept", color: series[2], size: 2.5, silent: true}
	every := max(1, drawn/curvePoints)
	for k := range drawn {
		if k%every != 0 && k != drawn-1 && k != kept-1 && k != kept {
			continue
		}
		g, x := &genes[k], float64(k+1)
		least.items, so.items = append(least.items, []float64{x, g.least}), append(so.items, []float64{x, g.so})
		least.tips = append(least.tips, []string{g.name, "place\t" + count(k+1), "spots with the gene, least of a slide\t" + percent(g.least),
			"of all spots\t" + percent(g.all), "measured, if all up to here are kept\t" + percent(g.so)})
	}
	p := &plot{title: []string{"Which genes are detected widely enough"}, height: 360}
	p.legend = []legendItem{{Name: least.name, Color: least.color}, {Name: so.name, Color: so.color, Line: true}}
	q.marks = append([]mark{so, least}, shareLine(&q, p, ds.Manifest.Recipe.RealShare)...)
	q.marks = append(q.marks, keptLine(&q, kept, drawn)...)
	p.panels = []panel{q}
	p.subtitle = []string{count(common) + " genes read"}
	p.caption = "Genes with too few or too many counts in all are left out."
	switch {
	case kept == 0:
		p.subtitle = append(p.subtitle, plural(passed(ds), "gene")+" kept by the recipe’s list")
		p.caption += " This recipe lists its genes; the curve did not choose them."
	case kept == len(genes):
		p.subtitle = append(p.subtitle, count(kept)+" kept")
	default:
		p.subtitle = append(p.subtitle, count(kept)+" kept", "the last "+isolate(clean(genes[kept-1].name))+" ("+percent(genes[kept-1].least)+")",
			"the first dropped "+isolate(clean(genes[kept].name))+" ("+percent(genes[kept].least)+")")
	}
	if drawn < len(genes) {
		p.caption += " " + count(len(genes)-drawn) + " less detected genes follow to the right and are not drawn."
	}
	p.text = p.title[0] + ": " + strings.Join(p.subtitle, ", ")
	return p.figure()
}

// shareLine marks the share of measured values that the recipe asks for.
func shareLine(q *panel, p *plot, share float64) []mark {
	if !(share > 0 && share <= 1) {
		return nil
	}
	name := "measured share asked for, " + percent(share)
	p.legend = append(p.legend, legendItem{Name: name, Color: series[4], Line: true, Dashed: true})
	return []mark{{kind: lineKind, name: name, color: series[4], size: 1.5, dashed: true, silent: true,
		items: [][]float64{{q.x.min, share}, {q.x.max, share}}}}
}
