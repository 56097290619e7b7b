package raster

import (
	"bytes"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"
)

var red = color.RGBA{255, 0, 0, 255}

// ink returns how much red was put on the canvas, in CSS pixels squared.
func ink(c *Canvas) float64 {
	var sum float64
	eachPixel(c.img, func(_ int, _, g, _ uint8) { sum += 1 - float64(g)/255 })
	return sum / c.scale / c.scale
}

func TestAreas(t *testing.T) {
	for _, c := range []struct {
		reason string
		draw   func(c *Canvas)
		want   float64
		tol    float64
	}{
		{"a disc covers pi r^2", func(c *Canvas) { c.Disc(50, 50, 20.3, red) }, math.Pi * 20.3 * 20.3, 6},
		{"half a disc is outside", func(c *Canvas) { c.Disc(0, 50, 20, red) }, math.Pi * 200, 3},
		{"a disc off the canvas", func(c *Canvas) { c.Disc(-50, 50, 20, red) }, 0, 0},
		{"clipping", func(c *Canvas) { c.Clip(Rect{10, 10, 20, 20}); c.FillRect(Rect{0, 0, 100, 100}, red) }, 400, 0.01},
		{"a clip is lifted", func(c *Canvas) {
			c.Clip(Rect{10, 10, 2, 2})
			c.Clip(Rect{})
			c.FillRect(Rect{0, 0, 50, 100}, red)
		}, 5000, 0.01},
		{"a triangle reaching outside", func(c *Canvas) { c.Fill([]Point{{-100, 0}, {100, 0}, {100, 100}}, red) }, 7500, 2},
		{"a slanted line", func(c *Canvas) { c.Line([]Point{{10, 10}, {40, 50}}, 1, red, 0) }, 50, 0.6},
		{"every second piece of a dashed line", func(c *Canvas) { c.Line([]Point{{10, 20}, {90, 20}}, 1, red, 4) }, 40, 0.6},
		{"an empty chain", func(c *Canvas) { c.Line(nil, 1, red, 3) }, 0, 0},
		{"a hairline covers whole pixels", func(c *Canvas) { c.HLine(10, 60, 30.3, 1, red) }, 50, 0.6},
	} {
		for _, scale := range []float64{1, 2} {
			cv := New(100, 100, scale)
			c.draw(cv)
			if got := ink(cv); math.Abs(got-c.want) > c.tol {
				t.Errorf("%s (scale %g): ink %.2f, want %.2f", c.reason, scale, got, c.want)
			}
		}
	}
}

func TestText(t *testing.T) {
	c := New(300, 300, 1)
	st := Style{Size: 14, Color: red}
	c.Text(20, 50, "Hxg", st)
	upright := ink(c)
	if upright < 20 {
		t.Fatalf("text left %.1f of ink", upright)
	}
	st.Turned = true
	c.Text(200, 200, "Hxg", st)
	if got := ink(c) - upright; math.Abs(got-upright) > 0.2*upright {
		t.Errorf("turned text has ink %.1f, upright %.1f", got, upright)
	}
	st.Turned = false
	for _, s := range []string{"a very long name of a gene", "", "\u202egnp.exe", "日本語 😀", "\xff\xfe"} {
		for _, w := range []float64{0, 10, 60, 1000} {
			fit := c.Fit(s, st, w)
			if fit != "…" && c.Width(fit, st) > w {
				t.Errorf("Fit(%q, %g) = %q is %.1f wide", s, w, fit, c.Width(fit, st))
			}
		}
	}
	if got := Plain("a\u202eb\nc\u2028d\x00e"); got != "ab c de" {
		t.Errorf("Plain: %q", got)
	}
}

func TestPNG(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	c := New(120, 80, 1)
	c.Disc(60, 40, 30, red)
	plain, err := c.PNG()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	for y := range 80 {
		for x := range 120 {
			if color.RGBAModel.Convert(img.At(x, y)) != color.Color(c.img.RGBAAt(x, y)) {
				t.Fatalf("pixel %d,%d of a picture of few colours changed", x, y)
			}
		}
	}
	// A photograph-like picture: many colours, none far from its palette's.
	for y := range 80 {
		for x := range 120 {
			c.img.SetRGBA(x, y, color.RGBA{uint8(150 + x/2 + rng.IntN(20)), uint8(80 + y), uint8(140 + rng.IntN(40)), 255})
		}
	}
	p := Paletted(c.img)
	var sum float64
	eachPixel(c.img, func(i int, r, g, b uint8) {
		q := p.Palette[p.Pix[i]].(color.RGBA)
		sum += math.Abs(float64(r)-float64(q.R)) + math.Abs(float64(g)-float64(q.G)) + math.Abs(float64(b)-float64(q.B))
	})
	if mean := sum / 3 / 120 / 80; len(p.Palette) != 256 || mean > 5 {
		t.Errorf("%d colours, mean error %.2f of 255", len(p.Palette), mean)
	}
	again, _ := c.PNG()
	twice, _ := c.PNG()
	if !bytes.Equal(again, twice) {
		t.Error("the same canvas gives different bytes")
	}
}

func BenchmarkDiscs(b *testing.B) {
	for b.Loop() {
		c := New(700, 700, 1)
		for i := range 4000 {
			c.Disc(float64(i%64)*11, float64(i/64)*11, 4, red)
		}
	}
}
