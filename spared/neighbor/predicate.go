package neighbor

import (
	"math"
	"math/big"
)

// Error bounds of the determinants computed in float64 (Shewchuk 1997, §4.2,
// 4.4), with ε = 2⁻⁵³.
const (
	epsilon     = 1.0 / (1 << 53)
	turnBound   = (3 + 16*epsilon) * epsilon
	circleBound = (10 + 96*epsilon) * epsilon
)

// plain says whether all products of up to four such differences neither
// underflow nor overflow, which the bounds take for granted.
func plain(d ...float64) bool {
	for _, v := range d {
		if v = math.Abs(v); v != 0 && !(v > 1e-60 && v < 1e60) {
			return false
		}
	}
	return true
}

// turn returns a number > 0 if p, q, r turn left (with y up), < 0 if they turn
// right, 0 if they lie on a line.
func (m *mesh) turn(p, q, r int32) float64 {
	ax, ay := m.x[p]-m.x[r], m.y[p]-m.y[r]
	bx, by := m.x[q]-m.x[r], m.y[q]-m.y[r]
	u, v := float64(ax*by), float64(ay*bx)
	if det := u - v; plain(ax, ay, bx, by) && math.Abs(det) > turnBound*(math.Abs(u)+math.Abs(v)) {
		return det
	}
	return m.exact.turn(m.x, m.y, p, q, r)
}

// inCircle says whether s lies inside the circle through p, q, r, which turn
// left.
func (m *mesh) inCircle(p, q, r, s int32) bool {
	ax, ay := m.x[p]-m.x[s], m.y[p]-m.y[s]
	bx, by := m.x[q]-m.x[s], m.y[q]-m.y[s]
	cx, cy := m.x[r]-m.x[s], m.y[r]-m.y[s]
	if plain(ax, ay, bx, by, cx, cy) {
		a2, b2, c2 := float64(ax*ax)+float64(ay*ay), float64(bx*bx)+float64(by*by), float64(cx*cx)+float64(cy*cy)
		bc, cb := float64(bx*cy), float64(cx*by)
		ca, ac := float64(cx*ay), float64(ax*cy)
		ab, ba := float64(ax*by), float64(bx*ay)
		det := float64(a2*(bc-cb)) + float64(b2*(ca-ac)) + float64(c2*(ab-ba))
		size := a2*(math.Abs(bc)+math.Abs(cb)) + b2*(math.Abs(ca)+math.Abs(ac)) + c2*(math.Abs(ab)+math.Abs(ba))
		if math.Abs(det) > circleBound*size {
			return det > 0
		}
	}
	return m.exact.circle(m.x, m.y, p, q, r, s) > 0
}

// exact evaluates the determinants without rounding. A coordinate is a
// multiple of 2⁻¹⁰⁷⁴ below 2¹⁰²⁴, so 10,000 bits hold any sum of products of
// four differences; numbers take the memory that their own digits need. The
// numbers are kept from call to call.
type exact struct {
	d    [6]big.Float // differences to the last spot: ax, ay, bx, by, cx, cy
	t    [4]big.Float
	init bool
}

const exactBits = 10_000

func (e *exact) differences(x, y []float64, last int32, of ...int32) {
	if !e.init {
		for _, f := range [][]big.Float{e.d[:], e.t[:]} {
			for k := range f {
				f[k].SetPrec(exactBits)
			}
		}
		e.init = true
	}
	var a, b big.Float
	for k, i := range of {
		e.d[2*k].Sub(a.SetFloat64(x[i]), b.SetFloat64(x[last]))
		e.d[2*k+1].Sub(a.SetFloat64(y[i]), b.SetFloat64(y[last]))
	}
}

func (e *exact) turn(x, y []float64, p, q, r int32) float64 {
	e.differences(x, y, r, p, q)
	return float64(e.minor(0, 1).Sign())
}

func (e *exact) circle(x, y []float64, p, q, r, s int32) int {
	e.differences(x, y, s, p, q, r)
	det := &e.t[3]
	det.SetInt64(0)
	for k := range 3 {
		e.minor((k+1)%3, (k+2)%3)
		square, sum := &e.t[1], &e.t[2]
		sum.Mul(&e.d[2*k], &e.d[2*k])
		square.Mul(&e.d[2*k+1], &e.d[2*k+1])
		sum.Add(sum, square)
		det.Add(det, sum.Mul(sum, &e.t[0]))
	}
	return det.Sign()
}

// minor returns the cross product of differences i and j, in t[0].
func (e *exact) minor(i, j int) *big.Float {
	u, v := &e.t[0], &e.t[1]
	u.Mul(&e.d[2*i], &e.d[2*j+1])
	v.Mul(&e.d[2*i+1], &e.d[2*j])
	return u.Sub(u, v)
}
