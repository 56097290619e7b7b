package ckpt

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/spatialgo/spatialgo/spared/format"
)

// Tensor is one tensor of a checkpoint. Its elements stay in the file's memory
// until they are asked for.
type Tensor struct {
	DType string // as torch calls it: "float32", "int64", ...
	Shape []int  // empty for a single number

	storage []byte
	offset  int   // of the first element, in elements
	strides []int // between neighbours along each axis, in elements
}

// storages are the kinds of storages, by the name of their class in torch.
var storages = map[string]dtype{
	"FloatStorage": {"float32", 4}, "DoubleStorage": {"float64", 8}, "HalfStorage": {"float16", 2}, "BFloat16Storage": {"bfloat16", 2},
	"LongStorage": {"int64", 8}, "IntStorage": {"int32", 4}, "ShortStorage": {"int16", 2}, "CharStorage": {"int8", 1},
	"ByteStorage": {"uint8", 1}, "BoolStorage": {"bool", 1},
}

type dtype struct {
	name string
	size int // bytes of an element
}

// storage is a record of numbers, which tensors are views of.
type storage struct {
	dtype
	data []byte
}

// newTensor makes a view of a storage, all of whose elements lie inside it.
func newTensor(s storage, offset int64, shape, strides []int64) (Tensor, error) {
	count := int64(len(s.data) / s.size)
	if len(shape) != len(strides) {
		return Tensor{}, fmt.Errorf("a tensor of shape %v with strides %v", shape, strides)
	}
	t := Tensor{DType: s.name, storage: s.data, Shape: make([]int, len(shape)), strides: make([]int, len(shape))}
	empty := false
	for i, d := range shape {
		if d < 0 || strides[i] < 0 || d > math.MaxInt32 {
			return Tensor{}, fmt.Errorf("a tensor of shape %v with strides %v: negative, or too large", shape, strides)
		}
		t.Shape[i] = int(d)
		empty = empty || d == 0
	}
	if empty {
		return t, nil
	}
	outside := fmt.Errorf("a tensor of shape %v with strides %v from element %d reaches outside its storage of %d elements", shape, strides, offset, count)
	if offset < 0 || offset >= count {
		return Tensor{}, outside
	}
	n, last := int64(1), offset // elements, and the place of the last one
	for i, d := range shape {
		if d > count/n {
			return Tensor{}, fmt.Errorf("a tensor of shape %v in a storage of %d elements", shape, count)
		}
		n *= d
		if d == 1 {
			continue // its stride is never taken
		}
		if strides[i] > (count-1-last)/(d-1) {
			return Tensor{}, outside
		}
		last += (d - 1) * strides[i]
		t.strides[i] = int(strides[i])
	}
	t.offset = int(offset)
	return t, nil
}

// Len returns the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		if d == 0 {
			return 0
		}
		n *= d
	}
	return n
}

// floating are the floating-point numbers, by the name of their dtype.
var floating = map[string]struct {
	size int // bytes
	read func(b []byte) float32
}{
	"float32":  {4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
	"float64":  {8, func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) }},
	"bfloat16": {2, func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) }},
	"float16":  {2, func(b []byte) float32 { return half(binary.LittleEndian.Uint16(b)) }},
}

// Float32s returns the elements, row-major, as float32. float16 and bfloat16
// are converted exactly, float64 is rounded (beyond the range of float32 to
// infinity). It returns an error for numbers that are not floating-point.
func (t Tensor) Float32s() ([]float32, error) {
	number, ok := floating[t.DType]
	if !ok {
		return nil, fmt.Errorf("ckpt: a tensor of %s, want floating-point numbers", t.DType)
	}
	out := make([]float32, t.Len())
	run, axes := t.contiguous()
	index := make([]int, axes) // odometer over the axes that are not contiguous
	for at := 0; at < len(out); at += run {
		from := t.offset
		for i, k := range index {
			from += k * t.strides[i]
		}
		for i, b := 0, t.storage[from*number.size:]; i < run; i++ {
			out[at+i] = number.read(b[i*number.size:])
		}
		for i := axes - 1; i >= 0; i-- {
			if index[i]++; index[i] < t.Shape[i] {
				break
			}
			index[i] = 0
		}
	}
	return out, nil
}

// contiguous returns how many elements lie one after the other, at least one,
// and how many axes, from the first on, are not part of that.
func (t Tensor) contiguous() (run, axes int) {
	run = 1
	for axes = len(t.Shape); axes > 0; axes-- {
		d := t.Shape[axes-1]
		if d != 1 && t.strides[axes-1] != run {
			break
		}
		run *= d
	}
	return run, axes
}

// half converts a float16 (IEEE 754 binary16).
func half(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0: // ±fraction·2^-24
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f: // infinity, or not a number
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// openStorage finds the record that a persistent id of the pickle names:
// ("storage", class, key, device, number of elements).
func (m *machine) openStorage(id any) (storage, error) {
	v, ok := id.(tuple)
	if !ok || len(v) != 5 || v[0] != any("storage") {
		return storage{}, fmt.Errorf("a persistent id that is %s, want (storage, class, key, device, elements)", describe(id))
	}
	class, isClass := v[1].(global)
	key, isKey := v[2].(string)
	count, isCount := v[4].(int64)
	if !isClass || class.make != makeStorage || !isKey || !isCount || count < 0 {
		return storage{}, fmt.Errorf("a storage of %s, key %s, %s elements", describe(v[1]), describe(v[2]), describe(v[4]))
	}
	data, err := m.archive.read("data/" + key)
	if err != nil {
		return storage{}, err
	}
	if size := int64(class.size); count > math.MaxInt64/8 || count*size != int64(len(data)) {
		return storage{}, format.Errorf("", "data/"+key, "has %d bytes, want %s elements of %d: cut short, or damaged", len(data), strconv.FormatInt(count, 10), class.size)
	}
	return storage{class.dtype, data}, nil
}
