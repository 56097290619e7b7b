package visium

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"testing"
)

// BenchmarkRead reads real slides whole: counts, positions, scale factors,
// pictures and digests.
func BenchmarkRead(b *testing.B) {
	for _, g := range goldenSlides {
		b.Run(g.golden, func(b *testing.B) {
			dir := sharedPath(b, append([]string{"data"}, g.dir...)...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(context.Background(), dir, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCounts reads the counts alone, as scanpy.read_10x_h5 and
// scanpy.read_10x_mtx do.
func BenchmarkCounts(b *testing.B) {
	for _, g := range goldenSlides {
		b.Run(g.golden, func(b *testing.B) {
			lay, err := locate(sharedPath(b, append([]string{"data"}, g.dir...)...), false)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := new(reader).counts(context.Background(), lay); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkExpand unpacks the text of an embryo matrix: the floor under
// reading it.
func BenchmarkExpand(b *testing.B) {
	packed, err := os.ReadFile(sharedPath(b, "data", "mouse_embryo_cytassist", filtered, "matrix.mtx.gz"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			b.Fatal(err)
		}
		var n bytes.Buffer
		if _, err := n.ReadFrom(z); err != nil {
			b.Fatal(err)
		}
	}
}
