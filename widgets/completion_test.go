package widgets

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
)

// answered adds the layers that a completion leaves to tissue.
func answered(ds *spared.Dataset) *spared.Dataset {
	full, genes := ds.Layers[spared.LayerCTLog], len(ds.Genes)
	sd, rate, counts := make([]float32, len(full.Data)), make([]float32, len(full.Data)), make([]float32, len(full.Data))
	for k, seen := range ds.Mask {
		if rate[k] = ds.Layers[spared.LayerLog].Data[k]; seen {
			counts[k] = float32(math.Ceil(float64(rate[k])))
			continue
		}
		sd[k], rate[k] = 0.4+0.1*float32(k%7), 0.4*full.Data[k]
	}
	for name, data := range map[string][]float32{spared.LayerCTLogSD: sd, spared.LayerRate: rate, spared.LayerCounts: counts} {
		ds.Layers[name] = blas32.General{Rows: len(ds.Spots), Cols: genes, Stride: genes, Data: data}
	}
	return ds
}

// hide30 hides three in ten measured values, and returns two methods' guesses.
func hide30(ds *spared.Dataset) (hidden []bool, methods []Panel) {
	rng := rand.New(rand.NewPCG(9, 9))
	genes, truth := len(ds.Genes), ds.Layers[spared.LayerLog]
	hidden = make([]bool, len(ds.Mask))
	near, far := slices.Clone(ds.Layers[spared.LayerCTLog].Data), make([]float32, len(ds.Mask))
	for k := range hidden {
		hidden[k] = ds.Mask[k] && rng.Float64() < 0.3
		far[k] = 2 + 0.3*truth.Data[k] + float32(rng.NormFloat64())
	}
	as := func(data []float32) blas32.General {
		return blas32.General{Rows: len(ds.Spots), Cols: genes, Stride: genes, Data: data}
	}
	return hidden, []Panel{{Title: "Poisson factor", Values: as(near)}, {Title: "median", Values: as(far)}}
}

