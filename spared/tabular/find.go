package tabular

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// kind is what a file is, by its first lines.
type kind int

const (
	kindOther kind = iota
	kindCounts
	kindPlaces
	kindAnnotation // of genes: ids and symbols
)

// listing is a folder's files and subfolders by name, hidden ones left out, in
// natural order.
type listing struct {
	dir         string
	files, dirs []string
}

func list(dir string) (listing, error) {
	l := listing{dir: dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return l, format.Missing(dir, "there is no such file or folder")
		}
		return l, rawfile.FileError(dir, err)
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		st, err := os.Stat(filepath.Join(dir, name)) // through links
		switch {
		case err != nil:
		case st.IsDir():
			l.dirs = append(l.dirs, name)
		case st.Mode().IsRegular():
			l.files = append(l.files, name)
		}
	}
	slices.SortFunc(l.files, rawfile.Natural)
	slices.SortFunc(l.dirs, rawfile.Natural)
	return l, nil
}

func (l listing) path(name string) string { return filepath.Join(l.dir, name) }

// stem is a file's name without what tells its format.
func stem(name string) string {
	name = strings.TrimSuffix(name, ".gz")
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// isTable and isMatrix go by the name, which here only says what is worth
// looking into.
func isTable(name string) bool {
	switch filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz")) {
	case ".tsv", ".csv", ".txt", ".tab":
		return true
	}
	return false
}

func isMatrix(name string) bool {
	return filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz")) == ".mtx"
}

// sniff tells what a table is by its header and first line. A table of counts
// has numbers in its first line and spots as the names of its rows or columns.
func sniff(path string) kind {
	t, err := openText(path)
	if err != nil {
		return kindOther
	}
	defer t.Abandon()
	head, err := t.header()
	if err != nil {
		return kindOther
	}
	if isPlaces(head) {
		return kindPlaces
	}
	if _, _, ok := annotationColumns(head); ok {
		return kindAnnotation
	}
	line, err := t.next()
	if err != nil {
		return kindOther
	}
	cells, err := t.cells(line)
	if err != nil || isHeaderless(head) || len(cells) < 2 || len(cells) < len(head) || len(cells) > len(head)+1 {
		return kindOther
	}
	for _, cell := range cells[1:] {
		if _, ok := parseFinite(cell); !ok && cell != "" && !strings.EqualFold(cell, "na") {
			return kindOther
		}
	}
	names := head[len(head)-len(cells)+1:]
	if spotLike(cells[:1]) || spotLike(names[:min(len(names), 20)]) {
		return kindCounts
	}
	return kindOther
}

// Is tells whether a path is a slide given as tables, or a folder of several:
// whether [Find] finds any.
func Is(path string) bool {
	_, err := Find(path)
	return err == nil
}

// Find returns the slides at a path, in natural order. The path is one of
//
//   - a table of counts or a Matrix Market file;
//   - a folder of either;
//   - a folder whose direct subfolders are such folders.
//
// What a table is, its first lines decide; see the package documentation. A
// table whose spots belong to several slides gives one location for each,
// "FILE#SLIDE". That there is none is an error of type *format.Error.
func Find(path string) ([]string, error) {
	if _, err := os.Stat(path); err != nil {
		if _, slide := splitLoc(path); slide != "" {
			return []string{path}, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, format.Missing(path, "there is no such file or folder")
		}
		return nil, rawfile.FileError(path, err)
	}
	if !isFolder(path) {
		if isMatrix(path) || isTable(path) && sniff(path) == kindCounts {
			return expand(path)
		}
		return nil, format.Errorf(path, "", "is not a table of counts: want a header, then a line for each spot with its name (as 10x21 or a barcode) and a number for each gene, or the same with rows and columns swapped")
	}
	found, err := findIn(path)
	if err != nil || len(found) > 0 {
		return found, err
	}
	l, err := list(path)
	if err != nil {
		return nil, err
	}
	for _, sub := range l.dirs {
		if visium.IsSlide(l.path(sub)) {
			continue
		}
		more, err := findIn(l.path(sub))
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	if len(found) == 0 {
		return nil, format.Errorf(path, "", "neither it nor its subfolders hold tables of counts; found %s", join(append(l.dirs, l.files...)))
	}
	return found, nil
}

// findIn returns the slides whose counts lie in a folder.
func findIn(dir string) ([]string, error) {
	l, err := list(dir)
	if err != nil {
		return nil, err
	}
	var matrices, found []string
	for _, name := range l.files {
		if isMatrix(name) {
			matrices = append(matrices, name)
		}
	}
	for _, name := range matrices {
		if names, err := namesOf(l.path(name)); err != nil || !names.hasPlaces() {
			continue
		}
		if len(matrices) == 1 {
			return []string{dir}, nil
		}
		found = append(found, l.path(name))
	}
	if len(found) > 0 {
		return found, nil
	}
	for _, name := range l.files {
		if isTable(name) && sniff(l.path(name)) == kindCounts {
			more, err := expand(l.path(name))
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
	}
	return found, nil
}

// expand lists the slides in a table of counts.
func expand(path string) ([]string, error) {
	lay, err := locate(path, Options{})
	if err != nil {
		return []string{path}, nil // Read says what is wrong
	}
	r := new(reader)
	p, err := r.places(lay)
	if err != nil || p == nil || len(p.slides()) < 2 {
		return []string{path}, nil
	}
	var found []string
	for _, s := range p.slides() {
		found = append(found, path+"#"+s)
	}
	slices.SortFunc(found, rawfile.Natural)
	return found, nil
}

// splitLoc takes a location apart into a path and, after the last "#", the
// slide in it.
func splitLoc(loc string) (path, slide string) {
	if _, err := os.Lstat(loc); err == nil {
		return loc, ""
	}
	i := strings.LastIndexByte(loc, '#')
	if i < 0 {
		return loc, ""
	}
	if _, err := os.Lstat(loc[:i]); err != nil {
		return loc, ""
	}
	return loc[:i], loc[i+1:]
}

// Name returns the default name of the slide at a location: what stands after
// "#", else the file's name without its endings ("C1" for C1_stdata.tsv.gz),
// or the folder's where the file's says nothing.
func Name(loc string) string {
	path, slide := splitLoc(loc)
	if slide != "" {
		return slide
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if isFolder(path) {
		return filepath.Base(path)
	}
	name := stem(filepath.Base(path))
	lower := strings.ToLower(name)
	for _, end := range []string{"filtered_feature_bc_matrix", "expression_matrix", "count_matrix", "counts_matrix", "stdata", "counts", "matrix"} {
		if strings.HasSuffix(lower, end) {
			name = strings.TrimRight(name[:len(name)-len(end)], "_-. ")
			break
		}
	}
	if name == "" {
		return filepath.Base(filepath.Dir(path))
	}
	return name
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// join lists the first names for an error message.
func join(names []string) string {
	const most = 12
	switch n := len(names); {
	case n == 0:
		return "nothing"
	case n > most:
		return strings.Join(names[:most], ", ") + " and more"
	}
	return strings.Join(names, ", ")
}
