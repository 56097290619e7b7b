package spared

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// GeneID returns an Ensembl id without its version: what comes before the
// first dot.
func GeneID(id string) string {
	base, _, _ := strings.Cut(id, ".")
	return base
}

// collection is all slides of a recipe below each other, on the genes that
// every slide has.
type collection struct {
	slides []*slide.Slide
	counts *sparse.CSR // [spots][genes]
	spots  []Spot
	genes  []Gene
}

// collect joins slides on their common genes (inner join by id without
// version; of ids that repeat within a slide the first counts), sorted by id.
func collect(slides []*slide.Slide, splits []Split) (*collection, error) {
	place := make([]map[string]int, len(slides)) // gene id -> column
	for i, s := range slides {
		place[i] = make(map[string]int, len(s.Genes))
		for j, g := range s.Genes {
			id := GeneID(g.ID)
			if _, seen := place[i][id]; !seen && id != "" {
				place[i][id] = j
			}
		}
	}
	c := &collection{slides: slides}
	for _, g := range slides[0].Genes {
		id := GeneID(g.ID)
		if slides[0].Genes[place[0][id]] != g {
			continue // a later repeat of the id
		}
		if everywhere(place[1:], id) {
			c.genes = append(c.genes, Gene{ID: id, Symbol: g.Symbol})
		}
	}
	if len(c.genes) == 0 {
		return nil, fmt.Errorf("spared: the slides %s share no gene id: are they of one organism and annotation?", slideNames(slides))
	}
	slices.SortFunc(c.genes, func(a, b Gene) int { return cmp.Compare(a.ID, b.ID) })
	parts := make([]*sparse.CSR, len(slides))
	for i, s := range slides {
		cols := make([]int, len(c.genes))
		for j, g := range c.genes {
			cols[j] = place[i][g.ID]
		}
		parts[i] = s.Counts.Select(nil, cols)
		for k, barcode := range s.Barcodes {
			c.spots = append(c.spots, Spot{
				ID: s.Name + "_" + barcode, Barcode: barcode, Slide: i, Split: splits[i],
				ArrayRow: s.ArrayRow[k], ArrayCol: s.ArrayCol[k], X: s.X[k], Y: s.Y[k],
			})
		}
	}
	var err error
	c.counts, err = sparse.Stack(parts...)
	return c, err
}

func everywhere(place []map[string]int, id string) bool {
	for _, p := range place {
		if _, ok := p[id]; !ok {
			return false
		}
	}
	return true
}

// keepSpots keeps the given spots, in order.
func (c *collection) keepSpots(rows []int) {
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

// filterSpots keeps the spots whose counts lie strictly between the limits
// (SpaRED filter_dataset, step 1).
func (c *collection) filterSpots(lo, hi float64) error {
	total := c.counts.RowSums()
	var rows []int
	for i, t := range total {
		if lo < t && t < hi {
			rows = append(rows, i)
		}
	}
	left := make([]int, len(c.slides))
	for _, r := range rows {
		left[c.spots[r].Slide]++
	}
	for s, n := range left {
		if n == 0 {
			return fmt.Errorf("spared: slide %q: no spot is left after filtering: a spot needs more than %g and less than %g counts, this slide's have %s; change the limits (--spot-min, --spot-max)",
				c.slides[s].Name, lo, hi, c.countRange(total, s))
		}
	}
	c.keepSpots(rows)
	return nil
}

// countRange words the least and greatest total of a slide's spots.
func (c *collection) countRange(total []float64, s int) string {
	lo, hi, n := 0.0, 0.0, 0
	for i, t := range total {
		if c.spots[i].Slide != s {
			continue
		}
		if n == 0 || t < lo {
			lo = t
		}
		hi = max(hi, t)
		n++
	}
	if n == 0 {
		return "no spots at all"
	}
	return fmt.Sprintf("%g to %g", lo, hi)
}

// learnFrom returns the spots that filter and gene choice are learnt from:
// the train spots in Clean order, all of them in Released order.
func (c *collection) learnFrom(o Order) []int {
	var rows []int
	for i := range c.spots {
		if o == Released || c.spots[i].Split == Train {
			rows = append(rows, i)
		}
	}
	return rows
}

// detection sets ExpFrac and GlobalFrac of each gene from the given spots.
func (c *collection) detection(rows []int) {
	spots := make([]int, len(c.slides))
	detected := make([][]int, len(c.slides))
	for _, i := range rows {
		s := c.spots[i].Slide
		spots[s]++
		if detected[s] == nil {
			detected[s] = make([]int, len(c.genes))
		}
		idx, vals := c.counts.Row(i)
		for k, g := range idx {
			if vals[k] > 0 {
				detected[s][g]++
			}
		}
	}
	for j := range c.genes {
		least, all := 1.0, 0
		for s, n := range spots {
			if n == 0 {
				continue
			}
			least = min(least, float64(detected[s][j])/float64(n))
			all += detected[s][j]
		}
		c.genes[j].ExpFrac, c.genes[j].GlobalFrac = least, float64(all)/float64(len(rows))
	}
}

// filterGenes keeps the genes of SpaRED's filter_dataset, step 3: those whose
// counts lie strictly between the limits, sorted by ExpFrac (falling, ties by
// id), up to the last one at which the running mean of GlobalFrac is still at
// least share. Upstream breaks ties by an unstable sort; by id is this
// library's choice.
func (c *collection) filterGenes(rows []int, r Recipe) error {
	c.detection(rows)
	total, _ := c.counts.Select(rows, nil).ColSums()
	var cols []int
	for j, t := range total {
		if r.GeneMin < t && t < r.GeneMax {
			cols = append(cols, j)
		}
	}
	if len(cols) == 0 {
		return fmt.Errorf("spared: no gene is left after filtering: none has more than %g and less than %g counts; change the limits (--gene-min, --gene-max)", r.GeneMin, r.GeneMax)
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
		return fmt.Errorf("spared: no set of genes is measured in %.0f %% of the spots: the best reaches %.0f %%; ask for less (--real-share)", 100*r.RealShare, 100*best)
	}
	cols = cols[:keep]
	slices.Sort(cols) // ids rise again
	c.keepGenes(cols)
	return nil
}

// dropEmpty drops the spots without a count in the kept genes and sets each
// spot's and gene's totals (SpaRED filter_dataset, steps 4 and 5).
func (c *collection) dropEmpty() error {
	total := c.counts.RowSums()
	var rows []int
	left := make([]int, len(c.slides))
	for i, t := range total {
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
	c.totals()
	return nil
}

func (c *collection) totals() {
	total := c.counts.RowSums()
	for i := range c.spots {
		_, vals := c.counts.Row(i)
		n := 0
		for _, v := range vals {
			if v > 0 {
				n++
			}
		}
		c.spots[i].TotalCounts, c.spots[i].GenesDetected = total[i], n
	}
	sum, nonzero := c.counts.ColSums()
	for j := range c.genes {
		c.genes[j].Total, c.genes[j].Detected = sum[j], nonzero[j]
	}
}
