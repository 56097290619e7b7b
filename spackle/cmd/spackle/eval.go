package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/simulate"
)

func evalCmd() *cobra.Command {
	var e evaluation
	cmd := &cobra.Command{
		Use:   "eval DATA.h5ad [--model MODEL]",
		Short: "Measure completers on hidden real values",
		Long: `eval hides measured values before anything else sees them, lets each method
complete what is left, and compares with what was hidden: on the test slides,
or on the validation slides where there is no test slide.

Rules: p30 hides 30 % of all values (each measured value of a gene with
probability 0.3/f, f = the share of train spots in which it was detected);
p10 and so on other shares; pmed as many of a gene's values as it misses.

The table has MSE with its standard deviation over masks and a 95 % interval by
bootstrap over slides and spots; the mean correlation and R2 over a gene's spots
and over a spot's genes ("patch"); MAE; and, of methods that say how sure they
are, the share of hidden values within their intervals of 50, 80 and 95 %. The
noise floor is the MSE that counting leaves if all rates were known.

Other questions, one at a time:
  --sweep           MSE as more and more is hidden, 10 to 70 % (Figure 4 of the paper)
  --order released  beside it the protocol that the published numbers come from:
                    values are hidden after their medians, totals and batches were
                    taken (pmed, 10 masks), and the gap between the two
  --split-counts    what a value that was never measured is worth: each count is
                    split in two by coin tosses, one half is shown, and where it is 0
                    both answers are compared with the other half: the value if the
                    gene had been detected, and the rate, what there is on average
  --truth DIR       on slides made by spared simulate: errors of all values that are
                    really missing, against the true expression`,
		Example: `  spackle eval data.h5ad --model model
  spackle eval data.h5ad --method all
  spackle eval data.h5ad --method median,kernel --masks 10 --rule pmed --json
  spackle eval data.h5ad --sweep --resume sweep --csv sweep.csv
  spackle eval data.h5ad --order released
  spackle eval data.h5ad --split-counts`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&e.model, "model", "", "a trained model, for the method spackle: the folder that train made, the file in it, or a checkpoint of SpaRED (.ckpt)")
	f.StringSliceVar(&e.methods, "method", []string{"median", "kernel", "poisson-factor", "spackle"}, "methods: "+strings.Join(methodNames(), ", ")+", or all (default median, kernel, poisson-factor, and spackle with --model)")
	f.Lookup("method").DefValue = "" // said above
	f.IntVar(&e.o.Masks, "masks", 3, "how many times values are hidden, or counts split")
	f.IntVar(&e.o.Targets, "targets", 0, "hide values of so many genes only, the most spatial ones (default all)")
	f.StringVar(&e.rule, "rule", "p30", "how values are hidden: p30 or another share, p2 to p99, or pmed")
	f.StringVar(&e.split, "split", "", "whose spots are evaluated: train, val or test (default test, else val)")
	f.Uint64Var(&e.o.Seed, "seed", 42, "seed of what is hidden")
	f.IntVar(&e.bootstrap, "bootstrap", 200, "resamples for the 95 % intervals; 0 = no intervals")
	f.BoolVar(&e.sweep, "sweep", false, "hide 10, 20, ... 70 % in turn")
	f.StringVar(&e.resume, "resume", "", "with --sweep: folder that keeps finished shares, so that a sweep can go on")
	f.StringVar(&e.order, "order", "clean", "clean, or released for the published protocol beside the strict one")
	f.BoolVar(&e.splitCounts, "split-counts", false, "split counts in two instead of hiding values")
	f.StringVar(&e.truth, "truth", "", "folder of the simulated slides that the data set was built from")
	f.StringVar(&e.csv, "csv", "", "write the table as CSV to this file")
	f.StringVar(&e.genesCSV, "genes-csv", "", "write the scores of each gene as CSV to this file")
	f.BoolVar(&e.asJSON, "json", false, "print one JSON object")
	return cmd
}

// evaluation is one run of the command.
type evaluation struct {
	o                    spackle.EvaluateOptions
	methods              []string
	model, rule, split   string
	order, truth, resume string
	bootstrap            int
	sweep, splitCounts   bool
	csv, genesCSV        string
	asJSON               bool
}

