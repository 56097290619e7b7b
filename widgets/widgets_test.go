package widgets

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/spatialgo/spatialgo/spared"
)

// TestLibrary compares the embedded chart library with its recorded checksum.
func TestLibrary(t *testing.T) {
	want := must(os.ReadFile("assets/echarts-5.6.0.min.js.gz.sha256"))
	sum := sha256.Sum256(echartsGz)
	if got := hex.EncodeToString(sum[:]); !strings.HasPrefix(string(want), got) {
		t.Errorf("the embedded library has sha256 %s, recorded is %s", got, want)
	}
	for _, forbidden := range []string{"innerHTML", "eval(", "new Function", "document.write", "insertAdjacentHTML", "</script"} {
		if strings.Contains(figuresJS+loader+bootstrap, forbidden) {
			t.Errorf("the runtime uses %s", forbidden)
		}
	}
}

func TestColumn(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	wide := make([]float64, 1000)
	for i := range wide {
		wide[i] = 20*rng.Float64() - 5
	}
	for _, c := range []struct {
		reason string
		v      []float64
	}{
		{"values of both signs", wide},
		{"with gaps", []float64{1, math.NaN(), 3, math.Inf(1), 2.5}},
		{"all equal", []float64{4, 4, 4}},
		{"nothing at all", []float64{math.NaN()}},
		{"no values", nil},
		{"tiny spread", []float64{1e-9, 2e-9, 1.2e-9}},
	} {
		for _, bits := range []int{8, 16} {
			col := encode(c.v, bits)
			raw := decode64(t, col.Codes)
			none := 1<<bits - 1
			step := float64(col.Max-col.Min) / float64(none-1)
			for i, x := range c.v {
				code := int(raw[i*bits/8])
				if bits == 16 {
					code = int(binary.LittleEndian.Uint16(raw[2*i:]))
				}
				if !finite(x) {
					if code != none {
						t.Errorf("%s: %g has code %d of %d bits", c.reason, x, code, bits)
					}
					continue
				}
				if off := math.Abs(float64(col.Min) + float64(code)*step - x); off > step/2*(1+1e-9) {
					t.Errorf("%s: %g is off by %g, half a step is %g (%d bits)", c.reason, x, off, step/2, bits)
				}
			}
			// The decimals shown must not claim more than the column holds.
			if d := math.Pow(10, -float64(col.Decimals)); step > 1 && d < step && col.Decimals > 0 {
				t.Errorf("%s: %d decimals for steps of %g", c.reason, col.Decimals, step)
			}
		}
	}
}

func TestBitmap(t *testing.T) {
	flags := make([]bool, 19)
	for i := range flags {
		flags[i] = i%3 == 0 || i == 17
	}
	raw := decode64(t, bitmap(flags))
	for i := range flags {
		if got := raw[i/8]>>(i%8)&1 == 1; got != flags[i] {
			t.Errorf("flag %d is %v", i, got)
		}
	}
}

