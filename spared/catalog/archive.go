package catalog

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// limits bound what an archive may do.
type limits struct {
	entries int   // members, of all levels
	bytes   int64 // expanded, of all members together
	ratio   int64 // expanded bytes for one packed byte
	slack   int64 // bytes that may come beyond the ratio
}

// The largest of the records, erickson's, has a few hundred files in some ten
// GB. Pictures hardly pack; tables of counts as text pack 3 to 20 times.
var defaultLimits = limits{entries: 200_000, bytes: 256 << 30, ratio: 256, slack: 64 << 20}

// archiveError says that an archive is damaged, or does what no archive of
// data needs to.
type archiveError struct {
	path   string // of the archive, with "!" and the member where it lies in another one
	member string // "" = the archive as a whole
	msg    string
	err    error
}

func (e *archiveError) Error() string {
	s := e.path
	if e.member != "" {
		s += "!" + e.member
	}
	s += ": " + e.msg
	if e.err != nil {
		s += ": " + e.err.Error()
	}
	return s
}

func (e *archiveError) Unwrap() error { return e.err }

// visit is called with each regular file of an archive. It returns errNested
// to be called with the files in it instead.
type visit func(member string, content io.Reader) error

// errNested asks to take a member apart, which must be a tar, packed or not.
var errNested = errors.New("take this member apart")

// walker goes through an archive: zip, tar or packed tar, told by its bytes.
type walker struct {
	ctx     context.Context
	limits  limits
	visit   visit
	wanted  func(member string) bool // members that visit takes; of others only the name is looked at
	entries int
	left    int64 // bytes that may still be expanded
}

// walk visits the archive at a path.
func walk(ctx context.Context, path string, l limits, wanted func(string) bool, v visit) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	w := &walker{ctx: ctx, limits: l, visit: v, wanted: wanted, left: l.bytes}
	var magic [4]byte
	if _, err := io.ReadFull(f, magic[:]); err != nil {
		return &archiveError{path, "", "is too short for an archive", err}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if string(magic[:2]) == "PK" {
		return w.zip(path, f, st.Size())
	}
	return w.tar(path, f, st.Size())
}

// zip visits a zip archive.
func (w *walker) zip(path string, f *os.File, size int64) error {
	// Of a section, a place outside of the file is an end, not an error of the disk.
	z, err := zip.NewReader(io.NewSectionReader(f, 0, size), size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // insecure paths are refused below, by name
		return damaged(path, "", err)
	}
	seen := make(map[string]bool, len(z.File))
	for _, m := range z.File {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		skip, err := w.check(path, m.Name, m.Mode().IsDir(), m.Mode().IsRegular(), seen)
		if err != nil {
			return err
		}
		if skip || !w.wanted(m.Name) {
			continue
		}
		if m.UncompressedSize64 > uint64(w.limits.slack)+uint64(w.limits.ratio)*m.CompressedSize64 || m.UncompressedSize64 > uint64(w.left) {
			return bomb(path, m.Name)
		}
		r, err := m.Open()
		if err != nil {
			return damaged(path, m.Name, err)
		}
		err = w.member(path, m.Name, r, int64(m.CompressedSize64))
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// tar visits a tar archive of which packed bytes are at hand, gzip or not.
func (w *walker) tar(path string, r io.Reader, packed int64) error {
	br := bufio.NewReader(r)
	var content io.Reader = br
	if head, _ := br.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(br)
		if err != nil {
			return damaged(path, "", err)
		}
		content = z
	}
	content = &bounded{r: content, left: w.limits.slack + w.limits.ratio*packed}
	t := tar.NewReader(content)
	seen := map[string]bool{}
	for {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		m, err := t.Next()
		if err == io.EOF {
			// The rest of a gzip stream holds its checksum.
			if _, err := io.Copy(io.Discard, content); err != nil {
				return damaged(path, "", err)
			}
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return damaged(path, "", err)
		}
		skip, err := w.check(path, m.Name, m.Typeflag == tar.TypeDir, m.Typeflag == tar.TypeReg, seen)
		if err != nil {
			return err
		}
		if skip || !w.wanted(m.Name) {
			continue
		}
		if m.Size > w.left {
			return bomb(path, m.Name)
		}
		if err := w.member(path, m.Name, t, m.Size); err != nil {
			return err
		}
	}
}

// check looks at a member's name and kind. Folders, and the notes that macOS
// leaves in archives, are skipped.
func (w *walker) check(archive, name string, dir, regular bool, seen map[string]bool) (skip bool, err error) {
	if w.entries++; w.entries > w.limits.entries {
		return false, &archiveError{archive, "", fmt.Sprintf("has more than %d members, which none of the data sets has", w.limits.entries), nil}
	}
	if why := unsafeName(name); why != "" {
		return false, &archiveError{archive, name, "refused: " + why, nil}
	}
	switch base := path.Base(name); {
	case dir:
		return true, nil
	case !regular:
		return false, &archiveError{archive, name, "refused: is a link, a device or another thing that is no plain file", nil}
	case strings.HasPrefix(base, "._"), base == ".DS_Store", strings.HasPrefix(name, "__MACOSX/"):
		return true, nil
	}
	clean := path.Clean(name)
	if seen[clean] {
		return false, &archiveError{archive, name, "refused: is in the archive twice", nil}
	}
	seen[clean] = true
	return false, nil
}

// unsafeName says why a member's name is not one of a file below the folder
// that an archive is unpacked to.
func unsafeName(name string) string {
	switch {
	case name == "":
		return "has no name"
	case strings.ContainsAny(name, "\x00\\"):
		return "has a NUL or a backslash in its name"
	case path.IsAbs(name), len(name) > 1 && name[1] == ':':
		return "has an absolute name"
	}
	for element := range strings.SplitSeq(name, "/") {
		if element == ".." {
			return "has a name that leads out of the archive"
		}
	}
	return ""
}

// member hands one member on, its bytes counted.
func (w *walker) member(archive, name string, r io.Reader, packed int64) error {
	content := &bounded{r: reader{w.ctx, r}, left: w.left}
	err := w.visit(name, content)
	if errors.Is(err, errNested) {
		err = w.tar(archive+"!"+name, content, packed)
	}
	w.left = min(w.left, content.left) // less where the member was an archive itself
	if err != nil && (isDamage(err) || errors.Is(err, errBomb)) {
		var already *archiveError
		if errors.As(err, &already) {
			return err
		}
		return damaged(archive, name, err)
	}
	return err
}

// bounded fails with errBomb when more than left bytes come out of r.
type bounded struct {
	r    io.Reader
	left int64
}

var errBomb = errors.New("expands beyond all reason")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errBomb
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, errBomb
	}
	return n, err
}

func bomb(archive, member string) error {
	return &archiveError{archive, member, "refused", errBomb}
}

// damaged words an error of an archive's bytes; others stay as they are.
func damaged(archive, member string, err error) error {
	switch {
	case errors.Is(err, errBomb):
		return bomb(archive, member)
	case isDamage(err):
		return &archiveError{archive, member, "is damaged or cut off", err}
	}
	return err
}

// isDamage tells whether an error is about the bytes of an archive.
func isDamage(err error) bool {
	var corrupt flate.CorruptInputError
	for _, known := range []error{
		io.ErrUnexpectedEOF, io.EOF, gzip.ErrHeader, gzip.ErrChecksum, tar.ErrHeader, tar.ErrFieldTooLong,
		zip.ErrFormat, zip.ErrChecksum, zip.ErrAlgorithm,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return errors.As(err, &corrupt)
}
