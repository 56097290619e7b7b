package spackle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spackle/ckpt"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/format"
)

// The files that LoadCheckpoint looks for beside a checkpoint.
const (
	paramsFile = "script_params.json" // what the library was told; it writes that itself
	genesFile  = "genes.txt"          // the genes, one id per line; made by hand
)

// CheckpointOptions say of a checkpoint what it does not hold.
type CheckpointOptions struct {
	// Genes are the ids of the network's columns, in the order of var_names of
	// the AnnData object that it was trained on. nil = those in the file
	// genes.txt beside the checkpoint, one a line.
	Genes []string
	// Layer is what it was trained on; "" = what script_params.json beside it
	// says, and where that does not, c_d_log1p, as in the published recipe.
	Layer string
	// Attention is what it attends over; "" = Batch, as the library computes.
	Attention Attention
	// Heads of the attention and Neighbors of a spot; 0 = what
	// script_params.json says, and where there is none, 1 and 18. Neighbors -1
	// is none.
	Heads, Neighbors int
}

// LoadCheckpoint reads a network that the published library trained: the
// .ckpt file that Lightning wrote of its GeneImputationModel, of any width (as
// many as genes in the library, 128 in the paper's code). Nothing in the file
// is executed, see package ckpt; it is read as
//
//	model.linear.*                        the adapter before the encoder
//	model.transformer_encoder.layers.*    the encoder
//	model.out_linear.*                    the adapter after it
//	model.encoder_layer.*                 what the layers were copied from: not used
//	global_step, callbacks, optimizer_states   Training
//
// with or without the leading "model.". Whether the genes are in the right
// order no one can tell from the file.
//
// A file that would execute something, is damaged, or holds another network
// gives a *format.Error.
func LoadCheckpoint(path string, o CheckpointOptions) (*Model, error) {
	f, err := ckpt.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("spackle: no checkpoint: %s: %w", path, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("spackle: reading the checkpoint: %w", err)
	}
	params, err := readParams(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	o = o.withDefaults(params)
	m := &Model{Layer: o.Layer, Genes: o.Genes}
	if m.Config, m.weights, err = checkpointNetwork(path, f, o, params); err != nil {
		return nil, err
	}
	if m.Genes == nil {
		if m.Genes, err = readGenes(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	if err := checkGeneList(path, m.Genes, m.Config.Genes); err != nil {
		return nil, err
	}
	m.Training = checkpointTraining(f.Settings, params)
	return m, nil
}

// Open is Load of a model that is to complete a data set; it reads checkpoints
// of the published library too. A checkpoint does not name its genes: they come
// from genes.txt beside it, and where there is none they are taken to be the
// data set's, in its order.
func Open(path string, ds *spared.Dataset) (*Model, error) {
	if info, err := os.Stat(path); err != nil || info.IsDir() || !ckpt.Is(path) {
		return Load(path)
	}
	var o CheckpointOptions
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), genesFile)); errors.Is(err, fs.ErrNotExist) {
		o.Genes = geneIDs(ds)
	}
	return LoadCheckpoint(path, o)
}

// scriptParams is what the library keeps beside its checkpoints, as far as the
// network depends on it.
type scriptParams struct {
	Heads     int    `json:"transformer_heads"`
	Layers    int    `json:"transformer_encoder_layers"`
	Neighbors *int   `json:"num_neighs"`
	Layer     string `json:"prediction_layer"`
	Visual    bool   `json:"use_visual_features"`
	Batch     int    `json:"batch_size"`
	ValEvery  int    `json:"val_check_interval"`
	Masking   string `json:"masking_method"`
}

// maxText bounds the files beside a checkpoint: some hundred bytes of settings,
// 16 bytes a gene.
const maxText = 1 << 20

// readBeside returns the content of a small file, nil where there is none.
func readBeside(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("spackle: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err != nil {
		return nil, fmt.Errorf("spackle: %w", err)
	}
	if len(b) > maxText {
		return nil, format.Errorf(path, "", "has more than %d bytes: not what belongs there", maxText)
	}
	return b, nil
}

