package spackle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialgo/spatialgo/internal/engine"
	"github.com/spatialgo/spatialgo/spackle/ckpt"
	"github.com/spatialgo/spatialgo/spared"
	"github.com/spatialgo/spatialgo/spared/format"
)

// sparedCheckpoint is a checkpoint that the published library trained, under
// Lightning (tools/torch_spackle.py).
var sparedCheckpoint = filepath.Join("testdata", "spared", "spared.ckpt")

func eightGenes() []string { return strings.Fields("a b c d e f g h") }

// TestLoadCheckpoint compares predictions of a real checkpoint with those of
// torch, over the batch, as the library computes, and over the neighbourhood.
func TestLoadCheckpoint(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "spared", "outputs.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Step         int
		Score        float64
		Batch        int
		Batchwise    []float64 `json:"output_batch"`
		Neighborhood []float64 `json:"output_neighborhood"`
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for _, e := range engines(t) {
		for attention, outputs := range map[Attention][]float64{"": want.Batchwise, Batch: want.Batchwise, Neighborhood: want.Neighborhood} {
			if attention == Batch && e.Kind != engine.Go {
				continue // as "": compiling takes XLA a while
			}
			m, err := LoadCheckpoint(sparedCheckpoint, CheckpointOptions{Genes: eightGenes(), Attention: attention})
			if err != nil {
				t.Fatal(err)
			}
			x, _ := ruleInputs(want.Batch * Tokens * 8)
			table := make([]int32, want.Batch*Tokens) // each neighbourhood has spots of its own
			for i := range table {
				table[i] = int32(i)
			}
			got, err := m.Predict(context.Background(), e, blas32.General{Rows: len(table), Cols: 8, Stride: 8, Data: x}, table)
			if err != nil {
				t.Fatal(err)
			}
			if d := farthest(got.Data, outputs); d > 1e-5 {
				t.Errorf("attention over %q on %s: outputs are off torch's by %g", attention, e.Kind, d)
			}
		}
	}
	m, err := LoadCheckpoint(sparedCheckpoint, CheckpointOptions{Genes: eightGenes()})
	if err != nil {
		t.Fatal(err)
	}
	if c := (Config{Genes: 8, Width: 8, Hidden: 16, Layers: 2, Dropout: 0.1, Attention: Batch, Tokens: 19, Heads: 1}); m.Config != c {
		t.Errorf("network %+v, want %+v", m.Config, c)
	}
	r := m.Training
	if m.Layer != spared.LayerCDLog || r.BestStep != want.Step || math.Abs(r.BestValMSE-want.Score) > 1e-6 || r.Rate != 1e-3 || r.Batch != 256 || r.Rule != "mask_prob" {
		t.Errorf("layer %s, training %+v; want step %d of MSE %g", m.Layer, r, want.Step, want.Score)
	}
	// It is a model like any other: saved, it is read again.
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	if again, err := Load(path); err != nil || again.Digest() != m.Digest() {
		t.Errorf("saved and loaded: %v", err)
	}
}

