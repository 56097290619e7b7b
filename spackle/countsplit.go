package spackle

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// CountSplitOptions says how counts are split. The zero value splits three
// times, scores the test split, or the validation split where there is none, and
// compares the baselines.
type CountSplitOptions struct {
	Name     string               // of the data set, for the record; "" = its slides' names
	Methods  []baseline.Completer // nil = Baselines(); names must differ; they are fitted to the split train spots
	Splits   int                  // how many times counts are split; 0 = 3
	Seed     uint64               // of the splits; 0 = 42
	Split    spared.Split         // whose spots are scored; None = test, else val
	Targets  int                  // score so many genes only, those with the highest Moran's I; 0 = all
	Progress spared.Progress      // hears of each split, method and slide; nil drops the news
}

// CountSplitting says what a missing value is worth: see [CountSplit]. It
// marshals to one JSON object.
type CountSplitting struct {
	Seed   uint64         `json:"seed"`
	Split  string         `json:"split"`  // whose spots were scored
	Splits int            `json:"splits"` // how many times counts were split
	Data   EvaluationData `json:"data"`
	Notes  []string       `json:"notes"`
	N      int            `json:"n"`     // entries scored, all splits together
	Zeros  float64        `json:"zeros"` // their share of all entries, 0 to 1
	Truth  float64        `json:"truth"` // mean of the other half's count over them
	// Share is the answer that knows of no tissue: each gene has the same share
	// of every spot of a slide, that of the shown half, times the spot's total.
	Share   CountAnswer       `json:"share"`
	Methods []CountSplitScore `json:"methods"` // in the order given
}

// CountSplitScore is what one method says of entries whose shown half is 0.
type CountSplitScore struct {
	Name     string       `json:"name"`
	Detected CountAnswer  `json:"detected"`       // Completion.Values: the value if the gene had been detected
	Rate     *CountAnswer `json:"rate,omitempty"` // Completion.Rate: what there is on average; nil for a method without
	Seconds  float64      `json:"seconds"`        // as Score.Seconds
}

// CountAnswer compares predicted counts with those of the other half.
type CountAnswer struct {
	Mean float64 `json:"mean"` // of the predictions; to be compared with CountSplitting.Truth
	// Deviance is the mean Poisson deviance, 2·(y·ln(y/μ) - y + μ), of true
	// counts y from predictions μ (at least 1e-9); lower is better.
	Deviance float64    `json:"deviance"`
	Bins     []CountBin `json:"bins"` // by predicted count, rising; those without entries left out
}

// CountBin says how predictions of one size turn out: calibrated ones have
// Observed = Predicted.
type CountBin struct {
	From      float64 `json:"from"`
	To        float64 `json:"to,omitempty"` // predictions are in [From, To); 0 = no bound
	N         int     `json:"n"`
	Predicted float64 `json:"predicted"` // mean
	Observed  float64 `json:"observed"`  // mean
}

// CountSplit splits each count in two by fair coins, shows methods the one half
// and asks them for the other where the one is 0:
//
//	c1 ~ Binomial(c, 1/2) shown,   c2 = c - c1 the truth,   entries with c1 = 0
//
// If c is Poisson of rate λ, c1 and c2 are independent and Poisson of rate λ/2
// (Neufeld et al., Biostatistics 2024), so this asks, without simulation, what
// hiding measured values cannot: how much there is where nothing was counted.
// Nothing is hidden: a count of 0 is data here, as in the completion of a real
// data set. All genes are split, those that are not scored too.
//
// Errors here are not comparable with those of [Evaluate], and a network that
// was trained on whole counts sees half of them here.
func CountSplit(ctx context.Context, ds *spared.Dataset, o CountSplitOptions) (*CountSplitting, error) {
	e, err := EvaluateOptions{Name: o.Name, Methods: o.Methods, Masks: o.Splits, Seed: o.Seed, Split: o.Split, Targets: o.Targets, Progress: o.Progress}.withDefaults(ds)
	if err != nil {
		return nil, err
	}
	h := &halves{whole: ds, o: e, start: time.Now(), answers: make([]halfAnswers, len(e.Methods))}
	if h.genes, err = targets(ds, o.Targets); err != nil {
		return nil, err
	}
	for s := range ds.Sections {
		if slices.ContainsFunc(ds.SpotsOf(s), func(i int) bool { return ds.Spots[i].Split == e.Split }) {
			h.sections = append(h.sections, s)
		}
	}
	if len(h.sections) == 0 {
		return nil, fmt.Errorf("spackle: no spot is in the %s split", e.Split)
	}
	for k := range e.Masks {
		if err := h.split(ctx, k); err != nil {
			return nil, err
		}
	}
	return h.result()
}

