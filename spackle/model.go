package spackle

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph" // formulas read better without a prefix
	"github.com/gomlx/gomlx/ml/model"
)

// The whole network is in this file. Axes of the shapes in its comments:
//
//	B  spots of a batch                        G  genes
//	S  spots of a neighbourhood, S = n+1 = 19  E  width of the transformer, 128
//	   (0 is the spot itself)                  F  width of its feed-forward part, 2048
//	Q  spots of a neighbourhood whose output is wanted: S in training, 1 in prediction

// Attention says what the transformer attends over.
type Attention string

const (
	// Neighborhood is attention over the 19 spots of one neighbourhood, as
	// the paper describes it. The default.
	Neighborhood Attention = "neighborhood"
	// Batch is what the released library computes: its tensors [B,S,E] go to
	// a PyTorch layer that takes the first axis for the sequence, so each
	// spot attends over the same slot of the other neighbourhoods of the
	// batch and never sees its own neighbours. A prediction then depends on
	// which spots share its batch. For comparison only.
	Batch Attention = "batch"
)

// Config is the shape of the network.
type Config struct {
	Genes     int       `json:"genes"`     // G
	Width     int       `json:"width"`     // E
	Hidden    int       `json:"hidden"`    // F
	Layers    int       `json:"layers"`    // encoder layers
	Dropout   float64   `json:"dropout"`   // share of activations dropped in training, 0 to 1
	Attention Attention `json:"attention"` // what is attended over
}

// Paper returns the published network for a number of genes: width 128, two
// encoder layers of one head, feed-forward width 2048, dropout 0.1, attention
// over the neighbourhood.
func Paper(genes int) Config {
	return Config{Genes: genes, Width: 128, Hidden: 2048, Layers: 2, Dropout: 0.1, Attention: Neighborhood}
}

func (c Config) check() error {
	switch {
	case c.Genes < 1 || c.Width < 1 || c.Hidden < 1 || c.Layers < 1:
		return fmt.Errorf("a network of %d genes, width %d, feed-forward width %d, %d layers", c.Genes, c.Width, c.Hidden, c.Layers)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("dropout %g, want 0 to below 1", c.Dropout)
	case c.Attention != Neighborhood && c.Attention != Batch:
		return fmt.Errorf("attention over %q, want %q or %q", c.Attention, Neighborhood, Batch)
	}
	return nil
}

// encode maps the expression of neighbourhoods with hidden values set to 0 to
// the reconstructed expression, Eq. 4: Ê = L_out(T(L_in(E_m))). x is [B,S,G],
// the result [B,Q,G]. With first, only the spot itself is reconstructed
// (Q = 1), which skips most of the last layer.
func (c Config) encode(s *model.Scope, x *Node, first bool, drop *dropout) *Node {
	if first && c.Attention == Batch {
		x = Slice(x, AxisRange(), AxisRange(0, 1)) // slots do not mix [B,1,G]
	}
	h := linear(s.In("input"), x) // L_in [B,S,E]
	layers := s.In("encoder").In("layers")
	for i := range c.Layers {
		h = c.layer(layers.In("%d", i), h, first && i == c.Layers-1, drop)
	}
	return linear(s.In("output"), h) // L_out [B,Q,G]
}

// layer is one post-norm encoder layer (Vaswani et al. 2017), [B,S,E] to
// [B,Q,E]:
//
//	h = LayerNorm(x + Attention(x))
//	y = LayerNorm(h + W2·ReLU(W1·h + b1) + b2)
func (c Config) layer(s *model.Scope, x *Node, first bool, drop *dropout) *Node {
	q := x
	if first {
		q = Slice(x, AxisRange(), AxisRange(0, 1)) // [B,1,E]
	}
	a := c.attention(s.In("self_attn"), q, x, drop)        // [B,Q,E]
	h := layerNorm(s.In("norm1"), Add(q, drop.apply(a)))   // [B,Q,E]
	f := reluDrop(linear(s.In("linear1"), h), drop)        // [B,Q,F]
	f = linear(s.In("linear2"), f)                         // [B,Q,E]
	return layerNorm(s.In("norm2"), Add(h, drop.apply(f))) // [B,Q,E]
}

