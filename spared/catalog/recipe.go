package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// DirEnv is the environment variable that names the folder of downloaded data
// sets where no option does.
const DirEnv = "SPATIALGO_DATA"

// DefaultDir is the folder of downloaded data sets, relative to the working
// directory, where neither an option nor [DirEnv] names one. Nothing is ever
// written to the home folder unasked.
const DefaultDir = "data"

// Dir returns the folder of downloaded data sets: the given one, else the one
// that [DirEnv] names, else [DefaultDir].
func Dir(given string) string {
	if given != "" {
		return given
	}
	if env := os.Getenv(DirEnv); env != "" {
		return env
	}
	return DefaultDir
}

// Folder returns the folder of the data set's slides below dir, which is
// taken as [Dir] does.
func (d Dataset) Folder(dir string) string { return filepath.Join(Dir(dir), d.Name) }

// Recipe returns the published recipe without inputs: splits, patients,
// organism, batch key, number of genes and limits of counts. Order is left to
// the user: "" is spared.Clean, and spared.Released is the published one.
func (d Dataset) Recipe() spared.Recipe {
	r := spared.Recipe{
		Train: d.SlideNames(spared.Train), Val: d.SlideNames(spared.Val), Test: d.SlideNames(spared.Test),
		Patients: map[string]string{}, Organism: d.Organism, BatchKey: d.BatchKey, Genes: d.Genes,
		SpotMin: d.SpotMin, SpotMax: 1e6, GeneMin: 10, GeneMax: 1e6, RealShare: 0.7, Hops: 4,
	}
	for _, s := range d.Slides {
		r.Patients[s.Name] = s.Patient
	}
	return r
}

// Recipe is [Find] followed by [Dataset.Recipe].
func Recipe(name string) (spared.Recipe, error) {
	d, err := Find(name)
	if err != nil {
		return spared.Recipe{}, err
	}
	return d.Recipe(), nil
}

// ErrNotFetched is wrapped by the error of a data set that is not there yet.
var ErrNotFetched = errors.New("is not downloaded")

// ResolveOptions are options of [Resolve].
type ResolveOptions struct {
	Dir   string   // folder of downloaded data sets, as for [Dir]
	Fetch *Options // download what is missing with these options; nil = do not (Dir wins over theirs)
}

// Resolve makes a catalogue name work wherever a folder does: it returns asked
// with the inputs that args stand for. An argument is a folder or NAME=FOLDER
// (see spared.ParseInput), as ever; or, where no such folder exists, the name
// or abbreviation of a data set. Then the inputs are its downloaded slides,
// and each setting that asked leaves open is the published one; splits that
// asked names replace all published splits.
//
// A data set stands alone: it cannot be mixed with other arguments. The error
// of one that is not downloaded wraps [ErrNotFetched] and says what to run.
func Resolve(ctx context.Context, args []string, asked spared.Recipe, o ResolveOptions) (spared.Recipe, error) {
	for _, arg := range args {
		d, err := Find(arg)
		if err != nil || exists(arg) {
			asked.Inputs = append(asked.Inputs, spared.ParseInput(arg))
			continue
		}
		if len(args) > 1 {
			return asked, fmt.Errorf("catalog: %s is a data set of the catalogue, which cannot be mixed with other slides: give it alone, or its folder %s", arg, d.Folder(o.Dir))
		}
		return d.resolve(ctx, asked, o)
	}
	if len(args) == 1 && asked.Inputs != nil && !exists(asked.Inputs[len(asked.Inputs)-1].Dir) && looksLikeName(args[0]) {
		if _, err := named(args[0]); err != nil {
			return asked, fmt.Errorf("there is no folder %s, and %w", args[0], err)
		}
	}
	return asked, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// looksLikeName tells whether a text could be meant as a catalogue name: no
// path, and near enough to one.
func looksLikeName(arg string) bool {
	return arg == filepath.Base(arg) && len(nearest(All(), arg)) > 0
}

// resolve is Resolve for a data set.
func (d Dataset) resolve(ctx context.Context, asked spared.Recipe, o ResolveOptions) (spared.Recipe, error) {
	inputs, err := d.Inputs(o.Dir)
	if errors.Is(err, ErrNotFetched) && o.Fetch != nil {
		fetch := *o.Fetch
		fetch.Dir = Dir(o.Dir)
		if _, err = Fetch(ctx, d.Name, fetch); err == nil {
			inputs, err = d.Inputs(o.Dir)
		}
	}
	if err != nil {
		return asked, err
	}
	return d.fill(asked, inputs), nil
}

// Inputs returns the downloaded slides, in the order train, val, test.
func (d Dataset) Inputs(dir string) ([]spared.Input, error) {
	var inputs []spared.Input
	for _, s := range d.Slides {
		folder := filepath.Join(d.Folder(dir), s.Name)
		if !visium.IsSlide(folder) {
			if _, err := os.Stat(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("catalog: %w", err)
			}
			hint := ""
			if Dir(dir) != DefaultDir {
				hint = " --dir " + Dir(dir)
			}
			return nil, fmt.Errorf("catalog: %s (%s) %w: no slide in %s; run: spared fetch %s%s", d.Name, d.Abbr, ErrNotFetched, folder, d.Abbr, hint)
		}
		inputs = append(inputs, spared.Input{Name: s.Name, Dir: folder, Normalised: d.Source.Name == "parigi"})
	}
	return inputs, nil
}

// fill gives asked the inputs and, where it leaves something open, the
// published setting.
func (d Dataset) fill(asked spared.Recipe, inputs []spared.Input) spared.Recipe {
	pub := d.Recipe()
	r := asked
	r.Inputs = append(slices.Clone(asked.Inputs), inputs...)
	if len(asked.Train)+len(asked.Val)+len(asked.Test) == 0 {
		r.Train, r.Val, r.Test = pub.Train, pub.Val, pub.Test
	}
	r.Patients = pub.Patients
	for name, p := range asked.Patients {
		r.Patients[name] = p
	}
	r.Organism, r.BatchKey = cmp.Or(asked.Organism, pub.Organism), cmp.Or(asked.BatchKey, pub.BatchKey)
	r.SpotMin, r.SpotMax = cmp.Or(asked.SpotMin, pub.SpotMin), cmp.Or(asked.SpotMax, pub.SpotMax)
	r.GeneMin, r.GeneMax = cmp.Or(asked.GeneMin, pub.GeneMin), cmp.Or(asked.GeneMax, pub.GeneMax)
	r.RealShare = cmp.Or(asked.RealShare, pub.RealShare)
	r.Genes, r.Hops = cmp.Or(asked.Genes, pub.Genes), cmp.Or(asked.Hops, pub.Hops)
	return r
}
