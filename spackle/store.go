package spackle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/spackle/safetensors"
	"github.com/spatialgo/spatialgo/spared/format"
)

// The files of a model folder.
const (
	weightsFile = "model.safetensors" // the best weights, by PyTorch's names
	recordFile  = "model.json"        // everything else about the model
	stateFile   = "state.safetensors" // to resume; gone once training is finished
)

// Model is a trained SpaCKLE network with all that is needed to use it.
type Model struct {
	Config   Config
	Genes    []string // Ensembl ids in the order of the network's columns
	Layer    string   // the layer of the data set that it was trained on
	Training Training

	weights weights
}

// Training records how a model came about.
type Training struct {
	Start    Start   `json:"start"`     // biases of the adapters before the first step
	Steps    int     `json:"steps"`     // steps that were asked for
	Batch    int     `json:"batch"`     // spots per step
	Rate     float64 `json:"lr"`        // learning rate
	Warmup   int     `json:"warmup"`    // steps over which the learning rate rose
	Seed     uint64  `json:"seed"`      // of all random numbers
	ValEvery int     `json:"val_every"` // steps between validations
	Rule     string  `json:"rule"`      // how values were hidden

	Data       string `json:"data"`        // sha256 of the data set's part that training depends on
	TrainSpots int    `json:"train_spots"` // spots learnt from
	ValSpots   int    `json:"val_spots"`   // spots validated on
	Engine     string `json:"engine"`      // what the last steps ran on

	Step       int     `json:"step"`         // steps taken
	BestStep   int     `json:"best_step"`    // step of the weights that were kept
	BestValMSE float64 `json:"best_val_mse"` // their validation MSE
	History    []Point `json:"history"`      // one per validation
}

// Finished reports whether all steps were taken.
func (t *Training) Finished() bool { return t.Step >= t.Steps }

// Point is one validation during training.
type Point struct {
	Step   int     `json:"step"`
	Loss   float64 `json:"loss"`    // Eq. 5, mean over the steps since the last point
	ValMSE float64 `json:"val_mse"` // over the hidden values of the validation spots
}

// record is model.json.
type record struct {
	Version  int      `json:"version"` // of this file's form
	Network  Config   `json:"network"`
	Layer    string   `json:"layer"`
	Genes    []string `json:"genes"`
	Weights  string   `json:"weights_sha256"` // of model.safetensors: the two files belong together
	Training Training `json:"training"`
}

const recordVersion = 1

// Save writes model.safetensors and model.json to a folder, which is made if
// there is none. Each file is replaced in one step; model.json, written last,
// holds the digest of the other, so that Load notices two files that do not
// belong together.
func (m *Model) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("spackle: %w", err)
	}
	f := safetensors.File{Tensors: map[string]safetensors.Tensor{}, Metadata: map[string]string{"format": "pt"}}
	for _, p := range m.Config.parameters() {
		f.Tensors[p.name] = safetensors.Float32(p.dims, m.weights[p.name])
	}
	digest, err := writeTensors(filepath.Join(dir, weightsFile), f)
	if err != nil {
		return err
	}
	r := record{recordVersion, m.Config, m.Layer, m.Genes, digest, m.Training}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("spackle: %w", err)
	}
	err = atomicfile.Write(filepath.Join(dir, recordFile), func(tmp string) error {
		return os.WriteFile(tmp, append(b, '\n'), 0o644)
	})
	if err != nil {
		return fmt.Errorf("spackle: saving the model: %w", err)
	}
	return nil
}

