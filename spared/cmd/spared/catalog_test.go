package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spatialgo/spatialgo/internal/cli/clitest"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/catalog"
)

func TestCatalog(t *testing.T) {
	r := run("catalog").OK(t)
	r.Plain(t)
	if n := strings.Count(r.Stdout, "\n"); n != 27 || !strings.Contains(r.Stdout, "VMB       vicari_mouse_brain") {
		t.Errorf("%d lines:\n%s", n, r.Stdout)
	}
	var all struct{ Datasets []catalog.Dataset }
	run("catalog", "--json").JSON(t, &all)
	if len(all.Datasets) != 26 || len(all.Datasets[0].Source.Files) == 0 {
		t.Errorf("%d data sets as JSON", len(all.Datasets))
	}
	r = run("catalog", "show", "ehpcp1").OK(t)
	r.Plain(t)
	for _, part := range []string{"erickson_human_prostate_cancer_p1 (EHPCP1): human, intra-subject; 7 slides, 20987 spots, 128 genes; subjects: 1",
		"P1_H1-5, P1_H1-4", "https://doi.org/10.1038/s41586-022-05023-2", "licence", "unknown here", "note: the full-resolution picture"} {
		if !strings.Contains(r.Stdout, part) {
			t.Errorf("does not say %q:\n%s", part, r.Stdout)
		}
	}
	var one catalog.Dataset
	run("catalog", "show", "PMI", "--json").JSON(t, &one)
	if one.Slides[0].Split.String() != "train" || one.Slides[0].Patient != "S2" {
		t.Errorf("got %+v", one.Slides)
	}
	run("catalog", "show", "vbm").Failed(t, "spared", "vbm", "did you mean vicari_mouse_brain (VMB)")
}

// record serves a made-up record of vicari_human_striatium: files that are
// told apart by their ids. What they hold no reader would take, but fetch
// only arranges them.
func record(t *testing.T) (mirror string, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = w.Write([]byte("file " + r.URL.Path))
	}))
	t.Cleanup(srv.Close)
	return srv.URL, requests
}

func TestFetch(t *testing.T) {
	mirror, requests := record(t)
	dir := t.TempDir()
	args := []string{"fetch", "VHS", "--dir", dir, "--mirror", "figshare.scilifelab.se=" + mirror}

	r := run(append(args, "--list")...).OK(t)
	r.Plain(t)
	if !strings.Contains(r.Stdout, "4 of 4 slides missing") || strings.Count(r.Stdout, "\n    to ") != 20 || !strings.Contains(r.Stdout, mirror+"/ndownloader/files/40483314") {
		t.Errorf("the list:\n%s", r.Stdout)
	}
	var list struct{ Plans []catalog.Plan }
	run(append(args, "--list", "--json")...).JSON(t, &list)
	if len(list.Plans) != 1 || len(list.Plans[0].Files) != 20 || requests.Load() > 0 {
		t.Errorf("%d plans, %d requests for a list", len(list.Plans), requests.Load())
	}

	r = run(args...).OK(t)
	r.Plain(t)
	slide := filepath.Join(dir, "vicari_human_striatium", "V11T17-102_C1")
	if got, err := os.ReadFile(filepath.Join(slide, "spatial", "scalefactors_json.json")); err != nil || string(got) != "file /ndownloader/files/40483587" {
		t.Errorf("%q, %v", got, err)
	}
	if !strings.Contains(r.Stdout, "4 slides in") || !strings.Contains(r.Stderr, "licence not known here") {
		t.Errorf("stdout %s\nstderr %s", r.Stdout, r.Stderr)
	}
	before := clitest.Tree(t, dir)
	n := requests.Load()
	r = run(args...).OK(t)
	if !strings.Contains(r.Stdout, "4 of them were there already") || requests.Load() != n || len(clitest.Tree(t, dir)) != len(before) {
		t.Errorf("the second time: %d requests\n%s", requests.Load()-n, r.Stdout)
	}
}

