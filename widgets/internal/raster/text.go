package raster

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Style is how text looks. The zero Align puts the text's left end at x and
// its baseline at y.
type Style struct {
	Size   float64 // CSS pixels
	Bold   bool
	Color  color.Color
	AlignX float64 // 0 = left end at x, 0.5 = centre, 1 = right end
	AlignY float64 // 0 = baseline at y, 0.5 = middle of a capital, 1 = top of a capital
	Turned bool    // a quarter turn to the left: reads upwards
}

type faceKey struct {
	size float64
	bold bool
}

// capHeight is the height of a capital of the Go fonts, in ems.
const capHeight = 0.723

func (c *Canvas) face(s Style) font.Face {
	key := faceKey{s.Size, s.Bold}
	if f, ok := c.faces[key]; ok {
		return f
	}
	ttf := goregular.TTF
	if s.Bold {
		ttf = gobold.TTF
	}
	// The fonts are compiled in: they parse, or the package's tests fail.
	parsed, err := opentype.Parse(ttf)
	if err != nil {
		return nil
	}
	f, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: s.Size * c.scale, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return nil
	}
	c.faces[key] = f
	return f
}

// Plain returns s without what has no picture: control characters, line
// breaks and marks that turn the direction of text. No text drawn here is
// reordered, so such marks could only mislead.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.C, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// Width returns the width of a text in CSS pixels.
func (c *Canvas) Width(s string, style Style) float64 {
	f := c.face(style)
	if f == nil {
		return 0
	}
	return float64(font.MeasureString(f, Plain(s))) / 64 / c.scale
}

// Fit returns s, or its beginning with an ellipsis where s is wider than
// width.
func (c *Canvas) Fit(s string, style Style, width float64) string {
	s = Plain(s)
	if c.Width(s, style) <= width {
		return s
	}
	r := []rune(s)
	lo, hi := 0, len(r)
	for lo < hi { // the longest beginning that fits
		mid := (lo + hi + 1) / 2
		if c.Width(string(r[:mid])+"…", style) <= width {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return strings.TrimRight(string(r[:lo]), " ") + "…"
}

// Text draws one line of text.
func (c *Canvas) Text(x, y float64, s string, style Style) {
	f := c.face(style)
	s = Plain(s)
	if f == nil || s == "" {
		return
	}
	if style.Turned {
		c.turned(f, x, y, s, style)
		return
	}
	x -= style.AlignX * c.Width(s, style)
	y += style.AlignY * capHeight * style.Size
	clipped, ok := c.img.SubImage(c.clip).(*image.RGBA)
	if !ok || clipped.Bounds().Empty() {
		return
	}
	d := font.Drawer{Dst: clipped, Src: image.NewUniform(style.Color), Face: f,
		Dot: fixed.Point26_6{X: fix(x * c.scale), Y: fix(y * c.scale)}}
	d.DrawString(s)
}

func fix(v float64) fixed.Int26_6 { return fixed.Int26_6(math.Round(v * 64)) }

// turned draws text that reads upwards: onto a strip, then turned.
func (c *Canvas) turned(f font.Face, x, y float64, s string, style Style) {
	w := int(math.Ceil(c.Width(s, style)*c.scale)) + 2
	asc := int(math.Ceil(style.Size * c.scale))
	h := asc + asc/2
	strip := image.NewRGBA(image.Rect(0, 0, w, h))
	d := font.Drawer{Dst: strip, Src: image.NewUniform(style.Color), Face: f, Dot: fixed.Point26_6{X: fix(1), Y: fix(float64(asc))}}
	d.DrawString(s)
	up := image.NewRGBA(image.Rect(0, 0, h, w))
	for i := range w {
		for j := range h {
			up.SetRGBA(j, w-1-i, strip.RGBAAt(i, j))
		}
	}
	// The baseline is the column asc of the turned strip.
	left := int(math.Round(x*c.scale+style.AlignY*capHeight*style.Size*c.scale)) - asc
	top := int(math.Round(y*c.scale - (1-style.AlignX)*float64(w)))
	box := image.Rect(left, top, left+h, top+w)
	vis := box.Intersect(c.clip)
	draw.Draw(c.img, vis, up, vis.Min.Sub(box.Min), draw.Over)
}
