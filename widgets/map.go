package widgets

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// MapOptions says what Map shows and how. The zero value shows the gene with
// the highest Moran's I, completed as far as the data set has it, on the
// first slide.
type MapOptions struct {
	Slide string // slide name; "" = the first
	Gene  string // symbol or id; "" = the gene with the highest Moran's I
	Layer string // "" = the last of c_t_log1p, c_d_log1p, d_log1p, log1p that there is

	// Values, one for each spot of the data set, are shown instead of a gene
	// where they are set: total counts, errors, cluster scores. NaN = no
	// value. Name and Unit say what they are.
	Values []float64
	Name   string
	Unit   string

	// Categories are shown instead of a gene where they are set: region,
	// cluster or split of each spot of the data set, "" = none (grey). Name
	// says what they are. At most 20 different ones.
	Categories []string

	Title          string     // "" = the gene's symbol and id
	Colors         string     // one of ColorScales; "" = "viridis"
	Limits         [2]float64 // ends of the colour scale; 0, 0 = the 1 % and 99 % quantiles of what is shown
	FullRange      bool       // ends of the colour scale at least and greatest value
	ShowMissing    bool       // colour entries that were not measured (zeros of a raw layer) instead of greying them
	SpotScale      float64    // size of the discs, in true sizes; 0 = 1
	SpotOpacity    float64    // 0 = 1
	PictureOpacity float64    // 0 = 1
	NoPicture      bool
}

// CompareOptions says what Compare shows and how. The zero value shows all
// genes, raw beside completed, on the first slide.
type CompareOptions struct {
	Slide  string   // slide name; "" = the first
	Slides []string // slides that the reader can choose between, instead of Slide; the first is shown at first
	Genes  []string // symbols or ids, in this order; nil = all, highest Moran's I first
	Layers []string // nil = what was measured of the most complete layer there is, and all of it
	Panels []Panel  // maps of other values, instead of Layers

	Title          string // shown before the slide, below the gene's name
	Colors         string // one of ColorScales; "" = "viridis"
	FullRange      bool   // ends of the colour scale at least and greatest value
	OwnScale       bool   // begin with a colour scale for each map of its own
	ShowMissing    bool   // begin with entries that were not measured coloured, not grey
	SpotScale      float64
	SpotOpacity    float64
	PictureOpacity float64
	NoPicture      bool
}

// Panel is one map of Compare that is not simply a layer of the data set.
// Maps of the same unit and colours share a colour scale.
type Panel struct {
	Title  string         // a few words; "" = what the layer is
	Layer  string         // of the data set; "" = Values
	Values blas32.General // [spots][genes] of the data set; NaN = no value
	Unit   string         // "" = that of the layer, of Values that of log1p
	Colors string         // one of ColorScales; "" = that of the figure
	Grey   string         // what a spot without a value is; "" = "not measured"
}

// MapFigure is one or more maps of the same spots.
type MapFigure struct {
	figure
	maps *mapSet
}

// mapSet is the content of a MapFigure.
type mapSet struct {
	scene  *scene
	panels []mapPanel
	genes  []mapGene
	style  mapStyle
	mask   bool // the data set tells what was measured

	categories []legendItem // values are indices into these; nil = values are numbers

	note  string    // begins the caption
	order string    // of the genes, for readers; "" = that of who asked
	more  []*mapSet // other slides to choose, with the same panels and genes
}

// mapPanel is one map.
type mapPanel struct {
	Layer string `json:"-"`
	Title string `json:"title"`
	Unit  string `json:"unit"`
	Raw   bool   `json:"raw"` // only measured entries count
	// Of is the number of the panel, never the first, of whose values this one
	// shows those that were measured; 0 = it has values of its own.
	Of int `json:"of,omitempty"`
	// Truth is the number of the panel, never the first, that has the truth of
	// what this one guesses; 0 = none.
	Truth  int    `json:"truth,omitempty"`
	Ring   bool   `json:"ring,omitempty"`   // hidden entries are empty rings
	Colors string `json:"colors,omitempty"` // of its own
	None   string `json:"none,omitempty"`   // what an entry without a value is
}

