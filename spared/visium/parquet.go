package visium

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/spatialgo/spatialgo/spared/format"
)

// maxRowsPerByte bounds the rows that a positions file may claim. A barcode
// that is no other's and two coordinates take several bytes a row in real
// files, 8 to 20.
const maxRowsPerByte = 4

// parquetPositions are the places of a tissue_positions.parquet file, which
// Space Ranger writes for Visium HD. It has the columns of
// tissue_positions.csv, one row a bin.
type parquetPositions struct {
	path string
	data []byte
	file *parquet.File
	rows []position
	left int64 // bytes of the file that columns have not taken yet
}

// parseParquet reads a tissue_positions.parquet file. What the file claims is
// checked against its size before package parquet-go reads it, and a panic of
// that package is an error.
func parseParquet(path string, data []byte) (rows []position, err error) {
	defer func() {
		if p := recover(); p != nil {
			rows, err = nil, format.Errorf(path, "", "the Parquet file is damaged: %v", p)
		}
	}()
	p := &parquetPositions{path: path, data: data, left: int64(len(data))}
	if err := p.open(); err != nil {
		return nil, err
	}
	columns, err := p.columns()
	if err != nil {
		return nil, err
	}
	for g, group := range p.file.RowGroups() {
		chunks, stored := group.ColumnChunks(), p.file.Metadata().RowGroups[g].Columns
		first := len(p.rows)
		p.rows = append(p.rows, make([]position, group.NumRows())...)
		for c, leaf := range columns {
			guard := pageGuard{data: data, meta: &stored[leaf.index].MetaData, optional: leaf.optional}
			err := guard.check(group.NumRows())
			if p.left -= guard.meta.TotalCompressedSize; err == nil && p.left < 0 {
				err = errors.New("its pages lie over those of others") // and would be read over and over
			}
			if err != nil {
				return nil, p.errorf(positionCols[c], "the column is damaged or made by a tool that is not known: %w", err)
			}
			if err := p.column(c, chunks[leaf.index], first); err != nil {
				return nil, err
			}
		}
	}
	if len(p.rows) == 0 {
		return nil, format.Errorf(path, "", "lists no bins; want the columns %s", strings.Join(positionCols[:], ", "))
	}
	return p.rows, p.distinct()
}

// errorf makes an error about the file.
func (p *parquetPositions) errorf(key, msg string, args ...any) error {
	return format.Errorf(p.path, key, msg, args...)
}

