// Package norm turns counts into comparable numbers: transcripts per million,
// counts per million, and their logarithms.
//
// # TPM of a kept panel
//
// With c the count of gene g at spot s and L the length of the gene in base
// pairs (the union of its exons, see package genelength),
//
//	rpk[s,g] = c[s,g] / L[g]
//	tpm[s,g] = rpk[s,g] / Σ_g rpk[s,g] · 10⁶
//
// (Wagner, Kin & Lynch, Theory in Biosciences 131:281, 2012). The sum runs
// over the columns given. SpaRED calls this after its gene filter, so its TPM
// is per million of the kept panel, not of the transcriptome; [TPM] does the
// same with the columns it is given, and returns the sums so that a caller can
// undo it. A spot without counts gives zeros where the quotient would be 0/0.
//
// [Log2P1] is log2(x+1), the scale of SpaRED's log1p layers (which, despite
// the name, is not the natural logarithm).
//
// # Library-size normalisation
//
// [CPM] and [LogNormalize] are scanpy's pp.normalize_total, without and with
// pp.log1p (natural logarithm). They keep zeros as zeros and so stay sparse.
package norm
