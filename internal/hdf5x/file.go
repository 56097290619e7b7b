package hdf5x

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"

	"gonum.org/v1/hdf5"

	"github.com/spatialgo/spatialgo/internal/hdf5read"
	"github.com/spatialgo/spatialgo/spared/format"
)

// File is an open HDF5 file. Keys of its objects are "/"-separated from the
// root; "" and "/" are the root itself. Its methods may be called from many
// goroutines.
type File struct {
	path   string
	closed atomic.Bool
	src    *source    // of a file open for reading
	h      *hdf5.File // of a file being written
}

// source is the file as it is read, without libhdf5.
type source struct {
	*hdf5read.File
	raw        *os.File
	base, size int64 // place of the signature, which addresses count from; bytes
}

// Open opens a file for reading. The error is a *format.Error that tells a
// missing file, a folder, an empty file, a file of another format and a
// truncated file apart.
func Open(path string) (*File, error) {
	f := &File{path: path}
	raw, err := openRaw(path)
	if err != nil {
		return nil, err
	}
	if f.src, err = f.source(raw); err != nil {
		raw.Close()
		return nil, err
	}
	return f, nil
}

// openRaw tells apart what is not a file, for which libhdf5's own messages are
// obscure.
func openRaw(path string) (*os.File, error) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, format.Missing(path, "no such file")
	case err != nil:
		return nil, format.Errorf(path, "", "cannot be opened: %w", err)
	case st.IsDir():
		return nil, format.Errorf(path, "", "is a folder, want an HDF5 file")
	case !st.Mode().IsRegular():
		return nil, format.Errorf(path, "", "is not a regular file, want an HDF5 file")
	}
	raw, err := os.Open(path)
	if err != nil {
		return nil, format.Errorf(path, "", "cannot be opened: %w", err)
	}
	return raw, nil
}

// source finds the superblock.
func (f *File) source(raw *os.File) (*source, error) {
	st, err := raw.Stat()
	if err != nil {
		return nil, f.errorf("", "cannot be opened: %w", err)
	}
	s := &source{raw: raw, size: st.Size()}
	if s.size == 0 {
		return nil, f.errorf("", "is empty, want an HDF5 file")
	}
	if s.base, err = f.findSignature(raw, s.size); err != nil {
		return nil, err
	}
	s.File, err = hdf5read.Open(raw, s.base, s.size)
	switch {
	case errors.Is(err, hdf5read.ErrTruncated):
		return nil, f.errorf("", "%w; download or copy it again", err)
	case err != nil:
		return nil, f.errorf("", "cannot be opened as HDF5; it may be damaged: %w", err)
	}
	return s, nil
}

// reading returns the file to read from, and the function to call after. A
// file being written is opened anew, after what libhdf5 holds back was written.
func (f *File) reading(key string) (*source, func(), error) {
	switch {
	case f.closed.Load():
		return nil, nil, f.errorf(key, "the file is closed")
	case f.src != nil:
		return f.src, func() {}, nil
	}
	leave := enter()
	err := f.h.Flush(hdf5.F_SCOPE_GLOBAL)
	if err != nil {
		err = libraryError()
	}
	leave()
	if err != nil {
		return nil, nil, f.errorf(key, "cannot be written: %w", err)
	}
	raw, err := openRaw(f.path)
	if err != nil {
		return nil, nil, err
	}
	s, err := f.source(raw)
	if err != nil {
		raw.Close()
		return nil, nil, err
	}
	return s, func() { raw.Close() }, nil
}

// findSignature looks for the signature at 0 and, behind a user block, at 512,
// 1024, 2048, ...
func (f *File) findSignature(raw *os.File, size int64) (int64, error) {
	head := make([]byte, len(hdf5read.Signature))
	for at := int64(0); at < size; at = max(512, 2*at) {
		if _, err := raw.ReadAt(head, at); err != nil && err != io.EOF {
			return 0, f.errorf("", "cannot be read: %w", err)
		}
		if string(head) == hdf5read.Signature {
			return at, nil
		}
	}
	return 0, f.errorf("", "is not an HDF5 file (no HDF5 signature); want .h5 or .h5ad")
}

// Create makes a file for writing, in place of one that is there.
func Create(path string) (*File, error) {
	// Opening it first gives the system's own reason where that fails.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, format.Errorf(path, "", "cannot be created: %w", err)
	}
	defer enter()()
	h, err := hdf5.CreateFile(path, hdf5.F_ACC_TRUNC)
	if err != nil {
		return nil, format.Errorf(path, "", "cannot be created as HDF5: %w", libraryError())
	}
	return &File{h: h, path: path}, nil
}

// Close writes out what is not yet in the file and closes it. It returns an
// error where writing fails or an object of the file is still open, for then
// libhdf5 would keep the file open and incomplete. A second Close does
// nothing.
func (f *File) Close() error {
	if f.closed.Swap(true) {
		return nil
	}
	if f.src != nil {
		if err := f.src.raw.Close(); err != nil {
			return f.errorf("", "cannot be closed: %w", err)
		}
		return nil
	}
	defer enter()()
	var err error
	if f.h.Flush(hdf5.F_SCOPE_GLOBAL) != nil {
		err = f.errorf("", "cannot be written: %w", libraryError())
	}
	if n := openObjects(f.h.ID()); n != 0 && err == nil {
		err = f.errorf("", "objects left open at the close of the file: %d", n)
	}
	if f.h.Close() != nil && err == nil {
		err = f.errorf("", "cannot be closed: %w", libraryError())
	}
	return err
}

// Path returns the name that the file was opened by.
func (f *File) Path() string { return f.path }

// errorf makes an error about a key of the file.
func (f *File) errorf(key, msg string, args ...any) error {
	return format.Errorf(f.path, strings.Trim(key, "/"), msg, args...)
}
