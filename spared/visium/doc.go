// Package visium reads and writes slides of 10x Genomics Visium as Space
// Ranger, versions 1 to 4, lays them out on disk.
//
// # What a slide is on disk
//
// [Read] takes the folder that Space Ranger calls outs, or one that holds the
// same files:
//
//	filtered_feature_bc_matrix.h5        counts, HDF5 (a prefix such as "S1_" is fine), or else
//	filtered_feature_bc_matrix/          matrix.mtx, barcodes.tsv and features.tsv (or genes.tsv)
//	spatial/tissue_positions.csv         places of the spots (tissue_positions_list.csv before version 2)
//	spatial/scalefactors_json.json       sizes in pixels; needed where there are pictures
//	spatial/tissue_hires_image.png       picture, also .jpg or .tif; may be missing
//	spatial/tissue_lowres_image.png      picture, also .jpg or .tif; may be missing
//	image.tif, source_image.jpg, *_image.tif, *fullres*   full-resolution picture; may be missing
//
// The three text files may lie in the folder itself, and so may the files of
// spatial, which may also lie in a folder spatial beside this one. HDF5 goes
// before text. raw_feature_bc_matrix is read only on request ([Options].Raw)
// and only where there are no filtered counts. [Find] lists the slides below a
// folder, [IsSlide] looks at one.
//
// What a file holds is decided by its content, never by its name: whether text
// is gzip, whether a positions file has a header, what format a picture has.
// The HDF5 layouts of Cell Ranger 2 (a group per genome) and of all later
// software (a group matrix) are both read.
//
// # What comes out
//
// Counts are spots x genes, whole numbers, in the order of the counts file.
// Features that are not genes are left out unless asked for. Ids and symbols
// are as in the file: versions stay, symbols may repeat or be empty, and text
// that means something to a browser passes through, so it must be escaped
// where it is shown. X is pxl_col_in_fullres and Y is pxl_row_in_fullres,
// although the file names the row first. Every spot with counts must have a
// position; a position without counts is no spot. Spots off tissue
// (in_tissue = 0) are dropped unless asked for.
//
// # What differs from scanpy and squidpy
//
// Counts, genes, spots, places and factors are theirs, number for number.
// Coordinates are rounded correctly where pandas' parser is off in the last
// bit. Further:
//
//   - a folder without a hires picture, without any picture, or with text
//     counts only is read, where squidpy and scanpy stop;
//   - repeated symbols are kept, where scanpy's text reader renames them;
//   - genes rise within each spot, which Space Ranger 1 did not do and scanpy
//     leaves be;
//   - written zeros are dropped, so that a stored value is a measured one;
//   - an entry that comes twice, a negative or fractional count, a barcode that
//     comes twice or has no position is an error, not a sum, a number or a
//     missing value.
//
// # Untrusted folders
//
// Every fault is a *format.Error with the file and the key or line, and what
// was expected there. What a header claims is not allocated: text takes a
// small multiple of the file's size, gzip may expand 256 times, pictures to 64
// million pixels, and HDF5 is read as package hdf5x bounds it. No bytes of
// text or pictures make Read panic. Counts in HDF5 pass through libhdf5, and
// its version 1.10 can crash the process on a file that was damaged on
// purpose; from a source that is not trusted, take the counts as text.
//
// Visium HD (positions in Parquet, counts by bins) is not read yet, and its
// folders are refused by name.
package visium