// TestOpen completes a data set with a checkpoint.
func TestOpen(t *testing.T) {
	ds := syntheticTissue(1, 5, 6, 8, 1)
	m, err := Open(sparedCheckpoint, ds)
	if err != nil {
		t.Fatal(err)
	}
	if m.Genes[7] != ds.Genes[7].ID {
		t.Errorf("genes %v", m.Genes)
	}
	if err := m.Complete(context.Background(), ds, CompleteOptions{Engine: goEngine(t)}); err == nil || !strings.Contains(err.Error(), spared.LayerCDLog) {
		t.Errorf("a data set without the layer: %v", err)
	}
	m.Layer = spared.LayerDLog
	if err := m.Complete(context.Background(), ds, CompleteOptions{Engine: goEngine(t)}); err != nil {
		t.Fatal(err)
	}
	if _, ok := ds.Layers[spared.LayerCTLog]; !ok {
		t.Error("nothing was completed")
	}
	if _, err := Open(sparedCheckpoint, syntheticTissue(1, 5, 6, 7, 1)); err == nil || !strings.Contains(err.Error(), "a network of 8 genes, and 7") {
		t.Errorf("a data set of 7 genes: %v", err)
	}
	// What Load reads, Open reads.
	dir := t.TempDir()
	if err := m.Save(filepath.Join(dir, modelFile)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, modelFile)} {
		if own, err := Open(path, ds); err != nil || own.Digest() != m.Digest() {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Open(filepath.Join(dir, "none.ckpt"), ds); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestCheckpointErrors loads checkpoints with something wrong about them or
// about the files beside them.
func TestCheckpointErrors(t *testing.T) {
	good, err := os.ReadFile(sparedCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := os.ReadFile(filepath.Join("ckpt", "testdata", "settings.ckpt"))
	if err != nil {
		t.Fatal(err)
	}
	malicious, err := os.ReadFile(filepath.Join("ckpt", "testdata", "malicious.ckpt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		reason        string
		file          []byte
		params, genes string // files beside it, "" = none
		o             CheckpointOptions
		errHas        string // "" = must be read
	}{
		{reason: "genes from the file beside it", genes: "a\nb\nc\nd\ne\nf\ng\nh\n"},
		{reason: "genes from the options go first", genes: "nonsense", o: CheckpointOptions{Genes: eightGenes()}},
		{reason: "settings of another number of neighbours", params: `{"num_neighs": 6}`, o: CheckpointOptions{Genes: eightGenes()}},
		{reason: "nobody knows the genes", errHas: "genes.txt: a checkpoint does not name its genes"},
		{reason: "too few genes", o: CheckpointOptions{Genes: eightGenes()[:7]}, errHas: "a network of 8 genes, and 7"},
		{reason: "a gene twice", o: CheckpointOptions{Genes: append(eightGenes()[:7], "a")}, errHas: "gene a is named twice"},
		{reason: "a gene list as large as a data set", genes: strings.Repeat("a\n", maxText), errHas: "genes.txt: has more than"},
		{reason: "settings that are none", params: "{", o: CheckpointOptions{Genes: eightGenes()}, errHas: "script_params.json: not the settings"},
		{reason: "settings of another network", params: `{"transformer_encoder_layers": 3}`, o: CheckpointOptions{Genes: eightGenes()}, errHas: "2 layers, but script_params.json beside it says 3"},
		{reason: "a network that sees pictures", params: `{"use_visual_features": true}`, o: CheckpointOptions{Genes: eightGenes()}, errHas: "use_visual_features"},
		{reason: "less than no neighbours", params: `{"num_neighs": -1}`, o: CheckpointOptions{Genes: eightGenes()}, errHas: "num_neighs"},
		{reason: "heads that do not divide the width", params: `{"transformer_heads": 3}`, o: CheckpointOptions{Genes: eightGenes()}, errHas: "3 heads for a width of 8"},
		{reason: "attention over nothing", o: CheckpointOptions{Genes: eightGenes(), Attention: "moon"}, errHas: `"moon"`},
		{reason: "the checkpoint of another network", file: settings, o: CheckpointOptions{Genes: eightGenes()}, errHas: "is no part of a SpaCKLE of the published library"},
		{reason: "one that would run a command", file: malicious, o: CheckpointOptions{Genes: eightGenes()}, errHas: "would execute posix.system: refused"},
		{reason: "cut short", file: good[:len(good)/2], o: CheckpointOptions{Genes: eightGenes()}, errHas: "cut short"},
		{reason: "a bit of the weights has changed", file: flipped(good, 0x3000), o: CheckpointOptions{Genes: eightGenes()}, errHas: "checksum"},
		{reason: "a layer by another name", file: bytes.ReplaceAll(good, []byte("layers.1."), []byte("layers.7.")), o: CheckpointOptions{Genes: eightGenes()}, errHas: "checksum"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "m.ckpt")
		if tc.file == nil {
			tc.file = good
		}
		for name, content := range map[string]string{"m.ckpt": string(tc.file), paramsFile: tc.params, genesFile: tc.genes} {
			if content == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err := LoadCheckpoint(path, tc.o)
		if tc.errHas == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.reason, err)
			}
			continue
		}
		var e *format.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.errHas) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v, want a format error with %q", tc.reason, err, tc.errHas)
		}
	}
}

// flipped is a copy of a file with a bit changed.
func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// TestCheckpointTensors makes networks out of tensors that do not fit.
func TestCheckpointTensors(t *testing.T) {
	f, err := ckpt.Open(sparedCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	o := CheckpointOptions{Genes: eightGenes()}.withDefaults(scriptParams{})
	for _, tc := range []struct {
		reason string
		change func(map[string]ckpt.Tensor)
		errHas string // "" = must be read
	}{
		{"as it is", func(map[string]ckpt.Tensor) {}, ""},
		{"without the prefix of Lightning", func(m map[string]ckpt.Tensor) {
			for name, x := range m {
				delete(m, name)
				m[strings.TrimPrefix(name, "model.")] = x
			}
		}, ""},
		{"with and without it", func(m map[string]ckpt.Tensor) { m["linear.bias"] = m["model.linear.bias"] }, "is there as linear.bias too"},
		{"no adapter", func(m map[string]ckpt.Tensor) { delete(m, "model.linear.weight") }, "autoencoder"},
		{"a part is missing", func(m map[string]ckpt.Tensor) { delete(m, "model.out_linear.bias") }, "model.out_linear.bias: missing"},
		{"a part of another shape", func(m map[string]ckpt.Tensor) {
			m["model.out_linear.bias"] = m["model.transformer_encoder.layers.0.linear1.bias"]
		}, "model.out_linear.bias: shape [16], want [8]"},
		{"a layer too many, without a number between", func(m map[string]ckpt.Tensor) {
			m["model.transformer_encoder.layers.3.norm1.bias"] = m["model.linear.bias"]
		}, "layers.3.norm1.bias: is no part of a SpaCKLE of 2 layers"},
		{"a network that sees pictures", func(m map[string]ckpt.Tensor) { m["model.linear_vis.weight"] = m["model.linear.weight"] }, "sees pictures too"},
	} {
		g := &ckpt.File{Tensors: map[string]ckpt.Tensor{}}
		for name, x := range f.Tensors {
			g.Tensors[name] = x
		}
		tc.change(g.Tensors)
		_, _, err := checkpointNetwork("m.ckpt", g, o, scriptParams{})
		if (err == nil) != (tc.errHas == "") || err != nil && !strings.Contains(err.Error(), tc.errHas) {
			t.Errorf("%s: error %v, want %q", tc.reason, err, tc.errHas)
		}
	}
}
