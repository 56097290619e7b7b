package visium

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/internal/counts"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// WriteOptions are the parts of a Space Ranger folder that a slide does not
// hold. The zero value is fine.
type WriteOptions struct {
	// OffTissue are the array's spots without tissue. They are listed in
	// tissue_positions.csv with in_tissue = 0 and have no counts.
	OffTissue []Spot
	// Software is the attribute software_version of the counts file; "" leaves
	// it out.
	Software string
	// BinMicrons writes the slide as bins of a Visium HD slide, squares with
	// this side in µm, 1 to 1000. 0 writes it as spots.
	BinMicrons int
}

// Spot is a place on the instrument's array.
type Spot struct {
	Barcode            string
	ArrayRow, ArrayCol int
	X, Y               float64 // centre in full-resolution pixels
}

// Write writes a slide as a Space Ranger 2 outs folder, which [Read] and scanpy
// read:
//
//	filtered_feature_bc_matrix.h5       counts of the spots under tissue
//	raw_feature_bc_matrix.h5            counts of all spots, where some of the slide's are off tissue
//	spatial/tissue_positions.csv        all spots, with o.OffTissue, by array row and column
//	spatial/scalefactors_json.json      the factors that are not 0
//	spatial/tissue_hires_image.png      where the slide has the picture
//	spatial/tissue_lowres_image.png     where the slide has the picture
//
// With o.BinMicrons the same files go to binned_outputs/square_008um (for 8 µm)
// as in the outs folder of Space Ranger 3 for Visium HD. The positions are then
// spatial/tissue_positions.parquet, and the factors name bin_size_um and
// microns_per_pixel, which is made from the spot diameter where the slide has
// none. Several calls with different bins make one slide.
//
// The folder is made where it is missing; files of these names in it are
// replaced. The filtered counts are written last, so that a folder whose
// writing was cut short does not pass for a slide. The same slide gives the
// same bytes. Write stops with ctx's error when ctx ends.
func Write(ctx context.Context, dir string, s *slide.Slide, o WriteOptions) error {
	w, err := newWriter(dir, s, o)
	if err != nil {
		return err
	}
	steps := []func() error{w.clear, w.positions, w.scaleFactors, w.pictures, w.rawCounts, w.filteredCounts}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(); err != nil {
			return fmt.Errorf("visium: write slide %s: %w", s.Name, err)
		}
	}
	return nil
}

type writer struct {
	dir, spatial string
	s            *slide.Slide
	opts         WriteOptions
	inTissue     []int // spots of s
}

// newWriter checks what is to be written.
func newWriter(dir string, s *slide.Slide, o WriteOptions) (*writer, error) {
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("visium: %w", err)
	}
	barcodes := slices.Clone(s.Barcodes)
	for _, b := range o.OffTissue {
		barcodes = append(barcodes, b.Barcode)
	}
	if i, msg := checkBarcodes(barcodes); msg != "" {
		return nil, fmt.Errorf("visium: slide %s, spot %d: %s", s.Name, i, msg)
	}
	for k, v := range s.Counts.Data {
		if _, msg := counts.Whole(float64(v)); msg != "" {
			return nil, fmt.Errorf("visium: slide %s, stored value %d is %v: %s", s.Name, k, v, msg)
		}
	}
	if o.BinMicrons < 0 || o.BinMicrons > 1000 {
		return nil, fmt.Errorf("visium: slide %s: bins of %d µm, want 1 to 1000, or 0 for spots", s.Name, o.BinMicrons)
	}
	if o.BinMicrons > 0 {
		dir = filepath.Join(dir, binnedOutputs, fmt.Sprintf("square_%03dum", o.BinMicrons))
	}
	w := &writer{dir: dir, spatial: filepath.Join(dir, "spatial"), s: s, opts: o}
	for i, in := range s.InTissue {
		if in {
			w.inTissue = append(w.inTissue, i)
		}
	}
	return w, nil
}

