// Package clitest tests commands as a user meets them: it runs them, in this
// process or as one of their own, and looks at what they print, how they end
// and what they leave on the disk.
package clitest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spared/simulate"
	"github.com/spatialgo/spatialgo/spared/visium"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// asProgram tells a test binary to be the program that it tests.
const asProgram = "SPATIALGO_TEST_AS_PROGRAM"

// patience is how long a process may take, which none of the tests' comes near.
const patience = 2 * time.Minute

// shared is a folder for what all tests of a package use; Main removes it.
var shared string

// Main is for TestMain. Where Command started this process it is the program's
// main; else it runs the tests.
func Main(m *testing.M, program func()) {
	if os.Getenv(asProgram) != "" {
		program()
		return
	}
	var err error
	if shared, err = os.MkdirTemp("", "clitest"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(shared)
	os.Exit(code)
}

// Shared is a folder for what all tests of a package use, until they end.
func Shared() string { return shared }

// Command returns the program under test as a process that was not started
// yet, with the given arguments.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, self, args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	return c
}

// Result is what a command printed and how it ended.
type Result struct {
	Args           []string
	Code           int
	Stdout, Stderr string
}

// Run runs a command in this process.
func Run(root *cobra.Command, args ...string) Result {
	var out, err bytes.Buffer
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&err)
	code := cli.Main(root)
	return Result{args, code, out.String(), err.String()}
}

// Start runs a command as a process of its own, after change (which may be
// nil) has seen it.
func Start(t testing.TB, change func(*exec.Cmd), args ...string) Result {
	t.Helper()
	var out, errs bytes.Buffer
	c := Command(t, args...)
	c.Stdout, c.Stderr = &out, &errs
	if change != nil {
		change(c)
	}
	if err := c.Run(); c.ProcessState == nil {
		t.Fatal(err)
	}
	return Result{args, c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// Running is a command that runs as a process of its own.
type Running struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr watched
	ended  chan struct{}
}

// Begin starts a command as a process of its own and returns when that has
// said something on stderr that holds text, or has ended.
func Begin(t testing.TB, text string, args ...string) *Running {
	t.Helper()
	seen := make(chan struct{})
	r := &Running{cmd: Command(t, args...), stderr: watched{text: text, seen: seen}, ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait() // the status tells
		close(r.ended)
	}()
	select {
	case <-seen:
	case <-r.ended:
	}
	return r
}

// Signal sends a signal, if the process still runs.
func (r *Running) Signal(s os.Signal) { _ = r.cmd.Process.Signal(s) }

// Wait returns the result once the process has ended. Its Code is -1 where a
// signal ended it.
func (r *Running) Wait() Result {
	<-r.ended
	return Result{r.cmd.Args[1:], r.cmd.ProcessState.ExitCode(), r.stdout.String(), r.stderr.all.String()}
}

// watched collects what is written and tells when it holds a text.
type watched struct {
	all  bytes.Buffer
	text string
	seen chan struct{} // nil once it was told
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.all.Write(b)
	if w.seen != nil && strings.Contains(w.all.String(), w.text) {
		close(w.seen)
		w.seen = nil
	}
	return n, err
}

// OK fails the test unless the command succeeded.
func (r Result) OK(t testing.TB) Result {
	t.Helper()
	if r.Code != 0 {
		t.Fatalf("%q ended with %d:\n%s", r.Args, r.Code, r.Stderr)
	}
	return r
}

// Failed fails the test unless the command ended with status 1, printed
// nothing to stdout, and ended stderr with one line that begins with
// "<program>: error: " and holds all parts.
func (r Result) Failed(t testing.TB, program string, parts ...string) {
	t.Helper()
	if r.Code != 1 || r.Stdout != "" {
		t.Errorf("%q: status %d, stdout %q", r.Args, r.Code, r.Stdout)
	}
	r.Plain(t)
	lines := strings.Split(strings.TrimSuffix(r.Stderr, "\n"), "\n")
	last := lines[len(lines)-1]
	text, ok := strings.CutPrefix(last, program+": error: ")
	if !ok || strings.HasPrefix(text, program+":") || strings.Count(r.Stderr, ": error: ") != 1 {
		t.Errorf("%q: stderr does not end in one line of error:\n%s", r.Args, r.Stderr)
	}
	for _, part := range parts {
		if !strings.Contains(last, part) {
			t.Errorf("%q: the error lacks %q:\n%s", r.Args, part, last)
		}
	}
}

// Plain fails the test if anything was printed that acts on a terminal.
func (r Result) Plain(t testing.TB) {
	t.Helper()
	for name, text := range map[string]string{"stdout": r.Stdout, "stderr": r.Stderr} {
		if i := strings.IndexFunc(text, func(c rune) bool {
			return c != '\n' && unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)
		}); i >= 0 {
			t.Errorf("%q prints %q to %s", r.Args, text[i:min(i+10, len(text))], name)
		}
	}
}

// JSON reads stdout, which must be exactly one JSON object, into v.
func (r Result) JSON(t testing.TB, v any) {
	t.Helper()
	r.OK(t)
	r.Plain(t)
	dec := json.NewDecoder(strings.NewReader(r.Stdout))
	if err := dec.Decode(v); err != nil {
		t.Fatalf("%q: %v in:\n%s", r.Args, err, r.Stdout)
	}
	rest := r.Stdout[dec.InputOffset():]
	if !strings.HasPrefix(r.Stdout, "{") || rest != "\n" {
		t.Errorf("%q: stdout is not one JSON object and a line break; after it comes %q", r.Args, rest)
	}
}

// Golden compares text with testdata/<name>; the flag -update writes it.
func Golden(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s\n(if that is as it should be: go test -update)", path, got, want)
	}
}

// Tree returns the files and folders below dir with their kind and, of files,
// a digest of their bytes.
func Tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		tree[name] = d.Type().String()
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			tree[name] += fmt.Sprintf(" %d bytes %x", len(b), sha256.Sum256(b))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// Slides returns a folder with three small simulated slides, without pictures,
// as Space Ranger writes them: A1 (the largest), A2 and B1 (the smallest). It
// is made once and must stay as it is; CopySlide makes one to be changed.
func Slides(t testing.TB) string {
	t.Helper()
	dir, err := slides()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var slides = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(shared, "slides")
	x, err := simulate.Generate(context.Background(), simulate.Options{Genes: 200, Slides: []simulate.SlideSpec{
		{Name: "A1", Subject: "anna", Rows: 13, Cols: 13},
		{Name: "A2", Subject: "anna", Rows: 10, Cols: 10},
		{Name: "B1", Subject: "ben", Rows: 9, Cols: 10},
	}}, nil)
	if err != nil {
		return "", err
	}
	for i, s := range x.Slides {
		s.Hires, s.Lowres = nil, nil
		if err := visium.Write(context.Background(), filepath.Join(dir, s.Name), s, visium.WriteOptions{OffTissue: x.OffTissue[i]}); err != nil {
			return "", err
		}
	}
	return dir, nil
})

// CopySlide copies a slide of Slides into a new folder, for a test to change.
func CopySlide(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(Slides(t), name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Damage changes a file by edit.
func Damage(t testing.TB, path string, edit func([]byte) []byte) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, edit(b), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
