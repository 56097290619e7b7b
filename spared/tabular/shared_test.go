package tabular

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/slide"
)

func sections(letters string, n ...int) (names []string) {
	for i, l := range letters {
		for k := range n[i] {
			names = append(names, fmt.Sprintf("%c%d", l, k+1))
		}
	}
	return names
}

// TestRealSlides finds every slide that is given as tables, reads them, of
// large collections a third, and compares them with what the collection's
// description says.
func TestRealSlides(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		folder   string
		names    []string
		organism string
		pixels   bool
		check    func(t *testing.T, s *slide.Slide)
	}{
		{"her2st", sections("ABCDEF", 6, 6, 6, 6, 3, 3), "human", true, checkHer2st},
		{"hippo", strings.Fields("Hippo1 Hippo2 Hippo3 Hippo4 Hippo5 Hippo6 Hippo7 Hippo8"), "mouse", true, func(t *testing.T, s *slide.Slide) {
			if len(s.Genes) != 10000 || s.Genes[0].ID != "ENSMUSG00000064339.1" || s.Genes[0].Symbol != "mt-Rnr2" {
				t.Errorf("%d genes, the first %+v", len(s.Genes), s.Genes[0])
			}
		}},
		{"mob", []string{"MOB1", "MOB2"}, "mouse", true, checkMOB},
		{"dlpfc", []string{"151510", "151673"}, "human", true, checkDLPFC},
		{"hippocampus", []string{"hippocampus"}, "human", true, func(t *testing.T, s *slide.Slide) {
			if len(s.Barcodes) != 4965 || len(s.Genes) != 12971 || s.X[0] != 18248 || s.Y[0] != 20240 || s.ArrayRow[1] != 50 || s.ArrayCol[1] != 102 {
				t.Errorf("%d spots, %d genes, first at %v, %v", len(s.Barcodes), len(s.Genes), s.X[0], s.Y[0])
			}
		}},
		{"prostate_pair", []string{"CP", "NP"}, "human", true, func(t *testing.T, s *slide.Slide) {
			if want := map[string]int{"CP": 1340, "NP": 987}[s.Name]; len(s.Barcodes) != want || len(s.Genes) != 1255 {
				t.Errorf("%d spots of %d genes, want %d of 1255", len(s.Barcodes), len(s.Genes), want)
			}
			if s.Name == "NP" && (s.X[0] != 11334 || s.Y[0] != 4450 || s.ArrayRow[0] != 3 || s.ArrayCol[0] != 43) {
				t.Errorf("first spot at %v, %v", s.X[0], s.Y[0])
			}
		}},
	} {
		t.Run(c.folder, func(t *testing.T) {
			dir := goldentest.Path(t, "data", c.folder)
			locs, err := Find(dir)
			if err != nil {
				t.Fatal(err)
			}
			if !Is(dir) {
				t.Error("Is says no")
			}
			var names []string
			for _, loc := range locs {
				names = append(names, Name(loc))
			}
			if !slices.Equal(names, c.names) {
				t.Fatalf("found %v, want %v", names, c.names)
			}
			for i, loc := range locs {
				if len(locs) > 4 && i%3 != 0 { // a third of a large collection
					continue
				}
				s, err := Read(ctx, loc, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if s.Organism != c.organism || s.Split != "" || s.Scale.SpotDiameter <= 0 {
					t.Errorf("%s: organism %q, split %q, spots of %v px", s.Name, s.Organism, s.Split, s.Scale.SpotDiameter)
				}
				c.check(t, s)
				sources, err := Sources(ctx, loc, Options{})
				if err != nil {
					t.Fatal(err)
				}
				byPath := func(a, b slide.Source) int { return strings.Compare(a.Path, b.Path) }
				slices.SortFunc(sources, byPath)
				slices.SortFunc(s.Sources, byPath)
				if !slices.Equal(sources, s.Sources) {
					t.Errorf("%s: Sources gives %v, Read %v", s.Name, sources, s.Sources)
				}
				t.Logf("%s: %d spots, %d genes, %d molecules, spots of %.1f px, patient %q, picture %s %v", s.Name, len(s.Barcodes), len(s.Genes),
					int(total(s)), s.Scale.SpotDiameter, s.Patient, filepath.Base(s.FullRes), s.FullResSize)
			}
		})
	}
}

func total(s *slide.Slide) (sum float64) {
	for _, v := range s.Counts.Data {
		sum += float64(v)
	}
	return sum
}

func checkHer2st(t *testing.T, s *slide.Slide) {
	if s.Patient != s.Name[:1] {
		t.Errorf("%s: patient %q", s.Name, s.Patient)
	}
	hasPicture := slices.Contains(strings.Fields("B4 C2 C3 C4 C5 C6"), s.Name)
	if (s.FullRes != "") != hasPicture || hasPicture && (s.FullResSize[0] < 9000 || s.FullResSize[1] < 9000) {
		t.Errorf("%s: picture %q of %v", s.Name, s.FullRes, s.FullResSize)
	}
	if s.Name == "A1" {
		i := slices.Index(s.Barcodes, "22x12")
		if len(s.Barcodes) != 346 || i < 0 || s.X[i] != 4550.31 || s.Y[i] != 2394.07 || s.ArrayCol[i] != 22 || s.ArrayRow[i] != 12 {
			t.Errorf("%d spots, 22x12 is number %d", len(s.Barcodes), i)
		}
		if g := s.Genes[1]; g.ID != "SAMD11" || g.Symbol != "SAMD11" {
			t.Errorf("gene %+v", g)
		}
	}
}

func checkMOB(t *testing.T, s *slide.Slide) {
	if want := map[string]int{"MOB1": 379, "MOB2": 407}[s.Name]; len(s.Barcodes) != want || len(s.Genes) != 1000 {
		t.Errorf("%s: %d spots, want %d", s.Name, len(s.Barcodes), want)
	}
	if s.FullResSize != [2]int{1905, 1905} {
		t.Errorf("%s: picture of %v", s.Name, s.FullResSize)
	}
}

func checkDLPFC(t *testing.T, s *slide.Slide) {
	if want := map[string]int{"151510": 4634, "151673": 3639}[s.Name]; len(s.Barcodes) != want || len(s.Genes) != 500 {
		t.Errorf("%s: %d spots, want %d", s.Name, len(s.Barcodes), want)
	}
	if s.Lowres == nil || s.Scale.Lowres == 0 || s.Genes[0].Symbol != "" {
		t.Errorf("%s: no lowres picture, or gene %+v", s.Name, s.Genes[0])
	}
}
