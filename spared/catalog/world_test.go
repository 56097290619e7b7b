package catalog

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"hash/fnv"
	"image"
	"image/jpeg"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spatialgo/spatialgo/spared/genelength"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// member is one file of an archive.
type member struct {
	name string
	data []byte
}

// slideFolder makes a made-up slide of side x side spots and returns its files
// by the names that the authors' archives use.
func slideFolder(t testing.TB, name, organism string, side int) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	if err := visium.Write(context.Background(), dir, madeUp(t, name, organism, side), visium.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"source_image.jpg": picture(t, name)}
	for from, to := range map[string]string{
		"filtered_feature_bc_matrix.h5":   "filtered_feature_bc_matrix.h5",
		"spatial/tissue_positions.csv":    "spatial/tissue_positions_list.csv",
		"spatial/scalefactors_json.json":  "spatial/scalefactors_json.json",
		"spatial/tissue_hires_image.png":  "spatial/tissue_hires_image.png",
		"spatial/tissue_lowres_image.png": "spatial/tissue_lowres_image.png",
	} {
		data, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			t.Fatal(err)
		}
		files[to] = data
	}
	return files
}

func picture(t testing.TB, name string) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 40, 30))
	for i := range img.Pix {
		img.Pix[i] = name[i%len(name)]
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// madeUp is a slide whose even genes rise along x. The same name gives the
// same slide.
func madeUp(t testing.TB, name, organism string, side int) *slide.Slide {
	t.Helper()
	table, err := genelength.Open(organism)
	if err != nil {
		t.Fatal(err)
	}
	h := fnv.New64()
	_, _ = h.Write([]byte(name))
	rng := rand.New(rand.NewPCG(h.Sum64(), uint64(side)))
	format := map[string]string{"human": "ENSG%011d", "mouse": "ENSMUSG%011d"}[organism]
	s := &slide.Slide{Name: name, Scale: slide.ScaleFactors{SpotDiameter: 55, Hires: 0.1, Lowres: 0.03},
		Hires: &slide.Image{Width: 4, Height: 4, Pix: make([]uint8, 48)}, Lowres: &slide.Image{Width: 2, Height: 2, Pix: make([]uint8, 12)}}
	for k := 1; len(s.Genes) < 40; k++ {
		if id := fmt.Sprintf(format, k); func() bool { _, ok := table.Length(id); return ok }() {
			s.Genes = append(s.Genes, slide.Gene{ID: id, Symbol: fmt.Sprintf("g%d", k), Feature: "Gene Expression"})
		}
	}
	s.Counts = &sparse.CSR{IndPtr: []int64{0}, Cols: len(s.Genes)}
	for r := range side {
		for c := range side {
			s.Barcodes = append(s.Barcodes, fmt.Sprintf("AC%02dGT%02d-1", r, c))
			s.ArrayRow, s.ArrayCol, s.InTissue = append(s.ArrayRow, r), append(s.ArrayCol, 2*c+r%2), append(s.InTissue, true)
			s.X, s.Y = append(s.X, 100*(float64(c)+0.5*float64(r%2))), append(s.Y, 86.5*float64(r))
			for g := range s.Genes {
				if n := 1 + rng.IntN(4) + (g+1)%2*c; rng.IntN(8) > 0 {
					s.Counts.Indices, s.Counts.Data = append(s.Counts.Indices, int32(g)), append(s.Counts.Data, float32(n))
				}
			}
			s.Counts.IndPtr = append(s.Counts.IndPtr, int64(len(s.Counts.Data)))
			s.Counts.Rows++
		}
	}
	return s
}

func zipped(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		w, err := z.Create(m.name)
		if err == nil && !strings.HasSuffix(m.name, "/") {
			_, err = w.Write(m.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarred(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		if err := w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// authorsFiles returns the downloads of a data set in its author's layout, by
// address. Beside what is needed they hold what else lies in the real
// records: other slides, folders, notes.
func authorsFiles(t testing.TB, d Dataset, slides map[string]map[string][]byte) map[string][]byte {
	t.Helper()
	whole := func(folder, slide string, picture bool) (m []member) {
		for _, name := range slices.Sorted(maps.Keys(slides[slide])) {
			data := slides[slide][name]
			if name == "source_image.jpg" && !picture || name == "spatial/tissue_lowres_image.png" && d.Source.Name != "10x" {
				continue // as in the records
			}
			m = append(m, member{folder + "/" + name, data})
		}
		return append(m, member{folder + "/web_summary.html", []byte("<html>")}, member{folder + "/spatial/aligned_fiducials.jpg", []byte("no slide's picture")})
	}
	addresses := d.Source.Files
	served := map[string][]byte{}
	var a, b []member
	for i, s := range d.Slides {
		files := slides[s.Name]
		switch d.Source.Name {
		case "10x":
			for _, f := range addresses {
				switch {
				case f.Slide != s.Name:
				case f.Target == "image.tif":
					served[f.URL] = files["source_image.jpg"]
				case f.Target != "":
					served[f.URL] = files[f.Target]
				default:
					served[f.URL] = gzipped(t, tarred(t, append(whole("./", s.Name, false), member{"./spatial/._tissue_hires_image.png", []byte("macOS")})...))
				}
			}
		case "vicari":
			for _, f := range addresses {
				if f.Slide == s.Name {
					served[f.URL] = files[f.Target]
				}
			}
		case "abalo":
			a = append(a, member{s.Name + "/", nil})
			a = append(a, whole(s.Name, s.Name, true)...)
		case "erickson":
			p := string(s.Name[1])
			section := strings.ReplaceAll(s.Name[3:], "-", "_")
			title := "Spatially resolved clonal copy number alterations in benign and malignant tissueJus/"
			counted, pictures := title+"Count_matrices/Patient "+p+"/", title+"Histological_images/Patient_"+p+"/"
			if p == "1" {
				counted, pictures = counted+"Visium_with_annotation/", pictures+"Visium/"
			}
			for _, n := range []string{"filtered_feature_bc_matrix.h5", "spatial/tissue_positions_list.csv", "spatial/scalefactors_json.json"} {
				a = append(a, member{counted + section + "/" + filepath.Base(n), files[n]})
			}
			a = append(a, member{counted + section + "/annotation.csv", []byte("a,b")},
				member{pictures + "Patient" + p + "_" + section + ".jpg", files["source_image.jpg"]},
				member{title + "10x_spaceranger_tissue_highres_images/Patient " + p + "/" + section + "_hires.png", files["spatial/tissue_hires_image.png"]})
		case "fan":
			alias := d.names(s.Name)["alias"]
			a = append(a, whole("Ex-ST/processed_data/spaceranger_output/mouse_modif_"+alias, s.Name, false)...)
			a = append(a, whole("Ex-ST/processed_data/spaceranger_output/hippocampus_standard_Visium_10XGenomics", s.Name, false)[:i]...)
			a = append(a, member{"Ex-ST/raw_imgs/mouse_modif_visium_" + alias + "_" + s.Name[len(s.Name)-2:] + ".jpg", files["source_image.jpg"]},
				member{"Ex-ST/raw_imgs/standard_" + alias + "_" + s.Name[len(s.Name)-2:] + ".jpg", []byte("other")})
		case "mirzazadeh":
			b = append(b, whole(d.tissue+"/"+s.Name, s.Name, false)...)
			switch folder := d.names(s.Name)["imagefolder"]; {
			case d.tissue != "smallintestine":
				a = append(a, member{"Supplementary Data 1/images/" + folder + "/" + s.Name + ".jpg", files["source_image.jpg"]})
			case i == 0: // one of those with an underscore too many
				served[addresses[1].URL] = nil
				a = append(a, member{"smallintestine/" + strings.ReplaceAll(s.Name, "-", "_") + ".jpg", files["source_image.jpg"]})
			default:
				a = append(a, member{"smallintestine/" + s.Name + ".jpg", files["source_image.jpg"]})
			}
		case "parigi":
			prefix := "GSM52134" + strconv.Itoa(83+i) + "_V19S23-097_" + s.Name + "_"
			a = append(a, member{prefix + "normalized_data.tsv.gz", gzipped(t, parigiText(t, madeUp(t, s.Name, d.Organism, worldSide), parigiScale))},
				member{prefix + "tissue_positions_list.csv.gz", gzipped(t, files["spatial/tissue_positions_list.csv"])},
				member{prefix + "scalefactors_json.json.gz", gzipped(t, files["spatial/scalefactors_json.json"])},
				member{prefix + "Region1_colon_d0_rotated.tif.gz", gzipped(t, files["source_image.jpg"])})
		case "villacampa":
			a = append(a, whole("data/"+d.tissue+"/"+s.Name, s.Name, false)...)
			a = append(a, whole("data/othertissue/"+s.Name, s.Name, false)[:2]...)
			b = append(b, member{"images/" + s.Name + ".jpg", files["source_image.jpg"]}, member{"images/V00-000_A1" + strconv.Itoa(i) + ".jpg", []byte("other")})
		}
	}
	switch d.Source.Name {
	case "abalo", "erickson", "fan":
		served[addresses[0].URL] = zipped(t, append(a, member{"__MACOSX/._x", nil}, member{"README.txt", []byte("hello")})...)
	case "mirzazadeh":
		inner := member{"Supplementary Data 1/spaceranger_output/" + d.tissue + ".tar.gz", gzipped(t, tarred(t, b...))}
		other := member{"Supplementary Data 1/spaceranger_output/lung.tar.gz", []byte("not looked at")}
		if len(addresses) == 2 {
			served[addresses[0].URL], served[addresses[1].URL] = zipped(t, inner, other), zipped(t, a...)
		} else {
			served[addresses[0].URL] = zipped(t, append(a, inner, other)...)
		}
	case "parigi":
		served[addresses[0].URL] = tarred(t, a...)
	case "villacampa":
		served[addresses[0].URL], served[addresses[1].URL] = gzipped(t, tarred(t, a...)), gzipped(t, tarred(t, b...))
	}
	return served
}

// parigiText is a slide as the author's table: a line of spots, a line a gene.
func parigiText(t testing.TB, s *slide.Slide, scale float64) []byte {
	t.Helper()
	var b strings.Builder
	b.WriteString("gene")
	for _, bc := range s.Barcodes {
		b.WriteString("\t" + bc + "_1")
	}
	value := make([][]float64, len(s.Genes))
	for g := range value {
		value[g] = make([]float64, len(s.Barcodes))
	}
	for i := range s.Barcodes {
		for k := s.Counts.IndPtr[i]; k < s.Counts.IndPtr[i+1]; k++ {
			value[s.Counts.Indices[k]][i] = float64(s.Counts.Data[k]) * scale
		}
	}
	for g, gene := range s.Genes {
		b.WriteString("\n" + gene.Symbol)
		for _, v := range value[g] {
			b.WriteString("\t" + strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
	return []byte(b.String() + "\n")
}

// parigiScale makes the author's values fractions, as normalised ones are.
const parigiScale = 0.25

const worldSide = 9 // spots along each side of a made-up slide

// makeSlides makes the slides of a data set.
func makeSlides(t testing.TB, d Dataset) map[string]map[string][]byte {
	t.Helper()
	slides := map[string]map[string][]byte{}
	for _, s := range d.Slides {
		slides[s.Name] = slideFolder(t, s.Name, d.Organism, worldSide)
	}
	return slides
}

// server serves downloads under /HOST/PATH, with ranges and ETags unless a
// test says otherwise, and writes down what it was asked for.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string][]byte // by address
	requests []string          // "path range"
	// before, where set, may answer in the server's place. n counts the
	// requests from 0.
	before func(n int, w http.ResponseWriter, r *http.Request, data []byte) (answered bool)
}

func serve(t testing.TB, files map[string][]byte) *server {
	s := &server{files: files}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address := "https:/" + r.URL.RequestURI()
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Range")))
	data, ok := s.files[address]
	before := s.before
	s.mu.Unlock()
	if before != nil && before(n, w, r, data) {
		return
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", etag(data))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func etag(data []byte) string { return fmt.Sprintf(`"%d-%x"`, len(data), data[:min(8, len(data))]) }

// asked returns the requests so far, and forgets them.
func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests
	s.requests = nil
	return r
}

// options are those of a test: everything comes from the server, at once.
func (s *server) options(dir string) Options {
	return Options{Dir: dir, Mirror: Mirror{"": s.URL}, RetryWait: time.Millisecond}
}

// withoutSums takes away the published checksums: made-up files have others.
// Tests that are about checksums put their own in.
func withoutSums(d Dataset) Dataset {
	for i := range d.Source.Files {
		d.Source.Files[i].SHA256 = ""
	}
	return d
}

func find(t testing.TB, name string) Dataset {
	t.Helper()
	d, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// readSlide reads a slide and drops what tells where it lies.
func readSlide(t testing.TB, dir string) *slide.Slide {
	t.Helper()
	s, err := visium.Read(context.Background(), dir, visium.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Sources, s.FullRes, s.FullResSize, s.Lowres = nil, "", [2]int{}, nil
	return s
}

// laidOut writes files to a new folder and reads the slide in it.
func laidOut(t testing.TB, name string, files map[string][]byte) *slide.Slide {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	for n, data := range files {
		at := filepath.Join(dir, n)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return readSlide(t, dir)
}
