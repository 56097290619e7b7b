package neighbor

import (
	"fmt"
	"math"
	"slices"
)

// Radius returns the graph of all other spots at distance r or less: that of
// squidpy.gr.spatial_neighbors_radius. It is symmetric. On a lattice take r
// between two of its distances, since whether a spot at distance r exactly is
// within it hangs on the last digit of its coordinates. It is an error if x and
// y differ in length, a coordinate is not finite, r is negative or NaN, or
// there are more than 2³¹-1 neighbours in all.
func Radius(x, y []float64, r float64) (*Graph, error) {
	if err := check(x, y, 0); err != nil {
		return nil, err
	}
	if !(r >= 0) {
		return nil, fmt.Errorf("neighbor: radius %g, want 0 or more", r)
	}
	t, b := newTree(x, y, spots(len(x))), newBuilder(len(x), 0)
	for i := range x {
		b.index = t.within(int32(i), r*r, 0, len(x), b.index)
		if err := b.closeRow(); err != nil {
			return nil, err
		}
	}
	return b.graph(), nil
}

// within appends the spots of order[lo:hi] whose squared distance to spot i is
// at most r2, i itself left out.
func (t *tree) within(i int32, r2 float64, lo, hi int, found []int32) []int32 {
	if hi-lo <= leaf {
		for _, j := range t.order[lo:hi] {
			if j != i && t.distance2(i, j) <= r2 {
				found = append(found, j)
			}
		}
		return found
	}
	mid := (lo + hi) / 2
	j := t.order[mid]
	if j != i && t.distance2(i, j) <= r2 {
		found = append(found, j)
	}
	d := t.x[i] - t.x[j]
	if t.axis[mid] {
		d = t.y[i] - t.y[j]
	}
	if d <= 0 || d*d <= r2 {
		found = t.within(i, r2, lo, mid, found)
	}
	if d >= 0 || d*d <= r2 {
		found = t.within(i, r2, mid+1, hi, found)
	}
	return found
}

// gridReach is how far a neighbour may be on a grid, in median distances:
// squidpy's factor, between 1 and √2 and between √2 and 2.
const gridReach = 1.3

// SquareGrid returns the graph of squidpy.gr.spatial_neighbors with coord_type
// "grid": the k nearest spots of each, less those at 1.3 times the median of
// all these distances or farther. With k = 4 or 8 on a square grid a spot
// keeps the neighbours that touch it by a side, or by a side or corner, and
// one at the border has fewer; with k = 6 the same holds on a hexagonal grid.
// SpaRED takes k = 8 where it is told that a slide is not hexagonal.
//
// The rule needs pixel coordinates only; where the array's own rows and
// columns are known, [SquareLattice] does not depend on how straight it lies.
// Ties and errors are those of [KNN].
func SquareGrid(x, y []float64, k int) (*Graph, error) {
	index, dist, err := KNNSorted(x, y, min(k, max(len(x)-1, 0)))
	if err != nil {
		return nil, err
	}
	if len(x) < 2 || k == 0 {
		return KNN(x, y, 0)
	}
	k = len(dist) / len(x)
	sorted := slices.Clone(dist)
	slices.Sort(sorted)
	reach := gridReach * middle(sorted)
	b := newBuilder(len(x), len(index))
	for i := range x {
		for r, d := range dist[i*k : (i+1)*k] {
			if d < reach {
				b.index = append(b.index, index[i*k+r])
			}
		}
		if err := b.closeRow(); err != nil {
			return nil, err
		}
	}
	return b.graph(), nil
}

// middle returns the median of sorted values.
func middle(v []float64) float64 {
	lo, hi := v[(len(v)-1)/2], v[len(v)/2]
	if lo == hi || math.IsInf(hi, 1) {
		return hi
	}
	return (lo + hi) / 2
}

// PerSlide builds one graph of the spots of several slides, each by itself:
// slide holds one number per spot, any numbers, and build is given the spots of
// one slide, rising, and returns the graph over them, in that order. Spots of
// different slides have coordinates that overlap without meaning anything, so
// no graph here should span two. An error of build is returned as it is.
func PerSlide(slide []int, build func(spots []int) (*Graph, error)) (*Graph, error) {
	members, err := split(len(slide), slide)
	if err != nil {
		return nil, err
	}
	near := make([][]int32, len(slide))
	for _, m := range members {
		of := make([]int, len(m))
		for k, i := range m {
			of[k] = int(i)
		}
		g, err := build(of)
		if err != nil {
			return nil, err
		}
		if g.Len() != len(m) {
			return nil, fmt.Errorf("neighbor: a graph of %d spots for a slide of %d", g.Len(), len(m))
		}
		for k, i := range m {
			for _, j := range g.Of(k) {
				near[i] = append(near[i], m[j])
			}
		}
	}
	return fromLists(near)
}
