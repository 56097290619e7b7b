package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/internal/cli/clitest"
)

// The files of a slide that the tests damage.
const (
	counts    = "filtered_feature_bc_matrix.h5"
	positions = "spatial/tissue_positions.csv"
	factors   = "spatial/scalefactors_json.json"
)

// truncated, garbled and edited return a copy of slide A1 with one file spoilt.
func truncated(t *testing.T, file string) string {
	return edited(t, file, func(b []byte) []byte { return b[:len(b)/2] })
}

func garbled(t *testing.T, file string) string {
	return edited(t, file, func(b []byte) []byte { return bytes.Repeat([]byte{0xa5}, len(b)) })
}

func edited(t *testing.T, file string, edit func([]byte) []byte) string {
	t.Helper()
	dir := clitest.CopySlide(t, "A1")
	clitest.Damage(t, filepath.Join(dir, filepath.FromSlash(file)), edit)
	return dir
}

// TestBuildRefuses gives build what it cannot use. Each time one line must say
// what is wrong and where, and the disk must be as it was.
func TestBuildRefuses(t *testing.T) {
	slides := clitest.Slides(t)
	a1, a2 := filepath.Join(slides, "A1"), filepath.Join(slides, "A2")
	line := func(n int, old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			lines := strings.Split(string(b), "\n")
			lines[n-1] = strings.ReplaceAll(lines[n-1], old, new)
			return []byte(strings.Join(lines, "\n"))
		}
	}
	for _, tc := range []struct {
		reason string
		args   []string // OUT stands for an .h5ad that is there, DIR for its folder
		want   []string
	}{
		{"no slide", []string{"-o", "OUT"}, []string{"at least 1 arg", "spared build --help"}},
		{"no output", []string{a1}, []string{`"output" not set`, "spared build --help"}},
		{"no such flag", []string{a1, "-o", "OUT", "--gene", "3"}, []string{"--gene", "spared build --help"}},
		{"no such folder", []string{filepath.Join(slides, "C1"), "-o", "OUT"}, []string{filepath.Join(slides, "C1"), "no such folder"}},
		{"a file", []string{filepath.Join(a1, counts), "-o", "OUT"}, []string{counts, "is a file", "folder that holds it"}},
		{"no Space Ranger folder", []string{"DIR", "-o", "OUT"}, []string{"DIR", "Space Ranger outs folder", "found out.h5ad"}},
		{"a slide without positions", []string{without(t, "spatial"), "-o", "OUT"}, []string{"A1", "Space Ranger outs folder", "positions"}},
		{"counts cut off", []string{truncated(t, counts), "-o", "OUT"}, []string{counts, "ends too early"}},
		{"counts that are not HDF5", []string{garbled(t, counts), "-o", "OUT"}, []string{counts, "not an HDF5 file"}},
		{"positions cut off", []string{truncated(t, positions), "-o", "OUT"}, []string{"tissue_positions.csv"}},
		{"positions that are not text", []string{garbled(t, positions), "-o", "OUT"}, []string{"tissue_positions.csv", "not UTF-8"}},
		{"a position that is not a number", []string{edited(t, positions, line(4, ",", ",x")), "-o", "OUT"}, []string{"tissue_positions.csv", "line 4", "x"}},
		{"factors cut off", []string{truncated(t, factors), "-o", "OUT"}, []string{"scalefactors_json.json"}},
		{"barcodes of another slide", []string{edited(t, positions, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("-1,"), []byte("-7,")) }), "-o", "OUT"},
			[]string{"tissue_positions.csv", "barcode"}},
		{"no spot passes", []string{a1, "-o", "OUT", "--spot-min", "1e5"}, []string{`"A1"`, "no spot is left", "this slide's have", "--spot-min"}},
		{"limits that cross", []string{a1, "-o", "OUT", "--spot-min", "1e9"}, []string{"1e+09", "1e+06", "nothing can lie there", "--spot-min"}},
		{"no gene passes", []string{a1, "-o", "OUT", "--gene-min", "9e5"}, []string{"no gene is left", "--gene-min"}},
		{"no gene is measured often enough", []string{a1, "-o", "OUT", "--real-share", "1", "--gene-max", "60"}, []string{"100 %", "--real-share"}},
		{"a share above 1", []string{a1, "-o", "OUT", "--real-share", "2"}, []string{"2"}},
		{"a limit of 0, which a recipe takes for the default", []string{a1, "-o", "OUT", "--spot-min", "0"}, []string{"--spot-min 0", "more than 0"}},
		{"a limit that is not finite", []string{a1, "-o", "OUT", "--gene-max", "Inf"}, []string{"Inf", "finite"}},
		{"a limit that is no number", []string{a1, "-o", "OUT", "--gene-max", "NaN"}, []string{"--gene-max", "NaN"}},
		{"more genes than there are", []string{a1, "-o", "OUT", "--genes", "100000"}, []string{"100000 genes", "only ", "--genes"}},
		{"fewer genes than none", []string{a1, "-o", "OUT", "--genes", "-1"}, []string{"-1 genes"}},
		{"too many hops", []string{a1, "-o", "OUT", "--hops", "99"}, []string{"99 hops", "1 to 12"}},
		{"a slide in two splits", []string{slides, "-o", "OUT", "--train", "A1,A2", "--val", "A2"}, []string{`"A2"`, "train and val", "one only"}},
		{"a slide in no split", []string{slides, "-o", "OUT", "--train", "A1", "--val", "A2"}, []string{`"B1"`, "in no split"}},
		{"nothing validates", []string{a1, a2, "-o", "OUT", "--train", "A1,A2"}, []string{"no slide validates", "A1, A2"}},
		{"nothing trains", []string{a1, a2, "-o", "OUT", "--val", "A1,A2"}, []string{"no slide trains", "A1, A2"}},
		{"a lone slide that tests", []string{a1, "-o", "OUT", "--test", "A1"}, []string{`"A1"`, "must train"}},
		{"an unknown slide trains", []string{a1, a2, "-o", "OUT", "--train", "C1"}, []string{`"C1"`, "there are: A1, A2"}},
		{"an unknown slide has a patient", []string{a1, a2, "-o", "OUT", "--patient", "C1=carl"}, []string{`"C1"`, `"carl"`, "there are: A1, A2"}},
		{"a patient of no slide", []string{a1, "-o", "OUT", "--patient", "anna"}, []string{"--patient", "anna"}},
		{"batches of patients that are not known", []string{a1, a2, "-o", "OUT", "--batch", "patient", "--patient", "A1=anna"}, []string{`"A2" has none`, "--patient"}},
		{"nonsense for a batch", []string{a1, "-o", "OUT", "--batch", "moon"}, []string{`"moon"`, "slide_id, patient or none"}},
		{"nonsense for an order", []string{a1, "-o", "OUT", "--order", "moon"}, []string{`"moon"`, `"clean" or "released"`}},
		{"an unknown organism", []string{a1, "-o", "OUT", "--organism", "rat"}, []string{`"rat"`, "human and mouse"}},
		{"the wrong organism", []string{a1, "-o", "OUT", "--organism", "mouse"}, []string{"mouse", `"A1"`, "human"}},
		{"two slides of one name", []string{a1, "A1=" + a2, "-o", "OUT"}, []string{`two slides are called "A1"`, a1, a2, "NAME=FOLDER"}},
		{"one slide twice", []string{a1, a1, "-o", "OUT"}, []string{`two slides are called "A1"`}},
		{"one name for several", []string{"all=" + slides, "-o", "OUT"}, []string{"holds 3 slides", `"all"`}},
		{"the output is a folder", []string{a1, "-o", "DIR"}, []string{"DIR", "is a folder", "data.h5ad"}},
		{"the output's folder is not there", []string{a1, "-o", "DIR/new/x.h5ad"}, []string{"DIR/new/x.h5ad", "does not exist"}},
		{"the output's folder is a file", []string{a1, "-o", "OUT/x.h5ad"}, []string{"OUT/x.h5ad", "not a "}},
		{"the output is one of the inputs", []string{a1, "-o", filepath.Join(a1, counts)}, []string{counts, `"A1"`, "would be lost"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out.h5ad")
			if err := os.WriteFile(out, []byte("what was there"), 0o644); err != nil {
				t.Fatal(err)
			}
			place := strings.NewReplacer("OUT", out, "DIR", dir)
			args := []string{"build"}
			for _, a := range tc.args {
				args = append(args, place.Replace(a))
			}
			before, slidesBefore := clitest.Tree(t, dir), clitest.Tree(t, slides)
			r := run(args...)
			for i := range tc.want {
				tc.want[i] = place.Replace(tc.want[i])
			}
			r.Failed(t, "spared", tc.want...)
			if diff := cmp.Diff(before, clitest.Tree(t, dir)); diff != "" {
				t.Errorf("the output's folder changed:\n%s", diff)
			}
			if diff := cmp.Diff(slidesBefore, clitest.Tree(t, slides)); diff != "" {
				t.Errorf("the slides changed:\n%s", diff)
			}
		})
	}
}

