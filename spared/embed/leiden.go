package embed

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// LeidenOptions says how Leiden works. The zero value gives what
// scanpy.tl.leiden does.
type LeidenOptions struct {
	Resolution float64 // γ: more gives more and smaller clusters; 0 = 1
	Iterations int     // at most so many; 0 = until one changes nothing
	Seed       uint64  // 0 = 42
	Progress   progress.Func
}

// randomness is θ of the refinement, as in the paper's experiments.
const randomness = 0.01

// Leiden divides the nodes of a symmetric graph [nodes][nodes] with weights
// that are not negative into clusters that maximise [Modularity]
// with the algorithm of Traag, Waltman & van Eck (2019), appendix A: nodes
// move fast, clusters are refined into well-connected parts, the parts become
// the nodes of a smaller graph; repeated until nothing changes. It returns the
// cluster of each node; clusters are numbered from the largest, of equals
// the one with the lowest node first. Errors: a malformed graph, a weight that
// is negative or not finite, a graph that is not symmetric.
func Leiden(ctx context.Context, g *sparse.CSR, o LeidenOptions) ([]int, error) {
	n, err := newNetwork(g)
	if err != nil {
		return nil, err
	}
	if o.Resolution == 0 {
		o.Resolution = 1
	}
	if !(o.Resolution > 0) || math.IsInf(o.Resolution, 0) {
		return nil, fmt.Errorf("embed: resolution %g: want a finite number above 0", o.Resolution)
	}
	if o.Seed == 0 {
		o.Seed = defaultSeed
	}
	l := &leiden{rng: rand.New(rand.NewPCG(o.Seed, 0x1e1de)), gamma: o.Resolution}
	of := make([]int32, n.len())
	for i := range of {
		of[i] = int32(i)
	}
	quality := math.Inf(-1)
	for i := 1; o.Iterations == 0 || i <= o.Iterations; i++ {
		o.Progress.Send(progress.Event{Step: "clusters", Done: i, Total: o.Iterations})
		next, err := l.iterate(ctx, n, slices.Clone(of))
		if err != nil {
			return nil, err
		}
		q := n.quality(next, l.gamma)
		if !(q > quality+1e-12) {
			break
		}
		of, quality = next, q
	}
	return bySize(of), nil
}

// Modularity returns, for a symmetric graph with weights A, degrees k and
// 2m = Σ A, Newman's modularity with a resolution γ (Reichardt & Bornholdt,
// Physical Review E 74:016110, 2006):
//
//	Q = 1/2m Σᵢⱼ (Aᵢⱼ - γ·kᵢkⱼ/2m)·[i and j in one cluster]
//
// It is 0 for a graph without edges.
func Modularity(g *sparse.CSR, cluster []int, resolution float64) (float64, error) {
	n, err := newNetwork(g)
	if err != nil {
		return 0, err
	}
	if len(cluster) != n.len() {
		return 0, fmt.Errorf("embed: %d clusters for %d nodes", len(cluster), n.len())
	}
	number, of := map[int]int32{}, make([]int32, len(cluster))
	for i, c := range cluster {
		if _, ok := number[c]; !ok {
			number[c] = int32(len(number))
		}
		of[i] = number[c]
	}
	return n.quality(of, resolution), nil
}

// network is an undirected weighted graph; an edge stands in the rows of both
// its ends. What lies inside a node (after aggregation) is in its degree only.
type network struct {
	start  []int64
	to     []int32
	weight []float64
	inside []float64 // weight of the edges inside a node, both directions
	degree []float64 // Σ weight + inside
	total  float64   // 2m
}

func (n *network) len() int { return len(n.degree) }

func (n *network) row(i int32) ([]int32, []float64) {
	return n.to[n.start[i]:n.start[i+1]], n.weight[n.start[i]:n.start[i+1]]
}

func newNetwork(g *sparse.CSR) (*network, error) {
	if err := g.Check(); err != nil {
		return nil, fmt.Errorf("embed: graph: %w", err)
	}
	if g.Rows != g.Cols {
		return nil, fmt.Errorf("embed: a graph is square, not %d x %d", g.Rows, g.Cols)
	}
	n := &network{start: make([]int64, 1, g.Rows+1), inside: make([]float64, g.Rows), degree: make([]float64, g.Rows)}
	for i := range g.Rows {
		cols, w := g.Row(i)
		for t, j := range cols {
			v := float64(w[t])
			if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("embed: the edge of nodes %d and %d has weight %g: want a finite number, 0 or more", i, j, v)
			}
			back, bw := g.Row(int(j))
			if at, ok := slices.BinarySearch(back, int32(i)); !ok || bw[at] != w[t] {
				return nil, fmt.Errorf("embed: the graph is not symmetric: nodes %d and %d", i, j)
			}
			n.degree[i] += v
			if int(j) == i {
				n.inside[i] = v
				continue
			}
			n.to, n.weight = append(n.to, j), append(n.weight, v)
		}
		n.start = append(n.start, int64(len(n.to)))
		n.total += n.degree[i]
	}
	return n, nil
}

