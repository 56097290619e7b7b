package moran

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// Quadrant says how a spot and the mean of its neighbours lie to the mean of
// all spots (the Moran scatter plot). Numbers are those of esda.
type Quadrant int

const (
	HighHigh Quadrant = 1 // a hot spot
	LowHigh  Quadrant = 2 // a doughnut's hole
	LowLow   Quadrant = 3 // a cold spot
	HighLow  Quadrant = 4 // an island
)

// String returns "HH", "LH", "LL" or "HL".
func (q Quadrant) String() string {
	switch q {
	case HighHigh:
		return "HH"
	case LowHigh:
		return "LH"
	case LowLow:
		return "LL"
	case HighLow:
		return "HL"
	}
	return fmt.Sprintf("Quadrant(%d)", int(q))
}

// Local is the local Moran's I of one gene, by spot.
type Local struct {
	I        []float64 // (n-1)·zᵢ·lagᵢ / Σz², lagᵢ = mean of z over the neighbours of i
	Quadrant []Quadrant
	EI, Var  []float64 // mean and variance of I over all ways to put the other spots' values round the spot
	Z, P     []float64 // (I-EI)/sd and its two-sided p by the normal distribution
	PSim     []float64 // p by random draws of neighbours; see [LocalPermute], nil from LocalI
}

// LocalI returns the local Moran's I of one gene, x [spots] (Anselin,
// Geographical Analysis 27:93, 1995): which spots are alike or unlike their
// neighbours, so that a map can show where a gene clusters. Over all spots
// Σ I = (n-1)·S0/n times the gene's [I].
//
// EI and Var are those of the mean of lagᵢ's d neighbours drawn from the other
// n-1 spots without replacement, exactly (Sokal, Oden & Thomson, Geographical
// Analysis 30:331, 1998). With thousands of spots adjust P by
// [BenjaminiHochberg]; where d is small and the gene far from normal, take
// [LocalPermute].
//
// I and quadrants are those of esda.Moran_Local. Its EIc and VIc are of
// n·zᵢ·lagᵢ/Σz², though its Is has n-1 for n; here all are of one statistic.
//
// A spot without neighbours has I = 0 and NaN for the rest. A constant gene has
// NaN throughout, and quadrants LL. Errors are those of [I], and a value that
// is not finite.
func LocalI(x []float64, g *neighbor.Graph) (*Local, error) {
	z, z2, err := localValues(x, g)
	if err != nil {
		return nil, err
	}
	return localOf(z, z2, g), nil
}

// LocalPermute is [LocalI] with PSim: the spot's neighbours are drawn o.N times
// from the other spots, and
//
//	PSim = (1 + min(#{draws ≥ I}, #{draws < I})) / (1 + N),
//
// which is one-sided, towards the side that I is on, as p_sim of
// esda.Moran_Local. All spots share the draws, as there. It is an error if o.N
// is negative.
func LocalPermute(x []float64, g *neighbor.Graph, o Permutations) (*Local, error) {
	z, z2, err := localValues(x, g)
	if err != nil {
		return nil, err
	}
	if o.N < 0 {
		return nil, fmt.Errorf("moran: %d permutations", o.N)
	}
	l := localOf(z, z2, g)
	l.PSim = simulate(z, z2, g, l.I, o)
	return l, nil
}

func localOf(z []float64, z2 float64, g *neighbor.Graph) *Local {
	n := len(z)
	l := &Local{I: make([]float64, n), Quadrant: make([]Quadrant, n), EI: make([]float64, n), Var: make([]float64, n), Z: make([]float64, n), P: make([]float64, n)}
	for i := range n {
		row := g.Of(i)
		lag := meanOf(z, row)
		l.Quadrant[i] = quadrant(z[i], lag)
		l.I[i] = math.NaN()
		if z2 > 0 {
			l.I[i] = float64(n-1) / z2 * z[i] * lag
		}
		l.EI[i], l.Var[i] = conditional(z[i], z2, n, len(row))
		l.Z[i], l.P[i] = score(l.I[i], l.EI[i], l.Var[i])
	}
	return l
}

