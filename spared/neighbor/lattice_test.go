package neighbor_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// A 5x5 square grid with four spots missing, placed with an error of 4 px at a
// pitch of 100, and its graphs by squidpy 1.8.2: GridBuilder(n_neighs=8),
// GridBuilder(n_neighs=4), RadiusBuilder(radius=150).
var (
	gridX = []float64{1.4, 101.3, 203.6, 297.9, 1.5, 100.1, 197.1, 298.1, 400.2, -3.1, 100.0, 405.2, -10.8, 99.3, 200.9, 308.5, 398.5, 102.6, 197.9, 300.7, 395.1}
	gridY = []float64{3.3, -5.2, 1.8, 2.3, 101.2, 102.2, 99.3, 102.4, 98.8, 199.0, 198.9, 204.0, 292.4, 298.3, 300.9, 295.6, 308.2, 402.7, 393.4, 400.4, 397.3}
	grid8 = [][]int{{1, 4, 5}, {0, 2, 4, 5, 6}, {1, 3, 5, 6, 7}, {2, 6, 7, 8}, {0, 1, 5, 9, 10}, {0, 1, 2, 4, 6, 9, 10}, {1, 2, 3, 5, 7, 10}, {2, 3, 6, 8, 11}, {3, 7, 11}, {4, 5, 10, 12, 13}, {4, 5, 6, 9, 12, 13, 14}, {7, 8, 15, 16}, {9, 10, 13, 17}, {9, 10, 12, 14, 17, 18}, {10, 13, 15, 17, 18, 19}, {11, 14, 16, 18, 19, 20}, {11, 15, 19, 20}, {12, 13, 14, 18}, {13, 14, 15, 17, 19}, {14, 15, 16, 18, 20}, {15, 16, 19}}
	grid4 = [][]int{{1, 4}, {0, 2, 5}, {1, 3, 6}, {2, 7}, {0, 5, 9}, {1, 4, 6, 10}, {2, 5, 7}, {3, 6, 8}, {7, 11}, {4, 10, 12}, {5, 9, 13}, {8, 15, 16}, {9, 13}, {10, 12, 14, 17}, {13, 15, 18}, {11, 14, 16, 19}, {11, 15, 20}, {13, 18}, {14, 17, 19}, {15, 18, 20}, {15, 16, 19}}
	radii = [][]int{{1, 4, 5}, {0, 2, 4, 5, 6}, {1, 3, 5, 6, 7}, {2, 6, 7, 8}, {0, 1, 5, 9, 10}, {0, 1, 2, 4, 6, 9, 10}, {1, 2, 3, 5, 7, 10}, {2, 3, 6, 8, 11}, {3, 7, 11}, {4, 5, 10, 12, 13}, {4, 5, 6, 9, 12, 13, 14}, {7, 8, 15, 16}, {9, 10, 13}, {9, 10, 12, 14, 17, 18}, {10, 13, 15, 17, 18, 19}, {11, 14, 16, 18, 19, 20}, {11, 15, 19, 20}, {13, 14, 18}, {13, 14, 15, 17, 19}, {14, 15, 16, 18, 20}, {15, 16, 19}}
)

func TestGraphsEqualSquidpy(t *testing.T) {
	for _, c := range []struct {
		reason string
		got    func() (*neighbor.Graph, error)
		want   [][]int
	}{
		{"sides and corners", func() (*neighbor.Graph, error) { return neighbor.SquareGrid(gridX, gridY, 8) }, grid8},
		{"sides", func() (*neighbor.Graph, error) { return neighbor.SquareGrid(gridX, gridY, 4) }, grid4},
		{"within 150 px", func() (*neighbor.Graph, error) { return neighbor.Radius(gridX, gridY, 150) }, radii},
	} {
		got, err := c.got()
		if err != nil {
			t.Fatalf("%s: %v", c.reason, err)
		}
		want, err := neighbor.FromRows(c.want)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Start, want.Start) || !slices.Equal(got.Index, want.Index) {
			t.Errorf("%s: got %v, want %v", c.reason, got, want)
		}
	}
}

