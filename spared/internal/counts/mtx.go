package counts

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

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// MTX is a Matrix Market coordinate file (Boisvert, Pozo and Remington 1996,
// NISTIR 5935) of genes by spots, and the numbers of names that belong to it.
type MTX struct {
	Path         string
	R            *bufio.Reader
	Size         int64  // of the file, bytes: bounds what is allocated ahead
	Genes, Spots int    // as the tables of names say
	Tables       string // names of those tables, for messages
	Either       bool   // a matrix of spots by genes will do as well
	Normalised   bool   // values need not be whole
}

// Read reads the file. Counts are [spots][genes]; what is wrong with the text
// is a *format.Error with the line.
func (f MTX) Read(ctx context.Context) (*sparse.CSR, error) {
	p := mtxParser{path: f.Path, r: f.R, size: f.Size, genes: f.Genes, spots: f.Spots, tables: f.Tables, either: f.Either, normalised: f.Normalised}
	return p.parse(ctx)
}

// mtxParser reads the file line by line.
type mtxParser struct {
	path         string
	r            *bufio.Reader
	size         int64
	genes, spots int
	tables       string
	either       bool
	normalised   bool

	line    int // number of the current line, from 1
	pattern bool
	swapped bool // rows are spots
	nnz     int  // entries that the header promises
	entries Entries
}

func (p *mtxParser) parse(ctx context.Context) (*sparse.CSR, error) {
	if err := p.banner(); err != nil {
		return nil, err
	}
	if err := p.sizes(); err != nil {
		return nil, err
	}
	first := p.line + 1
	if err := p.body(ctx); err != nil {
		return nil, err
	}
	m, err := p.entries.CSR(p.spots, p.genes)
	var dup *DuplicateError
	if errors.As(err, &dup) {
		a, b := p.entries.places(dup.spot, dup.gene)
		return nil, &format.Error{Path: p.path, Line: first + b,
			Msg: fmt.Sprintf("gene %d of spot %d was on line %d already; want one entry each", dup.gene+1, dup.spot+1, first+a)}
	}
	return m, err
}

// next returns the next line without its end; io.EOF after the last. The
// slice is good until the next call.
func (p *mtxParser) next() ([]byte, error) {
	line, err := p.r.ReadSlice('\n')
	switch {
	case err == nil:
		line = line[:len(line)-1]
	case err == io.EOF && len(line) > 0: // the last line without an end
	case err == io.EOF:
		return nil, io.EOF
	case errors.Is(err, bufio.ErrBufferFull):
		p.line++
		return nil, p.errorf("the line is longer than %d bytes; is this a Matrix Market file?", rawfile.BufferSize)
	default:
		return nil, rawfile.ContentError(p.path, err)
	}
	p.line++
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// errorf makes an error about the current line.
func (p *mtxParser) errorf(msg string, args ...any) error {
	return &format.Error{Path: p.path, Line: p.line, Msg: fmt.Sprintf(msg, args...)}
}

// banner reads the first line, which says what kind of matrix follows.
func (p *mtxParser) banner() error {
	line, err := p.next()
	if err == io.EOF {
		return format.Errorf(p.path, "", "is empty, want a Matrix Market file")
	}
	if err != nil {
		return err
	}
	line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	words := strings.Fields(strings.ToLower(string(line)))
	if len(words) != 5 || words[0] != "%%matrixmarket" {
		return p.errorf("%.60q is no Matrix Market header; want %%%%MatrixMarket matrix coordinate integer general", line)
	}
	known := words[1] == "matrix" && words[2] == "coordinate" && words[4] == "general"
	switch words[3] {
	case "integer", "real":
	case "pattern":
		p.pattern = true // every entry stands for 1
	default:
		known = false
	}
	if !known {
		return p.errorf("cannot read a matrix of kind %.60q; want coordinate, integer (or real or pattern), general", strings.Join(words[1:], " "))
	}
	return nil
}

// sizes reads the comments and the line "rows columns entries".
func (p *mtxParser) sizes() error {
	for {
		line, err := p.next()
		if err == io.EOF {
			return format.Errorf(p.path, "", "ends before the line of its sizes (genes spots entries)")
		}
		if err != nil {
			return err
		}
		words := strings.Fields(string(line))
		if len(words) == 0 || words[0][0] == '%' {
			continue
		}
		var n [3]int
		bad := len(words) != 3
		for i := 0; i < 3 && !bad; i++ {
			n[i], err = strconv.Atoi(words[i])
			bad = err != nil || n[i] < 0
		}
		if bad {
			return p.errorf("%.60q are not the sizes: want the numbers of genes, spots and entries", line)
		}
		return p.checkSizes(n[0], n[1], n[2])
	}
}

// checkSizes compares the header with the tables of names, and allocates no
// more for its entries than a file of this size can hold.
func (p *mtxParser) checkSizes(genes, spots, nnz int) error {
	if p.either && genes == p.spots && spots == p.genes && genes != spots {
		p.swapped = true
		genes, spots = spots, genes
	}
	switch {
	case genes == p.spots && spots == p.genes && genes != spots:
		return p.errorf("the matrix is %d spots x %d genes; want genes x spots (transpose it)", genes, spots)
	case genes != p.genes || spots != p.spots:
		return p.errorf("the matrix is %d x %d, but %s list %d genes and %d spots", genes, spots, p.tables, p.genes, p.spots)
	case nnz > math.MaxInt32 || genes > 0 && nnz/genes > spots || genes == 0 && nnz > 0:
		return p.errorf("%d entries do not fit in a matrix of %d x %d", nnz, genes, spots)
	}
	p.nnz = nnz
	room := int(min(int64(nnz), p.size))
	p.entries = Entries{make([]int32, 0, room), make([]int32, 0, room), make([]float32, 0, room)}
	return nil
}

// body reads the entries. There are no comments or empty lines between them,
// so entry k is on line k of the body.
func (p *mtxParser) body(ctx context.Context) error {
	for {
		line, err := p.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		n := len(p.entries.Count)
		if n&0xffff == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			return p.tail()
		}
		if n == p.nnz {
			return p.errorf("more entries than the %d that the header promises", p.nnz)
		}
		if err := p.entry(line); err != nil {
			return err
		}
	}
	return p.complete()
}

