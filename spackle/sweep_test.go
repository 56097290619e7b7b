package spackle_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

func sweepOptions(dir string) spackle.SweepOptions {
	return spackle.SweepOptions{
		EvaluateOptions: spackle.EvaluateOptions{Methods: []baseline.Completer{&baseline.KNNMean{}, &baseline.GeneMean{}}, Masks: 2, Bootstrap: 20},
		Shares:          []int{10, 30, 70}, Dir: dir,
	}
}

// TestSweepGoesOn stops a sweep after its first share: what goes on from there
// equals what was never stopped, and computes only what is missing.
func TestSweepGoesOn(t *testing.T) {
	ds := fixture(3, false)
	whole, err := spackle.Sweep(context.Background(), ds, sweepOptions(""))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new", "sweep")
	o := sweepOptions(dir)
	ctx, stop := context.WithCancel(context.Background())
	o.Progress = func(e spared.Event) {
		if strings.HasPrefix(e.Message, "p30, mask 2") {
			stop()
		}
	}
	if _, err := spackle.Sweep(ctx, ds, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("got error %v, want that it was stopped", err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(files) != 1 || filepath.Base(files[0]) != "p10.json" {
		t.Fatalf("a stopped sweep leaves %v", files)
	}
	var news []spared.Event
	o.Progress = func(e spared.Event) { news = append(news, e) }
	resumed, err := spackle.Sweep(context.Background(), ds, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, resumed, cmpopts.IgnoreFields(spackle.Score{}, "Seconds")); diff != "" {
		t.Errorf("a resumed sweep is another:\n%s", diff)
	}
	for _, e := range news {
		if strings.Contains(e.Message, "p10") {
			t.Error("the finished share was computed again")
		}
	}
	if last := news[len(news)-1]; last.Total != 12 || last.Done != 12 || news[0].Done != 4 {
		t.Errorf("the news go from %+v to %+v", news[0], last)
	}
	if files, _ := os.ReadDir(dir); len(files) != 3 {
		t.Errorf("%d files of three shares", len(files))
	}
}

func TestSweep(t *testing.T) {
	ds := fixture(3, false)
	o := sweepOptions("")
	o.Shares, o.Masks = nil, 1
	all, err := spackle.Sweep(context.Background(), ds, o)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for k, e := range all {
		rules = append(rules, e.Rule)
		if k > 0 && e.Methods[0].N <= all[k-1].Methods[0].N {
			t.Errorf("%s hides %d values, %s %d", e.Rule, e.Methods[0].N, all[k-1].Rule, all[k-1].Methods[0].N)
		}
	}
	if got := strings.Join(rules, " "); got != "p10 p20 p30 p40 p50 p60 p70" {
		t.Errorf("shares %s, want those of the paper", got)
	}
	one := evaluate(t, ds, spackle.EvaluateOptions{Methods: o.Methods, Masks: 1, Bootstrap: 20})
	if diff := cmp.Diff(one, all[2], cmpopts.IgnoreFields(spackle.Score{}, "Seconds")); diff != "" {
		t.Errorf("p30 of a sweep is not Evaluate:\n%s", diff)
	}
}

func TestSweepErrors(t *testing.T) {
	ds := fixture(3, false)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		change func(*spackle.SweepOptions)
		want   string
	}{
		{"a share of nothing", func(o *spackle.SweepOptions) { o.Shares = []int{10, 0} }, "0 % of all entries"},
		{"a share of everything", func(o *spackle.SweepOptions) { o.Shares = []int{100} }, "100 % of all entries"},
		{"a file in place of the folder", func(o *spackle.SweepOptions) { o.Dir = file }, "not a directory"},
		{"an evaluation that fails says which", func(o *spackle.SweepOptions) { o.Masks = -1 }, "-1 masks (sweep, p10)"},
	} {
		o := sweepOptions("")
		c.change(&o)
		if _, err := spackle.Sweep(context.Background(), ds, o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.reason, err, c.want)
		}
	}
}
