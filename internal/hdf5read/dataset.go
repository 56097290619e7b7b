package hdf5read

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// Layout is the way in which a dataset is stored.
type Layout int

// The layouts.
const (
	Compact    Layout = 0 // in the object header
	Contiguous Layout = 1 // in one block
	Chunked    Layout = 2 // in blocks of one shape, each filtered by itself
	Virtual    Layout = 3 // in other datasets
)

// Filter is one step that chunks went through on the way to the file.
type Filter struct {
	ID     int
	Name   string
	Params []uint32
}

// The filters that are undone here; the numbers are HDF5's registry's.
const (
	Deflate    = 1
	Shuffle    = 2
	Fletcher32 = 3
	LZF        = 32000
	Zstd       = 32015
)

// Dataset describes a dataset.
type Dataset struct {
	Type     Type
	Space    Space
	Layout   Layout
	External bool     // the values lie in other files
	Chunk    []uint64 // shape of a chunk
	Filters  []Filter // in the order applied
	Fill     []byte   // what stands where nothing was written; nil = zeros

	o            *Object
	inline       []byte // of a compact dataset
	addr, length uint64 // of a contiguous one
	index        index
}

// index says how a chunked dataset finds its chunks.
type index struct {
	kind        int // as in layout version 4, 0 = B-tree of version 1
	addr        uint64
	sizeBytes   int // bytes of a chunk's size in a record
	single      chunk
	plainEdges  bool // chunks that stick out are not filtered
	elementSize uint64
}

// chunk is one chunk in the file.
type chunk struct {
	at   []uint64 // place of its first element, in elements
	addr uint64
	n    uint64 // bytes in the file
	mask uint32 // filters that were skipped, by bit
}

// Dataset reads the description of a dataset.
func (o *Object) Dataset() (*Dataset, error) {
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	if !o.IsDataset() {
		return nil, errors.New("is no dataset")
	}
	d := &Dataset{o: o, External: o.find(msgExternal) != nil}
	typ, err := o.f.typeBody(o.find(msgType).body, o.find(msgType).flags&msgSharedFlag != 0)
	if err != nil {
		return nil, err
	}
	if d.Type, _, err = o.f.parseType(typ, 0); err != nil {
		return nil, err
	}
	for _, kind := range []uint16{msgSpace, msgLayout, msgFilters, msgFill} {
		if m := o.find(kind); m != nil && m.flags&msgSharedFlag != 0 {
			return nil, errors.New("a part of its description is kept in the file's table of shared messages, which is not supported")
		}
	}
	if d.Space, err = o.f.parseSpace(o.find(msgSpace).body); err != nil {
		return nil, err
	}
	if m := o.find(msgFilters); m != nil {
		if err := d.filters(m.body); err != nil {
			return nil, err
		}
	}
	if err := d.fill(); err != nil {
		return nil, err
	}
	m := o.find(msgLayout)
	if m == nil {
		return nil, errors.New("does not say where its values lie: the file is damaged")
	}
	return d, d.layout(m.body)
}

// fill reads the value that stands where nothing was written.
func (d *Dataset) fill() error {
	c := (*cursor)(nil)
	if m := d.o.find(msgFill); m != nil {
		c = d.o.f.cursor(m.body)
		switch version := c.u8(); version {
		case 1, 2:
			c.skip(2)
			if c.u8() == 0 && version == 2 {
				return c.err
			}
		case 3:
			if c.u8()&0x20 == 0 {
				return c.err
			}
		default:
			return fmt.Errorf("its fill value has the version %d: the file is damaged", version)
		}
	} else if m := d.o.find(msgOldFill); m != nil {
		c = d.o.f.cursor(m.body)
	} else {
		return nil
	}
	n := c.u32()
	b := c.take(int(n))
	if c.err != nil {
		return c.err
	}
	for _, v := range b {
		if v != 0 {
			d.Fill = b
		}
	}
	if d.Type.Class == Vlen {
		d.Fill = nil // it would refer to a heap
	}
	if d.Fill != nil && len(d.Fill) != d.Type.Size {
		return errors.New("its fill value is of another size than its elements: the file is damaged")
	}
	return nil
}

// filters reads the list of filters (specification IV.A.2.l).
func (d *Dataset) filters(b []byte) error {
	c := d.o.f.cursor(b)
	version, n := c.u8(), int(c.u8())
	switch {
	case version != 1 && version != 2:
		return fmt.Errorf("its filters have the version %d: the file is damaged", version)
	case n > 32:
		return fmt.Errorf("%d filters, HDF5 has at most 32: the file is damaged", n)
	case version == 1:
		c.skip(6)
	}
	for range n {
		f := Filter{ID: int(c.u16())}
		nameSize := 0
		if version == 1 || f.ID >= 256 {
			nameSize = int(c.u16())
		}
		c.skip(2)
		params := int(c.u16())
		if version == 1 {
			nameSize = (nameSize + 7) / 8 * 8
		}
		if name := c.take(nameSize); nameSize > 0 && c.err == nil {
			f.Name, _ = heapText(append(name, 0), 0)
		}
		for range params {
			if c.err != nil {
				return c.err
			}
			f.Params = append(f.Params, c.u32())
		}
		if version == 1 && params%2 == 1 {
			c.skip(4)
		}
		if f.Name == "" {
			f.Name = filterNames[f.ID]
		}
		d.Filters = append(d.Filters, f)
	}
	return c.err
}

