package visium

import (
	"context"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/counts"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// h5Counts reads one group of counts from an HDF5 file. Both layouts of 10x
// Genomics hold features x barcodes by compressed columns, which read the
// other way round are spots x genes by compressed rows.
type h5Counts struct {
	*hdf5x.File
	path  string
	group string
	check func(float64) (float32, string) // of the values
}

// readH5 reads counts as HDF5: /matrix with its features (Cell Ranger 3, all
// of Space Ranger) or one group per genome (Cell Ranger 2).
func (r *reader) readH5(ctx context.Context, path string) (m *matrix, err error) {
	if err := r.digest(path); err != nil {
		return nil, err
	}
	f, err := hdf5x.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			m, err = nil, format.Errorf(path, "", "%w", cerr)
		}
	}()
	h := h5Counts{File: f, path: path, group: "matrix", check: counts.Check(r.opts.Normalised)}
	m = &matrix{path: path, chemistry: h.chemistry()}
	if f.IsGroup(h.group) {
		m.genes, err = h.features()
	} else if h.group, err = h.genomeGroup(r.opts.Genome); err == nil {
		m.genes, err = h.genesOf(h.group)
	}
	if err != nil {
		return nil, err
	}
	if m.barcodes, err = h.barcodes(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.counts, err = h.counts(len(m.barcodes), len(m.genes))
	return m, err
}

// chemistry returns the assay's name, which not all versions write.
func (h h5Counts) chemistry() string {
	v, err := h.Attr("/", "chemistry_description")
	if err != nil {
		return ""
	}
	switch c := v.(type) {
	case string:
		return c
	case []string:
		return strings.Join(c, ", ")
	}
	return ""
}

// genomeGroup picks the group of a file without /matrix.
func (h h5Counts) genomeGroup(genome string) (string, error) {
	children, err := h.Children("/")
	if err != nil {
		return "", err
	}
	var genomes []string
	for _, c := range children {
		if h.Exists(c + "/genes") {
			genomes = append(genomes, c)
		}
	}
	switch {
	case len(genomes) == 0:
		return "", format.Errorf(h.path, "matrix", "is not there; want the counts of Space Ranger; the file holds %s", strings.Join(children, ", "))
	case slices.Contains(genomes, genome):
		return genome, nil
	case genome != "":
		return "", format.Errorf(h.path, "", "holds no genome %q; it has %s", genome, strings.Join(genomes, ", "))
	case len(genomes) > 1:
		return "", format.Errorf(h.path, "", "holds counts for several genomes: %s; choose one (Options.Genome)", strings.Join(genomes, ", "))
	}
	return genomes[0], nil
}

func (h h5Counts) key(name string) string { return h.group + "/" + name }

// column reads a one-dimensional dataset of strings of length n; n < 0 stands
// for any.
func (h h5Counts) column(name string, n int) ([]string, error) {
	data, shape, err := hdf5x.Read[string](h.File, h.key(name))
	if err != nil {
		return nil, err
	}
	if len(shape) != 1 || n >= 0 && len(data) != n {
		return nil, format.Errorf(h.path, h.key(name), "has the shape %v, want [%d]", shape, max(n, 0))
	}
	for i, s := range data {
		if !utf8.ValidString(s) {
			return nil, format.Errorf(h.path, h.key(name), "entry %d, %q, is not UTF-8 text", i, s)
		}
	}
	return data, nil
}

// features reads the genes of a /matrix group.
func (h h5Counts) features() ([]slide.Gene, error) {
	ids, err := h.column("features/id", -1)
	if err != nil {
		return nil, err
	}
	genes, err := h.named(ids, "features/id", "features/name")
	if err != nil {
		return nil, err
	}
	types, err := h.column("features/feature_type", len(ids))
	if err != nil {
		return nil, err
	}
	var genomes []string
	if h.Exists(h.key("features/genome")) {
		if genomes, err = h.column("features/genome", len(ids)); err != nil {
			return nil, err
		}
	}
	for i := range genes {
		genes[i].Feature = types[i]
		if genomes != nil {
			genes[i].Genome = genomes[i]
		}
	}
	return genes, nil
}

// genesOf reads the genes of a genome's group.
func (h h5Counts) genesOf(genome string) ([]slide.Gene, error) {
	ids, err := h.column("genes", -1)
	if err != nil {
		return nil, err
	}
	genes, err := h.named(ids, "genes", "gene_names")
	for i := range genes {
		genes[i].Feature, genes[i].Genome = geneExpression, genome
	}
	return genes, err
}

