package picture

// #cgo pkg-config: vips
// #include "vips.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"unsafe"
)

// start starts libvips once in a process.
var start = sync.OnceValue(func() error {
	if C.picture_start() != 0 {
		return fmt.Errorf("libvips does not start: %w", vipsError())
	}
	return nil
})

// maxMessage bounds what of libvips's messages becomes part of an error.
const maxMessage = 300

// vipsError is what libvips says, each line once, on one line.
func vipsError() error {
	c := C.picture_error()
	defer C.g_free(C.gpointer(c))
	var lines []string
	seen := map[string]bool{}
	for line := range strings.Lines(C.GoString(c)) {
		if line = strings.TrimSpace(line); line != "" && !seen[line] {
			seen[line] = true
			lines = append(lines, line)
		}
	}
	msg := strings.ToValidUTF8(strings.Join(lines, "; "), "?")
	if len(msg) > maxMessage {
		msg = strings.ToValidUTF8(msg[:maxMessage], "") + "..."
	}
	if msg == "" {
		msg = "libvips gives no reason"
	}
	return errors.New(msg)
}

// decoder reads one picture of a file through libvips. Its methods may be
// called from many goroutines; of a sequential one, rows must be asked for
// from top to bottom.
type decoder struct {
	image         *C.VipsImage
	width, height int
	bands         int  // 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
	wide          bool // 16 bits a sample, else 8
	alpha         bool // the last of 2 or 4 bands is to be used as alpha
}

// openDecoder opens the picture that lies at these places of a file: one, or
// three or four that hold one channel each.
func openDecoder(path string, format fileFormat, at []place, sequential bool, alpha bool) (*decoder, error) {
	if err := start(); err != nil {
		return nil, err
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var images []*C.VipsImage
	defer func() {
		for _, im := range images {
			C.picture_close(im)
		}
	}()
	for _, p := range at {
		c := C.picture_place{format: C.int(format), page: C.int(p.page), subifd: C.int(p.subifd), shrink: C.int(max(1, p.shrink))}
		flag := C.int(0)
		if sequential {
			flag = 1
		}
		im := C.picture_open(name, c, flag)
		if im == nil {
			return nil, vipsError()
		}
		images = append(images, im)
	}
	if len(images) > 1 {
		im := C.picture_join(&images[0], C.int(len(images)))
		if im == nil {
			return nil, vipsError()
		}
		images = append(images, im)
	}
	d := &decoder{alpha: alpha}
	if err := d.take(images[len(images)-1]); err != nil {
		return nil, err
	}
	images = images[:len(images)-1]
	return d, nil
}

// take makes the image the decoder's own if its pixels are of a kind that
// becomes 8-bit RGB.
func (d *decoder) take(im *C.VipsImage) error {
	d.width, d.height, d.bands = int(im.Xsize), int(im.Ysize), int(im.Bands)
	switch im.BandFmt {
	case C.VIPS_FORMAT_UCHAR:
	case C.VIPS_FORMAT_USHORT:
		d.wide = true
	default:
		return errors.New("its samples are neither 8 nor 16 bits of whole numbers without sign; convert it to 8-bit RGB")
	}
	if d.bands < 1 || d.bands > 4 {
		return fmt.Errorf("it has %d channels, want 1 to 4 (grey or RGB, with or without alpha); export it as RGB", d.bands)
	}
	d.image = im
	return nil
}

func (d *decoder) close() {
	if d.image != nil {
		C.picture_close(d.image)
		d.image = nil
	}
}

// read decodes a rectangle inside the picture as 8-bit RGB, [h][w][3].
func (d *decoder) read(x, y, w, h int, dst []uint8) error {
	if d.bands == 3 && !d.wide {
		return d.raw(x, y, w, h, unsafe.Pointer(&dst[0]))
	}
	if !d.wide {
		src := make([]uint8, w*h*d.bands)
		if err := d.raw(x, y, w, h, unsafe.Pointer(&src[0])); err != nil {
			return err
		}
		pack(dst, src, d.bands, d.alpha)
		return nil
	}
	src := make([]uint16, w*h*d.bands)
	if err := d.raw(x, y, w, h, unsafe.Pointer(&src[0])); err != nil {
		return err
	}
	narrow := make([]uint8, len(src))
	for i, v := range src {
		narrow[i] = to8[v]
	}
	pack(dst, narrow, d.bands, d.alpha)
	return nil
}

func (d *decoder) raw(x, y, w, h int, dst unsafe.Pointer) error {
	if C.picture_read(d.image, C.int(x), C.int(y), C.int(w), C.int(h), dst) != 0 {
		return vipsError()
	}
	return nil
}
