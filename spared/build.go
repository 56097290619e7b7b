package spared

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spatialgo/spatialgo/spared/genelength"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// Version of this library, as recorded in the files it writes.
const Version = "0.1.0"

// manifestVersion rises whenever the same recipe and inputs would give other
// numbers or another layout of the file.
const manifestVersion = 1

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
	files, err := manifestInputs(r.Inputs)
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
	}
	slides, err := readSlides(ctx, r.Inputs, progress)
	if err != nil {
		return nil, err
	}
	d, err := Curate(ctx, slides, r, progress)
	if err != nil {
		return nil, err
	}
	d.Manifest.Inputs = files
	if path != "" {
		progress.Send(Event{Step: "saving " + path, Seconds: time.Since(start).Seconds()})
		if err := Save(d, path); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// CheckOutput finds out before hours of work that the result could not be
// saved.
func CheckOutput(path string) error {
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return fmt.Errorf("spared: %s is a folder: give the name of a file to write, e.g. %s", path, filepath.Join(path, "data.h5ad"))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("spared: cannot write %s: %w", path, err)
	}
	switch info, err := os.Stat(filepath.Dir(path)); {
	case err != nil:
		return fmt.Errorf("spared: cannot write %s: its folder does not exist: %w", path, err)
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
			if st, err := os.Stat(filepath.Join(in.Dir, filepath.FromSlash(f.Path))); err == nil && os.SameFile(out, st) {
				return fmt.Errorf("spared: %s is a file of slide %q, which would be lost: give another name to write", path, in.Name)
			}
		}
	}
	return nil
}

// expand replaces each folder that holds slides by the slides in it, and
// names every slide.
func expand(inputs []Input) ([]Input, error) {
	var out []Input
	seen := map[string]string{} // name -> folder
	for _, in := range inputs {
		dirs, err := visium.Find(in.Dir)
		if err != nil {
			return nil, err
		}
		if len(dirs) > 1 && in.Name != "" {
			return nil, fmt.Errorf("spared: %s holds %d slides, which cannot all be called %q: name them one by one", in.Dir, len(dirs), in.Name)
		}
		for _, dir := range dirs {
			one := in
			one.Dir = dir
			if one.Name == "" {
				one.Name = visium.Name(dir)
			}
			if err := checkSlideName(one.Name); err != nil {
				return nil, err
			}
			if first, ok := seen[one.Name]; ok {
				return nil, fmt.Errorf("spared: two slides are called %q (%s and %s): write NAME=FOLDER to tell them apart", one.Name, first, dir)
			}
			seen[one.Name] = dir
			out = append(out, one)
		}
	}
	return out, nil
}

func readSlides(ctx context.Context, inputs []Input, progress Progress) ([]*slide.Slide, error) {
	slides := make([]*slide.Slide, len(inputs))
	for i, in := range inputs {
		progress.Send(Event{Step: "reading slides", Done: i, Total: len(inputs), Message: in.Name})
		s, err := visium.Read(ctx, in.Dir, visium.Options{Name: in.Name})
		if err != nil {
			return nil, err
		}
		slides[i] = s
	}
	return slides, nil
}

// manifestInputs records the files of each slide, by path.
func manifestInputs(inputs []Input) ([]ManifestInput, error) {
	out := make([]ManifestInput, len(inputs))
	for i, in := range inputs {
		sources, err := visium.Sources(in.Dir, visium.Options{})
		if err != nil {
			return nil, err
		}
		out[i].Slide = in.Name
		for _, src := range sources {
			path := src.Path
			if rel, err := filepath.Rel(in.Dir, path); err == nil {
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

// organismOf finds the organism of the slides, which must agree with each
// other and with what the recipe asks for.
func organismOf(slides []*slide.Slide, asked string) (string, error) {
	found := map[string]string{} // organism -> slide
	for _, s := range slides {
		o := s.Organism
		if o == "" {
			o = genelength.OrganismOf(geneIDs(s))
		}
		if o != "" {
			found[o] = s.Name
		}
	}
	switch {
	case len(found) > 1:
		return "", fmt.Errorf("spared: slide %q is human and slide %q is mouse: a data set has one organism", found["human"], found["mouse"])
	case asked != "" && len(found) == 1 && found[asked] == "":
		for o, name := range found {
			return "", fmt.Errorf("spared: the recipe says %s, but slide %q has %s genes", asked, name, o)
		}
	case asked != "":
		return asked, nil
	case len(found) == 0:
		return "", fmt.Errorf("spared: unknown organism: the gene ids of %s are not Ensembl ids of human or mouse (first: %q); say --organism human or mouse if they are", slides[0].Name, firstGene(slides[0]))
	}
	for o := range found {
		return o, nil
	}
	return "", nil
}

func geneIDs(s *slide.Slide) []string {
	ids := make([]string, len(s.Genes))
	for i, g := range s.Genes {
		ids[i] = g.ID
	}
	return ids
}

func firstGene(s *slide.Slide) string {
	if len(s.Genes) == 0 {
		return ""
	}
	return s.Genes[0].ID
}

// ParseInput reads "DIR" or "NAME=DIR" as the commands take them.
func ParseInput(arg string) Input {
	name, dir, ok := strings.Cut(arg, "=")
	if !ok || strings.ContainsAny(name, `/\`) {
		return Input{Dir: arg}
	}
	return Input{Name: name, Dir: dir}
}
