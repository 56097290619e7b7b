package spackle

import (
	"context"
	"math"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// resampling is the bootstrap of an evaluation: how often each spot counts in
// each resample. A resample draws as many slides as there are, with
// replacement, and of each drawn slide as many spots as it has, with
// replacement (the two-level bootstrap of Davison & Hinkley 1997, section 3.8).
// A lone slide is always drawn, so that only its spots vary.
//
// Spots count as independent of each other. What a good completer gets wrong is
// mostly the noise of counting, which is; where its errors run over the tissue,
// intervals are too narrow. And no resampling can tell how slides differ from
// two of them.
type resampling struct {
	weights [][]uint16 // [resamples][spots]
}

// newResampling draws n resamples. slides holds the numbers of the spots of
// each slide, below spots.
func newResampling(n, spots int, slides [][]int, seed uint64) *resampling {
	r := &resampling{weights: make([][]uint16, max(n, 0))}
	for b := range r.weights {
		rng := keyed("resample", seed, b)
		w := make([]uint16, spots)
		for range slides {
			of := slides[rng.IntN(len(slides))]
			for range of {
				w[of[rng.IntN(len(of))]]++
			}
		}
		r.weights[b] = w
	}
	return r
}

// replicates are the scores of one method in each resample, sums over masks.
type replicates struct{ mse, pcc []float64 }

func (r *resampling) newReplicates() *replicates {
	return &replicates{make([]float64, len(r.weights)), make([]float64, len(r.weights))}
}

// add adds the scores of one mask in each resample. The result does not depend
// on the number of cores: each resample is one goroutine's.
func (r *resampling) add(ctx context.Context, to *replicates, t *tally) error {
	centred := t.centred()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for b, w := range r.weights {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			mse, pcc := t.weighted(w, centred)
			to.mse[b] += mse
			to.pcc[b] += pcc
			return nil
		})
	}
	return group.Wait()
}

// centred returns the means of truth and prediction of each gene, from which
// sums of squares are taken lest they lose their digits.
func (t *tally) centred() [][2]float64 {
	c := make([][2]float64, len(t.genes))
	for g := range t.genes {
		var m moments
		for k := range t.genes[g].truth {
			m.first(t.genes[g].truth[k], t.genes[g].predicted[k])
		}
		m.average()
		c[g] = [2]float64{m.truth, m.predicted}
	}
	return c
}

// weighted returns MSE and PCC-gene of the tally where each spot counts as often
// as its weight says; NaN without any value.
func (t *tally) weighted(weight []uint16, centre [][2]float64) (mse, pcc float64) {
	var square, values, with float64
	for g := range t.genes {
		c := &t.genes[g]
		var n, st, sp, stt, spp, stp float64
		for k, i := range c.spot {
			if weight[i] == 0 {
				continue
			}
			w := float64(weight[i])
			dt, dp := float64(c.truth[k])-centre[g][0], float64(c.predicted[k])-centre[g][1]
			n += w
			st += w * dt
			sp += w * dp
			stt += w * dt * dt
			spp += w * dp * dp
			stp += w * dt * dp
		}
		if n == 0 {
			continue
		}
		off := centre[g][1] - centre[g][0] // Σ(p-t)² from the sums of the centred values
		square += spp + stt - 2*stp + 2*off*(sp-st) + n*off*off
		values += n
		with++
		pcc += cosine(stp-st*sp/n, max(stt-st*st/n, 0), max(spp-sp*sp/n, 0))
	}
	return square / values, pcc / with
}

// interval returns the 2.5th and the 97.5th percentile of values, those that
// are NaN left out.
func interval(values []float64) [2]float64 {
	v := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(v) == 0 {
		return [2]float64{}
	}
	slices.Sort(v)
	return [2]float64{quantile(v, 0.025), quantile(v, 0.975)}
}

// quantile interpolates between sorted values.
func quantile(v []float64, p float64) float64 {
	x := p * float64(len(v)-1)
	k := int(x)
	if k+1 >= len(v) {
		return v[len(v)-1]
	}
	return v[k] + (x-float64(k))*(v[k+1]-v[k])
}
