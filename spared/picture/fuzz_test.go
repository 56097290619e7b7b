package picture

import (
	"context"
	"errors"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/picture/internal/vipstest"
)

// FuzzOpen reads damaged files of every format to the end. Whatever the bytes,
// the answer is pixels or a *format.Error, in bounded time and memory.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	const w, h = 40, 24
	rgb := tissue(w, h)
	for _, name := range []string{
		"a.tif", "b.tif[tile,tile-width=16,tile-height=16]", "c.tif[compression=lzw]", "d.tif[compression=deflate,bigtiff]",
		"e.tif[compression=jpeg,tile,tile-width=16,tile-height=16]", "f.tif[tile,pyramid,subifd,tile-width=16,tile-height=16]",
		"g.jpg", "h.jpg[interlace]", "i.png", "j.png[interlace]",
	} {
		vipstest.Save(f, filepath.Join(dir, name), rgb, w, h, 3, vipstest.SRGB)
		file, _, _ := strings.Cut(name, "[")
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	path := filepath.Join(dir, "fuzz")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		p, err := Open(path, Options{MaxPixels: 1 << 20, MaxMemory: 16 << 20, TempDir: dir})
		if err == nil {
			defer p.Close()
			_, err = p.Region(context.Background(), p.Width()-3, -2, 9, 9, Mirror)
		}
		if err == nil {
			_, err = p.Shrink(context.Background(), 7)
		}
		if err == nil {
			for _, e := range p.Rows(context.Background(), image.Rect(3, 3, 9, 9)) {
				err = e
			}
		}
		var fe *format.Error
		if err != nil && !errors.As(err, &fe) {
			t.Fatalf("%v is not a *format.Error", err)
		}
	})
}

// FuzzHeader reads the header alone, at the speed of Go.
func FuzzHeader(f *testing.F) {
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("MM\x00+\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10"))
	f.Add([]byte("\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xc2\x00\x11\x08\x01\x00\x01\x00\x03\x01\x11\x00"))
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x10\x00\x00\x00\x10\x08\x02\x00\x00\x00"))
	page := tiffPage{[]tag{{256, []uint32{10}}, {257, []uint32{10}}, {258, []uint32{8, 8, 8}}, {277, []uint32{3}}, {330, []uint32{8, 100}}}, [][]byte{make([]byte, 300)}}
	f.Add(encodeTIFF(page, page))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHeader(strings.NewReader(string(b)))
		if err == nil && len(h.levels) == 0 {
			t.Fatal("a header without a picture")
		}
		for _, l := range h.levels {
			if l.memory < 0 {
				t.Fatalf("level %+v: negative memory", l)
			}
		}
	})
}
