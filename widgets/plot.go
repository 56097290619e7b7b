package widgets

import (
	"math"
	"strings"
)

// A plot is a figure with axes, described once and drawn twice: by ECharts in
// the page (plotspec.go) and into the still picture (plotpng.go).
type plot struct {
	title    []string
	subtitle []string
	caption  string
	text     string
	extra    string // HTML below the caption, made by this package
	panels   []panel
	height   float64 // CSS pixels of the drawing area
	legend   []legendItem
	across   int // panels in a row of a wide page; 0 = all

	// choices are plots that a list of names lets the reader see instead of
	// this one, itself the first of them; nil = there is no choice. Their names
	// are what choiceOf is one of.
	choices    []*plot
	choiceOf   string
	choiceName string
}

// legendItem names a colour; series of that name can be switched off.
type legendItem struct {
	Name   string `json:"name"`
	Color  string `json:"color"`
	Line   bool   `json:"line,omitempty"`
	Dashed bool   `json:"dashed,omitempty"`
}

// panel is one pair of axes with marks.
type panel struct {
	x, y   scale
	marks  []mark
	weight float64 // share of the width beside other panels
	square bool    // x and y axes of equal length
	lefty  bool    // no labels at the y axis

	head, note string // two lines above the panel; "" = none
	together   bool   // the tooltip lists all lines at the mouse's x
}

// scale is one axis.
type scale struct {
	label      string
	min, max   float64
	step       float64  // distance of ticks
	pow10      bool     // values are powers of ten: the label of 3 is 1,000
	categories []string // names of the places 0, 1, ...; nil for numbers
	inverse    bool
	turned     bool // names read upwards
}

// kind is what a mark is drawn as.
type kind int

const (
	lineKind  kind = iota // points joined: x, y
	pointKind             // discs: x, y
	rectKind              // x0, x1, y0, y1
	polyKind              // one polygon per item: x0, y0, x1, y1, ...
	errorKind             // position, low, high
	boxKind               // x, least, quartile, median, quartile, greatest, half width
	textKind              // x, y
)

// mark is one layer of a panel.
type mark struct {
	kind     kind
	name     string // in the legend and the tooltip
	items    [][]float64
	color    string
	colors   []string // one per item instead of color
	opacity  float64  // 0 = 1
	size     float64  // width of a line, diameter of a point, CSS pixels
	dashed   bool
	dots     bool       // discs at the vertices of a line
	silent   bool       // no tooltip
	sideways bool       // error bars along x
	gap      float64    // CSS pixels between rectangles
	tips     [][]string // per item: a heading, then "label\tvalue" or a sentence
	counts   []int      // per rectangle: pairs in it; the page words the tooltip
	says     []string   // per vertex: its value in the tooltip that lists all lines
	bare     bool       // polygons without an outline
	texts    []label
}

// label is a text at a point of a textKind mark.
type label struct {
	Text  string  `json:"text"`
	DX    float64 `json:"dx"`
	DY    float64 `json:"dy"`
	Align string  `json:"align"` // left, center or right
	Color string  `json:"color,omitempty"`
	Bold  bool    `json:"bold,omitempty"`
	Wide  bool    `json:"wide,omitempty"` // as wide as the panel
}

func (m *mark) alpha() float64 {
	if m.opacity == 0 {
		return 1
	}
	return m.opacity
}

// numeric makes an axis for values from lo to hi, widened to round numbers.
func numeric(label string, lo, hi float64) scale { return numericTicks(label, lo, hi, 6) }

// numericTicks is numeric with about n ticks.
func numericTicks(label string, lo, hi float64, n int) scale {
	lo, hi, step := nice(lo, hi, n)
	return scale{label: label, min: lo, max: hi, step: step}
}

// categories makes an axis of names.
func categories(label string, names []string) scale {
	return scale{label: label, min: -0.5, max: float64(len(names)) - 0.5, step: 1, categories: cleanAll(names)}
}

func (s *scale) decimals() int { return stepDecimals(s.step) }

// tick is one labelled place of an axis.
type tick struct {
	at   float64
	text string
}

func (s *scale) ticks() []tick {
	var out []tick
	switch {
	case s.categories != nil:
		for i, c := range s.categories {
			out = append(out, tick{float64(i), c})
		}
		return out
	case s.pow10:
		return powerTicks(s.min, s.max)
	case !(s.step > 0):
		return out
	}
	for k := math.Ceil(s.min/s.step - 1e-9); k*s.step <= s.max+1e-9*s.step; k++ {
		v := k * s.step
		out = append(out, tick{v, format(v, s.decimals())})
	}
	return out
}