// completionGallery returns one figure of each kind that a completion needs.
// Names of the data set stand wherever a name of a method can.
func completionGallery(ds *spared.Dataset) []Figure {
	rng := rand.New(rand.NewPCG(4, 4))
	name := func(i int) string { return ds.Genes[i%len(ds.Genes)].Symbol }
	some := func(n int, mean, sd float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = mean + sd*rng.NormFloat64()
		}
		return out
	}
	shares := []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7}
	band := func(from, to float64) Band {
		var b Band
		for i := range shares {
			v := from + (to-from)*float64(i*i)/36
			b.Value, b.Low, b.High = append(b.Value, v), append(b.Low, v-0.03), append(b.High, v+0.04)
		}
		return b
	}
	sweep := Sweep{Data: name(2), Unit: "log2(TPM+1)", Shares: shares, Floor: []float64{0.45}, Methods: []SweepMethod{
		{"Poisson factor", band(0.5, 0.62), band(0.77, 0.7)}, {name(0), band(0.6, 1.1), band(0.72, 0.5)}, {name(1), band(1.2, 3.1), band(0.4, 0.1)}}}
	var errs []Errors
	var pairs []Guesses
	var runs []Run
	var coverage []CoverageMethod
	var structure []StructureMethod
	truth := some(900, 5, 1.5)
	for k := range 4 {
		abs, guess := some(3000, 0, 0.5+0.2*float64(k)), slices.Clone(truth)
		for i := range abs {
			abs[i] = math.Abs(abs[i])
		}
		for i := range guess {
			guess[i] += (0.4 + 0.3*float64(k)) * rng.NormFloat64()
		}
		r := Run{Name: name(k)}
		for s := 10; s <= 600; s += 10 {
			r.Steps, r.ValMSE = append(r.Steps, s), append(r.ValMSE, 0.6+0.1*float64(k)+3*math.Exp(-float64(s)/80)+0.02*rng.Float64())
		}
		errs, pairs, runs = append(errs, Errors{name(k), abs}), append(pairs, Guesses{name(k), truth, guess, nil}), append(runs, r)
		off := 0.02 * float64(k)
		coverage = append(coverage, CoverageMethod{Name: name(k), Measured: []float64{0.5 + off, 0.8 - off, 0.95 - off}, Low: []float64{0.48 + off, 0.78 - off, 0.94 - off},
			High: []float64{0.52 + off, 0.82 - off, 0.96 - off}, Width: []float64{0.8, 1.5, 2.4}})
		structure = append(structure, StructureMethod{name(k), some(60, 0.05*float64(k), 0.03), some(60, 0.4, 0.12)})
	}
	runs[3].Note = name(5)
	var genes []string
	for j := range ds.Genes {
		genes = append(genes, ds.Genes[j].Symbol)
	}
	before := some(len(genes), 0.25, 0.1)
	after := []GeneValues{{name(0), some(len(genes), 0.45, 0.12)}, {name(1), some(len(genes), 0.6, 0.12)}}
	answered(ds)
	hidden, methods := hide30(ds)
	methods[1].Title = name(0)
	return []Figure{
		must(MaskingSweep(sweep)),
		must(ErrorViolins("Errors of hidden values", errs, ErrorViolinsOptions{Data: name(2), Unit: "log2(TPM+1)"})),
		must(ErrorViolins("Errors of genes", errs, ErrorViolinsOptions{Measure: "MSE", Of: name(0), Log: true})),
		must(HiddenMaps(ds, hidden, methods, CompareOptions{})),
		must(TruthScatter("Hidden values", pairs, TruthScatterOptions{Data: name(2), Unit: "log2(TPM+1)"})),
		must(TruthScatter("Hidden values of "+name(0), pairs[:2], TruthScatterOptions{Unit: "log2(TPM+1)", Overlay: true})),
		must(UncertaintyMap(ds, CompareOptions{Slides: []string{ds.Sections[0].Name, ds.Sections[1].Name}})),
		must(Coverage("How often intervals hold", []float64{0.5, 0.8, 0.95}, coverage, CoverageOptions{Data: name(2), Unit: "log2(TPM+1)"})),
		must(TwoAnswers(ds, CompareOptions{})),
		must(MoranChange("What completion does to Moran’s I", genes, before, after, MoranChangeOptions{Data: name(2)})),
		must(InventedStructure("What methods make up", structure, InventedStructureOptions{Data: name(2), Shuffled: some(60, 0, 0.02), Real: some(60, 0.25, 0.1)})),
		must(Trainings("Learning rates", "log2(TPM+1)", runs)),
	}
}

// TestSweep checks what stands in the figure: a choice for each measure, bands
// around the lines, the floor, a logarithmic axis where errors span much.
func TestSweep(t *testing.T) {
	s := Sweep{Unit: "u", Shares: []float64{0.1, 0.3}, Floor: []float64{0.4}, Methods: []SweepMethod{
		{Name: "a", MSE: Band{[]float64{0.5, 0.6}, []float64{0.45, 0.5}, []float64{0.55, 0.7}}, PCC: Band{Value: []float64{0.8, 0.7}}},
		{Name: "b", MSE: Band{Value: []float64{2, 30}}},
	}}
	f := must(MaskingSweep(s))
	want := "Error by share of hidden values, MSE\n  a: from 0.500 to 0.600, least 0.500 at 10\n  b: from 2.0 to 30.0, least 2.0 at 10\n" +
		"  noise floor: from 0.400 to 0.400, least 0.400 at 10\nError by share of hidden values, PCC\n  a: from 0.800 to 0.700, least 0.700 at 30"
	if f.Text() != want {
		t.Errorf("text\n%s\nwant\n%s", f.Text(), want)
	}
	spec := f.figure.spec.(*plotSpec)
	if len(spec.Choices) != 1 || spec.Name != "MSE" || spec.Choices[0].Name != "PCC" || spec.Choices[0].Subtitle[1] != "higher is better" {
		t.Fatalf("%d other choices beside %q", len(spec.Choices), spec.Name)
	}
	if !spec.Panels[0].Y.Pow10 || spec.Choices[0].Panels[0].Y.Pow10 {
		t.Error("errors from 0.4 to 30 need a logarithmic axis, correlations none")
	}
	if b := spec.Series[0]; b.Render != "poly" || !b.Silent || len(b.Polys) != 1 || len(b.Polys[0]) != 8 || float64(b.Polys[0][0]) != 10 || math.Abs(float64(b.Polys[0][7])-math.Log10(0.55)) > 1e-9 {
		t.Errorf("the band of a: %+v", b)
	}
	if l := spec.Series[1]; len(l.Says) != 2 || l.Says[1] != "0.600 (0.500 to 0.700)" {
		t.Errorf("the line of a says %q", l.Says)
	}
	if n := spec.Legend[2]; n.Name != "noise floor" || !n.Dashed || len(spec.Choices[0].Legend) != 1 {
		t.Errorf("legend %+v and %+v", spec.Legend, spec.Choices[0].Legend)
	}
}

