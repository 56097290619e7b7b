package spackle

import (
	"fmt"
	"slices"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// Neighborhoods returns the neighbourhood of each spot of one slide as
// [spots][n+1] indices: the spot itself, then its n nearest spots by
// (distance, index). Distances are Euclidean, in full-resolution pixels. Where
// a slide has fewer than n+1 spots, the spot itself stands in for those that
// it lacks. It is an error if there is only one spot, unless n is 0, since then
// there is no neighbour to learn from.
func Neighborhoods(x, y []float64, n int) ([]int32, error) {
	if len(x) == 1 && n > 0 {
		return nil, fmt.Errorf("spackle: one spot alone has no neighbourhood")
	}
	near, _, err := neighbor.KNNSorted(x, y, n)
	if err != nil {
		return nil, fmt.Errorf("spackle: neighbourhoods: %w", err)
	}
	table := make([]int32, 0, len(x)*(n+1))
	for i := range x {
		table = append(table, int32(i))
		for _, j := range near[i*n : (i+1)*n] {
			if j < 0 {
				j = int32(i)
			}
			table = append(table, j)
		}
	}
	return table, nil
}

// surroundings says which spots a network sees beside a spot.
type surroundings struct {
	tokens int  // of a neighbourhood, the spot itself included
	across bool // neighbours are sought on all slides at once and stand by index, as in the released library
}

// of returns, for the given spots of a data set, the table
// [len(spots)][tokens] of rows of the data set. Neighbours are sought among the
// given spots only, within the spot's own slide unless across.
func (s surroundings) of(ds *spared.Dataset, spots []int) ([]int32, error) {
	bySlide := make([][]int, len(ds.Sections)) // places in spots
	for k, i := range spots {
		slide := ds.Spots[i].Slide
		if slide < 0 || slide >= len(ds.Sections) {
			return nil, fmt.Errorf("spackle: spot %s is on section %d of %d", ds.Spots[i].ID, slide, len(ds.Sections))
		}
		if s.across {
			slide = 0
		}
		bySlide[slide] = append(bySlide[slide], k)
	}
	table := make([]int32, len(spots)*s.tokens)
	for slide, places := range bySlide {
		if len(places) == 0 {
			continue
		}
		x, y := make([]float64, len(places)), make([]float64, len(places))
		for j, k := range places {
			x[j], y[j] = ds.Spots[spots[k]].X, ds.Spots[spots[k]].Y
		}
		local, err := s.at(x, y)
		switch {
		case err != nil && s.across:
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("slide %s: %w", ds.Sections[slide].Name, err)
		}
		for j, k := range places {
			for t, l := range local[j*s.tokens : (j+1)*s.tokens] {
				table[k*s.tokens+t] = int32(spots[places[l]])
			}
		}
	}
	return table, nil
}

// at returns the neighbourhoods of spots at these places, [spots][tokens].
func (s surroundings) at(x, y []float64) ([]int32, error) {
	table, err := Neighborhoods(x, y, s.tokens-1)
	if s.across {
		for i := 0; i < len(table); i += s.tokens {
			slices.Sort(table[i+1 : i+s.tokens])
		}
	}
	return table, err
}
