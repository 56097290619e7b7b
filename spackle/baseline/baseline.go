package baseline

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// View is what a completer may see of one slide. What was not measured or is
// hidden from it is 0, in values and in counts.
//
// Counts and all that follows them are for methods that work on raw counts;
// a view without them holds values only, and such methods refuse it.
type View struct {
	Slide   string
	Values  blas32.General  // [spots][genes], logged as Norm says, 0 = not visible
	Visible []bool          // [spots][genes] row-major: measured and not hidden
	Hidden  []bool          // measured but hidden, to be predicted; nil = nothing is hidden: what is not visible was not measured
	X, Y    []float64       // full-resolution pixels
	Graph   *neighbor.Graph // the spots that the adaptive median steps to from each, within the slide: by default the 6 nearest

	Norm   spared.Normalization // what Values are; "" = log2(TPM+1)
	Counts blas32.General       // [spots][genes], 0 = not visible; no rows = not known
	Sizes  []float64            // [genes], what a count is divided by: bp under TPM, else 1
	Totals []float64            // [spots], sum of count/size over all genes that passed the filter, without the hidden counts
	Depth  []float64            // [spots], sum of counts over genes that passed the filter and are not among the view's, also where Rest shows only some of them; nil = 0
	Rest   blas32.General       // [spots][other genes], counts of genes that are looked at but not completed; no columns = none

	Genes, RestGenes []string  // ids of the columns of Values and of Rest; nil = not known
	RestSizes        []float64 // [other genes], as Sizes; nil = not known

	Features blas32.General // [spots][d], what the picture shows at each spot, an embedding of its patch; no columns = there is none
}

// Completer predicts values that are not visible. Its methods are called in
// the order in which they stand here, Complete as often as there are slides.
//
// One's own completer needs Name and Complete only, if it embeds [NoFit]:
//
//	type half struct{ baseline.NoFit }
//
//	func (half) Name() string { return "half" }
//
//	func (half) Complete(_ context.Context, v *baseline.View) (*baseline.Completion, error) {
//		values := v.Empty()
//		for k := range values.Data {
//			values.Data[k] = 0.5
//		}
//		return &baseline.Completion{Values: values}, nil
//	}
type Completer interface {
	// Name is a short lower-case name, e.g. "median".
	Name() string
	// Fit learns from train slides, of which nothing is hidden. There may be
	// none. A second call forgets the first.
	Fit(ctx context.Context, train []*View) error
	// Complete predicts each entry of the view. Entries that are visible may
	// hold anything. The view stays as it is.
	Complete(ctx context.Context, v *View) (*Completion, error)
}

// NoFit is the Fit of a method that learns nothing from other slides.
type NoFit struct{}

// Fit does nothing.
func (NoFit) Fit(context.Context, []*View) error { return nil }

// Completion is what a completer says of a slide: two answers per entry, in
// the unit of the view's values, and how sure it is of the first. All are
// [spots][genes]; one without rows is an answer that the method does not have.
type Completion struct {
	// Values holds what the value would be if the gene was detected there, that
	// is, had a count of 1 or more. It is what a hidden measured value is
	// compared with, and never lower than one count. An entry that was not
	// measured has a count of 0: this answer is above the truth there, 2.4 to 3
	// times as high on average on the data sets that were looked at.
	Values blas32.General
	// SD is the standard deviation of the value, given that it was detected,
	// around Values; 0 where the value is visible.
	SD blas32.General
	// Factors makes intervals of SD: Values ± Factors[k]·SD holds the detected
	// value with probability Levels[k]. The zero value stands for those of a
	// normal distribution, 0.674, 1.282 and 1.960.
	Factors [len(Levels)]float64
	// Rate holds the value of the rate at which the gene is counted there: what
	// there is on average, zeros included, given all that is visible, the count
	// of 0 of an entry that was not measured among it.
	Rate blas32.General
}

// Levels are the probabilities of the intervals that a [Completion] gives.
var Levels = [3]float64{0.5, 0.8, 0.95}

// IntervalFactors returns c.Factors, or those of a normal distribution where
// they are not set.
func (c *Completion) IntervalFactors() [len(Levels)]float64 {
	if c.Factors != [len(Levels)]float64{} {
		return c.Factors
	}
	var normal [len(Levels)]float64
	for k, p := range Levels {
		normal[k] = math.Sqrt2 * math.Erfinv(p)
	}
	return normal
}

