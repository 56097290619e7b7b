package spared

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/combat"
	"github.com/spatialgo/spatialgo/spared/dense"
)

// correct makes c_log1p and c_d_log1p by ComBat where there is more than one
// batch.
func (c *curation) correct(d *Dataset) error {
	batches := d.batches()
	switch {
	case c.recipe.BatchKey == "none":
		c.note("no batch correction, as the recipe says")
		return nil
	case len(batches) < 2:
		if len(c.slides) > 1 {
			c.note("one batch: no batch correction, so there are no layers c_log1p, c_d_log1p and their deltas")
		}
		return nil
	}
	for _, l := range []struct{ from, to string }{{LayerLog, LayerCLog}, {LayerDLog, LayerCDLog}} {
		line, constant, err := fitCorrection(d, d.Layers[l.from], c.recipe)
		if err != nil {
			return fmt.Errorf("spared: ComBat on %s: %w", l.from, err)
		}
		d.Correction[l.to] = line
		d.Layers[l.to] = line.apply(d, d.Layers[l.from])
		if len(constant) > 0 {
			names := make([]string, len(constant))
			for k, j := range constant {
				names[k] = d.geneName(j)
			}
			c.note("%s: ComBat left %s as %s: without variance within any batch that is learnt from: %s", l.to,
				some(len(names), "gene"), plural(len(names), "it is", "they are"), list(names))
		}
		c.noteStretched(d, l.from, l.to, line)
	}
	c.step("ComBat")
	return nil
}

// A correction is called extreme where its line is so many times steeper than
// the data came, because so many of a slide's spots have one value.
const (
	stretchSlope = 4
	stretchShare = 0.5
)

// noteStretched names the genes whose values the correction stretches
// extremely because they are hardly measured on a slide: the adaptive median
// then gives most of its spots one value (and log1p is 0 at most of them),
// which leaves almost no variance, and ComBat divides by it. The published
// method has no cap, so neither has this.
func (c *curation) noteStretched(d *Dataset, from, to string, a *Affine) {
	x, y := dense.Matrix[float32](d.Layers[from]), dense.Matrix[float32](d.Layers[to])
	for s := range d.Sections {
		b := a.Row(&d.Sections[s])
		lo, hi := c.slideRange(s)
		var names []string
		for j := range d.Genes {
			if a.Slope[b][j] < stretchSlope {
				continue
			}
			share := mostCommon(x, lo, hi, j)
			if share < stretchShare {
				continue
			}
			names = append(names, fmt.Sprintf("%s (x%.1f, up to %.1f from %.1f; %.0f %% of the spots had one value)",
				d.geneName(j), a.Slope[b][j], largest(y, lo, hi, j), largest(x, lo, hi, j), 100*share))
		}
		if len(names) > 0 {
			c.note("%s of %s: ComBat stretches %s extremely, hardly measured there: %s", to, d.Sections[s].Name, some(len(names), "gene"), list(names))
		}
	}
}

// largest returns the largest value of gene j at the spots lo to hi-1.
func largest(m dense.Matrix[float32], lo, hi, j int) float32 {
	most := m.At(lo, j)
	for i := lo; i < hi; i++ {
		most = max(most, m.At(i, j))
	}
	return most
}

// mostCommon returns the share of spots that have the most common value.
func mostCommon(m dense.Matrix[float32], lo, hi, j int) float64 {
	count, most := map[float32]int{}, 0
	for i := lo; i < hi; i++ {
		v := m.At(i, j)
		count[v]++
		most = max(most, count[v])
	}
	return float64(most) / float64(hi-lo)
}

// batches returns the batch names in the order of the sections.
func (d *Dataset) batches() []string {
	var names []string
	for i := range d.Sections {
		if b := d.Sections[i].Batch; !slices.Contains(names, b) {
			names = append(names, b)
		}
	}
	return names
}

// FitCorrection fits ComBat (Johnson, Li & Rabinovic, Biostatistics 2007) to
// a layer [spots][genes] of the data set, with the options of its recipe, and
// returns it as one line per batch and gene.
//
// In Released order mean and spread of each gene come from all spots. In
// Clean order they come from train spots; a batch with train spots is fitted
// on those, any other batch on its own spots against what train taught. With
// one train batch that batch is the reference and stays as it is.
func FitCorrection(d *Dataset, layer blas32.General, order Order) (*Affine, error) {
	r := d.Manifest.Recipe
	r.Order = order
	a, _, err := fitCorrection(d, layer, r)
	return a, err
}

// fitCorrection is FitCorrection with the options of a recipe. It also returns
// the genes that cannot be corrected.
func fitCorrection(d *Dataset, layer blas32.General, r Recipe) (a *Affine, constant []int, err error) {
	batches := d.batches()
	of, learnt := d.batchOfSpots(batches, r.Order)
	o, err := combatOptions(d, batches, learnt, r)
	if err != nil {
		return nil, nil, err
	}
	m, err := combat.MomentsOf(dense.Matrix[float32](layer), of, len(batches), o)
	if err != nil {
		return nil, nil, err
	}
	fit, err := m.FitOn(learnt)
	if err != nil {
		return nil, nil, err
	}
	a = &Affine{}
	for b, name := range batches {
		slope, intercept, err := fit.Line(m, b)
		if err != nil {
			return nil, nil, fmt.Errorf("batch %q: %w", name, err)
		}
		if o.Covariates.Rows == 0 {
			a.add(name, slope, intercept)
			continue
		}
		for s := range d.Sections {
			if sec := &d.Sections[s]; sec.Batch == name {
				a.add(rowName(sec), slope, withCovariates(intercept, slope, fit.Beta, o.Covariates.Row(d.SpotsOf(s)[0])))
			}
		}
	}
	return a, fit.Constant(), nil
}

