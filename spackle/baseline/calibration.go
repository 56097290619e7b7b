package baseline

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// calibration makes a model's answers agree with what was measured. Before the
// model is fitted, some visible values are set aside, drawn by the seed. What
// the fit then says of them is compared with them, and the fit is finished with
// them. Of its answers x ± s, with h the log2 of the count that x stands for,
//
//	x' = x + shift(h)                       shift  mean error of the values around h
//	s' = sqrt((scale(h)·s)² + extra(h)²)    mean square error there, by scale where s is
//	                                        too large, by extra where it is too small
//
// by straight lines between the means of six groups with equally many values
// set aside; each is held as by 50 more without error. Factors are quantiles of
// |error|/s' (split conformal prediction; Lei et al., JASA 113:1094, 2018), where
// a value counts by how much more frequent its group is among the entries that
// are asked for than among those set aside (Tibshirani et al., NeurIPS 2019).
type calibration struct {
	v       *View
	visible []bool // without what is set aside
	aside   []int  // entries of the view, rising
	level   []float64
	error   []float64 // what is asked for beyond the value; after learn, relative to s' and positive

	from                        []float64 // groups 1, 2, ... start at these h
	center, shift, scale, extra []float64 // of each group
}

// Constants of the calibration, found on hippo's validation slides.
const (
	asideShare = 0.05
	asideMost  = 50_000
	groups     = 6
	groupLeast = 50 // values to a group
	groupHold  = 50 // values that hold a group where it is
	factorHold = 100
)

// usualFactors are what slides usually need: detected counts are small whole
// numbers, and errors no normal distribution.
var usualFactors = [len(Levels)]float64{0.75, 1.24, 1.93}

// newCalibration draws what is set aside.
func newCalibration(v *View, seed uint64) *calibration {
	c := &calibration{v: v, visible: slices.Clone(v.Visible)}
	seen := 0
	for _, s := range v.Visible {
		if s {
			seen++
		}
	}
	share := min(asideShare, asideMost/float64(max(seen, 1)))
	genes, alike := v.Values.Cols, map[uint64]uint64{}
	for i := range v.Values.Rows {
		// By what the spot shows, not by its row: the order of spots decides
		// nothing but among those that show the same.
		hash := countsHash(v.Counts.Data[i*v.Counts.Stride:][:genes])
		rng := rand.New(rand.NewPCG(seed+alike[hash]<<32, hash))
		alike[hash]++
		for g, s := range v.visible(i) {
			if rng.Float64() < share && s {
				c.visible[i*genes+g] = false
				c.aside = append(c.aside, i*genes+g)
			}
		}
	}
	return c
}

// countsHash is the hash FNV-1a of counts, number by number.
func countsHash(counts []float32) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range counts {
		h = (h ^ uint64(math.Float32bits(c))) * 1099511628211
	}
	return h
}

// shown returns the view without what is set aside.
func (c *calibration) shown() *View {
	v := *c.v
	v.Visible = c.visible
	return &v
}

// learn compares answers with what was set aside.
func (c *calibration) learn(done *answers) {
	spread := make([]float64, len(c.aside))
	for m, k := range c.aside {
		x, h := done.least(k)
		i, g := k/c.v.Values.Cols, k%c.v.Values.Cols
		truth := c.v.Norm.Log(float64(c.v.Counts.Data[i*c.v.Counts.Stride+g]) * done.unit[k])
		c.level, c.error = append(c.level, h), append(c.error, truth-x)
		spread[m] = float64(done.SD.Data[k])
	}
	c.group()
	c.compare(spread)
}

// group divides what is set aside by h, and sets center and shift.
func (c *calibration) group() {
	n := len(c.aside)
	order := make([]int, n)
	for k := range order {
		order[k] = k
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(c.level[a], c.level[b]), a-b) })
	number := max(1, min(groups, n/groupLeast))
	for b := range number {
		part := order[b*n/number : (b+1)*n/number]
		sum, level := 0., 0.
		for _, k := range part {
			sum, level = sum+c.error[k], level+c.level[k]
		}
		if b > 0 {
			c.from = append(c.from, c.level[part[0]])
		}
		size := float64(len(part))
		c.center = append(c.center, level/max(size, 1))
		c.shift = append(c.shift, sum/(size+groupHold))
	}
}

