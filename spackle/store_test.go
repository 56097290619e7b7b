package spackle

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spackle/safetensors"
	"github.com/spatialgo/spatialgo/spared/format"
)

// sampleModel is a small model that was never trained.
func sampleModel(genes int) *Model {
	c := small(genes)
	m := &Model{Config: c, Layer: "d_log1p", weights: c.initial(source(9, streamWeights, 0)),
		Training: Training{Steps: 2, Step: 2, Batch: 8, Rate: 1e-3, Seed: 42, ValEvery: 1, BestStep: 2, BestValMSE: 0.1 + 0.2,
			History: []Point{{Step: 1, Loss: 3, ValMSE: 1. / 3}, {Step: 2, Loss: 2, ValMSE: 0.1 + 0.2}}}}
	for g := range genes {
		m.Genes = append(m.Genes, syntheticTissue(1, 1, 2, genes, 1).Genes[g].ID)
	}
	return m
}

func TestSaveLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "model")
	want := sampleModel(4)
	if err := want.Save(dir); err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("saved %+v\nloaded %+v", want, got)
	}
	before := files(t, dir)
	if err := got.Save(dir); err != nil {
		t.Fatal(err)
	}
	for name, b := range files(t, dir) {
		if !bytes.Equal(b, before[name]) {
			t.Errorf("%s: the same model gives other bytes", name)
		}
	}
	if n := len(files(t, dir)); n != 2 {
		t.Errorf("%d files in the folder, want 2", n)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, tc := range []struct {
		reason string
		damage func(t *testing.T, dir string)
		errHas string
		is     error // nil = a *format.Error
	}{
		{reason: "no folder", damage: func(t *testing.T, dir string) { os.RemoveAll(dir) }, errHas: "no trained model", is: fs.ErrNotExist},
		{reason: "no weights", damage: func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, weightsFile)) }, errHas: "no weights", is: fs.ErrNotExist},
		{reason: "record cut short", damage: edit(recordFile, func(b []byte) []byte { return b[:len(b)/2] }), errHas: recordFile},
		{reason: "record of a later version", damage: record1(func(m map[string]any) { m["version"] = 2 }), errHas: "version"},
		{reason: "fewer genes than columns", damage: record1(func(m map[string]any) { m["genes"] = []string{"a"} }), errHas: "genes"},
		{reason: "no layer", damage: record1(func(m map[string]any) { delete(m, "layer") }), errHas: "layer"},
		{reason: "a network of no width", damage: record1(func(m map[string]any) { m["network"].(map[string]any)["width"] = 0 }), errHas: "network"},
		{reason: "one bit of the weights", damage: edit(weightsFile, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), errHas: weightsFile},
		{reason: "weights cut short", damage: edit(weightsFile, func(b []byte) []byte { return b[:100] }), errHas: weightsFile},
		{reason: "the record of another width", damage: record1(func(m map[string]any) { m["network"].(map[string]any)["width"] = 16 }), errHas: "input.weight"},
		{reason: "the weights of another model", damage: func(t *testing.T, dir string) {
			other := t.TempDir()
			if err := sampleModel(5).Save(other); err != nil {
				t.Fatal(err)
			}
			b := files(t, other)[weightsFile]
			if err := os.WriteFile(filepath.Join(dir, weightsFile), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}, errHas: "belong"},
	} {
		dir := t.TempDir()
		if err := sampleModel(4).Save(dir); err != nil {
			t.Fatal(err)
		}
		tc.damage(t, dir)
		_, err := Load(dir)
		if err == nil || !strings.Contains(err.Error(), tc.errHas) {
			t.Errorf("%s: error %v, want one with %q", tc.reason, err, tc.errHas)
			continue
		}
		var fe *format.Error
		if tc.is != nil && !errors.Is(err, tc.is) || tc.is == nil && !errors.As(err, &fe) {
			t.Errorf("%s: %T: %v", tc.reason, err, err)
		}
	}
}

func edit(name string, change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, change(b), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// record1 changes fields of model.json.
func record1(change func(map[string]any)) func(*testing.T, string) {
	return edit(recordFile, func(b []byte) []byte {
		var m map[string]any
		if json.Unmarshal(b, &m) != nil {
			return nil
		}
		change(m)
		b, _ = json.Marshal(m)
		return b
	})
}

// TestTorchNames guards the names and shapes by which other programs find the
// weights: those of torch.nn.TransformerEncoder and torch.nn.Linear.
func TestTorchNames(t *testing.T) {
	dir := t.TempDir()
	m := sampleModel(4)
	m.Config = Paper(4)
	m.weights = m.Config.initial(source(9, streamWeights, 0))
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(filepath.Join(dir, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, shape := range map[string][]int{
		"input.weight": {128, 4}, "output.weight": {4, 128}, "output.bias": {4},
		"encoder.layers.0.self_attn.in_proj_weight":  {384, 128},
		"encoder.layers.1.self_attn.in_proj_bias":    {384},
		"encoder.layers.1.self_attn.out_proj.weight": {128, 128},
		"encoder.layers.0.linear1.weight":            {2048, 128},
		"encoder.layers.1.linear2.weight":            {128, 2048},
		"encoder.layers.1.norm2.bias":                {128},
	} {
		if got := f.Tensors[name].Shape; !reflect.DeepEqual(got, shape) {
			t.Errorf("%s: shape %v, want %v", name, got, shape)
		}
	}
	if len(f.Tensors) != 2*12+4 {
		t.Errorf("%d tensors, want 28", len(f.Tensors))
	}
}

// FuzzLoad reads folders with any bytes in their files.
func FuzzLoad(f *testing.F) {
	dir := f.TempDir()
	if err := sampleModel(2).Save(dir); err != nil {
		f.Fatal(err)
	}
	r, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r)
	f.Add([]byte(`{"version":1,"network":{"genes":1,"width":4294967296,"hidden":4294967296,"layers":1,"attention":"batch"},"genes":["a"],"layer":"x"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, recordFile), b, 0o644); err != nil {
			t.Fatal(err)
		}
		if m, err := Load(dir); err == nil && len(m.weights) != len(m.Config.parameters()) {
			t.Fatal("loaded without all weights")
		}
	})
}
