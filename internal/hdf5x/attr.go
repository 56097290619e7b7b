package hdf5x

import (
	"math"
	"strings"
)

// maxAttr is the largest number of elements of an attribute that is read.
const maxAttr = 1 << 20

// object opens a group or dataset for the time of a call.
func (f *File) object(key string, use func(id int64) error) error {
	at, err := f.resolve(key)
	if err != nil {
		return err
	}
	g, err := isGroup(f.h.ID(), at)
	if err != nil {
		return f.errorf(key, "cannot be looked up: %w", err)
	}
	if g {
		o, err := f.h.OpenGroup(at)
		if err != nil {
			return f.errorf(key, "cannot be opened: %w", libraryError())
		}
		defer o.Close()
		return use(o.ID())
	}
	o, err := f.h.OpenDataset(at)
	if err != nil {
		return f.errorf(key, "cannot be opened: %w", libraryError())
	}
	defer o.Close()
	return use(o.ID())
}

// Attrs returns the names of the attributes of a group or dataset, sorted.
func (f *File) Attrs(key string) (names []string, err error) {
	defer enter()()
	err = f.object(key, func(id int64) error {
		if names, err = attrNames(id); err != nil {
			return f.errorf(key, "cannot list its attributes: %w", err)
		}
		return nil
	})
	return names, err
}

// HasAttr tells whether a group or dataset has that attribute.
func (f *File) HasAttr(key, name string) bool {
	defer enter()()
	has := false
	err := f.object(key, func(id int64) (err error) {
		has, err = attrExists(id, name)
		return err
	})
	return err == nil && has
}

// Attr returns the value of an attribute: string, int64, uint64 (where it is
// above the largest int64), float64 or bool where it is a scalar; []string,
// []int64, []float64 or []bool, in row-major order, where it is an array; nil
// where it is null.
func (f *File) Attr(key, name string) (value any, err error) {
	defer enter()()
	err = f.object(key, func(id int64) error {
		has, err := attrExists(id, name)
		if err != nil {
			return f.errorf(key, "attribute %q cannot be looked up: %w", name, err)
		}
		if !has {
			return f.errorf(key, "%w: it has no attribute %q", ErrNoKey, name)
		}
		value, err = f.attr(id, key, name)
		return err
	})
	return value, err
}

func (f *File) attr(obj int64, key, name string) (any, error) {
	attr, s, err := openAttr(obj, name)
	if err != nil {
		return nil, f.errorf(key, "attribute %q cannot be opened: %w", name, err)
	}
	defer closeAttr(attr)
	if s.null {
		return nil, nil
	}
	n, ok := product(s.dims)
	if !ok || n > maxAttr || uint64(n)*uint64(s.size) > uint64(f.limit())+maxAttr {
		return nil, f.errorf(key, "attribute %q claims the shape %v: the file is damaged", name, s.dims)
	}
	v, err := f.attrValue(attr, s, n)
	if err != nil {
		return nil, f.errorf(key, "attribute %q cannot be read: %w", name, err)
	}
	if v == nil {
		return nil, f.errorf(key, "attribute %q has a type that is not supported (want numbers, strings or booleans)", name)
	}
	return v, nil
}

// attrValue reads an attribute, or returns nil for a type it does not know.
func (f *File) attrValue(attr int64, s shape, n int) (any, error) {
	scalar := len(s.dims) == 0
	switch s.kind() {
	case String:
		data, err := f.attrStrings(attr, s, n)
		return one(data, scalar), err
	case Bool:
		data := make([]bool, n)
		err := readAttr(attr, memBool, pointer(data))
		normalise(data)
		return one(data, scalar), err
	case Float:
		data := make([]float64, n)
		err := readAttr(attr, memFloat64, pointer(data))
		return one(data, scalar), err
	case Int:
		data := make([]int64, n)
		err := readAttr(attr, memInt64, pointer(data))
		return one(data, scalar), err
	case Uint:
		data := make([]uint64, n)
		err := readAttr(attr, memUint64, pointer(data))
		return one(narrow(data), scalar), err
	}
	return nil, nil
}

// attrStrings reads the strings of an attribute.
func (f *File) attrStrings(attr int64, s shape, n int) ([]string, error) {
	if n == 0 {
		return []string{}, nil
	}
	if s.vlen {
		refs := make([]byte, n*refSize)
		if err := readAttrReferences(attr, refs); err != nil {
			return nil, err
		}
		return f.follow(refs)
	}
	buf := make([]byte, n*s.size)
	if err := readAttrFixed(attr, buf); err != nil {
		return nil, err
	}
	return cut(buf, s), nil
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

// one returns the only element of a scalar, else the slice.
func one(data any, scalar bool) any {
	if !scalar {
		return data
	}
	switch d := data.(type) {
	case []string:
		if len(d) == 1 {
			return d[0]
		}
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
	return f.object(key, func(id int64) error {
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
