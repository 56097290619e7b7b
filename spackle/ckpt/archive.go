package ckpt

import (
	"archive/zip"
	"bytes"
	"hash/crc32"
	"path"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
)

const (
	pickleName = "data.pkl"
	// maxPickle bounds the one record that is unfolded to something larger than
	// itself. That of a network of 10,000 tensors with its optimiser takes 2 MB.
	maxPickle = 8 << 20
)

// archive is the zip archive that torch.save writes.
type archive struct {
	b       []byte
	folder  string // that all records lie in, with a slash
	records map[string]*zip.File
	checked map[string][]byte // records that were read
}

func openArchive(b []byte) (*archive, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, format.Errorf("", "", "a zip archive that is cut short or damaged: %w", err)
	}
	a := &archive{b: b, records: map[string]*zip.File{}, checked: map[string][]byte{}}
	for _, f := range z.File {
		if _, twice := a.records[f.Name]; twice {
			return nil, format.Errorf("", f.Name, "is twice in the archive")
		}
		a.records[f.Name] = f
		if folder, name := path.Split(f.Name); name == pickleName && strings.Count(folder, "/") == 1 {
			if a.folder != "" {
				return nil, format.Errorf("", f.Name, "is the second %s in the archive, want one", pickleName)
			}
			a.folder = folder
		}
	}
	switch {
	case a.folder == "":
		return nil, format.Errorf("", "", "a zip archive without FOLDER/%s: not what torch.save writes", pickleName)
	case a.records[a.folder+"constants.pkl"] != nil:
		return nil, format.Errorf("", "constants.pkl", "it is a TorchScript archive, a program: save the network's state_dict() with torch.save instead")
	case a.records[a.folder+"byteorder"] == nil: // before PyTorch 2.1
		return a, nil
	}
	order, err := a.read("byteorder")
	if err != nil {
		return nil, err
	}
	if s := strings.TrimSpace(string(order)); s != "little" {
		return nil, format.Errorf("", "byteorder", "is %.20q, want little: load it on a little-endian machine and save it again", s)
	}
	return a, nil
}

// read returns a record, a part of the file itself.
func (a *archive) read(name string) ([]byte, error) {
	if b, ok := a.checked[name]; ok {
		return b, nil
	}
	f := a.records[a.folder+name]
	if f == nil {
		return nil, format.Errorf("", name, "is not in the archive")
	}
	if f.Method != zip.Store || f.Flags&1 != 0 || f.CompressedSize64 != f.UncompressedSize64 {
		return nil, format.Errorf("", name, "is compressed or encrypted, want it stored, as torch.save does: unpack the archive and pack it with zip -0")
	}
	at, err := f.DataOffset()
	if err != nil {
		return nil, format.Errorf("", name, "its header is damaged: %w", err)
	}
	size := int64(len(a.b))
	if at < 0 || at > size || f.CompressedSize64 > uint64(size-at) {
		return nil, format.Errorf("", name, "%d bytes at byte %d of a file of %d: cut short, or damaged", f.CompressedSize64, at, size)
	}
	if name == pickleName && f.CompressedSize64 > maxPickle {
		return nil, format.Errorf("", name, "has %d bytes, more than the %d that any network's has", f.CompressedSize64, maxPickle)
	}
	b := a.b[at : at+int64(f.CompressedSize64)]
	b = b[:len(b):len(b)]
	if crc32.ChecksumIEEE(b) != f.CRC32 {
		return nil, format.Errorf("", name, "its checksum is another: the file is damaged; copy it again (or it was saved under torch.serialization.set_crc32_options(False): save it without)")
	}
	a.checked[name] = b
	return b, nil
}
