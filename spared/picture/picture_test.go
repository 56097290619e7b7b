package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/internal/readertest"
	"github.com/spatialgo/spatialgo/spared/picture/internal/vipstest"
)

// tissue is a smooth colour picture with an asymmetric pattern, so that a
// flip, a swap of axes or of channels shows.
func tissue(w, h int) []uint8 {
	pix := make([]uint8, 0, w*h*3)
	for y := range h {
		for x := range w {
			pix = append(pix, uint8(255*x/w), uint8(255*y/h), uint8(128+(x*y)%64))
		}
	}
	return pix
}

// channels picks and repeats bands: channels(rgb, 3, 0, 1, 2, -1) adds an
// opaque alpha.
func channels(pix []uint8, bands int, pick ...int) []uint8 {
	var out []uint8
	for i := 0; i < len(pix); i += bands {
		for _, k := range pick {
			if k < 0 {
				out = append(out, 255)
			} else {
				out = append(out, pix[i+k])
			}
		}
	}
	return out
}

func times257(pix []uint8) []uint16 {
	out := make([]uint16, len(pix))
	for i, v := range pix {
		out[i] = uint16(v) * 257
	}
	return out
}

func open(tb testing.TB, path string, o Options) *Picture {
	tb.Helper()
	p, err := Open(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// off is the largest difference between two pictures.
func off(got, want []uint8) int {
	if len(got) != len(want) {
		return 256
	}
	m := 0
	for i := range got {
		m = max(m, max(int(got[i])-int(want[i]), int(want[i])-int(got[i])))
	}
	return m
}

// streamed is the whole picture by Rows.
func streamed(tb testing.TB, p *Picture) []uint8 {
	tb.Helper()
	var pix []uint8
	for b, err := range p.Rows(context.Background(), image.Rect(0, 0, p.Width(), p.Height())) {
		if err != nil {
			tb.Fatal(err)
		}
		if b.Y*p.Width()*3 != len(pix) {
			tb.Fatalf("a band begins at row %d after %d", b.Y, len(pix)/p.Width()/3)
		}
		pix = append(pix, b.Pix...)
	}
	return pix
}

const testW, testH = 300, 210

// TestKinds reads the same tissue from each kind of file that people have.
func TestKinds(t *testing.T) {
	rgb := tissue(testW, testH)
	grey := channels(rgb, 3, 0)
	greyRGB := channels(rgb, 3, 0, 0, 0)
	plane := func(c int) []byte { return channels(rgb, 3, c) }
	sizeTags := func(samples uint32) []tag {
		return []tag{{256, []uint32{testW}}, {257, []uint32{testH}}, {258, []uint32{8}}, {259, []uint32{1}}, {277, []uint32{samples}}, {278, []uint32{testH}}}
	}
	with := func(tags []tag, more ...tag) []tag {
		for _, m := range more {
			tags = insert(tags, m)
		}
		return tags
	}
	onePlane := func(c int) tiffPage {
		return tiffPage{with(sizeTags(1), tag{262, []uint32{1}}), [][]byte{plane(c)}}
	}
	colourMap := make([]uint32, 3*256)
	for i := range 256 {
		colourMap[i], colourMap[256+i], colourMap[512+i] = uint32(i)*257, uint32(255-i)*257, 77*257
	}
	palette := channels(rgb, 3, 0, 0, 0)
	for i := 0; i < len(palette); i += 3 {
		palette[i+1], palette[i+2] = 255-palette[i], 77
	}

	type save func(path string)
	vips8 := func(pix []uint8, bands, interpretation int, options string) save {
		return func(path string) { vipstest.Save(t, path+options, pix, testW, testH, bands, interpretation) }
	}
	own := func(pages ...tiffPage) save {
		return func(path string) { writeFile(t, path, encodeTIFF(pages...)) }
	}
	shortMap := with(sizeTags(1), tag{262, []uint32{3}}) // colour maps are SHORT: see shortTIFF
	for _, c := range []struct {
		reason, file string
		write        save
		want         []uint8
		tol          int // grey levels, for what is stored with loss
		format       string
		bits         int
		tiled        bool
	}{
		{"striped, as most programs save", "a.tif", vips8(rgb, 3, vipstest.SRGB, "[compression=none]"), rgb, 0, "TIFF", 8, false},
		{"tiled", "a.tif", vips8(rgb, 3, vipstest.SRGB, "[tile,tile-width=64,tile-height=64]"), rgb, 0, "TIFF", 8, true},
		{"tiles wider than the picture", "a.tif", vips8(rgb, 3, vipstest.SRGB, "[tile,tile-width=512,tile-height=512]"), rgb, 0, "TIFF", 8, true},
		{"LZW", "a.tif", vips8(rgb, 3, vipstest.SRGB, "[compression=lzw,predictor=horizontal]"), rgb, 0, "TIFF", 8, false},
		{"Deflate", "a.tif", vips8(rgb, 3, vipstest.SRGB, "[compression=deflate,tile,tile-width=64,tile-height=64]"), rgb, 0, "TIFF", 8, true},
		{"JPEG in TIFF, tables apart from the tiles", "a.tif", vips8(rgb, 3, vipstest.SRGB, "[compression=jpeg,Q=98,tile,tile-width=64,tile-height=64]"), rgb, 24, "TIFF", 8, true},
		{"JPEG in TIFF, strips", "a.tif", vips8(rgb, 3, vipstest.SRGB, "[compression=jpeg,Q=98]"), rgb, 24, "TIFF", 8, false},
		{"BigTIFF", "a.btf", func(path string) {
			vipstest.Save(t, path+".tif[bigtiff,tile,tile-width=64,tile-height=64]", rgb, testW, testH, 3, vipstest.SRGB)
			if err := os.Rename(path+".tif", path); err != nil {
				t.Fatal(err)
			}
		}, rgb, 0, "BigTIFF", 8, true},
		{"pyramid in the chain of directories", "a.tif", vips8(rgb, 3, vipstest.SRGB, "[tile,pyramid,tile-width=64,tile-height=64]"), rgb, 0, "TIFF", 8, true},
		{"pyramid below the first directory, as OME-TIFF", "a.ome.tif", vips8(rgb, 3, vipstest.SRGB, "[tile,pyramid,subifd,tile-width=64,tile-height=64]"), rgb, 0, "TIFF", 8, true},
		{"16 bits", "a.tif", func(path string) { vipstest.Save(t, path, times257(rgb), testW, testH, 3, vipstest.RGB16) }, rgb, 1, "TIFF", 16, false},
		{"16 bits, grey, tiled", "a.tif", func(path string) {
			vipstest.Save(t, path+"[tile,tile-width=64,tile-height=64]", times257(grey), testW, testH, 1, vipstest.Grey16)
		}, greyRGB, 1, "TIFF", 16, true},
		{"RGB and opaque alpha", "a.tif", vips8(channels(rgb, 3, 0, 1, 2, -1), 4, vipstest.SRGB, ""), rgb, 0, "TIFF", 8, false},
		{"grey", "a.tif", vips8(grey, 1, vipstest.Grey, ""), greyRGB, 0, "TIFF", 8, false},
		{"grey and alpha, PNG", "a.png", vips8(channels(rgb, 3, 0, -1), 2, vipstest.Grey, ""), greyRGB, 0, "PNG", 8, false},
		{"PNG", "a.png", vips8(rgb, 3, vipstest.SRGB, ""), rgb, 0, "PNG", 8, false},
		{"PNG, interlaced", "a.png", vips8(rgb, 3, vipstest.SRGB, "[interlace]"), rgb, 0, "PNG", 8, false},
		{"PNG, 16 bits", "a.png", func(path string) { vipstest.Save(t, path, times257(rgb), testW, testH, 3, vipstest.RGB16) }, rgb, 1, "PNG", 16, false},
		{"JPEG", "a.jpg", vips8(rgb, 3, vipstest.SRGB, "[Q=98]"), rgb, 24, "JPEG", 8, false},
		{"JPEG, progressive", "a.jpg", vips8(rgb, 3, vipstest.SRGB, "[Q=98,interlace]"), rgb, 24, "JPEG", 8, false},
		{"JPEG, grey", "a.jpeg", vips8(grey, 1, vipstest.Grey, "[Q=98]"), greyRGB, 6, "JPEG", 8, false},
		{"a wrong ending does not matter", "a.png", func(path string) {
			vipstest.Save(t, path+".tif", rgb, testW, testH, 3, vipstest.SRGB)
			if err := os.Rename(path+".tif", path); err != nil {
				t.Fatal(err)
			}
		}, rgb, 0, "TIFF", 8, false},
		{"one strip for all, whole planes", "a.tif", own(tiffPage{with(sizeTags(3), tag{262, []uint32{2}}, tag{284, []uint32{2}}),
			[][]byte{plane(0), plane(1), plane(2)}}), rgb, 0, "TIFF", 8, false},
		{"one strip for all, pixel by pixel", "a.tif", own(tiffPage{with(sizeTags(3), tag{262, []uint32{2}}), [][]byte{rgb}}), rgb, 0, "TIFF", 8, false},
		{"channel first: three grey pictures", "a.tif", own(onePlane(0), onePlane(1), onePlane(2)), rgb, 0, "TIFF", 8, false},
		{"channel first, with an opaque alpha", "a.tif", own(onePlane(0), onePlane(1), onePlane(2),
			tiffPage{with(sizeTags(1), tag{262, []uint32{1}}), [][]byte{bytes.Repeat([]byte{255}, testW*testH)}}), rgb, 0, "TIFF", 8, false},
		{"white is 0", "a.tif", own(tiffPage{with(sizeTags(1), tag{262, []uint32{0}}), [][]byte{inverted(grey)}}), greyRGB, 0, "TIFF", 8, false},
		{"palette", "a.tif", func(path string) {
			writeFile(t, path, shortTIFF(encodeTIFF(tiffPage{insert(shortMap, tag{320, colourMap}), [][]byte{grey}})))
		}, palette, 0, "TIFF", 8, false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.file)
			c.write(path)
			p := open(t, path, Options{})
			if p.Width() != testW || p.Height() != testH || p.Format() != c.format || p.Bits() != c.bits || p.Tiled() != c.tiled {
				t.Fatalf("%d x %d %s, %d bits, tiled %v; want %d x %d %s, %d, %v", p.Width(), p.Height(), p.Format(), p.Bits(), p.Tiled(),
					testW, testH, c.format, c.bits, c.tiled)
			}
			all := streamed(t, p)
			if d := off(all, c.want); d > c.tol {
				t.Errorf("Rows is off by %d grey levels, want at most %d", d, c.tol)
			}
			got, err := p.Region(context.Background(), 17, 33, 150, 101, Mirror)
			if err != nil {
				t.Fatal(err)
			}
			if want := cut(all, testW, 17, 33, 150, 101); !bytes.Equal(got, want) {
				t.Errorf("Region and Rows differ by %d", off(got, want))
			}
		})
	}
}

