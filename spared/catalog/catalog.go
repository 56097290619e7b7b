package catalog

import (
	"bytes"
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spatialgo/spatialgo/spared"
)

// Dataset is one data set of the benchmark. Counts of spots and shares of
// missing values are the published ones, not measured here.
type Dataset struct {
	Name     string  `json:"name"` // e.g. "vicari_mouse_brain"
	Abbr     string  `json:"abbr"` // e.g. "VMB", as tables and figures use it
	Organism string  `json:"organism"`
	Task     string  `json:"task"` // "intra": one subject in all splits; "inter": subjects differ between splits
	Subjects int     `json:"subjects"`
	Slides   []Slide `json:"slides"` // train, then val, then test
	Genes    int     `json:"genes"`  // kept by Moran's I
	BatchKey string  `json:"batch_key"`
	SpotMin  float64 `json:"spot_min"` // a spot needs more counts than this

	Spots         Spots   `json:"spots"`          // after filtering
	MissingBefore float64 `json:"missing_before"` // values without a measurement before processing, %
	MissingAfter  float64 `json:"missing_after"`  // and after it, before completion, %

	Source Source   `json:"source"`
	Notes  []string `json:"notes,omitempty"` // what a user should know

	tissue string // the tissue's folder in the author's archive
}

// Slide is one slide of a data set.
type Slide struct {
	Name    string       `json:"name"`
	Split   spared.Split `json:"split"`
	Patient string       `json:"patient"` // as the published readers derive it
}

// Spots are the numbers of spots in each split.
type Spots struct {
	Train int `json:"train"`
	Val   int `json:"val"`
	Test  int `json:"test"`
}

// Total is the number of spots in all splits.
func (s Spots) Total() int { return s.Train + s.Val + s.Test }

// Source is where the data of one author lie.
type Source struct {
	Name        string `json:"name"` // key of the author, e.g. "vicari"
	Title       string `json:"title"`
	Publication string `json:"publication,omitempty"` // DOI of the paper
	Data        string `json:"data"`                  // DOI or accession of the record
	Host        string `json:"host"`
	Page        string `json:"page"`    // where people read about the data
	Licence     string `json:"licence"` // "unknown" where it could not be found out
	LicenceFrom string `json:"licence_from,omitempty"`
	Files       []File `json:"files"` // that this data set needs
}

// File is one download.
type File struct {
	Slide    string `json:"slide,omitempty"`    // the slide it belongs to; "" = an archive of several
	Target   string `json:"target,omitempty"`   // its place in the slide's folder; "" = an archive, which is unpacked
	URL      string `json:"url"`                //
	Fallback string `json:"fallback,omitempty"` // tried where URL fails
	Size     int64  `json:"size,omitempty"`     // bytes; 0 = not published
	SHA256   string `json:"sha256,omitempty"`   // hex; "" = not published
}

// ErrUnknown is wrapped by the error of a name that the catalogue lacks.
var ErrUnknown = errors.New("no such data set")

//go:embed data/*.csv
var tables embed.FS

