package spared

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// Normalization says what makes counts of spots of different depth
// comparable. With c the count of gene g at spot s, and sums over the genes
// that passed the filter,
//
//	TPM       x = 1e6·(c/L_g) / Σ(c/L)   log1p = log2(x+1)   layers tpm, log1p
//	CPM       x = 1e6·c / Σc             log1p = log2(x+1)   layers cpm, log1p
//	LogNorm   x = 1e4·c / Σc             log1p = ln(x+1)     layers norm, log1p
//
// TPM, with the gene's length L_g in base pairs, is what SpaRED publishes, and
// the default for that reason only. Dividing by the length corrects for long
// transcripts giving more fragments, which holds where the whole transcript
// is sequenced. Visium, Slide-seq and legacy Spatial Transcriptomics count one
// tag a molecule, at its 3' end (or one probe a gene), whatever the length:
// there TPM only weighs short genes up and long genes down, and through the
// sum over the genes it lets a few short genes set the scale of a spot. It also drops the
// genes without a known length, mitochondrial ones among them. For data that
// need not be compared to the published ones, CPM or LogNorm (scanpy's
// normalize_total with target_sum 1e4, then log1p) is the better choice.
type Normalization string

// The normalizations.
const (
	TPM     Normalization = "tpm"
	CPM     Normalization = "cpm"
	LogNorm Normalization = "lognorm"
)

var normalizations = []Normalization{TPM, CPM, LogNorm}

// Layer returns the name of the layer of normalised values before the
// logarithm: LayerTPM, LayerCPM or LayerNorm.
func (n Normalization) Layer() string {
	switch n {
	case CPM:
		return LayerCPM
	case LogNorm:
		return LayerNorm
	}
	return LayerTPM
}

// Target returns what the normalised values of a spot add up to.
func (n Normalization) Target() float64 {
	if n == LogNorm {
		return 1e4
	}
	return 1e6
}

// Log returns the logged value of a normalised one.
func (n Normalization) Log(x float64) float64 {
	if n == LogNorm {
		return math.Log1p(x)
	}
	return math.Log2(x + 1)
}

// Unlog is the inverse of Log.
func (n Normalization) Unlog(x float64) float64 {
	if n == LogNorm {
		return math.Expm1(x)
	}
	return math.Expm1(x * math.Ln2)
}

// Value returns the normalised value of a count: Target·(count/gene)/spot,
// where gene is the gene's size (Dataset.GeneSize) and spot the sum of
// count/size over the genes that passed the filter (Spot.RPK).
func (n Normalization) Value(count, gene, spot float64) float64 {
	return count / gene / (spot / n.Target())
}

// unit is the unit of the normalised values.
func (n Normalization) unit() string {
	switch n {
	case CPM:
		return "CPM"
	case LogNorm:
		return "CP10K"
	}
	return "TPM"
}

func (n Normalization) logUnit() string {
	if n == LogNorm {
		return "ln(" + n.unit() + "+1)"
	}
	return "log2(" + n.unit() + "+1)"
}

// Normalization returns how the data set was normalised.
func (d *Dataset) Normalization() Normalization {
	if n := d.Manifest.Recipe.Normalization; n != "" {
		return n
	}
	return TPM
}

// GeneSize returns what a count of gene j is divided by before spots are
// scaled: the gene's length in bp under TPM, else 1.
func (d *Dataset) GeneSize(j int) float64 {
	if d.Normalization() == TPM {
		return d.Genes[j].Length
	}
	return 1
}

// Unit returns the unit of a layer's values, e.g. "log2(TPM+1)", "CPM",
// "Δ log2(TPM+1)" for differences to the train mean; "" for a layer that the
// pipeline does not make.
func (d *Dataset) Unit(layer string) string {
	n := d.Normalization()
	base := strings.TrimPrefix(layer, noisyPrefix)
	switch {
	case base == LayerCounts:
		return "counts"
	case base == n.Layer():
		return n.unit()
	case !slices.Contains(layerOrder, base):
		return ""
	case strings.HasSuffix(base, "deltas"):
		return "Δ " + n.logUnit()
	case strings.Contains(base, "log1p"):
		return n.logUnit()
	}
	return ""
}

// normalized returns the normalised counts [spots][genes], on the counts' own
// places, and of each spot the sum of count/size. sizes holds one positive
// number a gene. Sums are float64; the formula and its rounding are those of
// norm.TPM.
func normalized(counts *sparse.CSR, sizes []float64, n Normalization) (x *sparse.CSR, spot []float64, err error) {
	for j, l := range sizes {
		if !(l > 0) || math.IsInf(l, 1) {
			return nil, nil, fmt.Errorf("gene %d has size %g, want a positive number", j, l)
		}
	}
	x = &sparse.CSR{Rows: counts.Rows, Cols: counts.Cols, IndPtr: counts.IndPtr, Indices: counts.Indices, Data: make([]float32, len(counts.Data))}
	spot = make([]float64, counts.Rows)
	for i := range counts.Rows {
		genes, vals := counts.Row(i)
		for k, j := range genes {
			if v := vals[k]; !(v >= 0) || math.IsInf(float64(v), 1) {
				return nil, nil, fmt.Errorf("spot %d has a count of %g", i, v)
			}
			spot[i] += float64(vals[k]) / sizes[j]
		}
		if spot[i] == 0 {
			continue
		}
		_, out := x.Row(i)
		for k, j := range genes {
			out[k] = float32(n.Value(float64(vals[k]), sizes[j], spot[i]))
		}
	}
	return x, spot, nil
}

// logged returns the logarithm of the normalised values of the spots lo to
// hi-1 and the given range of genes, with zeros written out.
func logged(x *sparse.CSR, n Normalization, lo, hi, from, to int) dense.Matrix[float32] {
	m := dense.New[float32](hi-lo, to-from)
	for i := range m.Rows {
		genes, vals := x.Row(lo + i)
		row := m.Row(i)
		k, _ := slices.BinarySearch(genes, int32(from))
		for ; k < len(genes) && int(genes[k]) < to; k++ {
			if v := vals[k]; v != 0 {
				row[int(genes[k])-from] = float32(n.Log(float64(v)))
			}
		}
	}
	return m
}
