// Package genelength holds the length of every human and mouse gene, the
// divisor of TPM.
//
// The length of a gene is the number of bases covered by the union of the exons
// of all its transcripts (column "merged" of GTFtools, Li, bioRxiv 263517) in
// the basic gene annotation of GENCODE: release 43 for human (GRCh38), M33 for
// mouse (GRCm39). These are the lengths that SpaRED uses. Mitochondrial genes
// are not in them, so TPM drops these genes.
//
// The tables are part of the program, about 130 KB each. They hold numbers only:
// for each gene the numeric part of its Ensembl id and its length. Of the 47
// human ids that occur twice (genes in the pseudoautosomal regions, annotated
// on X and on Y) the first is kept.
//
// # Source
//
// GENCODE's annotation (Frankish et al., Nucleic Acids Research 51:D942, 2023;
// gencodegenes.org) is open access. The lengths were taken from the tables
// gene_length.txt and gene_length_mouse.txt of the SpaRED repository (MIT
// licence) by the command in folder gen, which checks and packs them:
//
//	go run ./spared/genelength/gen -in FOLDER -out spared/genelength
package genelength