// TestBandGaps: an end that is not there interrupts the band, not the line.
func TestBandGaps(t *testing.T) {
	nan := math.NaN()
	l := Line{X: []float64{1, 2, 3, 4, 5}, Low: []float64{1, 1, nan, 1, 1}, High: []float64{2, 2, 2, 2, 3}}
	b := l.band(false)
	want := [][]float64{{1, 1, 2, 1, 2, 2, 1, 2}, {4, 1, 5, 1, 5, 3, 4, 2}}
	if !slices.EqualFunc(b.items, want, slices.Equal) {
		t.Errorf("polygons %v, want %v", b.items, want)
	}
}

func TestErrorViolinsText(t *testing.T) {
	many := make([]float64, 1000)
	for i := range many {
		many[i] = 1
	}
	many[7] = 900
	methods := []Errors{{"a", []float64{0, 1, 2, 3, math.NaN()}}, {"<b>", many}, {"none", nil}}
	f := must(ErrorViolins("E", methods, ErrorViolinsOptions{Unit: "u"}))
	for _, want := range []string{"E (absolute error, u of each hidden value)\n  a: 4 values, median", "mean 1.500\n  <b>: 1,000 values, median 1, quartiles 1 to 1, mean 1.899"} {
		if got := f.Text(); !strings.Contains(got, want) || strings.Contains(got, "none") {
			t.Errorf("text\n%s\nlacks\n%s", got, want)
		}
	}
	spec := f.figure.spec.(*plotSpec)
	if at := spec.Panels[0].Y.At; float64(at[len(at)-1]) > 10 {
		t.Errorf("one error of 900 in a thousand stretches the axis to %v", at)
	}
	if !strings.Contains(f.caption, "1 error not drawn: not finite") {
		t.Errorf("caption %q", f.caption)
	}
	logged := must(ErrorViolins("E", methods, ErrorViolinsOptions{Log: true}))
	if !strings.Contains(logged.caption, "2 errors not drawn: not positive or not finite") || !strings.Contains(logged.Text(), "a: 3 values") || !strings.Contains(logged.Text(), "mean 1.500") {
		t.Errorf("logarithmic: %q\n%s", logged.caption, logged.Text())
	}
}

