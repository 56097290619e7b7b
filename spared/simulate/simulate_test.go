package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/median"
	"github.com/spatialgo/spatialgo/spared/moran"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/slide"
)

var small = Options{Genes: 240, Slides: []SlideSpec{
	{Name: "S1", Subject: "A", Rows: 7, Cols: 8}, {Name: "S2", Subject: "B", Rows: 8, Cols: 6}}}

func mustGenerate(t testing.TB, o Options) *Experiment {
	t.Helper()
	x, err := Generate(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// defaultSections is the default experiment without its
// pictures, which take most of the time.
var defaultSections = sync.OnceValues(func() ([]*section, *model) {
	o, err := Options{}.filled()
	if err != nil {
		panic(err)
	}
	genes := panel(o.Genes)
	m := newModel(o.Seed, genes)
	var all []*section
	for _, spec := range o.Slides {
		s, err := newSection(context.Background(), o, spec, m, genes, newReporter(nil, 1))
		if err != nil {
			panic(err)
		}
		all = append(all, s)
	}
	return all, m
})

func TestSameBytesOnAnyNumberOfCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one := mustGenerate(t, small)
	runtime.GOMAXPROCS(2)
	two := mustGenerate(t, small)
	if !reflect.DeepEqual(one, two) {
		t.Error("one and two processors give different experiments")
	}
	alone := small
	alone.Slides = small.Slides[1:]
	if got := mustGenerate(t, alone); !reflect.DeepEqual(got.Slides[0], one.Slides[1]) || !reflect.DeepEqual(got.Pictures[0], one.Pictures[1]) {
		t.Error("a slide changes with the company it is in")
	}
	other := small
	other.Seed = 7
	got := mustGenerate(t, other)
	if reflect.DeepEqual(got.Slides[0].Counts, one.Slides[0].Counts) || slices.Equal(got.Pictures[0].Pix, one.Pictures[0].Pix) {
		t.Error("another seed gives the same counts or picture")
	}
}

func TestExperimentFitsTogether(t *testing.T) {
	x := mustGenerate(t, small)
	for i, s := range x.Slides {
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		truth, spec := x.Truth[i], x.Options.Slides[i]
		if n := len(s.Barcodes) + len(x.OffTissue[i]); n != spec.Rows*spec.Cols {
			t.Errorf("%s: %d spots on and off tissue, want %d", s.Name, n, spec.Rows*spec.Cols)
		}
		if !slices.IsSorted(s.Barcodes) || !slices.Equal(truth.Barcodes, s.Barcodes) || !slices.Equal(truth.Genes, s.Genes) {
			t.Errorf("%s: barcodes are not sorted, or truth has other barcodes or genes", s.Name)
		}
		p := x.Pictures[i]
		if len(p.Pix) != 3*p.Width*p.Height || s.FullResSize != [2]int{p.Width, p.Height} {
			t.Errorf("%s: picture of %d bytes, %d x %d, slide says %v", s.Name, len(p.Pix), p.Width, p.Height, s.FullResSize)
		}
		if s.Lowres.Width != 600 && s.Lowres.Height != 600 {
			t.Errorf("%s: low-resolution picture of %d x %d, want 600 on the longer side", s.Name, s.Lowres.Width, s.Lowres.Height)
		}
		for k := range s.X {
			wantX, wantY := border+50*float64(s.ArrayCol[k]), border+100*math.Sqrt(3)/2*float64(s.ArrayRow[k])
			if s.X[k] != wantX || math.Abs(s.Y[k]-wantY) > 1e-9 || s.ArrayCol[k]%2 != s.ArrayRow[k]%2 {
				t.Fatalf("%s, spot %d: row %d, column %d at (%g, %g)", s.Name, k, s.ArrayRow[k], s.ArrayCol[k], s.X[k], s.Y[k])
			}
		}
		for k := range s.Barcodes {
			sum := 0.0
			for _, v := range truth.Rate.Data[k*truth.Rate.Stride:][:truth.Rate.Cols] {
				sum += float64(v)
			}
			if math.Abs(sum-1) > 1e-4 {
				t.Fatalf("%s: rates of spot %d sum to %g, want 1", s.Name, k, sum)
			}
		}
	}
}

func TestBarcodesOfAnArrayAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for row := range maxRows {
		for col := range 2 * maxCols {
			seen[barcode(row, col)] = true
		}
	}
	if len(seen) != maxRows*2*maxCols {
		t.Errorf("%d barcodes for %d places", len(seen), maxRows*2*maxCols)
	}
	b := barcode(3, 5)
	if len(b) != 18 || !strings.HasSuffix(b, "-1") || strings.Trim(b[:16], "ACGT") != "" {
		t.Errorf("barcode %q is not 16 nucleotides and -1", b)
	}
}

