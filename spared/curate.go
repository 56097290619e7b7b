package spared

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/genelength"
	"github.com/spatialgo/spatialgo/spared/median"
	"github.com/spatialgo/spatialgo/spared/moran"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// curation is the state that the steps of Curate pass on.
type curation struct {
	*collection
	asked       Recipe // as given, for the record
	recipe      Recipe // as carried out: slides in order of splits, organism known
	progress    Progress
	start       time.Time
	owned       bool              // the slides' counts may be dropped when they are not needed any more
	norm        *sparse.CSR       // normalised counts [spots][genes]
	panel       []PanelGene       // the genes that normalised values are relative to
	panelCounts *sparse.CSR       // their counts [spots][panel], unless the recipe leaves them out
	before      *Raw              // the slides before the filter
	graphs      []*neighbor.Graph // per slide, over its own spots in order
	layers      map[string]dense.Matrix[float32]
	steps       []ManifestStep
	notes       []string
}

// Curate turns slides into a data set by SpaRED's pipeline, in its order:
// filter, normalization, log, adaptive median, Moran's I, gene choice, ComBat,
// deltas, mask. r.Inputs must have one entry for each slide, in the same order.
func Curate(ctx context.Context, slides []*slide.Slide, r Recipe, progress Progress) (*Dataset, error) {
	return pipeline(ctx, slides, r, progress, false)
}

