package spackle

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/spatialgo/spatialgo/internal/engine"
)

func TestParameters(t *testing.T) {
	for _, tc := range []struct {
		reason string
		genes  int
		want   int
	}{
		{reason: "the paper's network for 128 genes", genes: 128, want: 1_219_072},
		{reason: "adapters shrink with 32 genes: 2·128·96+96 fewer", genes: 32, want: 1_219_072 - 2*128*96 - 96},
	} {
		if got := Paper(tc.genes).Parameters(); got != tc.want {
			t.Errorf("%s: %d parameters, want %d", tc.reason, got, tc.want)
		}
	}
}

// TestReleasedParameters counts those of the released library.
func TestReleasedParameters(t *testing.T) {
	for genes, want := range map[int]int{128: 1_219_072, 32: 277_120} {
		if got := Released(genes).Parameters(); got != want {
			t.Errorf("%d genes: %d parameters, want %d", genes, got, want)
		}
	}
	c := Paper(128)
	c.Visual = 768 // Linear(768→128), and twice as many inputs of the first adapter
	if got, want := c.Parameters(), 1_219_072+768*128+128+128*128; got != want {
		t.Errorf("with a picture: %d parameters, want %d", got, want)
	}
}

// TestForward compares the graph with the network written out by hand.
func TestForward(t *testing.T) {
	odd := small(5)
	odd.Layers = 3
	form := func(heads, tokens, visual int) Config {
		c := small(6)
		c.Heads, c.Tokens, c.Visual = heads, tokens, visual
		return c
	}
	machines := engines(t)
	for _, tc := range []struct {
		reason    string
		config    Config
		attention Attention
		batch     int
		tolerance float64
		goOnly    bool // compiling takes XLA a while, and TestTorch has the published size on it
	}{
		{reason: "small", config: small(6), attention: Neighborhood, batch: 3, tolerance: 1e-4, goOnly: true},
		{reason: "another number of layers", config: odd, attention: Neighborhood, batch: 2, tolerance: 1e-4, goOnly: true},
		{reason: "one neighbourhood", config: small(4), attention: Neighborhood, batch: 1, tolerance: 1e-4, goOnly: true},
		{reason: "attention over the batch", config: small(6), attention: Batch, batch: 5, tolerance: 1e-4},
		{reason: "four heads", config: form(4, 19, 0), attention: Neighborhood, batch: 3, tolerance: 1e-4, goOnly: true},
		{reason: "heads over the batch", config: form(2, 19, 0), attention: Batch, batch: 5, tolerance: 1e-4, goOnly: true},
		{reason: "no neighbours", config: form(1, 1, 0), attention: Neighborhood, batch: 3, tolerance: 1e-4, goOnly: true},
		{reason: "six neighbours and a picture", config: form(2, 7, 5), attention: Neighborhood, batch: 3, tolerance: 1e-4},
		{reason: "a picture, over the batch", config: form(1, 37, 3), attention: Batch, batch: 4, tolerance: 1e-4, goOnly: true},
		{reason: "the paper's size", config: Paper(32), attention: Neighborhood, batch: 2, tolerance: 1e-3, goOnly: true},
	} {
		const seed = 7
		rng := rand.New(rand.NewPCG(seed, 0))
		c := tc.config
		c.Attention = tc.attention
		w := randomWeights(c, rng)
		if c.Width == 128 {
			w = c.initial(rng)
		}
		x := make([]float32, tc.batch*c.Tokens*c.columns())
		for i := range x {
			x[i] = float32(3 + 2*rng.NormFloat64())
		}
		want := reference{c, w}.run(x, tc.batch, c.Tokens)
		for _, e := range machines {
			if tc.goOnly && e.Kind != engine.Go {
				continue
			}
			all, first := forward(t, e, c, w, x)
			if d := farthest(all, want); d > tc.tolerance {
				t.Errorf("%s on %s: off by %g", tc.reason, e.Kind, d)
			}
			// The short way to the spot itself gives the same.
			var own []float64
			for b := range tc.batch {
				own = append(own, want[b*c.Tokens*c.Genes:(b*c.Tokens+1)*c.Genes]...)
			}
			if d := farthest(first, own); d > tc.tolerance {
				t.Errorf("%s on %s, first spot only: off by %g", tc.reason, e.Kind, d)
			}
		}
	}
}

func farthest(got []float32, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	d := 0.0
	for i := range got {
		d = math.Max(d, math.Abs(float64(got[i])-want[i]))
	}
	return d
}

