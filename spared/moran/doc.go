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
// [I] and [ISparse] compute the statistic only, which is what ranking genes
// needs. [Test] adds its distribution under the null hypothesis of no spatial
// structure, in closed form (Cliff & Ord, Spatial Processes, 1981), under
// either of two assumptions: values drawn from a normal distribution, or the
// observed values shuffled over the spots. No permutations are run; SpaRED runs
// a thousand per gene and does not use them.
//
// I, moments and z-scores agree with esda.Moran. p-values are two-sided, as
// in esda; squidpy's pval_norm is one-sided and is computed as 1-Φ(z), hence
// exactly 0 above z ≈ 8.3.
package moran
