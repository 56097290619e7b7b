package baseline

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Ridge completes by a ridge regression per gene on what its own and other genes
// show at the spot and around it. It starts from [Depth], with prediction p and
// residual spread sd, and predicts what is left, (x-p)/sd, from
//
//   - the four numbers of Depth, and their means over the 6 nearest spots;
//   - z = V (x-p)/sd · c/(c+1) of up to 128 genes and of the gene itself, at the
//     spot and averaged around it with Gaussian weights of width 0.8 and of 2
//     pitches over the 36 nearest, S = Σ_j w V z/(Σ_j w V + 1);
//   - where the view has further genes (Rest), 24 scores of theirs and the mean
//     of these around (18 nearest, width 1.5 pitches).
//
// It learns from hiding visible values four times (the two rules in turn) and
// predicting them: on train slides, and unless TrainOnly is set once more on
// the slide that is to be completed, whose hidden values it never sees. The
// penalty is 1200, less where few values could be hidden. What is left of the
// visible values in the end is smoothed over the slide (width 1.5 pitches).
//
// Time and memory grow with genes · features², up to 440 features: some seconds
// for each fit to 128 genes.
type Ridge struct {
	TrainOnly bool   // learn from train slides only, not from the slide itself
	Seed      uint64 // of what is hidden to learn from

	train *ridgeTrain
}

const (
	depthFeatures = 2 * (depthTerms - 1)
	ridgeGenes    = 128 // whose z are features of all others
	ridgeScores   = 24  // of the rest
	ridgePenalty  = 1200.
	ridgeRows     = 8000 // learnt from at most, per gene
	ridgeBlock    = 64
	ridgeSmooth   = 1.5
)

// Name returns "ridge", or "ridge, train only".
func (m *Ridge) Name() string {
	if m.TrainOnly {
		return "ridge, train only"
	}
	return "ridge"
}

// ridgeTrain is what train slides teach.
type ridgeTrain struct {
	share []float64 // of spots at which a gene is detected
	lines *depthLines
	genes []int           // whose z are features
	rest  *restScores     // nil without further genes
	sums  []*normalMatrix // [genes]
	width int             // features, the intercept last
}

// check returns an error unless a slide is of the same genes.
func (t *ridgeTrain) check(v *View) error {
	rest := 0
	if t.rest != nil {
		rest = t.rest.genes
	}
	if len(t.lines.beta) != v.Values.Cols || rest != v.Rest.Cols {
		return fmt.Errorf("fitted to %d genes and %d further genes, the slide %s has %d and %d", len(t.lines.beta), rest, v.Slide, v.Values.Cols, v.Rest.Cols)
	}
	return nil
}

// Fit implements [Completer].
func (m *Ridge) Fit(ctx context.Context, train []*View) (err error) {
	m.train = nil
	if len(train) == 0 {
		return nil
	}
	if m.train, err = learnRidge(ctx, train, m.Seed); err != nil {
		return fmt.Errorf("%s: %w", m.Name(), err)
	}
	return nil
}

// learnRidge learns from hiding values of the slides.
func learnRidge(ctx context.Context, slides []*View, seed uint64) (*ridgeTrain, error) {
	share, err := detectedShare(slides)
	if err != nil {
		return nil, err
	}
	copies, err := maskedCopies(slides, share, seed)
	if err != nil {
		return nil, err
	}
	t := &ridgeTrain{share: share}
	if t.lines, err = fitDepth(copies); err != nil {
		return nil, err
	}
	t.genes = mostVisible(slides, ridgeGenes)
	if t.rest, err = fitRestScores(ctx, slides, seed); err != nil {
		return nil, err
	}
	t.width = depthFeatures + 3*len(t.genes) + 4
	if t.rest != nil {
		t.width += 2 * t.rest.count
	}
	t.sums, err = t.learn(ctx, copies)
	return t, err
}

