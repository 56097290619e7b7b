// Command peers is the Go side of `make peers`: one task, timed as
// tools/peers_python.py times it with the Python libraries, on the same input.
//
//	peers TASK WORK DATA
//
// It prints one line of JSON: CPU seconds and wall seconds of the task alone
// (input excluded), the process's peak memory, what that was before the task,
// and a number by which the results are compared.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/combat"
	"github.com/spatialgo/spatialgo/spared/dense"
	"github.com/spatialgo/spatialgo/spared/h5ad"
	"github.com/spatialgo/spatialgo/spared/median"
	"github.com/spatialgo/spatialgo/spared/moran"
	"github.com/spatialgo/spatialgo/spared/neighbor"
	"github.com/spatialgo/spatialgo/spared/norm"
	"github.com/spatialgo/spatialgo/spared/slide"
	"github.com/spatialgo/spatialgo/spared/sparse"
	"github.com/spatialgo/spatialgo/spared/visium"
)

// task reads its input and returns what to time, and what sums up the result.
type task func(ctx context.Context, work, data string) (run func() error, check func() float64, err error)

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("want three arguments: TASK WORK DATA"))
	}
	tasks := map[string]task{
		"read10x": read10x, "read_h5ad": readH5AD, "write_h5ad": writeH5AD, "moran": moranI,
		"median": adaptiveMedian, "combat": batchCorrection, "recipe": recipe,
		"spackle_step": trainingSteps, "spackle_complete": prediction,
	}
	t, ok := tasks[os.Args[1]]
	if !ok {
		fail(fmt.Errorf("there is no task %q", os.Args[1]))
	}
	run, check, err := t(context.Background(), os.Args[2], os.Args[3])
	if err != nil {
		fail(err)
	}
	runtime.GC() // the input's garbage is not the task's
	var m measurement
	before := usage()
	m.BeforeMB = before.peakMB
	start := time.Now()
	if err := run(); err != nil {
		fail(err)
	}
	m.Wall = time.Since(start).Seconds()
	after := usage()
	m.CPU, m.PeakMB = after.cpu-before.cpu, after.peakMB
	m.Check = check()
	if err := json.NewEncoder(os.Stdout).Encode(m); err != nil {
		fail(err)
	}
}

type measurement struct {
	CPU      float64 `json:"cpu"`  // seconds
	Wall     float64 `json:"wall"` // seconds
	PeakMB   float64 `json:"peak_mb"`
	BeforeMB float64 `json:"before_mb"`
	Check    float64 `json:"check"`
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "peers:", err)
	os.Exit(1)
}

type used struct{ cpu, peakMB float64 }

func usage() used {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // cannot fail for this process
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return used{seconds(r.Utime) + seconds(r.Stime), float64(r.Maxrss) / 1024}
}

func sum(v []float32) float64 {
	s := 0.0
	for _, x := range v {
		s += float64(x)
	}
	return s
}

func read10x(ctx context.Context, _, data string) (func() error, func() float64, error) {
	var s *slide.Slide
	run := func() (err error) {
		s, err = visium.Read(ctx, filepath.Join(data, "mouse_muscle_visium", "Vis5A_2dpi"), visium.Options{})
		return err
	}
	return run, func() float64 { return sum(s.Counts.Data) }, nil
}

func readH5AD(_ context.Context, work, _ string) (func() error, func() float64, error) {
	var a *h5ad.AnnData
	run := func() (err error) {
		a, err = h5ad.Read(filepath.Join(work, "hippocampus.h5ad"))
		return err
	}
	return run, func() float64 { return sum(a.X.(*h5ad.Sparse).Data.([]float32)) }, nil
}

func writeH5AD(_ context.Context, work, _ string) (func() error, func() float64, error) {
	a, err := h5ad.Read(filepath.Join(work, "hippocampus.h5ad"))
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(work, "written_by_go.h5ad")
	size := func() float64 {
		info, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return float64(info.Size())
	}
	return func() error { return h5ad.Write(path, a, h5ad.WriteOptions{}) }, size, nil
}

// hippocampus opens the real slide: its counts, and squidpy's graph of six
// neighbours, since some spots have two candidates at the same distance.
func hippocampus(work string) (*sparse.CSR, *neighbor.Graph, error) {
	a, err := h5ad.Read(filepath.Join(work, "hippocampus.h5ad"))
	if err != nil {
		return nil, nil, err
	}
	counts, err := a.X.(*h5ad.Sparse).CSR()
	if err != nil {
		return nil, nil, err
	}
	links, err := a.Obsp["spatial_connectivities"].(*h5ad.Sparse).CSR()
	if err != nil {
		return nil, nil, err
	}
	rows := make([][]int, links.Rows)
	for i := range rows {
		near, _ := links.Row(i)
		for _, j := range near {
			rows[i] = append(rows[i], int(j))
		}
	}
	g, err := neighbor.FromRows(rows)
	return counts, g, err
}