// TestHiddenMapsErrors compares the errors above the maps with those by
// definition, and what each panel holds.
func TestHiddenMapsErrors(t *testing.T) {
	ds := tissue(2, 3)
	hidden, methods := hide30(ds)
	for k := range hidden[:len(hidden)/2] {
		if k%3 == 0 {
			hidden[k] = false // nothing of the first gene on the first slide
		}
	}
	f := must(HiddenMaps(ds, hidden, methods, CompareOptions{}))
	if len(f.maps.more) != 1 || len(f.maps.genes) != 3 {
		t.Fatalf("%d further slides, %d genes", len(f.maps.more), len(f.maps.genes))
	}
	for _, m := range append([]*mapSet{f.maps}, f.maps.more...) {
		for j := range m.genes {
			g := &m.genes[j]
			var se [2]float64
			n := 0
			for t, i := range m.scene.spots {
				k := i*3 + j
				if g.hidden[t] = hidden[k]; !hidden[k] {
					continue
				}
				n++
				for p := range methods {
					d := float64(methods[p].Values.Data[k] - ds.Layers[spared.LayerLog].Data[k])
					se[p] += d * d
				}
			}
			words := strings.Join(g.subtitle, " | ")
			want := fmt.Sprintf("hidden at %d of %d measured spots | MSE there: Poisson factor %s, median %s", n, trues(g.measured), format(se[0]/float64(n), 3), format(se[1]/float64(n), 3))
			if n == 0 {
				want = fmt.Sprintf("hidden at 0 of %d measured spots", trues(g.measured))
			}
			if !strings.Contains(words, want) {
				t.Errorf("gene %d on %s: %q, want %q", j, m.scene.name, words, want)
			}
			for i, v := range g.values[1] { // the completed map
				if g.measured[i] && !g.hidden[i] && v != g.values[3][i] {
					t.Fatalf("gene %d: a value that was not hidden is %g, measured %g", j, v, g.values[3][i])
				}
			}
		}
	}
}

// TestAnswersPanels: the map of standard deviations holds them where values
// were filled in and nothing elsewhere; answers share a scale, counts do not.
func TestAnswersPanels(t *testing.T) {
	ds := answered(tissue(1, 2))
	m := must(UncertaintyMap(ds, CompareOptions{Genes: []string{"Gene2"}})).maps
	for i, v := range m.genes[0].values[1] {
		if seen := ds.Mask[2*i+1]; seen != math.IsNaN(v) || !seen && float32(v) != ds.Layers[spared.LayerCTLogSD].Data[2*i+1] {
			t.Fatalf("spot %d, measured %v: standard deviation %g", i, seen, v)
		}
	}
	if keys := m.spotKeys(1); len(keys) != 1 || keys[0].words != "measured" || len(m.spotKeys(0)) != 0 {
		t.Errorf("below the bar: %v", keys)
	}
	g := must(TwoAnswers(ds, CompareOptions{Genes: []string{"Gene2"}})).maps.genes[0]
	if g.shared[0] != g.shared[1] || g.shared[2] == g.shared[0] || g.own[0] == g.own[1] {
		t.Errorf("colour limits %v, each alone %v", g.shared, g.own)
	}
}

// TestGeneOrder: maps of what is missing begin where there is much to see.
func TestGeneOrder(t *testing.T) {
	ds := answered(tissue(1, 3)) // Moran's I 0.9, 0.6, 0.3
	for k := range ds.Mask {
		// The first gene was measured nowhere, the second has gaps, the third none.
		ds.Mask[k] = k%3 == 2 || k%3 == 1 && k%2 == 0
	}
	if got := must(TwoAnswers(ds, CompareOptions{})).maps.genes[0].title[0]; got != "Gene2" {
		t.Errorf("the first gene is %s", got)
	}
}

func TestTruthScatterText(t *testing.T) {
	x := []float64{1, 2, 3, math.NaN()}
	methods := []Guesses{{Name: "a", Truth: x, Predicted: []float64{2, 2, 4, 1}}, {Name: "none", Truth: x[3:], Predicted: x[:1]}, {Name: "b", Truth: x, Predicted: x}}
	want := "S\n  a: 3 pairs, MSE 0.667, PCC 0.866, mean error 0.67\n  b: 3 pairs, MSE 0.000, PCC 1.000, mean error 0.00"
	for _, overlay := range []bool{false, true} {
		f := must(TruthScatter("S", methods, TruthScatterOptions{Overlay: overlay}))
		if f.Text() != want || !strings.Contains(f.caption, "3 pairs without a finite value") {
			t.Errorf("overlay %v: %s\n%s", overlay, f.Text(), f.caption)
		}
	}
	// Cells of all panels have one scale: a lone pair is darker where another
	// method has many in one place.
	many := make([]float64, mostPoints+1)
	f := must(TruthScatter("S", []Guesses{{Name: "a", Truth: many, Predicted: many}, {Name: "b", Truth: []float64{1}, Predicted: []float64{1}}}, TruthScatterOptions{}))
	dark := must(colorTable(""))[0]
	spec := f.figure.spec.(*plotSpec)
	for _, s := range spec.Series {
		if s.Panel == 1 && s.Colors != nil && s.Colors[0] != fmt.Sprintf("#%02x%02x%02x", dark.R, dark.G, dark.B) {
			t.Errorf("a lone pair has colour %s", s.Colors[0])
		}
	}
}

