package spackle

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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
//	Q  spots of a neighbourhood whose output   H  heads of the attention, 1
//	   is wanted: S in training, 1 in          V  numbers of what the picture shows at a
//	   prediction                                 spot, 0

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
	Genes     int       `json:"genes"`            // G
	Width     int       `json:"width"`            // E
	Hidden    int       `json:"hidden"`           // F
	Layers    int       `json:"layers"`           // encoder layers
	Dropout   float64   `json:"dropout"`          // share of activations dropped in training, 0 to 1
	Attention Attention `json:"attention"`        // what is attended over
	Tokens    int       `json:"tokens,omitempty"` // S, the spot itself and its neighbours; 0 = 19
	Heads     int       `json:"heads,omitempty"`  // H, of each layer's attention, a divisor of Width; 0 = 1
	Visual    int       `json:"visual,omitempty"` // V, of an embedding of the picture that is read beside the genes; 0 = none
}

// Neighbors is the number n of neighbours in a spot's neighbourhood where
// nothing else is asked for: as many as lie within two hops on Visium's
// hexagonal grid.
const Neighbors = 18

// maxTokens bounds what a file can make a program allocate: nothing else in it
// grows with the number of neighbours.
const maxTokens = 1024

// maxWidth bounds what a slip of the pen would allocate: at this width the
// weights take 2.5 GB, training four times that. Published are 128, and the
// number of genes.
const maxWidth = 8192

// Paper returns the published network for a number of genes: width 128, two
// encoder layers of one head, feed-forward width 2048, dropout 0.1, attention
// over the neighbourhood of 19 spots.
func Paper(genes int) Config {
	return Config{Genes: genes, Width: 128, Hidden: 2048, Layers: 2, Dropout: 0.1, Attention: Neighborhood, Tokens: Neighbors + 1, Heads: 1}
}

// Released returns the network of the released library for a number of genes:
// as wide as there are genes, and with attention over the batch.
func Released(genes int) Config {
	c := Paper(genes)
	c.Width, c.Attention = genes, Batch
	return c
}

// withDefaults fills in what 0 stands for.
func (c Config) withDefaults() Config {
	if c.Tokens == 0 {
		c.Tokens = Neighbors + 1
	}
	if c.Heads == 0 {
		c.Heads = 1
	}
	return c
}

// brief is the inverse of withDefaults: digests of networks from before there
// was a choice stay what they were.
func (c Config) brief() Config {
	if c.Tokens == Neighbors+1 {
		c.Tokens = 0
	}
	if c.Heads == 1 {
		c.Heads = 0
	}
	return c
}

// check returns an error unless there is such a network.
func (c Config) check() error {
	switch c = c.withDefaults(); {
	case c.Genes < 1 || c.Width < 1 || c.Hidden < 1 || c.Layers < 1:
		return fmt.Errorf("a network of %d genes, width %d, feed-forward width %d, %d layers", c.Genes, c.Width, c.Hidden, c.Layers)
	case c.Width > maxWidth:
		return fmt.Errorf("a transformer of width %d: want at most %d", c.Width, maxWidth)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("dropout %g, want 0 to below 1", c.Dropout)
	case c.Attention != Neighborhood && c.Attention != Batch:
		return fmt.Errorf("attention over %q, want %q or %q", c.Attention, Neighborhood, Batch)
	case c.Tokens < 1 || c.Tokens > maxTokens || c.Visual < 0:
		return fmt.Errorf("neighbourhoods of %d spots, %d numbers from the picture: want 1 to %d spots", c.Tokens, c.Visual, maxTokens)
	case c.Heads < 1 || c.Width%c.Heads != 0:
		return fmt.Errorf("%d heads for a width of %d: want a divisor of it", c.Heads, c.Width)
	}
	return nil
}

// columns is the number of inputs per spot: its genes, then what the picture
// shows there.
func (c Config) columns() int { return c.Genes + c.Visual }

