package visium

import (
	"context"
	"path/filepath"

	"github.com/spatialgo/spatialgo/spared/internal/counts"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
)

// matrixFiles are the three files of a counts folder.
type matrixFiles struct{ matrix, barcodes, features string }

// readMTX reads counts as Matrix Market text with its two tables of names.
func (r *reader) readMTX(ctx context.Context, f matrixFiles) (*matrix, error) {
	data, err := r.content(f.barcodes)
	if err != nil {
		return nil, err
	}
	m := &matrix{path: f.matrix}
	if m.barcodes, err = parseBarcodes(f.barcodes, data); err != nil {
		return nil, err
	}
	if data, err = r.content(f.features); err != nil {
		return nil, err
	}
	if m.genes, err = parseFeatures(f.features, data); err != nil {
		return nil, err
	}
	in, err := rawfile.Open(f.matrix)
	if err != nil {
		return nil, err
	}
	text := counts.MTX{Path: f.matrix, R: in.Reader, Size: in.Size, Genes: len(m.genes), Spots: len(m.barcodes), Normalised: r.opts.Normalised,
		Tables: filepath.Base(f.features) + " and " + filepath.Base(f.barcodes)}
	if m.counts, err = text.Read(ctx); err != nil {
		in.Abandon()
		return nil, err
	}
	return m, r.done(in)
}
