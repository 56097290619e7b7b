package hdf5read

import (
	"errors"
	"fmt"
)

// Class is the class of a type.
type Class int

// The classes of types (specification IV.A.2.d).
const (
	Integer Class = 0
	Float   Class = 1
	Text    Class = 3
	Record  Class = 6
	Enum    Class = 8
	Vlen    Class = 9
	Array   Class = 10

	timeClass    Class = 2 // these are told apart only to find where they end
	bitField     Class = 4
	opaque       Class = 5
	complexClass Class = 11
)

// Type is the type of the elements of a dataset or attribute.
type Type struct {
	Class     Class
	Size      int  // bytes of an element
	Plain     bool // numbers: all bits count, and floats are IEEE 754's
	Signed    bool
	BigEndian bool
	Padded    bool     // text filled with blanks
	VlenText  bool     // text of variable length: a reference of 16 bytes
	Bool      bool     // h5py's boolean
	Members   []Member // of a Record
}

// Member is one column of a record.
type Member struct {
	Name   string
	Offset int // bytes from the start of the record
	Type   Type
}

// maxTypeDepth is the deepest nesting of types that is read.
const maxTypeDepth = 8

// parseType reads a type and returns it with the number of bytes it takes.
func (f *File) parseType(b []byte, depth int) (Type, int, error) {
	c := f.cursor(b)
	t, err := c.dtype(depth)
	if err == nil {
		err = c.err
	}
	return t, c.at, err
}

func (c *cursor) dtype(depth int) (t Type, err error) {
	if depth > maxTypeDepth {
		return t, errors.New("its type is nested too deeply")
	}
	head := c.u8()
	version := int(head >> 4)
	flags := uint32(c.uint(3))
	size := c.u32()
	t = Type{Class: Class(head & 15), Size: int(size)}
	if c.err != nil || version < 1 || version > 5 || size == 0 || size > 1<<31-1 {
		return t, errors.New("its type is damaged")
	}
	switch t.Class {
	case Integer:
		offset, precision := c.u16(), c.u16()
		t.Signed, t.BigEndian = flags&8 != 0, flags&1 != 0
		t.Plain = offset == 0 && int(precision) == 8*t.Size
	case Float:
		t.BigEndian = flags&1 != 0
		t.Plain = c.isIEEE(flags, t.Size)
	case timeClass:
		c.skip(2)
	case bitField:
		c.skip(4)
	case opaque:
		c.skip(int(flags & 0xff))
	case complexClass:
		_, err = c.dtype(depth + 1)
	case Text:
		t.Padded = flags&15 == 2
	case Record:
		err = c.members(&t, int(flags&0xffff), version, depth)
	case Enum:
		err = c.enum(&t, int(flags&0xffff), version, depth)
	case Vlen:
		var base Type
		base, err = c.dtype(depth + 1)
		t.VlenText = flags&15 == 1 && t.Size == 8+c.offset && base.Size == 1
	case Array:
		n := int(c.u8())
		if version < 3 {
			c.skip(3 + 4*n)
		}
		c.skip(4 * n)
		_, err = c.dtype(depth + 1)
	}
	return t, err
}

// isIEEE reads the properties of a float and tells whether it is one of
// IEEE 754's of 16, 32 or 64 bits.
func (c *cursor) isIEEE(flags uint32, size int) bool {
	offset, precision := c.u16(), c.u16()
	p := [5]uint32{uint32(c.u8()), uint32(c.u8()), uint32(c.u8()), uint32(c.u8()), c.u32()}
	want, ok := map[int][5]uint32{
		2: {10, 5, 0, 10, 15}, 4: {23, 8, 0, 23, 127}, 8: {52, 11, 0, 52, 1023}, // exponent's place, bits; mantissa's; bias
	}[size]
	return ok && p == want && offset == 0 && int(precision) == 8*size && flags>>8&0xff == uint32(8*size-1) && flags&0x40 == 0 && flags>>4&3 == 2
}

// members reads the columns of a record.
func (c *cursor) members(t *Type, n, version, depth int) error {
	for range n {
		var m Member
		if version < 3 {
			m.Name = c.text(8)
		} else {
			m.Name = c.text(1)
		}
		if version < 3 {
			m.Offset = int(c.u32())
		} else {
			m.Offset = int(c.uint(byteSize(uint64(t.Size))))
		}
		dims := byte(0)
		if version == 1 {
			dims = c.u8()
			c.skip(3 + 4 + 4 + 16)
		}
		var err error
		if m.Type, err = c.dtype(depth + 1); err != nil {
			return err
		}
		if dims > 0 {
			m.Type = Type{Class: Array, Size: m.Type.Size}
		}
		if m.Offset > t.Size || m.Type.Size > t.Size-m.Offset || c.err != nil {
			return fmt.Errorf("its member %q lies outside the record: the file is damaged", m.Name)
		}
		t.Members = append(t.Members, m)
	}
	return nil
}

