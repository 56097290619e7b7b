package spared

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// rowsOf returns the values of a layer at the spots of a section.
func rowsOf(d *Dataset, layer string, s int) []float32 {
	var v []float32
	m := d.Layers[layer]
	for _, i := range d.SpotsOf(s) {
		v = append(v, m.Data[i*m.Stride:i*m.Stride+m.Cols]...)
	}
	return v
}

func TestReferenceBatch(t *testing.T) {
	slides, r := pair(t)
	for _, tc := range []struct {
		reason    string
		order     Order
		reference string
		stays     string
		err       string
	}{
		{"released: none stays", Released, "", "", ""},
		{"released: the reference stays", Released, "B", "B", ""},
		{"clean: the only train batch is the reference", Clean, "", "A", ""},
		{"clean: asked for, the same", Clean, "A", "A", ""},
		{"clean: one that does not train cannot be", Clean, "B", "", "no train spots"},
		{"no such batch", Released, "C", "", `no batch is called "C"; there are: A, B`},
	} {
		r.Order, r.Reference = tc.order, tc.reference
		d, err := Curate(context.Background(), slides, r, nil)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: got %v, want an error with %q", tc.reason, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.reason, err)
			continue
		}
		for s := range d.Sections {
			same := slices.Equal(rowsOf(d, LayerDLog, s), rowsOf(d, LayerCDLog, s))
			if name := d.Sections[s].Name; same != (name == tc.stays) {
				t.Errorf("%s: slide %s stays: %v", tc.reason, name, same)
			}
		}
	}
}

func TestMeanOnlyAndFirstGene(t *testing.T) {
	slides, r := pair(t)
	r.Order = Released
	plain := curate(t, slides, r)
	r.FirstGene = true
	first := curate(t, slides, r)
	if slices.Equal(plain.Layers[LayerCDLog].Data, first.Layers[LayerCDLog].Data) {
		t.Error("the first gene's shift made no difference")
	}
	r.FirstGene, r.MeanOnly = false, true
	shifted := curate(t, slides, r)
	for _, slope := range shifted.Correction[LayerCDLog].Slope {
		if !slices.Equal(slope, ones(len(slope))) {
			t.Errorf("mean only, but slopes %v", slope)
		}
	}
}

// Two patients with a healthy and a diseased slide each: the disease's effect
// is kept, and each slide has a line of its own, which survives the file.
func TestCovariates(t *testing.T) {
	ids := mouseIDs(t, 60)
	var slides []*slide.Slide
	r := Recipe{Genes: 30, BatchKey: "patient", Patients: map[string]string{}, Labels: map[string]map[string]string{}, Order: Released,
		Train: []string{"A", "B"}, Val: []string{"C", "D"}, Covariates: []string{"state"}}
	for k, name := range []string{"A", "B", "C", "D"} {
		s := tissue(name, ids, 13, uint64(k))
		for i := range s.Counts.Data {
			if k%2 == 1 && s.Counts.Indices[i] < 20 {
				s.Counts.Data[i] *= 4 // the disease
			}
		}
		slides = append(slides, s)
		r.Inputs = append(r.Inputs, Input{Name: name})
		r.Patients[name] = []string{"p", "p", "q", "q"}[k]
		r.Labels[name] = map[string]string{"state": []string{"healthy", "ill"}[k%2]}
	}
	d := curate(t, slides, r)
	a := d.Correction[LayerCDLog]
	if want := []string{"p|A", "p|B", "q|C", "q|D"}; !slices.Equal(a.Batches, want) {
		t.Fatalf("lines %v, want %v", a.Batches, want)
	}
	for i := range d.Spots {
		b := a.Row(&d.Sections[d.Spots[i].Slide])
		for j := range d.Genes {
			k := i*len(d.Genes) + j
			if want := float32(a.Slope[b][j]*float64(d.Layers[LayerDLog].Data[k]) + a.Intercept[b][j]); d.Layers[LayerCDLog].Data[k] != want {
				t.Fatalf("spot %d gene %d: corrected %g, the line gives %g", i, j, d.Layers[LayerCDLog].Data[k], want)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "x.h5ad")
	if err := Save(d, path); err != nil {
		t.Fatal(err)
	}
	got, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Correction, got.Correction); diff != "" {
		t.Errorf("lines differ after the file:\n%s", diff)
	}
	r.Labels["B"] = nil
	if _, err := Curate(context.Background(), slides, r, nil); err == nil || !strings.Contains(err.Error(), `slide "B" has no such label`) {
		t.Errorf("a slide without the label gave %v", err)
	}
	for _, name := range []string{"A", "B", "C", "D"} {
		r.Labels[name] = map[string]string{"state": r.Patients[name]}
	}
	if _, err := Curate(context.Background(), slides, r, nil); err == nil || !strings.Contains(err.Error(), "covariate") {
		t.Errorf("a label that the patients tell gave %v", err)
	}
}

// A gene that shows the same count everywhere within each batch stays as it
// is, and is named.
func TestConstantGenesAreNamed(t *testing.T) {
	slides, r := pair(t)
	for _, s := range slides {
		m := s.Counts.Dense()
		for i := range m.Rows { // every spot has the same counts but for gene 1
			copy(m.Data[i*m.Stride:(i+1)*m.Stride], m.Data[:m.Stride])
			for j := range m.Cols {
				m.Data[i*m.Stride+j] = float32(3 + j)
			}
		}
		for i := range m.Rows { // counts move between two genes: the total stays
			m.Data[i*m.Stride+1] += float32(i % 4)
			m.Data[i*m.Stride+2] += float32(3 - i%4)
		}
		s.Counts = fromDense(m)
	}
	r.Normalization, r.Genes = CPM, 60
	d := curate(t, slides, r)
	if !hasNote(d, "c_log1p: ComBat left 58 genes as they are: without variance within any batch that is learnt from") {
		t.Errorf("notes %q", d.Manifest.Notes)
	}
}
