package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"

	"github.com/spatialgo/spatialgo/spared/format"
)

// Tensor is one tensor of a file.
type Tensor struct {
	DType string // "F32", "I64", ...
	Shape []int  // empty for a single number
	Data  []byte // elements, row-major, little-endian
}

// File is the content of a safetensors file.
type File struct {
	Tensors  map[string]Tensor
	Metadata map[string]string // nil where the file has none
}

const (
	lengthSize = 8           // bytes of the number that a file begins with
	maxHeader  = 100_000_000 // bound of the header, that of the reference implementation

	metadataName = "__metadata__" // of the header's entry that is no tensor
)

// sizes is the number of bytes of an element by dtype.
var sizes = map[string]int{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1,
	"U16": 2, "I16": 2, "F16": 2, "BF16": 2,
	"U32": 4, "I32": 4, "F32": 4,
	"U64": 8, "I64": 8, "F64": 8,
}

// entry is a tensor's line in the header.
type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// Float32 returns a tensor of float32. It panics if data does not have as many
// elements as the shape says.
func Float32(shape []int, data []float32) Tensor {
	mustFit(shape, len(data))
	b := make([]byte, 0, 4*len(data))
	for _, v := range data {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return Tensor{DType: "F32", Shape: slices.Clone(shape), Data: b}
}

// Float32s returns the elements of a tensor of float32, and an error for any
// other dtype.
func (t Tensor) Float32s() ([]float32, error) {
	if t.DType != "F32" {
		return nil, fmt.Errorf("safetensors: dtype %s, want F32", t.DType)
	}
	v := make([]float32, len(t.Data)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
	}
	return v, nil
}

// Int64 is Float32 for int64.
func Int64(shape []int, data []int64) Tensor {
	mustFit(shape, len(data))
	b := make([]byte, 0, 8*len(data))
	for _, v := range data {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return Tensor{DType: "I64", Shape: slices.Clone(shape), Data: b}
}

// Int64s returns the elements of a tensor of int64, and an error for any other
// dtype.
func (t Tensor) Int64s() ([]int64, error) {
	if t.DType != "I64" {
		return nil, fmt.Errorf("safetensors: dtype %s, want I64", t.DType)
	}
	v := make([]int64, len(t.Data)/8)
	for i := range v {
		v[i] = int64(binary.LittleEndian.Uint64(t.Data[8*i:]))
	}
	return v, nil
}

// mustFit panics unless a tensor of that shape has n elements.
func mustFit(shape []int, n int) {
	if want, err := elements(shape); err != nil || want != n {
		panic(fmt.Sprintf("safetensors: %d values of shape %v", n, shape))
	}
}

// elements returns the product of the dimensions, or an error if one is
// negative or the product is not the size of any possible tensor.
func elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("negative dimension in shape %v", shape)
		}
		if d > 0 && n > math.MaxInt/8/d {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n *= d
	}
	return n, nil
}

// Write writes the file. It returns an error if a tensor's data does not fit
// its dtype and shape, a tensor is called __metadata__, or the header would be
// longer than readers accept.
func Write(w io.Writer, f File) error {
	names := slices.Sorted(maps.Keys(f.Tensors))
	h, err := f.header(names)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(h)))); err != nil {
		return err
	}
	if _, err := w.Write(h); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := w.Write(f.Tensors[name].Data); err != nil {
			return err
		}
	}
	return nil
}

// header returns the header of a file that holds the tensors in this order.
func (f File) header(names []string) ([]byte, error) {
	header := map[string]any{}
	at := int64(0)
	for _, name := range names {
		t := f.Tensors[name]
		if err := t.check(name); err != nil {
			return nil, err
		}
		shape := t.Shape
		if shape == nil {
			shape = []int{} // null is not a shape
		}
		header[name] = entry{DType: t.DType, Shape: shape, Offsets: [2]int64{at, at + int64(len(t.Data))}}
		at += int64(len(t.Data))
	}
	if f.Metadata != nil {
		header[metadataName] = f.Metadata
	}
	h, err := json.Marshal(header) // sorts keys
	if err != nil {
		return nil, err
	}
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	if len(h) > maxHeader {
		return nil, fmt.Errorf("names, shapes and metadata take %d bytes, more than the %d that readers accept", len(h), maxHeader)
	}
	return h, nil
}

// check returns an error unless the tensor can be in a file under that name.
func (t Tensor) check(name string) error {
	size, ok := sizes[t.DType]
	if name == metadataName || !ok {
		return fmt.Errorf("tensor %q of dtype %q", name, t.DType)
	}
	n, err := elements(t.Shape)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	if n*size != len(t.Data) {
		return fmt.Errorf("tensor %q: %d bytes for %s of shape %v, want %d", name, len(t.Data), t.DType, t.Shape, n*size)
	}
	return nil
}

