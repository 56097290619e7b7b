package spared

import (
	"fmt"
	"maps"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// Slide is one tissue section as its instrument wrote it.
type Slide = slide.Slide

// Image is a picture of the tissue.
type Image = slide.Image

// ScaleFactors relates pictures and spots.
type ScaleFactors = slide.ScaleFactors

// FormatError is the error of every reader: it names file, key and line.
type FormatError = format.Error

// Column is one column of numbers, text or categories.
type Column = h5ad.Column

// Split says what a spot is used for.
type Split uint8

// The splits of a data set. Spots in none of them are not used.
const (
	None Split = iota
	Train
	Val
	Test
)

// String returns "train", "val", "test" or "none", as stored in obs["split"].
func (s Split) String() string {
	switch s {
	case Train:
		return "train"
	case Val:
		return "val"
	case Test:
		return "test"
	}
	return "none"
}

// ParseSplit is the inverse of Split.String.
func ParseSplit(s string) (Split, error) {
	for _, p := range []Split{None, Train, Val, Test} {
		if s == p.String() {
			return p, nil
		}
	}
	return None, fmt.Errorf("%q is not a split: want train, val, test or none", s)
}

// MarshalText returns String, so that JSON holds words.
func (s Split) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (s *Split) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSplit(string(b))
	return err
}

// The layers of a data set, under the names that SpaRED gives them on disk.
// All are [spots][genes]. Letters before the underscore: d = zeros completed
// by the adaptive median, c = batch-corrected by ComBat, t = missing values
// completed by SpaCKLE.
const (
	LayerCounts  = "counts"     // raw counts
	LayerTPM     = "tpm"        // transcripts per million of the genes that passed the filter
	LayerCPM     = "cpm"        // counts per million of those genes; in place of tpm where the recipe says so
	LayerNorm    = "norm"       // counts per 10,000 of those genes; likewise
	LayerLog     = "log1p"      // log2(TPM+1), log2(CPM+1) or ln(CP10K+1); see Dataset.Unit
	LayerDLog    = "d_log1p"    // log1p, zeros completed by the adaptive median
	LayerCLog    = "c_log1p"    // log1p after ComBat
	LayerCDLog   = "c_d_log1p"  // d_log1p after ComBat
	LayerDeltas  = "deltas"     // log1p minus the gene's mean over train spots
	LayerDDeltas = "d_deltas"   // the same of d_log1p
	LayerCDeltas = "c_deltas"   // the same of c_log1p
	LayerCDDelta = "c_d_deltas" // the same of c_d_log1p
	LayerCTLog   = "c_t_log1p"  // c_d_log1p where measured, elsewhere as a completion says (Manifest.Completer)
	LayerCTDelta = "c_t_deltas" // c_t_log1p minus the gene's train mean

	// LayerCTLogSD is the standard deviation of c_t_log1p, 0 where it was
	// measured. It is that of the value if the gene was detected there.
	LayerCTLogSD = "c_t_log1p_sd"
	// LayerRate is log1p where a value was measured, and elsewhere the value of
	// the rate at which the gene is counted there, zeros included. Its unit is
	// that of log1p; it is not batch-corrected, since the line of a correction
	// was fitted to detected values, which a rate near 0 is far below.
	LayerRate = "t_log1p_rate"
)

// Spot is one row of a data set.
type Spot struct {
	ID                 string // unique: "<slide>_<barcode>"
	Barcode            string
	Slide              int // index into Dataset.Sections
	Split              Split
	ArrayRow, ArrayCol int     // place on the instrument's grid
	X, Y               float64 // centre, full-resolution pixels, x right, y down
	TotalCounts        float64 // sum of counts over the genes that passed the filter
	GenesDetected      int     // genes with a count, of those that passed the filter
	RPK                float64 // sum of count/length in bp over the genes that passed the filter and have one; of counts where the normalization does not use lengths
}

// Gene is one column of a data set.
type Gene struct {
	ID         string // Ensembl id without version
	Symbol     string
	Feature    string  // feature type, e.g. "Gene Expression"; "" where the slides do not say
	Genome     string  // e.g. "GRCh38"; "" likewise
	Length     float64 // bp, union of all exons (GENCODE); 0 where the normalization does not use lengths
	ExpFrac    float64 // least share of spots with a count, over the slides it was learnt from
	GlobalFrac float64 // share of all spots with a count (SpaRED's glob_exp_frac)
	Detected   int     // spots with a count
	Total      float64 // sum of counts
	Moran      float64 // mean Moran's I of d_log1p over the slides it was learnt from
}

// Section is one slide of a data set: its place in the splits and its
// pictures, without its counts.
type Section struct {
	Name    string
	Patient string            // "" where unknown
	Batch   string            // ComBat batch: the slide's or the patient's name
	Labels  map[string]string // what else the recipe says of the slide, by column of obs
	Scale   ScaleFactors
	Hires   *Image // nil where there is none
	Lowres  *Image // nil where there is none
	FullRes string // absolute path of the full-resolution picture, "" where there is none
}

// Affine is the batch correction as one straight line per batch and gene:
// corrected = Slope*x + Intercept. Rows are batches in the order of Batches,
// columns genes. ComBat is affine once fitted, so this is all of it.
type Affine struct {
	Batches   []string    // names of the rows; see Row
	Slope     [][]float64 // [batches][genes]
	Intercept [][]float64 // [batches][genes]
}

