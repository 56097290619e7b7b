package spared

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
)

// disguise returns a copy of a slide's spots and genes in another order.
func disguise(s *slide.Slide, name string, spots, genes []int, barcode func(string) string) *slide.Slide {
	out := &slide.Slide{Name: name, Counts: s.Counts.Select(spots, genes), Scale: s.Scale}
	for _, g := range genes {
		out.Genes = append(out.Genes, s.Genes[g])
	}
	for _, i := range spots {
		out.Barcodes = append(out.Barcodes, barcode(s.Barcodes[i]))
		out.ArrayRow, out.ArrayCol = append(out.ArrayRow, s.ArrayRow[i]), append(out.ArrayCol, s.ArrayCol[i])
		out.X, out.Y = append(out.X, s.X[i]), append(out.Y, s.Y[i])
		out.InTissue = append(out.InTissue, true)
	}
	return out
}

func TestCheckLeaks(t *testing.T) {
	const seed = 5
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	ids := mouseIDs(t, 60)
	a, b := tissue("A", ids, 16, 1), tissue("B", ids, 14, 2)
	all := func(n int) []int { return rng.Perm(n) }
	same := func(s string) string { return s }
	other := func(s string) string { return "Z" + s }
	genes := rng.Perm(60)
	for _, tc := range []struct {
		reason        string
		second        *slide.Slide
		splits        [2]Split
		patients      [2]string
		kinds         []LeakKind
		spots         int
		share, bcodes float64
		words         string
	}{
		{reason: "two slides of one kind share barcodes, not counts", second: b, splits: [2]Split{Train, Val}},
		{reason: "the same slide again", second: disguise(a, "B", all(256), genes, same), splits: [2]Split{Train, Val},
			kinds: []LeakKind{SameSpots}, spots: 256, share: 1, bcodes: 1, words: "under the same barcodes"},
		{reason: "its spots renamed", second: disguise(a, "B", all(256), genes, other), splits: [2]Split{Train, Test},
			kinds: []LeakKind{SameSpots}, spots: 256, share: 1, bcodes: 0, words: "under other barcodes"},
		{reason: "a part of it, with fewer genes", second: disguise(a, "B", all(256)[:40], genes[:50], same), splits: [2]Split{Train, Val},
			kinds: []LeakKind{SameSpots}, spots: 40, share: 1, bcodes: 1, words: "(100 % of the smaller)"},
		{reason: "one patient in two splits", second: b, splits: [2]Split{Train, Val}, patients: [2]string{"anna", "anna"},
			kinds: []LeakKind{SamePatient}, words: `patient "anna" is in two splits`},
		{reason: "one patient in one split", second: b, splits: [2]Split{Train, Train}, patients: [2]string{"anna", "anna"}},
		{reason: "two patients", second: b, splits: [2]Split{Train, Val}, patients: [2]string{"anna", "ben"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			leaks, err := CheckLeaks(context.Background(), []*Slide{a, tc.second}, tc.splits[:], tc.patients[:])
			if err != nil {
				t.Fatal(err)
			}
			var kinds []LeakKind
			for _, l := range leaks {
				kinds = append(kinds, l.Kind)
				if text := l.String(); !strings.Contains(text, tc.words) || !strings.Contains(text, `"A" (train)`) || !strings.Contains(text, `"B"`) {
					t.Errorf("the leak is called %q", text)
				}
			}
			if !slices.Equal(kinds, tc.kinds) {
				t.Fatalf("found %v, want %v", leaks, tc.kinds)
			}
			if len(leaks) == 1 && (leaks[0].Spots != tc.spots || leaks[0].Share != tc.share || leaks[0].Barcodes != tc.bcodes) {
				t.Errorf("found %+v, want %d spots, shares %g and %g", leaks[0], tc.spots, tc.share, tc.bcodes)
			}
		})
	}
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := CheckLeaks(stopped, []*Slide{a, b}, []Split{Train, Val}, []string{"", ""}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// What Curate refuses, and what it only notes.
func TestCurateLeaks(t *testing.T) {
	ids := mouseIDs(t, 60)
	make := func(names string) (slides []*slide.Slide, r Recipe) {
		for k, name := range strings.Split(names, "") {
			slides = append(slides, tissue(name, ids, 14, uint64(k)))
			r.Inputs = append(r.Inputs, Input{Name: name})
		}
		r.Genes = 20
		return slides, r
	}
	twin := func(slides []*slide.Slide) {
		n := len(slides[0].Barcodes)
		slides[1] = disguise(slides[0], slides[1].Name, seqTo(n), seqTo(60), func(s string) string { return s + "x" })
	}
	for _, tc := range []struct {
		reason  string
		slides  string
		change  func(slides []*slide.Slide, r *Recipe)
		refused string // part of the error in Clean order; "" = it builds
		noted   string // part of a note: in Released order where refused, else in both
	}{
		{"one slide under two names, in two splits", "AB", func(s []*slide.Slide, r *Recipe) { twin(s) }, `slide "A" (train) and slide "B" (val)`, "LEAK: slide"},
		{"one slide under two names, in one split", "ABC", func(s []*slide.Slide, r *Recipe) {
			twin(s)
			r.Train, r.Val = []string{"A", "B"}, []string{"C"}
		}, "", "LEAK: slide"},
		{"sections of one patient, as published", "AB", func(_ []*slide.Slide, r *Recipe) { r.Patients = map[string]string{"A": "p", "B": "p"} }, "", "patient p is in more than one split"},
		{"patients as batches: one trains and validates, none tests", "AB", func(_ []*slide.Slide, r *Recipe) {
			r.Patients, r.BatchKey = map[string]string{"A": "p", "B": "p"}, "patient"
		}, `patient "p" is in two splits`, "LEAK: patient"},
		{"one trains and tests", "ABC", func(_ []*slide.Slide, r *Recipe) {
			r.Patients, r.BatchKey = map[string]string{"A": "p", "B": "q", "C": "p"}, "patient"
			r.Train, r.Val, r.Test = []string{"A"}, []string{"B"}, []string{"C"}
		}, `patient "p" is in two splits`, "LEAK: patient"},
		{"one trains and validates, another tests, as in the set MHSI", "ABC", func(_ []*slide.Slide, r *Recipe) {
			r.Patients, r.BatchKey = map[string]string{"A": "p", "B": "p", "C": "q"}, "patient"
			r.Train, r.Val, r.Test = []string{"A"}, []string{"B"}, []string{"C"}
		}, "", "patient p is in more than one split"},
		{"one validates and tests, as in the set MMBR", "ABC", func(_ []*slide.Slide, r *Recipe) {
			r.Patients, r.BatchKey = map[string]string{"A": "p", "B": "q", "C": "q"}, "patient"
			r.Train, r.Val, r.Test = []string{"A"}, []string{"B"}, []string{"C"}
		}, "", "patient q is in more than one split"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			for _, order := range []Order{Clean, Released} {
				slides, r := make(tc.slides)
				tc.change(slides, &r)
				r.Order = order
				d, err := Curate(context.Background(), slides, r, nil)
				if order == Clean && tc.refused != "" {
					if err == nil || !strings.Contains(err.Error(), tc.refused) {
						t.Errorf("clean: got %v, want an error with %q", err, tc.refused)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", order, err)
				}
				if !slices.ContainsFunc(d.Manifest.Notes, func(n string) bool { return strings.Contains(n, tc.noted) }) {
					t.Errorf("%s: no note with %q in %q", order, tc.noted, d.Manifest.Notes)
				}
			}
		})
	}
}

func seqTo(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = i
	}
	return v
}

func ExampleCheckLeaks() {
	s := &Slide{Name: "section1", Counts: counting(5, 30)}
	for i := range 5 {
		s.Barcodes = append(s.Barcodes, fmt.Sprint("spot", i))
	}
	for g := range 30 {
		s.Genes = append(s.Genes, slide.Gene{ID: fmt.Sprint("gene", g)})
	}
	again := *s
	again.Name = "renamed"
	leaks, err := CheckLeaks(context.Background(), []*Slide{s, &again}, []Split{Train, Test}, []string{"", ""})
	if err != nil {
		panic(err)
	}
	fmt.Println(leaks[0])
	// Output:
	// slide "section1" (train) and slide "renamed" (test) hold the same counts at 5 spots (100 % of the smaller), under the same barcodes
}

// counting returns a full matrix of counts of which no two rows are equal.
func counting(rows, cols int) *sparse.CSR {
	m := &sparse.CSR{Rows: rows, Cols: cols, IndPtr: []int64{0}}
	for i := range rows {
		for j := range cols {
			m.Indices, m.Data = append(m.Indices, int32(j)), append(m.Data, float32(1+(i*j)%7+i))
		}
		m.IndPtr = append(m.IndPtr, int64(len(m.Data)))
	}
	return m
}