// named joins ids, none of which may be empty, to their symbols.
func (h h5Counts) named(ids []string, idKey, symbolKey string) ([]slide.Gene, error) {
	symbols, err := h.column(symbolKey, len(ids))
	if err != nil {
		return nil, err
	}
	genes := make([]slide.Gene, len(ids))
	for i, id := range ids {
		if id == "" {
			return nil, format.Errorf(h.path, h.key(idKey), "entry %d is empty, want a gene id", i)
		}
		genes[i] = slide.Gene{ID: id, Symbol: symbols[i]}
	}
	return genes, nil
}

func (h h5Counts) barcodes() ([]string, error) {
	barcodes, err := h.column("barcodes", -1)
	if err != nil {
		return nil, err
	}
	if i, msg := checkBarcodes(barcodes); msg != "" {
		return nil, format.Errorf(h.path, h.key("barcodes"), "entry %d: %s", i, msg)
	}
	return barcodes, nil
}

// counts reads the matrix and checks every part of it.
func (h h5Counts) counts(spots, genes int) (*sparse.CSR, error) {
	if err := h.checkShape(spots, genes); err != nil {
		return nil, err
	}
	indptr, _, err := hdf5x.Read[int64](h.File, h.key("indptr"))
	if err != nil {
		return nil, err
	}
	indices, _, err := hdf5x.Read[int32](h.File, h.key("indices"))
	if err != nil {
		return nil, err
	}
	data, err := h.values()
	if err != nil {
		return nil, err
	}
	if err := h.checkOffsets(indptr, spots, len(indices), len(data)); err != nil {
		return nil, err
	}
	for k, g := range indices {
		if g < 0 || int(g) >= genes {
			return nil, format.Errorf(h.path, h.key("indices"), "entry %d is %d, want 0 to %d", k, g, genes-1)
		}
	}
	m := &sparse.CSR{Rows: spots, Cols: genes, IndPtr: indptr, Indices: indices, Data: data}
	if err := counts.Tidy(m); err != nil {
		return nil, format.Errorf(h.path, h.key("indices"), "%w", err)
	}
	return m, nil
}

// checkShape compares the declared shape, features x barcodes, with the names.
func (h h5Counts) checkShape(spots, genes int) error {
	shape, _, err := hdf5x.Read[int64](h.File, h.key("shape"))
	if err != nil {
		return err
	}
	if len(shape) != 2 || shape[0] != int64(genes) || shape[1] != int64(spots) {
		return format.Errorf(h.path, h.key("shape"), "is %v, but there are %d features and %d barcodes", shape, genes, spots)
	}
	return nil
}

// values reads the counts, straight into the type that they are kept in. All
// whole numbers below counts.Max come through unchanged; what else there is,
// is read again as it stands in the file, for the error or the exact value.
func (h h5Counts) values() ([]float32, error) {
	key := h.key("data")
	data, _, err := hdf5x.Read[float32](h.File, key)
	if err != nil {
		return nil, err
	}
	for _, v := range data {
		if !(v >= 0 && v < counts.Max) || v != float32(int32(v)) {
			return h.exactly(key, data)
		}
	}
	return data, nil
}

// exactly fills data with the values by way of float64, each checked.
func (h h5Counts) exactly(key string, data []float32) ([]float32, error) {
	raw, _, err := hdf5x.Read[float64](h.File, key)
	if err != nil {
		return nil, err
	}
	for k, v := range raw {
		c, msg := h.check(v)
		if msg != "" {
			return nil, format.Errorf(h.path, key, "entry %d is %v: %s", k, v, msg)
		}
		data[k] = c
	}
	return data, nil
}

// checkOffsets checks that the offsets divide all values among the spots.
func (h h5Counts) checkOffsets(indptr []int64, spots, indices, values int) error {
	key := h.key("indptr")
	switch {
	case indices != values:
		return format.Errorf(h.path, h.key("indices"), "has %d entries, but %s has %d", indices, h.key("data"), values)
	case values > math.MaxInt32:
		return format.Errorf(h.path, h.key("data"), "has %d entries, more than the %d that can be read", values, math.MaxInt32)
	case len(indptr) != spots+1:
		return format.Errorf(h.path, key, "has %d entries for %d barcodes, want %d", len(indptr), spots, spots+1)
	case indptr[0] != 0 || indptr[spots] != int64(values):
		return format.Errorf(h.path, key, "runs from %d to %d, want 0 to %d", indptr[0], indptr[spots], values)
	}
	for i := range spots {
		if indptr[i] > indptr[i+1] {
			return format.Errorf(h.path, key, "falls from %d to %d at entry %d", indptr[i], indptr[i+1], i+1)
		}
	}
	return nil
}
