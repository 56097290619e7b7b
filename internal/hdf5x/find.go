package hdf5x

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spatialgo/spatialgo/internal/hdf5read"
)

// ErrNoKey is the cause of the error for a key that the file does not hold.
var ErrNoKey = errors.New("no such key")

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

// maxHops is the largest number of soft links on the way to an object.
const maxHops = 16

// find follows a key from the root, soft links included. Links into other
// files are refused.
func (f *File) find(s *source, key string) (*hdf5read.Object, error) {
	at, err := s.Object(s.Root())
	if err != nil {
		return nil, f.errorf(key, "the root cannot be read: %w", err)
	}
	root := at
	var path []string
	todo := split(key)
	for hops := 0; len(todo) > 0; {
		step := todo[0]
		todo = todo[1:]
		if !at.IsGroup() {
			return nil, f.errorf(key, "%w: /%s is not a group", ErrNoKey, strings.Join(path, "/"))
		}
		l, ok, err := at.Link(step)
		switch {
		case err != nil:
			return nil, f.errorf(key, "cannot be looked up: %w", err)
		case !ok:
			return nil, f.absent(at, key, path, step)
		case l.Kind == hdf5read.Foreign:
			return nil, f.errorf(key, "is a link into another file, which is not followed; copy the data into this file")
		case l.Kind == hdf5read.Soft:
			if hops++; hops > maxHops {
				return nil, f.errorf(key, "more than %d soft links on the way", maxHops)
			}
			todo = append(split(l.Target), todo...)
			if strings.HasPrefix(l.Target, "/") {
				at, path = root, nil
			}
			continue
		}
		if at, err = s.Object(l.Addr); err != nil {
			return nil, f.errorf(key, "cannot be opened: %w", err)
		}
		path = append(path, step)
	}
	return at, nil
}

// absent says that a group has no such member, and what it has instead.
func (f *File) absent(group *hdf5read.Object, key string, path []string, step string) error {
	at := "the root"
	if len(path) > 0 {
		at = "/" + strings.Join(path, "/")
	}
	names, err := linkNames(group)
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

func linkNames(group *hdf5read.Object) ([]string, error) {
	links, err := group.Links()
	names := make([]string, len(links))
	for i, l := range links {
		names[i] = l.Name
	}
	return names, err
}

// object finds an object for the time of a call.
func (f *File) object(key string, use func(s *source, o *hdf5read.Object) error) error {
	s, done, err := f.reading(key)
	if err != nil {
		return err
	}
	defer done()
	o, err := f.find(s, key)
	if err != nil {
		return err
	}
	return use(s, o)
}

// Exists tells whether the file holds a group or dataset of that key.
func (f *File) Exists(key string) bool {
	return f.object(key, func(*source, *hdf5read.Object) error { return nil }) == nil
}

// IsGroup tells whether the file holds a group of that key.
func (f *File) IsGroup(key string) (is bool) {
	err := f.object(key, func(_ *source, o *hdf5read.Object) error {
		is = o.IsGroup()
		return nil
	})
	return err == nil && is
}

// Address returns the place of an object in the file. Two keys with the same
// address are the same object.
func (f *File) Address(key string) (at int64, err error) {
	err = f.object(key, func(_ *source, o *hdf5read.Object) error {
		at = int64(o.Addr)
		return nil
	})
	return at, err
}

// Children returns the names in a group, sorted.
func (f *File) Children(key string) (names []string, err error) {
	err = f.object(key, func(_ *source, o *hdf5read.Object) error {
		if !o.IsGroup() {
			return f.errorf(key, "is a dataset, want a group")
		}
		if names, err = linkNames(o); err != nil {
			return f.errorf(key, "cannot be listed: %w", err)
		}
		return nil
	})
	return names, err
}
