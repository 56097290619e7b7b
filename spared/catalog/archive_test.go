package catalog

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tarOf writes a tar of headers as they are, sizes by the data.
func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		data := make([]byte, h.Size)
		h.Mode = 0o644
		if h.Typeflag != tar.TypeReg && h.Typeflag != 0 {
			data, h.Size = nil, 0
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zipOf writes a zip of stored members; a mode of 0 is a plain file.
func zipOf(t testing.TB, mode os.FileMode, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range names {
		h := &zip.FileHeader{Name: n, Method: zip.Deflate}
		h.SetMode(mode | 0o644)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("../../evil")); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zeros(t testing.TB, name string, n int) (zipBytes, tgzBytes []byte) {
	t.Helper()
	zipBytes = zipped(t, member{name, make([]byte, n)})
	return zipBytes, gzipped(t, tarred(t, member{name, make([]byte, n)}))
}

// liar is a zip whose directory says that a member has one byte.
func liar(t testing.TB, name string) []byte {
	z := zipped(t, member{name, make([]byte, 1<<20)})
	at := bytes.LastIndex(z, []byte("PK\x01\x02"))
	copy(z[at+24:], []byte{1, 0, 0, 0}) // uncompressed size in the central directory
	return z
}

// TestHostileArchives: what no archive of data does is refused, names the
// member, and leaves nothing behind.
func TestHostileArchives(t *testing.T) {
	set := find(t, "AHSCC")
	const counts = "V10F24-015_A1/filtered_feature_bc_matrix.h5"
	bombZip, bombTar := zeros(t, counts, 3<<20)
	good := zipped(t, member{counts, bigFile(1)})
	goodTar := gzipped(t, tarred(t, member{counts, bigFile(1)}))
	many := make([]string, 60)
	for i := range many {
		many[i] = fmt.Sprintf("x%d", i)
	}
	for _, tc := range []struct {
		reason string
		data   []byte
		want   string // in the error
		gone   bool   // the download is deleted, since another may be whole
	}{
		{"zip: a way out", zipOf(t, 0, "../../"+counts), "leads out of the archive", false},
		{"zip: a way out in the middle, of a member that nobody wants", zipOf(t, 0, "a/../../b"), "leads out of the archive", false},
		{"zip: an absolute name", zipOf(t, 0, "/etc/passwd"), "absolute", false},
		{"zip: a Windows drive", zipOf(t, 0, "C:/"+counts), "absolute", false},
		{"zip: backslashes", zipOf(t, 0, `..\..\`+counts), "backslash", false},
		{"zip: NUL", zipOf(t, 0, counts+"\x00.txt"), "NUL", false},
		{"zip: a symbolic link", zipOf(t, os.ModeSymlink, counts), "link", false},
		{"zip: a device", zipOf(t, os.ModeDevice, counts), "device", false},
		{"zip: a pipe", zipOf(t, os.ModeNamedPipe, "x"), "no plain file", false},
		{"zip: a member twice", zipOf(t, 0, counts, counts), "twice", false},
		{"zip: a member twice, by two spellings", zipOf(t, 0, counts, "./"+counts), "twice", false},
		{"zip: a bomb", bombZip, "expands beyond all reason", false},
		{"zip: a lie about a size", liar(t, counts), "damaged", true},
		{"zip: too many members", zipOf(t, 0, many...), "more than 50 members", false},
		{"zip: cut off", good[:len(good)/2], "damaged or cut off", true},
		{"zip: a flipped bit", flip(good, 1000), "damaged", true},
		{"tar: a way out", tarOf(t, tar.Header{Name: "../" + counts, Size: 10}), "leads out of the archive", false},
		{"tar: an absolute name", tarOf(t, tar.Header{Name: "/" + counts, Size: 10}), "absolute", false},
		{"tar: a symbolic link, then a file behind it", tarOf(t, tar.Header{Name: "V10F24-015_A1", Typeflag: tar.TypeSymlink, Linkname: "/tmp"}, tar.Header{Name: counts, Size: 10}), "link", false},
		{"tar: a hard link", tarOf(t, tar.Header{Name: counts, Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}), "link", false},
		{"tar: a device", tarOf(t, tar.Header{Name: "dev", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}), "device", false},
		{"tar: a pipe", tarOf(t, tar.Header{Name: "fifo", Typeflag: tar.TypeFifo}), "no plain file", false},
		{"tar: a member twice", tarOf(t, tar.Header{Name: counts, Size: 10}, tar.Header{Name: counts, Size: 20}), "twice", false},
		{"tar: a bomb", bombTar, "expands beyond all reason", false},
		{"tar: a bomb in a member that nobody wants", gzipped(t, tarred(t, member{"other", make([]byte, 3<<20)})), "expands beyond all reason", false},
		{"tar: cut off", goodTar[:len(goodTar)/2], "damaged or cut off", true},
		{"tar: a flipped bit", flip(goodTar, len(goodTar)/2), "damaged", true},
		{"tar: a wrong checksum at the end", flip(goodTar, len(goodTar)-6), "damaged", true},
		{"a page of the server in the archive's place", []byte("<html>" + strings.Repeat("log in ", 200) + "</html>"), "damaged", true},
		{"three bytes", []byte("abc"), "too short", true},
		{"an archive of another data set", zipped(t, member{"V99/filtered_feature_bc_matrix.h5", []byte("x")}), "the archive has no filtered_feature_bc_matrix.h5", false},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			srv := serve(t, map[string][]byte{set.Source.Files[0].URL: tc.data})
			outer := t.TempDir()
			dir := filepath.Join(outer, "a", "b", "c")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			o := srv.options(dir)
			o.limits = limits{entries: 50, bytes: 8 << 20, ratio: 100, slack: 1 << 20}
			_, err := fetch(context.Background(), set, o)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("%v, want %q", err, tc.want)
			}
			var left []string
			_ = filepath.WalkDir(outer, func(path string, e os.DirEntry, err error) error {
				if err == nil && !e.IsDir() && !strings.Contains(path, ".downloads") {
					left = append(left, path)
				}
				return err
			})
			if len(left) > 0 {
				t.Errorf("left %v", left)
			}
			_, err = os.Stat(filepath.Join(dir, ".downloads", "abalo", "2bh5fchcv6-1.zip"))
			if gone := errors.Is(err, os.ErrNotExist); gone != tc.gone {
				t.Errorf("the download was deleted: %v, want %v", gone, tc.gone)
			}
		})
	}
}

func flip(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 0x10
	return data
}

// TestNestedBomb: a bomb within an archive within an archive.
func TestNestedBomb(t *testing.T) {
	set := find(t, "MHCP1")
	_, inner := zeros(t, "colon/V11M22-349_B1/filtered_feature_bc_matrix.h5", 6<<20)
	srv := serve(t, map[string][]byte{set.Source.Files[0].URL: zipped(t, member{"x/spaceranger_output/colon.tar.gz", inner})})
	o := srv.options(t.TempDir())
	o.limits = limits{entries: 50, bytes: 64 << 20, ratio: 100, slack: 1 << 20}
	_, err := fetch(context.Background(), set, o)
	if !errors.Is(err, errBomb) || !strings.Contains(err.Error(), "colon.tar.gz") {
		t.Error(err)
	}
}

// TestChoice: where two members could be meant, the first of the names is
// taken, whatever their order in the archive, and the record says so.
func TestChoice(t *testing.T) {
	set := find(t, "AHSCC")
	slides := makeSlides(t, set)
	var m []member
	for _, s := range set.Slides {
		for name, data := range slides[s.Name] {
			m = append(m, member{s.Name + "/" + name, data})
		}
	}
	first := picture(t, "another picture")
	for _, order := range [][]member{
		append([]member{{"V10F24-015_B1/he.jpg", first}}, m...),
		append(m[:len(m):len(m)], member{"V10F24-015_B1/he.jpg", first}),
	} {
		srv := serve(t, map[string][]byte{set.Source.Files[0].URL: zipped(t, order...)})
		dir := t.TempDir()
		if _, err := fetch(context.Background(), set, srv.options(dir)); err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(dir, set.Name, "V10F24-015_B1")
		if got, err := os.ReadFile(filepath.Join(folder, fullRes)); err != nil || !bytes.Equal(got, first) {
			t.Errorf("not the first of the names was taken, %v", err)
		}
		r, err := readSlideRecord(folder)
		if err != nil || !strings.Contains(strings.Join(r.Notes, " "), "the first in the alphabet was taken") {
			t.Errorf("the record says %v, %v", r.Notes, err)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		reason, set, slide, member, target string // "" = no file of the slide
	}{
		{"abalo: any folder before", "AHSCC", "V10F24-015_A1", "title/V10F24-015_A1/spatial/scalefactors_json.json", "spatial/scalefactors_json.json"},
		{"abalo: outs in between", "AHSCC", "V10F24-015_A1", "V10F24-015_A1/outs/filtered_feature_bc_matrix.h5", "filtered_feature_bc_matrix.h5"},
		{"abalo: another slide", "AHSCC", "V10F24-015_A1", "V10F24-015_B1/filtered_feature_bc_matrix.h5", ""},
		{"abalo: a name that ends like the slide's", "AHSCC", "V10F24-015_A1", "xV10F24-015_A1/filtered_feature_bc_matrix.h5", ""},
		{"abalo: the raw counts", "AHSCC", "V10F24-015_A1", "V10F24-015_A1/raw_feature_bc_matrix.h5", ""},
		{"erickson: H1_5 is in the folder of patient 1", "EHPCP1", "P1_H1-5", "t/Count_matrices/Patient 1/Visium_with_annotation/H1_5/tissue_positions_list.csv", "spatial/tissue_positions_list.csv"},
		{"erickson: a section of that name of the other patient", "EHPCP1", "P1_H2-1", "t/Count_matrices/Patient 2/H2_1/tissue_positions_list.csv", ""},
		{"erickson: counts without annotation", "EHPCP1", "P1_H1-5", "t/Count_matrices/Patient 1/Visium/H1_5/filtered_feature_bc_matrix.h5", ""},
		{"erickson: the hires picture", "EHPCP2", "P2_V1-4", "10x_spaceranger_tissue_highres_images/Patient 2/V1_4.png", "spatial/tissue_hires_image.png"},
		{"fan: numbers for places", "FMOB", "MOB_D1", "Ex-ST/raw_imgs/x_modif_MOB2_D1.jpg", fullRes},
		{"fan: the standard protocol", "FMOB", "MOB_D1", "Ex-ST/raw_imgs/x_standard_MOB2_D1.jpg", ""},
		{"fan: a folder that goes on after the number", "FMBC", "HC_A1", "spaceranger_output/m_modif_HC1_x/spatial/scalefactors_json.json", "spatial/scalefactors_json.json"},
		{"fan: HC1 is not HC10", "FMBC", "HC_A1", "spaceranger_output/m_modif_HC10/spatial/scalefactors_json.json", ""},
		{"mirzazadeh: the tissue's archive", "MMBP1", "V10S29-134_A1", "spaceranger_output/mousebrain.tar.gz", nested},
		{"mirzazadeh: another tissue's", "MMBP1", "V10S29-134_A1", "spaceranger_output/mousebone.tar.gz", ""},
		{"mirzazadeh: a blank in the folder of the pictures", "MHPC", "V11A20-405_C1", "images/prostate cancer/V11A20-405_C1.jpg", fullRes},
		{"mirzazadeh: an underscore for the dash", "MHSI", "V19T26-028_B1", "smallintestine/V19T26_028_B1.jpg", fullRes},
		{"parigi: by the end of the name", "PMI", "A1_S1", "GSM5213483_V19S23-097_A1_S1_Region1_colon_d0_rotated.tif.gz", "image.tif"},
		{"parigi: the other slide", "PMI", "A1_S1", "GSM5213484_V19S23-097_B1_S2_normalized_data.tsv.gz", ""},
		{"villacampa: another tissue", "VKO", "V19D02-085_B1", "data/mousebrain/V19D02-085_B1/filtered_feature_bc_matrix.h5", ""},
		{"10x: a leading dot", "10XGHB", "V1_Human_Brain_Section_1", "./spatial/tissue_positions_list.csv", "spatial/tissue_positions_list.csv"},
	} {
		got := ""
		for _, p := range find(t, tc.set).patterns([]string{tc.slide}) {
			if p.match(tc.member) {
				got = p.target
				break
			}
		}
		if got != tc.target {
			t.Errorf("%s: %s becomes %q, want %q", tc.reason, tc.member, got, tc.target)
		}
	}
}

// TestParigi holds the conversion of the author's table against what stands
// in it.
func TestParigi(t *testing.T) {
	for _, tc := range []struct {
		reason, table string
		matrix        string
		err           string
	}{
		{"a cell before the spots, numbers after barcodes, digits kept", "gene\tAA-1_1\tCC-1_1\nActb\t0.69314718056\t0\nTp53\t1e-3\t2.50\n",
			"2 2 3\n1 1 0.69314718056\n2 1 1e-3\n2 2 2.50\n", ""},
		{"no cell before the spots, quotes, carriage returns", "\"AA-1\"\t\"CC-1\"\r\n\"Actb\"\t1\t0\r\n", "1 2 1\n1 1 1\n", ""},
		{"no value but zeros", "gene\tAA-1\nActb\t0.0\n", "1 1 0\n", ""},
		{"a line too short", "gene\tAA-1\tCC-1\nActb\t1\t2\nTp53\t1\n", "", "line 3: has 2 cells, want a gene and 2 values"},
		{"a word for a number", "gene\tAA-1\nActb\tmany\n", "", `line 2: Actb has the value "many"`},
		{"NaN", "gene\tAA-1\nActb\tNaN\n", "", "want a number"},
		{"nothing", "", "", "has 0 lines"},
		{"no spots", "gene\nActb\n", "", "line 1: names no spot"},
		{"a spot without a name", "gene\tAA\t\nActb\t1\t2\n", "", "line 1: names no spot, or one without"},
		{"a line without an end", "gene\t" + strings.Repeat("x", maxLine+1), "", "line 1 cannot be read"},
	} {
		a := parigiArranger(t, gzipped(t, []byte(tc.table)))
		got := a.files["s"]
		err := a.convertParigi(context.Background(), "s", got)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v, want %s", tc.reason, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.reason, err)
			continue
		}
		f, err := a.root.Open("s/filtered_feature_bc_matrix/matrix.mtx.gz")
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		f.Close()
		_, body, _ := strings.Cut(string(text), "not counts\n")
		if diff := cmp.Diff(tc.matrix, body); diff != "" || err != nil || !strings.HasPrefix(string(text), "%%MatrixMarket matrix coordinate real general\n") {
			t.Errorf("%s: %v\n%s", tc.reason, err, diff)
		}
	}
	a := parigiArranger(t, []byte("no gzip"))
	if err := a.convertParigi(context.Background(), "s", a.files["s"]); err == nil || !strings.Contains(err.Error(), "no gzip file") {
		t.Errorf("a table that is not packed: %v", err)
	}
}

func parigiArranger(t testing.TB, table []byte) *arranger {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	if err := root.MkdirAll("s", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := root.WriteFile("s/"+parigiTable, table, 0o644); err != nil {
		t.Fatal(err)
	}
	f := &fetcher{set: Dataset{Source: Source{Name: "parigi", Data: "GSE169749"}}, o: Options{limits: defaultLimits}}
	return &arranger{fetcher: f, root: root, files: map[string]*slideFiles{"s": {from: map[string]SlideFile{parigiTable: {Path: parigiTable, From: "x"}}, choices: map[string]string{}}}}
}

// FuzzWalk: no bytes make the walker panic, go on for ever, hand out a name
// that is not safe, or expand more than allowed; what is wrong is an error
// about the archive.
func FuzzWalk(f *testing.F) {
	f.Add(zipOf(f, 0, "a/b", "c"))
	f.Add(zipOf(f, 0, "../a"))
	f.Add(zipOf(f, os.ModeSymlink, "a"))
	f.Add(tarOf(f, tar.Header{Name: "a", Size: 600}, tar.Header{Name: "b/", Typeflag: tar.TypeDir}))
	f.Add(gzipped(f, tarOf(f, tar.Header{Name: "a", Size: 9}, tar.Header{Name: "l", Typeflag: tar.TypeLink, Linkname: "a"})))
	f.Add(zipped(f, member{"x.tar.gz", gzipped(f, tarred(f, member{"y", []byte("z")}))}))
	f.Add(liar(f, "a"))
	f.Add([]byte("PK\x05\x06"))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	l := limits{entries: 100, bytes: 1 << 20, ratio: 50, slack: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "archive")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		var total int64
		err := walk(context.Background(), path, l, func(string) bool { return true }, func(name string, content io.Reader) error {
			if why := unsafeName(name); why != "" {
				t.Fatalf("%q %s", name, why)
			}
			if strings.HasSuffix(name, ".tar.gz") {
				return errNested
			}
			n, err := io.Copy(io.Discard, content)
			total += n
			return err
		})
		if total > l.bytes+1 {
			t.Fatalf("%d bytes came out", total)
		}
		var bad *archiveError
		if err != nil && !errors.As(err, &bad) {
			t.Fatalf("%T: %v", err, err)
		}
	})
}

// FuzzParigi: no bytes make the conversion panic, and what it accepts is read
// back from its own files.
func FuzzParigi(f *testing.F) {
	f.Add([]byte("gene\tAA-1_1\tCC-1_1\nActb\t0.5\t0\n"))
	f.Add([]byte("AA\nActb\t1\n"))
	f.Add([]byte("\n\n"))
	f.Add([]byte("\"\"\t\"a\"\n\"g\"\t-1e300\n"))
	f.Fuzz(func(t *testing.T, table []byte) {
		a := parigiArranger(t, gzipped(t, table))
		if err := a.convertParigi(context.Background(), "s", a.files["s"]); err != nil {
			return
		}
		lines := map[string]int{}
		for _, name := range []string{"barcodes.tsv.gz", "features.tsv.gz", "matrix.mtx.gz"} {
			file, err := a.root.Open("s/filtered_feature_bc_matrix/" + name)
			if err != nil {
				t.Fatal(err)
			}
			z, err := gzip.NewReader(file)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(z)
			file.Close()
			if err != nil {
				t.Fatal(err)
			}
			lines[name] = bytes.Count(text, []byte("\n"))
		}
		if lines["barcodes.tsv.gz"] == 0 || lines["features.tsv.gz"] == 0 || lines["matrix.mtx.gz"] < 3 {
			t.Fatalf("accepted, but wrote %v", lines)
		}
	})
}
