package widgets

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/browsertest"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/explore"
)

// curated is tissue with all that a quality report can show, and the slides
// that it could have been made from.
func curated(t testing.TB, slides, genes int) (*spared.Dataset, *explore.Raw) {
	t.Helper()
	ds := tissue(slides, genes)
	spots := len(ds.Spots)
	counts := blas32.General{Rows: spots, Cols: genes, Stride: genes, Data: make([]float32, spots*genes)}
	raw := &explore.Raw{Slides: slides, SpotMin: 10, SpotMax: 1e6, Total: make([]float64, spots), Detected: make([]float64, spots)}
	for k, m := range ds.Mask {
		if m {
			i, j := k/genes, k%genes
			c := math.Round(math.Exp2(float64(ds.Layers[spared.LayerLog].Data[k]) / 2))
			counts.Data[k] = float32(c)
			ds.Genes[j].Total += c
			ds.Genes[j].Detected++
			raw.Total[i] += 3 * c
			raw.Detected[i]++
		}
	}
	ds.Layers[spared.LayerCounts] = counts
	for j := range ds.Genes {
		g := &ds.Genes[j]
		g.GlobalFrac = float64(g.Detected) / float64(spots)
		g.ExpFrac = 0.9 * g.GlobalFrac
		ds.Panel = append(ds.Panel, spared.PanelGene{ID: g.ID, Symbol: g.Symbol, Moran: g.Moran})
		for k := range 5 {
			f := g.GlobalFrac / float64(k+1)
			raw.Genes = append(raw.Genes, explore.RawGene{ID: fmt.Sprint(g.ID, k), Symbol: fmt.Sprint(g.Symbol, k), Total: g.Total / float64(k+1),
				Spots: g.Detected / (k + 1), ExpFrac: 0.8 * f, GlobalFrac: f, Mean: 2 * f, SD: f})
		}
	}
	for k := range ds.Sections {
		ds.Sections[k].Patient = fmt.Sprint("patient ", k/2)
	}
	ds.Manifest.Steps = []spared.ManifestStep{{Name: "reading", Spots: spots, Genes: 5 * genes, Missing: 0.9}, {Name: "filter", Spots: spots, Genes: genes, Missing: 0.4}}
	embedded(ds)
	return ds, raw
}

// embedded stores a layout and clusters as explore.Embed does, without the
// work: places on the tissue stand for those in the plane.
func embedded(ds *spared.Dataset) {
	spots := len(ds.Spots)
	xy := blas32.General{Rows: spots, Cols: 2, Stride: 2, Data: make([]float32, 2*spots)}
	c := spared.Column{Name: explore.KeyCluster, Codes: make([]int32, spots), Categories: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}}
	for i := range ds.Spots {
		xy.Data[2*i], xy.Data[2*i+1] = float32(ds.Spots[i].X/500), float32(ds.Spots[i].Y/500)
		c.Codes[i] = int32(ds.Spots[i].Y/1100)*3 + int32(ds.Spots[i].X/1700)
	}
	ds.Obsm = map[string]blas32.General{explore.KeyUMAP: xy, explore.KeyPCA: xy}
	ds.Obs = []spared.Column{c}
}

// TestQCPage opens the report of a data set with all there is and with hostile
// names in the browser; where WIDGETS_SHOTS asks for pictures, one with
// peaceful names too.
func TestQCPage(t *testing.T) {
	ds, raw := curated(t, 3, 13)
	if os.Getenv("WIDGETS_SHOTS") != "" {
		openQC(t, ds, raw, "qc.png")
	}
	poison(ds)
	for j := range raw.Genes {
		raw.Genes[j].Symbol = ds.Genes[j%len(ds.Genes)].Symbol
	}
	for k := range ds.Sections {
		ds.Sections[k].Patient = ds.Sections[k].Name
	}
	openQC(t, ds, raw, "qc-hostile.png")
}

