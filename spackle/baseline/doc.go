// Package baseline holds every completer of missing values that is not
// SpaCKLE, behind the one interface that SpaCKLE also meets.
//
// # What is completed
//
// A spot of a Visium slide sees few molecules, so many of its values are 0
// although the gene is there. A [Completer] is given a [View] of one slide:
// values in log2(TPM+1), which of them it may see, and where the spots lie. It
// returns a value for every entry. Whoever evaluates completers hides measured
// values from the view first and compares afterwards; whoever completes a data
// set hides nothing and takes the predictions where nothing was measured. The
// completers cannot tell the two apart, and nothing hidden can reach them: a
// view holds 0 where a value is not visible, and [View.Check], which each of
// them calls first, refuses any other.
//
// # The completers
//
// [Median] is the adaptive median of SpaRED (Mejia et al. 2023, SEPAL; Nonaka
// et al. 2025), the reference that SpaCKLE was published against. A zero
// becomes the median of the smallest ring of neighbours, 1 to 4 hops wide, in
// which that median is not 0. Zeros count in these medians, the spot's own
// among them.
//
// [Kernel] and [KNNMean] average the visible values around the spot, the first
// with weights that fall with distance, the second with equal ones. Unlike the
// median they leave invisible entries out. That matters: the least value that
// can be measured in a spot, one count, is log2(1+1e6/(L·N)) for a gene of
// length L and a spot with N = Σ count/length, far above 0. A statistic that
// counts zeros as values mixes two scales, and on most tissues loses to the
// gene's mean.
//
// [GeneMean] predicts one number per gene. It is the floor that any method
// must beat, and by definition its correlation within a gene is 0.
//
// # What the numbers mean
//
// All of these predict what a value would be if it had been detected, since
// they average detected values. They are right in an evaluation on hidden
// measured values. For an entry that was truly 0, such a value is never below
// one count, and it overstates the expression there.
//
// Every completer is deterministic: the result does not depend on the number
// of cores. Each output row is computed by one goroutine, sums run in float64
// in the order of the neighbours (nearest first, ties by the lower index).
package baseline