// withCovariates adds what covariates add to a line: (1-slope)·Σ value·beta.
// They are the same at all spots of a slide, so that a line it stays.
func withCovariates(intercept, slope []float64, beta [][]float64, value []float64) []float64 {
	out := slices.Clone(intercept)
	for k, v := range value {
		for j := range out {
			out[j] += (1 - slope[j]) * v * beta[k][j]
		}
	}
	return out
}

func (a *Affine) add(name string, slope, intercept []float64) {
	a.Batches, a.Slope, a.Intercept = append(a.Batches, name), append(a.Slope, slope), append(a.Intercept, intercept)
}

// rowName names the line of a slide where slides of one batch have lines of
// their own.
func rowName(s *Section) string { return s.Batch + "|" + s.Name }

// Row returns which line a slide's spots are corrected by, or -1: that of its
// batch, or with covariates its own, which is called "<batch>|<slide>".
func (a *Affine) Row(s *Section) int {
	if b := slices.Index(a.Batches, s.Batch); b >= 0 {
		return b
	}
	return slices.Index(a.Batches, rowName(s))
}

// batchOfSpots returns the batch of each spot, -1 where the batch's line is not
// fitted to it, and the batches with spots that mean and spread are learnt from.
func (d *Dataset) batchOfSpots(batches []string, order Order) (of, learnt []int) {
	of = make([]int, len(d.Spots))
	learns := func(i int) bool { return order == Released || d.Spots[i].Split == Train }
	for i := range d.Spots {
		of[i] = slices.Index(batches, d.Sections[d.Spots[i].Slide].Batch)
		if learns(i) && !slices.Contains(learnt, of[i]) {
			learnt = append(learnt, of[i])
		}
	}
	for i := range of {
		if slices.Contains(learnt, of[i]) && !learns(i) {
			of[i] = -1
		}
	}
	return of, learnt
}

// combatOptions is the one place where the recipe's wishes become ComBat's.
func combatOptions(d *Dataset, batches []string, learnt []int, r Recipe) (o combat.Options, err error) {
	o = combat.Options{MeanOnly: r.MeanOnly, FirstGene: r.FirstGene}
	switch b := slices.Index(batches, r.Reference); {
	case r.Reference != "" && b < 0:
		return o, fmt.Errorf("no batch is called %q; there are: %s", r.Reference, strings.Join(batches, ", "))
	case r.Reference != "" && !slices.Contains(learnt, b):
		return o, fmt.Errorf("the reference batch %q has no train spots", r.Reference)
	case r.Reference != "":
		o.HasReference, o.Reference = true, b
	case len(learnt) == 1:
		o.HasReference, o.Reference = true, learnt[0]
	}
	if len(r.Covariates) > 0 {
		o.Covariates, err = d.covariates(r.Covariates)
	}
	return o, err
}

// covariates makes the design [spots][columns] of labels: of each label one
// column of 0 and 1 for each value but the first.
func (d *Dataset) covariates(keys []string) (dense.Matrix[float64], error) {
	design := make([][]float64, len(d.Sections))
	for _, key := range keys {
		var values []string
		for s := range d.Sections {
			v := d.Sections[s].Labels[key]
			if v == "" {
				return dense.Matrix[float64]{}, fmt.Errorf("covariate %q: slide %q has no such label", key, d.Sections[s].Name)
			}
			if !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		for s := range d.Sections {
			for _, v := range values[1:] {
				x := 0.0
				if d.Sections[s].Labels[key] == v {
					x = 1
				}
				design[s] = append(design[s], x)
			}
		}
	}
	m := dense.New[float64](len(d.Spots), len(design[0]))
	for i := range d.Spots {
		copy(m.Row(i), design[d.Spots[i].Slide])
	}
	return m, nil
}

// MostCorrected returns the gene (its column) whose level differed most
// between batches: the one with the widest spread of what the correction of a
// layer adds at the gene's mean. It returns -1 where there is no correction.
func (d *Dataset) MostCorrected(layer string) int {
	a := d.Correction[layer]
	if a == nil {
		return -1
	}
	most, gene := -1.0, -1
	for j := range d.Genes {
		lo, hi := math.Inf(1), math.Inf(-1)
		for b := range a.Batches {
			mean := d.TrainMean[layer][j]
			shift := (a.Slope[b][j]-1)*mean + a.Intercept[b][j]
			lo, hi = min(lo, shift), max(hi, shift)
		}
		if hi-lo > most {
			most, gene = hi-lo, j
		}
	}
	return gene
}

func ones(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

// apply returns the corrected copy of a layer.
func (a *Affine) apply(d *Dataset, layer blas32.General) blas32.General {
	out := dense.Matrix[float32](layer).Clone()
	for i, s := range d.Spots {
		b := a.Row(&d.Sections[s.Slide])
		row := out.Row(i)
		for j, v := range row {
			row[j] = float32(a.Slope[b][j]*float64(v) + a.Intercept[b][j])
		}
	}
	return blas32.General(out)
}
