package picture_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/spared/picture"
)

// gradient writes a PNG of 400 x 300 pixels, red from left to right.
func gradient(dir string) string {
	img := image.NewRGBA(image.Rect(0, 0, 400, 300))
	for i := range 400 * 300 {
		img.Set(i%400, i/400, color.RGBA{uint8(i % 400 / 2), 0, 100, 255})
	}
	path := filepath.Join(dir, "image.png")
	f, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		log.Fatal(err)
	}
	return path
}

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	p, err := picture.Open(gradient(dir), picture.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	fmt.Println(p.Format(), p.Width(), "x", p.Height(), "pixels,", p.Bits(), "bits")

	// Four pixels across the right border: the picture goes on mirrored.
	pix, err := p.Region(context.Background(), 396, 10, 8, 1, picture.Mirror)
	if err != nil {
		log.Fatal(err)
	}
	for i := 0; i < len(pix); i += 3 {
		fmt.Println("red", pix[i])
	}

	small, err := p.Shrink(context.Background(), 100)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(small.Width, "x", small.Height)
	// Output:
	// PNG 400 x 300 pixels, 8 bits
	// red 198
	// red 198
	// red 199
	// red 199
	// red 199
	// red 199
	// red 198
	// red 198
	// 100 x 75
}

func ExamplePicture_Rows() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	p, err := picture.Open(gradient(dir), picture.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	var red, n int
	for band, err := range p.Rows(context.Background(), image.Rect(0, 0, p.Width(), p.Height())) {
		if err != nil {
			log.Fatal(err)
		}
		for i := 0; i < len(band.Pix); i += 3 {
			red += int(band.Pix[i])
			n++
		}
	}
	fmt.Printf("mean red %.1f over %d pixels\n", float64(red)/float64(n), n)
	// Output: mean red 99.5 over 120000 pixels
}
