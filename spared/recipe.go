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

// Input is one slide that a data set is built from.
type Input struct {
	Name    string // slide name; "" = the folder's name
	Dir     string // Space Ranger outs folder
	Split   Split  // None = assigned by Recipe.Train, Val, Test, or by default
	Patient string // "" = unknown; needed where Recipe.BatchKey is "patient"
}

// Recipe says how slides become a data set. The zero value of each field is
// the published setting, except that Order is Clean.
type Recipe struct {
	Inputs   []Input
	Train    []string // slide names
	Val      []string
	Test     []string
	Patients map[string]string // patient of a slide, by slide name; Input.Patient wins
	Organism string            // "human" or "mouse"; "" = as the slides tell
	Order    Order             // "" = Clean
	BatchKey string            // "slide_id" (default), "patient" or "none"

	SpotMin, SpotMax float64 // a spot is kept when SpotMin < its counts < SpotMax; 0 = 10 and 1e6
	GeneMin, GeneMax float64 // a gene is kept when GeneMin < its counts < GeneMax; 0 = 10 and 1e6
	RealShare        float64 // share of measured values that the kept genes must reach together; 0 = 0.7
	Genes            int     // genes kept by Moran's I; 0 = 128 where more than 320 pass the filter, else 32
	Hops             int     // reach of the adaptive median; 0 = 4
	ValShare         float64 // share of a lone slide's spots that validate; 0 = 0.2
	Seed             uint64  // of the spatial blocks of a lone slide; 0 = 42
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
	Completed string         `json:"completed,omitempty"` // which model completed c_t_log1p; "" = none has
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
	Path   string `json:"path"` // relative to the slide's folder
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
