package widgets

import (
	"image/color"
	"math"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/widgets/internal/raster"
)

// The still picture of a map has the same parts at the same places as the
// living one in a page of this width.
const (
	stillWidth  = 760 // CSS pixels
	barWidth    = 84  // colour bar with numbers and unit
	panelGap    = 14
	panelTop    = 26 // panel's title
	stillPad    = 12
	tallestMap  = 560
	headHeight  = 48
	widestPanel = 3    // panels in a row
	stillScale  = 1.25 // pixels to a CSS pixel
)

// place is where panels lie on the still picture.
type place struct {
	panels []raster.Rect
	bars   []bool
	height float64
}

func (m *mapSet) place() place {
	b := m.scene.box
	aspect := (b[3] - b[1]) / (b[2] - b[0])
	n := len(m.panels)
	cols := min(n, widestPanel)
	if n == 4 {
		cols = 2
	}
	rows := (n + cols - 1) / cols
	bars, each := 1, m.style.own || m.mixed()
	if each {
		bars = cols
	}
	w := (stillWidth - 2*stillPad - float64(bars)*m.barRoom() - float64((cols-1)*panelGap)) / float64(cols)
	h := w * aspect
	if h > tallestMap {
		h, w = tallestMap, tallestMap/aspect
	}
	top, step := 0.0, w+panelGap
	if n > 1 {
		top = panelTop
	}
	if each {
		step += barWidth
	}
	var p place
	for i := range n {
		p.panels = append(p.panels, raster.Rect{X: stillPad + float64(i%cols)*step,
			Y: headHeight + top + float64(i/cols)*(h+top+10), W: w, H: h})
		p.bars = append(p.bars, each || i%cols == cols-1 || i == n-1)
	}
	p.height = headHeight + float64(rows)*(h+top+10) + stillPad
	return p
}

// paint draws the still picture of the first gene.
func (m *mapSet) paint() ([]byte, error) {
	g := &m.genes[0]
	where := m.place()
	palette := []color.NRGBA{grey, ink}
	c := raster.New(stillWidth, where.height, stillScale)
	heading(c, g.title, g.subtitle, stillWidth)
	for k, r := range where.panels {
		table, err := m.table(k)
		if err != nil {
			return nil, err
		}
		if k == 0 || m.panels[k].Colors != m.panels[k-1].Colors {
			palette = append(palette, table...)
		}
		m.paintSpots(c, g, k, r, table)
		c.HLine(r.X, r.X+r.W, r.Y, 1, line)
		c.HLine(r.X, r.X+r.W, r.Y+r.H, 1, line)
		c.VLine(r.X, r.Y, r.Y+r.H, 1, line)
		c.VLine(r.X+r.W, r.Y, r.Y+r.H, 1, line)
		if len(m.panels) > 1 {
			st := raster.Style{Size: 13, Bold: true, Color: ink}
			c.Text(r.X, r.Y-8, c.Fit(m.panels[k].Title, st, r.W), st)
		}
		m.paintScaleBar(c, r)
		if m.categories != nil {
			m.paintCategories(c, r)
		} else if where.bars[k] {
			m.paintBar(c, g, k, r, table)
		}
	}
	return c.PNG(palette...)
}

// coarse returns the scale with 64 colours instead of 256, each four times,
// so that the still picture's palette has room for all of them beside the
// tissue's.
func coarse(table []color.NRGBA) []color.NRGBA {
	out := make([]color.NRGBA, len(table))
	for i := range out {
		out[i] = table[min(len(table)-1, i/4*4+2)]
	}
	return out
}

// heading draws a figure's title and subtitle.
func heading(c *raster.Canvas, title, subtitle []string, width float64) {
	big := raster.Style{Size: 17, Bold: true, Color: ink}
	small := raster.Style{Size: 13, Color: muted}
	x := float64(stillPad)
	for i, t := range title {
		st := big
		if i > 0 {
			st = raster.Style{Size: 14, Color: muted}
		}
		t = c.Fit(t, st, width-stillPad-x)
		c.Text(x, 20, t, st)
		x += c.Width(t, st) + 10
		if x > width-60 {
			break
		}
	}
	c.Text(stillPad, 39, c.Fit(strings.Join(subtitle, " · "), small, width-2*stillPad), small)
}

func (m *mapSet) paintSpots(c *raster.Canvas, g *mapGene, panel int, r raster.Rect, table []color.NRGBA) {
	s := m.scene
	scale := r.W / (s.box[2] - s.box[0])
	c.Clip(r)
	defer c.Clip(raster.Rect{})
	if s.picture != nil {
		b := s.pictureBox
		c.Picture(s.picture, raster.Rect{X: r.X + scale*(b[0]-s.box[0]), Y: r.Y + scale*(b[1]-s.box[1]),
			W: scale * (b[2] - b[0]), H: scale * (b[3] - b[1])}, m.style.picture)
	}
	lim := m.limitsOf(g, panel)
	radius := s.diameter / 2 * m.style.spotScale * scale
	for pass := range 2 { // grey below the colours
		for i, v := range g.values[panel] {
			missing := !finite(v) || m.style.grey && m.panels[panel].Raw && g.measured != nil && !g.measured[i]
			if missing != (pass == 0) {
				continue
			}
			if m.panels[panel].Ring && g.hidden != nil && g.hidden[i] {
				ring(c, r.X+scale*(s.x[i]-s.box[0]), r.Y+scale*(s.y[i]-s.box[1]), radius)
				continue
			}
			col := fade(grey, 0.75*m.style.spots)
			if !missing {
				t := (v - lim[0]) / (lim[1] - lim[0])
				col = fade(table[int(math.Round(255*math.Min(1, math.Max(0, t))))], m.style.spots)
			}
			c.Disc(r.X+scale*(s.x[i]-s.box[0]), r.Y+scale*(s.y[i]-s.box[1]), radius, col)
		}
	}
}