func readParams(dir string) (scriptParams, error) {
	path := filepath.Join(dir, paramsFile)
	var p scriptParams
	b, err := readBeside(path)
	if err != nil || b == nil {
		return p, err
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, format.Errorf(path, "", "not the settings of a training: %w", err)
	}
	if n := p.Neighbors; n != nil && (*n < 0 || *n > 1000) {
		return p, format.Errorf(path, "num_neighs", "%d neighbours, want 0 to 1000", *n)
	}
	if p.Visual {
		return p, format.Errorf(path, "use_visual_features", "is true: networks that see pictures too are read from their own files only; train one here")
	}
	return p, nil
}

func readGenes(dir string) ([]string, error) {
	path := filepath.Join(dir, genesFile)
	b, err := readBeside(path)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, format.Missing(path, "a checkpoint does not name its genes: write the var_names of the data that it was trained on there, one a line, in their order")
	}
	return strings.Fields(string(b)), nil
}

func checkGeneList(path string, genes []string, want int) error {
	if len(genes) != want {
		return format.Errorf(path, "", "a network of %d genes, and %d genes to go with it; write the %d that it was trained on to %s beside it, one a line, in the order of var_names", want, len(genes), want, genesFile)
	}
	seen := map[string]bool{}
	for _, id := range genes {
		if seen[id] {
			return format.Errorf(path, "", "gene %s is named twice", id)
		}
		seen[id] = true
	}
	return nil
}

func (o CheckpointOptions) withDefaults(p scriptParams) CheckpointOptions {
	if o.Layer == "" {
		o.Layer = p.Layer
	}
	if o.Layer == "" {
		o.Layer = spared.LayerCDLog
	}
	if o.Attention == "" {
		o.Attention = Batch
	}
	if o.Heads == 0 {
		o.Heads = max(p.Heads, 0) // 0 = 1
	}
	switch {
	case o.Neighbors < 0:
		o.Neighbors = 0
	case o.Neighbors == 0 && p.Neighbors != nil:
		o.Neighbors = *p.Neighbors
	case o.Neighbors == 0:
		o.Neighbors = Neighbors
	}
	return o
}

// checkpointNames are the beginnings of names in the library, and here.
var checkpointNames = [][2]string{{"linear.", "input."}, {"transformer_encoder.layers.", "encoder.layers."}, {"out_linear.", "output."}}

// checkpointNetwork takes the network out of a checkpoint: its shape, which
// the tensors tell but for heads and neighbours, and its weights.
func checkpointNetwork(path string, f *ckpt.File, o CheckpointOptions, p scriptParams) (Config, weights, error) {
	tensors, err := renamed(path, f)
	if err != nil {
		return Config{}, nil, err
	}
	c := Config{Dropout: 0.1, Attention: o.Attention, Heads: o.Heads, Tokens: o.Neighbors + 1}.withDefaults()
	for ; tensors[fmt.Sprintf("encoder.layers.%d.linear1.weight", c.Layers)].name != ""; c.Layers++ {
	}
	in, first := tensors["input.weight"].Shape, tensors["encoder.layers.0.linear1.weight"].Shape
	if len(in) != 2 || len(first) != 2 {
		return c, nil, format.Errorf(path, "state_dict", "no matrices model.linear.weight and model.transformer_encoder.layers.0.linear1.weight: not a SpaCKLE of the published library (its autoencoder is not read)")
	}
	c.Width, c.Genes, c.Hidden = in[0], in[1], first[0]
	if p.Layers != 0 && p.Layers != c.Layers {
		return c, nil, format.Errorf(path, "state_dict", "%d layers, but %s beside it says %d: they do not belong together", c.Layers, paramsFile, p.Layers)
	}
	if err := c.check(); err != nil {
		return c, nil, format.Errorf(path, "state_dict", "%w", err)
	}
	w := weights{}
	for _, q := range c.parameters() {
		t, ok := tensors[q.name]
		if !ok {
			return c, nil, format.Errorf(path, "model."+libraryName(q.name), "missing")
		}
		if w[q.name], err = checkpointWeights(t.Tensor, q.dims); err != nil {
			return c, nil, format.Errorf(path, t.name, "%w", err)
		}
		delete(tensors, q.name)
	}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		return c, nil, format.Errorf(path, tensors[name].name, "is no part of a SpaCKLE of %d layers", c.Layers)
	}
	return c, w, nil
}

