package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spackle"
)

// result is the answer to a question of eval.
type result interface {
	object() any                // for --json
	print(w io.Writer) error    // for people
	csv(w io.Writer) error      // for --csv
	all() []*spackle.Evaluation // for --genes-csv
}

type (
	oneResult   struct{ *spackle.Evaluation }
	truthResult struct{ *spackle.Evaluation }
	sweepResult []*spackle.Evaluation
	bothResult  struct{ *spackle.Protocols }
	splitResult struct{ *spackle.CountSplitting }
)

func (r oneResult) object() any                { return r.Evaluation }
func (r oneResult) csv(w io.Writer) error      { return spackle.WriteCSV(w, r.Evaluation) }
func (r oneResult) all() []*spackle.Evaluation { return []*spackle.Evaluation{r.Evaluation} }

func (r truthResult) object() any           { return r.Evaluation }
func (r truthResult) csv(w io.Writer) error { return spackle.WriteCSV(w, withRates(r.Evaluation)) }
func (r truthResult) all() []*spackle.Evaluation {
	return []*spackle.Evaluation{withRates(r.Evaluation)}
}

func (r sweepResult) object() any                { return map[string]any{"sweep": []*spackle.Evaluation(r)} }
func (r sweepResult) csv(w io.Writer) error      { return spackle.WriteCSV(w, r...) }
func (r sweepResult) all() []*spackle.Evaluation { return r }

func (r bothResult) object() any           { return r.Protocols }
func (r bothResult) csv(w io.Writer) error { return spackle.WriteCSV(w, r.all()...) }
func (r bothResult) all() []*spackle.Evaluation {
	return []*spackle.Evaluation{r.Strict, r.Published}
}

func (r splitResult) object() any                { return r.CountSplitting }
func (r splitResult) csv(w io.Writer) error      { return r.WriteCSV(w) }
func (r splitResult) all() []*spackle.Evaluation { return nil }

// withRates returns the evaluation with the scores of the methods' other
// answer as rows of their own.
func withRates(e *spackle.Evaluation) *spackle.Evaluation {
	c := *e
	c.Methods = nil
	for _, m := range e.Methods {
		c.Methods = append(c.Methods, m)
		if m.Rate != nil {
			c.Methods = append(c.Methods, *m.Rate)
		}
	}
	return &c
}

// head says what was evaluated.
func head(w io.Writer, e *spackle.Evaluation, rule string) {
	fmt.Fprintf(w, "%s: %d spots x %d genes of split %s (%s), %s, order %s, unit %s\n\n", cli.Clean(e.Data.Name), e.Data.Spots, e.Data.Genes, e.Split,
		cli.Clean(strings.Join(e.Data.Slides, ", ")), rule, cli.Clean(string(e.Order)), e.Unit)
}

