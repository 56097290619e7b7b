package morphology_test

import (
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/morphology"
	"github.com/spatialgo/spatialgo/spared/patch"
)

// striped writes a picture that is plain grey on its left half and striped on
// its right half.
func striped(t testing.TB, width, height int) string {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			v := uint8(120)
			if x >= width/2 && x%2 == 1 {
				v = 220
			}
			m.SetGray(x, y, color.Gray{v})
		}
	}
	path := filepath.Join(t.TempDir(), "picture.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(png.Encode(f, m), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// grid is a data set of rows x cols spots, 20 pixels apart, and its slide.
func grid(t testing.TB, rows, cols int) (*spared.Dataset, patch.Slide) {
	ds := &spared.Dataset{Sections: []spared.Section{{Name: "A"}}}
	s := patch.Slide{Name: "A", Picture: striped(t, 20*cols, 20*rows), Diameter: 16}
	for k := range rows * cols {
		id := "A_" + string(rune('a'+k%26)) + string(rune('a'+k/26))
		ds.Spots = append(ds.Spots, spared.Spot{ID: id, X: float64(10 + 20*(k%cols)), Y: float64(10 + 20*(k/cols))})
		s.IDs, s.X, s.Y = append(s.IDs, id), append(s.X, ds.Spots[k].X), append(s.Y, ds.Spots[k].Y)
	}
	return ds, s
}

func TestAdd(t *testing.T) {
	ds, s := grid(t, 6, 8)
	slices.Reverse(s.IDs) // the slide's order is its own
	slices.Reverse(s.X)
	slices.Reverse(s.Y)
	o := morphology.Options{Options: patch.Options{Size: 16}}
	var last []float32
	for _, cores := range []int{1, 4} {
		old := runtime.GOMAXPROCS(cores)
		err := morphology.Add(context.Background(), ds, []patch.Slide{s}, o)
		runtime.GOMAXPROCS(old)
		if err != nil {
			t.Fatal(err)
		}
		m := ds.Obsm[morphology.Key]
		contrast := slices.Index(morphology.Names(), "red contrast")
		for i := range ds.Spots {
			got, left := m.Data[i*m.Stride+contrast], ds.Spots[i].X < 80
			if left && got != 0 || !left && got < 1000 {
				t.Errorf("spot at x %g: contrast %g", ds.Spots[i].X, got)
			}
		}
		if last != nil && !slices.Equal(last, m.Data) {
			t.Error("another number of cores, other numbers")
		}
		last = m.Data
	}
}

func TestAddRefuses(t *testing.T) {
	for _, tc := range []struct {
		reason string
		spoil  func(*spared.Dataset, *patch.Slide)
		is     error
	}{
		{"a spot that no slide shows", func(ds *spared.Dataset, _ *patch.Slide) {
			ds.Spots = append(ds.Spots, spared.Spot{ID: "A_lost"})
		}, nil},
		{"a spot that the data set does not have", func(_ *spared.Dataset, s *patch.Slide) { s.IDs[0] = "B_0" }, nil},
		{"no picture", func(_ *spared.Dataset, s *patch.Slide) { s.Picture += "x" }, os.ErrNotExist},
		{"another slide's picture", func(_ *spared.Dataset, s *patch.Slide) { s.X[3] = 5000 }, patch.ErrNoFit},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			ds, s := grid(t, 3, 3)
			tc.spoil(ds, &s)
			err := morphology.Add(context.Background(), ds, []patch.Slide{s}, morphology.Options{})
			if err == nil || tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("error %v, want one of %v", err, tc.is)
			}
			if len(ds.Obsm) > 0 {
				t.Error("the data set was changed")
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ds, s := grid(t, 3, 3)
	if err := morphology.Add(ctx, ds, []patch.Slide{s}, morphology.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
