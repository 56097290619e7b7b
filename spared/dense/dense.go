package dense

import "fmt"

// Float is a floating-point element type.
type Float interface{ ~float32 | ~float64 }

// Matrix is a dense row-major matrix; element (i, j) is Data[i*Stride+j].
type Matrix[T Float] struct {
	Rows, Cols int
	Stride     int
	Data       []T
}

// New returns a matrix of zeros.
func New[T Float](rows, cols int) Matrix[T] {
	return Matrix[T]{Rows: rows, Cols: cols, Data: make([]T, rows*cols), Stride: cols}
}

// Row returns row i as a slice of the matrix's own memory.
func (m Matrix[T]) Row(i int) []T { return m.Data[i*m.Stride : i*m.Stride+m.Cols] }

// At returns element (i, j).
func (m Matrix[T]) At(i, j int) T { return m.Data[i*m.Stride+j] }

// Set sets element (i, j).
func (m Matrix[T]) Set(i, j int, v T) { m.Data[i*m.Stride+j] = v }

// Check returns an error unless the shape fits the data.
func (m Matrix[T]) Check() error {
	switch {
	case m.Rows < 0 || m.Cols < 0 || m.Stride < m.Cols:
		return fmt.Errorf("dense: bad shape %d x %d, stride %d", m.Rows, m.Cols, m.Stride)
	case m.Rows > 0 && len(m.Data) < (m.Rows-1)*m.Stride+m.Cols:
		return fmt.Errorf("dense: %d values cannot fill %d x %d, stride %d", len(m.Data), m.Rows, m.Cols, m.Stride)
	}
	return nil
}

// Clone returns a copy whose stride equals its number of columns.
func (m Matrix[T]) Clone() Matrix[T] {
	c := New[T](m.Rows, m.Cols)
	for i := range m.Rows {
		copy(c.Row(i), m.Row(i))
	}
	return c
}

// Select returns a copy of the given rows and columns, in the given order;
// nil stands for all of them.
func (m Matrix[T]) Select(rows, cols []int) Matrix[T] {
	if rows == nil {
		rows = seq(m.Rows)
	}
	n := len(cols)
	if cols == nil {
		n = m.Cols
	}
	s := New[T](len(rows), n)
	for i, r := range rows {
		if cols == nil {
			copy(s.Row(i), m.Row(r))
			continue
		}
		src, dst := m.Row(r), s.Row(i)
		for j, c := range cols {
			dst[j] = src[c]
		}
	}
	return s
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}
