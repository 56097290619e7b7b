// Package embed finds structure in a table of many numbers per spot: principal
// components, the nearest-neighbour graph, clusters of that graph, and a
// picture of it in the plane. It works on plain matrices [spots][genes] and
// knows nothing of files or slides.
//
//	pca, err := embed.PCA(ctx, x, embed.PCAOptions{})             // [spots][50]
//	nn, err := embed.KNN(ctx, pca.Scores, 14, nil)                // 14 others each
//	graph := nn.Connectivities()                                  // [spots][spots], 0 to 1
//	clusters, err := embed.Leiden(ctx, graph, embed.LeidenOptions{})
//	plane, err := embed.UMAP(ctx, graph, pca.Scores, embed.UMAPOptions{}, nil)
//
// These are the steps of scanpy.pp.pca, scanpy.pp.neighbors, scanpy.tl.leiden
// and scanpy.tl.umap, which SpaRED's compute_dim_red runs one after the other
// with their defaults, which are the defaults here.
//
//   - [PCA] centres the genes and returns scores, loadings and variances. Of
//     few genes the covariance is decomposed whole; of many, the Lanczos method
//     (Golub & Van Loan, Matrix Computations, 4th ed., §10.3, with full
//     reorthogonalisation) finds the leading components without ever forming
//     it. Signs are fixed as scikit-learn fixes them.
//   - [KNN] is exact. Products of blocks in float32 choose candidates; their
//     distances are computed again in float64, and a row where rounding could
//     have hidden a neighbour is searched again in full.
//   - [Neighbors.Connectivities] is UMAP's fuzzy simplicial set (McInnes, Healy
//     & Melville, arXiv:1802.03426, algorithms 2 and 3).
//   - [Leiden] maximises modularity with a resolution (Traag, Waltman & van
//     Eck, Scientific Reports 9:5233, 2019). Its clusters are connected, which
//     Louvain's need not be.
//   - [UMAP] lays the graph out (same paper, algorithm 5).
//
// # Where this differs
//
// scanpy searches approximately from 4,096 spots on; here the search is exact
// at any size, in O(spots²) time and O(spots) memory.
//
// umap-learn on several cores moves points at the same time, and gives another
// layout each time. Here the steps of an epoch follow each other on one core,
// as they do in umap-learn with a random state, and the layout has the same
// bytes on any machine of a kind; a step is cheap enough for tens of thousands
// of spots. (Dividing an epoch into rounds in which spots move by themselves
// would use more cores; tried, it tears clusters apart.) The layout starts
// from the first two principal components instead of eigenvectors of the
// graph's Laplacian, which keeps large distances about as well and cannot fail
// to converge (Kobak & Linderman, Nature Biotechnology 39:156, 2021).
//
// scanpy 1.11 calls leidenalg on a directed graph. The graph is symmetric, so
// the quality is the same; partitions differ in the draws.
package embed
