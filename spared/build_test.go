package spared

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// folders writes the pair of test slides as Space Ranger folders A and B and
// returns their parent.
func folders(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	slides, _ := pair(t)
	for _, s := range slides {
		s.Hires = &slide.Image{Width: 8, Height: 6, Pix: bytes.Repeat([]byte{200, 120, 160}, 48)}
		s.Scale.Hires = 0.01
		if err := visium.Write(context.Background(), filepath.Join(dir, s.Name), s, visium.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// computed tells whether Build computed (true) or opened (false).
func computed(steps *[]string) Progress {
	return func(e Event) { *steps = append(*steps, e.Step) }
}

func TestBuildOpensWhatItMade(t *testing.T) {
	dir := folders(t)
	out := filepath.Join(t.TempDir(), "data.h5ad")
	r := Recipe{Inputs: []Input{{Dir: dir}}, Genes: 20}
	build := func(r Recipe) (*Dataset, bool) {
		t.Helper()
		var steps []string
		d, err := Build(context.Background(), r, out, computed(&steps))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			if s == "ComBat" {
				return d, true
			}
		}
		return d, false
	}
	first, fresh := build(r)
	if !fresh {
		t.Fatal("the first Build computed nothing")
	}
	second, fresh := build(r)
	if fresh {
		t.Error("the second Build computed again")
	}
	if diff := cmp.Diff(first, second, cmpopts.EquateNaNs(), cmpopts.IgnoreFields(ManifestStep{}, "Seconds"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("what was opened differs from what was built:\n%s", diff)
	}
	bytesBefore, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	r.Genes = 19
	if _, fresh := build(r); !fresh {
		t.Error("another number of genes was not computed anew")
	}
	r.Genes = 20
	if _, fresh := build(r); !fresh {
		t.Error("going back was not computed anew")
	}
	if again, err := os.ReadFile(out); err != nil || !bytes.Equal(bytesBefore, again) {
		t.Errorf("the same recipe gave other bytes (%v)", err)
	}
	positions := filepath.Join(dir, "A", "spatial", "tissue_positions.csv")
	text, err := os.ReadFile(positions)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(positions, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, fresh := build(r); !fresh {
		t.Error("a changed input was not computed anew")
	}
}

func TestBuildErrors(t *testing.T) {
	dir := folders(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		reason string
		recipe Recipe
		out    string
		want   []string
	}{
		{"no such folder", Recipe{Inputs: []Input{{Dir: filepath.Join(dir, "nowhere")}}}, "", []string{"nowhere", "no such folder"}},
		{"not a Space Ranger folder", Recipe{Inputs: []Input{{Dir: t.TempDir()}}}, "", []string{"Space Ranger"}},
		{"a file in place of a folder", Recipe{Inputs: []Input{{Dir: file}}}, "", []string{file, "is a file"}},
		{"the output is a folder", Recipe{Inputs: []Input{{Dir: dir}}}, dir, []string{dir, "is a folder"}},
		{"the output's folder is not there", Recipe{Inputs: []Input{{Dir: dir}}}, filepath.Join(dir, "x", "y.h5ad"), []string{"y.h5ad", "does not exist"}},
		{"two slides of one name", Recipe{Inputs: []Input{{Dir: filepath.Join(dir, "A")}, {Name: "A", Dir: filepath.Join(dir, "B")}}}, "", []string{`two slides are called "A"`, "NAME=FOLDER"}},
		{"a name that no file can hold", Recipe{Inputs: []Input{{Name: "a/b", Dir: filepath.Join(dir, "A")}}}, "", []string{"slash"}},
		{"one name for several slides", Recipe{Inputs: []Input{{Name: "x", Dir: dir}}}, "", []string{"holds 2 slides"}},
		{"no input", Recipe{}, "", []string{"names no slide"}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			_, err := Build(context.Background(), test.recipe, test.out, nil)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
		})
	}
}

func TestBuildKeepsTheOldFile(t *testing.T) {
	dir := folders(t)
	out := filepath.Join(t.TempDir(), "data.h5ad")
	r := Recipe{Inputs: []Input{{Dir: dir}}, Genes: 20}
	if _, err := Build(context.Background(), r, out, nil); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.Genes = 10
	_, err = Build(ctx, r, out, func(e Event) {
		if strings.HasPrefix(e.Step, "TPM") {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	h5 := filepath.Join(dir, "A", "filtered_feature_bc_matrix.h5")
	if err := os.Truncate(h5, 3000); err != nil {
		t.Fatal(err)
	}
	var fe *FormatError
	if _, err := Build(context.Background(), r, out, nil); !errors.As(err, &fe) || fe.Path != h5 {
		t.Errorf("a truncated matrix gave %v, want a FormatError that names it", err)
	}
	if after, err := os.ReadFile(out); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file that was there is not what it was (%v)", err)
	}
	if names, err := filepath.Glob(filepath.Join(filepath.Dir(out), ".*")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v %v", names, err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.h5ad")
	if err := os.WriteFile(junk, []byte("this is not HDF5"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{junk, filepath.Join(dir, "absent.h5ad"), dir} {
		var fe *FormatError
		if _, err := Open(path); !errors.As(err, &fe) || fe.Path != path {
			t.Errorf("Open(%s) gave %v, want a FormatError that names it", path, err)
		}
	}
}

// TestCheckSaveKeepsOthers: a file that is no data set is replaced only where its
// name says that one is wanted there.
func TestCheckSaveKeepsOthers(t *testing.T) {
	for _, c := range []struct {
		reason, name, content string
		ok                    bool
	}{
		{"a picture named by mistake", "image.tif", "II*\x00", false},
		{"a table without an ending", "genes", "a,b\n", false},
		{"a damaged data set is made anew", "data.h5ad", "not HDF5", true},
		{"an empty file holds nothing to lose", "new", "", true},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := CheckSave(path); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.reason, err)
		}
	}
}
