package widgets

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/browsertest"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/explore"
	"github.com/spatialgo/spatialgo/spared/moran"
	"github.com/spatialgo/spatialgo/spared/simulate"
)

// madeUp is three small slides of made-up tissue, made once.
var madeUp = sync.OnceValues(func() ([]*spared.Slide, error) {
	e, err := simulate.Generate(context.Background(), simulate.Options{Genes: 300, Depth: 2500, Slides: []simulate.SlideSpec{
		{Name: "one", Subject: "A", Rows: 14, Cols: 12}, {Name: "two", Subject: "A", Rows: 12, Cols: 12}, {Name: "three", Subject: "B", Rows: 12, Cols: 11},
	}}, nil)
	if err != nil {
		return nil, err
	}
	return e.Slides, nil
})

// slidesOf returns copies of the made-up slides that may be changed.
func slidesOf(t testing.TB, n int) []*spared.Slide {
	t.Helper()
	all, err := madeUp()
	if err != nil {
		t.Fatal(err)
	}
	var out []*spared.Slide
	for _, s := range all[:n] {
		c, counts := *s, *s.Counts
		counts.Data = slices.Clone(counts.Data)
		c.Counts, c.InTissue, c.Barcodes = &counts, slices.Clone(s.InTissue), slices.Clone(s.Barcodes)
		out = append(out, &c)
	}
	return out
}

