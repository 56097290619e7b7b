package spared

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/norm"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

func hasNote(d *Dataset, part string) bool {
	return slices.ContainsFunc(d.Manifest.Notes, func(n string) bool { return strings.Contains(n, part) })
}

// The sparse form that the pipeline uses equals package norm's.
func TestNormalizedEqualsNorm(t *testing.T) {
	s := tissue("A", mouseIDs(t, 60), 12, 3)
	lengths := make([]float64, 60)
	for j := range lengths {
		lengths[j] = 300 + 17*float64(j*j%101)
	}
	x, spot, err := normalized(s.Counts, lengths, TPM)
	if err != nil {
		t.Fatal(err)
	}
	want, rpk, err := norm.TPM(s.Counts, lengths)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(x.Dense().Data, want.Data) || !slices.Equal(spot, rpk) {
		t.Error("TPM differ")
	}
	if diff := cmp.Diff(norm.Log2P1(want), logged(x, TPM, 0, x.Rows, 0, x.Cols)); diff != "" {
		t.Error("log2(TPM+1) differ")
	}
	cpm, err := norm.CPM(s.Counts)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := norm.LogNormalize(s.Counts, 1e4)
	if err != nil {
		t.Fatal(err)
	}
	if x, _, err = normalized(s.Counts, ones(60), CPM); err != nil {
		t.Fatal(err)
	}
	near(t, "CPM", x.Dense().Data, cpm.Dense().Data)
	if x, _, err = normalized(s.Counts, ones(60), LogNorm); err != nil {
		t.Fatal(err)
	}
	near(t, "ln(CP10K+1)", logged(x, LogNorm, 0, x.Rows, 0, x.Cols).Data, ln.Dense().Data)
	part := logged(x, LogNorm, 3, 9, 10, 31)
	for i := range part.Rows {
		for j := range part.Cols {
			if want := float32(math.Log1p(float64(x.Dense().Data[(3+i)*60+10+j]))); part.At(i, j) != want {
				t.Fatalf("a part of the matrix: %g at %d, %d, want %g", part.At(i, j), i, j, want)
			}
		}
	}
	for _, bad := range []float32{-1, float32(math.NaN()), float32(math.Inf(1))} {
		m := &sparse.CSR{Rows: 1, Cols: 1, IndPtr: []int64{0, 1}, Indices: []int32{0}, Data: []float32{bad}}
		if _, _, err := normalized(m, ones(1), CPM); err == nil {
			t.Errorf("a count of %g gave no error", bad)
		}
	}
}

func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 3e-7*math.Abs(float64(want[i])) {
			t.Fatalf("%s: entry %d is %g, want %g", what, i, got[i], want[i])
		}
	}
}

func TestNormalizations(t *testing.T) {
	for _, tc := range []struct {
		n          Normalization
		layer      string
		unit, logU string
		total      float64
	}{
		{TPM, "tpm", "TPM", "log2(TPM+1)", 1e6},
		{CPM, "cpm", "CPM", "log2(CPM+1)", 1e6},
		{LogNorm, "norm", "CP10K", "ln(CP10K+1)", 1e4},
	} {
		slides, r := pair(t)
		r.Normalization, r.Genes = tc.n, 60
		d := curate(t, slides, r)
		if names := d.LayerNames(); names[1] != tc.layer || len(names) != 10 {
			t.Errorf("%s: layers %v", tc.n, names)
		}
		if d.Unit(tc.layer) != tc.unit || d.Unit(LayerCDLog) != tc.logU || d.Unit(LayerDeltas) != "Δ "+tc.logU || d.Unit("X") != "" {
			t.Errorf("%s: units %q %q %q", tc.n, d.Unit(tc.layer), d.Unit(LayerCDLog), d.Unit(LayerDeltas))
		}
		if tc.n != TPM && (d.Unit(LayerTPM) != "" || d.Genes[0].Length != 0) {
			t.Errorf("%s: a layer tpm or a gene length where there is none", tc.n)
		}
		x, log, counts := d.Layers[tc.layer], d.Layers[LayerLog], d.Layers[LayerCounts]
		for i := range x.Rows {
			sum := 0.0
			for j := range x.Cols {
				k := i*x.Cols + j
				sum += float64(x.Data[k])
				v := tc.n.Value(float64(counts.Data[k]), d.GeneSize(j), d.Spots[i].RPK)
				if math.Abs(v-float64(x.Data[k])) > 1e-6*v || math.Abs(tc.n.Log(v)-float64(log.Data[k])) > 1e-5 {
					t.Fatalf("%s: spot %d gene %d: layers %g and %g, Value and Log give %g and %g", tc.n, i, j, x.Data[k], log.Data[k], v, tc.n.Log(v))
				}
			}
			if math.Abs(sum-tc.total) > 1e-3*tc.total {
				t.Fatalf("%s: spot %d adds up to %g, want %g", tc.n, i, sum, tc.total)
			}
		}
	}
}

