package widgets

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/explore"
)

// PlaneOptions says what Plane shows.
type PlaneOptions struct {
	Groups []string // of each spot: cluster, batch, split; "" = none (grey)
	Name   string   // what the groups are, in the singular
	Keys   []string // of obsm, a panel each; nil = X_umap and X_pca
}

const (
	mostGroups   = 20
	othersName   = "others"
	planePoints  = 15000
	planeHeight  = 440
	planeUnnamed = "none"
)

// Plane draws the spots in the first two dimensions of matrices of obsm,
// coloured by group: the UMAP and the PCA of scanpy.pl. Beyond 20 groups the
// smallest are shown together.
func Plane(ds *spared.Dataset, o PlaneOptions) (*PlotFigure, error) {
	if o.Keys == nil {
		o.Keys = []string{explore.KeyUMAP, explore.KeyPCA}
	}
	if o.Name == "" {
		o.Name = "group"
	}
	if len(o.Groups) != len(ds.Spots) || len(ds.Spots) == 0 {
		return nil, fmt.Errorf("widgets: %d groups for %d spots", len(o.Groups), len(ds.Spots))
	}
	number, names := joinGroups(o.Groups)
	size := make([]int, len(names))
	for _, k := range number {
		size[k]++
	}
	p := &plot{height: planeHeight}
	legend := make([]legendItem, len(names))
	var text strings.Builder
	for k, name := range names {
		shown := name
		if _, err := strconv.Atoi(name); err == nil {
			shown = o.Name + " " + name
		}
		legend[k] = legendItem{Name: shown, Color: groupColor(name, k)}
		fmt.Fprintf(&text, "\n  %s: %s", shown, plural(size[k], "spot"))
	}
	p.legend = legend
	every := (len(ds.Spots) + planePoints - 1) / planePoints
	var what []string
	for _, key := range o.Keys {
		q, err := planePanel(ds, key, number, legend, every)
		if err != nil {
			return nil, err
		}
		p.panels = append(p.panels, q)
		what = append(what, planeName(key))
	}
	p.title = []string{strings.Join(what, " and ") + " by " + o.Name}
	p.subtitle = []string{plural(len(ds.Spots), "spot"), groupCount(len(names), o.Name)}
	p.text = p.title[0] + ": " + strings.Join(p.subtitle, ", ") + text.String()
	p.caption = "Names above switch groups off. Both axes of a panel have one scale."
	if slices.Contains(o.Keys, explore.KeyUMAP) {
		p.caption += " How far apart groups lie in a UMAP means little; that they are apart, more."
	}
	if every > 1 {
		p.caption += fmt.Sprintf(" One spot in %d is drawn.", every)
	}
	return p.figure(), nil
}

// planeName turns "X_umap" into "UMAP".
func planeName(key string) string { return strings.ToUpper(strings.TrimPrefix(key, "X_")) }

// planePanel draws one spot in every by one matrix of obsm.
func planePanel(ds *spared.Dataset, key string, number []int, legend []legendItem, every int) (panel, error) {
	m, ok := ds.Obsm[key]
	switch {
	case !ok:
		return panel{}, fmt.Errorf("widgets: the data set has no obsm %q: run explore.Embed (spared embed) first", key)
	case m.Rows != len(ds.Spots) || m.Cols < 2 || m.Stride < m.Cols || len(m.Data) < (m.Rows-1)*m.Stride+m.Cols:
		return panel{}, fmt.Errorf("widgets: obsm %q is %d x %d, want two dimensions or more of %d spots", key, m.Rows, m.Cols, len(ds.Spots))
	}
	q := panel{weight: 1, square: true, marks: make([]mark, len(legend))}
	for k, item := range legend {
		q.marks[k] = mark{kind: pointKind, name: item.Name, color: item.Color, opacity: 0.6, size: 4}
		if len(ds.Spots) > 6000 {
			q.marks[k].size = 2.5
		}
	}
	x0, x1, y0, y1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for i := 0; i < len(number); i += every {
		x, y := float64(m.Data[i*m.Stride]), float64(m.Data[i*m.Stride+1])
		if !finite(x) || !finite(y) {
			continue
		}
		x0, x1, y0, y1 = math.Min(x0, x), math.Max(x1, x), math.Min(y0, y), math.Max(y1, y)
		// A thousandth of a unit is less than a pixel.
		to := &q.marks[number[i]]
		to.items = append(to.items, []float64{math.Round(1000*x) / 1000, math.Round(1000*y) / 1000})
	}
	if x0 > x1 {
		return panel{}, fmt.Errorf("widgets: obsm %q has no finite places", key)
	}
	half := 0.53 * math.Max(math.Max(x1-x0, y1-y0), 1e-6)
	axisOf := func(n string, lo, hi float64) scale {
		return scale{label: planeName(key) + n, min: (lo+hi)/2 - half, max: (lo+hi)/2 + half, categories: []string{}}
	}
	q.x, q.y = axisOf(" 1", x0, x1), axisOf(" 2", y0, y1)
	return q, nil
}