func inverted(pix []uint8) []uint8 {
	out := make([]uint8, len(pix))
	for i, v := range pix {
		out[i] = 255 - v
	}
	return out
}

// shortTIFF makes the colour map of a TIFF that encodeTIFF wrote SHORT, as it
// has to be.
func shortTIFF(b []byte) []byte {
	at := bytes.Index(b, []byte{0x40, 0x01, 4, 0}) // tag 320, LONG
	b[at+2] = 3
	from := int(b[at+8]) | int(b[at+9])<<8 | int(b[at+10])<<16
	n := int(b[at+4]) | int(b[at+5])<<8
	for i := range n {
		copy(b[from+2*i:from+2*i+2], b[from+4*i:from+4*i+2])
	}
	return b
}

func cut(pix []uint8, width, x, y, w, h int) []uint8 {
	var out []uint8
	for r := y; r < y+h; r++ {
		out = append(out, pix[(r*width+x)*3:(r*width+x+w)*3]...)
	}
	return out
}

// TestCMYK: colours come through a profile, so only their look is checked.
func TestCMYK(t *testing.T) {
	for _, file := range []string{"a.tif", "a.jpg"} {
		path := filepath.Join(t.TempDir(), file)
		ink := bytes.Repeat([]uint8{0, 0, 0, 0}, 64*64) // bare paper
		ink = append(ink, bytes.Repeat([]uint8{0, 255, 255, 0}, 64*64)...)
		vipstest.Save(t, path, ink, 64, 128, 4, vipstest.CMYK)
		got, err := open(t, path, Options{}).Region(context.Background(), 0, 0, 64, 128, Mirror)
		if err != nil {
			t.Fatal(err)
		}
		paper, red := got[3*(10*64+10):], got[3*(100*64+10):]
		if paper[0] < 240 || paper[1] < 240 || paper[2] < 240 {
			t.Errorf("%s: paper without ink is %v, want white", file, paper[:3])
		}
		if red[0] < 180 || red[1] > 100 || red[2] > 100 {
			t.Errorf("%s: magenta and yellow ink is %v, want red", file, red[:3])
		}
	}
}