func openQC(t *testing.T, ds *spared.Dataset, raw *explore.Raw, name string) {
	t.Helper()
	figs, err := QC(ds, QCOptions{Raw: raw, Genes: []string{ds.Genes[0].ID}})
	if err != nil {
		t.Fatal(err)
	}
	p := page(t, "Quality of "+ds.Sections[0].Name, figs, browsertest.Size(1100, 900))
	charts := 0
	for _, f := range figs {
		if strings.Contains(f.HTML(), "data-sgo=") {
			charts++
		}
	}
	drawn(p, charts)
	for i, n := range p.CanvasesPainted(".sgo-live .sgo-chart") {
		if n < 500 {
			t.Errorf("chart %d has %d painted pixels", i, n)
		}
	}
	var pwned bool
	p.Eval(`"__pwned" in window`, &pwned)
	if pwned {
		t.Error("a name became code")
	}
	shot(t, p, name)
}

// Each figure says by itself which gene, layer, unit and slide it shows.
func TestGeneGridSaysWhatItShows(t *testing.T) {
	ds, _ := curated(t, 3, 8)
	figs, err := GeneGrid(ds, GridOptions{Genes: []string{"Gene2"}, Layer: spared.LayerLog})
	if err != nil || len(figs) != 1 {
		t.Fatal(len(figs), err)
	}
	for _, want := range []string{"Gene2", ds.Genes[1].ID, "log2(TPM+1)", "as measured", "section_1", "section_3", "Moran", notMeasured} {
		if !strings.Contains(figs[0].HTML(), want) {
			t.Errorf("the figure does not say %q", want)
		}
	}
	if all, err := GeneGrid(ds, GridOptions{}); err != nil || len(all) != qcExtremes || !strings.Contains(all[0].Text(), "Gene1 ") {
		t.Errorf("%d figures of the most spatial genes, %v", len(all), err)
	}
}

// Spots of all colours together are all spots, each once.
func TestGridMarksHoldEachSpot(t *testing.T) {
	ds, _ := curated(t, 1, 5)
	spots := ds.SpotsOf(0)
	v := shown(ds, ds.Layers[spared.LayerLog], spared.LayerLog, spots, 2)
	lo, hi := limits(v, false)
	steps, _, err := gridSteps(lo, hi)
	if err != nil {
		t.Fatal(err)
	}
	n, greys := 0, 0
	for _, m := range gridMarks(ds, spots, v, lo, hi, steps, 3) {
		n += len(m.items)
		if m.name == notMeasured {
			greys = len(m.items)
		}
	}
	if want := len(spots) - trues(measured(ds, spots, 2)); n != len(spots) || greys != want {
		t.Errorf("%d spots, %d of them grey; want %d, %d", n, greys, len(spots), want)
	}
}

func TestJoinGroups(t *testing.T) {
	var many []string
	for i := range 300 {
		many = append(many, fmt.Sprint(i%30))
		if i%30 < 19 {
			many = append(many, fmt.Sprint(i%30))
		}
	}
	for _, c := range []struct {
		reason string
		of     []string
		names  []string
	}{
		{"numbers by value", []string{"10", "2", "1", "2"}, []string{"1", "2", "10"}},
		{"names by letter, numbers first", []string{"b", "7", "a"}, []string{"7", "a", "b"}},
		{"no group", []string{"a", "", "b"}, []string{"a", "b", "none"}},
		{"a group called none", []string{"none", "", "x"}, []string{"none", "x", "none"}},
		{"the smallest together", many, append(strings.Fields("0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18"), "others")},
	} {
		number, names := joinGroups(c.of)
		if !slices.Equal(names, c.names) {
			t.Errorf("%s: %q, want %q", c.reason, names, c.names)
			continue
		}
		for i, g := range c.of {
			if got := names[number[i]]; got != g && got != planeUnnamed && got != othersName {
				t.Errorf("%s: %q is with %q", c.reason, g, got)
			}
		}
	}
}

