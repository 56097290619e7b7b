package hdf5read

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// fixture unpacks a file of testdata; see make_fixtures.py there.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	z, err := os.Open(filepath.Join("testdata", name+".h5.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	r, err := gzip.NewReader(z)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(max(0, bytes.Index(b, []byte(Signature)))), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// find follows hard links from the root.
func find(t testing.TB, f *File, key string) *Object {
	t.Helper()
	o, err := f.Object(f.Root())
	if err != nil {
		t.Fatal(err)
	}
	for step := range strings.SplitSeq(key, "/") {
		l, ok, err := o.Link(step)
		if err != nil || !ok {
			t.Fatalf("%s: %v %v", key, ok, err)
		}
		if o, err = f.Object(l.Addr); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// numbered checks that a dataset's values are their own numbers, modulo what
// fits a byte.
func numbered(t *testing.T, f *File, key string, modulo int) {
	t.Helper()
	d, err := find(t, f, key).Dataset()
	if err != nil {
		t.Errorf("%s: %v", key, err)
		return
	}
	n, _ := d.Elements()
	got := make([]float64, n)
	if err := Numbers(d, nil, nil, got); err != nil {
		t.Errorf("%s: %v", key, err)
		return
	}
	for i, v := range got {
		if int(v) != i%modulo {
			t.Errorf("%s: element %d of %v is %v", key, i, d.Space.Dims, v)
			return
		}
	}
	rows := &Rows{d.Space.Dims[0] / 3, d.Space.Dims[0] / 2}
	row := n / d.Space.Dims[0]
	part := make([]int64, rows.Count*row)
	if err := Numbers(d, nil, rows, part); err != nil {
		t.Errorf("%s: rows: %v", key, err)
	}
	for i, v := range part {
		if int(v) != (int(rows.Start*row)+i)%modulo {
			t.Errorf("%s: element %d of the rows %v is %v", key, i, *rows, v)
			return
		}
	}
}

// TestFixtures reads what h5py writes in three versions of the format.
func TestFixtures(t *testing.T) {
	const any = 1 << 30
	for _, name := range []string{"old", "v110", "latest"} {
		t.Run(name, func(t *testing.T) {
			f := open(t, fixture(t, name))
			for _, c := range []struct {
				key    string
				modulo int
				reason string
			}{
				{"contiguous", any, "one block"}, {"single", any, "one chunk"}, {"single_gzip", any, "one filtered chunk"},
				{"implicit", any, "chunks one after another"}, {"fixed", any, "a fixed array"}, {"fixed_gzip", any, "with sizes"},
				{"fixed_paged", 256, "with pages"}, {"fixed_max", any, "numbered through the largest shape"},
				{"extensible", any, "an extensible array"}, {"extensible_second", any, "that grows along the second dimension"},
				{"extensible_long", 256, "with super blocks"}, {"btree2", any, "a B-tree"}, {"btree2_gzip", any, "of several levels, fletcher32"},
				{"big_endian", any, "bytes the other way round"}, {"half", any, "float16"}, {"double_be", any, "float64, big-endian"},
				{"u8", any, "lzf"}, {"of_named", any, "a named type"}, {"compactish", any, "one byte each"},
			} {
				t.Log(c.reason)
				numbered(t, f, c.key, c.modulo)
			}
			checkOthers(t, f)
			checkGroups(t, f, name != "old")
		})
	}
	for _, name := range []string{"userblock", "small_old", "small_latest"} {
		f := open(t, fixture(t, name))
		for _, key := range []string{"x", "y", "z"} {
			numbered(t, f, key, 1<<30)
		}
	}
}

// checkOthers reads fill values, records, booleans and text.
func checkOthers(t *testing.T, f *File) {
	dataset := func(key string) *Dataset {
		d, err := find(t, f, key).Dataset()
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		return d
	}
	filled := make([]int32, 20)
	if err := Numbers(dataset("filled"), nil, nil, filled); err != nil || !slices.Equal(filled[2:9], []int32{7, 7, 4, 5, 6, 7, 7}) {
		t.Errorf("chunks never written: %v, %v", filled, err)
	}
	never := make([]float32, 3)
	if err := Numbers(dataset("never"), nil, nil, never); err != nil || never[2] != 2.5 {
		t.Errorf("a block never written: %v, %v", never, err)
	}
	if d := dataset("null"); !d.Space.Null {
		t.Error("null has values")
	}
	bools := make([]bool, 3)
	if d := dataset("bools"); !d.Type.Bool || Bools(d, nil, nil, bools) != nil || !slices.Equal(bools, []bool{true, false, true}) {
		t.Errorf("booleans: %+v %v", d.Type, bools)
	}
	d := dataset("records")
	b, s := make([]float64, 4), make([]byte, 12)
	if err := errors.Join(Numbers(d, &d.Type.Members[1], nil, b), Raw(d, &d.Type.Members[2], nil, s)); err != nil ||
		!slices.Equal(b, []float64{0, 0.5, 1, 1.5}) || string(s) != "x\x00\x00yy\x00zzz\x00\x00\x00" {
		t.Errorf("records: %v %q, %v", b, s, err)
	}
	if d := dataset("text"); !d.Type.VlenText {
		t.Errorf("text: %+v", d.Type)
	}
	var tooSmall [20]int8
	if err := Numbers(dataset("fixed_max"), nil, &Rows{0, 2}, tooSmall[:14]); err != nil {
		t.Errorf("numbers that fit int8: %v", err)
	}
	if err := Numbers(dataset("u8"), nil, nil, make([]int8, 300)); !errors.Is(err, errOverflow) {
		t.Errorf("300 as int8: %v", err)
	}
}

// checkGroups lists groups and attributes, few and many.
func checkGroups(t *testing.T, f *File, dense bool) {
	links, err := find(t, f, "many").Links()
	if err != nil || len(links) != 24 || links[3].Name != "member003" {
		t.Errorf("many: %v, %v", links, err)
	}
	ordered, err := find(t, f, "ordered").Links()
	if err != nil || len(ordered) != 12 || ordered[0].Name != "z0" {
		t.Errorf("ordered: %v, %v", ordered, err)
	}
	root, err := f.Object(f.Root())
	if err != nil {
		t.Fatal(err)
	}
	if l, ok, err := root.Link("soft"); !ok || err != nil || l.Kind != Soft || l.Target != "/many/member001" {
		t.Errorf("soft: %+v %v", l, err)
	}
	if l, ok, err := root.Link("foreign"); !ok || err != nil || l.Kind != Foreign {
		t.Errorf("foreign: %+v %v", l, err)
	}
	attrs, err := find(t, f, "attributes").Attrs()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]*Attr{}
	for i := range attrs {
		at[attrs[i].Name] = &attrs[i]
	}
	v := make([]int64, 1)
	if err := Value(at["a07"], v); err != nil || v[0] != 7 {
		t.Errorf("a07: %v, %v", v, err)
	}
	if !dense {
		return
	}
	large := make([]int32, 9000)
	if err := Value(at["large"], large); err != nil || large[8999] != 8999 {
		t.Errorf("an attribute too large for a heap's block: %v", err)
	}
}

// TestAnyProcessors holds that the number of processors changes nothing.
func TestAnyProcessors(t *testing.T) {
	f := open(t, fixture(t, "old"))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	numbered(t, f, "btree2_gzip", 1<<30)
	runtime.GOMAXPROCS(8)
	numbered(t, f, "btree2_gzip", 1<<30)
}

// TestFilters undoes filters on bytes of known content.
func TestFilters(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	plain := []byte("abcdabcdabcdabcd")
	for _, c := range []struct {
		reason string
		filter Filter
		in     []byte
		want   string
		fails  string
	}{
		{"zstd", Filter{ID: Zstd}, z.EncodeAll(plain, nil), string(plain), ""},
		{"zstd that expands beyond its chunk", Filter{ID: Zstd}, z.EncodeAll(make([]byte, 100), nil), "", "expands to more"},
		{"zstd, damaged", Filter{ID: Zstd}, []byte("what"), "", "magic"},
		{"shuffle of two bytes", Filter{ID: Shuffle, Params: []uint32{2}}, []byte("ac1bd2"), "abcd12", ""},
		{"shuffle with a rest", Filter{ID: Shuffle, Params: []uint32{4}}, []byte("abcdefgh!"), "acegbdfh!", ""},
		{"shuffle of 8 bytes", Filter{ID: Shuffle, Params: []uint32{8}}, []byte("0a1b2c3d4e5f6g7h"), "01234567abcdefgh", ""},
		{"shuffle of nothing", Filter{ID: Shuffle, Params: []uint32{0}}, []byte("ab"), "", "shuffle"},
		{"a wrong checksum", Filter{ID: Fletcher32}, []byte("abcd1234"), "", "checksum does not match"},
		{"no room for a checksum", Filter{ID: Fletcher32}, []byte("abc"), "", "too short"},
		{"lzf: literals and a run", Filter{ID: LZF}, []byte{3, 'a', 'b', 'c', 'd', 7 << 5, 3, 3}, string(plain), ""},
		{"lzf: a run from before the start", Filter{ID: LZF}, []byte{1 << 5, 3}, "", "lzf"},
		{"lzf: too long", Filter{ID: LZF}, append([]byte{3, 'a', 'b', 'c', 'd'}, 7<<5, 250, 3), "", "lzf"},
		{"a filter of nobody", Filter{ID: 300, Name: "none"}, []byte("ab"), "", `"none" (number 300)`},
		{"deflate, damaged", Filter{ID: Deflate}, []byte("xx"), "", "inflate"},
	} {
		d := &Dataset{Type: Type{Size: 1}}
		dec := &decoder{d: d, size: 16}
		got, err := dec.step(&c.filter, make([]byte, 16), c.in)
		dec.close()
		switch {
		case c.fails == "" && (err != nil || string(got) != c.want):
			t.Errorf("%s: %q, %v, want %q", c.reason, got, err, c.want)
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s: %v, want %q", c.reason, err, c.fails)
		}
	}
}

func TestOpenAtFault(t *testing.T) {
	whole := fixture(t, "small_latest")
	for _, c := range []struct {
		reason string
		change func(b []byte) []byte
		want   string
	}{
		{"cut off", func(b []byte) []byte { return b[:len(b)-1] }, "ends too early"},
		{"a superblock of the future", func(b []byte) []byte { b[8] = 9; return b }, "superblock of version 9"},
		{"addresses of 3 bytes", func(b []byte) []byte { b[9] = 3; return b }, "damaged"},
		{"a flipped bit", func(b []byte) []byte { b[40] ^= 1; return b }, "checksum"},
		{"nothing but the signature", func(b []byte) []byte { return b[:8] }, "too early"},
	} {
		b := c.change(bytes.Clone(whole))
		_, err := Open(bytes.NewReader(b), 0, int64(len(b)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.reason, err, c.want)
		}
	}
}

// everything reads all that a file holds, within bounds of its size.
func everything(f *File) (objects, faults int) {
	todo, seen := []uint64{f.Root()}, map[uint64]bool{}
	fault := func(err error) bool {
		if err != nil {
			faults++
		}
		return err != nil
	}
	for len(todo) > 0 && objects < 500 {
		addr := todo[0]
		todo = todo[1:]
		if seen[addr] {
			continue
		}
		seen[addr] = true
		objects++
		o, err := f.Object(addr)
		if fault(err) {
			continue
		}
		attrs, err := o.Attrs()
		fault(err)
		for i := range attrs {
			if attrs[i].Err != nil || attrs[i].Space.Null || len(attrs[i].Space.Dims) > 0 {
				continue
			}
			var v [1]float64
			_ = Value(&attrs[i], v[:])
		}
		if o.IsGroup() {
			links, err := o.Links()
			fault(err)
			for _, l := range links {
				if l.Kind == Hard {
					todo = append(todo, l.Addr)
				}
			}
			continue
		}
		if o.IsDataset() {
			fault(readAll(o))
		}
	}
	return objects, faults
}

// readAll reads a dataset that claims no more than a mebibyte.
func readAll(o *Object) error {
	d, err := o.Dataset()
	if err != nil {
		return err
	}
	if _, err := d.Stored(); err != nil {
		return err
	}
	n, ok := d.Elements()
	chunk, fine := d.ChunkBytes()
	if !ok || !fine || d.Space.Null || n > 1<<20 || chunk > 1<<20 || n*uint64(d.Type.Size) > 1<<20 {
		return nil
	}
	return errors.Join(Raw(d, nil, nil, make([]byte, n*uint64(d.Type.Size))), Bools(d, nil, nil, make([]bool, n)))
}

// TestDamage changes bytes at random places, the checksums overlooked: nothing
// may panic, hang or take memory without bound.
func TestDamage(t *testing.T) {
	for _, name := range []string{"small_latest", "small_old", "userblock", "v110"} {
		whole := fixture(t, name)
		base := int64(bytes.Index(whole, []byte(Signature)))
		n := 1500
		if name == "v110" {
			n = 60
		}
		faulty := 0
		for seed := range uint64(n) {
			r := rand.New(rand.NewPCG(seed, 77))
			b := bytes.Clone(whole)
			for range 1 + r.IntN(12) {
				b[int(base)+8+r.IntN(len(b)-int(base)-8)] = []byte{0, 1, 255, byte(r.Uint32())}[r.IntN(4)]
			}
			f := &File{r: bytes.NewReader(b), base: base, size: int64(len(b)), objects: map[uint64]*Object{}, trusting: true}
			if f.superblock() != nil {
				faulty++
				continue
			}
			if _, faults := everything(f); faults > 0 {
				faulty++
			}
		}
		if faulty < n/20 {
			t.Errorf("%s: only %d of %d files were found damaged", name, faulty, n)
		}
		t.Logf("%s: %d of %d were found damaged", name, faulty, n)
	}
}

// FuzzRead reads files of any bytes, the checksums overlooked.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"small_latest", "small_old", "userblock"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		base := int64(max(0, bytes.Index(b, []byte(Signature))))
		h := &File{r: bytes.NewReader(b), base: base, size: int64(len(b)), objects: map[uint64]*Object{}, trusting: true}
		if h.superblock() == nil {
			everything(h)
		}
	})
}

