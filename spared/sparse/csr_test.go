package sparse_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/sparse"
)

// random returns a matrix about a third full, some of its values stored
// zeros, some rows empty.
func random(rng *rand.Rand, rows, cols int) *sparse.CSR {
	m := &sparse.CSR{Rows: rows, Cols: cols, IndPtr: []int64{0}}
	for range rows {
		if rng.IntN(5) > 0 {
			for j := range cols {
				if rng.IntN(3) == 0 {
					m.Indices, m.Data = append(m.Indices, int32(j)), append(m.Data, float32(rng.IntN(9)))
				}
			}
		}
		m.IndPtr = append(m.IndPtr, int64(len(m.Data)))
	}
	return m
}

func TestSelectEqualsDense(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 41))
		m := random(rng, 1+rng.IntN(20), 1+rng.IntN(30))
		d := m.Dense()
		for _, c := range []struct {
			reason     string
			rows, cols []int
		}{
			{"everything", nil, nil},
			{"nothing", []int{}, []int{}},
			{"rows repeat and jump", []int{m.Rows - 1, 0, m.Rows - 1}, nil},
			{"columns in order", nil, slices.Sorted(slices.Values(rng.Perm(m.Cols)[:1+m.Cols/2]))},
			{"columns out of order", nil, rng.Perm(m.Cols)[:1+m.Cols/2]},
			{"both", rng.Perm(m.Rows), rng.Perm(m.Cols)},
		} {
			s := m.Select(c.rows, c.cols)
			if err := s.Check(); err != nil {
				t.Fatalf("seed %d, %s: %v", seed, c.reason, err)
			}
			rows, cols := c.rows, c.cols
			if rows == nil {
				rows = slices.Sorted(slices.Values(rng.Perm(m.Rows)))
			}
			if cols == nil {
				cols = slices.Sorted(slices.Values(rng.Perm(m.Cols)))
			}
			if s.Rows != len(rows) || s.Cols != len(cols) {
				t.Fatalf("seed %d, %s: %d x %d, want %d x %d", seed, c.reason, s.Rows, s.Cols, len(rows), len(cols))
			}
			got := s.Dense()
			for i, r := range rows {
				for j, col := range cols {
					if got.Data[i*got.Stride+j] != d.Data[r*d.Stride+col] {
						t.Fatalf("seed %d, %s: entry %d,%d is not that of %d,%d", seed, c.reason, i, j, r, col)
					}
				}
			}
		}
	}
}

func TestSelectCopies(t *testing.T) {
	m := random(rand.New(rand.NewPCG(1, 42)), 10, 10)
	before := slices.Clone(m.Data)
	for _, s := range []*sparse.CSR{m.Select(nil, nil), m.Select([]int{3, 4}, nil)} {
		for k := range s.Data {
			s.Data[k] = -1
		}
	}
	if !slices.Equal(m.Data, before) {
		t.Error("a selection shares memory with its source")
	}
}

func TestSums(t *testing.T) {
	for seed := range uint64(5) {
		m := random(rand.New(rand.NewPCG(seed, 43)), 17, 23)
		d := m.Dense()
		rows, cols, nonzero := make([]float64, m.Rows), make([]float64, m.Cols), make([]int, m.Cols)
		for i := range m.Rows {
			for j := range m.Cols {
				v := d.Data[i*d.Stride+j]
				rows[i] += float64(v)
				cols[j] += float64(v)
				if v != 0 {
					nonzero[j]++
				}
			}
		}
		gotCols, gotNonzero := m.ColSums()
		if !slices.Equal(m.RowSums(), rows) || !slices.Equal(gotCols, cols) || !slices.Equal(gotNonzero, nonzero) {
			t.Errorf("seed %d: sums differ from those of the dense matrix", seed)
		}
	}
}

