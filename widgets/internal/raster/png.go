package raster

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"slices"
)

// PNG returns the canvas as a PNG file with a palette of at most 256 colours:
// exact where there are no more, else the colours to keep, which stay exact,
// and others chosen by median cut (Heckbert 1982, doi 10.1145/965145.801294)
// among the colours rounded to 5 bits a channel. At most 128 colours are kept.
func (c *Canvas) PNG(keep ...color.NRGBA) ([]byte, error) {
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&b, Paletted(c.img, keep...)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Paletted returns the opaque picture with a palette of at most 256 colours,
// as PNG does.
func Paletted(img *image.RGBA, keep ...color.NRGBA) *image.Paletted {
	if p := exact(img); p != nil {
		return p
	}
	kept := map[[3]uint8]uint8{}
	var palette color.Palette
	for _, k := range keep {
		key := [3]uint8{k.R, k.G, k.B}
		if _, ok := kept[key]; !ok && len(palette) < 128 {
			kept[key] = uint8(len(palette))
			palette = append(palette, color.RGBA{k.R, k.G, k.B, 255})
		}
	}
	index, rest := medianCut(histogram(img, kept), 256-len(palette))
	out := image.NewPaletted(img.Bounds(), append(palette, rest...))
	eachPixel(img, func(i int, r, g, b uint8) {
		k, ok := kept[[3]uint8{r, g, b}]
		if !ok {
			k = uint8(len(palette)) + index[bin(r, g, b)]
		}
		out.Pix[i] = k
	})
	return out
}

// eachPixel calls f with the number of each pixel, row by row, and its colour.
func eachPixel(img *image.RGBA, f func(i int, r, g, b uint8)) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	for y := range h {
		row := img.Pix[y*img.Stride : y*img.Stride+4*w]
		for x := range w {
			f(y*w+x, row[4*x], row[4*x+1], row[4*x+2])
		}
	}
}

// exact returns the picture with all its colours, or nil where they are more
// than 256.
func exact(img *image.RGBA) *image.Paletted {
	index := map[[3]uint8]uint8{}
	var palette color.Palette
	out := image.NewPaletted(img.Bounds(), nil)
	ok := true
	eachPixel(img, func(i int, r, g, b uint8) {
		if !ok {
			return
		}
		key := [3]uint8{r, g, b}
		k, seen := index[key]
		if !seen {
			if ok = len(palette) < 256; !ok {
				return
			}
			k = uint8(len(palette))
			index[key] = k
			palette = append(palette, color.RGBA{r, g, b, 255})
		}
		out.Pix[i] = k
	})
	if !ok {
		return nil
	}
	out.Palette = palette
	return out
}

// cell is one colour of the 5-bit histogram with its pixels.
type cell struct {
	bin int
	n   int64
	sum [3]int64 // sums of the exact channel values
}

// at returns the mean of a channel, times 256 to stay an integer.
func (c *cell) at(ch int) int64 { return 256 * c.sum[ch] / c.n }

func bin(r, g, b uint8) int { return int(r>>3)<<10 | int(g>>3)<<5 | int(b>>3) }

// histogram counts the colours that are not kept.
func histogram(img *image.RGBA, kept map[[3]uint8]uint8) []cell {
	all := make([]cell, 1<<15)
	eachPixel(img, func(_ int, r, g, b uint8) {
		if _, ok := kept[[3]uint8{r, g, b}]; ok {
			return
		}
		c := &all[bin(r, g, b)]
		c.n++
		c.sum[0] += int64(r)
		c.sum[1] += int64(g)
		c.sum[2] += int64(b)
	})
	var used []cell
	for i := range all {
		if all[i].n > 0 {
			all[i].bin = i
			used = append(used, all[i])
		}
	}
	return used
}

// group is a set of cells that will share a palette entry.
type group struct {
	cells   []cell
	channel int   // the one with the widest range
	weight  int64 // range x pixels: what a split would gain
}

func newGroup(cells []cell) group {
	g := group{cells: cells}
	var widest, n int64
	for _, c := range cells {
		n += c.n
	}
	for ch := range 3 {
		lo, hi := cells[0].at(ch), cells[0].at(ch)
		for i := range cells {
			v := cells[i].at(ch)
			lo, hi = min(lo, v), max(hi, v)
		}
		if hi-lo > widest {
			widest, g.channel = hi-lo, ch
		}
	}
	// The square root keeps rare colours, such as a scale's ends, alive.
	g.weight = widest * isqrt(n)
	return g
}

func isqrt(n int64) int64 {
	r := int64(1)
	for r*r < n {
		r *= 2
	}
	return r
}

// medianCut halves the heaviest group until there are limit of them.
func medianCut(cells []cell, limit int) ([]uint8, color.Palette) {
	groups := []group{newGroup(cells)}
	for len(groups) < limit {
		heaviest := 0
		for i := range groups {
			if groups[i].weight > groups[heaviest].weight {
				heaviest = i
			}
		}
		g := groups[heaviest]
		if len(g.cells) < 2 || g.weight == 0 {
			break
		}
		a, b := split(g)
		groups[heaviest] = a
		groups = append(groups, b)
	}
	index := make([]uint8, 1<<15)
	palette := make(color.Palette, len(groups))
	for k, g := range groups {
		var n int64
		var sum [3]int64
		for _, c := range g.cells {
			index[c.bin] = uint8(k)
			n += c.n
			for ch := range 3 {
				sum[ch] += c.sum[ch]
			}
		}
		palette[k] = color.RGBA{uint8((sum[0] + n/2) / n), uint8((sum[1] + n/2) / n), uint8((sum[2] + n/2) / n), 255}
	}
	return index, palette
}

// split divides a group at the median pixel of its widest channel.
func split(g group) (a, b group) {
	slices.SortFunc(g.cells, func(p, q cell) int {
		return cmp.Or(cmp.Compare(p.at(g.channel), q.at(g.channel)), cmp.Compare(p.bin, q.bin))
	})
	var total, seen int64
	for _, c := range g.cells {
		total += c.n
	}
	cut := 1
	for i := range g.cells[:len(g.cells)-1] {
		seen += g.cells[i].n
		cut = i + 1
		if 2*seen >= total {
			break
		}
	}
	return newGroup(g.cells[:cut]), newGroup(g.cells[cut:])
}
