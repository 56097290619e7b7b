package spared

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spared/genelength"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// mouseIDs returns the first n Ensembl ids of mouse genes with a length.
func mouseIDs(t testing.TB, n int) []string {
	t.Helper()
	table, err := genelength.Open("mouse")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for k := 1; len(ids) < n; k++ {
		id := fmt.Sprintf("ENSMUSG%011d", k)
		if _, ok := table.Length(id); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// tissue makes a hexagonal slide of side x side spots whose genes rise and
// fall along x (even genes) or at random (odd genes).
func tissue(name string, ids []string, side int, seed uint64) *slide.Slide {
	rng := rand.New(rand.NewPCG(seed, 1))
	s := &slide.Slide{Name: name, Counts: &sparse.CSR{IndPtr: []int64{0}, Cols: len(ids)}, Scale: slide.ScaleFactors{SpotDiameter: 55}}
	for _, id := range ids {
		s.Genes = append(s.Genes, slide.Gene{ID: id, Symbol: "g" + id[len(id)-4:], Feature: "Gene Expression"})
	}
	for r := range side {
		for c := range side {
			s.Barcodes = append(s.Barcodes, fmt.Sprintf("AC%02dGT%02d-1", r, c))
			s.ArrayRow, s.ArrayCol = append(s.ArrayRow, r), append(s.ArrayCol, 2*c+r%2)
			s.X, s.Y = append(s.X, 100*(float64(c)+0.5*float64(r%2))), append(s.Y, 86.6*float64(r))
			s.InTissue = append(s.InTissue, true)
			depth := math.Exp(0.3 * rng.NormFloat64())
			for g := range ids {
				mean := 3.0
				if g%2 == 0 {
					mean = 1 + 6*float64((c+g)%side)/float64(side)
				}
				if n := poisson(rng, mean*depth); n > 0 {
					s.Counts.Indices = append(s.Counts.Indices, int32(g))
					s.Counts.Data = append(s.Counts.Data, float32(n))
				}
			}
			s.Counts.IndPtr = append(s.Counts.IndPtr, int64(len(s.Counts.Data)))
			s.Counts.Rows++
		}
	}
	return s
}

func poisson(rng *rand.Rand, mean float64) int {
	n, p, stop := 0, rng.Float64(), math.Exp(-mean)
	for p > stop {
		p *= rng.Float64()
		n++
	}
	return n
}

func pair(t testing.TB) ([]*slide.Slide, Recipe) {
	ids := mouseIDs(t, 60)
	slides := []*slide.Slide{tissue("A", ids, 16, 1), tissue("B", ids, 14, 2)}
	return slides, Recipe{Inputs: []Input{{Name: "A"}, {Name: "B"}}, Genes: 20}
}

func curate(t *testing.T, slides []*slide.Slide, r Recipe) *Dataset {
	t.Helper()
	d, err := Curate(context.Background(), slides, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.check(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCurateInvariants(t *testing.T) {
	slides, r := pair(t)
	d := curate(t, slides, r)
	spots, genes := d.N()
	if genes != 20 {
		t.Fatalf("%d genes, want 20", genes)
	}
	spatial := 0
	for j := range d.Genes {
		if j > 0 && d.Genes[j].Moran > d.Genes[j-1].Moran {
			t.Errorf("gene %d has a higher Moran's I than gene %d", j, j-1)
		}
		if id := slices.IndexFunc(slides[0].Genes, func(g slide.Gene) bool { return g.ID == d.Genes[j].ID }); id%2 == 0 {
			spatial++
		}
	}
	if spatial < 19 {
		t.Errorf("only %d of 20 chosen genes are spatial", spatial)
	}
	log, dlog, cdlog := d.Layers[LayerLog], d.Layers[LayerDLog], d.Layers[LayerCDLog]
	line := d.Correction[LayerCDLog]
	for i := range spots {
		b := slices.Index(line.Batches, d.Sections[d.Spots[i].Slide].Batch)
		for j := range genes {
			k := i*genes + j
			if got := d.Layers[LayerCounts].Data[k] > 0; got != d.Mask[k] {
				t.Fatalf("spot %d gene %d: mask %v, count %v", i, j, d.Mask[k], d.Layers[LayerCounts].Data[k])
			}
			if d.Mask[k] && log.Data[k] != dlog.Data[k] {
				t.Fatalf("spot %d gene %d: the median changed a measured value", i, j)
			}
			want := float32(line.Slope[b][j]*float64(dlog.Data[k]) + line.Intercept[b][j])
			if cdlog.Data[k] != want {
				t.Fatalf("spot %d gene %d: corrected %v, the line gives %v", i, j, cdlog.Data[k], want)
			}
		}
	}
	for j := range genes {
		sum := 0.0
		for _, i := range d.SpotsIn(Train) {
			sum += float64(d.Layers[LayerCDDelta].Data[i*genes+j])
		}
		if mean := sum / float64(len(d.SpotsIn(Train))); math.Abs(mean) > 1e-5 {
			t.Errorf("gene %d: mean delta over train spots %g, want 0", j, mean)
		}
	}
}

func TestCleanLearnsFromTrainOnly(t *testing.T) {
	slides, r := pair(t)
	before := curate(t, slides, r)
	// The validation slide changes beyond recognition.
	slides[1] = tissue("B", mouseIDs(t, 60), 14, 99)
	for k := range slides[1].Counts.Data {
		slides[1].Counts.Data[k] *= 3
	}
	after := curate(t, slides, r)
	if diff := cmp.Diff(geneNames(before), geneNames(after)); diff != "" {
		t.Errorf("the choice of genes depends on the validation slide:\n%s", diff)
	}
	for _, i := range before.SpotsIn(Train) {
		for _, layer := range []string{LayerDLog, LayerCDLog, LayerCDDelta} {
			n := len(before.Genes)
			if !slices.Equal(before.Layers[layer].Data[i*n:(i+1)*n], after.Layers[layer].Data[i*n:(i+1)*n]) {
				t.Fatalf("%s of train spot %d depends on the validation slide", layer, i)
			}
		}
	}
	r.Order = Released
	if released := curate(t, slides, r); slices.Equal(released.Layers[LayerCDLog].Data, after.Layers[LayerCDLog].Data) {
		t.Error("the released order gave the clean order's numbers")
	}
}

func geneNames(d *Dataset) []string {
	names := make([]string, len(d.Genes))
	for j, g := range d.Genes {
		names[j] = g.ID
	}
	return names
}

func TestCurateLoneSlide(t *testing.T) {
	slides, r := pair(t)
	r.Inputs = r.Inputs[:1]
	d := curate(t, slides[:1], r)
	if len(d.Correction) != 0 || d.Layers[LayerCDLog].Data != nil {
		t.Error("a lone slide was batch-corrected")
	}
	train, val := len(d.SpotsIn(Train)), len(d.SpotsIn(Val))
	if train+val != len(d.Spots) || float64(val) < 0.15*float64(len(d.Spots)) {
		t.Errorf("%d train and %d validation spots of %d", train, val, len(d.Spots))
	}
	if !slices.ContainsFunc(d.Manifest.Notes, func(n string) bool { return strings.HasPrefix(n, "one slide:") }) {
		t.Errorf("the notes do not say how the slide was divided: %q", d.Manifest.Notes)
	}
}

func TestCurateSameOnOneCore(t *testing.T) {
	slides, r := pair(t)
	two := curate(t, slides, r)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one := curate(t, slides, r)
	if diff := cmp.Diff(two.Layers, one.Layers); diff != "" {
		t.Error("one core gave other numbers than two")
	}
}

func TestCurateErrors(t *testing.T) {
	for _, test := range []struct {
		reason string
		change func(slides []*slide.Slide, r *Recipe) []*slide.Slide
		want   []string // parts of the message
	}{
		{"no spot reaches the limit", func(s []*slide.Slide, r *Recipe) []*slide.Slide { r.SpotMin = 1e5; return s },
			[]string{`slide "A"`, "no spot is left", "--spot-min"}},
		{"no gene reaches the limit", func(s []*slide.Slide, r *Recipe) []*slide.Slide { r.GeneMin, r.GeneMax = 1e5, 1e6; return s },
			[]string{"no gene is left", "--gene-min"}},
		{"the share cannot be reached", func(s []*slide.Slide, r *Recipe) []*slide.Slide { r.RealShare = 1; return s },
			[]string{"measured in 100 %", "the best reaches"}},
		{"more genes than there are", func(s []*slide.Slide, r *Recipe) []*slide.Slide { r.Genes = 500; return s },
			[]string{"500 genes were asked for, but only", "--genes"}},
		{"an organism without lengths", func(s []*slide.Slide, r *Recipe) []*slide.Slide { r.Organism = "rat"; return s },
			[]string{`unknown organism "rat"`, "human and mouse"}},
		{"the wrong organism", func(s []*slide.Slide, r *Recipe) []*slide.Slide { r.Organism = "human"; return s },
			[]string{"the recipe says human", "has mouse genes"}},
		{"ids of no known organism", func(s []*slide.Slide, r *Recipe) []*slide.Slide {
			for _, one := range s {
				for j := range one.Genes {
					one.Genes[j].ID = fmt.Sprintf("FBgn%07d", j)
				}
			}
			return s
		}, []string{"unknown organism", "FBgn0000000", "--organism"}},
		{"no gene in common", func(s []*slide.Slide, r *Recipe) []*slide.Slide {
			for j := range s[1].Genes {
				s[1].Genes[j].ID = fmt.Sprintf("ENSMUSG%011d", 9_000_000_000+j)
			}
			r.Organism = "mouse"
			return s
		}, []string{"share no gene id"}},
		{"patients wanted but not given", func(s []*slide.Slide, r *Recipe) []*slide.Slide { r.BatchKey = "patient"; return s },
			[]string{"--patient"}},
		{"a slide in two splits", func(s []*slide.Slide, r *Recipe) []*slide.Slide {
			r.Train, r.Val = []string{"A"}, []string{"A", "B"}
			return s
		}, []string{`slide "A" is in two splits`}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			slides, r := pair(t)
			slides = test.change(slides, &r)
			_, err := Curate(context.Background(), slides, r, nil)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
		})
	}
}

func TestCurateStops(t *testing.T) {
	slides, r := pair(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Curate(ctx, slides, r, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
