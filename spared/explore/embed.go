package explore

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/embed"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// Keys under which scanpy stores what Embed finds.
const (
	KeyPCA            = "X_pca"          // obsm
	KeyUMAP           = "X_umap"         // obsm
	KeyLoadings       = "PCs"            // varm
	KeyDistances      = "distances"      // obsp
	KeyConnectivities = "connectivities" // obsp
	KeyCluster        = "cluster"        // obs, unless Options.Key says otherwise
)

// Options says how Embed works. The zero value gives what SpaRED's
// compute_dim_red does.
type Options struct {
	Layer      string  // "" = the last of c_t_log1p, c_d_log1p, d_log1p, c_log1p, log1p that there is
	Components int     // principal components; 0 = 50, or one less than spots or genes
	Neighbors  int     // of the graph, the spot itself included; 0 = 15
	Resolution float64 // of the clusters: more gives more; 0 = 1
	MinDist    float64 // of the UMAP layout; 0 = 0.5
	Seed       uint64  // 0 = 42
	Key        string  // the column of obs that gets the clusters; "" = "cluster"
	Progress   progress.Func
}

const (
	defaultNeighbors = 15
	defaultSeed      = 42
	// plainGenes is up to how many genes the graph is made of the genes
	// themselves instead of components (scanpy.settings.N_PCS).
	plainGenes = 50
)

func (o Options) withDefaults(d *spared.Dataset) Options {
	if o.Layer == "" {
		o.Layer = richest(d)
	}
	if o.Neighbors == 0 {
		o.Neighbors = defaultNeighbors
	}
	if n := len(d.Spots); o.Neighbors > n {
		o.Neighbors = 1 + n/2 // as scanpy does
	}
	if o.Resolution == 0 {
		o.Resolution = 1
	}
	if o.Seed == 0 {
		o.Seed = defaultSeed
	}
	if o.Key == "" {
		o.Key = KeyCluster
	}
	return o
}

// richest returns the most processed layer of logarithms that there is.
func richest(d *spared.Dataset) string {
	for _, name := range []string{spared.LayerCTLog, spared.LayerCDLog, spared.LayerDLog, spared.LayerCLog} {
		if _, ok := d.Layers[name]; ok {
			return name
		}
	}
	return spared.LayerLog
}

// Embed finds principal components, neighbours, clusters and a layout of the
// spots by one layer and stores them in the data set (see the package's
// documentation), in place of any that were there. All slides are taken
// together. Of up to 50 genes the neighbours are those by the genes themselves,
// as in scanpy. Errors: no such layer, fewer than three spots or two genes, a
// value that is not finite. On an error the data set is as before.
func Embed(ctx context.Context, d *spared.Dataset, o Options) error {
	o = o.withDefaults(d)
	layer, err := d.Layer(o.Layer)
	if err != nil {
		return fmt.Errorf("explore: %w", err)
	}
	spots, genes := d.N()
	if spots < 3 || genes < 2 {
		return fmt.Errorf("explore: %d spots x %d genes cannot be laid out: want at least 3 spots and 2 genes", spots, genes)
	}
	if o.Neighbors < 2 {
		return fmt.Errorf("explore: %d neighbours, the spot itself included: want at least 2", o.Neighbors)
	}
	f, err := find(ctx, dense.Matrix[float32]{Rows: layer.Rows, Cols: layer.Cols, Stride: layer.Stride, Data: layer.Data}, o)
	if err != nil {
		return fmt.Errorf("explore: layer %s: %w", o.Layer, err)
	}
	f.store(d, o)
	return nil
}

// findings is what Embed stores.
type findings struct {
	pca      *embed.PCAResult
	near     *embed.Neighbors
	graph    *sparse.CSR
	clusters []int
	layout   dense.Matrix[float32]
}

func find(ctx context.Context, x dense.Matrix[float32], o Options) (*findings, error) {
	var f findings
	var err error
	if o.Components == 0 && min(x.Rows, x.Cols) == 2 {
		o.Components = 2 // a layout needs two to start from
	}
	if f.pca, err = embed.PCA(ctx, x, embed.PCAOptions{Components: o.Components, Seed: o.Seed, Progress: o.Progress}); err != nil {
		return nil, err
	}
	if x.Cols > plainGenes {
		f.near, err = embed.KNN(ctx, f.pca.Scores, o.Neighbors-1, o.Progress)
	} else {
		f.near, err = embed.KNN(ctx, x, o.Neighbors-1, o.Progress)
	}
	if err != nil {
		return nil, err
	}
	f.graph = f.near.Connectivities()
	if f.clusters, err = embed.Leiden(ctx, f.graph, embed.LeidenOptions{Resolution: o.Resolution, Seed: o.Seed, Progress: o.Progress}); err != nil {
		return nil, err
	}
	f.layout, err = embed.UMAP(ctx, f.graph, f.pca.Scores, embed.UMAPOptions{MinDist: o.MinDist, Seed: o.Seed}, o.Progress)
	return &f, err
}

