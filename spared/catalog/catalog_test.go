package catalog

import (
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared"
)

// TestPublishedTotals adds up the tables: the totals are those of the paper
// (arXiv:2505.02980, Table 1 and section 3).
func TestPublishedTotals(t *testing.T) {
	var sets, slides, subjects, spots, withTest int
	byTask := map[string]int{}
	for _, d := range All() {
		sets++
		slides += len(d.Slides)
		subjects += d.Subjects
		spots += d.Spots.Total()
		byTask[d.Task]++
		if d.Spots.Test > 0 {
			withTest++
		}
	}
	if sets != 26 || spots != 308843 || withTest != 11 || slides != 105 || subjects != 35 {
		t.Errorf("%d sets, %d slides, %d subjects, %d spots, %d sets with a test split; want 26, 105, 35, 308843, 11", sets, slides, subjects, spots, withTest)
	}
	if byTask["intra"]+byTask["inter"] != sets {
		t.Errorf("tasks %v", byTask)
	}
}

// TestTables checks the form of every row, which the code relies on.
func TestTables(t *testing.T) {
	for _, name := range []string{"datasets", "sources", "files"} {
		for _, r := range table(name) {
			for _, column := range []string{"genes", "spot_min", "subjects", "train_spots", "val_spots", "test_spots", "missing_before", "missing_after", "size"} {
				if v := r[column]; v != "" {
					if _, err := strconv.Atoi(v); err != nil {
						t.Errorf("%s.csv: %s is %q", name, column, v)
					}
				}
			}
		}
	}
	stores := map[string]string{} // place of a download -> address
	for _, d := range All() {
		if !slices.Contains([]string{"human", "mouse"}, d.Organism) || !slices.Contains([]int{32, 128}, d.Genes) ||
			d.MissingBefore <= d.MissingAfter || d.MissingBefore > 100 || d.Spots.Train == 0 || d.Spots.Val == 0 {
			t.Errorf("%s: %+v", d.Name, d)
		}
		if want := map[string]string{"intra": "slide_id", "inter": "patient"}[d.Task]; d.BatchKey != want {
			t.Errorf("%s: batch key %s, want %s for %s", d.Name, d.BatchKey, want, d.Task)
		}
		if (d.Spots.Test > 0) != (len(d.SlideNames(spared.Test)) > 0) {
			t.Errorf("%s: test spots without test slides, or the other way round", d.Name)
		}
		names := d.SlideNames(spared.None)
		slices.Sort(names)
		if len(slices.Compact(names)) != len(d.Slides) {
			t.Errorf("%s: a slide is in it twice", d.Name)
		}
		if d.Source.Title == "" || d.Source.Page == "" || d.Source.Licence == "" || len(d.Source.Files) == 0 {
			t.Errorf("%s: source %+v", d.Name, d.Source)
		}
		f, err := newFetcher(d, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range d.Source.Files {
			for _, address := range []string{file.URL, file.Fallback} {
				if u, err := url.Parse(address); address != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
					t.Errorf("%s: address %q", d.Name, address)
				}
			}
			if sum, err := hex.DecodeString(file.SHA256); err != nil || len(sum) != 0 && len(sum) != 32 {
				t.Errorf("%s: sha256 %q", d.Name, file.SHA256)
			}
			if have, ok := stores[f.store(file)]; ok && have != file.URL {
				t.Errorf("%s and %s would be kept in one place", have, file.URL)
			}
			stores[f.store(file)] = file.URL
		}
	}
}

func TestPatients(t *testing.T) {
	for _, tc := range []struct{ reason, set, slide, want string }{
		{"the slide's serial number", "VMB", "V11T16-085_C1", "V11T16-085"},
		{"erickson names the patient first", "EHPCP2", "P2_V1-3", "P2"},
		{"parigi's names end with the subject", "PMI", "B1_S2", "S2"},
		{"10x sets have one subject", "10XGHB", "V1_Human_Brain_Section_1", "unique"},
	} {
		if got := find(t, tc.set).Recipe().Patients[tc.slide]; got != tc.want {
			t.Errorf("%s: %s is %q, want %q", tc.reason, tc.slide, got, tc.want)
		}
	}
	for _, d := range All() {
		seen := map[string]bool{}
		for _, s := range d.Slides {
			seen[s.Patient] = true
		}
		if d.Task == "inter" && len(seen) < 2 || d.BatchKey == "patient" && len(seen) != max(2, len(seen)) {
			t.Errorf("%s: %s-subject with patients %v", d.Name, d.Task, seen)
		}
	}
}

func TestFind(t *testing.T) {
	for _, tc := range []struct {
		reason, name, want string
		hints              []string
	}{
		{"the name", "vicari_mouse_brain", "vicari_mouse_brain", nil},
		{"the abbreviation", "VMB", "vicari_mouse_brain", nil},
		{"any case", "Mmbp1", "mirzazadeh_mouse_brain_p1", nil},
		{"the correct spelling is not the published one", "fan_mouse_olfactory_bulb", "", []string{"fan_mouse_olfatory_bulb (FMOB)"}},
		{"a typo in an abbreviation", "VBM", "", []string{"vicari_mouse_brain (VMB)"}},
		{"a part of several names", "villacampa", "", []string{"villacampa_kidney_organoid (VKO)", "villacampa_lung_organoid (VLO)", "villacampa_mouse_brain (VLMB)"}},
		{"nothing like it", "xenopus tadpole", "", []string{"spared catalog lists them"}},
		{"nothing", "", "", []string{"spared catalog lists them"}},
	} {
		d, err := Find(tc.name)
		if d.Name != tc.want || (err == nil) != (tc.want != "") || err != nil && !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %q gives %q, %v", tc.reason, tc.name, d.Name, err)
		}
		for _, h := range tc.hints {
			if !strings.Contains(err.Error(), h) {
				t.Errorf("%s: %v does not mention %s", tc.reason, err, h)
			}
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"vbm", "vmb", 1}, {"ab", "bca", 3}, {"pmi", "pmi", 0}} {
		if got := distance(tc.a, tc.b); got != tc.want {
			t.Errorf("%q to %q: %d edits, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}
