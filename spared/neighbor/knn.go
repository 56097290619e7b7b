package neighbor

import (
	"fmt"
	"math"
	"slices"
)

// KNN returns the graph of the k nearest spots of each spot (itself left out)
// by Euclidean distance; of equally distant spots the lower index wins. A
// slide of k spots or fewer gives all the others. It is an error if x and y
// differ in length, k is negative, or a coordinate is not finite.
func KNN(x, y []float64, k int) (*Graph, error) {
	return KNNWithin(x, y, nil, k)
}

// KNNWithin is KNN with neighbours of the same group only: group holds one
// number per spot, any numbers. nil is one group.
func KNNWithin(x, y []float64, group []int, k int) (*Graph, error) {
	if err := check(x, y, k); err != nil {
		return nil, err
	}
	members, err := split(len(x), group)
	if err != nil {
		return nil, err
	}
	near := make([][]int32, len(x))
	var ranked []candidate
	for _, m := range members {
		t := newTree(x, y, m)
		cells := make([]int32, 0, len(m)*min(k, len(m)))
		for _, i := range m {
			ranked = t.nearest(i, k, ranked)
			from := len(cells)
			for _, c := range ranked {
				cells = append(cells, c.spot)
			}
			near[i] = cells[from:]
		}
	}
	return fromLists(near)
}

// fromLists makes a graph of lists of neighbours that need only be sorted.
func fromLists(near [][]int32) (*Graph, error) {
	size := 0
	for _, row := range near {
		size += len(row)
	}
	b := newBuilder(len(near), size)
	for _, row := range near {
		b.index = append(b.index, row...)
		if err := b.closeRow(); err != nil {
			return nil, err
		}
	}
	return b.graph(), nil
}

// KNNSorted returns, for each spot i, its k nearest spots index[i*k:(i+1)*k],
// nearest first, ties by lower index, and their distances in the same order.
// Where there are fewer than k other spots the rest is -1 at distance +Inf.
// Errors are those of [KNN].
func KNNSorted(x, y []float64, k int) (index []int32, dist []float64, err error) {
	if err := check(x, y, k); err != nil {
		return nil, nil, err
	}
	n := len(x)
	if n > 0 && k > math.MaxInt32/n {
		return nil, nil, fmt.Errorf("neighbor: %d neighbours of %d spots do not fit a table of %d entries", k, n, math.MaxInt32)
	}
	index, dist = make([]int32, n*k), make([]float64, n*k)
	for i := range index {
		index[i], dist[i] = -1, math.Inf(1)
	}
	t := newTree(x, y, spots(n))
	var ranked []candidate
	for i := range n {
		ranked = t.nearest(int32(i), k, ranked)
		for r, c := range ranked {
			index[i*k+r], dist[i*k+r] = c.spot, math.Sqrt(c.d2)
		}
	}
	return index, dist, nil
}

// Pitch returns the median over spots of the distance to the nearest other
// spot: the spot-to-spot distance of the grid, which a few stray or doubled
// spots do not move. It is NaN where there are fewer than two spots, or where
// [KNN] would return an error.
func Pitch(x, y []float64) float64 {
	_, d, err := KNNSorted(x, y, 1)
	if err != nil || len(d) < 2 {
		return math.NaN()
	}
	slices.Sort(d)
	return (d[(len(d)-1)/2] + d[len(d)/2]) / 2
}

func check(x, y []float64, k int) error {
	switch {
	case len(x) != len(y):
		return fmt.Errorf("neighbor: %d x but %d y coordinates", len(x), len(y))
	case k < 0:
		return fmt.Errorf("neighbor: %d neighbours wanted", k)
	case len(x) > math.MaxInt32:
		return fmt.Errorf("neighbor: %d spots, more than %d", len(x), math.MaxInt32)
	}
	for i := range x {
		if !finite(x[i]) || !finite(y[i]) {
			return fmt.Errorf("neighbor: spot %d is at (%g, %g), want finite coordinates", i, x[i], y[i])
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// split returns the spots of each group, rising.
func split(n int, group []int) ([][]int32, error) {
	if group == nil {
		return [][]int32{spots(n)}, nil
	}
	if len(group) != n {
		return nil, fmt.Errorf("neighbor: %d group numbers for %d spots", len(group), n)
	}
	place := map[int]int{}
	var members [][]int32
	for i, g := range group {
		p, ok := place[g]
		if !ok {
			p = len(members)
			place[g] = p
			members = append(members, nil)
		}
		members[p] = append(members[p], int32(i))
	}
	return members, nil
}

func spots(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = int32(i)
	}
	return s
}