// Check returns an error unless the parts of the view fit together and the
// view holds 0 wherever it says that nothing is visible.
func (v *View) Check() error {
	n, genes := v.Values.Rows, v.Values.Cols
	switch {
	case n < 0 || genes < 0 || v.Values.Stride < genes:
		return fmt.Errorf("view of %s: bad shape %d x %d, stride %d", v.Slide, n, genes, v.Values.Stride)
	case n > 0 && len(v.Values.Data) < (n-1)*v.Values.Stride+genes:
		return fmt.Errorf("view of %s: %d values cannot fill %d spots x %d genes", v.Slide, len(v.Values.Data), n, genes)
	case len(v.Visible) != n*genes:
		return fmt.Errorf("view of %s: %d visibility flags for %d spots x %d genes", v.Slide, len(v.Visible), n, genes)
	case v.Hidden != nil && len(v.Hidden) != n*genes:
		return fmt.Errorf("view of %s: %d hidden flags for %d spots x %d genes", v.Slide, len(v.Hidden), n, genes)
	case len(v.X) != n || len(v.Y) != n:
		return fmt.Errorf("view of %s: %d x and %d y coordinates for %d spots", v.Slide, len(v.X), len(v.Y), n)
	}
	for i := range n {
		visible := v.visible(i)
		for g, x := range v.row(i) {
			if !visible[g] && x != 0 {
				return fmt.Errorf("view of %s: spot %d, gene %d holds %g but is not visible", v.Slide, i, g, x)
			}
		}
		if v.Hidden == nil {
			continue
		}
		for g, h := range v.Hidden[i*genes : (i+1)*genes] {
			if h && visible[g] {
				return fmt.Errorf("view of %s: spot %d, gene %d is both hidden and visible", v.Slide, i, g)
			}
		}
	}
	if v.Genes != nil && len(v.Genes) != genes || v.RestGenes != nil && len(v.RestGenes) != v.Rest.Cols || v.RestSizes != nil && len(v.RestSizes) != v.Rest.Cols {
		return fmt.Errorf("view of %s: ids of %d and %d genes, sizes of %d further ones, for %d genes and %d further ones",
			v.Slide, len(v.Genes), len(v.RestGenes), len(v.RestSizes), genes, v.Rest.Cols)
	}
	if f := v.Features; f.Cols > 0 && (f.Rows != n || f.Stride < f.Cols || n > 0 && len(f.Data) < (n-1)*f.Stride+f.Cols) {
		return fmt.Errorf("view of %s: image features of %d of %d spots", v.Slide, f.Rows, n)
	}
	return v.checkCounts()
}

// row returns the values of spot i.
func (v *View) row(i int) []float32 {
	return v.Values.Data[i*v.Values.Stride:][:v.Values.Cols]
}

// visible returns the visibility flags of spot i.
func (v *View) visible(i int) []bool {
	return v.Visible[i*v.Values.Cols : (i+1)*v.Values.Cols]
}

// checkCounts is Check for counts and what belongs to them.
func (v *View) checkCounts() error {
	n, genes := v.Values.Rows, v.Values.Cols
	if v.Counts.Rows == 0 && v.Rest.Cols == 0 && v.Depth == nil {
		return nil
	}
	switch c, r := v.Counts, v.Rest; {
	case c.Rows != n || c.Cols != genes || c.Stride < genes || n > 0 && len(c.Data) < (n-1)*c.Stride+genes:
		return fmt.Errorf("view of %s: counts of %d x %d for %d spots x %d genes", v.Slide, c.Rows, c.Cols, n, genes)
	case len(v.Sizes) != genes || len(v.Totals) != n:
		return fmt.Errorf("view of %s: sizes of %d genes and totals of %d spots for %d spots x %d genes", v.Slide, len(v.Sizes), len(v.Totals), n, genes)
	case v.Depth != nil && len(v.Depth) != n:
		return fmt.Errorf("view of %s: depths of %d of %d spots", v.Slide, len(v.Depth), n)
	case r.Cols > 0 && (r.Rows != n || r.Stride < r.Cols || n > 0 && len(r.Data) < (n-1)*r.Stride+r.Cols):
		return fmt.Errorf("view of %s: counts of %d further genes at %d of %d spots", v.Slide, r.Cols, r.Rows, n)
	}
	for g, s := range v.Sizes {
		if !(s > 0) || math.IsInf(s, 0) {
			return fmt.Errorf("view of %s: gene %d has size %g", v.Slide, g, s)
		}
	}
	for i, t := range v.Totals {
		if !(t > 0) || math.IsInf(t, 0) {
			return fmt.Errorf("view of %s: spot %d has a total of %g", v.Slide, i, t)
		}
		if v.Depth != nil && (!(v.Depth[i] >= 0) || math.IsInf(v.Depth[i], 0)) {
			return fmt.Errorf("view of %s: spot %d has %g counts of other genes", v.Slide, i, v.Depth[i])
		}
		visible := v.visible(i)
		for g, c := range v.Counts.Data[i*v.Counts.Stride:][:genes] {
			if visible[g] != (c > 0) || math.IsInf(float64(c), 0) {
				return fmt.Errorf("view of %s: spot %d, gene %d has a count of %g: it must be above 0 just where the value is visible", v.Slide, i, g, c)
			}
		}
		if v.Rest.Cols == 0 {
			continue
		}
		for g, c := range v.Rest.Data[i*v.Rest.Stride:][:v.Rest.Cols] {
			if !(c >= 0) || math.IsInf(float64(c), 0) {
				return fmt.Errorf("view of %s: spot %d has a count of %g of further gene %d", v.Slide, i, c, g)
			}
		}
	}
	return nil
}

// needCounts is Check for a method that works on counts.
func (v *View) needCounts() error {
	if v.Counts.Rows == 0 && v.Values.Rows > 0 {
		return fmt.Errorf("view of %s: it has no raw counts, which this method works on", v.Slide)
	}
	return v.Check()
}

