package explore

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/moran"
)

// Marker is one gene in the comparison of two groups of spots.
type Marker struct {
	Gene       int     // index into the data set
	Score      float64 // z of the rank sum, positive where the first group has more
	Difference float64 // of the groups' means, in the unit of the layer: a log2 fold change under log2(TPM+1)
	P          float64 // two-sided
	Q          float64 // P adjusted for the number of genes (Benjamini and Hochberg 1995)
}

// Markers compares two groups of spots gene by gene in a layer by the rank-sum
// test of Wilcoxon (1945), with R the sum of the ranks of the first group's n
// spots among all N = n + m, equal values sharing the mean of their ranks,
//
//	z = (R - n(N+1)/2) / √(n·m/12 · ((N+1) - Σ(t³-t)/(N(N-1))))
//
// t the sizes of the sets of equal values. Genes come by falling |z|, equal ones
// by their order. It is what scanpy's rank_genes_groups computes as "wilcoxon" with
// tie_correct, which is off there by default: without it many zeros make z too
// small.
//
// The spots of one slide are not independent of each other, and the groups are
// often made from the same values that are compared: take P as a way to order
// genes, not as a probability. Groups must not be empty, nor share a spot.
func Markers(d *spared.Dataset, layer string, a, b []int) ([]Marker, error) {
	m, err := d.Layer(layer)
	if err != nil {
		return nil, err
	}
	if len(a) == 0 || len(b) == 0 {
		return nil, fmt.Errorf("explore: groups of %d and %d spots cannot be compared", len(a), len(b))
	}
	group := make(map[int]bool, len(a)+len(b)) // whether a spot is in the first group
	for k, i := range slices.Concat(a, b) {
		if i < 0 || i >= m.Rows {
			return nil, fmt.Errorf("explore: spot %d of %d", i, m.Rows)
		}
		if _, twice := group[i]; twice {
			return nil, fmt.Errorf("explore: spot %s is twice in the groups", d.Spots[i].ID)
		}
		group[i] = k < len(a)
	}
	markers := make([]Marker, m.Cols)
	p := make([]float64, m.Cols)
	values := make([]ranked, len(group))
	for g := range markers {
		for k, i := range a {
			values[k] = ranked{m.Data[i*m.Stride+g], true}
		}
		for k, i := range b {
			values[len(a)+k] = ranked{m.Data[i*m.Stride+g], false}
		}
		z, difference := rankSum(values, len(a))
		p[g] = math.Erfc(math.Abs(z) / math.Sqrt2)
		markers[g] = Marker{Gene: g, Score: z, Difference: difference, P: p[g]}
	}
	for g, q := range moran.BenjaminiHochberg(p) {
		markers[g].Q = q
	}
	slices.SortStableFunc(markers, func(a, b Marker) int { return cmp.Compare(math.Abs(b.Score), math.Abs(a.Score)) })
	return markers, nil
}

// Region is a group of spots by its name.
type Region struct {
	Name  string
	Spots []int // rows of the data set, rising
}

// Regions returns the groups of spots that a column of obs makes ("" =
// [KeyCluster]), the largest first, equal ones by name; nil where there is no
// such column.
func Regions(d *spared.Dataset, key string) []Region {
	var regions []Region
	at := map[string]int{}
	for i, name := range Clusters(d, key) {
		k, ok := at[name]
		if !ok {
			k = len(regions)
			at[name], regions = k, append(regions, Region{Name: name})
		}
		regions[k].Spots = append(regions[k].Spots, i)
	}
	slices.SortFunc(regions, func(a, b Region) int {
		return cmp.Or(cmp.Compare(len(b.Spots), len(a.Spots)), cmp.Compare(a.Name, b.Name))
	})
	return regions
}

// ranked is a value and whether it is of the first group.
type ranked struct {
	value float32
	first bool
}

// rankSum returns z of [Markers], 0 where all values are equal, and the
// difference of the means. It sorts values; the first group has n of them.
func rankSum(values []ranked, n int) (z, difference float64) {
	slices.SortFunc(values, func(a, b ranked) int { return cmp.Compare(a.value, b.value) })
	var ranks, ties, sumA, sumB float64
	for lo := 0; lo < len(values); {
		hi := lo
		for hi < len(values) && values[hi].value == values[lo].value {
			hi++
		}
		rank := float64(lo+hi+1) / 2
		for _, v := range values[lo:hi] {
			if v.first {
				ranks, sumA = ranks+rank, sumA+float64(v.value)
			} else {
				sumB += float64(v.value)
			}
		}
		t := float64(hi - lo)
		ties += t*t*t - t
		lo = hi
	}
	a, all := float64(n), float64(len(values))
	b := all - a
	difference = sumA/a - sumB/b
	variance := a * b / 12 * (all + 1 - ties/(all*(all-1)))
	if !(variance > 1e-12*a*b*all) {
		return 0, difference
	}
	return (ranks - a*(all+1)/2) / math.Sqrt(variance), difference
}
