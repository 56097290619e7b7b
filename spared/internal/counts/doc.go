// Package counts holds what the readers of slides share about count matrices:
// what a count is, entries in any order turned into compressed rows, and the
// Matrix Market text format.
package counts
