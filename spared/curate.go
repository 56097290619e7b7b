package spared

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/combat"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/genelength"
	"github.com/spatialgo/spatialgo/spared/median"
	"github.com/spatialgo/spatialgo/spared/moran"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/norm"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// nearest is the number of nearest spots that the adaptive median and Moran's
// I call neighbours: the six of a hexagonal lattice.
const nearest = 6

// curation is the state that the steps of Curate pass on.
type curation struct {
	*collection
	asked    Recipe // as given, for the record
	recipe   Recipe // as carried out: slides in order of splits, organism known
	progress Progress
	start    time.Time
	panel    []PanelGene       // the genes that TPM are relative to
	graphs   []*neighbor.Graph // per slide, over its own spots in order
	layers   map[string]dense.Matrix[float32]
	steps    []ManifestStep
	notes    []string
}

// Curate turns slides into a data set by SpaRED's pipeline, in its order:
// filter, TPM, log2, adaptive median, Moran's I, gene choice, ComBat, deltas,
// mask. r.Inputs must have one entry for each slide, in the same order.
func Curate(ctx context.Context, slides []*slide.Slide, r Recipe, progress Progress) (*Dataset, error) {
	r = r.withDefaults()
	if err := r.check(); err != nil {
		return nil, err
	}
	if len(r.Inputs) != len(slides) {
		return nil, fmt.Errorf("spared: the recipe names %d slides, %d were given", len(r.Inputs), len(slides))
	}
	c := &curation{asked: r, progress: progress, start: time.Now(), layers: map[string]dense.Matrix[float32]{}}
	var err error
	if r.Organism, err = organismOf(slides, r.Organism); err != nil {
		return nil, err
	}
	if r.Inputs, err = withPatients(slides, r); err != nil {
		return nil, err
	}
	splits, splitText, err := assignSplits(slides, r)
	if err != nil {
		return nil, err
	}
	slides, r.Inputs, splits = bySplit(slides, r.Inputs, splits)
	if c.collection, err = collect(slides, splits); err != nil {
		return nil, err
	}
	c.recipe = r
	c.step("joined slides")
	for _, step := range []func(context.Context) error{
		c.filter, c.divideLoneSlide, c.normalize, c.complete, c.chooseGenes,
	} {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("spared: curation stopped: %w", err)
		}
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	d := c.dataset(splitText)
	if err := c.correct(d); err != nil {
		return nil, err
	}
	c.deltas(d)
	d.Manifest.Notes, d.Manifest.Steps = c.notes, c.steps
	return d, nil
}

// withPatients gives each input its patient, which patients as batches need.
func withPatients(slides []*slide.Slide, r Recipe) ([]Input, error) {
	inputs := slices.Clone(r.Inputs)
	for name, patient := range r.Patients {
		i := slices.IndexFunc(slides, func(s *slide.Slide) bool { return s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("spared: no slide is called %q (named for patient %q); there are: %s", name, patient, slideNames(slides))
		}
		if inputs[i].Patient == "" {
			inputs[i].Patient = patient
		}
	}
	if i := slices.IndexFunc(inputs, func(in Input) bool { return in.Patient == "" }); i >= 0 && r.BatchKey == "patient" {
		return nil, fmt.Errorf("spared: the batch key is patient, but slide %q has none: give --patient SLIDE=NAME for each slide", slides[i].Name)
	}
	return inputs, nil
}

// bySplit orders slides as train, val, test, otherwise as given.
func bySplit(slides []*slide.Slide, inputs []Input, splits []Split) ([]*slide.Slide, []Input, []Split) {
	order := make([]int, len(slides))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(splits[a], splits[b]) })
	s2, i2, p2 := make([]*slide.Slide, len(order)), make([]Input, len(order)), make([]Split, len(order))
	for k, i := range order {
		s2[k], i2[k], p2[k] = slides[i], inputs[i], splits[i]
	}
	return s2, i2, p2
}

