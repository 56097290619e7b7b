package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/internal/cli/clitest"
	"github.com/spatialgo/spatialgo/spared/simulate"
)

// pretend lays out a folder as if simulate had made its slides, which takes a
// while: it recognises slides by their record.
func pretend(t *testing.T, seed int) string {
	t.Helper()
	dir := t.TempDir()
	for _, s := range simulate.DefaultSlides() {
		to := filepath.Join(dir, s.Name)
		if err := os.Mkdir(to, 0o755); err != nil {
			t.Fatal(err)
		}
		record := fmt.Sprintf(`{"tool": "spatialgo spared/simulate", "generator": 1, "seed": %d, "genes": 2000, "depth": 5500, "spots": 900,
			"slide": {"name": %q, "subject": %q, "split": %q, "rows": %d, "cols": 33}}`, seed, s.Name, s.Subject, s.Split, s.Rows)
		if err := os.WriteFile(filepath.Join(to, "simulation.json"), []byte(record), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSimulateOpens checks that slides that are there are not made again, and
// what is printed then.
func TestSimulateOpens(t *testing.T) {
	dir := pretend(t, 7)
	before := clitest.Tree(t, dir)
	r := run("simulate", "-o", dir, "--seed", "7").OK(t)
	r.Plain(t)
	if !strings.Contains(r.Stdout, "next: spared build "+dir+" -o data.h5ad\n") {
		t.Errorf("it does not say how to go on:\n%s", r.Stdout)
	}
	var m simulate.Manifest
	run("simulate", "-o", dir, "--seed", "7", "--json").JSON(t, &m)
	if len(m.Slides) != 3 || !m.Slides[0].Reused || m.Options.Seed != 7 || m.Slides[2].Dir != filepath.Join(dir, "sim_B1") {
		t.Errorf("got %+v", m)
	}
	if diff := cmp.Diff(before, clitest.Tree(t, dir)); diff != "" {
		t.Errorf("the folder changed:\n%s", diff)
	}
}

func TestSimulateRefuses(t *testing.T) {
	inTheWay := t.TempDir()
	if err := os.MkdirAll(filepath.Join(inTheWay, "sim_A2", "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		reason string
		args   []string
		want   []string
	}{
		{"no folder", nil, []string{`"output" not set`, "spared simulate --help"}},
		{"an argument too many", []string{"x", "-o", inTheWay}, []string{`"x"`, "spared simulate --help"}},
		{"a folder that is somebody's", []string{"-o", inTheWay}, []string{"sim_A2", "is in the way"}},
		{"a file", []string{"-o", file}, []string{file, "not a directory"}},
		{"seed 0, which stands for the default", []string{"-o", inTheWay, "--seed", "0"}, []string{"--seed 0"}},
		{"a negative seed", []string{"-o", inTheWay, "--seed", "-1"}, []string{"--seed", "-1"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			before := clitest.Tree(t, inTheWay)
			run(append([]string{"simulate"}, tc.args...)...).Failed(t, "spared", tc.want...)
			if diff := cmp.Diff(before, clitest.Tree(t, inTheWay)); diff != "" {
				t.Errorf("the folder changed:\n%s", diff)
			}
		})
	}
}
