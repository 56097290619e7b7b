package spackle

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spackle/baseline"
)

func TestProbabilities(t *testing.T) {
	for _, tc := range []struct {
		reason    string
		f         float64
		p30, pmed float64
	}{
		{reason: "gene without a count: nothing to hide, no division by 0", f: 0, p30: 1, pmed: 1},
		{reason: "rarer than 30 %: all of it", f: 0.2, p30: 1, pmed: 1},
		{reason: "exactly 30 %", f: 0.3, p30: 1, pmed: 1},
		{reason: "half: hidden as many as missing is all of it", f: 0.5, p30: 0.6, pmed: 1},
		{reason: "0.8 detected: 0.3/0.8 and 0.2/0.8", f: 0.8, p30: 0.375, pmed: 0.25},
		{reason: "detected everywhere: nothing is missing, so pmed hides nothing", f: 1, p30: 0.3, pmed: 0},
	} {
		f := []float64{tc.f}
		if got := P30.Probabilities(f)[0]; math.Abs(got-tc.p30) > 1e-15 {
			t.Errorf("%s: p30(%g) = %g, want %g", tc.reason, tc.f, got, tc.p30)
		}
		if got := PMed.Probabilities(f)[0]; math.Abs(got-tc.pmed) > 1e-15 {
			t.Errorf("%s: pmed(%g) = %g, want %g", tc.reason, tc.f, got, tc.pmed)
		}
	}
}

func TestDraw(t *testing.T) {
	const rows, seed = 40_000, 5
	f := []float64{0.1, 0.6, 1}
	rng := rand.New(rand.NewPCG(seed, 0))
	measured := make([]bool, rows*3)
	for i := range measured {
		measured[i] = rng.Float64() < f[i%3]
	}
	before := slices.Clone(measured)
	for _, tc := range []struct {
		reason string
		rule   Rule
		want   []float64 // share of all entries of the gene
	}{
		{reason: "30 % of all entries, or all that there are", rule: P30, want: []float64{0.1, 0.3, 0.3}},
		{reason: "as many as are missing, or all that there are", rule: PMed, want: []float64{0.1, 0.4, 0}},
	} {
		p := tc.rule.Probabilities(f)
		draw := func(seed uint64, m []bool) []bool { return tc.rule.Draw(rand.New(rand.NewPCG(seed, 1)), m, p, 3) }
		hidden := draw(seed, measured)
		share := make([]float64, 3)
		for i, h := range hidden {
			if h && !measured[i] {
				t.Fatalf("%s: a value that was not measured is hidden", tc.rule)
			}
			if h {
				share[i%3] += 1.0 / rows
			}
		}
		for g := range share {
			if sd := math.Sqrt(tc.want[g] * (1 - tc.want[g]) / rows); math.Abs(share[g]-tc.want[g]) > 5*sd+1e-9 {
				t.Errorf("%s, seed %d: gene %d hidden in %.4f of all entries, want %.2f", tc.reason, seed, g, share[g], tc.want[g])
			}
		}
		if !slices.Equal(hidden, draw(seed, measured)) {
			t.Errorf("%s: the same seed hides other values", tc.rule)
		}
		if slices.Equal(hidden, draw(seed+1, measured)) {
			t.Errorf("%s: another seed hides the same values", tc.rule)
		}
		// What is measured elsewhere does not shift the draw.
		fewer := slices.Clone(measured)
		fewer[1] = false
		if h := draw(seed, fewer); !slices.Equal(h[2:], hidden[2:]) {
			t.Errorf("%s: one entry less changes the others", tc.rule)
		}
	}
	if !slices.Equal(measured, before) {
		t.Error("Draw changed its input")
	}
}

func TestParseRule(t *testing.T) {
	rules := []Rule{P30, PMed}
	for n := 2; n < 100; n++ {
		r, err := baseline.Percent(n)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("p%d", n); r.String() != want {
			t.Errorf("%d %% is called %s, want %s", n, r, want)
		}
		if p := r.Probabilities([]float64{1})[0]; p != float64(n)/100 {
			t.Errorf("p%d hides %g of a gene that is everywhere", n, p)
		}
		rules = append(rules, r)
	}
	for _, r := range rules {
		if got, err := ParseRule(r.String()); err != nil || got != r {
			t.Errorf("ParseRule(%q) = %v, %v", r, got, err)
		}
	}
	if r, err := baseline.Percent(30); err != nil || r != P30 {
		t.Errorf("30 %% is %v (%v), want P30, the zero value", r, err)
	}
	for _, bad := range []string{"P30", "p", "p1", "p100", "p030", "p+30", "p-3", "p3.5", "30", "p30 ", "", "p99999999999999999999"} {
		if r, err := ParseRule(bad); err == nil {
			t.Errorf("%q passes as %v", bad, r)
		}
	}
}

// TestSource guards the streams that resuming relies on against change, and
// against two of them being one.
func TestSource(t *testing.T) {
	if got := source(42, streamMask, 7).Uint64(); got != source(42, streamMask, 7).Uint64() {
		t.Error("the same stream and index give other numbers")
	}
	seen := map[uint64]bool{}
	for _, stream := range []int{streamWeights, streamOrder, streamMask, streamDropout, streamValidation} {
		for index := range 100 {
			v := source(42, stream, index).Uint64()
			if seen[v] {
				t.Fatalf("stream %d, index %d repeats another", stream, index)
			}
			seen[v] = true
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	const genes = 128
	measured := make([]bool, 256*Tokens*genes) // one training step
	p := make([]float64, genes)
	for i := range measured {
		measured[i] = i%3 > 0
	}
	for g := range p {
		p[g] = 0.4
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		P30.Draw(rng, measured, p, genes)
	}
}