// Only TPM needs to know the organism and the genes' lengths.
func TestOtherOrganism(t *testing.T) {
	slides, r := pair(t)
	for _, s := range slides {
		for j := range s.Genes {
			s.Genes[j] = slide.Gene{ID: fmt.Sprintf("FBgn%07d.2", j)}
		}
	}
	r.Normalization = CPM
	d := curate(t, slides, r)
	if d.Manifest.Organism != "" || !strings.HasPrefix(d.Genes[0].ID, "FBgn") || !strings.HasSuffix(d.Genes[0].ID, ".2") {
		t.Errorf("organism %q, first gene %q", d.Manifest.Organism, d.Genes[0].ID)
	}
}

func TestReleasedOrdersSlidesByName(t *testing.T) {
	slides, r := pair(t)
	r.Train, r.Val = []string{"B"}, []string{"A"}
	for _, order := range []Order{Clean, Released} {
		r.Order = order
		d := curate(t, slides, r)
		got := d.Sections[0].Name + d.Sections[1].Name
		if want := map[Order]string{Clean: "BA", Released: "AB"}[order]; got != want {
			t.Errorf("%s: slides in order %s, want %s", order, got, want)
		}
		if in := d.Manifest.Recipe.Inputs; in[0].Name != "A" || in[1].Name != "B" {
			t.Errorf("%s: the manifest's inputs are in another order than given: %v", order, in)
		}
		for i := range d.Spots {
			if s := d.Spots[i]; !strings.HasPrefix(s.ID, d.Sections[s.Slide].Name+"_") {
				t.Fatalf("%s: spot %s is said to be of slide %s", order, s.ID, d.Sections[s.Slide].Name)
			}
		}
	}
}

func TestSpotsOffTissue(t *testing.T) {
	slides, r := pair(t)
	for i := range 50 {
		slides[0].InTissue[i] = false
	}
	d := curate(t, slides, r)
	if n := len(d.SpotsOf(0)); n != 256-50 {
		t.Errorf("%d spots, want %d", n, 256-50)
	}
	clear(slides[0].InTissue)
	if _, err := Curate(context.Background(), slides, r, nil); err == nil || !strings.Contains(err.Error(), `"A"`) || !strings.Contains(err.Error(), "in tissue") {
		t.Errorf("a slide without tissue gave %v", err)
	}
}

func TestGeneList(t *testing.T) {
	slides, r := pair(t)
	g := slides[0].Genes
	r.GeneList = []string{g[3].ID + ".7", g[5].Symbol, g[3].ID, "nowhere"}
	r.Genes = 0
	d := curate(t, slides, r)
	got := []string{d.Genes[0].ID, d.Genes[1].ID}
	slices.Sort(got)
	if want := []string{g[3].ID, g[5].ID}; len(d.Genes) != 2 || !slices.Equal(got, want) {
		t.Errorf("genes %v, want %v", got, want)
	}
	if !hasNote(d, "1 gene of the gene list is not in all slides: nowhere") {
		t.Errorf("notes %q", d.Manifest.Notes)
	}
	r.GeneList = []string{"nowhere"}
	if _, err := Curate(context.Background(), slides, r, nil); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a list of nothing gave %v", err)
	}
}

