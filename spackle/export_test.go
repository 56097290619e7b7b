package spackle

import (
	"math/rand/v2"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// GoEngine starts the engine that every machine has.
var GoEngine = goEngine

// Tokens is the number of spots of a neighbourhood by default.
const Tokens = Neighbors + 1

// CompleterOf makes a completer of any network, for tests without one.
func CompleterOf(ds *spared.Dataset, layer string, predict predictFunc) (baseline.Completer, error) {
	return CompleterOfModel(ds, Untrained(ds, layer, 1), predict)
}

// newSlideCompleter is CompleterOf within the package.
func newSlideCompleter(ds *spared.Dataset, layer string, predict predictFunc) (*slideCompleter, error) {
	return completerOf(ds, Untrained(ds, layer, 1), predict)
}

// CompleterOfModel is NewCompleter with any network in the place of the model's.
func CompleterOfModel(ds *spared.Dataset, m *Model, predict predictFunc) (baseline.Completer, error) {
	c, err := completerOf(ds, m, predict)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// TargetView is the view of a section in which the n most spatial genes are to
// be completed, with entries of theirs hidden.
func TargetView(ds *spared.Dataset, section, n int, hidden []bool) (*baseline.View, error) {
	genes, err := targets(ds, n)
	if err != nil {
		return nil, err
	}
	t, err := newTissue(ds, section, ds.SpotsOf(section), genes)
	if err != nil {
		return nil, err
	}
	return t.view(hidden)
}

// Untrained returns a small network with random weights for a data set.
func Untrained(ds *spared.Dataset, layer string, seed uint64) *Model {
	m := &Model{Layer: layer, Training: Training{BestStep: 30, Step: 50}}
	for _, g := range ds.Genes {
		m.Genes = append(m.Genes, g.ID)
	}
	m.Config = Config{Genes: len(m.Genes), Width: 6, Hidden: 10, Layers: 2, Attention: Neighborhood}
	m.weights = m.Config.initial(rand.New(rand.NewPCG(seed, 0)))
	return m
}

// Resized gives m random weights of its size.
func Resized(m *Model) *Model {
	m.weights = m.Config.initial(rand.New(rand.NewPCG(3, 0)))
	return m
}
