package spackle

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spared"
)

// goEngine starts the engine that every machine has.
func goEngine(t testing.TB) *engine.Engine {
	t.Helper()
	e, err := engine.Open(engine.Options{Kind: engine.Go})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// engines starts the engines that this machine has.
func engines(t testing.TB) []*engine.Engine {
	t.Helper()
	all := []*engine.Engine{goEngine(t)}
	if e, err := engine.Open(engine.Options{Kind: engine.CPU}); err == nil {
		t.Cleanup(e.Close)
		all = append(all, e)
	} else {
		t.Logf("without XLA: %v", err)
	}
	return all
}

// tissue makes a data set of expression programs that vary smoothly over the
// slides, hexagonal grids of rows x cols spots. Counts are Poisson, so that low
// values are missing as on a real slide; d_log1p fills them with the gene's
// mean over the slide. Slide s is for training if s = 0, else for validation.
func syntheticTissue(slides, rows, cols, genes int, seed uint64) *spared.Dataset {
	rng := rand.New(rand.NewPCG(seed, 1))
	const programs = 4
	load := make([]float64, genes*programs) // of each gene on each program
	for i := range load {
		load[i] = rng.NormFloat64() * 0.7
	}
	n := slides * rows * cols
	ds := &spared.Dataset{Layers: map[string]blas32.General{}, Mask: make([]bool, n*genes)}
	counts := blas32.General{Rows: n, Cols: genes, Stride: genes, Data: make([]float32, n*genes)}
	log := blas32.General{Rows: n, Cols: genes, Stride: genes, Data: make([]float32, n*genes)}
	for g := range genes {
		ds.Genes = append(ds.Genes, spared.Gene{ID: "ENSG" + strconv.Itoa(g), Symbol: "G" + strconv.Itoa(g), Length: 1000})
	}
	for s := range slides {
		ds.Sections = append(ds.Sections, spared.Section{Name: "slide" + strconv.Itoa(s)})
		split := spared.Val
		if s == 0 {
			split = spared.Train
		}
		phase := make([]float64, 3*programs)
		for i := range phase {
			phase[i] = rng.Float64() * 2 * math.Pi
		}
		for r := range rows {
			for c := range cols {
				i := len(ds.Spots)
				x, y := 100*(float64(c)+0.5*float64(r%2)), 86.6*float64(r)
				ds.Spots = append(ds.Spots, spared.Spot{ID: "s" + strconv.Itoa(i), Slide: s, Split: split, X: x, Y: y, ArrayRow: r, ArrayCol: 2*c + r%2})
				for g := range genes {
					eta := 0.6
					for k := range programs {
						eta += load[g*programs+k] * math.Sin(x/(300+100*float64(k))+phase[3*k]) * math.Cos(y/(350+80*float64(k))+phase[3*k+1])
					}
					v := poisson(rng, math.Exp(eta))
					counts.Data[i*genes+g] = float32(v)
					ds.Mask[i*genes+g] = v > 0
					log.Data[i*genes+g] = float32(math.Log2(1 + 50*float64(v)))
				}
			}
		}
	}
	ds.Layers[spared.LayerCounts], ds.Layers[spared.LayerLog] = counts, log
	ds.Layers[spared.LayerDLog] = fillWithMean(ds, log)
	return ds
}

func poisson(rng *rand.Rand, mean float64) int {
	k, p, limit := 0, rng.Float64(), math.Exp(-mean)
	for p > limit {
		k++
		p *= rng.Float64()
	}
	return k
}

// fillWithMean replaces missing values by the gene's mean over the slide.
func fillWithMean(ds *spared.Dataset, log blas32.General) blas32.General {
	out := blas32.General{Rows: log.Rows, Cols: log.Cols, Stride: log.Cols, Data: append([]float32(nil), log.Data...)}
	for s := range ds.Sections {
		rows := ds.SpotsOf(s)
		for g := range log.Cols {
			sum, n := 0.0, 0
			for _, i := range rows {
				if ds.Mask[i*log.Cols+g] {
					sum += float64(log.Data[i*log.Cols+g])
					n++
				}
			}
			for _, i := range rows {
				if !ds.Mask[i*log.Cols+g] {
					out.Data[i*log.Cols+g] = float32(sum / float64(max(n, 1)))
				}
			}
		}
	}
	return out
}

// small is a network for tests, the paper's in all but size.
func small(genes int) Config {
	c := Paper(genes)
	c.Width, c.Hidden = 8, 16
	return c
}

// randomWeights are weights without the symmetries of the initial ones: layers
// differ and nothing is 0 or 1.
func randomWeights(c Config, rng *rand.Rand) weights {
	w := weights{}
	for _, p := range c.parameters() {
		v := make([]float32, p.size())
		for i := range v {
			v[i] = float32(0.3 * rng.NormFloat64())
			if p.dims[len(p.dims)-1] == c.Width && len(p.dims) == 1 {
				v[i]++
			}
		}
		w[p.name] = v
	}
	return w
}

// reference is the network of the paper written out by hand in float64, one
// neighbourhood at a time: an independent check of the graph.
type reference struct {
	c Config
	w weights
}

func (r reference) linear(name string, x [][]float64) [][]float64 {
	w, ok := r.w[name+".weight"]
	b := r.w[name+".bias"]
	if !ok { // in_proj_weight
		w, b = r.w[name+"_weight"], r.w[name+"_bias"]
	}
	y := make([][]float64, len(x))
	for t := range x {
		y[t] = make([]float64, len(b))
		for o := range b {
			y[t][o] = float64(b[o])
			for i, v := range x[t] {
				y[t][o] += float64(w[o*len(x[t])+i]) * v
			}
		}
	}
	return y
}

func (r reference) norm(name string, x, add [][]float64) [][]float64 {
	y := make([][]float64, len(x))
	for t := range x {
		e := float64(len(x[t]))
		mean, variance := 0.0, 0.0
		for i := range x[t] {
			mean += (x[t][i] + add[t][i]) / e
		}
		for i := range x[t] {
			d := x[t][i] + add[t][i] - mean
			variance += d * d / e
		}
		y[t] = make([]float64, len(x[t]))
		for i := range x[t] {
			y[t][i] = (x[t][i]+add[t][i]-mean)/math.Sqrt(variance+1e-5)*float64(r.w[name+".weight"][i]) + float64(r.w[name+".bias"][i])
		}
	}
	return y
}

// attend is attention of one sequence to itself.
func (r reference) attend(layer string, x [][]float64) [][]float64 {
	e, heads := r.c.Width, max(r.c.Heads, 1)
	qkv := r.linear(layer+".self_attn.in_proj", x)
	out := make([][]float64, len(x))
	for t := range x {
		out[t] = make([]float64, e)
		for h := range heads {
			lo, hi := h*e/heads, (h+1)*e/heads
			a, sum := make([]float64, len(x)), 0.0
			for s := range x {
				for i := lo; i < hi; i++ {
					a[s] += qkv[t][i] * qkv[s][e+i]
				}
				a[s] = math.Exp(a[s] / math.Sqrt(float64(hi-lo)))
				sum += a[s]
			}
			for s := range x {
				for i := lo; i < hi; i++ {
					out[t][i] += a[s] / sum * qkv[s][2*e+i]
				}
			}
		}
	}
	return r.linear(layer+".self_attn.out_proj", out)
}

// encode maps sequences (of spots of a neighbourhood, or for attention over
// the batch of one slot of all neighbourhoods) to their reconstruction.
func (r reference) encode(x [][]float64) [][]float64 {
	if g := r.c.Genes; r.c.Visual > 0 {
		var genes, picture [][]float64
		for t := range x {
			genes, picture = append(genes, slices.Clone(x[t][:g])), append(picture, x[t][g:])
		}
		for t, seen := range r.linear("visual", picture) {
			genes[t] = append(genes[t], seen...)
		}
		x = genes
	}
	h := r.linear("input", x)
	for i := range r.c.Layers {
		layer := "encoder.layers." + strconv.Itoa(i)
		h = r.norm(layer+".norm1", h, r.attend(layer, h))
		f := r.linear(layer+".linear1", h)
		for t := range f {
			for j := range f[t] {
				f[t][j] = max(f[t][j], 0)
			}
		}
		h = r.norm(layer+".norm2", h, r.linear(layer+".linear2", f))
	}
	return r.linear("output", h)
}

// run is encode of a batch [B][S][G+V], along the axis that is attended over.
func (r reference) run(x []float32, b, s int) []float64 {
	g, columns := r.c.Genes, r.c.columns()
	out := make([]float64, b*s*g)
	sequences, length := b, s
	at := func(sequence, place int) int { return sequence*s + place }
	if r.c.Attention == Batch {
		sequences, length = s, b
		at = func(sequence, place int) int { return place*s + sequence }
	}
	for q := range sequences {
		in := make([][]float64, length)
		for p := range in {
			for _, v := range x[at(q, p)*columns:][:columns] {
				in[p] = append(in[p], float64(v))
			}
		}
		for p, row := range r.encode(in) {
			copy(out[at(q, p)*g:], row)
		}
	}
	return out
}

// forward runs the graph's network on a batch [B][S][G+V]: all is the output for
// all spots [B][S][G], own the short way to that for the spots themselves [B][G].
func forward(t testing.TB, e *engine.Engine, c Config, w weights, x []float32) (all, own []float32) {
	t.Helper()
	n, err := newNetwork(e, c, w)
	if err != nil {
		t.Fatal(err)
	}
	defer n.store.Finalize()
	exec, err := model.NewExec(e.Backend, n.store, func(s *model.Scope, x *graph.Node) (*graph.Node, *graph.Node) {
		return c.encode(s, x, false, nil), c.encode(n.store.RootScope(), x, true, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	c = n.config
	a, o, err := exec.Call2(tensors.FromFlatDataAndDimensions(x, len(x)/(c.Tokens*c.columns()), c.Tokens, c.columns()))
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](a), tensors.MustCopyFlatData[float32](o)
}
