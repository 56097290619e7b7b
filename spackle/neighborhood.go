package spackle

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// Neighbors is the number n of neighbours in a spot's neighbourhood: as many
// as lie within two hops on Visium's hexagonal grid.
const Neighbors = 18

// Tokens is the number of spots of a neighbourhood, the spot itself included.
const Tokens = Neighbors + 1

// Neighborhoods returns the neighbourhood of each spot of one slide as
// [spots][Tokens] indices: the spot itself, then its 18 nearest spots by
// (distance, index). Distances are Euclidean, in full-resolution pixels. Where
// a slide has fewer than 19 spots, the spot itself stands in for those that
// it lacks. It is an error if there is only one spot, since then there is no
// neighbour to learn from.
func Neighborhoods(x, y []float64) ([]int32, error) {
	n := len(x)
	if n == 1 {
		return nil, fmt.Errorf("spackle: one spot alone has no neighbourhood")
	}
	near, _, err := neighbor.KNNSorted(x, y, Neighbors)
	if err != nil {
		return nil, fmt.Errorf("spackle: neighbourhoods: %w", err)
	}
	table := make([]int32, 0, n*Tokens)
	for i := range n {
		table = append(table, int32(i))
		for _, j := range near[i*Neighbors : (i+1)*Neighbors] {
			if j < 0 {
				j = int32(i)
			}
			table = append(table, j)
		}
	}
	return table, nil
}

// neighborhoods returns, for the given spots of a data set, the table
// [len(spots)][Tokens] of rows of the data set. Neighbours are sought among
// the given spots only, within the spot's own slide.
func neighborhoods(ds *spared.Dataset, spots []int) ([]int32, error) {
	table := make([]int32, len(spots)*Tokens)
	bySlide := make([][]int, len(ds.Sections)) // places in spots
	for k, i := range spots {
		s := ds.Spots[i].Slide
		if s < 0 || s >= len(ds.Sections) {
			return nil, fmt.Errorf("spackle: spot %s is on section %d of %d", ds.Spots[i].ID, s, len(ds.Sections))
		}
		bySlide[s] = append(bySlide[s], k)
	}
	for s, places := range bySlide {
		if len(places) == 0 {
			continue
		}
		x, y := make([]float64, len(places)), make([]float64, len(places))
		for j, k := range places {
			x[j], y[j] = ds.Spots[spots[k]].X, ds.Spots[spots[k]].Y
		}
		local, err := Neighborhoods(x, y)
		if err != nil {
			return nil, fmt.Errorf("slide %s: %w", ds.Sections[s].Name, err)
		}
		for j, k := range places {
			for t, l := range local[j*Tokens : (j+1)*Tokens] {
				table[k*Tokens+t] = int32(spots[places[l]])
			}
		}
	}
	return table, nil
}
