package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/cli/clitest"
	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spared"
)

// TestMain has all tests use one engine: XLA on the processor where it is
// installed, else pure Go.
func TestMain(m *testing.M) {
	if os.Getenv(engine.EnvEngine) == "" {
		kind := "go"
		if e, err := engine.Open(engine.Options{Kind: engine.CPU}); err == nil {
			e.Close()
			kind = "cpu"
		}
		os.Setenv(engine.EnvEngine, kind)
	}
	clitest.Main(m, main)
}

// run runs the command in this process.
func run(args ...string) clitest.Result { return clitest.Run(root(), args...) }

// build makes a data set of some of the slides, or returns the one made before.
func build(t testing.TB, name string, r spared.Recipe, slides ...string) string {
	t.Helper()
	path := filepath.Join(clitest.Shared(), name+".h5ad")
	for _, s := range slides {
		r.Inputs = append(r.Inputs, spared.Input{Dir: filepath.Join(clitest.Slides(t), s)})
	}
	if _, err := spared.Build(context.Background(), r, path, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func three(t testing.TB) string { return build(t, "three", spared.Recipe{}, "A1", "A2", "B1") }
func lone(t testing.TB) string  { return build(t, "lone", spared.Recipe{}, "A1") }
func fewer(t testing.TB) string { return build(t, "fewer", spared.Recipe{Genes: 20}, "A1", "A2", "B1") }

// short is a training of a second or two.
var short = []string{"--steps", "20", "--batch", "2"}

// model trains on three, once.
func model(t testing.TB) string {
	t.Helper()
	data := three(t)
	dir, err := trained(data)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var trainOnce sync.Once

func trained(data string) (dir string, err error) {
	dir = filepath.Join(clitest.Shared(), "model")
	trainOnce.Do(func() {
		if r := run(append([]string{"train", data, "-o", dir}, short...)...); r.Code != 0 {
			err = fmt.Errorf("training: %s", r.Stderr)
		}
	})
	return dir, err
}

// TestHelp holds every word that teaches the command's use.
func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"train"}, {"grid"}, {"complete"}, {"eval"}, {"methods"}} {
		r := run(append(args, "--help")...).OK(t)
		if r.Stderr != "" || !strings.Contains(r.Stdout, "Examples:\n") {
			t.Errorf("%q: no example, or help on stderr: %s", args, r.Stderr)
		}
		clitest.Golden(t, strings.Join(append([]string{"spackle"}, args...), "_")+".help", r.Stdout)
	}
}

func TestProgram(t *testing.T) {
	if r := clitest.Start(t, nil, "--version").OK(t); r.Stdout != "spackle version "+spared.Version+"\n" {
		t.Errorf("--version prints %q", r.Stdout)
	}
	if r := clitest.Start(t, nil).OK(t); !strings.Contains(r.Stdout, "Available Commands:") {
		t.Errorf("without arguments it does not say what it can do:\n%s", r.Stdout)
	}
	clitest.Start(t, nil, "trian", "x").Failed(t, "spackle", `unknown command "trian"`, "train", "--help")
	r := clitest.Start(t, nil, "eval", three(t), "--method", "median", "--masks", "1").OK(t)
	r.Plain(t)
	if !strings.Contains(r.Stdout, "\n  median ") || !strings.Contains(r.Stderr, "evaluating 0/1: mask 1, median, slide B1") {
		t.Errorf("it prints\n%s%s", r.Stdout, r.Stderr)
	}
}

// TestTrainPrints trains, and opens what was trained.
func TestTrainPrints(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "model")
	args := append([]string{"train", three(t), "-o", dir}, short...)
	r := run(args...).OK(t)
	r.Plain(t)
	for _, part := range []string{dir + ": 20 steps on layer c_d_log1p, best validation MSE ", " parameters)\n"} {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("it lacks %q:\n%s", part, r.Stdout)
		}
	}
	for _, part := range []string{"engine: ", "\ntraining 1/20: loss ", "\ntraining 20/20: loss ", "val MSE"} {
		if !strings.Contains(r.Stderr, part) {
			t.Errorf("the news lack %q:\n%s", part, r.Stderr)
		}
	}
	before := clitest.Tree(t, dir)
	var got struct {
		Model, Layer, Engine string
		Steps                int
		BestStep             int     `json:"best_step"`
		BestValMSE           float64 `json:"best_val_mse"`
		Seed                 uint64
		Parameters           int
	}
	r = run(append(args, "--json")...)
	r.JSON(t, &got)
	if strings.Contains(r.Stderr, "training") {
		t.Errorf("it trained again:\n%s", r.Stderr)
	}
	if got.Model != dir || got.Layer != "c_d_log1p" || got.Steps != 20 || got.BestStep < 10 || got.BestValMSE <= 0 || got.Seed != 42 || got.Parameters < 1e6 || got.Engine == "" {
		t.Errorf("got %+v", got)
	}
	if after := clitest.Tree(t, dir); len(after) != 2 || after["model.safetensors"] == "" || after["model.safetensors"] != before["model.safetensors"] {
		t.Errorf("the folder holds %v", after)
	}
}

