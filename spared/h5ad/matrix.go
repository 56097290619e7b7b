package h5ad

import (
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/sparse"
)

// Check returns an error unless the offsets are monotone, the data has one
// value an index, and every index is within the matrix. The indices of a row
// may stand in any order, as scipy allows.
func (s *Sparse) Check() error {
	major, minor := s.Rows, s.Cols
	if s.Columns {
		major, minor = minor, major
	}
	switch n := length(s.Data); {
	case s.Rows < 0 || s.Cols < 0:
		return fmt.Errorf("has the shape %d x %d", s.Rows, s.Cols)
	case n < 0:
		return fmt.Errorf("values of type %T are not supported", s.Data)
	case len(s.Indices) != n:
		return fmt.Errorf("%d indices but %d values", len(s.Indices), n)
	case len(s.IndPtr) != major+1:
		return fmt.Errorf("%d offsets, want %d", len(s.IndPtr), major+1)
	case s.IndPtr[0] != 0 || s.IndPtr[major] != int64(n):
		return fmt.Errorf("offsets run from %d to %d, want 0 to %d", s.IndPtr[0], s.IndPtr[major], n)
	}
	if _, ok := s.Data.([]string); ok {
		return fmt.Errorf("holds strings, want numbers")
	}
	for i := range major {
		if s.IndPtr[i] > s.IndPtr[i+1] {
			return fmt.Errorf("offset %d is %d, the next is %d", i, s.IndPtr[i], s.IndPtr[i+1])
		}
	}
	for k, j := range s.Indices {
		if j < 0 || int(j) >= minor {
			return fmt.Errorf("index %d is %d, want 0 to %d", k, j, minor-1)
		}
	}
	return nil
}

// CSR returns the matrix in the compressed-row form that the rest of the
// module works on, of float32. Columns are sorted within each row and entries
// that stand twice are added, as scipy does. The memory is shared where
// nothing has to change. A value that float32 cannot hold as it is (a count
// above 2^24) is an error.
func (s *Sparse) CSR() (*sparse.CSR, error) {
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("h5ad: sparse matrix %w", err)
	}
	data, err := float32s(s.Data)
	if err != nil {
		return nil, fmt.Errorf("h5ad: sparse matrix: %w", err)
	}
	m := &sparse.CSR{Rows: s.Rows, Cols: s.Cols, IndPtr: s.IndPtr, Indices: s.Indices, Data: data}
	if s.Columns {
		return transpose(m), nil
	}
	if m.Check() != nil {
		return canonical(m), nil
	}
	return m, nil
}

// FromCSR returns the matrix in the form to be written, on the same memory.
func FromCSR(m *sparse.CSR) *Sparse {
	return &Sparse{Rows: m.Rows, Cols: m.Cols, IndPtr: m.IndPtr, Indices: m.Indices, Data: m.Data}
}

// transpose turns compressed columns, given as if they were rows of a matrix
// of m.Cols rows, into compressed rows. Columns come out sorted.
func transpose(m *sparse.CSR) *sparse.CSR {
	t := &sparse.CSR{
		Rows: m.Rows, Cols: m.Cols, IndPtr: make([]int64, m.Rows+1),
		Indices: make([]int32, len(m.Indices)), Data: make([]float32, len(m.Data)),
	}
	for _, i := range m.Indices {
		t.IndPtr[i+1]++
	}
	for i := range m.Rows {
		t.IndPtr[i+1] += t.IndPtr[i]
	}
	next := append([]int64(nil), t.IndPtr[:m.Rows]...)
	for j := range m.Cols {
		for k := m.IndPtr[j]; k < m.IndPtr[j+1]; k++ {
			i := m.Indices[k]
			t.Indices[next[i]], t.Data[next[i]] = int32(j), m.Data[k]
			next[i]++
		}
	}
	if t.Check() != nil {
		return canonical(t) // an entry stood twice
	}
	return t
}

