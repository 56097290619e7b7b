package spackle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/spackle/safetensors"
	"github.com/spatialgo/spatialgo/spared/format"
)

// The files in the folder of a training.
const (
	modelFile = "model.safetensors" // the model: the best weights and all else about it
	stateFile = "state.safetensors" // to resume; gone once training is finished
)

// What the metadata of these files holds, as JSON, beside the tensors.
const (
	recordKey = "spatialgo.model" // a record, in a model
	runKey    = "spatialgo.run"   // a savedRun, in a state
)

// Model is a trained SpaCKLE network with all that is needed to use it.
type Model struct {
	Config   Config
	Genes    []string // Ensembl ids in the order of the network's columns
	Targets  []string // of these, the genes that it learnt to complete, in that order, the others being context; nil = all
	Layer    string   // the layer of the data set that it was trained on
	Features string   // the embedding of the picture that it reads too, by its name in Dataset.Obsm; "" = none
	Training Training

	NeighborsAcrossSlides bool // it was trained on neighbours of all slides; see TrainOptions

	weights weights
}

// Completes returns the number of genes that the network learnt to complete.
func (m *Model) Completes() int {
	if m.Targets == nil {
		return len(m.Genes)
	}
	return len(m.Targets)
}

// Training records how a model came about.
type Training struct {
	Start    Start   `json:"start"`              // biases of the adapters before the first step
	Steps    int     `json:"steps"`              // steps that were asked for
	Batch    int     `json:"batch"`              // spots per step
	Rate     float64 `json:"lr"`                 // learning rate
	Warmup   int     `json:"warmup"`             // steps over which the learning rate rose
	Patience int     `json:"patience,omitempty"` // validations without a new best after which it ends; 0 = never
	Seed     uint64  `json:"seed"`               // of all random numbers
	ValEvery int     `json:"val_every"`          // steps between validations
	Rule     string  `json:"rule"`               // how values were hidden

	Data       string `json:"data"`        // sha256 of the data set's part that training depends on
	TrainSpots int    `json:"train_spots"` // spots learnt from
	ValSpots   int    `json:"val_spots"`   // spots validated on
	Engine     string `json:"engine"`      // what the last steps ran on

	Step       int     `json:"step"`         // steps taken
	BestStep   int     `json:"best_step"`    // step of the weights that were kept
	BestValMSE float64 `json:"best_val_mse"` // their validation MSE
	History    []Point `json:"history"`      // one per validation
}

// Finished reports whether all steps were taken, or as many as Patience
// allowed.
func (t *Training) Finished() bool {
	if t.Step >= t.Steps {
		return true
	}
	since := 0 // validations since the best
	for _, p := range t.History {
		if p.Step > t.BestStep {
			since++
		}
	}
	return t.Patience > 0 && since >= t.Patience
}

// Point is one validation during training.
type Point struct {
	Step   int     `json:"step"`
	Loss   float64 `json:"loss"`    // Eq. 5, mean over the steps since the last point
	ValMSE float64 `json:"val_mse"` // over the hidden values of the validation spots
}

// record is what a model is beside its weights.
type record struct {
	Version  int      `json:"version"` // of the record's form
	Network  Config   `json:"network"`
	Layer    string   `json:"layer"`
	Genes    []string `json:"genes"`
	Targets  []string `json:"targets,omitempty"`
	Features string   `json:"features,omitempty"`
	Across   bool     `json:"neighbors_across_slides,omitempty"`
	Digest   string   `json:"digest"` // Model.Digest, which tells a damaged file
	Training Training `json:"training"`
}

const recordVersion = 1

// Save writes the model as one safetensors file: the weights by the names that
// PyTorch gives them, and everything else as JSON text under "spatialgo.model"
// in the file's metadata. What was at path is replaced in one step, so that
// there is a whole model at any time. The folder must exist.
func (m *Model) Save(path string) error {
	b, err := json.Marshal(record{recordVersion, m.Config.withDefaults(), m.Layer, m.Genes, m.Targets, m.Features, m.NeighborsAcrossSlides, m.Digest(), m.Training})
	if err != nil {
		return fmt.Errorf("spackle: saving the model: %w", err)
	}
	f := safetensors.File{
		Tensors:  map[string]safetensors.Tensor{},
		Metadata: map[string]string{"format": "pt", recordKey: string(b)}, // Python's readers ask for the format
	}
	for _, p := range m.Config.parameters() {
		f.Tensors[p.name] = safetensors.Float32(p.dims, m.weights[p.name])
	}
	return writeFile(path, f)
}

