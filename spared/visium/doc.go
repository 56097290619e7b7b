// Package visium reads and writes slides of 10x Genomics Visium, with or
// without CytAssist, and Visium HD as Space Ranger, versions 1 to 4, lays them
// out on disk.
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
// before text. raw_feature_bc_matrix, which holds the spots off tissue too, is
// read only on request ([Options].Raw). Of CytAssist's pictures the ones with
// marks drawn into them and the instrument's own (cytassist_image) never stand
// in for the tissue's. [Find] lists the slides below a folder, [IsSlide] looks
// at one.
//
// # Visium HD
//
// The outs folder holds the same tissue several times, by square bins:
//
//	binned_outputs/square_002um, square_008um, square_016um
//	    filtered_feature_bc_matrix.h5
//	    spatial/tissue_positions.parquet
//	    spatial/scalefactors_json.json        with bin_size_um and microns_per_pixel
//	    spatial/tissue_hires_image.png        often links to ../../../spatial
//
// It is one slide, so [Find] gives the outs folder once, and [Read] takes the
// bins of [Options].BinMicrons: 8 µm where the caller names none, which is what
// 10x Genomics recommends to begin with, else 16 µm, else the largest. [Bins]
// lists them, and the folder of one can be given as it is. The spot diameter is
// the bin's side. Counts by segmented cell (segmented_outputs) have no grid and
// are refused by name.
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
//     counts only is read, where squidpy and scanpy stop; where there is neither
//     a hires nor a lowres picture but a full-resolution one, they are made
//     from it (picture.Preview);
//   - repeated symbols are kept, where scanpy's text reader renames them;
//   - genes rise within each spot, which Space Ranger 1 did not do and scanpy
//     leaves be;
//   - with [Options].Genome the genes of one species of a mixed reference are
//     kept and lose its prefix ("hg19_ENSG..."), also where text counts name no
//     genome, where scanpy keeps the prefix;
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
// text, pictures or Parquet make Read panic: package parquet-go sets memory
// aside for whatever a file claims, so every length in the footer, in page
// headers and in encoded runs is checked before, and DELTA_BYTE_ARRAY, in
// which it cannot be, is refused. Counts in HDF5 are read in Go; libhdf5, whose
// version 1.10 can crash the process on a file that was damaged on purpose,
// sees none of them.
package visium