// learn returns the normal equations of all genes over the copies.
func (t *ridgeTrain) learn(ctx context.Context, copies []maskedCopy) ([]*normalMatrix, error) {
	features := make([]*ridgeFeatures, len(copies))
	for k, c := range copies {
		var err error
		if features[k], err = t.features(ctx, c.view); err != nil {
			return nil, err
		}
	}
	sums := make([]*normalMatrix, len(t.lines.beta))
	err := parallel(ctx, len(sums), 1, func(g, _ int) {
		sums[g] = t.gather(copies, features, g)
	})
	return sums, err
}

// gather sums the normal equations of gene g over the hidden values.
func (t *ridgeTrain) gather(copies []maskedCopy, features []*ridgeFeatures, g int) *normalMatrix {
	genes, hidden, total := len(t.lines.beta), 0, 0
	for _, c := range copies {
		total += c.view.Values.Rows
		for at := g; at < len(c.view.Hidden); at += genes {
			if c.view.Hidden[at] {
				hidden++
			}
		}
	}
	every := max(1, (hidden+ridgeRows-1)/ridgeRows)
	s := newNormalMatrix(t.width)
	s.share = float64(hidden) / float64(max(total, 1))
	seen := 0
	for k, c := range copies {
		f := features[k]
		for i := range c.view.Values.Rows {
			if at := i*genes + g; c.view.Hidden[at] {
				if seen++; seen%every == 0 {
					row := s.row()
					f.row(i, g, row)
					row[t.width] = float32((float64(c.whole.row(i)[g]) - f.p[at]) / t.lines.sd[g])
				}
			}
		}
	}
	s.flush()
	return s
}

// Complete implements [Completer]. It needs a view with counts.
func (m *Ridge) Complete(ctx context.Context, v *View) (*Completion, error) {
	done, err := m.complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name(), err)
	}
	return done, nil
}

func (m *Ridge) complete(ctx context.Context, v *View) (*Completion, error) {
	if err := v.needCounts(); err != nil {
		return nil, err
	}
	t, own := m.train, []*normalMatrix(nil)
	if t == nil {
		var err error
		if t, err = learnRidge(ctx, []*View{v}, m.Seed); err != nil {
			return nil, err
		}
	} else if err := t.check(v); err != nil {
		return nil, err
	} else if !m.TrainOnly {
		copies, err := maskedCopies([]*View{v}, t.share, m.Seed+1)
		if err != nil {
			return nil, err
		}
		if own, err = t.learn(ctx, copies); err != nil {
			return nil, err
		}
	}
	genes := v.Values.Cols
	f, err := t.features(ctx, v)
	if err != nil {
		return nil, err
	}
	out := v.Empty()
	err = parallel(ctx, genes, 1, func(g, _ int) {
		sum := t.sums[g]
		if own != nil {
			sum = sum.plus(own[g])
		}
		w := sum.solve()
		row := make([]float32, t.width)
		for i := range v.Values.Rows {
			f.row(i, g, row)
			x := 0.
			for k, y := range row {
				x += w[k] * float64(y)
			}
			out.Data[i*genes+g] = float32(f.p[i*genes+g] + t.lines.sd[g]*x)
		}
	})
	if err != nil {
		return nil, err
	}
	if err := v.smooth(ctx, out, f.unit, ridgeSmooth); err != nil {
		return nil, err
	}
	for i := range v.Values.Rows {
		v.keep(i, out.Data[i*genes:][:genes])
	}
	return &Completion{Values: out}, nil
}

// mostVisible returns the n genes with the most visible values, rising.
func mostVisible(slides []*View, n int) []int {
	genes := slides[0].Values.Cols
	seen := make([]float64, genes)
	for _, v := range slides {
		v.addValues(make([]float64, genes), seen)
	}
	order := make([]int, genes)
	for g := range order {
		order[g], seen[g] = g, -seen[g]
	}
	floats.ArgsortStable(seen, order)
	order = order[:min(n, genes)]
	chosen := make([]bool, genes)
	for _, g := range order {
		chosen[g] = true
	}
	var rising []int
	for g, yes := range chosen {
		if yes {
			rising = append(rising, g)
		}
	}
	return rising
}

