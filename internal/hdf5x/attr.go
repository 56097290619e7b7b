package hdf5x

import (
	"errors"
	"math"
	"sort"
	"strings"

	"github.com/spatialgo/spatialgo/internal/hdf5read"
)

// maxAttr is the largest number of elements of an attribute that is read.
const maxAttr = 1 << 20

// attrs lists the attributes of a group or dataset.
func (f *File) attrs(key string, use func(s *source, attrs []hdf5read.Attr) error) error {
	return f.object(key, func(s *source, o *hdf5read.Object) error {
		attrs, err := o.Attrs()
		if err != nil {
			return f.errorf(key, "cannot list its attributes: %w", err)
		}
		return use(s, attrs)
	})
}

// Attrs returns the names of the attributes of a group or dataset, sorted.
func (f *File) Attrs(key string) (names []string, err error) {
	err = f.attrs(key, func(_ *source, attrs []hdf5read.Attr) error {
		for _, a := range attrs {
			names = append(names, a.Name)
		}
		sort.Strings(names)
		return nil
	})
	return names, err
}

// HasAttr tells whether a group or dataset has that attribute.
func (f *File) HasAttr(key, name string) (has bool) {
	err := f.attrs(key, func(_ *source, attrs []hdf5read.Attr) error {
		for _, a := range attrs {
			has = has || a.Name == name
		}
		return nil
	})
	return err == nil && has
}

// Attr returns the value of an attribute: string, int64, uint64 (where it is
// above the largest int64), float64 or bool where it is a scalar; []string,
// []int64, []float64 or []bool, in row-major order, where it is an array; nil
// where it is null.
func (f *File) Attr(key, name string) (value any, err error) {
	err = f.attrs(key, func(s *source, attrs []hdf5read.Attr) error {
		for i := range attrs {
			if attrs[i].Name == name {
				value, err = f.attr(s, &attrs[i], key)
				return err
			}
		}
		return f.errorf(key, "%w: it has no attribute %q", ErrNoKey, name)
	})
	return value, err
}

func (f *File) attr(s *source, a *hdf5read.Attr, key string) (any, error) {
	if a.Err != nil {
		return nil, f.errorf(key, "attribute %q cannot be read: %w", a.Name, a.Err)
	}
	if a.Space.Null {
		return nil, nil
	}
	n, ok := product(a.Space.Dims)
	if !ok || n > maxAttr || uint64(n)*uint64(a.Type.Size) > uint64(len(a.Data)) {
		return nil, f.errorf(key, "attribute %q claims the shape %v: the file is damaged", a.Name, a.Space.Dims)
	}
	v, err := attrValue(s, a, n)
	if err != nil {
		return nil, f.errorf(key, "attribute %q cannot be read: %w", a.Name, err)
	}
	if len(a.Space.Dims) == 0 {
		v = one(v)
	}
	return v, nil
}

// attrValue reads the n elements of an attribute.
func attrValue(s *source, a *hdf5read.Attr, n int) (any, error) {
	raw := a.Data[:n*a.Type.Size]
	switch kindOf(a.Type) {
	case String:
		if a.Type.VlenText {
			return s.follow(raw)
		}
		return cut(raw, a.Type), nil
	case Bool:
		data := make([]bool, n)
		for i, v := range raw {
			data[i] = v != 0
		}
		return data, nil
	case Float:
		data := make([]float64, n)
		return data, hdf5read.Value(a, data)
	case Int:
		data := make([]int64, n)
		return data, hdf5read.Value(a, data)
	case Uint:
		data := make([]uint64, n)
		err := hdf5read.Value(a, data)
		return narrow(data), err
	}
	return nil, errors.New("its type is not supported (want numbers, strings or booleans)")
}

// narrow gives unsigned numbers as int64 unless one is too large.
func narrow(data []uint64) any {
	out := make([]int64, len(data))
	for i, v := range data {
		if v > math.MaxInt64 {
			return data
		}
		out[i] = int64(v)
	}
	return out
}

// one returns the only element of a scalar.
func one(data any) any {
	switch d := data.(type) {
	case []string:
		return d[0]
	case []bool:
		return d[0]
	case []int64:
		return d[0]
	case []uint64:
		return d[0]
	case []float64:
		return d[0]
	}
	return data
}

// Fixed are strings that SetAttr writes with one fixed length, that of the
// longest, as Space Ranger does. h5py gives them as bytes, and scanpy's
// read_visium stops at library_ids of any other kind.
type Fixed []string

// SetAttr sets an attribute of a group or dataset. The value is a string or
// []string (written as variable-length UTF-8), an int, int64 or float64, a
// bool (h5py's enumeration), or []int64, []float64 or []bool.
func (f *File) SetAttr(key, name string, value any) error {
	defer enter()()
	if err := f.writing(key); err != nil {
		return err
	}
	if name == "" || strings.IndexByte(name, 0) >= 0 {
		return f.errorf(key, "attribute %q: the name must be non-empty and free of NUL bytes", name)
	}
	return f.open(key, func(id int64) error {
		known, err := setAttr(id, name, value)
		if err != nil {
			return f.errorf(key, "attribute %q cannot be written: %w", name, err)
		}
		if !known {
			return f.errorf(key, "attribute %q: values of type %T cannot be written", name, value)
		}
		return nil
	})
}

func setAttr(id int64, name string, value any) (known bool, err error) {
	switch v := value.(type) {
	case string:
		return true, putStrings(id, name, true, []string{v})
	case []string:
		return true, putStrings(id, name, false, v)
	case Fixed:
		if err := checkStrings(v); err != nil {
			return true, err
		}
		return true, writeAttrFixed(id, name, v)
	case int:
		return setAttr(id, name, int64(v))
	case int64:
		return true, writeAttr(id, name, memInt64, true, 1, pointer([]int64{v}))
	case float64:
		return true, writeAttr(id, name, memFloat64, true, 1, pointer([]float64{v}))
	case bool:
		return true, writeAttr(id, name, memBool, true, 1, pointer([]bool{v}))
	case []int64:
		return true, writeAttr(id, name, memInt64, false, len(v), pointer(v))
	case []float64:
		return true, writeAttr(id, name, memFloat64, false, len(v), pointer(v))
	case []bool:
		return true, writeAttr(id, name, memBool, false, len(v), pointer(v))
	}
	return false, nil
}

func putStrings(id int64, name string, scalar bool, data []string) error {
	if err := checkStrings(data); err != nil {
		return err
	}
	return writeAttrStrings(id, name, scalar, data)
}
