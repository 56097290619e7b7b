package neighbor

import (
	"fmt"
	"math"
	"slices"
)

// Graph lists, for each spot i, its neighbours
// Index[Start[i]:Start[i+1]]: 0-based spot indices, without i itself, in
// rising order.
type Graph struct {
	Start []int32 // one more than there are spots
	Index []int32
}

// Len returns the number of spots.
func (g *Graph) Len() int { return max(len(g.Start)-1, 0) }

// Of returns the neighbours of spot i, in the graph's own memory.
func (g *Graph) Of(i int) []int32 { return g.Index[g.Start[i]:g.Start[i+1]] }

// FromRows makes a graph of neighbour lists, one per spot, in any order: of a
// grid, or of another program's adjacency. A list that names its own spot, a
// spot twice or a spot that does not exist is an error.
func FromRows(rows [][]int) (*Graph, error) {
	b := newBuilder(len(rows), 0)
	for i, row := range rows {
		for _, j := range row {
			if j < 0 || j >= len(rows) {
				return nil, fmt.Errorf("neighbor: spot %d names spot %d of %d", i, j, len(rows))
			}
			b.index = append(b.index, int32(j))
		}
		if err := b.closeRow(); err != nil {
			return nil, err
		}
	}
	g := b.graph()
	if err := g.Check(); err != nil {
		return nil, err
	}
	return g, nil
}

// Check returns an error that names the first spot at fault unless each
// spot's neighbours rise strictly, exist, and are not the spot itself.
func (g *Graph) Check() error {
	if len(g.Start) == 0 || g.Start[0] != 0 || int(g.Start[g.Len()]) != len(g.Index) {
		return fmt.Errorf("neighbor: %d offsets do not frame %d neighbours", len(g.Start), len(g.Index))
	}
	n := g.Len()
	for i := range n {
		if g.Start[i] > g.Start[i+1] || int(g.Start[i+1]) > len(g.Index) {
			return fmt.Errorf("neighbor: offsets of spot %d are out of order: %d, %d", i, g.Start[i], g.Start[i+1])
		}
		last := int32(-1)
		for _, j := range g.Of(i) {
			if j <= last || int(j) >= n || int(j) == i {
				return fmt.Errorf("neighbor: spot %d has neighbour %d after %d, of %d spots", i, j, last, n)
			}
			last = j
		}
	}
	return nil
}

// Transpose returns the graph with every arrow turned round: the neighbours
// of i are the spots that have i among theirs. Of a nearest-neighbour graph
// this is the orientation of squidpy up to version 1.3.
func (g *Graph) Transpose() *Graph {
	t := &Graph{Start: make([]int32, len(g.Start)), Index: make([]int32, len(g.Index))}
	for _, j := range g.Index {
		t.Start[j+1]++
	}
	for i := range g.Len() {
		t.Start[i+1] += t.Start[i]
	}
	next := slices.Clone(t.Start)
	for i := range g.Len() { // rising i keeps the new rows in rising order
		for _, j := range g.Of(i) {
			t.Index[next[j]] = int32(i)
			next[j]++
		}
	}
	return t
}

// Rings returns hops graphs; in the h-th (from 0) the neighbours of spot i are
// the spots whose shortest way from i takes h+1 steps. On a hexagonal grid
// they have 6, 12, 18 ... members.
func (g *Graph) Rings(hops int) []*Graph {
	n := g.Len()
	rings := make([]*builder, max(hops, 0))
	for h := range rings {
		rings[h] = newBuilder(n, len(g.Index)*(h+1))
	}
	seen := make([]int32, n) // seen[j] = i+1: j has been reached from i
	for i := range n {
		mark := int32(i + 1)
		seen[i] = mark
		front := []int32{int32(i)}
		for _, b := range rings {
			from := len(b.index)
			for _, j := range front {
				for _, k := range g.Of(int(j)) {
					if seen[k] != mark {
						seen[k] = mark
						b.index = append(b.index, k)
					}
				}
			}
			front = b.index[from:]
			b.mustCloseRow()
		}
	}
	out := make([]*Graph, len(rings))
	for h, b := range rings {
		out[h] = b.graph()
	}
	return out
}

// Window returns the graph in which the neighbours of spot i are all spots
// that can be reached from it in 1 to hops steps, without i itself; on a
// hexagonal grid 6, 18, 36, 60 ... for 1, 2, 3, 4 ... hops. No hops give no
// neighbours.
func (g *Graph) Window(hops int) *Graph {
	rings := g.Rings(hops)
	size := 0
	for _, r := range rings {
		size += len(r.Index)
	}
	b := newBuilder(g.Len(), size)
	for i := range g.Len() {
		for _, r := range rings {
			b.index = append(b.index, r.Of(i)...)
		}
		b.mustCloseRow()
	}
	return b.graph()
}

// builder grows a graph row by row.
type builder struct {
	start, index []int32
}

func newBuilder(spots, size int) *builder {
	return &builder{start: make([]int32, 1, spots+1), index: make([]int32, 0, size)}
}

// closeRow sorts what was appended to index since the last call and makes it
// the next row.
func (b *builder) closeRow() error {
	if len(b.index) > math.MaxInt32 {
		return fmt.Errorf("neighbor: more than %d neighbours in all at spot %d", math.MaxInt32, len(b.start)-1)
	}
	slices.Sort(b.index[b.start[len(b.start)-1]:])
	b.start = append(b.start, int32(len(b.index)))
	return nil
}

// mustCloseRow is closeRow for walks of a graph, which have no error to
// return: 2^31 neighbours take 8 GiB, at which a caller has other worries.
func (b *builder) mustCloseRow() {
	if err := b.closeRow(); err != nil {
		panic(err)
	}
}

func (b *builder) graph() *Graph { return &Graph{Start: b.start, Index: b.index} }
