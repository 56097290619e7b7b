package spackle

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared"
)

func TestRates(t *testing.T) {
	for k, rate := range Rates() {
		if want := math.Pow(10, -5+float64(k)/3); math.Abs(rate/want-1) > 5e-4 {
			t.Errorf("rate %d is %g, want %g", k+1, rate, want)
		}
	}
	if n := len(Rates()); n != 10 {
		t.Errorf("%d rates", n)
	}
	var names []string
	for _, trial := range RateTrials(TrainOptions{Batch: 3}) {
		if names = append(names, trial.Name); trial.Options.Batch != 3 {
			t.Errorf("%s: the other options are lost", trial.Name)
		}
	}
	if want := "lr-1e-05 lr-2.154e-05 lr-4.642e-05 lr-0.0001 lr-0.0002154 lr-0.0004642 lr-0.001 lr-0.002154 lr-0.004642 lr-0.01"; strings.Join(names, " ") != want {
		t.Errorf("they are called %s", names)
	}
}

func TestAblationsOf(t *testing.T) {
	names := func(trials []Trial) string {
		var n []string
		for _, t := range trials {
			n = append(n, t.Name)
		}
		return strings.Join(n, " ")
	}
	ds := ranked(2, 6)
	always := "spackle neighbors-0 neighbors-6 neighbors-36 raw"
	for _, tc := range []struct {
		reason   string
		base     TrainOptions
		features string
		want     string
	}{
		{"all genes are completed: there is no context", TrainOptions{}, "", always},
		{"as many as there are", TrainOptions{Genes: 6}, "", always},
		{"some are left out", TrainOptions{Genes: 4}, "", always + " context"},
		{"a picture", TrainOptions{}, "embeddings_vit", always + " visual"},
	} {
		trials := Ablations(ds, tc.base, tc.features)
		if got := names(trials); got != tc.want {
			t.Errorf("%s: %s", tc.reason, got)
		}
		targets := 0
		for _, trial := range trials {
			r, err := newRun(ds, t.TempDir(), trial.Options)
			if err != nil {
				t.Fatalf("%s: %s: %v", tc.reason, trial.Name, err)
			}
			if n := r.model.Completes(); targets != 0 && n != targets {
				t.Errorf("%s: %s completes %d genes, others %d", tc.reason, trial.Name, n, targets)
			} else {
				targets = n
			}
		}
	}
}

// gridTissue has what an evaluation needs too.
func gridTissue() *spared.Dataset {
	ds := ranked(2, 5)
	log := ds.Layers[spared.LayerLog]
	for i := range ds.Spots {
		total := 0.05
		for g := range ds.Genes {
			total += float64(ds.Layers[spared.LayerCounts].Data[i*5+g]) / ds.Genes[g].Length
		}
		ds.Spots[i].RPK, ds.Spots[i].TotalCounts = total, 1000*total
		for g := range ds.Genes {
			log.Data[i*5+g] = float32(ds.Normalization().Log(ds.Normalization().Value(float64(ds.Layers[spared.LayerCounts].Data[i*5+g]), ds.Genes[g].Length, total)))
		}
	}
	ds.Layers[spared.LayerDLog] = fillWithMean(ds, log)
	return ds
}

// TestGrid stops a grid, goes on, and opens it.
func TestGrid(t *testing.T) {
	ds, dir := gridTissue(), t.TempDir()
	base := quick(goEngine(t), 10)
	o := GridOptions{Train: base, Trials: RateTrials(base, 1e-5, 1e-2, 1e30)}
	var events []spared.Event
	ctx, cancel := context.WithCancel(context.Background())
	o.Progress = func(e spared.Event) {
		if events = append(events, e); e.Step == "training lr-0.01 (2 of 3)" && e.Done == 7 {
			cancel()
		}
	}
	part, err := Grid(ctx, ds, dir, o)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "trial lr-0.01") || part == nil || len(part.Trials) != 1 {
		t.Fatalf("stopped in the second trial: %+v, %v", part, err)
	}
	events = nil
	o.Progress = func(e spared.Event) { events = append(events, e) }
	got, err := Grid(context.Background(), ds, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if first := events[0]; first.Step != "training lr-0.01 (2 of 3)" || first.Done < 8 || first.Total != 10 {
		t.Errorf("it did not go on where it was: %+v", first)
	}
	if got.Best != "lr-0.01" || got.Trials[0].BestValMSE <= got.Trials[1].BestValMSE || got.Trials[1].Dir != filepath.Join(dir, "lr-0.01") {
		t.Errorf("got %+v", got)
	}
	if d := got.Trials[2]; !d.Diverged || d.Rate != 1e30 {
		t.Errorf("a rate at which the loss diverges: %+v", d)
	}
	o.Trials = o.Trials[:2]
	o.Evaluate = &EvaluateOptions{Masks: 1, Pairs: -1}
	events = nil
	again, err := Grid(context.Background(), ds, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(events, func(e spared.Event) bool { return strings.HasPrefix(e.Step, "training") }) {
		t.Errorf("it trained again: %+v", events)
	}
	if e := again.Evaluation; len(e.Methods) != 2 || e.Methods[0].Name != "lr-1e-05" || e.Methods[1].Name != "lr-0.01" || e.Data.Genes != 5 {
		t.Errorf("the evaluation is %+v", e)
	}
	b, err := json.Marshal(again)
	if err != nil || !strings.Contains(string(b), `"best":"lr-0.01"`) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestGridOfAblations trains all kinds and evaluates them on the same values.
func TestGridOfAblations(t *testing.T) {
	ds := gridTissue()
	base := quick(goEngine(t), 4)
	base.Genes = 3
	o := GridOptions{Train: base, Trials: Ablations(ds, base, "embeddings_vit"), Evaluate: &EvaluateOptions{Masks: 1, Pairs: -1}}
	got, err := Grid(context.Background(), ds, t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	e := got.Evaluation
	if len(e.Methods) != 7 || e.Data.Genes != 3 {
		t.Fatalf("%d methods, %d genes", len(e.Methods), e.Data.Genes)
	}
	seen := map[float64]string{}
	for _, m := range e.Methods {
		if other, ok := seen[m.MSE]; ok || m.N != e.Methods[0].N {
			t.Errorf("%s: MSE %g as %s, on %d values", m.Name, m.MSE, other, m.N)
		}
		seen[m.MSE] = m.Name
	}
}

func TestGridRefuses(t *testing.T) {
	ds := ranked(2, 4)
	for _, tc := range []struct {
		reason string
		trials []Trial
		errHas string
	}{
		{"no trial", []Trial{}, "of no trial"},
		{"two of one name", []Trial{{"a", TrainOptions{}}, {"a", TrainOptions{Seed: 2}}}, `two trials are called "a"`},
		{"a name without a folder", []Trial{{"", TrainOptions{}}}, `called ""`},
		{"a name outside of the folder", []Trial{{"..", TrainOptions{}}}, `called ".."`},
		{"a name below another", []Trial{{"a/b", TrainOptions{}}}, `called "a/b"`},
		{"the last is refused before the first is trained", []Trial{{"a", TrainOptions{}}, {"b", TrainOptions{Heads: 3}}}, "trial b: spackle: 3 heads"},
	} {
		dir := t.TempDir()
		if _, err := Grid(context.Background(), ds, dir, GridOptions{Trials: tc.trials}); err == nil || !strings.Contains(err.Error(), tc.errHas) {
			t.Errorf("%s: %v", tc.reason, err)
		}
		if len(files(t, dir)) > 0 {
			t.Errorf("%s: something was trained", tc.reason)
		}
	}
}
