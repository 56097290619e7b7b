package visium

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
)

const (
	binnedOutputs    = "binned_outputs"
	segmentedOutputs = "segmented_outputs"
	parquetName      = "tissue_positions.parquet"
)

// Bin is one binning of a Visium HD slide: the array's squares of 2 µm, or
// larger squares made of them.
type Bin struct {
	Microns int    // side of a bin in µm
	Dir     string // folder with its counts and positions
}

// Bins lists the binnings of a Visium HD slide by rising size, from the
// outs folder that holds binned_outputs/square_002um, square_008um and so on.
// A slide that is not Visium HD has none.
func Bins(outs string) ([]Bin, error) {
	dir := outs
	if filepath.Base(absolute(outs)) != binnedOutputs {
		dir = filepath.Join(outs, binnedOutputs)
		if top, err := list(outs); err != nil || !top.isDir(binnedOutputs) {
			return nil, err
		}
	}
	l, err := list(dir)
	if err != nil {
		return nil, err
	}
	var bins []Bin
	for _, name := range l.names {
		if m := binMicrons(name); m > 0 && isFolder(filepath.Join(dir, name)) {
			bins = append(bins, Bin{Microns: m, Dir: filepath.Join(dir, name)})
		}
	}
	slices.SortFunc(bins, func(a, b Bin) int { return a.Microns - b.Microns })
	return bins, nil
}

// binMicrons reads the size in a folder's name, as in square_008um; 0 where
// it is none.
func binMicrons(name string) int {
	digits, ok := strings.CutPrefix(name, "square_")
	digits, ok2 := strings.CutSuffix(digits, "um")
	n, err := strconv.Atoi(digits)
	if !ok || !ok2 || err != nil || n < 1 || n > 1000 {
		return 0
	}
	return n
}

// preferredBins are the sizes that are read where the caller names none: 8 µm
// is what 10x Genomics recommends to begin with, and a bin of 2 µm holds too
// few molecules for statistics of single genes.
var preferredBins = []int{8, 16}

// binFolder returns the folder to read: dir itself or, where dir is the outs
// folder of a Visium HD slide, that of the bins asked for.
func binFolder(dir string, microns int) (string, error) {
	bins, err := Bins(dir)
	switch {
	case err != nil:
		return "", err
	case len(bins) == 0 && microns > 0 && binMicrons(filepath.Base(absolute(dir))) != microns:
		return "", format.Errorf(dir, "", "has no bins of %d µm (Options.BinMicrons): it is not the outs folder of a Visium HD slide", microns)
	case len(bins) == 0:
		return dir, nil
	}
	want := []int{microns}
	if microns == 0 {
		want = append(preferredBins[:len(preferredBins):len(preferredBins)], bins[len(bins)-1].Microns)
	}
	var sizes []string
	for _, w := range want {
		sizes = nil
		for _, b := range bins {
			if b.Microns == w {
				return b.Dir, nil
			}
			sizes = append(sizes, strconv.Itoa(b.Microns))
		}
	}
	return "", format.Errorf(dir, "", "has no bins of %d µm; there are those of %s µm (Options.BinMicrons)", microns, strings.Join(sizes, ", "))
}

// outsOf returns the outs folder that a folder of bins belongs to, or the
// folder itself.
func outsOf(dir string) string {
	if parent := filepath.Dir(absolute(dir)); filepath.Base(parent) == binnedOutputs {
		return filepath.Dir(parent)
	}
	return dir
}

// sourceFormat names what a slide was read from.
func (lay *layout) sourceFormat(dir string) string {
	switch m := binMicrons(filepath.Base(absolute(dir))); {
	case !strings.HasSuffix(lay.positions, ".parquet"):
		return "Space Ranger"
	case m > 0:
		return "Space Ranger, Visium HD, bins of " + strconv.Itoa(m) + " µm"
	}
	return "Space Ranger, Visium HD"
}
