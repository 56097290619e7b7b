package moran

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// Permutations says how to shuffle.
type Permutations struct {
	N        int           // number of shuffles; 0 means 999
	Rand     *rand.Rand    // where they come from; nil means a fixed seed
	Progress progress.Func // told after each batch of shuffles; may be nil
}

func (o Permutations) n() int {
	if o.N == 0 {
		return 999
	}
	return o.N
}

func (o Permutations) rand() *rand.Rand {
	if o.Rand == nil {
		return rand.New(rand.NewPCG(0, 0))
	}
	return o.Rand
}

// Permuted is Moran's I of one gene with its permutation test.
type Permuted struct {
	I        float64
	Mean, SD float64 // of I over the shuffles
	Greater  float64 // p = (1 + shuffles with I or more) / (1 + shuffles)
	TwoSided float64 // the same of |I - EI|, EI = -1/(n-1)
}

// Permute returns Moran's I of each column of x [spots][genes] with p-values
// from shuffles of the values over the spots: the null hypothesis that every
// assignment of them is equally likely, without any formula for its tails. All
// genes see the same shuffles, each of which is drawn once.
//
// The gene's own arrangement counts as one of the shuffles, so p is never 0 and
// the test is valid for any number of them (Phipson & Smyth, Statistical
// Applications in Genetics and Molecular Biology 9:39, 2010). A shuffle whose I
// is equal but for rounding counts as equal. (squidpy shuffles the rows of the
// weights and not their columns, which makes the null too narrow.)
//
// All fields are NaN for a constant gene. Besides those of [I] it is an error if
// o.N is negative or ctx is cancelled. Memory is O(spots) besides x.
func Permute[T dense.Float](ctx context.Context, x dense.Matrix[T], g *neighbor.Graph, o Permutations) ([]Permuted, error) {
	if err := x.Check(); err != nil {
		return nil, fmt.Errorf("moran: %w", err)
	}
	if err := checkGraph(x.Rows, g); err != nil {
		return nil, err
	}
	p := planOf(g)
	blocks := (x.Cols + narrow - 1) / narrow
	return shuffle(ctx, p, x.Cols, blocks, o, func(next func() (int, bool), batch [][]int32, tally []tally) {
		s := newShuffler(p)
		for b, ok := next(); ok; b, ok = next() {
			from, to := b*narrow, min((b+1)*narrow, x.Cols)
			loadNarrow(s, x, from, to)
			s.count(batch, tally[from:to])
		}
	})
}

// PermuteSparse is [Permute] of a sparse matrix, whose zeros count as values; it
// takes time by the values that are not zero.
func PermuteSparse(ctx context.Context, x *sparse.CSR, g *neighbor.Graph, o Permutations) ([]Permuted, error) {
	if err := x.Check(); err != nil {
		return nil, fmt.Errorf("moran: %w", err)
	}
	if err := checkGraph(x.Rows, g); err != nil {
		return nil, err
	}
	p, held := planOf(g), counts(x)
	blocks := (x.Cols + sparseWidth - 1) / sparseWidth
	return shuffle(ctx, p, x.Cols, blocks, o, func(next func() (int, bool), batch [][]int32, tally []tally) {
		r, z := newColumnReader(x, p.order, held), make([]float64, x.Rows)
		for b, ok := next(); ok; b, ok = next() {
			from, to := b*sparseWidth, min((b+1)*sparseWidth, x.Cols)
			for k, col := range r.read(from, to) {
				p.countSparse(col, z, batch, &tally[from+k])
			}
		}
	})
}

// batchSize is the number of shuffles that are held at a time.
const batchSize = 64

// tally is what the shuffles of one gene have come to, in terms of the numerator
// Σ wᵢⱼzᵢzⱼ of I.
type tally struct {
	lag, z2           float64 // as observed
	sum, sum2         float64 // of the difference to lag
	greater, extremer int
}

// add counts one shuffle. Numerators within slack of each other are equal.
func (t *tally) add(lag, expected, slack float64) {
	d := lag - t.lag
	t.sum += d
	t.sum2 += d * d
	if d >= -slack {
		t.greater++
	}
	if math.Abs(lag-expected) >= math.Abs(t.lag-expected)-slack {
		t.extremer++
	}
}

// shuffle draws permutations batch by batch and has count add them up; blocks is
// the number of pieces that the genes fall into.
func shuffle(ctx context.Context, p *plan, genes, blocks int, o Permutations, count func(next func() (int, bool), batch [][]int32, tally []tally)) ([]Permuted, error) {
	if o.N < 0 {
		return nil, fmt.Errorf("moran: %d permutations", o.N)
	}
	n, rng, start := len(p.order), o.rand(), time.Now()
	tallies := make([]tally, genes)
	batch := make([][]int32, 0, batchSize)
	identity := make([]int32, n)
	for i := range identity {
		identity[i] = int32(i)
	}
	for done := 0; done < o.n(); {
		batch = batch[:min(batchSize, o.n()-done)]
		for b := range batch {
			if batch[b] == nil {
				batch[b] = make([]int32, n)
			}
			copy(batch[b], identity)
			rng.Shuffle(n, func(i, j int) { batch[b][i], batch[b][j] = batch[b][j], batch[b][i] })
		}
		parallel(blocks, func(next func() (int, bool)) {
			count(func() (int, bool) {
				k, ok := next()
				return k, ok && ctx.Err() == nil
			}, batch, tallies)
		})
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		done += len(batch)
		o.Progress.Send(progress.Event{Step: "permutations", Done: done, Total: o.n(), Seconds: time.Since(start).Seconds()})
	}
	return permuted(tallies, p, o.n()), nil
}

