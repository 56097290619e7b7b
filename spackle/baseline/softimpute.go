package baseline

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"
)

// SoftImpute completes by a matrix of low rank that agrees with the visible
// values: it minimises
//
//	½ Σ_visible (z - L)² + λ·‖L‖*
//
// over matrices L, with λ = Threshold·√rows, ‖L‖* the sum of its singular values (Mazumder, Hastie &
// Tibshirani, J. Mach. Learn. Res. 11:2287, 2010, algorithm Soft-Impute): what
// is not visible is filled in by L, the singular values of the filled matrix are
// lowered by λ, of which the first Rank are kept, and that is the next L.
//
// The rows of z are the spots of the slide and of the train slides. Its columns
// are, per gene, what the visible value is above the gene's mean, and how much
// that is around the spot,
//
//	z_i,g   = x_ig - μ_sg                              where visible, else free
//	z_i,G+g = Σ_j w V (x_jg - μ_sg) / (Σ_j w V + 1)    36 nearest spots, Gaussian weights 1.5 pitches wide
//
// so that a spot is like those that its neighbourhood is like. μ_sg is the mean
// of gene g over the visible values of slide s, shrunk towards that of all train
// spots as by 10 spots. Without train slides the slide completes itself.
//
// What singular values noise has grows with √rows, so λ does; it is 30, the value
// that was found on real slides, at the 5,700 rows that it was found on.
//
// The singular vectors are followed from round to round by subspace iteration
// (as in Hastie et al., J. Mach. Learn. Res. 16:3367, 2015), 8 more of them than
// are kept. Time and memory are linear in spots and in genes.
//
// It needs no counts. Where the view has them and hides some, the values that
// stay visible are too high (see [View.Hide]); the hidden counts that it predicts
// are put back into the total in the end.
type SoftImpute struct {
	Rank      int     // singular values kept; 0 = 20
	Threshold float64 // λ/√rows; 0 = 0.4
	Rounds    int     // 0 = 25
	Seed      uint64  // of the first vectors; it hardly matters

	train []*View
	means []float64
}

// Name returns "soft-impute", with those settings that are not the default.
func (m *SoftImpute) Name() string {
	name, d := "soft-impute", m.withDefaults()
	if d.Rank != softRank {
		name += fmt.Sprintf(", rank=%d", d.Rank)
	}
	if d.Threshold != softThreshold {
		name += fmt.Sprintf(", threshold=%g", d.Threshold)
	}
	if d.Rounds != softRounds {
		name += fmt.Sprintf(", rounds=%d", d.Rounds)
	}
	return name
}

// Constants of the method, found on real slides.
const (
	softRank      = 20
	softThreshold = 0.4
	softRounds    = 25
	softWidth     = 1.5 // pitches
	softSpare     = 8   // vectors that are followed but not kept
)

func (m *SoftImpute) withDefaults() SoftImpute {
	d := *m
	if d.Rank == 0 {
		d.Rank = softRank
	}
	if d.Threshold == 0 {
		d.Threshold = softThreshold
	}
	if d.Rounds == 0 {
		d.Rounds = softRounds
	}
	return d
}

// Fit keeps the train slides, whose spots are looked at beside those of the
// slide that is to be completed.
func (m *SoftImpute) Fit(_ context.Context, train []*View) (err error) {
	m.train = nil
	if m.means, err = trainMeans(train); err != nil {
		return fmt.Errorf("soft-impute: %w", err)
	}
	m.train = train
	return nil
}

// Complete implements [Completer].
func (m *SoftImpute) Complete(ctx context.Context, v *View) (*Completion, error) {
	d := m.withDefaults()
	done, err := d.complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("soft-impute: %w", err)
	}
	return done, nil
}

