package visium

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/internal/readertest"
	"github.com/spatialgo/spatialgo/spared/slide"
)

func TestIsSlide(t *testing.T) {
	const x = "x"
	for _, c := range []struct {
		reason string
		folder folder
		want   bool
	}{
		{"Space Ranger 2", folder{h5Path: x, positionsPath: x}, true},
		{"Space Ranger 1 under a prefix", folder{"A_" + h5Path: x, "spatial/tissue_positions_list.csv": x}, true},
		{"text counts in a folder", small(), true},
		{"text counts beside each other", folder{"matrix.mtx.gz": x, "barcodes.tsv": x, "genes.tsv": x, "tissue_positions.csv": x}, true},
		{"a matrix of another source", folder{"matrix.mtx.gz": x, "genes.txt": x, positionsPath: x}, false},
		{"raw counts", folder{"raw_feature_bc_matrix.h5": x, positionsPath: x}, true},
		{"Visium HD: Read says that it comes later", folder{h5Path: x, "spatial/tissue_positions.parquet": x}, true},
		{"two candidates: Read says which", folder{"a_" + h5Path: x, "b_" + h5Path: x, positionsPath: x}, true},
		{"counts alone", folder{h5Path: x}, false},
		{"positions alone", folder{positionsPath: x}, false},
		{"a folder with a slide in it", folder{"outs/" + h5Path: x, "outs/" + positionsPath: x}, false},
		{"something else", folder{"README.md": x}, false},
	} {
		if got := IsSlide(c.folder.write(t)); got != c.want {
			t.Errorf("%s: %v, want %v", c.reason, got, c.want)
		}
	}
	if IsSlide(filepath.Join(t.TempDir(), "nowhere")) {
		t.Error("a folder that is not there is a slide")
	}
}

func TestFind(t *testing.T) {
	slideIn := func(f folder, dir string) folder {
		f[dir+h5Path], f[dir+positionsPath] = "x", "x"
		return f
	}
	several := slideIn(slideIn(slideIn(folder{"notes/README": "x", "file.txt": "x"}, "b/"), "c/outs/"), "a/")
	for _, c := range []struct {
		reason string
		folder folder
		want   []string
	}{
		{"the folder itself", slideIn(folder{}, ""), []string{""}},
		{"the folder itself goes before those in it", slideIn(slideIn(folder{}, ""), "a/"), []string{""}},
		{"subfolders and their outs, sorted", several, []string{"a", "b", "c/outs"}},
		{"its own outs", slideIn(folder{}, "outs/"), []string{"outs"}},
	} {
		dir := c.folder.write(t)
		got, err := Find(dir)
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
		}
		var want []string
		for _, w := range c.want {
			want = append(want, filepath.Join(dir, filepath.FromSlash(w)))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.reason, d)
		}
	}
	_, err := Find(folder{"a/b/" + h5Path: "x", "c": "x"}.write(t))
	readertest.FormatError(t, err, "neither it nor its subfolders", "found a, c")
	_, err = Find(filepath.Join(t.TempDir(), "nowhere"))
	readertest.FormatError(t, err, "no such folder")
}