// ridgeFeatures are the features of a view. Those that all genes share are
// stored; a gene's own three are put together when asked for.
type ridgeFeatures struct {
	p, unit []float64 // of Depth
	shared  blas32.General
	z       [3][]float32 // [spots][genes], at the spot and averaged twice
	genes   int
	in      []bool // [genes], whether the gene's z are shared
}

// row writes the features of gene g at spot i.
func (f *ridgeFeatures) row(i, g int, out []float32) {
	n := copy(out, f.shared.Data[i*f.shared.Stride:][:f.shared.Cols])
	for _, z := range f.z {
		out[n] = 0
		if !f.in[g] {
			out[n] = z[i*f.genes+g]
		}
		n++
	}
	out[n] = 1
}

func (t *ridgeTrain) features(ctx context.Context, v *View) (*ridgeFeatures, error) {
	genes, n := v.Values.Cols, v.Values.Rows
	f := &ridgeFeatures{genes: genes, in: make([]bool, genes)}
	f.p, f.unit = t.lines.apply(v)
	for _, g := range t.genes {
		f.in[g] = true
	}
	f.z[0] = make([]float32, n*genes)
	for i := range n {
		for g, seen := range v.visible(i) {
			if at := i*genes + g; seen {
				c := float64(v.Counts.Data[i*v.Counts.Stride+g])
				x := v.Norm.Log(c * f.unit[at])
				f.z[0][at] = float32((x - f.p[at]) / t.lines.sd[g] * c / (c + 1))
			}
		}
	}
	for k, width := range []float64{0.8, 2} {
		var err error
		if f.z[k+1], err = v.average(ctx, f.z[0], genes, true, 36, width, 1); err != nil {
			return nil, err
		}
	}
	extra, err := t.extra(ctx, v)
	if err != nil {
		return nil, err
	}
	cols := 3*len(t.genes) + extra.Cols
	f.shared = matrixOf(n, cols)
	for i := range n {
		row := f.shared.Data[i*cols:][:cols]
		at := copy(row, extra.Data[i*extra.Stride:][:extra.Cols])
		for _, z := range f.z {
			for _, g := range t.genes {
				row[at] = z[i*genes+g]
				at++
			}
		}
	}
	return f, nil
}

// extra returns the features that are not of the view's genes.
func (t *ridgeTrain) extra(ctx context.Context, v *View) (blas32.General, error) {
	const own = depthFeatures / 2
	n, scores := v.Values.Rows, 0
	var rest, restAround []float32
	if t.rest != nil {
		var err error
		if rest, err = t.rest.of(v); err != nil {
			return blas32.General{}, err
		}
		scores = t.rest.count
		if restAround, err = v.average(ctx, rest, scores, false, 18, 1.5, 0); err != nil {
			return blas32.General{}, err
		}
	}
	depth := make([]float32, n*own)
	var mean, square [own]float64
	terms := depthTermsOf(v)
	for _, d := range terms {
		for k, x := range d[1:] {
			mean[k] += x / float64(n)
		}
	}
	for _, d := range terms {
		for k, x := range d[1:] {
			square[k] += (x - mean[k]) * (x - mean[k]) / float64(n)
		}
	}
	for i, d := range terms {
		for k, x := range d[1:] {
			if square[k] > 1e-12 {
				depth[i*own+k] = float32((x - mean[k]) / math.Sqrt(square[k]))
			}
		}
	}
	const farAway = 1e3 // pitches: equal weights
	around, err := v.average(ctx, depth, own, false, 6, farAway, 0)
	if err != nil {
		return blas32.General{}, err
	}
	m := matrixOf(n, 2*own+2*scores)
	for i := range n {
		row := m.Data[i*m.Stride:]
		copy(row, depth[i*own:][:own])
		copy(row[own:], around[i*own:][:own])
		if scores > 0 {
			copy(row[2*own:], rest[i*scores:][:scores])
			copy(row[2*own+scores:], restAround[i*scores:][:scores])
		}
	}
	return m, nil
}

