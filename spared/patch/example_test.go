package patch_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/spared/patch"
	"github.com/spatialgo/spatialgo/spared/picture"
)

// tissue writes a PNG of 400 x 300 pixels: pink, a dark nucleus at 100, 80.
func tissue(dir string) string {
	img := image.NewRGBA(image.Rect(0, 0, 400, 300))
	for i := range 400 * 300 {
		c := color.RGBA{230, 160, 200, 255}
		if x, y := i%400-100, i/400-80; x*x+y*y < 25 {
			c = color.RGBA{80, 40, 120, 255}
		}
		img.Set(i%400, i/400, c)
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

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx, path := context.Background(), filepath.Join(dir, "patches.h5ad")

	slide := patch.Slide{
		Name: "A1", Picture: tissue(dir), Diameter: 40.7,
		IDs: []string{"A1_AAAC-1", "A1_AAAG-1"}, X: []float64{100, 399}, Y: []float64{80, 299},
	}
	if err := patch.Write(ctx, path, []patch.Slide{slide}, patch.WriteOptions{}, nil); err != nil {
		log.Fatal(err)
	}

	f, err := patch.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	pix, err := f.Batch(ctx, []int{f.Index("A1_AAAC-1")})
	if err != nil {
		log.Fatal(err)
	}
	centre := (112*224 + 112) * 3
	fmt.Println(f.N(), "patches of", f.Size(), "pixels from windows of", f.Manifest().Slides[0].Window)
	fmt.Println("corner", pix[:3], "centre", pix[centre:centre+3])
	// Output:
	// 2 patches of 224 pixels from windows of 40
	// corner [230 160 200] centre [80 40 120]
}

func ExampleReader_All() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	p, err := picture.Open(tissue(dir), picture.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	r, err := patch.NewReader(p, []float64{300, 100, 10}, []float64{200, 80, 10}, 40.7, patch.Options{Size: 64})
	if err != nil {
		log.Fatal(err)
	}
	for one, err := range r.All(context.Background()) { // from top to bottom
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("spot", one.Spot, len(one.Pix), "bytes")
	}
	// Output:
	// spot 2 12288 bytes
	// spot 1 12288 bytes
	// spot 0 12288 bytes
}

func ExampleWindow() {
	for _, d := range []float64{178.98, 177.2} {
		w, err := patch.Window(d, 1)
		fmt.Println(w, err)
	}
	// Output:
	// 178 <nil>
	// 178 <nil>
}
