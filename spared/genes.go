package spared

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spared/genelength"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// resolveGenes returns the id by which each gene of each slide is compared: its
// Ensembl id without version. Of slides that name genes by symbol, the
// symbol's id where the organism's annotation knows it, else the symbol.
func (c *curation) resolveGenes(slides []*slide.Slide) ([][]string, error) {
	ids := make([][]string, len(slides))
	var bySymbol int // slides
	var unknown []string
	told := map[string]bool{}
	for i, s := range slides {
		ids[i] = make([]string, len(s.Genes))
		ensembl := 0
		for j, g := range s.Genes {
			ids[i][j] = GeneID(g.ID)
			if isEnsembl(ids[i][j]) {
				ensembl++
			}
		}
		if c.recipe.Organism == "" || 2*ensembl >= len(ids[i]) {
			continue
		}
		table, err := genelength.Open(c.recipe.Organism)
		if err != nil {
			return nil, err
		}
		bySymbol++
		for _, symbol := range resolveSymbols(ids[i], table) {
			if !told[symbol] {
				told[symbol], unknown = true, append(unknown, symbol)
			}
		}
	}
	if len(unknown) > 0 {
		c.note("%s genes by symbol: %s %s not in the %s annotation and %s no Ensembl id (%s)",
			some(bySymbol, "slide")+" "+plural(bySymbol, "names", "name"), some(len(unknown), "symbol"), plural(len(unknown), "is", "are"),
			c.recipe.Organism, plural(len(unknown), "has", "have"), list(unknown))
	}
	return ids, nil
}

// resolveSymbols replaces symbols by ids, and returns those that have none.
func resolveSymbols(ids []string, table *genelength.Table) (unknown []string) {
	for j, id := range ids {
		if isEnsembl(id) {
			continue
		}
		if known, ok := table.IDOf(id); ok {
			ids[j] = GeneID(known)
		} else {
			unknown = append(unknown, id)
		}
	}
	return unknown
}

// nameGenes gives genes that the slides name by id only their symbols.
func (c *curation) nameGenes() error {
	if c.recipe.Organism == "" {
		return nil
	}
	table, err := genelength.Open(c.recipe.Organism)
	if err != nil {
		return err
	}
	for j := range c.genes {
		if g := &c.genes[j]; g.Symbol == "" || isEnsembl(GeneID(g.Symbol)) {
			if symbol, ok := table.SymbolOf(g.ID); ok {
				g.Symbol = symbol
			}
		}
	}
	return nil
}

// organismOf finds the organism of the slides, which must agree with each
// other and with what the recipe asks for. Only TPM needs to know it.
func organismOf(slides []*slide.Slide, r Recipe) (string, error) {
	found := map[string]string{} // organism -> slide
	for _, s := range slides {
		o := s.Organism
		if o == "" {
			o = genelength.OrganismOf(geneIDs(s))
		}
		if o != "" {
			found[o] = s.Name
		}
	}
	switch {
	case len(found) > 1:
		return "", fmt.Errorf("spared: slide %q is human and slide %q is mouse: a data set has one organism", found["human"], found["mouse"])
	case r.Organism != "" && len(found) == 1 && found[r.Organism] == "":
		for o, name := range found {
			return "", fmt.Errorf("spared: the recipe says %s, but slide %q has %s genes", r.Organism, name, o)
		}
	case r.Organism != "":
		return r.Organism, nil
	case len(found) == 0 && r.Normalization == TPM:
		return "", fmt.Errorf("spared: unknown organism: the gene ids of %s are not Ensembl ids of human or mouse (first: %q); say --organism human or mouse if they are symbols of these, or take a normalization that needs no gene lengths (--normalization cpm)", slides[0].Name, firstGene(slides[0]))
	}
	for o := range found {
		return o, nil
	}
	return "", nil
}

func geneIDs(s *slide.Slide) []string {
	ids := make([]string, len(s.Genes))
	for i, g := range s.Genes {
		ids[i] = g.ID
	}
	return ids
}

func firstGene(s *slide.Slide) string {
	if len(s.Genes) == 0 {
		return ""
	}
	return s.Genes[0].ID
}