// step records what is left and reports it.
func (c *curation) step(name string) {
	missing := 0.0
	if n := c.counts.Rows * c.counts.Cols; n > 0 {
		missing = 1 - float64(nonzero(c.counts.Data))/float64(n)
	}
	s := ManifestStep{Name: name, Spots: c.counts.Rows, Genes: c.counts.Cols, Missing: missing, Seconds: time.Since(c.start).Seconds()}
	c.steps = append(c.steps, s)
	c.progress.Send(Event{Step: name, Seconds: s.Seconds,
		Message: fmt.Sprintf("%d spots, %d genes, %.1f %% missing", s.Spots, s.Genes, 100*s.Missing)})
}

func nonzero(v []float32) int {
	n := 0
	for _, x := range v {
		if x != 0 {
			n++
		}
	}
	return n
}

func (c *curation) filter(context.Context) error {
	before := c.spotsPerSlide()
	if err := c.filterSpots(c.recipe.SpotMin, c.recipe.SpotMax); err != nil {
		return err
	}
	for s, n := range c.spotsPerSlide() {
		if 2*n < before[s] { // of good tissue next to none are lost
			c.notes = append(c.notes, fmt.Sprintf("the spot filter dropped %d of the %d spots of %s: over the genes that all slides share they have too few counts, or too many", before[s]-n, before[s], c.slides[s].Name))
		}
	}
	c.step("spot filter")
	// A lone slide's blocks are drawn after the filter, so here its spots all
	// train and the gene filter is learnt from all of them in either order.
	if err := c.filterGenes(c.learnFrom(c.recipe.Order), c.recipe); err != nil {
		return err
	}
	if err := c.dropEmpty(); err != nil {
		return err
	}
	c.step("gene filter")
	return nil
}

func (c *curation) spotsPerSlide() []int {
	n := make([]int, len(c.slides))
	for i := range c.spots {
		n[c.spots[i].Slide]++
	}
	return n
}

// divideLoneSlide makes blocks of a lone slide's spots validate.
func (c *curation) divideLoneSlide(context.Context) error {
	if len(c.slides) > 1 {
		return nil
	}
	x, y := c.coordinates(0, len(c.spots))
	splits := spatialBlocks(x, y, c.recipe.ValShare, c.recipe.Seed)
	val := 0
	for i, s := range splits {
		c.spots[i].Split = s
		if s == Val {
			val++
		}
	}
	c.notes = append(c.notes, fmt.Sprintf("one slide: %d of its %d spots, in spatial blocks, validate; gene filter, gene choice and adaptive median saw all of them; no batch correction", val, len(splits)))
	return nil
}

func (c *curation) coordinates(lo, hi int) (x, y []float64) {
	for _, s := range c.spots[lo:hi] {
		x, y = append(x, s.X), append(y, s.Y)
	}
	return x, y
}

// slideRange returns the rows of slide s.
func (c *curation) slideRange(s int) (lo, hi int) {
	lo = slices.IndexFunc(c.spots, func(p Spot) bool { return p.Slide == s })
	hi = lo
	for hi < len(c.spots) && c.spots[hi].Slide == s {
		hi++
	}
	return lo, hi
}

