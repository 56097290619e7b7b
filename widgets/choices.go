package widgets

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spatialgo/spatialgo/spared"
)

// Choices shows what a user may choose in a recipe: each field of
// spared.Recipe, what it is in this data set, and what another value changes.
func Choices(ds *spared.Dataset) *TableFigure {
	r := &ds.Manifest.Recipe
	rows := [][]string{
		{"Train, Val, Test", splitWords(r), "which slides a model learns from, stops by and is judged on"},
		{"Patients", strconv.Itoa(len(r.Patients)) + " named", "whose slides are whose; needed where patients are the batches"},
		{"Organism", cmp.Or(r.Organism, "as the slides tell"), "which gene lengths and symbols apply"},
		{"Order", string(r.Order), "clean learns filters, genes and ComBat from train slides only; released from all, as published"},
		{"SpotMin, SpotMax", between(r.SpotMin, r.SpotMax), "spots outside are dropped; a higher least drops poorly captured tissue"},
		{"GeneMin, GeneMax", between(r.GeneMin, r.GeneMax), "genes outside, by their counts in all, are dropped"},
		{"RealShare", percent(r.RealShare), "more keeps fewer genes, which are measured in more spots"},
		{"GeneList", strconv.Itoa(len(r.GeneList)) + " named", "your own genes in place of the gene filter"},
		{"Genes", genesWords(ds), "how many of the most spatial genes are kept"},
		{"Normalization", string(r.Normalization), "tpm, cpm or lognorm; tpm divides by gene length, as published"},
		{"Graph, Neighbors, Radius", graphWords(r), "which spots are neighbours, for the median and Moran’s I"},
		{"Hops", strconv.Itoa(r.Hops), "how far the adaptive median looks before it takes the gene’s median of the slide"},
		{"BatchKey", r.BatchKey, "what ComBat evens out: slide_id, patient or none"},
		{"Covariates", cmp.Or(strings.Join(r.Covariates, ", "), "none"), "differences that ComBat must leave, such as a treatment"},
		{"Reference", cmp.Or(r.Reference, "none"), "the batch that stays as it is"},
		{"MeanOnly", yesNo(r.MeanOnly), "ComBat shifts the level and leaves the spread"},
		{"ValShare, Seed", percent(r.ValShare) + ", " + strconv.FormatUint(r.Seed, 10), "which part of a lone slide validates"},
		{"Noisy", yesNo(r.Noisy), "store layers with nothing filled in, for comparison"},
	}
	t := Table("What you can choose", []string{"field of spared.Recipe", "in this data set", "what it changes"}, rows,
		"Fields that a recipe leaves out have the published values, except Order, which is clean.")
	t.words = true
	return t
}

func splitWords(r *spared.Recipe) string {
	if n := len(r.Train) + len(r.Val) + len(r.Test); n > 0 {
		return fmt.Sprintf("%d, %d, %d slides", len(r.Train), len(r.Val), len(r.Test))
	}
	if slices.ContainsFunc(r.Inputs, func(in spared.Input) bool { return in.Split != spared.None }) {
		return "named slide by slide"
	}
	return "as the slides tell, or by default"
}

func between(lo, hi float64) string { return "above " + format(lo, 0) + ", below " + format(hi, 0) }

func genesWords(ds *spared.Dataset) string {
	if n := ds.Manifest.Recipe.Genes; n > 0 {
		return count(n)
	}
	return count(len(ds.Genes)) + ", by the published rule"
}

func graphWords(r *spared.Recipe) string {
	switch {
	case r.Graph == spared.GraphRadius:
		return string(r.Graph) + ", " + format(r.Radius, 1) + " pitches"
	case r.Neighbors > 0:
		return string(r.Graph) + ", " + strconv.Itoa(r.Neighbors)
	}
	return string(r.Graph)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// namedGenes is how many of the most spatial genes Recipes names.
const namedGenes = 5

// Recipes shows data sets made from the same slides by different recipes side
// by side, by name in alphabetical order: what passed, what was kept, how many
// of the genes all of them keep, and which are the most spatial.
func Recipes(sets map[string]*spared.Dataset) *TableFigure {
	names := slices.Sorted(maps.Keys(sets))
	header := []string{""}
	rows := [][]string{{"normalisation"}, {"unit of the log layers"}, {"order"}, {"spots"}, {"genes that passed the filter"}, {"genes kept"},
		{"of these, kept by all"}, {"not measured"}, {"least Moran’s I kept"}, {"most spatial genes"}}
	all := keptByAll(sets)
	for _, name := range names {
		ds := sets[name]
		s, order := ds.Summary(), byMoran(ds)
		least, best := "–", []string{}
		for _, j := range order[:min(namedGenes, len(order))] {
			best = append(best, isolate(clean(geneName(&ds.Genes[j]))))
		}
		if len(order) > 0 {
			least = format(ds.Genes[order[len(order)-1]].Moran, 3)
		}
		header = append(header, name)
		for i, cell := range []string{string(s.Normalization), s.Unit, string(s.Order), count(s.Spots), count(len(ds.Panel)), count(s.Genes),
			count(all), fmt.Sprintf("%.1f %%", 100*s.Missing), least, strings.Join(best, ", ")} {
			rows[i] = append(rows[i], cell)
		}
	}
	t := Table("One set of slides, "+plural(len(sets), "recipe"), header, rows, "Not measured: entries of the genes kept without a count.")
	t.words = true
	return t
}

// keptByAll counts the genes that every data set has.
func keptByAll(sets map[string]*spared.Dataset) int {
	in := map[string]int{}
	for _, ds := range sets {
		for _, g := range ds.Genes {
			in[g.ID]++
		}
	}
	n := 0
	for _, c := range in {
		if c == len(sets) {
			n++
		}
	}
	return n
}
