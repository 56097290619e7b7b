package embed

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// UMAPOptions says how UMAP works. The zero value gives what scanpy.tl.umap
// does.
type UMAPOptions struct {
	MinDist    float64 // distance below which points of the layout are not pulled closer; 0 = 0.5, negative = 0
	Spread     float64 // scale of the layout; 0 = 1
	Epochs     int     // 0 = 500, or 200 for more than 10,000 spots
	Negative   int     // spots pushed away for each pull; 0 = 5
	Rate       float64 // length of the first steps, falling to 0; 0 = 1
	Repulsion  float64 // weight of pushes; 0 = 1
	Components int     // of the layout; 0 = 2
	Seed       uint64  // 0 = 42
}

const (
	umapSide  = 10.0   // of the square that the layout starts in
	umapNoise = 1e-4   // parts spots that start at the same place
	umapClip  = 4.0    // longest step along an axis, times the rate
	umapLarge = 10_000 // spots beyond which fewer epochs do
)

func (o UMAPOptions) withDefaults(spots int) UMAPOptions {
	def := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.MinDist, 0.5)
	o.MinDist = math.Max(0, o.MinDist)
	def(&o.Spread, 1)
	def(&o.Rate, 1)
	def(&o.Repulsion, 1)
	if o.Epochs == 0 {
		o.Epochs = 500
		if spots > umapLarge {
			o.Epochs = 200
		}
	}
	if o.Negative == 0 {
		o.Negative = 5
	}
	if o.Components == 0 {
		o.Components = 2
	}
	if o.Seed == 0 {
		o.Seed = defaultSeed
	}
	return o
}

// UMAP lays out the nodes of a fuzzy graph [spots][spots] (see
// [Neighbors.Connectivities]) so that nodes with a strong tie come to lie
// close: it lessens, by stochastic gradient descent, the cross-entropy of the
// ties and 1/(1+a·d^2b), d the distance in the layout (McInnes et al.,
// arXiv:1802.03426, algorithm 5). a and b follow from MinDist and Spread. The
// layout starts from the first columns of start [spots][≥ components], such as
// principal components, each stretched to [0, 10]. It returns [spots][components].
func UMAP(ctx context.Context, g *sparse.CSR, start dense.Matrix[float64], o UMAPOptions, news progress.Func) (dense.Matrix[float32], error) {
	var none dense.Matrix[float32]
	o = o.withDefaults(g.Rows)
	if _, err := newNetwork(g); err != nil {
		return none, err
	}
	if err := check(start); err != nil {
		return none, err
	}
	if start.Rows != g.Rows || start.Cols < o.Components || o.Components < 1 {
		return none, fmt.Errorf("embed: a layout of %d nodes in %d dimensions cannot start from %d x %d", g.Rows, o.Components, start.Rows, start.Cols)
	}
	if o.Epochs < 1 || o.Negative < 0 || !(o.Spread > 0) || !(o.MinDist < 3*o.Spread) || !(o.Rate > 0) || !(o.Repulsion >= 0) {
		return none, fmt.Errorf("embed: UMAP of %d epochs, %d pushes, spread %g, least distance %g, rate %g, repulsion %g: want at least 1 epoch, "+
			"numbers above 0 and a least distance below 3 spreads", o.Epochs, o.Negative, o.Spread, o.MinDist, o.Rate, o.Repulsion)
	}
	l := newLayout(g, start, o)
	for e := range o.Epochs {
		if err := ctx.Err(); err != nil {
			return none, err
		}
		l.epoch(e)
		if e%10 == 9 || e == o.Epochs-1 {
			news.Send(progress.Event{Step: "layout", Done: e + 1, Total: o.Epochs})
		}
	}
	out := dense.New[float32](g.Rows, o.Components)
	for i, v := range l.at.Data {
		out.Data[i] = float32(v)
	}
	return out, nil
}

