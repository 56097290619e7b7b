package simulate

import (
	"fmt"
	"path/filepath"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// Keys of a truth file beside obs, var and X.
const (
	keyNoBatch = "no_batch"
	keyShare   = "cell_type_share"
	keyProgram = "program"
)

// Write writes the truth as an .h5ad file that anndata opens: X = Rate, layer
// no_batch, obs region and depth, var gene_symbol and genome, obsm
// cell_type_share and program, and in uns the names of their columns. The
// file is replaced as a whole.
func (t *Truth) Write(path string) error {
	ids, symbols, genomes := make([]string, len(t.Genes)), make([]string, len(t.Genes)), make([]string, len(t.Genes))
	for j, g := range t.Genes {
		ids[j], symbols[j], genomes[j] = g.ID, g.Symbol, g.Genome
	}
	codes := make([]int32, len(t.Region))
	for i, r := range t.Region {
		codes[i] = int32(r)
	}
	a := &h5ad.AnnData{
		X: asArray(t.Rate),
		Obs: &h5ad.Frame{Index: t.Barcodes, Columns: []h5ad.Column{
			{Name: "region", Codes: codes, Categories: RegionNames()},
			{Name: "depth", Data: t.Depth},
		}},
		Var: &h5ad.Frame{IndexName: "gene_ids", Index: ids, Columns: []h5ad.Column{
			{Name: "gene_symbol", Data: symbols},
			{Name: "genome", Data: genomes},
		}},
		Layers: map[string]any{keyNoBatch: asArray(t.NoBatch)},
		Obsm:   map[string]any{keyShare: asArray(t.CellShare), keyProgram: asArray(t.Activity)},
		Uns: map[string]any{
			"slide": t.Slide, "subject": t.Subject,
			keyShare:   &h5ad.Array{Shape: []int{len(t.CellTypes)}, Data: t.CellTypes},
			keyProgram: &h5ad.Array{Shape: []int{len(t.Programs)}, Data: t.Programs},
		},
	}
	if err := h5ad.Write(path, a, h5ad.WriteOptions{}); err != nil {
		return fmt.Errorf("simulate: write the truth of %s: %w", t.Slide, err)
	}
	return nil
}

// asArray is a matrix as the file holds it, without gaps between its rows.
func asArray(m blas32.General) *h5ad.Array {
	data := m.Data
	if m.Stride != m.Cols {
		data = nil
		for i := range m.Rows {
			data = append(data, m.Data[i*m.Stride:i*m.Stride+m.Cols]...)
		}
	}
	return &h5ad.Array{Shape: []int{m.Rows, m.Cols}, Data: data[:m.Rows*m.Cols]}
}

// OpenTruth reads the truth of a slide from its folder, as Write leaves it.
func OpenTruth(dir string) (*Truth, error) { return ReadTruth(filepath.Join(dir, TruthFile)) }

// ReadTruth reads a file that Truth.Write has written. A file that is none is
// a *format.Error.
func ReadTruth(path string) (*Truth, error) {
	a, err := h5ad.Read(path)
	if err != nil {
		return nil, err
	}
	r := &truthReader{path: path, a: a}
	if a.Obs == nil || a.Var == nil {
		return nil, r.missing("obs and var")
	}
	n, g := len(a.Obs.Index), len(a.Var.Index)
	t := &Truth{Barcodes: a.Obs.Index, Slide: r.text("slide"), Subject: r.text("subject"),
		CellTypes: r.names(keyShare), Programs: r.names(keyProgram)}
	t.Rate = r.matrix("X", a.X, n, g)
	t.NoBatch = r.matrix("layers/"+keyNoBatch, a.Layers[keyNoBatch], n, g)
	t.CellShare = r.matrix("obsm/"+keyShare, a.Obsm[keyShare], n, len(t.CellTypes))
	t.Activity = r.matrix("obsm/"+keyProgram, a.Obsm[keyProgram], n, len(t.Programs))
	symbols, _ := column(a.Var, "gene_symbol").([]string)
	genomes, _ := column(a.Var, "genome").([]string)
	t.Depth, _ = column(a.Obs, "depth").([]float64)
	if len(symbols) != g || len(genomes) != g || len(t.Depth) != n {
		r.fail("columns gene_symbol and genome of var and depth of obs")
	}
	t.Region = r.regions(n)
	if r.err != nil {
		return nil, r.err
	}
	for j, id := range a.Var.Index {
		t.Genes = append(t.Genes, slide.Gene{ID: id, Symbol: symbols[j], Feature: "Gene Expression", Genome: genomes[j]})
	}
	return t, nil
}

// truthReader keeps the first thing that is wrong with a file.
type truthReader struct {
	path string
	a    *h5ad.AnnData
	err  error
}

func (r *truthReader) missing(what string) error {
	return format.Errorf(r.path, "", "is not the truth of a simulated slide: it has no fitting %s", what)
}

func (r *truthReader) fail(what string) {
	if r.err == nil {
		r.err = r.missing(what)
	}
}

func (r *truthReader) matrix(key string, v any, rows, cols int) blas32.General {
	a, _ := v.(*h5ad.Array)
	if a == nil || !slices.Equal(a.Shape, []int{rows, cols}) {
		r.fail(key)
		return blas32.General{}
	}
	data, ok := a.Data.([]float32)
	if !ok {
		r.fail(key)
	}
	return blas32.General{Rows: rows, Cols: cols, Stride: max(cols, 1), Data: data}
}

func (r *truthReader) text(key string) string {
	s, ok := r.a.Uns[key].(string)
	if !ok {
		r.fail("uns/" + key)
	}
	return s
}

func (r *truthReader) names(key string) []string {
	a, _ := r.a.Uns[key].(*h5ad.Array)
	if a == nil {
		r.fail("uns/" + key)
		return nil
	}
	s, ok := a.Data.([]string)
	if !ok {
		r.fail("uns/" + key)
	}
	return s
}

// regions reads the column region of obs as numbers in RegionNames.
func (r *truthReader) regions(n int) []int {
	out := make([]int, n)
	for _, c := range r.a.Obs.Columns {
		names, ok := c.Categories.([]string)
		if c.Name != "region" || !ok || len(c.Codes) != n {
			continue
		}
		for i, k := range c.Codes {
			if k < 0 || int(k) >= len(names) {
				r.fail("column region of obs")
				return nil
			}
			if out[i] = slices.Index(RegionNames(), names[k]); out[i] < 0 {
				r.fail(fmt.Sprintf("region (it has %q)", names[k]))
			}
		}
		return out
	}
	r.fail("column region of obs")
	return nil
}

// column returns the values of a column; nil where it is missing.
func column(f *h5ad.Frame, name string) any {
	for _, c := range f.Columns {
		if c.Name == name {
			return c.Data
		}
	}
	return nil
}
