package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spared/format"
)

// raw puts a file together from a header and data, right or wrong.
func raw(header, data string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

func sample() File {
	return File{
		Tensors: map[string]Tensor{
			"w":     Float32([]int{2, 3}, []float32{1, -2.5, 3e-30, float32(math.Inf(1)), 0, 6}),
			"b":     Float32([]int{2}, []float32{7, 8}),
			"step":  Float32([]int{}, []float32{9}),
			"empty": Float32([]int{0, 4}, nil),
			"count": Int64([]int{1}, []int64{-2}),
		},
		Metadata: map[string]string{"format": "pt", "name": "é\"\n"},
	}
}

func TestRoundTrip(t *testing.T) {
	var one, two bytes.Buffer
	want := sample()
	if err := Write(&one, want); err != nil {
		t.Fatal(err)
	}
	got, err := Parse(one.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.Transformer("empty", func(b []byte) string { return string(b) })); d != "" {
		t.Errorf("written and read (-want +got):\n%s", d)
	}
	if err := Write(&two, got); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Errorf("the same content gives other bytes (%v)", err)
	}
	if n := binary.LittleEndian.Uint64(one.Bytes()); n%8 != 0 {
		t.Errorf("header of %d bytes: data is not aligned to 8", n)
	}
	v, err := got.Tensors["w"].Float32s()
	if err != nil || v[2] != 3e-30 || !math.IsInf(float64(v[3]), 1) {
		t.Errorf("values %v, %v", v, err)
	}
	if n, err := got.Tensors["count"].Int64s(); err != nil || n[0] != -2 {
		t.Errorf("integers %v, %v", n, err)
	}
	if _, err := got.Tensors["count"].Float32s(); err == nil {
		t.Error("an I64 tensor passes for float32")
	}
	if _, err := got.Tensors["w"].Int64s(); err == nil {
		t.Error("an F32 tensor passes for int64")
	}
}

