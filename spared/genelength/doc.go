// Package genelength holds the length of every human and mouse gene, the
// divisor of TPM, and the Ensembl id of every symbol, for slides that name
// their genes by symbol only.
//
// The length of a gene is the number of bases covered by the union of the exons
// of all its transcripts (column "merged" of GTFtools, Li, bioRxiv 263517) in
// the basic gene annotation of GENCODE: release 43 for human (GRCh38), M33 for
// mouse (GRCm39). These are the lengths that SpaRED uses. Mitochondrial genes
// are not in them, so TPM drops these genes.
//
// Symbols are those that HGNC approves for human and those that Ensembl shows
// for mouse: 39,786 and 56,631 genes. [Table.IDOf] says what becomes of symbols
// in doubt. On the breast tumours of Andersson et al. (2021), annotated in 2016,
// 95 % of the symbols have an id.
//
// The tables are part of the program: lengths about 120 KB an organism, the
// numeric part of each Ensembl id and a number; symbols 160 and 200 KB, read
// when they are first asked for. Of the 47
// human ids that occur twice (genes in the pseudoautosomal regions, annotated
// on X and on Y) the first is kept.
//
// # Source
//
// GENCODE's annotation (Frankish et al., Nucleic Acids Research 51:D942, 2023;
// gencodegenes.org) is open access, and so are HGNC's names (Seal et al.,
// Nucleic Acids Research 51:D1003, 2023). All were taken from the tables
// gene_length.txt, gene_length_mouse.txt, mapping_HUGO_2_Ensemble.txt and
// mart_export.txt of the SpaRED repository (MIT licence) by the command in
// folder gen, which checks and packs them:
//
//	go run ./spared/genelength/gen -in FOLDER -out spared/genelength
package genelength
