// Package sparse holds the compressed-sparse-row matrix of gene counts, as
// Space Ranger and anndata store them: rows are spots, columns genes.
//
// Counts are whole numbers held as float32, which is exact up to 2²⁴. Sums are
// float64. The matrix is deliberately small: what the pipeline needs to choose
// spots and genes, sum them, put slides below each other, and write the few
// chosen columns out as a dense matrix.
package sparse