func permuted(tallies []tally, p *plan, permutations int) []Permuted {
	out := make([]Permuted, len(tallies))
	n, m := float64(len(p.order)), float64(permutations)
	for j, t := range tallies {
		if t.z2 == 0 || math.IsNaN(t.z2) || n == 0 {
			nan := math.NaN()
			out[j] = Permuted{nan, nan, nan, nan, nan}
			continue
		}
		scale := n / p.s0 / t.z2
		mean := t.sum / m
		out[j] = Permuted{
			I:        scale * t.lag,
			Mean:     scale * (t.lag + mean),
			SD:       math.Abs(scale) * math.Sqrt(max(0, t.sum2/m-mean*mean)),
			Greater:  float64(1+t.greater) / (1 + m),
			TwoSided: float64(1+t.extremer) / (1 + m),
		}
	}
	return out
}

// expected is the mean of Σ wᵢⱼzᵢzⱼ over all shuffles.
func (p *plan) expected(z2 float64) float64 {
	n := float64(len(p.order))
	return -z2 * p.s0 / (n * (n - 1))
}

// equal is the difference of two sums, relative to Σz², that rounding explains.
const equal = 1e-12

// narrow is the number of genes that are shuffled together: few, so that a
// slide's worth of them stays in the second-level cache.
const narrow = 16

// shuffler holds values by place, as observed and as shuffled.
type shuffler struct {
	*plan
	z, y [][narrow]float64 // less their mean
	z2   [narrow]float64
}

func newShuffler(p *plan) *shuffler {
	return &shuffler{plan: p, z: make([][narrow]float64, len(p.order)), y: make([][narrow]float64, len(p.order))}
}

func loadNarrow[T dense.Float](s *shuffler, x dense.Matrix[T], from, to int) {
	var mean [narrow]float64
	constant := [narrow]bool{}
	for c := range constant {
		constant[c] = true
	}
	for t, spot := range s.order {
		s.z[t] = [narrow]float64{}
		for c, v := range x.Row(int(spot))[from:to] {
			s.z[t][c] = float64(v)
			mean[c] += float64(v)
			constant[c] = constant[c] && s.z[t][c] == s.z[0][c]
		}
	}
	s.z2 = [narrow]float64{}
	for t := range s.z {
		for c, v := range s.z[t] {
			v -= mean[c] / float64(len(s.z))
			if constant[c] { // whose mean may be off by rounding
				v = 0
			}
			s.z[t][c] = v
			s.z2[c] += v * v
		}
	}
}

// count adds the shuffles of a batch to the tallies of the genes loaded.
func (s *shuffler) count(batch [][]int32, tallies []tally) {
	observed := s.pairs(s.z)
	for c := range tallies {
		tallies[c].lag, tallies[c].z2 = observed[c], s.z2[c]
	}
	for _, order := range batch {
		for t, to := range order {
			s.y[to] = s.z[t]
		}
		lag := s.pairs(s.y)
		for c := range tallies {
			tallies[c].add(lag[c], s.expected(s.z2[c]), equal*s.z2[c])
		}
	}
}

// pairs returns Σ wᵢⱼyᵢyⱼ.
func (s *shuffler) pairs(y [][narrow]float64) (sum [narrow]float64) {
	for t := range y {
		near := s.near[s.start[t]:s.start[t+1]]
		if len(near) == 3 && s.regular[t] {
			n0, n1, n2 := &y[near[0]], &y[near[1]], &y[near[2]]
			for c, v := range &y[t] {
				sum[c] += v * (n0[c] + n1[c] + n2[c])
			}
			continue
		}
		var around [narrow]float64
		for k, u := range near {
			w := s.weight[int(s.start[t])+k]
			for c, v := range &y[u] {
				around[c] += w * v
			}
		}
		for c, v := range &y[t] {
			sum[c] += v * around[c]
		}
	}
	for c := range sum {
		sum[c] *= s.unit
	}
	return sum
}

// countSparse adds the shuffles of a batch to the tally of one gene. z, by
// place, is all zero before and after.
func (p *plan) countSparse(col column, z []float64, batch [][]int32, t *tally) {
	s := p.sumSparse(col, z, false)
	t.lag, t.z2 = s.lag, s.z2
	var total float64
	for _, v := range col.value {
		total += float64(v)
	}
	n := float64(len(z))
	m := total / n
	slack := equal * (s.z2 + n*m*m)
	for _, order := range batch {
		var pairs, border float64
		for k, at := range col.place {
			v, to := float64(col.value[k]), order[at]
			z[to] = v
			border += p.excess[to] * v
		}
		for k, at := range col.place {
			pairs += float64(col.value[k]) * p.around(z, order[at])
		}
		for _, at := range col.place {
			z[order[at]] = 0
		}
		lag := p.unit*pairs - m*(2*total+border) + m*m*p.s0
		t.add(lag, p.expected(s.z2), slack)
	}
}
