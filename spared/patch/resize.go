package patch

import (
	"fmt"
	"math"
)

// coefBits is the precision of a weight: 1 is 2^coefBits (OpenCV's
// INTER_RESIZE_COEF_BITS).
const coefBits = 11

// tap is a pixel of the result along one axis: the two pixels that it lies
// between, and their weights.
type tap struct {
	i, j int
	a, b int32
}

// taps returns those of an axis that is resized from n pixels to m. The centre
// of pixel d of the result lies at (d+1/2)*n/m - 1/2. OpenCV computes in
// single precision, and at the borders sets the weights to 1 and 0 across, but
// not down; both show in a grey level here and there.
func taps(n, m int, across bool) []tap {
	t := make([]tap, m)
	scale := float64(n) / float64(m)
	for d := range t {
		f := float32((float64(d)+0.5)*scale - 0.5)
		i := int(math.Floor(float64(f)))
		f -= float32(i)
		if across && (i < 0 || i >= n-1) {
			f = 0
		}
		t[d] = tap{
			i: min(max(i, 0), n-1), j: min(max(i+1, 0), n-1),
			a: int32(math.RoundToEven(float64((1 - f) * (1 << coefBits)))), b: int32(math.RoundToEven(float64(f * (1 << coefBits)))),
		}
	}
	return t
}

// resizer resizes pictures of one size to another.
type resizer struct {
	w, h, toW, toH int
	x, y           []tap
	rows           [2][]int32 // two source rows, resized across
	holds          [2]int     // which; -1 = none
}

func newResizer(w, h, toW, toH int) *resizer {
	r := &resizer{w: w, h: h, toW: toW, toH: toH, x: taps(w, toW, true), y: taps(h, toH, false)}
	for i := range r.x { // as offsets of bytes
		r.x[i].i *= 3
		r.x[i].j *= 3
	}
	r.rows[0], r.rows[1] = make([]int32, 3*toW), make([]int32, 3*toW)
	return r
}

// resize fills dst, [toH][toW][3], from src, [h][w][3].
func (r *resizer) resize(dst, src []uint8) {
	switch {
	case r.w == r.toW && r.h == r.toH:
		copy(dst, src)
		return
	case r.w == 2*r.toW && r.h == 2*r.toH:
		r.halve(dst, src)
		return
	}
	r.holds = [2]int{-1, -1}
	line := 3 * r.toW
	for d, t := range r.y {
		up := r.row(src, t.i, t.j)
		low := up
		if t.j != t.i {
			low = r.row(src, t.j, t.i)
		}
		out := dst[d*line : (d+1)*line]
		up, low = up[:len(out)], low[:len(out)]
		for k := range out {
			// The shifts, and what they cut off, are OpenCV's (VResizeLinear).
			out[k] = uint8(((t.a*up[k])>>16 + (t.b*low[k])>>16 + 2) >> 2)
		}
	}
}

// row returns source row i resized across, times 2^(coefBits-4), and keeps
// row other where it is there.
func (r *resizer) row(src []uint8, i, other int) []int32 {
	at := 0
	switch {
	case r.holds[0] == i:
		return r.rows[0]
	case r.holds[1] == i:
		return r.rows[1]
	case r.holds[0] == other:
		at = 1
	}
	r.holds[at] = i
	in, out := src[3*r.w*i:3*r.w*(i+1)], r.rows[at]
	for d, t := range r.x {
		p, q, o := in[t.i:t.i+3:t.i+3], in[t.j:t.j+3:t.j+3], out[3*d:3*d+3:3*d+3]
		o[0] = (int32(p[0])*t.a + int32(q[0])*t.b) >> 4
		o[1] = (int32(p[1])*t.a + int32(q[1])*t.b) >> 4
		o[2] = (int32(p[2])*t.a + int32(q[2])*t.b) >> 4
	}
	return out
}

// halve is what OpenCV does where both sides become half as long: the mean of
// four pixels.
func (r *resizer) halve(dst, src []uint8) {
	k, line := 0, 3*r.w
	for y := range r.toH {
		up, low := src[2*y*line:(2*y+1)*line], src[(2*y+1)*line:(2*y+2)*line]
		for x := 0; x < line; x += 6 {
			for c := x; c < x+3; c++ {
				dst[k] = uint8((uint16(up[c]) + uint16(up[c+3]) + uint16(low[c]) + uint16(low[c+3]) + 2) >> 2)
				k++
			}
		}
	}
}

// Resize returns an 8-bit RGB picture [height][width][3] at another size,
// [toHeight][toWidth][3], by bilinear interpolation without smoothing before:
// bit for bit the result of OpenCV's cv2.resize with INTER_LINEAR (its default),
// which computes with weights of 11 bits.
func Resize(pix []uint8, width, height, toWidth, toHeight int) ([]uint8, error) {
	if width < 1 || height < 1 || toWidth < 1 || toHeight < 1 || len(pix) != 3*width*height {
		return nil, fmt.Errorf("patch: resize %d bytes of %d x %d pixels to %d x %d: want sides of at least 1 and 3 bytes a pixel", len(pix), width, height, toWidth, toHeight)
	}
	dst := make([]uint8, 3*toWidth*toHeight)
	newResizer(width, height, toWidth, toHeight).resize(dst, pix)
	return dst, nil
}
