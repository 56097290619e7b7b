package simulate

import (
	"fmt"
	"path/filepath"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/genelength"
)

// Expected returns the true expression of a data set that was built from the
// simulated slides in dir: log2(TPM+1), [spots][genes] in the order of the
// data set, with TPM relative to the same genes as the data's own (see
// spared.Dataset.Panel). It includes the slides' batch effects, as the layers
// before ComBat do.
func Expected(dir string, ds *spared.Dataset) (blas32.General, error) {
	panel, lengths, err := panelLengths(ds)
	if err != nil {
		return blas32.General{}, err
	}
	column := make(map[string]int, len(panel))
	for j, id := range panel {
		column[id] = j
	}
	n, genes := ds.N()
	out := table(n, genes)
	for s := range ds.Sections {
		t, err := OpenTruth(filepath.Join(dir, ds.Sections[s].Name))
		if err != nil {
			return out, err
		}
		full, err := t.Log2TPM(panel, lengths)
		if err != nil {
			return out, err
		}
		row := make(map[string]int, len(t.Barcodes))
		for i, b := range t.Barcodes {
			row[b] = i
		}
		for _, i := range ds.SpotsOf(s) {
			r, ok := row[ds.Spots[i].Barcode]
			if !ok {
				return out, fmt.Errorf("simulate: slide %s has no truth for barcode %s: was the data set built from these slides?", t.Slide, ds.Spots[i].Barcode)
			}
			for j, g := range ds.Genes {
				out.Data[i*out.Stride+j] = full.Data[r*full.Stride+column[g.ID]]
			}
		}
	}
	return out, nil
}

func panelLengths(ds *spared.Dataset) (ids []string, lengths []float64, err error) {
	table, err := genelength.Open(ds.Manifest.Organism)
	if err != nil {
		return nil, nil, fmt.Errorf("simulate: %w", err)
	}
	for _, g := range ds.Panel {
		bp, ok := table.Length(g.ID)
		if !ok {
			return nil, nil, fmt.Errorf("simulate: gene %s has no known length", g.ID)
		}
		ids, lengths = append(ids, g.ID), append(lengths, float64(bp))
	}
	return ids, lengths, nil
}
