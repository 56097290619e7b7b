package visium

import (
	"context"
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// Options says what to read of a Space Ranger folder. The zero value reads
// the filtered counts of all genes with positions and pictures.
type Options struct {
	Name        string         // slide name; "" = the folder's name, or its parent's where it is called outs
	Raw         bool           // read raw_feature_bc_matrix, where it is there, instead of the filtered counts
	OffTissue   bool           // keep spots with in_tissue = 0 (which only the raw counts have)
	AllFeatures bool           // keep antibodies, guide RNAs etc. beside the genes
	Genome      string         // keep genes of this genome only, without its name before their ids ("hg19_"); "" = all, as they are
	BinMicrons  int            // side of the bins of a Visium HD slide, µm; 0 = 8, else 16, else the largest
	Normalised  bool           // the values are not counts but were normalised: they need not be whole
	NoImages    bool           // leave the hires and lowres pictures unread, and make none from the full-resolution one
	Digests     *slide.Digests // what is known of files from other slides; nil = nothing
	FullRes     string         // path of the full-resolution picture; "" = as found in or beside the folder
}

// Read reads one slide from a Space Ranger outs folder, of any version from 1
// to 4: counts, genes, positions, scale factors, hires and lowres pictures,
// and the size of the full-resolution picture. Where there is only the latter,
// the smaller ones are made from it (picture.Preview). See the package
// documentation for the files that it looks for.
//
// Counts are [spots][genes] in the matrix file's order of barcodes and genes;
// X and Y are pxl_col_in_fullres and pxl_row_in_fullres. Each file read is
// listed in Sources with the SHA-256 of its bytes, but for a full-resolution
// picture of which only the header is read, as no smaller one is made from it.
//
// What is wrong with the folder is reported as a *format.Error that names the
// file and the key or line. Read stops with ctx's error when ctx ends. Memory
// is bounded by a small multiple of the files' sizes plus 64 million pixels a
// picture.
func Read(ctx context.Context, dir string, o Options) (*slide.Slide, error) {
	name := slideName(dir, o.Name)
	dir, lay, err := o.locate(dir)
	if err != nil {
		return nil, err
	}
	r := &reader{opts: o}
	m, err := r.counts(ctx, lay)
	if err != nil {
		return nil, err
	}
	if err := m.keepFeatures(o); err != nil {
		return nil, err
	}
	s := &slide.Slide{Name: name, SourceFormat: lay.sourceFormat(dir), Chemistry: m.chemistry,
		Genes: m.genes, Organism: organism(m.genes)}
	if err := r.positions(s, m, lay); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := r.pictures(ctx, s, lay); err != nil {
		return nil, err
	}
	if err := r.fullRes(ctx, s, lay); err != nil {
		return nil, err
	}
	s.Sources = r.sources
	if err := s.Check(); err != nil {
		return nil, format.Errorf(dir, "", "%w", err)
	}
	return s, nil
}

// slideName is the given name or the folder's, passing by the folder names
// that say nothing about the slide.
func slideName(dir, given string) string {
	if given != "" {
		return given
	}
	dir = absolute(dir)
	for base := filepath.Base(dir); saysNothing(base); base = filepath.Base(dir) {
		dir = filepath.Dir(dir)
	}
	return filepath.Base(dir)
}

func saysNothing(base string) bool {
	switch base {
	case "outs", filtered, rawCount, binnedOutputs:
		return true
	}
	return binMicrons(base) > 0
}

// locate finds the parts of the slide to read, and the folder they are in.
func (o Options) locate(dir string) (string, *layout, error) {
	dir, err := binFolder(dir, o.BinMicrons)
	if err != nil {
		return "", nil, err
	}
	lay, err := locate(dir, o.Raw)
	if err != nil {
		return dir, nil, err
	}
	if err := lay.outerPictures(dir); err != nil {
		return dir, nil, err
	}
	if lay.fullRes = o.FullRes; lay.fullRes == "" {
		lay.fullRes = findFullRes(outsOf(dir))
	}
	if !o.NoImages && lay.hires == "" && lay.lowres == "" && rawfile.IsPicture(lay.fullRes) {
		lay.preview = lay.fullRes
	}
	return dir, lay, nil
}

// reader reads the files of one slide and remembers them.
type reader struct {
	opts    Options
	sources []slide.Source
}

// content reads a whole file.
func (r *reader) content(path string) ([]byte, error) {
	data, src, err := rawfile.Content(path)
	if err != nil {
		return nil, err
	}
	r.sources = append(r.sources, src)
	return data, nil
}

// done ends the reading of a file.
func (r *reader) done(in *rawfile.File) error {
	src, err := in.Close()
	if err == nil {
		r.sources = append(r.sources, src)
	}
	return err
}

// digest remembers a file that is read by other means.
func (r *reader) digest(path string) error {
	src, err := r.opts.Digests.Of(path, rawfile.Hashed)
	if err == nil {
		r.sources = append(r.sources, src)
	}
	return err
}

// matrix is the counts with their names, before they are joined to places.
type matrix struct {
	path      string
	barcodes  []string
	genes     []slide.Gene
	counts    *sparse.CSR // [barcodes][genes]
	chemistry string
}

// counts reads the count matrix.
func (r *reader) counts(ctx context.Context, lay *layout) (m *matrix, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if lay.h5 != "" {
		m, err = r.readH5(ctx, lay.h5)
	} else {
		m, err = r.readMTX(ctx, lay.mtx)
	}
	if err != nil {
		return nil, err
	}
	if len(m.barcodes) == 0 {
		return nil, format.Errorf(m.path, "", "holds no spots; did the run of Space Ranger succeed?")
	}
	return m, nil
}

// keepFeatures drops the rows that are not genes, or not of the genome asked
// for.
func (m *matrix) keepFeatures(o Options) error {
	var keep []int
	types, genomes := make(map[string]int), make(map[string]int)
	for j, g := range m.genes {
		types[g.Feature]++
		genomes[genomeOf(g)]++
		if (o.AllFeatures || g.Feature == geneExpression) && (o.Genome == "" || genomeOf(g) == o.Genome) {
			keep = append(keep, j)
		}
	}
	switch {
	case len(keep) == len(m.genes) && len(keep) > 0 && o.Genome == "":
		return nil
	case len(keep) == 0 && o.Genome != "" && genomes[o.Genome] == 0:
		return format.Errorf(m.path, "", "holds no genes of genome %q; it has %s", o.Genome, tally(genomes))
	case len(keep) == 0:
		return format.Errorf(m.path, "", "holds no features of type %q; it has %s", geneExpression, tally(types))
	}
	genes := make([]slide.Gene, len(keep))
	for i, j := range keep {
		genes[i] = m.genes[j]
		if o.Genome != "" {
			genes[i].ID = strings.TrimPrefix(genes[i].ID, o.Genome+"_")
			genes[i].Symbol = strings.TrimPrefix(genes[i].Symbol, o.Genome+"_")
		}
	}
	m.genes, m.counts = genes, m.counts.Select(nil, keep)
	return nil
}

// genomeOf returns the genome that the file gives for a gene or, where it
// gives none, the one before its Ensembl id, as in "mm10_ENSMUSG00000051951".
// References of two species are made so, and text counts tell it no other way.
func genomeOf(g slide.Gene) string {
	if g.Genome != "" {
		return g.Genome
	}
	genome, id, ok := strings.Cut(g.ID, "_ENS")
	if !ok || genome == "DEPRECATED" || id == "" {
		return ""
	}
	return genome
}

// tally lists names with how often they came.
func tally(count map[string]int) string {
	if len(count) == 0 {
		return "none at all"
	}
	var parts []string
	for name, n := range count {
		parts = append(parts, fmt.Sprintf("%q (%d)", name, n))
	}
	sort.Strings(parts)
	return strings.Join(parts[:min(len(parts), 6)], ", ")
}

// positions reads the places of the spots and joins them to the counts.
func (r *reader) positions(s *slide.Slide, m *matrix, lay *layout) error {
	places, err := r.places(lay.positions)
	if err != nil {
		return err
	}
	at, err := join(m, places, lay.positions)
	if err != nil {
		return err
	}
	var rows []int
	for i, p := range at {
		if places[p].inTissue || r.opts.OffTissue {
			rows = append(rows, i)
		}
	}
	if len(rows) == 0 {
		return format.Errorf(lay.positions, "in_tissue", "none of the %d spots with counts is under tissue (in_tissue = 1); Options.OffTissue keeps them all the same", len(at))
	}
	s.Counts = m.counts
	if len(rows) < len(at) {
		s.Counts = m.counts.Select(rows, nil)
	}
	for _, i := range rows {
		p := places[at[i]]
		s.Barcodes = append(s.Barcodes, m.barcodes[i])
		s.InTissue = append(s.InTissue, p.inTissue)
		s.ArrayRow, s.ArrayCol = append(s.ArrayRow, p.row), append(s.ArrayCol, p.col)
		s.X, s.Y = append(s.X, p.x), append(s.Y, p.y)
	}
	return nil
}

// join returns the place of each barcode of the matrix, an index into places.
// Barcodes must be equal or, where one file writes the "-1" that Space Ranger
// appends and the other does not, equal but for that.
func join(m *matrix, places []position, path string) ([]int, error) {
	asWritten := func(b string) string { return b }
	at, lost := match(m.barcodes, places, asWritten)
	if len(lost) == 0 {
		return at, nil
	}
	bare := func(b string) string { return strings.TrimSuffix(b, "-1") }
	if at, lost := match(m.barcodes, places, bare); len(lost) == 0 {
		return at, nil
	}
	return nil, format.Errorf(path, "barcode", "%d of the %d barcodes of %s have no position, the first are %s; the file has barcodes such as %s; are both files of the same slide?",
		len(lost), len(at), m.path, strings.Join(lost[:min(len(lost), 3)], ", "), places[0].barcode)
}

// match looks up barcodes among places by a key made from both. It returns
// the barcodes that have no place, or no place of their own.
func match(barcodes []string, places []position, key func(string) string) (at []int, lost []string) {
	index := make(map[string]int, len(places))
	for i, p := range places {
		index[key(p.barcode)] = i
	}
	taken := make([]bool, len(places))
	at = make([]int, len(barcodes))
	for i, b := range barcodes {
		p, ok := index[key(b)]
		if !ok || taken[p] {
			lost = append(lost, b)
			continue
		}
		at[i], taken[p] = p, true
	}
	return at, lost
}

// pictures reads scale factors and pictures. A picture without the factor
// that places it is an error.
func (r *reader) pictures(ctx context.Context, s *slide.Slide, lay *layout) error {
	if lay.scale != "" {
		data, err := r.content(lay.scale)
		if err != nil {
			return err
		}
		if s.Scale, err = parseScaleFactors(lay.scale, data); err != nil {
			return err
		}
	}
	if r.opts.NoImages {
		return nil
	}
	for _, p := range []struct {
		path, key string
		scale     float64
		into      **slide.Image
	}{
		{lay.hires, keyHires, s.Scale.Hires, &s.Hires},
		{lay.lowres, keyLowres, s.Scale.Lowres, &s.Lowres},
	} {
		if p.path == "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.scale == 0 {
			return lackingScale(lay, p.path, p.key)
		}
		data, err := r.content(p.path)
		if err != nil {
			return err
		}
		if *p.into, err = decodePicture(p.path, data); err != nil {
			return err
		}
	}
	return nil
}

// lackingScale says that a picture cannot be placed.
func lackingScale(lay *layout, picture, key string) error {
	name := filepath.Base(picture)
	if lay.scale == "" {
		return format.Errorf(filepath.Dir(picture), key, "there is no scalefactors_json.json to place %s with; add it, or read without pictures (Options.NoImages)", name)
	}
	return format.Errorf(lay.scale, key, "is missing or 0 and is needed to place %s; add it, or read without pictures (Options.NoImages)", name)
}
