package catalog

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// stagingName is the folder in which slides are put together. Its name begins
// with a dot, so that nothing takes it for a slide.
const stagingName = ".arranging"

// arranger puts slides together in a folder of its own, and moves each to its
// place when it is whole.
type arranger struct {
	*fetcher
	root  *os.Root               // of the folder: nothing can be written outside
	files map[string]*slideFiles // by slide
}

// slideFiles are the files of a slide so far, by target.
type slideFiles struct {
	from    map[string]SlideFile
	choices map[string]string // target -> path in its archive
	notes   []string
}

// arrange makes the folders of the slides from the downloads.
func (f *fetcher) arrange(ctx context.Context, slides []string, files []File) (err error) {
	if err := os.MkdirAll(f.dir, 0o777); err != nil {
		return err
	}
	staging := filepath.Join(f.dir, stagingName)
	if err := os.RemoveAll(staging); err != nil { // what a kill left
		return err
	}
	if err := os.Mkdir(staging, 0o777); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	a := &arranger{fetcher: f, files: map[string]*slideFiles{}}
	if a.root, err = os.OpenRoot(staging); err != nil {
		return err
	}
	defer a.root.Close()
	for _, s := range slides {
		a.files[s] = &slideFiles{from: map[string]SlideFile{}, choices: map[string]string{}}
		if err := a.root.MkdirAll(path.Join(s, "spatial"), 0o777); err != nil {
			return err
		}
	}
	if err := a.collect(ctx, slides, files); err != nil {
		return diskFull(err)
	}
	for i, s := range slides {
		f.o.Progress.Send(progress.Event{Step: "arrange slides", Done: i, Total: len(slides), Message: s})
		if err := a.finish(ctx, s); err != nil {
			return diskFull(err)
		}
	}
	f.o.Progress.Send(progress.Event{Step: "arrange slides", Done: len(slides), Total: len(slides)})
	return nil
}

// collect takes every download apart.
func (a *arranger) collect(ctx context.Context, slides []string, files []File) error {
	for i, file := range files {
		a.o.Progress.Send(progress.Event{Step: "unpack", Done: i, Total: len(files), Message: filepath.Base(a.store(file))})
		if file.Target != "" {
			if err := a.single(ctx, file); err != nil {
				return err
			}
			continue
		}
		of := slides
		if file.Slide != "" {
			of = []string{file.Slide}
		}
		if err := a.unpack(ctx, file, a.set.patterns(of)); err != nil {
			return err
		}
	}
	return nil
}

// single takes a download that is a file of one slide.
func (a *arranger) single(ctx context.Context, file File) error {
	in, err := os.Open(a.store(file))
	if err != nil {
		return err
	}
	defer in.Close()
	return a.put(file.Slide, file.Target, "", file.URL, reader{ctx, in})
}

// unpack takes what the patterns ask for out of an archive. A damaged archive
// that nobody published a checksum of is taken away, so that the next call
// downloads it anew.
func (a *arranger) unpack(ctx context.Context, file File, patterns []pattern) error {
	matching := func(member string) (pattern, bool) {
		i := slices.IndexFunc(patterns, func(p pattern) bool { return p.match(member) })
		if i < 0 {
			return pattern{}, false
		}
		return patterns[i], true
	}
	wanted := func(member string) bool { _, ok := matching(member); return ok }
	err := walk(ctx, a.store(file), a.o.limits, wanted, func(member string, content io.Reader) error {
		p, _ := matching(member)
		if p.target == nested {
			return errNested
		}
		// The first of the names wins, as in the published readers.
		chosen := a.files[p.slide]
		if other, ok := chosen.choices[p.target]; ok {
			chosen.notes = append(chosen.notes, fmt.Sprintf("%s could be %s or %s in the archive: the first in the alphabet was taken",
				p.target, min(other, member), max(other, member)))
			if other <= member {
				return nil
			}
		}
		chosen.choices[p.target] = member
		return a.put(p.slide, p.target, member, file.URL, content)
	})
	var bad *archiveError
	if errors.As(err, &bad) && isDamage(err) && file.SHA256 == "" {
		at := a.store(file)
		if e := os.Remove(at); e != nil {
			return errors.Join(err, e)
		}
		delete(a.records, file.URL)
		if e := a.records.write(a.recordsPath()); e != nil {
			return errors.Join(err, e)
		}
		return fmt.Errorf("%w; %s was deleted, run this again to download it anew", err, at)
	}
	return err
}

