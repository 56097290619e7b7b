// Package cli is what the commands share: how they start and stop, how they
// show progress, and how they print results for people and for programs.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
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
	err := cmd.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: stopped: %v\n", cmd.Name(), err)
		return ExitInterrupted
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: error: %v\n", cmd.Name(), err)
	return 1
}

// JSON writes v as indented JSON with a final newline.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
