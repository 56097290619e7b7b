package tabular

import (
	"math"

	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// array is how the spots of a slide lie, as far as their places on the array
// and in the picture tell.
type array struct {
	colX, colY float64 // pixels from one column to the next
	rowX, rowY float64 // pixels from one row to the next
	diamond    bool    // row + column is even everywhere
}

// measure fits the affine map from array to picture by least squares. ok is
// false where the places do not span a plane.
func measure(s *slide.Slide) (a array, ok bool) {
	n := float64(len(s.X))
	var mc, mr, mx, my float64
	a.diamond = true
	for i := range s.X {
		mc, mr = mc+float64(s.ArrayCol[i])/n, mr+float64(s.ArrayRow[i])/n
		mx, my = mx+s.X[i]/n, my+s.Y[i]/n
		a.diamond = a.diamond && (s.ArrayCol[i]+s.ArrayRow[i])%2 == 0
	}
	var cc, cr, rr, cx, cy, rx, ry float64
	for i := range s.X {
		c, r := float64(s.ArrayCol[i])-mc, float64(s.ArrayRow[i])-mr
		x, y := s.X[i]-mx, s.Y[i]-my
		cc, cr, rr = cc+c*c, cr+c*r, rr+r*r
		cx, cy, rx, ry = cx+c*x, cy+c*y, rx+r*x, ry+r*y
	}
	det := cc*rr - cr*cr
	if !(det > 1e-9*cc*rr) {
		return a, false
	}
	a.colX, a.rowX = (cx*rr-rx*cr)/det, (rx*cc-cx*cr)/det
	a.colY, a.rowY = (cy*rr-ry*cr)/det, (ry*cc-cy*cr)/det
	return a, true
}

// spotDiameter is the diameter of a spot in full-resolution pixels, by the
// spot-to-spot distance in pixels and the instrument's own ratio of the two:
//
//	Visium               55 µm of 100 µm
//	ST, square array     100 µm of 200 µm (33 x 35 places, 1,007 spots)
//	ST, "2K" array       100 µm of 141 µm: a second square array stands in the gaps of the first
//
// It is 0 where the places do not tell.
func spotDiameter(s *slide.Slide, visium bool) float64 {
	a, ok := measure(s)
	if !ok {
		return 0
	}
	col, row := math.Hypot(a.colX, a.colY), math.Hypot(a.rowX, a.rowY)
	switch {
	case visium && a.diamond: // neighbours in a row are two columns apart
		return 0.55 * 2 * col
	case visium:
		return 0.55 * (col + row) / 2
	case a.diamond:
		return 100 / (200 / math.Sqrt2) * math.Hypot(a.colX+a.rowX, a.colY+a.rowY)
	}
	return 0.5 * (col + row) / 2
}

// gridFromPixels puts spots whose places on the array are not known on a
// square grid with the spots' own distance.
func gridFromPixels(s *slide.Slide) {
	minX, minY := math.Inf(1), math.Inf(1)
	for i := range s.X {
		minX, minY = min(minX, s.X[i]), min(minY, s.Y[i])
	}
	pitch := neighbor.Pitch(s.X, s.Y)
	if !(pitch > 0) {
		pitch = 1
	}
	for i := range s.X {
		s.ArrayCol[i] = int(min(math.Round((s.X[i]-minX)/pitch), math.MaxInt32))
		s.ArrayRow[i] = int(min(math.Round((s.Y[i]-minY)/pitch), math.MaxInt32))
	}
}
