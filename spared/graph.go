package spared

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// place is where the spots of one slide lie: centres in full-resolution
// pixels and places on the instrument's grid.
type place struct {
	x, y     []float64
	row, col []int
}

func placeOf(spots []Spot) place {
	var p place
	for i := range spots {
		s := &spots[i]
		p.x, p.y = append(p.x, s.X), append(p.y, s.Y)
		p.row, p.col = append(p.row, s.ArrayRow), append(p.col, s.ArrayCol)
	}
	return p
}

// Graph returns the neighbours of each spot of section s, as the data set's
// recipe chose them for the adaptive median and Moran's I: row k is the k-th
// spot of SpotsOf(s).
func (d *Dataset) Graph(s int) (*neighbor.Graph, error) {
	g, err := d.GraphOf(d.SpotsOf(s))
	if err != nil {
		return nil, fmt.Errorf("spared: slide %q: %w", d.Sections[s].Name, err)
	}
	return g, nil
}

// GraphOf returns the neighbours of some spots of one section among each other,
// as the data set's recipe chooses them: row k is spots[k].
func (d *Dataset) GraphOf(spots []int) (*neighbor.Graph, error) {
	some := make([]Spot, len(spots))
	for k, i := range spots {
		some[k] = d.Spots[i]
	}
	return d.Manifest.Recipe.withDefaults().graph(placeOf(some))
}

// graph makes the graph of one slide.
func (r Recipe) graph(p place) (*neighbor.Graph, error) {
	g, err := r.forwardGraph(p)
	if err != nil || !r.Transposed {
		return g, err
	}
	return g.Transpose(), nil
}

func (r Recipe) forwardGraph(p place) (*neighbor.Graph, error) {
	kind := r.Graph
	if kind == GraphAuto {
		kind = GraphKNN
		if neighbor.Lattice(p.row, p.col) == neighbor.Square {
			kind = GraphSquare
		}
	}
	switch kind {
	case GraphHex:
		return neighbor.HexLattice(p.row, p.col)
	case GraphSquare:
		return neighbor.SquareGrid(p.x, p.y, 8)
	case GraphRadius:
		pitch := neighbor.Pitch(p.x, p.y)
		if !(pitch > 0) {
			return nil, fmt.Errorf("graph %s: the spots have no pitch: at least two spots apart from each other are needed", kind)
		}
		return neighbor.Radius(p.x, p.y, r.Radius*pitch)
	case GraphDelaunay:
		return neighbor.Delaunay(p.x, p.y)
	}
	return neighbor.KNN(p.x, p.y, r.Neighbors)
}