var filterNames = map[int]string{
	Deflate: "deflate", Shuffle: "shuffle", Fletcher32: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", LZF: "lzf", Zstd: "zstd",
}

// layout reads where the values lie (specification IV.A.2.i).
func (d *Dataset) layout(b []byte) error {
	c := d.o.f.cursor(b)
	version := c.u8()
	switch version {
	case 1, 2:
		return d.oldLayout(c)
	case 3, 4, 5:
	default:
		return fmt.Errorf("its layout has the version %d, which is not known", version)
	}
	d.Layout = Layout(c.u8())
	switch d.Layout {
	case Compact:
		d.inline = c.take(int(c.u16()))
	case Contiguous:
		d.addr, d.length = c.addr(), c.len()
	case Chunked:
		if version > 3 {
			return d.newChunks(c, version)
		}
		rank := int(c.u8())
		d.index.addr = c.addr()
		return d.chunkShape(c, rank, 4)
	case Virtual:
	default:
		return fmt.Errorf("its layout is of the class %d: the file is damaged", d.Layout)
	}
	return c.err
}

// oldLayout reads the versions 1 and 2 of the message.
func (d *Dataset) oldLayout(c *cursor) error {
	rank := int(c.u8())
	d.Layout = Layout(c.u8())
	c.skip(5)
	if d.Layout != Compact {
		d.addr = c.addr()
	}
	if d.Layout == Chunked {
		d.index.addr = d.addr
		return d.chunkShape(c, rank, 4)
	}
	c.skip(4 * rank)
	switch d.Layout {
	case Compact:
		d.inline = c.take(int(c.u32()))
	case Contiguous:
		d.length = undefined // as long as the shape says
	default:
		return fmt.Errorf("its layout is of the class %d: the file is damaged", d.Layout)
	}
	return c.err
}

// chunkShape reads the shape of a chunk, whose last number is the size of an
// element.
func (d *Dataset) chunkShape(c *cursor, rank, size int) error {
	if rank != len(d.Space.Dims)+1 || rank < 2 {
		return fmt.Errorf("has %d dimensions but chunks of %d: the file is damaged", len(d.Space.Dims), rank-1)
	}
	for range rank - 1 {
		n := c.uint(size)
		if n == 0 {
			return errors.New("has empty chunks: the file is damaged")
		}
		d.Chunk = append(d.Chunk, n)
	}
	d.index.elementSize = c.uint(size)
	if d.index.elementSize != uint64(d.Type.Size) && c.err == nil {
		return errors.New("has chunks of another type: the file is damaged")
	}
	return c.err
}

// newChunks reads the chunks of the versions 4 and 5, which have five kinds of
// index.
func (d *Dataset) newChunks(c *cursor, version byte) error {
	flags, rank, size := c.u8(), int(c.u8()), int(c.u8())
	if err := d.chunkShape(c, rank, size); err != nil {
		return err
	}
	x := &d.index
	x.plainEdges = flags&1 != 0
	x.kind = int(c.u8())
	x.sizeBytes = d.o.f.lengthSize
	if n, ok := d.ChunkBytes(); ok && version == 4 {
		x.sizeBytes = min(8, byteSize(n)+1)
	}
	switch x.kind {
	case 1: // one chunk
		if flags&2 != 0 {
			x.single.n = c.len()
			x.single.mask = c.u32()
		} else {
			x.single.n, _ = d.ChunkBytes()
		}
	case 2: // all chunks one after another
	case 3: // fixed array
		c.skip(1)
	case 4: // extensible array
		c.skip(5)
	case 5: // B-tree of version 2
		c.skip(6)
	default:
		return fmt.Errorf("has an index of chunks of the kind %d, which is not known", x.kind)
	}
	x.addr = c.addr()
	return c.err
}

// ChunkBytes is the number of bytes of a chunk before its filters; ok is false
// where it is absurd.
func (d *Dataset) ChunkBytes() (n uint64, ok bool) {
	n = uint64(d.Type.Size)
	for _, c := range d.Chunk {
		if n > 1<<40/c {
			return 0, false
		}
		n *= c
	}
	return n, true
}

// Elements is the number of elements; ok is false where it is absurd.
func (d *Dataset) Elements() (n uint64, ok bool) {
	n = 1
	for _, v := range d.Space.Dims {
		if v == 0 {
			return 0, true
		}
	}
	for _, v := range d.Space.Dims {
		if n > 1<<62/v {
			return 0, false
		}
		n *= v
	}
	return n, true
}

