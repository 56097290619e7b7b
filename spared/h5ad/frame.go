package h5ad

import (
	"fmt"
	"math"
	"reflect"
)

// defaultIndex is the name under which the index of a table is stored where it
// has none of its own.
const defaultIndex = "_index"

// Records is a one-dimensional record array of numpy ("rec-array"): rows of
// named fields without an index, as scanpy's rank_genes_groups keeps its
// results. Fields have a Name and Data only.
type Records struct {
	Fields []Column
}

// Column returns the column of that name, or nil.
func (f *Frame) Column(name string) *Column {
	for i := range f.Columns {
		if f.Columns[i].Name == name {
			return &f.Columns[i]
		}
	}
	return nil
}

// Len returns the number of values.
func (c *Column) Len() int {
	if c.Codes != nil || c.Categories != nil {
		return len(c.Codes)
	}
	return length(c.Data)
}

// Categorical tells whether the column holds codes of categories.
func (c *Column) Categorical() bool { return c.Codes != nil || c.Categories != nil }

// Value returns value i, of a categorical its category. ok is false where it
// is missing.
func (c *Column) Value(i int) (v any, ok bool) {
	switch {
	case c.Categorical() && c.Codes[i] < 0:
		return nil, false
	case c.Categorical():
		return at(c.Categories, int(c.Codes[i])), true
	case c.Missing != nil && c.Missing[i]:
		return nil, false
	}
	return at(c.Data, i), true
}

// Strings returns the values as text, "" where missing; numbers are written as
// Python writes them.
func (c *Column) Strings() []string { return texts(c.Data, c) }

// Float64s returns the values as numbers, NaN where missing and 1 for true, or
// an error where they are text that is no number of its own.
func (c *Column) Float64s() ([]float64, error) {
	out := make([]float64, c.Len())
	for i := range out {
		v, ok := c.Value(i)
		if !ok {
			out[i] = math.NaN()
			continue
		}
		f, ok := number(v)
		if !ok {
			return nil, fmt.Errorf("h5ad: column %q, row %d: %q is no number", c.Name, i, text(v))
		}
		out[i] = f
	}
	return out, nil
}

// NewCategorical returns an unordered categorical column of text, its
// categories in the order of their first appearance.
func NewCategorical(name string, values []string) Column {
	c := Column{Name: name, Codes: make([]int32, len(values))}
	cats, place := []string{}, map[string]int32{}
	for i, v := range values {
		code, ok := place[v]
		if !ok {
			code = int32(len(cats))
			place[v], cats = code, append(cats, v)
		}
		c.Codes[i] = code
	}
	c.Categories = cats
	return c
}

// check returns an error unless the column is of one of the documented forms.
func (c *Column) check() error {
	if c.Categorical() {
		switch {
		case c.Data != nil || c.Missing != nil:
			return fmt.Errorf("is categorical but has values or a mask of its own too")
		case length(c.Categories) < 0:
			return fmt.Errorf("categories of type %T are not supported", c.Categories)
		}
		if err := unique(c.Categories); err != nil {
			return err
		}
		return c.checkCodes()
	}
	n := length(c.Data)
	switch {
	case n < 0:
		return fmt.Errorf("values of type %T are not supported", c.Data)
	case c.Missing != nil && len(c.Missing) != n:
		return fmt.Errorf("%d values but %d entries of the mask", n, len(c.Missing))
	}
	return nil
}

// checkCodes returns an error unless every code is -1 or has a category.
func (c *Column) checkCodes() error {
	n := length(c.Categories)
	for i, code := range c.Codes {
		if code < -1 || int(code) >= n {
			return fmt.Errorf("row %d has the code %d, but there are %d categories", i, code, n)
		}
	}
	return nil
}

// unique returns an error where a category stands twice or is NaN: pandas
// refuses both.
func unique(categories any) error {
	seen := map[any]bool{}
	for i := range length(categories) {
		v := at(categories, i)
		if f, ok := number(v); ok && math.IsNaN(f) {
			return fmt.Errorf("category %d is NaN; mark missing values with the code -1", i)
		}
		if seen[v] {
			return fmt.Errorf("category %q stands twice", text(v))
		}
		seen[v] = true
	}
	return nil
}

// length returns the number of elements of a slice that Array.Data may be, or
// -1 for anything else.
func length(data any) int {
	switch d := data.(type) {
	case []bool:
		return len(d)
	case []int8:
		return len(d)
	case []uint8:
		return len(d)
	case []int16:
		return len(d)
	case []uint16:
		return len(d)
	case []int32:
		return len(d)
	case []uint32:
		return len(d)
	case []int64:
		return len(d)
	case []uint64:
		return len(d)
	case []float32:
		return len(d)
	case []float64:
		return len(d)
	case []string:
		return len(d)
	}
	return -1
}

// at returns element i of a slice.
func at(data any, i int) any { return reflect.ValueOf(data).Index(i).Interface() }

// number returns a number or boolean as float64.
func number(v any) (f float64, ok bool) {
	switch r := reflect.ValueOf(v); {
	case r.CanInt():
		return float64(r.Int()), true
	case r.CanUint():
		return float64(r.Uint()), true
	case r.CanFloat():
		return r.Float(), true
	case r.Kind() == reflect.Bool && r.Bool():
		return 1, true
	case r.Kind() == reflect.Bool:
		return 0, true
	}
	return 0, false
}
