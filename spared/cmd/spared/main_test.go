package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/internal/cli/clitest"
	"github.com/spatialgo/spatialgo/spared"
)

func TestMain(m *testing.M) { clitest.Main(m, main) }

// run runs the command in this process.
func run(args ...string) clitest.Result { return clitest.Run(root(), args...) }

// TestHelp holds every word that teaches the command's use.
func TestHelp(t *testing.T) { clitest.Help(t, root) }

func TestProgram(t *testing.T) {
	if r := clitest.Start(t, nil, "--version").OK(t); r.Stdout != "spared version "+spared.Version+"\n" {
		t.Errorf("--version prints %q", r.Stdout)
	}
	if r := clitest.Start(t, nil).OK(t); !strings.Contains(r.Stdout, "Available Commands:") {
		t.Errorf("without arguments it does not say what it can do:\n%s", r.Stdout)
	}
	clitest.Start(t, nil, "bild", "x").Failed(t, "spared", `unknown command "bild"`, "build", "--help")
}

// built returns a data set of all three slides, made once.
func built(t *testing.T) string {
	t.Helper()
	path := filepath.Join(clitest.Shared(), "all.h5ad")
	if _, err := os.Stat(path); err != nil {
		run("build", clitest.Slides(t), "-o", path).OK(t)
	}
	return path
}

func TestBuildPrints(t *testing.T) {
	out := filepath.Join(t.TempDir(), "data.h5ad")
	var summary spared.Summary
	r := run("build", clitest.Slides(t), "-o", out, "--json")
	r.JSON(t, &summary)
	for _, part := range []string{"finding slides\n", "joined slides: ", "ComBat: ", "saving " + out} {
		if !strings.Contains(r.Stderr, part) {
			t.Errorf("the news lack %q:\n%s", part, r.Stderr)
		}
	}
	if summary.Path != out || len(summary.Slides) != 3 || summary.Genes != 32 || summary.Organism != "human" {
		t.Errorf("unexpected summary %+v", summary)
	}
	var again spared.Summary
	run("info", out, "--json").JSON(t, &again)
	if diff := cmp.Diff(summary, again); diff != "" {
		t.Errorf("info and build differ:\n%s", diff)
	}
	r = run("info", out).OK(t)
	r.Plain(t)
	if r.Stderr != "" {
		t.Errorf("info says on stderr: %s", r.Stderr)
	}
	for _, part := range []string{out + ": ", " spots x 32 genes, human, log2(TPM+1), order clean\n", "\nslide  split  spots  missing %", "\nA1     train", "\nA2     val",
		"\nB1     test", "\nlayers: counts tpm log1p d_log1p c_log1p c_d_log1p ", "the smallest tests", "most spatial genes (Moran's I): " + summary.TopGenes[0] + ", "} {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("info lacks %q:\n%s", part, r.Stdout)
		}
	}
}

// TestBuildOpens checks that a second build of the same changes nothing on the
// disk and says that it opened the file.
func TestBuildOpens(t *testing.T) {
	out := filepath.Join(t.TempDir(), "data.h5ad")
	first := run("build", clitest.Slides(t), "-o", out).OK(t)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(out, old, old); err != nil {
		t.Fatal(err)
	}
	before := clitest.Stat(t, out)
	second := run("build", clitest.Slides(t), "-o", out).OK(t)
	if second.Stdout != first.Stdout || !strings.Contains(second.Stderr, "opened "+out) || strings.Contains(second.Stderr, "saving") {
		t.Errorf("the second build says:\n%s%s", second.Stdout, second.Stderr)
	}
	if after := clitest.Stat(t, out); !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Error("the second build wrote the file anew")
	}
	run("build", clitest.Slides(t), "-o", out, "--genes", "31").OK(t)
	if after := clitest.Stat(t, out); os.SameFile(before, after) {
		t.Error("another number of genes did not replace the file")
	}
}

// TestLoneSlide builds one slide alone. That its spots were divided must be
// said wherever numbers come from them.
func TestLoneSlide(t *testing.T) {
	out := filepath.Join(t.TempDir(), "lone.h5ad")
	r := run("build", filepath.Join(clitest.Slides(t), "A1"), "-o", out).OK(t)
	d, err := spared.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	train, val := len(d.SpotsIn(spared.Train)), len(d.SpotsIn(spared.Val))
	if share := float64(val) / float64(train+val); train+val != len(d.Spots) || share < 0.15 || share > 0.3 {
		t.Errorf("%d train and %d validation of %d spots", train, val, len(d.Spots))
	}
	if len(d.Correction) > 0 || d.Layers[spared.LayerCDLog].Data != nil {
		t.Error("one slide was batch corrected")
	}
	info := run("info", out).OK(t)
	if info.Stdout != r.Stdout {
		t.Error("info and build differ")
	}
	for _, part := range []string{"splits: one slide: blocks of its spots validate", "A1     train+val", "in spatial blocks, validate", "no batch correction"} {
		if !strings.Contains(info.Stdout, part) {
			t.Errorf("info lacks %q:\n%s", part, info.Stdout)
		}
	}
}

