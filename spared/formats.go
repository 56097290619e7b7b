package spared

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spatialgo/spatialgo/spared/anndata"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/tabular"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// fileFormat is one way in which slides lie on a disk. Packages of readers
// have functions of these forms. A location is a folder or file, or
// "file#slide" where a file holds several.
type fileFormat struct {
	name    string
	is      func(path string) bool                                                            // cheap: does this look like it, one slide or several?
	find    func(path string) ([]string, error)                                               // locations of the slides in it
	slide   func(location string) string                                                      // default name of a slide
	read    func(ctx context.Context, in Input, known *slide.Digests) (*slide.Slide, error)   // the slide at in.Dir
	sources func(ctx context.Context, in Input, known *slide.Digests) ([]slide.Source, error) // files read, with digests
}

// fileFormats lists the formats that Build reads, in the order in which they
// are asked.
func fileFormats() []fileFormat {
	return []fileFormat{
		{"Space Ranger folder", isVisium, visium.Find, visium.Name,
			func(ctx context.Context, in Input, known *slide.Digests) (*slide.Slide, error) {
				return visium.Read(ctx, in.Dir, visium.Options{Name: in.Name, Normalised: in.Normalised, Digests: known})
			},
			func(_ context.Context, in Input, known *slide.Digests) ([]slide.Source, error) {
				return visium.Sources(in.Dir, visium.Options{Digests: known})
			}},
		{".h5ad file", anndata.Is, anndata.Find, anndata.Name,
			func(ctx context.Context, in Input, known *slide.Digests) (*slide.Slide, error) {
				return anndata.Read(ctx, in.Dir, anndata.Options{Name: in.Name, Normalised: in.Normalised, Digests: known})
			},
			func(ctx context.Context, in Input, known *slide.Digests) ([]slide.Source, error) {
				return anndata.Sources(ctx, in.Dir, anndata.Options{Digests: known})
			}},
		{"folder or file of plain tables", tabular.Is, tabular.Find, tabular.Name,
			func(ctx context.Context, in Input, known *slide.Digests) (*slide.Slide, error) {
				return tabular.Read(ctx, in.Dir, tabular.Options{Name: in.Name, Normalised: in.Normalised, Digests: known})
			},
			func(ctx context.Context, in Input, known *slide.Digests) ([]slide.Source, error) {
				return tabular.Sources(ctx, in.Dir, tabular.Options{Digests: known})
			}},
	}
}

// Formats names the kinds of slides that Build reads.
func Formats() []string {
	var names []string
	for _, f := range fileFormats() {
		names = append(names, f.name)
	}
	return names
}

func isVisium(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	_, err = visium.Find(path)
	return err == nil
}

// formatOf returns the format of the slides at a path. Where none claims it,
// the first format says what is wrong.
func formatOf(path string) fileFormat {
	all := fileFormats()
	for _, f := range all {
		if f.is(path) {
			return f
		}
	}
	return all[0]
}

// soon calls work and returns its result, or ctx's error as soon as ctx ends:
// work that reads a large file in one piece looks at ctx only before and after.
func soon[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := work()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("spared: reading stopped: %w", ctx.Err())
	}
}

// ReadSlide reads one slide, of whatever format: a Space Ranger folder, for
// instance. A path that holds several slides is an error that names them.
func ReadSlide(ctx context.Context, path string) (*Slide, error) {
	return ReadInput(ctx, Input{Dir: path})
}

// ReadInput reads the slide of a recipe's input, as Build does.
func ReadInput(ctx context.Context, in Input) (*Slide, error) {
	inputs, err := expand([]Input{in})
	if err != nil {
		return nil, err
	}
	if len(inputs) > 1 {
		names := make([]string, len(inputs))
		for i, in := range inputs {
			names[i] = in.Dir
		}
		return nil, fmt.Errorf("spared: %s holds %d slides: name one of %s", in.Dir, len(inputs), strings.Join(names, ", "))
	}
	in = inputs[0]
	return soon(ctx, func() (*slide.Slide, error) { return formatOf(in.Dir).read(ctx, in, nil) })
}

// absolute returns a path that does not depend on the working folder, ""
// for "".
func absolute(path string) string {
	if path == "" {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// folderOf returns the folder of a slide's location, which the paths of its
// files are relative to.
func folderOf(location string) string {
	if info, err := os.Stat(location); err == nil && info.IsDir() {
		return location
	}
	return filepath.Dir(location)
}

// reasonOf returns what the operating system said, without the path.
func reasonOf(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
