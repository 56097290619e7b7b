package hdf5x

// #cgo LDFLAGS: -lhdf5
// #include "native.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// Element types in memory, as in native.h.
const (
	memBool = iota
	memInt8
	memUint8
	memInt16
	memUint16
	memInt32
	memUint32
	memInt64
	memUint64
	memFloat32
	memFloat64
	memString // strings have functions of their own
)

// What a link is, as in native.h.
const (
	linkAbsent = iota
	linkHard
	linkSoft
	linkForeign
)

// mu is held by every exported function: libhdf5 serialises its calls anyway,
// and the last error message belongs to whoever holds it.
var mu sync.Mutex

// register tells libhdf5 of the lzf filter and of the conversion that reads
// string references. Where it fails, reading says so.
var register = sync.OnceFunc(func() {
	C.h5x_register_lzf()
	C.h5x_register_references()
})

// enter takes the lock and keeps the goroutine on its thread, because a
// thread-safe libhdf5 has one error switch a thread. The result undoes both.
func enter() (leave func()) {
	mu.Lock()
	runtime.LockOSThread()
	C.h5x_begin()
	register()
	return func() {
		runtime.UnlockOSThread()
		mu.Unlock()
	}
}

// libraryError is libhdf5's own innermost message, of a failed write or read
// the system's: libhdf5 adds the time and addresses to that, over many lines.
func libraryError() error {
	msg := strings.Join(strings.Fields(C.GoString(C.h5x_message())), " ")
	if what, rest, ok := strings.Cut(msg, ": time ="); ok {
		if _, reason, ok := strings.Cut(rest, "error message = '"); ok {
			reason, _, _ = strings.Cut(reason, "'")
			msg = what + ": " + strings.ToLower(reason)
		}
	}
	if msg == "" {
		msg = "libhdf5 gives no reason"
	}
	return errors.New(msg)
}

// check turns a return code into an error.
func check(rc C.int) error {
	if rc < 0 {
		return libraryError()
	}
	return nil
}

// cstring returns a C copy of s and the function that releases it.
func cstring(s string) (*C.char, func()) {
	c := C.CString(s)
	return c, func() { C.free(unsafe.Pointer(c)) }
}

// optional is cstring with nil for "".
func optional(s string) (*C.char, func()) {
	if s == "" {
		return nil, func() {}
	}
	return cstring(s)
}

// link tells what the last step of path is, and the target of a soft link.
func link(loc int64, path string) (kind int, target string, err error) {
	c, free := cstring(path)
	defer free()
	var buf [4096]C.char
	rc := C.h5x_link(C.hid_t(loc), c, &buf[0], C.size_t(len(buf)))
	return int(rc), C.GoString(&buf[0]), check(rc)
}

// address returns the place of an object in its file, the same for all its
// hard links.
func address(loc int64, path string) (int64, error) {
	c, free := cstring(path)
	defer free()
	a := C.h5x_address(C.hid_t(loc), c)
	if a < 0 {
		return 0, libraryError()
	}
	return int64(a), nil
}

// isGroup tells a group from a dataset or a named type.
func isGroup(loc int64, path string) (bool, error) {
	c, free := cstring(path)
	defer free()
	rc := C.h5x_object_type(C.hid_t(loc), c)
	return rc == C.H5O_TYPE_GROUP, check(rc)
}

func fileSize(file int64) int64    { return int64(C.h5x_file_size(C.hid_t(file))) }
func openObjects(file int64) int64 { return int64(C.h5x_open_objects(C.hid_t(file))) }

// shape is a type and a space.
type shape struct {
	null    bool
	dims    []uint64
	class   int
	size    int // bytes an element
	signed  bool
	vlen    bool
	boolean bool
	padded  bool // a fixed-length string filled with blanks
	members int
}

func fromC(s *C.h5x_shape) shape {
	out := shape{
		null: s.null != 0, class: int(s.class), size: int(s.size), signed: s.sign != 0, vlen: s.vlen != 0,
		boolean: s.boolean != 0, padded: s.pad == C.H5T_STR_SPACEPAD, members: int(s.members),
		dims: make([]uint64, s.rank),
	}
	for i := range out.dims {
		out.dims[i] = uint64(s.dims[i])
	}
	return out
}

// The classes of types that the package tells apart.
const (
	classInteger  = C.H5T_INTEGER
	classFloat    = C.H5T_FLOAT
	classString   = C.H5T_STRING
	classEnum     = C.H5T_ENUM
	classCompound = C.H5T_COMPOUND
)

// shapeOf describes a dataset, or a member of a compound one.
func shapeOf(dset int64, member string) (shape, error) {
	var s C.h5x_shape
	var rc C.int
	if member == "" {
		rc = C.h5x_dataset_shape(C.hid_t(dset), &s)
	} else {
		c, free := cstring(member)
		defer free()
		rc = C.h5x_member_shape(C.hid_t(dset), c, &s)
	}
	return fromC(&s), check(rc)
}

