package hdf5x

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/spatialgo/spatialgo/internal/deflate"
)

// writeChunks creates a dataset of numbers whose chunks are compressed on all
// processors and written in their order: the bytes of the file do not depend
// on the number of processors.
func writeChunks(loc int64, at string, v view, p plan) (err error) {
	id, err := createDataset(loc, at, v.kind, p)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := closeDataset(id); err == nil {
			err = cerr
		}
	}()
	bytes := unsafe.Slice((*byte)(v.at), v.n*v.size)
	places := p.places()
	batch := 8 * runtime.GOMAXPROCS(0)
	packed := make([][]byte, batch)
	for len(places) > 0 {
		now := places[:min(batch, len(places))]
		places = places[len(now):]
		if err := p.pack(packed, now, bytes, v.size); err != nil {
			return err
		}
		for i, place := range now {
			if err := writeChunk(id, place, packed[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// places lists the first elements of the chunks in row-major order.
func (p plan) places() [][]int {
	places := [][]int{{}}
	for i, d := range p.dims {
		var next [][]int
		for _, start := range places {
			for at := 0; at < d; at += p.chunk[i] {
				next = append(next, append(start[:len(start):len(start)], at))
			}
		}
		places = next
	}
	return places
}

// pack filters the chunks at the places into packed, whose memory it uses
// again.
func (p plan) pack(packed [][]byte, places [][]int, data []byte, size int) error {
	n := size
	for _, c := range p.chunk {
		n *= c
	}
	var next atomic.Int64
	errs := make([]error, len(places))
	run := func() {
		d, err := deflate.NewDeflater(p.gzip)
		if err == nil {
			defer d.Close()
		}
		raw, shuffled := make([]byte, n), []byte(nil)
		if p.shuffle {
			shuffled = make([]byte, n)
		}
		for i := int(next.Add(1)) - 1; i < len(places); i = int(next.Add(1)) - 1 {
			if errs[i] = err; err != nil {
				continue
			}
			p.gather(raw, data, places[i], size)
			src := raw
			if p.shuffle {
				shuffle(shuffled, raw, size)
				src = shuffled
			}
			packed[i], errs[i] = d.Deflate(packed[i], src)
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(places)) - 1 {
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

// gather copies a chunk out of the data; what sticks out is zero.
func (p plan) gather(raw, data []byte, place []int, size int) {
	clear(raw)
	last := len(p.dims) - 1
	var rows func(dim, from, to int) // numbers of elements before
	rows = func(dim, from, to int) {
		n := min(p.chunk[dim], p.dims[dim]-place[dim])
		from, to = from*p.dims[dim]+place[dim], to*p.chunk[dim]
		if dim == last {
			copy(raw[to*size:(to+n)*size], data[from*size:])
			return
		}
		for k := range n {
			rows(dim+1, from+k, to+k)
		}
	}
	rows(0, 0, 0)
}

// shuffle sorts the bytes of the elements by their rank within the element.
func shuffle(to, b []byte, size int) {
	n := len(b) / size
	for k := range size {
		plane := to[k*n : (k+1)*n]
		for i := range plane {
			plane[i] = b[i*size+k]
		}
	}
}
