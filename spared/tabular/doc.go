// Package tabular reads slides that are given as plain tables: legacy Spatial
// Transcriptomics (Ståhl et al., Science 353:78, 2016), and Visium slides that
// were published as a matrix with lists of its genes and spots.
//
// # What a slide is on disk
//
// Counts are a table, or a Matrix Market file (.mtx) with tables of its genes
// and spots beside it. What a file is its first lines decide, not its name:
//
//   - Counts: a header, then a line for each spot, its name first and a whole
//     number for each gene. Spots are named by their place on the array
//     ("10x21", x by y; "10_21" and "X10x21" do as well) or by barcode. The
//     same with rows and columns swapped is recognised by those names or, where
//     they do not tell, by which of the two the table of places lists.
//   - Places: a header that names coordinates. Known are x and y (the place on
//     the array), pixel_x and pixel_y, pxl_col_in_fullres and
//     pxl_row_in_fullres, imagecol and imagerow, sdimx and sdimy (Giotto's, y
//     up, so y = -sdimy), array_row and array_col, selected or in_tissue, a
//     name (barcode, spot, cell_ID), and slide_id, sample or list_ID, patient
//     and split, in any order and in small or capital letters.
//   - Genes: ids, or ids and symbols, with or without a header. A table with
//     the columns gene_id and gene_name beside the counts gives symbols to
//     genes that the counts list by id.
//
// Cells are separated by tabs, semicolons, commas or spaces, whichever the
// first line has; quotes, a byte order mark and CRLF are fine; a header may
// lack a cell for the column of names, as R writes it; gzip is recognised by
// its bytes.
//
// # Which files belong together
//
// A table of counts goes with the table of places and the picture whose names
// contain its own as a word: A1.tsv.gz with A1_selection.tsv and A1.jpg,
// Hippo1.tsv.gz with alignment_table_Hippo1.tsv.gz. They lie in the same folder
// or, where that is called after counts (counts, ST-cnts), in sibling folders
// called after spots (spots, positions) and images (images, ST-imgs). In a
// folder with one table of counts all tables of places are its own, and are
// joined by the names of spots. A folder spatial in Space Ranger's layout is
// read as package visium does. In a table of several slides ("list_ID") each is
// a location of its own, "expression_matrix.txt.gz#NP".
//
// # What comes out
//
// Counts are spots x genes, whole numbers, in the order of the table. Spots
// that the table of places does not select are dropped unless asked for; a
// spot named by its place that the table leaves out counts as not selected,
// while a barcode without a place is an error. X and Y are full-resolution
// pixels. Without a table of places they are x and y on the array, and the
// slide has no picture, since nothing says where on it the spots are.
// ArrayCol is x and ArrayRow is y: on the 2K arrays, where x + y is even, this
// makes the six nearest spots those of Visium's lattice.
//
// A slide whose folder spatial has no pictures, or that has no such folder,
// gets its hires and lowres pictures from the full-resolution one, as
// picture.Preview makes them.
//
// The spot diameter follows from the distance of spots in pixels and the
// instrument's ratio of the two: 100 µm spots 200 µm apart on the ST array of
// 33 x 35 places (Andersson et al., Nat Commun 12:6012, 2021); the same spots
// 200/√2 = 141 µm apart on the 2K array, a diamond pattern with spots of the
// same size (the authors of STUtility; Ji et al., Cell 182:497, 2020, state
// 110 µm and 150 µm, 4 % more in ratio); and 55 µm of 100 µm for barcodes of
// Visium.
//
// Genes that are named by symbol only have it as id and symbol; package spared
// looks their Ensembl ids up in package genelength. The organism is told by
// Ensembl ids or by whose symbols the genes have. Patients come from the table
// of places or, in the layout of three sibling folders, from the names of the
// tables where all are a letter and a number with several sections of one
// letter (A1 to F3: patients A to F); else they are left empty. No split is
// made up.
//
// # What differs from scanpy, STUtility and the published readers
//
// A missing value, a fraction, a negative number, a spot that comes twice or a
// barcode without a place is an error with its line, not a NaN, a sum or a
// dropped spot. A gene that comes twice is kept twice, in order; a data set
// takes the first. Folders that go round by links are not followed, and only
// direct subfolders are searched.
package tabular
