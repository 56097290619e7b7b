package spared

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/spared/dense"
)

// layerOrder is the order in which the pipeline makes the layers.
var layerOrder = []string{
	LayerCounts, LayerTPM, LayerCPM, LayerNorm, LayerLog, LayerDLog, LayerCLog, LayerCDLog, LayerCTLog, LayerCTLogSD, LayerRate,
	LayerDeltas, LayerDDeltas, LayerCDeltas, LayerCDDelta, LayerCTDelta,
}

// correctedLayers are those that batch correction makes.
var correctedLayers = []string{LayerCLog, LayerCDLog, LayerCDeltas, LayerCDDelta}

// noisyLayers are those that SpaRED keeps a noisy form of.
var noisyLayers = []string{LayerCDLog, LayerCTLog, LayerCDDelta, LayerCTDelta}

// noisyPrefix begins the name of a noisy layer.
const noisyPrefix = "noisy_"

func orderedLayers(layers map[string]blas32.General) []string {
	names := make([]string, 0, len(layers))
	for n := range layers {
		names = append(names, n)
	}
	rank := func(n string) int {
		if i := slices.Index(layerOrder, n); i >= 0 {
			return i
		}
		return len(layerOrder)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a, b)) })
	return names
}

// logOf names the log layer that a deltas layer was made from, e.g. c_d_log1p
// of c_d_deltas.
func logOf(deltas string) string { return strings.Replace(deltas, "deltas", "log1p", 1) }

// Noisy returns a layer as it would be without completion (SpaRED
// add_noisy_layer, the benchmark's scenario of raw data): measured values as
// they are, missing ones 0, or in a layer of deltas minus the gene's train
// mean, which stands for 0 there. It is made anew in each call, or found under
// noisy_<layer> where the recipe asked to store it.
func (d *Dataset) Noisy(layer string) (blas32.General, error) {
	if m, ok := d.Layers[noisyPrefix+layer]; ok {
		return m, nil
	}
	m, err := d.Layer(layer)
	if err != nil {
		return m, err
	}
	mean := make([]float64, m.Cols)
	if strings.Contains(layer, "deltas") {
		var ok bool
		if mean, ok = d.TrainMean[logOf(layer)]; !ok {
			return m, fmt.Errorf("spared: noisy %s: the data set has no train mean of %s", layer, logOf(layer))
		}
	}
	out := dense.Matrix[float32](m).Clone()
	for i := range out.Rows {
		row, measured := out.Row(i), d.Mask[i*m.Cols:(i+1)*m.Cols]
		for j := range row {
			if !measured[j] {
				row[j] = float32(0 - mean[j])
			}
		}
	}
	return blas32.General(out), nil
}

// storeNoisy stores the noisy form of each of the layers that is there and
// has one.
func (d *Dataset) storeNoisy(layers ...string) error {
	for _, name := range layers {
		if _, ok := d.Layers[name]; !ok || !slices.Contains(noisyLayers, name) {
			continue
		}
		delete(d.Layers, noisyPrefix+name)
		m, err := d.Noisy(name)
		if err != nil {
			return err
		}
		d.Layers[noisyPrefix+name] = m
	}
	return nil
}

// SetLayer stores a layer [spots][genes], its mean per gene over train spots
// and, under the name deltas, its differences to that mean. A data set without
// train spots has no such mean: it gets the layer only. Where the recipe asked
// for noisy layers, theirs are stored too.
func (d *Dataset) SetLayer(name, deltas string, m blas32.General) error {
	if spots, genes := d.N(); m.Rows != spots || m.Cols != genes {
		return fmt.Errorf("spared: layer %s is %d x %d, the data set %d spots x %d genes", name, m.Rows, m.Cols, spots, genes)
	}
	d.Layers[name] = m
	delete(d.Layers, deltas)
	delete(d.TrainMean, name)
	if len(d.SpotsIn(Train)) > 0 {
		if d.TrainMean == nil {
			d.TrainMean = map[string][]float64{}
		}
		d.TrainMean[name] = d.trainMean(m)
		d.Layers[deltas] = Deltas(m, d.TrainMean[name])
	}
	if d.Manifest.Recipe.Noisy {
		return d.storeNoisy(name, deltas)
	}
	return nil
}

func (d *Dataset) trainMean(m blas32.General) []float64 {
	mean, n := make([]float64, m.Cols), 0
	for i := range d.Spots {
		if d.Spots[i].Split != Train {
			continue
		}
		n++
		for j, v := range m.Data[i*m.Stride : i*m.Stride+m.Cols] {
			mean[j] += float64(v)
		}
	}
	for j := range mean {
		mean[j] /= float64(max(n, 1))
	}
	return mean
}

// Deltas returns a layer [spots][genes] minus a mean per gene (SpaRED
// get_deltas).
func Deltas(layer blas32.General, mean []float64) blas32.General {
	out := dense.Matrix[float32](layer).Clone()
	for i := range out.Rows {
		row := out.Row(i)
		for j, v := range row {
			row[j] = float32(float64(v) - mean[j])
		}
	}
	return blas32.General(out)
}
