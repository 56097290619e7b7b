// Package goldentest opens, for tests, the real slides and the reference
// outputs of the Python packages that lie beside a checkout of this
// repository, in ../shared/data and ../shared/golden. They are not part of
// it; where they are absent the test that asks for them is skipped.
package goldentest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/norm"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// Path returns the path of a file below ../shared, or skips the test.
func Path(tb testing.TB, elem ...string) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("goldentest: no go.mod above the test's folder")
		}
		dir = up
	}
	path := filepath.Join(append([]string{dir, "..", "shared"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("reference data are absent: %v", err)
	}
	return path
}

// Read returns the bytes of a file below ../shared, unpacked if its name ends
// in .gz, or skips the test.
func Read(tb testing.TB, elem ...string) []byte {
	tb.Helper()
	path := Path(tb, elem...)
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = bufio.NewReaderSize(f, 1<<20)
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(r); err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return b
}

// Table is a tab-separated table with a header line.
type Table struct {
	Header []string
	Rows   [][]string
}

// ReadTable reads a table below ../shared, or skips the test.
func ReadTable(tb testing.TB, elem ...string) *Table {
	tb.Helper()
	lines := strings.Split(strings.TrimRight(string(Read(tb, elem...)), "\n"), "\n")
	t := &Table{Header: strings.Split(lines[0], "\t")}
	for _, l := range lines[1:] {
		t.Rows = append(t.Rows, strings.Split(l, "\t"))
	}
	return t
}

// Strings returns a column.
func (t *Table) Strings(tb testing.TB, name string) []string {
	tb.Helper()
	c := slices.Index(t.Header, name)
	if c < 0 {
		tb.Fatalf("goldentest: no column %q in %q", name, t.Header)
	}
	col := make([]string, len(t.Rows))
	for i, r := range t.Rows {
		col[i] = r[c]
	}
	return col
}

// Floats returns a column of numbers; an empty cell is NaN.
func (t *Table) Floats(tb testing.TB, name string) []float64 {
	tb.Helper()
	col := make([]float64, len(t.Rows))
	for i, s := range t.Strings(tb, name) {
		col[i] = math.NaN()
		if s != "" {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				tb.Fatalf("goldentest: column %q, row %d: %v", name, i, err)
			}
			col[i] = v
		}
	}
	return col
}

// Neighbours returns the column of comma-separated spot indices nn6.
func (t *Table) Neighbours(tb testing.TB) [][]int {
	tb.Helper()
	rows := make([][]int, len(t.Rows))
	for i, s := range t.Strings(tb, "nn6") {
		for _, f := range strings.Split(s, ",") {
			j, err := strconv.Atoi(f)
			if err != nil {
				tb.Fatal(err)
			}
			rows[i] = append(rows[i], j)
		}
	}
	return rows
}

// Slide is a slide of the reference data.
type Slide struct {
	Spots  []string
	Genes  []string    // Ensembl ids without version
	Counts *sparse.CSR // [spots][genes]
	X, Y   []float64   // full-resolution pixels
}

// Hippo reads slide n (1 to 8) of ../shared/data/hippo as the references do:
// the spots that the alignment table selects and whose counts sum to more than
// 500 and less than 100,000, in the order of the count table, and of genes
// whose id recurs with another version the first.
func Hippo(tb testing.TB, n int) *Slide {
	tb.Helper()
	name := "Hippo" + strconv.Itoa(n)
	table := Read(tb, "data", "hippo", name+".tsv.gz")
	place := map[string][2]float64{}
	align := ReadTable(tb, "data", "hippo", "alignment_table_"+name+".tsv.gz")
	x, y, selected := align.Floats(tb, "pixel_x"), align.Floats(tb, "pixel_y"), align.Floats(tb, "selected")
	for i, r := range align.Rows {
		if selected[i] == 1 {
			place[r[0]+"x"+r[1]] = [2]float64{x[i], y[i]}
		}
	}

	header, table, _ := bytes.Cut(table, []byte("\n"))
	s := &Slide{Counts: &sparse.CSR{IndPtr: []int64{0}}}
	var keep []bool
	seen := map[string]bool{}
	for _, id := range strings.Split(string(header), "\t")[1:] {
		id, _, _ = strings.Cut(id, ".")
		keep = append(keep, !seen[id])
		if !seen[id] {
			seen[id] = true
			s.Genes = append(s.Genes, id)
		}
	}
	for len(table) > 0 {
		var line []byte
		line, table, _ = bytes.Cut(table, []byte("\n"))
		spot, cells, _ := bytes.Cut(line, []byte("\t"))
		if p, ok := place[string(spot)]; ok && s.addSpot(tb, keep, cells) {
			s.Spots = append(s.Spots, name+"_"+string(spot))
			s.X, s.Y = append(s.X, p[0]), append(s.Y, p[1])
		}
	}
	s.Counts.Rows, s.Counts.Cols = len(s.Spots), len(s.Genes)
	return s
}