// TestSixteenBits: literals of numpy 2.4,
// (x.astype(np.float32) / 65535.0 * 255).astype(np.uint8).
func TestSixteenBits(t *testing.T) {
	for _, c := range []struct {
		v    uint16
		want uint8
	}{{0, 0}, {256, 0}, {257, 1}, {258, 1}, {5397, 21}, {32767, 127}, {32768, 127}, {65278, 254}, {65534, 254}, {65535, 255}} {
		if to8[c.v] != c.want {
			t.Errorf("%d of 16 bits is %d, want %d", c.v, to8[c.v], c.want)
		}
	}
}

func TestAlpha(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	vipstest.Save(t, path, []uint8{10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 30, 128}, 3, 1, 4, vipstest.SRGB)
	for _, c := range []struct {
		alpha Alpha
		want  []uint8
	}{
		{OverWhite, []uint8{10, 20, 30, 255, 255, 255, 132, 137, 142}}, // (10*128 + 255*127)/255 = 132.02
		{DropAlpha, []uint8{10, 20, 30, 10, 20, 30, 10, 20, 30}},
	} {
		got, err := open(t, path, Options{Alpha: c.alpha}).Region(context.Background(), 0, 0, 3, 1, Mirror)
		if err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("alpha %d: %v, %v, want %v", c.alpha, got, err, c.want)
		}
	}
}

