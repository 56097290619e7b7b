package baseline

import (
	"context"
	"fmt"
)

// Zero predicts 0 everywhere: what a table with its zeros left in says. It is
// there to be compared with. Visible values stay.
type Zero struct{ NoFit }

// Name returns "zero".
func (Zero) Name() string { return "zero" }

// Complete implements [Completer].
func (Zero) Complete(ctx context.Context, v *View) (*Completion, error) {
	if err := v.Check(); err != nil {
		return nil, fmt.Errorf("zero: %w", err)
	}
	return v.fill(ctx, func(int, []float32, []float64) {})
}

// GeneMean predicts the mean of each gene's measured values over the train
// spots, everywhere. Visible values stay.
type GeneMean struct {
	// Train is that mean, which Fit sets. Nil, or 0 for a gene, stands for the
	// mean of the gene's visible values on the slide itself, which is 0 without
	// any.
	Train []float64 `json:"-"`
}

// Name returns "gene mean".
func (m *GeneMean) Name() string { return "gene mean" }

// Fit sets Train. A gene that no train slide shows gets 0, which no measured
// value is.
func (m *GeneMean) Fit(_ context.Context, train []*View) (err error) {
	m.Train, err = trainMeans(train)
	return err
}

// Complete implements [Completer].
func (m *GeneMean) Complete(ctx context.Context, v *View) (*Completion, error) {
	return v.constant(ctx, m.Name(), m.Train)
}

// SlideMean predicts the mean of each gene's visible values on the slide, which
// is 0 without any. Visible values stay.
type SlideMean struct{ NoFit }

// Name returns "slide mean".
func (SlideMean) Name() string { return "slide mean" }

// Complete implements [Completer].
func (m SlideMean) Complete(ctx context.Context, v *View) (*Completion, error) {
	return v.constant(ctx, m.Name(), nil)
}

// constant predicts one value per gene: that of train, or where it has none the
// slide's mean.
func (v *View) constant(ctx context.Context, name string, train []float64) (*Completion, error) {
	if err := v.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	means, err := v.means(train)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for g, t := range train {
		if t != 0 {
			means[g] = t
		}
	}
	return v.fill(ctx, func(_ int, row []float32, _ []float64) {
		for g := range row {
			row[g] = float32(means[g])
		}
	})
}

// trainMeans returns the mean of each gene's visible values over the views,
// spots of all of them pooled; 0 for a gene without any, nil without views.
func trainMeans(train []*View) ([]float64, error) {
	if len(train) == 0 {
		return nil, nil
	}
	genes := train[0].Values.Cols
	mean, count := make([]float64, genes), make([]float64, genes)
	for _, v := range train {
		if err := v.Check(); err != nil {
			return nil, err
		}
		if v.Values.Cols != genes {
			return nil, fmt.Errorf("train slide %s has %d genes, %s has %d", v.Slide, v.Values.Cols, train[0].Slide, genes)
		}
		v.addValues(mean, count)
	}
	for g := range mean {
		mean[g] /= max(count[g], 1)
	}
	return mean, nil
}