func TestOptionsOutOfBounds(t *testing.T) {
	one := func(s SlideSpec) Options { return Options{Slides: []SlideSpec{s}} }
	for _, c := range []struct {
		reason string
		o      Options
		want   string
	}{
		{"more genes than the list has", Options{Genes: MaxGenes + 1}, "genes"},
		{"negative number of genes", Options{Genes: -1}, "genes"},
		{"too few genes for anything", Options{Genes: 3}, "genes"},
		{"negative depth", Options{Depth: -5}, "depth"},
		{"depth is not a number", Options{Depth: math.NaN()}, "depth"},
		{"depth without end", Options{Depth: math.Inf(1)}, "depth"},
		{"empty list of slides", Options{Slides: []SlideSpec{}}, "no slides"},
		{"slide without a name", one(SlideSpec{}), "slide name"},
		{"a name that leaves the folder", one(SlideSpec{Name: "../x"}), "slide name"},
		{"a hidden folder", one(SlideSpec{Name: ".x"}), "slide name"},
		{"the name of the folder's own file", one(SlideSpec{Name: "readme.TXT"}), "slide name"},
		{"unknown split", one(SlideSpec{Name: "a", Split: "dev"}), "split"},
		{"too few rows", one(SlideSpec{Name: "a", Rows: 1}), "rows"},
		{"an array larger than any picture", one(SlideSpec{Name: "a", Cols: 5000}), "rows"},
		{"one name twice", Options{Slides: []SlideSpec{{Name: "a"}, {Name: "a"}}}, "two slides"},
	} {
		_, err := Generate(context.Background(), c.o, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", c.reason, err, c.want)
		}
	}
}