func TestParse(t *testing.T) {
	ok := `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	for _, tc := range []struct {
		reason string
		file   []byte
		errHas string // "" = must be read
	}{
		{reason: "one tensor", file: raw(ok, "abcd")},
		{reason: "padding, as the reference writer does", file: raw(ok+"   ", "abcd")},
		{reason: "no tensors", file: raw(`{}`, "")},
		{reason: "two empty tensors may share a place", file: raw(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, "")},
		{reason: "empty file", file: nil, errHas: "too short"},
		{reason: "header longer than the file", file: raw(ok, "abcd")[:20], errHas: "cut short"},
		{reason: "header length near 2^64 must not overflow", file: append(bytes.Repeat([]byte{255}, 8), "{}"...), errHas: "not a safetensors file"},
		{reason: "a header that is allowed, in a file that is shorter", file: append(binary.LittleEndian.AppendUint64(nil, maxHeader), "{}"...), errHas: "cut short"},
		{reason: "a header that is too long", file: append(binary.LittleEndian.AppendUint64(nil, maxHeader+1), "{}"...), errHas: "not a safetensors file"},
		{reason: "data cut short", file: raw(ok, "abc"), errHas: "cut short"},
		{reason: "data too long", file: raw(ok, "abcdefgh"), errHas: "after the last tensor"},
		{reason: "a gap before the tensor", file: raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "ab"), errHas: "gap"},
		{reason: "overlap", file: raw(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, "abc"), errHas: "overlap"},
		{reason: "size does not fit the shape", file: raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, "abcd"), errHas: "want 8"},
		{reason: "a product of dimensions that overflows to the right size", file: raw(`{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, ""), errHas: "too large"},
		{reason: "negative dimensions", file: raw(`{"a":{"dtype":"U8","shape":[-1,-1],"data_offsets":[0,1]}}`, "a"), errHas: "negative"},
		{reason: "offsets run backward", file: raw(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[1,0]}}`, "a"), errHas: "damaged"},
		{reason: "unknown dtype", file: raw(`{"a":{"dtype":"F3","shape":[1],"data_offsets":[0,1]}}`, "a"), errHas: "F3"},
		{reason: "missing offsets", file: raw(`{"a":{"dtype":"U8","shape":[0]}}`, ""), errHas: "damaged"},
		{reason: "missing shape", file: raw(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, "a"), errHas: "shape"},
		{reason: "unknown field", file: raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}`, "a"), errHas: "x"},
		{reason: "the same name twice", file: raw(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, ""), errHas: "twice"},
		{reason: "metadata that is not strings", file: raw(`{"__metadata__":{"a":1}}`, ""), errHas: "__metadata__"},
		{reason: "not an object", file: raw(`[]`, ""), errHas: "object"},
		{reason: "text after the object", file: raw(`{}{}`, ""), errHas: "after the JSON"},
		{reason: "JSON cut short", file: raw(`{"a"`, ""), errHas: "header"},
	} {
		_, err := Parse(tc.file)
		var fe *format.Error
		switch {
		case tc.errHas == "" && err != nil:
			t.Errorf("%s: %v", tc.reason, err)
		case tc.errHas != "" && (err == nil || !strings.Contains(err.Error(), tc.errHas)):
			t.Errorf("%s: error %v, want one with %q", tc.reason, err, tc.errHas)
		case tc.errHas != "" && !errors.As(err, &fe):
			t.Errorf("%s: %T is not a format error", tc.reason, err)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, tc := range []struct {
		reason string
		t      Tensor
		name   string
	}{
		{reason: "reserved name", name: "__metadata__", t: Float32([]int{1}, []float32{1})},
		{reason: "unknown dtype", name: "a", t: Tensor{DType: "X", Shape: []int{1}, Data: []byte{1}}},
		{reason: "data that does not fit", name: "a", t: Tensor{DType: "F32", Shape: []int{2}, Data: []byte{1}}},
	} {
		if err := Write(&bytes.Buffer{}, File{Tensors: map[string]Tensor{tc.name: tc.t}}); err == nil {
			t.Errorf("%s: written", tc.reason)
		}
	}
	long := File{Metadata: map[string]string{"a": strings.Repeat("a", maxHeader)}}
	if err := Write(&bytes.Buffer{}, long); err == nil {
		t.Error("a header that no reader accepts was written")
	}
}

func TestOpenNamesFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.safetensors")
	if _, err := Open(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("no"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("damaged file: %v, want its path in the error", err)
	}
}

// TestOpenOtherFormat opens a file of another format that is larger than
// memory: its first bytes must do.
func TestOpenOtherFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.h5ad")
	if err := os.WriteFile(path, []byte("\x89HDF\r\n\x1a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<42); err != nil {
		t.Skip("no sparse files here:", err)
	}
	var e *format.Error
	if _, err := Open(path); !errors.As(err, &e) || e.Path != path || !strings.Contains(e.Msg, "not a safetensors file") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "abcd"))
	f.Add(raw(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, ""))
	f.Add(raw(`{"__metadata__":{"format":"pt","spatialgo.model":"{\"genes\":[\"a\"]}"}}`, ""))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Parse(b)
		if err != nil {
			return
		}
		total := 0
		for _, t := range got.Tensors {
			total += len(t.Data)
		}
		if total > len(b) {
			t.Fatalf("%d bytes of tensors from %d", total, len(b))
		}
		// What is read can be written and read again.
		var again bytes.Buffer
		if err := Write(&again, got); err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		back, err := Parse(again.Bytes())
		if err != nil || len(back.Tensors) != len(got.Tensors) {
			t.Fatalf("cannot read what was written: %v", err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	var buf bytes.Buffer
	if err := Write(&buf, File{Tensors: map[string]Tensor{"w": Float32([]int{2048, 128}, make([]float32, 2048*128))}}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(buf.Len()))
	for b.Loop() {
		f, err := Parse(buf.Bytes())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Tensors["w"].Float32s(); err != nil {
			b.Fatal(err)
		}
	}
}