// mapSource is a panel with what it shows: a matrix of the data set's shape.
type mapSource struct {
	mapPanel
	data blas32.General
}

// mapGene is one choice of the gene picker.
type mapGene struct {
	title, subtitle []string
	label, search   string
	values          [][]float64 // [panels][spots]
	measured        []bool      // [spots]; nil where there is no mask
	hidden          []bool      // [spots]: measured, but hidden from the methods; nil = nothing is
	own, shared     [][2]float64
}

// mapStyle is what the reader may change with the controls.
type mapStyle struct {
	colors                    string
	spotScale, spots, picture float64
	own, grey, full           bool
	noPicture                 bool
	limits                    [2]float64
}

// Map draws the values of one gene (or Values, or Categories) over the tissue's picture:
// spots as discs of their true size (the slide's spot diameter; 0.55 pitches
// where it has none) at their place in the picture, equal scale in x and y.
// It returns an error where slide, gene, layer or colour scale do not exist
// or the parts of the data set do not fit together.
func Map(ds *spared.Dataset, o MapOptions) (*MapFigure, error) {
	style := mapStyle{colors: o.Colors, spotScale: o.SpotScale, spots: o.SpotOpacity, picture: o.PictureOpacity,
		grey: !o.ShowMissing, full: o.FullRange, noPicture: o.NoPicture, limits: o.Limits}
	m, err := newMaps(ds, o.Slide, style)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Categories != nil:
		err = m.addCategories(ds, o)
	case o.Values != nil:
		err = m.addValues(ds, o)
	default:
		if o.Layer == "" {
			o.Layer = completedLayer(ds)
		}
		genes := []string{o.Gene}
		if o.Gene == "" {
			genes = nil
		}
		var sources []mapSource
		if sources, err = layerSources(ds, []string{o.Layer}); err == nil {
			err = m.addGenes(ds, genes, sources, 1)
		}
	}
	if err != nil {
		return nil, err
	}
	if o.Title != "" {
		m.genes[0].title = []string{clean(o.Title)}
	}
	return m.figure(16)
}

// Compare draws the same spots once for each layer or panel, with one choice of
// gene (and slide), one view and one colour scale for all maps of a unit.
// Everything the controls need is
// inside the figure, so it works without a kernel and on a written page.
// Values are stored in 254 steps per gene and layer (see the caption).
func Compare(ds *spared.Dataset, o CompareOptions) (*MapFigure, error) {
	m, err := compare(ds, o, func(m *mapSet) error { return m.addPanels(ds, o) })
	if err != nil {
		return nil, err
	}
	return m.figure(8)
}

