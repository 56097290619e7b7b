package simulate

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// Experiment is a simulated set of slides with what is true of them. All
// slices have one entry a slide.
type Experiment struct {
	Options   Options         // as given, defaults filled in
	Slides    []*slide.Slide  // spots under tissue, by barcode; FullRes is ""
	OffTissue [][]visium.Spot // the other spots of the array
	Subjects  []string        // whose tissue it is
	Truth     []*Truth        // by the spots and genes of the slide
	Pictures  []*slide.Image  // at full resolution, 1 µm a pixel
}

// Generate simulates the slides of o. Each slide depends on nothing but the
// seed, its own SlideSpec, and Genes and Depth: adding a slide leaves the
// others as they are. It is an error if o is out of bounds or a slide gets no
// spots under tissue. Slides are made at the same time where there are
// processors for it; p hears of each step of each slide.
func Generate(ctx context.Context, o Options, p progress.Func) (*Experiment, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	n := len(o.Slides)
	x := &Experiment{Options: o, Slides: make([]*slide.Slide, n), OffTissue: make([][]visium.Spot, n),
		Subjects: make([]string, n), Truth: make([]*Truth, n), Pictures: make([]*slide.Image, n)}
	err = forEachSlide(ctx, o, p, func(i int, s *section) error {
		x.Slides[i], x.OffTissue[i], x.Truth[i], x.Pictures[i] = s.slide, s.off, s.truth, s.picture
		x.Subjects[i] = o.Slides[i].Subject
		return nil
	})
	if err != nil {
		return nil, err
	}
	return x, nil
}

// section is one simulated slide.
type section struct {
	layout  *layout // until the picture is rendered
	slide   *slide.Slide
	off     []visium.Spot
	truth   *Truth
	picture *slide.Image
}

// forEachSlide simulates each slide and hands it to use, which must be safe
// for calls at the same time.
func forEachSlide(ctx context.Context, o Options, p progress.Func, use func(i int, s *section) error) error {
	genes := panel(o.Genes)
	m := newModel(o.Seed, genes)
	news := newReporter(p, len(o.Slides))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, spec := range o.Slides {
		group.Go(func() error {
			s, err := newSection(ctx, o, spec, m, genes, news)
			if err != nil {
				return err
			}
			if err := s.render(ctx, spec, news); err != nil {
				return err
			}
			if err := use(i, s); err != nil {
				return err
			}
			news.send(spec.Name, "done", 1)
			return nil
		})
	}
	return group.Wait()
}

// reporter passes news of slides made at the same time on, one at a time.
type reporter struct {
	sync.Mutex
	to          progress.Func
	done, total int
	start       time.Time
}

func newReporter(to progress.Func, slides int) *reporter {
	return &reporter{to: to, total: slides, start: time.Now()}
}

func (r *reporter) send(name, what string, done int) {
	r.Lock()
	defer r.Unlock()
	r.done += done
	r.to.Send(progress.Event{Step: "simulate", Done: r.done, Total: r.total,
		Message: name + ": " + what, Seconds: time.Since(r.start).Seconds()})
}

// minSpots is the least number of spots under tissue that a slide needs.
const minSpots = 3

// newSection simulates one slide up to its picture, in the order of nature:
// tissue, spots on it, what they express, and what is counted of that.
func newSection(ctx context.Context, o Options, spec SlideSpec, m *model, genes []int, news *reporter) (*section, error) {
	news.send(spec.Name, "tissue", 0)
	s := &section{layout: newLayout(ctx, newAnatomy(o.Seed, spec), spec.Name)}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	news.send(spec.Name, "expression", 0)
	under, off := s.layout.array(spec)
	if len(under) < minSpots {
		return nil, fmt.Errorf("simulate: slide %s: only %d spots lie under tissue; take a larger array", spec.Name, len(under))
	}
	for _, p := range off {
		s.off = append(s.off, visium.Spot{Barcode: p.barcode, ArrayRow: p.row, ArrayCol: p.col, X: p.x, Y: p.y})
	}
	lies := s.layout.survey(under, spec.Name)
	s.truth = newTruth(o, spec, m, lies, under, genes)
	median := o.Depth * float64(o.Genes) / MaxGenes
	s.truth.Depth = s.layout.depths(source(o.Seed, "depth", spec.Name), under, lies.rna, median)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	news.send(spec.Name, "counts", 0)
	s.slide = newSlide(o, spec, m, s.truth, under)
	return s, ctx.Err()
}

// render adds the pictures.
func (s *section) render(ctx context.Context, spec SlideSpec, news *reporter) error {
	news.send(spec.Name, "picture", 0)
	s.picture = s.layout.picture(spec)
	s.layout = nil // a few hundred MB
	if err := ctx.Err(); err != nil {
		return err
	}
	s.addPictures()
	return ctx.Err()
}

// place is a spot of the array.
type place struct {
	barcode  string
	row, col int
	x, y     float64
}