func Example() {
	file, err := os.Open(filepath.Join("testdata", "small_old.h5.gz"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	z, _ := gzip.NewReader(file)
	b, _ := io.ReadAll(z)
	f, err := Open(bytes.NewReader(b), 0, int64(len(b)))
	if err != nil {
		fmt.Println(err)
		return
	}
	root, _ := f.Object(f.Root())
	link, _, _ := root.Link("x")
	object, _ := f.Object(link.Addr)
	d, _ := object.Dataset()
	values := make([]float32, 3)
	err = Numbers(d, nil, &Rows{Start: 4, Count: 1}, values)
	fmt.Println(d.Space.Dims, d.Chunk, d.Filters[0].Name, values, err)
	// Output: [10 3] [4 3] deflate [12 13 14] <nil>
}

func BenchmarkNumbers(b *testing.B) {
	f := open(b, fixture(b, "old"))
	d, err := find(b, f, "btree2_gzip").Dataset()
	if err != nil {
		b.Fatal(err)
	}
	n, _ := d.Elements()
	out := make([]float32, n)
	b.SetBytes(int64(4 * n))
	for b.Loop() {
		if err := Numbers(d, nil, nil, out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnshuffle(b *testing.B) {
	in, out := make([]byte, 640_000), make([]byte, 640_000)
	b.SetBytes(640_000)
	for b.Loop() {
		if _, err := unshuffle(out, in, 8); err != nil {
			b.Fatal(err)
		}
	}
}
