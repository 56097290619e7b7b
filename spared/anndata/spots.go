package anndata

import (
	"math"
	"strconv"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// place fills where each spot of the rows (nil = all) lies: in pixels, on the
// array, under tissue.
func (f *file) place(s *slide.Slide, rows []int) error {
	n := f.spots
	x, y, err := f.coordinates(n)
	if err != nil {
		return err
	}
	s.X, s.Y = pick(x, rows), pick(y, rows)
	for i := range s.X {
		if !finite(s.X[i]) || !finite(s.Y[i]) {
			return f.errorf("obsm/spatial", "spot %q lies at (%v, %v), want numbers", s.Barcodes[i], s.X[i], s.Y[i])
		}
	}
	if s.ArrayRow, err = f.array("array_row", rows, n); err != nil {
		return err
	}
	if s.ArrayCol, err = f.array("array_col", rows, n); err != nil {
		return err
	}
	s.InTissue, err = f.inTissue(rows, n)
	return err
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// coordinates reads the places of all n spots: obsm/spatial (squidpy, scanpy)
// or X_spatial (older files), else columns of obs.
func (f *file) coordinates(n int) (x, y []float64, err error) {
	for _, key := range []string{"obsm/spatial", "obsm/X_spatial"} {
		if f.Exists(key) {
			return f.matrixOfPlaces(key, n)
		}
	}
	for _, pair := range [][2]string{
		{"pxl_col_in_fullres", "pxl_row_in_fullres"}, {"imagecol", "imagerow"}, {"pixel_x", "pixel_y"}, {"x", "y"}, {"X", "Y"},
	} {
		cx, err := f.column(pair[0])
		if err != nil {
			return nil, nil, err
		}
		cy, err := f.column(pair[1])
		if err != nil {
			return nil, nil, err
		}
		if cx != nil && cy != nil {
			return f.pair("obs/"+pair[0], cx, cy)
		}
	}
	return nil, nil, f.errorf("obsm/spatial", "is not there, and obs has no columns of places: the file holds no spatial data")
}

// matrixOfPlaces reads an array or table of two or more columns, of which the
// first are x and y.
func (f *file) matrixOfPlaces(key string, n int) (x, y []float64, err error) {
	if f.IsGroup(key) {
		v, err := h5ad.ReadElem(f.Path(), key)
		if err != nil {
			return nil, nil, err
		}
		t, ok := v.(*h5ad.Frame)
		if !ok || len(t.Columns) < 2 || len(t.Index) != n {
			return nil, nil, f.errorf(key, "is no table of %d spots with two columns, x and y", n)
		}
		return f.pair(key, &t.Columns[0], &t.Columns[1])
	}
	data, shape, err := hdf5x.Read[float64](f.File, key)
	if err != nil {
		return nil, nil, err
	}
	if len(shape) != 2 || shape[0] != n || shape[1] < 2 {
		return nil, nil, f.errorf(key, "has the shape %v, want %d spots with x and y", shape, n)
	}
	x, y = make([]float64, n), make([]float64, n)
	for i := range n {
		x[i], y[i] = data[i*shape[1]], data[i*shape[1]+1]
	}
	return x, y, nil
}

func (f *file) pair(key string, cx, cy *h5ad.Column) (x, y []float64, err error) {
	if x, err = numbers(cx); err == nil {
		y, err = numbers(cy)
	}
	if err != nil {
		return nil, nil, f.errorf(key, "%w", err)
	}
	if len(x) != len(y) {
		return nil, nil, f.errorf(key, "has %d values of x but %d of y", len(x), len(y))
	}
	return x, y, nil
}

// numbers reads a column of numbers, also where they are written as text, NaN
// where missing.
func numbers(c *h5ad.Column) ([]float64, error) {
	if v, err := c.Float64s(); err == nil {
		return v, nil
	}
	out := make([]float64, c.Len())
	for i, s := range c.Strings() {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// array reads a coordinate on the instrument's grid; zeros where the file has
// none.
func (f *file) array(name string, rows []int, n int) ([]int, error) {
	out := make([]int, n)
	c, err := f.column(name)
	if err != nil {
		return nil, err
	}
	if c != nil {
		v, err := numbers(c)
		if err != nil || len(v) != n {
			return nil, f.errorf("obs/"+name, "want %d whole numbers", n)
		}
		for i := range v {
			if v[i] != math.Trunc(v[i]) || math.Abs(v[i]) > math.MaxInt32 {
				return nil, f.errorf("obs/"+name, "row %d is %v, want a whole number", i, v[i])
			}
			out[i] = int(v[i])
		}
	}
	return pick(out, rows), nil
}

// inTissue reads the column of that name; without one all spots are.
func (f *file) inTissue(rows []int, n int) ([]bool, error) {
	out := make([]bool, n)
	for i := range out {
		out[i] = true
	}
	c, err := f.column("in_tissue")
	if err != nil {
		return nil, err
	}
	if c == nil {
		return pick(out, rows), nil
	}
	values := c.Strings()
	if len(values) != n {
		return nil, f.errorf("obs/in_tissue", "has %d values for %d spots", len(values), n)
	}
	for i, v := range values {
		switch v {
		case "1", "True", "true", "TRUE", "1.0":
		case "0", "False", "false", "FALSE", "0.0":
			out[i] = false
		default:
			return nil, f.errorf("obs/in_tissue", "row %d is %q, want 0 or 1", i, v)
		}
	}
	return pick(out, rows), nil
}
