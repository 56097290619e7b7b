package visium

import (
	"cmp"
	"context"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// Sources must list exactly what Read reads: package spared decides by it
// whether a data set is still up to date.
func TestSourcesEqualRead(t *testing.T) {
	for _, dir := range []string{"mouse_muscle_visium/Vis5A_2dpi", "mouse_embryo_cytassist", "square_grid_visium/outs"} {
		t.Run(dir, func(t *testing.T) {
			path := goldentest.Path(t, "data", dir)
			s, err := Read(context.Background(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := Sources(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			byPath := func(a, b slide.Source) int { return cmp.Compare(a.Path, b.Path) }
			slices.SortFunc(got, byPath)
			slices.SortFunc(s.Sources, byPath)
			if diff := gocmp.Diff(s.Sources, got); diff != "" {
				t.Errorf("Read and Sources differ (-Read +Sources):\n%s", diff)
			}
		})
	}
}