// groupCount is plural, of names that readers choose.
func groupCount(n int, name string) string {
	if n != 1 && (strings.HasSuffix(name, "ch") || strings.HasSuffix(name, "s")) {
		return count(n) + " " + name + "es"
	}
	return plural(n, name)
}

// groupColor is the colour of the k-th group.
func groupColor(name string, k int) string {
	if name == othersName || name == planeUnnamed {
		return "#bfc5cc"
	}
	return seriesColor(k)
}

// joinGroups numbers groups: numbers by value, other names by letter. Beyond
// mostGroups the smallest become "others"; "" becomes "none".
func joinGroups(of []string) (number []int, names []string) {
	size := map[string]int{}
	for _, g := range of {
		size[g]++
	}
	for g := range size {
		if g != "" {
			names = append(names, g)
		}
	}
	slices.Sort(names)
	if len(names) > mostGroups {
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(size[b], size[a]) })
		names = names[:mostGroups-1]
	}
	slices.SortFunc(names, byNumber)
	at := map[string]int{}
	for k, g := range names {
		at[g] = k
	}
	extra := func(name string) int {
		if k := slices.Index(names[len(at):], name); k >= 0 {
			return len(at) + k
		}
		names = append(names, name)
		return len(names) - 1
	}
	number = make([]int, len(of))
	for i, g := range of {
		k, ok := at[g]
		switch {
		case ok:
		case g == "":
			k = extra(planeUnnamed)
		default:
			k = extra(othersName)
		}
		number[i] = k
	}
	return number, names
}

// byNumber orders "2" before "10", and numbers before other names.
func byNumber(a, b string) int {
	m, errA := strconv.Atoi(a)
	n, errB := strconv.Atoi(b)
	switch {
	case errA == nil && errB == nil && m != n:
		return cmp.Compare(m, n)
	case errA == nil && errB != nil:
		return -1
	case errA != nil && errB == nil:
		return 1
	}
	return strings.Compare(a, b)
}

// ClusterGrid draws clusters, one of each spot of the data set, on several
// slides side by side, in the colours that they have in Plane. nil slides are
// all of up to four, else four in turn from the splits.
func ClusterGrid(ds *spared.Dataset, clusters, slides []string) (*PlotFigure, error) {
	if len(clusters) != len(ds.Spots) || len(ds.Spots) == 0 {
		return nil, fmt.Errorf("widgets: %d clusters for %d spots", len(clusters), len(ds.Spots))
	}
	slides, err := qcSections(ds, slides)
	if err != nil {
		return nil, err
	}
	number, names := joinGroups(clusters)
	for k, name := range names {
		if _, err := strconv.Atoi(name); err == nil {
			names[k] = "cluster " + name
		}
	}
	p := &plot{title: []string{"Clusters on the tissue"}, height: gridHeight(len(slides))}
	p.subtitle = []string{plural(len(ds.Spots), "spot"), plural(len(names), "cluster"), plural(len(slides), "slide") + " shown"}
	for k, name := range names {
		p.legend = append(p.legend, legendItem{Name: name, Color: groupColor(name, k)})
	}
	for _, name := range slides {
		s, err := sectionIndex(ds, name)
		if err != nil {
			return nil, err
		}
		spots := ds.SpotsOf(s)
		if len(spots) == 0 {
			return nil, fmt.Errorf("widgets: slide %q has no spots", name)
		}
		here := make([]int, len(spots))
		for t, i := range spots {
			here[t] = number[i]
		}
		q := tissuePanel(ds, spots, name, len(slides))
		q.marks = groupMarks(ds, spots, here, names, q.marks[0].size)
		p.panels = append(p.panels, q)
	}
	p.text = p.title[0] + ": " + strings.Join(p.subtitle, ", ")
	p.caption = "A cluster has one colour on all slides. Names above switch clusters off."
	return p.figure(), nil
}

// clusterMap draws clusters on a slide in the colours that they have in Plane,
// whichever of them the slide has.
func clusterMap(ds *spared.Dataset, slide string, clusters []string) (*MapFigure, error) {
	if len(clusters) != len(ds.Spots) {
		return nil, fmt.Errorf("widgets: %d clusters for %d spots", len(clusters), len(ds.Spots))
	}
	m, err := newMaps(ds, slide, mapStyle{colors: defaultScale, spotScale: 1.3, spots: 0.85, picture: 0.6, grey: true})
	if err != nil {
		return nil, err
	}
	number, names := joinGroups(clusters)
	for k, name := range names {
		m.categories = append(m.categories, legendItem{Name: clean(name), Color: seriesColor(k)})
	}
	v, here := make([]float64, len(m.scene.spots)), map[int]bool{}
	for k, i := range m.scene.spots {
		v[k] = float64(number[i])
		here[number[i]] = true
	}
	m.panels = []mapPanel{{Title: "Cluster"}}
	all := [2]float64{0, 255} // the colour's number is the category's
	m.genes = []mapGene{{title: []string{"Clusters"}, subtitle: m.where(fmt.Sprintf("%d of %s", len(here), plural(len(names), "cluster"))),
		values: [][]float64{v}, own: [][2]float64{all}, shared: [][2]float64{all}}}
	return m.figure(16)
}
