package visium

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
)

const (
	filtered = "filtered_feature_bc_matrix"
	rawCount = "raw_feature_bc_matrix"
)

// layout is where the parts of a slide lie; "" where there is none.
type layout struct {
	h5            string      // counts as HDF5
	mtx           matrixFiles // counts as Matrix Market text, where there is no h5
	positions     string
	scale         string
	hires, lowres string
	fullRes       string
	preview       string // the full-resolution picture, where hires and lowres ones are to be made from it
}

// listing is a folder with the names in it, sorted, hidden ones left out.
type listing struct {
	dir   string
	names []string
}

func list(dir string) (listing, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return listing{}, format.Missing(dir, "there is no such folder")
	case errors.Is(err, syscall.ENOTDIR):
		return listing{}, format.Errorf(dir, "", "is a file; give the Space Ranger outs folder that holds it")
	case err != nil:
		return listing{}, rawfile.FileError(dir, err)
	}
	l := listing{dir: dir}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			l.names = append(l.names, e.Name())
		}
	}
	return l, nil
}

// matches returns the names that are stem, or end in it ("Vis5A_" + stem),
// the exact one first.
func (l listing) matches(stem string) []string {
	var exact, prefixed []string
	for _, n := range l.names {
		if n == stem {
			exact = []string{n}
		} else if strings.HasSuffix(n, stem) {
			prefixed = append(prefixed, n)
		}
	}
	return append(exact, prefixed...)
}

// find returns the path of the first stem that has a match. An exact name
// goes before one with a prefix; several with a prefix are an error.
func (l listing) find(stems ...string) (string, error) {
	for _, stem := range stems {
		switch m := l.matches(stem); {
		case len(m) == 0:
		case len(m) == 1 || m[0] == stem:
			return filepath.Join(l.dir, m[0]), nil
		default:
			return "", l.ambiguous(stem, m)
		}
	}
	return "", nil
}

func (l listing) ambiguous(stem string, names []string) error {
	return format.Errorf(l.dir, "", "holds several files for %s: %s; move all but one away, one folder is one slide", stem, strings.Join(names, ", "))
}

// isDir tells whether the folder has a subfolder of that name.
func (l listing) isDir(name string) bool { return isFolder(filepath.Join(l.dir, name)) }

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// String lists the first names for an error message.
func (l listing) String() string {
	const most = 12
	switch n := len(l.names); {
	case n == 0:
		return "nothing"
	case n > most:
		return strings.Join(l.names[:most], ", ") + fmt.Sprintf(" and %d more", n-most)
	}
	return strings.Join(l.names, ", ")
}

// locate finds the parts of the slide in dir, whose counts are the raw ones
// where those are asked for and there, else the filtered ones.
func locate(dir string, raw bool) (*layout, error) {
	top, err := list(dir)
	if err != nil {
		return nil, err
	}
	lay := new(layout)
	kinds := []string{filtered, rawCount}
	if raw {
		kinds = []string{rawCount, filtered}
	}
	onlyRaw := false
	for _, kind := range kinds {
		if !lay.hasCounts() {
			if err := lay.counts(top, kind); err != nil {
				return nil, err
			}
			onlyRaw = lay.hasCounts() && kind == rawCount
		}
	}
	if err := lay.spatial(top); err != nil {
		return nil, err
	}
	switch {
	case !lay.hasCounts() || lay.positions == "":
		return nil, lay.missing(top)
	case onlyRaw && !raw:
		return nil, format.Errorf(dir, "", "holds raw counts only (%s); copy %s here as well, or ask for the raw ones (Options.Raw)", rawCount, filtered)
	}
	return lay, nil
}

func (lay *layout) hasCounts() bool { return lay.h5 != "" || lay.mtx.matrix != "" }

// counts looks for the counts: stem.h5, then the folder stem, then, for the
// filtered ones, the three text files beside each other.
func (lay *layout) counts(top listing, stem string) error {
	switch m := top.matches(stem + ".h5"); {
	case len(m) == 1:
		lay.h5 = filepath.Join(top.dir, m[0])
		return nil
	case len(m) > 1:
		return top.ambiguous(stem+".h5", m)
	}
	if top.isDir(stem) {
		sub, err := list(filepath.Join(top.dir, stem))
		if err != nil {
			return err
		}
		lay.mtx, err = textCounts(sub)
		return err
	}
	if len(top.matches("matrix.mtx.gz"))+len(top.matches("matrix.mtx")) == 0 || stem != filtered {
		return nil
	}
	var err error
	lay.mtx, err = textCounts(top)
	return err
}

// textCounts finds the three files of counts as text. Where a file lies there
// both packed and plain, the packed one is Space Ranger's own.
func textCounts(l listing) (matrixFiles, error) {
	var f matrixFiles
	for _, part := range []struct {
		path  *string
		stems []string
	}{
		{&f.matrix, []string{"matrix.mtx.gz", "matrix.mtx"}},
		{&f.barcodes, []string{"barcodes.tsv.gz", "barcodes.tsv"}},
		{&f.features, []string{"features.tsv.gz", "features.tsv", "genes.tsv.gz", "genes.tsv"}},
	} {
		var err error
		if *part.path, err = l.find(part.stems...); err != nil {
			return matrixFiles{}, err
		}
		if *part.path == "" {
			return matrixFiles{}, format.Errorf(l.dir, "", "holds no %s; found %v", strings.Join(part.stems, " or "), l)
		}
	}
	return f, nil
}