// Hide returns a view in which entries of v are hidden that so far were
// visible, [spots][genes] row-major; v hides nothing and stays as it is. With
// the counts the spots' totals lose what is hidden, so the values that stay
// visible rise, to what they would be if the rest did not exist: with c the
// count of gene g of size L_g,
//
//	N'_i = N_i - Σ_hidden c_ig/L_g                  (at least 1e-9)
//	x'_ig = log(1 + T·c_ig / (L_g·N'_i))            T = 1e6 and log2 under TPM
//
// In a view without counts values stay as they are.
func (v *View) Hide(hidden []bool) (*View, error) {
	n, genes := v.Values.Rows, v.Values.Cols
	if len(hidden) != n*genes {
		return nil, fmt.Errorf("view of %s: %d hidden flags for %d spots x %d genes", v.Slide, len(hidden), n, genes)
	}
	if v.Hidden != nil {
		return nil, fmt.Errorf("view of %s: it hides values already", v.Slide)
	}
	h := *v
	h.Hidden, h.Values, h.Visible = hidden, v.Empty(), make([]bool, n*genes)
	counted := v.Counts.Rows > 0
	if counted {
		h.Counts, h.Totals = v.Empty(), make([]float64, n)
	}
	for i := range n {
		visible := v.visible(i)
		for g, x := range v.row(i) {
			switch at := i*genes + g; {
			case hidden[at] && !visible[g]:
				return nil, fmt.Errorf("view of %s: spot %d, gene %d is not visible and cannot be hidden", v.Slide, i, g)
			case visible[g] && !hidden[at]:
				h.Visible[at], h.Values.Data[at] = true, x
			}
		}
		if counted {
			h.hideCounts(v, i)
		}
	}
	return &h, nil
}

// hideCounts sets the counts, the total and the values of spot i of v, which
// hides entries of whole.
func (v *View) hideCounts(whole *View, i int) {
	genes := v.Values.Cols
	counts := whole.Counts.Data[i*whole.Counts.Stride:][:genes]
	total, any := whole.Totals[i], false
	for g, c := range counts {
		if v.Hidden[i*genes+g] {
			total -= float64(c) / v.Sizes[g]
			any = true
		}
	}
	v.Totals[i] = max(total, 1e-9)
	for g, c := range counts {
		at := i*genes + g
		if !v.Visible[at] {
			continue
		}
		v.Counts.Data[at] = c
		if any {
			v.Values.Data[at] = float32(v.Norm.Log(v.Norm.Value(float64(c), v.Sizes[g], v.Totals[i])))
		}
	}
}

// Empty returns a matrix of the view's shape that holds 0.
func (v *View) Empty() blas32.General {
	n, genes := v.Values.Rows, v.Values.Cols
	return blas32.General{Rows: n, Cols: genes, Stride: genes, Data: make([]float32, n*genes)}
}

// means returns the mean of each gene over the view's visible values; for a
// gene without any, that of train, or 0 where train is nil.
func (v *View) means(train []float64) ([]float64, error) {
	genes := v.Values.Cols
	if train != nil && len(train) != genes {
		return nil, fmt.Errorf("means of %d genes for the %d genes of %s", len(train), genes, v.Slide)
	}
	mean, count := make([]float64, genes), make([]float64, genes)
	v.addValues(mean, count)
	for g := range mean {
		if count[g] > 0 {
			mean[g] /= count[g]
		} else if train != nil {
			mean[g] = train[g]
		}
	}
	return mean, nil
}

// addValues adds each gene's visible values to sum and their number to count.
func (v *View) addValues(sum, count []float64) {
	for i := range v.Values.Rows {
		visible := v.visible(i)
		for g, x := range v.row(i) {
			if visible[g] {
				sum[g] += float64(x)
				count[g]++
			}
		}
	}
}

// fill completes with a matrix of the view's shape: visible values as they are, the
// others by predict, which writes a prediction for all genes of spot i into
// row. The scratch it is given is its goroutine's own, of twice as many
// numbers as there are genes.
func (v *View) fill(ctx context.Context, predict func(i int, row []float32, scratch []float64)) (*Completion, error) {
	n, genes := v.Values.Rows, v.Values.Cols
	out := v.Empty()
	const chunk = 32 // spots taken at a time
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range max(1, min(runtime.GOMAXPROCS(0), (n+chunk-1)/chunk)) {
		group.Go(func() error {
			scratch := make([]float64, 2*genes)
			for {
				if err := ctx.Err(); err != nil {
					return err
				}
				lo := int(next.Add(chunk)) - chunk
				if lo >= n {
					return nil
				}
				for i := lo; i < min(lo+chunk, n); i++ {
					row := out.Data[i*genes : (i+1)*genes]
					predict(i, row, scratch)
					v.keep(i, row)
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return &Completion{Values: out}, nil
}

// keep puts the visible values of spot i back into row.
func (v *View) keep(i int, row []float32) {
	visible := v.visible(i)
	for g, x := range v.row(i) {
		if visible[g] {
			row[g] = x
		}
	}
}
