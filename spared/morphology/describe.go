package morphology

import (
	"fmt"
	"math"
)

// The channels of a patch, and what is measured of each, in the order of the
// columns.
var (
	channels   = [...]string{"red", "green", "blue", "haematoxylin", "eosin"}
	properties = [...]string{"mean", "sd", "q10", "q50", "q90", "contrast", "dissimilarity", "homogeneity", "correlation", "asm"}
)

// Dims is the number of numbers of a patch.
const Dims = len(channels) * len(properties)

// Names returns what the columns are, as "eosin contrast".
func Names() []string {
	var names []string
	for _, c := range channels {
		for _, p := range properties {
			names = append(names, c+" "+p)
		}
	}
	return names
}

// Describer describes patches of one size. It keeps its working memory, so each
// goroutine needs its own.
type Describer struct {
	width, height int
	planes        [len(channels)][]uint8
	pairs         []uint32 // [256][256], all 0 between uses
	seen          []int    // its entries that are not
}

// NewDescriber prepares for patches of width x height pixels, at least 2 x 2.
func NewDescriber(width, height int) (*Describer, error) {
	if width < 2 || height < 2 {
		return nil, fmt.Errorf("morphology: a patch of %d x %d pixels has no texture", width, height)
	}
	d := &Describer{width: width, height: height, pairs: make([]uint32, levels*levels)}
	for c := range d.planes {
		d.planes[c] = make([]uint8, width*height)
	}
	return d, nil
}

// Describe writes the numbers of a patch, [height][width][3] 8-bit RGB, into
// to, in the order of [Names].
func (d *Describer) Describe(to []float32, pix []uint8) error {
	if len(pix) != 3*d.width*d.height || len(to) != Dims {
		return fmt.Errorf("morphology: %d bytes and room for %d numbers, want %d and %d", len(pix), len(to), 3*d.width*d.height, Dims)
	}
	d.split(pix)
	for c := range d.planes {
		row := to[c*len(properties):][:len(properties)]
		d.summary(row[:5], d.planes[c])
		d.texture(row[5:], d.planes[c])
	}
	return nil
}

// levels is the number of grey levels.
const levels = 256

// stains are the optical densities in red, green and blue of haematoxylin, eosin
// and, so that the matrix has an inverse, of DAB, a third stain that H&E does
// not have (Ruifrok and Johnston 2001).
var stains = [3][3]float64{{0.65, 0.70, 0.29}, {0.07, 0.99, 0.11}, {0.27, 0.57, 0.78}}

// unmix is the inverse of stains.
var unmix = invert(stains)

// density holds the optical density -log10(v/255) of an 8-bit value; 0 counts as
// 1.
var density = func() (t [levels]float64) {
	for v := range t {
		t[v] = -math.Log10(float64(max(v, 1)) / 255)
	}
	return t
}()

// fullStain is the amount of stain that becomes 255.
const fullStain = 2.

// split fills the channels.
func (d *Describer) split(pix []uint8) {
	for k := range d.planes[0] {
		r, g, b := pix[3*k], pix[3*k+1], pix[3*k+2]
		d.planes[0][k], d.planes[1][k], d.planes[2][k] = r, g, b
		for s := range 2 {
			amount := density[r]*unmix[0][s] + density[g]*unmix[1][s] + density[b]*unmix[2][s]
			d.planes[3+s][k] = uint8(math.Round(255 * min(max(amount/fullStain, 0), 1)))
		}
	}
}

// summary writes mean, standard deviation (of all pixels, not a sample) and the
// quantiles 0.1, 0.5 and 0.9, between two pixels by a straight line.
func (d *Describer) summary(to []float32, plane []uint8) {
	var count [levels]int
	for _, v := range plane {
		count[v]++
	}
	n := float64(len(plane))
	mean, square := 0., 0.
	for v, c := range count {
		mean += float64(c) * float64(v) / n
	}
	for v, c := range count {
		square += float64(c) * (float64(v) - mean) * (float64(v) - mean) / n
	}
	to[0], to[1] = float32(mean), float32(math.Sqrt(square))
	for k, q := range [...]float64{0.1, 0.5, 0.9} {
		to[2+k] = float32(quantile(&count, len(plane), q))
	}
}

