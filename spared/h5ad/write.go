package h5ad

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/format"
)

// WriteOptions says how arrays are stored. The zero value compresses them.
type WriteOptions struct {
	// Gzip is the deflate level, 1 (fast) to 9 (small). 0 stands for
	// DefaultGzip; NoCompression stores arrays as they are.
	Gzip int
}

// Levels of WriteOptions.Gzip besides 1 to 9.
const (
	NoCompression = -1
	DefaultGzip   = 4
)

// Write writes a file that anndata 0.8 and later read, in place of one that
// is there. It is written beside the target first and put in its place in one
// step: after a failure, or a crash, the old file is there unchanged. The same
// content and options give the same bytes.
//
// The error names the key at fault, and is found before the disk is touched
// where the values do not fit each other. Elements that are nil (None) are
// left out, for anndata 0.9 cannot read a file that holds one. Nullable
// strings are written as a categorical, nullable floats with NaN for missing
// values, which is how pandas means them.
func Write(path string, a *AnnData, o WriteOptions) error {
	if a == nil || a.Obs == nil || a.Var == nil {
		return format.Errorf(path, "", "obs and var must be set, for they name the rows and columns")
	}
	if o.Gzip < NoCompression || o.Gzip > 9 {
		return format.Errorf(path, "", "gzip level %d, want 1 to 9, 0 or %d", o.Gzip, NoCompression)
	}
	if key, err := a.check(); err != nil {
		return format.Errorf(path, key, "%w", err)
	}
	return atomicfile.Write(path, func(tmp string) error {
		return rename(writeFile(tmp, a, o), tmp, path)
	})
}

// rename makes an error about the temporary file one about its target.
func rename(err error, tmp, path string) error {
	var fe *format.Error
	if errors.As(err, &fe) && fe.Path == tmp {
		renamed := *fe
		renamed.Path = path
		return &renamed
	}
	return err
}

func writeFile(path string, a *AnnData, o WriteOptions) error {
	f, err := hdf5x.Create(path)
	if err != nil {
		return err
	}
	w := &writer{f: f}
	switch o.Gzip {
	case NoCompression:
	case 0:
		w.array.Gzip = DefaultGzip
	default:
		w.array.Gzip = o.Gzip
	}
	if err := w.annData(a); err != nil {
		_ = f.Close() // what is left of the file is thrown away
		return err
	}
	return f.Close()
}

// writer writes elements of one file.
type writer struct {
	f     *hdf5x.File
	array hdf5x.WriteOptions // of arrays
}

func (w *writer) errorf(key, msg string, args ...any) error {
	return format.Errorf(w.f.Path(), key, msg, args...)
}

// encoding sets the two attributes that every element has.
func (w *writer) encoding(key, kind, version string) error {
	if err := w.f.SetAttr(key, "encoding-type", kind); err != nil {
		return err
	}
	return w.f.SetAttr(key, "encoding-version", version)
}

func (w *writer) annData(a *AnnData) error {
	if err := w.encoding("", "anndata", "0.1.0"); err != nil {
		return err
	}
	if err := w.elem("obs", a.Obs); err != nil {
		return err
	}
	if err := w.elem("var", a.Var); err != nil {
		return err
	}
	if a.X != nil {
		if err := w.elem("X", a.X); err != nil {
			return err
		}
	}
	for _, g := range a.groups() {
		if g.key == "raw" {
			continue
		}
		if err := w.dict(g.key, *g.m, "dict"); err != nil {
			return err
		}
	}
	if a.Raw != nil {
		return w.dict("raw", a.Raw, "raw")
	}
	return nil
}

// elem writes one element with the encoding of its type.
func (w *writer) elem(key string, value any) error {
	switch v := value.(type) {
	case map[string]any:
		return w.dict(key, v, "dict")
	case *Array:
		return w.arr(key, v)
	case *Sparse:
		return w.sparse(key, v)
	case *Frame:
		return w.frame(key, v)
	case *Column:
		return w.column(key, v)
	case *Records:
		return w.records(key, v)
	case string:
		return w.scalar(key, "string", []string{v})
	case bool:
		return w.scalar(key, "numeric-scalar", []bool{v})
	case int:
		return w.scalar(key, "numeric-scalar", []int64{int64(v)})
	case int64:
		return w.scalar(key, "numeric-scalar", []int64{v})
	case float64:
		return w.scalar(key, "numeric-scalar", []float64{v})
	}
	return w.errorf(key, "values of type %T cannot be written; see AnnData for those that can", value)
}