// ringInk draws the spots whose values are hidden.
var ringInk = color.NRGBA{0x3f, 0x4a, 0x55, 255}

// ring draws an empty spot.
func ring(c *raster.Canvas, x, y, radius float64) {
	const n = 24
	p := make([]raster.Point, n+1)
	for i := range p {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / n)
		p[i] = raster.Point{X: x + (radius-0.4)*cos, Y: y + (radius-0.4)*sin}
	}
	c.Line(p, 0.8, ringInk, 0)
}

// paintCategories draws the list of categories where numbers have a bar.
func (m *mapSet) paintCategories(c *raster.Canvas, r raster.Rect) {
	st := raster.Style{Size: 12, Color: ink, AlignY: 0.5}
	for k, cat := range m.categories {
		y := r.Y + 10 + 20*float64(k)
		c.Disc(r.X+r.W+20, y, 5, rgb(cat.Color))
		c.Text(r.X+r.W+31, y, c.Fit(cat.Name, st, stillWidth-stillPad-r.X-r.W-31), st)
	}
}

// barRoom is the width that the colour bar or the list of categories takes.
func (m *mapSet) barRoom() float64 {
	if m.categories != nil {
		return 2 * barWidth
	}
	return barWidth
}

// paintBar draws the colour bar with its numbers and unit.
func (m *mapSet) paintBar(c *raster.Canvas, g *mapGene, panel int, r raster.Rect, table []color.NRGBA) {
	lim := m.limitsOf(g, panel)
	x, keys := r.X+r.W+12, m.spotKeys(panel)
	length := math.Min(r.H, 260)
	if len(keys) > 0 {
		length = math.Max(40, math.Min(r.H-12-32*float64(len(keys)), 260))
	}
	for i := range 256 {
		c.FillRect(raster.Rect{X: x, Y: r.Y + length*float64(255-i)/256, W: 12, H: length/256 + 0.6}, table[i])
	}
	st := raster.Style{Size: 11, Color: ink, AlignY: 0.5}
	at, step := ticks(lim[0], lim[1], 5)
	widest := 0.0
	for _, v := range at {
		label := format(v, stepDecimals(step))
		widest = math.Max(widest, c.Width(label, st))
		y := r.Y + length*(lim[1]-v)/(lim[1]-lim[0])
		c.HLine(x+12, x+16, y, 1, muted)
		c.Text(x+19, y, label, st)
	}
	unit := raster.Style{Size: 11, Color: muted, AlignX: 0.5, AlignY: 1, Turned: true}
	c.Text(math.Min(x+60, x+25+widest), r.Y+length/2, c.Fit(m.panels[panel].Unit, unit, length), unit)
	for k, key := range keys {
		y := r.Y + length + 22 + 32*float64(k)
		if key.ring {
			ring(c, x+6, y, 5)
		} else {
			c.Disc(x+6, y, 5, grey)
		}
		first, second, two := strings.Cut(key.words, " ")
		if two {
			c.Text(x+17, y-6, c.Fit(first, st, barWidth-18), st)
			c.Text(x+17, y+6, c.Fit(second, st, barWidth-18), st)
		} else {
			c.Text(x+17, y, c.Fit(first, st, barWidth-18), st)
		}
	}
}

// spotKey is a spot below the colour bar that is not on it.
type spotKey struct {
	words string
	ring  bool
}

// spotKeys are those of a panel's bar, or of all panels where they share one.
func (m *mapSet) spotKeys(panel int) []spotKey {
	var keys []spotKey
	for k := range m.panels {
		if (m.style.own || m.mixed()) && k != panel {
			continue
		}
		if m.panels[k].Ring {
			keys = append(keys, spotKey{"hidden", true})
		}
		if g := m.greys(k); g != "" && !slices.Contains(keys, spotKey{g, false}) {
			keys = append(keys, spotKey{g, false})
		}
	}
	return keys
}

// paintScaleBar draws a bar of a round length at the lower left.
func (m *mapSet) paintScaleBar(c *raster.Canvas, r raster.Rect) {
	if !(m.scene.micronsPerPixel > 0) {
		return
	}
	perPixel := m.scene.micronsPerPixel * (m.scene.box[2] - m.scene.box[0]) / r.W
	um, label := scaleBar(r.W / 4 * perPixel)
	length, x, y := um/perPixel, r.X+10, r.Y+r.H-12
	c.FillRect(raster.Rect{X: x - 4, Y: y - 22, W: math.Max(length, 52) + 10, H: 30}, color.NRGBA{255, 255, 255, 210})
	c.FillRect(raster.Rect{X: x, Y: y, W: length, H: 3}, ink)
	c.Text(x, y-5, label, raster.Style{Size: 12, Bold: true, Color: ink})
}

// scaleBar returns the greatest length of 1, 2 or 5 times a power of ten
// micrometres that is at most most, and its label.
func scaleBar(most float64) (um float64, label string) {
	p := math.Pow(10, math.Floor(math.Log10(most)))
	um = p
	for _, k := range []float64{2, 5} {
		if k*p <= most {
			um = k * p
		}
	}
	switch {
	case um >= 1000:
		return um, format(um/1000, 0) + " mm"
	case um < 1:
		return um, format(um, 1) + " µm"
	}
	return um, format(um, 0) + " µm"
}
