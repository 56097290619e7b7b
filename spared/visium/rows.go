package visium

import (
	"fmt"
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/spared/sparse"
)

// maxCount is the largest count that float32, the type of sparse.CSR, holds
// exactly together with all below it. Real counts stay under a million.
const maxCount = 1 << 24

// toCount checks that a number is a count; the message is "" where it is.
func toCount(f float64) (count float32, msg string) {
	switch {
	case !(f >= 0) || f != math.Trunc(f): // NaN fails the first
		return 0, "counts must be whole numbers of 0 or more; is this a normalised matrix? Space Ranger's own output holds raw counts"
	case f > maxCount:
		return 0, fmt.Sprintf("a count above %d cannot be held exactly", maxCount)
	}
	return float32(f), ""
}

// entries are the counts of a slide in coordinate form, in file order: entry
// k says that spot[k] has count[k] molecules of gene[k].
type entries struct {
	spot, gene []int32
	count      []float32
}

// csr turns entries in any order into compressed rows, in linear time for the
// two orders met in practice, by spot (Space Ranger) and by gene (scipy): a
// stable counting sort deals the entries to their spots.
func (e *entries) csr(spots, genes int) (*sparse.CSR, error) {
	m := &sparse.CSR{Rows: spots, Cols: genes, IndPtr: make([]int64, spots+1),
		Indices: make([]int32, len(e.gene)), Data: make([]float32, len(e.gene))}
	for _, s := range e.spot {
		m.IndPtr[s+1]++
	}
	for s := range spots {
		m.IndPtr[s+1] += m.IndPtr[s]
	}
	next := slices.Clone(m.IndPtr)
	for k, s := range e.spot {
		at := next[s]
		next[s]++
		m.Indices[at], m.Data[at] = e.gene[k], e.count[k]
	}
	return m, tidy(m)
}

// places returns the numbers of the first two entries of a gene of a spot.
func (e *entries) places(spot, gene int32) (first, again int) {
	first = -1
	for k := range e.gene {
		if e.spot[k] != spot || e.gene[k] != gene {
			continue
		}
		if first >= 0 {
			return first, k
		}
		first = k
	}
	return first, -1
}

// duplicateError says that a gene of a spot has two entries.
type duplicateError struct{ spot, gene int32 }

func (e *duplicateError) Error() string {
	return fmt.Sprintf("gene %d of spot %d (from 0) has two entries, want one", e.gene, e.spot)
}

// tidy puts the genes of each spot in rising order, which Space Ranger 1 did
// not do, and drops zeros. A gene that comes twice in a spot is a
// *duplicateError.
func tidy(m *sparse.CSR) error {
	var buf []uint64
	for s := range m.Rows {
		genes, counts := m.Row(s)
		if rising(genes) {
			continue
		}
		buf = sortByGene(genes, counts, buf[:0])
		for i := 1; i < len(genes); i++ {
			if genes[i] == genes[i-1] {
				return &duplicateError{spot: int32(s), gene: genes[i]}
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
