package spackle_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// fixture is a made-up data set: three slides of a hexagonal grid (train, val,
// test), or one slide whose right third validates. Rates are smooth in space;
// lengths are powers of two and totals multiples of 1/4096, so that sums of
// count/length are exact and a test may compare bits.
func fixture(seed uint64, lone bool) *spared.Dataset {
	const rows, cols, genes = 8, 9, 7
	rng := rand.New(rand.NewPCG(seed, 77))
	ds := &spared.Dataset{Layers: map[string]blas32.General{}, TrainMean: map[string][]float64{}}
	ds.Manifest.Recipe.Order = spared.Clean
	ds.Manifest.Splits = "by slide"
	for g := range genes {
		ds.Genes = append(ds.Genes, spared.Gene{ID: "ENSG" + string(rune('A'+g)), Symbol: "G" + string(rune('a'+g)), Length: float64(int(512) << (g % 4))})
	}
	sections := []string{"one", "two", "three"}
	if lone {
		sections = []string{"alone"}
		ds.Manifest.Splits = "one slide: blocks of its spots validate"
		ds.Manifest.Notes = []string{"one slide: its right third validates"}
	}
	for s, name := range sections {
		ds.Sections = append(ds.Sections, spared.Section{Name: name, Batch: name})
		for i := range rows * cols {
			r, c := i/cols, i%cols
			p := spared.Spot{ID: name + "_" + string(rune('a'+r)) + string(rune('a'+c)), Slide: s, Split: spared.Split(s + 1),
				X: 100 * (float64(c) + 0.5*float64(r%2)), Y: 86.6 * float64(r)}
			if lone {
				p.Split = spared.Train
				if c >= 2*cols/3 {
					p.Split = spared.Val
				}
			}
			ds.Spots = append(ds.Spots, p)
		}
	}
	n := len(ds.Spots)
	counts := blas32.General{Rows: n, Cols: genes, Stride: genes, Data: make([]float32, n*genes)}
	for i := range ds.Spots {
		rest := 1 + rng.IntN(3)
		ds.Spots[i].RPK = float64(rest) / 16
		ds.Spots[i].TotalCounts = float64(20 * rest)
		for g := range genes {
			rate := 2.2 * float64(g+2) / (genes + 1) * (1 + math.Sin(ds.Spots[i].X/150+float64(g)))
			for range 5 {
				if rng.Float64() < rate/5 {
					counts.Data[i*genes+g]++
				}
			}
			ds.Spots[i].RPK += float64(counts.Data[i*genes+g]) / ds.Genes[g].Length
			ds.Spots[i].TotalCounts += float64(counts.Data[i*genes+g])
		}
	}
	setCounts(ds, counts)
	return ds
}

// setCounts gives the data set its counts and what follows from them.
func setCounts(ds *spared.Dataset, counts blas32.General) {
	genes := len(ds.Genes)
	log := blas32.General{Rows: counts.Rows, Cols: genes, Stride: genes, Data: make([]float32, len(counts.Data))}
	ds.Mask = make([]bool, len(counts.Data))
	for k, c := range counts.Data {
		ds.Mask[k] = c > 0
		log.Data[k] = float32(math.Log2(1 + 1e6*float64(c)/(ds.Genes[k%genes].Length*ds.Spots[k/genes].RPK)))
	}
	ds.Layers[spared.LayerCounts], ds.Layers[spared.LayerLog] = counts, log
}

// recorder is a completer that keeps the views it is given.
type recorder struct {
	baseline.NoFit
	views  []string
	hidden [][]bool
	values [][]float32
}

func (r *recorder) Name() string { return "recorder" }

func (r *recorder) Complete(_ context.Context, v *view) (*baseline.Completion, error) {
	if err := v.Check(); err != nil {
		return nil, err
	}
	r.views = append(r.views, v.Slide)
	r.hidden = append(r.hidden, slices.Clone(v.Hidden))
	r.values = append(r.values, slices.Clone(v.Values.Data))
	return &baseline.Completion{Values: v.Values}, nil
}

// fitted returns the baselines, fitted to the data set.
func fitted(ds *spared.Dataset) ([]baseline.Completer, error) {
	train, err := spackle.TrainViews(ds)
	if err != nil {
		return nil, err
	}
	methods := spackle.Baselines()
	for _, m := range methods {
		if err := m.Fit(context.Background(), train); err != nil {
			return nil, err
		}
	}
	return methods, nil
}

