package ckpt

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spared/format"
)

// record is one record of an archive to be packed.
type record struct {
	name, data string
	method     uint16
	crc        uint32 // 0 = the right one
}

// pack makes an archive, right or wrong, as torch lays it out.
func pack(records ...record) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, r := range records {
		h := &zip.FileHeader{Name: "a/" + r.name, Method: r.method, CRC32: crc32.ChecksumIEEE([]byte(r.data))}
		if r.crc != 0 {
			h.CRC32 = r.crc
		}
		var w io.Writer
		var err error
		if r.method == zip.Store {
			h.CompressedSize64, h.UncompressedSize64 = uint64(len(r.data)), uint64(len(r.data))
			w, err = z.CreateRaw(h)
		} else {
			w, err = z.CreateHeader(h)
		}
		if err == nil {
			_, err = io.WriteString(w, r.data)
		}
		if err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Pieces of pickles.
const (
	proto      = "\x80\x02"
	rebuildOne = "ctorch._utils\n_rebuild_tensor_v2\n"
)

// text is a string of a pickle.
func text(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

// integer is a number of a pickle.
func integer(v int64) string {
	return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(v)))
}

// tensor is a tensor of a pickle, on storage 0 of class with count elements.
func tensor(class string, count, offset int64, shape, strides string) string {
	return rebuildOne + "((" + text("storage") + "ctorch\n" + class + "\n" + text("0") + text("cpu") + integer(count) + "tQ" +
		integer(offset) + shape + strides + "\x89ccollections\nOrderedDict\n)RtR"
}

// of is a tuple of a pickle.
func of(v ...int64) string {
	s := "("
	for _, x := range v {
		s += integer(x)
	}
	return s + "t"
}

// state is a checkpoint whose state_dict holds one value called w.
func state(value string) string {
	return proto + "}" + text("state_dict") + "}" + text("w") + value + "ss."
}

func floats(v ...float32) string {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return string(b)
}

func whole(pickle string) []byte {
	return pack(record{name: "data.pkl", data: pickle}, record{name: "byteorder", data: "little"}, record{name: "data/0", data: floats(1, 2, 3, 4, 5, 6)})
}

var good = state(tensor("FloatStorage", 6, 0, of(2, 3), of(3, 1)))