var positionStems = []string{
	"tissue_positions.csv", "tissue_positions_list.csv", "tissue_positions.csv.gz", "tissue_positions_list.csv.gz",
	parquetName,
}

// spatial looks for positions, scale factors and pictures in the subfolder
// spatial, then in the folder itself, then in a folder spatial beside it.
func (lay *layout) spatial(top listing) error {
	for _, dir := range []string{
		filepath.Join(top.dir, "spatial"), top.dir, filepath.Join(filepath.Dir(absolute(top.dir)), "spatial"),
	} {
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			continue
		}
		l, err := list(dir)
		if err != nil {
			return err
		}
		if lay.positions, err = l.find(positionStems...); err != nil {
			return err
		}
		if lay.positions != "" {
			return lay.pictures(l)
		}
	}
	return nil
}

// outerPictures looks for pictures of a Visium HD slide beside its bins, where
// a copy of the bins' own folder left out the links to them.
func (lay *layout) outerPictures(dir string) error {
	outer := filepath.Join(outsOf(dir), "spatial")
	if outsOf(dir) == dir || lay.hires != "" || lay.lowres != "" || !isFolder(outer) {
		return nil
	}
	l, err := list(outer)
	if err != nil {
		return err
	}
	own := *lay
	if err := lay.pictures(l); err != nil {
		return err
	}
	if own.scale != "" {
		lay.scale = own.scale // the bins' own spot diameter
	}
	return nil
}

// pictures finds what lies beside the positions. The registration pictures
// (aligned_fiducials, detected_tissue_image, cytassist_image) have marks drawn
// into them and never stand in for the hires picture.
func (lay *layout) pictures(l listing) (err error) {
	if lay.scale, err = l.find("scalefactors_json.json", "scalefactors_json.json.gz"); err != nil {
		return err
	}
	if lay.hires, err = l.find(pictureStems("tissue_hires_image")...); err != nil {
		return err
	}
	lay.lowres, err = l.find(pictureStems("tissue_lowres_image")...)
	return err
}

func pictureStems(name string) []string {
	var stems []string
	for _, ext := range []string{".png", ".jpg", ".jpeg", ".tif", ".tiff"} {
		stems = append(stems, name+ext)
	}
	return append(stems, name+".png.gz")
}

// missing says what a folder lacks to be a slide.
func (lay *layout) missing(top listing) error {
	if top.isDir(binnedOutputs) {
		return format.Errorf(top.dir, "", "is Visium HD output, but its %s holds no folder such as square_008um", binnedOutputs)
	}
	if top.isDir(segmentedOutputs) || len(top.matches("filtered_feature_cell_matrix.h5")) > 0 {
		return format.Errorf(top.dir, "", "holds Visium HD counts by segmented cell, which have no place on a grid; give the counts by bin (%s/square_008um)", binnedOutputs)
	}
	var lacks []string
	if !lay.hasCounts() {
		lacks = append(lacks, "counts ("+filtered+".h5, or a folder "+filtered+" with matrix.mtx.gz, barcodes.tsv.gz and features.tsv.gz)")
	}
	if lay.positions == "" {
		lacks = append(lacks, "positions (spatial/tissue_positions.csv or spatial/tissue_positions_list.csv)")
	}
	msg := "is not a Space Ranger outs folder: no " + strings.Join(lacks, " and no ") + "; found " + top.String()
	if top.isDir("outs") {
		msg += "; try its subfolder outs"
	}
	return format.Errorf(top.dir, "", "%s", msg)
}

// absolute is filepath.Abs for a path that may be shown or taken apart even
// where the working directory is gone.
func absolute(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return filepath.Clean(dir)
}

// IsSlide tells whether a folder looks like a Space Ranger outs folder: it
// holds counts and positions under their usual names, one of each or more.
// Whether they can be read only [Read] tells.
//
// The outs folder of a Visium HD slide is one slide, whichever of its bins are
// read.
func IsSlide(dir string) bool {
	if bins, err := Bins(dir); err == nil && len(bins) > 0 {
		return true
	}
	top, err := list(dir)
	if err != nil {
		return false
	}
	hasCounts := func(stem string) bool {
		return len(top.matches(stem+".h5")) > 0 || top.isDir(stem)
	}
	if _, err := textCounts(top); err != nil && !hasCounts(filtered) && !hasCounts(rawCount) {
		return false
	}
	var lay layout
	err = lay.spatial(top)
	return err != nil || lay.positions != ""
}

// Is tells whether a path is a slide of Space Ranger or a folder of several:
// whether [Find] finds any.
func Is(path string) bool {
	_, err := Find(path)
	return err == nil
}

// Find returns the slides in a folder, in natural order ("S2" before "S10"):
// the folder itself where it is one, else each direct subfolder that is one or
// whose subfolder outs is. Of a Visium HD slide it gives the outs folder once,
// not each of its bins, which are the same tissue; [Bins] lists those. That
// there is none is an error of type *format.Error.
func Find(parent string) ([]string, error) {
	if IsSlide(parent) {
		return []string{parent}, nil
	}
	top, err := list(parent)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(top.names, rawfile.Natural)
	var slides []string
	for _, name := range top.names {
		dir := filepath.Join(parent, name)
		for _, d := range []string{dir, filepath.Join(dir, "outs")} {
			if IsSlide(d) {
				slides = append(slides, d)
				break
			}
		}
	}
	if len(slides) == 0 {
		return nil, format.Errorf(parent, "", "neither it nor its subfolders are Space Ranger outs folders (%s.h5 and spatial/tissue_positions.csv); found %v", filtered, top)
	}
	return slides, nil
}
