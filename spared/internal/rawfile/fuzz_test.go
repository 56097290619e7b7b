package rawfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"testing"

	"github.com/spatialgo/spatialgo/spared/format"
)

func packed(text string) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write([]byte(text)) // to memory
	_ = z.Close()
	return buf.Bytes()
}

func checkFormatError(t *testing.T, err error) {
	t.Helper()
	var fe *format.Error
	if !errors.As(err, &fe) {
		t.Fatalf("%v is no format error", err)
	}
}

func FuzzExpand(f *testing.F) {
	f.Add(packed("a text, a text, a text"))
	f.Add([]byte("a text"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Expand(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			checkFormatError(t, ContentError("x", err))
			return
		}
		var n int64
		buf := bufio.NewReader(r)
		if n, err = buf.WriteTo(new(bytes.Buffer)); err != nil {
			checkFormatError(t, ContentError("x", err))
		}
		if n > ExpandSlack+MaxRatio*int64(len(data))+BufferSize {
			t.Fatalf("%d bytes out of %d", n, len(data))
		}
	})
}

func FuzzHeaderSize(f *testing.F) {
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x02\x00\x00\x01\x03\x00\x01\x00\x00\x00\x07\x00\x00\x00\x01\x01\x03\x00\x01\x00\x00\x00\x05\x00\x00\x00"))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Add([]byte("\xff\xd8\xff\xe0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if w, h, err := HeaderSize(bytes.NewReader(data)); err == nil && (w < 0 || h < 0) {
			t.Fatalf("header of %d x %d pixels", w, h)
		}
	})
}
