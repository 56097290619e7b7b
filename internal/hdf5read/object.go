package hdf5read

import (
	"errors"
	"fmt"
)

// Messages of object headers (specification IV.A.2).
const (
	msgSpace      = 0x01
	msgLinkInfo   = 0x02
	msgType       = 0x03
	msgOldFill    = 0x04
	msgFill       = 0x05
	msgLink       = 0x06
	msgExternal   = 0x07
	msgLayout     = 0x08
	msgFilters    = 0x0b
	msgAttr       = 0x0c
	msgContinue   = 0x10
	msgSymbols    = 0x11
	msgAttrInfo   = 0x15
	msgSharedFlag = 0x02
)

// message is one message of an object header.
type message struct {
	kind  uint16
	flags byte
	body  []byte
}

// Object is a group, a dataset or a named type.
type Object struct {
	Addr     uint64
	f        *File
	messages []message
	links    []Link         // of a group, once listed
	byName   map[string]int // places in links
	chunks   []chunk        // of a dataset, once listed
	listed   bool
}

// Object reads the header at an address. The header is kept, so asking again
// costs nothing.
func (f *File) Object(addr uint64) (*Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.object(addr)
}

func (f *File) object(addr uint64) (*Object, error) {
	if o := f.objects[addr]; o != nil {
		return o, nil
	}
	o := &Object{Addr: addr, f: f}
	head, err := f.At(addr, 4)
	if err == nil && string(head) == "OHDR" {
		err = o.headerV2()
	} else if err == nil {
		err = o.headerV1()
	}
	if err != nil {
		return nil, fmt.Errorf("object header at %d: %w", addr, err)
	}
	f.objects[addr] = o
	return o, nil
}

// IsGroup tells a group from a dataset or a named type.
func (o *Object) IsGroup() bool {
	return o.find(msgSymbols) != nil || o.find(msgLinkInfo) != nil
}

// IsDataset tells a dataset from a group or a named type.
func (o *Object) IsDataset() bool {
	return !o.IsGroup() && o.find(msgSpace) != nil && o.find(msgType) != nil
}

// find returns the first message of a kind, or nil.
func (o *Object) find(kind uint16) *message {
	for i := range o.messages {
		if o.messages[i].kind == kind {
			return &o.messages[i]
		}
	}
	return nil
}

// piece is a part of an object header: its place and length.
type piece struct{ addr, n uint64 }

// maxPieces is the largest number of parts of an object header that are read.
// libhdf5 makes a new one only where the last is full.
const maxPieces = 4096

// headerV1 reads a header of version 1: 16 bytes, then messages, each with a
// head of 8 bytes.
func (o *Object) headerV1() error {
	b, err := o.f.At(o.Addr, 16)
	if err != nil {
		return err
	}
	c := o.f.cursor(b)
	if v := c.u8(); v != 1 {
		return fmt.Errorf("has the version %d, want 1 or 2: the file is damaged", v)
	}
	c.skip(1)
	count := int(c.u16())
	c.skip(4)
	todo, seen := []piece{{o.Addr + 16, uint64(c.u32())}}, map[uint64]bool{}
	for len(todo) > 0 && len(o.messages) < count {
		p := todo[0]
		todo = todo[1:]
		if seen[p.addr] || len(seen) > maxPieces {
			return errors.New("its parts form a circle: the file is damaged")
		}
		seen[p.addr] = true
		b, err := o.f.At(p.addr, p.n)
		if err != nil {
			return err
		}
		for c := o.f.cursor(b); c.rest() >= 8 && len(o.messages) < count; {
			m := message{kind: c.u16()}
			n := int(c.u16())
			m.flags = c.u8()
			c.skip(3)
			m.body = c.take(n)
			if c.err != nil {
				return c.err
			}
			o.messages = append(o.messages, m)
			if m.kind == msgContinue {
				if todo, err = o.follow(todo, m.body); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// follow adds the part that a continuation message names.
func (o *Object) follow(todo []piece, body []byte) ([]piece, error) {
	c := o.f.cursor(body)
	p := piece{c.addr(), c.len()}
	return append(todo, p), c.err
}

// headerV2 reads a header of version 2, whose parts have signatures and
// checksums.
func (o *Object) headerV2() error {
	b, err := o.f.At(o.Addr, min(64, uint64(o.f.size-o.f.base)-o.Addr))
	if err != nil {
		return err
	}
	c := o.f.cursor(b)
	c.skip(4)
	if v := c.u8(); v != 2 {
		return fmt.Errorf("has the version %d, want 2: the file is damaged", v)
	}
	flags := c.u8()
	if flags&0x20 != 0 {
		c.skip(16) // times
	}
	if flags&0x10 != 0 {
		c.skip(4) // limits of attributes
	}
	first := c.uint(1 << (flags & 3))
	if c.err != nil || first > uint64(o.f.size) {
		return errShort
	}
	head := uint64(c.at)
	todo, seen := []piece{{o.Addr, head + first + 4}}, map[uint64]bool{}
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		if seen[p.addr] || len(seen) > maxPieces {
			return errors.New("its parts form a circle: the file is damaged")
		}
		signature, skip := "OCHK", uint64(4)
		if len(seen) == 0 {
			signature, skip = "OHDR", head
		}
		seen[p.addr] = true
		c, err := o.f.block(p.addr, p.n, signature)
		if err != nil {
			return err
		}
		if err := o.f.verify(c.b); err != nil {
			return err
		}
		if todo, err = o.messagesV2(c.b[skip:len(c.b)-4], flags, todo); err != nil {
			return err
		}
	}
	return nil
}

// messagesV2 reads the messages of one part of a header of version 2; what is
// too short for a message's head at the end is a gap.
func (o *Object) messagesV2(b []byte, flags byte, todo []piece) ([]piece, error) {
	head := 4
	if flags&4 != 0 {
		head = 6 // with the order of creation
	}
	for c := o.f.cursor(b); c.rest() >= head; {
		m := message{kind: uint16(c.u8())}
		n := int(c.u16())
		m.flags = c.u8()
		c.skip(head - 4)
		m.body = c.take(n)
		if c.err != nil {
			return nil, c.err
		}
		o.messages = append(o.messages, m)
		if m.kind == msgContinue {
			var err error
			if todo, err = o.follow(todo, m.body); err != nil {
				return nil, err
			}
		}
	}
	return todo, nil
}

// typeBody returns the body of a type that may be kept in another object (a
// named type).
func (f *File) typeBody(body []byte, shared bool) ([]byte, error) {
	if !shared {
		return body, nil
	}
	c := f.cursor(body)
	version, kind := c.u8(), c.u8()
	if version == 1 {
		c.skip(6)
	}
	if version == 3 && kind == 1 {
		return nil, errors.New("is kept in the file's table of shared messages, which is not supported")
	}
	addr := c.addr()
	if c.err != nil || version == 0 || version > 3 {
		return nil, errors.New("the reference to a named type is damaged")
	}
	o, err := f.object(addr)
	if err != nil {
		return nil, err
	}
	m := o.find(msgType)
	if m == nil || m.flags&msgSharedFlag != 0 {
		return nil, errors.New("the reference to a named type is damaged")
	}
	return m.body, nil
}
