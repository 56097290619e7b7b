package catalog

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
)

// parigiTable is the author's table of normalised values, which stays in the
// slide's folder as it came.
const parigiTable = "normalized_data.tsv.gz"

// maxLine bounds a line of the table, in bytes: a gene has a value for each of
// at most 4,992 spots.
const maxLine = 1 << 20

// convertParigi writes the table as Space Ranger's folder of counts: the
// values digit for digit as they are, zeros left out. They are normalised,
// not counts, which the slide's record says. The table is read twice, line by
// line.
func (a *arranger) convertParigi(ctx context.Context, slide string, got *slideFiles) error {
	var t parigiHeader
	if err := a.eachGene(ctx, slide, &t, func(gene string, values []string) error {
		t.genes = append(t.genes, gene)
		for _, v := range values {
			if !isZero(v) {
				t.stored++
			}
		}
		return nil
	}); err != nil {
		return err
	}
	const folder = "filtered_feature_bc_matrix"
	if err := a.root.MkdirAll(path.Join(slide, folder), 0o777); err != nil {
		return err
	}
	from := got.from[parigiTable].From
	for _, part := range []struct {
		name  string
		write func(w *bufio.Writer) error
	}{
		{"barcodes.tsv.gz", func(w *bufio.Writer) error {
			for _, b := range t.barcodes {
				fmt.Fprintln(w, b)
			}
			return nil
		}},
		{"features.tsv.gz", func(w *bufio.Writer) error {
			for _, g := range t.genes {
				fmt.Fprintf(w, "%s\t%s\tGene Expression\n", g, g)
			}
			return nil
		}},
		{"matrix.mtx.gz", func(w *bufio.Writer) error { return a.parigiMatrix(ctx, slide, &t, w) }},
	} {
		file, err := a.packed(path.Join(slide, folder, part.name), part.write)
		if err != nil {
			return err
		}
		file.Path, file.From = folder+"/"+part.name, "made from "+from
		got.from[file.Path] = file
	}
	return nil
}

// parigiMatrix writes the values in Matrix Market form, genes x spots.
func (a *arranger) parigiMatrix(ctx context.Context, slide string, t *parigiHeader, w *bufio.Writer) error {
	fmt.Fprintf(w, "%%%%MatrixMarket matrix coordinate real general\n%% normalised values of %s, not counts\n%d %d %d\n",
		a.set.Source.Data, len(t.genes), len(t.barcodes), t.stored)
	row := 0
	var again parigiHeader
	return a.eachGene(ctx, slide, &again, func(_ string, values []string) error {
		row++
		for col, v := range values {
			if !isZero(v) {
				fmt.Fprintf(w, "%d %d %s\n", row, col+1, v)
			}
		}
		return nil
	})
}

// parigiHeader is what the table says of itself.
type parigiHeader struct {
	barcodes []string
	genes    []string
	stored   int // values that are not zero
}

func isZero(v string) bool { f, err := strconv.ParseFloat(v, 64); return err == nil && f == 0 }

// eachGene reads the table: a line of spots, with or without a cell before
// the first, then a line a gene. The spots' names are barcodes followed by
// "_" and a number of the slide, which is dropped.
func (a *arranger) eachGene(ctx context.Context, slide string, t *parigiHeader, each func(gene string, values []string) error) error {
	f, err := a.root.Open(path.Join(slide, parigiTable))
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return format.Errorf(parigiTable, "", "is no gzip file: %w", err)
	}
	lines := bufio.NewScanner(&bounded{r: reader{ctx, z}, left: a.o.limits.bytes})
	lines.Buffer(make([]byte, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		cells := strings.Split(strings.TrimRight(lines.Text(), "\r"), "\t")
		for i, c := range cells {
			cells[i] = strings.Trim(c, `"`)
		}
		if n == 1 {
			t.barcodes = cells
			continue
		}
		if n == 2 && len(t.barcodes) == len(cells) {
			t.barcodes = t.barcodes[1:] // the cell above the genes' names
		}
		if n == 2 && (len(t.barcodes) == 0 || slices.Contains(t.barcodes, "")) {
			return &format.Error{Path: parigiTable, Line: 1, Msg: "names no spot, or one without a name"}
		}
		if err := parigiRow(n, cells, len(t.barcodes)); err != nil {
			return err
		}
		if err := each(cells[0], cells[1:]); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return format.Errorf(parigiTable, "", "line %d cannot be read: %w", n+1, err)
	}
	if n < 2 {
		return format.Errorf(parigiTable, "", "has %d lines, want one of spots and one a gene", n)
	}
	for i, b := range t.barcodes {
		t.barcodes[i], _, _ = strings.Cut(b, "_")
	}
	return nil
}

// parigiRow checks a gene's line.
func parigiRow(n int, cells []string, spots int) error {
	if len(cells) != spots+1 || cells[0] == "" {
		return &format.Error{Path: parigiTable, Line: n, Msg: fmt.Sprintf("has %d cells, want a gene and %d values", len(cells), spots)}
	}
	for _, c := range cells[1:] {
		if v, err := strconv.ParseFloat(c, 64); err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return &format.Error{Path: parigiTable, Line: n, Msg: fmt.Sprintf("%s has the value %q, want a number", cells[0], c)}
		}
	}
	return nil
}

// packed writes a gzip file and returns its size and digest.
func (a *arranger) packed(name string, write func(w *bufio.Writer) error) (file SlideFile, err error) {
	out, err := a.root.Create(name)
	if err != nil {
		return file, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	h := sha256.New()
	size := &size{}
	z := gzip.NewWriter(io.MultiWriter(out, h, size))
	w := bufio.NewWriter(z)
	if err := write(w); err != nil {
		return file, err
	}
	if err := errors.Join(w.Flush(), z.Close(), out.Sync()); err != nil {
		return file, err
	}
	return SlideFile{Size: size.n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// size counts the bytes written to it.
type size struct{ n int64 }

func (s *size) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	return len(p), nil
}
