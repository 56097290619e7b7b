package genelength

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
)

func open(tb testing.TB, organism string) *Table {
	tb.Helper()
	t, err := Open(organism)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// TestEqualsSource compares every gene with the text tables.
func TestEqualsSource(t *testing.T) {
	for organism, file := range map[string]string{"human": "gene_length.txt.gz", "mouse": "gene_length_mouse.txt.gz"} {
		source := goldentest.ReadTable(t, "data", "gene_lengths", file)
		table := open(t, organism)
		length := source.Strings(t, "merged")
		first := map[string]bool{}
		for k, id := range source.Strings(t, "gene") {
			plain, _, _ := strings.Cut(id, ".")
			if first[plain] {
				continue
			}
			first[plain] = true
			want, err := strconv.Atoi(length[k])
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{id, plain} {
				if got, ok := table.Length(name); !ok || got != want {
					t.Fatalf("%s: %d, %t, want %d", name, got, ok, want)
				}
			}
		}
		if table.Len() != len(first) {
			t.Errorf("%s: %d genes, want %d", organism, table.Len(), len(first))
		}
	}
}

func TestOpen(t *testing.T) {
	for organism, want := range map[string]int{"human": 62619, "mouse": 56847} {
		table := open(t, organism)
		if table.Len() != want {
			t.Errorf("%s: %d genes, want %d", organism, table.Len(), want)
		}
		for k := range table.number {
			if k > 0 && table.number[k] <= table.number[k-1] {
				t.Fatalf("%s: ids do not rise at %d", organism, k)
			}
		}
	}
	for _, organism := range []string{"", "rat", "Human"} {
		if _, err := Open(organism); err == nil || !strings.Contains(err.Error(), "human and mouse") {
			t.Errorf("%q: %v, want an error that lists what there is", organism, err)
		}
	}
}

func TestLength(t *testing.T) {
	human, mouse := open(t, "human"), open(t, "mouse")
	for _, c := range []struct {
		reason string
		table  *Table
		id     string
		bp     int
		ok     bool
	}{
		{"without version", human, "ENSG00000227232", 1351, true},
		{"with version", human, "ENSG00000227232.5", 1351, true},
		{"with another version", human, "ENSG00000227232.99", 1351, true},
		{"version and more", human, "ENSG00000227232.5_PAR_Y", 1351, true},
		{"mouse", mouse, "ENSMUSG00000051951.6", 3634, true},
		{"mitochondrial (MT-ND1)", human, "ENSG00000198888", 0, false},
		{"gene of the other organism", human, "ENSMUSG00000051951", 0, false},
		{"gene of the other organism", mouse, "ENSG00000227232", 0, false},
		{"transcript", human, "ENST00000227232", 0, false},
		{"symbol", human, "TP53", 0, false},
		{"a digit too few", human, "ENSG0000022723", 0, false},
		{"a digit too many", human, "ENSG000002272320", 0, false},
		{"number beyond 32 bits", human, "ENSG99999999999", 0, false},
		{"no digits", human, "ENSG0000022723x", 0, false},
		{"empty", human, "", 0, false},
	} {
		if bp, ok := c.table.Length(c.id); bp != c.bp || ok != c.ok {
			t.Errorf("%s: length of %q is %d, %t, want %d, %t", c.reason, c.id, bp, ok, c.bp, c.ok)
		}
	}
}

func TestOrganismOf(t *testing.T) {
	const h, m = "ENSG00000227232", "ENSMUSG00000051951.6"
	for _, c := range []struct {
		reason string
		ids    []string
		want   string
	}{
		{"human", []string{h, h}, "human"},
		{"mouse, with versions", []string{m, m}, "mouse"},
		{"mostly human", []string{h, h, m}, "human"},
		{"half and half", []string{h, m}, ""},
		{"symbols", []string{"TP53", "MYC"}, ""},
		{"mouse among symbols and probes", []string{m, m, m, "Xist", "DEPRECATED_ENSMUSG00000000001"}, "mouse"},
		{"none", nil, ""},
	} {
		if got := OrganismOf(c.ids); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}

// packed is gzip of varints.
func packed(values ...uint64) []byte {
	var b []byte
	for _, v := range values {
		b = binary.AppendUvarint(b, v)
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // to memory
	_ = z.Close()
	return out.Bytes()
}

func TestDecode(t *testing.T) {
	table, err := decode(humanPrefix, packed(2, 5, 10, 100, 200), nil)
	if err != nil || !slices.Equal(table.number, []uint32{5, 15}) || !slices.Equal(table.length, []int32{100, 200}) {
		t.Errorf("%+v, %v", table, err)
	}
	for _, c := range []struct {
		reason string
		packed []byte
	}{
		{"not gzip", []byte("x")},
		{"empty", packed()},
		{"cut off in the ids", packed(2, 5)},
		{"cut off in the lengths", packed(2, 5, 10, 100)},
		{"claims too many genes", packed(1 << 40)},
		{"an id twice", packed(2, 5, 0, 1, 1)},
		{"ids overflow", packed(2, 1<<32-1, 5, 1, 1)},
		{"length 0", packed(1, 5, 0)},
		{"length overflows", packed(1, 5, 1<<40)},
		{"more than it claims", packed(1, 5, 100, 7)},
		{"gzip cut off", human[:1000]},
	} {
		if _, err := decode(humanPrefix, c.packed, nil); err == nil {
			t.Errorf("%s: no error", c.reason)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(packed(2, 5, 10, 100, 200))
	f.Add(packed(1<<20, 1))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := decode(humanPrefix, b, nil)
		if err == nil && len(table.number) != len(table.length) {
			t.Errorf("%d ids, %d lengths", len(table.number), len(table.length))
		}
	})
}

func FuzzLength(f *testing.F) {
	for _, id := range []string{"ENSG00000227232.5", "ENSG", "", ".", "ENSG0000022723\xff"} {
		f.Add(id)
	}
	table := open(f, "human")
	f.Fuzz(func(t *testing.T, id string) {
		if bp, ok := table.Length(id); ok && (bp <= 0 || !strings.HasPrefix(id, "ENSG")) {
			t.Errorf("length of %q is %d", id, bp)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		open(b, "human")
	}
}

func BenchmarkLength(b *testing.B) {
	t := open(b, "human")
	for b.Loop() {
		t.Length("ENSG00000227232.5")
	}
}
