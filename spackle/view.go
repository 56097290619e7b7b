package spackle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// NewView returns what a completer may see of one section (an index into
// ds.Sections) when some of its measured values are hidden. hidden is
// [spots of the section][genes] row-major, spots in the order of
// ds.SpotsOf(section); it may mark measured values only. Nil hides nothing:
// the view of one who completes what was never measured.
//
// Nothing hidden is left in the view. In particular TPM is relative to a
// spot's total, which holds the hidden counts too, so the visible values are
// normalised anew, by what is visible: with c the count of gene g of length
// L_g (bp) and N_i = Σ c/L over all genes that passed the filter (Spot.RPK),
//
//	N'_i = N_i - Σ_hidden c_ig/L_g                  (at least 1e-9)
//	x'_ig = log2(1 + 1e6·c_ig / (L_g·N'_i))         on visible entries, else 0
//
// (that is under TPM; other normalizations likewise, with L_g = 1).
// The visible values are therefore too high by log2(N_i/N'_i). That is the
// price of hiding a value for good; completing a real data set does not pay
// it, since then N' = N.
//
// Beside the genes to complete the view shows the others of the data set's
// panel (Dataset.PanelCounts), by rising id: their counts (Rest), ids and sizes.
// Of a panel with more than 1,000 others it shows those that are detected in
// the largest share of spots (PanelGene.GlobalFrac); Depth is the sum over all
// of them either way. Where there are no such counts, or no other genes, there is
// no Rest, and Depth is what Spot.TotalCounts has beyond the view's genes.
//
// Features is the matrix of obsm whose name begins with "embeddings_", as
// SpaRED names an image network's output for each spot's patch. Where there are
// several, nobody says which, and Features is empty.
func NewView(ds *spared.Dataset, section int, hidden []bool) (*baseline.View, error) {
	if section < 0 || section >= len(ds.Sections) {
		return nil, fmt.Errorf("spackle: section %d of %d", section, len(ds.Sections))
	}
	t, err := newTissue(ds, section, ds.SpotsOf(section), nil)
	if err != nil {
		return nil, err
	}
	return t.view(hidden)
}

// TrainViews returns what methods learn from: for each section with train
// spots a view of those spots alone, of which nothing is hidden.
func TrainViews(ds *spared.Dataset) ([]*baseline.View, error) { return trainViews(ds, nil) }

