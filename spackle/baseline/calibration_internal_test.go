package baseline

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"
)

// made returns a view of counts, one gene, and answers that are wrong in a known
// way: bias added to the expected value, spread factor times too small.
func made(seed uint64, n int, bias, factor float64) (*View, *answers) {
	rng := rand.New(rand.NewPCG(seed, 8))
	column := func() blas32.General { return blas32.General{Rows: n, Cols: 1, Stride: 1, Data: make([]float32, n)} }
	v := &View{Values: column(), Counts: column(), Visible: make([]bool, n), Sizes: []float64{1}, Totals: slices.Repeat([]float64{100}, n)}
	a := &answers{Completion{Values: column(), SD: column(), Rate: column()}, v, slices.Repeat([]float64{1e4}, n)}
	table := truncatedPoisson()
	for i := range n {
		eta := -1 + 4*rng.Float64()
		c := 0
		for c == 0 {
			c = drawPoisson(rng, math.Exp(eta))
		}
		v.Counts.Data[i], v.Visible[i] = float32(c), true
		v.Values.Data[i] = float32(v.Norm.Log(float64(c) * 1e4))
		mean, variance := table.detected(eta, 0, true)
		a.Values.Data[i] = float32(v.Norm.Log(math.Exp2(mean)*1e4) + bias)
		a.SD.Data[i] = float32(math.Sqrt(variance) / factor)
	}
	return v, a
}

// TestCalibration: answers that are too high, or too sure, are put right: for
// entries that took no part, the bias goes and intervals hold what they say.
func TestCalibration(t *testing.T) {
	for _, c := range []struct {
		reason       string
		bias, factor float64
	}{
		{"nothing to mend", 0, 1},
		{"too high and too sure", .3, 2},
		{"too unsure", 0, .6},
		{"too low", -.1, 1},
	} {
		for seed := range uint64(3) {
			v, a := made(seed, 20_000, c.bias, c.factor)
			cal := newCalibration(v, seed)
			if n := len(cal.aside); n < 800 || n > 1200 {
				t.Fatalf("%d of 20,000 are set aside", n)
			}
			cal.learn(a)
			rest := make([]bool, len(v.Visible)) // those that took no part are asked for
			for _, k := range cal.aside {
				rest[k] = true
			}
			cal.v = &View{Values: v.Values, Visible: rest}
			cal.apply(a)
			var n, error float64
			var held [len(Levels)]float64
			for k, x := range v.Values.Data {
				if rest[k] {
					continue
				}
				e := float64(a.Values.Data[k] - x)
				n, error = n+1, error+e
				for l, f := range a.Factors {
					if math.Abs(e) <= f*float64(a.SD.Data[k]) {
						held[l]++
					}
				}
			}
			if math.Abs(error/n) > .1 {
				t.Errorf("%s, seed %d: values are %.3f too high", c.reason, seed, error/n)
			}
			for l, p := range Levels {
				if d := held[l]/n - p; math.Abs(d) > .05 {
					t.Errorf("%s, seed %d: intervals of %.2f hold %.3f", c.reason, seed, p, held[l]/n)
				}
			}
		}
	}
}

// With nothing to learn from, nothing changes and factors are the usual ones.
func TestCalibrationOfNothing(t *testing.T) {
	for _, n := range []int{0, 1, 5} {
		v, a := made(1, n, 0, 1)
		clear(v.Visible)
		before := slices.Clone(a.Values.Data)
		c := newCalibration(v, 1)
		c.learn(a)
		c.apply(a)
		if a.Factors != usualFactors || !slices.Equal(before, a.Values.Data) {
			t.Errorf("%d spots: factors %v, values %v, before %v", n, a.Factors, a.Values.Data, before)
		}
	}
}

// TestFactorsWeigh: errors of the group that is asked for decide.
func TestFactorsWeigh(t *testing.T) {
	c := &calibration{from: []float64{1}, center: []float64{0, 2}}
	for k := range 2000 { // group 0 errs little, group 1 much
		c.level = append(c.level, float64(k%2)*2)
		c.error = append(c.error, float64(1+k%2)*float64(k/2)/1000)
	}
	for _, w := range []struct {
		asked []float64
		want  float64
	}{{[]float64{10, 0}, .5}, {[]float64{0, 10}, 1}, {[]float64{10, 10}, 2. / 3}, {[]float64{0, 0}, usualFactors[0]}} {
		want := w.want
		if w.asked[0]+w.asked[1] > 0 {
			want = (2000*want + factorHold*usualFactors[0]) / (2000 + factorHold)
		}
		if got := c.factors(w.asked)[0]; math.Abs(got-want) > .005 {
			t.Errorf("asked for %v: the factor of 50 %% is %g, want %g", w.asked, got, want)
		}
	}
}
