package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/spatialgo/spatialgo/spared"
)

// options are the settings of a recipe as flags. What the user gave is laid
// over a recipe from a file.
type options struct {
	given  spared.Recipe
	labels []string
	lay    map[string]func(dst *spared.Recipe) // flag -> copies its setting
}

func newOptions() *options { return &options{lay: map[string]func(*spared.Recipe){}} }

// option binds a flag to a field of the recipe. define is the method of the
// flag set for the field's type.
func option[T any](o *options, define func(*T, string, T, string), name, usage string, field func(*spared.Recipe) *T) {
	var none T
	define(field(&o.given), name, none, usage)
	o.lay[name] = func(dst *spared.Recipe) { *field(dst) = *field(&o.given) }
}

func (o *options) define(f *pflag.FlagSet) {
	type R = spared.Recipe
	option(o, f.StringSliceVar, "train", "slides that train, by name", func(r *R) *[]string { return &r.Train })
	option(o, f.StringSliceVar, "val", "slides that validate", func(r *R) *[]string { return &r.Val })
	option(o, f.StringSliceVar, "test", "slides that test", func(r *R) *[]string { return &r.Test })
	option(o, f.StringVar, "organism", "human or mouse (default: as the slides tell)", func(r *R) *string { return &r.Organism })
	option(o, f.StringVar, "order", "clean: learn from train slides only; released: from all slides, as published (default clean)", func(r *R) *string { return (*string)(&r.Order) })
	option(o, f.StringToStringVar, "patient", "patients, as SLIDE=NAME,...", func(r *R) *map[string]string { return &r.Patients })
	f.StringArrayVar(&o.labels, "label", nil, "what else is known of a slide, as SLIDE:KEY=VALUE; KEY becomes a column of obs")

	option(o, f.Float64Var, "spot-min", "a spot needs more counts than this, 0.5 = any (default 10)", func(r *R) *float64 { return &r.SpotMin })
	option(o, f.Float64Var, "spot-max", "and less than this (default 1e6)", func(r *R) *float64 { return &r.SpotMax })
	option(o, f.Float64Var, "gene-min", "a gene needs more counts than this, 0.5 = any (default 10)", func(r *R) *float64 { return &r.GeneMin })
	option(o, f.Float64Var, "gene-max", "and less than this (default 1e6)", func(r *R) *float64 { return &r.GeneMax })
	option(o, f.Float64Var, "real-share", "share of measured values that the kept genes reach together (default 0.7)", func(r *R) *float64 { return &r.RealShare })
	option(o, f.IntVar, "genes", "genes to keep, most spatial first (default 128, or 32 where at most 320 pass the filter)", func(r *R) *int { return &r.Genes })

	option(o, f.StringVar, "normalization", "tpm, cpm or lognorm (default tpm, as published; see above)", func(r *R) *string { return (*string)(&r.Normalization) })
	option(o, f.StringVar, "graph", "neighbours of a spot: auto (6 nearest, or square on square arrays), knn, hex, square, radius or delaunay (default auto)", func(r *R) *string { return (*string)(&r.Graph) })
	option(o, f.IntVar, "neighbors", "how many nearest spots the graph knn takes (default 6)", func(r *R) *int { return &r.Neighbors })
	option(o, f.Float64Var, "radius", "reach of the graph radius, in distances between spots (default 1.5)", func(r *R) *float64 { return &r.Radius })
	option(o, f.BoolVar, "transposed", "turn the graph round, as squidpy up to 1.3 did: a spot's neighbours are those that count it among theirs", func(r *R) *bool { return &r.Transposed })
	option(o, f.IntVar, "hops", "reach of the adaptive median, in hops (default 4)", func(r *R) *int { return &r.Hops })

	option(o, f.StringVar, "batch", "what makes a batch: slide_id, patient or none (default slide_id)", func(r *R) *string { return &r.BatchKey })
	option(o, f.StringVar, "reference", "batch that stays as it is, the others are moved onto it (default: the only train batch, else none)", func(r *R) *string { return &r.Reference })
	option(o, f.StringSliceVar, "covariate", "labels of slides whose effect batch correction keeps (with --batch patient)", func(r *R) *[]string { return &r.Covariates })
	option(o, f.BoolVar, "mean-only", "batch correction shifts only, it does not scale", func(r *R) *bool { return &r.MeanOnly })
	option(o, f.BoolVar, "first-gene-shift", "reproduce a bug of the published batch correction (combat 0.3.3); with --order released only", func(r *R) *bool { return &r.FirstGene })

	option(o, f.Float64Var, "val-share", "share of a lone slide's spots that validate (default 0.2)", func(r *R) *float64 { return &r.ValShare })
	option(o, f.Uint64Var, "seed", "of the blocks of a lone slide (default 42)", func(r *R) *uint64 { return &r.Seed })
	option(o, f.BoolVar, "noisy", "store the layers noisy_* too, in which what was not measured is 0", func(r *R) *bool { return &r.Noisy })
	option(o, f.BoolVar, "no-panel", "leave out the counts of genes that passed the filter but were not chosen (adata.raw), which completion learns from", func(r *R) *bool { return &r.NoPanel })
}

// recipe returns the recipe of the file, if one is named, with the settings
// that the user gave laid over it.
func (o *options) recipe(cmd *cobra.Command, file, listFile string) (r spared.Recipe, err error) {
	if file != "" {
		if r, err = spared.ReadRecipe(file); err != nil {
			return r, err
		}
	}
	changed := cmd.Flags().Changed
	if changed("train") || changed("val") || changed("test") {
		r.Train, r.Val, r.Test = nil, nil, nil
		for i := range r.Inputs {
			r.Inputs[i].Split = spared.None
		}
	}
	if changed("patient") {
		for i := range r.Inputs {
			r.Inputs[i].Patient = ""
		}
	}
	if changed("graph") { // its numbers are not the other graph's
		r.Neighbors, r.Radius = 0, 0
	}
	for name, lay := range o.lay {
		if changed(name) {
			lay(&r)
		}
	}
	if r.Labels, err = labelled(r.Labels, o.labels); err != nil {
		return r, err
	}
	if listFile != "" {
		r.GeneList, err = readList(listFile)
	}
	return r, err
}

// labelled adds labels in the form SLIDE:KEY=VALUE.
func labelled(labels map[string]map[string]string, args []string) (map[string]map[string]string, error) {
	for _, arg := range args {
		left, value, ok := strings.Cut(arg, "=")
		at := strings.LastIndexByte(left, ':')
		if !ok || at < 1 || at == len(left)-1 || value == "" {
			return nil, fmt.Errorf("--label %s: want SLIDE:KEY=VALUE", arg)
		}
		slide, key := left[:at], left[at+1:]
		if labels == nil {
			labels = map[string]map[string]string{}
		}
		if labels[slide] == nil {
			labels[slide] = map[string]string{}
		}
		labels[slide][key] = value
	}
	return labels, nil
}

// maxList bounds the size of a gene list in bytes.
const maxList = 16 << 20

// readList reads the first word of each line.
func readList(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err == nil && (info.IsDir() || info.Size() > maxList) {
		return nil, fmt.Errorf("gene list %s: want a text file of at most %d MiB", path, maxList>>20)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // without the path, which is said already
		}
		return nil, fmt.Errorf("gene list %s: %w", path, err)
	}
	var genes []string
	for line := range strings.Lines(string(b)) {
		if words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) }); len(words) > 0 {
			genes = append(genes, words[0])
		}
	}
	if len(genes) == 0 {
		return nil, fmt.Errorf("gene list %s: there is no gene in it", path)
	}
	return genes, nil
}