// halves is one run of CountSplit.
type halves struct {
	whole    *spared.Dataset
	o        EvaluateOptions
	sections []int // with spots of the split
	genes    []int // columns that are scored
	share    answer
	answers  []halfAnswers // [methods]
	entries  int           // of the scored spots and genes
	start    time.Time
}

type halfAnswers struct {
	detected, rate answer
	seconds        float64
}

// split splits the counts for the k-th time and scores all methods.
func (h *halves) split(ctx context.Context, k int) error {
	half, err := halve(h.whole, keyed("split", h.o.Seed, k))
	if err != nil {
		return err
	}
	train, err := trainViews(half, h.genes)
	if err != nil {
		return err
	}
	tissues := make([]*tissue, len(h.sections))
	for s, section := range h.sections {
		if tissues[s], err = newTissue(half, section, half.SpotsOf(section), h.genes); err != nil {
			return err
		}
		h.scoreShare(tissues[s])
	}
	for m, method := range h.o.Methods {
		begin := time.Now()
		if err := method.Fit(ctx, train); err != nil {
			return fmt.Errorf("spackle: fitting %s to split counts: %w", method.Name(), err)
		}
		for s, t := range tissues {
			h.tell((k*len(h.o.Methods)+m)*len(tissues)+s, fmt.Sprintf("split %d, %s, slide %s", k+1, method.Name(), t.whole.Slide))
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("spackle: count splitting stopped: %w", err)
			}
			v, err := t.view(nil)
			if err != nil {
				return err
			}
			done, err := completionOf(ctx, method, v)
			if err == nil {
				err = h.score(m, t, done)
			}
			if err != nil {
				return fmt.Errorf("spackle: %s on split counts of slide %s: %w", method.Name(), t.whole.Slide, err)
			}
		}
		h.answers[m].seconds += time.Since(begin).Seconds()
	}
	return nil
}

// tell reports how many of the runs, one a split, method and slide, are done.
func (h *halves) tell(done int, message string) {
	h.o.Progress.Send(spared.Event{Step: "splitting counts", Done: done, Total: h.o.Masks * len(h.o.Methods) * len(h.sections),
		Message: message, Seconds: time.Since(h.start).Seconds()})
}

// score compares a method's answers with the other halves.
func (h *halves) score(m int, t *tissue, done *baseline.Completion) error {
	for _, a := range []struct {
		to   *answer
		from blas32.General
		name string
	}{{&h.answers[m].detected, done.Values, "values"}, {&h.answers[m].rate, done.Rate, "rates"}} {
		if a.from.Rows == 0 && a.name == "rates" {
			continue
		}
		if a.from.Rows != len(t.spots) || a.from.Cols != len(h.genes) {
			return fmt.Errorf("its %s are %d x %d for %d spots x %d genes", a.name, a.from.Rows, a.from.Cols, len(t.spots), len(h.genes))
		}
		var bad error
		h.each(t, func(row, g int, truth float64) {
			v := t.whole
			x := float64(a.from.Data[row*a.from.Stride+g])
			if !finite(x) {
				bad = fmt.Errorf("its %s hold %g for spot %s, gene %s", a.name, x, h.whole.Spots[t.spots[row]].ID, h.whole.Genes[h.genes[g]].ID)
				return
			}
			a.to.add(v.Norm.Unlog(x)/v.Norm.Value(1, v.Sizes[g], v.Totals[row]), truth)
		})
		if bad != nil {
			return bad
		}
	}
	return nil
}

