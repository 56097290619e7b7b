package baseline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/spatialgo/spatialgo/spared"
)

// Depth completes by how deeply a spot was sequenced: a straight line per gene
// on four numbers of the spot,
//
//	D = [1, log2 N, log2(1+T), log2(1+R), log2(1+m)]
//
// with N the view's total of count/size, T the visible counts, R the counts of
// genes that are not completed (Depth of the view) and m the number of visible
// values. The lines are fitted to values that are hidden from copies of the
// train slides, as they will be hidden later; then each gene is moved to the
// slide by the mean of what is left of its visible values, shrunk as by 10
// spots. Without train slides it learns from hiding values of the slide itself.
type Depth struct {
	// NoOffset fits to all train slides pooled and moves nothing to the slide:
	// good within one patient, bad across patients.
	NoOffset bool
	Seed     uint64 // of what is hidden to learn from

	lines *depthLines
}

const (
	depthTerms   = 5
	depthCopies  = 4 // of each slide, with other values hidden
	offsetKappa  = 10.
	offsetRounds = 3 // offset and totals depend on each other
)

// Name returns "depth", or "depth, no offset".
func (m *Depth) Name() string {
	if m.NoOffset {
		return "depth, no offset"
	}
	return "depth"
}

// Fit implements [Completer].
func (m *Depth) Fit(_ context.Context, train []*View) (err error) {
	m.lines = nil
	if len(train) == 0 {
		return nil
	}
	if m.lines, err = m.learn(train); err != nil {
		return fmt.Errorf("%s: %w", m.Name(), err)
	}
	return nil
}

func (m *Depth) learn(views []*View) (*depthLines, error) {
	share, err := detectedShare(views)
	if err != nil {
		return nil, err
	}
	copies, err := maskedCopies(views, share, m.Seed)
	if err != nil {
		return nil, err
	}
	if m.NoOffset {
		for k := range copies {
			copies[k].slide = 0
		}
	}
	return fitDepth(copies)
}

// Complete implements [Completer]. It needs a view with counts.
func (m *Depth) Complete(ctx context.Context, v *View) (*Completion, error) {
	done, err := m.complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name(), err)
	}
	return done, nil
}

func (m *Depth) complete(ctx context.Context, v *View) (*Completion, error) {
	if err := v.needCounts(); err != nil {
		return nil, err
	}
	lines := m.lines
	if lines == nil {
		var err error
		if lines, err = m.learn([]*View{v}); err != nil {
			return nil, err
		}
	}
	if len(lines.beta) != v.Values.Cols {
		return nil, fmt.Errorf("fitted to %d genes, the slide %s has %d", len(lines.beta), v.Slide, v.Values.Cols)
	}
	var p []float64
	if m.NoOffset {
		p = lines.predict(v)
	} else {
		p, _ = lines.apply(v)
	}
	genes := v.Values.Cols
	return v.fill(ctx, func(i int, row []float32, _ []float64) {
		for g := range row {
			row[g] = float32(p[i*genes+g])
		}
	})
}

// bare returns the view without saying what is hidden: hidden values are as if
// they had not been measured.
func (v *View) bare() *View {
	b := *v
	b.Hidden = nil
	return &b
}

// maskedCopy is a slide of which some values are hidden, to learn from.
type maskedCopy struct {
	slide       int // copies of one slide count as several: they differ in depth for no reason of the tissue
	whole, view *View
}

// detectedShare returns the share of spots at which each gene was detected,
// hidden or not.
func detectedShare(views []*View) ([]float64, error) {
	if len(views) == 0 {
		return nil, errors.New("no slide to learn from")
	}
	genes := views[0].Values.Cols
	share, spots := make([]float64, genes), 0
	for _, v := range views {
		if err := v.needCounts(); err != nil {
			return nil, err
		}
		if v.Values.Cols != genes {
			return nil, fmt.Errorf("train slide %s has %d genes, %s has %d", v.Slide, v.Values.Cols, views[0].Slide, genes)
		}
		for k, seen := range v.Visible {
			if seen || v.Hidden != nil && v.Hidden[k] {
				share[k%genes]++
			}
		}
		spots += v.Values.Rows
	}
	for g := range share {
		share[g] /= float64(max(spots, 1))
	}
	return share, nil
}