// compare lays out the slides of a comparison; fill adds genes and panels to
// each.
func compare(ds *spared.Dataset, o CompareOptions, fill func(*mapSet) error) (*mapSet, error) {
	slides := o.Slides
	if slides == nil {
		slides = []string{o.Slide}
	}
	var all []*mapSet
	for _, slide := range slides {
		style := mapStyle{colors: o.Colors, spotScale: o.SpotScale, spots: o.SpotOpacity, picture: o.PictureOpacity,
			grey: !o.ShowMissing, own: o.OwnScale, full: o.FullRange, noPicture: o.NoPicture}
		m, err := newMaps(ds, slide, style)
		if err != nil {
			return nil, err
		}
		if err := fill(m); err != nil {
			return nil, err
		}
		if o.Title != "" {
			for i := range m.genes {
				m.genes[i].subtitle = append([]string{clean(o.Title)}, m.genes[i].subtitle...)
			}
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("widgets: no slide to show")
	}
	all[0].more = all[1:]
	return all[0], nil
}

// compareSources are the panels that Compare was asked for.
func compareSources(ds *spared.Dataset, o CompareOptions) ([]mapSource, error) {
	if len(o.Panels) == 0 {
		return layerSources(ds, compareLayers(ds, o))
	}
	out := make([]mapSource, len(o.Panels))
	for k := range o.Panels {
		var err error
		if out[k], err = o.Panels[k].source(ds); err != nil {
			return nil, err
		}
	}
	return out, nil
}

var errNoGenes = errors.New("widgets: the data set has no genes")

// addPanels adds the genes and panels that were asked for.
func (m *mapSet) addPanels(ds *spared.Dataset, o CompareOptions) error {
	if len(ds.Genes) == 0 {
		return errNoGenes
	}
	sources, err := compareSources(ds, o)
	if err != nil {
		return err
	}
	return m.addGenes(ds, o.Genes, sources, 0)
}

// source checks the panel's values and words what it shows.
func (p *Panel) source(ds *spared.Dataset) (s mapSource, err error) {
	if p.Colors != "" {
		if _, err := colorTable(p.Colors); err != nil {
			return s, err
		}
	}
	switch {
	case p.Layer != "":
		of, err := layerSources(ds, []string{p.Layer})
		if err != nil {
			return s, err
		}
		s = of[0]
	default:
		s = mapSource{mapPanel{Title: "values", Unit: ds.Unit(spared.LayerLog), None: "no value"}, p.Values}
		if err := fits(ds, "the values of panel "+strconv.Quote(p.Title), p.Values); err != nil {
			return s, err
		}
	}
	for _, set := range []struct {
		to   *string
		from string
	}{{&s.Title, clean(p.Title)}, {&s.Unit, clean(p.Unit)}, {&s.Colors, p.Colors}, {&s.None, clean(p.Grey)}} {
		if set.from != "" {
			*set.to = set.from
		}
	}
	return s, nil
}

// layerSources are panels of layers.
func layerSources(ds *spared.Dataset, layers []string) ([]mapSource, error) {
	out := make([]mapSource, len(layers))
	for i, layer := range layers {
		p := mapPanel{Layer: layer, Title: layerWords(ds, layer), Raw: rawLayer(layer)}
		if layer == measuredOf {
			p = mapPanel{Layer: layers[i+1], Title: measuredWords(ds, layers[i+1]), Raw: true, Of: i + 1}
		}
		p.Unit = ds.Unit(p.Layer)
		data, err := matrix(ds, p.Layer)
		if err != nil {
			return nil, err
		}
		out[i] = mapSource{p, data}
	}
	return out, nil
}

// measuredOf stands for the measured values of the layer that follows: raw
// beside completed on one scale, where log1p and a batch-corrected layer would
// differ in measured spots too.
const measuredOf = "measured of the next"

func compareLayers(ds *spared.Dataset, o CompareOptions) []string {
	best := completedLayer(ds)
	switch {
	case len(o.Layers) > 0:
		return o.Layers
	case best == spared.LayerLog:
		return []string{best}
	case len(ds.Mask) == 0 || o.ShowMissing:
		return []string{spared.LayerLog, best}
	}
	return []string{measuredOf, best}
}

func newMaps(ds *spared.Dataset, slide string, style mapStyle) (*mapSet, error) {
	if style.colors == "" {
		style.colors = defaultScale
	}
	if _, err := colorTable(style.colors); err != nil {
		return nil, err
	}
	for _, v := range []*float64{&style.spotScale, &style.spots, &style.picture} {
		if *v == 0 {
			*v = 1
		}
		if !(*v > 0) || !finite(*v) {
			return nil, fmt.Errorf("widgets: spot scale and opacities must be above 0, not %g", *v)
		}
	}
	if l := style.limits; l != [2]float64{} && !(l[1] > l[0]) {
		return nil, fmt.Errorf("widgets: colour limits %g, %g: the second must be greater", l[0], l[1])
	}
	s, err := newScene(ds, slide)
	if err != nil {
		return nil, err
	}
	if style.noPicture {
		s.picture = nil
	}
	return &mapSet{scene: s, style: style}, nil
}

// addValues makes the one panel of MapOptions.Values.
func (m *mapSet) addValues(ds *spared.Dataset, o MapOptions) error {
	if len(o.Values) != len(ds.Spots) {
		return fmt.Errorf("widgets: %d values for %d spots", len(o.Values), len(ds.Spots))
	}
	v := make([]float64, len(m.scene.spots))
	for k, i := range m.scene.spots {
		v[k] = o.Values[i]
	}
	title := clean(o.Name)
	if title == "" {
		title = "value"
	}
	m.panels = []mapPanel{{Title: title, Unit: clean(o.Unit)}}
	g := mapGene{title: []string{title}, subtitle: m.where(o.Unit), values: [][]float64{v}}
	m.setLimits(&g)
	m.genes = []mapGene{g}
	return nil
}

// addCategories makes the one panel of MapOptions.Categories, in the order of
// their names.
func (m *mapSet) addCategories(ds *spared.Dataset, o MapOptions) error {
	if len(o.Categories) != len(ds.Spots) {
		return fmt.Errorf("widgets: %d categories for %d spots", len(o.Categories), len(ds.Spots))
	}
	var names []string
	for _, i := range m.scene.spots {
		if c := o.Categories[i]; c != "" && !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	if len(names) == 0 || len(names) > len(series) {
		return fmt.Errorf("widgets: %d different categories: want 1 to %d", len(names), len(series))
	}
	slices.Sort(names)
	for k, name := range names {
		m.categories = append(m.categories, legendItem{Name: clean(name), Color: seriesColor(k)})
	}
	v := make([]float64, len(m.scene.spots))
	for k, i := range m.scene.spots {
		if v[k] = float64(slices.Index(names, o.Categories[i])); v[k] < 0 {
			v[k] = math.NaN()
		}
	}
	title := clean(o.Name)
	if title == "" {
		title = "category"
	}
	m.panels = []mapPanel{{Title: title}}
	// With these limits the colour's number is the category's.
	all := [2]float64{0, 255}
	m.genes = []mapGene{{title: []string{title}, subtitle: m.where(plural(len(names), "category")), values: [][]float64{v}, own: [][2]float64{all}, shared: [][2]float64{all}}}
	return nil
}

// table returns the colours of a panel's values, by their number from 0 to
// 255.
func (m *mapSet) table(panel int) ([]color.NRGBA, error) {
	if m.categories == nil {
		scale := m.style.colors
		if own := m.panels[panel].Colors; own != "" {
			scale = own
		}
		t, err := colorTable(scale)
		return coarse(t), err
	}
	t := make([]color.NRGBA, 256)
	for k := range t {
		t[k] = rgb(seriesColor(k))
	}
	return t, nil
}

// where says which slide is shown, after other words.
func (m *mapSet) where(words ...string) []string {
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, clean(w))
		}
	}
	return append(out, "slide "+isolate(clean(m.scene.name)), plural(len(m.scene.spots), "spot"))
}