// canonical returns a copy with sorted columns and entries that stand twice
// added.
func canonical(m *sparse.CSR) *sparse.CSR {
	c := &sparse.CSR{Rows: m.Rows, Cols: m.Cols, IndPtr: make([]int64, 1, m.Rows+1)}
	for i := range m.Rows {
		idx, vals := m.Row(i)
		order := make([]int, len(idx))
		for k := range order {
			order[k] = k
		}
		sort.SliceStable(order, func(a, b int) bool { return idx[order[a]] < idx[order[b]] })
		start := len(c.Indices)
		for _, k := range order {
			if n := len(c.Indices); n > start && c.Indices[n-1] == idx[k] {
				c.Data[n-1] += vals[k]
				continue
			}
			c.Indices, c.Data = append(c.Indices, idx[k]), append(c.Data, vals[k])
		}
		c.IndPtr = append(c.IndPtr, int64(len(c.Indices)))
	}
	return c
}

// Dense returns a two-dimensional array as a matrix of float32, on the same
// memory where the array is of float32. Integers that float32 cannot hold are
// an error; float64 is rounded.
func (a *Array) Dense() (blas32.General, error) {
	if err := a.check(); err != nil {
		return blas32.General{}, fmt.Errorf("h5ad: array %w", err)
	}
	if len(a.Shape) != 2 {
		return blas32.General{}, fmt.Errorf("h5ad: array has the shape %v, want two dimensions", a.Shape)
	}
	data, err := float32s(a.Data)
	if err != nil {
		return blas32.General{}, fmt.Errorf("h5ad: array: %w", err)
	}
	return blas32.General{Rows: a.Shape[0], Cols: a.Shape[1], Stride: a.Shape[1], Data: data}, nil
}

// FromDense returns the matrix in the form to be written, on the same memory
// unless its rows have gaps between them.
func FromDense(m blas32.General) *Array {
	data := m.Data
	switch {
	case m.Stride == m.Cols || m.Rows == 0:
		data = data[:m.Rows*m.Cols]
	default:
		data = make([]float32, 0, m.Rows*m.Cols)
		for i := range m.Rows {
			data = append(data, m.Data[i*m.Stride:i*m.Stride+m.Cols]...)
		}
	}
	return &Array{Shape: []int{m.Rows, m.Cols}, Data: data}
}

// check returns an error unless the shape fits the data.
func (a *Array) check() error {
	n := 1
	for _, d := range a.Shape {
		if d < 0 || d > 0 && n > math.MaxInt/d {
			return fmt.Errorf("has the shape %v", a.Shape)
		}
		n *= d
	}
	switch got := length(a.Data); {
	case got < 0:
		return fmt.Errorf("values of type %T are not supported", a.Data)
	case got != n:
		return fmt.Errorf("%d values for the shape %v", got, a.Shape)
	}
	return nil
}

// float32s converts numbers or booleans.
func float32s(data any) ([]float32, error) {
	switch d := data.(type) {
	case []float32:
		return d, nil
	case []float64:
		out := make([]float32, len(d))
		for i, v := range d {
			out[i] = float32(v)
		}
		return out, nil
	case []bool:
		out := make([]float32, len(d))
		for i, v := range d {
			if v {
				out[i] = 1
			}
		}
		return out, nil
	case []int8:
		return exact(d)
	case []uint8:
		return exact(d)
	case []int16:
		return exact(d)
	case []uint16:
		return exact(d)
	case []int32:
		return exact(d)
	case []uint32:
		return exact(d)
	case []int64:
		return exact(d)
	case []uint64:
		return exact(d)
	}
	return nil, fmt.Errorf("values of type %T are no numbers", data)
}

// exact converts integers and refuses one that changes.
func exact[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64](in []T) ([]float32, error) {
	out := make([]float32, len(in))
	for i, v := range in {
		out[i] = float32(v)
		// Up to 2^53 float64 holds every integer, so the comparison is exact.
		if f := float64(out[i]); f != float64(v) || math.Abs(f) > 1<<53 {
			return nil, fmt.Errorf("value %d is %d, which float32 cannot hold exactly", i, v)
		}
	}
	return out, nil
}
