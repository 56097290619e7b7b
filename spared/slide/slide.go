// Package slide holds one tissue section as its instrument wrote it: raw
// counts, where each spot lies, and the picture. Readers of file formats
// (visium, tabular, anndata) make a Slide; package spared curates
// slides into a data set. Users meet it as spared.Slide.
package slide

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared/sparse"
)

// Gene is one row of a slide's feature table.
type Gene struct {
	ID      string // as in the file, e.g. "ENSMUSG00000051951" or "ENSG00000000003.15"
	Symbol  string // may repeat within a slide
	Feature string // feature type, e.g. "Gene Expression"
	Genome  string // e.g. "GRCh38"; "" where the file does not say
}

// ScaleFactors is Space Ranger's scalefactors_json.json. Lengths are in
// full-resolution pixels. A factor of 0 means that the file lacks it.
type ScaleFactors struct {
	SpotDiameter     float64 // spot_diameter_fullres
	FiducialDiameter float64 // fiducial_diameter_fullres
	Hires            float64 // tissue_hires_scalef: hires pixel = full-resolution pixel x Hires
	Lowres           float64 // tissue_lowres_scalef
	MicronsPerPixel  float64 // microns_per_pixel (Visium HD); 0 elsewhere
}

// Image is a picture of the tissue, 8-bit RGB, row-major.
type Image struct {
	Width, Height int
	Pix           []uint8 // [Height][Width][3]
}

// Source is one file that a slide was read from.
type Source struct {
	Path   string // as opened
	SHA256 string // hex digest of its bytes
	Size   int64  // bytes
}

// Slide is one tissue section. All per-spot slices have the length of
// Barcodes, and Counts is [len(Barcodes)][len(Genes)].
type Slide struct {
	Name     string // unique within a data set; by default the folder's name
	Barcodes []string
	Genes    []Gene
	Counts   *sparse.CSR // raw counts, [spots][genes]

	InTissue           []bool
	ArrayRow, ArrayCol []int     // place on the instrument's grid
	X, Y               []float64 // centre in full-resolution pixels, x right, y down

	Scale        ScaleFactors
	Hires        *Image // nil where the folder has none
	Lowres       *Image // nil where the folder has none
	FullRes      string // path of the full-resolution picture; "" where there is none
	FullResSize  [2]int // its width and height in pixels; 0, 0 where unknown
	Patient      string // subject, where the file says; else ""
	Split        string // "train", "val" or "test", where the file says; else ""
	Organism     string // "human" or "mouse" where the file's genome or gene ids tell; else ""
	Chemistry    string // chemistry_description, where the file tells
	Sources      []Source
	SourceFormat string // e.g. "Space Ranger"
}

// Check returns an error unless all parts of the slide fit together.
func (s *Slide) Check() error {
	n := len(s.Barcodes)
	for _, c := range []struct {
		what string
		n    int
	}{
		{"in_tissue flags", len(s.InTissue)}, {"array rows", len(s.ArrayRow)}, {"array columns", len(s.ArrayCol)},
		{"x coordinates", len(s.X)}, {"y coordinates", len(s.Y)},
	} {
		if c.n != n {
			return fmt.Errorf("slide %s: %d %s for %d spots", s.Name, c.n, c.what, n)
		}
	}
	if s.Counts == nil || s.Counts.Rows != n || s.Counts.Cols != len(s.Genes) {
		return fmt.Errorf("slide %s: counts do not have the shape %d spots x %d genes", s.Name, n, len(s.Genes))
	}
	if err := s.Counts.Check(); err != nil {
		return fmt.Errorf("slide %s: %w", s.Name, err)
	}
	return nil
}
