package spackle

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"os"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// CompleteFile is Complete as a step whose result is a file: it opens path if
// that holds this data set as completed by this model, else it completes a
// copy and saves it there. ds is left as it is. The engine plays no part in this:
// engines differ by rounding only.
func (m *Model) CompleteFile(ctx context.Context, ds *spared.Dataset, path string, o CompleteOptions) (*spared.Dataset, error) {
	return completeFile(ds, path, "spackle "+m.Digest(), func(done *spared.Dataset) error { return m.Complete(ctx, done, o) })
}

// dataDigest identifies the numbers of a data set, all that is not a
// completion's own: the manifest alone does not tell data sets apart that were curated from
// slides in memory.
func dataDigest(ds *spared.Dataset) string {
	h := sha256.New()
	for i := range ds.Sections {
		s := &ds.Sections[i]
		fmt.Fprintf(h, "%q %q %q\n", s.Name, s.Patient, s.Batch)
	}
	for i := range ds.Spots {
		fmt.Fprintf(h, "%+v\n", ds.Spots[i])
	}
	for g := range ds.Genes {
		fmt.Fprintf(h, "%+v\n", ds.Genes[g])
	}
	for _, name := range slices.Sorted(maps.Keys(ds.Correction)) {
		fmt.Fprintf(h, "%q %+v\n", name, *ds.Correction[name])
	}
	for _, name := range ds.LayerNames() {
		if slices.Contains(madeByCompletion, name) {
			continue
		}
		fmt.Fprintf(h, "%q ", name)
		hashRows(h, ds.Layers[name])
	}
	fmt.Fprintf(h, "%+v\n", ds.Panel)
	if m := ds.PanelCounts; m != nil {
		fmt.Fprintf(h, "panel %d x %d\n", m.Rows, m.Cols)
		binary.Write(h, binary.LittleEndian, m.IndPtr)
		binary.Write(h, binary.LittleEndian, m.Indices)
		binary.Write(h, binary.LittleEndian, m.Data)
	}
	for _, name := range slices.Sorted(maps.Keys(ds.Obsm)) { // of the picture, which views show
		if m := ds.Obsm[name]; strings.HasPrefix(name, "embeddings_") {
			fmt.Fprintf(h, "%q\n", name)
			hashRows(h, m)
		}
	}
	binary.Write(h, binary.LittleEndian, ds.Mask)
	return hex.EncodeToString(h.Sum(nil))
}

// hashRows adds a matrix to a hash, which takes everything.
func hashRows(h hash.Hash, m blas32.General) {
	fmt.Fprintf(h, "%d x %d\n", m.Rows, m.Cols)
	for i := range m.Rows {
		binary.Write(h, binary.LittleEndian, m.Data[i*m.Stride:][:m.Cols])
	}
}

// Digest identifies the network: the sha256 of its form, its layer, its genes,
// what else it reads and its weights.
func (m *Model) Digest() string {
	h := sha256.New()
	c := m.Config.brief()
	fmt.Fprintf(h, "{Genes:%d Width:%d Hidden:%d Layers:%d Dropout:%v Attention:%s} %q %q\n", c.Genes, c.Width, c.Hidden, c.Layers, c.Dropout, c.Attention, m.Layer, m.Genes)
	if c.Tokens > 0 || c.Heads > 0 || c.Visual > 0 || m.Targets != nil || m.NeighborsAcrossSlides { // files from before these have none
		fmt.Fprintf(h, "%d %d %d %q %q %t\n", c.Tokens, c.Heads, c.Visual, m.Targets, m.Features, m.NeighborsAcrossSlides)
	}
	for _, p := range m.Config.parameters() {
		fmt.Fprintf(h, "%s %v\n", p.name, p.dims)
		binary.Write(h, binary.LittleEndian, m.weights[p.name]) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
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

// methodKey identifies a method by its name and all that it was given.
type methodKey struct {
	Name, Digest string
	Settings     any
}

func methodKeys(methods []baseline.Completer) []methodKey {
	var keys []methodKey
	for _, c := range methods {
		m := methodKey{Name: c.Name(), Settings: c}
		if d, ok := c.(interface{ Digest() string }); ok {
			m.Digest, m.Settings = d.Digest(), nil
		}
		keys = append(keys, m)
	}
	return keys
}

// evaluationKey identifies an evaluation by all that its numbers depend on.
func evaluationKey(ds *spared.Dataset, o EvaluateOptions) (string, error) {
	const version = 2 // of what an evaluation measures
	b, err := json.Marshal(struct {
		Version   int
		Data      []string
		Name      string
		Methods   []methodKey
		Masks     int
		Rule      string
		Seed      uint64
		Split     string
		Pairs     int
		Targets   int
		Protocol  Protocol
		Bootstrap int
	}{version, []string{dataDigest(ds), ds.Manifest.Fingerprint(), ds.Manifest.Splits, strings.Join(ds.Manifest.Notes, "\n")}, o.Name, methodKeys(o.Methods), o.Masks, o.Rule.String(), o.Seed, o.Split.String(), o.Pairs, o.Targets, o.Protocol, o.Bootstrap})
	if err != nil {
		return "", fmt.Errorf("spackle: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
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

// Contestants returns what a data set's completion is usually judged by: the
// adaptive median, the kernel mean, the Poisson factor that is the default of
// Complete, and the model. eng nil opens the best
// engine of this machine, for as long as the program runs.
func Contestants(ds *spared.Dataset, m *Model, eng *engine.Engine) ([]baseline.Completer, error) {
	base := slices.DeleteFunc(Baselines(), func(c baseline.Completer) bool { return c.Name() != "median" && c.Name() != "kernel" })
	c, err := NewCompleter(m, ds, eng)
	if err != nil {
		return nil, err
	}
	return append(base, Default(), c), nil
}