// Open reads a file. Content at fault is reported as *format.Error, which
// names the file and the tensor.
func Open(path string) (File, error) {
	b, err := readFile(path)
	if err == nil {
		var f File
		if f, err = Parse(b); err == nil {
			return f, nil
		}
	}
	var e *format.Error
	if errors.As(err, &e) {
		e.Path = path
	}
	return File{}, err
}

// readFile returns the content of a file, unless its first bytes tell that it
// is of another format: such a file may be far larger than any model.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, lengthSize)
	if _, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	if _, err := headerLength(head, st.Size()); err != nil {
		return nil, err
	}
	b := make([]byte, st.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, format.Errorf("", "", "cannot be read to its end: %w", err)
	}
	return b, nil
}

// headerLength returns the length of the header, checked to be possible in a
// file of this size that begins with head.
func headerLength(head []byte, size int64) (int64, error) {
	if size < lengthSize {
		return 0, format.Errorf("", "", "%d bytes are too short for a safetensors file", size)
	}
	n := binary.LittleEndian.Uint64(head)
	switch {
	case n > maxHeader:
		return 0, format.Errorf("", "", "is not a safetensors file: it does not begin with the length of a header")
	case int64(n) > size-lengthSize:
		return 0, format.Errorf("", "", "a header of %d bytes in a file of %d: cut short, or not a safetensors file", n, size)
	}
	return int64(n), nil
}

// Parse reads a file from memory. Tensors share that memory. Errors are
// *format.Error.
func Parse(b []byte) (File, error) {
	n, err := headerLength(b, int64(len(b)))
	if err != nil {
		return File{}, err
	}
	header, data := b[lengthSize:lengthSize+n], b[lengthSize+n:]
	entries, metadata, err := parseHeader(header)
	if err != nil {
		return File{}, err
	}
	f := File{Tensors: make(map[string]Tensor, len(entries)), Metadata: metadata}
	for name, e := range entries {
		from, to := e.Offsets[0], e.Offsets[1]
		if from < 0 || to < from || to > int64(len(data)) {
			return File{}, format.Errorf("", name, "bytes %d to %d of %d: cut short, or damaged", from, to, len(data))
		}
		t := Tensor{DType: e.DType, Shape: e.Shape, Data: data[from:to:to]}
		if err := t.check(name); err != nil {
			return File{}, format.Errorf("", name, "%w", err)
		}
		f.Tensors[name] = t
	}
	return f, checkTiling(entries, int64(len(data)))
}

// parseHeader reads the header's JSON object, refusing repeated names, which
// package json alone would let pass.
func parseHeader(h []byte) (map[string]entry, map[string]string, error) {
	bad := func(key string, err error) error {
		return format.Errorf("", key, "header: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(h))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, bad("", fmt.Errorf("not a JSON object"))
	}
	entries := map[string]entry{}
	var metadata map[string]string
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, nil, bad("", err)
		}
		name, _ := t.(string) // keys are strings or Token fails
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, nil, bad(name, err)
		}
		if _, twice := entries[name]; twice || name == metadataName && metadata != nil {
			return nil, nil, bad(name, fmt.Errorf("named twice"))
		}
		strict := json.NewDecoder(bytes.NewReader(raw))
		strict.DisallowUnknownFields()
		if name == metadataName {
			metadata = map[string]string{}
			err = strict.Decode(&metadata)
		} else {
			e := entry{Offsets: [2]int64{-1, -1}}
			err = strict.Decode(&e)
			entries[name] = e
			if err == nil && e.Shape == nil {
				err = fmt.Errorf("no shape")
			}
		}
		if err != nil {
			return nil, nil, bad(name, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, bad("", err)
	}
	if rest := bytes.TrimLeft(h[d.InputOffset():], " "); len(rest) > 0 {
		return nil, nil, bad("", fmt.Errorf("%d bytes after the JSON object", len(rest)))
	}
	return entries, metadata, nil
}

// checkTiling returns an error unless the tensors cover the data exactly.
func checkTiling(entries map[string]entry, size int64) error {
	names := slices.SortedFunc(maps.Keys(entries), func(a, b string) int { // an empty tensor may begin where another does
		x, y := entries[a].Offsets, entries[b].Offsets
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]))
	})
	at := int64(0)
	for _, name := range names {
		o := entries[name].Offsets
		if o[0] != at {
			return format.Errorf("", name, "begins at byte %d, want %d: tensors overlap or leave a gap", o[0], at)
		}
		at = o[1]
	}
	if at != size {
		return format.Errorf("", "", "%d bytes after the last tensor", size-at)
	}
	return nil
}
