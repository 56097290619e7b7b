package raster

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/vector"
)

// Point is a place on the canvas in CSS pixels, x right, y down.
type Point struct{ X, Y float64 }

// Rect is a rectangle in CSS pixels.
type Rect struct{ X, Y, W, H float64 }

// Inset returns the rectangle made smaller by d on all sides.
func (r Rect) Inset(d float64) Rect { return Rect{r.X + d, r.Y + d, r.W - 2*d, r.H - 2*d} }

// Canvas is a picture under construction.
type Canvas struct {
	img   *image.RGBA
	scale float64
	clip  image.Rectangle // device pixels
	ras   vector.Rasterizer
	faces map[faceKey]font.Face
}

// New returns a white canvas of width x height CSS pixels with scale device
// pixels to each.
func New(width, height, scale float64) *Canvas {
	r := image.Rect(0, 0, int(math.Round(width*scale)), int(math.Round(height*scale)))
	c := &Canvas{img: image.NewRGBA(r), scale: scale, clip: r, faces: map[faceKey]font.Face{}}
	draw.Draw(c.img, r, image.White, image.Point{}, draw.Src)
	return c
}

// Image returns what has been drawn, in device pixels.
func (c *Canvas) Image() *image.RGBA { return c.img }

// device returns the smallest rectangle of whole device pixels around r.
func (c *Canvas) device(r Rect) image.Rectangle {
	s := c.scale
	return image.Rect(int(math.Floor(r.X*s)), int(math.Floor(r.Y*s)),
		int(math.Ceil((r.X+r.W)*s)), int(math.Ceil((r.Y+r.H)*s)))
}

// Clip limits what is drawn from now on to r; the zero Rect lifts the limit.
func (c *Canvas) Clip(r Rect) {
	c.clip = c.img.Bounds()
	if r != (Rect{}) {
		c.clip = c.clip.Intersect(c.device(r))
	}
}

// fill draws the path that trace lays down, in device pixels relative to the
// origin it is given, within box.
func (c *Canvas) fill(box image.Rectangle, col color.Color, trace func(v *vector.Rasterizer, ox, oy float64)) {
	box = box.Intersect(c.clip)
	if box.Empty() {
		return
	}
	c.ras.Reset(box.Dx(), box.Dy())
	trace(&c.ras, float64(box.Min.X), float64(box.Min.Y))
	c.ras.Draw(c.img, box, image.NewUniform(col), image.Point{})
}

// Fill fills a polygon.
func (c *Canvas) Fill(p []Point, col color.Color) {
	if len(p) < 3 {
		return
	}
	c.fill(c.bounds(p, 1), col, func(v *vector.Rasterizer, ox, oy float64) { c.tracePolygon(v, p, ox, oy) })
}

func (c *Canvas) tracePolygon(v *vector.Rasterizer, p []Point, ox, oy float64) {
	for i, q := range p {
		x, y := float32(q.X*c.scale-ox), float32(q.Y*c.scale-oy)
		if i == 0 {
			v.MoveTo(x, y)
		} else {
			v.LineTo(x, y)
		}
	}
	v.ClosePath()
}

// bounds returns the device rectangle around points, with a margin in CSS
// pixels.
func (c *Canvas) bounds(p []Point, margin float64) image.Rectangle {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, q := range p {
		x0, x1 = math.Min(x0, q.X), math.Max(x1, q.X)
		y0, y1 = math.Min(y0, q.Y), math.Max(y1, q.Y)
	}
	return c.device(Rect{x0 - margin, y0 - margin, x1 - x0 + 2*margin, y1 - y0 + 2*margin})
}

// FillRect fills a rectangle.
func (c *Canvas) FillRect(r Rect, col color.Color) {
	c.Fill([]Point{{r.X, r.Y}, {r.X + r.W, r.Y}, {r.X + r.W, r.Y + r.H}, {r.X, r.Y + r.H}}, col)
}

// Disc fills a disc of radius r around (x, y).
func (c *Canvas) Disc(x, y, r float64, col color.Color) {
	if !(r > 0) {
		return
	}
	n := 16 + int(6*math.Sqrt(r*c.scale)) // chords stay within 0.1 device pixels of the circle
	c.fill(c.device(Rect{x - r, y - r, 2 * r, 2 * r}), col, func(v *vector.Rasterizer, ox, oy float64) {
		cx, cy, q := x*c.scale-ox, y*c.scale-oy, r*c.scale
		for i := range n {
			sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(n))
			if px, py := float32(cx+q*cos), float32(cy+q*sin); i == 0 {
				v.MoveTo(px, py)
			} else {
				v.LineTo(px, py)
			}
		}
		v.ClosePath()
	})
}

