package hdf5read

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"
)

// Number is an element type of numbers in memory.
type Number interface {
	int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | float32 | float64
}

// errOverflow is the cause of the error for a number that the type asked for
// cannot hold.
var errOverflow = errors.New("a value does not fit the type asked for")

// bigHost tells whether this machine's numbers are big-endian.
var bigHost = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// Numbers fills dst with numbers of the rows (nil = all) of a dataset, or of a
// member of its records (nil = the elements themselves). A number that an
// integer T cannot hold exactly is an error, while rounding to a
// floating-point T is not.
func Numbers[T Number](d *Dataset, m *Member, r *Rows, dst []T) error {
	t, gather := d.part(m)
	conv, err := converter[T](t)
	if err != nil {
		return err
	}
	s := sink{put: func(at uint64, raw []byte) error {
		raw = gather(raw)
		if !conv(dst[at:at+uint64(len(raw)/t.Size)], raw) {
			return errOverflow
		}
		return nil
	}}
	if m == nil && isType[T](t) {
		s.memory = bytesOf(dst)
	}
	return d.each(r, s)
}

// Bools fills dst: whatever is not zero is true.
func Bools(d *Dataset, m *Member, r *Rows, dst []bool) error {
	t, gather := d.part(m)
	return d.each(r, sink{put: func(at uint64, raw []byte) error {
		raw = gather(raw)
		for i := range len(raw) / t.Size {
			dst[at+uint64(i)] = any1(raw[i*t.Size : (i+1)*t.Size])
		}
		return nil
	}})
}

func any1(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return true
		}
	}
	return false
}

// Raw fills dst with elements as they lie in the file.
func Raw(d *Dataset, m *Member, r *Rows, dst []byte) error {
	t, gather := d.part(m)
	s := sink{put: func(at uint64, raw []byte) error {
		copy(dst[at*uint64(t.Size):], gather(raw))
		return nil
	}}
	if m == nil {
		s.memory = dst
	}
	return d.each(r, s)
}

// part returns the type of the elements, or of a member of theirs, and the
// function that takes it out of them.
func (d *Dataset) part(m *Member) (Type, func([]byte) []byte) {
	if m == nil {
		return d.Type, func(raw []byte) []byte { return raw }
	}
	return m.Type, func(raw []byte) []byte {
		n := len(raw) / d.Type.Size
		out := aligned(n * m.Type.Size)
		for i := range n {
			copy(out[i*m.Type.Size:(i+1)*m.Type.Size], raw[i*d.Type.Size+m.Offset:])
		}
		return out
	}
}

// Value converts the elements of an attribute.
func Value[T Number](a *Attr, dst []T) error {
	conv, err := converter[T](a.Type)
	if err != nil {
		return err
	}
	n := len(dst) * a.Type.Size
	if n > len(a.Data) {
		return errShort
	}
	raw := aligned(n)
	copy(raw, a.Data)
	if !conv(dst, raw) {
		return errOverflow
	}
	return nil
}

// isType tells whether numbers of the file lie as T does in memory.
func isType[T Number](t Type) bool {
	if !t.Plain || t.Size > 1 && t.BigEndian != bigHost || t.Size != int(unsafe.Sizeof(*new(T))) {
		return false
	}
	switch any(*new(T)).(type) {
	case float32, float64:
		return t.Class == Float
	case int8, int16, int32, int64:
		return t.Class == Integer && t.Signed
	}
	return t.Class == Integer && !t.Signed
}

// converter returns the function that turns elements of a type into T; its
// result is false where one does not fit.
func converter[T Number](t Type) (func(dst []T, raw []byte) bool, error) {
	if t.Bool {
		t = Type{Class: Integer, Size: 1, Plain: true, Signed: true}
	}
	conv := convertTo[T](t)
	if conv == nil || !t.Plain {
		return nil, fmt.Errorf("numbers of %d bytes stored in this way are not supported", t.Size)
	}
	if t.Size == 1 || t.BigEndian == bigHost {
		return conv, nil
	}
	return func(dst []T, raw []byte) bool { return conv(dst, swap(raw, t.Size)) }, nil
}

