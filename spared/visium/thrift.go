package visium

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The footer and the page headers of a Parquet file are structs in the compact
// protocol of Apache Thrift. Package parquet-go sets memory aside for as many
// list items and as much text as they claim, so what they claim is compared
// with the bytes that are there before it sees them. thriftWalk does that, and
// picks out the numbers of a struct on its way.
type thriftWalk struct {
	data   []byte // what is left
	depth  int
	fields map[[2]int]int64 // {field of the outer struct or 0, field}: integers and booleans of two levels
}

// The wire types of the compact protocol.
const (
	thriftTrue = iota + 1
	thriftFalse
	thriftByte
	thriftI16
	thriftI32
	thriftI64
	thriftDouble
	thriftBinary
	thriftList
	thriftSet
	thriftMap
	thriftStruct
)

var errThrift = errors.New("a length in it points beyond its end")

// walkThrift checks a struct at the start of data and returns its length in
// bytes and its integer fields.
func walkThrift(data []byte) (n int, fields map[[2]int]int64, err error) {
	w := &thriftWalk{data: data, fields: make(map[[2]int]int64)}
	if err := w.object(0); err != nil {
		return 0, nil, err
	}
	return len(data) - len(w.data), w.fields, nil
}

func (w *thriftWalk) byte() (byte, error) {
	if len(w.data) == 0 {
		return 0, errThrift
	}
	b := w.data[0]
	w.data = w.data[1:]
	return b, nil
}

func (w *thriftWalk) uvarint() (uint64, error) {
	v, n := binary.Uvarint(w.data)
	if n <= 0 {
		return 0, errThrift
	}
	w.data = w.data[n:]
	return v, nil
}

// zigzag undoes the encoding of signed numbers.
func zigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// skip passes over n bytes.
func (w *thriftWalk) skip(n uint64) error {
	if n > uint64(len(w.data)) {
		return errThrift
	}
	w.data = w.data[n:]
	return nil
}

// object walks over a struct that is the field outer of another, 0 for none.
func (w *thriftWalk) object(outer int) error {
	if w.depth++; w.depth > 16 {
		return errors.New("its structs lie too deep in each other")
	}
	defer func() { w.depth-- }()
	id := int64(0)
	for {
		head, err := w.byte()
		if err != nil {
			return err
		}
		if head == 0 {
			return nil
		}
		if delta := head >> 4; delta != 0 {
			id += int64(delta)
		} else {
			v, err := w.uvarint()
			if err != nil {
				return err
			}
			id = zigzag(v)
		}
		if err := w.value(int(head&0xf), outer, int(id), false); err != nil {
			return err
		}
	}
}

// value walks over a value of a wire type. In a list a boolean takes a byte,
// in a struct it is the type itself.
func (w *thriftWalk) value(wire, outer, id int, item bool) error {
	keep := func(v int64) {
		if w.depth <= 2 && !item {
			w.fields[[2]int{outer, id}] = v
		}
	}
	switch wire {
	case thriftTrue, thriftFalse:
		if item {
			return w.skip(1)
		}
		keep(int64(thriftFalse - wire))
		return nil
	case thriftByte:
		return w.skip(1)
	case thriftI16, thriftI32, thriftI64:
		v, err := w.uvarint()
		keep(zigzag(v))
		return err
	case thriftDouble:
		return w.skip(8)
	case thriftBinary:
		n, err := w.uvarint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case thriftList, thriftSet:
		return w.list()
	case thriftStruct:
		return w.object(id)
	}
	// No struct of Parquet has a map.
	return fmt.Errorf("it holds a field of unknown type %d", wire)
}

// list walks over a list, each item of which takes a byte at least.
func (w *thriftWalk) list() error {
	if w.depth++; w.depth > 16 {
		return errors.New("its lists lie too deep in each other")
	}
	defer func() { w.depth-- }()
	head, err := w.byte()
	if err != nil {
		return err
	}
	n, wire := uint64(head>>4), int(head&0xf)
	if n == 0xf {
		if n, err = w.uvarint(); err != nil {
			return err
		}
	}
	if n > uint64(len(w.data)) {
		return errThrift
	}
	for range n {
		if err := w.value(wire, 0, 0, true); err != nil {
			return err
		}
	}
	return nil
}
