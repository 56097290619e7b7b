// Package neighbor finds which spots of a slide are near each other.
//
// Distances are Euclidean, in the unit of the coordinates (full-resolution
// pixels throughout this module). Ties are broken by the lower spot index, so
// a graph depends on nothing but the coordinates and their order.
//
//   - [KNN] gives the k nearest spots of each spot as a [Graph]. On the
//     hexagonal grid of a Visium slide k = 6 is the ring of touching spots,
//     k = 18 the first two rings.
//   - [KNNWithin] does the same inside groups: spots of different slides have
//     coordinates that overlap without meaning anything, and a validation spot
//     may have to stay unseen by a train spot.
//   - [KNNSorted] keeps the order by distance, and the distances.
//   - [Radius] gives all spots within a distance, [SquareGrid] squidpy's grid
//     rule, [Delaunay] the edges of the Delaunay triangulation.
//   - [HexLattice] and [SquareLattice] go by the instrument's array instead of
//     the picture: the spots whose places touch, however the tissue lies.
//     [Lattice] tells which of the two an array is.
//   - [PerSlide] does any of these slide by slide.
//   - [Graph.Rings] and [Graph.Window] walk a graph outwards: which spots are
//     first reached in exactly, or in up to, h steps.
//   - [Pitch] is the grid's spot-to-spot distance.
//
// # Which graph
//
// They agree for a spot in the middle of the tissue and differ at borders and
// holes. There KNN reaches on to spots farther off, so that each has six (what
// squidpy does with coord_type "generic", and SpaRED); the lattices and
// SquareGrid leave a spot with fewer; Delaunay spans every gap, by edges as
// long as it takes (drop them by [Graph.Filter]). Lattices, Radius and Delaunay
// are symmetric, KNN and SquareGrid need not be.
//
// # Row i is what i points at
//
// A nearest-neighbour graph is not symmetric: a spot at the tissue's border
// has six nearest spots like any other, but is among the six nearest of fewer.
// Here row i holds the nearest spots of i, which is the orientation of squidpy
// 1.4 and later (squidpy.gr.spatial_neighbors with coord_type "generic").
// squidpy up to 1.3 stored the transpose, and so the data sets that SpaRED
// published were made with it; [Graph.Transpose] gives that one.
//
// The triangulation is exact for any finite coordinates, grids with their many
// spots on common circles included. Where there are several, scipy may return
// another; where there is none (spots on one line, at one place) scipy returns
// an error or leaves spots out, see [Delaunay].
//
// The search is exact, too: a k-d tree (Bentley, Communications of the ACM 18:509,
// 1975) over the spots, O(n log n) in all, whatever their arrangement.
package neighbor
