package hdf5x

import (
	"fmt"
	"math"
	"strings"

	"github.com/spatialgo/spatialgo/internal/hdf5read"
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

func kindOf(t hdf5read.Type) Kind {
	switch {
	case t.Bool:
		return Bool
	case t.Class == hdf5read.Integer && t.Signed:
		return Int
	case t.Class == hdf5read.Integer:
		return Uint
	case t.Class == hdf5read.Float:
		return Float
	case t.Class == hdf5read.Text, t.VlenText && t.Size == refSize:
		return String
	case t.Class == hdf5read.Record:
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

// dataset finds a dataset for the time of a call.
func (f *File) dataset(key string, use func(s *source, d *hdf5read.Dataset) error) error {
	return f.object(key, func(s *source, o *hdf5read.Object) error {
		if o.IsGroup() {
			return f.errorf(key, "is a group, want a dataset")
		}
		d, err := o.Dataset()
		if err != nil {
			return f.errorf(key, "cannot be described: %w", err)
		}
		return use(s, d)
	})
}

// Info describes a dataset without reading it.
func (f *File) Info(key string) (info Info, err error) {
	err = f.dataset(key, func(_ *source, d *hdf5read.Dataset) error {
		if _, ok := product(d.Space.Dims); !ok {
			return f.errorf(key, "claims the shape %v: the file is damaged", d.Space.Dims)
		}
		stored, err := d.Stored()
		if err != nil {
			return f.errorf(key, "cannot be described: %w", err)
		}
		info = Info{
			Shape: toInts(d.Space.Dims), Null: d.Space.Null, Kind: kindOf(d.Type), Bits: 8 * d.Type.Size, VarString: d.Type.VlenText,
			Chunked: d.Layout == hdf5read.Chunked, StorageSize: int64(stored),
		}
		for _, filter := range d.Filters {
			info.Filters = append(info.Filters, filter.Name)
		}
		for _, m := range d.Type.Members {
			info.Members = append(info.Members, m.Name)
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

// admit refuses a dataset of more elements than its place in the file can
// hold, or stored in a way that cannot be read here.
func (f *File) admit(s *source, d *hdf5read.Dataset, key string) (n int, err error) {
	if d.Layout == hdf5read.Virtual || d.External {
		return 0, f.errorf(key, "its values lie in another file, which is not followed; copy them into this file")
	}
	expand, err := f.filters(d, key)
	if err != nil {
		return 0, err
	}
	if d.Space.Null {
		return 0, f.errorf(key, "holds no value (HDF5 null)")
	}
	n, ok := product(d.Space.Dims)
	stored, err := d.Stored()
	if err != nil {
		return 0, f.errorf(key, "cannot be read: %w", err)
	}
	if stored > uint64(s.size) {
		return 0, f.errorf(key, "claims %d bytes of a file of %d: the file is damaged or truncated", stored, s.size)
	}
	bytes := stored*expand + slack
	chunk, fine := d.ChunkBytes()
	if !ok || !fine || uint64(n) > bytes/uint64(d.Type.Size) || chunk > bytes {
		return 0, f.errorf(key, "claims the shape %v (%d bytes each) but takes only %d bytes of the file: the file is damaged", d.Space.Dims, d.Type.Size, stored)
	}
	return n, nil
}

// filters checks that a dataset's filters can be undone and returns by how
// much they expand at most.
func (f *File) filters(d *hdf5read.Dataset, key string) (expand uint64, err error) {
	expand = 1
	for _, filter := range d.Filters {
		switch {
		case !hdf5read.Known(filter.ID):
			return 0, f.errorf(key, "is compressed by the filter %q (number %d), which is not supported; write the file again with gzip (h5repack -f GZIP=4)", filter.Name, filter.ID)
		case filter.ID == hdf5read.Shuffle || filter.ID == hdf5read.Fletcher32:
		case expand > 1:
			return 0, f.errorf(key, "is compressed twice: the file is damaged")
		default:
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
// converted to T; a number that an integer T cannot hold exactly is an error,
// while rounding to a floating-point T is not. Any integer but zero is true as
// a bool. Chunks are expanded on all processors, straight into the result.
func Read[T Element](f *File, key string) (data []T, shape []int, err error) {
	return ReadMember[T](f, key, "")
}

// ReadMember is Read of one member of a compound dataset; "" is Read itself.
func ReadMember[T Element](f *File, key, member string) (data []T, shape []int, err error) {
	err = f.dataset(key, func(s *source, d *hdf5read.Dataset) error {
		n, err := f.admit(s, d, key)
		if err != nil {
			return err
		}
		m, err := f.member(d, key, member)
		if err != nil {
			return err
		}
		shape = toInts(d.Space.Dims)
		data, err = read[T](f, s, d, key, m, n, nil)
		return err
	})
	return data, shape, err
}

// member finds a member of a compound dataset; "" gives nil.
func (f *File) member(d *hdf5read.Dataset, key, name string) (*hdf5read.Member, error) {
	if name == "" {
		return nil, nil
	}
	for i := range d.Type.Members {
		if d.Type.Members[i].Name == name {
			return &d.Type.Members[i], nil
		}
	}
	return nil, f.errorf(key, "%w: no member %q", ErrNoKey, name)
}

// ReadRows returns count rows from start on of a dataset of one or more
// dimensions, in row-major order. Only the chunks that hold them are read.
func ReadRows[T Element](f *File, key string, start, count int) (data []T, err error) {
	err = f.dataset(key, func(s *source, d *hdf5read.Dataset) error {
		if _, err := f.admit(s, d, key); err != nil {
			return err
		}
		dims := d.Space.Dims
		if len(dims) == 0 || start < 0 || count < 0 || uint64(start)+uint64(count) > dims[0] {
			return f.errorf(key, "has the shape %v: rows %d to %d are outside", dims, start, start+count)
		}
		n, _ := product(append([]uint64{uint64(count)}, dims[1:]...))
		data, err = read[T](f, s, d, key, nil, n, &hdf5read.Rows{Start: uint64(start), Count: uint64(count)})
		return err
	})
	return data, err
}

// read reads n elements of a dataset that was found fit.
func read[T Element](f *File, s *source, d *hdf5read.Dataset, key string, m *hdf5read.Member, n int, r *hdf5read.Rows) ([]T, error) {
	t := d.Type
	if m != nil {
		t = m.Type
	}
	if err := accepts[T](kindOf(t)); err != nil {
		return nil, f.errorf(key, "%w", err)
	}
	if n == 0 {
		return []T{}, nil
	}
	var data any
	var err error
	if _, text := any(*new(T)).(string); text {
		data, err = readText(s, d, m, t, n, r)
	} else {
		data, err = readNumbers(make([]T, n), d, m, r)
	}
	if err != nil {
		return nil, f.errorf(key, "cannot be read as %T: %w", *new(T), err)
	}
	return data.([]T), nil
}

// readNumbers fills a slice of an element type that is no string.
func readNumbers(data any, d *hdf5read.Dataset, m *hdf5read.Member, r *hdf5read.Rows) (any, error) {
	switch out := data.(type) {
	case []bool:
		return data, hdf5read.Bools(d, m, r, out)
	case []int8:
		return data, hdf5read.Numbers(d, m, r, out)
	case []uint8:
		return data, hdf5read.Numbers(d, m, r, out)
	case []int16:
		return data, hdf5read.Numbers(d, m, r, out)
	case []uint16:
		return data, hdf5read.Numbers(d, m, r, out)
	case []int32:
		return data, hdf5read.Numbers(d, m, r, out)
	case []uint32:
		return data, hdf5read.Numbers(d, m, r, out)
	case []int64:
		return data, hdf5read.Numbers(d, m, r, out)
	case []uint64:
		return data, hdf5read.Numbers(d, m, r, out)
	case []float32:
		return data, hdf5read.Numbers(d, m, r, out)
	case []float64:
		return data, hdf5read.Numbers(d, m, r, out)
	}
	return nil, fmt.Errorf("%T is no slice of numbers", data)
}

// readText reads strings of either form.
func readText(s *source, d *hdf5read.Dataset, m *hdf5read.Member, t hdf5read.Type, n int, r *hdf5read.Rows) ([]string, error) {
	raw := make([]byte, n*t.Size)
	if err := hdf5read.Raw(d, m, r, raw); err != nil {
		return nil, err
	}
	if t.VlenText {
		return s.follow(raw)
	}
	return cut(raw, t), nil
}

// cut splits fixed-length strings and drops their padding.
func cut(raw []byte, t hdf5read.Type) []string {
	all := string(raw)
	out := make([]string, len(raw)/t.Size)
	for i := range out {
		v := all[i*t.Size : (i+1)*t.Size]
		if t.Padded {
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

// ReadAny is Read with the Go type of the file's own type: []bool, []int8 to
// []uint64, []float32 (for 16-bit floats too), []float64 or []string.
func ReadAny(f *File, key string) (data any, shape []int, err error) {
	return ReadAnyMember(f, key, "")
}

// ReadAnyMember is ReadAny of one member of a compound dataset.
func ReadAnyMember(f *File, key, member string) (data any, shape []int, err error) {
	var t hdf5read.Type
	err = f.dataset(key, func(_ *source, d *hdf5read.Dataset) error {
		m, err := f.member(d, key, member)
		if t = d.Type; m != nil {
			t = m.Type
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	switch kind, size := kindOf(t), t.Size; {
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

func boxed[T Element](f *File, key, member string) (any, []int, error) {
	data, shape, err := ReadMember[T](f, key, member)
	if err != nil {
		return nil, nil, err
	}
	return data, shape, nil
}
