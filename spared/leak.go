package spared

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// LeakKind says what two splits share.
type LeakKind string

const (
	// SameSpots: two slides hold spots with equal counts, so that one is the
	// other under another name, a part of it, or overlaps it.
	SameSpots LeakKind = "same spots"
	// SamePatient: slides of one patient are in two splits.
	SamePatient LeakKind = "same patient"
)

// Leak is something that two slides share and that lets a model be tested on
// what it has seen.
type Leak struct {
	Kind           LeakKind
	A, B           string // slides
	SplitA, SplitB Split
	Patient        string  // of SamePatient
	Spots          int     // of SameSpots: spots with equal counts, gene by gene
	Share          float64 // of SameSpots: Spots as a share of the smaller slide's spots that can be compared, 0 to 1
	Barcodes       float64 // of SameSpots: share of those pairs of spots that have the same barcode too, 0 to 1
}

// Across tells whether the leak is between two splits.
func (l Leak) Across() bool { return l.SplitA != l.SplitB }

// String words the leak, naming both slides and their splits.
func (l Leak) String() string {
	if l.Kind == SamePatient {
		return fmt.Sprintf("patient %q is in two splits: slide %q (%s) and slide %q (%s)", l.Patient, l.A, l.SplitA, l.B, l.SplitB)
	}
	names := "under other barcodes"
	switch {
	case l.Barcodes == 1:
		names = "under the same barcodes"
	case l.Barcodes > 0:
		names = fmt.Sprintf("%.0f %% of them under the same barcodes", 100*l.Barcodes)
	}
	return fmt.Sprintf("slide %q (%s) and slide %q (%s) hold the same counts at %s (%.0f %% of the smaller), %s", l.A, l.SplitA, l.B, l.SplitB, some(l.Spots, "spot"), 100*l.Share, names)
}

// Limits of the comparison of spots. A row of so many detected genes does not
// recur by chance, in any tissue at any depth.
const (
	leakGenes = 20 // genes that a spot must show to be compared
	leakSpots = 3  // equal spots that make a leak
)

// CheckLeaks compares each two slides, and the patients of slides in different
// splits (patients[i] is "" where unknown). Spots are equal where their counts
// are, over all genes that the slides share (by id without version), so that
// another order of spots or genes, other barcodes, a part of the slide or a
// file with other genes beside do not hide it. Spots that show fewer than 20
// of these genes are not compared. Counts that were changed (scaled, thinned)
// are not recognised. It takes about as long as adding all counts up.
//
// Equal barcodes alone are no leak: slides of one kind share all their
// barcodes. Curate refuses leaks between splits in Clean order and notes them
// in Released order; what it takes for a leak of patients, refusePatient says.
func CheckLeaks(ctx context.Context, slides []*slide.Slide, splits []Split, patients []string) ([]Leak, error) {
	ids := make([][]string, len(slides))
	for i, s := range slides {
		for _, g := range s.Genes {
			ids[i] = append(ids[i], GeneID(g.ID))
		}
	}
	return findLeaks(ctx, slides, ids, splits, patients)
}

func findLeaks(ctx context.Context, slides []*slide.Slide, ids [][]string, splits []Split, patients []string) ([]Leak, error) {
	if len(slides) < 2 {
		return nil, nil
	}
	prints := make([]map[uint64]int, len(slides))
	genes, place := commonGenes(slides, ids)
	keys := make([]uint64, len(genes))
	for j := range keys {
		keys[j] = mix(uint64(j) + 1)
	}
	for i, s := range slides {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("spared: comparison of slides stopped: %w", err)
		}
		prints[i] = fingerprints(s, place[i], keys)
	}
	var leaks []Leak
	for a := range slides {
		for b := a + 1; b < len(slides); b++ {
			l := Leak{A: slides[a].Name, B: slides[b].Name, SplitA: splits[a], SplitB: splits[b]}
			if same, ok := sameSpots(l, slides[a], slides[b], prints[a], prints[b]); ok {
				leaks = append(leaks, same)
			}
			if p := patients[a]; p != "" && p == patients[b] && l.Across() {
				l.Kind, l.Patient = SamePatient, p
				leaks = append(leaks, l)
			}
		}
	}
	return leaks, nil
}

