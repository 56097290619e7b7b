package hdf5read

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
)

// LinkKind tells what a link is.
type LinkKind int

// The kinds of links.
const (
	Hard    LinkKind = iota
	Soft             // a path in the same file
	Foreign          // an object of another file, or a kind of the user's own
)

// Link is a name in a group.
type Link struct {
	Name   string
	Kind   LinkKind
	Addr   uint64 // of a hard link: the object
	Target string // of a soft link: the path
}

// Links lists a group, sorted by name.
func (o *Object) Links() ([]Link, error) {
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	err := o.list()
	return o.links, err
}

// Link returns the link of that name; ok is false where there is none.
func (o *Object) Link(name string) (l Link, ok bool, err error) {
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	if err := o.list(); err != nil {
		return l, false, err
	}
	i, ok := o.byName[name]
	if ok {
		l = o.links[i]
	}
	return l, ok, nil
}

// list reads the links of a group once.
func (o *Object) list() error {
	if o.byName != nil {
		return nil
	}
	var links []Link
	var err error
	if m := o.find(msgSymbols); m != nil {
		links, err = o.f.symbols(m.body)
	} else if m := o.find(msgLinkInfo); m != nil {
		links, err = o.newLinks(m.body)
	} else {
		err = errors.New("is no group")
	}
	if err != nil {
		return err
	}
	sort.SliceStable(links, func(i, j int) bool { return links[i].Name < links[j].Name })
	byName := make(map[string]int, len(links))
	for i, l := range links {
		if _, twice := byName[l.Name]; twice {
			return fmt.Errorf("the name %q stands twice in a group: the file is damaged", l.Name)
		}
		byName[l.Name] = i
	}
	o.links, o.byName = links, byName
	return nil
}

// symbols lists a group of the old form: a B-tree of nodes of symbols, whose
// names lie in a local heap.
func (f *File) symbols(body []byte) ([]Link, error) {
	c := f.cursor(body)
	tree, heap := c.addr(), c.addr()
	if c.err != nil {
		return nil, c.err
	}
	names, err := f.localHeap(heap)
	if err != nil {
		return nil, err
	}
	var links []Link
	err = f.btree1(tree, 0, f.lengthSize, func(_ []byte, child uint64) error {
		links, err = f.symbolNode(links, child, names)
		return err
	})
	return links, err
}

// localHeap returns the data of a local heap (specification III.D).
func (f *File) localHeap(addr uint64) ([]byte, error) {
	c, err := f.block(addr, uint64(8+2*f.lengthSize+f.offsetSize), "HEAP")
	if err != nil {
		return nil, err
	}
	c.skip(4)
	n := c.len()
	c.len()
	return f.At(c.addr(), n)
}

// symbolNode adds the links of one node (specification III.C).
func (f *File) symbolNode(links []Link, addr uint64, names []byte) ([]Link, error) {
	c, err := f.block(addr, 8, "SNOD")
	if err != nil {
		return nil, err
	}
	c.skip(2)
	n := int(c.u16())
	entry := 2*f.offsetSize + 24
	b, err := f.At(addr+8, uint64(n*entry))
	if err != nil {
		return nil, err
	}
	c = f.cursor(b)
	for range n {
		name, err := heapText(names, c.addr())
		if err != nil {
			return nil, err
		}
		l := Link{Name: name, Addr: c.addr()}
		cache := c.u32()
		c.skip(4)
		scratch := c.take(16)
		if cache == 2 { // a soft link
			l.Kind = Soft
			if l.Target, err = heapText(names, uint64(f.cursor(scratch).u32())); err != nil {
				return nil, err
			}
		}
		links = append(links, l)
	}
	return links, c.err
}

// heapText returns the NUL-terminated text at a place of a local heap.
func heapText(heap []byte, at uint64) (string, error) {
	if at >= uint64(len(heap)) {
		return "", errors.New("a name lies outside its heap: the file is damaged")
	}
	end := bytes.IndexByte(heap[at:], 0)
	if end < 0 {
		return "", errors.New("a name has no end: the file is damaged")
	}
	return string(heap[at : at+uint64(end)]), nil
}

// btree1 visits the leaves of a B-tree of version 1 (specification III.A.1) in
// order: use gets the key before a child, and the child's address.
func (f *File) btree1(addr uint64, kind byte, keySize int, use func(key []byte, child uint64) error) error {
	return f.node1(addr, kind, -1, keySize, map[uint64]bool{}, use)
}

// node1 visits one node; level < 0 stands for the root's, whatever it is. Each
// node may be met once, and levels fall by one: no damage makes a circle.
func (f *File) node1(addr uint64, kind byte, level, keySize int, seen map[uint64]bool, use func([]byte, uint64) error) error {
	if seen[addr] {
		return errors.New("a tree's nodes form a circle: the file is damaged")
	}
	seen[addr] = true
	head := 8 + 2*f.offsetSize
	c, err := f.block(addr, uint64(head), "TREE")
	if err != nil {
		return err
	}
	k, l, n := c.u8(), int(c.u8()), int(c.u16())
	if k != kind || level >= 0 && l != level {
		return fmt.Errorf("the node at %d is of another tree: the file is damaged", addr)
	}
	b, err := f.At(addr+uint64(head), uint64(n*(keySize+f.offsetSize)))
	if err != nil {
		return err
	}
	for c := f.cursor(b); c.rest() > 0; {
		key, child := c.take(keySize), c.addr()
		if l > 0 {
			err = f.node1(child, kind, l-1, keySize, seen, use)
		} else {
			err = use(key, child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newLinks lists a group of the new form: messages of the header, or a fractal
// heap that a B-tree indexes.
func (o *Object) newLinks(info []byte) ([]Link, error) {
	f := o.f
	var links []Link
	for _, m := range o.messages {
		if m.kind != msgLink {
			continue
		}
		l, err := f.linkMessage(m.body)
		if err != nil {
			return nil, err
		}
		links = append(links, l)
	}
	c := f.cursor(info)
	c.skip(1)
	if c.u8()&1 != 0 {
		c.skip(8)
	}
	heap, index := c.addr(), c.addr()
	if c.err != nil || heap == undefined || index == undefined {
		return links, c.err
	}
	err := f.dense(heap, index, 5, 4, func(b []byte, _ byte) error {
		l, err := f.linkMessage(b)
		links = append(links, l)
		return err
	})
	return links, err
}

// linkMessage reads one link (specification IV.A.2.g).
func (f *File) linkMessage(b []byte) (Link, error) {
	c := f.cursor(b)
	if v := c.u8(); v != 1 {
		return Link{}, fmt.Errorf("a link has the version %d: the file is damaged", v)
	}
	flags, kind := c.u8(), byte(0)
	if flags&0x08 != 0 {
		kind = c.u8()
	}
	if flags&0x04 != 0 {
		c.skip(8)
	}
	if flags&0x10 != 0 {
		c.skip(1)
	}
	n := c.uint(1 << (flags & 3))
	if n > uint64(c.rest()) {
		return Link{}, errShort
	}
	l := Link{Name: string(c.take(int(n)))}
	switch kind {
	case 0:
		l.Addr = c.addr()
	case 1:
		l.Kind = Soft
		l.Target = string(c.take(int(c.u16())))
	default:
		l.Kind = Foreign
	}
	return l, c.err
}
