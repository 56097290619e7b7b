// Package spared turns tissue slides into a clean data set.
//
// A slide of spatial transcriptomics is a table of gene counts at thousands
// of spots over an H&E picture. Its counts are raw, most of them are zero,
// and slides differ for reasons that are not biology. Build reads slides
// (Formats says of which kinds: Space Ranger folders, .h5ad files, plain
// tables) and takes them through the pipeline of SpaRED (Mejia et al.,
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
// an .h5ad file that anndata, scanpy and squidpy open, with the layers and the
// columns of obs and var that SpaRED's files have; Open reads it back, also
// after scanpy has added to it. What exploration adds (embeddings, graphs,
// clusters) and what users bring has its place in Dataset and in the file.
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
// The file carries its Recipe, as JSON. ReadRecipe reads one, and Build makes
// the same file from it, byte for byte, on any number of cores and from any
// working folder: the paths of slides and of full-resolution pictures in it are
// absolute. (Folders that were moved need new paths; names, settings and the
// digests of the input files are what identifies a data set.)
//
// # Two orders
//
// Clean, the default, learns whatever is learnt (gene filter, gene choice,
// batch correction, means) from train slides and applies it to the others.
// Released learns from all slides at once, as the published library does, and
// has slides in the order of their names, as it does.
//
// # Splits that hold
//
// CheckLeaks finds slides that hold the same spots, whatever they are called,
// and patients in two splits. Clean refuses one slide in two splits, and a
// train patient in the split that tests where the recipe makes patients the
// batches, because then the data set asks about unseen patients; several
// sections of one patient in all splits are the published design of most sets,
// and are noted. Released notes whatever it finds.
//
// # One slide
//
// A lone slide is fine: it is cut into 4 x 4 blocks of spots, blocks that
// hold a fifth of the spots validate, and there is no batch correction. The
// manifest and every result say so.
//
// # What can be chosen
//
// Each number of the recipe; the Normalization (TPM is the published one, and
// doubtful for counts of 3' ends; see there); the graph that the median and
// Moran's I call neighbours (GraphKind) and its orientation; covariates,
// reference and form of ComBat. Dataset.Unit says what a layer's values are,
// and the name of the normalised layer (tpm, cpm, norm) does not lie.
//
// Tables that were normalised before, for want of counts (parigi's), go through
// the same pipeline where Input.Normalised says so; the manifest repeats it.
//
// # The panel
//
// Of the genes that passed the filter, the panel, only the most spatial ones
// become columns. The raw counts of all of them are kept beside (PanelCounts),
// sparse: they say how deeply a spot was sequenced and what kind of tissue it is,
// and completing the chosen genes with their help lowers the error by 1.5 to 5 %. In
// the file they are anndata's raw, so that in Python
//
//	adata.raw.to_adata()   # spots x panel, raw counts; gene_length and more in var
//
// is the larger table, and scanpy's plots find genes of it by name. (Functions
// that prefer raw where there is one and are given a layer want to hear
// use_raw=False: sc.tl.rank_genes_groups.) A file grows by a tenth;
// Recipe.NoPanel leaves the counts out. Python may set adata.raw to what it
// likes: Open takes it for the panel's only where genes and counts agree.
//
// # Before curation
//
// A data set carries what its slides held before the filter, summed up by spot
// and by gene (Raw, uns["spatialgo"]["raw"], about a megabyte): quality can be
// looked at where the slides are not.
//
// # What differs from the published library
//
//   - Neighbours are the k nearest spots within the slide, ties by index; the
//     eight of a square grid where the array is square (there the library has
//     to be told). The library's orientation depends on the version of
//     squidpy: Recipe.Transposed gives the older. Its neighbourhoods for
//     SpaCKLE cross slides; here none does.
//   - ComBat is the standard one. The package that the library calls (combat
//     0.3.3) uses the first gene's batch shift for the variance of all genes:
//     Recipe.FirstGene gives that.
//   - Gene ties in the filter are broken by id; the library's unstable sort
//     leaves them to chance.
//   - Genes are compared by Ensembl id without version; slides that name them
//     by symbol get the ids of GENCODE's symbols.
//   - A constant gene stays as it is under ComBat and is named in the notes;
//     the library's turns the whole table into NaN. With one batch there are no
//     corrected layers, and a note says so; the library fails.
//   - A spot whose only counts are of genes without a length is dropped; the
//     library keeps it with TPM of 0.
//   - Layers noisy_* are made on demand (Dataset.Noisy) unless Recipe.Noisy
//     asks to store them, and c_t_* when a model completes the data set.
//   - Where the adaptive median gave most of a slide one value, ComBat divides
//     by next to no variance and stretches the gene; as published, there is no
//     cap, but the notes name the genes and slides.
//
// # Memory
//
// The slides' counts stay sparse and are looked at in place until the filter
// has chosen; then Build lets go of them. The panel that passed is completed
// and ranked in blocks of genes; dense layers exist for the chosen genes only,
// the panel's counts stay sparse.
// A slide of 100,000 spots x 18,000 genes with 106 million counts takes 2.7 GB.
//
// The steps themselves are packages of their own, on plain matrices: norm,
// neighbor, median, moran, combat, metric. File formats are visium, anndata,
// tabular and h5ad.
package spared
