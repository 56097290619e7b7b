package spared

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// Raw sums up slides before any filter, by the genes that all of them have:
// what the raw half of SpaRED's QC plots shows. Every data set carries it, so
// that quality can be looked at without the slides.
type Raw struct {
	Slides   int
	SpotMin  float64   // bounds of the spots that ExpFrac and GlobalFrac count, as Recipe's
	SpotMax  float64   //
	Total    []float64 // counts of each spot under tissue, slide by slide in the order of Dataset.Sections
	Detected []float64 // genes with a count in each spot
	Genes    []RawGene // by id
}

// RawGene is one gene before any filter.
type RawGene struct {
	ID, Symbol string
	Total      float64 // counts over all spots
	Spots      int     // spots with a count
	ExpFrac    float64 // least share of spots with a count over the slides, of spots within the bounds, 0 to 1
	GlobalFrac float64 // share of all spots within the bounds with a count, 0 to 1
	// Mean and SD (divisor: spots) of ln(1 + m·count/total), with total the
	// counts of the spot and m their median over the spots that have any
	// (scanpy.pp.normalize_total and log1p).
	Mean, SD float64
}

// RawOf sums up slides as Build does, over their spots under tissue. The bounds
// are those of the spots' counts that the curation kept; 0, 0 stands for the
// published ones, 10 and 1e6. Genes are joined by their Ensembl id without
// version; of one slide's equal ids the first counts. It is an error if the
// slides share no gene.
func RawOf(slides []*slide.Slide, spotMin, spotMax float64) (*Raw, error) {
	ids := make([][]string, len(slides))
	for i, s := range slides {
		for _, g := range s.Genes {
			ids[i] = append(ids[i], GeneID(g.ID))
		}
	}
	if len(slides) == 0 {
		return nil, fmt.Errorf("spared: no slides to sum up")
	}
	c, err := collect(slides, ids, make([]Split, len(slides)))
	if err != nil {
		return nil, err
	}
	r := Recipe{SpotMin: spotMin, SpotMax: spotMax}.withDefaults()
	return c.raw(r.SpotMin, r.SpotMax), nil
}

// raw sums the collection up as it stands.
func (c *collection) raw(spotMin, spotMax float64) *Raw {
	r := &Raw{Slides: len(c.slides), SpotMin: spotMin, SpotMax: spotMax, Genes: make([]RawGene, len(c.genes))}
	for j, g := range c.genes {
		r.Genes[j] = RawGene{ID: g.ID, Symbol: g.Symbol, ExpFrac: 1}
	}
	r.sumCounts(c)
	r.sumLevels(c)
	slices.SortFunc(r.Genes, func(a, b RawGene) int { return cmp.Compare(a.ID, b.ID) })
	return r
}

// sumCounts fills in all but Mean and SD.
func (r *Raw) sumCounts(c *collection) {
	within, all := 0, make([]int, len(r.Genes))
	for s, rows := range c.kept {
		n, here := 0, make([]int, len(r.Genes))
		for _, row := range rows {
			total := c.total(s, row)
			inside := r.SpotMin < total && total < r.SpotMax
			if inside {
				n++
			}
			detected := 0
			cols, v := c.slides[s].Counts.Row(row)
			for k, col := range cols {
				j := c.place[s][col]
				if j < 0 || !(v[k] > 0) {
					continue
				}
				detected++
				r.Genes[j].Total += float64(v[k])
				r.Genes[j].Spots++
				if inside {
					here[j]++
				}
			}
			r.Total, r.Detected = append(r.Total, total), append(r.Detected, float64(detected))
		}
		within += n
		for j := range here {
			all[j] += here[j]
			if n > 0 {
				r.Genes[j].ExpFrac = min(r.Genes[j].ExpFrac, float64(here[j])/float64(n))
			}
		}
	}
	for j := range r.Genes {
		if within == 0 {
			r.Genes[j].ExpFrac = 0
			continue
		}
		r.Genes[j].GlobalFrac = float64(all[j]) / float64(within)
	}
}

