package anndata

import (
	"errors"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
)

// file is an open .h5ad file.
type file struct {
	*hdf5x.File
	spots int                     // rows of obs; -1 = not yet known
	obs   map[string]*h5ad.Column // columns read so far
}

func withFile(path string, use func(f *file) error) (err error) {
	h, err := hdf5x.Open(path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := h.Close(); err == nil {
			err = cerr
		}
	}()
	if !h.Exists("obs") || !h.Exists("var") {
		return format.Errorf(path, "", "has no tables obs and var: not an .h5ad file")
	}
	return use(&file{File: h, spots: -1, obs: map[string]*h5ad.Column{}})
}

func (f *file) errorf(key, msg string, args ...any) error {
	return format.Errorf(f.Path(), key, msg, args...)
}

// column reads a column of obs; nil where there is none.
func (f *file) column(name string) (*h5ad.Column, error) {
	if c, ok := f.obs[name]; ok {
		return c, nil
	}
	c, err := f.readColumn("obs/" + name)
	if err != nil {
		return nil, err
	}
	if c != nil && f.spots >= 0 && c.Len() != f.spots {
		return nil, f.errorf("obs/"+name, "has %d values for %d spots", c.Len(), f.spots)
	}
	f.obs[name] = c
	return c, nil
}

func (f *file) readColumn(key string) (*h5ad.Column, error) {
	if !f.Exists(key) {
		return nil, nil
	}
	v, err := h5ad.ReadElem(f.Path(), key)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case *h5ad.Column:
		return v, nil
	case *h5ad.Array:
		if len(v.Shape) == 1 {
			return &h5ad.Column{Data: v.Data}, nil
		}
	}
	return nil, f.errorf(key, "is no column of values")
}

// first returns the first of some columns of obs that is there, or nil.
func (f *file) first(names ...string) (*h5ad.Column, string, error) {
	for _, n := range names {
		c, err := f.column(n)
		if c != nil || err != nil {
			return c, n, err
		}
	}
	return nil, "", nil
}

// Columns of obs that tell slides apart: those that say so, and those that
// may mean something else.
var (
	slideColumns = []string{"slide_id", "library_id", "slide", "section_id", "section"}
	batchColumns = []string{"sample_id", "sample", "batch"}
)

// division says which spot is of which slide.
type division struct {
	names []string // of the slides, in natural order; nil = one slide without a name
	of    []string // each spot's slide; nil = one slide
}

// divide finds the column that tells slides apart: the one named, else the
// first whose values all are keys of uns/spatial, else the first of those
// known by their names.
func (f *file) divide(key string) (*division, error) {
	if key != "" {
		c, err := f.column(key)
		if err == nil && c == nil {
			err = f.errorf("obs/"+key, "is not there; want the column that tells slides apart")
		}
		if err != nil {
			return nil, err
		}
		return f.by(key, c)
	}
	pictures := f.groups("uns/spatial")
	for _, names := range [][]string{slideColumns, batchColumns} {
		for _, name := range names {
			c, err := f.column(name)
			if err != nil {
				return nil, err
			}
			if c != nil && len(pictures) > 0 && within(c, pictures) {
				return f.by(name, c)
			}
		}
	}
	known := slideColumns
	if len(pictures) != 1 {
		// A sample or batch may be one of sequencing: one picture is one slide.
		known = append(slices.Clone(slideColumns), batchColumns...)
	}
	c, name, err := f.first(known...)
	switch {
	case err != nil:
		return nil, err
	case c != nil:
		return f.by(name, c)
	case len(pictures) > 1:
		return nil, f.errorf("uns/spatial", "has the pictures of %d slides (%s), but no column of obs says which spot is of which; add one named slide_id",
			len(pictures), strings.Join(pictures, ", "))
	}
	return &division{}, nil
}

// within tells whether all values of a column are among some.
func within(c *h5ad.Column, some []string) bool {
	for v := range distinct(c.Strings()) {
		if !slices.Contains(some, v) {
			return false
		}
	}
	return true
}

func distinct(values []string) map[string]bool {
	set := map[string]bool{}
	for _, v := range values {
		set[v] = true
	}
	return set
}

// by divides the spots by the values of a column.
func (f *file) by(name string, c *h5ad.Column) (*division, error) {
	d := &division{of: c.Strings()}
	for i, v := range d.of {
		if v == "" {
			return nil, f.errorf("obs/"+name, "row %d names no slide", i)
		}
	}
	for v := range distinct(d.of) {
		d.names = append(d.names, v)
	}
	slices.SortFunc(d.names, rawfile.Natural)
	return d, nil
}

// rows returns the rows of a slide of n spots, in order; nil = all.
func (d *division) rows(name string) []int {
	if len(d.names) < 2 {
		return nil
	}
	var rows []int
	for i, v := range d.of {
		if v == name {
			rows = append(rows, i)
		}
	}
	return rows
}

// groups lists the groups in a group, none where it is not there.
func (f *file) groups(key string) []string {
	names, err := f.Children(key)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(names, func(n string) bool { return !f.IsGroup(key + "/" + n) })
}

// isAbsent tells a key that is not there from one that cannot be read.
func isAbsent(err error) bool { return errors.Is(err, hdf5x.ErrNoKey) }
