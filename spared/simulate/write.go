package simulate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spatialgo/spatialgo/internal/atomicfile"
	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// Files of a slide's folder beside those of Space Ranger.
const (
	PictureFile = "image.tif"       // full-resolution picture
	TruthFile   = "truth.h5ad"      // see ReadTruth
	recordFile  = "simulation.json" // record; marks a folder as one of Write's own
	readmeFile  = "README.txt"
)

// generator is the version of the model. It goes up whenever the same options
// give other bytes.
const generator = 1

// Manifest says what Write left in a folder.
type Manifest struct {
	Dir     string         `json:"dir"`
	Options Options        `json:"options"` // defaults filled in
	Slides  []WrittenSlide `json:"slides"`
}

// WrittenSlide is one slide in a folder.
type WrittenSlide struct {
	SlideSpec
	Dir     string `json:"dir"`     // a Space Ranger outs folder
	Picture string `json:"picture"` // path of the full-resolution TIFF
	Truth   string `json:"truth"`   // path for ReadTruth
	Spots   int    `json:"spots"`   // under tissue
	Reused  bool   `json:"reused"`  // was there already, made with the same options
}

// record is what a slide's folder says about how it came about.
type record struct {
	Tool      string    `json:"tool"`
	Generator int       `json:"generator"`
	Seed      uint64    `json:"seed"`
	Genes     int       `json:"genes"`
	Depth     float64   `json:"depth"`
	Slide     SlideSpec `json:"slide"`
	Spots     int       `json:"spots"`
}

const toolName = "spatialgo spared/simulate"

// Write simulates the slides of o into dir, one folder a slide, and dir may
// hold other things:
//
//	<slide>/filtered_feature_bc_matrix.h5, spatial/...   as Space Ranger writes them
//	<slide>/image.tif      full-resolution picture
//	<slide>/truth.h5ad     what is true of the slide, for ReadTruth
//	<slide>/simulation.json
//	README.txt
//
// A slide that lies there already, made with the same options, is left as it
// is. A folder of that name that an earlier Write made with other options is
// replaced, as a whole; one that Write has not made is an error, found before
// anything is written. The same options give the same bytes. When ctx ends, or
// the process, each slide's folder is either whole or not there.
func Write(ctx context.Context, dir string, o Options, p progress.Func) (*Manifest, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	man := &Manifest{Dir: dir, Options: o, Slides: make([]WrittenSlide, len(o.Slides))}
	var todo []SlideSpec
	var place []int // in man.Slides
	for i, s := range o.Slides {
		to := filepath.Join(dir, s.Name)
		man.Slides[i] = WrittenSlide{SlideSpec: s, Dir: to,
			Picture: filepath.Join(to, PictureFile), Truth: filepath.Join(to, TruthFile)}
		old, err := readRecord(to)
		if err != nil {
			return nil, err
		}
		want := newRecord(o, s)
		if old != nil {
			want.Spots = old.Spots
			if *old == want {
				man.Slides[i].Spots, man.Slides[i].Reused = old.Spots, true
				continue
			}
		}
		todo, place = append(todo, s), append(place, i)
	}
	if len(todo) == 0 {
		return man, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	some := o
	some.Slides = todo
	var disk sync.Mutex // one slide at a time goes through the HDF5 library
	err = forEachSlide(ctx, some, p, func(i int, s *section) error {
		disk.Lock()
		defer disk.Unlock()
		man.Slides[place[i]].Spots = len(s.slide.Barcodes)
		return writeSlide(ctx, dir, o, todo[i], s)
	})
	if err != nil {
		return nil, err
	}
	if err := writeReadme(dir, man); err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	return man, nil
}

func newRecord(o Options, s SlideSpec) record {
	return record{Tool: toolName, Generator: generator, Seed: o.Seed, Genes: o.Genes, Depth: o.Depth, Slide: s}
}

// readRecord returns the record of a slide's folder, nil where there is no
// folder or an empty one, and an error where the folder is not Write's own.
func readRecord(dir string) (*record, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, recordFile))
	var r record
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil || r.Tool != toolName {
		return nil, fmt.Errorf("simulate: %s is in the way: it exists and was not made by this simulation", dir)
	}
	return &r, nil
}

// writeSlide writes a slide into a temporary folder and puts that in its
// place.
func writeSlide(ctx context.Context, dir string, o Options, spec SlideSpec, s *section) (err error) {
	tmp, err := os.MkdirTemp(dir, "."+spec.Name+"-*.tmp")
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	off := visium.WriteOptions{OffTissue: s.off, Software: "simulated"}
	if err := visium.Write(ctx, tmp, s.slide, off); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	if err := s.truth.Write(filepath.Join(tmp, TruthFile)); err != nil {
		return err
	}
	if err := writePicture(ctx, filepath.Join(tmp, PictureFile), s); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	r := newRecord(o, spec)
	r.Spots = len(s.slide.Barcodes)
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	if err := os.WriteFile(filepath.Join(tmp, recordFile), append(data, '\n'), 0o666); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	return replaceDir(tmp, filepath.Join(dir, spec.Name))
}

func writePicture(ctx context.Context, path string, s *section) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	if err := writeTIFF(ctx, w, s.picture); err != nil {
		return err
	}
	return w.Flush()
}

// replaceDir puts the folder tmp in the place of dir, which may be missing. A
// folder cannot be renamed over another, so the old one steps aside first:
// between the two renames dir is missing, never half there.
func replaceDir(tmp, dir string) error {
	old := tmp + ".old"
	err := os.Rename(dir, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("simulate: %w", err)
	}
	had := err == nil
	if err := os.Rename(tmp, dir); err != nil {
		if had {
			err = errors.Join(err, os.Rename(old, dir))
		}
		return fmt.Errorf("simulate: %w", err)
	}
	if err := os.RemoveAll(old); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	return nil
}

// writeReadme says in dir what the folders are. A README.txt that is not its
// own is left alone.
func writeReadme(dir string, m *Manifest) error {
	path := filepath.Join(dir, readmeFile)
	const title = "Simulated spatial transcriptomics slides"
	if old, err := os.ReadFile(path); err == nil && !strings.HasPrefix(string(old), title) {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, `%s

No patient and no instrument stands behind these slides: tissue, expression,
counts and picture are made up by SpatialGo (package spared/simulate, seed %d).
The genes are real human genes. Each folder is a Space Ranger outs folder with
%s, the full-resolution picture at 1 µm a pixel, and %s, what is true of
each spot: X = expected share of each gene in the spot's transcripts,
layers/no_batch = the same without the slide's batch effect, obs/region,
obs/depth, obsm/cell_type_share and obsm/program.

`, title, m.Options.Seed, PictureFile, TruthFile)
	for _, s := range m.Slides {
		fmt.Fprintf(&b, "%-12s subject %-8s split %-6s %4d spots under tissue, %d genes\n",
			s.Name, s.Subject, orNone(s.Split), s.Spots, m.Options.Genes)
	}
	return atomicfile.Write(path, func(tmp string) error { return os.WriteFile(tmp, []byte(b.String()), 0o666) })
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