func curate(t testing.TB, slides []*spared.Slide, r spared.Recipe) *spared.Dataset {
	t.Helper()
	r.Inputs = nil
	for _, s := range slides {
		r.Inputs = append(r.Inputs, spared.Input{Name: s.Name, Dir: s.Name})
	}
	r.Genes = 12
	ds, err := spared.Curate(context.Background(), slides, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// The curve of GeneFilter is the one that the filter followed: its cut is
// where the filter stopped, and the genes before it are those that passed.
func TestGeneFilterIsTheFilter(t *testing.T) {
	for _, c := range []struct {
		reason string
		slides int
		recipe spared.Recipe
	}{
		{"clean: the train slide alone", 3, spared.Recipe{Order: spared.Clean}},
		{"released: all slides, the least of them", 3, spared.Recipe{Order: spared.Released}},
		{"a lone slide", 1, spared.Recipe{}},
		{"more of the values asked for, fewer genes", 3, spared.Recipe{RealShare: 0.85}},
		{"limits of counts", 3, spared.Recipe{GeneMin: 30, GeneMax: 400, SpotMin: 100, RealShare: 0.75}},
		{"no lengths needed", 2, spared.Recipe{Normalization: spared.CPM}},
	} {
		slides := slidesOf(t, c.slides)
		slides[0].InTissue[3] = false // a spot that does not count
		ds := curate(t, slides, c.recipe)
		b, err := asRead(ds, slides)
		if err != nil {
			t.Fatal(err)
		}
		genes, cut := b.detection(), 0
		for k, g := range genes {
			if g.so >= ds.Manifest.Recipe.RealShare {
				cut = k + 1
			}
		}
		if cut != passed(ds) || cut == 0 || cut == len(genes) {
			t.Errorf("%s: the curve ends at %d of %d genes, %d passed the filter", c.reason, cut, len(genes), passed(ds))
		}
		before := map[string]detected{}
		for _, g := range genes[:cut] {
			before[g.id] = g
		}
		for _, g := range ds.Panel {
			if before[g.ID].id == "" {
				t.Errorf("%s: %s passed and is not before the cut", c.reason, g.ID)
			}
		}
		for _, g := range ds.Genes {
			if d := before[g.ID]; d.least != g.ExpFrac || math.Abs(d.all-g.GlobalFrac) > 1e-12 {
				t.Errorf("%s: %s is detected in %g and %g, the filter says %g and %g", c.reason, g.ID, d.least, d.all, g.ExpFrac, g.GlobalFrac)
			}
		}
		fig, err := GeneFilter(ds, slides)
		if err != nil || !strings.Contains(fig.Text(), count(cut)+" kept, the last "+isolate(genes[cut-1].name)) {
			t.Errorf("%s: %v, %v", c.reason, fig.Text(), err)
		}
	}
}

func TestGeneFilterOfAList(t *testing.T) {
	slides := slidesOf(t, 2)
	var list []string
	for _, g := range slides[0].Genes[:60] {
		list = append(list, g.ID)
	}
	fig, err := GeneFilter(curate(t, slides, spared.Recipe{GeneList: list}), slides)
	if err != nil || !strings.Contains(fig.Text(), "60 genes kept by the recipe’s list") {
		t.Errorf("a listed panel has no cut: %v, %v", fig, err)
	}
}

// What MoranExtremes draws are the values that the ranking is of: Moran's I of
// all that passed comes out again, and the chosen genes are those of d_log1p.
func TestPanelValuesAreThoseRanked(t *testing.T) {
	for _, n := range []spared.Normalization{spared.TPM, spared.CPM, spared.LogNorm} {
		slides := slidesOf(t, 3)
		ds := curate(t, slides, spared.Recipe{Normalization: n})
		b, err := asRead(ds, slides)
		if err != nil {
			t.Fatal(err)
		}
		k := slices.IndexFunc(ds.Sections, func(s spared.Section) bool { return learnt(ds, ds.Section(s.Name)) })
		x, err := b.panelValues(context.Background(), k, ds.Panel)
		if err != nil {
			t.Fatal(err)
		}
		g, err := ds.Graph(k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := moran.I(x, g)
		if err != nil {
			t.Fatal(err)
		}
		for j, p := range ds.Panel { // the one train slide, so that the mean over slides is its own
			if math.Abs(got[j]-p.Moran) > 1e-12 {
				t.Errorf("%s: %s has I = %g, ranked by %g", n, p.Symbol, got[j], p.Moran)
			}
			if c := ds.GeneIndex(p.ID); c >= 0 {
				for s, i := range ds.SpotsOf(k) {
					m := ds.Layers[spared.LayerDLog]
					if want := m.Data[i*m.Stride+c]; x.Row(s)[j] != want {
						t.Fatalf("%s: %s at spot %d is %g, in d_log1p %g", n, p.Symbol, s, x.Row(s)[j], want)
					}
				}
			}
		}
	}
}

// Each spot has the fate that was prepared for it.
func TestSpotFilterTellsFates(t *testing.T) {
	slides := slidesOf(t, 2)
	s := slides[1]
	scale := func(i int, f float32) {
		_, v := s.Counts.Row(i)
		for t := range v {
			v[t] = float32(math.Ceil(float64(v[t] * f)))
		}
	}
	s.InTissue[0] = false
	_, v := s.Counts.Row(1)
	clear(v)
	scale(2, 10000)
	ds := curate(t, slides, spared.Recipe{SpotMin: 20, SpotMax: 100000})
	b, err := asRead(ds, slides)
	if err != nil {
		t.Fatal(err)
	}
	fate := b.fate(ds.Section(s.Name))
	if fate[0] != spotOff || fate[1] != spotFew || fate[2] != spotMany || slices.ContainsFunc(fate[3:], func(f int) bool { return f != spotKept }) {
		t.Errorf("fates %v", fate)
	}
	figs, err := SpotFilter(ds, slides, MapOptions{})
	if err != nil || len(figs) != 2 {
		t.Fatal(figs, err)
	}
	if got := figs[0].Text(); !strings.Contains(got, "slide "+isolate(s.Name)) {
		t.Errorf("the slide that lost most is %s: %s", s.Name, got)
	}
	want := "kept " + count(len(ds.Spots)) + ", too few counts 1, too many counts 1, off the tissue 1"
	if got := figs[1].Text(); !strings.HasSuffix(got, want) {
		t.Errorf("%q does not end in %q", got, want)
	}
}

// Shares before and after are counted from the slide and from the mask.
func TestMissingBeforeCounts(t *testing.T) {
	slides := slidesOf(t, 2)
	ds := curate(t, slides, spared.Recipe{})
	fig, err := MissingBefore(ds, slides, MapOptions{Slide: "two"})
	if err != nil {
		t.Fatal(err)
	}
	s, genes := slides[1], len(ds.Genes)
	for k, i := range ds.SpotsOf(ds.Section("two")) {
		row := slices.Index(s.Barcodes, ds.Spots[i].Barcode)
		_, v := s.Counts.Row(row)
		shown, chosen := 0, 0
		for _, c := range v {
			if c > 0 {
				shown++
			}
		}
		for _, m := range ds.Mask[i*genes : (i+1)*genes] {
			if m {
				chosen++
			}
		}
		was, is := 100-100*float64(shown)/float64(len(s.Genes)), 100-100*float64(chosen)/float64(genes)
		if g := fig.maps.genes[0].values; math.Abs(g[0][k]-was) > 1e-9 || math.Abs(g[1][k]-is) > 1e-9 {
			t.Fatalf("spot %d: %g and %g %% missing, want %g and %g", k, g[0][k], g[1][k], was, is)
		}
	}
}

// A gene that is a fixed share of each spot's counts follows the depth fully
// before and not after; ranks of ties are their mean.
func TestDepthEffect(t *testing.T) {
	v := []float64{3, 1, 3, 2}
	if ranks(v); !slices.Equal(v, []float64{3.5, 1, 3.5, 2}) {
		t.Errorf("ranks %v", v)
	}
	ds := &spared.Dataset{Genes: make([]spared.Gene, 1), Layers: map[string]blas32.General{}}
	counts, logs := make([]float32, 40), make([]float32, 40)
	for i := range counts {
		depth := float64(100 + 10*i)
		ds.Spots = append(ds.Spots, spared.Spot{TotalCounts: depth})
		counts[i], logs[i] = float32(depth/10), float32([]int{5, 7, 7, 5}[i%4]) // as often up as down
	}
	ds.Layers[spared.LayerCounts] = blas32.General{Rows: 40, Cols: 1, Stride: 1, Data: counts}
	ds.Layers[spared.LayerLog] = blas32.General{Rows: 40, Cols: 1, Stride: 1, Data: logs}
	fig, err := DepthEffect(ds)
	if err != nil || !strings.Contains(fig.Text(), "before: counts, median 1.00; after: log2(TPM+1), median 0.00") {
		t.Errorf("%v, %v", fig, err)
	}
	for i := range logs {
		logs[i] = 1
	}
	if _, err := DepthEffect(ds); err == nil {
		t.Error("no gene varies: there is nothing to correlate")
	}
}

func TestBetweenShare(t *testing.T) {
	m := blas32.General{Rows: 4, Cols: 1, Stride: 1, Data: []float32{0, 2, 4, 6}}
	for _, c := range []struct {
		reason string
		group  []int
		want   float64
	}{
		{"means 1 and 5, grand mean 3: 16 of 20", []int{0, 0, 1, 1}, 0.8},
		{"equal means", []int{0, 1, 1, 0}, 0},
		{"a batch a spot", []int{0, 1, 2, 3}, 1},
	} {
		if got := betweenShare(m, c.group, 4); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %g, want %g", c.reason, got, c.want)
		}
	}
	if got := betweenShare(blas32.General{Rows: 2, Cols: 1, Stride: 1, Data: []float32{1, 1}}, []int{0, 1}, 2); got != 0 {
		t.Errorf("nothing varies: %g", got)
	}
}

func TestBatches(t *testing.T) {
	ds := curate(t, slidesOf(t, 3), spared.Recipe{Order: spared.Released})
	fig, err := Batches(context.Background(), ds)
	if err != nil {
		t.Fatal(err)
	}
	number, names := joinGroups(batchesOf(ds))
	before := betweenShare(ds.Layers[spared.LayerDLog], number, len(names))
	after := betweenShare(ds.Layers[spared.LayerCDLog], number, len(names))
	if !(after < before/4) || !strings.Contains(fig.Text(), "before: "+percent(before)) || !strings.Contains(fig.Text(), "after: "+percent(after)) {
		t.Errorf("from %g to %g between batches: %s", before, after, fig.Text())
	}
	if _, err := Batches(context.Background(), curate(t, slidesOf(t, 1), spared.Recipe{})); err == nil {
		t.Error("one slide has nothing to correct")
	}
}

// Units and words follow the recipe's normalization and the noisy layers.
func TestLayersOfOtherRecipes(t *testing.T) {
	ds := curate(t, slidesOf(t, 2), spared.Recipe{Normalization: spared.LogNorm, Noisy: true})
	fig, err := Map(ds, MapOptions{Layer: "noisy_c_d_log1p"})
	if err != nil || !strings.Contains(fig.Text(), "ln(CP10K+1), as measured, batch-corrected, nothing filled in") {
		t.Errorf("%v, %v", fig, err)
	}
	fig, err = Map(ds, MapOptions{Layer: spared.LayerNorm})
	if err != nil || !strings.Contains(fig.Text(), "CP10K, counts per ten thousand") {
		t.Errorf("%v, %v", fig, err)
	}
	for layer, raw := range map[string]bool{spared.LayerNorm: true, spared.LayerCPM: true, "noisy_c_d_log1p": true, spared.LayerDLog: false, spared.LayerCTLog: false} {
		if rawLayer(layer) != raw {
			t.Errorf("%s holds measured values only: want %v", layer, raw)
		}
	}
	if _, err := Violin(ds, ViolinOptions{Layers: []string{spared.LayerLog, spared.LayerNorm}}); err == nil {
		t.Error("two units on one axis")
	}
}

func TestChoicesAndRecipes(t *testing.T) {
	slides := slidesOf(t, 2)
	a, b := curate(t, slides, spared.Recipe{}), curate(t, slides, spared.Recipe{Normalization: spared.CPM, RealShare: 0.6})
	for _, want := range []string{"RealShare", "60 %", "cpm", "above 10, below 1,000,000", "12"} {
		if got := Choices(b).Text(); !strings.Contains(got, want) {
			t.Errorf("the table of choices lacks %q:\n%s", want, got)
		}
	}
	common := 0
	for _, g := range a.Genes {
		if b.GeneIndex(g.ID) >= 0 {
			common++
		}
	}
	got := Recipes(map[string]*spared.Dataset{"second": b, "first": a}).Text()
	for _, want := range []string{"first", "log2(CPM+1)", fmt.Sprint(common), count(len(a.Panel)), count(len(b.Panel))} {
		if !strings.Contains(got, want) {
			t.Errorf("the table of recipes lacks %q:\n%s", want, got)
		}
	}
	if strings.Index(got, "first") > strings.Index(got, "second") {
		t.Error("recipes are not in the order of their names")
	}
}

func TestClusterGridKeepsColours(t *testing.T) {
	ds, _ := curated(t, 3, 4)
	fig, err := ClusterGrid(ds, explore.Clusters(ds, ""), []string{"section_2", "section_1"})
	if err != nil || !strings.Contains(fig.Text(), "12 clusters, 2 slides shown") {
		t.Errorf("%v, %v", fig, err)
	}
	if _, err := ClusterGrid(ds, []string{"0"}, nil); err == nil {
		t.Error("one cluster for all spots is an error")
	}
}

func TestNumbersAndNames(t *testing.T) {
	for cell, want := range map[string]bool{"4,681": true, "29.5 %": true, "0.12 ± 0.03": true, "10xgenomic_human_brain": false, "Vis5A_2dpi": false, "": false, "–": false} {
		if number(cell) != want {
			t.Errorf("%q is a number: want %v", cell, want)
		}
	}
}

// A slide that is not there, or has other genes, is an error, not a panic.
func TestAsReadErrors(t *testing.T) {
	slides := slidesOf(t, 2)
	ds := curate(t, slides, spared.Recipe{})
	other := *slides[1]
	other.Genes = slices.Clone(other.Genes)
	for j := range other.Genes {
		other.Genes[j].ID = fmt.Sprint("none", j)
	}
	bare := *slides[1]
	bare.Counts = nil
	lost := *slides[1]
	lost.Barcodes = slices.Clone(lost.Barcodes)
	for i := range lost.Barcodes {
		lost.Barcodes[i] = fmt.Sprint("B", i)
	}
	for _, c := range []struct {
		reason string
		slides []*spared.Slide
	}{
		{"no slides", nil},
		{"a slide is missing", slides[:1]},
		{"nil slides", []*spared.Slide{nil, nil}},
		{"no gene in common", []*spared.Slide{slides[0], &other}},
		{"no counts", []*spared.Slide{slides[0], &bare}},
		{"other barcodes", []*spared.Slide{slides[0], &lost}},
	} {
		_, err := MissingBefore(ds, c.slides, MapOptions{Slide: "two"})
		if err == nil {
			t.Errorf("%s: no error", c.reason)
		}
	}
	if _, err := SpotFilter(nil, slides, MapOptions{}); err == nil {
		t.Error("no data set: no error")
	}
}

func TestAbsentFigures(t *testing.T) {
	for _, f := range []Figure{nil, (*MapFigure)(nil), (*PlotFigure)(nil), (*TableFigure)(nil), (*GalleryFigure)(nil), (*HeadingFigure)(nil)} {
		if !absent(f) {
			t.Errorf("%T is nil and not absent", f)
		}
	}
	Show((*GalleryFigure)(nil), (*HeadingFigure)(nil)) // must not panic
}

// TestCurationPage draws all figures of the curation in the browser, with
// hostile names of slides and genes.
func TestCurationPage(t *testing.T) {
	slides := slidesOf(t, 3)
	ds := curate(t, slides, spared.Recipe{Order: spared.Released})
	for k, s := range slides {
		was := s.Name
		s.Name = hostile[k]
		at := ds.Section(was)
		ds.Sections[at].Name, ds.Sections[at].Batch = s.Name, s.Name
		s.Genes = slices.Clone(s.Genes)
		for j := range s.Genes {
			s.Genes[j].Symbol = hostile[j%len(hostile)]
		}
	}
	for j := range ds.Panel {
		ds.Panel[j].Symbol = hostile[j%len(hostile)]
	}
	ctx := context.Background()
	clusters := make([]string, len(ds.Spots))
	for i := range clusters {
		clusters[i] = hostile[i%4]
	}
	figs := append(must(SpotHistograms(ds)), must(SpotFilter(ds, slides, MapOptions{}))...)
	figs = append(figs, must(GeneFilter(ds, slides)), must(DepthEffect(ds)), must(MissingBefore(ds, slides, MapOptions{})), must(Batches(ctx, ds)), must(ClusterGrid(ds, clusters, nil)))
	figs = append(figs, must(MoranExtremes(ctx, ds, slides, MoranOptions{}))...)
	charts := len(figs)
	figs = append(figs, Choices(ds), Recipes(map[string]*spared.Dataset{hostile[0]: ds}))
	for _, f := range figs {
		if png, err := f.PNG(); err != nil || len(png) < 1000 {
			t.Errorf("%s: a still picture of %d bytes, %v", firstLine(f.Text()), len(png), err)
		}
	}
	p := page(t, "Curation", figs, browsertest.Size(1100, 900))
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
	shot(t, p, "curation.png")
}
