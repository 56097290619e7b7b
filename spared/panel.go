package spared

import (
	"fmt"
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// PanelGene is a gene that passed the filter.
type PanelGene struct {
	ID, Symbol string
	Length     float64 // as Gene.Length; 0 also where a file of an earlier version does not say
	GlobalFrac float64 // as Gene.GlobalFrac; likewise
	Moran      float64 // as Gene.Moran; NaN where the gene is constant
}

// PanelSize returns what a count of panel gene j is divided by before spots
// are scaled, as GeneSize does for a chosen gene.
func (d *Dataset) PanelSize(j int) float64 {
	if d.Normalization() == TPM {
		return d.Panel[j].Length
	}
	return 1
}

// panelGene is what the panel knows of a gene.
func panelGene(g *Gene) PanelGene {
	return PanelGene{ID: g.ID, Symbol: g.Symbol, Length: g.Length, GlobalFrac: g.GlobalFrac, Moran: g.Moran}
}

// checkPanel returns an error unless the counts of the panel, where there are
// any, fit spots and panel and hold the chosen genes.
func (d *Dataset) checkPanel() error {
	m := d.PanelCounts
	if m == nil {
		return nil
	}
	if m.Rows != len(d.Spots) || m.Cols != len(d.Panel) {
		return fmt.Errorf("the panel's counts are %d x %d for %d spots x %d genes of the panel", m.Rows, m.Cols, len(d.Spots), len(d.Panel))
	}
	if err := m.Check(); err != nil {
		return fmt.Errorf("the panel's counts: %w", err)
	}
	if g := slices.Index(d.panelColumns(), -1); g >= 0 {
		return fmt.Errorf("the panel, whose counts there are, lacks gene %s", d.Genes[g].ID)
	}
	return nil
}

// panelColumns returns the column of the panel that each chosen gene is, -1
// for one that it lacks.
func (d *Dataset) panelColumns() []int {
	of := make(map[string]int, len(d.Panel))
	for j := range d.Panel {
		of[d.Panel[j].ID] = j
	}
	columns := make([]int, len(d.Genes))
	for g := range columns {
		var ok bool
		if columns[g], ok = of[d.Genes[g].ID]; !ok {
			columns[g] = -1
		}
	}
	return columns
}

// panelFrame is the table of all genes that passed the filter.
func (d *Dataset) panelFrame() *h5ad.Frame {
	f := &h5ad.Frame{Index: make([]string, len(d.Panel))}
	for j := range d.Panel {
		f.Index[j] = d.Panel[j].ID
	}
	f.Columns = []Column{
		column("gene_symbol", d.Panel, func(g *PanelGene) string { return g.Symbol }),
		column("glob_exp_frac", d.Panel, func(g *PanelGene) float64 { return g.GlobalFrac }),
		column("d_log1p_moran", d.Panel, func(g *PanelGene) float64 { return g.Moran }),
	}
	if d.Normalization() == TPM {
		f.Columns = append(f.Columns, column("gene_length", d.Panel, func(g *PanelGene) float64 { return g.Length }))
	}
	return f
}

// rawGroup is the panel's counts as anndata's raw: all genes that passed the
// filter, of which those of the file itself are the chosen ones. nil where there
// are none.
func (d *Dataset) rawGroup() map[string]any {
	if d.PanelCounts == nil {
		return nil
	}
	return map[string]any{"X": h5ad.FromCSR(d.PanelCounts), "var": d.panelFrame(), "varm": map[string]any{}}
}

func (r *reader) panel(d *Dataset, v any) {
	key := "uns/" + keyUns + "/" + keyPanel
	f, ok := v.(*h5ad.Frame)
	if !ok {
		r.fail(key, "is not a table")
		return
	}
	symbol, moran := r.texts(key, f, "gene_symbol"), r.numbers(key, f, "d_log1p_moran")
	length, frac := make([]float64, len(f.Index)), make([]float64, len(f.Index))
	if f.Column("gene_length") != nil { // files of layout 3 do not have them
		length = r.numbers(key, f, "gene_length")
	}
	if f.Column("glob_exp_frac") != nil {
		frac = r.numbers(key, f, "glob_exp_frac")
	}
	d.Panel = make([]PanelGene, len(f.Index))
	for j, id := range f.Index {
		d.Panel[j] = PanelGene{ID: id, Symbol: symbol[j], Length: length[j], GlobalFrac: frac[j], Moran: moran[j]}
	}
}

// panelCounts takes anndata's raw where it is what rawGroup wrote. Who sets
// adata.raw anew, as scanpy's users do before they scale, puts other genes or
// other values there: these are not the panel's counts, and there are none then.
func (r *reader) panelCounts(d *Dataset, raw map[string]any) {
	x, sparse := raw["X"].(*h5ad.Sparse)
	table, ok := raw["var"].(*h5ad.Frame)
	if !sparse || !ok || r.err != nil || !slices.EqualFunc(table.Index, d.Panel, func(id string, g PanelGene) bool { return id == g.ID }) {
		return
	}
	m, err := x.CSR()
	if err != nil {
		r.fail("raw/X", "%w", err)
		return
	}
	if !d.countsOfChosen(m) {
		return
	}
	for k, c := range m.Data {
		if !(c >= 0) || math.IsInf(float64(c), 0) {
			r.fail("raw/X/data", "entry %d is %g, want a count: 0 or more", k, c)
			return
		}
	}
	d.PanelCounts = m
}

// countsOfChosen tells whether m [spots][panel genes] holds for each chosen
// gene what the layer of counts holds.
func (d *Dataset) countsOfChosen(m *sparse.CSR) bool {
	counts, columns := d.Layers[LayerCounts], d.panelColumns()
	if m.Rows != counts.Rows || counts.Cols != len(columns) || slices.Contains(columns, -1) {
		return false
	}
	row := make([]float32, m.Cols)
	for i := range m.Rows {
		genes, values := m.Row(i)
		for k, j := range genes {
			row[j] = values[k]
		}
		for g, j := range columns {
			if row[j] != counts.Data[i*counts.Stride+g] {
				return false
			}
		}
		for _, j := range genes {
			row[j] = 0
		}
	}
	return true
}
