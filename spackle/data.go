package spackle

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// What this package takes from a data set, checked, and the little that it does
// with matrices.

// checkData returns an error unless the parts of a data set that this package
// uses fit together.
func checkData(ds *spared.Dataset) error {
	n, genes := ds.N()
	if n == 0 || genes == 0 {
		return fmt.Errorf("spackle: a data set of %d spots and %d genes", n, genes)
	}
	if len(ds.Mask) != n*genes {
		return fmt.Errorf("spackle: a mask of %d entries for %d spots x %d genes", len(ds.Mask), n, genes)
	}
	return nil
}

// rawCounts returns the layer of counts, checked to fit spots, genes and mask.
// need says for an error what they are needed for.
func rawCounts(ds *spared.Dataset, need string) (blas32.General, error) {
	counts, err := ds.Layer(spared.LayerCounts)
	if err != nil {
		return counts, fmt.Errorf("spackle: %s: %w", need, err)
	}
	if n, genes := ds.N(); counts.Rows != n || counts.Cols != genes || len(ds.Mask) != n*genes {
		return counts, fmt.Errorf("spackle: counts of %d x %d and a mask of %d entries do not fit %d spots x %d genes", counts.Rows, counts.Cols, len(ds.Mask), n, genes)
	}
	return counts, nil
}

// completeLayer returns a layer, checked to have the right shape and only
// finite numbers.
func completeLayer(ds *spared.Dataset, name string) (blas32.General, error) {
	m, ok := ds.Layers[name]
	if !ok {
		return m, fmt.Errorf("spackle: the data set has no layer %q; it has %s", name, strings.Join(ds.LayerNames(), ", "))
	}
	n, genes := ds.N()
	if m.Rows != n || m.Cols != genes {
		return m, fmt.Errorf("spackle: layer %s is %d x %d, want %d spots x %d genes", name, m.Rows, m.Cols, n, genes)
	}
	for i := range n {
		for g, v := range m.Data[i*m.Stride:][:genes] {
			if !finite(v) {
				return m, fmt.Errorf("spackle: layer %s holds %g at spot %s, gene %s: want finite numbers; build the data set anew", name, v, ds.Spots[i].ID, ds.Genes[g].ID)
			}
		}
	}
	return m, nil
}

// featuresOf returns the matrix of Obsm of that name, checked like a layer; one
// without columns for "".
func featuresOf(ds *spared.Dataset, name string) (blas32.General, error) {
	if name == "" {
		return blas32.General{}, nil
	}
	m, ok := ds.Obsm[name]
	if !ok || m.Cols == 0 {
		return m, fmt.Errorf("spackle: the data set has no embedding %q in obsm; it has %s", name, cmp.Or(strings.Join(slices.Sorted(maps.Keys(ds.Obsm)), ", "), "none"))
	}
	if m.Rows != len(ds.Spots) {
		return m, fmt.Errorf("spackle: embedding %s has %d rows for %d spots", name, m.Rows, len(ds.Spots))
	}
	for i := range m.Rows {
		for _, v := range m.Data[i*m.Stride:][:m.Cols] {
			if !finite(v) {
				return m, fmt.Errorf("spackle: embedding %s holds %g at spot %s", name, v, ds.Spots[i].ID)
			}
		}
	}
	return m, nil
}

// targets returns the n columns with the highest Moran's I, rising; all for
// n = 0. Equal ones, and those without, go by their order.
func targets(ds *spared.Dataset, n int) ([]int, error) {
	genes := indices(len(ds.Genes))
	switch {
	case n == 0:
		return genes, nil
	case n < 0 || n > len(genes):
		return nil, fmt.Errorf("spackle: %d of %d genes are to be hidden", n, len(genes))
	}
	slices.SortStableFunc(genes, func(a, b int) int { return cmp.Compare(ds.Genes[b].Moran, ds.Genes[a].Moran) })
	genes = genes[:n]
	slices.Sort(genes)
	return genes, nil
}

// geneIDs returns the ids of the data set's genes, in the order of its columns.
func geneIDs(ds *spared.Dataset) []string {
	ids := make([]string, len(ds.Genes))
	for g := range ds.Genes {
		ids[g] = ds.Genes[g].ID
	}
	return ids
}

func sectionNames(ds *spared.Dataset) []string {
	names := make([]string, len(ds.Sections))
	for i := range ds.Sections {
		names[i] = ds.Sections[i].Name
	}
	return names
}

// detected returns, per gene, the share f_g of spots with a count as the data
// set's order of the pipeline allows: learnt from train spots, or for the
// released order, which the data set recorded, from all.
func detected(ds *spared.Dataset) []float64 {
	if ds.Manifest.Recipe.Order != spared.Released {
		return shareDetected(ds, ds.SpotsIn(spared.Train))
	}
	f := make([]float64, len(ds.Genes))
	for g := range f {
		f[g] = ds.Genes[g].GlobalFrac
	}
	return f
}

// shareDetected returns, per gene, the share of the given spots with a count;
// 0 of no spots.
func shareDetected(ds *spared.Dataset, spots []int) []float64 {
	genes := len(ds.Genes)
	f := make([]float64, genes)
	for _, i := range spots {
		for g, measured := range ds.Mask[i*genes : (i+1)*genes] {
			if measured {
				f[g]++
			}
		}
	}
	for g := range f {
		f[g] /= float64(max(len(spots), 1))
	}
	return f
}

// selected returns columns of m, or m itself where they are all of it.
func selected(m blas32.General, columns []int) blas32.General {
	if slices.Equal(columns, indices(m.Cols)) {
		return m
	}
	out := matrix(m.Rows, len(columns))
	for i := range m.Rows {
		for k, g := range columns {
			out.Data[i*out.Stride+k] = m.Data[i*m.Stride+g]
		}
	}
	return out
}

// selectedMask returns rising columns of the data set's mask, [spots][columns].
func selectedMask(ds *spared.Dataset, columns []int) []bool {
	n, genes := ds.N()
	if len(columns) == genes {
		return ds.Mask
	}
	out := make([]bool, 0, n*len(columns))
	for i := range n {
		for _, g := range columns {
			out = append(out, ds.Mask[i*genes+g])
		}
	}
	return out
}

// beside lays b to the right of a.
func beside(a, b blas32.General) blas32.General {
	if b.Cols == 0 {
		return a
	}
	out := matrix(a.Rows, a.Cols+b.Cols)
	for i := range a.Rows {
		row := out.Data[i*out.Stride:][:out.Cols]
		copy(row, a.Data[i*a.Stride:][:a.Cols])
		copy(row[a.Cols:], b.Data[i*b.Stride:][:b.Cols])
	}
	return out
}

// matrix returns a matrix of zeros. Its stride is at least 1, as BLAS demands.
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

// indices returns 0, 1, ..., n-1.
func indices(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// places maps ids to their places.
func places(ids []string) map[string]int {
	at := make(map[string]int, len(ids))
	for k, id := range ids {
		at[id] = k
	}
	return at
}

// finite reports whether x is a number that can be computed with: neither
// infinite nor NaN.
func finite[F float32 | float64](x F) bool {
	f := float64(x)
	return !math.IsNaN(f) && !math.IsInf(f, 0)
}
