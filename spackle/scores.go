package spackle

import (
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/spackle/baseline"
)

// Score is how far one method's predictions lie from the truth, in the unit of
// Evaluation.Unit. Means over several masks weigh each mask the same.
//
// MSE to R2Patch are those of the published library (spared.metrics.get_metrics)
// over the hidden values, with the corner cases of metric.ComputeSafe: there a
// gene that is predicted constant voids PCC-Gene of the whole table (NaN), here
// it counts as 0; and genes and spots whose truth does not vary, which have no
// R2 (-Inf there), are left out of R2.
type Score struct {
	Name string `json:"name"`
	// MSE is the mean squared error over all hidden values of a mask, genes
	// and slides pooled; the mean over masks.
	MSE float64 `json:"mse"`
	// MSESD is the sample standard deviation of MSE over masks: it shows what
	// the draw of the mask does, not how slides differ. 0 with one mask.
	MSESD float64 `json:"mse_sd"`
	// MSECI is a 95 % confidence interval of MSE, by bootstrap over slides and
	// their spots; see EvaluateOptions.Bootstrap. Zero where it was not asked
	// for.
	MSECI [2]float64 `json:"mse_ci,omitzero"`
	// BehindCI is the same of the difference to the method with the lowest MSE,
	// in the same resamples: where it holds 0, the two cannot be told apart.
	// Zero for that method itself.
	BehindCI [2]float64 `json:"behind_ci,omitzero"`
	// PCCGene is the Pearson correlation of prediction and truth over a gene's
	// hidden values (of all slides), averaged over the genes that have any;
	// the mean over masks. A gene with one value, or a constant prediction,
	// counts as 0.
	PCCGene float64 `json:"pcc_gene"`
	// PCCCI is a 95 % confidence interval of PCCGene, as MSECI.
	PCCCI [2]float64 `json:"pcc_ci,omitzero"`
	// PCCPatch is the correlation over a spot's hidden values, averaged over the
	// spots that have any, as PCCGene.
	PCCPatch float64 `json:"pcc_patch"`
	// R2Gene is 1 - SSres/SStot over a gene's hidden values, averaged over the
	// genes that have two different ones; R2Patch the same of spots. 0 is as
	// good as the mean of what was hidden. Also 0 where no gene or spot has any.
	R2Gene  float64 `json:"r2_gene"`
	R2Patch float64 `json:"r2_patch"`
	// MAE is the mean absolute error, pooled and averaged like MSE.
	MAE float64 `json:"mae"`
	// Coverage is the share of hidden values that lie within the method's
	// intervals of 50, 80 and 95 % (baseline.Levels; Completion.SD and
	// IntervalFactors). Zero for a method without SD.
	Coverage [len(baseline.Levels)]float64 `json:"coverage,omitzero"`
	// CoverageByLevel is the same for the lowest, the middle and the highest
	// third of the predictions of a mask, [third][level].
	CoverageByLevel [3][len(baseline.Levels)]float64 `json:"coverage_by_level,omitzero"`
	// N is the number of hidden values, all masks together.
	N int `json:"n"`
	// Seconds is the wall-clock time of the method's Fit and Complete, all masks
	// and slides together. It is the one field that another run may change.
	Seconds float64 `json:"seconds"`
	// Rate is the score of the method's other answer, Completion.Rate, in
	// TrueError; nil elsewhere, and for methods that do not have it.
	Rate *Score `json:"rate,omitempty"`

	// Genes has the scores of each gene, in the order of the data set.
	Genes []GeneScore `json:"-"`
	// Pairs is an even sample of the first mask's hidden values, the same for
	// all methods, for figures.
	Pairs []Pair `json:"-"`
}

// GeneScore is a method's score on one gene.
type GeneScore struct {
	ID, Symbol string
	N          int     // hidden values, all masks together
	MSE, MAE   float64 // over all of them; 0 where N is 0
	Bias       float64 // mean of prediction - truth over all of them
	PCC        float64 // mean over the masks that hide any; 0 where N is 0
	R2         float64 // mean over the masks that hide two different values; 0 where there is none
}

// Pair is one hidden value and its prediction, in the unit of the evaluation.
type Pair struct {
	Spot, Gene       int // indices into the data set
	Truth, Predicted float32
}

// tally collects the values of one mask, per gene.
type tally struct {
	spots int // that values may have, for the scores per spot
	genes []column
}

