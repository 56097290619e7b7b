package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/internal/cli/clitest"
	"github.com/spatialgo/spatialgo/spackle"
)

// spoilt returns a copy of a file after edit.
func spoilt(t *testing.T, path string, edit func([]byte) []byte) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "spoilt-"+filepath.Base(path))
	if err := os.WriteFile(to, edit(b), 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}

func half(b []byte) []byte { return b[:len(b)/2] }

// TestRefuses gives the commands what they cannot use. Each time one line must
// say what is wrong and where, and the disk must be as it was.
func TestRefuses(t *testing.T) {
	data, other, single, dir := three(t), fewer(t), lone(t), model(t)
	absent := filepath.Join(t.TempDir(), "absent.h5ad")
	text := spoilt(t, data, func([]byte) []byte { return []byte("genes,counts\n") })
	cut := spoilt(t, data, half)
	garbled := spoilt(t, data, func(b []byte) []byte { // where it describes itself
		return append(bytes.Repeat([]byte{0xa5}, 4096), b[4096:]...)
	})
	counts := filepath.Join(clitest.Slides(t), "A1", "filtered_feature_bc_matrix.h5")
	empty := t.TempDir()
	modelFile := filepath.Join(dir, "model.safetensors")
	bit := spoilt(t, modelFile, func(b []byte) []byte {
		b[len(b)-100] ^= 1
		return b
	})
	bare := filepath.Join(t.TempDir(), "bare.safetensors")
	if err := os.WriteFile(bare, []byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	type row struct {
		reason string
		args   []string // OUT stands for a file that is there, DIR for its folder
		want   []string
	}
	var rows []row
	// What is no data set, for each command.
	for name, args := range map[string][]string{
		"train": {"-o", "DIR/model"}, "complete": {"--model", dir, "-o", "OUT"}, "eval": {"--model", dir},
	} {
		for _, bad := range []row{
			{"no such data set", []string{absent}, []string{absent + ": no such file; ", "spared build"}},
			{"text", []string{text}, []string{text, "not an HDF5 file"}},
			{"a data set cut off", []string{cut}, []string{cut, "ends too early"}},
			{"a damaged data set", []string{garbled}, []string{garbled}},
			{"HDF5 of another kind", []string{counts}, []string{counts}},
			{"a folder", []string{empty}, []string{empty, "folder"}},
			{"no argument", nil, []string{"1 arg", "spackle " + name + " --help"}},
		} {
			rows = append(rows, row{name + ": " + bad.reason, append(append([]string{name}, bad.args...), args...), bad.want})
		}
	}
	// What is no model, for each command.
	for name, args := range map[string][]string{"complete": {data, "-o", "OUT", "--model"}, "eval": {data, "--model"}} {
		for _, bad := range []row{
			{"no such model", []string{absent}, []string{"no trained model: " + absent + ": file does not exist", "train one"}},
			{"an empty folder for a model", []string{empty}, []string{"no trained model: " + filepath.Join(empty, "model.safetensors") + ": file does not exist"}},
			{"a data set for a model", []string{data}, []string{data, "not a safetensors file"}},
			{"a text for a model", []string{text}, []string{text, "not a safetensors file"}},
			{"weights alone for a model", []string{bare}, []string{bare, "no spatialgo.model in its metadata"}},
			{"a model cut off", []string{spoilt(t, modelFile, half)}, []string{"model.safetensors", "cut short"}},
			{"a bit of the weights changed", []string{bit}, []string{bit, "damaged", "train anew"}},
		} {
			rows = append(rows, row{name + ": " + bad.reason, append(append([]string{name}, args...), bad.args...), bad.want})
		}
	}
	rows = append(rows, []row{
		{"train: no output", []string{"train", data}, []string{`"output" not set`, "spackle train --help"}},
		{"train: the output is a file", []string{"train", data, "-o", "OUT"}, []string{"OUT is a file", "folder"}},
		{"train: the output is below a file", []string{"train", data, "-o", "OUT/model"}, []string{"OUT/model cannot be a folder", "model in: not a directory"}},
		{"train: negative steps", []string{"train", data, "-o", "DIR/m", "--steps", "-5"}, []string{"--steps -5", "more than 0"}},
		{"train: no steps, which stands for the default", []string{"train", data, "-o", "DIR/m", "--steps", "0"}, []string{"--steps 0", "more than 0"}},
		{"train: steps that are no number", []string{"train", data, "-o", "DIR/m", "--steps", "many"}, []string{"--steps", `"many"`, "spackle train --help"}},
		{"train: a negative batch", []string{"train", data, "-o", "DIR/m", "--batch", "-1"}, []string{"--batch -1"}},
		{"train: a rate that is no number", []string{"train", data, "-o", "DIR/m", "--lr", "NaN"}, []string{"--lr NaN"}},
		{"train: an infinite rate", []string{"train", data, "-o", "DIR/m", "--lr", "+Inf"}, []string{"learning rate +Inf", "finite"}},
		{"train: a negative warm-up", []string{"train", data, "-o", "DIR/m", "--warmup", "-1"}, []string{"warm-up -1"}},
		{"train: nonsense for a start", []string{"train", data, "-o", "DIR/m", "--start", "moon"}, []string{`"moon"`, `"means" or "torch"`}},
		{"train: wider than memory has room for", []string{"train", data, "-o", "DIR/m", "--width", "1000000000"}, []string{"width 1000000000: want at most 8192"}},
		{"train: an output without a name", []string{"train", data, "-o", ""}, []string{"--output is empty"}},
		{"train: a layer that is not there", []string{"train", single, "-o", "DIR/m", "--layer", "c_d_log1p"}, []string{`error: the data set has no layer "c_d_log1p"`, ", d_log1p"}},
		{"complete: SpaCKLE without a model", []string{"complete", data, "--method", "spackle", "-o", "OUT"}, []string{"needs --model", "spackle train"}},
		{"complete: a model for another method", []string{"complete", data, "--method", "kernel", "--model", dir, "-o", "OUT"}, []string{"--model is for the method spackle", "kernel"}},
		{"complete: nonsense for a method", []string{"complete", data, "--method", "moon", "-o", "OUT"}, []string{`"moon"`, "spackle, zero"}},
		{"complete: no output", []string{"complete", data, "--model", dir}, []string{`"output" not set`}},
		{"complete: the output is a folder", []string{"complete", data, "--model", dir, "-o", "DIR"}, []string{"error: DIR is a folder"}},
		{"complete: the output's folder is not there", []string{"complete", data, "--model", dir, "-o", "DIR/new/x.h5ad"}, []string{"error: cannot write DIR/new/x.h5ad: its folder does not exist; make it first"}},
		{"complete: the output is the model", []string{"complete", data, "--model", dir, "-o", modelFile}, []string{modelFile + " is read here, and would be lost"}},
		{"complete: the output is the model that was named", []string{"complete", data, "--model", modelFile, "-o", modelFile}, []string{"would be lost"}},
		{"complete: an output without a name", []string{"complete", data, "-o", ""}, []string{"--output is empty"}},
		{"complete: a model without a name, not the default method", []string{"complete", data, "--model", "", "-o", "OUT"}, []string{"--model is empty"}},
		{"complete: data without a name", []string{"complete", "", "-o", "OUT"}, []string{"name of the data set is empty"}},
		{"complete: a model of other genes", []string{"complete", other, "--model", dir, "-o", "OUT"}, []string{"32 genes", "20", "is missing"}},
		{"complete: a model of a layer that is not there", []string{"complete", single, "--model", dir, "-o", "OUT"}, []string{`error: the model was trained on layer "c_d_log1p"`, ", d_log1p"}},
		{"eval: a model of other genes", []string{"eval", other, "--model", dir}, []string{"32 genes", "20", "is missing"}},
		{"eval: nonsense for a method", []string{"eval", data, "--method", "median,moon"}, []string{`"moon"`, strings.Join(methodNames(), ", ")}},
		{"eval: no method", []string{"eval", data, "--method", ""}, []string{"--method"}},
		{"eval: a method twice", []string{"eval", data, "--method", "median,median"}, []string{`two methods are called "median"`}},
		{"eval: SpaCKLE without a model", []string{"eval", data, "--method", "spackle"}, []string{"needs --model", "spackle train"}},
		{"eval: nonsense for a rule", []string{"eval", data, "--rule", "moon"}, []string{`"moon"`, "p30 or pmed"}},
		{"eval: a share of nothing for a rule", []string{"eval", data, "--rule", "p0"}, []string{`"p0"`, "p2 to p99"}},
		{"eval: nonsense for an order", []string{"eval", data, "--order", "moon"}, []string{"--order moon", "clean or released"}},
		{"eval: two questions", []string{"eval", data, "--sweep", "--split-counts"}, []string{"--sweep and --split-counts are two questions"}},
		{"eval: a rule for a sweep", []string{"eval", data, "--sweep", "--rule", "p30"}, []string{"--rule has no part in --sweep"}},
		{"eval: masks for a truth", []string{"eval", data, "--truth", "DIR", "--masks", "2"}, []string{"--masks has no part in --truth"}},
		{"eval: a truth that is not there", []string{"eval", data, "--truth", "DIR"}, []string{"--truth DIR"}},
		{"eval: a folder to resume without a sweep", []string{"eval", data, "--resume", "DIR"}, []string{"--resume is for --sweep"}},
		{"eval: a file to resume from", []string{"eval", data, "--sweep", "--resume", "OUT"}, []string{"OUT"}},
		{"eval: fewer resamples than none", []string{"eval", data, "--bootstrap", "-1"}, []string{"--bootstrap -1"}},
		{"eval: a table in a folder that is not there", []string{"eval", data, "--csv", "DIR/new/x.csv"}, []string{"cannot write DIR/new/x.csv", "make it first"}},
		{"eval: a folder for a table", []string{"eval", data, "--genes-csv", "DIR"}, []string{"DIR is a folder"}},
		{"eval: one file for two tables", []string{"eval", data, "--csv", "DIR/x.csv", "--genes-csv", "DIR/x.csv"}, []string{"--csv and --genes-csv are both DIR/x.csv"}},
		{"eval: the data set for a table", []string{"eval", data, "--csv", data}, []string{data + " is read here, and would be lost"}},
		{"eval: the model for a table", []string{"eval", data, "--model", dir, "--genes-csv", modelFile}, []string{"would be lost"}},
		{"eval: a data set's name for a table", []string{"eval", data, "--csv", "OUT"}, []string{"OUT: a table is text"}},
		{"eval: a table without a name", []string{"eval", data, "--csv", ""}, []string{"--csv is empty"}},
		{"eval: more resamples than memory has room for", []string{"eval", data, "--bootstrap", "99999999999"}, []string{"--bootstrap 99999999999: want 0 to 10000"}},
		{"eval: a model that no method takes", []string{"eval", data, "--model", dir, "--method", "median,kernel"}, []string{"--model is for the method spackle", "median,kernel"}},
		{"eval: no gene, which stands for all", []string{"eval", data, "--targets", "0"}, []string{"--targets 0", "more than 0"}},
		{"eval: genes of split counts", []string{"eval", data, "--split-counts", "--genes-csv", "DIR/x.csv"}, []string{"--genes-csv has no part"}},
		{"eval: nonsense for a split", []string{"eval", data, "--split", "moon"}, []string{"--split moon", "train, val or test"}},
		{"eval: the split none", []string{"eval", data, "--split", "none"}, []string{"--split none", "train, val or test"}},
		{"eval: a split that is not there", []string{"eval", single, "--split", "test"}, []string{"no spot is in the test split"}},
		{"eval: no mask", []string{"eval", data, "--masks", "0"}, []string{"--masks 0", "more than 0"}},
		{"eval: fewer masks than none", []string{"eval", data, "--masks", "-2"}, []string{"--masks -2", "more than 0"}},
		{"eval: more genes than there are", []string{"eval", data, "--targets", "33"}, []string{"33 of 32 genes"}},
		{"eval: seed 0, which stands for the default", []string{"eval", data, "--seed", "0"}, []string{"--seed 0"}},
	}...)
	for _, tc := range rows {
		t.Run(tc.reason, func(t *testing.T) {
			folder := t.TempDir()
			out := filepath.Join(folder, "out.h5ad")
			if err := os.WriteFile(out, []byte("what was there"), 0o644); err != nil {
				t.Fatal(err)
			}
			place := strings.NewReplacer("OUT", out, "DIR", folder)
			var args, want []string
			for _, a := range tc.args {
				args = append(args, place.Replace(a))
			}
			for _, w := range tc.want {
				want = append(want, place.Replace(w))
			}
			before := clitest.Tree(t, folder)
			r := run(args...)
			r.Failed(t, "spackle", want...)
			if diff := cmp.Diff(before, clitest.Tree(t, folder)); diff != "" {
				t.Errorf("the output's folder changed:\n%s", diff)
			}
		})
	}
}

// TestFullDisk completes and trains where the result does not fit. A model
// that is there must stay readable.
func TestFullDisk(t *testing.T) {
	data, trained := three(t), model(t)
	const room = 6 << 20 // for the model that is there, not for a second one
	clitest.FullDisks(t, room, func(t *testing.T, dir string, change func(*exec.Cmd)) {
		if change != nil {
			t.Skip("a limit of files does not count what is there already, a disk does")
		}
		old := filepath.Join(dir, "model")
		if err := os.CopyFS(old, os.DirFS(trained)); err != nil {
			t.Fatal(err)
		}
		before := clitest.Tree(t, dir)
		r := clitest.Start(t, change, append([]string{"train", data, "-o", old, "--seed", "7"}, short...)...)
		r.Failed(t, "spackle", "saving the model", "no space left on device")
		if diff := cmp.Diff(before, clitest.Tree(t, dir)); diff != "" {
			t.Errorf("the folder changed:\n%s", diff)
		}
		if _, err := spackle.Load(old); err != nil {
			t.Errorf("the model that was there: %v", err)
		}
	})
	clitest.FullDisks(t, 64<<10, func(t *testing.T, dir string, change func(*exec.Cmd)) {
		out := filepath.Join(dir, "out.h5ad")
		if err := os.WriteFile(out, []byte("what was there"), 0o644); err != nil {
			t.Fatal(err)
		}
		before := clitest.Tree(t, dir)
		clitest.Start(t, change, "complete", data, "--model", trained, "-o", out).Failed(t, "spackle", out, "cannot be written")
		if diff := cmp.Diff(before, clitest.Tree(t, dir)); diff != "" {
			t.Errorf("the folder changed:\n%s", diff)
		}
		r := clitest.Start(t, change, append([]string{"train", data, "-o", filepath.Join(dir, "model")}, short...)...)
		r.Failed(t, "spackle", "saving the model")
		if left := clitest.Tree(t, filepath.Join(dir, "model")); len(left) != 1 {
			t.Errorf("a part of a model was left: %v", left)
		}
	})
}

// TestDiverged trains at a rate that cannot end well.
func TestDiverged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	r := run("train", three(t), "-o", dir, "--lr", "1e30", "--steps", "20", "--batch", "4")
	r.Failed(t, "spackle", "diverged", "lower learning rate")
	if strings.Contains(r.Stderr, "goes on from here") {
		t.Errorf("the same command would not go on:\n%s", r.Stderr)
	}
}
