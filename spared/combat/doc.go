// Package combat removes batch effects from expression values by ComBat
// (Johnson, Li & Rabinovic, Biostatistics 8:118, 2007), in its parametric form.
//
// Batch b shifts and scales gene g:
//
//	x[s,g] = α[g] + σ[g]·(γ[b,g] + √δ[b,g]·ε)
//
// α is the gene's grand mean over all spots, σ² the mean square of what is
// left when each batch's own mean is taken off. In units of them,
// s = (x-α)/σ, a batch has the mean γ̂ and variance δ̂. Genes share their batch's
// prior, γ ~ N(γ̄, τ²) and δ ~ inverse gamma(a, b), whose parameters are matched
// to the moments of γ̂ and δ̂ over the genes:
//
//	γ̄ = mean γ̂, τ² = var γ̂, a = (2v+m²)/v, b = (mv+m³)/v, m = mean δ̂, v = var δ̂.
//
// The posterior modes γ*, δ* of batch b with n spots are found by alternating
//
//	γ = (τ²n·γ̂ + δ·γ̄) / (τ²n + δ)
//	δ = (½·Σ(s-γ)² + b) / (½n + a - 1)
//
// from γ̂, δ̂ until no gene changes by more than 1e-4 of its value (of all genes
// of the batch together), and the corrected value is σ·(s-γ*)/√δ* + α. All variances are of the population
// (divided by n).
//
// # Straight lines
//
// Once fitted, the correction of a batch is a straight line per gene,
//
//	corrected = slope·x + intercept, slope = 1/√δ*, intercept = α - (α + σγ*)/√δ*,
//
// and that is what [Shift] returns: it can be stored, looked at, and applied to
// spots that were not there when it was fitted. The sum over the spots in the
// iteration is n·(δ̂ + (γ̂-γ)²), so the data are read once to fit and once to
// apply.
//
// [Correct] does all batches on all spots: the published method. [Estimate] and
// [Shift] are its two halves, so that α and σ can be learnt from some spots (of
// train slides) and a batch that was not among them be moved onto them. The
// same without copies of rows, and with options: [MomentsOf] reads the data
// once, the spots of batch -1 left out, and keeps [batches][genes] numbers;
// [Moments.FitOn] learns from some of the batches, [Fit.Line] corrects any, and
// [ApplyBatches] writes.
//
// # Covariates, reference, mean only
//
// With covariates Xβ (a disease state, an age), which may be spread unevenly over
// batches,
//
//	x[s,g] = α[g] + Xβ[s,g] + σ[g]·(γ[b,g] + √δ[b,g]·ε),
//
// β is found by least squares together with the batches, s = (x-α-Xβ)/σ, and Xβ
// is put back at the end: what the covariates explain is kept. With a reference
// batch α, σ are that batch's, and it stays as it is. With MeanOnly δ* = 1, and γ*
// has the weight of a single spot against the prior, as in sva.
//
// # What differs from other implementations
//
// The results equal inmoose.pycombat 0.9.1, all options included. R's sva
// divides by n-1 in places, scanpy likewise (Options.SampleVariance). The package combat 0.3.3 on PyPI,
// which SpaRED calls, uses the shift of the first gene for all genes in the
// update of δ; its output depends on the order of genes. Options.FirstGene
// reproduces it for comparison. It also turns the
// whole output into NaN for one gene without variance, and a batch of one spot
// into NaN, where this package does as follows.
//
// One batch alone has nothing to be moved onto and stays as it is, bit for bit
// (combat 0.3.3 and inmoose stop with an error). A gene without variance within any batch (σ = 0) cannot be scaled: it is left
// as it is (slope 1, intercept 0), plays no part in the priors, and is named by
// [Fit.Constant]. A batch in which every gene is constant, as one of a single
// spot is, has no variance to correct: it is shifted only, δ* = 1 (as sva's
// mean.only does with all batches). Where all δ̂ of a batch are equal, or there
// is one gene only, the prior of δ is a point and δ* is its place.
package combat