// TestComplete checks what complete writes, and that it opens it the next
// time.
func TestComplete(t *testing.T) {
	data, out := three(t), filepath.Join(t.TempDir(), "completed.h5ad")
	args := []string{"complete", data, "--model", model(t), "-o", out}
	before := clitest.Tree(t, filepath.Dir(data))[filepath.Base(data)]
	first := run(args...).OK(t)
	first.Plain(t)
	// The file in the folder is the model.
	run("complete", data, "--model", filepath.Join(model(t), "model.safetensors"), "-o", out).OK(t)
	if after := clitest.Tree(t, filepath.Dir(data))[filepath.Base(data)]; after != before {
		t.Error("the data set that was completed is not what it was")
	}
	ds, err := spared.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	done, err := spared.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	missing := checkCompleted(t, ds, done, spared.LayerCDLog)
	if want := fmt.Sprintf("%s: completed %d of %d values (%.1f %%) in layer c_t_log1p\n", out, missing, len(ds.Mask), 100*ds.Missing()); first.Stdout != want {
		t.Errorf("it says %q, want %q", first.Stdout, want)
	}
	if !strings.HasPrefix(done.Manifest.Completed, "spackle ") {
		t.Errorf("the file does not say what completed it: %q", done.Manifest.Completed)
	}
	info := stat(t, out)
	var got struct {
		Output, Layer, Engine string
		Completed, Values     int
	}
	r := run(append(args, "--json")...)
	r.JSON(t, &got)
	if got.Output != out || got.Layer != spared.LayerCTLog || got.Completed != missing || got.Values != len(ds.Mask) || got.Engine == "" {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(r.Stderr, "completing") || !os.SameFile(info, stat(t, out)) {
		t.Errorf("it completed again:\n%s", r.Stderr)
	}
	// A completed data set is not the one that build makes.
	want, err := spared.ReadManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	if have, err := spared.ReadManifest(out); err != nil || have.Fingerprint() == want.Fingerprint() {
		t.Errorf("build would take the completed file for its own (%v)", err)
	}
	// In place: the model's input is still there.
	run("complete", out, "--model", model(t), "-o", out).OK(t)
	again, err := spared.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	checkCompleted(t, ds, again, spared.LayerCDLog)
}

// TestCompleteByDefault completes without a model and without saying how.
func TestCompleteByDefault(t *testing.T) {
	for name, data := range map[string]string{"three slides": three(t), "a lone slide": lone(t)} {
		out := filepath.Join(t.TempDir(), "completed.h5ad")
		r := run("complete", data, "-o", out).OK(t)
		r.Plain(t)
		if !strings.Contains(r.Stderr, "method: poisson-factor") || !strings.Contains(r.Stdout, "further layers: c_t_log1p_sd, t_log1p_rate\n") {
			t.Errorf("%s: it does not say what it did:\n%s%s", name, r.Stdout, r.Stderr)
		}
		ds, err := spared.Open(data)
		if err != nil {
			t.Fatal(err)
		}
		done, err := spared.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		from := spared.LayerCDLog
		if name == "a lone slide" {
			from = spared.LayerDLog
		}
		checkCompleted(t, ds, done, from)
		var got struct {
			Method string
			More   []string `json:"more_layers"`
		}
		again := run("complete", data, "-o", out, "--json")
		again.JSON(t, &got)
		if got.Method != "poisson-factor" || len(got.More) != 2 || strings.Contains(again.Stderr, "completing") {
			t.Errorf("%s: the second time: %+v\n%s", name, got, again.Stderr)
		}
		// Another method, named as tables print it, replaces all of it.
		run("complete", out, "--method", "Kernel", "-o", out).OK(t)
		if done, err = spared.Open(out); err != nil {
			t.Fatal(err)
		}
		if names := done.LayerNames(); slices.Contains(names, spared.LayerRate) || slices.Contains(names, spared.LayerCTLogSD) {
			t.Errorf("%s: layers of another method are still there: %v", name, names)
		}
		checkCompleted(t, ds, done, from)
	}
}

// checkCompleted checks the completed layer against the layer it was made from
// and returns the number of missing values.
func checkCompleted(t *testing.T, ds, done *spared.Dataset, from string) (missing int) {
	t.Helper()
	c, err := done.Layer(spared.LayerCTLog)
	if err != nil {
		t.Fatal(err)
	}
	was, err := ds.Layer(from)
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for i, measured := range ds.Mask {
		switch {
		case measured && c.Data[i] != was.Data[i]:
			t.Fatalf("a measured value changed from %g to %g", was.Data[i], c.Data[i])
		case !measured:
			missing++
			if c.Data[i] != was.Data[i] {
				changed++
			}
		}
	}
	if changed < missing*9/10 {
		t.Errorf("only %d of %d missing values differ from the median's", changed, missing)
	}
	return missing
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// TestEvalPrints looks at the table, the object, and that they agree.
func TestEvalPrints(t *testing.T) {
	data, dir := three(t), model(t)
	r := run("eval", data, "--model", dir, "--masks", "2").OK(t)
	r.Plain(t)
	var e spackle.Evaluation
	j := run("eval", data, "--model", dir, "--masks", "2", "--json")
	j.JSON(t, &e)
	if len(e.Methods) != 4 || e.Methods[3].Name != "spackle" || e.Split != "test" || e.Masks != 2 || e.Rule != "p30" || e.Seed != 42 || e.Engine == "none" || e.Unit == "" || len(e.Data.Slides) != 1 {
		t.Errorf("got %+v", e)
	}
	for _, part := range []string{
		fmt.Sprintf("%s: %d spots x 32 genes of split test (B1), rule p30, 2 masks, order clean, unit log2(TPM+1)\n", data, e.Data.Spots),
		"method", "MSE", "PCC-gene", fmt.Sprintf(" spackle  %.3f  %.3f", e.Methods[3].MSE, e.Methods[3].MSESD),
		"note: splits: by slide: the smallest tests", "note: spackle: the weights of step ",
	} {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("it lacks %q:\n%s", part, r.Stdout)
		}
	}
	if n := strings.Count(r.Stderr, "evaluating"); n != 2 {
		t.Errorf("%d lines of news in less than ten seconds, want the first and the last:\n%s", n, r.Stderr)
	}
}

// TestEvalOptions is the catalogue of what the options of eval do.
func TestEvalOptions(t *testing.T) {
	eval := func(args ...string) spackle.Evaluation {
		t.Helper()
		var e spackle.Evaluation
		run(append([]string{"eval", three(t), "--json"}, args...)...).JSON(t, &e)
		for i := range e.Methods {
			e.Methods[i].Seconds = 0
		}
		return e
	}
	names := func(e spackle.Evaluation) (n []string) {
		for _, m := range e.Methods {
			n = append(n, m.Name)
		}
		return n
	}
	base := eval()
	if got := names(base); !slices.Equal(got, []string{"median", "kernel", "poisson factor"}) || base.Masks != 3 || base.Engine != "none" {
		t.Errorf("without a model and options: %v, %d masks, engine %s", got, base.Masks, base.Engine)
	}
	if again := eval("--seed", "42", "--masks", "3", "--rule", "p30", "--split", "test"); again.Methods[0].MSE != base.Methods[0].MSE {
		t.Error("the defaults written out give other numbers")
	}
	for _, tc := range []struct {
		reason string
		args   []string
		check  func(e spackle.Evaluation) bool
	}{
		{"methods in the order asked for", []string{"--method", "mean,knn", "--method", "median"}, func(e spackle.Evaluation) bool { return slices.Equal(names(e), []string{"gene mean", "knn", "median"}) }},
		{"all that needs no model", []string{"--method", "all", "--masks", "1"}, func(e spackle.Evaluation) bool {
			return len(e.Methods) == len(spackle.Methods()) && !slices.Contains(names(e), "spackle")
		}},
		{"values of the most spatial genes only", []string{"--targets", "8", "--masks", "1"}, func(e spackle.Evaluation) bool {
			return e.Data.Genes == 8 && e.Methods[0].N < base.Methods[0].N/6
		}},
		{"another seed hides other values", []string{"--seed", "7"}, func(e spackle.Evaluation) bool { return e.Seed == 7 && e.Methods[0].MSE != base.Methods[0].MSE }},
		{"the other rule hides another number", []string{"--rule", "pmed"}, func(e spackle.Evaluation) bool { return e.Rule == "pmed" && e.Methods[0].N != base.Methods[0].N }},
		{"one mask has no spread", []string{"--masks", "1"}, func(e spackle.Evaluation) bool {
			return e.Masks == 1 && e.Methods[0].MSESD == 0 && e.Methods[0].N < base.Methods[0].N
		}},
		{"the validation slide", []string{"--split", "val"}, func(e spackle.Evaluation) bool {
			return e.Split == "val" && slices.Equal(e.Data.Slides, []string{"A2"})
		}},
		{"the train slide, with a warning", []string{"--split", "train"}, func(e spackle.Evaluation) bool {
			return e.Split == "train" && slices.ContainsFunc(e.Notes, func(n string) bool { return strings.Contains(n, "too low") })
		}},
	} {
		if e := eval(tc.args...); !tc.check(e) {
			t.Errorf("%s: got %+v", tc.reason, e)
		}
	}
	released := build(t, "released", spared.Recipe{Order: spared.Released}, "A1", "A2", "B1")
	r := run("eval", released, "--masks", "1").OK(t)
	for _, part := range []string{"order released", "note: order released: gene filter, gene choice and batch correction were learnt from all splits together"} {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("it does not say %q:\n%s", part, r.Stdout)
		}
	}
}

