package hdf5x

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Element is an element type of datasets in memory.
type Element interface {
	bool | int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | float32 | float64 | string
}

// Kind is what the elements of a dataset are.
type Kind int

// The kinds of elements.
const (
	Other    Kind = iota // references, opaque data, enumerations that are not boolean, ...
	Int                  // signed integers
	Uint                 // unsigned integers
	Float                // floating-point numbers
	String               // strings of fixed or variable length
	Bool                 // h5py's booleans: an enumeration FALSE = 0, TRUE = 1
	Compound             // named members, as numpy's record arrays have them
)

// String names the kind as it stands in error messages.
func (k Kind) String() string {
	switch k {
	case Int:
		return "signed integers"
	case Uint:
		return "unsigned integers"
	case Float:
		return "floating-point numbers"
	case String:
		return "strings"
	case Bool:
		return "booleans"
	case Compound:
		return "compound values"
	}
	return "values of an unsupported type"
}

// Info describes a dataset.
type Info struct {
	Shape       []int // empty for a scalar
	Null        bool  // holds no value at all (h5py.Empty)
	Kind        Kind
	Bits        int      // of an element; of a variable-length string, of its reference
	VarString   bool     // strings of variable length
	Members     []string // names of a Compound's members, in their order
	Chunked     bool
	StorageSize int64    // bytes in the file, after the filters
	Filters     []string // names, in the order applied, e.g. "shuffle", "deflate"
}

func (s shape) kind() Kind {
	switch {
	case s.class == classInteger && s.signed:
		return Int
	case s.class == classInteger:
		return Uint
	case s.class == classFloat:
		return Float
	case s.class == classString:
		return String
	case s.class == classEnum && s.boolean:
		return Bool
	case s.class == classCompound:
		return Compound
	}
	return Other
}

// product multiplies dimensions; ok is false where the result is no int.
func product(dims []uint64) (n int, ok bool) {
	p := uint64(1)
	for _, d := range dims {
		if d == 0 {
			return 0, true
		}
	}
	for _, d := range dims {
		if d > math.MaxInt64/p {
			return 0, false
		}
		p *= d
	}
	return int(p), true
}

func toInts(dims []uint64) []int {
	out := make([]int, len(dims))
	for i, d := range dims {
		out[i] = int(d)
	}
	return out
}

// dataset opens a dataset for the time of a call.
func (f *File) dataset(key string, use func(id int64) error) error {
	at, err := f.resolve(key)
	if err != nil {
		return err
	}
	if g, err := isGroup(f.h.ID(), at); err != nil {
		return f.errorf(key, "cannot be looked up: %w", err)
	} else if g {
		return f.errorf(key, "is a group, want a dataset")
	}
	d, err := f.h.OpenDataset(at)
	if err != nil {
		return f.errorf(key, "cannot be opened: %w", libraryError())
	}
	defer d.Close()
	return use(d.ID())
}

// Info describes a dataset without reading it.
func (f *File) Info(key string) (info Info, err error) {
	defer enter()()
	err = f.dataset(key, func(id int64) error {
		s, err := shapeOf(id, "")
		if err != nil {
			return f.errorf(key, "cannot be described: %w", err)
		}
		if _, ok := product(s.dims); !ok {
			return f.errorf(key, "claims the shape %v: the file is damaged", s.dims)
		}
		st, err := storageOf(id)
		if err != nil {
			return f.errorf(key, "cannot be described: %w", err)
		}
		info = Info{
			Shape: toInts(s.dims), Null: s.null, Kind: s.kind(), Bits: 8 * s.size, VarString: s.vlen,
			Chunked: st.chunked, StorageSize: int64(st.bytes),
		}
		for i := range st.filters {
			_, name, _, err := filterOf(id, i)
			if err != nil {
				return f.errorf(key, "filter %d cannot be described: %w", i, err)
			}
			info.Filters = append(info.Filters, name)
		}
		if info.Members, err = memberNames(id, s.members); err != nil {
			return f.errorf(key, "cannot be described: %w", err)
		}
		return nil
	})
	return info, err
}

// The most that a compressing filter expands (deflate's limit is 1,032 times),
// and what any dataset may take besides: a never-written one reads as zeros.
const (
	maxExpansion = 1100
	slack        = 16 << 20
)

// Filters that change the size of their data.
var compressing = map[int]bool{1: true /* deflate */, 4: true /* szip */, 5: true /* nbit */, 6: true /* scale-offset */, 32000: true /* lzf */}

