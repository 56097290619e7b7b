// Package rawfile opens the files that people's slides come in: gzip or
// plain, whatever their name says, with a digest of their bytes, bounded in
// what they may expand to, and with faults told as *format.Error. It also
// reads the size of a picture from its header.
package rawfile

import (
	"bufio"
	"bytes"
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
	// BufferSize is the most that a line of text may have where it is read
	// line by line.
	BufferSize = 64 << 10
	// MaxRatio bounds expansion: a gzip stream may expand to ExpandSlack +
	// MaxRatio times its size.
	// Count tables as text expand 3 to 20 times; DEFLATE itself can reach
	// 1032, which only a file made to exhaust memory comes near.
	MaxRatio = 256
	// ExpandSlack is what any stream may expand to, bytes.
	ExpandSlack = 16 << 20
)

// File is a file being read: its bytes pass through a digest, and where
// they begin like a gzip stream they are expanded, whatever the file's name.
type File struct {
	*bufio.Reader // the expanded content
	Path          string
	Size          int64 // of the file, bytes
	file          io.Closer
	hash          hash.Hash
	raw           io.Reader // the file by way of the digest
}

// Open opens a regular file for reading.
func Open(path string) (*File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, FileError(path, err)
	}
	if !st.Mode().IsRegular() {
		return nil, format.Errorf(path, "", "is a %s, want a regular file", kindOf(st.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, FileError(path, err)
	}
	return newFile(path, st.Size(), f)
}

// Expand returns a reader of the content of raw, which is size bytes long:
// the bytes themselves, or what they expand to where they are a gzip stream.
func Expand(raw io.Reader, size int64) (*bufio.Reader, error) {
	br := bufio.NewReaderSize(raw, BufferSize)
	if head, _ := br.Peek(2); len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
		return br, nil
	}
	z, err := gzip.NewReader(br)
	if err != nil {
		return nil, err
	}
	limit := &limitedReader{r: z, left: ExpandSlack + MaxRatio*size}
	return bufio.NewReaderSize(limit, BufferSize), nil
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

// Close reads what is left of the file, so that the digest covers all of it,
// and returns the file's record.
func (in *File) Close() (slide.Source, error) {
	defer in.file.Close()
	if _, err := io.Copy(io.Discard, in.raw); err != nil {
		return slide.Source{}, in.Fail(err)
	}
	return slide.Source{Path: in.Path, SHA256: hex.EncodeToString(in.hash.Sum(nil)), Size: in.Size}, nil
}

// Fail turns an error of reading the content into a format error.
func (in *File) Fail(err error) error { return ContentError(in.Path, err) }

// ContentError says in the reader's words why the bytes of a file, gzip or
// plain, could not be read.
func ContentError(path string, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return format.Errorf(path, "", "the gzip stream is cut off; copy or download the file again: %w", err)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), isCorrupt(err):
		return format.Errorf(path, "", "the gzip stream is damaged; copy or download the file again: %w", err)
	case errors.Is(err, errBomb):
		return format.Errorf(path, "", "%w", err)
	}
	return FileError(path, err)
}

// isCorrupt tells whether err is about the compressed bytes themselves.
func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt)
}

// FileError wraps an error of the file system. Its own text repeats the path,
// so only the cause is kept.
func FileError(path string, err error) error {
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

// Content reads a whole file, expanded, and its record.
func Content(path string) ([]byte, slide.Source, error) {
	in, err := Open(path)
	if err != nil {
		return nil, slide.Source{}, err
	}
	data, err := io.ReadAll(in)
	if err != nil {
		in.file.Close()
		return nil, slide.Source{}, in.Fail(err)
	}
	src, err := in.Close()
	return data, src, err
}

// UTF8 returns text without its byte order mark, and an error where it is
// not UTF-8.
func UTF8(path string, data []byte) ([]byte, error) {
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

// Abandon closes a file that is not read to its end.
func (in *File) Abandon() { in.file.Close() }

// Bytes is a File of bytes that are in memory already.
func Bytes(path string, data []byte) (*File, error) {
	return newFile(path, int64(len(data)), io.NopCloser(bytes.NewReader(data)))
}

// newFile reads a file's bytes from r, which it closes where they cannot be
// read.
func newFile(path string, size int64, r io.ReadCloser) (*File, error) {
	in := &File{Path: path, Size: size, file: r, hash: sha256.New()}
	in.raw = io.TeeReader(r, in.hash)
	var err error
	if in.Reader, err = Expand(in.raw, size); err != nil {
		r.Close()
		return nil, in.Fail(err)
	}
	return in, nil
}

// Hashed reads a file for its record only.
func Hashed(path string) (slide.Source, error) {
	in, err := Open(path)
	if err != nil {
		return slide.Source{}, err
	}
	if _, err := io.Copy(io.Discard, in.raw); err != nil {
		in.Abandon()
		return slide.Source{}, in.Fail(err)
	}
	return in.Close()
}
