package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spared"
)

// summary is summary.json.
type summary struct {
	Data       string              `json:"data"`
	Simulated  bool                `json:"simulated"`
	Engine     string              `json:"engine"`
	Dataset    spared.Summary      `json:"dataset"`
	Training   training            `json:"training"`
	Evaluation *spackle.Evaluation `json:"evaluation"`           // on hidden real values
	TrueError  *spackle.Evaluation `json:"true_error,omitempty"` // of missing values, against the simulated truth
	Steps      []stepSeconds       `json:"steps"`
	Seconds    float64             `json:"seconds"` // all steps
}

type training struct {
	Layer      string  `json:"layer"`
	Seed       uint64  `json:"seed"`
	Steps      int     `json:"steps"`
	BestStep   int     `json:"best_step"`
	BestValMSE float64 `json:"best_val_mse"`
}

type stepSeconds struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

func (s *summary) setTraining(m *spackle.Model) {
	t := &m.Training
	s.Training = training{Layer: m.Layer, Seed: t.Seed, Steps: t.Steps, BestStep: t.BestStep, BestValMSE: t.BestValMSE}
}

func (s *summary) addSeconds(name string, t time.Duration) {
	s.Steps = append(s.Steps, stepSeconds{name, seconds(t)})
}

// seconds rounds to hundredths.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*100) / 100 }

func (s *summary) save(path string) error {
	return atomicfile.Write(path, func(tmp string) error {
		f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return err
		}
		if err := cli.JSON(f, s); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	})
}

// report prints the table of numbers and what to open.
func (d *demo) report() error {
	s := &d.summary
	fmt.Fprintf(d.out, "\n%s, %d spots x %d genes; %.1f %% of values missing before, %.1f %% after gene choice, none in c_t_log1p\n\n",
		cli.Clean(s.Data), s.Dataset.Spots, s.Dataset.Genes, 100*s.Dataset.MissingBefore, 100*s.Dataset.Missing)
	t := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "slide\tsplit\tspots\tmissing %")
	for _, sl := range s.Dataset.Slides {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.1f\n", cli.Clean(sl.Name), sl.Split, sl.Spots, 100*sl.Missing)
	}
	fmt.Fprintln(t)
	e := s.Evaluation
	fmt.Fprintf(t, "hidden values of %s\tMSE\tPCC-gene\tMAE\t", e.Split)
	if s.TrueError != nil {
		fmt.Fprint(t, "MSE of missing values against the truth")
	}
	fmt.Fprintln(t)
	for i, m := range e.Methods {
		fmt.Fprintf(t, "%s\t%.3f ± %.3f\t%.3f\t%.3f\t", m.Name, m.MSE, m.MSESD, m.PCCGene, m.MAE)
		if s.TrueError != nil {
			fmt.Fprintf(t, "%.3f", s.TrueError.Methods[i].MSE)
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nunit %s, rule %s, %d masks, seed %d, order %s; SpaCKLE: best of %d steps at step %d\n",
		e.Unit, e.Rule, e.Masks, e.Seed, e.Order, s.Training.Steps, s.Training.BestStep)
	for _, n := range e.Notes {
		fmt.Fprintf(d.out, "note: %s\n", cli.Clean(n))
	}
	var steps []string
	for _, st := range s.Steps {
		steps = append(steps, fmt.Sprintf("%s %.1f", st.Name, st.Seconds))
	}
	fmt.Fprintf(d.out, "engine: %s\nseconds: %.1f (%s)\n\nopen:\n", s.Engine, s.Seconds, strings.Join(steps, ", "))
	for _, p := range []struct{ name, what string }{
		{"explore.html", "maps, raw beside completed, in any browser"},
		{"compare.png", "one gene as measured and as completed"},
		{"notebooks", "the executed notebooks, .ipynb and .html"},
		{"data.h5ad", "the curated data set"},
		{"completed.h5ad", "the same with the completed layer c_t_log1p"},
		{"model", "the trained SpaCKLE model"},
		{"summary.json", "all these numbers"},
	} {
		fmt.Fprintf(d.out, "  %-28s %s\n", d.path(p.name), p.what)
	}
	return nil
}
