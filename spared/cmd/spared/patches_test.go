package main

import (
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/spatialgo/spatialgo/internal/cli/clitest"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/patch"
)

// patches runs the command by itself.
func patches(args ...string) clitest.Result {
	root := &cobra.Command{Use: "spared"}
	root.AddCommand(patchesCmd())
	return clitest.Run(root, append([]string{"patches"}, args...)...)
}

// pictured returns a data set whose slides have pictures, that knows them in
// folder "elsewhere", from which they have moved beside it.
func pictured(t *testing.T, dir string) string {
	t.Helper()
	old, err := spared.Open(built(t))
	if err != nil {
		t.Fatal(err)
	}
	d := old.Clone()
	d.Sections = append([]spared.Section{}, old.Sections...)
	for i := range d.Sections {
		w, h := 0, 0
		for _, k := range d.SpotsOf(i) {
			w, h = max(w, int(d.Spots[k].X)+20), max(h, int(d.Spots[k].Y)+20) // less than a window: some hang over
		}
		name := d.Sections[i].Name + ".png"
		d.Sections[i].FullRes = filepath.Join(dir, "elsewhere", name)
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(png.Encode(f, image.NewGray(image.Rect(0, 0, w, h))), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "pictured.h5ad")
	if err := spared.Save(d, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPatches(t *testing.T) {
	data, out := pictured(t, t.TempDir()), filepath.Join(t.TempDir(), "p.h5ad")
	r := patches(data, "-o", out, "--size", "16").OK(t)
	d, err := spared.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	f, err := patch.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.N() != len(d.Spots) || f.Size() != 16 {
		t.Fatalf("%d patches of size %d for %d spots", f.N(), f.Size(), len(d.Spots))
	}
	for i := range d.Spots {
		if f.IDs()[i] != d.Spots[i].ID {
			t.Fatalf("row %d is %s, the data set's is %s", i, f.IDs()[i], d.Spots[i].ID)
		}
	}
	for _, s := range d.Sections {
		if !strings.Contains(r.Stdout, s.Name) {
			t.Errorf("it does not speak of slide %s:\n%s", s.Name, r.Stdout)
		}
	}
	before := clitest.Stat(t, out).ModTime()
	var told struct {
		Patches  int
		Manifest patch.Manifest
	}
	patches(data, "-o", out, "--size", "16", "--json").OK(t).JSON(t, &told)
	if told.Patches != f.N() || len(told.Manifest.Slides) != len(d.Sections) {
		t.Errorf("as JSON: %+v", told)
	}
	if !clitest.Stat(t, out).ModTime().Equal(before) {
		t.Error("the same patches were made again")
	}
}

func TestPatchesRefuses(t *testing.T) {
	dir := t.TempDir()
	data, blind := pictured(t, dir), built(t) // blind knows no pictures
	d, err := spared.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, "A1.png")
	text := filepath.Join(dir, "text.tif")
	if err := os.WriteFile(text, []byte("no picture"), 0o666); err != nil {
		t.Fatal(err)
	}
	small := filepath.Join(dir, "small.png")
	f, err := os.Create(small)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(png.Encode(f, image.NewGray(image.Rect(0, 0, 100, 100))), f.Close()); err != nil {
		t.Fatal(err)
	}
	name := d.Sections[0].Name
	out := filepath.Join(dir, "p.h5ad")
	for _, c := range []struct {
		reason string
		args   []string
		want   []string
	}{
		{"no output", []string{data}, []string{`"output" not set`}},
		{"no pictures known", []string{blind, "-o", out}, []string{"no full-resolution picture of " + name, "--picture " + name + "=FILE"}},
		{"one of them given", []string{blind, "-o", out, "--picture", name + "=" + full}, []string{"no full-resolution picture of " + d.Sections[1].Name}},
		{"a slide that is not there", []string{data, "-o", out, "--picture", "Z9=a.tif"}, []string{"Z9=a.tif", "one of the slides " + name}},
		{"two pictures of a slide", []string{data, "-o", out, "--picture", name + "=a.tif", "--picture", name + "=b.tif"}, []string{"has a picture already, a.tif"}},
		{"a picture that is not there", []string{data, "-o", out, "--picture", name + "=absent.tif"}, []string{"slide " + name + ": absent.tif: no such file"}},
		{"no picture at all", []string{data, "-o", out, "--picture", name + "=" + text}, []string{text, "not a TIFF, JPEG or PNG"}},
		{"a small picture", []string{data, "-o", out, "--picture", name + "=" + small}, []string{"does not fit the spots", "--picture SLIDE=FILE"}},
		{"the data set itself", []string{data, "-o", data}, []string{"is the data set itself"}},
		{"a size of nothing", []string{data, "-o", out, "--size", "0"}, []string{"--size 0"}},
		{"a border of nothing", []string{data, "-o", out, "--border", "black"}, []string{"mirror or white"}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			patches(c.args...).Failed(t, "spared", c.want...)
			if left, _ := filepath.Glob(filepath.Join(dir, "*p.h5ad*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
