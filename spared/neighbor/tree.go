package neighbor

import (
	"cmp"
	"slices"
)

// leaf is the number of spots below which scanning beats splitting.
const leaf = 8

// tree is a k-d tree held in the order of one slice: the middle of a range
// splits it, what is left of the middle is not beyond it on the split axis,
// what is right is not before it. gonum's spatial/kdtree does the same behind
// interfaces; with two coordinates and a rule for ties this is smaller and
// several times faster.
type tree struct {
	x, y  []float64
	order []int32
	axis  []bool // by middle: true where the range is split by y
}

// candidate is a spot found, at squared distance d2.
type candidate struct {
	d2   float64
	spot int32
}

// before says whether c ranks before d: nearer, or as near and lower.
func (c candidate) before(d candidate) bool {
	return c.d2 < d.d2 || c.d2 == d.d2 && c.spot < d.spot
}

func newTree(x, y []float64, members []int32) *tree {
	t := &tree{x: x, y: y, order: slices.Clone(members), axis: make([]bool, len(members))}
	t.split(0, len(members))
	return t
}

// split arranges order[lo:hi], along the wider side of its bounding box.
func (t *tree) split(lo, hi int) {
	if hi-lo <= leaf {
		return
	}
	part, mid := t.order[lo:hi], (lo+hi)/2
	at := t.x
	if width(t.y, part) > width(t.x, part) {
		at, t.axis[mid] = t.y, true
	}
	slices.SortFunc(part, func(a, b int32) int { return cmp.Compare(at[a], at[b]) })
	t.split(lo, mid)
	t.split(mid+1, hi)
}

func width(at []float64, part []int32) float64 {
	lo, hi := at[part[0]], at[part[0]]
	for _, i := range part {
		lo, hi = min(lo, at[i]), max(hi, at[i])
	}
	return hi - lo
}

// distance2 returns the squared distance of two spots. The conversions forbid a
// fused multiply-add, so that ties are ties on every processor.
func (t *tree) distance2(i, j int32) float64 {
	dx, dy := t.x[i]-t.x[j], t.y[i]-t.y[j]
	return float64(dx*dx) + float64(dy*dy)
}

// nearest returns the k spots nearest to spot i, itself left out, in rank
// order. It uses the memory of found.
func (t *tree) nearest(i int32, k int, found []candidate) []candidate {
	q := query{tree: t, self: i, k: k, found: found[:0]}
	if k > 0 {
		q.search(0, len(t.order))
	}
	return q.found
}

type query struct {
	*tree
	self  int32
	k     int
	found []candidate // at most k, in rank order
}

func (q *query) search(lo, hi int) {
	if hi-lo <= leaf {
		for _, j := range q.order[lo:hi] {
			q.offer(j)
		}
		return
	}
	mid := (lo + hi) / 2
	j := q.order[mid]
	d := q.x[q.self] - q.x[j]
	if q.axis[mid] {
		d = q.y[q.self] - q.y[j]
	}
	q.offer(j)
	near, far := [2]int{lo, mid}, [2]int{mid + 1, hi}
	if d > 0 {
		near, far = far, near
	}
	q.search(near[0], near[1])
	// On equality the far side may still hold an equally distant spot of lower
	// index.
	if len(q.found) < q.k || d*d <= q.found[q.k-1].d2 {
		q.search(far[0], far[1])
	}
}

// offer inserts spot j if it ranks among the first k.
func (q *query) offer(j int32) {
	if j == q.self {
		return
	}
	c := candidate{d2: q.distance2(q.self, j), spot: j}
	if len(q.found) < q.k {
		q.found = append(q.found, c)
	} else if c.before(q.found[q.k-1]) {
		q.found[q.k-1] = c
	} else {
		return
	}
	for p := len(q.found) - 1; p > 0 && q.found[p].before(q.found[p-1]); p-- {
		q.found[p], q.found[p-1] = q.found[p-1], q.found[p]
	}
}