// TestOptions is the catalogue of what the options do.
func TestOptions(t *testing.T) {
	slides := clitest.Slides(t)
	a1, a2, b1 := filepath.Join(slides, "A1"), filepath.Join(slides, "A2"), filepath.Join(slides, "B1")
	for _, tc := range []struct {
		reason string
		args   []string
		splits string // slide:split, in the data set's order
		layer  string // that models learn from
		says   []string
	}{
		{"a parent folder stands for its slides", []string{slides}, "A1:train A2:val B1:test", "c_d_log1p", []string{"the smallest tests"}},
		{"two slides", []string{b1, a1}, "A1:train B1:val", "c_d_log1p", []string{"the larger trains"}},
		{"splits by name", []string{slides, "--train", "B1,A2", "--val", "A1"}, "A2:train B1:train A1:val", "c_d_log1p", []string{"as the recipe says"}},
		{"options may repeat", []string{a1, a2, b1, "--test", "A1", "--train", "A2", "--val", "B1"}, "A2:train B1:val A1:test", "c_d_log1p", nil},
		{"NAME=DIR names a slide", []string{"left=" + a1, "right=" + a2, "--train", "right", "--val", "left"}, "right:train left:val", "c_d_log1p", nil},
		{"a NAME for one and the folder's for another", []string{"left=" + a1, a2}, "left:train A2:val", "c_d_log1p", nil},
		{"no batch correction", []string{a1, a2, "--batch", "none"}, "A1:train A2:val", "d_log1p", []string{"note: no batch correction, as the recipe says"}},
		{"one patient is one batch, and no test of other patients", []string{a1, a2, "--batch", "patient", "--patient", "A1=anna,A2=anna", "--order", "released"}, "A1:train A2:val", "d_log1p",
			[]string{"note: one batch: no batch correction", `note: LEAK: patient "anna" is in two splits: slide "A1" (train) and slide "A2" (val)`}},
		{"sections of one patient in all splits", []string{a1, a2, "--patient", "A1=anna,A2=anna"}, "A1:train A2:val", "c_d_log1p", []string{"note: patient anna is in more than one split"}},
		{"patients are batches", []string{slides, "--batch", "patient", "--patient", "A1=anna,A2=anna,B1=ben"}, "A1:train A2:val B1:test", "c_d_log1p", nil},
		{"the published order", []string{slides, "--order", "released"}, "A1:train A2:val B1:test", "c_d_log1p", []string{", order released\n"}},
		{"counts per million", []string{slides, "--normalization", "cpm"}, "A1:train A2:val B1:test", "c_d_log1p", []string{", log2(CPM+1),", "layers: counts cpm log1p "}},
		{"scanpy's normalization", []string{slides, "--normalization", "lognorm"}, "A1:train A2:val B1:test", "c_d_log1p", []string{", ln(CP10K+1),", "layers: counts norm log1p "}},
		{"noisy layers", []string{slides, "--noisy"}, "A1:train A2:val B1:test", "c_d_log1p", []string{" noisy_c_d_deltas noisy_c_d_log1p\n"}},
		{"the counts of the panel", []string{slides, "--genes", "7"}, "A1:train A2:val B1:test", "c_d_log1p", []string{"\npanel: ", "their counts are in raw\n"}},
		{"without them", []string{slides, "--no-panel"}, "A1:train A2:val B1:test", "c_d_log1p", []string{"their counts are not in the file\n"}},
		{"fewer genes", []string{slides, "--genes", "7"}, "A1:train A2:val B1:test", "c_d_log1p", []string{" x 7 genes"}},
		{"the organism, said and true", []string{a1, "--organism", "human"}, "A1:train+val", "d_log1p", []string{", human, "}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "x.h5ad")
			r := run(append(append([]string{"build"}, tc.args...), "-o", out)...).OK(t)
			var s spared.Summary
			run("info", out, "--json").JSON(t, &s)
			var splits []string
			for _, sl := range s.Slides {
				splits = append(splits, sl.Name+":"+sl.Split)
			}
			if got := strings.Join(splits, " "); got != tc.splits {
				t.Errorf("splits %s, want %s", got, tc.splits)
			}
			if got := slices.Contains(s.Layers, spared.LayerCDLog); got != (tc.layer == spared.LayerCDLog) {
				t.Errorf("layers %v, want %s to be the last before deltas", s.Layers, tc.layer)
			}
			for _, part := range tc.says {
				if !strings.Contains(r.Stdout, part) {
					t.Errorf("it does not say %q:\n%s", part, r.Stdout)
				}
			}
		})
	}
}

