package spackle

import (
	"math/rand/v2"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// CompleterOf makes a completer of any network, for tests without one.
func CompleterOf(ds *spared.Dataset, layer string, predict predictFunc) (baseline.Completer, error) {
	c, err := newSlideCompleter(ds, layer, predict)
	if err != nil {
		return nil, err
	}
	return c, nil
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
