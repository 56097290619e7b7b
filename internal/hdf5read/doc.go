// Package hdf5read reads HDF5 files without libhdf5: groups, attributes and
// datasets, from the bytes as the HDF5 File Format Specification
// (https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html)
// describes them. Package hdf5x puts keys, errors and Go types on top.
//
// It exists for two reasons. libhdf5 (1.10.8 as Debian has it) trusts the
// structure of a file: of small files with a few bytes of structure damaged at
// random, about 1 in 200 makes it crash, which no Go code can catch. And it
// expands the chunks of a dataset one after another, under one lock for the
// whole process, by way of buffers of its own; here they are expanded on all
// processors, straight into the slice that the caller gets, converted on the
// way.
//
// # What is read
//
//   - Superblocks 0 to 3, behind a user block too; object headers 1 and 2;
//     groups as symbol tables, as links and as fractal heaps; attributes in
//     headers and heaps; soft links; named types.
//   - Compact, contiguous and chunked datasets with each of the six indexes of
//     chunks: B-trees of version 1 and 2, single chunk, implicit, fixed array,
//     extensible array (layouts 1 to 5, the last as HDF5 2.0 writes it under
//     libver="latest", which libhdf5 1.10 cannot read).
//   - Integers of 1 to 8 bytes and IEEE floats of 2 to 8 in both byte orders,
//     strings of fixed and variable length, enumerations, records.
//   - The filters deflate, shuffle, fletcher32, lzf (of h5py) and zstd.
//   - Fill values, those of strings of variable length excepted.
//
// Not read, each with an error that says so: values in other files (external
// and virtual datasets), tables of shared messages, compressed heaps, other
// filters (szip, nbit, scale-offset, blosc), floats of other layouts. Neither
// h5py nor anndata nor 10x Genomics writes any of these unless asked to.
//
// # Untrusted files
//
// Each read is checked against the size of the file before memory is taken;
// trees meet each node once and their levels fall; checksums are verified where
// the format has them; chunks may neither overlap in sum nor share a place.
// What a dataset claims to hold is for the caller to bound (Elements,
// ChunkBytes, Stored) before it makes the slice to fill.
package hdf5read
