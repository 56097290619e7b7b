package hdf5x

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"strings"

	"gonum.org/v1/hdf5"

	"github.com/spatialgo/spatialgo/spared/format"
)

// File is an open HDF5 file. Keys of its objects are "/"-separated from the
// root; "" and "/" are the root itself. Its methods may be called from many
// goroutines.
type File struct {
	h        *hdf5.File // nil once closed
	raw      *os.File   // the same file; nil where it is being written
	path     string
	size     int64 // bytes; of a file being written, 0
	base     int64 // place of the signature, which addresses count from
	writable bool
}

// signature opens every HDF5 file that has no user block.
const signature = "\x89HDF\r\n\x1a\n"

// Open opens a file for reading. The error is a *format.Error that tells a
// missing file, a folder, an empty file, a file of another format and a
// truncated file apart.
func Open(path string) (*File, error) {
	raw, err := openRaw(path)
	if err != nil {
		return nil, err
	}
	f := &File{raw: raw, path: path}
	if err := f.open(); err != nil {
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
		return nil, format.Errorf(path, "", "no such file: %w", fs.ErrNotExist)
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

// open opens the file with libhdf5 too.
func (f *File) open() error {
	st, err := f.raw.Stat()
	if err != nil {
		return f.errorf("", "cannot be opened: %w", err)
	}
	if f.size = st.Size(); f.size == 0 {
		return f.errorf("", "is empty, want an HDF5 file")
	}
	if f.base, err = f.findSignature(); err != nil {
		return err
	}
	defer enter()()
	h, err := hdf5.OpenFile(f.path, hdf5.F_ACC_RDONLY)
	if err != nil {
		msg := libraryError()
		if strings.Contains(msg.Error(), "truncated") {
			return f.errorf("", "the file ends too early; download or copy it again: %w", msg)
		}
		return f.errorf("", "cannot be opened as HDF5; it may be damaged: %w", msg)
	}
	if now, err := os.Stat(f.path); err != nil || !os.SameFile(st, now) {
		h.Close()
		return f.errorf("", "the file was replaced while it was being opened; open it again")
	}
	f.h = h
	return nil
}

// findSignature looks for the signature at 0 and, behind a user block, at 512,
// 1024, 2048, ...
func (f *File) findSignature() (int64, error) {
	head := make([]byte, len(signature))
	for at := int64(0); at < f.size; at = max(512, 2*at) {
		if _, err := f.raw.ReadAt(head, at); err != nil && err != io.EOF {
			return 0, f.errorf("", "cannot be read: %w", err)
		}
		if string(head) == signature {
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
	return &File{h: h, path: path, writable: true}, nil
}

// Close writes out what is not yet in the file and closes it. It returns an
// error where writing fails or an object of the file is still open, for then
// libhdf5 would keep the file open and incomplete. A second Close does
// nothing.
func (f *File) Close() error {
	defer enter()()
	if f.h == nil {
		return nil
	}
	h := f.h
	f.h = nil
	if f.raw != nil {
		defer f.raw.Close()
	}
	var err error
	if f.writable && h.Flush(hdf5.F_SCOPE_GLOBAL) != nil {
		err = f.errorf("", "cannot be written: %w", libraryError())
	}
	if n := openObjects(h.ID()); n != 0 && err == nil {
		err = f.errorf("", "objects left open at the close of the file: %d", n)
	}
	if h.Close() != nil && err == nil {
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

// limit is the number of bytes that the file can hold.
func (f *File) limit() int64 {
	if f.size == 0 {
		return fileSize(f.h.ID())
	}
	return f.size
}

// split returns the steps of a key.
func split(key string) []string {
	var steps []string
	for _, s := range strings.Split(key, "/") {
		if s != "" && s != "." {
			steps = append(steps, s)
		}
	}
	return steps
}

// resolve follows a key from the root, soft links included, and returns the
// path of hard links only. Links into other files are refused.
func (f *File) resolve(key string) (string, error) {
	if f.h == nil {
		return "", f.errorf(key, "the file is closed")
	}
	if strings.IndexByte(key, 0) >= 0 {
		return "", f.errorf(key, "the key holds a NUL byte")
	}
	todo, at := split(key), ""
	for hops := 0; len(todo) > 0; {
		step := todo[0]
		todo = todo[1:]
		kind, target, err := link(f.h.ID(), at+"/"+step)
		switch {
		case err != nil:
			return "", f.errorf(key, "cannot be looked up: %w", err)
		case kind == linkAbsent:
			return "", f.absent(key, at, step)
		case kind == linkForeign:
			return "", f.errorf(key, "is a link into another file, which is not followed; copy the data into this file")
		case kind == linkSoft:
			if hops++; hops > 16 {
				return "", f.errorf(key, "more than 16 soft links on the way")
			}
			todo = append(split(target), todo...)
			if strings.HasPrefix(target, "/") {
				at = ""
			}
			continue
		}
		at += "/" + step
		if len(todo) > 0 {
			if g, err := isGroup(f.h.ID(), at); err != nil {
				return "", f.errorf(at, "cannot be looked up: %w", err)
			} else if !g {
				return "", f.errorf(key, "no such key: %s is not a group", at)
			}
		}
	}
	if at == "" {
		at = "/"
	}
	return at, nil
}

// ErrNoKey is the cause of the error for a key that the file does not hold.
var ErrNoKey = errors.New("no such key")

// absent says that a group has no such member, and what it has instead.
func (f *File) absent(key, group, step string) error {
	at := group
	if at == "" {
		at = "the root"
	}
	names, err := f.children(max(group, "/"))
	switch {
	case err != nil:
		return f.errorf(key, "%w", ErrNoKey)
	case len(names) == 0:
		return f.errorf(key, "%w: %s is empty", ErrNoKey, at)
	case len(names) > 12:
		names = append(names[:12:12], fmt.Sprintf("... (%d in all)", len(names)))
	}
	return f.errorf(key, "%w: %s has no %q, only %s", ErrNoKey, at, step, strings.Join(names, ", "))
}

// Exists tells whether the file holds a group or dataset of that key.
func (f *File) Exists(key string) bool {
	defer enter()()
	_, err := f.resolve(key)
	return err == nil
}

// IsGroup tells whether the file holds a group of that key.
func (f *File) IsGroup(key string) bool {
	defer enter()()
	at, err := f.resolve(key)
	if err != nil {
		return false
	}
	g, err := isGroup(f.h.ID(), at)
	return err == nil && g
}

// Address returns the place of an object in the file. Two keys with the same
// address are the same object.
func (f *File) Address(key string) (int64, error) {
	defer enter()()
	at, err := f.resolve(key)
	if err != nil {
		return 0, err
	}
	a, err := address(f.h.ID(), at)
	if err != nil {
		return 0, f.errorf(key, "cannot be looked up: %w", err)
	}
	return a, nil
}

// Children returns the names in a group, sorted.
func (f *File) Children(key string) ([]string, error) {
	defer enter()()
	at, err := f.resolve(key)
	if err != nil {
		return nil, err
	}
	if g, err := isGroup(f.h.ID(), at); err != nil || !g {
		return nil, f.errorf(key, "is a dataset, want a group")
	}
	names, err := f.children(at)
	if err != nil {
		return nil, f.errorf(key, "cannot be listed: %w", err)
	}
	return names, nil
}

// children is Children of a resolved path.
func (f *File) children(at string) ([]string, error) {
	g, err := f.h.OpenGroup(at)
	if err != nil {
		return nil, libraryError()
	}
	defer g.Close()
	n, err := g.NumObjects()
	if err != nil {
		return nil, libraryError()
	}
	// A link takes more than 8 bytes of its file.
	if int64(n) < 0 || int64(n) > f.limit()/8 {
		return nil, fmt.Errorf("%d members in a file of %d bytes: the file is damaged", n, f.limit())
	}
	names := make([]string, 0, n)
	for i := range n {
		name, err := g.ObjectNameByIndex(i)
		if err != nil {
			return nil, libraryError()
		}
		names = append(names, name)
	}
	sort.Strings(names)
	return names, nil
}

// Group makes a group and those above it, unless they are there.
func (f *File) Group(key string) error {
	defer enter()()
	if err := f.writing(key); err != nil {
		return err
	}
	at := ""
	for _, step := range split(key) {
		at += "/" + step
		kind, _, err := link(f.h.ID(), at)
		if err == nil && kind == linkAbsent {
			g, cerr := f.h.CreateGroup(at)
			if cerr != nil {
				return f.errorf(key, "cannot create group: %w", libraryError())
			}
			g.Close()
			continue
		}
		if g, gerr := isGroup(f.h.ID(), at); err != nil || gerr != nil || !g {
			return f.errorf(key, "cannot create group: %s is not a group", at)
		}
	}
	return nil
}

// writing says why a key cannot be written, if it cannot.
func (f *File) writing(key string) error {
	switch {
	case f.h == nil:
		return f.errorf(key, "the file is closed")
	case !f.writable:
		return f.errorf(key, "the file is open for reading only")
	case strings.IndexByte(key, 0) >= 0:
		return f.errorf(key, "the key holds a NUL byte")
	}
	return nil
}
