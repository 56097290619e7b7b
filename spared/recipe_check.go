package spared

import (
	"encoding/json"
	"fmt"
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

// check returns an error for settings that make no sense. It expects defaults
// to be filled in.
func (r Recipe) check() error {
	switch {
	case len(r.Inputs) == 0:
		return fmt.Errorf("spared: the recipe names no slide: give at least one Space Ranger folder")
	case r.Order != Clean && r.Order != Released:
		return fmt.Errorf("spared: unknown order %q: want %q or %q", r.Order, Clean, Released)
	case !slices.Contains([]string{"slide_id", "patient", "none"}, r.BatchKey):
		return fmt.Errorf("spared: unknown batch key %q: want slide_id, patient or none", r.BatchKey)
	case !slices.Contains([]string{"", "human", "mouse"}, r.Organism):
		return fmt.Errorf("spared: unknown organism %q: gene lengths are known for human and mouse", r.Organism)
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
	case r.Hops < 1 || r.Hops > 12:
		return fmt.Errorf("spared: %d hops for the adaptive median: want 1 to 12", r.Hops)
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
