package widgets

import (
	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/go-echarts/go-echarts/v2/types"
)

// plotSpec is a plot as the runtime reads it: the chart's option, made of
// go-echarts' types, and beside it what ECharts would need functions for.
type plotSpec struct {
	Kind     string         `json:"kind"`
	Key      string         `json:"key"`
	Title    []string       `json:"title"`
	Subtitle []string       `json:"subtitle"`
	Alt      string         `json:"alt"`
	Option   map[string]any `json:"option"`
	Height   num            `json:"height"`
	Panels   []specPanel    `json:"panels"`
	Series   []specSeries   `json:"series"`
	Legend   []legendItem   `json:"legend"`
	Across   int            `json:"across,omitempty"`

	Caption  string      `json:"caption,omitempty"` // of a choice
	Name     string      `json:"name,omitempty"`    // of a choice
	ChoiceOf string      `json:"choiceOf,omitempty"`
	Choices  []*plotSpec `json:"choices,omitempty"` // the others
}

type specPanel struct {
	X      specAxis `json:"x"`
	Y      specAxis `json:"y"`
	Margin []num    `json:"margin"`
	Weight num      `json:"weight"`
	Square bool     `json:"square,omitempty"`

	Together bool `json:"together,omitempty"`
}

type specAxis struct {
	Label    string   `json:"label"`
	At       []num    `json:"at"` // ticks
	Texts    []string `json:"texts"`
	Decimals int      `json:"decimals"`
	Pow10    bool     `json:"pow10,omitempty"`
	Named    bool     `json:"named,omitempty"` // the ticks are names, not numbers
	Turned   bool     `json:"turned,omitempty"`
}

type specSeries struct {
	Panel      int        `json:"panel"`
	Name       string     `json:"name"`
	Render     string     `json:"render,omitempty"` // what draws a custom series
	Color      string     `json:"color"`
	Colors     []string   `json:"colors,omitempty"`
	Opacity    num        `json:"opacity"`
	Gap        num        `json:"gap,omitempty"`
	Horizontal bool       `json:"horizontal,omitempty"`
	Silent     bool       `json:"silent,omitempty"`
	Polys      [][]num    `json:"polys,omitempty"`
	Tips       [][]string `json:"tips,omitempty"`
	Counts     []int      `json:"counts,omitempty"`
	Texts      []label    `json:"texts,omitempty"`
	Says       []string   `json:"says,omitempty"`
	Bare       bool       `json:"bare,omitempty"`
}

var renders = map[kind]string{rectKind: "rect", polyKind: "poly", errorKind: "error", boxKind: "box", textKind: "text"}

func (p *plot) spec() *plotSpec {
	s := &plotSpec{Kind: "plot", Title: p.title, Subtitle: p.subtitle, Alt: clean(firstLine(p.text)) + ". " + p.caption,
		Option: p.option(), Height: num(p.height), Legend: p.legend, Across: p.across, Name: p.choiceName, ChoiceOf: p.choiceOf}
	for i := range p.panels {
		q := &p.panels[i]
		m := q.margins()
		s.Panels = append(s.Panels, specPanel{X: q.x.spec(), Y: q.y.spec(), Margin: nums(m[:]...), Weight: num(max(q.weight, 0.01)), Square: q.square, Together: q.together})
		for k := range q.marks {
			s.Series = append(s.Series, q.marks[k].spec(i))
		}
	}
	if p.choices != nil {
		s.Caption = p.caption
	}
	for _, c := range p.choices {
		if c != p {
			other := c.spec()
			other.Caption = c.caption
			s.Choices = append(s.Choices, other)
		}
	}
	return s
}

func (s *scale) spec() specAxis {
	out := specAxis{Label: s.label, At: []num{}, Texts: []string{}, Decimals: s.decimals(), Pow10: s.pow10, Named: s.categories != nil, Turned: s.turned}
	for _, t := range s.ticks() {
		out.At, out.Texts = append(out.At, num(t.at)), append(out.Texts, t.text)
	}
	return out
}

func (m *mark) spec(panel int) specSeries {
	s := specSeries{Panel: panel, Name: m.name, Render: renders[m.kind], Color: m.color, Colors: m.colors, Opacity: num(m.alpha()),
		Gap: num(m.gap), Horizontal: m.sideways, Silent: m.silent, Tips: m.tips, Counts: m.counts, Texts: m.texts, Says: m.says, Bare: m.bare}
	if m.kind == polyKind {
		for _, item := range m.items {
			s.Polys = append(s.Polys, nums(item...))
		}
	}
	return s
}