// dict writes a group of elements by name, leaving out nil ones.
func (w *writer) dict(key string, m map[string]any, kind string) error {
	if err := w.f.Group(key); err != nil {
		return err
	}
	if err := w.encoding(key, kind, "0.1.0"); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if m[name] == nil {
			continue
		}
		if err := checkName(name); err != nil {
			return w.errorf(key, "%w", err)
		}
		if err := w.elem(key+"/"+name, m[name]); err != nil {
			return err
		}
	}
	return nil
}

// checkName refuses names that are not one step of an HDF5 path.
func checkName(name string) error {
	if name == "" || name == "." || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("the name %q cannot be a key: it must not be empty, \".\", or hold \"/\" or NUL", name)
	}
	return nil
}

func (w *writer) scalar(key, kind string, data any) error {
	if err := hdf5x.WriteAny(w.f, key, data, []int{}, hdf5x.WriteOptions{}); err != nil {
		return err
	}
	return w.encoding(key, kind, "0.2.0")
}

func (w *writer) arr(key string, a *Array) error {
	if err := a.check(); err != nil {
		return w.errorf(key, "%w", err)
	}
	shape := a.Shape
	if shape == nil {
		shape = []int{}
	}
	kind := "array"
	_, isText := a.Data.([]string)
	switch {
	case isText && len(shape) == 0:
		kind = "string"
	case isText:
		kind = "string-array"
	case len(shape) == 0:
		kind = "numeric-scalar"
	}
	if err := hdf5x.WriteAny(w.f, key, a.Data, shape, w.storage(a.Data)); err != nil {
		return err
	}
	return w.encoding(key, kind, "0.2.0")
}

// storage chooses how an array is stored: small ones are not compressed, for
// the index of their only chunk would take more than it saves.
func (w *writer) storage(data any) hdf5x.WriteOptions {
	if length(data) < 64 {
		return hdf5x.WriteOptions{}
	}
	return w.array
}

// vector writes a plain array of one dimension.
func (w *writer) vector(key string, data any) error {
	return w.arr(key, &Array{Shape: []int{length(data)}, Data: data})
}

// sparse writes a compressed matrix. Offsets are int32 while they fit, as
// scipy wants both index arrays of one type.
func (w *writer) sparse(key string, s *Sparse) error {
	if err := s.Check(); err != nil {
		return w.errorf(key, "%w", err)
	}
	if err := w.f.Group(key); err != nil {
		return err
	}
	kind := "csr_matrix"
	if s.Columns {
		kind = "csc_matrix"
	}
	if err := w.encoding(key, kind, "0.1.0"); err != nil {
		return err
	}
	if err := w.f.SetAttr(key, "shape", []int64{int64(s.Rows), int64(s.Cols)}); err != nil {
		return err
	}
	var indptr, indices any = s.IndPtr, s.Indices
	if len(s.Indices) <= math.MaxInt32 {
		indptr = convert[int64, int32](s.IndPtr)
	} else {
		indices = convert[int32, int64](s.Indices)
	}
	for _, part := range []struct {
		name string
		data any
	}{{"data", s.Data}, {"indices", indices}, {"indptr", indptr}} {
		if err := hdf5x.WriteAny(w.f, key+"/"+part.name, part.data, nil, w.storage(part.data)); err != nil {
			return err
		}
	}
	return nil
}

func convert[From, To int8 | int16 | int32 | int64](in []From) []To {
	out := make([]To, len(in))
	for i, v := range in {
		out[i] = To(v)
	}
	return out
}

// frame writes a table.
func (w *writer) frame(key string, f *Frame) error {
	if err := w.f.Group(key); err != nil {
		return err
	}
	if err := w.encoding(key, "dataframe", "0.2.0"); err != nil {
		return err
	}
	index := f.indexName()
	order := make([]string, len(f.Columns))
	for i := range f.Columns {
		order[i] = f.Columns[i].Name
	}
	if err := w.f.SetAttr(key, "_index", index); err != nil {
		return err
	}
	if err := w.f.SetAttr(key, "column-order", order); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return w.errorf(key, "%w", err)
	}
	if err := w.vector(key+"/"+index, f.Index); err != nil {
		return err
	}
	for i := range f.Columns {
		if err := w.column(key+"/"+order[i], &f.Columns[i]); err != nil {
			return err
		}
	}
	return nil
}

