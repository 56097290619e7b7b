//go:build unix

package h5ad

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull writes where the system refuses more than 64 KiB to a file, as
// a full disk does in the middle of the work.
func TestDiskFull(t *testing.T) {
	if path := os.Getenv("SPATIALGO_TEST_FULL"); path != "" {
		writeLimited(t, path)
		return
	}
	dir := t.TempDir()
	p := filepath.Join(dir, "x.h5ad")
	if err := Write(p, small(), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	// The limit holds for a whole process, so a second one has it.
	cmd := exec.Command(os.Args[0], "-test.run=^TestDiskFull$", "-test.v")
	cmd.Env = append(os.Environ(), "SPATIALGO_TEST_FULL="+p)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("refused: ")) {
		t.Fatalf("%v\n%s", err, out)
	}
	now, err := os.ReadFile(p)
	if err != nil || !bytes.Equal(old, now) {
		t.Errorf("the old file was changed: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}

func writeLimited(t *testing.T, path string) {
	signal.Ignore(syscall.SIGXFSZ) // so that write fails instead
	limit := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip(err)
	}
	a := small()
	a.Uns = map[string]any{"big": &Array{Shape: []int{1 << 20}, Data: make([]float64, 1<<20)}}
	for _, o := range []WriteOptions{{Gzip: NoCompression}, {Gzip: 1}} {
		if o.Gzip > 0 { // compresses badly
			for i := range 1 << 20 {
				a.Uns["big"].(*Array).Data.([]float64)[i] = 1 / float64(i+1)
			}
		}
		err := Write(path, a, o)
		if err == nil || !strings.HasPrefix(err.Error(), path+": ") || strings.Contains(err.Error(), ".tmp") {
			t.Errorf("gzip %d: got %v, want an error about %s", o.Gzip, err, path)
		}
		t.Logf("refused: %v", err)
	}
}