// compare sets scale and extra, and makes errors relative.
func (c *calibration) compare(spread []float64) {
	number := len(c.center)
	squares, expected, size := make([]float64, number), make([]float64, number), make([]float64, number)
	for k, h := range c.level {
		c.error[k] -= c.between(c.shift, h)
		b := c.groupOf(h)
		squares[b] += c.error[k] * c.error[k]
		expected[b] += spread[k] * spread[k]
		size[b]++
	}
	c.scale, c.extra = make([]float64, number), make([]float64, number)
	for b := range number {
		hold := groupHold * expected[b] / max(size[b], 1)
		c.scale[b] = 1
		if squares[b] < expected[b] {
			c.scale[b] = math.Sqrt((squares[b] + hold) / (expected[b] + hold))
		}
		c.extra[b] = math.Sqrt(max(0, squares[b]-expected[b]) / (size[b] + groupHold))
	}
	for k, h := range c.level {
		c.error[k] = math.Abs(c.error[k]) / max(c.spread(h, spread[k]), 1e-9)
	}
}

// groupOf returns the group of h.
func (c *calibration) groupOf(h float64) int {
	b := 0
	for b < len(c.from) && h >= c.from[b] {
		b++
	}
	return b
}

// between interpolates what groups have.
func (c *calibration) between(y []float64, h float64) float64 {
	b := 0
	for b < len(c.center) && h >= c.center[b] {
		b++
	}
	switch {
	case b == 0:
		return y[0]
	case b == len(c.center):
		return y[b-1]
	}
	part := (h - c.center[b-1]) / (c.center[b] - c.center[b-1])
	return y[b-1] + part*(y[b]-y[b-1])
}

// spread returns s'.
func (c *calibration) spread(h, s float64) float64 {
	return math.Hypot(c.between(c.scale, h)*s, c.between(c.extra, h))
}

// apply calibrates the answers for what is not visible.
func (c *calibration) apply(done *answers) {
	v, asked := c.v, make([]float64, len(c.center))
	for k, seen := range v.Visible {
		if seen {
			continue
		}
		x, h := done.least(k)
		done.Values.Data[k] = float32(max(x+c.between(c.shift, h), v.Norm.Log(done.unit[k])))
		done.SD.Data[k] = float32(c.spread(h, float64(done.SD.Data[k])))
		if v.Hidden == nil || v.Hidden[k] {
			asked[c.groupOf(h)]++
		}
	}
	done.Factors = c.factors(asked)
}

// factors returns the quantiles of the relative errors. asked is how many
// entries of each group are asked for.
func (c *calibration) factors(asked []float64) (f [len(Levels)]float64) {
	n, all := len(c.error), 0.
	have, weight := make([]float64, len(asked)), make([]float64, len(asked))
	for _, h := range c.level {
		have[c.groupOf(h)]++
	}
	for _, a := range asked {
		all += a
	}
	const most = 10 // times the weight of one who is as frequent in both
	total := 0.
	for b, a := range asked {
		if have[b] > 0 && all > 0 {
			weight[b] = min(a/all/(have[b]/float64(n)), most)
		}
		total += weight[b] * have[b]
	}
	if f = usualFactors; total == 0 {
		return f
	}
	order := make([]int, n)
	for k := range order {
		order[k] = k
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(c.error[a], c.error[b]), a-b) })
	l, sum := 0, 0.
	for _, k := range order {
		sum += weight[c.groupOf(c.level[k])]
		for ; l < len(Levels) && sum >= Levels[l]*total; l++ {
			f[l] = (float64(n)*c.error[k] + factorHold*usualFactors[l]) / float64(n+factorHold)
		}
	}
	return f
}
