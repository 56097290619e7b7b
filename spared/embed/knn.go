package embed

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// Neighbors lists the K nearest others of each spot: of spot i those at
// i*K..(i+1)*K-1, by rising distance, of equal ones by rising index.
type Neighbors struct {
	K        int
	Index    []int32
	Distance []float64 // Euclidean, in the unit of the coordinates
}

// Len returns the number of spots.
func (nn *Neighbors) Len() int { return len(nn.Index) / max(nn.K, 1) }

// Of returns the neighbours of spot i and their distances, in the list's own
// memory.
func (nn *Neighbors) Of(i int) ([]int32, []float64) {
	return nn.Index[i*nn.K : (i+1)*nn.K], nn.Distance[i*nn.K : (i+1)*nn.K]
}

const (
	knnRows  = 128  // spots that one worker searches for at a time
	knnCols  = 1024 // spots that they are compared with at a time
	knnSpare = 16   // candidates kept beyond k
)

// KNN returns the k nearest other rows of each row of x [spots][components],
// exactly. scanpy's n_neighbors counts the spot itself: its 15 are 14 here.
// Memory beyond x and the result is about a megabyte per core and a float32
// copy of x. Errors: k not within 1..spots-1, a value that is not finite.
func KNN[T dense.Float](ctx context.Context, x dense.Matrix[T], k int, news progress.Func) (*Neighbors, error) {
	if err := check(x); err != nil {
		return nil, err
	}
	if k < 1 || k >= x.Rows {
		return nil, fmt.Errorf("embed: %d nearest of %d spots: want 1 to %d", k, x.Rows, x.Rows-1)
	}
	s := newSearch(x, k)
	nn := &Neighbors{K: k, Index: make([]int32, x.Rows*k), Distance: make([]float64, x.Rows*k)}
	blocks := (x.Rows + knnRows - 1) / knnRows
	var mu sync.Mutex
	done := 0
	err := each(ctx, blocks, func(b int) {
		s.block(b*knnRows, min(x.Rows, (b+1)*knnRows), nn)
		mu.Lock()
		defer mu.Unlock()
		done++
		news.Send(progress.Event{Step: "nearest neighbours", Done: done, Total: blocks})
	})
	if err != nil {
		return nil, err
	}
	return nn, nil
}

// search holds the rows in two precisions.
type search[T dense.Float] struct {
	x      dense.Matrix[T]
	k      int
	near   blas32.General // rows less the column means
	norm   []float32      // |row|² of near
	margin []float64      // bound on the error of a float32 squared distance of the row to any other
	keep   int
}

func newSearch[T dense.Float](x dense.Matrix[T], k int) *search[T] {
	n, d := x.Rows, x.Cols
	s := &search[T]{x: x, k: k, keep: min(n-1, k+knnSpare), norm: make([]float32, n), margin: make([]float64, n),
		near: blas32.General{Rows: n, Cols: d, Stride: d, Data: make([]float32, n*d)}}
	mean, largest := means(x), 0.0
	squares := make([]float64, n)
	for i := range n {
		to := s.near.Data[i*d : (i+1)*d]
		for j, v := range x.Row(i) {
			c := float32(float64(v) - mean[j])
			to[j] = c
			squares[i] += float64(c) * float64(c)
		}
		s.norm[i] = float32(squares[i])
		largest = math.Max(largest, squares[i])
	}
	// A sum of d products in float32 is off by at most about d·2⁻²⁴ times the
	// product of the lengths; roundings of rows, norms and differences add a
	// few more.
	unit := float64(d+8) * 0x1p-23
	for i := range n {
		s.margin[i] = unit * (math.Sqrt(squares[i]) + math.Sqrt(largest)) * (math.Sqrt(squares[i]) + math.Sqrt(largest))
	}
	return s
}

// candidate is a spot with its squared distance.
type candidate struct {
	d float32
	j int32
}