// TestNeverMeasured completes a slide that has no value of a gene: that must be
// said, with the gene's name, whatever is in it.
func TestNeverMeasured(t *testing.T) {
	ds, err := spared.Open(three(t))
	if err != nil {
		t.Fatal(err)
	}
	const gene, hostile = 3, "GE\nNE\x1b[31m<b>"
	ds.Genes[gene].Symbol = hostile
	counts := ds.Layers[spared.LayerCounts]
	for _, i := range ds.SpotsOf(1) {
		ds.Mask[i*len(ds.Genes)+gene], counts.Data[i*counts.Stride+gene] = false, 0
	}
	path := filepath.Join(t.TempDir(), "never.h5ad")
	if err := spared.Save(ds, path); err != nil {
		t.Fatal(err)
	}
	args := []string{"complete", path, "-o", filepath.Join(t.TempDir(), "completed.h5ad")}
	r := run(args...).OK(t)
	r.Plain(t)
	if want := "note: slide " + ds.Sections[1].Name + " has no measured value of GE?NE?[31m<b>: "; !strings.Contains(r.Stdout, want) {
		t.Errorf("it does not say %q:\n%s", want, r.Stdout)
	}
	var got struct{ Notes []string }
	run(append(args, "--json")...).JSON(t, &got)
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], hostile) {
		t.Errorf("notes %q", got.Notes)
	}
}

