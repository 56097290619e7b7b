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

// mu is held by every call of libhdf5, by all functions that write: libhdf5 serialises its calls anyway,
// and the last error message belongs to whoever holds it.
var mu sync.Mutex

// enter takes the lock and keeps the goroutine on its thread, because a
// thread-safe libhdf5 has one error switch a thread. The result undoes both.
func enter() (leave func()) {
	mu.Lock()
	runtime.LockOSThread()
	C.h5x_begin()
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

// exists tells whether a group has the last step of path.
func exists(loc int64, path string) (bool, error) {
	c, free := cstring(path)
	defer free()
	rc := C.h5x_exists(C.hid_t(loc), c)
	return rc > 0, check(rc)
}

// isGroup tells a group from a dataset or a named type.
func isGroup(loc int64, path string) (bool, error) {
	c, free := cstring(path)
	defer free()
	rc := C.h5x_object_type(C.hid_t(loc), c)
	return rc == C.H5O_TYPE_GROUP, check(rc)
}

func openObjects(file int64) int64 { return int64(C.h5x_open_objects(C.hid_t(file))) }

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

// createDataset creates a dataset, whose chunks writeChunk writes, and returns
// its handle.
func createDataset(loc int64, path string, kind int, p plan) (int64, error) {
	c, free := cstring(path)
	defer free()
	cp := p.c()
	id := C.h5x_create(C.hid_t(loc), c, C.int(kind), &cp)
	if id < 0 {
		return 0, libraryError()
	}
	return int64(id), nil
}

// writeChunk writes the filtered bytes of the chunk whose first element is at
// that place.
func writeChunk(dset int64, at []int, b []byte) error {
	var c [32]C.hsize_t
	for i, v := range at {
		c[i] = C.hsize_t(v)
	}
	return check(C.h5x_write_chunk(C.hid_t(dset), &c[0], pointer(b), C.size_t(len(b))))
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