// fingerprints maps a hash of each spot's counts to the spot, or to -1 where
// two spots of the slide have it.
func fingerprints(s *slide.Slide, place []int32, keys []uint64) map[uint64]int {
	at := make(map[uint64]int, len(s.Barcodes))
	for i := range s.Counts.Rows {
		genes, vals := s.Counts.Row(i)
		var sum uint64
		n := 0
		for k, j := range genes {
			if g := place[j]; g >= 0 && vals[k] != 0 {
				// A sum, so that the order of genes does not matter; counts are
				// mixed in by an odd multiplier and a rotation.
				h := keys[g] * (2*uint64(int64(vals[k]*1024)) + 1)
				sum += h ^ h>>29
				n++
			}
		}
		if n < leakGenes {
			continue
		}
		if _, twice := at[sum]; twice {
			at[sum] = -1
		} else {
			at[sum] = i
		}
	}
	return at
}

// mix is the finaliser of splitmix64 (Steele, Lea & Flood, OOPSLA 2014).
func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func sameSpots(l Leak, a, b *slide.Slide, pa, pb map[uint64]int) (Leak, bool) {
	if len(pb) < len(pa) {
		a, b, pa, pb = b, a, pb, pa
	}
	names := 0
	for h, i := range pa {
		j, ok := pb[h]
		if !ok || i < 0 || j < 0 {
			continue
		}
		l.Spots++
		if a.Barcodes[i] == b.Barcodes[j] {
			names++
		}
	}
	if l.Spots < leakSpots {
		return l, false
	}
	l.Kind = SameSpots
	l.Share = float64(l.Spots) / float64(len(pa))
	l.Barcodes = float64(names) / float64(l.Spots)
	return l, true
}

// refusePatient tells whether a patient in these two splits defeats what the
// recipe is for.
//
// In an intra-subject data set (batches are slides) all slides may be of one
// patient, and train and test on other sections of the same tissue: that is
// the published design of 21 of the 26 sets, and a note says so. Who makes
// patients the batches asks how a model does on patients it has not seen. Then
// no train patient may be in the split that answers: test, or val where there
// is no test. A patient in train and val beside a test split of others, or in
// val and test, as in published sets, costs less: val only chooses when to
// stop. That is noted.
func refusePatient(l Leak, r Recipe, splits []Split) bool {
	answers := Val
	if slices.Contains(splits, Test) {
		answers = Test
	}
	between := func(a, b Split) bool { return l.SplitA == a && l.SplitB == b || l.SplitA == b && l.SplitB == a }
	return r.BatchKey == "patient" && between(Train, answers)
}

// checkLeaks refuses leaks, or notes those that the order or the design
// allows.
func (c *curation) checkLeaks(ctx context.Context, slides []*slide.Slide, ids [][]string, splits []Split) error {
	patients := make([]string, len(slides))
	for i, in := range c.recipe.Inputs {
		patients[i] = in.Patient
	}
	leaks, err := findLeaks(ctx, slides, ids, splits, patients)
	if err != nil {
		return err
	}
	told := map[string]bool{} // patients
	for _, l := range leaks {
		refused := l.Kind == SameSpots && l.Across() || l.Kind == SamePatient && refusePatient(l, c.recipe, splits)
		if refused && c.recipe.Order == Clean {
			return leakError(l)
		}
		if l.Kind == SameSpots || refused {
			c.note("LEAK: %s", l)
		} else if !told[l.Patient] {
			told[l.Patient] = true
			c.note("patient %s is in more than one split: the data set tells nothing about patients that a model has not seen", l.Patient)
		}
	}
	return nil
}

func leakError(l Leak) error {
	what := "leave one of them out, or put both into one split"
	if l.Kind == SamePatient {
		what = "with patients as batches the data set asks about unseen patients: move a slide, or make slides the batches (--batch slide_id)"
	}
	return fmt.Errorf("spared: the splits leak: %s; %s", strings.TrimSpace(l.String()), what)
}