// enum reads the members of an enumeration and finds h5py's boolean: one byte,
// FALSE = 0 and TRUE = 1.
func (c *cursor) enum(t *Type, n, version, depth int) error {
	base, err := c.dtype(depth + 1)
	if err != nil {
		return err
	}
	names := make([]string, 0, min(n, 16))
	for range n {
		if c.err != nil {
			return c.err
		}
		if version < 3 {
			names = append(names, c.text(8))
		} else {
			names = append(names, c.text(1))
		}
	}
	values := c.take(n * base.Size)
	if c.err != nil {
		return c.err
	}
	if base.Class != Integer || base.Size != 1 || t.Size != 1 || n != 2 {
		return nil
	}
	at := map[string]byte{names[0]: values[0], names[1]: values[1]}
	no, ok := at["FALSE"]
	yes, also := at["TRUE"]
	t.Bool = ok && also && no == 0 && yes == 1
	return nil
}

// Space is the shape of a dataset or attribute.
type Space struct {
	Null bool
	Dims []uint64 // none of a scalar
	Max  []uint64 // to which the dimensions may grow; all ones = without limit
}

// parseSpace reads a shape (specification IV.A.2.b).
func (f *File) parseSpace(b []byte) (s Space, err error) {
	c := f.cursor(b)
	version, rank, flags := c.u8(), int(c.u8()), c.u8()
	switch version {
	case 1:
		c.skip(5)
	case 2:
		s.Null = c.u8() == 2
	default:
		return s, fmt.Errorf("its shape has the version %d: the file is damaged", version)
	}
	if rank > 32 {
		return s, fmt.Errorf("%d dimensions, HDF5 has at most 32: the file is damaged", rank)
	}
	s.Dims, s.Max = make([]uint64, rank), make([]uint64, rank)
	for i := range s.Dims {
		s.Dims[i] = c.len()
	}
	copy(s.Max, s.Dims)
	if flags&1 != 0 {
		for i := range s.Max {
			s.Max[i] = c.len()
			if unlimited := f.lengthSize < 8 && s.Max[i] == 1<<(8*f.lengthSize)-1; unlimited {
				s.Max[i] = undefined
			}
		}
	}
	return s, c.err
}

// Attr is an attribute.
type Attr struct {
	Name  string
	Type  Type
	Space Space
	Data  []byte // as in the file
	Err   error  // why it cannot be read, if it cannot
}

// maxAttrs is the largest number of attributes of an object that are read.
const maxAttrs = 1 << 16

// Attrs lists the attributes of an object in the order of the file.
func (o *Object) Attrs() ([]Attr, error) {
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	var attrs []Attr
	add := func(b []byte, flags byte) error {
		if flags&msgSharedFlag != 0 {
			return errors.New("an attribute is kept in the file's table of shared messages, which is not supported")
		}
		a, err := o.f.attr(b)
		if attrs = append(attrs, a); len(attrs) > maxAttrs {
			return errors.New("has more than 65,536 attributes: the file is damaged")
		}
		return err
	}
	for _, m := range o.messages {
		if m.kind == msgAttr {
			if err := add(m.body, m.flags); err != nil {
				return nil, err
			}
		}
	}
	m := o.find(msgAttrInfo)
	if m == nil {
		return attrs, nil
	}
	c := o.f.cursor(m.body)
	c.skip(1)
	if c.u8()&1 != 0 {
		c.skip(2)
	}
	heap, index := c.addr(), c.addr()
	if c.err != nil || heap == undefined || index == undefined {
		return attrs, c.err
	}
	err := o.f.dense(heap, index, 8, 0, add)
	return attrs, err
}

// attr reads one attribute (specification IV.A.2.m).
func (f *File) attr(b []byte) (a Attr, err error) {
	c := f.cursor(b)
	version, flags := c.u8(), c.u8()
	nameSize, typeSize, spaceSize := int(c.u16()), int(c.u16()), int(c.u16())
	pad := func(n int) int { return n }
	switch version {
	case 1:
		pad = func(n int) int { return (n + 7) / 8 * 8 }
		flags = 0
	case 2:
	case 3:
		c.skip(1)
	default:
		return a, fmt.Errorf("an attribute has the version %d: the file is damaged", version)
	}
	name := c.take(pad(nameSize))
	typ, space := c.take(pad(typeSize)), c.take(pad(spaceSize))
	if c.err != nil {
		return a, c.err
	}
	if a.Name, err = heapText(name, 0); err != nil {
		return a, err
	}
	a.Data = c.take(c.rest())
	if typ, err = f.typeBody(typ, flags&1 != 0); err == nil {
		a.Type, _, err = f.parseType(typ, 0)
	}
	if err == nil && flags&2 != 0 {
		err = errors.New("its shape is a shared message, which is not supported")
	}
	if err == nil {
		a.Space, err = f.parseSpace(space)
	}
	a.Err = err // one that is not understood does not hide the others
	return a, nil
}