func TestSpatialBesideTheCounts(t *testing.T) {
	dir := small().write(t)
	s, err := Read(context.Background(), filepath.Join(dir, filtered), Options{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, s, expected())
}

func TestFullRes(t *testing.T) {
	pic := pngOf(drawn(8, 6))
	for _, c := range []struct {
		reason string
		dir    string // the slide's folder below the parent
		files  map[string][]byte
		opts   Options
		want   string
		size   [2]int
	}{
		{"in the folder", "S1", map[string][]byte{"S1/image.tif": pic}, Options{}, "S1/image.tif", [2]int{8, 6}},
		{"in the parent of outs", "S1/outs", map[string][]byte{"S1/source_image.jpg": pic}, Options{}, "S1/source_image.jpg", [2]int{8, 6}},
		{"in the parent by the slide's name", "S1", map[string][]byte{"S1_image.tif": pic, "S2_image.tif": pic}, Options{}, "S1_image.tif", [2]int{8, 6}},
		{"another slide's is not taken", "S1", map[string][]byte{"S2_image.tif": pic}, Options{}, "", [2]int{}},
		{"two are ambiguous", "S1", map[string][]byte{"S1/image.tif": pic, "S1/b_image.tif": pic}, Options{}, "", [2]int{}},
		{"smaller pictures are not it", "S1", map[string][]byte{"S1/tissue_hires_image.png": pic, "S1/detected_tissue_image.jpg": pic, "S1/cytassist_image.tiff": pic}, Options{}, "", [2]int{}},
		{"found, but unreadable: its size stays unknown", "S1", map[string][]byte{"S1/image.tif": []byte("II*")}, Options{}, "S1/image.tif", [2]int{}},
		{"given", "S1", map[string][]byte{"S1/image.tif": pic, "any.png": pngOf(drawn(3, 4))}, Options{FullRes: "any.png"}, "any.png", [2]int{3, 4}},
	} {
		parent := t.TempDir()
		dir := filepath.Join(parent, filepath.FromSlash(c.dir))
		if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
			t.Fatal(err)
		}
		f := small()
		delete(f, hiresPath)
		if err := os.Rename(f.write(t), dir); err != nil {
			t.Fatal(err)
		}
		for name, data := range c.files {
			if err := os.WriteFile(filepath.Join(parent, filepath.FromSlash(name)), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if c.opts.FullRes != "" {
			c.opts.FullRes = filepath.Join(parent, c.opts.FullRes)
		}
		s, err := Read(context.Background(), dir, c.opts)
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		want := c.want
		if want != "" {
			want = filepath.Join(parent, filepath.FromSlash(want))
		}
		if s.FullRes != want || s.FullResSize != c.size {
			t.Errorf("%s: %q of %v, want %q of %v", c.reason, s.FullRes, s.FullResSize, want, c.size)
		}
	}
}

// tiffHeader is a TIFF of one directory with tags of the given type and no
// pixels; the compression tag says JPEG, which no decoder here knows.
func tiffHeader(order binary.AppendByteOrder, big bool, typ uint16, w, h int) []byte {
	b := []byte("II")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM")
	}
	if big {
		b = order.AppendUint16(order.AppendUint16(order.AppendUint16(b, 43), 8), 0)
		b = order.AppendUint64(order.AppendUint64(b, 16), 3)
	} else {
		b = order.AppendUint16(order.AppendUint32(order.AppendUint16(b, 42), 8), 3)
	}
	for _, tag := range [][2]int{{256, w}, {257, h}, {259, 7}} {
		b = order.AppendUint16(order.AppendUint16(b, uint16(tag[0])), typ)
		value := make([]byte, 0, 8)
		switch typ {
		case 3:
			value = order.AppendUint16(value, uint16(tag[1]))
		case 4:
			value = order.AppendUint32(value, uint32(tag[1]))
		case 16:
			value = order.AppendUint64(value, uint64(tag[1]))
		}
		if big {
			b = append(order.AppendUint64(b, 1), append(value, make([]byte, 8-len(value))...)...)
		} else {
			b = append(order.AppendUint32(b, 1), append(value, make([]byte, 4-len(value))...)...)
		}
	}
	return b
}

func TestTIFFSize(t *testing.T) {
	const short, long, long8 = 3, 4, 16
	for _, c := range []struct {
		reason string
		data   []byte
	}{
		{"TIFF of SHORT", tiffHeader(binary.LittleEndian, false, short, 30001, 40002)},
		{"TIFF of LONG", tiffHeader(binary.LittleEndian, false, long, 30001, 40002)},
		{"big-endian SHORT", tiffHeader(binary.BigEndian, false, short, 30001, 40002)},
		{"big-endian LONG", tiffHeader(binary.BigEndian, false, long, 30001, 40002)},
		{"BigTIFF of SHORT", tiffHeader(binary.LittleEndian, true, short, 30001, 40002)},
		{"BigTIFF of LONG8", tiffHeader(binary.LittleEndian, true, long8, 30001, 40002)},
		{"big-endian BigTIFF of LONG8", tiffHeader(binary.BigEndian, true, long8, 30001, 40002)},
	} {
		path := filepath.Join(t.TempDir(), "image.tif")
		if err := os.WriteFile(path, c.data, 0o666); err != nil {
			t.Fatal(err)
		}
		w, h, err := rawfile.PictureSize(path)
		if err != nil || w != 30001 || h != 40002 {
			t.Errorf("%s: %d x %d, %v, want 30001 x 40002", c.reason, w, h, err)
		}
		for keep := range len(c.data) {
			if w, h, err := rawfile.HeaderSize(bytes.NewReader(c.data[:keep])); err == nil && (w != 30001 || h != 40002) {
				t.Errorf("%s cut to %d bytes: %d x %d and no error", c.reason, keep, w, h)
			}
		}
	}
}

// TestPreview: a folder with a full-resolution picture only gets the smaller
// ones, and is made from that picture as well.
func TestPreview(t *testing.T) {
	full := drawn(8, 6)
	write := func(name string, data []byte) string {
		f := small()
		delete(f, hiresPath)
		delete(f, lowresPath)
		f[name] = data
		return f.write(t)
	}
	dir := write("image.tif", pngOf(full))
	s, err := Read(context.Background(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := full
	if diff := cmp.Diff([]*slide.Image{want, want}, []*slide.Image{s.Hires, s.Lowres}); diff != "" || s.Scale.Hires != 1 || s.Scale.Lowres != 1 {
		t.Errorf("factors %v, pictures:\n%s", s.Scale, diff)
	}
	if n := len(s.Sources); filepath.Base(s.Sources[n-1].Path) != "image.tif" {
		t.Errorf("the picture is no source: %v", s.Sources)
	}
	sources, err := Sources(dir, Options{})
	if err != nil || len(sources) != len(s.Sources) || !slices.Contains(sources, s.Sources[len(s.Sources)-1]) {
		t.Errorf("Sources gives %v, %v", sources, err)
	}
	bare, err := Read(context.Background(), dir, Options{NoImages: true})
	if err != nil || bare.Hires != nil || bare.Lowres != nil || len(bare.Sources) != len(s.Sources)-1 {
		t.Errorf("without pictures: %v, %d sources", err, len(bare.Sources))
	}
	half := pngOf(full)
	_, err = Read(context.Background(), write("image.tif", half[:len(half)-20]), Options{})
	var fe *format.Error
	if !errors.As(err, &fe) || filepath.Base(fe.Path) != "image.tif" {
		t.Errorf("half a picture: %v", err)
	}
}
