package median

import (
	"context"
	"fmt"
	"math/bits"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// Stats counts, for each gene, which rule completed its zeros.
type Stats struct {
	Ring     [][]int // [hops][genes]: zeros completed by the median within 1, 2, ... steps
	Fallback []int   // [genes]: zeros completed by the median of the gene's non-zero values
	Empty    []int   // [genes]: zeros of a gene that has no other value; they stay

	// NonZero is the median of the gene's non-zero values, 0 where it has
	// none.
	NonZero []float64
}

// Complete returns x [spots][genes] of one slide with its zeros completed by
// the adaptive median over up to hops steps of the graph g; x is left as it
// is. It is an error if hops is negative, the graph is malformed or is not one
// of as many spots, a value is NaN, or ctx is cancelled.
func Complete[T dense.Float](ctx context.Context, x dense.Matrix[T], g *neighbor.Graph, hops int) (dense.Matrix[T], Stats, error) {
	if err := check(x, g, hops); err != nil {
		return dense.Matrix[T]{}, Stats{}, err
	}
	c := &completion[T]{x: x, out: dense.New[T](x.Rows, x.Cols), rings: g.Rings(hops), stats: newStats(hops, x.Cols)}
	c.size = windowSizes(x.Rows, c.rings)

	blocks := (x.Cols + width - 1) / width
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), blocks) {
		group.Go(func() error {
			w := newWorker(c)
			for b := int(next.Add(1)) - 1; b < blocks; b = int(next.Add(1)) - 1 {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := w.block(b*width, min((b+1)*width, x.Cols)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return dense.Matrix[T]{}, Stats{}, err
	}
	return c.out, c.stats, nil
}

func check[T dense.Float](x dense.Matrix[T], g *neighbor.Graph, hops int) error {
	if hops < 0 {
		return fmt.Errorf("median: %d hops", hops)
	}
	if err := x.Check(); err != nil {
		return fmt.Errorf("median: %w", err)
	}
	if g.Len() != x.Rows {
		return fmt.Errorf("median: a graph of %d spots for values of %d", g.Len(), x.Rows)
	}
	if x.Rows == 0 {
		return nil
	}
	if err := g.Check(); err != nil {
		return fmt.Errorf("median: %w", err)
	}
	return nil
}

func newStats(hops, genes int) Stats {
	s := Stats{Ring: make([][]int, hops), Fallback: make([]int, genes), Empty: make([]int, genes), NonZero: make([]float64, genes)}
	for h := range s.Ring {
		s.Ring[h] = make([]int, genes)
	}
	return s
}

// windowSizes returns the number of spots, itself included, that each spot
// reaches in up to 1, 2, ... steps: [hops][spots].
func windowSizes(spots int, rings []*neighbor.Graph) [][]int {
	sizes := make([][]int, len(rings))
	for h, r := range rings {
		sizes[h] = make([]int, spots)
		for i := range spots {
			before := 1
			if h > 0 {
				before = sizes[h-1][i]
			}
			sizes[h][i] = before + len(r.Of(i))
		}
	}
	return sizes
}

// completion is what all workers share; each writes its own columns.
type completion[T dense.Float] struct {
	x, out dense.Matrix[T]
	rings  []*neighbor.Graph
	size   [][]int // see windowSizes
	stats  Stats
}

// width is the number of genes worked on together, one per bit of a word.
const width = 64

// worker completes blocks of up to width genes.
type worker[T dense.Float] struct {
	*completion[T]
	column  [width][]T // the block, transposed: one gene's values in a row
	spare   []T        // the next completed column
	nonzero []uint64   // [spots]: bit b is set where gene b is not zero
	ring    []uint64   // [spots][hops]: bit b is set where gene b is completed by that ring
	open    []uint64   // [spots]: bit b is set where gene b is zero and no ring completes it
	values  []T        // of one window, or of one gene
}

func newWorker[T dense.Float](c *completion[T]) *worker[T] {
	n := c.x.Rows
	w := &worker[T]{
		completion: c,
		spare:      make([]T, n),
		nonzero:    make([]uint64, n),
		ring:       make([]uint64, n*len(c.rings)),
		open:       make([]uint64, n),
		values:     make([]T, 0, n),
	}
	for b := range w.column {
		w.column[b] = make([]T, n)
	}
	return w
}

// block completes the genes from to to-1.
func (w *worker[T]) block(from, to int) error {
	negative, err := w.load(from, to)
	if err != nil {
		return err
	}
	w.chooseRings()
	for b := range to - from {
		fill := w.fill
		if negative>>b&1 != 0 {
			fill = w.fillDirectly
		}
		col, done := w.column[b], w.spare
		copy(done, col)
		fill(b, from+b, col, done)
		w.column[b], w.spare = done, col
	}
	w.store(from, to)
	return nil
}

// strip is the number of spots that are transposed together. Rows lie far apart
// in memory: to copy a few of them first lets the machine fetch them at once.
const strip = 8

// load transposes the block into column and nonzero, and returns which genes
// have a negative value.
func (w *worker[T]) load(from, to int) (negative uint64, err error) {
	var rows [strip][width]T
	for lo := 0; lo < w.x.Rows; lo += strip {
		n := min(strip, w.x.Rows-lo)
		for r := range n {
			copy(rows[r][:], w.x.Row(lo + r)[from:to])
		}
		for b := range to - from {
			column := w.column[b][lo : lo+n]
			for r := range column {
				column[r] = rows[r][b]
			}
		}
		for r := range n {
			nonzero, odd := signs(&rows[r])
			w.nonzero[lo+r] = nonzero
			for ; odd != 0; odd &= odd - 1 {
				b := bits.TrailingZeros64(odd)
				if v := rows[r][b]; v != v {
					return 0, fmt.Errorf("median: spot %d, gene %d is NaN", lo+r, from+b)
				}
				negative |= 1 << b
			}
		}
	}
	return negative, nil
}

// signs tells the values that are not zero, and those that are negative or NaN.
func signs[T dense.Float](row *[width]T) (nonzero, odd uint64) {
	for b, v := range row[:] {
		var a, c uint64 // set without a branch, which would be mispredicted
		if v != 0 {
			a = 1
		}
		if !(v >= 0) {
			c = 1
		}
		nonzero |= a << b
		odd |= c << b
	}
	return nonzero, odd
}

// store transposes the completed columns into the output.
func (w *worker[T]) store(from, to int) {
	var rows [strip][width]T
	for lo := 0; lo < w.out.Rows; lo += strip {
		n := min(strip, w.out.Rows-lo)
		for b := range to - from {
			for r, v := range w.column[b][lo : lo+n] {
				rows[r][b] = v
			}
		}
		for r := range n {
			copy(w.out.Row(lo + r)[from:to], rows[r][:])
		}
	}
}

// chooseRings finds, for each spot and gene, the smallest window at least half
// of whose values are not zero.
func (w *worker[T]) chooseRings() {
	hops := len(w.rings)
	for i, self := range w.nonzero {
		var count counter
		open := ^self
		count.add(self)
		for h, r := range w.rings {
			w.addRing(&count, r.Of(i))
			size := w.size[h][i]
			found := open & count.atLeast((size+1)/2, size)
			w.ring[i*hops+h] = found
			open &^= found
		}
		w.open[i] = open
	}
}

// addRing counts the genes that are not zero at each spot of a ring.
func (w *worker[T]) addRing(count *counter, ring []int32) {
	nonzero := w.nonzero
	for len(ring) >= 7 {
		r := (*[7]int32)(ring)
		count.add7(&[7]uint64{nonzero[r[0]], nonzero[r[1]], nonzero[r[2]], nonzero[r[3]], nonzero[r[4]], nonzero[r[5]], nonzero[r[6]]})
		ring = ring[7:]
	}
	switch {
	case len(ring) == 0:
	case len(ring) <= 2:
		for _, j := range ring {
			count.add(nonzero[j])
		}
	default:
		var last [7]uint64
		for k, j := range ring {
			last[k] = nonzero[j]
		}
		count.add7(&last)
	}
}

// fill completes gene j, in column b, which has no negative value.
func (w *worker[T]) fill(b, j int, col, done []T) {
	fallback, count := w.fallback(j, col)
	hops := len(w.rings)
	for i, open := range w.open {
		if open>>b&1 != 0 {
			done[i] = fallback
			*count++
			continue
		}
		for h, bits := range w.ring[i*hops : (i+1)*hops] {
			if bits>>b&1 != 0 {
				done[i] = w.windowMedian(i, h, col)
				w.stats.Ring[h][j]++
				break
			}
		}
	}
}

// fillDirectly completes gene j by the definition.
func (w *worker[T]) fillDirectly(_, j int, col, done []T) {
	fallback, count := w.fallback(j, col)
spots:
	for i, v := range col {
		if v != 0 {
			continue
		}
		for h := range w.rings {
			if m := w.windowMedian(i, h, col); m != 0 {
				done[i] = m
				w.stats.Ring[h][j]++
				continue spots
			}
		}
		done[i] = fallback
		*count++
	}
}

// fallback returns the median of the non-zero values of gene j and where to
// count its use.
func (w *worker[T]) fallback(j int, col []T) (T, *int) {
	v := w.values[:0]
	for _, x := range col {
		if x != 0 {
			v = append(v, x)
		}
	}
	if len(v) == 0 {
		return 0, &w.stats.Empty[j]
	}
	m := medianOf(v)
	w.stats.NonZero[j] = float64(m)
	return m, &w.stats.Fallback[j]
}

// windowMedian returns the median of col over spot i and its rings 0 to h.
func (w *worker[T]) windowMedian(i, h int, col []T) T {
	v := append(w.values[:0], col[i])
	for _, r := range w.rings[:h+1] {
		for _, j := range r.Of(i) {
			v = append(v, col[j])
		}
	}
	return medianOf(v)
}