func (m *SoftImpute) complete(ctx context.Context, v *View) (*Completion, error) {
	switch {
	case m.Rank < 0 || m.Rounds < 0:
		return nil, fmt.Errorf("rank %d, %d rounds", m.Rank, m.Rounds)
	case !(m.Threshold >= 0) || math.IsInf(m.Threshold, 0):
		return nil, fmt.Errorf("a threshold of %g", m.Threshold)
	}
	if err := v.Check(); err != nil {
		return nil, err
	}
	slides := append([]*View{v}, m.train...)
	z := &softMatrix{genes: v.Values.Cols}
	mu := make([]float64, z.genes) // of v
	for k, slide := range slides {
		means, err := slide.shrunkMeans(m.means)
		if err != nil {
			return nil, err
		}
		if err := z.add(ctx, slide, means); err != nil {
			return nil, err
		}
		if k == 0 {
			mu = means
		}
	}
	if err := z.solve(ctx, m); err != nil {
		return nil, err
	}
	done := &Completion{Values: v.Empty()}
	for i := range v.Values.Rows {
		row := done.Values.Data[i*z.genes:][:z.genes]
		for g := range row {
			row[g] = float32(mu[g]) + z.fitted[i*2*z.genes+g]
		}
		v.putBack(i, row)
		v.keep(i, row)
	}
	return done, nil
}

// shrunkMeans returns the mean of each gene over the slide's visible values,
// shrunk towards that of train, nil for none.
func (v *View) shrunkMeans(train []float64) ([]float64, error) {
	if train == nil {
		return v.means(nil)
	}
	if len(train) != v.Values.Cols {
		return nil, fmt.Errorf("fitted to %d genes, the slide %s has %d", len(train), v.Slide, v.Values.Cols)
	}
	sum, count := make([]float64, len(train)), make([]float64, len(train))
	v.addValues(sum, count)
	for g, t := range train {
		sum[g] = (sum[g] + offsetKappa*t) / (count[g] + offsetKappa)
	}
	return sum, nil
}

// putBack lowers predictions of spot i, made on the scale of the visible values,
// to that of the whole total. Hidden values that add up to a share a of what the
// visible ones do make the total 1+a times as large.
func (v *View) putBack(i int, row []float32) {
	if v.Hidden == nil || v.Counts.Rows == 0 {
		return
	}
	share := 0.
	for g, hidden := range v.Hidden[i*len(row):][:len(row)] {
		if hidden {
			share += v.unlog(float64(row[g]), 0) / v.Norm.Target()
		}
	}
	for g, x := range row {
		row[g] = float32(v.Norm.Log(v.unlog(float64(x), 0) / (1 + share)))
	}
}

// softMatrix is the matrix of [SoftImpute].
type softMatrix struct {
	genes, rows int
	z           []float32 // [rows][2·genes]; what is free holds the current L
	free        []bool    // [rows][genes]
	fitted      []float32 // L, [rows][2·genes]
}

// add appends the spots of a slide.
func (s *softMatrix) add(ctx context.Context, v *View, mean []float64) error {
	n, genes := v.Values.Rows, s.genes
	left := make([]float32, n*genes)
	for i := range n {
		visible := v.visible(i)
		for g, x := range v.row(i) {
			if visible[g] {
				left[i*genes+g] = float32(float64(x) - mean[g])
			}
			s.free = append(s.free, !visible[g])
		}
	}
	around, err := v.average(ctx, left, genes, true, smoothNear, softWidth, 1)
	if err != nil {
		return err
	}
	for i := range n {
		s.z = append(append(s.z, left[i*genes:][:genes]...), around[i*genes:][:genes]...)
	}
	s.rows += n
	return nil
}

// solve runs the rounds.
func (s *softMatrix) solve(ctx context.Context, m *SoftImpute) error {
	cols := 2 * s.genes
	s.fitted = make([]float32, len(s.z))
	if len(s.z) == 0 {
		return nil
	}
	width := min(m.Rank+softSpare, cols)
	// Rounds move the vectors on; the first ones are those of the matrix with 0
	// where nothing is visible.
	start, err := leading(ctx, general(s.rows, cols, cols, s.z), width, m.Seed)
	if err != nil {
		return err
	}
	space := &subspace{rows: s.rows, cols: cols, width: width, q: start, scores: make([]float32, s.rows*width)}
	for range m.Rounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := space.step(s.z); err != nil {
			return err
		}
		left, right := space.soften(min(m.Rank, width), m.Threshold*math.Sqrt(float64(s.rows)))
		if err := s.update(ctx, left, right); err != nil {
			return err
		}
	}
	return nil
}

