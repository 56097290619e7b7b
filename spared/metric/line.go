package metric

import "math"

// epsilon is the least norm that a correlation is divided by, as in
// torch.nn.functional.cosine_similarity.
const epsilon = 1e-8

// line holds sums over the selected entries of a gene (column) or a spot (row).
// Means are taken of differences to its first entry, so that the spread of a
// constant line is exactly 0.
type line struct {
	n                float64 // selected entries
	truth0, pred0    float64 // the first of them
	truth, pred      float64 // first pass: sums of differences to the first; then means
	tt, pp, tp       float64 // second pass: sums of products of centred values
	square, absolute float64 // second pass: sums of (p-t)² and |p-t|
}

func (l *line) first(t, p float64) {
	if l.n == 0 {
		l.truth0, l.pred0 = t, p
	}
	l.n++
	l.truth += t - l.truth0
	l.pred += p - l.pred0
}

func (l *line) average() {
	l.truth = l.truth0 + l.truth/l.n
	l.pred = l.pred0 + l.pred/l.n
}

func (l *line) second(t, p float64) {
	dt, dp, e := t-l.truth, p-l.pred, p-t
	l.tt += dt * dt
	l.pp += dp * dp
	l.tp += dt * dp
	l.square += e * e
	l.absolute += math.Abs(e)
}

// lines are all genes, or all spots, of a table.
type lines struct {
	of       []line
	constant bool // one of them is predicted constant, selected or not
}

// pearson returns the correlation of each line, NaN for one without selected
// entries. Unless safe, it is NaN for all if any line is predicted constant.
func (s lines) pearson(safe bool) []float64 {
	r := make([]float64, len(s.of))
	for k, l := range s.of {
		r[k] = l.tp / (max(math.Sqrt(l.tt), epsilon) * max(math.Sqrt(l.pp), epsilon))
		switch {
		case l.n == 0 || s.constant && !safe:
			r[k] = math.NaN()
		case safe && math.IsNaN(r[k]):
			r[k] = 0
		}
	}
	return r
}

// r2 returns 1 - SSres/SStot of each line, NaN for one that has none.
func (s lines) r2(safe bool) []float64 {
	r := make([]float64, len(s.of))
	for k, l := range s.of {
		r[k] = math.NaN()
		if l.hasR2(safe) {
			r[k] = 1 - l.square/l.tt
		}
	}
	return r
}

// hasR2 says whether a line counts for R2: two selected entries and, if safe,
// truth that varies.
func (l line) hasR2(safe bool) bool { return l.n >= 2 && !(safe && l.tt == 0) }

// meanR2 returns the mean over the lines that have an R2; unlike a correlation
// a NaN among them is kept.
func (s lines) meanR2(safe bool) float64 {
	var sum, n float64
	for k, r := range s.r2(safe) {
		if s.of[k].hasR2(safe) {
			sum += r
			n++
		}
	}
	return sum / n
}