// powerTicks returns the ticks of a logarithmic axis from 10^lo to 10^hi:
// powers of ten, with 2 and 5 times these where there are few.
func powerTicks(lo, hi float64) []tick {
	var out []tick
	factors := []float64{1}
	switch {
	case hi-lo < 0.9:
		factors = []float64{1, 2, 3, 4, 5, 6, 8}
	case hi-lo < 2.5:
		factors = []float64{1, 2, 5}
	}
	every := math.Max(1, math.Ceil((hi-lo)/8))
	for k := math.Floor(lo); k <= hi; k++ {
		for _, f := range factors {
			v := k + math.Log10(f)
			if v >= lo-1e-9 && v <= hi+1e-9 && math.Mod(k, every) == 0 {
				out = append(out, tick{v, format(f*math.Pow(10, k), max(0, -int(k)))})
			}
		}
	}
	return out
}

// letter is about the width of one character of 12 pixel type.
const letter = 6.7

func (s *scale) widest() float64 {
	n := 0
	for _, t := range s.ticks() {
		n = max(n, len([]rune(t.text)))
	}
	return letter * float64(n)
}

// margins returns the room around a panel's drawing area: top, right, bottom,
// left, in CSS pixels.
func (p *panel) margins() [4]float64 {
	m := [4]float64{12, 18, 30, 14}
	if p.head != "" || p.note != "" {
		m[0] = 46
	}
	if p.x.categories != nil && p.x.widest() == 0 {
		m[2] = 10
	}
	if p.x.turned {
		m[2] = 14 + math.Min(110, p.x.widest()) + 6
	}
	if p.x.label != "" {
		m[2] += 22
	}
	if !p.lefty {
		m[3] += math.Min(190, p.y.widest())
		if p.y.categories != nil {
			m[3] += 6
		}
	}
	if p.y.label != "" {
		m[3] += 24
	}
	return m
}

// figure makes the figure that the plot describes.
func (p *plot) figure() *PlotFigure {
	p.tidy()
	for _, c := range p.choices {
		if c != p {
			c.tidy()
		}
	}
	spec := p.spec()
	f := &PlotFigure{}
	f.figure.spec, f.figure.setKey = spec, func(key string) { spec.Key = key }
	f.figure.caption, f.figure.extra = p.caption, p.extra
	f.figure.width = stillWidth
	f.figure.paint = p.paint
	f.figure.text = strings.TrimRight(p.text, "\n")
	return f
}

// choose makes plots that are seen one at a time into one, the first.
func choose(of string, plots []*plot) *plot {
	p := plots[0]
	p.choiceOf = of
	if len(plots) > 1 {
		p.choices = plots
	}
	return p
}

// headings writes the two lines above a panel.
func (p *panel) headings() mark {
	y := p.y.max
	if p.y.inverse {
		y = p.y.min
	}
	m := mark{kind: textKind, silent: true}
	for _, l := range []label{{Text: p.head, DY: -28, Bold: true, Color: hexInk}, {Text: p.note, DY: -11}} {
		if l.Text != "" {
			l.Align, l.Wide = "left", true
			m.items, m.texts = append(m.items, []float64{p.x.min, y}), append(m.texts, l)
		}
	}
	return m
}

// tidy cleans all text of the plot and adds what its panels say above.
func (p *plot) tidy() {
	p.title, p.subtitle, p.caption = cleanAll(p.title), cleanAll(p.subtitle), clean(p.caption)
	p.choiceName = clean(p.choiceName)
	for i := range p.panels {
		q := &p.panels[i]
		q.x.label, q.y.label = clean(q.x.label), clean(q.y.label)
		if h := q.headings(); len(h.items) > 0 {
			q.marks = append(q.marks, h)
		}
		for k := range q.marks {
			q.marks[k].tidy()
		}
	}
	for i := range p.legend {
		p.legend[i].Name = clean(p.legend[i].Name)
	}
}

// tidy cleans names and texts from data.
func (m *mark) tidy() {
	m.name = clean(m.name)
	for i := range m.says {
		m.says[i] = clean(m.says[i])
	}
	for i := range m.tips {
		for k, t := range m.tips[i] {
			before, after, cut := strings.Cut(t, "\t")
			m.tips[i][k] = clean(before)
			if cut {
				m.tips[i][k] += "\t" + clean(after)
			}
		}
	}
	for i := range m.texts {
		m.texts[i].Text = clean(m.texts[i].Text)
	}
}

// PlotFigure is a figure with axes: violins, scores, scatter, histogram,
// lines.
type PlotFigure struct{ figure }