// testdata opens a checkpoint that torch wrote (tools/torch_spackle.py).
func testdata(t testing.TB, name string) *File {
	t.Helper()
	f, err := Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestTorch reads what torch wrote: each kind of number, views of one storage,
// and settings of each kind, in two versions of the pickle.
func TestTorch(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct {
		Shape []int
		Value []string
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"settings.ckpt", "protocol4.ckpt"} {
		f := testdata(t, name)
		for key, w := range want {
			got, ok := f.Tensors[key]
			if !ok || !cmp.Equal(got.Shape, w.Shape) {
				t.Fatalf("%s: %s has shape %v, want %v", name, key, got.Shape, w.Shape)
			}
			v, err := got.Float32s()
			if err != nil || len(v) != len(w.Value) {
				t.Fatalf("%s: %s: %d values, %v; want %d", name, key, len(v), err, len(w.Value))
			}
			for i, x := range w.Value {
				x, err := strconv.ParseFloat(strings.Replace(x, "inf", "Inf", 1), 64)
				if err != nil || math.Float32bits(v[i]) != math.Float32bits(float32(x)) {
					t.Errorf("%s: %s[%d] is %g, want %g (%v)", name, key, i, v[i], x, err)
				}
			}
		}
		if len(f.Tensors) != len(want)+3 {
			t.Errorf("%s: %d tensors, want %d and three of integers", name, len(f.Tensors), len(want))
		}
		for _, key := range []string{"int64", "bytes", "flags"} {
			if _, err := f.Tensors[key].Float32s(); err == nil || !strings.Contains(err.Error(), f.Tensors[key].DType) {
				t.Errorf("%s: %s as floating-point numbers: %v", name, key, err)
			}
		}
		step, ok := f.Settings.At("optimizer_states").([]any)[0].(Settings).At("state", "0", "step").(Tensor)
		if v, err := step.Float32s(); !ok || err != nil || v[0] != 7 {
			t.Errorf("%s: step of the optimiser %v, %v", name, v, err)
		}
		delete(f.Settings, "optimizer_states")
		if d := cmp.Diff(Settings{
			"hyper_parameters": Settings{"lr": 1e-3, "name": "spacklé", "on": true, "pair": []any{int64(1), []any{int64(2)}},
				"layers": []any{int64(1), int64(2), int64(300), int64(70_000), int64(-5), int64(1) << 40, nil}},
			"namespace": Settings{"batch_size": int64(256), "shape": []any{int64(3), int64(4)}, "device": "cuda:1"},
		}, f.Settings); d != "" {
			t.Errorf("%s: settings (-want +got):\n%s", name, d)
		}
	}
}

func TestParse(t *testing.T) {
	laughs := "]q\x01"
	for range 40 { // each tuple holds the one before twice
		laughs += "h\x01\x86q\x01"
	}
	deep := strings.Repeat("](", 2000) + strings.Repeat("e", 2000)
	data := record{name: "data/0", data: floats(1, 2, 3, 4, 5, 6)}
	for _, tc := range []struct {
		reason  string
		file    []byte
		errHas  string // "" = must be read
		refused string // the name in a *Refused
	}{
		{reason: "one tensor", file: whole(good)},
		{reason: "a dictionary of tensors, without a training", file: whole(proto + "}" + text("w") + tensor("FloatStorage", 6, 0, of(6), of(1)) + "s.")},
		{reason: "a tensor seen from its fourth element", file: whole(state(tensor("FloatStorage", 6, 3, of(3), of(1))))},
		{reason: "an axis of one with any stride, which torch may leave", file: whole(state(tensor("FloatStorage", 6, 0, of(1, 6), of(1<<40, 1))))},
		{reason: "no byteorder, as before PyTorch 2.1", file: pack(record{name: "data.pkl", data: good}, data)},
		{reason: "a setting that Python pickled as a plain list", file: whole(strings.Replace(good, proto+"}", proto+"}"+text("x")+"](K\x01K\x02es", 1))},

		// Programs.
		{reason: "os.system by GLOBAL", file: whole(proto + "cos\nsystem\n" + text("true") + "\x85R."), refused: "os.system"},
		{reason: "os.system by STACK_GLOBAL, protocol 4", file: whole("\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."), refused: "os.system"},
		{reason: "os.system by INST", file: whole(proto + "(" + text("true") + "ios\nsystem\n."), refused: "os.system"},
		{reason: "hidden deep in a good state", file: whole(strings.Replace(good, "ss.", "s"+text("x")+"cbuiltins\neval\n"+text("1")+"\x85R"+"s.", 1)), refused: "builtins.eval"},
		{reason: "a name that is imported, not called", file: whole(state("cantigravity\nfly\n")), refused: "antigravity.fly"},
		{reason: "a function of torch that is not on the list", file: whole(state("ctorch.hub\nload\n" + text("x") + "\x85R")), refused: "torch.hub.load"},
		{reason: "a class of torch that only looks like a storage", file: whole(state("ctorch.evil\nFloatStorage\n")), refused: "torch.evil.FloatStorage"},
		{reason: "a harmless class that is not known", file: whole(state("cnumpy.core.multiarray\nscalar\n)R")), refused: "numpy.core.multiarray.scalar"},
		{reason: "calling a value", file: whole(state("}" + ")R")), errHas: "calls a dictionary of 0"},
		{reason: "calling a storage's class", file: whole(state("ctorch\nFloatStorage\n)R")), errHas: "calls torch.FloatStorage with 0 arguments"},
		{reason: "an OrderedDict of something", file: whole(state("ccollections\nOrderedDict\n]\x85R")), errHas: "calls collections.OrderedDict with 1 arguments"},
		{reason: "a state for a tensor", file: whole(state(tensor("FloatStorage", 6, 0, of(6), of(1)) + "}b")), errHas: "sets the state of a tensor"},
		{reason: "an extension code", file: whole(proto + "\x82\x01."), errHas: "operation 0x82"},

		// Pickles that are no pickles.
		{reason: "empty", file: whole(""), errHas: "ends in the middle"},
		{reason: "no end", file: whole(good[:len(good)-1]), errHas: "ends in the middle"},
		{reason: "bytes after the end", file: whole(good + "x"), errHas: "1 bytes before its end"},
		{reason: "two values at the end", file: whole(proto + "}}."), errHas: "2 values"},
		{reason: "a mark is left", file: whole(proto + "}(."), errHas: "ends with"},
		{reason: "takes from an empty stack", file: whole(proto + "s."), errHas: "empty"},
		{reason: "takes from below a mark", file: whole(proto + "K\x01(a."), errHas: "empty"},
		{reason: "goes back to no mark", file: whole(proto + "t."), errHas: "of which there is none"},
		{reason: "a key without a value", file: whole(proto + "}(K\x01u."), errHas: "1 values put into a dictionary"},
		{reason: "appends to a dictionary", file: whole(proto + "}K\x01a."), errHas: "put into a dictionary"},
		{reason: "a memo that is empty", file: whole(proto + "h\x07."), errHas: "memo"},
		{reason: "a text longer than the file", file: whole(proto + "X\xff\xff\xff\xffa."), errHas: "ends in the middle"},
		{reason: "a name without its end", file: whole(proto + "ccollections"), errHas: "ends in the middle"},
		{reason: "an integer of 200 bytes", file: whole(proto + "\x8a\xc8" + strings.Repeat("\x01", 200) + "."), errHas: "200 bytes"},
		{reason: "protocol 1", file: whole("\x80\x01}."), errHas: "protocol 1"},
		{reason: "a list that contains itself", file: whole(proto + "}" + text("state_dict") + "}s" + text("x") + "]q\x01h\x01as."), errHas: "contains itself"},
		{reason: "lists in lists in lists", file: whole(proto + "}" + text("state_dict") + "}s" + text("x") + deep + "s."), errHas: "deep"},
		{reason: "2^40 values by reference", file: whole(proto + "}" + text("state_dict") + "}s" + text("x") + laughs + "s."), errHas: "far larger than the file"},

		// Tensors.
		{reason: "more elements than the storage", file: whole(state(tensor("FloatStorage", 6, 0, of(7), of(0)))), errHas: "shape [7]"},
		{reason: "from beyond the storage", file: whole(state(tensor("FloatStorage", 6, 6, of(1), of(1)))), errHas: "outside"},
		{reason: "from before the storage", file: whole(state(tensor("FloatStorage", 6, -1, of(1), of(1)))), errHas: "outside"},
		{reason: "to beyond the storage", file: whole(state(tensor("FloatStorage", 6, 1, of(2, 3), of(3, 1)))), errHas: "outside"},
		{reason: "a stride that leads out", file: whole(state(tensor("FloatStorage", 6, 0, of(2), of(6)))), errHas: "outside"},
		{reason: "a stride that overflows", file: whole(state(tensor("FloatStorage", 6, 0, of(3), of(math.MaxInt64)))), errHas: "outside"},
		{reason: "negative strides", file: whole(state(tensor("FloatStorage", 6, 5, of(6), of(-1)))), errHas: "negative"},
		{reason: "negative dimensions", file: whole(state(tensor("FloatStorage", 6, 0, of(-2, -3), of(3, 1)))), errHas: "negative"},
		{reason: "dimensions whose product overflows to 0", file: whole(state(tensor("FloatStorage", 6, 0, of(1<<30, 1<<30, 1<<30), of(0, 0, 0)))), errHas: "in a storage of 6"},
		{reason: "strides for other dimensions", file: whole(state(tensor("FloatStorage", 6, 0, of(2, 3), of(1)))), errHas: "strides [1]"},
		{reason: "a hundred axes", file: whole(state(tensor("FloatStorage", 6, 0, "("+strings.Repeat("K\x01", 100)+"t", "("+strings.Repeat("K\x01", 100)+"t"))), errHas: "do not fit"},
		{reason: "a shape that is a text", file: whole(state(tensor("FloatStorage", 6, 0, text("x"), of(1)))), errHas: "do not fit"},
		{reason: "a storage too short", file: whole(state(tensor("FloatStorage", 7, 0, of(7), of(1)))), errHas: "has 24 bytes, want 7 elements of 4"},
		{reason: "a storage of other numbers", file: whole(state(tensor("DoubleStorage", 6, 0, of(6), of(1)))), errHas: "has 24 bytes, want 6 elements of 8"},
		{reason: "a storage whose size overflows to the right one", file: whole(state(tensor("FloatStorage", 1<<62+6, 0, of(6), of(1)))), errHas: "has 24 bytes"},
		{reason: "a storage of less than nothing", file: whole(state(tensor("FloatStorage", -6, 0, of(6), of(1)))), errHas: "a storage of"},
		{reason: "a storage that is not there", file: pack(record{name: "data.pkl", data: good}), errHas: "data/0: is not in the archive"},
		{reason: "complex numbers", file: whole(state(tensor("ComplexFloatStorage", 3, 0, of(3), of(1)))), refused: "torch.ComplexFloatStorage"},
		{reason: "a persistent id of another form", file: whole(state(text("0") + "Q")), errHas: "persistent id"},
		{reason: "a number for a name", file: whole(strings.Replace(good, text("w"), "K\x01", 1)), errHas: "state_dict: 1"},
		{reason: "no tensor in the state", file: whole(state("K\x01")), errHas: "state_dict: w: is the int64 1"},
		{reason: "no dictionary at all", file: whole(proto + "]."), errHas: "a list of 0"},
		{reason: "a state that is a list", file: whole(proto + "}" + text("state_dict") + "]s."), errHas: "state_dict: is a list of 0"},
		{reason: "settings alone", file: whole(proto + "}" + text("lr") + "K\x01s."), errHas: "not the checkpoint of a network"},
		{reason: "a name twice", file: whole(strings.Replace(good, "ss.", "s"+text("w")+tensor("FloatStorage", 6, 0, of(6), of(1))+"ss.", 1)), errHas: "twice"},

		// Archives.
		{reason: "nothing", file: nil, errHas: "not a PyTorch checkpoint"},
		{reason: "text", file: []byte("weights"), errHas: "not a PyTorch checkpoint"},
		{reason: "before PyTorch 1.6", file: append(bytes.Clone(legacyMagic), "and so on"...), errHas: "PyTorch before 1.6"},
		{reason: "a bare pickle", file: []byte(good), errHas: "bare pickle"},
		{reason: "cut short", file: whole(good)[:300], errHas: "cut short"},
		{reason: "the beginning of an archive alone", file: zipMagic, errHas: "cut short"},
		{reason: "a bomb: a record that unfolds a thousandfold", file: pack(record{name: "data.pkl", data: good}, record{name: "data/0", data: strings.Repeat("\x00", 24<<10), method: zip.Deflate}), errHas: "data/0: is compressed"},
		{reason: "a compressed pickle", file: pack(record{name: "data.pkl", data: good, method: zip.Deflate}, data), errHas: "data.pkl: is compressed"},
		{reason: "big-endian", file: pack(record{name: "data.pkl", data: good}, record{name: "byteorder", data: "big"}, data), errHas: `"big", want little`},
		{reason: "no pickle", file: pack(data), errHas: "not what torch.save writes"},
		{reason: "two pickles, of which readers take different ones", file: pack(record{name: "data.pkl", data: good}, record{name: "data.pkl", data: good}, data), errHas: "twice"},
		{reason: "a program of TorchScript", file: pack(record{name: "data.pkl", data: good}, record{name: "constants.pkl"}, data), errHas: "TorchScript"},
		{reason: "damaged numbers", file: pack(record{name: "data.pkl", data: good}, record{name: "data/0", data: floats(1, 2, 3, 4, 5, 6), crc: 1}), errHas: "checksum"},
		{reason: "a pickle larger than any network's", file: whole(strings.Repeat("N", maxPickle+1)), errHas: "more than the"},
	} {
		f, err := Parse(tc.file)
		if tc.errHas == "" && tc.refused == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.reason, err)
			} else if v, err := f.Tensors["w"].Float32s(); err != nil || len(v) == 0 || v[len(v)-1] != 6 {
				t.Errorf("%s: values %v, %v", tc.reason, v, err)
			}
			continue
		}
		var fe *format.Error
		if !errors.As(err, &fe) || !strings.Contains(err.Error(), tc.errHas) {
			t.Errorf("%s: error %v, want a format error with %q", tc.reason, err, tc.errHas)
		}
		var r *Refused
		if errors.As(err, &r) != (tc.refused != "") || r != nil && (r.Name != tc.refused || !strings.Contains(err.Error(), "would execute "+tc.refused+": refused")) {
			t.Errorf("%s: %v, want what would execute %q", tc.reason, err, tc.refused)
		}
	}
}

