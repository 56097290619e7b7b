package baseline

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

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
// visible instead, of Neighbours other spots.
//
// The image features are View.Features. A view without them leaves M out, as
// upstream's weights_matrix_pd_gd does; [SME.Notes] says where that was so.
//
// What differs from upstream:
//
//   - Neighbours are looked for within the radius only, outside which P is 0, so
//     time and memory are linear in spots. Upstream makes matrices of spots x
//     spots.
//   - The radius is in pitches of the slide. Upstream fits pixels to array rows
//     and columns, which gives 3 pitches for Visium and 2.12 for the square grid
//     of legacy Spatial Transcriptomics.
//   - E is not below 0, and 0 where a spot's expression does not vary (upstream
//     NaN). With fewer than 3 components it is left out.
//   - E depends on the signs of the principal components. Here the largest
//     loading is positive, as in scikit-learn since 1.5.
//   - Logged values are averaged. Upstream averages what it is given, raw counts
//     by default, and leaves preprocessing to its user.
//   - Equal weights go by distance.
type SME struct {
	Radius     float64 // in pitches, exclusive; 0 = 3
	Neighbours int     // spots averaged beside the spot itself; 0 = 2, or with VisibleOnly 18
	// VisibleOnly leaves out what is not visible, the spot itself among it; where
	// no neighbour shows the gene, its mean over the slide is taken, or where the
	// slide does not show it that over the train slides.
	VisibleOnly bool

	train []float64 // means
	blind []string  // slides without image features
}

const (
	smeRadius     = 3.
	smeNeighbours = 2
	smeVisible    = 18
	smeComponents = 50
	smeLeast      = 3 // components below which a correlation says nothing
)

// Name returns "sme", with those settings that are not the default.
func (m *SME) Name() string {
	name := "sme"
	if m.VisibleOnly {
		name += ", visible only"
	}
	if k := m.neighbours(); m.Neighbours != 0 && k != (&SME{VisibleOnly: m.VisibleOnly}).neighbours() {
		name += fmt.Sprintf(", k=%d", k)
	}
	if m.Radius != 0 && m.Radius != smeRadius {
		name += fmt.Sprintf(", radius=%g", m.Radius)
	}
	return name
}

func (m *SME) neighbours() int {
	switch {
	case m.Neighbours != 0:
		return m.Neighbours
	case m.VisibleOnly:
		return smeVisible
	}
	return smeNeighbours
}

// Notes says of which slides there were no image features, so that morphology
// played no part.
func (m *SME) Notes(spared.Split) []string {
	if len(m.blind) == 0 {
		return nil
	}
	return []string{m.Name() + ": no image features of " + strings.Join(m.blind, ", ") + ": only distance and expression say which spots are alike"}
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
	done, err := m.complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("sme: %w", err)
	}
	if v.Features.Cols == 0 && v.Values.Rows > 0 && !slices.Contains(m.blind, v.Slide) {
		m.blind = append(m.blind, v.Slide)
	}
	return done, nil
}

