package tabular

import (
	"bytes"
	"compress/gzip"
	"context"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spared/internal/readertest"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// files is a folder by path in it; a path that ends in "/" is an empty
// subfolder, a value that begins with "->" a link.
type files map[string]string

const (
	// Four spots and three genes. The table of places has another order, a
	// spot without counts, and one that is not selected.
	countsText = "\tG1\tG2\tG3\n2x1\t5\t0\t2\n3x1\t0\t1\t0\n2x2\t0\t0\t0\n3x2\t7\t8\t9\n"
	placesText = "x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected\n" +
		"3\t2\t3.1\t2.1\t300\t210.5\t1\n2\t1\t2.1\t1.1\t200\t110\t1\n9\t9\t9.1\t9.1\t900\t910\t1\n3\t1\t3.1\t1.1\t301\t111\t1\n2\t2\t2.1\t2.1\t200\t211\t1\n"
	mtxText = "%%MatrixMarket matrix coordinate integer general\n3 4 6\n1 1 5\n3 1 2\n2 2 1\n1 4 7\n2 4 8\n3 4 9\n"
	// The same spots with barcodes, as a table of a Matrix Market file.
	spotsText = "barcode\tin_tissue\tarray_row\tarray_col\tpxl_row_in_fullres\tpxl_col_in_fullres\n" +
		"AAACCCGGGTTT-1\t1\t1\t2\t110\t200\nAAACCCGGGTTA-1\t1\t1\t3\t111\t301\nAAACCCGGGTTC-1\t1\t2\t2\t211\t200\nAAACCCGGGTTG-1\t1\t2\t3\t210.5\t300\n"
	genesText = "G1\nG2\nG3\n"
)

var barcodes = []string{"AAACCCGGGTTT-1", "AAACCCGGGTTA-1", "AAACCCGGGTTC-1", "AAACCCGGGTTG-1"}

// legacy is a slide in two tables, named as the ones of her2st.
func legacy() files { return files{"A1.tsv": countsText, "A1_selection.tsv": placesText} }

// market is the same slide as a Matrix Market file.
func market() files {
	return files{"matrix.mtx": mtxText, "genes.txt": genesText, "spots.tsv": spotsText}
}

// with changes a folder; an empty text takes a file away.
func (f files) with(name, text string) files {
	if text == "" {
		delete(f, name)
	} else {
		f[name] = text
	}
	return f
}

func (f files) write(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "slide")
	for name, text := range f {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o777); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(path, []byte(text), 0o666)
		if target, ok := strings.CutPrefix(text, "->"); ok {
			os.Remove(path)
			err = os.Symlink(target, path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func packed(text string) string {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write([]byte(text)) // to memory
	_ = z.Close()
	return buf.String()
}

// withPicture is what the picture adds to the slide: black, 40 x 30 pixels,
// smaller than a hires or lowres picture may be.
func withPicture(s *slide.Slide) {
	s.FullRes, s.FullResSize = "A1.jpg", [2]int{40, 30}
	for _, img := range []**slide.Image{&s.Hires, &s.Lowres} {
		*img = &slide.Image{Width: 40, Height: 30, Pix: make([]uint8, 3*40*30)}
	}
	s.Scale.Hires, s.Scale.Lowres = 1, 1
}

func drawn(encode func(*bytes.Buffer, image.Image) error) string {
	var buf bytes.Buffer
	if err := encode(&buf, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		panic(err)
	}
	return buf.String()
}

func asJPEG(b *bytes.Buffer, img image.Image) error { return jpeg.Encode(b, img, nil) }
func asPNG(b *bytes.Buffer, img image.Image) error  { return png.Encode(b, img) }

// expected is what Read makes of legacy().
func expected() *slide.Slide {
	s := &slide.Slide{
		Name: "slide", Barcodes: []string{"2x1", "3x1", "2x2", "3x2"}, InTissue: []bool{true, true, true, true},
		ArrayRow: []int{1, 1, 2, 2}, ArrayCol: []int{2, 3, 2, 3},
		X: []float64{200, 301, 200, 300}, Y: []float64{110, 111, 211, 210.5},
		Counts: &sparse.CSR{Rows: 4, Cols: 3, IndPtr: []int64{0, 2, 3, 3, 6},
			Indices: []int32{0, 2, 1, 0, 1, 2}, Data: []float32{5, 2, 1, 7, 8, 9}},
		SourceFormat: "tables",
	}
	for _, g := range []string{"G1", "G2", "G3"} {
		s.Genes = append(s.Genes, slide.Gene{ID: g, Symbol: g, Feature: geneExpression})
	}
	return s
}

// byBarcode is the same with the names of market().
func byBarcode(s *slide.Slide) { s.Barcodes = slices.Clone(barcodes) }

// onArray is the slide without a table of places.
func onArray(s *slide.Slide) {
	s.X, s.Y = []float64{2, 3, 2, 3}, []float64{1, 1, 2, 2}
	s.Scale = slide.ScaleFactors{}
}

// keepSpots selects spots.
func keepSpots(s *slide.Slide, rows ...int) {
	full := *s
	s.Counts = s.Counts.Select(rows, nil)
	s.Barcodes, s.InTissue, s.ArrayRow, s.ArrayCol, s.X, s.Y = nil, nil, nil, nil, nil, nil
	for _, i := range rows {
		s.Barcodes, s.InTissue = append(s.Barcodes, full.Barcodes[i]), append(s.InTissue, true)
		s.ArrayRow, s.ArrayCol = append(s.ArrayRow, full.ArrayRow[i]), append(s.ArrayCol, full.ArrayCol[i])
		s.X, s.Y = append(s.X, full.X[i]), append(s.Y, full.Y[i])
	}
}

// replaced changes one part of a text that must be there.
func replaced(text, old, new string) string {
	if !strings.Contains(text, old) {
		panic("no " + old)
	}
	return strings.Replace(text, old, new, 1)
}

// transposed swaps rows and columns of a table of tabs.
func transposed(text string) string {
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		rows = append(rows, strings.Split(line, "\t"))
	}
	rows[0] = append([]string{""}, rows[0][len(rows[0])-len(rows[1])+1:]...)
	var out strings.Builder
	for j := range rows[0] {
		for i := range rows {
			if i > 0 {
				out.WriteByte('\t')
			}
			out.WriteString(rows[i][j])
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// TestReadAccepts: odd inputs, each with the one right reading.
func TestReadAccepts(t *testing.T) {
	same := func(*slide.Slide) {}
	header := strings.TrimPrefix(countsText, "\t")
	list := "in_tissue\tarray_row\tarray_col\tpxl_row_in_fullres\tpxl_col_in_fullres\n"
	for _, c := range []struct {
		reason string
		files  files
		loc    string // below the folder
		opts   Options
		want   func(s *slide.Slide) // changes to expected()
	}{
		{"counts and selection", legacy(), "A1.tsv", Options{}, func(s *slide.Slide) { s.Name = "A1" }},
		{"the folder of one table: its only slide", legacy(), "", Options{}, same},
		{"name given", legacy(), "A1.tsv", Options{Name: "patient 1"}, func(s *slide.Slide) { s.Name = "patient 1" }},
		{"gzip under a plain name: the content decides", legacy().with("A1.tsv", packed(countsText)), "", Options{}, same},
		{"plain under a gzip name", legacy().with("A1.tsv", "").with("A1.tsv.gz", countsText), "", Options{}, same},
		{"gzip selection", legacy().with("A1_selection.tsv", "").with("A1_selection.tsv.gz", packed(placesText)), "", Options{}, same},
		{"byte order mark and CRLF, as a spreadsheet saves them", legacy().with("A1.tsv", "\ufeff"+strings.ReplaceAll(countsText, "\n", "\r\n")).with("A1_selection.tsv", "\ufeff"+strings.ReplaceAll(placesText, "\n", "\r\n")), "", Options{}, same},
		{"commas", legacy().with("A1.tsv", "").with("A1.csv", strings.ReplaceAll(countsText, "\t", ",")), "", Options{}, same},
		{"semicolons", legacy().with("A1.tsv", strings.ReplaceAll(countsText, "\t", ";")), "", Options{}, same},
		{"spaces, and quotes around names, as R writes tables", legacy().with("A1.tsv", `"G1" "G2" "G3"`+"\n"+`"2x1" 5 0 2`+"\n"+`"3x1" 0 1 0`+"\n"+`"2x2" 0 0 0`+"\n"+`"3x2" 7 8 9`+"\n"), "", Options{}, same},
		{"a header one cell short, as R writes tables", legacy().with("A1.tsv", header), "", Options{}, same},
		{"quoted numbers", legacy().with("A1.tsv", replaced(countsText, "\t5\t", "\t\"5\"\t")), "", Options{}, same},
		{"values that were normalised, where that is said", legacy().with("A1.tsv", replaced(countsText, "\t5\t0\t", "\t5.25\t0.0\t")), "", Options{Normalised: true}, func(s *slide.Slide) { s.Counts.Data[0] = 5.25 }},
		{"the same as a Matrix Market file", market().with("matrix.mtx", replaced(mtxText, "1 1 5", "1 1 5.25")), "", Options{Normalised: true}, func(s *slide.Slide) { byBarcode(s); s.Counts.Data[0] = 5.25 }},
		{"whole floats", legacy().with("A1.tsv", replaced(countsText, "\t5\t0\t", "\t5.0\t0.000e0\t")), "", Options{}, same},
		{"no end of the last line, empty lines between and after", legacy().with("A1.tsv", strings.TrimSpace(replaced(countsText, "3x1", "\n3x1"))).with("A1_selection.tsv", placesText+"\n\n"), "", Options{}, func(s *slide.Slide) {
			s.Genes = s.Genes[:3]
		}},
		{"genes x spots", legacy().with("A1.tsv", transposed(countsText)), "", Options{}, same},
		{"genes x spots, the spots' names changed by R", legacy().with("A1.tsv", strings.NewReplacer("2x", "X2x", "3x", "X3x").Replace(transposed(countsText))), "", Options{}, func(s *slide.Slide) {
			s.Barcodes = []string{"X2x1", "X3x1", "X2x2", "X3x2"}
		}},
		{"names with an underscore", legacy().with("A1.tsv", strings.NewReplacer("2x", "2_", "3x", "3_").Replace(countsText)), "", Options{}, func(s *slide.Slide) {
			s.Barcodes = []string{"2_1", "3_1", "2_2", "3_2"}
		}},
		{"no table of places: the names give the array", legacy().with("A1_selection.tsv", ""), "", Options{}, onArray},
		{"no table of places: a picture would not fit", legacy().with("A1_selection.tsv", "").with("A1.jpg", drawn(asJPEG)), "", Options{}, onArray},
		{"places without pixels are in units of the array", legacy().with("A1_selection.tsv", "x\ty\n3\t2\n2\t1\n3\t1\n2\t2\n"), "", Options{}, onArray},
		{"places of another slide lie beside", legacy().with("A10_selection.tsv", replaced(placesText, "200\t110", "0\t0")), "", Options{}, same},
		{"places by the name of another convention", legacy().with("A1_selection.tsv", "").with("alignment_table_A1.tsv", placesText), "", Options{}, same},
		{"places under any name, beside a single table", legacy().with("A1_selection.tsv", "").with("where.txt", placesText), "", Options{}, same},
		{"places given", legacy().with("A1_selection.tsv", replaced(placesText, "200\t110", "0\t0")).with("other/p.tsv", placesText), "A1.tsv", Options{Places: "other/p.tsv"}, func(s *slide.Slide) { s.Name = "A1" }},
		{"places with columns in another order, capitals, and more of them", legacy().with("A1_selection.tsv", "Selected\tnote\tPixel_Y\tPixel_X\tY\tX\n1\ta\t210.5\t300\t2\t3\n1\tb\t110\t200\t1\t2\n1\t\t111\t301\t1\t3\n1\td\t211\t200\t2\t2\n"), "", Options{}, same},
		{"spots that are not selected are dropped", legacy().with("A1_selection.tsv", replaced(placesText, "301\t111\t1", "301\t111\t0")), "", Options{}, func(s *slide.Slide) { keepSpots(s, 0, 2, 3) }},
		{"and kept on request", legacy().with("A1_selection.tsv", replaced(placesText, "301\t111\t1", "301\t111\tFALSE")), "", Options{OffTissue: true}, func(s *slide.Slide) { s.InTissue[1] = false }},
		{"a spot named by its place that the table leaves out was not selected", legacy().with("A1_selection.tsv", replaced(placesText, "3\t1\t3.1\t1.1\t301\t111\t1\n", "")), "", Options{}, func(s *slide.Slide) { keepSpots(s, 0, 2, 3) }},
		{"a spot without molecules is a spot", legacy().with("A1.tsv", replaced(countsText, "2x1\t5\t0\t2", "2x1\t0\t0\t0")), "", Options{}, func(s *slide.Slide) {
			s.Counts = &sparse.CSR{Rows: 4, Cols: 3, IndPtr: []int64{0, 0, 1, 1, 4}, Indices: []int32{1, 0, 1, 2}, Data: []float32{1, 7, 8, 9}}
		}},
		{"spots that share pixels keep their own", legacy().with("A1_selection.tsv", replaced(placesText, "200\t211", "200\t110")), "", Options{}, func(s *slide.Slide) { s.Y[2] = 110 }},
		{"Ensembl ids have no symbol, versions stay", legacy().with("A1.tsv", replaced(replaced(countsText, "G1", "ENSG00000141510.19"), "G2", "ENSG00000182378.14_PAR_Y")), "", Options{}, func(s *slide.Slide) {
			s.Genes[0].ID, s.Genes[0].Symbol = "ENSG00000141510.19", ""
			s.Genes[1].ID, s.Genes[1].Symbol = "ENSG00000182378.14_PAR_Y", ""
			s.Organism = "human"
		}},
		{"their symbols, from a table of genes beside", legacy().with("A1.tsv", replaced(countsText, "G1", "ENSG00000141510.19")).with("human_genes.tsv", "gene_id\tgene_type\tgene_name\nENSG00000141510.19\tx\tTP53\n"), "", Options{}, func(s *slide.Slide) {
			s.Genes[0].ID, s.Genes[0].Symbol = "ENSG00000141510.19", "TP53"
		}},
		{"human symbols tell the organism", legacy().with("A1.tsv", replaced(replaced(countsText, "G1", "TP53"), "G2", "ERBB2")), "", Options{}, func(s *slide.Slide) {
			s.Genes[0].ID, s.Genes[0].Symbol, s.Genes[1].ID, s.Genes[1].Symbol, s.Organism = "TP53", "TP53", "ERBB2", "ERBB2", "human"
		}},
		{"a gene twice is kept twice", legacy().with("A1.tsv", replaced(countsText, "G2", "G1")), "", Options{}, func(s *slide.Slide) { s.Genes[1] = s.Genes[0] }},
		{"hostile names pass unchanged", legacy().with("A1.tsv", replaced(countsText, "G1", "</script><b>'\u202e\U0001f9ec")), "", Options{}, func(s *slide.Slide) {
			s.Genes[0].ID, s.Genes[0].Symbol = "</script><b>'\u202e\U0001f9ec", "</script><b>'\u202e\U0001f9ec"
		}},
		{"a quoted name with the separator and a quote in it", legacy().with("A1.tsv", "").with("A1.csv", strings.ReplaceAll(replaced(countsText, "G1", `"a,""b"`), "\t", ",")), "", Options{}, func(s *slide.Slide) {
			s.Genes[0].ID, s.Genes[0].Symbol = `a,"b`, `a,"b`
		}},
		{"the picture by the table's name", legacy().with("A1.jpg", drawn(asJPEG)).with("A10.jpg", "x"), "", Options{}, func(s *slide.Slide) { withPicture(s) }},
		{"a PNG called JPEG: the content decides", legacy().with("A1.jpg", drawn(asPNG)), "", Options{}, func(s *slide.Slide) { withPicture(s) }},
		{"a picture that cannot be read is found without a size", legacy().with("A1.jpg", "<html>404</html>"), "", Options{}, func(s *slide.Slide) { s.FullRes = "A1.jpg" }},
		{"no smaller pictures are asked for", legacy().with("A1.jpg", drawn(asJPEG)), "", Options{NoImages: true}, func(s *slide.Slide) { s.FullRes, s.FullResSize = "A1.jpg", [2]int{40, 30} }},
		{"places without pixels: nothing says where on the picture the spots are", legacy().with("A1_selection.tsv", "x\ty\n2\t1\n3\t1\n2\t2\n3\t2\n").with("A1.jpg", drawn(asJPEG)), "", Options{}, func(s *slide.Slide) {
			s.X, s.Y = []float64{2, 3, 2, 3}, []float64{1, 1, 2, 2}
		}},
		{"two pictures: neither is chosen", legacy().with("A1.jpg", drawn(asJPEG)).with("A1.png", drawn(asPNG)), "", Options{}, same},
		{"files of macOS beside the real ones", legacy().with("._A1.tsv", "x").with("._A1_selection.tsv", "x"), "", Options{}, same},
		{"a link that goes round beside the tables", legacy().with("loop.tsv", "->loop.tsv").with("nowhere.tsv", "->gone"), "", Options{}, same},
		{"counts, spots and images in three folders", files{"ST-cnts/A1.tsv": countsText, "ST-spotfiles/A1_selection.tsv": placesText, "ST-imgs/A1.jpg": drawn(asJPEG), "labels/A1_labels.tsv": "x\ty\n1\t1\n"}, "ST-cnts/A1.tsv", Options{},
			func(s *slide.Slide) { s.Name = "A1"; withPicture(s) }},

		{"Matrix Market with its tables", market(), "", Options{}, byBarcode},
		{"the same, spots x genes", market().with("matrix.mtx", "%%MatrixMarket matrix coordinate integer general\n4 3 6\n1 1 5\n1 3 2\n2 2 1\n4 1 7\n4 2 8\n4 3 9\n"), "", Options{}, byBarcode},
		{"genes with a header and symbols", market().with("genes.txt", "").with("features.csv", "gene_id,gene_name\nENSMUSG00000064339,a\nENSMUSG00000064340,b\nENSMUSG00000064341,c\n"), "", Options{}, func(s *slide.Slide) {
			byBarcode(s)
			s.Organism = "mouse"
			for j, id := range []string{"ENSMUSG00000064339", "ENSMUSG00000064340", "ENSMUSG00000064341"} {
				s.Genes[j].ID, s.Genes[j].Symbol = id, string(rune('a'+j))
			}
		}},
		{"names only, with Space Ranger's folder spatial", market().with("spots.tsv", "").with("barcodes.tsv", strings.Join(barcodes, "\n")+"\n").with("spatial/tissue_positions.csv", strings.ReplaceAll(spotsText, "\t", ",")).
			with("spatial/scalefactors_json.json", `{"spot_diameter_fullres": 55.5}`), "", Options{}, func(s *slide.Slide) { byBarcode(s); s.Scale.SpotDiameter = 55.5 }},
		{"names under a header", market().with("spots.tsv", "").with("barcodes.tsv", "barcode\n"+strings.Join(barcodes, "\n")+"\n").with("spatial/tissue_positions_list.csv", strings.ReplaceAll(strings.SplitN(spotsText, "\n", 2)[1], "\t", ",")), "", Options{}, byBarcode},
		{"a slide by its prefix among several", files{"S1_matrix.mtx": mtxText, "S1_genes.tsv": genesText, "S1_spots.tsv": spotsText, "S2_matrix.mtx": mtxText, "S2_genes.tsv": "x\n", "S2_spots.tsv": spotsText}, "S1_matrix.mtx", Options{},
			func(s *slide.Slide) { byBarcode(s); s.Name = "S1" }},

		{"two tables of places are joined; y up; slides apart", twoSlides(), "expression_matrix.txt#NP", Options{}, func(s *slide.Slide) {
			s.Name, s.Patient, s.Split = "NP", "p1", "train"
			s.Barcodes = []string{"NP-AAACCCGGGTTT-1", "NP-AAACCCGGGTTA-1"}
			keepSpotsOf(s, []int{0, 1})
		}},
		{"barcodes without the -1 in one of the files", files{"A1.tsv": strings.NewReplacer("2x1", "AAACCCGGGTTT", "3x1", "AAACCCGGGTTA", "2x2", "AAACCCGGGTTC", "3x2", "AAACCCGGGTTG").Replace(countsText), "A1_spots.tsv": spotsText}, "", Options{}, func(s *slide.Slide) {
			s.Barcodes = []string{"AAACCCGGGTTT", "AAACCCGGGTTA", "AAACCCGGGTTC", "AAACCCGGGTTG"}
		}},
		{"row names of a data frame without a header of their own", files{"A1.tsv": transposed(strings.NewReplacer("2x1", barcodes[0], "3x1", barcodes[1], "2x2", barcodes[2], "3x2", barcodes[3]).Replace(countsText)),
			"A1_spots.tsv": list + strings.SplitN(spotsText, "\n", 2)[1]}, "", Options{}, byBarcode},
		{"neither axis looks like spots: the table of places decides", files{"A1.tsv": strings.NewReplacer("2x1", "s1", "3x1", "s2", "2x2", "s3", "3x2", "s4").Replace(countsText),
			"A1_spots.tsv": strings.NewReplacer(barcodes[0], "s1", barcodes[1], "s2", barcodes[2], "s3", barcodes[3], "s4").Replace(spotsText)}, "A1.tsv", Options{}, func(s *slide.Slide) {
			s.Name, s.Barcodes = "A1", []string{"s1", "s2", "s3", "s4"}
		}},
		{"pixels only: the grid is made from them", files{"A1.tsv": strings.NewReplacer("2x1", barcodes[0], "3x1", barcodes[1], "2x2", barcodes[2], "3x2", barcodes[3]).Replace(countsText),
			"A1_spots.tsv": "barcode\tpixel_x\tpixel_y\n" + barcodes[0] + "\t200\t110\n" + barcodes[1] + "\t301\t111\n" + barcodes[2] + "\t200\t211\n" + barcodes[3] + "\t300\t210.5\n"}, "", Options{}, func(s *slide.Slide) {
			byBarcode(s)
			s.ArrayRow, s.ArrayCol = []int{0, 0, 1, 1}, []int{0, 1, 0, 1}
		}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			dir := c.files.write(t)
			if c.opts.Places != "" {
				c.opts.Places = filepath.Join(dir, c.opts.Places)
			}
			got, err := Read(context.Background(), filepath.Join(dir, c.loc), c.opts)
			if err != nil {
				t.Fatal(err)
			}
			want := expected()
			want.Scale.SpotDiameter = got.Scale.SpotDiameter // tested by TestSpotDiameter
			c.want(want)
			if got.FullRes != "" {
				got.FullRes = filepath.Base(got.FullRes)
			}
			if len(got.Sources) == 0 {
				t.Error("no sources")
			}
			got.Sources = nil
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("slide differs (-want +got):\n%s", d)
			}
		})
	}
}

// twoSlides is a table of genes by spots of two slides, as Giotto's are.
func twoSlides() files {
	return files{
		"expression_matrix.txt": `"NP-AAACCCGGGTTT-1" "CP-AAACCCGGGTTT-1" "NP-AAACCCGGGTTA-1"` + "\n" + `"G1" 5 1 0` + "\n" + `"G2" 0 1 1` + "\n" + `"G3" 2 0 0` + "\n",
		"spatial_locs.txt":      `"sdimx" "sdimy" "cell_ID"` + "\n" + `200 -110 "NP-AAACCCGGGTTT-1"` + "\n" + `301 -111 "NP-AAACCCGGGTTA-1"` + "\n" + `1 -1 "CP-AAACCCGGGTTT-1"` + "\n",
		"cell_metadata.txt": `"cell_ID" "in_tissue" "array_row" "array_col" "list_ID" "patient" "split"` + "\n" +
			`"CP-AAACCCGGGTTT-1" 1 1 1 "CP" "p2" "val"` + "\n" + `"NP-AAACCCGGGTTT-1" 1 1 2 "NP" "p1" "train"` + "\n" + `"NP-AAACCCGGGTTA-1" 1 1 3 "NP" "p1" "train"` + "\n",
	}
}

// keepSpotsOf is keepSpots for a slide that has its names already.
func keepSpotsOf(s *slide.Slide, rows []int) {
	names := s.Barcodes
	s.Barcodes = []string{"", "", "", ""}
	keepSpots(s, rows...)
	s.Barcodes = names
}

// TestReadRefuses: damaged inputs, each with what the error must say.
func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		reason string
		files  files
		loc    string
		opts   Options
		want   []string
	}{
		{"nothing there", files{"x/": ""}, "gone.tsv", Options{}, []string{"gone.tsv", "no such file"}},
		{"an empty folder", files{"x/": ""}, "", Options{}, []string{"holds no counts"}},
		{"an empty table", legacy().with("A1.tsv", "\n"), "A1.tsv", Options{}, []string{"A1.tsv", "is empty"}},
		{"a header alone", legacy().with("A1.tsv", "\tG1\tG2\n"), "A1.tsv", Options{}, []string{"A1.tsv", "no line after its header"}},
		{"a folder in place of the table", files{"A1.tsv/": "", "A1_selection.tsv": placesText}, "A1.tsv", Options{}, []string{"A1.tsv", "holds no counts"}},
		{"a folder in place of the places", files{"A1.tsv": countsText, "p/": ""}, "A1.tsv", Options{Places: "p"}, []string{"is a folder"}},
		{"a link that goes round", files{"A1.tsv": "->A1.tsv"}, "A1.tsv", Options{}, []string{"A1.tsv", "cannot be read"}},
		{"a gene alone in a line", legacy().with("A1.tsv", "\tG1\nx\n"), "A1.tsv", Options{}, []string{"line 2", "is one cell"}},
		{"no row has as many cells as the header", legacy().with("A1.tsv", "a\tb\tc\td\n2x1\t1\n"), "A1.tsv", Options{}, []string{"line 2", "2 cells, but the header has 4"}},
		{"no header", legacy().with("A1.tsv", strings.SplitN(countsText, "\n", 2)[1]), "A1.tsv", Options{}, []string{"line 1", "begins with the spot 2x1", "want a header"}},
		{"a line cut off", legacy().with("A1.tsv", replaced(countsText, "3x2\t7\t8\t9\n", "3x2\t7")), "", Options{}, []string{"line 5", "2 cells, want 4"}},
		{"a line too long", legacy().with("A1.tsv", replaced(countsText, "3x2\t7", "3x2\t7\t7")), "", Options{}, []string{"line 5", "more than the 4 cells"}},
		{"no counts but a word", legacy().with("A1.tsv", replaced(countsText, "\t8\t", "\teight\t")), "", Options{}, []string{"A1.tsv", "G2", "line 5", `"eight"`, "not a count"}},
		{"NaN", legacy().with("A1.tsv", replaced(countsText, "\t8\t", "\tNaN\t")), "", Options{}, []string{"G2", "line 5", "missing"}},
		{"an empty cell", legacy().with("A1.tsv", replaced(countsText, "\t8\t", "\t\t")), "", Options{}, []string{"G2", "line 5", "missing"}},
		{"thousands separated", legacy().with("A1.tsv", replaced(countsText, "\t8\t", "\t8,000\t")), "", Options{}, []string{"G2", "line 5", "separators of thousands"}},
		{"a negative count", legacy().with("A1.tsv", replaced(countsText, "\t8\t", "\t-8\t")), "", Options{}, []string{"G2", "line 5", "whole numbers"}},
		{"a normalised table", legacy().with("A1.tsv", replaced(countsText, "\t8\t", "\t8.25\t")), "", Options{}, []string{"G2", "line 5", `"8.25"`, "normalised"}},
		{"a count beyond float32", legacy().with("A1.tsv", replaced(countsText, "\t8\t", "\t16777217\t")), "", Options{}, []string{"G2", "line 5", "cannot be held exactly"}},
		{"a count beyond float64", legacy().with("A1.tsv", replaced(countsText, "\t8\t", "\t1e999\t")), "", Options{}, []string{"G2", "line 5"}},
		{"normalised and less than 0", legacy().with("A1.tsv", replaced(countsText, "\t5\t0\t", "\t-0.5\t0\t")), "", Options{Normalised: true}, []string{"G1", "line 2", "0 or more"}},
		{"a spot twice", legacy().with("A1.tsv", replaced(countsText, "3x2", "2x1")), "", Options{}, []string{"A1.tsv", "line 5", `"2x1" comes a second time`}},
		{"a spot twice in other words", legacy().with("A1.tsv", replaced(countsText, "3x2", "X2x1")), "", Options{}, []string{"spots 2x1 and X2x1", "same place"}},
		{"a spot twice in a header", legacy().with("A1.tsv", replaced(transposed(countsText), "3x2", "2x1")), "", Options{}, []string{"line 1", `"2x1" comes a second time`}},
		{"a row without a name", legacy().with("A1.tsv", replaced(countsText, "3x2", "")), "", Options{}, []string{"line 5", "no name"}},
		{"a gene without a name", legacy().with("A1.tsv", replaced(countsText, "\tG2", "\t")), "", Options{}, []string{"line 1", "a gene has no name"}},
		{"a quote that is not closed", legacy().with("A1.tsv", replaced(countsText, "3x2", `"3x2`)), "", Options{}, []string{"line 5", "quote"}},
		{"neither axis is spots", legacy().with("A1.tsv", strings.NewReplacer("2x", "a", "3x", "b").Replace(countsText)).with("A1_selection.tsv", ""), "A1.tsv", Options{}, []string{"A1.tsv", "rows or its columns", "a1, b1, a2", "G1, G2, G3"}},
		{"both axes look like spots", legacy().with("A1.tsv", strings.NewReplacer("G1", "1x1", "G2", "1x2", "G3", "1x3").Replace(countsText)).with("A1_selection.tsv", ""), "A1.tsv", Options{}, []string{"rows or its columns"}},
		{"UTF-16", legacy().with("A1.tsv", "\xff\xfeA\x00"), "A1.tsv", Options{}, []string{"UTF-16"}},
		{"a name that is no text", legacy().with("A1.tsv", replaced(countsText, "3x2", "\x80\x81")), "", Options{}, []string{"line 5", "UTF-8"}},
		{"cut gzip", legacy().with("A1.tsv", packed(countsText)[:40]), "A1.tsv", Options{}, []string{"A1.tsv", "cut off"}},
		{"damaged gzip", legacy().with("A1.tsv", packed(countsText)[:20]+strings.Repeat("\xff", 30)), "A1.tsv", Options{}, []string{"A1.tsv", "damaged"}},
		{"a gzip bomb", legacy().with("A1.tsv", packed(strings.Repeat("A", 40<<20))), "A1.tsv", Options{}, []string{"A1.tsv", "256 times"}},
		{"two slides in a folder", legacy().with("B1.tsv", countsText), "", Options{}, []string{"holds 2 slides: A1.tsv, B1.tsv"}},

		{"places without coordinates", legacy().with("p.tsv", "a\tb\n1\t2\n"), "A1.tsv", Options{Places: "p.tsv"}, []string{"p.tsv", "names no coordinates", "it has a, b"}},
		{"places without lines", legacy().with("A1_selection.tsv", "x\ty\n"), "", Options{}, []string{"A1_selection.tsv", "lists no spots"}},
		{"places of another slide", legacy().with("A1_selection.tsv", "x\ty\n7\t7\n"), "", Options{}, []string{"A1_selection.tsv", "lists none of the 4 spots"}},
		{"no spot selected", legacy().with("A1_selection.tsv", strings.ReplaceAll(placesText, "\t1\n", "\t0\n")), "", Options{}, []string{"selected", "none of the 4", "OffTissue"}},
		{"selected of 2", legacy().with("A1_selection.tsv", replaced(placesText, "210.5\t1", "210.5\t2")), "", Options{}, []string{"selected", "line 2", `"2" is not 0 or 1`}},
		{"a place twice", legacy().with("A1_selection.tsv", replaced(placesText, "9\t9\t", "3\t2\t")), "", Options{}, []string{"A1_selection.tsv", "line 4", "3x2 was on line 2"}},
		{"a pixel of NaN", legacy().with("A1_selection.tsv", replaced(placesText, "210.5", "NaN")), "", Options{}, []string{"pixel_y", "line 2", `"NaN" is not a number`}},
		{"decimal commas", legacy().with("A1_selection.tsv", replaced(placesText, "210.5", "210,5")), "", Options{}, []string{"pixel_y", "line 2", `"210,5"`}},
		{"places cut off", legacy().with("A1_selection.tsv", strings.TrimSuffix(placesText, "\t200\t211\t1\n")), "", Options{}, []string{"A1_selection.tsv", "line 6", "4 cells, but the header has 7"}},
		{"two tables of places without names", legacy().with("A1_spots.tsv", placesText), "", Options{}, []string{"cannot be joined"}},

		{"a barcode without a place", market().with("spots.tsv", "").with("barcodes.tsv", strings.Join(barcodes, "\n")+"\n").with("spatial/tissue_positions.csv", strings.ReplaceAll(replaced(spotsText, barcodes[2], "TTTTTTTTTTTT-1"), "\t", ",")), "", Options{}, []string{barcodes[2], "has no place", "same slide"}},
		{"spots without names", market().with("spots.tsv", "array_row\tarray_col\n1\t2\n"), "matrix.mtx", Options{}, []string{"spots.tsv", "does not name its spots"}},
		{"a spot twice in the table of spots", market().with("spots.tsv", replaced(spotsText, barcodes[2], barcodes[0])), "", Options{}, []string{"spots.tsv", "line 4", "was on line 2"}},
		{"a fractional array row", market().with("spots.tsv", replaced(spotsText, "\t1\t1\t2\t", "\t1\t1.5\t2\t")), "", Options{}, []string{"array_row", "line 2", "whole"}},
		{"no table of genes", market().with("genes.txt", ""), "matrix.mtx", Options{}, []string{"matrix.mtx", "genes.tsv"}},
		{"no table of spots", market().with("spots.tsv", ""), "matrix.mtx", Options{}, []string{"matrix.mtx", "spots.tsv"}},
		{"two tables of genes", market().with("features.tsv", genesText), "matrix.mtx", Options{}, []string{"several tables", "features.tsv, genes.txt"}},
		{"genes too many", market().with("genes.txt", genesText+"G4\n"), "", Options{}, []string{"matrix.mtx", "line 2", "genes.txt and spots.tsv list 4 genes and 4 spots"}},
		{"an empty gene id", market().with("genes.txt", "G1\tx\n\ty\nG3\tz\n"), "", Options{}, []string{"genes.txt", "line 2", "no name"}},
		{"no places at all", market().with("spots.tsv", strings.Join(barcodes, "\n")+"\n"), "matrix.mtx", Options{}, []string{"matrix.mtx", "has no place", "Options.Places"}},
		{"a matrix cut off", market().with("matrix.mtx", strings.TrimSuffix(mtxText, "3 4 9\n")), "", Options{}, []string{"matrix.mtx", "5 of the 6 entries"}},

		{"a slide that is not in the file", twoSlides(), "expression_matrix.txt#XX", Options{}, []string{`no slide "XX"`, "CP, NP"}},
		{"spots of the slide in two splits", twoSlides().with("cell_metadata.txt", replaced(twoSlides()["cell_metadata.txt"], `1 3 "NP" "p1" "train"`, `1 3 "NP" "p1" "test"`)), "expression_matrix.txt#NP", Options{}, []string{"several patients or splits"}},
		{"tables of places that do not match", twoSlides().with("cell_metadata.txt", strings.ReplaceAll(twoSlides()["cell_metadata.txt"], "CP-", "DP-")), "expression_matrix.txt#NP", Options{}, []string{"spatial_locs.txt", "lacks the spot DP-AAACCCGGGTTT-1"}},
		{"a picture given that is none", legacy().with("A1.jpg", "x"), "A1.tsv", Options{FullRes: "A1.jpg"}, []string{"A1.jpg", "no picture's header"}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			dir := c.files.write(t)
			for _, p := range []*string{&c.opts.Places, &c.opts.FullRes} {
				if *p != "" {
					*p = filepath.Join(dir, *p)
				}
			}
			s, err := Read(context.Background(), filepath.Join(dir, c.loc), c.opts)
			if err == nil {
				t.Fatalf("no error, but a slide of %d spots", len(s.Barcodes))
			}
			readertest.FormatError(t, err, c.want...)
		})
	}
}