// memberNames lists the members of a compound dataset in their order.
func memberNames(dset int64, n int) ([]string, error) {
	names := make([]string, 0, min(n, 1024))
	var buf [1024]C.char
	for i := range n {
		if err := check(C.h5x_member_name(C.hid_t(dset), C.int(i), &buf[0], C.size_t(len(buf)))); err != nil {
			return nil, err
		}
		names = append(names, C.GoString(&buf[0]))
	}
	return names, nil
}

// storage tells how a dataset is stored.
type storage struct {
	chunked, virtual, external, compact bool
	bytes, chunkBytes                   uint64
	filters                             int
}

func storageOf(dset int64) (storage, error) {
	var s C.h5x_storage
	rc := C.h5x_dataset_storage(C.hid_t(dset), &s)
	return storage{
		chunked: s.layout == C.H5D_CHUNKED, compact: s.layout == C.H5D_COMPACT,
		virtual: s.layout == C.H5D_VIRTUAL, external: s.external > 0,
		bytes: uint64(s.storage), chunkBytes: uint64(s.chunk_bytes), filters: int(s.filters),
	}, check(rc)
}

// filterOf returns the number and name of a dataset's i-th filter, and whether
// this libhdf5 can undo it.
func filterOf(dset int64, i int) (id int, name string, available bool, err error) {
	var buf [64]C.char
	var ok C.int
	rc := C.h5x_filter(C.hid_t(dset), C.int(i), &buf[0], C.size_t(len(buf)), &ok)
	return int(rc), C.GoString(&buf[0]), ok != 0, check(rc)
}

// rows is a block of the leading dimension; allRows is everything.
type rows struct{ start, count int }

var allRows = rows{0, -1}

func (r rows) c() C.h5x_rows { return C.h5x_rows{C.longlong(r.start), C.longlong(r.count)} }

var errOverflow = errors.New("a value does not fit the type asked for")

// readInto fills the memory at buf with elements of the given kind.
func readInto(dset int64, member string, kind int, r rows, buf unsafe.Pointer) error {
	c, free := optional(member)
	defer free()
	var overflow C.int
	err := check(C.h5x_read(C.hid_t(dset), c, C.int(kind), r.c(), buf, &overflow))
	if overflow != 0 {
		return errOverflow
	}
	return err
}

// readFixed fills buf with fixed-length strings as they lie in the file.
func readFixed(dset int64, member string, r rows, buf []byte) error {
	c, free := optional(member)
	defer free()
	return check(C.h5x_read_fixed(C.hid_t(dset), c, r.c(), unsafe.Pointer(unsafe.SliceData(buf))))
}

// readReferences fills buf with the references of variable-length strings.
func readReferences(dset int64, member string, r rows, buf []byte) error {
	c, free := optional(member)
	defer free()
	return check(C.h5x_read_references(C.hid_t(dset), c, r.c(), pointer(buf)))
}

// blob lays strings out one after another, each closed by a NUL.
func blob(data []string) (bytes []byte, offsets []C.size_t) {
	total := 0
	for _, s := range data {
		total += len(s) + 1
	}
	bytes, offsets = make([]byte, 0, total+1), make([]C.size_t, len(data)+1)
	for i, s := range data {
		offsets[i] = C.size_t(len(bytes))
		bytes = append(append(bytes, s...), 0)
	}
	return append(bytes, 0), offsets
}

func pointer[T any](s []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s)) }

// plan says how a dataset is to be created; chunk nil = contiguous.
type plan struct {
	dims, chunk []int
	gzip        int
	shuffle     bool
}

func (p plan) c() C.h5x_plan {
	var c C.h5x_plan
	c.rank = C.int(len(p.dims))
	for i, d := range p.dims {
		c.dims[i] = C.hsize_t(d)
	}
	if p.chunk != nil {
		c.chunked = 1
		for i, d := range p.chunk {
			c.chunk[i] = C.hsize_t(d)
		}
	}
	c.gzip = C.int(p.gzip)
	if p.shuffle {
		c.shuffle = 1
	}
	return c
}

// writeFrom creates a dataset from the memory at buf.
func writeFrom(loc int64, path string, kind int, p plan, buf unsafe.Pointer) error {
	c, free := cstring(path)
	defer free()
	cp := p.c()
	return check(C.h5x_write(C.hid_t(loc), c, C.int(kind), &cp, buf))
}

