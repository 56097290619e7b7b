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
//   - [Graph.Rings] and [Graph.Window] walk a graph outwards: which spots are
//     first reached in exactly, or in up to, h steps.
//   - [Pitch] is the grid's spot-to-spot distance.
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
// The search is exact: a k-d tree (Bentley, Communications of the ACM 18:509,
// 1975) over the spots, O(n log n) in all, whatever their arrangement.
package neighbor
