package picture

import (
	"encoding/binary"
	"os"
	"testing"
)

// tag is a TIFF tag of whole numbers.
type tag struct {
	id     uint16
	values []uint32
}

// tiffPage is one directory with its uncompressed strips, for kinds of TIFF
// that libvips does not write.
type tiffPage struct {
	tags   []tag // besides those for the strips; rising ids
	strips [][]byte
}

// encodeTIFF lays out a classic little-endian TIFF.
func encodeTIFF(pages ...tiffPage) []byte {
	le := binary.LittleEndian
	out := []byte("II*\x00\x00\x00\x00\x00")
	link := 4 // where the offset of the next directory goes
	for _, p := range pages {
		offsets, counts := tag{id: 273}, tag{id: 279}
		for _, s := range p.strips {
			offsets.values = append(offsets.values, uint32(len(out)))
			counts.values = append(counts.values, uint32(len(s)))
			out = append(out, s...)
		}
		tags := insert(insert(p.tags, offsets), counts)
		ext := map[uint16]uint32{} // values that do not fit a tag
		for _, t := range tags {
			if len(t.values) > 1 {
				ext[t.id] = uint32(len(out))
				for _, v := range t.values {
					out = le.AppendUint32(out, v)
				}
			}
		}
		le.PutUint32(out[link:], uint32(len(out)))
		out = le.AppendUint16(out, uint16(len(tags)))
		for _, t := range tags {
			out = le.AppendUint16(out, t.id)
			out = le.AppendUint16(out, 4) // LONG
			out = le.AppendUint32(out, uint32(len(t.values)))
			if at, ok := ext[t.id]; ok {
				out = le.AppendUint32(out, at)
			} else {
				out = le.AppendUint32(out, t.values[0])
			}
		}
		link = len(out)
		out = le.AppendUint32(out, 0)
	}
	return out
}

func insert(tags []tag, t tag) []tag {
	i := 0
	for i < len(tags) && tags[i].id < t.id {
		i++
	}
	return append(append(append([]tag{}, tags[:i]...), t), tags[i:]...)
}

func writeFile(tb testing.TB, path string, data []byte) string {
	tb.Helper()
	if err := os.WriteFile(path, data, 0o666); err != nil {
		tb.Fatal(err)
	}
	return path
}
