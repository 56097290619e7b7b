package baseline

import (
	"context"

	"github.com/spatialgo/spatialgo/spared"
)

// fit is a way to fit the factors of a [countModel].
type fit interface {
	// start makes the first factors of z and τ.
	start(ctx context.Context, seed uint64) error
	// round makes the factors better, z and τ as they are. After the last one
	// comes an answer.
	round(ctx context.Context, last bool) error
	// answer completes; SD and Rate are of the entries that shown does not show.
	answer(ctx context.Context, shown *View) (*answers, error)
}

// schedule says how often a model is linearized and how often its factors are
// made better in between.
type schedule struct {
	name     string
	seed     uint64
	progress spared.Progress
	first    int // rounds after the first linearization; after each other one round
	aside    int // linearizations while values are set aside for the calibration
	full     int // and with all of them
}

// complete fits the model and answers. For all but the last rounds some values
// are set aside, by which the answers are calibrated.
func (s schedule) complete(ctx context.Context, m *countModel, f fit) (*Completion, error) {
	c := newCalibration(m.v, s.seed)
	m.show(c.aside, false)
	m.f.allocate()
	if err := s.rounds(ctx, m, f, 0, s.aside); err != nil {
		return nil, err
	}
	trial, err := f.answer(ctx, c.shown())
	if err != nil {
		return nil, err
	}
	c.learn(trial)
	m.show(c.aside, true)
	if err := s.rounds(ctx, m, f, s.aside, s.aside+s.full); err != nil {
		return nil, err
	}
	done, err := f.answer(ctx, m.v)
	if err != nil {
		return nil, err
	}
	c.apply(done)
	return done.keep(m.v), nil
}

// rounds linearizes the model and fits its factors in turn.
func (s schedule) rounds(ctx context.Context, m *countModel, f fit, from, to int) error {
	if err := m.lines(ctx); err != nil || m.empty() {
		return err
	}
	if err := m.linearize(ctx); err != nil {
		return err
	}
	if from == 0 {
		if err := f.start(ctx, s.seed); err != nil {
			return err
		}
	}
	for k := from; k < to; k++ {
		times := 1
		if k == 0 {
			times = s.first
		}
		for range times {
			if err := f.round(ctx, k == to-1); err != nil {
				return err
			}
		}
		if err := m.linearize(ctx); err != nil {
			return err
		}
		s.progress.Send(spared.Event{Step: s.name + " of " + m.v.Slide, Done: k + 1, Total: s.aside + s.full})
	}
	return nil
}