// scoreShare compares each gene's share of the slide's shown halves, times the
// spot's total.
func (h *halves) scoreShare(t *tissue) {
	v, genes := t.whole, len(h.genes)
	share, total := make([]float64, genes), 0.0
	for row := range t.spots {
		total += v.Totals[row]
		for g, c := range v.Counts.Data[row*v.Counts.Stride:][:genes] {
			share[g] += float64(c)
		}
	}
	h.each(t, func(row, g int, truth float64) { h.share.add(share[g]/total*v.Totals[row], truth) })
	for _, i := range t.spots {
		if h.whole.Spots[i].Split == h.o.Split {
			h.entries += genes
		}
	}
}

// each calls f for the entries of the scored spots whose shown half is 0, with
// the other half, which is then the whole count.
func (h *halves) each(t *tissue, f func(row, g int, truth float64)) {
	counts := h.whole.Layers[spared.LayerCounts]
	for row, i := range t.spots {
		if h.whole.Spots[i].Split != h.o.Split {
			continue
		}
		for g, column := range h.genes {
			if !t.whole.Visible[row*len(h.genes)+g] {
				f(row, g, float64(counts.Data[i*counts.Stride+column]))
			}
		}
	}
}

func (h *halves) result() (*CountSplitting, error) {
	h.tell(h.o.Masks*len(h.o.Methods)*len(h.sections), "")
	if h.share.n == 0 {
		return nil, errors.New("spackle: there is no value to score: no count was 0 after splitting")
	}
	r := &CountSplitting{Seed: h.o.Seed, Split: h.o.Split.String(), Splits: h.o.Masks, N: int(h.share.n),
		Zeros: h.share.n / float64(h.entries), Truth: h.share.truth / h.share.n, Share: h.share.answer(),
		Data:  EvaluationData{Name: h.o.Name, Genes: len(h.genes), Spots: h.entries / len(h.genes) / h.o.Masks},
		Notes: append([]string{}, h.whole.Manifest.Notes...)}
	for _, s := range h.sections {
		r.Data.Slides = append(r.Data.Slides, h.whole.Sections[s].Name)
	}
	for m, method := range h.o.Methods {
		a := &h.answers[m]
		s := CountSplitScore{Name: method.Name(), Detected: a.detected.answer(), Seconds: a.seconds}
		if a.rate.n > 0 {
			rate := a.rate.answer()
			s.Rate = &rate
		}
		r.Methods = append(r.Methods, s)
	}
	return r, nil
}

// binEdges divide predicted counts; the last bin has no bound.
var binEdges = [...]float64{0, 0.05, 0.1, 0.25, 0.5, 1, 2, 4}

// answer collects predicted and true counts.
type answer struct {
	n, predicted, truth, deviance float64
	bins                          [len(binEdges)]struct{ n, predicted, truth float64 }
}

func (a *answer) add(predicted, truth float64) {
	predicted = max(predicted, 1e-9)
	a.n++
	a.predicted += predicted
	a.truth += truth
	a.deviance += poissonDeviance(truth, predicted)
	k := len(binEdges) - 1
	for predicted < binEdges[k] {
		k--
	}
	b := &a.bins[k]
	b.n, b.predicted, b.truth = b.n+1, b.predicted+predicted, b.truth+truth
}

// poissonDeviance returns 2·(y·ln(y/μ) - y + μ).
func poissonDeviance(y, mu float64) float64 {
	d := mu - y
	if y > 0 {
		d += y * math.Log(y/mu)
	}
	return 2 * d
}

func (a *answer) answer() CountAnswer {
	r := CountAnswer{Mean: a.predicted / a.n, Deviance: a.deviance / a.n}
	for k, b := range a.bins {
		if b.n == 0 {
			continue
		}
		bin := CountBin{From: binEdges[k], N: int(b.n), Predicted: b.predicted / b.n, Observed: b.truth / b.n}
		if k+1 < len(binEdges) {
			bin.To = binEdges[k+1]
		}
		r.Bins = append(r.Bins, bin)
	}
	return r
}
