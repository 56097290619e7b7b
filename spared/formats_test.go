package spared

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// One slide as a Space Ranger folder, and as a data set's .h5ad file, reads
// alike.
func TestReadSlide(t *testing.T) {
	dir := folders(t)
	folder, err := ReadSlide(context.Background(), filepath.Join(dir, "A"))
	if err != nil {
		t.Fatal(err)
	}
	if folder.Name != "A" || len(folder.Barcodes) != 256 {
		t.Errorf("read %s with %d spots", folder.Name, len(folder.Barcodes))
	}
	if _, err := ReadSlide(context.Background(), dir); err == nil || !strings.Contains(err.Error(), "holds 2 slides") || !strings.Contains(err.Error(), filepath.Join(dir, "B")) {
		t.Errorf("a folder of two slides gave %v", err)
	}
	if _, err := ReadSlide(context.Background(), filepath.Join(dir, "C")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder gave %v", err)
	}
}

// A data set is an input like any other: its slides, patients and splits come
// with it.
func TestBuildFromDataset(t *testing.T) {
	dir := folders(t)
	first := filepath.Join(t.TempDir(), "first.h5ad")
	r := Recipe{Inputs: []Input{{Dir: dir}}, Genes: 40, Train: []string{"B"}, Val: []string{"A"}, Patients: map[string]string{"A": "anna", "B": "ben"}}
	d, err := Build(context.Background(), r, first, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Build(context.Background(), Recipe{Inputs: []Input{{Dir: first}}, Genes: 20}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range again.Sections {
		if d.Sections[i].Name != s.Name || d.Sections[i].Patient != s.Patient {
			t.Errorf("slide %d is %s of %s, want %s of %s", i, s.Name, s.Patient, d.Sections[i].Name, d.Sections[i].Patient)
		}
	}
	if diff := cmp.Diff([]int{len(d.SpotsIn(Train)), len(d.SpotsIn(Val))}, []int{len(again.SpotsIn(Train)), len(again.SpotsIn(Val))}); diff != "" {
		t.Errorf("spots of the splits:\n%s", diff)
	}
	if again.Manifest.Splits != "by slide, as the slides' files say" {
		t.Errorf("splits %q", again.Manifest.Splits)
	}
	if _, err := Build(context.Background(), Recipe{Inputs: []Input{{Dir: first}}}, first, nil); err == nil || !strings.Contains(err.Error(), "would be lost") {
		t.Errorf("a data set made from itself gave %v", err)
	}
}

// Ctrl-C during a read that does not look at its context.
func TestSoon(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	release := make(chan struct{})
	defer close(release)
	time.AfterFunc(time.Millisecond, cancel)
	_, err := soon(ctx, func() (int, error) {
		<-release
		return 1, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if v, err := soon(context.Background(), func() (int, error) { return 2, nil }); v != 2 || err != nil {
		t.Errorf("got %d, %v", v, err)
	}
}