// TestGradient compares the gradient of the loss, dropout included, with
// finite differences of the loss, for every parameter.
func TestGradient(t *testing.T) {
	const batch, seed = 2, 3
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, attention := range []Attention{Neighborhood, Batch} {
		c := small(4)
		c.Attention, c.Dropout = attention, 0.3
		if attention == Neighborhood {
			c.Heads, c.Tokens, c.Visual = 2, 7, 3
		}
		w := randomWeights(c, rng)
		x, hidden := make([]float32, batch*c.Tokens*c.columns()), make([]bool, batch*c.Tokens*c.Genes)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		for i := range hidden {
			hidden[i] = rng.Float64() < 0.3
		}
		g := newGradients(t, c, w, x, hidden)
		_, grads := g.at(w)
		for k, p := range c.parameters() {
			for range 4 {
				i := rng.IntN(p.size())
				const h = 5e-4 // longer steps cross the kink of a ReLU, shorter ones drown in float32
				numeric := g.slope(w, p.name, i, h)
				if d := math.Abs(numeric - float64(grads[k][i])); d > 2e-3+0.02*math.Abs(numeric) {
					t.Errorf("seed %d, attention over the %s, %s[%d]: gradient %g, finite difference %g", seed, attention, p.name, i, grads[k][i], numeric)
				}
			}
		}
	}
}

// gradients evaluates loss and gradient for any weights.
type gradients struct {
	t         *testing.T
	c         Config
	exec      *model.Exec
	net       *network
	x, hidden *tensors.Tensor
}

func newGradients(t *testing.T, c Config, w weights, x []float32, hidden []bool) *gradients {
	n, err := newNetwork(goEngine(t), c, w)
	if err != nil {
		t.Fatal(err)
	}
	exec, err := model.NewExec(n.engine.Backend, n.store, func(s *model.Scope, x, hidden, key *graph.Node) []*graph.Node {
		drop := &dropout{key: key, rate: c.Dropout}
		l := loss(c.genes(x), c.encode(s, c.hide(x, hidden), false, drop))
		var nodes []*graph.Node
		for _, p := range c.parameters() {
			nodes = append(nodes, n.store.GetVariable(p.path()).NodeValue(x.Graph()))
		}
		return append(graph.Gradient(l, nodes...), l)
	})
	if err != nil {
		t.Fatal(err)
	}
	b := len(hidden) / (c.Tokens * c.Genes)
	return &gradients{t, c, exec, n, tensors.FromFlatDataAndDimensions(x, b, c.Tokens, c.columns()), tensors.FromFlatDataAndDimensions(hidden, b, c.Tokens, c.Genes)}
}

func (g *gradients) at(w weights) (loss float64, grads [][]float32) {
	for _, p := range g.c.parameters() {
		v := append([]float32(nil), w[p.name]...)
		if err := g.net.store.GetVariable(p.path()).SetValue(tensors.FromFlatDataAndDimensions(v, p.dims...)); err != nil {
			g.t.Fatal(err)
		}
	}
	out, err := g.exec.Call(g.x, g.hidden, tensors.FromScalar(uint32(99)))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, o := range out[:len(out)-1] {
		grads = append(grads, tensors.MustCopyFlatData[float32](o))
	}
	return float64(tensors.ToScalar[float32](out[len(out)-1])), grads
}

// slope is the central difference of the loss in one weight. Two step lengths
// are combined so that the error is of fourth order: float32 forbids short
// steps.
func (g *gradients) slope(w weights, name string, i int, h float32) float64 {
	one := func(h float32) float64 {
		v := w[name][i]
		w[name][i] = v + h
		up, _ := g.at(w)
		w[name][i] = v - h
		down, _ := g.at(w)
		w[name][i] = v
		return (up - down) / (2 * float64(h))
	}
	return (4*one(h) - one(2*h)) / 3
}

func TestInitial(t *testing.T) {
	c := Paper(128)
	w := c.initial(source(42, streamWeights, 0))
	for _, tc := range []struct {
		reason, name string
		bound        float64 // of a uniform distribution; 0 = all equal to want
		want         float32
	}{
		{reason: "Linear: 1/√in", name: "input.weight", bound: 1 / math.Sqrt(128)},
		{reason: "Linear bias as its weight", name: "output.bias", bound: 1 / math.Sqrt(128)},
		{reason: "Linear of 2048 inputs", name: "encoder.layers.0.linear2.weight", bound: 1 / math.Sqrt(2048)},
		{reason: "its bias", name: "encoder.layers.1.linear2.bias", bound: 1 / math.Sqrt(2048)},
		{reason: "Xavier over all of Q, K, V: √(6/(128+384))", name: "encoder.layers.0.self_attn.in_proj_weight", bound: math.Sqrt(6.0 / 512)},
		{reason: "output projection is a Linear", name: "encoder.layers.0.self_attn.out_proj.weight", bound: 1 / math.Sqrt(128)},
		{reason: "but its bias is 0", name: "encoder.layers.0.self_attn.out_proj.bias", want: 0},
		{reason: "attention bias is 0", name: "encoder.layers.1.self_attn.in_proj_bias", want: 0},
		{reason: "LayerNorm scale", name: "encoder.layers.0.norm2.weight", want: 1},
		{reason: "LayerNorm shift", name: "encoder.layers.0.norm1.bias", want: 0},
	} {
		lo, hi, square := math.Inf(1), math.Inf(-1), 0.0
		for _, v := range w[tc.name] {
			lo, hi, square = min(lo, float64(v)), max(hi, float64(v)), square+float64(v)*float64(v)
		}
		n := float64(len(w[tc.name]))
		switch {
		case n == 0:
			t.Errorf("%s: no %s", tc.reason, tc.name)
		case tc.bound == 0 && (lo != float64(tc.want) || hi != float64(tc.want)):
			t.Errorf("%s: %s from %g to %g, want all %g", tc.reason, tc.name, lo, hi, tc.want)
		case tc.bound > 0 && (hi > tc.bound || lo < -tc.bound || math.Abs(math.Sqrt(3*square/n)/tc.bound-1) > 4/math.Sqrt(n)):
			t.Errorf("%s: %s from %g to %g, standard deviation·√3 %g, want uniform ±%g", tc.reason, tc.name, lo, hi, math.Sqrt(3*square/n), tc.bound)
		}
	}
	for name, v := range w {
		if rest, ok := strings.CutPrefix(name, "encoder.layers.1."); ok {
			for i := range v {
				if v[i] != w["encoder.layers.0."+rest][i] {
					t.Fatalf("%s: layers start different, PyTorch copies one", name)
				}
			}
		}
	}
}

