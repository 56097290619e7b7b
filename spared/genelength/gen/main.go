// Command gen packs tables of gene lengths and symbols for package genelength.
//
// It reads tab-separated tables with a header from the folder -in:
//
//	gene_length.txt.gz, gene_length_mouse.txt.gz   columns gene (Ensembl id with version) and merged (length in bp)
//	mapping_HUGO_2_Ensemble.txt.gz                 columns Approved symbol and Ensembl gene ID (human)
//	mart_export.txt.gz                             columns Gene name and Gene stable ID (mouse)
//
// and writes human.bin.gz, mouse.bin.gz, human.symbols.gz and mouse.symbols.gz
// to the folder -out.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	in := flag.String("in", ".", "folder of the text tables")
	out := flag.String("out", ".", "folder to write to")
	flag.Parse()
	for _, t := range []struct{ from, to, prefix string }{
		{"gene_length.txt.gz", "human.bin.gz", "ENSG"},
		{"gene_length_mouse.txt.gz", "mouse.bin.gz", "ENSMUSG"},
	} {
		lengths, err := read(filepath.Join(*in, t.from), t.prefix)
		if err != nil {
			log.Fatal(err)
		}
		packed, err := pack(lengths)
		if err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*out, t.to), packed, 0o644); err != nil {
			log.Fatal(err)
		}
		log.Printf("%s: %d genes, %d bytes", t.to, len(lengths), len(packed))
	}
	for _, t := range []struct{ from, to, prefix, symbol, id string }{
		{"mapping_HUGO_2_Ensemble.txt.gz", "human.symbols.gz", "ENSG", "Approved symbol", "Ensembl gene ID"},
		{"mart_export.txt.gz", "mouse.symbols.gz", "ENSMUSG", "Gene name", "Gene stable ID"},
	} {
		symbols, err := readSymbols(filepath.Join(*in, t.from), t.prefix, t.symbol, t.id)
		if err != nil {
			log.Fatal(err)
		}
		packed, err := packSymbols(symbols)
		if err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*out, t.to), packed, 0o644); err != nil {
			log.Fatal(err)
		}
		log.Printf("%s: %d genes, %d bytes", t.to, len(symbols), len(packed))
	}
}

// table calls row with the cells of each line of a packed table in the named
// columns.
func table(path string, columns []string, row func(cells []string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	lines := bufio.NewScanner(z)
	lines.Scan()
	header := strings.Split(lines.Text(), "\t")
	at := make([]int, len(columns))
	for i, c := range columns {
		if at[i] = slices.Index(header, c); at[i] < 0 {
			return fmt.Errorf("%s: columns %q, want %q", path, header, columns)
		}
	}
	for n := 2; lines.Scan(); n++ {
		cells := strings.Split(lines.Text(), "\t")
		if len(cells) != len(header) {
			return fmt.Errorf("%s: line %d: %d cells, want %d", path, n, len(cells), len(header))
		}
		picked := make([]string, len(at))
		for i, j := range at {
			picked[i] = cells[j]
		}
		if err := row(picked); err != nil {
			return fmt.Errorf("%s: line %d: %w", path, n, err)
		}
	}
	return lines.Err()
}

// numberOf returns the numeric part of an Ensembl id.
func numberOf(id, prefix string) (uint64, error) {
	plain, _, _ := strings.Cut(id, ".")
	digits, ok := strings.CutPrefix(plain, prefix)
	if !ok || len(digits) != 11 {
		return 0, fmt.Errorf("%q is not an id like %s00000000001.1", id, prefix)
	}
	return strconv.ParseUint(digits, 10, 32)
}

// read returns the length of each gene by the numeric part of its id; of ids
// that differ in version only the first counts.
func read(path, prefix string) (map[uint64]uint64, error) {
	lengths := map[uint64]uint64{}
	err := table(path, []string{"gene", "merged"}, func(cells []string) error {
		number, err := numberOf(cells[0], prefix)
		if err != nil {
			return err
		}
		bp, err := strconv.ParseUint(cells[1], 10, 31)
		if err != nil || bp == 0 {
			return fmt.Errorf("length %q", cells[1])
		}
		if _, dup := lengths[number]; !dup {
			lengths[number] = bp
		}
		return nil
	})
	return lengths, err
}

// readSymbols returns the symbol of each gene by the numeric part of its id.
// Lines without an id or a symbol are left out.
func readSymbols(path, prefix, symbolColumn, idColumn string) (map[uint64]string, error) {
	symbols := map[uint64]string{}
	err := table(path, []string{symbolColumn, idColumn}, func(cells []string) error {
		symbol, id := cells[0], cells[1]
		if symbol == "" || id == "" {
			return nil
		}
		number, err := numberOf(id, prefix)
		if err != nil {
			return err
		}
		if first, dup := symbols[number]; dup && first != symbol {
			return fmt.Errorf("%s has the symbols %s and %s", id, first, symbol)
		}
		symbols[number] = symbol
		return nil
	})
	return symbols, err
}

// appendNumbers encodes rising numbers: how many, then their differences.
func appendNumbers(b []byte, numbers []uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(numbers)))
	var last uint64
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n-last)
		last = n
	}
	return b
}

// pack encodes a table of lengths as genelength reads it.
func pack(lengths map[uint64]uint64) ([]byte, error) {
	numbers := slices.Sorted(maps.Keys(lengths))
	b := appendNumbers(nil, numbers)
	for _, n := range numbers {
		b = binary.AppendUvarint(b, lengths[n])
	}
	return zip(b)
}

// packSymbols encodes a table of symbols as genelength reads it. In the order
// of ids, which is about that of their making, like symbols lie together.
func packSymbols(symbols map[uint64]string) ([]byte, error) {
	numbers := slices.Sorted(maps.Keys(symbols))
	b := appendNumbers(nil, numbers)
	for _, n := range numbers {
		b = append(append(b, symbols[n]...), '\n')
	}
	return zip(b)
}

func zip(b []byte) ([]byte, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
