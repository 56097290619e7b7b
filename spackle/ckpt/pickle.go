package ckpt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/spared/format"
)

// What the machine builds, beside nil, bool, int64, float64, string and Tensor.
type (
	tuple []any
	list  struct{ items []any }
	dict  struct {
		keys, values []any // in order; keys may repeat
		namespace    bool  // its attributes are its entries
	}
)

// machine is the stack machine of a pickle.
type machine struct {
	b       []byte
	at      int
	stack   []any
	marks   []int // heights of the stack
	memo    map[uint32]any
	archive *archive
}

// unpickle runs a pickle and returns what it built.
func unpickle(b []byte, a *archive) (any, error) {
	m := &machine{b: b, memo: map[uint32]any{}, archive: a}
	for {
		at := m.at
		done, err := m.step()
		var inner *format.Error
		switch {
		case errors.As(err, &inner): // of a record
			return nil, err
		case err != nil:
			return nil, format.Errorf("", pickleName, "byte %d: %w", at, err)
		case done:
			return m.result()
		}
	}
}

func (m *machine) result() (any, error) {
	if len(m.stack) != 1 || len(m.marks) != 0 || m.at != len(m.b) {
		return nil, format.Errorf("", pickleName, "ends with %d values on the stack, %d bytes before its end; want one and none", len(m.stack), len(m.b)-m.at)
	}
	return m.stack[0], nil
}

// step executes one operation; done is the end.
func (m *machine) step() (done bool, err error) {
	op, err := m.bytes(1)
	if err != nil {
		return false, err
	}
	switch op[0] {
	case '.': // STOP
		return true, nil
	case 0x80: // PROTO
		v, err := m.number(1)
		if err == nil && (v < 2 || v > 5) {
			err = fmt.Errorf("pickle protocol %d, want 2 to 5", v)
		}
		return false, err
	case 0x95: // FRAME
		_, err = m.bytes(8)
	case '(': // MARK
		m.marks = append(m.marks, len(m.stack))
	case 'c', 0x93, 'i': // GLOBAL, STACK_GLOBAL, INST
		err = m.global(op[0])
	case 'R', 0x81: // REDUCE, NEWOBJ
		err = m.call()
	case 'b': // BUILD
		err = m.build()
	case 'Q': // BINPERSID
		err = m.persistent()
	default:
		if known, err := m.collection(op[0]); known || err != nil {
			return false, err
		}
		if known, err := m.remember(op[0]); known || err != nil {
			return false, err
		}
		var v any
		if v, err = m.value(op[0]); err == nil {
			m.push(v)
		}
	}
	return false, err
}

// value returns the value that an operation holds in itself.
func (m *machine) value(op byte) (any, error) {
	switch op {
	case 'N': // NONE
		return nil, nil
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		return op == 0x88, nil
	case 'J': // BININT
		v, err := m.number(4)
		return int64(int32(v)), err
	case 'K': // BININT1
		return m.number(1)
	case 'M': // BININT2
		return m.number(2)
	case 0x8a: // LONG1
		return m.long()
	case 'G': // BINFLOAT
		b, err := m.bytes(8)
		if err != nil {
			return nil, err
		}
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	case 'X': // BINUNICODE
		return m.text(4)
	case 0x8c: // SHORT_BINUNICODE
		return m.text(1)
	case '}': // EMPTY_DICT
		return &dict{}, nil
	case ']': // EMPTY_LIST
		return &list{}, nil
	case ')': // EMPTY_TUPLE
		return tuple{}, nil
	}
	return nil, fmt.Errorf("operation 0x%02x, which no checkpoint of a network needs: refused", op)
}

// collection executes the operations that put values together.
func (m *machine) collection(op byte) (known bool, err error) {
	var items []any
	switch op {
	case 't', 'u', 'e': // TUPLE, SETITEMS, APPENDS
		items, err = m.popMark()
	case 's', 0x86: // SETITEM, TUPLE2
		items, err = m.popN(2)
	case 'a', 0x85: // APPEND, TUPLE1
		items, err = m.popN(1)
	case 0x87: // TUPLE3
		items, err = m.popN(3)
	default:
		return false, nil
	}
	if err != nil {
		return true, err
	}
	switch op {
	case 't', 0x85, 0x86, 0x87:
		m.push(tuple(slices.Clone(items)))
		return true, nil
	}
	top, err := m.top()
	if err != nil {
		return true, err
	}
	switch into := top.(type) {
	case *list:
		if op == 'a' || op == 'e' {
			into.items = append(into.items, items...)
			return true, nil
		}
	case *dict:
		if (op == 's' || op == 'u') && len(items)%2 == 0 {
			for i := 0; i < len(items); i += 2 {
				into.keys, into.values = append(into.keys, items[i]), append(into.values, items[i+1])
			}
			return true, nil
		}
	}
	return true, fmt.Errorf("%d values put into %s", len(items), describe(top))
}

