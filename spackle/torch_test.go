package spackle

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/spatialgo/spatialgo/internal/engine"
)

// torchCase is what torch.nn.TransformerEncoder gives in double precision on
// weights and inputs of the rule below (tools/torch_spackle.py).
type torchCase struct {
	Attention  Attention
	Batch      int
	Genes      int
	Width      int
	Hidden     int
	Parameters int
	Loss       float64
	Float32Off float64 `json:"float32_off"` // how far torch in float32 is off, outputs
	Output     torchTensor
	Gradients  []torchTensor
}

// torchTensor is some entries of a tensor, its norm and its largest entry.
type torchTensor struct {
	Name    string
	Norm    float64
	Largest float64
	At      []int
	Value   []float64
}

// off returns how far a tensor is from what torch has, at the entries and by
// its norm, relative to the largest entry and the norm.
func (want torchTensor) off(got []float32) float64 {
	worst, sum := 0.0, 0.0
	for k, i := range want.At {
		worst = max(worst, math.Abs(float64(got[i])-want.Value[k])/want.Largest)
	}
	for _, v := range got {
		sum += float64(v) * float64(v)
	}
	return max(worst, math.Abs(math.Sqrt(sum)-want.Norm)/want.Norm)
}

// ruleUniform is number i of a salt, from 0 to below 1: a 32-bit hash over 2^32.
func ruleUniform(i, salt int) float64 {
	h := uint32(i)*0x9e3779b1 + uint32(salt)*0x85ebca6b + 1
	h ^= h >> 16
	h *= 0x7feb352d
	h ^= h >> 15
	h *= 0x846ca68b
	h ^= h >> 16
	return float64(h) / (1 << 32)
}

func ruleSymmetric(n, salt int, middle, bound float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(middle + (2*ruleUniform(i, salt)-1)*bound)
	}
	return v
}

// ruleWeights are weights by the order of the parameters: matrices of unit
// gain, small biases, LayerNorm about 1.
func ruleWeights(c Config) weights {
	w := weights{}
	for k, p := range c.parameters() {
		switch {
		case len(p.dims) == 2:
			w[p.name] = ruleSymmetric(p.size(), k, 0, math.Sqrt(3/float64(p.dims[1])))
		case strings.Contains(p.name, "norm") && strings.HasSuffix(p.name, "weight"):
			w[p.name] = ruleSymmetric(p.size(), k, 1, 0.2)
		default:
			w[p.name] = ruleSymmetric(p.size(), k, 0, 0.1)
		}
	}
	return w
}

// ruleInputs are values [B][S][G], and which of them are hidden.
func ruleInputs(n int) (x []float32, hidden []bool) {
	x, hidden = ruleSymmetric(n, 1000, 0, 2), make([]bool, n)
	for i := range hidden {
		hidden[i] = ruleUniform(i, 1001) < 0.3
	}
	return x, hidden
}

// TestTorch compares network, loss and gradients with torch, over the
// neighbourhood and over the batch: as in training, with dropout off, and as
// in prediction. Small networks run in pure Go, those of the published size, on
// 256 spots, where there is XLA.
func TestTorch(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "torch_spackle.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []torchCase }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	machines := engines(t)
	for _, tc := range file.Cases {
		full := tc.Width == 128
		c := Paper(tc.Genes)
		c.Width, c.Hidden, c.Attention, c.Dropout = tc.Width, tc.Hidden, tc.Attention, 0
		if c.Parameters() != tc.Parameters || full && tc.Parameters != 1_219_072 {
			t.Fatalf("%d parameters, torch has %d", c.Parameters(), tc.Parameters)
		}
		ran := false
		for _, e := range machines {
			if full == (e.Kind == engine.Go) || full && testing.Short() {
				continue
			}
			ran = true
			compareWithTorch(t, e, c, tc)
		}
		if !ran {
			t.Logf("%d genes, attention over the %s: not compared, for want of XLA or by -short", tc.Genes, tc.Attention)
		}
	}
}

func compareWithTorch(t *testing.T, e *engine.Engine, c Config, tc torchCase) {
	what := string(tc.Attention) + " on " + string(e.Kind)
	x, hidden := ruleInputs(tc.Batch * Tokens * c.Genes)
	output, own, loss, gradients := trainOnce(t, e, c, x, hidden, tc.Batch)
	outputOff := tc.Output.off(output) * tc.Output.Largest
	if outputOff > 1e-5 {
		t.Errorf("%s, %d genes: outputs off by %.1e (torch in float32: %.1e)", what, c.Genes, outputOff, tc.Float32Off)
	}
	if d := math.Abs(loss-tc.Loss) / tc.Loss; d > 1e-6 {
		t.Errorf("%s, %d genes: loss %.9g, torch %.9g", what, c.Genes, loss, tc.Loss)
	}
	worst := 0.0
	for k, p := range c.parameters() {
		if tc.Gradients[k].Name != p.name {
			t.Fatalf("parameter %d is %s, torch's %s", k, p.name, tc.Gradients[k].Name)
		}
		d := tc.Gradients[k].off(gradients[k])
		worst = max(worst, d)
		if d > 1e-4 {
			t.Errorf("%s, %d genes: gradient of %s off by %.1e of it", what, c.Genes, p.name, d)
		}
	}
	// In prediction: no dropout, and the output for the spot itself alone.
	evalOff := 0.0
	for i, v := range own {
		b, g := i/c.Genes, i%c.Genes
		evalOff = max(evalOff, math.Abs(float64(v)-float64(output[b*Tokens*c.Genes+g])))
	}
	if evalOff > 1e-5 {
		t.Errorf("%s, %d genes: prediction is off its training pass by %.1e", what, c.Genes, evalOff)
	}
	t.Logf("%s, %d genes: outputs within %.1e (torch in float32 %.1e), gradients within %.1e", what, c.Genes, max(outputOff, evalOff), tc.Float32Off, worst)
}

// trainOnce returns output, loss and gradients of a training step, and what
// prediction says of the spots themselves.
func trainOnce(t *testing.T, e *engine.Engine, c Config, x []float32, hidden []bool, batch int) (output, own []float32, l float64, gradients [][]float32) {
	t.Helper()
	n, err := newNetwork(e, c, ruleWeights(c))
	if err != nil {
		t.Fatal(err)
	}
	defer n.store.Finalize()
	exec, err := model.NewExec(e.Backend, n.store, func(s *model.Scope, x, hidden, key *graph.Node) []*graph.Node {
		seen := c.hide(x, hidden)
		y := c.encode(s, seen, false, &dropout{key: key, rate: c.Dropout})
		l := loss(x, y)
		var w []*graph.Node
		for _, p := range c.parameters() {
			w = append(w, n.store.GetVariable(p.path()).NodeValue(x.Graph()))
		}
		return append([]*graph.Node{y, c.encode(n.store.RootScope(), seen, true, nil), l}, graph.Gradient(l, w...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(x, batch, Tokens, c.Genes), tensors.FromFlatDataAndDimensions(hidden, batch, Tokens, c.Genes), tensors.FromScalar(uint32(1)))
	if err != nil {
		t.Fatal(err)
	}
	var all [][]float32
	for _, o := range out {
		v, err := tensors.CopyFlatData[float32](o)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all[0], all[1], float64(all[2][0]), all[3:]
}
