package h5ad

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// randomData returns n values of the k-th element type.
func randomData(r *rand.Rand, k, n int) any {
	switch k % 12 {
	case 0:
		return fill(n, func() bool { return r.IntN(2) == 0 })
	case 1:
		return fill(n, func() int8 { return int8(r.Uint64()) })
	case 2:
		return fill(n, func() uint8 { return uint8(r.Uint64()) })
	case 3:
		return fill(n, func() int16 { return int16(r.Uint64()) })
	case 4:
		return fill(n, func() uint16 { return uint16(r.Uint64()) })
	case 5:
		return fill(n, func() int32 { return int32(r.Uint64()) })
	case 6:
		return fill(n, func() uint32 { return uint32(r.Uint64()) })
	case 7:
		return fill(n, func() int64 { return int64(r.Uint64()) })
	case 8:
		return fill(n, r.Uint64)
	case 9:
		return fill(n, func() float32 { return float32(r.NormFloat64()) })
	case 10:
		return fill(n, func() float64 { return []float64{r.NormFloat64(), math.NaN(), math.Inf(1)}[r.IntN(3)] })
	}
	return randomTexts(r, n)
}

func fill[T any](n int, next func() T) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = next()
	}
	return s
}

func randomTexts(r *rand.Rand, n int) []string {
	return fill(n, func() string {
		b := make([]rune, r.IntN(12))
		for i := range b {
			b[i] = []rune("abcXYZ 0189_-./µøß漢😀")[r.IntN(20)]
		}
		return string(b)
	})
}

func randomArray(r *rand.Rand, kinds int, shape ...int) *Array {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return &Array{Shape: shape, Data: randomData(r, r.IntN(kinds), n)}
}

func randomSparse(r *rand.Rand, rows, cols int) *Sparse {
	s := &Sparse{Rows: rows, Cols: cols, Columns: r.IntN(2) == 0, IndPtr: []int64{0}, Indices: []int32{}}
	major, minor := rows, cols
	if s.Columns {
		major, minor = cols, rows
	}
	for range major {
		for j := range minor {
			if r.IntN(4) == 0 {
				s.Indices = append(s.Indices, int32(j))
			}
		}
		s.IndPtr = append(s.IndPtr, int64(len(s.Indices)))
	}
	s.Data = randomData(r, 1+r.IntN(10), len(s.Indices))
	return s
}

func randomCategorical(r *rand.Rand, n int) Column {
	ncat := []int{0, 1, 5, 127, 128, 300}[r.IntN(6)]
	cats := fill(ncat, func() int64 { return 0 })
	names := make([]string, ncat)
	for i := range cats {
		cats[i], names[i] = int64(i*3), fmt.Sprint("cluster µ", i)
	}
	c := Column{Ordered: r.IntN(2) == 0, Categories: names, Codes: fill(n, func() int32 { return int32(r.IntN(ncat+1) - 1) })}
	if r.IntN(2) == 0 {
		c.Categories = cats
	}
	return c
}

func randomFrame(r *rand.Rand, index []string) *Frame {
	f := &Frame{Index: index, IndexName: []string{"", "barcode"}[r.IntN(2)]}
	for i := range r.IntN(7) {
		c := Column{Data: randomData(r, r.IntN(12), len(index))}
		switch r.IntN(3) {
		case 0:
			c = randomCategorical(r, len(index))
		case 1: // nullable integers and booleans
			c = Column{
				Data:    randomData(r, r.IntN(9), len(index)),
				Missing: fill(len(index), func() bool { return r.IntN(3) == 0 }),
			}
		}
		c.Name = fmt.Sprintf("column %d µ", i)
		f.Columns = append(f.Columns, c)
	}
	return f
}

func randomDict(r *rand.Rand, depth int) map[string]any {
	m := map[string]any{}
	for i := range r.IntN(6) {
		var v any
		switch r.IntN(9) {
		case 0:
			v = randomArray(r, 12, fill(1+r.IntN(3), func() int { return r.IntN(6) })...)
		case 1:
			v = randomTexts(r, 1)[0]
		case 2:
			v = r.Int64() - r.Int64()
		case 3:
			v = r.NormFloat64()
		case 4:
			v = r.IntN(2) == 0
		case 5:
			c := randomCategorical(r, r.IntN(5))
			v = &c
		case 6:
			v = randomFrame(r, randomTexts(r, r.IntN(5)))
		case 7:
			n := r.IntN(4)
			v = &Records{Fields: []Column{{Name: "names", Data: randomTexts(r, n)}, {Name: "x", Data: randomData(r, r.IntN(12), n)}}}
		case 8:
			v = map[string]any{}
			if depth > 0 {
				v = randomDict(r, depth-1)
			}
		}
		m[fmt.Sprintf("key %d µ", i)] = v
	}
	return m
}

