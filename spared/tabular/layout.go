package tabular

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// layout is where the parts of a slide lie; "" where there is none.
type layout struct {
	loc, slide string
	counts     string // table of counts
	mtx        matrixFiles
	places     []string // tables of places
	spatial    string   // folder with Space Ranger's files on the places
	annotation string   // table of gene ids and symbols
	fullRes    string
	preview    string // the full-resolution picture, where hires and lowres ones are to be made from it
	patient    string
}

// matrixFiles are a Matrix Market file and its two tables of names.
type matrixFiles struct {
	matrix, genes, spots string
	spotsHavePlaces      bool
	spatial              string
}

func (m matrixFiles) hasPlaces() bool { return m.spotsHavePlaces || m.spatial != "" }

// locate finds the parts of the slide at a location.
func locate(loc string, o Options) (*layout, error) {
	path, slide := splitLoc(loc)
	lay := &layout{loc: loc, slide: slide}
	if isFolder(path) {
		found, err := findIn(path)
		switch {
		case err != nil:
			return nil, err
		case len(found) == 1 && found[0] == path:
			if path, err = onlyMatrix(path); err != nil {
				return nil, err
			}
		case len(found) == 1:
			path, _ = splitLoc(found[0])
		case len(found) == 0:
			return nil, format.Errorf(path, "", "holds no counts: want a table of them, or a Matrix Market file with tables of its genes and of its spots and their places")
		default:
			return nil, format.Errorf(path, "", "holds %d slides: %s; give one of them", len(found), join(bases(found)))
		}
	}
	var err error
	if isMatrix(path) {
		if lay.mtx, err = namesOf(path); err != nil {
			return nil, err
		}
		if lay.mtx.spotsHavePlaces {
			lay.places = []string{lay.mtx.spots}
		}
		lay.spatial = lay.mtx.spatial
	} else {
		lay.counts = path
		if err := lay.beside(path); err != nil {
			return nil, err
		}
	}
	if o.Places != "" {
		lay.places, lay.spatial = []string{o.Places}, ""
	}
	if o.FullRes != "" {
		lay.fullRes = o.FullRes
	}
	if !o.NoImages && (lay.spatial == "" || !visium.HasPictures(lay.spatial)) && rawfile.IsPicture(lay.fullRes) {
		lay.preview = lay.fullRes
	}
	return lay, nil
}

func bases(paths []string) (names []string) {
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	return names
}

func onlyMatrix(dir string) (string, error) {
	l, err := list(dir)
	if err != nil {
		return "", err
	}
	for _, name := range l.files {
		if isMatrix(name) {
			return l.path(name), nil
		}
	}
	return "", format.Errorf(dir, "", "holds no Matrix Market file")
}

// namesOf finds the tables of genes and spots of a Matrix Market file. In a
// folder with several, theirs begin like the matrix's own ("S1_matrix.mtx",
// "S1_genes.tsv").
func namesOf(matrix string) (m matrixFiles, err error) {
	m.matrix = matrix
	l, err := list(filepath.Dir(matrix))
	if err != nil {
		return m, err
	}
	prefix := ""
	if base := strings.ToLower(stem(filepath.Base(matrix))); strings.HasSuffix(base, "matrix") {
		prefix = base[:len(base)-len("matrix")]
	}
	for _, part := range []struct {
		path  *string
		words []string
		what  string
	}{
		{&m.genes, []string{"gene", "feature"}, "genes (genes.tsv, features.tsv or another name with that word)"},
		{&m.spots, []string{"spot", "barcode", "cell", "bead", "coord", "position"}, "spots (spots.tsv, barcodes.tsv or another name with that word)"},
	} {
		var found []string
		for _, name := range l.files {
			lower := strings.ToLower(name)
			if isTable(name) && strings.HasPrefix(lower, prefix) && slices.ContainsFunc(part.words, func(w string) bool { return strings.Contains(stem(lower), w) }) {
				found = append(found, name)
			}
		}
		switch len(found) {
		case 0:
			return m, format.Errorf(matrix, "", "has no table of its %s beside it", part.what)
		case 1:
			*part.path = l.path(found[0])
		default:
			return m, format.Errorf(matrix, "", "has several tables that could be those of its %s: %s; move all but one away", part.what, join(found))
		}
	}
	m.spotsHavePlaces = sniff(m.spots) == kindPlaces
	m.spatial = spatialFolder(l.dir)
	return m, nil
}

// spatialFolder returns where Space Ranger's files on the places are, if in
// the folder spatial or in this one.
func spatialFolder(dir string) string {
	for _, d := range []string{filepath.Join(dir, "spatial"), dir} {
		if visium.HasPositions(d) {
			return d
		}
	}
	return ""
}

