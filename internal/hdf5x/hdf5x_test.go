package hdf5x

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spatialgo/spatialgo/spared/format"
)

// golden returns a reference file, or skips the test where there is none.
func golden(t testing.TB, name string) string {
	p := filepath.Join("..", "..", "..", "shared", "golden", name)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("no reference data: %v", err)
	}
	return p
}

// create makes a file with fill and opens it again for reading.
func create(t testing.TB, fill func(f *File) error) *File {
	t.Helper()
	p := filepath.Join(t.TempDir(), "x.h5")
	f, err := Create(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(f); err != nil {
		f.Close()
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f, err = Open(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func roundTrip[T Element](t *testing.T, reason string, data []T, shape []int, o WriteOptions) {
	t.Helper()
	f := create(t, func(f *File) error { return Write(f, "a/b/data", data, shape, o) })
	got, gotShape, err := Read[T](f, "a/b/data")
	if err != nil {
		t.Fatalf("%s: %v", reason, err)
	}
	if shape == nil {
		shape = []int{len(data)}
	}
	if d := cmp.Diff(data, got); d != "" {
		t.Errorf("%s: %T differs:\n%s", reason, data, d)
	}
	if d := cmp.Diff(shape, gotShape); d != "" {
		t.Errorf("%s: shape differs:\n%s", reason, d)
	}
	anyData, _, err := ReadAny(f, "/a/b/data")
	if err != nil {
		t.Fatalf("%s: %v", reason, err)
	}
	if d := cmp.Diff(any(data), anyData); d != "" {
		t.Errorf("%s: ReadAny differs:\n%s", reason, d)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, c := range []struct {
		reason string
		o      WriteOptions
	}{
		{"contiguous", WriteOptions{}},
		{"gzip", WriteOptions{Gzip: 4}},
		{"gzip and shuffle", WriteOptions{Gzip: 1, Shuffle: true}},
		{"shuffle alone", WriteOptions{Shuffle: true}},
	} {
		roundTrip(t, c.reason, []bool{true, false, true, true, false, false}, []int{2, 3}, c.o)
		roundTrip(t, c.reason, []int8{-128, 0, 127}, nil, c.o)
		roundTrip(t, c.reason, []uint8{0, 128, 255}, nil, c.o)
		roundTrip(t, c.reason, []int16{math.MinInt16, 0, math.MaxInt16}, nil, c.o)
		roundTrip(t, c.reason, []uint16{0, math.MaxUint16}, nil, c.o)
		roundTrip(t, c.reason, []int32{math.MinInt32, 0, math.MaxInt32}, nil, c.o)
		roundTrip(t, c.reason, []uint32{0, math.MaxUint32}, nil, c.o)
		roundTrip(t, c.reason, []int64{math.MinInt64, 0, math.MaxInt64}, nil, c.o)
		roundTrip(t, c.reason, []uint64{0, math.MaxUint64}, nil, c.o)
		roundTrip(t, c.reason, []float32{0, 1.5, math.MaxFloat32, float32(math.Inf(-1))}, []int{2, 1, 2}, c.o)
		roundTrip(t, c.reason, []float64{0, 1.5, math.MaxFloat64, math.Inf(1)}, nil, c.o)
		roundTrip(t, c.reason, []string{"", "spøt", "a", strings.Repeat("µ", 70000)}, []int{4}, c.o)
		roundTrip(t, c.reason, []float64{}, nil, c.o)
		roundTrip(t, c.reason, []string{}, []int{0, 3}, c.o)
		roundTrip(t, c.reason, []float64{3}, []int{}, c.o)
		roundTrip(t, c.reason, []string{"x"}, []int{}, c.o)
		roundTrip(t, c.reason, []bool{true}, []int{}, c.o)
	}
	roundTrip(t, "fixed length", []string{"", "ab", "µµ"}, nil, WriteOptions{FixedString: true, Gzip: 3})
	roundTrip(t, "given chunks", make([]float32, 700), []int{70, 10}, WriteOptions{Gzip: 3, Chunk: []int{9, 4}})
}

func TestReadConverts(t *testing.T) {
	f := create(t, func(f *File) error {
		return errors.Join(
			Write(f, "f64", []float64{1, 2.5, -3}, nil, WriteOptions{}),
			Write(f, "whole", []float64{1, 2, -3}, nil, WriteOptions{}),
			Write(f, "nan", []float64{math.NaN()}, nil, WriteOptions{}),
			Write(f, "i64", []int64{0, 1, 300}, nil, WriteOptions{}),
			Write(f, "bool", []bool{true, false, true}, nil, WriteOptions{}),
			Write(f, "text", []string{"a"}, nil, WriteOptions{}),
			f.Group("empty"),
		)
	})
	if got, _, err := Read[float32](f, "f64"); err != nil || !cmp.Equal(got, []float32{1, 2.5, -3}) {
		t.Errorf("float64 as float32: %v, %v", got, err)
	}
	if got, _, err := Read[int16](f, "whole"); err != nil || !cmp.Equal(got, []int16{1, 2, -3}) {
		t.Errorf("whole float64 as int16: %v, %v", got, err)
	}
	if got, _, err := Read[uint16](f, "i64"); err != nil || !cmp.Equal(got, []uint16{0, 1, 300}) {
		t.Errorf("int64 as uint16: %v, %v", got, err)
	}
	if got, _, err := Read[bool](f, "i64"); err != nil || !cmp.Equal(got, []bool{false, true, true}) {
		t.Errorf("int64 as bool: %v, %v", got, err)
	}
	if got, _, err := Read[float32](f, "bool"); err != nil || !cmp.Equal(got, []float32{1, 0, 1}) {
		t.Errorf("bool as float32: %v, %v", got, err)
	}
	for _, c := range []struct {
		reason string
		read   func() error
		want   string
	}{
		{"a fraction is no integer", func() error { _, _, err := Read[int32](f, "f64"); return err }, "does not fit"},
		{"NaN is no integer", func() error { _, _, err := Read[int32](f, "nan"); return err }, "does not fit"},
		{"300 is no int8", func() error { _, _, err := Read[int8](f, "i64"); return err }, "does not fit"},
		{"-3 is not unsigned", func() error { _, _, err := Read[uint64](f, "whole"); return err }, "does not fit"},
		{"text is no number", func() error { _, _, err := Read[int8](f, "text"); return err }, "holds strings, want numbers"},
		{"a number is no text", func() error { _, _, err := Read[string](f, "i64"); return err }, "want strings"},
		{"a float is no bool", func() error { _, _, err := Read[bool](f, "f64"); return err }, "want booleans"},
		{"a group is no dataset", func() error { _, _, err := Read[int8](f, "empty"); return err }, "is a group"},
		{"a missing key lists the others", func() error { _, _, err := Read[int8](f, "f65"); return err }, "bool, empty, f64"},
		{"a dataset has no members", func() error { _, _, err := Read[int8](f, "f64/x"); return err }, "not a group"},
		{"rows outside", func() error { _, err := ReadRows[float64](f, "f64", 2, 2); return err }, "outside"},
		{"negative rows", func() error { _, err := ReadRows[float64](f, "f64", -1, 1); return err }, "outside"},
		{"writing to a file being read", func() error { return Write(f, "n", []int8{1}, nil, WriteOptions{}) }, "reading only"},
	} {
		err := c.read()
		var fe *format.Error
		if !errors.As(err, &fe) || !strings.Contains(err.Error(), c.want) || fe.Path != f.Path() {
			t.Errorf("%s: got %v, want a format error with %q", c.reason, err, c.want)
		}
	}
}

func TestReadRows(t *testing.T) {
	data := make([]float32, 1000*30)
	for i := range data {
		data[i] = float32(i)
	}
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprint("spot", i)
	}
	f := create(t, func(f *File) error {
		return errors.Join(
			Write(f, "m", data, []int{1000, 30}, WriteOptions{Gzip: 1, Chunk: []int{64, 7}}),
			Write(f, "names", names, nil, WriteOptions{Gzip: 1}))
	})
	got, err := ReadRows[float32](f, "m", 500, 11)
	if err != nil || !cmp.Equal(got, data[500*30:511*30]) {
		t.Errorf("rows 500 to 511 differ: %v", err)
	}
	text, err := ReadRows[string](f, "names", 998, 2)
	if err != nil || !cmp.Equal(text, names[998:]) {
		t.Errorf("last names: %v, %v", text, err)
	}
	none, err := ReadRows[float32](f, "m", 1000, 0)
	if err != nil || len(none) != 0 {
		t.Errorf("no rows: %v, %v", none, err)
	}
}

func TestAttributes(t *testing.T) {
	want := map[string]any{
		"text": "spøt", "empty text": "", "names": []string{"a", "", "µ"}, "no names": []string{},
		"int": int64(-5), "float": math.Pi, "yes": true, "no": false,
		"ints": []int64{1, 2}, "floats": []float64{0.5}, "bools": []bool{true, false}, "no ints": []int64{},
	}
	set := func(f *File, key string) error {
		for k, v := range want {
			if err := f.SetAttr(key, k, v); err != nil {
				return err
			}
		}
		return f.SetAttr(key, "text", want["text"]) // in place of the first
	}
	f := create(t, func(f *File) error {
		return errors.Join(f.Group("g"), Write(f, "d", []int8{1}, nil, WriteOptions{}), set(f, ""), set(f, "g"), set(f, "d"))
	})
	for _, key := range []string{"", "/g", "d"} {
		names, err := f.Attrs(key)
		if err != nil || len(names) != len(want) {
			t.Fatalf("%q: attributes %v, %v", key, names, err)
		}
		got := map[string]any{}
		for _, n := range names {
			if got[n], err = f.Attr(key, n); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", key, d)
		}
	}
	if _, err := f.Attr("g", "none"); !errors.Is(err, ErrNoKey) {
		t.Errorf("missing attribute: %v", err)
	}
	if f.HasAttr("g", "none") || !f.HasAttr("g", "text") {
		t.Error("HasAttr is wrong")
	}
}

// TestReadWhileWriting reads text of a file that is not closed yet.
func TestReadWhileWriting(t *testing.T) {
	f, err := Create(filepath.Join(t.TempDir(), "x.h5"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"AAACAAGT-1", "µ"}
	if err := errors.Join(Write(f, "names", want, nil, WriteOptions{}), f.SetAttr("", "kind", "x")); err != nil {
		t.Fatal(err)
	}
	got, _, err := Read[string](f, "names")
	kind, aerr := f.Attr("", "kind")
	if err := errors.Join(err, aerr, f.Close()); err != nil || !cmp.Equal(got, want) || kind != "x" {
		t.Errorf("got %v and %v, %v", got, kind, err)
	}
}

// TestManyReaders reads one file from many goroutines.
func TestManyReaders(t *testing.T) {
	f := create(t, func(f *File) error {
		return errors.Join(
			Write(f, "n", make([]float64, 1000), nil, WriteOptions{Gzip: 1}),
			Write(f, "names", make([]string, 100), nil, WriteOptions{}))
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if _, _, err := Read[float32](f, "n"); err != nil {
					t.Error(err)
				}
				if _, _, err := Read[string](f, "names"); err != nil {
					t.Error(err)
				}
				if _, _, err := Read[bool](f, "none"); !errors.Is(err, ErrNoKey) {
					t.Errorf("missing key: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func TestCompound(t *testing.T) {
	members := []Member{
		{"name", []string{"Gfap", "", "Ttr"}}, {"score", []float32{1, -2, 3.5}}, {"n", []int64{7, 8, 9}}, {"ok", []bool{true, false, true}},
	}
	f := create(t, func(f *File) error { return WriteCompound(f, "uns/rec", members) })
	info, err := f.Info("uns/rec")
	if err != nil || info.Kind != Compound || !cmp.Equal(info.Members, []string{"name", "score", "n", "ok"}) {
		t.Fatalf("info %+v, %v", info, err)
	}
	for _, m := range members {
		got, shape, err := ReadAnyMember(f, "uns/rec", m.Name)
		if err != nil || !cmp.Equal(got, m.Data) || !cmp.Equal(shape, []int{3}) {
			t.Errorf("%s: got %v %v, %v", m.Name, got, shape, err)
		}
	}
	if _, _, err := ReadMember[int8](f, "uns/rec", "none"); err == nil {
		t.Error("a missing member is read")
	}
	if _, _, err := ReadAny(f, "uns/rec"); err == nil || !strings.Contains(err.Error(), "compound") {
		t.Errorf("compound as plain: %v", err)
	}
}

// TestOpenAtFault writes files that are not what they should be.
func TestOpenAtFault(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.h5")
	f, err := Create(whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(Write(f, "x", make([]float64, 5000), nil, WriteOptions{}), f.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct{ reason, path, want string }{
		{"missing", filepath.Join(dir, "none.h5"), "no such file"},
		{"folder", dir, "is a folder"},
		{"empty", put("empty.h5", nil), "is empty"},
		{"text", put("text.h5", []byte("barcode\tgene\n")), "not an HDF5 file"},
		{"signature only", put("sig.h5", b[:8]), "damaged"},
		{"truncated", put("half.h5", b[:len(b)/2]), "ends too early"},
	} {
		f, err := Open(c.path)
		var fe *format.Error
		if !errors.As(err, &fe) || fe.Path != c.path || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a format error with %q", c.reason, err, c.want)
		}
		if f != nil {
			f.Close()
		}
	}
}

func TestWriteAtFault(t *testing.T) {
	f, err := Create(filepath.Join(t.TempDir(), "x.h5"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Write(f, "taken", []int8{1}, nil, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		err    error
		want   string
	}{
		{"a key that is there", Write(f, "taken", []int8{1}, nil, WriteOptions{}), "exists"},
		{"a dataset as a group", Write(f, "taken/x", []int8{1}, nil, WriteOptions{}), "taken/x"},
		{"a group in place of a dataset", f.Group("taken/y"), "not a group"},
		{"wrong shape", Write(f, "a", []int8{1}, []int{2}, WriteOptions{}), "want 2"},
		{"negative shape", Write(f, "a", []int8{1}, []int{-1}, WriteOptions{}), "bad shape"},
		{"overflowing shape", Write(f, "a", []int8{}, []int{1 << 40, 1 << 40}, WriteOptions{}), "bad shape"},
		{"bad level", Write(f, "a", []int8{1}, nil, WriteOptions{Gzip: 10}), "gzip level"},
		{"bad chunk", Write(f, "a", []int8{1}, nil, WriteOptions{Gzip: 1, Chunk: []int{0}}), "chunk"},
		{"NUL in text", Write(f, "a", []string{"x\x00y"}, nil, WriteOptions{}), "NUL"},
		{"no UTF-8", Write(f, "a", []string{"\xff"}, nil, WriteOptions{}), "UTF-8"},
		{"the root", Write(f, "/", []int8{1}, nil, WriteOptions{}), "needs a name"},
		{"unknown attribute type", f.SetAttr("taken", "a", struct{}{}), "cannot be written"},
		{"attribute of nothing", f.SetAttr("none", "a", "x"), "no such key"},
		{"uneven members", WriteCompound(f, "c", []Member{{"a", []int8{1}}, {"b", []int8{}}}), "has 0 values"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.reason, c.err, c.want)
		}
	}
}

// TestCloseTellsOpenObjects leaves a handle open on purpose.
func TestCloseTellsOpenObjects(t *testing.T) {
	f, err := Create(filepath.Join(t.TempDir(), "x.h5"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := f.h.CreateGroup("g")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err == nil || !strings.Contains(err.Error(), "left open at the close of the file: 1") {
		t.Errorf("got %v, want word of the open group", err)
	}
	g.Close()
	if err := f.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// TestSameBytes writes the same content twice.
func TestSameBytes(t *testing.T) {
	write := func(name string) []byte {
		p := filepath.Join(t.TempDir(), name)
		f, err := Create(p)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]float32, 90000)
		for i := range data {
			data[i] = float32(i % 97)
		}
		err = errors.Join(
			Write(f, "m", data, []int{300, 300}, WriteOptions{Gzip: 4}),
			Write(f, "s", []string{"a", "bc"}, nil, WriteOptions{}),
			WriteCompound(f, "c", []Member{{"a", []string{"x"}}, {"b", []float64{1}}}),
			f.SetAttr("m", "names", []string{"q", "r"}),
			f.Close())
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if string(write("a.h5")) != string(write("b.h5")) {
		t.Error("the same content gives different bytes")
	}
}

// TestGoldenFiles reads all of the reference files, which h5py wrote.
func TestGoldenFiles(t *testing.T) {
	var walk func(f *File, key string) int
	walk = func(f *File, key string) int {
		n := 0
		if names, err := f.Attrs(key); err != nil {
			t.Error(err)
		} else {
			for _, a := range names {
				if _, err := f.Attr(key, a); err != nil {
					t.Error(err)
				}
			}
		}
		if !f.IsGroup(key) {
			info, err := f.Info(key)
			if err != nil {
				t.Error(err)
			} else if !info.Null && info.Kind != Compound {
				if _, _, err := ReadAny(f, key); err != nil {
					t.Error(err)
				}
			}
			return 1
		}
		names, err := f.Children(key)
		if err != nil {
			t.Error(err)
		}
		for _, c := range names {
			n += walk(f, key+"/"+c)
		}
		return n
	}
	for _, name := range []string{"small_gzip.h5ad", "small_lzf.h5ad", "small_plain.h5ad", "small_empty.h5ad", "small_anndata092.h5ad"} {
		f, err := Open(golden(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if n := walk(f, ""); n < 4 {
			t.Errorf("%s: only %d datasets", name, n)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestLZF compares a file that h5py compressed with lzf to the plain one.
func TestLZF(t *testing.T) {
	lzf, err := Open(golden(t, "small_lzf.h5ad"))
	if err != nil {
		t.Fatal(err)
	}
	defer lzf.Close()
	plain, err := Open(golden(t, "small_plain.h5ad"))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	packed := 0
	for _, key := range []string{"X/data", "X/indices", "X/indptr", "layers/dense_f64", "layers/mask_bool", "obsp/conn/data"} {
		info, err := lzf.Info(key)
		if err != nil {
			t.Fatal(err)
		}
		if len(info.Filters) == 1 && info.Filters[0] == "lzf" {
			packed++
		}
		a, _, aerr := ReadAny(lzf, key)
		b, _, berr := ReadAny(plain, key)
		if aerr != nil || berr != nil || !cmp.Equal(a, b) {
			t.Errorf("%s differs: %v, %v", key, aerr, berr)
		}
	}
	if packed < 5 {
		t.Errorf("only %d datasets are lzf-compressed: nothing was tested", packed)
	}
}

// TestSameBytesOnAnyProcessors holds that the bytes of compressed chunks do not
// depend on how many processors compress them.
func TestSameBytesOnAnyProcessors(t *testing.T) {
	data := make([]float32, 700*90)
	for i := range data {
		data[i] = float32(i % 17)
	}
	var files [][]byte
	for _, n := range []int{1, 2, 7} {
		old := runtime.GOMAXPROCS(n)
		p := filepath.Join(t.TempDir(), "x.h5")
		f, err := Create(p)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(Write(f, "d", data, []int{700, 90}, WriteOptions{Gzip: 4, Shuffle: true, Chunk: []int{64, 50}}), f.Close())
		runtime.GOMAXPROCS(old)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
		f, err = Open(p)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := Read[float32](f, "d")
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(data, got); d != "" {
			t.Errorf("%d processors: %s", n, d)
		}
	}
	if string(files[0]) != string(files[1]) || string(files[0]) != string(files[2]) {
		t.Error("the number of processors changes the file")
	}
}

// TestManyHandles reads a file that is being written, over and over: each read
// opens it anew and must close it.
func TestManyHandles(t *testing.T) {
	f, err := Create(filepath.Join(t.TempDir(), "x.h5"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(f, "g/d", []int64{1, 2}, nil, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 1100 { // more than many systems let a process hold open
		if !f.Exists("g/d") {
			t.Fatal("the dataset is gone")
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
