package baseline_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
)

// seenFactors are the factor models of the visible values, new ones each time.
func seenFactors() []baseline.Completer {
	return []baseline.Completer{&baseline.SpatialFactor{}, &baseline.ZTPFactor{}}
}

// TestSeenFactorsOnKnownRates: hidden values are predicted better than by averages, alone
// and with a slide to learn depth from, and the spread is as large as the errors.
func TestSeenFactorsOnKnownRates(t *testing.T) {
	for seed := range uint64(2) {
		train, _ := tissue(t, seed, 20, 20, 50)
		v, _ := tissue(t, seed, 24, 24, 50)
		h := hide(t, v, seed, .3)
		kernel := mseOfHidden(v, h, answers(t, &baseline.Kernel{}, h))
		for _, slides := range [][]*baseline.View{nil, {train}} {
			for _, c := range seenFactors() {
				done := answers(t, fit(t, c, slides...), h)
				name := fmt.Sprintf("seed %d, %s, %d train slides", seed, c.Name(), len(slides))
				mse, n, spread, within := mseOfHidden(v, h, done), 0., 0., 0.
				for k, hidden := range h.Hidden {
					if sd := float64(done.SD.Data[k]); hidden {
						n, spread = n+1, spread+sd*sd
						if math.Abs(float64(done.Values.Data[k]-v.Values.Data[k])) < 1.2816*sd {
							within++
						}
					} else if v.Visible[k] && sd != 0 {
						t.Fatalf("%s: a visible value has a spread of %g", name, sd)
					}
				}
				if !(mse < .75*kernel) {
					t.Errorf("%s: MSE %.3f, that of a kernel average %.3f", name, mse, kernel)
				}
				if r := spread / n / mse; math.Abs(math.Log(r)) > .3 {
					t.Errorf("%s: the mean variance is %.3f, the MSE %.3f", name, spread/n, mse)
				}
				if within /= n; math.Abs(within-.8) > .07 {
					t.Errorf("%s: %.3f of the errors are within the interval of 80 %%", name, within)
				}
				if done.Rate.Rows > 0 {
					t.Errorf("%s: it has rates, of which it knows nothing", name)
				}
			}
		}
	}
}

// The order of the spots is nobody's business, nor are true zeros, nor what is
// hidden.
func TestSeenFactorsSeeNothingElse(t *testing.T) {
	train, _ := tissue(t, 22, 9, 9, 12)
	v, _ := tissue(t, 22, 9, 10, 12)
	h := hide(t, v, 2, .4)
	other := *v
	other.Counts, other.Totals, other.Values = v.Empty(), slices.Clone(v.Totals), v.Empty()
	copy(other.Counts.Data, v.Counts.Data)
	copy(other.Values.Data, v.Values.Data)
	for k, hidden := range h.Hidden {
		if hidden {
			other.Counts.Data[k] += 32
			other.Totals[k/12] += 32 / v.Sizes[k%12]
		}
	}
	o, err := other.Hide(h.Hidden)
	if err != nil {
		t.Fatal(err)
	}
	unsaid := *h // of which nobody says that it hides
	unsaid.Hidden = nil
	for _, c := range append(seenFactors(), &baseline.SoftImpute{}) {
		fit(t, c, train)
		a, b, back := answers(t, c, h), answers(t, c, o), answers(t, c, reversed(&unsaid))
		bare := answers(t, c, &unsaid)
		for k := range a.Values.Data {
			if d := math.Abs(float64(a.Values.Data[k] - b.Values.Data[k])); d > 1e-2 { // totals differ by rounding
				t.Fatalf("%s: entry %d is %g, with other hidden counts %g", c.Name(), k, a.Values.Data[k], b.Values.Data[k])
			}
			at := (h.Values.Rows-1-k/12)*12 + k%12
			if d := math.Abs(float64(bare.Values.Data[k] - back.Values.Data[at])); d > .02 {
				t.Fatalf("%s: entry %d is %g, in the reversed order %g", c.Name(), k, bare.Values.Data[k], back.Values.Data[at])
			}
		}
	}
}