func TestViewByHand(t *testing.T) {
	ds := &spared.Dataset{
		Spots:    []spared.Spot{{ID: "s_a", RPK: 0.5}, {ID: "s_b", X: 100, RPK: 0.25}},
		Genes:    []spared.Gene{{ID: "A", Length: 10}, {ID: "B", Length: 20}},
		Sections: []spared.Section{{Name: "s"}},
		Layers:   map[string]blas32.General{},
	}
	setCounts(ds, blas32.General{Rows: 2, Cols: 2, Stride: 2, Data: []float32{2, 4, 0, 5}})

	// Spot a: N = 0.5; hiding B (4/20 = 0.2) leaves N' = 0.3, and A becomes
	// log2(1 + 1e6·2/(10·0.3)). Spot b: all of N = 5/20 is hidden.
	v, err := spackle.NewView(ds, 0, []bool{false, true, false, true})
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{float32(math.Log2(1 + 1e6*2/(10*0.3))), 0, 0, 0}
	for i := range want {
		if math.Abs(float64(v.Values.Data[i]-want[i])) > 1e-6 {
			t.Errorf("entry %d: got %g, want %g", i, v.Values.Data[i], want[i])
		}
	}
	if !slices.Equal(v.Visible, []bool{true, false, false, false}) || v.Slide != "s" || v.X[1] != 100 || v.Graph.Len() != 2 {
		t.Errorf("got %+v", v)
	}
	if err := v.Check(); err != nil {
		t.Error(err)
	}
}

// TestViewOfSomeGenes: with the most spatial genes as targets the others stand
// beside them, never hidden, and are the spot's depth.
func TestViewOfSomeGenes(t *testing.T) {
	ds := fixture(6, false)
	for g := range ds.Genes {
		ds.Genes[g].Moran = []float64{.1, .9, .2, .8, .3, .7, math.NaN()}[g]
	}
	var got *view
	look := looker{f: func(v *view) { got = v }}
	e := evaluate(t, ds, spackle.EvaluateOptions{Methods: []baseline.Completer{look}, Masks: 1, Targets: 3})
	if e.Data.Genes != 3 || len(e.Methods[0].Genes) != 3 || e.Methods[0].Genes[0].ID != "ENSGB" || e.Methods[0].Genes[2].ID != "ENSGF" {
		t.Fatalf("scored %+v", e.Methods[0].Genes)
	}
	counts := ds.Layers[spared.LayerCounts]
	for k, i := range ds.SpotsOf(2) {
		sum := 0.
		for m, g := range []int{0, 2, 4, 6} {
			c := counts.Data[i*7+g]
			sum += float64(c)
			if got.Rest.Data[k*4+m] != c {
				t.Fatalf("spot %d: %g of further gene %d, want %g", k, got.Rest.Data[k*4+m], m, c)
			}
		}
		if got.Depth[k] != sum {
			t.Fatalf("spot %d: depth %g, want %g", k, got.Depth[k], sum)
		}
		for m, g := range []int{1, 3, 5} {
			if h := got.Hidden[k*3+m]; h == (got.Counts.Data[k*3+m] > 0) && ds.Mask[i*7+g] {
				t.Fatalf("spot %d, gene %d: hidden %v, count %g", k, g, h, got.Counts.Data[k*3+m])
			}
		}
	}
	whole, err := spackle.NewView(ds, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k := range ds.SpotsOf(2) {
		if d := whole.Depth[k]; d != 20 && d != 40 && d != 60 { // as the fixture draws
			t.Fatalf("spot %d has %g counts of genes that are not in the data set", k, d)
		}
	}
}

// withPanel gives the data set of fixture a panel: its own genes and more
// others, whose ids come before, between and after them. A count of each third
// spot is of the first of the others, and so on.
func withPanel(ds *spared.Dataset, more int) {
	for k := range more {
		id := "ENSG" + string(rune('A'+k%7)) + strings.Repeat("0", 1+k/7)
		ds.Panel = append(ds.Panel, spared.PanelGene{ID: id, Length: float64(int(256) << (k % 3)), GlobalFrac: float64(k%11) / 11})
	}
	for _, g := range ds.Genes {
		ds.Panel = append(ds.Panel, spared.PanelGene{ID: g.ID, Length: g.Length, GlobalFrac: 0.5})
	}
	slices.SortFunc(ds.Panel, func(a, b spared.PanelGene) int { return strings.Compare(a.ID, b.ID) })
	counts := ds.Layers[spared.LayerCounts]
	m := &sparse.CSR{Rows: len(ds.Spots), Cols: len(ds.Panel), IndPtr: []int64{0}}
	for i := range ds.Spots {
		for j, p := range ds.Panel {
			c := float32((i + 2*j) % 3)
			if g := slices.IndexFunc(ds.Genes, func(g spared.Gene) bool { return g.ID == p.ID }); g >= 0 {
				c = counts.Data[i*counts.Stride+g]
			} else {
				ds.Spots[i].RPK += float64(c) / p.Length
			}
			if c > 0 {
				m.Indices, m.Data = append(m.Indices, int32(j)), append(m.Data, c)
			}
		}
		m.IndPtr = append(m.IndPtr, int64(len(m.Data)))
	}
	ds.PanelCounts = m
	setCounts(ds, counts)
}

// TestViewOfPanel: what a view shows beside its genes is the panel without
// them, the same genes in each section and in the views that methods learn
// from. Of a large panel the most detected are shown, and Depth is all of it.
func TestViewOfPanel(t *testing.T) {
	for _, tc := range []struct {
		reason  string
		more    int // genes of the panel beside the data set's own 7
		targets int
		rest    int // genes shown beside the view's
	}{
		{"all genes of the data set are completed", 20, 0, 20},
		{"some are", 20, 3, 24},
		{"the panel is the data set's genes", 0, 0, 0},
		{"and some of them are completed", 0, 3, 4},
		{"as many as a view can show", 1000, 0, 1000},
		{"more than a view can show", 1500, 0, 1000},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			ds := fixture(6, false)
			for g := range ds.Genes {
				ds.Genes[g].Moran = []float64{.1, .9, .2, .8, .3, .7, .4}[g]
			}
			withPanel(ds, tc.more)
			own := []string{"ENSGA", "ENSGB", "ENSGC", "ENSGD", "ENSGE", "ENSGF", "ENSGG"}
			if tc.targets == 3 {
				own = []string{"ENSGB", "ENSGD", "ENSGF"}
			}
			views, err := spackle.TrainViews(ds)
			if err != nil {
				t.Fatal(err)
			}
			var rest []string
			if tc.targets == 0 {
				rest = views[0].RestGenes
			}
			look := looker{f: func(v *view) { views = append(views, v) }}
			evaluate(t, ds, spackle.EvaluateOptions{Methods: []baseline.Completer{look}, Masks: 1, Targets: tc.targets})
			for _, v := range views[1:] {
				if rest == nil {
					rest = v.RestGenes
				}
				checkPanelView(t, ds, v, own)
				if len(v.RestGenes) != tc.rest || !slices.Equal(v.RestGenes, rest) {
					t.Errorf("slide %s shows %d further genes, want %d, the same everywhere", v.Slide, len(v.RestGenes), tc.rest)
				}
			}
		})
	}
}