// TestDropout checks rate, scale, that steps, places in the network and
// neighbouring entries are not correlated, and that engines drop the same.
func TestDropout(t *testing.T) {
	const n, rate = 200_000, 0.1
	draw := func(key uint32) [][]float32 {
		var perEngine [][]float32
		for _, e := range engines(t) {
			exec, err := graph.NewExec(e.Backend, func(x, key *graph.Node) (*graph.Node, *graph.Node) {
				d := &dropout{key: key, rate: rate}
				return d.apply(x), d.apply(x)
			})
			if err != nil {
				t.Fatal(err)
			}
			ones := make([]float32, n)
			for i := range ones {
				ones[i] = 1
			}
			a, b, err := exec.Call2(tensors.FromFlatDataAndDimensions(ones, n/100, 100), tensors.FromScalar(key))
			if err != nil {
				t.Fatal(err)
			}
			perEngine = append(perEngine, append(tensors.MustCopyFlatData[float32](a), tensors.MustCopyFlatData[float32](b)...))
		}
		return perEngine
	}
	one, two := draw(1), draw(2)
	for e := range one {
		for i := range one[0] {
			if one[e][i] != one[0][i] {
				t.Fatalf("engines drop different entries, first at %d", i)
			}
		}
	}
	v, w := one[0], two[0]
	for i := range v {
		if v[i] != 0 && math.Abs(float64(v[i])-1/(1-rate)) > 1e-6 {
			t.Fatalf("a kept 1 became %g, want %g", v[i], 1/(1-rate))
		}
	}
	// z scores of how often both of two entries are dropped.
	z := func(reason string, hit func(i int) bool, p float64) {
		k := 0.0
		for i := range n - 100 {
			if hit(i) {
				k++
			}
		}
		m := float64(n - 100)
		if z := (k - m*p) / math.Sqrt(m*p*(1-p)); math.Abs(z) > 4 {
			t.Errorf("%s: %g of %g, z = %.1f", reason, k, m, z)
		}
	}
	z("rate", func(i int) bool { return v[i] == 0 }, rate)
	z("two places in the network", func(i int) bool { return v[i] == 0 && v[n+i] == 0 }, rate*rate)
	z("two steps", func(i int) bool { return v[i] == 0 && w[i] == 0 }, rate*rate)
	z("two steps, shifted", func(i int) bool { return v[i+1] == 0 && w[i] == 0 }, rate*rate)
	z("next entry", func(i int) bool { return v[i] == 0 && v[i+1] == 0 }, rate*rate)
	z("next row", func(i int) bool { return v[i] == 0 && v[i+100] == 0 }, rate*rate)
}

func TestConfigCheck(t *testing.T) {
	for _, tc := range []struct {
		reason string
		change func(*Config)
		ok     bool
	}{
		{reason: "the paper's", change: func(*Config) {}, ok: true},
		{reason: "no genes", change: func(c *Config) { c.Genes = 0 }},
		{reason: "all is dropped", change: func(c *Config) { c.Dropout = 1 }},
		{reason: "not a number", change: func(c *Config) { c.Dropout = math.NaN() }},
		{reason: "attention over nothing known", change: func(c *Config) { c.Attention = "genes" }},
		{reason: "16 heads of 8 numbers", change: func(c *Config) { c.Heads = 16 }, ok: true},
		{reason: "heads that do not divide the width", change: func(c *Config) { c.Heads = 3 }},
		{reason: "no spot, not even the spot itself", change: func(c *Config) { c.Tokens = -1 }},
		{reason: "the spot alone", change: func(c *Config) { c.Tokens = 1 }, ok: true},
		{reason: "a picture of less than nothing", change: func(c *Config) { c.Visual = -1 }},
		{reason: "left blank: the paper's", change: func(c *Config) { c.Heads, c.Tokens = 0, 0 }, ok: true},
		{reason: "as wide as there are genes", change: func(c *Config) { *c = Released(32) }, ok: true},
	} {
		c := Paper(3)
		tc.change(&c)
		if err := c.check(); (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.reason, err)
		}
	}
}