func TestRadiusEqualsBruteForce(t *testing.T) {
	const seed = 41
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, l := range layouts(rng) {
		for _, r := range []float64{0, 0.1, 1, 150, 1e7, 1e200, math.Inf(1)} {
			g, err := neighbor.Radius(l.x, l.y, r)
			if err != nil {
				t.Fatalf("%s: %v", l.reason, err)
			}
			if err := g.Check(); err != nil {
				t.Fatalf("%s: %v", l.reason, err)
			}
			for i := range l.x {
				var want []int32
				for j := range l.x {
					dx, dy := l.x[i]-l.x[j], l.y[i]-l.y[j]
					if j != i && float64(dx*dx)+float64(dy*dy) <= r*r {
						want = append(want, int32(j))
					}
				}
				if !slices.Equal(g.Of(i), want) {
					t.Fatalf("%s, r=%g: spot %d: neighbours %v, want %v", l.reason, r, i, g.Of(i), want)
				}
			}
		}
	}
}

// array returns the places of a whole array, less a share that is missing.
func array(rng *rand.Rand, rows, cols int, missing float64, at func(r, c int) (int, int)) (row, col []int) {
	for _, k := range rng.Perm(rows * cols) {
		if rng.Float64() >= missing {
			r, c := at(k/cols, k%cols)
			row, col = append(row, r), append(col, c)
		}
	}
	return row, col
}

func visium(r, c int) (int, int) { return r, 2*c + r%2 }
func square(r, c int) (int, int) { return r, c }

// TestLatticeGraphs compares with a look at all pairs, and with nearest
// neighbours where nothing is missing.
func TestLatticeGraphs(t *testing.T) {
	const seed = 42
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, missing := range []float64{0, 0.3, 0.9} {
		row, col := array(rng, 13, 11, missing, visium)
		hex, err := neighbor.HexLattice(row, col)
		if err != nil {
			t.Fatal(err)
		}
		equalPairs(t, "hex", hex, func(i, j int) bool {
			dr, dc := row[i]-row[j], col[i]-col[j]
			return 3*dr*dr+dc*dc == 4 // in half columns and rows √3 times as far apart
		})
		row, col = array(rng, 9, 14, missing, square)
		for _, k := range []int{4, 8} {
			g, err := neighbor.SquareLattice(row, col, k)
			if err != nil {
				t.Fatal(err)
			}
			equalPairs(t, "square", g, func(i, j int) bool {
				dr, dc := row[i]-row[j], col[i]-col[j]
				d := dr*dr + dc*dc
				return d == 1 || d == 2 && k == 8
			})
		}
	}
}

func equalPairs(t *testing.T, what string, g *neighbor.Graph, touch func(i, j int) bool) {
	t.Helper()
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	for i := range g.Len() {
		for j := range g.Len() {
			if i != j && slices.Contains(g.Of(i), int32(j)) != touch(i, j) {
				t.Fatalf("%s: spots %d and %d: neighbours %t, want %t", what, i, j, !touch(i, j), touch(i, j))
			}
		}
	}
}

