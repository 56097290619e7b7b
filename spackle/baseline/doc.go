// Package baseline holds every completer of missing values that is not
// SpaCKLE, behind the one interface that SpaCKLE also meets.
//
// # What is completed
//
// A spot of a Visium slide sees few molecules, so many of its values are 0
// although the gene is there. A [Completer] is given a [View] of one slide:
// values, counts, which of them it may see, and where the spots lie. It returns
// a value for every entry. Whoever evaluates completers hides measured values
// from the view first ([View.Hide]) and compares afterwards; whoever completes a
// data set hides nothing and takes the answers where nothing was measured.
// Nothing hidden can reach a completer: a view holds 0 where a value is not
// visible, the spots' totals are without the hidden counts, and [View.Check],
// which each of them calls first, refuses any other.
//
// One's own completer is a type with Name and Complete that embeds [NoFit], or
// has a Fit of its own; see the example of [Completer].
//
// # Two answers
//
// A missing value is a count of 0, not a hole. So there are two questions, and a
// [Completion] keeps their answers apart:
//
//   - Values: what would the value be, had the gene been detected? This is what
//     hidden measured values can be compared with, and what all published
//     completions answer. It is never below one count, and so overstates a true
//     zero: 2.4 to 3 times on the slides that were looked at.
//   - Rate: what is there on average, zeros included? The posterior rate of
//     [PoissonFactor] answers it. Splitting the counts of real slides in two
//     halves and predicting the second from the first, where the first is 0, it
//     is right on average and at every level (hippo: 0.389 found, 0.395 true).
//
// SD says how sure the first answer is, of methods that know. Factors makes
// calibrated intervals of it: [PoissonFactor] sets visible values aside to learn
// them.
//
// # The completers
//
// [PoissonFactor] is the one to start with. It models the raw counts of one
// slide by its depth and by factors that vary smoothly over it, takes zeros for
// data, needs no other slides and no training, and has all three answers.
// [VariationalFactor] is the same model fitted with its uncertainty, for which it
// takes twice as long. Of all methods here it has the least error on hidden
// values.
//
// [Ridge] predicts a gene from what it and others show at the spot and around,
// having learnt how by hiding visible values. [Depth] is what it starts from: how
// deeply a spot was sequenced, and how the slide as a whole differs. [Mean]
// averages methods; the mean of PoissonFactor and Ridge is a little better than
// either on some slides.
//
// [ZTPFactor] and [SpatialFactor] are for who does not trust zeros: factors of
// the visible counts alone, of their rates or of their logs. They know how sure
// they are, and nothing of what is there on average. [SoftImpute] is the matrix of
// low rank that agrees with what is visible, of this slide and the train slides.
// [SME] is the imputation of stLearn, by place, picture and expression.
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
// [GeneMean], [SlideMean] and [Zero] predict one number per gene. Any method must
// beat them, and by definition their correlation within a gene is 0.
//
// # What has to be known of a hidden count
//
// Hiding a value takes its count out of the spot's total, which raises all
// visible values of the spot. Methods that work on counts undo that: they expect
// the hidden counts that they predict, and add them to the total. Where hidden
// genes are half of the total (her2st) that is worth a seventh of the error. And
// only what was detected can be hidden, so that among what is left there are too
// many zeros. Models that take zeros for data know that a hidden count is 1 or
// more; where most of a gene is hidden that is worth up to a quarter of the error.
// In the completion of a real data set nothing is hidden, and both do nothing.
//
// # Sure to repeat
//
// Every completer is deterministic: the result does not depend on the number
// of cores, and where anything is drawn the seed decides. Each output row or gene
// is computed by one goroutine; sums over spots are added in a fixed order.
// Memory and time are linear in the number of spots.
package baseline