// TestTrainOverAnother trains into the folder of a finished model: that it will
// be replaced must be said before it is.
func TestTrainOverAnother(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	args := append([]string{"train", three(t), "-o", dir}, short...)
	const says = "holds the model of another training (20 steps"
	if r := run(args...).OK(t); strings.Contains(r.Stderr, says) {
		t.Errorf("of a folder that is new it says\n%s", r.Stderr)
	}
	if r := run(args...).OK(t); strings.Contains(r.Stderr, says) {
		t.Errorf("of the same training it says\n%s", r.Stderr)
	}
	r := run(append(args, "--seed", "7")...).OK(t)
	if at := strings.Index(r.Stderr, "note: "+dir+" "+says); at < 0 || at > strings.Index(r.Stderr, "training 1/") {
		t.Errorf("it does not say first that %q:\n%s", says, r.Stderr)
	}
}

// TestLoneSlide takes one slide all the way. That its spots were divided must
// be said with the numbers.
func TestLoneSlide(t *testing.T) {
	data, dir := lone(t), filepath.Join(t.TempDir(), "model")
	r := run("train", data, "-o", dir, "--steps", "10", "--batch", "4").OK(t)
	if !strings.Contains(r.Stdout, "on layer d_log1p") {
		t.Errorf("one slide has no batch correction to learn from:\n%s", r.Stdout)
	}
	out := filepath.Join(t.TempDir(), "completed.h5ad")
	run("complete", data, "--model", dir, "-o", out).OK(t)
	ds, err := spared.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	done, err := spared.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	checkCompleted(t, ds, done, spared.LayerDLog)
	r = run("eval", out, "--model", dir, "--masks", "1").OK(t)
	for _, part := range []string{
		fmt.Sprintf("%d spots x 32 genes of split val (A1)", len(ds.SpotsIn(spared.Val))), " spackle  ",
		"note: splits: one slide: blocks of its spots validate", fmt.Sprintf("note: one slide: %d of its %d spots, in spatial blocks, validate", len(ds.SpotsIn(spared.Val)), len(ds.Spots)),
		"note: values are hidden on the val spots of A1 only; its other spots stay visible", "the validation spots also chose the checkpoint",
	} {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("it lacks %q:\n%s", part, r.Stdout)
		}
	}
}

