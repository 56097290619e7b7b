// Package neighbor finds which spots of a slide are near each other.
//
// Distances are Euclidean, in full-resolution pixels. Ties are broken by the
// lower spot index, so a graph depends on nothing but the coordinates.
package neighbor

// Graph lists, for each spot i, its neighbours
// Index[Start[i]:Start[i+1]]: 0-based spot indices, without i itself, in
// rising order.
type Graph struct {
	Start []int32 // one more than there are spots
	Index []int32
}

// Len returns the number of spots.
func (g *Graph) Len() int { return len(g.Start) - 1 }

// Of returns the neighbours of spot i, in the graph's own memory.
func (g *Graph) Of(i int) []int32 { return g.Index[g.Start[i]:g.Start[i+1]] }
