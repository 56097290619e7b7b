package spackle

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// CompleteFile is [Complete] as a step whose result is a file: it opens path if
// that holds this data set as completed by this method with these settings,
// else it completes a copy and saves it there. ds is left as it is.
func CompleteFile(ctx context.Context, ds *spared.Dataset, method baseline.Completer, path string, progress spared.Progress) (*spared.Dataset, error) {
	by, err := signature(method)
	if err != nil {
		return nil, err
	}
	return completeFile(ds, path, by, func(done *spared.Dataset) error { return Complete(ctx, done, method, progress) })
}

// CompleteFile is Complete as a step whose result is a file: it opens path if
// that holds this data set as completed by this model, else it completes a
// copy and saves it there. ds is left as it is. The engine plays no part in this:
// engines differ by rounding only.
func (m *Model) CompleteFile(ctx context.Context, ds *spared.Dataset, path string, o CompleteOptions) (*spared.Dataset, error) {
	return completeFile(ds, path, "spackle "+m.Digest(), func(done *spared.Dataset) error { return m.Complete(ctx, done, o) })
}

// completeFile opens path where it holds ds as completed by the method of that
// signature, or completes a copy and saves it.
func completeFile(ds *spared.Dataset, path, by string, complete func(*spared.Dataset) error) (*spared.Dataset, error) {
	if err := spared.CheckSave(path); err != nil {
		return nil, err
	}
	want := ds.Manifest
	want.Completed = by
	if have, err := spared.ReadManifest(path); err == nil && have.Fingerprint() == want.Fingerprint() {
		if done, err := spared.Open(path); err == nil && dataDigest(done) == dataDigest(ds) {
			return done, nil
		}
	}
	done := ds.Clone()
	if err := complete(done); err != nil {
		return nil, err
	}
	done.Manifest.Completed = by
	if err := spared.Save(done, path); err != nil {
		return nil, err
	}
	return done, nil
}

// evaluationFile is what EvaluateFile keeps: the evaluation with the parts
// that its own JSON leaves out.
type evaluationFile struct {
	Key        string        `json:"key"`
	Evaluation *Evaluation   `json:"evaluation"`
	Genes      [][]GeneScore `json:"genes"` // per method
	Pairs      [][]Pair      `json:"pairs"` // per method
}

// EvaluateFile is Evaluate as a step whose result is a file: it reads path if
// that holds the evaluation of the same data set, methods and options, else it
// evaluates and saves.
func EvaluateFile(ctx context.Context, ds *spared.Dataset, path string, o EvaluateOptions) (*Evaluation, error) {
	o, err := o.withDefaults(ds)
	if err != nil {
		return nil, err
	}
	if err := spared.CheckOutput(path); err != nil {
		return nil, err
	}
	key, err := evaluationKey(ds, o)
	if err != nil {
		return nil, err
	}
	if e := readEvaluation(path, key); e != nil {
		return e, nil
	}
	e, err := Evaluate(ctx, ds, o)
	if err != nil {
		return nil, err
	}
	f := evaluationFile{Key: key, Evaluation: e}
	for _, s := range e.Methods {
		f.Genes, f.Pairs = append(f.Genes, s.Genes), append(f.Pairs, s.Pairs)
	}
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("spackle: saving the evaluation: %w", err)
	}
	err = atomicfile.Write(path, func(tmp string) error { return os.WriteFile(tmp, append(b, '\n'), 0o644) })
	if err != nil {
		return nil, fmt.Errorf("spackle: saving the evaluation: %w", err)
	}
	return e, nil
}

// readEvaluation returns nil where the file does not hold the evaluation.
func readEvaluation(path, key string) *Evaluation {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var f evaluationFile
	if json.Unmarshal(b, &f) != nil || f.Key != key || f.Evaluation == nil {
		return nil
	}
	n := len(f.Evaluation.Methods)
	if len(f.Genes) != n || len(f.Pairs) != n {
		return nil
	}
	for i := range f.Evaluation.Methods {
		f.Evaluation.Methods[i].Genes, f.Evaluation.Methods[i].Pairs = f.Genes[i], slices.Clip(f.Pairs[i])
	}
	return f.Evaluation
}
