package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/progress"
)

// program is a command "prog" with a subcommand "do".
func program(stderr *bytes.Buffer, do func(context.Context) error, args ...string) *cobra.Command {
	root := &cobra.Command{Use: "prog"}
	sub := &cobra.Command{Use: "do", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return do(cmd.Context()) }}
	sub.Flags().Int("n", 3, "")
	root.AddCommand(sub)
	root.SetArgs(args)
	root.SetOut(stderr)
	root.SetErr(stderr)
	return root
}

func TestExit(t *testing.T) {
	fails := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	for _, tc := range []struct {
		reason string
		do     func(context.Context) error
		args   []string
		code   int
		stderr string
	}{
		{"success", fails(nil), []string{"do"}, 0, ""},
		{"an error", fails(errors.New("file x: no")), []string{"do"}, 1, "prog: error: file x: no\n"},
		{"an error of the program's own package", fails(errors.New("prog: file x: no")), []string{"do"}, 1, "prog: error: file x: no\n"},
		{"an error of many lines", fails(errors.Join(errors.New("one\n\n\ttwo "), errors.New("three"))), []string{"do"}, 1, "prog: error: one; two; three\n"},
		{"an error with a hostile name in it", fails(errors.New("\x1b[2J\u202ex\x00")), []string{"do"}, 1, "prog: error: ?[2J?x?\n"},
		{"a cancelled context of the work's own", fails(context.Canceled), []string{"do"}, 1, "prog: error: context canceled\n"},
		{"an unknown flag", fails(nil), []string{"do", "--m"}, 1, "prog: error: unknown flag: --m; see prog do --help\n"},
		{"a word for a number", fails(nil), []string{"do", "--n", "x"}, 1, "prog: error: --n \"x\": want a whole number; see prog do --help\n"},
		{"a number out of range", fails(nil), []string{"do", "--n=99999999999999999999"}, 1, "prog: error: --n \"99999999999999999999\": want a smaller number; see prog do --help\n"},
		{"an argument too many", fails(nil), []string{"do", "x"}, 1, "prog: error: unknown command \"x\" for \"prog do\"; see prog do --help\n"},
		{"an unknown command", fails(nil), []string{"undo"}, 1, "prog: error: unknown command \"undo\" for \"prog\"; Did you mean this?; do; see prog --help\n"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := Main(program(&stderr, tc.do, tc.args...)); code != tc.code || stderr.String() != tc.stderr {
				t.Errorf("status %d, stderr %q; want %d, %q", code, stderr.String(), tc.code, tc.stderr)
			}
		})
	}
}

// TestSignal sends this process Ctrl-C while work is under way.
func TestSignal(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		var stderr bytes.Buffer
		code := Main(program(&stderr, func(ctx context.Context) error {
			if err := syscall.Kill(os.Getpid(), s); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("prog: work stopped at step 3: %w", ctx.Err())
			case <-time.After(10 * time.Second):
				return errors.New("the context did not end")
			}
		}, "do"))
		if code != ExitInterrupted || stderr.String() != "prog: stopped: work stopped at step 3\n" {
			t.Errorf("%v: status %d, stderr %q", s, code, stderr.String())
		}
	}
}

// TestSignalButDone: work that was done all the same is a success.
func TestSignalButDone(t *testing.T) {
	var stderr bytes.Buffer
	code := Main(program(&stderr, func(ctx context.Context) error {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}, "do"))
	if code != 0 || stderr.Len() > 0 {
		t.Errorf("status %d, stderr %q", code, stderr.String())
	}
}

func TestPositive(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"--i", "1", "--f", "0.5", "--u", "7"}, ""},
		{[]string{"--f", "1e-300"}, ""},
		{[]string{"--f", "Inf"}, ""},
		{[]string{"--i", "0"}, "--i 0: want more than 0"},
		{[]string{"--i", "-3"}, "--i -3: want more than 0"},
		{[]string{"--u", "0"}, "--u 0: want more than 0"},
		{[]string{"--f", "NaN"}, "--f NaN: want more than 0"},
		{[]string{"--f", "-0"}, "--f -0: want more than 0"},
	} {
		cmd := &cobra.Command{Use: "prog"}
		cmd.Flags().Int("i", 0, "")
		cmd.Flags().Float64("f", 0, "")
		cmd.Flags().Uint64("u", 0, "")
		if err := cmd.ParseFlags(tc.args); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := Positive(cmd, "i", "f", "u"); err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%q: %q, want %q", tc.args, got, tc.want)
		}
	}
}