// writeStrings creates a dataset of strings; fixed > 0 = their length.
func writeStrings(loc int64, path string, p plan, data []string, fixed int) error {
	c, free := cstring(path)
	defer free()
	cp := p.c()
	var bytes []byte
	var offsets []C.size_t
	if fixed > 0 {
		bytes = make([]byte, fixed*len(data)+1)
		for i, s := range data {
			copy(bytes[i*fixed:], s)
		}
	} else {
		bytes, offsets = blob(data)
	}
	return check(C.h5x_write_strings(C.hid_t(loc), c, &cp, (*C.char)(pointer(bytes)), (*C.size_t)(pointer(offsets)), C.size_t(fixed)))
}

// compoundCreate creates a dataset of n rows of the named members and returns
// its handle.
func compoundCreate(loc int64, path string, names []string, kinds []int, n int) (int64, error) {
	c, free := cstring(path)
	defer free()
	bytes, _ := blob(names)
	ck := make([]C.int, len(kinds))
	for i, k := range kinds {
		if ck[i] = C.int(k); k == memString {
			ck[i] = -1
		}
	}
	id := C.h5x_compound_create(C.hid_t(loc), c, C.int(len(names)), (*C.char)(pointer(bytes)), (*C.int)(pointer(ck)), C.hsize_t(n))
	if id < 0 {
		return 0, libraryError()
	}
	return int64(id), nil
}

func compoundWrite(dset int64, member string, kind int, buf unsafe.Pointer) error {
	c, free := cstring(member)
	defer free()
	return check(C.h5x_compound_write(C.hid_t(dset), c, C.int(kind), buf))
}

func compoundWriteStrings(dset int64, member string, data []string) error {
	c, free := cstring(member)
	defer free()
	bytes, offsets := blob(data)
	return check(C.h5x_compound_write_strings(C.hid_t(dset), c, C.hsize_t(len(data)), (*C.char)(pointer(bytes)), (*C.size_t)(pointer(offsets))))
}

func closeDataset(dset int64) error { return check(C.int(C.H5Dclose(C.hid_t(dset)))) }

// attrNames lists the attributes of an object by name.
func attrNames(obj int64) ([]string, error) {
	n := C.h5x_attr_count(C.hid_t(obj))
	if err := check(n); err != nil {
		return nil, err
	}
	names := make([]string, 0, min(int(n), 1024))
	var buf [4096]C.char
	for i := range int(n) {
		if err := check(C.h5x_attr_name(C.hid_t(obj), C.int(i), &buf[0], C.size_t(len(buf)))); err != nil {
			return nil, err
		}
		names = append(names, C.GoString(&buf[0]))
	}
	return names, nil
}

func attrExists(obj int64, name string) (bool, error) {
	c, free := cstring(name)
	defer free()
	rc := C.h5x_attr_exists(C.hid_t(obj), c)
	return rc > 0, check(rc)
}

// openAttr opens an attribute, to be closed with closeAttr.
func openAttr(obj int64, name string) (attr int64, s shape, err error) {
	c, free := cstring(name)
	defer free()
	var cs C.h5x_shape
	id := C.h5x_attr_open(C.hid_t(obj), c, &cs)
	if id < 0 {
		return 0, s, libraryError()
	}
	return int64(id), fromC(&cs), nil
}

func closeAttr(attr int64) { C.h5x_attr_close(C.hid_t(attr)) }

func readAttr(attr int64, kind int, buf unsafe.Pointer) error {
	return check(C.h5x_attr_read(C.hid_t(attr), C.int(kind), buf))
}

func readAttrFixed(attr int64, buf []byte) error {
	return check(C.h5x_attr_read_fixed(C.hid_t(attr), pointer(buf)))
}

func readAttrReferences(attr int64, buf []byte) error {
	return check(C.h5x_attr_read_references(C.hid_t(attr), pointer(buf)))
}

func writeAttr(obj int64, name string, kind int, scalar bool, n int, buf unsafe.Pointer) error {
	c, free := cstring(name)
	defer free()
	return check(C.h5x_attr_write(C.hid_t(obj), c, C.int(kind), cbool(scalar), C.hsize_t(n), buf))
}

func writeAttrStrings(obj int64, name string, scalar bool, data []string) error {
	c, free := cstring(name)
	defer free()
	bytes, offsets := blob(data)
	return check(C.h5x_attr_write_strings(C.hid_t(obj), c, cbool(scalar), C.hsize_t(len(data)), (*C.char)(pointer(bytes)), (*C.size_t)(pointer(offsets))))
}

// writeAttrFixed writes strings that are padded to one length.
func writeAttrFixed(obj int64, name string, data []string) error {
	c, free := cstring(name)
	defer free()
	size := longest(data)
	bytes := make([]byte, size*len(data)+1)
	for i, s := range data {
		copy(bytes[i*size:], s)
	}
	return check(C.h5x_attr_write_fixed(C.hid_t(obj), c, C.hsize_t(len(data)), C.size_t(size), (*C.char)(pointer(bytes))))
}

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
