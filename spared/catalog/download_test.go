package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spatialgo/spatialgo/internal/progress"
)

const (
	bigURL   = "https://host.example.org/files/big.bin"
	bigOther = "https://copy.example.org/big.bin"
	bigPath  = "/host.example.org/files/big.bin"
)

// bigFile is what the tests of the line download: half a MiB that does not
// repeat.
func bigFile(seed byte) []byte {
	data := make([]byte, 512<<10)
	x := uint32(seed) + 1
	for i := range data {
		x = x*1664525 + 1013904223
		data[i] = byte(x >> 24)
	}
	return data
}

func sum(data []byte) string { s := sha256.Sum256(data); return hex.EncodeToString(s[:]) }

// downloader makes a fetcher for one file.
func downloader(t *testing.T, srv *server, file File, change func(*Options)) *fetcher {
	t.Helper()
	d := Dataset{Name: "test", Source: Source{Name: "test", Files: []File{file}}}
	o := srv.options(t.TempDir())
	o.Retries = 2
	if change != nil {
		change(&o)
	}
	f, err := newFetcher(d, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(f.downloads(), 0o755); err != nil {
		t.Fatal(err)
	}
	return f
}

// half sends the first half of the file and hangs up.
func half(w http.ResponseWriter, data []byte) {
	w.Header().Set("ETag", etag(data))
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(data[:len(data)/2])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// TestBrokenLine cuts the line, and more, at the first requests.
func TestBrokenLine(t *testing.T) {
	data, newer := bigFile(1), bigFile(2)
	from := func(n int) string { return fmt.Sprintf("%s bytes=%d-", bigPath, n) }
	middle := len(data) / 2
	for _, tc := range []struct {
		reason string
		file   File
		change func(*Options)
		before func(n int, w http.ResponseWriter, r *http.Request, data []byte) bool
		want   []byte
		asked  []string // nil = not checked
		err    []string // parts; nil = none
	}{
		{reason: "nothing goes wrong", want: data, asked: []string{bigPath}},
		{reason: "cut at half: goes on there", want: data, asked: []string{bigPath, from(middle)},
			before: func(n int, w http.ResponseWriter, _ *http.Request, data []byte) bool {
				if n == 0 {
					half(w, data)
				}
				return false
			}},
		{reason: "cut again and again, each time a little further: more often than Retries, which count only standstill", want: data,
			before: func(n int, w http.ResponseWriter, r *http.Request, data []byte) bool {
				have, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-"))
				if len(data)-have < 64<<10 {
					return false
				}
				w.Header().Set("ETag", etag(data))
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", have, len(data)-1, len(data)))
				w.Header().Set("Content-Length", strconv.Itoa(len(data)-have))
				w.WriteHeader(map[bool]int{true: 200, false: 206}[have == 0])
				_, _ = w.Write(data[have : have+40<<10])
				panic(http.ErrAbortHandler)
			}},
		{reason: "a server that ignores Range: begins anew", want: data, asked: []string{bigPath, from(middle)},
			before: func(n int, w http.ResponseWriter, r *http.Request, data []byte) bool {
				if n == 0 {
					half(w, data)
				}
				w.Header().Set("ETag", etag(data))
				_, _ = w.Write(data)
				return true
			}},
		{reason: "another version by then (ETag): nothing of the old one stays", want: newer, asked: []string{bigPath, from(middle)},
			before: func(n int, w http.ResponseWriter, r *http.Request, data []byte) bool {
				if n == 0 {
					half(w, data)
				}
				w.Header().Set("ETag", etag(newer))
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(newer))
				return true
			}},
		{reason: "a server that lies about the range", want: data, asked: []string{bigPath, from(middle), bigPath},
			before: func(n int, w http.ResponseWriter, r *http.Request, data []byte) bool {
				switch n {
				case 0:
					half(w, data)
				case 1:
					w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", len(data)-1, len(data)))
					w.WriteHeader(http.StatusPartialContent)
					_, _ = w.Write(data[7:])
					return true
				}
				return false
			}},
		{reason: "a server without validators and a file without a sum cannot go on", want: data, asked: []string{bigPath, bigPath},
			before: func(n int, w http.ResponseWriter, r *http.Request, data []byte) bool {
				w.Header().Set("Content-Length", strconv.Itoa(len(data)))
				if n == 0 {
					_, _ = w.Write(data[:middle])
					panic(http.ErrAbortHandler)
				}
				_, _ = w.Write(data)
				return true
			}},
		{reason: "a weak ETag is no ETag, a date will do", want: data, asked: []string{bigPath, from(middle)},
			before: func(n int, w http.ResponseWriter, r *http.Request, data []byte) bool {
				date := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
				w.Header().Set("ETag", `W/"x"`)
				if n == 0 {
					w.Header().Set("Last-Modified", date.Format(http.TimeFormat))
					w.Header().Set("Content-Length", strconv.Itoa(len(data)))
					_, _ = w.Write(data[:middle])
					panic(http.ErrAbortHandler)
				}
				if got := r.Header.Get("If-Range"); got != date.Format(http.TimeFormat) {
					panic("If-Range is " + got)
				}
				http.ServeContent(w, r, "", date, bytes.NewReader(data))
				return true
			}},
		{reason: "no length given, cut in the middle of a chunk", want: data,
			before: func(n int, w http.ResponseWriter, r *http.Request, data []byte) bool {
				w.Header().Set("ETag", etag(data))
				if n == 0 {
					_, _ = w.Write(data[:middle])
					w.(http.Flusher).Flush()
					panic(http.ErrAbortHandler)
				}
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
				return true
			}},
		{reason: "500 twice", want: data, asked: []string{bigPath, bigPath, bigPath},
			before: func(n int, w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				if n < 2 {
					http.Error(w, "oops", http.StatusInternalServerError)
				}
				return n < 2
			}},
		{reason: "500 always", err: []string{"500 Internal Server Error"},
			before: func(_ int, w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				http.Error(w, "oops", http.StatusInternalServerError)
				return true
			}},
		{reason: "429 with a pause", want: data, asked: []string{bigPath, bigPath},
			before: func(n int, w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				if n == 0 {
					w.Header().Set("Retry-After", "0")
					w.WriteHeader(http.StatusTooManyRequests)
				}
				return n == 0
			}},
		{reason: "429 for an hour: nobody waits for that", err: []string{"asks to come back in 1h0m0s"}, asked: []string{bigPath},
			before: func(_ int, w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}},
		{reason: "404: not tried again", file: File{URL: "https://host.example.org/none"}, err: []string{"404 Not Found", "--mirror"}, asked: []string{"/host.example.org/none"}},
		{reason: "404, but there is a copy elsewhere", file: File{URL: "https://host.example.org/none", Fallback: bigOther}, want: data,
			asked: []string{"/host.example.org/none", "/copy.example.org/big.bin"}},
		{reason: "the right sum", file: File{URL: bigURL, SHA256: sum(data), Size: int64(len(data))}, want: data},
		{reason: "wrong bytes", file: File{URL: bigURL, SHA256: sum(newer)}, err: []string{"is not the expected file", sum(data), sum(newer), "published"}, asked: []string{bigPath}},
		{reason: "wrong bytes here, right ones at the copy", file: File{URL: bigURL, Fallback: bigOther, SHA256: sum(data)}, want: data,
			before: func(n int, w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				if n == 0 {
					_, _ = w.Write([]byte("<html>please log in</html>"))
				}
				return n == 0
			}},
		{reason: "another size than published, told before it is downloaded", file: File{URL: bigURL, Size: 7}, err: []string{"expected are 7"}},
		{reason: "nothing at all", err: []string{"it is empty"},
			before: func(_ int, w http.ResponseWriter, _ *http.Request, _ []byte) bool { return true }},
		{reason: "too large, by its own word", change: func(o *Options) { o.MaxBytes = 100 << 10 }, err: []string{"the most allowed is 0.1 MiB"}},
		{reason: "too large, without a word", change: func(o *Options) { o.MaxBytes = 100 << 10 }, err: []string{"the most allowed is 0.1 MiB"},
			before: func(_ int, w http.ResponseWriter, _ *http.Request, data []byte) bool {
				w.(http.Flusher).Flush()
				_, _ = w.Write(data)
				return true
			}},
		{reason: "redirects of the same scheme are followed", want: data,
			before: func(_ int, w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if r.URL.Path == bigPath {
					http.Redirect(w, r, "/copy.example.org/big.bin", http.StatusFound)
					return true
				}
				return false
			}},
		{reason: "round in circles", err: []string{"10 redirects"},
			before: func(_ int, w http.ResponseWriter, r *http.Request, _ []byte) bool {
				http.Redirect(w, r, bigPath, http.StatusFound)
				return true
			}},
		{reason: "to another scheme", err: []string{"refused a redirect from http to ftp"}, asked: []string{bigPath},
			before: func(_ int, w http.ResponseWriter, r *http.Request, _ []byte) bool {
				http.Redirect(w, r, "ftp://host.example.org/big.bin", http.StatusFound)
				return true
			}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			srv := serve(t, map[string][]byte{bigURL: data, bigOther: data})
			srv.before = tc.before
			if tc.file.URL == "" {
				tc.file.URL = bigURL
			}
			f := downloader(t, srv, tc.file, tc.change)
			err := f.download(context.Background(), tc.file, "download")
			if asked := srv.asked(); tc.asked != nil && !slices.Equal(asked, tc.asked) {
				t.Errorf("asked for %q, want %q", asked, tc.asked)
			}
			got, readErr := os.ReadFile(f.store(tc.file))
			if len(tc.err) > 0 {
				if err == nil || readErr == nil {
					t.Fatalf("no error, or a file: %v, %v", err, readErr)
				}
				for _, part := range tc.err {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%v does not say %q", err, part)
					}
				}
				return
			}
			if err != nil || !bytes.Equal(got, tc.want) {
				t.Fatalf("%d bytes (%v), %v", len(got), readErr, err)
			}
			saved, err := readRecords(f.recordsPath())
			if r := saved[tc.file.URL]; err != nil || r.SHA256 != sum(tc.want) || r.Size != int64(len(tc.want)) {
				t.Errorf("recorded %+v, %v", r, err)
			}
			left, _ := filepath.Glob(f.store(tc.file) + "?*")
			if len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

// TestStopAndGoOn ends the context in the middle, as Ctrl-C does, and calls
// again.
func TestStopAndGoOn(t *testing.T) {
	data := bigFile(3)
	file := File{URL: bigURL}
	srv := serve(t, map[string][]byte{bigURL: data})
	ctx, stop := context.WithCancel(context.Background())
	srv.before = func(n int, w http.ResponseWriter, r *http.Request, data []byte) bool {
		if n > 0 {
			return false
		}
		w.Header().Set("ETag", etag(data))
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data[:len(data)/2])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
	dir := t.TempDir()
	f := downloader(t, srv, file, func(o *Options) { o.Dir = dir })
	part := f.store(file) + partSuffix
	go func() {
		for {
			if st, err := os.Stat(part); err == nil && st.Size() == int64(len(data)/2) {
				stop()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if err := f.download(ctx, file, ""); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	f = downloader(t, srv, file, func(o *Options) { o.Dir = dir })
	if err := f.download(context.Background(), file, ""); err != nil {
		t.Fatal(err)
	}
	if asked := srv.asked(); !slices.Equal(asked, []string{bigPath, fmt.Sprintf("%s bytes=%d-", bigPath, len(data)/2)}) {
		t.Errorf("asked for %q", asked)
	}
	if got, _ := os.ReadFile(f.store(file)); !bytes.Equal(got, data) {
		t.Error("the file is not the whole")
	}
}

// TestDamagedPart: what lies on the disk is checked as a whole, so that a part
// that was changed meanwhile is found by the published sum, and downloaded
// once more.
func TestDamagedPart(t *testing.T) {
	data := bigFile(4)
	file := File{URL: bigURL, SHA256: sum(data)}
	srv := serve(t, map[string][]byte{bigURL: data})
	srv.before = func(n int, w http.ResponseWriter, _ *http.Request, data []byte) bool {
		if n == 0 {
			half(w, data)
		}
		return false
	}
	dir := t.TempDir()
	f := downloader(t, srv, file, func(o *Options) { o.Dir, o.Retries = dir, -1 })
	if err := f.download(context.Background(), file, ""); err == nil || !strings.Contains(err.Error(), "run this again to go on") {
		t.Fatal(err)
	}
	part := f.store(file) + partSuffix
	got, err := os.ReadFile(part)
	if err != nil || len(got) != len(data)/2 {
		t.Fatal(len(got), err)
	}
	got[100] ^= 1
	if err := os.WriteFile(part, got, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.download(context.Background(), file, ""); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(f.store(file)); !bytes.Equal(got, data) {
		t.Error("the damage went through")
	}
}

// TestRecordedSum: a file that nobody publishes a sum of has to stay what it
// was.
func TestRecordedSum(t *testing.T) {
	file := File{URL: bigURL}
	srv := serve(t, map[string][]byte{bigURL: bigFile(5)})
	f := downloader(t, srv, file, nil)
	if err := f.download(context.Background(), file, ""); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.store(file)); err != nil {
		t.Fatal(err)
	}
	srv.files[bigURL] = bigFile(6)
	if err := f.download(context.Background(), file, ""); err == nil || !strings.Contains(err.Error(), "recorded at the first download in "+f.recordsPath()) {
		t.Errorf("another file: %v", err)
	}
	if err := os.WriteFile(f.recordsPath(), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := newFetcher(f.set, f.o); err == nil || !strings.Contains(err.Error(), "is damaged: delete it") {
		t.Errorf("damaged records: %v", err)
	}
}

// TestStalledLine: a server that goes silent is a broken line.
func TestStalledLine(t *testing.T) {
	data := bigFile(7)
	srv := serve(t, map[string][]byte{bigURL: data})
	srv.before = func(n int, w http.ResponseWriter, r *http.Request, data []byte) bool {
		if n > 0 {
			return false
		}
		w.Header().Set("ETag", etag(data))
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data[:1000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
	f := downloader(t, srv, File{URL: bigURL}, nil)
	f.client.stall = 50 * time.Millisecond
	if err := f.download(context.Background(), File{URL: bigURL}, ""); err != nil {
		t.Fatal(err)
	}
	if asked := srv.asked(); len(asked) != 2 || !strings.HasSuffix(asked[1], "bytes=1000-") {
		t.Errorf("asked for %q", asked)
	}
}

// TestNoDowngrade: no way leads from https to http.
func TestNoDowngrade(t *testing.T) {
	plain := serve(t, map[string][]byte{bigURL: bigFile(8)})
	tls := httptest.NewTLSServer(http.RedirectHandler(plain.URL+bigPath, http.StatusFound))
	defer tls.Close()
	f := downloader(t, plain, File{URL: bigURL}, func(o *Options) { o.Mirror, o.Client = Mirror{"": tls.URL}, tls.Client() })
	if err := f.download(context.Background(), File{URL: bigURL}, ""); err == nil || !strings.Contains(err.Error(), "refused a redirect from https to http") {
		t.Error(err)
	}
	if asked := plain.asked(); len(asked) > 0 {
		t.Errorf("asked without encryption for %q", asked)
	}
}

// TestNoRoom: a download that cannot fit is refused before it begins.
func TestNoRoom(t *testing.T) {
	srv := serve(t, map[string][]byte{bigURL: nil})
	srv.before = func(_ int, w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.Header().Set("Content-Length", strconv.FormatInt(1<<60, 10))
		w.WriteHeader(http.StatusOK)
		return true
	}
	f := downloader(t, srv, File{URL: bigURL}, func(o *Options) { o.MaxBytes = 1 << 61 })
	if room(t.TempDir(), 1<<60) == nil {
		t.Skip("the file system does not tell how much is free")
	}
	err := f.download(context.Background(), File{URL: bigURL}, "")
	if !errors.Is(err, errDiskFull) || !strings.Contains(err.Error(), "free in") {
		t.Error(err)
	}
}

// TestProgress: shares rise to the whole.
func TestProgress(t *testing.T) {
	data := bytes.Repeat(bigFile(9), 5)
	srv := serve(t, map[string][]byte{bigURL: data})
	var events []progress.Event
	f := downloader(t, srv, File{URL: bigURL}, func(o *Options) { o.Progress = func(e progress.Event) { events = append(events, e) } })
	if err := f.download(context.Background(), File{URL: bigURL}, "download 1 of 1"); err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, e := range events[1:] {
		if e.Step != "download 1 of 1 (MiB)" || e.Done < last || e.Total != 3 || e.Message != "big.bin" {
			t.Errorf("%+v", e)
		}
		last = e.Done
	}
	if last != 3 {
		t.Errorf("the last share was %d of 3", last)
	}
}
