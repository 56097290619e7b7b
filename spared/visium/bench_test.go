package visium

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
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

// BenchmarkParquet reads the positions of 200,000 bins.
func BenchmarkParquet(b *testing.B) {
	rows := make([]binRow, 200_000)
	for i := range rows {
		row, col := int64(i/838), int64(i%838)
		rows[i] = binRow{fmt.Sprintf("s_008um_%05d_%05d-1", row, col), int64(i % 2), row, col,
			27.5 * (float64(row) + 0.001*float64(i%97)), 27.5 * (float64(col) + 0.001*float64(i%89))}
	}
	data := parquetOf(rows)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := parseParquet("p", data); err != nil || len(got) != len(rows) {
			b.Fatal(len(got), err)
		}
	}
}
