package widgets

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// hiddenGenes is how many genes HiddenMaps shows where none are asked for.
const hiddenGenes = 24

// HiddenMaps shows what methods made of values that were hidden from them (the
// maps of the paper's Figures 4 and 5): a map of what was left to see, with the
// hidden spots as empty rings, one of each method's completion, and one of the
// truth, all on one colour scale. hidden tells which entries of the data set,
// [spots][genes] row-major as its mask, were hidden; truth is the layer log1p.
// Of a method, values of spots that were not hidden do not matter where they
// were measured: the measured value is shown. Pointing at a spot gives its
// barcode, all values, and by how much each method was off.
//
// Genes and slides can be picked without a kernel: by default the 24 with the
// highest Moran's I among the genes of which something is hidden, on the slides
// where that is. Above the maps stands the error on the gene's hidden spots.
// Layers and panels of o are not used.
func HiddenMaps(ds *spared.Dataset, hidden []bool, methods []Panel, o CompareOptions) (*MapFigure, error) {
	h := &hiddenMaps{ds: ds, hidden: hidden}
	if err := h.read(methods); err != nil {
		return nil, err
	}
	if o.Slides == nil && o.Slide == "" {
		o.Slides = h.slides()
	}
	order := ""
	if o.Genes == nil {
		order = "by Moran’s I"
		if o.Genes = h.genes(); len(o.Genes) > hiddenGenes {
			o.Genes = o.Genes[:hiddenGenes]
		}
	}
	o = readable(o)
	m, err := compare(ds, o, func(m *mapSet) error { m.order = order; return h.fill(m, o.Genes) })
	if err != nil {
		return nil, err
	}
	m.note = "Rings: values that were measured but hidden from the methods, which filled them in from all that is seen on the first map. The nearer a method’s map is to the truth, the better. Truth: what was measured, and on the methods’ maps too where nothing was hidden."
	return m.figure(8)
}

// readable is for maps that are small or whose colours are to be compared: a
// faint picture, and where nothing else was asked for discs that nearly touch.
func readable(o CompareOptions) CompareOptions {
	if o.PictureOpacity == 0 {
		o.PictureOpacity = 0.35
	}
	if o.SpotScale == 0 {
		o.SpotScale = 1.5
	}
	return o
}

// hiddenMaps is what HiddenMaps was given.
type hiddenMaps struct {
	ds      *spared.Dataset
	hidden  []bool
	truth   mapSource
	sources []mapSource
}

// read makes the panels.
func (h *hiddenMaps) read(methods []Panel) error {
	ds := h.ds
	if ds == nil || len(ds.Mask) != len(ds.Spots)*len(ds.Genes) || len(ds.Mask) == 0 {
		return fmt.Errorf("widgets: hidden maps: the data set does not tell what was measured")
	}
	spots, genes := ds.N()
	if len(h.hidden) != len(ds.Mask) {
		return fmt.Errorf("widgets: hidden maps: %d flags of what is hidden for %d spots and %d genes", len(h.hidden), spots, genes)
	}
	if len(methods) == 0 {
		return fmt.Errorf("widgets: hidden maps: no method")
	}
	layer, err := layerSources(ds, []string{spared.LayerLog})
	if err != nil {
		return err
	}
	h.truth = layer[0]
	h.truth.Title = "truth"
	last := len(methods) + 1
	seen := h.truth
	seen.Title, seen.Of, seen.Ring = "what the methods saw", last, true
	h.sources = []mapSource{seen}
	for k := range methods {
		s, err := methods[k].source(ds)
		if err != nil {
			return err
		}
		s.Raw, s.Truth, s.Unit, s.None, s.data = false, last, h.truth.Unit, "", h.keepMeasured(s.data)
		if slices.ContainsFunc(s.data.Data, func(v float32) bool { return !finite(float64(v)) }) {
			s.None = "no value"
		}
		h.sources = append(h.sources, s)
	}
	h.sources = append(h.sources, h.truth)
	return nil
}

// keepMeasured returns a method's values with the truth where it was seen.
func (h *hiddenMaps) keepMeasured(m blas32.General) blas32.General {
	spots, genes := h.ds.N()
	out := blas32.General{Rows: spots, Cols: genes, Stride: genes, Data: make([]float32, spots*genes)}
	for i := range spots {
		copy(out.Data[i*genes:(i+1)*genes], m.Data[i*m.Stride:])
		for j := range genes {
			if k := i*genes + j; h.ds.Mask[k] && !h.hidden[k] {
				out.Data[k] = h.truth.data.Data[i*h.truth.data.Stride+j]
			}
		}
	}
	return out
}

// slides are those with hidden entries, in the data set's order.
func (h *hiddenMaps) slides() []string {
	var out []string
	genes := len(h.ds.Genes)
	for k := range h.ds.Sections {
		for _, i := range h.ds.SpotsOf(k) {
			if slices.Contains(h.hidden[i*genes:(i+1)*genes], true) {
				out = append(out, h.ds.Sections[k].Name)
				break
			}
		}
	}
	if out == nil {
		return []string{""}
	}
	return out
}

// genes are those with hidden entries, highest Moran's I first.
func (h *hiddenMaps) genes() []string {
	var out []string
	genes := len(h.ds.Genes)
	for _, j := range byMoran(h.ds) {
		for k := j; k < len(h.hidden); k += genes {
			if h.hidden[k] {
				out = append(out, h.ds.Genes[j].ID)
				break
			}
		}
	}
	return out
}

// fill adds the panels of one slide, what of it is hidden, and the errors.
func (h *hiddenMaps) fill(m *mapSet, names []string) error {
	if err := m.addGenes(h.ds, names, h.sources, 0); err != nil {
		return err
	}
	columns, err := geneColumns(h.ds, names)
	if err != nil {
		return err
	}
	for k, j := range columns {
		g := &m.genes[k]
		g.hidden = make([]bool, len(m.scene.spots))
		for t, i := range m.scene.spots {
			e := i*len(h.ds.Genes) + j
			g.hidden[t] = h.hidden[e] && h.ds.Mask[e]
		}
		g.subtitle = slices.Concat(g.subtitle[:1], hiddenErrors(g, m.panels), g.subtitle[1:]) // behind the slide
	}
	return nil
}

// hiddenErrors words the mean squared error of each method on a gene's hidden
// spots.
func hiddenErrors(g *mapGene, panels []mapPanel) []string {
	n, seen := 0, 0
	for i := range g.hidden {
		if g.hidden[i] {
			n++
		}
		if g.measured[i] {
			seen++
		}
	}
	out := []string{"hidden at " + count(n) + " of " + count(seen) + " measured spots"}
	if n == 0 {
		return out
	}
	last := len(panels) - 1
	var errs []string
	for k := 1; k < last; k++ {
		var se float64
		for i := range g.hidden {
			if g.hidden[i] {
				d := g.values[k][i] - g.values[last][i]
				se += d * d
			}
		}
		mse := se / float64(n)
		if math.IsNaN(mse) {
			errs = append(errs, isolate(panels[k].Title)+" –")
			continue
		}
		errs = append(errs, isolate(panels[k].Title)+" "+format(mse, 3))
	}
	return append(out, "MSE there: "+strings.Join(errs, ", "))
}
