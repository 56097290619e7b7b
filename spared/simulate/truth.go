package simulate

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// Truth is what is true of a simulated slide: what would be measured without
// noise. Rows are the slide's spots, columns its genes.
type Truth struct {
	Slide    string
	Subject  string
	Barcodes []string
	Genes    []slide.Gene

	// Rate is the expected share of each gene in the transcripts of each spot
	// as this slide's chemistry sees them, [spots][genes]; rows sum to 1. A
	// gene's expected count before dropout is Depth times Rate.
	Rate blas32.General
	// NoBatch is Rate without the slide's batch effect.
	NoBatch blas32.General
	// Depth is the expected number of transcripts of each spot.
	Depth []float64

	Region    []int          // of each spot, see RegionNames
	CellTypes []string       // names of the columns of CellShare
	CellShare blas32.General // [spots][cell types]: share of a cell type in the spot's RNA; rows sum to 1
	Programs  []string       // names of the columns of Activity
	Activity  blas32.General // [spots][programs]: programs of genes that rise and fall together, standardised
}

// newTruth works out the expression of a slide; Depth is left open.
func newTruth(o Options, spec SlideSpec, m *model, lies *tissue, spots []place, genes []int) *Truth {
	t := &Truth{Slide: spec.Name, Subject: spec.Subject, Region: lies.region}
	t.Genes, _ = Genes(o.Genes) // o is checked
	for _, p := range spots {
		t.Barcodes = append(t.Barcodes, p.barcode)
	}
	t.NoBatch, t.Rate = m.rates(lies, newBatch(o.Seed, spec, genes))
	for _, p := range profiles {
		t.CellTypes = append(t.CellTypes, p.name)
	}
	for _, p := range programs {
		t.Programs = append(t.Programs, p.name)
	}
	for k := range numModules {
		t.Programs = append(t.Programs, fmt.Sprintf("module %d", k+1))
	}
	t.CellShare, t.Activity = table(len(spots), len(t.CellTypes)), table(len(spots), len(t.Programs))
	for i := range spots {
		for k, v := range lies.share[i] {
			t.CellShare.Data[i*t.CellShare.Stride+k] = float32(v)
		}
		for k, v := range lies.activity[i] {
			t.Activity.Data[i*t.Activity.Stride+k] = float32(v)
		}
	}
	return t
}

func table(rows, cols int) blas32.General {
	return blas32.General{Rows: rows, Cols: cols, Stride: cols, Data: make([]float32, rows*cols)}
}

// Log2TPM returns the true expression of the given genes (ids or symbols),
// [spots][genes], in the unit in which SpaRED states it: with the rates r and
// the genes' lengths L in base pairs,
//
//	log2(1 + 1e6 (r_g/L_g) / Σ_k r_k/L_k)
//
// where k runs over the given genes and no others, since SpaRED's TPM are
// relative to the genes that are kept. It is an error if a gene is not one of
// the slide's, is named twice, or has a length that is not positive.
func (t *Truth) Log2TPM(genes []string, lengths []float64) (blas32.General, error) {
	return t.log2TPM(t.Rate, genes, lengths)
}

// Log2TPMNoBatch is Log2TPM without the slide's batch effect.
func (t *Truth) Log2TPMNoBatch(genes []string, lengths []float64) (blas32.General, error) {
	return t.log2TPM(t.NoBatch, genes, lengths)
}

func (t *Truth) log2TPM(rate blas32.General, genes []string, lengths []float64) (blas32.General, error) {
	if len(genes) != len(lengths) {
		return blas32.General{}, fmt.Errorf("simulate: %d genes but %d lengths", len(genes), len(lengths))
	}
	cols, err := t.columns(genes)
	if err != nil {
		return blas32.General{}, err
	}
	for k, l := range lengths {
		if !(l > 0) || math.IsInf(l, 0) {
			return blas32.General{}, fmt.Errorf("simulate: gene %s has length %v bp", genes[k], l)
		}
	}
	out := table(rate.Rows, len(cols))
	for i := range rate.Rows {
		row, sum := rate.Data[i*rate.Stride:], 0.0
		for k, c := range cols {
			sum += float64(row[c]) / lengths[k]
		}
		for k, c := range cols {
			out.Data[i*out.Stride+k] = float32(math.Log2(1 + 1e6*float64(row[c])/lengths[k]/sum))
		}
	}
	return out, nil
}

// columns finds genes by id, else by symbol.
func (t *Truth) columns(genes []string) ([]int, error) {
	of := make(map[string]int, 2*len(t.Genes))
	for j, g := range t.Genes {
		if _, ok := of[g.Symbol]; !ok {
			of[g.Symbol] = j
		}
	}
	for j, g := range t.Genes {
		of[g.ID] = j
	}
	cols, seen := make([]int, len(genes)), make(map[int]bool, len(genes))
	for k, name := range genes {
		j, ok := of[name]
		if !ok {
			return nil, fmt.Errorf("simulate: slide %s has no gene %q", t.Slide, name)
		}
		if seen[j] {
			return nil, fmt.Errorf("simulate: gene %q is named twice", name)
		}
		cols[k], seen[j] = j, true
	}
	return cols, nil
}
