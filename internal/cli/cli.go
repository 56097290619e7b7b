// Package cli is what the commands share: how they start and stop, how they
// show progress, and how they print results for people and for programs.
package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ExitInterrupted is the exit status after Ctrl-C, as shells use it.
const ExitInterrupted = 130

// Main runs the command with the process's arguments and returns the exit
// status: 0, 1 after an error (printed to stderr as one line), 130 after
// Ctrl-C. The first Ctrl-C ends the context, so that work stops cleanly; a
// second one kills.
func Main(cmd *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from now on a further signal has its default effect
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return wanted(err) })
	started := false
	onRun(cmd, func() { started = true })
	c, err := cmd.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		text := strings.TrimSuffix(oneLine(cmd, err), ": "+context.Canceled.Error()) // who typed Ctrl-C knows
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: stopped: %s\n", cmd.Name(), text)
		return ExitInterrupted
	}
	hint := ""
	if !started { // the arguments are wrong
		hint = "; see " + c.CommandPath() + " --help"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: error: %s%s\n", cmd.Name(), oneLine(cmd, err), hint)
	return 1
}

// onRun has note called when the command, or one below it, begins its work.
func onRun(c *cobra.Command, note func()) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			note()
			return run(c, args)
		}
	}
	for _, sub := range c.Commands() {
		onRun(sub, note)
	}
}

// wanted says of a flag with a wrong value what values it takes.
func wanted(err error) error {
	var wrong *pflag.InvalidValueError
	if !errors.As(err, &wrong) {
		return err
	}
	want, ok := map[string]string{
		"int": "a whole number", "uint64": "a whole number, 0 or more", "float64": "a number",
		"float64Slice": "numbers with commas between them", "bool": "true or false",
	}[wrong.GetFlag().Value.Type()]
	if !ok {
		return err
	}
	if errors.Is(err, strconv.ErrRange) {
		want = "a smaller number"
	}
	return fmt.Errorf("--%s %q: want %s", wrong.GetFlag().Name, wrong.GetValue(), want)
}

// oneLine words an error for a line that begins with the command's name. Names
// and texts in it may come from damaged or hostile files.
func oneLine(cmd *cobra.Command, err error) string {
	text := strings.TrimPrefix(err.Error(), cmd.Name()+": ")
	text = strings.TrimPrefix(text, "spared: ") // the library's own mark, in whichever command
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return Clean(strings.Join(lines, "; "))
}

// Positive returns an error unless each of these flags, where the user gave
// it, is more than 0. Libraries take 0 for "the default"; who types a 0 means
// something else.
func Positive(cmd *cobra.Command, flags ...string) error {
	for _, name := range flags {
		f := cmd.Flags().Lookup(name)
		if v, err := strconv.ParseFloat(f.Value.String(), 64); f.Changed && (err != nil || !(v > 0)) {
			return fmt.Errorf("--%s %s: want more than 0", name, f.Value)
		}
	}
	return nil
}

// JSON writes v as indented JSON with a final newline. Characters that could
// steer a terminal are written as \u escapes; they read back as they were.
func JSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, r := range string(b) {
		if r != '\n' && steers(r) {
			fmt.Fprintf(&out, "\\u%04x", r)
		} else {
			out.WriteRune(r)
		}
	}
	out.WriteByte('\n')
	_, err = w.Write(out.Bytes())
	return err
}
