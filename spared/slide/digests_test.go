package slide_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/spatialgo/spatialgo/spared/slide"
)

func TestDigests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	write := func(text string, at time.Time) {
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o666), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	reads := 0
	read := func(path string) (slide.Source, error) {
		reads++
		data, err := os.ReadFile(path)
		return slide.Source{Path: path, SHA256: string(data)}, err
	}
	day := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	var d slide.Digests
	for _, step := range []struct {
		reason  string
		digests *slide.Digests
		text    string
		at      time.Time
		reads   int // in all
	}{
		{"the first time", &d, "one", day, 1},
		{"remembered", &d, "one", day, 1},
		{"changed, at another time", &d, "two", day.Add(time.Second), 2},
		{"of another size", &d, "three", day.Add(time.Second), 3},
		{"nil remembers nothing", nil, "three", day.Add(time.Second), 4},
	} {
		write(step.text, step.at)
		if s, err := step.digests.Of(path, read); err != nil || s.SHA256 != step.text || reads != step.reads {
			t.Errorf("%s: %v, %v after %d reads", step.reason, s, err, reads)
		}
	}
	if _, err := d.Of(path+"x", read); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	var group sync.WaitGroup
	before := reads
	var shared slide.Digests
	for range 8 {
		group.Go(func() {
			if s, err := shared.Of(path, read); err != nil || s.SHA256 != "three" {
				t.Errorf("%v, %v", s, err)
			}
		})
	}
	group.Wait()
	if reads != before+1 {
		t.Errorf("%d reads by goroutines, want 1", reads-before)
	}
}