func TestFetchDiscards(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, s := range []string{"A1_S1", "B1_S2"} {
		for _, name := range []string{"tissue_positions_list.csv", "scalefactors_json.json", "normalized_data.tsv"} {
			data := gz(t, "gene\tAA-1\nActb\t1\n")
			if err := w.WriteHeader(&tar.Header{Name: "GSM1_V19S23-097_" + s + "_" + name + ".gz", Size: int64(len(data)), Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(b.Bytes()) }))
	defer srv.Close()
	for _, tc := range []struct {
		reason string
		args   []string
		left   int
	}{{"kept by default", nil, 1}, {"--discard", []string{"--discard"}, 0}} {
		dir := t.TempDir()
		r := run(append([]string{"fetch", "PMI", "--dir", dir, "--mirror", srv.URL}, tc.args...)...).OK(t)
		left, _ := filepath.Glob(filepath.Join(dir, ".downloads", "parigi", "*"))
		if len(left) != tc.left || strings.Contains(r.Stdout, "kept 1 archives") != (tc.left == 1) {
			t.Errorf("%s: left %v\n%s", tc.reason, left, r.Stdout)
		}
		if !strings.Contains(r.Stdout, "note: the published values are normalised, not counts") {
			t.Errorf("%s: no word of what the values are:\n%s", tc.reason, r.Stdout)
		}
	}
}

func TestFetchErrors(t *testing.T) {
	mirror, requests := record(t)
	dir := t.TempDir()
	for _, tc := range []struct {
		reason string
		args   []string
		want   []string
	}{
		{"no name", nil, []string{"--help"}},
		{"a typo in the second name shows before the first download", []string{"VHS", "VMBB", "--mirror", mirror}, []string{"VMBB", "did you mean vicari_mouse_brain"}},
		{"a mirror that is no address", []string{"VHS", "--mirror", "/mnt"}, []string{"mirror", "https://"}},
		{"a limit of nothing", []string{"VHS", "--max-gib", "0"}, []string{"--max-gib 0", "more than 0"}},
		{"a folder that cannot be made", []string{"VHS", "--dir", filepath.Join(os.Args[0], "x"), "--mirror", mirror}, []string{"not a directory"}},
	} {
		run(append([]string{"fetch", "--dir", dir}, tc.args...)...).Failed(t, "spared", tc.want...) // the last --dir counts
	}
	if requests.Load() > 0 {
		t.Errorf("%d requests", requests.Load())
	}
}

func gz(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestFetchInterrupted: Ctrl-C leaves a part that the next call goes on from.
func TestFetchInterrupted(t *testing.T) {
	const half = 3 << 20
	content := bytes.Repeat([]byte("0123456789abcdef"), 2*half/16)
	var mu sync.Mutex
	var ranges []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		ranges = append(ranges, r.Header.Get("Range"))
		n := len(ranges)
		mu.Unlock()
		w.Header().Set("ETag", `"1"`)
		if n > 1 {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content[:half])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer srv.Close()
	dir := t.TempDir()
	args := []string{"fetch", "AHSCC", "--dir", dir, "--mirror", srv.URL}
	c := clitest.Begin(t, "download 1 of 1 (MiB) 1/6", args...)
	c.Signal(os.Interrupt)
	if r := c.Wait(); r.Code != 130 || !strings.Contains(r.Stderr, "\nspared: stopped: ") {
		t.Errorf("status %d:\n%s", r.Code, r.Stderr)
	}
	at := filepath.Join(dir, ".downloads", "abalo", "2bh5fchcv6-1.zip")
	st, err := os.Stat(at + ".part")
	if err != nil || st.Size() == 0 {
		t.Fatalf("no part was left: %v", err)
	}
	// What was downloaded is no archive, which shows when it is complete.
	clitest.Start(t, nil, args...).Failed(t, "spared", "2bh5fchcv6-1.zip", "damaged", "run this again to download it anew")
	mu.Lock()
	defer mu.Unlock()
	if want := fmt.Sprintf("bytes=%d-", st.Size()); len(ranges) != 2 || ranges[1] != want {
		t.Errorf("asked for %q, want %q second", ranges, want)
	}
}

// TestBuildByName: a catalogue name works where a folder does, with the
// published splits and patients.
func TestBuildByName(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "colon.h5ad")
	run("build", "MHCP2", "--dir", dir, "-o", out).Failed(t, "spared", "mirzazadeh_human_colon_p2 (MHCP2) is not downloaded", "run: spared fetch MHCP2 --dir "+dir)
	run("build", "MHPC2", "--dir", dir, "-o", out).Failed(t, "spared", "there is no folder MHPC2", "did you mean", "mirzazadeh_human_colon_p2 (MHCP2)")
	for from, to := range map[string]string{"A1": "V11B18-363_C1", "B1": "V10S29-108_B1"} {
		if err := os.CopyFS(filepath.Join(dir, "mirzazadeh_human_colon_p2", to), os.DirFS(filepath.Join(clitest.Slides(t), from))); err != nil {
			t.Fatal(err)
		}
	}
	run("build", "mhcp2", "--dir", dir, "-o", out, "--genes", "20").OK(t)
	d, err := spared.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range d.Summary().Slides {
		got[s.Name] = s.Split
	}
	r := d.Manifest.Recipe
	if got["V11B18-363_C1"] != "train" || got["V10S29-108_B1"] != "val" || r.BatchKey != "patient" || r.Patients["V10S29-108_B1"] != "V10S29-108" || r.Genes != 20 {
		t.Errorf("splits %v, recipe %+v", got, r)
	}
}

// TestFetchFullDisk: a full disk is called by its name, and what has arrived
// stays.
func TestFetchFullDisk(t *testing.T) {
	content := make([]byte, 1<<20)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.(http.Flusher).Flush() // no length: that it cannot fit shows only when it does not
		_, _ = w.Write(content)
	}))
	defer srv.Close()
	clitest.FullDisks(t, 256<<10, func(t *testing.T, dir string, change func(*exec.Cmd)) {
		clitest.Start(t, change, "fetch", "AHSCC", "--dir", dir, "--mirror", srv.URL).Failed(t, "spared", "the disk is full", "goes on where it stopped")
		st, err := os.Stat(filepath.Join(dir, ".downloads", "abalo", "2bh5fchcv6-1.zip.part"))
		if err != nil || st.Size() == 0 {
			t.Errorf("what had arrived is gone: %v", err)
		}
	})
}
