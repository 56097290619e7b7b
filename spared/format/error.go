// Package format holds the one error type that every reader of a file format
// in this module returns, so that a caller can always tell which file, which
// key or row in it, and what was expected there.
package format

import (
	"fmt"
	"io/fs"
	"strings"
)

// Error says that a file or folder does not hold what its format promises.
// Readers return it as *format.Error; use errors.As to get at the parts.
type Error struct {
	Path string // the file or folder, as the caller named it
	Key  string // HDF5 path, JSON key or column name; "" where there is none
	Line int    // 1-based line of a text file; 0 where there is none
	Msg  string // what is wrong, and what was expected or can be done
	Err  error  // the cause, or nil
}

// Error gives "path: key: line n: msg: cause", leaving out what is not set.
func (e *Error) Error() string {
	var parts []string
	if e.Path != "" {
		parts = append(parts, e.Path)
	}
	if e.Key != "" {
		parts = append(parts, e.Key)
	}
	if e.Line > 0 {
		parts = append(parts, fmt.Sprintf("line %d", e.Line))
	}
	if e.Msg != "" {
		parts = append(parts, e.Msg)
	}
	if e.Err != nil && e.Err.Error() != "" {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error about path and key (either may be ""). A %w verb in
// the message sets the cause.
func Errorf(path, key, msg string, args ...any) *Error {
	err := fmt.Errorf(msg, args...)
	e := &Error{Path: path, Key: key, Msg: err.Error()}
	if u, ok := err.(interface{ Unwrap() error }); ok {
		// The cause's text is already part of Msg: keep it only for errors.Is
		// and errors.As.
		e.Err = hidden{u.Unwrap()}
	}
	return e
}

// Missing makes the Error of something that is not there; errors.Is finds
// fs.ErrNotExist in it, whose own words would say it a second time.
func Missing(path, msg string) *Error {
	return &Error{Path: path, Msg: msg, Err: hidden{fs.ErrNotExist}}
}

// hidden carries a cause whose text has been printed already.
type hidden struct{ error }

func (h hidden) Error() string { return "" }
func (h hidden) Unwrap() error { return h.error }