func coordinates(a *h5ad.AnnData) (x, y []float64) {
	xy := a.Obsm["spatial"].(*h5ad.Array).Data.([]float64)
	for i := 0; i < len(xy); i += 2 {
		x, y = append(x, xy[i]), append(y, xy[i+1])
	}
	return x, y
}

func moranI(_ context.Context, work, _ string) (func() error, func() float64, error) {
	counts, g, err := hippocampus(work)
	if err != nil {
		return nil, nil, err
	}
	var values []float64
	run := func() (err error) {
		values, err = moran.ISparse(counts, g)
		return err
	}
	check := func() float64 {
		total := 0.0
		for _, v := range values {
			if v == v {
				total += v
			}
		}
		return total
	}
	return run, check, nil
}

func adaptiveMedian(ctx context.Context, work, _ string) (func() error, func() float64, error) {
	counts, g, err := hippocampus(work)
	if err != nil {
		return nil, nil, err
	}
	first := make([]int, 300)
	for j := range first {
		first[j] = j
	}
	log := norm.Log2P1(dense.Matrix[float32](counts.Select(nil, first).Dense()))
	var done dense.Matrix[float32]
	run := func() (err error) {
		done, _, err = median.Complete(ctx, log, g, 4)
		return err
	}
	return run, func() float64 { return sum(done.Data) }, nil
}

func batchCorrection(_ context.Context, work, _ string) (func() error, func() float64, error) {
	a, err := h5ad.Read(filepath.Join(work, "batches.h5ad"))
	if err != nil {
		return nil, nil, err
	}
	values := a.X.(*h5ad.Array)
	x := dense.Matrix[float64]{Rows: values.Shape[0], Cols: values.Shape[1], Stride: values.Shape[1], Data: values.Data.([]float64)}
	column := a.Obs.Column("batch")
	batch := make([]int, len(column.Codes))
	for i, c := range column.Codes {
		batch[i] = int(c)
	}
	batches := slices.Max(batch) + 1
	run := func() error {
		_, _, _, err := combat.Correct(x, batch, batches)
		return err
	}
	check := func() float64 {
		total := 0.0
		for _, v := range x.Data {
			total += v * v
		}
		return total
	}
	return run, check, nil
}

// recipe is the published pipeline on eight slides, with the numbers that
// tools/peers_python.py uses.
func recipe(ctx context.Context, work, _ string) (func() error, func() float64, error) {
	a, err := h5ad.Read(filepath.Join(work, "hippo.h5ad"))
	if err != nil {
		return nil, nil, err
	}
	slides, err := collection(a)
	if err != nil {
		return nil, nil, err
	}
	r := spared.Recipe{
		Order: spared.Released, Organism: "mouse",
		SpotMin: 500, SpotMax: 100_000, GeneMin: 1_000, GeneMax: 1_000_000, RealShare: 0.7, Genes: 128,
	}
	for _, s := range slides {
		r.Inputs = append(r.Inputs, spared.Input{Name: s.Name, Split: spared.Train})
	}
	r.Inputs[len(slides)-1].Split = spared.Val // one must; in this order all slides teach
	var d *spared.Dataset
	run := func() (err error) {
		d, err = spared.Curate(ctx, slides, r, nil)
		return err
	}
	check := func() float64 {
		done := d.Layers[spared.LayerDLog]
		return mean(done)
	}
	return run, check, nil
}

func mean(m blas32.General) float64 { return sum(m.Data) / float64(m.Rows*m.Cols) }

// collection takes the slides out of one table of all of them.
func collection(a *h5ad.AnnData) ([]*slide.Slide, error) {
	counts, err := a.X.(*h5ad.Sparse).CSR()
	if err != nil {
		return nil, err
	}
	x, y := coordinates(a)
	row, col := a.Obs.Column("array_row").Data.([]int64), a.Obs.Column("array_col").Data.([]int64)
	of := a.Obs.Column("slide_id").Strings()
	rows := map[string][]int{}
	var names []string
	for i, name := range of {
		if rows[name] == nil {
			names = append(names, name)
		}
		rows[name] = append(rows[name], i)
	}
	slices.Sort(names)
	var slides []*slide.Slide
	for _, name := range names {
		s := &slide.Slide{Name: name, Counts: counts.Select(rows[name], nil), Organism: "mouse"}
		for _, id := range a.Var.Index {
			s.Genes = append(s.Genes, slide.Gene{ID: id, Symbol: id, Feature: "Gene Expression"})
		}
		for _, i := range rows[name] {
			s.Barcodes = append(s.Barcodes, a.Obs.Index[i])
			s.InTissue = append(s.InTissue, true)
			s.ArrayRow, s.ArrayCol = append(s.ArrayRow, int(row[i])), append(s.ArrayCol, int(col[i]))
			s.X, s.Y = append(s.X, x[i]), append(s.Y, y[i])
		}
		slides = append(slides, s)
	}
	return slides, nil
}
