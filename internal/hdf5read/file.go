package hdf5read

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Signature opens every HDF5 file, at 0 or, behind a user block, at 512, 1024,
// 2048, ...
const Signature = "\x89HDF\r\n\x1a\n"

// undefined is the address of what was never written.
const undefined = ^uint64(0)

// ErrTruncated is the cause of the error for a file that ends before the place
// where its superblock says.
var ErrTruncated = errors.New("the file ends too early")

// File reads the structure of one HDF5 file. Its methods may be called from
// many goroutines.
type File struct {
	r          io.ReaderAt
	base, size int64 // place of the signature; bytes of the whole file
	offsetSize int   // bytes of an address
	lengthSize int   // bytes of a length
	root       uint64
	trusting   bool // no checksums: tests damage what lies behind them

	mu      sync.Mutex
	objects map[uint64]*Object // by address, once parsed
}

// Open reads the superblock. base is the place of the signature, size the
// number of bytes of r.
func Open(r io.ReaderAt, base, size int64) (*File, error) {
	f := &File{r: r, base: base, size: size, objects: map[uint64]*Object{}}
	if err := f.superblock(); err != nil {
		return nil, err
	}
	return f, nil
}

// superblock reads the block behind the signature (specification II.A).
func (f *File) superblock() error {
	head := make([]byte, min(f.size-f.base, 256))
	if _, err := f.r.ReadAt(head, f.base); err != nil && err != io.EOF {
		return err
	}
	if !bytes.HasPrefix(head, []byte(Signature)) {
		return errors.New("no HDF5 signature")
	}
	c := f.cursor(head)
	c.skip(len(Signature))
	version := c.u8()
	switch version {
	case 0, 1:
		c.skip(4)
		f.offsetSize, f.lengthSize = int(c.u8()), int(c.u8())
		c.skip(9)
		if version == 1 {
			c.skip(4)
		}
	case 2, 3:
		f.offsetSize, f.lengthSize = int(c.u8()), int(c.u8())
		c.skip(1)
	default:
		return fmt.Errorf("superblock of version %d, which is not known", version)
	}
	if c.err != nil {
		return fmt.Errorf("superblock: %w", c.err)
	}
	if !validSize(f.offsetSize) || !validSize(f.lengthSize) {
		return fmt.Errorf("addresses of %d bytes and lengths of %d: the superblock is damaged", f.offsetSize, f.lengthSize)
	}
	c = c.resized(f)
	c.addr()        // base address: the signature's place is what counts
	c.addr()        // free space, or extension of the superblock
	end := c.addr() // of the file
	if version < 2 {
		c.addr() // driver information
		c.addr() // name of the root
		f.root = c.addr()
	} else {
		f.root = c.addr()
		c.skip(4)
		if c.err == nil {
			c.err = f.verify(c.b[:c.at])
		}
	}
	switch {
	case c.err != nil:
		return fmt.Errorf("superblock: %w", c.err)
	case end != undefined && end > uint64(f.size):
		return fmt.Errorf("%w: it has %d bytes of %d", ErrTruncated, f.size, end)
	}
	return nil
}

func validSize(n int) bool { return n == 2 || n == 4 || n == 8 }

// Root returns the address of the root group.
func (f *File) Root() uint64 { return f.root }

// At reads n bytes at an address. Nothing beyond the end of the file is
// allocated.
func (f *File) At(addr, n uint64) ([]byte, error) {
	if err := f.within(addr, n); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	return b, f.readAt(b, addr)
}

// within returns an error unless n bytes at an address are in the file.
func (f *File) within(addr, n uint64) error {
	if room := uint64(f.size - f.base); addr > room || n > room-addr {
		return fmt.Errorf("%d bytes at %d lie outside the file of %d bytes: the file is damaged", n, addr, f.size)
	}
	return nil
}

func (f *File) readAt(b []byte, addr uint64) error {
	if _, err := f.r.ReadAt(b, f.base+int64(addr)); err != nil {
		return fmt.Errorf("%d bytes at %d: %w", len(b), addr, err)
	}
	return nil
}

// block reads a block that opens with a signature of four bytes.
func (f *File) block(addr, n uint64, signature string) (*cursor, error) {
	b, err := f.At(addr, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", signature, err)
	}
	if !bytes.HasPrefix(b, []byte(signature)) {
		return nil, fmt.Errorf("no %s at %d: the file is damaged", signature, addr)
	}
	c := f.cursor(b)
	c.skip(4)
	return c, nil
}

// checked is block with a checksum in its last four bytes, and a version 0 (or
// the one given) behind the signature.
func (f *File) checked(addr, n uint64, signature string, version byte) (*cursor, error) {
	c, err := f.block(addr, n, signature)
	if err != nil {
		return nil, err
	}
	if err := f.verify(c.b); err != nil {
		return nil, fmt.Errorf("%s at %d: %w", signature, addr, err)
	}
	if v := c.u8(); v != version {
		return nil, fmt.Errorf("%s at %d has the version %d, want %d", signature, addr, v, version)
	}
	return c, nil
}
