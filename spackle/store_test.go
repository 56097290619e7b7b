package spackle

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
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
		m.Genes = append(m.Genes, "ENSG"+strconv.Itoa(g)) // as syntheticTissue names them
	}
	return m
}

func TestSaveLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, modelFile)
	want := sampleModel(4)
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	renamed := filepath.Join(dir, "mine")
	if err := os.Link(path, renamed); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{dir, path, renamed} {
		got, err := Load(at)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("saved %+v\nloaded %+v from %s", want, got, at)
		}
		if err := got.Save(filepath.Join(dir, "again")); err != nil {
			t.Fatal(err)
		}
		if f := files(t, dir); !bytes.Equal(f["again"], f[modelFile]) {
			t.Error("the same model gives other bytes")
		}
	}
	if n := len(files(t, dir)); n != 3 {
		t.Errorf("%d files in the folder, want 3", n)
	}
	if err := want.Save(filepath.Join(dir, "none", "model")); err == nil {
		t.Error("saved in a folder that is not there")
	}
}

// TestSaveInOneStep reads a model while two take turns in its place: whatever
// the moment, as after a kill, there must be one of them and all of it.
func TestSaveInOneStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), modelFile)
	models := []*Model{sampleModel(4), sampleModel(5)}
	if err := models[1].Save(path); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 50 && err == nil; i++ {
			err = models[i%2].Save(path)
		}
		done <- err
	}()
	for {
		m, err := Load(path)
		if err != nil {
			t.Error(err)
		} else if !reflect.DeepEqual(m, models[0]) && !reflect.DeepEqual(m, models[1]) {
			t.Errorf("loaded neither: %+v", m)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	// network changes the network that a record describes.
	network := func(key string, value int) func(map[string]any) {
		return func(m map[string]any) { m["network"].(map[string]any)[key] = value }
	}
	width := func(w int) func(map[string]any) { return network("width", w) }
	for _, tc := range []struct {
		reason string
		damage func(t *testing.T, dir string)
		errHas string
		is     error // nil = a *format.Error
	}{
		{reason: "no folder", damage: func(t *testing.T, dir string) { os.RemoveAll(dir) }, errHas: "no trained model", is: fs.ErrNotExist},
		{reason: "an empty folder", damage: func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, modelFile)) }, errHas: modelFile, is: fs.ErrNotExist},
		{reason: "an empty file", damage: edit(func(b []byte) []byte { return nil }), errHas: "too short"},
		{reason: "cut short in the header", damage: edit(func(b []byte) []byte { return b[:100] }), errHas: "cut short"},
		{reason: "cut short in the weights", damage: edit(func(b []byte) []byte { return b[:len(b)-1] }), errHas: "cut short"},
		{reason: "another format", damage: edit(func(b []byte) []byte { return append([]byte("\x89HDF\r\n\x1a\n"), b...) }), errHas: "not a safetensors file"},
		{reason: "weights without metadata", damage: editFile(func(f *safetensors.File) { f.Metadata = nil }), errHas: "no spatialgo.model"},
		{reason: "metadata of another program", damage: editFile(func(f *safetensors.File) { f.Metadata = map[string]string{"format": "pt"} }), errHas: "no spatialgo.model"},
		{reason: "record that is no JSON", damage: editFile(func(f *safetensors.File) { f.Metadata[recordKey] = "{" }), errHas: "not a model's record"},
		{reason: "record of a later version", damage: editRecord(func(m map[string]any) { m["version"] = 2 }), errHas: "version"},
		{reason: "fewer genes than columns", damage: editRecord(func(m map[string]any) { m["genes"] = []string{"a"} }), errHas: "genes"},
		{reason: "no layer", damage: editRecord(func(m map[string]any) { delete(m, "layer") }), errHas: "layer"},
		{reason: "a network of no width", damage: editRecord(width(0)), errHas: "network"},
		{reason: "the record of another width", damage: editRecord(width(16)), errHas: "input.weight"},
		{reason: "more layers than memory has room for", damage: editRecord(func(m map[string]any) { m["network"].(map[string]any)["layers"] = 1 << 50 }), errHas: "layers"},
		{reason: "heads that do not divide the width", damage: editRecord(network("heads", 3)), errHas: "3 heads for a width of 8"},
		{reason: "a neighbourhood of no spot", damage: editRecord(network("tokens", -1)), errHas: "neighbourhoods of -1 spots"},
		{reason: "more neighbours than memory has room for", damage: editRecord(network("tokens", 1<<40)), errHas: "want 1 to 1024 spots"},
		{reason: "another number of neighbours", damage: editRecord(network("tokens", 7)), errHas: "digest"},
		{reason: "a picture that has no name", damage: editRecord(network("visual", 5)), errHas: `features: "" for a network that reads 5`},
		{reason: "a picture that no network reads", damage: editRecord(func(m map[string]any) { m["features"] = "X_uni" }), errHas: "reads 0 numbers"},
		{reason: "a target that is none of the genes", damage: editRecord(func(m map[string]any) { m["targets"] = []string{"ENSG1", "ENSGX"} }), errHas: `targets: "ENSGX" is none of the network's genes`},
		{reason: "neighbours of other slides", damage: editRecord(func(m map[string]any) { m["neighbors_across_slides"] = true }), errHas: "digest"},
		{reason: "a tensor missing", damage: editFile(func(f *safetensors.File) { delete(f.Tensors, "output.bias") }), errHas: "output.bias: missing"},
		{reason: "one bit of the weights", damage: edit(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), errHas: "digest"},
		{reason: "another gene", damage: edit(func(b []byte) []byte { return bytes.Replace(b, []byte("ENSG2"), []byte("ENSG9"), 1) }), errHas: "digest"},
	} {
		dir := t.TempDir()
		if err := sampleModel(4).Save(filepath.Join(dir, modelFile)); err != nil {
			t.Fatal(err)
		}
		tc.damage(t, dir)
		_, err := Load(dir)
		if err == nil || !strings.Contains(err.Error(), tc.errHas) {
			t.Errorf("%s: error %v, want one with %q", tc.reason, err, tc.errHas)
			continue
		}
		if !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v: want the name of what was read", tc.reason, err)
		}
		var fe *format.Error
		if tc.is != nil && !errors.Is(err, tc.is) || tc.is == nil && !errors.As(err, &fe) {
			t.Errorf("%s: %T: %v", tc.reason, err, err)
		}
	}
}