// update sets L to left·right' and fills it in.
func (s *softMatrix) update(ctx context.Context, left, right blas32.General) error {
	cols := 2 * s.genes
	return parallel(ctx, s.rows, chunk, func(lo, hi int) {
		out := general(hi-lo, cols, cols, s.fitted[lo*cols:])
		if left.Cols == 0 {
			clear(out.Data[:(hi-lo)*cols])
		} else {
			blas32.Gemm(blas.NoTrans, blas.Trans, 1, general(hi-lo, left.Cols, left.Stride, left.Data[lo*left.Stride:]), right, 0, out)
		}
		for i := lo; i < hi; i++ {
			z, fitted := s.z[i*cols:][:s.genes], s.fitted[i*cols:][:s.genes]
			for g, free := range s.free[i*s.genes:][:s.genes] {
				if free {
					z[g] = fitted[g]
				}
			}
		}
	})
}

// subspace follows the leading singular vectors of a matrix that changes little
// from step to step.
type subspace struct {
	rows, cols, width int
	q                 []float32 // right vectors, [cols][width]
	scores            []float32 // z·q, [rows][width]
	singular          []float64 // [width], falling
}

// step is one step of subspace iteration for z [rows][cols], after which the
// columns of q are the best singular vectors within their space.
func (s *subspace) step(z []float32) error {
	x := general(s.rows, s.cols, s.cols, z)
	gramTimes(x, s.q, s.scores, s.width)
	orthonormal(s.q, s.cols, s.width)
	multiply(s.rows, s.width, s.cols, z, s.cols, s.q, s.scores)
	gram := mat.NewSymDense(s.width, nil)
	sums := make([]float64, s.width*s.width)
	for i := range s.rows {
		row := s.scores[i*s.width:][:s.width]
		for a, x := range row {
			for b, y := range row[a:] {
				sums[a*s.width+a+b] += float64(x) * float64(y)
			}
		}
	}
	for a := range s.width {
		for b := a; b < s.width; b++ {
			gram.SetSym(a, b, sums[a*s.width+b])
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(gram, true) {
		return errors.New("the singular vectors were not found: do the values hold any that are not finite?")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	turn := make([]float32, s.width*s.width)
	s.singular = eigen.Values(nil)
	for a := range s.width { // eigenvalues rise
		for b := range s.width {
			turn[a*s.width+b] = float32(vectors.At(a, s.width-1-b))
		}
	}
	for a, b := 0, s.width-1; a <= b; a, b = a+1, b-1 {
		s.singular[a], s.singular[b] = math.Sqrt(max(s.singular[b], 0)), math.Sqrt(max(s.singular[a], 0))
	}
	s.scores = turned(s.scores, turn, s.width)
	s.q = turned(s.q, turn, s.width)
	return nil
}

// turned returns x·turn, x [...][width].
func turned(x, turn []float32, width int) []float32 {
	out := make([]float32, len(x))
	multiply(len(x)/width, width, width, x, width, turn, out)
	return out
}

// soften returns the factors [rows][rank] and [cols][rank] of the matrix whose
// singular values are lowered by threshold, without those that become 0.
func (s *subspace) soften(rank int, threshold float64) (left, right blas32.General) {
	keep := 0
	for keep < rank && s.singular[keep] > threshold {
		keep++
	}
	left, right = matrixOf(s.rows, keep), general(s.cols, keep, s.width, s.q)
	for i := range s.rows {
		for d := range keep {
			left.Data[i*keep+d] = s.scores[i*s.width+d] * float32(1-threshold/s.singular[d])
		}
	}
	return left, right
}
