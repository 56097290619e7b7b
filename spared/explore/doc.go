// Package explore looks at a data set as a whole: how its spots group by
// expression, and what its slides held before curation took away spots and
// genes.
//
// [Embed] runs package embed on a layer of a [spared.Dataset] and stores what
// it finds where scanpy stores it, so that scanpy.pl.umap, scanpy.pl.pca and
// scanpy.tl.rank_genes_groups go on from there:
//
//	obsm X_pca, X_umap                    obs  cluster (or Options.Key)
//	varm PCs                              uns  pca, neighbors, umap, cluster, cluster_colors
//	obsp distances, connectivities
//
// It follows SpaRED's compute_dim_red: scanpy's defaults throughout, random
// state 42, clusters in obs["cluster"]. That function also puts the counts back
// into X, which here never left it.
//
// [ReadRaw] gives the slides as their instruments wrote them, summed up: counts
// per spot and per gene, the least and the overall share of spots with a count
// (SpaRED's exp_frac and glob_exp_frac), and level and spread of each gene.
// These are the numbers of the raw half of SpaRED's QC plots; widgets.QC draws
// them. Build stores them in the file (spared.Raw), so the slides need not be
// there any more.
//
// [Markers] names the genes in which two groups of spots differ.
package explore