// maskedCopies hides visible values of each slide four times, by the two rules
// in turn. share is how often each gene is detected, which the rules go by.
func maskedCopies(views []*View, share []float64, seed uint64) ([]maskedCopy, error) {
	var copies []maskedCopy
	for k := range depthCopies {
		rule := Rule(k % 2)
		p := rule.Probabilities(share)
		for s, v := range views {
			rng := rand.New(rand.NewPCG(seed, uint64(k)<<32|uint64(s)))
			bare := v.bare()
			var hidden []bool
			if v.Values.Cols > 0 {
				hidden = rule.Draw(rng, v.Visible, p, v.Values.Cols)
			}
			h, err := bare.Hide(hidden)
			if err != nil {
				return nil, err
			}
			copies = append(copies, maskedCopy{k*len(views) + s, bare, h})
		}
	}
	return copies, nil
}

// depthLines are the lines of [Depth].
type depthLines struct {
	beta [][depthTerms]float64 // [genes], the intercept first
	sd   []float64             // [genes], root mean square of what is left
}

// depthTermsOf returns D [spots].
func depthTermsOf(v *View) [][depthTerms]float64 {
	d := make([][depthTerms]float64, v.Values.Rows)
	for i := range d {
		counts, number := 0., 0.
		for _, c := range v.Counts.Data[i*v.Counts.Stride:][:v.Values.Cols] {
			if c > 0 {
				counts += float64(c)
				number++
			}
		}
		rest := 0.
		if v.Depth != nil {
			rest = v.Depth[i]
		}
		d[i] = [depthTerms]float64{1, math.Log2(v.Totals[i]), math.Log2(1 + counts), math.Log2(1 + rest), math.Log2(1 + number)}
	}
	return d
}

// fitDepth fits lines to the hidden values of the copies: within each copy
// first, both sides centred there (ridge 3), then the intercept as the mean of
// those of the copies.
func fitDepth(copies []maskedCopy) (*depthLines, error) {
	genes, slides := copies[0].whole.Values.Cols, 0
	terms := make([][][depthTerms]float64, len(copies))
	for k, c := range copies {
		terms[k] = depthTermsOf(c.view)
		slides = max(slides, c.slide+1)
	}
	l := &depthLines{beta: make([][depthTerms]float64, genes), sd: make([]float64, genes)}
	for g := range genes {
		sums := make([]lineSums, slides)
		for k, c := range copies {
			for i := range c.view.Values.Rows {
				if c.view.Hidden[i*genes+g] {
					sums[c.slide].add(terms[k][i], float64(c.whole.row(i)[g]))
				}
			}
		}
		const ridge = 3
		l.beta[g] = withinSlides(sums, ridge)
	}
	l.residuals(copies)
	return l, nil
}

// residuals sets sd, to 1 for a gene of which nothing was hidden.
func (l *depthLines) residuals(copies []maskedCopy) {
	genes := len(l.beta)
	squares, n := make([]float64, genes), make([]float64, genes)
	for g := range l.sd {
		l.sd[g] = 1
	}
	for _, c := range copies {
		p, _ := l.apply(c.view)
		for k, hidden := range c.view.Hidden {
			if hidden {
				e := float64(c.whole.row(k / genes)[k%genes]) - p[k]
				squares[k%genes] += e * e
				n[k%genes]++
			}
		}
	}
	for g := range l.sd {
		if n[g] > 0 {
			l.sd[g] = max(math.Sqrt(squares[g]/n[g]), 0.05)
		}
	}
}

// lineSums are the sums that a line on D is fitted from.
type lineSums struct {
	n  float64
	x  [depthTerms]float64
	xx [depthTerms][depthTerms]float64
	y  float64
	xy [depthTerms]float64
}

func (s *lineSums) add(x [depthTerms]float64, y float64) {
	s.n++
	s.y += y
	for a, xa := range x {
		s.x[a] += xa
		s.xy[a] += xa * y
		for b, xb := range x {
			s.xx[a][b] += xa * xb
		}
	}
}

