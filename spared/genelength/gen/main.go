// Command gen packs tables of gene lengths for package genelength.
//
// It reads gene_length.txt.gz (human) and gene_length_mouse.txt.gz from the
// folder -in, tab-separated with a header that names the columns gene (Ensembl
// id with version) and merged (length in bp), and writes human.bin.gz and
// mouse.bin.gz to the folder -out.
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
}

// read returns the length of each gene by the numeric part of its id; of ids
// that differ in version only the first counts.
func read(path, prefix string) (map[uint64]uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	lines := bufio.NewScanner(z)
	lines.Scan()
	header := strings.Split(lines.Text(), "\t")
	gene, merged := slices.Index(header, "gene"), slices.Index(header, "merged")
	if gene < 0 || merged < 0 {
		return nil, fmt.Errorf("%s: columns %q, want gene and merged", path, header)
	}
	lengths := map[uint64]uint64{}
	for n := 2; lines.Scan(); n++ {
		cells := strings.Split(lines.Text(), "\t")
		if len(cells) != len(header) {
			return nil, fmt.Errorf("%s: line %d: %d cells, want %d", path, n, len(cells), len(header))
		}
		id, _, _ := strings.Cut(cells[gene], ".")
		id, ok := strings.CutPrefix(id, prefix)
		if !ok || len(id) != 11 {
			return nil, fmt.Errorf("%s: line %d: %q is not an id like %s00000000001.1", path, n, cells[gene], prefix)
		}
		number, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		bp, err := strconv.ParseUint(cells[merged], 10, 31)
		if err != nil || bp == 0 {
			return nil, fmt.Errorf("%s: line %d: length %q", path, n, cells[merged])
		}
		if _, dup := lengths[number]; !dup {
			lengths[number] = bp
		}
	}
	return lengths, lines.Err()
}

// pack encodes a table as genelength reads it.
func pack(lengths map[uint64]uint64) ([]byte, error) {
	numbers := slices.Sorted(maps.Keys(lengths))
	b := binary.AppendUvarint(nil, uint64(len(numbers)))
	var last uint64
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n-last)
		last = n
	}
	for _, n := range numbers {
		b = binary.AppendUvarint(b, lengths[n])
	}
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
