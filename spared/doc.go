// Package spared turns tissue slides into a clean data set.
//
// A slide of spatial transcriptomics is a table of gene counts at thousands
// of spots over an H&E picture. Its counts are raw, most of them are zero,
// and slides differ for reasons that are not biology. Build reads the slides'
// folders and takes them through the pipeline of SpaRED (Mejia et al.,
// MICCAI 2024; Ruiz et al., Medical Image Analysis 2025), in its order:
//
//	filter     spots and genes by their counts, then the most widely detected
//	           genes, as long as 70 % of their values are measured
//	tpm        counts per transcript length, per million of the spot
//	log1p      log2(TPM + 1)
//	d_log1p    zeros replaced by the adaptive median of the spot's surroundings
//	choice     the genes with the highest Moran's I
//	c_log1p, c_d_log1p   batch effects removed by ComBat
//	deltas     differences to the gene's mean over train spots
//	mask       which values were measured
//
// The result is a Dataset: spots by genes in named layers, with the slides'
// pictures, the splits, and a manifest of how it came about. Save writes it as
// an .h5ad file that anndata, scanpy and squidpy open; Open reads it back.
//
// # Steps are files
//
// Build with the same recipe and the same input files opens the file it made
// before instead of computing it again, so that a notebook cell costs nothing
// the second time:
//
//	ds, err := spared.Build(ctx, spared.Recipe{
//		Inputs: []spared.Input{{Dir: "A1"}, {Dir: "B1"}},
//		Train:  []string{"A1"}, Val: []string{"B1"},
//	}, "muscle.h5ad", nil)
//
// # Two orders
//
// Clean, the default, learns whatever is learnt (gene filter, gene choice,
// batch correction, means) from train slides and applies it to the others.
// Released learns from all slides at once, as the published library does.
//
// # One slide
//
// A lone slide is fine: it is cut into 4 x 4 blocks of spots, blocks that
// hold a fifth of the spots validate, and there is no batch correction. The
// manifest and every result say so.
//
// # What differs from the published library
//
//   - Neighbours are the k nearest spots within the slide, ties by index;
//     the library's neighbourhoods depend on the version of squidpy and, for
//     SpaCKLE, cross slides.
//   - ComBat is the standard one. The package that the library calls (combat
//     0.3.3) uses the first gene's batch shift for the variance of all genes.
//   - Gene ties in the filter are broken by id; the library's unstable sort
//     leaves them to chance.
//   - Genes are compared by Ensembl id without version.
//   - A constant gene stays as it is under ComBat; the library's turns the
//     whole table into NaN.
//
// The steps themselves are packages of their own, on plain matrices: norm,
// neighbor, median, moran, combat, metric. File formats are visium and h5ad.
package spared