func TestStack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 44))
	a, b, c := random(rng, 4, 6), random(rng, 0, 6), random(rng, 3, 6)
	s, err := sparse.Stack(a, b, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	if want := append(a.Dense().Data, c.Dense().Data...); s.Rows != 7 || !slices.Equal(s.Dense().Data, want) {
		t.Errorf("stacked: %v, want %v", s.Dense().Data, want)
	}
	if back := s.Select([]int{4, 5, 6}, nil); !slices.Equal(back.Data, c.Data) || !slices.Equal(back.Indices, c.Indices) {
		t.Error("the last part does not come back")
	}
	if _, err := sparse.Stack(a, random(rng, 2, 5)); err == nil {
		t.Error("unequal widths: no error")
	}
	if s, err := sparse.Stack(); err != nil || s.Check() != nil || s.Rows != 0 {
		t.Errorf("no parts: %+v, %v", s, err)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		reason string
		m      sparse.CSR
		ok     bool
	}{
		{"empty", sparse.CSR{IndPtr: []int64{0}}, true},
		{"a stored zero", sparse.CSR{Rows: 1, Cols: 2, IndPtr: []int64{0, 1}, Indices: []int32{1}, Data: []float32{0}}, true},
		{"no offsets", sparse.CSR{}, false},
		{"an offset is missing", sparse.CSR{Rows: 2, Cols: 2, IndPtr: []int64{0, 0}}, false},
		{"negative size", sparse.CSR{Rows: 0, Cols: -1, IndPtr: []int64{0}}, false},
		{"values without columns", sparse.CSR{Rows: 1, Cols: 2, IndPtr: []int64{0, 1}, Data: []float32{1}}, false},
		{"offsets start late", sparse.CSR{Rows: 1, Cols: 2, IndPtr: []int64{1, 1}, Indices: []int32{1}, Data: []float32{1}}, false},
		{"offsets end early", sparse.CSR{Rows: 1, Cols: 2, IndPtr: []int64{0, 0}, Indices: []int32{1}, Data: []float32{1}}, false},
		{"offsets fall", sparse.CSR{Rows: 2, Cols: 2, IndPtr: []int64{0, 2, 1}, Indices: []int32{1}, Data: []float32{1}}, false},
		{"column out of range", sparse.CSR{Rows: 1, Cols: 2, IndPtr: []int64{0, 1}, Indices: []int32{2}, Data: []float32{1}}, false},
		{"negative column", sparse.CSR{Rows: 1, Cols: 2, IndPtr: []int64{0, 1}, Indices: []int32{-1}, Data: []float32{1}}, false},
		{"a column twice", sparse.CSR{Rows: 1, Cols: 2, IndPtr: []int64{0, 2}, Indices: []int32{1, 1}, Data: []float32{1, 1}}, false},
		{"columns fall", sparse.CSR{Rows: 1, Cols: 2, IndPtr: []int64{0, 2}, Indices: []int32{1, 0}, Data: []float32{1, 1}}, false},
	} {
		if err := c.m.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}

// FuzzCheck: what Check accepts can be used without a panic.
func FuzzCheck(f *testing.F) {
	f.Add(2, 3, []byte{0, 1, 2}, []byte{0, 2})
	f.Add(1, 1, []byte{0, 9}, []byte{7})
	f.Fuzz(func(t *testing.T, rows, cols int, offsets, columns []byte) {
		if cols > 1000 {
			return // Dense would allocate it
		}
		m := &sparse.CSR{Rows: rows, Cols: cols}
		for _, o := range offsets {
			m.IndPtr = append(m.IndPtr, int64(int8(o)))
		}
		for _, c := range columns {
			m.Indices, m.Data = append(m.Indices, int32(int8(c))), append(m.Data, 1)
		}
		if m.Check() != nil {
			return
		}
		order := make([]int, m.Cols)
		for j := range order {
			order[j] = m.Cols - 1 - j
		}
		if s := m.Select(nil, order); s.Check() != nil || s.NNZ() != m.NNZ() {
			t.Errorf("columns reversed: %d of %d values, %v", s.NNZ(), m.NNZ(), s.Check())
		}
		m.RowSums()
		m.ColSums()
		m.Dense()
	})
}

func BenchmarkSelect(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	m := random(rng, 1000, 20000)
	shuffled := rng.Perm(m.Cols)[:10000]
	for _, c := range []struct {
		name string
		cols []int
	}{{"rising", slices.Sorted(slices.Values(shuffled))}, {"shuffled", shuffled}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				m.Select(nil, c.cols)
			}
		})
	}
}