func TestCancel(t *testing.T) {
	for _, when := range []string{"tissue", "expression", "counts", "picture"} {
		ctx, cancel := context.WithCancel(context.Background())
		o := small
		o.Slides = small.Slides[:1]
		_, err := Generate(ctx, o, func(e progress.Event) {
			if strings.HasSuffix(e.Message, when) {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at %q: error %v, want context.Canceled", when, err)
		}
		cancel()
	}
}

func TestRegionsAndSizes(t *testing.T) {
	all, _ := defaultSections()
	for _, s := range all {
		n := len(s.slide.Barcodes)
		if n < 820 || n > 980 {
			t.Errorf("%s: %d spots under tissue, want about 900", s.slide.Name, n)
		}
		count := make([]int, numRegions)
		for _, r := range s.truth.Region {
			count[r]++
		}
		t.Logf("%s: %d spots, by region %v", s.slide.Name, n, count)
		for r, c := range count {
			if float64(c) < 0.02*float64(n) {
				t.Errorf("%s: %d of %d spots are %s, want at least 2 %%", s.slide.Name, c, n, RegionNames()[r])
			}
		}
	}
}

// TestMarkersMarkTheirRegion checks that a biologist finds what the regions
// promise: the marker's true expression is highest there.
func TestMarkersMarkTheirRegion(t *testing.T) {
	all, _ := defaultSections()
	for _, c := range []struct {
		symbol string
		region int
		reason string
	}{
		{"ERBB2", regionInvasive, "HER2 is amplified in the tumour"},
		{"COL1A1", regionStroma, "collagen I is made by fibroblasts"},
		{"DCN", regionStroma, "decorin is the normal fibroblast's"},
		{"MUCL1", regionInSitu, "MUCL1 marks luminal carcinoma in situ"},
		{"S100A9", regionInSitu, "S100A8/A9 rise in situ"},
		{"FABP4", regionAdipose, "FABP4 is the adipocyte's"},
		{"PLIN1", regionAdipose, "perilipin coats fat droplets"},
		{"MS4A1", regionLymphoid, "CD20 marks B cells"},
		{"TRAC", regionLymphoid, "the T cell receptor marks T cells"},
		{"KRT15", regionLobule, "KRT15 marks luminal progenitors"},
		{"KRT14", regionLobule, "basal keratin marks myoepithelium"},
	} {
		for _, s := range all {
			j := geneIndex(s.slide.Genes, c.symbol)
			if j < 0 {
				t.Fatalf("no gene %s", c.symbol)
			}
			sum, n := make([]float64, numRegions), make([]float64, numRegions)
			for i, r := range s.truth.Region {
				sum[r] += float64(s.truth.NoBatch.Data[i*s.truth.NoBatch.Stride+j])
				n[r]++
			}
			for r := range sum {
				sum[r] /= n[r]
			}
			if best := slices.Index(sum, slices.Max(sum)); best != c.region {
				t.Errorf("%s: %s is highest in %s, not in %s, though %s", s.slide.Name, c.symbol, RegionNames()[best], RegionNames()[c.region], c.reason)
			}
		}
	}
}

func geneIndex(genes []slide.Gene, symbol string) int {
	return slices.IndexFunc(genes, func(g slide.Gene) bool { return g.Symbol == symbol })
}

// TestCountsFollowTheirLaw compares counts with the law that the package
// states: detection in each gene, and mean and variance where dropout is rare.
func TestCountsFollowTheirLaw(t *testing.T) {
	all, m := defaultSections()
	for _, s := range all {
		c := s.slide.Counts
		_, nonzero := c.ColSums()
		depth := slices.Clone(s.truth.Depth)
		slices.Sort(depth)
		medianDepth := depth[len(depth)/2]
		var chi, genes, pearson, poisson, large float64
		for g := range c.Cols {
			expected, variance := 0.0, 0.0
			for i := range c.Rows {
				mean := s.truth.Depth[i] * float64(s.truth.Rate.Data[i*s.truth.Rate.Stride+g])
				zero := math.Pow(m.shape[g]/(m.shape[g]+mean), m.shape[g])
				lost := min(dropoutMax*math.Exp(-mean/dropoutMean)*math.Sqrt(medianDepth/s.truth.Depth[i]), dropoutCap)
				p := (1 - zero) * (1 - lost)
				expected += p
				variance += p * (1 - p)
			}
			if variance > 3 {
				z := (float64(nonzero[g]) - expected) / math.Sqrt(variance)
				chi += z * z
				genes++
			}
		}
		for i := range c.Rows {
			counts := make([]float64, c.Cols)
			idx, vals := c.Row(i)
			for k, g := range idx {
				counts[g] = float64(vals[k])
			}
			for g, x := range counts {
				mean := s.truth.Depth[i] * float64(s.truth.Rate.Data[i*s.truth.Rate.Stride+g])
				if mean > 15 {
					d := (x - mean) * (x - mean)
					pearson += d / (mean + mean*mean/m.shape[g])
					poisson += d / mean
					large++
				}
			}
		}
		chi, pearson, poisson = chi/genes, pearson/large, poisson/large
		t.Logf("%s: detection z² %.3f over %g genes; large counts (%g): squared error / NB variance %.3f, / mean %.2f", s.slide.Name, chi, genes, large, pearson, poisson)
		if math.Abs(chi-1) > 0.15 {
			t.Errorf("%s: detection deviates from its law by z² = %.3f on average, want 1", s.slide.Name, chi)
		}
		if math.Abs(pearson-1) > 0.08 || poisson < 2 {
			t.Errorf("%s: squared error is %.3f of the negative binomial variance and %.2f of the mean, want 1 and more than 2", s.slide.Name, pearson, poisson)
		}
	}
}

func TestMeansSpanFourDecades(t *testing.T) {
	all, _ := defaultSections()
	r := all[0].truth.Rate
	sum := make([]float64, r.Cols)
	for i := range r.Rows {
		for g := range sum {
			sum[g] += float64(r.Data[i*r.Stride+g])
		}
	}
	slices.Sort(sum)
	if decades := math.Log10(sum[len(sum)-1-len(sum)/200] / sum[len(sum)/200]); decades < 4 {
		t.Errorf("99 %% of the genes' means span %.1f decades, want at least 4", decades)
	}
}

// TestPipelineConsequences runs SpaRED's gene filter, completion and choice of
// genes on the default slides.
func TestPipelineConsequences(t *testing.T) {
	all, _ := defaultSections()
	keep := sparedFilter(all)
	t.Logf("%d genes pass the filter", len(keep))
	if len(keep) <= 320 {
		t.Errorf("%d genes pass the filter, want more than 320", len(keep))
	}
	score, missing := make([]float64, len(keep)), make([]float64, len(keep))
	var spots float64
	for _, s := range all {
		x := logTPM(s.slide, keep)
		g, err := neighbor.KNN(s.slide.X, s.slide.Y, 6)
		if err != nil {
			t.Fatal(err)
		}
		done, _, err := median.Complete(context.Background(), x, g, 4)
		if err != nil {
			t.Fatal(err)
		}
		scores, err := moran.I(done, g)
		if err != nil {
			t.Fatal(err)
		}
		_, nonzero := s.slide.Counts.Select(nil, keep).ColSums()
		detected := 0
		_, each := s.slide.Counts.ColSums()
		for _, n := range each {
			if 2*n > x.Rows {
				detected++
			}
		}
		t.Logf("%s: %d genes in more than half of the spots", s.slide.Name, detected)
		if detected < 400 || detected > 1000 {
			t.Errorf("%s: %d genes in more than half of the spots, want 400 to 1000", s.slide.Name, detected)
		}
		for j := range keep {
			score[j] += scores[j] / 3
			missing[j] += float64(x.Rows - nonzero[j])
		}
		spots += float64(x.Rows)
	}
	order := make([]int, len(keep))
	for j := range order {
		order[j] = j
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	share := 0.0
	for _, j := range order[:128] {
		share += missing[j] / spots / 128
	}
	t.Logf("top 128 genes: Moran's I %.2f to %.2f, %.1f %% missing", score[order[0]], score[order[127]], 100*share)
	if share < 0.25 || share > 0.40 {
		t.Errorf("%.1f %% of the top 128 genes' values are missing, want 25 to 40", 100*share)
	}
	if score[order[127]] < 0.25 {
		t.Errorf("the 128th gene has Moran's I %.2f, want at least 0.25", score[order[127]])
	}
}

// sparedFilter returns the genes that SpaRED keeps: those with a usual total,
// from the best detected on, as long as 0.7 of their values are measured.
func sparedFilter(all []*section) []int {
	genes := all[0].slide.Counts.Cols
	least, total, detected := make([]float64, genes), make([]float64, genes), make([]float64, genes)
	spots := 0.0
	for k, s := range all {
		sum, nonzero := s.slide.Counts.ColSums()
		n := float64(s.slide.Counts.Rows)
		for g := range genes {
			share := float64(nonzero[g]) / n
			if k == 0 || share < least[g] {
				least[g] = share
			}
			total[g] += sum[g]
			detected[g] += float64(nonzero[g])
		}
		spots += n
	}
	var usual []int
	for g := range genes {
		if total[g] > 10 && total[g] < 1e6 {
			usual = append(usual, g)
		}
	}
	slices.SortStableFunc(usual, func(a, b int) int { return cmp.Compare(least[b], least[a]) })
	running, kept := 0.0, 0
	for k, g := range usual {
		running += detected[g] / spots
		if running/float64(k+1) >= 0.7 {
			kept = k + 1
		}
	}
	return usual[:kept]
}

// logTPM returns log2(TPM+1) of some genes, all taken to be 1 kb long.
func logTPM(s *slide.Slide, genes []int) dense.Matrix[float32] {
	c := s.Counts.Select(nil, genes).Dense()
	x := dense.Matrix[float32]{Rows: c.Rows, Cols: c.Cols, Data: c.Data, Stride: c.Stride}
	for i := range x.Rows {
		sum := 0.0
		for _, v := range x.Row(i) {
			sum += float64(v)
		}
		for j, v := range x.Row(i) {
			x.Row(i)[j] = float32(math.Log2(1 + 1e6*float64(v)/max(sum, 1)))
		}
	}
	return x
}

// TestMoranTellsProgramsFromNoise checks that genes of programs vary smoothly
// and rare genes, which no program moves, do not.
func TestMoranTellsProgramsFromNoise(t *testing.T) {
	all, _ := defaultSections()
	s := all[0]
	g, err := neighbor.KNN(s.slide.X, s.slide.Y, 6)
	if err != nil {
		t.Fatal(err)
	}
	every := make([]int, len(s.slide.Genes))
	for j := range every {
		every[j] = j
	}
	scores, err := moran.I(logTPM(s.slide, every), g)
	if err != nil {
		t.Fatal(err)
	}
	kindOf := map[string]string{}
	for _, g := range allGenes() {
		kindOf[g.id] = g.kind
	}
	_, nonzero := s.slide.Counts.ColSums()
	var noise, n float64
	for j, gene := range s.slide.Genes {
		if kindOf[gene.ID] == "rare" && nonzero[j] >= 20 {
			noise += scores[j]
			n++
		}
	}
	t.Logf("Moran's I of %g rare genes: %.3f on average", n, noise/n)
	if n < 10 || math.Abs(noise/n) > 0.06 {
		t.Errorf("%g rare genes have Moran's I %.3f on average, want about 0", n, noise/n)
	}
	for _, c := range []struct {
		symbol string
		least  float64
		reason string
	}{
		{"ERBB2", 0.3, "tumour and duct form large areas"},
		{"EPCAM", 0.3, "all epithelium"},
		{"KRT8", 0.3, "all luminal epithelium"},
		{"COL1A1", 0.2, "stroma, and the matrix program"},
		{"DCN", 0.3, "stroma away from the tumour"},
		{"FABP4", 0.3, "fat"},
		{"CCNB1", 0.08, "proliferation alone, with few counts"},
	} {
		if i := scores[geneIndex(s.slide.Genes, c.symbol)]; i < c.least {
			t.Errorf("%s has Moran's I %.2f, want at least %.2f: %s", c.symbol, i, c.least, c.reason)
		}
	}
}

func TestBatchEffect(t *testing.T) {
	all, _ := defaultSections()
	shift := make([][]float64, len(all))
	for k, s := range all {
		r, p := s.truth.Rate, s.truth.NoBatch
		shift[k] = make([]float64, r.Cols)
		for i := range r.Rows {
			for g := range r.Cols {
				shift[k][g] += math.Log(float64(r.Data[i*r.Stride+g])/float64(p.Data[i*p.Stride+g])) / float64(r.Rows)
			}
		}
	}
	same, other := correlation(shift[0], shift[1]), correlation(shift[0], shift[2])
	sd := math.Sqrt(variance(shift[0]))
	t.Logf("ln batch effect: sd %.2f, correlation %.2f within the subject, %.2f between", sd, same, other)
	if sd < 0.25 || same < 0.75 || math.Abs(other) > 0.3 {
		t.Errorf("batch effect: sd %.2f (want > 0.25), correlation %.2f within the subject (> 0.75), %.2f between (near 0)", sd, same, other)
	}
}

func TestTruthCorrelatesWithCounts(t *testing.T) {
	all, _ := defaultSections()
	for _, s := range all {
		c := s.slide.Counts.Dense()
		var sum, n float64
		_, nonzero := s.slide.Counts.ColSums()
		total := s.slide.Counts.RowSums()
		for g := range c.Cols {
			if nonzero[g] < c.Rows/2 {
				continue
			}
			got, want := make([]float64, c.Rows), make([]float64, c.Rows)
			for i := range c.Rows {
				got[i] = math.Log(1 + 1e4*float64(c.Data[i*c.Stride+g])/total[i])
				want[i] = math.Log(1 + 1e4*float64(s.truth.Rate.Data[i*s.truth.Rate.Stride+g]))
			}
			sum += correlation(got, want)
			n++
		}
		t.Logf("%s: correlation of counts with the truth %.3f over %g genes", s.slide.Name, sum/n, n)
		if sum/n < 0.35 || sum/n > 0.95 {
			t.Errorf("%s: mean correlation of counts with the truth is %.3f, want 0.35 to 0.95", s.slide.Name, sum/n)
		}
	}
}

// TestDepth checks that depth follows the tissue: low in fat and at the rim,
// and smooth.
func TestDepth(t *testing.T) {
	all, _ := defaultSections()
	for _, s := range all {
		logs := make([]float64, len(s.truth.Depth))
		mean, n := make([]float64, numRegions), make([]float64, numRegions)
		for i, d := range s.truth.Depth {
			logs[i] = math.Log(d)
			mean[s.truth.Region[i]] += logs[i]
			n[s.truth.Region[i]]++
		}
		if mean[regionAdipose]/n[regionAdipose] > mean[regionInvasive]/n[regionInvasive]-0.5 {
			t.Errorf("%s: spots on fat are as deep as spots on tumour", s.slide.Name)
		}
		if v := variance(logs); v < 0.1 || v > 1.5 {
			t.Errorf("%s: ln depth has variance %.2f, want 0.1 to 1.5", s.slide.Name, v)
		}
	}
}

// TestPictureFollowsExpression checks that an image model can learn: spots
// with more cells per area are bluer, fat is pale.
func TestPictureFollowsExpression(t *testing.T) {
	o := Options{Genes: 100, Slides: []SlideSpec{{Name: "P", Rows: 13, Cols: 13}}}
	x := mustGenerate(t, o)
	s, p, truth := x.Slides[0], x.Pictures[0], x.Truth[0]
	nuclei := slices.Index(truth.CellTypes, "invasive tumour cell")
	fat := slices.Index(truth.CellTypes, "adipocyte")
	var red, light, tumourShare, fatShare []float64
	for i := range s.Barcodes {
		var r, l, n float64
		for _, d := range disc() {
			k := 3 * (int(s.Y[i]+d[1])*p.Width + int(s.X[i]+d[0]))
			r += float64(p.Pix[k])
			l += float64(p.Pix[k]) + float64(p.Pix[k+1]) + float64(p.Pix[k+2])
			n++
		}
		red, light = append(red, r/n), append(light, l/n)
		tumourShare = append(tumourShare, float64(truth.CellShare.Data[i*truth.CellShare.Stride+nuclei]))
		fatShare = append(fatShare, float64(truth.CellShare.Data[i*truth.CellShare.Stride+fat]))
	}
	dark, pale := correlation(red, tumourShare), correlation(light, fatShare)
	t.Logf("correlation of red light with tumour %.2f, of light with fat %.2f", dark, pale)
	if dark > -0.4 || pale < 0.4 {
		t.Errorf("red light correlates with the share of tumour cells by %.2f (want < -0.4), light with that of fat by %.2f (want > 0.4)", dark, pale)
	}
	var edge [3]float64
	for k := range 3 * 20 { // the upper left corner is glass
		edge[k%3] += float64(p.Pix[k]) / 20
	}
	for c, v := range edge {
		if v < 215 || v > 250 {
			t.Errorf("channel %d of glass is %.0f, want a pale 215 to 250", c, v)
		}
	}
}

func correlation(a, b []float64) float64 {
	ma, mb := mean(a), mean(b)
	var ab, aa, bb float64
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	return ab / math.Sqrt(aa*bb)
}

func mean(a []float64) float64 {
	s := 0.0
	for _, v := range a {
		s += v
	}
	return s / float64(len(a))
}

func variance(a []float64) float64 {
	m, s := mean(a), 0.0
	for _, v := range a {
		s += (v - m) * (v - m)
	}
	return s / float64(len(a))
}

func TestNegativeBinomial(t *testing.T) {
	r := source(1, "test")
	for _, c := range []struct{ mean, shape float64 }{{0.01, 5}, {0.7, 1.2}, {3, 7}, {40, 20}, {900, 4}, {5000, 25}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			const n = 20000
			x := make([]float64, n)
			for i := range x {
				x[i] = float64(negativeBinomial(r.Float64(), c.mean, c.shape))
			}
			v := c.mean + c.mean*c.mean/c.shape
			if d := math.Abs(mean(x)-c.mean) / math.Sqrt(v/n); d > 4 {
				t.Errorf("mean %g, %.1f standard errors from %g", mean(x), d, c.mean)
			}
			if q := variance(x) / v; c.mean > 0.1 && math.Abs(q-1) > 0.1 {
				t.Errorf("variance is %.3f of mean + mean²/shape", q)
			}
			if negativeBinomial(0, c.mean, c.shape) != 0 {
				t.Error("the quantile 0 is not 0")
			}
			if k := negativeBinomial(math.Nextafter(1, 0), c.mean, c.shape); float64(k) < c.mean {
				t.Errorf("the last quantile is %d, below the mean", k)
			}
		})
	}
}

func TestFields(t *testing.T) {
	r := source(3, "test")
	var at, near, far []float64
	for range 3000 {
		f := newGRF(r, 100)
		at, near, far = append(at, f.at(500, 40)), append(near, f.at(560, 120)), append(far, f.at(1200, 40))
	}
	if m, v := mean(at), variance(at); math.Abs(m) > 0.08 || math.Abs(v-1) > 0.1 {
		t.Errorf("a field has mean %.3f and variance %.3f, want 0 and 1", m, v)
	}
	// exp(-d²/2ℓ²) at d = ℓ, and at 7 ℓ.
	if c := correlation(at, near); math.Abs(c-math.Exp(-0.5)) > 0.05 {
		t.Errorf("correlation %.3f at one length, want %.3f", c, math.Exp(-0.5))
	}
	if c := correlation(at, far); math.Abs(c) > 0.06 {
		t.Errorf("correlation %.3f far away, want 0", c)
	}
	f := newGRF(r, 100)
	grid := f.raster(300, 200)
	for range 500 {
		x, y := 300*r.Float64(), 200*r.Float64()
		if d := math.Abs(grid.at(x, y) - f.at(x, y)); d > 0.03 {
			t.Fatalf("the raster is off by %.3f at (%.1f, %.1f)", d, x, y)
		}
	}
}

func TestShrink(t *testing.T) {
	p := &slide.Image{Width: 4, Height: 2, Pix: make([]uint8, 24)}
	for i := range p.Pix {
		p.Pix[i] = uint8(10 * i)
	}
	q, f := shrink(p, 2)
	if q.Width != 2 || q.Height != 1 || f != 0.5 {
		t.Fatalf("%d x %d by %g, want 2 x 1 by 0.5", q.Width, q.Height, f)
	}
	want := []uint8{75, 85, 95, 135, 145, 155} // means of 2 x 2 pixels
	if !slices.Equal(q.Pix, want) {
		t.Errorf("pixels %v, want %v", q.Pix, want)
	}
	flat := &slide.Image{Width: 37, Height: 23, Pix: slices.Repeat([]uint8{7, 200, 91}, 37*23)}
	odd, _ := shrink(flat, 10)
	for i, v := range odd.Pix {
		if v != flat.Pix[i%3] {
			t.Fatalf("an even colour becomes uneven: %d at %d", v, i)
		}
	}
	if same, f := shrink(p, 9); f != 1 || !slices.Equal(same.Pix, p.Pix) {
		t.Error("a small picture does not stay as it is")
	}
}

func BenchmarkLayout(b *testing.B) {
	spec, _ := SlideSpec{Name: "S", Rows: 12, Cols: 12}.filled()
	a := newAnatomy(1, spec)
	for b.Loop() {
		newLayout(context.Background(), a, "S")
	}
	b.ReportMetric(float64(a.w*a.h)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mpx/s")
}

func BenchmarkPicture(b *testing.B) {
	spec, _ := SlideSpec{Name: "S", Rows: 12, Cols: 12}.filled()
	l := newLayout(context.Background(), newAnatomy(1, spec), "S")
	for b.Loop() {
		l.picture(spec)
	}
	b.ReportMetric(float64(l.w*l.h)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mpx/s")
}

func BenchmarkNegativeBinomial(b *testing.B) {
	r := source(1, "bench")
	for b.Loop() {
		negativeBinomial(r.Float64(), 2.5, 7)
	}
}