func matrixOf(rows, cols int) blas32.General {
	return general(rows, cols, max(cols, 1), make([]float32, rows*cols))
}

// average returns S_i = Σ_j w z_j/(Σ_j w + κ) over the k nearest spots with
// Gaussian weights of the given width in pitches. visible says that z is
// [spots][genes] and only its visible entries count.
func (v *View) average(ctx context.Context, z []float32, cols int, visible bool, k int, width, kappa float64) ([]float32, error) {
	near, w, k, err := smoother{neighbours: k, weight: gaussian(width)}.weights(v)
	if err != nil {
		return nil, fmt.Errorf("slide %s: %w", v.Slide, err)
	}
	out := make([]float32, len(z))
	return out, parallel(ctx, v.Values.Rows, chunk, func(lo, hi int) {
		den := make([]float32, cols)
		for i := lo; i < hi; i++ {
			row := out[i*cols:][:cols]
			clear(den)
			for m, j := range near[i*k:][:k] {
				wij, from := float32(w[i*k+m]), z[int(j)*cols:][:cols]
				if visible {
					for g, seen := range v.visible(int(j)) {
						if seen {
							row[g] += wij * from[g]
							den[g] += wij
						}
					}
					continue
				}
				for g, x := range from {
					row[g] += wij * x
					den[g] += wij
				}
			}
			for g := range row {
				if d := den[g] + float32(kappa); d > 0 {
					row[g] /= d
				}
			}
		}
	})
}

// restScores are the leading directions of the further genes,
// ln(1 + c/R·median R) centred per slide, over the train slides.
type restScores struct {
	genes, count int
	vectors      []float32 // [genes][count]
	scale        []float64 // [count], standard deviation over the train slides
}

// fitRestScores returns nil where the slides show no further genes.
func fitRestScores(ctx context.Context, slides []*View, seed uint64) (*restScores, error) {
	genes := slides[0].Rest.Cols
	if genes == 0 {
		return nil, nil
	}
	var all []float32
	rows := 0
	for _, v := range slides {
		if v.Rest.Cols != genes {
			return nil, fmt.Errorf("train slide %s shows %d further genes, %s %d", v.Slide, v.Rest.Cols, slides[0].Slide, genes)
		}
		all = append(all, v.restLogs()...)
		rows += v.Values.Rows
	}
	s := &restScores{genes: genes, count: min(ridgeScores, genes)}
	var err error
	if s.vectors, err = leading(ctx, general(rows, genes, genes, all), s.count, seed); err != nil {
		return nil, err
	}
	scores := make([]float32, rows*s.count)
	multiply(rows, s.count, genes, all, genes, s.vectors, scores)
	s.scale = make([]float64, s.count)
	for k, x := range scores {
		s.scale[k%s.count] += float64(x) * float64(x) / float64(rows)
	}
	for k := range s.scale {
		s.scale[k] = max(math.Sqrt(s.scale[k]), 1e-6)
	}
	return s, nil
}

// of returns the scores of a slide [spots][count].
func (s *restScores) of(v *View) ([]float32, error) {
	if v.Rest.Cols != s.genes {
		return nil, fmt.Errorf("fitted to %d further genes, the slide %s shows %d", s.genes, v.Slide, v.Rest.Cols)
	}
	out := make([]float32, v.Values.Rows*s.count)
	multiply(v.Values.Rows, s.count, s.genes, v.restLogs(), s.genes, s.vectors, out)
	for k := range out {
		out[k] /= float32(s.scale[k%s.count])
	}
	return out, nil
}

