package spackle_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spared"
)

func TestReportInWords(t *testing.T) {
	for _, tc := range []struct {
		reason string
		report spackle.Report
		want   string
	}{
		{"the first step", spackle.Report{Step: 1, Steps: 60, Loss: 3.4567, ValMSE: math.NaN(), BestValMSE: math.NaN()}, "loss 3.457"},
		{"before the first validation", spackle.Report{Step: 7, Steps: 60, Loss: 2, ValMSE: math.NaN(), BestValMSE: math.NaN(), StepsPerSecond: 0.52, Left: 101*time.Second + 700*time.Millisecond},
			"loss 2.000, 0.5 steps/s, 1m42s left"},
		{"after it", spackle.Report{Step: 30, Steps: 60, Loss: 1, ValMSE: 1.25, BestValMSE: 1.125, BestStep: 20, StepsPerSecond: 10, Left: 3 * time.Second},
			"loss 1.000, val MSE 1.250 (best 1.125 at 20), 10.0 steps/s, 3s left"},
	} {
		if got := tc.report.String(); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.reason, got, tc.want)
		}
		want := spared.Event{Step: "training", Done: tc.report.Step, Total: 60, Message: tc.want}
		if diff := cmp.Diff(want, tc.report.Event()); diff != "" {
			t.Errorf("%s: %s", tc.reason, diff)
		}
	}
}

func TestCurve(t *testing.T) {
	h := spackle.Training{History: []spackle.Point{{Step: 10, Loss: 2, ValMSE: 3}, {Step: 20, Loss: 1, ValMSE: 2.5}}}
	steps, loss, mse := h.Curve()
	if !slices.Equal(steps, []int{10, 20}) || !slices.Equal(loss, []float64{2, 1}) || !slices.Equal(mse, []float64{3, 2.5}) {
		t.Errorf("got %v, %v, %v", steps, loss, mse)
	}
	if steps, loss, mse := new(spackle.Training).Curve(); len(steps)+len(loss)+len(mse) != 0 {
		t.Error("a training without validations has a curve")
	}
}

func TestValues(t *testing.T) {
	s := spackle.Score{Pairs: []spackle.Pair{{Truth: 1, Predicted: 1.5}, {Truth: 2, Predicted: 2.25}}}
	truth, predicted := s.Values()
	if !slices.Equal(truth, []float64{1, 2}) || !slices.Equal(predicted, []float64{1.5, 2.25}) {
		t.Errorf("got %v and %v", truth, predicted)
	}
}

func TestEngineName(t *testing.T) {
	t.Setenv("SPATIALGO_ENGINE", "go")
	name, err := spackle.EngineName()
	if err != nil || !strings.Contains(name, "pure Go") {
		t.Errorf("got %q, %v", name, err)
	}
	t.Setenv("SPATIALGO_ENGINE", "abacus")
	if _, err := spackle.EngineName(); err == nil || !strings.Contains(err.Error(), `SPATIALGO_ENGINE="abacus"`) {
		t.Errorf("an engine that is not known: %v", err)
	}
}
