package explore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared"
)

// Raw sums up slides before any filter, by the genes that all of them have.
type Raw struct {
	Slides   int
	SpotMin  float64 // bounds of the spots that ExpFrac and GlobalFrac count, as Recipe's
	SpotMax  float64
	Total    []float64 // counts of each spot
	Detected []float64 // genes with a count in each spot
	Genes    []RawGene // by id
}

// RawGene is one gene before any filter.
type RawGene struct {
	ID, Symbol string
	Total      float64 // counts over all spots
	Spots      int     // spots with a count
	ExpFrac    float64 // least share of spots with a count over the slides, of spots within the bounds, 0 to 1
	GlobalFrac float64 // share of all spots within the bounds with a count, 0 to 1
	// Mean and SD (divisor: spots) of ln(1 + m·count/total), with total the
	// counts of the spot and m their median over the spots that have any
	// (scanpy.pp.normalize_total and log1p).
	Mean, SD float64
}

// ErrNoSlides says that the folders that a data set was built from are not
// where they were.
var ErrNoSlides = errors.New("explore: the slides are not there any more")

// ReadRaw reads the slides that a data set was built from once more, from the
// folders that its recipe names, and sums them up. It returns ErrNoSlides,
// wrapped, where one cannot be read.
func ReadRaw(ctx context.Context, d *spared.Dataset, news progress.Func) (*Raw, error) {
	r := &d.Manifest.Recipe
	if len(r.Inputs) == 0 {
		return nil, fmt.Errorf("%w: the data set names none", ErrNoSlides)
	}
	var slides []*spared.Slide
	for i, in := range r.Inputs {
		news.Send(progress.Event{Step: "reading slides", Done: i, Total: len(r.Inputs), Message: in.Name})
		s, err := spared.ReadSlide(ctx, in.Dir)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoSlides, err)
		}
		slides = append(slides, s)
	}
	return RawOf(slides, r.SpotMin, r.SpotMax)
}

// RawOf sums up slides. The bounds are those of the spots' counts that the
// curation kept; 0, 0 stands for the published ones, 10 and 1e6. Genes are
// joined by their Ensembl id without version; of one slide's equal ids the
// first counts. It is an error if the slides share no gene.
func RawOf(slides []*spared.Slide, spotMin, spotMax float64) (*Raw, error) {
	if spotMin == 0 {
		spotMin = 10
	}
	if spotMax == 0 {
		spotMax = 1e6
	}
	r := &Raw{Slides: len(slides), SpotMin: spotMin, SpotMax: spotMax}
	columns, err := r.join(slides)
	if err != nil {
		return nil, err
	}
	for i, s := range slides {
		r.addSpots(s, columns[i])
	}
	r.addFractions(slides, columns)
	r.addLevels(slides, columns)
	return r, nil
}

// join lists the genes of all slides, and returns for each slide which of them
// each of its columns is, -1 for none.
func (r *Raw) join(slides []*spared.Slide) ([][]int32, error) {
	type seen struct{ slides, last int }
	in := map[string]*seen{}
	for i, s := range slides {
		for _, g := range s.Genes {
			id := spared.GeneID(g.ID)
			if in[id] == nil {
				in[id] = &seen{last: -1}
			}
			if e := in[id]; e.last != i {
				e.slides, e.last = e.slides+1, i
			}
		}
	}
	number := map[string]int32{}
	if len(slides) > 0 {
		for _, g := range slides[0].Genes {
			id := spared.GeneID(g.ID)
			if _, ok := number[id]; !ok && in[id].slides == len(slides) {
				number[id] = 0
				r.Genes = append(r.Genes, RawGene{ID: id, Symbol: g.Symbol})
			}
		}
	}
	if len(r.Genes) == 0 {
		return nil, fmt.Errorf("explore: the %d slides have no gene in common", len(slides))
	}
	slices.SortFunc(r.Genes, func(a, b RawGene) int { return cmp.Compare(a.ID, b.ID) })
	for j := range r.Genes {
		number[r.Genes[j].ID] = int32(j)
	}
	columns := make([][]int32, len(slides))
	for i, s := range slides {
		taken := make([]bool, len(r.Genes))
		for _, g := range s.Genes {
			j, ok := number[spared.GeneID(g.ID)]
			if !ok || taken[j] {
				j = -1
			} else {
				taken[j] = true
			}
			columns[i] = append(columns[i], j)
		}
	}
	return columns, nil
}

// addSpots adds a slide's spots and their counts.
func (r *Raw) addSpots(s *spared.Slide, column []int32) {
	for i := range s.Counts.Rows {
		cols, v := s.Counts.Row(i)
		total, detected := 0.0, 0
		for t, c := range cols {
			if j := column[c]; j >= 0 && v[t] > 0 {
				total += float64(v[t])
				detected++
				r.Genes[j].Total += float64(v[t])
				r.Genes[j].Spots++
			}
		}
		r.Total, r.Detected = append(r.Total, total), append(r.Detected, float64(detected))
	}
}

// addFractions fills in ExpFrac and GlobalFrac.
func (r *Raw) addFractions(slides []*spared.Slide, columns [][]int32) {
	for j := range r.Genes {
		r.Genes[j].ExpFrac = 1
	}
	first, spots := 0, 0
	sum := make([]int, len(r.Genes))
	for k, s := range slides {
		n, here := 0, make([]int, len(r.Genes))
		for i := range s.Counts.Rows {
			if t := r.Total[first+i]; !(t > r.SpotMin && t < r.SpotMax) {
				continue
			}
			n++
			cols, v := s.Counts.Row(i)
			for t, c := range cols {
				if j := columns[k][c]; j >= 0 && v[t] > 0 {
					here[j]++
				}
			}
		}
		first += s.Counts.Rows
		spots += n
		for j := range here {
			sum[j] += here[j]
			if n > 0 {
				r.Genes[j].ExpFrac = math.Min(r.Genes[j].ExpFrac, float64(here[j])/float64(n))
			}
		}
	}
	for j := range r.Genes {
		if spots == 0 {
			r.Genes[j].ExpFrac = 0
			continue
		}
		r.Genes[j].GlobalFrac = float64(sum[j]) / float64(spots)
	}
}

// addLevels fills in Mean and SD. Entries without a count add nothing to
// either sum.
func (r *Raw) addLevels(slides []*spared.Slide, columns [][]int32) {
	scale := median(r.Total)
	sum, squares := make([]float64, len(r.Genes)), make([]float64, len(r.Genes))
	first := 0
	for k, s := range slides {
		for i := range s.Counts.Rows {
			cols, v := s.Counts.Row(i)
			for t, c := range cols {
				if j := columns[k][c]; j >= 0 && v[t] > 0 {
					x := math.Log1p(scale * float64(v[t]) / r.Total[first+i])
					sum[j] += x
					squares[j] += x * x
				}
			}
		}
		first += s.Counts.Rows
	}
	n := float64(len(r.Total))
	for j := range r.Genes {
		g := &r.Genes[j]
		g.Mean = sum[j] / n
		g.SD = math.Sqrt(math.Max(0, squares[j]/n-g.Mean*g.Mean))
	}
}

// median returns that of the values above 0, 1 for none.
func median(v []float64) float64 {
	var s []float64
	for _, x := range v {
		if x > 0 {
			s = append(s, x)
		}
	}
	if len(s) == 0 {
		return 1
	}
	slices.Sort(s)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
