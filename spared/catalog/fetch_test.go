package catalog

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// TestLayouts takes each author's layout the whole way: from the record as the
// published readers take it apart, over the line, to slides that are read
// with the same counts at the same places.
func TestLayouts(t *testing.T) {
	for _, tc := range []struct{ set, reason string }{
		{"10XGHBC", "a download a file; spatial in an archive, with ./ before the names and notes of macOS"},
		{"AHSCC", "a zip of Space Ranger folders, the picture in them"},
		{"EHPCP1", "a zip in a folder called like the paper, counts and pictures apart, sections named inside names; patient 1"},
		{"EHPCP2", "the same, patient 2, whose folders lie elsewhere"},
		{"FMBC", "Space Ranger folders and pictures by the author's numbers, beside those of another protocol"},
		{"MHPC", "a tar in a zip; the pictures' folder has a blank in its name"},
		{"MHSI", "two zips; a picture with an underscore for a dash"},
		{"PMI", "packed tables side by side in a tar, values instead of counts"},
		{"VHS", "a download a file, no archive"},
		{"VLO", "two tars, pictures apart"},
	} {
		t.Run(tc.set, func(t *testing.T) {
			t.Parallel()
			d := withoutSums(find(t, tc.set))
			slides := makeSlides(t, d)
			srv := serve(t, authorsFiles(t, d, slides))
			dir := t.TempDir()
			r, err := fetch(context.Background(), d, srv.options(dir))
			if err != nil {
				t.Fatal(tc.reason, err)
			}
			if want := d.SlideNames(spared.None); !slices.Equal(r.Made, want) || r.Dir != filepath.Join(dir, d.Name) {
				t.Errorf("made %v in %s, want %v", r.Made, r.Dir, want)
			}
			for _, s := range d.Slides {
				checkSlide(t, filepath.Join(dir, d.Name, s.Name), d, s.Name, slides[s.Name])
			}
			found, err := visium.Find(r.Dir)
			if err != nil || len(found) != len(d.Slides) {
				t.Errorf("the folder holds %v, %v", found, err)
			}
			srv.asked()
			again, err := fetch(context.Background(), d, srv.options(dir))
			if asked := srv.asked(); err != nil || len(again.Made)+len(asked) > 0 {
				t.Errorf("the second call made %v, asked for %v, %v", again.Made, asked, err)
			}
		})
	}
}

// checkSlide holds a fetched slide against the made-up one.
func checkSlide(t *testing.T, dir string, d Dataset, name string, made map[string][]byte) {
	t.Helper()
	if d.Source.Name == "parigi" {
		checkParigi(t, dir, madeUp(t, name, d.Organism, worldSide))
		return
	}
	if diff := cmp.Diff(laidOut(t, name, made), readSlide(t, dir)); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
	s, err := visium.Read(context.Background(), dir, visium.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != name || s.FullResSize != [2]int{40, 30} {
		t.Errorf("slide %q with the picture %q of %v pixels", s.Name, s.FullRes, s.FullResSize)
	}
	if picture, err := os.ReadFile(s.FullRes); err != nil || !slices.Equal(picture, made["source_image.jpg"]) {
		t.Errorf("%s: another slide's picture, %v", name, err)
	}
	checkRecord(t, dir, d, name)
}

func checkRecord(t *testing.T, dir string, d Dataset, name string) {
	t.Helper()
	r, err := readSlideRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Dataset != d.Name || r.Slide != name || r.Data != d.Source.Data {
		t.Errorf("%s: record %+v", name, r)
	}
	var listed []string
	for _, f := range r.Files {
		listed = append(listed, f.Path)
		size, sum, err := hashFile(context.Background(), filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil || size != f.Size || sum != f.SHA256 {
			t.Errorf("%s: %s is not as its record says: %v", name, f.Path, err)
		}
		if !strings.Contains(f.From, "https://") {
			t.Errorf("%s: %s is from %q", name, f.Path, f.From)
		}
	}
	var there []string
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); err == nil && !e.IsDir() && rel != slideRecordName {
			there = append(there, filepath.ToSlash(rel))
		}
		return err
	})
	slices.Sort(there)
	if err != nil || !slices.Equal(listed, there) {
		t.Errorf("%s: listed %v, there are %v, %v", name, listed, there, err)
	}
}

