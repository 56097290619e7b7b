package spared

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// Keys of what this library adds to the .h5ad layout of SpaRED.
const (
	keyUns      = "spatialgo" // uns["spatialgo"]
	keyManifest = "manifest"  // JSON text
	keySections = "sections"  // JSON text: the slides in order, without pictures
	keyLines    = "correction"
	keyPanel    = "panel"
	keyUnits    = "units" // dict: the unit of each layer
	keyRaw      = "raw"   // dict: Dataset.Raw
	keyMask     = "mask"  // layers["mask"], bool
	keyPatches  = "patches_"
)

// ownObs and ownVar are the columns that the fields of Spot and Gene make.
var (
	ownObs = []string{"unique_id", "barcode", "in_tissue", "array_row", "array_col", "slide_id", "patient", "split", "total_counts", "n_genes_by_counts", "rpk_sum"}
	ownVar = []string{"gene_ids", "gene_symbol", "feature_types", "genome", "gene_length", "exp_frac", "glob_exp_frac",
		"n_cells_by_counts", "mean_counts", "pct_dropout_by_counts", "total_counts", "d_log1p_moran"}
)

const (
	avgSuffix  = "_avg_exp"   // of a column of var: train means of a log layer
	usedPrefix = "used_mean_" // of a column of var: what a noisy deltas layer is relative to
)

// Save writes the data set as an .h5ad file that anndata, scanpy and squidpy
// open: X and the layers, obs (one row a spot), var (one row a gene),
// obsm["spatial"] in full-resolution pixels (x, y), uns["spatial"] with pictures
// and scale factors per slide, and the counts of the whole panel as raw, so that
// adata.raw.to_adata() in Python is the data set of all genes that passed the
// filter. The file replaces what lies at path atomically; on an error what was
// there stays. Obs, Var, Obsm, Varm, Obsp and Uns go where anndata has them.
//
// A file that holds patches of the picture, which Open leaves in it, is not
// replaced: they would be lost.
func Save(d *Dataset, path string) error {
	if err := keepsPatches(path); err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return fmt.Errorf("spared: cannot save %s: %w", path, err)
	}
	a, err := d.annData()
	if err != nil {
		return fmt.Errorf("spared: cannot save %s: %w", path, err)
	}
	return h5ad.Write(path, a, h5ad.WriteOptions{})
}

// keepsPatches returns an error where the file at path, if there is one, holds
// patches.
func keepsPatches(path string) error {
	keys, err := h5ad.Keys(path)
	if err != nil {
		return nil // nothing there, or nothing with patches
	}
	if i := slices.IndexFunc(keys, isPatches); i >= 0 {
		return fmt.Errorf("spared: %s holds patches of the picture (%s), which a new data set in its place would not: give another name to write, or remove the file first", path, keys[i])
	}
	return nil
}

// keepsOther returns an error where the file at path is no data set by its name
// nor by its content: a picture or a table that was named by mistake.
func keepsOther(path string) error {
	if strings.EqualFold(filepath.Ext(path), ".h5ad") {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil
	}
	if _, err := h5ad.Keys(path); err != nil {
		return fmt.Errorf("spared: %s exists and is no data set: give another name to write, e.g. %s.h5ad", path, strings.TrimSuffix(path, filepath.Ext(path)))
	}
	return nil
}

func isPatches(key string) bool { return strings.HasPrefix(key, "obsm/"+keyPatches) }

// check returns an error unless all parts of the data set fit together.
func (d *Dataset) check() error {
	spots, genes := d.N()
	for name, m := range d.Layers {
		if m.Rows != spots || m.Cols != genes || m.Stride < genes || len(m.Data) < spots*genes {
			return fmt.Errorf("layer %s does not have the shape %d spots x %d genes", name, spots, genes)
		}
	}
	if len(d.Mask) != spots*genes {
		return fmt.Errorf("the mask has %d entries for %d spots x %d genes", len(d.Mask), spots, genes)
	}
	if _, ok := d.Layers[LayerCounts]; !ok {
		return fmt.Errorf("there is no layer %s", LayerCounts)
	}
	for i := range d.Spots {
		if s := d.Spots[i].Slide; s < 0 || s >= len(d.Sections) {
			return fmt.Errorf("spot %s is of slide %d, there are %d", d.Spots[i].ID, s, len(d.Sections))
		}
	}
	return cmp.Or(checkColumns("obs", d.Obs, ownObs, d.labelNames()), checkColumns("var", d.Var, ownVar, nil),
		checkMatrices("obsm", d.Obsm, spots, "spatial"), checkMatrices("varm", d.Varm, genes, ""), d.checkUns(), d.checkPanel())
}