// open reads the footer after a check of what it claims.
func (p *parquetPositions) open() error {
	const magic = "PAR1"
	n := len(p.data)
	if n < 12 || string(p.data[:4]) != magic {
		return p.errorf("", "is not a Parquet file")
	}
	if string(p.data[n-4:]) != magic {
		return p.errorf("", "the Parquet file is cut off; copy or download it again")
	}
	size := uint64(binary.LittleEndian.Uint32(p.data[n-8:]))
	if size > uint64(n-12) {
		return p.errorf("", "the Parquet file's footer is damaged: %w", errThrift)
	}
	if _, _, err := walkThrift(p.data[n-8-int(size) : n-8]); err != nil {
		return p.errorf("", "the Parquet file's footer is damaged: %w", err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(p.data), int64(n),
		parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return p.errorf("", "the Parquet file cannot be read: %w", err)
	}
	var rows int64
	for _, g := range f.RowGroups() {
		if k := g.NumRows(); k < 0 || k > math.MaxInt32 {
			return p.errorf("", "a row group claims %d rows", k)
		}
		rows += g.NumRows()
		if rows > maxRowsPerByte*int64(n) {
			return p.errorf("", "claims more than %d rows, which %d bytes cannot hold", rows-1, n)
		}
	}
	p.file = f
	return nil
}

// leafColumn is where a column is, and whether it may have gaps.
type leafColumn struct {
	index    int
	optional bool
}

// columns finds the columns by name, any order, others ignored.
func (p *parquetPositions) columns() (found [nPositionCols]leafColumn, err error) {
	var names, missing []string
	at := make(map[string]leafColumn)
	for _, c := range p.file.Root().Columns() {
		names = append(names, c.Name())
		if c.Leaf() && !c.Repeated() {
			at[strings.ToLower(c.Name())] = leafColumn{c.Index(), c.Optional()}
		}
	}
	for c, name := range positionCols {
		i, ok := at[name]
		if !ok && c == colBarcode {
			i, ok = at["__index_level_0__"] // pandas' name for an index without one
		}
		if !ok {
			missing = append(missing, name)
		}
		found[c] = i
	}
	if len(missing) > 0 {
		return found, p.errorf("", "lacks the columns %s; it has %s", strings.Join(missing, ", "), strings.Join(names, ", "))
	}
	return found, nil
}

// column reads one column of a row group into the rows from first on.
func (p *parquetPositions) column(c int, chunk parquet.ColumnChunk, first int) error {
	pages := chunk.Pages()
	defer pages.Close()
	buf := make([]parquet.Value, 1024)
	row := first
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			break
		}
		if err != nil {
			return p.errorf(positionCols[c], "the column cannot be read: %w", err)
		}
		values := page.Values()
		for err == nil {
			var n int
			n, err = values.ReadValues(buf)
			if row+n > len(p.rows) {
				return p.errorf(positionCols[c], "has more values than the file has rows")
			}
			for _, v := range buf[:n] {
				if msg := p.rows[row].set(c, v); msg != "" {
					return p.errorf(positionCols[c], "row %d: %s", row, msg)
				}
				row++
			}
		}
		parquet.Release(page)
		if err != io.EOF {
			return p.errorf(positionCols[c], "the column cannot be read: %w", err)
		}
	}
	if row != len(p.rows) {
		return p.errorf(positionCols[c], "has %d values for %d rows", row-first, len(p.rows)-first)
	}
	return nil
}

// set puts a value where it belongs; the message is "" where it could.
func (p *position) set(c int, v parquet.Value) (msg string) {
	if c == colBarcode {
		if v.Kind() != parquet.ByteArray && v.Kind() != parquet.FixedLenByteArray || v.IsNull() || len(v.ByteArray()) == 0 {
			return fmt.Sprintf("%v is not a barcode", v)
		}
		p.barcode = strings.Clone(string(v.ByteArray()))
		return ""
	}
	f, ok := number(v)
	whole := f == math.Trunc(f) && math.Abs(f) <= math.MaxInt32
	switch c {
	case colInTissue:
		p.inTissue, ok = f == 1, ok && (f == 0 || f == 1)
	case colArrayRow:
		p.row, ok = int(f), ok && whole
	case colArrayCol:
		p.col, ok = int(f), ok && whole
	case colPixelRow:
		p.y = f
	case colPixelCol:
		p.x = f
	}
	if !ok {
		return fmt.Sprintf("%v is not %s", v, positionWant[c])
	}
	return ""
}

// number returns a finite number of any of Parquet's kinds.
func number(v parquet.Value) (f float64, ok bool) {
	if v.IsNull() {
		return 0, false
	}
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return 1, true
		}
		return 0, true
	case parquet.Int32:
		return float64(v.Int32()), true
	case parquet.Int64:
		return float64(v.Int64()), true
	case parquet.Float:
		f = float64(v.Float())
	case parquet.Double:
		f = v.Double()
	default:
		return 0, false
	}
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}

// distinct checks that no barcode comes twice.
func (p *parquetPositions) distinct() error {
	seen := make(map[string]int32, len(p.rows))
	for i := range p.rows {
		if first, dup := seen[p.rows[i].barcode]; dup {
			return p.errorf(positionCols[colBarcode], "row %d: barcode %q was in row %d already", i, p.rows[i].barcode, first)
		}
		seen[p.rows[i].barcode] = int32(i)
	}
	return nil
}
