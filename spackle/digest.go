package spackle

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// A step whose result is a file opens it where everything that the result
// depends on is what it was. This file says how data sets, models and methods are
// told apart for that.

// methodsVersion is of what methods compute. Raise it where one of them computes
// something else than before, or old results would be opened.
const methodsVersion = 3

// dataDigest identifies the numbers of a data set, all that is not a
// completion's own: the manifest alone does not tell data sets apart that were
// curated from slides in memory.
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
	for _, name := range slices.Sorted(maps.Keys(ds.Obsm)) { // views show some, networks may read any
		fmt.Fprintf(h, "%q\n", name)
		hashRows(h, ds.Obsm[name])
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

// digester is a method that is identified by more than its exported fields.
type digester interface{ Digest() string }

// methodKey identifies a method by its name and all that it was given.
type methodKey struct {
	Name, Digest string
	Settings     any
}

func methodKeys(methods []baseline.Completer) []methodKey {
	var keys []methodKey
	for _, c := range methods {
		m := methodKey{Name: c.Name(), Settings: c}
		if d, ok := c.(digester); ok {
			m.Digest, m.Settings = d.Digest(), nil
		}
		keys = append(keys, m)
	}
	return keys
}

// evaluationKey identifies an evaluation by all that its numbers depend on.
func evaluationKey(ds *spared.Dataset, o EvaluateOptions) (string, error) {
	const version = 2 // of what an evaluation measures
	key, err := keyOf(struct {
		Version   [2]int
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
	}{
		[2]int{version, methodsVersion}, []string{dataDigest(ds), ds.Manifest.Fingerprint(), ds.Manifest.Splits, strings.Join(ds.Manifest.Notes, "\n")}, o.Name, methodKeys(o.Methods),
		o.Masks, o.Rule.String(), o.Seed, o.Split.String(), o.Pairs, o.Targets, o.Protocol, o.Bootstrap,
	})
	if err != nil {
		return "", fmt.Errorf("spackle: the key of an evaluation: %w", err)
	}
	return key, nil
}

// StepKey identifies a step of [Keep] by its data set, its methods and what else
// it depends on, of any types that JSON takes.
func StepKey(ds *spared.Dataset, methods []baseline.Completer, more ...any) (string, error) {
	key, err := keyOf(struct {
		Version           int
		Data, Fingerprint string
		Methods           []methodKey
		More              []any
	}{methodsVersion, dataDigest(ds), ds.Manifest.Fingerprint(), methodKeys(methods), more})
	if err != nil {
		return "", fmt.Errorf("spackle: the key of a step: %w", err)
	}
	return key, nil
}

// keyOf is the sha256 of a value as JSON.
func keyOf(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// signature names a method with its settings, for a data set's manifest.
func signature(method baseline.Completer) (string, error) {
	if d, ok := method.(digester); ok {
		return method.Name() + " " + d.Digest(), nil
	}
	settings, err := json.Marshal(method)
	if err != nil {
		return "", fmt.Errorf("spackle: the settings of %s: %w", method.Name(), err)
	}
	return fmt.Sprintf("%s %s, version %d", method.Name(), settings, methodsVersion), nil
}

// fingerprint is the sha256 of all data that a training depends on.
func (r *run) fingerprint() string {
	h := sha256.New()
	m := r.model
	head, err := json.Marshal([]any{"spackle 1", m.Config.brief(), m.Layer, m.Genes, r.p, r.trainRows, r.valRows})
	if err != nil {
		panic(err) // strings and finite numbers
	}
	h.Write(head)
	hashInts(h, r.trainTable)
	hashInts(h, r.valTable)
	genes := m.Config.Genes
	for i := range r.values.Rows {
		row := make([]byte, 0, 5*r.values.Cols)
		for g, v := range r.values.Data[i*r.values.Stride:][:r.values.Cols] {
			row = binary.LittleEndian.AppendUint32(row, math.Float32bits(v))
			switch {
			case g >= genes: // the picture
			case r.measured[i*genes+g]:
				row = append(row, 1)
			default:
				row = append(row, 0)
			}
		}
		h.Write(row)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashInts(h hash.Hash, v []int32) {
	b := make([]byte, 0, 4*len(v))
	for _, i := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(i))
	}
	h.Write(b)
}
