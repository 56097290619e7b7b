package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
)

// listed is one line of the list of methods.
type listed struct {
	Name    string `json:"name"` // as --method takes it
	Default bool   `json:"default,omitempty"`
	baseline.Info
	// Of --model and of runs on a data set.
	Slides   int     `json:"slides,omitempty"`           // completed
	Fit      float64 `json:"fit_seconds,omitempty"`      // to the train slides
	Complete float64 `json:"complete_seconds,omitempty"` // of all slides
	Error    string  `json:"error,omitempty"`            // why it does not run on the data set
}

func methodsCmd() *cobra.Command {
	var (
		model  string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "methods [DATA.h5ad]",
		Short: "List the methods, and how long each takes on a data set",
		Long: `methods lists what complete and eval know by the names that --method takes: the
idea, where it comes from, and what it looks at beside the values and the places
of the spots. "If any" marks what a method uses where it is there, and does
without.

With a data set each method is fitted to the train slides and completes all
slides once, and the list says how many seconds that took. SpaCKLE takes part
with --model. Nothing is written.`,
		Example: `  spackle methods
  spackle methods data.h5ad
  spackle methods data.h5ad --model model --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := notEmpty(cmd, "model"); err != nil {
				return err
			}
			if model != "" && len(args) == 0 {
				return errors.New("--model is for the seconds on a data set: name one, or leave --model out")
			}
			list := []listed{{Name: "spackle", Info: aboutSpaCKLE}}
			methods := []baseline.Completer{nil}
			for _, m := range spackle.Methods() {
				list = append(list, listed{Name: methodName(m), Default: m.Name() == spackle.Default().Name(), Info: baseline.Describe(m)})
				methods = append(methods, m)
			}
			if len(args) == 1 {
				ds, err := openData(args[0])
				if err != nil {
					return err
				}
				if model != "" {
					if methods[0], err = spackleCompleter(cmd, ds, model); err != nil {
						return err
					}
				}
				if err := timeMethods(cmd, ds, methods, list); err != nil {
					return err
				}
			}
			if asJSON {
				return cli.JSON(cmd.OutOrStdout(), map[string]any{"methods": list})
			}
			return printMethods(cmd.OutOrStdout(), list, len(args) == 1)
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "a trained model, to time the method spackle: the folder that train made, the file in it, or a checkpoint of SpaRED (.ckpt)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

// aboutSpaCKLE is what the list says of the network, which is no baseline.
var aboutSpaCKLE = baseline.Info{
	Idea:   "transformer over a spot and its neighbours, trained on the data set (spackle train)",
	Source: "Ruiz et al. 2025, Medical Image Analysis",
	Needs:  baseline.Needs{Train: baseline.Required, Graph: baseline.Required},
}

// timeMethods runs each method once on all slides; nil ones are left out. What a
// method cannot do is said in its line.
func timeMethods(cmd *cobra.Command, ds *spared.Dataset, methods []baseline.Completer, list []listed) error {
	train, err := spackle.TrainViews(ds)
	if err != nil {
		return err
	}
	var views []*baseline.View
	for s := range ds.Sections {
		v, err := spackle.NewView(ds, s, nil)
		if err != nil {
			return err
		}
		views = append(views, v)
	}
	show, done := cli.Progress(cmd.ErrOrStderr())
	defer done()
	for k, m := range methods {
		if m == nil {
			continue
		}
		show(spared.Event{Step: "timing", Done: k, Total: len(methods), Message: list[k].Name})
		if err := list[k].time(cmd.Context(), m, train, views); err != nil {
			return err
		}
	}
	show(spared.Event{Step: "timing", Done: len(methods), Total: len(methods)})
	return nil
}

// time runs the method. An error is that the run was stopped.
func (l *listed) time(ctx context.Context, m baseline.Completer, train, views []*baseline.View) error {
	start := time.Now()
	err := m.Fit(ctx, train)
	l.Fit = time.Since(start).Seconds()
	start = time.Now()
	for _, v := range views {
		if err == nil {
			_, err = m.Complete(ctx, v)
		}
	}
	l.Complete, l.Slides = time.Since(start).Seconds(), len(views)
	if stopped := ctx.Err(); stopped != nil {
		return fmt.Errorf("timing stopped at %s: %w", l.Name, stopped)
	}
	if err != nil {
		l.Error, l.Fit, l.Complete, l.Slides = err.Error(), 0, 0, 0
	}
	return nil
}

// printMethods prints what is known of each method below its name, since in one
// line no terminal would hold it.
func printMethods(w io.Writer, list []listed, timed bool) error {
	width := 0
	for _, l := range list {
		width = max(width, len(l.Name)+len(" *"))
	}
	if timed {
		fmt.Fprintf(w, "%-*s  fit s  complete s\n", width, "method")
	}
	for _, l := range list {
		name, seconds := l.Name, ""
		if l.Default {
			name += " *"
		}
		if l.Slides > 0 {
			seconds = fmt.Sprintf("%7.2f%12.2f", l.Fit, l.Complete)
		}
		fmt.Fprintf(w, "%s\n    %s\n    from: %s\n", strings.TrimSpace(fmt.Sprintf("%-*s%s", width, name, seconds)), cli.Clean(l.Idea), cli.Clean(l.Source))
		if needs := strings.TrimSpace(l.Needs.String()); needs != "" {
			fmt.Fprintf(w, "    needs: %s\n", needs)
		}
	}
	if _, err := fmt.Fprintln(w, "\n* what complete uses where no method is named"); err != nil {
		return err
	}
	for _, l := range list {
		if l.Error != "" {
			fmt.Fprintf(w, "note: %s does not run on this data set: %s\n", l.Name, cli.Clean(l.Error))
		}
	}
	return nil
}