func TestCompletionTexts(t *testing.T) {
	coverage := must(Coverage("C", []float64{0.5, 0.95}, []CoverageMethod{{Name: "a", Measured: []float64{0.479, 0.962}}}, CoverageOptions{}))
	if want := "C\n  a: 50 % held 47.9 %, 95 % held 96.2 %"; coverage.Text() != want {
		t.Errorf("coverage %q", coverage.Text())
	}
	nan := math.NaN()
	change := must(MoranChange("M", []string{"x", "y", "z"}, []float64{0.1, 0.2, nan}, []GeneValues{{"a", []float64{0.3, 0.9, 0.5}}}, MoranChangeOptions{Most: 1}))
	if !strings.HasPrefix(change.Text(), "M\n  a: 2 genes, median ") {
		t.Errorf("change %q", change.Text())
	}
	if names := change.figure.spec.(*plotSpec).Panels[1].Y.Texts; len(names) != 1 || names[0] != "y" {
		t.Errorf("changed most: %q", names)
	}
	structure := must(InventedStructure("I", []StructureMethod{{"a", []float64{0, 0.1, nan}, []float64{0.4, 0.5, nan}}}, InventedStructureOptions{}))
	if text := structure.Text(); !strings.HasPrefix(text, "I\n  a, shuffled spots: 2 values") || !strings.Contains(text, "  a, real slide: 2 values") {
		t.Errorf("structure %q", text)
	}
	runs := must(Trainings("T", "u", []Run{{Name: "1e-3", Steps: []int{10, 20, 30}, ValMSE: []float64{3, 1.25, 2}}, {Name: "1", Steps: []int{10}, ValMSE: []float64{nan}, Note: "diverged"}}))
	if want := "T (validation MSE, (u)²)\n  1e-3: 1.250 at step 20\n  1: no error, diverged"; runs.Text() != want {
		t.Errorf("trainings %q", runs.Text())
	}
}

// TestBestSoFar: the staircase never rises and ends at the last step.
func TestBestSoFar(t *testing.T) {
	l := bestSoFar([]float64{10, 20, 30, 40}, []float64{3, 2, 2.5, 1}, 55)
	if want := []float64{10, 20, 20, 40, 40, 55}; !slices.Equal(l.X, want) {
		t.Errorf("steps %v, want %v", l.X, want)
	}
	if want := []float64{3, 3, 2, 2, 1, 1}; !slices.Equal(l.Y, want) {
		t.Errorf("errors %v, want %v", l.Y, want)
	}
}

// TestTrainingPace tells rate and time left by a clock of its own.
func TestTrainingPace(t *testing.T) {
	s, sent := notebook()
	tr := newTraining("Run", "u", s).Goal(1000)
	at := time.Unix(0, 0)
	tr.pace.now = func() time.Time { return at }
	tr.throttle.interval = time.Hour
	for step := 1; step <= 100; step++ {
		tr.Add(step, 1/float64(step), math.NaN(), "note <x>")
		at = at.Add(250 * time.Millisecond)
	}
	_, text, share, err := tr.snapshot()
	if want := "step 100 of 1,000, 4.0 steps a second, about 3 min 45 s left. note <x>"; text != want || share != 0.1 || err != nil {
		t.Errorf("%q, share %g, error %v; want %q", text, share, err, want)
	}
	tr.throttle.now()
	html := (*sent)[len(*sent)-1].Data["text/html"].(string)
	for _, want := range []string{"about 3 min 45 s left", "note &lt;x&gt;", "width:10.0%"} {
		if !strings.Contains(html, want) {
			t.Errorf("the live figure lacks %q", want)
		}
	}
	// A training that goes on after a pause is timed from there.
	tr = newTraining("Run", "u", s).Goal(1000)
	tr.pace.now = func() time.Time { return at }
	tr.Add(900, 1, 1, "")
	if _, text, _, _ := tr.snapshot(); text != "step 900 of 1,000." {
		t.Errorf("after one step: %q", text)
	}
}

