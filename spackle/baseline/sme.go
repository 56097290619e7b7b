package baseline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/spatialgo/spatialgo/spared"
)

// SME is stLearn's imputation of zeros by Spatial distance, tissue Morphology
// and gene Expression (Pham et al., Nat Commun 14:7739, 2023; function
// SME_impute0, later sme_impute0). Spots are alike by
//
//	w_ij = P_ij · M_ij · E_ij
//	P_ij = 1 if j is less than 3 pitches from i, else 0
//	M_ij = max(0, cosine of the image features of i and j)
//	E_ij = max(0, Pearson's correlation of the expression of i and j)
//
// image features and expression as their 50 leading principal components, those
// of expression of ln(1 + count·median total/total) of all genes of the view,
// what is not visible being 0. An entry that is not visible becomes the mean of
// the three most alike spots, the spot itself with its 0 and w_ii = 1 among them:
//
//	x̂_ig = Σ_j w_ij x_jg / Σ_j w_ij
//
// Zeros of the other two count too. So a value is at most about 2/3 of what is
// around, and 0 where both show nothing: that is the published method, which was
// by far the worst completer of the SpaRED paper. VisibleOnly averages what is
// visible instead, of more spots in a wider radius.
//
// The image features are View.Features. A view without them leaves M out, as
// upstream's weights_matrix_pd_gd does; [SME.Notes] says where that was so. They
// are not brought to one scale: columns with large numbers decide. On real slides
// with features as simple as a patch's colours and texture, M made the error of
// both forms larger.
//
// Given the same radius and data, values are those of stLearn 0.4.12, 1.2.2 and
// 1.4.1 to 2e-4, which is what float32 components leave there, but for a spot in
// thousands that has two others all but equally alike. What differs:
//
//   - The radius is in pitches of the slide. Upstream's is 3 or 1.5 times a unit
//     that comes of fits of pixels to array rows and columns. Up to 0.4.12 that is
//     3 pitches on Visium; for legacy Spatial Transcriptomics it is 2.12 pitches of
//     a square grid, 1.5 of a staggered one. Since September 2025 both fits share
//     one regressor, of which the second overwrites the first; that leaves 2.12
//     pitches on Visium, radius 3/√2 here.
//   - Spots three apart in a straight row lie just on the limit of 3 pitches. There
//     the rounding of pixels decides, upstream as here, not always alike.
//   - Neighbours are looked for within the radius only, outside which P is 0, so
//     that memory is linear in spots. Upstream makes matrices of spots x spots.
//   - E is not below 0, and 0 where a spot's expression does not vary (upstream
//     NaN). With fewer than 3 components it is left out.
//   - E depends on the signs of the principal components. Here the largest
//     loading is positive, as in scikit-learn since 1.5.
//   - Logged values are averaged. Upstream averages the table that it is given,
//     raw counts or what its user made of them.
//   - Equal weights go by distance.
type SME struct {
	Radius     float64 // in pitches, exclusive; 0 = 3, or with VisibleOnly 6
	Neighbours int     // spots averaged beside the spot itself; 0 = 2, or with VisibleOnly 36
	// VisibleOnly leaves out what is not visible, the spot itself among it; where
	// no neighbour shows the gene, its mean over the slide is taken, or where the
	// slide does not show it that over the train slides. Its radius and number of
	// neighbours were found on real slides.
	VisibleOnly bool

	train []float64 // means
	blind []string  // slides without image features
}

const (
	smeComponents = 50
	smeLeast      = 3 // components below which a correlation says nothing
)

// Name returns "sme", with those settings that are not the default.
func (m *SME) Name() string {
	name, plain := "sme", SME{VisibleOnly: m.VisibleOnly}
	if m.VisibleOnly {
		name += ", visible only"
	}
	d, p := m.withDefaults(), plain.withDefaults()
	if d.Neighbours != p.Neighbours {
		name += fmt.Sprintf(", k=%d", d.Neighbours)
	}
	if d.Radius != p.Radius {
		name += fmt.Sprintf(", radius=%g", d.Radius)
	}
	return name
}

func (m *SME) withDefaults() SME {
	d := *m
	radius, neighbours := 3., 2
	if m.VisibleOnly {
		radius, neighbours = 6, 36
	}
	if d.Radius == 0 {
		d.Radius = radius
	}
	if d.Neighbours == 0 {
		d.Neighbours = neighbours
	}
	return d
}

