package neighbor

import (
	"cmp"
	"slices"
)

// Delaunay returns the graph of the edges of the Delaunay triangulation: two
// spots are neighbours if some circle through both has no spot inside. It is
// symmetric, spans all spots, and has about six neighbours each; edges along
// the slide's outline may be long (drop them by [Graph.Filter]). It is the
// graph of squidpy.gr.spatial_neighbors with delaunay=True, that is of
// scipy.spatial.Delaunay.
//
// Of four or more spots on one circle, as on every square grid, there are
// several triangulations; the one returned depends on the coordinates alone,
// not on the order of spots (scipy takes another). What has no triangles is
// defined all the same, where scipy returns an error: spots on one line are
// joined to the next on it, and a spot at the place of another is joined to the
// one of lowest index there, which has all further edges. It is an error if x
// and y differ in length or a coordinate is not finite.
//
// The method is the divide and conquer of Guibas & Stolfi (ACM Transactions on
// Graphics 4:74, 1985), O(n log n). Signs of determinants are exact: computed in
// float64 with Shewchuk's error bounds (Discrete & Computational Geometry
// 18:305, 1997) and, where these leave the sign open, in whole.
func Delaunay(x, y []float64) (*Graph, error) {
	if err := check(x, y, 0); err != nil {
		return nil, err
	}
	m := &mesh{x: x, y: y}
	near := make([][]int32, len(x))
	for i, place := range m.distinct() {
		for _, twin := range place[1:] {
			near[place[0]], near[twin] = append(near[place[0]], twin), append(near[twin], place[0])
		}
		m.sites[i] = place[0]
	}
	if len(m.sites) > 1 {
		m.triangulate(0, len(m.sites))
	}
	for e, from := range m.org {
		if from >= 0 {
			near[from] = append(near[from], m.org[e^1])
		}
	}
	return fromLists(near)
}

// Filter returns the graph of those edges i to j that keep accepts.
func (g *Graph) Filter(keep func(i, j int) bool) *Graph {
	b := newBuilder(g.Len(), len(g.Index))
	for i := range g.Len() {
		for _, j := range g.Of(i) {
			if keep(i, int(j)) {
				b.index = append(b.index, j)
			}
		}
		b.mustCloseRow()
	}
	return b.graph()
}

// mesh is a plane graph as rings of directed edges: edge e leads from spot
// org[e] to org[e^1], next[e] and prev[e] are the edges out of the same spot
// that follow it anticlockwise and clockwise. (It is the quad-edge structure of
// Guibas & Stolfi without the dual, which nothing here asks for.) A deleted edge
// has org -1.
type mesh struct {
	x, y  []float64
	sites []int32 // one spot of each distinct place, by x, then y
	org   []int32
	next  []int32
	prev  []int32
	exact exact
}

type edge = int32

// distinct returns the spots of each place, lowest first; places by x, then y.
func (m *mesh) distinct() [][]int32 {
	order := spots(len(m.x))
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(m.x[a], m.x[b]), cmp.Compare(m.y[a], m.y[b]), cmp.Compare(a, b))
	})
	var at [][]int32
	for from, to := 0, 0; from < len(order); from = to {
		for to = from + 1; to < len(order) && m.x[order[to]] == m.x[order[from]] && m.y[order[to]] == m.y[order[from]]; to++ {
		}
		at = append(at, order[from:to])
	}
	m.sites = make([]int32, len(at))
	return at
}

func (m *mesh) edge(from, to int32) edge {
	e := edge(len(m.org))
	m.org = append(m.org, from, to)
	m.next = append(m.next, e, e+1)
	m.prev = append(m.prev, e, e+1)
	return e
}

// splice joins or parts the rings of a and b.
func (m *mesh) splice(a, b edge) {
	an, bn := m.next[a], m.next[b]
	m.next[a], m.next[b] = bn, an
	m.prev[bn], m.prev[an] = a, b
}

