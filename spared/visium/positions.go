package visium

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
)

// position is one spot of the array.
type position struct {
	barcode  string
	inTissue bool
	row, col int     // place on the array
	x, y     float64 // pxl_col_in_fullres, pxl_row_in_fullres
	line     int
}

// The columns of a positions file, in Space Ranger's order. The pixel row (y)
// stands before the pixel column (x).
const (
	colBarcode = iota
	colInTissue
	colArrayRow
	colArrayCol
	colPixelRow
	colPixelCol
	nPositionCols
)

var positionCols = [nPositionCols]string{
	"barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres",
}

// positionWant says what each column holds.
var positionWant = [nPositionCols]string{"a barcode", "0 or 1", "a whole number", "a whole number", "a number", "a number"}

// parsePositions reads the rows of a tissue_positions file. Whether there is
// a header is decided by what the first line says: Space Ranger 1 wrote none,
// 2 and later do, and files travel under either name.
func parsePositions(path string, data []byte) ([]position, error) {
	data, err := rawfile.UTF8(path, data)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma = delimiter(data)
	r.TrimLeadingSpace = true
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	p := positionParser{path: path, lines: make(map[string]int)}
	for first := true; ; first = false {
		rec, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, csvError(path, err)
		}
		line, _ := r.FieldPos(0)
		if first {
			isHeader, err := p.header(rec)
			if err != nil {
				return nil, err
			}
			if isHeader {
				continue
			}
		}
		if err := p.row(rec, line); err != nil {
			return nil, err
		}
	}
	if len(p.rows) == 0 {
		return nil, format.Errorf(path, "", "lists no spots; want lines of %s", strings.Join(positionCols[:], ","))
	}
	return p.rows, nil
}

// delimiter returns the separator that the first line uses: the comma, or the
// semicolon or tab that a spreadsheet put in its place.
func delimiter(data []byte) rune {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.ContainsRune(line, ',') {
		for _, c := range ";\t" {
			if bytes.ContainsRune(line, c) {
				return c
			}
		}
	}
	return ','
}

// csvError names the line of an error of the csv reader.
func csvError(path string, err error) error {
	e := &format.Error{Path: path, Msg: "is not a table of comma-separated values", Err: err}
	var pe *csv.ParseError
	if errors.As(err, &pe) {
		e.Line, e.Err = pe.Line, pe.Err
	}
	return e
}

type positionParser struct {
	path    string
	place   [nPositionCols]int // column of each value
	columns int                // columns of each line
	rows    []position
	lines   map[string]int // line of each barcode
}

// header settles the order of the columns from the first line and tells
// whether that line is a header: it is when any cell is a column's name.
func (p *positionParser) header(first []string) (bool, error) {
	at := make(map[string]int)
	for j, cell := range first {
		at[strings.ToLower(strings.TrimSpace(cell))] = j
	}
	named := 0
	var missing []string
	for c, name := range positionCols {
		j, ok := at[name]
		if !ok && c == colBarcode && strings.TrimSpace(first[0]) == "" {
			j, ok = 0, true // a data frame's index column without a name
		}
		if ok {
			named++
			p.place[c] = j
		} else {
			missing = append(missing, name)
		}
	}
	switch {
	case named == 0:
		p.columns = nPositionCols
		for c := range p.place {
			p.place[c] = c
		}
		return false, nil
	case len(missing) > 0:
		return true, &format.Error{Path: p.path, Line: 1,
			Msg: "the header lacks " + strings.Join(missing, ", ") + "; it has " + strings.Join(first, ", ")}
	}
	p.columns = len(first)
	return true, nil
}

// row parses one line.
func (p *positionParser) row(rec []string, line int) error {
	if len(rec) != p.columns {
		return &format.Error{Path: p.path, Line: line,
			Msg: strconv.Itoa(len(rec)) + " columns, want " + strconv.Itoa(p.columns) + " (" + strings.Join(positionCols[:], ",") + ")"}
	}
	var cell [nPositionCols]string
	for c, j := range p.place {
		cell[c] = strings.TrimSpace(rec[j])
	}
	s := position{barcode: strings.Clone(cell[colBarcode]), line: line}
	var ok [nPositionCols]bool
	ok[colBarcode] = s.barcode != ""
	s.inTissue, ok[colInTissue] = parseFlag(cell[colInTissue])
	s.row, ok[colArrayRow] = parseInt(cell[colArrayRow])
	s.col, ok[colArrayCol] = parseInt(cell[colArrayCol])
	s.y, ok[colPixelRow] = parseFinite(cell[colPixelRow])
	s.x, ok[colPixelCol] = parseFinite(cell[colPixelCol])
	for c := range ok {
		if !ok[c] {
			return &format.Error{Path: p.path, Key: positionCols[c], Line: line,
				Msg: strconv.Quote(cell[c]) + " is not " + positionWant[c]}
		}
	}
	if first, dup := p.lines[s.barcode]; dup {
		return &format.Error{Path: p.path, Line: line,
			Msg: "barcode " + strconv.Quote(s.barcode) + " was on line " + strconv.Itoa(first) + " already"}
	}
	p.lines[s.barcode] = line
	p.rows = append(p.rows, s)
	return nil
}

// parseFlag reads an in_tissue value.
func parseFlag(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "1", "true":
		return true, true
	case "0", "false":
		return false, true
	}
	return false, false
}

// parseInt reads a whole number, also one that went through a table of
// floats ("61.0").
func parseInt(s string) (int, bool) {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return int(n), true
	}
	f, ok := parseFinite(s)
	return int(f), ok && f == math.Trunc(f) && math.Abs(f) <= math.MaxInt32
}

// parseFinite reads a number that is neither NaN nor infinite.
func parseFinite(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}