// tail reads the empty lines that may end the file.
func (p *mtxParser) tail() error {
	for {
		line, err := p.next()
		if err == io.EOF {
			return p.complete()
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(line)) != 0 {
			return p.errorf("text after an empty line; want no empty lines between entries")
		}
	}
}

// complete checks that all promised entries came.
func (p *mtxParser) complete() error {
	if n := len(p.entries.Count); n != p.nnz {
		return format.Errorf(p.path, "", "ends after %d of the %d entries that its header promises; the file is cut off", n, p.nnz)
	}
	return nil
}

// entry parses one line "gene spot count", both numbers from 1.
func (p *mtxParser) entry(line []byte) error {
	gene, rest, ok1 := cutInt(line)
	spot, rest, ok2 := cutInt(rest)
	if p.swapped {
		gene, spot = spot, gene
	}
	if !ok1 || !ok2 {
		return p.errorf("%.60q is no entry: want gene number, spot number and count", line)
	}
	if gene < 1 || gene > p.genes || spot < 1 || spot > p.spots {
		return p.errorf("gene %d, spot %d lies outside the matrix; want 1 to %d and 1 to %d", gene, spot, p.genes, p.spots)
	}
	count := float32(1)
	if !p.pattern {
		var err error
		if count, rest, err = p.count(rest); err != nil {
			return err
		}
	}
	if len(bytes.TrimSpace(rest)) != 0 {
		return p.errorf("%.60q has text after the entry", line)
	}
	p.entries.Gene = append(p.entries.Gene, int32(gene-1))
	p.entries.Spot = append(p.entries.Spot, int32(spot-1))
	p.entries.Count = append(p.entries.Count, count)
	return nil
}

// count parses the value of an entry.
func (p *mtxParser) count(s []byte) (float32, []byte, error) {
	if n, rest, ok := cutInt(s); ok && n <= Max {
		return float32(n), rest, nil
	}
	word, rest, _ := bytes.Cut(bytes.TrimSpace(s), []byte(" "))
	f, err := strconv.ParseFloat(string(word), 64)
	if err != nil {
		return 0, nil, p.errorf("%.60q is not a count", word)
	}
	c, msg := Check(p.normalised)(f)
	if msg != "" {
		return 0, nil, p.errorf("%.60q: %s", word, msg)
	}
	return c, rest, nil
}

// cutInt reads an unsigned decimal number and the space before it. ok is
// false where there is none, where something other than space follows it, or
// where it does not fit in 32 bits.
func cutInt(s []byte) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	start := i
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		if n = n*10 + int(s[i]-'0'); n > math.MaxInt32 {
			return 0, nil, false
		}
	}
	if i == start || i < len(s) && s[i] != ' ' && s[i] != '\t' {
		return 0, nil, false
	}
	return n, s[i:], true
}