// checkColumns refuses further columns under a name that is taken.
func checkColumns(group string, columns []Column, taken ...[]string) error {
	seen := slices.Concat(taken...)
	for i := range columns {
		name := columns[i].Name
		if slices.Contains(seen, name) || group == "var" && isMean(name) {
			return fmt.Errorf("%s: there is a column %q already", group, name)
		}
		seen = append(seen, name)
	}
	return nil
}

// isMean tells whether a column of var holds the means of a layer.
func isMean(name string) bool {
	return strings.HasSuffix(name, avgSuffix) || strings.HasPrefix(name, usedPrefix)
}

func checkMatrices(group string, all map[string]blas32.General, rows int, taken string) error {
	for name, m := range all {
		if name == taken || m.Rows != rows || m.Stride < m.Cols || len(m.Data) < m.Rows*m.Stride-(m.Stride-m.Cols) {
			return fmt.Errorf("%s: %q is %d x %d, want %d rows, and a name that is not taken", group, name, m.Rows, m.Cols, rows)
		}
	}
	return nil
}

func (d *Dataset) checkUns() error {
	for _, key := range []string{"spatial", keyUns} {
		if _, ok := d.Uns[key]; ok {
			return fmt.Errorf("uns: the key %q is taken", key)
		}
	}
	for name, m := range d.Obsp {
		if n := len(d.Spots); m == nil || m.Rows != n || m.Cols != n {
			return fmt.Errorf("obsp: %q is not %d x %d", name, n, n)
		}
	}
	return nil
}

