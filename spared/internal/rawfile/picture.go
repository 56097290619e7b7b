package rawfile

import (
	"encoding/binary"
	"errors"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"os"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// PictureSize returns width and height, in pixels, of a PNG, JPEG, TIFF or
// BigTIFF picture from its header.
func PictureSize(path string) (w, h int, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, 0, FileError(path, err)
	}
	if !st.Mode().IsRegular() {
		return 0, 0, format.Errorf(path, "", "is a %s, want a picture file", kindOf(st.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, FileError(path, err)
	}
	defer f.Close()
	w, h, err = HeaderSize(f)
	if err != nil {
		return 0, 0, format.Errorf(path, "", "has no picture's header: %w", err)
	}
	return w, h, nil
}

// IsPicture tells whether a file begins as a PNG, JPEG, TIFF or BigTIFF
// picture does; "" does not.
func IsPicture(path string) bool {
	_, _, err := PictureSize(path)
	return err == nil
}

// SetFullRes records a slide's full-resolution picture, "" for none, and its
// size. A given one must be readable; one that was only found is kept without a
// size where its header is none.
func SetFullRes(s *slide.Slide, path string, given bool) error {
	if path == "" {
		return nil
	}
	w, h, err := PictureSize(path)
	if err != nil && given {
		return err
	}
	s.FullRes, s.FullResSize = path, [2]int{w, h}
	return nil
}

// HeaderSize returns width and height, in pixels, from a picture's first bytes:
// PNG, JPEG, TIFF or BigTIFF.
func HeaderSize(r io.ReaderAt) (w, h int, err error) {
	var magic [4]byte
	if _, err := r.ReadAt(magic[:], 0); err != nil {
		return 0, 0, err
	}
	switch string(magic[:]) {
	case "II*\x00", "II+\x00":
		return tiffSize(r, binary.LittleEndian, magic[2] == '+')
	case "MM\x00*", "MM\x00+":
		return tiffSize(r, binary.BigEndian, magic[3] == '+')
	}
	config := jpeg.DecodeConfig
	switch {
	case string(magic[:]) == "\x89PNG":
		config = png.DecodeConfig
	case magic[0] != 0xff || magic[1] != 0xd8:
		return 0, 0, errors.New("is not a PNG, JPEG or TIFF picture")
	}
	conf, err := config(io.NewSectionReader(r, 0, math.MaxInt64))
	return conf.Width, conf.Height, err
}

// tiffSize reads width and height of the first picture of a TIFF or BigTIFF
// file. Full-resolution pictures are BigTIFF, or hold JPEG tiles, more often
// than not, which package tiff refuses; the size is in the same two tags of
// the first directory in all of them (TIFF 6.0, section 2; BigTIFF by Aware
// Systems).
func tiffSize(r io.ReaderAt, order binary.ByteOrder, big bool) (w, h int, err error) {
	const tagWidth, tagHeight = 256, 257
	// Classic TIFF has offsets of 4 bytes, counts of 2 and tags of 12; BigTIFF
	// 8, 8 and 20.
	start, offset, count, tag := int64(4), int64(4), int64(2), int64(12)
	if big {
		start, offset, count, tag = 8, 8, 8, 20
	}
	t := tiffReader{Numbers{R: r, Order: order}}
	dir := t.Uint(start, offset)
	n := min(uint64(t.Uint(dir, count)), 4096)
	for at := dir + count; n > 0 && t.Err == nil && (w == 0 || h == 0); at, n = at+tag, n-1 {
		switch t.Uint(at, 2) {
		case tagWidth:
			w = int(t.value(at, tag-offset))
		case tagHeight:
			h = int(t.value(at, tag-offset))
		}
	}
	switch {
	case errors.Is(t.Err, io.EOF):
		return 0, 0, io.ErrUnexpectedEOF
	case t.Err != nil:
		return 0, 0, t.Err
	case w <= 0 || h <= 0:
		return 0, 0, errors.New("the first TIFF directory names no width and height")
	}
	return w, h, nil
}

// tiffReader reads the tags of a TIFF file.
type tiffReader struct{ Numbers }

// value reads the value of the tag at a place, by its type; the value stands
// at bytes into the tag.
func (t *tiffReader) value(tag, at int64) int64 {
	const short, long8 = 3, 16
	switch t.Uint(tag+2, 2) {
	case short:
		return t.Uint(tag+at, 2)
	case long8:
		return t.Uint(tag+at, 8)
	}
	return t.Uint(tag+at, 4)
}
