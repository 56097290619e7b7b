package hdf5read

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/spatialgo/spatialgo/internal/deflate"
)

// Known tells whether a filter can be undone here.
func Known(id int) bool {
	switch id {
	case Deflate, Shuffle, Fletcher32, LZF, Zstd:
		return true
	}
	return false
}

// decoder undoes the filters of one dataset's chunks, for one goroutine.
type decoder struct {
	d        *Dataset
	inflater *deflate.Inflater
	zstd     *zstd.Decoder
	raw      []byte    // of the file
	scratch  [2][]byte // results of the steps
	size     uint64    // bytes of a chunk
}

func newDecoder(d *Dataset) *decoder {
	n, _ := d.ChunkBytes()
	return &decoder{d: d, size: n}
}

func (dec *decoder) close() {
	if dec.inflater != nil {
		dec.inflater.Close()
	}
	if dec.zstd != nil {
		dec.zstd.Close()
	}
}

// chunk returns the bytes of a chunk without its filters, in out where that is
// not nil.
func (dec *decoder) chunk(c chunk, out []byte) ([]byte, error) {
	if uint64(cap(dec.raw)) < c.n {
		dec.raw = aligned(int(c.n))
	}
	b := dec.raw[:c.n]
	if err := dec.d.o.f.readAt(b, c.addr); err != nil {
		return nil, err
	}
	steps := dec.steps(c)
	for i, f := range steps {
		to := dec.scratch[i%2]
		if i == len(steps)-1 && out != nil {
			to = out
		} else if to == nil {
			to = aligned(int(dec.size) + 4*len(dec.d.Filters)) // a checksum takes 4 bytes
			dec.scratch[i%2] = to
		}
		var err error
		if b, err = dec.step(f, to, b); err != nil {
			return nil, err
		}
	}
	if uint64(len(b)) != dec.size {
		return nil, fmt.Errorf("holds %d bytes, want %d: the file is damaged", len(b), dec.size)
	}
	if out != nil && &b[0] != &out[0] {
		copy(out, b)
	}
	return b, nil
}

// steps lists the filters to undo, the last applied first.
func (dec *decoder) steps(c chunk) []*Filter {
	d := dec.d
	if d.index.plainEdges {
		for i, at := range c.at {
			if at+d.Chunk[i] > d.Space.Dims[i] {
				return nil
			}
		}
	}
	steps := make([]*Filter, 0, len(d.Filters))
	for i := len(d.Filters) - 1; i >= 0; i-- {
		if c.mask>>i&1 == 0 {
			steps = append(steps, &d.Filters[i])
		}
	}
	return steps
}

// step undoes one filter. The result lies in to, or where nothing moves in b.
func (dec *decoder) step(f *Filter, to, b []byte) (out []byte, err error) {
	switch f.ID {
	case Deflate:
		if dec.inflater == nil {
			if dec.inflater, err = deflate.NewInflater(); err != nil {
				return nil, err
			}
		}
		n, err := dec.inflater.Inflate(to, b)
		return to[:n], err
	case Shuffle:
		size := dec.d.Type.Size
		if len(f.Params) > 0 {
			size = int(f.Params[0])
		}
		return unshuffle(to, b, size)
	case Fletcher32:
		return fletcher32(b)
	case LZF:
		return lzf(to, b)
	case Zstd:
		if dec.zstd == nil {
			if dec.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(max(1<<20, dec.size+64))); err != nil {
				return nil, err
			}
		}
		if out, err = dec.zstd.DecodeAll(b, to[:0]); err == nil && len(out) > len(to) {
			err = errors.New("zstd: expands to more than its chunk")
		}
		return out, err
	}
	return nil, fmt.Errorf("the filter %q (number %d) is not supported", f.Name, f.ID)
}

