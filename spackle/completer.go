package spackle

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// NewCompleter returns the trained model as a completer of slides of the data
// set, which must have the model's genes, in any order, and may have others. It
// works on the given engine, which must outlive it. For a view it
//
//  1. brings the genes of the network together: those that the view is to have
//     completed, and those that it shows beside them (Rest); what the view does
//     not show of the data set's other genes, nothing of which is ever hidden,
//     comes from the data set,
//  2. completes the visible values by the adaptive median, unless the model was
//     trained on raw values,
//  3. moves them to the scale of the model's layer: where that is batch
//     corrected, by a line per gene, y = slope·x + intercept,
//  4. sets to 0 what is to be predicted: the hidden entries, while those never
//     measured keep their median, as in the published test; or, where the view
//     hides nothing, all that is not visible, as in the published completion,
//  5. lets the network predict each spot from its neighbourhood on the slide,
//  6. moves the prediction back, x = (y - intercept)/slope, to log2(TPM+1).
//
// The genes of a view must be among those that the model learnt to complete:
// a view of other genes is an error, in Fit already.
//
// The line of step 3 must not know hidden values, so in the clean order it is
// not the data set's own: a batch that trains keeps the line that its train
// spots give, any other batch is fitted to what ComBat learnt from the train
// spots by the view's values of step 2. Where nothing is hidden and a batch is
// one slide, that is the data set's own line again. In the released order the
// line comes from the data set, which saw everything; Evaluation.Notes says so.
//
// eng nil opens the best engine of this machine when the first view is to be
// completed, for as long as the program runs.
func NewCompleter(m *Model, ds *spared.Dataset, eng *engine.Engine) (baseline.Completer, error) {
	open := func() (*engine.Engine, error) { return eng, nil }
	if eng == nil {
		open = sync.OnceValues(func() (*engine.Engine, error) { return engine.Open(engine.Options{}) })
	}
	c, err := completerOf(ds, m, func(ctx context.Context, input blas32.General, near []int32) (blas32.General, error) {
		e, err := open()
		if err != nil {
			return blas32.General{}, fmt.Errorf("spackle: %w", err)
		}
		return m.Predict(ctx, e, input, near)
	})
	if err != nil {
		return nil, err
	}
	c.digest, c.training = m.Digest(), m.notes()
	c.engine = func() string {
		e, err := open()
		if err != nil {
			return "none"
		}
		return e.Describe()
	}
	return c, nil
}

// notes says what sets the model apart from the paper's, for people.
func (m *Model) notes() []string {
	c := m.Config.withDefaults()
	notes := []string{fmt.Sprintf("spackle: the weights of step %d of %d, the best by validation error", m.Training.BestStep, m.Training.Step)}
	for _, n := range []struct {
		is   bool
		text string
	}{
		{c.Attention == Batch, "attention over the batch, as released, not over the neighbourhood, as published"},
		{m.NeighborsAcrossSlides, "trained on neighbours of all slides, as released; predicts from those of the slide"},
		{c.Tokens != Neighbors+1, fmt.Sprintf("%d neighbours, not %d", c.Tokens-1, Neighbors)},
		{m.Targets != nil, fmt.Sprintf("%d genes are context beside the %d that it completes", len(m.Genes)-len(m.Targets), len(m.Targets))},
		{m.Features != "", fmt.Sprintf("reads %s beside the genes", m.Features)},
		{m.Layer == spared.LayerLog || m.Layer == spared.LayerCLog, "trained on raw values, without pre-completion"},
	} {
		if n.is {
			notes = append(notes, "spackle: "+n.text)
		}
	}
	return notes
}

// slideCompleter is a network behind the interface of the baselines.
type slideCompleter struct {
	ds       *spared.Dataset
	layer    string         // the network's
	genes    []int          // column of the data set of each gene of the network
	target   []bool         // those of them that it completes
	work     []int          // columns of the data set that its input is made from: genes, or all where the scale depends on all
	inWork   []int          // place in work of each gene of the network
	around   surroundings   // of a spot
	features blas32.General // [spots of the data set][V]
	predict  predictFunc
	scale    scaleFunc
	name     string        // "" = spackle
	engine   func() string // describes it for people
	training []string      // likewise
	digest   string        // of the model
}

// predictFunc is the network: expression [spots][genes] of one slide on the
// scale of the layer, with 0 for what is to be predicted, and beside it what the
// picture shows; and neighbourhoods [spots][tokens]; to predicted expression
// [spots][genes].
type predictFunc func(ctx context.Context, input blas32.General, near []int32) (blas32.General, error)

