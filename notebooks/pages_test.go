package notebooks

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spatialgo/spatialgo/internal/browsertest"
)

// exported returns the pages below the folder that SPATIALGO_PAGES names, an
// absolute path: executed notebooks as web pages, and pages that they wrote.
func exported(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("SPATIALGO_PAGES")
	if dir == "" {
		t.Skip("SPATIALGO_PAGES names no folder with the pages of executed notebooks")
	}
	if browsertest.Browser() == "" {
		t.Skip("no chromium, chromium-browser or google-chrome on PATH")
	}
	var pages []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".html") {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 3 {
		t.Fatalf("%s holds %d pages, want one for each notebook", dir, len(pages))
	}
	return pages
}

// settle waits for two frames.
func settle(p *browsertest.Page) {
	p.Eval(`new Promise(f => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(f, 30))))`, nil)
}

// TestPages opens each page from the disk, with no way to a network, and uses
// it as a reader would. The page's errors, and anything that it asks of
// another machine, fail the test at its end.
func TestPages(t *testing.T) {
	for _, path := range exported(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p := browsertest.Open(t, path, browsertest.Size(1200, 900), browsertest.Timeout(3*time.Minute))
			var figures int
			p.Eval(`document.querySelectorAll("[data-sgo]").length`, &figures)
			if figures == 0 {
				t.Fatal("a page without figures")
			}
			p.Wait(`[...document.querySelectorAll("[data-sgo]")].every(f => f.querySelector(".sgo-live canvas"))`)
			settle(p)
			for i, n := range p.CanvasesPainted("[data-sgo]") {
				if n < 1000 {
					t.Errorf("figure %d of %d: only %d pixels are painted", i+1, figures, n)
				}
			}
			pickGenes(t, p)
			pointAtSpots(t, p)
			save(t, p, path)
		})
	}
}

// pickGenes goes to the next gene wherever there is a choice: heading and map
// must change.
func pickGenes(t *testing.T, p *browsertest.Page) {
	t.Helper()
	var pickers int
	p.Eval(`(() => {
		const all = [...document.querySelectorAll("[data-sgo]")].filter(f => f.querySelectorAll(".sgo-genes option").length > 1);
		all.forEach((f, i) => f.setAttribute("data-picker", i));
		return all.length;
	})()`, &pickers)
	for i := range pickers {
		figure := fmt.Sprintf(`[data-picker="%d"]`, i)
		title := fmt.Sprintf(`document.querySelector('%s .sgo-title').textContent`, figure)
		var before, after string
		p.Eval(title, &before)
		pixels := p.Pixels(figure + " canvas")
		p.Click(figure + " .sgo-next")
		settle(p)
		p.Eval(title, &after)
		if before == after || p.Pixels(figure+" canvas") == pixels {
			t.Errorf("the gene picker %d goes from %q to %q and leaves the map as it was", i+1, before, after)
		}
	}
}

// pointAtSpots points at a spot of each map: a tooltip must name it.
func pointAtSpots(t *testing.T, p *browsertest.Page) {
	t.Helper()
	var spots []struct {
		Barcode string
		X, Y    float64 // shares of the chart's width and height
	}
	p.Eval(`(() => {
		const page = Object.values(window).find(v => v && v.figures && v.draw);
		return Object.values(page.figures).filter(f => f.spec.kind === "maps").map((f, i) => {
			const c = f.shell.chart, j = f.n >> 1, q = c.convertToPixel({xAxisIndex: 0, yAxisIndex: 0}, [f.x[j], f.y[j]]);
			f.shell.root.setAttribute("data-map", i);
			return {barcode: f.spec.barcodes[j], x: q[0] / c.getWidth(), y: q[1] / c.getHeight()};
		});
	})()`, &spots)
	for i, s := range spots {
		p.Hover(fmt.Sprintf(`[data-map="%d"] .sgo-chart`, i), s.X, s.Y)
		settle(p)
		var tip string
		p.Eval(fmt.Sprintf(`(() => { const t = document.querySelector('[data-map="%d"] .sgo-tip'); return t.style.display === "block" ? t.innerText : ""; })()`, i), &tip)
		if !strings.Contains(tip, s.Barcode) {
			t.Errorf("map %d: pointing at spot %s shows %q", i+1, s.Barcode, tip)
		}
	}
}

// TestPagesWithoutScripts opens the pages as a viewer does that strips
// scripts, for instance of a notebook that is not trusted.
func TestPagesWithoutScripts(t *testing.T) {
	for _, path := range exported(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p := browsertest.Open(t, path, browsertest.NoScript())
			var seen struct{ Figures, Stills, Controls int }
			p.Eval(`(() => {
				const figures = [...document.querySelectorAll("[data-sgo]")];
				const shown = figures.filter(f => { const i = f.querySelector("img.sgo-still"); return i && i.naturalWidth >= 300 && i.offsetWidth >= 300; });
				return {figures: figures.length, stills: shown.length, controls: document.querySelectorAll("[data-sgo] :is(input,select,button)").length};
			})()`, &seen)
			if seen.Figures == 0 || seen.Stills != seen.Figures || seen.Controls != 0 {
				t.Errorf("%+v: want a still picture for each figure, and no dead controls", seen)
			}
		})
	}
}

// save leaves a picture of the page where SPATIALGO_SHOTS names a folder.
func save(t *testing.T, p *browsertest.Page, path string) {
	t.Helper()
	if dir := os.Getenv("SPATIALGO_SHOTS"); dir != "" {
		p.Screenshot(filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), ".html")+".png"))
	}
}
