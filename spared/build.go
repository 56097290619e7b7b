package spared

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// Version of this library, as recorded in the files it writes.
const Version = "0.1.0"

// manifestVersion rises whenever the same recipe and inputs would give other
// numbers or another layout of the file.
const manifestVersion = 4

// oldestManifest is the oldest layout that Open reads. Build makes files of
// older ones than manifestVersion anew; layout 3 has no counts of the panel.
const oldestManifest = 3

// Build makes the data set that the recipe describes and saves it at path, or
// opens path at once if it already holds exactly that (same recipe, same
// input files by sha256, same version). A path of "" keeps the data set in
// memory only. News of each step goes to progress, which may be nil.
//
// The file is replaced atomically: an error or a kill leaves what was there
// before.
func Build(ctx context.Context, r Recipe, path string, progress Progress) (*Dataset, error) {
	r = r.withDefaults()
	if err := r.check(); err != nil {
		return nil, err
	}
	if path != "" {
		if err := CheckOutput(path); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	progress.Send(Event{Step: "finding slides"})
	inputs, err := expand(r.Inputs)
	if err != nil {
		return nil, err
	}
	r.Inputs = inputs
	known := new(slide.Digests) // a file of many slides is digested once
	files, err := manifestInputs(ctx, r.Inputs, known)
	if err != nil {
		return nil, err
	}
	if path != "" {
		if err := notAnInput(path, r.Inputs, files); err != nil {
			return nil, err
		}
		if d, ok := reuse(path, Manifest{Version: manifestVersion, Tool: "spatialgo " + Version, Recipe: r, Inputs: files}); ok {
			progress.Send(Event{Step: "opened " + path, Done: 1, Total: 1, Seconds: time.Since(start).Seconds()})
			return d, nil
		}
		if err := keepsPatches(path); err != nil { // now, not after the work
			return nil, err
		}
	}
	slides, err := readSlides(ctx, r.Inputs, known, progress)
	if err != nil {
		return nil, err
	}
	d, err := pipeline(ctx, slides, r, progress, true)
	if err != nil {
		return nil, err
	}
	d.Manifest.Inputs = files
	if path != "" {
		progress.Send(Event{Step: "saving " + path, Seconds: time.Since(start).Seconds()})
		if err := Save(d, path); err != nil {
			return nil, err
		}
		progress.Send(Event{Step: "saved " + path, Done: 1, Total: 1, Seconds: time.Since(start).Seconds()})
	}
	return d, nil
}

// CheckSave finds out before hours of work that Save would refuse.
func CheckSave(path string) error {
	return cmp.Or(CheckOutput(path), keepsPatches(path), keepsOther(path))
}

// CheckOutput finds out before hours of work that no file could be written at
// path, whatever it holds.
func CheckOutput(path string) error {
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return fmt.Errorf("spared: %s is a folder: give the name of a file to write, e.g. %s", path, filepath.Join(path, "data.h5ad"))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("spared: cannot write %s: %w", path, reasonOf(err))
	}
	switch info, err := os.Stat(filepath.Dir(path)); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("spared: cannot write %s: %w", path, reasonOf(err))
	case err != nil:
		return fmt.Errorf("spared: cannot write %s: its folder does not exist; make it first", path)
	case !info.IsDir():
		return fmt.Errorf("spared: cannot write %s: %s is not a folder", path, filepath.Dir(path))
	}
	return nil
}

// notAnInput keeps a slip of the pen from replacing a slide's file by the
// data set made from it.
func notAnInput(path string, inputs []Input, files []ManifestInput) error {
	out, err := os.Stat(path)
	if err != nil {
		return nil // not there, or CheckOutput has told
	}
	for i, in := range inputs {
		for _, f := range files[i].Files {
			if st, err := os.Stat(filepath.Join(folderOf(in.Dir), filepath.FromSlash(f.Path))); err == nil && os.SameFile(out, st) {
				return fmt.Errorf("spared: %s is a file of slide %q, which would be lost: give another name to write", path, in.Name)
			}
		}
	}
	return nil
}

// expand replaces each place that holds slides by the slides in it, and names
// every slide. Paths become absolute, so that a recipe means the same from any
// folder.
func expand(inputs []Input) ([]Input, error) {
	var out []Input
	seen := map[string]string{} // name -> location
	for _, in := range inputs {
		if in.Dir == "" {
			return nil, fmt.Errorf("spared: slide %q has no path", in.Name)
		}
		f := formatOf(in.Dir)
		places, err := f.find(in.Dir)
		if err != nil {
			return nil, err
		}
		if len(places) > 1 && in.Name != "" {
			return nil, fmt.Errorf("spared: %s holds %d slides, which cannot all be called %q: name them one by one", in.Dir, len(places), in.Name)
		}
		for _, place := range places {
			one := in
			one.Dir = absolute(place)
			if one.Name == "" {
				one.Name = f.slide(place)
			}
			if err := checkSlideName(one.Name); err != nil {
				return nil, err
			}
			if first, ok := seen[one.Name]; ok {
				return nil, fmt.Errorf("spared: two slides are called %q (%s and %s): write NAME=FOLDER to tell them apart", one.Name, first, place)
			}
			seen[one.Name] = place
			out = append(out, one)
		}
	}
	return out, nil
}

func readSlides(ctx context.Context, inputs []Input, known *slide.Digests, progress Progress) ([]*slide.Slide, error) {
	slides := make([]*slide.Slide, len(inputs))
	for i, in := range inputs {
		progress.Send(Event{Step: "reading slides", Done: i, Total: len(inputs), Message: in.Name})
		s, err := soon(ctx, func() (*slide.Slide, error) { return formatOf(in.Dir).read(ctx, in, known) })
		if err != nil {
			return nil, err
		}
		slides[i] = s
	}
	return slides, nil
}

// manifestInputs records the files of each slide, by path.
func manifestInputs(ctx context.Context, inputs []Input, known *slide.Digests) ([]ManifestInput, error) {
	out := make([]ManifestInput, len(inputs))
	for i, in := range inputs {
		sources, err := soon(ctx, func() ([]slide.Source, error) { return formatOf(in.Dir).sources(ctx, in, known) })
		if err != nil {
			return nil, err
		}
		out[i].Slide = in.Name
		folder := folderOf(in.Dir)
		for _, src := range sources {
			path := src.Path
			if rel, err := filepath.Rel(folder, absolute(path)); err == nil {
				path = filepath.ToSlash(rel)
			}
			out[i].Files = append(out[i].Files, ManifestFile{Path: path, SHA256: src.SHA256, Size: src.Size})
		}
	}
	return out, nil
}

// reuse opens the data set at path if it was made from the same inputs in the
// same way. Whatever else lies there is computed anew.
func reuse(path string, want Manifest) (*Dataset, bool) {
	have, err := ReadManifest(path)
	if err != nil || have.Fingerprint() != want.Fingerprint() {
		return nil, false
	}
	d, err := Open(path)
	return d, err == nil
}

// ParseInput reads "PATH" or "NAME=PATH" as the commands take them.
func ParseInput(arg string) Input {
	name, dir, ok := strings.Cut(arg, "=")
	if !ok || strings.ContainsAny(name, `/\`) {
		return Input{Dir: arg}
	}
	return Input{Name: name, Dir: dir}
}
