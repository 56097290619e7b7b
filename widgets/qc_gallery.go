package widgets

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	xdraw "golang.org/x/image/draw"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/widgets/internal/raster"
)

// GalleryFigure is a grid of small pictures with a line below each.
type GalleryFigure struct {
	title, caption string
	columns        int
	side           int // of a tile's picture, CSS pixels
	tiles          []tile

	once sync.Once
	html string
	png  []byte
	err  error
}

// tile is one picture of a gallery.
type tile struct {
	picture    image.Image
	name, note string
}

const (
	galleryMost = 64 // tiles shown
	tileText    = 40 // height below a picture, CSS pixels
	tileGap     = 12
	tileQuality = 82
)

func (g *GalleryFigure) build() {
	g.once.Do(func() {
		g.html, g.err = g.render()
		if g.err == nil {
			g.png, g.err = g.paint()
		}
	})
}

// HTML implements Figure. Pictures need no script.
func (g *GalleryFigure) HTML() string {
	g.build()
	if g.err != nil {
		return `<div style="` + cardStyle + `">No pictures: ` + html.EscapeString(clean(g.err.Error())) + `</div>`
	}
	return g.html
}

// PNG implements Figure.
func (g *GalleryFigure) PNG() ([]byte, error) { g.build(); return g.png, g.err }

// Text implements Figure.
func (g *GalleryFigure) Text() string {
	var b strings.Builder
	b.WriteString(g.title)
	for _, t := range g.tiles {
		fmt.Fprintf(&b, "\n  %s: %s", t.name, t.note)
	}
	return b.String()
}