// admit refuses a dataset of more elements than its place in the file can
// hold, or stored in a way that cannot be read here.
func (f *File) admit(id int64, key string, s shape) (n int, err error) {
	st, err := storageOf(id)
	if err != nil {
		return 0, f.errorf(key, "cannot be described: %w", err)
	}
	if st.virtual || st.external {
		return 0, f.errorf(key, "its values lie in another file, which is not followed; copy them into this file")
	}
	expand, err := f.filters(id, key, st.filters)
	if err != nil {
		return 0, err
	}
	if s.null {
		return 0, f.errorf(key, "holds no value (HDF5 null)")
	}
	n, ok := product(s.dims)
	most := uint64(f.limit())
	if st.bytes > most {
		return 0, f.errorf(key, "claims %d bytes of a file of %d: the file is damaged or truncated", st.bytes, most)
	}
	bytes := st.bytes*expand + slack
	if !ok || uint64(n) > bytes/uint64(s.size) || st.chunkBytes > bytes {
		return 0, f.errorf(key, "claims the shape %v (%d bytes each) but takes only %d bytes of the file: the file is damaged", s.dims, s.size, st.bytes)
	}
	return n, nil
}

// filters checks that a dataset's filters can be undone and returns by how
// much they expand at most.
func (f *File) filters(id int64, key string, n int) (expand uint64, err error) {
	expand = 1
	for i := range n {
		number, name, available, err := filterOf(id, i)
		switch {
		case err != nil:
			return 0, f.errorf(key, "filter %d cannot be described: %w", i, err)
		case !available:
			return 0, f.errorf(key, "is compressed by the filter %q (number %d), which this libhdf5 lacks; write the file again with gzip, or install the plugin and set HDF5_PLUGIN_PATH", name, number)
		case compressing[number] && expand > 1:
			return 0, f.errorf(key, "is compressed twice: the file is damaged")
		case number != 2 && number != 3: // neither shuffle nor fletcher32
			expand = maxExpansion
		}
	}
	return expand, nil
}

// accepts says why elements of a kind cannot be read as T, if they cannot.
func accepts[T Element](k Kind) error {
	switch any(*new(T)).(type) {
	case string:
		if k != String {
			return fmt.Errorf("holds %v, want strings", k)
		}
	case bool:
		if k != Bool && k != Int && k != Uint {
			return fmt.Errorf("holds %v, want booleans", k)
		}
	default:
		if k != Int && k != Uint && k != Float && k != Bool {
			return fmt.Errorf("holds %v, want numbers", k)
		}
	}
	return nil
}

// Read returns a whole dataset in row-major order, and its shape. Numbers are
// converted to T by libhdf5; a number that an integer T cannot hold exactly is
// an error, while rounding to a floating-point T is not. Any integer but zero
// is true as a bool.
func Read[T Element](f *File, key string) (data []T, shape []int, err error) {
	return ReadMember[T](f, key, "")
}

// ReadMember is Read of one member of a compound dataset; "" is Read itself.
func ReadMember[T Element](f *File, key, member string) (data []T, shape []int, err error) {
	defer enter()()
	err = f.dataset(key, func(id int64) error {
		s, n, err := f.prepare(id, key, member)
		if err != nil {
			return err
		}
		shape = toInts(s.dims)
		data, err = read[T](f, id, key, member, s, n, allRows)
		return err
	})
	return data, shape, err
}

// prepare checks a dataset and describes the elements to be read.
func (f *File) prepare(id int64, key, member string) (s shape, n int, err error) {
	if s, err = shapeOf(id, ""); err != nil {
		return s, 0, f.errorf(key, "cannot be described: %w", err)
	}
	if n, err = f.admit(id, key, s); err != nil {
		return s, 0, err
	}
	if member != "" {
		if s, err = shapeOf(id, member); err != nil {
			return s, 0, f.errorf(key, "%w: no member %q", ErrNoKey, member)
		}
	}
	return s, n, nil
}

// ReadRows returns count rows from start on of a dataset of one or more
// dimensions, in row-major order. Only the chunks that hold them are read.
func ReadRows[T Element](f *File, key string, start, count int) (data []T, err error) {
	defer enter()()
	err = f.dataset(key, func(id int64) error {
		s, _, err := f.prepare(id, key, "")
		if err != nil {
			return err
		}
		if len(s.dims) == 0 || start < 0 || count < 0 || uint64(start)+uint64(count) > s.dims[0] {
			return f.errorf(key, "has the shape %v: rows %d to %d are outside", s.dims, start, start+count)
		}
		n, _ := product(append([]uint64{uint64(count)}, s.dims[1:]...))
		data, err = read[T](f, id, key, "", s, n, rows{start, count})
		return err
	})
	return data, err
}