// unshuffle puts the bytes of each element together again: they were sorted by
// their rank. What does not fill an element at the end was not moved.
func unshuffle(to, b []byte, size int) ([]byte, error) {
	if size < 1 || len(b) > len(to) {
		return nil, errors.New("shuffle: the chunk is too long: the file is damaged")
	}
	n := len(b) / size
	to = to[:len(b)]
	switch {
	case n <= 1 || size == 1:
		copy(to, b)
		return to, nil
	case size == 4:
		p0, p1, p2, p3 := b[:n], b[n:2*n], b[2*n:3*n], b[3*n:4*n]
		for i := range n {
			binary.LittleEndian.PutUint32(to[4*i:], uint32(p0[i])|uint32(p1[i])<<8|uint32(p2[i])<<16|uint32(p3[i])<<24)
		}
	case size == 8:
		p0, p1, p2, p3 := b[:n], b[n:2*n], b[2*n:3*n], b[3*n:4*n]
		p4, p5, p6, p7 := b[4*n:5*n], b[5*n:6*n], b[6*n:7*n], b[7*n:8*n]
		for i := range n {
			binary.LittleEndian.PutUint64(to[8*i:], uint64(p0[i])|uint64(p1[i])<<8|uint64(p2[i])<<16|uint64(p3[i])<<24|
				uint64(p4[i])<<32|uint64(p5[i])<<40|uint64(p6[i])<<48|uint64(p7[i])<<56)
		}
	default:
		for k := range size {
			for i, v := range b[k*n : (k+1)*n] {
				to[i*size+k] = v
			}
		}
	}
	copy(to[n*size:], b[n*size:])
	return to, nil
}

// fletcher32 checks and drops the checksum behind the bytes: sums of 16-bit
// big-endian words and of these sums, modulo 65535 (J. Fletcher 1982), as
// HDF5 computes them. Files of before HDF5 1.6.3 have its bytes swapped.
func fletcher32(b []byte) ([]byte, error) {
	n := len(b) - 4
	if n < 0 {
		return nil, errors.New("fletcher32: the chunk is too short: the file is damaged")
	}
	var s1, s2 uint32
	for at := 0; at < n; {
		for end := min(at+720, n); at < end; at += 2 { // no overflow within 360 words
			w := uint32(b[at]) << 8
			if at+1 < n {
				w |= uint32(b[at+1])
			}
			s1 += w
			s2 += s1
		}
		s1, s2 = s1&0xffff+s1>>16, s2&0xffff+s2>>16
	}
	s1, s2 = s1&0xffff+s1>>16, s2&0xffff+s2>>16
	sum, stored := s2<<16|s1, binary.LittleEndian.Uint32(b[n:])
	if swapped := sum>>8&0x00ff00ff | sum<<8&0xff00ff00; stored != sum && stored != swapped {
		return nil, errors.New("fletcher32: the checksum does not match: the file is damaged")
	}
	return b[:n], nil
}

// lzf expands h5py's lzf: a control byte c below 32 is followed by c+1 literal
// bytes; otherwise its upper three bits (and, if these are all set, one more
// byte) hold a length less 2 and its lower five bits with the next byte a
// distance less 1.
func lzf(to, b []byte) ([]byte, error) {
	errLZF := errors.New("lzf: the compressed bytes are damaged")
	o := 0
	for i := 0; i < len(b); {
		c := int(b[i])
		i++
		if c < 32 {
			if c++; c > len(b)-i || c > len(to)-o {
				return nil, errLZF
			}
			o += copy(to[o:], b[i:i+c])
			i += c
			continue
		}
		n := c >> 5
		if n == 7 {
			if i == len(b) {
				return nil, errLZF
			}
			n += int(b[i])
			i++
		}
		n += 2
		if i == len(b) {
			return nil, errLZF
		}
		from := o - ((c&31)<<8 | int(b[i])) - 1
		i++
		if from < 0 || n > len(to)-o {
			return nil, errLZF
		}
		for k := range n { // may overlap
			to[o+k] = to[from+k]
		}
		o += n
	}
	return to[:o], nil
}
