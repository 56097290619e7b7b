package neighbor_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/goldentest"
	"github.com/spatialgo/spatialgo/spared/neighbor"
)

// TestEqualsSquidpy compares the graphs of two real slides with
// squidpy.gr.spatial_neighbors (n_neighs=6, coord_type="generic", version
// 1.8.2). Spots whose 6th and 7th neighbours are equally far may differ there:
// squidpy leaves the choice to its search tree.
func TestEqualsSquidpy(t *testing.T) {
	for _, file := range []string{"hippo1_graph.tsv.gz", "hippocampus_graph.tsv.gz"} {
		t.Run(file, func(t *testing.T) {
			table := goldentest.ReadTable(t, "golden", file)
			g, err := neighbor.KNN(table.Floats(t, "x"), table.Floats(t, "y"), 6)
			if err != nil {
				t.Fatal(err)
			}
			want, err := neighbor.FromRows(table.Neighbours(t))
			if err != nil {
				t.Fatal(err)
			}
			tie, ties := table.Floats(t, "tie_6_7"), 0
			for i := range g.Len() {
				if tie[i] != 0 {
					ties++
				} else if !slices.Equal(g.Of(i), want.Of(i)) {
					t.Errorf("spot %d: neighbours %v, want %v", i, g.Of(i), want.Of(i))
				}
			}
			reverse := want.Transpose()
			for i, n := range table.Floats(t, "reverse_count") {
				if got := len(reverse.Of(i)); float64(got) != n {
					t.Errorf("spot %d is a neighbour of %d spots, want %g", i, got, n)
				}
			}
			t.Logf("%d spots, %d with a tie between the 6th and 7th neighbour", g.Len(), ties)
		})
	}
}

// TestWindowsEqualSpaRED compares window sizes (which there include the spot
// itself) with spared.spot_features.get_spatial_neighbors.
func TestWindowsEqualSpaRED(t *testing.T) {
	table := goldentest.ReadTable(t, "golden", "hippo1_graph.tsv.gz")
	spots := goldentest.ReadTable(t, "golden", "hippo1_spots.tsv.gz")
	g, err := neighbor.KNN(table.Floats(t, "x"), table.Floats(t, "y"), 6)
	if err != nil {
		t.Fatal(err)
	}
	for hops := 1; hops <= 4; hops++ {
		w := g.Window(hops)
		for i, n := range spots.Floats(t, fmt.Sprintf("window%d", hops)) {
			if got := 1 + len(w.Of(i)); float64(got) != n {
				t.Errorf("spot %d: %d spots within %d hops, want %g", i, got, hops, n)
			}
		}
	}
}
