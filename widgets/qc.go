package widgets

import (
	"fmt"
	"html"
	"image/color"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/explore"
	"github.com/spatialgo/spatialgo/widgets/internal/raster"
)

// QCOptions says what QC shows. The zero value shows what the data set alone
// has to tell.
type QCOptions struct {
	Raw    *explore.Raw // the slides before curation; nil = what the data set knows of them
	NoRaw  string       // why the slides before curation are left out, for the reader
	Layer  string       // layer of the gene maps; "" = the most complete one
	Genes  []string     // genes to map, symbols or ids, besides the most and the least spatial; at most 12
	Slides []string     // slides to map; nil = all of up to four, else four in turn from the splits
	Seed   uint64       // of the random patches; 0 = 42
}

const (
	qcSlides    = 4  // slides mapped, as in SpaRED's refine_plotting_slides_str
	qcExtremes  = 4  // most and least spatial genes mapped
	qcGenes     = 12 // genes mapped on demand
	compareMost = 9000
)

// QC returns the figures of SpaRED's quality report (its plotting.plot_tests),
// in sections with a heading each: slides and splits, counts before and after
// curation, spatial genes on the tissue, levels and spreads of the layers, and,
// where explore.Embed has run, clusters on the tissue and in the plane.
// [WritePage] makes one page of them. A figure that the data set has nothing
// for is left out; the heading says so.
func QC(ds *spared.Dataset, o QCOptions) ([]Figure, error) {
	if ds == nil || len(ds.Sections) == 0 || len(ds.Spots) == 0 || len(ds.Genes) == 0 {
		return nil, fmt.Errorf("widgets: QC: the data set has no spots or no genes")
	}
	if o.Layer == "" {
		o.Layer = completedLayer(ds)
	}
	if o.Raw == nil && o.NoRaw == "" {
		o.Raw = ds.Raw
	}
	if len(o.Genes) > qcGenes {
		return nil, fmt.Errorf("widgets: QC: %d genes to map: want at most %d", len(o.Genes), qcGenes)
	}
	slides, err := qcSections(ds, o.Slides)
	if err != nil {
		return nil, err
	}
	var figs []Figure
	for _, section := range []func(*spared.Dataset, QCOptions, []string) ([]Figure, error){qcData, qcCounts, qcSpatial, qcLayers, qcClusters} {
		more, err := section(ds, o, slides)
		if err != nil {
			return nil, err
		}
		figs = append(figs, more...)
	}
	return figs, nil
}

// qcSections returns the names of the slides to map.
func qcSections(ds *spared.Dataset, names []string) ([]string, error) {
	if names != nil {
		for _, n := range names {
			if _, err := sectionIndex(ds, n); err != nil {
				return nil, err
			}
		}
		return names, nil
	}
	bySplit := map[spared.Split][]string{}
	for k := range ds.Sections {
		if spots := ds.SpotsOf(k); len(spots) > 0 {
			s := ds.Spots[spots[0]].Split
			bySplit[s] = append(bySplit[s], ds.Sections[k].Name)
		}
	}
	var out []string
	for round := 0; len(out) < qcSlides; round++ {
		before := len(out)
		for _, s := range []spared.Split{spared.Train, spared.Val, spared.Test, spared.None} {
			if round < len(bySplit[s]) && len(out) < qcSlides {
				out = append(out, bySplit[s][round])
			}
		}
		if len(out) == before {
			break
		}
	}
	return out, nil
}

// collect keeps figures and the first error.
type collect struct {
	figs []Figure
	err  error
}

func (c *collect) add(f Figure, err error) {
	switch {
	case c.err != nil:
	case err != nil:
		c.err = err
	default:
		c.figs = append(c.figs, f)
	}
}

func qcData(ds *spared.Dataset, o QCOptions, _ []string) ([]Figure, error) {
	c := &collect{figs: []Figure{Heading("Slides and splits", ""), Slides(ds)}}
	if len(ds.Manifest.Steps) > 0 {
		c.figs = append(c.figs, Steps(ds))
	}
	c.add(SlidePictures(ds))
	if hasPicture(ds) {
		c.add(SpotPatches(ds, o.Seed))
	}
	c.add(DataDistribution(ds))
	return c.figs, c.err
}

func qcCounts(ds *spared.Dataset, o QCOptions, slides []string) ([]Figure, error) {
	words := "Left: all spots and genes that the slides share, as they were read. Right: what curation kept."
	if o.Raw == nil {
		words = "The slides before curation are not known"
		if o.NoRaw != "" {
			words += " (" + o.NoRaw + ")"
		}
		words += "; only what curation kept is shown."
	}
	c := &collect{figs: []Figure{Heading("Counts before and after curation", words)}}
	more, err := CountHistograms(ds, o.Raw)
	c.figs, c.err = append(c.figs, more...), err
	c.add(ExpressionFractions(ds, o.Raw))
	if len(ds.Mask) > 0 {
		for _, s := range slides {
			c.add(MissingMap(ds, MapOptions{Slide: s}))
		}
	}
	return c.figs, c.err
}

