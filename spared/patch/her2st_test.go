package patch

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/internal/readertest"
	"github.com/spatialgo/spatialgo/spared/picture"
)

// TestHer2st cuts all patches of a real slide, 92 million pixels of JPEG, and
// bounds the memory that takes.
func TestHer2st(t *testing.T) {
	pic := goldentest.Path(t, "data", "her2st", "images", "C6.jpg")
	table := goldentest.ReadTable(t, "data", "her2st", "spots", "C6_selection.tsv")
	s := Slide{Name: "C6", Picture: pic, Diameter: 138, X: table.Floats(t, "pixel_x"), Y: table.Floats(t, "pixel_y")}
	for _, r := range table.Rows {
		s.IDs = append(s.IDs, "C6_"+r[0]+"x"+r[1])
	}
	path := filepath.Join(t.TempDir(), "p.h5ad")
	write(t, path, []Slide{s}, WriteOptions{})
	if peak := readertest.PeakMemory(t); peak > 400<<20 {
		t.Errorf("peak memory of %d MiB; the picture alone has 275", peak>>20)
	} else {
		t.Logf("%d patches, peak memory %d MiB", len(s.IDs), peak>>20)
	}

	// The same as windows read one by one, out of the unpacked picture.
	p, err := picture.Open(pic, picture.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r, err := NewReader(p, s.X, s.Y, s.Diameter, Options{})
	if err != nil {
		t.Fatal(err)
	}
	some := []int{len(s.IDs) - 1, 0, len(s.IDs) / 2}
	want, err := r.Batch(context.Background(), some)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := openFile(t, path).Batch(context.Background(), some); err != nil || !bytes.Equal(got, want) {
		t.Errorf("patches differ from windows read one by one: %v", err)
	}
}
