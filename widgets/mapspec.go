package widgets

import (
	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/go-echarts/go-echarts/v2/types"
)

// mapSpec is a MapFigure as the runtime reads it: the chart's option, made of
// go-echarts' types, and the spots in columns beside it. (Thousands of spots
// as items of a series would be ten times the size and too slow to redraw.)
type mapSpec struct {
	Kind     string         `json:"kind"`
	Key      string         `json:"key"`
	Title    []string       `json:"title"`
	Subtitle []string       `json:"subtitle"`
	Alt      string         `json:"alt"`
	Option   map[string]any `json:"option"`

	specSlide
	More       []specSlide  `json:"more,omitempty"` // other slides to choose
	Panels     []mapPanel   `json:"panels"`
	Mixed      bool         `json:"mixed,omitempty"` // panels have different colour scales
	Order      string       `json:"order,omitempty"` // of the genes
	HasMask    bool         `json:"hasMask"`
	Categories []legendItem `json:"categories,omitempty"`

	Colors         string `json:"colors"`
	SpotScale      num    `json:"spotScale"`
	SpotOpacity    num    `json:"spotOpacity"`
	PictureOpacity num    `json:"pictureOpacity"`
	OwnScale       bool   `json:"ownScale"`
	Grey           bool   `json:"grey"`
}

// specSlide is one slide: its spots, its picture, and the values of the genes.
type specSlide struct {
	Slide           string     `json:"slide"`
	Box             []num      `json:"box"`
	X               string     `json:"x"` // float32, base64
	Y               string     `json:"y"`
	Barcodes        []string   `json:"barcodes"`
	Diameter        num        `json:"diameter"`
	Pitch           num        `json:"pitch"`
	MicronsPerPixel num        `json:"micronsPerPixel"` // 0 = unknown
	Picture         *specPic   `json:"picture"`
	Genes           []specGene `json:"genes"`
}

type specPic struct {
	Src string `json:"src"`
	Box []num  `json:"box"`
}

type specGene struct {
	Title    []string `json:"title"`
	Subtitle []string `json:"subtitle"`
	Label    string   `json:"label"`
	Search   string   `json:"search"`
	Measured string   `json:"measured,omitempty"` // bitmap, base64
	Hidden   string   `json:"hidden,omitempty"`   // bitmap, base64
	Columns  []column `json:"columns"`
}

func (m *mapSet) spec(bits int, caption string) (*mapSpec, error) {
	spec := &mapSpec{
		Kind: "maps", Title: m.genes[0].title, Subtitle: m.genes[0].subtitle, Alt: firstLine(m.text()) + ". " + caption,
		Option: m.option(), Panels: m.panels, Mixed: m.mixed(), Order: m.order, HasMask: m.mask, Categories: m.categories,
		Colors: m.style.colors, SpotScale: num(m.style.spotScale), SpotOpacity: num(m.style.spots),
		PictureOpacity: num(m.style.picture), OwnScale: m.style.own, Grey: m.style.grey,
	}
	var err error
	if spec.specSlide, err = m.slide(bits); err != nil {
		return nil, err
	}
	for _, other := range m.more {
		s, err := other.slide(bits)
		if err != nil {
			return nil, err
		}
		spec.More = append(spec.More, s)
	}
	return spec, nil
}

// slide is what the page needs of the set's slide.
func (m *mapSet) slide(bits int) (specSlide, error) {
	s := m.scene
	out := specSlide{Slide: clean(s.name), Box: nums(s.box[:]...), X: floats32(s.x), Y: floats32(s.y), Barcodes: cleanAll(s.barcodes),
		Diameter: num(s.diameter), Pitch: num(s.pitch), MicronsPerPixel: num(s.micronsPerPixel)}
	src, err := s.pictureURL()
	if err != nil {
		return out, err
	}
	if src != "" {
		out.Picture = &specPic{Src: src, Box: nums(s.pictureBox[:]...)}
	}
	for k := range m.genes {
		out.Genes = append(out.Genes, m.specOf(&m.genes[k], bits))
	}
	return out, nil
}

func (m *mapSet) specOf(g *mapGene, bits int) specGene {
	out := specGene{Title: g.title, Subtitle: g.subtitle, Label: g.label, Search: g.search}
	if g.measured != nil {
		out.Measured = bitmap(g.measured)
	}
	if g.hidden != nil {
		out.Hidden = bitmap(g.hidden)
	}
	for k, v := range g.values {
		c := encode(v, bits)
		if of := m.panels[k].Of; of > 0 { // the page takes them from there
			c = encode(g.values[of], bits)
			c.Codes = ""
		}
		c.Limits, c.Shared = [2]num{num(g.own[k][0]), num(g.own[k][1])}, [2]num{num(g.shared[k][0]), num(g.shared[k][1])}
		out.Columns = append(out.Columns, c)
	}
	return out
}

// option builds the chart: for each panel a pair of axes in full-resolution
// pixels (y down) and three custom series, picture, spots and frame; two
// zooms that move all panels together. The runtime adds what draws them.
func (m *mapSet) option() map[string]any {
	c := charts.NewCustom()
	c.Tooltip = opts.Tooltip{Show: opts.Bool(false)}
	c.Legend = opts.Legend{Show: opts.Bool(false)}
	c.Animation = opts.Bool(false)
	c.XAxisList, c.YAxisList = nil, nil
	var each []int
	for k, p := range m.panels {
		each = append(each, k)
		spots := 1 + 256 // grey and the colours
		if p.Ring {
			spots++
		}
		c.GridList = append(c.GridList, opts.Grid{})
		c.XAxisList = append(c.XAxisList, opts.XAxis{Type: "value", Show: opts.Bool(false), GridIndex: k,
			Min: num(m.scene.box[0]), Max: num(m.scene.box[2])})
		c.YAxisList = append(c.YAxisList, opts.YAxis{Type: "value", Show: opts.Bool(false), GridIndex: k,
			Min: num(m.scene.box[1]), Max: num(m.scene.box[3]), Inverse: opts.Bool(true)})
		for _, part := range []struct {
			name  string
			items int
		}{{"picture", 1}, {"spots", spots}, {"frame", 1}} {
			c.MultiSeries = append(c.MultiSeries, charts.SingleSeries{
				Name: part.name + " " + p.Title, Type: types.ChartCustom, XAxisIndex: k, YAxisIndex: k, Data: levels(part.items)})
		}
	}
	c.DataZoomList = []opts.DataZoom{
		{Type: "inside", XAxisIndex: each, FilterMode: "none", End: 100},
		{Type: "inside", YAxisIndex: each, FilterMode: "none", End: 100},
	}
	return c.JSON()
}

// levels are the items of a custom series that draws item i as the i-th
// colour; their own values do not matter.
func levels(n int) [][]int {
	out := make([][]int, n)
	for i := range out {
		out[i] = []int{0, 0}
	}
	return out
}
