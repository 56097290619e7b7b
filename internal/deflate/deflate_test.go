package deflate

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// sample is data that compresses like counts: mostly small numbers.
func sample(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		if r.IntN(4) == 0 {
			b[i] = byte(r.ExpFloat64() * 3)
		}
	}
	return b
}

// TestZlibReads holds the standard library against both directions.
func TestZlibReads(t *testing.T) {
	in, err := NewInflater()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for _, n := range []int{0, 1, 1000, 200_000} {
		want := sample(n)
		for _, level := range []int{1, 4, 6, 9, 12} {
			d, err := NewDeflater(level)
			if err != nil {
				t.Fatal(err)
			}
			z, err := d.Deflate(nil, want)
			d.Close()
			if err != nil {
				t.Fatal(err)
			}
			r, err := zlib.NewReader(bytes.NewReader(z))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
				t.Errorf("level %d, %d bytes: the standard library reads %d bytes, %v", level, n, len(got), err)
			}
		}
		var z bytes.Buffer
		w := zlib.NewWriter(&z)
		if _, err := w.Write(want); err != nil {
			t.Fatal(err)
		}
		w.Close()
		got := make([]byte, n)
		if m, err := in.Inflate(got, z.Bytes()); err != nil || m != n || !bytes.Equal(got, want) {
			t.Errorf("%d bytes of the standard library: %d, %v", n, m, err)
		}
	}
}

func TestErrors(t *testing.T) {
	d, err := NewDeflater(4)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	z, err := d.Deflate(nil, sample(1000))
	if err != nil {
		t.Fatal(err)
	}
	in, err := NewInflater()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	flipped := bytes.Clone(z)
	flipped[len(z)-1] ^= 1
	for _, c := range []struct {
		reason string
		src    []byte
		room   int
		want   string
	}{
		{"a stream longer than promised must not overrun", z, 999, "more than the 999 bytes"},
		{"a stream cut short", z[:len(z)/2], 1000, "damaged"},
		{"the checksum counts", flipped, 1000, "damaged"},
		{"nothing at all", nil, 1000, "damaged"},
	} {
		if _, err := in.Inflate(make([]byte, c.room), c.src); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.reason, err, c.want)
		}
	}
	if _, err := NewDeflater(0); err == nil {
		t.Error("level 0: no error")
	}
}

func Example() {
	d, _ := NewDeflater(4)
	defer d.Close()
	z, _ := d.Deflate(nil, bytes.Repeat([]byte("AAACAAGT"), 1000))
	in, _ := NewInflater()
	defer in.Close()
	out := make([]byte, 8000)
	n, err := in.Inflate(out, z)
	fmt.Println(len(z) < 100, n, string(out[:8]), err)
	// Output: true 8000 AAACAAGT <nil>
}

func BenchmarkInflate(b *testing.B) {
	d, _ := NewDeflater(4)
	defer d.Close()
	z, _ := d.Deflate(nil, sample(1<<20))
	in, _ := NewInflater()
	defer in.Close()
	out := make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	for b.Loop() {
		if _, err := in.Inflate(out, z); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeflate(b *testing.B) {
	d, _ := NewDeflater(4)
	defer d.Close()
	in := sample(1 << 20)
	var z []byte
	b.SetBytes(1 << 20)
	for b.Loop() {
		var err error
		if z, err = d.Deflate(z, in); err != nil {
			b.Fatal(err)
		}
	}
}