// addSpot parses one row of counts and adds it if its total is within bounds.
func (s *Slide) addSpot(tb testing.TB, keep []bool, cells []byte) bool {
	m := s.Counts
	from, total, col, place := len(m.Data), 0, 0, int32(0)
	for v, i := 0, 0; i <= len(cells); i++ {
		if i < len(cells) && cells[i] != '\t' {
			if cells[i] < '0' || cells[i] > '9' {
				tb.Fatalf("goldentest: %q in a table of counts", cells[i])
			}
			v = 10*v + int(cells[i]-'0')
			continue
		}
		total += v
		if keep[col] {
			if v > 0 {
				m.Indices, m.Data = append(m.Indices, place), append(m.Data, float32(v))
			}
			place++
		}
		col++
		v = 0
	}
	if total <= 500 || total >= 100_000 {
		m.Indices, m.Data = m.Indices[:from], m.Data[:from]
		return false
	}
	m.IndPtr = append(m.IndPtr, int64(len(m.Data)))
	return true
}

// Of returns the counts of the named genes, in that order.
func (s *Slide) Of(tb testing.TB, genes []string) *sparse.CSR {
	tb.Helper()
	at := map[string]int{}
	for j, g := range s.Genes {
		at[g] = j
	}
	cols := make([]int, len(genes))
	for k, g := range genes {
		j, ok := at[g]
		if !ok {
			tb.Fatalf("goldentest: the slide has no gene %s", g)
		}
		cols[k] = j
	}
	return s.Counts.Select(nil, cols)
}

// LogSlide is a slide of ../shared/data/hippo as the references bring it to the
// layer log1p, in float64.
type LogSlide struct {
	Genes  []string
	Counts *sparse.CSR           // [spots][genes]
	TPM    dense.Matrix[float64] // [spots][genes]
	RPK    []float64             // counts per base, by spot
	Log    dense.Matrix[float64] // log2(TPM+1), [spots][genes]
	Graph  *neighbor.Graph       // the 6 nearest spots of each
	*Slide                       // as read, of all genes
}

// HippoLog returns slide n of hippo over the genes of a table with the columns
// gene and gene_length, such as golden/hippo1_genes.tsv.gz.
func HippoLog(tb testing.TB, n int, genes *Table) *LogSlide {
	tb.Helper()
	s := &LogSlide{Slide: Hippo(tb, n), Genes: genes.Strings(tb, "gene")}
	s.Counts = s.Of(tb, s.Genes)
	var err error
	if s.TPM, s.RPK, err = norm.TPMOf[float64](s.Counts, genes.Floats(tb, "gene_length")); err != nil {
		tb.Fatal(err)
	}
	s.Log = norm.Log2P1(s.TPM)
	if s.Graph, err = neighbor.KNN(s.X, s.Y, 6); err != nil {
		tb.Fatal(err)
	}
	return s
}

// Column returns a copy of column j.
func Column(m dense.Matrix[float64], j int) []float64 {
	c := make([]float64, m.Rows)
	for i := range c {
		c[i] = m.At(i, j)
	}
	return c
}

// Sum returns the sum of v.
func Sum(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x
	}
	return s
}

// Near fails the test unless got equals want within tol, relative to want or,
// where |want| < 1, absolute; NaN equals NaN.
func Near(tb testing.TB, tol, got, want float64, format string, args ...any) {
	tb.Helper()
	if math.IsNaN(got) && math.IsNaN(want) || got == want {
		return
	}
	if d := math.Abs(got - want); !(d <= tol*max(1, math.Abs(want))) {
		tb.Errorf(format+": got %.17g, want %.17g, off by %.3g", append(args, got, want, d)...)
	}
}

// NearRelative is Near with a tolerance relative to want, however small.
func NearRelative(tb testing.TB, tol, got, want float64, format string, args ...any) {
	tb.Helper()
	if math.IsNaN(got) && math.IsNaN(want) || got == want {
		return
	}
	if d := math.Abs(got - want); !(d <= tol*math.Abs(want)) {
		tb.Errorf(format+": got %.17g, want %.17g, off by %.3g relative", append(args, got, want, d/math.Abs(want))...)
	}
}