// normalize drops the genes without a known length and makes tpm and log1p.
func (c *curation) normalize(context.Context) error {
	table, err := genelength.Open(c.recipe.Organism)
	if err != nil {
		return err
	}
	var cols []int
	for j := range c.genes {
		if bp, ok := table.Length(c.genes[j].ID); ok {
			c.genes[j].Length = float64(bp)
			cols = append(cols, j)
		}
	}
	if len(cols) == 0 {
		return fmt.Errorf("spared: none of the %d genes left has a known %s length (first: %q): is the organism right?", len(c.genes), c.recipe.Organism, c.genes[0].ID)
	}
	if n := len(c.genes) - len(cols); n > 0 {
		c.notes = append(c.notes, fmt.Sprintf("%d genes without a GENCODE length (mitochondrial ones, for instance) were dropped before TPM", n))
	}
	c.keepGenes(cols)
	if err := c.dropEmpty(); err != nil {
		return err
	}
	lengths := make([]float64, len(c.genes))
	for j := range c.genes {
		lengths[j] = c.genes[j].Length
	}
	tpm, rpk, err := norm.TPM(c.counts, lengths)
	if err != nil {
		return fmt.Errorf("spared: TPM: %w", err)
	}
	for i := range c.spots {
		c.spots[i].RPK = rpk[i]
	}
	c.layers[LayerTPM], c.layers[LayerLog] = tpm, norm.Log2P1(tpm)
	c.step("TPM, log2")
	return nil
}

// complete makes d_log1p, slide by slide.
func (c *curation) complete(ctx context.Context) error {
	log := c.layers[LayerLog]
	done := dense.New[float32](log.Rows, log.Cols)
	for s := range c.slides {
		lo, hi := c.slideRange(s)
		x, y := c.coordinates(lo, hi)
		g, err := neighbor.KNN(x, y, nearest)
		if err != nil {
			return fmt.Errorf("spared: slide %q: %w", c.slides[s].Name, err)
		}
		c.graphs = append(c.graphs, g)
		d, _, err := median.Complete(ctx, rows(log, lo, hi), g, c.recipe.Hops)
		if err != nil {
			return fmt.Errorf("spared: slide %q: adaptive median: %w", c.slides[s].Name, err)
		}
		for i := range d.Rows {
			copy(done.Row(lo+i), d.Row(i))
		}
		c.progress.Send(Event{Step: "adaptive median", Done: s + 1, Total: len(c.slides), Message: c.slides[s].Name, Seconds: time.Since(c.start).Seconds()})
	}
	c.layers[LayerDLog] = done
	return nil
}

// rows is a window on rows lo to hi-1, without a copy.
func rows(m dense.Matrix[float32], lo, hi int) dense.Matrix[float32] {
	return dense.Matrix[float32]{Rows: hi - lo, Cols: m.Cols, Stride: m.Stride, Data: m.Data[lo*m.Stride : (hi-1)*m.Stride+m.Cols]}
}

// chooseGenes keeps the genes with the highest mean Moran's I of d_log1p over
// the slides learnt from, in falling order, ties by id.
func (c *curation) chooseGenes(context.Context) error {
	sum, n := make([]float64, len(c.genes)), make([]int, len(c.genes))
	for s := range c.slides {
		lo, hi := c.slideRange(s)
		if c.recipe.Order == Clean && len(c.slides) > 1 && c.spots[lo].Split != Train {
			continue
		}
		value, err := moran.I(rows(c.layers[LayerDLog], lo, hi), c.graphs[s])
		if err != nil {
			return fmt.Errorf("spared: slide %q: Moran's I: %w", c.slides[s].Name, err)
		}
		for j, v := range value {
			if !math.IsNaN(v) {
				sum[j] += v
				n[j]++
			}
		}
	}
	for j := range c.genes {
		c.genes[j].Moran = math.NaN()
		if n[j] > 0 {
			c.genes[j].Moran = sum[j] / float64(n[j])
		}
	}
	for _, g := range c.genes {
		c.panel = append(c.panel, PanelGene{ID: g.ID, Symbol: g.Symbol, Moran: g.Moran})
	}
	keep, err := c.panelSize()
	if err != nil {
		return err
	}
	order := make([]int, len(c.genes))
	for j := range order {
		order[j] = j
	}
	slices.SortFunc(order, func(a, b int) int {
		// NaN sorts below every number with cmp.Compare, hence last here.
		return cmp.Or(cmp.Compare(c.genes[b].Moran, c.genes[a].Moran), cmp.Compare(c.genes[a].ID, c.genes[b].ID))
	})
	order = order[:keep]
	c.keepGenes(order)
	for name, m := range c.layers {
		c.layers[name] = m.Select(nil, order)
	}
	c.step("Moran's I, gene choice")
	return nil
}