// TestSharedTensors names one storage so often that laid out it would be far
// larger than the file.
func TestSharedTensors(t *testing.T) {
	big := strings.Repeat(floats(1), 10_000)
	pickle := proto + "}" + text("state_dict") + "}(" + text("w") + tensor("FloatStorage", 10_000, 0, of(10_000), of(1)) + "q\x01"
	for i := range 5 {
		pickle += text("w"+strconv.Itoa(i)) + "h\x01"
	}
	_, err := Parse(pack(record{name: "data.pkl", data: pickle + "us."}, record{name: "data/0", data: big}))
	if err == nil || !strings.Contains(err.Error(), "more elements than the file has bytes") {
		t.Errorf("six times the file: %v", err)
	}
}

// TestAllocation reads pickles that try to make much out of little. What is
// allocated must stay a small multiple of the file's size.
func TestAllocation(t *testing.T) {
	const n = 100_000
	for _, tc := range []struct{ reason, pickle string }{
		{"dictionaries", proto + strings.Repeat("}", n) + "."},
		{"the memo", proto + "}" + strings.Repeat("q\x00", n) + "."},
		{"marks", proto + strings.Repeat("(", n) + "."},
		{"Namespaces of one large dictionary", proto + "cargparse\nNamespace\nq\x01}(" + strings.Repeat("K\x01N", n/10) + "uq\x02" + strings.Repeat("h\x01)\x81h\x02b", n) + "."},
		{"devices of a long name", proto + "ctorch\ndevice\nq\x01" + text(strings.Repeat("a", n)) + "q\x02" + strings.Repeat("h\x01h\x02\x85R", n) + "."},
		{"shapes", proto + rebuildOne + "q\x01(" + strings.Repeat("K\x01", n) + "tq\x02" + strings.Repeat("h\x01h\x02R", n) + "."},
	} {
		file := whole(tc.pickle)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Parse(file); err == nil {
			t.Errorf("%s: read", tc.reason)
		}
		runtime.ReadMemStats(&after)
		if per := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(file)); per > 200 {
			t.Errorf("%s: %.0f bytes allocated for each of the file", tc.reason, per)
		}
	}
}

