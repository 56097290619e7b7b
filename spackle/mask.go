package spackle

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// Rule says how often the measured values of a gene are hidden; see
// [baseline.Rule].
type Rule = baseline.Rule

// The rules. The zero value is P30.
const (
	P30  = baseline.P30
	PMed = baseline.PMed
)

// ParseRule is the inverse of Rule.String.
func ParseRule(s string) (Rule, error) {
	r, err := baseline.ParseRule(s)
	if err != nil {
		return r, fmt.Errorf("spackle: %w", err)
	}
	return r, nil
}

// detected returns f_g as the data set's order of the pipeline allows: learnt
// from train spots, or for the released order from all spots.
func detected(ds *spared.Dataset) []float64 {
	if ds.Manifest.Recipe.Order != spared.Released {
		return detectedInTrain(ds)
	}
	f := make([]float64, len(ds.Genes))
	for g := range f {
		f[g] = ds.Genes[g].GlobalFrac
	}
	return f
}

// The streams of random numbers of one training. Each number drawn is a
// function of the seed, the stream and its index (a step or an epoch) alone,
// so a training that was interrupted goes on with the numbers it would have
// had.
const (
	streamWeights    = iota // initial weights
	streamOrder             // order of the train spots, by epoch
	streamMask              // what is hidden, by step
	streamDropout           // key of the dropout masks, by step
	streamValidation        // what is hidden from the validation
)

func source(seed uint64, stream, index int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(stream)<<48|uint64(index)))
}

// keyed is the source of what an evaluation draws for one purpose, at up to two
// places. ChaCha8 keyed by all of them makes the draws independent of each other
// and of their order.
func keyed(purpose string, seed uint64, places ...int) *rand.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], seed)
	for k, place := range places {
		binary.LittleEndian.PutUint64(key[8+8*k:], uint64(place))
	}
	copy(key[24:], purpose)
	return rand.New(rand.NewChaCha8(key))
}
