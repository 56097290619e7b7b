package spared

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// bare returns slides of the given names and numbers of spots, without counts.
func bare(spots map[string]int, names ...string) []*slide.Slide {
	var slides []*slide.Slide
	for _, n := range names {
		slides = append(slides, &slide.Slide{
			Name: n, Barcodes: make([]string, spots[n]),
			Counts: &sparse.CSR{Rows: spots[n], IndPtr: make([]int64, spots[n]+1)},
		})
	}
	return slides
}

func TestAssignSplits(t *testing.T) {
	spots := map[string]int{"A": 10, "B": 30, "C": 20, "D": 40}
	for _, test := range []struct {
		reason  string
		slides  []string
		recipe  Recipe
		want    []Split
		wantErr string // part of the message
	}{
		{reason: "a lone slide trains", slides: []string{"A"}, want: []Split{Train}},
		{reason: "the larger of two trains", slides: []string{"A", "B"}, want: []Split{Val, Train}},
		{reason: "of three the smallest tests and the second smallest validates", slides: []string{"A", "B", "C"}, want: []Split{Test, Train, Val}},
		{reason: "of four two train", slides: []string{"A", "B", "C", "D"}, want: []Split{Test, Train, Val, Train}},
		{reason: "names win over sizes", slides: []string{"A", "B"}, recipe: Recipe{Train: []string{"A"}, Val: []string{"B"}}, want: []Split{Train, Val}},
		{reason: "two splits for one slide", slides: []string{"A", "B"}, recipe: Recipe{Train: []string{"A", "B"}, Val: []string{"B"}}, wantErr: `slide "B" is in two splits, train and val`},
		{reason: "an unknown name lists the known ones", slides: []string{"A", "B"}, recipe: Recipe{Train: []string{"X"}}, wantErr: `no slide is called "X" (named for train); there are: A, B`},
		{reason: "a slide left over", slides: []string{"A", "B", "C"}, recipe: Recipe{Train: []string{"A"}, Val: []string{"B"}}, wantErr: `slide "C" is in no split`},
		{reason: "nothing validates", slides: []string{"A", "B"}, recipe: Recipe{Train: []string{"A", "B"}}, wantErr: "no slide validates"},
		{reason: "nothing trains", slides: []string{"A", "B"}, recipe: Recipe{Val: []string{"A"}, Test: []string{"B"}}, wantErr: "no slide trains"},
		{reason: "a lone slide cannot only validate", slides: []string{"A"}, recipe: Recipe{Val: []string{"A"}}, wantErr: "must train"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			slides := bare(spots, test.slides...)
			test.recipe.Inputs = make([]Input, len(slides))
			got, text, err := assignSplits(slides, test.recipe)
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Fatalf("error %v, want one with %q", err, test.wantErr)
				}
				return
			}
			if err != nil || !slices.Equal(got, test.want) || text == "" {
				t.Errorf("got %v %q %v, want %v", got, text, err, test.want)
			}
		})
	}
}

func TestSpatialBlocks(t *testing.T) {
	const side = 30
	var x, y []float64
	for i := range side * side {
		x, y = append(x, float64(i%side)), append(y, float64(i/side))
	}
	a := spatialBlocks(x, y, 0.2, 42)
	val := 0
	same := 0 // val spots whose right neighbour is val too
	for i, s := range a {
		if s != Val {
			continue
		}
		val++
		if i%side == side-1 || a[i+1] == Val {
			same++
		}
	}
	if share := float64(val) / (side * side); share < 0.2 || share > 0.27 {
		t.Errorf("%.3f of the spots validate, want 0.2 and at most one block more", share)
	}
	if got := float64(same) / float64(val); got < 0.8 {
		t.Errorf("only %.2f of the validation spots have a validation spot to their right: not blocks", got)
	}
	if !slices.Equal(a, spatialBlocks(x, y, 0.2, 42)) {
		t.Error("the same seed gave other blocks")
	}
	if slices.Equal(a, spatialBlocks(x, y, 0.2, 43)) {
		t.Error("another seed gave the same blocks")
	}
}

func TestParseInput(t *testing.T) {
	for _, test := range []struct {
		reason, arg string
		want        Input
	}{
		{"a folder alone", "data/A1", Input{Dir: "data/A1"}},
		{"a name before the folder", "left=data/A1", Input{Name: "left", Dir: "data/A1"}},
		{"an equals sign within a path is part of it", "data/x=1/outs", Input{Dir: "data/x=1/outs"}},
	} {
		if got := ParseInput(test.arg); cmp.Diff(got, test.want) != "" {
			t.Errorf("%s: got %+v, want %+v", test.reason, got, test.want)
		}
	}
}
