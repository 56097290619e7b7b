// Package metric scores predicted expression against the truth, on the entries
// that a mask selects: those that were measured, or those that were hidden from
// a completer.
//
// Rows are spots ("patches" of the picture), columns genes. Over the selected
// entries
//
//   - MSE and MAE are means over all of them together;
//   - PCC-Gene is Pearson's correlation of a gene over the spots, averaged over
//     genes, and PCC-Patch that of a spot over the genes, averaged over spots;
//   - R2-Gene and R2-Patch are likewise means of 1 - SSres/SStot;
//   - Global = PCC-Gene + PCC-Patch + R2-Gene + R2-Patch - MSE - MAE.
//
// [Compute] follows spared.metrics.get_metrics in every corner, so that numbers
// can be put beside published ones:
//
//   - genes without a selected entry are left out; for R2 also those with one;
//   - a gene whose selected truth is constant, or which has one entry, has PCC 0
//     (norms are held above 1e-8), and in the former case R2 -Inf (NaN if the
//     prediction is exact), which is then the mean;
//   - one gene whose prediction is the same at every spot, selected or not,
//     makes PCC-Gene NaN for the whole table, and with it Global;
//   - a gene whose PCC is NaN because a prediction is NaN is left out of
//     PCC-Gene, while MSE, MAE and R2 become NaN;
//   - nothing selected gives NaN throughout.
//
// The same holds for spots. [ComputeSafe] is for comparing models, where one
// constant gene must not void a table and a NaN must not improve it: a gene
// predicted constant, or with a NaN in it, has PCC 0, and genes without variance
// in the truth, which have no R2, are left out of R2. Where Compute gives
// finite numbers for a table without NaN, ComputeSafe gives the same.
//
// All sums are float64, whatever the type of the matrices.
package metric
