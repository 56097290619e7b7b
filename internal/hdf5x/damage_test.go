package hdf5x

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spatialgo/spatialgo/spared/format"
)

// TestAbsurdSizes makes files claim more than they hold.
func TestAbsurdSizes(t *testing.T) {
	const n = 54321 // stands nowhere else in the file
	le := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	for _, c := range []struct {
		reason string
		o      WriteOptions
		text   bool
	}{
		{"contiguous", WriteOptions{}, false},
		{"gzip", WriteOptions{Gzip: 4, Chunk: []int{1000}}, false},
		{"variable-length strings", WriteOptions{}, true},
		{"fixed-length strings", WriteOptions{FixedString: true}, true},
	} {
		p := filepath.Join(t.TempDir(), "x.h5")
		f, err := Create(p)
		if err != nil {
			t.Fatal(err)
		}
		if c.text {
			err = Write(f, "d", make([]string, n), nil, c.o)
		} else {
			err = Write(f, "d", make([]float64, n), nil, c.o)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(whole, le(n)) {
			t.Fatalf("%s: the size is not found in the file", c.reason)
		}
		for _, claim := range []uint64{1 << 33, 1 << 45, 1<<63 - 1, 1 << 63} {
			if err := os.WriteFile(p, bytes.ReplaceAll(whole, le(n), le(claim)), 0o666); err != nil {
				t.Fatal(err)
			}
			f, err := Open(p)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = ReadAny(f, "d")
			var fe *format.Error
			if !errors.As(err, &fe) || fe.Key != "d" {
				t.Errorf("%s of %d: got %v, want a format error", c.reason, claim, err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestUnknownFilter gives the filter of a compressed file a number that nobody
// has.
func TestUnknownFilter(t *testing.T) {
	b, err := os.ReadFile(golden(t, "small_lzf.h5ad"))
	if err != nil {
		t.Fatal(err)
	}
	lzf := []byte{0x00, 0x7d, 8, 0} // number 32000, length of its name
	if !bytes.Contains(b, lzf) {
		t.Fatal("no lzf filter found in the file")
	}
	p := filepath.Join(t.TempDir(), "x.h5ad")
	if err := os.WriteFile(p, bytes.ReplaceAll(b, lzf, []byte{0x63, 0x7d, 8, 0}), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, _, err = ReadAny(f, "X/data")
	if err == nil || !strings.Contains(err.Error(), `X/data: is compressed by the filter "lzf" (number 32099)`) {
		t.Errorf("got %v, want word of the filter", err)
	}
}

// TestDamagedChunk flips bytes within compressed data.
func TestDamagedChunk(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x.h5")
	f, err := Create(p)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]int32, 10000)
	for i := range data {
		data[i] = int32(i * i)
	}
	if err := errors.Join(Write(f, "d", data, nil, WriteOptions{Gzip: 4}), f.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	head := []byte{0x78, 0x5e} // of a zlib stream of level 4
	at := bytes.Index(b, head)
	if at < 0 {
		t.Fatal("no compressed data found in the file")
	}
	copy(b[at:], "not zlib at all")
	if err := os.WriteFile(p, b, 0o666); err != nil {
		t.Fatal(err)
	}
	f, err = Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, _, err = Read[int32](f, "d")
	if err == nil || !strings.Contains(err.Error(), "inflate") {
		t.Errorf("got %v, want libhdf5's own message", err)
	}
}
