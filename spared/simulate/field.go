package simulate

import (
	"math"
	"math/rand/v2"
)

// grf is a smooth random field of mean 0 and variance 1 with the covariance
// exp(-d²/2ℓ²), as a sum of random Fourier features (Rahimi and Recht 2007,
// Random features for large-scale kernel machines):
//
//	f(x, y) = sqrt(2/M) Σ_m cos(u_m x + v_m y + φ_m),  u, v ~ N(0, 1/ℓ²)
type grf struct{ u, v, phase []float64 }

const features = 48 // M of a grf

func newGRF(r *rand.Rand, length float64) grf {
	f := grf{make([]float64, features), make([]float64, features), make([]float64, features)}
	for m := range f.u {
		f.u[m], f.v[m] = r.NormFloat64()/length, r.NormFloat64()/length
		f.phase[m] = 2 * math.Pi * r.Float64()
	}
	return f
}

func (f grf) at(x, y float64) float64 {
	s := 0.0
	for m := range f.u {
		s += math.Cos(f.u[m]*x + f.v[m]*y + f.phase[m])
	}
	return s * math.Sqrt(2.0/features)
}

// raster holds a smooth function on a coarse grid, for quick look-up at every
// pixel by bilinear interpolation.
type raster struct {
	cols int
	v    []float32
}

const rasterStep = 16 // px

// gridSize returns the columns and rows of the rasters of a picture.
func gridSize(w, h int) (cols, rows int) { return w/rasterStep + 2, h/rasterStep + 2 }

// newRaster evaluates f at the grid points; i is the index of the point, the
// same in all rasters of a picture.
func newRaster(w, h int, f func(i int, x, y float64) float64) raster {
	cols, rows := gridSize(w, h)
	r := raster{cols: cols, v: make([]float32, cols*rows)}
	for i := range r.v {
		r.v[i] = float32(f(i, float64(i%cols)*rasterStep, float64(i/cols)*rasterStep))
	}
	return r
}

// raster returns the field on the grid. With cos(a+b) = cos a cos b - sin a
// sin b it takes a cosine per row and column instead of one per point.
func (f grf) raster(w, h int) raster {
	cols, rows := gridSize(w, h)
	sum := make([]float64, cols*rows)
	sin, cos := make([]float64, cols), make([]float64, cols)
	for m := range f.u {
		for k := range cols {
			sin[k], cos[k] = math.Sincos(f.u[m]*float64(k)*rasterStep + f.phase[m])
		}
		for j := range rows {
			s, c := math.Sincos(f.v[m] * float64(j) * rasterStep)
			row := sum[j*cols : (j+1)*cols]
			for k := range row {
				row[k] += cos[k]*c - sin[k]*s
			}
		}
	}
	r := raster{cols: cols, v: make([]float32, len(sum))}
	for i, v := range sum {
		r.v[i] = float32(v * math.Sqrt(2.0/features))
	}
	return r
}

// at expects a point within the picture.
func (r raster) at(x, y float64) float64 {
	gx, gy := x/rasterStep, y/rasterStep
	ix, iy := int(gx), int(gy)
	fx, fy := float32(gx-float64(ix)), float32(gy-float64(iy))
	p := r.v[iy*r.cols+ix:]
	q := p[r.cols:]
	top := p[0] + (p[1]-p[0])*fx
	bottom := q[0] + (q[1]-q[0])*fx
	return float64(top + (bottom-top)*fy)
}

// noise is gradient noise on the integer lattice (Perlin 2002, Improving
// noise): about -1 to 1, mean 0, features one unit apart.
type noise uint64

func (n noise) hash(x, y int) uint64 {
	h := uint64(n) ^ uint64(x)*0x9E3779B97F4A7C15 ^ uint64(y)*0xC2B2AE3D27D4EB4F
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	return h ^ h>>32
}

// slope is the dot product of the lattice point's gradient, one of eight
// directions, and the offset from it.
func (n noise) slope(x, y int, dx, dy float64) float64 {
	const d = math.Sqrt2 / 2
	switch n.hash(x, y) >> 20 & 7 {
	case 0:
		return dx
	case 1:
		return -dx
	case 2:
		return dy
	case 3:
		return -dy
	case 4:
		return d * (dx + dy)
	case 5:
		return d * (dx - dy)
	case 6:
		return d * (dy - dx)
	}
	return -d * (dx + dy)
}

func (n noise) at(x, y float64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	dx, dy := x-fx, y-fy
	sx := dx * dx * dx * (dx*(dx*6-15) + 10)
	sy := dy * dy * dy * (dy*(dy*6-15) + 10)
	a := n.slope(ix, iy, dx, dy)
	b := n.slope(ix+1, iy, dx-1, dy)
	c := n.slope(ix, iy+1, dx, dy-1)
	e := n.slope(ix+1, iy+1, dx-1, dy-1)
	top := a + (b-a)*sx
	return 1.6 * (top + (c+(e-c)*sx-top)*sy)
}

// fractal adds a second octave at half the strength.
func (n noise) fractal(x, y float64) float64 {
	return (n.at(x, y) + 0.5*(n+1).at(2.03*x+17.3, 2.03*y-9.1)) / 1.25
}

// clamp01 limits v to 0..1.
func clamp01(v float64) float64 { return min(max(v, 0), 1) }

// ramp rises smoothly from 0 at lo to 1 at hi.
func ramp(v, lo, hi float64) float64 {
	t := clamp01((v - lo) / (hi - lo))
	return t * t * (3 - 2*t)
}