// addGenes makes a panel per source and a choice per gene; limit > 0 bounds
// the genes.
func (m *mapSet) addGenes(ds *spared.Dataset, names []string, sources []mapSource, limit int) error {
	genes, err := geneColumns(ds, names)
	if err != nil {
		return err
	}
	if names == nil {
		m.order = "by Moran’s I"
	}
	if len(genes) == 0 {
		return errNoGenes
	}
	if limit > 0 && len(genes) > limit {
		genes = genes[:limit]
	}
	m.mask = len(ds.Mask) != 0
	m.genes = make([]mapGene, len(genes))
	for k, j := range genes {
		m.genes[k] = m.describeGene(ds, j)
	}
	for _, p := range sources {
		m.panels = append(m.panels, p.mapPanel)
		for k, j := range genes {
			v := values(p.data, m.scene.spots, j)
			if p.Of > 0 {
				hide(v, m.genes[k].measured)
			}
			m.genes[k].values = append(m.genes[k].values, v)
		}
	}
	for k := range m.genes {
		if len(m.panels) == 1 {
			m.genes[k].subtitle = append([]string{strings.TrimPrefix(m.panels[0].Unit+", ", ", ") + m.panels[0].Title}, m.genes[k].subtitle...)
		}
		m.setLimits(&m.genes[k])
	}
	return nil
}

