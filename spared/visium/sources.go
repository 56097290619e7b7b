package visium

import (
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// Name returns the name that Read gives the slide in a folder: the folder's
// own, or its parent's where the folder is called outs.
func Name(dir string) string { return slideName(dir, "") }

// Sources returns the files that Read would read, with their sizes and
// digests, without looking at what is in them. It tells whether a slide has
// changed in a fraction of the time that Read takes.
func Sources(dir string, o Options) ([]slide.Source, error) {
	_, lay, err := o.locate(dir)
	if err != nil {
		return nil, err
	}
	return lay.sources(o)
}

// sources reads all files of a slide for their digests.
func (lay *layout) sources(o Options) ([]slide.Source, error) {
	paths := []string{lay.h5, lay.mtx.matrix, lay.mtx.barcodes, lay.mtx.features, lay.positions, lay.scale, lay.preview}
	if !o.NoImages {
		paths = append(paths, lay.hires, lay.lowres)
	}
	var sources []slide.Source
	for _, p := range paths {
		if p == "" {
			continue
		}
		src, err := o.Digests.Of(p, rawfile.Hashed)
		if err != nil {
			return nil, err
		}
		sources = append(sources, src)
	}
	return sources, nil
}
