package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/internal/cli/clitest"
	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/simulate"
)

// rows reads a table that eval wrote.
func rows(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestEvalTables: the files hold what the object does, and replace what was
// there.
func TestEvalTables(t *testing.T) {
	dir := t.TempDir()
	table, genes := filepath.Join(dir, "table.csv"), filepath.Join(dir, "genes.csv")
	if err := os.WriteFile(table, []byte("what was there"), 0o644); err != nil {
		t.Fatal(err)
	}
	var e spackle.Evaluation
	run("eval", three(t), "--masks", "1", "--method", "knn,poisson-factor", "--bootstrap", "20", "--csv", table, "--genes-csv", genes, "--json").JSON(t, &e)
	if e.Bootstrap != 20 || e.Methods[0].MSECI == [2]float64{} || e.Methods[1].Coverage == [3]float64{} || e.Floor <= 0 || e.Protocol != spackle.Strict {
		t.Errorf("got %+v", e)
	}
	if r := rows(t, table); len(r) != 3 || r[2][5] != "poisson factor" || r[1][6] != fmt.Sprintf("%.8g", e.Methods[0].MSE) {
		t.Errorf("the table holds %v", r)
	}
	if r := rows(t, genes); len(r) != 1+2*32 {
		t.Errorf("the table of genes has %d rows", len(r))
	}
	if left := clitest.Tree(t, dir); len(left) != 3 { // itself among them
		t.Errorf("the folder holds %v, want 2 files", left)
	}
	plain := run("eval", three(t), "--masks", "1", "--method", "knn,poisson-factor", "--bootstrap", "0").OK(t)
	plain.Plain(t)
	for _, part := range []string{"noise floor of MSE: ", "R2-patch", "PCC-patch", "95 %"} {
		if !strings.Contains(plain.Stdout, part) {
			t.Errorf("it lacks %q:\n%s", part, plain.Stdout)
		}
	}
}

func TestEvalSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sweep")
	args := []string{"eval", three(t), "--sweep", "--masks", "1", "--method", "knn,mean", "--bootstrap", "0", "--resume", dir}
	r := run(args...).OK(t)
	r.Plain(t)
	for _, part := range []string{"10 %", "70 %", "PCC-gene", "noise floor"} {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("it lacks %q:\n%s", part, r.Stdout)
		}
	}
	if files := clitest.Tree(t, dir); len(files) != 8 { // the folder among them
		t.Errorf("%v of seven shares", files)
	}
	var got struct{ Sweep []spackle.Evaluation }
	j := run(append(args, "--json")...)
	j.JSON(t, &got)
	if len(got.Sweep) != 7 || got.Sweep[6].Rule != "p70" {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(j.Stderr, "mask 1") {
		t.Errorf("what was there was computed again:\n%s", j.Stderr)
	}
	if again := run(args...).OK(t); again.Stdout != r.Stdout {
		t.Errorf("a sweep that was read prints another table:\n%s\n%s", r.Stdout, again.Stdout)
	}
}

// TestEvalReleased shows both protocols. With SpaCKLE among the methods, its
// input is the published one.
func TestEvalReleased(t *testing.T) {
	var both spackle.Protocols
	args := []string{"eval", three(t), "--order", "released", "--masks", "2", "--model", model(t)}
	run(append(args, "--json")...).JSON(t, &both)
	if both.Strict.Rule != "pmed" || both.Published.Masks != 2 || both.Published.Protocol != spackle.Published {
		t.Errorf("got %+v", both)
	}
	for m := range both.Strict.Methods {
		a, b := both.Strict.Methods[m], both.Published.Methods[m]
		if a.Name != b.Name || a.N != b.N || (a.MSE == b.MSE) != (a.Name == "poisson factor") {
			t.Errorf("%s: %g and %g, want a gap for all but the poisson factor, on the same values", a.Name, a.MSE, b.MSE)
		}
	}
	r := run(args...).OK(t)
	r.Plain(t)
	for _, part := range []string{"strict  published", "gap", "note: protocol published", "after medians, totals and batches saw them"} {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("it lacks %q:\n%s", part, r.Stdout)
		}
	}
}

