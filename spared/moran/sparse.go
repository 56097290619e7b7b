package moran

import (
	"slices"

	"github.com/spatialgo/spatialgo/spared/sparse"
)

// sparseWidth is the number of genes that are taken out of the rows at a time.
const sparseWidth = 256

// column is what one gene has that is not zero: values at places, rising.
type column struct {
	place []int32
	value []float32
}

// sparseSums is denseSums of a sparse matrix: a gene's values are scattered to
// their places, pairs of them summed from one of the two, and taken away again.
func sparseSums(x *sparse.CSR, p *plan, all bool) []sum {
	out := make([]sum, x.Cols)
	if x.Rows == 0 {
		return out
	}
	count := counts(x)
	blocks := (x.Cols + sparseWidth - 1) / sparseWidth
	parallel(blocks, func(next func() (int, bool)) {
		r, z := newColumnReader(x, p.order, count), make([]float64, x.Rows)
		for b, ok := next(); ok; b, ok = next() {
			from, to := b*sparseWidth, min((b+1)*sparseWidth, x.Cols)
			for k, col := range r.read(from, to) {
				out[from+k] = p.sumSparse(col, z, all)
			}
		}
	})
	return out
}

// sumSparse sums one gene up. z, by place, is all zero before and after.
func (p *plan) sumSparse(col column, z []float64, all bool) (s sum) {
	n := float64(len(z))
	var total, pairs, border float64
	for k, t := range col.place {
		v := float64(col.value[k])
		z[t] = v
		total += v
		border += p.excess[t] * v
	}
	for k, t := range col.place {
		pairs += float64(col.value[k]) * p.around(z, t)
	}
	m := total / n
	s.lag = p.unit*pairs - m*(2*total+border) + m*m*p.s0
	zeros := n - float64(len(col.place))
	for _, v := range col.value {
		d := float64(v) - m
		s.z2 += d * d
	}
	s.z2 += zeros * m * m
	if n*m*m > 4*s.z2 { // nearly constant: the difference above has lost digits
		s = p.sumCentred(z, m)
	}
	if all {
		p.powersSparse(col, m, &s)
	}
	for _, t := range col.place {
		z[t] = 0
	}
	return s
}

// around returns the weighted sum of z over the earlier neighbours of a place.
func (p *plan) around(z []float64, t int32) (sum float64) {
	near := p.near[p.start[t]:p.start[t+1]]
	if len(near) == 3 && p.regular[t] {
		return z[near[0]] + z[near[1]] + z[near[2]]
	}
	weight := p.weight[p.start[t]:p.start[t+1]]
	for k, u := range near {
		sum += weight[k] * z[u]
	}
	return sum
}

// sumCentred sums the values z, whose mean is m, by the definition. A constant
// gene has no variance, though its mean may be off by a rounding error.
func (p *plan) sumCentred(z []float64, m float64) (s sum) {
	constant := true
	for t, v := range z {
		constant = constant && v == z[0]
		v -= m
		s.z2 += v * v
		var around float64
		for k := p.start[t]; k < p.start[t+1]; k++ {
			around += p.weight[k] * (z[p.near[k]] - m)
		}
		s.lag += v * around
	}
	s.lag *= p.unit
	if constant {
		s.z2 = 0
	}
	return s
}

// powersSparse sets Σz⁴ and Σ excess·z².
func (p *plan) powersSparse(col column, m float64, s *sum) {
	s.z4 = (float64(len(p.order)) - float64(len(col.place))) * m * m * m * m
	s.border = p.excessSum * m * m
	for k, t := range col.place {
		d := float64(col.value[k]) - m
		d *= d
		s.z4 += d * d
		s.border += p.excess[t] * (d - m*m)
	}
}

// columnReader takes columns out of rows. It reads on in each row from where it
// was, and so wants blocks in rising order.
type columnReader struct {
	x      *sparse.CSR
	order  []int32 // place -> row
	count  []int32 // by column: values that are not zero
	at     []int64 // by place
	place  []int32
	value  []float32
	column [sparseWidth]column
}

func newColumnReader(x *sparse.CSR, order, count []int32) *columnReader {
	r := &columnReader{x: x, order: order, count: count, at: make([]int64, len(order))}
	for t, i := range order {
		r.at[t] = x.IndPtr[i]
	}
	return r
}

// counts returns the number of values that each column holds.
func counts(x *sparse.CSR) []int32 {
	count := make([]int32, x.Cols)
	for _, j := range x.Indices {
		count[j]++
	}
	return count
}

// read returns columns from to to-1, in memory that the next call takes.
func (r *columnReader) read(from, to int) []column {
	var next [sparseWidth]int
	total := 0
	for k, n := range r.count[from:to] {
		next[k] = total
		total += int(n)
	}
	r.place, r.value = slices.Grow(r.place[:0], total)[:total], slices.Grow(r.value[:0], total)[:total]
	for t, i := range r.order {
		at, end := r.at[t], r.x.IndPtr[i+1]
		cols, vals := r.x.Indices[at:end], r.x.Data[at:end]
		k := 0
		if len(cols) > 0 && int(cols[0]) < from {
			k, _ = slices.BinarySearch(cols, int32(from))
		}
		for ; k < len(cols) && int(cols[k]) < to; k++ {
			free := &next[int(cols[k])-from]
			r.place[*free], r.value[*free] = int32(t), vals[k]
			*free++
		}
		r.at[t] = at + int64(k)
	}
	for k := range to - from {
		end := next[k]
		begin := end - int(r.count[from+k])
		r.column[k] = column{place: r.place[begin:end], value: r.value[begin:end]}
	}
	return r.column[:to-from]
}