// Line strokes a chain of points, with the given lengths of dash and gap
// where dash > 0.
func (c *Canvas) Line(p []Point, width float64, col color.Color, dash float64) {
	if dash > 0 {
		p = distinct(p)
	}
	left := dash // what remains of the dash, or of the gap where pen is up
	pen := true
	for i := 1; i < len(p); i++ {
		a, b := p[i-1], p[i]
		length := math.Hypot(b.X-a.X, b.Y-a.Y)
		if dash <= 0 {
			c.segment(a, b, width, col)
			continue
		}
		for at := 0.0; at < length; {
			step := math.Min(left, length-at)
			if pen {
				c.segment(along(a, b, at/length), along(a, b, (at+step)/length), width, col)
			}
			at += step
			if left -= step; left <= 1e-9 {
				pen, left = !pen, dash
			}
		}
	}
}

// distinct drops points that coincide with the one before.
func distinct(p []Point) []Point {
	var q []Point
	for i := range p {
		if i == 0 || p[i] != p[i-1] {
			q = append(q, p[i])
		}
	}
	return q
}

func along(a, b Point, f float64) Point { return Point{a.X + f*(b.X-a.X), a.Y + f*(b.Y-a.Y)} }

// segment strokes one straight piece as a thin rectangle, drawn out at both
// ends by half its width so that pieces of a chain join.
func (c *Canvas) segment(a, b Point, width float64, col color.Color) {
	length := math.Hypot(b.X-a.X, b.Y-a.Y)
	if length == 0 || math.IsNaN(length) {
		return
	}
	h := width / 2
	ux, uy := (b.X-a.X)/length*h, (b.Y-a.Y)/length*h
	cap := 0.0
	if width > 1.2 {
		cap = 0.5
	}
	a, b = Point{a.X - cap*ux, a.Y - cap*uy}, Point{b.X + cap*ux, b.Y + cap*uy}
	c.Fill([]Point{{a.X - uy, a.Y + ux}, {b.X - uy, b.Y + ux}, {b.X + uy, b.Y - ux}, {a.X + uy, a.Y - ux}}, col)
}

// HLine and VLine draw hairlines that cover whole device pixels.
func (c *Canvas) HLine(x0, x1, y, width float64, col color.Color) {
	c.crisp(Rect{math.Min(x0, x1), y - width/2, math.Abs(x1 - x0), width}, col)
}

// VLine is HLine, upright.
func (c *Canvas) VLine(x, y0, y1, width float64, col color.Color) {
	c.crisp(Rect{x - width/2, math.Min(y0, y1), width, math.Abs(y1 - y0)}, col)
}

// crisp fills a rectangle after rounding its edges to device pixels.
func (c *Canvas) crisp(r Rect, col color.Color) {
	s := c.scale
	x, y := math.Round(r.X*s), math.Round(r.Y*s)
	w, h := math.Max(1, math.Round(r.W*s)), math.Max(1, math.Round(r.H*s))
	box := image.Rect(int(x), int(y), int(x+w), int(y+h)).Intersect(c.clip)
	draw.Draw(c.img, box, image.NewUniform(col), image.Point{}, draw.Over)
}

// Picture draws a picture into r, blended by opacity (0 to 1).
func (c *Canvas) Picture(src image.Image, r Rect, opacity float64) {
	s := c.scale
	dst := image.Rect(int(math.Round(r.X*s)), int(math.Round(r.Y*s)), int(math.Round((r.X+r.W)*s)), int(math.Round((r.Y+r.H)*s)))
	if dst.Empty() || opacity <= 0 {
		return
	}
	scaled := image.NewRGBA(dst)
	xdraw.BiLinear.Scale(scaled, dst, src, src.Bounds(), xdraw.Src, nil)
	box := dst.Intersect(c.clip)
	mask := image.NewUniform(color.Alpha{uint8(math.Round(255 * math.Min(1, opacity)))})
	draw.DrawMask(c.img, box, scaled, box.Min, mask, image.Point{}, draw.Over)
}
