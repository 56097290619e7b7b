package spackle

import (
	"slices"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared"
)

func TestNeighborhoods(t *testing.T) {
	line := func(n int) (x, y []float64) {
		for i := range n {
			x, y = append(x, float64(i)), append(y, 0)
		}
		return
	}
	x, y := line(40)
	table, err := Neighborhoods(x, y, Neighbors)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		reason string
		spot   int
		want   []int32
	}{
		{reason: "inside: by distance, of two as near the lower index", spot: 20,
			want: []int32{20, 19, 21, 18, 22, 17, 23, 16, 24, 15, 25, 14, 26, 13, 27, 12, 28, 11, 29}},
		{reason: "at the border it reaches further", spot: 0,
			want: []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}},
	} {
		if got := table[tc.spot*Tokens : (tc.spot+1)*Tokens]; !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.reason, got, tc.want)
		}
	}
	x, y = line(3)
	if table, err = Neighborhoods(x, y, Neighbors); err != nil {
		t.Fatal(err)
	}
	want := []int32{1, 0, 2}
	for range Tokens - 3 {
		want = append(want, 1)
	}
	if got := table[Tokens : 2*Tokens]; !slices.Equal(got, want) {
		t.Errorf("three spots: %v, want the spot itself in the place of those that are missing", got)
	}
	if _, err := Neighborhoods([]float64{1}, []float64{1}, Neighbors); err == nil {
		t.Error("one spot has a neighbourhood")
	}
	if table, err := Neighborhoods(nil, nil, Neighbors); err != nil || len(table) != 0 {
		t.Errorf("no spots: %v, %v", table, err)
	}
}

// TestNeighborhoodsWithin checks that neighbours do not cross slides or splits,
// though the slides' coordinates coincide.
func TestNeighborhoodsWithin(t *testing.T) {
	ds := syntheticTissue(2, 6, 6, 3, 1)
	for i := range ds.Spots {
		if ds.Spots[i].Slide == 0 && ds.Spots[i].ArrayRow >= 4 {
			ds.Spots[i].Split = spared.Val
		}
	}
	for _, split := range []spared.Split{spared.Train, spared.Val} {
		rows := ds.SpotsIn(split)
		table, err := surroundings{tokens: Tokens}.of(ds, rows)
		if err != nil {
			t.Fatal(err)
		}
		for k, i := range rows {
			if int(table[k*Tokens]) != i {
				t.Fatalf("%s: neighbourhood of spot %d begins with %d", split, i, table[k*Tokens])
			}
			for _, j := range table[k*Tokens : (k+1)*Tokens] {
				if ds.Spots[j].Split != split || ds.Spots[j].Slide != ds.Spots[i].Slide {
					t.Fatalf("%s: spot %d has neighbour %d of split %s, slide %d", split, i, j, ds.Spots[j].Split, ds.Spots[j].Slide)
				}
			}
		}
	}
	lone := ds.SpotsOf(0)[:1]
	if _, err := (surroundings{tokens: Tokens}).of(ds, append(lone, ds.SpotsOf(1)...)); err == nil || !strings.Contains(err.Error(), "slide0") {
		t.Errorf("a slide with one spot: %v, want an error that names it", err)
	}
}
