// Package sparse holds the compressed-sparse-row matrix of gene counts, rows
// are spots and columns genes, as Space Ranger and anndata store them.
package sparse

import (
	"fmt"

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
// nil stands for all of them. A column may not be named twice.
func (m *CSR) Select(rows, cols []int) *CSR {
	if rows == nil {
		rows = make([]int, m.Rows)
		for i := range rows {
			rows[i] = i
		}
	}
	to, ncols, rising := columnMap(m.Cols, cols)
	s := &CSR{Rows: len(rows), Cols: ncols, IndPtr: make([]int64, 1, len(rows)+1)}
	for _, r := range rows {
		start := len(s.Data)
		idx, vals := m.Row(r)
		for k, c := range idx {
			if t := to(c); t >= 0 {
				s.Indices = append(s.Indices, t)
				s.Data = append(s.Data, vals[k])
			}
		}
		if !rising {
			sortRow(s.Indices[start:], s.Data[start:])
		}
		s.IndPtr = append(s.IndPtr, int64(len(s.Data)))
	}
	return s
}

// columnMap returns the new place of each old column (-1 = dropped), the new
// number of columns, and whether the order of columns is kept.
func columnMap(n int, cols []int) (to func(int32) int32, ncols int, rising bool) {
	if cols == nil {
		return func(c int32) int32 { return c }, n, true
	}
	place := make([]int32, n)
	for i := range place {
		place[i] = -1
	}
	rising = true
	for j, c := range cols {
		place[c] = int32(j)
		rising = rising && (j == 0 || c > cols[j-1])
	}
	return func(c int32) int32 { return place[c] }, len(cols), rising
}

// sortRow sorts one row by column (insertion sort: rows are short and often
// nearly sorted).
func sortRow(idx []int32, vals []float32) {
	for i := 1; i < len(idx); i++ {
		for j := i; j > 0 && idx[j] < idx[j-1]; j-- {
			idx[j], idx[j-1] = idx[j-1], idx[j]
			vals[j], vals[j-1] = vals[j-1], vals[j]
		}
	}
}

// Stack puts matrices of equal width below each other.
func Stack(parts ...*CSR) (*CSR, error) {
	s := &CSR{IndPtr: []int64{0}}
	for i, p := range parts {
		if i == 0 {
			s.Cols = p.Cols
		} else if p.Cols != s.Cols {
			return nil, fmt.Errorf("sparse: part %d has %d columns, the first has %d", i, p.Cols, s.Cols)
		}
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
