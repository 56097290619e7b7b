package hdf5read

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
)

var errShort = errors.New("ends too early: the file is damaged")

// cursor takes little-endian values off the bytes of a block. After the first
// that is not there, everything is zero and err is set.
type cursor struct {
	b              []byte
	at             int
	offset, length int // bytes of an address and of a length
	err            error
}

func (f *File) cursor(b []byte) *cursor {
	return &cursor{b: b, offset: f.offsetSize, length: f.lengthSize}
}

// resized is the cursor with the sizes that the superblock has told since.
func (c *cursor) resized(f *File) *cursor {
	c.offset, c.length = f.offsetSize, f.lengthSize
	return c
}

// take returns the next n bytes.
func (c *cursor) take(n int) []byte {
	if c.err != nil || n < 0 || n > len(c.b)-c.at {
		c.err = errors.Join(c.err, errShort)
		if c.at = len(c.b); c.err != nil && n >= 0 && n <= 16 {
			return make([]byte, n)
		}
		return nil
	}
	b := c.b[c.at : c.at+n : c.at+n]
	c.at += n
	return b
}

func (c *cursor) skip(n int)  { c.take(n) }
func (c *cursor) u8() byte    { return c.take(1)[0] }
func (c *cursor) u16() uint16 { return binary.LittleEndian.Uint16(c.take(2)) }
func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }

// uint takes a number of n bytes, at most 8.
func (c *cursor) uint(n int) uint64 {
	if n > 8 {
		c.err = errShort
		return 0
	}
	var v uint64
	for i, b := range c.take(n) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

// addr takes an address; of fewer than 8 bytes, all ones is undefined too.
func (c *cursor) addr() uint64 {
	v := c.uint(c.offset)
	if c.offset < 8 && v == 1<<(8*c.offset)-1 {
		return undefined
	}
	return v
}

// len takes a length.
func (c *cursor) len() uint64 { return c.uint(c.length) }

// text takes a NUL-terminated string whose bytes are padded to a multiple.
func (c *cursor) text(multiple int) string {
	end := bytes.IndexByte(c.b[c.at:], 0)
	if end < 0 {
		c.err = errShort
		return ""
	}
	s := string(c.b[c.at : c.at+end])
	c.skip((end + multiple) / multiple * multiple)
	return s
}

// rest returns the number of bytes left.
func (c *cursor) rest() int { return len(c.b) - c.at }

var errChecksum = errors.New("its checksum does not match: the file is damaged")

// verify compares the last four bytes of a block with the checksum of the
// others.
func (f *File) verify(b []byte) error {
	if n := len(b) - 4; n < 0 || !f.trusting && binary.LittleEndian.Uint32(b[n:]) != lookup3(b[:n]) {
		return errChecksum
	}
	return nil
}

// lookup3 is the hash of Bob Jenkins (2006, "hashlittle" with the initial
// value 0) that HDF5 checks its metadata with.
func lookup3(k []byte) uint32 {
	a := 0xdeadbeef + uint32(len(k))
	b, c := a, a
	word := func(i int) (w uint32) {
		for j := i; j < min(i+4, len(k)); j++ {
			w |= uint32(k[j]) << (8 * (j - i))
		}
		return w
	}
	for ; len(k) > 12; k = k[12:] {
		a, b, c = a+word(0), b+word(4), c+word(8)
		a = (a - c) ^ bits.RotateLeft32(c, 4)
		c += b
		b = (b - a) ^ bits.RotateLeft32(a, 6)
		a += c
		c = (c - b) ^ bits.RotateLeft32(b, 8)
		b += a
		a = (a - c) ^ bits.RotateLeft32(c, 16)
		c += b
		b = (b - a) ^ bits.RotateLeft32(a, 19)
		a += c
		c = (c - b) ^ bits.RotateLeft32(b, 4)
		b += a
	}
	if len(k) == 0 {
		return c
	}
	a, b, c = a+word(0), b+word(4), c+word(8)
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	c = (c ^ b) - bits.RotateLeft32(b, 24)
	return c
}
