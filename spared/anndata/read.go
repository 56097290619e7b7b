package anndata

import (
	"context"
	"fmt"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// Options says what to read of a slide in an .h5ad file. The zero value reads
// the genes' counts of the spots under tissue, with the pictures.
type Options struct {
	Name        string         // slide name; "" = Name of the location
	SlideKey    string         // column of obs that tells slides apart; "" = as found
	Counts      string         // key of the counts, e.g. "layers/umi"; "" = the first of the usual ones that holds counts
	OffTissue   bool           // keep spots with in_tissue = 0
	AllFeatures bool           // keep antibodies etc. beside the genes
	Normalised  bool           // the values are not counts but were normalised: they need not be whole
	NoImages    bool           // leave the pictures unread
	Digests     *slide.Digests // what is known of files from other slides; nil = nothing
}

// Read reads the slide at a location that [Find] gave: counts, genes, places,
// scale factors and pictures. See the package documentation for where it looks
// for each.
//
// Counts are [spots][genes] in the order of the file, whole numbers; the key
// that they were found under stands in SourceFormat. X and Y are the columns of
// obsm/spatial, full-resolution pixels where the file keeps squidpy's custom.
//
// What is wrong with the file is a *format.Error that names the key. Read stops
// with ctx's error when ctx ends. Of a file of many slides, only the slide's
// own rows are kept in memory.
func Read(ctx context.Context, loc string, o Options) (s *slide.Slide, err error) {
	path, name := splitLocation(loc)
	err = withFile(path, func(f *file) error {
		s, err = f.slide(ctx, name, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	if s.Name = o.Name; s.Name == "" {
		s.Name = Name(loc)
	}
	if s.Sources, err = Sources(ctx, loc, o); err != nil {
		return nil, err
	}
	if err := s.Check(); err != nil {
		return nil, format.Errorf(path, "", "%w", err)
	}
	return s, nil
}

// Sources returns the file that Read would read, with its size and digest.
func Sources(ctx context.Context, loc string, o Options) ([]slide.Source, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, _ := splitLocation(loc)
	src, err := o.Digests.Of(path, rawfile.Hashed)
	if err != nil {
		return nil, err
	}
	return []slide.Source{src}, nil
}

// slide reads one slide of a file.
func (f *file) slide(ctx context.Context, name string, o Options) (*slide.Slide, error) {
	tables, err := h5ad.ReadKeys(f.Path())
	if err != nil {
		return nil, err
	}
	f.spots = len(tables.Obs.Index)
	d, err := f.divide(o.SlideKey)
	if err != nil {
		return nil, err
	}
	rows, err := f.rowsOf(d, name)
	if err != nil {
		return nil, err
	}
	s := &slide.Slide{Barcodes: pick(tables.Obs.Index, rows)}
	if err := f.checkBarcodes(s.Barcodes); err != nil {
		return nil, err
	}
	if err := f.place(s, rows); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := f.counts(ctx, o, rows, tables)
	if err != nil {
		return nil, err
	}
	s.Counts, s.Genes = m.counts, m.genes
	s.SourceFormat = "AnnData (counts from " + m.key + ")"
	if s.Patient, err = f.constant(rows, "patient", "patient_id", "subject", "donor_id", "donor"); err != nil {
		return nil, err
	}
	if s.Split, err = f.constant(rows, "split"); err != nil {
		return nil, err
	}
	if s.Organism, err = f.organism(s.Genes, rows); err != nil {
		return nil, err
	}
	if err := f.pictures(s, d, name, o.NoImages); err != nil {
		return nil, err
	}
	selectGenes(s, o.AllFeatures)
	return s, selectSpots(s, f, o.OffTissue)
}

// rowsOf returns the rows of the slide that a location names; nil = all.
func (f *file) rowsOf(d *division, name string) ([]int, error) {
	switch {
	case name == "" && len(d.names) > 1:
		return nil, f.errorf("", "holds %d slides (%s); name one, as in %s#%s", len(d.names), some(d.names), f.Path(), d.names[0])
	case name == "" || len(d.names) == 1 && d.names[0] == name:
		return nil, nil
	}
	rows := d.rows(name)
	if len(rows) == 0 {
		return nil, f.errorf("", "holds no slide %q; it has %s", name, some(d.names))
	}
	return rows, nil
}

// some lists the first few names.
func some(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + fmt.Sprintf(" ... (%d in all)", len(names))
	}
	return strings.Join(names, ", ")
}

// pick returns the values of some rows; nil = all.
func pick[T any](values []T, rows []int) []T {
	if rows == nil {
		return values
	}
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = values[r]
	}
	return out
}

func (f *file) checkBarcodes(barcodes []string) error {
	seen := make(map[string]int, len(barcodes))
	for i, b := range barcodes {
		if first, twice := seen[b]; twice {
			return f.errorf("obs", "the spots %d and %d of the slide are both named %q, want names of their own (anndata: obs_names_make_unique)", first, i, b)
		}
		seen[b] = i
	}
	return nil
}

// constant returns the value that the first of some columns has in all rows,
// or "" where it has several or is not there.
func (f *file) constant(rows []int, names ...string) (string, error) {
	c, _, err := f.first(names...)
	if c == nil || err != nil {
		return "", err
	}
	values := pick(c.Strings(), rows)
	for _, v := range values {
		if v != values[0] {
			return "", nil
		}
	}
	if len(values) == 0 {
		return "", nil
	}
	return values[0], nil
}

// geneExpression is the feature type of genes.
const geneExpression = "Gene Expression"

// selectGenes drops the features that are no genes.
func selectGenes(s *slide.Slide, all bool) {
	var keep []int
	for i, g := range s.Genes {
		if g.Feature == geneExpression {
			keep = append(keep, i)
		}
	}
	if all || len(keep) == len(s.Genes) || len(keep) == 0 {
		return
	}
	s.Genes = pick(s.Genes, keep)
	s.Counts = s.Counts.Select(nil, keep)
}

// selectSpots drops the spots off tissue.
func selectSpots(s *slide.Slide, f *file, all bool) error {
	var keep []int
	for i, in := range s.InTissue {
		if in {
			keep = append(keep, i)
		}
	}
	switch {
	case all || len(keep) == len(s.InTissue):
		return nil
	case len(keep) == 0:
		return f.errorf("obs/in_tissue", "no spot of the slide is under tissue")
	}
	s.Barcodes, s.InTissue = pick(s.Barcodes, keep), pick(s.InTissue, keep)
	s.ArrayRow, s.ArrayCol = pick(s.ArrayRow, keep), pick(s.ArrayCol, keep)
	s.X, s.Y = pick(s.X, keep), pick(s.Y, keep)
	s.Counts = s.Counts.Select(keep, nil)
	return nil
}
