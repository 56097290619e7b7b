package spackle

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle/safetensors"
)

// network is a set of weights on an engine.
type network struct {
	config Config
	engine *engine.Engine
	store  *model.Store
}

// newNetwork loads weights onto an engine.
func newNetwork(e *engine.Engine, c Config, w weights) (*network, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("spackle: %w", err)
	}
	n := &network{config: c.withDefaults(), engine: e, store: model.NewStore()}
	for _, p := range c.parameters() {
		v, ok := w[p.name]
		if !ok || len(v) != p.size() {
			return nil, fmt.Errorf("spackle: parameter %s has %d values, want %d", p.name, len(v), p.size())
		}
		if _, err := n.store.CreateVariable(p.path(), tensors.FromFlatDataAndDimensions(slices.Clone(v), p.dims...)); err != nil {
			return nil, fmt.Errorf("spackle: %w", err)
		}
	}
	return n, nil
}

// weights copies the current weights to the host.
func (n *network) weights() (weights, error) {
	w := weights{}
	for _, p := range n.config.parameters() {
		t, err := n.store.GetVariable(p.path()).Value()
		if err != nil {
			return nil, fmt.Errorf("spackle: %w", err)
		}
		if w[p.name], err = tensors.CopyFlatData[float32](t); err != nil {
			return nil, fmt.Errorf("spackle: %w", err)
		}
	}
	return w, nil
}

// learner trains a network, one batch at a time.
type learner struct {
	*network
	step *model.Exec
}

// newLearner builds and compiles the training step: forward pass, loss,
// gradient and Adam (Kingma & Ba 2017) with PyTorch's defaults, β = 0.9 and
// 0.999, ε = 1e-8.
func newLearner(n *network, batch int) (*learner, error) {
	adam := optimizer.Adam().Epsilon(1e-8).Done()
	c := n.config
	step, err := model.NewExec(n.engine.Backend, n.store, func(s *model.Scope, x, hidden, key, rate *graph.Node) *graph.Node {
		drop := &dropout{key: key, rate: c.Dropout}
		l := loss(c.genes(x), c.encode(s, c.hide(x, hidden), false, drop))
		optimizer.LearningRateVar(s, dtypes.Float32, 0).SetNodeValue(rate)
		adam.UpdateGraph(s, x.Graph(), l)
		return l
	})
	if err != nil {
		return nil, fmt.Errorf("spackle: %w", err)
	}
	l := &learner{n, step}
	// Building the graph makes Adam's variables, which resume may then set.
	_, err = step.Compile(shapes.Make(dtypes.Float32, batch, c.Tokens, c.columns()), shapes.Make(dtypes.Bool, batch, c.Tokens, c.Genes),
		shapes.Make(dtypes.Uint32), shapes.Make(dtypes.Float32))
	if err == nil {
		err = n.store.InitializeVariables(n.engine.Backend, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("spackle: compiling the training step: %w", err)
	}
	return l, nil
}

// batch is the data of one training step.
type batch struct {
	x      []float32 // [B][S][G+V] complete values, then what the picture shows
	hidden []bool    // [B][S][G] set to 0 in the input
	key    uint32    // of the dropout masks
	rate   float64   // learning rate
}

// learn takes one step and returns the loss before it.
func (l *learner) learn(b batch) (float64, error) {
	c := l.config
	rows := len(b.x) / (c.Tokens * c.columns())
	x := tensors.FromFlatDataAndDimensions(b.x, rows, c.Tokens, c.columns())
	hidden := tensors.FromFlatDataAndDimensions(b.hidden, rows, c.Tokens, c.Genes)
	key, rate := tensors.FromScalar(b.key), tensors.FromScalar(float32(b.rate))
	out, err := l.step.Call1(x, hidden, key, rate)
	if err != nil {
		return 0, fmt.Errorf("spackle: training step: %w", err)
	}
	v := float64(tensors.ToScalar[float32](out))
	// Free device memory now: Go's collector knows nothing of its size.
	for _, t := range []*tensors.Tensor{x, hidden, key, rate, out} {
		if err := t.FinalizeAll(); err != nil {
			return 0, fmt.Errorf("spackle: %w", err)
		}
	}
	return v, nil
}

// state copies all that the next step depends on, the weights and Adam's
// moments and counters, by GoMLX path.
func (l *learner) state() (map[string]safetensors.Tensor, error) {
	all := map[string]safetensors.Tensor{}
	for v := range l.store.IterVariables() {
		t, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("spackle: %w", err)
		}
		if all[v.Path()], err = hostTensor(t); err != nil {
			return nil, fmt.Errorf("spackle: state of %s: %w", v.Path(), err)
		}
	}
	return all, nil
}

