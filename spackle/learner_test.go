package spackle

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle/safetensors"
)

// TestOverfit lets a small network learn one batch by heart, hidden values
// included.
func TestOverfit(t *testing.T) {
	const size, seed = 2, 8
	rng := rand.New(rand.NewPCG(seed, 0))
	c := small(4)
	c.Width, c.Hidden, c.Dropout = 32, 64, 0
	n, err := newNetwork(goEngine(t), c, c.initial(rng))
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLearner(n, size)
	if err != nil {
		t.Fatal(err)
	}
	b := batch{x: make([]float32, size*Tokens*c.Genes), hidden: make([]bool, size*Tokens*c.Genes), rate: 5e-3}
	for i := range b.x {
		b.x[i], b.hidden[i] = float32(4+rng.NormFloat64()), rng.Float64() < 0.3 // variance 1
	}
	var last float64
	for range 400 {
		if last, err = l.learn(b); err != nil {
			t.Fatal(err)
		}
	}
	if last > 0.02 {
		t.Errorf("seed %d: loss %.4f after 400 steps on one batch of variance 1", seed, last)
	}
}

// TestAdam compares the first two updates of a bias with Adam by hand. The
// gradient of the output bias is 2/(B·S·G)·Σ(output-x).
func TestAdam(t *testing.T) {
	c := small(3)
	c.Dropout = 0
	n, err := newNetwork(goEngine(t), c, c.initial(source(1, streamWeights, 0)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLearner(n, 1)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, Tokens*c.Genes)
	for i := range x {
		x[i] = float32(i % 7)
	}
	const rate = 0.01
	m, v := 0.0, 0.0
	for step := 1; step <= 2; step++ {
		before, err := n.weights()
		if err != nil {
			t.Fatal(err)
		}
		grad := 0.0
		for i, y := range (reference{c, before}).run(x, 1, Tokens) {
			if i%c.Genes == 0 {
				grad += 2 * (y - float64(x[i])) / float64(len(x))
			}
		}
		if _, err := l.learn(batch{x: x, hidden: make([]bool, len(x)), rate: rate}); err != nil {
			t.Fatal(err)
		}
		after, err := n.weights()
		if err != nil {
			t.Fatal(err)
		}
		want := adam(float64(before["output.bias"][0]), grad, rate, step, &m, &v)
		if d := want - float64(after["output.bias"][0]); d > 1e-6 || d < -1e-6 {
			t.Errorf("step %d: %g, want %g", step, after["output.bias"][0], want)
		}
	}
}

// TestPermutedBatch: in the paper's form the order of a batch, and what else is
// in it, changes no prediction; in the released one what else is in it does.
func TestPermutedBatch(t *testing.T) {
	const size, seed = 5, 11
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, attention := range []Attention{Neighborhood, Batch} {
		c := small(4)
		c.Attention = attention
		w := randomWeights(c, rng)
		one := Tokens * c.Genes // of a neighbourhood
		x := make([]float32, size*one)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		moved := make([]float32, len(x))
		perm := rng.Perm(size)
		for i, p := range perm {
			copy(moved[i*one:(i+1)*one], x[p*one:])
		}
		e := goEngine(t)
		was, _ := forward(t, e, c, w, x)
		got, _ := forward(t, e, c, w, moved)
		for i, p := range perm {
			if d := largestDifference(got[i*one:(i+1)*one], was[p*one:(p+1)*one]); d > 1e-5 {
				t.Errorf("seed %d, %s: in another place of the batch a neighbourhood gives other values, by %g", seed, attention, d)
			}
		}
		for i := one; i < len(x); i++ {
			x[i]++
		}
		now, _ := forward(t, e, c, w, x)
		d := largestDifference(now[:one], was[:one])
		if (d > 1e-5) != (attention == Batch) {
			t.Errorf("seed %d, %s: with others in its batch a neighbourhood changes by %g", seed, attention, d)
		}
	}
}

func largestDifference(a, b []float32) float64 {
	d := 0.0
	for i := range a {
		d = math.Max(d, math.Abs(float64(a[i])-float64(b[i])))
	}
	return d
}

// TestState checks that state and restore carry all that the next step
// depends on.
func TestState(t *testing.T) {
	c := small(3)
	make1 := func(seed uint64) *learner {
		n, err := newNetwork(goEngine(t), c, c.initial(source(seed, streamWeights, 0)))
		if err != nil {
			t.Fatal(err)
		}
		l, err := newLearner(n, 2)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	b := batch{x: make([]float32, 2*Tokens*3), hidden: make([]bool, 2*Tokens*3), key: 5, rate: 1e-2}
	for i := range b.x {
		b.x[i] = float32(i % 11)
	}
	one, two := make1(1), make1(2)
	for range 5 {
		if _, err := one.learn(b); err != nil {
			t.Fatal(err)
		}
	}
	state, err := one.state()
	if err != nil {
		t.Fatal(err)
	}
	if err := two.restore(state); err != nil {
		t.Fatal(err)
	}
	for step := range 3 {
		x, err := one.learn(b)
		if err != nil {
			t.Fatal(err)
		}
		if y, err := two.learn(b); err != nil || x != y {
			t.Fatalf("step %d after restoring: loss %v, want %v (%v)", step, y, x, err)
		}
	}
	state["/input/weight"] = safetensors.Float32([]int{1}, []float32{1})
	if err := two.restore(state); err == nil {
		t.Error("restored a weight of another shape")
	}
	delete(state, "/input/weight")
	if err := two.restore(state); err == nil {
		t.Error("restored without a weight")
	}
}

// BenchmarkStep takes one step of the paper's training: 256 spots x 19 x 128
// genes; pure Go a step of 32 spots.
func BenchmarkStep(b *testing.B) {
	for _, e := range engines(b) {
		b.Run(string(e.Kind), func(b *testing.B) {
			size := 256
			if e.Kind == engine.Go {
				size = 32
			}
			c := Paper(128)
			n, err := newNetwork(e, c, c.initial(source(1, streamWeights, 0)))
			if err != nil {
				b.Fatal(err)
			}
			l, err := newLearner(n, size)
			if err != nil {
				b.Fatal(err)
			}
			x := make([]float32, size*Tokens*c.Genes)
			hidden := make([]bool, len(x))
			for i := range x {
				x[i], hidden[i] = float32(i%13), i%3 == 0
			}
			for b.Loop() {
				if _, err := l.learn(batch{x: append([]float32(nil), x...), hidden: append([]bool(nil), hidden...), rate: 1e-3}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPredict predicts 5,000 spots x 128 genes, compiling included; pure Go
// 100 spots.
func BenchmarkPredict(b *testing.B) {
	for _, e := range engines(b) {
		b.Run(string(e.Kind), func(b *testing.B) {
			spots := 5000
			if e.Kind == engine.Go {
				spots = 100
			}
			m := sampleModel(128)
			m.Config = Paper(128)
			m.weights = m.Config.initial(source(1, streamWeights, 0))
			input := matrix(spots, 128)
			var x, y []float64
			for i := range spots {
				x, y = append(x, float64(i%70)), append(y, float64(i/70))
				for g := range 128 {
					input.Data[i*128+g] = float32((i + g) % 13)
				}
			}
			table, err := Neighborhoods(x, y, Neighbors)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := m.Predict(b.Context(), e, input, table); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// adam is one update of Kingma & Ba 2017, Algorithm 1.
func adam(w, grad, rate float64, step int, m, v *float64) float64 {
	const b1, b2, eps = 0.9, 0.999, 1e-8
	*m = b1**m + (1-b1)*grad
	*v = b2**v + (1-b2)*grad*grad
	mh := *m / (1 - math.Pow(b1, float64(step)))
	vh := *v / (1 - math.Pow(b2, float64(step)))
	return w - rate*mh/(math.Sqrt(vh)+eps)
}