func TestHalf(t *testing.T) {
	for _, tc := range []struct {
		h    uint16
		want float64
	}{
		{0x0000, 0}, {0x3c00, 1}, {0xc000, -2}, {0x7bff, 65504}, {0x0400, 0x1p-14}, {0x0001, 0x1p-24}, {0x83ff, -0x3ffp-24},
		{0x7c00, math.Inf(1)}, {0xfc00, math.Inf(-1)}, {0x3555, 0.333251953125},
	} {
		if got := float64(half(tc.h)); got != tc.want {
			t.Errorf("%04x is %g, want %g", tc.h, got, tc.want)
		}
	}
	if v := half(0x8000); v != 0 || !math.Signbit(float64(v)) {
		t.Errorf("-0 is %g", v)
	}
	if v := float64(half(0x7e01)); !math.IsNaN(v) {
		t.Errorf("not a number is %g", v)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "w.ckpt")
	if _, err := Open(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("a folder was read")
	}
	if err := os.WriteFile(path, whole(state("K\x01")), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("damaged file: %v, want its path in the error", err)
	}
	// A file of another format may be larger than memory: its first bytes must do.
	large := filepath.Join(dir, "data.h5ad")
	if err := os.WriteFile(large, []byte("\x89HDF\r\n\x1a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<42); err == nil {
		var e *format.Error
		if _, err := Open(large); !errors.As(err, &e) || e.Path != large {
			t.Errorf("another format: %v", err)
		}
	}
}

func TestIs(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		reason, name, content string
		want                  bool
	}{
		{"called a checkpoint", "x.ckpt", "", true},
		{"a checkpoint by another name", "weights", string(whole(good)), true},
		{"of PyTorch before 1.6", "old", string(legacyMagic), true},
		{"an HDF5 file", "data.h5ad", "\x89HDF\r\n\x1a\n", false},
		{"an empty file", "empty", "", false},
	} {
		path := filepath.Join(dir, tc.name)
		if err := os.WriteFile(path, []byte(tc.content), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := Is(path); got != tc.want {
			t.Errorf("%s: %v", tc.reason, got)
		}
	}
	if Is(filepath.Join(dir, "none")) {
		t.Error("a file that is not there")
	}
}

func FuzzParse(f *testing.F) {
	for _, pickle := range []string{good, state(tensor("HalfStorage", 12, 2, of(2, 3), of(1, 2))), state("cos\nsystem\n" + text("true") + "\x85R"), "\x80\x04\x8c\x01a\x94\x93."} {
		f.Add(whole(pickle))
	}
	for _, name := range []string{"settings.ckpt", "protocol4.ckpt"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) { readAll(t, b) })
}

