package picture_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/picture"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// halves writes a PNG that is black to the left of x and white from there on.
func halves(t *testing.T, w, h, x int) string {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		if i%w >= x {
			img.Pix[i] = 255
		}
	}
	path := filepath.Join(t.TempDir(), "image.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join((&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(f, img), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPreview(t *testing.T) {
	for _, c := range []struct {
		reason        string
		w, h          int
		hires, lowres [2]int
	}{
		{"wide", 4000, 1000, [2]int{2000, 500}, [2]int{600, 150}},
		{"high: the height is what counts", 1000, 3999, [2]int{500, 2000}, [2]int{150, 600}},
		{"smaller than hires", 700, 350, [2]int{700, 350}, [2]int{600, 300}},
		{"smaller than lowres", 40, 30, [2]int{40, 30}, [2]int{40, 30}},
		{"a line has a width still", 2, 3000, [2]int{1, 1500}, [2]int{1, 1500}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s := &slide.Slide{FullRes: halves(t, c.w, c.h, c.w/2)}
			if err := picture.Preview(context.Background(), s); err != nil {
				t.Fatal(err)
			}
			for _, p := range []struct {
				img   *slide.Image
				scale float64
				want  [2]int
			}{{s.Hires, s.Scale.Hires, c.hires}, {s.Lowres, s.Scale.Lowres, c.lowres}} {
				if got := [2]int{p.img.Width, p.img.Height}; got != p.want || len(p.img.Pix) != 3*got[0]*got[1] {
					t.Fatalf("%v pixels, %d bytes, want %v", got, len(p.img.Pix), p.want)
				}
				// The edge lies where the factor says.
				at := int(math.Round(float64(c.w/2) * p.scale))
				if row := p.img.Pix[:3*p.img.Width]; at > 1 && (row[3*(at-2)] != 0 || row[3*(at+1)] != 255) {
					t.Errorf("the edge is not at %d of %d", at, p.img.Width)
				}
			}
			again := &slide.Slide{FullRes: s.FullRes}
			if err := picture.Preview(context.Background(), again); err != nil || !bytes.Equal(s.Hires.Pix, again.Hires.Pix) || !bytes.Equal(s.Lowres.Pix, again.Lowres.Pix) || s.Scale != again.Scale {
				t.Errorf("another slide the second time: %v", err)
			}
		})
	}
}

func TestPreviewRefuses(t *testing.T) {
	path := halves(t, 800, 800, 400)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	s := &slide.Slide{FullRes: path}
	var fe *format.Error
	if err := picture.Preview(context.Background(), s); !errors.As(err, &fe) || fe.Path != path {
		t.Errorf("half a picture: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := picture.Preview(ctx, &slide.Slide{FullRes: halves(t, 800, 800, 400)}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