// panelSize is the number of genes to keep.
func (c *curation) panelSize() (int, error) {
	have, want := len(c.genes), c.recipe.Genes
	switch {
	case want > have:
		return 0, fmt.Errorf("spared: %d genes were asked for, but only %d passed the filter; ask for fewer (--genes) or filter less (--real-share)", want, have)
	case want > 0:
		return want, nil
	case have > genesManyPass:
		return genesLarge, nil
	case have >= genesSmall:
		return genesSmall, nil
	}
	c.notes = append(c.notes, fmt.Sprintf("only %d genes passed the filter; all were kept", have))
	return have, nil
}

// dataset puts the parts together, without what correct and deltas add.
func (c *curation) dataset(splitText string) *Dataset {
	d := &Dataset{
		Spots: c.spots, Genes: c.genes, Panel: c.panel,
		Layers:    map[string]blas32.General{LayerCounts: c.counts.Dense()},
		TrainMean: map[string][]float64{}, Correction: map[string]*Affine{},
		Mask:     make([]bool, len(c.spots)*len(c.genes)),
		Manifest: Manifest{Version: manifestVersion, Tool: "spatialgo " + Version, Recipe: c.asked, Organism: c.recipe.Organism, Splits: splitText},
	}
	for name, m := range c.layers {
		d.Layers[name] = blas32.General(m)
	}
	tpm := d.Layers[LayerTPM]
	for i := range d.Mask {
		d.Mask[i] = tpm.Data[i] != 0
	}
	for i, s := range c.slides {
		in := c.recipe.Inputs[i]
		sec := Section{Name: s.Name, Patient: in.Patient, Batch: s.Name, Scale: s.Scale, Hires: s.Hires, Lowres: s.Lowres, FullRes: s.FullRes}
		if c.recipe.BatchKey == "patient" && in.Patient != "" {
			sec.Batch = in.Patient
		}
		d.Sections = append(d.Sections, sec)
	}
	return d
}

// correct makes c_log1p and c_d_log1p by ComBat where there is more than one
// batch.
func (c *curation) correct(d *Dataset) error {
	batches := d.batches()
	switch {
	case c.recipe.BatchKey == "none":
		c.notes = append(c.notes, "no batch correction, as the recipe says")
		return nil
	case len(batches) < 2:
		if len(c.slides) > 1 {
			c.notes = append(c.notes, "one batch: no batch correction")
		}
		return nil
	}
	for _, l := range []struct{ from, to string }{{LayerLog, LayerCLog}, {LayerDLog, LayerCDLog}} {
		line, err := FitCorrection(d, d.Layers[l.from], c.recipe.Order)
		if err != nil {
			return fmt.Errorf("spared: ComBat on %s: %w", l.from, err)
		}
		d.Correction[l.to] = line
		d.Layers[l.to] = line.apply(d, d.Layers[l.from])
	}
	c.step("ComBat")
	return nil
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
// a layer [spots][genes] of the data set and returns it as one line per batch
// and gene.
//
// In Released order mean and spread of each gene come from all spots. In
// Clean order they come from train spots; a batch with train spots is fitted
// on those, any other batch on its own spots against what train taught. With
// one train batch that batch is the reference and stays as it is.
func FitCorrection(d *Dataset, layer blas32.General, order Order) (*Affine, error) {
	x := dense.Matrix[float32](layer)
	batches := d.batches()
	of := make([]int, len(d.Spots))
	for i, s := range d.Spots {
		of[i] = slices.Index(batches, d.Sections[s.Slide].Batch)
	}
	learn := func(i int) bool { return order == Released || d.Spots[i].Split == Train }
	var fitRows, fitBatch, learnt []int // learnt = batches with spots to learn from
	for i := range d.Spots {
		if !learn(i) {
			continue
		}
		k := slices.Index(learnt, of[i])
		if k < 0 {
			k = len(learnt)
			learnt = append(learnt, of[i])
		}
		fitRows, fitBatch = append(fitRows, i), append(fitBatch, k)
	}
	fit, err := combat.Estimate(x.Select(fitRows, nil), fitBatch, len(learnt))
	if err != nil {
		return nil, err
	}
	a := &Affine{Batches: batches}
	for b := range batches {
		has := slices.Contains(learnt, b)
		if has && len(learnt) == 1 {
			a.Slope, a.Intercept = append(a.Slope, ones(x.Cols)), append(a.Intercept, make([]float64, x.Cols))
			continue
		}
		var own []int
		for i := range d.Spots {
			if of[i] == b && (!has || learn(i)) {
				own = append(own, i)
			}
		}
		slope, intercept, err := combat.Shift(fit, x.Select(own, nil))
		if err != nil {
			return nil, fmt.Errorf("batch %q: %w", batches[b], err)
		}
		a.Slope, a.Intercept = append(a.Slope, slope), append(a.Intercept, intercept)
	}
	return a, nil
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
		b := slices.Index(a.Batches, d.Sections[s.Slide].Batch)
		row := out.Row(i)
		for j, v := range row {
			row[j] = float32(a.Slope[b][j]*float64(v) + a.Intercept[b][j])
		}
	}
	return blas32.General(out)
}