func (e *evaluation) run(cmd *cobra.Command, path string) error {
	if err := e.check(cmd, path); err != nil {
		return err
	}
	ds, err := openData(path)
	if err != nil {
		return err
	}
	if !cmd.Flags().Changed("method") && e.model == "" {
		e.methods = slices.DeleteFunc(e.methods, func(m string) bool { return m == "spackle" })
	}
	e.o.Name = path
	if e.o.Methods, err = completers(cmd, ds, e.methods, e.model); err != nil {
		return err
	}
	show, done := cli.Progress(cmd.ErrOrStderr())
	e.o.Progress = show
	r, err := e.evaluate(cmd, ds)
	done()
	if err != nil {
		return err
	}
	if e.asJSON {
		err = cli.JSON(cmd.OutOrStdout(), r.object())
	} else {
		err = r.print(cmd.OutOrStdout())
	}
	return errors.Join(err, e.save(r)) // what cannot be saved was shown at least
}

// maxResamples bounds the memory of the bootstrap, two bytes a spot and resample.
const maxResamples = 10_000

// check finds out what is wrong with the options before anything is read.
func (e *evaluation) check(cmd *cobra.Command, data string) (err error) {
	if err := cli.Positive(cmd, "masks", "seed", "targets"); err != nil {
		return err
	}
	if err := notEmpty(cmd, "model", "split", "resume", "truth", "csv", "genes-csv"); err != nil {
		return err
	}
	if e.o.Rule, err = spackle.ParseRule(e.rule); err != nil {
		return err
	}
	if e.o.Split, err = parseSplit(e.split); err != nil {
		return err
	}
	if e.bootstrap < 0 || e.bootstrap > maxResamples {
		return fmt.Errorf("--bootstrap %d: want 0 to %d", e.bootstrap, maxResamples)
	}
	if e.o.Bootstrap = e.bootstrap; e.bootstrap == 0 {
		e.o.Bootstrap = -1
	}
	if e.order != "clean" && e.order != "released" {
		return fmt.Errorf("--order %s: want clean or released", e.order)
	}
	for k, m := range e.methods {
		e.methods[k] = word(m)
	}
	if e.model != "" && !slices.Contains(e.methods, "spackle") && !slices.Contains(e.methods, "all") {
		return fmt.Errorf("--model is for the method spackle, which --method %s leaves out: name it too, or leave --model out", strings.Join(e.methods, ","))
	}
	if err := e.checkQuestion(cmd); err != nil {
		return err
	}
	return e.checkTables(data)
}

// checkTables sees that the tables that are asked for can be written, and
// replace nothing but tables.
func (e *evaluation) checkTables(data string) error {
	for _, path := range []string{e.csv, e.genesCSV} {
		if path == "" {
			continue
		}
		if err := checkOutput(path, data, e.model); err != nil {
			return err
		}
		if ext := filepath.Ext(path); ext == ".h5ad" || ext == ".safetensors" {
			return fmt.Errorf("%s: a table is text: give a name that ends in .csv", path)
		}
	}
	if e.csv != "" && e.csv == e.genesCSV {
		return fmt.Errorf("--csv and --genes-csv are both %s", e.csv)
	}
	return nil
}

// checkQuestion sees that one question is asked, with options that are its.
func (e *evaluation) checkQuestion(cmd *cobra.Command) error {
	var asked []string
	for _, q := range []struct {
		flag string
		is   bool
	}{{"--sweep", e.sweep}, {"--order released", e.order == "released"}, {"--split-counts", e.splitCounts}, {"--truth", e.truth != ""}} {
		if q.is {
			asked = append(asked, q.flag)
		}
	}
	switch rule := cmd.Flags().Changed("rule"); {
	case len(asked) > 1:
		return fmt.Errorf("%s and %s are two questions: ask one at a time", asked[0], asked[1])
	case e.resume != "" && !e.sweep:
		return errors.New("--resume is for --sweep")
	case rule && (e.sweep || e.splitCounts || e.truth != ""):
		return fmt.Errorf("--rule has no part in %s: leave one of them out", asked[0])
	case e.truth != "" && cmd.Flags().Changed("masks"):
		return errors.New("--masks has no part in --truth: nothing is hidden")
	case e.genesCSV != "" && e.splitCounts:
		return errors.New("--genes-csv has no part in --split-counts")
	}
	if e.order == "released" { // as published, unless said otherwise
		if !cmd.Flags().Changed("rule") {
			e.o.Rule = spackle.PMed
		}
		if !cmd.Flags().Changed("masks") {
			e.o.Masks = 10
		}
	}
	return nil
}

