package simulate

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// genes.tsv lists 2,000 human genes: Ensembl id, symbol (both as HGNC and
// GENCODE v43 pair them) and kind, arranged so that every prefix of the list
// has about the same mix of kinds.
//
//go:embed genes.tsv
var geneTable string

// kind says how a gene behaves where no cell type or program marks it.
type kind struct {
	level, spread float64 // mean and standard deviation of ln level; 0 = an average housekeeping gene
	tuning        float64 // standard deviation of ln level between cell types
	module        float64 // of its loads on the anonymous modules
}

var kinds = map[string]kind{
	"mitochondrial": {2.9, 0.5, 0.25, 0.10},
	"ribosomal":     {1.7, 0.6, 0.20, 0.08},
	"respiration":   {0.3, 0.7, 0.25, 0.20},
	"housekeeping":  {0.0, 0.9, 0.30, 0.24},
	"marker":        {0, 0.6, 0.10, 0.15}, // above the level of its program
	"moderate":      {-2.3, 1.1, 0.50, 0.30},
	"rare":          {-5.2, 1.4, 0, 0},
}

// abundant lists the levels of genes that any tissue shows plenty of.
var abundant = map[string]float64{
	"ACTB": 16, "ACTG1": 9, "B2M": 16, "EEF1A1": 20, "EEF1B2": 6, "EEF1G": 6, "EEF2": 7, "FTH1": 14, "FTL": 14, "GAPDH": 11,
	"HLA-A": 6, "HLA-B": 9, "HLA-C": 7, "HLA-E": 3, "HSP90AA1": 4, "HSP90AB1": 6, "HSPA8": 4, "MYL6": 6, "NACA": 5,
	"NPM1": 4, "PABPC1": 5, "PFN1": 6, "PPIA": 5, "PTMA": 9, "S100A6": 8, "S100A11": 5, "SERF2": 6, "TMSB10": 14, "TMSB4X": 15,
	"TPT1": 15, "TUBA1B": 4, "UBA52": 9, "UBB": 4, "UBC": 5, "VIM": 6, "CALR": 4, "CD63": 4, "LGALS1": 6, "LGALS3BP": 3,
	"FOS": 4, "JUN": 3.5, "JUNB": 3.5, "IFITM3": 4, "ENO1": 3.5, "PKM": 3, "LDHA": 3, "ALDOA": 4, "CFL1": 5, "PSAP": 5, "ANXA2": 5,
}

type gene struct{ id, symbol, kind string }

// allGenes parses the embedded table.
var allGenes = sync.OnceValue(func() []gene {
	var genes []gene
	for line := range strings.Lines(geneTable) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		genes = append(genes, gene{f[0], f[1], f[2]})
	}
	return genes
})

// panel returns the rows of the embedded table that a panel of n genes takes,
// in the order of their ids, which is the order of a slide's genes.
func panel(n int) []int {
	all := allGenes()
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	slices.SortFunc(p, func(a, b int) int { return strings.Compare(all[a].id, all[b].id) })
	return p
}

// Genes returns the first n genes of the simulated panel as a slide lists
// them, by id; n = 0 stands for all of them.
func Genes(n int) ([]slide.Gene, error) {
	if n == 0 {
		n = MaxGenes
	}
	if n < 0 || n > MaxGenes {
		return nil, fmt.Errorf("simulate: %d genes: want 0 to %d", n, MaxGenes)
	}
	genes := make([]slide.Gene, n)
	for i, k := range panel(n) {
		g := allGenes()[k]
		genes[i] = slide.Gene{ID: g.id, Symbol: g.symbol, Feature: "Gene Expression", Genome: "GRCh38"}
	}
	return genes, nil
}

// Markers returns the symbols of the marker genes of a cell type (a name in
// Truth.CellTypes) or of a program (in Truth.Programs), strongest first; nil
// where there is no such name.
func Markers(name string) []string {
	for _, p := range profiles {
		if p.name == name {
			return strings.Fields(p.markers)
		}
	}
	for _, p := range programs {
		if p.name == name {
			return strings.Fields(p.genes)
		}
	}
	return nil
}
