package spackle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spared"
)

// Predict returns the network's output for the spot itself of each
// neighbourhood: a value for every gene of the network, in the unit of the layer
// that the model was trained on. input is [rows][genes] with 0 for what is
// missing or hidden, where the model reads Features followed by those, [rows][V];
// nbr is [spots][Config.Tokens] rows of input, as Neighborhoods returns it; the
// result is [spots][genes]. eng nil opens the best engine of this machine.
//
// A spot's prediction depends on the spots of its neighbourhood alone, not on
// which spots are predicted together (except for a model with attention over the
// Batch).
func (m *Model) Predict(ctx context.Context, eng *engine.Engine, input blas32.General, nbr []int32) (blas32.General, error) {
	c := m.Config.withDefaults()
	if input.Cols != c.columns() {
		return blas32.General{}, fmt.Errorf("spackle: an input of %d columns for a model of %d genes and %d features", input.Cols, c.Genes, c.Visual)
	}
	if len(nbr)%c.Tokens != 0 {
		return blas32.General{}, fmt.Errorf("spackle: %d neighbourhood entries, want a multiple of %d", len(nbr), c.Tokens)
	}
	for k, r := range nbr {
		if r < 0 || int(r) >= input.Rows {
			return blas32.General{}, fmt.Errorf("spackle: neighbourhood %d names row %d of %d", k/c.Tokens, r, input.Rows)
		}
	}
	if eng == nil {
		var err error
		if eng, err = engine.Open(engine.Options{}); err != nil {
			return blas32.General{}, fmt.Errorf("spackle: %w", err)
		}
		defer eng.Close()
	}
	n, err := newNetwork(eng, m.Config, m.weights)
	if err != nil {
		return blas32.General{}, err
	}
	defer n.store.Finalize()
	p, err := newPredictor(n)
	if err != nil {
		return blas32.General{}, err
	}
	defer p.exec.Finalize()
	return p.run(ctx, input, nbr)
}

// CompleteOptions directs Complete. The zero value uses the best engine of
// this machine.
type CompleteOptions struct {
	Engine   *engine.Engine  // nil = the best of this machine
	Progress spared.Progress // hears when prediction begins and ends; nil = silence
}

// Complete adds two layers to a data set: c_t_log1p, the layer that the model
// was trained on where a value was measured and the prediction where it was
// not (Eq. 6), and c_t_deltas, the same minus each gene's mean over train
// spots, which is stored in TrainMean. A data set without train spots gets the
// first layer only.
//
// The network sees 0 for every missing value that it completes, in the whole
// neighbourhood, not what the median filled in. Neighbours come from the spot's
// whole slide, whatever their split. The data set must have the model's genes
// and no others. Those that are context to the model keep the value that the
// layer has.
func (m *Model) Complete(ctx context.Context, ds *spared.Dataset, o CompleteOptions) error {
	columns, err := m.columnsOfAll(ds)
	if err != nil {
		return err
	}
	values, err := completeLayer(ds, m.Layer)
	if err != nil {
		return err
	}
	features, err := m.features(ds)
	if err != nil {
		return err
	}
	n, genes := ds.N()
	table, err := m.surroundings().of(ds, indices(n))
	if err != nil {
		return err
	}
	target := m.isTarget()
	wanted := func(i, k int) bool { return target[k] && !ds.Mask[i*genes+columns[k]] }
	input, done := matrix(n, genes), matrix(n, genes) // in the order of the network's genes, and of the data set's
	for i := range n {
		for k, g := range columns {
			v := values.Data[i*values.Stride+g]
			done.Data[i*genes+g] = v
			if !wanted(i, k) {
				input.Data[i*genes+k] = v
			}
		}
	}
	o.Progress.Send(spared.Event{Step: "completing with SpaCKLE", Total: n})
	predicted, err := m.Predict(ctx, o.Engine, beside(input, features), table)
	if err != nil {
		return err
	}
	o.Progress.Send(spared.Event{Step: "completing with SpaCKLE", Done: n, Total: n})
	for i := range n {
		for k, g := range columns {
			if wanted(i, k) {
				done.Data[i*genes+g] = predicted.Data[i*predicted.Stride+k]
			}
		}
	}
	dropCompletion(ds)
	ds.Manifest.Completer = "SpaCKLE"
	if m.Targets != nil {
		ds.Manifest.Completer = fmt.Sprintf("SpaCKLE (%d of %d genes)", m.Completes(), genes)
	}
	return ds.SetLayer(spared.LayerCTLog, spared.LayerCTDelta, done)
}

// columnsOfAll is columns of a data set that must have the network's genes, no
// others, and its layer.
func (m *Model) columnsOfAll(ds *spared.Dataset) ([]int, error) {
	if err := checkData(ds); err != nil {
		return nil, err
	}
	columns, err := m.columns(ds)
	if err != nil {
		return nil, err
	}
	if u := m.unknown(ds); u >= 0 {
		return nil, fmt.Errorf("spackle: the model was trained on %d genes, the data set has %d: %s (%s) is not among the model's; build a data set of the model's genes", len(m.Genes), len(ds.Genes), ds.Genes[u].ID, ds.Genes[u].Symbol)
	}
	if _, ok := ds.Layers[m.Layer]; !ok {
		return nil, fmt.Errorf("spackle: the model was trained on layer %q, which the data set does not have; it has %s: train a model on this data set, or take a method that needs none", m.Layer, strings.Join(ds.LayerNames(), ", "))
	}
	return columns, nil
}

// columns returns the column of the data set that each gene of the network has,
// or an error that names the first that is missing.
func (m *Model) columns(ds *spared.Dataset) ([]int, error) {
	at := places(geneIDs(ds))
	columns := make([]int, len(m.Genes))
	for k, id := range m.Genes {
		g, ok := at[id]
		if !ok {
			other := ""
			if u := m.unknown(ds); u >= 0 {
				other = fmt.Sprintf(", while %s (%s) is unknown to the model", ds.Genes[u].ID, ds.Genes[u].Symbol)
			}
			return nil, fmt.Errorf("spackle: the model was trained on %d genes, the data set has %d: %s is missing%s; a model completes only data sets of its genes", len(m.Genes), len(ds.Genes), id, other)
		}
		columns[k] = g
	}
	return columns, nil
}

// unknown returns the first column of the data set whose gene is none of the
// network's, or -1.
func (m *Model) unknown(ds *spared.Dataset) int {
	known := places(m.Genes)
	return slices.IndexFunc(ds.Genes, func(g spared.Gene) bool { _, ok := known[g.ID]; return !ok })
}

// isTarget says of each gene of the network whether it learnt to complete it.
func (m *Model) isTarget() []bool {
	in := places(m.Targets)
	target := make([]bool, len(m.Genes))
	for k, id := range m.Genes {
		_, ok := in[id]
		target[k] = ok || m.Targets == nil
	}
	return target
}

// features returns the embedding that the model reads beside the genes, for all
// spots of a data set.
func (m *Model) features(ds *spared.Dataset) (blas32.General, error) {
	f, err := featuresOf(ds, m.Features)
	if err == nil && f.Cols != m.Config.Visual {
		err = fmt.Errorf("spackle: embedding %s has %d columns, the model was trained with %d", m.Features, f.Cols, m.Config.Visual)
	}
	return f, err
}

// surroundings says which spots the network sees beside a spot.
func (m *Model) surroundings() surroundings {
	return surroundings{tokens: m.Config.withDefaults().Tokens, across: m.NeighborsAcrossSlides}
}