// restLogs returns ln(1 + c/R·median R) of the further genes, less its mean over
// the slide.
func (v *View) restLogs() []float32 {
	n, genes := v.Values.Rows, v.Rest.Cols
	sums := make([]float64, n)
	for i := range n {
		for _, c := range v.Rest.Data[i*v.Rest.Stride:][:genes] {
			sums[i] += float64(c)
		}
	}
	middle := middleOf(sums)
	out, mean := make([]float32, n*genes), make([]float64, genes)
	for i := range n {
		for g, c := range v.Rest.Data[i*v.Rest.Stride:][:genes] {
			x := math.Log1p(float64(c) / max(sums[i], 1) * middle)
			out[i*genes+g] = float32(x)
			mean[g] += x / float64(n)
		}
	}
	for k := range out {
		out[k] -= float32(mean[k%genes])
	}
	return out
}

// middleOf returns the lower median, 0 of nothing.
func middleOf(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = append([]float64(nil), x...)
	order := make([]int, len(x))
	floats.Argsort(x, order)
	return x[(len(x)-1)/2]
}

// normalMatrix is [F y]'[F y] of a regression, summed block by block above the
// diagonal.
type normalMatrix struct {
	width int // of F
	sum   []float32
	share float64 // of entries that were learnt from

	rows []float32 // waiting, [ridgeBlock][width+1]
	n    int
}

func newNormalMatrix(width int) *normalMatrix {
	return &normalMatrix{width: width, sum: make([]float32, (width+1)*(width+1)), rows: make([]float32, ridgeBlock*(width+1))}
}

// row returns the place of the next row, F and then y.
func (s *normalMatrix) row() []float32 {
	if s.n == ridgeBlock {
		s.add()
	}
	s.n++
	return s.rows[(s.n-1)*(s.width+1):][:s.width+1]
}

func (s *normalMatrix) add() {
	m := s.width + 1
	for a := 0; a < m; a += ridgeBlock {
		for b := a; b < m; b += ridgeBlock {
			blas32.Gemm(blas.Trans, blas.NoTrans, 1,
				general(s.n, min(ridgeBlock, m-a), m, s.rows[a:]), general(s.n, min(ridgeBlock, m-b), m, s.rows[b:]),
				1, general(min(ridgeBlock, m-a), min(ridgeBlock, m-b), m, s.sum[a*m+b:]))
		}
	}
	s.n = 0
}

// flush adds the rows that wait and lets go of their room.
func (s *normalMatrix) flush() {
	if s.n > 0 {
		s.add()
	}
	s.rows = nil
}

// plus returns the sum of both.
func (s *normalMatrix) plus(o *normalMatrix) *normalMatrix {
	t := &normalMatrix{width: s.width, sum: make([]float32, len(s.sum)), share: (s.share + o.share) / 2}
	for k := range t.sum {
		t.sum[k] = s.sum[k] + o.sum[k]
	}
	return t
}

// solve returns the weights of the features, the intercept last.
func (s *normalMatrix) solve() []float64 {
	m := s.width + 1
	a, b := mat.NewSymDense(s.width, nil), mat.NewVecDense(s.width, nil)
	penalty := ridgePenalty * min(1, s.share/0.3)
	for i := range s.width {
		for j := i; j < s.width; j++ {
			a.SetSym(i, j, float64(s.sum[i*m+j]))
		}
		const free = 1e-3 // the intercept is hardly held
		extra := max(penalty, free)
		if i == s.width-1 {
			extra = free
		}
		a.SetSym(i, i, a.At(i, i)+extra)
		b.SetVec(i, float64(s.sum[i*m+s.width]))
	}
	var c mat.Cholesky
	var w mat.VecDense
	if !c.Factorize(a) || c.SolveVecTo(&w, b) != nil {
		return make([]float64, s.width) // nothing to learn from
	}
	return w.RawVector().Data
}
