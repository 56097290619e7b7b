// Package hdf5x reads and writes HDF5 files: whole datasets as typed Go
// slices, attributes, groups.
//
// Files are read without libhdf5, by package hdf5read, and written with it, on
// the handles of gonum.org/v1/hdf5, which creates files, groups and datasets.
// To that this package adds what gonum lacks or gets wrong for the files of
// genomics:
//
//   - conversion to the element type that the caller asks for (gonum hands
//     libhdf5 the file's own type as the memory type, so a []float32 for a
//     float64 dataset is overrun without a word);
//   - attributes: listing, arrays, variable-length UTF-8 strings;
//   - strings of fixed and of variable length as []string;
//   - booleans as h5py stores them (an enumeration FALSE = 0, TRUE = 1);
//   - single members of compound datasets (numpy's record arrays);
//   - the shuffle filter, and reading of h5py's lzf and of zstd;
//   - files whose bytes depend on their content only (no time stamps);
//   - errors with libhdf5's own innermost message, and nothing on stderr.
//
// # Speed
//
// Chunks are expanded (package deflate) on all processors and converted
// straight into the slice that Read returns: beside it, each processor holds
// two chunks. Written chunks are compressed on all processors too, and handed
// to libhdf5 in their order, so the bytes do not depend on how many there are.
//
// # Untrusted files
//
// libhdf5 1.10.8 crashes on about 1 in 200 small files of whose structure a few
// bytes were damaged at random (15 of 3,000 were seen: in listing attributes,
// looking up objects, closing), which no Go code can catch. That is why it sees
// no file that it did not write itself; what a damaged file can do to
// hdf5read is give an error, or values that are wrong.
//
// Beyond 16 MiB, no size that a file merely claims is allocated. A dataset may
// not claim more storage than the file has bytes, nor expand to more than what
// its filters can reach (deflate: about 1,030 times). Strings of variable
// length are followed through the file's global heap with each bound checked.
// External links, external storage and virtual datasets, which would open other
// files, are refused.
//
// # Concurrency
//
// A File may be shared by goroutines. Readers do not wait for each other;
// whoever writes holds one package-wide lock, as libhdf5 itself does.
//
// # Building
//
// The package needs libhdf5 1.10.3 or later (tested with 1.10.8), libdeflate
// and a C compiler. Where the headers and libraries of libhdf5 are not on the
// compiler's default path, name the folders in CGO_CFLAGS and CGO_LDFLAGS; on
// Debian:
//
//	export CGO_CFLAGS="-I/usr/include/hdf5/serial"
//	export CGO_LDFLAGS="-L/usr/lib/x86_64-linux-gnu/hdf5/serial"
package hdf5x