// encode maps the expression of neighbourhoods with hidden values set to 0 to
// the reconstructed expression, Eq. 4: Ê = L_out(T(L_in(E_m))). x is [B,S,G+V],
// the result [B,Q,G]. With first, only the spot itself is reconstructed
// (Q = 1), which skips most of the last layer.
func (c Config) encode(s *model.Scope, x *Node, first bool, drop *dropout) *Node {
	if first && c.Attention == Batch {
		x = Slice(x, AxisRange(), AxisRange(0, 1)) // slots do not mix [B,1,G+V]
	}
	if c.Visual > 0 {
		x = c.see(s, x) // [B,S,2G]
	}
	h := linear(s.In("input"), x) // L_in [B,S,E]
	layers := s.In("encoder").In("layers")
	for i := range c.Layers {
		h = c.layer(layers.In("%d", i), h, first && i == c.Layers-1, drop)
	}
	return linear(s.In("output"), h) // L_out [B,Q,G]
}

// genes is the expression in x, [B,S,G+V] to [B,S,G].
func (c Config) genes(x *Node) *Node {
	if c.Visual == 0 {
		return x
	}
	return Slice(x, AxisRange(), AxisRange(), AxisRange(0, c.Genes))
}

// picture is what else is in x, [B,S,G+V] to [B,S,V].
func (c Config) picture(x *Node) *Node { return Slice(x, AxisRange(), AxisRange(), AxisRange(c.Genes)) }

// hide sets the hidden values to 0, Eq. 2. x is [B,S,G+V], hidden [B,S,G].
func (c Config) hide(x, hidden *Node) *Node {
	m := Where(hidden, ZerosLike(c.genes(x)), c.genes(x)) // E_m [B,S,G]
	if c.Visual == 0 {
		return m
	}
	return Concatenate([]*Node{m, c.picture(x)}, -1) // [B,S,G+V]
}

