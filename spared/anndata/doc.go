// Package anndata reads slides out of .h5ad files: those of anndata 0.7 and
// later, as scanpy, squidpy, CELLxGENE and many atlases publish them, and those
// that the SpaRED library or this module has made. Package h5ad reads the files
// as such; this package says what in them is a slide.
//
// # Where things are
//
// An .h5ad file has places by custom rather than by rule. Looked for are, each
// the first that is there:
//
//   - Slides: the column of obs all of whose values are keys of uns/spatial;
//     else slide_id, library_id, slide, section_id or section; else sample_id,
//     sample or batch, unless the file has one picture only, which makes it one
//     slide. A file without these is one slide. A file with pictures of several
//     slides but no column that divides its spots is refused.
//   - Counts: layers counts, raw_counts or raw, then raw.X, then X (X before a
//     raw.X of fewer genes): the first whose values are whole numbers of 0 or
//     more. Where none is, the error tells the range of each.
//     Slide.SourceFormat says which it was. raw.X comes with genes of its own.
//   - Genes: ids are the index of var where that holds Ensembl's, else a column
//     such as gene_ids, else the index again; symbols a column such as
//     gene_symbols or feature_name, else the index. Features other than "Gene
//     Expression" (feature_types) are left out.
//   - Places: obsm spatial or X_spatial, x then y, in full-resolution pixels;
//     else columns of obs. array_row and array_col are 0 where obs lacks them.
//   - Tissue: obs in_tissue; without it, all spots count.
//   - Pictures and scale factors: uns/spatial/<slide>, whose pictures may hold
//     0 to 255, 0 to 65535 or, as scanpy stores them, 0 to 1.
//   - Patient and split: columns of obs, where a slide has but one value.
//
// # Memory
//
// Of a file of many slides, a slide's rows are read alone where they lie
// together, as anndata.concat leaves them; else, and where the counts are dense
// or compressed by columns, in blocks of 4 million elements, of which the
// slide's are kept. Sizes that a damaged file merely claims are not allocated
// (internal/hdf5x).
//
// # Against scanpy and squidpy
//
// These hold one AnnData and leave it to the user to know whether X is counts,
// and which picture belongs to which spot. Here both are found or refused.
package anndata