func (g *GalleryFigure) render() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="%s"><div style="font-weight:600;font-size:16px;margin-bottom:8px">%s</div>`, cardStyle, html.EscapeString(g.title))
	fmt.Fprintf(&b, `<div style="display:flex;flex-wrap:wrap;gap:%dpx">`, tileGap)
	for _, t := range g.tiles {
		var jpg bytes.Buffer
		if err := jpeg.Encode(&jpg, t.picture, &jpeg.Options{Quality: tileQuality}); err != nil {
			return "", fmt.Errorf("widgets: picture %s: %w", t.name, err)
		}
		fmt.Fprintf(&b, `<div style="width:%dpx;max-width:100%%"><div style="height:%dpx;display:flex;align-items:center;justify-content:center;background:#f6f8fa;border-radius:6px;overflow:hidden">`+
			`<img style="max-width:100%%;max-height:100%%;display:block" alt="%s" src="data:image/jpeg;base64,%s"></div>`, g.side, g.side,
			html.EscapeString(t.name), base64.StdEncoding.EncodeToString(jpg.Bytes()))
		fmt.Fprintf(&b, `<div style="font-size:12px;margin-top:3px;overflow-wrap:anywhere"><bdi>%s</bdi></div><div style="font-size:12px;color:#61707f;overflow-wrap:anywhere"><bdi>%s</bdi></div></div>`,
			html.EscapeString(t.name), html.EscapeString(t.note))
	}
	b.WriteString(`</div><div style="` + captionStyle + `">` + html.EscapeString(g.caption) + `</div></div>`)
	return b.String(), nil
}

func (g *GalleryFigure) paint() ([]byte, error) {
	rows := (len(g.tiles) + g.columns - 1) / g.columns
	side := (stillWidth - 2*stillPad - float64(g.columns-1)*tileGap) / float64(g.columns)
	side = math.Min(side, float64(g.side))
	c := raster.New(stillWidth, 40+float64(rows)*(side+tileText), stillScale)
	c.Text(stillPad, 24, g.title, raster.Style{Size: 16, Bold: true, Color: ink})
	name, note := raster.Style{Size: 12, Color: ink}, raster.Style{Size: 11, Color: muted}
	for k, t := range g.tiles {
		x, y := stillPad+float64(k%g.columns)*(side+tileGap), 38+float64(k/g.columns)*(side+tileText)
		b := t.picture.Bounds()
		f := side / math.Max(float64(b.Dx()), float64(b.Dy()))
		w, h := f*float64(b.Dx()), f*float64(b.Dy())
		c.Picture(t.picture, raster.Rect{X: x + (side-w)/2, Y: y + (side-h)/2, W: w, H: h}, 1)
		c.Text(x, y+side+13, c.Fit(t.name, name, side), name)
		c.Text(x, y+side+28, c.Fit(t.note, note, side), note)
	}
	return c.PNG()
}

// SlidePictures shows the picture of each slide, by name (SpaRED's
// plot_all_slides): the lowres one where there is one, else the hires one, else
// where the spots lie.
func SlidePictures(ds *spared.Dataset) (*GalleryFigure, error) {
	var order []int
	for k := range ds.Sections {
		order = append(order, k)
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(ds.Sections[a].Name, ds.Sections[b].Name) })
	g := &GalleryFigure{title: "All slides", side: 230, columns: 3}
	drawn := 0
	for _, k := range order[:min(len(order), galleryMost)] {
		spots := ds.SpotsOf(k)
		if len(spots) == 0 {
			continue
		}
		sec := &ds.Sections[k]
		pic := wholePicture(sec, 2*g.side)
		if pic == nil {
			drawn++
			pic = drawnSpots(ds, spots, 2*g.side)
		}
		g.tiles = append(g.tiles, tile{pic, clean(sec.Name), splitsOf(ds, spots) + ", " + plural(len(spots), "spot")})
	}
	if len(g.tiles) == 0 {
		return nil, fmt.Errorf("widgets: the data set has no slides with spots")
	}
	if g.title = "The slide"; len(ds.Sections) > 1 {
		g.title = "All " + plural(len(ds.Sections), "slide")
	}
	g.caption = "Pictures as stored in the data set; below each its name, split and spots."
	if drawn > 0 {
		g.caption += " A slide without a picture is shown by its spots."
	}
	if len(order) > galleryMost {
		g.caption += fmt.Sprintf(" The first %d by name.", galleryMost)
	}
	return g, nil
}

// wholePicture returns the slide's picture, at most side pixels long, or nil.
func wholePicture(sec *spared.Section, side int) image.Image {
	img := sec.Lowres
	if !usable(img, 1) {
		img = sec.Hires
	}
	if !usable(img, 1) {
		return nil
	}
	return shrink(rgba(img, image.Rect(0, 0, img.Width, img.Height)), side)
}

func shrink(src *image.RGBA, side int) image.Image {
	b := src.Bounds()
	long := max(b.Dx(), b.Dy())
	if long <= side {
		return src
	}
	small := image.NewRGBA(image.Rect(0, 0, max(1, b.Dx()*side/long), max(1, b.Dy()*side/long)))
	xdraw.CatmullRom.Scale(small, small.Bounds(), src, b, xdraw.Src, nil)
	return small
}

// drawnSpots draws where the spots of a slide lie.
func drawnSpots(ds *spared.Dataset, spots []int, side int) image.Image {
	x0, y0, half := middle(ds, spots)
	c := raster.New(float64(side), float64(side), 1)
	r := math.Max(1, 0.3*float64(side)/math.Sqrt(float64(len(spots))+1))
	for _, i := range spots {
		s := &ds.Spots[i]
		if finite(s.X) && finite(s.Y) {
			c.Disc(float64(side)*(0.5+0.46*(s.X-x0)/half), float64(side)*(0.5+0.46*(s.Y-y0)/half), r, axis)
		}
	}
	return c.Image()
}

// middle returns the centre of the square around spots, and half its side, in
// full-resolution pixels.
func middle(ds *spared.Dataset, spots []int) (x, y, half float64) {
	x0, x1, y0, y1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, i := range spots {
		s := &ds.Spots[i]
		if finite(s.X) && finite(s.Y) {
			x0, x1, y0, y1 = math.Min(x0, s.X), math.Max(x1, s.X), math.Min(y0, s.Y), math.Max(y1, s.Y)
		}
	}
	if x0 > x1 {
		return 0, 0, 1
	}
	return (x0 + x1) / 2, (y0 + y1) / 2, math.Max(math.Max(x1-x0, y1-y0)/2, 1)
}

func hasPicture(ds *spared.Dataset) bool {
	return slices.ContainsFunc(ds.Sections, func(s spared.Section) bool {
		return usable(s.Hires, s.Scale.Hires) || usable(s.Lowres, s.Scale.Lowres)
	})
}

const (
	patchCount = 16
	patchReach = 2.5 // side of a patch in spot pitches
)

// SpotPatches shows the tissue around 16 spots drawn at random from the slides
// with a picture (SpaRED's plot_random_patches, from the picture that the data
// set carries instead of the full-resolution one). A patch is 2.5 spot
// pitches wide. seed 0 is 42.
func SpotPatches(ds *spared.Dataset, seed uint64) (*GalleryFigure, error) {
	if seed == 0 {
		seed = 42
	}
	rng := rand.New(rand.NewPCG(seed, 0x9a7c4))
	g := &GalleryFigure{title: fmt.Sprintf("The tissue at %d random spots", patchCount), side: 160, columns: 4}
	scenes := map[int]*pictured{}
	for _, i := range rng.Perm(len(ds.Spots)) {
		if len(g.tiles) == patchCount {
			break
		}
		k := ds.Spots[i].Slide
		if scenes[k] == nil {
			scenes[k] = picturedSection(ds, k)
		}
		if pic := scenes[k].around(&ds.Spots[i], 2*g.side); pic != nil {
			g.tiles = append(g.tiles, tile{pic, clean(ds.Spots[i].Barcode), "slide " + clean(ds.Sections[k].Name)})
		}
	}
	if len(g.tiles) == 0 {
		return nil, fmt.Errorf("widgets: no slide has a picture around its spots")
	}
	g.caption = fmt.Sprintf("%.1f spot pitches across, out of the pictures that the data set carries (hires where there is one, else lowres); the ring has the size of the spot.", patchReach)
	return g, nil
}

// pictured is a slide with what is needed to cut patches.
type pictured struct {
	img             *spared.Image // nil where there is none
	factor          float64
	pitch, diameter float64 // full-resolution pixels
}

func picturedSection(ds *spared.Dataset, k int) *pictured {
	sec := &ds.Sections[k]
	p := &pictured{img: sec.Hires, factor: sec.Scale.Hires, diameter: sec.Scale.SpotDiameter}
	if !usable(p.img, p.factor) {
		p.img, p.factor = sec.Lowres, sec.Scale.Lowres
	}
	if !usable(p.img, p.factor) {
		p.img = nil
		return p
	}
	var x, y []float64
	for _, i := range ds.SpotsOf(k) {
		x, y = append(x, ds.Spots[i].X), append(y, ds.Spots[i].Y)
	}
	p.pitch = medianPitch(x, y)
	if !(p.diameter > 0) || !finite(p.diameter) {
		p.diameter = defaultDisc * p.pitch
	}
	return p
}

// around cuts the patch of a spot, side pixels wide, or returns nil where it
// would lie outside the picture.
func (p *pictured) around(s *spared.Spot, side int) image.Image {
	half := patchReach / 2 * p.pitch * p.factor
	if p.img == nil || !(half >= 1) || !finite(half) {
		return nil
	}
	x, y := s.X*p.factor, s.Y*p.factor
	r := image.Rect(int(x-half), int(y-half), int(x+half)+1, int(y+half)+1)
	if !finite(x) || !finite(y) || !r.In(image.Rect(0, 0, p.img.Width, p.img.Height)) {
		return nil
	}
	c := raster.New(float64(side), float64(side), 1)
	c.Picture(rgba(p.img, r), raster.Rect{W: float64(side), H: float64(side)}, 1)
	f := float64(side) / float64(r.Dx())
	cx, cy, radius := (x-float64(r.Min.X))*f, (y-float64(r.Min.Y))*f, p.diameter*p.factor*f/2
	var ring []raster.Point
	for a := range 49 {
		t := 2 * math.Pi * float64(a) / 48
		ring = append(ring, raster.Point{X: cx + radius*math.Cos(t), Y: cy + radius*math.Sin(t)})
	}
	c.Line(ring, 1.5, color.NRGBA{255, 255, 255, 220}, 0)
	return c.Image()
}

// splitsOf names the splits that spots are in: "train+val" for a lone slide.
func splitsOf(ds *spared.Dataset, spots []int) string {
	has := map[spared.Split]bool{}
	for _, i := range spots {
		has[ds.Spots[i].Split] = true
	}
	var names []string
	for _, s := range splitOrder {
		if has[s] {
			names = append(names, s.String())
		}
	}
	return strings.Join(names, "+")
}
