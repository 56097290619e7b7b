package embed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/graph/community"
	"gonum.org/v1/gonum/graph/simple"

	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// mixture draws spots around group centres; it returns the group of each.
func mixture(seed uint64, spots, genes, groups int, apart float64) (dense.Matrix[float32], []int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	centre := dense.New[float64](groups, genes)
	for i := range centre.Data {
		centre.Data[i] = apart * rng.NormFloat64()
	}
	x, of := dense.New[float32](spots, genes), make([]int, spots)
	for i := range spots {
		of[i] = rng.IntN(groups)
		for j := range genes {
			x.Set(i, j, float32(centre.At(of[i], j)+rng.NormFloat64()))
		}
	}
	return x, of
}

func random(seed uint64, rows, cols int) dense.Matrix[float64] {
	rng := rand.New(rand.NewPCG(seed, 2))
	m := dense.New[float64](rows, cols)
	for i := range m.Data {
		m.Data[i] = rng.NormFloat64()
	}
	return m
}

// graphOf runs the steps up to the graph.
func graphOf(t testing.TB, x dense.Matrix[float32], k int) (*PCAResult, *sparse.CSR) {
	t.Helper()
	r, err := PCA(context.Background(), x, PCAOptions{})
	if err != nil {
		t.Fatal(err)
	}
	nn, err := KNN(context.Background(), r.Scores, k, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, nn.Connectivities()
}

func TestPCAShapes(t *testing.T) {
	for _, c := range []struct {
		reason                  string
		spots, genes, ask, want int
	}{
		{"scanpy's default", 200, 80, 0, 50},
		{"one less than the genes", 200, 20, 0, 19},
		{"one less than the spots", 12, 80, 0, 11},
		{"all that there are", 30, 7, 7, 7},
		{"one gene", 30, 1, 0, 1},
		{"as many as spots, of which the last has no variance", 9, 40, 9, 9},
		{"few spots of very many genes, whose covariance would be 800 MB", 30, 10000, 0, 29},
		{"as many as spots, by Lanczos' method", 30, 600, 30, 30},
		{"many components by Lanczos' method", 150, 520, 120, 120},
	} {
		r, err := PCA(context.Background(), random(3, c.spots, c.genes), PCAOptions{Components: c.ask})
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		if r.Scores.Rows != c.spots || r.Scores.Cols != c.want || r.Loadings.Rows != c.genes || r.Loadings.Cols != c.want || len(r.Variance) != c.want {
			t.Errorf("%s: scores %d x %d, loadings %d x %d, %d variances", c.reason, r.Scores.Rows, r.Scores.Cols, r.Loadings.Rows, r.Loadings.Cols, len(r.Variance))
		}
		checkComponents(t, c.reason, r)
	}
}

// checkComponents checks what makes components principal.
func checkComponents(t *testing.T, reason string, r *PCAResult) {
	t.Helper()
	k := len(r.Variance)
	for a := range k {
		for b := range a + 1 {
			loading, score := 0.0, 0.0
			for j := range r.Loadings.Rows {
				loading += r.Loadings.At(j, a) * r.Loadings.At(j, b)
			}
			for i := range r.Scores.Rows {
				score += r.Scores.At(i, a) * r.Scores.At(i, b) / float64(r.Scores.Rows-1)
			}
			want := 0.0
			if a == b {
				want = 1
			}
			if math.Abs(loading-want) > 1e-9 || math.Abs(score-want*r.Variance[a]) > 1e-7*r.Variance[0] {
				t.Fatalf("%s: components %d, %d: loadings' product %g, covariance of the scores %g (variance %g)", reason, a, b, loading, score, r.Variance[a])
			}
		}
		if a > 0 && r.Variance[a] > r.Variance[a-1] {
			t.Errorf("%s: variance %d rises", reason, a)
		}
	}
}

// TestLanczos compares both ways to the components of one table.
func TestLanczos(t *testing.T) {
	x, _ := mixture(11, 150, 260, 5, 0.7)
	mean := means(x)
	ctx := context.Background()
	wantValues, want, wantTotal, err := whole(ctx, x, mean, 20, PCAOptions{})
	if err != nil {
		t.Fatal(err)
	}
	values, got, total, err := lanczos(ctx, x, mean, 20, PCAOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fixSigns(want)
	fixSigns(got)
	if d := furthest(got, want); d > 1e-6 {
		t.Errorf("vectors are off by %g", d)
	}
	for c := range values {
		if math.Abs(values[c]-wantValues[c]) > 1e-9*wantValues[0] {
			t.Errorf("eigenvalue %d: %v, want %v", c, values[c], wantValues[c])
		}
	}
	if math.Abs(total/wantTotal-1) > 1e-12 {
		t.Errorf("sum of eigenvalues %v, want %v", total, wantTotal)
	}
}

// A table of rank 3: the basis is exhausted long before the components.
func TestLanczosOfLowRank(t *testing.T) {
	a, b := random(1, 300, 3), random(2, 3, 600)
	x := dense.New[float64](300, 600)
	for i := range 300 {
		for j := range 600 {
			for k := range 3 {
				x.Set(i, j, x.At(i, j)+a.At(i, k)*b.At(k, j))
			}
		}
	}
	r, err := PCA(context.Background(), x, PCAOptions{Components: 10})
	if err != nil {
		t.Fatal(err)
	}
	checkComponents(t, "rank 3", r)
	if share := r.VarianceRatio[0] + r.VarianceRatio[1] + r.VarianceRatio[2]; math.Abs(share-1) > 1e-9 {
		t.Errorf("three components hold %v of the variance", share)
	}
}

func TestPCAOfConstantGenes(t *testing.T) {
	x := dense.New[float64](20, 4)
	for i := range x.Data {
		x.Data[i] = 7
	}
	r, err := PCA(context.Background(), x, PCAOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range append(r.Scores.Data, append(r.Variance, r.VarianceRatio...)...) {
		if math.Abs(v) > 1e-9 {
			t.Fatalf("number %d is %g", i, v)
		}
	}
}

func TestKNNIsExact(t *testing.T) {
	for _, c := range []struct {
		reason  string
		x       dense.Matrix[float64]
		k       int
		prepare func(dense.Matrix[float64])
	}{
		{"several blocks", random(4, 1300, 6), 14, nil},
		{"all others", random(5, 40, 3), 39, nil},
		{"two spots", random(5, 2, 3), 1, nil},
		{"a ball far from the others: float32 cannot order it", random(6, 500, 5), 10, func(m dense.Matrix[float64]) {
			for i := range 300 {
				for j, v := range m.Row(i) {
					m.Set(i, j, 3e4+1e-4*v)
				}
			}
		}},
		{"many spots in one place: the lowest come first", random(7, 400, 4), 8, func(m dense.Matrix[float64]) {
			for i := range 300 {
				copy(m.Row(i), m.Row(0))
			}
		}},
		{"values on a grid: ties", random(8, 600, 2), 12, func(m dense.Matrix[float64]) {
			for i := range m.Data {
				m.Data[i] = math.Round(2 * m.Data[i])
			}
		}},
	} {
		if c.prepare != nil {
			c.prepare(c.x)
		}
		nn, err := KNN(context.Background(), c.x, c.k, nil)
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		for i := range c.x.Rows {
			var all []exact
			for j := range c.x.Rows {
				d := 0.0
				for q, v := range c.x.Row(i) {
					d += (v - c.x.At(j, q)) * (v - c.x.At(j, q))
				}
				if j != i {
					all = append(all, exact{d, int32(j)})
				}
			}
			slices.SortFunc(all, byDistance)
			idx, d := nn.Of(i)
			for q := range idx {
				if idx[q] != all[q].j || d[q] != math.Sqrt(all[q].d) {
					t.Fatalf("%s: spot %d, neighbour %d: %d at %v, want %d at %v", c.reason, i, q, idx[q], d[q], all[q].j, math.Sqrt(all[q].d))
				}
			}
		}
	}
}

func TestDistances(t *testing.T) {
	x := random(9, 60, 3)
	nn, err := KNN(context.Background(), x, 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := nn.Distances()
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	for i := range x.Rows {
		cols, d := m.Row(i)
		idx, want := nn.Of(i)
		for t2, j := range cols {
			if at := slices.Index(idx, j); at < 0 || d[t2] != float32(want[at]) {
				t.Errorf("row %d, column %d: %v", i, j, d[t2])
			}
		}
	}
}

// Spots that share one place have no distance to measure by.
func TestConnectivitiesOfEqualSpots(t *testing.T) {
	x := dense.New[float64](30, 2)
	nn, err := KNN(context.Background(), x, 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := nn.Connectivities()
	for i, w := range c.Data {
		if w != 1 {
			t.Fatalf("tie %d is %v, want 1", i, w)
		}
	}
	if c.NNZ() == 0 {
		t.Error("no ties")
	}
}

// karate is Zachary's club (Journal of Anthropological Research 33:452, 1977).
var karate = [][2]int{
	{0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}, {0, 6}, {0, 7}, {0, 8}, {0, 10}, {0, 11}, {0, 12}, {0, 13}, {0, 17}, {0, 19}, {0, 21}, {0, 31},
	{1, 2}, {1, 3}, {1, 7}, {1, 13}, {1, 17}, {1, 19}, {1, 21}, {1, 30}, {2, 3}, {2, 7}, {2, 8}, {2, 9}, {2, 13}, {2, 27}, {2, 28}, {2, 32},
	{3, 7}, {3, 12}, {3, 13}, {4, 6}, {4, 10}, {5, 6}, {5, 10}, {5, 16}, {6, 16}, {8, 30}, {8, 32}, {8, 33}, {9, 33}, {13, 33}, {14, 32},
	{14, 33}, {15, 32}, {15, 33}, {18, 32}, {18, 33}, {19, 33}, {20, 32}, {20, 33}, {22, 32}, {22, 33}, {23, 25}, {23, 27}, {23, 29},
	{23, 32}, {23, 33}, {24, 25}, {24, 27}, {24, 31}, {25, 31}, {26, 29}, {26, 33}, {27, 33}, {28, 31}, {28, 33}, {29, 32}, {29, 33},
	{30, 32}, {30, 33}, {31, 32}, {31, 33}, {32, 33},
}

func fromEdges(n int, edges [][2]int) *sparse.CSR {
	rows := make([][]int32, n)
	for _, e := range edges {
		rows[e[0]] = append(rows[e[0]], int32(e[1]))
		if e[0] != e[1] {
			rows[e[1]] = append(rows[e[1]], int32(e[0]))
		}
	}
	m := &sparse.CSR{Rows: n, Cols: n, IndPtr: make([]int64, 1, n+1)}
	for _, r := range rows {
		slices.Sort(r)
		r = slices.Compact(r)
		m.Indices = append(m.Indices, r...)
		for range r {
			m.Data = append(m.Data, 1)
		}
		m.IndPtr = append(m.IndPtr, int64(len(m.Data)))
	}
	return m
}

// The greatest modularity of the karate club is 0.4198, of four clusters
// (Brandes et al., IEEE TKDE 20:172, 2008); each seed should find it.
func TestLeidenOnKarateClub(t *testing.T) {
	g := fromEdges(34, karate)
	for seed := range uint64(20) {
		of, err := Leiden(context.Background(), g, LeidenOptions{Seed: seed + 1})
		if err != nil {
			t.Fatal(err)
		}
		q, err := Modularity(g, of, 1)
		if err != nil {
			t.Fatal(err)
		}
		if q < 0.4197 || q > 0.4198 || slices.Max(of) != 3 {
			t.Errorf("seed %d: modularity %.5f of %d clusters, want 0.41979 of 4", seed+1, q, slices.Max(of)+1)
		}
	}
}

func TestModularity(t *testing.T) {
	triangles := fromEdges(6, [][2]int{{0, 1}, {1, 2}, {0, 2}, {3, 4}, {4, 5}, {3, 5}, {2, 3}})
	for _, c := range []struct {
		reason     string
		of         []int
		resolution float64
		want       float64
	}{
		{"two triangles joined by an edge: 2·(6/14 - (7/14)²)", []int{5, 5, 5, -1, -1, -1}, 1, 2 * (6.0/14 - 0.25)},
		{"all in one", []int{0, 0, 0, 0, 0, 0}, 1, 0},
		{"all in one, resolution 0.5", []int{0, 0, 0, 0, 0, 0}, 0.5, 0.5},
		{"each alone: -Σk²/(2m)²", []int{0, 1, 2, 3, 4, 5}, 1, -(4.0*4 + 2*9) / (14 * 14)},
	} {
		got, err := Modularity(triangles, c.of, c.resolution)
		if err != nil || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, %v; want %v", c.reason, got, err, c.want)
		}
	}
}

func TestLeidenFindsGroups(t *testing.T) {
	x, group := mixture(21, 900, 30, 6, 1.5)
	_, g := graphOf(t, x, 14)
	of, err := Leiden(context.Background(), g, LeidenOptions{Resolution: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if r := adjustedRand(of, group); r < 0.99 {
		t.Errorf("adjusted Rand index %.3f of well separated groups", r)
	}
	size := make([]int, slices.Max(of)+1)
	for _, c := range of {
		size[c]++
	}
	if !slices.IsSortedFunc(size, func(a, b int) int { return b - a }) {
		t.Errorf("clusters are not numbered by size: %v", size)
	}
}

// adjustedRand is Hubert and Arabie's index (Journal of Classification 2:193,
// 1985): 1 for equal partitions, 0 on average for unrelated ones.
func adjustedRand(a, b []int) float64 {
	pairs := func(n int) float64 { return float64(n) * float64(n-1) / 2 }
	rows, cols, cells := map[int]int{}, map[int]int{}, map[[2]int]int{}
	for i := range a {
		rows[a[i]]++
		cols[b[i]]++
		cells[[2]int{a[i], b[i]}]++
	}
	var r, c, both float64
	for _, n := range rows {
		r += pairs(n)
	}
	for _, n := range cols {
		c += pairs(n)
	}
	for _, n := range cells {
		both += pairs(n)
	}
	chance := r * c / pairs(len(a))
	return (both - chance) / ((r+c)/2 - chance)
}

// Leiden promises connected clusters, and quality no worse than Louvain's.
func TestLeidenOnGraphsWithoutGroups(t *testing.T) {
	for seed := range uint64(5) {
		x := dense.New[float32](400, 5)
		for i, v := range random(seed, 400, 5).Data {
			x.Data[i] = float32(v)
		}
		_, g := graphOf(t, x, 8)
		of, err := Leiden(context.Background(), g, LeidenOptions{Seed: seed + 1})
		if err != nil {
			t.Fatal(err)
		}
		if c := disconnected(g, of); c >= 0 {
			t.Errorf("seed %d: cluster %d is not connected", seed, c)
		}
		q, err := Modularity(g, of, 1)
		if err != nil {
			t.Fatal(err)
		}
		if l := louvain(g); q < l-0.005 {
			t.Errorf("seed %d: modularity %.4f, gonum's Louvain reaches %.4f", seed, q, l)
		}
	}
}

// disconnected returns a cluster in more than one piece, -1 for none.
func disconnected(g *sparse.CSR, of []int) int {
	seen, begun := make([]bool, len(of)), map[int]bool{}
	for i := range of {
		if seen[i] {
			continue
		}
		if begun[of[i]] {
			return of[i]
		}
		begun[of[i]], seen[i] = true, true
		for stack := []int{i}; len(stack) > 0; {
			v := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			cols, _ := g.Row(v)
			for _, j := range cols {
				if !seen[j] && of[j] == of[i] {
					seen[j] = true
					stack = append(stack, int(j))
				}
			}
		}
	}
	return -1
}

func louvain(g *sparse.CSR) float64 {
	w := simple.NewWeightedUndirectedGraph(0, 0)
	for i := range g.Rows {
		w.AddNode(simple.Node(i))
	}
	for i := range g.Rows {
		cols, v := g.Row(i)
		for t, j := range cols {
			if int(j) > i {
				w.SetWeightedEdge(simple.WeightedEdge{F: simple.Node(i), T: simple.Node(j), W: float64(v[t])})
			}
		}
	}
	return community.Q(w, community.Modularize(w, 1, rand.NewPCG(1, 1)).Communities(), 1)
}

func TestLeidenOnOddGraphs(t *testing.T) {
	for _, c := range []struct {
		reason   string
		g        *sparse.CSR
		clusters int
	}{
		{"no nodes", fromEdges(0, nil), 0},
		{"no edges: each node alone", fromEdges(5, nil), 5},
		{"one node with an edge to itself", fromEdges(1, [][2]int{{0, 0}}), 1},
		{"two pairs and a node alone", fromEdges(5, [][2]int{{0, 1}, {2, 3}}), 3},
		{"one clique", fromEdges(4, [][2]int{{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}), 1},
	} {
		of, err := Leiden(context.Background(), c.g, LeidenOptions{})
		if err != nil {
			t.Errorf("%s: %v", c.reason, err)
			continue
		}
		seen := map[int]bool{}
		for _, k := range of {
			seen[k] = true
		}
		if len(of) != c.g.Rows || len(seen) != c.clusters {
			t.Errorf("%s: clusters %v, want %d of them", c.reason, of, c.clusters)
		}
	}
}

func TestResolution(t *testing.T) {
	x, _ := mixture(23, 600, 20, 8, 0.8)
	_, g := graphOf(t, x, 14)
	last := 0
	for _, r := range []float64{0.1, 1, 5, 40} {
		of, err := Leiden(context.Background(), g, LeidenOptions{Resolution: r})
		if err != nil {
			t.Fatal(err)
		}
		if n := slices.Max(of) + 1; n <= last {
			t.Errorf("resolution %g: %d clusters, not more than the %d before", r, n, last)
		} else {
			last = n
		}
	}
}

// trustworthiness says how few of the k nearest in y were not near in x, 1 for
// none (Venna & Kaski, ICANN 2001, LNCS 2130:485).
func trustworthiness(x dense.Matrix[float64], y dense.Matrix[float64], k int) float64 {
	n, penalty := x.Rows, 0.0
	order := func(m dense.Matrix[float64], i int) []int {
		all := make([]exact, 0, n-1)
		for j := range n {
			if j != i {
				all = append(all, exact{squaredDistance(m.Row(i), m.Row(j)), int32(j)})
			}
		}
		slices.SortFunc(all, byDistance)
		out := make([]int, n-1)
		for r, e := range all {
			out[r] = int(e.j)
		}
		return out
	}
	rank := make([]int, n)
	for i := range n {
		for r, j := range order(x, i) {
			rank[j] = r + 1
		}
		for _, j := range order(y, i)[:k] {
			penalty += math.Max(0, float64(rank[j]-k))
		}
	}
	return 1 - 2*penalty/float64(n*k*(2*n-3*k-1))
}

func wide(m dense.Matrix[float32]) dense.Matrix[float64] {
	w := dense.New[float64](m.Rows, m.Cols)
	for i, v := range m.Data {
		w.Data[i] = float64(v)
	}
	return w
}

func TestUMAPKeepsNeighbours(t *testing.T) {
	x, group := mixture(31, 500, 25, 7, 1.3)
	r, g := graphOf(t, x, 14)
	y, err := UMAP(context.Background(), g, r.Scores, UMAPOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	flat := r.Scores.Select(nil, []int{0, 1})
	was, is := trustworthiness(r.Scores, flat, 15), trustworthiness(r.Scores, wide(y), 15)
	if is < 0.9 || is < was+0.02 {
		t.Errorf("trustworthiness %.3f; the first two components have %.3f", is, was)
	}
	// Of groups this far apart, the nearest in the layout is of the same.
	nn, err := KNN(context.Background(), y, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for i, j := range nn.Index {
		if group[i] == group[j] {
			same++
		}
	}
	if same < 490 {
		t.Errorf("%d of 500 spots lie beside one of their group", same)
	}
}

// TestSameOnAnyNumberOfCores also runs each step twice.
func TestSameOnAnyNumberOfCores(t *testing.T) {
	x, _ := mixture(41, 400, 520, 5, 0.6)
	run := func(cores int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		r, g := graphOf(t, x, 14)
		few, err := PCA(context.Background(), x.Select(nil, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), PCAOptions{})
		if err != nil {
			t.Fatal(err)
		}
		of, err := Leiden(context.Background(), g, LeidenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		y, err := UMAP(context.Background(), g, r.Scores, UMAPOptions{Epochs: 10}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(r.Scores.Data, few.Scores.Data, g.Data, of, y.Data)
	}
	one := run(1)
	for _, cores := range []int{1, 3} {
		if run(cores) != one {
			t.Errorf("%d cores give other numbers than one", cores)
		}
	}
}

func TestErrors(t *testing.T) {
	ctx := context.Background()
	x := random(1, 10, 4)
	bad := x.Clone()
	bad.Set(7, 2, math.NaN())
	g := fromEdges(10, karate[:3])
	lopsided := fromEdges(3, [][2]int{{0, 1}})
	lopsided.Data[0] = 2
	negative := fromEdges(3, [][2]int{{0, 1}})
	negative.Data[0], negative.Data[1] = -1, -1
	broken := fromEdges(3, [][2]int{{0, 1}})
	broken.Indices[0] = 9
	pca := func(m dense.Matrix[float64], k int) error {
		_, err := PCA(ctx, m, PCAOptions{Components: k})
		return err
	}
	knn := func(m dense.Matrix[float64], k int) error { _, err := KNN(ctx, m, k, nil); return err }
	leiden := func(g *sparse.CSR, o LeidenOptions) error { _, err := Leiden(ctx, g, o); return err }
	umap := func(g *sparse.CSR, m dense.Matrix[float64], o UMAPOptions) error {
		_, err := UMAP(ctx, g, m, o, nil)
		return err
	}
	for _, c := range []struct {
		reason string
		err    error
		want   string
	}{
		{"a value that is not a number is named", pca(bad, 0), "row 7, column 2 is NaN"},
		{"no spots", pca(dense.New[float64](0, 4), 0), "0 x 4"},
		{"one spot has no variance", pca(random(1, 1, 4), 0), "at least 2"},
		{"more components than genes", pca(x, 5), "want 1 to 4"},
		{"values missing", pca(dense.Matrix[float64]{Rows: 2, Cols: 2, Stride: 2}, 0), "cannot fill"},
		{"neighbours: not a number", knn(bad, 3), "row 7, column 2"},
		{"neighbours: more than others", knn(x, 10), "want 1 to 9"},
		{"neighbours: none asked for", knn(x, 0), "want 1 to 9"},
		{"clusters: not symmetric", leiden(lopsided, LeidenOptions{}), "not symmetric: nodes 0 and 1"},
		{"clusters: negative weight", leiden(negative, LeidenOptions{}), "weight -1"},
		{"clusters: malformed", leiden(broken, LeidenOptions{}), "column 9"},
		{"clusters: negative resolution", leiden(g, LeidenOptions{Resolution: -1}), "resolution -1"},
		{"layout: start of another size", umap(g, random(1, 9, 4), UMAPOptions{}), "10 nodes"},
		{"layout: more dimensions than the start has", umap(g, x, UMAPOptions{Components: 5}), "5 dimensions"},
		{"layout: least distance beyond the spread", umap(g, x, UMAPOptions{MinDist: 4}), "least distance 4"},
		{"layout: start not finite", umap(g, bad, UMAPOptions{}), "row 7"},
		{"layout: not symmetric", umap(lopsided, random(1, 3, 2), UMAPOptions{}), "not symmetric"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) || !strings.HasPrefix(c.err.Error(), "embed: ") {
			t.Errorf("%s: error %v, want one with %q", c.reason, c.err, c.want)
		}
	}
}

func TestStops(t *testing.T) {
	x, _ := mixture(1, 300, 600, 3, 1)
	r, g := graphOf(t, x, 5)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	_, pca := PCA(ctx, x, PCAOptions{})
	_, few := PCA(ctx, x.Select(nil, []int{1, 2, 3}), PCAOptions{})
	_, knn := KNN(ctx, r.Scores, 5, nil)
	_, leiden := Leiden(ctx, g, LeidenOptions{})
	_, umap := UMAP(ctx, g, r.Scores, UMAPOptions{}, nil)
	for i, err := range []error{pca, few, knn, leiden, umap} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("step %d goes on when it is told to stop: %v", i, err)
		}
	}
}

func BenchmarkPCA(b *testing.B) {
	for _, genes := range []int{128, 2000} {
		x, _ := mixture(1, 5000, genes, 8, 0.3)
		b.Run(fmt.Sprint(genes), func(b *testing.B) {
			for b.Loop() {
				if _, err := PCA(context.Background(), x, PCAOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkKNN(b *testing.B) {
	x := random(1, 5000, 50)
	for b.Loop() {
		if _, err := KNN(context.Background(), x, 14, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeiden(b *testing.B) {
	x, _ := mixture(1, 5000, 50, 8, 0.3)
	_, g := graphOf(b, x, 14)
	for b.Loop() {
		if _, err := Leiden(context.Background(), g, LeidenOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUMAP(b *testing.B) {
	x, _ := mixture(1, 2000, 50, 8, 0.3)
	r, g := graphOf(b, x, 14)
	for b.Loop() {
		if _, err := UMAP(context.Background(), g, r.Scores, UMAPOptions{Epochs: 100}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
