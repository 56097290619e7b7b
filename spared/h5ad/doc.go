// Package h5ad reads and writes the .h5ad files of anndata, scanpy and
// squidpy.
//
// An .h5ad file is an HDF5 file whose groups are the parts of an annotated
// matrix: X and layers [spots][genes]; obs and var, tables of the spots and
// genes; obsm, varm, obsp and varp, matrices along them; uns, a tree of
// anything else, where squidpy keeps pictures and scale factors under
// uns/spatial/<slide>. Each element carries two attributes, encoding-type and
// encoding-version, that say how it is stored. Read turns each into the Go
// type of the same meaning (see AnnData), Write does the reverse, and what is
// written is read back as it was.
//
// # What is read
//
// Files of anndata 0.7 to 0.12, and of other programs that follow its
// specification (https://anndata.readthedocs.io/en/latest/fileformat-prose.html,
// encodings array 0.2.0, string-array 0.2.0, csr_matrix and csc_matrix 0.1.0,
// dataframe 0.2.0, categorical 0.2.0, nullable-integer and nullable-boolean
// 0.1.0, nullable-string-array, numeric-scalar and string 0.2.0, rec-array
// 0.2.0, dict, raw, null), uncompressed or compressed by gzip, lzf or zstd, in
// any version of the HDF5 format up to that of HDF5 2.0. Other filters (blosc,
// szip) are refused, as are files before 0.7, MuData files and awkward arrays,
// each with an error that says so. ReadKeys and ReadElem read parts, such as
// one layer of many.
//
// Every matrix and table is checked against the numbers of spots and genes,
// offsets and indices of sparse matrices and codes of categoricals against
// their bounds, so that what Read returns can be used without further checks.
// Damaged files give errors, and sizes that a file merely claims are not
// allocated: libhdf5, which can crash on a damaged structure, has no part in
// reading (internal/hdf5x).
//
// Chunks are expanded on all processors, straight into the slices returned.
//
// # What is written
//
// The current encodings, which anndata 0.8 to 0.12 read. Three things differ
// from what anndata itself writes, all within its specification:
//
//   - None is left out, because anndata 0.9 and older refuse a whole file that
//     holds the encoding "null".
//   - Chunks are whole rows of about 128 KiB rather than h5py's squares. The
//     genes of one spot share few values (counts over one total), so layers
//     like log1p become smaller (a quarter, on made-up Poisson counts), and
//     rows are read alone faster.
//   - No time stamps: with the same libhdf5 and libdeflate, the same content
//     gives the same bytes, on any number of processors.
//
// The file is replaced in one step (see Write); a crash or a full disk leaves
// the old one.
//
// # In memory
//
// Names of rows are text: an index of numbers is turned into text. Numbers
// without dimensions become int64, float64 or bool. Everything else keeps its
// element type, float16 excepted, which becomes float32.
package h5ad