// TestExtraChannel: a TIFF says itself what its fourth channel is.
func TestExtraChannel(t *testing.T) {
	for _, c := range []struct {
		reason string
		extra  []tag
		want   []uint8
	}{
		{"it does not say", nil, []uint8{10, 20, 30, 10, 20, 30}},
		{"unspecified", []tag{{338, []uint32{0}}}, []uint8{10, 20, 30, 10, 20, 30}},
		{"alpha, colours multiplied by it", []tag{{338, []uint32{1}}}, []uint8{255, 255, 255, 137, 147, 157}},
		{"alpha", []tag{{338, []uint32{2}}}, []uint8{255, 255, 255, 132, 137, 142}},
	} {
		tags := []tag{{256, []uint32{2}}, {257, []uint32{1}}, {258, []uint32{8}}, {259, []uint32{1}}, {262, []uint32{2}}, {277, []uint32{4}}}
		page := tiffPage{append(tags, c.extra...), [][]byte{{10, 20, 30, 0, 10, 20, 30, 128}}}
		path := writeFile(t, filepath.Join(t.TempDir(), "a.tif"), encodeTIFF(page))
		got, err := open(t, path, Options{}).Region(context.Background(), 0, 0, 2, 1, Mirror)
		if err != nil || off(got, c.want) > 1 { // 1: for colours divided by alpha
			t.Errorf("%s: %v, %v, want %v", c.reason, got, err, c.want)
		}
	}
}

