package hdf5x

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Group makes a group and those above it, unless they are there.
func (f *File) Group(key string) error {
	defer enter()()
	if err := f.writing(key); err != nil {
		return err
	}
	at := ""
	for _, step := range split(key) {
		at += "/" + step
		there, err := exists(f.h.ID(), at)
		if err == nil && !there {
			g, cerr := f.h.CreateGroup(at)
			if cerr != nil {
				return f.errorf(key, "cannot create group: %w", libraryError())
			}
			g.Close()
			continue
		}
		if g, gerr := isGroup(f.h.ID(), at); err != nil || gerr != nil || !g {
			return f.errorf(key, "cannot create group: %s is not a group", at)
		}
	}
	return nil
}

// open opens a group or dataset of a file being written for the time of a
// call.
func (f *File) open(key string, use func(id int64) error) error {
	at := "/" + strings.Join(split(key), "/")
	g, err := isGroup(f.h.ID(), at)
	if err != nil {
		return f.errorf(key, "%w: %w", ErrNoKey, err)
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

// writing says why a key cannot be written, if it cannot.
func (f *File) writing(key string) error {
	switch {
	case f.closed.Load():
		return f.errorf(key, "the file is closed")
	case f.h == nil:
		return f.errorf(key, "the file is open for reading only")
	case strings.IndexByte(key, 0) >= 0:
		return f.errorf(key, "the key holds a NUL byte")
	}
	return nil
}

// WriteOptions says how a dataset is stored. The zero value is one contiguous
// block without filters, strings of variable length.
type WriteOptions struct {
	Gzip        int   // deflate level, 1 (fast) to 9 (small); 0 = none
	Shuffle     bool  // bytes of equal rank together, before Gzip
	Chunk       []int // shape of a chunk; nil = chosen where a filter needs chunks
	FixedString bool  // strings of fixed length, that of the longest one
}

// Write creates a dataset and the groups above it. A nil shape stands for one
// dimension, an empty one for a scalar. Text is stored as UTF-8, booleans as
// h5py stores them. The same call gives the same bytes, on any number of
// processors, all of which compress.
func Write[T Element](f *File, key string, data []T, shape []int, o WriteOptions) error {
	return WriteAny(f, key, data, shape, o)
}

// WriteAny is Write of a slice of any Element type.
func WriteAny(f *File, key string, data any, shape []int, o WriteOptions) error {
	defer enter()()
	if err := f.writing(key); err != nil {
		return err
	}
	if len(split(key)) == 0 {
		return f.errorf(key, "cannot be written: a dataset needs a name")
	}
	if err := write(f.h.ID(), "/"+strings.Join(split(key), "/"), data, shape, o); err != nil {
		return f.errorf(key, "cannot be written: %w", err)
	}
	return nil
}

func write(loc int64, at string, data any, shape []int, o WriteOptions) error {
	v, err := viewOf(data)
	if err != nil {
		return err
	}
	if shape == nil {
		shape = []int{v.n}
	}
	p, err := makePlan(shape, v, o)
	if err != nil {
		return err
	}
	if v.kind != memString && p.gzip > 0 {
		return writeChunks(loc, at, v, p)
	}
	if v.kind != memString {
		return writeFrom(loc, at, v.kind, p, v.at)
	}
	fixed := 0
	if o.FixedString {
		fixed = longest(v.text)
	}
	return writeStrings(loc, at, p, v.text, fixed)
}

func longest(text []string) int {
	n := 1
	for _, s := range text {
		n = max(n, len(s))
	}
	return n
}

// checkStrings refuses what HDF5 strings cannot hold.
func checkStrings(text []string) error {
	for i, s := range text {
		if strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("string %d, %q, holds a NUL byte, which HDF5 strings end with", i, s)
		}
		if !utf8.ValidString(s) {
			return fmt.Errorf("string %d, %q, is not UTF-8", i, s)
		}
	}
	return nil
}

// makePlan checks the shape and lays out the chunks.
func makePlan(shape []int, v view, o WriteOptions) (plan, error) {
	want := 1
	for _, d := range shape {
		if d < 0 || d > 0 && want > math.MaxInt/d {
			return plan{}, fmt.Errorf("bad shape %v", shape)
		}
		want *= d
	}
	switch {
	case len(shape) > 32:
		return plan{}, fmt.Errorf("%d dimensions, HDF5 has at most 32", len(shape))
	case want != v.n:
		return plan{}, fmt.Errorf("%d values for the shape %v, want %d", v.n, shape, want)
	case o.Gzip < 0 || o.Gzip > 9:
		return plan{}, fmt.Errorf("gzip level %d, want 0 to 9", o.Gzip)
	case o.Chunk != nil && len(o.Chunk) != len(shape):
		return plan{}, fmt.Errorf("chunk %v for the shape %v", o.Chunk, shape)
	}
	p := plan{dims: shape, gzip: o.Gzip, shuffle: o.Shuffle && v.size > 1}
	if v.n == 0 || len(shape) == 0 {
		return plan{dims: shape}, nil // nothing to filter; scalars cannot be chunked
	}
	if o.Chunk != nil {
		p.chunk = make([]int, len(shape))
		for i, c := range o.Chunk {
			if c <= 0 {
				return plan{}, fmt.Errorf("chunk %v: want positive sizes", o.Chunk)
			}
			p.chunk[i] = min(c, shape[i])
		}
	} else if o.Gzip > 0 || o.Shuffle {
		p.chunk = chunks(shape, v.size)
	}
	return p, nil
}

// chunkBytes is the size of a chunk that chunks aims at: small enough for the
// processor's cache, large enough that the index of chunks does not count.
const chunkBytes = 128 << 10

// chunks halves the leading dimension until a chunk is small enough, and only
// then the next one. Whole rows compress best in layers of expression, where
// the genes of a spot share few values (counts over one total), and they are
// what ReadRows asks for.
func chunks(shape []int, size int) []int {
	c := append([]int(nil), shape...)
	bytes := func() int {
		n := size
		for _, d := range c {
			n *= d
		}
		return n
	}
	for i := range c {
		for c[i] > 1 && bytes() > chunkBytes {
			c[i] = (c[i] + 1) / 2
		}
	}
	return c
}

// Member is a named column of a compound dataset; Data is one of the slices
// of Element types.
type Member struct {
	Name string
	Data any
}

// WriteCompound creates a one-dimensional compound dataset (numpy's record
// array) of equally long members, and the groups above it.
func WriteCompound(f *File, key string, members []Member) error {
	defer enter()()
	if err := f.writing(key); err != nil {
		return err
	}
	if err := writeCompound(f.h.ID(), "/"+strings.Join(split(key), "/"), members); err != nil {
		return f.errorf(key, "cannot be written: %w", err)
	}
	return nil
}

func writeCompound(loc int64, at string, members []Member) error {
	var names []string
	var kinds []int
	views := make([]view, len(members))
	for i, m := range members {
		v, err := viewOf(m.Data)
		switch {
		case err != nil:
			return fmt.Errorf("member %q: %w", m.Name, err)
		case m.Name == "" || strings.IndexByte(m.Name, 0) >= 0:
			return fmt.Errorf("member %q: the name must be non-empty and free of NUL bytes", m.Name)
		case v.n != views[0].n && i > 0:
			return fmt.Errorf("member %q has %d values, the first has %d", m.Name, v.n, views[0].n)
		}
		views[i], names, kinds = v, append(names, m.Name), append(kinds, v.kind)
	}
	if len(members) == 0 {
		return fmt.Errorf("a compound needs members")
	}
	id, err := compoundCreate(loc, at, names, kinds, views[0].n)
	if err != nil {
		return err
	}
	for i, v := range views {
		if v.n == 0 {
			break
		}
		if v.kind == memString {
			err = compoundWriteStrings(id, names[i], v.text)
		} else {
			err = compoundWrite(id, names[i], v.kind, v.at)
		}
		if err != nil {
			_ = closeDataset(id) // the first error is the one to tell
			return fmt.Errorf("member %q: %w", names[i], err)
		}
	}
	return closeDataset(id)
}

// view is a slice of an element type as libhdf5 sees it.
type view struct {
	kind, n, size int            // size in bytes of an element
	at            unsafe.Pointer // the first element; of strings, nil
	text          []string
}

func memKind[T Element]() int {
	switch any(*new(T)).(type) {
	case bool:
		return memBool
	case int8:
		return memInt8
	case uint8:
		return memUint8
	case int16:
		return memInt16
	case uint16:
		return memUint16
	case int32:
		return memInt32
	case uint32:
		return memUint32
	case int64:
		return memInt64
	case uint64:
		return memUint64
	case float32:
		return memFloat32
	case float64:
		return memFloat64
	}
	return memString
}

func viewSlice[T Element](s []T) view {
	return view{kind: memKind[T](), n: len(s), size: int(unsafe.Sizeof(*new(T))), at: pointer(s)}
}

// viewOf refuses other types, and text that HDF5 cannot hold.
func viewOf(data any) (view, error) {
	switch d := data.(type) {
	case []bool:
		return viewSlice(d), nil
	case []int8:
		return viewSlice(d), nil
	case []uint8:
		return viewSlice(d), nil
	case []int16:
		return viewSlice(d), nil
	case []uint16:
		return viewSlice(d), nil
	case []int32:
		return viewSlice(d), nil
	case []uint32:
		return viewSlice(d), nil
	case []int64:
		return viewSlice(d), nil
	case []uint64:
		return viewSlice(d), nil
	case []float32:
		return viewSlice(d), nil
	case []float64:
		return viewSlice(d), nil
	case []string:
		return view{kind: memString, n: len(d), size: int(unsafe.Sizeof("")), text: d}, checkStrings(d)
	}
	return view{}, fmt.Errorf("values of type %T cannot be written", data)
}
