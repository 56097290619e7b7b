package genelength

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
)

// TestSymbolsEqualSource compares every symbol with the text tables.
func TestSymbolsEqualSource(t *testing.T) {
	for _, c := range []struct {
		organism, file, symbol, id string
		ambiguous                  int
	}{
		{"human", "mapping_HUGO_2_Ensemble.txt.gz", "Approved symbol", "Ensembl gene ID", 0},
		{"mouse", "mart_export.txt.gz", "Gene name", "Gene stable ID", 147},
	} {
		source, table := goldentest.ReadTable(t, "data", "gene_lengths", c.file), open(t, c.organism)
		ids := map[string][]string{}
		symbol := source.Strings(t, c.symbol)
		for k, id := range source.Strings(t, c.id) {
			if id == "" || symbol[k] == "" {
				continue
			}
			ids[symbol[k]] = append(ids[symbol[k]], id)
			if got, ok := table.SymbolOf(id); !ok || got != symbol[k] {
				t.Fatalf("symbol of %s is %q, %t, want %q", id, got, ok, symbol[k])
			}
		}
		ambiguous := 0
		for symbol, want := range ids {
			got, ok := table.IDOf(symbol)
			if len(want) > 1 {
				ambiguous++
			}
			if ok != (len(want) == 1) || ok && got != want[0] {
				t.Fatalf("id of %q is %q, %t, want %q", symbol, got, ok, want)
			}
		}
		if ambiguous != c.ambiguous {
			t.Errorf("%s: %d symbols of several genes, the documentation says %d", c.organism, ambiguous, c.ambiguous)
		}
	}
}

func TestIDOf(t *testing.T) {
	human, mouse := open(t, "human"), open(t, "mouse")
	for _, c := range []struct {
		reason string
		table  *Table
		symbol string
		id     string
		ok     bool
	}{
		{"human", human, "TP53", "ENSG00000141510", true},
		{"mouse", mouse, "Trp53", "ENSMUSG00000059552", true},
		{"mitochondrial: an id, though no length", human, "MT-ND1", "ENSG00000198888", true},
		{"capitals count", human, "tp53", "", false},
		{"of the other organism", mouse, "TP53", "", false},
		{"two genes", mouse, "Gm20879", "", false},
		{"a former symbol", human, "FAM132A", "", false},
		{"what it is called now", human, "C1QTNF12", "ENSG00000184163", true},
		{"an id with version", human, "ENSG00000141510.19", "ENSG00000141510", true},
		{"an id that is not known", human, "ENSG99999999999", "", false},
		{"an id of the other organism", mouse, "ENSG00000141510", "", false},
		{"empty", human, "", "", false},
		{"a control", human, "ERCC-00002", "", false},
	} {
		if id, ok := c.table.IDOf(c.symbol); id != c.id || ok != c.ok {
			t.Errorf("%s: id of %q is %q, %t, want %q, %t", c.reason, c.symbol, id, ok, c.id, c.ok)
		}
	}
	for _, c := range []struct {
		reason, id, symbol string
		ok                 bool
	}{
		{"with version", "ENSG00000141510.19", "TP53", true},
		{"without a symbol", "ENSG00000000000", "", false},
		{"no id", "TP53", "", false},
	} {
		if s, ok := human.SymbolOf(c.id); s != c.symbol || ok != c.ok {
			t.Errorf("%s: symbol of %q is %q, %t, want %q, %t", c.reason, c.id, s, ok, c.symbol, c.ok)
		}
	}
}

// packedSymbols is gzip of varints and text.
func packedSymbols(text string, values ...uint64) []byte {
	var b []byte
	for _, v := range values {
		b = binary.AppendUvarint(b, v)
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(append(b, text...)) // to memory
	_ = z.Close()
	return out.Bytes()
}

func TestDecodeSymbols(t *testing.T) {
	s, err := decodeSymbols(packedSymbols("A\nB\nA\n", 3, 5, 10, 1))
	if err != nil || s.id["B"] != 15 || s.id["A"] != 0 || len(s.id) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, c := range []struct {
		reason string
		packed []byte
	}{
		{"not gzip", []byte("x")},
		{"claims too many genes", packedSymbols("", 1<<40)},
		{"ids that do not rise", packedSymbols("A\nB\n", 2, 5, 0)},
		{"a symbol too few", packedSymbols("A\n", 2, 5, 1)},
		{"a symbol too many", packedSymbols("A\nB\nC\n", 2, 5, 1)},
		{"an empty symbol", packedSymbols("A\n\n", 2, 5, 1)},
		{"cut off", packedSymbols("A\nB", 2, 5, 1)},
		{"gzip cut off", humanSymbols[:1000]},
	} {
		if _, err := decodeSymbols(c.packed); err == nil {
			t.Errorf("%s: no error", c.reason)
		}
	}
}

func FuzzDecodeSymbols(f *testing.F) {
	f.Add(packedSymbols("A\nB\n", 2, 5, 10))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSymbols(b)
		if err == nil && len(s.number) != len(s.symbol) {
			t.Errorf("%d ids, %d symbols", len(s.number), len(s.symbol))
		}
	})
}

func BenchmarkIDOf(b *testing.B) {
	t := open(b, "human")
	for b.Loop() {
		t.IDOf("TP53")
	}
}
