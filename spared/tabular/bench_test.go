package tabular

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkRead reads a table of 700 spots and 5,000 genes, a fifth of whose
// counts are not 0.
func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	for j := range 5000 {
		fmt.Fprintf(&text, "\tG%d", j)
	}
	for i := range 700 {
		fmt.Fprintf(&text, "\n%dx%d", i%33, i/33)
		for j := range 5000 {
			fmt.Fprintf(&text, "\t%d", max(0, (i*31+j*17)%10-7))
		}
	}
	path := filepath.Join(b.TempDir(), "A1.tsv")
	if err := os.WriteFile(path, []byte(text.String()), 0o666); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(context.Background(), path, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
