package widgets

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/genelength"
)

// before is the slides that a data set was made from, as they were read, on
// the genes that all of them have.
type before struct {
	ds     *spared.Dataset
	slides []*spared.Slide // in the order of the data set's sections
	ids    []string        // of the common genes
	names  []string        // their symbols, ids where there are none
	place  [][]int32       // [slides][a slide's columns]: index into ids, -1 where not common
	total  [][]float64     // [slides][a slide's spots]: counts of the common genes
	shown  [][]int         // likewise: common genes with a count
}

// asRead finds the slide of each section by its name.
func asRead(ds *spared.Dataset, slides []*spared.Slide) (*before, error) {
	if ds == nil || len(ds.Sections) == 0 {
		return nil, fmt.Errorf("widgets: the data set has no slides")
	}
	b := &before{ds: ds}
	for k := range ds.Sections {
		name := ds.Sections[k].Name
		i := slices.IndexFunc(slides, func(s *spared.Slide) bool { return s != nil && s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("widgets: slide %q of the data set is not among the %s given", name, plural(len(slides), "slide"))
		}
		if s := slides[i]; s.Counts == nil || s.Counts.Rows != len(s.Barcodes) || s.Counts.Cols != len(s.Genes) {
			return nil, fmt.Errorf("widgets: slide %q has no counts of its %d spots and %d genes", name, len(s.Barcodes), len(s.Genes))
		}
		b.slides = append(b.slides, slides[i])
	}
	b.join()
	if len(b.ids) == 0 {
		return nil, fmt.Errorf("widgets: the slides have no gene in common")
	}
	for k := range b.slides {
		b.sum(k)
	}
	return b, nil
}

// join finds the common genes, by id, in the order of the first slide.
func (b *before) join() {
	first := make([]map[string]int, len(b.slides)) // id -> the first column that has it
	all := make([][]string, len(b.slides))
	for k, s := range b.slides {
		all[k] = geneIDs(s, b.ds.Manifest.Organism)
		first[k] = map[string]int{}
		for c, id := range all[k] {
			if _, seen := first[k][id]; !seen && id != "" {
				first[k][id] = c
			}
		}
		b.place = append(b.place, slices.Repeat([]int32{-1}, len(s.Genes)))
	}
	for c, id := range all[0] {
		if first[0][id] != c || slices.ContainsFunc(first, func(of map[string]int) bool { _, ok := of[id]; return !ok }) {
			continue
		}
		for k := range b.slides {
			b.place[k][first[k][id]] = int32(len(b.ids))
		}
		name := b.slides[0].Genes[c].Symbol
		if name == "" {
			name = id
		}
		b.ids, b.names = append(b.ids, id), append(b.names, name)
	}
}

// geneIDs returns the ids that curation compares a slide's genes by: Ensembl
// ids without version, which slides that name their genes by symbol get from
// the annotation of the organism.
func geneIDs(s *spared.Slide, organism string) []string {
	ids, ensembl := make([]string, len(s.Genes)), 0
	for c := range s.Genes {
		ids[c] = spared.GeneID(s.Genes[c].ID)
		if strings.HasPrefix(ids[c], "ENS") {
			ensembl++
		}
	}
	table, err := genelength.Open(organism)
	if err != nil || 2*ensembl >= len(ids) {
		return ids // no annotation, or none needed
	}
	for c, id := range ids {
		if known, ok := table.IDOf(id); ok {
			ids[c] = spared.GeneID(known)
		}
	}
	return ids
}

// sum adds up the counts of a slide's spots.
func (b *before) sum(k int) {
	s := b.slides[k]
	total, shown := make([]float64, s.Counts.Rows), make([]int, s.Counts.Rows)
	for i := range total {
		genes, counts := s.Counts.Row(i)
		for t, c := range genes {
			if b.place[k][c] >= 0 && counts[t] > 0 {
				total[i] += float64(counts[t])
				shown[i]++
			}
		}
	}
	b.total, b.shown = append(b.total, total), append(b.shown, shown)
}

// byLoss returns the sections, those that lost most spots to the filter first.
func (b *before) byLoss() []int {
	order := make([]int, len(b.slides))
	for k := range order {
		order[k] = k
	}
	lost := func(k int) int { return len(b.slides[k].Barcodes) - len(b.ds.SpotsOf(k)) }
	slices.SortStableFunc(order, func(a, b int) int { return lost(b) - lost(a) })
	return order
}

// wholeSlide makes a data set of all spots of a slide, without genes, for maps.
func (b *before) wholeSlide(k int) *spared.Dataset {
	s, whole := b.slides[k], &spared.Dataset{Sections: []spared.Section{b.ds.Sections[k]}}
	for i, bc := range s.Barcodes {
		whole.Spots = append(whole.Spots, spared.Spot{ID: s.Name + "_" + bc, Barcode: bc, X: s.X[i], Y: s.Y[i],
			ArrayRow: s.ArrayRow[i], ArrayCol: s.ArrayCol[i], TotalCounts: b.total[k][i], GenesDetected: b.shown[k][i]})
	}
	return whole
}

// rows maps the barcodes of a section's spots to rows of the slide.
func (b *before) rows(k int) map[string]int {
	at := make(map[string]int, len(b.slides[k].Barcodes))
	for i, bc := range b.slides[k].Barcodes {
		at[bc] = i
	}
	return at
}

// What the spot filter did with a spot.
const (
	spotKept = iota
	spotFew
	spotMany
	spotOff
	spotEmpty
)

var fates = []string{spotKept: "kept", spotFew: "too few counts", spotMany: "too many counts", spotOff: "off the tissue", spotEmpty: "left without genes"}

// fate says what became of each spot of a slide: those that are not kept have
// too few counts or too many, lie off the tissue, or show none of the genes
// that passed the filter.
func (b *before) fate(k int) []int {
	kept := map[string]bool{}
	for _, i := range b.ds.SpotsOf(k) {
		kept[b.ds.Spots[i].Barcode] = true
	}
	s, r := b.slides[k], &b.ds.Manifest.Recipe
	out := make([]int, len(s.Barcodes))
	for i, bc := range s.Barcodes {
		switch {
		case kept[bc]:
			out[i] = spotKept
		case !s.InTissue[i]:
			out[i] = spotOff
		case b.total[k][i] <= r.SpotMin:
			out[i] = spotFew
		case b.total[k][i] >= r.SpotMax:
			out[i] = spotMany
		default:
			out[i] = spotEmpty
		}
	}
	return out
}

// SpotHistograms draws counts per spot and genes detected per spot, over the
// slides as they were read (of all genes that they share; left out where the
// data set does not know them) and over the data set (of the genes that passed
// the filter).
func SpotHistograms(ds *spared.Dataset) ([]Figure, error) {
	raw := ds.Raw
	totals, detected := make([]float64, len(ds.Spots)), make([]float64, len(ds.Spots))
	for i := range ds.Spots {
		totals[i], detected[i] = ds.Spots[i].TotalCounts, float64(ds.Spots[i].GenesDetected)
	}
	var rawTotals, rawDetected []float64
	if raw != nil {
		rawTotals, rawDetected = raw.Total, raw.Detected
	}
	after := "after the filters: " + plural(len(ds.Spots), "spot") + ", " + plural(passed(ds), "gene")
	c := &collect{}
	for _, h := range []histogramPair{
		{title: "Counts per spot", label: "counts", what: "spots", before: rawTotals, after: totals, color: series[6], words: after},
		{title: "Genes detected per spot", label: "genes", what: "spots", before: rawDetected, after: detected, color: series[0], words: after},
	} {
		c.add(h.figure(ds, raw))
	}
	return c.figs, c.err
}

// SpotFilter draws what the spot filter met and what it did: the counts of all
// spots of a slide (o.Slide; "" = the one that lost most) as they were read,
// over the genes that all slides share; and what became of each spot, on up to
// four slides, those that lost most. slides are those that the data set was
// made from, by name (spared.ReadSlide); of o, what is shown and its title are
// not used.
func SpotFilter(ds *spared.Dataset, slides []*spared.Slide, o MapOptions) ([]Figure, error) {
	b, err := asRead(ds, slides)
	if err != nil {
		return nil, err
	}
	lost := b.byLoss()
	k := lost[0]
	if o.Slide != "" {
		if k, err = sectionIndex(ds, o.Slide); err != nil {
			return nil, err
		}
	}
	o.Slide, o.Title, o.Categories, o.Values = "", "", nil, b.total[k]
	o.Name, o.Unit = "Counts per spot, as read", "counts"
	c := &collect{}
	c.add(Map(b.wholeSlide(k), o))
	c.add(b.fateMaps(lost[:min(qcSlides, len(lost))]), nil)
	return c.figs, c.err
}

// fateMaps draws what became of the spots of slides, side by side.
func (b *before) fateMaps(sections []int) *PlotFigure {
	p := &plot{title: []string{"What the spot filter kept"}, height: gridHeight(len(sections))}
	n := make([]int, len(fates))
	for k := range b.slides {
		for _, f := range b.fate(k) {
			n[f]++
		}
	}
	for f, name := range fates {
		if n[f] > 0 || f == spotKept {
			p.legend = append(p.legend, legendItem{Name: name, Color: fateColor(f)})
			p.subtitle = append(p.subtitle, name+" "+count(n[f]))
		}
	}
	for _, k := range sections {
		whole := b.wholeSlide(k)
		q := tissuePanel(whole, whole.SpotsOf(0), b.slides[k].Name, len(sections))
		q.marks = groupMarks(whole, whole.SpotsOf(0), b.fate(k), fates, q.marks[0].size)
		for t := range q.marks {
			m := &q.marks[t]
			f := slices.Index(fates, m.name)
			if m.color = fateColor(f); f != spotKept { // few among many must be seen
				m.size = math.Max(1.4*m.size, 5)
			}
		}
		p.panels = append(p.panels, q)
	}
	r := &b.ds.Manifest.Recipe
	p.text = p.title[0] + ": " + strings.Join(p.subtitle, ", ")
	p.caption = "Kept: spots with more than " + format(r.SpotMin, 0) + " and fewer than " + format(r.SpotMax, 0) + " counts. Numbers above: of all slides."
	if len(sections) < len(b.slides) {
		p.caption += " Shown are the " + count(len(sections)) + " slides that lost most."
	}
	return p.figure()
}

// fateColor is pale for spots that were kept, so that the others stand out.
func fateColor(f int) string {
	if f == spotKept {
		return mix(rgb(series[0]), 0.35)
	}
	return seriesColor(f)
}

// groupMarks makes a mark for each group that has spots; group k has the k-th
// colour.
func groupMarks(ds *spared.Dataset, spots, group []int, names []string, size float64) []mark {
	items := make([][][]float64, len(names))
	for t, i := range spots {
		items[group[t]] = append(items[group[t]], []float64{math.Round(ds.Spots[i].X), math.Round(ds.Spots[i].Y)})
	}
	var out []mark
	for k, name := range names {
		if len(items[k]) > 0 {
			out = append(out, mark{kind: pointKind, name: name, color: groupColor(name, k), size: size, items: items[k]})
		}
	}
	return out
}

// MissingBefore draws, for each spot of a slide (o.Slide; "" = the first) that
// was kept, the share of genes without a count: of all genes that the slides
// share, as they were read, and of the genes chosen; both on one scale from 0
// to 100 %. slides are those that the data set was made from, by name.
func MissingBefore(ds *spared.Dataset, slides []*spared.Slide, o MapOptions) (*MapFigure, error) {
	spots, genes := ds.N()
	if genes == 0 || len(ds.Mask) != spots*genes {
		return nil, fmt.Errorf("widgets: the data set does not tell which of its %d x %d values were measured", spots, genes)
	}
	b, err := asRead(ds, slides)
	if err != nil {
		return nil, err
	}
	k, err := sectionIndex(ds, o.Slide)
	if err != nil {
		return nil, err
	}
	m, err := newMaps(ds, o.Slide, mapStyle{colors: o.Colors, spotScale: o.SpotScale, spots: o.SpotOpacity, picture: o.PictureOpacity,
		grey: true, limits: [2]float64{0, 100}, noPicture: o.NoPicture})
	if err != nil {
		return nil, err
	}
	at := b.rows(k)
	was, is := make([]float64, len(m.scene.spots)), make([]float64, len(m.scene.spots))
	for t, i := range m.scene.spots {
		row, ok := at[ds.Spots[i].Barcode]
		if !ok {
			return nil, fmt.Errorf("widgets: slide %q as read has no spot %s", b.slides[k].Name, ds.Spots[i].Barcode)
		}
		was[t] = 100 * (1 - float64(b.shown[k][row])/float64(len(b.ids)))
		is[t] = 100 * (1 - float64(trues(ds.Mask[i*genes:(i+1)*genes]))/float64(genes))
	}
	m.panels = []mapPanel{{Title: "of " + plural(len(b.ids), "gene") + " as read", Unit: "%"}, {Title: "of " + plural(genes, "gene") + " chosen", Unit: "%"}}
	g := mapGene{title: []string{"Genes not measured"}, subtitle: m.where(), values: [][]float64{was, is}}
	m.setLimits(&g)
	m.genes = []mapGene{g}
	return m.figure(16)
}
