package widgets

import (
	"image/color"
	"math"

	"github.com/spatialgo/spatialgo/widgets/internal/raster"
)

// frame is one panel on the canvas.
type frame struct {
	*panel
	area raster.Rect
}

func (f *frame) px(x float64) float64 {
	t := (x - f.x.min) / (f.x.max - f.x.min)
	if f.x.inverse {
		t = 1 - t
	}
	return f.area.X + t*f.area.W
}

func (f *frame) py(y float64) float64 {
	t := (y - f.y.min) / (f.y.max - f.y.min)
	if f.y.inverse {
		t = 1 - t
	}
	return f.area.Y + (1-t)*f.area.H
}

func (f *frame) at(x, y float64) raster.Point { return raster.Point{X: f.px(x), Y: f.py(y)} }

// paint draws the still picture of the plot.
func (p *plot) paint() ([]byte, error) {
	top := float64(headHeight)
	if len(p.subtitle) == 0 {
		top -= 16
	}
	if len(p.legend) > 1 {
		top += 22
	}
	across := p.across
	if across == 0 {
		across = len(p.panels)
	}
	rows := (len(p.panels) + across - 1) / max(1, across)
	c := raster.New(stillWidth, top+float64(rows)*p.height+stillPad/2, 2)
	heading(c, p.title, p.subtitle, stillWidth)
	if len(p.legend) > 1 {
		p.paintLegend(c, top-12)
	}
	total := 0.0
	for i := range p.panels[:min(across, len(p.panels))] {
		total += max(p.panels[i].weight, 0.01)
	}
	x := 0.0
	for i := range p.panels {
		q := &p.panels[i]
		if i > 0 && i%across == 0 {
			x, top = 0, top+p.height
		}
		w, m := stillWidth*max(q.weight, 0.01)/total, q.margins()
		f := &frame{panel: q, area: raster.Rect{X: x + m[3], Y: top + m[0], W: w - m[1] - m[3], H: p.height - m[0] - m[2]}}
		if q.square {
			f.area.W = math.Min(f.area.W, f.area.H)
			f.area.H = f.area.W
		}
		f.paintAxes(c, m)
		c.Clip(f.area.Inset(-1))
		for k := range q.marks {
			if q.marks[k].kind == textKind {
				c.Clip(raster.Rect{})
			}
			f.paintMark(c, &q.marks[k])
		}
		c.Clip(raster.Rect{})
		x += w
	}
	return c.PNG()
}

func (p *plot) paintLegend(c *raster.Canvas, y float64) {
	st := raster.Style{Size: 12, Color: ink, AlignY: 0.5}
	x := float64(stillPad)
	for _, item := range p.legend {
		name := c.Fit(item.Name, st, math.Max(110, (stillWidth-2*stillPad)/float64(len(p.legend))-39))
		if x+30+c.Width(name, st) > stillWidth {
			c.Text(x, y, "…", st)
			return
		}
		switch {
		case item.Line && item.Dashed:
			c.Line([]raster.Point{{X: x, Y: y}, {X: x + 16, Y: y}}, 2, rgb(item.Color), 4)
		case item.Line:
			c.FillRect(raster.Rect{X: x, Y: y - 1.5, W: 16, H: 3}, rgb(item.Color))
		default:
			c.FillRect(raster.Rect{X: x, Y: y - 5, W: 14, H: 10}, rgb(item.Color))
		}
		c.Text(x+21, y, name, st)
		x += 21 + c.Width(name, st) + 18
	}
}

func (f *frame) paintAxes(c *raster.Canvas, margin [4]float64) {
	a, quiet := f.area, rgb(hexLine)
	st := raster.Style{Size: 12, Color: ink}
	for _, t := range f.y.ticks() {
		y := f.py(t.at)
		if f.y.categories == nil {
			c.HLine(a.X, a.X+a.W, y, 1, quiet)
		}
		if !f.lefty {
			s := st
			s.AlignX, s.AlignY = 1, 0.5
			c.Text(a.X-8, y, c.Fit(t.text, s, 190), s)
		}
	}
	last := math.Inf(-1)
	for _, t := range f.x.ticks() {
		x := f.px(t.at)
		if f.x.categories == nil {
			c.VLine(x, a.Y, a.Y+a.H, 1, quiet)
		}
		if f.x.turned {
			s := st
			s.AlignX, s.AlignY, s.Turned = 1, 0.5, true
			c.Text(x, a.Y+a.H+8, c.Fit(t.text, s, 110), s)
			continue
		}
		s := st
		s.AlignX, s.AlignY = 0.5, 1
		text := t.text
		if f.x.categories != nil {
			text = c.Fit(text, s, a.W/float64(len(f.x.categories))-6)
		}
		if half := c.Width(text, s) / 2; x-half > last {
			c.Text(x, a.Y+a.H+9, text, s)
			last = x + half + 4
		}
	}
	c.HLine(a.X, a.X+a.W, a.Y+a.H, 1, axis)
	if f.y.categories != nil {
		c.VLine(a.X, a.Y, a.Y+a.H, 1, axis)
	}
	s := raster.Style{Size: 12, Color: muted, AlignX: 0.5}
	c.Text(a.X+a.W/2, a.Y+a.H+margin[2]-8, c.Fit(f.x.label, s, a.W), s)
	s.Turned, s.AlignY = true, 1
	c.Text(a.X-margin[3]+6, a.Y+a.H/2, c.Fit(f.y.label, s, a.H), s)
}

