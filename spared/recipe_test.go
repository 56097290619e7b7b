package spared

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// full is a recipe with every field set.
var full = Recipe{
	Inputs: []Input{{Name: "A", Dir: "a", Split: Train, Patient: "anna"}, {Dir: "b.h5ad#B", Split: Val}},
	Train:  []string{"A"}, Val: []string{"B"}, Test: []string{"C"}, Patients: map[string]string{"B": "ben"},
	Labels: map[string]map[string]string{"A": {"condition": "tumour"}}, Organism: "human", Order: Released,
	SpotMin: 1, SpotMax: 2, GeneMin: 3, GeneMax: 4, RealShare: 0.5, GeneList: []string{"TP53"}, Genes: 6,
	Normalization: CPM, Graph: GraphRadius, Neighbors: 7, Radius: 1.25, Transposed: true, Hops: 3, BatchKey: "patient",
	Covariates: []string{"condition"}, Reference: "anna", MeanOnly: true, FirstGene: true,
	ValShare: 0.1, Seed: 1<<63 + 1, Noisy: true, NoPanel: true,
}

func writeText(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recipe.json")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRecipeFile(t *testing.T) {
	for _, r := range []Recipe{{}, full, full.withDefaults(), Recipe{}.withDefaults()} {
		b, err := json.MarshalIndent(r, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadRecipe(writeText(t, string(b)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("the recipe reads back otherwise:\n%s", diff)
		}
	}
	var keys map[string]any
	b, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &keys); err != nil {
		t.Fatal(err)
	}
	for key := range strings.SplitSeq(keysOf[Recipe](), ", ") {
		if _, ok := keys[key]; !ok {
			t.Errorf("key %q is never written: the test's recipe leaves it out, or its name is wrong", key)
		}
		delete(keys, key)
	}
	if len(keys) > 0 {
		t.Errorf("keys without a place in the list: %v", keys)
	}
}

func TestRecipeFileErrors(t *testing.T) {
	for _, tc := range []struct {
		reason, text string
		want         []string
	}{
		{"a key that no recipe has", `{"genes": 3, "gene_max_counts": 4}`, []string{"gene_max_counts", "no part of a recipe", "gene_max,", "path, split"}},
		{"a key that no input has", `{"inputs": [{"path": "x", "dir": "y"}]}`, []string{"dir", "no part", "path"}},
		{"text for a number", "{\n\"genes\": \"3\"}", []string{"genes", "line 2", "want a number"}},
		{"a fraction of a gene", `{"genes": 2.5}`, []string{"genes", "want a number"}},
		{"a number for a list", `{"train": 1}`, []string{"train", "want a list"}},
		{"no such split", `{"inputs": [{"path": "x", "split": "training"}]}`, []string{`"training"`, "train, val, test"}},
		{"not JSON", "genes: 3", []string{"line 1", "not JSON"}},
		{"cut off", `{"genes": 3`, []string{"ends too early"}},
		{"empty", "", []string{"ends too early"}},
		{"two recipes", "{}\n{}", []string{"line", "something follows"}},
		{"a list", "[]", []string{"want an object"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			path := writeText(t, tc.text)
			_, err := ReadRecipe(path)
			var fe *FormatError
			if !errors.As(err, &fe) || fe.Path != path {
				t.Fatalf("got %v, want a FormatError that names the file", err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
		})
	}
	if _, err := ReadRecipe(filepath.Join(t.TempDir(), "absent.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file gave %v", err)
	}
}

func FuzzRecipe(f *testing.F) {
	b, err := json.Marshal(full)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"inputs": [{"split": "val"}], "seed": 1e3}`))
	f.Add([]byte(`{"genes": -1, "hops": 99}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecipe("recipe.json", b)
		if err != nil {
			var fe *FormatError
			if !errors.As(err, &fe) {
				t.Fatalf("%v is no FormatError", err)
			}
			return
		}
		_ = r.withDefaults().check() // any answer but a panic
	})
}

func TestRecipeCheck(t *testing.T) {
	for _, tc := range []struct {
		reason string
		change func(r *Recipe)
		want   string
	}{
		{"the published settings", func(*Recipe) {}, ""},
		{"no such normalization", func(r *Recipe) { r.Normalization = "rpkm" }, `"rpkm"`},
		{"no such graph", func(r *Recipe) { r.Graph = "star" }, `"star"`},
		{"a radius for a graph without one", func(r *Recipe) { r.Radius = 2 }, "radius"},
		{"a number of neighbours for a graph that has its own", func(r *Recipe) { r.Graph, r.Neighbors = GraphHex, 4 }, "neighbours"},
		{"too many neighbours", func(r *Recipe) { r.Neighbors = 1000 }, "1000 neighbours"},
		{"a radius that is no number", func(r *Recipe) { r.Graph, r.Radius = GraphRadius, -1 }, "-1 spot pitches"},
		{"the published bug in the other order", func(r *Recipe) { r.FirstGene = true }, "--order released"},
		{"covariates that are batches", func(r *Recipe) {
			r.Covariates, r.Labels = []string{"site"}, map[string]map[string]string{"A": {"site": "x"}}
		}, "--batch patient"},
		{"covariates that nobody has", func(r *Recipe) { r.Covariates, r.BatchKey = []string{"site"}, "patient" }, `"site"`},
		{"options of what is not done", func(r *Recipe) { r.MeanOnly, r.BatchKey = true, "none" }, "batch key is none"},
		{"a label under a name that is taken", func(r *Recipe) { r.Labels = map[string]map[string]string{"A": {"split": "x"}} }, `"split"`},
		{"a label that no file can hold", func(r *Recipe) { r.Labels = map[string]map[string]string{"A": {"a/b": "x"}} }, `"a/b"`},
	} {
		r := Recipe{Inputs: []Input{{Dir: "x"}}}
		tc.change(&r)
		err := r.withDefaults().check()
		if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.reason, err, tc.want)
		}
	}
}
