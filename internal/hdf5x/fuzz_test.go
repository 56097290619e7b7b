package hdf5x

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/spatialgo/spatialgo/internal/hdf5read"
)

// seedFile is a small file with a dataset of each kind.
func seedFile(t testing.TB) []byte {
	p := filepath.Join(t.TempDir(), "seed.h5")
	f, err := Create(p)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		Write(f, "g/gzip", make([]float32, 600), []int{60, 10}, WriteOptions{Gzip: 4, Chunk: []int{16, 10}}),
		Write(f, "g/shuffle", []int64{1, 2, 3}, nil, WriteOptions{Gzip: 4, Shuffle: true}),
		Write(f, "text", []string{"AAACAAGT-1", "", "µ"}, nil, WriteOptions{}),
		Write(f, "fixed", []string{"Gfap", "Mbp"}, nil, WriteOptions{FixedString: true}),
		Write(f, "mask", []bool{true, false}, nil, WriteOptions{}),
		Write(f, "scalar", []float64{1}, []int{}, WriteOptions{}),
		WriteCompound(f, "rec", []Member{{"a", []string{"x", "y"}}, {"b", []int32{1, 2}}}),
		f.SetAttr("", "kind", "seed"), f.SetAttr("g", "names", []string{"a", "b"}), f.SetAttr("mask", "shape", []int64{2}),
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

// readEverything reads all that a file holds, at most 1,000 objects deep and
// wide: a damaged group may hold itself.
func readEverything(f *File, key string, left *int) {
	if *left--; *left < 0 || len(key) > 200 {
		return
	}
	names, _ := f.Attrs(key)
	for _, a := range names {
		_, _ = f.Attr(key, a)
	}
	if info, err := f.Info(key); err == nil {
		for _, m := range info.Members {
			_, _, _ = ReadAnyMember(f, key, m)
		}
		_, _, _ = ReadAny(f, key)
		_, _ = ReadRows[float32](f, key, 0, 1)
		return
	}
	children, _ := f.Children(key)
	for _, c := range children {
		readEverything(f, key+"/"+c, left)
	}
}

// FuzzRead reads files of any bytes: each gives values or errors.
func FuzzRead(f *testing.F) {
	seed := seedFile(f)
	f.Add(seed)
	f.Add(seed[:len(seed)/2])
	f.Add([]byte(hdf5read.Signature))
	f.Add([]byte{})
	p := filepath.Join(f.TempDir(), "x.h5")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(p, b, 0o666); err != nil {
			t.Fatal(err)
		}
		h, err := Open(p)
		if err != nil {
			return
		}
		left := 1000
		readEverything(h, "", &left)
		if err := h.Close(); err != nil {
			t.Logf("close: %v", err)
		}
	})
}
