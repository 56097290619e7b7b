package spackle

import (
	"context"
	"fmt"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spared"
)

// Predict returns the network's output for the spot itself of each
// neighbourhood: a value for every gene, in the unit of the layer that the
// model was trained on. input is [rows][genes] with 0 for what is missing or
// hidden; nbr is [spots][Tokens] rows of input, as Neighborhoods returns it;
// the result is [spots][genes]. eng nil opens the best engine of this machine.
//
// A spot's prediction depends on its 19 spots alone, not on which spots are
// predicted together (except for a model with attention over the Batch).
func (m *Model) Predict(ctx context.Context, eng *engine.Engine, input blas32.General, nbr []int32) (blas32.General, error) {
	if input.Cols != m.Config.Genes {
		return blas32.General{}, fmt.Errorf("spackle: an input of %d genes for a model of %d", input.Cols, m.Config.Genes)
	}
	if len(nbr)%Tokens != 0 {
		return blas32.General{}, fmt.Errorf("spackle: %d neighbourhood entries, want a multiple of %d", len(nbr), Tokens)
	}
	for k, r := range nbr {
		if r < 0 || int(r) >= input.Rows {
			return blas32.General{}, fmt.Errorf("spackle: neighbourhood %d names row %d of %d", k/Tokens, r, input.Rows)
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
// The network sees 0 for every missing value, in the whole neighbourhood, not
// what the median filled in. Neighbours come from the spot's whole slide,
// whatever their split. The data set must have the model's genes in the
// model's order.
func (m *Model) Complete(ctx context.Context, ds *spared.Dataset, o CompleteOptions) error {
	if err := checkData(ds); err != nil {
		return err
	}
	if err := m.checkGenes(ds); err != nil {
		return err
	}
	if _, ok := ds.Layers[m.Layer]; !ok {
		return fmt.Errorf("spackle: the model was trained on layer %q, which the data set does not have; it has %s", m.Layer, strings.Join(ds.LayerNames(), ", "))
	}
	values, err := completeLayer(ds, m.Layer)
	if err != nil {
		return err
	}
	n, genes := ds.N()
	table, err := neighborhoods(ds, indices(n))
	if err != nil {
		return err
	}
	input := blas32.General{Rows: n, Cols: genes, Stride: genes, Data: make([]float32, n*genes)}
	for i, measured := range ds.Mask {
		if measured {
			input.Data[i] = values.Data[i/genes*values.Stride+i%genes]
		}
	}
	o.Progress.Send(spared.Event{Step: "completing with SpaCKLE", Total: n})
	done, err := m.Predict(ctx, o.Engine, input, table)
	if err != nil {
		return err
	}
	o.Progress.Send(spared.Event{Step: "completing with SpaCKLE", Done: n, Total: n})
	for i, measured := range ds.Mask {
		if measured {
			done.Data[i] = input.Data[i]
		}
	}
	dropCompletion(ds)
	ds.Manifest.Completer = "SpaCKLE"
	return ds.SetLayer(spared.LayerCTLog, spared.LayerCTDelta, done)
}

// checkGenes returns an error that names the first gene in which model and
// data set differ.
func (m *Model) checkGenes(ds *spared.Dataset) error {
	for g, id := range m.Genes {
		if g >= len(ds.Genes) {
			return fmt.Errorf("spackle: the model was trained on %d genes, the data set has %d: %s is missing", len(m.Genes), len(ds.Genes), id)
		}
		if ds.Genes[g].ID != id {
			return fmt.Errorf("spackle: gene %d of the model is %s, of the data set %s (%s): a model completes only data sets of the same genes in the same order",
				g+1, id, ds.Genes[g].ID, ds.Genes[g].Symbol)
		}
	}
	if len(ds.Genes) > len(m.Genes) {
		return fmt.Errorf("spackle: the model was trained on %d genes, the data set has %d: %s is not among the model's", len(m.Genes), len(ds.Genes), ds.Genes[len(m.Genes)].ID)
	}
	return nil
}

func indices(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}