// TestBorder compares regions that hang over the edges with the picture
// continued pixel by pixel.
func TestBorder(t *testing.T) {
	const w, h = 7, 5
	rgb := tissue(w, h)
	dir := t.TempDir()
	vipstest.Save(t, dir+"/s.tif", rgb, w, h, 3, vipstest.SRGB)
	vipstest.Save(t, dir+"/t.tif[tile,tile-width=16,tile-height=16]", rgb, w, h, 3, vipstest.SRGB)
	// numpy.pad(range(3), 7, mode="symmetric")
	want := []int{0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2}[0:]
	for i, w := range want {
		if got := Mirror.At(i-7, 3); got != w {
			t.Errorf("place %d of a mirrored row of 3 is %d, want %d", i-7, got, w)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		x, y, rw, rh := rng.IntN(60)-30, rng.IntN(60)-30, 1+rng.IntN(30), 1+rng.IntN(30)
		for _, file := range []string{"/s.tif", "/t.tif"} {
			p := open(t, dir+file, Options{})
			for _, b := range []Border{Mirror, White} {
				got, err := p.Region(context.Background(), x, y, rw, rh, b)
				if err != nil {
					t.Fatal(err)
				}
				for i := range rw * rh {
					sx, sy := x+i%rw, y+i/rw
					want := []uint8{255, 255, 255}
					if b == Mirror {
						sx, sy = Mirror.At(sx, w), Mirror.At(sy, h)
					}
					if image.Pt(sx, sy).In(image.Rect(0, 0, w, h)) {
						want = rgb[3*(sy*w+sx) : 3*(sy*w+sx)+3]
					}
					if !bytes.Equal(got[3*i:3*i+3], want) {
						t.Fatalf("%s border %d, region %d,%d %dx%d: pixel %d is %v, want %v", file, b, x, y, rw, rh, i, got[3*i:3*i+3], want)
					}
				}
			}
			p.Close()
		}
	}
}

// TestShrink compares with the mean computed pixel by pixel.
func TestShrink(t *testing.T) {
	rgb := tissue(testW, testH)
	dir := t.TempDir()
	vipstest.Save(t, dir+"/a.tif", rgb, testW, testH, 3, vipstest.SRGB)
	p := open(t, dir+"/a.tif", Options{})
	for _, c := range []struct {
		reason      string
		width, h, w int
	}{
		{"a whole ratio", 100, 70, 100}, {"a broken ratio", 113, 79, 113}, {"one pixel", 1, 1, 1},
		{"as it is", testW, testH, testW}, {"never larger", 10 * testW, testH, testW},
	} {
		img, err := p.Shrink(context.Background(), c.width)
		if err != nil {
			t.Fatal(err)
		}
		if img.Width != c.w || img.Height != c.h || len(img.Pix) != 3*c.w*c.h {
			t.Fatalf("%s: %d x %d with %d bytes, want %d x %d", c.reason, img.Width, img.Height, len(img.Pix), c.w, c.h)
		}
		if d := off(img.Pix, meanOf(rgb, testW, testH, c.w, c.h)); d > 1 {
			t.Errorf("%s: off by %d grey levels", c.reason, d)
		}
	}
	if _, err := p.Shrink(context.Background(), 0); err == nil {
		t.Error("a width of 0 pixels is accepted")
	}
}

// meanOf averages over areas the plain way.
func meanOf(pix []uint8, w, h, tw, th int) []uint8 {
	out := make([]uint8, tw*th*3)
	overlap := func(i, n, k, tn int) float64 { // of pixel i of n and pixel k of tn
		lo, hi := max(float64(i)/float64(n), float64(k)/float64(tn)), min(float64(i+1)/float64(n), float64(k+1)/float64(tn))
		return max(0, hi-lo) * float64(tn)
	}
	for ky := range th {
		for kx := range tw {
			var sum [3]float64
			for y := ky * h / th; y < min(h, (ky+1)*h/th+1); y++ {
				for x := kx * w / tw; x < min(w, (kx+1)*w/tw+1); x++ {
					a := overlap(x, w, kx, tw) * overlap(y, h, ky, th)
					for c := range 3 {
						sum[c] += a * float64(pix[3*(y*w+x)+c])
					}
				}
			}
			for c := range 3 {
				out[3*(ky*tw+kx)+c] = uint8(sum[c] + 0.5)
			}
		}
	}
	return out
}

// TestLevels: Shrink takes its pixels from a level of the file where there is
// one, and gets about the same.
func TestLevels(t *testing.T) {
	rgb := tissue(testW, testH)
	for _, c := range []struct {
		reason, file string
		want         string
	}{
		{"libvips's pyramid", "a.tif[tile,pyramid,tile-width=64,tile-height=64]", "[[300 210] [150 105] [75 52]]"},
		{"OME-TIFF's pyramid", "b.tif[tile,pyramid,subifd,tile-width=64,tile-height=64]", "[[300 210] [150 105] [75 52]]"},
		{"what a JPEG decoder shrinks to", "a.jpg[Q=98]", "[[300 210] [150 105] [75 52] [37 26]]"},
		{"no other level", "c.tif", "[[300 210]]"},
	} {
		dir := t.TempDir()
		vipstest.Save(t, dir+"/"+c.file, rgb, testW, testH, 3, vipstest.SRGB)
		name, _, _ := strings.Cut(c.file, "[")
		p := open(t, filepath.Join(dir, name), Options{})
		if got := fmt.Sprint(p.Levels()); !strings.HasPrefix(got, strings.TrimSuffix(c.want, "]")) {
			t.Errorf("%s: levels %s, want %s", c.reason, got, c.want)
		}
		for _, l := range p.head.levels {
			d, err := p.open(l)
			if err != nil {
				t.Fatalf("%s: %v", c.reason, err)
			}
			if d.width != l.width || d.height != l.height {
				t.Errorf("%s: the level of %d x %d pixels decodes to %d x %d", c.reason, l.width, l.height, d.width, d.height)
			}
			d.close()
		}
		for _, width := range []int{140, 70, 30} {
			img, err := p.Shrink(context.Background(), width)
			if err != nil {
				t.Fatalf("%s: %v", c.reason, err)
			}
			if d := off(img.Pix, meanOf(rgb, testW, testH, img.Width, img.Height)); d > 24 {
				t.Errorf("%s: width %d is off by %d grey levels", c.reason, width, d)
			}
		}
	}
}

// TestManyReaders: the same pixels on many goroutines as on one.
func TestManyReaders(t *testing.T) {
	rgb := tissue(testW, testH)
	for _, file := range []string{"a.tif[tile,tile-width=32,tile-height=32,compression=deflate]", "a.png"} {
		dir := t.TempDir()
		vipstest.Save(t, dir+"/"+file, rgb, testW, testH, 3, vipstest.SRGB)
		name, _, _ := strings.Cut(file, "[")
		p := open(t, filepath.Join(dir, name), Options{TempDir: dir})
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 20 {
					x, y := (g*37+i*11)%(testW-50), (g*53+i*29)%(testH-40)
					got, err := p.Region(context.Background(), x, y, 50, 40, Mirror)
					if err != nil || !bytes.Equal(got, cut(rgb, testW, x, y, 50, 40)) {
						t.Errorf("%s: goroutine %d: region at %d, %d differs: %v", file, g, x, y, err)
						return
					}
				}
			})
		}
		wg.Wait()
		// The temporary file has no name.
		if left, _ := filepath.Glob(dir + "/picture-*"); len(left) > 0 {
			t.Errorf("%s: left behind: %v", file, left)
		}
	}
}