// without returns a copy of slide A1 without one of its parts.
func without(t *testing.T, part string) string {
	dir := clitest.CopySlide(t, "A1")
	if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestInfoRefuses(t *testing.T) {
	copyOf := func(edit func([]byte) []byte) string {
		b, err := os.ReadFile(built(t))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "spoilt.h5ad")
		if err := os.WriteFile(path, edit(b), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tc := range []struct {
		reason, path string
		want         []string
	}{
		{"no such file", filepath.Join(t.TempDir(), "absent.h5ad"), []string{"absent.h5ad", "no such file"}},
		{"a folder", t.TempDir(), []string{"folder"}},
		{"an empty file", copyOf(func([]byte) []byte { return nil }), []string{"spoilt.h5ad", "is empty"}},
		{"cut off", copyOf(func(b []byte) []byte { return b[:len(b)/2] }), []string{"spoilt.h5ad", "ends too early"}},
		{"text", copyOf(func([]byte) []byte { return []byte("genes,counts\n") }), []string{"spoilt.h5ad", "not an HDF5 file"}},
		{"HDF5 of another kind", filepath.Join(clitest.Slides(t), "A1", counts), []string{counts}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			run("info", tc.path).Failed(t, "spared", tc.want...)
			run("info", "--json", tc.path).Failed(t, "spared", tc.want...)
		})
	}
}

// TestInfoDamaged overwrites parts of a data set at random. Whatever was hit,
// info reads the file or says in one line why not.
func TestInfoDamaged(t *testing.T) {
	const seed = 11
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	whole, err := os.ReadFile(built(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "spoilt.h5ad")
	refused := 0
	for range 60 {
		b := bytes.Clone(whole)
		at := rng.IntN(len(b) - 64)
		if rng.IntN(3) == 0 {
			at = rng.IntN(30_000) // where the file describes itself
		}
		for i := range 64 {
			b[at+i] = byte(rng.Uint32())
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if r := run("info", path); r.Code != 0 {
			refused++
			r.Failed(t, "spared", path)
		} else {
			r.Plain(t)
		}
	}
	if refused < 20 {
		t.Errorf("only %d of 60 damages were noticed", refused)
	}
}

// TestFullDisk builds where the file does not fit.
func TestFullDisk(t *testing.T) {
	clitest.FullDisks(t, 64<<10, func(t *testing.T, dir string, change func(*exec.Cmd)) {
		out := filepath.Join(dir, "out.h5ad")
		if err := os.WriteFile(out, []byte("what was there"), 0o644); err != nil {
			t.Fatal(err)
		}
		before := clitest.Tree(t, dir)
		r := clitest.Start(t, change, "build", clitest.Slides(t), "-o", out)
		r.Failed(t, "spared", out, "cannot be written")
		if !strings.Contains(r.Stderr, "no space left") && !strings.Contains(r.Stderr, "file too large") {
			t.Errorf("it does not say why: %s", r.Stderr)
		}
		if diff := cmp.Diff(before, clitest.Tree(t, dir)); diff != "" {
			t.Errorf("the folder changed:\n%s", diff)
		}
	})
}

// versions returns the bytes of a file as build makes it with 8 and with 9
// genes, and how long that takes as a program of its own.
func versions(t *testing.T) (old, new []byte, took time.Duration) {
	t.Helper()
	dir := t.TempDir()
	make := func(genes string) []byte {
		out := filepath.Join(dir, genes)
		start := time.Now()
		clitest.Start(t, nil, "build", clitest.Slides(t), "-o", out, "--genes", genes).OK(t)
		took = time.Since(start)
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return make("8"), make("9"), took
}

// TestInterrupt sends Ctrl-C at different moments: either build was done, or
// it says that it stopped, ends with 130 and leaves what was there.
func TestInterrupt(t *testing.T) {
	old, done, took := versions(t)
	stopped := 0
	for k := range 6 {
		dir := t.TempDir()
		out := filepath.Join(dir, "out.h5ad")
		if err := os.WriteFile(out, old, 0o644); err != nil {
			t.Fatal(err)
		}
		c := clitest.Begin(t, "\n", "build", clitest.Slides(t), "-o", out, "--genes", "9")
		time.Sleep(took * time.Duration(k) / 12)
		c.Signal(os.Interrupt)
		r, want := c.Wait(), done
		switch r.Code {
		case 0, -1: // -1: it came when all was done and the program was about to end
		case 130:
			stopped++
			want = old
			if !strings.Contains(r.Stderr, "\nspared: stopped: ") || r.Stdout != "" {
				t.Errorf("it says\n%s%s", r.Stdout, r.Stderr)
			}
		default:
			t.Errorf("status %d:\n%s", r.Code, r.Stderr)
		}
		if tree := clitest.Tree(t, dir); len(tree) != 2 {
			t.Errorf("left behind: %v", tree)
		}
		if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, want) {
			t.Errorf("delay %d: the file is not what it should be (%v)", k, err)
		}
	}
	if stopped == 0 {
		t.Error("no build was interrupted")
	}
}

// TestKill kills build at 50 random moments. The file is always the old one or
// the new one, and what is left beside it does no harm.
func TestKill(t *testing.T) {
	const seed, kills, lanes = 12, 50, 2
	t.Logf("seed %d", seed)
	old, done, took := versions(t)
	var killed atomic.Int64
	var group sync.WaitGroup
	dir := t.TempDir()
	for lane := range lanes {
		out := filepath.Join(dir, fmt.Sprint(lane), "out.h5ad")
		if err := os.Mkdir(filepath.Dir(out), 0o755); err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, uint64(lane)))
		group.Go(func() {
			for range kills / lanes {
				if err := os.WriteFile(out, old, 0o644); err != nil {
					t.Error(err)
					return
				}
				c := clitest.Command(t, "build", clitest.Slides(t), "-o", out, "--genes", "9")
				if err := c.Start(); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Duration(1.4 * rng.Float64() * float64(took)))
				_ = c.Process.Kill() // it may have ended
				if c.Wait() != nil {
					killed.Add(1)
				}
				if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, old) && !bytes.Equal(got, done) {
					t.Errorf("the file is neither the old one nor the new one (%v)", err)
					return
				}
			}
		})
	}
	group.Wait()
	if killed.Load() == 0 {
		t.Error("no build was killed")
	}
	t.Logf("%d of %d builds were killed before their end", killed.Load(), kills)
	// What a kill during the writing leaves, whether one did so here or not.
	out := filepath.Join(dir, "0", "out.h5ad")
	if err := os.WriteFile(filepath.Join(dir, "0", ".out.h5ad.1.tmp"), old[:len(old)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	run("build", clitest.Slides(t), "-o", out, "--genes", "9").OK(t)
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, done) {
		t.Errorf("the next build gave another file (%v)", err)
	}
	run("info", out).OK(t)
}