func qcSpatial(ds *spared.Dataset, o QCOptions, slides []string) ([]Figure, error) {
	c := &collect{figs: []Figure{Heading("Spatial genes",
		"Moran’s I says how alike neighbouring spots are: near 1 for smooth domains, near 0 for no pattern. The most and the least spatial of the genes kept, on the tissue.")}}
	ranked := byMoran(ds)
	if slices.ContainsFunc(ds.Genes, func(g spared.Gene) bool { return finite(g.Moran) && g.Moran != 0 }) {
		c.add(MoranRanking(ds))
	}
	n := min(qcExtremes, len(ranked))
	chosen := append(slices.Clone(ranked[:n]), ranked[max(n, len(ranked)-qcExtremes):]...)
	asked, err := geneColumns(ds, append([]string{}, o.Genes...))
	if err != nil {
		return nil, err
	}
	for k, j := range append(asked, chosen...) {
		if !slices.Contains(append(asked, chosen...)[:k], j) {
			c.add(geneRow(ds, j, o.Layer, slides))
		}
	}
	// A picker for all genes, raw beside completed, where it stays small.
	if k, err := sectionIndex(ds, slides[0]); err == nil && len(ds.SpotsOf(k))*len(ds.Genes) <= compareMost*128 {
		c.add(Compare(ds, CompareOptions{Slide: slides[0]}))
	}
	return c.figs, c.err
}

func qcLayers(ds *spared.Dataset, o QCOptions, _ []string) ([]Figure, error) {
	c := &collect{figs: []Figure{Heading("Levels and spreads", "One point a gene. Noise of counting bends the raw cloud; what completion and batch correction do to it shows in the layers.")}}
	c.add(MeanSpread(ds, o.Raw))
	c.add(MeanSpreadBySplit(ds, o.Layer))
	return c.figs, c.err
}

func qcClusters(ds *spared.Dataset, _ QCOptions, slides []string) ([]Figure, error) {
	clusters := explore.Clusters(ds, "")
	if clusters == nil {
		return []Figure{Heading("Clusters", "Not computed: run “spared embed” on the data set first.")}, nil
	}
	c := &collect{figs: []Figure{Heading("Clusters",
		"Leiden clusters of the nearest-neighbour graph. Clusters that follow slides instead of tissue point to a batch effect.")}}
	for _, s := range slides {
		c.add(clusterMap(ds, s, clusters))
	}
	c.add(Plane(ds, PlaneOptions{Groups: clusters, Name: "cluster"}))
	c.add(Plane(ds, PlaneOptions{Groups: batchesOf(ds), Name: "batch"}))
	return c.figs, c.err
}

// HeadingFigure begins a section of a page.
type HeadingFigure struct{ title, words string }

// Heading makes the heading of a section, with words below it.
func Heading(title, words string) *HeadingFigure {
	return &HeadingFigure{title: clean(title), words: clean(words)}
}

// HTML implements Figure.
func (h *HeadingFigure) HTML() string {
	s := `<h2 style="font:600 19px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;margin:30px 0 4px;overflow-wrap:anywhere"><bdi>` + html.EscapeString(h.title) + `</bdi></h2>`
	if h.words != "" {
		s += `<p style="margin:0 0 8px;max-width:90ch;overflow-wrap:anywhere"><bdi>` + html.EscapeString(h.words) + `</bdi></p>`
	}
	return s
}

// PNG implements Figure.
func (h *HeadingFigure) PNG() ([]byte, error) {
	c := raster.New(stillWidth, 56, 2)
	c.Text(stillPad, 26, h.title, raster.Style{Size: 18, Bold: true, Color: ink})
	c.Text(stillPad, 46, c.Fit(h.words, raster.Style{Size: 12, Color: muted}, stillWidth-2*stillPad), raster.Style{Size: 12, Color: muted})
	return c.PNG()
}

// Text implements Figure.
func (h *HeadingFigure) Text() string {
	return strings.TrimSpace(h.title + "\n" + h.words)
}

// mix returns the colour between white and c, t from 0 to 1.
func mix(c color.NRGBA, t float64) string {
	m := func(v uint8) uint8 { return uint8(255 + t*(float64(v)-255) + 0.5) }
	return fmt.Sprintf("#%02x%02x%02x", m(c.R), m(c.G), m(c.B))
}