func (f *frame) paintMark(c *raster.Canvas, m *mark) {
	switch m.kind {
	case lineKind:
		f.paintLine(c, m)
	case pointKind:
		col := fade(rgb(m.color), m.alpha())
		for i, it := range m.items {
			if m.colors != nil {
				col = fade(rgb(m.colors[i]), m.alpha())
			}
			if finite(it[0]) && finite(it[1]) {
				c.Disc(f.px(it[0]), f.py(it[1]), m.size/2, col)
			}
		}
	case rectKind:
		f.paintRects(c, m)
	case polyKind:
		f.paintPolygons(c, m)
	case errorKind:
		for _, it := range m.items {
			f.paintError(c, it, m.sideways)
		}
	case boxKind:
		for _, it := range m.items {
			f.paintBox(c, it)
		}
	case textKind:
		f.paintTexts(c, m)
	}
}

func (f *frame) paintLine(c *raster.Canvas, m *mark) {
	dash := 0.0
	if m.dashed {
		dash = 5
	}
	var run []raster.Point
	flush := func() {
		c.Line(run, m.size, fade(rgb(m.color), m.alpha()), dash)
		run = nil
	}
	for _, it := range m.items {
		if finite(it[0]) && finite(it[1]) {
			run = append(run, f.at(it[0], it[1]))
		} else {
			flush()
		}
	}
	flush()
	if m.dots {
		for _, it := range m.items {
			if finite(it[0]) && finite(it[1]) {
				c.Disc(f.px(it[0]), f.py(it[1]), 2.5, rgb(m.color))
			}
		}
	}
}

func (f *frame) paintRects(c *raster.Canvas, m *mark) {
	for i, it := range m.items {
		col := m.color
		if m.colors != nil {
			col = m.colors[i]
		}
		x0, x1, y0, y1 := f.px(it[0]), f.px(it[1]), f.py(it[2]), f.py(it[3])
		c.FillRect(raster.Rect{X: math.Min(x0, x1), Y: math.Min(y0, y1), W: math.Max(0.5, math.Abs(x1-x0)-m.gap), H: math.Abs(y1 - y0)},
			fade(rgb(col), m.alpha()))
	}
}

func (f *frame) paintPolygons(c *raster.Canvas, m *mark) {
	for _, it := range m.items {
		var pts []raster.Point
		for k := 0; k+1 < len(it); k += 2 {
			pts = append(pts, f.at(it[k], it[k+1]))
		}
		c.Fill(pts, fade(rgb(m.color), m.alpha()))
		if len(pts) > 0 && !m.bare {
			c.Line(append(pts, pts[0]), 1, rgb(m.color), 0)
		}
	}
}

func (f *frame) paintError(c *raster.Canvas, it []float64, sideways bool) {
	if sideways {
		y, a, b := f.py(it[0]), f.px(it[1]), f.px(it[2])
		c.HLine(a, b, y, 1.2, ink)
		c.VLine(a, y-4, y+4, 1.2, ink)
		c.VLine(b, y-4, y+4, 1.2, ink)
		return
	}
	x, a, b := f.px(it[0]), f.py(it[1]), f.py(it[2])
	c.VLine(x, a, b, 1.2, ink)
	c.HLine(x-4, x+4, a, 1.2, ink)
	c.HLine(x-4, x+4, b, 1.2, ink)
}

func (f *frame) paintBox(c *raster.Canvas, it []float64) {
	x := f.px(it[0])
	half := math.Max(2, math.Min(5, math.Abs(f.px(it[0]+it[6])-x)))
	c.VLine(x, f.py(it[1]), f.py(it[5]), 1, ink)
	c.FillRect(raster.Rect{X: x - half, Y: f.py(it[4]), W: 2 * half, H: f.py(it[2]) - f.py(it[4])}, ink)
	r := math.Min(3, half+1)
	c.Disc(x, f.py(it[3]), r+0.5, ink)
	c.Disc(x, f.py(it[3]), r-0.5, color.White)
}

func (f *frame) paintTexts(c *raster.Canvas, m *mark) {
	for i, it := range m.items {
		t := m.texts[i]
		st := raster.Style{Size: 12, Color: muted, AlignY: 0.5, AlignX: map[string]float64{"center": 0.5, "right": 1}[t.Align]}
		if t.Color != "" {
			st.Color = rgb(t.Color)
		}
		width := 220.0
		if t.Bold {
			st.Size, st.Bold = 13, true
		}
		if t.Wide {
			width = f.area.W
		}
		c.Text(f.px(it[0])+t.DX, f.py(it[1])+t.DY, c.Fit(t.Text, st, width), st)
	}
}
