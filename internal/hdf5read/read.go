package hdf5read

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Rows is a block of the leading dimension.
type Rows struct{ Start, Count uint64 }

// sink takes elements in row-major order of the rows asked for.
type sink struct {
	// memory is that of the result where elements lie there as in the file,
	// else nil: chunks are then expanded in place.
	memory []byte
	// put takes elements from number at on. Calls for different chunks come
	// from several goroutines.
	put func(at uint64, raw []byte) error
}

// rowsOf returns the elements of a row, and the rows to read: all of a scalar
// or where none are named.
func (d *Dataset) rowsOf(r *Rows) (row uint64, rows Rows) {
	row = 1
	if len(d.Space.Dims) == 0 {
		return 1, Rows{0, 1}
	}
	for _, n := range d.Space.Dims[1:] {
		row *= n
	}
	if r == nil {
		return row, Rows{0, d.Space.Dims[0]}
	}
	return row, *r
}

// each hands the elements of the rows to a sink.
func (d *Dataset) each(r *Rows, s sink) error {
	row, rows := d.rowsOf(r)
	if row == 0 || rows.Count == 0 {
		return nil
	}
	switch {
	case d.External || d.Layout == Virtual:
		return errors.New("its values lie in another file, which is not followed")
	case d.Layout == Compact:
		return d.compact(row, rows, s)
	case d.Layout == Contiguous && d.addr == undefined:
		return d.filled(row*rows.Count, s)
	case d.Layout == Contiguous:
		return d.contiguous(row, rows, s)
	}
	return d.chunked(row, rows, s)
}

// filled hands over elements that were never written. Memory is zero as it is.
func (d *Dataset) filled(n uint64, s sink) error {
	if d.Fill == nil {
		return nil
	}
	some := min(n, 4096)
	raw := aligned(int(some) * d.Type.Size)
	for i := 0; i < len(raw); i += d.Type.Size {
		copy(raw[i:], d.Fill)
	}
	for at := uint64(0); at < n; at += some {
		if err := s.put(at, raw[:min(some, n-at)*uint64(d.Type.Size)]); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dataset) compact(row uint64, rows Rows, s sink) error {
	size := uint64(d.Type.Size)
	lo, n := rows.Start*row*size, rows.Count*row*size
	if lo > uint64(len(d.inline)) || n > uint64(len(d.inline))-lo {
		return errors.New("has fewer values than its shape says: the file is damaged")
	}
	raw := aligned(int(n))
	copy(raw, d.inline[lo:])
	return s.put(0, raw)
}

// contiguous reads piece by piece, or all at once into its place.
func (d *Dataset) contiguous(row uint64, rows Rows, s sink) error {
	if _, err := d.block(); err != nil {
		return err
	}
	size := uint64(d.Type.Size)
	first, n := d.addr+rows.Start*row*size, rows.Count*row
	if s.memory != nil {
		return d.o.f.readAt(s.memory, first)
	}
	some := min(n, max(1, 1<<20/size))
	raw := aligned(int(some * size))
	for at := uint64(0); at < n; at += some {
		part := raw[:min(some, n-at)*size]
		if err := d.o.f.readAt(part, first+at*size); err != nil {
			return err
		}
		if err := s.put(at, part); err != nil {
			return err
		}
	}
	return nil
}

// chunked expands chunks on all processors.
func (d *Dataset) chunked(row uint64, rows Rows, s sink) error {
	all, err := d.list()
	if err != nil {
		return err
	}
	whole := uint64(1)
	for i, n := range d.Space.Dims {
		whole *= (n-1)/d.Chunk[i] + 1
	}
	if uint64(len(all)) < whole {
		if err := d.filled(row*rows.Count, s); err != nil {
			return err
		}
	}
	chunks := make([]chunk, 0, len(all))
	for _, c := range all {
		if c.at[0] < rows.Start+rows.Count && c.at[0]+d.Chunk[0] > rows.Start {
			chunks = append(chunks, c)
		}
	}
	return d.parallel(chunks, func(dec *decoder, c chunk) error {
		if err := d.expand(dec, c, rows, s); err != nil {
			return fmt.Errorf("the chunk at %v: %w", c.at, err)
		}
		return nil
	})
}

// parallel works on chunks in as many goroutines as there are processors. The
// error is that of the first chunk, whoever met it first.
func (d *Dataset) parallel(chunks []chunk, work func(*decoder, chunk) error) error {
	var next atomic.Int64
	errs := make([]error, len(chunks))
	var failed atomic.Bool
	var wg sync.WaitGroup
	run := func() {
		dec := newDecoder(d)
		defer dec.close()
		for !failed.Load() {
			i := int(next.Add(1)) - 1
			if i >= len(chunks) {
				return
			}
			if errs[i] = work(dec, chunks[i]); errs[i] != nil {
				failed.Store(true)
			}
		}
	}
	for range min(runtime.GOMAXPROCS(0), len(chunks)) - 1 {
		wg.Go(run)
	}
	run()
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// expand undoes the filters of a chunk and hands over its part of the rows.
func (d *Dataset) expand(dec *decoder, c chunk, rows Rows, s sink) error {
	size, lo, hi := uint64(d.Type.Size), c.at[0], min(c.at[0]+d.Chunk[0], d.Space.Dims[0])
	row, _ := d.rowsOf(nil)
	if s.memory != nil && hi-lo == d.Chunk[0] && lo >= rows.Start && hi <= rows.Start+rows.Count && d.fullRows() {
		at := (lo - rows.Start) * row * size
		_, err := dec.chunk(c, s.memory[at:at+(hi-lo)*row*size])
		return err
	}
	raw, err := dec.chunk(c, nil)
	if err != nil {
		return err
	}
	lo, hi = max(lo, rows.Start), min(hi, rows.Start+rows.Count)
	if d.fullRows() {
		from := (lo - c.at[0]) * row * size
		return s.put((lo-rows.Start)*row, raw[from:from+(hi-lo)*row*size])
	}
	inRow := uint64(1) // elements of a chunk's row
	for _, n := range d.Chunk[1:] {
		inRow *= n
	}
	for r := lo; r < hi; r++ {
		if err := d.runs(raw[(r-c.at[0])*inRow*size:], c, 1, (r-rows.Start)*row, s); err != nil {
			return err
		}
	}
	return nil
}

// fullRows tells whether each chunk holds whole rows.
func (d *Dataset) fullRows() bool {
	for i := 1; i < len(d.Chunk); i++ {
		if d.Chunk[i] != d.Space.Dims[i] {
			return false
		}
	}
	return true
}

// runs hands over the runs of the last dimension below one place of the first
// dims; at is the number of the first element there.
func (d *Dataset) runs(raw []byte, c chunk, dim int, at uint64, s sink) error {
	inner, inChunk := uint64(1), uint64(1) // elements of a step along dim
	for i := dim + 1; i < len(d.Chunk); i++ {
		inner, inChunk = inner*d.Space.Dims[i], inChunk*d.Chunk[i]
	}
	n := min(d.Chunk[dim], d.Space.Dims[dim]-c.at[dim])
	size := uint64(d.Type.Size)
	if dim == len(d.Chunk)-1 {
		return s.put(at+c.at[dim], raw[:n*size])
	}
	for k := range n {
		if err := d.runs(raw[k*inChunk*size:], c, dim+1, at+(c.at[dim]+k)*inner, s); err != nil {
			return err
		}
	}
	return nil
}

// aligned allocates bytes that numbers of any size may lie in.
func aligned(n int) []byte {
	if n == 0 {
		return nil
	}
	words := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n)
}