// TestCompletionErrors asks for what is not there and for data that do not fit.
func TestCompletionErrors(t *testing.T) {
	ds := tissue(1, 3)
	hidden, methods := hide30(ds)
	bare := *ds
	bare.Mask = nil
	three := []float64{1, 2, 3}
	for _, c := range []struct {
		reason string
		err    error
		want   string
	}{
		{"a sweep of nothing", second(MaskingSweep(Sweep{})), "no method has a value"},
		{"a sweep with too few values", second(MaskingSweep(Sweep{Shares: three, Methods: []SweepMethod{{MSE: Band{Value: three[:2]}}}})), "3 x and 2 y"},
		{"a band with one end", second(MaskingSweep(Sweep{Shares: three, Methods: []SweepMethod{{MSE: Band{Value: three, Low: three}}}})), "3 and 0 ends"},
		{"a floor at other shares", second(MaskingSweep(Sweep{Shares: three, Floor: three[:2], Methods: []SweepMethod{{MSE: Band{Value: three}}}})), "3 x and 2 y"},
		{"violins of no errors", second(ErrorViolins("", []Errors{{"a", nil}}, ErrorViolinsOptions{})), "no errors"},
		{"logarithms of no positive errors", second(ErrorViolins("", []Errors{{"a", []float64{0}}}, ErrorViolinsOptions{Log: true})), "no errors"},
		{"hidden maps without a mask", second(HiddenMaps(&bare, hidden, methods, CompareOptions{})), "what was measured"},
		{"hidden maps of no data", second(HiddenMaps(nil, hidden, methods, CompareOptions{})), "what was measured"},
		{"flags of another data set", second(HiddenMaps(ds, hidden[1:], methods, CompareOptions{})), "flags of what is hidden"},
		{"no method", second(HiddenMaps(ds, hidden, nil, CompareOptions{})), "no method"},
		{"values of another shape", second(HiddenMaps(ds, hidden, []Panel{{Title: "short", Values: blas32.General{Rows: 1, Cols: 3, Stride: 3}}}, CompareOptions{})), `panel "short": 1 x 3`},
		{"no such slide to choose", second(Compare(ds, CompareOptions{Slides: []string{"x"}})), `no slide "x"`},
		{"no slide to choose", second(Compare(ds, CompareOptions{Slides: []string{}})), "no slide"},
		{"a panel of no layer", second(Compare(ds, CompareOptions{Panels: []Panel{{Layer: "x"}}})), `no layer "x"`},
		{"a panel in no colours", second(Compare(ds, CompareOptions{Panels: []Panel{{Layer: spared.LayerLog, Colors: "jet"}}})), `no colour scale "jet"`},
		{"a method that is never unsure", second(UncertaintyMap(ds, CompareOptions{})), "Poisson factor"},
		{"a method with one answer", second(TwoAnswers(ds, CompareOptions{})), "Poisson factor"},
		{"nothing at all", second(UncertaintyMap(nil, CompareOptions{})), "no data set"},
		{"pairs that do not pair", second(TruthScatter("", []Guesses{{Name: "a", Truth: three}}, TruthScatterOptions{})), "3 true and 0"},
		{"no pairs", second(TruthScatter("", nil, TruthScatterOptions{})), "no pair"},
		{"coverage at other levels", second(Coverage("", three, []CoverageMethod{{Measured: three[:1]}}, CoverageOptions{})), "1 shares"},
		{"coverage of nothing", second(Coverage("", nil, nil, CoverageOptions{})), "no values"},
		{"genes without a name", second(MoranChange("", nil, three, nil, MoranChangeOptions{})), "3 genes before"},
		{"no gene before and after", second(MoranChange("", []string{"a"}, three[:1], []GeneValues{{"m", []float64{math.NaN()}}}, MoranChangeOptions{})), "no gene"},
		{"no structure", second(InventedStructure("", nil, InventedStructureOptions{})), "no values"},
		{"trainings without steps", second(Trainings("", "", []Run{{Name: "a", ValMSE: three}})), "0 steps and 3"},
		{"trainings without errors", second(Trainings("", "", []Run{{Name: "a"}})), "no values"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.reason, c.err, c.want)
		}
	}
}

