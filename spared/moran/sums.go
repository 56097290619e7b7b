package moran

import (
	"runtime"
	"sync"

	"github.com/spatialgo/spatialgo/spared/dense"
)

// sum holds the sums over the spots that the statistics of one gene are made
// of; z is the value less the gene's mean.
type sum struct {
	lag    float64 // Σᵢⱼ wᵢⱼ zᵢ zⱼ
	z2, z4 float64 // Σ z², Σ z⁴ (the latter on demand)
	border float64 // Σ excess·z² (on demand), for Geary's C
}

// width is the number of genes worked on together. A row-major matrix is then
// read by runs of several cache lines.
const width = 128

// ring holds the last places' values of width genes, less a rough mean of
// each: place t at t & mask, as long as later places ask for it.
type ring struct {
	row  [][width]float64
	mask int
}

func newRing(p *plan) *ring {
	size := 1
	for size <= p.reach {
		size *= 2
	}
	return &ring{row: make([][width]float64, size), mask: size - 1}
}

func (r *ring) at(t int32) *[width]float64 { return &r.row[int(t)&r.mask] }

// totals are sums over a tile's values d, which are not quite centred.
type totals struct {
	rough               [width]float64 // what d is less than the value
	d, d2, pair, border [width]float64 // Σd, Σd², Σ weight·d·d over pairs, Σ excess·d
}

// denseSums computes the sums of all genes. Each gene is summed in the same
// order whatever the number of workers, so the result does not depend on it.
func denseSums[T dense.Float](x dense.Matrix[T], p *plan, all bool) []sum {
	out := make([]sum, x.Cols)
	if x.Rows == 0 {
		return out
	}
	blocks := (x.Cols + width - 1) / width
	parallel(blocks, func(next func() (int, bool)) {
		k := &kernel[T]{plan: p, block: make([][width]T, x.Rows), ring: newRing(p)}
		for b, ok := next(); ok; b, ok = next() {
			from, to := b*width, min((b+1)*width, x.Cols)
			k.load(x, from, to)
			k.sum(out[from:to], all)
		}
	})
	return out
}

// kernel sums up the genes of one block at a time.
type kernel[T dense.Float] struct {
	*plan
	block [][width]T // the block's values, by place
	ring  *ring
	totals
}

// load copies the genes from to to-1. Rows lie far apart in x; to copy first
// lets the machine fetch many at once.
func (k *kernel[T]) load(x dense.Matrix[T], from, to int) {
	for t, spot := range k.order {
		n := copy(k.block[t][:], x.Row(int(spot))[from:to])
		clear(k.block[t][n:])
	}
}

// parallel runs work on as many workers as there are cores; next hands out the
// numbers 0 to n-1, each to one of them.
func parallel(n int, work func(next func() (int, bool))) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var group sync.WaitGroup
	var mutex sync.Mutex
	given := 0
	for range workers {
		group.Go(func() {
			work(func() (int, bool) {
				mutex.Lock()
				defer mutex.Unlock()
				given++
				return given - 1, given <= n
			})
		})
	}
	group.Wait()
}

// roughMean returns the mean of each gene over some spots spread over the
// slide. Values less it are small where they are far from 0 as a whole, so that
// sums of their squares lose no digits; it is exact for a constant gene.
func (k *kernel[T]) roughMean() (mean [width]float64) {
	const sample = 32
	first := &k.block[0]
	n := min(sample, len(k.block))
	for m := range n {
		for c, v := range &k.block[m*len(k.block)/n] {
			mean[c] += float64(v) - float64(first[c])
		}
	}
	for c := range mean {
		mean[c] = float64(first[c]) + mean[c]/float64(n)
	}
	return mean
}

// sum sums the block up, in one pass: of a spot's pairs those with earlier
// places are ready when it comes.
func (k *kernel[T]) sum(out []sum, all bool) {
	k.totals = totals{rough: k.roughMean()}
	for t := range k.block {
		dst := k.ring.at(int32(t))
		near := k.near[k.start[t]:k.start[t+1]]
		if len(near) == 3 && k.regular[t] && k.excess[t] == 0 { // inside a lattice
			addInner(&k.totals, &k.block[t], dst, k.ring.at(near[0]), k.ring.at(near[1]), k.ring.at(near[2]))
		} else {
			around := k.around(t)
			addOuter(&k.totals, &k.block[t], dst, &around, k.excess[t])
		}
	}
	k.finish(out, all)
}

