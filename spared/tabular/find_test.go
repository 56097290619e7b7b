package tabular

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/readertest"
	"github.com/spatialgo/spatialgo/spared/slide"
)

func TestFind(t *testing.T) {
	deep := "a/b/c/d/e/A1.tsv"
	for _, c := range []struct {
		reason string
		files  files
		loc    string
		want   string // of the paths below the folder; "" = an error
	}{
		{"tables in natural order, not those of places", legacy().with("A10.tsv", countsText).with("A2.tsv.gz", packed(countsText)), "", "A1.tsv A2.tsv.gz A10.tsv"},
		{"a table itself", legacy(), "A1.tsv", "A1.tsv"},
		{"three sibling folders", files{"counts/A1.tsv": countsText, "counts/B2.tsv": countsText, "spots/A1_selection.tsv": placesText, "labels/A1.tsv": placesText}, "", "counts/A1.tsv counts/B2.tsv"},
		{"a folder of Matrix Market", market(), "", "."},
		{"folders of Matrix Market", files{"s2/matrix.mtx": mtxText, "s2/genes.txt": genesText, "s2/spots.tsv": spotsText, "s10/m.mtx": mtxText, "s10/genes.txt": genesText, "s10/spots.tsv": spotsText, "s3/readme.txt": "hello"}, "", "s2 s10"},
		{"several matrices by prefix", files{"S1_matrix.mtx": mtxText, "S1_genes.tsv": genesText, "S1_spots.tsv": spotsText, "S2_matrix.mtx": mtxText, "S2_genes.tsv": genesText, "S2_spots.tsv": spotsText}, "", "S1_matrix.mtx S2_matrix.mtx"},
		{"two slides in a table", twoSlides(), "", "expression_matrix.txt#CP expression_matrix.txt#NP"},
		{"one of them", twoSlides(), "expression_matrix.txt#CP", "expression_matrix.txt#CP"},
		{"a slide of Space Ranger beside", files{"A/A1.tsv": countsText, "B/filtered_feature_bc_matrix/matrix.mtx": mtxText, "B/filtered_feature_bc_matrix/barcodes.tsv": "x", "B/filtered_feature_bc_matrix/features.tsv": "x", "B/tissue_positions.csv": "x"}, "", "A/A1.tsv"},
		{"a folder that holds itself by a link", legacy().with("sub/loop", "->.."), "", "A1.tsv"},
		{"links that go round, alone", files{"a.tsv": "->b.tsv", "b.tsv": "->a.tsv"}, "", ""},
		{"too deep", files{deep: countsText}, "", ""},
		{"a slide of Space Ranger: positions without a header are no counts", files{"spatial/tissue_positions_list.csv": "AAACCCGGGTTT-1,1,0,0,1,1\nAAACCCGGGTTA-1,1,0,2,1,3\n", "filtered_feature_bc_matrix.h5": "x"}, "", ""},
		{"text of other kinds", files{"readme.txt": "hello\nworld\n", "metrics.csv": "Spots,Reads\n5,6\n", "places.tsv": placesText, "empty.tsv": "\n", "one.tsv": "a\n"}, "", ""},
		{"names without places", market().with("spots.tsv", strings.Join(barcodes, "\n")), "", ""},
		{"a text that is no table", files{"a.txt": "hello world\n"}, "a.txt", ""},
		{"nothing", files{"x/": ""}, "gone", ""},
	} {
		dir := c.files.write(t)
		loc := filepath.Join(dir, c.loc)
		found, err := Find(loc)
		if Is(loc) != (c.want != "") {
			t.Errorf("%s: Is says %t", c.reason, Is(loc))
		}
		if c.want == "" {
			readertest.FormatError(t, err)
			continue
		}
		for i, f := range found {
			if found[i], err = filepath.Rel(dir, f); err != nil {
				t.Fatal(err)
			}
		}
		if want := strings.Fields(c.want); err != nil || !slices.Equal(found, want) {
			t.Errorf("%s: found %v, %v, want %v", c.reason, found, err, want)
		}
	}
	if _, err := Find(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v does not unwrap to os.ErrNotExist", err)
	}
}

func TestName(t *testing.T) {
	dir := legacy().with("C1_stdata.tsv.gz", "x").with("sub/counts.tsv", "x").with("a#b.tsv", "x").write(t)
	for _, c := range []struct{ loc, want string }{
		{"A1.tsv", "A1"}, {"C1_stdata.tsv.gz", "C1"}, {"sub/counts.tsv", "sub"}, {"sub", "sub"}, {"", "slide"},
		{"A1.tsv#NP", "NP"}, {"a#b.tsv", "a#b"}, {"gone#b", "gone#b"},
	} {
		if got := Name(filepath.Join(dir, c.loc)); got != c.want {
			t.Errorf("%s: %q, want %q", c.loc, got, c.want)
		}
	}
}