// beside finds what belongs to a table of counts: its table of places and its
// picture, by the table's name, in the same folder or, where that is called
// after counts, in its sibling folders after spots or images. Where no name
// tells and the folder holds these counts only, all its tables of places are
// the slide's.
func (lay *layout) beside(counts string) error {
	dir := filepath.Dir(counts)
	own, err := list(dir)
	if err != nil {
		return err
	}
	name, siblings := Name(counts), siblingFolders(dir)
	var pictures []string
	for _, l := range append([]listing{own}, siblings...) {
		for _, f := range l.files {
			switch path := l.path(f); {
			case path == counts || !hasToken(stem(f), name):
			case isPicture(f) && (l.dir == dir || isNamed(l.dir, pictureWords)):
				pictures = append(pictures, path)
			case isTable(f) && (l.dir == dir || isNamed(l.dir, placeWords)) && sniff(path) == kindPlaces:
				lay.places = append(lay.places, path)
			}
		}
	}
	if len(pictures) == 1 {
		lay.fullRes = pictures[0]
	}
	if len(siblings) > 0 {
		lay.patient = patientOf(name, own)
	}
	lay.annotation = annotationIn(own)
	if len(lay.places) == 0 {
		lay.unnamed(own, counts)
	}
	return nil
}

// unnamed takes all tables of places in a folder that holds one table of
// counts.
func (lay *layout) unnamed(l listing, counts string) {
	var found []string
	for _, f := range l.files {
		if path := l.path(f); path != counts && isTable(f) {
			switch sniff(path) {
			case kindCounts:
				return
			case kindPlaces:
				found = append(found, path)
			}
		}
	}
	if lay.places = found; len(found) == 0 {
		lay.spatial = spatialFolder(l.dir)
	}
}

// annotationIn returns the folder's table of gene ids and symbols.
func annotationIn(l listing) string {
	for _, f := range l.files {
		if isTable(f) && strings.Contains(strings.ToLower(f), "gene") && sniff(l.path(f)) == kindAnnotation {
			return l.path(f)
		}
	}
	return ""
}

var (
	countWords   = []string{"count", "cnt"}
	placeWords   = []string{"spot", "position", "coord", "selection", "alignment"}
	pictureWords = []string{"image", "img", "picture"}
)

func isNamed(dir string, words []string) bool {
	base := strings.ToLower(filepath.Base(dir))
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(base, w) })
}

// siblingFolders lists the folders of places and pictures beside one of
// counts, as in counts/, spots/ and images/.
func siblingFolders(dir string) (found []listing) {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if !isNamed(dir, countWords) {
		return nil
	}
	parent, err := list(filepath.Dir(dir))
	if err != nil {
		return nil
	}
	for _, d := range parent.dirs {
		path := parent.path(d)
		if path == dir || !isNamed(path, placeWords) && !isNamed(path, pictureWords) {
			continue
		}
		if l, err := list(path); err == nil {
			found = append(found, l)
		}
	}
	return found
}

// hasToken tells whether a name contains a word as a whole: "A1_selection" has
// the word A1, "A10_selection" does not.
func hasToken(name, word string) bool {
	name, word = strings.ToLower(name), strings.ToLower(word)
	if word == "" {
		return false
	}
	letter := func(b byte) bool { return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' }
	for at := 0; ; {
		i := strings.Index(name[at:], word)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(word)
		if (from == 0 || !letter(name[from-1])) && (to == len(name) || !letter(name[to])) {
			return true
		}
		at = from + 1
	}
}

func isPicture(name string) bool {
	lower := strings.ToLower(name)
	switch filepath.Ext(lower) {
	case ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".btf":
		return !strings.Contains(lower, "lowres") && !strings.Contains(lower, "hires")
	}
	return false
}

// patientOf reads the patient off a section's name where all tables of the
// folder are named by a letter for the patient and a number for the section
// (A1 to F3), with several sections of one letter, as in the data of Andersson
// et al. (2021).
func patientOf(name string, l listing) string {
	sections, tables := make(map[string]int), 0
	for _, f := range l.files {
		if !isTable(f) {
			continue
		}
		s := Name(l.path(f))
		if len(s) < 2 || s[0] < 'A' || s[0] > 'Z' || !isDecimal(s[1:]) || strings.ContainsAny(s, ".-") {
			return ""
		}
		sections[s[:1]]++
		tables++
	}
	if len(sections) < 2 || len(sections) == tables || sections[name[:1]] == 0 {
		return ""
	}
	return name[:1]
}