// hide takes away the values that were not measured.
func hide(v []float64, measured []bool) {
	for i := range v {
		if !measured[i] {
			v[i] = math.NaN()
		}
	}
}

// geneColumns finds genes by name; nil names are all, highest Moran's I
// first.
func geneColumns(ds *spared.Dataset, names []string) ([]int, error) {
	if names == nil {
		return byMoran(ds), nil
	}
	var out []int
	for _, name := range names {
		j := ds.GeneIndex(name)
		if j < 0 {
			return nil, fmt.Errorf("widgets: no gene %q among the data set's %d", name, len(ds.Genes))
		}
		out = append(out, j)
	}
	return out, nil
}

// describeGene fills in what the figure says about a gene.
func (m *mapSet) describeGene(ds *spared.Dataset, j int) mapGene {
	gene := &ds.Genes[j]
	symbol, id := clean(gene.Symbol), clean(gene.ID)
	title := []string{symbol, id}
	if symbol == "" || symbol == id {
		title = []string{id}
	}
	g := mapGene{title: title, subtitle: m.where(), label: title[0], search: symbol + " " + id}
	if finite(gene.Moran) && gene.Moran != 0 {
		moran := format(gene.Moran, 2)
		g.subtitle = append(g.subtitle, "Moran’s I "+moran)
		g.label += "  (" + moran + ")"
	}
	if m.mask {
		g.measured = measured(ds, m.scene.spots, j)
		g.subtitle = append(g.subtitle, "measured in "+percent(float64(trues(g.measured))/float64(len(g.measured)))+" of spots")
	}
	return g
}

// setLimits finds the ends of the colour scale of each panel and of all that
// share one: those of the same unit and colours. Of a raw layer only measured
// entries count, unless all are shown.
func (m *mapSet) setLimits(g *mapGene) {
	all := map[[2]string][]float64{}
	for k, v := range g.values {
		if m.panels[k].Raw && m.style.grey && g.measured != nil {
			v = only(v, g.measured)
		}
		all[m.panels[k].scale()] = append(all[m.panels[k].scale()], v...)
		lo, hi := limits(v, m.style.full)
		g.own = append(g.own, [2]float64{lo, hi})
	}
	for k := range g.values {
		lo, hi := limits(all[m.panels[k].scale()], m.style.full)
		g.shared = append(g.shared, [2]float64{lo, hi})
		if m.style.limits != [2]float64{} {
			g.own[k], g.shared[k] = m.style.limits, m.style.limits
		}
	}
}

// scale tells panels apart that cannot share a colour scale.
func (p *mapPanel) scale() [2]string { return [2]string{p.Unit, p.Colors} }

// mixed reports whether the panels have more than one colour scale.
func (m *mapSet) mixed() bool {
	for k := range m.panels {
		if m.panels[k].scale() != m.panels[0].scale() {
			return true
		}
	}
	return false
}

// greys says what grey spots of a panel are; "" = it has none.
func (m *mapSet) greys(panel int) string {
	p := &m.panels[panel]
	switch {
	case p.Raw && m.mask && m.style.grey:
		return notMeasured
	case m.categories == nil:
		return p.None
	}
	return ""
}

// figure makes the figure, with columns of 8 or 16 bits.
func (m *mapSet) figure(bits int) (*MapFigure, error) {
	caption := m.caption(bits)
	spec, err := m.spec(bits, caption)
	if err != nil {
		return nil, err
	}
	f := &MapFigure{maps: m}
	f.figure.spec, f.figure.setKey = spec, func(key string) { spec.Key = key }
	f.figure.caption = caption
	f.figure.width = stillWidth
	f.figure.paint = m.paint
	f.figure.text = m.text()
	return f, nil
}

