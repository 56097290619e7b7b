package tabular

import (
	"io"
	"math"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// role is what a column of a table of places means.
type role int

const (
	roleID role = iota
	roleX       // place on the array
	roleY
	roleNewX // corrected place on the array
	roleNewY
	rolePixelX
	rolePixelY
	roleUp // pixel row with y up (Giotto's sdimy)
	roleInTissue
	roleArrayRow
	roleArrayCol
	roleSlide
	rolePatient
	roleSplit
	nRoles
)

// roles are the columns that are known, by name in small letters.
var roles = map[string]role{
	"": roleID, "barcode": roleID, "barcodes": roleID, "spot": roleID, "spot_id": roleID, "cell_id": roleID, "cell": roleID, "id": roleID, "row.names": roleID, "unnamed: 0": roleID,
	"x": roleX, "y": roleY, "new_x": roleNewX, "new_y": roleNewY,
	"pixel_x": rolePixelX, "pixel_y": rolePixelY, "pxl_col_in_fullres": rolePixelX, "pxl_row_in_fullres": rolePixelY,
	"imagecol": rolePixelX, "imagerow": rolePixelY, "sdimx": rolePixelX, "sdimy": roleUp,
	"in_tissue": roleInTissue, "selected": roleInTissue,
	"array_row": roleArrayRow, "array_col": roleArrayCol, "row": roleArrayRow, "col": roleArrayCol,
	"slide": roleSlide, "slide_id": roleSlide, "sample": roleSlide, "sample_id": roleSlide, "section": roleSlide, "list_id": roleSlide, "library_id": roleSlide,
	"patient": rolePatient, "patient_id": rolePatient, "subject": rolePatient, "donor": rolePatient, "split": roleSplit,
}

// rolesOf finds the columns that are known; -1 stands for a role without one.
// Of several columns of one role the first counts.
func rolesOf(head []string) (at [nRoles]int, known int) {
	for r := range at {
		at[r] = -1
	}
	for j, name := range head {
		if r, ok := roles[strings.ToLower(strings.TrimSpace(name))]; ok && at[r] < 0 {
			at[r] = j
			known++
		}
	}
	return at, known
}

// isPlaces tells whether a header is that of a table of places: it names both
// coordinates, in one way or another, and few other columns.
func isPlaces(head []string) bool {
	at, _ := rolesOf(head)
	both := func(a, b role) bool { return at[a] >= 0 && at[b] >= 0 }
	return len(head) <= 200 && (both(roleX, roleY) || both(rolePixelX, rolePixelY) || both(rolePixelX, roleUp) || both(roleArrayRow, roleArrayCol))
}

// spot is a row of a table of places.
type spot struct {
	id                     string
	array                  place // x, y on the array; NaN where unknown
	row, col               int
	hasGrid                bool // row and col are known
	pixel                  place
	hasPixel               bool
	inTissue               bool
	slide, patient, splits string
	line                   int
}

// placeTable is one or more tables of places, joined.
type placeTable struct {
	path  string
	spots []spot
	byID  map[string]int
	named bool // spots have ids; else they go by their place on the array
}

// readPlaces reads a table of places. With whole the lines are numbered as
// spots of a matrix and all are kept in order.
func readPlaces(t *text) (*placeTable, error) {
	head, err := t.header()
	if err != nil {
		return nil, err
	}
	at, _ := rolesOf(head)
	if !isPlaces(head) {
		return nil, format.Errorf(t.Path, "", "names no coordinates; want columns such as x and y, pixel_x and pixel_y, or array_row and array_col; it has %.200s", strings.Join(head, ", "))
	}
	p := &placeTable{path: t.Path, byID: make(map[string]int)}
	width := 0
	for {
		line, err := t.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		cells, err := t.cells(line)
		if err != nil {
			return nil, err
		}
		if width == 0 {
			if width = len(cells); width == len(head)+1 && at[roleID] < 0 { // as R writes row names
				for r := range at {
					if at[r] >= 0 {
						at[r]++
					}
				}
				at[roleID] = 0
				head = append([]string{""}, head...)
			}
			p.named = at[roleID] >= 0
		}
		if len(cells) != len(head) {
			return nil, t.errorf("", "%d cells, but the header has %d", len(cells), len(head))
		}
		if err := p.add(t, head, at, cells); err != nil {
			return nil, err
		}
	}
	if len(p.spots) == 0 {
		return nil, format.Errorf(t.Path, "", "lists no spots")
	}
	return p, nil
}

// add reads a row.
func (p *placeTable) add(t *text, head []string, at [nRoles]int, cells []string) error {
	s := spot{inTissue: true, line: t.line, array: place{math.NaN(), math.NaN()}}
	var err error
	number := func(r role) (f float64, ok bool) {
		if at[r] < 0 || err != nil {
			return 0, false
		}
		if f, ok = parseFinite(cells[at[r]]); !ok {
			err = t.errorf(head[at[r]], "%.40q is not a number", cells[at[r]])
		}
		return f, ok
	}
	whole := func(r role) (int, bool) {
		f, ok := number(r)
		if ok && (f != math.Trunc(f) || math.Abs(f) > math.MaxInt32) {
			err = t.errorf(head[at[r]], "%.40q is not a whole number", cells[at[r]])
		}
		return int(f), ok
	}
	name := func(r role) string {
		if at[r] < 0 {
			return ""
		}
		return cells[at[r]]
	}
	s.id, s.slide, s.patient, s.splits = name(roleID), name(roleSlide), name(rolePatient), name(roleSplit)
	if x, ok := number(roleX); ok {
		y, _ := number(roleY)
		s.array = place{x, y}
	}
	if x, ok := number(rolePixelX); ok {
		y, hasY := number(rolePixelY)
		if up, ok := number(roleUp); ok && !hasY {
			y, hasY = -up, true
		}
		s.pixel, s.hasPixel = place{x, y}, hasY
	}
	if row, ok := whole(roleArrayRow); ok {
		col, hasCol := whole(roleArrayCol)
		s.row, s.col, s.hasGrid = row, col, hasCol
	}
	if at[roleInTissue] >= 0 && err == nil {
		switch cell := strings.ToLower(cells[at[roleInTissue]]); cell {
		case "1", "true", "1.0":
		case "0", "false", "0.0":
			s.inTissue = false
		default:
			err = t.errorf(head[at[roleInTissue]], "%.40q is not 0 or 1", cell)
		}
	}
	if err != nil {
		return err
	}
	return p.keep(t, s)
}

// keep adds a spot under its key.
func (p *placeTable) keep(t *text, s spot) error {
	if p.named && s.id == "" {
		return t.errorf("", "the spot has no name")
	}
	key := s.id
	if !p.named {
		key = s.array.key()
	}
	if first, dup := p.byID[key]; dup {
		return t.errorf("", "spot %s was on line %d already", key, p.spots[first].line)
	}
	p.byID[key] = len(p.spots)
	p.spots = append(p.spots, s)
	return nil
}

// join adds what another table says of the same spots.
func (p *placeTable) join(q *placeTable) error {
	if !p.named || !q.named {
		return format.Errorf(q.path, "", "cannot be joined to %s, since not both name their spots", p.path)
	}
	for i := range p.spots {
		s := &p.spots[i]
		k, ok := q.byID[s.id]
		if !ok {
			return format.Errorf(q.path, "", "lacks the spot %s of %s", s.id, p.path)
		}
		o := q.spots[k]
		if !s.hasPixel {
			s.pixel, s.hasPixel = o.pixel, o.hasPixel
		}
		if !s.hasGrid {
			s.row, s.col, s.hasGrid = o.row, o.col, o.hasGrid
		}
		if math.IsNaN(s.array.x) {
			s.array = o.array
		}
		s.inTissue = s.inTissue && o.inTissue
		s.slide, s.patient, s.splits = either(s.slide, o.slide), either(s.patient, o.patient), either(s.splits, o.splits)
	}
	return nil
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// key is the name of a place, "10x21".
func (p place) key() string { return trimFloat(p.x) + "x" + trimFloat(p.y) }

// find returns the row of a spot of the counts: by name, by name without the
// appended number, or by the place that its name gives.
func (p *placeTable) find(name string) (int, bool) {
	if at, ok := p.byID[name]; ok {
		return at, true
	}
	if pl, ok := parsePlace(name); ok {
		at, ok := p.byID[pl.key()]
		return at, ok
	}
	return 0, false
}

// bareNames makes the table findable by barcodes without their number, where
// they stay apart.
func (p *placeTable) bareNames() {
	byBare := make(map[string]int, len(p.spots))
	for i, s := range p.spots {
		if _, dup := byBare[bare(s.id)]; dup {
			return
		}
		byBare[bare(s.id)] = i
	}
	for id, i := range byBare {
		if _, ok := p.byID[id]; !ok {
			p.byID[id] = i
		}
	}
}

// slides lists the slides that the table's rows belong to, in order of
// appearance.
func (p *placeTable) slides() []string {
	var names []string
	seen := make(map[string]bool)
	for _, s := range p.spots {
		if s.slide != "" && !seen[s.slide] {
			seen[s.slide] = true
			names = append(names, s.slide)
		}
	}
	return names
}

// gene makes a gene of its name in a table: an Ensembl id, whose symbol is not
// known, or a symbol, which then stands for the id as well.
func gene(name string) slide.Gene {
	g := slide.Gene{ID: name, Symbol: name, Feature: geneExpression}
	if isEnsembl(name) {
		g.Symbol = ""
	}
	return g
}

const geneExpression = "Gene Expression"

// isEnsembl knows the ids of genes of all species: ENS, letters, 11 digits and
// perhaps a version.
func isEnsembl(id string) bool {
	rest, ok := strings.CutPrefix(id, "ENS")
	rest, _, _ = strings.Cut(rest, ".")
	rest, _, _ = strings.Cut(rest, "_") // ENSG00000182378.14_PAR_Y has it after the version
	digits := len(rest)
	for digits > 0 && rest[digits-1] >= '0' && rest[digits-1] <= '9' {
		digits--
	}
	return ok && len(rest)-digits == 11 && digits > 0 && rest[digits-1] == 'G'
}