// addInner adds a spot with three regular pairs and no excess. It is a function
// of its own so that all it needs stays in registers.
//
//go:noinline
func addInner[T dense.Float](sums *totals, row *[width]T, dst, n0, n1, n2 *[width]float64) {
	r, z, a, b, e := row[:], dst[:], n0[:], n1[:], n2[:]
	rough, d1, d2, pair := sums.rough[:], sums.d[:], sums.d2[:], sums.pair[:]
	for c, v := range r {
		d := float64(v) - rough[c]
		z[c] = d
		d1[c] += d
		d2[c] += d * d
		pair[c] += d * (a[c] + b[c] + e[c])
	}
}

// addOuter adds any spot.
//
//go:noinline
func addOuter[T dense.Float](sums *totals, row *[width]T, dst, around *[width]float64, excess float64) {
	for c, v := range row {
		d := float64(v) - sums.rough[c]
		dst[c] = d
		sums.d[c] += d
		sums.d2[c] += d * d
		sums.pair[c] += d * around[c]
	}
	if excess != 0 {
		for c, d := range dst {
			sums.border[c] += excess * d
		}
	}
}

// around returns the weighted sum over the earlier neighbours of place t.
func (k *kernel[T]) around(t int) (sum [width]float64) {
	near, weight := k.near[k.start[t]:k.start[t+1]], k.weight[k.start[t]:k.start[t+1]]
	for len(near) >= 2 {
		n0, n1, w0, w1 := k.ring.at(near[0]), k.ring.at(near[1]), weight[0], weight[1]
		for c, v := range n0 {
			sum[c] += w0*v + w1*n1[c]
		}
		near, weight = near[2:], weight[2:]
	}
	if len(near) == 1 {
		w := weight[0]
		for c, v := range k.ring.at(near[0]) {
			sum[c] += w * v
		}
	}
	return sum
}

// finish turns the sums of rough differences d into those of z = d - mean(d):
//
//	Σ wᵢⱼ zᵢzⱼ = Σ wᵢⱼ dᵢdⱼ - m·Σᵢ (rᵢ+cᵢ)dᵢ + m²·S0
//
// with r and c the sums of row and column i, r+c = 2+excess.
func (k *kernel[T]) finish(out []sum, all bool) {
	n := float64(len(k.block))
	var mean [width]float64
	for c := range out {
		m := k.d[c] / n
		s := sum{
			lag: k.unit*k.pair[c] - m*(2*k.d[c]+k.border[c]) + m*m*k.s0,
			z2:  k.d2[c] - m*k.d[c],
		}
		mean[c] = k.rough[c] + m
		if n*m*m > s.z2 { // the rough mean was too rough: digits are lost
			s = k.centred(c, mean[c])
		}
		out[c] = s
	}
	if all {
		k.powers(&mean, out)
	}
}

// centred sums gene c by the definition.
func (k *kernel[T]) centred(c int, mean float64) (s sum) {
	for t := range k.block {
		v := float64(k.block[t][c]) - mean
		s.z2 += v * v
		var around float64
		for e := k.start[t]; e < k.start[t+1]; e++ {
			around += k.weight[e] * (float64(k.block[k.near[e]][c]) - mean)
		}
		s.lag += v * around
	}
	s.lag *= k.unit
	return s
}

// powers sets Σz⁴ and Σ excess·z².
func (k *kernel[T]) powers(mean *[width]float64, out []sum) {
	var z4, border [width]float64
	for t := range k.block {
		e := k.excess[t]
		for c, x := range &k.block[t] {
			v := float64(x) - mean[c]
			v *= v
			z4[c] += v * v
			border[c] += e * v
		}
	}
	for c := range out {
		out[c].z4, out[c].border = z4[c], border[c]
	}
}
