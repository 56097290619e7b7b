package spackle

import "math"

// Score is how far one method's predictions lie from the truth, in units of
// log2(TPM+1). Means over several masks weigh each mask the same.
type Score struct {
	Name string `json:"name"`
	// MSE is the mean squared error over all hidden values of a mask, genes
	// and slides pooled; the mean over masks.
	MSE float64 `json:"mse"`
	// MSESD is the sample standard deviation of MSE over masks: it shows what
	// the draw of the mask does, not how slides differ. 0 with one mask.
	MSESD float64 `json:"mse_sd"`
	// PCCGene is the Pearson correlation of prediction and truth over a gene's
	// hidden values (of all slides), averaged over the genes that have any;
	// the mean over masks. A gene with one value, or a constant prediction,
	// counts as 0.
	PCCGene float64 `json:"pcc_gene"`
	// MAE is the mean absolute error, pooled and averaged like MSE.
	MAE float64 `json:"mae"`
	// N is the number of hidden values, all masks together.
	N int `json:"n"`
	// Seconds is the wall-clock time of the method's Fit and Complete, all masks
	// and slides together. It is the one field that another run may change.
	Seconds float64 `json:"seconds"`

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
	MSE        float64 // over all of them; 0 where N is 0
	PCC        float64 // mean over the masks that hide any; 0 where N is 0
}

// Pair is one hidden value and its prediction, in log2(TPM+1).
type Pair struct {
	Spot, Gene       int // indices into the data set
	Truth, Predicted float32
}

// tally collects the values of one mask, per gene.
type tally struct {
	truth, predicted [][]float32 // [genes][values]
}

func newTally(genes int) *tally {
	return &tally{truth: make([][]float32, genes), predicted: make([][]float32, genes)}
}

func (t *tally) add(gene int, truth, predicted float32) {
	t.truth[gene] = append(t.truth[gene], truth)
	t.predicted[gene] = append(t.predicted[gene], predicted)
}

// maskScore is the score of one mask.
type maskScore struct {
	n             int
	mse, mae, pcc float64
	genes         []GeneScore // without names
}

// score returns the scores of what was collected, all 0 if that is nothing.
func (t *tally) score() maskScore {
	s := maskScore{genes: make([]GeneScore, len(t.truth))}
	var squares, absolutes, correlations float64
	withValues := 0
	for g, truth := range t.truth {
		if len(truth) == 0 {
			continue
		}
		sq, ab := errors2(truth, t.predicted[g])
		pcc := pearson(truth, t.predicted[g])
		s.genes[g] = GeneScore{N: len(truth), MSE: sq / float64(len(truth)), PCC: pcc}
		s.n += len(truth)
		squares, absolutes, correlations = squares+sq, absolutes+ab, correlations+pcc
		withValues++
	}
	if s.n > 0 {
		s.mse, s.mae = squares/float64(s.n), absolutes/float64(s.n)
		s.pcc = correlations / float64(withValues)
	}
	return s
}

// errors2 returns the sums of squared and of absolute errors.
func errors2(truth, predicted []float32) (squares, absolutes float64) {
	for i, t := range truth {
		e := float64(predicted[i]) - float64(t)
		squares += e * e
		absolutes += math.Abs(e)
	}
	return squares, absolutes
}

// pearson is the cosine of the centred vectors, each norm at least 1e-8 as in
// PyTorch's cosine_similarity, so that a constant vector gives 0 and not NaN.
func pearson(a, b []float32) float64 {
	ma, mb := mean32(a), mean32(b)
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i])-ma, float64(b[i])-mb
		ab += x * y
		aa += x * x
		bb += y * y
	}
	const floor = 1e-8
	return ab / (max(math.Sqrt(aa), floor) * max(math.Sqrt(bb), floor))
}

func mean32(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x)
	}
	return sum / float64(len(v))
}

// pool joins the scores of several masks.
func pool(masks []maskScore) Score {
	var s Score
	if len(masks) == 0 {
		return s
	}
	k := float64(len(masks))
	for _, m := range masks {
		s.N += m.n
		s.MSE += m.mse / k
		s.MAE += m.mae / k
		s.PCCGene += m.pcc / k
	}
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
	squares, correlations, hiding := 0.0, 0.0, 0
	for _, m := range masks {
		if one := m.genes[g]; one.N > 0 {
			p.N += one.N
			squares += one.MSE * float64(one.N)
			correlations += one.PCC
			hiding++
		}
	}
	if hiding > 0 {
		p.MSE, p.PCC = squares/float64(p.N), correlations/float64(hiding)
	}
	return p
}