// All returns the data sets in alphabetical order.
func All() []Dataset {
	sources := map[string]Source{}
	for _, r := range table("sources") {
		sources[r["source"]] = Source{Name: r["source"], Title: r["title"], Publication: r["publication"], Data: r["data"],
			Host: r["host"], Page: r["page"], Licence: r["licence"], LicenceFrom: r["licence_from"]}
	}
	files := table("files")
	var all []Dataset
	for _, r := range table("datasets") {
		d := dataset(r)
		d.Source = sources[r["source"]]
		d.Source.Files = d.files(files)
		d.Notes = notes(d)
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Dataset) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Find returns the data set of that name or abbreviation, in any case. The
// error of an unknown one wraps [ErrUnknown] and names the nearest.
func Find(name string) (Dataset, error) {
	d, err := named(name)
	if err != nil {
		err = fmt.Errorf("catalog: %w", err)
	}
	return d, err
}

func named(name string) (Dataset, error) {
	all := All()
	for _, d := range all {
		if strings.EqualFold(d.Name, name) || strings.EqualFold(d.Abbr, name) {
			return d, nil
		}
	}
	hint := "spared catalog lists them"
	if near := nearest(all, name); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return Dataset{}, fmt.Errorf("%w: %q; %s", ErrUnknown, name, hint)
}

// SlideNames returns the names of the slides of a split, or of all for
// spared.None.
func (d Dataset) SlideNames(split spared.Split) []string {
	var names []string
	for _, s := range d.Slides {
		if split == spared.None || s.Split == split {
			names = append(names, s.Name)
		}
	}
	return names
}

// dataset reads a row of datasets.csv.
func dataset(r map[string]string) Dataset {
	d := Dataset{Name: r["name"], Abbr: r["abbr"], Organism: r["organism"], Task: r["task"], BatchKey: r["batch_key"], tissue: r["tissue"],
		Subjects: number(r["subjects"]), Genes: number(r["genes"]), SpotMin: float64(number(r["spot_min"])),
		Spots:         Spots{number(r["train_spots"]), number(r["val_spots"]), number(r["test_spots"])},
		MissingBefore: float64(number(r["missing_before"])), MissingAfter: float64(number(r["missing_after"]))}
	for _, s := range []struct {
		split  spared.Split
		slides string
	}{{spared.Train, r["train_slides"]}, {spared.Val, r["val_slides"]}, {spared.Test, r["test_slides"]}} {
		for name := range strings.SplitSeq(s.slides, ";") {
			if name != "" {
				d.Slides = append(d.Slides, Slide{Name: name, Split: s.split, Patient: patient(r["source"], name)})
			}
		}
	}
	return d
}

// patient is the subject of a slide as the published readers take it from
// the name: the part before the underscore; for parigi the part after it;
// for 10x, where each set has one subject, "unique".
func patient(source, slide string) string {
	before, after, _ := strings.Cut(slide, "_")
	switch source {
	case "10x":
		return "unique"
	case "parigi":
		return after
	}
	return before
}

// files returns the rows of files.csv that the data set needs.
func (d Dataset) files(rows []map[string]string) []File {
	var files []File
	for _, r := range rows {
		if r["source"] != d.Source.Name ||
			r["slide"] != "" && !slices.Contains(d.SlideNames(spared.None), r["slide"]) ||
			r["only"] != "" && !slices.Contains(strings.Split(r["only"], ";"), d.Abbr) {
			continue
		}
		files = append(files, File{Slide: r["slide"], Target: r["target"], URL: r["url"], Fallback: r["fallback"],
			Size: int64(number(r["size"])), SHA256: r["sha256"]})
	}
	return files
}

// notes says what is particular about a data set.
func notes(d Dataset) []string {
	var n []string
	if d.SpotMin > 10 {
		n = append(n, fmt.Sprintf("a spot needs more than %.0f counts here, 10 everywhere else", d.SpotMin))
	}
	switch d.Source.Name {
	case "erickson", "mirzazadeh":
		n = append(n, "the full-resolution picture may have another scale than the spots' coordinates: "+
			"the published reader resizes it by (hires height / its height) / tissue_hires_scalef")
	case "parigi":
		n = append(n, "the published values are normalised, not counts; the published recipe treats them as counts, and so does this one",
			"the record has no hires and no lowres picture, only the full-resolution one (16-bit), from which they are made")
	}
	if d.Abbr == "10XGMBC" || d.Abbr == "10XGHB" {
		n = append(n, "the full-resolution picture has 16 bits a channel")
	}
	return n
}

// table reads an embedded table. Its form is covered by the tests, so what
// cannot be read here is not there.
func table(name string) []map[string]string {
	data, err := tables.ReadFile(path.Join("data", name+".csv"))
	if err != nil {
		return nil
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil
	}
	out := make([]map[string]string, len(rows)-1)
	for i, row := range rows[1:] {
		out[i] = make(map[string]string, len(row))
		for j, cell := range row {
			out[i][rows[0][j]] = cell
		}
	}
	return out
}

func number(cell string) int {
	n, _ := strconv.Atoi(cell) // empty = 0; the tests read every number
	return n
}

// nearest returns up to three names that a typo could have meant: those that
// hold the text, else those within a third of its length in edits.
func nearest(all []Dataset, name string) []string {
	if name = strings.ToLower(name); len(name) > 100 {
		return nil // nobody means a name by that
	}
	type candidate struct {
		name string
		cost int
	}
	var found []candidate
	for _, d := range all {
		for _, have := range []string{d.Name, d.Abbr} {
			have = strings.ToLower(have)
			cost := distance(name, have)
			if len(name) > 2 && strings.Contains(have, name) {
				cost = 0
			}
			if cost <= max(1, len(name)/3) {
				found = append(found, candidate{d.Name + " (" + d.Abbr + ")", cost})
				break
			}
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.cost - b.cost })
	var names []string
	for _, c := range found[:min(3, len(found))] {
		names = append(names, c.name)
	}
	return names
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours between two texts (optimal string alignment).
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			d[i][j] = min(replaced, d[i-1][j]+1, d[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
