package spared

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Published settings (SpaRED's configuration files; facts common to its 26
// data sets).
const (
	defaultCountMin  = 10
	defaultCountMax  = 1e6
	defaultRealShare = 0.7
	defaultHops      = 4
	defaultValShare  = 0.2
	defaultSeed      = 42
	defaultNeighbors = 6   // the ring of touching spots of a hexagonal lattice
	defaultRadius    = 1.5 // pitches: the ring of touching spots of either lattice

	// genesManyPass is the number of genes that must pass the filter for the
	// larger of the two published panel sizes.
	genesManyPass = 320
	genesLarge    = 128
	genesSmall    = 32
)

// withDefaults returns the recipe with its zero fields filled in, except
// Organism and Genes, which depend on the slides.
func (r Recipe) withDefaults() Recipe {
	fill := func(p *float64, v float64) {
		if *p == 0 {
			*p = v
		}
	}
	fill(&r.SpotMin, defaultCountMin)
	fill(&r.SpotMax, defaultCountMax)
	fill(&r.GeneMin, defaultCountMin)
	fill(&r.GeneMax, defaultCountMax)
	fill(&r.RealShare, defaultRealShare)
	fill(&r.ValShare, defaultValShare)
	if r.Hops == 0 {
		r.Hops = defaultHops
	}
	if r.Normalization == "" {
		r.Normalization = TPM
	}
	if r.Graph == "" {
		r.Graph = GraphAuto
	}
	if r.Neighbors == 0 && (r.Graph == GraphAuto || r.Graph == GraphKNN) {
		r.Neighbors = defaultNeighbors
	}
	if r.Radius == 0 && r.Graph == GraphRadius {
		r.Radius = defaultRadius
	}
	if r.Seed == 0 {
		r.Seed = defaultSeed
	}
	if r.Order == "" {
		r.Order = Clean
	}
	if r.BatchKey == "" {
		r.BatchKey = "slide_id"
	}
	return r
}

// graphKinds are the graphs that a recipe can ask for.
var graphKinds = []GraphKind{GraphAuto, GraphKNN, GraphHex, GraphSquare, GraphRadius, GraphDelaunay}

// check returns an error for settings that make no sense. It expects defaults
// to be filled in.
func (r Recipe) check() error {
	if len(r.Inputs) == 0 {
		return fmt.Errorf("spared: the recipe names no slide: give at least one folder or file with slides")
	}
	return cmp.Or(r.checkWords(), r.checkLimits(), r.checkGraph(), r.checkBatch())
}

func (r Recipe) checkWords() error {
	switch {
	case r.Order != Clean && r.Order != Released:
		return fmt.Errorf("spared: unknown order %q: want %q or %q", r.Order, Clean, Released)
	case !slices.Contains([]string{"slide_id", "patient", "none"}, r.BatchKey):
		return fmt.Errorf("spared: unknown batch key %q: want slide_id, patient or none", r.BatchKey)
	case !slices.Contains([]string{"", "human", "mouse"}, r.Organism):
		return fmt.Errorf("spared: unknown organism %q: gene lengths are known for human and mouse", r.Organism)
	case !slices.Contains(normalizations, r.Normalization):
		return fmt.Errorf("spared: unknown normalization %q: want one of %s", r.Normalization, words(normalizations))
	}
	for _, labels := range r.Labels {
		for key := range labels {
			if slices.Contains(ownObs, key) || key == "" || strings.ContainsAny(key, "/\x00") {
				return fmt.Errorf("spared: a slide label cannot be called %q: it would be a column of obs, and that name is taken or not possible", key)
			}
		}
	}
	return nil
}

// words lists what can be said for a setting.
func words[T ~string](values []T) string {
	var w []string
	for _, v := range values {
		w = append(w, string(v))
	}
	return strings.Join(w, ", ")
}

func (r Recipe) checkLimits() error {
	switch {
	case !finite(r.SpotMin, r.SpotMax, r.GeneMin, r.GeneMax):
		return fmt.Errorf("spared: limits of spot counts %g and %g, of gene counts %g and %g: want finite numbers", r.SpotMin, r.SpotMax, r.GeneMin, r.GeneMax)
	case r.SpotMin < 0 || r.SpotMax <= r.SpotMin:
		return fmt.Errorf("spared: spot counts between %g and %g: nothing can lie there; change the limits (--spot-min, --spot-max)", r.SpotMin, r.SpotMax)
	case r.GeneMin < 0 || r.GeneMax <= r.GeneMin:
		return fmt.Errorf("spared: gene counts between %g and %g: nothing can lie there; change the limits (--gene-min, --gene-max)", r.GeneMin, r.GeneMax)
	case !(r.RealShare > 0 && r.RealShare <= 1):
		return fmt.Errorf("spared: real-data share %g: want more than 0, at most 1", r.RealShare)
	case !(r.ValShare > 0 && r.ValShare < 1):
		return fmt.Errorf("spared: validation share %g: want between 0 and 1", r.ValShare)
	case r.Genes < 0:
		return fmt.Errorf("spared: %d genes to keep: want 0 (automatic) or more", r.Genes)
	}
	return nil
}

func (r Recipe) checkGraph() error {
	switch {
	case !slices.Contains(graphKinds, r.Graph):
		return fmt.Errorf("spared: unknown graph %q: want one of %s", r.Graph, words(graphKinds))
	case r.Hops < 1 || r.Hops > 12:
		return fmt.Errorf("spared: %d hops for the adaptive median: want 1 to 12", r.Hops)
	case r.Neighbors != 0 && r.Graph != GraphAuto && r.Graph != GraphKNN:
		return fmt.Errorf("spared: a number of neighbours makes sense for the graphs %s and %s only, not for %s", GraphKNN, GraphAuto, r.Graph)
	case r.Neighbors < 0 || r.Neighbors > 100:
		return fmt.Errorf("spared: %d neighbours: want 1 to 100", r.Neighbors)
	case r.Radius != 0 && r.Graph != GraphRadius:
		return fmt.Errorf("spared: a radius makes sense for the graph %s only, not for %s", GraphRadius, r.Graph)
	case !(r.Radius >= 0 && r.Radius <= 10):
		return fmt.Errorf("spared: a radius of %g spot pitches: want more than 0, at most 10", r.Radius)
	}
	return nil
}

func (r Recipe) checkBatch() error {
	options := len(r.Covariates) > 0 || r.Reference != "" || r.MeanOnly || r.FirstGene
	switch {
	case options && r.BatchKey == "none":
		return fmt.Errorf("spared: options of batch correction, but the batch key is none")
	case r.FirstGene && r.Order != Released:
		return fmt.Errorf("spared: the first-gene shift is a bug of the published library, for comparison with it: it goes with --order released only")
	case r.FirstGene && (len(r.Covariates) > 0 || r.Reference != "" || r.MeanOnly):
		return fmt.Errorf("spared: the first-gene shift goes with no other option of batch correction: the published library has none")
	case len(r.Covariates) > 0 && r.BatchKey == "slide_id":
		return fmt.Errorf("spared: covariates are labels of slides, and where slides are the batches nothing tells a label's effect from the batch's: take --batch patient, with slides of more than one label a patient")
	}
	for _, key := range r.Covariates {
		if !slices.ContainsFunc(slices.Collect(maps.Values(r.Labels)), func(l map[string]string) bool { return l[key] != "" }) {
			return fmt.Errorf("spared: covariate %q: no slide has such a label (--label SLIDE:%s=VALUE)", key, key)
		}
	}
	return nil
}

func finite(v ...float64) bool {
	return !slices.ContainsFunc(v, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

// Fingerprint identifies what the data set is made from: the recipe without
// the folders' paths (the files' hashes stand for them), the input files, and
// the model that completed it. Equal fingerprints mean equal numbers.
func (m Manifest) Fingerprint() string {
	m.Recipe.Inputs = slices.Clone(m.Recipe.Inputs)
	for i := range m.Recipe.Inputs {
		m.Recipe.Inputs[i].Dir = ""
	}
	b, err := json.Marshal(struct {
		Version   int
		Tool      string
		Recipe    Recipe
		Inputs    []ManifestInput
		Completed string
	}{m.Version, m.Tool, m.Recipe, m.Inputs, m.Completed})
	if err != nil {
		return "" // a Manifest holds nothing that JSON cannot write
	}
	return string(b)
}

// checkSlideName refuses names that cannot be keys of an .h5ad file.
func checkSlideName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("spared: a slide needs a name: write NAME=FOLDER")
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("spared: slide name %q contains a slash or NUL: write NAME=FOLDER to give another", name)
	}
	return nil
}