// TestInnerSpots checks that all graphs agree where nothing is missing.
func TestInnerSpots(t *testing.T) {
	const seed = 43
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	row, col := array(rng, 12, 12, 0, visium)
	x, y := make([]float64, len(row)), make([]float64, len(row))
	for i := range row {
		x[i], y[i] = 50*float64(col[i]), 50*math.Sqrt(3)*float64(row[i])
	}
	lattice, err := neighbor.HexLattice(row, col)
	if err != nil {
		t.Fatal(err)
	}
	for name, build := range map[string]func() (*neighbor.Graph, error){
		"KNN":        func() (*neighbor.Graph, error) { return neighbor.KNN(x, y, 6) },
		"SquareGrid": func() (*neighbor.Graph, error) { return neighbor.SquareGrid(x, y, 6) },
		"Radius":     func() (*neighbor.Graph, error) { return neighbor.Radius(x, y, 130) },
		"Delaunay":   func() (*neighbor.Graph, error) { return neighbor.Delaunay(x, y) },
	} {
		g, err := build()
		if err != nil {
			t.Fatal(err)
		}
		inner := 0
		for i := range g.Len() {
			if len(lattice.Of(i)) == 6 {
				inner++
				if !slices.Equal(g.Of(i), lattice.Of(i)) {
					t.Errorf("%s: spot %d: %v, on the lattice %v", name, i, g.Of(i), lattice.Of(i))
				}
			}
		}
		if inner != 10*10 {
			t.Fatalf("%d inner spots", inner)
		}
	}
}

func TestLattice(t *testing.T) {
	const seed = 44
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, c := range []struct {
		reason string
		rows   int
		at     func(r, c int) (int, int)
		gone   float64
		want   neighbor.Kind
	}{
		{"Visium", 20, visium, 0, neighbor.Hex},
		{"Visium, tissue with holes", 20, visium, 0.5, neighbor.Hex},
		{"hexagonal with odd sums", 20, func(r, c int) (int, int) { r, c = visium(r, c); return r, c + 1 }, 0.1, neighbor.Hex},
		{"negative places", 20, func(r, c int) (int, int) { r, c = visium(r, c); return -r, -c }, 0.1, neighbor.Hex},
		{"square", 20, square, 0, neighbor.Square},
		{"square, tissue with holes", 20, square, 0.4, neighbor.Square},
		{"square, one row", 1, square, 0, neighbor.Square},
		{"places two apart both ways: not known", 20, func(r, c int) (int, int) { return 2 * r, 3 * c }, 0, neighbor.Unknown},
		{"scattered", 20, func(r, c int) (int, int) { return r * 977 % 1009, c * 601 % 1013 * 5 }, 0, neighbor.Unknown},
		{"one spot", 1, func(_, c int) (int, int) { return 0, 0 }, 0.95, neighbor.Unknown},
		{"the file says 0 for all", 2, func(_, _ int) (int, int) { return 0, 0 }, 0, neighbor.Unknown},
		{"out of bounds", 2, func(r, c int) (int, int) { return r, c + math.MaxInt32 }, 0, neighbor.Unknown},
	} {
		row, col := array(rng, c.rows, 20, c.gone, c.at)
		if got := neighbor.Lattice(row, col); got != c.want {
			t.Errorf("%s: %d spots are %v, want %v", c.reason, len(row), got, c.want)
		}
	}
	if got := neighbor.Lattice([]int{1, 2}, []int{1}); got != neighbor.Unknown {
		t.Errorf("lengths differ: %v", got)
	}
}

// TestLatticeOfRealSlides checks the ST 2K arrays, hexagonal with x as column,
// and the legacy ST arrays, square.
func TestLatticeOfRealSlides(t *testing.T) {
	for _, c := range []struct {
		path []string
		row  string
		col  string
		want neighbor.Kind
	}{
		{[]string{"data", "hippo", "alignment_table_Hippo1.tsv.gz"}, "y", "x", neighbor.Hex},
		{[]string{"data", "mob", "alignment_table_MOB2.tsv.gz"}, "y", "x", neighbor.Hex},
		{[]string{"data", "her2st", "spots", "A1_selection.tsv"}, "y", "x", neighbor.Square},
	} {
		t.Run(strings.Join(c.path, "/"), func(t *testing.T) {
			table := goldentest.ReadTable(t, c.path...)
			row, col := whole(table.Floats(t, c.row)), whole(table.Floats(t, c.col))
			if got := neighbor.Lattice(row, col); got != c.want {
				t.Fatalf("%v, want %v", got, c.want)
			}
			if c.want != neighbor.Hex {
				return
			}
			g, err := neighbor.HexLattice(row, col)
			if err != nil {
				t.Fatal(err)
			}
			nearest, err := neighbor.KNN(table.Floats(t, "pixel_x"), table.Floats(t, "pixel_y"), 6)
			if err != nil {
				t.Fatal(err)
			}
			inner, same := 0, 0
			for i := range g.Len() {
				if len(g.Of(i)) == 6 {
					inner++
					if slices.Equal(g.Of(i), nearest.Of(i)) {
						same++
					}
				}
			}
			t.Logf("%d spots, %d inner, of which %d have the same 6 nearest in the picture", g.Len(), inner, same)
			if float64(same) < 0.9*float64(inner) {
				t.Error("the lattice is another than the picture's")
			}
		})
	}
}

