package spackle

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"

	"github.com/spatialgo/spatialgo/spackle/safetensors"
)

// While a training is not finished, state.safetensors in its folder holds what
// the next step depends on.

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
	return writeFile(filepath.Join(r.dir, stateFile), safetensors.File{Tensors: tensors, Metadata: map[string]string{runKey: string(b)}})
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
	if err := json.Unmarshal([]byte(f.Metadata[runKey]), &s); err != nil || !r.same(&s.Training) {
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
