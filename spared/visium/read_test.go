package visium

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/tiff"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/internal/counts"
	"github.com/spatialgo/spatialgo/spared/internal/readertest"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// folder is a slide's folder by path in it; a path that ends in "/" is an
// empty subfolder, text that begins with "->" a link.
type folder map[string]any

const (
	mtxPath       = "filtered_feature_bc_matrix/matrix.mtx.gz"
	barcodesPath  = "filtered_feature_bc_matrix/barcodes.tsv.gz"
	featuresPath  = "filtered_feature_bc_matrix/features.tsv.gz"
	h5Path        = "filtered_feature_bc_matrix.h5"
	positionsPath = "spatial/tissue_positions.csv"
	scalePath     = "spatial/scalefactors_json.json"
	hiresPath     = "spatial/tissue_hires_image.png"
	lowresPath    = "spatial/tissue_lowres_image.png"
)

const (
	mtxText = "%%MatrixMarket matrix coordinate integer general\n%made here\n3 4 6\n" +
		"1 1 5\n3 1 2\n2 2 1\n1 4 7\n2 4 8\n3 4 9\n"
	barcodesText  = "AAA-1\nCCC-1\nGGG-1\nTTT-1\n"
	featuresText  = "ENSG00000000001\tG1\tGene Expression\nENSG00000000002\tG2\tGene Expression\nENSG00000000003\tG3\tGene Expression\n"
	headerText    = "barcode,in_tissue,array_row,array_col,pxl_row_in_fullres,pxl_col_in_fullres\n"
	positionsText = "TTT-1,1,1,3,40.5,41\nAAA-1,1,0,0,10,11.25\nNNN-1,0,5,5,50,51\nCCC-1,1,0,2,20,21\nGGG-1,1,1,1,30,31\n"
	scaleText     = `{"spot_diameter_fullres": 90.5, "fiducial_diameter_fullres": 140, "tissue_hires_scalef": 0.2, "tissue_lowres_scalef": 0.05, "regist_target_img_scalef": 1}`
)

// small is a valid folder of 4 spots and 3 genes. Its positions have another
// order than its counts, and x differs from y.
func small() folder {
	return folder{
		mtxPath:       packed(mtxText),
		barcodesPath:  packed(barcodesText),
		featuresPath:  packed(featuresText),
		positionsPath: headerText + positionsText,
		scalePath:     scaleText,
		hiresPath:     pngOf(drawn(8, 6)),
		lowresPath:    pngOf(drawn(2, 2)),
	}
}

// smallH5 is the same slide with HDF5 counts.
func smallH5(edit func(h h5File)) folder {
	f := small()
	delete(f, mtxPath)
	delete(f, barcodesPath)
	delete(f, featuresPath)
	h := h5File{
		"matrix/barcodes":              []string{"AAA-1", "CCC-1", "GGG-1", "TTT-1"},
		"matrix/data":                  []int32{5, 2, 1, 7, 8, 9},
		"matrix/indices":               []int64{0, 2, 1, 0, 1, 2},
		"matrix/indptr":                []int64{0, 2, 3, 3, 6},
		"matrix/shape":                 []int32{3, 4},
		"matrix/features/id":           []string{"ENSG00000000001", "ENSG00000000002", "ENSG00000000003"},
		"matrix/features/name":         []string{"G1", "G2", "G3"},
		"matrix/features/feature_type": []string{"Gene Expression", "Gene Expression", "Gene Expression"},
		"matrix/features/genome":       []string{"GRCh38", "GRCh38", "GRCh38"},
	}
	if edit != nil {
		edit(h)
	}
	f[h5Path] = h
	return f
}

// with changes a folder; a nil value takes a file away.
func (f folder) with(path string, v any) folder {
	if v == nil {
		delete(f, path)
	} else {
		f[path] = v
	}
	return f
}