// namedTensor is a tensor with the name that it has in the file.
type namedTensor struct {
	ckpt.Tensor
	name string
}

// renamed returns the tensors of the network by the names that they have here.
func renamed(path string, f *ckpt.File) (map[string]namedTensor, error) {
	tensors := map[string]namedTensor{}
	for _, name := range slices.Sorted(maps.Keys(f.Tensors)) {
		bare := strings.TrimPrefix(name, "model.")
		if strings.HasPrefix(bare, "encoder_layer.") {
			continue
		}
		own, err := ownName(bare)
		if err != nil {
			return nil, format.Errorf(path, name, "%w", err)
		}
		if t, twice := tensors[own]; twice {
			return nil, format.Errorf(path, name, "is there as %s too", t.name)
		}
		tensors[own] = namedTensor{f.Tensors[name], name}
	}
	return tensors, nil
}

func ownName(name string) (string, error) {
	for _, pair := range checkpointNames {
		if rest, ok := strings.CutPrefix(name, pair[0]); ok {
			return pair[1] + rest, nil
		}
	}
	if strings.HasPrefix(name, "linear_vis.") || strings.HasPrefix(name, "in_linear.") {
		return "", errors.New("a network that sees pictures too, which is not read; train one here")
	}
	return "", errors.New("is no part of a SpaCKLE of the published library")
}

// libraryName is the inverse of ownName.
func libraryName(own string) string {
	for _, pair := range checkpointNames {
		if rest, ok := strings.CutPrefix(own, pair[1]); ok {
			return pair[0] + rest
		}
	}
	return own
}

// checkpointWeights returns the elements of a tensor, checked to be of a shape
// and finite.
func checkpointWeights(t ckpt.Tensor, dims []int) ([]float32, error) {
	if !slices.Equal(t.Shape, dims) {
		return nil, fmt.Errorf("shape %v, want %v", t.Shape, dims)
	}
	v, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	for i, x := range v {
		if !finite(x) {
			return nil, fmt.Errorf("element %d is %g: the training diverged, or the file is damaged", i, x)
		}
	}
	return v, nil
}

// checkpointTraining records what a checkpoint tells of its training: the step
// of its weights, their score where the library validated by MSE, and the rate.
func checkpointTraining(s ckpt.Settings, p scriptParams) Training {
	t := Training{Start: StartTorch, Batch: p.Batch, ValEvery: p.ValEvery, Rule: p.Masking, Engine: "PyTorch"}
	step, _ := s.At("global_step").(int64)
	t.Step, t.Steps, t.BestStep = int(step), int(step), int(step)
	callbacks, _ := s.At("callbacks").(ckpt.Settings)
	for _, name := range slices.Sorted(maps.Keys(callbacks)) {
		if callbacks.At(name, "monitor") == any("val_MSE") {
			t.BestValMSE = single(callbacks.At(name, "current_score"))
		}
	}
	group := settingsOf(element(settingsOf(element(s.At("optimizer_states"))).At("param_groups")))
	t.Rate, _ = group.At("lr").(float64)
	return t
}

// element is the first of a list, or nil.
func element(v any) any {
	if list, ok := v.([]any); ok && len(list) > 0 {
		return list[0]
	}
	return nil
}

func settingsOf(v any) ckpt.Settings {
	s, _ := v.(ckpt.Settings)
	return s
}

// single is the number in a tensor of one, or 0 where it is none.
func single(v any) float64 {
	if t, ok := v.(ckpt.Tensor); ok && t.Len() == 1 {
		if x, err := checkpointWeights(t, t.Shape); err == nil {
			return float64(x[0])
		}
	}
	return 0
}
