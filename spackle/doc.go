// Package spackle completes missing values of spatial transcriptomics with
// SpaCKLE, a transformer that reconstructs a spot's expression from the spot
// itself and its neighbours, and evaluates how well that and simpler ways of
// completing do.
//
// # The method
//
// SpaCKLE (Ruiz et al., Medical Image Analysis 2025, section 4) is a masked
// autoencoder. Let x be the expression of a spot, its g genes' missing values
// completed by the adaptive median, V_x that of its n = 18 nearest spots, and
// E_x = [x V_x] both together. A random part of the measured values is hidden,
//
//	M_mask = M_s ⊙ M_rand               (1)   measured and drawn
//	E_m    = E_x ⊙ (1 - M_mask)         (2)   hidden values become 0
//
// and a transformer encoder T of width 128 between two linear adapters learns
// to reconstruct all of it,
//
//	Attention(Q,K,V) = softmax(Q·Kᵀ/√d_k)·V   (3)
//	Ê_x = L_out(T(L_in(E_m)))                 (4)
//	L   = ‖E_x - Ê_x‖²                        (5)
//
// To complete a data set, all values that were never measured are set to 0,
// and each of them is replaced by the network's output for the spot itself
// (6). Measured values are kept.
//
// T is two encoder layers with one head, feed-forward width 2048, ReLU,
// dropout 0.1 and LayerNorm after each part; there is no positional encoding.
// All of it is in model.go. Training is Adam at a constant learning rate of
// 1e-3, on batches of 256 spots; the weights with the lowest validation error
// are kept.
//
// # Using it
//
// [Complete] fills a data set in by any method of package baseline, or by one of
// your own. [Default] is the Poisson factor, a model of the raw counts of each
// slide by itself: no training, seconds a slide, about half of SpaCKLE's error
// on hidden values of the slides that were looked at, and beside the value "if
// detected", which all published methods give, its spread (c_t_log1p_sd) and
// what there is on average, zeros included (t_log1p_rate). Which answer is for
// what, [Complete] says. [Methods] lists all that need no network.
//
// [Train] makes a [Model] of SpaCKLE in a folder, or opens the one that is there;
// [Model.Complete] adds the layers c_t_log1p and c_t_deltas to a data set.
// Training and prediction run on a GPU, on the processor through XLA, or in pure
// Go, whichever the machine has (environment variable SPATIALGO_ENGINE: gpu, cpu
// or go). A training can be stopped and resumed and gives the same bytes. [Grid]
// trains several networks and picks the best by its validation error: the
// paper's ten learning rates ([Rates]), or its [Ablations].
//
// [Evaluate] compares methods, the model among them ([NewCompleter]), on measured
// values that it hides before anything else sees them. [Sweep] hides more and
// more of them, [EvaluateBoth] shows what the published protocol gains from having
// seen what it hides, [CountSplit] asks what values are worth that were never
// measured, [TrueError] compares with the truth of simulated tissue, and
// [StructureOf] looks for structure that a method invents.
//
// All these are steps whose result can be a file: [Model.CompleteFile],
// [CompleteFile], [EvaluateFile], and [Keep] for anything else. A file is opened
// where it holds the result of the same data, options and methods.
//
// A model is one file, model.safetensors in its folder, which can be copied
// and renamed; [Load] reads it. It holds the weights by PyTorch's names and, as
// JSON text in its metadata, the network's form, the genes, the layer and how
// the training went. In Python:
//
//	f = safetensors.safe_open("model/model.safetensors", "pt")
//	json.loads(f.metadata()["spatialgo.model"])["genes"]
//
// [Open] and [LoadCheckpoint] read a checkpoint of the published library (.ckpt)
// without executing anything in it; it names no genes, see there.
//
// # The paper's network and the released one
//
// The paper and its library (SpaRED 2.1.8) disagree in places. [FormPaper], the
// default, follows the paper; [FormReleased] computes what the library does,
// to compare with. What sets them apart, and what can be chosen one by one in
// [TrainOptions]:
//
//	              paper                       released                     option
//	attention     over the 19 spots of one    over the 256 spots of the    Attention
//	              neighbourhood               batch, as the tensors'
//	                                          first axis is taken for
//	                                          the sequence: see [Batch]
//	width         128                         the number of genes          Width
//	neighbours    of the spot's own slide     of all slides at once,       NeighborsAcrossSlides,
//	              (and split), by distance    whose coordinates overlap,   in neither form
//	                                          by row index                 unless asked for
//	start         PyTorch's (here             PyTorch's                    Start
//	              [StartMeans])
//	spots a step  256 (here [DefaultBatch])   256                          Batch
//	steps         10,000 (here                1,000, in its pipeline       Steps
//	              [DefaultSteps])
//	rate          best of ten, [Grid]         1e-3                         Rate
//
// One head in both; Heads takes the library's transformer_heads.
//
// And this package differs from the library where the paper is silent, in both
// forms, for what is sound:
//
//   - How often a gene is hidden is learnt from train spots, unless the data
//     set was made in the released order.
//   - Validation uses all spots and one fixed mask. The library draws a new
//     mask each time and drops the last spots, with which a split of fewer than
//     256 spots has no validation at all.
//   - A slide of fewer than 19 spots can be learnt from and completed: see
//     [Neighborhoods]. Of neighbours as far, the one of lower index is taken.
//   - The template that PyTorch copies the layers from is not kept in the file.
//   - A model trained on neighbours of all slides uses them in [Model.Complete],
//     which has all slides. As a completer it is shown one slide at a time, and
//     takes its neighbours there.
//
// The same as in both: the rule by which values are hidden ([P30]), the loss
// over all values, the initial weights of PyTorch (both layers start equal).
//
// Two things differ from both unless asked for. A step takes 64 spots, not
// 256, which comes further in the same time ([DefaultBatch]). And the biases of
// the adapters start at the genes' means ([StartMeans]), since from PyTorch's
// start ([StartTorch]) the output has to climb to some 10 units of log2(TPM+1)
// first. On a pair of mouse muscle slides of 1,000 spots each, at 32 spots a step,
// that reaches after 200 steps the validation error that the other start needs
// 1,500 for.
//
// # Ablations
//
// What the paper takes away or adds (its Tables 2 and 3) are options too, kept
// in the model's file, so that whatever uses the model does the same:
//
//   - Neighbors: 0, 6 or 36 instead of 18.
//   - Targets: of many genes, say 1,024, only the most spatial ones, say 128, are
//     ever hidden and completed. The others are context, which the network sees
//     and reconstructs; where they were not measured it sees their median.
//   - Genes: the network leaves the other genes of the data set out.
//   - Features: an embedding v of the picture, any matrix of obsm. It is brought
//     to the number of genes, W·v + b, and laid beside them before L_in.
//   - Raw: without pre-completion. The network learns log1p, or c_log1p, with
//     zeros as they are, in the input and in the loss.
//
// A gene that no train spot measured cannot be a target: [Train] refuses it, and
// says so before it begins. It may be context.
//
// # What to expect
//
// After [DefaultSteps] the validation error of a few thousand spots falls slowly.
// A step of 64 spots and 128 genes takes 0.07 s on two cores with XLA and 0.9 s in
// pure Go. On few slides a network of 1.2 million parameters does not beat the
// best simple methods, which [Evaluate] shows beside it; it does beat the adaptive
// median that it starts from.
package spackle
