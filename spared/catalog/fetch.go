package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// Options are options of [Fetch]. The zero value is fine.
type Options struct {
	Dir    string // folder of downloaded data sets, as for [Dir]
	Mirror Mirror // other hosts to download from
	// MaxBytes is the most that one download may have, in bytes; 0 = 64 GiB.
	MaxBytes int64
	// Retries is how often a download is tried again while nothing more
	// arrives; 0 = 5, less than 0 = never. Each time that something has
	// arrived the count begins anew.
	Retries int
	// RetryWait is the pause before the first retry, which doubles from one to
	// the next up to a minute; 0 = 1 s. A server that asks for another pause
	// (Retry-After) gets it, up to [MaxRetryAfter].
	RetryWait time.Duration
	// Discard removes the archives once their slides are arranged. By default
	// they stay, for the other data sets in them.
	Discard  bool
	Client   *http.Client  // nil = http.DefaultClient
	Progress progress.Func // bytes are told in MiB; nil drops news

	limits limits // of archives; zero = defaultLimits
}

// Result tells what [Fetch] left.
type Result struct {
	Dataset Dataset
	Dir     string   // folder of the slides
	Slides  []string // the slides' folders, in the order of Dataset.Slides
	Made    []string // names of those that this call arranged; the others were there
	Kept    []string // archives that were kept
}

// Plan is what [Fetch] would do.
type Plan struct {
	Dataset Dataset       `json:"dataset"`
	Dir     string        `json:"dir"`     // folder of the slides
	Missing []string      `json:"missing"` // slides that are not there
	Files   []PlannedFile `json:"files"`   // downloads for the missing slides
}

// PlannedFile is one download.
type PlannedFile struct {
	URL    string `json:"url"`              // after mirrors
	Path   string `json:"path"`             // where it is kept meanwhile; a file put there by hand is taken
	Size   int64  `json:"size,omitempty"`   // bytes; 0 = not known beforehand
	SHA256 string `json:"sha256,omitempty"` // published, or recorded at an earlier download; "" = neither
	Have   int64  `json:"have"`             // bytes that are there already
}

// MakePlan says what [Fetch] would do, without doing any of it.
func MakePlan(name string, o Options) (Plan, error) {
	set, err := Find(name)
	if err != nil {
		return Plan{}, err
	}
	f, err := newFetcher(set, o)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Dataset: f.set, Dir: f.dir, Missing: f.missing()}
	for _, file := range f.needed(p.Missing) {
		one := PlannedFile{URL: f.urls(file)[0], Path: f.store(file), Size: file.Size, SHA256: file.SHA256}
		if r, ok := f.records[file.URL]; ok {
			one.Size, one.SHA256 = r.Size, r.SHA256
		}
		for _, at := range []string{one.Path, one.Path + partSuffix} {
			if st, err := os.Stat(at); err == nil {
				one.Have = st.Size()
				break
			}
		}
		p.Files = append(p.Files, one)
	}
	return p, nil
}

// Fetch downloads a data set, given by name or abbreviation, and arranges its
// slides as Space Ranger folders, one a slide, in a folder of the data set's
// name below o.Dir. What is there already stays as it is.
//
// Downloads that break off go on where they stopped, in this call and in the
// next one; they are kept in the folder ".downloads" below o.Dir. Each is held
// to its published size and sha256, or else to those recorded at its first
// download, in downloads.json there. A slide's folder appears in one step when
// all of it is on the disk: an error, a cancelled ctx or a kill leaves no half
// of one. Each holds source.json, which tells where its files are from.
//
// Two calls for the same o.Dir at the same time, in whatever processes, are an
// error of the second one.
func Fetch(ctx context.Context, name string, o Options) (Result, error) {
	set, err := Find(name)
	if err != nil {
		return Result{}, err
	}
	return fetch(ctx, set, o)
}

func fetch(ctx context.Context, set Dataset, o Options) (Result, error) {
	f, err := newFetcher(set, o)
	if err != nil {
		return Result{}, err
	}
	res := Result{Dataset: f.set, Dir: f.dir}
	for _, s := range f.set.Slides {
		res.Slides = append(res.Slides, filepath.Join(f.dir, s.Name))
	}
	if len(f.missing()) == 0 {
		return res, nil
	}
	if err := os.MkdirAll(f.downloads(), 0o777); err != nil {
		return res, fmt.Errorf("catalog: %w", err)
	}
	unlock, err := lock(filepath.Join(f.downloads(), "lock"))
	if err != nil {
		return res, fmt.Errorf("catalog: %s: %w", f.root, err)
	}
	defer unlock()
	// The other process may just have finished: look again under the lock.
	if f, err = newFetcher(set, o); err != nil {
		return res, err
	}
	res.Made = f.missing()
	res.Kept, err = f.run(ctx, res.Made)
	if err != nil {
		err = fmt.Errorf("catalog: %s: %w", f.set.Name, err)
	}
	return res, err
}

