package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test program itself is the process that is killed: with this variable
// set it fetches once and ends.
const childEnv = "SPATIALGO_TEST_FETCH"

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		os.Exit(child(spec))
	}
	os.Exit(m.Run())
}

// child is one call of fetch: "SET DIR MIRROR".
func child(spec string) int {
	args := strings.Fields(spec)
	d, err := Find(args[0])
	if err == nil {
		_, err = fetch(context.Background(), withoutSums(d), Options{Dir: args[1], Mirror: Mirror{"": args[2]}, RetryWait: time.Millisecond})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestKill kills a fetch, with SIGKILL, at random moments, 50 times. After each, a
// slide is not there or it is whole, down to the sums of its files; whatever
// was left, the next call goes on from it. Whenever all is there, some of it
// is damaged or taken away, so that replacing is cut short as well.
func TestKill(t *testing.T) {
	const kills = 50
	set := withoutSums(find(t, "VKO"))
	slides := makeSlides(t, set)
	files := authorsFiles(t, set, slides)
	srv := serve(t, files)
	srv.mu.Lock() // the requests come from processes that the race detector does not know
	srv.before = func(_ int, w http.ResponseWriter, r *http.Request, data []byte) bool {
		w.Header().Set("ETag", etag(data))
		http.ServeContent(&slowly{ResponseWriter: w}, r, "", time.Time{}, bytes.NewReader(data))
		return true
	}
	srv.mu.Unlock()
	dir := filepath.Join(t.TempDir(), "data")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func() *exec.Cmd {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", childEnv+"="+set.Abbr+" "+dir+" "+srv.URL)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	finish := func(cmd *exec.Cmd) {
		t.Helper()
		if err := cmd.Wait(); err != nil {
			t.Fatalf("a call that nobody killed: %v: %v", err, cmd.Stderr)
		}
	}
	begin := time.Now()
	finish(start())
	whole := time.Since(begin)
	checkAfterKill(t, dir, set, slides, true)

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d; a call takes %v", seed, whole)
	rng := rand.New(rand.NewPCG(seed, 0))
	killed, calls, span := 0, 0, whole
	for ; killed < kills && calls < 6*kills; calls++ {
		again(t, rng, dir, set)
		cmd := start()
		// From before the first request to about the end of what is left to do.
		time.Sleep(time.Duration(rng.Float64() * float64(span)))
		_ = cmd.Process.Kill()
		if cmd.Wait() != nil {
			killed++
			span = min(whole, span*6/5)
		} else {
			span = span * 3 / 4
		}
		checkAfterKill(t, dir, set, slides, false)
	}
	if killed < kills {
		t.Errorf("only %d of %d calls were killed before they ended", killed, calls)
	}
	finish(start())
	checkAfterKill(t, dir, set, slides, true)
	t.Logf("%d of %d calls were killed before they ended", killed, calls)
}

// again gives the next call something to do where everything is there.
func again(t *testing.T, rng *rand.Rand, dir string, set Dataset) {
	t.Helper()
	f, err := newFetcher(set, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.missing()) > 0 {
		return
	}
	var errs []error
	slide := filepath.Join(dir, set.Name, set.Slides[rng.IntN(len(set.Slides))].Name)
	switch rng.IntN(3) {
	case 0: // from nothing
		errs = append(errs, os.RemoveAll(dir))
	case 1: // a damaged slide, which is replaced
		errs = append(errs, os.Truncate(filepath.Join(slide, fullRes), 1))
	case 2: // the slides from the kept archives, one of which has to be downloaded
		errs = append(errs, os.RemoveAll(filepath.Join(dir, set.Name)), os.Remove(f.store(set.Source.Files[rng.IntN(2)])))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// checkAfterKill: each slide is not there, or as damaged as again made it, or
// whole.
func checkAfterKill(t *testing.T, dir string, set Dataset, slides map[string]map[string][]byte, all bool) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, set.Name))
	if err != nil && (all || !errors.Is(err, fs.ErrNotExist)) {
		t.Fatal(err)
	}
	there := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // not a slide to anybody
		}
		there++
		place := filepath.Join(dir, set.Name, e.Name())
		if st, err := os.Stat(filepath.Join(place, fullRes)); err == nil && st.Size() == 1 && !all {
			continue // the old state
		}
		checkRecord(t, place, set, e.Name())
		for name, want := range slides[e.Name()] {
			if name == "spatial/tissue_lowres_image.png" {
				continue // not in the record of this author
			}
			if got, err := os.ReadFile(filepath.Join(place, name)); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s/%s is there, but not whole: %v", e.Name(), name, err)
			}
		}
	}
	if all && there != len(set.Slides) {
		t.Fatalf("%d slides, want %d", there, len(set.Slides))
	}
}

// slowly lets a response pass in small pieces, so that kills meet it.
type slowly struct{ http.ResponseWriter }

func (s *slowly) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		k := 0
		k, err = s.ResponseWriter.Write(p[:min(len(p), 4<<10)])
		s.ResponseWriter.(http.Flusher).Flush()
		n, p = n+k, p[k:]
		time.Sleep(time.Millisecond)
	}
	return n, err
}
