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
	t := tiffReader{r: r, order: order}
	dir := t.uint(start, offset)
	n := min(uint64(t.uint(dir, count)), 4096)
	for at := dir + count; n > 0 && t.err == nil && (w == 0 || h == 0); at, n = at+tag, n-1 {
		switch t.uint(at, 2) {
		case tagWidth:
			w = int(t.value(at, tag-offset))
		case tagHeight:
			h = int(t.value(at, tag-offset))
		}
	}
	switch {
	case errors.Is(t.err, io.EOF):
		return 0, 0, io.ErrUnexpectedEOF
	case t.err != nil:
		return 0, 0, t.err
	case w <= 0 || h <= 0:
		return 0, 0, errors.New("the first TIFF directory names no width and height")
	}
	return w, h, nil
}

// tiffReader reads numbers of a TIFF file until the first error.
type tiffReader struct {
	r     io.ReaderAt
	order binary.ByteOrder
	err   error
}

// uint reads a number of 2, 4 or 8 bytes.
func (t *tiffReader) uint(at, size int64) int64 {
	var b [8]byte
	if t.err == nil {
		if at < 0 {
			t.err = io.ErrUnexpectedEOF // an offset beyond 63 bits
		} else {
			_, t.err = t.r.ReadAt(b[:size], at)
		}
	}
	switch {
	case t.err != nil:
		return 0
	case size == 2:
		return int64(t.order.Uint16(b[:]))
	case size == 4:
		return int64(t.order.Uint32(b[:]))
	}
	return int64(t.order.Uint64(b[:]))
}

// value reads the value of the tag at a place, by its type; the value stands
// at bytes into the tag.
func (t *tiffReader) value(tag, at int64) int64 {
	const short, long8 = 3, 16
	switch t.uint(tag+2, 2) {
	case short:
		return t.uint(tag+at, 2)
	case long8:
		return t.uint(tag+at, 8)
	}
	return t.uint(tag+at, 4)
}