// block finds the neighbours of spots lo..hi-1.
func (s *search[T]) block(lo, hi int, nn *Neighbors) {
	heaps := make([][]candidate, hi-lo)
	for r := range heaps {
		heaps[r] = make([]candidate, 0, s.keep)
	}
	products := blas32.General{Rows: hi - lo, Stride: knnCols, Data: make([]float32, (hi-lo)*knnCols)}
	d := s.near.Cols
	for c := 0; c < s.x.Rows; c += knnCols {
		end := min(s.x.Rows, c+knnCols)
		products.Cols = end - c
		blas32.Gemm(blas.NoTrans, blas.Trans, -2,
			blas32.General{Rows: hi - lo, Cols: d, Stride: d, Data: s.near.Data[lo*d : hi*d]},
			blas32.General{Rows: end - c, Cols: d, Stride: d, Data: s.near.Data[c*d : end*d]}, 0, products)
		for r := range heaps {
			heaps[r] = s.offer(heaps[r], lo+r, c, products.Data[r*knnCols:r*knnCols+end-c])
		}
	}
	for r, h := range heaps {
		s.settle(lo+r, h, nn)
	}
}

// offer adds to the candidates of spot i those of spots from c on that are
// nearer than the farthest so far. products are -2·(row i)·(row c+...). The
// heap's first element is its farthest.
func (s *search[T]) offer(heap []candidate, i, c int, products []float32) []candidate {
	far := float32(math.Inf(1))
	if len(heap) == s.keep {
		far = heap[0].d - s.norm[i]
	}
	norm := s.norm[c : c+len(products)]
	for t, p := range products {
		p += norm[t]
		if !(p < far) || c+t == i {
			continue
		}
		if len(heap) < s.keep {
			heap = append(heap, candidate{p + s.norm[i], int32(c + t)})
			rise(heap)
		} else {
			heap[0] = candidate{p + s.norm[i], int32(c + t)}
			sink(heap)
		}
		if len(heap) == s.keep {
			far = heap[0].d - s.norm[i]
		}
	}
	return heap
}

// rise restores the heap after an element was put at its end.
func rise(h []candidate) {
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up].d >= h[i].d {
			return
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
}

// sink restores the heap after its first element was replaced.
func sink(h []candidate) {
	for i := 0; ; {
		big := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < len(h) && h[c].d > h[big].d {
				big = c
			}
		}
		if big == i {
			return
		}
		h[i], h[big] = h[big], h[i]
		i = big
	}
}

// exact is a spot with its squared distance in float64.
type exact struct {
	d float64
	j int32
}

func byDistance(a, b exact) int { return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(a.j, b.j)) }

// settle computes the distances of the candidates again and writes the k
// nearest. Where a spot outside the candidates could be as near, all are
// compared.
func (s *search[T]) settle(i int, heap []candidate, nn *Neighbors) {
	best := make([]exact, len(heap))
	far := 0.0
	for t, c := range heap {
		best[t] = exact{s.squared(i, int(c.j)), c.j}
		far = math.Max(far, float64(c.d))
	}
	slices.SortFunc(best, byDistance)
	if len(heap) < s.x.Rows-1 && far-s.margin[i] <= best[s.k-1].d {
		best = best[:0]
		for j := range s.x.Rows {
			if j != i {
				best = append(best, exact{s.squared(i, j), int32(j)})
			}
		}
		slices.SortFunc(best, byDistance)
	}
	for t, b := range best[:s.k] {
		nn.Index[i*s.k+t], nn.Distance[i*s.k+t] = b.j, math.Sqrt(b.d)
	}
}

func (s *search[T]) squared(i, j int) float64 {
	a, b := s.x.Row(i), s.x.Row(j)
	sum := 0.0
	for t, v := range a {
		d := float64(v) - float64(b[t])
		sum += d * d
	}
	return sum
}

// Distances returns the list as a sparse matrix [spots][spots]: row i holds
// the distances to the neighbours of i (scanpy's obsp["distances"]).
func (nn *Neighbors) Distances() *sparse.CSR {
	n := nn.Len()
	m := &sparse.CSR{Rows: n, Cols: n, IndPtr: make([]int64, n+1), Indices: make([]int32, 0, len(nn.Index)), Data: make([]float32, 0, len(nn.Index))}
	row := make([]exact, nn.K)
	for i := range n {
		idx, d := nn.Of(i)
		for t := range idx {
			row[t] = exact{d[t], idx[t]}
		}
		slices.SortFunc(row, func(a, b exact) int { return cmp.Compare(a.j, b.j) })
		for _, e := range row {
			m.Indices, m.Data = append(m.Indices, e.j), append(m.Data, float32(e.d))
		}
		m.IndPtr[i+1] = int64(len(m.Data))
	}
	return m
}