// put writes one file of a slide. A member whose name says gzip is expanded
// where the target's does not.
func (a *arranger) put(slide, target, member, url string, content io.Reader) (err error) {
	if strings.HasSuffix(member, ".gz") && !strings.HasSuffix(target, ".gz") {
		z, err := gzip.NewReader(bufio.NewReader(content))
		if err != nil {
			return err
		}
		content = &bounded{r: z, left: a.o.limits.bytes}
	}
	out, err := a.root.OpenFile(path.Join(slide, target), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), content)
	if err != nil {
		return err
	}
	from := url
	if member != "" {
		from += "!" + member
	}
	a.files[slide].from[target] = SlideFile{Path: target, From: from, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}
	return out.Sync()
}

// finish checks that a slide is whole, records where its files are from, and
// moves it to its place.
func (a *arranger) finish(ctx context.Context, slide string) error {
	got := a.files[slide]
	staged := filepath.Join(a.dir, stagingName, slide)
	if err := a.checkWhole(slide, got); err != nil {
		return err
	}
	if _, ok := got.from[parigiTable]; ok {
		if err := a.convertParigi(ctx, slide, got); err != nil {
			return err
		}
	}
	if !visium.IsSlide(staged) {
		return fmt.Errorf("slide %s: what was arranged is no Space Ranger folder; this should not happen, please report it", slide)
	}
	r := SlideRecord{Dataset: a.set.Name, Slide: slide, Data: a.set.Source.Data, Licence: a.set.Source.Licence,
		Notes: append(slices.Clone(a.set.Notes), got.notes...)}
	for _, file := range got.from {
		r.Files = append(r.Files, file)
	}
	slices.SortFunc(r.Files, func(a, b SlideFile) int { return strings.Compare(a.Path, b.Path) })
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := a.root.WriteFile(path.Join(slide, slideRecordName), append(data, '\n'), 0o666); err != nil {
		return err
	}
	return a.move(slide, staged)
}

// checkWhole returns an error that names what a slide lacks.
func (a *arranger) checkWhole(slide string, got *slideFiles) error {
	lacks := map[string]bool{}
	for _, p := range a.set.patterns([]string{slide}) {
		if _, ok := got.from[p.target]; !ok && p.target != nested {
			lacks[p.target] = p.needed
		}
	}
	for _, file := range a.set.Source.Files {
		if _, ok := got.from[file.Target]; !ok && file.Slide == slide && file.Target != "" {
			lacks[file.Target] = true
		}
	}
	var needed, rest []string
	for target, must := range lacks {
		if must {
			needed = append(needed, target)
		} else {
			rest = append(rest, target)
		}
	}
	slices.Sort(needed)
	slices.Sort(rest)
	if len(needed) > 0 {
		return fmt.Errorf("slide %s: the archive has no %s where the published readers of this data set look for it; "+
			"its layout may have changed since: see %s", slide, strings.Join(needed, ", "), a.set.Source.Page)
	}
	if len(rest) > 0 {
		got.notes = append(got.notes, "the archive has no "+strings.Join(rest, ", "))
	}
	return nil
}

// move puts a slide in its place. What stood there was not whole, or it would
// not be made anew.
func (a *arranger) move(slide, staged string) error {
	place := filepath.Join(a.dir, slide)
	if _, err := os.Lstat(place); err == nil {
		if err := os.Rename(place, staged+".old"); err != nil { // goes with the staging folder
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, dir := range []string{filepath.Join(staged, "spatial"), staged} {
		_ = syncDir(dir) // some file systems cannot
	}
	if err := os.Rename(staged, place); err != nil {
		return err
	}
	_ = syncDir(a.dir)
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
