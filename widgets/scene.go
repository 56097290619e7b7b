package widgets

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"slices"

	xdraw "golang.org/x/image/draw"

	"github.com/spatialgo/spatialgo/spared"
)

const (
	pictureSide    = 800  // longest side of the embedded picture, pixels
	pictureQuality = 85   // of its JPEG
	defaultDisc    = 0.55 // spot diameter in pitches where the slide does not tell
	visiumPitch    = 100  // µm between the centres of neighbouring Visium spots
)

// scene is one slide made ready to be drawn: where its spots are and the part
// of its picture around them. Lengths are full-resolution pixels.
type scene struct {
	name     string
	spots    []int // indices into Dataset.Spots
	barcodes []string
	x, y     []float64
	box      [4]float64 // x0, y0, x1, y1: the spots and a margin
	pitch    float64    // median distance of nearest neighbours; 0 for a lone spot
	diameter float64

	micronsPerPixel float64 // 0 = unknown
	scaleFrom       string  // what micronsPerPixel was taken from

	picture    *image.RGBA // nil where there is none
	pictureBox [4]float64
	resolution string // "hires", "lowres" or ""
}

// newScene lays out a slide of the data set.
func newScene(ds *spared.Dataset, slide string) (*scene, error) {
	k, err := sectionIndex(ds, slide)
	if err != nil {
		return nil, err
	}
	sec := &ds.Sections[k]
	s := &scene{name: sec.Name, spots: ds.SpotsOf(k)}
	if len(s.spots) == 0 {
		return nil, fmt.Errorf("widgets: slide %q has no spots", sec.Name)
	}
	for _, i := range s.spots {
		x, y := ds.Spots[i].X, ds.Spots[i].Y
		if !finite(x) || !finite(y) {
			return nil, fmt.Errorf("widgets: spot %s has no finite coordinates: %g, %g", ds.Spots[i].ID, x, y)
		}
		s.x, s.y = append(s.x, x), append(s.y, y)
		s.barcodes = append(s.barcodes, ds.Spots[i].Barcode)
	}
	s.pitch = medianPitch(s.x, s.y)
	s.diameter = sec.Scale.SpotDiameter
	if !(s.diameter > 0) || !finite(s.diameter) {
		s.diameter = defaultDisc * s.pitch
	}
	if !(s.diameter > 0) {
		s.diameter = 1
	}
	s.frame()
	s.measure(ds, sec)
	s.crop(sec)
	return s, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// sectionIndex finds a slide by name; "" is the first.
func sectionIndex(ds *spared.Dataset, slide string) (int, error) {
	if ds == nil || len(ds.Sections) == 0 {
		return 0, fmt.Errorf("widgets: the data set has no slides")
	}
	if slide == "" {
		return 0, nil
	}
	if k := ds.Section(slide); k >= 0 {
		return k, nil
	}
	names := make([]string, len(ds.Sections))
	for i := range ds.Sections {
		names[i] = ds.Sections[i].Name
	}
	return 0, fmt.Errorf("widgets: no slide %q; the data set has %q", slide, names)
}

// medianPitch returns the median distance from a spot to its nearest
// neighbour, over at most 400 spots spread evenly.
func medianPitch(x, y []float64) float64 {
	n := len(x)
	stride := max(1, n/400)
	var d []float64
	for i := 0; i < n; i += stride {
		least := math.Inf(1)
		for j := range n {
			if dx, dy := x[j]-x[i], y[j]-y[i]; j != i && dx*dx+dy*dy < least && (dx != 0 || dy != 0) {
				least = dx*dx + dy*dy
			}
		}
		if finite(least) {
			d = append(d, math.Sqrt(least))
		}
	}
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[len(d)/2]
}

// frame sets the box to the spots and a margin of 1.2 pitches, at least one
// spot's diameter.
func (s *scene) frame() {
	m := math.Max(1.2*s.pitch, s.diameter)
	s.box = [4]float64{slices.Min(s.x) - m, slices.Min(s.y) - m, slices.Max(s.x) + m, slices.Max(s.y) + m}
	// A row of spots would make a map too flat to use.
	w, h := s.box[2]-s.box[0], s.box[3]-s.box[1]
	if w < h/4 {
		s.box[0], s.box[2] = s.box[0]-(h/4-w)/2, s.box[2]+(h/4-w)/2
	}
	if h < w/4 {
		s.box[1], s.box[3] = s.box[1]-(w/4-h)/2, s.box[3]+(w/4-h)/2
	}
}

// measure finds the size of a pixel: from the pitch where the spots lie on a
// Visium grid, else from what the slide says.
func (s *scene) measure(ds *spared.Dataset, sec *spared.Section) {
	if pitch := hexPitch(ds, s.spots); pitch > 0 {
		s.micronsPerPixel, s.scaleFrom = visiumPitch/pitch, "the 100 µm pitch of the Visium grid"
	} else if m := sec.Scale.MicronsPerPixel; m > 0 && finite(m) {
		s.micronsPerPixel, s.scaleFrom = m, "the slide's microns per pixel"
	}
}

// hexPitch returns the pitch in pixels where the spots lie on a grid such as
// Visium's: rows shifted by half a step, so that row and column are both even
// or both odd, with all neighbours equally far. It returns 0 for other grids.
func hexPitch(ds *spared.Dataset, spots []int) float64 {
	type place struct{ row, col int }
	at := make(map[place]int, len(spots))
	for _, i := range spots {
		p := place{ds.Spots[i].ArrayRow, ds.Spots[i].ArrayCol}
		if (p.row+p.col)%2 != 0 {
			return 0
		}
		at[p] = i
	}
	var along, across []float64
	for p, i := range at {
		for _, q := range []struct {
			place
			to *[]float64
		}{{place{p.row, p.col + 2}, &along}, {place{p.row + 1, p.col + 1}, &across}, {place{p.row + 1, p.col - 1}, &across}} {
			if j, ok := at[q.place]; ok {
				a, b := &ds.Spots[i], &ds.Spots[j]
				*q.to = append(*q.to, math.Hypot(a.X-b.X, a.Y-b.Y))
			}
		}
	}
	if len(along) < 3 || len(across) < 3 {
		return 0
	}
	slices.Sort(along)
	slices.Sort(across)
	a, b := along[len(along)/2], across[len(across)/2]
	if !(a > 0) || math.Abs(a-b) > 0.08*a {
		return 0
	}
	return (a + 2*b) / 3 // two of three directions run across
}

// crop cuts the part within the box out of the best picture and makes it
// small enough to travel in a notebook.
func (s *scene) crop(sec *spared.Section) {
	img, factor := sec.Hires, sec.Scale.Hires
	s.resolution = "hires"
	if !usable(img, factor) {
		img, factor, s.resolution = sec.Lowres, sec.Scale.Lowres, "lowres"
	}
	if !usable(img, factor) {
		s.resolution = ""
		return
	}
	r := image.Rect(int(math.Floor(s.box[0]*factor)), int(math.Floor(s.box[1]*factor)),
		int(math.Ceil(s.box[2]*factor)), int(math.Ceil(s.box[3]*factor))).Intersect(image.Rect(0, 0, img.Width, img.Height))
	if r.Empty() {
		s.resolution = ""
		return
	}
	cut := rgba(img, r)
	s.pictureBox = [4]float64{float64(r.Min.X) / factor, float64(r.Min.Y) / factor, float64(r.Max.X) / factor, float64(r.Max.Y) / factor}
	s.picture = cut
	if side := max(r.Dx(), r.Dy()); side > pictureSide {
		f := float64(pictureSide) / float64(side)
		small := image.NewRGBA(image.Rect(0, 0, max(1, int(math.Round(f*float64(r.Dx())))), max(1, int(math.Round(f*float64(r.Dy()))))))
		xdraw.CatmullRom.Scale(small, small.Bounds(), cut, cut.Bounds(), xdraw.Src, nil)
		s.picture = small
	}
}

func usable(img *spared.Image, factor float64) bool {
	return img != nil && img.Width > 0 && img.Height > 0 && len(img.Pix) >= 3*img.Width*img.Height && factor > 0 && finite(factor)
}

// rgba copies a rectangle of a picture.
func rgba(img *spared.Image, r image.Rectangle) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, r.Dx(), r.Dy()))
	for y := range r.Dy() {
		from := img.Pix[3*((r.Min.Y+y)*img.Width+r.Min.X):]
		to := out.Pix[y*out.Stride:]
		for x := range r.Dx() {
			to[4*x], to[4*x+1], to[4*x+2], to[4*x+3] = from[3*x], from[3*x+1], from[3*x+2], 255
		}
	}
	return out
}

// pictureURL returns the picture as a data URL, "" where there is none.
func (s *scene) pictureURL() (string, error) {
	if s.picture == nil {
		return "", nil
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, s.picture, &jpeg.Options{Quality: pictureQuality}); err != nil {
		return "", fmt.Errorf("widgets: picture of slide %s: %w", s.name, err)
	}
	return "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(b.Bytes()), nil
}