// deltas makes, from each log layer, the layer of differences to the gene's
// mean over train spots.
func (c *curation) deltas(d *Dataset) {
	for _, l := range []struct{ from, to string }{
		{LayerLog, LayerDeltas}, {LayerDLog, LayerDDeltas}, {LayerCLog, LayerCDeltas}, {LayerCDLog, LayerCDDelta},
	} {
		if m, ok := d.Layers[l.from]; ok {
			d.TrainMean[l.from] = d.trainMean(m)
			d.Layers[l.to] = Deltas(m, d.TrainMean[l.from])
		}
	}
	c.step("deltas, mask")
}

// SetLayer stores a layer [spots][genes], its mean per gene over train spots
// and, under the name deltas, its differences to that mean. A data set without
// train spots has no such mean: it gets the layer only.
func (d *Dataset) SetLayer(name, deltas string, m blas32.General) error {
	if spots, genes := d.N(); m.Rows != spots || m.Cols != genes {
		return fmt.Errorf("spared: layer %s is %d x %d, the data set %d spots x %d genes", name, m.Rows, m.Cols, spots, genes)
	}
	d.Layers[name] = m
	delete(d.Layers, deltas)
	delete(d.TrainMean, name)
	if len(d.SpotsIn(Train)) == 0 {
		return nil
	}
	if d.TrainMean == nil {
		d.TrainMean = map[string][]float64{}
	}
	d.TrainMean[name] = d.trainMean(m)
	d.Layers[deltas] = Deltas(m, d.TrainMean[name])
	return nil
}

func (d *Dataset) trainMean(m blas32.General) []float64 {
	mean, n := make([]float64, m.Cols), 0
	for i := range d.Spots {
		if d.Spots[i].Split != Train {
			continue
		}
		n++
		for j, v := range m.Data[i*m.Stride : i*m.Stride+m.Cols] {
			mean[j] += float64(v)
		}
	}
	for j := range mean {
		mean[j] /= float64(max(n, 1))
	}
	return mean
}

// Deltas returns a layer [spots][genes] minus a mean per gene.
func Deltas(layer blas32.General, mean []float64) blas32.General {
	out := dense.Matrix[float32](layer).Clone()
	for i := range out.Rows {
		row := out.Row(i)
		for j, v := range row {
			row[j] = float32(float64(v) - mean[j])
		}
	}
	return blas32.General(out)
}
