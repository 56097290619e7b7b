package anndata

import (
	"regexp"
	"strings"

	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// Names of the columns of var, as scanpy, squidpy, CELLxGENE, Seurat's and
// SpaRED's exports have them.
var (
	idColumns     = []string{"gene_ids", "gene_id", "ensembl_id", "ensembl_ids", "ensembl", "ensembl_gene_id", "ENSEMBL", "feature_id", "feature_ids", "gene_ids-0", "id"}
	symbolColumns = []string{"gene_symbols", "gene_symbol", "symbol", "SYMBOL", "gene_name", "gene_names", "feature_name", "gene_short_name", "hgnc_symbol", "name"}
)

// ensembl is a gene id of Ensembl, of any species, with or without a version.
var ensembl = regexp.MustCompile(`^ENS[A-Z]{0,6}G\d{6,}(\.\d+)?$`)

// mostlyEnsembl tells whether more than half of the names are Ensembl's.
func mostlyEnsembl(names []string) bool {
	n := 0
	for _, s := range names {
		if ensembl.MatchString(s) {
			n++
		}
	}
	return 2*n > len(names)
}

// genesOf reads a table of genes. Ids are the index where it holds Ensembl's,
// else the first known column, else the index; symbols the first known column,
// else the index.
func genesOf(t *h5ad.Frame) []slide.Gene {
	ids, symbols := t.Index, t.Index
	if !mostlyEnsembl(t.Index) {
		if c := firstOf(t, idColumns); c != nil {
			ids = c.Strings()
		}
	}
	if c := firstOf(t, symbolColumns); c != nil {
		symbols = c.Strings()
	}
	genes := make([]slide.Gene, len(t.Index))
	feature, genome := t.Column("feature_types"), t.Column("genome")
	for i := range genes {
		g := slide.Gene{ID: ids[i], Symbol: symbols[i], Feature: geneExpression}
		if g.ID == "" {
			g.ID = t.Index[i]
		}
		if g.Symbol == "" {
			g.Symbol = t.Index[i]
		}
		if feature != nil {
			g.Feature = valueAt(feature, i)
		}
		if genome != nil {
			g.Genome = valueAt(genome, i)
		}
		genes[i] = g
	}
	return genes
}

// firstOf returns the first of some columns that holds text, or nil.
func firstOf(t *h5ad.Frame, names []string) *h5ad.Column {
	for _, n := range names {
		c := t.Column(n)
		if c == nil {
			continue
		}
		values := c.Data
		if c.Categorical() {
			values = c.Categories
		}
		if _, text := values.([]string); text {
			return c
		}
	}
	return nil
}

// valueAt is one value as text, "" where missing.
func valueAt(c *h5ad.Column, i int) string {
	v, ok := c.Value(i)
	if s, text := v.(string); ok && text {
		return s
	}
	return ""
}

// rawGenes reads the genes of raw, whose table may lack the ids that var has.
func rawGenes(raw, all *h5ad.Frame) []slide.Gene {
	genes := genesOf(raw)
	if mostlyEnsembl(raw.Index) || firstOf(raw, idColumns) != nil {
		return genes
	}
	known := make(map[string]slide.Gene, len(all.Index))
	for i, g := range genesOf(all) {
		known[all.Index[i]] = g
	}
	for i, name := range raw.Index {
		if g, ok := known[name]; ok {
			genes[i].ID, genes[i].Symbol = g.ID, g.Symbol
		}
	}
	return genes
}

// organism tells human from mouse: by the genes' genome or Ensembl ids of more
// than half of them, else by a column or note called organism.
func (f *file) organism(genes []slide.Gene, rows []int) (string, error) {
	human, mouse := 0, 0
	for _, g := range genes {
		genome := strings.ToLower(g.Genome)
		switch {
		case strings.Contains(genome, "grch3"), strings.Contains(genome, "hg19"), strings.Contains(genome, "hg38"), strings.HasPrefix(g.ID, "ENSG0"):
			human++
		case strings.Contains(genome, "grcm3"), strings.Contains(genome, "mm10"), strings.Contains(genome, "mm39"), strings.HasPrefix(g.ID, "ENSMUSG0"):
			mouse++
		}
	}
	switch {
	case mouse == 0 && 2*human > len(genes):
		return "human", nil
	case human == 0 && 2*mouse > len(genes):
		return "mouse", nil
	case human+mouse > 0:
		return "", nil
	}
	v, err := f.constant(rows, "organism", "species")
	if err != nil {
		return "", err
	}
	if v == "" && f.Exists("uns/organism") {
		if note, err := h5ad.ReadElem(f.Path(), "uns/organism"); err == nil {
			v, _ = note.(string)
		}
	}
	switch strings.ToLower(v) {
	case "human", "homo sapiens", "homo_sapiens", "h. sapiens":
		return "human", nil
	case "mouse", "mus musculus", "mus_musculus", "m. musculus":
		return "mouse", nil
	}
	return "", nil
}