// Slides that name genes by symbol get Ensembl ids; two that do and do not
// join on them.
func TestSymbols(t *testing.T) {
	symbols := []string{"TP53", "GAPDH", "ACTB", "KRT8", "KRT18", "COL1A1", "COL3A1", "VIM", "EPCAM", "ERBB2", "MT2A", "B2M", "FN1", "CD74", "APOE", "SPARC", "XBP1", "MUC1", "KRT19", "KRT7", "NOGENE1", "RP11-34P13.7"}
	a, b := tissue("A", mouseIDs(t, len(symbols)), 12, 1), tissue("B", mouseIDs(t, len(symbols)), 12, 2)
	for j, s := range symbols {
		a.Genes[j], b.Genes[j] = slide.Gene{ID: s, Symbol: s}, slide.Gene{ID: s, Symbol: s}
	}
	r := Recipe{Inputs: []Input{{}, {}}, Organism: "human", Genes: 10}
	d := curate(t, []*slide.Slide{a, b}, r)
	at := d.GeneIndex("ENSG00000141510")
	if at >= 0 && d.Genes[at].Symbol != "TP53" {
		t.Errorf("TP53's symbol is %q", d.Genes[at].Symbol)
	}
	for _, g := range d.Genes {
		if !strings.HasPrefix(g.ID, "ENSG") {
			t.Errorf("gene %s (%s) has no Ensembl id but a length", g.ID, g.Symbol)
		}
	}
	if !hasNote(d, "2 slides name genes by symbol: 2 symbols are not in the human annotation and have no Ensembl id (NOGENE1, RP11-34P13.7)") {
		t.Errorf("notes %q", d.Manifest.Notes)
	}
	// The other slide by id, with versions and without symbols.
	for j := range b.Genes {
		for _, g := range d.Panel {
			if g.Symbol == symbols[j] {
				b.Genes[j] = slide.Gene{ID: g.ID + ".3"}
			}
		}
	}
	mixed := curate(t, []*slide.Slide{b, a}, r)
	if diff := cmp.Diff(len(d.Panel), len(mixed.Panel)); diff != "" {
		t.Errorf("the panel of one slide by id and one by symbol:\n%s", diff)
	}
	if i := mixed.GeneIndex("TP53"); i >= 0 && mixed.Genes[i].ID != "ENSG00000141510" {
		t.Errorf("TP53 is %s", mixed.Genes[i].ID)
	}
}

func TestGeneID(t *testing.T) {
	for _, tc := range []struct{ reason, id, want string }{
		{"a version goes", "ENSG00000141510.18", "ENSG00000141510"},
		{"and what follows it", "ENSG00000002586.20_PAR_Y", "ENSG00000002586"},
		{"mouse", "ENSMUSG00000031972.3", "ENSMUSG00000031972"},
		{"zebrafish", "ENSDARG00000012345.1", "ENSDARG00000012345"},
		{"a symbol with a dot stays: its number tells genes apart", "RP11-34P13.7", "RP11-34P13.7"},
		{"a symbol that begins like an id", "ENSA.2", "ENSA.2"},
		{"nothing", "", ""},
	} {
		if got := GeneID(tc.id); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.reason, got, tc.want)
		}
	}
}

func TestSplitsOfFiles(t *testing.T) {
	for _, tc := range []struct {
		reason    string
		files     string // splits of A, B, C in their files, "-" = none
		recipe    Recipe
		want      string
		text, err string
	}{
		{"as the files say", "val train test", Recipe{}, "val train test", "as the slides' files say", ""},
		{"the recipe wins, the files fill in", "val train test", Recipe{Train: []string{"A"}, Val: []string{"B"}}, "train val test", "as the recipe and the slides' files say", ""},
		{"files that name no usable splits", "train train train", Recipe{}, "train val test", "the smallest tests", ""},
		{"files without some", "train val -", Recipe{}, "train val test", "the smallest tests", ""},
		{"and the recipe too", "train - -", Recipe{Val: []string{"B"}}, "", "", `slide "C" is in no split`},
	} {
		slides := bare(map[string]int{"A": 30, "B": 20, "C": 10}, "A", "B", "C")
		for i, s := range strings.Fields(tc.files) {
			slides[i].Split = strings.TrimPrefix(s, "-")
		}
		tc.recipe.Inputs = make([]Input, 3)
		splits, text, err := assignSplits(slides, tc.recipe)
		var got []string
		for _, s := range splits {
			got = append(got, s.String())
		}
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: got %v, want an error with %q", tc.reason, err, tc.err)
			}
			continue
		}
		if err != nil || strings.Join(got, " ") != tc.want || !strings.Contains(text, tc.text) {
			t.Errorf("%s: splits %v, %q, %v; want %s, %q", tc.reason, got, text, err, tc.want, tc.text)
		}
	}
}

