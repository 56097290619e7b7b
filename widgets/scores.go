package widgets

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Score is a mean over runs, slides or genes with its standard deviation; SD
// 0 = unknown. The zero Score is one that was not computed.
type Score struct{ Mean, SD float64 }

func (s Score) given() bool { return s != Score{} && finite(s.Mean) }

// ScoreRow is the evaluation of one method on hidden values.
type ScoreRow struct {
	Name string
	MSE  Score // mean squared error; less is better
	MAE  Score // mean absolute error; less is better
	PCC  Score // Pearson's correlation; more is better
	N    int   // values compared; 0 = not said
	Note string
}

// scoreColumn is one measure of the table and of the plot.
type scoreColumn struct {
	name  string
	label string // with unit
	less  bool   // less is better
	get   func(*ScoreRow) Score
}

func scoreColumns(unit string, rows []ScoreRow) []scoreColumn {
	squared, plain := "MSE", "MAE"
	if unit != "" {
		squared, plain = "MSE, ("+unit+")²", "MAE, "+unit
	}
	var out []scoreColumn
	for _, c := range []scoreColumn{
		{"MSE", squared, true, func(r *ScoreRow) Score { return r.MSE }},
		{"MAE", plain, true, func(r *ScoreRow) Score { return r.MAE }},
		{"PCC", "PCC", false, func(r *ScoreRow) Score { return r.PCC }},
	} {
		for i := range rows {
			if c.get(&rows[i]).given() {
				out = append(out, c)
				break
			}
		}
	}
	return out
}

// Scores compares methods: a panel of bars with standard deviations for each
// measure that any row has, and below it a table with the numbers. The best
// row of a measure stands out. unit is that of the values, such as
// "log2(TPM+1)".
func Scores(title, unit string, rows []ScoreRow) (*PlotFigure, error) {
	cols := scoreColumns(unit, rows)
	if len(cols) == 0 {
		return nil, fmt.Errorf("widgets: scores: no row has a score")
	}
	var names []string
	for i := range rows {
		names = append(names, rows[i].Name)
	}
	p := &plot{title: []string{title}, height: 70 + 30*float64(len(rows)), text: scoreText(title, unit, cols, rows), extra: scoreTable(cols, rows),
		caption: "Bars: mean; whiskers: one standard deviation. Dark: the best mean."}
	for k, c := range cols {
		q := panel{x: scoreAxis(c, rows), y: categories("", names), weight: 1, lefty: k > 0}
		q.y.inverse = true
		if k == 0 {
			q.weight += math.Min(190, q.y.widest()) / 280
		}
		q.marks = scoreMarks(c, rows)
		p.panels = append(p.panels, q)
	}
	return p.figure(), nil
}

func scoreAxis(c scoreColumn, rows []ScoreRow) scale {
	lo, hi := 0.0, 0.0
	for i := range rows {
		if s := c.get(&rows[i]); s.given() {
			lo, hi = math.Min(lo, s.Mean-s.SD), math.Max(hi, s.Mean+s.SD)
		}
	}
	lo, hi, step := nice(lo, hi, 4)
	return scale{label: c.label, min: lo, max: hi, step: step}
}

// best returns the row with the best mean, -1 for none.
func (c *scoreColumn) best(rows []ScoreRow) int {
	at := -1
	for i := range rows {
		s := c.get(&rows[i])
		if !s.given() {
			continue
		}
		if at < 0 || c.less == (s.Mean < c.get(&rows[at]).Mean) && s.Mean != c.get(&rows[at]).Mean {
			at = i
		}
	}
	return at
}

func scoreMarks(c scoreColumn, rows []ScoreRow) []mark {
	bars := mark{kind: rectKind, name: c.name, color: series[0]}
	whiskers := mark{kind: errorKind, name: c.name, color: hexInk, sideways: true, silent: true}
	best := c.best(rows)
	for i := range rows {
		s := c.get(&rows[i])
		if !s.given() {
			continue
		}
		y := float64(i)
		bars.items = append(bars.items, []float64{0, s.Mean, y - 0.32, y + 0.32})
		color := "#9dbbd9"
		if i == best {
			color = series[0]
		}
		bars.colors = append(bars.colors, color)
		bars.tips = append(bars.tips, []string{rows[i].Name, c.label + "\t" + s.format(c)})
		if s.SD > 0 {
			whiskers.items = append(whiskers.items, []float64{y, s.Mean - s.SD, s.Mean + s.SD})
		}
	}
	return []mark{bars, whiskers}
}

// format writes "0.612 ± 0.021".
func (s Score) format(c scoreColumn) string {
	if !s.given() {
		return "–"
	}
	d := 3
	if c.less && math.Abs(s.Mean) >= 100 {
		d = 1
	}
	if s.SD > 0 && finite(s.SD) {
		return format(s.Mean, d) + " ± " + format(s.SD, d)
	}
	return format(s.Mean, d)
}

// scoreCells returns the table with its head as text.
func scoreCells(cols []scoreColumn, rows []ScoreRow) [][]string {
	head := []string{"method"}
	counts, notes := false, false
	for i := range rows {
		counts, notes = counts || rows[i].N > 0, notes || rows[i].Note != ""
	}
	for _, c := range cols {
		head = append(head, c.name)
	}
	if counts {
		head = append(head, "values")
	}
	if notes {
		head = append(head, "note")
	}
	out := [][]string{head}
	for i := range rows {
		cells := []string{clean(rows[i].Name)}
		for _, c := range cols {
			cells = append(cells, c.get(&rows[i]).format(c))
		}
		if counts {
			cells = append(cells, count(rows[i].N))
		}
		if notes {
			cells = append(cells, clean(rows[i].Note))
		}
		out = append(out, cells)
	}
	return out
}

// scoreTable is the table as HTML, with the best cell of a column in bold.
func scoreTable(cols []scoreColumn, rows []ScoreRow) string {
	var b strings.Builder
	b.WriteString(`<table style="border-collapse:collapse;font-size:13px;margin-top:10px;color:#1f2933;background:#fff;border:0">`)
	for r, cells := range scoreCells(cols, rows) {
		b.WriteString(`<tr style="background:#fff">`)
		for k, text := range cells {
			style := "padding:3px 14px 3px 0;border:0;border-bottom:1px solid #e6eaee;text-align:left;overflow-wrap:anywhere;max-width:36ch"
			if k > 0 && k <= len(cols) && r > 0 && cols[k-1].best(rows) == r-1 {
				style += ";font-weight:600"
			}
			if r == 0 {
				style += ";color:#61707f;font-weight:400"
			}
			fmt.Fprintf(&b, `<td style="%s"><bdi>%s</bdi></td>`, style, html.EscapeString(text))
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</table>")
	return b.String()
}

func scoreText(title, unit string, cols []scoreColumn, rows []ScoreRow) string {
	var b strings.Builder
	b.WriteString(clean(title))
	if unit != "" {
		b.WriteString(" (values in " + clean(unit) + ")")
	}
	b.WriteString("\n")
	cells := scoreCells(cols, rows)
	width := make([]int, len(cells[0]))
	for _, row := range cells {
		for k, c := range row {
			width[k] = max(width[k], len([]rune(c)))
		}
	}
	for _, row := range cells {
		var line strings.Builder
		for k, c := range row {
			line.WriteString("  " + c + strings.Repeat(" ", width[k]-len([]rune(c))))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