func TestClean(t *testing.T) {
	for _, tc := range []struct{ reason, in, want string }{
		{"plain text", "Vis5A_2dpi (µm, ±), é, 🧬, עברית, 中文", "Vis5A_2dpi (µm, ±), é, 🧬, עברית, 中文"},
		{"markup is not the terminal's", "</script>&amp;", "</script>&amp;"},
		{"C0", "a\x00\a\b\t\n\r\x1b[31mb", "a???????[31mb"},
		{"DEL and C1", "a\x7f\u0080\u009b31m\u009f\u00a0b", "a???31m?\u00a0b"},
		{"separators", "a\u2028b\u2029c", "a?b?c"},
		{"marks of direction", "a\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069b", "a????????????b"},
		{"joiners, which emoji and scripts need", "👩\u200d🔬", "👩\u200d🔬"},
		{"bytes that are not UTF-8", "a\xffb\x9bc", "a\ufffdb\ufffdc"},
	} {
		if got := Clean(tc.in); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.reason, got, tc.want)
		}
	}
}

// FuzzJSON checks that what JSON writes reads back as it was, and steers no
// terminal.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{"", "plain", "</script>", "\x1b[31m\u202e\u009b\u2028\x7f", `\u202e "quoted" \`, "🧬\n\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		in := map[string]any{"a": strings.ToValidUTF8(s, "?"), strings.ToValidUTF8("b"+s, "?"): []any{1.5, nil, true}}
		var b bytes.Buffer
		if err := JSON(&b, in); err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(b.String(), "\n", ""); got != Clean(got) || !strings.HasSuffix(b.String(), "}\n") {
			t.Errorf("%q steers the terminal", b.String())
		}
		var out map[string]any
		if err := json.Unmarshal(b.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Error(diff)
		}
	})
}

// broken is a reader that went away.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestJSONErrors(t *testing.T) {
	if err := JSON(new(bytes.Buffer), make(chan int)); err == nil {
		t.Error("a channel was written as JSON")
	}
	if err := JSON(broken{}, 1); err == nil || err.Error() != "gone" {
		t.Errorf("got %v, want the writer's error", err)
	}
}

// clock is a time that tests move on.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func TestPlain(t *testing.T) {
	var b bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	p := &plain{w: &b, last: map[string]time.Time{}, now: c.now}
	for _, e := range []struct {
		after time.Duration
		event progress.Event
		line  string // "" = none
	}{
		{0, progress.Event{Step: "reading"}, "reading"},
		{0, progress.Event{Step: "reading", Message: "more"}, "reading: more"},
		{0, progress.Event{Step: "train", Done: 1, Total: 9, Message: "loss 2"}, "train 1/9: loss 2"},
		{5 * time.Second, progress.Event{Step: "train", Done: 2, Total: 9}, ""},
		{4 * time.Second, progress.Event{Step: "train", Done: 3, Total: 9}, ""},
		{time.Second, progress.Event{Step: "train", Done: 4, Total: 9, Seconds: 10}, "train 4/9 [10.0 s]"},
		{0, progress.Event{Step: "check", Done: 1, Total: 2}, "check 1/2"},
		{time.Second, progress.Event{Step: "train", Done: 5, Total: 9}, ""}, // steps that take turns
		{time.Second, progress.Event{Step: "check", Done: 1, Total: 2}, ""},
		{8 * time.Second, progress.Event{Step: "train", Done: 6, Total: 9}, "train 6/9"},
		{0, progress.Event{Step: "train", Done: 9, Total: 9, Message: "a\x1b\nb"}, "train 9/9: a??b"}, // the last one always
		{0, progress.Event{Step: "a\u202eb"}, "a?b"},
	} {
		c.Time = c.Add(e.after)
		b.Reset()
		p.show(e.event)
		want := e.line
		if want != "" {
			want += "\n"
		}
		if b.String() != want {
			t.Errorf("%+v: %q, want %q", e.event, b.String(), want)
		}
	}
}

// TestProgressOffTerminal: a file or a buffer gets plain lines.
func TestProgressOffTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	show, done := Progress(f)
	for i := range 100 {
		show(progress.Event{Step: "work", Done: i, Total: 100})
	}
	done()
	b, err := os.ReadFile(f.Name())
	if err != nil || string(b) != "work 0/100\n" {
		t.Errorf("got %q, %v", b, err)
	}
}

// TestBar draws as on a terminal: work that was stopped must not look done.
func TestBar(t *testing.T) {
	var b bytes.Buffer
	bar := &bar{w: &b}
	bar.show(progress.Event{Step: "reading\x1b", Message: "A1"})
	bar.show(progress.Event{Step: "train", Done: 0, Total: 8, Message: "loss\n2"})
	bar.show(progress.Event{Step: "train", Done: 3, Total: 8, Message: "loss 1"})
	bar.finish()
	bar.finish()
	got := b.String()
	if !strings.HasPrefix(got, "reading?: A1\n") || !strings.Contains(got, "train (loss?2)") || !strings.HasSuffix(got, "\n") || strings.Count(got, "\n") != 2 {
		t.Errorf("got %q", got)
	}
	if strings.Contains(got, "100%") || strings.Contains(got, "8/8") {
		t.Errorf("work that was stopped looks done: %q", got)
	}
	b.Reset()
	bar.show(progress.Event{Step: "train", Done: 8, Total: 8})
	bar.finish()
	if !strings.Contains(b.String(), "100%") {
		t.Errorf("work that is done does not look so: %q", b.String())
	}
}
