package tabular

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/genelength"
	"github.com/spatialgo/spatialgo/spared/internal/counts"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/picture"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// Options says what to read of a slide given as tables. The zero value reads
// the spots under tissue with what is found beside their counts.
type Options struct {
	Name       string         // slide name; "" = Name of the location
	OffTissue  bool           // keep spots that the table of places does not select (selected or in_tissue of 0)
	Normalised bool           // the values are not counts but were normalised: they need not be whole
	Places     string         // table of places; "" = as found
	FullRes    string         // full-resolution picture; "" = as found
	Digests    *slide.Digests // what is known of files from other slides; nil = nothing
	NoImages   bool           // leave the hires and lowres pictures of a folder spatial unread, and make none from the full-resolution one
}

// Read reads the slide at a location that [Find] gave: counts, genes, places,
// and pictures: those of a folder spatial, else small ones made from the
// full-resolution picture (picture.Preview). See the package documentation for
// the tables that it knows.
//
// Counts are [spots][genes] in the order of the table, whole numbers. X and Y
// are in full-resolution pixels where a table of places gives pixels, else in
// units of the array, and then the slide has no picture. Each file read is
// listed in Sources with the SHA-256 of its bytes, but for a full-resolution
// picture of which only the header is read, as no smaller one is made from it.
//
// What is wrong with a table is a *format.Error that names file, line and
// column. Read stops with ctx's error when ctx ends. Memory is bounded by a
// small multiple of the files' sizes; gzip may expand 256 times.
func Read(ctx context.Context, loc string, o Options) (*slide.Slide, error) {
	lay, err := locate(loc, o)
	if err != nil {
		return nil, err
	}
	r := &reader{opts: o}
	m, err := r.counts(ctx, lay)
	if err != nil {
		return nil, err
	}
	s := &slide.Slide{Name: o.Name, Patient: lay.patient, Genes: m.genes, SourceFormat: "tables"}
	if s.Name == "" {
		s.Name = Name(loc)
	}
	if err := r.place(ctx, s, m, lay); err != nil {
		return nil, err
	}
	if err := r.annotate(s, lay); err != nil {
		return nil, err
	}
	if err := r.fullRes(ctx, s, lay); err != nil {
		return nil, err
	}
	s.Organism = organism(s.Genes)
	s.Sources = r.sources
	if err := s.Check(); err != nil {
		return nil, format.Errorf(loc, "", "%w", err)
	}
	return s, nil
}

// Sources returns the files that Read would read, with their sizes and
// digests.
func Sources(ctx context.Context, loc string, o Options) ([]slide.Source, error) {
	lay, err := locate(loc, o)
	if err != nil {
		return nil, err
	}
	paths := []string{lay.counts, lay.mtx.spots, lay.mtx.genes, lay.mtx.matrix}
	for _, p := range append(lay.places, lay.annotation, lay.preview) {
		if p != lay.mtx.spots { // read once
			paths = append(paths, p)
		}
	}
	var sources []slide.Source
	for _, p := range paths {
		if p == "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		src, err := o.Digests.Of(p, rawfile.Hashed)
		if err != nil {
			return nil, err
		}
		sources = append(sources, src)
	}
	if lay.spatial != "" {
		more, err := visium.SpatialSources(lay.spatial, visium.Options{NoImages: o.NoImages, Digests: o.Digests})
		if err != nil {
			return nil, err
		}
		sources = append(sources, more...)
	}
	return sources, nil
}

// reader reads the files of one slide and remembers them.
type reader struct {
	opts    Options
	sources []slide.Source
}

// done ends the reading of a file.
func (r *reader) done(f *rawfile.File) error {
	src, err := f.Close()
	if err == nil {
		r.sources = append(r.sources, src)
	}
	return err
}

// table opens a table, reads it and remembers it.
func (r *reader) table(path string, read func(t *text) error) error {
	t, err := openText(path)
	if err != nil {
		return err
	}
	if err := read(t); err != nil {
		t.Abandon()
		return err
	}
	return r.done(t.File)
}

// matrix is the counts with their names, before they are joined to places.
type matrix struct {
	path   string
	spots  []string
	genes  []slide.Gene
	counts *sparse.CSR // [spots][genes]
	places *placeTable // of a Matrix Market file's table of spots, else nil
}