// labelNames returns the labels of slides, sorted.
func (d *Dataset) labelNames() []string {
	names := map[string]bool{}
	for i := range d.Sections {
		for name := range d.Sections[i].Labels {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (d *Dataset) annData() (*h5ad.AnnData, error) {
	a := &h5ad.AnnData{
		X: sparseOf(d.Layers[LayerCounts]), Obs: d.obs(), Var: d.variables(),
		Layers: map[string]any{}, Obsm: matrices(d.Obsm), Varm: matrices(d.Varm), Obsp: map[string]any{}, Raw: d.rawGroup(),
	}
	a.Obsm["spatial"] = d.spatial()
	for name, m := range d.Obsp {
		a.Obsp[name] = h5ad.FromCSR(m)
	}
	spots, genes := d.N()
	for name, m := range d.Layers {
		a.Layers[name] = &h5ad.Array{Shape: []int{spots, genes}, Data: packed(m)}
	}
	a.Layers[keyMask] = &h5ad.Array{Shape: []int{spots, genes}, Data: d.Mask}
	manifest, err := json.Marshal(d.Manifest)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	sections, err := json.Marshal(plainSections(d.Sections))
	if err != nil {
		return nil, fmt.Errorf("sections: %w", err)
	}
	a.Uns = map[string]any{
		"spatial": d.pictures(),
		keyUns: map[string]any{
			keyManifest: string(manifest), keySections: string(sections), keyLines: d.lines(),
			keyPanel: d.panelFrame(), keyUnits: d.units(), keyRaw: d.Raw.dict(),
		},
	}
	maps.Copy(a.Uns, d.Uns)
	return a, nil
}

func matrices(all map[string]blas32.General) map[string]any {
	out := map[string]any{}
	for name, m := range all {
		out[name] = h5ad.FromDense(m)
	}
	return out
}

// units says what the layers' values are, for whoever opens the file elsewhere.
func (d *Dataset) units() map[string]any {
	out := map[string]any{}
	for name := range d.Layers {
		if u := d.Unit(name); u != "" {
			out[name] = u
		}
	}
	return out
}

// packed returns the values of m row by row, without gaps.
func packed(m blas32.General) []float32 {
	if m.Stride == m.Cols {
		return m.Data[:m.Rows*m.Cols]
	}
	v := make([]float32, 0, m.Rows*m.Cols)
	for i := range m.Rows {
		v = append(v, m.Data[i*m.Stride:i*m.Stride+m.Cols]...)
	}
	return v
}

func sparseOf(m blas32.General) *h5ad.Sparse {
	s := &h5ad.Sparse{Rows: m.Rows, Cols: m.Cols, IndPtr: make([]int64, 1, m.Rows+1)}
	var data []float32
	for i := range m.Rows {
		for j, v := range m.Data[i*m.Stride : i*m.Stride+m.Cols] {
			if v != 0 {
				s.Indices = append(s.Indices, int32(j))
				data = append(data, v)
			}
		}
		s.IndPtr = append(s.IndPtr, int64(len(data)))
	}
	s.Data = data
	return s
}

func (d *Dataset) spatial() *h5ad.Array {
	xy := make([]float64, 0, 2*len(d.Spots))
	for _, s := range d.Spots {
		xy = append(xy, s.X, s.Y)
	}
	return &h5ad.Array{Shape: []int{len(d.Spots), 2}, Data: xy}
}

// column builds a column of a frame from one value a row.
func column[R any, T any](name string, rows []R, value func(*R) T) Column {
	data := make([]T, len(rows))
	for i := range rows {
		data[i] = value(&rows[i])
	}
	return Column{Name: name, Data: data}
}

// categorical builds a categorical column whose categories are given in
// order.
func categorical[R any](name string, rows []R, categories []string, value func(*R) string) Column {
	codes := make([]int32, len(rows))
	for i := range rows {
		codes[i] = int32(slices.Index(categories, value(&rows[i])))
	}
	return Column{Name: name, Codes: codes, Categories: categories}
}

func (d *Dataset) obs() *h5ad.Frame {
	f := &h5ad.Frame{Index: make([]string, len(d.Spots))}
	splits := []string{}
	for _, s := range []Split{Train, Val, Test, None} {
		if len(d.SpotsIn(s)) > 0 {
			splits = append(splits, s.String())
		}
	}
	for i := range d.Spots {
		f.Index[i] = d.Spots[i].ID
	}
	f.Columns = []Column{
		column("unique_id", d.Spots, func(s *Spot) string { return s.ID }),
		column("barcode", d.Spots, func(s *Spot) string { return s.Barcode }),
		column("in_tissue", d.Spots, func(*Spot) int64 { return 1 }),
		column("array_row", d.Spots, func(s *Spot) int64 { return int64(s.ArrayRow) }),
		column("array_col", d.Spots, func(s *Spot) int64 { return int64(s.ArrayCol) }),
		d.slideColumn("slide_id", func(s *Section) string { return s.Name }),
		d.slideColumn("patient", func(s *Section) string { return s.Patient }),
		categorical("split", d.Spots, splits, func(s *Spot) string { return s.Split.String() }),
		column("total_counts", d.Spots, func(s *Spot) float64 { return s.TotalCounts }),
		column("n_genes_by_counts", d.Spots, func(s *Spot) int64 { return int64(s.GenesDetected) }),
		column("rpk_sum", d.Spots, func(s *Spot) float64 { return s.RPK }),
	}
	for _, name := range d.labelNames() {
		f.Columns = append(f.Columns, d.slideColumn(name, func(s *Section) string { return s.Labels[name] }))
	}
	f.Columns = append(f.Columns, d.Obs...)
	return f
}

// slideColumn is a categorical column that says something of each spot's
// slide, missing where that is "".
func (d *Dataset) slideColumn(name string, value func(*Section) string) Column {
	var categories []string
	for i := range d.Sections {
		if v := value(&d.Sections[i]); v != "" && !slices.Contains(categories, v) {
			categories = append(categories, v)
		}
	}
	return categorical(name, d.Spots, categories, func(s *Spot) string { return value(&d.Sections[s.Slide]) })
}

func (d *Dataset) variables() *h5ad.Frame {
	n := float64(max(len(d.Spots), 1))
	f := &h5ad.Frame{Index: make([]string, len(d.Genes))}
	for j := range d.Genes {
		f.Index[j] = d.Genes[j].ID
	}
	f.Columns = []Column{
		column("gene_ids", d.Genes, func(g *Gene) string { return g.ID }),
		column("gene_symbol", d.Genes, func(g *Gene) string { return g.Symbol }),
		column("feature_types", d.Genes, func(g *Gene) string { return g.Feature }),
		column("genome", d.Genes, func(g *Gene) string { return g.Genome }),
		column("exp_frac", d.Genes, func(g *Gene) float64 { return g.ExpFrac }),
		column("glob_exp_frac", d.Genes, func(g *Gene) float64 { return g.GlobalFrac }),
		column("n_cells_by_counts", d.Genes, func(g *Gene) int64 { return int64(g.Detected) }),
		column("mean_counts", d.Genes, func(g *Gene) float64 { return g.Total / n }),
		column("pct_dropout_by_counts", d.Genes, func(g *Gene) float64 { return 100 * (1 - float64(g.Detected)/n) }),
		column("total_counts", d.Genes, func(g *Gene) float64 { return g.Total }),
		column("d_log1p_moran", d.Genes, func(g *Gene) float64 { return g.Moran }),
	}
	if d.Normalization() == TPM {
		f.Columns = append(f.Columns, column("gene_length", d.Genes, func(g *Gene) float64 { return g.Length }))
	}
	for _, name := range d.LayerNames() {
		if mean, ok := d.TrainMean[name]; ok {
			f.Columns = append(f.Columns, Column{Name: name + avgSuffix, Data: mean})
		}
	}
	for _, name := range d.LayerNames() {
		deltas, noisy := strings.CutPrefix(name, noisyPrefix)
		if mean, ok := d.TrainMean[logOf(deltas)]; ok && noisy && logOf(deltas) != deltas {
			f.Columns = append(f.Columns, Column{Name: usedPrefix + deltas, Data: mean})
		}
	}
	f.Columns = append(f.Columns, d.Var...)
	return f
}

// pictures is uns["spatial"] as scanpy and squidpy expect it.
func (d *Dataset) pictures() map[string]any {
	all := map[string]any{}
	for i := range d.Sections {
		s := &d.Sections[i]
		images, scale := map[string]any{}, map[string]any{}
		if s.Hires != nil {
			images["hires"] = imageArray(s.Hires)
		}
		if s.Lowres != nil {
			images["lowres"] = imageArray(s.Lowres)
		}
		for _, f := range scaleKeys(&s.Scale) {
			if *f.value != 0 {
				scale[f.key] = *f.value
			}
		}
		all[s.Name] = map[string]any{"images": images, "scalefactors": scale, "metadata": map[string]any{"source_image_path": s.FullRes}}
	}
	return all
}

type scaleKey struct {
	key   string
	value *float64
}

// scaleKeys pairs the keys of scalefactors_json.json with the fields.
func scaleKeys(s *ScaleFactors) []scaleKey {
	return []scaleKey{
		{"spot_diameter_fullres", &s.SpotDiameter},
		{"fiducial_diameter_fullres", &s.FiducialDiameter},
		{"tissue_hires_scalef", &s.Hires},
		{"tissue_lowres_scalef", &s.Lowres},
		{"microns_per_pixel", &s.MicronsPerPixel},
	}
}

func imageArray(m *Image) *h5ad.Array {
	return &h5ad.Array{Shape: []int{m.Height, m.Width, 3}, Data: m.Pix}
}

// plainSection is a Section as JSON text keeps it.
type plainSection struct {
	Name    string            `json:"name"`
	Patient string            `json:"patient,omitempty"`
	Batch   string            `json:"batch"`
	Labels  map[string]string `json:"labels,omitempty"`
	FullRes string            `json:"full_resolution_image,omitempty"`
}

func plainSections(sections []Section) []plainSection {
	p := make([]plainSection, len(sections))
	for i, s := range sections {
		p[i] = plainSection{Name: s.Name, Patient: s.Patient, Batch: s.Batch, Labels: s.Labels, FullRes: s.FullRes}
	}
	return p
}

// lines stores the batch corrections: per layer the batches' names and two
// [batches][genes] arrays.
func (d *Dataset) lines() map[string]any {
	all := map[string]any{}
	for layer, a := range d.Correction {
		genes := len(d.Genes)
		all[layer] = map[string]any{
			"batches":   &h5ad.Array{Shape: []int{len(a.Batches)}, Data: a.Batches},
			"slope":     &h5ad.Array{Shape: []int{len(a.Batches), genes}, Data: slices.Concat(a.Slope...)},
			"intercept": &h5ad.Array{Shape: []int{len(a.Batches), genes}, Data: slices.Concat(a.Intercept...)},
		}
	}
	return all
}

// ReadManifest reads only the record of how a data set was made.
func ReadManifest(path string) (Manifest, error) {
	v, err := h5ad.ReadElem(path, "uns/"+keyUns+"/"+keyManifest)
	if err != nil {
		return Manifest{}, err
	}
	return parseManifest(path, v)
}

func parseManifest(path string, v any) (m Manifest, err error) {
	key := "uns/" + keyUns + "/" + keyManifest
	text, ok := v.(string)
	if !ok {
		return m, format.Errorf(path, key, "is not text; the file was not made by spared build")
	}
	var made struct {
		Version int    `json:"version"`
		Tool    string `json:"tool"`
	}
	if json.Unmarshal([]byte(text), &made) == nil && made.Version != 0 && (made.Version < oldestManifest || made.Version > manifestVersion) {
		return m, format.Errorf(path, key, "the data set was made by another version (%s, layout %d; this is spatialgo %s, layout %d): build it again", made.Tool, made.Version, Version, manifestVersion)
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return m, format.Errorf(path, key, "cannot be read: %w", err)
	}
	return m, nil
}

// Open reads a data set that Save wrote, also after scanpy has added to it and
// written it again, or an earlier version of this library did. Where scanpy put
// something else in adata.raw there are no PanelCounts, and it is not kept. Patches of the picture (obsm["patches_*"]) are left in the
// file: they would take most of the memory.
func Open(path string) (*Dataset, error) {
	a, err := readWithoutPatches(path)
	if err != nil {
		return nil, err
	}
	own, ok := a.Uns[keyUns].(map[string]any)
	if !ok {
		return nil, format.Errorf(path, "uns/"+keyUns, "is missing: the file is not a data set of spared build; build one from the slides' folders first")
	}
	r := reader{path: path}
	d := &Dataset{TrainMean: map[string][]float64{}, Correction: map[string]*Affine{}, Layers: map[string]blas32.General{}}
	if d.Manifest, err = parseManifest(path, own[keyManifest]); err != nil {
		return nil, err
	}
	r.sections(d, own[keySections], a.Uns["spatial"])
	r.spots(d, a.Obs, a.Obsm["spatial"])
	r.genes(d, a.Var)
	r.layers(d, a.Layers)
	r.lines(d, own[keyLines])
	r.panel(d, own[keyPanel])
	r.panelCounts(d, a.Raw)
	r.raw(d, own[keyRaw])
	r.extras(d, a)
	if r.err != nil {
		return nil, r.err
	}
	if err := d.check(); err != nil {
		return nil, format.Errorf(path, "", "does not fit together: %w", err)
	}
	return d, nil
}

func readWithoutPatches(path string) (*h5ad.AnnData, error) {
	keys, err := h5ad.Keys(path)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(keys, isPatches) {
		return h5ad.Read(path)
	}
	return h5ad.ReadKeys(path, slices.DeleteFunc(keys, func(key string) bool { return key == "obsm" || isPatches(key) })...)
}

// extras takes what exploration added and what users brought.
func (r *reader) extras(d *Dataset, a *h5ad.AnnData) {
	own := slices.Concat(ownObs, d.labelNames())
	for _, c := range a.Obs.Columns {
		if !slices.Contains(own, c.Name) {
			d.Obs = append(d.Obs, c)
		}
	}
	for _, c := range a.Var.Columns {
		if !slices.Contains(ownVar, c.Name) && !isMean(c.Name) {
			d.Var = append(d.Var, c)
		}
	}
	d.Obsm = r.matrices("obsm", a.Obsm, "spatial")
	d.Varm = r.matrices("varm", a.Varm, "")
	for name, v := range a.Obsp {
		s, ok := v.(*h5ad.Sparse)
		if !ok {
			continue // a dense matrix of all pairs of spots is nobody's graph
		}
		m, err := s.CSR()
		if err != nil {
			r.fail("obsp/"+name, "%w", err)
			continue
		}
		if d.Obsp == nil {
			d.Obsp = map[string]*sparse.CSR{}
		}
		d.Obsp[name] = m
	}
	for key, v := range a.Uns {
		if key == "spatial" || key == keyUns || v == nil {
			continue
		}
		if d.Uns == nil {
			d.Uns = map[string]any{}
		}
		d.Uns[key] = v
	}
}

// matrices takes the dense matrices of numbers; a table of obsm, say, is left.
func (r *reader) matrices(group string, all map[string]any, but string) map[string]blas32.General {
	var out map[string]blas32.General
	for name, v := range all {
		a, ok := v.(*h5ad.Array)
		if !ok || name == but || len(a.Shape) != 2 {
			continue
		}
		m, err := a.Dense()
		if err != nil {
			r.fail(group+"/"+name, "%w", err)
			continue
		}
		if out == nil {
			out = map[string]blas32.General{}
		}
		out[name] = m
	}
	return out
}

// reader collects the first error of taking an AnnData apart.
type reader struct {
	path string
	err  error
}

func (r *reader) fail(key, msg string, args ...any) {
	if r.err == nil {
		r.err = format.Errorf(r.path, key, msg, args...)
	}
}

func (r *reader) sections(d *Dataset, v any, spatial any) {
	key := "uns/" + keyUns + "/" + keySections
	text, ok := v.(string)
	if !ok {
		r.fail(key, "is missing or not text")
		return
	}
	var plain []plainSection
	if err := json.Unmarshal([]byte(text), &plain); err != nil {
		r.fail(key, "cannot be read: %w", err)
		return
	}
	all, _ := spatial.(map[string]any)
	for _, p := range plain {
		s := Section{Name: p.Name, Patient: p.Patient, Batch: p.Batch, Labels: p.Labels, FullRes: p.FullRes}
		if one, ok := all[p.Name].(map[string]any); ok {
			key := "uns/spatial/" + p.Name
			images, _ := one["images"].(map[string]any)
			s.Hires = r.image(key+"/images/hires", images["hires"])
			s.Lowres = r.image(key+"/images/lowres", images["lowres"])
			factors, _ := one["scalefactors"].(map[string]any)
			for _, f := range scaleKeys(&s.Scale) {
				if v, ok := factors[f.key]; ok {
					*f.value, ok = v.(float64)
					if !ok {
						r.fail(key+"/scalefactors/"+f.key, "is not a number")
					}
				}
			}
		}
		d.Sections = append(d.Sections, s)
	}
}

func (r *reader) image(key string, v any) *Image {
	if v == nil {
		return nil
	}
	a, ok := v.(*h5ad.Array)
	if ok {
		pix, isBytes := a.Data.([]uint8)
		if isBytes && len(a.Shape) == 3 && a.Shape[2] == 3 {
			return &Image{Height: a.Shape[0], Width: a.Shape[1], Pix: pix}
		}
	}
	r.fail(key, "is not an 8-bit picture of shape [height][width][3]")
	return nil
}

// texts returns a column of text or of categories of text ("" where missing):
// scanpy makes the first the second when it writes.
func (r *reader) texts(group string, f *h5ad.Frame, name string) []string {
	c := f.Column(name)
	if c == nil {
		r.fail(group+"/"+name, "is missing")
		return make([]string, len(f.Index))
	}
	_, plain := c.Data.([]string)
	_, categories := c.Categories.([]string)
	if !plain && !categories || c.Len() != len(f.Index) {
		r.fail(group+"/"+name, "is not a column of text with %d entries", len(f.Index))
		return make([]string, len(f.Index))
	}
	return c.Strings()
}

// numbers returns a column of numbers.
func (r *reader) numbers(group string, f *h5ad.Frame, name string) []float64 {
	c := f.Column(name)
	if c == nil {
		r.fail(group+"/"+name, "is missing")
		return make([]float64, len(f.Index))
	}
	v, err := c.Float64s()
	if err != nil || len(v) != len(f.Index) {
		r.fail(group+"/"+name, "is not a column of numbers with %d entries", len(f.Index))
		return make([]float64, len(f.Index))
	}
	return v
}

func (r *reader) spots(d *Dataset, f *h5ad.Frame, spatial any) {
	if f == nil {
		r.fail("obs", "is missing")
		return
	}
	xy, ok := spatial.(*h5ad.Array)
	var at []float64
	if ok {
		at, ok = xy.Data.([]float64)
	}
	if !ok || len(at) != 2*len(f.Index) {
		r.fail("obsm/spatial", "is missing or not [spots][2] numbers")
		return
	}
	barcode := r.texts("obs", f, "barcode")
	row, col := r.numbers("obs", f, "array_row"), r.numbers("obs", f, "array_col")
	total, detected := r.numbers("obs", f, "total_counts"), r.numbers("obs", f, "n_genes_by_counts")
	rpk := r.numbers("obs", f, "rpk_sum")
	slides, splits := r.texts("obs", f, "slide_id"), r.texts("obs", f, "split")
	d.Spots = make([]Spot, len(f.Index))
	for i := range d.Spots {
		split, err := ParseSplit(splits[i])
		if err != nil {
			r.fail("obs/split", "row %d: %w", i, err)
		}
		section := d.Section(slides[i])
		if section < 0 {
			r.fail("obs/slide_id", "row %d: no slide is called %q", i, slides[i])
		}
		d.Spots[i] = Spot{
			ID: f.Index[i], Barcode: barcode[i], Slide: section, Split: split,
			ArrayRow: int(row[i]), ArrayCol: int(col[i]), X: at[2*i], Y: at[2*i+1],
			TotalCounts: total[i], GenesDetected: int(detected[i]), RPK: rpk[i],
		}
	}
}

func (r *reader) genes(d *Dataset, f *h5ad.Frame) {
	if f == nil {
		r.fail("var", "is missing")
		return
	}
	symbol, feature, genome := r.texts("var", f, "gene_symbol"), r.texts("var", f, "feature_types"), r.texts("var", f, "genome")
	length := make([]float64, len(f.Index))
	if d.Normalization() == TPM {
		length = r.numbers("var", f, "gene_length")
	}
	frac, global := r.numbers("var", f, "exp_frac"), r.numbers("var", f, "glob_exp_frac")
	detected, total := r.numbers("var", f, "n_cells_by_counts"), r.numbers("var", f, "total_counts")
	moran := r.numbers("var", f, "d_log1p_moran")
	d.Genes = make([]Gene, len(f.Index))
	for j := range d.Genes {
		d.Genes[j] = Gene{
			ID: f.Index[j], Symbol: symbol[j], Feature: feature[j], Genome: genome[j], Length: length[j], ExpFrac: frac[j], GlobalFrac: global[j],
			Detected: int(detected[j]), Total: total[j], Moran: moran[j],
		}
	}
	for i := range f.Columns {
		if layer, ok := strings.CutSuffix(f.Columns[i].Name, avgSuffix); ok {
			d.TrainMean[layer] = r.numbers("var", f, f.Columns[i].Name)
		}
	}
}

func (r *reader) layers(d *Dataset, layers map[string]any) {
	spots, genes := d.N()
	for name, v := range layers {
		a, ok := v.(*h5ad.Array)
		if !ok || !slices.Equal(a.Shape, []int{spots, genes}) {
			r.fail("layers/"+name, "is not a dense array of %d spots x %d genes", spots, genes)
			continue
		}
		if mask, ok := a.Data.([]bool); ok && name == keyMask {
			d.Mask = mask
			continue
		}
		m, err := a.Dense()
		if err != nil {
			r.fail("layers/"+name, "%w", err)
			continue
		}
		d.Layers[name] = m
	}
}

func (r *reader) lines(d *Dataset, v any) {
	all, _ := v.(map[string]any)
	for layer, v := range all {
		key := "uns/" + keyUns + "/" + keyLines + "/" + layer
		one, _ := v.(map[string]any)
		a := &Affine{Batches: r.names(key+"/batches", one["batches"])}
		a.Slope = r.table(key+"/slope", one["slope"], len(a.Batches), len(d.Genes))
		a.Intercept = r.table(key+"/intercept", one["intercept"], len(a.Batches), len(d.Genes))
		d.Correction[layer] = a
	}
}

func (r *reader) names(key string, v any) []string {
	if a, ok := v.(*h5ad.Array); ok {
		if names, ok := a.Data.([]string); ok {
			return names
		}
	}
	r.fail(key, "is not a list of text")
	return nil
}

func (r *reader) table(key string, v any, rows, cols int) [][]float64 {
	a, _ := v.(*h5ad.Array)
	if a == nil {
		r.fail(key, "is missing")
		return nil
	}
	data, ok := a.Data.([]float64)
	if !ok || len(data) != rows*cols {
		r.fail(key, "is not %d x %d numbers", rows, cols)
		return nil
	}
	var out [][]float64
	for i := range rows {
		out = append(out, data[i*cols:(i+1)*cols])
	}
	return out
}

// Counts returns the layer of raw counts as a sparse matrix.
func (d *Dataset) Counts() *sparse.CSR {
	s := sparseOf(d.Layers[LayerCounts])
	data, _ := s.Data.([]float32)
	if data == nil {
		data = []float32{}
	}
	return &sparse.CSR{Rows: s.Rows, Cols: s.Cols, IndPtr: s.IndPtr, Indices: s.Indices, Data: data}
}
