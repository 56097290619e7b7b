package spackle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/h5ad"
)

// madeByCompletion are the layers that a completion makes; another one replaces
// or removes them.
var madeByCompletion = []string{spared.LayerCTLog, spared.LayerCTDelta, spared.LayerCTLogSD, spared.LayerRate}

// Complete adds to a data set what a method says of its missing values. The
// method is fitted to the train spots, if there are any, then completes slide
// by slide, nothing hidden. The layers are
//
//	c_t_log1p     the value where it was measured, else the one to expect if the
//	              gene had been detected there (baseline.Completion.Values)
//	c_t_deltas    the same minus each gene's mean over train spots
//	c_t_log1p_sd  how sure that is, of methods that say
//	t_log1p_rate  what there is on average, zeros included, of methods that say
//
// The first three are on the scale of c_d_log1p where the data set is
// batch-corrected, moved there by each slide's own line, else on that of log1p.
// [Intervals] makes intervals of c_t_log1p and c_t_log1p_sd; what it needs
// beside them is in Uns under [KeyIntervals].
//
// # Which answer to use when
//
// A spot shows a few thousand molecules of many more. That a gene was not seen
// there can mean that there is none of it, or that its few molecules were
// missed. So two questions have two answers:
//
//   - How high would this spot's bar be beside those that were measured? That is
//     c_t_log1p: the level, had at least one molecule been seen. Take it to draw
//     maps without holes, to compare levels among spots that express the gene,
//     to feed a model that was trained on measured values, and to compare with
//     published completions. Do not count expressing cells with it, and do not
//     take its low values for expression: it says at least one molecule
//     everywhere, 2.4 to 3 times too much where there was none.
//   - How much of the gene is there? That is t_log1p_rate: the level to expect on
//     average if the same spot were sequenced again, misses included, close to 0
//     where the gene is off. Take it for differences between regions, marker
//     genes, means over a cluster, sums over a pathway, and whenever "not
//     expressed" must remain a possible answer.
//
// The intervals belong to the first. They say where a measured value would
// probably have been, and are wide, since most detected counts are 1, 2 or 3:
// two spots whose intervals overlap widely need not differ.
func Complete(ctx context.Context, ds *spared.Dataset, method baseline.Completer, progress spared.Progress) error {
	log, err := completeLayer(ds, spared.LayerLog)
	if err != nil {
		return err
	}
	if _, ok := ds.Layers[spared.LayerCDLog]; ok { // measured values are taken from it
		if _, err := completeLayer(ds, spared.LayerCDLog); err != nil {
			return err
		}
	}
	done, factors, err := completeAll(ctx, ds, method, progress)
	if err != nil {
		return err
	}
	keepMeasured(ds, done.Values, log)
	if done.Rate.Rows > 0 {
		keepMeasured(ds, done.Rate, log)
	}
	if err := correctCompletion(ds, done); err != nil {
		return err
	}
	dropCompletion(ds)
	if done.SD.Rows > 0 {
		ds.Layers[spared.LayerCTLogSD] = done.SD
		keepFactors(ds, factors)
	}
	if done.Rate.Rows > 0 {
		ds.Layers[spared.LayerRate] = done.Rate
	}
	ds.Manifest.Completer = method.Name()
	return ds.SetLayer(spared.LayerCTLog, spared.LayerCTDelta, done.Values)
}

// dropCompletion removes what an earlier completion left.
func dropCompletion(ds *spared.Dataset) {
	for _, name := range madeByCompletion {
		delete(ds.Layers, name)
	}
	delete(ds.Uns, KeyIntervals)
}

// factors makes intervals of one slide, see baseline.Completion.
type factors = [len(baseline.Levels)]float64

