package anndata

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/internal/counts"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// The places where counts are kept, in the order asked. raw is meant to hold
// all genes, of which X has a selection; where it holds fewer, X goes first.
var (
	countsKeys = []string{"layers/counts", "layers/raw_counts", "layers/raw", "raw/X", "X"}
	fewerInRaw = []string{"layers/counts", "layers/raw_counts", "layers/raw", "X", "raw/X"}
)

// fewer tells whether a matrix has fewer columns than genes.
func (f *file) fewer(key string, genes int) bool {
	shape, err := f.Attr(key, "shape")
	if dims, ok := shape.([]int64); err == nil && ok && len(dims) == 2 {
		return dims[1] < int64(genes)
	}
	info, err := f.Info(key)
	return err == nil && len(info.Shape) == 2 && info.Shape[1] < genes
}

// counted is the counts of a slide with their genes.
type counted struct {
	key    string
	counts *sparse.CSR
	genes  []slide.Gene
}

// errNotCounts is the cause of the error for a matrix of other values.
type errNotCounts struct{ lo, hi, example float32 }

func (e *errNotCounts) Error() string {
	return fmt.Sprintf("%v to %v, e.g. %v", e.lo, e.hi, e.example)
}

// counts reads the rows (nil = all) of the first matrix that holds counts.
func (f *file) counts(ctx context.Context, o Options, rows []int, tables *h5ad.AnnData) (*counted, error) {
	keys := countsKeys
	if f.fewer("raw/X", len(tables.Var.Index)) {
		keys = fewerInRaw
	}
	if o.Counts != "" {
		keys = []string{strings.Trim(o.Counts, "/")}
	}
	var found []string
	for _, key := range keys {
		if !f.Exists(key) {
			continue
		}
		m, err := f.countsIn(ctx, key, rows, tables, o.Normalised)
		var not *errNotCounts
		switch {
		case errors.As(err, &not):
			found = append(found, fmt.Sprintf("%s (%v)", key, not))
			continue
		case err != nil:
			return nil, err
		}
		return m, nil
	}
	if len(found) == 0 {
		return nil, f.errorf("X", "is not there; want counts in %s", strings.Join(keys, ", "))
	}
	at := found[0][:strings.Index(found[0], " ")]
	if o.Normalised {
		return nil, f.errorf(at, "values are not finite numbers from 0 on, as normalised counts are: found %s", strings.Join(found, ", "))
	}
	return nil, f.errorf(at, "values are not counts (whole numbers from 0 on): found %s; write the file with its raw counts in layers[\"counts\"] or, "+
		"where there are none, say that it is normalised (Options.Normalised, spared build --normalised)", strings.Join(found, ", "))
}

// countsIn reads the counts of a key with the genes of its columns.
func (f *file) countsIn(ctx context.Context, key string, rows []int, tables *h5ad.AnnData, normalised bool) (*counted, error) {
	c := &counted{key: key}
	if strings.HasPrefix(key, "raw/") {
		v, err := h5ad.ReadElem(f.Path(), "raw/var")
		if err != nil {
			return nil, err
		}
		t, ok := v.(*h5ad.Frame)
		if !ok {
			return nil, f.errorf("raw/var", "is no table of genes")
		}
		c.genes = rawGenes(t, tables.Var)
	} else {
		c.genes = genesOf(tables.Var)
	}
	m := matrix{f: f, key: key, rows: len(tables.Obs.Index), cols: len(c.genes), want: rows}
	var err error
	if c.counts, err = m.read(ctx); err != nil {
		return nil, err
	}
	if err := checkValues(c.counts.Data, normalised); err != nil {
		return nil, err
	}
	if err := counts.Tidy(c.counts); err != nil {
		return nil, f.errorf(key, "%w", err)
	}
	return c, nil
}

// checkValues returns an *errNotCounts unless all values are counts or, of a
// normalised matrix, finite and not negative.
func checkValues(data []float32, normalised bool) error {
	for _, v := range data {
		if v >= 0 && (v < counts.Max && v == float32(int32(v)) || normalised && v <= math.MaxFloat32) {
			continue
		}
		return &errNotCounts{lo: slices.Min(data), hi: slices.Max(data), example: v}
	}
	return nil
}

