package visium

import (
	"strings"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// organism tells human from mouse by the genes' genomes or, where the file
// names none that is known, by their Ensembl ids. It is "" for other species
// and for mixtures.
func organism(genes []slide.Gene) string {
	human, mouse := 0, 0
	for _, g := range genes {
		switch genomeOrganism(g.Genome) {
		case "human":
			human++
		case "mouse":
			mouse++
		}
	}
	if human+mouse == 0 {
		for _, g := range genes {
			switch {
			case hasEnsembl(g.ID, "ENSG"):
				human++
			case hasEnsembl(g.ID, "ENSMUSG"):
				mouse++
			}
		}
	}
	// Spiked-in and transgenic sequences have ids of their own; more than
	// half of the genes decide.
	switch {
	case mouse == 0 && 2*human > len(genes):
		return "human"
	case human == 0 && 2*mouse > len(genes):
		return "mouse"
	}
	return ""
}

// genomeOrganism knows the reference genomes of both species, as in "GRCh38",
// "GRCh38-2020-A" or "mm10_spaceranger".
func genomeOrganism(genome string) string {
	genome = strings.ToLower(genome)
	human := containsAny(genome, "grch3", "hg19", "hg38")
	mouse := containsAny(genome, "grcm3", "mm9", "mm10", "mm39")
	switch {
	case human && !mouse:
		return "human"
	case mouse && !human:
		return "mouse"
	}
	return ""
}

func containsAny(s string, parts ...string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

// hasEnsembl tells whether the id is the prefix and a number ("ENSG00000141510",
// also with a version or with a genome's name in front). The digit keeps
// ENSG apart from other species' prefixes, such as the chicken's ENSGALG.
func hasEnsembl(id, prefix string) bool {
	i := strings.Index(id, prefix)
	j := i + len(prefix)
	return i >= 0 && j < len(id) && id[j] >= '0' && id[j] <= '9'
}
