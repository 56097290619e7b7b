package spackle

import (
	"cmp"
	"fmt"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spared"
)

// TrainOptions directs Train. The zero value is the published setting, except
// for Steps, Batch and Start, which are chosen to come far in a minute or two
// of one processor.
type TrainOptions struct {
	Form Form // what the blanks below stand for; "" = FormPaper

	// The network.
	Attention Attention // "" = Neighborhood; released Batch
	Width     int       // of the transformer; 0 = 128; released the number of genes
	Heads     int       // of its attention, a divisor of Width; 0 = 1

	// What it learns from.
	Layer                 string // "" = c_d_log1p where the data set has a batch correction, else d_log1p
	Raw                   bool   // instead of that layer c_log1p or log1p, zeros as they are: the ablation without pre-completion
	Genes                 int    // learn so many genes only, those with the highest Moran's I; 0 = all of the data set
	Targets               int    // of these, hide and complete so many only; the others are context, which is always visible; 0 = all
	Neighbors             int    // of a spot; 0 = 18, negative = none; published also 6 and 36
	NeighborsAcrossSlides bool   // seek them on all slides of the split at once, as released; see the package's differences
	Features              string // matrix of Dataset.Obsm, an embedding of the picture, that is read beside the genes; "" = none

	// How it learns.
	Start    Start   // "" = StartMeans; published and released StartTorch
	Steps    int     // 0 = DefaultSteps; published 10,000
	Batch    int     // spots per step; 0 = DefaultBatch; published and released 256. Never more than there are train spots
	Rate     float64 // learning rate of Adam; 0 = 1e-3; published the best of Rates
	Warmup   int     // steps over which the rate rises to Rate; published 0
	Patience int     // end after so many validations in a row that were not the best so far; 0 = never, as published
	Seed     uint64  // 0 = 42
	ValEvery int     // steps between validations; 0 = 10

	Engine *engine.Engine // nil = the best of this machine
	Report func(Report)   // hears of each step, from one goroutine; nil = silence

	config func(*Config) // changes the network, in tests
}

// Form names one of the two networks called SpaCKLE. What sets them apart can
// also be chosen one by one.
type Form string

const (
	// FormPaper is the network that the paper describes. The default.
	FormPaper Form = "paper"
	// FormReleased is what the released library computes: attention over the
	// batch, as wide as there are genes, from PyTorch's start, 256 spots a step.
	// (That its neighbours may be of other slides is an option of its own,
	// NeighborsAcrossSlides.)
	FormReleased Form = "released"
)

// DefaultSteps and DefaultBatch are what a training takes where nothing else
// is asked for. On two slides of about 1,000 spots, 1,000 steps of 64 spots
// came further (validation MSE 1.13) and were done sooner (69 s) than 300
// steps of 256 spots (1.20, 90 s); see [Start] for what else that depends on.
const (
	DefaultSteps = 1000
	DefaultBatch = 64
)

// Start says which biases the two linear adapters start with. All other
// weights start as in PyTorch either way.
type Start string

const (
	// StartMeans sets the biases so that a spot of mean expression, gene by
	// gene over the train spots, enters the transformer as 0, and leaves as the
	// mean where the transformer gives 0. The default.
	StartMeans Start = "means"
	// StartTorch starts as PyTorch does, near 0 and thus some 10 units of
	// log2(TPM+1) from the data. The first steps then only move the output
	// there and align all features on the way: training takes several times the
	// steps, and without dropout the network can stay at a constant.
	StartTorch Start = "torch"
)

// withDefaults fills in what is left blank, and returns an error where the
// options contradict each other or the data set.
func (o TrainOptions) withDefaults(ds *spared.Dataset, trainSpots int) (TrainOptions, error) {
	o.Form = cmp.Or(o.Form, FormPaper)
	blank := TrainOptions{Attention: Neighborhood, Start: StartMeans, Batch: DefaultBatch}
	if o.Form == FormReleased {
		blank = TrainOptions{Attention: Batch, Start: StartTorch, Batch: 256}
	}
	o.Attention, o.Start, o.Batch = cmp.Or(o.Attention, blank.Attention), cmp.Or(o.Start, blank.Start), cmp.Or(o.Batch, blank.Batch)
	o.Steps, o.Rate = cmp.Or(o.Steps, DefaultSteps), cmp.Or(o.Rate, 1e-3)
	o.Seed, o.ValEvery, o.Neighbors = cmp.Or(o.Seed, 42), cmp.Or(o.ValEvery, 10), cmp.Or(o.Neighbors, Neighbors)
	genes := cmp.Or(o.Genes, len(ds.Genes))
	switch {
	case o.Form != FormPaper && o.Form != FormReleased:
		return o, fmt.Errorf("spackle: form %q, want %q or %q", o.Form, FormPaper, FormReleased)
	case o.Start != StartMeans && o.Start != StartTorch:
		return o, fmt.Errorf("spackle: start %q, want %q or %q", o.Start, StartMeans, StartTorch)
	case o.Steps < 0 || o.Batch < 0 || o.ValEvery < 0 || o.Warmup < 0 || o.Patience < 0 || !(o.Rate > 0) || !finite(o.Rate):
		return o, fmt.Errorf("spackle: %d steps of %d spots at learning rate %g, warm-up %d, validation every %d, patience %d: want positive and finite numbers", o.Steps, o.Batch, o.Rate, o.Warmup, o.ValEvery, o.Patience)
	case o.Width < 0 || o.Heads < 0:
		return o, fmt.Errorf("spackle: width %d, %d heads: want positive numbers", o.Width, o.Heads)
	case genes < 0 || genes > len(ds.Genes):
		return o, fmt.Errorf("spackle: %d genes are to be learnt, of the data set's %d", o.Genes, len(ds.Genes))
	case o.Targets < 0 || o.Targets > genes:
		return o, fmt.Errorf("spackle: %d genes are to be completed, of the %d that are learnt", o.Targets, genes)
	case o.Raw && o.Layer != "":
		return o, fmt.Errorf("spackle: layer %q and Raw, which chooses the layer: leave one of them out", o.Layer)
	}
	if o.Layer == "" {
		o.Layer = defaultLayer(ds, o.Raw)
	}
	o.Targets = cmp.Or(o.Targets, genes)
	o.Batch = min(o.Batch, trainSpots)
	return o, nil
}

// defaultLayer is what a network learns from.
func defaultLayer(ds *spared.Dataset, raw bool) string {
	switch corrected := len(ds.Correction) > 0; {
	case raw && corrected:
		return spared.LayerCLog
	case raw:
		return spared.LayerLog
	case corrected:
		return spared.LayerCDLog
	}
	return spared.LayerDLog
}

// network returns the form of the network.
func (o *TrainOptions) network(genes, features int) (Config, error) {
	c := Paper(genes)
	if o.Form == FormReleased {
		c = Released(genes)
	}
	c.Attention, c.Visual = o.Attention, features
	c.Width, c.Heads, c.Tokens = cmp.Or(o.Width, c.Width), cmp.Or(o.Heads, c.Heads), max(o.Neighbors, 0)+1
	if o.config != nil {
		o.config(&c)
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("spackle: %w", err)
	}
	return c, nil
}