func TestLimits(t *testing.T) {
	v := make([]float64, 1001)
	for i := range v {
		v[i] = float64(i)
	}
	v[3], v[500] = math.NaN(), 1e6
	for _, c := range []struct {
		reason string
		v      []float64
		full   bool
		lo, hi float64
	}{
		{"quantiles leave outliers out", v, false, 10, 991},
		{"the full range", v, true, 0, 1e6},
		{"nothing", nil, false, 0, 1},
		{"one value gets a sliver of range", []float64{2}, false, 2, 2 + 2e-6},
		{"almost all equal: quantiles coincide, the range does not", append(make([]float64, 999), 7), false, 0, 7},
	} {
		lo, hi := limits(c.v, c.full)
		if math.Abs(lo-c.lo) > 1.01 || math.Abs(hi-c.hi) > 1.01 || !(hi > lo) {
			t.Errorf("%s: %g to %g, want %g to %g", c.reason, lo, hi, c.lo, c.hi)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		v        float64
		decimals int
		want     string
	}{
		{0, 2, "0.00"}, {-0.001, 2, "0.00"}, {1234567.891, 1, "1,234,567.9"}, {-1234.5, 1, "−1,234.5"}, {999, 0, "999"},
		{math.NaN(), 2, "–"}, {math.Inf(1), 0, "–"}, {1.5e9, 0, "1.50e+09"}, {-3e-7, 3, "−3.00e-07"}, {0.5, 3, "0.500"},
	} {
		if got := format(c.v, c.decimals); got != c.want {
			t.Errorf("format(%g, %d) = %q, want %q", c.v, c.decimals, got, c.want)
		}
	}
	for s, want := range map[float64]string{3.24: "3.2 s", 59: "59 s", 200: "3 min 20 s", 3900: "1 h 5 min"} {
		if got := duration(s); got != want {
			t.Errorf("duration(%g) = %q, want %q", s, got, want)
		}
	}
}

func TestTicks(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 2000 {
		lo := (rng.Float64() - 0.5) * math.Pow(10, float64(rng.IntN(9)-3))
		hi := lo + math.Pow(10, float64(rng.IntN(9)-4))*(0.1+rng.Float64())
		s := numeric("", lo, hi)
		at := s.ticks()
		if s.min > lo+1e-9*(hi-lo) || s.max < hi-1e-9*(hi-lo) || len(at) < 3 || len(at) > 10 {
			t.Fatalf("%g to %g: axis from %g to %g, %d ticks (PCG 5, 5)", lo, hi, s.min, s.max, len(at))
		}
		if m := s.step / math.Pow(10, math.Floor(math.Log10(s.step)+1e-9)); math.Abs(m-1) > 1e-6 && math.Abs(m-2) > 1e-6 && math.Abs(m-5) > 1e-6 {
			t.Fatalf("%g to %g: step %g", lo, hi, s.step)
		}
		for i := 1; i < len(at); i++ {
			if at[i].text == at[i-1].text {
				t.Fatalf("%g to %g: two ticks read %q", lo, hi, at[i].text)
			}
		}
	}
	for _, r := range [][2]float64{{3.53, 4.05}, {0, 1}, {0, 6}, {-4, 9}, {2.31, 3.9}} {
		if n := len(powerTicks(r[0], r[1])); n < 2 || n > 10 {
			t.Errorf("logarithmic axis from 10^%g to 10^%g: %d ticks", r[0], r[1], n)
		}
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct{ reason, in, want string }{
		{"plain text stays", "Acta1 ≥ 3 µm", "Acta1 ≥ 3 µm"},
		{"a mark that would close the page's isolation goes", "a\u2069b", "ab"},
		{"a balanced pair stays", "a\u2067b\u2069c", "a\u2067b\u2069c"},
		{"line breaks become spaces", "a\nb\u2028c", "a b c"},
		{"control characters become visible", "a\x00b", "a\uFFFDb"},
		{"invalid UTF-8 becomes visible", "a\xffb", "a\uFFFDb"},
	} {
		if got := clean(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}

// FuzzClean: whatever the bytes, the result is valid, keeps isolation closed,
// and survives JSON inside a script element.
func FuzzClean(f *testing.F) {
	for _, h := range hostile {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := clean(s)
		depth := 0
		for _, r := range c {
			switch {
			case r >= '\u2066' && r <= '\u2068':
				depth++
			case r == '\u2069':
				if depth--; depth < 0 {
					t.Fatalf("%q ends an isolation that it did not begin", c)
				}
			}
		}
		js := jsonText(c)
		var back string
		if err := json.Unmarshal([]byte(js), &back); err != nil || back != c {
			t.Fatalf("JSON of %q reads back as %q, %v", c, back, err)
		}
		if strings.ContainsAny(js, "<>&\u2028\u2029") {
			t.Fatalf("JSON of %q could leave a script element: %s", c, js)
		}
	})
}

// TestSnippets checks what every kind of figure gives away: valid JSON, no
// markup from names, the same bytes twice, a picture that decodes.
func TestSnippets(t *testing.T) {
	ds := tissue(2, 26)
	poison(ds)
	figs, again := figures(ds), figures(ds)
	for i, f := range figs {
		html := f.HTML()
		if html != again[i].HTML() {
			t.Errorf("figure %d: two runs give different bytes", i)
		}
		if n := strings.Count(html, "<script"); n != 1 || strings.Count(html, "</script") != 1 {
			t.Errorf("figure %d: %d script elements", i, n)
		}
		if strings.Contains(html, "<img src=x") || strings.ContainsAny(html, "\u2028\u2029\x00") {
			t.Errorf("figure %d: a name came through as markup", i)
		}
		spec := specJSON(t, f)
		if spec["key"] == "" || spec["option"].(map[string]any)["series"] == nil {
			t.Errorf("figure %d: incomplete specification", i)
		}
		img, err := png.Decode(bytes.NewReader(must(f.PNG())))
		if err != nil {
			t.Fatalf("figure %d: %v", i, err)
		}
		if n := colors(img); n < 20 {
			t.Errorf("figure %d: the still picture has %d colours", i, n)
		}
		if len(f.Text()) < 10 || strings.HasSuffix(f.Text(), "\n") {
			t.Errorf("figure %d: text %q", i, f.Text())
		}
	}
}

func colors(img image.Image) int {
	seen := map[color.Color]bool{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			seen[img.At(x, y)] = true
		}
	}
	return len(seen)
}

// TestStillMap checks the still map: a spot's pixel has the colour that scale
// and limits give its value.
func TestStillMap(t *testing.T) {
	ds := tissue(1, 2)
	f := must(Map(ds, MapOptions{Layer: spared.LayerLog, Gene: "Gene2", NoPicture: true, Limits: [2]float64{1, 7}}))
	img := must(png.Decode(bytes.NewReader(must(f.PNG()))))
	table := coarse(must(colorTable("")))
	r, s := f.maps.place().panels[0], f.maps.scene
	scale := r.W / (s.box[2] - s.box[0])
	for i := range ds.Spots {
		x, y := int((r.X+scale*(s.x[i]-s.box[0]))*stillScale), int((r.Y+scale*(s.y[i]-s.box[1]))*stillScale)
		if float64(y) > (r.Y+r.H-45)*stillScale {
			continue // below the scale bar
		}
		want := fade(grey, 0.75)
		if ds.Mask[i*2+1] {
			v := (float64(ds.Layers[spared.LayerLog].Data[i*2+1]) - 1) / 6
			want = table[int(math.Round(255*math.Min(1, math.Max(0, v))))]
		} else {
			over := func(c uint8) uint8 { return uint8(255 + (float64(c)-255)*float64(want.A)/255 + 0.5) }
			want = color.NRGBA{over(want.R), over(want.G), over(want.B), 255}
		}
		got := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
		for _, d := range []int{int(got.R) - int(want.R), int(got.G) - int(want.G), int(got.B) - int(want.B)} {
			if d < -6 || d > 6 {
				t.Fatalf("spot %d (measured %v) is %v on the still picture, want %v", i, ds.Mask[i*2+1], got, want)
			}
		}
	}
}

func TestScene(t *testing.T) {
	square := func(ds *spared.Dataset) {
		for i := range ds.Spots {
			s := &ds.Spots[i]
			s.ArrayRow, s.ArrayCol = i/30, i%30
			s.X, s.Y = float64(s.ArrayCol)*100, float64(s.ArrayRow)*100
		}
	}
	for _, c := range []struct {
		reason   string
		change   func(ds *spared.Dataset)
		pitch    float64
		diameter float64
		mpp      float64
		picture  string
	}{
		{"Visium grid: its pitch is 100 µm", func(*spared.Dataset) {}, 140, 77, 100.0 / 140, "hires"},
		{"no diameter: 0.55 pitches", func(ds *spared.Dataset) { ds.Sections[0].Scale.SpotDiameter = 0 }, 140, 77, 100.0 / 140, "hires"},
		{"square grid: no scale", square, 100, 77, 0, "hires"},
		{"square grid of a slide that tells its scale", func(ds *spared.Dataset) { square(ds); ds.Sections[0].Scale.MicronsPerPixel = 0.5 }, 100, 77, 0.5, "hires"},
		{"lowres where there is no hires", func(ds *spared.Dataset) {
			sec := &ds.Sections[0]
			sec.Lowres, sec.Hires, sec.Scale.Lowres = sec.Hires, nil, sec.Scale.Hires
		}, 140, 77, 100.0 / 140, "lowres"},
		{"a picture without its factor cannot be placed", func(ds *spared.Dataset) { ds.Sections[0].Scale.Hires = 0 }, 140, 77, 100.0 / 140, ""},
		{"a picture shorter than it says", func(ds *spared.Dataset) { ds.Sections[0].Hires.Pix = ds.Sections[0].Hires.Pix[:99] }, 140, 77, 100.0 / 140, ""},
		{"a picture that ends before the spots begin", func(ds *spared.Dataset) {
			ds.Sections[0].Hires = &spared.Image{Width: 10, Height: 10, Pix: make([]uint8, 300)}
		}, 140, 77, 100.0 / 140, ""},
	} {
		ds := tissue(1, 1)
		c.change(ds)
		s, err := newScene(ds, "")
		if err != nil {
			t.Fatalf("%s: %v", c.reason, err)
		}
		if math.Abs(s.pitch-c.pitch) > 0.5 || math.Abs(s.diameter-c.diameter) > 0.5 || math.Abs(s.micronsPerPixel-c.mpp) > 0.005 || s.resolution != c.picture {
			t.Errorf("%s: pitch %g, diameter %g, %g µm per pixel, picture %q", c.reason, s.pitch, s.diameter, s.micronsPerPixel, s.resolution)
		}
		if s.picture != nil && max(s.picture.Rect.Dx(), s.picture.Rect.Dy()) > pictureSide {
			t.Errorf("%s: the picture has %v", c.reason, s.picture.Rect)
		}
	}
	// One lone spot is drawn too.
	ds := tissue(1, 1)
	ds.Spots, ds.Mask = ds.Spots[:1], ds.Mask[:1]
	for n, m := range ds.Layers {
		m.Rows, m.Data = 1, m.Data[:1]
		ds.Layers[n] = m
	}
	if _, err := must(Map(ds, MapOptions{})).PNG(); err != nil {
		t.Errorf("a lone spot: %v", err)
	}
}

func TestScaleBar(t *testing.T) {
	for most, want := range map[float64]string{130: "100 µm", 260: "200 µm", 999: "500 µm", 1000: "1 mm", 2600: "2 mm", 0.7: "0.5 µm"} {
		if um, got := scaleBar(most); got != want || um > most {
			t.Errorf("at most %g µm: %s (%g)", most, got, um)
		}
	}
}

// TestErrors asks for what is not there and for data that do not fit.
func TestErrors(t *testing.T) {
	bad := func(change func(ds *spared.Dataset)) *spared.Dataset {
		ds := tissue(1, 3)
		change(ds)
		return ds
	}
	ds := bad(func(*spared.Dataset) {})
	for _, c := range []struct {
		reason string
		err    error
		want   string
	}{
		{"no such slide", second(Map(ds, MapOptions{Slide: "x"})), `no slide "x"`},
		{"no such gene", second(Map(ds, MapOptions{Gene: "x"})), `no gene "x"`},
		{"no such layer", second(Map(ds, MapOptions{Layer: "x"})), `no layer "x"`},
		{"no such scale", second(Map(ds, MapOptions{Colors: "jet"})), `no colour scale "jet"`},
		{"limits the wrong way round", second(Map(ds, MapOptions{Limits: [2]float64{3, 1}})), "limits"},
		{"an opacity below zero", second(Map(ds, MapOptions{SpotOpacity: -1})), "above 0"},
		{"too few own values", second(Map(ds, MapOptions{Values: []float64{1}})), "1 values for"},
		{"too few categories", second(Map(ds, MapOptions{Categories: []string{"a"}})), "1 categories for"},
		{"no category at all", second(Map(ds, MapOptions{Categories: make([]string, len(ds.Spots))})), "0 different"},
		{"nil data set", second(Map(nil, MapOptions{})), "no slides"},
		{"a layer of another shape", second(Map(bad(func(ds *spared.Dataset) {
			m := ds.Layers[spared.LayerCTLog]
			m.Rows--
			ds.Layers[spared.LayerCTLog] = m
		}), MapOptions{})), "the data set has"},
		{"a mask of another shape", second(Map(bad(func(ds *spared.Dataset) { ds.Mask = ds.Mask[1:] }), MapOptions{})), "mask"},
		{"a spot nowhere", second(Map(bad(func(ds *spared.Dataset) { ds.Spots[4].X = math.NaN() }), MapOptions{})), "finite"},
		{"no genes", second(Compare(bad(func(ds *spared.Dataset) { ds.Genes = nil }), CompareOptions{})), "no genes"},
		{"one gene of several missing", second(Compare(ds, CompareOptions{Genes: []string{"Gene1", "x"}})), `no gene "x"`},
		{"violins of different units", second(Violin(bad(func(ds *spared.Dataset) { ds.Layers["counts"] = ds.Layers["log1p"] }), ViolinOptions{Layers: []string{"log1p", "counts"}})), "units"},
		{"violins by nothing known", second(Violin(ds, ViolinOptions{By: "age"})), "age"},
		{"violins of nobody", second(Violin(ds, ViolinOptions{Groups: make([]string, len(ds.Spots))})), "no spots"},
		{"scores without scores", second(Scores("", "", []ScoreRow{{Name: "x"}})), "no row"},
		{"pairs that do not pair", second(Scatter("", []float64{1}, nil, ScatterOptions{})), "1 true and 0"},
		{"a histogram of nothing", second(Histogram("", "", []float64{math.NaN()}, HistogramOptions{})), "no values"},
		{"a ranking of nothing", second(Ranking("", "", nil, nil, RankingOptions{})), "no values"},
		{"a line with too few y", second(Lines("", "", "", []Line{{X: []float64{1}}}, LinesOptions{})), "1 x and 0 y"},
		{"a training that never was", second(TrainingFigure("", "", nil, nil, nil)), "no values"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.reason, c.err, c.want)
		}
	}
	if err := WritePage(filepath.Join(t.TempDir(), "no", "such", "folder.html"), "x"); err == nil {
		t.Error("a page in a folder that does not exist")
	}
}

func second[T any](_ T, err error) error { return err }

// TestDensity compares the density with its definition and checks known
// quartiles.
func TestDensity(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	v := make([]float64, 400)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	s := describe(append(slices.Clone(v), math.NaN()))
	h := s.bandwidth()
	at, height := s.density()
	exact := make([]float64, len(at))
	top := 0.0
	for i, x := range at {
		for _, y := range v {
			exact[i] += math.Exp(-(x - y) * (x - y) / (2 * h * h))
		}
		top = math.Max(top, exact[i])
	}
	for i := range at {
		if d := math.Abs(height[i] - exact[i]/top); d > 0.005 {
			t.Errorf("at %g: %g, by definition %g (PCG 2, 2)", at[i], height[i], exact[i]/top)
		}
	}
	if want := 0.9 * math.Min(s.sd, (s.q3-s.q1)/1.34) * math.Pow(400, -0.2); h != want {
		t.Errorf("bandwidth %g, want %g", h, want)
	}
	q := describe([]float64{4, 1, 3, 2, 5})
	if q.least != 1 || q.greatest != 5 || q.mean != 3 || math.Abs(q.sd-math.Sqrt(2.5)) > 1e-12 || q.median < 2.4 || q.median > 3 {
		t.Errorf("five numbers: %+v", q)
	}
	flat := describe([]float64{2, 2, 2})
	if at, _ := flat.density(); at != nil {
		t.Error("a sample without spread has no density")
	}
}

// TestViolinValues checks which entries each violin is made of.
func TestViolinValues(t *testing.T) {
	ds := tissue(2, 2)
	seen := 0
	for i := range ds.Spots {
		if ds.Mask[i*2] {
			seen++
		}
	}
	n := len(ds.Spots)
	text := must(Violin(ds, ViolinOptions{})).Text()
	if !strings.Contains(text, " filled in: "+count(n-seen)+" values") {
		t.Errorf("of an unknown method:\n%s", text)
	}
	ds.Manifest.Completer = "SpaCKLE"
	text = must(Violin(ds, ViolinOptions{})).Text()
	for _, want := range []string{"as measured: " + count(seen) + " values", "filled in by SpaCKLE: " + count(n-seen) + " values"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	text = must(Violin(ds, ViolinOptions{By: "slide", Whole: true})).Text()
	if !strings.Contains(text, "section_2 completed by SpaCKLE: "+count(n/2)+" values") {
		t.Errorf("by slide:\n%s", text)
	}
}

func TestScatterHeading(t *testing.T) {
	f := must(Scatter("S", []float64{1, 2, 3, math.NaN()}, []float64{2, 2, 4, 1}, ScatterOptions{}))
	want := "S\n  3 pairs, MSE 0.667, PCC 0.866, mean error 0.67"
	if f.Text() != want {
		t.Errorf("text %q, want %q", f.Text(), want)
	}
}

func TestMissingMap(t *testing.T) {
	ds := tissue(1, 4)
	for i := range ds.Mask {
		ds.Mask[i] = i%4 != 0 && i >= 4 // the first spot has none, the others three of four
	}
	want := "Map of Genes not measured: % of 4 genes, slide section_1, " + count(len(ds.Spots)) + " spots\n" +
		"  Genes not measured: least 25"
	if text := must(MissingMap(ds, MapOptions{Gene: "x", Categories: []string{"y"}})).Text(); !strings.HasPrefix(text, want) || !strings.Contains(text, "greatest 100") {
		t.Errorf("text %q, want %q", text, want)
	}
	ds.Mask = nil
	if _, err := MissingMap(ds, MapOptions{}); err == nil {
		t.Error("a map of what is missing from a data set that does not tell")
	}
}

func TestScoresTable(t *testing.T) {
	f := must(Scores("T", "u", []ScoreRow{
		{Name: "a", MSE: Score{2, 0.5}, PCC: Score{0.9, 0}},
		{Name: "b", MSE: Score{1, 0}, PCC: Score{0.7, 0.1}},
		{Name: "<c>", PCC: Score{-0.2, 0}},
	}))
	want := "T (values in u)\n  method  MSE            PCC\n  a       2.000 ± 0.500  0.900\n  b       1.000          0.700 ± 0.100\n  <c>     –              −0.200"
	if f.Text() != want {
		t.Errorf("text\n%s\nwant\n%s", f.Text(), want)
	}
	for _, cell := range []string{`font-weight:600"><bdi>1.000</bdi>`, `font-weight:600"><bdi>0.900</bdi>`, `<bdi>&lt;c&gt;</bdi>`} {
		if !strings.Contains(f.HTML(), cell) {
			t.Errorf("the table lacks %s", cell)
		}
	}
}

func TestThin(t *testing.T) {
	n := 10 * mostVertices
	l := Line{X: make([]float64, n), Y: make([]float64, n)}
	for i := range n {
		l.X[i], l.Y[i] = float64(i), 3
	}
	l.Y[25] = math.NaN()
	items, each := thin(l, false)
	if len(items) != mostVertices || each != 10 {
		t.Fatalf("%d vertices of %d points each", len(items), each)
	}
	for _, it := range items {
		if it[1] != 3 {
			t.Fatalf("the mean of threes at %g is %g", it[0], it[1])
		}
	}
	if short, _ := thin(Line{X: []float64{1, 2}, Y: []float64{10, -1}}, true); short[0][1] != 1 || !math.IsNaN(short[1][1]) {
		t.Errorf("logarithms %v", short)
	}
}

// TestShow prints text outside a notebook.
func TestShow(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	Init()
	Show(must(Lines("Curve", "x", "y", []Line{{Name: "a", X: []float64{0, 1}, Y: []float64{2, 1}}}, LinesOptions{})), nil, (*PlotFigure)(nil), (*MapFigure)(nil))
	os.Stdout = stdout
	w.Close()
	out := string(must(io.ReadAll(r)))
	if out != "Curve\n  a: from 2.00 to 1.00, least 1.00 at 1\n" {
		t.Errorf("printed %q", out)
	}
}

// notebook is a screen that keeps what a notebook would show.
func notebook() (*screen, *[]*protocol.DisplayData) {
	var sent []*protocol.DisplayData
	return &screen{notebook: true, id: "x", send: func(d *protocol.DisplayData) { sent = append(sent, d) }, sync: func() {}}, &sent
}

func TestTraining(t *testing.T) {
	s, sent := notebook()
	tr := newTraining("Run <1>", "u", s)
	tr.throttle.interval = time.Hour // how long a drawing takes must not decide how often it is drawn
	for i := range 50 {
		v := math.NaN()
		if i%10 == 0 {
			v = 2 - float64(i)/50
		}
		tr.Add(i, 3-float64(i)/50, v, fmt.Sprintf("epoch <%d>", i))
	}
	f := tr.Close()
	if f == nil || tr.Close() != f {
		t.Fatal("Close must return the figure, each time the same")
	}
	tr.Add(51, 1, 1, "late")
	time.Sleep(2 * time.Millisecond)
	if n := len(*sent); n < 2 || n > 10 {
		t.Errorf("%d updates of one output", n)
	}
	ready, first, last := (*sent)[0], (*sent)[1], (*sent)[len(*sent)-1]
	if html := ready.Data[protocol.MIMETextHTML].(string); !strings.Contains(html, "Run &lt;1&gt;") || !strings.Contains(html, "first step") {
		t.Errorf("before the first step: %s", html)
	}
	for _, d := range *sent {
		if d.DisplayID != "x" {
			t.Errorf("an update goes to output %q", d.DisplayID)
		}
	}
	if html := first.Data[protocol.MIMETextHTML].(string); !strings.Contains(html, "data:image/png") || strings.Contains(html, "epoch <") || strings.Contains(html, "<script") {
		t.Error("the live picture must be a picture with escaped words")
	}
	if last.Data[protocol.MIMEImagePNG] == nil || !strings.Contains(last.Data[protocol.MIMETextPlain].(string), "validation MSE: from 2.00 to 1.20") {
		t.Errorf("the last update is not the finished figure: %v", last.Data[protocol.MIMETextPlain])
	}
	if newTraining("empty", "", s).Close() != nil || (*sent)[len(*sent)-1].Data[protocol.MIMETextHTML] != "" {
		t.Error("a training without steps leaves nothing")
	}
	var log bytes.Buffer
	tr = newTraining("Plain", "", &screen{out: &log, sync: func() {}})
	tr.Add(1, 0.5, math.NaN(), "epoch 1")
	tr.Close()
	if !strings.HasPrefix(log.String(), "Plain: step 1, loss 0.5000, validation MSE –  epoch 1\n") {
		t.Errorf("outside a notebook: %q", log.String())
	}
}

// TestTrainingFinish ends a live figure with the history of the whole
// training, and draws each validation once.
func TestTrainingFinish(t *testing.T) {
	s, sent := notebook()
	tr := newTraining("Run", "u", s)
	for i := 100; i < 150; i++ {
		tr.Add(i, 1, 2-float64(i/10)/50, "") // validated every 10 steps, told at each
	}
	if p, _, _, err := tr.snapshot(); err != nil || len(p.panels[0].marks[1].items) != 5 {
		t.Errorf("5 validations, error %v: %d marks on the line", err, len(p.panels[0].marks[1].items))
	}
	f, err := tr.Finish([]int{10, 20, 149}, []float64{3, 2, 1}, []float64{3.5, 2.5, 1.5})
	if err != nil || tr.Close() != f || !strings.Contains(f.Text(), "loss: from 3.00 to 1.00") {
		t.Errorf("finished with %v, error %v", f, err)
	}
	if last := (*sent)[len(*sent)-1]; last.DisplayID != "x" || last.Data[protocol.MIMETextPlain] != f.Text() {
		t.Errorf("the history does not stand in the live figure's place: %v", last)
	}
	if _, err := newTraining("Run", "u", s).Finish([]int{1}, nil, nil); err == nil {
		t.Error("a history with a step but no loss was drawn")
	}
}

func TestProgress(t *testing.T) {
	s, sent := notebook()
	send := newProgress("Build <x>", s)
	for i := 1; i <= 100; i++ {
		send(spared.Event{Step: "read", Done: i, Total: 100, Seconds: float64(i) / 10})
	}
	send(spared.Event{Step: "adaptive <median>", Done: 5, Total: 50, Message: "ring 2", Seconds: 12})
	send(spared.Event{Step: "adaptive <median>", Done: 50, Total: 50, Seconds: 30})
	if n := len(*sent); n < 4 || n > 8 {
		t.Errorf("%d updates", n)
	}
	html := (*sent)[len(*sent)-1].Data[protocol.MIMETextHTML].(string)
	for _, want := range []string{"Build &lt;x&gt;", "✓ <bdi>read  12 s", "adaptive &lt;median&gt;", "50 of 50", "width:100.0%"} {
		if !strings.Contains(html, want) {
			t.Errorf("no %q in %s", want, html)
		}
	}
	var log bytes.Buffer
	send = newProgress("Build", &screen{out: &log, sync: func() {}})
	send(spared.Event{Step: "read", Done: 1, Total: 4, Seconds: 10})
	send(spared.Event{Step: "write", Done: 0, Total: 0, Message: "file", Seconds: 20})
	if log.String() != "Build: read: 1 of 4, about 30 s left\nBuild: write: file\n" {
		t.Errorf("outside a notebook: %q", log.String())
	}
}

func TestThrottle(t *testing.T) {
	n := make(chan int, 100)
	th := &throttle{interval: 30 * time.Millisecond, draw: func() { n <- 1 }}
	for range 50 {
		th.touch()
	}
	time.Sleep(60 * time.Millisecond) // the one after the last touch
	if got := len(n); got != 2 {
		t.Errorf("50 touches at once gave %d drawings, want the first and one more", got)
	}
	th.stop()
	th.touch()
	th.now()
	if got := len(n); got != 2 {
		t.Errorf("a stopped throttle drew %d times more", got-2)
	}
}

// TestColorScales checks the tables against published ends and that lightness
// rises where it should.
func TestColorScales(t *testing.T) {
	ends := map[string][2]color.NRGBA{
		"viridis": {{68, 1, 84, 255}, {253, 231, 37, 255}}, "magma": {{0, 0, 4, 255}, {252, 253, 191, 255}},
		"inferno": {{0, 0, 4, 255}, {252, 255, 164, 255}}, "cividis": {{0, 34, 78, 255}, {254, 232, 56, 255}},
		"turbo": {{48, 18, 59, 255}, {122, 4, 3, 255}}, "gray": {{0, 0, 0, 255}, {255, 255, 255, 255}},
	}
	if got := ColorScales(); len(got) != len(ends) {
		t.Errorf("scales %v", got)
	}
	for name, want := range ends {
		table := must(colorTable(name))
		if len(table) != 256 || table[0] != want[0] || table[255] != want[1] {
			t.Errorf("%s runs from %v to %v, want %v", name, table[0], table[255], want)
		}
		light := func(c color.NRGBA) float64 { return 0.2126*float64(c.R) + 0.7152*float64(c.G) + 0.0722*float64(c.B) }
		for i := 1; i < 256 && name != "turbo"; i++ {
			if light(table[i]) < light(table[i-1])-0.8 {
				t.Errorf("%s gets darker at %d", name, i)
			}
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	ds := tissue(1, 128)
	for b.Loop() {
		_ = must(Compare(ds, CompareOptions{})).HTML()
	}
}

func BenchmarkMapPNG(b *testing.B) {
	ds := tissue(1, 1)
	for b.Loop() {
		_ = must(must(Map(ds, MapOptions{})).PNG())
	}
}
