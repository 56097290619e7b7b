package spared

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// GeneID returns an Ensembl id without its version: what comes before the
// first dot. Other ids (symbols such as RP11-34P13.7) are returned as they
// are.
func GeneID(id string) string {
	if base, _, ok := strings.Cut(id, "."); ok && isEnsembl(base) {
		return base
	}
	return id
}

// isEnsembl tells whether an id without version looks like ENSG00000141510 or
// ENSMUSG00000031972: ENS, letters, 11 digits.
func isEnsembl(id string) bool {
	rest, ok := strings.CutPrefix(id, "ENS")
	if !ok || len(rest) < 12 {
		return false
	}
	digits := rest[len(rest)-11:]
	return strings.Trim(digits, "0123456789") == "" && strings.Trim(rest[:len(rest)-11], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// collection is all slides of a recipe below each other, on the genes that
// every slide has. Until the filter has chosen, the slides' own matrices are
// looked at in place: they may be all the memory there is.
type collection struct {
	slides []*slide.Slide
	splits []Split   // of each slide
	place  [][]int32 // [slides][a slide's columns]: index into genes, -1 where the gene is not common
	kept   [][]int   // [slides]: the slide's rows that are kept, rising
	genes  []Gene

	spots  []Spot
	counts *sparse.CSR // [spots][genes], once the genes are filtered
}

// collect joins slides on their common genes (inner join by id without
// version; of ids that repeat within a slide the first counts), in the order
// of the first slide. ids holds the gene ids of each slide. Spots off the
// tissue are left out.
func collect(slides []*slide.Slide, ids [][]string, splits []Split) (*collection, error) {
	c := &collection{slides: slides, splits: splits}
	if c.genes, c.place = commonGenes(slides, ids); len(c.genes) == 0 {
		return nil, fmt.Errorf("spared: the slides %s share no gene id: are they of one organism and annotation?", slideNames(slides))
	}
	for _, s := range slides {
		var rows []int
		for i, in := range s.InTissue {
			if in {
				rows = append(rows, i)
			}
		}
		if len(rows) == 0 {
			return nil, fmt.Errorf("spared: slide %q: none of its %d spots is marked as in tissue", s.Name, len(s.Barcodes))
		}
		c.kept = append(c.kept, rows)
	}
	return c, nil
}

// commonGenes returns the genes whose ids all slides have, in the order of the
// first, and for each slide which of them its columns are.
func commonGenes(slides []*slide.Slide, ids [][]string) (genes []Gene, place [][]int32) {
	first := make([]map[string]int, len(slides)) // gene id -> the first column that has it
	for i := range slides {
		first[i] = make(map[string]int, len(ids[i]))
		for j, id := range ids[i] {
			if _, seen := first[i][id]; !seen && id != "" {
				first[i][id] = j
			}
		}
	}
	place = make([][]int32, len(slides))
	for i := range place {
		place[i] = slices.Repeat([]int32{-1}, len(ids[i]))
	}
	for j, id := range ids[0] {
		if first[0][id] != j || !everywhere(first, id) {
			continue
		}
		for i := range slides {
			place[i][first[i][id]] = int32(len(genes))
		}
		g := slides[0].Genes[j]
		genes = append(genes, Gene{ID: id, Symbol: g.Symbol, Feature: g.Feature, Genome: g.Genome})
	}
	return genes, place
}

func everywhere(first []map[string]int, id string) bool {
	for _, f := range first {
		if _, ok := f[id]; !ok {
			return false
		}
	}
	return id != ""
}

// sizes returns the numbers of spots and of entries with a count, as the
// collection stands.
func (c *collection) sizes() (spots, measured int) {
	if c.counts != nil {
		return c.counts.Rows, nonzero(c.counts.Data)
	}
	for s, rows := range c.kept {
		spots += len(rows)
		for _, r := range rows {
			idx, vals := c.slides[s].Counts.Row(r)
			for k, j := range idx {
				if vals[k] != 0 && c.place[s][j] >= 0 {
					measured++
				}
			}
		}
	}
	return spots, measured
}

func nonzero(v []float32) int {
	n := 0
	for _, x := range v {
		if x != 0 {
			n++
		}
	}
	return n
}

// filterSpots keeps the spots whose counts lie strictly between the limits
// (SpaRED filter_dataset, step 1).
func (c *collection) filterSpots(lo, hi float64) error {
	for s, rows := range c.kept {
		least, most := math.Inf(1), 0.0
		var keep []int
		for _, r := range rows {
			total := c.total(s, r)
			least, most = min(least, total), max(most, total)
			if lo < total && total < hi {
				keep = append(keep, r)
			}
		}
		if len(keep) == 0 {
			return fmt.Errorf("spared: slide %q: no spot is left after filtering: a spot needs more than %g and less than %g counts, this slide's have %g to %g; change the limits (--spot-min, --spot-max)",
				c.slides[s].Name, lo, hi, least, most)
		}
		c.kept[s] = keep
	}
	return nil
}

// total is the sum of the counts of a slide's spot over the common genes.
func (c *collection) total(s, row int) (sum float64) {
	idx, vals := c.slides[s].Counts.Row(row)
	place := c.place[s]
	for k, j := range idx {
		if place[j] >= 0 {
			sum += float64(vals[k])
		}
	}
	return sum
}

// learns tells whether filter and gene choice are learnt from a slide: from
// train slides in Clean order, from all in Released order. A lone slide is
// divided later and is learnt from as a whole.
func (c *collection) learns(s int, o Order) bool {
	return o == Released || c.splits[s] == Train || len(c.slides) == 1
}

// detection sets ExpFrac and GlobalFrac of each gene and returns its sum of
// counts, from the slides that are learnt from (SpaRED get_exp_frac,
// get_glob_exp_frac).
func (c *collection) detection(o Order) (total []float64) {
	total = make([]float64, len(c.genes))
	all, n := make([]int, len(c.genes)), 0
	for j := range c.genes {
		c.genes[j].ExpFrac = 1
	}
	for s, rows := range c.kept {
		if !c.learns(s, o) {
			continue
		}
		detected := make([]int, len(c.genes))
		for _, r := range rows {
			idx, vals := c.slides[s].Counts.Row(r)
			for k, j := range idx {
				if g := c.place[s][j]; g >= 0 && vals[k] > 0 {
					detected[g]++
					total[g] += float64(vals[k])
				}
			}
		}
		n += len(rows)
		for j, d := range detected {
			all[j] += d
			c.genes[j].ExpFrac = min(c.genes[j].ExpFrac, float64(d)/float64(len(rows)))
		}
	}
	for j := range c.genes {
		c.genes[j].GlobalFrac = float64(all[j]) / float64(n)
	}
	return total
}

// chooseFiltered returns the genes of SpaRED's filter_dataset, step 3: those
// whose counts lie strictly between the limits, sorted by ExpFrac (falling,
// ties by id), up to the last one at which the running mean of GlobalFrac is
// still at least share. Upstream breaks ties by an unstable sort; by id is
// this library's choice.
func (c *collection) chooseFiltered(total []float64, r Recipe) ([]int, error) {
	var cols []int
	for j, t := range total {
		if r.GeneMin < t && t < r.GeneMax {
			cols = append(cols, j)
		}
	}
	if len(cols) == 0 {
		return nil, fmt.Errorf("spared: no gene is left after filtering: none has more than %g and less than %g counts; change the limits (--gene-min, --gene-max)", r.GeneMin, r.GeneMax)
	}
	slices.SortFunc(cols, func(a, b int) int {
		return cmp.Or(cmp.Compare(c.genes[b].ExpFrac, c.genes[a].ExpFrac), cmp.Compare(c.genes[a].ID, c.genes[b].ID))
	})
	keep, sum, best := 0, 0.0, 0.0
	for k, j := range cols {
		sum += c.genes[j].GlobalFrac
		mean := sum / float64(k+1)
		best = max(best, mean)
		if mean >= r.RealShare {
			keep = k + 1
		}
	}
	if keep == 0 {
		return nil, fmt.Errorf("spared: no set of genes is measured in %.0f %% of the spots: the best reaches %.0f %%; ask for less (--real-share)", 100*r.RealShare, 100*best)
	}
	return cols[:keep], nil
}

// chooseListed returns the genes of a list of ids or symbols (SpaRED's
// wildcard_genes) and how many of the list no gene answers to.
func (c *collection) chooseListed(list []string) (cols []int, unknown []string, err error) {
	byID, bySymbol := map[string]int{}, map[string]int{}
	for j := range c.genes {
		byID[c.genes[j].ID] = j
		if _, seen := bySymbol[c.genes[j].Symbol]; !seen {
			bySymbol[c.genes[j].Symbol] = j
		}
	}
	for _, name := range list {
		j, ok := byID[GeneID(name)]
		if !ok {
			j, ok = bySymbol[name]
		}
		switch {
		case !ok:
			unknown = append(unknown, name)
		case !slices.Contains(cols, j):
			cols = append(cols, j)
		}
	}
	if len(cols) == 0 {
		return nil, nil, fmt.Errorf("spared: none of the %d genes of the list (first: %q) is a gene of all slides (first: %s)", len(list), list[0], c.genes[0].ID)
	}
	return cols, unknown, nil
}

// keepFiltered makes the matrix of the kept spots and the given genes, by
// rising id. The slides' own counts are not needed any more.
func (c *collection) keepFiltered(cols []int) error {
	slices.SortFunc(cols, func(a, b int) int { return cmp.Compare(c.genes[a].ID, c.genes[b].ID) })
	parts := make([]*sparse.CSR, len(c.slides))
	for s, rows := range c.kept {
		column := make([]int, len(c.genes)) // of each gene in the slide
		for j, g := range c.place[s] {
			if g >= 0 {
				column[g] = j
			}
		}
		own := make([]int, len(cols))
		for k, j := range cols {
			own[k] = column[j]
		}
		parts[s] = c.slides[s].Counts.Select(rows, own)
		c.addSpots(s, rows)
	}
	genes := make([]Gene, len(cols))
	for k, j := range cols {
		genes[k] = c.genes[j]
	}
	c.genes, c.place, c.kept = genes, nil, nil
	var err error
	c.counts, err = sparse.Stack(parts...)
	return err
}

func (c *collection) addSpots(s int, rows []int) {
	from := c.slides[s]
	for _, r := range rows {
		c.spots = append(c.spots, Spot{
			ID: from.Name + "_" + from.Barcodes[r], Barcode: from.Barcodes[r], Slide: s, Split: c.splits[s],
			ArrayRow: from.ArrayRow[r], ArrayCol: from.ArrayCol[r], X: from.X[r], Y: from.Y[r],
		})
	}
}

// keepSpots keeps the given spots, in order.
func (c *collection) keepSpots(rows []int) {
	if len(rows) == len(c.spots) {
		return
	}
	c.counts = c.counts.Select(rows, nil)
	spots := make([]Spot, len(rows))
	for i, r := range rows {
		spots[i] = c.spots[r]
	}
	c.spots = spots
}

// keepGenes keeps the given genes, in order.
func (c *collection) keepGenes(cols []int) {
	c.counts = c.counts.Select(nil, cols)
	genes := make([]Gene, len(cols))
	for j, g := range cols {
		genes[j] = c.genes[g]
	}
	c.genes = genes
}

// dropEmpty drops the spots without a count in the kept genes (SpaRED
// filter_dataset, step 4).
func (c *collection) dropEmpty() error {
	var rows []int
	left := make([]int, len(c.slides))
	for i, t := range c.counts.RowSums() {
		if t > 0 {
			rows = append(rows, i)
			left[c.spots[i].Slide]++
		}
	}
	for s, n := range left {
		if n == 0 {
			return fmt.Errorf("spared: slide %q: no spot is left after filtering: none has a count in the %d kept genes", c.slides[s].Name, len(c.genes))
		}
	}
	c.keepSpots(rows)
	return nil
}

// totals sets the quality measures of spots and genes that scanpy's
// calculate_qc_metrics gives (SpaRED filter_dataset, step 5).
func (c *collection) totals() {
	total := c.counts.RowSums()
	for i := range c.spots {
		_, vals := c.counts.Row(i)
		c.spots[i].TotalCounts, c.spots[i].GenesDetected = total[i], nonzero(vals)
	}
	sum, detected := c.counts.ColSums()
	for j := range c.genes {
		c.genes[j].Total, c.genes[j].Detected = sum[j], detected[j]
	}
}
