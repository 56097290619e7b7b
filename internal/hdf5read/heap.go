package hdf5read

import (
	"errors"
	"fmt"
	"math/bits"
)

// btree2 visits the records of a B-tree of version 2 (specification III.A.2).
func (f *File) btree2(addr uint64, kind byte, use func(record []byte) error) error {
	n := 4 + 1 + 1 + 4 + 2 + 2 + 1 + 1 + f.offsetSize + 2 + f.lengthSize + 4
	c, err := f.checked(addr, uint64(n), "BTHD", 0)
	if err != nil {
		return err
	}
	t := tree2{f: f, kind: kind, use: use, seen: map[uint64]bool{}}
	k := c.u8()
	t.nodeSize, t.recordSize = int(c.u32()), int(c.u16())
	depth := int(c.u16())
	c.skip(2)
	root, records := c.addr(), int(c.u16())
	if c.err != nil || k != kind || t.recordSize == 0 || t.nodeSize > int(f.size) || depth > 16 {
		return fmt.Errorf("the tree at %d is damaged", addr)
	}
	if records == 0 || root == undefined {
		return nil
	}
	if err := t.measure(depth); err != nil {
		return err
	}
	return t.node(root, depth, records)
}

// tree2 is a B-tree of version 2 being visited.
type tree2 struct {
	f                    *File
	kind                 byte
	nodeSize, recordSize int
	countSize            int   // bytes of a child's number of records
	totalSize            []int // bytes of the number of records below a child of a node of that depth
	use                  func([]byte) error
	seen                 map[uint64]bool
}

// node head: signature, version, type; at the end a checksum.
const node2Overhead = 4 + 1 + 1 + 4

// measure derives the sizes of the counts in nodes of each depth from the most
// records that they can hold.
func (t *tree2) measure(depth int) error {
	most := uint64(max(0, t.nodeSize-node2Overhead) / t.recordSize)
	if most == 0 {
		return errors.New("a tree's nodes hold no record: the file is damaged")
	}
	t.countSize = byteSize(most)
	t.totalSize = []int{0, 0}
	cumulative := most
	for d := 1; d < depth; d++ {
		pointer := t.f.offsetSize + t.countSize + t.totalSize[d]
		m := uint64(max(0, t.nodeSize-node2Overhead-pointer) / (t.recordSize + pointer))
		if m == 0 || cumulative > 1<<48 {
			return errors.New("a tree's nodes hold no record: the file is damaged")
		}
		cumulative = (m+1)*cumulative + m
		t.totalSize = append(t.totalSize, byteSize(cumulative))
	}
	return nil
}

// byteSize is the number of bytes that hold n.
func byteSize(n uint64) int { return max(0, bits.Len64(n)-1)/8 + 1 }

func (t *tree2) node(addr uint64, depth, records int) error {
	if t.seen[addr] {
		return errors.New("a tree's nodes form a circle: the file is damaged")
	}
	t.seen[addr] = true
	signature, n := "BTLF", node2Overhead+records*t.recordSize
	pointer := 0
	if depth > 0 {
		pointer = t.f.offsetSize + t.countSize + t.totalSize[depth]
		signature, n = "BTIN", n+(records+1)*pointer
	}
	if n > t.nodeSize {
		return errors.New("a tree's node is overfull: the file is damaged")
	}
	c, err := t.f.checked(addr, uint64(n), signature, 0)
	if err != nil {
		return err
	}
	if k := c.u8(); k != t.kind {
		return fmt.Errorf("the node at %d is of another tree: the file is damaged", addr)
	}
	own := c.take(records * t.recordSize)
	for i := 0; i <= records; i++ {
		if depth > 0 {
			child, count := c.addr(), int(c.uint(t.countSize))
			c.skip(t.totalSize[depth])
			if err := t.node(child, depth-1, count); err != nil {
				return err
			}
		}
		if i < records {
			if err := t.use(own[i*t.recordSize : (i+1)*t.recordSize]); err != nil {
				return err
			}
		}
	}
	return c.err
}

// dense visits the objects of a fractal heap that a B-tree indexes. Records
// hold the object's id in the heap behind skip bytes; of attributes (kind 8),
// the flags of the message follow.
func (f *File) dense(heap, index uint64, kind byte, skip int, use func(b []byte, flags byte) error) error {
	h, err := f.fractalHeap(heap)
	if err != nil {
		return err
	}
	return f.btree2(index, kind, func(record []byte) error {
		c := f.cursor(record)
		c.skip(skip)
		id := c.take(h.idSize)
		flags := byte(0)
		if kind == 8 {
			flags = c.u8()
		}
		if c.err != nil {
			return c.err
		}
		b, err := h.object(id)
		if err != nil {
			return err
		}
		return use(b, flags)
	})
}

// fractalHeap is a heap of the new form (specification III.G), of which only
// those without filters are read: libhdf5 makes no others for links and
// attributes.
type fractalHeap struct {
	f                      *File
	addr                   uint64
	idSize                 int
	offsetSize, lengthSize int // bytes of a place in the heap, and of an object's length
	width                  int // blocks a row
	start, maxDirect       uint64
	root                   uint64
	rootRows               int
	huge                   uint64 // tree of the objects too large for a block
	left                   int64  // bytes that may still be taken out
	directOverhead         int
}

