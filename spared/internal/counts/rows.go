package counts

import (
	"fmt"
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/spared/sparse"
)

// Max is the largest count that float32, the type of sparse.CSR, holds
// exactly together with all below it. Real counts stay under a million.
const Max = 1 << 24

// Whole checks that a number is a count; the message is "" where it is.
func Whole(f float64) (count float32, msg string) {
	switch {
	case !(f >= 0) || f != math.Trunc(f): // NaN fails the first
		return 0, "counts must be whole numbers of 0 or more; is this a normalised matrix? Give the raw counts or, where there are none, say that it is normalised (Options.Normalised, spared build --normalised)"
	case f > Max:
		return 0, fmt.Sprintf("a count above %d cannot be held exactly", Max)
	}
	return float32(f), ""
}

// Measured checks that a number is one of a normalised table: finite and not
// negative, for logarithms of sums are taken; the message is "" where it is.
func Measured(f float64) (value float32, msg string) {
	if !(f >= 0 && f <= math.MaxFloat32) {
		return 0, "normalised values must be finite numbers of 0 or more"
	}
	return float32(f), ""
}

// Check returns the check of values: Measured of a normalised table, else
// Whole.
func Check(normalised bool) func(float64) (float32, string) {
	if normalised {
		return Measured
	}
	return Whole
}

// Entries are the counts of a slide in coordinate form, in file order: entry
// k says that Spot[k] has Count[k] molecules of Gene[k].
type Entries struct {
	Spot, Gene []int32
	Count      []float32
}

// CSR turns entries in any order into compressed rows, in linear time for the
// two orders met in practice, by spot (Space Ranger) and by gene (scipy): a
// stable counting sort deals the entries to their spots. An entry that comes
// twice is a *DuplicateError.
func (e *Entries) CSR(spots, genes int) (*sparse.CSR, error) {
	m := &sparse.CSR{Rows: spots, Cols: genes, IndPtr: make([]int64, spots+1),
		Indices: make([]int32, len(e.Gene)), Data: make([]float32, len(e.Gene))}
	for _, s := range e.Spot {
		m.IndPtr[s+1]++
	}
	for s := range spots {
		m.IndPtr[s+1] += m.IndPtr[s]
	}
	next := slices.Clone(m.IndPtr)
	for k, s := range e.Spot {
		at := next[s]
		next[s]++
		m.Indices[at], m.Data[at] = e.Gene[k], e.Count[k]
	}
	return m, Tidy(m)
}

// places returns the numbers of the first two entries of a gene of a spot.
func (e *Entries) places(spot, gene int32) (first, again int) {
	first = -1
	for k := range e.Gene {
		if e.Spot[k] != spot || e.Gene[k] != gene {
			continue
		}
		if first >= 0 {
			return first, k
		}
		first = k
	}
	return first, -1
}

// DuplicateError says that a gene of a spot has two entries.
type DuplicateError struct{ spot, gene int32 }

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("gene %d of spot %d (from 0) has two entries, want one", e.gene, e.spot)
}

// Tidy puts the genes of each spot in rising order, which Space Ranger 1 did
// not do, and drops zeros. A gene that comes twice in a spot is a
// *DuplicateError.
func Tidy(m *sparse.CSR) error {
	var buf []uint64
	for s := range m.Rows {
		genes, counts := m.Row(s)
		if rising(genes) {
			continue
		}
		buf = sortByGene(genes, counts, buf[:0])
		for i := 1; i < len(genes); i++ {
			if genes[i] == genes[i-1] {
				return &DuplicateError{spot: int32(s), gene: genes[i]}
			}
		}
	}
	if slices.Contains(m.Data, 0) {
		dropZeros(m)
	}
	return nil
}

func rising(genes []int32) bool {
	for i := 1; i < len(genes); i++ {
		if genes[i-1] >= genes[i] {
			return false
		}
	}
	return true
}

// sortByGene sorts the entries of a spot as pairs packed into words.
func sortByGene(genes []int32, counts []float32, buf []uint64) []uint64 {
	for i, g := range genes {
		buf = append(buf, uint64(g)<<32|uint64(math.Float32bits(counts[i])))
	}
	slices.Sort(buf)
	for i, w := range buf {
		genes[i], counts[i] = int32(w>>32), math.Float32frombits(uint32(w))
	}
	return buf
}

func dropZeros(m *sparse.CSR) {
	kept, lo := 0, int64(0)
	for s := range m.Rows {
		hi := m.IndPtr[s+1]
		for k := lo; k < hi; k++ {
			if m.Data[k] != 0 {
				m.Indices[kept], m.Data[kept] = m.Indices[k], m.Data[k]
				kept++
			}
		}
		lo, m.IndPtr[s+1] = hi, int64(kept)
	}
	m.Indices, m.Data = m.Indices[:kept], m.Data[:kept]
}