// column holds the scored values of one gene.
type column struct {
	spot             []int32
	truth, predicted []float32
	inside           []uint8 // bit k: within the interval of Levels[k]; bit hasSD: there are intervals
}

const hasSD = 1 << 7

func newTally(spots, genes int) *tally { return &tally{spots, make([]column, genes)} }

func (t *tally) add(gene, spot int, truth, predicted float32, inside uint8) {
	c := &t.genes[gene]
	c.spot = append(c.spot, int32(spot))
	c.truth = append(c.truth, truth)
	c.predicted = append(c.predicted, predicted)
	c.inside = append(c.inside, inside)
}

// intervals says within which of its intervals a truth lies; see column.
func intervals(truth, predicted, sd float32, factors [len(baseline.Levels)]float64) uint8 {
	in := uint8(hasSD)
	off := math.Abs(float64(truth) - float64(predicted))
	for k, f := range factors {
		if off <= f*float64(sd) {
			in |= 1 << k
		}
	}
	return in
}

// maskScore is the score of one mask.
type maskScore struct {
	n                        int
	mse, mae, pcc, pccPatch  float64
	r2, r2Patch              float64
	covered                  [len(baseline.Levels)]float64
	coveredBy                [3][len(baseline.Levels)]float64
	genes                    []GeneScore // without names
	geneR2                   []bool      // the gene has one
	genesWithR2, spotsWithR2 int
}

// score returns the scores of what was collected, all 0 if that is nothing.
func (t *tally) score() maskScore {
	s := maskScore{genes: make([]GeneScore, len(t.genes)), geneR2: make([]bool, len(t.genes))}
	spots := make([]moments, t.spots)
	genes := make([]moments, len(t.genes))
	for g := range t.genes {
		c := &t.genes[g]
		for k, i := range c.spot {
			genes[g].first(c.truth[k], c.predicted[k])
			spots[i].first(c.truth[k], c.predicted[k])
		}
		genes[g].average()
	}
	for i := range spots {
		spots[i].average()
	}
	var square, absolute float64
	for g := range t.genes {
		c, m := &t.genes[g], &genes[g]
		for k, i := range c.spot {
			m.second(c.truth[k], c.predicted[k])
			spots[i].second(c.truth[k], c.predicted[k])
		}
		if m.n == 0 {
			continue
		}
		s.n += int(m.n)
		square, absolute = square+m.square, absolute+m.absolute
		s.genes[g] = GeneScore{N: int(m.n), MSE: m.square / m.n, MAE: m.absolute / m.n, Bias: m.predicted - m.truth, PCC: m.pcc()}
		s.genes[g].R2, s.geneR2[g] = m.r2()
	}
	if s.n > 0 {
		s.mse, s.mae = square/float64(s.n), absolute/float64(s.n)
	}
	s.pcc, s.r2, s.genesWithR2 = means(genes)
	s.pccPatch, s.r2Patch, s.spotsWithR2 = means(spots)
	s.covered, s.coveredBy = t.coverage()
	return s
}

// means returns the mean PCC of the lines that have values, and the mean R2 of
// those that have one, with their number.
func means(lines []moments) (pcc, r2 float64, withR2 int) {
	with := 0
	for k := range lines {
		if lines[k].n == 0 {
			continue
		}
		with++
		pcc += lines[k].pcc()
		if r, ok := lines[k].r2(); ok {
			r2 += r
			withR2++
		}
	}
	return pcc / float64(max(with, 1)), r2 / float64(max(withR2, 1)), withR2
}

// moments are sums over the values of one gene or spot, in two passes. Means
// are taken of differences to the first value, so that what does not vary has a
// spread of exactly 0.
type moments struct {
	n                  float64
	truth0, predicted0 float64
	truth, predicted   float64 // first pass: sums of the differences; then means
	tt, pp, tp         float64
	square, absolute   float64
}

func (m *moments) first(truth, predicted float32) {
	t, p := float64(truth), float64(predicted)
	if m.n == 0 {
		m.truth0, m.predicted0 = t, p
	}
	m.n++
	m.truth += t - m.truth0
	m.predicted += p - m.predicted0
}

func (m *moments) average() {
	n := max(m.n, 1)
	m.truth, m.predicted = m.truth0+m.truth/n, m.predicted0+m.predicted/n
}

