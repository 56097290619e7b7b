package hdf5read

import (
	"errors"
	"fmt"
	"math/bits"
)

// The indexes of chunks that are arrays (specification VII.B to D) number the
// chunks row by row through the largest shape that the dataset can grow to.

var errIndex = errors.New("its index of chunks is damaged")

// grid is the number of chunks along each dimension of the largest shape.
func (l *chunkList) grid() (grid []uint64, unlimited int) {
	d := l.d
	grid, unlimited = make([]uint64, len(d.Chunk)), -1
	for i, m := range d.Space.Max {
		if m == undefined {
			unlimited = i
			m = d.Space.Dims[i]
		}
		grid[i] = max(1, (m-1)/d.Chunk[i]+1)
		if m == 0 {
			grid[i] = 1
		}
	}
	return grid, unlimited
}

// place adds the chunk of a number; order lists the dimensions from the
// slowest to the fastest.
func (l *chunkList) place(c chunk, number uint64, grid []uint64, order []int) error {
	c.at = make([]uint64, len(grid))
	for k := len(order) - 1; k > 0; k-- {
		i := order[k]
		c.at[i] = number % grid[i] * l.d.Chunk[i]
		number /= grid[i]
	}
	i := order[0]
	if number > l.d.Space.Dims[i] {
		return nil // beyond the present shape
	}
	c.at[i] = number * l.d.Chunk[i]
	return l.add(c)
}

func natural(rank int) []int {
	order := make([]int, rank)
	for i := range order {
		order[i] = i
	}
	return order
}

// count multiplies a grid; no file has room for more chunks than bytes.
func (l *chunkList) count(grid []uint64) (uint64, error) {
	n := uint64(1)
	for _, g := range grid {
		if n > uint64(l.d.o.f.size)/g {
			return 0, errIndex
		}
		n *= g
	}
	return n, nil
}

// implicit lists chunks that lie one after another.
func (l *chunkList) implicit() error {
	grid, _ := l.grid()
	n, err := l.count(grid)
	if err != nil {
		return err
	}
	size, _ := l.d.ChunkBytes()
	for i := range n {
		c := chunk{addr: l.d.index.addr + i*size, n: size}
		if err := l.place(c, i, grid, natural(len(grid))); err != nil {
			return err
		}
	}
	return nil
}

// fixedArray lists the chunks of a dataset of limited size.
func (l *chunkList) fixedArray() error {
	f := l.d.o.f
	c, err := f.checked(l.d.index.addr, uint64(4+1+1+1+1+f.lengthSize+f.offsetSize+4), "FAHD", 0)
	if err != nil {
		return err
	}
	c.skip(1)
	size, pageBits, n, block := int(c.u8()), int(c.u8()), c.len(), c.addr()
	if size != l.entrySize() || pageBits > 32 || n > uint64(f.size) {
		return errIndex
	}
	if block == undefined {
		return nil
	}
	grid, _ := l.grid()
	number := uint64(0)
	use := func(e chunk) error {
		number++
		if e.addr == undefined {
			return nil
		}
		return l.place(e, number-1, grid, natural(len(grid)))
	}
	b := pagedBlock{signature: "FADB", addr: block, head: uint64(6 + f.offsetSize), n: n, page: 1 << pageBits}
	return l.pages(b, func(k uint64) { number += k }, use)
}

// pagedBlock is a block of n entries behind a head of that size: in one piece,
// or in pages with a checksum each where they are more than a page holds.
type pagedBlock struct {
	signature           string
	addr, head, n, page uint64
	// bitmap tells from bit first on which pages were ever written; nil = it
	// ends the head.
	bitmap []byte
	first  uint64
}

// pages reads a block; skip gets the numbers of entries that were never
// written.
func (l *chunkList) pages(b pagedBlock, skip func(n uint64), use func(chunk) error) error {
	f, size := l.d.o.f, uint64(l.entrySize())
	if b.n <= b.page {
		c, err := f.checked(b.addr, b.head+b.n*size+4, b.signature, 0)
		if err != nil {
			return err
		}
		c.skip(int(b.head) - 5)
		return l.entries(c, b.n, use)
	}
	count := (b.n + b.page - 1) / b.page
	own := b.bitmap == nil
	if own {
		b.head += (count + 7) / 8
	}
	c, err := f.checked(b.addr, b.head+4, b.signature, 0)
	if err != nil {
		return err
	}
	if own {
		b.bitmap = c.b[b.head-(count+7)/8 : b.head]
	}
	at := b.addr + b.head + 4
	for p := range count {
		k, bit := min(b.page, b.n-p*b.page), b.first+p
		if b.bitmap[bit/8]&(0x80>>(bit%8)) == 0 {
			skip(k)
		} else if err := l.page(at, k, use); err != nil {
			return err
		}
		at += k*size + 4
	}
	return nil
}

// page reads n entries with their checksum.
func (l *chunkList) page(addr, n uint64, use func(chunk) error) error {
	b, err := l.d.o.f.At(addr, n*uint64(l.entrySize())+4)
	if err != nil {
		return err
	}
	if err := l.d.o.f.verify(b); err != nil {
		return fmt.Errorf("a page of the index of chunks: %w", err)
	}
	return l.entries(l.d.o.f.cursor(b), n, use)
}