func notes(w io.Writer, notes []string) {
	for _, n := range notes {
		fmt.Fprintf(w, "note: %s\n", cli.Clean(n))
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func newTable(w io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
}

func (r oneResult) print(w io.Writer) error {
	e := r.Evaluation
	head(w, e, fmt.Sprintf("rule %s, %d masks", e.Rule, e.Masks))
	t := newTable(w)
	fmt.Fprintln(t, "method\tMSE\t± sd\t95 % interval\tPCC-gene\tPCC-patch\tR2-gene\tR2-patch\tMAE\tin 50 %\t80 %\t95 %\thidden\tseconds\t")
	for _, m := range e.Methods {
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%s%d\t%.2f\t\n", cli.Clean(m.Name), m.MSE, m.MSESD, interval(m.MSECI),
			m.PCCGene, m.PCCPatch, m.R2Gene, m.R2Patch, m.MAE, coverage(m.Coverage), m.N, m.Seconds)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nnoise floor of MSE: %.3f, what counting leaves if all rates were known (an estimate by the poisson factor)\n", e.Floor)
	fmt.Fprintln(w, "MSE, mean squared error, and MAE, mean absolute error: less is better. PCC, correlation, and R2: 1 is best, 0 no better than a mean.")
	fmt.Fprintln(w, "in 50 %, 80 %, 95 %: per cent of the hidden values within the intervals that promise so much. hidden: how many values, over all masks.")
	notes(w, e.Notes)
	return nil
}

func interval(ci [2]float64) string {
	if ci == [2]float64{} {
		return ""
	}
	return fmt.Sprintf("%.3f-%.3f", ci[0], ci[1])
}

// coverage is three cells, empty for a method that does not say how sure it is.
func coverage(c [3]float64) string {
	if c == [3]float64{} {
		return "\t\t\t"
	}
	return fmt.Sprintf("%.1f\t%.1f\t%.1f\t", 100*c[0], 100*c[1], 100*c[2])
}

func (r truthResult) print(w io.Writer) error {
	head(w, r.Evaluation, "values that are missing against the true expression")
	t := newTable(w)
	fmt.Fprintln(t, "\tif detected\t\t\trate\t\t\t\t\t")
	fmt.Fprintln(t, "method\tMSE\tPCC-gene\tMAE\tMSE\tPCC-gene\tMAE\tmissing\tseconds\t")
	for _, m := range r.Methods {
		rate := "\t\t\t"
		if m.Rate != nil {
			rate = fmt.Sprintf("%.3f\t%.3f\t%.3f\t", m.Rate.MSE, m.Rate.PCCGene, m.Rate.MAE)
		}
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.3f\t%s%d\t%.2f\t\n", cli.Clean(m.Name), m.MSE, m.PCCGene, m.MAE, rate, m.N, m.Seconds)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nif detected: the value if the gene had been detected (c_t_log1p); rate: what is there on average (t_log1p_rate). MSE and MAE: less is better.")
	notes(w, r.Notes)
	return nil
}

func (r sweepResult) print(w io.Writer) error {
	first := r[0]
	head(w, first, fmt.Sprintf("%d masks a share", first.Masks))
	t := newTable(w)
	for _, what := range []struct {
		name  string
		value func(*spackle.Score) float64
	}{
		{"MSE", func(s *spackle.Score) float64 { return s.MSE }},
		{"PCC-gene", func(s *spackle.Score) float64 { return s.PCCGene }},
	} {
		fmt.Fprintf(t, "%s\t", what.name)
		for _, e := range r {
			fmt.Fprintf(t, "%s %%\t", strings.TrimPrefix(e.Rule, "p"))
		}
		fmt.Fprintln(t)
		for m := range first.Methods {
			fmt.Fprintf(t, "%s\t", cli.Clean(first.Methods[m].Name))
			for _, e := range r {
				fmt.Fprintf(t, "%.3f\t", what.value(&e.Methods[m]))
			}
			fmt.Fprintln(t)
		}
		if what.name == "MSE" {
			fmt.Fprint(t, "noise floor\t")
			for _, e := range r {
				fmt.Fprintf(t, "%.3f\t", e.Floor)
			}
			fmt.Fprintln(t)
		}
		fmt.Fprintln(t, strings.Repeat("\t", len(r)+1))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	notes(w, first.Notes)
	return nil
}

func (r bothResult) print(w io.Writer) error {
	s, p := r.Strict, r.Published
	head(w, s, fmt.Sprintf("rule %s, %d masks", s.Rule, s.Masks))
	t := newTable(w)
	fmt.Fprintln(t, "\tMSE\t\t\tPCC-gene\t\t\tMAE\t\t\t")
	fmt.Fprintln(t, "method\tstrict\tpublished\tgap\tstrict\tpublished\tgap\tstrict\tpublished\tgap\t")
	for m := range s.Methods {
		a, b := &s.Methods[m], &p.Methods[m]
		fmt.Fprintf(t, "%s\t", cli.Clean(a.Name))
		for _, v := range [][2]float64{{a.MSE, b.MSE}, {a.PCCGene, b.PCCGene}, {a.MAE, b.MAE}} {
			fmt.Fprintf(t, "%.3f\t%.3f\t%+.3f\t", v[0], v[1], v[1]-v[0])
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nstrict hides values before anything sees them; published after medians, totals and batches saw them. Both hide the same values where the data set is of order clean.\n")
	notes(w, p.Notes)
	return nil
}

func (r splitResult) print(w io.Writer) error {
	c := r.CountSplitting
	fmt.Fprintf(w, "%s: %d spots x %d genes of split %s (%s), counts split %s\n", cli.Clean(c.Data.Name), c.Data.Spots, c.Data.Genes, c.Split,
		cli.Clean(strings.Join(c.Data.Slides, ", ")), times(c.Splits))
	fmt.Fprintf(w, "One half is shown; %.0f %% of its entries are 0. There the other half holds %.3f counts on average (%d entries).\n\n", 100*c.Zeros, c.Truth, c.N)
	t := newTable(w)
	fmt.Fprintln(t, "\tif detected\t\trate\t\t\t")
	fmt.Fprintln(t, "method\tmean count\tdeviance\tmean count\tdeviance\tseconds\t")
	fmt.Fprintf(t, "gene's share of the slide\t\t\t%.3f\t%.3f\t\t\n", c.Share.Mean, c.Share.Deviance)
	for _, m := range c.Methods {
		rate := "\t\t"
		if m.Rate != nil {
			rate = fmt.Sprintf("%.3f\t%.3f\t", m.Rate.Mean, m.Rate.Deviance)
		}
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%s%.2f\t\n", cli.Clean(m.Name), m.Detected.Mean, m.Detected.Deviance, rate, m.Seconds)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\npredicted -> found, by predicted count:")
	for _, m := range c.Methods {
		name, a := "if detected", &m.Detected
		if m.Rate != nil {
			name, a = "rate", m.Rate
		}
		var bins []string
		for _, b := range a.Bins {
			bins = append(bins, fmt.Sprintf("%.2f->%.2f", b.Predicted, b.Observed))
		}
		fmt.Fprintf(w, "  %s, %s: %s\n", cli.Clean(m.Name), name, strings.Join(bins, "  "))
	}
	fmt.Fprintln(w, "\nmean count: of the other half, as predicted; deviance: Poisson, a count, less is better.")
	fmt.Fprintln(w, "The rate answers how much of a gene there is; the value if detected is for comparing with measured values only.")
	notes(w, c.Notes)
	return nil
}
