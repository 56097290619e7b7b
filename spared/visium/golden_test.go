package visium

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/slide"
)

var shared = filepath.Join("..", "..", "..", "shared")

// sharedPath returns a path of the reference material or skips the test.
func sharedPath(t testing.TB, parts ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{shared}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the reference material is not here: %v", err)
	}
	return path
}

// goldenRows reads a table of the reference outputs, without its header.
func goldenRows(t *testing.T, name string) [][]string {
	t.Helper()
	f, err := os.Open(sharedPath(t, "golden", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		rows = append(rows, strings.Split(line, "\t"))
	}
	return rows
}

// goldenMeta is what scanpy and squidpy found in a slide.
type goldenMeta struct {
	Shape        [2]int
	NNZ          int
	Sum, Max     float64
	FirstBarcode string    `json:"first_barcode"`
	LastBarcode  string    `json:"last_barcode"`
	FirstGene    [2]string `json:"first_gene"`
	LastGene     [2]string `json:"last_gene"`
	SHABarcodes  string    `json:"sha256_barcodes_newline"`
	SHAGenes     string    `json:"sha256_gene_ids_newline"`
	Duplicates   int       `json:"n_duplicate_names"`
	Genome       map[string]int
	ScaleFactors map[string]map[string]float64
	Images       map[string]struct{ Lowres [3]int }
}

// goldenSlides are the slides that scanpy and squidpy read for reference.
var goldenSlides = []struct {
	golden   string
	dir      []string
	name     string
	organism string
	unique   bool // scanpy's text reader makes repeated symbols unique ("TBCE-1"); this one keeps them
	reason   string
}{
	{"vis5a", []string{"mouse_muscle_visium", "Vis5A_2dpi"}, "Vis5A_2dpi", "mouse", false,
		"Space Ranger 1: prefixed h5, positions without header, genome of an odd name, 211 repeated symbols, no hires picture"},
	{"embryo", []string{"mouse_embryo_cytassist"}, "mouse_embryo_cytassist", "mouse", true,
		"Space Ranger 3, CytAssist: text counts, positions with header and fractional pixels, organism from the ids alone"},
	{"square", []string{"square_grid_visium", "outs"}, "square_grid_visium", "human", true,
		"folder outs, square grid, barcodes without -1, features both packed and plain"},
}

func TestReadEqualsScanpy(t *testing.T) {
	for _, g := range goldenSlides {
		t.Run(g.golden, func(t *testing.T) {
			data, err := os.ReadFile(sharedPath(t, "golden", "read_"+g.golden+"_meta.json"))
			if err != nil {
				t.Fatal(err)
			}
			var meta goldenMeta
			if err := json.Unmarshal(data, &meta); err != nil {
				t.Fatal(err)
			}
			dir := sharedPath(t, append([]string{"data"}, g.dir...)...)
			s, err := Read(context.Background(), dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if s.Name != g.name || s.Organism != g.organism {
				t.Errorf("slide %q of %q, want %q of %q (%s)", s.Name, s.Organism, g.name, g.organism, g.reason)
			}
			if g.unique {
				makeUnique(s.Genes)
			}
			checkMeta(t, s, meta)
			checkScale(t, s, meta)
			checkGenes(t, s, goldenRows(t, "read_"+g.golden+"_genes.tsv.gz"))
			checkSpots(t, s, goldenRows(t, "read_"+g.golden+"_spots.tsv.gz"))
			checkText(t, s, dir)
			checkSources(t, s)
		})
	}
}

// makeUnique appends -1, -2, ... to a symbol's second, third, ... occurrence.
func makeUnique(genes []slide.Gene) {
	seen := make(map[string]int)
	for j, g := range genes {
		if n := seen[g.Symbol]; n > 0 {
			genes[j].Symbol += "-" + strconv.Itoa(n)
		}
		seen[g.Symbol]++
	}
}

func digest(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

func checkMeta(t *testing.T, s *slide.Slide, want goldenMeta) {
	t.Helper()
	if got := [2]int{s.Counts.Rows, s.Counts.Cols}; got != want.Shape {
		t.Fatalf("shape %v, want %v", got, want.Shape)
	}
	var sum, most float64
	for _, v := range s.Counts.Data {
		sum += float64(v)
		most = max(most, float64(v))
	}
	if s.Counts.NNZ() != want.NNZ || sum != want.Sum || most != want.Max {
		t.Errorf("nnz %d, sum %v, max %v, want %d, %v, %v", s.Counts.NNZ(), sum, most, want.NNZ, want.Sum, want.Max)
	}
	var ids []string
	symbols := make(map[string]bool)
	genomes := make(map[string]int)
	for _, g := range s.Genes {
		ids = append(ids, g.ID)
		symbols[g.Symbol] = true
		genomes[g.Genome]++
		if g.Feature != geneExpression {
			t.Fatalf("feature type %q", g.Feature)
		}
	}
	if got := digest(s.Barcodes); got != want.SHABarcodes {
		t.Errorf("barcodes differ: sha256 %s, want %s", got, want.SHABarcodes)
	}
	if got := digest(ids); got != want.SHAGenes {
		t.Errorf("gene ids differ: sha256 %s, want %s", got, want.SHAGenes)
	}
	if got := len(s.Genes) - len(symbols); got != want.Duplicates {
		t.Errorf("%d repeated symbols, want %d", got, want.Duplicates)
	}
	for name, n := range want.Genome {
		if genomes[name] != n {
			t.Errorf("%d genes of genome %s, want %d", genomes[name], name, n)
		}
	}
	first, last := s.Genes[0], s.Genes[len(s.Genes)-1]
	if [2]string{first.ID, first.Symbol} != want.FirstGene || [2]string{last.ID, last.Symbol} != want.LastGene {
		t.Errorf("genes run from %v to %v, want %v to %v", first, last, want.FirstGene, want.LastGene)
	}
}

func checkScale(t *testing.T, s *slide.Slide, want goldenMeta) {
	t.Helper()
	for _, factors := range want.ScaleFactors {
		for key, v := range factors {
			if f := factor(&s.Scale, key); f != nil && *f != v {
				t.Errorf("%s = %v, want %v", key, *f, v)
			}
		}
	}
	for _, img := range want.Images {
		if s.Lowres == nil || s.Lowres.Height != img.Lowres[0] || s.Lowres.Width != img.Lowres[1] || len(s.Lowres.Pix) != s.Lowres.Width*s.Lowres.Height*3 {
			t.Errorf("lowres picture is not of shape %v", img.Lowres)
		}
	}
	if s.Hires != nil {
		t.Error("a hires picture was made up; the folder has none")
	}
}

func checkGenes(t *testing.T, s *slide.Slide, want [][]string) {
	t.Helper()
	sum, nonzero := s.Counts.ColSums()
	k := 0
	for j, g := range s.Genes {
		if sum[j] == 0 {
			continue
		}
		got := []string{g.ID, g.Symbol, strconv.FormatFloat(sum[j], 'f', -1, 64), strconv.Itoa(nonzero[j])}
		if k >= len(want) || strings.Join(got, " ") != strings.Join(want[k], " ") {
			t.Fatalf("expressed gene %d is %v, want %v", k, got, want[min(k, len(want)-1)])
		}
		k++
	}
	if k != len(want) {
		t.Errorf("%d expressed genes, want %d", k, len(want))
	}
}

func checkSpots(t *testing.T, s *slide.Slide, want [][]string) {
	t.Helper()
	if len(want) != len(s.Barcodes) {
		t.Fatalf("%d spots, want %d", len(s.Barcodes), len(want))
	}
	sum := s.Counts.RowSums()
	for i, b := range s.Barcodes {
		cols, _ := s.Counts.Row(i)
		got := position{barcode: b, inTissue: s.InTissue[i], row: s.ArrayRow[i], col: s.ArrayCol[i], x: s.X[i], y: s.Y[i]}.cells()
		w := want[i]
		x, errX := strconv.ParseFloat(w[6], 64)
		y, errY := strconv.ParseFloat(w[7], 64)
		if errX != nil || errY != nil {
			t.Fatal(errX, errY)
		}
		if got[0] != w[0] || strconv.FormatFloat(sum[i], 'f', -1, 64) != w[1] || strconv.Itoa(len(cols)) != w[2] ||
			got[1] != w[3] || got[2] != w[4] || got[3] != w[5] || !sameFloat(s.X[i], x) || !sameFloat(s.Y[i], y) {
			t.Fatalf("spot %d is %v with %v counts of %d genes, want %v", i, got, sum[i], len(cols), w)
		}
	}
}

// sameFloat allows the last bits of a coordinate to differ: the reference went
// through pandas' fast number parser, which does not round correctly
// ("1852.1176976911993" became 1852.1176976911995). checkText is exact.
func sameFloat(got, want float64) bool { return math.Abs(got-want) <= 5e-16*math.Abs(want) }

// checkText compares coordinates with the correctly rounded numbers of the
// positions file, taken apart by hand: columns 5 and 6 are y and x.
func checkText(t *testing.T, s *slide.Slide, dir string) {
	t.Helper()
	lay, err := locate(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(lay.positions)
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string][]string)
	for _, line := range strings.Fields(string(data)) {
		cells := strings.Split(line, ",")
		lines[cells[0]] = cells
	}
	for i, b := range s.Barcodes {
		y, errY := strconv.ParseFloat(lines[b][4], 64)
		x, errX := strconv.ParseFloat(lines[b][5], 64)
		if errX != nil || errY != nil || s.X[i] != x || s.Y[i] != y {
			t.Fatalf("spot %s lies at (%v, %v), want %v", b, s.X[i], s.Y[i], lines[b])
		}
	}
}

// checkSources compares each digest with the file's own.
func checkSources(t *testing.T, s *slide.Slide) {
	t.Helper()
	if len(s.Sources) < 4 {
		t.Errorf("%d sources, want counts, positions, scale factors and a picture", len(s.Sources))
	}
	for _, src := range s.Sources {
		data, err := os.ReadFile(src.Path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		if src.SHA256 != hex.EncodeToString(sum[:]) || src.Size != int64(len(data)) {
			t.Errorf("%s: sha256 %s, size %d, want %x and %d", src.Path, src.SHA256, src.Size, sum, len(data))
		}
	}
}