// option builds the chart: a pair of axes per panel and a series per mark.
func (p *plot) option() map[string]any {
	c := charts.NewLine()
	c.Animation = opts.Bool(false)
	c.Legend = opts.Legend{Show: opts.Bool(false)}
	c.Tooltip = opts.Tooltip{Show: opts.Bool(true), Trigger: "item"}
	c.XAxisList, c.YAxisList = nil, nil
	for i := range p.panels {
		q := &p.panels[i]
		c.GridList = append(c.GridList, opts.Grid{})
		c.XAxisList = append(c.XAxisList, q.x.horizontal(i, q.margins()[2]))
		c.YAxisList = append(c.YAxisList, q.y.vertical(i, q.margins()[3], q.lefty))
		for k := range q.marks {
			c.MultiSeries = append(c.MultiSeries, q.marks[k].series(i))
		}
	}
	return c.JSON()
}

const (
	hexInk   = "#1f2933"
	hexMuted = "#61707f"
	hexLine  = "#e6eaee"
	hexAxis  = "#b8c0c8"
)

func axisLabel(turned bool) *opts.AxisLabel {
	l := &opts.AxisLabel{Color: hexInk, FontSize: 12, HideOverlap: opts.Bool(true)}
	if turned {
		l.Rotate = 90
	}
	return l
}

func (s *scale) horizontal(i int, bottom float64) opts.XAxis {
	return opts.XAxis{
		Type: "value", GridIndex: i, Min: num(s.min), Max: num(s.max), Name: s.label, NameLocation: "middle", NameGap: int(bottom - 18),
		Inverse:   opts.Bool(s.inverse),
		SplitLine: &opts.SplitLine{Show: opts.Bool(s.categories == nil), LineStyle: &opts.LineStyle{Color: hexLine}},
		AxisLine:  &opts.AxisLine{Show: opts.Bool(true), OnZero: opts.Bool(false), LineStyle: &opts.LineStyle{Color: hexAxis}},
		AxisTick:  &opts.AxisTick{Show: opts.Bool(s.categories == nil)},
		AxisLabel: axisLabel(s.turned),
	}
}

func (s *scale) vertical(i int, left float64, bare bool) opts.YAxis {
	y := opts.YAxis{
		Type: "value", GridIndex: i, Min: num(s.min), Max: num(s.max), Name: s.label, NameLocation: "middle", NameGap: int(left - 18),
		Inverse:   opts.Bool(s.inverse),
		SplitLine: &opts.SplitLine{Show: opts.Bool(s.categories == nil), LineStyle: &opts.LineStyle{Color: hexLine}},
		AxisLine:  &opts.AxisLine{Show: opts.Bool(s.categories != nil), OnZero: opts.Bool(false), LineStyle: &opts.LineStyle{Color: hexAxis}},
		AxisLabel: axisLabel(false),
	}
	if bare {
		y.AxisLabel.Show = opts.Bool(false)
	}
	return y
}

// series makes the mark's series: native ones for lines and points, custom
// ones, drawn by the runtime, for the rest.
func (m *mark) series(panel int) charts.SingleSeries {
	s := charts.SingleSeries{Name: m.name, Type: types.ChartCustom, XAxisIndex: panel, YAxisIndex: panel, Color: m.color}
	switch m.kind {
	case lineKind:
		s.Type = types.ChartLine
		s.ShowSymbol = opts.Bool(m.dots)
		s.Symbol, s.SymbolSize = "circle", 5
		s.LineStyle = &opts.LineStyle{Width: float32(m.size), Opacity: types.Float(opts.Float(float32(m.alpha())))}
		if m.dashed {
			s.LineStyle.Type = "dashed"
		}
	case pointKind:
		s.Type = types.ChartScatter
		s.SymbolSize = m.size
		s.ItemStyle = &opts.ItemStyle{Opacity: types.Float(opts.Float(float32(m.alpha())))}
	}
	data := make([][]num, len(m.items))
	for i, item := range m.items {
		if m.kind == polyKind && len(item) > 2 {
			item = item[:2] // the rest is with the runtime
		}
		data[i] = nums(item...)
	}
	s.Data = data
	return s
}
