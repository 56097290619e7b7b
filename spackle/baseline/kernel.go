package baseline

import (
	"context"
	"fmt"
	"math"

	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// Kernel completes by the Gaussian-weighted mean of the gene's visible values
// over the nearest spots (Nadaraya 1964, Watson 1964):
//
//	x̂_ig = (Σ_j w_ij V_jg x_jg + κ m_g) / (Σ_j w_ij V_jg + κ)
//	w_ij = exp(-½ (d_ij / (h·pitch))²)
//
// where j runs over the Neighbours nearest spots of i without i itself, V is 1
// where a value is visible, d is the distance and pitch the median distance
// between a spot and its nearest neighbour, both in full-resolution pixels,
// and m_g is the mean of the gene's visible values on the slide. Where no
// neighbour shows a value the prediction is m_g. For a gene without any visible
// value on the slide, m_g is that of Train, else 0. Visible values stay.
type Kernel struct {
	Width      float64   // h, in pitches; 0 = 2
	Neighbours int       // 0 = 36, three rings of a hexagonal grid
	Kappa      float64   // κ, weight of the gene's mean, in neighbours at distance 0
	Train      []float64 `json:"-"` // as GeneMean.Train, for genes that the slide does not show; Fit sets it; nil = 0
}

// Name returns "kernel", with those settings that are not the default.
func (k *Kernel) Name() string {
	name := "kernel"
	if k.Width != 0 && k.Width != 2 {
		name += fmt.Sprintf(", h=%g", k.Width)
	}
	if k.Neighbours != 0 && k.Neighbours != 36 {
		name += fmt.Sprintf(", k=%d", k.Neighbours)
	}
	if k.Kappa != 0 {
		name += fmt.Sprintf(", kappa=%g", k.Kappa)
	}
	return name
}

// Fit sets Train to the genes' means over the train slides, if there are any.
func (k *Kernel) Fit(_ context.Context, train []*View) (err error) {
	k.Train, err = trainMeans(train)
	return err
}

// Complete implements [Completer].
func (k *Kernel) Complete(ctx context.Context, v *View) (*Completion, error) {
	width, neighbours := k.Width, k.Neighbours
	if width == 0 {
		width = 2
	}
	if neighbours == 0 {
		neighbours = 36
	}
	switch {
	case !(width > 0):
		return nil, fmt.Errorf("kernel: a width of %g pitches is not positive", width)
	case !(k.Kappa >= 0):
		return nil, fmt.Errorf("kernel: kappa %g is negative", k.Kappa)
	}
	out, err := smoother{neighbours, k.Kappa, k.Train, gaussian(width)}.complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("kernel: %w", err)
	}
	return out, nil
}

// KNNMean completes by the plain mean of the gene's visible values over the
// nearest spots; where none of them shows a value, by the mean of the gene's
// visible values on the slide, and where there are none, by that of Train, else
// 0. Visible values stay.
type KNNMean struct {
	Neighbours int       // 0 = 18, two rings of a hexagonal grid: as many as SpaCKLE sees
	Train      []float64 `json:"-"` // as GeneMean.Train, for genes that the slide does not show; Fit sets it; nil = 0
}

// Name returns "knn", with the number of neighbours where it is not 18.
func (k *KNNMean) Name() string {
	if k.Neighbours != 0 && k.Neighbours != 18 {
		return fmt.Sprintf("knn, k=%d", k.Neighbours)
	}
	return "knn"
}

// Fit sets Train to the genes' means over the train slides, if there are any.
func (k *KNNMean) Fit(_ context.Context, train []*View) (err error) {
	k.Train, err = trainMeans(train)
	return err
}

// Complete implements [Completer].
func (k *KNNMean) Complete(ctx context.Context, v *View) (*Completion, error) {
	neighbours := k.Neighbours
	if neighbours == 0 {
		neighbours = 18
	}
	equal := func(float64) func(float64) float64 { return func(float64) float64 { return 1 } }
	out, err := smoother{neighbours, 0, k.Train, equal}.complete(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("knn: %w", err)
	}
	return out, nil
}

// gaussian weighs by exp(-½(d/(h·pitch))²).
func gaussian(h float64) func(pitch float64) func(d float64) float64 {
	return func(pitch float64) func(d float64) float64 {
		s := h * pitch
		return func(d float64) float64 { return math.Exp(-0.5 * (d / s) * (d / s)) }
	}
}

// smoother is the formula of [Kernel].
type smoother struct {
	neighbours int
	kappa      float64
	train      []float64
	// weight makes w of a distance, given the slide's pitch, both in
	// full-resolution pixels.
	weight func(pitch float64) func(d float64) float64
}

func (s smoother) complete(ctx context.Context, v *View) (*Completion, error) {
	if err := v.Check(); err != nil {
		return nil, err
	}
	if s.neighbours < 0 {
		return nil, fmt.Errorf("%d neighbours", s.neighbours)
	}
	means, err := v.means(s.train)
	if err != nil {
		return nil, err
	}
	near, w, k, err := s.weights(v)
	if err != nil {
		return nil, fmt.Errorf("slide %s: %w", v.Slide, err)
	}
	genes := v.Values.Cols
	return v.fill(ctx, func(i int, row []float32, scratch []float64) {
		num, den := scratch[:genes], scratch[genes:]
		clear(scratch)
		for m, j := range near[i*k : (i+1)*k] {
			wij := w[i*k+m]
			visible := v.visible(int(j))
			for g, x := range v.row(int(j)) {
				if visible[g] {
					num[g] += wij * float64(x)
					den[g] += wij
				}
			}
		}
		for g := range row {
			if d := den[g] + s.kappa; d > 0 {
				row[g] = float32((num[g] + s.kappa*means[g]) / d)
			} else {
				row[g] = float32(means[g])
			}
		}
	})
}

// weights returns the k nearest spots of each, nearest first, and their
// weights, both flat [spots][k]. k is the number of neighbours asked for, or
// of all other spots of a smaller slide.
func (s smoother) weights(v *View) (near []int32, w []float64, k int, err error) {
	k = min(s.neighbours, v.Values.Rows-1)
	if k < 1 {
		return nil, nil, 0, nil
	}
	near, w, err = neighbor.KNNSorted(v.X, v.Y, k)
	if err != nil {
		return nil, nil, 0, err
	}
	pitch := neighbor.Pitch(v.X, v.Y)
	if !(pitch > 0) {
		return nil, nil, 0, fmt.Errorf("most spots lie on each other: the median distance to the nearest is %g", pitch)
	}
	of := s.weight(pitch)
	for m, d := range w {
		w[m] = of(d)
	}
	return near, w, k, nil
}