// A cluster has one colour in all figures, whichever clusters a slide has.
func TestClusterColours(t *testing.T) {
	ds, _ := curated(t, 2, 6)
	clusters := make([]string, len(ds.Spots))
	for i := range clusters {
		clusters[i] = fmt.Sprint(3*ds.Spots[i].Slide + i%3 + 8) // 8 to 13, three on a slide
	}
	m, err := clusterMap(ds, "section_2", clusters)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Plane(ds, PlaneOptions{Groups: clusters, Name: "cluster"})
	if err != nil {
		t.Fatal(err)
	}
	legend := p.figure.spec.(*plotSpec).Legend
	for k, c := range m.maps.categories {
		if legend[k].Color != c.Color || legend[k].Name != "cluster "+c.Name {
			t.Errorf("on the tissue %+v, in the plane %+v", c, legend[k])
		}
	}
	if v := slices.Min(m.maps.genes[0].values[0]); v != 3 {
		t.Errorf("the second slide's first cluster has the colour of number %g, want 3", v)
	}
}

func TestSpreadOf(t *testing.T) {
	ds := &spared.Dataset{Spots: make([]spared.Spot, 3), Genes: []spared.Gene{{Symbol: "a"}, {ID: "ENS2"}},
		Layers: map[string]blas32.General{"x": {Rows: 3, Cols: 2, Stride: 2, Data: []float32{1, 5, 3, 5, 8, 5}}}}
	s, err := spreadOf(ds, "x", []int{0, 1})
	if err != nil || !slices.Equal(s.mean, []float64{2, 5}) || !slices.Equal(s.sd, []float64{1, 0}) || !slices.Equal(s.genes, []string{"a", "ENS2"}) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestFractionCells(t *testing.T) {
	marks := fractionCells([]float64{0, 0.049, 0.5, 1, 1}, []float64{0, 0.01, 0.25, 1, 0.99})
	cells, texts := marks[0], marks[1]
	var got []string
	for i, it := range cells.items {
		got = append(got, fmt.Sprintf("%.2f %.2f %s", it[0], it[2], texts.texts[i].Text))
	}
	if want := []string{"0.00 0.00 2", "0.50 0.25 1", "0.95 0.95 2"}; !slices.Equal(got, want) {
		t.Errorf("cells %q, want %q", got, want)
	}
}

func TestQCSections(t *testing.T) {
	ds := &spared.Dataset{}
	for k, s := range []spared.Split{spared.Train, spared.Train, spared.Train, spared.Val, spared.Test, spared.Test} {
		ds.Sections = append(ds.Sections, spared.Section{Name: fmt.Sprint("s", k)})
		ds.Spots = append(ds.Spots, spared.Spot{Slide: k, Split: s})
	}
	got, err := qcSections(ds, nil)
	if want := []string{"s0", "s3", "s4", "s1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("slides %q, %v; want %q", got, err, want)
	}
	if _, err := qcSections(ds, []string{"s9"}); err == nil {
		t.Error("a slide that is not there is mapped")
	}
}

// What a data set lacks is left out, not drawn empty.
func TestQCOfLittle(t *testing.T) {
	ds := tissue(1, 3)
	for j := range ds.Genes {
		ds.Genes[j].Moran = 0
	}
	ds.Sections[0].Hires = nil
	figs, err := QC(ds, QCOptions{NoRaw: "the folders are gone"})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range figs {
		if _, err := f.PNG(); err != nil {
			t.Errorf("%s: %v", firstLine(f.Text()), err)
		}
		text.WriteString(f.Text() + "\n")
	}
	for _, want := range []string{"the folders are gone", "Not computed"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	for _, o := range []QCOptions{{Genes: []string{"nothing"}}, {Slides: []string{"nowhere"}}, {Layer: "none"}, {Genes: make([]string, 13)}} {
		if _, err := QC(ds, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	if _, err := QC(&spared.Dataset{}, QCOptions{}); err == nil {
		t.Error("an empty data set has a report")
	}
	if _, err := Plane(ds, PlaneOptions{Groups: make([]string, len(ds.Spots))}); err == nil || !strings.Contains(err.Error(), "spared embed") {
		t.Errorf("a plane without a layout: %v", err)
	}
}
