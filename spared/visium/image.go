package visium

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/tiff"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/slide"
)

const (
	// maxPixels bounds the hires and lowres pictures. Space Ranger makes them
	// 2000 to 6000 pixels wide.
	maxPixels = 64 << 20
	// maxPixelsPerByte is what the densest codec, DEFLATE over 1-bit pixels,
	// can reach. A header that promises more lies.
	maxPixelsPerByte = 8 * 1032
)

// codec is a picture format.
type codec struct {
	name   string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// codecOf tells the format by a file's first bytes. The registry of package
// image would do so too, but hides from package tiff that the bytes are at
// hand, and package tiff then sets aside as much as any offset in the file
// says, up to 4 GB.
func codecOf(head []byte) (codec, error) {
	switch h := string(head); {
	case strings.HasPrefix(h, "\x89PNG"):
		return codec{"PNG", png.DecodeConfig, png.Decode}, nil
	case strings.HasPrefix(h, "\xff\xd8"):
		return codec{"JPEG", jpeg.DecodeConfig, jpeg.Decode}, nil
	case strings.HasPrefix(h, "II*\x00"), strings.HasPrefix(h, "MM\x00*"):
		return codec{"TIFF", tiff.DecodeConfig, tiff.Decode}, nil
	}
	return codec{}, errors.New("is not a PNG, JPEG or TIFF picture")
}

// decodePicture reads a PNG, JPEG or TIFF picture as 8-bit RGB. Transparent
// pixels are laid over white, gray becomes R = G = B, and of 16-bit samples
// the high byte is kept.
func decodePicture(path string, data []byte) (pic *slide.Image, err error) {
	// The decoders are foreign code that meets files from anywhere.
	defer func() {
		if p := recover(); p != nil {
			pic, err = nil, format.Errorf(path, "", "the picture is damaged: %v", p)
		}
	}()
	c, err := codecOf(data)
	if err != nil {
		return nil, format.Errorf(path, "", "%w", err)
	}
	conf, err := c.config(bytes.NewReader(data))
	if err != nil {
		return nil, format.Errorf(path, "", "the %s picture cannot be read: %w", c.name, err)
	}
	if err := checkSize(conf.Width, conf.Height, len(data)); err != nil {
		return nil, format.Errorf(path, "", "%s picture: %w", c.name, err)
	}
	img, err := c.decode(bytes.NewReader(data))
	if err != nil {
		return nil, format.Errorf(path, "", "the %s picture is damaged or cut off: %w", c.name, err)
	}
	return toRGB(img), nil
}

// checkSize refuses pictures before memory is set aside for them.
func checkSize(w, h, size int) error {
	switch {
	case w <= 0 || h <= 0:
		return fmt.Errorf("its header says %d x %d pixels", w, h)
	case w > maxPixels/h:
		return fmt.Errorf("%d x %d pixels are more than the %d million that a hires or lowres picture may have; a full-resolution picture belongs beside the folder spatial, not in it", w, h, maxPixels>>20)
	case w*h/maxPixelsPerByte > size:
		return fmt.Errorf("its header promises %d x %d pixels, which %d bytes cannot hold", w, h, size)
	}
	return nil
}

// toRGB lays a picture over white and packs it.
func toRGB(img image.Image) *slide.Image {
	b := img.Bounds()
	flat := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	if o, ok := img.(interface{ Opaque() bool }); ok && o.Opaque() {
		draw.Draw(flat, flat.Rect, img, b.Min, draw.Src)
	} else {
		draw.Draw(flat, flat.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
		draw.Draw(flat, flat.Rect, img, b.Min, draw.Over)
	}
	pic := &slide.Image{Width: b.Dx(), Height: b.Dy(), Pix: make([]uint8, 3*b.Dx()*b.Dy())}
	for i, j := 0, 0; j < len(flat.Pix); i, j = i+3, j+4 {
		copy(pic.Pix[i:i+3], flat.Pix[j:j+3])
	}
	return pic
}
