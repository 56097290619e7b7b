package patch

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// asWriter makes this program a process that writes to the path it holds.
const asWriter = "SPATIALGO_TEST_PATCH_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(asWriter); path != "" {
		if err := Write(context.Background(), path, theirs(filepath.Dir(path)), WriteOptions{}, nil); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// theirs are the slides of slides, whose pictures are there already.
func theirs(dir string) []Slide {
	var out []Slide
	for i, name := range []string{"A", "B"} {
		s := Slide{Name: name, Picture: filepath.Join(dir, name+".png"), Diameter: 20.5}
		for k := range 100 + 50*i {
			s.IDs = append(s.IDs, fmt.Sprintf("%s_spot%d", name, k))
			s.X, s.Y = append(s.X, float64((k*37)%(120+40*i))), append(s.Y, float64((k*53)%90))
		}
		out = append(out, s)
	}
	return out
}

// TestKill ends writers at random moments without warning. What is at the
// path is the old file or the new one, and the next writer goes on.
func TestKill(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	slides(t, dir)
	whole, path := filepath.Join(dir, "whole.h5ad"), filepath.Join(dir, "p.h5ad")
	write(t, whole, theirs(dir), WriteOptions{})
	want, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, theirs(dir)[:1], small)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for range 12 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rng.IntN(500))*time.Millisecond)
		c := exec.CommandContext(ctx, self)
		c.Env = append(os.Environ(), asWriter+"="+path)
		killed := c.Run() != nil // how it ended does not matter, what it left does
		cancel()
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case bytes.Equal(got, want):
			write(t, path, theirs(dir)[:1], small) // the old one again
		case !killed || !bytes.Equal(got, old):
			t.Fatalf("a writer that was killed (%v) left neither the old file nor the new one", killed)
		}
	}
	write(t, path, theirs(dir), WriteOptions{})
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("after all kills the file differs from one made in one go: %v", err)
	}
}