// TestChoice switches a figure between its measures in a page.
func TestChoice(t *testing.T) {
	b := Band{Value: []float64{0.5, 0.6}, Low: []float64{0.4, 0.5}, High: []float64{0.6, 0.7}}
	f := must(MaskingSweep(Sweep{Unit: "u", Shares: []float64{0.1, 0.3}, Methods: []SweepMethod{{"one", b, b}, {"two", Band{Value: []float64{1, 3}}, Band{}}}}))
	p := page(t, "Choice", []Figure{f})
	drawn(p, 1)
	before := p.Pixels(".sgo-chart canvas")
	p.Hover(".sgo-chart", 0.9, 0.5)
	p.Wait(`document.querySelector(".sgo-tip-static")`)
	var tip string
	p.Eval(`document.querySelector(".sgo-tip-static").innerText`, &tip)
	for _, want := range []string{"one", "0.600 (0.500 to 0.700)", "two", "3"} {
		if !strings.Contains(tip, want) {
			t.Errorf("the tooltip lacks %q: %q", want, tip)
		}
	}
	p.Eval(`(() => { const s = document.querySelector(".sgo-choice"); s.value = "1"; s.dispatchEvent(new Event("change")); })()`, nil)
	settle(p)
	var shown struct {
		Subtitle, Caption string
		Keys              int
	}
	p.Eval(`({subtitle: document.querySelector(".sgo-subtitle").textContent, caption: document.querySelector(".sgo-caption").textContent, keys: document.querySelectorAll(".sgo-key").length})`, &shown)
	if !strings.Contains(shown.Subtitle, "PCC") || !strings.Contains(shown.Caption, "Pearson") || shown.Keys != 0 || p.Pixels(".sgo-chart canvas") == before {
		t.Errorf("after the choice of PCC: %+v", shown)
	}
	p.Eval(`(() => { const s = document.querySelector(".sgo-choice"); s.value = "0"; s.dispatchEvent(new Event("change")); })()`, nil)
	p.Hover("h1", 0.5, 0.5)
	settle(p)
	p.Eval(`document.querySelectorAll(".sgo-key").length`, &shown.Keys)
	if shown.Keys != 2 {
		t.Errorf("back at the MSE there are %d names above the chart", shown.Keys)
	}
}