// leftNext is the next edge anticlockwise round the face left of e.
func (m *mesh) leftNext(e edge) edge { return m.prev[e^1] }

// connect adds the edge from the end of a to the start of b, with the same face
// on the left of all three.
func (m *mesh) connect(a, b edge) edge {
	e := m.edge(m.org[a^1], m.org[b])
	m.splice(e, m.leftNext(a))
	m.splice(e^1, b)
	return e
}

func (m *mesh) remove(e edge) {
	m.splice(e, m.prev[e])
	m.splice(e^1, m.prev[e^1])
	m.org[e], m.org[e^1] = -1, -1
}

// triangulate makes the Delaunay triangulation of two or more sites lo to hi-1,
// and returns the edge of its hull that leaves the first site anticlockwise and
// the one that leaves the last clockwise.
func (m *mesh) triangulate(lo, hi int) (left, right edge) {
	switch hi - lo {
	case 2:
		a := m.edge(m.sites[lo], m.sites[lo+1])
		return a, a ^ 1
	case 3:
		return m.three(m.sites[lo], m.sites[lo+1], m.sites[lo+2])
	}
	mid := (lo + hi) / 2
	leftOuter, leftInner := m.triangulate(lo, mid)
	rightInner, rightOuter := m.triangulate(mid, hi)
	base := m.tangent(&leftOuter, leftInner, rightInner, &rightOuter)
	m.zip(base)
	return leftOuter, rightOuter
}

func (m *mesh) three(p, q, r int32) (left, right edge) {
	a, b := m.edge(p, q), m.edge(q, r)
	m.splice(a^1, b)
	switch turn := m.turn(p, q, r); {
	case turn > 0:
		m.connect(b, a)
		return a, b ^ 1
	case turn < 0:
		c := m.connect(b, a)
		return c ^ 1, c
	}
	return a, b ^ 1
}

// tangent joins the two halves by the lower of their common tangents, and
// returns it as an edge from right to left.
func (m *mesh) tangent(leftOuter *edge, li, ri edge, rightOuter *edge) edge {
	for {
		if m.turn(m.org[ri], m.org[li], m.org[li^1]) > 0 {
			li = m.leftNext(li)
		} else if m.turn(m.org[li], m.org[ri^1], m.org[ri]) > 0 {
			ri = m.next[ri^1]
		} else {
			break
		}
	}
	base := m.connect(ri^1, li)
	if m.org[li] == m.org[*leftOuter] {
		*leftOuter = base ^ 1
	}
	if m.org[ri] == m.org[*rightOuter] {
		*rightOuter = base
	}
	return base
}

// zip merges the halves from the tangent upwards: each step takes, of the two
// spots next above the base, the one whose circle with the base does not hold
// the other, and drops edges whose circle holds it.
func (m *mesh) zip(base edge) {
	for {
		l := m.candidate(base, m.next[base^1], m.next)
		r := m.candidate(base, m.prev[base], m.prev)
		above := m.above(base, r)
		switch {
		case !m.above(base, l) && !above:
			return
		case !m.above(base, l) || above && m.inCircle(m.org[l^1], m.org[l], m.org[r], m.org[r^1]):
			base = m.connect(r, base^1)
		default:
			base = m.connect(base^1, l^1)
		}
	}
}

// candidate drops, from e on along the ring, edges on whose far side the
// circle with the base holds the next spot.
func (m *mesh) candidate(base, e edge, ring []edge) edge {
	if !m.above(base, e) {
		return e
	}
	for {
		after := ring[e]
		if !m.above(base, after) || !m.inCircle(m.org[base^1], m.org[base], m.org[e^1], m.org[after^1]) {
			return e
		}
		m.remove(e)
		e = after
	}
}

// above says whether e leads to the right of base, where the halves still gape.
func (m *mesh) above(base, e edge) bool {
	return m.turn(m.org[e^1], m.org[base^1], m.org[base]) > 0
}