// pipeline is Curate; of owned slides it drops the counts as soon as the filter
// has chosen from them.
func pipeline(ctx context.Context, slides []*slide.Slide, r Recipe, progress Progress, owned bool) (*Dataset, error) {
	r = r.withDefaults()
	if err := r.check(); err != nil {
		return nil, err
	}
	if len(r.Inputs) != len(slides) {
		return nil, fmt.Errorf("spared: the recipe names %d slides, %d were given", len(r.Inputs), len(slides))
	}
	c := &curation{asked: r, recipe: r, progress: progress, start: time.Now(), owned: owned, layers: map[string]dense.Matrix[float32]{}}
	splitText, err := c.join(ctx, slides)
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{
		c.filter, c.divideLoneSlide, c.normalize, c.chooseGenes, c.complete,
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
	if err := c.deltas(d); err != nil {
		return nil, err
	}
	d.Manifest.Notes, d.Manifest.Steps = c.notes, c.steps
	return d, nil
}

// join finds organism, patients and splits, looks for leaks between these, and
// puts the slides below each other. It returns how the splits came about.
func (c *curation) join(ctx context.Context, slides []*slide.Slide) (string, error) {
	r := &c.recipe
	var err error
	if r.Organism, err = organismOf(slides, *r); err != nil {
		return "", err
	}
	if r.Inputs, err = withPatients(slides, *r); err != nil {
		return "", err
	}
	splits, splitText, err := assignSplits(slides, *r)
	if err != nil {
		return "", err
	}
	ids, err := c.resolveGenes(slides)
	if err != nil {
		return "", err
	}
	if err := c.checkLeaks(ctx, slides, ids, splits); err != nil {
		return "", err
	}
	order := slideOrder(slides, splits, r.Order)
	slides, r.Inputs, splits, ids = inOrder(slides, order), inOrder(r.Inputs, order), inOrder(splits, order), inOrder(ids, order)
	if c.collection, err = collect(slides, ids, splits); err != nil {
		return "", err
	}
	c.noteNormalised()
	c.step("joined slides")
	if err := c.nameGenes(); err != nil {
		return "", err
	}
	c.before = c.raw(r.SpotMin, r.SpotMax)
	return splitText, nil
}

// noteNormalised says which slides' values are not counts.
func (c *curation) noteNormalised() {
	var names []string
	for i, in := range c.recipe.Inputs {
		if in.Normalised {
			names = append(names, c.slides[i].Name)
		}
	}
	if len(names) > 0 {
		c.note("values are not counts: the tables of %s were normalised before, and what is said of counts is said of their values", strings.Join(names, ", "))
	}
}

// withPatients gives each input its patient: its own, the recipe's, else the
// slide's file's. Patients as batches need one each.
func withPatients(slides []*slide.Slide, r Recipe) ([]Input, error) {
	inputs := slices.Clone(r.Inputs)
	for _, name := range slices.Sorted(maps.Keys(r.Patients)) {
		patient := r.Patients[name]
		i := slices.IndexFunc(slides, func(s *slide.Slide) bool { return s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("spared: no slide is called %q (named for patient %q); there are: %s", name, patient, slideNames(slides))
		}
		if inputs[i].Patient == "" {
			inputs[i].Patient = patient
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		if !slices.ContainsFunc(slides, func(s *slide.Slide) bool { return s.Name == name }) {
			return nil, fmt.Errorf("spared: no slide is called %q (given a label %q); there are: %s", name, slices.Sorted(maps.Keys(r.Labels[name]))[0], slideNames(slides))
		}
	}
	for i, s := range slides {
		if inputs[i].Patient == "" {
			inputs[i].Patient = s.Patient
		}
	}
	if i := slices.IndexFunc(inputs, func(in Input) bool { return in.Patient == "" }); i >= 0 && r.BatchKey == "patient" {
		return nil, fmt.Errorf("spared: the batch key is patient, but slide %q has none: give --patient SLIDE=NAME for each slide", slides[i].Name)
	}
	return inputs, nil
}

// slideOrder returns the order of the slides in the data set: as published,
// by name (SpaRED's median_cleaner joins slides in the order of np.unique);
// else train, val, test, otherwise as given.
func slideOrder(slides []*slide.Slide, splits []Split, o Order) []int {
	order := make([]int, len(slides))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if o == Released {
			return cmp.Compare(slides[a].Name, slides[b].Name)
		}
		return cmp.Compare(splits[a], splits[b])
	})
	return order
}

func inOrder[T any](v []T, order []int) []T {
	out := make([]T, len(order))
	for k, i := range order {
		out[k] = v[i]
	}
	return out
}

// note adds a sentence that a reader of any number should know.
func (c *curation) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// step records what is left and reports it.
func (c *curation) step(name string) {
	spots, measured := c.sizes()
	missing := 0.0
	if n := spots * len(c.genes); n > 0 {
		missing = 1 - float64(measured)/float64(n)
	}
	s := ManifestStep{Name: name, Spots: spots, Genes: len(c.genes), Missing: missing, Seconds: time.Since(c.start).Seconds()}
	c.steps = append(c.steps, s)
	c.progress.Send(Event{Step: name, Seconds: s.Seconds,
		Message: fmt.Sprintf("%s, %s, %.1f %% missing", some(s.Spots, "spot"), some(s.Genes, "gene"), 100*s.Missing)})
}

// some words a number of things.
func some(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func (c *curation) filter(context.Context) error {
	before := c.spotsPerSlide()
	if err := c.filterSpots(c.recipe.SpotMin, c.recipe.SpotMax); err != nil {
		return err
	}
	for s, n := range c.spotsPerSlide() {
		if 2*n < before[s] { // of good tissue next to none are lost
			c.note("the spot filter dropped %d of the %d spots of %s: over the genes that all slides share they have too few counts, or too many", before[s]-n, before[s], c.slides[s].Name)
		}
	}
	c.step("spot filter")
	total := c.detection(c.recipe.Order)
	cols, err := c.choose(total)
	if err != nil {
		return err
	}
	if err := c.keepFiltered(cols); err != nil {
		return err
	}
	if c.owned {
		for _, s := range c.slides {
			s.Counts = nil
		}
	}
	if err := c.dropEmpty(); err != nil {
		return err
	}
	c.totals()
	c.step("gene filter")
	return nil
}

// choose returns the genes that pass the filter, or those of the recipe's
// list.
func (c *curation) choose(total []float64) ([]int, error) {
	if len(c.recipe.GeneList) == 0 {
		return c.chooseFiltered(total, c.recipe)
	}
	cols, unknown, err := c.chooseListed(c.recipe.GeneList)
	if err == nil && len(unknown) > 0 {
		c.note("%s of the gene list %s not in all slides: %s", some(len(unknown), "gene"), plural(len(unknown), "is", "are"), list(unknown))
	}
	return cols, err
}

// plural chooses the word that goes with a number of things.
func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// mostNamed is how many names a note lists.
const mostNamed = 8

// list joins names, the first ones where there are many.
func list(names []string) string {
	if n := len(names) - mostNamed; n > 0 {
		return strings.Join(names[:mostNamed], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(names, ", ")
}

func (c *curation) spotsPerSlide() []int {
	n := make([]int, len(c.slides))
	for s, rows := range c.kept {
		n[s] = len(rows)
	}
	return n
}

// divideLoneSlide makes blocks of a lone slide's spots validate.
func (c *curation) divideLoneSlide(context.Context) error {
	if len(c.slides) > 1 {
		return nil
	}
	p := placeOf(c.spots)
	splits := spatialBlocks(p.x, p.y, c.recipe.ValShare, c.recipe.Seed)
	val := 0
	for i, s := range splits {
		c.spots[i].Split = s
		if s == Val {
			val++
		}
	}
	c.note("one slide: %d of its %d spots, in spatial blocks, validate; gene filter, gene choice and adaptive median saw all of them; no batch correction", val, len(splits))
	return nil
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

// normalize makes the counts of spots comparable. Under TPM it drops the genes
// without a known length first.
func (c *curation) normalize(context.Context) error {
	n := c.recipe.Normalization
	sizes := ones(len(c.genes))
	if n == TPM {
		if err := c.lengths(); err != nil {
			return err
		}
		sizes = sizes[:len(c.genes)]
		for j := range c.genes {
			sizes[j] = c.genes[j].Length
		}
	}
	x, spot, err := normalized(c.counts, sizes, n)
	if err != nil {
		return fmt.Errorf("spared: %s: %w", n.unit(), err)
	}
	c.norm = x
	for i := range c.spots {
		c.spots[i].RPK = spot[i]
	}
	log, _, _ := strings.Cut(n.logUnit(), "(")
	c.step(n.unit() + ", " + log)
	return nil
}

// lengths keeps the genes that have a length.
func (c *curation) lengths() error {
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
		return fmt.Errorf("spared: none of the %s left has a known %s length (first: %q): is the organism right? Lengths are needed for TPM only (--normalization)", some(len(c.genes), "gene"), c.recipe.Organism, c.genes[0].ID)
	}
	n := len(c.genes) - len(cols)
	if n == 0 {
		return nil
	}
	c.note("%s without a GENCODE length (as mitochondrial ones are) %s dropped before TPM", some(n, "gene"), plural(n, "was", "were"))
	c.keepGenes(cols)
	return c.dropEmpty()
}

// blockValues is how many values of the panel are held in dense form at a
// time: 128 MiB, and as much again for the result.
const blockValues = 32 << 20

// chooseGenes keeps the genes with the highest mean Moran's I of d_log1p over
// the slides learnt from, in falling order, ties by id. The panel is completed
// in blocks of genes, which are dropped again: all of it in dense form would
// be the largest thing in memory by far.
func (c *curation) chooseGenes(ctx context.Context) error {
	sum, n := make([]float64, len(c.genes)), make([]int, len(c.genes))
	for s := range c.slides {
		lo, hi := c.slideRange(s)
		g, err := c.recipe.graph(placeOf(c.spots[lo:hi]))
		if err != nil {
			return fmt.Errorf("spared: slide %q: %w", c.slides[s].Name, err)
		}
		c.graphs = append(c.graphs, g)
		if !c.learns(s, c.recipe.Order) {
			continue
		}
		width := max(128, blockValues/(hi-lo)/128*128)
		for from := 0; from < len(c.genes); from += width {
			to := min(from+width, len(c.genes))
			value, err := c.moran(ctx, s, lo, hi, from, to)
			if err != nil {
				return err
			}
			for j, v := range value {
				if !math.IsNaN(v) {
					sum[from+j] += v
					n[from+j]++
				}
			}
		}
		c.progress.Send(Event{Step: "Moran's I", Done: s + 1, Total: len(c.slides), Message: c.slides[s].Name, Seconds: time.Since(c.start).Seconds()})
	}
	for j := range c.genes {
		c.genes[j].Moran = math.NaN()
		if n[j] > 0 {
			c.genes[j].Moran = sum[j] / float64(n[j])
		}
		c.panel = append(c.panel, panelGene(&c.genes[j]))
	}
	if !c.recipe.NoPanel {
		c.panelCounts = c.counts
	}
	return c.keepMostSpatial()
}

// moran returns Moran's I of d_log1p of one slide's spots lo to hi-1 and the
// genes from to to-1.
func (c *curation) moran(ctx context.Context, s, lo, hi, from, to int) ([]float64, error) {
	done, _, err := median.Complete(ctx, logged(c.norm, c.recipe.Normalization, lo, hi, from, to), c.graphs[s], c.recipe.Hops)
	if err != nil {
		return nil, fmt.Errorf("spared: slide %q: adaptive median: %w", c.slides[s].Name, err)
	}
	value, err := moran.I(done, c.graphs[s])
	if err != nil {
		return nil, fmt.Errorf("spared: slide %q: Moran's I: %w", c.slides[s].Name, err)
	}
	return value, nil
}

func (c *curation) keepMostSpatial() error {
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
	c.norm = c.norm.Select(nil, order)
	c.step("Moran's I, gene choice")
	return nil
}

// complete makes the dense layers of the chosen genes: normalised, log1p and,
// slide by slide, d_log1p.
func (c *curation) complete(ctx context.Context) error {
	spots, genes := len(c.spots), len(c.genes)
	n := c.recipe.Normalization
	c.layers[n.Layer()] = dense.Matrix[float32](c.norm.Dense())
	log := logged(c.norm, n, 0, spots, 0, genes)
	done := dense.New[float32](spots, genes)
	for s := range c.slides {
		lo, hi := c.slideRange(s)
		d, _, err := median.Complete(ctx, rows(log, lo, hi), c.graphs[s], c.recipe.Hops)
		if err != nil {
			return fmt.Errorf("spared: slide %q: adaptive median: %w", c.slides[s].Name, err)
		}
		for i := range d.Rows {
			copy(done.Row(lo+i), d.Row(i))
		}
		c.progress.Send(Event{Step: "adaptive median", Done: s + 1, Total: len(c.slides), Message: c.slides[s].Name, Seconds: time.Since(c.start).Seconds()})
	}
	c.layers[LayerLog], c.layers[LayerDLog] = log, done
	c.norm = nil
	return nil
}

// rows is a window on rows lo to hi-1, without a copy.
func rows(m dense.Matrix[float32], lo, hi int) dense.Matrix[float32] {
	return dense.Matrix[float32]{Rows: hi - lo, Cols: m.Cols, Stride: m.Stride, Data: m.Data[lo*m.Stride : (hi-1)*m.Stride+m.Cols]}
}

// panelSize is the number of genes to keep.
func (c *curation) panelSize() (int, error) {
	have, want := len(c.genes), c.recipe.Genes
	switch {
	case want > have:
		return 0, fmt.Errorf("spared: %s %s asked for, but only %d passed the filter; ask for fewer (--genes) or filter less (--real-share)", some(want, "gene"), plural(want, "was", "were"), have)
	case want > 0:
		return want, nil
	case have > genesManyPass:
		return genesLarge, nil
	case have >= genesSmall:
		return genesSmall, nil
	}
	c.note("only %s passed the filter; all were kept", some(have, "gene"))
	return have, nil
}

// dataset puts the parts together, without what correct and deltas add.
func (c *curation) dataset(splitText string) *Dataset {
	d := &Dataset{
		Spots: c.spots, Genes: c.genes, Panel: c.panel, PanelCounts: c.panelCounts, Raw: c.before,
		Layers:    map[string]blas32.General{LayerCounts: c.counts.Dense()},
		TrainMean: map[string][]float64{}, Correction: map[string]*Affine{},
		Mask:     make([]bool, len(c.spots)*len(c.genes)),
		Manifest: Manifest{Version: manifestVersion, Tool: "spatialgo " + Version, Recipe: c.asked, Organism: c.recipe.Organism, Splits: splitText},
	}
	for name, m := range c.layers {
		d.Layers[name] = blas32.General(m)
	}
	counts := d.Layers[LayerCounts]
	for i := range d.Mask {
		d.Mask[i] = counts.Data[i] != 0
	}
	for i, s := range c.slides {
		in := c.recipe.Inputs[i]
		sec := Section{Name: s.Name, Patient: in.Patient, Batch: s.Name, Labels: c.recipe.Labels[s.Name],
			Scale: s.Scale, Hires: s.Hires, Lowres: s.Lowres, FullRes: absolute(s.FullRes)}
		if c.recipe.BatchKey == "patient" && in.Patient != "" {
			sec.Batch = in.Patient
		}
		d.Sections = append(d.Sections, sec)
	}
	return d
}

// deltas makes, from each log layer, the layer of differences to the gene's
// mean over train spots, and the noisy layers where the recipe asks for them.
func (c *curation) deltas(d *Dataset) error {
	for _, l := range []struct{ from, to string }{
		{LayerLog, LayerDeltas}, {LayerDLog, LayerDDeltas}, {LayerCLog, LayerCDeltas}, {LayerCDLog, LayerCDDelta},
	} {
		if m, ok := d.Layers[l.from]; ok {
			if err := d.SetLayer(l.from, l.to, m); err != nil {
				return err
			}
		}
	}
	c.step("deltas, mask")
	return nil
}
