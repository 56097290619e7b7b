// Package moran computes Moran's I, the spatial autocorrelation of each gene:
// how much a spot resembles its neighbours.
//
// With z = x - mean(x) over the n spots, weights w and S0 = Σᵢⱼ wᵢⱼ,
//
//	I = n/S0 · Σᵢ zᵢ Σⱼ wᵢⱼ zⱼ / Σᵢ zᵢ²
//
// (Moran, Biometrika 37:17, 1950). A spot gives each of its d neighbours the
// weight 1/d (rows of w sum to 1); a spot without neighbours has no weights.
// Values near 1 mean large smooth domains, values near E[I] = -1/(n-1) mean no
// spatial structure, negative values a checkerboard. A gene that is constant
// over the spots has no I: it is NaN.
//
//   - [I] and [ISparse] compute the statistic only, which is what ranking genes
//     needs.
//   - [Test] and [TestSparse] add its distribution under the null hypothesis of
//     no spatial structure, in closed form, under either of two assumptions:
//     values drawn from a normal distribution, or the observed values shuffled
//     over the spots.
//   - [Permute] and [PermuteSparse] shuffle them in fact. At 999 shuffles p is
//     no less than 0.001, and the work a thousandfold; where the formula and the
//     shuffles disagree (few spots, genes seen at a few) believe the shuffles.
//   - [Geary] and [GearySparse] compute Geary's C, which weighs differences of
//     neighbours, not their distances from the mean.
//   - [LocalI] and [LocalPermute] tell where on the slide a gene clusters.
//   - [BenjaminiHochberg] adjusts the p-values of many genes, or many spots.
//
// # What differs from other implementations
//
// Statistics, moments and z-scores agree with esda.Moran, esda.Geary and
// esda.Moran_Local (which see for one factor). p-values are two-sided, by erfc,
// and right to the last digits down to 5e-324. squidpy's pval_norm is one-sided
// and computed as 1-Φ(z), hence exactly 0 above z ≈ 8.3; its permutations
// shuffle the rows of the weights without their columns, which is no null
// hypothesis and too narrow. SpaRED asks for a thousand of them per gene and does not use
// them.
//
// # How it is done fast
//
// A pair of neighbours is looked at once, with both its weights, in an order of
// the spots that keeps neighbours close in memory; the mean is taken off by
// algebra, after a rough mean (of 32 spots) has been taken off the values, and
// exactly where that proves too rough. A sparse matrix is read by the values
// that are not zero. All sums are float64.
package moran
