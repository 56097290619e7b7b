package h5ad

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/format"
)

// Read reads a whole .h5ad file as anndata 0.7 or later writes it. Every error
// about the file is a *format.Error with the key at fault.
func Read(path string) (*AnnData, error) {
	return readKeys(path, nil)
}

// ReadKeys is Read of obs, var and the elements named, as "X", "layers" (all
// of them), "layers/log1p" or "uns/spatial/S1/scalefactors"; the rest of the
// AnnData stays empty. A key that the file does not hold is an error.
func ReadKeys(path string, keys ...string) (*AnnData, error) {
	return readKeys(path, append([]string{"obs", "var"}, keys...))
}

// ReadElem reads one element or group of elements: a value of one of the types
// that AnnData lists. Of a key such as "obs/split" it returns the column, a
// *Column if it is categorical or nullable, else an *Array.
func ReadElem(path, key string) (value any, err error) {
	err = withFile(path, func(r *reader) error {
		key = strings.Trim(key, "/")
		if key == "" {
			return r.errorf("", "the key is empty; want for example layers/log1p")
		}
		value, err = r.lone(key)
		return err
	})
	return value, err
}

// lone reads an element by itself. A column of anndata 0.7 is one only together
// with the categories that its table keeps.
func (r *reader) lone(key string) (any, error) {
	if i := strings.LastIndexByte(key, '/'); i >= 0 && r.f.Exists(key[:i]+"/"+legacyCategories+key[i:]) {
		c, err := r.column(key[:i], key[i+1:])
		return &c, err
	}
	return r.elem(key)
}

// Keys lists the elements of a file that ReadElem takes, two levels deep and
// sorted: "X", "layers/counts", "obs", "obs/split", "uns/spatial".
func Keys(path string) (keys []string, err error) {
	err = withFile(path, func(r *reader) error {
		top, err := r.f.Children("")
		if err != nil {
			return err
		}
		for _, k := range top {
			keys = append(keys, k)
			if k == "X" || !r.f.IsGroup(k) {
				continue
			}
			sub, err := r.f.Children(k)
			if err != nil {
				return err
			}
			for _, s := range sub {
				if s != legacyCategories {
					keys = append(keys, k+"/"+s)
				}
			}
		}
		return nil
	})
	return keys, err
}

// maxDepth is the deepest nesting of groups that is read.
const maxDepth = 64

// legacyCategories is the group in which anndata 0.7 keeps a table's
// categories; the columns themselves hold the codes.
const legacyCategories = "__categories"

// reader reads elements of one file.
type reader struct {
	f    *hdf5x.File
	only []string         // the keys to read; nil = all
	seen map[int64]string // objects read so far by their place in the file
}