func TestPatient(t *testing.T) {
	folder := func(names ...string) files {
		f := files{"spots/x.tsv": placesText}
		for _, n := range names {
			f["counts/"+n+".tsv"] = countsText
		}
		return f
	}
	for _, c := range []struct {
		reason string
		files  files
		loc    string
		want   string
	}{
		{"letters and numbers, sections of several patients", folder("A1", "A2", "B1"), "counts/A2.tsv", "A"},
		{"one section a letter: letters may be sections", folder("A1", "B1", "C1"), "counts/A1.tsv", ""},
		{"one letter: no convention to see", folder("A1", "A2"), "counts/A1.tsv", ""},
		{"one table named otherwise", folder("A1", "A2", "B1", "mouse"), "counts/A1.tsv", ""},
		{"another layout", legacy().with("A2.tsv", countsText).with("B1.tsv", countsText), "A1.tsv", ""},
	} {
		s, err := Read(context.Background(), filepath.Join(c.files.write(t), c.loc), Options{})
		if err != nil || s.Patient != c.want {
			t.Errorf("%s: patient %q, %v, want %q", c.reason, s.Patient, err, c.want)
		}
	}
}

func TestSpotNames(t *testing.T) {
	for _, c := range []struct {
		name    string
		place   bool
		x, y    float64
		barcode bool
	}{
		{"10x21", true, 10, 21, false}, {"X10x21", true, 10, 21, false}, {"10_21", true, 10, 21, false}, {"-1x2", true, -1, 2, false},
		{"10.5x21.25", true, 10.5, 21.25, false}, {"10x", false, 0, 0, false}, {"x10", false, 0, 0, false}, {"1x2x3", false, 0, 0, false},
		{"0x1p4", false, 0, 0, false}, {"infxnan", false, 0, 0, false},
		{"AAACAAGTATCTCCCA-1", false, 0, 0, true}, {"AAACAAGTATCTCCCA", false, 0, 0, true}, {"AAACAAGTATCTCCCA.1", false, 0, 0, true},
		{"NP-AAACAAGTATCTCCCA-1", false, 0, 0, true}, {"s_008um_00078_00444-1", false, 0, 0, true},
		{"CAT", false, 0, 0, false}, {"GATTACA", false, 0, 0, false}, {"TP53", false, 0, 0, false}, {"", false, 0, 0, false}, {"-1", false, 0, 0, false},
	} {
		p, ok := parsePlace(c.name)
		if ok != c.place || ok && (p.x != c.x || p.y != c.y) {
			t.Errorf("place %q: %v, %t", c.name, p, ok)
		}
		if isBarcode(c.name) != c.barcode {
			t.Errorf("barcode %q: %t", c.name, isBarcode(c.name))
		}
	}
	if !hasToken("A1_selection", "a1") || hasToken("A10_selection", "A1") || hasToken("BA1", "A1") || !hasToken("xA1 A1", "A1") || hasToken("A1", "") {
		t.Error("words in names")
	}
}

// TestSpotDiameter lays spots out as the instruments do, turned by an angle.
func TestSpotDiameter(t *testing.T) {
	sin, cos := math.Sincos(0.3)
	lay := func(keep func(col, row int) bool, colPitch, rowPitch float64) *slide.Slide {
		s := new(slide.Slide)
		for row := range 12 {
			for col := range 14 {
				if keep(col, row) {
					x, y := colPitch*float64(col), rowPitch*float64(row)
					s.ArrayRow, s.ArrayCol = append(s.ArrayRow, row), append(s.ArrayCol, col)
					s.X, s.Y = append(s.X, 500+cos*x-sin*y), append(s.Y, 300+sin*x+cos*y)
				}
			}
		}
		return s
	}
	every := func(int, int) bool { return true }
	even := func(c, r int) bool { return (c+r)%2 == 0 }
	for _, c := range []struct {
		reason string
		slide  *slide.Slide
		visium bool
		want   float64
	}{
		{"ST, 200 px between spots", lay(every, 200, 200), false, 100},
		{"ST 2K, 100 px to the next column and row", lay(even, 100, 100), false, 100},
		{"Visium, 100 px between spots", lay(even, 50, 50*math.Sqrt(3)), true, 55},
		{"Visium barcodes on a square", lay(every, 100, 100), true, 55},
		{"one row: it cannot be told", lay(func(_, r int) bool { return r == 0 }, 100, 100), false, 0},
		{"no spots", new(slide.Slide), false, 0},
	} {
		if got := spotDiameter(c.slide, c.visium); math.Abs(got-c.want) > 1e-9*c.want {
			t.Errorf("%s: %v px, want %v", c.reason, got, c.want)
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := legacy().write(t)
	if _, err := Read(ctx, dir, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context gives %v", err)
	}
	if _, err := Sources(ctx, dir, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context gives %v", err)
	}
}