func (r *reader) counts(ctx context.Context, lay *layout) (*matrix, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if lay.mtx.matrix != "" {
		return r.matrixMarket(ctx, lay)
	}
	var g *grid
	err := r.table(lay.counts, func(t *text) (err error) {
		g, err = readGrid(ctx, t, counts.Check(r.opts.Normalised))
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.orient(lay, g)
}

// orient finds out whether the rows of a table are spots or genes: spots are
// what has the name of a place or a barcode or, where that does not tell,
// what the table of places lists.
func (r *reader) orient(lay *layout, g *grid) (*matrix, error) {
	byRow, byCol := spotLike(g.rows), spotLike(g.cols)
	if byRow == byCol {
		p, err := new(reader).places(lay)
		if err != nil {
			return nil, err
		}
		if p != nil {
			byRow, byCol = p.lists(g.rows), p.lists(g.cols)
		}
	}
	m := &matrix{path: lay.counts}
	e := counts.Entries{Spot: g.row, Gene: g.col, Count: g.count}
	genes := g.cols
	switch {
	case byRow == byCol:
		return nil, format.Errorf(lay.counts, "", "does not tell whether its rows or its columns are spots: rows are named %s, columns %s; want spots named by place (10x21) or barcode, or a table of places that lists them",
			join(g.rows[:min(3, len(g.rows))]), join(g.cols[:min(3, len(g.cols))]))
	case byRow:
		m.spots = g.rows
	default:
		m.spots, genes = g.cols, g.rows
		e.Spot, e.Gene = e.Gene, e.Spot
	}
	if err := g.check(lay.counts, m.spots, byRow); err != nil {
		return nil, err
	}
	for _, name := range genes {
		if name == "" {
			return nil, &format.Error{Path: lay.counts, Line: g.headerLine, Msg: "a gene has no name"}
		}
		m.genes = append(m.genes, gene(name))
	}
	var err error
	m.counts, err = e.CSR(len(m.spots), len(m.genes))
	return m, err
}

// check looks for a spot that has no name or comes twice.
func (g *grid) check(path string, spots []string, byRow bool) error {
	line := func(i int) int {
		if byRow {
			return g.rowLine[i]
		}
		return g.headerLine
	}
	seen := make(map[string]bool, len(spots))
	for i, s := range spots {
		if s == "" {
			return &format.Error{Path: path, Line: line(i), Msg: "a spot has no name"}
		}
		if seen[s] {
			return &format.Error{Path: path, Line: line(i), Msg: "spot " + strconv.Quote(s) + " comes a second time"}
		}
		seen[s] = true
	}
	return nil
}

// matrixMarket reads a Matrix Market file and its tables of names.
func (r *reader) matrixMarket(ctx context.Context, lay *layout) (*matrix, error) {
	m := &matrix{path: lay.mtx.matrix}
	err := r.table(lay.mtx.spots, func(t *text) (err error) {
		if !lay.mtx.spotsHavePlaces {
			m.spots, err = readNames(t)
			return err
		}
		if m.places, err = readPlaces(t); err == nil && !m.places.named {
			err = format.Errorf(t.Path, "", "does not name its spots; want a column barcode, spot or cell_ID")
		}
		if err == nil {
			for _, s := range m.places.spots {
				m.spots = append(m.spots, s.id)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := r.table(lay.mtx.genes, func(t *text) (err error) {
		m.genes, err = readGenes(t)
		return err
	}); err != nil {
		return nil, err
	}
	f, err := rawfile.Open(lay.mtx.matrix)
	if err != nil {
		return nil, err
	}
	mtx := counts.MTX{Path: lay.mtx.matrix, R: f.Reader, Size: f.Size, Genes: len(m.genes), Spots: len(m.spots), Either: true, Normalised: r.opts.Normalised,
		Tables: filepath.Base(lay.mtx.genes) + " and " + filepath.Base(lay.mtx.spots)}
	if m.counts, err = mtx.Read(ctx); err != nil {
		f.Abandon()
		return nil, err
	}
	return m, r.done(f)
}

// places reads and joins the tables of places; nil where there are none.
func (r *reader) places(lay *layout) (*placeTable, error) {
	var all *placeTable
	for _, path := range lay.places {
		var p *placeTable
		err := r.table(path, func(t *text) (err error) {
			p, err = readPlaces(t)
			return err
		})
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = p
		} else if err := all.join(p); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// lists tells whether the table has most of the names.
func (p *placeTable) lists(names []string) bool {
	n := 0
	for _, name := range names {
		if _, ok := p.find(name); ok {
			n++
		}
	}
	return 2*n > len(names)
}

// place joins the counts to the places and keeps the spots of the slide.
func (r *reader) place(ctx context.Context, s *slide.Slide, m *matrix, lay *layout) error {
	p := m.places
	if p == nil || r.opts.Places != "" {
		var err error
		if p, err = r.places(lay); err != nil {
			return err
		}
	}
	if lay.spatial != "" {
		sp, err := visium.ReadSpatial(ctx, lay.spatial, visium.Options{NoImages: r.opts.NoImages})
		if err != nil {
			return err
		}
		s.Scale, s.Hires, s.Lowres = sp.Scale, sp.Hires, sp.Lowres
		r.sources = append(r.sources, sp.Sources...)
		p = fromSpatial(lay.spatial, sp)
	}
	if p == nil {
		return r.placeByName(s, m, lay)
	}
	at, rows, err := p.match(m, lay, r.opts.OffTissue)
	if err != nil {
		return err
	}
	s.Counts = m.counts.Select(rows, nil)
	known := p.spread(s, m, at, rows)
	if err := labels(s, p, at, rows); err != nil {
		return err
	}
	if !known {
		gridFromPixels(s)
	}
	if s.Scale.SpotDiameter == 0 && p.hasPixels() {
		s.Scale.SpotDiameter = spotDiameter(s, isBarcode(s.Barcodes[0]))
	}
	if !p.hasPixels() {
		lay.fullRes = ""
	}
	return nil
}

// placeByName takes the places from the spots' names: array units, without a
// picture.
func (r *reader) placeByName(s *slide.Slide, m *matrix, lay *layout) error {
	if lay.slide != "" {
		return format.Errorf(lay.loc, "", "there is no table of places that says which spots are of slide %s", lay.slide)
	}
	for _, name := range m.spots {
		pl, ok := parsePlace(name)
		if !ok {
			return format.Errorf(m.path, "", "spot %s has no place: its name is not one (as 10x21 is), and no table of places lies beside the counts; give one (Options.Places)", name)
		}
		s.Barcodes, s.InTissue = append(s.Barcodes, name), append(s.InTissue, true)
		s.X, s.Y = append(s.X, pl.x), append(s.Y, pl.y)
		s.ArrayCol, s.ArrayRow = append(s.ArrayCol, roundInt(pl.x)), append(s.ArrayRow, roundInt(pl.y))
	}
	s.Counts, lay.fullRes = m.counts, ""
	return nil
}

func roundInt(f float64) int {
	return int(min(max(math.Round(f), math.MinInt32), math.MaxInt32))
}

// fromSpatial makes a table of what Space Ranger's files say.
func fromSpatial(path string, sp *visium.Spatial) *placeTable {
	p := &placeTable{path: path, named: true, byID: make(map[string]int, len(sp.Spots))}
	for i, s := range sp.Spots {
		p.byID[s.Barcode] = i
		p.spots = append(p.spots, spot{id: s.Barcode, inTissue: sp.InTissue[i], row: s.ArrayRow, col: s.ArrayCol, hasGrid: true,
			pixel: place{s.X, s.Y}, hasPixel: true, array: place{math.NaN(), math.NaN()}})
	}
	return p
}

// match finds the row of the table for each spot of the counts, -1 where it is
// not of this slide or not selected, and lists the spots that are. A spot
// named by its place that the table leaves out was not selected; one named
// otherwise must be there.
func (p *placeTable) match(m *matrix, lay *layout, offTissue bool) (at, rows []int, err error) {
	if p.named && !p.lists(m.spots) {
		p.bareNames()
	}
	at = make([]int, len(m.spots))
	taken := make(map[int]string, len(m.spots))
	listed := 0
	for i, name := range m.spots {
		k, ok := p.find(name)
		if !ok {
			k, ok = p.byID[bare(name)]
		}
		if !ok {
			if _, isPlace := parsePlace(name); !isPlace {
				return nil, nil, format.Errorf(p.path, "", "spot %s of %s has no place; the table has spots such as %s; are both of the same slide?", name, m.path, p.name(0))
			}
			at[i] = -1
			continue
		}
		if first, dup := taken[k]; dup {
			return nil, nil, format.Errorf(m.path, "", "spots %s and %s have the same place (%s, line %d)", first, name, p.path, p.spots[k].line)
		}
		at[i], taken[k] = k, name
		listed++
		if s := p.spots[k]; (s.inTissue || offTissue) && (lay.slide == "" || s.slide == lay.slide) {
			rows = append(rows, i)
		}
	}
	switch {
	case len(rows) > 0:
		return at, rows, nil
	case listed == 0:
		return nil, nil, format.Errorf(p.path, "", "lists none of the %d spots of %s, the first of which is %s; are both of the same slide?", len(m.spots), m.path, m.spots[0])
	case lay.slide != "":
		return nil, nil, format.Errorf(lay.loc, "", "there is no slide %q in it; there are %s", lay.slide, join(p.slides()))
	}
	return nil, nil, format.Errorf(p.path, "selected", "none of the %d spots with counts is selected; Options.OffTissue keeps them all the same", listed)
}

// name is what a row of the table goes by.
func (p *placeTable) name(i int) string {
	if p.named {
		return p.spots[i].id
	}
	return p.spots[i].array.key()
}

func (p *placeTable) hasPixels() bool { return p.spots[0].hasPixel }

// spread writes the places of the spots into the slide. known tells whether
// their places on the array are known.
func (p *placeTable) spread(s *slide.Slide, m *matrix, at, rows []int) (known bool) {
	known = true
	for _, i := range rows {
		o := p.spots[at[i]]
		if pl, ok := parsePlace(m.spots[i]); ok && math.IsNaN(o.array.x) {
			o.array = pl
		}
		row, col := o.row, o.col
		switch hasArray := !math.IsNaN(o.array.x); {
		case o.hasGrid && !o.hasPixel && !hasArray:
			o.pixel = place{float64(col), float64(row)}
		case !o.hasPixel:
			o.pixel = o.array
		}
		if !o.hasGrid && isWhole(o.array) {
			row, col = roundInt(o.array.y), roundInt(o.array.x)
		} else if !o.hasGrid {
			known = false
		}
		s.Barcodes, s.InTissue = append(s.Barcodes, m.spots[i]), append(s.InTissue, o.inTissue)
		s.X, s.Y = append(s.X, o.pixel.x), append(s.Y, o.pixel.y)
		s.ArrayRow, s.ArrayCol = append(s.ArrayRow, row), append(s.ArrayCol, col)
	}
	return known
}

// isWhole tells whether a place is one on the array as printed; corrected
// places and pixels have fractions.
func isWhole(p place) bool {
	return p.x == math.Trunc(p.x) && p.y == math.Trunc(p.y) && math.Abs(p.x) <= math.MaxInt32 && math.Abs(p.y) <= math.MaxInt32
}

// labels takes patient and split from the table where all spots agree.
func labels(s *slide.Slide, p *placeTable, at, rows []int) error {
	first := p.spots[at[rows[0]]]
	for _, i := range rows {
		o := p.spots[at[i]]
		if o.patient != first.patient || o.splits != first.splits {
			return &format.Error{Path: p.path, Line: o.line, Msg: fmt.Sprintf("the slide's spots are of several patients or splits: %s %s here, %s %s on line %d; a slide is in one", o.patient, o.splits, first.patient, first.splits, first.line)}
		}
	}
	s.Patient = either(first.patient, s.Patient)
	s.Split = first.splits
	return nil
}

// annotate gives symbols to genes that have ids only.
func (r *reader) annotate(s *slide.Slide, lay *layout) error {
	if lay.annotation == "" {
		return nil
	}
	return r.table(lay.annotation, func(t *text) error {
		symbols, err := readAnnotation(t)
		if err != nil {
			return err
		}
		for j := range s.Genes {
			if g := &s.Genes[j]; g.Symbol == "" {
				g.Symbol = symbols[g.ID]
			}
		}
		return nil
	})
}

// fullRes records the full-resolution picture, and makes the smaller ones from
// it where there are none and the spots' pixels are known.
func (r *reader) fullRes(ctx context.Context, s *slide.Slide, lay *layout) error {
	if lay.preview != "" {
		src, err := r.opts.Digests.Of(lay.preview, rawfile.Hashed)
		if err != nil {
			return err
		}
		r.sources = append(r.sources, src)
	}
	if err := rawfile.SetFullRes(s, lay.fullRes, r.opts.FullRes != ""); err != nil || lay.fullRes == "" || lay.preview == "" {
		return err
	}
	return picture.Preview(ctx, s)
}

// organism tells human from mouse by Ensembl ids or, where the genes have
// symbols only, by whose symbols they are: more than half are, and twice as
// many as are the other's. It is "" where neither tells.
func organism(genes []slide.Gene) string {
	ids := make([]string, len(genes))
	for i, g := range genes {
		ids[i] = g.ID
	}
	if o := genelength.OrganismOf(ids); o != "" {
		return o
	}
	known := make(map[string]int)
	for _, o := range []string{"human", "mouse"} {
		t, err := genelength.Open(o)
		if err != nil {
			return ""
		}
		for _, id := range ids {
			if _, ok := t.IDOf(id); ok {
				known[o]++
			}
		}
	}
	for o, other := range map[string]string{"human": "mouse", "mouse": "human"} {
		if 2*known[o] > len(ids) && known[o] >= 2*known[other] {
			return o
		}
	}
	return ""
}

// trimFloat writes a number in its shortest form.
func trimFloat(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// readNames reads one name a line, its first cell. A first line that says
// "barcode" or the like is a header.
func readNames(t *text) ([]string, error) {
	var names []string
	seen := make(map[string]int)
	err := eachLine(t, func(cells []string) error {
		if len(names) == 0 && len(seen) == 0 && cells[0] != "" {
			if r, ok := roles[strings.ToLower(cells[0])]; ok && r == roleID {
				seen[""] = t.line
				return nil
			}
		}
		if cells[0] == "" {
			return t.errorf("", "the spot has no name")
		}
		if first, dup := seen[cells[0]]; dup {
			return t.errorf("", "spot %q was on line %d already", cells[0], first)
		}
		seen[cells[0]] = t.line
		names = append(names, cells[0])
		return nil
	})
	if err == nil && len(names) == 0 {
		err = format.Errorf(t.Path, "", "lists no spots")
	}
	return names, err
}

// readGenes reads a table of genes: ids, or ids and symbols. A first line that
// names the columns is a header.
func readGenes(t *text) ([]slide.Gene, error) {
	var genes []slide.Gene
	idCol, symbolCol, first := 0, -1, true
	err := eachLine(t, func(cells []string) error {
		if first {
			first = false
			if isGeneHeader(cells[0]) {
				if i, j, ok := annotationColumns(cells); ok {
					idCol, symbolCol = i, j
				}
				return nil
			}
			if len(cells) > 1 {
				symbolCol = 1
			}
		}
		if max(idCol, symbolCol) >= len(cells) || cells[idCol] == "" {
			return t.errorf("", "the gene has no name")
		}
		g := gene(cells[idCol])
		if symbolCol >= 0 {
			g.Symbol = cells[symbolCol]
		}
		genes = append(genes, g)
		return nil
	})
	if err == nil && len(genes) == 0 {
		err = format.Errorf(t.Path, "", "lists no genes")
	}
	return genes, err
}

// isGeneHeader knows the names of a first column of genes.
func isGeneHeader(cell string) bool {
	switch strings.ToLower(cell) {
	case "", "gene", "genes", "gene_id", "gene_ids", "geneid", "id", "ids", "name", "names", "gene_name", "gene_names", "symbol", "gene_symbol",
		"feature", "features", "feature_id", "ensembl", "ensembl_id", "ensembl_gene_id", "x":
		return true
	}
	return false
}

// annotationColumns finds the columns of ids and symbols in a header.
func annotationColumns(head []string) (id, symbol int, ok bool) {
	id, symbol = -1, -1
	for j, name := range head {
		switch strings.ToLower(name) {
		case "gene_id", "ensembl_id", "ensembl_gene_id", "ensembl", "gene_ids", "gene stable id":
			id = j
		case "gene_name", "symbol", "gene_symbol", "gene name":
			symbol = j
		}
	}
	return id, symbol, id >= 0 && symbol >= 0
}

// readAnnotation reads a table of gene ids and symbols with a header.
func readAnnotation(t *text) (map[string]string, error) {
	symbols := make(map[string]string)
	id, symbol := -1, -1
	err := eachLine(t, func(cells []string) error {
		if id < 0 {
			var ok bool
			if id, symbol, ok = annotationColumns(cells); !ok {
				return t.errorf("", "want a header with the columns gene_id and gene_name")
			}
			return nil
		}
		if max(id, symbol) >= len(cells) {
			return t.errorf("", "%d cells, want one in each column of the header", len(cells))
		}
		symbols[cells[id]] = cells[symbol]
		return nil
	})
	return symbols, err
}

// eachLine calls f with the cells of each line.
func eachLine(t *text, f func(cells []string) error) error {
	for first := true; ; first = false {
		line, err := t.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if line, err = rawfile.UTF8(t.Path, line); err != nil {
			return err
		}
		if first {
			t.delim = delimiter(line)
		}
		cells, err := t.cells(line)
		if err != nil {
			return err
		}
		if err := f(cells); err != nil {
			return err
		}
	}
}