// TestBatches checks what a batch is corrected by: patients have one line for
// all their slides.
func TestBatches(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.h5ad")
	run("build", clitest.Slides(t), "-o", out, "--batch", "patient", "--patient", "A1=anna,A2=anna,B1=ben").OK(t)
	d, err := spared.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Correction[spared.LayerCDLog].Batches; !slices.Equal(got, []string{"anna", "ben"}) {
		t.Errorf("batches %v", got)
	}
	d, err = spared.Open(built(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Correction[spared.LayerCDLog].Batches; !slices.Equal(got, []string{"A1", "A2", "B1"}) {
		t.Errorf("batches %v", got)
	}
}

// TestReleased checks that learning from all slides gives other numbers for
// the train slide than learning from it alone.
func TestReleased(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.h5ad")
	run("build", clitest.Slides(t), "-o", out, "--order", "released").OK(t)
	released, err := spared.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	clean, err := spared.Open(built(t))
	if err != nil {
		t.Fatal(err)
	}
	if released.Genes[0].ExpFrac == clean.Genes[0].ExpFrac && released.Genes[0].Moran == clean.Genes[0].Moran {
		t.Error("the gene filter learnt nothing from the other slides")
	}
	same := func(a, b []float32) bool { return slices.Equal(a, b) }
	row := func(d *spared.Dataset, layer string) []float32 { m := d.Layers[layer]; return m.Data[:m.Cols] }
	if !same(row(clean, spared.LayerDLog), row(clean, spared.LayerCDLog)) {
		t.Error("clean: the one train slide is the reference and should stay as it is")
	}
	if same(row(released, spared.LayerDLog), row(released, spared.LayerCDLog)) {
		t.Error("released: the train slide was not corrected")
	}
	if released.Manifest.Recipe.Order != spared.Released {
		t.Error("the file does not say that its order is released")
	}
}

// TestHostileName prints a slide whose name tries to steer the terminal.
func TestHostileName(t *testing.T) {
	hostile := "<b>'&\x1b[31m\u202e\u009b2J🧬\u2028"
	dir := filepath.Join(t.TempDir(), hostile)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(clitest.Slides(t), "A1"))); err != nil {
		t.Skipf("this file system has no such name: %v", err)
	}
	out := filepath.Join(t.TempDir(), "x.h5ad")
	r := run("build", dir, "-o", out).OK(t)
	r.Plain(t)
	if !strings.Contains(r.Stdout, `<b>'&?[31m??2J🧬?`) {
		t.Errorf("the name is not to be recognised:\n%s", r.Stdout)
	}
	var s spared.Summary
	run("info", out, "--json").JSON(t, &s)
	if s.Slides[0].Name != hostile {
		t.Errorf("the name reads back as %q", s.Slides[0].Name)
	}
	run("build", dir, "-o", out, "--train", hostile, "--val", hostile).Failed(t, "spared", "is in two splits")
	run("build", dir, "-o", out, "--train", "\x1b[2J\n\u202e").Failed(t, "spared", "no slide is called")
	run("info", "\x1b[2J\nspared: another line").Failed(t, "spared", "?[2J", "no such file")
	run("build", "</script>=x", "-o", out).Failed(t, "spared", "</script>=x", "no such folder")
}