// checkParigi: symbols stand for ids, and the values are the table's.
func checkParigi(t *testing.T, dir string, want *slide.Slide) {
	t.Helper()
	if _, err := visium.Read(context.Background(), dir, visium.Options{}); err == nil || !strings.Contains(err.Error(), "normalised") {
		t.Errorf("read as counts: %v", err)
	}
	got, err := visium.Read(context.Background(), dir, visium.Options{Normalised: true})
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range want.Counts.Data {
		want.Counts.Data[k] = v * parigiScale
	}
	if diff := cmp.Diff(want.Counts.Data, got.Counts.Data); diff != "" {
		t.Error(diff)
	}
	if got.Hires == nil || got.Lowres == nil {
		t.Error("the full-resolution picture made no smaller ones")
	}
	if diff := cmp.Diff(want.Barcodes, got.Barcodes); diff != "" {
		t.Error(diff)
	}
	for g := range want.Genes {
		if got.Genes[g].ID != want.Genes[g].Symbol {
			t.Fatalf("gene %d is %+v", g, got.Genes[g])
		}
	}
	r, err := readSlideRecord(dir)
	if err != nil || !strings.Contains(strings.Join(r.Notes, "\n"), "normalised, not counts") {
		t.Errorf("the record does not say that these are no counts: %v, %v", r.Notes, err)
	}
}

// TestFetchedCurates goes on to the data set, by name.
func TestFetchedCurates(t *testing.T) {
	d := withoutSums(find(t, "VLO"))
	srv := serve(t, authorsFiles(t, d, makeSlides(t, d)))
	dir := t.TempDir()
	ctx := context.Background()
	if _, err := Resolve(ctx, []string{"vlo"}, spared.Recipe{}, ResolveOptions{Dir: dir}); !errors.Is(err, ErrNotFetched) || !strings.Contains(err.Error(), "spared fetch VLO --dir "+dir) {
		t.Errorf("before the download: %v", err)
	}
	o := srv.options("elsewhere") // Resolve's own folder wins
	r, err := Resolve(ctx, []string{"vlo"}, spared.Recipe{Genes: 8}, ResolveOptions{Dir: dir, Fetch: &o})
	if err != nil {
		t.Fatal(err)
	}
	var slides []*slide.Slide
	for _, in := range r.Inputs {
		s, err := visium.Read(ctx, in.Dir, visium.Options{Name: in.Name})
		if err != nil {
			t.Fatal(err)
		}
		slides = append(slides, s)
	}
	ds, err := spared.Curate(ctx, slides, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"V19D02-088_A1": "train", "V19D02-088_B1": "train", "V19D02-088_C1": "val", "V19D02-088_D1": "test"}
	got := map[string]string{}
	for _, s := range ds.Summary().Slides {
		got[s.Name] = s.Split
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("splits:\n%s", diff)
	}
	if sum := ds.Summary(); sum.Genes != 8 || sum.Organism != "human" {
		t.Errorf("%d genes of %s", sum.Genes, sum.Organism)
	}
}