// checkPanelView looks all that the view shows beside its genes up in the panel.
func checkPanelView(t *testing.T, ds *spared.Dataset, v *view, own []string) {
	t.Helper()
	if err := v.Check(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(v.Genes, own) {
		t.Fatalf("the view is of %v", v.Genes)
	}
	if !slices.IsSorted(v.RestGenes) {
		t.Error("further genes are not by id")
	}
	of := map[string]int{}
	least, missed := 1., 0. // shares of spots of the rarest gene that is shown, and of the most common that is not
	for j, p := range ds.Panel {
		of[p.ID] = j
		switch {
		case slices.Contains(v.RestGenes, p.ID):
			least = min(least, p.GlobalFrac)
		case !slices.Contains(own, p.ID):
			missed = max(missed, p.GlobalFrac)
		}
	}
	if len(v.RestGenes) == 0 {
		return
	}
	if missed > least {
		t.Errorf("a gene in %g of the spots is shown, one in %g is not", least, missed)
	}
	whole := ds.PanelCounts.Dense()
	for k, i := range ds.SpotsOf(ds.Section(v.Slide)) {
		row := whole.Data[i*whole.Stride:][:whole.Cols]
		depth := 0.
		for j, c := range row {
			if !slices.Contains(own, ds.Panel[j].ID) {
				depth += float64(c)
			}
		}
		if v.Depth[k] != depth {
			t.Fatalf("spot %d: depth %g, want %g", k, v.Depth[k], depth)
		}
		for m, id := range v.RestGenes {
			if got, want := v.Rest.Data[k*v.Rest.Stride+m], row[of[id]]; got != want || v.RestSizes[m] != ds.Panel[of[id]].Length {
				t.Fatalf("spot %d: %g of gene %s (size %g), want %g", k, got, id, v.RestSizes[m], want)
			}
		}
	}
}

// TestViewFeatures: the one embedding of patches is what a view has for
// features.
func TestViewFeatures(t *testing.T) {
	n := 3 * 72
	m := blas32.General{Rows: n, Cols: 2, Stride: 3, Data: make([]float32, 3*n)}
	for k := range m.Data {
		m.Data[k] = float32(k)
	}
	broken := blas32.General{Rows: n, Cols: 2, Stride: 3, Data: slices.Clone(m.Data)}
	broken.Data[3*80+1] = float32(math.NaN())
	for _, tc := range []struct {
		reason string
		obsm   map[string]blas32.General
		cols   int
		fails  string
	}{
		{"none", nil, 0, ""},
		{"none among others", map[string]blas32.General{"X_pca": m}, 0, ""},
		{"one", map[string]blas32.General{"X_pca": broken, "embeddings_densenet": m}, 2, ""},
		{"two, and nobody says which", map[string]blas32.General{"embeddings_resnet": m, "embeddings_densenet": m}, 0, ""},
		{"one that is not whole", map[string]blas32.General{"embeddings_densenet": broken}, 0, "NaN at spot two_ai"},
		{"of other spots", map[string]blas32.General{"embeddings_densenet": {Rows: 3, Cols: 1, Stride: 1, Data: make([]float32, 3)}}, 0, "3 x 1"},
	} {
		ds := fixture(2, false)
		ds.Obsm = tc.obsm
		v, err := spackle.NewView(ds, 1, nil)
		switch {
		case tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)):
			t.Errorf("%s: got %v, want an error with %q", tc.reason, err, tc.fails)
		case tc.fails != "":
		case err != nil:
			t.Errorf("%s: %v", tc.reason, err)
		case v.Features.Cols != tc.cols || v.Check() != nil:
			t.Errorf("%s: %d features, want %d (%v)", tc.reason, v.Features.Cols, tc.cols, v.Check())
		case tc.cols > 0 && v.Features.Data[3*v.Features.Stride+1] != m.Data[3*(72+3)+1]:
			t.Errorf("%s: the features are of other spots", tc.reason)
		}
	}
}

