package visium

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	pqformat "github.com/parquet-go/parquet-go/format"

	"github.com/spatialgo/spatialgo/spared/internal/readertest"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// writeHD writes a slide with bins of 2, 8 and 16 µm; the 16 µm ones lack a
// gene, so that they can be told apart.
func writeHD(t testing.TB) (outs string, s *slide.Slide) {
	t.Helper()
	s = randomSlide(7, true)
	s.Name = "colon"
	outs = filepath.Join(t.TempDir(), "colon", "outs")
	for _, bin := range []int{16, 2, 8} {
		one := *s
		if bin == 16 {
			one.Genes, one.Counts = s.Genes[1:], s.Counts.Select(nil, rangeOf(1, len(s.Genes)))
		}
		if err := Write(context.Background(), outs, &one, WriteOptions{BinMicrons: bin}); err != nil {
			t.Fatal(err)
		}
	}
	return outs, s
}

func rangeOf(from, to int) (n []int) {
	for ; from < to; from++ {
		n = append(n, from)
	}
	return n
}

func TestHDReadsBack(t *testing.T) {
	ctx := context.Background()
	outs, want := writeHD(t)
	bins, err := Bins(outs)
	if err != nil || len(bins) != 3 || bins[0].Microns != 2 || bins[2].Microns != 16 {
		t.Fatalf("bins %v, %v", bins, err)
	}
	for _, c := range []struct {
		reason  string
		loc     string
		opts    Options
		genes   int
		microns string
		fails   string
	}{
		{"8 µm is preferred", outs, Options{}, len(want.Genes), "8", ""},
		{"another size on request", outs, Options{BinMicrons: 16}, len(want.Genes) - 1, "16", ""},
		{"the bins' own folder", bins[2].Dir, Options{}, len(want.Genes) - 1, "16", ""},
		{"the folder of all bins", filepath.Dir(bins[0].Dir), Options{}, len(want.Genes), "8", ""},
		{"a size that is not there", outs, Options{BinMicrons: 4}, 0, "", "2, 8, 16 µm"},
		{"a size unlike the folder given", bins[2].Dir, Options{BinMicrons: 8}, 0, "", "no bins of 8 µm"},
	} {
		got, err := Read(ctx, c.loc, c.opts)
		if c.fails != "" {
			readertest.FormatError(t, err, c.fails)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		if got.Name != "colon" || len(got.Genes) != c.genes || got.SourceFormat != "Space Ranger, Visium HD, bins of "+c.microns+" µm" {
			t.Errorf("%s: slide %q of %d genes from %q", c.reason, got.Name, len(got.Genes), got.SourceFormat)
		}
	}
	if found, err := Find(filepath.Dir(outs)); err != nil || len(found) != 1 || filepath.Base(found[0]) != "outs" {
		t.Errorf("found %v, %v, want the outs folder once", found, err)
	}
	// All of the slide but what is off tissue comes back, bit for bit.
	got, err := Read(ctx, outs, Options{Raw: true, OffTissue: true})
	if err != nil {
		t.Fatal(err)
	}
	g, w := *got, *want
	g.Sources, g.SourceFormat, w.SourceFormat = w.Sources, "", ""
	g.Scale.MicronsPerPixel = w.Scale.MicronsPerPixel // checked below
	if d := cmp.Diff(&w, &g); d != "" {
		t.Errorf("slide differs (-want +got):\n%s", d)
	}
	if mpp := got.Scale.MicronsPerPixel; want.Scale.MicronsPerPixel == 0 && mpp != 8/want.Scale.SpotDiameter {
		t.Errorf("%v µm per pixel, want %v", mpp, 8/want.Scale.SpotDiameter)
	}
	src, err := Sources(outs, Options{})
	if err != nil || !strings.Contains(src[0].Path, "square_008um") {
		t.Errorf("sources %v, %v", src, err)
	}
}

func TestHDPicturesBesideTheBins(t *testing.T) {
	outs, want := writeHD(t)
	outer := filepath.Join(outs, "spatial")
	if err := os.MkdirAll(outer, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tissue_hires_image.png", "tissue_lowres_image.png"} {
		if err := os.Rename(filepath.Join(outs, binnedOutputs, "square_008um", "spatial", name), filepath.Join(outer, name)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read(context.Background(), outs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.Hires, got.Hires); d != "" {
		t.Error(d)
	}
}

func TestHDScaleFactors(t *testing.T) {
	outs, _ := writeHD(t)
	data, err := os.ReadFile(filepath.Join(outs, binnedOutputs, "square_008um", "spatial", "scalefactors_json.json"))
	if err != nil {
		t.Fatal(err)
	}
	var f map[string]float64
	if err := json.Unmarshal(data, &f); err != nil || f["bin_size_um"] != 8 || f["microns_per_pixel"] <= 0 {
		t.Errorf("%v, %v", f, err)
	}
	for _, bin := range []int{-1, 1001} {
		if err := Write(context.Background(), t.TempDir(), randomSlide(1, false), WriteOptions{BinMicrons: bin}); err == nil {
			t.Errorf("bins of %d µm were written", bin)
		}
	}
}

// parquetOf writes rows of any struct.
func parquetOf[T any](rows []T, o ...parquet.WriterOption) []byte {
	var buf bytes.Buffer
	w := parquet.NewGenericWriter[T](&buf, o...)
	if _, err := w.Write(rows); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

func bins(n int) []binRow {
	var rows []binRow
	for i := range n {
		rows = append(rows, binRow{"s_008um_" + strings.Repeat("0", i) + "-1", int64(i % 2), int64(i), int64(2 * i), 1.5 * float64(i), 2.5 * float64(i)})
	}
	return rows
}

// TestParquetAccepts: other writers' types, codecs, order and row groups.
func TestParquetAccepts(t *testing.T) {
	type wide struct {
		Note     []string `parquet:"note,list"`
		PixelCol float32  `parquet:"PXL_COL_IN_FULLRES,zstd"`
		PixelRow int32    `parquet:"pxl_row_in_fullres,gzip"`
		ArrayCol float64  `parquet:"array_col,split"`
		ArrayRow int32    `parquet:"array_row,optional,dict,zstd"`
		InTissue bool     `parquet:"in_tissue,snappy"`
		Index    string   `parquet:"__index_level_0__,dict,optional"`
	}
	type deltas struct { // what package parquet-go makes of text, and deltas for numbers
		Barcode  string  `parquet:"barcode"`
		InTissue int64   `parquet:"in_tissue,delta"`
		ArrayRow int32   `parquet:"array_row,delta"`
		ArrayCol int64   `parquet:"array_col,delta"`
		PixelRow int64   `parquet:"pxl_row_in_fullres,delta"`
		PixelCol float64 `parquet:"pxl_col_in_fullres"`
	}
	for _, c := range []struct {
		reason string
		data   []byte
		rows   int
	}{
		{"as Space Ranger writes it", parquetOf(bins(5)), 5},
		{"several row groups and pages", parquetOf(bins(100), parquet.MaxRowsPerRowGroup(7), parquet.PageBufferSize(64)), 100},
		{"page headers of version 1", parquetOf(bins(50), parquet.DataPageVersion(1)), 50},
		{"other types, codecs and order, an index without a name, a nested column", parquetOf([]wide{
			{[]string{"x"}, 2.5, 1, 2, 3, true, "a"}, {nil, 3.5, 2, 4, 5, false, "b"}}), 2},
		{"lengths and numbers by delta", parquetOf([]deltas{{"a", 1, 3, 2, 1, 2.5}, {"b", 0, 5, 4, 2, 3.5}}), 2},
		{"the same with page headers of version 1", parquetOf([]wide{
			{[]string{"x"}, 2.5, 1, 2, 3, true, "a"}, {nil, 3.5, 2, 4, 5, false, "b"}}, parquet.DataPageVersion(1)), 2},
	} {
		rows, err := parseParquet("p", c.data)
		if err != nil || len(rows) != c.rows {
			t.Errorf("%s: %d rows, %v", c.reason, len(rows), err)
			continue
		}
		if c.rows == 2 {
			want := []position{{barcode: "a", inTissue: true, row: 3, col: 2, x: 2.5, y: 1}, {barcode: "b", row: 5, col: 4, x: 3.5, y: 2}}
			if d := cmp.Diff(want, rows, cmp.AllowUnexported(position{})); d != "" {
				t.Errorf("%s: %s", c.reason, d)
			}
			continue
		}
		for i, b := range bins(c.rows) {
			got := rows[i]
			if got.barcode != b.Barcode || got.inTissue != (b.InTissue == 1) || got.row != i || got.col != 2*i || got.x != b.PixelCol || got.y != b.PixelRow {
				t.Errorf("%s: row %d is %+v", c.reason, i, got)
			}
		}
	}
}

func TestParquetRefuses(t *testing.T) {
	whole := parquetOf(bins(40))
	type noRow struct {
		Barcode string `parquet:"barcode"`
		Row     int64  `parquet:"row"`
	}
	type optional struct {
		Barcode  *string `parquet:"barcode,optional"`
		InTissue int64   `parquet:"in_tissue"`
		ArrayRow int64   `parquet:"array_row"`
		ArrayCol int64   `parquet:"array_col"`
		PixelRow float64 `parquet:"pxl_row_in_fullres"`
		PixelCol float64 `parquet:"pxl_col_in_fullres"`
	}
	type delta struct {
		Barcode  string  `parquet:"barcode,delta"`
		InTissue int64   `parquet:"in_tissue"`
		ArrayRow int64   `parquet:"array_row"`
		ArrayCol int64   `parquet:"array_col"`
		PixelRow float64 `parquet:"pxl_row_in_fullres"`
		PixelCol float64 `parquet:"pxl_col_in_fullres"`
	}
	edited := func(edit func(rows []binRow)) []byte {
		rows := bins(4)
		edit(rows)
		return parquetOf(rows)
	}
	nan := 0.0
	nan /= nan
	for _, c := range []struct {
		reason string
		data   []byte
		want   []string
	}{
		{"empty", nil, []string{"not a Parquet file"}},
		{"text", []byte(headerText + positionsText), []string{"not a Parquet file"}},
		{"magic alone", []byte("PAR1PAR1"), []string{"not a Parquet file"}},
		{"cut off", whole[:len(whole)-9], []string{"cut off"}},
		{"a footer longer than the file", append(binary.LittleEndian.AppendUint32(append([]byte("PAR1"), whole...), 1<<31), "PAR1"...), []string{"footer is damaged", "beyond its end"}},
		{"a footer of two billion row groups", lyingFooter(), []string{"footer is damaged", "beyond its end"}},
		{"no rows", parquetOf(bins(0)), []string{"lists no bins"}},
		{"other columns", parquetOf([]noRow{{"a", 1}}), []string{"lacks the columns in_tissue, array_row", "it has barcode, row"}},
		{"no value", parquetOf([]optional{{InTissue: 1}}), []string{"barcode", "row 0", "not a barcode"}},
		{"delta encoding", parquetOf([]delta{{Barcode: "a"}}), []string{"barcode", "DELTA", "plain or dictionary"}},
		{"a barcode twice", edited(func(r []binRow) { r[3].Barcode = r[1].Barcode }), []string{"barcode", "row 3", "row 1"}},
		{"in_tissue of 2", edited(func(r []binRow) { r[2].InTissue = 2 }), []string{"in_tissue", "row 2", "2 is not 0 or 1"}},
		{"NaN", edited(func(r []binRow) { r[1].PixelRow = nan }), []string{"pxl_row_in_fullres", "row 1", "not a number"}},
		{"an array row beyond 32 bits", edited(func(r []binRow) { r[1].ArrayRow = 1 << 40 }), []string{"array_row", "row 1"}},
	} {
		rows, err := parseParquet("p", c.data)
		if err == nil {
			t.Errorf("%s: no error, but %d rows", c.reason, len(rows))
			continue
		}
		readertest.FormatError(t, err, c.want...)
	}
}

// TestPageGuard: claims that the bytes do not bear out, one by one.
func TestPageGuard(t *testing.T) {
	for _, c := range []struct {
		reason string
		err    error
		want   string // "" = none
	}{
		{"a run of two billion", checkRuns([]byte{0xfe, 0xff, 0xff, 0xff, 0x0f, 1}, 1, 40), "more than the page's 40"},
		{"packed groups of two billion", checkRuns([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 1}, 1, 40), "more than the page's 40"},
		{"two runs that are too many together", checkRuns([]byte{60, 1, 60, 1}, 1, 40), "more than the page's 40"},
		{"a run that fits", checkRuns([]byte{80, 1}, 1, 40), ""},
		{"packed bits that fill their last eight", checkRuns([]byte{11, 1, 2, 3, 4, 5}, 1, 36), ""},
		{"packed bits cut off", checkRuns([]byte{11, 1, 2}, 1, 40), "cut off"},
		{"a run length cut off", checkRuns([]byte{0x80}, 1, 40), "cut off"},
		{"values of 33 bits", checkValues(pqformat.RLEDictionary, false, []byte{33, 1}, 4), "33 bits"},
		{"plain values beyond the page", checkValues(pqformat.Plain, false, []byte{1}, 9), "claims 9 values"},
		{"deltas beyond the page", checkDelta([]byte{0x80, 1, 4, 41, 0}, 40), "41 numbers"},
		{"deltas in blocks of gigabytes", checkDelta([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 4, 40, 0}, 40), "in blocks of"},
		{"deltas in no miniblocks", checkDelta([]byte{0x80, 1, 0, 40, 0}, 40), "in blocks of"},
		{"deltas", checkDelta([]byte{0x80, 1, 4, 40, 0}, 40), ""},
		{"snappy that says another length", errorOf(expandPage(pqformat.Snappy, []byte{0xff, 0xff, 0x03}, 40)), "not as long"},
		{"a page that claims gigabytes", errorOf(expandPage(pqformat.Zstd, []byte{1}, 1<<31)), "claims to hold"},
		{"gzip longer than it says", errorOf(expandPage(pqformat.Gzip, packed("abcdef"), 5)), "not as long"},
		{"gzip", errorOf(expandPage(pqformat.Gzip, packed("abcdef"), 6)), ""},
	} {
		switch {
		case c.want == "" && c.err != nil:
			t.Errorf("%s: %v", c.reason, c.err)
		case c.want != "" && (c.err == nil || !strings.Contains(c.err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.reason, c.err, c.want)
		}
	}
	deep := bytes.Repeat([]byte{0x1c}, 40) // structs in structs
	if _, _, err := walkThrift(deep); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("deep structs: %v", err)
	}
}

func errorOf(_ []byte, err error) error { return err }

// lyingFooter has a list of row groups that claims 2^31-1 of them.
func lyingFooter() []byte {
	footer := []byte{0x15, 0x02, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07} // version, then the list's head
	b := append([]byte("PAR1"), footer...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(footer)))
	return append(b, "PAR1"...)
}

// TestParquetDamage cuts and flips everywhere: no panic, no file without an
// error that has other rows than it should claim, and little memory.
func TestParquetDamage(t *testing.T) {
	whole := parquetOf(bins(40))
	for keep := 0; keep < len(whole); keep += 7 {
		_, err := parseParquet("p", whole[:keep])
		readertest.FormatError(t, err, "p")
	}
	var before, after runtime.MemStats
	for at := range whole {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			b := bytes.Clone(whole)
			b[at] ^= flip
			runtime.ReadMemStats(&before)
			rows, err := parseParquet("p", b)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
				t.Fatalf("byte %d ^ %#x: %d bytes allocated", at, flip, n)
			}
			if err != nil {
				readertest.FormatError(t, err, "p")
			} else if len(rows) > maxRowsPerByte*len(whole) {
				t.Fatalf("byte %d ^ %#x: %d rows", at, flip, len(rows))
			}
		}
	}
}

func FuzzParquet(f *testing.F) {
	f.Add(parquetOf(bins(3)))
	f.Add(parquetOf(bins(20), parquet.DataPageVersion(1), parquet.MaxRowsPerRowGroup(6)))
	f.Add(lyingFooter())
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := parseParquet("p", data)
		if err != nil {
			readertest.FormatError(t, err)
			return
		}
		if len(rows) == 0 || len(rows) > maxRowsPerByte*len(data) {
			t.Fatalf("%d rows of %d bytes", len(rows), len(data))
		}
	})
}
