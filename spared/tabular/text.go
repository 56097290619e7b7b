package tabular

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/counts"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
)

// text is a table being read line by line.
type text struct {
	*rawfile.File
	delim byte
	line  int    // number of the current line, from 1
	buf   []byte // the current line
}

// openText opens a table, gzip or plain.
func openText(path string) (*text, error) {
	f, err := rawfile.Open(path)
	if err != nil {
		return nil, err
	}
	return &text{File: f}, nil
}

// next returns the next line that is not empty, without its end; io.EOF after
// the last. The slice is good until the next call.
func (t *text) next() ([]byte, error) {
	for {
		t.buf = t.buf[:0]
		for {
			part, err := t.ReadSlice('\n')
			t.buf = append(t.buf, part...)
			if err == nil {
				break
			}
			if err == io.EOF {
				if len(t.buf) == 0 {
					return nil, io.EOF
				}
				break
			}
			if !isFull(err) {
				return nil, t.Fail(err)
			}
		}
		t.line++
		if line := bytes.TrimRight(t.buf, "\r\n"); len(line) > 0 {
			return line, nil
		}
	}
}

// errorf makes an error about the current line.
func (t *text) errorf(column, msg string, args ...any) error {
	return &format.Error{Path: t.Path, Key: column, Line: t.line, Msg: fmt.Sprintf(msg, args...)}
}

// header reads the first line and finds out what separates its cells.
func (t *text) header() ([]string, error) {
	line, err := t.next()
	if err == io.EOF {
		return nil, format.Errorf(t.Path, "", "is empty, want a table with a header")
	}
	if err != nil {
		return nil, err
	}
	if line, err = rawfile.UTF8(t.Path, line); err != nil {
		return nil, err
	}
	t.delim = delimiter(line)
	return t.cells(line)
}

// delimiter is what separates the cells of a line: the tab, else the more
// frequent of semicolon and comma, else the space.
func delimiter(line []byte) byte {
	tabs, semis, commas := bytes.Count(line, []byte("\t")), bytes.Count(line, []byte(";")), bytes.Count(line, []byte(","))
	switch {
	case tabs > 0:
		return '\t'
	case semis > 0 && semis >= commas:
		return ';'
	case commas > 0:
		return ','
	case bytes.IndexByte(line, ' ') >= 0:
		return ' '
	}
	return '\t'
}

// cells splits a line.
func (t *text) cells(line []byte) ([]string, error) {
	var cells []string
	for c := (cutter{line, t.delim}); ; {
		cell, more, ok := c.next()
		if !ok {
			return nil, t.errorf("", "a quote is not closed")
		}
		cells = append(cells, string(cell))
		if !more {
			return cells, nil
		}
	}
}

// cutter takes cells off a line.
type cutter struct {
	rest  []byte
	delim byte
}

// next returns the next cell without quotes and the space around it, and
// whether others follow. ok is false where a quote is not closed.
func (c *cutter) next() (cell []byte, more, ok bool) {
	if c.delim == ' ' {
		c.rest = bytes.TrimLeft(c.rest, " ")
	}
	if len(c.rest) > 0 && c.rest[0] == '"' {
		return c.quoted()
	}
	for i, b := range c.rest {
		if b == c.delim {
			cell, c.rest = c.rest[:i], c.rest[i+1:]
			return trim(cell), true, true
		}
	}
	cell, c.rest = c.rest, nil
	return trim(cell), false, true
}

// quoted returns a cell between quotes, in which two stand for one.
func (c *cutter) quoted() (cell []byte, more, ok bool) {
	s := c.rest[1:]
	for {
		i := bytes.IndexByte(s, '"')
		if i < 0 {
			return nil, false, false
		}
		if cell == nil {
			cell = s[:i:i]
		} else {
			cell = append(cell, s[:i]...)
		}
		s = s[i+1:]
		if len(s) == 0 || s[0] != '"' {
			break
		}
		cell, s = append(cell, '"'), s[1:]
	}
	s = bytes.TrimLeft(s, " ")
	switch {
	case len(s) == 0:
		c.rest = nil
		return cell, false, true
	case s[0] == c.delim:
		c.rest = s[1:]
		return cell, true, true
	case c.delim == ' ': // the space was trimmed
		c.rest = s
		return cell, true, true
	}
	return nil, false, false
}

// trim is bytes.TrimSpace for what is nearly always without space.
func trim(s []byte) []byte {
	if len(s) == 0 || s[0] > ' ' && s[len(s)-1] > ' ' {
		return s
	}
	return bytes.TrimSpace(s)
}

func isFull(err error) bool { return errors.Is(err, bufio.ErrBufferFull) }

