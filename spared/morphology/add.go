package morphology

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/progress"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/patch"
	"github.com/spatialgo/spatialgo/spared/picture"
)

// Key is the name in obsm.
const Key = "embeddings_morphology"

// Options says what of the picture is looked at. The zero value is the square of
// one spot diameter that image models take, 224 pixels wide.
type Options struct {
	patch.Options
	Progress progress.Func // hears of the spots; nil = silence
}

// Add describes the tissue under each spot of a data set, [spots][Dims] by
// [Names], and stores it as obsm["embeddings_morphology"], with the names in
// uns["spatialgo_morphology"]. slides hold what patch.Write takes: all slides
// of the data set and the spots of each by their ids.
//
// Errors: those of package picture for a picture that cannot be read,
// patch.ErrNoFit for one that does not belong to its spots, and one that names
// the first spot that no slide shows. The data set then stays as it was.
func Add(ctx context.Context, ds *spared.Dataset, slides []patch.Slide, o Options) error {
	rows := map[string]int{}
	for i := range ds.Spots {
		rows[ds.Spots[i].ID] = i
	}
	a := &adder{ds: ds, rows: rows, o: o, start: time.Now(), done: make([]bool, len(ds.Spots)),
		out: blas32.General{Rows: len(ds.Spots), Cols: Dims, Stride: Dims, Data: make([]float32, len(ds.Spots)*Dims)}}
	for _, s := range slides {
		if err := a.slide(ctx, s); err != nil {
			return fmt.Errorf("slide %s: %w", s.Name, err)
		}
	}
	for i, done := range a.done {
		if !done {
			return fmt.Errorf("morphology: no slide shows spot %s", ds.Spots[i].ID)
		}
	}
	if ds.Obsm == nil {
		ds.Obsm = map[string]blas32.General{}
	}
	if ds.Uns == nil {
		ds.Uns = map[string]any{}
	}
	ds.Obsm[Key] = a.out
	ds.Uns["spatialgo_morphology"] = map[string]any{"columns": &h5ad.Array{Shape: []int{Dims}, Data: Names()}}
	return nil
}

// adder is one Add.
type adder struct {
	ds    *spared.Dataset
	rows  map[string]int // of the data set, by spot
	o     Options
	start time.Time
	out   blas32.General
	done  []bool
	count int
}

// slide describes the spots of one slide.
func (a *adder) slide(ctx context.Context, s patch.Slide) error {
	p, err := picture.Open(s.Picture, picture.Options{})
	if err != nil {
		return err
	}
	defer p.Close()
	r, err := patch.NewReader(p, s.X, s.Y, s.Diameter, a.o.Options)
	if err != nil {
		return err
	}
	to := make([]int, len(s.IDs))
	for k, id := range s.IDs {
		row, ok := a.rows[id]
		if !ok {
			return fmt.Errorf("morphology: the data set has no spot %s", id)
		}
		to[k] = row
	}
	return a.describe(ctx, r, to)
}

// describe describes all patches of a reader on two goroutines: the reader
// itself works on all cores, and describing takes as long as cutting out.
func (a *adder) describe(ctx context.Context, r *patch.Reader, to []int) error {
	type job struct {
		row int
		pix []uint8
	}
	const workers = 2
	jobs, free := make(chan job), make(chan []uint8, 2*workers)
	for range cap(free) {
		free <- make([]uint8, 3*r.Size()*r.Size())
	}
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			d, err := NewDescriber(r.Size(), r.Size())
			if err != nil {
				return err
			}
			for j := range jobs {
				if err := d.Describe(a.out.Data[j.row*Dims:][:Dims], j.pix); err != nil {
					return err
				}
				free <- j.pix
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(jobs)
		for p, err := range r.All(ctx) {
			if err != nil {
				return err
			}
			var pix []uint8
			select {
			case pix = <-free:
			case <-ctx.Done():
				return ctx.Err()
			}
			copy(pix, p.Pix)
			select {
			case jobs <- job{to[p.Spot], pix}:
			case <-ctx.Done():
				return ctx.Err()
			}
			a.done[to[p.Spot]] = true
			a.tell()
		}
		return nil
	})
	return group.Wait()
}

func (a *adder) tell() {
	a.count++
	if a.count%64 == 0 || a.count == len(a.ds.Spots) {
		a.o.Progress.Send(progress.Event{Step: "describing the tissue", Done: a.count, Total: len(a.ds.Spots), Seconds: time.Since(a.start).Seconds()})
	}
}
