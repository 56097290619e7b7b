// Command demo is what `make demo` runs: it takes tissue slides through
// everything SpatialGo does and leaves notebooks, a web page, the data sets,
// the model and a summary of numbers in one folder. Each step opens its result
// if it is there already.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/catalog"
	"github.com/spatialgo/spatialgo/spared/simulate"
)

func main() { os.Exit(cli.Main(root())) }

func root() *cobra.Command {
	var d demo
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run everything on the made-up tissue or on your slides",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out, d.log = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&d.data, "data", "", "slides: a folder or file, or the name of a published data set that was fetched (default: made-up tissue)")
	cmd.Flags().StringVar(&d.dir, "out", "build/demo", "folder to write to")
	cmd.Flags().StringVar(&d.notebooks, "notebooks", "notebooks", "folder of the notebooks")
	return cmd
}

// demo is one run.
type demo struct {
	data, dir, notebooks string
	out, log             io.Writer

	slides  string // folder of the slides
	engine  *engine.Engine
	summary summary
}

// run takes the steps in order.
func (d *demo) run(ctx context.Context) (err error) {
	start := time.Now()
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	if d.engine, err = engine.Open(engine.Options{}); err != nil {
		return err
	}
	defer d.engine.Close()
	d.summary.Engine = d.engine.Describe()
	fmt.Fprintf(d.out, "engine: %s\n", d.summary.Engine)
	for _, n := range d.engine.Notes {
		fmt.Fprintf(d.out, "note: %s\n", n)
	}
	var ds, completed *spared.Dataset
	var m *spackle.Model
	var broken error
	for _, s := range []struct {
		name string
		do   func() error
	}{
		{"slides", func() error { return d.findSlides(ctx) }},
		{"curation", func() error { ds, err = d.curate(ctx); return err }},
		{"training", func() error { m, err = d.train(ctx, ds); return err }},
		{"completion", func() error { completed, err = d.complete(ctx, ds, m); return err }},
		{"evaluation", func() error { return d.evaluate(ctx, ds, m) }},
		{"notebooks", func() error { return d.runNotebooks(ctx) }},
		{"page", func() error { return d.page(completed) }},
	} {
		begin := time.Now()
		err := s.do()
		switch {
		case err != nil && s.name == "notebooks":
			broken = fmt.Errorf("%s: %w", s.name, err) // the numbers are there: show them first
		case err != nil:
			return fmt.Errorf("%s: %w", s.name, err)
		}
		d.summary.addSeconds(s.name, time.Since(begin))
	}
	d.summary.Seconds = seconds(time.Since(start))
	if err := d.summary.save(d.path("summary.json")); err != nil {
		return err
	}
	return errors.Join(d.report(), broken)
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// progress shows a step's news until the returned function is called.
func (d *demo) progress() (spared.Progress, func()) { return cli.Progress(d.log) }

// findSlides takes the reader's slides, or makes up the demo's.
func (d *demo) findSlides(ctx context.Context) error {
	if d.data != "" {
		d.slides = d.data
		d.summary.Data = d.data
		return nil
	}
	d.slides, d.summary.Data, d.summary.Simulated = d.path("slides"), "simulated tissue", true
	show, done := d.progress()
	defer done()
	_, err := simulate.Write(ctx, d.slides, simulate.Options{}, show)
	return err
}

func (d *demo) curate(ctx context.Context) (*spared.Dataset, error) {
	show, done := d.progress()
	defer done()
	r, err := catalog.Resolve(ctx, []string{d.slides}, spared.Recipe{}, catalog.ResolveOptions{})
	if err != nil {
		return nil, err
	}
	ds, err := spared.Build(ctx, r, d.path("data.h5ad"), show)
	if err != nil {
		return nil, err
	}
	d.summary.Dataset = ds.Summary()
	return ds, nil
}

func (d *demo) train(ctx context.Context, ds *spared.Dataset) (*spackle.Model, error) {
	show, done := d.progress()
	defer done()
	m, err := spackle.Train(ctx, ds, d.path("model"), spackle.TrainOptions{
		Engine: d.engine,
		Report: func(r spackle.Report) { show(r.Event()) },
	})
	if err != nil {
		return nil, err
	}
	d.summary.setTraining(m)
	return m, nil
}

func (d *demo) complete(ctx context.Context, ds *spared.Dataset, m *spackle.Model) (*spared.Dataset, error) {
	show, done := d.progress()
	defer done()
	return m.CompleteFile(ctx, ds, d.path("completed.h5ad"), spackle.CompleteOptions{Engine: d.engine, Progress: show})
}

// evaluate measures the completers on hidden values and, on simulated tissue,
// against the truth. ds is the data set before completion.
func (d *demo) evaluate(ctx context.Context, ds *spared.Dataset, m *spackle.Model) error {
	methods, err := spackle.Contestants(ds, m, d.engine)
	if err != nil {
		return err
	}
	show, done := d.progress()
	defer done()
	o := spackle.EvaluateOptions{Methods: methods, Progress: show}
	if d.summary.Evaluation, err = spackle.EvaluateFile(ctx, ds, d.path("evaluation.json"), o); err != nil {
		return err
	}
	if !d.summary.Simulated {
		return nil
	}
	truth, err := simulate.Expected(d.slides, ds)
	if err != nil {
		return err
	}
	o.Split = spared.Test
	d.summary.TrueError, err = spackle.TrueError(ctx, ds, truth, o)
	return err
}

// runNotebooks executes the notebooks on the same files, so that their steps
// open what is there.
func (d *demo) runNotebooks(ctx context.Context) error {
	books, err := filepath.Glob(filepath.Join(d.notebooks, "*.ipynb"))
	if err != nil || len(books) == 0 {
		return fmt.Errorf("no notebooks in %s", d.notebooks)
	}
	work, err := filepath.Abs(d.dir)
	if err != nil {
		return err
	}
	args := []string{"tools/run_notebooks.py", "--out", d.path("notebooks"), "--set", "work=" + work}
	if d.data != "" {
		slides := d.data
		if _, err := os.Stat(slides); err == nil { // else it is a name of the catalogue
			if slides, err = filepath.Abs(slides); err != nil {
				return err
			}
		}
		args = append(args, "--set", "mySlides="+slides)
	}
	fetched, err := filepath.Abs(catalog.Dir(""))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "python", append(args, books...)...)
	cmd.Env = append(os.Environ(), catalog.DirEnv+"="+fetched) // notebooks run in a folder of their own
	cmd.Stdout, cmd.Stderr = d.log, d.log
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return errors.New("a notebook failed; what it said stands above")
		}
		return err
	}
	return nil
}
