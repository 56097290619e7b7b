package spackle

import (
	"encoding/binary"
	"math/rand/v2"
)

// The streams of random numbers of one training, see source. Each number drawn is a
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

// source is that of a stream of a training at an index.
func source(seed uint64, stream, index int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(stream)<<48|uint64(index)))
}

// keyed is the source of what an evaluation draws for one purpose, at up to two
// places. The purpose has at most 8 bytes. ChaCha8 keyed by all of them makes the draws independent of each other
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
