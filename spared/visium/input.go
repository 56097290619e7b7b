package visium

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"unicode/utf8"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/slide"
)

const (
	bufferSize = 64 << 10
	// A gzip stream may expand to expandSlack + maxRatio times its size.
	// Count tables as text expand 3 to 20 times; DEFLATE itself can reach
	// 1032, which only a file made to exhaust memory comes near.
	maxRatio    = 256
	expandSlack = 16 << 20
)

// input is a file being read: its bytes pass through a digest, and where
// they begin like a gzip stream they are expanded, whatever the file's name.
type input struct {
	*bufio.Reader // the expanded content
	path          string
	size          int64 // of the file, bytes
	file          *os.File
	hash          hash.Hash
	raw           io.Reader // the file by way of the digest
}

// open opens a regular file for reading.
func open(path string) (*input, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	if !st.Mode().IsRegular() {
		return nil, format.Errorf(path, "", "is a %s, want a regular file", kindOf(st.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	in := &input{path: path, size: st.Size(), file: f, hash: sha256.New()}
	in.raw = io.TeeReader(f, in.hash)
	in.Reader, err = expand(in.raw, in.size)
	if err != nil {
		f.Close()
		return nil, in.fail(err)
	}
	return in, nil
}

// expand returns a reader of the content of raw, which is size bytes long:
// the bytes themselves, or what they expand to where they are a gzip stream.
func expand(raw io.Reader, size int64) (*bufio.Reader, error) {
	br := bufio.NewReaderSize(raw, bufferSize)
	if head, _ := br.Peek(2); len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
		return br, nil
	}
	z, err := gzip.NewReader(br)
	if err != nil {
		return nil, err
	}
	limit := &limitedReader{r: z, left: expandSlack + maxRatio*size}
	return bufio.NewReaderSize(limit, bufferSize), nil
}

// errBomb is the error of a gzip stream that expands beyond all reason.
var errBomb = errors.New("expands to over 256 times its size, which no count table does")

// limitedReader fails with errBomb when more than left bytes come out of r.
type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, errBomb
	}
	return n, err
}

// close reads what is left of the file, so that the digest covers all of it,
// and returns the file's record.
func (in *input) close() (slide.Source, error) {
	defer in.file.Close()
	if _, err := io.Copy(io.Discard, in.raw); err != nil {
		return slide.Source{}, in.fail(err)
	}
	return slide.Source{Path: in.path, SHA256: hex.EncodeToString(in.hash.Sum(nil)), Size: in.size}, nil
}

// fail turns an error of reading the content into a format error.
func (in *input) fail(err error) error { return contentError(in.path, err) }

// contentError says in the reader's words why the bytes of a file, gzip or
// plain, could not be read.
func contentError(path string, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return format.Errorf(path, "", "the gzip stream is cut off; copy or download the file again: %w", err)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), isCorrupt(err):
		return format.Errorf(path, "", "the gzip stream is damaged; copy or download the file again: %w", err)
	case errors.Is(err, errBomb):
		return format.Errorf(path, "", "%w", err)
	}
	return fileError(path, err)
}

// isCorrupt tells whether err is about the compressed bytes themselves.
func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt)
}

// fileError wraps an error of the file system. Its own text repeats the path,
// so only the cause is kept.
func fileError(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return format.Errorf(path, "", "cannot be read: %w", err)
}

// kindOf names a file mode that is not a regular file.
func kindOf(m fs.FileMode) string {
	if m.IsDir() {
		return "folder"
	}
	return "device or pipe"
}

// content reads a whole file, expanded, and its record.
func content(path string) ([]byte, slide.Source, error) {
	in, err := open(path)
	if err != nil {
		return nil, slide.Source{}, err
	}
	data, err := io.ReadAll(in)
	if err != nil {
		in.file.Close()
		return nil, slide.Source{}, in.fail(err)
	}
	src, err := in.close()
	return data, src, err
}

// utf8Text returns text without its byte order mark, and an error where it is
// not UTF-8.
func utf8Text(path string, data []byte) ([]byte, error) {
	if len(data) >= 3 && data[0] == 0xef && data[1] == 0xbb && data[2] == 0xbf {
		data = data[3:]
	}
	if len(data) >= 2 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff) {
		return nil, format.Errorf(path, "", "is UTF-16 text; save it as UTF-8")
	}
	if !utf8.Valid(data) {
		return nil, format.Errorf(path, "", "is not UTF-8 text")
	}
	return data, nil
}
