package visium

import (
	"context"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// Spatial is what Space Ranger's folder spatial says of a slide: where the
// array's spots lie, and the pictures. Slides whose counts come in another
// form, as in many published collections, often still have it.
type Spatial struct {
	Spots         []Spot // in the order of the file
	InTissue      []bool // of each spot
	Scale         slide.ScaleFactors
	Hires, Lowres *slide.Image // nil where there is none
	Sources       []slide.Source
}

// HasPositions tells whether a folder holds a file of positions under one of
// its usual names.
func HasPositions(dir string) bool {
	l, err := list(dir)
	if err != nil {
		return false
	}
	path, err := l.find(positionStems...)
	return err == nil && path != ""
}

// HasPictures tells whether a folder holds a hires or a lowres picture under
// one of its usual names.
func HasPictures(dir string) bool {
	l, err := list(dir)
	lay := new(layout)
	return err == nil && lay.pictures(l) == nil && (lay.hires != "" || lay.lowres != "")
}

// locateSpatial finds the files of a folder spatial.
func locateSpatial(dir string) (*layout, error) {
	l, err := list(dir)
	if err != nil {
		return nil, err
	}
	lay := new(layout)
	if lay.positions, err = l.find(positionStems...); err != nil {
		return nil, err
	}
	if lay.positions == "" {
		return nil, format.Errorf(dir, "", "holds no positions (tissue_positions.csv or tissue_positions_list.csv); found %v", l)
	}
	return lay, lay.pictures(l)
}

// ReadSpatial reads a folder spatial as [Read] does, without counts. Of the
// options only NoImages counts.
func ReadSpatial(ctx context.Context, dir string, o Options) (*Spatial, error) {
	lay, err := locateSpatial(dir)
	if err != nil {
		return nil, err
	}
	r := &reader{opts: o}
	places, err := r.places(lay.positions)
	if err != nil {
		return nil, err
	}
	var s slide.Slide
	if err := r.pictures(ctx, &s, lay); err != nil {
		return nil, err
	}
	out := &Spatial{Scale: s.Scale, Hires: s.Hires, Lowres: s.Lowres, Sources: r.sources}
	for _, p := range places {
		out.Spots = append(out.Spots, Spot{Barcode: p.barcode, ArrayRow: p.row, ArrayCol: p.col, X: p.x, Y: p.y})
		out.InTissue = append(out.InTissue, p.inTissue)
	}
	return out, nil
}

// SpatialSources returns the files that ReadSpatial would read, with their
// sizes and digests.
func SpatialSources(dir string, o Options) ([]slide.Source, error) {
	lay, err := locateSpatial(dir)
	if err != nil {
		return nil, err
	}
	return lay.sources(o)
}

// places reads a file of positions, CSV or Parquet.
func (r *reader) places(path string) ([]position, error) {
	data, src, err := rawfile.Content(path)
	if err != nil {
		return nil, err
	}
	r.sources = append(r.sources, src)
	if strings.HasSuffix(path, ".parquet") {
		return parseParquet(path, data)
	}
	return parsePositions(path, data)
}
