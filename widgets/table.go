package widgets

import (
	"fmt"
	"html"
	"image/color"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"unicode"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/widgets/internal/raster"
)

// TableFigure is a table of text and numbers.
type TableFigure struct {
	title, caption string
	header         []string
	rows           [][]string
	words          bool // all columns are aligned left

	once sync.Once
	png  []byte
	err  error
}

// Table makes a table. Columns with numbers are aligned right, the first and
// those of words left. Rows that are shorter than the header are filled up.
func Table(title string, header []string, rows [][]string, caption string) *TableFigure {
	t := &TableFigure{title: clean(title), caption: clean(caption), header: cleanAll(header)}
	for _, r := range rows {
		row := make([]string, len(header))
		copy(row, cleanAll(r))
		t.rows = append(t.rows, row)
	}
	return t
}

// left reports whether column j is aligned left.
func (t *TableFigure) left(j int) bool {
	return j == 0 || t.words || !slices.ContainsFunc(t.rows, func(row []string) bool { return number(row[j]) })
}

// number reports whether a cell is a number rather than a name with digits.
func number(cell string) bool {
	digits, letters := 0, 0
	for _, r := range cell {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case unicode.IsLetter(r):
			letters++
		}
	}
	return digits > 0 && digits >= letters
}

// Text returns the table in columns of equal width.
func (t *TableFigure) Text() string {
	var b strings.Builder
	fmt.Fprintln(&b, t.title)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.header}, t.rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush() // to memory
	return b.String()
}

// HTML implements Figure. A table is text: it needs no script, so what every
// viewer shows is the table itself.
func (t *TableFigure) HTML() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="%s"><div style="font-weight:600;font-size:16px;margin-bottom:6px">%s</div>`, cardStyle, html.EscapeString(t.title))
	// Colours are said of each row: a notebook's dark theme has its own for them.
	b.WriteString(`<table style="border-collapse:collapse;border:0;margin:0;font-size:13px;font-variant-numeric:tabular-nums;color:#1f2933;background:#fff">`)
	tr := func(cells []string, tag, style string) {
		b.WriteString(`<tr style="background:#fff">`)
		for j, c := range cells {
			align := "right"
			if t.left(j) {
				align = "left"
			}
			fmt.Fprintf(&b, `<%s style="text-align:%s;padding:4px 18px 4px 0;border:0;%s"><bdi>%s</bdi></%s>`, tag, align, style, html.EscapeString(c), tag)
		}
		b.WriteString("</tr>")
	}
	tr(t.header, "th", "color:#61707f;font-weight:500;border-bottom:1px solid #dfe4ea")
	for _, row := range t.rows {
		tr(row, "td", "border-bottom:1px solid #eef1f4")
	}
	b.WriteString("</table>")
	if t.caption != "" {
		fmt.Fprintf(&b, `<div style="%s">%s</div>`, captionStyle, html.EscapeString(t.caption))
	}
	b.WriteString("</div>")
	return b.String()
}

// PNG implements Figure.
func (t *TableFigure) PNG() ([]byte, error) {
	t.once.Do(func() { t.png, t.err = t.paint() })
	return t.png, t.err
}

// Sizes of the still picture, CSS pixels.
const (
	tableRow    = 26.0
	tableGap    = 24.0
	tableMargin = 16.0
)

func (t *TableFigure) paint() ([]byte, error) {
	cell, head, title := raster.Style{Size: 13, Color: ink}, raster.Style{Size: 13, Color: muted}, raster.Style{Size: 15, Bold: true, Color: ink}
	measure := raster.New(10, 10, 1)
	widths := make([]float64, len(t.header))
	total := 2 * tableMargin
	for j := range widths {
		widths[j] = measure.Width(t.header[j], head)
		for _, row := range t.rows {
			widths[j] = max(widths[j], measure.Width(row[j], cell))
		}
		total += widths[j] + tableGap
	}
	total = max(total, measure.Width(t.title, title)+2*tableMargin)
	c := raster.New(total, 2*tableMargin+tableRow*float64(len(t.rows)+2), 2)
	c.FillRect(raster.Rect{X: 0, Y: 0, W: total, H: 2*tableMargin + tableRow*float64(len(t.rows)+2)}, color.White)
	c.Text(tableMargin, tableMargin+16, t.title, title)
	for i, row := range append([][]string{t.header}, t.rows...) {
		style := cell
		if i == 0 {
			style = head
		}
		x, y := tableMargin, tableMargin+tableRow*float64(i+1)+18
		for j, text := range row {
			s := style
			if t.left(j) {
				c.Text(x, y, text, s)
			} else {
				s.AlignX = 1
				c.Text(x+widths[j], y, text, s)
			}
			x += widths[j] + tableGap
		}
		c.HLine(tableMargin, total-tableMargin, y+8, 1, line)
	}
	return c.PNG()
}

// Steps shows what each step of the curation left: spots, genes, and how much
// of their table was not measured.
func Steps(ds *spared.Dataset) *TableFigure {
	var rows [][]string
	for _, s := range ds.Manifest.Steps {
		rows = append(rows, []string{s.Name, count(s.Spots), count(s.Genes), fmt.Sprintf("%.1f %%", 100*s.Missing)})
	}
	return Table("What each step left", []string{"after", "spots", "genes", "not measured"}, rows,
		"Not measured: entries of spots x genes without a count. Order of the pipeline: "+string(ds.Manifest.Recipe.Order)+".")
}

// Slides shows the slides of a data set, their splits and how much of each was
// measured.
func Slides(ds *spared.Dataset) *TableFigure {
	var rows [][]string
	for _, s := range ds.Summary().Slides {
		rows = append(rows, []string{s.Name, s.Split, count(s.Spots), fmt.Sprintf("%.1f %%", 100*s.Missing), count(int(s.MedianCounts)), s.Picture})
	}
	return Table("Slides", []string{"slide", "split", "spots", "not measured", "median counts", "picture"}, rows,
		"Splits: "+ds.Manifest.Splits+". Not measured: of the chosen genes. Median counts: per spot, over the genes that passed the filter.")
}
