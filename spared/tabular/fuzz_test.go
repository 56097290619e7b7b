package tabular

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/counts"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/internal/readertest"
)

// textOf is a table of any bytes.
func textOf(t *testing.T, data []byte) *text {
	f, err := rawfile.Bytes("t.tsv", data)
	if err != nil {
		readertest.FormatError(t, err)
		t.SkipNow()
	}
	return &text{File: f}
}

// Each target feeds any bytes to one parser. It must not panic, its error must
// be a *format.Error, and what it accepts must be whole.

func FuzzCounts(f *testing.F) {
	f.Add([]byte(countsText))
	f.Add([]byte(transposed(countsText)))
	f.Add([]byte("\"a\";\"b\"\r\n\"1x1\";5.0;\"7\"\r\n"))
	f.Add([]byte("\"a\" \"b\"\n\"x\"  1 2\n"))
	f.Add([]byte(packed(countsText)))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := readGrid(context.Background(), textOf(t, data), counts.Whole)
		if err != nil {
			readertest.FormatError(t, err)
			return
		}
		if len(g.row) != len(g.col) || len(g.row) != len(g.count) || len(g.rowLine) != len(g.rows) {
			t.Fatalf("%d, %d, %d entries, %d rows on %d lines", len(g.row), len(g.col), len(g.count), len(g.rows), len(g.rowLine))
		}
		for k, v := range g.count {
			if !(v >= 1) || int(g.row[k]) >= len(g.rows) || int(g.col[k]) >= len(g.cols) {
				t.Fatalf("entry %d: %v in row %d, column %d", k, v, g.row[k], g.col[k])
			}
		}
	})
}

func FuzzPlaces(f *testing.F) {
	f.Add([]byte(placesText))
	f.Add([]byte(spotsText))
	f.Add([]byte(twoSlides()["spatial_locs.txt"]))
	f.Add([]byte("\ufeffx,y\n1,2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := readPlaces(textOf(t, data))
		if err != nil {
			readertest.FormatError(t, err)
			return
		}
		if len(p.spots) == 0 || len(p.byID) != len(p.spots) {
			t.Fatalf("%d spots by %d names", len(p.spots), len(p.byID))
		}
		p.bareNames()
		for _, s := range p.spots {
			for _, v := range []float64{s.pixel.x, s.pixel.y} {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("spot %+v", s)
				}
			}
		}
	})
}

func FuzzGenes(f *testing.F) {
	f.Add([]byte(genesText))
	f.Add([]byte("gene_id\tgene_name\nENSG00000141510.19\tTP53\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		genes, err := readGenes(textOf(t, data))
		if err != nil {
			readertest.FormatError(t, err)
		}
		for _, g := range genes {
			if g.ID == "" {
				t.Fatal("empty id")
			}
		}
		if _, err := readNames(textOf(t, data)); err != nil {
			readertest.FormatError(t, err)
		}
		if _, err := readAnnotation(textOf(t, data)); err != nil {
			readertest.FormatError(t, err)
		}
	})
}

// FuzzSlide puts two files of any bytes beside each other.
func FuzzSlide(f *testing.F) {
	f.Add([]byte(countsText), []byte(placesText))
	f.Add([]byte(transposed(countsText)), []byte(spotsText))
	f.Fuzz(func(t *testing.T, counts, places []byte) {
		dir := files{"A1.tsv": string(counts) + "\n", "A1_spots.tsv": string(places) + "\n"}.write(t)
		if _, err := Find(dir); err != nil {
			readertest.FormatError(t, err)
		}
		s, err := Read(context.Background(), filepath.Join(dir, "A1.tsv"), Options{})
		if err != nil {
			readertest.FormatError(t, err)
			return
		}
		if len(s.Barcodes) == 0 || s.Check() != nil {
			t.Fatalf("%d spots, %v", len(s.Barcodes), s.Check())
		}
		for i := range s.X {
			if math.IsNaN(s.X[i]+s.Y[i]) || math.IsInf(s.X[i]+s.Y[i], 0) && !math.IsInf(s.X[i], 0) {
				t.Fatalf("spot %d at %v, %v", i, s.X[i], s.Y[i])
			}
		}
	})
}