// write makes the folder on disk.
func (f folder) write(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "slide")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, v := range f {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		var err error
		switch v := v.(type) {
		case h5File:
			v.write(t, path)
			continue
		case string:
			if target, ok := strings.CutPrefix(v, "->"); ok {
				err = os.Symlink(target, path)
			} else if strings.HasSuffix(name, "/") {
				err = os.MkdirAll(path, 0o777)
			} else {
				err = os.WriteFile(path, []byte(v), 0o666)
			}
		case []byte:
			err = os.WriteFile(path, v, 0o666)
		default:
			err = fmt.Errorf("%s: cannot write %T", name, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// h5File is an HDF5 file by key.
type h5File map[string]any

func (h h5File) write(t testing.TB, path string) {
	t.Helper()
	f, err := hdf5x.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for key, v := range h {
		switch v := v.(type) {
		case []string:
			err = hdf5x.Write(f, key, v, nil, hdf5x.WriteOptions{FixedString: true})
		case []int32:
			err = hdf5x.Write(f, key, v, nil, hdf5x.WriteOptions{})
		case []int64:
			err = hdf5x.Write(f, key, v, nil, hdf5x.WriteOptions{})
		case []float64:
			err = hdf5x.Write(f, key, v, nil, hdf5x.WriteOptions{})
		default:
			err = fmt.Errorf("cannot write %T", v)
		}
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func packed(text string) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	z.Write([]byte(text))
	z.Close()
	return buf.Bytes()
}

// picture has different colours everywhere.
func drawn(w, h int) *slide.Image {
	pic := &slide.Image{Width: w, Height: h, Pix: make([]uint8, 3*w*h)}
	for i := range pic.Pix {
		pic.Pix[i] = uint8(37 * i)
	}
	return pic
}

func pngOf(pic *slide.Image) []byte {
	data, err := encodePNG(pic)
	if err != nil {
		panic(err)
	}
	return data
}

func encoded(img image.Image, encode func(*bytes.Buffer, image.Image) error) []byte {
	var buf bytes.Buffer
	if err := encode(&buf, img); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

func asPNG(w *bytes.Buffer, img image.Image) error  { return png.Encode(w, img) }
func asTIFF(w *bytes.Buffer, img image.Image) error { return tiff.Encode(w, img, nil) }
func asJPEG(w *bytes.Buffer, img image.Image) error {
	return jpeg.Encode(w, img, &jpeg.Options{Quality: 100})
}

// replaced changes one part of a text that must be there.
func replaced(text, old, new string) string {
	if !strings.Contains(text, old) {
		panic("no " + old)
	}
	return strings.Replace(text, old, new, 1)
}

// expected is what Read makes of small().
func expected() *slide.Slide {
	s := &slide.Slide{
		Name:     "slide",
		Barcodes: []string{"AAA-1", "CCC-1", "GGG-1", "TTT-1"},
		InTissue: []bool{true, true, true, true},
		ArrayRow: []int{0, 0, 1, 1}, ArrayCol: []int{0, 2, 1, 3},
		X: []float64{11.25, 21, 31, 41}, Y: []float64{10, 20, 30, 40.5},
		Scale: slide.ScaleFactors{SpotDiameter: 90.5, FiducialDiameter: 140, Hires: 0.2, Lowres: 0.05},
		Hires: drawn(8, 6), Lowres: drawn(2, 2),
		Organism: "human", SourceFormat: "Space Ranger",
	}
	s.Counts, _ = (&counts.Entries{
		Spot:  []int32{0, 0, 1, 3, 3, 3},
		Gene:  []int32{0, 2, 1, 0, 1, 2},
		Count: []float32{5, 2, 1, 7, 8, 9},
	}).CSR(4, 3)
	for i := range 3 {
		s.Genes = append(s.Genes, slide.Gene{ID: fmt.Sprintf("ENSG0000000000%d", i+1), Symbol: fmt.Sprintf("G%d", i+1), Feature: geneExpression})
	}
	return s
}

// compare reports differences, but for the sources.
func compare(t *testing.T, got, want *slide.Slide) {
	t.Helper()
	g := *got
	g.Sources = want.Sources
	if d := cmp.Diff(want, &g); d != "" {
		t.Errorf("slide differs (-want +got):\n%s", d)
	}
}

func TestReadAccepts(t *testing.T) {
	same := func(*slide.Slide) {}
	for _, c := range []struct {
		reason string
		folder folder
		opts   Options
		want   func(s *slide.Slide) // changes to expected()
	}{
		{"Space Ranger 2 and later", small(), Options{}, same},
		{"name given", small(), Options{Name: "patient 1"}, func(s *slide.Slide) { s.Name = "patient 1" }},
		{"Space Ranger 1: old name, no header", small().with(positionsPath, nil).with("spatial/tissue_positions_list.csv", positionsText), Options{}, same},
		{"new name without a header: the content decides", small().with(positionsPath, positionsText), Options{}, same},
		{"old name with a header: the content decides", small().with(positionsPath, nil).with("spatial/tissue_positions_list.csv", headerText+positionsText), Options{}, same},
		{"byte order mark and CRLF, as a spreadsheet saves them", small().with(positionsPath, "\ufeff"+strings.ReplaceAll(headerText+positionsText, "\n", "\r\n")), Options{}, same},
		{"quotes and spaces", small().with(positionsPath, replaced(positionsText, "AAA-1,1,0,0,10,11.25", `"AAA-1", "1", 0 , 0,"10", 11.25 `)), Options{}, same},
		{"semicolons", small().with(positionsPath, strings.ReplaceAll(headerText+positionsText, ",", ";")), Options{}, same},
		{"columns in another order, one more, upper case", small().with(positionsPath,
			"Barcode,pxl_col_in_fullres,pxl_row_in_fullres,array_col,array_row,in_tissue,note\nAAA-1,11.25,10,0,0,1,x\nCCC-1,21,20,2,0,1,\nGGG-1,31,30,1,1,1,\nTTT-1,41,40.5,3,1,1,\n"), Options{}, same},
		{"a data frame's index column and whole floats", small().with(positionsPath, replaced(replaced(headerText+positionsText, "barcode,", ","), "AAA-1,1,0,0,10,11.25", "AAA-1,True,0.0,0.0,1e1,11.25")), Options{}, same},
		{"gzip positions", small().with(positionsPath, nil).with("spatial/tissue_positions.csv.gz", packed(headerText+positionsText)), Options{}, same},
		{"counts plain under packed names", small().with(mtxPath, mtxText).with(barcodesPath, barcodesText).with(featuresPath, featuresText), Options{}, same},
		{"counts packed under plain names", small().with(mtxPath, nil).with("filtered_feature_bc_matrix/matrix.mtx", packed(mtxText)), Options{}, same},
		{"CRLF counts", small().with(mtxPath, strings.ReplaceAll(mtxText, "\n", "\r\n")).with(barcodesPath, strings.ReplaceAll(barcodesText, "\n", "\r\n")).with(featuresPath, strings.ReplaceAll(featuresText, "\n", "\r\n")), Options{}, same},
		{"no end of the last line, and empty lines after it", small().with(barcodesPath, strings.TrimSpace(barcodesText)).with(mtxPath, mtxText+"\n \n"), Options{}, same},
		{"entries by gene, as scipy writes them", small().with(mtxPath,
			"%%MatrixMarket matrix coordinate integer general\n3 4 6\n1 1 5\n1 4 7\n2 2 1\n2 4 8\n3 1 2\n3 4 9\n"), Options{}, same},
		{"entries in no order", small().with(mtxPath,
			"%%MatrixMarket matrix coordinate integer general\n3 4 6\n3 4 9\n3 1 2\n1 4 7\n1 1 5\n2 4 8\n2 2 1\n"), Options{}, same},
		{"real numbers that are whole", small().with(mtxPath, replaced(replaced(mtxText, "integer", "real"), "1 1 5", "1 1 5.0e0")), Options{}, same},
		{"values that were normalised, where that is said", small().with(mtxPath, replaced(replaced(mtxText, "integer", "real"), "1 1 5", "1 1 5.25")), Options{Normalised: true},
			func(s *slide.Slide) { s.Counts.Data[0] = 5.25 }},
		{"the same as HDF5", smallH5(func(h h5File) { h["matrix/data"] = []float64{5.25, 2, 1, 7, 8, 9} }), Options{Normalised: true},
			func(s *slide.Slide) {
				s.Counts.Data[0] = 5.25
				for j := range s.Genes {
					s.Genes[j].Genome = "GRCh38"
				}
			}},
		{"written zeros are not counts", small().with(mtxPath, replaced(mtxText, "4 6\n", "4 7\n1 3 0\n")), Options{}, same},
		{"pattern: every entry is 1", small().with(mtxPath, "%%MatrixMarket matrix coordinate pattern general\n3 4 2\n1 1\n3 4\n"), Options{},
			func(s *slide.Slide) {
				s.Counts, _ = (&counts.Entries{Spot: []int32{0, 3}, Gene: []int32{0, 2}, Count: []float32{1, 1}}).CSR(4, 3)
			}},
		{"no count at all", small().with(mtxPath, "%%MatrixMarket matrix coordinate integer general\n3 4 0\n"), Options{},
			func(s *slide.Slide) { s.Counts, _ = new(counts.Entries).CSR(4, 3) }},
		{"genes.tsv of two columns", small().with(featuresPath, nil).with("filtered_feature_bc_matrix/genes.tsv", strings.ReplaceAll(featuresText, "\tGene Expression", "")), Options{}, same},
		{"the three text files in the folder itself, positions too", folder{"matrix.mtx.gz": packed(mtxText), "barcodes.tsv.gz": packed(barcodesText), "features.tsv.gz": packed(featuresText),
			"tissue_positions.csv": headerText + positionsText}, Options{},
			func(s *slide.Slide) { s.Scale, s.Hires, s.Lowres = slide.ScaleFactors{}, nil, nil }},
		{"positions without the -1", small().with(positionsPath, strings.ReplaceAll(positionsText, "-1,", ",")), Options{}, same},
		{"counts without the -1", small().with(barcodesPath, strings.ReplaceAll(barcodesText, "-1", "")), Options{},
			func(s *slide.Slide) { s.Barcodes = []string{"AAA", "CCC", "GGG", "TTT"} }},
		{"spots off tissue are dropped", small().with(positionsPath, replaced(positionsText, "AAA-1,1", "AAA-1,0")), Options{}, dropFirst},
		{"spots off tissue are kept on request", small().with(positionsPath, replaced(positionsText, "AAA-1,1", "AAA-1,0")), Options{OffTissue: true},
			func(s *slide.Slide) { s.InTissue[0] = false }},
		{"antibodies are not genes", small().with(featuresPath, replaced(featuresText, "G1\tGene Expression", "CD3\tAntibody Capture")), Options{},
			func(s *slide.Slide) { s.Genes, s.Counts = s.Genes[1:], s.Counts.Select(nil, []int{1, 2}) }},
		{"antibodies on request", small().with(featuresPath, replaced(featuresText, "G1\tGene Expression", "CD3\tAntibody Capture")), Options{AllFeatures: true},
			func(s *slide.Slide) { s.Genes[0].Symbol, s.Genes[0].Feature = "CD3", "Antibody Capture" }},
		{"repeated, empty and hostile symbols and PAR_Y ids pass unchanged", small().with(featuresPath,
			"ENSG00000182378.14_PAR_Y\t\tGene Expression\nENSG2\t</script><b>\"x'\\\u202e\U0001f9ec\tGene Expression\nENSG3\t</script><b>\"x'\\\u202e\U0001f9ec\tGene Expression\n"), Options{},
			func(s *slide.Slide) {
				s.Genes[0].ID, s.Genes[0].Symbol = "ENSG00000182378.14_PAR_Y", ""
				s.Genes[1].ID, s.Genes[2].ID = "ENSG2", "ENSG3"
				s.Genes[1].Symbol = "</script><b>\"x'\\\u202e\U0001f9ec"
				s.Genes[2].Symbol = s.Genes[1].Symbol
			}},
		{"human and mouse genes: no organism", small().with(featuresPath, replaced(featuresText, "ENSG00000000003", "ENSMUSG00000000003")), Options{},
			func(s *slide.Slide) { s.Genes[2].ID, s.Organism = "ENSMUSG00000000003", "" }},
		{"no pictures, no factors", small().with(hiresPath, nil).with(lowresPath, nil).with(scalePath, nil), Options{},
			func(s *slide.Slide) { s.Scale, s.Hires, s.Lowres = slide.ScaleFactors{}, nil, nil }},
		{"pictures unwanted, broken and without factors", small().with(hiresPath, "no picture").with(scalePath, `{}`), Options{NoImages: true},
			func(s *slide.Slide) { s.Scale, s.Hires, s.Lowres = slide.ScaleFactors{}, nil, nil }},
		{"a picture with marks in it does not stand in for hires", small().with(hiresPath, nil).with("spatial/aligned_fiducials.jpg", pngOf(drawn(8, 6))).with("spatial/detected_tissue_image.jpg", pngOf(drawn(8, 6))), Options{},
			func(s *slide.Slide) { s.Hires = nil }},
		{"a PNG called JPEG: the content decides", small().with(hiresPath, nil).with("spatial/tissue_hires_image.jpg", pngOf(drawn(8, 6))), Options{}, same},
		{"spots that share pixels keep their own", small().with(positionsPath, replaced(headerText+positionsText, "1,1,30,31", "1,1,20,21")), Options{},
			func(s *slide.Slide) { s.X[2], s.Y[2] = 21, 20 }},
		{"a spot of the array twice over, under two barcodes", small().with(positionsPath, replaced(headerText+positionsText, "GGG-1,1,1,1", "GGG-1,1,0,2")), Options{},
			func(s *slide.Slide) { s.ArrayRow[2], s.ArrayCol[2] = 0, 2 }},
		{"the array of 11 mm", small().with(positionsPath, replaced(headerText+positionsText, "TTT-1,1,1,3", "TTT-1,1,127,223")), Options{},
			func(s *slide.Slide) { s.ArrayRow[3], s.ArrayCol[3] = 127, 223 }},
		{"CytAssist: its pictures and probe counts are not the slide's", small().with("spatial/cytassist_image.tiff", "x").with("spatial/aligned_tissue_image.jpg", "x").with("raw_probe_bc_matrix.h5", "x").with("probe_set.csv", "x").with("spatial/spatial_enrichment.csv", "x").with("spatial/barcode_fluorescence_intensity.csv", "x"), Options{}, same},
		{"probes that are deprecated are features as the file says", small().with(featuresPath, replaced(featuresText, "ENSG00000000001", "DEPRECATED_ENSG00000000001")), Options{},
			func(s *slide.Slide) { s.Genes[0].ID = "DEPRECATED_ENSG00000000001" }},
		{"links that go round beside the real files", small().with("loop", "->loop").with("spatial/a_tissue_positions.csv", "->gone"), Options{}, same},
		{"positions that are a link", smallH5(nil).with(positionsPath, "->../shared.csv").with("shared.csv", headerText+positionsText), Options{}, grch38},
		{"files of macOS beside the real ones", small().with("._filtered_feature_bc_matrix.h5", "x").with("spatial/._tissue_positions.csv", "x"), Options{}, same},
		{"raw counts on request go before filtered ones", smallH5(nil).with("raw_feature_bc_matrix/matrix.mtx", mtxText).with("raw_feature_bc_matrix/barcodes.tsv", barcodesText).with("raw_feature_bc_matrix/features.tsv", featuresText),
			Options{Raw: true}, same},
		{"filtered counts where raw ones are asked for but missing", small(), Options{Raw: true}, same},
		{"two species in text: one chosen by the genome before the ids", small().with(featuresPath,
			"hg19_ENSG00000000001\thg19_G1\tGene Expression\nhg19_ENSG00000000002\thg19_G2\tGene Expression\nmm10_ENSMUSG00000000003\tmm10_G3\tGene Expression\n"), Options{Genome: "hg19"},
			func(s *slide.Slide) { s.Genes, s.Counts = s.Genes[:2], s.Counts.Select(nil, []int{0, 1}) }},
		{"two species, none chosen: all genes with their prefixes, no organism", small().with(featuresPath,
			"hg19_ENSG00000000001\thg19_G1\tGene Expression\nhg19_ENSG00000000002\thg19_G2\tGene Expression\nmm10_ENSMUSG00000000003\tmm10_G3\tGene Expression\n"), Options{},
			func(s *slide.Slide) {
				s.Organism = ""
				for i, p := range []string{"hg19_", "hg19_", "mm10_"} {
					s.Genes[i].ID, s.Genes[i].Symbol = p+s.Genes[i].ID, p+s.Genes[i].Symbol
				}
				s.Genes[2].ID = "mm10_ENSMUSG00000000003"
			}},
		{"raw counts on request", folder{"raw_feature_bc_matrix/matrix.mtx": mtxText, "raw_feature_bc_matrix/barcodes.tsv": barcodesText, "raw_feature_bc_matrix/features.tsv": featuresText,
			positionsPath: positionsText}, Options{Raw: true}, func(s *slide.Slide) { s.Scale, s.Hires, s.Lowres = slide.ScaleFactors{}, nil, nil }},
		{"HDF5", smallH5(nil), Options{}, grch38},
		{"HDF5 under a prefix goes before text", smallH5(nil).with(h5Path, smallH5(nil)[h5Path]).with(mtxPath, "broken"), Options{}, grch38},
		{"HDF5 without genome and as floats", smallH5(func(h h5File) {
			delete(h, "matrix/features/genome")
			h["matrix/data"] = []float64{5, 2, 1, 7, 8, 9}
		}), Options{}, same},
		{"HDF5 with unsorted genes, as Space Ranger 1 wrote them, and a zero", smallH5(func(h h5File) {
			h["matrix/data"] = []int32{2, 5, 1, 0, 9, 7, 8}
			h["matrix/indices"] = []int64{2, 0, 1, 2, 2, 0, 1}
			h["matrix/indptr"] = []int64{0, 2, 4, 4, 7}
		}), Options{}, grch38},
		{"HDF5 of Cell Ranger 2", v2("GRCh38"), Options{}, grch38},
		{"HDF5 of Cell Ranger 2 with two genomes, one chosen", v2("mm10", "GRCh38"), Options{Genome: "GRCh38"}, grch38},
		{"HDF5 with two genomes, one chosen", smallH5(func(h h5File) { h["matrix/features/genome"] = []string{"mm10", "GRCh38", "GRCh38"} }), Options{Genome: "GRCh38"},
			func(s *slide.Slide) {
				grch38(s)
				s.Genes, s.Counts = s.Genes[1:], s.Counts.Select(nil, []int{1, 2})
			}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			want := expected()
			c.want(want)
			got, err := Read(context.Background(), c.folder.write(t), c.opts)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, got, want)
		})
	}
}

func grch38(s *slide.Slide) {
	for j := range s.Genes {
		s.Genes[j].Genome = "GRCh38"
	}
}

func dropFirst(s *slide.Slide) {
	s.Barcodes, s.InTissue, s.ArrayRow, s.ArrayCol = s.Barcodes[1:], s.InTissue[1:], s.ArrayRow[1:], s.ArrayCol[1:]
	s.X, s.Y, s.Counts = s.X[1:], s.Y[1:], s.Counts.Select([]int{1, 2, 3}, nil)
}

// v2 is smallH5 in the layout of Cell Ranger 2.
func v2(genomes ...string) folder {
	return smallH5(func(h h5File) {
		for _, g := range genomes {
			for _, k := range []string{"barcodes", "data", "indices", "indptr", "shape"} {
				h[g+"/"+k] = h["matrix/"+k]
			}
			h[g+"/genes"], h[g+"/gene_names"] = h["matrix/features/id"], h["matrix/features/name"]
		}
		for k := range h {
			if strings.HasPrefix(k, "matrix/") {
				delete(h, k)
			}
		}
	})
}

func TestReadRefuses(t *testing.T) {
	const body = "1 1 5\n3 1 2\n2 2 1\n"
	truncated := func(b []byte, keep int) []byte { return b[:keep] }
	bigPNG := pngOf(drawn(8, 6))
	copy(bigPNG[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65536 x 65536 in the header, whose checksum is then wrong
	for _, c := range []struct {
		reason string
		folder folder
		opts   Options
		want   []string // parts of the message
	}{
		{"nothing in it", folder{}, Options{}, []string{"not a Space Ranger outs folder", "counts", "positions", "found nothing"}},
		{"no positions", small().with(positionsPath, nil), Options{}, []string{"no positions", "tissue_positions.csv", "found filtered_feature_bc_matrix, spatial"}},
		{"no counts", small().with(mtxPath, nil).with(barcodesPath, nil).with(featuresPath, nil), Options{}, []string{"no counts", "filtered_feature_bc_matrix.h5"}},
		{"the slide is one folder down", folder{"outs/x": ""}, Options{}, []string{"try its subfolder outs"}},
		{"Visium HD without bins", folder{"binned_outputs/x": ""}, Options{}, []string{"Visium HD", "square_008um"}},
		{"Visium HD by cell only", folder{"segmented_outputs/filtered_feature_cell_matrix.h5": ""}, Options{}, []string{"segmented cell", "square_008um"}},
		{"bins of a slide that has none", small(), Options{BinMicrons: 8}, []string{"no bins of 8 µm", "BinMicrons"}},
		{"raw counts without asking", folder{"raw_feature_bc_matrix.h5": "x", positionsPath: positionsText}, Options{}, []string{"raw counts only", "Options.Raw"}},
		{"two h5 files", small().with("a_filtered_feature_bc_matrix.h5", "x").with("b_filtered_feature_bc_matrix.h5", "x"), Options{}, []string{"a_filtered_feature_bc_matrix.h5, b_filtered_feature_bc_matrix.h5"}},
		{"two prefixed positions", small().with(positionsPath, nil).with("spatial/a_tissue_positions.csv", "x").with("spatial/b_tissue_positions.csv", "x"), Options{}, []string{"a_tissue_positions.csv, b_tissue_positions.csv"}},
		{"text counts without their barcodes", small().with(barcodesPath, nil), Options{}, []string{"filtered_feature_bc_matrix", "barcodes.tsv"}},
		{"counts that are a folder called .h5", small().with(h5Path+"/x", ""), Options{}, []string{h5Path, "is a folder"}},
		{"counts that are a link that goes round", small().with(h5Path, "->"+h5Path), Options{}, []string{h5Path, "cannot be read"}},
		{"factors of the picture's registration in their place", small().with(scalePath, `{"serialNumber": "V1", "transform": [[1, 0, 0], [0, 1, 0]], "oligo": [{"x": 1, "row": 0}]}`), Options{}, []string{"scalefactors_json.json", "tissue_hires_scalef", "missing"}},
		{"Visium HD positions of text", small().with(positionsPath, nil).with("spatial/tissue_positions.parquet", headerText+positionsText), Options{}, []string{"tissue_positions.parquet", "not a Parquet file"}},
		{"positions that are a folder", small().with(positionsPath, nil).with(positionsPath+"/x", ""), Options{}, []string{"tissue_positions.csv", "is a folder"}},

		{"positions of 5 columns", small().with(positionsPath, "AAA-1,1,0,0,10\n"), Options{}, []string{"tissue_positions.csv", "line 1", "5 columns, want 6"}},
		{"a line of 7 columns", small().with(positionsPath, replaced(positionsText, "20,21", "20,21,22")), Options{}, []string{"line 4", "7 columns"}},
		{"a header without a column", small().with(positionsPath, replaced(headerText, "array_row", "row")+positionsText), Options{}, []string{"line 1", "lacks array_row"}},
		{"a header alone", small().with(positionsPath, headerText), Options{}, []string{"lists no spots"}},
		{"an empty file", small().with(positionsPath, ""), Options{}, []string{"lists no spots"}},
		{"in_tissue of 2", small().with(positionsPath, replaced(positionsText, "AAA-1,1", "AAA-1,2")), Options{}, []string{"in_tissue", "line 2", `"2" is not 0 or 1`}},
		{"a fractional array row", small().with(positionsPath, replaced(positionsText, "AAA-1,1,0", "AAA-1,1,0.5")), Options{}, []string{"array_row", "line 2"}},
		{"NaN as a pixel", small().with(positionsPath, replaced(positionsText, "11.25", "NaN")), Options{}, []string{"pxl_col_in_fullres", "line 2"}},
		{"thousands separated", small().with(positionsPath, replaced(positionsText, "11.25", `"11,250"`)), Options{}, []string{"pxl_col_in_fullres", `"11,250" is not a number`}},
		{"a barcode twice", small().with(positionsPath, positionsText+"AAA-1,1,9,9,1,1\n"), Options{}, []string{"line 6", `barcode "AAA-1" was on line 2`}},
		{"a barcode missing", small().with(positionsPath, positionsText+",1,9,9,1,1\n"), Options{}, []string{"barcode", "line 6"}},
		{"an open quote", small().with(positionsPath, `"AAA-1,1,0,0,1,1`), Options{}, []string{"line 1", "comma-separated"}},
		{"UTF-16", small().with(positionsPath, "\xff\xfeA\x00"), Options{}, []string{"UTF-16"}},
		{"bytes that are no text", small().with(positionsPath, "\x80\x81"), Options{}, []string{"not UTF-8"}},
		{"barcodes of another slide", small().with(positionsPath, strings.NewReplacer("AAA", "XXA", "CCC", "XXC", "GGG", "XXG", "TTT", "XXT").Replace(positionsText)), Options{},
			[]string{"tissue_positions.csv", "4 of the 4 barcodes", "AAA-1, CCC-1, GGG-1;", "XXT-1"}},
		{"one barcode without a position", small().with(positionsPath, replaced(positionsText, "GGG-1", "GGC-1")), Options{}, []string{"1 of the 4 barcodes", "GGG-1"}},
		{"two barcodes for one position", small().with(barcodesPath, "AAA-1\nAAA\nGGG-1\nTTT-1\n"), Options{}, []string{"1 of the 4 barcodes", "AAA"}},
		{"no spot under tissue", small().with(positionsPath, strings.ReplaceAll(positionsText, "-1,1,", "-1,0,")), Options{}, []string{"in_tissue", "none of the 4", "OffTissue"}},

		{"a barcode twice in the counts", small().with(barcodesPath, replaced(barcodesText, "TTT", "AAA")), Options{}, []string{"barcodes.tsv.gz", "line 4", `"AAA-1"`}},
		{"an empty line among barcodes", small().with(barcodesPath, "AAA-1\n\nGGG-1\nTTT-1\n"), Options{}, []string{"barcodes.tsv.gz", "line 2", "empty"}},
		{"no barcodes", small().with(barcodesPath, "").with(mtxPath, "%%MatrixMarket matrix coordinate integer general\n3 0 0\n"), Options{}, []string{"matrix.mtx.gz", "holds no spots"}},
		{"features of one column", small().with(featuresPath, replaced(featuresText, "ENSG00000000002\t", "ENSG00000000002 ")+"X\n"), Options{}, []string{"features.tsv.gz", "line 4", "1 column"}},
		{"an empty gene id", small().with(featuresPath, replaced(featuresText, "ENSG00000000002\t", "\t")), Options{}, []string{"features.tsv.gz", "line 2", "id is empty"}},
		{"antibodies only", small().with(featuresPath, strings.ReplaceAll(featuresText, "Gene Expression", "Antibody Capture")), Options{}, []string{`no features of type "Gene Expression"`, `"Antibody Capture" (3)`}},
		{"a genome that is not there", smallH5(nil), Options{Genome: "mm10"}, []string{`genome "mm10"`, `"GRCh38" (3)`}},

		{"a cut gzip stream", small().with(mtxPath, truncated(packed(mtxText), 60)), Options{}, []string{"matrix.mtx.gz", "cut off"}},
		{"a gzip header alone", small().with(featuresPath, []byte{0x1f, 0x8b}), Options{}, []string{"features.tsv.gz", "cut off"}},
		{"damaged gzip", small().with(mtxPath, append(packed(mtxText)[:40:40], bytes.Repeat([]byte{0xff}, 40)...)), Options{}, []string{"matrix.mtx.gz", "damaged"}},
		{"a gzip bomb", small().with(barcodesPath, packed(strings.Repeat("A", 40<<20))), Options{}, []string{"barcodes.tsv.gz", "256 times"}},
		{"an empty matrix file", small().with(mtxPath, ""), Options{}, []string{"matrix.mtx.gz", "is empty"}},
		{"no Matrix Market header", small().with(mtxPath, "1 1 5\n"), Options{}, []string{"line 1", "no Matrix Market header"}},
		{"a dense matrix", small().with(mtxPath, replaced(mtxText, "coordinate", "array")), Options{}, []string{"line 1", "want coordinate"}},
		{"a symmetric matrix", small().with(mtxPath, replaced(mtxText, "general", "symmetric")), Options{}, []string{"line 1", "symmetric"}},
		{"no sizes", small().with(mtxPath, "%%MatrixMarket matrix coordinate integer general\n% x\n"), Options{}, []string{"before the line of its sizes"}},
		{"bad sizes", small().with(mtxPath, replaced(mtxText, "3 4 6", "3 4 -6")), Options{}, []string{"line 3", "sizes"}},
		{"sizes unlike the names", small().with(mtxPath, replaced(mtxText, "3 4 6", "3 5 6")), Options{}, []string{"line 3", "3 x 5", "features.tsv.gz and barcodes.tsv.gz list 3 genes and 4 spots"}},
		{"spots x genes", small().with(mtxPath, replaced(mtxText, "3 4 6", "4 3 6")), Options{}, []string{"transpose"}},
		{"more entries than the matrix has room for", small().with(mtxPath, replaced(mtxText, "3 4 6", "3 4 2000000000")), Options{}, []string{"line 3", "do not fit"}},
		{"index 0", small().with(mtxPath, replaced(mtxText, "1 1 5", "0 1 5")), Options{}, []string{"line 4", "gene 0, spot 1", "want 1 to 3"}},
		{"a gene out of range", small().with(mtxPath, replaced(mtxText, "3 4 9", "4 4 9")), Options{}, []string{"line 9", "gene 4"}},
		{"a spot out of range", small().with(mtxPath, replaced(mtxText, "3 4 9", "3 5 9")), Options{}, []string{"line 9", "spot 5"}},
		{"fewer entries than promised", small().with(mtxPath, strings.TrimSuffix(mtxText, "3 4 9\n")), Options{}, []string{"5 of the 6 entries"}},
		{"more entries than promised", small().with(mtxPath, mtxText+"1 2 1\n"), Options{}, []string{"line 10", "more entries than the 6"}},
		{"an entry twice", small().with(mtxPath, replaced(mtxText, "3 4 9", "1 1 9")), Options{}, []string{"line 9", "gene 1 of spot 1 was on line 4"}},
		{"a negative count", small().with(mtxPath, replaced(mtxText, "1 1 5", "1 1 -5")), Options{}, []string{"line 4", "whole numbers"}},
		{"a normalised matrix", small().with(mtxPath, replaced(mtxText, "1 1 5", "1 1 5.5")), Options{}, []string{"line 4", `"5.5"`, "whole numbers"}},
		{"a normalised matrix with values below 0", small().with(mtxPath, replaced(mtxText, "1 1 5", "1 1 -5.5")), Options{Normalised: true}, []string{"line 4", "0 or more"}},
		{"a normalised matrix with a hole", small().with(mtxPath, replaced(mtxText, "1 1 5", "1 1 nan")), Options{Normalised: true}, []string{"line 4", "finite"}},
		{"a value beyond float32", smallH5(func(h h5File) { h["matrix/data"] = []float64{5, 2, 1e39, 7, 8, 9} }), Options{Normalised: true}, []string{"matrix/data", "entry 2", "finite"}},
		{"NaN as a count", small().with(mtxPath, replaced(mtxText, "1 1 5", "1 1 nan")), Options{}, []string{"line 4", "whole numbers"}},
		{"a count beyond float32", small().with(mtxPath, replaced(mtxText, "1 1 5", "1 1 16777217")), Options{}, []string{"line 4", "cannot be held exactly"}},
		{"a word as a count", small().with(mtxPath, replaced(mtxText, "1 1 5", "1 1 five")), Options{}, []string{"line 4", "not a count"}},
		{"an entry of two numbers", small().with(mtxPath, replaced(mtxText, "1 1 5", "1 1")), Options{}, []string{"line 4", "not a count"}},
		{"an entry of four numbers", small().with(mtxPath, replaced(mtxText, "1 1 5", "1 1 5 5")), Options{}, []string{"line 4", "text after the entry"}},
		{"text among the entries", small().with(mtxPath, replaced(mtxText, "1 1 5", "% note")), Options{}, []string{"line 4", "no entry"}},
		{"an empty line among the entries", small().with(mtxPath, replaced(mtxText, body, "1 1 5\n\n3 1 2\n")), Options{}, []string{"line 6", "empty line"}},
		{"a line without end", small().with(mtxPath, mtxText+strings.Repeat("1", 1<<17)), Options{}, []string{"line 10", "longer than"}},

		{"h5 that is text", small().with(h5Path, "barcode"), Options{}, []string{h5Path, "not an HDF5 file"}},
		{"h5 that is empty", small().with(h5Path, ""), Options{}, []string{h5Path, "empty"}},
		{"h5 of something else", smallH5(func(h h5File) { clear(h); h["X/data"] = []int32{1} }), Options{}, []string{h5Path, "want the counts of Space Ranger", "the file holds X"}},
		{"h5 of Cell Ranger 2 with two genomes", v2("mm10", "hg19"), Options{}, []string{"several genomes: hg19, mm10"}},
		{"h5 without gene names", smallH5(func(h h5File) { delete(h, "matrix/features/name") }), Options{}, []string{h5Path, "matrix/features/name", "no such key"}},
		{"h5 with fewer names than ids", smallH5(func(h h5File) { h["matrix/features/name"] = []string{"a", "b"} }), Options{}, []string{"matrix/features/name", "want [3]"}},
		{"h5 with an empty id", smallH5(func(h h5File) { h["matrix/features/id"] = []string{"a", "", "c"} }), Options{}, []string{"matrix/features/id", "entry 1 is empty"}},
		{"h5 with a barcode twice", smallH5(func(h h5File) { h["matrix/barcodes"] = []string{"A", "B", "A", "C"} }), Options{}, []string{"matrix/barcodes", "entry 2", `"A"`}},
		{"h5 of another shape", smallH5(func(h h5File) { h["matrix/shape"] = []int32{4, 3} }), Options{}, []string{"matrix/shape", "3 features and 4 barcodes"}},
		{"h5 with an index out of range", smallH5(func(h h5File) { h["matrix/indices"] = []int64{0, 2, 1, 0, 1, 3} }), Options{}, []string{"matrix/indices", "entry 5 is 3"}},
		{"h5 with a negative index", smallH5(func(h h5File) { h["matrix/indices"] = []int64{0, 2, 1, 0, 1, -1} }), Options{}, []string{"matrix/indices", "entry 5 is -1"}},
		{"h5 with an index beyond 32 bits", smallH5(func(h h5File) { h["matrix/indices"] = []int64{0, 2, 1, 0, 1, 1 << 40} }), Options{}, []string{"matrix/indices"}},
		{"h5 with a gene twice", smallH5(func(h h5File) { h["matrix/indices"] = []int64{0, 0, 1, 0, 1, 2} }), Options{}, []string{"matrix/indices", "gene 0 of spot 0"}},
		{"h5 with offsets that fall", smallH5(func(h h5File) { h["matrix/indptr"] = []int64{0, 4, 3, 3, 6} }), Options{}, []string{"matrix/indptr", "falls from 4 to 3"}},
		{"h5 with offsets beyond the end", smallH5(func(h h5File) { h["matrix/indptr"] = []int64{0, 2, 3, 3, 7} }), Options{}, []string{"matrix/indptr", "want 0 to 6"}},
		{"h5 with too few offsets", smallH5(func(h h5File) { h["matrix/indptr"] = []int64{0, 2, 6} }), Options{}, []string{"matrix/indptr", "want 5"}},
		{"h5 with fewer counts than indices", smallH5(func(h h5File) { h["matrix/data"] = []int32{1} }), Options{}, []string{"matrix/indices", "matrix/data"}},
		{"h5 with a negative count", smallH5(func(h h5File) { h["matrix/data"] = []int32{5, 2, -1, 7, 8, 9} }), Options{}, []string{"matrix/data", "entry 2 is -1"}},
		{"h5 with a fractional count", smallH5(func(h h5File) { h["matrix/data"] = []float64{5, 2, 1.5, 7, 8, 9} }), Options{}, []string{"matrix/data", "entry 2 is 1.5"}},
		{"h5 with text as counts", smallH5(func(h h5File) { h["matrix/data"] = []string{"5", "2", "1", "7", "8", "9"} }), Options{}, []string{"matrix/data"}},

		{"factors cut off", small().with(scalePath, scaleText[:60]), Options{}, []string{"scalefactors_json.json", "line 1", "JSON"}},
		{"factors that are a list", small().with(scalePath, "[1]"), Options{}, []string{"JSON object"}},
		{"a factor twice", small().with(scalePath, replaced(scaleText, "fiducial_diameter", "spot_diameter")), Options{}, []string{"spot_diameter_fullres", "twice"}},
		{"a factor of NaN", small().with(scalePath, replaced(scaleText, "90.5", "NaN")), Options{}, []string{"scalefactors_json.json", "spot_diameter_fullres", "finite"}},
		{"a negative factor", small().with(scalePath, replaced(scaleText, "90.5", "-90.5")), Options{}, []string{"spot_diameter_fullres", `"-90.5"`}},
		{"a factor beyond float64", small().with(scalePath, replaced(scaleText, "90.5", "1e999")), Options{}, []string{"spot_diameter_fullres"}},
		{"a factor of text", small().with(scalePath, replaced(scaleText, "90.5", `"90.5"`)), Options{}, []string{"spot_diameter_fullres"}},
		{"text after the factors", small().with(scalePath, scaleText+"\n{}"), Options{}, []string{"line 2", "after the closing brace"}},
		{"no factor for a picture", small().with(scalePath, replaced(scaleText, "tissue_hires_scalef", "hires")), Options{}, []string{"scalefactors_json.json", "tissue_hires_scalef", "tissue_hires_image.png", "NoImages"}},
		{"no factors at all for a picture", small().with(scalePath, nil), Options{}, []string{"no scalefactors_json.json", "tissue_hires_image.png"}},

		{"a picture that is text", small().with(hiresPath, "<html>404</html>"), Options{}, []string{"tissue_hires_image.png", "is not a PNG, JPEG or TIFF"}},
		{"a picture cut off", small().with(lowresPath, truncated(pngOf(drawn(80, 60)), 120)), Options{}, []string{"tissue_lowres_image.png", "cut off"}},
		{"a picture with a damaged header", small().with(hiresPath, bigPNG), Options{}, []string{"tissue_hires_image.png"}},
		{"a full-resolution picture that is not there", small(), Options{FullRes: "/nowhere/image.tif"}, []string{"/nowhere/image.tif", "no such file"}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s, err := Read(context.Background(), c.folder.write(t), c.opts)
			if err == nil {
				t.Fatalf("no error, but a slide of %d spots", len(s.Barcodes))
			}
			readertest.FormatError(t, err, c.want...)
		})
	}
}

func TestReadOddFolders(t *testing.T) {
	ctx := context.Background()
	dir := small().write(t)
	_, err := Read(ctx, filepath.Join(dir, "nowhere"), Options{})
	readertest.FormatError(t, err, "nowhere", "no such folder")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v does not unwrap to os.ErrNotExist", err)
	}
	_, err = Read(ctx, filepath.Join(dir, scalePath), Options{})
	readertest.FormatError(t, err, "is a file", "outs folder")

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Read(canceled, dir, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context gives %v", err)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(filepath.Join(dir, positionsPath), 0); err != nil {
			t.Fatal(err)
		}
		_, err = Read(ctx, dir, Options{})
		readertest.FormatError(t, err, "tissue_positions.csv", "permission denied")
	}
}

func TestReadTruncatedH5(t *testing.T) {
	dir := smallH5(nil).write(t)
	path := filepath.Join(dir, h5Path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for keep := 0; keep < len(whole); keep += 1 + len(whole)/40 {
		if err := os.WriteFile(path, whole[:keep], 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Read(context.Background(), dir, Options{})
		readertest.FormatError(t, err, h5Path)
	}
}

func TestSlideName(t *testing.T) {
	for _, c := range []struct{ dir, given, want string }{
		{"/data/S1", "", "S1"},
		{"/data/S1/", "", "S1"},
		{"/data/S1/outs", "", "S1"},
		{"/data/S1/outs/filtered_feature_bc_matrix", "", "S1"},
		{"/data/S1/outs", "tumour", "tumour"},
		{"/data/outs.2", "", "outs.2"},
	} {
		if got := slideName(c.dir, c.given); got != c.want {
			t.Errorf("slideName(%q, %q) = %q, want %q", c.dir, c.given, got, c.want)
		}
	}
}

func TestOrganism(t *testing.T) {
	gene := func(id, genome string) slide.Gene { return slide.Gene{ID: id, Genome: genome} }
	for _, c := range []struct {
		genes  []slide.Gene
		want   string
		reason string
	}{
		{nil, "", "no genes"},
		{[]slide.Gene{gene("x", "GRCh38-2020-A")}, "human", "10x's name of its human reference"},
		{[]slide.Gene{gene("x", "mm10_spaceranger")}, "mouse", "a lab's own name"},
		{[]slide.Gene{gene("x", "GRCm39")}, "mouse", "the newest mouse"},
		{[]slide.Gene{gene("x", "GRCh38"), gene("y", "mm10")}, "", "a mixture of cells"},
		{[]slide.Gene{gene("x", "GRCh38_and_mm10")}, "", "a mixed reference"},
		{[]slide.Gene{gene("ENSG00000141510.18", "")}, "human", "ids decide without a genome"},
		{[]slide.Gene{gene("ENSMUSG00000059552", "custom")}, "mouse", "ids decide under an unknown genome"},
		{[]slide.Gene{gene("ENSGALG00000010035", "")}, "", "chicken begins like human"},
		{[]slide.Gene{gene("ENSG1", ""), gene("ENSG2", ""), gene("DQ459412", "")}, "human", "spiked-in sequences"},
		{[]slide.Gene{gene("ENSG1", ""), gene("a", ""), gene("b", "")}, "", "mostly unknown ids"},
	} {
		if got := organism(c.genes); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}

func TestDecodePicture(t *testing.T) {
	rect := image.Rect(0, 0, 2, 1)
	nrgba := image.NewNRGBA(rect)
	nrgba.Set(0, 0, color.NRGBA{200, 100, 0, 255})
	nrgba.Set(1, 0, color.NRGBA{0, 0, 0, 0})
	gray := image.NewGray(rect)
	gray.Set(0, 0, color.Gray{7})
	gray.Set(1, 0, color.Gray{250})
	gray16 := image.NewGray16(rect)
	gray16.Set(0, 0, color.Gray16{0x07ff})
	gray16.Set(1, 0, color.Gray16{0xfa00})
	rgb16 := image.NewRGBA64(rect)
	rgb16.Set(0, 0, color.RGBA64{0xc800, 0x64ff, 0, 0xffff})
	rgb16.Set(1, 0, color.RGBA64{0xffff, 0xffff, 0xffff, 0xffff})
	palette := image.NewPaletted(rect, color.Palette{color.RGBA{200, 100, 0, 255}, color.RGBA{255, 255, 255, 255}})
	palette.SetColorIndex(1, 0, 1)
	gray2 := []uint8{7, 7, 7, 250, 250, 250}
	colour := []uint8{200, 100, 0, 255, 255, 255}
	for _, c := range []struct {
		reason string
		data   []byte
		want   []uint8
	}{
		{"transparent pixels are white", encoded(nrgba, asPNG), colour},
		{"gray PNG", encoded(gray, asPNG), gray2},
		{"gray JPEG", encoded(gray, asJPEG), gray2},
		{"gray TIFF", encoded(gray, asTIFF), gray2},
		{"16-bit gray PNG keeps the high byte", encoded(gray16, asPNG), gray2},
		{"16-bit gray TIFF keeps the high byte", encoded(gray16, asTIFF), gray2},
		{"16-bit RGB PNG keeps the high byte", encoded(rgb16, asPNG), colour},
		{"16-bit RGB TIFF keeps the high byte", encoded(rgb16, asTIFF), colour},
		{"palette", encoded(palette, asPNG), colour},
	} {
		pic, err := decodePicture("x", c.data)
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		if d := cmp.Diff(&slide.Image{Width: 2, Height: 1, Pix: c.want}, pic); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, d)
		}
	}
}

func TestCheckSize(t *testing.T) {
	for _, c := range []struct {
		w, h, size int
		ok         bool
		reason     string
	}{
		{2000, 2000, 5 << 20, true, "an ordinary hires picture"},
		{8192, 8192, 1 << 20, true, "the largest that is read"},
		{8193, 8192, 1 << 20, false, "one row more"},
		{1 << 31, 1 << 31, 1 << 20, false, "a product beyond 64 bits"},
		{8000, 8000, 500, false, "no codec packs 64 million pixels into 500 bytes"},
		{0, 5, 100, false, "no pixels"},
	} {
		if err := checkSize(c.w, c.h, c.size); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}

// TestLyingHeaders counts the bytes that are allocated for files that claim
// more than they hold.
func TestLyingHeaders(t *testing.T) {
	tooWide := pngOf(drawn(8, 6))
	binary.BigEndian.PutUint32(tooWide[16:], 8000)
	binary.BigEndian.PutUint32(tooWide[20:], 8000)
	binary.BigEndian.PutUint32(tooWide[29:], crc32.ChecksumIEEE(tooWide[12:29]))
	for _, c := range []struct {
		reason string
		parse  func() error
	}{
		{"a PNG of 64 million pixels in 200 bytes", func() error {
			_, err := decodePicture("p", tooWide)
			return err
		}},
		{"a TIFF whose directory lies at 3 GB", func() error {
			_, err := decodePicture("p", []byte("II*\x00\x00\x00\x00\xb2\x00\x00\x00("))
			return err
		}},
		{"a matrix of 79 million entries in one line", func() error {
			text := "%%MatrixMarket matrix coordinate integer general\n36601 2172 79000000\n1 1 1\n"
			r := bufio.NewReader(strings.NewReader(text))
			_, err := counts.MTX{Path: "m", R: r, Size: int64(len(text)), Genes: 36601, Spots: 2172}.Read(context.Background())
			return err
		}},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := c.parse()
		runtime.ReadMemStats(&after)
		readertest.FormatError(t, err)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: %d bytes allocated", c.reason, n)
		}
	}
}