// Genes that are not completed help: they tell what tissue a spot is.
func TestSeenFactorsUseTheRest(t *testing.T) {
	v, _ := tissue(t, 12, 22, 22, 50)
	h := hide(t, v, 12, .5)
	for _, c := range seenFactors() {
		mse := func(keep int) float64 {
			done := answers(t, c, columns(h, 5, keep))
			var sum, n float64
			for k := range done.Values.Data {
				if at := k/5*50 + k%5; h.Hidden[at] {
					e := float64(done.Values.Data[k] - v.Values.Data[at])
					sum, n = sum+e*e, n+1
				}
			}
			return sum / n
		}
		if with, without := mse(45), mse(0); !(with < .95*without) {
			t.Errorf("%s: MSE %.3f with 45 further genes, %.3f without", c.Name(), with, without)
		}
	}
}

func TestNewCompletersOnLittle(t *testing.T) {
	for _, c := range []struct {
		reason            string
		rows, cols, genes int
	}{
		{"one spot", 1, 1, 4},
		{"five spots", 1, 5, 4},
		{"one gene", 5, 6, 1},
		{"fewer genes than factors, fewer spots than neighbours", 3, 4, 3},
		{"no gene", 3, 3, 0},
	} {
		v, _ := tissue(t, 3, c.rows, c.cols, c.genes)
		for _, v := range []*baseline.View{v, hide(t, v, 3, .5)} {
			for _, m := range append(seenFactors(), &baseline.SoftImpute{}, &baseline.SME{}, &baseline.SME{VisibleOnly: true}) {
				done := answers(t, m, v)
				for k, x := range done.Values.Data {
					if done.SD.Rows > 0 {
						x += done.SD.Data[k]
					}
					if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
						t.Errorf("%s, %s: entry %d is %g", m.Name(), c.reason, k, f)
					}
				}
			}
		}
	}
}

func TestNewCompletersErrors(t *testing.T) {
	v, _ := tissue(t, 3, 5, 5, 6)
	none := *v
	none.Counts, none.Depth = blas32.General{}, nil
	for _, c := range []struct {
		reason string
		m      baseline.Completer
		v      *baseline.View
		want   string
	}{
		{"no counts", &baseline.SpatialFactor{}, &none, "no raw counts"},
		{"no counts", &baseline.ZTPFactor{}, &none, "no raw counts"},
		{"factors below 0", &baseline.SpatialFactor{Rank: -2}, v, "-2 factors"},
		{"a coupling that is no number", &baseline.ZTPFactor{Coupling: math.NaN()}, v, "coupling of NaN"},
		{"other genes than the train slides", fit(t, &baseline.ZTPFactor{}, columns(v, 5, 0)), v, "5 genes"},
		{"other genes than the train slides", fit(t, &baseline.SpatialFactor{}, columns(v, 5, 0)), v, "5 genes"},
		{"other genes than the train slides", fit(t, &baseline.SoftImpute{}, columns(v, 5, 0)), v, "5 genes"},
		{"a radius below 0", &baseline.SME{Radius: -1}, v, "radius"},
		{"neighbours below 0", &baseline.SME{Neighbours: -1}, v, "-1 neighbours"},
	} {
		_, err := c.m.Complete(context.Background(), c.v)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), strings.SplitN(c.m.Name(), ",", 2)[0]) {
			t.Errorf("%s: %v, want its name and %q", c.reason, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, m := range append(seenFactors(), &baseline.SoftImpute{}, &baseline.SME{}) {
		if _, err := m.Complete(ctx, v); err == nil {
			t.Errorf("%s: it went on when it was told to stop", m.Name())
		}
	}
}

func BenchmarkSpatialFactor(b *testing.B) {
	v, _ := tissue(b, 1, 50, 50, 128)
	for b.Loop() {
		answers(b, &baseline.SpatialFactor{}, v)
	}
}

func BenchmarkZTPFactor(b *testing.B) {
	v, _ := tissue(b, 1, 50, 50, 128)
	for b.Loop() {
		answers(b, &baseline.ZTPFactor{}, v)
	}
}