func whole(v []float64) []int {
	n := make([]int, len(v))
	for i, f := range v {
		n[i] = int(f)
	}
	return n
}

func TestPerSlide(t *testing.T) {
	const seed = 45
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	x, y := scatter(rng, 120)
	slide := make([]int, len(x))
	for i := range slide {
		slide[i] = 5 - rng.IntN(4)
	}
	got, err := neighbor.PerSlide(slide, func(spots []int) (*neighbor.Graph, error) {
		if !slices.IsSorted(spots) {
			t.Errorf("spots %v do not rise", spots)
		}
		px, py := make([]float64, len(spots)), make([]float64, len(spots))
		for k, i := range spots {
			px[k], py[k] = x[i], y[i]
		}
		return neighbor.KNN(px, py, 6)
	})
	if err != nil {
		t.Fatal(err)
	}
	want, err := neighbor.KNNWithin(x, y, slide, 6)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Start, want.Start) || !slices.Equal(got.Index, want.Index) {
		t.Error("slide by slide is not KNNWithin")
	}
	bad := errors.New("bad slide")
	if _, err := neighbor.PerSlide(slide, func([]int) (*neighbor.Graph, error) { return nil, bad }); !errors.Is(err, bad) {
		t.Errorf("got %v, want %v", err, bad)
	}
	if _, err := neighbor.PerSlide(slide, func([]int) (*neighbor.Graph, error) { return neighbor.KNN(x, y, 1) }); err == nil {
		t.Error("a graph of other spots: no error")
	}
}

func scatter(rng *rand.Rand, n int) (x, y []float64) {
	for range n {
		x, y = append(x, rng.Float64()), append(y, rng.Float64())
	}
	return x, y
}

func TestGraphErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	two := []float64{1, 2}
	for _, c := range []struct {
		reason string
		build  func() (*neighbor.Graph, error)
		names  string // what the message must name
	}{
		{"radius NaN", func() (*neighbor.Graph, error) { return neighbor.Radius(two, two, nan) }, "NaN"},
		{"negative radius", func() (*neighbor.Graph, error) { return neighbor.Radius(two, two, -1) }, "-1"},
		{"Radius, NaN x", func() (*neighbor.Graph, error) { return neighbor.Radius([]float64{1, nan}, two, 1) }, "spot 1"},
		{"SquareGrid, lengths", func() (*neighbor.Graph, error) { return neighbor.SquareGrid(two, two[:1], 4) }, "2 x but 1 y"},
		{"SquareGrid, negative k", func() (*neighbor.Graph, error) { return neighbor.SquareGrid(two, two, -4) }, "-4"},
		{"Delaunay, infinite y", func() (*neighbor.Graph, error) { return neighbor.Delaunay(two, []float64{inf, 0}) }, "spot 0"},
		{"Delaunay, lengths", func() (*neighbor.Graph, error) { return neighbor.Delaunay(two, nil) }, "2 x but 0 y"},
		{"HexLattice, lengths", func() (*neighbor.Graph, error) { return neighbor.HexLattice([]int{1}, nil) }, "1 array rows"},
		{"HexLattice of a square array", func() (*neighbor.Graph, error) { return neighbor.HexLattice([]int{1, 1}, []int{3, 4}) }, "row 1, column 4"},
		{"HexLattice, two slides", func() (*neighbor.Graph, error) { return neighbor.HexLattice([]int{1, 2, 1}, []int{3, 4, 3}) }, "spots 0 and 2"},
		{"SquareLattice, two slides", func() (*neighbor.Graph, error) { return neighbor.SquareLattice([]int{1, 1}, []int{3, 3}, 4) }, "spots 0 and 1"},
		{"SquareLattice, 6 neighbours", func() (*neighbor.Graph, error) { return neighbor.SquareLattice(nil, nil, 6) }, "6"},
		{"beyond any array", func() (*neighbor.Graph, error) { return neighbor.SquareLattice([]int{math.MaxInt}, []int{0}, 4) }, "spot 0"},
	} {
		g, err := c.build()
		if err == nil || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: graph %v, error %v, want one that names %q", c.reason, g, err, c.names)
		}
	}
}

