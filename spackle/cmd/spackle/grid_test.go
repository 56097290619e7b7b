package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/internal/cli/clitest"
	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle"
)

// TestGridPrints tries two rates, and opens what was trained.
func TestGridPrints(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "grid")
	args := append([]string{"grid", three(t), "-o", dir, "--rates", "1e-5,1e-3", "--width", "8"}, short...)
	r := run(args...).OK(t)
	r.Plain(t)
	for _, part := range []string{"trial", "val MSE", "\n  lr-1e-05  1e-05  ", "\n  lr-0.001  0.001  ", "\nlowest validation error: lr-0.001, in " + filepath.Join(dir, "lr-0.001") + "\n"} {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("it lacks %q:\n%s", part, r.Stdout)
		}
	}
	for _, part := range []string{"training lr-1e-05 (1 of 2) 1/20: loss ", "training lr-0.001 (2 of 2) 20/20: loss "} {
		if !strings.Contains(r.Stderr, part) {
			t.Errorf("the news lack %q:\n%s", part, r.Stderr)
		}
	}
	var got spackle.GridResult
	r = run(append(args, "--json")...)
	r.JSON(t, &got)
	if got.Best != "lr-0.001" || len(got.Trials) != 2 || got.Evaluation != nil || strings.Contains(r.Stderr, "training") {
		t.Errorf("the second time: %+v\n%s", got, r.Stderr)
	}
	// The best is a model like any other.
	run("eval", three(t), "--model", got.Trials[1].Dir, "--method", "spackle", "--masks", "1").OK(t)
	if tree := clitest.Tree(t, dir); tree["lr-0.001/model.safetensors"] == "" && tree[filepath.Join("lr-0.001", "model.safetensors")] == "" {
		t.Errorf("the folder holds %v", tree)
	}
}

// TestGridAblations compares small networks of all kinds.
func TestGridAblations(t *testing.T) {
	t.Setenv(engine.EnvEngine, "go") // XLA compiles each of them for seconds
	dir := filepath.Join(t.TempDir(), "grid")
	args := []string{"grid", three(t), "-o", dir, "--ablations", "--genes", "20", "--masks", "1", "--steps", "2", "--batch", "2", "--width", "4"}
	r := run(args...).OK(t)
	r.Plain(t)
	for _, part := range []string{"PCC-gene", " spackle  0.001", " neighbours-0", " raw ", " context ", "20 genes of split test, rule p30, 1 masks"} {
		if !strings.Contains(strings.ReplaceAll(r.Stdout, "neighbors", "neighbours"), part) {
			t.Errorf("it lacks %q:\n%s", part, r.Stdout)
		}
	}
	var got spackle.GridResult
	run(append(args, "--json")...).JSON(t, &got)
	if len(got.Trials) != 6 || len(got.Evaluation.Methods) != 6 || got.Evaluation.Data.Genes != 20 {
		t.Errorf("got %+v", got)
	}
}

// TestTrainForms trains with each option of the network, and evaluates.
func TestTrainForms(t *testing.T) {
	t.Setenv(engine.EnvEngine, "go")
	for _, tc := range []struct {
		reason string
		args   []string
		prints string
	}{
		{"the released form", []string{"--form", "released", "--neighbours-across-slides"}, "3 steps on layer c_d_log1p"},
		{"context genes", []string{"--targets", "20"}, ", which completes 20 of 32 genes\n"},
		{"some genes alone, raw", []string{"--genes", "20", "--raw", "--heads", "2"}, "3 steps on layer c_log1p"},
		{"no neighbours, as spared writes it", []string{"--neighbors", "0"}, "3 steps"},
		{"without patience", []string{"--patience", "1", "--steps", "60", "--lr", "0.5"}, " of 60 steps on layer"},
	} {
		dir := filepath.Join(t.TempDir(), "model")
		args := append([]string{"train", three(t), "-o", dir, "--batch", "2", "--width", "4", "--steps", "3"}, tc.args...)
		r := run(args...).OK(t)
		r.Plain(t)
		if !strings.Contains(r.Stdout, tc.prints) {
			t.Errorf("%s: it prints\n%s", tc.reason, r.Stdout)
		}
		targets := "32"
		if strings.Contains(strings.Join(tc.args, " "), "20") {
			targets = "20"
		}
		run("eval", three(t), "--model", dir, "--method", "spackle", "--masks", "1", "--targets", targets).OK(t)
	}
}

// TestGridRefuses gives what contradicts itself or the data.
func TestGridRefuses(t *testing.T) {
	data, dir := three(t), filepath.Join(t.TempDir(), "grid")
	for _, tc := range []struct {
		reason string
		args   []string
		want   []string
	}{
		{"rates and ablations", []string{"--ablations", "--rates", "1e-3"}, []string{"leave one of them out"}},
		{"one rate for a grid of them", []string{"--lr", "1e-3"}, []string{"--lr", "give --rates"}},
		{"masks where nothing is evaluated", []string{"--masks", "2"}, []string{"--masks", "spackle eval"}},
		{"a rate of nothing", []string{"--rates", "0"}, []string{"--rates 0", "more than 0"}},
		{"rates that are no numbers", []string{"--rates", "many"}, []string{"--rates", `"many"`, "spackle grid --help"}},
		{"nonsense for a rule", []string{"--ablations", "--rule", "moon"}, []string{`"moon"`}},
		{"a rate twice", []string{"--rates", "1e-3,0.001"}, []string{"--rates names 0.001 twice"}},
		{"an infinite rate", []string{"--rates", "1e-3,+Inf"}, []string{"--rates +Inf", "finite"}},
		{"more genes than there are", []string{"--genes", "33"}, []string{"33 genes are to be learnt", "32"}},
		{"fewer neighbours than none", []string{"--neighbours", "-1"}, []string{"--neighbours -1"}},
		{"an embedding that is not there", []string{"--features", "X_uni"}, []string{`no embedding "X_uni"`}},
		{"nonsense for a form", []string{"--form", "moon"}, []string{`"moon"`, `"paper" or "released"`}},
		{"no patience", []string{"--patience", "0"}, []string{"--patience 0", "more than 0"}},
	} {
		r := run(append([]string{"grid", data, "-o", dir}, tc.args...)...)
		r.Failed(t, "spackle", tc.want...)
		if tree := clitest.Tree(t, filepath.Dir(dir)); len(tree) > 1 {
			t.Errorf("%s: something was written: %v", tc.reason, tree)
		}
	}
	run("grid", data).Failed(t, "spackle", `"output" not set`)
}
