package spackle

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

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
// (that is under TPM; other normalizations likewise, with L_g = 1).//
// The visible values are therefore too high by log2(N_i/N'_i). That is the
// price of hiding a value for good; completing a real data set does not pay
// it, since then N' = N.
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
	counts, err := ds.Layer(spared.LayerCounts)
	if err != nil {
		return nil, fmt.Errorf("spackle: a view needs raw counts: %w", err)
	}
	n, all := ds.N()
	if counts.Rows != n || counts.Cols != all || len(ds.Mask) != n*all {
		return nil, fmt.Errorf("spackle: counts of %d x %d and a mask of %d entries do not fit %d spots x %d genes", counts.Rows, counts.Cols, len(ds.Mask), n, all)
	}
	for g := range ds.Genes {
		if l := ds.GeneSize(g); !(l > 0) || math.IsInf(l, 0) {
			return nil, fmt.Errorf("spackle: gene %s has length %g bp: without lengths there is no TPM", ds.Genes[g].ID, l)
		}
	}
	if genes == nil {
		genes = indices(all)
	}
	t := &tissue{ds: ds, spots: spots, genes: genes}
	v := &baseline.View{Slide: ds.Sections[section].Name, Norm: ds.Normalization()}
	for _, i := range t.spots {
		if err := checkTotal(ds, counts, i); err != nil {
			return nil, err
		}
		v.X, v.Y = append(v.X, ds.Spots[i].X), append(v.Y, ds.Spots[i].Y)
	}
	if v.Graph, err = ds.GraphOf(t.spots); err != nil {
		return nil, fmt.Errorf("spackle: section %s: %w", v.Slide, err)
	}
	t.whole = v
	t.fill(counts)
	return t, nil
}

// fill sets what the view shows of counts.
func (t *tissue) fill(counts blas32.General) {
	v, ds := t.whole, t.ds
	n, genes := len(t.spots), len(t.genes)
	v.Visible = make([]bool, n*genes)
	v.Values = matrix(n, genes)
	v.Counts, v.Sizes = v.Empty(), make([]float64, genes)
	v.Totals, v.Depth = make([]float64, n), make([]float64, n)
	for k, g := range t.genes {
		v.Sizes[k] = ds.GeneSize(g)
	}
	rest := others(len(ds.Genes), t.genes)
	v.Rest = matrix(n, len(rest))
	for k, i := range t.spots {
		row := counts.Data[i*counts.Stride:][:counts.Cols]
		v.Totals[k], v.Depth[k] = ds.Spots[i].RPK, ds.Spots[i].TotalCounts
		for m, g := range t.genes {
			c, at := row[g], k*genes+m
			v.Depth[k] -= float64(c)
			if ds.Mask[i*len(ds.Genes)+g] {
				v.Visible[at], v.Counts.Data[at] = true, c
				v.Values.Data[at] = float32(v.Norm.Log(v.Norm.Value(float64(c), v.Sizes[m], v.Totals[k])))
			}
		}
		for m, g := range rest {
			v.Rest.Data[k*len(rest)+m] = row[g]
		}
		if len(rest) > 0 { // the total also counts genes without a length, mitochondrial ones among them
			v.Depth[k] = 0
			for _, c := range v.Rest.Data[k*len(rest):][:len(rest)] {
				v.Depth[k] += float64(c)
			}
		}
		v.Depth[k] = max(v.Depth[k], 0) // data sets made elsewhere may not have the total
	}
}

func matrix(rows, cols int) blas32.General {
	return blas32.General{Rows: rows, Cols: cols, Stride: max(cols, 1), Data: make([]float32, rows*cols)}
}

// others returns the numbers below n that are not in some, rising.
func others(n int, some []int) []int {
	in := make([]bool, n)
	for _, g := range some {
		in[g] = true
	}
	var rest []int
	for g, in := range in {
		if !in {
			rest = append(rest, g)
		}
	}
	return rest
}

// checkTotal returns an error unless spot i's total Σ count/length can be
// true, which it is not where a data set came from elsewhere without it.
func checkTotal(ds *spared.Dataset, counts blas32.General, i int) error {
	own := 0.0
	for g, c := range counts.Data[i*counts.Stride:][:counts.Cols] {
		own += float64(c) / ds.GeneSize(g)
	}
	const rounding = 1e-5 // sums of float32 counts in any order
	if rpk := ds.Spots[i].RPK; !(rpk > 0) || math.IsInf(rpk, 0) || rpk < own*(1-rounding) {
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
	return rule.Draw(drawSource(seed, mask, section), measured, p, genes)
}

// drawSource is the source of one draw. ChaCha8 keyed by all three numbers
// makes the draws independent of each other and of their order.
func drawSource(seed uint64, mask, section int) *rand.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(mask))
	binary.LittleEndian.PutUint64(key[16:], uint64(section))
	copy(key[24:], "hide")
	return rand.New(rand.NewChaCha8(key))
}

// detectedInTrain returns, per gene, the share of train spots with a count.
func detectedInTrain(ds *spared.Dataset) []float64 {
	train, genes := ds.SpotsIn(spared.Train), len(ds.Genes)
	f := make([]float64, genes)
	for _, i := range train {
		for g, m := range ds.Mask[i*genes : (i+1)*genes] {
			if m {
				f[g]++
			}
		}
	}
	for g := range f {
		f[g] /= float64(max(len(train), 1))
	}
	return f
}