func (m *SME) complete(ctx context.Context, v *View) (*Completion, error) {
	radius := m.Radius
	if radius == 0 {
		radius = smeRadius
	}
	switch {
	case !(radius > 0) || radius > 100:
		return nil, fmt.Errorf("a radius of %g pitches: want more than 0 and at most 100", radius)
	case m.Neighbours < 0:
		return nil, fmt.Errorf("%d neighbours", m.Neighbours)
	}
	if err := v.Check(); err != nil {
		return nil, err
	}
	alike, err := v.alike(ctx, radius)
	if err != nil {
		return nil, err
	}
	means, err := v.means(m.train)
	if err != nil {
		return nil, err
	}
	genes, most := v.Values.Cols, m.neighbours()
	return v.fill(ctx, func(i int, row []float32, scratch []float64) {
		num, den := scratch[:genes], scratch[genes:]
		for g := range num {
			num[g], den[g] = 0, 1 // the spot itself, which shows nothing
			if m.VisibleOnly {
				den[g] = 0
			}
		}
		for _, a := range alike[i][:min(most, len(alike[i]))] {
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
	morphology, err := unitRows(ctx, copied(v.Features), false)
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
// are no columns.
func likeness(x blas32.General, i, j int) float64 {
	if x.Cols == 0 {
		return 1
	}
	sum := 0.
	b := x.Data[j*x.Stride:][:x.Cols]
	for k, a := range x.Data[i*x.Stride:][:x.Cols] {
		sum += float64(a) * float64(b[k])
	}
	return max(sum, 0)
}

// expression returns ln(1 + c·median/total) of all genes that the view shows
// [spots][genes], or its values where it has no counts.
func (v *View) expression() blas32.General {
	if v.Counts.Rows == 0 {
		return copied(v.Values)
	}
	n, own := v.Values.Rows, v.Values.Cols
	x, totals := matrixOf(n, own+v.Rest.Cols), make([]float64, n)
	if x.Cols == 0 {
		return blas32.General{}
	}
	for i := range n {
		row := x.Data[i*x.Stride:][:x.Cols]
		copy(row, v.Counts.Data[i*v.Counts.Stride:][:own])
		if v.Rest.Cols > 0 {
			copy(row[own:], v.Rest.Data[i*v.Rest.Stride:][:v.Rest.Cols])
		}
		for _, c := range row {
			totals[i] += float64(c)
		}
	}
	middle := middleOf(totals)
	for i := range n {
		row := x.Data[i*x.Stride:][:x.Cols]
		for g, c := range row {
			row[g] = float32(math.Log1p(float64(c) * middle / max(totals[i], 1)))
		}
	}
	return x
}

// copied returns a copy of x without spare room between its rows.
func copied(x blas32.General) blas32.General {
	if x.Cols == 0 {
		return blas32.General{}
	}
	c := matrixOf(x.Rows, x.Cols)
	for i := range x.Rows {
		copy(c.Data[i*c.Stride:][:c.Cols], x.Data[i*x.Stride:][:x.Cols])
	}
	return c
}

// unitRows returns the 50 leading principal components of the columns of x,
// which it overwrites, with rows brought to length 1, so that products of rows
// are cosines; with centred, less the row's mean before, so that they are
// correlations. A row without length is 0. Where too few components exist to
// correlate there are no columns.
func unitRows(ctx context.Context, x blas32.General, centred bool) (blas32.General, error) {
	for g := range x.Cols {
		mean := 0.
		for i := range x.Rows {
			mean += float64(x.Data[i*x.Stride+g]) / float64(x.Rows)
		}
		for i := range x.Rows {
			x.Data[i*x.Stride+g] -= float32(mean)
		}
	}
	rank := min(smeComponents, x.Cols, x.Rows-1)
	if rank < 1 || centred && rank < smeLeast {
		return blas32.General{}, nil
	}
	vectors, err := leading(ctx, x, rank, 0)
	if err != nil {
		return blas32.General{}, err
	}
	positive(vectors, rank)
	scores := matrixOf(x.Rows, rank)
	multiply(x.Rows, rank, x.Cols, x.Data, x.Stride, vectors, scores.Data)
	for i := range scores.Rows {
		row := scores.Data[i*rank:][:rank]
		mean, square := 0., 0.
		if centred {
			for _, y := range row {
				mean += float64(y) / float64(rank)
			}
		}
		for _, y := range row {
			square += (float64(y) - mean) * (float64(y) - mean)
		}
		for k, y := range row {
			row[k] = 0
			if square > 1e-12 {
				row[k] = float32((float64(y) - mean) / math.Sqrt(square))
			}
		}
	}
	return scores, nil
}

// positive turns each column of vectors [...][rank] so that its largest entry is
// positive.
func positive(vectors []float32, rank int) {
	for d := range rank {
		largest := float32(0)
		for k := d; k < len(vectors); k += rank {
			if y := vectors[k]; max(y, -y) > max(largest, -largest) {
				largest = y
			}
		}
		if largest < 0 {
			for k := d; k < len(vectors); k += rank {
				vectors[k] = -vectors[k]
			}
		}
	}
}
