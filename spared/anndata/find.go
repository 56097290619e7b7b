package anndata

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
)

// extension of the files that are looked for in a folder.
const extension = ".h5ad"

// Is tells whether a path is an .h5ad file (by what it holds, not by its
// name), a slide in one ("file.h5ad#slide"), or a folder with .h5ad files in
// it. It reads a few kilobytes.
func Is(path string) bool {
	file, _ := splitLocation(path)
	st, err := os.Stat(file)
	if err != nil {
		return false
	}
	if !st.IsDir() {
		return isFile(file)
	}
	names, err := filesIn(file)
	return err == nil && slices.ContainsFunc(names, isFile)
}

// isFile tells an AnnData file from other HDF5 files by its two tables.
func isFile(path string) bool {
	f, err := hdf5x.Open(path)
	if err != nil {
		return false
	}
	is := f.Exists("obs") && f.Exists("var")
	return f.Close() == nil && is
}

// filesIn lists the .h5ad files of a folder in natural order.
func filesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, rawfile.FileError(dir, err)
	}
	var names []string
	for _, e := range entries {
		if strings.EqualFold(filepath.Ext(e.Name()), extension) && !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, rawfile.Natural)
	for i, n := range names {
		names[i] = filepath.Join(dir, n)
	}
	return names, nil
}

// Find returns the locations of the slides in a file or in the .h5ad files of
// a folder, in natural order ("S2" before "S10"): the path of a file that holds
// one slide, "file.h5ad#slide" for each of several. How they are told apart is
// in the package documentation.
func Find(path string) ([]string, error) {
	file, name := splitLocation(path)
	if name != "" {
		return []string{path}, nil
	}
	st, err := os.Stat(file)
	if err != nil {
		return nil, rawfile.FileError(file, err)
	}
	if !st.IsDir() {
		return findIn(file)
	}
	files, err := filesIn(file)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, f := range files {
		locs, err := findIn(f)
		if err != nil {
			return nil, err
		}
		all = append(all, locs...)
	}
	if len(all) == 0 {
		return nil, format.Errorf(path, "", "holds no .h5ad file")
	}
	return all, nil
}

// findIn lists the slides of a file.
func findIn(path string) (locs []string, err error) {
	err = withFile(path, func(f *file) error {
		d, err := f.divide("")
		if err != nil {
			return err
		}
		if len(d.names) < 2 {
			locs = []string{path}
			return nil
		}
		for _, n := range d.names {
			locs = append(locs, path+"#"+n)
		}
		return nil
	})
	return locs, err
}

// Name returns the name that Read gives the slide at a location: what stands
// behind the "#", else the file's name without its extension.
func Name(loc string) string {
	file, name := splitLocation(loc)
	if name != "" {
		return name
	}
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// splitLocation splits "file#slide". A "#" may stand in the name of either, so
// the first one behind which an existing file ends is meant.
func splitLocation(loc string) (file, name string) {
	if _, err := os.Stat(loc); err == nil {
		return loc, ""
	}
	for i, c := range loc {
		if c != '#' {
			continue
		}
		if st, err := os.Stat(loc[:i]); err == nil && !st.IsDir() {
			return loc[:i], loc[i+1:]
		}
	}
	if file, name, ok := strings.Cut(loc, extension+"#"); ok {
		return file + extension, name // not there: let the error name the file
	}
	return loc, ""
}