func (l *chunkList) entries(c *cursor, n uint64, use func(chunk) error) error {
	for range n {
		e := l.entry(c)
		if c.err != nil {
			return c.err
		}
		if err := use(e); err != nil {
			return err
		}
	}
	return nil
}

// extensible is the array of a dataset that may grow along one dimension:
// entries in the index block, then in data blocks that double in size, the
// later ones behind super blocks.
type extensible struct {
	l                              *chunkList
	maxBits                        int // of the largest number of an entry
	inIndex, minBlock, minPointers uint64
	page                           uint64
	number                         uint64
	use                            func(chunk) error
}

func (l *chunkList) extensibleArray() error {
	f := l.d.o.f
	O := f.offsetSize
	c, err := f.checked(l.d.index.addr, uint64(4+8+6*f.lengthSize+O+4), "EAHD", 0)
	if err != nil {
		return err
	}
	c.skip(1)
	size := int(c.u8())
	a := &extensible{l: l, maxBits: int(c.u8()), inIndex: uint64(c.u8()), minBlock: uint64(c.u8()), minPointers: uint64(c.u8())}
	pageBits := int(c.u8())
	c.skip(6 * f.lengthSize)
	index := c.addr()
	if size != l.entrySize() || pageBits > 32 || !powerOf2(a.minBlock) || !powerOf2(a.minPointers) || a.maxBits > 64 || a.maxBits < bits.Len64(a.minBlock)-1 {
		return errIndex
	}
	if index == undefined {
		return nil
	}
	a.page = 1 << pageBits
	grid, unlimited := l.grid()
	if unlimited < 0 {
		return errIndex
	}
	order := []int{unlimited}
	for i := range grid {
		if i != unlimited {
			order = append(order, i)
		}
	}
	a.use = func(e chunk) error {
		a.number++
		if e.addr == undefined {
			return nil
		}
		return l.place(e, a.number-1, grid, order)
	}
	return a.indexBlock(index)
}

// indexBlock reads the first entries and the addresses of all other blocks.
func (a *extensible) indexBlock(addr uint64) error {
	f, O := a.l.d.o.f, a.l.d.o.f.offsetSize
	supers := 1 + a.maxBits - (bits.Len64(a.minBlock) - 1)
	direct := 2 * (bits.Len64(a.minPointers) - 1) // super blocks whose data blocks the index block names
	blocks := int(2 * (a.minPointers - 1))
	if direct > supers {
		return errIndex
	}
	n := 6 + O + int(a.inIndex)*a.l.entrySize() + (blocks+supers-direct)*O + 4
	c, err := f.checked(addr, uint64(n), "EAIB", 0)
	if err != nil {
		return err
	}
	c.skip(1 + O)
	if err := a.l.entries(c, a.inIndex, a.use); err != nil {
		return err
	}
	for s := range direct {
		for range uint64(1) << (s / 2) {
			if err := a.dataBlock(c.addr(), a.entriesOf(s), nil, 0); err != nil {
				return err
			}
		}
	}
	for s := direct; s < supers; s++ {
		if err := a.superBlock(c.addr(), s); err != nil {
			return err
		}
	}
	return c.err
}

// entriesOf is the number of entries of each data block of a super block.
func (a *extensible) entriesOf(super int) uint64 { return a.minBlock << ((super + 1) / 2) }

// placeSize is the number of bytes of a block's place in the array.
func (a *extensible) placeSize() int { return (a.maxBits + 7) / 8 }

// dataBlock reads a block of n entries; where it has pages, bitmap tells from
// bit first on which were written.
func (a *extensible) dataBlock(addr, n uint64, bitmap []byte, first uint64) error {
	if addr == undefined {
		a.number += n
		return nil
	}
	if n > uint64(a.l.d.o.f.size) {
		return errIndex
	}
	head := uint64(6 + a.l.d.o.f.offsetSize + a.placeSize())
	if n > a.page && bitmap == nil {
		return errIndex // pages occur behind super blocks only
	}
	b := pagedBlock{signature: "EADB", addr: addr, head: head, n: n, page: a.page, bitmap: bitmap, first: first}
	return a.l.pages(b, func(k uint64) { a.number += k }, a.use)
}

func (a *extensible) superBlock(addr uint64, s int) error {
	f, O := a.l.d.o.f, a.l.d.o.f.offsetSize
	blocks, n := uint64(1)<<(s/2), a.entriesOf(s)
	if addr == undefined {
		a.number += blocks * n
		return nil
	}
	if blocks > uint64(f.size) || n > uint64(f.size) {
		return errIndex
	}
	bitmap := uint64(0) // bytes for each data block
	if n > a.page {
		bitmap = (n/a.page + 7) / 8
	}
	c, err := f.checked(addr, uint64(6+O+a.placeSize())+blocks*(bitmap+uint64(O))+4, "EASB", 0)
	if err != nil {
		return err
	}
	c.skip(1 + O + a.placeSize())
	maps := c.take(int(blocks * bitmap))
	for b := range blocks {
		if err := a.dataBlock(c.addr(), n, maps, b*(n/a.page)); err != nil {
			return err
		}
	}
	return c.err
}
