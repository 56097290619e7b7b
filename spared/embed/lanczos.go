package embed

import (
	"context"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/dense"
)

const (
	lanczosTolerance = 1e-9 // residual of a component over the greatest eigenvalue
	lanczosCheck     = 20   // steps from the components asked for to the first look at the convergence
	lanczosParts     = 16   // parts into which rows are divided, whatever the number of cores
	defaultSeed      = 42
)

// krylov is the Lanczos basis of a covariance C: C·Q = Q·T + a rest along the
// next vector, with T tridiagonal.
type krylov struct {
	q           [][]float64 // orthonormal
	alpha, beta []float64   // diagonal of T, and what couples q[i] and q[i+1]
}

// lanczos returns the k greatest eigenvalues of the covariance with their
// vectors [genes][k], and the sum of all. The covariance is never formed: a
// step costs one pass over x. Steps are added until each of the k residuals
// |C·v - λ·v| is below lanczosTolerance times the greatest eigenvalue.
func lanczos[T dense.Float](ctx context.Context, x dense.Matrix[T], mean []float64, k int, o PCAOptions) ([]float64, dense.Matrix[float64], float64, error) {
	c := &covariance[T]{x: x, mean: mean}
	var b krylov
	seed := o.Seed
	if seed == 0 {
		seed = defaultSeed
	}
	rng := rand.New(rand.NewPCG(seed, 0x9ca))
	b.q = append(b.q, unit(rng, x.Cols))
	most := min(x.Rows-1, x.Cols) // the rank
	for m, look := 1, min(k+lanczosCheck, most); ; m++ {
		beta, err := b.step(ctx, c, rng)
		if err != nil {
			return nil, dense.Matrix[float64]{}, 0, err
		}
		if m < k || m < look {
			continue
		}
		look = min(most, m+m/3) // a look costs m³
		o.Progress.Send(progress.Event{Step: "principal components", Done: m})
		values, vectors := b.ritz(k)
		worst := 0.0
		for i := range k {
			worst = math.Max(worst, math.Abs(beta*vectors.At(m-1, m-1-i)))
		}
		if worst <= lanczosTolerance*values[0] || m >= most {
			return values, b.combine(vectors, k), c.total(), nil
		}
	}
}

// unit draws a vector of length 1.
func unit(rng *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	floats.Scale(1/floats.Norm(v, 2), v)
	return v
}

// step adds a vector to the basis, orthogonal to all others, and returns the
// coupling to it.
func (b *krylov) step(ctx context.Context, c interface {
	times(context.Context, []float64) ([]float64, error)
}, rng *rand.Rand) (float64, error) {
	last := b.q[len(b.q)-1]
	w, err := c.times(ctx, last)
	if err != nil {
		return 0, err
	}
	b.alpha = append(b.alpha, floats.Dot(last, w))
	size := floats.Norm(w, 2)
	b.orthogonalise(w)
	beta := floats.Norm(w, 2)
	if !(beta > 1e-12*size) { // the basis spans an invariant space: go on in another
		beta = 0
		w = unit(rng, len(w))
		b.orthogonalise(w)
	}
	if n := floats.Norm(w, 2); n > 0 {
		floats.Scale(1/n, w)
	}
	b.beta, b.q = append(b.beta, beta), append(b.q, w)
	return beta, nil
}

// orthogonalise takes the basis out of w, twice, as once loses digits.
func (b *krylov) orthogonalise(w []float64) {
	for range 2 {
		for _, q := range b.q {
			floats.AddScaled(w, -floats.Dot(q, w), q)
		}
	}
}

// ritz returns the k greatest eigenvalues of T, falling, and all its vectors
// in the order of rising ones.
func (b *krylov) ritz(k int) ([]float64, *mat.Dense) {
	m := len(b.alpha)
	t := mat.NewSymDense(m, nil)
	for i, a := range b.alpha {
		t.SetSym(i, i, a)
		if i > 0 {
			t.SetSym(i-1, i, b.beta[i-1])
		}
	}
	var e mat.EigenSym
	e.Factorize(t, true) // of a finite symmetric matrix: the QL iteration converges
	rising := e.Values(nil)
	values := make([]float64, k)
	for i := range values {
		values[i] = math.Max(0, rising[m-1-i])
	}
	var v mat.Dense
	e.VectorsTo(&v)
	return values, &v
}

// combine turns vectors of T into vectors of C [genes][k].
func (b *krylov) combine(t *mat.Dense, k int) dense.Matrix[float64] {
	m := len(b.alpha)
	out := dense.New[float64](len(b.q[0]), k)
	v := make([]float64, out.Rows)
	for c := range k {
		clear(v)
		for i := range m {
			floats.AddScaled(v, t.At(i, m-1-c), b.q[i])
		}
		floats.Scale(1/floats.Norm(v, 2), v)
		for j := range v {
			out.Set(j, c, v[j])
		}
	}
	return out
}

// covariance multiplies by (x-mean)ᵀ(x-mean)/(rows-1) without forming it.
type covariance[T dense.Float] struct {
	x    dense.Matrix[T]
	mean []float64
}

// times returns C·v. Each part of the rows has a sum of its own, and the parts
// are added in order, so that the result does not depend on the cores.
func (c *covariance[T]) times(ctx context.Context, v []float64) ([]float64, error) {
	sums := make([][]float64, lanczosParts)
	shift := floats.Dot(c.mean, v)
	err := each(ctx, lanczosParts, func(part int) {
		y, total := make([]float64, len(v)), 0.0
		for i := part * c.x.Rows / lanczosParts; i < (part+1)*c.x.Rows/lanczosParts; i++ {
			row := c.x.Row(i)
			t := dot(row, v) - shift
			total += t
			for j, a := range row {
				y[j] += t * float64(a)
			}
		}
		floats.AddScaled(y, -total, c.mean)
		sums[part] = y
	})
	if err != nil {
		return nil, err
	}
	for _, s := range sums[1:] {
		floats.Add(sums[0], s)
	}
	floats.Scale(1/float64(c.x.Rows-1), sums[0])
	return sums[0], nil
}

// total returns the trace of C.
func (c *covariance[T]) total() float64 {
	sum := 0.0
	for i := range c.x.Rows {
		for j, a := range c.x.Row(i) {
			d := float64(a) - c.mean[j]
			sum += d * d
		}
	}
	return sum / float64(c.x.Rows-1)
}

// dot adds in four sums, which lets the processor overlap them.
func dot[T dense.Float](a []T, b []float64) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	j := 0
	for ; j+4 <= len(a); j += 4 {
		s0 += float64(a[j]) * b[j]
		s1 += float64(a[j+1]) * b[j+1]
		s2 += float64(a[j+2]) * b[j+2]
		s3 += float64(a[j+3]) * b[j+3]
	}
	for ; j < len(a); j++ {
		s0 += float64(a[j]) * b[j]
	}
	return s0 + s1 + s2 + s3
}