// indexName is the key of the index within its table.
func (f *Frame) indexName() string {
	if f.IndexName == "" {
		return defaultIndex
	}
	return f.IndexName
}

// check returns an error unless names are unique keys and columns as long as
// the index.
func (f *Frame) check() error {
	seen := map[string]bool{f.indexName(): true}
	if err := checkName(f.indexName()); err != nil {
		return err
	}
	for i := range f.Columns {
		c := &f.Columns[i]
		if err := checkName(c.Name); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
		if seen[c.Name] || c.Name == defaultIndex || c.Name == legacyCategories {
			return fmt.Errorf("column %q: the name stands twice or is reserved", c.Name)
		}
		seen[c.Name] = true
		if err := c.check(); err != nil {
			return fmt.Errorf("column %q: %w", c.Name, err)
		}
		if n := c.Len(); n != len(f.Index) {
			return fmt.Errorf("column %q has %d values for %d rows", c.Name, n, len(f.Index))
		}
	}
	return nil
}

// column writes a plain, nullable or categorical column.
func (w *writer) column(key string, c *Column) error {
	if err := c.check(); err != nil {
		return w.errorf(key, "%w", err)
	}
	switch {
	case c.Categorical():
		return w.categorical(key, c)
	case c.Missing == nil:
		return w.vector(key, c.Data)
	}
	switch d := c.Data.(type) {
	case []string:
		return w.categorical(key, nullableStrings(d, c.Missing))
	case []float32:
		return w.vector(key, withNaN(d, c.Missing))
	case []float64:
		return w.vector(key, withNaN(d, c.Missing))
	case []bool:
		return w.nullable(key, "nullable-boolean", c)
	}
	return w.nullable(key, "nullable-integer", c)
}

func (w *writer) nullable(key, kind string, c *Column) error {
	if err := w.f.Group(key); err != nil {
		return err
	}
	if err := w.encoding(key, kind, "0.1.0"); err != nil {
		return err
	}
	if err := w.vector(key+"/values", c.Data); err != nil {
		return err
	}
	return w.vector(key+"/mask", c.Missing)
}

// nullableStrings makes the categorical that anndata would: categories sorted.
func nullableStrings(values []string, missing []bool) *Column {
	var cats []string
	for i, v := range values {
		if !missing[i] {
			cats = append(cats, v)
		}
	}
	sort.Strings(cats)
	cats = slices.Compact(cats)
	if cats == nil {
		cats = []string{}
	}
	c := &Column{Codes: make([]int32, len(values)), Categories: cats}
	for i, v := range values {
		c.Codes[i] = -1
		if !missing[i] {
			c.Codes[i] = int32(sort.SearchStrings(cats, v))
		}
	}
	return c
}

func withNaN[T float32 | float64](values []T, missing []bool) []T {
	out := slices.Clone(values)
	for i, m := range missing {
		if m {
			out[i] = T(math.NaN())
		}
	}
	return out
}

// categorical writes codes of the width that pandas would choose.
func (w *writer) categorical(key string, c *Column) error {
	if err := w.f.Group(key); err != nil {
		return err
	}
	if err := w.encoding(key, "categorical", "0.2.0"); err != nil {
		return err
	}
	if err := w.f.SetAttr(key, "ordered", c.Ordered); err != nil {
		return err
	}
	if err := w.vector(key+"/categories", c.Categories); err != nil {
		return err
	}
	var codes any = c.Codes
	switch n := length(c.Categories); {
	case c.Codes == nil:
		codes = []int8{}
	case n <= math.MaxInt8:
		codes = convert[int32, int8](c.Codes)
	case n <= math.MaxInt16:
		codes = convert[int32, int16](c.Codes)
	}
	return w.vector(key+"/codes", codes)
}

func (w *writer) records(key string, r *Records) error {
	members := make([]hdf5x.Member, len(r.Fields))
	for i, f := range r.Fields {
		members[i] = hdf5x.Member{Name: f.Name, Data: f.Data}
	}
	if err := hdf5x.WriteCompound(w.f, key, members); err != nil {
		return err
	}
	return w.encoding(key, "rec-array", "0.2.0")
}
