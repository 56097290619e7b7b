package genelength

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed" // the tables
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

//go:generate go run ./gen -in ../../../shared/data/gene_lengths -out .

//go:embed human.bin.gz
var human []byte

//go:embed mouse.bin.gz
var mouse []byte

//go:embed human.symbols.gz
var humanSymbols []byte

//go:embed mouse.symbols.gz
var mouseSymbols []byte

// digits is the length of the numeric part of an Ensembl gene id.
const digits = 11

// The stable-id prefixes of Ensembl genes.
const (
	humanPrefix = "ENSG"
	mousePrefix = "ENSMUSG"
)

// Table maps the genes of one organism to their lengths, and their symbols to
// ids. It may be used from several goroutines.
type Table struct {
	prefix  string
	number  []uint32 // numeric part of the Ensembl id, rising
	length  []int32  // bp
	symbols func() (*symbols, error)
}

// Open returns the table of an organism, "human" or "mouse".
func Open(organism string) (*Table, error) {
	switch organism {
	case "human":
		return decode(humanPrefix, human, humanSymbols)
	case "mouse":
		return decode(mousePrefix, mouse, mouseSymbols)
	}
	return nil, fmt.Errorf("genelength: no gene lengths for %q; there are human and mouse", organism)
}

// Len returns the number of genes.
func (t *Table) Len() int { return len(t.number) }

// Length returns the length in bp of the gene with that Ensembl id, with or
// without a version ("ENSG00000141510.19", "ENSG00000141510"), and whether it
// is known.
func (t *Table) Length(id string) (bp int, ok bool) {
	n, ok := parse(t.prefix, id)
	if !ok {
		return 0, false
	}
	k, ok := slices.BinarySearch(t.number, n)
	if !ok {
		return 0, false
	}
	return int(t.length[k]), true
}

// parse returns the numeric part of an id: prefix, 11 digits, and then nothing
// or a dot and anything.
func parse(prefix, id string) (uint32, bool) {
	id, _, _ = strings.Cut(id, ".")
	id, ok := strings.CutPrefix(id, prefix)
	if !ok || len(id) != digits {
		return 0, false
	}
	var n uint64
	for _, c := range []byte(id) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	return uint32(n), n <= 1<<32-1
}

// OrganismOf returns "human" or "mouse" where more than half of the ids are
// Ensembl genes of that organism, else "".
func OrganismOf(ids []string) string {
	var ofHuman, ofMouse int
	for _, id := range ids {
		if _, ok := parse(humanPrefix, id); ok {
			ofHuman++
		} else if _, ok := parse(mousePrefix, id); ok {
			ofMouse++
		}
	}
	switch {
	case 2*ofHuman > len(ids):
		return "human"
	case 2*ofMouse > len(ids):
		return "mouse"
	}
	return ""
}

// maxGenes bounds what a table may claim to hold.
const maxGenes = 1 << 20

// decode unpacks a table: gzip of unsigned varints, first the number of genes,
// then the differences between successive ids, then the lengths. The symbols
// are unpacked when they are first asked for.
func decode(prefix string, packed, packedSymbols []byte) (*Table, error) {
	r, err := unzip(packed)
	if err != nil {
		return nil, err
	}
	t := &Table{prefix: prefix}
	if t.number, err = decodeNumbers(r); err != nil {
		return nil, err
	}
	t.length = make([]int32, len(t.number))
	for k := range t.length {
		v, err := binary.ReadUvarint(r)
		if err == nil && (v == 0 || v > 1<<31-1) {
			err = fmt.Errorf("length %d", v)
		}
		if err != nil {
			return nil, fmt.Errorf("genelength: gene %d: %w", k, err)
		}
		t.length[k] = int32(v)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return nil, errors.Join(errors.New("genelength: text after the last length"), err)
	}
	t.symbols = sync.OnceValues(func() (*symbols, error) { return decodeSymbols(packedSymbols) })
	return t, nil
}

func unzip(packed []byte) (*bufio.Reader, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("genelength: %w", err)
	}
	return bufio.NewReader(z), nil
}

// decodeNumbers reads how many numbers there are and the differences between
// them.
func decodeNumbers(r io.ByteReader) ([]uint32, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil || n > maxGenes {
		return nil, errors.Join(fmt.Errorf("genelength: a table of %d genes", n), err)
	}
	numbers := make([]uint32, n)
	var last uint64
	for k := range numbers {
		d, err := binary.ReadUvarint(r)
		if err == nil && (d == 0 && k > 0 || d > 1<<32-1-last) {
			err = errors.New("ids do not rise")
		}
		if err != nil {
			return nil, fmt.Errorf("genelength: gene %d: %w", k, err)
		}
		last += d
		numbers[k] = uint32(last)
	}
	return numbers, nil
}
