package simulate

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestGeneTable(t *testing.T) {
	all := allGenes()
	if len(all) != MaxGenes {
		t.Fatalf("%d genes, want %d", len(all), MaxGenes)
	}
	ids, symbols := map[string]bool{}, map[string]bool{}
	form := regexp.MustCompile(`^ENSG\d{11}$`)
	for _, g := range all {
		if _, ok := kinds[g.kind]; !ok || !form.MatchString(g.id) || ids[g.id] || symbols[g.symbol] {
			t.Errorf("gene %+v: unknown kind, bad id, or listed twice", g)
		}
		ids[g.id], symbols[g.symbol] = true, true
	}
	for symbol := range abundant {
		if !symbols[symbol] {
			t.Errorf("abundant gene %s is not in the table", symbol)
		}
	}
	for _, p := range profiles {
		for _, s := range strings.Fields(p.markers) {
			if !symbols[s] {
				t.Errorf("%s, marker of the %s, is not in the table", s, p.name)
			}
		}
	}
	for _, p := range programs {
		for _, s := range strings.Fields(p.genes) {
			if !symbols[s] {
				t.Errorf("%s, gene of %s, is not in the table", s, p.name)
			}
		}
	}
}

// TestEveryPrefixHasTheSameMix checks what makes a small panel useful.
func TestEveryPrefixHasTheSameMix(t *testing.T) {
	share := func(n int) map[string]float64 {
		m := map[string]float64{}
		for _, g := range allGenes()[:n] {
			m[g.kind] += 1 / float64(n)
		}
		return m
	}
	all := share(MaxGenes)
	for _, n := range []int{100, 300, 1000} {
		for kind, s := range share(n) {
			if s-all[kind] > 0.03 || all[kind]-s > 0.03 {
				t.Errorf("of %d genes %.2f are %s, of all %.2f", n, s, kind, all[kind])
			}
		}
	}
}

func TestGenes(t *testing.T) {
	few, err := Genes(50)
	if err != nil {
		t.Fatal(err)
	}
	if len(few) != 50 || few[0].Genome != "GRCh38" || few[0].Feature != "Gene Expression" {
		t.Errorf("%d genes, the first %+v", len(few), few[0])
	}
	for k := 1; k < len(few); k++ {
		if few[k].ID <= few[k-1].ID {
			t.Errorf("ids do not rise at %d", k)
		}
	}
	if every, err := Genes(0); err != nil || len(every) != MaxGenes {
		t.Errorf("Genes(0) gives %d genes, error %v", len(every), err)
	}
	for _, n := range []int{-1, MaxGenes + 1} {
		if _, err := Genes(n); err == nil {
			t.Errorf("Genes(%d) is no error", n)
		}
	}
	if Markers("martian") != nil || !slices.Contains(Markers("proliferation"), "MKI67") {
		t.Error("markers of a martian, or none of proliferation")
	}
}

// TestLengthsAreKnown checks the ids against GENCODE: all but the 13
// mitochondrial genes, which its table leaves out, have a length.
func TestLengthsAreKnown(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "gene_lengths", "gene_length.txt.gz"))
	if err != nil {
		t.Skipf("needs the GENCODE gene lengths: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for lines := bufio.NewScanner(z); lines.Scan(); {
		id, _, _ := strings.Cut(strings.Fields(lines.Text())[0], ".")
		known[id] = true
	}
	unknown := 0
	for _, g := range allGenes() {
		if !known[g.id] {
			unknown++
			if g.kind != "mitochondrial" {
				t.Errorf("%s (%s) has no length", g.id, g.symbol)
			}
		}
	}
	if unknown != 13 {
		t.Errorf("%d genes without a length, want the 13 mitochondrial ones", unknown)
	}
}