// withinSlides returns the slopes that fit best within slides, and the mean of
// the slides' intercepts; slides of five values or fewer have none of weight,
// unless all are such.
func withinSlides(slides []lineSums, ridge float64) (beta [depthTerms]float64) {
	const k = depthTerms - 1
	a, b := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
	for p := range k {
		a.SetSym(p, p, ridge)
	}
	for _, s := range slides {
		if s.n == 0 {
			continue
		}
		for p := range k {
			for q := p; q < k; q++ {
				a.SetSym(p, q, a.At(p, q)+s.xx[p+1][q+1]-s.x[p+1]*s.x[q+1]/s.n)
			}
			b.SetVec(p, b.AtVec(p)+s.xy[p+1]-s.x[p+1]*s.y/s.n)
		}
	}
	var c mat.Cholesky
	var w mat.VecDense
	if c.Factorize(a) && c.SolveVecTo(&w, b) == nil {
		for p := range k {
			beta[p+1] = w.AtVec(p)
		}
	}
	for _, least := range []float64{5, 0} {
		sum, n := 0., 0.
		for _, s := range slides {
			if s.n > least {
				at := s.y / s.n
				for p := 1; p < depthTerms; p++ {
					at -= beta[p] * s.x[p] / s.n
				}
				sum, n = sum+at, n+1
			}
		}
		if n > 0 {
			beta[0] = sum / n
			break
		}
	}
	return beta
}

// predict returns D·β [spots][genes].
func (l *depthLines) predict(v *View) []float64 {
	genes := len(l.beta)
	p := make([]float64, v.Values.Rows*genes)
	for i, d := range depthTermsOf(v) {
		for g, beta := range l.beta {
			for t, x := range d {
				p[i*genes+g] += beta[t] * x
			}
		}
	}
	return p
}

// apply returns D·β moved to the slide, [spots][genes], and the value of one
// count there, hidden counts put back into the totals by what is expected of
// them.
func (l *depthLines) apply(v *View) (p, unit []float64) {
	genes := len(l.beta)
	line := l.predict(v)
	p = slices.Clone(line)
	unit = v.units(v.Totals)
	for range offsetRounds {
		sum, n := make([]float64, genes), make([]float64, genes)
		for i := range v.Values.Rows {
			for g, seen := range v.visible(i) {
				if at := i*genes + g; seen {
					sum[g] += v.Norm.Log(float64(v.Counts.Data[i*v.Counts.Stride+g])*unit[at]) - line[at]
					n[g]++
				}
			}
		}
		for at := range p {
			p[at] = line[at] + sum[at%genes]/(n[at%genes]+offsetKappa)
		}
		if v.Hidden == nil {
			break
		}
		unit = v.units(v.fullTotals(p, l.sd))
	}
	return p, unit
}

// fullTotals returns the spots' totals with the hidden counts put back. p is
// the expected value of each entry, with a standard deviation sd per gene: a
// share s of the total is hidden if the hidden values are, on the scale that
// adds up, s of what all values add up to; N = N'/(1-s).
func (v *View) fullTotals(p, sd []float64) []float64 {
	genes := v.Values.Cols
	totals := make([]float64, len(v.Totals))
	for i, n := range v.Totals {
		share := 0.
		if v.Hidden != nil {
			for g, hidden := range v.Hidden[i*genes:][:genes] {
				if hidden {
					share += v.unlog(p[i*genes+g], sd[g]) / v.Norm.Target()
				}
			}
		}
		const most = 0.95
		totals[i] = n / (1 - min(share, most))
	}
	return totals
}

// unlog returns the mean of the normalised values whose logs are normal.
func (v *View) unlog(mean, sd float64) float64 {
	if v.Norm == spared.LogNorm {
		return max(math.Exp(mean+sd*sd/2)-1, 0)
	}
	s := sd * math.Ln2
	return max(math.Exp2(mean)*math.Exp(s*s/2)-1, 0)
}

// units returns the normalised value of one count in each entry.
func (v *View) units(totals []float64) []float64 {
	genes := v.Values.Cols
	unit := make([]float64, len(totals)*genes)
	for i, total := range totals {
		for g, size := range v.Sizes {
			unit[i*genes+g] = v.Norm.Value(1, size, total)
		}
	}
	return unit
}