// remember executes the operations of the memo.
func (m *machine) remember(op byte) (known bool, err error) {
	var key int64
	switch op {
	case 'q', 'h': // BINPUT, BINGET
		key, err = m.number(1)
	case 'r', 'j': // LONG_BINPUT, LONG_BINGET
		key, err = m.number(4)
	case 0x94: // MEMOIZE
		key = int64(len(m.memo))
	default:
		return false, nil
	}
	if err != nil {
		return true, err
	}
	if op == 'h' || op == 'j' {
		v, ok := m.memo[uint32(key)]
		if !ok {
			return true, fmt.Errorf("value %d of the memo, which is empty there", key)
		}
		m.push(v)
		return true, nil
	}
	v, err := m.top()
	m.memo[uint32(key)] = v
	return true, err
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// floor is the height below which no operation may reach.
func (m *machine) floor() int {
	if n := len(m.marks); n > 0 {
		return m.marks[n-1]
	}
	return 0
}

var errEmpty = errors.New("takes a value off the stack, which is empty")

func (m *machine) top() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, errEmpty
	}
	return m.stack[len(m.stack)-1], nil
}

// popN takes n values off. They stay valid until the next push.
func (m *machine) popN(n int) ([]any, error) {
	if len(m.stack)-m.floor() < n {
		return nil, errEmpty
	}
	at := len(m.stack) - n
	items := m.stack[at:]
	m.stack = m.stack[:at]
	return items, nil
}

// popMark takes all values above the last mark off, and the mark.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errors.New("goes back to a mark, of which there is none")
	}
	items, err := m.popN(len(m.stack) - m.floor())
	m.marks = m.marks[:len(m.marks)-1]
	return items, err
}

// bytes reads the next n bytes.
func (m *machine) bytes(n int) ([]byte, error) {
	if n > len(m.b)-m.at {
		return nil, errors.New("ends in the middle")
	}
	m.at += n
	return m.b[m.at-n : m.at], nil
}

// number reads an unsigned little-endian number of up to 4 bytes.
func (m *machine) number(size int) (int64, error) {
	b, err := m.bytes(size)
	v := int64(0)
	for i, c := range b {
		v |= int64(c) << (8 * i)
	}
	return v, err
}

// text reads a string after its length, a number of size bytes.
func (m *machine) text(size int) (string, error) {
	n, err := m.number(size)
	if err != nil {
		return "", err
	}
	b, err := m.bytes(int(n))
	return string(b), err
}

// line reads to the end of the line.
func (m *machine) line() (string, error) {
	n := slices.Index(m.b[m.at:], '\n')
	if n < 0 {
		return "", errors.New("ends in the middle")
	}
	b, err := m.bytes(n + 1)
	return string(b[:n]), err
}

// long reads a signed number of its own length.
func (m *machine) long() (int64, error) {
	n, err := m.number(1)
	if err != nil {
		return 0, err
	}
	b, err := m.bytes(int(n))
	if err != nil || n == 0 {
		return 0, err
	}
	if n > 8 {
		return 0, fmt.Errorf("an integer of %d bytes, want at most 8", n)
	}
	v := int64(int8(b[n-1])) // its sign
	for i := n - 2; i >= 0; i-- {
		v = v<<8 | int64(b[i])
	}
	return v, nil
}

// describe says in a few words what a value is.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case string:
		return fmt.Sprintf("the text %.40q", v)
	case tuple:
		return fmt.Sprintf("a tuple of %d", len(v))
	case *list:
		return fmt.Sprintf("a list of %d", len(v.items))
	case *dict:
		return fmt.Sprintf("a dictionary of %d", len(v.keys))
	case Tensor:
		return "a tensor"
	case storage:
		return "a storage"
	case global:
		return v.name
	}
	return fmt.Sprintf("the %T %v", v, v)
}