// edit changes the bytes of a model.
func edit(change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, modelFile)
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, change(b), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// editFile changes the content of a model, in a file that is otherwise whole.
func editFile(change func(*safetensors.File)) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, modelFile)
		f, err := safetensors.Open(path)
		if err == nil {
			change(&f)
			err = writeFile(path, f)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// editRecord changes fields of a model's record.
func editRecord(change func(map[string]any)) func(*testing.T, string) {
	return editFile(func(f *safetensors.File) {
		var m map[string]any
		if err := json.Unmarshal([]byte(f.Metadata[recordKey]), &m); err != nil {
			panic(err) // Save wrote it
		}
		change(m)
		b, _ := json.Marshal(m)
		f.Metadata[recordKey] = string(b)
	})
}

// TestTorchNames guards the names and shapes by which other programs find the
// weights: those of torch.nn.TransformerEncoder and torch.nn.Linear.
func TestTorchNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), modelFile)
	m := sampleModel(4)
	m.Config = Paper(4)
	m.weights = m.Config.initial(source(9, streamWeights, 0))
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(path)
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

// FuzzLoad reads models with any record.
func FuzzLoad(f *testing.F) {
	path := filepath.Join(f.TempDir(), modelFile)
	if err := sampleModel(2).Save(path); err != nil {
		f.Fatal(err)
	}
	file, err := safetensors.Open(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file.Metadata[recordKey])
	f.Add(`{"version":1,"network":{"genes":1,"width":4294967296,"hidden":4294967296,"layers":1,"attention":"batch"},"genes":["a"],"layer":"x"}`)
	f.Add(`{"version":1,"network":{"genes":1,"width":8,"hidden":16,"layers":9223372036854775807,"attention":"batch"},"genes":["a"],"layer":"x"}`)
	f.Add(`{"version":1,"network":{"genes":1,"width":8,"hidden":16,"layers":1,"attention":"batch","tokens":9223372036854775807,"heads":-1,"visual":-5},"genes":["a"],"targets":["b"],"features":"x","layer":"x"}`)
	f.Add(`{}`)
	f.Add(``)
	f.Fuzz(func(t *testing.T, record string) {
		m, err := parse(path, safetensors.File{Tensors: file.Tensors, Metadata: map[string]string{recordKey: record}})
		if err == nil && len(m.weights) != len(m.Config.parameters()) {
			t.Fatal("loaded without all weights")
		}
	})
}