// attention is softmax(Q·Kᵀ/√d_k)·V, Eq. 3, with one head, d_k = E.
func (c Config) attention(s *model.Scope, q, x *Node, drop *dropout) *Node {
	w, b := weight(s, x, "in_proj_weight"), weight(s, x, "in_proj_bias") // [3E,E], [3E]
	project := func(x *Node, part int) *Node {
		rows := AxisRange(part*c.Width, (part+1)*c.Width)
		return affine(x, Slice(w, rows), Slice(b, rows))
	}
	q = MulScalar(project(q, 0), 1/math.Sqrt(float64(c.Width))) // [B,Q,E]
	k, v := project(x, 1), project(x, 2)                        // [B,S,E]
	score, mix := "bqe,bke->bqk", "bqk,bke->bqe"
	if c.Attention == Batch {
		score, mix = "qse,kse->sqk", "sqk,kse->qse"
	}
	a := Softmax(Einsum(score, q, k), -1) // [B,Q,S]
	o := Einsum(mix, drop.apply(a), v)    // [B,Q,E]
	return linear(s.In("out_proj"), o)    // [B,Q,E]
}

// weight returns a parameter of the network.
func weight(s *model.Scope, g GraphProvider, name string) *Node {
	v := s.GetVariable(name)
	if v == nil {
		panic(fmt.Errorf("no parameter %s in %s", name, s.Scope()))
	}
	return v.NodeValue(g)
}

// linear is x·Wᵀ + b over the last axis.
func linear(s *model.Scope, x *Node) *Node {
	return affine(x, weight(s, x, "weight"), weight(s, x, "bias"))
}

// affine is x·wᵀ + b over the last axis, w is [out,in]. All spots of all
// neighbourhoods go through one flat matrix product.
func affine(x, w, b *Node) *Node {
	dims := append([]int{}, x.Shape().Dimensions...)
	in, out := dims[len(dims)-1], w.Shape().Dimensions[0]
	y := Dot(Reshape(x, -1, in), w).General([]int{1}, nil, []int{1}, nil)
	y = Add(y, ExpandLeftToRank(b, 2))
	dims[len(dims)-1] = out
	return Reshape(y, dims...)
}

// layerNorm is (x-mean)/√(variance+1e-5)·weight + bias over the last axis.
func layerNorm(s *model.Scope, x *Node) *Node {
	const eps = 1e-5
	x = Sub(x, ReduceAndKeep(x, ReduceMean, -1))
	x = Div(x, Sqrt(AddScalar(ReduceAndKeep(Square(x), ReduceMean, -1), eps)))
	w, b := weight(s, x, "weight"), weight(s, x, "bias")
	return Add(Mul(x, ExpandLeftToRank(w, x.Rank())), ExpandLeftToRank(b, x.Rank()))
}

// reluDrop is dropout of ReLU(x).
func reluDrop(x *Node, drop *dropout) *Node {
	return drop.apply(Where(IsPositive(x), x, ScalarZero(x.Graph(), x.DType())))
}

// loss is the mean squared error over all entries, Eq. 5. It is taken axis by
// axis because one sum over all entries in float32 loses digits on engines
// that add one by one.
func loss(want, got *Node) *Node {
	l := Square(Sub(got, want))
	for l.Rank() > 0 {
		l = ReduceMean(l, -1)
	}
	return l
}

// dropout zeroes a share of activations and scales up the others. nil drops
// nothing. Which ones is a hash of the step's key, the place in the network
// and the place in the tensor, so that a training can be resumed and all
// engines drop the same.
type dropout struct {
	key  *Node // uint32, another one each step
	rate float64
	site uint32 // place in the network
}

func (d *dropout) apply(x *Node) *Node {
	if d == nil || d.rate == 0 {
		return x
	}
	g := x.Graph()
	u32 := func(v uint32) *Node { return Const(g, v) }
	d.site++
	s1 := mix(Add(d.key, u32(d.site*0xc2b2ae35)), u32(0))
	s2 := mix(Add(s1, u32(0x27d4eb2f)), u32(0))
	places := Iota(g, shapes.Make(dtypes.Uint32, x.Shape().Size()), 0)
	bits := mix(Add(places, s1), s2)
	const resolution = 1 << 24
	draw := ConvertDType(BitwiseShiftRightLogicalScalar(bits, uint32(8)), dtypes.Int32)
	keep := GreaterOrEqual(draw, Const(g, int32(math.Round(d.rate*resolution))))
	return Where(Reshape(keep, x.Shape().Dimensions...), MulScalar(x, 1/(1-d.rate)), ScalarZero(g, x.DType()))
}

// mix is a 32-bit integer hash of h and the scalar m: two rounds of xor-shift
// and multiplication, with constants from C. Wellons' search for low bias.
func mix(h, m *Node) *Node {
	g := h.Graph()
	h = BitwiseXor(h, BitwiseShiftRightLogicalScalar(h, uint32(16)))
	h = Mul(h, Const(g, uint32(0x7feb352d)))
	h = BitwiseXor(h, BroadcastToShape(m, h.Shape()))
	h = BitwiseXor(h, BitwiseShiftRightLogicalScalar(h, uint32(15)))
	h = Mul(h, Const(g, uint32(0x846ca68b)))
	return BitwiseXor(h, BitwiseShiftRightLogicalScalar(h, uint32(16)))
}

