package rawfile

import (
	"encoding/binary"
	"io"
)

// Numbers reads unsigned numbers of a binary file until the first error.
type Numbers struct {
	R     io.ReaderAt
	Order binary.ByteOrder
	Err   error
}

// Uint reads a number of 1, 2, 4 or 8 bytes; 0 after an error.
func (n *Numbers) Uint(at, size int64) int64 {
	var b [8]byte
	if n.Err == nil {
		if at < 0 {
			n.Err = io.ErrUnexpectedEOF // an offset beyond 63 bits
		} else {
			_, n.Err = n.R.ReadAt(b[:size], at)
		}
	}
	switch {
	case n.Err != nil:
		return 0
	case size == 1:
		return int64(b[0])
	case size == 2:
		return int64(n.Order.Uint16(b[:]))
	case size == 4:
		return int64(n.Order.Uint32(b[:]))
	}
	return int64(n.Order.Uint64(b[:]))
}