func (m *mapSet) caption(bits int) string {
	var c []string
	if m.note != "" {
		c = append(c, m.note)
	}
	s := m.scene
	disc := "Discs have the size of the spots"
	if m.style.spotScale != 1 {
		disc = "Discs have " + format(m.style.spotScale, 2) + " times the size of the spots"
	}
	switch {
	case s.picture != nil:
		c = append(c, disc+", over the "+s.resolution+" picture.")
	case m.style.noPicture:
		c = append(c, disc+".")
	default:
		c = append(c, disc+". The slide has no picture.")
	}
	switch {
	case m.categories != nil:
		c = append(c, "Grey: in none of them.")
	case m.style.limits != [2]float64{}:
		c = append(c, "Colours end at the limits that were asked for.")
	case m.style.full:
		c = append(c, "Colours run from the least to the greatest value"+m.over()+".")
	default:
		c = append(c, "Colours end at the 1 % and 99 % quantiles of the values shown"+m.over()+".")
	}
	for k := range m.panels {
		if g := m.greys(k); g != "" && (k == 0 || !slices.ContainsFunc(m.panels[:k], func(p mapPanel) bool { return p.None == m.panels[k].None && p.Raw == m.panels[k].Raw })) {
			c = append(c, m.greyWords(k, g))
		}
	}
	if s.micronsPerPixel > 0 {
		c = append(c, "Scale bar from "+s.scaleFrom+".")
	} else {
		c = append(c, "No scale bar: the slide does not tell the size of a pixel.")
	}
	if bits == 8 {
		c = append(c, "Values are stored in 254 steps per gene and layer.")
	}
	return strings.Join(c, " ")
}

func (m *mapSet) over() string {
	if len(m.panels) < 2 {
		return ""
	}
	if m.mixed() {
		return ", of all maps in the same unit together or of each with its own scale"
	}
	return ", of all maps together or of each with its own scale"
}

// greyWords says in the caption what grey is on a panel.
func (m *mapSet) greyWords(panel int, grey string) string {
	switch {
	case grey == notMeasured:
		return "Grey: not measured (no count)."
	case len(m.panels) == 1:
		return "Grey: " + grey + "."
	}
	return "Grey on the map " + isolate(m.panels[panel].Title) + ": " + grey + "."
}

func (m *mapSet) text() string {
	g := &m.genes[0]
	var b strings.Builder
	fmt.Fprintf(&b, "Map of %s: %s\n", strings.Join(g.title, " "), strings.Join(g.subtitle, ", "))
	if len(m.genes) > 1 {
		fmt.Fprintf(&b, "  the first of %d genes\n", len(m.genes))
	}
	for k, c := range m.categories {
		n := 0
		for _, v := range g.values[0] {
			if v == float64(k) {
				n++
			}
		}
		fmt.Fprintf(&b, "  %s: %s\n", c.Name, plural(n, "spot"))
	}
	for k, p := range m.panels {
		if m.categories != nil {
			break
		}
		v := g.values[k]
		which := ""
		if p.Raw && g.measured != nil {
			v, which = only(v, g.measured), " of measured spots"
		}
		lo, mean, hi := summary(v)
		d := decimalsFor(hi - lo)
		fmt.Fprintf(&b, "  %s: least %s, mean %s, greatest %s %s%s; colours from %s to %s\n", p.Title,
			format(lo, d), format(mean, d), format(hi, d), p.Unit, which, format(m.limitsOf(g, k)[0], d), format(m.limitsOf(g, k)[1], d))
	}
	return strings.TrimRight(b.String(), "\n")
}

func (m *mapSet) limitsOf(g *mapGene, panel int) [2]float64 {
	if m.style.own {
		return g.own[panel]
	}
	return g.shared[panel]
}

// summary returns least, mean and greatest of the finite values; NaN for none.
func summary(v []float64) (lo, mean, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	n := 0
	for _, x := range v {
		if finite(x) {
			lo, hi, mean, n = math.Min(lo, x), math.Max(hi, x), mean+x, n+1
		}
	}
	if n == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	return lo, mean / float64(n), hi
}