func TestPatientsOfFiles(t *testing.T) {
	slides, r := pair(t)
	slides[0].Patient, slides[1].Patient = "from-file", "ben"
	r.Patients, r.BatchKey = map[string]string{"A": "anna"}, "patient"
	d := curate(t, slides, r)
	if d.Sections[0].Patient != "anna" || d.Sections[1].Patient != "ben" {
		t.Errorf("patients %q and %q", d.Sections[0].Patient, d.Sections[1].Patient)
	}
}

// square is a slide on a square array.
func square(t *testing.T, name string, side int, seed uint64) *slide.Slide {
	s := tissue(name, mouseIDs(t, 60), side, seed)
	for i := range s.X {
		s.ArrayCol[i] = i % side
		s.X[i], s.Y[i] = 200*float64(s.ArrayCol[i]), 200*float64(s.ArrayRow[i])
	}
	return s
}

func TestGraphs(t *testing.T) {
	hex, sq := placeOfSlide(tissue("A", mouseIDs(t, 60), 12, 1)), placeOfSlide(square(t, "A", 12, 1))
	inner := 5*12 + 5 // a spot that touches no border
	for _, tc := range []struct {
		reason string
		place  place
		recipe Recipe
		inner  int // neighbours of the inner spot
		corner int // neighbours of the first spot
	}{
		{"auto on a hexagonal array: 6 nearest", hex, Recipe{}, 6, 6},
		{"auto on a square array: squidpy's grid of 8", sq, Recipe{}, 8, 3},
		{"k nearest", sq, Recipe{Graph: GraphKNN, Neighbors: 4}, 4, 4},
		{"the array's touching places", hex, Recipe{Graph: GraphHex}, 6, 2},
		{"squidpy's grid, asked for", sq, Recipe{Graph: GraphSquare}, 8, 3},
		{"a radius of 1.5 pitches: touching spots, also across corners", sq, Recipe{Graph: GraphRadius}, 8, 3},
		{"a radius of 1.1 pitches", sq, Recipe{Graph: GraphRadius, Radius: 1.1}, 4, 2},
		{"Delaunay: at the border two rows away too", hex, Recipe{Graph: GraphDelaunay}, 6, 3},
		{"turned round: the corner is among the nearest of fewer", hex, Recipe{Transposed: true}, 6, 3},
	} {
		g, err := tc.recipe.withDefaults().graph(tc.place)
		if err != nil {
			t.Errorf("%s: %v", tc.reason, err)
			continue
		}
		if got := len(g.Of(inner)); got != tc.inner {
			t.Errorf("%s: %d neighbours inside, want %d", tc.reason, got, tc.inner)
		}
		if got := len(g.Of(0)); got != tc.corner {
			t.Errorf("%s: %d neighbours of the corner, want %d", tc.reason, got, tc.corner)
		}
	}
	same := place{x: make([]float64, 4), y: make([]float64, 4), row: make([]int, 4), col: make([]int, 4)}
	for _, kind := range []GraphKind{GraphRadius, GraphHex} {
		if _, err := (Recipe{Graph: kind}).withDefaults().graph(same); err == nil {
			t.Errorf("%s: spots in one place gave no error", kind)
		}
	}
}

func placeOfSlide(s *slide.Slide) place {
	return place{x: s.X, y: s.Y, row: s.ArrayRow, col: s.ArrayCol}
}

