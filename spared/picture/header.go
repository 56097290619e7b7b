package picture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// fileFormat is a file format, in the order of vips.h.
type fileFormat int

const (
	formatTIFF fileFormat = iota
	formatJPEG
	formatPNG
)

// place is where in a file a picture, or one channel of it, lies; see vips.h.
type place struct{ page, subifd, shrink int }

// level is the picture at one resolution.
type level struct {
	at            []place // one, or one a channel
	width, height int
	tileW, tileH  int   // of a picture in tiles, which are read in any order; else 0
	memory        int64 // bytes that decoding sets aside at once, whatever is read
	alpha         bool  // the last of 2 or 4 channels is alpha
}

// header is what a file's first bytes say, before anything is decoded.
type header struct {
	format fileFormat
	name   string // "TIFF", "BigTIFF", "JPEG" or "PNG"
	bits   int    // of a sample in the file
	levels []level
}

// readHeader tells the format by content and reads what there is to know.
func readHeader(r io.ReaderAt) (header, error) {
	var b [8]byte
	if n, err := r.ReadAt(b[:], 0); err != nil && n < 4 {
		return header{}, errors.New("the file ends within its first bytes; it is empty or cut off")
	}
	switch string(b[:4]) {
	case "II*\x00", "MM\x00*", "II+\x00", "MM\x00+":
		return tiffHeader(r)
	case "\x89PNG":
		return pngHeader(r)
	}
	if string(b[:3]) == "\xff\xd8\xff" {
		return jpegHeader(r)
	}
	return header{}, errors.New("is not a TIFF, JPEG or PNG picture; convert it to one of these")
}

// tiffHeader lays out the levels of a TIFF file: its first picture, and the
// smaller copies of it among the other directories (as libvips and Aperio
// write pyramids) and below the first (as OME-TIFF does).
func tiffHeader(r io.ReaderAt) (header, error) {
	pages, subs, big, err := readTIFF(r)
	if err != nil {
		return header{}, err
	}
	h := header{format: formatTIFF, name: "TIFF", bits: pages[0].bits}
	if big {
		h.name = "BigTIFF"
	}
	full := pages[0]
	if full.planar == 2 && full.samples > 1 && full.tileW > 0 {
		return header{}, errors.New("it is in tiles of one channel each, which libvips does not read; save it with the channels of a pixel side by side (planarconfig contig)")
	}
	channels, err := planes(pages)
	if err != nil {
		return header{}, err
	}
	at := make([]place, channels)
	for i := range at {
		at[i] = place{page: i, subifd: -1}
	}
	h.levels = []level{full.level(at)}
	if channels > 1 {
		return h, nil // levels of planes, if any, are not used
	}
	for i, d := range pages[1:] {
		if d.smaller(full) {
			h.levels = append(h.levels, d.level([]place{{page: i + 1, subifd: -1}}))
		}
	}
	for i, d := range subs {
		if d.smaller(full) {
			h.levels = append(h.levels, d.level([]place{{page: 0, subifd: i}}))
		}
	}
	return h, nil
}

// planes returns how many directories make up the picture: 3 or 4 where each
// holds one channel (a "channel first" array, as tifffile writes it), else 1.
func planes(pages []directory) (int, error) {
	first, n := pages[0], 1
	if first.samples != 1 {
		return 1, nil
	}
	for _, d := range pages[1:] {
		if d.samples == 1 && d.width == first.width && d.height == first.height && d.bits == first.bits {
			n++
		}
	}
	switch {
	case n == 1 || n == 3 || n == 4:
		return n, nil
	}
	return 0, fmt.Errorf("it is a stack of %d grey pictures of one size, want 1 (grey), 3 (red, green, blue) or 4 (and one more, which is dropped); export the one to use", n)
}

// smaller tells whether d is the picture full at a lower resolution: the same
// channels, and the same proportions as far as whole pixels allow.
func (d directory) smaller(full directory) bool {
	if d.samples != full.samples || d.bits != full.bits || d.width >= full.width || d.height >= full.height || d.width < 1 || d.height < 1 {
		return false
	}
	// Sides are rounded at each halving, so that a level may be off by some
	// pixels; labels and overviews of whole-slide files are off by far more.
	fx, fy := float64(full.width)/float64(d.width), float64(full.height)/float64(d.height)
	slack := 3 * max(1/float64(d.width), 1/float64(d.height))
	return fx/fy < 1+slack && fy/fx < 1+slack
}