func TestAtFault(t *testing.T) {
	dir := t.TempDir()
	rgb := tissue(testW, testH)
	path := func(name string) string { return filepath.Join(dir, name) }
	vipstest.Save(t, path("good.tif"), rgb, testW, testH, 3, vipstest.SRGB)
	vipstest.Save(t, path("good.tif")+"f[tile,compression=deflate]", rgb, testW, testH, 3, vipstest.SRGB)
	vipstest.Save(t, path("good.jpg"), rgb, testW, testH, 3, vipstest.SRGB)
	vipstest.Save(t, path("progressive.jpg[interlace]"), rgb, testW, testH, 3, vipstest.SRGB)
	vipstest.Save(t, path("good.png"), rgb, testW, testH, 3, vipstest.SRGB)
	half := func(name string) string {
		b, err := os.ReadFile(path(name))
		if err != nil {
			t.Fatal(err)
		}
		return writeFile(t, path("half-"+name), b[:len(b)/2])
	}
	grey := func(w, h uint32, more ...tag) tiffPage {
		tags := []tag{{256, []uint32{w}}, {257, []uint32{h}}, {258, []uint32{8}}, {259, []uint32{1}}, {262, []uint32{1}}, {277, []uint32{1}}}
		for _, m := range more {
			tags = insert(tags, m)
		}
		return tiffPage{tags, [][]byte{make([]byte, 100)}}
	}
	loop := encodeTIFF(grey(10, 10))
	copy(loop[len(loop)-4:], loop[4:8])
	for _, c := range []struct {
		reason, path string
		o            Options
		want         string // part of the message
	}{
		{"no such file", path("absent.tif"), Options{}, "no such file"},
		{"a folder", dir, Options{}, "is a folder"},
		{"empty", writeFile(t, path("empty.tif"), nil), Options{}, "is empty or cut off"},
		{"another format", writeFile(t, path("a.svg"), []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")), Options{}, "not a TIFF, JPEG or PNG"},
		{"a TIFF cut off", half("good.tif"), Options{}, "ends within its directories"},
		{"a tiled TIFF cut off", half("good.tiff"), Options{}, "ends within its directories"},
		{"a JPEG cut off", half("good.jpg"), Options{}, "cut off"},
		{"a PNG cut off", half("good.png"), Options{}, "cut off"},
		{"more pixels than allowed", path("good.tif"), Options{MaxPixels: 1000}, "300 x 210 pixels, more than the limit of 1000"},
		{"more memory than allowed", path("progressive.jpg"), Options{MaxMemory: 100 << 10}, "convert it to a tiled TIFF"},
		{"more disk than allowed", path("good.jpg"), Options{MaxScratch: 100 << 10}, "MaxScratch"},
		{"a header that lies about strips", writeFile(t, path("lie.tif"), encodeTIFF(grey(1<<20, 1<<13))), Options{}, ""},
		{"a size beyond all limits", writeFile(t, path("huge.tif"), encodeTIFF(grey(1<<31, 1<<31))), Options{}, "MaxPixels"},
		{"huge tiles", writeFile(t, path("tiles.tif"), encodeTIFF(grey(1<<16, 1<<16, tag{322, []uint32{1 << 16}}, tag{323, []uint32{1 << 16}}))), Options{}, "MaxMemory"},
		{"no size", writeFile(t, path("nosize.tif"), encodeTIFF(grey(0, 0))), Options{}, "0 x 0 pixels"},
		{"directories in a circle", writeFile(t, path("loop.tif"), loop), Options{}, "runs in a circle"},
		{"a stack of grey pictures", writeFile(t, path("stack.tif"), encodeTIFF(grey(10, 10), grey(10, 10))), Options{}, "stack of 2 grey pictures"},
		{"tiles of one channel each", writeFile(t, path("planar.tif"), encodeTIFF(tiffPage{[]tag{{256, []uint32{16}}, {257, []uint32{16}}, {258, []uint32{8}}, {259, []uint32{1}},
			{262, []uint32{2}}, {277, []uint32{3}}, {284, []uint32{2}}, {322, []uint32{16}}, {323, []uint32{16}}}, [][]byte{make([]byte, 256)}})), Options{}, "planarconfig contig"},
		{"JPEG 2000 in TIFF", writeFile(t, path("jp2.tif"), encodeTIFF(tiffPage{[]tag{{256, []uint32{10}}, {257, []uint32{10}}, {258, []uint32{8}}, {259, []uint32{34712}},
			{262, []uint32{1}}, {277, []uint32{1}}}, [][]byte{make([]byte, 100)}})), Options{}, "installed libvips"},
		{"32 bits", writeFile(t, path("deep.tif"), encodeTIFF(tiffPage{[]tag{{256, []uint32{5}}, {257, []uint32{5}}, {258, []uint32{32}}, {259, []uint32{1}}, {262, []uint32{1}}, {277, []uint32{1}}},
			[][]byte{make([]byte, 100)}})), Options{}, "neither 8 nor 16 bits"},
		{"an unknown compression", writeFile(t, path("odd.tif"), encodeTIFF(tiffPage{[]tag{{256, []uint32{10}}, {257, []uint32{10}}, {258, []uint32{8}}, {259, []uint32{60000}}, {262, []uint32{1}}, {277, []uint32{1}}},
			[][]byte{make([]byte, 100)}})), Options{}, ""},
	} {
		err := readAll(c.path, c.o)
		var fe *format.Error
		if !errors.As(err, &fe) || fe.Path != c.path || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q, want a *format.Error on %s with %q", c.reason, err, c.path, c.want)
		}
		if c.reason == "no such file" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v is not fs.ErrNotExist", c.reason, err)
		}
	}
}