// matrix is a matrix of a file of which some rows are wanted (nil = all).
type matrix struct {
	f          *file
	key        string
	rows, cols int
	want       []int
}

// block is about how many elements of a matrix are in memory at once, beside
// those that are kept.
const block = 4 << 20

func (m *matrix) read(ctx context.Context) (*sparse.CSR, error) {
	if m.want == nil {
		m.want = make([]int, m.rows)
		for i := range m.want {
			m.want[i] = i
		}
	}
	if !m.f.IsGroup(m.key) {
		return m.dense(ctx)
	}
	columns, err := m.compressed()
	if err != nil {
		return nil, err
	}
	major, minor := m.rows, m.cols
	if columns {
		major, minor = minor, major
	}
	indptr, err := m.offsets(major)
	if err != nil {
		return nil, err
	}
	if columns {
		return m.byColumns(ctx, indptr)
	}
	return m.byRows(ctx, indptr, minor)
}

// compressed tells whether a sparse matrix is compressed by columns, and checks
// its shape.
func (m *matrix) compressed() (columns bool, err error) {
	kind, err := m.f.Attr(m.key, "encoding-type")
	attr := "shape"
	if isAbsent(err) { // before anndata 0.7
		kind, err = m.f.Attr(m.key, "h5sparse_format")
		attr = "h5sparse_shape"
	}
	if err != nil {
		return false, err
	}
	shape, err := m.f.Attr(m.key, attr)
	if err != nil {
		return false, err
	}
	dims, ok := shape.([]int64)
	if !ok || len(dims) != 2 || dims[0] != int64(m.rows) || dims[1] != int64(m.cols) {
		return false, m.f.errorf(m.key, "has the shape %v, want [%d %d], as many as names", shape, m.rows, m.cols)
	}
	switch kind {
	case "csr_matrix", "csr":
		return false, nil
	case "csc_matrix", "csc":
		return true, nil
	}
	return false, m.f.errorf(m.key, "has the encoding %v, want a matrix", kind)
}

// offsets reads and checks where each row (or column) starts.
func (m *matrix) offsets(major int) ([]int64, error) {
	key := m.key + "/indptr"
	indptr, _, err := hdf5x.Read[int64](m.f.File, key)
	if err != nil {
		return nil, err
	}
	if len(indptr) != major+1 || indptr[0] != 0 {
		return nil, m.f.errorf(key, "has %d offsets, want %d from 0 on", len(indptr), major+1)
	}
	for i := range major {
		if indptr[i] > indptr[i+1] {
			return nil, m.f.errorf(key, "falls from %d to %d at entry %d", indptr[i], indptr[i+1], i+1)
		}
	}
	for _, name := range []string{"/data", "/indices"} {
		info, err := m.f.Info(m.key + name)
		if err != nil {
			return nil, err
		}
		if len(info.Shape) != 1 || int64(info.Shape[0]) != indptr[major] {
			return nil, m.f.errorf(m.key+name, "has the shape %v, want [%d]", info.Shape, indptr[major])
		}
	}
	return indptr, nil
}

// entries reads entries lo to hi of a sparse matrix; indices are below n.
func (m *matrix) entries(lo, hi int64, n int) (indices []int32, data []float32, err error) {
	if indices, err = hdf5x.ReadRows[int32](m.f.File, m.key+"/indices", int(lo), int(hi-lo)); err != nil {
		return nil, nil, err
	}
	for k, j := range indices {
		if j < 0 || int(j) >= n {
			return nil, nil, m.f.errorf(m.key+"/indices", "entry %d is %d, want 0 to %d", lo+int64(k), j, n-1)
		}
	}
	data, err = hdf5x.ReadRows[float32](m.f.File, m.key+"/data", int(lo), int(hi-lo))
	return indices, data, err
}

