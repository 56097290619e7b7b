// Package median completes the zeros of one slide by the median of a spot's
// surroundings, as wide as it takes to find a value: SpaRED's adaptive median.
//
// For gene g and spot i with x[i,g] = 0, let W(k,i) be the spot itself and all
// spots that can be reached from it in up to k steps of the neighbour graph,
// and
//
//	m(k,i,g) = median of x[j,g] over j in W(k,i), zeros included.
//
// The completed value is m(k,i,g) for the smallest k in 1..hops for which it
// is not zero; where all are zero it is the median of the gene's non-zero
// values on the slide; where it has none it stays zero. Values that are not
// zero are left alone, and all medians are of the values given, never of
// completed ones. The median of an even number of values is the mean of the
// middle two.
//
// On a slide with most of its values missing the last rule decides: on the
// mouse hippocampus of the tests three zeros of four have no other value
// within four steps. [Stats] tells the share of each rule by gene.
//
// # How it is done in a second
//
// Where no value is negative, the median of m values is not zero exactly if
// ⌈m/2⌉ of them are not. So the smallest k follows from counting, and the
// counting is done for 64 genes at a time: bit b of a word says whether gene b
// is non-zero at a spot, and words are added up in bit-sliced counters (Knuth,
// The Art of Computer Programming 4A, 7.1.3). Values are looked at only for
// the one window that is known to give a median. A gene with a negative value,
// as after batch correction, takes the direct way through all windows.
package median