func trainViews(ds *spared.Dataset, genes []int) ([]*baseline.View, error) {
	var views []*baseline.View
	for s := range ds.Sections {
		var spots []int
		for _, i := range ds.SpotsOf(s) {
			if ds.Spots[i].Split == spared.Train {
				spots = append(spots, i)
			}
		}
		if len(spots) == 0 {
			continue
		}
		t, err := newTissue(ds, s, spots, genes)
		if err != nil {
			return nil, err
		}
		v, err := t.view(nil)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

// tissue is one section of a data set, ready to make views of.
type tissue struct {
	ds    *spared.Dataset
	spots []int          // rows of the data set
	genes []int          // columns of the data set that views have
	whole *baseline.View // of which nothing is hidden
}

// newTissue takes some spots of a section. Views have the given genes, nil for
// all; the others are the rest that a view shows beside them.
func newTissue(ds *spared.Dataset, section int, spots, genes []int) (*tissue, error) {
	counts, err := rawCounts(ds, "a view needs raw counts")
	if err != nil {
		return nil, err
	}
	for g := range ds.Genes {
		if l := ds.GeneSize(g); !(l > 0) || !finite(l) {
			return nil, fmt.Errorf("spackle: gene %s has length %g bp: without lengths there is no TPM", ds.Genes[g].ID, l)
		}
	}
	if genes == nil {
		genes = indices(len(ds.Genes))
	}
	t := &tissue{ds: ds, spots: spots, genes: genes}
	v := &baseline.View{Slide: ds.Sections[section].Name, Norm: ds.Normalization()}
	for _, i := range t.spots {
		if err := checkCounts(ds, counts, i); err != nil {
			return nil, err
		}
		v.X, v.Y = append(v.X, ds.Spots[i].X), append(v.Y, ds.Spots[i].Y)
	}
	if v.Graph, err = ds.GraphOf(t.spots); err != nil {
		return nil, fmt.Errorf("spackle: section %s: %w", v.Slide, err)
	}
	t.whole = v
	t.fill(counts)
	if err := cmp.Or(t.fillRest(counts), t.fillFeatures()); err != nil {
		return nil, err
	}
	return t, nil
}

// logOf is the value that a count has on the scale of log1p: of a gene of a
// size, in a spot of a total.
func logOf(norm spared.Normalization, count float32, size, total float64) float32 {
	return float32(norm.Log(norm.Value(float64(count), size, total)))
}

// fill sets what the view shows of the counts of its own genes.
func (t *tissue) fill(counts blas32.General) {
	v, ds := t.whole, t.ds
	n, genes := len(t.spots), len(t.genes)
	v.Visible = make([]bool, n*genes)
	v.Values = matrix(n, genes)
	v.Counts, v.Sizes, v.Genes = v.Empty(), make([]float64, genes), make([]string, genes)
	v.Totals = make([]float64, n)
	for k, g := range t.genes {
		v.Genes[k], v.Sizes[k] = ds.Genes[g].ID, ds.GeneSize(g)
	}
	for k, i := range t.spots {
		row := counts.Data[i*counts.Stride:][:counts.Cols]
		v.Totals[k] = ds.Spots[i].RPK
		for m, g := range t.genes {
			c, at := row[g], k*genes+m
			if ds.Mask[i*len(ds.Genes)+g] {
				v.Visible[at], v.Counts.Data[at] = true, c
				v.Values.Data[at] = logOf(v.Norm, c, v.Sizes[m], v.Totals[k])
			}
		}
	}
}

// maxRest is the most genes that a view shows beside its own: they take time and
// memory of the factor model, spots x genes, and rarely detected ones tell it
// little. Of a panel of 3,621 genes (hippo, --real-share 0.35, p30, one thread)
// 1, 250, 500, 1,000, 1,500 and all 3,493 others gave an error of .527, .509,
// .506, .501, .500 and .498 in 1.3, 2.7, 4.0, 7.0, 9.5 and 22 s.
const maxRest = 1000

// fillRest sets what the view shows beside its own genes.
func (t *tissue) fillRest(counts blas32.General) error {
	v, ds := t.whole, t.ds
	v.Depth = make([]float64, len(t.spots))
	if m := ds.PanelCounts; m != nil {
		if m.Rows != len(ds.Spots) || m.Cols != len(ds.Panel) {
			return fmt.Errorf("spackle: the panel's counts are %d x %d for %d spots x %d genes of the panel", m.Rows, m.Cols, len(ds.Spots), len(ds.Panel))
		}
		if others := t.othersOfPanel(); len(others) > 0 {
			return t.restOfPanel(others)
		}
	}
	t.restOfGenes(counts)
	return nil
}

// othersOfPanel returns the columns of the panel that are not the view's genes.
func (t *tissue) othersOfPanel() []int {
	own := make(map[string]bool, len(t.genes))
	for _, id := range t.whole.Genes {
		own[id] = true
	}
	var others []int
	for j := range t.ds.Panel {
		if !own[t.ds.Panel[j].ID] {
			others = append(others, j)
		}
	}
	return others
}

// restOfPanel shows the given genes of the panel, as far as there is room, and
// sums up all of them.
func (t *tissue) restOfPanel(others []int) error {
	const own, beyond = -2, -1 // in place of a column of Rest
	v, ds := t.whole, t.ds
	place := slices.Repeat([]int32{own}, len(ds.Panel))
	for _, j := range others {
		place[j] = beyond
	}
	shown := mostDetected(ds.Panel, others, maxRest)
	for m, j := range shown {
		size := ds.PanelSize(j)
		if !(size > 0) || !finite(size) {
			return fmt.Errorf("spackle: gene %s of the panel has length %g bp: was the data set made by spared.Build?", ds.Panel[j].ID, size)
		}
		place[j] = int32(m)
		v.RestGenes, v.RestSizes = append(v.RestGenes, ds.Panel[j].ID), append(v.RestSizes, size)
	}
	v.Rest = matrix(len(t.spots), len(shown))
	for k, i := range t.spots {
		row := v.Rest.Data[k*v.Rest.Stride:][:len(shown)]
		genes, counts := ds.PanelCounts.Row(i)
		for m, j := range genes {
			p := place[j]
			if p == own {
				continue
			}
			v.Depth[k] += float64(counts[m])
			if p != beyond {
				row[p] = counts[m]
			}
		}
	}
	return nil
}

// mostDetected returns the given genes of the panel, rising, or the most widely
// detected of them where they are more than most; equal ones by their order.
func mostDetected(panel []spared.PanelGene, genes []int, most int) []int {
	if len(genes) <= most {
		return genes
	}
	ranked := slices.Clone(genes)
	slices.SortStableFunc(ranked, func(a, b int) int { return cmp.Compare(panel[b].GlobalFrac, panel[a].GlobalFrac) })
	ranked = ranked[:most]
	slices.Sort(ranked)
	return ranked
}

// restOfGenes shows those genes of the data set that are not the view's.
func (t *tissue) restOfGenes(counts blas32.General) {
	v, ds := t.whole, t.ds
	rest := others(len(ds.Genes), t.genes)
	for _, g := range rest {
		v.RestGenes, v.RestSizes = append(v.RestGenes, ds.Genes[g].ID), append(v.RestSizes, ds.GeneSize(g))
	}
	v.Rest = matrix(len(t.spots), len(rest))
	for k, i := range t.spots {
		row := counts.Data[i*counts.Stride:][:counts.Cols]
		for m, g := range rest {
			v.Rest.Data[k*len(rest)+m] = row[g]
			v.Depth[k] += float64(row[g])
		}
		if len(rest) == 0 { // the total counts genes without a length too, mitochondrial ones among them
			v.Depth[k] = ds.Spots[i].TotalCounts
			for _, g := range t.genes {
				v.Depth[k] -= float64(row[g])
			}
			v.Depth[k] = max(v.Depth[k], 0) // data sets made elsewhere may not have the total
		}
	}
}

// featurePrefix begins the name of a matrix of obsm that an image network made.
const featurePrefix = "embeddings_"

// fillFeatures shows the one embedding of the spots' patches that the data set
// has.
func (t *tissue) fillFeatures() error {
	var names []string
	for name := range t.ds.Obsm {
		if strings.HasPrefix(name, featurePrefix) {
			names = append(names, name)
		}
	}
	if len(names) != 1 {
		return nil
	}
	from := t.ds.Obsm[names[0]]
	if from.Rows != len(t.ds.Spots) || from.Stride < from.Cols || from.Rows > 0 && len(from.Data) < (from.Rows-1)*from.Stride+from.Cols {
		return fmt.Errorf("spackle: obsm %q is %d x %d for %d spots", names[0], from.Rows, from.Cols, len(t.ds.Spots))
	}
	to := matrix(len(t.spots), from.Cols)
	for k, i := range t.spots {
		row := from.Data[i*from.Stride:][:from.Cols]
		for _, x := range row {
			if !finite(x) {
				return fmt.Errorf("spackle: obsm %q holds %g at spot %s: want finite numbers, or remove it", names[0], x, t.ds.Spots[i].ID)
			}
		}
		copy(to.Data[k*to.Stride:], row)
	}
	t.whole.Features = to
	return nil
}

// checkCounts returns an error unless the counts of spot i are counts and its
// total Σ count/length can be true, which it is not where a data set came from
// elsewhere without it.
func checkCounts(ds *spared.Dataset, counts blas32.General, i int) error {
	own := 0.0
	for g, c := range counts.Data[i*counts.Stride:][:counts.Cols] {
		switch measured := ds.Mask[i*counts.Cols+g]; {
		case !(c >= 0) || !finite(c):
			return fmt.Errorf("spackle: layer counts holds %g at spot %s, gene %s: want 0 or more", c, ds.Spots[i].ID, ds.Genes[g].ID)
		case measured && c == 0:
			return fmt.Errorf("spackle: spot %s, gene %s: the mask says measured, the layer counts 0: was the data set made by spared.Build?", ds.Spots[i].ID, ds.Genes[g].ID)
		}
		own += float64(c) / ds.GeneSize(g)
	}
	const rounding = 1e-5 // sums of float32 counts in any order
	if rpk := ds.Spots[i].RPK; !(rpk > 0) || !finite(rpk) || rpk < own*(1-rounding) {
		return fmt.Errorf("spackle: spot %s has a total count/length of %g, its genes alone %g: was the data set made by spared.Build?", ds.Spots[i].ID, rpk, own)
	}
	return nil
}

// view hides the given entries of the tissue, nil for none.
func (t *tissue) view(hidden []bool) (*baseline.View, error) {
	if hidden == nil {
		v := *t.whole
		return &v, nil
	}
	v, err := t.whole.Hide(hidden)
	if err != nil {
		return nil, fmt.Errorf("spackle: %w", err)
	}
	return v, nil
}

// hide draws which measured values of the section's spots in the split are
// hidden. The draw depends on seed, mask number, section and the data set's
// mask only, so all methods meet the same one.
func (t *tissue) hide(section int, split spared.Split, rule Rule, p []float64, seed uint64, mask int) []bool {
	genes := len(t.genes)
	measured := make([]bool, len(t.spots)*genes)
	for k, i := range t.spots {
		if t.ds.Spots[i].Split == split {
			copy(measured[k*genes:(k+1)*genes], t.whole.Visible[k*genes:])
		}
	}
	return rule.Draw(keyed("hide", seed, mask, section), measured, p, genes)
}