// level describes a directory as libvips will read it.
func (d directory) level(at []place) level {
	l := level{at: at, width: d.width, height: d.height, alpha: d.alpha}
	pixel := times(max(d.samples, len(at)), (d.bits+7)/8)
	switch {
	case d.tileW > 0 && d.tileH > 0:
		l.tileW, l.tileH = d.tileW, d.tileH
		// libvips keeps two rows of tiles.
		across := (d.width + d.tileW - 1) / d.tileW
		l.memory = times(2*(across+1), d.tileW, d.tileH, int(pixel))
	case d.planar == 2:
		l.memory = times(d.width, d.rowsPerStrip, int(pixel)) // whole strips
	default:
		l.memory = times(d.width, int(pixel)) // line by line
	}
	return l
}

// times multiplies counts, and returns the largest number there is where the
// product is larger or one of them is negative.
func times(factors ...int) int64 {
	const most = 1<<63 - 1
	p := int64(1)
	for _, f := range factors {
		if f == 0 {
			return 0
		}
		if f < 0 || p > most/int64(f) {
			return most
		}
		p *= int64(f)
	}
	return p
}

// jpegHeader reads the frame header (ITU T.81, B.2.2), which may stand behind
// any number of other segments.
func jpegHeader(r io.ReaderAt) (header, error) {
	const maxSegments = 4096
	var b [9]byte
	at := int64(2)
	for range maxSegments {
		if _, err := r.ReadAt(b[:4], at); err != nil {
			return header{}, fmt.Errorf("the JPEG ends before its frame header: %w", io.ErrUnexpectedEOF)
		}
		marker, length := b[1], int64(binary.BigEndian.Uint16(b[2:]))
		switch {
		case b[0] != 0xff:
			return header{}, errors.New("the JPEG is damaged: no marker where a segment should begin")
		case marker == 0xff: // filling
			at++
			continue
		case marker == 0x01 || marker >= 0xd0 && marker <= 0xd8: // no length
			at += 2
			continue
		case marker == 0xd9 || marker == 0xda:
			return header{}, errors.New("the JPEG has no frame header")
		case marker < 0xc0 || marker > 0xcf || marker == 0xc4 || marker == 0xc8 || marker == 0xcc:
			at += 2 + max(2, length)
			continue
		}
		if _, err := r.ReadAt(b[:6], at+4); err != nil {
			return header{}, fmt.Errorf("the JPEG ends in its frame header: %w", io.ErrUnexpectedEOF)
		}
		h := header{format: formatJPEG, name: "JPEG", bits: int(b[0])}
		height, width := int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
		memory := times(width, 64, 4)
		if marker&3 == 2 {
			// Progressive: all coefficients, 16 bits each, before the first row.
			memory = times(width, height, int(b[5]), 2)
		}
		for _, s := range []int{1, 2, 4, 8} {
			l := level{at: []place{{subifd: -1, shrink: s}}, width: width / s, height: height / s, memory: memory}
			if s == 1 || l.width > 0 && l.height > 0 {
				h.levels = append(h.levels, l)
			}
		}
		return h, nil
	}
	return header{}, fmt.Errorf("the JPEG has more than %d segments before its frame header", maxSegments)
}

// pngHeader reads the IHDR chunk, the first of every PNG file.
func pngHeader(r io.ReaderAt) (header, error) {
	var b [29]byte
	if _, err := r.ReadAt(b[:], 0); err != nil {
		return header{}, fmt.Errorf("the PNG ends in its header: %w", io.ErrUnexpectedEOF)
	}
	if string(b[:8]) != "\x89PNG\r\n\x1a\n" || string(b[12:16]) != "IHDR" {
		return header{}, errors.New("the PNG is damaged: it does not begin with its header")
	}
	width, height := int(binary.BigEndian.Uint32(b[16:])), int(binary.BigEndian.Uint32(b[20:]))
	memory := times(width, 8)
	if b[28] != 0 {
		memory = times(width, height, 8) // interlaced: all passes at once
	}
	l := level{at: []place{{subifd: -1}}, width: width, height: height, memory: memory, alpha: true}
	return header{format: formatPNG, name: "PNG", bits: int(b[24]), levels: []level{l}}, nil
}