func randomAnnData(r *rand.Rand) *AnnData {
	n, m := r.IntN(40), r.IntN(30)
	names := func(prefix string, n int) []string {
		s := make([]string, n)
		for i := range s {
			s[i] = fmt.Sprint(prefix, i)
		}
		return s
	}
	a := &AnnData{
		X: any(randomSparse(r, n, m)), Obs: randomFrame(r, names("spot", n)), Var: randomFrame(r, names("gene", m)),
		Layers: map[string]any{"dense": randomArray(r, 11, n, m), "sparse": randomSparse(r, n, m)},
		Obsm:   map[string]any{"spatial": randomArray(r, 11, n, 2), "patches": randomArray(r, 11, n, 2, 3, 3), "df": randomFrame(r, names("spot", n))},
		Varm:   map[string]any{"PCs": randomArray(r, 11, m, 5)},
		Obsp:   map[string]any{"connectivities": randomSparse(r, n, n)},
		Varp:   map[string]any{"cor": randomArray(r, 11, m, m)},
		Uns:    randomDict(r, 3),
	}
	switch r.IntN(4) {
	case 0:
		a.X = nil
	case 1:
		a.X = randomArray(r, 11, n, m)
	case 2:
		a.Raw = map[string]any{"X": randomSparse(r, n, 7), "var": randomFrame(r, names("g", 7)), "varm": map[string]any{}}
	}
	return a
}

// TestRoundTrip writes random content and reads it back.
func TestRoundTrip(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x.h5ad")
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		a := randomAnnData(r)
		if err := Write(p, a, WriteOptions{Gzip: []int{NoCompression, 0, 1, 9}[seed%4]}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		b, err := Read(p)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d := cmp.Diff(a, b, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

// TestCodeWidths writes as many categories as each width of codes can count,
// and one more.
func TestCodeWidths(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x.h5ad")
	for _, n := range []int{math.MaxInt8, math.MaxInt8 + 1, math.MaxInt16, math.MaxInt16 + 1} {
		c := Column{Name: "c", Categories: make([]int64, n), Codes: []int32{int32(n - 1), -1, 0}}
		for i := range n {
			c.Categories.([]int64)[i] = int64(i)
		}
		a := &AnnData{Obs: &Frame{Index: []string{"a", "b", "c"}, Columns: []Column{c}}, Var: &Frame{}}
		if err := Write(p, a, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		b, err := Read(p)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.Codes, b.Obs.Columns[0].Codes); d != "" {
			t.Errorf("%d categories: %s", n, d)
		}
	}
}

// TestSameBytes writes the same content twice, as maps give it in any order.
func TestSameBytes(t *testing.T) {
	for seed := range uint64(8) {
		var files [2][]byte
		for i := range files {
			p := filepath.Join(t.TempDir(), fmt.Sprint("x", i, ".h5ad"))
			if err := Write(p, randomAnnData(rand.New(rand.NewPCG(seed, 2))), WriteOptions{}); err != nil {
				t.Fatal(err)
			}
			var err error
			if files[i], err = os.ReadFile(p); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(files[0], files[1]) {
			t.Errorf("seed %d: the same content gives different bytes", seed)
		}
	}
}

// TestMissingOnDisk writes the nullable columns that have no encoding of
// their own.
func TestMissingOnDisk(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x.h5ad")
	missing := []bool{true, false, false}
	a := &AnnData{Var: &Frame{}, Obs: &Frame{Index: []string{"a", "b", "c"}, Columns: []Column{
		{Name: "text", Data: []string{"", "z", "y"}, Missing: missing},
		{Name: "f32", Data: []float32{1, 2, 3}, Missing: missing},
		{Name: "f64", Data: []float64{1, 2, 3}, Missing: missing},
	}}, Uns: map[string]any{"none": nil, "n": 3}}
	if err := Write(p, a, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	b, err := Read(p)
	if err != nil {
		t.Fatal(err)
	}
	want := []Column{
		{Name: "text", Codes: []int32{-1, 1, 0}, Categories: []string{"y", "z"}},
		{Name: "f32", Data: []float32{float32(math.NaN()), 2, 3}},
		{Name: "f64", Data: []float64{math.NaN(), 2, 3}},
	}
	if d := cmp.Diff(want, b.Obs.Columns, cmpopts.EquateNaNs()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]any{"n": int64(3)}, b.Uns); d != "" {
		t.Error(d)
	}
}
