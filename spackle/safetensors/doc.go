// Package safetensors reads and writes the safetensors file format, in which
// the weights of neural networks are exchanged without executing anything.
//
// A file is
//
//	8 bytes   length h of the header, unsigned, little-endian
//	h bytes   header: a JSON object, padded with spaces to a multiple of 8
//	the rest  the tensors' elements, row-major, little-endian
//
// The header maps each tensor's name to its dtype (such as "F32"), its shape
// and its place data_offsets [begin, end) in the rest; the name __metadata__
// is reserved for a map of strings, where a program keeps what it needs to know
// beside the tensors.
//
// The reader is strict: it refuses a file whose header is not exactly of that
// form, whose tensors overlap, leave gaps, lie outside the file or do not have
// the size that dtype and shape demand, and it never allocates more than a
// small multiple of the file's own size. The writer sorts tensors by name, so
// the same content is always the same bytes.
//
// Source of the format: github.com/huggingface/safetensors, README.
package safetensors