// Notes says of which slides there were no image features, so that morphology
// played no part.
func (m *SME) Notes(spared.Split) []string {
	if len(m.blind) == 0 {
		return nil
	}
	return []string{m.Name() + ": no image features of " + strings.Join(m.blind, ", ") + " (it takes one matrix embeddings_... in obsm, not several): only distance and expression say which spots are alike"}
}

// Fit takes the genes' means over the train slides, for genes that a slide does
// not show. Only VisibleOnly uses them.
func (m *SME) Fit(_ context.Context, train []*View) (err error) {
	m.blind = nil
	if m.train, err = trainMeans(train); err != nil {
		return fmt.Errorf("sme: %w", err)
	}
	return nil
}

// Complete implements [Completer]. Counts need not be known.
func (m *SME) Complete(ctx context.Context, v *View) (*Completion, error) {
	d := m.withDefaults()
	done, err := d.complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("sme: %w", err)
	}
	if v.Features.Cols == 0 && v.Values.Rows > 0 && !slices.Contains(m.blind, v.Slide) {
		m.blind = append(m.blind, v.Slide)
	}
	return done, nil
}

func (m *SME) complete(ctx context.Context, v *View) (*Completion, error) {
	switch {
	case !(m.Radius > 0) || m.Radius > 100:
		return nil, fmt.Errorf("a radius of %g pitches: want more than 0 and at most 100", m.Radius)
	case m.Neighbours < 0:
		return nil, fmt.Errorf("%d neighbours", m.Neighbours)
	}
	if err := v.Check(); err != nil {
		return nil, err
	}
	alike, err := v.alike(ctx, m.Radius)
	if err != nil {
		return nil, err
	}
	means, err := v.means(m.train)
	if err != nil {
		return nil, err
	}
	genes := v.Values.Cols
	return v.fill(ctx, func(i int, row []float32, scratch []float64) {
		num, den := scratch[:genes], scratch[genes:]
		for g := range num {
			num[g], den[g] = 0, 1 // the spot itself, which shows nothing
			if m.VisibleOnly {
				den[g] = 0
			}
		}
		for _, a := range alike[i][:min(m.Neighbours, len(alike[i]))] {
			visible := v.visible(a.spot)
			for g, x := range v.row(a.spot) {
				if visible[g] || !m.VisibleOnly {
					num[g] += a.weight * float64(x)
					den[g] += a.weight
				}
			}
		}
		for g := range row {
			row[g] = float32(means[g])
			if den[g] > 0 {
				row[g] = float32(num[g] / den[g])
			}
		}
	})
}

// alikeSpot is a spot and how alike it is.
type alikeSpot struct {
	spot   int
	weight float64
}

// alike returns, for each spot, the spots within the radius (in pitches) with a
// positive weight, the most alike first.
func (v *View) alike(ctx context.Context, radius float64) ([][]alikeSpot, error) {
	n := v.Values.Rows
	// A hexagonal grid has 3.6·r² spots within r pitches.
	most := max(smoothNear, int(math.Ceil(4*radius*radius)))
	within := func(pitch float64) func(d float64) float64 {
		return func(d float64) float64 {
			if d < radius*pitch {
				return 1
			}
			return 0
		}
	}
	near, inside, k, err := smoother{neighbours: most, weight: within}.weights(v)
	if err != nil {
		return nil, fmt.Errorf("slide %s: %w", v.Slide, err)
	}
	expression, err := unitRows(ctx, v.expression(), true)
	if err != nil {
		return nil, err
	}
	morphology, err := unitRows(ctx, doubled(v.Features), false)
	if err != nil {
		return nil, err
	}
	out := make([][]alikeSpot, n)
	return out, parallel(ctx, n, chunk, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			var of []alikeSpot
			for m, j := range near[i*k:][:k] {
				if inside[i*k+m] == 0 {
					break // they come by distance
				}
				if w := likeness(expression, i, int(j)) * likeness(morphology, i, int(j)); w > 0 {
					of = append(of, alikeSpot{int(j), w})
				}
			}
			slices.SortStableFunc(of, func(a, b alikeSpot) int { return cmp.Compare(b.weight, a.weight) })
			out[i] = of
		}
	})
}

// likeness is the product of two rows of unit length, at least 0; 1 where there
// are no rows.
func likeness(x *mat.Dense, i, j int) float64 {
	if x == nil {
		return 1
	}
	return max(floats.Dot(x.RawRowView(i), x.RawRowView(j)), 0)
}

