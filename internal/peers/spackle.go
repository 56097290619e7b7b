package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/h5ad"
)

// made opens the made-up expression that SpaCKLE works on, [spots][genes] with
// 0 for what is missing.
func made(work string) (*h5ad.AnnData, blas32.General, error) {
	a, err := h5ad.Read(filepath.Join(work, "completion.h5ad"))
	if err != nil {
		return nil, blas32.General{}, err
	}
	x := a.X.(*h5ad.Array)
	return a, blas32.General{Rows: x.Shape[0], Cols: x.Shape[1], Stride: x.Shape[1], Data: x.Data.([]float32)}, nil
}

// trainingSteps times ten steps of a training that has begun: the network is
// compiled, and three steps were taken.
func trainingSteps(ctx context.Context, work, _ string) (func() error, func() float64, error) {
	const first, steps = 3, 10
	ds, err := madeDataset(work)
	if err != nil {
		return nil, nil, err
	}
	eng, err := engine.Open(engine.Options{Kind: engine.CPU})
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp(work, "model")
	if err != nil {
		return nil, nil, err
	}
	ready, start, done, failed := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan error, 1)
	o := spackle.TrainOptions{Engine: eng, Batch: 256, Steps: 1000, ValEvery: 1000, Report: func(r spackle.Report) {
		switch r.Step {
		case first:
			close(ready)
			<-start
		case first + steps:
			close(done)
			select {} // until the program ends
		}
	}}
	go func() {
		_, err := spackle.Train(ctx, ds, dir, o)
		failed <- fmt.Errorf("the training has ended: %w", err)
	}()
	wait := func(c chan struct{}) error {
		select {
		case <-c:
			return nil
		case err := <-failed:
			return err
		}
	}
	run := func() error {
		close(start)
		return wait(done)
	}
	check := func() float64 {
		os.RemoveAll(dir)
		return float64(spackle.Paper(128).Parameters())
	}
	return run, check, wait(ready)
}

// madeDataset is the made-up expression as a data set: all rows of spots train
// but the last ones, which validate.
func madeDataset(work string) (*spared.Dataset, error) {
	a, values, err := made(work)
	if err != nil {
		return nil, err
	}
	x, y := coordinates(a)
	ds := &spared.Dataset{Layers: map[string]blas32.General{spared.LayerDLog: values}, Sections: []spared.Section{{Name: "made"}}}
	for _, v := range values.Data {
		ds.Mask = append(ds.Mask, v != 0)
	}
	for g := range values.Cols {
		ds.Genes = append(ds.Genes, spared.Gene{ID: "G" + strconv.Itoa(g)})
	}
	for i := range values.Rows {
		split := spared.Train
		if i >= values.Rows-100 {
			split = spared.Val
		}
		ds.Spots = append(ds.Spots, spared.Spot{ID: strconv.Itoa(i), Split: split, X: x[i], Y: y[i]})
	}
	return ds, nil
}

// prediction times the completion of all spots, on weights that torch wrote.
func prediction(ctx context.Context, work, _ string) (func() error, func() float64, error) {
	a, values, err := made(work)
	if err != nil {
		return nil, nil, err
	}
	var genes []string
	for g := range values.Cols {
		genes = append(genes, "G"+strconv.Itoa(g))
	}
	m, err := spackle.LoadCheckpoint(filepath.Join(work, "completion.ckpt"), spackle.CheckpointOptions{Genes: genes, Attention: spackle.Neighborhood})
	if err != nil {
		return nil, nil, err
	}
	var table []int32
	for _, i := range a.Obsm["neighborhood"].(*h5ad.Array).Data.([]int64) {
		table = append(table, int32(i))
	}
	eng, err := engine.Open(engine.Options{Kind: engine.CPU})
	if err != nil {
		return nil, nil, err
	}
	var out blas32.General
	run := func() (err error) {
		out, err = m.Predict(ctx, eng, values, table)
		return err
	}
	return run, func() float64 { return mean(out) }, nil
}
