package moran

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/spared/neighbor"
)

func checkGraph(spots int, g *neighbor.Graph) error {
	if g.Len() != spots {
		return fmt.Errorf("moran: a graph of %d spots for values of %d", g.Len(), spots)
	}
	if spots == 0 {
		return nil
	}
	if err := g.Check(); err != nil {
		return fmt.Errorf("moran: %w", err)
	}
	return nil
}

// weights holds the three sums over the weights that the null moments need.
type weights struct {
	s0 float64 // Σᵢⱼ wᵢⱼ
	s1 float64 // ½ Σᵢⱼ (wᵢⱼ + wⱼᵢ)² = Σᵢⱼ wᵢⱼ² + Σᵢⱼ wᵢⱼ wⱼᵢ
	s2 float64 // Σᵢ (Σⱼ wᵢⱼ + Σⱼ wⱼᵢ)²
}

func weightsOf(g *neighbor.Graph) weights {
	var w weights
	in := g.Transpose()
	for i := range g.Len() {
		row, col := g.Of(i), in.Of(i)
		var sum float64 // of row and column i
		if len(row) > 0 {
			sum = 1
			w.s0++
			w.s1 += 1 / float64(len(row)) // Σⱼ wᵢⱼ²
		}
		for _, j := range col {
			wji := 1 / float64(len(g.Of(int(j))))
			sum += wji
			if contains(row, j) {
				w.s1 += wji / float64(len(row))
			}
		}
		w.s2 += sum * sum
	}
	return w
}

// contains searches a short sorted row.
func contains(row []int32, j int32) bool {
	for _, k := range row {
		if k >= j {
			return k == j
		}
	}
	return false
}

// plan is a graph made ready for sums over its pairs. Spots are renumbered so
// that neighbours are close in memory, by walking the graph breadth first
// (Cuthill & McKee, Proc. 24th ACM National Conference, 1969), and each pair is
// looked at once, from its later spot, with the sum of its two weights:
//
//	Σᵢⱼ wᵢⱼ zᵢ zⱼ = Σ over pairs (wᵢⱼ+wⱼᵢ) zᵢ zⱼ.
//
// On a lattice nearly all pairs have the same weight and nearly all spots three
// earlier neighbours.
type plan struct {
	order []int32 // place -> spot

	// Earlier neighbours of place t are near[start[t]:start[t+1]], as places,
	// with weights relative to unit; regular[t] says that all are 1.
	start   []int32
	near    []int32
	weight  []float64
	regular []bool
	unit    float64

	reach     int       // the farthest back a pair goes, in places
	excess    []float64 // by place: Σⱼ wᵢⱼ + Σⱼ wⱼᵢ - 2
	excessSum float64
	s0        float64 // Σᵢⱼ wᵢⱼ
}

func planOf(g *neighbor.Graph) *plan {
	n, in := g.Len(), g.Transpose()
	p := &plan{start: make([]int32, 1, n+1), regular: make([]bool, n), excess: make([]float64, n)}
	p.order = walk(g, in)
	place := make([]int32, n)
	for t, i := range p.order {
		place[i] = int32(t)
	}
	weightOf := func(i int32) float64 { // of each arrow out of i
		return 1 / float64(len(g.Of(int(i))))
	}
	for t, i := range p.order {
		out, from := g.Of(int(i)), len(p.near)
		var sum float64
		if len(out) > 0 {
			p.s0++
			sum = 1
		}
		for _, j := range out {
			if u := place[j]; int(u) < t {
				w := weightOf(i)
				if contains(g.Of(int(j)), i) {
					w += weightOf(j)
				}
				p.near, p.weight = append(p.near, u), append(p.weight, w)
			}
		}
		for _, j := range in.Of(int(i)) {
			sum += weightOf(j)
			if u := place[j]; int(u) < t && !contains(out, j) {
				p.near, p.weight = append(p.near, u), append(p.weight, weightOf(j))
			}
		}
		p.start = append(p.start, int32(len(p.near)))
		if e := sum - 2; math.Abs(e) > 1e-14 { // six times 1/6 is not quite 1
			p.excess[t] = e
			p.excessSum += e
		}
		sortPairs(p.near[from:], p.weight[from:])
		if from < len(p.near) {
			p.reach = max(p.reach, t-int(p.near[from]))
		}
	}
	p.chooseUnit()
	return p
}

// sortPairs sorts a few neighbours with their weights, so that sums have one
// order whatever the order of arrows.
func sortPairs(near []int32, weight []float64) {
	for k := 1; k < len(near); k++ {
		for m := k; m > 0 && near[m] < near[m-1]; m-- {
			near[m], near[m-1] = near[m-1], near[m]
			weight[m], weight[m-1] = weight[m-1], weight[m]
		}
	}
}

// chooseUnit makes the most frequent weight (of equals, the greatest) the unit.
func (p *plan) chooseUnit() {
	sorted := slices.Clone(p.weight)
	slices.SortFunc(sorted, func(a, b float64) int { return cmp.Compare(b, a) })
	best := 0
	for from, to := 0, 0; from < len(sorted); from = to {
		for to = from; to < len(sorted) && sorted[to] == sorted[from]; to++ {
		}
		if to-from > best {
			best, p.unit = to-from, sorted[from]
		}
	}
	for t := range p.regular {
		p.regular[t] = true
		for k := p.start[t]; k < p.start[t+1]; k++ {
			p.weight[k] /= p.unit
			p.regular[t] = p.regular[t] && p.weight[k] == 1
		}
	}
}

// walk returns the spots breadth first, each part of the graph from a spot at
// its edge: one last reached from the part's first.
func walk(g, in *neighbor.Graph) []int32 {
	n := g.Len()
	order, seen := make([]int32, 0, n), make([]int32, n)
	for i := range n {
		if seen[i] != 0 {
			continue
		}
		from := len(order)
		order = spread(g, in, order, int32(i), seen, 1)
		last := order[len(order)-1]
		order = spread(g, in, order[:from], last, seen, 2)
	}
	return order
}

// spread appends all spots that can be reached from i, whichever way the arrows
// point, and marks them.
func spread(g, in *neighbor.Graph, order []int32, i int32, seen []int32, mark int32) []int32 {
	seen[i] = mark
	for at, order := len(order), append(order, i); ; at++ {
		if at == len(order) {
			return order
		}
		for _, next := range [][]int32{g.Of(int(order[at])), in.Of(int(order[at]))} {
			for _, j := range next {
				if seen[j] != mark {
					seen[j] = mark
					order = append(order, j)
				}
			}
		}
	}
}
