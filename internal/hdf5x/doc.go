// Package hdf5x reads and writes HDF5 files: whole datasets as typed Go
// slices, attributes, groups.
//
// It works on the handles of gonum.org/v1/hdf5, which opens files, groups and
// datasets, and adds what that package lacks or gets wrong for the files of
// genomics:
//
//   - conversion to the element type that the caller asks for (gonum hands
//     libhdf5 the file's own type as the memory type, so a []float32 for a
//     float64 dataset is overrun without a word);
//   - attributes: listing, arrays, variable-length UTF-8 strings;
//   - strings of fixed and of variable length as []string;
//   - booleans as h5py stores them (an enumeration FALSE = 0, TRUE = 1);
//   - single members of compound datasets (numpy's record arrays);
//   - the shuffle filter, and reading of h5py's lzf filter;
//   - files whose bytes depend on their content only (no time stamps);
//   - errors with libhdf5's own innermost message, and nothing on stderr.
//
// # Untrusted files
//
// Beyond 16 MiB, no size that a file merely claims is allocated. A dataset may
// not claim more storage than the file has bytes, nor expand to more than what
// its filters can reach (deflate: about 1,030 times). Strings of variable
// length are followed through the file's global heap in Go, each bound
// checked, because libhdf5 1.10.8 crashes or hangs on damaged ones. External links, external storage and virtual datasets, which
// would make libhdf5 open other files, are refused.
//
// What remains is libhdf5's own parser of object headers and B-trees. Random
// damage to several bytes of the structure of a small file makes libhdf5
// 1.10.8 crash in about 1 of 200 cases (15 of 3,000; most in listing
// attributes, looking up objects and closing), which no Go code can catch.
// Truncated files, damaged data and damaged text are all told as errors.
//
// # Concurrency
//
// Every call holds one package-wide lock, as libhdf5 itself does. A File may
// be shared by goroutines, which then take turns.
//
// # Building
//
// The package needs libhdf5 (tested with 1.10.8) and a C compiler. Where its
// headers and libraries are not on the compiler's default path, name the
// folders in CGO_CFLAGS and CGO_LDFLAGS; on Debian:
//
//	export CGO_CFLAGS="-I/usr/include/hdf5/serial"
//	export CGO_LDFLAGS="-L/usr/lib/x86_64-linux-gnu/hdf5/serial"
package hdf5x