// convertTo is converter for numbers in the byte order of this machine.
func convertTo[T Number](t Type) func([]T, []byte) bool {
	switch {
	case t.Class == Float && t.Size == 2:
		return fromHalf[T]
	case t.Class == Float && t.Size == 4:
		return fromFloats[T, float32]
	case t.Class == Float && t.Size == 8:
		return fromFloats[T, float64]
	case t.Class != Integer:
		return nil
	}
	switch [2]bool{t.Signed, isFloat[T]()} {
	case [2]bool{true, true}:
		return pick(t.Size, toFloat[T, int8], toFloat[T, int16], toFloat[T, int32], toFloat[T, int64])
	case [2]bool{true, false}:
		return pick(t.Size, fromInts[T, int8], fromInts[T, int16], fromInts[T, int32], fromInts[T, int64])
	case [2]bool{false, true}:
		return pick(t.Size, toFloat[T, uint8], toFloat[T, uint16], toFloat[T, uint32], toFloat[T, uint64])
	}
	return pick(t.Size, fromInts[T, uint8], fromInts[T, uint16], fromInts[T, uint32], fromInts[T, uint64])
}

func pick[F any](size int, one, two, four, eight F) (f F) {
	switch size {
	case 1:
		return one
	case 2:
		return two
	case 4:
		return four
	case 8:
		return eight
	}
	return f
}

func isFloat[T Number]() bool { var one T = 1; return one/2 != 0 }

type integer interface {
	int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64
}

// fromInts converts integers to integers and tells whether all fit.
func fromInts[T Number, S integer](dst []T, raw []byte) bool {
	ok := true
	for i, v := range numbersOf[S](raw)[:len(dst)] {
		w := T(v)
		ok = ok && S(w) == v && (w < 0) == (v < 0)
		dst[i] = w
	}
	return ok
}

// toFloat converts integers to floats, rounding.
func toFloat[T Number, S integer](dst []T, raw []byte) bool {
	for i, v := range numbersOf[S](raw)[:len(dst)] {
		dst[i] = T(v)
	}
	return true
}

// fromFloats converts floats; to integers only whole numbers within range.
func fromFloats[T Number, S float32 | float64](dst []T, raw []byte) bool {
	src := numbersOf[S](raw)[:len(dst)]
	if isFloat[T]() {
		for i, v := range src {
			dst[i] = T(v)
		}
		return true
	}
	lo, hi := limits[T]()
	for i, v := range src {
		f := float64(v)
		if !(f >= lo && f < hi) || f != math.Trunc(f) {
			return false
		}
		dst[i] = T(v)
	}
	return true
}

// limits are the least number of an integer type and the one above its
// largest.
func limits[T Number]() (lo, hi float64) {
	bits := 8 * int(unsafe.Sizeof(*new(T)))
	var zero T
	if zero-1 < zero { // signed
		return -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1)
	}
	return 0, math.Ldexp(1, bits)
}

// fromHalf converts IEEE 754's 16-bit floats.
func fromHalf[T Number](dst []T, raw []byte) bool {
	f := make([]float32, len(dst))
	for i, h := range numbersOf[uint16](raw)[:len(dst)] {
		f[i] = half(h)
	}
	return fromFloats[T, float32](dst, bytesOf(f))
}

func half(h uint16) float32 {
	exp, mant := int(h>>10&31), float64(h&1023)
	v := 0.0
	switch exp {
	case 0:
		v = math.Ldexp(mant, -24)
	case 31:
		if v = math.Inf(1); mant != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1024+mant, exp-25)
	}
	if h>>15 == 1 {
		v = -v
	}
	return float32(v)
}

// swap returns a copy in the other byte order.
func swap(raw []byte, size int) []byte {
	out := aligned(len(raw))
	for i := 0; i+size <= len(raw); i += size {
		for k := range size {
			out[i+k] = raw[i+size-1-k]
		}
	}
	return out
}

// numbersOf views bytes as numbers; bytes that lie askew are copied.
func numbersOf[T Number](b []byte) []T {
	size := unsafe.Sizeof(*new(T))
	if len(b) == 0 {
		return nil
	}
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%size != 0 {
		c := aligned(len(b))
		copy(c, b)
		b = c
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))/size)
}

// bytesOf views numbers as bytes.
func bytesOf[T Number](s []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(*new(T))))
}