// readAll reads a picture in every way, and returns the first error.
func readAll(path string, o Options) error {
	p, err := Open(path, o)
	if err != nil {
		return err
	}
	defer p.Close()
	ctx := context.Background()
	for _, err := range p.Rows(ctx, image.Rect(0, 0, p.Width(), p.Height())) {
		if err != nil {
			return err
		}
	}
	if _, err := p.Region(ctx, p.Width()/2-5, p.Height()/2-5, 10, 10, Mirror); err != nil {
		return err
	}
	_, err = p.Shrink(ctx, 10)
	return err
}

func TestClosedAndStopped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	vipstest.Save(t, path, tissue(testW, testH), testW, testH, 3, vipstest.SRGB)
	p := open(t, path, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Region(ctx, 0, 0, 5, 5, Mirror); !errors.Is(err, context.Canceled) {
		t.Errorf("a region after the end of the context: %v", err)
	}
	if _, err := p.Region(context.Background(), 0, 0, 5, 5, Mirror); err != nil {
		t.Errorf("the next call: %v", err)
	}
	p.Close()
	if _, err := p.Region(context.Background(), 0, 0, 5, 5, Mirror); !errors.Is(err, ErrClosed) {
		t.Errorf("a region of a closed picture: %v", err)
	}
	for _, err := range p.Rows(context.Background(), image.Rect(0, 0, 5, 5)) {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("rows of a closed picture: %v", err)
		}
	}
}

