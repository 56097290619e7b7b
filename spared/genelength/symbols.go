package genelength

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// symbols are the names of genes, in the order of their ids.
type symbols struct {
	number []uint32 // numeric part of the Ensembl id, rising
	symbol []string
	id     map[string]uint32 // of symbols that one gene alone has; others are 0
}

// IDOf returns the Ensembl id, without version, of the gene with a symbol
// ("TP53" gives "ENSG00000141510"), and whether there is one. Symbols are
// compared as they are written, capitals too. The rules for doubt are:
//
//   - a symbol of several genes (147 of mouse, such as Gm20879; none of human)
//     has no id, as SpaRED's readers drop such symbols;
//   - an alias or a former symbol (FAM132A, now C1QTNF12) has none: only what
//     HGNC approves (human) or Ensembl shows (mouse) counts;
//   - an Ensembl id of the table's organism stands for itself, without its
//     version, known or not, so that tables which mix both can be resolved.
//
// A gene may have an id but no [Table.Length].
func (t *Table) IDOf(symbol string) (id string, ok bool) {
	if n, ok := parse(t.prefix, symbol); ok {
		return t.id(n), true
	}
	s, err := t.symbols()
	if err != nil { // the embedded table is tested to be whole
		return "", false
	}
	n, ok := s.id[symbol]
	if !ok || n == 0 {
		return "", false
	}
	return t.id(n), true
}

// SymbolOf returns the symbol of the gene with that Ensembl id, with or
// without a version, and whether it has one.
func (t *Table) SymbolOf(id string) (symbol string, ok bool) {
	n, ok := parse(t.prefix, id)
	if !ok {
		return "", false
	}
	s, err := t.symbols()
	if err != nil {
		return "", false
	}
	k, ok := slices.BinarySearch(s.number, n)
	if !ok {
		return "", false
	}
	return s.symbol[k], true
}

// id writes an id out.
func (t *Table) id(n uint32) string { return fmt.Sprintf("%s%0*d", t.prefix, digits, n) }

// decodeSymbols unpacks a table: gzip of the number of genes and the
// differences between successive ids as unsigned varints, then a line for each
// symbol.
func decodeSymbols(packed []byte) (*symbols, error) {
	r, err := unzip(packed)
	if err != nil {
		return nil, err
	}
	s := new(symbols)
	if s.number, err = decodeNumbers(r); err != nil {
		return nil, err
	}
	if s.symbol, err = readLines(r, len(s.number)); err != nil {
		return nil, err
	}
	s.id = make(map[string]uint32, len(s.symbol))
	for k, symbol := range s.symbol {
		if _, dup := s.id[symbol]; dup {
			s.id[symbol] = 0
		} else {
			s.id[symbol] = s.number[k]
		}
	}
	return s, nil
}

// readLines reads n lines, none empty, to the end.
func readLines(r *bufio.Reader, n int) ([]string, error) {
	text, err := io.ReadAll(io.LimitReader(r, 64*maxGenes))
	if err != nil {
		return nil, fmt.Errorf("genelength: %w", err)
	}
	body, whole := strings.CutSuffix(string(text), "\n")
	lines := strings.Split(body, "\n")
	if n == 0 && len(text) == 0 {
		return nil, nil
	}
	if !whole || len(lines) != n || slices.Contains(lines, "") {
		return nil, errors.New("genelength: want one symbol a gene")
	}
	return lines, nil
}