// byRows reads the wanted rows of a matrix compressed by rows: at once where
// they lie together, as those of joined slides do, else block by block.
func (m *matrix) byRows(ctx context.Context, indptr []int64, cols int) (*sparse.CSR, error) {
	out := &sparse.CSR{Rows: len(m.want), Cols: cols, IndPtr: make([]int64, len(m.want)+1)}
	for i, r := range m.want {
		out.IndPtr[i+1] = out.IndPtr[i] + indptr[r+1] - indptr[r]
	}
	if len(m.want) == 0 {
		return out, nil
	}
	first, last := m.want[0], m.want[len(m.want)-1]
	if last-first+1 == len(m.want) {
		var err error
		out.Indices, out.Data, err = m.entries(indptr[first], indptr[last+1], cols)
		return out, err
	}
	n := out.IndPtr[len(m.want)]
	out.Indices, out.Data = make([]int32, 0, n), make([]float32, 0, n)
	for i := 0; i < len(m.want); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		lo, j := indptr[m.want[i]], i+1
		for j < len(m.want) && indptr[m.want[j]+1]-lo <= block {
			j++
		}
		indices, data, err := m.entries(lo, indptr[m.want[j-1]+1], cols)
		if err != nil {
			return nil, err
		}
		for ; i < j; i++ {
			a, b := indptr[m.want[i]]-lo, indptr[m.want[i]+1]-lo
			out.Indices, out.Data = append(out.Indices, indices[a:b]...), append(out.Data, data[a:b]...)
		}
	}
	return out, nil
}

// byColumns reads the wanted rows of a matrix compressed by columns, a block of
// columns at a time.
func (m *matrix) byColumns(ctx context.Context, indptr []int64) (*sparse.CSR, error) {
	place := make([]int32, m.rows)
	for i := range place {
		place[i] = -1
	}
	for i, r := range m.want {
		place[r] = int32(i)
	}
	var e counts.Entries
	for c := 0; c < m.cols; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		lo, end := indptr[c], c+1
		for end < m.cols && indptr[end+1]-lo <= block {
			end++
		}
		indices, data, err := m.entries(lo, indptr[end], m.rows)
		if err != nil {
			return nil, err
		}
		for ; c < end; c++ {
			for k := indptr[c] - lo; k < indptr[c+1]-lo; k++ {
				if s := place[indices[k]]; s >= 0 && data[k] != 0 {
					e.Spot, e.Gene, e.Count = append(e.Spot, s), append(e.Gene, int32(c)), append(e.Count, data[k])
				}
			}
		}
	}
	out, err := e.CSR(len(m.want), m.cols)
	if err != nil {
		return nil, m.f.errorf(m.key, "%w", err)
	}
	return out, nil
}

// dense reads the wanted rows of a dense matrix, a block of rows at a time.
func (m *matrix) dense(ctx context.Context) (*sparse.CSR, error) {
	info, err := m.f.Info(m.key)
	if err != nil {
		return nil, err
	}
	if len(info.Shape) != 2 || info.Shape[0] != m.rows || info.Shape[1] != m.cols {
		return nil, m.f.errorf(m.key, "has the shape %v, want [%d %d], as many as names", info.Shape, m.rows, m.cols)
	}
	out := &sparse.CSR{Rows: len(m.want), Cols: m.cols, IndPtr: make([]int64, len(m.want)+1)}
	step := max(1, block/max(1, m.cols))
	for i := 0; i < len(m.want); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		first := m.want[i]
		n := min(step, m.rows-first)
		data, err := hdf5x.ReadRows[float32](m.f.File, m.key, first, n)
		if err != nil {
			return nil, err
		}
		for ; i < len(m.want) && m.want[i] < first+n; i++ {
			at := (m.want[i] - first) * m.cols
			for j, v := range data[at : at+m.cols] {
				if v != 0 || math.IsNaN(float64(v)) {
					out.Indices, out.Data = append(out.Indices, int32(j)), append(out.Data, v)
				}
			}
			out.IndPtr[i+1] = int64(len(out.Data))
		}
	}
	return out, nil
}
