package patch

// #cgo LDFLAGS: -lhdf5
// #include "native.h"
// #include <stdlib.h>
import "C"

import (
	"unsafe"

	"github.com/spatialgo/spatialgo/spared/format"
)

// reserve adds a dataset to an HDF5 file that nobody has open: elements of 1
// byte (unsigned) or 8 (signed), dims nil = one of them. It returns the place
// in the file at which its bytes belong.
func reserve(path, key string, bytes int, dims []int, encoding string) (int64, error) {
	name, k, e := C.CString(path), C.CString(key), C.CString(encoding)
	defer func() {
		for _, p := range []*C.char{name, k, e} {
			C.free(unsafe.Pointer(p))
		}
	}()
	size := make([]C.hsize_t, len(dims)+1)
	for i, d := range dims {
		size[i] = C.hsize_t(d)
	}
	at := C.patch_reserve(name, k, C.int(bytes), C.int(len(dims)), &size[0], e)
	if at < 0 {
		return 0, format.Errorf(path, key, "libhdf5 cannot make room for it")
	}
	return int64(at), nil
}

// offset finds again what reserve made.
func offset(path, key string, bytes int) (int64, error) {
	name, k := C.CString(path), C.CString(key)
	defer func() { C.free(unsafe.Pointer(name)); C.free(unsafe.Pointer(k)) }()
	at := C.patch_offset(name, k, C.int(bytes))
	if at < 0 {
		return 0, format.Errorf(path, key, "is not a block of numbers as this package makes it")
	}
	return int64(at), nil
}
