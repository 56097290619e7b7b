package catalog

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
)

// records are the downloads by their address in the catalogue, as kept in
// downloads.json.
type records map[string]record

// record is what a download was when it was complete.
type record struct {
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
	From   string `json:"from"` // the address it came from, where that is another one
}

func readRecords(path string) (records, error) {
	r := records{}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, rawfile.FileError(path, err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, format.Errorf(path, "", "is damaged: delete it, and the checksums are recorded anew: %w", err)
	}
	return r, nil
}

func (r records) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ") // keys sorted
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(tmp string) error { return os.WriteFile(tmp, append(data, '\n'), 0o666) })
}

// slideRecordName is the file in a slide's folder that tells where the others
// are from.
const slideRecordName = "source.json"

// SlideRecord is source.json in a slide's folder.
type SlideRecord struct {
	Dataset string      `json:"dataset"` // under which it was fetched; others may share the slide
	Slide   string      `json:"slide"`
	Data    string      `json:"data"` // DOI or accession of the record
	Licence string      `json:"licence"`
	Files   []SlideFile `json:"files"`
	Notes   []string    `json:"notes,omitempty"`
}

// SlideFile is one file of a slide.
type SlideFile struct {
	Path   string `json:"path"` // in the slide's folder
	From   string `json:"from"` // address of the download; "!" and a path follow where it lay in an archive
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

func readSlideRecord(dir string) (SlideRecord, error) {
	var r SlideRecord
	path := filepath.Join(dir, slideRecordName)
	data, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, format.Errorf(path, "", "is damaged: %w", err)
	}
	return r, nil
}