func withFile(path string, use func(r *reader) error) (err error) {
	f, err := hdf5x.Open(path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	return use(&reader{f: f, seen: map[int64]string{}})
}

func (r *reader) errorf(key, msg string, args ...any) error {
	return format.Errorf(r.f.Path(), key, msg, args...)
}

func readKeys(path string, keys []string) (a *AnnData, err error) {
	err = withFile(path, func(r *reader) error {
		for _, k := range keys {
			r.only = append(r.only, strings.Trim(k, "/"))
		}
		if err := r.isAnnData(); err != nil {
			return err
		}
		for _, k := range r.only {
			if !r.f.Exists(k) {
				_, err := r.f.Info(k) // the error lists what there is
				return err
			}
		}
		if a, err = r.annData(); err != nil {
			return err
		}
		if key, err := a.check(); err != nil {
			return r.errorf(key, "%w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// isAnnData tells an .h5ad file from the other HDF5 files of the field.
func (r *reader) isAnnData() error {
	kind := r.text("", "encoding-type")
	switch {
	case strings.EqualFold(kind, "mudata"):
		return r.errorf("", "is a MuData file (.h5mu); write one of its modalities as .h5ad")
	case kind != "" && kind != "anndata":
		return r.errorf("", "has the encoding %q, want anndata", kind)
	case r.f.Exists("matrix/barcodes"):
		return r.errorf("", "is a 10x feature-barcode matrix, not an .h5ad file; read it as a Space Ranger folder")
	}
	for _, key := range []string{"obs", "var"} {
		if !r.f.Exists(key) {
			return r.errorf(key, "is missing: not an .h5ad file")
		}
		if !r.f.IsGroup(key) {
			return r.errorf(key, "is stored as anndata before 0.7 did; read and write the file with anndata 0.8 to 0.12 first")
		}
	}
	return nil
}

// wants tells whether an element is to be read, at least in part.
func (r *reader) wants(key string) bool {
	if r.only == nil {
		return true
	}
	return slices.ContainsFunc(r.only, func(k string) bool {
		return k == key || strings.HasPrefix(k, key+"/") || strings.HasPrefix(key, k+"/")
	})
}

// annData reads what is wanted.
func (r *reader) annData() (*AnnData, error) {
	a := &AnnData{}
	var err error
	if a.Obs, err = r.table("obs"); err != nil {
		return nil, err
	}
	if a.Var, err = r.table("var"); err != nil {
		return nil, err
	}
	if r.wants("X") && r.f.Exists("X") {
		if a.X, err = r.elem("X"); err != nil {
			return nil, err
		}
	}
	for _, g := range a.groups() {
		if !r.wants(g.key) || !r.f.Exists(g.key) {
			continue
		}
		v, err := r.elem(g.key)
		if err != nil {
			return nil, err
		}
		m, ok := v.(map[string]any)
		if !ok && v != nil {
			return nil, r.errorf(g.key, "is a %s, want a group of elements", describe(v))
		}
		if len(m) > 0 {
			*g.m = m
		}
	}
	return a, nil
}

// table reads an element that must be a table.
func (r *reader) table(key string) (*Frame, error) {
	if err := r.visit(key); err != nil {
		return nil, err
	}
	return r.frame(key)
}

// visit refuses an object that was read before under another key: groups that
// contain themselves, and files whose links make little data look large.
func (r *reader) visit(key string) error {
	if strings.Count(key, "/") >= maxDepth {
		return r.errorf(key, "is nested more than %d groups deep", maxDepth)
	}
	at, err := r.f.Address(key)
	if err != nil {
		return err
	}
	if first, ok := r.seen[at]; ok {
		return r.errorf(key, "is the same object as %s; links within a file are not read", first)
	}
	r.seen[at] = key
	return nil
}

// text returns an attribute that is a string, or "".
func (r *reader) text(key, attr string) string {
	v, err := r.f.Attr(key, attr)
	s, _ := v.(string)
	if err != nil {
		return ""
	}
	return s
}

// elem reads the element of a key by its encoding-type.
func (r *reader) elem(key string) (any, error) {
	if err := r.visit(key); err != nil {
		return nil, err
	}
	group := r.f.IsGroup(key)
	switch kind := r.text(key, "encoding-type"); kind {
	case "csr_matrix", "csc_matrix":
		return r.sparse(key, kind == "csc_matrix", "shape")
	case "dataframe":
		return r.frame(key)
	case "categorical":
		return r.categorical(key)
	case "nullable-integer", "nullable-boolean", "nullable-string-array":
		return r.nullable(key)
	case "null":
		return nil, nil
	case "dict", "raw", "anndata":
		return r.dict(key)
	case "array", "string-array", "numeric-scalar", "string", "bytes", "rec-array":
		return r.dataset(key)
	case "":
		return r.legacy(key, group)
	default:
		return nil, r.errorf(key, "has the encoding %q, which is not supported; drop it from the file, or read the other elements by their keys", kind)
	}
}

// legacy reads an element without encoding-type, as anndata before 0.8 and
// other writers leave them.
func (r *reader) legacy(key string, group bool) (any, error) {
	switch {
	case r.f.HasAttr(key, "h5sparse_format"):
		return r.sparse(key, r.text(key, "h5sparse_format") == "csc", "h5sparse_shape")
	case group:
		return r.dict(key)
	}
	return r.dataset(key)
}

// dict reads a group of elements by name.
func (r *reader) dict(key string) (any, error) {
	if !r.f.IsGroup(key) {
		return nil, r.errorf(key, "is a dataset, its encoding says a group")
	}
	names, err := r.f.Children(key)
	if err != nil {
		return nil, err
	}
	m := make(map[string]any, len(names))
	for _, name := range names {
		sub := key + "/" + name
		if !r.wants(sub) {
			continue
		}
		if m[name], err = r.elem(sub); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// dataset reads an array, a scalar or a record array.
func (r *reader) dataset(key string) (any, error) {
	info, err := r.f.Info(key)
	if err != nil {
		return nil, err
	}
	switch {
	case info.Null:
		return nil, nil
	case info.Kind == hdf5x.Compound:
		return r.records(key, info)
	}
	data, shape, err := hdf5x.ReadAny(r.f, key)
	if err != nil {
		return nil, err
	}
	if len(shape) == 0 {
		return scalar(data, key, r)
	}
	return &Array{Shape: shape, Data: data}, nil
}

// scalar widens the one value of a dataset without dimensions.
func scalar(data any, key string, r *reader) (any, error) {
	switch d := data.(type) {
	case []string:
		return d[0], nil
	case []bool:
		return d[0], nil
	case []float32:
		return float64(d[0]), nil
	case []float64:
		return d[0], nil
	case []uint64:
		if d[0] > 1<<63-1 {
			return nil, r.errorf(key, "the number %d is above the largest int64", d[0])
		}
	}
	n, _, err := hdf5x.Read[int64](r.f, key)
	if err != nil {
		return nil, err
	}
	return n[0], nil
}

// records reads a record array field by field.
func (r *reader) records(key string, info hdf5x.Info) (any, error) {
	if len(info.Shape) != 1 {
		return nil, r.errorf(key, "is a record array of shape %v, want one dimension", info.Shape)
	}
	rec := &Records{}
	for _, name := range info.Members {
		data, _, err := hdf5x.ReadAnyMember(r.f, key, name)
		if err != nil {
			return nil, err
		}
		rec.Fields = append(rec.Fields, Column{Name: name, Data: data})
	}
	return rec, nil
}

// sparse reads a compressed matrix and checks its structure.
func (r *reader) sparse(key string, columns bool, shapeAttr string) (any, error) {
	v, err := r.f.Attr(key, shapeAttr)
	if err != nil {
		return nil, err
	}
	shape, ok := v.([]int64)
	if !ok || len(shape) != 2 || shape[0] < 0 || shape[1] < 0 || shape[0] != int64(int(shape[0])) || shape[1] != int64(int(shape[1])) {
		return nil, r.errorf(key, "attribute %q is %v, want the numbers of rows and columns", shapeAttr, v)
	}
	s := &Sparse{Rows: int(shape[0]), Cols: int(shape[1]), Columns: columns}
	if s.Data, err = r.vector(key + "/data"); err != nil {
		return nil, err
	}
	if s.Indices, err = typed[int32](r, key+"/indices"); err != nil {
		return nil, err
	}
	if s.IndPtr, err = typed[int64](r, key+"/indptr"); err != nil {
		return nil, err
	}
	if err := s.Check(); err != nil {
		return nil, r.errorf(key, "%w", err)
	}
	return s, nil
}

// vector reads a dataset of one dimension, of any element type.
func (r *reader) vector(key string) (any, error) {
	if err := r.visit(key); err != nil {
		return nil, err
	}
	data, shape, err := hdf5x.ReadAny(r.f, key)
	if err == nil && len(shape) != 1 {
		err = r.errorf(key, "has the shape %v, want one dimension", shape)
	}
	return data, err
}

// typed reads a dataset of one dimension as a slice of T.
func typed[T hdf5x.Element](r *reader, key string) ([]T, error) {
	if err := r.visit(key); err != nil {
		return nil, err
	}
	data, shape, err := hdf5x.Read[T](r.f, key)
	if err == nil && len(shape) != 1 {
		err = r.errorf(key, "has the shape %v, want one dimension", shape)
	}
	return data, err
}

// frame reads a table: its index, then its columns in their order.
func (r *reader) frame(key string) (*Frame, error) {
	f := &Frame{IndexName: r.text(key, "_index")}
	if f.IndexName == "" {
		return nil, r.errorf(key, "attribute \"_index\" is missing: it names the dataset of row names")
	}
	var err error
	if f.Index, err = r.names(key + "/" + f.IndexName); err != nil {
		return nil, err
	}
	if f.IndexName == defaultIndex {
		f.IndexName = ""
	}
	order, err := r.columnOrder(key)
	if err != nil {
		return nil, err
	}
	for _, name := range order {
		c, err := r.column(key, name)
		if err != nil {
			return nil, err
		}
		if n := c.Len(); n != len(f.Index) {
			return nil, r.errorf(key+"/"+name, "has %d values for %d rows", n, len(f.Index))
		}
		f.Columns = append(f.Columns, c)
	}
	return f, nil
}

// names reads an index, whose numbers are turned into text.
func (r *reader) names(key string) ([]string, error) {
	v, err := r.vectorOrColumn(key)
	if err != nil {
		return nil, err
	}
	return texts(v.Data, v), nil
}

// columnOrder reads the list of a table's columns.
func (r *reader) columnOrder(key string) ([]string, error) {
	v, err := r.f.Attr(key, "column-order")
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case []string:
		return v, nil
	case string:
		return []string{v}, nil
	case nil:
		return nil, nil
	case []float64: // an empty list of numpy
		if len(v) == 0 {
			return nil, nil
		}
	case []int64:
		if len(v) == 0 {
			return nil, nil
		}
	}
	return nil, r.errorf(key, "attribute \"column-order\" is %v, want column names", v)
}

// column reads one column of a table.
func (r *reader) column(table, name string) (Column, error) {
	if name == "" || strings.Contains(name, "/") {
		return Column{}, r.errorf(table, "the column name %q cannot be a key", name)
	}
	c, err := r.vectorOrColumn(table + "/" + name)
	if err != nil {
		return Column{}, err
	}
	c.Name = name
	if cats := table + "/" + legacyCategories + "/" + name; r.f.Exists(cats) {
		return r.legacyCategorical(c, cats)
	}
	return *c, nil
}

// vectorOrColumn reads an element that must be one-dimensional.
func (r *reader) vectorOrColumn(key string) (*Column, error) {
	v, err := r.elem(key)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case *Column:
		return v, nil
	case *Array:
		if len(v.Shape) == 1 {
			return &Column{Data: v.Data}, nil
		}
		return nil, r.errorf(key, "has the shape %v, want one dimension", v.Shape)
	}
	return nil, r.errorf(key, "is a %s, want a column", describe(v))
}

// legacyCategorical makes a categorical of the codes that anndata 0.7 stores
// as a plain column.
func (r *reader) legacyCategorical(c *Column, cats string) (Column, error) {
	codes, err := toCodes(c.Data)
	if err != nil {
		return Column{}, r.errorf(cats, "the codes of the column: %w", err)
	}
	out := Column{Name: c.Name, Codes: codes}
	ordered, _ := r.f.Attr(cats, "ordered")
	out.Ordered, _ = ordered.(bool)
	if out.Categories, err = r.vector(cats); err != nil {
		return Column{}, err
	}
	if err := out.checkCodes(); err != nil {
		return Column{}, r.errorf(cats, "%w", err)
	}
	return out, nil
}

// categorical reads codes and categories.
func (r *reader) categorical(key string) (any, error) {
	c := &Column{}
	ordered, err := r.f.Attr(key, "ordered")
	if err != nil {
		return nil, err
	}
	switch o := ordered.(type) {
	case bool:
		c.Ordered = o
	case int64:
		c.Ordered = o != 0
	default:
		return nil, r.errorf(key, "attribute \"ordered\" is %v, want true or false", ordered)
	}
	if c.Codes, err = typed[int32](r, key+"/codes"); err != nil {
		return nil, err
	}
	cats, err := r.vectorOrColumn(key + "/categories")
	if err != nil {
		return nil, err
	}
	if cats.Data == nil || cats.Missing != nil {
		return nil, r.errorf(key+"/categories", "is a %s, want plain values", describe(cats))
	}
	c.Categories = cats.Data
	if err := c.checkCodes(); err != nil {
		return nil, r.errorf(key+"/codes", "%w", err)
	}
	return c, nil
}

// nullable reads values and the mask of those that are missing.
func (r *reader) nullable(key string) (any, error) {
	c := &Column{}
	var err error
	if c.Data, err = r.vector(key + "/values"); err != nil {
		return nil, err
	}
	if c.Missing, err = typed[bool](r, key+"/mask"); err != nil {
		return nil, err
	}
	if n := length(c.Data); n != len(c.Missing) {
		return nil, r.errorf(key, "%d values but %d entries of the mask", n, len(c.Missing))
	}
	return c, nil
}

// toCodes turns signed integers of any width into codes.
func toCodes(data any) ([]int32, error) {
	switch d := data.(type) {
	case []int8:
		return widen(d), nil
	case []int16:
		return widen(d), nil
	case []int32:
		return d, nil
	}
	return nil, fmt.Errorf("are %T, want signed integers", data)
}

func widen[T int8 | int16](in []T) []int32 {
	out := make([]int32, len(in))
	for i, v := range in {
		out[i] = int32(v)
	}
	return out
}

// texts returns a column's values as text, "" where missing.
func texts(data any, c *Column) []string {
	if s, ok := data.([]string); ok && c.Missing == nil {
		return s
	}
	out := make([]string, c.Len())
	for i := range out {
		if v, ok := c.Value(i); ok {
			out[i] = text(v)
		}
	}
	return out
}

// text writes a number as Python would.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case float32:
		return pythonFloat(float64(v), 32)
	case float64:
		return pythonFloat(v, 64)
	}
	return fmt.Sprint(v)
}

// pythonFloat keeps the ".0" that tells a float from an integer.
func pythonFloat(v float64, bits int) string {
	s := strconv.FormatFloat(v, 'g', -1, bits)
	if strings.Trim(s, "-0123456789") == "" {
		s += ".0"
	}
	return s
}