// grid is a table of counts as it lies in the file: names of rows and columns,
// and the entries that are not 0, by row.
type grid struct {
	rows, cols []string
	row, col   []int32
	count      []float32
	rowLine    []int // line of each row
	headerLine int
}

// readGrid reads a table of counts. The header has a name for each column and
// may or may not have one for the column of row names.
func readGrid(ctx context.Context, t *text, check valueCheck) (*grid, error) {
	head, err := t.header()
	if err != nil {
		return nil, err
	}
	room := min(t.Size/2, 1<<26) // a plain table has a byte and a tab for each count at least
	g := &grid{headerLine: t.line, row: make([]int32, 0, room), col: make([]int32, 0, room), count: make([]float32, 0, room)}
	for {
		line, err := t.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if g.cols == nil {
			if g.cols, err = columnNames(t, head, line); err != nil {
				return nil, err
			}
		}
		if err := g.add(t, line, check); err != nil {
			return nil, err
		}
	}
	if len(g.rows) == 0 {
		return nil, format.Errorf(t.Path, "", "has no line after its header; want one for each spot (or each gene)")
	}
	return g, nil
}

// columnNames takes the name of the row names' column off the header, where
// the first line of values shows that there is one.
func columnNames(t *text, head []string, line []byte) ([]string, error) {
	cells, err := t.cells(line)
	if err != nil {
		return nil, err
	}
	switch n := len(cells); {
	case isHeaderless(head):
		return nil, &format.Error{Path: t.Path, Line: 1, Msg: fmt.Sprintf("begins with the spot %s and numbers; want a header with the names of the genes (or of the spots)", head[0])}
	case n < 2:
		return nil, t.errorf("", "%.40q is one cell, want a name and counts separated as in the header", line)
	case n == len(head):
		return head[1:], nil
	case n == len(head)+1: // as R writes tables
		return head, nil
	default:
		return nil, t.errorf("", "%d cells, but the header has %d", n, len(head))
	}
}

// isHeaderless tells whether the first line is that of a spot.
func isHeaderless(head []string) bool {
	if !spotLike(head[:1]) || len(head) < 2 {
		return false
	}
	for _, cell := range head[1:] {
		if _, ok := parseFinite(cell); !ok {
			return false
		}
	}
	return true
}

// valueCheck says whether a number can be a value of the table, and why not.
type valueCheck func(float64) (float32, string)

// add reads a line: a name, then counts.
func (g *grid) add(t *text, line []byte, check valueCheck) error {
	c := cutter{line, t.delim}
	name, more, ok := c.next()
	switch {
	case !ok:
		return t.errorf("", "a quote is not closed")
	case len(name) == 0:
		return t.errorf("", "the row has no name")
	case !utf8.Valid(name):
		return t.errorf("", "the row's name is not UTF-8 text")
	}
	row := int32(len(g.rows))
	g.rows, g.rowLine = append(g.rows, string(name)), append(g.rowLine, t.line)
	for col := range g.cols {
		if !more {
			return t.errorf("", "%d cells, want %d: a name and a count for each column", col+1, len(g.cols)+1)
		}
		var cell []byte
		if cell, more, ok = c.next(); !ok {
			return t.errorf(g.cols[col], "a quote is not closed")
		}
		if len(cell) == 1 && cell[0] == '0' {
			continue
		}
		v, msg := parseCount(cell, check)
		if msg != "" {
			return t.errorf(g.cols[col], "%.40q: %s", cell, msg)
		}
		if v != 0 {
			g.row, g.col, g.count = append(g.row, row), append(g.col, int32(col)), append(g.count, v)
		}
	}
	if more {
		return t.errorf("", "more than the %d cells that the header has columns for", len(g.cols)+1)
	}
	return nil
}

// parseCount reads a count; the message is "" where it is one.
func parseCount(cell []byte, check valueCheck) (v float32, msg string) {
	n := 0
	for _, b := range cell {
		if b < '0' || b > '9' || n > counts.Max {
			return parseOddCount(string(cell), check)
		}
		n = 10*n + int(b-'0')
	}
	if len(cell) == 0 || n > counts.Max {
		return parseOddCount(string(cell), check)
	}
	return float32(n), ""
}

// parseOddCount reads a count that is not just digits.
func parseOddCount(cell string, check valueCheck) (float32, string) {
	f, err := strconv.ParseFloat(cell, 64)
	switch {
	case cell == "" || strings.EqualFold(cell, "na") || strings.EqualFold(cell, "nan"):
		return 0, "the count is missing; a gene without molecules has a 0"
	case err != nil && strings.ContainsAny(cell, ",'"):
		return 0, "is not a count; write numbers without separators of thousands or decimal commas"
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, "is not a count"
	}
	return check(f)
}

// parseFinite reads a number that is neither NaN nor infinite.
func parseFinite(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}