// TestNormalisedBuilds goes from parigi's archive to the data set: values that
// are no counts pass, and the manifest says what they are.
func TestNormalisedBuilds(t *testing.T) {
	d := find(t, "PMI")
	srv := serve(t, authorsFiles(t, d, makeSlides(t, d)))
	ctx, dir := context.Background(), t.TempDir()
	o := srv.options(dir)
	r, err := Resolve(ctx, []string{"PMI"}, spared.Recipe{Genes: 8, GeneMin: 1, SpotMin: 1, Normalization: spared.CPM}, ResolveOptions{Dir: dir, Fetch: &o})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pmi.h5ad")
	ds, err := spared.Build(ctx, r, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(ds.Manifest.Notes, func(n string) bool {
		return strings.HasPrefix(n, "values are not counts") && strings.Contains(n, "A1_S1")
	}) {
		t.Errorf("the notes do not say that the values are no counts: %q", ds.Manifest.Notes)
	}
	whole := true
	for _, v := range ds.Layers[spared.LayerCounts].Data {
		whole = whole && v == float32(int32(v))
	}
	if whole {
		t.Error("the values were rounded")
	}
	if ds.Sections[0].Hires == nil {
		t.Error("no picture")
	}
	again, err := spared.ReadManifest(path)
	if err != nil || !again.Recipe.Inputs[0].Normalised {
		t.Errorf("the recipe in the file: %+v, %v", again, err)
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	d := find(t, "PMI")
	for _, s := range d.Slides {
		if err := visium.Write(context.Background(), filepath.Join(dir, d.Name, s.Name), madeUp(t, s.Name, "mouse", 3), visium.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	folder := filepath.Join(dir, d.Name)
	t.Chdir(t.TempDir())
	if err := os.Mkdir("VMB", 0o755); err != nil {
		t.Fatal(err)
	}
	published := d.Recipe()
	published.Inputs = []spared.Input{{Name: "B1_S2", Dir: filepath.Join(folder, "B1_S2"), Normalised: true}, {Name: "A1_S1", Dir: filepath.Join(folder, "A1_S1"), Normalised: true}}
	own := published
	own.Train, own.Val, own.Genes, own.Order, own.SpotMin, own.Seed = []string{"A1_S1"}, []string{"B1_S2"}, 64, spared.Released, 5, 7
	own.Patients = map[string]string{"A1_S1": "ann", "B1_S2": "S2"}
	for _, tc := range []struct {
		reason string
		args   []string
		asked  spared.Recipe
		want   spared.Recipe
		err    string
	}{
		{"a data set", []string{"pmi"}, spared.Recipe{}, published, ""},
		{"what is asked for wins, splits as a whole", []string{"PMI"}, spared.Recipe{Train: []string{"A1_S1"}, Val: []string{"B1_S2"}, Genes: 64, Order: spared.Released,
			SpotMin: 5, Seed: 7, Patients: map[string]string{"A1_S1": "ann"}}, own, ""},
		{"folders", []string{folder, "x=" + folder}, spared.Recipe{Genes: 3}, spared.Recipe{Genes: 3, Inputs: []spared.Input{{Dir: folder}, {Name: "x", Dir: folder}}}, ""},
		{"a folder wins over a name", []string{"VMB"}, spared.Recipe{}, spared.Recipe{Inputs: []spared.Input{{Dir: "VMB"}}}, ""},
		{"a folder that is not there is the reader's to tell", []string{"my/slides"}, spared.Recipe{}, spared.Recipe{Inputs: []spared.Input{{Dir: "my/slides"}}}, ""},
		{"a typo", []string{"vicari_mouse_brian"}, spared.Recipe{}, spared.Recipe{}, "did you mean vicari_mouse_brain"},
		{"not downloaded", []string{"FMOB"}, spared.Recipe{}, spared.Recipe{}, "is not downloaded"},
		{"data sets do not mix", []string{"PMI", folder}, spared.Recipe{}, spared.Recipe{}, "cannot be mixed"},
	} {
		got, err := Resolve(context.Background(), tc.args, tc.asked, ResolveOptions{Dir: dir})
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v, want %s", tc.reason, err, tc.err)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", tc.reason, err, diff)
		}
	}
}

func TestDir(t *testing.T) {
	t.Setenv(DirEnv, "")
	if got := Dir(""); got != "data" {
		t.Errorf("by default %q", got)
	}
	t.Setenv(DirEnv, "/scratch")
	if Dir("") != "/scratch" || Dir("x") != "x" {
		t.Errorf("%s is %q, an option %q", DirEnv, Dir(""), Dir("x"))
	}
}

// TestRepair: a slide that lost a file is made anew from the kept archive; one
// that somebody else put there, and files of anybody, are left alone.
func TestRepair(t *testing.T) {
	d := withoutSums(find(t, "VKO"))
	slides := makeSlides(t, d)
	srv := serve(t, authorsFiles(t, d, slides))
	dir := t.TempDir()
	ctx := context.Background()
	place := func(i int) string { return filepath.Join(dir, d.Name, d.Slides[i].Name) }
	theirs := place(2)
	if err := visium.Write(ctx, theirs, madeUp(t, "theirs", "human", 3), visium.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	r, err := fetch(ctx, d, srv.options(dir))
	if err != nil || len(r.Made) != 2 {
		t.Fatalf("made %v, %v", r.Made, err)
	}
	if len(readSlide(t, theirs).Barcodes) != 9 {
		t.Error("a slide that was there has been replaced")
	}
	if len(r.Kept) != 2 {
		t.Errorf("kept %v", r.Kept)
	}
	if err := os.Truncate(filepath.Join(place(0), "source_image.jpg"), 5); err != nil {
		t.Fatal(err)
	}
	srv.asked()
	o := srv.options(dir)
	o.Discard = true
	r, err = fetch(ctx, d, o)
	if err != nil || !slices.Equal(r.Made, []string{d.Slides[0].Name}) || len(srv.asked()) > 0 || len(r.Kept) > 0 {
		t.Fatalf("made %v, kept %v, %v", r.Made, r.Kept, err)
	}
	checkSlide(t, place(0), d, d.Slides[0].Name, slides[d.Slides[0].Name])
	left, _ := filepath.Glob(filepath.Join(dir, ".downloads", "villacampa", "*"))
	if len(left) > 0 {
		t.Errorf("Discard left %v", left)
	}

	if err := os.RemoveAll(place(1)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(place(1), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(place(1), "thesis.txt"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(ctx, d, srv.options(dir)); err == nil || !strings.Contains(err.Error(), "move them away") {
		t.Errorf("a folder with other files: %v", err)
	}
	if data, _ := os.ReadFile(filepath.Join(place(1), "thesis.txt")); string(data) != "mine" {
		t.Error("a file of the user is gone")
	}
}

// TestLicenceFirst: who provides the data, and on what terms, is said before
// the first byte is asked for.
func TestLicenceFirst(t *testing.T) {
	d := withoutSums(find(t, "VKO"))
	srv := serve(t, nil)
	var first string
	o := srv.options(t.TempDir())
	o.Progress = func(e progress.Event) {
		if first == "" {
			first = e.Message
			if n := len(srv.asked()); n > 0 {
				t.Errorf("%d requests before", n)
			}
		}
	}
	if _, err := fetch(context.Background(), d, o); err == nil {
		t.Error("a server without the files gave them")
	}
	for _, part := range []string{"Villacampa", "Mendeley Data 10.17632/xjtv62ncwr.1", "licence not known here", "https://data.mendeley.com/datasets/xjtv62ncwr/1"} {
		if !strings.Contains(first, part) {
			t.Errorf("%q does not say %s", first, part)
		}
	}
}

// TestPlan: what would be downloaded, and a file put there by hand.
func TestPlan(t *testing.T) {
	dir := t.TempDir()
	set := find(t, "VLO")
	served := authorsFiles(t, set, makeSlides(t, set))
	p, err := MakePlan("vlo", Options{Dir: dir})
	if err != nil || len(p.Files) != 2 || len(p.Missing) != 4 || p.Files[0].URL != set.Source.Files[0].URL {
		t.Fatalf("%+v, %v", p, err)
	}
	if there, _ := os.ReadDir(dir); len(there) > 0 {
		t.Errorf("planning wrote %v", there)
	}
	for i, f := range p.Files {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Path, served[set.Source.Files[i].URL], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	srv := serve(t, nil)
	if r, err := Fetch(context.Background(), "VLO", srv.options(dir)); err != nil || len(r.Made) != 4 || len(srv.asked()) > 0 {
		t.Errorf("made %v, %v", r.Made, err)
	}
}

// TestOneAtATime: two calls for one folder do not meet.
func TestOneAtATime(t *testing.T) {
	d := withoutSums(find(t, "VKO"))
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".downloads"), 0o755); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(filepath.Join(dir, ".downloads", "lock"))
	if err != nil {
		t.Fatal(err)
	}
	srv := serve(t, authorsFiles(t, d, makeSlides(t, d)))
	if _, err := fetch(context.Background(), d, srv.options(dir)); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("while the folder is locked: %v", err)
	}
	unlock()
	if _, err := fetch(context.Background(), d, srv.options(dir)); err != nil {
		t.Error(err)
	}
}

func TestMirrors(t *testing.T) {
	const cdn = "https://cf.10xgenomics.com/samples/a.h5?x=1"
	for _, tc := range []struct {
		reason string
		args   []string
		want   string // of cdn; "" = refused
	}{
		{"none", nil, cdn},
		{"of one host", []string{"cf.10xgenomics.com=http://localhost:1/10x/"}, "http://localhost:1/10x/samples/a.h5?x=1"},
		{"of another host", []string{"example.org=http://localhost:1"}, cdn},
		{"of all hosts", []string{"https://mirror.example.org/m"}, "https://mirror.example.org/m/cf.10xgenomics.com/samples/a.h5?x=1"},
		{"a host's own goes first", []string{"https://m.org", "cf.10xgenomics.com=https://10x.org"}, "https://10x.org/samples/a.h5?x=1"},
		{"an address with = in it", []string{"https://m.org/a=b"}, "https://m.org/a=b/cf.10xgenomics.com/samples/a.h5?x=1"},
		{"twice", []string{"https://a.org", "https://b.org"}, ""},
		{"a folder", []string{"/mnt/mirror"}, ""},
		{"another scheme", []string{"ftp://a.org"}, ""},
		{"nothing", []string{"a.org="}, ""},
		{"a query, to which no path can be added", []string{"https://a.org/?f="}, ""},
	} {
		m, err := ParseMirrors(tc.args)
		if (err == nil) != (tc.want != "") {
			t.Errorf("%s: %v", tc.reason, err)
		} else if err == nil && m.rewrite(cdn) != tc.want {
			t.Errorf("%s: %s, want %s", tc.reason, m.rewrite(cdn), tc.want)
		}
	}
}