// Curve returns a and b such that 1/(1+a·d^2b) comes nearest, by least squares
// over 300 distances from 0 to 3 spreads, to what is wanted of a tie at
// distance d: 1 up to minDist, then exp(-(d-minDist)/spread). Levenberg and
// Marquardt's method, in log a and log b, which keeps both positive.
func Curve(minDist, spread float64) (a, b float64) {
	const n = 300
	loss := func(p [2]float64) (sum float64, g [2]float64, h [2][2]float64) {
		a, b := math.Exp(p[0]), math.Exp(p[1])
		for i := range n {
			d := 3 * spread * float64(i) / (n - 1)
			want := 1.0
			if d >= minDist {
				want = math.Exp(-(d - minDist) / spread)
			}
			t := a * math.Pow(d, 2*b)
			y := 1 / (1 + t)
			r := y - want
			j := [2]float64{-y * y * t, 0}
			if d > 0 {
				j[1] = -y * y * t * 2 * b * math.Log(d)
			}
			sum += r * r
			for u := range 2 {
				g[u] += j[u] * r
				for v := range 2 {
					h[u][v] += j[u] * j[v]
				}
			}
		}
		return sum, g, h
	}
	var p [2]float64
	lambda := 1e-3
	sum, g, h := loss(p)
	for range 200 {
		p00, p11 := h[0][0]*(1+lambda), h[1][1]*(1+lambda)
		det := p00*p11 - h[0][1]*h[1][0]
		step := [2]float64{(p11*g[0] - h[0][1]*g[1]) / det, (p00*g[1] - h[1][0]*g[0]) / det}
		next := [2]float64{p[0] - step[0], p[1] - step[1]}
		s, gn, hn := loss(next)
		if s < sum {
			done := sum-s < 1e-16
			p, sum, g, h, lambda = next, s, gn, hn, lambda/10
			if done {
				break
			}
		} else if lambda *= 10; lambda > 1e12 {
			break
		}
	}
	return math.Exp(p[0]), math.Exp(p[1])
}

// layout is the state of UMAP.
type layout struct {
	o     UMAPOptions
	a, b  float64
	at    dense.Matrix[float64]
	edges []edge // by first node, then second
	draws rand.PCG
}

// edge is one direction of a tie.
type edge struct {
	i, j  int32
	every float64 // epochs between two pulls
	due   float64 // when the next one is
}

func newLayout(g *sparse.CSR, start dense.Matrix[float64], o UMAPOptions) *layout {
	l := &layout{o: o, at: dense.New[float64](g.Rows, o.Components)}
	l.a, l.b = Curve(o.MinDist, o.Spread)
	l.draws.Seed(o.Seed, 0x1a4007)
	l.begin(start)
	most := 0.0
	for _, w := range g.Data {
		most = math.Max(most, float64(w))
	}
	for i := range g.Rows {
		cols, weights := g.Row(i)
		for t, j := range cols {
			// Ties too weak to be due once are left out.
			if w := float64(weights[t]); w > 0 && w >= most/float64(o.Epochs) && int(j) != i {
				l.edges = append(l.edges, edge{int32(i), j, most / w, most / w})
			}
		}
	}
	return l
}

// begin stretches each column of start to the layout's square.
func (l *layout) begin(start dense.Matrix[float64]) {
	rng := rand.New(&l.draws)
	col := make([]float64, start.Rows)
	for c := range l.at.Cols {
		for i := range col {
			col[i] = start.At(i, c)
		}
		lo, hi := floats.Min(col), floats.Max(col)
		for i, v := range col {
			x := umapNoise * rng.NormFloat64()
			if hi > lo {
				x += umapSide * (v - lo) / (hi - lo)
			}
			l.at.Set(i, c, x)
		}
	}
}

// epoch goes once through the edges that are due. Both ends of an edge move
// towards each other; then its first node moves away from nodes drawn at
// random.
func (l *layout) epoch(e int) {
	rate, n := l.o.Rate*(1-float64(e)/float64(l.o.Epochs)), uint64(l.at.Rows)
	for k := range l.edges {
		d := &l.edges[k]
		if d.due > float64(e+1) {
			continue
		}
		d.due += d.every
		x, y := l.at.Row(int(d.i)), l.at.Row(int(d.j))
		f := l.pull(squaredDistance(x, y))
		for c := range x {
			s := rate * max(-umapClip, min(umapClip, f*(x[c]-y[c])))
			x[c] += s
			y[c] -= s
		}
		for range l.o.Negative {
			y := l.at.Row(int(l.draws.Uint64() >> 32 * n >> 32))
			f := l.push(squaredDistance(x, y))
			for c := range x {
				x[c] += rate * max(-umapClip, min(umapClip, f*(x[c]-y[c])))
			}
		}
	}
}

// pull returns the factor of (x-y) in the gradient of log(1/(1+a·d^2b)).
func (l *layout) pull(d2 float64) float64 {
	if d2 == 0 {
		return 0
	}
	p := math.Exp(l.b * math.Log(d2)) // d^2b
	return -2 * l.a * l.b * p / d2 / (1 + l.a*p)
}

// push returns that in the gradient of log(1-1/(1+a·d^2b)), with 0.001 added
// to d² against division by zero, as in the paper. It is 0 for a node and
// itself.
func (l *layout) push(d2 float64) float64 {
	if d2 == 0 {
		return 0
	}
	return 2 * l.o.Repulsion * l.b / ((0.001 + d2) * (1 + l.a*math.Exp(l.b*math.Log(d2))))
}

func squaredDistance(x, y []float64) float64 {
	sum := 0.0
	for c, v := range x {
		d := v - y[c]
		sum += d * d
	}
	return sum
}
