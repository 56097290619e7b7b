package h5ad

import (
	"fmt"
	"maps"
	"slices"
)

// group is one of the maps of an AnnData and its key in the file.
type group struct {
	key string
	m   *map[string]any
}

// groups lists the maps of an AnnData in the order of the file.
func (a *AnnData) groups() []group {
	return []group{
		{"layers", &a.Layers}, {"obsm", &a.Obsm}, {"varm", &a.Varm}, {"obsp", &a.Obsp},
		{"varp", &a.Varp}, {"uns", &a.Uns}, {"raw", &a.Raw},
	}
}

// any size of a dimension.
const free = -1

// check returns the key at fault and an error unless every element has as many
// rows and columns as obs and var have names.
func (a *AnnData) check() (key string, err error) {
	n, m := len(a.Obs.Index), len(a.Var.Index)
	if a.X != nil {
		if err := checkSize(a.X, n, m); err != nil {
			return "X", err
		}
	}
	for _, g := range []struct {
		key        string
		m          map[string]any
		rows, cols int
	}{
		{"layers", a.Layers, n, m},
		{"obsm", a.Obsm, n, free}, {"varm", a.Varm, m, free},
		{"obsp", a.Obsp, n, n}, {"varp", a.Varp, m, m},
	} {
		for _, name := range slices.Sorted(maps.Keys(g.m)) {
			if g.m[name] == nil {
				continue
			}
			if err := checkSize(g.m[name], g.rows, g.cols); err != nil {
				return g.key + "/" + name, err
			}
		}
	}
	return a.checkRaw(n)
}

// checkRaw is check of the element raw: a matrix of all the spots and of genes
// of its own.
func (a *AnnData) checkRaw(n int) (key string, err error) {
	x, table := a.Raw["X"], a.Raw["var"]
	if x == nil || table == nil {
		return "", nil // read in part
	}
	f, ok := table.(*Frame)
	if !ok {
		return "raw/var", fmt.Errorf("is a %s, want a table", describe(table))
	}
	if err := checkSize(x, n, len(f.Index)); err != nil {
		return "raw/X", err
	}
	return "", nil
}

// checkSize returns an error unless an element has the rows and columns that
// its place demands.
func checkSize(v any, rows, cols int) error {
	r, c, ok := size(v)
	switch {
	case !ok:
		return fmt.Errorf("is a %s, want a matrix or table", describe(v))
	case r != rows:
		return fmt.Errorf("has %d rows, want %d, as many as names", r, rows)
	case cols != free && c != cols:
		return fmt.Errorf("has %d columns, want %d, as many as names", c, cols)
	}
	return nil
}

// size returns the rows and columns of an element that has them; of an array
// with another number of dimensions than two, -1 columns.
func size(v any) (rows, cols int, ok bool) {
	switch v := v.(type) {
	case *Array:
		if len(v.Shape) == 2 {
			return v.Shape[0], v.Shape[1], true
		}
		if len(v.Shape) > 0 {
			return v.Shape[0], -1, true
		}
	case *Sparse:
		return v.Rows, v.Cols, true
	case *Frame:
		return len(v.Index), len(v.Columns), true
	}
	return 0, 0, false
}

// describe names the kind of an element in error messages.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case *Array:
		return fmt.Sprintf("dense array of shape %v", v.Shape)
	case *Sparse:
		return fmt.Sprintf("sparse matrix of %d x %d", v.Rows, v.Cols)
	case *Frame:
		return "table"
	case *Column:
		return "categorical or nullable column"
	case *Records:
		return "record array"
	case map[string]any:
		return "group"
	}
	return fmt.Sprintf("single %T", v)
}