// localValues returns the values less their mean, and the sum of squares.
func localValues(x []float64, g *neighbor.Graph) (z []float64, z2 float64, err error) {
	if err := checkGraph(len(x), g); err != nil {
		return nil, 0, err
	}
	var mean float64
	constant := true
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, 0, fmt.Errorf("moran: spot %d has the value %g", i, v)
		}
		mean += v / float64(len(x))
		constant = constant && v == x[0]
	}
	z = make([]float64, len(x))
	if constant {
		return z, 0, nil
	}
	for i, v := range x {
		z[i] = v - mean
		z2 += z[i] * z[i]
	}
	return z, z2, nil
}

// meanOf returns the mean of z over spots, 0 over none.
func meanOf(z []float64, spots []int32) float64 {
	if len(spots) == 0 {
		return 0
	}
	var sum float64
	for _, j := range spots {
		sum += z[j]
	}
	return sum / float64(len(spots))
}

// quadrant puts values at the mean with the low ones, as esda does.
func quadrant(z, lag float64) Quadrant {
	switch {
	case z > 0 && lag > 0:
		return HighHigh
	case z > 0:
		return HighLow
	case lag > 0:
		return LowHigh
	}
	return LowLow
}

// conditional returns mean and variance of the local I of a spot with d
// neighbours, drawn without replacement from the other n-1 spots: their values
// have the mean -z/(n-1).
func conditional(z, z2 float64, n, d int) (mean, variance float64) {
	if d == 0 || z2 == 0 {
		return math.NaN(), math.NaN()
	}
	others := float64(n - 1)
	m := -z / others
	spread := (z2-z*z)/others - m*m
	scale := others * z / z2
	draw := spread / float64(d)
	if others > 1 {
		draw *= (others - float64(d)) / (others - 1)
	}
	return scale * m, scale * scale * max(0, draw)
}

// simulate returns PSim. A draw is the same for all spots: distinct numbers from
// 0 to n-2, of which a spot with d neighbours takes the first d and counts the
// other spots by them.
func simulate(z []float64, z2 float64, g *neighbor.Graph, observed []float64, o Permutations) []float64 {
	n, most := g.Len(), 0
	for i := range n {
		most = max(most, len(g.Of(i)))
	}
	rng, total := o.rand(), o.n()
	drawn, pool := make([]int32, total*most), make([]int32, max(n-1, 0))
	for i := range pool {
		pool[i] = int32(i)
	}
	for k := range total {
		draw(rng, pool, drawn[k*most:(k+1)*most])
	}
	p := make([]float64, n)
	const block = 256
	parallel((n+block-1)/block, func(next func() (int, bool)) {
		for b, ok := next(); ok; b, ok = next() {
			for i := b * block; i < min((b+1)*block, n); i++ {
				p[i] = simulated(z, z2, i, len(g.Of(i)), drawn, most, observed[i])
			}
		}
	})
	return p
}

// draw fills dst with distinct entries of pool (the first steps of a
// Fisher-Yates shuffle of it).
func draw(rng *rand.Rand, pool, dst []int32) {
	for k := range dst {
		m := k + rng.IntN(len(pool)-k)
		pool[k], pool[m] = pool[m], pool[k]
		dst[k] = pool[k]
	}
}

// simulated returns PSim of spot i with d neighbours.
func simulated(z []float64, z2 float64, i, d int, drawn []int32, most int, observed float64) float64 {
	if d == 0 || z2 == 0 {
		return math.NaN()
	}
	scale := float64(len(z)-1) / z2 * z[i] / float64(d)
	slack := equal * (1 + math.Abs(observed))
	total, reached := len(drawn)/most, 0
	for k := range total {
		var sum float64
		for _, j := range drawn[k*most : k*most+d] {
			if int(j) >= i { // the list of other spots leaves i out
				j++
			}
			sum += z[j]
		}
		if scale*sum >= observed-slack {
			reached++
		}
	}
	return float64(1+min(reached, total-reached)) / float64(1+total)
}
