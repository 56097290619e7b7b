package morphology_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/spatialgo/spatialgo/spared/morphology"
)

// noise is a patch by a rule that the maker of the golden file repeats.
func noise(width, height int) []uint8 {
	pix := make([]uint8, 3*width*height)
	state := uint64(12345)
	for k := range pix {
		state = (1103515245*state + 12345) % (1 << 31)
		if pix[k] = 200; k%7 != 0 {
			pix[k] = uint8(state >> 16 % 256)
		}
	}
	return pix
}

func describe(t testing.TB, pix []uint8, width, height int) map[string]float64 {
	t.Helper()
	d, err := morphology.NewDescriber(width, height)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, morphology.Dims)
	for range 2 { // the second time from memory that was used
		if err := d.Describe(row, pix); err != nil {
			t.Fatal(err)
		}
	}
	named := map[string]float64{}
	for k, name := range morphology.Names() {
		named[name] = float64(row[k])
	}
	return named
}

// TestScikitImage compares with numpy and scikit-image.
func TestScikitImage(t *testing.T) {
	b, err := os.ReadFile("testdata/scikit_image.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Values []float64 }
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Values) != morphology.Dims {
		t.Fatalf("%d golden values, want %d", len(golden.Values), morphology.Dims)
	}
	got := describe(t, noise(16, 12), 16, 12)
	for k, name := range morphology.Names() {
		if want := golden.Values[k]; math.Abs(got[name]-want) > 1e-5*max(1, math.Abs(want)) {
			t.Errorf("%s: %g, want %g", name, got[name], want)
		}
	}
}

// fill is a patch of one colour, or of two in columns.
func fill(width, height int, colors ...[3]uint8) []uint8 {
	var pix []uint8
	for k := range width * height {
		c := colors[k%width%len(colors)]
		pix = append(pix, c[:]...)
	}
	return pix
}

func TestDescribe(t *testing.T) {
	white, grey := [3]uint8{255, 255, 255}, [3]uint8{100, 100, 100}
	// What light is left by stain of a density of 1, by the stains' own vectors.
	haematoxylin, eosin := [3]uint8{57, 51, 131}, [3]uint8{217, 26, 198}
	for _, tc := range []struct {
		reason string
		pix    []uint8
		name   string
		want   float64
		within float64
	}{
		{"white has no stain", fill(4, 4, white), "haematoxylin mean", 0, 0},
		{"white has no stain", fill(4, 4, white), "eosin q90", 0, 0},
		{"one colour has no contrast", fill(4, 4, grey), "red contrast", 0, 0},
		{"one colour is as homogeneous as can be", fill(4, 4, grey), "red homogeneity", 1, 1e-6},
		{"one colour has one pair of levels", fill(4, 4, grey), "red asm", 1, 1e-6},
		{"without variation the correlation is 1, as in scikit-image", fill(4, 4, grey), "red correlation", 1, 1e-6},
		{"the mean of two colours", fill(4, 4, white, grey), "green mean", 177.5, 1e-6},
		{"half their distance", fill(4, 4, white, grey), "green sd", 77.5, 1e-5},
		{"stripes differ in three of four directions", fill(4, 4, white, grey), "green dissimilarity", 155 * 3 / 4., 1e-4},
		{"stripes correlate along and not across: (1-3)/4", fill(5, 5, white, grey), "green correlation", -0.5, 0.02},
		{"pure haematoxylin", fill(4, 4, haematoxylin), "haematoxylin q50", 127, 2},
		{"pure haematoxylin has no eosin", fill(4, 4, haematoxylin), "eosin q50", 0, 2},
		{"pure eosin", fill(4, 4, eosin), "eosin q50", 127, 2},
		{"pure eosin has no haematoxylin", fill(4, 4, eosin), "haematoxylin q50", 0, 2},
		{"black is finite", fill(4, 4, [3]uint8{}), "eosin mean", 128, 128},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			width := 4
			if len(tc.pix) == 75 {
				width = 5
			}
			if got := describe(t, tc.pix, width, width)[tc.name]; !(math.Abs(got-tc.want) <= tc.within) {
				t.Errorf("%s is %g, want %g", tc.name, got, tc.want)
			}
		})
	}
}

// TestTurned turns a patch by a right angle: nothing may change, for nobody
// knows how the slide lay under the camera.
func TestTurned(t *testing.T) {
	const side = 20
	pix := noise(side, side)
	turned := make([]uint8, len(pix))
	for y := range side {
		for x := range side {
			copy(turned[3*(x*side+side-1-y):][:3], pix[3*(y*side+x):])
		}
	}
	a, b := describe(t, pix, side, side), describe(t, turned, side, side)
	for name, want := range a {
		if math.Abs(b[name]-want) > 1e-5*max(1, math.Abs(want)) {
			t.Errorf("%s: %g, turned %g", name, want, b[name])
		}
	}
}

func TestRefuses(t *testing.T) {
	if _, err := morphology.NewDescriber(1, 5); err == nil {
		t.Error("a line of pixels was taken for a patch")
	}
	d, err := morphology.NewDescriber(4, 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Describe(make([]float32, morphology.Dims), make([]uint8, 5)); err == nil {
		t.Error("five bytes were taken for 16 pixels")
	}
}

func BenchmarkDescribe(b *testing.B) {
	d, err := morphology.NewDescriber(224, 224)
	if err != nil {
		b.Fatal(err)
	}
	pix, row := noise(224, 224), make([]float32, morphology.Dims)
	for b.Loop() {
		if err := d.Describe(row, pix); err != nil {
			b.Fatal(err)
		}
	}
}
