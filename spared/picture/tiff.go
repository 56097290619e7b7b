package picture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
)

// Numbers of TIFF tags (TIFF 6.0; sub-directories: TIFF Technical Note 1).
const (
	tagSubfileType  = 254
	tagWidth        = 256
	tagHeight       = 257
	tagBits         = 258
	tagSamples      = 277
	tagRowsPerStrip = 278
	tagPlanar       = 284
	tagTileWidth    = 322
	tagTileHeight   = 323
	tagSubIFDs      = 330
	tagExtraSamples = 338
)

const (
	// maxDirectories bounds the pictures looked at in one TIFF file. Whole-slide
	// files hold some ten; a stack has no place here.
	maxDirectories = 1024
	// maxTags bounds the tags of one directory. Files in the wild have some 30.
	maxTags = 4096
	// maxSubIFDs bounds the levels of a pyramid: halving, 2^30 pixels are gone.
	maxSubIFDs = 32
)

// directory is what one TIFF directory says about its picture.
type directory struct {
	width, height int
	samples, bits int
	planar        int // 1 RGBRGB, 2 one plane a channel
	tileW, tileH  int // 0 where it is in strips
	rowsPerStrip  int
	alpha         bool // the channel beyond the colours is alpha (ExtraSamples 1 or 2)
	reduced       bool // says of itself that it is a smaller copy of another
	subs          []int64
	next          int64
}

// tiffFile reads numbers of a TIFF file until the first error.
type tiffFile struct {
	rawfile.Numbers
	// Sizes in bytes: 4, 2 and 12 in a classic file, 8, 8 and 20 in a BigTIFF.
	offset, count, tag int64
}

// readTIFF returns the directories of a file: those of the main chain, and
// those below the first one.
func readTIFF(r io.ReaderAt) (pages, subs []directory, big bool, err error) {
	var magic [4]byte
	if _, err := r.ReadAt(magic[:], 0); err != nil {
		return nil, nil, false, err
	}
	t := &tiffFile{Numbers: rawfile.Numbers{R: r, Order: binary.LittleEndian}, offset: 4, count: 2, tag: 12}
	if magic[0] == 'M' {
		t.Order = binary.BigEndian
	}
	at := int64(4)
	if big = magic[2] == '+' || magic[3] == '+'; big {
		t.offset, t.count, t.tag, at = 8, 8, 20, 8
	}
	seen := map[int64]bool{}
	for at = t.Uint(at, t.offset); at != 0 && t.Err == nil; {
		if seen[at] || len(pages) == maxDirectories {
			return nil, nil, big, fmt.Errorf("its chain of directories runs in a circle or holds more than %d", maxDirectories)
		}
		seen[at] = true
		d := t.directory(at)
		pages, at = append(pages, d), d.next
	}
	if t.Err == nil && len(pages) > 0 {
		for _, at := range pages[0].subs {
			subs = append(subs, t.directory(at))
		}
	}
	switch {
	case errors.Is(t.Err, io.EOF):
		return nil, nil, big, fmt.Errorf("the file ends within its directories: %w", io.ErrUnexpectedEOF)
	case t.Err != nil:
		return nil, nil, big, t.Err
	case len(pages) == 0:
		return nil, nil, big, errors.New("it has no directory")
	}
	return pages, subs, big, nil
}

// directory reads the directory at an offset.
func (t *tiffFile) directory(at int64) directory {
	d := directory{samples: 1, bits: 1, planar: 1}
	n := t.Uint(at, t.count)
	if n < 0 || n > maxTags {
		t.fail(fmt.Errorf("a directory with %d tags", n))
		return d
	}
	at += t.count
	for range n {
		if t.Err != nil {
			return d
		}
		t.into(&d, at)
		at += t.tag
	}
	d.next = t.Uint(at, t.offset)
	if d.rowsPerStrip <= 0 || d.rowsPerStrip > d.height {
		d.rowsPerStrip = d.height // the default: one strip
	}
	return d
}

// into takes the tag at an offset into the directory.
func (t *tiffFile) into(d *directory, at int64) {
	switch t.Uint(at, 2) {
	case tagSubfileType:
		d.reduced = t.value(at)&1 != 0
	case tagWidth:
		d.width = int(t.value(at))
	case tagHeight:
		d.height = int(t.value(at))
	case tagBits:
		d.bits = int(t.value(at))
	case tagExtraSamples:
		v := t.value(at)
		d.alpha = v == 1 || v == 2
	case tagSamples:
		d.samples = int(t.value(at))
	case tagRowsPerStrip:
		d.rowsPerStrip = int(t.value(at))
	case tagPlanar:
		d.planar = int(t.value(at))
	case tagTileWidth:
		d.tileW = int(t.value(at))
	case tagTileHeight:
		d.tileH = int(t.value(at))
	case tagSubIFDs:
		d.subs = t.values(at)
	}
}

func (t *tiffFile) fail(err error) {
	if t.Err == nil {
		t.Err = err
	}
}

// sizeOf is the length of a tag's values by its type: BYTE, SHORT, LONG, IFD,
// LONG8, IFD8; others hold no whole numbers.
func sizeOf(kind int64) int64 {
	switch kind {
	case 1:
		return 1
	case 3:
		return 2
	case 4, 13:
		return 4
	case 16, 18:
		return 8
	}
	return 0
}

// value is the first value of the tag at an offset, 0 where it has none.
func (t *tiffFile) value(at int64) int64 {
	v := t.some(at, 1)
	if len(v) == 0 {
		return 0
	}
	return v[0]
}

// values are those of a tag that holds offsets of directories.
func (t *tiffFile) values(at int64) []int64 { return t.some(at, maxSubIFDs) }

// some reads up to limit values. They lie in the tag where they fit, else
// where the tag points.
func (t *tiffFile) some(at, limit int64) []int64 {
	size, n := sizeOf(t.Uint(at+2, 2)), t.Uint(at+4, t.offset)
	if size == 0 || n <= 0 {
		return nil
	}
	from := at + 4 + t.offset
	if n > t.offset/size {
		from = t.Uint(from, t.offset)
	}
	var v []int64
	for i := range min(n, limit) {
		v = append(v, t.Uint(from+i*size, size))
	}
	return v
}
