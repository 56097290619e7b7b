package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func put(text string) func(string) error {
	return func(tmp string) error { return os.WriteFile(tmp, []byte(text), 0o666) }
}

// files lists a folder.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWriteReplaces(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "a.txt")
	for _, text := range []string{"old", "new"} {
		if err := Write(p, put(text)); err != nil {
			t.Fatal(err)
		}
		if got := content(t, p); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	if got := files(t, dir); got != "a.txt" {
		t.Errorf("folder holds %s, want a.txt only", got)
	}
}

func TestFailureKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "a.txt")
	if err := Write(p, put("old")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	for _, c := range []struct {
		reason string
		write  func(tmp string) error
	}{
		{"an error after half of the content", func(tmp string) error {
			return errors.Join(os.WriteFile(tmp, []byte("ne"), 0o666), full)
		}},
		{"the temporary file vanishes", os.Remove},
	} {
		err := Write(p, c.write)
		if err == nil {
			t.Errorf("%s: no error", c.reason)
		}
		if got := content(t, p); got != "old" {
			t.Errorf("%s: the file is now %q", c.reason, got)
		}
		if got := files(t, dir); got != "a.txt" {
			t.Errorf("%s: folder holds %s", c.reason, got)
		}
	}
	if err := Write(p, func(string) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v, want the cause", err)
	}
}

// TestPanicKeepsTheOldFile panics in the middle of writing.
func TestPanicKeepsTheOldFile(t *testing.T) {
	p := filepath.Join(t.TempDir(), "a.txt")
	if err := Write(p, put("old")); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = Write(p, func(string) error { panic("x") })
	}()
	if got := content(t, p); got != "old" {
		t.Errorf("the file is now %q", got)
	}
}

func TestTargetAtFault(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ reason, path, want string }{
		{"a folder", dir, "is a folder"},
		{"no folder", filepath.Join(dir, "none", "a"), "make it first"},
		{"a file as a folder", filepath.Join(dir, "file", "a"), "not a directory"},
	} {
		called := false
		err := Write(c.path, func(string) error { called = true; return nil })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.reason, err, c.want)
		}
		if called {
			t.Errorf("%s: work was done before the error was found", c.reason)
		}
	}
}

func TestPermissionsAndLinksStay(t *testing.T) {
	dir := t.TempDir()
	p, l := filepath.Join(dir, "a"), filepath.Join(dir, "l")
	if err := os.WriteFile(p, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", l); err != nil {
		t.Skip(err)
	}
	if err := Write(l, put("new")); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(p)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o640 || content(t, p) != "new" {
		t.Errorf("mode %v, content %q", st.Mode(), content(t, p))
	}
	if st, err := os.Lstat(l); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", st, err)
	}
}