// restore is the inverse of state.
func (l *learner) restore(state map[string]safetensors.Tensor) error {
	for v := range l.store.IterVariables() {
		s, ok := state[v.Path()]
		if !ok {
			return fmt.Errorf("spackle: the saved state has no %s", v.Path())
		}
		t, err := deviceTensor(s)
		if err != nil || !t.Shape().Equal(v.Shape()) {
			return fmt.Errorf("spackle: the saved state of %s is %s %v, want %s", v.Path(), s.DType, s.Shape, v.Shape())
		}
		if err := v.SetValue(t); err != nil {
			return fmt.Errorf("spackle: %w", err)
		}
	}
	return nil
}

// hostTensor copies a float32 or int64 tensor for a file.
func hostTensor(t *tensors.Tensor) (safetensors.Tensor, error) {
	dims := slices.Clone(t.Shape().Dimensions)
	if t.DType() == dtypes.Int64 {
		v, err := tensors.CopyFlatData[int64](t)
		if err != nil {
			return safetensors.Tensor{}, err
		}
		return safetensors.Int64(dims, v), nil
	}
	v, err := tensors.CopyFlatData[float32](t)
	if err != nil {
		return safetensors.Tensor{}, err
	}
	return safetensors.Float32(dims, v), nil
}

// deviceTensor is the inverse of hostTensor.
func deviceTensor(s safetensors.Tensor) (*tensors.Tensor, error) {
	if s.DType == "I64" {
		v, err := s.Int64s()
		if err != nil {
			return nil, err
		}
		return tensors.FromFlatDataAndDimensions(v, s.Shape...), nil
	}
	v, err := s.Float32s()
	if err != nil {
		return nil, err
	}
	return tensors.FromFlatDataAndDimensions(v, s.Shape...), nil
}

// predictor runs a network on spots.
type predictor struct {
	*network
	exec  *model.Exec
	batch int // spots predicted at a time
}

// newPredictor makes a predictor; the engine compiles at its first run.
func newPredictor(n *network) (*predictor, error) {
	exec, err := model.NewExec(n.engine.Backend, n.store, func(s *model.Scope, x *graph.Node) *graph.Node {
		return n.config.encode(s, x, true, nil)
	})
	if err != nil {
		return nil, fmt.Errorf("spackle: %w", err)
	}
	p := &predictor{network: n, exec: exec, batch: 64}
	if n.config.Attention == Batch {
		p.batch = 256 // what is attended over; as in training
	}
	return p, nil
}

// run returns the output for the spot itself of each neighbourhood. input is
// [rows][G+V], table [spots][S] rows of input, the result [spots][G].
func (p *predictor) run(ctx context.Context, input blas32.General, table []int32) (blas32.General, error) {
	genes, columns, tokens := p.config.Genes, p.config.columns(), p.config.Tokens
	spots := len(table) / tokens
	out := blas32.General{Rows: spots, Cols: genes, Stride: genes, Data: make([]float32, spots*genes)}
	for from := 0; from < spots; from += p.batch {
		if err := ctx.Err(); err != nil {
			return out, fmt.Errorf("spackle: prediction stopped: %w", err)
		}
		n := min(p.batch, spots-from)
		size := p.batch // the last batch is filled up with zeros, so that one compiled graph serves all
		if p.config.Attention == Batch {
			size = n // a filled up batch would be attended over
		}
		x := make([]float32, size*tokens*columns)
		gather(x, input, table[from*tokens:(from+n)*tokens])
		t := tensors.FromFlatDataAndDimensions(x, size, tokens, columns)
		y, err := p.exec.Call1(t)
		if err != nil {
			return out, fmt.Errorf("spackle: prediction: %w", err)
		}
		if err := tensors.ConstFlatData(y, func(flat []float32) { copy(out.Data[from*genes:], flat[:n*genes]) }); err != nil {
			return out, fmt.Errorf("spackle: prediction: %w", err)
		}
		if err := t.FinalizeAll(); err != nil {
			return out, fmt.Errorf("spackle: %w", err)
		}
		if err := y.FinalizeAll(); err != nil {
			return out, fmt.Errorf("spackle: %w", err)
		}
	}
	return out, nil
}

// gather copies the named rows of m to x, one after the other.
func gather(x []float32, m blas32.General, rows []int32) {
	for k, r := range rows {
		copy(x[k*m.Cols:(k+1)*m.Cols], m.Data[int(r)*m.Stride:][:m.Cols])
	}
}
