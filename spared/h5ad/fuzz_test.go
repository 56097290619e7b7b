package h5ad

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/spatialgo/spatialgo/spared/format"
)

// FuzzRead reads files of any bytes: each gives an AnnData that can be written
// again, or a format error.
func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	p := filepath.Join(dir, "x.h5ad")
	for _, a := range []*AnnData{small(), comprehensive(), randomAnnData(rand.New(rand.NewPCG(3, 1)))} {
		if err := Write(p, a, WriteOptions{}); err != nil {
			f.Fatal(err)
		}
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(p, b, 0o666); err != nil {
			t.Fatal(err)
		}
		a, err := Read(p)
		if err != nil {
			var fe *format.Error
			if !errors.As(err, &fe) || fe.Path != p {
				t.Errorf("not a format error: %v", err)
			}
			return
		}
		var fe *format.Error
		if err := Write(filepath.Join(dir, "y.h5ad"), a, WriteOptions{}); err != nil && !errors.As(err, &fe) {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}

// TestDamagedStructure changes bytes anywhere in files: headers, trees, heaps,
// data. libhdf5 1.10.8 crashes on about 1 in 1,000 of them.
func TestDamagedStructure(t *testing.T) {
	bad := damaged(t, small(), 1500, 6, func(r *rand.Rand, b []byte) {
		for range 1 + r.IntN(12) {
			b[8+r.IntN(len(b)-8)] = byte(r.Uint64())
		}
	})
	if bad < 300 {
		t.Errorf("only %d of 1,500 files were found damaged", bad)
	}
}

// TestDamaged changes bytes of a file that hold data, names and text: Read
// reads on or tells what is wrong.
func TestDamaged(t *testing.T) {
	bad := damaged(t, comprehensive(), 150, 5, func(r *rand.Rand, b []byte) {
		// Global heap collections begin with GCOL: damage their neighbourhood,
		// which holds all text, encodings and column names.
		at := heaps(b)[r.IntN(len(heaps(b)))]
		for range 4 {
			b[at+4+r.IntN(min(500, len(b)-at-4))] = byte(r.Uint64())
		}
	})
	if bad < 50 {
		t.Errorf("only %d of 150 files were found damaged", bad)
	}
}

// damaged writes a file, spoils copies of it by a random source of a stream and
// the copy's number, and returns how many Read found damaged, with an error of
// the right type.
func damaged(t *testing.T, a *AnnData, copies, stream uint64, spoil func(r *rand.Rand, b []byte)) (bad int) {
	t.Helper()
	p := filepath.Join(t.TempDir(), "x.h5ad")
	if err := Write(p, a, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range copies {
		b := append([]byte(nil), whole...)
		spoil(rand.New(rand.NewPCG(seed, stream)), b)
		if err := os.WriteFile(p, b, 0o666); err != nil {
			t.Fatal(err)
		}
		var fe *format.Error
		if _, err := Read(p); err != nil {
			if bad++; !errors.As(err, &fe) {
				t.Errorf("seed %d: not a format error: %v", seed, err)
			}
		}
	}
	return bad
}

func heaps(b []byte) (at []int) {
	for i := 0; i+4 < len(b); i++ {
		if string(b[i:i+4]) == "GCOL" {
			at = append(at, i)
		}
	}
	return at
}