// TestRecipe makes a data set anew from the recipe that it carries, from
// another folder: the same bytes. Options override the file.
func TestRecipe(t *testing.T) {
	dir := t.TempDir()
	first, second, file := filepath.Join(dir, "1.h5ad"), filepath.Join(dir, "2.h5ad"), filepath.Join(dir, "recipe.json")
	t.Chdir(clitest.Slides(t))
	run("build", "A1", "A2", "other=B1", "--train", "A1", "--val", "A2", "--test", "other", "--patient", "A1=anna,A2=anna,other=ben", "--label", "A1:site=left",
		"--order", "released", "--genes", "9", "--graph", "radius", "--radius", "1.2", "--transposed", "--normalization", "cpm", "--noisy", "-o", first).OK(t)
	r := run("info", first, "--recipe").OK(t)
	r.Plain(t)
	if err := os.WriteFile(file, []byte(r.Stdout), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	run("build", "--recipe", file, "-o", second).OK(t)
	if !bytes.Equal(read(t, first), read(t, second)) {
		t.Error("the recipe of a data set gave another one")
	}
	var s spared.Summary
	run("build", "--recipe", file, "-o", second, "--genes", "8", "--val", "A1", "--train", "A2,other", "--graph", "knn", "--json").JSON(t, &s)
	d, err := spared.Open(second)
	if err != nil {
		t.Fatal(err)
	}
	got := d.Manifest.Recipe
	if s.Genes != 8 || got.Genes != 8 || !slices.Equal(got.Val, []string{"A1"}) || got.Test != nil || got.Graph != spared.GraphKNN || got.Radius != 0 ||
		got.Neighbors != 6 || got.Normalization != spared.CPM || got.Labels["A1"]["site"] != "left" || got.Patients["other"] != "ben" {
		t.Errorf("options over the recipe gave %+v", got)
	}
	run("build", "--recipe", file, filepath.Join(clitest.Slides(t), "A1"), "--train", "A1", "-o", second).Failed(t, "spared", `"A2"`, `"anna"`, "there are: A1")
	run("info", first, "--recipe", "--json").Failed(t, "spared", "recipe", "json")
}

func TestRecipeRefuses(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "recipe.json"), filepath.Join(dir, "x.h5ad")
	a1 := filepath.Join(clitest.Slides(t), "A1")
	for _, tc := range []struct {
		reason, text string
		args, want   []string
	}{
		{"a key that no recipe has", `{"gene_maximum": 3}`, []string{a1}, []string{"recipe.json", "gene_maximum", "gene_max"}},
		{"no slides at all", `{"genes": 3}`, nil, []string{"names no slide"}},
		{"a value that makes no sense", `{"hops": 99}`, []string{a1}, []string{"99 hops"}},
		{"an option that makes none", `{}`, []string{a1, "--normalization", "rpkm"}, []string{`"rpkm"`, "lognorm"}},
		{"a label without a slide", `{}`, []string{a1, "--label", "site=left"}, []string{"--label site=left", "SLIDE:KEY=VALUE"}},
		{"a label of no slide", `{}`, []string{a1, "--label", "Z:site=left"}, []string{`"Z"`, "there are: A1"}},
		{"a gene list that is not there", `{}`, []string{a1, "--gene-list", filepath.Join(dir, "none.txt")}, []string{"none.txt", "no such file"}},
		{"no neighbours", `{}`, []string{a1, "--neighbors", "0"}, []string{"--neighbors 0", "more than 0"}},
	} {
		if err := os.WriteFile(file, []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Run(tc.reason, func(t *testing.T) {
			run(append([]string{"build", "--recipe", file, "-o", out}, tc.args...)...).Failed(t, "spared", tc.want...)
		})
	}
	run("build", "--recipe", filepath.Join(dir, "absent.json"), "-o", out).Failed(t, "spared", "absent.json", "no such file")
}

func TestGeneList(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "genes.txt"), filepath.Join(dir, "x.h5ad")
	if err := os.WriteFile(file, []byte("KRT8 1 2\r\n\nKRT19\nnowhere"), 0o644); err != nil {
		t.Fatal(err)
	}
	var s spared.Summary
	r := run("build", clitest.Slides(t), "--gene-list", file, "-o", out, "--json")
	r.JSON(t, &s)
	if s.Genes != 2 || !slices.Contains(s.TopGenes, "KRT8") || !slices.Contains(s.TopGenes, "KRT19") {
		t.Errorf("genes %v", s.TopGenes)
	}
	if !slices.ContainsFunc(s.Notes, func(n string) bool {
		return strings.Contains(n, "1 gene of the gene list is not in all slides: nowhere")
	}) {
		t.Errorf("notes %q", s.Notes)
	}
}

// TestTwin gives one slide two names in two splits.
func TestTwin(t *testing.T) {
	a1, a2 := filepath.Join(clitest.Slides(t), "A1"), filepath.Join(clitest.Slides(t), "A2")
	out := filepath.Join(t.TempDir(), "x.h5ad")
	args := []string{"build", a1, "twin=" + a1, a2, "--train", "A1", "--val", "twin", "--test", "A2", "-o", out}
	run(args...).Failed(t, "spared", `slide "A1" (train) and slide "twin" (val) hold the same counts`, "leave one of them out")
	if r := run(append(args, "--order", "released")...).OK(t); !strings.Contains(r.Stdout, "note: LEAK: slide ") {
		t.Errorf("the released order does not tell:\n%s", r.Stdout)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSameBytes builds twice, in two places, and on one core and on two, and
// wants the same file.
func TestSameBytes(t *testing.T) {
	dir := t.TempDir()
	for _, cores := range []string{"1", "2"} {
		out := filepath.Join(dir, cores+".h5ad")
		clitest.Start(t, func(c *exec.Cmd) { c.Env = append(c.Env, "GOMAXPROCS="+cores) }, "build", clitest.Slides(t), "-o", out).OK(t)
		if !bytes.Equal(read(t, out), read(t, built(t))) {
			t.Errorf("GOMAXPROCS=%s gave another file", cores)
		}
	}
}
