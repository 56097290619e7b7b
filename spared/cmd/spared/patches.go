package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/patch"
	"github.com/spatialgo/spatialgo/spared/picture"
)

// patchFlags are what the user of patches asks for.
type patchFlags struct {
	o        patch.WriteOptions
	out      string
	pictures []string // SLIDE=FILE
	border   string
	dropped  bool    // alpha
	diameter float64 // full-resolution pixels; 0 = as the slides say
	asJSON   bool
}

func patchesCmd() *cobra.Command {
	var p patchFlags
	cmd := &cobra.Command{
		Use:   "patches DATA.h5ad -o FILE.h5ad",
		Short: "Cut the tissue under each spot out of the full-resolution picture",
		Long: `patches cuts a square around each spot of a data set out of its slide's
full-resolution picture and resizes it to what image networks take. The square is
one spot diameter wide (--scale changes that), as in SpaRED.

Pictures are TIFF (in strips, tiles or pyramids; BigTIFF, OME-TIFF; 8 or 16
bits), JPEG or PNG of any size; they are read in bands and never held in memory.
Where the data set does not know a slide's picture, --picture SLIDE=FILE names
it. Beyond a picture's border its mirror image goes on.

The result is an .h5ad file of its own: obsm["patches_scale_1.0"], 8-bit RGB,
one row a spot, in the order of the data set. It opens in anndata and h5py. If
FILE.h5ad already holds exactly these patches it is left as it is. Work that was
stopped goes on where it was; FILE.h5ad is replaced only by a complete new file.`,
		Example: `  spared patches muscle.h5ad -o muscle_patches.h5ad
  spared patches muscle.h5ad -o p.h5ad --picture A1=scans/A1.tif --picture B1=scans/B1.tif
  spared patches muscle.h5ad -o wide.h5ad --scale 2 --size 256`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cli.Positive(cmd, "size", "scale", "diameter"); err != nil {
				return err
			}
			return p.run(cmd, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVarP(&p.out, "output", "o", "", "the .h5ad file to write (required)")
	f.IntVar(&p.o.Size, "size", 0, "pixels of a side of a patch (default 224)")
	f.Float64Var(&p.o.Scale, "scale", 0, "side of the square around a spot, in spot diameters (default 1)")
	f.StringArrayVar(&p.pictures, "picture", nil, "full-resolution picture of a slide, as SLIDE=FILE; may be repeated")
	f.StringVar(&p.border, "border", "mirror", "what lies beyond a picture's border: mirror or white")
	f.BoolVar(&p.dropped, "drop-alpha", false, "ignore transparency, as SpaRED does, instead of laying the picture over white")
	f.Float64Var(&p.diameter, "diameter", 0, "spot diameter in full-resolution pixels (default: as the slides say)")
	f.BoolVar(&p.asJSON, "json", false, "print how the patches were made as JSON")
	_ = cmd.MarkFlagRequired("output") // the flag exists
	return cmd
}

func (p *patchFlags) run(cmd *cobra.Command, data string) error {
	switch p.border {
	case "mirror":
	case "white":
		p.o.Border = picture.White
	default:
		return fmt.Errorf("--border %s: want mirror or white", p.border)
	}
	if p.dropped {
		p.o.Picture.Alpha = picture.DropAlpha
	}
	if err := spared.CheckOutput(p.out); err != nil {
		return err
	}
	if same(data, p.out) {
		return fmt.Errorf("-o %s: is the data set itself; patches go to a file of their own", p.out)
	}
	d, err := spared.Open(data)
	if err != nil {
		return err
	}
	slides, err := p.slides(d, filepath.Dir(data))
	if err != nil {
		return err
	}
	show, done := cli.Progress(cmd.ErrOrStderr())
	err = patch.Write(cmd.Context(), p.out, slides, p.o, show)
	done()
	if err != nil {
		return plain(err)
	}
	return printPatches(cmd.OutOrStdout(), p.out, p.asJSON)
}

// same tells whether two names are of one file.
func same(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// plain words the errors of package patch for this command's user.
func plain(err error) error {
	msg := strings.TrimPrefix(err.Error(), "patch: ")
	if errors.Is(err, patch.ErrNoFit) {
		msg += "; give the right one with --picture SLIDE=FILE"
	}
	return told{err, msg}
}

// told is an error in other words.
type told struct {
	error
	msg string
}

func (t told) Error() string { return t.msg }
func (t told) Unwrap() error { return t.error }

// slides gathers what is to be cut. The places of pictures may have been noted
// from another folder; beside the data set is the second place to look.
func (p *patchFlags) slides(d *spared.Dataset, dir string) ([]patch.Slide, error) {
	given, err := p.given(d)
	if err != nil {
		return nil, err
	}
	var slides []patch.Slide
	var lacking []string
	for i := range d.Sections {
		s := &d.Sections[i]
		spots := d.SpotsOf(i)
		if len(spots) == 0 {
			continue
		}
		ps := patch.Slide{Name: s.Name, Picture: cmp.Or(given[s.Name], found(s.FullRes, dir)), Diameter: cmp.Or(p.diameter, s.Scale.SpotDiameter)}
		if ps.Picture == "" {
			lacking = append(lacking, s.Name)
		}
		if ps.Diameter == 0 {
			return nil, fmt.Errorf("slide %s does not say how wide its spots are: give --diameter, in pixels of the full-resolution picture", s.Name)
		}
		for _, k := range spots {
			ps.IDs = append(ps.IDs, d.Spots[k].ID)
			ps.X, ps.Y = append(ps.X, d.Spots[k].X), append(ps.Y, d.Spots[k].Y)
		}
		if s.Hires != nil && s.Scale.Hires > 0 {
			ps.Width, ps.Height = float64(s.Hires.Width)/s.Scale.Hires, float64(s.Hires.Height)/s.Scale.Hires
		}
		slides = append(slides, ps)
	}
	if len(lacking) > 0 {
		return nil, fmt.Errorf("no full-resolution picture of %s: give it with --picture %s=FILE (TIFF, JPEG or PNG)", strings.Join(lacking, ", "), lacking[0])
	}
	return slides, nil
}

// given takes the flags --picture apart.
func (p *patchFlags) given(d *spared.Dataset) (map[string]string, error) {
	given := map[string]string{}
	for _, arg := range p.pictures {
		// A slide's name may hold "=", so the slides are asked.
		var slide string
		for i := range d.Sections {
			if n := d.Sections[i].Name; strings.HasPrefix(arg, n+"=") && len(n) > len(slide) {
				slide = n
			}
		}
		file := strings.TrimPrefix(arg, slide+"=")
		switch {
		case slide == "" || file == "":
			var names []string
			for i := range d.Sections {
				names = append(names, d.Sections[i].Name)
			}
			return nil, fmt.Errorf("--picture %s: want SLIDE=FILE with one of the slides %s", arg, strings.Join(names, ", "))
		case given[slide] != "":
			return nil, fmt.Errorf("--picture %s: slide %s has a picture already, %s", arg, slide, given[slide])
		}
		given[slide] = file
	}
	return given, nil
}

// found returns where the picture is now, "" where the data set knows none or
// it has gone.
func found(path, dir string) string {
	if path == "" {
		return ""
	}
	for _, p := range []string{path, filepath.Join(dir, path), filepath.Join(dir, filepath.Base(path))} {
		if st, err := os.Stat(p); err == nil && !st.IsDir() {
			return p
		}
	}
	return ""
}

// patchSummary is what patches prints.
type patchSummary struct {
	Path     string          `json:"path"`
	Patches  int             `json:"patches"`
	Key      string          `json:"key"`
	Manifest *patch.Manifest `json:"manifest"`
}

func printPatches(w io.Writer, path string, asJSON bool) error {
	f, err := patch.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	m := f.Manifest()
	if asJSON {
		return cli.JSON(w, patchSummary{Path: path, Patches: f.N(), Key: patch.Key(f.Scale()), Manifest: m})
	}
	fmt.Fprintf(w, "%s: %d patches of %d x %d pixels, %s\n\n", cli.Clean(path), f.N(), f.Size(), f.Size(), patch.Key(f.Scale()))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "slide\tspots\tpicture\tpixels\tcut out")
	for _, s := range m.Slides {
		fmt.Fprintf(t, "%s\t%d\t%s\t%d x %d\t%d x %d\n", cli.Clean(s.Name), s.Spots, cli.Clean(s.Picture), s.Width, s.Height, s.Window, s.Window)
	}
	return t.Flush()
}