// completeAll fits the method and returns its answers for all spots, and what
// makes intervals of them for each section.
func completeAll(ctx context.Context, ds *spared.Dataset, method baseline.Completer, progress spared.Progress) (*baseline.Completion, []factors, error) {
	step := "completing with " + method.Name()
	progress.Send(spared.Event{Step: step, Total: len(ds.Sections), Message: "fitting"})
	train, err := TrainViews(ds)
	if err != nil {
		return nil, nil, err
	}
	if err := method.Fit(ctx, train); err != nil {
		return nil, nil, fmt.Errorf("spackle: fitting %s: %w", method.Name(), err)
	}
	n, genes := ds.N()
	all, intervals := &baseline.Completion{Values: matrix(n, genes)}, make([]factors, len(ds.Sections))
	for s := range ds.Sections {
		if err := ctx.Err(); err != nil {
			return nil, nil, fmt.Errorf("spackle: completion stopped: %w", err)
		}
		progress.Send(spared.Event{Step: step, Done: s, Total: len(ds.Sections), Message: ds.Sections[s].Name})
		v, err := NewView(ds, s, nil)
		if err != nil {
			return nil, nil, err
		}
		one, err := completionOf(ctx, method, v)
		if err != nil {
			return nil, nil, fmt.Errorf("spackle: %s on slide %s: %w", method.Name(), v.Slide, err)
		}
		intervals[s] = one.IntervalFactors()
		if err := putSection(all, one, ds, s); err != nil {
			return nil, nil, fmt.Errorf("spackle: %s on slide %s: %w", method.Name(), v.Slide, err)
		}
	}
	progress.Send(spared.Event{Step: step, Done: len(ds.Sections), Total: len(ds.Sections)})
	return all, intervals, nil
}

// completionOf lets a method complete a view. A method of one's own may forget to
// return anything.
func completionOf(ctx context.Context, method baseline.Completer, v *baseline.View) (*baseline.Completion, error) {
	done, err := method.Complete(ctx, v)
	if err == nil && done == nil {
		err = errors.New("it returned neither a completion nor an error")
	}
	return done, err
}

// putSection copies the answers for a section into those for all spots.
func putSection(all, one *baseline.Completion, ds *spared.Dataset, section int) error {
	n, genes := ds.N()
	rows := ds.SpotsOf(section)
	for _, m := range []struct {
		to   *blas32.General
		from blas32.General
		name string
	}{{&all.Values, one.Values, "values"}, {&all.SD, one.SD, "standard deviations"}, {&all.Rate, one.Rate, "rates"}} {
		if m.from.Rows == 0 && len(rows) > 0 && m.name != "values" {
			continue
		}
		if m.from.Rows != len(rows) || m.from.Cols != genes {
			return fmt.Errorf("its %s are %d x %d, want %d spots x %d genes", m.name, m.from.Rows, m.from.Cols, len(rows), genes)
		}
		if m.to.Rows == 0 {
			*m.to = matrix(n, genes)
		}
		for k, i := range rows {
			for g, x := range m.from.Data[k*m.from.Stride:][:genes] {
				if !finite(x) || x < 0 && m.to == &all.SD {
					return fmt.Errorf("its %s hold %g for spot %s, gene %s", m.name, x, ds.Spots[i].ID, ds.Genes[g].ID)
				}
				m.to.Data[i*m.to.Stride+g] = x
			}
		}
	}
	return nil
}

// keepMeasured puts the measured values of log, a layer, into m.
func keepMeasured(ds *spared.Dataset, m, log blas32.General) {
	for k, measured := range ds.Mask {
		if i, g := k/m.Cols, k%m.Cols; measured {
			m.Data[i*m.Stride+g] = log.Data[i*log.Stride+g]
		}
	}
}

// correctCompletion moves values and their spread to the scale of c_d_log1p.
func correctCompletion(ds *spared.Dataset, done *baseline.Completion) error {
	a := ds.Correction[spared.LayerCDLog]
	if a == nil {
		return nil
	}
	for i := range ds.Spots {
		b := a.Row(&ds.Sections[ds.Spots[i].Slide])
		if b < 0 {
			return errors.New("spackle: the batch of slide " + ds.Sections[ds.Spots[i].Slide].Name + " was not corrected")
		}
		row := done.Values.Data[i*done.Values.Stride:][:done.Values.Cols]
		for g, x := range row {
			row[g] = float32(a.Slope[b][g]*float64(x) + a.Intercept[b][g])
			if done.SD.Rows > 0 {
				done.SD.Data[i*done.SD.Stride+g] *= float32(a.Slope[b][g])
			}
		}
	}
	if corrected, ok := ds.Layers[spared.LayerCDLog]; ok { // bit for bit
		keepMeasured(ds, done.Values, corrected)
	}
	return nil
}