// The data set gives the graph that its adaptive median used, per slide.
func TestDatasetGraph(t *testing.T) {
	r := Recipe{Inputs: []Input{{}, {}}, Genes: 20, Transposed: true}
	d := curate(t, []*slide.Slide{square(t, "A", 14, 1), square(t, "B", 12, 2)}, r)
	for s := range d.Sections {
		g, err := d.Graph(s)
		if err != nil {
			t.Fatal(err)
		}
		if g.Len() != len(d.SpotsOf(s)) || g.Check() != nil {
			t.Errorf("slide %d: a graph of %d spots for %d (%v)", s, g.Len(), len(d.SpotsOf(s)), g.Check())
		}
	}
	knn := curate(t, []*slide.Slide{square(t, "A", 14, 1), square(t, "B", 12, 2)}, Recipe{Inputs: []Input{{}, {}}, Genes: 20, Graph: GraphKNN})
	if slices.Equal(knn.Layers[LayerDLog].Data, d.Layers[LayerDLog].Data) {
		t.Error("another graph gave the same completion")
	}
}

func TestNoisy(t *testing.T) {
	slides, r := pair(t)
	d := curate(t, slides, r)
	for _, layer := range []string{LayerCDLog, LayerCDDelta} {
		got, err := d.Noisy(layer)
		if err != nil {
			t.Fatal(err)
		}
		m := d.Layers[layer]
		for k, measured := range d.Mask {
			want := m.Data[k]
			if !measured {
				want = 0
				if layer == LayerCDDelta {
					want = float32(-d.TrainMean[LayerCDLog][k%m.Cols])
				}
			}
			if got.Data[k] != want {
				t.Fatalf("noisy %s: entry %d is %g, want %g", layer, k, got.Data[k], want)
			}
		}
	}
	if _, err := d.Noisy(LayerCTLog); err == nil {
		t.Error("the noisy form of a layer that is not there gave no error")
	}
	delete(d.TrainMean, LayerCDLog)
	if _, err := d.Noisy(LayerCDDelta); err == nil || !strings.Contains(err.Error(), "train mean") {
		t.Errorf("deltas without means gave %v", err)
	}
}

func TestOneBatchIsSaid(t *testing.T) {
	slides, r := pair(t)
	r.BatchKey, r.Patients, r.Order = "patient", map[string]string{"A": "p", "B": "p"}, Released
	d := curate(t, slides, r)
	if !hasNote(d, "one batch: no batch correction, so there are no layers c_log1p") {
		t.Errorf("notes %q", d.Manifest.Notes)
	}
	if _, err := d.Layer(LayerCDLog); err == nil || !strings.Contains(err.Error(), "batch correction") {
		t.Errorf("asking for c_d_log1p gave %v", err)
	}
}

// Genes of which a slide shows next to nothing get one value almost
// everywhere from the adaptive median, and ComBat divides by what is left of
// its variance. The manifest names genes and slide.
func TestStretchedGenesAreNamed(t *testing.T) {
	slides, r := pair(t)
	b := slides[1]
	for i := range b.Counts.Rows {
		genes, vals := b.Counts.Row(i)
		for k, g := range genes {
			if g < 10 && i%40 != 0 {
				vals[k] = 0
			} else if g < 10 {
				vals[k] = 5
			}
		}
	}
	r.RealShare, r.Genes = 0.3, 60
	r.Train, r.Val = []string{"A"}, []string{"B"}
	d := curate(t, slides, r)
	if !hasNote(d, "c_d_log1p of B: ComBat stretches 10 genes extremely, hardly measured there: ") || !hasNote(d, "% of the spots had one value") || hasNote(d, "of A: ComBat") {
		t.Errorf("notes %q", d.Manifest.Notes)
	}
}

func TestGraphOfLattice(t *testing.T) {
	if k := neighbor.Lattice(placeOfSlide(square(t, "A", 8, 1)).row, placeOfSlide(square(t, "A", 8, 1)).col); k != neighbor.Square {
		t.Errorf("a square array is taken for %v", k)
	}
}

func fromDense(m blas32.General) *sparse.CSR {
	s := &sparse.CSR{Rows: m.Rows, Cols: m.Cols, IndPtr: []int64{0}}
	for i := range m.Rows {
		for j, v := range m.Data[i*m.Stride : i*m.Stride+m.Cols] {
			if v != 0 {
				s.Indices, s.Data = append(s.Indices, int32(j)), append(s.Data, v)
			}
		}
		s.IndPtr = append(s.IndPtr, int64(len(s.Data)))
	}
	return s
}