// completerOf takes all from a model but its weights.
func completerOf(ds *spared.Dataset, m *Model, predict predictFunc) (*slideCompleter, error) {
	c := &slideCompleter{ds: ds, layer: m.Layer, target: m.isTarget(), around: m.surroundings(), predict: predict, engine: func() string { return "none" }}
	var err error
	if c.genes, err = m.columns(ds); err != nil {
		return nil, err
	}
	if c.features, err = m.features(ds); err != nil {
		return nil, err
	}
	c.work = c.genes
	switch clean := ds.Manifest.Recipe.Order != spared.Released; {
	case m.Layer == spared.LayerDLog || m.Layer == spared.LayerLog:
		c.scale = func(*baseline.View, blas32.General) (batchLine, error) { return batchLine{}, nil }
	case m.Layer != spared.LayerCDLog && m.Layer != spared.LayerCLog:
		err = fmt.Errorf("it was trained on layer %s, want %s or %s, or for raw values %s or %s", m.Layer, spared.LayerDLog, spared.LayerCDLog, spared.LayerLog, spared.LayerCLog)
	case clean:
		c.work = indices(len(ds.Genes))
		c.scale, err = cleanScaleOf(ds, m.Layer)
	default:
		c.scale, err = releasedScaleOf(ds, m.Layer)
	}
	if err != nil {
		return nil, fmt.Errorf("spackle: the model as a completer: %w", err)
	}
	for _, g := range c.genes {
		c.inWork = append(c.inWork, slices.Index(c.work, g))
	}
	return c, nil
}

// raw reports whether the network learnt from values that nothing completed.
func (c *slideCompleter) raw() bool {
	return c.layer == spared.LayerLog || c.layer == spared.LayerCLog
}

// Name returns "spackle", or in a grid the name of the trial.
func (c *slideCompleter) Name() string { return cmp.Or(c.name, "spackle") }

// Digest identifies the model, so that a stored evaluation can be told from
// that of another.
func (c *slideCompleter) Digest() string { return c.digest }

// Engine describes what the network runs on.
func (c *slideCompleter) Engine() string { return c.engine() }

// Notes says what a reader of the model's errors on a split should know.
func (c *slideCompleter) Notes(split spared.Split) []string {
	notes := slices.Clone(c.training)
	if split == spared.Val {
		notes = append(notes, "spackle: the validation spots also chose the checkpoint, so its errors on them are somewhat too low")
	}
	if (c.layer == spared.LayerCDLog || c.layer == spared.LayerCLog) && c.ds.Manifest.Recipe.Order == spared.Released {
		notes = append(notes, "spackle: the batch correction of its input (order released) saw the hidden values")
	}
	return notes
}

// Fit learns nothing: a network is trained before, see [Train]. It looks whether
// the views are of genes that the network completes.
func (c *slideCompleter) Fit(_ context.Context, train []*baseline.View) error {
	for _, v := range train {
		if _, err := c.outputs(v); err != nil {
			return err
		}
	}
	return nil
}

// Complete implements [baseline.Completer].
func (c *slideCompleter) Complete(ctx context.Context, v *baseline.View) (*baseline.Completion, error) {
	outputs, err := c.outputs(v)
	if err != nil {
		return nil, err
	}
	input, line, err := c.input(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("spackle: slide %s: %w", v.Slide, err)
	}
	for m, k := range outputs { // what is to be predicted
		for i := range input.Rows {
			if at := i*len(outputs) + m; v.Hidden == nil && !v.Visible[at] || v.Hidden != nil && v.Hidden[at] {
				input.Data[i*input.Stride+k] = 0
			}
		}
	}
	picture, err := c.picture(v)
	if err != nil {
		return nil, err
	}
	near, err := c.around.at(v.X, v.Y)
	if err != nil {
		return nil, fmt.Errorf("spackle: slide %s: %w", v.Slide, err)
	}
	out, err := c.predict(ctx, beside(input, picture), near)
	if err != nil {
		return nil, err
	}
	line.invert(out)
	return &baseline.Completion{Values: selected(out, outputs)}, nil
}

// ids returns the ids of the view's genes, those of the data set where the view
// does not say.
func (c *slideCompleter) ids(v *baseline.View) ([]string, error) {
	if v.Genes != nil {
		return v.Genes, nil
	}
	if v.Values.Cols != len(c.ds.Genes) {
		return nil, fmt.Errorf("spackle: view of %s: it does not say which %d genes it has", v.Slide, v.Values.Cols)
	}
	return geneIDs(c.ds), nil
}

// outputs returns the column of the network's output that each gene of the view
// has, or an error that names the first that it does not complete.
func (c *slideCompleter) outputs(v *baseline.View) ([]int, error) {
	ids, err := c.ids(v)
	if err != nil {
		return nil, err
	}
	at, completes := map[string]int{}, 0
	for k, g := range c.genes {
		if c.target[k] {
			at[c.ds.Genes[g].ID] = k
			completes++
		}
	}
	outputs := make([]int, len(ids))
	for m, id := range ids {
		k, ok := at[id]
		if !ok {
			return nil, fmt.Errorf("spackle: gene %s is to be completed, but the model learnt to complete %d other genes only: evaluate it with as many targets", id, completes)
		}
		outputs[m] = k
	}
	return outputs, nil
}