// KeyIntervals is the key in Uns, and in Python in adata.uns, of the table that
// makes intervals of the layers c_t_log1p and c_t_log1p_sd: a row for each slide
// by its name, a column for each level, "50%", "80%" and "95%", of factors:
//
//	sd, f = adata.layers["c_t_log1p_sd"], adata.uns["completion_intervals"]["80%"]
//	half = sd * f[adata.obs["slide_id"]].to_numpy()[:, None]
//	low, high = adata.layers["c_t_log1p"] - half, adata.layers["c_t_log1p"] + half
const KeyIntervals = "completion_intervals"

// keepFactors puts the slides' factors into Uns.
func keepFactors(ds *spared.Dataset, all []factors) {
	table := &h5ad.Frame{IndexName: "slide", Index: sectionNames(ds)}
	for k, level := range baseline.Levels {
		column := make([]float64, len(all))
		for s, f := range all {
			column[s] = f[k]
		}
		table.Columns = append(table.Columns, h5ad.Column{Name: levelName(level), Data: column})
	}
	if ds.Uns == nil {
		ds.Uns = map[string]any{}
	}
	ds.Uns[KeyIntervals] = table
}

func levelName(level float64) string { return fmt.Sprintf("%.0f%%", 100*level) }

// Intervals returns the limits between which the completed values of a data set
// lie with a probability of level, which is one of baseline.Levels: layer
// c_t_log1p less and plus c_t_log1p_sd times its slide's factor, both [spots][genes]
// on the scale of that layer. Measured values are limits of themselves. They
// are of the value that would have been measured, had the gene been detected;
// see [Complete]. The error says what is missing where the data set was not
// completed by a method that knows how sure it is.
func Intervals(ds *spared.Dataset, level float64) (low, high blas32.General, err error) {
	of, err := readFactors(ds, level)
	if err != nil {
		return low, high, err
	}
	value, err := ds.Layer(spared.LayerCTLog)
	if err != nil {
		return low, high, fmt.Errorf("spackle: intervals: %w", err)
	}
	sd, err := ds.Layer(spared.LayerCTLogSD)
	if err != nil {
		return low, high, fmt.Errorf("spackle: intervals: %w", err)
	}
	n, genes := ds.N()
	low, high = matrix(n, genes), matrix(n, genes)
	for i := range ds.Spots {
		f := of[ds.Spots[i].Slide]
		for g, x := range value.Data[i*value.Stride:][:genes] {
			half := float32(0)
			if !ds.Mask[i*genes+g] {
				half = float32(f * float64(sd.Data[i*sd.Stride+g]))
			}
			low.Data[i*low.Stride+g], high.Data[i*high.Stride+g] = x-half, x+half
		}
	}
	return low, high, nil
}

// readFactors returns the factor of each section at a level.
func readFactors(ds *spared.Dataset, level float64) ([]float64, error) {
	if !slices.Contains(baseline.Levels[:], level) {
		return nil, fmt.Errorf("spackle: intervals of %g: there are those of %v", level, baseline.Levels)
	}
	fail := func(why string) error {
		return fmt.Errorf("spackle: uns/%s %s: complete the data set again, by a method that knows how sure it is (the Poisson factor does)", KeyIntervals, why)
	}
	table, ok := ds.Uns[KeyIntervals].(*h5ad.Frame)
	if !ok {
		return nil, fail("holds no table of interval factors")
	}
	column := table.Column(levelName(level))
	if column == nil {
		return nil, fail("has no column " + levelName(level))
	}
	values, ok := column.Data.([]float64)
	if !ok || len(values) != len(table.Index) {
		return nil, fail("does not hold numbers in column " + levelName(level))
	}
	of := make([]float64, len(ds.Sections))
	for s, name := range sectionNames(ds) {
		row := slices.Index(table.Index, name)
		if row < 0 || !(values[row] >= 0) || !finite(values[row]) {
			return nil, fail("has no factor of slide " + name)
		}
		of[s] = values[row]
	}
	return of, nil
}