// looker shows the views it is given and answers with their values.
type looker struct {
	baseline.NoFit
	f func(*view)
}

func (looker) Name() string { return "looker" }
func (l looker) Complete(_ context.Context, v *view) (*baseline.Completion, error) {
	l.f(v)
	return &baseline.Completion{Values: v.Values}, nil
}

func TestViewWithoutHidingIsTheLayer(t *testing.T) {
	for _, lone := range []bool{false, true} {
		ds := fixture(5, lone)
		log := ds.Layers[spared.LayerLog]
		genes := len(ds.Genes)
		for s := range ds.Sections {
			v, err := spackle.NewView(ds, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			lo := ds.SpotsOf(s)[0] * genes
			if !slices.Equal(v.Values.Data, log.Data[lo:lo+len(v.Values.Data)]) || !slices.Equal(v.Visible, ds.Mask[lo:lo+len(v.Visible)]) || v.Hidden != nil {
				t.Errorf("section %s: the view is not log1p and the mask", v.Slide)
			}
		}
	}
}

// TestNothingHiddenReachesAMethod changes every hidden count, and the spot's
// total with it so that what is visible adds up to the same: views and
// predictions must not move by a bit.
func TestNothingHiddenReachesAMethod(t *testing.T) {
	for _, lone := range []bool{false, true} {
		for seed := range uint64(4) {
			rng := rand.New(rand.NewPCG(seed, 5))
			ds := fixture(seed, lone)
			if seed%2 == 1 {
				withPanel(ds, 9)
			}
			split := spared.Test
			if lone {
				split = spared.Val
			}
			genes := len(ds.Genes)
			methods, err := fitted(ds)
			if err != nil {
				t.Fatal(err)
			}
			for s := range ds.Sections {
				spots := ds.SpotsOf(s)
				hidden := make([]bool, len(spots)*genes)
				for k := range hidden {
					i := spots[k/genes]
					hidden[k] = ds.Spots[i].Split == split && ds.Mask[i*genes+k%genes] && rng.Float64() < 0.4
				}
				other := tampered(rng, ds, spots, hidden)
				a, err := spackle.NewView(ds, s, hidden)
				if err != nil {
					t.Fatal(err)
				}
				b, err := spackle.NewView(other, s, hidden)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(a.Values.Data, b.Values.Data) || !slices.Equal(a.Visible, b.Visible) {
					t.Fatalf("seed %d, section %s: the view depends on hidden counts", seed, a.Slide)
				}
				again, err := fitted(other)
				if err != nil {
					t.Fatal(err)
				}
				for m := range methods {
					one, err := methods[m].Complete(context.Background(), a)
					if err != nil {
						t.Fatal(err)
					}
					two, err := again[m].Complete(context.Background(), b)
					if err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(one.Values.Data, two.Values.Data) {
						t.Errorf("seed %d, section %s: %s depends on hidden counts", seed, a.Slide, methods[m].Name())
					}
				}
			}
		}
	}
}

// tampered returns the data set with other counts in the hidden entries.
func tampered(rng *rand.Rand, ds *spared.Dataset, spots []int, hidden []bool) *spared.Dataset {
	genes := len(ds.Genes)
	other := *ds
	other.Spots = slices.Clone(ds.Spots)
	other.Layers = map[string]blas32.General{}
	counts := ds.Layers[spared.LayerCounts]
	counts.Data = slices.Clone(counts.Data)
	for k, h := range hidden {
		if h {
			i, g := spots[k/genes], k%genes
			more := float32(1 + rng.IntN(50))
			counts.Data[i*genes+g] += more
			other.Spots[i].RPK += float64(more) / ds.Genes[g].Length
			other.Spots[i].TotalCounts += float64(more)
		}
	}
	if ds.PanelCounts != nil {
		panel := *ds.PanelCounts
		panel.Data = slices.Clone(panel.Data)
		for i := range ds.Spots {
			ids, values := panel.Row(i)
			for k, j := range ids {
				if g := ds.GeneIndex(ds.Panel[j].ID); g >= 0 {
					values[k] = counts.Data[i*genes+g]
				}
			}
		}
		other.PanelCounts = &panel
	}
	setCounts(&other, counts)
	return &other
}

func TestNewViewErrors(t *testing.T) {
	for _, c := range []struct {
		reason  string
		spoil   func(ds *spared.Dataset)
		section int
		hidden  []bool
		want    string
	}{
		{reason: "no such section", section: 3, want: "section 3 of 3"},
		{reason: "nor a negative one", section: -1, want: "section -1"},
		{reason: "flags of another shape", hidden: make([]bool, 5), want: "5 hidden flags"},
		{reason: "what was not measured cannot be hidden", hidden: slices.Repeat([]bool{true}, 72*7), want: "cannot be hidden"},
		{reason: "raw counts are needed", spoil: func(ds *spared.Dataset) { delete(ds.Layers, spared.LayerCounts) }, want: "raw counts"},
		{reason: "and gene lengths", spoil: func(ds *spared.Dataset) { ds.Genes[2].Length = 0 }, want: "without lengths"},
		{reason: "and totals", spoil: func(ds *spared.Dataset) { ds.Spots[3].RPK = 0 }, want: "spared.Build"},
		{reason: "a total cannot be below its parts", spoil: func(ds *spared.Dataset) { ds.Spots[3].RPK = 1e-4 }, want: "spared.Build"},
		{reason: "counts of the panel must be of these spots", spoil: func(ds *spared.Dataset) { withPanel(ds, 3); ds.PanelCounts.Rows-- }, want: "the panel's counts"},
		{reason: "and its genes have lengths", spoil: func(ds *spared.Dataset) { withPanel(ds, 3); ds.Panel[1].Length = 0 }, want: "of the panel has length 0"},
		{reason: "the mask must fit", spoil: func(ds *spared.Dataset) { ds.Mask = ds.Mask[1:] }, want: "do not fit"},
	} {
		ds := fixture(1, false)
		if c.spoil != nil {
			c.spoil(ds)
		}
		if _, err := spackle.NewView(ds, c.section, c.hidden); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.reason, err, c.want)
		}
	}
}

func BenchmarkNewView(b *testing.B) {
	ds := fixture(1, false)
	hidden := make([]bool, 72*7)
	for k := range hidden {
		hidden[k] = ds.Mask[k] && k%3 == 0
	}
	for b.Loop() {
		if _, err := spackle.NewView(ds, 0, hidden); err != nil {
			b.Fatal(err)
		}
	}
}
