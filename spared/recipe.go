package spared

import "github.com/spatialgo/spatialgo/internal/progress"

// Order is the order in which the pipeline learns from the data.
type Order string

const (
	// Clean learns gene filter, gene choice and batch correction from train
	// spots only and applies them to the others. The default.
	Clean Order = "clean"
	// Released learns them from all spots of all splits together, as the
	// published SpaRED library does.
	Released Order = "released"
)

// GraphKind says which spots of a slide the adaptive median and Moran's I
// take for neighbours. Graphs never cross slides.
type GraphKind string

const (
	// GraphAuto is GraphSquare on slides whose spots lie on a square grid,
	// else GraphKNN: what the published library does with hex_geometry False
	// and True. The default.
	GraphAuto GraphKind = "auto"
	// GraphKNN takes the Recipe.Neighbors (6) nearest spots.
	GraphKNN GraphKind = "knn"
	// GraphHex takes the touching places of the hexagonal array, by
	// array_row and array_col.
	GraphHex GraphKind = "hex"
	// GraphSquare takes the eight nearest spots that lie within 1.3 times the
	// median of such distances (squidpy's coord_type "grid", n_neighs 8).
	GraphSquare GraphKind = "square"
	// GraphRadius takes all spots within Recipe.Radius spot pitches.
	GraphRadius GraphKind = "radius"
	// GraphDelaunay takes the spots joined by the Delaunay triangulation.
	GraphDelaunay GraphKind = "delaunay"
)

// Input is one slide, or several in one place, that a data set is built from.
type Input struct {
	Name    string `json:"name,omitempty"`    // slide name; "" = as the place tells: its folder's or file's, usually
	Dir     string `json:"path"`              // folder or file; see Formats
	Split   Split  `json:"split,omitempty"`   // None = assigned by Recipe.Train, Val, Test, else as the slide's file says, else by default
	Patient string `json:"patient,omitempty"` // "" = as Recipe.Patients says, else the slide's file; needed where Recipe.BatchKey is "patient"
	// Normalised says that the slide's values are not counts: they were
	// normalised before (parigi's are) and need not be whole. They go through
	// the pipeline as counts would, and the manifest says so.
	Normalised bool `json:"normalised,omitempty"`
}

// Recipe says how slides become a data set. The zero value of each field is
// the published setting, except that Order is Clean. Its JSON form is what
// ReadRecipe reads, what every data set carries and what "spared info
// --recipe" prints.
type Recipe struct {
	Inputs   []Input           `json:"inputs,omitempty"`
	Train    []string          `json:"train,omitempty"` // slide names
	Val      []string          `json:"val,omitempty"`
	Test     []string          `json:"test,omitempty"`
	Patients map[string]string `json:"patients,omitempty"` // patient of a slide, by slide name; Input.Patient wins
	// Labels holds what else is known of slides, by slide name and key, e.g.
	// A1: {condition: tumour}. Keys become columns of obs.
	Labels   map[string]map[string]string `json:"labels,omitempty"`
	Organism string                       `json:"organism,omitempty"` // "human" or "mouse"; "" = as the slides tell
	Order    Order                        `json:"order,omitempty"`    // "" = Clean

	SpotMin   float64  `json:"spot_min,omitempty"`   // a spot is kept when SpotMin < its counts < SpotMax; 0 = 10 and 1e6
	SpotMax   float64  `json:"spot_max,omitempty"`   //
	GeneMin   float64  `json:"gene_min,omitempty"`   // a gene is kept when GeneMin < its counts < GeneMax; 0 = 10 and 1e6
	GeneMax   float64  `json:"gene_max,omitempty"`   //
	RealShare float64  `json:"real_share,omitempty"` // share of measured values that the kept genes must reach together (real_data_percentage); 0 = 0.7
	GeneList  []string `json:"gene_list,omitempty"`  // ids or symbols of the genes to keep in place of the gene filter (wildcard_genes)
	Genes     int      `json:"genes,omitempty"`      // genes kept by Moran's I (top_moran_genes); 0 = 128 where more than 320 pass the filter, else 32

	Normalization Normalization `json:"normalization,omitempty"` // "" = TPM

	Graph      GraphKind `json:"graph,omitempty"`      // "" = GraphAuto
	Neighbors  int       `json:"neighbors,omitempty"`  // of GraphKNN; 0 = 6
	Radius     float64   `json:"radius,omitempty"`     // of GraphRadius, in spot pitches (median distance to the nearest spot); 0 = 1.5
	Transposed bool      `json:"transposed,omitempty"` // neighbours of a spot are those that count it among theirs (squidpy up to 1.3)
	Hops       int       `json:"hops,omitempty"`       // reach of the adaptive median; 0 = 4

	BatchKey   string   `json:"batch,omitempty"`            // "slide_id" (default), "patient" or "none"
	Covariates []string `json:"covariates,omitempty"`       // keys of Labels whose effect ComBat keeps; they must differ within batches, so batches are patients
	Reference  string   `json:"reference_batch,omitempty"`  // batch that stays as it is and that the others are moved onto; "" = none (Clean: the only train batch)
	MeanOnly   bool     `json:"mean_only,omitempty"`        // ComBat shifts batches without scaling them
	FirstGene  bool     `json:"first_gene_shift,omitempty"` // the bug of combat 0.3.3, which the published library calls; Released only, for comparison

	ValShare float64 `json:"val_share,omitempty"` // share of a lone slide's spots that validate; 0 = 0.2
	Seed     uint64  `json:"seed,omitempty"`      // of the spatial blocks of a lone slide; 0 = 42
	Noisy    bool    `json:"noisy,omitempty"`     // store the noisy_* layers too; Dataset.Noisy makes them on demand
	NoPanel  bool    `json:"no_panel,omitempty"`  // leave out the counts of the genes that passed the filter but were not chosen (Dataset.PanelCounts)
}

// Manifest records how a data set came about. It travels in the file
// (uns["spatialgo"]["manifest"], JSON) and decides whether Build opens the
// file or computes it anew.
type Manifest struct {
	Version int             `json:"version"` // of this record
	Tool    string          `json:"tool"`    // "spatialgo <version>"
	Recipe  Recipe          `json:"recipe"`  // as asked for, published settings filled in
	Inputs  []ManifestInput `json:"inputs"`

	Organism  string         `json:"organism"`            // "human" or "mouse"
	Splits    string         `json:"splits"`              // how spots came into their splits
	Completed string         `json:"completed,omitempty"` // method and settings, or model, that completed c_t_log1p; "" = none has
	Completer string         `json:"completer,omitempty"` // the method's name, for readers
	Notes     []string       `json:"notes"`               // what a reader of any number should know
	Steps     []ManifestStep `json:"steps"`               // what each step kept
}

// ManifestInput is one slide of the recipe with its files.
type ManifestInput struct {
	Slide string         `json:"slide"`
	Files []ManifestFile `json:"files"`
}

// ManifestFile is one file that was read.
type ManifestFile struct {
	Path   string `json:"path"` // relative to the slide's folder, or to the folder of the slide's file
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
}

// ManifestStep counts what was left after a step of the pipeline.
type ManifestStep struct {
	Name    string  `json:"name"`
	Spots   int     `json:"spots"`
	Genes   int     `json:"genes"`
	Missing float64 `json:"missing"` // share of entries without a measured value, 0 to 1
	Seconds float64 `json:"-"`       // not part of the file: same input, same bytes
}

// Event is news of long work: the step, how much of it is done, and text.
type Event = progress.Event

// Progress receives events; nil drops them.
type Progress = progress.Func