// array returns the spots of the slide's array, those under tissue and the
// others, each in the order of barcodes, as Space Ranger lists them. Rows of
// the hexagonal array are counted from the top; a row takes the even or the
// odd columns, as it is even or odd itself. A spot is under tissue where
// tissue takes more than half of its disc.
func (l *layout) array(s SlideSpec) (under, off []place) {
	for row := range s.Rows {
		for k := range s.Cols {
			col := 2*k + row%2
			p := place{barcode: barcode(row, col), row: row, col: col,
				x: border + float64(col)*Pitch/2, y: border + float64(row)*rowPitch}
			n := 0
			for _, d := range disc() {
				if l.at(p.x+d[0], p.y+d[1]) != glass {
					n++
				}
			}
			if 2*n > discPoints {
				under = append(under, p)
			} else {
				off = append(off, p)
			}
		}
	}
	byBarcode := func(a, b place) int { return strings.Compare(a.barcode, b.barcode) }
	slices.SortFunc(under, byBarcode)
	slices.SortFunc(off, byBarcode)
	return under, off
}

// barcode returns the 16 nucleotides printed at a place of the array, with
// Visium's suffix. As on real slides it belongs to the place, so different
// slides have the same barcodes. Different places differ, for every step of
// the scrambling can be undone.
func barcode(row, col int) string {
	h := uint32(row)<<16 | uint32(col)
	h ^= h >> 16
	h *= 0x85EBCA6B
	h ^= h >> 13
	h *= 0xC2B2AE35
	h ^= h >> 16
	b := []byte("................-1")
	for k := range 16 {
		b[k] = "ACGT"[h>>(30-2*k)&3]
	}
	return string(b)
}

// newSlide draws the counts.
func newSlide(o Options, spec SlideSpec, m *model, t *Truth, under []place) *slide.Slide {
	s := &slide.Slide{
		Name: spec.Name, Genes: t.Genes, Organism: "human", SourceFormat: "simulation",
		Chemistry: "Simulated Spatial 3'",
		Counts:    sample(source(o.Seed, "counts", spec.Name), t.Rate, t.Depth, m.shape),
		Scale:     slide.ScaleFactors{SpotDiameter: SpotDiameter, FiducialDiameter: 90},
	}
	for _, p := range under {
		s.Barcodes = append(s.Barcodes, p.barcode)
		s.InTissue = append(s.InTissue, true)
		s.ArrayRow, s.ArrayCol = append(s.ArrayRow, p.row), append(s.ArrayCol, p.col)
		s.X, s.Y = append(s.X, p.x), append(s.Y, p.y)
	}
	return s
}

// Longest sides of the small pictures, as Space Ranger makes them.
const (
	hiresSide  = 2000
	lowresSide = 600
)

// addPictures scales the picture down for the slide.
func (s *section) addPictures() {
	full := s.picture
	s.slide.Hires, s.slide.Scale.Hires = shrink(full, hiresSide)
	s.slide.Lowres, s.slide.Scale.Lowres = shrink(full, lowresSide)
	s.slide.FullResSize = [2]int{full.Width, full.Height}
}

// shrink scales a picture so that its longer side has side pixels, by
// averaging the area of each new pixel, and returns the factor. A picture
// that is small enough is kept.
func shrink(p *slide.Image, side int) (*slide.Image, float64) {
	factor := float64(side) / float64(max(p.Width, p.Height))
	if factor >= 1 {
		return &slide.Image{Width: p.Width, Height: p.Height, Pix: slices.Clone(p.Pix)}, 1
	}
	w, h := max(1, int(float64(p.Width)*factor+0.5)), max(1, int(float64(p.Height)*factor+0.5))
	across, down := spans(p.Width, w), spans(p.Height, h)
	out := &slide.Image{Width: w, Height: h, Pix: make([]uint8, 3*w*h)}
	row := make([]float32, 3*w)
	for y, rows := range down {
		clear(row)
		for _, from := range rows {
			line := p.Pix[3*p.Width*from.at:]
			for x, cols := range across {
				for _, c := range cols {
					k := from.part * c.part
					row[3*x] += k * float32(line[3*c.at])
					row[3*x+1] += k * float32(line[3*c.at+1])
					row[3*x+2] += k * float32(line[3*c.at+2])
				}
			}
		}
		for k, v := range row {
			out.Pix[3*w*y+k] = uint8(v + 0.5)
		}
	}
	return out, factor
}

// part is an old pixel and how much of a new one it makes up.
type part struct {
	at   int
	part float32
}

// spans returns, for each of n new pixels, the old pixels under it.
func spans(old, n int) [][]part {
	s := make([][]part, n)
	step := float64(old) / float64(n)
	for k := range s {
		lo, hi := float64(k)*step, float64(k+1)*step
		for i := int(lo); i < old && float64(i) < hi; i++ {
			if covered := min(hi, float64(i+1)) - max(lo, float64(i)); covered > 1e-9 {
				s[k] = append(s[k], part{i, float32(covered / step)})
			}
		}
	}
	return s
}