// fetcher is one call of Fetch.
type fetcher struct {
	o       Options
	set     Dataset
	root    string // folder of all data sets
	dir     string // folder of this one's slides
	records records
	client  *client
}

func newFetcher(set Dataset, o Options) (f *fetcher, err error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 30
	}
	if o.limits == (limits{}) {
		o.limits = defaultLimits
	}
	f = &fetcher{o: o, set: set, root: Dir(o.Dir), dir: set.Folder(o.Dir)}
	f.client = newClient(o)
	if f.records, err = readRecords(f.recordsPath()); err != nil {
		return nil, err
	}
	return f, o.Mirror.check()
}

func (f *fetcher) downloads() string   { return filepath.Join(f.root, ".downloads") }
func (f *fetcher) recordsPath() string { return filepath.Join(f.downloads(), "downloads.json") }

// missing returns the slides whose folders are not there, or not as
// source.json says.
func (f *fetcher) missing() []string {
	var names []string
	for _, s := range f.set.Slides {
		if !whole(filepath.Join(f.dir, s.Name)) {
			names = append(names, s.Name)
		}
	}
	return names
}

// needed returns the downloads that the slides need.
func (f *fetcher) needed(slides []string) []File {
	var files []File
	for _, file := range f.set.Source.Files {
		if file.Slide == "" && len(slides) > 0 || slices.Contains(slides, file.Slide) {
			files = append(files, file)
		}
	}
	return files
}

// store is where a download is kept: by author, and by what tells it from the
// others of that author.
func (f *fetcher) store(file File) string {
	u, err := url.Parse(file.URL)
	if err != nil {
		return filepath.Join(f.downloads(), f.set.Source.Name, "download") // the tests parse every URL
	}
	name := path.Base(u.Path)
	if name == "file_downloaded" { // Mendeley: .../files/<id>/file_downloaded
		name = path.Base(path.Dir(u.Path))
	}
	return filepath.Join(f.downloads(), f.set.Source.Name, name)
}

// run downloads what the slides need and arranges them.
func (f *fetcher) run(ctx context.Context, slides []string) (kept []string, err error) {
	f.say(f.set.Source.about())
	for _, s := range slides {
		if err := foreign(filepath.Join(f.dir, s)); err != nil {
			return nil, err
		}
	}
	files := f.needed(slides)
	for i, file := range files {
		if err := f.download(ctx, file, fmt.Sprintf("download %d of %d", i+1, len(files))); err != nil {
			return nil, err
		}
	}
	if err := f.arrange(ctx, slides, files); err != nil {
		return nil, err
	}
	for _, file := range files {
		at := f.store(file)
		if file.Target == "" && !f.o.Discard {
			kept = append(kept, at)
			continue
		}
		if err := os.Remove(at); err != nil && !errors.Is(err, os.ErrNotExist) {
			return kept, err
		}
	}
	return kept, nil
}

func (f *fetcher) say(message string) {
	f.o.Progress.Send(progress.Event{Step: f.set.Name, Message: message})
}

// about names a source in one line, with its licence, before anything is
// downloaded from it.
func (s Source) about() string {
	licence := "licence " + s.Licence
	if s.Licence == "unknown" {
		licence = "licence not known here, see " + s.Page
	}
	parts := []string{s.Title, s.Host + " " + s.Data}
	if s.Publication != "" && s.Publication != s.Data {
		parts = append(parts, "https://doi.org/"+s.Publication)
	}
	return strings.Join(append(parts, licence), "; ")
}

// foreign returns an error where a folder that is to be made holds something
// that Fetch did not put there.
func foreign(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return err
	}
	if _, err := os.Lstat(filepath.Join(dir, slideRecordName)); err != nil {
		return fmt.Errorf("%s is no slide, but holds files that were not downloaded: move them away, or choose another folder (--dir)", dir)
	}
	return nil
}

// whole tells whether a slide's folder is there and holds the files that its
// record lists, in their sizes.
func whole(dir string) bool {
	r, err := readSlideRecord(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return visium.IsSlide(dir) // put there by somebody else, and left alone
	}
	if err != nil || !visium.IsSlide(dir) {
		return false
	}
	for _, file := range r.Files {
		st, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file.Path)))
		if err != nil || st.Size() != file.Size {
			return false
		}
	}
	return true
}