func (n *network) quality(of []int32, gamma float64) float64 {
	if n.total == 0 {
		return 0
	}
	within, degree := 0.0, make([]float64, n.len())
	for i := range of {
		within += n.inside[i]
		degree[of[i]] += n.degree[i]
		to, w := n.row(int32(i))
		for t, j := range to {
			if of[j] == of[i] {
				within += w[t]
			}
		}
	}
	for _, k := range degree {
		within -= gamma * k * k / n.total
	}
	return within / n.total
}

// leiden is one run: its draws and its scratch.
type leiden struct {
	rng   *rand.Rand
	gamma float64
}

// iterate runs all levels once, from the partition of.
func (l *leiden) iterate(ctx context.Context, n *network, of []int32) ([]int32, error) {
	base := make([]int32, n.len()) // node of the present level for each of the first
	for i := range base {
		base[i] = int32(i)
	}
	level := of
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l.move(n, level)
		clusters := compact(level)
		for i, b := range base {
			of[i] = level[b]
		}
		if clusters == n.len() {
			return of, nil
		}
		refined := l.refine(n, level, clusters)
		parts := compact(refined)
		if parts == n.len() { // nothing was merged: the clusters themselves become nodes
			refined, parts = slices.Clone(level), clusters
		}
		next := make([]int32, parts)
		for i, r := range refined {
			next[r] = level[i]
		}
		for i, b := range base {
			base[i] = refined[b]
		}
		n, level = n.aggregate(refined, parts), next
	}
}

// compact renumbers clusters 0, 1, ... by first node and returns how many
// there are.
func compact(of []int32) int {
	number := make([]int32, len(of))
	for i := range number {
		number[i] = -1
	}
	k := int32(0)
	for i, c := range of {
		if number[c] < 0 {
			number[c] = k
			k++
		}
		of[i] = number[c]
	}
	return int(k)
}

// tally sums the weights from a node to clusters, without clearing what it
// does not touch.
type tally struct {
	sum  []float64
	seen []int32
	in   []bool
}

func newTally(n int) *tally { return &tally{sum: make([]float64, n), in: make([]bool, n)} }

func (t *tally) add(c int32, w float64) {
	if !t.in[c] {
		t.in[c] = true
		t.seen = append(t.seen, c)
	}
	t.sum[c] += w
}

func (t *tally) reset() {
	for _, c := range t.seen {
		t.sum[c], t.in[c] = 0, false
	}
	t.seen = t.seen[:0]
}

// move is MoveNodesFast: each node goes to the neighbouring cluster, or an
// empty one, where quality gains most; then its neighbours outside that
// cluster are looked at again.
func (l *leiden) move(n *network, of []int32) {
	size, degree := make([]int, n.len()), make([]float64, n.len())
	for i, c := range of {
		size[c]++
		degree[c] += n.degree[i]
	}
	var empty []int32
	for c := n.len() - 1; c >= 0; c-- {
		if size[c] == 0 {
			empty = append(empty, int32(c))
		}
	}
	queue, waiting := make([]int32, n.len()), make([]bool, n.len())
	for i, v := range l.rng.Perm(n.len()) {
		queue[i], waiting[v] = int32(v), true
	}
	near := newTally(n.len())
	// A ring: at most all nodes wait.
	for head, left := 0, len(queue); left > 0; left-- {
		v := queue[head]
		waiting[v] = false
		head = (head + 1) % len(queue)
		from := of[v]
		near.reset()
		near.add(from, 0)
		to, w := n.row(v)
		for t, j := range to {
			near.add(of[j], w[t])
		}
		size[from]--
		degree[from] -= n.degree[v]
		best, gain := from, near.sum[from]-l.gamma*n.degree[v]*degree[from]/n.total
		for _, c := range near.seen {
			if g := near.sum[c] - l.gamma*n.degree[v]*degree[c]/n.total; g > gain+1e-12*n.degree[v] {
				best, gain = c, g
			}
		}
		if gain < -1e-12*n.degree[v] && size[from] > 0 { // alone is better
			best = empty[len(empty)-1]
		}
		if best != from && size[best] == 0 {
			empty = empty[:len(empty)-1]
		}
		if best != from && size[from] == 0 {
			empty = append(empty, from)
		}
		size[best]++
		degree[best] += n.degree[v]
		of[v] = best
		if best == from {
			continue
		}
		for _, j := range to {
			if of[j] != best && !waiting[j] {
				waiting[j] = true
				queue[(head+left-1)%len(queue)] = j
				left++
			}
		}
	}
}