// Stored is the number of bytes that the values take in the file.
func (d *Dataset) Stored() (n uint64, err error) {
	switch d.Layout {
	case Compact:
		return uint64(len(d.inline)), nil
	case Contiguous:
		if d.addr == undefined {
			return 0, nil
		}
		n, err := d.block()
		return n, err
	case Chunked:
		chunks, err := d.list()
		for _, c := range chunks {
			n += c.n
		}
		return n, err
	}
	return 0, nil
}

// block is the length of a contiguous dataset.
func (d *Dataset) block() (uint64, error) {
	n, ok := d.Elements()
	if !ok || n > 1<<62/uint64(d.Type.Size) {
		return 0, errors.New("is too large: the file is damaged")
	}
	n *= uint64(d.Type.Size)
	if d.length != undefined && d.length < n {
		return 0, fmt.Errorf("its shape needs %d bytes, but it has %d: the file is damaged", n, d.length)
	}
	return n, d.o.f.within(d.addr, n)
}

// list returns the chunks, reading their index once.
func (d *Dataset) list() ([]chunk, error) {
	f := d.o.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if d.o.listed {
		return d.o.chunks, nil
	}
	if d.index.addr == undefined {
		return nil, nil
	}
	l := chunkList{d: d, left: uint64(f.size)}
	if err := l.read(); err != nil {
		return nil, err
	}
	if err := l.sort(); err != nil {
		return nil, err
	}
	d.o.chunks, d.o.listed = l.chunks, true
	return l.chunks, nil
}

// chunkList gathers chunks, each checked.
type chunkList struct {
	d      *Dataset
	chunks []chunk
	left   uint64 // bytes of the file that chunks can still take: they do not overlap
}

func (l *chunkList) add(c chunk) error {
	if err := l.d.o.f.within(c.addr, c.n); err != nil {
		return fmt.Errorf("a chunk: %w", err)
	}
	if c.n > l.left {
		return errors.New("its chunks take more than the file holds: the file is damaged")
	}
	l.left -= c.n
	for i, at := range c.at {
		if at >= l.d.Space.Dims[i] {
			return nil // cut off when the dataset was made smaller
		}
		if at%l.d.Chunk[i] != 0 {
			return errors.New("a chunk lies askew: the file is damaged")
		}
	}
	l.chunks = append(l.chunks, c)
	return nil
}

// sort puts the chunks in row-major order and refuses two of one place.
func (l *chunkList) sort() error {
	sort.Slice(l.chunks, func(i, j int) bool { return slices.Compare(l.chunks[i].at, l.chunks[j].at) < 0 })
	for i := 1; i < len(l.chunks); i++ {
		if slices.Equal(l.chunks[i-1].at, l.chunks[i].at) {
			return errors.New("two chunks lie at one place: the file is damaged")
		}
	}
	return nil
}

func (l *chunkList) read() error {
	x := &l.d.index
	switch x.kind {
	case 0:
		return l.btree1()
	case 1:
		c := x.single
		c.addr, c.at = x.addr, make([]uint64, len(l.d.Chunk))
		return l.add(c)
	case 2:
		return l.implicit()
	case 3:
		return l.fixedArray()
	case 4:
		return l.extensibleArray()
	}
	return l.btree2()
}

// btree1 reads a B-tree whose keys are size, skipped filters, place.
func (l *chunkList) btree1() error {
	rank := len(l.d.Chunk)
	return l.d.o.f.btree1(l.d.index.addr, 1, 8+8*(rank+1), func(key []byte, child uint64) error {
		le := binary.LittleEndian
		c := chunk{addr: child, n: uint64(le.Uint32(key)), mask: le.Uint32(key[4:]), at: make([]uint64, rank)}
		for i := range c.at {
			c.at[i] = le.Uint64(key[8+8*i:])
		}
		return l.add(c)
	})
}

// btree2 reads a B-tree whose records are address, size and skipped filters
// where there are filters, place in chunks.
func (l *chunkList) btree2() error {
	d := l.d
	kind := byte(10)
	if len(d.Filters) > 0 {
		kind = 11
	}
	return d.o.f.btree2(d.index.addr, kind, func(record []byte) error {
		cur := d.o.f.cursor(record)
		c := l.entry(cur)
		c.at = make([]uint64, len(d.Chunk))
		for i := range c.at {
			at := cur.uint(8)
			if at > d.Space.Dims[i] {
				return errors.New("a chunk lies outside the dataset: the file is damaged")
			}
			c.at[i] = at * d.Chunk[i]
		}
		if cur.err != nil {
			return cur.err
		}
		return l.add(c)
	})
}

// entry takes address, and size and skipped filters where there are filters.
func (l *chunkList) entry(c *cursor) chunk {
	e := chunk{addr: c.addr()}
	if len(l.d.Filters) > 0 {
		e.n = c.uint(l.d.index.sizeBytes)
		e.mask = c.u32()
	} else {
		e.n, _ = l.d.ChunkBytes()
	}
	return e
}

// entrySize is the number of bytes that entry takes.
func (l *chunkList) entrySize() int {
	n := l.d.o.f.offsetSize
	if len(l.d.Filters) > 0 {
		n += l.d.index.sizeBytes + 4
	}
	return n
}