// read reads n elements of a dataset that was found fit.
func read[T Element](f *File, id int64, key, member string, s shape, n int, r rows) ([]T, error) {
	if err := accepts[T](s.kind()); err != nil {
		return nil, f.errorf(key, "%w", err)
	}
	if n == 0 {
		return []T{}, nil
	}
	var data []T
	var err error
	if memKind[T]() == memString {
		var text []string
		text, err = readText(f, id, member, s, n, r)
		data, _ = any(text).([]T)
	} else {
		data = make([]T, n)
		err = readInto(id, member, memKind[T](), r, pointer(data))
		if b, ok := any(data).([]bool); ok {
			normalise(b)
		}
	}
	if err != nil {
		return nil, f.errorf(key, "cannot be read as %T: %w", *new(T), err)
	}
	return data, nil
}

// readText reads strings of either form.
func readText(f *File, id int64, member string, s shape, n int, r rows) ([]string, error) {
	if s.vlen {
		refs := make([]byte, n*refSize)
		if err := readReferences(id, member, r, refs); err != nil {
			return nil, err
		}
		return f.follow(refs)
	}
	buf := make([]byte, n*s.size)
	if err := readFixed(id, member, r, buf); err != nil {
		return nil, err
	}
	return cut(buf, s), nil
}

// cut splits fixed-length strings and drops their padding.
func cut(buf []byte, s shape) []string {
	all := string(buf)
	out := make([]string, len(buf)/s.size)
	for i := range out {
		v := all[i*s.size : (i+1)*s.size]
		if s.padded {
			out[i] = strings.TrimRight(v, " ")
			continue
		}
		if end := strings.IndexByte(v, 0); end >= 0 {
			v = v[:end]
		}
		out[i] = v
	}
	return out
}

// normalise makes bytes that libhdf5 wrote into Go booleans: a bool of any
// other byte than 0 or 1 has no meaning in Go.
func normalise(data []bool) {
	b := unsafe.Slice((*byte)(pointer(data)), len(data))
	for i, v := range b {
		if v != 0 {
			b[i] = 1
		}
	}
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

// ReadAny is Read with the Go type of the file's own type: []bool, []int8 to
// []uint64, []float32 (for 16-bit floats too), []float64 or []string.
func ReadAny(f *File, key string) (data any, shape []int, err error) {
	return ReadAnyMember(f, key, "")
}

// ReadAnyMember is ReadAny of one member of a compound dataset.
func ReadAnyMember(f *File, key, member string) (data any, shape []int, err error) {
	s, err := f.elements(key, member)
	if err != nil {
		return nil, nil, err
	}
	switch kind, size := s.kind(), s.size; {
	case kind == String:
		return boxed[string](f, key, member)
	case kind == Bool:
		return boxed[bool](f, key, member)
	case kind == Float && size <= 4:
		return boxed[float32](f, key, member)
	case kind == Float:
		return boxed[float64](f, key, member)
	case kind == Int && size == 1:
		return boxed[int8](f, key, member)
	case kind == Int && size == 2:
		return boxed[int16](f, key, member)
	case kind == Int && size <= 4:
		return boxed[int32](f, key, member)
	case kind == Int:
		return boxed[int64](f, key, member)
	case kind == Uint && size == 1:
		return boxed[uint8](f, key, member)
	case kind == Uint && size == 2:
		return boxed[uint16](f, key, member)
	case kind == Uint && size <= 4:
		return boxed[uint32](f, key, member)
	case kind == Uint:
		return boxed[uint64](f, key, member)
	default:
		return nil, nil, f.errorf(key, "holds %v; want numbers, strings or booleans", kind)
	}
}

// elements describes the elements of a dataset or of a member of it.
func (f *File) elements(key, member string) (s shape, err error) {
	defer enter()()
	err = f.dataset(key, func(id int64) error {
		if s, err = shapeOf(id, member); err != nil {
			return f.errorf(key, "cannot be described: %w", err)
		}
		return nil
	})
	return s, err
}

func boxed[T Element](f *File, key, member string) (any, []int, error) {
	data, shape, err := ReadMember[T](f, key, member)
	if err != nil {
		return nil, nil, err
	}
	return data, shape, nil
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
// h5py stores them. The same call gives the same bytes.
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