// clear makes the folders and takes away what would be mixed up with the new
// files.
func (w *writer) clear() error {
	if err := os.MkdirAll(w.spatial, 0o777); err != nil {
		return err
	}
	old := []string{filtered + ".h5", rawCount + ".h5",
		"spatial/tissue_positions.csv", "spatial/" + parquetName, "spatial/scalefactors_json.json",
		"spatial/tissue_hires_image.png", "spatial/tissue_lowres_image.png"}
	for _, name := range old {
		if err := os.Remove(filepath.Join(w.dir, filepath.FromSlash(name))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// positions writes the table of all spots.
func (w *writer) positions() error {
	spots := make([]position, 0, len(w.s.Barcodes)+len(w.opts.OffTissue))
	for i, b := range w.s.Barcodes {
		spots = append(spots, position{barcode: b, inTissue: w.s.InTissue[i],
			row: w.s.ArrayRow[i], col: w.s.ArrayCol[i], x: w.s.X[i], y: w.s.Y[i]})
	}
	for _, s := range w.opts.OffTissue {
		spots = append(spots, position{barcode: s.Barcode, row: s.ArrayRow, col: s.ArrayCol, x: s.X, y: s.Y})
	}
	slices.SortStableFunc(spots, func(a, b position) int {
		return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.col, b.col))
	})
	for _, p := range spots {
		if math.IsNaN(p.x+p.y) || math.IsInf(p.x+p.y, 0) {
			return fmt.Errorf("spot %s lies at (%v, %v)", p.barcode, p.x, p.y)
		}
	}
	encode, name := positionsCSV, "tissue_positions.csv"
	if w.opts.BinMicrons > 0 {
		encode, name = positionsParquet, parquetName
	}
	data, err := encode(spots)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.spatial, name), data, 0o666)
}

// positionsCSV is a table with a header, as Space Ranger 2 writes it.
func positionsCSV(spots []position) ([]byte, error) {
	var buf bytes.Buffer
	rows := [][]string{positionCols[:]}
	for _, p := range spots {
		rows = append(rows, p.cells())
	}
	err := csv.NewWriter(&buf).WriteAll(rows)
	return buf.Bytes(), err
}

// binRow is a row of tissue_positions.parquet.
type binRow struct {
	Barcode  string  `parquet:"barcode,snappy,plain"`
	InTissue int64   `parquet:"in_tissue,snappy,dict"`
	ArrayRow int64   `parquet:"array_row,snappy,dict"`
	ArrayCol int64   `parquet:"array_col,snappy,dict"`
	PixelRow float64 `parquet:"pxl_row_in_fullres,snappy,plain"`
	PixelCol float64 `parquet:"pxl_col_in_fullres,snappy,plain"`
}

// positionsParquet is the same table in Parquet.
func positionsParquet(spots []position) ([]byte, error) {
	var buf bytes.Buffer
	table := parquet.NewGenericWriter[binRow](&buf)
	for _, p := range spots {
		row := binRow{Barcode: p.barcode, ArrayRow: int64(p.row), ArrayCol: int64(p.col), PixelRow: p.y, PixelCol: p.x}
		if p.inTissue {
			row.InTissue = 1
		}
		if _, err := table.Write([]binRow{row}); err != nil {
			return nil, err
		}
	}
	err := table.Close()
	return buf.Bytes(), err
}

// cells gives a position in the order of positionCols, numbers in the
// shortest form that reads back the same.
func (p position) cells() []string {
	flag := "0"
	if p.inTissue {
		flag = "1"
	}
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	return []string{p.barcode, flag, strconv.Itoa(p.row), strconv.Itoa(p.col), number(p.y), number(p.x)}
}

func (w *writer) scaleFactors() error {
	factors := make(map[string]float64)
	for _, key := range []string{keySpot, keyFiducial, keyHires, keyLowres, keyMicrons} {
		if f := *factor(&w.s.Scale, key); f != 0 {
			factors[key] = f
		}
	}
	if bin := float64(w.opts.BinMicrons); bin > 0 {
		factors[keyBin] = bin
		if factors[keyMicrons] == 0 && w.s.Scale.SpotDiameter > 0 {
			factors[keyMicrons] = bin / w.s.Scale.SpotDiameter
		}
	}
	data, err := json.Marshal(factors) // keys sorted
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.spatial, "scalefactors_json.json"), data, 0o666)
}