// FuzzPickle gets past the archive and its checksums.
func FuzzPickle(f *testing.F) {
	for _, pickle := range []string{good, state(tensor("HalfStorage", 12, 2, of(2, 3), of(1, 2))), proto + "}" + text("state_dict") + "}s" + text("x") + "]q\x01h\x01as.",
		state("cargparse\nNamespace\n)\x81}" + text("a") + "Ksb"), "\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."} {
		f.Add([]byte(pickle))
	}
	for _, name := range []string{"settings.ckpt", "protocol4.ckpt"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		a, err := openArchive(b)
		if err != nil {
			f.Fatal(err)
		}
		pickle, err := a.read(pickleName)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(pickle)
	}
	f.Fuzz(func(t *testing.T, b []byte) { readAll(t, whole(string(b))) })
}

// readAll reads a file and lays out all its tensors, which must be no larger
// than it.
func readAll(t *testing.T, b []byte) {
	got, err := Parse(b)
	if err != nil {
		return
	}
	total := 0
	for name, x := range got.Tensors {
		v, err := x.Float32s()
		if err == nil && len(v) != x.Len() {
			t.Fatalf("%s: %d elements of shape %v", name, len(v), x.Shape)
		}
		total += x.Len()
	}
	if total > len(b) {
		t.Fatalf("%d elements from %d bytes", total, len(b))
	}
}

func BenchmarkParse(b *testing.B) {
	const rows, cols = 2048, 128
	data := strings.Repeat(floats(1.5), rows*cols)
	file := pack(record{name: "data.pkl", data: state(tensor("FloatStorage", rows*cols, 0, of(rows, cols), of(cols, 1)))}, record{name: "data/0", data: data})
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		f, err := Parse(file)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Tensors["w"].Float32s(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPickle reads a Lightning checkpoint whose numbers are few.
func BenchmarkPickle(b *testing.B) {
	file, err := os.ReadFile(filepath.Join("testdata", "settings.ckpt"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(file); err != nil {
			b.Fatal(err)
		}
	}
}