// TestHostileNames evaluates a data set whose slide's name and notes try to
// steer the terminal.
func TestHostileNames(t *testing.T) {
	ds, err := spared.Open(lone(t))
	if err != nil {
		t.Fatal(err)
	}
	hostile := "<b>\x1b[31m\u202e🧬"
	ds.Sections[0].Name = hostile
	ds.Manifest.Notes = append(ds.Manifest.Notes, "a note\x1b[2J\nnote: another")
	ds.Manifest.Splits = "\u2066\x07"
	ds.Manifest.Recipe.Order = "clean\x1b[1m"
	ds.Layers["x\x1b[5m"] = blas32.General{Rows: len(ds.Spots), Cols: len(ds.Genes), Stride: len(ds.Genes), Data: make([]float32, len(ds.Mask))}
	path := filepath.Join(t.TempDir(), "hostile.h5ad")
	if err := spared.Save(ds, path); err != nil {
		t.Fatal(err)
	}
	r := run("eval", path, "--masks", "1").OK(t)
	r.Plain(t)
	if !strings.Contains(r.Stdout, "<b>?[31m?🧬") {
		t.Errorf("the name is not to be recognised:\n%s", r.Stdout)
	}
	var e spackle.Evaluation
	run("eval", path, "--masks", "1", "--json").JSON(t, &e)
	if e.Data.Slides[0] != hostile {
		t.Errorf("the name reads back as %q", e.Data.Slides[0])
	}
	run("train", path, "-o", t.TempDir(), "--layer", "no").Failed(t, "spackle", "x?[5m")
}

// TestInterrupt stops a training with Ctrl-C and takes it up again: in the end
// there must be the same bytes as without.
func TestInterrupt(t *testing.T) {
	data := build(t, "pair", spared.Recipe{}, "A1", "A2")
	args := func(dir string) []string {
		return []string{"train", data, "-o", dir, "--steps", "60", "--batch", "2"}
	}
	whole := t.TempDir()
	c := clitest.Begin(t, "training 1/", args(whole)...)
	start := time.Now()
	c.Wait().OK(t)
	took := time.Since(start)
	want := clitest.Tree(t, whole)

	dir := filepath.Join(t.TempDir(), "model")
	stops := 0
	for delay, tries := took/2, 0; stops == 0; tries++ {
		if tries == 12 {
			t.Fatal("never came to stop a training that had been validated")
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		c := clitest.Begin(t, "training 1/", args(dir)...)
		time.Sleep(delay)
		c.Signal(os.Interrupt)
		r := c.Wait()
		switch {
		case r.Code == 0 || r.Code == -1: // too late
			delay = delay * 2 / 3
		case r.Code != 130 || r.Stdout != "":
			t.Fatalf("status %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
		case !strings.Contains(r.Stderr, "kept the best model so far"): // too early
			delay = delay * 4 / 3
		default:
			stops++
			checkStopped(t, r, dir)
		}
	}
	r := clitest.Start(t, nil, args(dir)...).OK(t)
	if strings.Contains(r.Stderr, "training 1/60") {
		t.Errorf("it began anew:\n%s", r.Stderr)
	}
	got := clitest.Tree(t, dir)
	if file := "model.safetensors"; got[file] == "" || got[file] != want[file] {
		t.Error("the model differs from that of an uninterrupted training")
	}
	if len(got) != len(want) {
		t.Errorf("left behind: %v", got)
	}
}

// checkStopped looks at what an interrupted training says and leaves.
func checkStopped(t *testing.T, r clitest.Result, dir string) {
	t.Helper()
	r.Plain(t)
	for _, part := range []string{"kept the best model so far (step ", ") in " + dir + "\n", "the same command goes on from here\n", "\nspackle: stopped: training stopped at step "} {
		if !strings.Contains(r.Stderr, part) {
			t.Errorf("it does not say %q:\n%s", part, r.Stderr)
		}
	}
	m, err := spackle.Load(dir)
	if err != nil {
		t.Fatalf("the best model so far cannot be read: %v", err)
	}
	if m.Training.Finished() || m.Training.BestStep == 0 {
		t.Errorf("kept step %d of %d", m.Training.BestStep, m.Training.Step)
	}
}
