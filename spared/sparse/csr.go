package sparse

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"
)

// CSR is a sparse matrix in compressed-row form. Row i holds the values
// Data[IndPtr[i]:IndPtr[i+1]] at the columns Indices[IndPtr[i]:IndPtr[i+1]].
// Columns rise strictly within a row.
type CSR struct {
	Rows, Cols int
	IndPtr     []int64 // Rows+1 offsets, from 0
	Indices    []int32
	Data       []float32
}

// Check returns an error that names the first row at fault unless the
// offsets are monotone and the columns of each row rise strictly within
// 0..Cols-1.
func (m *CSR) Check() error {
	if m.Rows < 0 || m.Cols < 0 || len(m.IndPtr) != m.Rows+1 {
		return fmt.Errorf("sparse: %d offsets for %d rows, want %d", len(m.IndPtr), m.Rows, m.Rows+1)
	}
	if len(m.Indices) != len(m.Data) {
		return fmt.Errorf("sparse: %d column indices but %d values", len(m.Indices), len(m.Data))
	}
	if m.IndPtr[0] != 0 || m.IndPtr[m.Rows] != int64(len(m.Data)) {
		return fmt.Errorf("sparse: offsets run from %d to %d, want 0 to %d", m.IndPtr[0], m.IndPtr[m.Rows], len(m.Data))
	}
	for i := range m.Rows {
		lo, hi := m.IndPtr[i], m.IndPtr[i+1]
		if lo > hi || hi > int64(len(m.Data)) {
			return fmt.Errorf("sparse: row %d: offsets %d to %d are out of order", i, lo, hi)
		}
		last := int32(-1)
		for _, c := range m.Indices[lo:hi] {
			if c <= last || int(c) >= m.Cols {
				return fmt.Errorf("sparse: row %d: column %d after %d, of %d columns", i, c, last, m.Cols)
			}
			last = c
		}
	}
	return nil
}

// NNZ returns the number of stored values.
func (m *CSR) NNZ() int { return len(m.Data) }

// Row returns the columns and values of row i, in the matrix's own memory.
func (m *CSR) Row(i int) (cols []int32, vals []float32) {
	lo, hi := m.IndPtr[i], m.IndPtr[i+1]
	return m.Indices[lo:hi], m.Data[lo:hi]
}

// RowSums returns the sum of each row.
func (m *CSR) RowSums() []float64 {
	s := make([]float64, m.Rows)
	for i := range s {
		_, vals := m.Row(i)
		for _, v := range vals {
			s[i] += float64(v)
		}
	}
	return s
}

// ColSums returns the sum of each column and the number of its non-zero
// values.
func (m *CSR) ColSums() (sum []float64, nonzero []int) {
	sum, nonzero = make([]float64, m.Cols), make([]int, m.Cols)
	for k, c := range m.Indices {
		if v := m.Data[k]; v != 0 {
			sum[c] += float64(v)
			nonzero[c]++
		}
	}
	return sum, nonzero
}

// Select returns a copy of the given rows and columns, in the given order;
// nil stands for all of them. A row may be named more than once, a column may
// not.
func (m *CSR) Select(rows, cols []int) *CSR {
	if rows == nil {
		rows = make([]int, m.Rows)
		for i := range rows {
			rows[i] = i
		}
	}
	place, rising := placeOf(m.Cols, cols)
	s := &CSR{Rows: len(rows), Cols: m.Cols, IndPtr: make([]int64, 1, len(rows)+1)}
	if cols != nil {
		s.Cols = len(cols)
	}
	n := m.countSelected(rows, place)
	s.Indices, s.Data = make([]int32, 0, n), make([]float32, 0, n)
	var scratch []uint64
	for _, r := range rows {
		idx, vals := m.Row(r)
		switch {
		case place == nil:
			s.Indices, s.Data = append(s.Indices, idx...), append(s.Data, vals...)
		case rising:
			for k, c := range idx {
				if p := place[c]; p >= 0 {
					s.Indices, s.Data = append(s.Indices, p), append(s.Data, vals[k])
				}
			}
		default:
			scratch = s.appendSorted(scratch[:0], idx, vals, place)
		}
		s.IndPtr = append(s.IndPtr, int64(len(s.Data)))
	}
	return s
}

// placeOf returns the new place of each old column, -1 for one that is
// dropped, and whether the order of columns is kept; nil if all are kept.
func placeOf(n int, cols []int) (place []int32, rising bool) {
	if cols == nil {
		return nil, true
	}
	place = make([]int32, n)
	for i := range place {
		place[i] = -1
	}
	rising = true
	for j, c := range cols {
		place[c] = int32(j)
		rising = rising && (j == 0 || c > cols[j-1])
	}
	return place, rising
}

func (m *CSR) countSelected(rows []int, place []int32) int {
	n := 0
	for _, r := range rows {
		idx, _ := m.Row(r)
		if place == nil {
			n += len(idx)
			continue
		}
		for _, c := range idx {
			if place[c] >= 0 {
				n++
			}
		}
	}
	return n
}

// appendSorted appends a row whose columns move out of order. Column and value
// are sorted as one number, the column in the high bits.
func (m *CSR) appendSorted(scratch []uint64, idx []int32, vals []float32, place []int32) []uint64 {
	for k, c := range idx {
		if p := place[c]; p >= 0 {
			scratch = append(scratch, uint64(p)<<32|uint64(math.Float32bits(vals[k])))
		}
	}
	slices.Sort(scratch)
	for _, v := range scratch {
		m.Indices = append(m.Indices, int32(v>>32))
		m.Data = append(m.Data, math.Float32frombits(uint32(v)))
	}
	return scratch
}

// Stack puts matrices of equal width below each other. It is an error if the
// widths differ.
func Stack(parts ...*CSR) (*CSR, error) {
	var rows, n int
	for i, p := range parts {
		if p.Cols != parts[0].Cols {
			return nil, fmt.Errorf("sparse: part %d has %d columns, the first has %d", i, p.Cols, parts[0].Cols)
		}
		rows += p.Rows
		n += len(p.Data)
	}
	s := &CSR{IndPtr: make([]int64, 1, rows+1), Indices: make([]int32, 0, n), Data: make([]float32, 0, n)}
	for _, p := range parts {
		s.Cols = p.Cols
		base := int64(len(s.Data))
		for _, o := range p.IndPtr[1:] {
			s.IndPtr = append(s.IndPtr, base+o)
		}
		s.Indices = append(s.Indices, p.Indices...)
		s.Data = append(s.Data, p.Data...)
		s.Rows += p.Rows
	}
	return s, nil
}

// Dense returns the matrix with its zeros written out.
func (m *CSR) Dense() blas32.General {
	d := blas32.General{Rows: m.Rows, Cols: m.Cols, Stride: m.Cols, Data: make([]float32, m.Rows*m.Cols)}
	for i := range m.Rows {
		idx, vals := m.Row(i)
		row := d.Data[i*d.Stride:]
		for k, c := range idx {
			row[c] = vals[k]
		}
	}
	return d
}