// writeTensors replaces a safetensors file and returns its sha256.
func writeTensors(path string, f safetensors.File) (string, error) {
	h := sha256.New()
	err := atomicfile.Write(path, func(tmp string) error {
		w, err := os.OpenFile(tmp, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return err
		}
		return errors.Join(safetensors.Write(io.MultiWriter(w, h), f), w.Close())
	})
	if err != nil {
		return "", fmt.Errorf("spackle: saving the model: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Load reads a model folder. A folder without a model gives an error that is
// fs.ErrNotExist; files that are damaged, do not belong together or do not
// hold the network that model.json describes give a *format.Error.
func Load(dir string) (*Model, error) {
	path := filepath.Join(dir, recordFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("spackle: no trained model in %s: %w", dir, err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, format.Errorf(path, "", "not a model's record: %w", err)
	}
	if err := r.check(path); err != nil {
		return nil, err
	}
	path = filepath.Join(dir, weightsFile)
	if b, err = os.ReadFile(path); err != nil {
		return nil, fmt.Errorf("spackle: the model in %s has no weights: %w", dir, err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != r.Weights {
		return nil, format.Errorf(path, "", "does not belong to %s beside it (their digests differ): damaged, or one of the two was replaced", recordFile)
	}
	f, err := safetensors.Parse(b)
	if err != nil {
		return nil, format.Errorf(path, "", "%w", err)
	}
	m := &Model{Config: r.Network, Genes: r.Genes, Layer: r.Layer, Training: r.Training}
	m.weights, err = readWeights(path, "", r.Network, f)
	return m, err
}

func (r *record) check(path string) error {
	if r.Version != recordVersion {
		return format.Errorf(path, "version", "%d, this program reads %d", r.Version, recordVersion)
	}
	if err := r.Network.check(); err != nil {
		return format.Errorf(path, "network", "%w", err)
	}
	if len(r.Genes) != r.Network.Genes {
		return format.Errorf(path, "genes", "%d genes for a network of %d", len(r.Genes), r.Network.Genes)
	}
	if r.Layer == "" {
		return format.Errorf(path, "layer", "missing")
	}
	return nil
}

// readWeights takes the parameters of network c, with a prefix to their names,
// out of a file.
func readWeights(path, prefix string, c Config, f safetensors.File) (weights, error) {
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

// bestPrefix marks the best weights among the tensors of a saved state.
const bestPrefix = "best/"

// saveState writes what is needed to go on: the state of the network and of
// Adam, the best weights so far, and the record.
func (r *run) saveState(l *learner) error {
	tensors, err := l.state()
	if err != nil {
		return err
	}
	for _, p := range r.model.Config.parameters() {
		if v, ok := r.model.weights[p.name]; ok {
			tensors[bestPrefix+p.name] = safetensors.Float32(p.dims, v)
		}
	}
	b, err := json.Marshal(savedRun{r.model.Training, r.losses, r.lossCount})
	if err != nil {
		return fmt.Errorf("spackle: %w", err)
	}
	_, err = writeTensors(filepath.Join(r.dir, stateFile), safetensors.File{Tensors: tensors, Metadata: map[string]string{"run": string(b)}})
	return err
}

// savedRun is the part of a saved state that is not tensors.
type savedRun struct {
	Training  Training `json:"training"`
	Losses    float64  `json:"losses"` // sum since the last validation
	LossCount int      `json:"loss_count"`
}

// loadState returns false where there is no state of this very run to go on
// from: none, one of other data or options, or a damaged one.
func (r *run) loadState(l *learner) bool {
	path := filepath.Join(r.dir, stateFile)
	f, err := safetensors.Open(path)
	if err != nil {
		return false
	}
	var s savedRun
	if err := json.Unmarshal([]byte(f.Metadata["run"]), &s); err != nil || !r.same(&s.Training) {
		return false
	}
	var best weights
	if len(s.Training.History) > 0 {
		if best, err = readWeights(path, bestPrefix, r.model.Config, f); err != nil {
			return false
		}
	}
	if err := l.restore(f.Tensors); err != nil {
		return false
	}
	engine := r.model.Training.Engine
	r.model.Training, r.model.weights = s.Training, best
	r.model.Training.Engine = engine
	r.losses, r.lossCount = s.Losses, s.LossCount
	return true
}

// same reports whether a recorded training is this one: the same data and
// options.
func (r *run) same(t *Training) bool {
	a, b := *t, r.model.Training
	for _, t := range []*Training{&a, &b} {
		t.Engine, t.Step, t.BestStep, t.BestValMSE, t.History = "", 0, 0, 0, nil
	}
	return reflect.DeepEqual(a, b)
}
