package simulate

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"io"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// Rows of a strip: a reader that wants a patch has to unpack a few strips of
// some 600 kB each.
const stripRows = 64

// Tags of TIFF 6.0 and their types.
const (
	tagImageWidth      = 256
	tagImageLength     = 257
	tagBitsPerSample   = 258
	tagCompression     = 259 // 8 = Adobe deflate
	tagPhotometric     = 262 // 2 = RGB
	tagStripOffsets    = 273
	tagSamplesPerPixel = 277
	tagRowsPerStrip    = 278
	tagStripByteCounts = 279
	tagXResolution     = 282
	tagYResolution     = 283
	tagResolutionUnit  = 296 // 3 = cm
	tagPredictor       = 317 // 2 = horizontal differences

	typeShort    = 3
	typeLong     = 4
	typeRational = 5
)

// writeTIFF writes an RGB picture as little-endian TIFF in strips, deflated
// after horizontal differencing, with the resolution of 1 µm a pixel.
func writeTIFF(ctx context.Context, w io.Writer, p *slide.Image) error {
	var body bytes.Buffer
	strips := (p.Height + stripRows - 1) / stripRows
	offsets, sizes := make([]uint32, strips), make([]uint32, strips)
	z, err := zlib.NewWriterLevel(&body, zlib.BestSpeed)
	if err != nil {
		return err
	}
	line := make([]uint8, 3*p.Width)
	for s := range strips {
		if err := ctx.Err(); err != nil {
			return err
		}
		offsets[s] = uint32(8 + body.Len())
		z.Reset(&body)
		for y := s * stripRows; y < min((s+1)*stripRows, p.Height); y++ {
			row := p.Pix[3*p.Width*y:][:3*p.Width]
			copy(line, row[:3])
			for k := 3; k < len(row); k++ {
				line[k] = row[k] - row[k-3]
			}
			if _, err := z.Write(line); err != nil {
				return err
			}
		}
		if err := z.Close(); err != nil {
			return err
		}
		sizes[s] = uint32(8+body.Len()) - offsets[s]
	}
	if body.Len()%2 == 1 {
		body.WriteByte(0) // directories begin on a word
	}
	head := binary.LittleEndian.AppendUint32([]byte("II*\x00"), uint32(8+body.Len()))
	for _, b := range [][]byte{head, body.Bytes(), directory(uint32(8+body.Len()), p, offsets, sizes)} {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// directory returns the image file directory that begins at that offset,
// followed by the values that do not fit into it.
func directory(at uint32, p *slide.Image, offsets, sizes []uint32) []byte {
	const pxPerCM = 10000 // 1 µm a pixel
	entries := []struct {
		tag, kind uint16
		values    []uint32
	}{
		{tagImageWidth, typeLong, []uint32{uint32(p.Width)}},
		{tagImageLength, typeLong, []uint32{uint32(p.Height)}},
		{tagBitsPerSample, typeShort, []uint32{8, 8, 8}},
		{tagCompression, typeShort, []uint32{8}},
		{tagPhotometric, typeShort, []uint32{2}},
		{tagStripOffsets, typeLong, offsets},
		{tagSamplesPerPixel, typeShort, []uint32{3}},
		{tagRowsPerStrip, typeLong, []uint32{stripRows}},
		{tagStripByteCounts, typeLong, sizes},
		{tagXResolution, typeRational, []uint32{pxPerCM, 1}},
		{tagYResolution, typeRational, []uint32{pxPerCM, 1}},
		{tagResolutionUnit, typeShort, []uint32{3}},
		{tagPredictor, typeShort, []uint32{2}},
	}
	le := binary.LittleEndian
	dir := le.AppendUint16(nil, uint16(len(entries)))
	var far []byte
	farAt := at + 2 + 12*uint32(len(entries)) + 4
	for _, e := range entries {
		var data []byte
		count := uint32(len(e.values))
		for _, v := range e.values {
			if e.kind == typeShort {
				data = le.AppendUint16(data, uint16(v))
			} else {
				data = le.AppendUint32(data, v)
			}
		}
		if e.kind == typeRational {
			count /= 2
		}
		dir = le.AppendUint16(dir, e.tag)
		dir = le.AppendUint16(dir, e.kind)
		dir = le.AppendUint32(dir, count)
		if len(data) > 4 {
			dir = le.AppendUint32(dir, farAt+uint32(len(far)))
			far = append(far, data...)
			far = append(far, make([]byte, len(far)%2)...)
			continue
		}
		dir = append(dir, append(data, make([]byte, 4-len(data))...)...)
	}
	dir = le.AppendUint32(dir, 0) // no further picture
	return append(dir, far...)
}