func (m *moments) second(truth, predicted float32) {
	dt, dp, e := float64(truth)-m.truth, float64(predicted)-m.predicted, float64(predicted)-float64(truth)
	m.tt += dt * dt
	m.pp += dp * dp
	m.tp += dt * dp
	m.square += e * e
	m.absolute += math.Abs(e)
}

// pcc is the cosine of the centred values, each norm at least 1e-8 as in
// PyTorch's cosine_similarity, so that a constant gives 0 and not NaN.
func (m *moments) pcc() float64 { return cosine(m.tp, m.tt, m.pp) }

func cosine(tp, tt, pp float64) float64 {
	const floor = 1e-8
	return tp / (max(math.Sqrt(tt), floor) * max(math.Sqrt(pp), floor))
}

// r2 is 1 - SSres/SStot, of two values that differ or more.
func (m *moments) r2() (float64, bool) {
	if m.n < 2 || m.tt == 0 {
		return 0, false
	}
	return 1 - m.square/m.tt, true
}

// coverage returns the share of values within each interval, of all that have
// one and of each third of them by prediction.
func (t *tally) coverage() (all [len(baseline.Levels)]float64, by [3][len(baseline.Levels)]float64) {
	var predicted []float32
	for g := range t.genes {
		for k, in := range t.genes[g].inside {
			if in&hasSD != 0 {
				predicted = append(predicted, t.genes[g].predicted[k])
			}
		}
	}
	if len(predicted) == 0 {
		return all, by
	}
	slices.Sort(predicted)
	low, high := predicted[len(predicted)/3], predicted[len(predicted)*2/3]
	var n [3]float64
	for g := range t.genes {
		c := &t.genes[g]
		for k, in := range c.inside {
			if in&hasSD == 0 {
				continue
			}
			third := 0
			switch p := c.predicted[k]; {
			case p >= high:
				third = 2
			case p >= low:
				third = 1
			}
			n[third]++
			for l := range all {
				by[third][l] += float64(in >> l & 1)
			}
		}
	}
	for l := range all {
		for third := range by {
			all[l] += by[third][l] / float64(len(predicted))
			by[third][l] /= max(n[third], 1)
		}
	}
	return all, by
}

// pool joins the scores of several masks.
func pool(masks []maskScore) Score {
	var s Score
	if len(masks) == 0 {
		return s
	}
	k := float64(len(masks))
	genesR2, spotsR2 := 0, 0 // masks that have one
	for _, m := range masks {
		s.N += m.n
		s.MSE += m.mse / k
		s.MAE += m.mae / k
		s.PCCGene += m.pcc / k
		s.PCCPatch += m.pccPatch / k
		if m.genesWithR2 > 0 {
			s.R2Gene += m.r2
			genesR2++
		}
		if m.spotsWithR2 > 0 {
			s.R2Patch += m.r2Patch
			spotsR2++
		}
		for l := range s.Coverage {
			s.Coverage[l] += m.covered[l] / k
			for third := range m.coveredBy {
				s.CoverageByLevel[third][l] += m.coveredBy[third][l] / k
			}
		}
	}
	s.R2Gene /= float64(max(genesR2, 1))
	s.R2Patch /= float64(max(spotsR2, 1))
	if len(masks) > 1 {
		for _, m := range masks {
			s.MSESD += (m.mse - s.MSE) * (m.mse - s.MSE)
		}
		s.MSESD = math.Sqrt(s.MSESD / (k - 1))
	}
	s.Genes = make([]GeneScore, len(masks[0].genes))
	for g := range s.Genes {
		s.Genes[g] = poolGene(masks, g)
	}
	return s
}

func poolGene(masks []maskScore, g int) GeneScore {
	var p GeneScore
	hiding, withR2 := 0, 0
	for _, m := range masks {
		one := m.genes[g]
		if one.N == 0 {
			continue
		}
		n := float64(one.N)
		p.N += one.N
		p.MSE += one.MSE * n
		p.MAE += one.MAE * n
		p.Bias += one.Bias * n
		p.PCC += one.PCC
		hiding++
		if m.geneR2[g] {
			p.R2 += one.R2
			withR2++
		}
	}
	if hiding > 0 {
		n := float64(p.N)
		p.MSE, p.MAE, p.Bias, p.PCC = p.MSE/n, p.MAE/n, p.Bias/n, p.PCC/float64(hiding)
		p.R2 /= float64(max(withR2, 1))
	}
	return p
}
