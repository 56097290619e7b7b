package widgets

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	hostile := `</td><script>alert(1)</script>`
	tab := Table("T "+hostile, []string{"slide", "spots"}, [][]string{{hostile, "12"}, {"short row"}}, hostile)
	if h := tab.HTML(); strings.Contains(h, "<script") || strings.Count(h, "&lt;script&gt;") != 3 {
		t.Errorf("names are not text in %s", h)
	}
	if h := tab.HTML(); strings.Count(h, "<td") != 4 {
		t.Errorf("want 2 rows of 2 cells in %s", h)
	}
	text := tab.Text()
	if !strings.Contains(text, "12") || !strings.Contains(text, "short row") {
		t.Errorf("text lacks cells: %q", text)
	}
	b, err := tab.PNG()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	dark := 0
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if r, _, _, _ := img.At(x, y).RGBA(); r < 0x6000 {
				dark++
			}
		}
	}
	if dark < 500 {
		t.Errorf("only %d dark pixels: is there text?", dark)
	}
}