// Dataset is a curated data set: spots of one or more slides by the same
// genes, in layers. Spots of a slide are contiguous.
type Dataset struct {
	Spots    []Spot
	Genes    []Gene
	Sections []Section

	// Layers maps a name (see the Layer constants) to a dense matrix
	// [spots][genes].
	Layers map[string]blas32.General
	// Mask is true where a value was measured (count > 0), [spots][genes]
	// row-major.
	Mask []bool
	// TrainMean maps a *_log1p layer to its mean per gene over train spots,
	// the offset of the deltas layer made from it.
	TrainMean map[string][]float64
	// Correction maps c_log1p and c_d_log1p to the batch correction that made
	// them; empty where there is one batch only.
	Correction map[string]*Affine

	// Panel lists all genes that passed the filter (and, under TPM, have a
	// length), chosen or not, by rising id: normalised values are relative to
	// these.
	Panel []PanelGene
	// PanelCounts holds the raw counts of all of them, [spots][genes of Panel]:
	// what a spot's chosen genes can be completed from besides each other. In
	// the file it is anndata's raw. nil where the recipe leaves it out (NoPanel),
	// or the file is of an earlier version.
	PanelCounts *sparse.CSR

	// Raw sums the slides up as they were before any filter; nil where that is
	// not known.
	Raw *Raw

	// Obs and Var are further columns, one value a spot and one a gene: what
	// exploration adds (cluster) and what users bring. Names are not those of
	// the columns that the fields of Spot and Gene make.
	Obs, Var []Column
	// Obsm and Varm hold matrices along spots [spots][dims] and genes
	// [genes][dims] under the names that scanpy gives them: X_pca, X_umap,
	// embeddings_densenet; PCs. obsm["spatial"] is Spot.X and Y.
	Obsm, Varm map[string]blas32.General
	// Obsp holds graphs and distances between spots [spots][spots]:
	// connectivities, distances.
	Obsp map[string]*sparse.CSR
	// Uns holds what scanpy keeps beside the matrices (pca, neighbors, umap,
	// cluster_colors), of the types that package h5ad lists at AnnData.
	Uns map[string]any

	Manifest Manifest
}

// N returns the numbers of spots and genes.
func (d *Dataset) N() (spots, genes int) { return len(d.Spots), len(d.Genes) }

// SpotsOf returns the indices of the spots of section s (an index into
// Sections), rising.
func (d *Dataset) SpotsOf(s int) []int {
	var idx []int
	for i := range d.Spots {
		if d.Spots[i].Slide == s {
			idx = append(idx, i)
		}
	}
	return idx
}

// SpotsIn returns the indices of the spots of a split, rising.
func (d *Dataset) SpotsIn(s Split) []int {
	var idx []int
	for i := range d.Spots {
		if d.Spots[i].Split == s {
			idx = append(idx, i)
		}
	}
	return idx
}

// Section returns the index of the section of that name, or -1.
func (d *Dataset) Section(name string) int {
	for i := range d.Sections {
		if d.Sections[i].Name == name {
			return i
		}
	}
	return -1
}

// GeneIndex returns the column of the gene with that symbol or id, or -1. An
// id wins over a symbol; of equal symbols the first wins.
func (d *Dataset) GeneIndex(name string) int {
	sym := -1
	for j := range d.Genes {
		if d.Genes[j].ID == name {
			return j
		}
		if sym < 0 && d.Genes[j].Symbol == name {
			sym = j
		}
	}
	return sym
}

// geneName returns the symbol of gene j, or its id where it has none.
func (d *Dataset) geneName(j int) string {
	if s := d.Genes[j].Symbol; s != "" {
		return s
	}
	return d.Genes[j].ID
}

// Layer returns a layer, or an error that lists those there are.
func (d *Dataset) Layer(name string) (blas32.General, error) {
	m, ok := d.Layers[name]
	switch {
	case ok:
		return m, nil
	case slices.Contains(correctedLayers, name) && len(d.Correction) == 0:
		return m, fmt.Errorf("spared: no layer %q: it comes of batch correction, and the data set was not corrected (one batch, or none asked for); it has %v", name, d.LayerNames())
	}
	return m, fmt.Errorf("spared: no layer %q; the data set has %v", name, d.LayerNames())
}

// LayerNames returns the names of the layers, in pipeline order, then any
// others by name.
func (d *Dataset) LayerNames() []string { return orderedLayers(d.Layers) }

// Clone returns a copy to which layers can be added without changing d. What
// the layers, spots and genes themselves hold is shared.
func (d *Dataset) Clone() *Dataset {
	c := *d
	c.Layers, c.TrainMean, c.Correction = maps.Clone(d.Layers), maps.Clone(d.TrainMean), maps.Clone(d.Correction)
	c.Obs, c.Var = slices.Clone(d.Obs), slices.Clone(d.Var)
	c.Obsm, c.Varm, c.Obsp, c.Uns = maps.Clone(d.Obsm), maps.Clone(d.Varm), maps.Clone(d.Obsp), maps.Clone(d.Uns)
	return &c
}

// Missing returns the share of entries that were not measured, 0 to 1.
func (d *Dataset) Missing() float64 {
	if len(d.Mask) == 0 {
		return 0
	}
	n := 0
	for _, m := range d.Mask {
		if !m {
			n++
		}
	}
	return float64(n) / float64(len(d.Mask))
}