// parameter is one tensor of the network by the name and shape it has in
// PyTorch, where torch.nn.TransformerEncoder is called encoder and the two
// adapters input and output.
type parameter struct {
	name string
	dims []int
}

// path is the parameter's place in a GoMLX store.
func (p parameter) path() string { return "/" + strings.ReplaceAll(p.name, ".", "/") }

func (p parameter) size() int {
	n := 1
	for _, d := range p.dims {
		n *= d
	}
	return n
}

// parameters lists the tensors of the network, 1,219,072 numbers in all for
// the paper's network with 128 genes.
func (c Config) parameters() []parameter {
	e, f := c.Width, c.Hidden
	list := []parameter{{"input.weight", []int{e, c.Genes}}, {"input.bias", []int{e}}}
	for i := range c.Layers {
		for _, p := range []parameter{
			{"self_attn.in_proj_weight", []int{3 * e, e}}, {"self_attn.in_proj_bias", []int{3 * e}},
			{"self_attn.out_proj.weight", []int{e, e}}, {"self_attn.out_proj.bias", []int{e}},
			{"linear1.weight", []int{f, e}}, {"linear1.bias", []int{f}},
			{"linear2.weight", []int{e, f}}, {"linear2.bias", []int{e}},
			{"norm1.weight", []int{e}}, {"norm1.bias", []int{e}},
			{"norm2.weight", []int{e}}, {"norm2.bias", []int{e}},
		} {
			list = append(list, parameter{fmt.Sprintf("encoder.layers.%d.%s", i, p.name), p.dims})
		}
	}
	return append(list, parameter{"output.weight", []int{c.Genes, e}}, parameter{"output.bias", []int{c.Genes}})
}

// Parameters returns the number of trained numbers of the network.
func (c Config) Parameters() int {
	n := 0
	for _, p := range c.parameters() {
		n += p.size()
	}
	return n
}

// weights maps the name of a parameter to its values, row-major.
type weights map[string][]float32

// initial draws the initial weights as PyTorch does: linear layers uniform in
// ±1/√in, weight and bias; the projection to Q, K and V uniform in
// ±√(6/(in+out)) (Xavier) and all biases of the attention 0; LayerNorm 1 and
// 0. torch.nn.TransformerEncoder copies one layer, so all layers start equal.
func (c Config) initial(rng *rand.Rand) weights {
	w := weights{}
	for _, p := range c.parameters() {
		v := make([]float32, p.size())
		w[p.name] = v
		if first := templateOf(p.name); first != p.name {
			copy(v, w[first])
			continue
		}
		switch name := p.name; {
		case strings.Contains(name, "norm") && strings.HasSuffix(name, ".weight"):
			for i := range v {
				v[i] = 1
			}
		case strings.Contains(name, "norm"), strings.Contains(name, "self_attn") && strings.HasSuffix(name, "bias"):
			// 0
		case strings.HasSuffix(name, "in_proj_weight"):
			uniform(rng, v, math.Sqrt(6/float64(p.dims[0]+p.dims[1])))
		default:
			uniform(rng, v, 1/math.Sqrt(float64(c.fanIn(name))))
		}
	}
	return w
}

// center sets the biases of the two adapters so that L_in(mean) = 0 and
// L_out(0) = mean, with mean [G].
func (c Config) center(w weights, mean []float64) {
	in, bias := w["input.weight"], w["input.bias"]
	for e := range bias {
		sum := 0.0
		for g, m := range mean {
			sum += float64(in[e*c.Genes+g]) * m
		}
		bias[e] = float32(-sum)
	}
	for g, m := range mean {
		w["output.bias"][g] = float32(m)
	}
}

// templateOf returns the parameter of layer 0 that a later layer copies.
func templateOf(name string) string {
	if rest, ok := strings.CutPrefix(name, "encoder.layers."); ok {
		_, rest, _ = strings.Cut(rest, ".")
		return "encoder.layers.0." + rest
	}
	return name
}

// fanIn is the number of inputs of the linear layer that a parameter is of.
func (c Config) fanIn(name string) int {
	switch {
	case strings.HasPrefix(name, "input."):
		return c.Genes
	case strings.Contains(name, "linear2."):
		return c.Hidden
	}
	return c.Width
}

func uniform(rng *rand.Rand, v []float32, bound float64) {
	for i := range v {
		v[i] = float32((2*rng.Float64() - 1) * bound)
	}
}