// FuzzGraphs builds all graphs of any coordinates: eight bytes a number.
func FuzzGraphs(f *testing.F) {
	seed := func(v ...float64) {
		var b []byte
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		f.Add(b)
	}
	seed()
	seed(0, 0, 1, 0, 0, 1, 1, 1)                               // one cell of a grid
	seed(0, 0, 0, 0, 1, 1, 1, 1)                               // doubled
	seed(0, 0, 1, 1, 2, 2, 3, 3)                               // on a line
	seed(math.NaN(), 0, 1, 1)                                  // not a number
	seed(math.Inf(1), 0, 1, 1)                                 // infinite
	seed(1e300, -1e300, -1e300, 1e300, 1e-300, 5e-324, 0, 1)   // extremes
	seed(0, 0, 1, 1e-17, 2, 0, 1, -1e-17, 1, 1, 1, -1, 3, 1e9) // slivers
	f.Fuzz(func(t *testing.T, b []byte) {
		var x, y []float64
		var row, col []int
		for ; len(b) >= 16 && len(x) < 9; b = b[16:] {
			u, v := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
			x, y = append(x, math.Float64frombits(u)), append(y, math.Float64frombits(v))
			row, col = append(row, int(u)), append(col, int(v))
		}
		wrong := slices.ContainsFunc(append(slices.Clone(x), y...), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
		delaunay, err := neighbor.Delaunay(x, y)
		if (err != nil) != wrong {
			t.Fatalf("Delaunay: %v", err)
		}
		if err == nil {
			if fault := faultOfDelaunay(x, y, delaunay); fault != "" {
				t.Fatalf("Delaunay of %v, %v: %s", x, y, fault)
			}
		}
		for _, build := range []func() (*neighbor.Graph, error){
			func() (*neighbor.Graph, error) { return neighbor.Radius(x, y, 1) },
			func() (*neighbor.Graph, error) { return neighbor.SquareGrid(x, y, 4) },
			func() (*neighbor.Graph, error) { return neighbor.KNN(x, y, 3) },
		} {
			g, err := build()
			if (err != nil) != wrong {
				t.Fatalf("graph %v, error %v", g, err)
			}
			if err == nil && (g.Len() != len(x) || len(x) > 0 && g.Check() != nil) {
				t.Fatalf("graph %v of %d spots", g, len(x))
			}
		}
		kind := neighbor.Lattice(row, col)
		if g, err := neighbor.HexLattice(row, col); kind == neighbor.Hex && (err != nil || g.Check() != nil) {
			t.Fatalf("hexagonal, yet %v", err)
		}
		if g, err := neighbor.SquareLattice(row, col, 8); kind == neighbor.Square && (err != nil || g.Check() != nil) {
			t.Fatalf("square, yet %v", err)
		}
	})
}
