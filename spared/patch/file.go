package patch

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/spatialgo/spatialgo/internal/hdf5x"
	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/h5ad"
)

// Keys of a patch file.
const (
	keyPrefix   = "obsm/patches_scale_"
	keyUns      = "patches"
	keyManifest = "uns/" + keyUns + "/manifest"
	keyWritten  = "uns/" + keyUns + "/written"
)

// Key returns the place of patches in an .h5ad file, as SpaRED names it: the
// scale as Python prints it, obsm/patches_scale_1.0.
func Key(scale float64) string {
	s := strconv.FormatFloat(scale, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return keyPrefix + s
}

// Manifest says how the patches of a file were made.
type Manifest struct {
	Size   int             `json:"size"`   // pixels of a side
	Scale  float64         `json:"scale"`  // side of the window in spot diameters
	Border string          `json:"border"` // "mirror" or "white"
	Alpha  string          `json:"alpha"`  // "over white" or "dropped"
	Slides []SlideManifest `json:"slides"`
	Spots  string          `json:"spots"` // sha256 of the spots' ids and places
}

// SlideManifest is a slide of a Manifest.
type SlideManifest struct {
	Name     string  `json:"name"`
	Picture  string  `json:"picture"` // file name
	SHA256   string  `json:"sha256"`  // of the file
	Width    int     `json:"width"`   // pixels
	Height   int     `json:"height"`
	Diameter float64 `json:"diameter"` // spot_diameter_fullres
	Window   int     `json:"window"`   // full-resolution pixels
	Spots    int     `json:"spots"`
}

// File is an open file of patches. Its methods may be called from many
// goroutines.
type File struct {
	mu       sync.RWMutex // held for writing by Close
	f        *hdf5x.File
	path     string
	key      string
	ids      []string
	index    map[string]int
	size     int
	scale    float64
	manifest *Manifest
}

// Open opens a file that Write made, or any .h5ad file with one array
// obsm/patches_scale_*, such as those that SpaRED itself writes. Nothing of
// the patches is read yet. Errors about the file are *format.Error.
func Open(path string) (*File, error) {
	f := &File{path: path}
	if err := f.describe(); err != nil {
		return nil, err
	}
	h, err := hdf5x.Open(path)
	if err != nil {
		return nil, err
	}
	f.f = h
	if err := f.find(); err != nil {
		h.Close()
		return nil, err
	}
	return f, nil
}

// describe reads all but the patches.
func (f *File) describe() error {
	a, err := h5ad.ReadKeys(f.path)
	if err != nil {
		return err
	}
	f.ids, f.index = a.Obs.Index, make(map[string]int, len(a.Obs.Index))
	for i, id := range f.ids {
		f.index[id] = i
	}
	return nil
}

// find looks for the patches and checks what they are.
func (f *File) find() error {
	names, err := f.f.Children("obsm")
	if err != nil {
		return err
	}
	var found []string
	for _, n := range names {
		if strings.HasPrefix("obsm/"+n, keyPrefix) {
			found = append(found, n)
		}
	}
	if len(found) != 1 {
		return format.Errorf(f.path, "obsm", "holds %d arrays patches_scale_*, want 1; make them with spared patches", len(found))
	}
	f.key = "obsm/" + found[0]
	if f.scale, err = strconv.ParseFloat(strings.TrimPrefix(f.key, keyPrefix), 64); err != nil || !(f.scale > 0) {
		return format.Errorf(f.path, f.key, "ends in no scale")
	}
	info, err := f.f.Info(f.key)
	if err != nil {
		return err
	}
	if info.Kind != hdf5x.Uint || info.Bits != 8 || len(info.Shape) != 2 || info.Shape[0] != len(f.ids) {
		return format.Errorf(f.path, f.key, "is %v %d bits %v, want 8-bit unsigned [%d][3 x size x size]", info.Kind, info.Bits, info.Shape, len(f.ids))
	}
	f.size = int(math.Sqrt(float64(info.Shape[1] / 3)))
	if f.size < 1 || f.size > maxSide || 3*f.size*f.size != info.Shape[1] {
		return format.Errorf(f.path, f.key, "has rows of %d bytes, want 3 x size x size", info.Shape[1])
	}
	return f.readManifest()
}

// readManifest reads how the patches were made, where the file says so, and
// finds a file that is not complete.
func (f *File) readManifest() error {
	if !f.f.Exists(keyManifest) {
		return nil
	}
	text, _, err := hdf5x.Read[string](f.f, keyManifest)
	if err != nil {
		return err
	}
	f.manifest = &Manifest{}
	if len(text) != 1 || json.Unmarshal([]byte(text[0]), f.manifest) != nil {
		return format.Errorf(f.path, keyManifest, "is not a manifest of patches")
	}
	written, _, err := hdf5x.Read[int64](f.f, keyWritten)
	if err != nil {
		return err
	}
	if len(written) != 1 || written[0] != int64(f.N()) {
		return format.Errorf(f.path, keyWritten, "%v of %d patches are written: the file is not complete; run spared patches again", written, f.N())
	}
	return nil
}

// N returns the number of patches.
func (f *File) N() int { return len(f.ids) }

// Size returns the side of a patch in pixels.
func (f *File) Size() int { return f.size }

// Scale returns the side of what a patch shows, in spot diameters.
func (f *File) Scale() float64 { return f.scale }

// IDs returns the spots' names (obs_names), in the order of the patches. It is
// not to be changed.
func (f *File) IDs() []string { return f.ids }

// Index returns the place of the spot of that name, or -1.
func (f *File) Index(id string) int {
	if i, ok := f.index[id]; ok {
		return i
	}
	return -1
}

// Manifest returns how the patches were made, nil where the file does not say.
func (f *File) Manifest() *Manifest { return f.manifest }

// Batch returns these patches, in the order given,
// [len(spots)][size][size][3], 8-bit RGB.
func (f *File) Batch(ctx context.Context, spots []int) ([]uint8, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.f == nil {
		return nil, format.Errorf(f.path, f.key, "the file is closed")
	}
	row := 3 * f.size * f.size
	out := make([]uint8, 0, len(spots)*row)
	for i := 0; i < len(spots); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if spots[i] < 0 || spots[i] >= f.N() {
			return nil, fmt.Errorf("patch: spot %d of %d", spots[i], f.N())
		}
		n := 1 // neighbours in one go
		for i+n < len(spots) && spots[i+n] == spots[i]+n && spots[i+n] < f.N() {
			n++
		}
		rows, err := hdf5x.ReadRows[uint8](f.f, f.key, spots[i], n)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
		i += n
	}
	return out, nil
}

// Close closes the file. A second Close does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		return nil
	}
	h := f.f
	f.f = nil
	return h.Close()
}
