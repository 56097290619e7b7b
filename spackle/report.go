package spackle

import (
	"fmt"
	"math"
	"time"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spared"
)

// String words the report: loss, validation error, speed and time left.
func (r Report) String() string {
	s := fmt.Sprintf("loss %.3f", r.Loss)
	if !math.IsNaN(r.ValMSE) {
		s += fmt.Sprintf(", val MSE %.3f (best %.3f at %d)", r.ValMSE, r.BestValMSE, r.BestStep)
	}
	switch {
	case r.Early:
		s += ", patience ran out"
	case r.StepsPerSecond > 0:
		s += fmt.Sprintf(", %.1f steps/s, %s left", r.StepsPerSecond, r.Left.Round(time.Second))
	}
	return s
}

// Event is the report as news of long work.
func (r Report) Event() spared.Event {
	return spared.Event{Step: "training", Done: r.Step, Total: r.Steps, Message: r.String()}
}

// Curve returns the history as three slices, one entry a validation, as charts
// take them.
func (t *Training) Curve() (steps []int, loss, valMSE []float64) {
	for _, p := range t.History {
		steps, loss, valMSE = append(steps, p.Step), append(loss, p.Loss), append(valMSE, p.ValMSE)
	}
	return steps, loss, valMSE
}

// Values returns the sample of hidden values (Pairs) and their predictions, in
// the unit of the evaluation, as charts take them.
func (s *Score) Values() (truth, predicted []float64) {
	for _, p := range s.Pairs {
		truth, predicted = append(truth, float64(p.Truth)), append(predicted, float64(p.Predicted))
	}
	return truth, predicted
}

// EngineName starts the best engine of this machine, describes it in one line
// for people, and stops it.
func EngineName() (string, error) {
	e, err := engine.Open(engine.Options{})
	if err != nil {
		return "", fmt.Errorf("spackle: %w", err)
	}
	defer e.Close()
	return e.Describe(), nil
}
