package visium

import (
	"image"
	"math"
	"testing"

	"github.com/spatialgo/spatialgo/spared/internal/readertest"
)

// Each target feeds any bytes to one parser. It must not panic, its error must
// be a *format.Error, and what it accepts must be whole.

func FuzzPositions(f *testing.F) {
	f.Add([]byte(positionsText))
	f.Add([]byte("\ufeff" + headerText + positionsText))
	f.Add([]byte(`"AAA-1";"1"; 0;0;1e1;11.25` + "\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := parsePositions("p", data)
		if err != nil {
			readertest.FormatError(t, err)
			return
		}
		seen := make(map[string]bool)
		for _, p := range rows {
			if p.barcode == "" || seen[p.barcode] || p.line < 1 {
				t.Fatalf("row %+v", p)
			}
			for _, v := range []float64{p.x, p.y} {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("row %+v", p)
				}
			}
			seen[p.barcode] = true
		}
		if len(rows) == 0 || len(rows) > len(data) {
			t.Fatalf("%d rows of %d bytes", len(rows), len(data))
		}
	})
}

func FuzzFeatures(f *testing.F) {
	f.Add([]byte(featuresText))
	f.Add([]byte("\ufeffENSG1\t</script>\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		genes, err := parseFeatures("f", data)
		if err != nil {
			readertest.FormatError(t, err)
			return
		}
		for _, g := range genes {
			if g.ID == "" {
				t.Fatal("empty id")
			}
		}
		organism(genes)
		barcodes, err := parseBarcodes("b", data)
		if err != nil {
			readertest.FormatError(t, err)
		} else if len(barcodes) != len(genes) {
			t.Fatalf("%d genes, but %d lines as barcodes", len(genes), len(barcodes))
		}
	})
}

func FuzzScaleFactors(f *testing.F) {
	f.Add([]byte(scaleText))
	f.Add([]byte(`{"a": [1, {"b": null}], "tissue_hires_scalef": 1e-3}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseScaleFactors("s", data)
		if err != nil {
			readertest.FormatError(t, err)
			return
		}
		for _, v := range []float64{s.SpotDiameter, s.FiducialDiameter, s.Hires, s.Lowres, s.MicronsPerPixel} {
			if !(v >= 0) || math.IsInf(v, 0) {
				t.Fatalf("%+v", s)
			}
		}
	})
}

func FuzzPicture(f *testing.F) {
	gray := image.NewGray16(image.Rect(0, 0, 3, 2))
	f.Add(pngOf(drawn(4, 3)))
	f.Add(encoded(gray, asPNG))
	f.Add(encoded(gray, asTIFF))
	f.Add(encoded(gray, asJPEG))
	f.Fuzz(func(t *testing.T, data []byte) {
		pic, err := decodePicture("i", data)
		if err != nil {
			readertest.FormatError(t, err)
			return
		}
		if pic.Width <= 0 || pic.Height <= 0 || len(pic.Pix) != 3*pic.Width*pic.Height {
			t.Fatalf("%d x %d pixels in %d bytes", pic.Width, pic.Height, len(pic.Pix))
		}
	})
}