// sumLevels fills in Mean and SD. Entries without a count add nothing to
// either sum.
func (r *Raw) sumLevels(c *collection) {
	scale := middle(r.Total)
	sum, squares := make([]float64, len(r.Genes)), make([]float64, len(r.Genes))
	spot := 0
	var known [64]float64 // logs of the spot's small counts, which are most; 0 = not yet known
	for s, rows := range c.kept {
		for _, row := range rows {
			clear(known[:])
			cols, v := c.slides[s].Counts.Row(row)
			for k, col := range cols {
				j := c.place[s][col]
				if j < 0 || !(v[k] > 0) {
					continue
				}
				small := v[k] < float32(len(known)) && v[k] == float32(int(v[k]))
				x := 0.0
				if small {
					x = known[int(v[k])]
				}
				if x == 0 {
					x = math.Log1p(scale * float64(v[k]) / r.Total[spot])
					if small {
						known[int(v[k])] = x
					}
				}
				sum[j] += x
				squares[j] += x * x
			}
			spot++
		}
	}
	n := float64(max(len(r.Total), 1))
	for j := range r.Genes {
		g := &r.Genes[j]
		g.Mean = sum[j] / n
		g.SD = math.Sqrt(max(0, squares[j]/n-g.Mean*g.Mean))
	}
}

// middle returns the median of the values above 0, 1 for none.
func middle(v []float64) float64 {
	var s []float64
	for _, x := range v {
		if x > 0 {
			s = append(s, x)
		}
	}
	if len(s) == 0 {
		return 1
	}
	slices.Sort(s)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Names in uns["spatialgo"]["raw"]: scanpy's where it has them.
const (
	rawSlides, rawMin, rawMax = "slides", "spot_min", "spot_max"
	rawSpots, rawGenes        = "spots", "genes" // tables
)

// dict is r as it lies in the file; nil for nil.
func (r *Raw) dict() any {
	if r == nil {
		return nil
	}
	spots := &h5ad.Frame{Index: make([]string, len(r.Total)), Columns: []Column{
		{Name: "total_counts", Data: r.Total}, {Name: "n_genes_by_counts", Data: r.Detected},
	}}
	for i := range spots.Index {
		spots.Index[i] = fmt.Sprint(i)
	}
	genes := &h5ad.Frame{Index: make([]string, len(r.Genes)), Columns: []Column{
		column("gene_symbol", r.Genes, func(g *RawGene) string { return g.Symbol }),
		column("total_counts", r.Genes, func(g *RawGene) float64 { return g.Total }),
		column("n_cells_by_counts", r.Genes, func(g *RawGene) int64 { return int64(g.Spots) }),
		column("exp_frac", r.Genes, func(g *RawGene) float64 { return g.ExpFrac }),
		column("glob_exp_frac", r.Genes, func(g *RawGene) float64 { return g.GlobalFrac }),
		column("mean_log", r.Genes, func(g *RawGene) float64 { return g.Mean }),
		column("sd_log", r.Genes, func(g *RawGene) float64 { return g.SD }),
	}}
	for j := range genes.Index {
		genes.Index[j] = r.Genes[j].ID
	}
	return map[string]any{rawSlides: int64(r.Slides), rawMin: r.SpotMin, rawMax: r.SpotMax, rawSpots: spots, rawGenes: genes}
}

// raw takes what dict wrote; a file without it is fine.
func (r *reader) raw(d *Dataset, v any) {
	key := "uns/" + keyUns + "/" + keyRaw
	if v == nil {
		return
	}
	all, _ := v.(map[string]any)
	slides, ok1 := all[rawSlides].(int64)
	lo, ok2 := all[rawMin].(float64)
	hi, ok3 := all[rawMax].(float64)
	spots, ok4 := all[rawSpots].(*h5ad.Frame)
	genes, ok5 := all[rawGenes].(*h5ad.Frame)
	if !(ok1 && ok2 && ok3 && ok4 && ok5) {
		r.fail(key, "does not hold %s, %s, %s and the tables %s and %s", rawSlides, rawMin, rawMax, rawSpots, rawGenes)
		return
	}
	raw := &Raw{Slides: int(slides), SpotMin: lo, SpotMax: hi,
		Total: r.numbers(key+"/"+rawSpots, spots, "total_counts"), Detected: r.numbers(key+"/"+rawSpots, spots, "n_genes_by_counts")}
	key += "/" + rawGenes
	symbol := r.texts(key, genes, "gene_symbol")
	total, n := r.numbers(key, genes, "total_counts"), r.numbers(key, genes, "n_cells_by_counts")
	frac, global := r.numbers(key, genes, "exp_frac"), r.numbers(key, genes, "glob_exp_frac")
	mean, sd := r.numbers(key, genes, "mean_log"), r.numbers(key, genes, "sd_log")
	for j, id := range genes.Index {
		raw.Genes = append(raw.Genes, RawGene{ID: id, Symbol: symbol[j], Total: total[j], Spots: int(n[j]), ExpFrac: frac[j], GlobalFrac: global[j], Mean: mean[j], SD: sd[j]})
	}
	d.Raw = raw
}
