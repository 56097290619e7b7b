package hdf5x

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// refSize is the size of a reference to a variable-length string: its length
// (4 bytes), the address of a collection of the global heap (8), the number of
// its object there (4), all little-endian.
const refSize = 16

var errHeap = errors.New("a string lies outside its place in the file: the file is damaged")

// follow returns the strings that references point at, in the file's global
// heap (HDF5 File Format Specification, III.E).
func (s *source) follow(refs []byte) ([]string, error) {
	h := heap{file: s.raw, base: s.base, size: s.size, left: 2*s.size + 1<<16, known: map[uint64]map[uint32][]byte{}}
	ends := make([]int, 0, len(refs)/refSize)
	var all strings.Builder // one piece of memory for all strings
	for ; len(refs) >= refSize; refs = refs[refSize:] {
		b, err := h.object(refs)
		if err != nil {
			return nil, err
		}
		if all.Write(b); int64(all.Len()) > s.size {
			return nil, fmt.Errorf("its strings are longer in total than the file: the file is damaged")
		}
		ends = append(ends, all.Len())
	}
	out, text, last := make([]string, len(ends)), all.String(), 0
	for i, end := range ends {
		out[i], last = text[last:end], end
	}
	return out, nil
}

// heap reads objects of the global heap, each collection once.
type heap struct {
	file       io.ReaderAt
	base, size int64
	left       int64 // bytes that may still be read: collections do not overlap
	known      map[uint64]map[uint32][]byte
}

// object returns the bytes that a reference points at, up to the first NUL.
func (h *heap) object(ref []byte) ([]byte, error) {
	le := binary.LittleEndian
	n, at, number := le.Uint32(ref), le.Uint64(ref[4:]), le.Uint32(ref[12:])
	if n == 0 {
		return nil, nil
	}
	objects, ok := h.known[at]
	if !ok {
		var err error
		if objects, err = h.collection(at); err != nil {
			return nil, err
		}
		h.known[at] = objects
	}
	b, ok := objects[number]
	if !ok || uint64(n) > uint64(len(b)) {
		return nil, errHeap
	}
	b = b[:n]
	for i, c := range b {
		if c == 0 {
			return b[:i], nil
		}
	}
	return b, nil
}

// collection reads the objects of the collection at an address: a header of 16
// bytes ("GCOL", version, size), then for each object its number (2 bytes), a
// reference count (2), 4 unused bytes, its size (8) and its bytes, padded to a
// multiple of 8. The number 0 stands for the free space at the end.
func (h *heap) collection(at uint64) (map[uint32][]byte, error) {
	const head = 16
	le := binary.LittleEndian
	if at > uint64(h.size) {
		return nil, errHeap
	}
	var top [head]byte
	if _, err := h.file.ReadAt(top[:], h.base+int64(at)); err != nil {
		return nil, fmt.Errorf("%w (%v)", errHeap, err)
	}
	n := le.Uint64(top[8:])
	if string(top[:4]) != "GCOL" || top[4] != 1 || n < head || n > uint64(h.size)-at || int64(n) > h.left {
		return nil, errHeap
	}
	h.left -= int64(n)
	b := make([]byte, n-head)
	if _, err := h.file.ReadAt(b, h.base+int64(at)+head); err != nil {
		return nil, fmt.Errorf("%w (%v)", errHeap, err)
	}
	objects := map[uint32][]byte{}
	for len(b) >= head {
		number, size := le.Uint16(b), le.Uint64(b[8:])
		if number == 0 {
			break
		}
		if size > uint64(len(b)-head) {
			return nil, errHeap
		}
		objects[uint32(number)] = b[head : head+size]
		b = b[min(uint64(len(b)), head+(size+7)/8*8):]
	}
	return objects, nil
}
