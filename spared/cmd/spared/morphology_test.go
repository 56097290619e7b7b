package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/internal/cli/clitest"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/morphology"
)

func TestMorphology(t *testing.T) {
	data, out := pictured(t, t.TempDir()), filepath.Join(t.TempDir(), "m.h5ad")
	r := clitest.Run(root(), "morphology", data, "-o", out, "--size", "16").OK(t)
	if !strings.Contains(r.Stdout, "50 numbers") || !strings.Contains(r.Stdout, morphology.Key) {
		t.Errorf("it says %q", r.Stdout)
	}
	ds, err := spared.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	m := ds.Obsm[morphology.Key]
	if m.Rows != len(ds.Spots) || m.Cols != morphology.Dims {
		t.Fatalf("obsm %s is %d x %d for %d spots", morphology.Key, m.Rows, m.Cols, len(ds.Spots))
	}
	for i := range m.Rows { // the pictures are black: no light, no contrast
		row := m.Data[i*m.Stride:][:m.Cols]
		for k, name := range morphology.Names() {
			if (strings.HasSuffix(name, "contrast") || name == "red mean") && row[k] != 0 {
				t.Fatalf("spot %s of a black picture: %s is %g", ds.Spots[i].ID, name, row[k])
			}
		}
	}
}

func TestMorphologyRefuses(t *testing.T) {
	for _, tc := range []struct {
		reason string
		args   []string
		want   []string
	}{
		{"a data set without pictures", []string{built(t), "-o", filepath.Join(t.TempDir(), "x.h5ad")}, []string{"no full-resolution picture", "--picture"}},
		{"a picture of no slide", []string{built(t), "-o", filepath.Join(t.TempDir(), "x.h5ad"), "--picture", "none=a.png"}, []string{"--picture none=a.png"}},
		{"an output without a folder", []string{built(t), "-o", filepath.Join(t.TempDir(), "no", "x.h5ad")}, []string{"no"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			clitest.Run(root(), append([]string{"morphology"}, tc.args...)...).Failed(t, "spared", tc.want...)
		})
	}
}