// TestHiddenMapsPage picks a slide and a gene and points at spots: barcode,
// truth and error are shown, and hidden spots are rings.
func TestHiddenMapsPage(t *testing.T) {
	ds := tissue(2, 3)
	hidden, methods := hide30(ds)
	methods[1].Title = hostile[0]
	p := page(t, "Hidden", []Figure{must(HiddenMaps(ds, hidden, methods, CompareOptions{NoPicture: true}))})
	drawn(p, 1)
	first := p.Pixels(compareCanvas)
	p.Eval(`(() => { const s = document.querySelector(".sgo-slides"); s.value = "1"; s.dispatchEvent(new Event("change")); })()`, nil)
	p.Click(".sgo-next")
	p.Wait(`document.querySelector(".sgo-title").textContent.startsWith("Gene2") && document.querySelector(".sgo-subtitle").textContent.includes("section_2")`)
	settle(p)
	if p.Pixels(compareCanvas) == first {
		t.Error("the other slide's other gene looks the same")
	}
	spot := -1
	for _, i := range ds.SpotsOf(1)[200:] {
		if hidden[i*3+1] {
			spot = i
			break
		}
	}
	var at struct {
		X, Y  float64
		Rings int
	}
	p.Eval(fmt.Sprintf(`(() => {
		const f = Object.values(Object.values(window).find(v => v && v.figures && v.draw).figures)[0], c = f.shell.chart;
		const q = c.convertToPixel({xAxisIndex: 1, yAxisIndex: 1}, [%g, %g]);
		return {x: q[0]/c.getWidth(), y: q[1]/c.getHeight(), rings: f.panels[0].start[258] - f.panels[0].start[257]};
	})()`, ds.Spots[spot].X, ds.Spots[spot].Y), &at)
	n := 0
	for _, i := range ds.SpotsOf(1) {
		if hidden[i*3+1] {
			n++
		}
	}
	if at.Rings != n {
		t.Errorf("%d rings for %d hidden values", at.Rings, n)
	}
	p.Hover(".sgo-chart", at.X, at.Y)
	p.Wait(`document.querySelector(".sgo-tip").style.display === "block"`)
	var tip string
	p.Eval(`document.querySelector(".sgo-tip").innerText`, &tip)
	truth := float64(ds.Layers[spared.LayerLog].Data[spot*3+1])
	off := float64(methods[0].Values.Data[spot*3+1]) - truth
	for _, want := range []string{ds.Spots[spot].Barcode, "hidden", format(truth, 1), hostile[0]} {
		if !strings.Contains(tip, want) {
			t.Errorf("the tooltip lacks %q: %q", want, tip)
		}
	}
	_, after, _ := strings.Cut(tip, "error ")
	word, _, _ := strings.Cut(after, "\n")
	said, err := strconv.ParseFloat(strings.Replace(word, "−", "-", 1), 64)
	if err != nil || math.Abs(said-off) > 0.05+0.05 { // a decimal, and two values in steps
		t.Errorf("the tooltip says error %q, it is %g", word, off)
	}
	shot(t, p, "hidden.png")
}

// TestTogether: in one figure, one panel lists lines and another tells of bars.
func TestTogether(t *testing.T) {
	runs := []Run{{Name: "fast", Steps: []int{0, 50, 100}, ValMSE: []float64{3, 2, 1}}, {Name: "slow", Steps: []int{0, 50, 100}, ValMSE: []float64{3, 2.5, 2}}}
	p := page(t, "Together", []Figure{must(Trainings("T", "u", runs))})
	drawn(p, 1)
	text := `(document.querySelector(".sgo-tip-static") || {innerText: ""}).innerText`
	var tip string
	p.Hover(".sgo-chart", 0.3, 0.5)
	p.Wait(text + `.includes("slow")`)
	p.Eval(text, &tip)
	if !strings.Contains(tip, "step") || !strings.Contains(tip, "fast") {
		t.Errorf("over the curves: %q", tip)
	}
	var at []float64
	p.Eval(`(() => {
		const c = Object.values(Object.values(window).find(v => v && v.figures && v.draw).figures)[0].shell.chart;
		const q = c.convertToPixel({xAxisIndex: 1, yAxisIndex: 1}, [0.5, 0]);
		return [q[0]/c.getWidth(), q[1]/c.getHeight()];
	})()`, &at)
	p.Hover(".sgo-chart", at[0], at[1])
	p.Wait(text + `.includes("at step 100")`)
	p.Eval(text, &tip)
	if !strings.Contains(tip, "fast") || strings.Contains(tip, "slow") {
		t.Errorf("over a bar: %q", tip)
	}
}

func BenchmarkHiddenMaps(b *testing.B) {
	ds := tissue(2, 40)
	hidden, methods := hide30(ds)
	for b.Loop() {
		_ = must(HiddenMaps(ds, hidden, methods, CompareOptions{})).HTML()
	}
}