// evaluate asks the question.
func (e *evaluation) evaluate(cmd *cobra.Command, ds *spared.Dataset) (result, error) {
	ctx := cmd.Context()
	switch {
	case e.sweep:
		all, err := spackle.Sweep(ctx, ds, spackle.SweepOptions{EvaluateOptions: e.o, Dir: e.resume})
		return sweepResult(all), err
	case e.order == "released":
		both, err := spackle.EvaluateBoth(ctx, ds, e.o)
		return bothResult{both}, err
	case e.splitCounts:
		c, err := spackle.CountSplit(ctx, ds, spackle.CountSplitOptions{Name: e.o.Name, Methods: e.o.Methods, Splits: e.o.Masks,
			Seed: e.o.Seed, Split: e.o.Split, Targets: e.o.Targets, Progress: e.o.Progress})
		return splitResult{c}, err
	case e.truth != "":
		truth, err := simulate.Expected(e.truth, ds)
		if err != nil {
			return nil, fmt.Errorf("--truth %s: %w", e.truth, err)
		}
		one, err := spackle.TrueError(ctx, ds, truth, e.o)
		return truthResult{one}, err
	}
	one, err := spackle.Evaluate(ctx, ds, e.o)
	return oneResult{one}, err
}

// save writes the tables that were asked for.
func (e *evaluation) save(r result) error {
	for _, t := range []struct {
		path  string
		write func(io.Writer) error
	}{{e.csv, r.csv}, {e.genesCSV, func(w io.Writer) error { return spackle.WriteGenesCSV(w, r.all()...) }}} {
		if t.path == "" {
			continue
		}
		err := atomicfile.Write(t.path, func(tmp string) error {
			f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_TRUNC, 0)
			if err != nil {
				return err
			}
			return errors.Join(t.write(f), f.Close())
		})
		if err != nil {
			return fmt.Errorf("%s cannot be written: %w", t.path, err)
		}
	}
	return nil
}

// parseSplit reads the split whose spots are evaluated, "" = by default.
func parseSplit(s string) (spared.Split, error) {
	if s == "" {
		return spared.None, nil
	}
	split, err := spared.ParseSplit(s)
	if err != nil || split == spared.None {
		return spared.None, fmt.Errorf("--split %s: want train, val or test", s)
	}
	return split, nil
}

// completers returns the methods by name; all stands for all that can be had:
// SpaCKLE only with a model.
func completers(cmd *cobra.Command, ds *spared.Dataset, names []string, model string) ([]baseline.Completer, error) {
	if len(names) == 0 {
		return nil, errors.New("no method to evaluate: leave --method out, or name at least one")
	}
	if slices.Contains(names, "all") {
		names = methodNames()
		if model == "" {
			names = names[1:]
		}
	}
	var out []baseline.Completer
	for _, name := range names {
		c, err := completer(cmd, ds, name, model)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// completer returns the method of that name.
func completer(cmd *cobra.Command, ds *spared.Dataset, name, model string) (baseline.Completer, error) {
	if name == "spackle" {
		return spackleCompleter(cmd, ds, model)
	}
	for _, b := range spackle.Methods() {
		if methodName(b) == name {
			return b, nil
		}
	}
	return nil, fmt.Errorf("unknown method %q: there are %s", name, strings.Join(methodNames(), ", "))
}

// methodNames lists what can be named, SpaCKLE first.
func methodNames() []string {
	names := []string{"spackle"}
	for _, b := range spackle.Methods() {
		names = append(names, methodName(b))
	}
	return names
}

// methodName is what a method is called on the command line: one word.
func methodName(c baseline.Completer) string { return word(c.Name()) }

// word makes one word of a method's name, as tables print it or as it is typed.
func word(name string) string {
	return strings.NewReplacer(", ", "-", " ", "-").Replace(strings.TrimPrefix(strings.ToLower(name), "gene "))
}

var errNoModel = errors.New("method spackle needs --model: train one with spackle train")

func spackleCompleter(cmd *cobra.Command, ds *spared.Dataset, model string) (baseline.Completer, error) {
	if model == "" {
		return nil, errNoModel
	}
	m, err := spackle.Open(model, ds)
	if err != nil {
		return nil, err
	}
	eng, err := openEngine(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	return spackle.NewCompleter(m, ds, eng)
}