// expression returns ln(1 + c·median/total) of all genes that the view shows
// [spots][genes], or its values where it has no counts; nil if there are none.
func (v *View) expression() *mat.Dense {
	if v.Counts.Rows == 0 {
		return doubled(v.Values)
	}
	n, own := v.Values.Rows, v.Values.Cols
	if n == 0 || own+v.Rest.Cols == 0 {
		return nil
	}
	x, totals := mat.NewDense(n, own+v.Rest.Cols, nil), make([]float64, n)
	for i := range n {
		row := x.RawRowView(i)
		widen(row, v.Counts, i)
		widen(row[own:], v.Rest, i)
		totals[i] = floats.Sum(row)
	}
	middle := middleTwo(totals)
	for i := range n {
		row := x.RawRowView(i)
		for g, c := range row {
			row[g] = math.Log1p(c * middle / max(totals[i], 1))
		}
	}
	return x
}

// middleTwo is the median of x, of an even number the mean of the middle two.
func middleTwo(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// doubled returns a copy of x in float64, nil if it has no numbers.
func doubled(x blas32.General) *mat.Dense {
	if x.Rows == 0 || x.Cols == 0 {
		return nil
	}
	d := mat.NewDense(x.Rows, x.Cols, nil)
	for i := range x.Rows {
		widen(d.RawRowView(i), x, i)
	}
	return d
}

// widen sets to to row i of x.
func widen(to []float64, x blas32.General, i int) {
	if x.Cols == 0 { // without columns there are no data to be sliced
		return
	}
	for k, y := range x.Data[i*x.Stride:][:x.Cols] {
		to[k] = float64(y)
	}
}

// unitRows returns the scores of the 50 leading principal components of x
// [rows][columns], which it overwrites, with rows brought to length 1, so that
// products of rows are cosines; with centred, less the row's mean before, so that
// they are correlations. A row without length is 0. Where there are too few
// components to correlate it returns nil.
func unitRows(ctx context.Context, x *mat.Dense, centred bool) (*mat.Dense, error) {
	if x == nil {
		return nil, nil
	}
	rows, cols := x.Dims()
	rank := min(smeComponents, cols, rows-1)
	if rank < 1 || centred && rank < smeLeast {
		return nil, nil
	}
	scores, err := principal(ctx, x, rank)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		row := scores.RawRowView(i)
		if centred {
			floats.AddConst(-floats.Sum(row)/float64(rank), row)
		}
		if length := floats.Norm(row, 2); length > 1e-6 {
			floats.Scale(1/length, row)
		} else {
			clear(row)
		}
	}
	return scores, nil
}

// principal returns the scores [rows][rank] of the leading principal components
// of the columns of x, which it centres. Components that do not exist have
// scores of 0.
//
// They are exact. Beyond the first few the variances of a slide's components
// lie close together, and components that are only near the leading ones would
// make other spots alike. The time is that of decomposing a matrix of
// as many rows and columns as x has of those that it has fewer of.
func principal(ctx context.Context, x *mat.Dense, rank int) (*mat.Dense, error) {
	rows, cols := x.Dims()
	mean := make([]float64, cols)
	for i := range rows {
		floats.AddScaled(mean, 1/float64(rows), x.RawRowView(i))
	}
	for i := range rows {
		floats.Sub(x.RawRowView(i), mean)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var gram mat.SymDense
	if rows < cols {
		gram.SymOuterK(1, x)
	} else {
		gram.SymOuterK(1, x.T())
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(&gram, true) {
		return nil, errors.New("the principal components of the slide were not found: does it hold values that are not finite?")
	}
	var vectors, scores mat.Dense
	eigen.VectorsTo(&vectors)
	variances := eigen.Values(nil) // rising
	last := len(variances) - 1
	loadings := mat.NewDense(cols, rank, nil)
	for d := range rank {
		of := loadings.ColView(d).(*mat.VecDense)
		if vector := vectors.ColView(last - d); rows < cols {
			of.MulVec(x.T(), vector)
		} else {
			of.CopyVec(vector)
		}
		orient(of, variances[last-d] > 1e-12*variances[last])
	}
	scores.Mul(x, loadings)
	return &scores, nil
}

// orient brings a component's loadings to length 1 and turns them so that the
// largest is positive; one that does not exist becomes 0.
func orient(loadings *mat.VecDense, exists bool) {
	largest := 0.
	for k := range loadings.Len() {
		if y := loadings.AtVec(k); math.Abs(y) > math.Abs(largest) {
			largest = y
		}
	}
	scale := 0.
	if exists && largest != 0 {
		scale = math.Copysign(1/mat.Norm(loadings, 2), largest)
	}
	loadings.ScaleVec(scale, loadings)
}