// writeFile replaces a safetensors file.
func writeFile(path string, f safetensors.File) error {
	err := atomicfile.Write(path, func(tmp string) error {
		w, err := os.OpenFile(tmp, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return err
		}
		return errors.Join(safetensors.Write(w, f), w.Close())
	})
	if err != nil {
		return fmt.Errorf("spackle: saving the model: %w", err)
	}
	return nil
}

// Load reads a model: the file that Save wrote, under any name, or the one in
// the folder of a training. Where there is none the error is fs.ErrNotExist; a
// file of another format, without a model's record, or damaged gives a
// *format.Error.
func Load(path string) (*Model, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, modelFile)
	}
	f, err := safetensors.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("spackle: no trained model: %s: %w; train one first", path, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("spackle: reading the model: %w; copy it again, or train anew", err)
	}
	return parse(path, f)
}

// parse takes a model out of the file at path.
func parse(path string, f safetensors.File) (*Model, error) {
	text, ok := f.Metadata[recordKey]
	if !ok {
		return nil, format.Errorf(path, "", "holds tensors, but no %s in its metadata: not a trained model; give the file or folder of one, or train it again", recordKey)
	}
	var r record
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, format.Errorf(path, recordKey, "not a model's record: %w", err)
	}
	if err := r.check(path); err != nil {
		return nil, err
	}
	c := r.Network.withDefaults()
	w, err := readWeights(path, "", c, f)
	if err != nil {
		return nil, err
	}
	m := &Model{Config: c, Genes: r.Genes, Targets: r.Targets, Layer: r.Layer, Features: r.Features, NeighborsAcrossSlides: r.Across, Training: r.Training, weights: w}
	if m.Digest() != r.Digest {
		return nil, format.Errorf(path, recordKey, "gives another digest than network and weights have: the file is damaged; copy it again, or train anew")
	}
	return m, nil
}

func (r *record) check(path string) error {
	if r.Version != recordVersion {
		return format.Errorf(path, recordKey+": version", "%d, this program reads %d", r.Version, recordVersion)
	}
	if err := r.Network.check(); err != nil {
		return format.Errorf(path, recordKey+": network", "%w", err)
	}
	if len(r.Genes) != r.Network.Genes {
		return format.Errorf(path, recordKey+": genes", "%d genes for a network of %d", len(r.Genes), r.Network.Genes)
	}
	at := places(r.Genes)
	for _, id := range r.Targets {
		if _, ok := at[id]; !ok {
			return format.Errorf(path, recordKey+": targets", "%q is none of the network's genes", id)
		}
	}
	if r.Layer == "" {
		return format.Errorf(path, recordKey+": layer", "missing")
	}
	if (r.Features != "") != (r.Network.Visual > 0) {
		return format.Errorf(path, recordKey+": features", "%q for a network that reads %d numbers of a picture", r.Features, r.Network.Visual)
	}
	return nil
}

// readWeights takes the parameters of network c, with a prefix to their names,
// out of a file.
func readWeights(path, prefix string, c Config, f safetensors.File) (weights, error) {
	if c.Layers > len(f.Tensors) { // before as many names are made
		return nil, format.Errorf(path, "", "%d tensors for a network of %d layers", len(f.Tensors), c.Layers)
	}
	w := weights{}
	for _, p := range c.parameters() {
		t, ok := f.Tensors[prefix+p.name]
		if !ok {
			return nil, format.Errorf(path, prefix+p.name, "missing")
		}
		if !slices.Equal(t.Shape, p.dims) {
			return nil, format.Errorf(path, prefix+p.name, "shape %v, want %v", t.Shape, p.dims)
		}
		v, err := t.Float32s()
		if err != nil {
			return nil, format.Errorf(path, prefix+p.name, "%w", err)
		}
		w[p.name] = v
	}
	return w, nil
}