// input returns the expression of the network's genes on the scale of its layer,
// nothing set to 0 yet, and the line that leads there.
func (c *slideCompleter) input(ctx context.Context, v *baseline.View) (blas32.General, batchLine, error) {
	all, err := c.arrange(v)
	if err != nil {
		return blas32.General{}, batchLine{}, err
	}
	done, err := baseline.Median{Hops: c.ds.Manifest.Recipe.Hops}.Complete(ctx, all)
	if err != nil {
		return blas32.General{}, batchLine{}, err
	}
	values := done.Values
	if c.raw() { // only what is hidden has a value that is not known to be 0
		for k := range values.Data {
			if !all.Visible[k] && (all.Hidden == nil || !all.Hidden[k]) {
				values.Data[k] = 0
			}
		}
	}
	lines, err := c.scale(all, values)
	if err != nil {
		return blas32.General{}, batchLine{}, err
	}
	line := lines.of(c.genes)
	input := selected(values, c.inWork)
	line.apply(input)
	return input, line, nil
}

// arrange returns a view of the genes that the input is made from.
func (c *slideCompleter) arrange(v *baseline.View) (*baseline.View, error) {
	ids, err := c.ids(v)
	if err != nil {
		return nil, err
	}
	n, genes := v.Values.Rows, len(c.work)
	all := &baseline.View{Slide: v.Slide, Norm: v.Norm, X: v.X, Y: v.Y, Graph: v.Graph, Values: matrix(n, genes), Visible: make([]bool, n*genes)}
	if v.Hidden != nil {
		all.Hidden = make([]bool, n*genes)
	}
	own, rest := places(ids), places(v.RestGenes)
	for w, g := range c.work {
		if m, ok := own[c.ds.Genes[g].ID]; ok {
			copyGene(all, w, v, m)
			continue
		}
		value, err := c.besides(v, rest, g)
		if err != nil {
			return nil, err
		}
		for i := range n {
			x := value(i)
			all.Values.Data[i*genes+w], all.Visible[i*genes+w] = x, x > 0
		}
	}
	return all, nil
}

// copyGene copies gene m of a view to gene w of another view of the same spots.
func copyGene(to *baseline.View, w int, from *baseline.View, m int) {
	for i := range from.Values.Rows {
		at, was := i*to.Values.Cols+w, i*from.Values.Cols+m
		to.Values.Data[i*to.Values.Stride+w] = from.Values.Data[i*from.Values.Stride+m]
		to.Visible[at] = from.Visible[was]
		if from.Hidden != nil {
			to.Hidden[at] = from.Hidden[was]
		}
	}
}

// besides returns the values of gene g of the data set, which is none of the
// view's own, by spot: as the view shows them in Rest, whose genes have the
// places rest, or else from the data set.
func (c *slideCompleter) besides(v *baseline.View, rest map[string]int, g int) (func(i int) float32, error) {
	if m, ok := rest[c.ds.Genes[g].ID]; ok && v.RestSizes != nil {
		return func(i int) float32 {
			return logOf(v.Norm, v.Rest.Data[i*v.Rest.Stride+m], v.RestSizes[m], v.Totals[i])
		}, nil
	}
	rows, counts := c.rows(v), c.ds.Layers[spared.LayerCounts]
	if rows == nil || counts.Rows != len(c.ds.Spots) || counts.Cols != len(c.ds.Genes) {
		return nil, fmt.Errorf("the view does not show gene %s, which the network reads", c.ds.Genes[g].ID)
	}
	return func(i int) float32 {
		total := c.ds.Spots[rows[i]].RPK
		if v.Totals != nil { // without what is hidden
			total = v.Totals[i]
		}
		return logOf(v.Norm, counts.Data[rows[i]*counts.Stride+g], c.ds.GeneSize(g), total)
	}, nil
}

// rows returns the spots of the data set that the view shows, or nil where it is
// of no whole slide.
func (c *slideCompleter) rows(v *baseline.View) []int {
	s := c.ds.Section(v.Slide)
	if s < 0 {
		return nil
	}
	rows := c.ds.SpotsOf(s)
	if len(rows) != len(v.X) {
		return nil
	}
	for k, i := range rows {
		if c.ds.Spots[i].X != v.X[k] || c.ds.Spots[i].Y != v.Y[k] {
			return nil
		}
	}
	return rows
}

// picture returns the embedding that the network reads beside the genes: that of
// the data set, or the view's own where it is of no slide of it.
func (c *slideCompleter) picture(v *baseline.View) (blas32.General, error) {
	if c.features.Cols == 0 {
		return blas32.General{}, nil
	}
	rows := c.rows(v)
	if rows == nil {
		if v.Features.Cols != c.features.Cols {
			return v.Features, fmt.Errorf("spackle: view of %s: image features of %d columns, want %d", v.Slide, v.Features.Cols, c.features.Cols)
		}
		return v.Features, nil
	}
	out := matrix(len(rows), c.features.Cols)
	for k, i := range rows {
		copy(out.Data[k*out.Stride:][:out.Cols], c.features.Data[i*c.features.Stride:])
	}
	return out, nil
}