func (f *File) fractalHeap(addr uint64) (*fractalHeap, error) {
	L, O := f.lengthSize, f.offsetSize
	c, err := f.checked(addr, uint64(4+1+2+2+1+4+L+O+L+O+8*L+2+2*L+2+2+O+2+4), "FRHP", 0)
	if err != nil {
		return nil, err
	}
	h := &fractalHeap{f: f, addr: addr, idSize: int(c.u16()), left: 4*f.size + 1<<16}
	filters := c.u16()
	c.skip(1)
	maxObject := uint64(c.u32())
	c.len()
	h.huge = c.addr()
	c.skip(L + O + 8*L)
	h.width = int(c.u16())
	h.start, h.maxDirect = c.len(), c.len()
	heapBits := int(c.u16())
	c.skip(2)
	h.root, h.rootRows = c.addr(), int(c.u16())
	switch {
	case c.err != nil:
		return nil, c.err
	case filters != 0:
		return nil, errors.New("a heap of links or attributes is compressed, which is not supported")
	case h.width == 0 || !powerOf2(h.start) || !powerOf2(h.maxDirect) || h.maxDirect < h.start || h.maxDirect > 1<<32 || heapBits > 64 || heapBits == 0 || h.rootRows > 64:
		return nil, fmt.Errorf("the heap at %d is damaged", addr)
	}
	h.offsetSize = (heapBits + 7) / 8
	h.lengthSize = min((bits.Len64(h.maxDirect)-1+7)/8, byteSize(maxObject))
	h.directOverhead = 5 + O + h.offsetSize
	return h, nil
}

func powerOf2(n uint64) bool { return n != 0 && n&(n-1) == 0 }

// object returns the bytes of an object by its id.
func (h *fractalHeap) object(id []byte) ([]byte, error) {
	c := h.f.cursor(id)
	first := c.u8()
	if first>>6 != 0 {
		return nil, errors.New("an id in a heap has an unknown version: the file is damaged")
	}
	var b []byte
	var err error
	switch first >> 4 & 3 {
	case 0:
		at, n := c.uint(h.offsetSize), c.uint(h.lengthSize)
		b, err = h.managed(at, n)
	case 1:
		b, err = h.hugeObject(c.uint(min(8, h.idSize-1)))
	case 2:
		b = c.take(int(first&15) + 1)
	default:
		err = errors.New("an id in a heap is of an unknown type: the file is damaged")
	}
	if err == nil {
		err = c.err
	}
	if h.left -= int64(len(b)); h.left < 0 && err == nil {
		err = errors.New("the objects of a heap overlap: the file is damaged")
	}
	return b, err
}

// managed returns n bytes at a place of the heap, which is a table of blocks
// whose size doubles with each row.
func (h *fractalHeap) managed(at, n uint64) ([]byte, error) {
	block, first, size := h.root, uint64(0), h.start
	for rows := h.rootRows; rows > 0; {
		row, col, start := h.place(at - first)
		if row >= rows {
			return nil, errors.New("an object lies outside its heap: the file is damaged")
		}
		child, err := h.child(block, rows, row, col)
		if err != nil {
			return nil, err
		}
		block, first, size = child, first+start, h.blockSize(row)
		if rows = 0; size > h.maxDirect {
			rows = bits.Len64(size) - bits.Len64(h.start*uint64(h.width)) + 1
		}
	}
	if at < first || at-first > size || n > size-(at-first) {
		return nil, errors.New("an object lies outside its heap: the file is damaged")
	}
	if _, err := h.f.block(block, uint64(h.directOverhead), "FHDB"); err != nil {
		return nil, err
	}
	return h.f.At(block+at-first, n)
}

// blockSize is the size of the blocks in a row.
func (h *fractalHeap) blockSize(row int) uint64 { return h.start << max(0, row-1) }

// place returns row and column of the block that holds a place of an indirect
// block, and the place where that block starts.
func (h *fractalHeap) place(at uint64) (row, col int, start uint64) {
	width := uint64(h.width)
	for row = 0; row < 64; row++ {
		size := h.blockSize(row)
		if size == 0 || size > 1<<56 || at-start < size*width {
			break
		}
		start += size * width
	}
	size := max(1, h.blockSize(row))
	col = int((at - start) / size)
	return row, col, start + uint64(col)*size
}

// child reads the address of a block out of an indirect block.
func (h *fractalHeap) child(block uint64, rows, row, col int) (uint64, error) {
	O := h.f.offsetSize
	n := 5 + O + h.offsetSize + rows*h.width*O + 4
	c, err := h.f.checked(block, uint64(n), "FHIB", 0)
	if err != nil {
		return 0, err
	}
	c.skip(O + h.offsetSize + (row*h.width+col)*O)
	a := c.addr()
	if c.err != nil || a == undefined || col >= h.width {
		return 0, errors.New("an object lies in a block that was never written: the file is damaged")
	}
	return a, nil
}

// hugeObject finds an object that lies outside the blocks.
func (h *fractalHeap) hugeObject(id uint64) (b []byte, err error) {
	found := false
	err = h.f.btree2(h.huge, 1, func(record []byte) error {
		c := h.f.cursor(record)
		addr, n, number := c.addr(), c.len(), c.len()
		if number != id || found {
			return c.err
		}
		found = true
		b, err = h.f.At(addr, n)
		return err
	})
	if err == nil && !found {
		err = errors.New("a large object of a heap is missing: the file is damaged")
	}
	return b, err
}