// TestHer2st reads a real full-resolution JPEG in every way.
func TestHer2st(t *testing.T) {
	path := goldentest.Path(t, "data", "her2st", "images", "C6.jpg")
	p := open(t, path, Options{})
	img, err := p.Shrink(context.Background(), 600)
	if err != nil {
		t.Fatal(err)
	}
	if img.Width != 600 || img.Height < 500 || p.Width() < 9000 {
		t.Errorf("%d x %d pixels of %d x %d", img.Width, img.Height, p.Width(), p.Height())
	}
	at := image.Rect(4000, 300, 4200, 500)
	want := make([]uint8, 0, at.Dx()*at.Dy()*3)
	for b, err := range p.Rows(context.Background(), at) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, b.Pix...)
	}
	got, err := p.Region(context.Background(), at.Min.X, at.Min.Y, at.Dx(), at.Dy(), Mirror)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Region and Rows differ: %v", err)
	}
}

// TestLarge makes a picture of 30,000 x 30,000 pixels, 2.7 GB unpacked.
func TestLarge(t *testing.T) {
	if os.Getenv("SPATIALGO_LARGE") == "" {
		t.Skip("takes a minute: set SPATIALGO_LARGE=1")
	}
	const n = 30_000
	path := filepath.Join(t.TempDir(), "large.tif")
	vipstest.SaveRamp(t, path, n, n)
	p := open(t, path, Options{})
	before := readertest.PeakMemory(t)
	y := 0
	for b, err := range p.Rows(context.Background(), image.Rect(0, 0, n, n)) {
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []int{0, 12345, n - 1} {
			if got, want := b.Pix[3*x:3*x+3], []uint8{uint8(x / 4), uint8(x/8 + 30), uint8(x/64 + 60)}; !bytes.Equal(got, want) {
				t.Fatalf("pixel %d, %d is %v, want %v", x, b.Y, got, want)
			}
		}
		y += b.Rows
	}
	if y != n {
		t.Errorf("%d rows, want %d", y, n)
	}
	got, err := p.Region(context.Background(), 29_900, 29_900, 200, 200, Mirror)
	if err != nil || len(got) != 200*200*3 {
		t.Error(err)
	}
	after := readertest.PeakMemory(t)
	t.Logf("peak memory %d MiB before, %d MiB after", before>>20, after>>20)
	if after > 600<<20 {
		t.Errorf("reading it took %d MiB", after>>20)
	}
}

// BenchmarkRows decodes 4 million pixels of each kind.
func BenchmarkRows(b *testing.B) {
	const n = 2048
	rgb := tissue(n, n)
	for _, file := range []string{
		"strips.tif", "tiles.tif[tile,tile-width=256,tile-height=256,compression=jpeg]", "deflate.tif[tile,tile-width=256,tile-height=256,compression=deflate]", "a.jpg", "a.png",
	} {
		name, _, _ := strings.Cut(file, "[")
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			vipstest.Save(b, filepath.Join(dir, file), rgb, n, n, 3, vipstest.SRGB)
			for b.Loop() {
				p, err := Open(filepath.Join(dir, name), Options{})
				if err != nil {
					b.Fatal(err)
				}
				for _, err := range p.Rows(context.Background(), image.Rect(0, 0, n, n)) {
					if err != nil {
						b.Fatal(err)
					}
				}
				p.Close()
			}
			b.ReportMetric(n*n*float64(b.N)/1e6/b.Elapsed().Seconds(), "Mpixel/s")
		})
	}
}

// BenchmarkRegion reads windows of 178 pixels here and there.
func BenchmarkRegion(b *testing.B) {
	const n = 2048
	dir := b.TempDir()
	rgb := tissue(n, n)
	for _, file := range []string{"tiles.tif[tile,tile-width=256,tile-height=256,compression=jpeg]", "a.jpg"} {
		name, _, _ := strings.Cut(file, "[")
		b.Run(name, func(b *testing.B) {
			vipstest.Save(b, filepath.Join(dir, file), rgb, n, n, 3, vipstest.SRGB)
			p := open(b, filepath.Join(dir, name), Options{})
			k := 0
			for b.Loop() {
				if _, err := p.Region(context.Background(), k*997%(n-178), k*7%(n-178), 178, 178, Mirror); err != nil {
					b.Fatal(err)
				}
				k++
			}
		})
	}
}

// BenchmarkShrink averages 4 million pixels down to a hires picture.
func BenchmarkShrink(b *testing.B) {
	const n = 2048
	dir := b.TempDir()
	vipstest.Save(b, dir+"/a.tif", tissue(n, n), n, n, 3, vipstest.SRGB)
	p := open(b, dir+"/a.tif", Options{})
	for b.Loop() {
		if _, err := p.Shrink(context.Background(), 600); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(n*n*float64(b.N)/1e6/b.Elapsed().Seconds(), "Mpixel/s")
}