// see brings what the picture shows to the size of the genes and lays it beside
// them: [x, W·v + b], [B,S,G+V] to [B,S,2G].
func (c Config) see(s *model.Scope, x *Node) *Node {
	seen := linear(s.In("visual"), c.picture(x))      // [B,S,G]
	return Concatenate([]*Node{c.genes(x), seen}, -1) // [B,S,2G]
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

// attention is softmax(Q·Kᵀ/√d_k)·V, Eq. 3, with d_k = E/H: each head does it
// with its own part of Q, K and V. q is [B,Q,E], x [B,S,E], the result [B,Q,E].
// Over the Batch the axes B and S change places, as the released library has
// them: each slot attends to itself in all neighbourhoods.
func (c Config) attention(s *model.Scope, q, x *Node, drop *dropout) *Node {
	w, b := weight(s, x, "in_proj_weight"), weight(s, x, "in_proj_bias") // [3E,E], [3E]
	project := func(x *Node, part int) *Node {
		rows := AxisRange(part*c.Width, (part+1)*c.Width)
		return affine(x, Slice(w, rows), Slice(b, rows))
	}
	heads := func(x *Node) *Node { // [B,S,E] to [B,S,H,E/H]
		return Reshape(x, x.Shape().Dim(0), x.Shape().Dim(1), c.Heads, c.Width/c.Heads)
	}
	q = MulScalar(project(q, 0), 1/math.Sqrt(float64(c.Width/c.Heads))) // [B,Q,E]
	k, v := project(x, 1), project(x, 2)                                // [B,S,E]
	score, mix := "bqhd,bkhd->bhqk", "bhqk,bkhd->bqhd"                  // q over Q, k over S, d over E/H
	if c.Attention == Batch {
		score, mix = "qshd,kshd->shqk", "shqk,kshd->qshd"
	}
	a := Softmax(Einsum(score, heads(q), heads(k)), -1) // [B,H,Q,S]; over the batch [Q,H,B,B]
	o := Einsum(mix, drop.apply(a), heads(v))           // [B,Q,H,E/H]
	o = Reshape(o, q.Shape().Dimensions...)             // [B,Q,E]
	return linear(s.In("out_proj"), o)                  // [B,Q,E]
}

// weight returns a parameter of the network.
func weight(s *model.Scope, g GraphProvider, name string) *Node {
	v := s.GetVariable(name)
	if v == nil {
		panic(fmt.Errorf("no parameter %s in %s", name, s.Scope()))
	}
	return v.NodeValue(g)
}

// linear is x·Wᵀ + b over the last axis, [...,in] to [...,out].
func linear(s *model.Scope, x *Node) *Node {
	return affine(x, weight(s, x, "weight"), weight(s, x, "bias"))
}

// affine is x·wᵀ + b over the last axis, [...,in] to [...,out]; w is [out,in], b
// [out]. All spots of all neighbourhoods go through one flat matrix product.
func affine(x, w, b *Node) *Node {
	dims := append([]int{}, x.Shape().Dimensions...)
	in, out := dims[len(dims)-1], w.Shape().Dimensions[0]
	y := Dot(Reshape(x, -1, in), w).General([]int{1}, nil, []int{1}, nil) // [B·S,out]
	y = Add(y, ExpandLeftToRank(b, 2))                                    // [B·S,out]
	dims[len(dims)-1] = out
	return Reshape(y, dims...)
}

// layerNorm is (x-mean)/√(variance+1e-5)·weight + bias over the last axis, of any
// shape [...,E].
func layerNorm(s *model.Scope, x *Node) *Node {
	const eps = 1e-5
	x = Sub(x, ReduceAndKeep(x, ReduceMean, -1))
	x = Div(x, Sqrt(AddScalar(ReduceAndKeep(Square(x), ReduceMean, -1), eps)))
	w, b := weight(s, x, "weight"), weight(s, x, "bias")
	return Add(Mul(x, ExpandLeftToRank(w, x.Rank())), ExpandLeftToRank(b, x.Rank()))
}

// reluDrop is dropout of ReLU(x), of any shape.
func reluDrop(x *Node, drop *dropout) *Node {
	return drop.apply(Where(IsPositive(x), x, ScalarZero(x.Graph(), x.DType())))
}

// loss is the mean squared error over all entries, Eq. 5. It is taken axis by
// axis because one sum over all entries in float32 loses digits on engines
// that add one by one.
func loss(want, got *Node) *Node {
	l := Square(Sub(got, want))
	for l.Rank() > 0 {
		l = ReduceMean(l, -1) // [B,S,G], [B,S], [B], []
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

// apply drops out entries of x, of any shape; each call is another place in the
// network.
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
	const resolution = 1 << 24 // of the uniform draw
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
// PyTorch, where torch.nn.TransformerEncoder is called encoder, the two
// adapters input and output, and the one of the picture visual.
type parameter struct {
	name string
	dims []int
}

// path is the parameter's place in a GoMLX store.
func (p parameter) path() string { return "/" + strings.ReplaceAll(p.name, ".", "/") }

// size is the number of its values.
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
	list := []parameter{{"input.weight", []int{e, c.inputs()}}, {"input.bias", []int{e}}}
	if c.Visual > 0 {
		list = append(list, parameter{"visual.weight", []int{c.Genes, c.Visual}}, parameter{"visual.bias", []int{c.Genes}})
	}
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

// inputs is the number of inputs of the first adapter.
func (c Config) inputs() int {
	if c.Visual > 0 {
		return 2 * c.Genes
	}
	return c.Genes
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
// L_out(0) = mean, with mean [G+V] of genes and picture.
func (c Config) center(w weights, mean []float64) {
	x := mean[:c.Genes]
	if c.Visual > 0 {
		x = append(slices.Clone(x), product(w["visual.weight"], w["visual.bias"], mean[c.Genes:])...)
	}
	bias := w["input.bias"]
	clear(bias)
	for e, y := range product(w["input.weight"], bias, x) {
		bias[e] = float32(-y)
	}
	for g := range w["output.bias"] {
		w["output.bias"][g] = float32(mean[g])
	}
}

// product is W·x + b, of W [out,in] row-major.
func product(w, b []float32, x []float64) []float64 {
	y := make([]float64, len(b))
	for o := range y {
		sum := 0.0
		for i, v := range x {
			sum += float64(w[o*len(x)+i]) * v
		}
		y[o] = float64(b[o]) + sum
	}
	return y
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
		return c.inputs()
	case strings.HasPrefix(name, "visual."):
		return c.Visual
	case strings.Contains(name, "linear2."):
		return c.Hidden
	}
	return c.Width
}

// uniform draws from ±bound.
func uniform(rng *rand.Rand, v []float32, bound float64) {
	for i := range v {
		v[i] = float32((2*rng.Float64() - 1) * bound)
	}
}
