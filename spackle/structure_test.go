package spackle_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/moran"
)

// TestStructure measures a slide whose genes are waves across it: they must be
// seen on the slide and be gone once its spots were shuffled. A completion by
// zeros adds nothing to either; one by neighbours invents structure on the
// shuffled slide.
func TestStructure(t *testing.T) {
	const section = 2
	ds := fixture(4, false)
	zero, err := spackle.StructureOf(context.Background(), ds, section, baseline.Zero{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	rows := ds.SpotsOf(section)
	graph, err := ds.GraphOf(rows)
	if err != nil {
		t.Fatal(err)
	}
	layer, err := ds.Layer(spared.LayerLog)
	if err != nil {
		t.Fatal(err)
	}
	own := blas32.General{Rows: len(rows), Cols: layer.Cols, Stride: layer.Stride, Data: layer.Data[rows[0]*layer.Stride:]}
	want, err := moran.I(dense.Matrix[float32](own), graph)
	if err != nil {
		t.Fatal(err)
	}
	for g, id := range zero.Genes {
		if id != ds.Genes[g].ID || math.Abs(zero.Real.Measured[g]-want[g]) > 1e-5 {
			t.Errorf("gene %s: Moran's I %g, want %g of %s", id, zero.Real.Measured[g], want[g], ds.Genes[g].ID)
		}
	}
	if !slices.Equal(zero.Real.Values, zero.Real.Measured) || !slices.Equal(zero.Shuffled.Values, zero.Shuffled.Measured) || zero.Real.Rate != nil {
		t.Error("zeros in place of zeros changed Moran's I")
	}
	if real, shuffled := mean(zero.Real.Measured), mean(zero.Shuffled.Measured); !(real > 0.15 && math.Abs(shuffled) < 0.07) {
		t.Errorf("mean Moran's I is %.3f, shuffled %.3f: want structure and none", real, shuffled)
	}

	kernel, err := spackle.StructureOf(context.Background(), ds, section, &baseline.Kernel{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(kernel.Shuffled.Measured, zero.Shuffled.Measured) {
		t.Error("the shuffled slide is not the same for both methods")
	}
	if before, after := mean(kernel.Shuffled.Measured), mean(kernel.Shuffled.Values); !(after > before+0.05) {
		t.Errorf("a mean of neighbours took Moran's I of the shuffled slide from %.3f to %.3f: it should invent structure", before, after)
	}
	other, err := spackle.StructureOf(context.Background(), ds, section, &baseline.Kernel{}, 7)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(kernel.Shuffled.Measured, other.Shuffled.Measured) || !slices.Equal(kernel.Real.Values, other.Real.Values) {
		t.Error("the seed must change the shuffled slide and nothing else")
	}

	poisson, err := spackle.StructureOf(context.Background(), ds, section, baseline.PoissonFactor{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(poisson.Real.Rate) != len(ds.Genes) || len(poisson.Shuffled.Rate) != len(ds.Genes) {
		t.Error("a method with rates has no Moran's I of them")
	}
	if _, err := spackle.StructureOf(context.Background(), ds, 3, baseline.Zero{}, 0); err == nil {
		t.Error("section 3 of 3")
	}
}

func mean(v []float64) float64 {
	sum := 0.
	for _, x := range v {
		sum += x / float64(len(v))
	}
	return sum
}
