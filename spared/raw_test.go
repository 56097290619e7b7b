package spared

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

func rawSlide(name string, genes []string, rows [][]float32) *Slide {
	s := &Slide{Name: name, Counts: &sparse.CSR{Rows: len(rows), Cols: len(genes), IndPtr: []int64{0}}}
	for _, id := range genes {
		s.Genes = append(s.Genes, slide.Gene{ID: id, Symbol: strings.ToLower(id)})
	}
	for _, row := range rows {
		s.Barcodes, s.InTissue = append(s.Barcodes, ""), append(s.InTissue, true)
		for j, v := range row {
			if v != 0 {
				s.Counts.Indices, s.Counts.Data = append(s.Counts.Indices, int32(j)), append(s.Counts.Data, v)
			}
		}
		s.Counts.IndPtr = append(s.Counts.IndPtr, int64(len(s.Counts.Data)))
	}
	return s
}

func TestRawOf(t *testing.T) {
	a := rawSlide("a", []string{"ENSG00000000002.5", "ENSG00000000001", "ENSG00000000003", "ENSG00000000001.1"}, [][]float32{{20, 0, 9, 9}, {10, 30, 0, 0}, {1, 0, 0, 0}})
	b := rawSlide("b", []string{"ENSG00000000001", "ENSG00000000002"}, [][]float32{{15, 0}, {12, 5}})
	r, err := RawOf([]*Slide{a, b}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Total, []float64{20, 40, 1, 15, 17}) || !slices.Equal(r.Detected, []float64{1, 2, 1, 1, 2}) {
		t.Errorf("spots: counts %v, genes %v", r.Total, r.Detected)
	}
	// The median of the totals is 17.
	ln := func(c, total float64) float64 { return math.Log1p(17 * c / total) }
	g1 := []float64{0, ln(30, 40), 0, ln(15, 15), ln(12, 17)}
	if len(r.Genes) != 2 {
		t.Fatalf("genes %+v", r.Genes)
	}
	for j, want := range []RawGene{
		// The third spot has too few counts for the shares: 1 of 2, 2 of 2.
		{ID: "ENSG00000000001", Symbol: "ensg00000000001", Total: 57, Spots: 3, ExpFrac: 0.5, GlobalFrac: 0.75},
		{ID: "ENSG00000000002", Symbol: "ensg00000000002.5", Total: 36, Spots: 4, ExpFrac: 0.5, GlobalFrac: 0.75},
	} {
		got := r.Genes[j]
		if j == 0 {
			mean, sd := moments(g1)
			if math.Abs(got.Mean-mean) > 1e-12 || math.Abs(got.SD-sd) > 1e-12 {
				t.Errorf("G1: mean %v, sd %v; want %v, %v", got.Mean, got.SD, mean, sd)
			}
		}
		got.Mean, got.SD = 0, 0
		if got != want {
			t.Errorf("gene %d: %+v, want %+v", j, got, want)
		}
	}
	if _, err := RawOf([]*Slide{a, rawSlide("c", []string{"X"}, nil)}, 0, 0); err == nil {
		t.Error("slides without a common gene are summed up")
	}
}

func moments(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		sd += (x - mean) * (x - mean) / float64(len(v))
	}
	return mean, math.Sqrt(sd)
}
