package spackle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spackle/baseline"
	"github.com/spatialgo/spatialgo/spared"
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
//
// Use c_t_log1p to compare with measured values, and wherever zeros would spoil
// a comparison of detected levels. Use t_log1p_rate wherever it matters how
// much of a gene there is: the first is never below one count.
func Complete(ctx context.Context, ds *spared.Dataset, method baseline.Completer, progress spared.Progress) error {
	done, err := completeAll(ctx, ds, method, progress)
	if err != nil {
		return err
	}
	log, err := ds.Layer(spared.LayerLog)
	if err != nil {
		return fmt.Errorf("spackle: %w", err)
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
	}
	if done.Rate.Rows > 0 {
		ds.Layers[spared.LayerRate] = done.Rate
	}
	ds.Manifest.Completer = method.Name()
	return ds.SetLayer(spared.LayerCTLog, spared.LayerCTDelta, done.Values)
}

// dropCompletion removes the layers of an earlier completion.
func dropCompletion(ds *spared.Dataset) {
	for _, name := range madeByCompletion {
		delete(ds.Layers, name)
	}
}

// completeAll fits the method and returns its answers for all spots.
func completeAll(ctx context.Context, ds *spared.Dataset, method baseline.Completer, progress spared.Progress) (*baseline.Completion, error) {
	step := "completing with " + method.Name()
	progress.Send(spared.Event{Step: step, Total: len(ds.Sections), Message: "fitting"})
	train, err := TrainViews(ds)
	if err != nil {
		return nil, err
	}
	if err := method.Fit(ctx, train); err != nil {
		return nil, fmt.Errorf("spackle: fitting %s: %w", method.Name(), err)
	}
	n, genes := ds.N()
	all := &baseline.Completion{Values: matrix(n, genes)}
	for s := range ds.Sections {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("spackle: completion stopped: %w", err)
		}
		progress.Send(spared.Event{Step: step, Done: s, Total: len(ds.Sections), Message: ds.Sections[s].Name})
		v, err := NewView(ds, s, nil)
		if err != nil {
			return nil, err
		}
		one, err := method.Complete(ctx, v)
		if err != nil {
			return nil, fmt.Errorf("spackle: %s on slide %s: %w", method.Name(), v.Slide, err)
		}
		if err := place(all, one, ds, s); err != nil {
			return nil, fmt.Errorf("spackle: %s on slide %s: %w", method.Name(), v.Slide, err)
		}
	}
	progress.Send(spared.Event{Step: step, Done: len(ds.Sections), Total: len(ds.Sections)})
	return all, nil
}

// place copies a slide's answers into those of all.
func place(all, one *baseline.Completion, ds *spared.Dataset, section int) error {
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
				if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
					return fmt.Errorf("its %s hold %g for spot %s, gene %s", m.name, f, ds.Spots[i].ID, ds.Genes[g].ID)
				}
				m.to.Data[i*m.to.Stride+g] = x
			}
		}
	}
	return nil
}

// keepMeasured puts measured values back.
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

// CompleteFile is [Complete] as a step whose result is a file: it opens path if
// that holds this data set as completed by this method with these settings,
// else it completes a copy and saves it there. ds is left as it is.
func CompleteFile(ctx context.Context, ds *spared.Dataset, method baseline.Completer, path string, progress spared.Progress) (*spared.Dataset, error) {
	by, err := signature(method)
	if err != nil {
		return nil, err
	}
	return completeFile(ds, path, by, func(done *spared.Dataset) error { return Complete(ctx, done, method, progress) })
}

// signature names a method with its settings.
func signature(method baseline.Completer) (string, error) {
	if d, ok := method.(interface{ Digest() string }); ok {
		return method.Name() + " " + d.Digest(), nil
	}
	settings, err := json.Marshal(method)
	if err != nil {
		return "", fmt.Errorf("spackle: the settings of %s: %w", method.Name(), err)
	}
	return method.Name() + " " + string(settings), nil
}

// completeFile opens path where it holds ds as completed by the method of that
// signature, or completes a copy and saves it.
func completeFile(ds *spared.Dataset, path, by string, complete func(*spared.Dataset) error) (*spared.Dataset, error) {
	if err := spared.CheckSave(path); err != nil {
		return nil, err
	}
	want := ds.Manifest
	want.Completed = by
	if have, err := spared.ReadManifest(path); err == nil && have.Fingerprint() == want.Fingerprint() {
		if done, err := spared.Open(path); err == nil && dataDigest(done) == dataDigest(ds) {
			return done, nil
		}
	}
	done := ds.Clone()
	if err := complete(done); err != nil {
		return nil, err
	}
	done.Manifest.Completed = by
	if err := spared.Save(done, path); err != nil {
		return nil, err
	}
	return done, nil
}