func TestEvalSplitCounts(t *testing.T) {
	table := filepath.Join(t.TempDir(), "bins.csv")
	args := []string{"eval", three(t), "--split-counts", "--masks", "1", "--csv", table}
	var c spackle.CountSplitting
	run(append(args, "--json")...).JSON(t, &c)
	if c.Splits != 1 || c.Split != "test" || len(c.Methods) != 3 || c.Methods[2].Rate == nil || c.Methods[0].Rate != nil {
		t.Errorf("got %+v", c)
	}
	// Counts of the made-up tissue are no pure Poisson ones, but the rate is far
	// nearer than the value if detected.
	if rate, detected := c.Methods[2].Rate, c.Methods[2].Detected; !(rate.Deviance < 0.8*detected.Deviance) || detected.Mean < 1.5*c.Truth {
		t.Errorf("rate %+v, if detected %+v, truth %g", rate, detected, c.Truth)
	}
	if len(rows(t, table)) < 10 {
		t.Error("the table of bins is short")
	}
	r := run(args...).OK(t)
	r.Plain(t)
	for _, part := range []string{"if detected", "rate", "predicted -> found", fmt.Sprintf("%.3f counts on average", c.Truth)} {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("it lacks %q:\n%s", part, r.Stdout)
		}
	}
}

func TestEvalTruth(t *testing.T) {
	dir := t.TempDir()
	x, err := simulate.Generate(t.Context(), simulate.Options{Genes: 200, Slides: []simulate.SlideSpec{ // as clitest.Slides
		{Name: "A1", Subject: "anna", Rows: 13, Cols: 13}, {Name: "A2", Subject: "anna", Rows: 10, Cols: 10}, {Name: "B1", Subject: "ben", Rows: 9, Cols: 10},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range x.Slides {
		folder := filepath.Join(dir, s.Name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := x.Truth[i].Write(filepath.Join(folder, simulate.TruthFile)); err != nil {
			t.Fatal(err)
		}
	}
	var e spackle.Evaluation
	args := []string{"eval", three(t), "--truth", dir}
	run(append(args, "--json")...).JSON(t, &e)
	last := e.Methods[len(e.Methods)-1]
	if !strings.Contains(e.Rule, "simulated truth") || last.Rate == nil || last.Rate.MSE >= last.MSE {
		t.Errorf("got %+v: the rate is what is there", last)
	}
	r := run(args...).OK(t)
	r.Plain(t)
	if !strings.Contains(r.Stdout, "against the true expression") {
		t.Errorf("it prints\n%s", r.Stdout)
	}
}

func TestMethods(t *testing.T) {
	list := func(args ...string) clitest.Result { return clitest.Run(methodsCmd(), args...) }
	var got struct {
		Methods []struct {
			Name, Idea, Source, Error string
			Default                   bool
			Needs                     map[string]string
			Slides                    int
			Complete                  float64 `json:"complete_seconds"`
		}
	}
	list("--json").JSON(t, &got)
	all := got.Methods
	if len(all) != 1+len(spackle.Methods()) || all[0].Name != "spackle" {
		t.Fatalf("got %+v", all)
	}
	defaults := 0
	for _, m := range all {
		if m.Default {
			defaults++
		}
		if m.Idea == "" || m.Source == "" || m.Slides != 0 {
			t.Errorf("%s is listed as %+v", m.Name, m)
		}
	}
	if defaults != 1 {
		t.Errorf("%d methods are the default", defaults)
	}
	r := list().OK(t)
	r.Plain(t)
	for line := range strings.Lines(r.Stdout) {
		if len(line) > 110 {
			t.Errorf("a line of %d characters, which a terminal breaks:\n%s", len(line), line)
		}
	}
	for _, m := range spackle.Methods() {
		if !strings.Contains(r.Stdout, "\n"+methodName(m)) || !strings.Contains(r.Stdout, baseline.Describe(m).Idea) {
			t.Errorf("it lacks %s:\n%s", m.Name(), r.Stdout)
		}
	}
	timed := list(lone(t), "--json")
	timed.JSON(t, &got)
	all = got.Methods
	for _, m := range all[1:] {
		if m.Error != "" || m.Slides != 1 || m.Complete <= 0 {
			t.Errorf("on one slide: %+v", m)
		}
	}
	if all[0].Slides != 0 {
		t.Error("SpaCKLE was timed without a model")
	}
	if r := list(lone(t)).OK(t); !strings.Contains(r.Stdout, "complete s") {
		t.Errorf("it prints\n%s", r.Stdout)
	}
	// What cannot work is said in its line.
	ds, err := spared.Open(lone(t))
	if err != nil {
		t.Fatal(err)
	}
	broken := []listed{{Name: "x"}}
	v, err := spackle.NewView(ds, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	v.Visible = nil
	if err := broken[0].time(t.Context(), baseline.Zero{}, nil, []*baseline.View{v}); err != nil || broken[0].Error == "" || broken[0].Slides != 0 {
		t.Errorf("a method that fails is listed as %+v (%v)", broken[0], err)
	}
	for _, bad := range [][]string{{"--model", "x"}, {filepath.Join(t.TempDir(), "absent.h5ad")}, {"a", "b"}} {
		if r := list(bad...); r.Code == 0 {
			t.Errorf("%v passes", bad)
		}
	}
}
