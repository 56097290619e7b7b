package visium

import (
	"io"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// Name returns the name that Read gives the slide in a folder: the folder's
// own, or its parent's where the folder is called outs.
func Name(dir string) string { return slideName(dir, "") }

// Sources returns the files that Read would read, with their sizes and
// digests, without looking at what is in them. It tells whether a slide has
// changed in a fraction of the time that Read takes.
func Sources(dir string, o Options) ([]slide.Source, error) {
	lay, err := locate(dir, o.Raw)
	if err != nil {
		return nil, err
	}
	paths := []string{lay.h5, lay.mtx.matrix, lay.mtx.barcodes, lay.mtx.features, lay.positions, lay.scale}
	if !o.NoImages {
		paths = append(paths, lay.hires, lay.lowres)
	}
	var sources []slide.Source
	for _, p := range paths {
		if p == "" {
			continue
		}
		src, err := hashed(p)
		if err != nil {
			return nil, err
		}
		sources = append(sources, src)
	}
	return sources, nil
}

// hashed reads a file for its digest only.
func hashed(path string) (slide.Source, error) {
	in, err := open(path)
	if err != nil {
		return slide.Source{}, err
	}
	if _, err := io.Copy(io.Discard, in.raw); err != nil {
		in.file.Close()
		return slide.Source{}, in.fail(err)
	}
	return in.close()
}