func (w *writer) pictures() error {
	for _, p := range []struct {
		name string
		pic  *slide.Image
	}{{"tissue_hires_image.png", w.s.Hires}, {"tissue_lowres_image.png", w.s.Lowres}} {
		if p.pic == nil {
			continue
		}
		data, err := encodePNG(p.pic)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if err := os.WriteFile(filepath.Join(w.spatial, p.name), data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// encodePNG packs an RGB picture.
func encodePNG(pic *slide.Image) ([]byte, error) {
	if pic.Width <= 0 || pic.Height <= 0 || len(pic.Pix) != 3*pic.Width*pic.Height {
		return nil, fmt.Errorf("%d bytes for %d x %d pixels of 3", len(pic.Pix), pic.Width, pic.Height)
	}
	img := image.NewRGBA(image.Rect(0, 0, pic.Width, pic.Height))
	for i, j := 0, 0; j < len(img.Pix); i, j = i+3, j+4 {
		copy(img.Pix[j:j+3], pic.Pix[i:i+3])
		img.Pix[j+3] = 0xff
	}
	var buf bytes.Buffer
	fast := png.Encoder{CompressionLevel: png.BestSpeed} // half the work, a tenth more bytes
	err := fast.Encode(&buf, img)
	return buf.Bytes(), err
}

// rawCounts writes the counts of all spots where some are off tissue.
func (w *writer) rawCounts() error {
	if len(w.inTissue) == len(w.s.Barcodes) {
		return nil
	}
	return w.counts(rawCount+".h5", w.s.Barcodes, w.s.Counts)
}

// filteredCounts writes the counts of the spots under tissue.
func (w *writer) filteredCounts() error {
	if len(w.inTissue) == len(w.s.Barcodes) {
		return w.counts(filtered+".h5", w.s.Barcodes, w.s.Counts)
	}
	barcodes := make([]string, len(w.inTissue))
	for k, i := range w.inTissue {
		barcodes[k] = w.s.Barcodes[i]
	}
	return w.counts(filtered+".h5", barcodes, w.s.Counts.Select(w.inTissue, nil))
}

// counts writes one file of counts.
func (w *writer) counts(name string, barcodes []string, m *sparse.CSR) (err error) {
	f, err := hdf5x.Create(filepath.Join(w.dir, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := w.attributes(f); err != nil {
		return err
	}
	if err := w.features(f); err != nil {
		return err
	}
	if err := hdf5x.Write(f, "matrix/barcodes", barcodes, nil, asTable()); err != nil {
		return err
	}
	return writeMatrix(f, m)
}

// asTable and asValues store names and numbers with the filters and chunks
// that Space Ranger uses.
func asTable() hdf5x.WriteOptions { return hdf5x.WriteOptions{Gzip: 4, FixedString: true} }
func asValues() hdf5x.WriteOptions {
	return hdf5x.WriteOptions{Gzip: 4, Shuffle: true, Chunk: []int{80000}}
}

// attributes writes what Space Ranger says about the file.
func (w *writer) attributes(f *hdf5x.File) error {
	for _, a := range []struct {
		name  string
		value any
	}{
		{"chemistry_description", w.s.Chemistry},
		{"filetype", "matrix"},
		{"library_ids", hdf5x.Fixed{w.s.Name}}, // scanpy and squidpy key the slide by it
		{"original_gem_groups", []int64{1}},
		{"software_version", w.opts.Software},
		{"version", int64(2)},
	} {
		if a.value == "" {
			continue
		}
		if err := f.SetAttr("/", a.name, a.value); err != nil {
			return err
		}
	}
	return nil
}

// features writes the table of genes.
func (w *writer) features(f *hdf5x.File) error {
	for _, column := range []struct {
		name string
		of   func(g slide.Gene) string
	}{
		{"id", func(g slide.Gene) string { return g.ID }},
		{"name", func(g slide.Gene) string { return g.Symbol }},
		{"feature_type", func(g slide.Gene) string { return g.Feature }},
		{"genome", func(g slide.Gene) string { return g.Genome }},
	} {
		text := make([]string, len(w.s.Genes))
		for j, g := range w.s.Genes {
			text[j] = column.of(g)
		}
		if err := hdf5x.Write(f, "matrix/features/"+column.name, text, nil, asTable()); err != nil {
			return err
		}
	}
	return hdf5x.Write(f, "matrix/features/_all_tag_keys", []string{"genome"}, nil, hdf5x.WriteOptions{FixedString: true})
}

// writeMatrix writes the counts as features x barcodes by compressed columns,
// which are the rows of m.
func writeMatrix(f *hdf5x.File, m *sparse.CSR) error {
	counts := make([]int32, len(m.Data))
	for k, v := range m.Data {
		counts[k] = int32(v)
	}
	indices := make([]int64, len(m.Indices))
	for k, j := range m.Indices {
		indices[k] = int64(j)
	}
	if err := hdf5x.Write(f, "matrix/data", counts, nil, asValues()); err != nil {
		return err
	}
	if err := hdf5x.Write(f, "matrix/indices", indices, nil, asValues()); err != nil {
		return err
	}
	if err := hdf5x.Write(f, "matrix/indptr", m.IndPtr, nil, asValues()); err != nil {
		return err
	}
	return hdf5x.Write(f, "matrix/shape", []int32{int32(m.Cols), int32(m.Rows)}, nil, asValues())
}