func (f *findings) store(d *spared.Dataset, o Options) {
	set(&d.Obsm, KeyPCA, single(f.pca.Scores))
	set(&d.Obsm, KeyUMAP, blas32.General{Rows: f.layout.Rows, Cols: f.layout.Cols, Stride: f.layout.Stride, Data: f.layout.Data})
	set(&d.Varm, KeyLoadings, single(f.pca.Loadings))
	set(&d.Obsp, KeyDistances, f.near.Distances())
	set(&d.Obsp, KeyConnectivities, f.graph)
	clusters := slices.Max(f.clusters) + 1
	setColumn(d, clusterColumn(o.Key, f.clusters, clusters))
	minDist := o.MinDist
	if minDist == 0 {
		minDist = 0.5
	}
	a, b := embed.Curve(max(0, minDist), 1)
	seed := int64(o.Seed)
	set(&d.Uns, "pca", any(map[string]any{
		"params":   map[string]any{"zero_center": true, "use_highly_variable": false, "layer": o.Layer},
		"variance": vector(f.pca.Variance), "variance_ratio": vector(f.pca.VarianceRatio),
	}))
	set(&d.Uns, "neighbors", any(map[string]any{
		"connectivities_key": KeyConnectivities, "distances_key": KeyDistances,
		"params": map[string]any{"n_neighbors": int64(o.Neighbors), "method": "umap", "metric": "euclidean", "random_state": seed},
	}))
	set(&d.Uns, "umap", any(map[string]any{"params": map[string]any{"a": a, "b": b, "random_state": seed}}))
	set(&d.Uns, o.Key, any(map[string]any{"params": map[string]any{"resolution": o.Resolution, "random_state": seed, "n_iterations": int64(-1)}}))
	set(&d.Uns, o.Key+"_colors", any(&h5ad.Array{Shape: []int{clusters}, Data: Palette(clusters)}))
}

func set[V any](m *map[string]V, key string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = v
}

func setColumn(d *spared.Dataset, c spared.Column) {
	for i := range d.Obs {
		if d.Obs[i].Name == c.Name {
			d.Obs[i] = c
			return
		}
	}
	d.Obs = append(d.Obs, c)
}

// clusterColumn makes the categories "0", "1", ... in this order.
func clusterColumn(name string, of []int, clusters int) spared.Column {
	categories, codes := make([]string, clusters), make([]int32, len(of))
	for k := range categories {
		categories[k] = strconv.Itoa(k)
	}
	for i, c := range of {
		codes[i] = int32(c)
	}
	return spared.Column{Name: name, Codes: codes, Categories: categories}
}

func single(m dense.Matrix[float64]) blas32.General {
	out := blas32.General{Rows: m.Rows, Cols: m.Cols, Stride: m.Cols, Data: make([]float32, 0, m.Rows*m.Cols)}
	for i := range m.Rows {
		for _, v := range m.Row(i) {
			out.Data = append(out.Data, float32(v))
		}
	}
	return out
}

func vector(v []float64) *h5ad.Array { return &h5ad.Array{Shape: []int{len(v)}, Data: v} }

// palette is told apart with the common colour vision deficiencies up to its
// eighth colour (after Okabe and Ito, jfly.uni-koeln.de/color, toned down).
var palette = []string{
	"#2f6fb0", "#d9822b", "#3a9a78", "#c2699a", "#8a7bc8", "#6fb1d6", "#b8442f", "#7a828c",
	"#1b4f83", "#f2b36b", "#1f6b52", "#e3a9cb", "#5b4a9c", "#a8d3ea", "#e07a6d", "#c3c8ce",
	"#8a5a1f", "#7cc4a6", "#7d3562", "#c9b8ea",
}

// Palette returns n colours, "#rrggbb", for clusters; from the twentieth on
// they repeat. They are the colours of package widgets.
func Palette(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = palette[i%len(palette)]
	}
	return out
}

// Clusters returns the cluster of each spot that Embed stored under the key
// ("" = "cluster"), or nil where there is none.
func Clusters(d *spared.Dataset, key string) []string {
	if key == "" {
		key = KeyCluster
	}
	for i := range d.Obs {
		if c := &d.Obs[i]; c.Name == key && c.Len() == len(d.Spots) {
			return c.Strings()
		}
	}
	return nil
}