// refine divides each cluster into parts that are well connected within it.
// It starts from single nodes and merges them, with chances that grow with the
// gain.
func (l *leiden) refine(n *network, of []int32, clusters int) []int32 {
	size := n.len()
	whole := make([]float64, clusters) // degree of a cluster
	for i, c := range of {
		whole[c] += n.degree[i]
	}
	part := make([]int32, size)
	degree, edge, single := make([]float64, size), make([]float64, size), make([]bool, size)
	for i := range size {
		part[i], degree[i], single[i] = int32(i), n.degree[i], true
		to, w := n.row(int32(i))
		for t, j := range to { // weight from the node to the rest of its cluster
			if of[j] == of[i] {
				edge[i] += w[t]
			}
		}
	}
	well := func(p int32, c int32) bool {
		return edge[p] >= l.gamma*degree[p]*(whole[c]-degree[p])/n.total
	}
	near := newTally(size)
	var chance []float64
	for _, x := range l.rng.Perm(size) {
		v, c := int32(x), of[x]
		if !single[part[v]] || part[v] != v || !well(v, c) {
			continue
		}
		near.reset()
		to, w := n.row(v)
		for t, j := range to {
			if of[j] == c {
				near.add(part[j], w[t])
			}
		}
		chance = chance[:0]
		for _, p := range near.seen {
			g := near.sum[p] - l.gamma*n.degree[v]*degree[p]/n.total
			if g < 0 || !well(p, c) {
				g = math.Inf(-1)
			}
			chance = append(chance, g/randomness)
		}
		p := l.draw(near.seen, chance)
		if p < 0 {
			continue
		}
		edge[p] += edge[v] - 2*near.sum[p]
		degree[p] += degree[v]
		degree[v], edge[v] = 0, 0
		single[p] = false
		part[v] = p
	}
	return part
}

// draw takes one of the parts with a chance in proportion to exp(chance), and
// -1 where each has -Inf. Staying alone has the gain 0.
func (l *leiden) draw(parts []int32, chance []float64) int32 {
	top := 0.0
	for _, c := range chance {
		top = math.Max(top, c)
	}
	sum := math.Exp(-top)
	for _, c := range chance {
		sum += math.Exp(c - top)
	}
	u := l.rng.Float64()*sum - math.Exp(-top)
	if u < 0 {
		return -1
	}
	last := int32(-1)
	for i, c := range chance {
		if math.IsInf(c, -1) {
			continue
		}
		last = parts[i]
		if u -= math.Exp(c - top); u < 0 {
			break
		}
	}
	return last
}

// aggregate makes each part a node.
func (n *network) aggregate(part []int32, parts int) *network {
	members := make([][]int32, parts)
	for i, p := range part {
		members[p] = append(members[p], int32(i))
	}
	a := &network{start: make([]int64, 1, parts+1), inside: make([]float64, parts), degree: make([]float64, parts), total: n.total}
	near := newTally(parts)
	for p, list := range members {
		near.reset()
		for _, i := range list {
			a.inside[p] += n.inside[i]
			a.degree[p] += n.degree[i]
			to, w := n.row(i)
			for t, j := range to {
				if int(part[j]) == p {
					a.inside[p] += w[t]
				} else {
					near.add(part[j], w[t])
				}
			}
		}
		slices.Sort(near.seen)
		for _, q := range near.seen {
			a.to, a.weight = append(a.to, q), append(a.weight, near.sum[q])
		}
		a.start = append(a.start, int64(len(a.to)))
	}
	return a
}

// bySize numbers clusters from the largest.
func bySize(of []int32) []int {
	clusters := compact(of)
	size, order, number := make([]int, clusters), make([]int, clusters), make([]int, clusters)
	for _, c := range of {
		size[c]++
	}
	for c := range order {
		order[c] = c
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size[b], size[a]) })
	for rank, c := range order {
		number[c] = rank
	}
	out := make([]int, len(of))
	for i, c := range of {
		out[i] = number[c]
	}
	return out
}
