package spackle

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
)

// WriteCSV writes evaluations as a table in CSV with a header line, one row a
// method of each. Cells that a method does not have (intervals of one that is
// not sure of anything) are empty.
func WriteCSV(w io.Writer, all ...*Evaluation) error {
	rows := [][]string{{"data", "split", "rule", "protocol", "masks", "method", "mse", "mse_sd", "mse_low", "mse_high", "behind_low", "behind_high",
		"pcc_gene", "pcc_low", "pcc_high", "pcc_patch", "mae", "r2_gene", "r2_patch", "coverage_50", "coverage_80", "coverage_95", "floor", "n", "seconds"}}
	for _, e := range all {
		for _, s := range e.Methods {
			row := append(e.cells(), strconv.Itoa(e.Masks), s.Name, number(s.MSE), number(s.MSESD))
			row = append(row, pair(s.MSECI)...)
			row = append(row, pair(s.BehindCI)...)
			row = append(row, number(s.PCCGene))
			row = append(row, pair(s.PCCCI)...)
			row = append(row, number(s.PCCPatch), number(s.MAE), number(s.R2Gene), number(s.R2Patch))
			for _, c := range s.Coverage {
				row = append(row, unless(s.Coverage == [3]float64{}, c))
			}
			rows = append(rows, append(row, unless(e.Floor == 0, e.Floor), strconv.Itoa(s.N), number(s.Seconds)))
		}
	}
	return writeRows(w, rows)
}

// WriteGenesCSV writes the scores per gene, one row a gene of each method of
// each evaluation. Genes of which nothing was hidden have n = 0 and no scores.
func WriteGenesCSV(w io.Writer, all ...*Evaluation) error {
	rows := [][]string{{"data", "split", "rule", "protocol", "method", "gene", "symbol", "n", "mse", "mae", "bias", "pcc", "r2"}}
	for _, e := range all {
		for _, s := range e.Methods {
			for _, g := range s.Genes {
				row := append(e.cells(), s.Name, g.ID, g.Symbol, strconv.Itoa(g.N))
				for _, v := range []float64{g.MSE, g.MAE, g.Bias, g.PCC, g.R2} {
					row = append(row, unless(g.N == 0, v))
				}
				rows = append(rows, row)
			}
		}
	}
	return writeRows(w, rows)
}

// WriteCSV writes one row for each bin of each answer of each method.
func (c *CountSplitting) WriteCSV(w io.Writer) error {
	rows := [][]string{{"data", "split", "method", "answer", "truth", "mean", "deviance", "from", "to", "n", "predicted", "observed"}}
	add := func(method, answer string, a CountAnswer) {
		for _, b := range a.Bins {
			rows = append(rows, []string{c.Data.Name, c.Split, method, answer, number(c.Truth), number(a.Mean), number(a.Deviance),
				number(b.From), unless(b.To == 0, b.To), strconv.Itoa(b.N), number(b.Predicted), number(b.Observed)})
		}
	}
	add("share of the slide", "rate", c.Share)
	for _, m := range c.Methods {
		add(m.Name, "detected", m.Detected)
		if m.Rate != nil {
			add(m.Name, "rate", *m.Rate)
		}
	}
	return writeRows(w, rows)
}

// cells are the columns that say which evaluation it is.
func (e *Evaluation) cells() []string {
	return []string{e.Data.Name, e.Split, e.Rule, string(e.Protocol)}
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 8, 64) }

// unless returns an empty cell where there is no number.
func unless(none bool, x float64) string {
	if none {
		return ""
	}
	return number(x)
}

func pair(ci [2]float64) []string {
	none := ci == [2]float64{}
	return []string{unless(none, ci[0]), unless(none, ci[1])}
}

func writeRows(w io.Writer, rows [][]string) error {
	if err := csv.NewWriter(w).WriteAll(rows); err != nil {
		return fmt.Errorf("spackle: writing the table: %w", err)
	}
	return nil
}
