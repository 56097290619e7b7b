package spackle

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/neighbor"
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
// The visible values are therefore too high by log2(N_i/N'_i). That is the
// price of hiding a value for good; completing a real data set does not pay
// it, since then N' = N.
func NewView(ds *spared.Dataset, section int, hidden []bool) (*baseline.View, error) {
	s, err := newTissue(ds, section)
	if err != nil {
		return nil, err
	}
	return s.view(hidden)
}

// tissue is one section of a data set, ready to make views of.
type tissue struct {
	ds     *spared.Dataset
	name   string
	spots  []int // rows of the data set
	counts blas32.General
	x, y   []float64
	six    *neighbor.Graph
}

// nearest is the number of neighbours that the adaptive median steps to.
const nearest = 6

func newTissue(ds *spared.Dataset, section int) (*tissue, error) {
	if section < 0 || section >= len(ds.Sections) {
		return nil, fmt.Errorf("spackle: section %d of %d", section, len(ds.Sections))
	}
	counts, err := ds.Layer(spared.LayerCounts)
	if err != nil {
		return nil, fmt.Errorf("spackle: a view needs raw counts: %w", err)
	}
	n, genes := ds.N()
	if counts.Rows != n || counts.Cols != genes || len(ds.Mask) != n*genes {
		return nil, fmt.Errorf("spackle: counts of %d x %d and a mask of %d entries do not fit %d spots x %d genes", counts.Rows, counts.Cols, len(ds.Mask), n, genes)
	}
	for g := range ds.Genes {
		if l := ds.Genes[g].Length; !(l > 0) || math.IsInf(l, 0) {
			return nil, fmt.Errorf("spackle: gene %s has length %g bp: without lengths there is no TPM", ds.Genes[g].ID, l)
		}
	}
	t := &tissue{ds: ds, name: ds.Sections[section].Name, spots: ds.SpotsOf(section), counts: counts}
	for _, i := range t.spots {
		if err := checkTotal(ds, counts, i); err != nil {
			return nil, err
		}
		t.x, t.y = append(t.x, ds.Spots[i].X), append(t.y, ds.Spots[i].Y)
	}
	if t.six, err = neighbor.KNN(t.x, t.y, nearest); err != nil {
		return nil, fmt.Errorf("spackle: section %s: %w", t.name, err)
	}
	return t, nil
}

// checkTotal returns an error unless spot i's total Σ count/length can be
// true, which it is not where a data set came from elsewhere without it.
func checkTotal(ds *spared.Dataset, counts blas32.General, i int) error {
	own := 0.0
	for g, c := range counts.Data[i*counts.Stride:][:counts.Cols] {
		own += float64(c) / ds.Genes[g].Length
	}
	const rounding = 1e-5 // sums of float32 counts in any order
	if rpk := ds.Spots[i].RPK; !(rpk > 0) || math.IsInf(rpk, 0) || rpk < own*(1-rounding) {
		return fmt.Errorf("spackle: spot %s has a total count/length of %g, its genes alone %g: was the data set made by spared.Build?", ds.Spots[i].ID, rpk, own)
	}
	return nil
}

// view hides the given entries, nil for none.
func (t *tissue) view(hidden []bool) (*baseline.View, error) {
	n, genes := len(t.spots), len(t.ds.Genes)
	if hidden != nil && len(hidden) != n*genes {
		return nil, fmt.Errorf("spackle: %d hidden flags for the %d spots x %d genes of section %s", len(hidden), n, genes, t.name)
	}
	v := &baseline.View{
		Slide:   t.name,
		Values:  blas32.General{Rows: n, Cols: genes, Stride: genes, Data: make([]float32, n*genes)},
		Visible: make([]bool, n*genes),
		Hidden:  hidden,
		X:       t.x, Y: t.y, Six: t.six,
	}
	for k, i := range t.spots {
		counts := t.counts.Data[i*t.counts.Stride:][:genes]
		measured := t.ds.Mask[i*genes : (i+1)*genes]
		total := t.ds.Spots[i].RPK
		for g, c := range counts {
			if hidden == nil || !hidden[k*genes+g] {
				continue
			}
			if !measured[g] {
				return nil, fmt.Errorf("spackle: spot %s, gene %s was not measured and cannot be hidden", t.ds.Spots[i].ID, t.ds.Genes[g].ID)
			}
			total -= float64(c) / t.ds.Genes[g].Length
		}
		total = max(total, 1e-9)
		for g, c := range counts {
			at := k*genes + g
			if measured[g] && (hidden == nil || !hidden[at]) {
				v.Visible[at] = true
				v.Values.Data[at] = float32(math.Log2(1 + 1e6*float64(c)/(t.ds.Genes[g].Length*total)))
			}
		}
	}
	return v, nil
}

// hide draws which measured values of the section's spots in the split are
// hidden. The draw depends on seed, mask number, section and the data set's
// mask only, so all methods meet the same one.
func (t *tissue) hide(section int, split spared.Split, rule Rule, p []float64, seed uint64, mask int) []bool {
	genes := len(t.ds.Genes)
	measured := make([]bool, len(t.spots)*genes)
	for k, i := range t.spots {
		if t.ds.Spots[i].Split == split {
			copy(measured[k*genes:(k+1)*genes], t.ds.Mask[i*genes:(i+1)*genes])
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
