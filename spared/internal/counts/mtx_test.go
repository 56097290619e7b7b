package counts

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
)

const mtxText = "%%MatrixMarket matrix coordinate integer general\n%made here\n3 4 6\n" +
	"1 1 5\n3 1 2\n2 2 1\n1 4 7\n2 4 8\n3 4 9\n"

func FuzzMTX(f *testing.F) {
	f.Add([]byte(mtxText))
	f.Add([]byte("%%MatrixMarket matrix coordinate real general\n3 4 1\n3 1 2.0e0\n\n"))
	f.Add([]byte("%%MatrixMarket matrix coordinate pattern general\r\n% x\r\n\r\n3 4 2\r\n3 1\r\n1 4\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := rawfile.Expand(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		p := mtxParser{path: "m", r: r, size: int64(len(data)), genes: 3, spots: 4}
		m, err := p.parse(context.Background())
		if err != nil {
			var fe *format.Error
			if !errors.As(err, &fe) {
				t.Fatalf("%v is no format error", err)
			}
			return
		}
		if err := m.Check(); err != nil || m.Rows != 4 || m.Cols != 3 || m.NNZ() > p.nnz {
			t.Fatalf("%v: %+v", err, m)
		}
		for _, v := range m.Data {
			if !(v >= 1 && v <= Max) {
				t.Fatalf("count %v", v)
			}
		}
	})
}