// quantile interpolates the q-quantile of n values.
func quantile(count *[levels]int, n int, q float64) float64 {
	at := q * float64(n-1)
	lo, share := int(at), at-math.Floor(at)
	first, passed := -1, 0
	for v, c := range count {
		passed += c
		if first < 0 && passed > lo {
			first = v
		}
		if passed > min(lo+1, n-1) {
			return float64(first) + share*float64(v-first)
		}
	}
	return float64(first)
}

// texture writes contrast, dissimilarity, homogeneity, correlation and ASM of
// the co-occurrence matrix P of pixels and their neighbours, averaged over four
// directions:
//
//	contrast       Σ P_ij (i-j)²
//	dissimilarity  Σ P_ij |i-j|
//	homogeneity    Σ P_ij / (1+(i-j)²)
//	correlation    Σ P_ij (i-μ_i)(j-μ_j) / (σ_i σ_j), 1 where there is no variation
//	ASM            Σ P_ij²
func (d *Describer) texture(to []float32, plane []uint8) {
	var sum [5]float64
	for _, step := range [...][2]int{{1, 0}, {1, -1}, {0, -1}, {-1, -1}} { // right, up
		for k, v := range d.pairsOf(plane, step[0], step[1]) {
			sum[k] += v / 4
		}
	}
	for k, v := range sum {
		to[k] = float32(v)
	}
}

// pairsOf returns the properties in one direction.
func (d *Describer) pairsOf(plane []uint8, dx, dy int) (p [5]float64) {
	n := 0.
	var a, b, aa, bb, ab uint64 // sums of i, j, i², j², ij
	var squares, steps uint64
	for y := max(0, -dy); y < d.height-max(0, dy); y++ {
		for x := max(0, -dx); x < d.width-max(0, dx); x++ {
			i, j := int(plane[y*d.width+x]), int(plane[(y+dy)*d.width+x+dx])
			if d.pairs[i*levels+j]++; d.pairs[i*levels+j] == 1 {
				d.seen = append(d.seen, i*levels+j)
			}
			a, b = a+uint64(i), b+uint64(j)
			aa, bb, ab = aa+uint64(i*i), bb+uint64(j*j), ab+uint64(i*j)
			e := i - j
			squares, steps = squares+uint64(e*e), steps+uint64(max(e, -e))
			n++
		}
	}
	homogeneity, asm := 0., 0.
	for _, at := range d.seen {
		c, e := float64(d.pairs[at]), float64(at/levels-at%levels)
		homogeneity += c / (1 + e*e)
		asm += c * c
		d.pairs[at] = 0
	}
	d.seen = d.seen[:0]
	ma, mb := float64(a)/n, float64(b)/n
	va, vb := float64(aa)/n-ma*ma, float64(bb)/n-mb*mb
	correlation := 1.
	if s := math.Sqrt(va) * math.Sqrt(vb); va > 1e-12 && vb > 1e-12 {
		correlation = (float64(ab)/n - ma*mb) / s
	}
	return [5]float64{float64(squares) / n, float64(steps) / n, homogeneity / n, correlation, asm / (n * n)}
}

// invert returns the inverse of a 3 x 3 matrix.
func invert(m [3][3]float64) (r [3][3]float64) {
	minor := func(i, j int) float64 {
		a, b, c, d := (i+1)%3, (i+2)%3, (j+1)%3, (j+2)%3
		return m[a][c]*m[b][d] - m[a][d]*m[b][c]
	}
	det := m[0][0]*minor(0, 0) + m[0][1]*minor(0, 1) + m[0][2]*minor(0, 2)
	for i := range 3 {
		for j := range 3 {
			r[j][i] = minor(i, j) / det
		}
	}
	return r
}
