package visium

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// setFullRes records the full-resolution picture and its size: the given one,
// or the only one that lies in or beside the folder. A given one must be
// readable; one that was only found is kept without a size where it is not.
func setFullRes(s *slide.Slide, dir, given string) error {
	path := given
	if path == "" {
		path = findFullRes(dir)
	}
	if path == "" {
		return nil
	}
	w, h, err := pictureSize(path)
	if err != nil && given != "" {
		return err
	}
	s.FullRes, s.FullResSize = path, [2]int{w, h}
	return nil
}

// findFullRes looks for the picture in the folder, then in its parent. The
// parent of a folder "outs" is the slide's own; any other may hold several
// slides, so there the picture's name must begin with the folder's.
func findFullRes(dir string) string {
	abs := absolute(dir)
	prefix := filepath.Base(abs)
	if prefix == "outs" {
		prefix = ""
	}
	for _, place := range []struct{ dir, prefix string }{{dir, ""}, {filepath.Dir(abs), prefix}} {
		l, err := list(place.dir)
		if err != nil {
			continue
		}
		var found []string
		for _, n := range l.names {
			if strings.HasPrefix(n, place.prefix) && isFullResName(n) && !l.isDir(n) {
				found = append(found, n)
			}
		}
		if len(found) == 1 {
			return filepath.Join(place.dir, found[0])
		}
	}
	return ""
}

// isFullResName knows the names that full-resolution pictures go by: image.tif,
// source_image.jpg, <sample>_image.tif, and any that say full-res.
func isFullResName(name string) bool {
	name = strings.ToLower(name)
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	switch ext {
	case ".tif", ".tiff", ".btf", ".jpg", ".jpeg", ".png":
	default:
		return false
	}
	if containsAny(stem, "hires", "lowres", "aligned", "detected", "cytassist", "fiducial") {
		return false
	}
	return stem == "image" || strings.HasSuffix(stem, "_image") || containsAny(stem, "fullres", "full_res", "full-res")
}

// pictureSize returns width and height of a picture from its header.
func pictureSize(path string) (w, h int, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, 0, fileError(path, err)
	}
	if !st.Mode().IsRegular() {
		return 0, 0, format.Errorf(path, "", "is a %s, want a picture file", kindOf(st.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, fileError(path, err)
	}
	defer f.Close()
	w, h, err = headerSize(f)
	if err != nil {
		return 0, 0, format.Errorf(path, "", "has no picture's header: %w", err)
	}
	return w, h, nil
}

// headerSize reads the size from a header.
func headerSize(r io.ReaderAt) (w, h int, err error) {
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
	c, err := codecOf(magic[:])
	if err != nil {
		return 0, 0, err
	}
	conf, err := c.config(io.NewSectionReader(r, 0, math.MaxInt64))
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
